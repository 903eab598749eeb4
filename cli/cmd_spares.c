/* superpod spares MACHINE --failures --repair */
#include "output.h"
#include "superpod/cluster.h"

#include <math.h>

#define TARGET 0.999
#define SPARES_MOST (1u << 24)

/* Failures per chip-second of classes that take chips out; a host's failure is that of each of its chips. */
static double chip_rate(const sp_failures *failures, const sp_cluster_shape *shape)
{
    double rate = 0;
    for (uint32_t i = 0; i < failures->n; i++) {
        const sp_fail_class *row = &failures->row[i];
        if (!row->down) continue;
        uint32_t chips = row->unit == SP_FAIL_CHIP ? 1 : row->unit == SP_FAIL_HOST ? shape->row_chips : row->unit == SP_FAIL_RACK ? shape->leaf_chips : row->unit == SP_FAIL_POWER ? SP_POWER_RACKS * shape->leaf_chips : shape->pod_chips;
        rate += row->rate_per_s.nominal / chips;
    }
    return rate;
}

static void add_row(cli_table *table, json_t *array, const sp_cluster_shape *s, double rate, double repair_s, uint32_t spares, cli_run *cli)
{
    double mu = 1 / repair_s, rack = sp_cluster_spare_availability(s->leaf_chips, spares, rate, mu, 0);
    double pod = pow(rack, s->pod_chips / s->leaf_chips), all = pow(rack, s->chips / s->leaf_chips);
    cli_table_quantity(table, repair_s, SP_UNIT_SECONDS);
    cli_table_cell(table, "%u + %u", s->leaf_chips, spares);
    cli_table_cell(table, "%.6f", rack);
    cli_table_cell(table, "%.4g", pod);
    cli_table_cell(table, "%.4g", all);
    cli_table_cell(table, "%.2f %%", 100.0 * spares / s->leaf_chips);
    (void)cli;
    json_array_append_new(array, json_pack("{s:f, s:i, s:f, s:f, s:f}", "repair_s", repair_s, "spares_per_rack", (int)spares, "rack", rack, "pod", pod, "machine", all));
}

static void add_pool(cli_table *table, json_t *array, const sp_cluster_shape *s, double rate, double repair_s)
{
    uint64_t pod = sp_cluster_spares_needed(s->pod_chips, TARGET, rate, 1 / repair_s, 0, SPARES_MOST);
    uint64_t all = sp_cluster_spares_needed(s->chips, TARGET, rate, 1 / repair_s, 0, SPARES_MOST);
    cli_table_quantity(table, repair_s, SP_UNIT_SECONDS);
    cli_table_cell(table, "%llu", (unsigned long long)pod);
    cli_table_cell(table, "%.2f %%", 100.0 * (double)pod / s->pod_chips);
    cli_table_cell(table, "%llu", (unsigned long long)all);
    cli_table_cell(table, "%.2f %%", 100.0 * (double)all / s->chips);
    json_array_append_new(array, json_pack("{s:f, s:I, s:I}", "repair_s", repair_s, "pod_spares", (json_int_t)pod, "machine_spares", (json_int_t)all));
}

static sp_status tell(cli_run *cli, const sp_machine *machine, const sp_failures *failures, const sp_cluster_shape *s, const double *repair, uint32_t n, sp_error *err)
{
    double rate = chip_rate(failures, s);
    json_t *racks = json_array(), *pools = json_array();
    cli_table *table = cli_table_begin(cli, "rrrrrr", (const char *const[]){"repair", "rack", "rack whole", "pod whole", "machine whole", "cost"});
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t spares = 0; spares < 3; spares++) add_row(table, racks, s, rate, repair[i], spares, cli);
    cli_table *pool = cli_table_begin(cli, "rrrrr", (const char *const[]){"repair", "for a pod", "of it", "for the machine", "of it"});
    for (uint32_t i = 0; i < n; i++) add_pool(pool, pools, s, rate, repair[i]);
    json_t *result = json_pack("{s:o, s:i, s:i, s:i, s:f, s:o, s:o}", "machine", cli_json_text(machine->name), "chips", (int)s->chips, "rack_chips", (int)s->leaf_chips,
                               "pod_chips", (int)s->pod_chips, "chip_failures_per_year", rate * SP_YEAR_S, "rack_spares", racks, "pool_spares", pools);
    if (cli_given(cli, CLI_O_JSON)) return cli_json_emit(cli, result, err);
    json_decref(result);
    fprintf(cli->out, "%s%s%s: %u chips, racks of %u, pods of %u; a chip is lost %.3g times a year (%s)\n\n", cli_strong(cli, true), machine->name, cli_strong(cli, false),
            s->chips, s->leaf_chips, s->pod_chips, rate * SP_YEAR_S, failures->name);
    cli_table_end(table);
    fprintf(cli->out, "\n  spare chips in a common pool for %.1f %%\n", 100 * TARGET);
    cli_table_end(pool);
    return SP_OK;
}

int cli_cmd_spares(cli_run *cli)
{
    sp_error err = {0};
    const sp_machine *machine;
    sp_failures failures;
    sp_cluster_shape shape;
    double repair[3] = {4 * 3600, 24 * 3600, 72 * 3600};
    if (cli_machine(cli, cli->operand[0], &machine, &err) != SP_OK || cli_failures(cli, &failures, &err) != SP_OK
        || sp_cluster_shape_of(machine, &shape, &err) != SP_OK || cli_quantity_read(cli, CLI_O_REPAIR, SP_UNIT_SECONDS, &repair[0], &err) != SP_OK)
        return cli_fail(cli, &err);
    if (!(repair[0] > 0)) {
        sp_error_set(&err, SP_E_INVAL, "--repair", 1, 1, "a repair takes time; expected more than 0, as 4h");
        return cli_fail(cli, &err);
    }
    if (tell(cli, machine, &failures, &shape, repair, cli_given(cli, CLI_O_REPAIR) ? 1 : 3, &err) != SP_OK) return cli_fail(cli, &err);
    return CLI_EXIT_OK;
}
