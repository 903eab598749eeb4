/* Borrowing: detours over links that nobody asks for. It slows nobody, needs two lanes, and is the direct link where nothing is idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "superpod/collective.h"

#include "open_catalog.h"

#define FLOWS 24u
typedef struct list { uint32_t n; sp_flow flow[FLOWS]; uint32_t src[FLOWS], dst[FLOWS]; } list;

static list draw(sp_rng *rng, uint32_t chips)
{
    list l = {.n = 1 + (uint32_t)sp_rng_below(rng, FLOWS)};
    for (uint32_t i = 0; i < l.n; i++) {
        l.src[i] = (uint32_t)sp_rng_below(rng, chips);
        l.dst[i] = (l.src[i] + 1 + (uint32_t)sp_rng_below(rng, chips - 1)) % chips;
        l.flow[i] = (sp_flow){l.src[i], l.dst[i], 1e6 * (double)(1 + sp_rng_below(rng, 9)), 0, UINT32_MAX, 0};
    }
    return l;
}

static sp_fault *draw_faults(sp_rng *rng, const sp_machine *m, sp_arena *arena, uint32_t n, uint32_t *n_faults)
{
    sp_router *router;
    sp_fault *faults = NULL;
    *n_faults = 0;
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, NULL), SP_OK);
    for (uint32_t i = 0; i < n; i++) {
        char text[32];
        snprintf(text, sizeof text, "link:%u", (uint32_t)sp_rng_below(rng, sp_router_links(router)));
        assert_int_equal(sp_fault_parse(router, text, i % 2 ? 0.5 : 0, arena, &faults, n_faults, NULL), SP_OK);
    }
    sp_router_destroy(router);
    return faults;
}

/* In one full mesh every flow has a link of its own kind: none may end later than without borrowing, but for the longer way. */
static void slows_nobody(void **state)
{
    (void)state;
    const char *const boards[] = {"mesh:4@56GB/s,200ns chip=ascend-950dt", "mesh:8@56GB/s,200ns chip=ascend-950dt", "mesh:13@28GB/s,200ns chip=ascend-950dt"};
    uint32_t faster = 0, same = 0;
    for (uint64_t c = 0; c < 300; c++) {
        const sp_machine *m = machine_of(boards[c % 3]);
        sp_rng rng = sp_rng_make(11, c);
        sp_arena *arena = sp_arena_create();
        list l = draw(&rng, m->chips);
        uint32_t n_faults;
        sp_fault *faults = draw_faults(&rng, m, arena, c % 4, &n_faults);
        double end_s[2][FLOWS];
        sp_flow_time time;
        for (int b = 0; b < 2; b++) {
            sp_flow_options options = {.routing = b ? SP_ROUTING_BORROW : SP_ROUTING_SPRAY, .faults = faults, .n_faults = n_faults};
            sp_error err;
            if (sp_fabric_flows(m, &options, l.flow, l.n, NULL, end_s[b], &time, &err) != SP_OK)
                fail_msg("case %llu: %s", (unsigned long long)c, err.text);
        }
        for (uint32_t i = 0; i < l.n; i++) {
            if (end_s[1][i] > end_s[0][i] + 210e-9)
                fail_msg("case %llu, flow %u: %g s, %g s by borrowing", (unsigned long long)c, i, end_s[0][i], end_s[1][i]);
            faster += end_s[1][i] < 0.7 * end_s[0][i];
            same += fabs(end_s[1][i] / end_s[0][i] - 1) < 1e-9;
        }
        sp_arena_destroy(arena);
    }
    print_message("%u flows faster by a third and more, %u just as they were\n", faster, same);
    assert_true(faster > 500 && same > 50);
}

static double most_load(sp_router *router, const list *l, double *most_idle)
{
    uint32_t n_links = sp_router_links(router), n;
    double *load = calloc(n_links, sizeof *load), most = 0, latency_s;
    sp_hop *hops = malloc(((size_t)sp_router_hops_max(router) + 1) * sizeof *hops);
    for (uint32_t i = 0; i < l->n; i++) {
        assert_true(sp_router_path(router, l->src[i], l->dst[i], i, hops, &n, &latency_s));
        assert_true(n <= sp_router_hops_max(router));
        double leaves = 0;
        for (uint32_t h = 0; h < n; h++) {
            sp_link at;
            assert_true(hops[h].share > 0 && hops[h].share <= 1 && sp_router_link(router, hops[h].link, &at));
            leaves += at.kind == SP_LINK_MESH && at.from == l->src[i] ? hops[h].share : 0;
            load[hops[h].link] += hops[h].share;
        }
        assert_true(leaves == 0 || fabs(leaves - 1) < 1e-9);
    }
    for (uint32_t i = 0; i < n_links; i++) {
        sp_link at;
        bool mesh = sp_router_link(router, i, &at) && at.kind == SP_LINK_MESH;
        most = mesh && load[i] > most ? load[i] : most;
        *most_idle += load[i];
    }
    free(load);
    free(hops);
    return most;
}

/* In any composition of tiers: no link carries more than the busiest did, no packets wait in a circle. */
static void loads_and_lanes(void **state)
{
    (void)state;
    const char *const all[] = {"mesh:4@56GB/s,200ns mesh:5@28GB/s,200ns clos:3@56GB/s,1us chip=ascend-950dt", "mesh:3x4@30GB/s,1us torus:5@10GB/s,1us chip=h100",
                               "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns chip=ascend-950dt"};
    uint32_t lower = 0;
    for (uint64_t c = 0; c < 150; c++) {
        const sp_machine *m = machine_of(all[c % 3]);
        sp_rng rng = sp_rng_make(12, c);
        list l = draw(&rng, m->chips);
        sp_router *plain, *borrow;
        sp_deadlock deadlock;
        double sum[2] = {0, 0};
        assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &plain, NULL), SP_OK);
        assert_int_equal(sp_router_create(m, 0, SP_ROUTING_BORROW, 0, NULL, 0, &borrow, NULL), SP_OK);
        double before = most_load(plain, &l, &sum[0]), untold = most_load(borrow, &l, &sum[1]);
        assert_true(before == untold && sum[0] == sum[1]);
        assert_int_equal(sp_router_borrow(borrow, l.src, l.dst, l.n, NULL), SP_OK);
        double after = most_load(borrow, &l, &sum[1]);
        assert_true(after <= before + 1e-9 && sum[1] >= sum[0] - 1e-9);
        lower += after < before - 1e-9;
        assert_int_equal(sp_router_deadlock(borrow, l.src, l.dst, l.n, 2, &deadlock, NULL), SP_OK);
        assert_true(deadlock.free);
        sp_router_destroy(plain);
        sp_router_destroy(borrow);
    }
    assert_true(lower > 50);
}

/* By hand, on a board of eight: one flow has the direct link and six detours, 7 x the rate. A ring's eight flows leave 48 of 56 links idle, each
 * wanted by two: every flow sends 1/4 directly and 3/4 over two links each, so all 56 carry the same and the ring is 4 x as fast. An exchange of
 * all with all leaves nothing to borrow. */
static void by_hand(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("mesh:8@56GB/s,200ns chip=ascend-950dt");
    sp_flow_options spray = {0}, borrow = {.routing = SP_ROUTING_BORROW};
    sp_flow one = {0, 1, 1e9, 0, UINT32_MAX, 0};
    sp_flow_time a, b;
    assert_int_equal(sp_fabric_flows(m, &spray, &one, 1, NULL, NULL, &a, NULL), SP_OK);
    assert_int_equal(sp_fabric_flows(m, &borrow, &one, 1, NULL, NULL, &b, NULL), SP_OK);
    assert_true(fabs((a.time_s - 200e-9) / (b.time_s - 400e-9) - 7) < 1e-6);
    sp_arena *arena = sp_arena_create();
    sp_placement place = sp_placement_linear(0, 8);
    const struct { const char *algo; sp_coll_op op; double gain; } runs[] = {{"ring", SP_COLL_ALL_GATHER, 4}, {"direct", SP_COLL_ALL_TO_ALL, 1}};
    for (int i = 0; i < 2; i++) {
        const sp_program *program;
        sp_group group;
        assert_int_equal(sp_coll_group(m, &place, &group, NULL), SP_OK);
        assert_int_equal(sp_coll_algo_find(runs[i].algo)->build(runs[i].op, &group, arena, &program, NULL), SP_OK);
        sp_error err;
        const sp_stack *ideal = sp_machine_stack(m, "ideal");
        double unit = sp_coll_unit_bytes(program, 8e10);
        assert_int_equal(sp_fabric_flow(program, m, &place, ideal, unit, &spray, &a, &err), SP_OK);
        if (sp_fabric_flow(program, m, &place, ideal, unit, &borrow, &b, &err) != SP_OK)
            fail_msg("%s", err.text);
        assert_true(fabs(a.time_s / b.time_s - runs[i].gain) < 1e-4 && !b.lifted);
    }
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slows_nobody), cmocka_unit_test(loads_and_lanes), cmocka_unit_test(by_hand)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
