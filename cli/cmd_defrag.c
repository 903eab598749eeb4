/* superpod defrag MACHINE LIST: moves that make room. */
#include "output.h"
#include "superpod/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct placed { const char **name; uint32_t *list, n, room; } placed;

/* "NAME IDS" a line; blank lines and what follows # are skipped. */
static sp_status read_line(cli_run *cli, char *line, uint32_t number, sp_cluster *cluster, placed *jobs, sp_error *err)
{
    const char *file = cli->operand[1];
    sp_idset set;
    char *name = strtok(line, " \t\r\n"), *ids = strtok(NULL, " \t\r\n");
    uint32_t chips = sp_cluster_shape_get(cluster)->chips;
    if (name == NULL || name[0] == '#') return SP_OK;
    if (ids == NULL) return sp_error_set(err, SP_E_PARSE, file, number, 0, "found '%.40s' alone; expected a job's name and its chips, as \"j17 0-63,128\"", name);
    if (sp_idset_parse(cli->arena, ids, chips - 1, &set, err) != SP_OK) return sp_error_set(err, SP_E_PARSE, file, number, 0, "job %.40s: ids '%.40s'; expected chips of 0 to %u, as 0-63,128", name, ids, chips - 1);
    if (jobs->n == jobs->room) return sp_error_set(err, SP_E_RANGE, file, number, 0, "more than %u jobs", jobs->room);
    jobs->name[jobs->n] = sp_arena_strdup(cli->arena, name);
    jobs->list[jobs->n] = SP_NOWHERE;
    for (size_t r = 0; r < set.n; r++)
        for (uint64_t id = set.range[2 * r]; id <= set.range[2 * r + 1]; id++) {
            if (!sp_cluster_chip_free(cluster, (uint32_t)id))
                return sp_error_set(err, SP_E_INVAL, file, number, 0, "job %.40s: chip %llu is taken by another, or down; each chip has one job", name, (unsigned long long)id);
            if (!sp_cluster_take(cluster, (uint32_t)id, jobs->n, &jobs->list[jobs->n])) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
        }
    jobs->n++;
    return SP_OK;
}

static sp_status read_jobs(cli_run *cli, sp_cluster *cluster, placed *jobs, sp_error *err)
{
    FILE *file = fopen(cli->operand[1], "r");
    char *line = NULL;
    size_t size = 0;
    sp_status status = SP_OK;
    if (file == NULL) return sp_error_set(err, SP_E_IO, cli->operand[1], 0, 0, "cannot be opened: %s", strerror(errno));
    for (uint32_t number = 1; status == SP_OK && getline(&line, &size, file) >= 0; number++) status = read_line(cli, line, number, cluster, jobs, err);
    free(line);
    fclose(file);
    if (status == SP_OK) cli_input_add(cli, cli->operand[1]);
    return status;
}

static sp_status tell(cli_run *cli, const sp_cluster_shape *shape, const placed *jobs, const sp_defrag *d, double pause_s, sp_error *err)
{
    json_t *moves = json_array();
    double cost = pause_s * (double)d->disturbed_chips / 3600, gained = (double)(d->blocks_after - d->blocks_before);
    for (uint32_t i = 0; i < d->n; i++)
        json_array_append_new(moves, json_pack("{s:s, s:i, s:i, s:i}", "job", jobs->name[d->move[i].owner], "from_rack", (int)d->move[i].from, "to_rack", (int)d->move[i].to, "chips",
                                               (int)d->move[i].chips));
    if (cli_given(cli, CLI_O_JSON))
        return cli_json_emit(cli, json_pack("{s:o, s:i, s:i, s:f, s:f}", "moves", moves, "blocks_before", (int)d->blocks_before, "blocks_after", (int)d->blocks_after,
                                            "cost_chip_hours", cost, "blocks_per_chip_hour", cost > 0 ? gained / cost : 0.0), err);
    json_decref(moves);
    fprintf(cli->out, "%s%u blocks%s of %llu chips, %u after %u moves that cost %.4g chip-hours of restarts\n", cli_strong(cli, true), d->blocks_before, cli_strong(cli, false),
            (unsigned long long)cli_count(cli, CLI_O_SEGMENT), d->blocks_after, d->n, cost);
    if (d->n == 0) return SP_OK;
    cli_table *table = cli_table_begin(cli, "lrrr", (const char *const[]){"job", "from rack", "to rack", "chips"});
    for (uint32_t i = 0; i < d->n; i++) {
        cli_table_cell(table, "%s", jobs->name[d->move[i].owner]);
        cli_table_cell(table, "%u", d->move[i].from);
        cli_table_cell(table, "%u", d->move[i].to);
        cli_table_cell(table, "%u", d->move[i].chips);
    }
    cli_table_end(table);
    cli_line(cli, "racks", "%u chips each, by chip number; nothing was moved: this is a plan", shape->leaf_chips);
    return SP_OK;
}

int cli_cmd_defrag(cli_run *cli)
{
    sp_error err = {0};
    const sp_machine *machine;
    sp_cluster_shape shape;
    sp_cluster *cluster = NULL;
    sp_defrag d = {0};
    sp_status status = cli_machine(cli, cli->operand[0], &machine, &err);
    if (status == SP_OK) status = sp_cluster_shape_of(machine, &shape, &err);
    if (status == SP_OK) status = sp_cluster_create(&shape, &cluster, &err);
    sp_operation op = status == SP_OK ? sp_operation_default(machine) : (sp_operation){0};
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_RESTART, SP_UNIT_SECONDS, &op.restart_s, &err);
    placed jobs = {.room = status == SP_OK ? shape.chips : 0};
    jobs.name = sp_arena_alloc(cli->arena, jobs.room + 1u, sizeof *jobs.name);
    jobs.list = sp_arena_alloc(cli->arena, jobs.room + 1u, sizeof *jobs.list);
    sp_move *move = sp_arena_alloc(cli->arena, jobs.room + 1u, sizeof *move);
    if (status == SP_OK && (jobs.name == NULL || jobs.list == NULL || move == NULL)) status = sp_error_set(&err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    if (status == SP_OK && !cli_given(cli, CLI_O_SEGMENT)) status = sp_error_set(&err, SP_E_INVAL, "--segment", 0, 0, "is missing; give the chips of a block that should come free, as --segment 512");
    if (status == SP_OK) status = read_jobs(cli, cluster, &jobs, &err);
    if (status == SP_OK)
        status = sp_cluster_defrag(cluster, jobs.list, jobs.n, (uint32_t)cli_count(cli, CLI_O_SEGMENT), (uint32_t)cli_count(cli, CLI_O_BLOCKS), move, jobs.room, &d, &err);
    if (status == SP_OK) status = tell(cli, &shape, &jobs, &d, op.checkpoint_s + op.restart_s, &err);
    sp_cluster_destroy(cluster);
    if (status != SP_OK) return cli_fail(cli, &err);
    return d.blocks_after >= cli_count(cli, CLI_O_BLOCKS) ? CLI_EXIT_OK : CLI_EXIT_UNFIT;
}
