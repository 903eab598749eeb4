/* Zero-bubble and bidirectional orders.
 *
 * ZB-H1, ZB-H2 (Qi et al., arXiv:2401.10241, figure 3): 1F1B whose weight gradients wait. Stage p runs its warm-up forwards, then in turn
 * the input gradients of k, the weight gradients of k - lag and the next forward. With P - p warm-up forwards and a lag of p a
 * stage holds at most P micro-batches; with 2 (P - p) - 1 and 2 p at most 2 P - 1.
 *
 * DualPipe (DeepSeek-V3 technical report, arXiv:2412.19437; the order is that of github.com/deepseek-ai/DualPipe, dualpipe.py): half of
 * the micro-batches go from the first stage, half from the last, and each stage has its own layers and those of its mirror image.
 * Phase 0 of a stage is the way that reaches it first. DualPipeV (dualpipev.py there) is half of it, folded: the stages of the first half with both
 * chunks of their layers, so that what would go to the other half comes back up. */
#include "order.h"

typedef struct lister {
    const sp_plan *plan;
    uint32_t P, M, stage, n;
    sp_i_turn *turn;                       /* NULL: count alone */
    uint32_t forwards[2], backwards[2];    /* of a phase, so far */
    struct { uint32_t phase, at; } line[SP_STAGES_MAX];   /* backwards whose weight gradients wait: half of P at most */
    uint32_t head, tail;
} lister;

bool sp_i_order_listed(sp_schedule schedule)
{
    return schedule >= SP_SCHEDULE_ZB_H1;
}

uint32_t sp_i_order_lag(const sp_plan *plan, uint32_t stage)
{
    return plan->schedule == SP_SCHEDULE_ZB_H2 ? 2 * stage : stage;
}

static void put(lister *l, sp_i_work work, uint32_t way, uint32_t at, uint32_t back)
{
    if (l->turn)
        l->turn[l->n] = (sp_i_turn){(uint8_t)work, (uint8_t)way, at, back};
    l->n++;
}

/* ---- zero bubble ------------------------------------------------------------------------------------------------ */

static void list_zero_bubble(lister *l)
{
    bool wide = l->plan->schedule == SP_SCHEDULE_ZB_H2;
    uint32_t left = l->P - l->stage, warm = wide ? 2 * left - 1 : left, lag = sp_i_order_lag(l->plan, l->stage), forwards = 0, weights = 0;
    while (forwards < warm && forwards < l->M)
        put(l, SP_I_FORWARD, 0, forwards++, 0);
    for (uint32_t k = 0; k < l->M; k++) {
        put(l, SP_I_INPUT, 0, k, 0);
        if (k >= lag)
            put(l, SP_I_WEIGHT, 0, weights++, 0);
        if (forwards < l->M)
            put(l, SP_I_FORWARD, 0, forwards++, 0);
    }
    while (weights < l->M)
        put(l, SP_I_WEIGHT, 0, weights++, 0);
}

/* ---- DualPipe ----------------------------------------------------------------------------------------------------- */

static uint32_t way_of(const lister *l, uint32_t phase)
{
    return l->stage < l->P / 2 ? phase : 1 - phase;
}

static void forward(lister *l, uint32_t phase)
{
    put(l, SP_I_FORWARD, way_of(l, phase), l->forwards[phase]++, 0);
}

static void both(lister *l, uint32_t phase)
{
    put(l, SP_I_BOTH, way_of(l, phase), l->forwards[phase]++, l->backwards[1 - phase]++);
}

static void backward(lister *l, uint32_t phase, bool split)
{
    if (split) {
        l->line[l->tail].phase = phase;
        l->line[l->tail++].at = l->backwards[phase];
    }
    put(l, split ? SP_I_INPUT : SP_I_WHOLE, way_of(l, phase), l->backwards[phase]++, 0);
}

static void weight(lister *l)
{
    put(l, SP_I_WEIGHT, way_of(l, l->line[l->head].phase), l->line[l->head].at, 0);
    l->head++;
}

/* Filling: forwards of phase 0, then of both phases in turn, then the first backwards, split, each with the next forward. */
static void list_fill(lister *l, uint32_t half, uint32_t inner)
{
    for (uint32_t i = 0; i < 2 * inner; i++)
        forward(l, 0);
    for (uint32_t i = 0; i <= half; i++) {
        forward(l, 0);
        forward(l, 1);
    }
    for (uint32_t i = 0; i < inner; i++) {
        backward(l, 1, true);
        weight(l);
        forward(l, 1);
    }
}

/* Draining: whole backwards while others still go forward, then split ones from the middle of the rest on. */
static void list_drain(lister *l, uint32_t half, uint32_t inner)
{
    bool split = false;
    for (uint32_t i = 0; i < inner; i++) {
        backward(l, 1, false);
        both(l, 1);
    }
    for (uint32_t i = 0; i <= half; i++) {
        bool middle = i == (half + 1) / 2;
        split = split || (middle && half % 2 == 1);
        backward(l, 1, split);
        split = split || (middle && half % 2 == 0);
        backward(l, 0, split);
    }
    for (uint32_t i = 0; i < inner; i++) {
        weight(l);
        backward(l, 0, true);
    }
    while (l->head < l->tail)
        weight(l);
}

static void list_dualpipe(lister *l)
{
    uint32_t half = l->stage < l->P / 2 ? l->stage : l->P - 1 - l->stage, inner = l->P / 2 - 1 - half;
    list_fill(l, half, inner);
    for (uint32_t i = 0; i < l->M / 2 - l->P + half + 1; i++) {
        if (i == 0 && inner == 0) {   /* the two middle stages: the first forward does not wait for its backward */
            forward(l, 0);
            backward(l, 1, false);
        } else
            both(l, 0);
        both(l, 1);
    }
    list_drain(l, half, inner);
}

/* ---- all stages ---------------------------------------------------------------------------------------------------- */

/* Folded: the first half of a pipeline twice as long, with every micro-batch on both ways. */
static uint32_t list_stage(const sp_plan *plan, uint32_t micro_batches, uint32_t stage, sp_i_turn *turn)
{
    uint32_t folds = plan->schedule == SP_SCHEDULE_DUALPIPEV ? 2 : 1;
    lister l = {.plan = plan, .P = folds * plan->pp, .M = folds * micro_batches, .stage = stage, .turn = turn};
    if (sp_schedule_joins(plan->schedule))
        list_dualpipe(&l);
    else
        list_zero_bubble(&l);
    return l.n;
}

const sp_i_order *sp_i_order_make(const sp_plan *plan, uint32_t micro_batches, const sp_i_order_cost *cost, sp_arena *arena)
{
    bool vee = sp_schedule_is_vee(plan->schedule), searched = plan->schedule == SP_SCHEDULE_ZB_V, both_ends = plan->schedule == SP_SCHEDULE_DUALPIPE;
    sp_i_order *order = sp_arena_alloc(arena, 1, sizeof *order);
    uint32_t *off = sp_arena_alloc(arena, (size_t)plan->pp + 1, sizeof *off), ways = vee || both_ends ? 2 : 1;
    if (!order || !off)
        return NULL;
    for (uint32_t p = 0; p < plan->pp; p++)
        off[p + 1] = off[p] + (searched ? 6 * micro_batches : list_stage(plan, micro_batches, p, NULL));
    *order = (sp_i_order){.n_stages = plan->pp, .ways = ways, .n_at = both_ends ? micro_batches / 2 : micro_batches, .off = off,
                          .turn = sp_arena_alloc(arena, off[plan->pp], sizeof *order->turn), .vee = vee, .joined = sp_schedule_joins(plan->schedule)};
    if (searched)
        return order->turn && sp_i_order_vee(order, micro_batches, cost) ? order : NULL;
    for (uint32_t p = 0; p < plan->pp && order->turn; p++)
        list_stage(plan, micro_batches, p, order->turn + off[p]);
    return order->turn ? order : NULL;
}
