/* Software product lines as files: the defaults of vendors, what a line may say, what is refused and where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "superpod/topo.h"

#define FACTOR(v) "{value: " v ", grade: guess, source: \"s\"}"
#define GOOD "name: x\nabout: y\nmatrix_factor: " FACTOR("1.0") "\nattention_factor: " FACTOR("1.2") "\nvector_factor: " FACTOR("1.3") \
             "\ncomm_factor: " FACTOR("1.1") "\nhost_op: " FACTOR("2us") "\n"

/* Loads the text as the only line of a catalog with the committed chips. What it says lives as long as the catalog: the library's name is
 * copied out. */
typedef struct loaded { sp_software line; char dispatch[32]; } loaded;

static sp_status load(const char *text, loaded *out, sp_error *err)
{
    char dir[] = "/tmp/superpod-software-XXXXXX", path[128], chips[4096], families[4096], root[3072];
    assert_non_null(getcwd(root, sizeof root));
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/software", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/chips", dir);
    snprintf(chips, sizeof chips, "%s/catalog/chips", root);
    assert_int_equal(symlink(chips, path), 0);
    snprintf(path, sizeof path, "%s/families", dir);
    snprintf(families, sizeof families, "%s/catalog/families", root);
    assert_int_equal(symlink(families, path), 0);
    snprintf(path, sizeof path, "%s/software/x.yaml", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    sp_catalog *catalog;
    const sp_machine *m = NULL;
    assert_int_equal(sp_catalog_open(dir, &catalog, err), SP_OK);
    sp_status status = sp_catalog_machine(catalog, "switch:2@1GB/s,1us chip=h100", &m, err);
    if (status == SP_OK) {
        out->line = *sp_machine_software(m, "x");
        snprintf(out->dispatch, sizeof out->dispatch, "%s", out->line.dispatch ? out->line.dispatch : "none");
    }
    sp_catalog_close(catalog);
    unlink(path);
    snprintf(path, sizeof path, "%s/software", dir);
    rmdir(path);
    snprintf(path, sizeof path, "%s/chips", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/families", dir);
    unlink(path);
    rmdir(dir);
    return status;
}

static void vendors_have_a_default(void **state)
{
    (void)state;
    sp_catalog *catalog;
    const sp_machine *m;
    assert_int_equal(sp_catalog_open("catalog", &catalog, NULL), SP_OK);
    static const struct { const char *chip, *line; } rows[] = {{"h100", "megatron-bridge"}, {"mi300x", "rocm-megatron"}, {"tpu-v5p", "maxtext"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "switch:2@1GB/s,1us chip=%s", rows[i].chip);
        assert_int_equal(sp_catalog_machine(catalog, text, &m, NULL), SP_OK);
        assert_string_equal(sp_machine_software(m, NULL)->name, rows[i].line);
    }
    assert_null(sp_machine_software(m, "megatron"));
    sp_catalog_close(catalog);
}

static void what_is_not_said_has_its_default(void **state)
{
    (void)state;
    loaded got;
    const sp_software *line = &got.line;
    sp_error err = {0};
    assert_int_equal(load(GOOD, &got, &err), SP_OK);
    assert_true(line->gradient_bytes == 2 && !line->dispatch_dense);
    assert_string_equal(got.dispatch, "none");
    assert_true(line->route_factor.grade == SP_GRADE_NONE && line->quantise_factor.grade == SP_GRADE_NONE &&
                line->expert_bias_factor.grade == SP_GRADE_NONE && line->yarn_factor.grade == SP_GRADE_NONE);
    assert_int_equal(load(GOOD "gradient_wire: fp32\ndispatch: deepep\ndispatch_dense: true\nquantise_factor: " FACTOR("4.0") "\nexpert_bias_factor: " FACTOR("9.0") "\nyarn_factor: " FACTOR("4.5") "\nattention_kernels: ampere\n", &got, &err), SP_OK);
    assert_true(line->gradient_bytes == 4 && line->dispatch_dense && line->quantise_factor.nominal == 4 && line->expert_bias_factor.nominal == 9 && line->yarn_factor.nominal == 4.5);
    assert_string_equal(got.dispatch, "deepep");
}

static void faults_point_at_their_place(void **state)
{
    (void)state;
    static const struct { const char *text, *says; uint32_t line; } rows[] = {
        {"[1]\n", "no map", 1},
        {GOOD "colour: red\n", "colour", 8},
        {GOOD "gradient_wire: fp8\n", "expected bf16, fp16 or fp32", 8},
        {GOOD "gradient_wire: wide\n", "found gradient_wire 'wide'", 8},
        {GOOD "quantise_factor: " FACTOR("0.1") "\n", "found quantise_factor", 8},
        {GOOD "route_factor: " FACTOR("-1.0") "\n", "negative", 8},
        {GOOD "attention_kernels: [ampere]\n", "expected", 8},
        {GOOD "dispatch: [deepep]\n", "expected", 8},
        {GOOD "dispatch_dense: some\n", "some", 8},
        {"name: x\nabout: y\nmatrix_factor: " FACTOR("0.1") "\n", "found matrix_factor", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        loaded got;
        sp_error err = {0};
        if (load(rows[i].text, &got, &err) == SP_OK || !strstr(err.text, rows[i].says) || err.line != rows[i].line)
            fail_msg("row %zu: line %u, '%s'", i, err.line, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vendors_have_a_default), cmocka_unit_test(what_is_not_said_has_its_default),
                                       cmocka_unit_test(faults_point_at_their_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
