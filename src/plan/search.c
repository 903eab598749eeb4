/* The planner. 1. A quick search over few values an axis and all plans near its best, so that there is something to beat. 2. Workers take items of the
 * whole space and price every legal plan; candidates whose bound is above the worst plan kept so far are dropped, the rest kept
 * in bounded heaps. 3. Simulate in order of the bound; stop when the next bound is no better than the worst kept. Should a heap
 * have overflowed before that, the space is priced again for what lies behind. The bound never exceeds the simulated time, so
 * nothing better is missed (docs/models/planner.md). What is dropped depends on step 1 alone, so any number of workers
 * gives the same answer. Members of a team price every size-th item each, share what they kept, and all do the rest alike. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

/* ---- one search over one space ------------------------------------------------------------------------------------------------ */

/* Did any member stop? All go on alike. */
static sp_status share_stopped(sp_i_planner *p)
{
    uint32_t size = sp_team_size(p->problem->team);
    bool *stopped = size == 1 ? NULL : calloc(size, sizeof *stopped);
    if (size == 1)
        return SP_OK;
    if (!stopped)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory to share results");
    stopped[p->problem->team->rank] = p->stopped;
    sp_status status = sp_team_rows(p->problem->team, stopped, sizeof *stopped, size, p->err);
    for (uint32_t i = 0; i < size; i++)
        p->stopped = p->stopped || stopped[i];
    free(stopped);
    return status;
}

static sp_status search_rounds(sp_i_job *j, bool count)
{
    sp_i_planner *p = j->planner;
    sp_i_candidate last;
    for (bool more = true, again = false; more; again = true) {
        sp_i_found f;
        bool done;
        sp_status status = sp_i_price_all(j, again ? &last : NULL, count && !again, &f);
        if (status != SP_OK)
            return status;
        bool cut_short = p->stopped;   /* the best of what was priced is simulated all the same, if nothing is known yet */
        p->stopped = false;
        status = sp_i_simulate_in_order(p, j, f.list, f.n, cut_short ? p->n_kept == 0 : f.n, &done);
        status = sp_team_agree(j->problem->team, status, p->err);
        if (status == SP_OK)
            status = share_stopped(p);
        more = status == SP_OK && f.dropped && !done && !cut_short && !p->stopped && f.n > 0;
        p->stopped = p->stopped || cut_short;
        if (more)
            last = f.list[f.n - 1];
        free(f.list);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status search_space(sp_i_planner *p, const sp_problem *problem, double share_from, double share, bool count)
{
    sp_arena *arena = sp_arena_create();
    sp_i_job j = {.planner = p, .problem = problem, .share_from = share_from, .share = share};
    sp_status status = arena ? sp_i_job_start(&j, arena, problem->threads ? problem->threads : 1)
                             : sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a search");
    status = sp_team_agree(problem->team, status, p->err);
    if (status == SP_OK && j.all_items)
        status = search_rounds(&j, count);
    if (status == SP_OK)
        status = sp_i_count_seen(p, &j, count);
    for (uint32_t i = 0; i < j.n_workers; i++)
        sp_i_solver_end(&j.worker[i].solver);
    free(j.worker);
    sp_arena_destroy(arena);
    return status;
}

/* What is wrong with the fixed values by themselves, if anything is: every free one is 1, and replicas as many as experts or shared state ask for. */
static sp_status blame_fixed(const sp_problem *p, sp_error *err)
{
    sp_plan plan = p->fixed;
    sp_layout layout;
    uint32_t *const sizes[] = {&plan.tp, &plan.cp, &plan.ep, &plan.etp, &plan.pp, &plan.mbs};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        *sizes[i] = *sizes[i] ? *sizes[i] : 1;
    uint64_t ranks = (uint64_t)plan.tp * plan.cp, experts = ((uint64_t)plan.ep * plan.etp + ranks - 1) / ranks, shared = (plan.zero_group + plan.cp - 1) / plan.cp;
    if (!plan.dp)
        plan.dp = (uint32_t)(shared > experts ? shared : experts);
    plan.vpp = plan.vpp ? plan.vpp : sp_schedule_is_vee(plan.schedule) ? 2 : 1;
    plan.gbs = p->gbs;
    plan.seq = p->seq;
    sp_status status = sp_plan_check(&plan, p->model, p->machine, err);
    return status == SP_OK ? sp_plan_layout(&plan, p->machine, &layout, err) : status;
}

/* ---- the answer --------------------------------------------------------------------------------------------------------------- */

static sp_status nothing_fits(const sp_i_planner *pl)
{
    const sp_problem *p = pl->problem;
    const sp_plan_counts *counts = &pl->counts;
    if (counts->priced + counts->refused_deadline > 0 && p->step_time_s_max > 0)
        return sp_error_set(pl->err, SP_E_UNFIT, NULL, 0, 0,
                            "no plan of %llu legal ones fits in memory and meets the deadline: a step may take %.4g s at most; allow more time, or a "
                            "larger machine",
                            (unsigned long long)counts->legal, p->step_time_s_max);
    if (pl->least_memory_bytes > 0) {
        char need[32], have[32];
        sp_unit_format(pl->least_memory_bytes, SP_UNIT_BYTES, need, sizeof need);
        sp_unit_format(p->machine->chip->mem_bytes.nominal, SP_UNIT_BYTES, have, sizeof have);
        return sp_error_set(pl->err, SP_E_UNFIT, NULL, 0, 0,
                            "no plan of %llu legal ones fits in memory: the smallest needs %s a chip, %s has %s; use more chips or a smaller sequence",
                            (unsigned long long)counts->legal, need, p->machine->chip->name, have);
    }
    if (blame_fixed(p, pl->err) != SP_OK) {
        if (pl->err)
            pl->err->status = SP_E_UNFIT;
        return SP_E_UNFIT;
    }
    return sp_error_set(pl->err, SP_E_UNFIT, NULL, 0, 0,
                        "no legal plan for %s on %s with global batch %llu and sequence %llu: %llu candidates do not divide, %llu do not fit the "
                        "tiers; change --gbs or free an axis",
                        p->model->name, p->machine->name, (unsigned long long)p->gbs, (unsigned long long)p->seq,
                        (unsigned long long)counts->refused_divide, (unsigned long long)counts->refused_place);
}

static sp_status answer(sp_i_planner *p, sp_arena *arena, sp_solution *out)
{
    sp_solution solution = {.n = p->n_kept};
    solution.ranked = sp_arena_alloc(arena, p->n_kept, sizeof *solution.ranked);
    bool ok = solution.ranked != NULL;
    for (uint32_t i = 0; ok && i < p->n_kept; i++) {
        solution.ranked[i] = p->kept[i].ranked;
        ok = (solution.ranked[i].why = sp_i_why(p->problem, &p->kept[0], &p->kept[i], arena)) != NULL;
    }
    if (!ok)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for the answer");
    sp_status status = p->n_kept ? sp_i_missed(p->problem, p->pricer[0], &p->kept[0].ranked.plan, arena, &solution, p->err) : SP_OK;
    p->counts.refused = p->counts.refused_divide + p->counts.refused_memory + p->counts.refused_place + p->counts.refused_deadline +
                        p->counts.refused_size;
    solution.counts = p->counts;
    if (status == SP_OK)
        *out = solution;
    return status;
}

/* ---- what is known beforehand ------------------------------------------------------------------------------------------------- */

#define NEAR 3u   /* items searched whole before all others */

static bool same_item(const sp_plan *a, const sp_plan *b)
{
    return a->tp == b->tp && a->cp == b->cp && a->ep == b->ep && a->etp == b->etp;
}

/* The quick search, then every plan of the items that its best ones are in: the closer the worst kept is to the answer, the more plans a
 * bound rules out. */
static sp_status seed(sp_i_planner *p)
{
    sp_problem quick = *p->problem;
    sp_plan near[NEAR];
    uint32_t n = 0;
    quick.effort = SP_EFFORT_QUICK;
    sp_status status = search_space(p, &quick, 0, 0.04, false);
    for (uint32_t i = 0, k; i < p->n_kept && n < NEAR; i++) {
        for (k = 0; k < n && !same_item(&near[k], &p->kept[i].ranked.plan);)
            k++;
        if (k == n)
            near[n++] = p->kept[i].ranked.plan;
    }
    for (uint32_t i = 0; i < n && status == SP_OK && !p->stopped; i++) {
        sp_problem item = *p->problem;
        item.fixed.tp = near[i].tp;
        item.fixed.cp = near[i].cp;
        item.fixed.ep = near[i].ep;
        item.fixed.etp = near[i].etp;
        status = search_space(p, &item, 0.04, 0.01, false);
    }
    return status;
}

sp_status sp_plan_search(const sp_problem *problem, sp_arena *arena, sp_solution *out, sp_error *err)
{
    sp_i_planner p = {.problem = problem, .worth = sp_i_worth_of(problem), .err = err};
    sp_status status = sp_problem_check(problem, err);
    if (status != SP_OK)
        return status;
    p.kept = calloc((size_t)problem->top + 1, sizeof *p.kept);
    p.names = sp_arena_create();
    if (!p.kept || !p.names)
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u plans", problem->top);
    bool quick = problem->effort == SP_EFFORT_QUICK;
    if (status == SP_OK && !quick)
        status = seed(&p);
    if (status == SP_OK && !p.stopped)
        status = search_space(&p, problem, quick ? 0 : 0.05, quick ? 1 : 0.95, true);
    if (status == SP_OK && p.n_kept == 0 && !p.stopped)
        status = nothing_fits(&p);
    if (status == SP_OK)
        status = answer(&p, arena, out);
    if (status == SP_OK && p.stopped)
        status = sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted; the best plan so far is shown");
    for (uint32_t i = 0; i < SP_THREADS_MAX && p.pricer[i]; i++)
        sp_pricer_destroy(p.pricer[i]);
    free(p.kept);
    sp_arena_destroy(p.names);
    return status;
}
