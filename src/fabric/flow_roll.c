/* Rolling up: a class whose steps are all alike becomes one task a rank that runs so many times. Its waits are of two kinds: the
 * first step for ends of other classes, and every step for the same or the last step of other ranks: lags. */
#include "flow_program.h"

#include <stdlib.h>

static bool self(const sp_dep *dep, uint32_t own)
{
    return dep->from == own && !dep->rank.digit.size && dep->step.pick == SP_PICK_SAME && dep->step.c0 == -1 && dep->step.c_rank == 0 &&
           !dep->when.size;
}

/* Only the first step waits. */
static bool first_only(const sp_program *program, uint32_t own, const sp_dep *dep)
{
    if (dep->when.size)
        return dep->when.stride == 1 && dep->when.size >= program->classes[own].n_step && dep->when_value == 0;
    return program->classes[dep->from].n_step == 1 && dep->step.pick == SP_PICK_SAME && dep->step.c_rank == 0 && dep->step.c0 == 0;
}

static bool last(const sp_program *program, const sp_dep *dep)
{
    return dep->step.pick == SP_PICK_AT && (dep->step.c0 == -1 || dep->step.c0 == (int32_t)program->classes[dep->from].n_step - 1);
}

static bool lags(const sp_program *program, uint32_t own, const sp_dep *dep)
{
    return !dep->when.size && dep->step.pick == SP_PICK_SAME && dep->step.c_rank == 0 && (dep->step.c0 == 0 || dep->step.c0 == -1) &&
           dep->rank.c_step == 0 && program->classes[own].n_step == program->classes[dep->from].n_step && (dep->from != own || dep->rank.digit.size);
}

/* Steps alike, one after the other? */
static bool looks_even(const sp_program *program, uint32_t k)
{
    const sp_task_class *task = &program->classes[k];
    bool follows = false;
    for (uint32_t i = 0; i < task->n_deps; i++)
        follows = follows || self(&program->deps[task->dep_off + i], k);
    return follows && task->kind == SP_TASK_TRANSFER && task->n_step > 2 && task->n_mb == 1 && task->n_chunk == 1 && task->peer.c_step == 0;
}

static bool dep_allows(const sp_program *program, const bool *even, uint32_t own, const sp_dep *dep)
{
    bool first = first_only(program, own, dep);
    if (!even[own])
        return !even[dep->from] || last(program, dep);
    if (!even[dep->from])
        return first;
    return first ? last(program, dep) : self(dep, own) || lags(program, own, dep);
}

/* Transfers of a phase share their sizes: all of them, or none. */
static bool phase_allows(const sp_program *program, const bool *even, uint32_t k)
{
    for (uint32_t i = 0; i < program->n_classes; i++)
        if (program->phase[i] == program->phase[k] && program->classes[i].kind == SP_TASK_TRANSFER &&
            (!even[i] || program->classes[i].n_step != program->classes[k].n_step))
            return false;
    return true;
}

/* Takes out what cannot be, until nothing more has to go; returns how many classes are left. */
static uint32_t settle(const sp_program *program, bool *even)
{
    uint32_t n = 0;
    for (bool changed = true; changed;) {
        changed = false;
        n = 0;
        for (uint32_t k = 0; k < program->n_classes; k++) {
            bool ok = even[k] && phase_allows(program, even, k);
            changed = changed || ok != even[k];
            even[k] = ok;
            for (uint32_t i = 0; i < program->classes[k].n_deps; i++) {
                const sp_dep *dep = &program->deps[program->classes[k].dep_off + i];
                if (dep_allows(program, even, k, dep))
                    continue;
                changed = true;
                even[even[k] ? k : dep->from] = false;
            }
            n += even[k];
        }
    }
    return n;
}

static void rewrite(sp_i_flow_roll *roll, const sp_program *program)
{
    uint32_t n_deps = 0;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        sp_task_class *task = &roll->classes[k];
        *task = program->classes[k];
        task->dep_off = n_deps;
        task->n_deps = 0;
        for (uint32_t i = 0; i < program->classes[k].n_deps; i++) {
            sp_dep dep = program->deps[program->classes[k].dep_off + i];
            if (!roll->even[k] || first_only(program, k, &dep)) {
                if (roll->even[dep.from])
                    dep.step.c0 = -1;
                roll->deps[n_deps++] = dep;
                task->n_deps++;
            } else if (!self(&dep, k)) {
                roll->lag[roll->n_lags++] = (sp_i_flow_roll_lag){k, (uint8_t)-dep.step.c0, dep};
                roll->lag[roll->n_lags - 1].dep.step.c0 = 0;
            }
        }
        task->n_step = roll->even[k] ? 1 : task->n_step;
    }
    roll->program = *program;
    roll->program.classes = roll->classes;
    roll->program.deps = roll->deps;
    roll->program.n_deps = n_deps;
}

bool sp_i_flow_roll_up(const sp_program *program, sp_i_flow_roll *out)
{
    *out = (sp_i_flow_roll){.even = calloc((size_t)program->n_classes + 1, sizeof *out->even),
                            .classes = malloc(((size_t)program->n_classes + 1) * sizeof *out->classes),
                            .deps = malloc(((size_t)program->n_deps + 1) * sizeof *out->deps),
                            .lag = malloc(((size_t)program->n_deps + 1) * sizeof *out->lag)};
    bool any = false;
    for (uint32_t k = 0; out->even && k < program->n_classes; k++)
        any |= out->even[k] = looks_even(program, k);
    if (!any || !out->classes || !out->deps || !out->lag || settle(program, out->even) == 0) {
        sp_i_flow_roll_close(out);
        return false;
    }
    rewrite(out, program);
    return true;
}

void sp_i_flow_roll_close(sp_i_flow_roll *roll)
{
    free(roll->even);
    free(roll->classes);
    free(roll->deps);
    free(roll->lag);
    *roll = (sp_i_flow_roll){0};
}

/* ---- into the problem --------------------------------------------------------------------------------------------------- */

#define FROM_MASK 0x7fffffffu   /* tasks that a lag can name */

static bool put(sp_i_problem *p, sp_i_flow_lag lag, uint32_t *room)
{
    uint32_t n = p->lag_off[p->n_tasks];
    if (n == *room) {
        uint32_t more = *room ? *room * 2 : 1024;
        sp_i_flow_lag *grown = more < UINT32_MAX / 2 ? realloc(p->lag, more * sizeof *grown) : NULL;
        if (!grown)
            return false;
        p->lag = grown;
        *room = more;
    }
    p->lag[n] = lag;
    p->lag_off[p->n_tasks]++;
    return true;
}

/* Lags of one task of class k; p->lag_off[n_tasks] counts all so far. */
static bool add_lags(sp_i_flow_case *c, const sp_i_flow_form *form, uint32_t k, uint32_t rank, uint32_t *room)
{
    const sp_i_flow_roll *roll = c->roll;
    for (uint32_t i = 0; i < roll->n_lags; i++) {
        const sp_dep *dep = &roll->lag[i].dep;
        uint32_t from = rank;
        if (roll->lag[i].task_class != k ||
            (dep->rank.digit.size && !sp_rank_map_apply(&dep->rank, rank, 0, 0, roll->program.n_ranks, &from)) ||
            !sp_class_has_rank(&roll->classes[dep->from], from))
            continue;
        if (!put(c->p, (sp_i_flow_lag){(c->base[dep->from] + form->place(c, dep->from, from)) & FROM_MASK, roll->lag[i].back & 1u}, room))
            return false;
    }
    return true;
}

static bool add_job(sp_i_flow_case *c, const sp_i_flow_form *form, const sp_program *whole, uint32_t *room)
{
    for (uint32_t k = 0; k < whole->n_classes; k++) {
        uint32_t t = c->base[k];
        bool even = c->roll && c->roll->even[k];
        if (even)
            c->p->size[c->size_of[k]].repeats = whole->classes[k].n_step - 1;
        for (uint32_t row = 0, end = form->rows(c); even && row < end; row++) {
            uint32_t rank = form->rank(c, row);
            if (!sp_class_has_rank(&whole->classes[k], rank))
                continue;
            c->p->lag_off[t++] = c->p->lag_off[c->p->n_tasks];
            if (!add_lags(c, form, k, rank, room))
                return false;
        }
        for (; t < c->base[k + 1]; t++)
            c->p->lag_off[t] = c->p->lag_off[c->p->n_tasks];
    }
    return true;
}

bool sp_i_flow_lags(sp_i_flow_case *jobs, uint32_t n, const sp_i_flow_form *form)
{
    sp_i_problem *p = jobs[0].p;
    uint32_t room = 0, t = 0;
    p->lag_off = calloc((size_t)p->n_tasks + 1, sizeof *p->lag_off);
    p->lag = malloc(sizeof *p->lag);
    if (!p->lag_off || !p->lag || p->n_tasks > FROM_MASK)
        return false;
    for (uint32_t j = 0; j < n; j++) {
        for (; t < jobs[j].base[0]; t++)   /* gates of the job before */
            p->lag_off[t] = p->lag_off[p->n_tasks];
        if (!add_job(&jobs[j], form, jobs[j].whole, &room))
            return false;
        t = jobs[j].base[jobs[j].whole->n_classes];
    }
    for (; t < p->n_tasks; t++)
        p->lag_off[t] = p->lag_off[p->n_tasks];
    return true;
}
