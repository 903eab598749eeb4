/* The open kernel measurements beside the operator model: how far off, and that nothing but a row's own shape is looked at. */
#include "superpod/study.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FILE_NAME "validation/kernels.csv"
#define ROWS_MAX 1024
#define MEDIAN_MAX 0.05    /* 3.2 % when fitted; another library's release moves a row by about as much */
#define TENTH_MAX 0.15     /* 10.2 % */

static const sp_chip *chip_of(sp_arena *arena, const char *name)
{
    char path[256];
    const sp_chip *chip = NULL;
    snprintf(path, sizeof path, "catalog/chips/%s.yaml", name);
    assert_int_equal(sp_chip_load(path, arena, &chip, NULL), SP_OK);
    return chip;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_errors(void **state)
{
    (void)state;
    sp_csv *csv = NULL;
    sp_arena *arena = sp_arena_create();
    static double error[ROWS_MAX];
    size_t n = 0, skipped = 0;
    assert_int_equal(sp_csv_load(FILE_NAME, &csv, NULL), SP_OK);
    for (size_t i = 0; i < sp_csv_rows(csv) && n < ROWS_MAX; i++) {
        sp_study_kernel row;
        sp_error err = {0};
        double predicted = NAN;
        if (sp_study_kernel_row(csv, i, &row, &err) != SP_OK)
            fail_msg("%s", err.text);
        if (row.skip) {
            skipped++;
            continue;
        }
        assert_int_equal(sp_study_kernel_predict(chip_of(arena, row.chip), &row, &predicted), SP_OK);
        assert_true(predicted > 0.0 && isfinite(predicted));
        error[n++] = fabs(predicted / row.measured - 1.0);
    }
    qsort(error, n, sizeof *error, by_size);
    print_message("%zu rows, median error %.1f %%, 90 %% within %.1f %%, %zu of chips not in the catalog\n", n,
                  100.0 * error[n / 2], 100.0 * error[(size_t)(0.9 * (double)(n - 1))], skipped);
    assert_true(n >= 150);
    assert_true(error[n / 2] < MEDIAN_MAX);
    assert_true(error[(size_t)(0.9 * (double)(n - 1))] < TENTH_MAX);
    sp_csv_destroy(csv);
    sp_arena_destroy(arena);
}

static const char table[] =
    "id,split,source,hardware,hw_class,kernel,m,n,k,dtype,tflops,gbs,time_us,util_pct,library,note,evidence\n"
    "A,open,x,H100,H100,gemm,4096,4096,4096,fp8,1000,,,,,,\n"
    "B,held-out,y,H100 at another site,H100,gemm,4096,4096,4096,fp8,1,,,,another,remark,secondary\n"
    "C,open,x,H100,H100,gemm,4096,4096,4096,fp8,,,137.438953472,,,,\n"
    "D,open,x,Ascend 910C die,Ascend-910C,gemm,4096,4096,4096,int8,,,,60-80,,,\n"
    "E,open,x,Ascend 910C,Ascend-910C,gemm,4096,4096,4096,int8,500,,,,,,\n"
    "F,open,x,Nobody's,Unheard-of,gemm,4096,4096,4096,fp8,500,,,,,,\n"
    "G,open,x,H100,H100,fft,4096,4096,4096,fp8,500,,,,,,\n";

static void predict(sp_arena *arena, const sp_csv *csv, size_t row, sp_study_kernel *kernel, double *out)
{
    assert_int_equal(sp_study_kernel_row(csv, row, kernel, NULL), SP_OK);
    assert_int_equal(sp_study_kernel_predict(chip_of(arena, kernel->chip), kernel, out), SP_OK);
}

/* Same shape, other id, split, source and measured value: same prediction. The metric is only another way to say it. */
static void test_only_the_shape(void **state)
{
    (void)state;
    sp_csv *csv = NULL;
    sp_arena *arena = sp_arena_create();
    sp_study_kernel k;
    double a, b, c, d, e;
    assert_int_equal(sp_csv_parse(table, strlen(table), "table.csv", &csv, NULL), SP_OK);
    predict(arena, csv, 0, &k, &a);
    assert_int_equal(k.metric, SP_STUDY_FLOP_PER_S);
    predict(arena, csv, 1, &k, &b);
    assert_true(a == b);
    predict(arena, csv, 2, &k, &c);
    assert_int_equal(k.metric, SP_STUDY_SECONDS);
    assert_true(fabs(a * c / (2.0 * 4096.0 * 4096.0 * 4096.0) - 1.0) < 1e-12);
    predict(arena, csv, 3, &k, &d);
    assert_int_equal(k.metric, SP_STUDY_FLOP_SHARE);
    assert_true(k.share == 0.5 && fabs(k.measured - 0.7) < 1e-12 && d > 0.0 && d < 1.0);
    predict(arena, csv, 4, &k, &e);
    assert_true(k.share == 1.0 && e > d * 752e12);   /* two dies do more than one */
    for (size_t row = 5; row < 7; row++) {
        assert_int_equal(sp_study_kernel_row(csv, row, &k, NULL), SP_OK);
        assert_non_null(k.skip);
        assert_null(k.chip);
    }
    sp_csv_destroy(csv);
    sp_arena_destroy(arena);
}

static void test_bad_rows(void **state)
{
    (void)state;
    static const struct { const char *text, *says; sp_status status; } bad[] = {
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,many,1\n", "many", SP_E_PARSE},
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,-4,1\n", "-4", SP_E_RANGE},
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,4,1\n", "m, n and k", SP_OK},
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,,\n", "util_pct", SP_OK}};   /* listed as not expressed */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sp_csv *csv = NULL;
        sp_study_kernel k;
        sp_error err = {0};
        assert_int_equal(sp_csv_parse(bad[i].text, strlen(bad[i].text), "bad.csv", &csv, NULL), SP_OK);
        assert_int_equal(sp_study_kernel_row(csv, 0, &k, &err), bad[i].status);
        assert_non_null(strstr(bad[i].status == SP_OK ? k.skip : err.text, bad[i].says));
        assert_true(bad[i].status == SP_OK || err.line == 2);
        sp_csv_destroy(csv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors), cmocka_unit_test(test_only_the_shape), cmocka_unit_test(test_bad_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
