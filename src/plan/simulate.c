/* Candidates simulated in order of their bounds; the best are kept. */
#include "planner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double sp_i_limit_of(const sp_i_planner *p)
{
    double limit = p->n_kept == p->problem->top ? p->kept[p->n_kept - 1].ranked.objective : INFINITY;
    bool step = p->problem->objective == SP_OBJECTIVE_THROUGHPUT && p->problem->step_time_s_max > 0;
    return step ? fmin(limit, p->problem->step_time_s_max) : limit;
}

static bool same_plan(const sp_plan *a, const sp_plan *b)
{
    char mine[1024], theirs[1024];   /* every field stands in a plan's words */
    sp_plan_format(a, mine, sizeof mine);
    sp_plan_format(b, theirs, sizeof theirs);
    return strcmp(mine, theirs) == 0;
}

/* The same split laid elsewhere, or with its slots in another order, to the same end: one of them is told. */
static bool same_but_laid(const sp_ranked *a, const sp_ranked *b)
{
    sp_plan other = b->plan;
    if (a->mem_bytes_max == b->mem_bytes_max)
        other.schedule = a->plan.schedule;
    memcpy(other.order, a->plan.order, sizeof other.order);
    memcpy(other.place, a->plan.place, sizeof other.place);
    return same_plan(&a->plan, &other) && fabs(a->objective - b->objective) <= 1e-9 * fabs(a->objective);
}

static void keep(sp_i_planner *p, const sp_i_kept *one)
{
    for (uint32_t i = 0; i < p->n_kept; i++)
        if (same_but_laid(&p->kept[i].ranked, &one->ranked))
            return;
    uint32_t top = p->problem->top, at = p->n_kept;
    while (at > 0 && one->ranked.objective < p->kept[at - 1].ranked.objective)
        at--;
    if (at >= top)
        return;
    uint32_t last = p->n_kept < top ? p->n_kept : top - 1;
    memmove(&p->kept[at + 1], &p->kept[at], (last - at) * sizeof *one);
    p->kept[at] = *one;
    p->n_kept = p->n_kept < top ? p->n_kept + 1 : top;
}

static sp_status remember(sp_i_planner *p, const sp_plan *plan, const sp_i_candidate *c, const sp_train_report *report)
{
    if (p->worth.step_time_s_max > 0 && report->step_time_s > p->worth.step_time_s_max)
        return SP_OK;
    sp_i_kept one = {.n_parts = report->n_parts};
    one.ranked = (sp_ranked){.plan = *plan, .step_time_s = report->step_time_s, .lower_bound_s = c->bound_s, .mfu = report->mfu,
        .tokens_per_s_chip = report->tokens_per_s_chip, .mem_bytes_max = report->mem_bytes_max, .why = "",
        .objective = sp_i_worth_at(&p->worth, report->chips, report->step_time_s, report->step_time_s * (1 - report->bubble_fraction))};
    memcpy(one.part, report->part, sizeof one.part);
    memcpy(one.tiers, report->layout.tiers, sizeof one.tiers);
    for (uint32_t i = 0; i < one.n_parts; i++)   /* labels live as long as the run does */
        if (!(one.part[i].label = sp_arena_strdup(p->names, one.part[i].label)))
            return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a simulated plan");
    keep(p, &one);
    return SP_OK;
}

/* Is the plan no better than the worst kept by a bound that is closer than its price? Asked where a forward and a backward are one slot: how well
 * the traffic of each hides under the other is known when that slot has been run. */
static sp_status beaten_by_slots(sp_i_planner *p, sp_pricer *pricer, const sp_plan *plan, sp_arena *scratch, bool *out)
{
    sp_price price = {0};
    double limit = sp_i_limit_of(p);
    *out = false;
    if (!sp_schedule_joins(plan->schedule) || isinf(limit))
        return SP_OK;
    sp_status status = sp_pricer_slots_bound(pricer, plan, scratch, &price, p->err);
    *out = status == SP_OK && sp_i_worth_at(&p->worth, (double)plan->tp * plan->cp * plan->pp * plan->dp, price.lower_bound_s, price.busy_s) >= limit;
    return status;
}

static sp_status simulate(sp_i_planner *p, const sp_i_job *j, const sp_i_candidate *c)
{
    sp_plan plan = sp_i_candidate_plan(j->problem, &j->space, c);
    for (uint32_t i = 0; i < p->n_kept; i++)
        if (same_plan(&plan, &p->kept[i].ranked.plan))
            return SP_OK;   /* the quick search found it */
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    bool beaten;
    if (!scratch)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory to simulate a plan");
    sp_status status = beaten_by_slots(p, j->worker[0].solver.pricer, &plan, scratch, &beaten);
    if (status == SP_OK && !beaten)
        status = sp_pricer_train(j->worker[0].solver.pricer, &plan, true, scratch, &report, NULL, p->err);
    if (status == SP_OK && !beaten) {
        p->counts.simulated++;
        status = remember(p, &plan, c, &report);
    }
    sp_arena_destroy(scratch);
    if (status == SP_E_RANGE || status == SP_E_UNFIT) {   /* more tasks than a run takes, or full to the last byte */
        p->counts.refused_size++;
        return SP_OK;
    }
    return status;
}

sp_status sp_i_simulate_in_order(sp_i_planner *p, const sp_i_job *j, const sp_i_candidate *list, uint32_t n, uint32_t most, bool *done)
{
    *done = false;
    for (uint32_t i = 0; i < n && i < most; i++) {
        if (list[i].objective_bound >= sp_i_limit_of(p)) {
            *done = true;
            return SP_OK;
        }
        sp_status status = simulate(p, j, &list[i]);
        if (status != SP_OK || !sp_i_tell(p, j->share_from + j->share))
            return status;
    }
    return SP_OK;
}
