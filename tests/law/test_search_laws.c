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
        assert_true(s.counts.legal == s.counts.priced + s.counts.refused_memory && s.counts.refused_deadline == 0);
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

/* Random deadlines: the fewest chips are the first count at which the fastest plan of so many chips meets it, and it is as fast. */
static void fewest_chips_are_those_of_a_scan(void **state)
{
    fixture *f = *state;
    uint32_t met = 0, unmet = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        sp_rng rng = sp_rng_make(seed, 23);
        sp_problem p = random_problem(f, &rng, (sp_effort)(seed % 3)), scan;
        sp_solution few, one = {0};
        uint32_t chips = 0;
        p.chips = 0;
        p.fixed.pp = p.effort == SP_EFFORT_EXHAUSTIVE ? 0 : 1 + (uint32_t)sp_rng_below(&rng, 2);   /* else of the machine those that divide its chips */
        p.objective = SP_OBJECTIVE_THROUGHPUT;
        if (sp_plan_search(&p, f->arena, &one, NULL) != SP_OK)
            continue;
        p.step_time_s_max = one.ranked[0].step_time_s * (seed % 6 == 0 ? 0.5 : 1 + 4 * sp_rng_unit(&rng));
        scan = p;
        p.objective = SP_OBJECTIVE_CHIPS;
        sp_status status = sp_plan_search(&p, f->arena, &few, NULL), found = SP_E_UNFIT;
        for (scan.chips = 1; found != SP_OK && scan.chips <= p.machine->chips; scan.chips += found != SP_OK)
            found = sp_plan_search(&scan, f->arena, &one, NULL);
        if (status != found)
            fail_msg("seed %llu: the search says %d, the scan %d at %u chips", (unsigned long long)seed, status, found, scan.chips);
        met += found == SP_OK;
        unmet += found != SP_OK;
        if (found != SP_OK)
            continue;
        const sp_plan *plan = &few.ranked[0].plan;
        chips = plan->tp * plan->cp * plan->pp * plan->dp;
        if (chips != scan.chips || fabs(few.ranked[0].step_time_s - one.ranked[0].step_time_s) > 1e-9 * one.ranked[0].step_time_s)
            fail_msg("seed %llu: %u chips in %.12g s, the scan %u in %.12g s", (unsigned long long)seed, chips, few.ranked[0].step_time_s, scan.chips,
                     one.ranked[0].step_time_s);
        assert_true(few.counts.legal == few.counts.priced + few.counts.refused_memory + few.counts.refused_deadline);
    }
    print_message("%u deadlines met, %u not\n", met, unmet);
    assert_true(met >= 8 && unmet >= 1);
}

/* More effort finds no less: its space holds that of the effort before. */
static void more_effort_finds_no_less(void **state)
{
    fixture *f = *state;
    uint32_t better[SP_EFFORTS] = {0}, held = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        double before = INFINITY;
        for (int effort = 0; effort < SP_EFFORTS; effort++) {
            sp_rng rng = sp_rng_make(seed, 37);
            sp_problem p = random_problem(f, &rng, (sp_effort)effort);
            sp_solution s;
            sp_status status = sp_plan_search(&p, f->arena, &s, NULL);
            double now = status == SP_OK ? s.ranked[0].objective : INFINITY;
            if (now > before * (1 + 1e-9))
                fail_msg("seed %llu: %s finds %.12g, %s %.12g", (unsigned long long)seed, sp_effort_name((sp_effort)(effort - 1)), before,
                         sp_effort_name((sp_effort)effort), now);
            better[effort] += effort > 0 && now < before * (1 - 1e-9);
            held += status == SP_OK;
            before = now;
        }
    }
    print_message("%u answers; normal better than quick %u times, exhaustive than normal %u times\n", held, better[1], better[2]);
    assert_true(held >= 90 && better[1] > 0 && better[2] > 0);
}

/* Two of a list that take as long and as much memory are cut otherwise, or multiply other numbers: what is the same program in other words is told once. */
static void nothing_is_told_twice(void **state)
{
    fixture *f = *state;
    uint32_t lists = 0, alike = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        sp_rng rng = sp_rng_make(seed, 31);
        sp_problem p = random_problem(f, &rng, seed % 2 ? SP_EFFORT_NORMAL : SP_EFFORT_EXHAUSTIVE);
        sp_solution s;
        p.objective = SP_OBJECTIVE_THROUGHPUT;
        p.top = 100;
        if (sp_plan_search(&p, f->arena, &s, NULL) != SP_OK)
            continue;
        lists++;
        for (uint32_t i = 0; i < s.n; i++)
            for (uint32_t j = i + 1; j < s.n; j++) {
                const sp_plan *a = &s.ranked[i].plan, *b = &s.ranked[j].plan;
                char mine[1024], theirs[1024];
                if (s.ranked[i].step_time_s != s.ranked[j].step_time_s || s.ranked[i].mem_bytes_max != s.ranked[j].mem_bytes_max)
                    continue;
                alike++;
                bool gradients = a->zero != b->zero && a->dp * a->cp > 1;   /* held otherwise, to the same sum */
                if (a->first_layers != b->first_layers || a->last_layers != b->last_layers || a->precision != b->precision || gradients)
                    continue;
                sp_plan_format(a, mine, sizeof mine);
                sp_plan_format(b, theirs, sizeof theirs);
                fail_msg("seed %llu tells a plan twice:\n%s\n%s", (unsigned long long)seed, mine, theirs);
            }
    }
    print_message("%u lists, %u pairs alike\n", lists, alike);
    assert_true(lists >= 12);
}

/* Words that say nothing are not counted: state of one rank, slots of one micro-batch or two, and traffic of experts that no other micro-batch hides. */
static void words_that_say_nothing_are_not_counted(void **state)
{
    static const struct { uint32_t pp, ep; uint64_t gbs; uint64_t legal; } rows[] = {
        {2, 1, 1, 2},    /* 1F1B, ZB-H1 */
        {2, 1, 2, 3},    /* and GPipe */
        {2, 1, 3, 4},    /* and ZB-H2 */
        {2, 1, 4, 6},    /* and DualPipe, whose two copies of the weights share state or not */
        {1, 1, 1, 4},    /* two replicas: ZeRO 0 to 3 */
        {1, 2, 1, 4},    /* and the traffic of experts with nothing to hide under */
        {1, 2, 2, 8}};   /* hidden and not */
    fixture *f = *state;
    sp_rng rng = sp_rng_make(1, 1);
    sp_model model;
    while (model = *random_model(f, &rng), model.n_kinds < 2 || model.mtp_layers || model.hidden > 4096)
        ;
    model.n_layers = 4;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sp_error err = {0};
        const sp_machine *m;
        sp_solution s;
        assert_int_equal(sp_catalog_machine(f->catalog, "switch:2@450GB/s,1us chip=h100", &m, &err), SP_OK);
        sp_problem p = sp_problem_default(m, &model);
        p.seq = 2048;
        p.gbs = rows[i].gbs * (2 / rows[i].pp);
        p.effort = SP_EFFORT_EXHAUSTIVE;
        p.fixed.tp = p.fixed.cp = p.fixed.etp = p.fixed.mbs = p.fixed.vpp = 1;
        p.fixed.pp = rows[i].pp;
        p.fixed.dp = 2 / rows[i].pp;
        p.fixed.ep = rows[i].ep;
        p.free_recompute = p.free_placement = p.free_stages = p.free_sequence_parallel = p.free_overlap_dp = p.free_zero_group = p.free_offload = p.free_gather = false;
        p.free_overlap = rows[i].pp == 1;
        if (sp_plan_search(&p, f->arena, &s, &err) != SP_OK)
            fail_msg("row %zu: %s", i, err.text);
        if (s.counts.legal != rows[i].legal)
            fail_msg("row %zu: %llu plans are legal, expected %llu", i, (unsigned long long)s.counts.legal, (unsigned long long)rows[i].legal);
    }
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
                                       cmocka_unit_test(fewest_chips_for_a_deadline), cmocka_unit_test(fewest_chips_are_those_of_a_scan),
                                       cmocka_unit_test(more_effort_finds_no_less), cmocka_unit_test(nothing_is_told_twice), cmocka_unit_test(words_that_say_nothing_are_not_counted)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
