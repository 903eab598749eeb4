/* Placements judged by predicted step times: the ideal one is the machine's own prediction, a scattered one is never faster, equal
 * signatures are priced once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/predict.h"
#include "superpod/topo.h"

#define MACHINE "atlas-950-supercluster:2"
#include "placed_fixture.h"

/* The step of a job that fills a machine is that machine's, however the judge got there. */
static void ideal_is_the_machine(void **state)
{
    (void)state;
    sp_judge *judge;
    sp_cluster_shape shape;
    sp_train_report report;
    const sp_machine *small;
    double step;
    assert_int_equal(sp_catalog_machine(catalog, "atlas-950-superpod-1024", &small, NULL), SP_OK);
    assert_int_equal(sp_cluster_shape_of(small, &shape, NULL), SP_OK);
    assert_int_equal(sp_judge_create(small, model, &plan, &judge, NULL), SP_OK);
    sp_spread ideal = sp_cluster_ideal(&shape, 1024);
    assert_int_equal(sp_judge_step(judge, &ideal, NULL, &step, NULL), SP_OK);
    assert_int_equal(sp_predict_train(small, model, &plan, false, arena, &report, NULL, NULL), SP_OK);
    assert_true(step == report.step_time_s);
    sp_judge_destroy(judge);
}

static void scattered_is_not_faster(void **state)
{
    (void)state;
    sp_judge *judge;
    sp_cluster_shape shape;
    double ideal_s, hosts_s, pods_s;
    uint64_t hits, misses;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_judge_create(machine, model, &plan, &judge, NULL), SP_OK);
    sp_spread ideal = sp_cluster_ideal(&shape, 1024), hosts = ideal, pods = ideal;
    hosts.leaves = 128;   /* one host of each rack of a pod */
    hosts.granule = 8;
    hosts.whole = hosts.aligned = false;
    pods = hosts;
    pods.pods = 2;
    assert_int_equal(sp_judge_step(judge, &ideal, NULL, &ideal_s, NULL), SP_OK);
    assert_int_equal(sp_judge_step(judge, &hosts, NULL, &hosts_s, NULL), SP_OK);
    assert_int_equal(sp_judge_step(judge, &pods, NULL, &pods_s, NULL), SP_OK);
    print_message("step on 16 racks %.4g s, on hosts of 128 racks %.4g s, of two pods %.4g s\n", ideal_s, hosts_s, pods_s);
    assert_true(ideal_s > 0 && hosts_s > ideal_s && pods_s >= hosts_s);
    assert_int_equal(sp_judge_step(judge, &hosts, NULL, &hosts_s, NULL), SP_OK);
    sp_judge_counts(judge, &hits, &misses);
    assert_true(hits == 1 && misses == 3);
    sp_judge_destroy(judge);
}

/* A job of other than the plan's chips, and one that cannot hold its tensor-parallel groups: refused, now and again. */
static void unfit_is_said(void **state)
{
    (void)state;
    sp_judge *judge;
    sp_error err = {0};
    double step = -1;
    sp_spread few = {.chips = 100, .rows = 100, .leaves = 100, .pods = 1, .granule = 1, .regular = true};
    assert_int_equal(sp_judge_create(machine, model, &plan, &judge, NULL), SP_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(sp_judge_step(judge, &few, NULL, &step, &err), SP_E_UNFIT);
    assert_true(step == -1);
    assert_int_equal(sp_judge_step(judge, &(sp_spread){0}, NULL, &step, &err), SP_E_INVAL);
    sp_judge_destroy(judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ideal_is_the_machine), cmocka_unit_test(scattered_is_not_faster), cmocka_unit_test(unfit_is_said)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
