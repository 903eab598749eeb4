/* What a data program asks of the wires: phases one after the other; within a phase, steps one after the other; within a step
 * all chunks of all classes at once: the busiest link's bytes / payload rate, and the longest path's latency. */
#include "load.h"

#include <string.h>

static bool same_every_step(const sp_task_class *task)
{
    return task->peer.c_step == 0;
}

typedef struct walk_state {
    const sp_program *program;
    const sp_i_view *view;
    sp_i_load *load;
    sp_arena *arena;
    uint32_t room, combined;
    sp_comm_measure *out;
    sp_error *err;
} walk_state;

static bool in_phase(const walk_state *s, uint32_t c, uint32_t phase)
{
    return s->program->phase[c] == phase && s->program->classes[c].kind == SP_TASK_TRANSFER;
}

static bool in_step(const walk_state *s, uint32_t c, uint32_t phase, uint32_t step)
{
    return in_phase(s, c, phase) && s->program->classes[c].n_step > step;
}

static sp_status add_class(walk_state *s, const sp_task_class *task, uint32_t step, bool all_shift)
{
    return sp_i_load_add(s->load, s->view, s->program, task, step, task->units * task->n_mb, all_shift, s->err);
}

static sp_status room_for_part(walk_state *s)
{
    if (s->out->n_parts < s->room)
        return SP_OK;
    uint32_t room = s->room ? 2 * s->room : 8;
    sp_comm_part *part = sp_arena_alloc(s->arena, room, sizeof *part);
    if (!part)
        return sp_error_set(s->err, SP_E_NOMEM, NULL, 0, 0, "no memory for the steps of %s", s->program->name);
    if (s->room)
        memcpy(part, s->out->part, s->room * sizeof *part);
    s->out->part = part;
    s->room = room;
    return SP_OK;
}

static sp_status add_part_as(walk_state *s, double steps, double messages)
{
    const sp_i_asked *asked = sp_i_load_asked(s->load);
    sp_status status = room_for_part(s);
    if (status != SP_OK)
        return status;
    sp_comm_part *part = &s->out->part[s->out->n_parts++];
    *part = (sp_comm_part){.steps = steps, .messages = messages, .path_s = asked->path_s, .reduced = asked->reduced + asked->reduced_apart,
                           .sent_path_s = {asked->byte_path_s[0], asked->byte_path_s[1]}};
    for (uint32_t w = 0; w < SP_COMM_WIRES; w++) {
        bool nic = s->view->tiers[asked->tier[w]].nic;
        if (asked->busiest_s[w] > part->wire_s[nic]) {
            part->wire_s[nic] = asked->busiest_s[w];
            part->tier[nic] = asked->tier[w];
        }
    }
    for (uint32_t t = 0; t < s->view->n_tiers; t++)
        part->sent[s->view->tiers[t].nic] += asked->tier_bytes[t];
    part->nic = part->wire_s[1] > 0;
    s->combined += asked->combined;
    return SP_OK;
}

/* What the load says, as `steps` steps; of a ring in rotations the hops inside and between, each with its own wait. */
static sp_status add_part(walk_state *s, double steps, double messages)
{
    const sp_i_asked *asked = sp_i_load_asked(s->load);
    sp_status status = SP_OK;
    if (!(asked->hops[0] > 0 && asked->hops[1] > 0))
        return add_part_as(s, steps, messages);
    for (int nic = 0; nic < 2 && status == SP_OK; nic++) {
        status = add_part_as(s, steps * asked->hops[nic] / (asked->hops[0] + asked->hops[1]), messages);
        s->out->part[s->out->n_parts - (status == SP_OK)].path_s = asked->hop_path_s[nic] / asked->hops[nic];
        s->out->part[s->out->n_parts - (status == SP_OK)].nic = nic;
    }
    return status;
}

static void add_totals(walk_state *s, double steps)
{
    const sp_i_asked *asked = sp_i_load_asked(s->load);
    for (uint32_t w = 0; w < SP_COMM_WIRES; w++) {
        s->out->wire_s[w] += steps * asked->busiest_s[w];
        if (asked->busiest_s[w] > 0)
            s->out->wire_tier[w] = asked->tier[w];
    }
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        s->out->tier_bytes[t] += steps * asked->tier_bytes[t];
    s->out->reduced += steps * (asked->reduced + asked->reduced_apart);
}

static sp_status add_step(walk_state *s, uint32_t phase, uint32_t step, double steps)
{
    double messages = 0, messages_apart = 0;   /* of a rank: of classes of all ranks, and of others */
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
        sp_status status = add_class(s, task, step, all_shift);
        if (status != SP_OK)
            return status;
    }
    add_totals(s, steps);
    return add_part(s, steps, messages + messages_apart);
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
 * nearly alone on its links: an equal share of the hops each. */
static sp_status add_fill(walk_state *s, uint32_t phase, uint32_t fill)
{
    double n = 0;
    for (uint32_t c = 0; c < s->program->n_classes; c++)
        n += in_phase(s, c, phase) && s->program->classes[c].fill;
    for (uint32_t c = 0; c < s->program->n_classes; c++) {
        const sp_task_class *task = &s->program->classes[c];
        if (!in_phase(s, c, phase) || !task->fill)
            continue;
        sp_i_load_clear(s->load);
        sp_status status = add_class(s, task, 0, sp_i_load_shifts(task));
        if (status == SP_OK)
            status = add_part(s, fill / n, 1);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status add_phase(walk_state *s, uint32_t phase)
{
    uint32_t steps = 0, fill = 0;
    for (uint32_t c = 0; c < s->program->n_classes; c++)
        if (in_phase(s, c, phase)) {
            const sp_task_class *task = &s->program->classes[c];
            steps = task->n_step > steps ? task->n_step : steps;
            fill = task->fill > fill ? task->fill : fill;
        }
    for (uint32_t step = 0, end; step < steps; step = end) {
        end = alike_until(s, phase, step);
        sp_status status = add_step(s, phase, step, end - step);
        if (status != SP_OK)
            return status;
    }
    return fill ? add_fill(s, phase, fill) : SP_OK;
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

static double inner_ranks(const sp_i_view *view)
{
    double ranks = 1;
    for (uint32_t i = 0; i < view->n_lanes; i++)
        ranks *= view->tiers[view->lane[i].tier].nic ? 1 : view->lane[i].size;
    return ranks;
}

sp_status sp_fabric_measure(const sp_program *program, const sp_machine *machine, const sp_placement *placement, sp_comm_how how,
                            sp_arena *arena, sp_comm_measure *out, sp_error *err)
{
    sp_i_view view;
    sp_comm_measure measure = {.machine = machine, .in_switch = how.in_switch, .rails = how.rails, .n_units = program->n_units};
    walk_state s = {.program = program, .view = &view, .arena = arena, .out = &measure, .err = err};
    sp_status status = only_data(program, err);
    if (status == SP_OK && sp_placement_ranks(placement) != program->n_ranks)
        status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement has %u ranks, program %s has %u",
                              sp_placement_ranks(placement), program->name, program->n_ranks);
    if (status == SP_OK)
        status = sp_i_view_make(machine, placement, how, &view, err);
    if (status == SP_OK && !(s.load = sp_i_load_create()))
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for link loads");
    for (uint32_t phase = 0; phase < program->n_phases && status == SP_OK; phase++)
        status = add_phase(&s, phase);
    sp_i_load_destroy(s.load);
    if (status == SP_OK && how.in_switch && !s.combined)
        status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s has no step that switches of the scale-up domain could combine",
                              program->name);
    if (status != SP_OK)
        return status;
    measure.inner_ranks = inner_ranks(&view);
    *out = measure;
    return SP_OK;
}
