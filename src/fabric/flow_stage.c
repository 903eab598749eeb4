/* Is a program one of stages? Every condition that flow_staged.c rests on is looked up in the program's own maps. */
#include "flow_stage.h"

#include <stdlib.h>
#include <string.h>

static bool is_barrier(const sp_task_class *task)
{
    return task->kind == SP_TASK_REDUCE && task->units <= 0 && strcmp(task->label, "barrier") == 0;
}

static bool same_digit(sp_digit a, sp_digit b)
{
    return a.stride == b.stride && a.size == b.size;
}

static bool all_of_it(const sp_program *program, const sp_dep *dep)
{
    const sp_task_class *from = &program->classes[dep->from];
    bool last = from->n_step == 1 || (dep->step.pick == SP_PICK_AT && dep->step.c0 == -1);
    return last && from->n_mb == 1 && !dep->when.size && (from->n_chunk == 1 || dep->chunk.pick == SP_PICK_ALL);
}

/* ---- a phase and its barrier ------------------------------------------------------------------------------------------- */

/* Last barrier class of a phase and how many ranks, from digit 0 on, it makes wait for one another; -1: none or not whole. */
static int32_t barrier_of(const sp_program *program, uint32_t phase, uint64_t *reach)
{
    int32_t last = -1;
    *reach = 1;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (program->phase[k] != phase || !is_barrier(task))
            continue;
        if (task->domain.size || task->n_step != 1 || task->n_mb != 1)
            return -1;
        if (last >= 0) {
            const sp_dep *dep = &program->deps[task->dep_off];
            bool whole = task->n_deps == 1 && (int32_t)dep->from == last && dep->rank.op == SP_MAP_SHIFT && dep->rank.c0 == 0 &&
                         dep->rank.c_step == 0 && dep->rank.c_chunk == 1 && dep->rank.digit.stride == *reach &&
                         dep->rank.digit.size == task->n_chunk && all_of_it(program, dep);
            if (!whole)
                return -1;
            *reach *= task->n_chunk;
        } else if (task->n_chunk != 1) {
            return -1;
        }
        last = (int32_t)k;
    }
    return last;
}

/* Does another class of the phase wait for k, in one way or another? */
static bool awaited(const sp_program *program, uint32_t k, bool by_barrier)
{
    for (uint32_t i = 0; i < program->n_classes; i++) {
        const sp_task_class *task = &program->classes[i];
        for (uint32_t d = 0; i != k && program->phase[i] == program->phase[k] && is_barrier(task) == by_barrier && d < task->n_deps; d++)
            if (program->deps[task->dep_off + d].from == k && (!by_barrier || all_of_it(program, &program->deps[task->dep_off + d])))
                return true;
    }
    return false;
}

/* Dependencies of a class that works: on its own phase along the axis, and on the barrier before. */
static bool waits_right(const sp_program *program, uint32_t k, sp_digit axis, int32_t before)
{
    const sp_task_class *task = &program->classes[k];
    bool starts = before < 0 || task->kind != SP_TASK_TRANSFER;
    for (uint32_t i = 0; i < task->n_deps; i++) {
        const sp_dep *dep = &program->deps[task->dep_off + i];
        if ((int32_t)dep->from == before && !dep->rank.digit.size && dep->chunk.pick == SP_PICK_ALL) {
            starts = true;
            continue;
        }
        bool inside = program->phase[dep->from] == program->phase[k] && !is_barrier(&program->classes[dep->from]);
        if (!inside || dep->step.c_rank || dep->mb.c_rank || dep->chunk.c_rank || (dep->rank.digit.size && !same_digit(dep->rank.digit, axis)))
            return false;
    }
    return starts;
}

static bool phase_is_stage(const sp_program *program, uint32_t phase, int32_t before, sp_digit *axis)
{
    *axis = (sp_digit){0, 0};
    for (uint32_t k = 0; k < program->n_classes; k++)
        if (program->phase[k] == phase && program->classes[k].kind == SP_TASK_TRANSFER && !axis->size)
            *axis = program->classes[k].peer.digit;
    if (axis->size < 2)
        return false;
    bool last = phase + 1 == program->n_phases;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (program->phase[k] != phase || is_barrier(task))
            continue;
        if (task->domain.size || task->n_mb != 1 || (task->kind == SP_TASK_TRANSFER && !same_digit(task->peer.digit, *axis)) ||
            !waits_right(program, k, *axis, before) || (!last && !awaited(program, k, false) && !awaited(program, k, true)))
            return false;
    }
    return true;
}

/* ---- where the axis lies ------------------------------------------------------------------------------------------------ */

static bool linear(const sp_placement *place)
{
    uint64_t stride = 1;
    for (uint32_t d = 0; d < place->n_dims; stride *= place->dim[d++].size)
        if (place->dim[d].size > 1 && place->dim[d].stride != stride)
            return false;
    return place->n_exceptions == 0;
}

/* The axis is a whole dim of a tier, or the outermost of the group and part of one. */
static bool lies(const sp_machine *machine, const sp_placement *place, uint32_t n_ranks, sp_i_stage_part *part)
{
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        bool direct = !sp_tier_is_switched(tier->kind);
        uint64_t stride = tier->stride;
        if (tier->kind == SP_TIER_DRAGONFLY || tier->twisted)
            return false;
        for (uint32_t d = 0; d < (direct ? tier->n_dims : 1); d++) {
            uint32_t extent = direct ? tier->dims[d] : tier->size;
            if (stride == part->axis.stride && place->base % stride == 0) {
                part->tier = t;
                part->tdim = d;
                part->lines = direct;
                return part->axis.size == extent ? place->base / stride % extent == 0 || part->unit == n_ranks :
                       part->unit == n_ranks && place->base / stride % extent + part->axis.size <= extent;
            }
            stride *= extent;
        }
    }
    return false;
}

/* ---- programs of units ---------------------------------------------------------------------------------------------------- */

static void along_line(sp_digit *digit)
{
    if (digit->size)
        digit->stride = 1;
}

/* The classes that work, without the barriers before and after; of one line with the axis as its only digit. */
static bool cut(const sp_program *whole, uint32_t phase, sp_i_stage_part *part)
{
    sp_program *p = &part->program;
    uint32_t *number = malloc(((size_t)whole->n_classes + 1) * sizeof *number);
    *p = (sp_program){.name = whole->name, .n_ranks = part->lines ? part->axis.size : part->unit, .n_units = whole->n_units, .n_phases = 1};
    p->classes = calloc((size_t)whole->n_classes + 1, sizeof *p->classes);
    p->deps = calloc((size_t)whole->n_deps + 1, sizeof *p->deps);
    p->phase = calloc((size_t)whole->n_classes + 1, sizeof *p->phase);
    bool ok = number && p->classes && p->deps && p->phase;
    for (uint32_t k = 0; ok && k < whole->n_classes; k++)
        if (whole->phase[k] == phase && !is_barrier(&whole->classes[k])) {
            p->classes[p->n_classes] = whole->classes[k];
            number[k] = p->n_classes++;
        }
    for (uint32_t k = 0; ok && k < p->n_classes; k++) {
        sp_task_class *task = &p->classes[k];
        uint32_t from = task->dep_off, to = from + task->n_deps;
        task->dep_off = p->n_deps;
        task->n_data = 0;
        if (part->lines)
            along_line(&task->peer.digit);
        for (uint32_t d = from; d < to; d++)
            if (whole->phase[whole->deps[d].from] == phase) {
                p->deps[p->n_deps] = whole->deps[d];
                p->deps[p->n_deps].from = number[whole->deps[d].from];
                if (part->lines)
                    along_line(&p->deps[p->n_deps].rank.digit);
                p->n_deps++;
            }
        task->n_deps = p->n_deps - task->dep_off;
    }
    free(number);
    return ok;
}

bool sp_i_stages_find(const sp_flow_job *job, const sp_machine *machine, sp_i_stages *out)
{
    const sp_program *program = job->program;
    int32_t before = -1;
    uint64_t reach = 0;
    *out = (sp_i_stages){0};
    if (program->n_phases < 2 || barrier_of(program, 0, &reach) < 0 || !linear(job->placement))
        return false;
    out->part = calloc((size_t)program->n_phases + 1, sizeof *out->part);
    for (uint32_t f = 0; out->part && f < program->n_phases; f++) {
        sp_i_stage_part *part = &out->part[f];
        if (!phase_is_stage(program, f, before, &part->axis))
            return false;
        part->unit = part->axis.stride * part->axis.size;
        /* the barrier before joins this unit and the one before it, whichever is larger */
        if (f && reach != (part->unit > part[-1].unit ? part->unit : part[-1].unit))
            return false;
        before = barrier_of(program, f, &reach);
        if ((before < 0) != (f + 1 == program->n_phases) || program->n_ranks % part->unit ||
            !lies(machine, job->placement, program->n_ranks, part) || !cut(program, f, part))
            return false;
        out->n++;
    }
    return out->n == program->n_phases;
}

void sp_i_stages_close(sp_i_stages *stages)
{
    for (uint32_t i = 0; stages->part && i <= stages->n; i++) {   /* the one where it ended, too: zero where there is none */
        free(stages->part[i].program.classes);
        free(stages->part[i].program.deps);
        free(stages->part[i].program.phase);
    }
    free(stages->part);
    *stages = (sp_i_stages){0};
}
