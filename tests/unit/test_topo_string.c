/* The one-line machine string: what it reads, what it refuses and where, and that it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

static void reads_the_example(void **state)
{
    (void)state;
    const sp_machine *m =
        machine_of("mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:128@224GB/s,1us,taper=1 chip=ascend-950dt");
    assert_string_equal(m->name, "custom");
    assert_int_equal(m->chips, 8192);
    assert_int_equal(m->n_planes, 1);
    assert_int_equal(m->planes[0].n_tiers, 3);
    const sp_tier *t = m->planes[0].tiers;
    assert_int_equal(t[0].kind, SP_TIER_MESH);
    assert_int_equal(t[2].kind, SP_TIER_CLOS);
    assert_int_equal(t[0].stride, 1);
    assert_int_equal(t[1].stride, 8);
    assert_int_equal(t[2].stride, 64);
    assert_true(t[0].bw_bytes_per_s.nominal == 56e9 && t[2].bw_bytes_per_s.nominal == 224e9);
    assert_true(t[0].latency_s.nominal == 200e-9 && t[2].latency_s.nominal == 1e-6);
    assert_string_equal(m->chip->name, "ascend-950dt");
}

static void reads_every_attribute(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(
        "switch:8+1@392GB/s,500ns~600ns~650ns,planes=7,name=node clos:48@392GB/s,1us,taper=1~2~3,planes=7,switches=16,shared "
        "plane=ub || clos:384@400Gb/s,radix=128,nic plane=roce chip=ascend-910c host=kunpeng-920 chips-per-host=8 rack=32+1 "
        "power=559kW overhead=100W price=8.2MUSD available=2025-04");
    const sp_tier *t = m->planes[0].tiers;
    assert_int_equal(m->n_planes, 2);
    assert_string_equal(m->planes[0].name, "ub");
    assert_string_equal(m->planes[1].name, "roce");
    assert_int_equal(t[0].spares, 1);
    assert_int_equal(t[0].planes, 7);
    assert_string_equal(t[0].name, "node");
    assert_string_equal(t[1].name, "clos1");
    assert_true(t[0].latency_s.low == 500e-9 && t[0].latency_s.high == 650e-9);
    assert_int_equal(t[0].latency_s.grade, SP_GRADE_GUESS);
    assert_int_equal(t[1].latency_s.grade, SP_GRADE_DERIVED);
    assert_true(t[1].taper.low == 1 && t[1].taper.nominal == 2 && t[1].taper.high == 3);
    assert_true(t[1].shared && t[1].switches == 16);
    assert_true(m->planes[1].tiers[0].nic && m->planes[1].tiers[0].radix == 128);
    assert_true(m->planes[1].tiers[0].bw_bytes_per_s.nominal == 50e9);
    assert_int_equal(m->planes[1].tiers[0].latency_s.grade, SP_GRADE_GUESS);   /* not given: a graded guess */
    assert_true(m->planes[1].tiers[0].latency_s.nominal > 0);
    assert_string_equal(m->host, "kunpeng-920");
    assert_int_equal(m->chips_per_host, 8);
    assert_int_equal(m->chips_per_rack, 32);
    assert_int_equal(m->spares_per_rack, 1);
    assert_true(m->power_w.nominal == 559e3 && m->price_usd.nominal == 8.2e6 && m->overhead_w_per_chip.nominal == 100);
    assert_string_equal(m->available, "2025-04");
}

/* Written as the reader would have it, attribute by attribute. */
static void comes_back_word_by_word(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "mesh:8+1@56GB/s,200ns chip=ascend-950dt rack=64+1",
        "torus:4x4x8@50GB/s,1us,twisted chip=tpu-v4 chips-per-host=4",
        "dragonfly:4x9x2@25GB/s,1us,taper=2,plus chip=h100 uboe",
        "switch:8@450GB/s,600ns,planes=4 rail:16@50GB/s,2us,radix=64,nic,name=net chip=h100 host=x-1 available=2022 overhead=500W pcie",
        ("switch:8@392GB/s,1us,planes=7 clos:6@392GB/s,1us~2us~3us,taper=2,planes=7,switches=16,shared plane=ub || "
         "clos:48@50GB/s,5us,levels=8x6,nic plane=roce chip=ascend-910c power=559kW price=8MUSD")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char out[512];
        sp_machine_format(machine_of(texts[i]), out, sizeof out);
        assert_string_equal(out, texts[i]);
    }
}

/* A tier of one unit vanishes, unless it is the only one. */
static void single_units_vanish(void **state)
{
    (void)state;
    const sp_machine *m = machine_of("mesh:1@1GB/s mesh:4@1GB/s clos:1@1GB/s chip=ascend-950dt");
    assert_int_equal(m->planes[0].n_tiers, 1);
    assert_int_equal(m->planes[0].tiers[0].size, 4);
    assert_int_equal(m->planes[0].tiers[0].stride, 1);
    assert_int_equal(machine_of("mesh:1@1GB/s chip=ascend-950dt")->chips, 1);
}

typedef struct bad { const char *text; sp_status status; uint32_t column; const char *says; } bad;

static const bad bads[] = {
    {"", SP_E_PARSE, 1, "expected a tier"},
    {"   ", SP_E_PARSE, 4, "expected a tier"},
    {"mesh:8", SP_E_PARSE, 7, "expected '@' and a rate per link"},
    {"switch:8", SP_E_PARSE, 9, "rate per chip"},
    {"mesh:8@56GB/s", SP_E_PARSE, 14, "add chip=NAME"},
    {"mesh:8@56GB/s chip=ascend-950d", SP_E_NOTFOUND, 20, "did you mean 'ascend-950dt'"},
    {"mesh:8@56GB/s chip=", SP_E_PARSE, 20, "expected a name"},
    {"mesh:8@56 chip=h100", SP_E_PARSE, 10, "no unit"},
    {"mesh:8@56GB chip=h100", SP_E_PARSE, 10, "size in bytes"},
    {"mesh:8@-5GB/s chip=h100", SP_E_INVAL, 8, "negative"},
    {"mesh:8@nanGB/s chip=h100", SP_E_RANGE, 8, "nan"},
    {"mesh:8@0GB/s chip=h100", SP_E_INVAL, 1, "rate must lie"},
    {"mesh:8@1e300GB/s chip=h100", SP_E_RANGE, 8, "1e300"},
    {"mesh:8@56GB/s,5GB chip=h100", SP_E_PARSE, 16, "expected a time"},
    {"mesh:8@56GB/s,-1ns chip=h100", SP_E_INVAL, 15, "negative"},
    {"mesh:8@56GB/s,1h chip=h100", SP_E_INVAL, 1, "latency must lie"},
    {"mesh:0@56GB/s chip=h100", SP_E_INVAL, 6, "size 0"},
    {"mesh:-4@56GB/s chip=h100", SP_E_PARSE, 6, "whole number"},
    {"mesh:4.5@56GB/s chip=h100", SP_E_PARSE, 7, "expected '@'"},
    {"mesh:@56GB/s chip=h100", SP_E_PARSE, 6, "whole number"},
    {"mesh:8x@56GB/s chip=h100", SP_E_PARSE, 8, "whole number"},
    {"mesh:1000000000000000000@1GB/s chip=h100", SP_E_RANGE, 6, "16777216"},
    {"mesh:70000x70000@1GB/s chip=h100", SP_E_RANGE, 1, "16777216"},
    {"mesh:4096@1GB/s mesh:8192@1GB/s chip=h100", SP_E_RANGE, 1, "beyond 16777216"},
    {"mesh:2x2x2x2@1GB/s chip=h100", SP_E_PARSE, 12, "more than 3"},
    {"clos:4x4@1GB/s chip=h100", SP_E_INVAL, 1, "one size"},
    {"dragonfly:4@1GB/s chip=h100", SP_E_INVAL, 1, "three"},
    {"mehs:8@56GB/s chip=h100", SP_E_PARSE, 1, "did you mean 'mesh'"},
    {"torus:4x4x5@50GB/s,twisted chip=tpu-v4", SP_E_INVAL, 1, "twisted"},
    {"torus:1x2x2@50GB/s,twisted chip=tpu-v4", SP_E_INVAL, 1, "k >= 2"},
    {"mesh:8@56GB/s,twisted chip=h100", SP_E_INVAL, 1, "twisted"},
    {"clos:8@56GB/s,1us,tapr=2 chip=h100", SP_E_PARSE, 19, "did you mean 'taper'"},
    {"clos:8@56GB/s,taper chip=h100", SP_E_PARSE, 15, "needs '='"},
    {"clos:8@56GB/s,nic=1 chip=h100", SP_E_PARSE, 15, "takes no value"},
    {"clos:8@56GB/s,taper=0.5 chip=h100", SP_E_INVAL, 1, "taper must lie"},
    {"clos:8@56GB/s,taper=2,taper=3 chip=h100", SP_E_PARSE, 23, "twice"},
    {"clos:8@56GB/s,planes=0 chip=h100", SP_E_INVAL, 22, "starts at 1"},
    {"clos:8@56GB/s,planes=5000 chip=h100", SP_E_RANGE, 1, "1024"},
    {"mesh:8@56GB/s,planes=2 chip=h100", SP_E_INVAL, 1, "planes"},
    {"clos:8@56GB/s,radix=1 chip=h100", SP_E_INVAL, 1, "radix"},
    {"clos:8@56GB/s,switches=4 chip=h100", SP_E_INVAL, 1, "level below"},
    {"clos:8@56GB/s,levels=2x2 chip=h100", SP_E_INVAL, 1, "multiply to 4"},
    {"clos:8@56GB/s,levels=1x8 chip=h100", SP_E_INVAL, 1, "2 or more"},
    {"switch:8@56GB/s,radix=4 chip=h100", SP_E_INVAL, 1, "4 ports"},
    {"switch:8@56GB/s,taper=2 chip=h100", SP_E_INVAL, 1, "taper"},
    {"clos:1024@1GB/s,radix=4 chip=h100", SP_E_RANGE, 1, "more than 4 levels"},
    {"clos:8@56GB/s,shared chip=h100", SP_E_INVAL, 1, "shared"},
    {"mesh:2@1GB/s clos:8@56GB/s,shared chip=h100", SP_E_INVAL, 1, "shared"},
    {"mesh:8@56GB/s~60GB/s chip=h100", SP_E_PARSE, 8, "two parts"},
    {"mesh:8@56GB/s~50GB/s~60GB/s chip=h100", SP_E_INVAL, 8, "not in order"},
    {"mesh:8@1GB/s~2GB/s~3GB/s~4GB/s chip=h100", SP_E_PARSE, 26, "fourth"},
    {"mesh:8@56GB/s | mesh:8@56GB/s chip=h100", SP_E_PARSE, 15, "'||'"},
    {"|| mesh:8@56GB/s chip=h100", SP_E_PARSE, 1, "before any tier"},
    {"mesh:8@5GB/s || chip=h100", SP_E_PARSE, 26, "expected a tier"},
    {"mesh:8@5GB/s || clos:9@5GB/s,nic chip=h100", SP_E_INVAL, 17, "products equal"},
    {"mesh:8@56GB/s chip=h100 chip=h100", SP_E_PARSE, 25, "twice"},
    {"mesh:8@56GB/s chip=h100 hots=x", SP_E_PARSE, 25, "did you mean 'host'"},
    {"mesh:8@56GB/s chip=h100 uboe=1", SP_E_PARSE, 25, "takes no value"},
    {"mesh:8@56GB/s chip=h100 power=5", SP_E_PARSE, 32, "no unit"},
    {"mesh:8@56GB/s,200ns;mesh:8 chip=h100", SP_E_PARSE, 18, "after the number"},
    {"mesh:8@200GB/s chip=h100", SP_E_UNFIT, 1, "h100 has 18"},
    {"mesh:20@56GB/s chip=ascend-950dt", SP_E_UNFIT, 1, "ascend-950dt has 18"},
    {"mesh:8@56GB/s mesh:8@56GB/s clos:128@224GB/s chip=ascend-950dt uboe", SP_E_UNFIT, 1, "UBoE the pins of 2"},
    {"mesh:8@56GB/s mesh:8@56GB/s clos:128@224GB/s chip=ascend-950dt pcie", SP_E_UNFIT, 1, "PCIe of 4"},
    {"mesh:8@56GB/s mesh:8@56GB/s clos:128@224GB/s || clos:8192@56GB/s chip=ascend-950dt", SP_E_UNFIT, 1, "19 scale-up ports"},
    {"torus:4x4x4@400GB/s chip=mi455x", SP_E_UNFIT, 1, "1800 GB/s of scale-up"},
    {"mesh:1@1GB/s mesh:2@1GB/s mesh:2@1GB/s mesh:2@1GB/s mesh:2@1GB/s mesh:2@1GB/s mesh:2@1GB/s mesh:2@1GB/s mesh:2@1GB/s chip=h100",
     SP_E_RANGE, 105, "at most 8"},
    {"dgx-h100:0", SP_E_PARSE, 10, "size '0'"},
    {"dgx-h100:x", SP_E_PARSE, 10, "'x'"},
    {"dgx-h100:8x", SP_E_PARSE, 10, "'8x'"},
    {"dgx-h100:99999999999999999999", SP_E_RANGE, 10, "too large"},
    {"dgx-h10", SP_E_NOTFOUND, 0, "did you mean 'dgx-h100'"},
    {"no-such-machine.yaml", SP_E_IO, 0, ""},
};

static void refuses_with_a_position(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        const sp_machine *out = (const sp_machine *)1;
        sp_error err = {0};
        sp_status status = sp_catalog_machine(catalog, bads[i].text, &out, &err);
        if (status != bads[i].status || err.status != status || err.column != bads[i].column || !strstr(err.text, bads[i].says))
            fail_msg("\"%s\": status %d (expected %d), column %u (expected %u), text \"%s\" (expected \"%s\")", bads[i].text, status,
                     bads[i].status, err.column, bads[i].column, err.text, bads[i].says);
        assert_ptr_equal(out, (const sp_machine *)1);   /* outputs only on success */
        assert_true(strlen(err.text) > 10);
    }
}

/* With UBoE or PCIe the same mesh fits when ports are left for them. */
static void pins_are_shared(void **state)
{
    (void)state;
    machine_of("mesh:8@56GB/s mesh:8@56GB/s clos:128@112GB/s chip=ascend-950dt uboe");
    machine_of("mesh:8@56GB/s mesh:8@56GB/s chip=ascend-950dt pcie");
    machine_of("mesh:8@56GB/s mesh:8@56GB/s clos:128@224GB/s clos:64@50GB/s,shared chip=ascend-950dt");
    machine_of("mesh:8@56GB/s mesh:8@56GB/s clos:128@224GB/s clos:64@50GB/s,nic chip=ascend-950dt");
}

/* No prefix of a good string crashes or passes as something else by accident of memory. */
static void every_prefix(void **state)
{
    (void)state;
    const char *whole = "switch:8+1@392GB/s,1us~2us~3us,planes=7,name=node clos:48@392GB/s,taper=2,planes=7,switches=16,shared || "
                        "clos:384@50GB/s,nic plane=roce chip=ascend-910c rack=32+1 power=559kW";
    for (size_t n = 0; n < strlen(whole); n++) {
        char *text = strndup(whole, n);
        const sp_machine *m;
        sp_error err = {0};
        assert_non_null(text);
        if (sp_catalog_machine(catalog, text, &m, &err))
            assert_true(err.text[0] && err.column <= n + 1 && (err.column >= 1 || err.status == SP_E_NOTFOUND));
        free(text);
    }
}

/* The n-th allocation fails: an error comes back, nothing is lost or half-made. */
static void memory_runs_out(void **state)
{
    (void)state;
    const char *text = "mesh:3@5GB/s,name=a torus:3@5GB/s || clos:9@1GB/s,nic plane=x chip=ascend-950dt host=y";
    bool done = false;
    for (uint64_t n = 1; !done && n < 5000; n++) {
        sp_catalog *own = NULL;
        const sp_machine *m = NULL;
        sp_error err = {0};
        sp_alloc_fail_after(n);
        sp_status status = sp_catalog_open("catalog", &own, &err);
        if (!status)
            status = sp_catalog_machine(own, text, &m, &err);
        sp_alloc_fail_after(0);
        done = !status;
        assert_true(status == SP_OK || status == SP_E_NOMEM);
        sp_catalog_close(own);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_example), cmocka_unit_test(reads_every_attribute), cmocka_unit_test(single_units_vanish),
        cmocka_unit_test(comes_back_word_by_word),
        cmocka_unit_test(refuses_with_a_position), cmocka_unit_test(pins_are_shared), cmocka_unit_test(every_prefix),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
