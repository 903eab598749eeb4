/* superpod defrag MACHINE LIST: moves that make room. */
#include "output.h"
#include "superpod/cluster.h"

#include <stdlib.h>
#include <string.h>

/* Positions of a rack as chips of the machine, "64-71,80". */
static const char *chips_of(cli_run *cli, const sp_cluster_shape *shape, uint32_t rack, uint64_t positions)
{
    char text[512] = "";
    for (uint32_t i = 0, end; i < 64; i = end + 1) {
        for (end = i; end < 64 && (positions >> end & 1) != 0; end++) {}
        if (end == i) continue;
        size_t n = strlen(text);
        uint32_t low = rack * shape->leaf_chips + i, high = rack * shape->leaf_chips + end - 1;
        if (low == high) snprintf(text + n, sizeof text - n, "%s%u", n == 0 ? "" : ",", low);
        else snprintf(text + n, sizeof text - n, "%s%u-%u", n == 0 ? "" : ",", low, high);
    }
    const char *kept = sp_arena_strdup(cli->arena, text);
    return kept == NULL ? "" : kept;
}

typedef struct answer { const sp_cluster_shape *shape; const cli_running *jobs; const sp_defrag *d; double pause_s, *cost; } answer;

/* Chip-hours that all moves up to each cost: a job pauses once. job_chips is used up. */
static void add_costs(const answer *a, uint32_t *job_chips)
{
    double sum = 0;
    for (uint32_t i = 0; i < a->d->n; i++) {
        uint32_t *chips = &job_chips[a->d->move[i].owner];
        sum += a->pause_s * *chips / 3600;
        *chips = 0;
        a->cost[i] = sum;
    }
}

static json_t *moves_json(cli_run *cli, const answer *a)
{
    json_t *moves = json_array();
    for (uint32_t i = 0; i < a->d->n; i++) {
        const sp_move *m = &a->d->move[i];
        json_array_append_new(moves, json_pack("{s:s, s:i, s:i, s:i, s:s, s:s, s:i, s:f}", "job", a->jobs->name[m->owner], "from_rack", (int)m->from, "to_rack", (int)m->to, "chips",
                                               (int)m->chips, "from_chips", chips_of(cli, a->shape, m->from, m->from_chips), "to_chips",
                                               chips_of(cli, a->shape, m->to, m->to_chips), "blocks", (int)m->blocks, "cost_chip_hours", a->cost[i]));
    }
    return moves;
}

static void print_moves(cli_run *cli, const answer *a)
{
    bool plan = cli_given(cli, CLI_O_MOVES);
    cli_table *table = plan ? cli_table_begin(cli, "rlrllrr", (const char *const[]){"", "job", "chips", "from chips", "to chips", "blocks free", "chip-hours so far"})
                            : cli_table_begin(cli, "lrrr", (const char *const[]){"job", "from rack", "to rack", "chips"});
    for (uint32_t i = 0; i < a->d->n; i++) {
        const sp_move *m = &a->d->move[i];
        if (plan) cli_table_cell(table, "%u", i + 1);
        cli_table_cell(table, "%s", a->jobs->name[m->owner]);
        if (plan) {
            cli_table_cell(table, "%u", m->chips);
            cli_table_cell(table, "%s", chips_of(cli, a->shape, m->from, m->from_chips));
            cli_table_cell(table, "%s", chips_of(cli, a->shape, m->to, m->to_chips));
            cli_table_cell(table, "%u", m->blocks);
            cli_table_cell(table, "%.4g", a->cost[i]);
        } else {
            cli_table_cell(table, "%u", m->from);
            cli_table_cell(table, "%u", m->to);
            cli_table_cell(table, "%u", m->chips);
        }
    }
    cli_table_end(table);
}

static sp_status tell(cli_run *cli, const answer *a, sp_error *err)
{
    const sp_defrag *d = a->d;
    double cost = d->n == 0 ? 0 : a->cost[d->n - 1], gained = (double)(d->blocks_after - d->blocks_before);
    if (cli_given(cli, CLI_O_JSON))
        return cli_json_emit(cli, json_pack("{s:o, s:i, s:i, s:f, s:f}", "moves", moves_json(cli, a), "blocks_before", (int)d->blocks_before, "blocks_after", (int)d->blocks_after,
                                            "cost_chip_hours", cost, "blocks_per_chip_hour", cost > 0 ? gained / cost : 0.0), err);
    fprintf(cli->out, "%s%u block%s%s of %llu chips, %u after %u moves that cost %.4g chip-hours of restarts\n", cli_strong(cli, true), d->blocks_before, d->blocks_before == 1 ? "" : "s", cli_strong(cli, false),
            (unsigned long long)cli_count(cli, CLI_O_SEGMENT), d->blocks_after, d->n, cost);
    if (d->blocks_after < cli_count(cli, CLI_O_BLOCKS))
        cli_line(cli, "short", "of the %llu wanted: no moves were found that free more", (unsigned long long)cli_count(cli, CLI_O_BLOCKS));
    if (d->n == 0) return SP_OK;
    print_moves(cli, a);
    if (cost > 0) cli_line(cli, "value/cost", "%.4g blocks for a chip-hour", gained / cost);
    cli_line(cli, "racks", "%u chips each, by chip number; nothing was moved: this is a plan", a->shape->leaf_chips);
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
    cli_running jobs = {.n = 0};
    uint32_t room = status == SP_OK ? shape.chips : 0;
    sp_move *move = sp_arena_alloc(cli->arena, room + 1u, sizeof *move);
    if (status == SP_OK && move == NULL) status = sp_error_set(&err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    if (status == SP_OK && !cli_given(cli, CLI_O_SEGMENT)) status = sp_error_set(&err, SP_E_INVAL, "--segment", 0, 0, "is missing; give the chips of a block that should come free, as --segment 512");
    if (status == SP_OK) status = cli_running_read(cli, cli->operand[1], cluster, &jobs, &err);
    if (status == SP_OK)
        status = sp_cluster_defrag(cluster, jobs.list, jobs.n, (uint32_t)cli_count(cli, CLI_O_SEGMENT), (uint32_t)cli_count(cli, CLI_O_BLOCKS), move, room, &d, &err);
    answer a = {&shape, &jobs, &d, op.checkpoint_s + op.restart_s, sp_arena_alloc(cli->arena, d.n + (size_t)1, sizeof *a.cost)};
    uint32_t *job_chips = sp_arena_alloc(cli->arena, jobs.n + (size_t)1, sizeof *job_chips);
    if (status == SP_OK && (a.cost == NULL || job_chips == NULL)) status = sp_error_set(&err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t j = 0; j < jobs.n && status == SP_OK; j++) job_chips[j] = sp_cluster_spread(cluster, jobs.list[j]).chips;
    if (status == SP_OK) add_costs(&a, job_chips);
    if (status == SP_OK) status = tell(cli, &a, &err);
    sp_cluster_destroy(cluster);
    if (status != SP_OK) return cli_fail(cli, &err);
    return d.blocks_after >= cli_count(cli, CLI_O_BLOCKS) ? CLI_EXIT_OK : CLI_EXIT_UNFIT;
}
