/* Routes against the explicit graph: the link ids of a router are exactly the graph's directed links; every route is a flow
 * of one unit from source to destination over them; shortest where the policy says so; faults are avoided or reported. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

static const char *const machines[] = {
    "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:4@224GB/s,1us,planes=4,levels=8x8x4 chip=ascend-950dt",
    "switch:8@450GB/s,1us clos:16@50GB/s,4us,nic chip=h100",
    "switch:8@450GB/s,1us,planes=4 rail:12@50GB/s,4us,nic,radix=8 chip=h100",
    "switch:4@50GB/s,1us clos:4@50GB/s,2us,switches=4,shared clos:6@50GB/s,3us,switches=16,shared chip=h100",
    "torus:4x4x8@50GB/s,300ns chip=tpu-v5p",
    "torus:4x4x8@50GB/s,300ns,twisted chip=tpu-v5p",
    "torus:4x8x8@50GB/s,300ns,twisted chip=tpu-v5p",
    "torus:2x3x5@50GB/s,300ns chip=tpu-v5p",
    "torus:1x2x6@50GB/s,300ns chip=tpu-v5p",
    "mesh:3@30GB/s,1us switch:5@100GB/s,2us chip=h100",
    "mesh:3x4@30GB/s,1us torus:5@10GB/s,1us mesh:2@3GB/s,1us chip=h100",
    "clos:200@50GB/s,1us,radix=16 chip=h100",
    "clos:96@50GB/s,1us,radix=32,taper=1 chip=h100",
    "mesh:4@30GB/s,1us clos:24@100GB/s,2us,radix=16 clos:3@25GB/s,5us,shared chip=h100",
    "dragonfly:3x7x2@25GB/s,1us chip=h100",
    "dragonfly:4x5x2@25GB/s,1us,taper=2 chip=h100",
    "dragonfly:4x3x2@25GB/s,1us,plus chip=h100",
    "mesh:2@50GB/s,1us dragonfly:3x4x1@25GB/s,1us mesh:2@10GB/s,1us chip=h100",
};
#define N_MACHINES (sizeof machines / sizeof machines[0])

static sp_router *router_of(const sp_machine *m, sp_routing routing, const sp_fault *faults, uint32_t n)
{
    sp_router *router = NULL;
    sp_error err = {0};
    if (sp_router_create(m, 0, routing, 7, faults, n, &router, &err) != SP_OK)
        fail_msg("%s", err.text);
    return router;
}

/* ---- ids against the graph ------------------------------------------------------------------------------------------ */

typedef struct edge { uint32_t from, to, tier; double bw; } edge;

static int by_ends(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    if (x->tier != y->tier) return x->tier < y->tier ? -1 : 1;
    return (x->bw > y->bw) - (x->bw < y->bw);
}

static edge *edges_of(const sp_router *router, size_t *n)
{
    uint32_t links = sp_router_links(router);
    edge *out = calloc((size_t)links + 1, sizeof *out);
    *n = 0;
    for (uint32_t i = 0; i < links; i++) {
        sp_link link;
        if (sp_router_link(router, i, &link))
            out[(*n)++] = (edge){link.from, link.to, link.tier, link.bw_bytes_per_s};
    }
    qsort(out, *n, sizeof *out, by_ends);
    return out;
}

static void ids_are_the_links_of_the_graph(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MACHINES; i++) {
        const sp_machine *m = machine_of(machines[i]);
        sp_router *router = router_of(m, SP_ROUTING_HASH, NULL, 0);
        sp_arena *arena = sp_arena_create();
        sp_graph graph;
        size_t n;
        assert_int_equal(sp_topo_graph(m, 0, arena, &graph, NULL), SP_OK);
        edge *mine = edges_of(router, &n), *theirs = calloc(graph.n_links + 1u, sizeof *theirs);
        for (uint32_t l = 0; l < graph.n_links; l++)
            theirs[l] = (edge){graph.link_src[l], graph.link_dst[l], graph.link_tier[l], graph.link_bw_bytes_per_s[l]};
        qsort(theirs, graph.n_links, sizeof *theirs, by_ends);
        if (n != graph.n_links)
            fail_msg("%s: %zu links, the graph has %u", machines[i], n, graph.n_links);
        for (size_t l = 0; l < n; l++)
            if (by_ends(&mine[l], &theirs[l]) != 0)
                fail_msg("%s: link %u > %u differs from the graph's %u > %u", machines[i], mine[l].from, mine[l].to, theirs[l].from, theirs[l].to);
        free(mine);
        free(theirs);
        sp_router_destroy(router);
        sp_arena_destroy(arena);
    }
}

static void bundles_carry_what_their_cables_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MACHINES; i++) {
        const sp_machine *m = machine_of(machines[i]);
        sp_router *cables = router_of(m, SP_ROUTING_HASH, NULL, 0), *bundles = router_of(m, SP_ROUTING_SPRAY, NULL, 0);
        double sum[2][SP_TIERS_MAX] = {{0}};
        for (int k = 0; k < 2; k++)
            for (uint32_t l = 0; l < sp_router_links(k ? bundles : cables); l++) {
                sp_link link;
                if (sp_router_link(k ? bundles : cables, l, &link))
                    sum[k][link.tier] += link.bw_bytes_per_s;
            }
        for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
            assert_true(fabs(sum[0][t] - sum[1][t]) <= 1e-9 * sum[0][t]);
        sp_router_destroy(cables);
        sp_router_destroy(bundles);
    }
}

/* ---- a route is a unit of flow ----------------------------------------------------------------------------------------- */

static void check_flow(const sp_router *router, const char *name, uint32_t vertices, uint32_t src, uint32_t dst, double *net)
{
    sp_hop *hops = calloc(sp_router_hops_max(router) + 1u, sizeof *hops);
    uint32_t n = 0;
    double latency = -1;
    assert_true(sp_router_path(router, src, dst, 3, hops, &n, &latency));
    assert_true(n <= sp_router_hops_max(router) && (n > 0) == (src != dst));
    assert_true(src == dst ? latency == 0 : latency > 0);
    net[src] -= 1;
    net[dst] += 1;
    for (uint32_t h = 0; h < n; h++) {
        sp_link link;
        assert_true(sp_router_link(router, hops[h].link, &link));
        assert_true(hops[h].share > 0 && hops[h].share <= 1);
        assert_true(sp_router_capacity(router, hops[h].link) > 0);
        net[link.from] += hops[h].share;
        net[link.to] -= hops[h].share;
    }
    for (uint32_t v = 0; v < vertices; v++) {
        if (fabs(net[v]) > 1e-9)
            fail_msg("%s: %u to %u leaves %g at vertex %u", name, src, dst, net[v], v);
        net[v] = 0;
    }
    free(hops);
}

static void routes_carry_one_unit_from_end_to_end(void **state)
{
    (void)state;
    static const sp_routing policies[] = {SP_ROUTING_HASH, SP_ROUTING_DMODK};
    for (size_t i = 0; i < N_MACHINES; i++) {
        const sp_machine *m = machine_of(machines[i]);
        sp_arena *arena = sp_arena_create();
        sp_graph graph;
        assert_int_equal(sp_topo_graph(m, 0, arena, &graph, NULL), SP_OK);
        double *net = calloc(graph.n_vertices, sizeof *net);
        for (int p = 0; p < 2; p++) {
            sp_router *router = router_of(m, policies[p], NULL, 0);
            sp_rng rng = sp_rng_make(11, i);
            for (int k = 0; k < 400; k++)
                check_flow(router, machines[i], graph.n_vertices, (uint32_t)sp_rng_below(&rng, m->chips), (uint32_t)sp_rng_below(&rng, m->chips), net);
            sp_router_destroy(router);
        }
        free(net);
        sp_arena_destroy(arena);
    }
}

static void detours_and_direct_links_are_units_too(void **state)
{
    (void)state;
    const char *const text = "mesh:5x4@56GB/s,200ns mesh:3@56GB/s,200ns chip=ascend-950dt";
    const sp_machine *m = machine_of(text);
    sp_router *router = router_of(m, SP_ROUTING_DETOUR, NULL, 0);
    double *net = calloc(m->chips, sizeof *net);
    for (uint32_t a = 0; a < m->chips; a++)
        for (uint32_t b = 0; b < m->chips; b++)
            check_flow(router, text, m->chips, a, b, net);
    free(net);
    sp_router_destroy(router);
}

/* ---- shortest ------------------------------------------------------------------------------------------------------------- */

/* Hops from chip 0 to all vertices of the graph, by breadth-first search. */
static void distances(const sp_graph *graph, uint32_t from, uint32_t *hops)
{
    uint32_t *queue = calloc(graph->n_vertices, sizeof *queue), head = 0, tail = 0;
    memset(hops, 0xff, graph->n_vertices * sizeof *hops);
    hops[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        uint32_t v = queue[head++];
        for (uint32_t e = graph->off[v]; e < graph->off[v + 1]; e++)
            if (hops[graph->link_dst[graph->adj[e]]] == UINT32_MAX) {
                hops[graph->link_dst[graph->adj[e]]] = hops[v] + 1;
                queue[tail++] = graph->link_dst[graph->adj[e]];
            }
    }
    free(queue);
}

static void tori_and_meshes_are_crossed_the_shortest_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MACHINES; i++) {
        const sp_machine *m = machine_of(machines[i]);
        if (strstr(machines[i], "switch") || strstr(machines[i], "clos") || strstr(machines[i], "dragonfly"))
            continue;
        sp_router *router = router_of(m, SP_ROUTING_HASH, NULL, 0);
        sp_arena *arena = sp_arena_create();
        sp_graph graph;
        assert_int_equal(sp_topo_graph(m, 0, arena, &graph, NULL), SP_OK);
        uint32_t *hops = calloc(graph.n_vertices, sizeof *hops), n;
        sp_hop *path = calloc(sp_router_hops_max(router) + 1u, sizeof *path);
        for (uint32_t a = 0; a < m->chips; a += 7) {
            distances(&graph, a, hops);
            for (uint32_t b = 0; b < m->chips; b++) {
                double latency, sum = 0;
                assert_true(sp_router_path(router, a, b, 0, path, &n, &latency));
                for (uint32_t h = 0; h < n; h++)
                    sum += path[h].share;
                if (fabs(sum - hops[b]) > 1e-9)
                    fail_msg("%s: %u to %u takes %g hops, the shortest way %u", machines[i], a, b, sum, hops[b]);
            }
        }
        free(path);
        free(hops);
        sp_router_destroy(router);
        sp_arena_destroy(arena);
    }
}

/* ---- policies ------------------------------------------------------------------------------------------------------------ */

/* On a full tree a shift permutation by D-mod-K never puts two flows on one cable (Zahavi et al. 2010). */
static void d_mod_k_keeps_shifts_apart(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(machines[3]);
    sp_router *router = router_of(m, SP_ROUTING_DMODK, NULL, 0);
    sp_hop *path = calloc(sp_router_hops_max(router), sizeof *path);
    uint8_t *used = calloc(sp_router_links(router), 1);
    for (uint32_t shift = 1; shift < m->chips; shift++) {
        memset(used, 0, sp_router_links(router));
        for (uint32_t a = 0; a < m->chips; a++) {
            uint32_t n;
            double latency;
            assert_true(sp_router_path(router, a, (a + shift) % m->chips, 0, path, &n, &latency));
            for (uint32_t h = 0; h < n; h++)
                assert_int_equal(used[path[h].link]++, 0);
        }
    }
    free(used);
    free(path);
    sp_router_destroy(router);
}

static void hashes_spread_flows_over_the_cables(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(machines[3]);
    sp_router *router = router_of(m, SP_ROUTING_HASH, NULL, 0);
    sp_hop path[16];
    uint32_t n, seen[4] = {0};
    double latency;
    for (uint64_t flow = 0; flow < 4000; flow++) {   /* chip 0 to another pod: the cable from its leaf is one of 4 */
        assert_true(sp_router_path(router, 0, 90, flow, path, &n, &latency));
        sp_link link;
        for (uint32_t h = 0; h < n; h++)
            if (sp_router_link(router, path[h].link, &link) && link.level == 1 && link.up)
                seen[link.to % 4]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 850, 1150);   /* 1,000 +- 5 standard deviations */
    sp_router_destroy(router);
}

/* ---- faults --------------------------------------------------------------------------------------------------------------- */

/* Routes around random dead links: none crosses one, and each still carries one unit. */
static void dead_links_are_avoided_or_reported(void **state)
{
    (void)state;
    static const sp_routing policies[] = {SP_ROUTING_SPRAY, SP_ROUTING_HASH, SP_ROUTING_DMODK, SP_ROUTING_DETOUR};
    uint32_t found = 0, lost = 0;
    for (size_t i = 0; i < N_MACHINES; i++)
        for (int p = 0; p < 4; p++) {
            const sp_machine *m = machine_of(machines[i]);
            if (strstr(machines[i], "twisted"))
                continue;
            sp_router *healthy = router_of(m, policies[p], NULL, 0);
            sp_rng rng = sp_rng_make(5, i * 4 + (uint32_t)p);
            sp_fault faults[12];
            for (int f = 0; f < 12; f++)
                faults[f] = (sp_fault){.id = (uint32_t)sp_rng_below(&rng, sp_router_links(healthy)), .factor = 0};
            faults[11] = (sp_fault){.chip = true, .id = (uint32_t)sp_rng_below(&rng, m->chips)};
            sp_router *router = router_of(m, policies[p], faults, 12);
            sp_hop *path = calloc(sp_router_hops_max(router) + 1u, sizeof *path);
            for (int k = 0; k < 300; k++) {
                uint32_t a = (uint32_t)sp_rng_below(&rng, m->chips), b = (uint32_t)sp_rng_below(&rng, m->chips), n;
                double latency;
                if (!sp_router_path(router, a, b, 0, path, &n, &latency)) {
                    lost++;
                    continue;
                }
                found++;
                assert_true(a != faults[11].id && b != faults[11].id);
                for (uint32_t h = 0; h < n; h++)
                    assert_true(sp_router_capacity(router, path[h].link) > 0);
            }
            free(path);
            sp_router_destroy(router);
            sp_router_destroy(healthy);
        }
    if (found < 4 * lost || lost == 0)   /* about one machine in three is small enough to be cut by 12 faults */
        fail_msg("%u routes found, %u lost", found, lost);
}

/* A ring cut on both sides of a chip: its traffic along that dim goes one hop aside, round, and back; nothing is cut off but what is alone. */
static void cut_rings_are_passed_beside(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("torus:5x4@50GB/s,300ns chip=tpu-v5p");
    sp_arena *arena = sp_arena_create();
    sp_router *healthy = router_of(m, SP_ROUTING_SPRAY, NULL, 0);
    sp_fault *faults = NULL;
    uint32_t n_faults = 0, longer = 0;
    sp_hop none[64];
    uint32_t at, hops;
    double latency, whole;
    for (uint32_t to = 1; to < 5; to += 3) {   /* both cables of chip 0 along dim 0 */
        char text[32];
        assert_true(sp_router_path(healthy, 0, to, 0, none, &hops, &latency) && hops == 1);
        snprintf(text, sizeof text, "link:%u", none[0].link);
        assert_int_equal(sp_fault_parse(healthy, text, 0, arena, &faults, &n_faults, NULL), SP_OK);
    }
    sp_router *router = router_of(m, SP_ROUTING_SPRAY, faults, n_faults);
    for (uint32_t a = 0; a < m->chips; a++)
        for (uint32_t b = 0; b < m->chips; b++) {
            sp_hop path[64];
            sp_link link;
            assert_true(sp_router_path(healthy, a, b, 0, none, &hops, &whole));
            assert_true(sp_router_hops_max(router) <= 64 && sp_router_path(router, a, b, 0, path, &hops, &latency));
            if (latency > whole * 1.001 && (a == 0) != (b == 0) && (a < 5) == (b < 5) && a < 5)
                longer++;
            for (uint32_t h = 0; h < hops; h++)
                assert_true(sp_router_capacity(router, path[h].link) > 0);
            if (hops && path[0].share == 1 && path[hops - 1].share == 1) {   /* one way: hop after hop from a to b */
                bool split = false;
                for (uint32_t h = 0; h < hops; h++)
                    split = split || path[h].share < 1;
                at = a;
                for (uint32_t h = 0; h < hops && !split; h++) {
                    assert_true(sp_router_link(router, path[h].link, &link) && link.from == at);
                    at = link.to;
                }
                assert_true(split || at == b);
            }
        }
    assert_int_equal(longer, 8);   /* chip 0 to and from the four others of its ring */
    uint32_t src[400], dst[400];
    size_t n = 0;
    for (uint32_t a = 0; a < m->chips; a++)
        for (uint32_t b = 0; b < m->chips; b++)
            if (a != b) {
                src[n] = a;
                dst[n++] = b;
            }
    sp_deadlock lanes;
    assert_int_equal(sp_router_deadlock(router, src, dst, n, 6, &lanes, NULL), SP_OK);
    assert_true(lanes.free && lanes.lanes > 2);
    sp_router_destroy(router);
    sp_router_destroy(healthy);
    sp_arena_destroy(arena);
}

static void bad_faults_are_refused(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(machines[9]);
    sp_router *router;
    sp_error err = {0};
    assert_int_equal(sp_router_create(m, 1, SP_ROUTING_SPRAY, 0, NULL, 0, &router, &err), SP_E_INVAL);
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, &(sp_fault){.id = 1u << 30}, 1, &router, &err), SP_E_INVAL);
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, &(sp_fault){.chip = true, .id = 15}, 1, &router, &err), SP_E_INVAL);
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, &(sp_fault){.id = 1, .factor = 2}, 1, &router, &err), SP_E_INVAL);
}

/* Minimal routes cross one global link between groups and at most a local one on either side (Kim et al. 2008); Valiant's, spread over all third groups,
 * at most two and three. Uniform traffic loads a balanced dragonfly's global links evenly. All pairs from each group to the next: 64 on the one link
 * between the two; with eight ways each, a link carries 8 from its own group and 8 to its next. */
static void dragonflies_are_crossed_by_few_links(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("dragonfly:4x9x2@25GB/s,1us chip=h100");
    sp_router *router[2] = {router_of(m, SP_ROUTING_SPRAY, NULL, 0), router_of(m, SP_ROUTING_DETOUR, NULL, 0)};
    double *load = calloc(sp_router_links(router[0]), sizeof *load), most[2] = {0, 0};
    for (int valiant = 0; valiant < 2; valiant++) {
        sp_hop *path = calloc(sp_router_hops_max(router[valiant]) + 1u, sizeof *path);
        for (int adversarial = 0; adversarial < 2; adversarial++) {
            memset(load, 0, sp_router_links(router[0]) * sizeof *load);
            for (uint32_t a = 0; a < m->chips; a++)
                for (uint32_t b = 0; b < m->chips; b++) {
                    uint32_t n;
                    double latency, at[3] = {0};
                    bool next = b / 8 == (a / 8 + 1) % 9;
                    if (a == b || (adversarial && !next))
                        continue;
                    assert_true(sp_router_path(router[valiant], a, b, 0, path, &n, &latency));
                    for (uint32_t h = 0; h < n; h++) {
                        sp_link link;
                        assert_true(sp_router_link(router[valiant], path[h].link, &link));
                        at[link.level] += path[h].share;
                        load[path[h].link] += link.level == 2 ? path[h].share : 0;
                    }
                    assert_true(fabs(at[0] - 2) < 1e-9);
                    if (a / 8 == b / 8)
                        assert_true(at[2] == 0 && at[1] == (a / 2 != b / 2));
                    else if (!valiant)
                        assert_true(fabs(at[2] - 1) < 1e-9 && at[1] <= 2 + 1e-9);
                    else   /* one of eight ways is the direct one */
                        assert_true(fabs(at[2] - (1 + 7.0 / 8)) < 1e-9 && at[1] <= 3);
                }
            double least = INFINITY, top = 0;
            for (uint32_t l = 0; l < sp_router_links(router[0]); l++) {
                sp_link link;
                if (!sp_router_link(router[0], l, &link) || link.level != 2)
                    continue;
                least = load[l] < least ? load[l] : least;
                top = load[l] > top ? load[l] : top;
            }
            if (!adversarial)
                assert_true(fabs(top / least - 1) < 1e-9);
            most[valiant] = top;
        }
        free(path);
    }
    print_message("all of a group to the next: busiest global link carries %g minimal, %g Valiant\n", most[0], most[1]);
    assert_true(fabs(most[0] - 64) < 1e-9 && fabs(most[1] - 16) < 1e-9);
    free(load);
    sp_router_destroy(router[0]);
    sp_router_destroy(router[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_the_links_of_the_graph),
        cmocka_unit_test(bundles_carry_what_their_cables_do),
        cmocka_unit_test(routes_carry_one_unit_from_end_to_end),
        cmocka_unit_test(detours_and_direct_links_are_units_too),
        cmocka_unit_test(tori_and_meshes_are_crossed_the_shortest_way),
        cmocka_unit_test(d_mod_k_keeps_shifts_apart),
        cmocka_unit_test(hashes_spread_flows_over_the_cables),
        cmocka_unit_test(dead_links_are_avoided_or_reported),
        cmocka_unit_test(cut_rings_are_passed_beside),
        cmocka_unit_test(bad_faults_are_refused),
        cmocka_unit_test(dragonflies_are_crossed_by_few_links),
    };
    return cmocka_run_group_tests_name("routes", tests, set_up, tear_down);
}
