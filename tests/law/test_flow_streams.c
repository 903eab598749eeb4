/* Streams that compute in the flow evaluator: programs that only compute end when the event evaluator says, whatever their waits,
 * priorities and streams; computing, sending and reducing beside one another end when a sum by hand says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/fabric.h"
#include "superpod/topo.h"

#include "open_catalog.h"
#include "random_pick.h"

#define CASES 3000
#define MESH "mesh:8@50GB/s,1us chip=h100"

static uint32_t add_class(sp_builder *b, sp_rng *rng, uint32_t n_ranks, double *costs)
{
    sp_digit ranks = {1, n_ranks}, none = {0, 0};
    uint32_t n_step = pick(rng, 1, 5), low = (uint32_t)sp_rng_below(rng, n_ranks);
    for (uint32_t i = 0; i < n_ranks * n_step; i++)
        costs[i] = 1e-6 * (double)sp_rng_below(rng, 20);   /* some of them nothing, many alike */
    sp_task_class task = {.label = "work", .kind = sp_rng_below(rng, 4) ? SP_TASK_COMPUTE : SP_TASK_CALL, .callee = SP_CALLEE_NONE, .n_step = n_step,
                          .n_mb = pick(rng, 1, 3), .n_chunk = pick(rng, 1, 2), .stream = (uint32_t)sp_rng_below(rng, 3), .priority = (int32_t)sp_rng_below(rng, 3) - 1,
                          .cost_rank = ranks, .cost_step = {1, n_step}, .cost_s = costs, .domain = sp_rng_below(rng, 3) ? none : ranks, .domain_lo = low,
                          .domain_hi = pick(rng, low + 1, n_ranks)};
    return (uint32_t)sp_builder_class(b, &task, 0);
}

/* Waits of a class for itself a step before, and for others before it. */
static void add_waits(sp_builder *b, sp_rng *rng, uint32_t own, uint32_t n_ranks)
{
    sp_rank_map other = {{1, n_ranks}, SP_MAP_SHIFT, (int32_t)sp_rng_below(rng, n_ranks), 0, 0}, same = {.c0 = 0};
    if (sp_rng_below(rng, 2))
        sp_builder_dep(b, own, (sp_dep){.from = own, .rank = sp_rng_below(rng, 2) ? other : same, .step = {.pick = SP_PICK_SAME, .c0 = -1}, .chunk = {.pick = SP_PICK_ALL}});
    for (uint32_t i = (uint32_t)sp_rng_below(rng, 3); i > 0 && own > 0; i--) {
        sp_dep dep = {.from = (uint32_t)sp_rng_below(rng, own), .rank = sp_rng_below(rng, 2) ? other : same, .mb = {.pick = sp_rng_below(rng, 2) ? SP_PICK_SAME : SP_PICK_ALL}};
        dep.step = (sp_axis_map){.pick = sp_rng_below(rng, 2) ? SP_PICK_SAME : SP_PICK_AT, .c0 = -(int32_t)sp_rng_below(rng, 2)};
        sp_builder_dep(b, own, dep);
    }
}

static void programs_that_compute_end_as_by_events(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(MESH);
    uint32_t waited = 0;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        sp_rng rng = sp_rng_make(79, seed);
        sp_arena *arena = sp_arena_create();
        uint32_t n_ranks = pick(&rng, 1, 8), n_classes = pick(&rng, 1, 5);
        static double costs[5][40];
        sp_builder *b = sp_builder_create(arena, "work", n_ranks, 0);
        for (uint32_t k = 0; k < n_classes; k++)
            add_waits(b, &rng, add_class(b, &rng, n_ranks, costs[k]), n_ranks);
        const sp_program *program;
        sp_error err = {0};
        sp_run run;
        sp_flow_time time;
        sp_placement place = sp_placement_linear(0, n_ranks);
        if (sp_builder_freeze(b, &program, &err) != SP_OK || sp_fabric_event(program, arena, &run, &err) != SP_OK ||
            sp_fabric_flow(program, m, &place, sp_machine_stack(m, "ideal"), 1, &(sp_flow_options){.rate_fraction = 1}, &time, &err) != SP_OK)
            fail_msg("case %llu: %s", (unsigned long long)seed, err.text);
        if (time.end_ps != run.end_ps)
            fail_msg("case %llu: %lld ps by flows, %lld by events", (unsigned long long)seed, (long long)time.end_ps, (long long)run.end_ps);
        assert_true(time.bound_s <= time.time_s * (1 + 1e-9) && !time.lifted);
        waited += time.time_s > time.bound_s * (1 + 1e-9);
        sp_arena_destroy(arena);
    }
    print_message("%u of %u programs end later than their longest chain and busiest stream\n", waited, CASES);
    assert_true(waited > CASES / 10);
}

static void assert_near(double got_s, double expected_s)
{
    if (fabs(got_s - expected_s) > 2e-12 + 1e-9 * expected_s)
        fail_msg("%.12g s, expected %.12g", got_s, expected_s);
}

/* Chip 0 computes 1 ms, then sends 50 MB (1 us, 1 ms) while it computes 3 ms more; what arrives lets chip 1 compute 0.5 ms, but its
 * stream is taken until 2.5 ms. */
static void a_list_by_hand(void **state)
{
    (void)state;
    sp_flow flows[] = {{0, 0, 0, 0, UINT32_MAX, 1e-3}, {0, 1, 50e6, 0, 0, 0}, {0, 0, 0, 0, UINT32_MAX, 3e-3}, {1, 1, 0, 0.5e-3, UINT32_MAX, 2e-3}, {1, 1, 0, 0, 1, 0.5e-3}};
    const double starts_s[] = {0, 1e-3, 1e-3, 0.5e-3, 2.5e-3}, ends_s[] = {1e-3, 2.001e-3, 4e-3, 2.5e-3, 3e-3};
    double start_s[5], end_s[5];
    sp_flow_time time;
    sp_error err = {0};
    assert_int_equal(sp_fabric_flows(machine_of(MESH), &(sp_flow_options){.rate_fraction = 1}, flows, 5, start_s, end_s, &time, &err), SP_OK);
    for (int i = 0; i < 5; i++) {
        assert_near(start_s[i], starts_s[i]);
        assert_near(end_s[i], ends_s[i]);
    }
    assert_string_equal(time.bottleneck_name, "computing of chip 0");
    assert_near(time.bound_s, 4e-3);
    flows[0].bytes = 1;
    assert_int_equal(sp_fabric_flows(machine_of(MESH), &(sp_flow_options){.rate_fraction = 1}, flows, 5, NULL, NULL, &time, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "one of the two"));
    flows[0].bytes = 0;
    flows[0].compute_s = NAN;
    assert_int_equal(sp_fabric_flows(machine_of(MESH), &(sp_flow_options){.rate_fraction = 1}, flows, 5, NULL, NULL, &time, &err), SP_E_INVAL);
}

/* Two jobs on the same chips: they share the streams in turn, and the links. Each computes 1 ms a rank, then sends 50 MB to the next. */
static void jobs_share_streams_and_links(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(MESH);
    sp_arena *arena = sp_arena_create();
    static const double cost_s[] = {1e-3};
    sp_builder *b = sp_builder_create(arena, "work and send", 2, 0);
    sp_builder_class(b, &(sp_task_class){.label = "work", .kind = SP_TASK_COMPUTE, .n_step = 1, .n_mb = 1, .n_chunk = 1, .cost_s = cost_s}, 0);
    uint32_t send = (uint32_t)sp_builder_class(b, &(sp_task_class){.label = "send", .kind = SP_TASK_TRANSFER, .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = 1, .units = 1,
                                                    .peer = {{1, 2}, SP_MAP_SHIFT, 1, 0, 0}}, 1);
    sp_builder_dep(b, send, (sp_dep){.from = 0});
    const sp_program *program;
    sp_error err = {0};
    sp_flow_time time;
    double end_s[2];
    sp_placement place = sp_placement_linear(0, 2);
    assert_int_equal(sp_builder_freeze(b, &program, &err), SP_OK);
    sp_flow_job jobs[2] = {{program, &place, 50e6}, {program, &place, 100e6}};
    const sp_stack *ideal = sp_machine_stack(m, "ideal");
    assert_int_equal(sp_fabric_flow_jobs(jobs, 1, m, ideal, &(sp_flow_options){.rate_fraction = 1}, end_s, &time, &err), SP_OK);
    assert_near(end_s[0], 2.001e-3);
    /* the second computes from 1 ms on, sends from 2.001 ms on: just as the first is done; alone for 2 ms */
    assert_int_equal(sp_fabric_flow_jobs(jobs, 2, m, ideal, &(sp_flow_options){.rate_fraction = 1}, end_s, &time, &err), SP_OK);
    assert_near(end_s[0], 2.001e-3);
    assert_near(end_s[1], 4.001e-3);
    /* twice the bytes: from 2.001 to 3.001 ms they share, the first with 50 MB left: it ends at 4.001, the second has 50 MB then */
    jobs[0].unit_bytes = 100e6;
    assert_int_equal(sp_fabric_flow_jobs(jobs, 2, m, ideal, &(sp_flow_options){.rate_fraction = 1}, end_s, &time, &err), SP_OK);
    assert_near(end_s[0], 4.001e-3);
    assert_near(end_s[1], 5.001e-3);
    assert_int_equal(time.lifted, 0);
    sp_arena_destroy(arena);
}

/* A reduction on its own reads two operands and writes one: three passes at the memory's rate; two on one chip share it. */
static void reductions_share_the_memory(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(MESH);
    const sp_stack *stack = sp_machine_stack(m, "nccl");
    assert_non_null(stack);
    double alone_s = 1e9 * 3 / (m->chip->mem_bw_bytes_per_s.nominal * stack->reduce_bw_fraction.nominal);
    for (uint32_t n = 1; n <= 2; n++) {
        sp_arena *arena = sp_arena_create();
        sp_builder *b = sp_builder_create(arena, "reduce", 2, 0);
        for (uint32_t k = 0; k < n; k++)
            sp_builder_class(b, &(sp_task_class){.label = "reduce", .kind = SP_TASK_REDUCE, .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = k, .units = 1}, 0);
        const sp_program *program;
        sp_error err = {0};
        sp_flow_time time;
        sp_placement place = sp_placement_linear(0, 2);
        assert_int_equal(sp_builder_freeze(b, &program, &err), SP_OK);
        if (sp_fabric_flow(program, m, &place, stack, 1e9, &(sp_flow_options){.rate_fraction = 1}, &time, &err) != SP_OK)
            fail_msg("%s", err.text);
        assert_true(fabs(time.time_s - stack->launch_s.nominal - n * alone_s) < 1e-11);
        sp_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_that_compute_end_as_by_events),
        cmocka_unit_test(a_list_by_hand),
        cmocka_unit_test(jobs_share_streams_and_links),
        cmocka_unit_test(reductions_share_the_memory),
    };
    return cmocka_run_group_tests_name("streams in flows", tests, set_up, tear_down);
}
