/* What the time of a step and the busy time in it are worth to an objective. */
#include "solver.h"

#include <math.h>

sp_i_worth sp_i_worth_of(const sp_problem *problem)
{
    return (sp_i_worth){.objective = problem->objective, .cost = sp_predict_running_cost(problem->machine),
                        .step_time_s_max = problem->step_time_s_max};
}

/* Watts rise with the share of the step that the busiest stage computes, and that share times the step is what is priced. All
 * rise with both times, so that bounds of times give a bound of the objective. What misses the deadline is worth nothing: infinite. */
double sp_i_worth_at(const sp_i_worth *worth, double chips, double step_s, double busy_s)
{
    const sp_running_cost *cost = &worth->cost;
    if (worth->step_time_s_max > 0 && step_s > worth->step_time_s_max)
        return INFINITY;
    double energy_j = chips * (cost->idle_w * step_s + (cost->busy_w - cost->idle_w) * busy_s);
    switch (worth->objective) {
    case SP_OBJECTIVE_ENERGY: return energy_j;
    case SP_OBJECTIVE_COST: return chips * cost->capital_usd_per_s * step_s + energy_j * cost->usd_per_j;
    case SP_OBJECTIVE_CHIPS: return chips + 0.5 * step_s / worth->step_time_s_max;   /* the step breaks ties: never a chip */
    default: return step_s;
    }
}
