/* A thousand mutants per algorithm: one transfer dropped, duplicated, swapped with another or retargeted. Each must be refused
 * by the proof, or be shown equivalent by execution in several orders; and the proof never accepts what execution refutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "superpod/exec.h"

#define MUTANTS 1000u
#define ORDERS 5u

static const sp_group groups[] = {{1, {3}}, {1, {4}}, {2, {2, 2}}, {1, {5}}, {2, {2, 3}}, {1, {7}}, {1, {8}}, {3, {2, 2, 2}}};
#define N_GROUPS (sizeof groups / sizeof groups[0])

/* The explicit form: one class per instance, its maps and constraints evaluated. `task` and `dep_from` may be changed before
 * it is frozen. */
typedef struct listing {
    const sp_program *lifted;
    sp_unrolled graph;
    uint32_t *rank, *to;          /* sender and receiver (transfers)           */
    uint32_t *data_of;            /* instance whose units travel               */
    bool *is_transfer;
    uint32_t n_transfers, *transfers;
} listing;

static listing list(const sp_program *program, sp_arena *arena)
{
    listing l = {.lifted = program};
    assert_int_equal(sp_program_unroll(program, arena, 1u << 16, &l.graph, NULL), SP_OK);
    l.rank = sp_arena_alloc(arena, l.graph.n, sizeof *l.rank);
    l.to = sp_arena_alloc(arena, l.graph.n, sizeof *l.to);
    l.data_of = sp_arena_alloc(arena, l.graph.n, sizeof *l.data_of);
    l.is_transfer = sp_arena_alloc(arena, l.graph.n, sizeof *l.is_transfer);
    l.transfers = sp_arena_alloc(arena, l.graph.n, sizeof *l.transfers);
    for (uint32_t i = 0; i < l.graph.n; i++) {
        const sp_task_class *task = &program->classes[l.graph.task_class[i]];
        sp_index at = l.graph.at[i];
        l.rank[i] = at.rank;
        l.data_of[i] = i;
        l.is_transfer[i] = task->kind == SP_TASK_TRANSFER;
        if (l.is_transfer[i]) {
            assert_true(sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, program->n_ranks, &l.to[i]));
            l.transfers[l.n_transfers++] = i;
        }
    }
    return l;
}

/* The constraint of a lifted class as a constant window of unit digits. */
static sp_data constant(const sp_data *data, sp_index at)
{
    uint32_t own = data->rank_digit.size ? at.rank / data->rank_digit.stride % data->rank_digit.size : 0;
    int64_t c = data->c0 + (int64_t)data->c_step * at.step + (int64_t)data->c_chunk * at.chunk;
    if (data->op == SP_MAP_XOR)
        c ^= own;
    else if (data->op == SP_MAP_SHIFT)
        c = ((own + c) % (int64_t)data->digit.size + data->digit.size) % (int64_t)data->digit.size;
    return (sp_data){.digit = data->digit, .op = SP_MAP_SHIFT, .c0 = (int32_t)c, .span = data->span};
}

static uint32_t add_instance(const listing *l, sp_builder *b, uint32_t i, bool keep)
{
    const sp_task_class *source = &l->lifted->classes[l->graph.task_class[i]];
    const sp_task_class *data_class = &l->lifted->classes[l->graph.task_class[l->data_of[i]]];
    sp_digit all = {1, l->lifted->n_ranks};
    sp_task_class task = {.label = source->label, .kind = keep ? source->kind : SP_TASK_REDUCE, .domain = all,
                          .domain_lo = l->rank[i], .domain_hi = l->rank[i] + 1, .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = 1,
                          .effect = source->effect, .units = keep ? data_class->units : 0};
    if (keep && l->is_transfer[i])
        task.peer = (sp_rank_map){.digit = all, .op = SP_MAP_SET, .c0 = (int32_t)l->to[i]};
    uint32_t id = (uint32_t)sp_builder_class(b, &task, 0);
    for (uint32_t d = 0; keep && l->is_transfer[i] && d < data_class->n_data; d++)
        sp_builder_data(b, id, constant(&l->lifted->data[data_class->data_off + d], l->graph.at[l->data_of[i]]));
    return id;
}

static void wait_for(const listing *l, sp_builder *b, uint32_t waiting, uint32_t awaited)
{
    uint32_t rank = l->rank[awaited < l->graph.n ? awaited : l->graph.n - 1];
    sp_builder_dep(b, waiting, (sp_dep){.from = awaited, .rank = {.digit = {1, l->lifted->n_ranks}, .op = SP_MAP_SET, .c0 = (int32_t)rank}});
}

/* Freezes the listing; `dropped` becomes a join (order kept) or vanishes with its dependencies; `twin` is added once more. */
static const sp_program *freeze(const listing *l, sp_arena *arena, uint32_t dropped, bool vanish, uint32_t twin)
{
    const sp_program *out = NULL;
    sp_builder *b = sp_builder_create(arena, "mutant", l->lifted->n_ranks, l->lifted->n_units);
    for (uint32_t i = 0; i < l->graph.n; i++)
        assert_int_equal(add_instance(l, b, i, i != dropped), i);
    for (uint32_t i = 0; i < l->graph.n; i++)
        for (uint32_t e = l->graph.pred_off[i]; e < l->graph.pred_off[i + 1]; e++)
            if (!vanish || (i != dropped && l->graph.pred[e] != dropped))
                wait_for(l, b, i, l->graph.pred[e]);
    if (twin < l->graph.n) {
        uint32_t id = add_instance(l, b, twin, true);
        if (vanish)   /* here: does the twin follow the original, or run beside it? */
            wait_for(l, b, id, twin);
        for (uint32_t e = l->graph.pred_off[twin]; e < l->graph.pred_off[twin + 1]; e++)
            wait_for(l, b, id, l->graph.pred[e]);
        for (uint32_t i = 0; i < l->graph.n; i++)
            for (uint32_t e = l->graph.pred_off[i]; e < l->graph.pred_off[i + 1]; e++)
                if (l->graph.pred[e] == twin)
                    sp_builder_dep(b, i, (sp_dep){.from = id, .rank = {.digit = {1, l->lifted->n_ranks}, .op = SP_MAP_SET, .c0 = (int32_t)l->rank[twin]}});
    }
    sp_error err = {0};
    if (sp_builder_freeze(b, &out, &err) != SP_OK)
        fail_msg("%s", err.text);
    return out;
}

static void swap_u32(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

enum { DROP, DUPLICATE, SWAP_DATA, SWAP_PEERS, RETARGET, KINDS };

static const sp_program *mutate(const sp_program *program, sp_arena *arena, sp_rng *rng)
{
    listing l = list(program, arena);
    uint32_t first = (uint32_t)sp_rng_below(rng, l.n_transfers), n_others = l.n_transfers - 1;
    uint32_t second = n_others ? (first + 1 + (uint32_t)sp_rng_below(rng, n_others)) % l.n_transfers : first;
    uint32_t i = l.transfers[first], j = l.transfers[second], kind = (uint32_t)sp_rng_below(rng, KINDS);
    bool coin = sp_rng_below(rng, 2);
    if (i == j && (kind == SWAP_DATA || kind == SWAP_PEERS))
        kind = RETARGET;
    switch (kind) {
    case DROP: return freeze(&l, arena, i, coin, UINT32_MAX);
    case DUPLICATE: return freeze(&l, arena, UINT32_MAX, coin, i);
    case SWAP_DATA: swap_u32(&l.data_of[i], &l.data_of[j]); break;
    case SWAP_PEERS: swap_u32(&l.to[i], &l.to[j]); break;
    default: l.to[i] = (l.to[i] + 1 + (uint32_t)sp_rng_below(rng, program->n_ranks - 1)) % program->n_ranks;
    }
    return freeze(&l, arena, UINT32_MAX, false, UINT32_MAX);
}

typedef struct tally { uint32_t refused, equivalent, refused_but_right; } tally;

/* Right in all sampled orders? */
static bool executes(const sp_program *program, sp_coll_op op, uint64_t seed)
{
    for (uint64_t order = 0; order < ORDERS; order++) {
        bool correct = false;
        if (sp_exec_collective(program, op, 1, seed * ORDERS + order, &correct, NULL) != SP_OK || !correct)
            return false;
    }
    return true;
}

static void judge(const sp_program *mutant, sp_coll_op op, uint64_t seed, const char *algo, tally *t)
{
    sp_error err = {0};
    if (sp_collective_prove(mutant, op, &err) != SP_OK) {
        assert_true(err.text[0] != '\0');
        t->refused++;
        if (seed % 10 == 0)
            t->refused_but_right += executes(mutant, op, seed);
        return;
    }
    if (!executes(mutant, op, seed))
        fail_msg("%s %s: the proof accepts mutant %d, which execution refutes", algo, sp_coll_op_name(op), (int)seed);
    t->equivalent++;
}

static void test_mutants(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < sp_coll_n_algos; a++) {
        const sp_coll_algo *algo = &sp_coll_algos[a];
        sp_rng rng = sp_rng_make(7, a);
        tally t = {0, 0, 0};
        for (uint32_t m = 0, tries = 0; m < MUTANTS; tries++) {
            const sp_group *group = &groups[tries % N_GROUPS];
            sp_coll_op op = (sp_coll_op)(tries / N_GROUPS % SP_COLL_OPS);
            const char *why;
            const sp_program *program;
            assert_true(tries < 100 * MUTANTS);
            if (!algo->applicable(op, group, &why))
                continue;
            sp_arena *arena = sp_arena_create();
            assert_int_equal(algo->build(op, group, arena, &program, NULL), SP_OK);
            if (sp_program_instances(program) < 400) {   /* long pipelines on the smallest groups only */
                judge(mutate(program, arena, &rng), op, m++, algo->name, &t);
            }
            sp_arena_destroy(arena);
        }
        print_message("%-18s %4u refused, %3u equivalent (of %u refused and tried, %u came out right in %u orders)\n", algo->name,
                      t.refused, t.equivalent, MUTANTS / 10, t.refused_but_right, ORDERS);
        assert_int_equal(t.refused + t.equivalent, MUTANTS);
        assert_true(t.refused > MUTANTS / 2);
    }
}

/* The explicit form itself is the same program: proved and executed like the lifted one. */
static void test_explicit_equals_lifted(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
        for (int op = 0; op < SP_COLL_OPS; op++)
            for (size_t g = 0; g < N_GROUPS; g++) {
                const char *why;
                const sp_program *program;
                if (!sp_coll_algos[a].applicable((sp_coll_op)op, &groups[g], &why))
                    continue;
                sp_arena *arena = sp_arena_create();
                assert_int_equal(sp_coll_algos[a].build((sp_coll_op)op, &groups[g], arena, &program, NULL), SP_OK);
                listing l = list(program, arena);
                const sp_program *explicit_form = freeze(&l, arena, UINT32_MAX, false, UINT32_MAX);
                assert_int_equal(sp_program_instances(explicit_form), sp_program_instances(program));
                assert_int_equal(sp_collective_prove(explicit_form, (sp_coll_op)op, NULL), SP_OK);
                assert_true(executes(explicit_form, (sp_coll_op)op, 1));
                sp_arena_destroy(arena);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_explicit_equals_lifted), cmocka_unit_test(test_mutants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
