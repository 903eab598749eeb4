/* What communication libraries make of programs: floors and bounds hold under every stack, times are the least of straight
 * lines, closed forms counted by hand, and measured figures that the stacks were not fitted on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/collective.h"

#include "open_catalog.h"

static const char *const machines[] = {
    "switch:8@450GB/s,600ns chip=h100",
    "switch:8@300GB/s,600ns clos:4@25GB/s,2.5us,nic chip=a100",
    "switch:8@450GB/s,600ns clos:16@50GB/s,2.5us,nic chip=h100",
    "switch:72@900GB/s,600ns clos:2@50GB/s,2.5us,nic chip=gb200",
    "mesh:8@64GB/s,600ns clos:4@50GB/s,2.5us,nic chip=mi300x",
    "clos:16@50GB/s,2.5us,nic chip=h800",
};
#define N_MACHINES (sizeof machines / sizeof machines[0])

/* Calls check for every stack, machine and operation. */
static uint32_t for_all(bool (*check)(const sp_stack *stack, const sp_machine *m, sp_coll_op op))
{
    const sp_stack *const *stack;
    uint32_t n, done = 0;
    assert_int_equal(sp_catalog_stacks(catalog, &stack, &n, NULL), SP_OK);
    for (uint32_t i = 0; i < n; i++)
        for (size_t k = 0; k < N_MACHINES; k++)
            for (int op = 0; op < SP_COLL_OPS; op++)
                done += check(stack[i], machine_of(machines[k]), (sp_coll_op)op);
    return done;
}

static bool floors_and_bounds(const sp_stack *stack, const sp_machine *m, sp_coll_op op)
{
    sp_placement all = sp_placement_linear(0, m->chips);
    sp_group group;
    assert_int_equal(sp_coll_group(m, &all, &group, NULL), SP_OK);
    for (double size = 8; size < 1e11; size *= 500) {
        sp_coll_time best;
        double least = INFINITY;
        assert_int_equal(sp_coll_best(op, m, &all, stack, size, true, NULL, &best, NULL), SP_OK);
        assert_true(best.comm.time_s >= best.lower_bound_s * (1 - 1e-9));
        for (uint32_t a = 0; a < sp_coll_n_algos; a++) {
            const char *why;
            const sp_program *program;
            sp_coll_measured measured[2];
            const sp_coll_algo *algo;
            uint32_t n;
            double floor_s;
            if (!sp_coll_algos[a].applicable(op, &group, &why))
                continue;
            sp_arena *arena = sp_arena_create();
            assert_int_equal(sp_coll_algos[a].build(op, &group, arena, &program, NULL), SP_OK);
            if (sp_coll_measure(&sp_coll_algos[a], op, &group, m, &all, stack, false, true, arena, measured, &n, NULL) == SP_OK && n) {
                double time_s = sp_coll_least(measured, n, stack, size, &algo).time_s;
                assert_int_equal(sp_coll_floor_s(program, m, &all, stack, size, true, &floor_s, NULL), SP_OK);
                if (floor_s > time_s * (1 + 1e-9))
                    fail_msg("%s %s of %g B under %s: %g s, floor %g s", sp_coll_algos[a].name, sp_coll_op_name(op), size, stack->name,
                             time_s, floor_s);
                least = fmin(least, time_s);
            }
            sp_arena_destroy(arena);
        }
        if (least < INFINITY)
            assert_true(best.comm.time_s == least);
    }
    return true;
}

static void floors_and_bounds_hold_under_every_stack(void **state)
{
    (void)state;
    assert_true(for_all(floors_and_bounds) > 300);
}

/* The least of straight lines is concave and never falls. */
static bool concave(const sp_stack *stack, const sp_machine *m, sp_coll_op op)
{
    sp_placement all = sp_placement_linear(0, m->chips);
    double before = 0, slope = INFINITY;
    for (double size = 1e3; size < 1e10; size *= 3) {
        sp_coll_time one, more;
        assert_int_equal(sp_coll_best(op, m, &all, stack, size, true, NULL, &one, NULL), SP_OK);
        assert_int_equal(sp_coll_best(op, m, &all, stack, size * 1.01, true, NULL, &more, NULL), SP_OK);
        double here = (more.comm.time_s - one.comm.time_s) / (0.01 * size);
        assert_true(one.comm.time_s >= before && here <= slope * (1 + 1e-6) && here >= 0);
        before = one.comm.time_s;
        slope = here;
    }
    return true;
}

static void times_are_the_least_of_lines(void **state)
{
    (void)state;
    assert_true(for_all(concave) > 300);
}

#define NEAR(a, b) assert_true(fabs((a) / (b) - 1) < 1e-9)

static sp_coll_time price(const sp_machine *m, sp_coll_op op, const sp_stack *stack, double size)
{
    sp_placement all = sp_placement_linear(0, m->chips);
    sp_coll_time time;
    sp_error err = {0};
    if (sp_coll_best(op, m, &all, stack, size, false, NULL, &time, &err) != SP_OK)
        fail_msg("%s", err.text);
    return time;
}

/* Rings of NCCL on one node of A100: steps of one protocol, bytes at the share of the port that it reaches. */
static void rings_in_three_protocols(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("switch:8@300GB/s,600ns chip=a100");
    const sp_stack *nccl = sp_machine_stack(m, NULL);
    double port = 300e9 * sp_machine_payload(m);
    const char *seen[3] = {"", "", ""};
    for (double size = 8; size < 1e11; size *= 2) {
        double least = INFINITY;
        const char *protocol = NULL;
        for (uint32_t p = 0; p < nccl->n_protocols; p++) {
            const sp_protocol *q = &nccl->protocol[p];
            double time = nccl->launch_s.nominal + 14 * (600e-9 + q->step_s.nominal) +
                          1.75 * size / (port * q->fraction.nominal);
            if (time < least) {
                least = time;
                protocol = q->name;
                seen[p] = q->name;
            }
        }
        sp_coll_time time = price(m, SP_COLL_ALL_REDUCE, nccl, size);
        NEAR(time.comm.time_s, least);
        assert_string_equal(time.comm.protocol, protocol);
        assert_string_equal(time.algo->name, "ring");
    }
    assert_true(seen[0][0] && seen[1][0] && seen[2][0]);   /* each is the best somewhere */
}

/* In switches every rank sends S and one share, and receives as much; phases take turns below a piece, run together above. */
static void reduction_in_switches(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("switch:8@450GB/s,600ns chip=h100");
    const sp_stack *nccl = sp_machine_stack(m, NULL);
    const sp_protocol *p = &nccl->protocol[3];
    assert_true(p->in_switch);
    double per_byte = 1 / (450e9 * sp_machine_payload(m)) + 1 / p->rate_bytes_per_s.nominal;
    double fixed = nccl->launch_s.nominal + 2 * (600e-9 + p->step_s.nominal), piece = 8 * nccl->chunk_bytes.nominal;
    for (double size = 1e3; size < 1e11; size *= 10) {
        double turn = fixed + 2 * size * per_byte, together = fixed + (piece * (2 - 1.125) + 1.125 * size) * per_byte;
        double messages = 2 * 6 * nccl->message_s.nominal;   /* seven peers a phase, as programs count them */
        sp_coll_time time = price(m, SP_COLL_ALL_REDUCE, nccl, size);
        NEAR(time.comm.time_s, fmin(turn, together) + messages);
        assert_int_equal(time.comm.together, together < turn);
        assert_true(time.lower_bound_s < time.comm.time_s);
    }
    /* not between nodes, and not for what is no reduction or multicast */
    const sp_machine *apart = machine_of("clos:8@50GB/s,2.5us,nic chip=h100");
    assert_string_equal(price(apart, SP_COLL_ALL_REDUCE, sp_machine_stack(apart, NULL), 1e6).algo->name, "tree");
    assert_string_not_equal(price(m, SP_COLL_ALL_TO_ALL, nccl, 1e9).comm.protocol, "in-switch");
}

/* Messages of one size: each costs the endpoint its copy, in series with the wire or beside it. */
static void messages_cost_endpoints(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("switch:8@200GB/s,600ns chip=h800");
    const sp_stack *ep = sp_machine_stack(m, "deepep");
    sp_stack cut = sp_stack_cut(ep, 7168);
    double remote = 7168e3 * 7 / 8, wire = remote / (200e9 * sp_machine_payload(m));
    NEAR(price(m, SP_COLL_ALL_TO_ALL, &cut, 7168e3).comm.time_s,
         ep->launch_s.nominal + 600e-9 + wire / ep->up.fraction.nominal + remote / 7168 * ep->up.copy_s.nominal);
    const sp_machine *ub = machine_of("switch:16@196GB/s,600ns clos:2@196GB/s,950ns,shared chip=ascend-910c");
    const sp_stack *cann = sp_machine_stack(ub, "cann-ep");
    cut = sp_stack_cut(cann, 7168);
    double inside = 15e3 / 32, outside = 16e3 / 32;   /* of 1,000 copies */
    double each = cann->up.copy_s.nominal * (inside + outside) + 2 * (inside * 600e-9 + outside * 950e-9) / cann->up.window.nominal;
    NEAR(price(ub, SP_COLL_ALL_TO_ALL, &cut, 7168e3).comm.time_s, cann->launch_s.nominal + 950e-9 + each);
}

/* ---- measured -------------------------------------------------------------------------------------------------------- */

/* Low-latency dispatch (INT8 and scales, 7.2 KiB) and combine (BF16, 14 KiB) of 128 tokens to 8 experts among `ranks` dies. */
static double ep_us(uint32_t ranks, bool combine, const char *stack)
{
    char text[96];
    if (ranks <= 16)
        snprintf(text, sizeof text, "switch:%u@196GB/s,600ns chip=ascend-910c", ranks);
    else
        snprintf(text, sizeof text, "switch:16@196GB/s,600ns clos:%u@196GB/s,950ns,shared chip=ascend-910c", ranks / 16);
    const sp_machine *m = machine_of(text);
    double copy = combine ? 2 * 7168 : 7168 * (1 + 4.0 / 128);
    sp_stack cut = sp_stack_cut(sp_machine_stack(m, stack), copy);
    return 1e6 * price(m, SP_COLL_ALL_TO_ALL, &cut, 128 * 8 * copy).comm.time_s;
}

/* CloudMatrix384, arXiv 2506.12708 table 6. Fitted on EP8 alone, EP16 to 256 follow within 10 %. */
static void endpoint_costs_of_ep8_predict_ep256(void **state)
{
    (void)state;
    static const struct { uint32_t ranks; double dispatch_us, combine_us; } rows[] = {
        {8, 116, 118}, {16, 131, 132}, {32, 133, 146}, {64, 141, 150}, {128, 152, 150}, {256, 152, 149}};
    assert_true(fabs((ep_us(8, false, "cann-ep") + ep_us(8, true, "cann-ep")) / (116 + 118) - 1) < 0.02);   /* what it was set by */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double dispatch = ep_us(rows[i].ranks, false, "cann-ep"), combine = ep_us(rows[i].ranks, true, "cann-ep");
        if (fabs(dispatch / rows[i].dispatch_us - 1) > 0.10 || fabs(combine / rows[i].combine_us - 1) > 0.10)
            fail_msg("EP%u: %.1f and %.1f us, measured %.0f and %.0f", rows[i].ranks, dispatch, combine, rows[i].dispatch_us, rows[i].combine_us);
        print_message("EP%-3u dispatch %5.1f us, measured %3.0f (%+5.1f %%); combine %5.1f us, measured %3.0f (%+5.1f %%)\n", rows[i].ranks, dispatch, rows[i].dispatch_us,
                      100 * (dispatch / rows[i].dispatch_us - 1), combine, rows[i].combine_us, 100 * (combine / rows[i].combine_us - 1));
    }
}

/* sgl-kernel-npu's README: EP8 132 and 126 us, EP16 139 and 135, EP32 153 and 151. */
static void deepep_on_ascend_likewise(void **state)
{
    (void)state;
    static const struct { uint32_t ranks; double dispatch_us, combine_us; } rows[] = {{8, 132, 126}, {16, 139, 135}, {32, 153, 151}};
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(ep_us(rows[i].ranks, false, "deepep-ascend") / rows[i].dispatch_us - 1) < 0.05);
        assert_true(fabs(ep_us(rows[i].ranks, true, "deepep-ascend") / rows[i].combine_us - 1) < 0.05);
    }
}

/* A 512 B read on CloudMatrix384 takes 1.2 us in a node and 1.9 us between nodes (table 1). Two trips, and two more switch hops
 * of 150 to 200 ns each way (UB switches, Hot Chips 2025), make the second of the first. */
static void latency_inside_a_node_predicts_that_between(void **state)
{
    (void)state;
    const sp_plane *ub = &machine_of("cloudmatrix-384")->planes[0];
    double inside = 2 * ub->tiers[0].latency_s.nominal, between = inside + 2 * 2 * 175e-9;
    print_message("512 B read: %.2f us in a node, which sets the switch; between nodes %.2f us follow, measured 1.9 (%+.1f %%)\n", 1e6 * inside, 1e6 * between,
                  100 * (between / 1.9e-6 - 1));
    assert_true(fabs(inside / 1.2e-6 - 1) < 0.01);
    assert_true(fabs(between / 1.9e-6 - 1) < 0.10);
    assert_true(fabs(2 * ub->tiers[1].latency_s.nominal / between - 1) < 0.10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floors_and_bounds_hold_under_every_stack), cmocka_unit_test(times_are_the_least_of_lines),
        cmocka_unit_test(rings_in_three_protocols), cmocka_unit_test(reduction_in_switches), cmocka_unit_test(messages_cost_endpoints),
        cmocka_unit_test(endpoint_costs_of_ep8_predict_ep256), cmocka_unit_test(deepep_on_ascend_likewise),
        cmocka_unit_test(latency_inside_a_node_predicts_that_between)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
