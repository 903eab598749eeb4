/* Faults that show later, announced ones, shared ones, and the power cap, each alone against what probability says of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"

enum { SEEDS = 12 };
static sp_catalog *catalog;
static const sp_machine *machine;   /* 1,024 chips in 16 racks */

static sp_operation quiet(const sp_failures *failures)
{
    sp_operation op = sp_operation_default(machine);
    op.failures = failures;
    op.checkpoint_s = op.detect_s = op.swap_s = op.restart_s = 0;
    op.interval_s = 1;
    op.rack_spares = false;
    return op;
}

/* A share's mean over seeds, and half its interval; every run sums to 1. */
static double mean_of(const sp_operation *op, const char *spec, sp_loss loss, sp_history *h, double *half)
{
    double value[SEEDS], mean;
    sp_jobs jobs;
    sp_error err = {0};
    if (sp_jobs_generate(spec, machine->chips, op->horizon_s, 1, &jobs, &err) != SP_OK) fail_msg("%s", err.text);
    if (sp_operate_seeds(op, &jobs, NULL, 1, SEEDS, 2, h, &err) != SP_OK) fail_msg("%s", err.text);
    for (int s = 0; s < SEEDS; s++) {
        double sum = 0;
        for (int i = 0; i < SP_LOSSES; i++) sum += h[s].share[i];
        assert_true(sum == 1);
        value[s] = h[s].share[loss];
    }
    sp_cluster_mean(value, SEEDS, &mean, half);
    sp_jobs_free(&jobs);
    return mean;
}

/* Slow parts of a job that nobody has found are as many as customers in M/G/inf: it waits while there is one. */
static void stragglers_drag_the_whole_job(void **state)
{
    (void)state;
    sp_failures f = {.n = 1, .row = {{.name = "slow", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(1e-7, SP_GRADE_GUESS, ""), .shape = 1, .slows = 1.25,
                                      .found_s = sp_value_of(50000, SP_GRADE_GUESS, "")}}};
    sp_operation op = quiet(&f);
    sp_history h[SEEDS];
    double half, there = 128 * 1e-7 * 50000, mean = mean_of(&op, "one:chips=1024", SP_LOSS_STRAGGLER, h, &half);
    assert_float_equal(there, 0.64, 1e-12);
    assert_true(half < 0.01 && fabs(mean - (1 - 1 / 1.25) * (1 - exp(-there))) < 2 * half);
    assert_true(h[0].share[SP_LOSS_SLOWDOWN] < 1e-6 && h[0].share[SP_LOSS_RECOMPUTED] < 1e-4);
}

/* Everything between the fault and its being found is done again. */
static void corruption_undoes_what_followed(void **state)
{
    (void)state;
    sp_failures f = {.n = 1, .row = {{.name = "wrong", .unit = SP_FAIL_CHIP, .rate_per_s = sp_value_of(1e-9, SP_GRADE_GUESS, ""), .shape = 1, .corrupts = true,
                                      .found_s = sp_value_of(20000, SP_GRADE_GUESS, "")}}};
    sp_operation op = quiet(&f);
    sp_history h[SEEDS];
    double half, share = 1024 * 1e-9 * 20000, mean = mean_of(&op, "one:chips=1024", SP_LOSS_RECOMPUTED, h, &half);
    assert_true(half < 0.01 && fabs(mean - share) < 2 * half + share * share);
    assert_true(h[0].interruptions > 10 && h[0].corrupted == 0);
    mean_of(&op, "philly:load=0.7,jobs=20000", SP_LOSS_RECOMPUTED, h, &half);   /* some jobs end before anybody finds out */
    uint64_t corrupted = 0;
    for (int s = 0; s < SEEDS; s++) corrupted += h[s].corrupted;
    assert_true(corrupted > 0);
}

static void maintenance_undoes_nothing(void **state)
{
    (void)state;
    sp_failures f = {.n = 1, .row = {{.name = "update", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(3e-7, SP_GRADE_GUESS, ""), .shape = 1, .planned = true, .down = true,
                                      .repair_s = sp_value_of(10000, SP_GRADE_GUESS, "")}}};
    sp_operation op = sp_operation_default(machine);
    sp_history h[SEEDS];
    double half;
    op.failures = &f;
    op.horizon_s = SP_YEAR_S / 4;
    assert_true(mean_of(&op, "one:chips=512", SP_LOSS_RECOMPUTED, h, &half) == 0);
    for (int s = 0; s < SEEDS; s++) {
        assert_true(h[s].interruptions == 0 && h[s].maintained > 50 && h[s].share[SP_LOSS_DETECT] == 0);
        /* Each costs the checkpoint that the job writes before it, and the restart elsewhere. */
        double per = (double)h[s].maintained * 512 / (1024 * op.horizon_s);
        assert_float_equal(h[s].share[SP_LOSS_RESTART], per * op.restart_s, 0.03 * per * op.restart_s + 1e-4);
        assert_true(h[s].share[SP_LOSS_CHECKPOINT] > 0.97 * per * op.checkpoint_s);
    }
}

/* Four racks fail together: the chips that are down are those of the domains that are, and so are the times at which any is. */
static void power_takes_four_racks(void **state)
{
    (void)state;
    sp_failures f = {.n = 1, .row = {{.name = "power", .unit = SP_FAIL_POWER, .rate_per_s = sp_value_of(1e-6, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                      .repair_s = sp_value_of(50000, SP_GRADE_GUESS, "")}}};
    sp_operation op = quiet(&f);
    sp_history h[SEEDS];
    uint64_t units;
    double half, out = 1e-6 * 50000 / (1 + 1e-6 * 50000);
    assert_int_equal(sp_failures_count(machine, SP_FAIL_POWER, &units, NULL), SP_OK);
    assert_int_equal(units, 16 / SP_POWER_RACKS);
    double mean = mean_of(&op, "one:chips=8", SP_LOSS_DOWN, h, &half);
    assert_true(fabs(mean - out) < 2 * half);
    mean = mean_of(&op, "one:chips=1024", SP_LOSS_USEFUL, h, &half);   /* all 16 racks at once: with independent racks it would be (1 - out)^16 */
    assert_true(fabs(mean - pow(1 - out, 4)) < 2 * half + 0.002);
}

static void power_cap_holds(void **state)
{
    (void)state;
    sp_running_cost cost = sp_predict_running_cost(machine);
    sp_operation op = quiet(NULL);
    sp_history h[SEEDS];
    double half;
    op.horizon_s = 7 * 86400;
    op.power_cap_w = 1024 * cost.idle_w + 700 * (cost.busy_w - cost.idle_w) + 1;
    for (int order = 0; order < SP_ORDERS; order++) {
        op.order = (sp_order)order;
        double useful = mean_of(&op, "mix:load=2,jobs=1000,chips=64", SP_LOSS_USEFUL, h, &half);
        assert_true(useful <= 700.0 / 1024 && useful > 0.9 * 700.0 / 1024);
        assert_true(h[0].share[SP_LOSS_IDLE_POWER_CAP] > 0.25 && h[0].share[SP_LOSS_IDLE_FRAGMENTED] < 0.06);
    }
    sp_job job = {.work_us = 1, .estimate_us = 1, .chips = 1};
    sp_jobs jobs = {.job = &job, .n = 1};
    sp_error err = {0};
    op.power_cap_w = 1;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, h, &err), SP_E_RANGE);
    assert_non_null(strstr(err.text, "when idle"));
}

static int set_up(void **state)
{
    (void)state;
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK && sp_catalog_machine(catalog, "atlas-950-superpod-1024", &machine, NULL) == SP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stragglers_drag_the_whole_job), cmocka_unit_test(corruption_undoes_what_followed),
                                       cmocka_unit_test(maintenance_undoes_nothing), cmocka_unit_test(power_takes_four_racks), cmocka_unit_test(power_cap_holds)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
