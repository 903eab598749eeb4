/* Published figures that must come out of the counted graphs: chips' ports, pods' totals, wiring of the Atlas 950 rack and
 * of CloudMatrix384, the keynote's ratios. Nothing here is typed into the catalogue: change a dimension and they move. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

static sp_machine_totals totals(const char *text)
{
    sp_machine_totals out;
    sp_error err = {0};
    if (sp_machine_count(machine_of(text), &out, &err))
        fail_msg("%s: %s", text, err.text);
    return out;
}

static void near(double found, double published, double tolerance)
{
    if (!(fabs(found / published - 1) <= tolerance))
        fail_msg("found %.6g, published %.6g, more than %g %% apart", found, published, 100 * tolerance);
}

/* T1, T2: 18 ports x 4 lanes x 112 Gb/s; 16.3 PB/s over 8,192 chips and both directions (white paper, keynote). */
static void ports_and_interconnect(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("atlas-950-superpod");
    sp_machine_totals t = totals("atlas-950-superpod");
    near(18 * 4 * 112e9 / 8, 1008e9, 0);
    near(t.injection_bytes_per_s / m->chips, 18 * 4 * 112e9 / 8, 1e-12);
    near(t.injection_bytes_per_s / m->chips, m->chip->scaleup_bw_bytes_per_s.nominal, 1e-12);
    near(2 * t.injection_bytes_per_s, 16.3e15, 0.02);
    assert_int_equal(t.ports_per_chip, 18);
    assert_int_equal(m->chips, 8192);
}

/* T3, T4, T21: FLOP/s and memory of the pods. 1,152 TB counts 1 TB = 1,024 GB; 4,460 TB counts 1,000. */
static void compute_and_memory(void **state)
{
    (void)state;
    sp_machine_totals t950 = totals("atlas-950-superpod"), t960 = totals("atlas-960-superpod");
    near(t950.flop_per_s[SP_FMT_FP8], 8e18, 0.06);
    near(t950.flop_per_s[SP_FMT_MXFP4], 16e18, 0.06);
    near(t950.mem_bytes, 1152.0 * 1024 * 1e9, 1e-12);
    near(t960.mem_bytes, 4460e12, 2e-4);
    near(t960.flop_per_s[SP_FMT_FP8], 30e18, 0.06);
    near(2 * t960.injection_bytes_per_s, 34e15, 0.02);
    assert_int_equal(machine_of("atlas-960-superpod")->chips, 15488);
}

/* T5: the rack's topology file: 224 + 224 edges of mesh, 192 of uplink (64 chips x 3 net layers: rack, pod, beyond the
 * pod), 18 ports a chip. Counted from the cluster's tiers: a net layer is a level of the uplink tree that closes a unit. */
static void rack_file(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("atlas-950-supercluster");
    sp_machine_totals t = totals("atlas-950-supercluster");
    uint32_t rack = m->chips_per_rack, racks = m->chips / rack, layers = 0;
    assert_int_equal(rack, 64);
    assert_int_equal(t.links[0] / racks, 224);
    assert_int_equal(t.links[1] / racks, 224);
    const sp_tier *pod = &m->planes[0].tiers[2], *cluster = &m->planes[0].tiers[3];
    uint64_t block = 1;
    for (uint32_t l = 0; l < pod->n_levels; l++) {
        block *= pod->levels[l];
        layers += block == pod->stride || block == (uint64_t)pod->stride * pod->size;
    }
    assert_true(cluster->shared);
    layers += cluster->shared;
    assert_int_equal(rack * layers, 192);
    assert_int_equal(t.ports_per_chip, 18);
    assert_int_equal(m->chips, 524288);
}

/* T6, T7: CloudMatrix384: a node's uplink 7 x 16 x 28 = 8 x 392 GB/s; 5,376 links between the levels; 112 L2 chips. */
static void cloudmatrix(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("cloudmatrix-384");
    sp_machine_totals t = totals("cloudmatrix-384");
    sp_graph g;
    sp_arena *arena = sp_arena_create();
    double node_up = 0;
    assert_int_equal(t.links[1], 5376);
    assert_int_equal(t.switches[0], 48 * 7);
    assert_int_equal(t.switches[1], 7 * 16);
    assert_int_equal(sp_topo_graph(m, 0, arena, &g, NULL), SP_OK);
    for (uint32_t l = 0; l < g.n_links; l++) {
        if (g.link_tier[l] != 1)
            continue;
        near(g.link_bw_bytes_per_s[l], 28e9, 1e-12);
        if (g.link_src[l] < g.link_dst[l])
            node_up += g.link_bw_bytes_per_s[l] / 48;
    }
    near(node_up, 3136e9, 1e-9);
    near(node_up, 8 * 392e9, 1e-9);
    assert_int_equal(m->n_planes, 2);
    near(m->planes[1].tiers[0].bw_bytes_per_s.nominal * 8, 3.2e12 / 8, 1e-12);
    uint64_t links, switches;
    assert_int_equal(sp_machine_count_tier(m, 1, 0, &links, &switches, NULL), SP_OK);
    assert_true(links >= 384 && switches >= 3);   /* 384 x 400G on switches of 128 */
    assert_int_equal(sp_machine_count_tier(m, 2, 0, &links, &switches, NULL), SP_E_INVAL);
    sp_arena_destroy(arena);
}

/* T19: bisection of the 4,096-chip TPU v4, 24 TB/s. T20: NVL72 scale-up, 72 x 18 x 100 GB/s = 130 TB/s both ways. */
static void others(void **state)
{
    (void)state;
    near(totals("tpu-v4-pod").bisection_bytes_per_s, 24e12, 0.07);
    near(2 * totals("gb200-nvl72").injection_bytes_per_s, 72 * 18 * 100e9, 1e-12);
    near(2 * totals("gb200-nvl72").injection_bytes_per_s, 130e12, 0.005);
    near(totals("gb200-nvl72:4").injection_bytes_per_s, 4 * 72 * 900e9, 1e-12);   /* the network's ports do not count */
    assert_int_equal(totals("gb200-nvl72").switches[0], 18);
    assert_int_equal(totals("gb200-nvl72").links[0], 72 * 18);
    near(totals("tpu-v4-pod").flop_per_s[SP_FMT_BF16], 1.1e18, 0.03);
    near(totals("tpu-v7-pod").flop_per_s[SP_FMT_FP8], 42.5e18, 0.01);
    near(totals("tpu-v7-pod").mem_bytes / (1 << 30), 1.77e6, 0.001);   /* the 1.77 PB printed count 10^6 GiB as one */
    near(totals("trn3-ultra").flop_per_s[SP_FMT_MXFP8], 362e15, 0.01);
    near(totals("vr-nvl72").flop_per_s[SP_FMT_FP8], 1.26e18, 0.01);
    near(totals("helios").mem_bytes, 31e12, 0.01);
    near(totals("cloudmatrix-384").power_w, 559e3, 0.001);
    near(totals("atlas-950-supercluster").flop_per_s[SP_FMT_FP8], 524e18, 0.06);
    near(totals("atlas-960-supercluster").flop_per_s[SP_FMT_FP8], 2e21, 0.06);
    assert_int_equal(machine_of("atlas-960-supercluster")->chips, 1006720);
    assert_int_equal(machine_of("meta-roce-24k")->chips, 24576);
    assert_int_equal(machine_of("atlas-960e")->chips, 4096);
}

/* Keynote ratios to NVL144, which is the Vera Rubin rack as planned in 2025: 144 dies in 72 packages, 1.2 EFLOPS FP8
 * (so 8.33 PFLOPS a die), 20.7 TB HBM beside 54 TB of the hosts' LPDDR, NVLink 260 TB/s both ways. The pod's figures are
 * the keynote's own for compute (1 PFLOPS a chip) and 1,152 TB with 1 TB = 1,024 GB. */
static void keynote_ratios(void **state)
{
    (void)state;
    const sp_machine *pod = machine_of("atlas-950-superpod"), *rack = machine_of("vr-nvl72");
    sp_machine_totals p = totals("atlas-950-superpod"), r = totals("vr-nvl72");
    const double dies = 2.0 * rack->chips, lpddr_bytes = 54e12, plan_fp8 = 1.2e18;
    near(pod->chips / dies, 56.8, 0.002);
    near(p.flop_per_s[SP_FMT_FP8] / plan_fp8, 6.7, 0.06);   /* 1,034 against 1,000 TFLOPS a chip is 3.4 % of it */
    near(pod->chips * 1e15 / plan_fp8, 6.7, 0.02);
    near(p.mem_bytes / 1024 * 1000 / (r.mem_bytes + lpddr_bytes), 15, 0.03);
    near(p.injection_bytes_per_s / r.injection_bytes_per_s, 62, 0.03);
}

/* One dimension changed changes everything that hangs on it. */
static void dimensions_count(void **state)
{
    (void)state;
    const char *whole = "mesh:8@56GB/s mesh:8@56GB/s clos:128@224GB/s,planes=4,levels=8x8x128 chip=ascend-950dt";
    const char *half = "mesh:8@56GB/s mesh:8@56GB/s clos:64@224GB/s,planes=4,levels=8x8x64 chip=ascend-950dt";
    const char *narrow = "mesh:8@56GB/s mesh:4@56GB/s clos:128@224GB/s,planes=4,levels=8x4x128 chip=ascend-950dt";
    sp_machine_totals a = totals(whole), b = totals(half), c = totals(narrow), named = totals("atlas-950-superpod");
    near(a.bisection_bytes_per_s, named.bisection_bytes_per_s, 1e-12);
    near(a.injection_bytes_per_s, named.injection_bytes_per_s, 1e-12);
    assert_memory_equal(a.links, named.links, sizeof a.links);
    assert_memory_equal(a.switches, named.switches, sizeof a.switches);
    near(b.injection_bytes_per_s, a.injection_bytes_per_s / 2, 1e-12);
    near(b.bisection_bytes_per_s, a.bisection_bytes_per_s / 2, 1e-12);
    assert_int_equal(b.links[2], a.links[2] / 2);
    assert_int_equal(c.links[1], a.links[1] / 2 * 3 / 7);
    assert_int_equal(c.ports_per_chip, 14);
    near(c.mem_bytes, a.mem_bytes / 2, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_and_interconnect), cmocka_unit_test(compute_and_memory), cmocka_unit_test(rack_file),
        cmocka_unit_test(cloudmatrix), cmocka_unit_test(others), cmocka_unit_test(keynote_ratios), cmocka_unit_test(dimensions_count),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
