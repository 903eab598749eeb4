/* The program of one training step. A rank is a pipeline stage (all its chips do the same), a step of a slot class is a
 * position in the stage's order of slots, a chunk one of `segments` equal parts of the slot.
 *
 * Order of slots (Megatron-LM; Narayanan et al. 2021): with V chunks a stage, position k of the forward order is micro-batch
 * k / (P V) * P + k % P, chunk (k / P) % V; the backward order takes chunks from the last. Stage p starts w(p) forwards
 * before its first backward, then alternates: backward k follows forward k + w, forward k follows backward k - w - 1.
 * All of these are affine in (stage, position), so the whole schedule is a dozen classes at any size. */
#include "step_build.h"

#include <string.h>

typedef sp_i_build builder;

/* cost[stage][position's chunk]; reverse: backward order counts chunks from the last */
static double *slot_costs(builder *s, const sp_i_slot *slots, bool reverse)
{
    double *cost = sp_arena_alloc(s->arena, (size_t)s->P * s->V, sizeof *cost);
    if (!cost) {
        s->failed = true;
        return NULL;
    }
    for (uint32_t p = 0; p < s->P; p++)
        for (uint32_t v = 0; v < s->V; v++)
            cost[p * s->V + v] = slots[p * s->V + (reverse ? s->V - 1 - v : v)].time_s / s->G;
    return cost;
}

static uint32_t slot_class(builder *s, const char *label, const sp_i_slot *slots, bool reverse, int32_t priority)
{
    sp_task_class task = {.label = label, .kind = SP_TASK_CALL, .n_step = s->K, .n_mb = 1, .n_chunk = s->G,
                          .stream = SP_I_STREAM_COMPUTE, .priority = priority, .cost_rank = sp_i_build_stage(s),
                          .cost_step = {s->P, s->V}, .cost_s = slot_costs(s, slots, reverse),
                          .callee = SP_CALLEE_NONE, .callee_group = SP_GROUPS};
    /* a stage of one kind of slot names its program; stages that differ are known by their seconds */
    if (s->V == 1 && s->P == 1)
        task.callee = (uint32_t)sp_builder_callee(s->b, slots[0].program);
    return sp_i_build_class(s, task);
}

/* A send from stages [lo, hi); `last_chunk_free`: positions of the last chunk in order send nothing. */
static uint32_t send_class(builder *s, uint32_t lo, uint32_t hi, bool last_chunk_free)
{
    double *cost = sp_arena_alloc(s->arena, s->V, sizeof *cost);
    if (!cost)
        s->failed = true;
    for (uint32_t v = 0; cost && v < s->V; v++)
        cost[v] = last_chunk_free && v == s->V - 1 ? 0 : s->step->p2p_s;
    return sp_i_build_send(s, lo, hi, s->K, cost, (sp_digit){s->P, s->V});
}

static void in_order(builder *s, uint32_t slots)
{
    if (s->G > 1)
        sp_i_build_dep(s, slots, (sp_dep){.from = slots, .chunk = {.pick = SP_PICK_SAME, .c0 = -1}});
    sp_i_build_dep(s, slots, (sp_dep){.from = slots, .step = {.pick = SP_PICK_SAME, .c0 = -1}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
}

/* Alternation of forwards and backwards: own position + c0 + c_rank * stage, last segment. */
static void after(builder *s, uint32_t waiting, uint32_t from, int32_t c0, int32_t c_rank)
{
    sp_i_build_dep(s, waiting, (sp_dep){.from = from, .step = {.pick = SP_PICK_SAME, .c0 = c0, .c_rank = c_rank, .rank_digit = sp_i_build_stage(s)},
                             .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
}

static void schedule(builder *s)
{
    int32_t P = (int32_t)s->P, V = (int32_t)s->V;
    if (s->step->plan->schedule == SP_SCHEDULE_GPIPE) {
        sp_i_build_dep(s, s->backward, (sp_dep){.from = s->forward, .step = {.pick = SP_PICK_AT, .c0 = -1}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
        return;
    }
    int32_t per_stage = s->V > 1 ? 2 : 1, warm = per_stage * (P - 1) + (V - 1) * P;   /* w(p) = warm - per_stage * p */
    after(s, s->backward, s->forward, warm, -per_stage);
    after(s, s->forward, s->backward, -warm - 1, per_stage);
}

/* Data: along the stages, and from the last stage back to the first between chunks. */
static void data(builder *s)
{
    const sp_axis_map last_segment = {.pick = SP_PICK_AT, .c0 = -1};
    int32_t P = (int32_t)s->P;
    if (s->P > 1) {
        sp_i_build_dep(s, s->send_f, (sp_dep){.from = s->forward, .chunk = last_segment});
        sp_i_build_dep(s, s->send_b, (sp_dep){.from = s->backward, .chunk = last_segment});
        sp_i_build_dep(s, s->forward, (sp_dep){.from = s->send_f, .rank = sp_i_build_shift(s, -1), .chunk = last_segment});
        sp_i_build_dep(s, s->backward, (sp_dep){.from = s->send_b, .rank = sp_i_build_shift(s, 1), .chunk = last_segment});
    }
    /* the loss: the first backward chunk of a micro-batch follows its last forward chunk */
    sp_i_build_dep(s, s->backward, (sp_dep){.from = s->forward, .step = {.pick = SP_PICK_SAME, .c0 = (int32_t)((s->V - 1) * s->P)},
                                 .chunk = last_segment, .when = {s->P, s->V}, .when_value = 0});
    if (s->V == 1)
        return;
    sp_i_build_dep(s, s->wrap_f, (sp_dep){.from = s->forward, .chunk = last_segment});
    sp_i_build_dep(s, s->wrap_b, (sp_dep){.from = s->backward, .chunk = last_segment});
    for (uint32_t v = 1; v < s->V; v++) {
        sp_axis_map back = {.pick = SP_PICK_SAME, .c0 = -P};
        sp_i_build_dep(s, s->forward, (sp_dep){.from = s->wrap_f, .rank = sp_i_build_shift(s, P - 1), .step = back, .chunk = last_segment,
                                    .when = {s->P, s->V}, .when_value = v});
        sp_i_build_dep(s, s->backward, (sp_dep){.from = s->wrap_b, .rank = sp_i_build_shift(s, 1 - P), .step = back, .chunk = last_segment,
                                     .when = {s->P, s->V}, .when_value = v});
    }
}

/* Updated weights are gathered at the start of the step, chunk by chunk, under the first micro-batch's forwards. */
static void gathers(builder *s)
{
    for (uint32_t v = 0; v < s->V && sp_i_build_any_sync(s, true); v++) {
        uint32_t gather = sp_i_build_sync(s, "dp gather", (int32_t)s->V, v, true);
        bool overlap = s->step->plan->overlap_dp;
        sp_axis_map segment = overlap ? (sp_axis_map){.pick = SP_PICK_SAME} : (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
        sp_i_build_dep(s, s->forward, (sp_dep){.from = gather, .step = {.pick = SP_PICK_AT}, .chunk = segment,
                                    .when = {1, s->K}, .when_value = overlap ? v * s->P : 0});
    }
}

/* Gradients of a chunk are reduced as its last backward produces them. */
static void reductions(builder *s)
{
    for (uint32_t v = 0; v < s->V && sp_i_build_any_sync(s, false); v++) {
        uint32_t reduce = sp_i_build_sync(s, "dp reduce", (int32_t)s->V, v, false);
        bool overlap = s->step->plan->overlap_dp;
        uint32_t position = overlap ? s->K - s->P * s->V + (s->V - 1 - v) * s->P + s->P - 1 : s->K - 1;
        sp_axis_map segment = overlap ? (sp_axis_map){.pick = SP_PICK_SAME} : (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
        if (s->V == 1)
            position = s->K - 1;
        sp_i_build_dep(s, reduce, (sp_dep){.from = s->backward, .step = {.pick = SP_PICK_AT, .c0 = (int32_t)position}, .chunk = segment});
        sp_i_build_dep(s, s->optimizer, (sp_dep){.from = reduce, .step = {.pick = SP_PICK_AT}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
    }
}

static void classes(builder *s)
{
    s->forward = slot_class(s, "forward", s->step->forward, false, 0);
    s->backward = slot_class(s, "backward", s->step->backward, true, 1);
    if (s->P > 1) {
        s->send_f = send_class(s, 0, s->P - 1, false);
        s->send_b = send_class(s, 1, s->P, false);
    }
    if (s->V > 1) {
        s->wrap_f = send_class(s, s->P - 1, s->P, true);
        s->wrap_b = send_class(s, 0, 1, true);
    }
}

static void optimizer_class(builder *s)
{
    sp_task_class optimizer = {.label = "optimizer", .kind = SP_TASK_COMPUTE, .n_step = 1, .n_mb = 1, .n_chunk = 1,
                               .stream = SP_I_STREAM_COMPUTE, .priority = 2, .cost_rank = sp_i_build_stage(s),
                               .cost_s = s->step->optimizer_s};
    s->optimizer = sp_i_build_class(s, optimizer);
}

static void affine(builder *s)
{
    classes(s);
    optimizer_class(s);
    in_order(s, s->forward);
    in_order(s, s->backward);
    schedule(s);
    data(s);
    gathers(s);
    sp_i_build_dep(s, s->optimizer, (sp_dep){.from = s->backward, .step = {.pick = SP_PICK_AT, .c0 = -1}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
    reductions(s);
}

sp_status sp_i_step_program(const sp_i_step *step, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const sp_plan *plan = step->plan;
    builder s = {.step = step, .arena = arena, .P = plan->pp, .V = plan->vpp, .K = step->micro_batches * plan->vpp,
                 .G = step->segments, .b = sp_builder_create(arena, "training step", plan->pp, 0)};
    if (!s.b)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the step's program");
    if (step->order) {
        optimizer_class(&s);
        sp_i_build_listed(&s);
    } else
        affine(&s);
    if (s.failed)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the step's program");
    return sp_builder_freeze(s.b, out, err);
}

/* ---- the bound ----------------------------------------------------------------------------------------------------- */

static double slots_s(const sp_i_step *step, uint32_t stage)
{
    double work = 0;
    for (uint32_t i = stage * step->plan->vpp; i < (stage + 1) * step->plan->vpp; i++)
        work += step->forward[i].time_s + step->backward[i].time_s;
    return step->micro_batches * work;
}

double sp_i_step_busy_s(const sp_i_step *step, uint32_t stage)
{
    return step->order ? sp_i_listed_busy_s(step, stage) : slots_s(step, stage);
}

double sp_i_step_bound(const sp_i_step *step)
{
    uint32_t V = step->plan->vpp;
    const sp_i_sync *sync = step->sync;
    if (step->order)
        return sp_i_listed_bound(step);
    double fill = sync[0].gather_s / step->segments, drain = 0, most = 0;
    double last_reduce = sync[0].reduce_s / step->segments + step->optimizer_s[0];
    for (uint32_t p = 0; p < step->plan->pp; p++) {
        double busy = fill + slots_s(step, p) + sp_i_held_sends(step->plan, p, step->micro_batches) * step->p2p_s;
        double through_first = busy + drain + last_reduce;
        double own = busy + sync[p * V].reduce_s / step->segments + step->optimizer_s[p];
        most = through_first > most ? through_first : most;
        most = own > most ? own : most;
        fill += step->forward[p * V].time_s + step->p2p_s;
        drain += step->backward[p * V].time_s + step->p2p_s;
    }
    return most;
}

const sp_i_slot *sp_i_step_slot(const sp_i_step *step, const sp_program *program, const sp_span *span)
{
    const sp_task_class *task = &program->classes[span->task_class];
    uint32_t V = step->plan->vpp, v = span->at.step / step->plan->pp % V, at = span->at.rank * V;
    if (step->order)
        return sp_i_listed_slot(step, program, span);
    return strcmp(task->label, "forward") == 0 ? &step->forward[at + v] : strcmp(task->label, "backward") == 0 ? &step->backward[at + V - 1 - v] : NULL;
}
