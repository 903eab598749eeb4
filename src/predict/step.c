/* The program of one training step. A rank is a pipeline stage (all its chips do the same), a step of a slot class is a
 * position in the stage's order of slots, a chunk one of `segments` equal parts of the slot.
 *
 * Order of slots (Megatron-LM; Narayanan et al. 2021): with V chunks a stage, position k of the forward order is micro-batch
 * k / (P V) * P + k % P, chunk (k / P) % V; the backward order takes chunks from the last. Stage p starts w(p) forwards
 * before its first backward, then alternates: backward k follows forward k + w, forward k follows backward k - w - 1.
 * All of these are affine in (stage, position), so the whole schedule is a dozen classes at any size. */
#include "step.h"

typedef struct builder {
    const sp_i_step *step;
    sp_builder *b;
    sp_arena *arena;
    uint32_t P, V, K, G;          /* stages, chunks, slots a stage and direction, segments */
    uint32_t forward, backward, send_f, send_b, wrap_f, wrap_b, optimizer;
    bool failed;
} builder;

static sp_digit stage_digit(const builder *s)
{
    return (sp_digit){1, s->P};
}

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

static uint32_t add_class(builder *s, sp_task_class task)
{
    int32_t index = sp_builder_class(s->b, &task, 0);
    if (index < 0)
        s->failed = true;
    return index < 0 ? 0 : (uint32_t)index;
}

static uint32_t slot_class(builder *s, const char *label, const sp_i_slot *slots, bool reverse, int32_t priority)
{
    sp_task_class task = {.label = label, .kind = SP_TASK_CALL, .n_step = s->K, .n_mb = 1, .n_chunk = s->G,
                          .stream = SP_I_STREAM_COMPUTE, .priority = priority, .cost_rank = stage_digit(s),
                          .cost_step = {s->P, s->V}, .cost_s = slot_costs(s, slots, reverse),
                          .callee = SP_CALLEE_NONE, .callee_group = SP_GROUPS};
    /* a stage of one kind of slot names its program; stages that differ are known by their seconds */
    if (s->V == 1 && s->P == 1)
        task.callee = (uint32_t)sp_builder_callee(s->b, slots[0].program);
    return add_class(s, task);
}

/* A send from stages [lo, hi); `last_chunk_free`: positions of the last chunk in order send nothing. */
static uint32_t send_class(builder *s, const char *label, uint32_t stream, uint32_t lo, uint32_t hi, bool last_chunk_free)
{
    double *cost = sp_arena_alloc(s->arena, s->V, sizeof *cost);
    if (!cost)
        s->failed = true;
    for (uint32_t v = 0; cost && v < s->V; v++)
        cost[v] = last_chunk_free && v == s->V - 1 ? 0 : s->step->p2p_s;
    sp_task_class task = {.label = label, .kind = SP_TASK_CALL, .domain = stage_digit(s), .domain_lo = lo, .domain_hi = hi,
                          .n_step = s->K, .n_mb = 1, .n_chunk = 1, .stream = stream, .cost_step = {s->P, s->V}, .cost_s = cost,
                          .callee = SP_CALLEE_NONE, .callee_group = SP_GROUP_PP};
    return add_class(s, task);
}

static sp_rank_map shift_stage(const builder *s, int32_t by)
{
    return (sp_rank_map){.digit = stage_digit(s), .op = SP_MAP_ADD, .c0 = by};
}

static void dep(builder *s, uint32_t waiting, sp_dep d)
{
    sp_builder_dep(s->b, waiting, d);
}

static void in_order(builder *s, uint32_t slots)
{
    if (s->G > 1)
        dep(s, slots, (sp_dep){.from = slots, .chunk = {.pick = SP_PICK_SAME, .c0 = -1}});
    dep(s, slots, (sp_dep){.from = slots, .step = {.pick = SP_PICK_SAME, .c0 = -1}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
}

/* Alternation of forwards and backwards: own position + c0 + c_rank * stage, last segment. */
static void after(builder *s, uint32_t waiting, uint32_t from, int32_t c0, int32_t c_rank)
{
    dep(s, waiting, (sp_dep){.from = from, .step = {.pick = SP_PICK_SAME, .c0 = c0, .c_rank = c_rank, .rank_digit = stage_digit(s)},
                             .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
}

static void schedule(builder *s)
{
    int32_t P = (int32_t)s->P, V = (int32_t)s->V;
    if (s->step->plan->schedule == SP_SCHEDULE_GPIPE) {
        dep(s, s->backward, (sp_dep){.from = s->forward, .step = {.pick = SP_PICK_AT, .c0 = -1}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
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
        dep(s, s->send_f, (sp_dep){.from = s->forward, .chunk = last_segment});
        dep(s, s->send_b, (sp_dep){.from = s->backward, .chunk = last_segment});
        dep(s, s->forward, (sp_dep){.from = s->send_f, .rank = shift_stage(s, -1), .chunk = last_segment});
        dep(s, s->backward, (sp_dep){.from = s->send_b, .rank = shift_stage(s, 1), .chunk = last_segment});
    }
    /* the loss: the first backward chunk of a micro-batch follows its last forward chunk */
    dep(s, s->backward, (sp_dep){.from = s->forward, .step = {.pick = SP_PICK_SAME, .c0 = (int32_t)((s->V - 1) * s->P)},
                                 .chunk = last_segment, .when = {s->P, s->V}, .when_value = 0});
    if (s->V == 1)
        return;
    dep(s, s->wrap_f, (sp_dep){.from = s->forward, .chunk = last_segment});
    dep(s, s->wrap_b, (sp_dep){.from = s->backward, .chunk = last_segment});
    for (uint32_t v = 1; v < s->V; v++) {
        sp_axis_map back = {.pick = SP_PICK_SAME, .c0 = -P};
        dep(s, s->forward, (sp_dep){.from = s->wrap_f, .rank = shift_stage(s, P - 1), .step = back, .chunk = last_segment,
                                    .when = {s->P, s->V}, .when_value = v});
        dep(s, s->backward, (sp_dep){.from = s->wrap_b, .rank = shift_stage(s, 1 - P), .step = back, .chunk = last_segment,
                                     .when = {s->P, s->V}, .when_value = v});
    }
}

static double *sync_costs(builder *s, uint32_t v, bool gather)
{
    double *cost = sp_arena_alloc(s->arena, s->P, sizeof *cost);
    if (!cost)
        s->failed = true;
    for (uint32_t p = 0; cost && p < s->P; p++) {
        const sp_i_sync *sync = &s->step->sync[p * s->V + v];
        cost[p] = (gather ? sync->gather_s : sync->reduce_s) / s->G;
    }
    return cost;
}

static bool any_sync(const builder *s, bool gather)
{
    for (uint32_t i = 0; i < s->P * s->V; i++)
        if ((gather ? s->step->sync[i].gather_s : s->step->sync[i].reduce_s) > 0)
            return true;
    return false;
}

static uint32_t sync_class(builder *s, const char *label, uint32_t v, bool gather)
{
    sp_task_class task = {.label = label, .kind = SP_TASK_CALL, .n_step = 1, .n_mb = 1, .n_chunk = s->G,
                          .stream = s->step->dp_stream, .cost_rank = stage_digit(s), .cost_s = sync_costs(s, v, gather),
                          .callee = SP_CALLEE_NONE, .callee_group = SP_GROUP_DP};
    return add_class(s, task);
}

/* Updated weights are gathered at the start of the step, chunk by chunk, under the first micro-batch's forwards. */
static void gathers(builder *s)
{
    for (uint32_t v = 0; v < s->V && any_sync(s, true); v++) {
        uint32_t gather = sync_class(s, "dp gather", v, true);
        bool overlap = s->step->plan->overlap_dp;
        sp_axis_map segment = overlap ? (sp_axis_map){.pick = SP_PICK_SAME} : (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
        dep(s, s->forward, (sp_dep){.from = gather, .step = {.pick = SP_PICK_AT}, .chunk = segment,
                                    .when = {1, s->K}, .when_value = overlap ? v * s->P : 0});
    }
}

/* Gradients of a chunk are reduced as its last backward produces them. */
static void reductions(builder *s)
{
    for (uint32_t v = 0; v < s->V && any_sync(s, false); v++) {
        uint32_t reduce = sync_class(s, "dp reduce", v, false);
        bool overlap = s->step->plan->overlap_dp;
        uint32_t position = overlap ? s->K - s->P * s->V + (s->V - 1 - v) * s->P + s->P - 1 : s->K - 1;
        sp_axis_map segment = overlap ? (sp_axis_map){.pick = SP_PICK_SAME} : (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
        if (s->V == 1)
            position = s->K - 1;
        dep(s, reduce, (sp_dep){.from = s->backward, .step = {.pick = SP_PICK_AT, .c0 = (int32_t)position}, .chunk = segment});
        dep(s, s->optimizer, (sp_dep){.from = reduce, .step = {.pick = SP_PICK_AT}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
    }
}

static void classes(builder *s)
{
    s->forward = slot_class(s, "forward", s->step->forward, false, 0);
    s->backward = slot_class(s, "backward", s->step->backward, true, 1);
    if (s->P > 1) {
        s->send_f = send_class(s, "pp", s->step->pp_stream, 0, s->P - 1, false);
        s->send_b = send_class(s, "pp", s->step->pp_stream, 1, s->P, false);
    }
    if (s->V > 1) {
        s->wrap_f = send_class(s, "pp", s->step->pp_stream, s->P - 1, s->P, true);
        s->wrap_b = send_class(s, "pp", s->step->pp_stream, 0, 1, true);
    }
    sp_task_class optimizer = {.label = "optimizer", .kind = SP_TASK_COMPUTE, .n_step = 1, .n_mb = 1, .n_chunk = 1,
                               .stream = SP_I_STREAM_COMPUTE, .priority = 2, .cost_rank = stage_digit(s),
                               .cost_s = s->step->optimizer_s};
    s->optimizer = add_class(s, optimizer);
}

sp_status sp_i_step_program(const sp_i_step *step, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const sp_plan *plan = step->plan;
    builder s = {.step = step, .arena = arena, .P = plan->pp, .V = plan->vpp, .K = step->micro_batches * plan->vpp,
                 .G = step->segments, .b = sp_builder_create(arena, "training step", plan->pp, 0)};
    if (!s.b)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the step's program");
    classes(&s);
    in_order(&s, s.forward);
    in_order(&s, s.backward);
    schedule(&s);
    data(&s);
    gathers(&s);
    dep(&s, s.optimizer, (sp_dep){.from = s.backward, .step = {.pick = SP_PICK_AT, .c0 = -1}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
    reductions(&s);
    if (s.failed)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the step's program");
    return sp_builder_freeze(s.b, out, err);
}

double sp_i_step_bound(const sp_plan *plan, uint32_t micro_batches, uint32_t segments, const double *forward_s, const double *backward_s,
                       const sp_i_sync *sync, const double *optimizer_s, double p2p_s, double *busy_s)
{
    uint32_t V = plan->vpp;
    *busy_s = 0;
    double fill = segments ? sync[0].gather_s / segments : 0, drain = 0, most = 0;
    double last_reduce = sync[0].reduce_s / segments + optimizer_s[0];
    for (uint32_t p = 0; p < plan->pp; p++) {
        double work = 0;
        for (uint32_t v = 0; v < V; v++)
            work += forward_s[p * V + v] + backward_s[p * V + v];
        double computing = micro_batches * work + optimizer_s[p], busy = fill + micro_batches * work;
        *busy_s = computing > *busy_s ? computing : *busy_s;
        double through_first = busy + drain + last_reduce;
        double own = busy + sync[p * V].reduce_s / segments + optimizer_s[p];
        most = through_first > most ? through_first : most;
        most = own > most ? own : most;
        fill += forward_s[p * V] + p2p_s;
        drain += backward_s[p * V] + p2p_s;
    }
    return most;
}
