/* Lifted and explicit evaluation are equal in every tick: random machines, groups, operations, algorithms and sizes. No flow
 * time of any algorithm is below the bound of all algorithms; and how far analytic times are above flow times is printed. */
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

#define CASES 30000

static sp_catalog *catalog;

static int set_up(void **state)
{
    (void)state;
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    return 0;
}

static uint32_t pick(sp_rng *rng, uint32_t low, uint32_t high)
{
    return low + (uint32_t)sp_rng_below(rng, high - low + 1);
}

/* A machine of one to three tiers; rates so small that no chip runs out of ports. */
static void random_machine(sp_rng *rng, char *out, size_t size)
{
    uint32_t a = pick(rng, 2, 4), b = pick(rng, 2, 4), c = pick(rng, 2, 6), r = pick(rng, 1, 3) * 10;
    switch (sp_rng_below(rng, 8)) {
    case 0: snprintf(out, size, "mesh:%u@10MB/s,200ns mesh:%u@%uMB/s,300ns chip=trn2", a, b, r); break;
    case 1: snprintf(out, size, "mesh:%ux%u@10MB/s,200ns clos:%u@%uMB/s,1us,planes=2 chip=trn2", a, b, c, r); break;
    case 2: snprintf(out, size, "torus:%ux%u@10MB/s,300ns chip=trn2", a, b + 1); break;
    case 3: snprintf(out, size, "torus:%u@10MB/s,300ns switch:%u@%uMB/s,1us chip=trn2", b + 2, c, r); break;
    case 4: snprintf(out, size, "switch:%u@90MB/s,1us clos:%u@%uMB/s,4us,nic,taper=%u chip=trn2", a, c, r, pick(rng, 1, 2)); break;
    case 5: snprintf(out, size, "clos:%u@%uMB/s,1us,radix=%u chip=trn2", a * c, r, 2 * pick(rng, 2, 4)); break;
    case 6: snprintf(out, size, "switch:%u@50MB/s,1us clos:%u@50MB/s,2us,shared clos:%u@%uMB/s,3us,shared chip=trn2", a, b, 2u, r); break;
    default: snprintf(out, size, "switch:%u@90MB/s,1us rail:%u@%uMB/s,4us,nic chip=trn2", a, c, r); break;
    }
}

/* Some positions of some dims, every so many, from somewhere, in some order. */
static sp_placement random_group(sp_rng *rng, const sp_machine *m)
{
    sp_placement place = {0};
    uint64_t stride = 1;
    for (uint32_t t = 0; t < m->planes[0].n_tiers; t++) {
        const sp_tier *tier = &m->planes[0].tiers[t];
        bool flat = sp_tier_is_switched(tier->kind);
        for (uint32_t d = 0; d < (flat ? 1 : tier->n_dims); d++) {
            uint32_t extent = flat ? tier->size : tier->dims[d], whole = (uint32_t)sp_rng_below(rng, 2);
            uint32_t gap = whole ? 1 : pick(rng, 1, 2), most = (extent + gap - 1) / gap, n = whole ? extent : pick(rng, 1, most);
            uint32_t first = (uint32_t)sp_rng_below(rng, extent - (n - 1) * gap);
            place.base += (uint32_t)(first * stride);
            if (n > 1) {
                uint32_t at = place.n_dims++;
                if (at && sp_rng_below(rng, 4) == 0) {   /* this dim further in */
                    place.dim[at] = place.dim[at - 1];
                    at--;
                }
                place.dim[at].size = n;
                place.dim[at].stride = (uint32_t)(gap * stride);
            }
            stride *= extent;
        }
    }
    return place;
}

static bool evaluate(const sp_program *program, const sp_machine *m, const sp_placement *place, const sp_stack *stack, double unit_bytes,
                     bool explicit_only, sp_flow_time *out)
{
    sp_flow_options options = {.explicit_only = explicit_only};
    sp_error err = {0};
    sp_status status = sp_fabric_flow(program, m, place, stack, unit_bytes, &options, out, &err);
    if (status != SP_OK)
        fail_msg("%s: %s", program->name, err.text);
    return true;
}

typedef struct tally { uint32_t cases, lifted, between; } tally;

static void one_case(uint64_t seed, tally *count)
{
    sp_rng rng = sp_rng_make(2026, seed);
    char text[256];
    const sp_machine *m;
    sp_error err = {0};
    random_machine(&rng, text, sizeof text);
    if (sp_catalog_machine(catalog, text, &m, &err) != SP_OK)
        fail_msg("%s: %s", text, err.text);
    sp_placement place = random_group(&rng, m);
    const sp_coll_algo *algo = &sp_coll_algos[sp_rng_below(&rng, sp_coll_n_algos)];
    sp_coll_op op = (sp_coll_op)sp_rng_below(&rng, SP_COLL_OPS);
    const sp_stack *stack = sp_machine_stack(m, sp_rng_below(&rng, 2) ? "hccl" : "ideal");
    sp_group group;
    const char *why;
    const sp_program *program;
    sp_arena *arena = sp_arena_create();
    if (sp_placement_ranks(&place) > 1 && sp_coll_group(m, &place, &group, &err) == SP_OK && algo->applicable(op, &group, &why) &&
        algo->build(op, &group, arena, &program, &err) == SP_OK) {
        sp_flow_time lifted, whole;
        double unit_bytes = sp_coll_unit_bytes(program, (double)(1 + sp_rng_below(&rng, 1000)) * 1e4);
        evaluate(program, m, &place, stack, unit_bytes, false, &lifted);
        evaluate(program, m, &place, stack, unit_bytes, true, &whole);
        if (lifted.end_ps != whole.end_ps || lifted.end_sum_ps != whole.end_sum_ps || lifted.flows != whole.flows)
            fail_msg("case %llu: %s of %s by %s, base %u, %u dims: lifted ends at %lld ps, explicit at %lld", (unsigned long long)seed,
                     sp_coll_op_name(op), text, algo->name, place.base, place.n_dims, (long long)lifted.end_ps, (long long)whole.end_ps);
        if (fabs(lifted.bound_s - whole.bound_s) > 1e-9 * whole.bound_s || fabs(lifted.bottleneck_fraction - whole.bottleneck_fraction) > 1e-9)
            fail_msg("case %llu: bounds differ, %.12g and %.12g", (unsigned long long)seed, lifted.bound_s, whole.bound_s);
        count->cases++;
        count->lifted += lifted.lifted;
        count->between += lifted.lifted && lifted.classes > 1 && lifted.classes < whole.classes;
    }
    sp_arena_destroy(arena);
}

static void lifted_and_explicit_agree_in_every_tick(void **state)
{
    (void)state;
    tally count = {0};
    for (uint64_t seed = 0; seed < CASES; seed++)
        one_case(seed, &count);
    print_message("%u cases, %u lifted, %u with fewer classes than transfers and more than one\n", count.cases, count.lifted, count.between);
    assert_true(count.cases > CASES / 4 && count.between * 10 > count.cases * 3);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------------- */

static const char *const machines[] = {
    "mesh:4@56GB/s,200ns mesh:3@56GB/s,200ns clos:2@224GB/s,1us chip=ascend-950dt",
    "mesh:4@56GB/s,200ns clos:4@224GB/s,1us,taper=2 chip=ascend-950dt",
    "mesh:4x4@56GB/s,200ns chip=ascend-950dt",
    "switch:24@50GB/s,1us chip=h100",
    "switch:4@450GB/s,1us clos:4@50GB/s,4us,nic,taper=2 chip=h100",
    "switch:4@450GB/s,1us rail:4@50GB/s,4us,nic,taper=2 chip=h100",
    "torus:4x2x4@50GB/s,300ns chip=tpu-v5p",
    "torus:8@50GB/s,300ns chip=tpu-v5p",
    "mesh:3@30GB/s,1us switch:5@100GB/s,2us chip=h100",
    "clos:24@50GB/s,1us,radix=8 chip=h100",
};

/* Of one machine, at one size: every algorithm of every operation without software. The most that the analytic time is above
 * the flow time, among rows without pipelines over ranks. */
static double hold_bounds(const sp_machine *m, const char *text, double size_bytes, uint32_t *n)
{
    static const char *const even[] = {"direct", "hierarchical", "halving-doubling", "bi-ring", "bruck"};
    double most = 0;
    sp_placement all = sp_placement_linear(0, m->chips);
    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
        for (int op = 0; op < SP_COLL_OPS; op++) {
            const sp_coll_algo *algo = &sp_coll_algos[a];
            const sp_stack *ideal = sp_machine_stack(m, "ideal");
            sp_coll_time price;
            sp_flow_time flow;
            sp_group group;
            const char *why;
            const sp_program *program;
            sp_arena *arena = sp_arena_create();
            if (sp_coll_group(m, &all, &group, NULL) == SP_OK && algo->applicable((sp_coll_op)op, &group, &why) &&
                sp_coll_best((sp_coll_op)op, m, &all, ideal, size_bytes, false, algo->name, &price, NULL) == SP_OK &&
                algo->build((sp_coll_op)op, &group, arena, &program, NULL) == SP_OK) {
                evaluate(program, m, &all, ideal, sp_coll_unit_bytes(program, size_bytes), false, &flow);
                if (flow.time_s < price.lower_bound_s * (1 - 1e-8))
                    fail_msg("%s: %s by %s takes %.12g s by flows, below the bound of %.12g s", text, sp_coll_op_name((sp_coll_op)op), algo->name,
                             flow.time_s, price.lower_bound_s);
                for (size_t e = 0; e < sizeof even / sizeof even[0]; e++)
                    if (strcmp(algo->name, even[e]) == 0 && price.comm.time_s / flow.time_s > most)
                        most = price.comm.time_s / flow.time_s;
                (*n)++;
            }
            sp_arena_destroy(arena);
        }
    return most;
}

static void no_flow_time_is_below_the_bound_of_all_algorithms(void **state)
{
    (void)state;
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const sp_machine *m;
        sp_error err = {0};
        if (sp_catalog_machine(catalog, machines[i], &m, &err) != SP_OK)
            fail_msg("%s: %s", machines[i], err.text);
        double small = hold_bounds(m, machines[i], 1e3, &n), large = hold_bounds(m, machines[i], 1e9, &n);
        print_message("analytic over flow, direct to bruck: at most %.4f at 1 kB, %.4f at 1 GB on %s\n", small, large, machines[i]);
    }
    print_message("%u flow times\n", n);
    assert_true(n > 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flow_time_is_below_the_bound_of_all_algorithms),
        cmocka_unit_test(lifted_and_explicit_agree_in_every_tick),
    };
    return cmocka_run_group_tests_name("quotient", tests, set_up, tear_down);
}
