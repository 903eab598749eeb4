/* What a fault takes, against the explicit graph and between the two ways of naming links: a switch its cables, a port its one, a slow chip
 * all of its own; bundles lose the part of their cables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

static const char *const machines[] = {
    "mesh:3x4@30GB/s,1us chip=h100",
    "torus:4x2x3@50GB/s,300ns chip=tpu-v5p",
    "mesh:8@56GB/s,200ns clos:4@224GB/s,1us,planes=4,levels=8x4 chip=ascend-950dt",
    "switch:8@450GB/s,1us,planes=4 rail:12@50GB/s,4us,nic,radix=8 chip=h100",
    "switch:4@50GB/s,1us clos:4@50GB/s,2us,switches=4,shared clos:6@50GB/s,3us,switches=16,shared chip=h100",
    "clos:40@50GB/s,1us,radix=8 chip=h100",
    "dragonfly:3x7x2@25GB/s,1us chip=h100",
    "mesh:2@25GB/s,1us dragonfly:4x3x2@25GB/s,1us,plus mesh:2@10GB/s,1us chip=h100",
};
#define N_MACHINES (sizeof machines / sizeof machines[0])

typedef struct bed { sp_arena *arena; const sp_machine *machine; sp_graph graph; sp_router *by_cable, *by_bundle; } bed;

static bed open_bed(const char *text)
{
    bed b = {.arena = sp_arena_create()};
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &b.machine, &err) != SP_OK || sp_topo_graph(b.machine, 0, b.arena, &b.graph, &err) != SP_OK ||
        sp_router_create(b.machine, 0, SP_ROUTING_HASH, 1, NULL, 0, &b.by_cable, &err) != SP_OK ||
        sp_router_create(b.machine, 0, SP_ROUTING_SPRAY, 1, NULL, 0, &b.by_bundle, &err) != SP_OK)
        fail_msg("%s: %s", text, err.text);
    return b;
}

static void close_bed(bed *b)
{
    sp_router_destroy(b->by_cable);
    sp_router_destroy(b->by_bundle);
    sp_arena_destroy(b->arena);
}

/* What is left of each link after `text`. */
static double *left_of(const bed *b, sp_routing routing, const char *text, double factor)
{
    const sp_router *names = routing == SP_ROUTING_HASH ? b->by_cable : b->by_bundle;
    sp_fault *faults = NULL;
    sp_router *struck;
    sp_error err = {0};
    uint32_t n = 0;
    if (sp_fault_parse(names, text, factor, b->arena, &faults, &n, &err) != SP_OK)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(sp_router_create(b->machine, 0, routing, 1, faults, n, &struck, NULL), SP_OK);
    double *left = test_calloc(sp_router_links(names), sizeof *left);
    for (uint32_t l = 0; l < sp_router_links(names); l++) {
        double whole = sp_router_capacity(names, l);
        left[l] = whole > 0 ? sp_router_capacity(struck, l) / whole : 1;
    }
    sp_router_destroy(struck);
    return left;
}

/* Bundles keep the mean of what their cables keep; links that are no bundles are the same in both. */
static void bundles_agree(const bed *b, const char *text, double factor, const double *by_cable)
{
    double *by_bundle = left_of(b, SP_ROUTING_SPRAY, text, factor);
    for (uint32_t l = 0; l < sp_router_links(b->by_bundle); l++) {
        sp_link bundle, cable;
        if (!sp_router_link(b->by_bundle, l, &bundle))
            continue;
        double sum = 0, n = 0;
        for (uint32_t k = 0; k < sp_router_links(b->by_cable); k++)
            if (sp_router_link(b->by_cable, k, &cable) && cable.tier == bundle.tier && cable.level == bundle.level && cable.up == bundle.up) {
                bool mine = bundle.kind == SP_LINK_BUNDLE ? cable.child == bundle.child : cable.from == bundle.from && cable.to == bundle.to;
                sum += mine ? by_cable[k] : 0;
                n += mine;
            }
        if (bundle.kind == SP_LINK_BUNDLE && bundle.n != n)
            fail_msg("bundle of %u links has %g cables", bundle.n, n);
        if (fabs(by_bundle[l] - sum / n) > 1e-9)
            fail_msg("%s, %s: link %u keeps %g, its cables %g", b->machine->name, text, l, by_bundle[l], sum / n);
    }
    test_free(by_bundle);
}

/* Cables with an end at `vertex`, of the graph. */
static uint32_t cables_at(const bed *b, uint32_t vertex)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < b->graph.n_links; l++)
        n += b->graph.link_src[l] == vertex || b->graph.link_dst[l] == vertex;
    return n;
}

/* Exactly the links with an end at the vertex keep `factor`, as many as the graph has there. */
static void only_at(const bed *b, const char *text, uint32_t vertex, double factor, const double *left)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < sp_router_links(b->by_cable); l++) {
        sp_link link;
        if (!sp_router_link(b->by_cable, l, &link))
            continue;
        bool at = link.from == vertex || link.to == vertex;
        n += at;
        if (fabs(left[l] - (at ? factor : 1)) > 1e-12)
            fail_msg("%s, %s: link %u from %u to %u keeps %g", b->machine->name, text, l, link.from, link.to, left[l]);
    }
    assert_int_equal(n, cables_at(b, vertex));
}

static void a_switch_takes_its_cables(void **state)
{
    (void)state;
    uint32_t n = 0;
    for (size_t i = 0; i < N_MACHINES; i++) {
        bed b = open_bed(machines[i]);
        for (uint32_t s = 0; s < b.graph.n_vertices - b.graph.n_chips; s += 1 + s / 16, n++) {
            char text[32];
            double factor = s % 2 ? 0 : 0.25;
            snprintf(text, sizeof text, "switch:%u", s);
            double *left = left_of(&b, SP_ROUTING_HASH, text, factor);
            only_at(&b, text, b.graph.n_chips + s, factor, left);
            bundles_agree(&b, text, factor, left);
            test_free(left);
        }
        char beyond[32];
        sp_fault *faults = NULL;
        uint32_t n_faults = 0;
        snprintf(beyond, sizeof beyond, "switch:%u", b.graph.n_vertices - b.graph.n_chips);
        assert_int_not_equal(sp_fault_parse(b.by_cable, beyond, 0, b.arena, &faults, &n_faults, NULL), SP_OK);
        close_bed(&b);
    }
    print_message("%u switches\n", n);
}

/* The ports of a chip are its cables, one each; a slow chip has all of them slow, a link named from both ends is slow once. */
static void ports_make_a_chip(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MACHINES; i++) {
        bed b = open_bed(machines[i]);
        for (uint32_t c = 0; c < b.machine->chips; c += 5) {
            char text[64];
            uint32_t taken = 0;
            for (uint32_t p = 0;; p++) {
                sp_fault *faults = NULL;
                uint32_t n = 0;
                snprintf(text, sizeof text, "port:%u/%u", c, p);
                if (sp_fault_parse(b.by_cable, text, 0, b.arena, &faults, &n, NULL) != SP_OK)
                    break;
                taken += n;
                double *left = left_of(&b, SP_ROUTING_HASH, text, 0.5);
                for (uint32_t l = 0; l < sp_router_links(b.by_cable); l++) {
                    sp_link link;
                    if (left[l] < 1)
                        assert_true(sp_router_link(b.by_cable, l, &link) && (link.from == c || link.to == c) && left[l] == 0.5);
                }
                bundles_agree(&b, text, 0.5, left);
                test_free(left);
            }
            assert_int_equal(taken, cables_at(&b, c));
            snprintf(text, sizeof text, "chip:%u", c);
            double *left = left_of(&b, SP_ROUTING_HASH, text, 0.5);
            only_at(&b, text, c, 0.5, left);
            bundles_agree(&b, text, 0.5, left);
            test_free(left);
        }
        double *left = left_of(&b, SP_ROUTING_HASH, "link:0-1", 0.5);
        assert_true(left[0] == 0.5);
        test_free(left);
        close_bed(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_switch_takes_its_cables), cmocka_unit_test(ports_make_a_chip)};
    return cmocka_run_group_tests_name("faults", tests, set_up, tear_down);
}
