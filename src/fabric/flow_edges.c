/* Edges of a problem from the dependency maps of a program. Whoever waits for all chunks of an instance waits for one gate
 * that they all lead to: n chunks waited for by n others are 2n edges and not n squared. */
#include "flow_program.h"

#include <stdlib.h>

#define NONE UINT32_MAX

static uint32_t digit_value(sp_digit digit, uint32_t x)
{
    return digit.size ? x / digit.stride % digit.size : 0;
}

static bool range_of(const sp_axis_map *map, uint32_t own, uint32_t rank, uint32_t extent, uint32_t range[2])
{
    range[0] = 0;
    range[1] = extent;
    if (map->pick == SP_PICK_ALL)
        return true;
    if (map->pick == SP_PICK_SAME && map->c_rank == 0) {   /* the common one, inline: millions of edges go through here */
        int64_t image = (int64_t)own + map->c0;
        if (image < 0 || image >= extent)
            return false;
        range[0] = (uint32_t)image;
    } else if (!sp_axis_map_apply(map, own, rank, extent, &range[0])) {
        return false;
    }
    range[1] = range[0] + 1;
    return true;
}

static bool put(sp_i_flow_edges *e, uint32_t from)
{
    if (e->n == e->room) {
        uint64_t room = e->room ? e->room * 2 : 1024;
        uint32_t *pred = room < UINT32_MAX ? realloc(e->pred, room * sizeof *pred) : NULL;
        if (!pred)
            return false;
        e->pred = pred;
        e->room = room;
    }
    e->pred[e->n++] = from;
    e->p->succ_off[from + 2]++;
    e->p->waits[e->current]++;
    return true;
}

static uint32_t row_of(const sp_i_flow_edges *e, uint32_t k, sp_index at)
{
    const sp_task_class *task = &e->c->program->classes[k];
    return (e->place(e->c, k, at.rank) * task->n_step + at.step) * task->n_mb + at.mb;
}

static uint32_t number_of(const sp_i_flow_edges *e, uint32_t k, sp_index at)
{
    return e->c->base[k] + row_of(e, k, at) * e->c->program->classes[k].n_chunk + e->chunk(e->c, k, at);
}

static bool one_dep(sp_i_flow_edges *e, const sp_dep *dep, sp_index own)
{
    const sp_task_class *from = &e->c->program->classes[dep->from];
    uint32_t step[2], mb[2], chunk[2];
    sp_index at;
    if (dep->when.size && digit_value(dep->when, own.step) != dep->when_value)
        return true;
    at.rank = own.rank;
    if ((dep->rank.digit.size && !sp_rank_map_apply(&dep->rank, own.rank, own.step, own.chunk, e->c->program->n_ranks, &at.rank)) ||
        (from->domain.size && !sp_class_has_rank(from, at.rank)) ||
        !range_of(&dep->step, own.step, own.rank, from->n_step, step) || !range_of(&dep->mb, own.mb, own.rank, from->n_mb, mb) ||
        !range_of(&dep->chunk, own.chunk, own.rank, from->n_chunk, chunk))
        return true;
    if (step[1] - step[0] == 1 && mb[1] - mb[0] == 1 && chunk[1] - chunk[0] == 1)
        return put(e, number_of(e, dep->from, (sp_index){at.rank, step[0], mb[0], chunk[0]}));
    bool gate = e->c->gate[dep->from] != NONE && chunk[1] - chunk[0] == from->n_chunk, ok = true;
    for (at.step = step[0]; at.step < step[1]; at.step++)
        for (at.mb = mb[0]; at.mb < mb[1]; at.mb++)
            for (at.chunk = chunk[0]; at.chunk < (gate ? chunk[0] + 1 : chunk[1]) && ok; at.chunk++)
                ok = put(e, gate ? e->c->gate[dep->from] + row_of(e, dep->from, at) : number_of(e, dep->from, at));
    return ok;
}

bool sp_i_flow_deps(sp_i_flow_edges *e, uint32_t k, sp_index at)
{
    const sp_task_class *task = &e->c->program->classes[k];
    for (uint32_t i = 0; i < task->n_deps; i++)
        if (!one_dep(e, &e->c->program->deps[task->dep_off + i], at))
            return false;
    e->current++;
    return true;
}

bool sp_i_flow_alias(sp_i_flow_edges *e, uint32_t k, sp_index at, uint32_t chunk)
{
    uint32_t other = e->c->base[k] + row_of(e, k, at) * e->c->program->classes[k].n_chunk + chunk;
    bool ok = put(e, other);
    e->current++;
    return ok;
}

/* Classes that somebody waits for chunk by chunk all at once get a gate a row, after all instances. */
bool sp_i_flow_gates_plan(sp_i_flow_case *c, uint32_t *n_tasks)
{
    uint64_t total = *n_tasks;
    for (uint32_t k = 0; k < c->program->n_classes; k++)
        c->gate[k] = NONE;
    for (uint32_t d = 0; d < c->program->n_deps; d++) {
        uint32_t k = c->program->deps[d].from;
        if (c->program->deps[d].chunk.pick != SP_PICK_ALL || c->program->classes[k].n_chunk < 3 || c->gate[k] != NONE)
            continue;
        c->gate[k] = (uint32_t)total;
        total += (c->base[k + 1] - c->base[k]) / c->program->classes[k].n_chunk;
    }
    *n_tasks = (uint32_t)total;
    return total < UINT32_MAX;
}

bool sp_i_flow_gates(sp_i_flow_edges *e)
{
    for (uint32_t d = 0; d < e->c->program->n_deps; d++) {   /* in the order in which they were numbered */
        uint32_t k = e->c->program->deps[d].from, n_chunk = e->c->program->classes[k].n_chunk;
        if (e->c->gate[k] != e->current)
            continue;
        for (uint32_t row = 0; row < (e->c->base[k + 1] - e->c->base[k]) / n_chunk; row++, e->current++) {
            e->p->task_route[e->current] = SP_I_NO_ROUTE;
            e->p->task_size[e->current] = e->c->no_size;
            for (uint32_t c = 0; c < n_chunk; c++)
                if (!put(e, e->c->base[k] + row * n_chunk + c))
                    return false;
        }
    }
    return true;
}
