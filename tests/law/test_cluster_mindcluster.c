/* MindCluster's published rules, one by one, and ours beside them on the same jobs and failures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "superpod/cluster.h"

#include "open_catalog.h"

static const sp_cluster_shape pods = {.chips = 4 * 1024, .row_chips = 8, .leaf_chips = 64, .pod_chips = 1024, .mesh_leaf = true};   /* 4 of 16 racks of 8 nodes */

static sp_cluster *made(void)
{
    sp_cluster *c;
    assert_int_equal(sp_cluster_create(&pods, &c, NULL), SP_OK);
    return c;
}

static void down(sp_cluster *c, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) sp_cluster_take_down(c, first + i);
}

static uint32_t first_chip(const sp_cluster *c, uint32_t list)
{
    static uint32_t chip[4096];
    sp_cluster_list_chips(c, list, chip);
    return chip[0];
}

static bool place(sp_cluster *c, uint32_t chips, uint32_t block, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    return sp_place_policy_find("mindcluster")->place(c, &(sp_request){chips, block}, owner, list, spread);
}

/* A rack with just as many nodes first, else the smallest that has more. */
static void racks_exact_fit_first(void **state)
{
    (void)state;
    sp_cluster *c = made();
    sp_spread spread;
    uint32_t list;
    down(c, 64 * 5, 3 * 8);    /* 5 nodes left */
    down(c, 64 * 9, 5 * 8);    /* 3 nodes left */
    assert_true(place(c, 24, 0, 1, &list, &spread) && first_chip(c, list) / 64 == 9);
    assert_true(place(c, 24, 0, 2, &list, &spread) && first_chip(c, list) / 64 == 5);
    assert_true(place(c, 16, 0, 3, &list, &spread) && first_chip(c, list) / 64 == 5 && spread.leaves == 1);
    assert_false(place(c, 12, 0, 4, &list, &spread));   /* one node and a half */
    assert_true(sp_cluster_consistent(c));
    sp_cluster_destroy(c);
}

/* SuperPoDs: those that keep two nodes in reserve, the fullest first; those without a reserve only then; then nobody. */
static void pods_in_three_queues(void **state)
{
    (void)state;
    sp_cluster *c = made();
    sp_spread spread;
    uint32_t list;
    down(c, 1024 * 1, 64 * 8);        /* pod 1: 8 racks left */
    down(c, 1024 * 2, 64 * 7);        /* pod 2: 9 racks left */
    assert_true(place(c, 512, 0, 1, &list, &spread) && first_chip(c, list) / 1024 == 2 && spread.pods == 1);   /* 8 racks: pod 1 would be full */
    down(c, 0, 64 * 9);
    down(c, 1024 * 3, 64 * 10);
    assert_true(place(c, 512, 0, 2, &list, &spread) && first_chip(c, list) / 1024 == 1);
    assert_false(place(c, 512, 0, 3, &list, &spread));
    assert_true(place(c, 512, 256, 3, &list, &spread) && spread.pods == 2);   /* two logical SuperPoDs of 4 racks */
    assert_true(sp_cluster_consistent(c));
    sp_cluster_destroy(c);
}

static void domains_are_sixteen_racks(void **state)
{
    (void)state;
    sp_cluster_shape wide = {.chips = 2048, .row_chips = 8, .leaf_chips = 64, .pod_chips = 2048, .mesh_leaf = true};
    sp_cluster *c;
    sp_spread spread;
    uint32_t list;
    const sp_place_policy *policy = sp_place_policy_find("mindcluster-domain");
    assert_int_equal(sp_cluster_create(&wide, &c, NULL), SP_OK);
    down(c, 0, 64 * 4);
    assert_true(policy->place(c, &(sp_request){.chips = 768}, 1, &list, &spread) && first_chip(c, list) / 1024 == 0);   /* 12 racks: the fuller domain */
    assert_false(policy->place(c, &(sp_request){.chips = 1088}, 2, &list, &spread));                                      /* 17 racks are no domain */
    assert_true(policy->place(c, &(sp_request){.chips = 1024}, 2, &list, &spread) && first_chip(c, list) == 1024);
    sp_cluster_destroy(c);
}

/* One node lost: another of the rack; of the SuperPoD; the logical SuperPoD moves; nothing. */
static void rescheduling_in_three_stages(void **state)
{
    (void)state;
    const sp_machine *machine;
    sp_failures f = {.n = 1, .row = {{.name = "host", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(3e-7, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                      .repair_s = sp_value_of(200000, SP_GRADE_GUESS, "")}}};
    sp_history h;
    sp_error err = {0};
    if (sp_catalog_machine(catalog, "atlas-950-supercluster:2", &machine, &err) != SP_OK) fail_msg("%s", err.text);
    sp_operation op = sp_operation_default(machine);
    op.policy = sp_place_policy_find("mindcluster");
    op.failures = &f;
    op.rack_spares = false;
    op.horizon_s = 60 * 86400;
    static const struct { const char *jobs; bool requeued; } set[] = {{"one:chips=4096", false}, {"one:chips=8192", true}, {"one:chips=16384", true}};
    for (size_t i = 0; i < 3; i++) {   /* half a SuperPoD always finds nodes; a whole one moves to the other, and waits when that has one down */
        sp_jobs jobs;
        if (sp_jobs_generate(set[i].jobs, machine->chips, op.horizon_s, 1, &jobs, &err) != SP_OK) fail_msg("%s", err.text);
        if (sp_operate(&op, &jobs, 1, NULL, &h, &err) != SP_OK) fail_msg("%s", err.text);   /* fails if chip-time is lost */
        assert_true((h.requeued > 0) == set[i].requeued);
        if (i == 0) assert_true(h.replaced > 100 && h.replaced == h.interruptions);
        sp_jobs_free(&jobs);
    }
}

/* The same jobs and failures: goodput of ours is higher; printed by how much. */
static void ours_beside_theirs(void **state)
{
    (void)state;
    enum { SEEDS = 4 };
    static const char *const jobs[] = {"mix:load=0.95,jobs=6000,chips=4096", "pretrain:load=0.95,chips=4096"};
    static const struct { const char *name; uint32_t segment; } who[] = {{"best", 0}, {"mindcluster", 0}, {"mindcluster", 512}};
    const sp_machine *machine;
    sp_arena *arena = sp_arena_create();
    sp_failures f;
    sp_error err = {0};
    assert_int_equal(sp_catalog_machine(catalog, "atlas-950-supercluster:2", &machine, NULL), SP_OK);
    if (sp_failures_load("catalog/failures/rsc-1.yaml", arena, &f, &err) != SP_OK) fail_msg("%s", err.text);
    for (size_t k = 0; k < 2; k++) {
        double mean[3], half[3];
        for (size_t w = 0; w < 3; w++) {
            sp_history h[SEEDS];
            double value[SEEDS];
            sp_operation op = sp_operation_default(machine);
            op.policy = sp_place_policy_find(who[w].name);
            op.segment_chips = who[w].segment;
            op.failures = &f;
            op.horizon_s = 30 * 86400;
            if (sp_operate_seeds(&op, NULL, jobs[k], 1, SEEDS, 2, h, &err) != SP_OK) fail_msg("%s", err.text);
            for (int s = 0; s < SEEDS; s++) value[s] = h[s].goodput;
            sp_cluster_mean(value, SEEDS, &mean[w], &half[w]);
        }
        print_message("%s: goodput %.2f %% by ours, %.2f %% by MindCluster's rules, %.2f %% with sp-block 512\n", jobs[k], 100 * mean[0], 100 * mean[1], 100 * mean[2]);
        assert_true(mean[0] > mean[1] && mean[0] > mean[2]);
    }
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(racks_exact_fit_first), cmocka_unit_test(pods_in_three_queues), cmocka_unit_test(domains_are_sixteen_racks),
                                       cmocka_unit_test(rescheduling_in_three_stages), cmocka_unit_test(ours_beside_theirs)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
