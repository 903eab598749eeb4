/* Why a plan is not better. Private to plan. */
#ifndef SP_PLAN_WHY_H
#define SP_PLAN_WHY_H

#include "superpod/plan.h"

/* What is kept of a simulated plan. */
typedef struct sp_i_kept { sp_ranked ranked; uint32_t n_parts; sp_part part[SP_PARTS_MAX]; uint32_t tiers[SP_GROUPS]; } sp_i_kept;

/* Of the first plan (first == kept): what keeps it from more; of others what they lose to the first. NULL: no memory. */
const char *sp_i_why(const sp_problem *problem, const sp_i_kept *first, const sp_i_kept *kept, sp_arena *arena);
/* One-axis changes of the first plan that memory refuses, nearest first. */
sp_status sp_i_missed(const sp_problem *problem, sp_pricer *pricer, const sp_plan *first, sp_arena *arena, sp_solution *out, sp_error *err);

#endif
