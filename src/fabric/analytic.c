/* The analytic evaluator: phases one after the other; within a phase, steps one after the other; within a step all chunks of
 * all classes at once: the busiest link's bytes / rate, and the longest path's latency. */
#include "load.h"

#include <string.h>

#define REDUCE_PASSES 3.0   /* a reduction reads two operands and writes one */

static bool same_every_step(const sp_task_class *task)
{
    return task->peer.c_step == 0;
}

typedef struct walk_state {
    const sp_program *program;
    const sp_machine *machine;
    const sp_stack *stack;
    const sp_i_view *view;
    sp_i_load *load;
    double unit_bytes;
    double tier_busy_s[SP_TIERS_MAX];
    sp_comm_time out;
} walk_state;

static bool in_phase(const walk_state *s, uint32_t c, uint32_t phase)
{
    return s->program->phase[c] == phase && s->program->classes[c].kind == SP_TASK_TRANSFER;
}

static bool in_step(const walk_state *s, uint32_t c, uint32_t phase, uint32_t step)
{
    return in_phase(s, c, phase) && s->program->classes[c].n_step > step;
}

static sp_status add_step(walk_state *s, uint32_t phase, uint32_t step, double *seconds, double *latency, uint32_t *tier,
                          sp_error *err)
{
    double path_s = 0, messages = 0, messages_apart = 0;   /* of a rank: of classes of all ranks, and of others */
    bool all_shift = true;
    sp_i_load_clear(s->load);
    for (uint32_t c = 0; c < s->program->n_classes; c++)
        if (in_step(s, c, phase, step))
            all_shift = all_shift && sp_i_load_shifts(&s->program->classes[c]);
    for (uint32_t c = 0; c < s->program->n_classes; c++) {
        const sp_task_class *task = &s->program->classes[c];
        if (!in_step(s, c, phase, step))
            continue;
        if (!task->domain.size)
            messages += task->n_chunk;
        else if (task->n_chunk > messages_apart)
            messages_apart = task->n_chunk;
        double bytes = task->units * s->unit_bytes * task->n_mb;
        sp_status status = sp_i_load_add(s->load, s->view, s->program, task, step, bytes, all_shift, &path_s, err);
        if (status != SP_OK)
            return status;
    }
    double wire_s = sp_i_load_seconds(s->load, tier);
    double reduce_rate = s->machine->chip->mem_bw_bytes_per_s.nominal * s->stack->reduce_bw_fraction.nominal;
    double reduce_s = reduce_rate > 0 ? REDUCE_PASSES * sp_i_load_reduced(s->load) / reduce_rate : 0;
    *seconds = wire_s > reduce_s ? wire_s : reduce_s;
    *latency = path_s + s->stack->step_s.nominal + (messages + messages_apart - 1) * s->stack->message_s.nominal;
    return SP_OK;
}

/* Steps alike from `step` on end where a class ends, unless peers move from step to step. */
static uint32_t alike_until(const walk_state *s, uint32_t phase, uint32_t step)
{
    uint32_t end = UINT32_MAX;
    for (uint32_t c = 0; c < s->program->n_classes; c++)
        if (in_phase(s, c, phase)) {
            const sp_task_class *task = &s->program->classes[c];
            if (!same_every_step(task))
                return step + 1;
            if (task->n_step > step && task->n_step < end)
                end = task->n_step;
        }
    return end;
}

/* A pipeline over ranks takes `fill` hops more than it has steps. The hops go through the phase's classes in turn, each
 * nearly alone on its links: their mean, class by class. */
static sp_status add_fill(walk_state *s, uint32_t phase, uint32_t fill, sp_error *err)
{
    double seconds = 0, latency = 0, n = 0;
    uint32_t tier = 0;
    for (uint32_t c = 0; c < s->program->n_classes; c++) {
        const sp_task_class *task = &s->program->classes[c];
        double path_s = 0;
        if (!in_phase(s, c, phase) || !task->fill)
            continue;
        sp_i_load_clear(s->load);
        sp_status status = sp_i_load_add(s->load, s->view, s->program, task, 0, task->units * s->unit_bytes * task->n_mb,
                                         sp_i_load_shifts(task), &path_s, err);
        if (status != SP_OK)
            return status;
        seconds += sp_i_load_seconds(s->load, &tier);
        latency += path_s + s->stack->step_s.nominal;
        n++;
    }
    s->out.time_s += fill * (seconds + latency) / n;
    s->out.latency_s += fill * latency / n;
    s->tier_busy_s[tier] += fill * seconds / n;
    return SP_OK;
}

static sp_status add_phase(walk_state *s, uint32_t phase, sp_error *err)
{
    uint32_t steps = 0, fill = 0;
    for (uint32_t c = 0; c < s->program->n_classes; c++)
        if (in_phase(s, c, phase)) {
            const sp_task_class *task = &s->program->classes[c];
            steps = task->n_step > steps ? task->n_step : steps;
            fill = task->fill > fill ? task->fill : fill;
        }
    for (uint32_t step = 0, end; step < steps; step = end) {
        double seconds, latency, tier_bytes[SP_TIERS_MAX] = {0};
        uint32_t tier;
        end = alike_until(s, phase, step);
        double weight = end - step;
        sp_status status = add_step(s, phase, step, &seconds, &latency, &tier, err);
        if (status != SP_OK)
            return status;
        s->out.time_s += weight * (seconds + latency);
        s->out.latency_s += weight * latency;
        s->tier_busy_s[tier] += weight * seconds;
        sp_i_load_tier_bytes(s->load, tier_bytes);
        for (uint32_t t = 0; t < SP_TIERS_MAX; t++) {
            s->out.tier_bytes[t] += weight * tier_bytes[t];
            s->out.bytes_per_rank += weight * tier_bytes[t];
        }
    }
    return fill ? add_fill(s, phase, fill, err) : SP_OK;
}

static sp_status only_data(const sp_program *program, sp_error *err)
{
    for (uint32_t c = 0; c < program->n_classes; c++)
        if (program->classes[c].kind == SP_TASK_COMPUTE || program->classes[c].kind == SP_TASK_CALL)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0,
                                "program %s has a %s class; the analytic evaluator takes transfers and reductions only: "
                                "run it with the event evaluator", program->name, program->classes[c].label);
    return SP_OK;
}

sp_status sp_fabric_analytic(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                             const sp_stack *stack, double unit_bytes, bool replicated, sp_comm_time *out, sp_error *err)
{
    sp_i_view view;
    sp_status status = only_data(program, err);
    if (status == SP_OK && sp_placement_ranks(placement) != program->n_ranks)
        status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement has %u ranks, program %s has %u",
                              sp_placement_ranks(placement), program->name, program->n_ranks);
    if (status == SP_OK)
        status = sp_i_view_make(machine, placement, replicated,
                                sp_machine_payload(machine) * stack->bw_fraction.nominal, &view, err);
    if (status != SP_OK)
        return status;
    walk_state s = {.program = program, .machine = machine, .stack = stack, .view = &view, .unit_bytes = unit_bytes,
                    .load = sp_i_load_create(),
                    .out = {.time_s = stack->launch_s.nominal, .latency_s = stack->launch_s.nominal}};
    if (!s.load)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for link loads");
    for (uint32_t phase = 0; phase < program->n_phases && status == SP_OK; phase++)
        status = add_phase(&s, phase, err);
    sp_i_load_destroy(s.load);
    if (status != SP_OK)
        return status;
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        if (s.tier_busy_s[t] > s.tier_busy_s[s.out.bottleneck_tier])
            s.out.bottleneck_tier = t;
    if (s.out.time_s > 0)
        s.out.bottleneck_fraction = s.tier_busy_s[s.out.bottleneck_tier] / s.out.time_s;
    *out = s.out;
    return SP_OK;
}
