/* Closed forms of the cluster manager against brute force and published tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/cluster.h"

#define RSC_NODE_PER_S (6.5 / 1000 / 86400)   /* Meta RSC-1: 6.5 failures per 1,000 node-days (arXiv 2410.21680) */

static double best_ettr(double chips, double c, double r)
{
    double m = 1 / (chips / 8 * RSC_NODE_PER_S);
    return 100 * sp_cluster_ettr(m, sp_cluster_interval(m, c), c, r);
}

/* Percent, with the best interval, by chips x (checkpoint, restart). The same table as of the exact formula evaluated by a
 * numerical search of t. */
static void ettr_table(void **state)
{
    (void)state;
    static const double cost[5][2] = {{120, 900}, {30, 600}, {30, 60}, {1, 60}, {1, 10}};
    static const struct { double chips, percent[5]; } row[] = {
        {8192, {81.2, 89.1, 92.9, 98.3, 98.7}}, {65536, {38.1, 56.6, 79.0, 93.0, 95.9}},
        {131072, {18.1, 35.9, 69.9, 88.3, 94.0}}, {524288, {0.3, 2.9, 40.9, 67.2, 86.0}}};
    print_message("ETTR, %% (published):");
    for (int j = 0; j < 5; j++) print_message("   C %3.0f s, R %3.0f s", cost[j][0], cost[j][1]);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        print_message("\n%7.0f chips        ", row[i].chips);
        for (int j = 0; j < 5; j++) {
            double ours = best_ettr(row[i].chips, cost[j][0], cost[j][1]);
            print_message("   %6.2f (%4.1f)   ", ours, row[i].percent[j]);
            assert_float_equal(ours, row[i].percent[j], 0.0501);
        }
    }
    print_message("\n");
    assert_float_equal(sp_cluster_interval(203, 1), 19, 1);
}

/* No interval of a fine grid beats the closed form; without checkpoint cost it is 0, with a huge one it is the MTBF. */
static void interval_is_the_best(void **state)
{
    (void)state;
    for (double c = 0.1; c < 5000; c *= 3) {
        double m = 1000, best = sp_cluster_interval(m, c), at_best = sp_cluster_ettr(m, best, c, 60);
        for (double t = 0.01; t < 20000; t *= 1.01) assert_true(sp_cluster_ettr(m, t, c, 60) <= at_best * (1 + 1e-12));
        assert_true(best <= m);
        assert_true(best >= sqrt(2 * c * m) - c - 1e-9 || c > m / 2);   /* Daly's first correction of Young's interval */
    }
    assert_float_equal(sp_cluster_interval(1e9, 1e-3), sqrt(2e6), 1);   /* Young's limit */
    assert_true(isinf(sp_cluster_interval(INFINITY, 1)));
    assert_float_equal(sp_cluster_ettr(INFINITY, 99, 1, 1000), 0.99, 1e-12);
}

/* Published projections: 16,384 GPUs 1.8 h (arXiv 2410.21680). Their 131,072 at 0.23 h follows as well. */
static void meta_mttf(void **state)
{
    (void)state;
    assert_float_equal(1 / (16384 / 8 * RSC_NODE_PER_S) / 3600, 1.8, 0.05);
    assert_float_equal(1 / (131072 / 8 * RSC_NODE_PER_S) / 3600, 0.23, 0.005);
}

static void spare_table(void **state)
{
    (void)state;
    double f = RSC_NODE_PER_S / 8;
    static const struct { double hours, p0, p1, pod0, pod1; uint64_t pod, cluster; } row[] = {
        {4, 0.991, 0.99996, 0.33, 0.995, 6, 98}, {24, 0.949, 0.9987, 0.0013, 0.85, 16, 491}};
    for (int i = 0; i < 2; i++) {
        double r = 1 / (row[i].hours * 3600);
        double p0 = sp_cluster_spare_availability(64, 0, f, r, 0), p1 = sp_cluster_spare_availability(64, 1, f, r, 0);
        assert_float_equal(p0, row[i].p0, 5.1e-4);
        assert_float_equal(p1, row[i].p1, i == 0 ? 5.1e-6 : 5.1e-5);
        assert_float_equal(pow(p0, 128), row[i].pod0, i == 0 ? 5e-3 : 5e-5);
        assert_float_equal(pow(p1, 128), row[i].pod1, 5e-3);
        uint64_t pod = sp_cluster_spares_needed(8192, 0.999, f, r, 0, 1 << 20), cluster = sp_cluster_spares_needed(524288, 0.999, f, r, 0, 1 << 20);
        print_message("repair %2.0f h: rack whole %.4f (%.3f), with a spare %.6f (%g); 128 racks %.4f (%g), %.4f (%g); spares for 99.9 %%: %llu (%llu) of 8,192, %llu (%llu) of 524,288\n",
                      row[i].hours, p0, row[i].p0, p1, row[i].p1, pow(p0, 128), row[i].pod0, pow(p1, 128), row[i].pod1, (unsigned long long)pod,
                      (unsigned long long)row[i].pod, (unsigned long long)cluster, (unsigned long long)row[i].cluster);
        assert_int_equal(pod, row[i].pod);
        assert_int_equal(cluster, row[i].cluster);
    }
}

/* The chain against its balance equations solved another way: probabilities of 3 + 2 units, one crew, multiplied out. */
static void chain_with_crews(void **state)
{
    (void)state;
    double x = 0.3, w[6] = {1}, sum = 0;
    static const int active[5] = {3, 3, 3, 2, 1};
    for (int k = 0; k < 5; k++) w[k + 1] = w[k] * active[k] * x;
    for (int k = 0; k < 6; k++) sum += w[k];
    assert_float_equal(sp_cluster_spare_availability(3, 2, x, 1, 1), (w[0] + w[1] + w[2]) / sum, 1e-14);
    assert_true(sp_cluster_spare_availability(3, 2, x, 1, 0) > sp_cluster_spare_availability(3, 2, x, 1, 1));
    /* Independent units without spares: each works with 1 / (1 + x). */
    assert_float_equal(sp_cluster_spare_availability(1000000, 0, 1e-6, 1, 0), pow(1 / (1 + 1e-6), 1e6), 1e-9);
    assert_float_equal(sp_cluster_spare_availability(1000000, 0, 1e-3, 1, 0), 0, 1e-300);
    assert_int_equal(sp_cluster_spares_needed(100, 0.999, 1, 1, 0, 10), UINT64_MAX);
    assert_true(sp_cluster_spare_availability(64, 1, 0, 1, 0) == 1);
}

/* UB-Mesh (arXiv 2503.20377): MTBF 98.5 and 13.8 h, MTTR 75 and 13 minutes. */
static void ub_mesh_availability(void **state)
{
    (void)state;
    assert_float_equal(100 * sp_cluster_availability(98.5, 1.25), 98.8, 0.1);
    assert_float_equal(100 * sp_cluster_availability(13.8, 1.25), 91.6, 0.11);
    assert_float_equal(100 * sp_cluster_availability(98.5, 13.0 / 60), 99.78, 0.005);
}

static void means(void **state)
{
    (void)state;
    double mean, half;
    sp_cluster_mean((const double[]){1, 2, 3}, 3, &mean, &half);
    assert_float_equal(mean, 2, 1e-15);
    assert_float_equal(half, 4.303 / sqrt(3), 1e-12);
    sp_cluster_mean((const double[]){5}, 1, &mean, &half);
    assert_true(mean == 5 && half == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ettr_table), cmocka_unit_test(interval_is_the_best), cmocka_unit_test(meta_mttf), cmocka_unit_test(spare_table),
        cmocka_unit_test(chain_with_crews), cmocka_unit_test(ub_mesh_availability), cmocka_unit_test(means)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
