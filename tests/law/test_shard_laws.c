/* Laws of hybrid sharding (HSDP): state is shared out among zero-group ranks and replicated over the rest. All in one group is full
 * sharding; what a chip holds goes with the group, what crosses between groups goes with its inverse. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/plan.h"
#include "catalog_fixture.h"

static sp_plan plan_of(uint32_t zero, uint32_t group)
{
    sp_plan plan = sp_plan_default();
    plan.dp = 64;
    plan.gbs = 64;
    plan.seq = 4096;
    plan.zero = zero;
    plan.zero_group = group;
    return plan;
}

static sp_train_report run_plan(fixture *f, const char *m, const char *mod, const sp_plan *plan)
{
    sp_error err = {0};
    sp_train_report r;
    if (sp_predict_train(machine(f, m), model(f, mod), plan, false, f->arena, &r, NULL, &err) != SP_OK)
        fail_msg("%s", err.text);
    assert_true(r.lower_bound_s <= r.step_time_s * (1 + 1e-9));
    return r;
}

static double part_s(const sp_train_report *r, const char *label)
{
    double sum = 0;
    for (uint32_t i = 0; i < r->n_parts; i++)
        sum += strncmp(r->part[i].label, label, strlen(label)) == 0 ? r->part[i].time_s : 0;
    return sum;
}

static const char *const pods = "switch:8@450GB/s,1us clos:8@50GB/s,4us,nic chip=h100";

static void one_group_is_full_sharding(void **state)
{
    for (uint32_t zero = 1; zero <= 3; zero++)
        for (int moe = 0; moe < 2; moe++) {
            sp_plan all = plan_of(zero, 0), one = plan_of(zero, 64);
            all.ep = one.ep = moe ? 8 : 1;
            sp_train_report a = run_plan(*state, pods, moe ? "mixtral-8x7b" : "llama3-8b", &all), b = run_plan(*state, pods, moe ? "mixtral-8x7b" : "llama3-8b", &one);
            assert_true(fabs(a.step_time_s - b.step_time_s) < 1e-9 * a.step_time_s);
            assert_true(a.mem_bytes_max == b.mem_bytes_max);
        }
}

static void a_chip_holds_its_share_of_the_group(void **state)
{
    sp_train_report r[3];
    for (int i = 0; i < 3; i++) {
        sp_plan plan = plan_of(3, 8u << i);
        r[i] = run_plan(*state, pods, "llama3-8b", &plan);
        double params = r[i].memory[0].optimizer / 12 * (8 << i);   /* as many as the model has, at 12 bytes each over the group */
        assert_true(fabs(params - 8.03e9) < 0.01e9);
    }
    assert_true(fabs(r[0].memory[0].optimizer / r[1].memory[0].optimizer - 2) < 1e-9);
    assert_true(r[0].memory[0].weights > r[1].memory[0].weights && r[1].memory[0].weights > r[2].memory[0].weights);
}

/* Shards near, replicas far: the layout's groups, and what a step takes when the far links are slow. */
static void replicas_lie_outside(void **state)
{
    fixture *f = *state;
    sp_plan plan = plan_of(3, 8), full = plan_of(3, 0);
    sp_layout layout;
    assert_int_equal(sp_plan_layout(&plan, machine(f, pods), &layout, NULL), SP_OK);
    assert_int_equal(sp_placement_ranks(&layout.group[SP_GROUP_SHARD]), 8);
    assert_int_equal(sp_placement_ranks(&layout.group[SP_GROUP_REPLICA]), 8);
    assert_int_equal(layout.tiers[SP_GROUP_SHARD], 1);
    assert_int_equal(layout.tiers[SP_GROUP_REPLICA], 2);
    static const char *const slow = "switch:8@450GB/s,1us clos:8@5GB/s,4us,nic chip=h100";
    sp_train_report hybrid = run_plan(f, slow, "llama3-8b", &plan), whole = run_plan(f, slow, "llama3-8b", &full);
    /* far links carry, a chip: full sharding two gathers and a scatter of 7/8 of an eighth of the model, hybrid two ways of 7/8 of an
     * eighth of the gradients, of which the last backward hides a part */
    if (hybrid.step_time_s > 0.8 * whole.step_time_s)
        fail_msg("%g s, %g s", hybrid.step_time_s, whole.step_time_s);
}

/* Without overlap every layer waits for its weights: two gathers of 63/64 of them, in the open. */
static void weights_that_are_not_fetched_ahead_are_waited_for(void **state)
{
    sp_train_report r[2];
    for (int ahead = 0; ahead < 2; ahead++) {
        sp_plan plan = plan_of(3, 0);
        plan.overlap_dp = ahead;
        r[ahead] = run_plan(*state, "switch:64@450GB/s,1us chip=h100", "llama3-8b", &plan);
    }
    double layers = 32 * (2.0 * 4096 * 4096 + 2 * 4096 * 1024 + 3.0 * 4096 * 14336), micro = (double)(plan_of(3, 0).gbs / (plan_of(3, 0).mbs * 64));
    double gathers_s = micro * 2 * 2 * layers * 63 / 64 / 450e9, more_s = r[0].step_time_s - r[1].step_time_s;
    assert_true(part_s(&r[0], "dp") > 2 * part_s(&r[1], "dp") && part_s(&r[0], "dp") > gathers_s);
    print_message("fetched ahead: %.3f s, not: %.3f s; gathers at the ports' raw rate %.3f s\n", r[1].step_time_s, r[0].step_time_s, gathers_s);
    /* rings reach 0.75 of it alone and less beside compute: 1.7 times as long; backward the gradients' scatter is on the same way, half as much */
    assert_true(more_s > 1.5 * gathers_s && more_s < 2.6 * gathers_s);
}

/* Between replicas each rank sums its share of the gradients: twice the group, half the bytes. */
static void shares_are_summed_over_replicas(void **state)
{
    fixture *f = *state;
    double dp_s[2];
    for (int i = 0; i < 2; i++) {
        sp_plan plan = plan_of(3, 8u << i);
        plan.overlap_dp = false;
        static const char *const far = "switch:8@450GB/s,1us clos:8@1GB/s,1ns,nic chip=h100";
        sp_train_report r = run_plan(f, far, "llama3-8b", &plan);
        dp_s[i] = 0;
        for (uint32_t k = 0; k < r.run.n_spans; k++)
            if (strcmp(r.program->classes[r.run.spans[k].task_class].label, "dp reduce") == 0)
                dp_s[i] += (double)(r.run.spans[k].end_ps - r.run.spans[k].start_ps) * 1e-12;
        assert_true(part_s(&r, "dp") >= dp_s[i] * (1 - 1e-6));   /* shown */
    }
    /* 8 replicas, 4 replicas; an all-reduce of n moves 2 (n - 1) / n of its bytes */
    double expected = 2 * (7.0 / 8) / (3.0 / 4);
    if (fabs(dp_s[0] / dp_s[1] - expected) > 0.05 * expected)
        fail_msg("%g s, %g s", dp_s[0], dp_s[1]);
}

static void refuses(fixture *f, sp_plan plan, const char *words)
{
    sp_error err = {0};
    assert_int_equal(sp_plan_check(&plan, model(f, "mixtral-8x7b"), machine(f, pods), &err), SP_E_INVAL);
    if (!strstr(err.text, words))
        fail_msg("'%s' lacks '%s'", err.text, words);
}

static void groups_that_cannot_be_are_refused(void **state)
{
    refuses(*state, plan_of(0, 8), "shares nothing out");
    refuses(*state, plan_of(3, 7), "does not divide dp x cp 64");
    sp_plan plan = plan_of(3, 4);
    plan.ep = 8;
    refuses(*state, plan, "larger zero-group");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_group_is_full_sharding), cmocka_unit_test(a_chip_holds_its_share_of_the_group), cmocka_unit_test(replicas_lie_outside),
        cmocka_unit_test(shares_are_summed_over_replicas), cmocka_unit_test(weights_that_are_not_fetched_ahead_are_waited_for), cmocka_unit_test(groups_that_cannot_be_are_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
