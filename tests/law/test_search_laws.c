/* Laws of search: on random small problems the answer is that of simulating every plan; what is fixed stays fixed; prices in
 * steps are prices at once; a worse answer is explained. The enumeration here is its own: nested loops over all numbers, and
 * the rules of plan_check. */
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

#define PROBLEMS 220

/* ---- random problems -------------------------------------------------------------------------------------------------- */

static const sp_machine *random_machine(fixture *f, sp_rng *rng)
{
    static const char *const inner[] = {"mesh:4@56GB/s,200ns", "switch:4@450GB/s,1us", "torus:2x2@50GB/s,300ns", "switch:2@900GB/s,500ns",
                                        "mesh:3@100GB/s,300ns", "switch:8@200GB/s,1us"};
    static const char *const outer[] = {"", " clos:2@50GB/s,4us,nic", " clos:2@5GB/s,4us,nic"};
    static const char *const chips[] = {"h100", "ascend-950dt", "tpu-v5p", "mi300x"};
    for (int tries = 0; tries < 100; tries++) {   /* not every chip has the ports for every tier */
        const sp_machine *m;
        const char *text = sp_arena_printf(f->arena, "%s%s chip=%s", inner[sp_rng_below(rng, 6)], outer[sp_rng_below(rng, 3)],
                                           chips[sp_rng_below(rng, 4)]);
        if (sp_catalog_machine(f->catalog, text, &m, NULL) == SP_OK)
            return m;
    }
    fail_msg("no machine can be built");
    return NULL;
}

/* Few layers, so that the loops are short; wide enough that memory refuses some plans. */
static const sp_model *random_model(fixture *f, sp_rng *rng)
{
    sp_block *block = sp_arena_alloc(f->arena, 2, sizeof *block);
    sp_model *m = sp_arena_alloc(f->arena, 1, sizeof *m);
    uint8_t *kind = sp_arena_alloc(f->arena, 16, 1);
    bool moe = sp_rng_below(rng, 2);
    block[0] = (sp_block){.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = 8, .d_qk = 128, .d_v = 128},
                          .ffn = {.kind = SP_FFN_DENSE, .gated = true, .inner = 14336}, .norms = 2};
    block[1] = block[0];
    block[1].ffn = (sp_ffn){.kind = SP_FFN_MOE, .gated = true, .experts = 8, .topk = 2, .expert_inner = 7168, .shared_inner = 2048};
    *m = (sp_model){.name = "random", .family = "test", .hidden = sp_rng_below(rng, 2) ? 4096 : 8192, .vocab = 64000, .max_positions = 8192,
                    .tied_embeddings = sp_rng_below(rng, 2), .n_layers = 2 + (uint32_t)sp_rng_below(rng, 11), .n_kinds = moe ? 2 : 1,
                    .kinds = block, .layer_kind = kind, .mtp_layers = sp_rng_below(rng, 4) == 0};
    for (uint32_t l = 0; l < m->n_layers; l++)
        kind[l] = moe && l >= 1;
    return m;
}

/* Most axes fixed at random, so that what is left can be simulated whole. */
static sp_problem random_problem(fixture *f, sp_rng *rng)
{
    sp_problem p = sp_problem_default(random_machine(f, rng), random_model(f, rng));
    p.seq = 2048;
    p.gbs = 4ull << sp_rng_below(rng, 3);
    p.top = 1;
    p.effort = sp_rng_below(rng, 3) ? SP_EFFORT_NORMAL : SP_EFFORT_QUICK;
    p.objective = (sp_objective)sp_rng_below(rng, 3);
    p.fixed.etp = 1;
    p.fixed.cp = sp_rng_below(rng, 4) ? 1 : 0;
    p.fixed.mbs = sp_rng_below(rng, 2) ? 1u << sp_rng_below(rng, 2) : 0;
    p.fixed.tp = sp_rng_below(rng, 2) ? 1u << sp_rng_below(rng, 2) : 0;
    p.fixed.ep = sp_rng_below(rng, 2) ? 1 : 0;
    p.chips = sp_rng_below(rng, 4) ? p.machine->chips : 0;
    p.free_recompute = sp_rng_below(rng, 3) == 0;
    p.fixed.recompute = (sp_recompute)sp_rng_below(rng, SP_RECOMPUTES);
    p.free_schedule = sp_rng_below(rng, 3) == 0;
    p.free_zero = sp_rng_below(rng, 3) == 0;
    p.free_placement = sp_rng_below(rng, 3) == 0;
    p.free_stages = sp_rng_below(rng, 3) == 0;
    p.free_overlap = sp_rng_below(rng, 2);
    p.free_sequence_parallel = sp_rng_below(rng, 4) == 0;
    return p;
}

/* ---- every plan --------------------------------------------------------------------------------------------------------- */

typedef struct force { const sp_problem *problem; sp_pricer *pricer; double best; uint32_t tried; sp_plan plan; bool interleaved_only; } force;

static double worth(const sp_problem *problem, const sp_train_report *r)
{
    sp_running_cost cost = sp_predict_running_cost(problem->machine);
    double energy_j = r->energy_j;
    if (problem->objective == SP_OBJECTIVE_ENERGY)
        return energy_j;
    if (problem->objective == SP_OBJECTIVE_COST)
        return r->chips * cost.capital_usd_per_s * r->step_time_s + energy_j * cost.usd_per_j;
    return r->step_time_s;
}

static void try_plan(force *f, const sp_plan *plan)
{
    sp_arena *arena = sp_arena_create();
    sp_train_report report;
    if (sp_pricer_train(f->pricer, plan, true, arena, &report, NULL, NULL) == SP_OK) {
        double value = worth(f->problem, &report);
        f->tried++;
        if (value < f->best) {
            f->best = value;
            f->plan = *plan;
        }
    }
    sp_arena_destroy(arena);
}

static void try_zero(force *f, sp_plan plan)
{
    bool normal = f->problem->effort == SP_EFFORT_NORMAL;
    for (uint32_t z = 0; z <= 3; z++) {
        plan.zero = f->problem->free_zero ? z : f->problem->fixed.zero;
        if (f->problem->free_zero ? normal || z == 1 || z == 3 : z == 0)
            try_plan(f, &plan);
    }
}

static void try_schedules(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    plan.schedule = plan.vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
    try_zero(f, plan);
    plan.schedule = SP_SCHEDULE_GPIPE;
    if (p->free_schedule && p->effort == SP_EFFORT_NORMAL && plan.vpp == 1 && plan.pp > 1)
        try_zero(f, plan);
}

static void try_stages(force *f, sp_plan plan)
{
    uint32_t even = f->problem->model->n_layers / (plan.pp * plan.vpp);
    bool uneven = f->problem->free_stages && f->problem->effort == SP_EFFORT_NORMAL && plan.pp * plan.vpp > 1 && even > 1;
    for (int first = 0; first <= uneven; first++)
        for (int last = 0; last <= uneven; last++) {
            plan.first_layers = first ? even - 1 : 0;
            plan.last_layers = last ? even - 1 : 0;
            try_schedules(f, plan);
        }
}

static void try_chunks(force *f, sp_plan plan)
{
    uint32_t layers = f->problem->model->n_layers, most = f->problem->effort == SP_EFFORT_NORMAL ? 16 : 4;
    for (uint32_t v = 1; v <= layers && v <= most; v++) {
        plan.vpp = v;
        if (v == 1 && f->interleaved_only)
            continue;
        if (v > 1 && (!f->problem->free_schedule || plan.pp == 1 || plan.pp * v > layers || (v > 8 && layers % v)))
            continue;
        try_stages(f, plan);
    }
}

static void try_order(force *f, sp_plan plan, uint32_t a, uint32_t b, uint32_t c, uint32_t pipe_tiers)
{
    const uint32_t order[SP_AXES] = {SP_AXIS_TP, a, b, c};
    memcpy(plan.order, order, sizeof order);
    plan.place[SP_AXIS_PP] = pipe_tiers;
    try_chunks(f, plan);
}

static void try_placements(force *f, sp_plan plan)
{
    enum { C = SP_AXIS_CP, D = SP_AXIS_DP, P = SP_AXIS_PP };
    try_order(f, plan, C, D, P, 0);
    if (!f->problem->free_placement)
        return;
    try_order(f, plan, C, P, D, 0);
    if (f->problem->effort == SP_EFFORT_QUICK)
        return;
    try_order(f, plan, D, C, P, 0);
    try_order(f, plan, D, P, C, 0);
    try_order(f, plan, P, C, D, 0);
    try_order(f, plan, P, D, C, 0);
    for (uint32_t t = 1; t < f->problem->machine->planes[0].n_tiers; t++)
        try_order(f, plan, C, P, D, 1u << t);
}

static void try_words(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    bool sequence = p->free_sequence_parallel && p->effort == SP_EFFORT_NORMAL;
    bool shown = p->free_overlap && p->effort == SP_EFFORT_NORMAL && plan.ep > 1;   /* hidden expert traffic takes memory */
    for (int r = 0; r < SP_RECOMPUTES; r++)
        for (int s = 0; s < 2; s++)
            for (int hidden = shown ? 0 : 1; hidden < 2; hidden++) {
                plan.recompute = (sp_recompute)r;
                plan.sequence_parallel = s;
                plan.overlap_tp = p->free_overlap;
                plan.overlap_ep = p->free_overlap && hidden;
                if ((!p->free_recompute && plan.recompute != p->fixed.recompute) || (!sequence && !s))
                    continue;
                try_placements(f, plan);
            }
}

static bool lies(const force *f, sp_plan plan, uint32_t a, uint32_t b, uint32_t c, uint32_t pipe_tiers)
{
    const uint32_t order[SP_AXES] = {SP_AXIS_TP, a, b, c};
    sp_layout layout;
    memcpy(plan.order, order, sizeof order);
    plan.place[SP_AXIS_PP] = pipe_tiers;
    return sp_plan_layout(&plan, f->problem->machine, &layout, NULL) == SP_OK;
}

static bool has_place(const force *f, sp_plan plan)
{
    enum { C = SP_AXIS_CP, D = SP_AXIS_DP, P = SP_AXIS_PP };
    bool free = f->problem->free_placement, normal = f->problem->effort == SP_EFFORT_NORMAL;
    if ((uint64_t)plan.tp * plan.cp * plan.dp % ((uint64_t)plan.ep * plan.etp))
        return false;
    bool any = lies(f, plan, C, D, P, 0) || (free && lies(f, plan, C, P, D, 0));
    if (free && normal)
        any = any || lies(f, plan, D, C, P, 0) || lies(f, plan, D, P, C, 0) || lies(f, plan, P, C, D, 0) || lies(f, plan, P, D, C, 0);
    for (uint32_t t = 1; free && normal && t < f->problem->machine->planes[0].n_tiers; t++)
        any = any || lies(f, plan, C, P, D, 1u << t);
    return any;
}

/* The largest data-parallel size that divides the batch and has a place; were its micro-batches no whole rounds of the pipeline,
 * the largest with whole rounds as well, interleaved. */
static void try_sizes(force *f, sp_plan plan, uint32_t chips)
{
    bool first = true, filled = plan.pp == 1;
    for (uint32_t dp = chips / (plan.tp * plan.cp * plan.pp); dp > 0 && (first || !filled); dp--) {
        plan.dp = dp;
        if (f->problem->gbs % ((uint64_t)plan.mbs * dp) || !has_place(f, plan))
            continue;
        bool fills = f->problem->gbs / ((uint64_t)plan.mbs * dp) % plan.pp == 0;
        f->interleaved_only = !first;
        if (first || fills)
            try_words(f, plan);
        first = false;
        filled = filled || fills;
    }
    f->interleaved_only = false;
}

static bool open_to(uint32_t fixed, uint32_t value) { return fixed == 0 || fixed == value; }

static void try_all(force *f, uint32_t chips)
{
    const sp_problem *p = f->problem;
    uint32_t all = p->chips ? p->chips : p->machine->chips;
    for (uint32_t tp = 1; tp <= all; tp++)
        for (uint32_t cp = 1; cp <= 2; cp++)
            for (uint32_t ep = 1; ep <= all; ep++)
                for (uint32_t pp = 1; pp <= all; pp++)
                    for (uint32_t mbs = 1; mbs <= (p->effort == SP_EFFORT_NORMAL ? 16u : 4u); mbs *= 2) {
                        if (!open_to(p->fixed.tp, tp) || !open_to(p->fixed.cp, cp) || !open_to(p->fixed.ep, ep) || !open_to(p->fixed.mbs, mbs) ||
                            all % pp || p->gbs % mbs || tp * cp * pp > chips)
                            continue;
                        sp_plan plan = p->fixed;
                        plan.gbs = p->gbs; plan.seq = p->seq; plan.tp = tp; plan.cp = cp; plan.ep = ep; plan.pp = pp; plan.mbs = mbs;
                        try_sizes(f, plan, chips);
                    }
}

static void brute_force(force *f)
{
    const sp_problem *p = f->problem;
    uint32_t all = p->chips ? p->chips : p->machine->chips;
    f->best = INFINITY;
    assert_int_equal(sp_pricer_create(p->machine, p->model, &f->pricer, NULL), SP_OK);
    try_all(f, all);
    if (p->objective != SP_OBJECTIVE_THROUGHPUT && !p->chips)
        for (uint32_t part = all / 2; part >= 1; part /= 2)
            try_all(f, part);
    sp_pricer_destroy(f->pricer);
}

/* ---- laws ---------------------------------------------------------------------------------------------------------------- */

static void search_equals_brute_force(void **state)
{
    uint32_t found = 0, none = 0;
    uint64_t tried = 0, simulated = 0;
    for (uint64_t seed = 1; seed <= PROBLEMS; seed++) {
        sp_rng rng = sp_rng_make(seed, 7);
        sp_problem problem = random_problem(*state, &rng);
        force f = {.problem = &problem};
        sp_solution solution = {0};
        sp_error err = {0};
        brute_force(&f);
        sp_status status = sp_plan_search(&problem, ((fixture *)*state)->arena, &solution, &err);
        if (f.tried == 0) {
            if (status != SP_E_UNFIT)
                fail_msg("seed %llu: no plan fits, the search says %d: %s", (unsigned long long)seed, status, err.text);
            none++;
            continue;
        }
        if (status != SP_OK)
            fail_msg("seed %llu: %s; brute force finds %u plans", (unsigned long long)seed, err.text, f.tried);
        double best = solution.ranked[0].objective;
        if (fabs(best - f.best) > 1e-9 * f.best) {
            char mine[1024], theirs[1024];
            sp_plan_format(&solution.ranked[0].plan, mine, sizeof mine);
            sp_plan_format(&f.plan, theirs, sizeof theirs);
            fail_msg("seed %llu on %s: search %.12g (%s), brute force %.12g (%s)", (unsigned long long)seed, problem.machine->name, best, mine, f.best,
                     theirs);
        }
        found++;
        tried += f.tried;
        simulated += solution.counts.simulated;
    }
    assert_true(found + none >= 200 && found >= 150 && simulated < tried);
}

/* Threads and room do not matter: any number of workers gives the same answer (test_threads_search.c); what is fixed stays. */
static void what_is_fixed_stays(void **state)
{
    for (uint64_t seed = 1000; seed < 1040; seed++) {
        sp_rng rng = sp_rng_make(seed, 7);
        sp_problem p = random_problem(*state, &rng);
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
        sp_problem p = random_problem(f, &rng);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(used_pricers_price_as_fresh_ones), cmocka_unit_test(search_equals_brute_force), cmocka_unit_test(what_is_fixed_stays),
                                       cmocka_unit_test(fewest_chips_for_a_deadline)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
