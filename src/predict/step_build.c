/* Classes of a step's program that every schedule has. */
#include "step_build.h"

uint32_t sp_i_build_class(sp_i_build *s, sp_task_class task)
{
    int32_t index = sp_builder_class(s->b, &task, 0);
    if (index < 0)
        s->failed = true;
    return index < 0 ? 0 : (uint32_t)index;
}

uint32_t sp_i_build_send(sp_i_build *s, uint32_t lo, uint32_t hi, uint32_t n, const double *cost, sp_digit digit)
{
    /* one that blocks goes before any slot that is ready */
    bool blocks = s->step->plan->blocking_sends;
    sp_task_class task = {.label = "pp", .kind = SP_TASK_CALL, .domain = sp_i_build_stage(s), .domain_lo = lo, .domain_hi = hi,
                          .n_step = n, .n_mb = 1, .n_chunk = 1, .stream = blocks ? SP_I_STREAM_COMPUTE : s->step->pp_stream, .priority = blocks ? -1 : 0, .cost_step = digit, .cost_s = cost,
                          .callee = SP_CALLEE_NONE, .callee_group = SP_GROUP_PP};
    return sp_i_build_class(s, task);
}

bool sp_i_build_any_sync(const sp_i_build *s, bool gather)
{
    for (uint32_t i = 0; i < s->P * s->V; i++)
        if ((gather ? s->step->sync[i].gather_s : s->step->sync[i].reduce_s) > 0)
            return true;
    return false;
}

uint32_t sp_i_build_sync(sp_i_build *s, const char *label, int32_t stride, uint32_t first, bool gather)
{
    double *cost = sp_arena_alloc(s->arena, s->P, sizeof *cost);
    if (!cost)
        s->failed = true;
    for (uint32_t p = 0; cost && p < s->P; p++) {
        const sp_i_sync *sync = &s->step->sync[(int64_t)p * stride + first];
        cost[p] = (gather ? sync->gather_s : sync->reduce_s) / s->G;
    }
    sp_task_class task = {.label = label, .kind = SP_TASK_CALL, .n_step = 1, .n_mb = 1, .n_chunk = s->G,
                          .stream = s->step->dp_stream, .cost_rank = sp_i_build_stage(s), .cost_s = cost,
                          .callee = SP_CALLEE_NONE, .callee_group = SP_GROUP_DP};
    return sp_i_build_class(s, task);
}
