/* Walking instances and dependencies, and the explicit graph made from them. */
#include "program_private.h"

#include <string.h>

#define EDGES_MAX (1u << 28)

bool sp_i_class_instances(const sp_task_class *task, uint32_t n_ranks, uint64_t *out)
{
    uint64_t count = sp_class_ranks_below(task, n_ranks);
    if (!sp_mul_u64(count, task->n_step, &count) || !sp_mul_u64(count, task->n_mb, &count) ||
        !sp_mul_u64(count, task->n_chunk, &count) || count > SP_I_INSTANCES_MAX)
        return false;
    *out = count;
    return true;
}

uint64_t sp_program_instances(const sp_program *program)
{
    uint64_t total = 0, count;
    for (uint32_t i = 0; i < program->n_classes; i++)
        if (sp_i_class_instances(&program->classes[i], program->n_ranks, &count))
            total += count;
    return total;
}

static sp_status each_of_rank(const sp_task_class *task, uint32_t task_class, uint32_t rank, sp_program_visit visit,
                              void *context)
{
    for (uint32_t step = 0; step < task->n_step; step++)
        for (uint32_t mb = 0; mb < task->n_mb; mb++)
            for (uint32_t chunk = 0; chunk < task->n_chunk; chunk++) {
                sp_status status = visit(context, task_class, (sp_index){rank, step, mb, chunk});
                if (status != SP_OK)
                    return status;
            }
    return SP_OK;
}

uint64_t sp_i_next_rank(const sp_task_class *task, uint64_t rank)
{
    if (!task->domain.size)
        return rank;
    uint64_t stride = task->domain.stride, period = stride * task->domain.size;
    uint64_t rest = rank % period, lo = stride * task->domain_lo, hi = stride * task->domain_hi;
    if (rest < lo)
        return rank - rest + lo;
    return rest < hi ? rank : rank - rest + period + lo;
}

sp_status sp_program_each(const sp_program *program, sp_program_visit visit, void *context)
{
    for (uint32_t i = 0; i < program->n_classes; i++) {
        const sp_task_class *task = &program->classes[i];
        for (uint64_t rank = sp_i_next_rank(task, 0); rank < program->n_ranks; rank = sp_i_next_rank(task, rank + 1)) {
            sp_status status = each_of_rank(task, i, (uint32_t)rank, visit, context);
            if (status != SP_OK)
                return status;
        }
    }
    return SP_OK;
}

/* The indices [lo, hi) of one axis that a map picks; false when none. */
static bool axis_range(const sp_axis_map *map, uint32_t own, uint32_t rank, uint32_t extent, uint32_t range[2])
{
    range[0] = 0;
    range[1] = extent;
    if (map->pick == SP_PICK_ALL)
        return true;
    if (!sp_i_axis_map(map, own, rank, extent, &range[0]))
        return false;
    range[1] = range[0] + 1;
    return true;
}

static sp_status each_of_dep(const sp_program *program, const sp_dep *dep, sp_index own, sp_program_visit visit, void *context)
{
    const sp_task_class *from = &program->classes[dep->from];
    uint32_t rank, step[2], mb[2], chunk[2];
    if (dep->when.size && sp_i_digit(dep->when, own.step) != dep->when_value)
        return SP_OK;
    if (!sp_i_rank_map(&dep->rank, own.rank, own.step, own.chunk, program->n_ranks, &rank) ||
        !sp_i_has_rank(from, rank) || !axis_range(&dep->step, own.step, own.rank, from->n_step, step) ||
        !axis_range(&dep->mb, own.mb, own.rank, from->n_mb, mb) ||
        !axis_range(&dep->chunk, own.chunk, own.rank, from->n_chunk, chunk))
        return SP_OK;
    for (uint32_t s = step[0]; s < step[1]; s++)
        for (uint32_t m = mb[0]; m < mb[1]; m++)
            for (uint32_t c = chunk[0]; c < chunk[1]; c++) {
                sp_status status = visit(context, dep->from, (sp_index){rank, s, m, c});
                if (status != SP_OK)
                    return status;
            }
    return SP_OK;
}

sp_status sp_program_each_dep(const sp_program *program, uint32_t task_class, sp_index at, sp_program_visit visit,
                              void *context)
{
    const sp_task_class *task = &program->classes[task_class];
    for (uint32_t i = 0; i < task->n_deps; i++) {
        sp_status status = each_of_dep(program, &program->deps[task->dep_off + i], at, visit, context);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- the explicit graph ---- */

typedef struct unroller {
    const sp_program *program;
    const uint64_t *base;     /* [n_classes] number of a class's first instance */
    sp_unrolled *out;
    uint64_t n_edges;
} unroller;

static sp_status count_edge(void *context, uint32_t task_class, sp_index at)
{
    unroller *un = context;
    (void)task_class;
    (void)at;
    un->n_edges++;
    return un->n_edges > EDGES_MAX ? SP_E_RANGE : SP_OK;
}

static sp_status list_instance(void *context, uint32_t task_class, sp_index at)
{
    unroller *un = context;
    sp_unrolled *out = un->out;
    out->task_class[out->n] = task_class;
    out->at[out->n] = at;
    sp_status status = sp_program_each_dep(un->program, task_class, at, count_edge, un);
    out->pred_off[++out->n] = (uint32_t)un->n_edges;
    return status;
}

static sp_status list_edge(void *context, uint32_t task_class, sp_index at)
{
    unroller *un = context;
    const sp_task_class *task = &un->program->classes[task_class];
    uint64_t number = sp_class_ranks_below(task, at.rank);
    number = ((number * task->n_step + at.step) * task->n_mb + at.mb) * task->n_chunk + at.chunk;
    un->out->pred[un->n_edges++] = (uint32_t)(un->base[task_class] + number);
    return SP_OK;
}

static sp_status unroll_edges(unroller *un, sp_arena *arena)
{
    sp_unrolled *out = un->out;
    out->pred = sp_arena_alloc(arena, (size_t)un->n_edges, sizeof *out->pred);
    if (!out->pred)
        return SP_E_NOMEM;
    un->n_edges = 0;
    for (uint32_t i = 0; i < out->n; i++)
        sp_program_each_dep(un->program, out->task_class[i], out->at[i], list_edge, un);
    return SP_OK;
}

sp_status sp_program_unroll(const sp_program *program, sp_arena *arena, uint32_t max_instances, sp_unrolled *out,
                            sp_error *err)
{
    uint64_t total = sp_program_instances(program), first = 0, count = 0;
    if (total > max_instances)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "program %s has %llu instances, more than the %u that can be listed "
                            "one by one here: use a smaller group", program->name, (unsigned long long)total, max_instances);
    sp_unrolled un = {0};
    uint64_t *base = sp_arena_alloc(arena, program->n_classes, sizeof *base);
    un.task_class = sp_arena_alloc(arena, (size_t)total, sizeof *un.task_class);
    un.at = sp_arena_alloc(arena, (size_t)total, sizeof *un.at);
    un.pred_off = sp_arena_alloc(arena, (size_t)total + 1, sizeof *un.pred_off);
    if (!base || !un.task_class || !un.at || !un.pred_off)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %llu instances", (unsigned long long)total);
    for (uint32_t i = 0; i < program->n_classes; i++, first += count) {
        base[i] = first;
        sp_i_class_instances(&program->classes[i], program->n_ranks, &count);
    }
    unroller walk = {program, base, &un, 0};
    sp_status status = sp_program_each(program, list_instance, &walk);
    if (status == SP_OK)
        status = unroll_edges(&walk, arena);
    if (status != SP_OK)
        return sp_error_set(err, status, NULL, 0, 0, "program %s has too many dependencies to list (more than %u, or no memory)",
                            program->name, EDGES_MAX);
    *out = un;
    return SP_OK;
}
