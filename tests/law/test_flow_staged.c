/* Programs in stages, unit by unit, against the same program run explicitly: equal in every tick on random machines with up to twelve
 * faults. And a million chips with a hundred of them. */
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

#define CASES 7000
#define CASES_LEAST 4500

#include "open_catalog.h"
#include "random_pick.h"

static void random_machine(sp_rng *rng, char *out, size_t size)
{
    uint32_t a = pick(rng, 2, 5), b = pick(rng, 2, 4), c = pick(rng, 2, 4), d = pick(rng, 2, 3), r = pick(rng, 1, 3) * 10;
    switch (sp_rng_below(rng, 7)) {
    case 0: snprintf(out, size, "mesh:%u@10MB/s,200ns mesh:%u@%uMB/s,300ns chip=trn2", a, b, r); break;
    case 1: snprintf(out, size, "mesh:%ux%u@10MB/s,200ns clos:%u@%uMB/s,1us,planes=2 chip=trn2", a, b, c, r); break;
    case 2: snprintf(out, size, "mesh:%u@10MB/s,200ns clos:%u@%uMB/s,1us,planes=2 clos:%u@10MB/s,3us,shared,planes=2 chip=trn2", a, b, r, d); break;
    case 3: snprintf(out, size, "mesh:%ux%u@10MB/s,200ns clos:%u@%uMB/s,1us clos:%u@%uMB/s,3us,shared,taper=2 chip=trn2", c, 2u, b, r, d, r); break;
    case 4: snprintf(out, size, "torus:%ux%u@10MB/s,300ns switch:%u@%uMB/s,1us chip=trn2", a, b, c, r); break;
    case 5: snprintf(out, size, "switch:%u@90MB/s,1us clos:%u@%uMB/s,4us,nic,taper=%u chip=trn2", a, b * d, r, pick(rng, 1, 2)); break;
    default: snprintf(out, size, "mesh:%u@10MB/s,200ns mesh:%u@10MB/s,200ns mesh:%u@%uMB/s,300ns chip=trn2", a, b, c, r); break;
    }
}

static sp_status random_faults(sp_rng *rng, const sp_machine *m, sp_arena *arena, sp_fault **out, uint32_t *n)
{
    sp_router *router;
    char text[64];
    sp_status status = sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, NULL);
    assert_int_equal(status, SP_OK);
    for (uint32_t i = sp_rng_below(rng, 4) ? pick(rng, 0, 6) : pick(rng, 6, 12); i > 0; i--) {
        sp_link link;
        uint32_t id = (uint32_t)sp_rng_below(rng, sp_router_links(router));
        bool bundle = sp_router_link(router, id, &link) && link.kind == SP_LINK_BUNDLE;
        snprintf(text, sizeof text, "link:%u", id);
        sp_fault_parse(router, text, bundle || sp_rng_below(rng, 3) == 0 ? 0.125 * pick(rng, 1, 7) : 0, arena, out, n, NULL);
    }
    if (sp_rng_below(rng, 4) == 0) {
        snprintf(text, sizeof text, "links:%u@%u", pick(rng, 1, 3), pick(rng, 1, 1000));
        status = sp_fault_parse(router, text, 0.5, arena, out, n, NULL);
        status = status == SP_E_RANGE ? SP_OK : status;   /* so few links */
    }
    sp_router_destroy(router);
    return status;
}

/* The whole machine, or a part of its outermost tier. */
static sp_placement random_group(sp_rng *rng, const sp_machine *m)
{
    const sp_tier *top = &m->planes[0].tiers[m->planes[0].n_tiers - 1];
    bool part = sp_tier_is_switched(top->kind) && sp_rng_below(rng, 3) == 0;
    uint32_t units = part ? pick(rng, 1, top->size) : top->size, first = part ? pick(rng, 0, top->size - units) : 0;
    return sp_placement_linear(first * (uint32_t)top->stride, units * (uint32_t)top->stride);
}

typedef struct tally { uint32_t cases, lifted, struck, unreachable; } tally;

static void one_case(uint64_t seed, tally *count)
{
    sp_rng rng = sp_rng_make(2027, seed);
    char text[256];
    const sp_machine *m;
    sp_group group;
    const char *why;
    const sp_program *program;
    sp_flow_time units = {0}, whole = {0};
    sp_fault *faults = NULL;
    sp_flow_options options = {0};
    sp_arena *arena = sp_arena_create();
    random_machine(&rng, text, sizeof text);
    sp_error bad = {0};
    if (sp_catalog_machine(catalog, text, &m, &bad) != SP_OK)
        fail_msg("%s: %s", text, bad.text);
    assert_int_equal(random_faults(&rng, m, arena, &faults, &options.n_faults), SP_OK);
    options.faults = faults;
    options.routing = sp_rng_below(&rng, 3) ? SP_ROUTING_SPRAY : sp_rng_below(&rng, 2) ? SP_ROUTING_DETOUR : SP_ROUTING_WEIGHTED;
    options.weight_by_latency = sp_rng_below(&rng, 8) == 0;
    const sp_coll_algo *algo = sp_coll_algo_find(sp_rng_below(&rng, 4) ? "phased" : "phased-ring");
    sp_coll_op op = (sp_coll_op)sp_rng_below(&rng, 4);
    sp_placement place = random_group(&rng, m);
    const sp_stack *stack = sp_machine_stack(m, sp_rng_below(&rng, 2) ? "hccl" : "ideal");
    if (sp_coll_group(m, &place, &group, NULL) == SP_OK && algo->applicable(op, &group, &why)) {
        assert_int_equal(algo->build(op, &group, arena, &program, NULL), SP_OK);
        double unit_bytes = sp_coll_unit_bytes(program, (double)(1 + sp_rng_below(&rng, 1000)) * 1e4);
        sp_error err = {0};
        sp_status status = sp_fabric_flow(program, m, &place, stack, unit_bytes, &options, &units, &err);
        options.explicit_only = true;
        sp_status plain = sp_fabric_flow(program, m, &place, stack, unit_bytes, &options, &whole, NULL);
        if (status != plain || (status != SP_OK && status != SP_E_UNFIT))
            fail_msg("case %llu: %s %s on %s: %s", (unsigned long long)seed, algo->name, sp_coll_op_name(op), text, err.text);
        count->unreachable += status == SP_E_UNFIT;
        if (status == SP_OK) {
            if (units.end_ps != whole.end_ps || units.end_sum_ps != whole.end_sum_ps || units.flows != whole.flows)
                fail_msg("case %llu: %s %s on %s, %u faults: ends at %lld ps by units, %lld explicitly", (unsigned long long)seed, algo->name,
                         sp_coll_op_name(op), text, options.n_faults, (long long)units.end_ps, (long long)whole.end_ps);
            if (units.bound_s > whole.bound_s * (1 + 1e-9) || fabs(units.bottleneck_fraction - whole.bottleneck_fraction) > 1e-9)
                fail_msg("case %llu: %s %s on %s, %u faults: bounds %.12g and %.12g, busiest %s and %s", (unsigned long long)seed, algo->name,
                         sp_coll_op_name(op), text, options.n_faults, units.bound_s, whole.bound_s, units.bottleneck_name, whole.bottleneck_name);
            count->cases++;
            count->lifted += units.classes < whole.classes;
            count->struck += units.classes < whole.classes && options.n_faults;
        }
    }
    sp_arena_destroy(arena);
}

static void units_and_explicit_agree_in_every_tick(void **state)
{
    (void)state;
    tally count = {0};
    for (uint64_t seed = 0; seed < CASES; seed++)
        one_case(seed, &count);
    print_message("%u cases, %u with fewer classes than transfers, %u of them with faults; %u more unreachable\n", count.cases, count.lifted, count.struck,
                  count.unreachable);
    assert_true(count.cases > CASES_LEAST && 2 * count.struck > count.cases);
}

static sp_flow_time time_of(const char *machine, const char *algo, sp_coll_op op, const char *faults_text)
{
    const sp_machine *m;
    sp_router *router;
    sp_group group;
    const sp_program *program;
    sp_flow_time time;
    sp_fault *faults = NULL;
    sp_flow_options options = {0};
    sp_arena *arena = sp_arena_create();
    assert_int_equal(sp_catalog_machine(catalog, machine, &m, NULL), SP_OK);
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, NULL), SP_OK);
    assert_int_equal(sp_fault_parse(router, faults_text, 0, arena, &faults, &options.n_faults, NULL), SP_OK);
    options.faults = faults;
    sp_placement place = sp_placement_linear(0, m->chips);
    assert_int_equal(sp_coll_group(m, &place, &group, NULL), SP_OK);
    assert_int_equal(sp_coll_algo_find(algo)->build(op, &group, arena, &program, NULL), SP_OK);
    sp_error err = {0};
    if (sp_fabric_flow(program, m, &place, sp_machine_stack(m, "hccl"), sp_coll_unit_bytes(program, 1 << 30), &options, &time, &err) != SP_OK)
        fail_msg("%s on %s: %s", algo, machine, err.text);
    sp_router_destroy(router);
    sp_arena_destroy(arena);
    return time;
}

static void barriers_cost_nothing_where_all_is_well(void **state)
{
    (void)state;
    const char *machines[] = {"atlas-950-supercluster", "atlas-960-supercluster", "ub-mesh-8k", "atlas-950-superpod"};
    for (uint32_t i = 0; i < 4; i++)
        for (sp_coll_op op = SP_COLL_ALL_REDUCE; op <= SP_COLL_ALL_TO_ALL; op++)
            assert_int_equal(time_of(machines[i], "phased", op, "").end_ps, time_of(machines[i], "hierarchical", op, "").end_ps);
}

static void a_million_chips_with_a_hundred_dead_links(void **state)
{
    (void)state;
    const char *machines[] = {"atlas-950-supercluster", "atlas-960-supercluster"};
    for (uint32_t i = 0; i < 2; i++)
        for (sp_coll_op op = SP_COLL_ALL_REDUCE; op <= SP_COLL_ALL_TO_ALL; op++)
            for (uint32_t seed = 1; seed <= 2; seed++) {
                char faults[32];
                snprintf(faults, sizeof faults, "links:100@%u", seed);
                sp_flow_time well = time_of(machines[i], "phased", op, ""), struck = time_of(machines[i], "phased", op, faults);
                assert_true(struck.lifted && struck.flows == well.flows && struck.classes > well.classes);
                assert_true(struck.classes < 20000);   /* it grows with the number of faults and not with its powers */
                assert_true(struck.end_ps > well.end_ps && struck.time_s >= struck.bound_s);
                if (seed == 1)
                    print_message("%s %s: %llu classes with 100 dead links, %llu without; %.6g and %.6g s\n", machines[i], sp_coll_op_name(op),
                                  (unsigned long long)struck.classes, (unsigned long long)well.classes, struck.time_s, well.time_s);
            }
}

static void drawn_links_are_different_and_the_same_again(void **state)
{
    (void)state;
    const sp_machine *m;
    sp_router *router;
    sp_arena *arena = sp_arena_create();
    sp_fault *a = NULL, *b = NULL, *c = NULL;
    uint32_t n[3] = {0};
    sp_error err = {0};
    assert_int_equal(sp_catalog_machine(catalog, "mesh:8@10MB/s clos:16@40MB/s,planes=4 chip=trn2", &m, NULL), SP_OK);
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, NULL), SP_OK);
    assert_int_equal(sp_fault_parse(router, "links:40@5", 0, arena, &a, &n[0], NULL), SP_OK);
    assert_int_equal(sp_fault_parse(router, "links:40@5", 0, arena, &b, &n[1], NULL), SP_OK);
    assert_int_equal(sp_fault_parse(router, "links:40@6", 0, arena, &c, &n[2], NULL), SP_OK);
    assert_int_equal(n[0], n[1]);
    double lost = 0;
    bool other = n[0] != n[2];
    for (uint32_t i = 0; i < n[0]; i++) {
        sp_link link;
        assert_true(sp_router_link(router, a[i].id, &link));
        lost += (1 - a[i].factor) * link.n / 2;   /* both directions are listed */
        assert_true(a[i].id == b[i].id && a[i].factor == b[i].factor);
        other = other || a[i].id != c[i].id;
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(a[i].id, a[k].id);
    }
    assert_true(fabs(lost - 40) < 1e-9 && other);
    assert_int_equal(sp_fault_parse(router, "links:100000@5", 0, arena, &a, &n[0], &err), SP_E_RANGE);
    const char *bad[] = {"links:", "links:0", "links:-3", "links:3@", "links:3@x", "links:3 @4x", "links:9999999"};
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(sp_fault_parse(router, bad[i], 0, arena, &a, &n[0], &err), SP_E_PARSE);
    sp_router_destroy(router);
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_and_explicit_agree_in_every_tick),
        cmocka_unit_test(barriers_cost_nothing_where_all_is_well),
        cmocka_unit_test(a_million_chips_with_a_hundred_dead_links),
        cmocka_unit_test(drawn_links_are_different_and_the_same_again),
    };
    return cmocka_run_group_tests_name("staged", tests, set_up, tear_down);
}
