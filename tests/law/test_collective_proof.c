/* Every algorithm, every operation, many groups: proved by data flow, executed with real bytes, and held to the known
 * number of bytes and steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "superpod/exec.h"

static const sp_group groups[] = {
    {1, {2}}, {1, {3}}, {1, {4}}, {1, {5}}, {1, {6}}, {1, {7}}, {1, {8}}, {1, {12}}, {1, {13}}, {1, {16}}, {2, {2, 2}}, {2, {4, 4}},
    {2, {3, 5}}, {2, {5, 3}}, {2, {2, 3}}, {2, {8, 8}}, {3, {2, 3, 4}}, {3, {4, 2, 8}}, {3, {3, 1, 3}}, {4, {2, 2, 2, 2}}, {3, {2, 2, 7}},
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

static const char *group_text(const sp_group *group, char out[64])
{
    int used = 0;
    for (uint32_t i = 0; i < group->n_dims; i++)
        used += snprintf(out + used, 64 - (size_t)used, i ? "x%u" : "%u", group->dim[i]);
    return out;
}

typedef struct figures { double sent_max, sent_total, received_max; uint32_t chain; } figures;

/* Units sent and received per rank and the longest chain of dependent transfers, from the explicit graph. */
static figures measure(const sp_program *program, sp_arena *arena)
{
    sp_unrolled g;
    assert_int_equal(sp_program_unroll(program, arena, 1u << 20, &g, NULL), SP_OK);
    figures f = {0, 0, 0, 0};
    double *sent = sp_arena_alloc(arena, program->n_ranks, sizeof *sent), *received = sp_arena_alloc(arena, program->n_ranks, sizeof *received);
    uint32_t *depth = sp_arena_alloc(arena, g.n, sizeof *depth);
    bool changed = true;
    while (changed) {   /* as many rounds as the graph runs against the instance order */
        changed = false;
        for (uint32_t i = 0; i < g.n; i++) {
            uint32_t d = 0;
            for (uint32_t e = g.pred_off[i]; e < g.pred_off[i + 1]; e++)
                d = depth[g.pred[e]] > d ? depth[g.pred[e]] : d;
            d += program->classes[g.task_class[i]].kind == SP_TASK_TRANSFER;
            changed = changed || d != depth[i];
            depth[i] = d;
            f.chain = d > f.chain ? d : f.chain;
        }
    }
    for (uint32_t i = 0; i < g.n; i++) {
        const sp_task_class *task = &program->classes[g.task_class[i]];
        uint32_t to;
        if (task->kind != SP_TASK_TRANSFER)
            continue;
        assert_true(sp_rank_map_apply(&task->peer, g.at[i].rank, g.at[i].step, g.at[i].chunk, program->n_ranks, &to));
        sent[g.at[i].rank] += task->units;
        received[to] += task->units;
        f.sent_total += task->units;
    }
    for (uint32_t r = 0; r < program->n_ranks; r++) {
        f.sent_max = fmax(f.sent_max, sent[r]);
        f.received_max = fmax(f.received_max, received[r]);
    }
    return f;
}

static uint32_t steps_promised(const sp_program *program)
{
    uint32_t total = 0;
    for (uint32_t phase = 0; phase < program->n_phases; phase++) {
        uint32_t steps = 0;
        for (uint32_t c = 0; c < program->n_classes; c++)
            if (program->phase[c] == phase && program->classes[c].kind == SP_TASK_TRANSFER) {
                uint32_t here = program->classes[c].n_step + program->classes[c].fill;
                steps = here > steps ? here : steps;
            }
        total += steps;
    }
    return total;
}

static void each_program(void (*visit)(const sp_coll_algo *, sp_coll_op, const sp_group *, const sp_program *, sp_arena *))
{
    uint32_t built = 0;
    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
        for (int op = 0; op < SP_COLL_OPS; op++)
            for (size_t g = 0; g < N_GROUPS; g++) {
                const char *why = NULL;
                sp_arena *arena = sp_arena_create();
                const sp_program *program = NULL;
                sp_error err = {0};
                bool can = sp_coll_algos[a].applicable((sp_coll_op)op, &groups[g], &why);
                sp_status status = sp_coll_algos[a].build((sp_coll_op)op, &groups[g], arena, &program, &err);
                if (!can) {
                    assert_non_null(why);
                    assert_int_equal(status, SP_E_INVAL);
                } else {
                    if (status != SP_OK)
                        print_error("%s: %s\n", sp_coll_algos[a].name, err.text);
                    assert_int_equal(status, SP_OK);
                    visit(&sp_coll_algos[a], (sp_coll_op)op, &groups[g], program, arena);
                    built++;
                }
                sp_arena_destroy(arena);
            }
    assert_true(built > 400);
}

static void prove_one(const sp_coll_algo *algo, sp_coll_op op, const sp_group *group, const sp_program *program, sp_arena *arena)
{
    (void)arena;
    sp_error err = {0};
    char text[64];
    sp_status status = sp_collective_prove(program, op, &err);
    if (status != SP_OK)
        print_error("%s %s on %s: %s\n", algo->name, sp_coll_op_name(op), group_text(group, text), err.text);
    assert_int_equal(status, SP_OK);
    bool correct = false;
    for (uint64_t seed = 1; seed <= (sp_group_ranks(group) < 20 ? 3 : 1); seed++) {
        assert_int_equal(sp_exec_collective(program, op, 1, seed, &correct, &err), SP_OK);
        if (!correct)
            print_error("%s %s on %s: wrong bytes with seed %d\n", algo->name, sp_coll_op_name(op), group_text(group, text), (int)seed);
        assert_true(correct);
    }
}

static void test_every_row_is_proved_and_executed(void **state)
{
    (void)state;
    each_program(prove_one);
}

/* The operation that a program does is the only one that it proves. */
static void refuse_other_ops(const sp_coll_algo *algo, sp_coll_op op, const sp_group *group, const sp_program *program, sp_arena *arena)
{
    (void)arena;
    if (sp_group_ranks(group) > 8 || sp_group_ranks(group) < 3)
        return;
    for (int other = 0; other < SP_COLL_OPS; other++) {
        bool implied = other == (int)op || (op == SP_COLL_ALL_REDUCE && other == SP_COLL_REDUCE_SCATTER) ||
                       (op == SP_COLL_BROADCAST && other == SP_COLL_SEND_RECV);
        if (!implied && sp_collective_prove(program, (sp_coll_op)other, NULL) == SP_OK)
            print_error("%s %s proves %s\n", algo->name, sp_coll_op_name(op), sp_coll_op_name((sp_coll_op)other));
        if (!implied)
            assert_int_equal(sp_collective_prove(program, (sp_coll_op)other, NULL), SP_E_INVAL);
    }
}

static void test_no_program_is_two_operations(void **state)
{
    (void)state;
    each_program(refuse_other_ops);
}

/* Chains of dependent transfers are as long as phases, steps and fill say. */
static void chain_one(const sp_coll_algo *algo, sp_coll_op op, const sp_group *group, const sp_program *program, sp_arena *arena)
{
    (void)op;
    (void)group;
    figures f = measure(program, arena);
    uint32_t promised = steps_promised(program);
    assert_true(f.chain <= promised);
    if (!strstr(algo->name, "rotated"))   /* parts of unequal dims overlap beyond their phases */
        assert_int_equal(f.chain, promised);
}

static void test_phases_tell_the_longest_chain(void **state)
{
    (void)state;
    each_program(chain_one);
}

/* Bytes of the busiest rank, in buffers of size S. Known optima: Patarasu & Yuan 2009; Thakur et al. 2005. */
static double expected_sent(const char *algo, sp_coll_op op, const sp_group *group)
{
    double n = sp_group_ranks(group), optimal = (n - 1) / n;
    if (op == SP_COLL_SEND_RECV)
        return 1;
    if (op == SP_COLL_BROADCAST)
        return !strcmp(algo, "direct") ? n - 1 : !strcmp(algo, "ring") ? 1 : NAN;
    if (op == SP_COLL_ALL_TO_ALL) {
        double digits = 0;   /* every block is handed on once per digit in which it is wrong: (s-1)/s of all blocks a dim */
        if (!strcmp(algo, "halving-doubling"))
            return log2(n) / 2;
        if (!strcmp(algo, "direct"))
            return optimal;
        for (uint32_t i = 0; i < group->n_dims; i++)
            digits += (group->dim[i] - 1.0) / group->dim[i];
        return digits;
    }
    if (strstr(algo, "tree"))
        return NAN;
    return op == SP_COLL_ALL_REDUCE ? 2 * optimal : optimal;
}

static void bytes_one(const sp_coll_algo *algo, sp_coll_op op, const sp_group *group, const sp_program *program, sp_arena *arena)
{
    figures f = measure(program, arena);
    double n = program->n_ranks, sent = f.sent_max / program->n_units, expected = expected_sent(algo->name, op, group);
    if (!isnan(expected))
        assert_float_equal(sent, expected, 1e-9);
    double least = op == SP_COLL_ALL_REDUCE ? 2 * (n - 1) : op == SP_COLL_BROADCAST ? n - 1 : op == SP_COLL_SEND_RECV ? 1 : n - 1;
    assert_true(f.sent_total / program->n_units >= least * (1 - 1e-12));
    assert_true(sp_coll_bus_factor(op, program->n_ranks) <= sent * (1 + 1e-12) || op == SP_COLL_BROADCAST);
    if (op == SP_COLL_ALL_REDUCE && !strncmp(algo->name, "tree", 4))   /* 2^k ranks: nobody is inner node of both trees */
        assert_true(sent <= ((program->n_ranks & (program->n_ranks - 1)) == 0 ? 2 : 3));
    assert_true(fabs(sp_coll_unit_bytes(program, 1e6) * program->n_units - 1e6) < 1e-3);
}

static void test_bytes_are_optimal(void **state)
{
    (void)state;
    each_program(bytes_one);
}

/* 8,192 ranks and a million: few classes, little memory. */
static void test_large_groups_stay_lifted(void **state)
{
    (void)state;
    static const sp_group large[] = {{3, {8, 8, 128}}, {1, {8191}}, {4, {16, 64, 32, 32}}};
    for (size_t g = 0; g < 3; g++)
        for (uint32_t a = 0; a < sp_coll_n_algos; a++)
            for (int op = 0; op < SP_COLL_OPS; op++) {
                const char *why;
                const sp_program *program;
                if (!sp_coll_algos[a].applicable((sp_coll_op)op, &large[g], &why))
                    continue;
                sp_arena *arena = sp_arena_create();
                assert_int_equal(sp_coll_algos[a].build((sp_coll_op)op, &large[g], arena, &program, NULL), SP_OK);
                assert_true(program->n_classes <= 200);
                if (sp_arena_bytes(arena) > 1024 * 1024)
                    fail_msg("%s of %s: %zu bytes", sp_coll_algos[a].name, sp_coll_op_name((sp_coll_op)op), sp_arena_bytes(arena));
                sp_arena_destroy(arena);
            }
}

static void test_names(void **state)
{
    (void)state;
    sp_coll_op op;
    sp_error err = {0};
    for (int i = 0; i < SP_COLL_OPS; i++) {
        assert_int_equal(sp_coll_op_parse(sp_coll_op_name((sp_coll_op)i), &op, NULL), SP_OK);
        assert_int_equal(op, i);
    }
    assert_int_equal(sp_coll_op_parse("all_reduce", &op, &err), SP_E_PARSE);
    assert_non_null(strstr(err.text, "all-reduce"));
    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
        assert_ptr_equal(sp_coll_algo_find(sp_coll_algos[a].name), &sp_coll_algos[a]);
    assert_null(sp_coll_algo_find("magic"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_proved_and_executed), cmocka_unit_test(test_no_program_is_two_operations),
        cmocka_unit_test(test_phases_tell_the_longest_chain),    cmocka_unit_test(test_bytes_are_optimal),
        cmocka_unit_test(test_large_groups_stay_lifted),         cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
