/* The space of candidate plans of a problem. Private to plan. */
#ifndef SP_PLAN_SPACE_H
#define SP_PLAN_SPACE_H

#include "superpod/plan.h"

#define SP_I_CHOICES_MAX 64

typedef struct sp_i_choices { uint32_t n; uint32_t value[SP_I_CHOICES_MAX]; } sp_i_choices;

/* Values an axis may take, ascending. */
typedef struct sp_i_space {
    sp_i_choices tp, cp, pp, ep, etp, vpp, mbs, zero, recompute, chips, precision;
    uint32_t n_orders, order[4][SP_AXES];
} sp_i_space;

void sp_i_space_make(const sp_problem *problem, sp_i_space *out);
/* The largest data-parallel sizes (at most two) that use the chips and divide the batch; fixed.dp alone when it is fixed. */
sp_i_choices sp_i_space_dp(const sp_problem *problem, uint32_t chips, uint32_t per_replica, uint32_t mbs);

#endif
