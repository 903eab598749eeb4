/* The glue that all algorithms share; see collective_private.h for the picture. */
#include "collective_private.h"

static sp_dep no_rank_change(uint32_t from)
{
    return (sp_dep){.from = from};
}

sp_rank_map sp_i_map(sp_digit digit, sp_map_op op, int32_t c0, int32_t c_chunk)
{
    return (sp_rank_map){.digit = digit, .op = op, .c0 = c0, .c_chunk = c_chunk};
}

sp_dep sp_i_dep_back(uint32_t from, sp_rank_map rank, int32_t step_back)
{
    return (sp_dep){.from = from, .rank = rank, .step = {.pick = SP_PICK_SAME, .c0 = -step_back}};
}

sp_dep sp_i_dep_last(uint32_t from, sp_rank_map rank)
{
    return (sp_dep){.from = from, .rank = rank, .step = {.pick = SP_PICK_AT, .c0 = -1}, .chunk = {.pick = SP_PICK_ALL}};
}

double sp_i_stage_units(const sp_i_stage *stage)
{
    uint64_t shares = stage->axis.size ? stage->axis.size : 1;
    for (uint32_t i = 0; i < stage->n_fixed; i++)
        shares *= stage->fixed[i].size;
    return (double)stage->n_own / (double)shares;
}

void sp_i_data_shift(sp_builder *builder, uint32_t task_class, sp_digit digit, int32_t c0, int32_t c_step, int32_t c_chunk,
                     uint32_t span)
{
    sp_builder_data(builder, task_class, (sp_data){.digit = digit, .rank_digit = digit, .op = SP_MAP_SHIFT, .c0 = c0,
                                                   .c_step = c_step, .c_chunk = c_chunk, .span = span});
}

void sp_i_data_set(sp_builder *builder, uint32_t task_class, sp_digit digit, int32_t c0, int32_t c_step)
{
    sp_builder_data(builder, task_class, (sp_data){.digit = digit, .op = SP_MAP_SET, .c0 = c0, .c_step = c_step});
}

uint32_t sp_i_stage_transfer(sp_i_stage *stage, const char *label, sp_effect effect, sp_rank_map peer, uint32_t n_step,
                             uint32_t n_chunk, double units)
{
    sp_task_class task = {.label = label, .kind = SP_TASK_TRANSFER, .n_step = n_step, .n_mb = 1, .n_chunk = n_chunk,
                          .stream = 1, .peer = peer, .effect = effect, .units = units};
    uint32_t id = (uint32_t)sp_builder_class(stage->builder, &task, stage->phase);
    if (stage->n_parts > 1)
        sp_i_data_set(stage->builder, id, (sp_digit){stage->n_own, stage->n_parts}, (int32_t)stage->part, 0);
    for (uint32_t i = 0; i < stage->n_fixed; i++)
        sp_i_data_shift(stage->builder, id, stage->fixed[i], 0, 0, 0, 1);
    return id;
}

uint32_t sp_i_stage_join(sp_i_stage *stage, uint32_t n_chunk)
{
    sp_task_class task = {.label = "join", .kind = SP_TASK_REDUCE, .n_step = 1, .n_mb = 1, .n_chunk = n_chunk, .stream = 1};
    return (uint32_t)sp_builder_class(stage->builder, &task, stage->phase);
}

void sp_i_stage_wait(sp_i_stage *stage, uint32_t task_class, uint32_t n_step)
{
    for (uint32_t i = 0; i < stage->n_gate; i++) {
        sp_dep dep = stage->gate[i];
        if (n_step > 1)
            dep.when = (sp_digit){1, n_step};
        sp_builder_dep(stage->builder, task_class, dep);
    }
}

void sp_i_stage_gate(sp_i_stage *stage, uint32_t own, const sp_dep *arrival)
{
    sp_dep dep = no_rank_change(own);
    dep.step = (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
    dep.chunk.pick = SP_PICK_ALL;
    stage->gate[0] = dep;
    stage->n_gate = 1;
    if (arrival)
        stage->gate[stage->n_gate++] = *arrival;
}

uint32_t sp_i_group_digits(const sp_group *group, sp_digit dims[SP_PLACE_DIMS])
{
    uint32_t n = 0, stride = 1;
    for (uint32_t i = 0; i < group->n_dims; stride *= group->dim[i++])
        if (group->dim[i] > 1)
            dims[n++] = (sp_digit){stride, group->dim[i]};
    return n;
}

sp_digit sp_i_whole(const sp_group *group)
{
    return (sp_digit){1, sp_group_ranks(group)};
}

bool sp_i_power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

bool sp_i_several(const sp_group *group, const char **why)
{
    uint32_t ranks = sp_group_ranks(group);
    *why = ranks < 2 ? "a group of one rank has nothing to exchange" :
           ranks > SP_CHIPS_MAX ? "the group has more ranks than the largest machine has chips (2^24)" : NULL;
    return !*why;
}

sp_i_stage sp_i_stage_start(sp_arena *arena, const char *name, const sp_group *group, uint32_t n_own, uint32_t n_parts)
{
    return (sp_i_stage){.builder = sp_builder_create(arena, name, sp_group_ranks(group), n_own * n_parts), .n_own = n_own,
                        .n_parts = n_parts};
}

sp_status sp_i_stage_finish(sp_i_stage *stage, const sp_program **out, sp_error *err)
{
    return sp_builder_freeze(stage->builder, out, err);
}

sp_status sp_i_refuse(const char *algo, sp_coll_op op, const char *why, sp_error *err)
{
    return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%s cannot do %s on this group: %s", algo, sp_coll_op_name(op), why);
}
