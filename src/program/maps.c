/* Index maps: what a digit, a rank map, an axis map and a data constraint mean. Everything else asks these. */
#include "program_private.h"

bool sp_rank_map_apply(const sp_rank_map *map, uint32_t rank, uint32_t step, uint32_t chunk, uint32_t n_ranks, uint32_t *out)
{
    return sp_i_rank_map(map, rank, step, chunk, n_ranks, out);
}

bool sp_axis_map_apply(const sp_axis_map *map, uint32_t own, uint32_t rank, uint32_t extent, uint32_t *out)
{
    return sp_i_axis_map(map, own, rank, extent, out);
}

bool sp_class_has_rank(const sp_task_class *task, uint32_t rank)
{
    return sp_i_has_rank(task, rank);
}

uint32_t sp_class_ranks_below(const sp_task_class *task, uint32_t end)
{
    if (!task->domain.size)
        return end;
    uint64_t stride = task->domain.stride, period = stride * task->domain.size;
    uint64_t width = stride * (task->domain_hi - task->domain_lo), lo = stride * task->domain_lo;
    uint64_t rest = end % period, part = rest < lo ? 0 : rest - lo;
    return (uint32_t)(end / period * width + (part < width ? part : width));
}

double sp_class_cost_s(const sp_task_class *task, uint32_t rank, uint32_t step)
{
    uint32_t steps = task->cost_step.size ? task->cost_step.size : 1;
    return task->cost_s[(size_t)sp_i_digit(task->cost_rank, rank) * steps + sp_i_digit(task->cost_step, step)];
}

static bool data_matches(const sp_data *data, sp_index at, uint32_t unit)
{
    uint32_t digit = sp_i_digit(data->digit, unit), own = sp_i_digit(data->rank_digit, at.rank);
    int64_t c = sp_i_affine(data->c0, data->c_step, data->c_chunk, at.step, at.chunk);
    switch (data->op) {
    case SP_MAP_SHIFT: return sp_i_mod(digit - (own + c), data->digit.size) < (data->span ? data->span : 1);
    case SP_MAP_XOR: return c >= 0 && digit == ((int64_t)own ^ c);
    case SP_MAP_SET: return digit == c;
    case SP_MAP_ADD: break;
    }
    return false;
}

bool sp_class_moves_unit(const sp_program *program, const sp_task_class *task, sp_index at, uint32_t unit)
{
    for (uint32_t i = 0; i < task->n_data; i++)
        if (!data_matches(&program->data[task->data_off + i], at, unit))
            return false;
    return true;
}
