/* Work items, numbered over tp, cp, ep and etp; and the plan that a place in the space stands for. */
#include "solve.h"

#include <string.h>

uint32_t sp_i_items(const sp_i_space *space)
{
    return space->tp.n * space->cp.n * space->ep.n * space->etp.n;
}

static uint32_t digit(uint32_t *number, const sp_i_choices *choices)
{
    uint32_t value = choices->value[*number % choices->n];
    *number /= choices->n;
    return value;
}

sp_plan sp_i_item_plan(const sp_problem *problem, const sp_i_space *space, uint32_t item)
{
    sp_plan plan = problem->fixed;
    plan.gbs = problem->gbs;
    plan.seq = problem->seq;
    plan.etp = digit(&item, &space->etp);
    plan.ep = digit(&item, &space->ep);
    plan.cp = digit(&item, &space->cp);
    plan.tp = digit(&item, &space->tp);
    for (int w = 0; w < SP_I_WORDS; w++)
        if (space->word[w].n == 1)
            sp_i_word_rows[w].put(&plan, space->word[w].value[0]);
    return plan;
}

void sp_i_put_laying(sp_plan *plan, const sp_i_laying *laying)
{
    memcpy(plan->order, laying->order, sizeof plan->order);
    memcpy(plan->place, laying->place, sizeof plan->place);
}

void sp_i_put_cutting(sp_plan *plan, const sp_i_cutting *cutting)
{
    plan->vpp = cutting->vpp;
    plan->first_layers = cutting->first_layers;
    plan->last_layers = cutting->last_layers;
}

sp_plan sp_i_candidate_plan(const sp_problem *problem, const sp_i_space *space, const sp_i_candidate *c)
{
    sp_plan plan = sp_i_item_plan(problem, space, c->item);
    plan.pp = space->pp.value[c->pp_at];
    plan.dp = c->dp;
    plan.zero_group = c->zero_group;
    plan.mbs = space->mbs.value[c->mbs_at];
    for (int w = 0; w < SP_I_WORDS; w++)
        sp_i_word_rows[w].put(&plan, space->word[w].value[c->word[w]]);
    if (c->recompute_layers)
        plan.recompute_layers = c->recompute_layers;
    if (c->offload)
        plan.offload_activations = c->offload;
    sp_i_put_cutting(&plan, &space->cuttings[c->pp_at].item[c->cutting]);
    sp_i_put_laying(&plan, &space->laying[c->laying]);
    return plan;
}
