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

typedef struct spelled { const char *hw_class, *kernel, *dtype, *shape, *note; } spelled;   /* shape: m,n,k,groups,batch,seq,heads,head_dim,bytes */

static double seconds_of(sp_arena *arena, const spelled *s, sp_study_kernel *row)
{
    char text[600];
    sp_csv *csv = NULL;
    double seconds = NAN;
    snprintf(text, sizeof text, "id,hw_class,hardware,kernel,dtype,m,n,k,groups,batch,seq,heads,head_dim,bytes,time_us,note\nA,%s,%s,%s,%s,%s,1,%s\n", s->hw_class,
             s->hw_class, s->kernel, s->dtype, s->shape, s->note);
    assert_int_equal(sp_csv_parse(text, strlen(text), "table.csv", &csv, NULL), SP_OK);
    assert_int_equal(sp_study_kernel_row(csv, 0, row, NULL), SP_OK);
    if (row->skip)
        fail_msg("%s of %s: %s", s->kernel, s->dtype, row->skip);
    assert_int_equal(sp_study_kernel_predict(chip_of(arena, row->chip), row, &seconds), SP_OK);
    sp_csv_destroy(csv);
    return seconds;
}

#define GEMM "4096,4096,7168,,,,,,"
#define HEADS ",,,,4,8192,32,128,"
#define PLANE "8192,4096,,,,,,,"

/* Words of the field for one thing give one time. */
static void test_spellings(void **state)
{
    (void)state;
    static const spelled pairs[][2] = {
        {{"H100", "gemm", "fp8", GEMM, ""}, {"H100", "scaled_mm", "float8_e4m3fn", GEMM, ""}},
        {{"H100", "gemm", "fp8", GEMM, ""}, {"H100", "GEMM", "FP8 (E4M3) -> bf16", GEMM, ""}},
        {{"H100", "gemm", "bf16", GEMM, ""}, {"H100", "matmul", "torch.bfloat16", GEMM, ""}},
        {{"H100", "gemm", "fp16", GEMM, ""}, {"H100", "cublasLt linear", "half", GEMM, ""}},
        {{"H100", "gemm", "int8", GEMM, ""}, {"H100", "mm", "w8a8", GEMM, ""}},
        {{"GB300", "gemm", "nvfp4", GEMM, ""}, {"GB300", "gemm", "NVFP4", GEMM, ""}},
        {{"H100", "gemm", "fp32", GEMM, ""}, {"H100", "gemm", "float32", GEMM, ""}},
        {{"Trn2", "gemm", "bf16", GEMM, ""}, {"Trainium2", "gemm", "BF16", GEMM, ""}},
        {{"H100", "attention_fwd", "bf16", HEADS, ""}, {"H100", "flash_attn_fwd", "bf16", HEADS, ""}},
        {{"H100", "attention_fwd_bwd_causal", "bf16", HEADS, ""}, {"H100", "sdpa forward+backward causal fwd", "bf16", HEADS, ""}},
        {{"H100", "attention_fwd_swa", "bf16", HEADS, "window 1024"}, {"H100", "attention_fwd_causal", "bf16", HEADS, "sliding window=1024"}},
        {{"H100", "attention_decode", "bf16", HEADS, "8 kv heads"}, {"H100", "paged_attention", "bf16", HEADS, "kv_heads=8"}},
        {{"H100", "rmsnorm", "bf16", PLANE, ""}, {"H100", "LayerNorm", "bf16", PLANE, ""}},
        {{"H100", "rmsnorm", "bf16", PLANE, ""}, {"H100", "rmsnorm", "bf16", ",4096,,,1,8192,,,", ""}}};
    sp_arena *arena = sp_arena_create();
    sp_study_kernel row;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        double a = seconds_of(arena, &pairs[i][0], &row), b = seconds_of(arena, &pairs[i][1], &row);
        if (!(a > 0) || a != b)
            fail_msg("%s of %s takes %g s, %s of %s %g s", pairs[i][0].kernel, pairs[i][0].dtype, a, pairs[i][1].kernel, pairs[i][1].dtype, b);
    }
    sp_arena_destroy(arena);
}

/* Counted by hand: keys in a window, keys and values of a decode step, passes over memory. */
static void test_what_is_counted(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    sp_study_kernel row;
    double causal = seconds_of(arena, &(spelled){"H100", "attention_fwd_causal", "bf16", HEADS, ""}, &row);
    double window = seconds_of(arena, &(spelled){"H100", "attention_fwd_causal", "bf16", HEADS, "window 1024"}, &row), pairs = 0;
    for (uint32_t q = 0; q < 8192; q++)
        pairs += q < 1024 ? q + 1 : 1024;
    assert_true(fabs(row.counted_flop / (4 * 32 * pairs * 4 * 128) - 1) < 1e-12);
    assert_true(window < 0.5 * causal);
    double decode = seconds_of(arena, &(spelled){"H100", "attention_decode", "bf16", HEADS, "8 kv heads"}, &row);
    double keys = 4.0 * 8 * 8192 * 2 * 128 * 2;
    assert_true(row.counted_bytes == keys && decode > keys / 3.35e12 && decode < 2 * keys / 3.35e12);
    double forward = seconds_of(arena, &(spelled){"H100", "rmsnorm_fwd", "bf16", PLANE, ""}, &row);
    assert_true(row.counted_bytes == 8192.0 * 4096 * 2 * 2);
    double both = seconds_of(arena, &(spelled){"H100", "rmsnorm_fwd_bwd", "bf16", PLANE, ""}, &row);
    assert_true(row.counted_bytes == 8192.0 * 4096 * 2 * 5 && both > 2.2 * forward && both < 2.6 * forward);
    seconds_of(arena, &(spelled){"H100", "fused adamw", "fp32", "1e9,,,,,,,,", ""}, &row);
    assert_true(row.counted_bytes == 28e9);
    seconds_of(arena, &(spelled){"H800", "grouped_gemm_masked", "fp8", "512,7168,2048,2,,,,,", ""}, &row);
    assert_true(row.counted_bytes == 2 * (512.0 * 2048 + 7168.0 * 2048 + 2 * 512.0 * 7168));   /* DeepGEMM prints 1405 GB/s beside 916 TFLOPS */
    assert_true(fabs(916e12 / row.counted_flop * row.counted_bytes / 1405e9 - 1) < 0.002);
    seconds_of(arena, &(spelled){"H100", "triad", "fp64", ",,,,,,,,1e9", ""}, &row);
    assert_true(row.counted_bytes == 3e9);
    double latent = seconds_of(arena, &(spelled){"H800", "mla_decode", "bf16", ",,,,128,8192,128,576,", ""}, &row);
    assert_null(row.assumed);
    double twice = seconds_of(arena, &(spelled){"H800", "mla_decode", "bf16", ",,,,128,16384,128,576,", ""}, &row);
    double open = seconds_of(arena, &(spelled){"H800", "mla_decode", "bf16", ",,,,,,,,", ""}, &row);
    assert_true(twice > 1.9 * latent && twice < 2.1 * latent && open == latent && row.assumed);   /* what is left open is this shape */
    double permuted = seconds_of(arena, &(spelled){"H100", "moe_permute", "bf16", PLANE, ""}, &row), whole, part;
    assert_true(permuted > 1.5 * forward);   /* rows at random */
    whole = seconds_of(arena, &(spelled){"H100", "gemm", "bf16", "16384,16384,8192,,,,,,", ""}, &row);
    part = seconds_of(arena, &(spelled){"H100-PCIe", "gemm", "bf16", "16384,16384,8192,,,,,,", ""}, &row);
    print_message("H100-PCIe takes %.3f times as long as SXM\n", part / whole);
    assert_true(part > 1.2 * whole && part < 1.4 * whole);
    sp_arena_destroy(arena);
}

static void test_bad_rows(void **state)
{
    (void)state;
    static const struct { const char *text, *says; sp_status status; } bad[] = {
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,many,1\n", "many", SP_E_PARSE},
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,-4,1\n", "-4", SP_E_RANGE},
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,4,1\n", "m, n and k", SP_OK},
        {"id,hw_class,hardware,kernel,m,tflops\nA,H100,H100,gemm,,\n", "util_pct", SP_OK},
        {"id,hw_class,hardware,kernel,dtype,m,n,k,tflops\nA,H100,H100,gemm,w4a16,4,4,4,1\n", "no format", SP_OK},
        {"id,hw_class,hardware,kernel,dtype,m,n,k,tflops\nA,H100,H100,gemm,fp64,4,4,4,1\n", "no format", SP_OK},
        {"id,hw_class,hardware,kernel,dtype,tflops\nA,H100,H100,rmsnorm,bf16,1\n", "no shape", SP_OK},
        {"id,hw_class,hardware,kernel,batch,seq,head_dim,tflops\nA,H100,H100,attention_swa,4,4,64,1\n", "window", SP_OK}};   /* listed as not expressed */
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
        cmocka_unit_test(test_errors), cmocka_unit_test(test_only_the_shape), cmocka_unit_test(test_spellings), cmocka_unit_test(test_what_is_counted), cmocka_unit_test(test_bad_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
