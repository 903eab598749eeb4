/* The step's program of a schedule told as lists (order.h). Classes are forwards, backwards and weight gradients of a way, at the
 * micro-batch; what a stage runs next waits, by tables, for what it ran before. Of two slots run as one the seconds are those of a class
 * of their own, and the forward and the backward take none: they are what other stages and the gradients wait for. */
#include "step_build.h"

#include <math.h>

enum { LISTED_FORWARD, LISTED_BACKWARD, LISTED_WEIGHT, LISTED_BOTH, LISTED_KINDS };
#define CLASSES_MAX (2u * LISTED_KINDS)
#define FIRST_CLASS 1u   /* of the program; before it the optimizer's */

/* A class by way and kind; cost: [P * n_at]. after[a][b]: [P * n_at], the instance of b that one of a follows; -1: none. */
typedef struct listed {
    sp_i_build *s;
    const sp_i_order *order;
    uint32_t id[CLASSES_MAX];
    double *cost[CLASSES_MAX];
    int32_t *after[CLASSES_MAX][CLASSES_MAX];
    uint32_t up[2];               /* sends of gradients, by way */
} listed;

static uint32_t kinds_of(const sp_i_order *order)
{
    return order->joined ? LISTED_KINDS : LISTED_BOTH;
}

static uint32_t class_at(const sp_i_order *order, uint32_t way, uint32_t kind)
{
    return way * kinds_of(order) + kind;
}

static uint32_t n_classes(const listed *l)
{
    return l->order->ways * kinds_of(l->order);
}

/* ---- what every instance takes ------------------------------------------------------------------------------------- */

static void put_cost(listed *l, uint32_t stage, const sp_i_turn *turn)
{
    const sp_i_step *step = l->s->step;
    const sp_i_slot *of[] = {[SP_I_FORWARD] = step->forward, [SP_I_WHOLE] = step->backward, [SP_I_INPUT] = step->input,
                             [SP_I_WEIGHT] = step->weight, [SP_I_BOTH] = step->both};
    static const uint32_t kinds[] = {[SP_I_FORWARD] = LISTED_FORWARD, [SP_I_WHOLE] = LISTED_BACKWARD, [SP_I_INPUT] = LISTED_BACKWARD,
                                     [SP_I_WEIGHT] = LISTED_WEIGHT, [SP_I_BOTH] = LISTED_BOTH};
    uint32_t slot = sp_i_order_slot(l->order, stage, turn->way);
    l->cost[class_at(l->order, turn->way, kinds[turn->work])][(size_t)stage * l->order->n_at + turn->at] = of[turn->work][slot].time_s / l->s->G;
}

static void add_classes(listed *l)
{
    static const char *const labels[] = {"forward", "backward", "weight gradients", "forward + backward"};
    for (uint32_t c = 0; c < n_classes(l); c++) {
        sp_task_class task = {.label = labels[c % kinds_of(l->order)], .kind = SP_TASK_CALL, .n_step = l->order->n_at, .n_mb = 1, .n_chunk = l->s->G,
                              .stream = SP_I_STREAM_COMPUTE, .cost_rank = sp_i_build_stage(l->s), .cost_step = {1, l->order->n_at},
                              .cost_s = l->cost[c], .callee = SP_CALLEE_NONE, .callee_group = SP_GROUPS};
        l->id[c] = sp_i_build_class(l->s, task);
    }
}

/* ---- one after another ----------------------------------------------------------------------------------------------- */

static int32_t *make_table(listed *l, size_t n)
{
    int32_t *table = sp_arena_alloc(l->s->arena, n, sizeof *table);
    l->s->failed = l->s->failed || !table;
    for (size_t i = 0; table && i < n; i++)
        table[i] = -1;
    return table;
}

typedef struct place { uint32_t c, at; } place;

/* Instance `to` of a stage follows `from`; from->c >= the classes: it is the stage's first. */
static void follow(listed *l, uint32_t stage, place *from, uint32_t c, uint32_t at)
{
    if (from->c < CLASSES_MAX) {
        int32_t **table = &l->after[c][from->c];
        if (!*table)
            *table = make_table(l, (size_t)l->s->P * l->order->n_at);
        if (*table)
            (*table)[(size_t)stage * l->order->n_at + at] = (int32_t)from->at;
    }
    *from = (place){c, at};
}

static void walk(listed *l, uint32_t stage)
{
    place last = {CLASSES_MAX, 0};
    for (uint32_t i = l->order->off[stage]; i < l->order->off[stage + 1]; i++) {
        const sp_i_turn *turn = &l->order->turn[i];
        put_cost(l, stage, turn);
        switch ((sp_i_work)turn->work) {
        case SP_I_FORWARD: follow(l, stage, &last, class_at(l->order, turn->way, LISTED_FORWARD), turn->at); break;
        case SP_I_WHOLE:
        case SP_I_INPUT: follow(l, stage, &last, class_at(l->order, turn->way, LISTED_BACKWARD), turn->at); break;
        case SP_I_WEIGHT: follow(l, stage, &last, class_at(l->order, turn->way, LISTED_WEIGHT), turn->at); break;
        case SP_I_BOTH:
            follow(l, stage, &last, class_at(l->order, turn->way, LISTED_BOTH), turn->at);
            follow(l, stage, &last, class_at(l->order, turn->way, LISTED_FORWARD), turn->at);
            follow(l, stage, &last, class_at(l->order, 1 - turn->way, LISTED_BACKWARD), turn->back);
            break;
        }
    }
}

static void wait_by_table(listed *l, uint32_t waiting, uint32_t from, const int32_t *table, uint32_t n_own, sp_axis_map part)
{
    sp_i_build_dep(l->s, waiting, (sp_dep){.from = from, .chunk = part,
        .step = {.pick = SP_PICK_TABLE, .rank_digit = sp_i_build_stage(l->s), .table = table, .n_own = n_own}});
}

static void put_order(listed *l)
{
    const sp_axis_map last_part = {.pick = SP_PICK_AT, .c0 = -1};
    for (uint32_t c = 0; c < n_classes(l); c++) {
        if (l->s->G > 1)
            sp_i_build_dep(l->s, l->id[c], (sp_dep){.from = l->id[c], .chunk = {.pick = SP_PICK_SAME, .c0 = -1}});
        for (uint32_t from = 0; from < n_classes(l); from++)
            if (l->after[c][from])
                wait_by_table(l, l->id[c], l->id[from], l->after[c][from], l->order->n_at, last_part);
    }
}

/* ---- data along the ways, weights before, gradients after -------------------------------------------------------------- */

static void put_sends(listed *l)
{
    const sp_axis_map last_part = {.pick = SP_PICK_AT, .c0 = -1};
    sp_i_build *s = l->s;
    for (uint32_t way = 0; way < l->order->ways; way++) {
        uint32_t F = l->id[class_at(l->order, way, LISTED_FORWARD)], B = l->id[class_at(l->order, way, LISTED_BACKWARD)];
        uint32_t down = sp_i_build_send(s, way, s->P - 1 + way, l->order->n_at, &s->step->p2p_s, (sp_digit){0, 0});
        uint32_t up = sp_i_build_send(s, 1 - way, s->P - way, l->order->n_at, &s->step->p2p_s, (sp_digit){0, 0});
        sp_rank_map before = sp_i_build_shift(s, way ? 1 : -1), behind = sp_i_build_shift(s, way ? -1 : 1);
        sp_i_build_dep(s, down, (sp_dep){.from = F, .chunk = last_part});
        sp_i_build_dep(s, up, (sp_dep){.from = B, .chunk = last_part});
        sp_i_build_dep(s, F, (sp_dep){.from = down, .rank = before, .chunk = last_part});
        sp_i_build_dep(s, B, (sp_dep){.from = up, .rank = behind, .chunk = last_part});
        l->up[way] = up;
        if (l->order->joined)
            sp_i_build_dep(s, l->id[class_at(l->order, way, LISTED_BOTH)], (sp_dep){.from = down, .rank = before, .chunk = last_part});
    }
}

/* Two slots run as one wait for the gradients of the backward, too: they come from the same neighbour as the forward's input. */
static void put_joined(listed *l, uint32_t way)
{
    int32_t *back = make_table(l, (size_t)l->s->P * l->order->n_at);
    for (uint32_t p = 0; back && p < l->s->P; p++)
        for (uint32_t i = l->order->off[p]; i < l->order->off[p + 1]; i++) {
            const sp_i_turn *turn = &l->order->turn[i];
            if (turn->work == SP_I_BOTH && turn->way == way)
                back[(size_t)p * l->order->n_at + turn->at] = (int32_t)turn->back;
        }
    sp_i_build_dep(l->s, l->id[class_at(l->order, way, LISTED_BOTH)], (sp_dep){.from = l->up[1 - way], .rank = sp_i_build_shift(l->s, way ? 1 : -1),
        .chunk = {.pick = SP_PICK_AT, .c0 = -1},
        .step = {.pick = SP_PICK_TABLE, .rank_digit = sp_i_build_stage(l->s), .table = back, .n_own = l->order->n_at}});
}

static uint32_t sync_of(listed *l, const char *label, uint32_t way, bool gather)
{
    int32_t first = (int32_t)sp_i_order_slot(l->order, 0, way);
    return sp_i_build_sync(l->s, label, (int32_t)sp_i_order_slot(l->order, 1, way) - first, (uint32_t)first, gather);
}

/* Weights are gathered before a way's first forward, under it with overlap. */
static void put_gathers(listed *l)
{
    bool overlap = l->s->step->plan->overlap_dp;
    for (uint32_t way = 0; way < l->order->ways && sp_i_build_any_sync(l->s, true); way++) {
        uint32_t gather = sync_of(l, "dp gather", way, true);
        sp_axis_map part = overlap ? (sp_axis_map){.pick = SP_PICK_SAME} : (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
        sp_i_build_dep(l->s, l->id[class_at(l->order, way, LISTED_FORWARD)], (sp_dep){.from = gather, .step = {.pick = SP_PICK_AT}, .chunk = part,
                                                                            .when = {1, l->order->n_at}, .when_value = 0});
    }
}

/* Waits on every stage for the last slot that makes gradients of this way. */
static void wait_for_gradients(listed *l, uint32_t waiting, uint32_t way, sp_axis_map part)
{
    int32_t *last[2] = {make_table(l, l->s->P), make_table(l, l->s->P)};   /* backward, weight gradients */
    for (uint32_t p = 0; last[0] && last[1] && p < l->s->P; p++)
        for (uint32_t i = l->order->off[p]; i < l->order->off[p + 1]; i++) {
            const sp_i_turn *turn = &l->order->turn[i];
            bool joined = turn->work == SP_I_BOTH && turn->way != way;
            if (!joined && (turn->way != way || (turn->work != SP_I_WHOLE && turn->work != SP_I_WEIGHT)))
                continue;
            bool own = turn->work == SP_I_WEIGHT;
            last[own][p] = (int32_t)(joined ? turn->back : turn->at);
            last[!own][p] = -1;
        }
    wait_by_table(l, waiting, l->id[class_at(l->order, way, LISTED_BACKWARD)], last[0], 1, part);
    wait_by_table(l, waiting, l->id[class_at(l->order, way, LISTED_WEIGHT)], last[1], 1, part);
}

static void put_reductions(listed *l)
{
    bool overlap = l->s->step->plan->overlap_dp;
    for (uint32_t way = 0; way < l->order->ways && sp_i_build_any_sync(l->s, false); way++) {
        uint32_t reduce = sync_of(l, "dp reduce", way, false);
        sp_axis_map part = overlap ? (sp_axis_map){.pick = SP_PICK_SAME} : (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1};
        wait_for_gradients(l, reduce, way, part);
        sp_i_build_dep(l->s, l->s->optimizer, (sp_dep){.from = reduce, .step = {.pick = SP_PICK_AT}, .chunk = {.pick = SP_PICK_AT, .c0 = -1}});
    }
}

void sp_i_build_listed(sp_i_build *s)
{
    listed l = {.s = s, .order = s->step->order};
    for (uint32_t c = 0; c < n_classes(&l); c++) {
        l.cost[c] = sp_arena_alloc(s->arena, (size_t)s->P * l.order->n_at, sizeof *l.cost[c]);
        s->failed = s->failed || !l.cost[c];
    }
    for (uint32_t p = 0; p < s->P && !s->failed; p++)
        walk(&l, p);
    if (s->failed)
        return;
    add_classes(&l);
    put_order(&l);
    put_sends(&l);
    for (uint32_t way = 0; l.order->joined && way < 2; way++)
        put_joined(&l, way);
    put_gathers(&l);
    for (uint32_t way = 0; way < l.order->ways; way++)
        wait_for_gradients(&l, s->optimizer, way, (sp_axis_map){.pick = SP_PICK_AT, .c0 = -1});
    put_reductions(&l);
}

/* ---- what the run is made of, and its bound ----------------------------------------------------------------------------- */

static const sp_i_slot *slot_of(const sp_i_step *step, uint32_t stage, sp_i_work work, uint32_t way)
{
    const sp_i_slot *of[] = {[SP_I_FORWARD] = step->forward, [SP_I_WHOLE] = step->backward, [SP_I_INPUT] = step->input,
                             [SP_I_WEIGHT] = step->weight, [SP_I_BOTH] = step->both};
    return &of[work][sp_i_order_slot(step->order, stage, way)];
}

const sp_i_slot *sp_i_listed_slot(const sp_i_step *step, const sp_program *program, const sp_span *span)
{
    static const sp_i_work works[] = {[LISTED_FORWARD] = SP_I_FORWARD, [LISTED_BACKWARD] = SP_I_WHOLE, [LISTED_WEIGHT] = SP_I_WEIGHT,
                                      [LISTED_BOTH] = SP_I_BOTH};
    uint32_t c = span->task_class - FIRST_CLASS, kinds = kinds_of(step->order), way = c / kinds;
    if (span->task_class < FIRST_CLASS || c >= step->order->ways * kinds || span->stream != SP_I_STREAM_COMPUTE)
        return NULL;
    sp_i_work work = works[c % kinds];
    const sp_task_class *weight = &program->classes[FIRST_CLASS + class_at(step->order, way, LISTED_WEIGHT)];
    if (work == SP_I_WHOLE && sp_class_cost_s(weight, span->at.rank, span->at.step) > 0)
        work = SP_I_INPUT;   /* its weight gradients have a slot of their own */
    return slot_of(step, span->at.rank, work, way);
}

double sp_i_listed_busy_s(const sp_i_step *step, uint32_t stage)
{
    double sum = 0;
    for (uint32_t i = step->order->off[stage]; i < step->order->off[stage + 1]; i++)
        sum += slot_of(step, stage, (sp_i_work)step->order->turn[i].work, step->order->turn[i].way)->time_s;
    return sum;
}

/* Seconds of a stage's slots up to its last backward. */
static double until_last_backward_s(const sp_i_step *step, uint32_t stage)
{
    double sum = 0, until = 0;
    for (uint32_t i = step->order->off[stage]; i < step->order->off[stage + 1]; i++) {
        const sp_i_turn *turn = &step->order->turn[i];
        sum += slot_of(step, stage, (sp_i_work)turn->work, turn->way)->time_s;
        until = turn->work == SP_I_WEIGHT || turn->work == SP_I_FORWARD ? until : sum;
    }
    return until;
}

/* What a stage cannot but do after its last slot: the last part of a reduction; of two chunks the shorter one. */
static double last_reduction_s(const sp_i_step *step, uint32_t stage)
{
    double least = step->sync[sp_i_order_slot(step->order, stage, 0)].reduce_s;
    if (step->order->vee)
        least = fmin(least, step->sync[sp_i_order_slot(step->order, stage, 1)].reduce_s);
    return least / step->segments;
}

/* A stage begins when the first micro-batch arrives, from the nearer end. What it runs is in order on one stream, and after that the
 * last part of a reduction and the optimizer; or, but for two directions, after its last backward that of all stages before it and the first
 * stage's last weight gradients. */
double sp_i_listed_bound(const sp_i_step *step)
{
    uint32_t P = step->plan->pp;
    bool both_ends = step->order->ways == 2 && !step->order->vee;
    double fill = step->sync[0].gather_s / step->segments, drain = 0, most = 0;
    double end = step->sync[0].reduce_s / step->segments + step->optimizer_s[0];
    for (uint32_t p = 0; p < (both_ends ? P / 2 : P); p++) {
        uint32_t slot = sp_i_order_slot(step->order, p, 0);
        double own = fill + sp_i_listed_busy_s(step, p) + step->optimizer_s[p];
        double through = fill + until_last_backward_s(step, p) + drain + step->weight[0].time_s + end;
        if (!both_ends)
            most = fmax(most, fmax(own + last_reduction_s(step, p), through));
        most = fmax(most, own);
        fill += step->forward[slot].time_s + step->p2p_s;
        drain += step->input[slot].time_s + step->p2p_s;
    }
    return most;
}
