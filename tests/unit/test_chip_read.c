/* Every class of fault in a chip or family file: refused, at the line and column of the fault, with the fix named. */
#include "superpod/chip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char good[] =
    "name: my-chip\n"
    "title: My chip\n"
    "vendor: Me\n"
    "family: hopper\n"
    "host_cpu: some CPU\n"
    "dies: 1\n"
    "available:\n"
    "  - {date: 2026Q4, what: announced, source: keynote}\n"
    "matrix:\n"
    "  bf16: {value: 500TFLOP/s, grade: vendor, source: sheet}\n"
    "  fp8: {value: 1PFLOP/s, grade: vendor, source: sheet}\n"
    "advertised:\n"
    "  fp8: {value: 1.1PFLOP/s, grade: vendor, source: sheet}\n"
    "vector: {value: 30TFLOP/s, grade: vendor, source: sheet}\n"
    "exp: {value: 4TFLOP/s, grade: guess, source: why}\n"
    "memory: {value: 144GB, grade: vendor, source: sheet}\n"
    "memory_bw: {value: 4TB/s, grade: vendor, source: sheet}\n"
    "l2: {value: 128MB, grade: vendor, source: sheet}\n"
    "cores: {value: 36, grade: vendor, source: sheet}\n"
    "tile_m: {value: 256, grade: guess, source: why}\n"
    "tile_n: {value: 256, grade: guess, source: why}\n"
    "ports: {value: 18, grade: vendor, source: sheet}\n"
    "port_bw: {value: 56GB/s, grade: vendor, source: sheet}\n"
    "scaleup_bw: {value: 1008GB/s, grade: vendor, source: sheet}\n"
    "scaleout_bw: {value: 50GB/s, grade: vendor, source: sheet}\n"
    "payload_fraction: {value: [0.9, 0.94, 0.95], grade: guess, source: why}\n"
    "tdp: {value: [600W, 750W, 900W], grade: guess, source: why}\n"
    "idle: {value: 150W, grade: guess, source: why}\n";

static sp_status parse(const char *text, const sp_chip **chip, sp_arena *arena, sp_error *err)
{
    sp_doc *doc = NULL;
    sp_status status = sp_doc_parse(text, strlen(text), "my-chip.yaml", &doc, err);
    if (status == SP_OK)
        status = sp_chip_parse_with(sp_doc_root(doc), "catalog/families", arena, chip, err);
    sp_doc_destroy(doc);
    return status;
}

/* `good` with the first `from` replaced by `to`. */
static void edit(char *out, size_t size, const char *from, const char *to)
{
    const char *at = strstr(good, from);
    if (!at)
        fail_msg("'%s' is not in the good file", from);
    snprintf(out, size, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void place(const char *text, const char *mark, uint32_t *line, uint32_t *column)
{
    const char *at = strstr(text, mark);
    *line = 1;
    *column = 1;
    if (!at)
        fail_msg("'%s' is not in the edited file", mark);
    for (const char *p = text; p < at; p++) {
        *column = *p == '\n' ? 1 : *column + 1;
        *line += *p == '\n';
    }
}

/* from → to makes the fault; the error points at `mark` (in the edited text) and says `says`. */
static const struct { const char *from, *to, *mark, *says; } faults[] = {
    {"memory_bw:", "memory_bv:", "memory_bv", "memory_bw"},                                     /* unknown key, nearest    */
    {"title: My chip\n", "", "name:", "title"},                                                 /* missing key             */
    {"memory: {value: 144GB", "memory: {value: 144GHz", "GHz", "bytes"},                         /* wrong unit              */
    {"memory: {value: 144GB", "memory: {value: 144", ", grade: vendor, source: sheet}\nmemory_bw", "GB"},                              /* no unit                 */
    {"memory: {value: 144GB", "memory: {value: -144GB", "-144GB", "negative"},                  /* negative                */
    {"memory: {value: 144GB", "memory: {value: 0GB", "0GB", "above 0"},                         /* zero                    */
    {"vector: {value: 30TFLOP/s, grade: vendor, source: sheet}", "vector: {value: 30TFLOP/s, grade: vendor}", "{value: 30", "source"},
    {"vector: {value: 30TFLOP/s, grade: vendor", "vector: {value: 30TFLOP/s, grade: sure", "sure", "vendor"},
    {"vector: {value: 30TFLOP/s", "vector: {value: [9TFLOP/s, 5TFLOP/s, 30TFLOP/s]", "5TFLOP/s", "low"},
    {"cores: {value: 36", "cores: {value: 36.5", "36.5", "whole number"},                       /* half a core             */
    {"cores: {value: 36", "cores: {value: 36000000", "36000000", "whole number"},
    {"payload_fraction: {value: [0.9, 0.94, 0.95]", "payload_fraction: {value: 1.5", "1.5", "at most 1"},
    {"payload_fraction: {value: [0.9, 0.94, 0.95]", "payload_fraction: {value: 0", "0, grade", "above 0"},
    {"  fp8: {value: 1PFLOP/s", "  fp9: {value: 1PFLOP/s", "fp9", "did you mean 'fp8'"},        /* no such format          */
    {"  fp8: {value: 1.1PFLOP/s", "  int8: {value: 1.1PFLOP/s", "int8", "'matrix' has not"},    /* advertised, not native  */
    {"date: 2026Q4", "date: 2026Q5", "2026Q5", "2026-10"},
    {"date: 2026Q4", "date: 2026-13", "2026-13", "2026-10"},
    {"date: 2026Q4", "date: soon", "soon", "2026-10"},
    {"{date: 2026Q4, what: announced, source: keynote}", "{date: 2026Q4, what: announced}", "{date", "source"},
    {"{date: 2026Q4, what", "{date: 2026Q4, when: now, what", "when", "what"},
    {"  - {date: 2026Q4, what: announced, source: keynote}", "  []", "[]", "newest reading first"},
    {"  - {date: 2026Q4, what: announced, source: keynote}", "  - soon", "soon", "date, what and source"},
    {"family: hopper", "family: hoper", "hoper", "hoper.yaml"},
    {"family: hopper", "family: ../families/hopper", "../families/hopper", "without '/'"},
    {"dies: 1", "dies: 0", "0\navail", "1"},
    {"dies: 1", "dies: many", "many", "1"},
    {"title: My chip", "title: ''", "''", "empty"},
    {"name: my-chip", "name: [my-chip]", "[my-chip]", ""},
    {"port_bw: {value: 56GB/s", "port_bw: {value: 50GB/s", "name:", "within 2 %"},              /* 18 x 50 is not 1,008    */
    {"port_bw: {value: 56GB/s, grade: vendor, source: sheet}\n", "", "name:", "port_bw"},       /* ports without a rate    */
    {"idle: {value: 150W", "idle: {value: 800W", "name:", "TDP"},
    {"  bf16: {value: 500TFLOP/s, grade: vendor, source: sheet}\n", "", "name:", "neither a bf16"},
    {"  fp8: {value: 1.1PFLOP/s", "  fp8: {value: 100TFLOP/s", "name:", "far below"},
    {"vector: {value: 30TFLOP/s, grade: vendor, source: sheet}", "vector: 30TFLOP/s", "30TFLOP/s", "value"},
    {"cores: {value: 36", "cores: {value: 0", "name:", "at least 1"},
};

static void test_good(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_chip *chip = NULL;
    sp_error err = {0};
    if (parse(good, &chip, arena, &err) != SP_OK)
        fail_msg("%s", err.text);
    assert_string_equal(chip->name, "my-chip");
    assert_true(chip->matrix_flop_per_s[SP_FMT_FP8].nominal == 1e15);
    assert_true(chip->advertised_flop_per_s[SP_FMT_FP8].nominal == 1.1e15);
    assert_true(chip->advertised_flop_per_s[SP_FMT_BF16].nominal == 500e12);   /* not advertised apart: the matrix rate */
    assert_int_equal(chip->ports, 18);
    assert_int_equal(chip->price_usd.grade, SP_GRADE_NONE);
    assert_true(chip->tdp_w.low == 600.0 && chip->tdp_w.nominal == 750.0 && chip->tdp_w.high == 900.0);
    assert_string_equal(chip->facts[0].key, "matrix.bf16");
    sp_arena_destroy(arena);
}

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char text[8192];
        uint32_t line, column;
        sp_arena *arena = sp_arena_create();
        const sp_chip *chip = NULL;
        sp_error err = {0};
        edit(text, sizeof text, faults[i].from, faults[i].to);
        place(text, faults[i].mark, &line, &column);
        if (parse(text, &chip, arena, &err) == SP_OK)
            fail_msg("fault %zu (%s) was accepted", i, faults[i].to);
        assert_null(chip);
        if (err.line != line || err.column != column || !strstr(err.text, faults[i].says) || strcmp(err.file, "my-chip.yaml") != 0)
            fail_msg("fault %zu (%s): %s:%u:%u: %s\nexpected %u:%u and '%s'", i, faults[i].to, err.file, err.line, err.column,
                     err.text, line, column, faults[i].says);
        sp_arena_destroy(arena);
    }
}

static void test_not_a_map(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_chip *chip = NULL;
    sp_error err = {0};
    assert_int_equal(parse("- a\n- b\n", &chip, arena, &err), SP_E_INVAL);
    assert_int_equal(err.line, 1);
    assert_int_equal(sp_chip_load("catalog/chips/none.yaml", arena, &chip, &err), SP_E_IO);
    assert_null(chip);
    sp_arena_destroy(arena);
}

/* A chip's own fit: written in its file it stands before the family's, whole or in part, and is checked as strictly. */
static const char fit[] =
    "fit:\n"
    "  gemm_peak_fraction: {value: 0.5, grade: guess, source: why}\n"
    "  gemm_fill: {value: 1us, grade: guess, source: why}\n"
    "  gemm_fp8_fraction: {value: 1, grade: guess, source: why}\n"
    "  gemm_fp4_fraction: {value: 1, grade: guess, source: why}\n"
    "  attention_fwd_fraction: {value: 0.5, grade: guess, source: why}\n"
    "  attention_bwd_fraction: {value: 0.5, grade: guess, source: why}\n"
    "  attention_previous: {value: 0.5, grade: guess, source: why}\n"
    "  attention_fill: {value: 100, grade: guess, source: why}\n"
    "  attention_exp_overlap: {value: 0, grade: guess, source: why}\n"
    "  mem_fraction: {value: 0.8, grade: guess, source: why}\n"
    "  gather_fraction: {value: 0.5, grade: guess, source: why}\n"
    "  launch: {value: 2us, grade: guess, source: why}\n";

static void test_own_fit(void **state)
{
    (void)state;
    char text[8192];
    const sp_chip *chip = NULL;
    sp_arena *arena = sp_arena_create();
    sp_error err = {0};
    snprintf(text, sizeof text, "%s%s", good, fit);
    assert_int_equal(parse(text, &chip, arena, &err), SP_OK);
    assert_true(chip->fit.gemm_peak_fraction.nominal == 0.5 && chip->fit.launch_s.nominal == 2e-6);
    char *at = strstr(text, "value: 0.5");
    at[7] = '7';   /* 7.5 of peak */
    assert_int_equal(parse(text, &chip, arena, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "at most 1"));
    snprintf(text, sizeof text, "%s%s", good, "fit:\n  gemm_peak_fraction: {value: 0.5, grade: guess, source: why}\n");
    const sp_chip *plain = NULL;
    assert_int_equal(parse(text, &chip, arena, &err), SP_OK);
    assert_int_equal(parse(good, &plain, arena, &err), SP_OK);
    assert_true(chip->own_fit == 1 && plain->own_fit == 0 && chip->n_facts == plain->n_facts);
    assert_true(chip->fit.gemm_peak_fraction.nominal == 0.5 && plain->fit.gemm_peak_fraction.nominal != 0.5);
    assert_memory_equal(&chip->fit.gemm_fill_s.nominal, &plain->fit.gemm_fill_s.nominal, sizeof(double));
    snprintf(text, sizeof text, "%s%s", good, fit);
    at = strstr(text, "gemm_fill");
    memcpy(at, "gemm_fell", 9);
    assert_int_equal(parse(text, &chip, arena, &err), SP_E_PARSE);
    assert_non_null(strstr(err.text, "gemm_fill"));
    sp_arena_destroy(arena);
}

/* Chips outside the catalog read "../families" beside themselves, or the folder they are told. */
static void test_elsewhere(void **state)
{
    (void)state;
    char dir[] = "/tmp/superpod-chip-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/mine.yaml", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(good, file);
    fclose(file);
    sp_arena *arena = sp_arena_create();
    const sp_chip *chip = NULL;
    sp_error err = {0};
    assert_int_equal(sp_chip_load(path, arena, &chip, &err), SP_E_NOTFOUND);
    assert_non_null(strstr(err.text, "fit:"));
    assert_string_equal(err.file, path);
    assert_int_equal(err.line, 4);
    assert_int_equal(sp_chip_load_with(path, "catalog/families", arena, &chip, &err), SP_OK);
    sp_arena_destroy(arena);
    unlink(path);
    rmdir(dir);
}

/* Whichever allocation fails, reading ends with "no memory" and nothing is returned. */
static void test_no_memory(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; n < 500 && !done; n++) {
        sp_arena *arena = sp_arena_create();
        const sp_chip *chip = NULL;
        sp_error err = {0};
        sp_alloc_fail_after(n);
        sp_status status = sp_chip_load("catalog/chips/ascend-950dt.yaml", arena, &chip, &err);
        sp_alloc_fail_after(0);
        done = status == SP_OK;
        if (!done)
            assert_int_equal(status, SP_E_NOMEM);
        assert_true(done == (chip != NULL));
        sp_arena_destroy(arena);
    }
    assert_true(done);
}

static void test_formats(void **state)
{
    (void)state;
    sp_error err = {0};
    sp_format format = SP_FMT_N;
    for (int f = 0; f < SP_FMT_N; f++) {
        assert_int_equal(sp_format_parse(sp_format_name((sp_format)f), &format, &err), SP_OK);
        assert_int_equal(format, f);
    }
    assert_int_equal(sp_format_parse("bf61", &format, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "bf16"));
    assert_true(sp_format_bytes(SP_FMT_BF16) == 2.0 && sp_format_bytes(SP_FMT_MXFP8) == 33.0 / 32.0);
    assert_true(sp_format_bytes(SP_FMT_MXFP4) == 17.0 / 32.0 && sp_format_bytes(SP_FMT_NVFP4) == 9.0 / 16.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_faults), cmocka_unit_test(test_not_a_map), cmocka_unit_test(test_own_fit),
        cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
