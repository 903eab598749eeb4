/* The space of candidate plans of a problem. Private to plan. */
#ifndef SP_PLAN_SPACE_H
#define SP_PLAN_SPACE_H

#include "word.h"

#define SP_I_LAYINGS_MAX 64

/* An order of the axes on the tiers and the tiers each may use. */
typedef struct sp_i_laying { uint32_t order[SP_AXES], place[SP_AXES]; } sp_i_laying;

/* How the layers are cut: chunks a stage, layers of the first and last chunk. */
typedef struct sp_i_cutting { uint32_t vpp, first_layers, last_layers; } sp_i_cutting;
typedef struct sp_i_cuttings { uint32_t n, room; sp_i_cutting *item; } sp_i_cuttings;

/* Values an axis may take. */
typedef struct sp_i_space {
    sp_i_choices tp, cp, pp, ep, etp, vpp, mbs, chips, word[SP_I_WORDS];
    uint32_t n_layings; sp_i_laying laying[SP_I_LAYINGS_MAX];
    uint32_t n_batch, *batch;        /* divisors of gbs, ascending */
    uint32_t dps;                    /* data-parallel sizes of a combination, those apart that fill a pipeline */
    sp_i_cuttings *cuttings;         /* [pp.n] */
} sp_i_space;

/* Errors: SP_E_NOMEM. Lives in the arena. */
sp_status sp_i_space_make(const sp_problem *problem, sp_arena *arena, sp_i_space *out, sp_error *err);
/* Data-parallel sizes that the chips allow and that divide the batch, largest first; fixed.dp alone when it is fixed. */
sp_i_choices sp_i_space_dp(const sp_problem *problem, const sp_i_space *space, uint32_t chips, uint32_t per_replica, uint32_t mbs);

#endif
