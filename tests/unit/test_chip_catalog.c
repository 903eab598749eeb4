/* Every chip of the catalog loads, keeps its invariants and says what the project promises of it. */
#include "superpod/chip.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const names[] = {
    "ascend-910b", "ascend-910c", "ascend-950pr", "ascend-950pr-28", "ascend-950dt", "ascend-950dt-32", "ascend-950dt-28",
    "ascend-960", "ascend-970", "a100", "a100-40g", "h100", "h100-96g", "h800", "h20", "h200", "b200", "b300", "gb200", "gb300", "rubin", "rubin-ultra",
    "mi300x", "mi325x", "mi350x", "mi355x", "mi455x", "tpu-v4", "tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-v7", "tpu-8t", "tpu-8i", "trn2", "trn3"};
#define COUNT (sizeof names / sizeof *names)

static const sp_chip *load(sp_arena *arena, const char *name)
{
    char path[256];
    const sp_chip *chip = NULL;
    sp_error err = {0};
    snprintf(path, sizeof path, "catalog/chips/%s.yaml", name);
    if (sp_chip_load(path, arena, &chip, &err) != SP_OK) {
        char text[1200];
        sp_error_format(&err, text, sizeof text);
        fail_msg("%s", text);
    }
    return chip;
}

static void test_all_load(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    for (size_t i = 0; i < COUNT; i++) {
        const sp_chip *chip = load(arena, names[i]);
        assert_string_equal(chip->name, names[i]);
        sp_error err = {0};
        assert_int_equal(sp_chip_check(chip, &err), SP_OK);
        assert_true(chip->n_facts > 20);
        for (uint32_t f = 0; f < chip->n_facts; f++) {
            assert_non_null(chip->facts[f].value.source);
            assert_true(strlen(chip->facts[f].value.source) > 1);
        }
    }
    sp_arena_destroy(arena);
}

static void test_no_other_files(void **state)
{
    (void)state;
    DIR *dir = opendir("catalog/chips");
    assert_non_null(dir);
    size_t files = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        files += dot && strcmp(dot, ".yaml") == 0;
    }
    closedir(dir);
    assert_int_equal(files, COUNT);
}

/* T1: 18 ports x 4 lanes x 112 Gb/s; T3: 8,192 chips make 8.47 EF FP8 and 16.4 EF FP4 as advertised. */
static void test_ascend_950(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_chip *dt = load(arena, "ascend-950dt");
    assert_int_equal(dt->ports, 18);
    assert_true(18.0 * 4.0 * 112e9 / 8.0 == dt->scaleup_bw_bytes_per_s.nominal);
    assert_true(dt->ports * dt->port_bw_bytes_per_s.nominal == 1008e9);
    assert_true(fabs(8192 * dt->advertised_flop_per_s[SP_FMT_FP8].nominal - 8.47e18) < 0.005e18);
    assert_true(fabs(8192 * dt->advertised_flop_per_s[SP_FMT_MXFP4].nominal - 16.44e18) < 0.01e18);
    assert_true(dt->matrix_flop_per_s[SP_FMT_FP8].nominal == 973e12);
    assert_int_equal(dt->matrix_flop_per_s[SP_FMT_HIF4].grade, SP_GRADE_NONE);
    assert_true(8192 * dt->mem_bytes.nominal == 1179648e9);                  /* T4 */
    const sp_chip *next = load(arena, "ascend-960");
    assert_true(fabs(15488 * next->mem_bytes.nominal - 4460.5e12) < 0.1e12); /* T21 */
    assert_true(next->matrix_flop_per_s[SP_FMT_HIF4].grade != SP_GRADE_NONE);
    sp_arena_destroy(arena);
}

static void test_stand_ins(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_chip *a100 = load(arena, "a100"), *h100 = load(arena, "h100"), *dt = load(arena, "ascend-950dt");
    sp_format f;
    assert_false(sp_chip_has_format(a100, SP_FMT_FP8, &f));
    assert_int_equal(f, SP_FMT_BF16);
    assert_false(sp_chip_has_format(h100, SP_FMT_MXFP8, &f));
    assert_int_equal(f, SP_FMT_FP8);
    assert_false(sp_chip_has_format(dt, SP_FMT_NVFP4, &f));
    assert_int_equal(f, SP_FMT_MXFP4);
    assert_true(sp_chip_has_format(dt, SP_FMT_HIF8, &f));
    assert_int_equal(f, SP_FMT_HIF8);
    for (size_t i = 0; i < COUNT; i++) {   /* every format has somewhere to run on every chip */
        const sp_chip *chip = load(arena, names[i]);
        for (int want = 0; want < SP_FMT_N; want++) {
            sp_chip_has_format(chip, (sp_format)want, &f);
            assert_true(chip->matrix_flop_per_s[f].grade != SP_GRADE_NONE);
        }
    }
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_load), cmocka_unit_test(test_no_other_files), cmocka_unit_test(test_ascend_950),
        cmocka_unit_test(test_stand_ins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
