/* The price of one plan: needed at all, in memory, bound by its work, bound by all; what the limit does not rule out is kept. */
#include "solve.h"

#include <math.h>
#include <string.h>

static void consider(sp_i_solver *s, const sp_plan *plan, const sp_i_spot *at, const sp_i_laid *laid, const sp_price *price)
{
    double worth = sp_i_worth_at(&s->worth, (double)plan->tp * plan->cp * plan->pp * plan->dp, price->lower_bound_s, price->busy_s);
    sp_i_candidate one = {.objective_bound = worth, .bound_s = price->lower_bound_s, .item = at->item, .dp = plan->dp, .zero_group = plan->zero_group, .cutting = at->cutting,
                          .recompute_layers = at->fewest ? (uint16_t)plan->recompute_layers : 0,
                          .offload = sp_i_offloaded(s, at) & SP_I_OFFLOAD_LEAST ? (uint8_t)plan->offload_activations : 0,
                          .mbs_at = (uint8_t)at->mbs_at, .pp_at = (uint8_t)laid->pp_at, .laying = (uint8_t)laid->laying};
    memcpy(one.word, at->word, sizeof one.word);
    if (s->after && sp_i_candidate_order(&one, s->after) <= 0)
        return;
    sp_i_best_put(&s->best, &one);
}

static bool useless(const sp_i_solver *s, const sp_plan *plan, const sp_price *price)
{
    double worth = sp_i_worth_at(&s->worth, (double)plan->tp * plan->cp * plan->pp * plan->dp, price->lower_bound_s, price->busy_s);
    return isinf(worth) || worth > s->limit;
}

/* Is the plan ruled out by its work alone, which all places of the group share? */
static sp_status find_worked(sp_i_solver *s, const sp_plan *plan, const sp_i_spot *at, const sp_i_laid *laid, const sp_cut *cut, bool *out, sp_error *err)
{
    sp_i_fitting *row = at->met;
    uint64_t bit = sp_i_fit_bit(at, false);
    bool shared = !at->fewest && sp_i_offloaded(s, at) == 0;
    sp_price price = {0};
    *out = false;
    if (shared && row->group != laid->group + 1) {
        row->group = laid->group + 1;
        row->worked = row->beaten = 0;
    }
    if (isinf(s->limit) && s->worth.step_time_s_max == 0)
        return SP_OK;
    if (shared && row->worked & bit) {
        *out = row->beaten & bit;
        return SP_OK;
    }
    sp_status status = sp_pricer_work_bound(s->pricer, plan, cut, &laid->lanes[plan->zero > 0], &price, err);
    *out = status == SP_OK && useless(s, plan, &price);
    if (status == SP_OK && shared) {
        row->worked |= bit;
        row->beaten |= *out ? bit : 0;
    }
    return status;
}

sp_status sp_i_quote(sp_i_solver *s, sp_plan *plan, const sp_i_spot *at, sp_i_laid *laid, sp_error *err)
{
    sp_price price = {0};
    sp_i_cuts *cuts = &s->cuts[laid->pp_at][at->cutting];
    const sp_cut *cut = NULL;
    sp_status status = at->fewest ? SP_OK : sp_i_whole_cut(s, plan, cuts, &cut, err);
    bool beaten;
    if (status != SP_OK)
        return status;
    if (sp_i_word_twice(s->problem, plan) || (at->fewest && sp_i_offloaded(s, at)) || sp_i_needless(s, plan, at, cut))
        return SP_OK;
    if (sp_i_ruled_out(plan, laid)) {   /* counted, but for what is only tried where something else does not fit */
        if (s->count && !at->fewest && !sp_i_offloaded(s, at))
            sp_i_count_memory(s, plan, at, cut);
        return SP_OK;
    }
    if (at->fewest)
        status = sp_i_fewest_cut(s, plan, cuts, &cut, err);
    if (status != SP_OK || !cut)
        return status;
    if (sp_i_offloaded(s, at) & SP_I_OFFLOAD_LEAST && !sp_i_offload_least(s, plan, cut))
        return SP_OK;
    if (!sp_i_count_memory(s, plan, at, cut))
        return SP_OK;
    status = find_worked(s, plan, at, laid, cut, &beaten, NULL);
    if (status == SP_OK && !beaten)
        status = sp_pricer_bound(s->pricer, plan, cut, &laid->lanes[plan->zero > 0], &price, NULL);
    if (status == SP_E_NOMEM)
        return sp_error_set(err, status, NULL, 0, 0, "no memory for prices");
    if (status != SP_OK) {   /* no algorithm for a group laid like that */
        s->counts.refused_place += s->count;
        s->counts.legal -= s->count;
        s->counts.priced -= s->count;
        return SP_OK;
    }
    if (!beaten && !useless(s, plan, &price))
        consider(s, plan, at, laid, &price);
    return SP_OK;
}
