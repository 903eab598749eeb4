/* Laws of offloading to the host: what leaves the chip's memory is what crosses its link, at the rates that the chip's file gives. */
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

static sp_plan plan_of(uint32_t pp)
{
    sp_plan plan = sp_plan_default();
    plan.tp = 4;
    plan.dp = 4 / pp;
    plan.pp = pp;
    plan.gbs = 16;
    plan.seq = 4096;
    return plan;
}

/* On a machine whose chips have these rates to and in the host; 0: as the catalog says. */
static sp_train_report run_plan(fixture *f, const sp_plan *plan, double link, double memory)
{
    sp_error err = {0};
    sp_train_report r;
    sp_machine m = *machine(f, "dgx-h100:2");
    sp_chip chip = *m.chip;
    chip.host_bw_bytes_per_s.nominal = link > 0 ? link : chip.host_bw_bytes_per_s.nominal;
    chip.host_mem_bw_bytes_per_s.nominal = memory > 0 ? memory : chip.host_mem_bw_bytes_per_s.nominal;
    m.chip = &chip;
    if (sp_predict_train(&m, model(f, "llama3-8b"), plan, false, f->arena, &r, NULL, &err) != SP_OK)
        fail_msg("%s", err.text);
    assert_true(r.lower_bound_s <= r.step_time_s * (1 + 1e-9));
    return r;
}

static double part_s(const sp_train_report *r, const char *label)
{
    double sum = 0;
    for (uint32_t i = 0; i < r->n_parts; i++)
        sum += strcmp(r->part[i].label, label) == 0 ? r->part[i].time_s : 0;
    return sum;
}

/* A rank's share: 4 B of gradients down, 30 B moved in the host's memory, 2 B of weights up, for each of 8.03e9 / (tp 4 x dp 4). */
static void optimizer_state_leaves_the_chip(void **state)
{
    sp_plan plan = plan_of(1), off = plan;
    off.offload_optimizer = true;
    double share = 8.03e9 / 16, link = 50e9, memory = 100e9;
    sp_train_report here = run_plan(*state, &plan, 0, 0);
    for (int overlap = 0; overlap < 2; overlap++) {
        off.overlap_dp = overlap;
        sp_train_report there = run_plan(*state, &off, link, memory);
        double down = 4 * share / link, host = 30 * share / memory, up = 2 * share / link;
        double expected = overlap ? fmax(host, fmax(down, up)) : down + host + up;
        if (fabs(part_s(&there, "optimizer") - expected) > 0.01 * expected)
            fail_msg("%g s, expected %g s", part_s(&there, "optimizer"), expected);
        assert_true(there.memory[0].optimizer == 0);
        assert_true(fabs(here.memory[0].total - there.memory[0].total - here.memory[0].optimizer) < 1);
    }
}

/* Half of what layers keep, but for two layers: hidden on a fast link, the whole of a slot on a slow one. */
static void activations_wait_in_the_host(void **state)
{
    for (uint32_t pp = 1; pp <= 4; pp *= 4)
        for (int full = 0; full < 2; full++) {
            sp_plan plan = plan_of(pp), off = plan;
            plan.recompute = off.recompute = full ? SP_RECOMPUTE_FULL : SP_RECOMPUTE_NONE;
            off.offload_activations = 50;
            sp_train_report here = run_plan(*state, &plan, 0, 0), fast = run_plan(*state, &off, 10e12, 0), slow = run_plan(*state, &off, 0.5e9, 0);
            assert_true(fabs(fast.step_time_s - here.step_time_s) < 0.002 * here.step_time_s);
            assert_true(fast.memory[0].activations < here.memory[0].activations && fast.memory[0].activations > 0.5 * here.memory[0].activations);
            /* what a micro-batch keeps on stage 0, from the difference that offloading makes: 50 % of all in flight but two layers */
            double layers = 32.0 / pp, flight = here.memory[0].in_flight;
            double kept = (here.memory[0].activations - fast.memory[0].activations) / 0.5 / (flight - 2 / layers);
            double slot = 0.5 * kept / 0.5e9, micro = 16.0 / off.dp;
            if (slow.step_time_s < 2 * micro * slot || (pp == 1 && slow.step_time_s > 2 * micro * slot * 1.1 + here.step_time_s * 0.2))
                fail_msg("%g s, expected %g s to the host and back", slow.step_time_s, 2 * micro * slot);
            assert_true(part_s(&slow, "offload") > 0.3 * slow.step_time_s);
        }
}

static void chips_without_a_host_link_are_refused(void **state)
{
    fixture *f = *state;
    sp_plan plan = plan_of(1);
    sp_error err = {0};
    plan.offload_activations = 50;
    assert_int_equal(sp_plan_check(&plan, model(f, "llama3-8b"), machine(f, "tpu-v4-pod"), &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "host_bw"));
    plan.offload_activations = 0;
    plan.offload_optimizer = true;
    assert_int_equal(sp_plan_check(&plan, model(f, "llama3-8b"), machine(f, "atlas-950-superpod"), &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "host_memory_bw"));
    plan.offload_activations = 101;
    assert_int_equal(sp_plan_check(&plan, model(f, "llama3-8b"), machine(f, "dgx-h100:2"), &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "expected 0 to 100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(optimizer_state_leaves_the_chip), cmocka_unit_test(activations_wait_in_the_host),
                                       cmocka_unit_test(chips_without_a_host_link_are_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
