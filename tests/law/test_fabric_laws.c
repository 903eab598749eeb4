/* Laws of the two evaluators: collective times are straight lines of size, loads are those of an independent count over
 * all pairs, moving the group changes nothing, rates and times scale; a run of streams keeps every dependency, leaves no
 * idle time without a reason and comes out the same twice. */
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

/* Time of algorithm `algo` over the chips [base, base + ranks) in order; false where it does not apply. */
static bool price(const sp_coll_algo *algo, sp_coll_op op, const sp_machine *m, uint32_t base, uint32_t ranks, const char *stack,
                  double size_bytes, sp_comm_time *out)
{
    sp_placement placement = sp_placement_linear(base, ranks);
    const sp_program *program;
    sp_group group;
    const char *why;
    sp_error err = {0};
    sp_arena *arena = sp_arena_create();
    assert_int_equal(sp_coll_group(m, &placement, &group, &err), SP_OK);
    bool ok = algo->applicable(op, &group, &why) && algo->build(op, &group, arena, &program, &err) == SP_OK &&
              sp_fabric_analytic(program, m, &placement, sp_machine_stack(m, stack), sp_coll_unit_bytes(program, size_bytes), true, out,
                                 &err) == SP_OK;
    sp_arena_destroy(arena);
    return ok;
}

static const char *const machines[] = {
    "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:4@224GB/s,1us,taper=2 chip=ascend-950dt",
    "switch:8@450GB/s,1us clos:16@50GB/s,4us,nic chip=h100",
    "torus:4x4x8@50GB/s,300ns chip=tpu-v5p",
    "mesh:3@30GB/s,1us switch:5@100GB/s,2us chip=h100",
};
#define N_MACHINES (sizeof machines / sizeof machines[0])

/* Calls check for every row, operation and machine; counts what could be priced. */
static void for_all(void (*check)(const sp_coll_algo *algo, sp_coll_op op, const sp_machine *m), uint32_t at_least)
{
    uint32_t done = 0;
    for (size_t i = 0; i < N_MACHINES; i++)
        for (uint32_t a = 0; a < sp_coll_n_algos; a++)
            for (int op = 0; op < SP_COLL_OPS; op++) {
                const sp_machine *m = machine_of(machines[i]);
                sp_comm_time t;
                if (!price(&sp_coll_algos[a], (sp_coll_op)op, m, 0, m->chips, "hccl", 1, &t))
                    continue;
                check(&sp_coll_algos[a], (sp_coll_op)op, m);
                done++;
            }
    assert_true(done >= at_least);
}

static void check_line(const sp_coll_algo *algo, sp_coll_op op, const sp_machine *m)
{
    sp_comm_time empty, one, large;
    assert_true(price(algo, op, m, 0, m->chips, "hccl", 0, &empty));
    assert_true(price(algo, op, m, 0, m->chips, "hccl", 1e6, &one));
    assert_true(fabs(empty.time_s - one.latency_s) <= 1e-12 * one.time_s);
    for (double k = 0.001; k < 1e6; k *= 31) {
        assert_true(price(algo, op, m, 0, m->chips, "hccl", k * 1e6, &large));
        assert_true(large.latency_s == one.latency_s);
        assert_true(fabs(large.time_s - (empty.time_s + k * (one.time_s - empty.time_s))) <= 1e-9 * large.time_s);
    }
}

static void times_are_straight_lines_of_size(void **state)
{
    (void)state;
    for_all(check_line, 60);
}

static void check_scale(const sp_coll_algo *algo, sp_coll_op op, const sp_machine *m)
{
    sp_machine fast = *m;
    for (uint32_t t = 0; t < fast.planes[0].n_tiers; t++)
        fast.planes[0].tiers[t].bw_bytes_per_s.nominal *= 4;
    sp_chip chip = *m->chip;   /* reductions at memory rate scale as well */
    chip.mem_bw_bytes_per_s.nominal *= 4;
    fast.chip = &chip;
    sp_comm_time slow, quick;
    assert_true(price(algo, op, m, 0, m->chips, "hccl", 1e8, &slow));
    assert_true(price(algo, op, &fast, 0, m->chips, "hccl", 1e8, &quick));
    assert_true(fabs((slow.time_s - slow.latency_s) - 4 * (quick.time_s - quick.latency_s)) <= 1e-9 * slow.time_s);
}

static void four_times_the_rate_is_a_quarter_of_the_time(void **state)
{
    (void)state;
    for_all(check_scale, 60);
}

/* A group inside one unit of the outermost tier takes the same time in every unit. */
static void where_the_group_lies_does_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const sp_machine *m = machine_of(machines[i]);
        uint32_t unit = m->chips / m->planes[0].tiers[m->planes[0].n_tiers - 1].size;
        for (uint32_t a = 0; a < sp_coll_n_algos; a++) {
            sp_comm_time here, there;
            if (!price(&sp_coll_algos[a], SP_COLL_ALL_REDUCE, m, 0, unit, "hccl", 1e7, &here))
                continue;
            assert_true(price(&sp_coll_algos[a], SP_COLL_ALL_REDUCE, m, 3 * unit, unit, "hccl", 1e7, &there));
            assert_true(here.time_s == there.time_s);
        }
    }
}

/* Bytes on the busiest link of two meshes one in the other when every chip sends every other one byte: counted pair by
 * pair along inner-first routes. */
static double busiest_s(uint32_t inner, uint32_t outer, double inner_rate, double outer_rate)
{
    static double in[64][64], out[64][64];   /* from chip, to coordinate */
    double most = 0;
    memset(in, 0, sizeof in);
    memset(out, 0, sizeof out);
    uint32_t n = inner * outer;
    assert_true(inner <= 64 && outer <= 64 && n <= 64 * 64);
    /* by symmetry the links of outer coordinate 0 (inner mesh) and of inner coordinate 0 (outer mesh) tell it all */
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++) {
            if (a % inner != b % inner && a / inner == 0)
                in[a % inner][b % inner] += 1;
            if (a / inner != b / inner && b % inner == 0)
                out[a / inner][b / inner] += 1;
        }
    for (uint32_t i = 0; i < 64; i++)
        for (uint32_t j = 0; j < 64; j++)
            most = fmax(most, fmax(in[i][j] / inner_rate, out[i][j] / outer_rate));
    return most;
}

static void all_to_all_loads_links_as_counted(void **state)
{
    (void)state;
    static const struct { uint32_t inner, outer; double inner_rate, outer_rate; } cases[] = {
        {16, 16, 1e9, 10e9}, {8, 16, 9e9, 9e9}, {4, 32, 1e9, 3e9}, {32, 4, 5e9, 10e9}, {5, 5, 7e9, 9e9}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "mesh:%u@%gGB/s,100ns mesh:%u@%gGB/s,100ns chip=h100", cases[i].inner,
                 cases[i].inner_rate / 1e9, cases[i].outer, cases[i].outer_rate / 1e9);
        const sp_machine *m = machine_of(text);
        double size = 1e9, payload = sp_machine_payload(m);
        double expected = size / m->chips *
                          busiest_s(cases[i].inner, cases[i].outer, cases[i].inner_rate * payload, cases[i].outer_rate * payload);
        sp_comm_time t;
        assert_true(price(sp_coll_algo_find("direct"), SP_COLL_ALL_TO_ALL, m, 0, m->chips, "ideal", size, &t));
        if (fabs(t.time_s - t.latency_s - expected) > 1e-9 * expected)
            fail_msg("%s: %.9g, counted %.9g", text, t.time_s - t.latency_s, expected);
    }
}

/* A class that moves nothing and is said to hold every rank by naming them all keeps the walk from using translations: the
 * answer must stay (without software, which counts messages). */
static void translations_change_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {"bruck", "ring", "direct", "rotated", "multi-ring", "hierarchical-ring"};
    static const char *const more[] = {"torus:6x5@50GB/s,300ns chip=tpu-v5p", "clos:6@20GB/s,1us clos:7@10GB/s,2us,shared,taper=3 chip=h100",
                                       "mesh:5@10GB/s,1us mesh:7@9GB/s,100ns chip=h100"};
    uint32_t done = 0;
    for (size_t i = 0; i < N_MACHINES + 3; i++)
        for (size_t a = 0; a < 6; a++)
            for (int op = 0; op <= SP_COLL_ALL_TO_ALL; op++)   /* the others are of some ranks only already */
                for (uint32_t halved = 0; halved < 2; halved++) {
                    const sp_machine *m = machine_of(i < N_MACHINES ? machines[i] : more[i - N_MACHINES]);
                    const sp_coll_algo *algo = sp_coll_algo_find(rows[a]);
                    sp_placement placement = sp_placement_linear(0, halved ? m->chips / 2 : m->chips);
                    const sp_program *program;
                    sp_group group;
                    const char *why;
                    sp_arena *arena = sp_arena_create();
                    if (sp_coll_group(m, &placement, &group, NULL) == SP_OK && algo->applicable((sp_coll_op)op, &group, &why) &&
                        algo->build((sp_coll_op)op, &group, arena, &program, NULL) == SP_OK) {
                        sp_program named = *program;
                        named.classes = sp_arena_alloc(arena, 2 * (size_t)program->n_classes, sizeof *named.classes);
                        named.phase = sp_arena_alloc(arena, 2 * (size_t)program->n_classes, sizeof *named.phase);
                        for (uint32_t c = 0; c < program->n_classes; c++) {
                            sp_task_class nothing = program->classes[c];
                            named.classes[c] = nothing;
                            nothing.units = 0;
                            nothing.domain = nothing.peer.digit;
                            nothing.domain_lo = 0;
                            nothing.domain_hi = nothing.domain.size;
                            named.classes[program->n_classes + c] = nothing;
                            named.phase[c] = named.phase[program->n_classes + c] = program->phase[c];
                        }
                        named.n_classes *= 2;
                        sp_comm_time x, y;
                        sp_status first = sp_fabric_analytic(program, m, &placement, sp_machine_stack(m, "ideal"), 1000, false, &x, NULL);
                        assert_int_equal(first, sp_fabric_analytic(&named, m, &placement, sp_machine_stack(m, "ideal"), 1000, false, &y, NULL));
                        if (first == SP_OK) {
                            assert_true(fabs(x.time_s - y.time_s) <= 1e-9 * y.time_s && fabs(x.latency_s - y.latency_s) <= 1e-9 * y.time_s);
                            assert_true(fabs(x.bytes_per_rank - y.bytes_per_rank) <= 1e-9 * y.bytes_per_rank);
                            done++;
                        }
                    }
                    sp_arena_destroy(arena);
                }
    assert_true(done > 100);
}

/* The same under libraries with protocols, engines and phases that run together: flows run one protocol, phases in turn. */
static void never_above_flow(const sp_program *program, const sp_machine *m, const sp_placement *placement)
{
    static const char *const stacks[] = {"nccl", "hccl", "deepep"};
    for (size_t s = 0; s < 3; s++)
        for (double size = 1e9; size < 1e12; size *= 30) {   /* small buffers: the longest path is not always the busiest link's */
            sp_flow_options options = {0};
            sp_flow_time flow;
            sp_comm_time line;
            double unit = sp_coll_unit_bytes(program, size);
            assert_int_equal(sp_fabric_analytic(program, m, placement, sp_machine_stack(m, stacks[s]), unit, false, &line, NULL), SP_OK);
            assert_int_equal(sp_fabric_flow(program, m, placement, sp_machine_stack(m, stacks[s]), unit, &options, &flow, NULL), SP_OK);
            if (line.time_s > flow.time_s * 1.005)
                fail_msg("%s of %g B under %s (%s): priced %g s, flows in %g s", program->name, size, stacks[s], line.protocol, line.time_s,
                         flow.time_s);
        }
}

/* Against fluid flows that follow the dependencies and share every link fairly, on large buffers: rows whose ranks all do the same
 * in each step are never priced slower than they flow; the others are estimates within a factor. */
static void prices_hold_against_flows(void **state)
{
    (void)state;
    static const char *const small[] = {"mesh:8@56GB/s,200ns mesh:4@56GB/s,200ns clos:2@224GB/s,1us chip=ascend-950dt",
                                        "switch:8@450GB/s,1us clos:4@50GB/s,4us,nic chip=h100", "torus:4x4x2@50GB/s,300ns chip=tpu-v5p",
                                        "mesh:3@30GB/s,1us switch:5@100GB/s,2us chip=h100"};
    static const char *const bound[] = {"direct", "hierarchical", "hierarchical-ring", "bi-ring", "halving-doubling"};
    const double size = 1e9;
    uint32_t bounds = 0, all = 0;
    for (size_t i = 0; i < 4; i++)
        for (uint32_t a = 0; a < sp_coll_n_algos; a++)
            for (int op = 0; op < SP_COLL_OPS; op++) {
                const sp_machine *m = machine_of(small[i]);
                const sp_coll_algo *algo = &sp_coll_algos[a];
                sp_placement placement = sp_placement_linear(0, m->chips);
                sp_flow_options options = {0};
                sp_flow_time flow;
                sp_comm_time line;
                sp_group group;
                const sp_program *program;
                const char *why;
                sp_arena *arena = sp_arena_create();
                assert_int_equal(sp_coll_group(m, &placement, &group, NULL), SP_OK);
                if (algo->applicable((sp_coll_op)op, &group, &why) && algo->build((sp_coll_op)op, &group, arena, &program, NULL) == SP_OK) {
                    double unit = sp_coll_unit_bytes(program, size);
                    assert_int_equal(sp_fabric_analytic(program, m, &placement, sp_machine_stack(m, "ideal"), unit, false, &line, NULL), SP_OK);
                    assert_int_equal(sp_fabric_flow(program, m, &placement, sp_machine_stack(m, "ideal"), unit, &options, &flow, NULL), SP_OK);
                    double ratio = line.time_s / flow.time_s;
                    for (size_t b = 0; b < sizeof bound / sizeof bound[0]; b++)
                        if (strcmp(algo->name, bound[b]) == 0) {
                            if (ratio > 1.005)
                                fail_msg("%s %s on %s: priced %g s, flows in %g s", algo->name, sp_coll_op_name((sp_coll_op)op), small[i],
                                         line.time_s, flow.time_s);
                            if (strcmp(bound[b], "bi-ring"))   /* its steps are not all alike: long hops and short ones overlap */
                                never_above_flow(program, m, &placement);
                            bounds++;
                        }
                    if (ratio < 0.6 || ratio > 1.6)
                        fail_msg("%s %s on %s: priced %g s, flows in %g s", algo->name, sp_coll_op_name((sp_coll_op)op), small[i], line.time_s,
                                 flow.time_s);
                    all++;
                }
                sp_arena_destroy(arena);
            }
    assert_true(bounds >= 40 && all >= 150);
}

/* ---- runs of streams ------------------------------------------------------------------------------------------------ */

typedef struct checker { const sp_run *run; const sp_program *program; const sp_span *own; uint32_t waited; } checker;

static sp_status must_have_ended(void *context, uint32_t task_class, sp_index at)
{
    checker *c = context;
    for (uint32_t i = 0; i < c->run->n_spans; i++) {
        const sp_span *s = &c->run->spans[i];
        if (s->task_class == task_class && memcmp(&s->at, &at, sizeof at) == 0) {
            assert_true(s->end_ps <= c->own->start_ps);
            c->waited++;
            return SP_OK;
        }
    }
    fail_msg("an awaited instance never ran");
    return SP_OK;
}

static const sp_program *random_program(uint64_t seed, sp_arena *arena)
{
    sp_rng rng = sp_rng_make(seed, 7);
    uint32_t ranks = 1 + (uint32_t)sp_rng_below(&rng, 4), classes = 2 + (uint32_t)sp_rng_below(&rng, 5);
    sp_builder *b = sp_builder_create(arena, "random", ranks, 0);
    for (uint32_t c = 0; c < classes; c++) {
        double *cost = sp_arena_alloc(arena, 1, sizeof *cost);
        *cost = (double)sp_rng_below(&rng, 4) * 1e-6;   /* often equal, sometimes nothing: ties everywhere */
        sp_task_class t = {.label = "t", .kind = SP_TASK_COMPUTE, .n_step = 1 + (uint32_t)sp_rng_below(&rng, 4), .n_mb = 1,
                           .n_chunk = 1 + (uint32_t)sp_rng_below(&rng, 2), .stream = (uint32_t)sp_rng_below(&rng, 3),
                           .priority = (int32_t)sp_rng_below(&rng, 3) - 1, .cost_s = cost};
        sp_builder_class(b, &t, 0);
        for (uint32_t d = 0; c > 0 && d < 2; d++)
            sp_builder_dep(b, c, (sp_dep){.from = (uint32_t)sp_rng_below(&rng, c),
                                          .rank = {.digit = {1, ranks}, .op = SP_MAP_SHIFT, .c0 = (int32_t)sp_rng_below(&rng, ranks)},
                                          .step = {.pick = (sp_pick)sp_rng_below(&rng, 3)},
                                          .chunk = {.pick = SP_PICK_ALL}});
    }
    const sp_program *program;
    assert_int_equal(sp_builder_freeze(b, &program, NULL), SP_OK);
    return program;
}

static void runs_keep_dependencies_and_repeat(void **state)
{
    (void)state;
    uint32_t waited = 0;
    for (uint64_t seed = 0; seed < 80; seed++) {
        sp_arena *arena = sp_arena_create();
        const sp_program *program = random_program(seed, arena);
        sp_run run, again;
        assert_int_equal(sp_fabric_event(program, arena, &run, NULL), SP_OK);
        assert_int_equal(sp_fabric_event(program, arena, &again, NULL), SP_OK);
        assert_int_equal(run.n_spans, again.n_spans);
        for (uint32_t i = 0; i < run.n_spans; i++) {
            const sp_span *x = &run.spans[i], *y = &again.spans[i];
            checker c = {&run, program, x, 0};
            assert_true(x->task_class == y->task_class && x->start_ps == y->start_ps && x->end_ps == y->end_ps && x->pred == y->pred &&
                        memcmp(&x->at, &y->at, sizeof x->at) == 0);
            assert_true(i == 0 || run.spans[i - 1].start_ps <= x->start_ps);
            assert_int_equal(sp_program_each_dep(program, x->task_class, x->at, must_have_ended, &c), SP_OK);
            waited += c.waited;
        }
        sp_arena_destroy(arena);
    }
    assert_true(waited > 1000);
}

/* Costs k times as long: every start and end k times as late. */
static void times_scale_with_costs(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        sp_arena *arena = sp_arena_create();
        const sp_program *program = random_program(seed, arena), *slower = random_program(seed, arena);
        for (uint32_t c = 0; c < slower->n_classes; c++)
            *(double *)(uintptr_t)slower->classes[c].cost_s *= 3;
        sp_run run, slow;
        assert_int_equal(sp_fabric_event(program, arena, &run, NULL), SP_OK);
        assert_int_equal(sp_fabric_event(slower, arena, &slow, NULL), SP_OK);
        assert_int_equal(run.n_spans, slow.n_spans);
        for (uint32_t i = 0; i < run.n_spans; i++)
            assert_true(slow.spans[i].start_ps == 3 * run.spans[i].start_ps && slow.spans[i].end_ps == 3 * run.spans[i].end_ps &&
                        slow.spans[i].task_class == run.spans[i].task_class);
        sp_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_straight_lines_of_size), cmocka_unit_test(four_times_the_rate_is_a_quarter_of_the_time),
        cmocka_unit_test(where_the_group_lies_does_not_matter), cmocka_unit_test(all_to_all_loads_links_as_counted), cmocka_unit_test(translations_change_nothing),
        cmocka_unit_test(prices_hold_against_flows),
        cmocka_unit_test(runs_keep_dependencies_and_repeat), cmocka_unit_test(times_scale_with_costs)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
