/* The direct exchange along a digit: a pass of the all-reduce, or the all-to-all. */
#include "collective_private.h"

/* What arrives at a rank comes from everybody by another chunk number: a join per sender collects it. The join also carries
 * the rank's own gate on, because the rank's own share waits for no arrival. */
static void join_arrivals(sp_i_stage *stage, uint32_t transfer)
{
    uint32_t join = sp_i_stage_join(stage, stage->axis.size - 1);
    sp_i_stage_wait(stage, join, 1);
    sp_builder_dep(stage->builder, join,
                   (sp_dep){.from = transfer, .rank = sp_i_map(stage->axis, SP_MAP_SHIFT, -1, -1)});
    sp_i_stage_gate(stage, join, NULL);
    stage->phase++;
}

void sp_i_along_direct(sp_i_stage *stage, bool gather, uint32_t shift)
{
    (void)shift;
    uint32_t n = stage->axis.size;
    uint32_t id = sp_i_stage_transfer(stage, gather ? "all-gather" : "reduce-scatter", gather ? SP_EFFECT_COPY : SP_EFFECT_REDUCE,
                                      sp_i_map(stage->axis, SP_MAP_SHIFT, 1, 1), 1, n - 1, sp_i_stage_units(stage));
    if (gather)
        sp_i_data_shift(stage->builder, id, stage->axis, 0, 0, 0, 1);
    else
        sp_i_data_shift(stage->builder, id, stage->axis, 1, 0, 1, 1);
    sp_i_stage_wait(stage, id, 1);
    join_arrivals(stage, id);
}

void sp_i_exchange_direct(sp_i_stage *stage)
{
    /* a unit already holds the blocks of all sources that agree with this rank outside the fixed digits */
    double units = (double)stage->n_own / stage->axis.size;
    uint32_t id = sp_i_stage_transfer(stage, "all-to-all", SP_EFFECT_MOVE, sp_i_map(stage->axis, SP_MAP_SHIFT, 1, 1), 1,
                                      stage->axis.size - 1, units);
    sp_i_data_shift(stage->builder, id, stage->axis, 1, 0, 1, 1);
    sp_i_stage_wait(stage, id, 1);
    join_arrivals(stage, id);
}
