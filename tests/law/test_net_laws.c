/* Laws of graphs from files: a route is one unit of flow over shortest paths, as Floyd and Warshall find them; policies split it as
 * they say; a tree written as a graph takes what the machine takes; bad files are refused where they are bad. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/fabric.h"

#define NODES 14u

static sp_net *random_net(sp_rng *rng)
{
    char text[4096] = "", line[64];
    sp_net *net;
    sp_error err = {0};
    for (uint32_t i = 0; i < 30; i++) {
        uint32_t a = (uint32_t)sp_rng_below(rng, NODES), b = (uint32_t)sp_rng_below(rng, NODES);
        snprintf(line, sizeof line, "n%u n%u %uGB/s %uns%s\n", a, b, 10 + (uint32_t)sp_rng_below(rng, 4) * 10, 100 + (uint32_t)sp_rng_below(rng, 3) * 100,
                 sp_rng_below(rng, 5) ? "" : " one-way");
        if (a != b)
            strcat(text, line);
    }
    if (sp_net_parse(text, strlen(text), SP_NET_EDGES, "random", &net, &err) != SP_OK)
        fail_msg("%s", err.text);
    return net;
}

static void floyd(const sp_net *net, const double *left, uint32_t dist[NODES][NODES])
{
    uint32_t n = sp_net_nodes(net), from, to;
    double bw, latency;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            dist[i][j] = i == j ? 0 : 1000;
    for (uint32_t l = 0; l < sp_net_links(net); l++)
        if (sp_net_link(net, l, &from, &to, &bw, &latency) && left[l] > 0)
            dist[from][to] = 1;
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++)
                if (dist[i][k] + dist[k][j] < dist[i][j])
                    dist[i][j] = dist[i][k] + dist[k][j];
}

static void hold_route(const sp_net *net, sp_routing routing, const double *left, uint32_t src, uint32_t dst, uint32_t dist[NODES][NODES], const sp_hop *hops,
                       uint32_t n)
{
    double at[NODES] = {0}, bw, latency;
    uint32_t from, to, leaving[NODES] = {0};
    at[src] = 1;
    at[dst] -= 1;
    for (uint32_t h = 0; h < n; h++) {
        assert_true(sp_net_link(net, hops[h].link, &from, &to, &bw, &latency) && left[hops[h].link] > 0 && hops[h].share > 0);
        assert_int_equal(dist[from][dst], dist[to][dst] + 1);
        at[from] -= hops[h].share;
        at[to] += hops[h].share;
        leaving[from]++;
    }
    for (uint32_t i = 0; i < sp_net_nodes(net); i++) {
        assert_true(fabs(at[i]) < 1e-12);
        assert_true(leaving[i] <= 1 || routing == SP_ROUTING_SPRAY || routing == SP_ROUTING_WEIGHTED);
    }
    for (uint32_t h = 0; h < n; h++)   /* two links of one node share as the policy says */
        for (uint32_t k = h + 1; k < n; k++) {
            uint32_t a, b;
            double rate[2];
            sp_net_link(net, hops[h].link, &a, &to, &rate[0], &latency);
            sp_net_link(net, hops[k].link, &b, &to, &rate[1], &latency);
            double want = routing == SP_ROUTING_WEIGHTED ? rate[0] * left[hops[h].link] / (rate[1] * left[hops[k].link]) : 1;
            assert_true(a != b || fabs(hops[h].share / hops[k].share / want - 1) < 1e-9);
        }
}

static void routes_are_shortest_and_whole(void **state)
{
    (void)state;
    static const sp_routing policies[] = {SP_ROUTING_SPRAY, SP_ROUTING_WEIGHTED, SP_ROUTING_HASH, SP_ROUTING_DMODK};
    uint32_t n_routes = 0, none = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        sp_rng rng = sp_rng_make(31, seed);
        sp_net *net = random_net(&rng);
        sp_net_router *router;
        uint32_t dist[NODES][NODES], n, links = sp_net_links(net);
        double latency, left[64];
        sp_fault faults[3];
        sp_hop hops[64];
        for (uint32_t l = 0; l < links; l++)
            left[l] = 1;
        for (uint32_t f = 0; f < 3; f++) {
            faults[f] = (sp_fault){.id = (uint32_t)sp_rng_below(&rng, links), .factor = 0.5 * (double)sp_rng_below(&rng, 2)};
            left[faults[f].id] *= faults[f].factor;
        }
        floyd(net, left, dist);
        sp_routing routing = policies[seed % 4];
        assert_int_equal(sp_net_router_create(net, routing, 5, faults, 3, &router, NULL), SP_OK);
        for (uint32_t d = 0; d < sp_net_nodes(net); d++)
            for (uint32_t s = 0; s < sp_net_nodes(net); s++) {
                bool found = sp_net_path(router, s, d, seed, hops, &n, &latency);
                assert_int_equal(found, dist[s][d] < 1000);
                if (found)
                    hold_route(net, routing, left, s, d, dist, hops, n);
                n_routes += found;
                none += !found;
            }
        sp_net_router_destroy(router);
        sp_net_destroy(net);
    }
    print_message("%u routes over 60 graphs, %u pairs without one\n", n_routes, none);
    assert_true(none > 0);
}

/* Eight hosts on two leaves and two spines, as a machine and as a graph: every end in the same tick. */
static void a_tree_as_a_graph_takes_what_the_machine_takes(void **state)
{
    (void)state;
    char text[1024] = "", line[64];
    sp_catalog *catalog;
    const sp_machine *m;
    sp_net *net;
    sp_flow flows[40];
    double ends[2][40];
    sp_flow_time time;
    sp_error err = {0};
    for (uint32_t i = 0; i < 8; i++) {   /* hosts are nodes 0, 2, 3, 4; 5, 7, 8, 9 by first sight; found by name below */
        snprintf(line, sizeof line, "h%u leaf%u 50GB/s 500ns\n", i, i / 4);
        strcat(text, line);
    }
    strcat(text, "leaf0 spine0 100GB/s 500ns\nleaf0 spine1 100GB/s 500ns\nleaf1 spine0 100GB/s 500ns\nleaf1 spine1 100GB/s 500ns\n");
    assert_int_equal(sp_net_parse(text, strlen(text), SP_NET_EDGES, "tree", &net, &err), SP_OK);
    assert_int_equal(sp_catalog_open("catalog", &catalog, NULL), SP_OK);
    if (sp_catalog_machine(catalog, "switch:4@50GB/s,1us clos:2@50GB/s,2us,switches=2,shared chip=h100", &m, &err) != SP_OK)
        fail_msg("%s", err.text);
    for (uint64_t seed = 0; seed < 20; seed++) {
        sp_rng rng = sp_rng_make(5, seed);
        for (uint32_t i = 0; i < 40; i++)
            flows[i] = (sp_flow){(uint32_t)sp_rng_below(&rng, 8), (uint32_t)sp_rng_below(&rng, 8), (double)(1 + sp_rng_below(&rng, 9)) * 1e6, 0,
                                 i && sp_rng_below(&rng, 3) == 0 ? (uint32_t)sp_rng_below(&rng, i) : UINT32_MAX, 0};
        assert_int_equal(sp_fabric_flows(m, &(sp_flow_options){.rate_fraction = 1}, flows, 40, NULL, ends[0], &time, &err), SP_OK);
        for (uint32_t i = 0; i < 40; i++) {
            snprintf(line, sizeof line, "h%u", flows[i].src);
            flows[i].src = sp_net_find(net, line);
            snprintf(line, sizeof line, "h%u", flows[i].dst);
            flows[i].dst = sp_net_find(net, line);
        }
        assert_int_equal(sp_fabric_net_flows(net, &(sp_flow_options){0}, flows, 40, NULL, ends[1], &time, &err), SP_OK);
        for (uint32_t i = 0; i < 40; i++)
            if (fabs(ends[0][i] - ends[1][i]) > 2e-12)
                fail_msg("flow %u ends at %.12g s on the machine, at %.12g s on the graph", i, ends[0][i], ends[1][i]);
    }
    sp_net_destroy(net);
    sp_catalog_close(catalog);
}

static void refuse(sp_net_format format, const char *text, uint32_t line, uint32_t column, const char *says)
{
    sp_net *net;
    sp_error err = {0};
    if (sp_net_parse(text, strlen(text), format, "bad", &net, &err) == SP_OK)
        fail_msg("read: %s", text);
    if (err.line != line || err.column != column || !strstr(err.text, says))
        fail_msg("%u:%u %s; wanted %u:%u %s", err.line, err.column, err.text, line, column, says);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    refuse(SP_NET_EDGES, "# nothing\n", 1, 1, "there is no edge");
    refuse(SP_NET_EDGES, "a b 5GB/s\na c\n", 2, 3, "expected NODE NODE RATE");
    refuse(SP_NET_EDGES, "a b 5\n", 1, 5, "expected");
    refuse(SP_NET_EDGES, "a b 5GB/s 3\n", 1, 11, "expected");
    refuse(SP_NET_EDGES, "a a 5GB/s\n", 1, 1, "to itself");
    refuse(SP_NET_EDGES, "a b 0GB/s\n", 1, 1, "no rate above 0");
    refuse(SP_NET_EDGES, "a b 5GB/s 1us x\n", 1, 15, "found 'x'");
    refuse(SP_NET_EDGES, "a b 5GB/s 1us one-way y\n", 1, 23, "a word too many");
    refuse(SP_NET_GRAPHML, "<graphml>\n<graph><edge source='a'", 2, 8, "not well-formed");
    refuse(SP_NET_GRAPHML, "<graphml><graph>\n<edge source='a' target='b'/></graph></graphml>", 2, 1, "has no rate");
    refuse(SP_NET_GRAPHML, "<graphml><graph>\n<edge source='a'/></graph></graphml>", 2, 1, "without source or target");
    refuse(SP_NET_GRAPHML, "<graphml><graph><edge source='a' target='b'>\n<data key='q'>5</data></edge></graph></graphml>", 2, 1, "was not declared");
    refuse(SP_NET_GRAPHML, "<graphml><key id='k' for='edge' attr.name='bw'/><graph><edge source='a' target='b'>\n<data key='k'>5</data></edge></graph></graphml>", 2, 1,
           "expected");
    refuse(SP_NET_GRAPHML, "<graphml><graph>\n<node id='a'/> <hyperedge/></graph></graphml>", 2, 16, "hyperedges and ports");
    refuse(SP_NET_GRAPHML, "<graphml><key id='k' for='edge' attr.name='bw'/>\n <graph><edge source='a' target='b'><data key='k'>50000000000000000000000000000000000000000"
           "0000000000000000000000000</data></edge></graph></graphml>", 2, 37, "a value of 66 bytes");
    refuse(SP_NET_GRAPHML, "<!DOCTYPE g [\n<!ENTITY bomb 'x'>]><graphml/>", 2, 15, "declares the entity 'bomb'");
}

static void graphml_reads_keys_defaults_and_directions(void **state)
{
    (void)state;
    sp_net *net;
    sp_error err = {0};
    uint32_t from, to;
    double bw, latency;
    if (sp_net_load("examples/ring.graphml", &net, &err) != SP_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sp_net_nodes(net), 4);
    assert_int_equal(sp_net_links(net), 10);
    assert_true(sp_net_link(net, 5, &from, &to, &bw, &latency) && bw == 25e9 && fabs(latency - 5e-7) < 1e-18 && from == sp_net_find(net, "d"));
    assert_true(sp_net_link(net, 8, &from, &to, &bw, &latency) && bw == 50e9 && fabs(latency - 2e-6) < 1e-18);
    assert_false(sp_net_link(net, 9, &from, &to, &bw, &latency));
    sp_net_destroy(net);
    const char *zoo = "<graphml><key id='d' for='edge' attr.name='LinkSpeedRaw'/><graph><node id='0'/><node id='1'/><edge source='0' target='1'><data key='d'>1e10</data></edge></graph></graphml>";
    assert_int_equal(sp_net_parse(zoo, strlen(zoo), SP_NET_GRAPHML, "zoo", &net, &err), SP_OK);
    assert_true(sp_net_link(net, 0, &from, &to, &bw, &latency) && bw == 1.25e9 && latency == 0);
    sp_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_shortest_and_whole),
        cmocka_unit_test(a_tree_as_a_graph_takes_what_the_machine_takes),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(graphml_reads_keys_defaults_and_directions),
    };
    return cmocka_run_group_tests_name("graphs", tests, NULL, NULL);
}
