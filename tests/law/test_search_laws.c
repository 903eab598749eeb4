/* Laws of search: what is fixed stays fixed; prices in steps are prices at once; the fewest chips meet a deadline; a worse answer is explained.
 * That the answer is that of simulating every plan: test_search_brute.c, test_search_exhaustive.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "brute_force.h"

/* ---- laws ---------------------------------------------------------------------------------------------------------------- */

/* Threads and room do not matter: any number of workers gives the same answer (test_threads_search.c); what is fixed stays. */
static void what_is_fixed_stays(void **state)
{
    for (uint64_t seed = 1000; seed < 1040; seed++) {
        sp_rng rng = sp_rng_make(seed, 7);
        sp_problem p = random_problem(*state, &rng, SP_EFFORT_NORMAL);
        sp_solution s;
        p.top = 10;
        if (sp_plan_search(&p, ((fixture *)*state)->arena, &s, NULL) != SP_OK)
            continue;
        for (uint32_t i = 0; i < s.n; i++) {
            const sp_plan *plan = &s.ranked[i].plan;
            assert_true(open_to(p.fixed.tp, plan->tp) && open_to(p.fixed.cp, plan->cp) && open_to(p.fixed.ep, plan->ep) && open_to(p.fixed.mbs, plan->mbs));
            assert_true(p.free_recompute || plan->recompute == p.fixed.recompute);
            assert_true(p.free_zero || plan->zero == p.fixed.zero);
            assert_true(p.free_stages || (!plan->first_layers && !plan->last_layers));
            assert_int_equal(sp_plan_check(plan, p.model, p.machine, NULL), SP_OK);
            assert_true(s.ranked[i].mem_bytes_max <= p.machine->chip->mem_bytes.nominal);
            assert_true(i == 0 || s.ranked[i].objective >= s.ranked[i - 1].objective);
            assert_true(s.ranked[i].why != NULL && s.ranked[i].why[0] != '\0');
        }
        assert_true(s.counts.legal == s.counts.priced + s.counts.refused_memory);
        for (uint32_t i = 0; i < s.n_missed; i++)
            assert_true(s.missed[i].mem_bytes_max > p.machine->chip->mem_bytes.nominal);
    }
}

/* The fewest chips meet the deadline, and brute force over chip counts finds no fewer. */
static void fewest_chips_for_a_deadline(void **state)
{
    fixture *f = *state;
    sp_error err = {0};
    const sp_machine *m;
    assert_int_equal(sp_catalog_machine(f->catalog, "switch:16@450GB/s,1us chip=h100", &m, &err), SP_OK);
    sp_rng rng = sp_rng_make(5, 7);
    sp_problem p = sp_problem_default(m, random_model(f, &rng));
    p.gbs = 16;
    p.seq = 2048;
    p.top = 1;
    sp_solution all, few;
    assert_int_equal(sp_plan_search(&p, f->arena, &all, &err), SP_OK);
    double previous = 16;
    for (double slack = 1; slack <= 16; slack *= 2) {
        p.objective = SP_OBJECTIVE_CHIPS;
        p.step_time_s_max = all.ranked[0].step_time_s * slack * 1.0001;
        if (sp_plan_search(&p, f->arena, &few, &err) != SP_OK)
            fail_msg("slack %g: %s", slack, err.text);
        const sp_plan *plan = &few.ranked[0].plan;
        uint32_t chips = plan->tp * plan->cp * plan->pp * plan->dp;
        assert_true(few.ranked[0].step_time_s <= p.step_time_s_max && chips <= previous);
        previous = chips;
        sp_problem fewer = p;   /* half as many cannot */
        fewer.objective = SP_OBJECTIVE_THROUGHPUT;
        fewer.chips = chips / 2;
        sp_solution none;
        if (chips > 1 && sp_plan_search(&fewer, f->arena, &none, NULL) == SP_OK)
            assert_true(none.ranked[0].step_time_s > p.step_time_s_max);
    }
    assert_true(previous < 16);
    p.step_time_s_max = all.ranked[0].step_time_s * 0.5;
    assert_int_equal(sp_plan_search(&p, f->arena, &few, &err), SP_E_UNFIT);
    assert_non_null(strstr(err.text, "deadline"));
    p.step_time_s_max = 0;
    assert_int_equal(sp_plan_search(&p, f->arena, &few, &err), SP_E_INVAL);
}

/* A pricer keeps tables from plan to plan: what it keeps must not show. Neighbouring plans share most of what is kept. */
static void used_pricers_price_as_fresh_ones(void **state)
{
    fixture *f = *state;
    uint32_t done = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        sp_rng rng = sp_rng_make(seed, 11);
        sp_problem p = random_problem(f, &rng, SP_EFFORT_NORMAL);
        sp_pricer *used, *fresh;
        assert_int_equal(sp_pricer_create(p.machine, p.model, &used, NULL), SP_OK);
        sp_plan last = sp_plan_default();
        last.seq = 2048;
        for (int i = 0; i < 300; i++) {   /* a walk: what is not legal is not gone to */
            sp_plan plan = last;
            uint32_t *const axis[] = {&plan.tp, &plan.cp, &plan.ep, &plan.pp, &plan.vpp, &plan.dp, &plan.mbs};
            *axis[sp_rng_below(&rng, 7)] = 1u << sp_rng_below(&rng, 3);
            plan.zero = (uint32_t)sp_rng_below(&rng, 4);
            plan.recompute = (sp_recompute)sp_rng_below(&rng, SP_RECOMPUTES);
            plan.recompute_layers = plan.recompute == SP_RECOMPUTE_FULL ? (uint32_t)sp_rng_below(&rng, 2) : 0;
            plan.schedule = plan.vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
            plan.sequence_parallel = sp_rng_below(&rng, 4) != 0;
            plan.overlap_ep = sp_rng_below(&rng, 2);
            plan.overlap_tp = sp_rng_below(&rng, 2);
            plan.precision = sp_rng_below(&rng, 2) ? SP_FMT_FP8 : SP_FMT_BF16;
            plan.gbs = (uint64_t)plan.mbs * plan.dp * (1 + sp_rng_below(&rng, 4));
            sp_layout layout;
            sp_price a, b;
            if (sp_plan_check(&plan, p.model, p.machine, NULL) != SP_OK || sp_plan_layout(&plan, p.machine, &layout, NULL) != SP_OK)
                continue;
            assert_int_equal(sp_pricer_create(p.machine, p.model, &fresh, NULL), SP_OK);
            sp_status first = sp_pricer_price(used, &plan, &layout, &a, NULL), second = sp_pricer_price(fresh, &plan, &layout, &b, NULL);
            sp_pricer_destroy(fresh);
            assert_int_equal(first, second);
            last = plan;
            if (first != SP_OK)
                continue;
            assert_memory_equal(&a, &b, sizeof a);
            done += a.lower_bound_s > 0;
        }
        sp_pricer_destroy(used);
    }
    assert_true(done > 300);
}

/* A plan of any schedule, with what the host keeps; false: not legal here. */
static bool random_plan(const sp_problem *p, sp_rng *rng, sp_plan *plan, sp_layout *layout)
{
    *plan = p->fixed;
    plan->seq = p->seq;
    plan->tp = 1u << sp_rng_below(rng, 2);
    plan->cp = 1u << sp_rng_below(rng, 2);
    plan->pp = 1u << sp_rng_below(rng, 3);
    plan->dp = 1u << sp_rng_below(rng, 2);
    plan->ep = sp_model_has_experts(p->model) ? 1u << sp_rng_below(rng, 2) : 1;
    plan->etp = plan->mbs = 1;
    plan->schedule = plan->pp > 1 ? (sp_schedule)sp_rng_below(rng, SP_SCHEDULES) : SP_SCHEDULE_1F1B;
    plan->vpp = sp_schedule_is_vee(plan->schedule) ? 2 : plan->schedule == SP_SCHEDULE_INTERLEAVED ? 1 + (uint32_t)sp_rng_below(rng, 3) : 1;
    plan->gbs = (uint64_t)plan->dp * plan->pp * (1 + sp_rng_below(rng, 6));
    plan->zero = (uint32_t)sp_rng_below(rng, 2);
    plan->recompute = (sp_recompute)sp_rng_below(rng, SP_RECOMPUTES);
    plan->overlap_dp = sp_rng_below(rng, 2);
    plan->overlap_ep = sp_rng_below(rng, 2);
    plan->offload_activations = sp_rng_below(rng, 2) ? (uint32_t)sp_rng_below(rng, 101) : 0;
    return sp_plan_check(plan, p->model, p->machine, NULL) == SP_OK && sp_plan_layout(plan, p->machine, layout, NULL) == SP_OK;
}

/* What a search goes by is never above what a run gives: the price, the bound from slots that are run, and the memory of whatever cut. */
static void bounds_stay_below_the_run(void **state)
{
    fixture *f = *state;
    uint32_t done[SP_SCHEDULES] = {0}, offloaded = 0, divided = 0;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        sp_rng rng = sp_rng_make(seed, 17);
        sp_problem p = random_problem(f, &rng, SP_EFFORT_EXHAUSTIVE);
        sp_pricer *pricer;
        assert_int_equal(sp_pricer_create(p.machine, p.model, &pricer, NULL), SP_OK);
        for (int i = 0; i < 40; i++) {
            sp_plan plan;
            sp_layout layout;
            sp_price price, slots;
            sp_train_report run;
            if (!random_plan(&p, &rng, &plan, &layout) || sp_pricer_price(pricer, &plan, &layout, &price, NULL) != SP_OK)
                continue;
            bool divides = plan.pp > 1 && plan.offload_activations == 0;
            if (divides && sp_pricer_memory_least(pricer, &plan) > price.mem_bytes_max * (1 + 1e-9)) {
                char words[1024];
                sp_plan_format(&plan, words, sizeof words);
                fail_msg("seed %llu on %s: %.12g B at least, %.12g B: %s", (unsigned long long)seed, p.machine->name, sp_pricer_memory_least(pricer, &plan),
                         price.mem_bytes_max, words);
            }
            divided += divides;
            if (price.lower_bound_s <= 0)
                continue;
            sp_arena *arena = sp_arena_create();
            assert_int_equal(sp_pricer_slots_bound(pricer, &plan, arena, &slots, NULL), SP_OK);
            assert_int_equal(sp_pricer_train(pricer, &plan, true, arena, &run, NULL, NULL), SP_OK);
            double busy_s = run.step_time_s * (1 - run.bubble_fraction);
            if (price.lower_bound_s > run.step_time_s * (1 + 1e-9) || slots.lower_bound_s > run.step_time_s * (1 + 1e-9) ||
                price.busy_s > busy_s * (1 + 1e-9) || slots.busy_s > busy_s * (1 + 1e-9)) {
                char words[1024];
                sp_plan_format(&plan, words, sizeof words);
                fail_msg("seed %llu on %s: price %.12g (busy %.12g), slots %.12g (%.12g), run %.12g (%.12g): %s", (unsigned long long)seed, p.machine->name,
                         price.lower_bound_s, price.busy_s, slots.lower_bound_s, slots.busy_s, run.step_time_s, busy_s, words);
            }
            done[plan.schedule]++;
            offloaded += plan.offload_activations > 0 && sp_schedule_joins(plan.schedule);
            sp_arena_destroy(arena);
        }
        sp_pricer_destroy(pricer);
    }
    for (int s = 0; s < SP_SCHEDULES; s++)
        assert_true(done[s] >= 10);
    assert_true(offloaded >= 10 && divided >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounds_stay_below_the_run), cmocka_unit_test(used_pricers_price_as_fresh_ones), cmocka_unit_test(what_is_fixed_stays),
                                       cmocka_unit_test(fewest_chips_for_a_deadline)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
