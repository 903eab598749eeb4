/* Laws of the operator model on every chip of the catalog and random operators: bounds, scaling, monotony, special cases
 * computed another way. The seed is printed on failure. */
#include "superpod/chip.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SEED 20261122u
#define CASES 4000
#define CHIPS_MAX 64
#define SLACK 1e-9    /* relative: rounding of a dozen operations */

static sp_arena *arena;
static const sp_chip *chips[CHIPS_MAX];
static size_t n_chips;

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const sp_chip *const *)a)->name, (*(const sp_chip *const *)b)->name);
}

static int load_all(void **state)
{
    (void)state;
    arena = sp_arena_create();
    DIR *dir = opendir("catalog/chips");
    if (!arena || !dir)
        return -1;
    for (struct dirent *e; (e = readdir(dir)) != NULL && n_chips < CHIPS_MAX;) {
        char path[512];
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".yaml") != 0)
            continue;
        snprintf(path, sizeof path, "catalog/chips/%s", e->d_name);
        if (sp_chip_load(path, arena, &chips[n_chips++], NULL) != SP_OK)
            return -1;
    }
    closedir(dir);
    qsort(chips, n_chips, sizeof *chips, by_name);   /* folders list in any order */
    return n_chips > 0 ? 0 : -1;
}

static int free_all(void **state)
{
    (void)state;
    sp_arena_destroy(arena);
    return 0;
}

/* A size spread evenly over its logarithm. */
static uint64_t spread(sp_rng *rng, double low, double high)
{
    return (uint64_t)(low * pow(high / low, sp_rng_unit(rng)));
}

static sp_op random_op(sp_rng *rng)
{
    sp_op op = {.kind = (sp_op_kind)sp_rng_below(rng, SP_OP_KINDS), .format = (sp_format)sp_rng_below(rng, SP_FMT_N),
                .out_format = SP_FMT_BF16, .groups = (uint32_t)spread(rng, 1, 64)};
    op.m = spread(rng, 1, 65536);
    op.n = spread(rng, 1, 65536);
    op.k = spread(rng, 1, 65536);
    op.batch = spread(rng, 1, 64);
    op.kv_heads = spread(rng, 1, 32);
    op.heads = op.kv_heads * spread(rng, 1, 32);
    op.q_len = spread(rng, 1, 32768);
    op.kv_len = spread(rng, 1, 65536);
    op.d_qk = (uint32_t)spread(rng, 16, 600);
    op.d_v = (uint32_t)spread(rng, 16, 600);
    op.causal = sp_rng_below(rng, 2);
    op.backward = sp_rng_below(rng, 2);
    op.window = sp_rng_below(rng, 2) ? spread(rng, 1, 65536) : 0;
    op.bytes = (double)spread(rng, 1, 1e12);
    op.flop = (double)spread(rng, 1, 1e13);
    return op;
}

static double time_of(const sp_chip *chip, const sp_op *op)
{
    sp_op_cost cost;
    assert_int_equal(sp_chip_op_cost(chip, op, &cost), SP_OK);
    return cost.time_s;
}

static void demand(bool ok, const char *law, const sp_chip *chip, const sp_op *op, uint32_t i)
{
    if (!ok)
        fail_msg("%s: %s, seed %u case %u: kind %d g%u m%lu n%lu k%lu b%lu h%lu/%lu q%lu kv%lu d%u/%u w%lu causal %d backward %d",
                 law, chip->name, SEED, i, op->kind, op->groups, (unsigned long)op->m, (unsigned long)op->n,
                 (unsigned long)op->k, (unsigned long)op->batch, (unsigned long)op->heads, (unsigned long)op->kv_heads,
                 (unsigned long)op->q_len, (unsigned long)op->kv_len, op->d_qk, op->d_v, (unsigned long)op->window, op->causal,
                 op->backward);
}

static void test_bounds(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 1);
    for (uint32_t i = 0; i < CASES; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng);
        sp_op_cost c;
        sp_format ran_in;
        assert_int_equal(sp_chip_op_cost(chip, &op, &c), SP_OK);
        sp_chip_has_format(chip, op.format, &ran_in);
        double peak = op.kind == SP_OP_GEMM || op.kind == SP_OP_ATTENTION ? chip->matrix_flop_per_s[ran_in].nominal
                                                                          : chip->vector_flop_per_s.nominal;
        demand(isfinite(c.time_s) && c.time_s > 0.0, "finite and above 0", chip, &op, i);
        demand(c.time_s >= c.flop / peak * (1.0 - SLACK), "no faster than the peak", chip, &op, i);
        demand(c.time_s >= c.bytes / chip->mem_bw_bytes_per_s.nominal * (1.0 - SLACK), "no faster than memory", chip, &op, i);
        demand(c.time_s >= c.launch_time_s, "no faster than a launch", chip, &op, i);
        demand(c.time_s <= (c.matrix_time_s + c.mem_time_s + c.launch_time_s) * (1.0 + SLACK), "no slower than the sum", chip, &op, i);
        demand(c.energy_j >= chip->idle_w.nominal * c.time_s * (1.0 - SLACK) &&
               c.energy_j <= chip->tdp_w.nominal * c.time_s * (1.0 + SLACK), "power between idle and TDP", chip, &op, i);
        demand(c.limit && (!strcmp(c.limit, "matrix") || !strcmp(c.limit, "memory") || !strcmp(c.limit, "launch") ||
                           !strcmp(c.limit, "vector")), "limit has a name", chip, &op, i);
    }
}

/* All rates times k and all fixed times over k: every time is over k. Rates alone times 2: never slower. */
static void test_scaling(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 2);
    for (uint32_t i = 0; i < CASES; i++) {
        sp_chip fast = *chips[i % n_chips];
        sp_op op = random_op(&rng);
        double before = time_of(&fast, &op), k = 2.0;
        for (int f = 0; f < SP_FMT_N; f++)
            fast.matrix_flop_per_s[f].nominal *= k;
        fast.vector_flop_per_s.nominal *= k;
        fast.exp_per_s.nominal *= k;
        fast.mem_bw_bytes_per_s.nominal *= k;
        demand(time_of(&fast, &op) <= before * (1.0 + SLACK), "twice the rates is not slower", chips[i % n_chips], &op, i);
        fast.fit.launch_s.nominal /= k;
        fast.fit.gemm_fill_s.nominal /= k;
        demand(fabs(time_of(&fast, &op) * k / before - 1.0) < 1e-6, "all rates x k is all times / k", chips[i % n_chips], &op, i);
    }
}

/* Each better ingredient alone never makes anything slower. */
static void test_each_rate(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 3);
    for (uint32_t i = 0; i < CASES; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng);
        double before = time_of(chip, &op);
        for (int part = 0; part < 6; part++) {
            sp_chip better = *chip;
            if (part == 0)
                for (int f = 0; f < SP_FMT_N; f++)
                    better.matrix_flop_per_s[f].nominal *= 1.7;
            double *slot[] = {NULL, &better.vector_flop_per_s.nominal, &better.exp_per_s.nominal, &better.mem_bw_bytes_per_s.nominal,
                              &better.l2_bytes.nominal, &better.fit.launch_s.nominal};
            if (part > 0)
                *slot[part] *= part == 5 ? 1.0 / 1.7 : 1.7;
            demand(time_of(&better, &op) <= before * (1.0 + SLACK), "a better part is not slower", chip, &op, i);
        }
    }
}

/* More work is never faster: m, n, k and groups of a GEMM; batch, queries and keys of attention; bytes and FLOPs. */
static void test_monotone(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 4);
    for (uint32_t i = 0; i < CASES; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng), more = op;
        double before = time_of(chip, &op);
        switch (sp_rng_below(&rng, 4)) {
        case 0: more.m += 1 + sp_rng_below(&rng, op.m); more.batch++; more.bytes *= 1.5; break;
        case 1: more.n += 1 + sp_rng_below(&rng, op.n); more.kv_len += 1 + sp_rng_below(&rng, op.kv_len); more.flop *= 1.5; break;
        case 2: more.k += 1 + sp_rng_below(&rng, op.k); more.d_v++; more.count = 2; break;
        default: more.groups++; more.d_qk++; more.bytes += 1.0; break;
        }
        if (op.causal && more.kv_len != op.kv_len && op.q_len > op.kv_len)
            continue;   /* queries beyond the keys see nothing: more keys is another mask */
        demand(time_of(chip, &more) >= before * (1.0 - SLACK), "more work is not faster", chip, &op, i);
    }
}

/* g groups in one launch are never slower than g launches, and count multiplies. */
static void test_groups_and_count(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 5);
    for (uint32_t i = 0; i < CASES; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng);
        op.kind = SP_OP_GEMM;
        sp_op one = op;
        one.groups = 1;
        one.count = op.groups;
        demand(time_of(chip, &op) <= time_of(chip, &one) * (1.0 + SLACK), "a grouped GEMM is not slower than its groups", chip, &op, i);
        sp_op single = one;
        single.count = 0.0;
        demand(fabs(time_of(chip, &one) / time_of(chip, &single) / op.groups - 1.0) < SLACK, "count multiplies", chip, &op, i);
    }
}

/* Keys seen, counted query by query. */
static double seen_by_counting(const sp_op *op)
{
    double sum = 0.0;
    for (uint64_t q = 0; q < op->q_len; q++) {
        int64_t last = op->causal ? (int64_t)op->kv_len - (int64_t)op->q_len + (int64_t)q : (int64_t)op->kv_len - 1;
        int64_t n = last + 1;
        if (n < 0)
            n = 0;
        if (op->window && n > (int64_t)op->window)
            n = (int64_t)op->window;
        sum += (double)n;
    }
    return sum;
}

static void test_attention_work(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 6);
    for (uint32_t i = 0; i < 1000; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng);
        op.kind = SP_OP_ATTENTION;
        op.q_len = 1 + sp_rng_below(&rng, 50);
        op.kv_len = 1 + sp_rng_below(&rng, 50);
        op.window = sp_rng_below(&rng, 2) ? 1 + sp_rng_below(&rng, 60) : 0;
        double flop = (double)op.batch * (double)op.heads * seen_by_counting(&op) * 2.0 * (op.d_qk + op.d_v) * (op.backward ? 2.5 : 1.0);
        sp_op_cost cost;
        assert_int_equal(sp_chip_op_cost(chip, &op, &cost), SP_OK);
        demand(fabs(cost.flop - flop) <= 1e-9 * flop, "FLOPs as counted query by query", chip, &op, i);
    }
}

static void test_attention_masks(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 7);
    for (uint32_t i = 0; i < CASES; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng);
        op.kind = SP_OP_ATTENTION;
        op.causal = false;
        op.window = 0;
        double full = time_of(chip, &op);
        sp_op masked = op;
        masked.causal = true;
        demand(time_of(chip, &masked) <= full * (1.0 + SLACK), "causal is not slower than full", chip, &op, i);
        masked.causal = false;
        masked.window = op.kv_len;
        demand(fabs(time_of(chip, &masked) / full - 1.0) < SLACK, "a window of all keys is no window", chip, &op, i);
        masked.window = 1 + sp_rng_below(&rng, op.kv_len);
        demand(time_of(chip, &masked) <= full * (1.0 + SLACK), "a window is not slower than full", chip, &op, i);
        op.backward = false;
        masked = op;
        masked.backward = true;
        demand(time_of(chip, &masked) >= time_of(chip, &op) * (1.0 - SLACK), "backward is not faster than forward", chip, &op, i);
    }
}

/* A format that the chip lacks takes the stand-in's matrix time. */
static void test_stand_in_time(void **state)
{
    (void)state;
    for (size_t c = 0; c < n_chips; c++) {
        for (int f = 0; f < SP_FMT_N; f++) {
            sp_format native;
            sp_chip_has_format(chips[c], (sp_format)f, &native);
            sp_op op = {.kind = SP_OP_GEMM, .format = (sp_format)f, .out_format = SP_FMT_BF16, .groups = 1, .m = 4096, .n = 4096, .k = 4096};
            sp_op_cost as_asked, as_native;
            assert_int_equal(sp_chip_op_cost(chips[c], &op, &as_asked), SP_OK);
            op.format = native;
            assert_int_equal(sp_chip_op_cost(chips[c], &op, &as_native), SP_OK);
            assert_true(as_asked.matrix_time_s == as_native.matrix_time_s);
        }
    }
}

/* One GEMM by hand on a chip of round numbers: 10 cores of 1 TFLOP/s with tiles of 100 x 100, 1 TB/s, no losses. */
static void test_by_hand(void **state)
{
    (void)state;
    sp_chip chip = *chips[0];
    for (int f = 0; f < SP_FMT_N; f++)
        chip.matrix_flop_per_s[f] = sp_value_of(10e12, SP_GRADE_GUESS, "test");
    chip.cores = 10;
    chip.tile_m = chip.tile_n = 100;
    chip.mem_bw_bytes_per_s.nominal = 1e12;
    chip.l2_bytes.nominal = 1.0;
    chip.fit.gemm_peak_fraction.nominal = chip.fit.mem_fraction.nominal = chip.fit.gemm_fp8_fraction.nominal = 1.0;
    chip.fit.gemm_fill_s.nominal = 1e-6;
    chip.fit.launch_s.nominal = 2e-6;
    sp_op op = {.kind = SP_OP_GEMM, .format = SP_FMT_FP8, .out_format = SP_FMT_BF16, .groups = 1, .m = 400, .n = 500, .k = 1000};
    sp_op_cost cost;
    assert_int_equal(sp_chip_op_cost(&chip, &op, &cost), SP_OK);
    /* 4 x 5 tiles on 10 cores: 2 waves of 2 x 100 x 100 x 1000 / 1e12 = 20 us, and 1 us each to fill */
    assert_true(fabs(cost.matrix_time_s - 42e-6) < 1e-12);
    assert_true(cost.flop == 4e8);
    /* a block of 10 tiles spans 316 x 316: A is read 500 / 316 times, B 400 / 316 times, C written once */
    double side = sqrt(10.0 * 100.0 * 100.0);
    assert_true(fabs(cost.bytes - (400e3 * 500.0 / side + 500e3 * 400.0 / side + 400e3)) < 1e-3);
    assert_true(fabs(cost.time_s - (cbrt(pow(42e-6, 3) + pow(cost.bytes / 1e12, 3)) + 2e-6)) < 1e-12);
}

static void test_refused(void **state)
{
    (void)state;
    const sp_op bad[] = {
        {.kind = SP_OP_GEMM, .groups = 0, .m = 1, .n = 1, .k = 1}, {.kind = SP_OP_GEMM, .groups = 1, .m = 0, .n = 1, .k = 1},
        {.kind = SP_OP_GEMM, .groups = 1, .m = 1, .n = 0, .k = 1}, {.kind = SP_OP_GEMM, .groups = 1, .m = 1, .n = 1, .k = 0},
        {.kind = SP_OP_GEMM, .groups = 1, .m = 1, .n = 1, .k = 1, .count = -1.0},
        {.kind = SP_OP_GEMM, .groups = 1, .m = 1, .n = 1, .k = 1, .count = NAN},
        {.kind = SP_OP_GEMM, .groups = 1, .m = 1, .n = 1, .k = 1, .format = SP_FMT_N},
        {.kind = SP_OP_ATTENTION, .batch = 1, .heads = 3, .kv_heads = 2, .q_len = 1, .kv_len = 1, .d_qk = 1, .d_v = 1},
        {.kind = SP_OP_ATTENTION, .batch = 1, .heads = 1, .kv_heads = 1, .q_len = 0, .kv_len = 1, .d_qk = 1, .d_v = 1},
        {.kind = SP_OP_ATTENTION, .batch = 1, .heads = 1, .kv_heads = 1, .q_len = 1, .kv_len = 1, .d_qk = 1, .d_v = 0},
        {.kind = SP_OP_VECTOR}, {.kind = SP_OP_VECTOR, .bytes = -1.0}, {.kind = SP_OP_GATHER, .bytes = INFINITY},
        {.kind = SP_OP_VECTOR, .bytes = NAN}, {.kind = SP_OP_KINDS}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sp_op_cost cost = {.time_s = -7.0};
        assert_int_equal(sp_chip_op_cost(chips[0], &bad[i], &cost), SP_E_INVAL);
        assert_true(cost.time_s == -7.0);
    }
}

/* What is explained is what is charged. */
static void test_explain(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(SEED, 8);
    for (uint32_t i = 0; i < 200; i++) {
        const sp_chip *chip = chips[i % n_chips];
        sp_op op = random_op(&rng);
        sp_explain *x = sp_explain_create();
        assert_int_equal(sp_chip_op_explain(chip, &op, x, -1), SP_OK);
        assert_true(sp_explain_count(x) >= 6);
        demand(sp_explain_at(x, 0)->value == time_of(chip, &op), "explained time is the time", chip, &op, i);
        sp_explain_destroy(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_scaling), cmocka_unit_test(test_each_rate), cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_groups_and_count), cmocka_unit_test(test_attention_work), cmocka_unit_test(test_attention_masks),
        cmocka_unit_test(test_stand_in_time), cmocka_unit_test(test_by_hand), cmocka_unit_test(test_refused), cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests(tests, load_all, free_all);
}
