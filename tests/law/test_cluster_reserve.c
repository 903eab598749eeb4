/* Spare hosts: a job with a pool beside it is whole with the probability of the birth-and-death chain; others do not start on the pool, and
 * who lost chips does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

#include "catalog_fixture.h"

enum { SEEDS = 30, HOSTS = 128 };

/* 128 hosts of 8 chips, 16 racks, 4 pods by the string; hosts fail, repairs always take as long. */
static sp_operation operation_of(const fixture *f, const sp_failures *failures, sp_reserve reserve, double horizon_s)
{
    const sp_machine *machine;
    sp_error err = {0};
    if (sp_catalog_machine(f->catalog, "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:4@112GB/s,1us clos:4@56GB/s,2us chip=ascend-950dt", &machine, &err) != SP_OK) fail_msg("%s", err.text);
    sp_operation op = sp_operation_default(machine);
    op.failures = failures;
    op.reserve = reserve;
    op.rack_spares = false;
    op.horizon_s = horizon_s;
    op.checkpoint_s = op.detect_s = op.swap_s = op.restart_s = 0;
    op.interval_s = 1;
    return op;
}

static sp_failures hosts_down(double per_host_s, double repair_s)
{
    return (sp_failures){.n = 1, .row = {{.name = "host", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(per_host_s, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                          .repair_s = sp_value_of(repair_s, SP_GRADE_GUESS, "")}}};
}

static void sums_to_one(const sp_history *h)
{
    double sum = 0;
    for (int i = 0; i < SP_LOSSES; i++) sum += h->share[i];
    assert_true(sum == 1);
}

/* A job on all hosts but the pool: those that stand by do not fail, so that of N + s at most N can. */
static void a_pool_is_the_chain(void **state)
{
    const fixture *f = *state;
    static const struct { sp_reserve reserve; uint32_t spares; } set[] = {{{SP_RESERVE_MACHINE, 8}, 8}, {{SP_RESERVE_MACHINE, 3}, 3}, {{SP_RESERVE_POD, 2}, 8}, {{SP_RESERVE_RACK, 1}, 16}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        uint32_t spares = set[i].spares, needed = HOSTS - spares;
        double repair_s = 1e5, fail_per_s = 0.9 * spares / (needed * repair_s), mean, half, value[SEEDS];
        sp_failures failures = hosts_down(fail_per_s, repair_s);
        sp_operation op = operation_of(f, &failures, set[i].reserve, SP_YEAR_S);
        int64_t us = (int64_t)(2e6 * op.horizon_s);
        sp_job job = {.work_us = us, .estimate_us = us, .chips = 8 * needed, .id = 1};
        sp_history h[SEEDS];
        op.policy = sp_place_policy_find("scatter");
        assert_int_equal(sp_operate_seeds(&op, &(sp_jobs){.job = &job, .n = 1}, NULL, 1, SEEDS, 2, h, NULL), SP_OK);
        for (int s = 0; s < SEEDS; s++) {
            value[s] = (h[s].share[SP_LOSS_USEFUL] + h[s].share[SP_LOSS_SLOWDOWN]) * HOSTS / needed;
            sums_to_one(&h[s]);
            assert_true(h[s].reserve_used > 100 && h[s].requeued > 5);
        }
        sp_cluster_mean(value, SEEDS, &mean, &half);
        double chain = sp_cluster_spare_availability(needed, spares, fail_per_s, 1 / repair_s, 0);
        print_message("%u of every %s: whole %.3f +- %.3f of the time, the chain %.3f\n", set[i].reserve.hosts, sp_reserve_name(set[i].reserve.of), mean, half, chain);
        assert_true(half < 0.03 && fabs(mean - chain) < 2 * half + 2e-3);
    }
}

/* Short jobs always wait for whatever is free. With a pool the large one is hardly ever thrown out; without, at every failure. */
static void others_do_not_take_it(void **state)
{
    const fixture *f = *state;
    enum { SHORT = 6500 };
    static sp_job job[SHORT + 1];
    sp_failures failures = hosts_down(0.4 / 86400 / 120, 86400);   /* two failures in five days, a day of repair */
    int64_t hour_us = INT64_C(3600000000);
    job[0] = (sp_job){.work_us = 2000 * hour_us, .estimate_us = 2000 * hour_us, .chips = 8 * 120, .id = 1};
    for (uint32_t i = 1; i <= SHORT; i++) job[i] = (sp_job){.work_us = hour_us, .estimate_us = hour_us, .chips = 8, .id = i + 1};
    sp_history without[SEEDS], with[SEEDS];
    sp_operation op = operation_of(f, &failures, (sp_reserve){SP_RESERVE_MACHINE, 0}, 30 * 86400);
    op.restart_s = 600;
    assert_int_equal(sp_operate_seeds(&op, &(sp_jobs){.job = job, .n = SHORT + 1}, NULL, 1, SEEDS, 2, without, NULL), SP_OK);
    op.reserve.hosts = 4;
    assert_int_equal(sp_operate_seeds(&op, &(sp_jobs){.job = job, .n = SHORT + 1}, NULL, 1, SEEDS, 2, with, NULL), SP_OK);
    uint64_t thrown_out[2] = {0};
    for (int s = 0; s < SEEDS; s++) {
        sums_to_one(&with[s]);
        assert_true(without[s].reserve_used == 0 && without[s].share[SP_LOSS_SPARE] == 0);
        assert_true(with[s].share[SP_LOSS_SPARE] > 3.0 / HOSTS && with[s].share[SP_LOSS_SPARE] <= 4.0 / HOSTS);
        assert_true(with[s].mttr_allocate_s < without[s].mttr_allocate_s);
        thrown_out[0] += without[s].requeued;
        thrown_out[1] += with[s].requeued;
    }
    print_message("thrown out without a pool %llu times, with one %llu\n", (unsigned long long)thrown_out[0], (unsigned long long)thrown_out[1]);
    assert_true(thrown_out[0] > 30 && thrown_out[1] * 5 < thrown_out[0]);
}

static void faults(void **state)
{
    const fixture *f = *state;
    sp_operation op = operation_of(f, NULL, (sp_reserve){SP_RESERVE_RACK, 8}, 1000);
    sp_job job = {.work_us = 1000, .estimate_us = 1000, .chips = 8 * 125, .id = 1};
    sp_jobs jobs = {.job = &job, .n = 1};
    sp_history h;
    sp_error err = {0};
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_RANGE);
    assert_non_null(strstr(err.text, "8 hosts of every rack in reserve; it has 8"));
    op.reserve = (sp_reserve){SP_RESERVE_POD, 1};
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "asks for 1000 chips; 32 of 1024 are kept in reserve"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_pool_is_the_chain), cmocka_unit_test(others_do_not_take_it), cmocka_unit_test(faults)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
