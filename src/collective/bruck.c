/* Any number of ranks in ceil(log2 n) steps: Bruck's all-gather (Bruck, Ho, Kipnis, Upfal & Weathersby 1997), and its mirror
 * in time as reduce-scatter (Träff 2024, "Optimal, non-pipelined reduce-scatter and allreduce algorithms").
 *
 * Gathering, step i: rank r holds the 2^i owners from r up and sends as many of them as are missing to r - 2^i.
 * Scattering runs the steps backwards: r sends to r + 2^i the partial sums of the owners from r + 2^i up. */
#include "collective_private.h"

static uint32_t n_steps(uint32_t n)
{
    return 32 - (uint32_t)__builtin_clz(n - 1);
}

void sp_i_along_bruck(sp_i_stage *stage, bool gather, uint32_t shift)
{
    (void)shift;
    uint32_t n = stage->axis.size, steps = n_steps(n);
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t distance = 1u << (gather ? i : steps - 1 - i);
        uint32_t window = distance < n - distance ? distance : n - distance;
        int32_t to = gather ? -(int32_t)distance : (int32_t)distance;
        uint32_t id = sp_i_stage_transfer(stage, gather ? "all-gather" : "reduce-scatter",
                                          gather ? SP_EFFECT_COPY : SP_EFFECT_REDUCE, sp_i_map(stage->axis, SP_MAP_SHIFT, to, 0),
                                          1, 1, sp_i_stage_units(stage) * window);
        sp_i_data_shift(stage->builder, id, stage->axis, gather ? 0 : to, 0, 0, window);
        sp_i_stage_wait(stage, id, 1);
        sp_dep arrival = sp_i_dep_last(id, sp_i_map(stage->axis, SP_MAP_SHIFT, -to, 0));
        sp_i_stage_gate(stage, id, &arrival);
        stage->phase++;
    }
}

bool sp_i_bruck_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    if (!sp_i_several(group, why))
        return false;
    bool ok = op == SP_COLL_ALL_REDUCE || op == SP_COLL_ALL_GATHER || op == SP_COLL_REDUCE_SCATTER;
    *why = ok ? NULL : "windows of owners are gathered or reduced only; use halving-doubling or direct";
    return ok;
}

sp_status sp_i_bruck_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    if (!sp_i_bruck_applicable(op, group, &why))
        return sp_i_refuse("bruck", op, why, err);
    sp_digit whole = sp_i_whole(group);
    sp_i_stage stage = sp_i_stage_start(arena, "bruck", group, whole.size, 1);
    if (!stage.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a bruck %s", sp_coll_op_name(op));
    sp_i_visit(&stage, op, &whole, 1, 0, sp_i_along_bruck);
    return sp_i_stage_finish(&stage, out, err);
}
