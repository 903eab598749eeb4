/* Steps taken together, and periods passed over, change no tick: rings, chains and trees of many steps on random machines, with faults and
 * several groups, against the same run event by event with every step a task of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/collective.h"

#define CASES 13000
#define CASES_LEAST 10000

#include "open_catalog.h"
#include "random_pick.h"

/* Rates and latencies that differ by tier; tapers and small radices, so that some flows share. */
static void random_machine(sp_rng *rng, char *out, size_t size)
{
    uint32_t a = pick(rng, 2, sp_rng_below(rng, 8) ? 3 : 6), b = pick(rng, 2, 4), r = pick(rng, 1, 9) * 7, l = pick(rng, 1, 40);
    switch (sp_rng_below(rng, 7)) {
    case 0: snprintf(out, size, "mesh:%ux%u@10MB/s,200ns chip=trn2", a, b); break;
    case 1: snprintf(out, size, "torus:%ux%u@10MB/s,300ns chip=trn2", a + 1, b); break;
    case 2: snprintf(out, size, "switch:%u@%uMB/s,%u00ns chip=trn2", a * b, r, l); break;
    case 3: snprintf(out, size, "switch:%u@50MB/s,1us clos:%u@%uMB/s,%u00ns,nic,taper=%u chip=trn2", a, b, r, l, pick(rng, 1, 4)); break;
    case 4: snprintf(out, size, "clos:%u@%uMB/s,1us,radix=%u chip=trn2", a * b, r, 2 * pick(rng, 2, 4)); break;
    case 5: snprintf(out, size, "switch:%u@50MB/s,1us clos:%u@50MB/s,%u00ns,shared clos:%u@%uMB/s,3us,shared chip=trn2", a, b, l, 2u, r); break;
    default: snprintf(out, size, "mesh:%u@10MB/s,200ns switch:%u@%uMB/s,%u00ns chip=trn2", a, b, r, l); break;
    }
}

/* A run of chips, some of them in other places. */
static sp_placement random_group(sp_rng *rng, const sp_machine *m, sp_arena *arena)
{
    uint32_t n = pick(rng, 2, m->chips);
    sp_placement place = sp_placement_linear((uint32_t)sp_rng_below(rng, m->chips - n + 1), n);
    if (n > 3 && sp_rng_below(rng, 2)) {
        struct sp_place_exception *swap = sp_arena_alloc(arena, 2, sizeof *swap);
        uint32_t x = (uint32_t)sp_rng_below(rng, n - 1), y = pick(rng, x + 1, n - 1);
        swap[0] = (struct sp_place_exception){x, place.base + y};
        swap[1] = (struct sp_place_exception){y, place.base + x};
        place.exceptions = swap;
        place.n_exceptions = 2;
    }
    return place;
}

static bool random_program(sp_rng *rng, const sp_machine *m, const sp_placement *place, sp_arena *arena, const sp_program **out)
{
    static const char *const names[] = {"ring", "ring", "bi-ring", "bi-ring", "tree"};
    static const sp_coll_op ops[] = {SP_COLL_ALL_REDUCE, SP_COLL_ALL_GATHER, SP_COLL_REDUCE_SCATTER, SP_COLL_BROADCAST};
    const sp_coll_algo *algo = sp_rng_below(rng, 20) ? sp_coll_algo_find(names[sp_rng_below(rng, 5)]) : &sp_coll_algos[sp_rng_below(rng, sp_coll_n_algos)];
    sp_coll_op op = ops[sp_rng_below(rng, 4)];
    sp_group group = {1, {sp_placement_ranks(place)}};
    const char *why;
    (void)m;
    return algo && algo->applicable(op, &group, &why) && algo->build(op, &group, arena, out, NULL) == SP_OK;
}

static uint32_t random_faults(sp_rng *rng, const sp_machine *m, sp_arena *arena, sp_fault **out)
{
    sp_router *router;
    uint32_t n = 0;
    *out = NULL;
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, NULL), SP_OK);
    for (uint32_t i = (uint32_t)sp_rng_below(rng, 3); i > 0; i--) {
        char text[64];
        snprintf(text, sizeof text, "link:%u", (uint32_t)sp_rng_below(rng, sp_router_links(router)));
        sp_fault_parse(router, text, 0.25 * pick(rng, 1, 3), arena, out, &n, NULL);   /* ids that name nothing are passed over */
    }
    sp_router_destroy(router);
    return n;
}

typedef struct tally { uint32_t cases, swept, periods_swept, periods_run, several, faults; uint64_t flows, skipped; } tally;

static void one_case(uint64_t seed, tally *count)
{
    sp_rng rng = sp_rng_make(77, seed);
    sp_arena *arena = sp_arena_create();
    char text[256];
    const sp_machine *m;
    sp_error err[2] = {0};
    random_machine(&rng, text, sizeof text);
    if (sp_catalog_machine(catalog, text, &m, &err[0]) != SP_OK)
        fail_msg("%s: %s", text, err[0].text);
    sp_placement place[3];
    sp_flow_job jobs[3];
    sp_fault *faults;
    uint32_t n = 0;
    for (uint32_t i = pick(&rng, 1, 6) / 3 + 1; i > 0; i--) {
        place[n] = random_group(&rng, m, arena);
        jobs[n].placement = &place[n];
        if (!random_program(&rng, m, &place[n], arena, &jobs[n].program))
            continue;
        jobs[n].unit_bytes = sp_coll_unit_bytes(jobs[n].program, (double)pick(&rng, 1, 1000) * 1e4);
        n++;
    }
    sp_flow_options options = {.n_faults = random_faults(&rng, m, arena, &faults), .explicit_only = sp_rng_below(&rng, 2) == 0};
    options.faults = faults;
    options.weight_by_latency = sp_rng_below(&rng, 4) == 0;
    const sp_stack *stack = sp_machine_stack(m, sp_rng_below(&rng, 2) ? "hccl" : "ideal");
    sp_flow_time brief, whole;
    double ends[2][3];
    sp_status status = n ? sp_fabric_flow_jobs(jobs, n, m, stack, &options, ends[0], &brief, &err[0]) : SP_E_UNFIT;
    options.explicit_only = options.every_step = true;
    sp_status plain = n ? sp_fabric_flow_jobs(jobs, n, m, stack, &options, ends[1], &whole, &err[1]) : SP_E_UNFIT;
    if (status != plain || (status != SP_OK && status != SP_E_UNFIT))
        fail_msg("case %llu, %s: '%s', step by step '%s'", (unsigned long long)seed, text, err[0].text, err[1].text);
    if (status == SP_OK) {
        if (brief.end_ps != whole.end_ps || brief.end_sum_ps != whole.end_sum_ps || brief.flows != whole.flows)
            fail_msg("case %llu: %u jobs on %s, first %s: ends at %lld ps, sum %llu; step by step %lld ps, %llu", (unsigned long long)seed, n, text,
                     jobs[0].program->name, (long long)brief.end_ps, (unsigned long long)brief.end_sum_ps, (long long)whole.end_ps,
                     (unsigned long long)whole.end_sum_ps);
        for (uint32_t j = 0; j < n; j++)
            assert_true(ends[0][j] == ends[1][j]);
        assert_true(brief.bound_s == whole.bound_s || fabs(brief.bound_s - whole.bound_s) <= 1e-12 * whole.bound_s);
        assert_true(fabs(brief.bottleneck_fraction - whole.bottleneck_fraction) <= 1e-9);
        assert_true(whole.fills > 0 && whole.periods == 0 && whole.skipped == 0);
        count->cases++;
        count->swept += brief.fills == 0;
        count->periods_swept += brief.fills == 0 && brief.periods > 0;
        count->periods_run += brief.fills > 0 && brief.periods > 0;
        count->several += n > 1 && brief.periods > 0;
        count->faults += options.n_faults > 0 && brief.periods > 0;
        count->flows += brief.classes;
        count->skipped += brief.skipped;
    }
    sp_arena_destroy(arena);
}

static void steps_together_change_no_tick(void **state)
{
    (void)state;
    tally count = {0};
    for (uint64_t seed = 0; seed < CASES; seed++)
        one_case(seed, &count);
    print_message("%u cases: %u without an event, periods in %u of them; periods in %u of those run by events; of all periods %u with several groups, "
                  "%u with faults; %llu of %llu transfers passed over\n", count.cases, count.swept, count.periods_swept, count.periods_run, count.several,
                  count.faults, (unsigned long long)count.skipped, (unsigned long long)count.flows);
    assert_true(count.cases > CASES_LEAST);
    assert_true(count.periods_swept > 1500 && count.periods_run > 500 && count.several > 300 && count.faults > 1000);
}

/* Random programs of rings and chains whose ranks begin at different times, after transfers of a few ranks: lateness wanders and is overtaken. */
static const sp_program *uneven_program(sp_rng *rng, uint32_t n, sp_arena *arena)
{
    sp_builder *b = sp_builder_create(arena, "uneven", n, 0);
    const sp_program *out;
    sp_error err = {0};
    sp_digit ranks = {1, n};
    sp_rank_map own = {.c0 = 0};
    uint32_t n_before = pick(rng, 1, 4), n_rows = pick(rng, 1, 3), phase = 0;
    int32_t before[4], row = -1;
    for (uint32_t i = 0; i < n_before; i++) {
        uint32_t low = (uint32_t)sp_rng_below(rng, n), shift = pick(rng, 1, n - 1);
        before[i] = sp_builder_class(b, &(sp_task_class){.label = "before", .kind = SP_TASK_TRANSFER, .domain = ranks, .domain_lo = low, .domain_hi = pick(rng, low + 1, n),
                                         .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = 1, .peer = {ranks, SP_MAP_SHIFT, (int32_t)shift, 0, 0},
                                         .units = pick(rng, 1, 200)}, phase);
    }
    for (phase = 1; phase <= n_rows; phase++) {
        bool chain = sp_rng_below(rng, 3) == 0;
        int32_t far = (int32_t)pick(rng, 1, n > 4 ? 3 : 1), last = row;
        uint32_t n_step = pick(rng, 2, 3 * n);
        sp_rank_map previous = {ranks, chain ? SP_MAP_ADD : SP_MAP_SHIFT, -far, 0, 0};
        row = sp_builder_class(b, &(sp_task_class){.label = "row", .kind = SP_TASK_TRANSFER, .domain = ranks, .domain_hi = chain ? n - (uint32_t)far : n, .n_step = n_step, .n_mb = 1,
                                   .n_chunk = 1, .fill = chain ? n : 0, .stream = 1, .peer = {ranks, chain ? SP_MAP_ADD : SP_MAP_SHIFT, far, 0, 0}, .units = pick(rng, 1, 20)}, phase);
        sp_builder_dep(b, (uint32_t)row, (sp_dep){.from = (uint32_t)row, .rank = previous, .step = {.pick = SP_PICK_SAME, .c0 = chain && sp_rng_below(rng, 2) ? 0 : -1}});
        sp_builder_dep(b, (uint32_t)row, (sp_dep){.from = (uint32_t)row, .step = {.pick = SP_PICK_SAME, .c0 = -1}});
        for (uint32_t i = 0; i < n_before && last < 0; i++)
            sp_builder_dep(b, (uint32_t)row, (sp_dep){.from = (uint32_t)before[i], .step = {.pick = SP_PICK_AT}, .when = {1, n_step}});
        if (last >= 0)
            sp_builder_dep(b, (uint32_t)row, (sp_dep){.from = (uint32_t)last, .rank = sp_rng_below(rng, 2) ? previous : own, .step = {.pick = SP_PICK_AT, .c0 = -1}, .when = {1, n_step}});
    }
    if (sp_builder_freeze(b, &out, &err) != SP_OK)
        fail_msg("%s", err.text);
    return out;
}

static void ranks_that_begin_apart(void **state)
{
    (void)state;
    uint32_t cases = 0, brief_ones = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        sp_rng rng = sp_rng_make(78, seed);
        sp_arena *arena = sp_arena_create();
        const sp_machine *m;
        char text[96];
        sp_error err = {0};
        uint32_t n = pick(&rng, 4, 24);
        snprintf(text, sizeof text, "mesh:%u@10MB/s,%u00ns chip=trn2", n, pick(&rng, 1, 50));
        assert_int_equal(sp_catalog_machine(catalog, text, &m, &err), SP_OK);
        const sp_program *program = uneven_program(&rng, n, arena);
        sp_placement place = sp_placement_linear(0, n);
        sp_fault *faults = NULL;
        sp_flow_options options = {.explicit_only = true, .rate_fraction = 1, .n_faults = random_faults(&rng, m, arena, &faults)};
        options.faults = faults;
        sp_flow_time brief, whole;
        const sp_stack *stack = sp_machine_stack(m, "ideal");
        if (sp_fabric_flow(program, m, &place, stack, 1000, &options, &brief, &err) != SP_OK)
            fail_msg("case %llu: %s", (unsigned long long)seed, err.text);
        options.every_step = true;
        assert_int_equal(sp_fabric_flow(program, m, &place, stack, 1000, &options, &whole, &err), SP_OK);
        if (brief.end_ps != whole.end_ps || brief.end_sum_ps != whole.end_sum_ps)
            fail_msg("case %llu: ends at %lld ps, sum %llu; step by step %lld ps, %llu", (unsigned long long)seed, (long long)brief.end_ps,
                     (unsigned long long)brief.end_sum_ps, (long long)whole.end_ps, (unsigned long long)whole.end_sum_ps);
        cases++;
        brief_ones += brief.fills == 0 && brief.skipped > 0;
        sp_arena_destroy(arena);
    }
    print_message("%u cases, %u of them brief and without an event\n", cases, brief_ones);
    assert_true(brief_ones > cases / 4);
}

/* Whether flows share or not, what does not repeat in time is refused, not run for ever. */
static void too_many_steps_are_refused(void **state)
{
    (void)state;
    static const char *const machines[] = {"switch:8@50GB/s,1us clos:8@50GB/s,2us,nic chip=h100", "switch:8@50GB/s,1us clos:8@50GB/s,2us,nic,taper=16 chip=h100"};
    for (int i = 0; i < 2; i++)
        for (uint32_t most = 400; most < 100000; most *= 100) {
            sp_arena *arena = sp_arena_create();
            sp_group group = {1, {64}};
            sp_placement place = sp_placement_linear(0, 64);
            const sp_machine *m;
            const sp_program *program;
            sp_error err = {0};
            sp_flow_time time;
            sp_flow_options options = {.tasks_max = most, .explicit_only = true, .rate_fraction = 1};
            assert_int_equal(sp_catalog_machine(catalog, machines[i], &m, &err), SP_OK);
            assert_int_equal(sp_coll_algo_find(i ? "bi-ring" : "ring")->build(SP_COLL_ALL_REDUCE, &group, arena, &program, &err), SP_OK);
            sp_status status = sp_fabric_flow(program, m, &place, sp_machine_stack(m, "ideal"), 1e6, &options, &time, &err);
            assert_int_equal(status, most == 400 ? SP_E_RANGE : SP_OK);
            if (status == SP_OK)
                assert_true(i == 0 ? time.fills == 0 : time.fills > 0);
            else
                assert_non_null(strstr(err.text, "in which they repeat"));
            sp_arena_destroy(arena);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_together_change_no_tick),
        cmocka_unit_test(ranks_that_begin_apart),
        cmocka_unit_test(too_many_steps_are_refused),
    };
    return cmocka_run_group_tests_name("steps", tests, set_up, tear_down);
}
