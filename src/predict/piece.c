/* Pieces: the items of a block, the embedding, the head and an MTP module, priced for one plan. */
#include "price.h"

#include "superpod/engine.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

uint32_t sp_i_stream_of(const sp_layout *layout, sp_comm_group group)
{
    uint32_t outermost = 0;
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        if (layout->tiers[group] >> t & 1)
            outermost = t;
    return SP_I_STREAM_TIER + outermost;
}

static inline double later(double a_s, double b_s) { return a_s > b_s ? a_s : b_s; }   /* fmax is a call, and this is asked for most */

/* Seconds as the event evaluator counts them: sums of pieces then equal the run of the slot, and the bound holds to the tick. */
static double whole_ticks(double seconds)
{
    return (double)sp_ticks_ps(seconds) * 1e-12;
}

/* Times that the line moves the bytes of this work, where it is not fused as the program says. */
static double passes(const sp_software *software, const char *label)
{
    static const struct { const char *label; size_t offset; } rows[] = {
        {"route", offsetof(sp_software, route_factor)}, {"quantise", offsetof(sp_software, quantise_factor)},
        {"expert-bias", offsetof(sp_software, expert_bias_factor)}, {"yarn", offsetof(sp_software, yarn_factor)}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const sp_value *factor = (const sp_value *)(const void *)((const char *)software + rows[i].offset);
        if (strcmp(label, rows[i].label) == 0 && factor->grade != SP_GRADE_NONE)
            return factor->nominal;
    }
    return 1;
}

/* Seconds as the clocks of a chip under load and the software product line make them. */
static double slowed(const sp_chip *chip, const sp_software *software, const sp_op *op, const sp_op_cost *cost)
{
    double time_s = cost->time_s;
    if (op->kind == SP_OP_ATTENTION && software && software->attention_family && strcmp(software->attention_family, chip->family) != 0)
        time_s /= chip->fit.attention_previous.nominal;
    if (op->kind == SP_OP_GEMM || op->kind == SP_OP_ATTENTION)
        time_s = fmax(time_s, cost->flop / sp_chip_sustained_flop_per_s(chip, op->format));
    if (!software)
        return time_s;
    time_s *= op->kind == SP_OP_ATTENTION || strcmp(op->label, "attention") == 0 ? software->attention_factor.nominal
              : op->kind == SP_OP_GEMM ? software->matrix_factor.nominal : software->vector_factor.nominal;
    return fmax(time_s * passes(software, op->label), software->host_op_s.nominal);
}

/* What pieces are priced with from here on. */
static void price_with(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout)
{
    const sp_stack *stack = sp_i_stack_of(pricer, plan);
    if (pricer->now.layout != layout || pricer->now.stack != stack)
        memset(pricer->now.curve, 0, sizeof pricer->now.curve);
    for (int g = 0; g < SP_GROUPS && pricer->now.layout != layout; g++)
        pricer->now.stream[g] = sp_i_stream_of(layout, (sp_comm_group)g);
    pricer->now.layout = layout;
    pricer->now.stack = stack;
    pricer->now.software = sp_machine_software(pricer->machine, plan->software);
    const char *dispatch = pricer->now.software ? pricer->now.software->dispatch : NULL;
    pricer->now.dispatch = !dispatch || plan->stack ? NULL : sp_machine_stack(pricer->machine, dispatch);
    if (dispatch && !pricer->now.dispatch)
        pricer->now.dispatch = stack;   /* a library that the plan names does all; so does the machine's where the line's is not known */
}

static sp_status comm_s(sp_pricer *pricer, const sp_i_cost *item, double *out_s, const sp_coll_algo **algo, sp_error *err)
{
    const sp_placement *group = &pricer->now.layout->group[item->group];
    const sp_i_curve **curve = &pricer->now.curve[item->group][item->coll];
    if (item->carried.copies > 1 && pricer->now.dispatch)
        return sp_i_dispatch_s(pricer, group, pricer->now.dispatch, item->size_bytes, &item->carried, pricer->now.software->dispatch_dense, out_s, err);
    if (!group->n_dims)
        return SP_OK;
    sp_status status = *curve ? SP_OK : sp_i_curve_find(pricer, item->coll, group, pricer->now.stack, curve, err);
    if (status == SP_OK)
        *out_s = sp_i_curve_s(*curve, item->size_bytes, algo);
    return status;
}

/* A collective where its group lies now. */
static sp_status price_comm(sp_pricer *pricer, sp_i_cost *item, sp_error *err)
{
    const sp_software *software = pricer->now.software;
    double time_s = 0;
    item->stream = pricer->now.stream[item->group];
    item->algo = NULL;
    sp_status status = comm_s(pricer, item, &time_s, &item->algo, err);
    if (software && time_s > 0)   /* a collective is launched by the host as any operator is */
        time_s = later(time_s * software->comm_factor.nominal, software->host_op_s.nominal);
    item->time_s = whole_ticks(time_s);
    return status;
}

static sp_status price_item(sp_pricer *pricer, const sp_item *item, sp_i_cost *out, sp_error *err)
{
    const sp_software *software = pricer->now.software;
    if (item->is_comm) {
        *out = (sp_i_cost){.label = item->label, .slack = item->slack, .coll = item->coll, .group = item->group, .size_bytes = item->size_bytes,
                           .carried = item->carried};
        return price_comm(pricer, out, err);
    }
    *out = (sp_i_cost){.label = item->label, .slack = item->slack, .weight = item->op.accumulate};
    sp_op_cost cost;
    bool matrix = item->op.kind == SP_OP_GEMM || item->op.kind == SP_OP_ATTENTION;
    if (sp_i_known_op_get(pricer, &item->op, software, &out->time_s, &out->flop)) {
        out->alone_s = matrix ? out->time_s : 0;
        return SP_OK;
    }
    sp_status status = sp_chip_op_cost(pricer->machine->chip, &item->op, &cost);
    if (status != SP_OK)
        return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "operator %s cannot be priced", item->label);
    out->time_s = whole_ticks(slowed(pricer->machine->chip, software, &item->op, &cost));
    out->alone_s = matrix ? out->time_s : 0;
    out->flop = cost.flop;
    sp_i_known_op_put(pricer, &item->op, software, out->time_s, out->flop);
    return SP_OK;
}

#define CORES_TAKEN_MAX 0.5   /* of a chip: beyond, the library would wait for its work to end */

double sp_i_stretch(const sp_pricer *pricer, const sp_stack *stack, double share)
{
    double taken = fmin(CORES_TAKEN_MAX, stack->cores.nominal / pricer->machine->chip->cores);
    return 1 + fmin(1, share) * taken / (1 - taken);
}

/* Collectives that run on the chip's own cores keep them from the matrix work they run under; what is bound by memory has cores to
 * spare. */
static void slow_beneath(const sp_pricer *pricer, sp_i_piece *piece)
{
    const sp_stack *stack = pricer->now.stack;
    if (stack->cores.grade == SP_GRADE_NONE)
        return;
    for (uint32_t i = 0; i < piece->n; i++)
        if (piece->item[i].alone_s > 0)
            piece->item[i].time_s = piece->item[i].alone_s;
    for (uint32_t i = 0; i < piece->n; i++) {
        double covered = 0;
        uint32_t end = i + piece->item[i].slack + 1 < piece->n ? i + piece->item[i].slack + 1 : piece->n;
        if (piece->item[i].stream == SP_I_STREAM_COMPUTE || !(piece->item[i].time_s > 0))
            continue;
        for (uint32_t k = i + 1; k < end; k++)
            covered += piece->item[k].stream == SP_I_STREAM_COMPUTE ? piece->item[k].time_s : 0;
        double longer = covered > 0 ? sp_i_stretch(pricer, stack, piece->item[i].time_s / covered) : 1;
        for (uint32_t k = i + 1; k < end; k++)
            if (piece->item[k].alone_s > 0)
                piece->item[k].time_s = whole_ticks(piece->item[k].time_s * longer);
    }
}

/* The run of a piece, as slot.c makes it, in closed form: a stream does one item after another; an item waits for all before it that do
 * not run beside it, and a collective with slack ends before what follows its cover begins. Items get ready in order, so each stream
 * takes them in order. */
typedef struct clock { double released_s[SP_ITEMS_MAX + 1], free_s[SP_I_STREAM_TIER + SP_TIERS_MAX], ready_s, end_s; } clock;

static clock begin(uint32_t n)
{
    clock c;
    memset(c.released_s, 0, (n + 1) * sizeof c.released_s[0]);
    memset(c.free_s, 0, sizeof c.free_s);
    c.ready_s = c.end_s = 0;
    return c;
}

static inline void run_item(clock *c, const sp_i_cost *item, uint32_t at, uint32_t n)
{
    double done_s = later(c->ready_s, c->free_s[item->stream]) + item->time_s;
    uint32_t after = at + item->slack + 1 < n ? at + item->slack + 1 : n;
    c->free_s[item->stream] = done_s;
    c->end_s = later(c->end_s, done_s);
    if (item->stream == SP_I_STREAM_COMPUTE || item->slack == 0)
        c->ready_s = done_s;
    else
        c->released_s[after] = later(c->released_s[after], done_s);
}

/* weights: with the items that make gradients of weights. Inline, so that each of the two has a loop of its own. */
static inline double run_s(const sp_i_piece *piece, bool weights)
{
    clock c = begin(piece->n);
    for (uint32_t i = 0; i < piece->n; i++) {
        c.ready_s = later(c.ready_s, c.released_s[i]);
        if (weights || !piece->item[i].weight)
            run_item(&c, &piece->item[i], i, piece->n);
    }
    return c.end_s;
}

static void sum_up(const sp_pricer *pricer, sp_i_piece *out)
{
    slow_beneath(pricer, out);
    const uint32_t lanes[2] = {pricer->now.stream[SP_GROUP_TP], pricer->now.stream[SP_GROUP_EP]};
    double compute_s = 0, bare_s = 0, matrix_s = 0, weight_s = 0, lane_s[SP_I_STREAM_TIER + SP_TIERS_MAX] = {0};
    for (uint32_t i = 0; i < out->n; i++) {
        const sp_i_cost *item = &out->item[i];
        if (item->stream != SP_I_STREAM_COMPUTE) {
            lane_s[item->stream] += item->time_s;
            continue;
        }
        compute_s += item->time_s;
        bare_s += item->alone_s > 0 ? item->alone_s : item->time_s;
        matrix_s += item->alone_s > 0 ? item->time_s : 0;
        weight_s += item->weight ? item->time_s : 0;
    }
    out->compute_s = compute_s;
    out->bare_s = bare_s;
    out->matrix_s = matrix_s;
    out->weight_s = weight_s;
    out->lane_s[0] = lane_s[lanes[0]];
    out->lane_s[1] = lane_s[lanes[1]];
    out->chain_s = run_s(out, true);
    out->input_s = weight_s > 0 ? run_s(out, false) : out->chain_s;
}

static sp_status price(sp_pricer *pricer, const sp_items *items, sp_i_piece *out, sp_error *err)
{
    out->n = items->n;
    out->flop = 0;
    for (uint32_t i = 0; i < items->n; i++) {
        sp_status status = price_item(pricer, &items->item[i], &out->item[i], err);
        if (status != SP_OK)
            return status;
        out->flop += out->item[i].flop;
    }
    sum_up(pricer, out);
    return SP_OK;
}

/* Expert traffic of one micro-batch travels under another, if there is another. */
static bool several(const sp_plan *plan)
{
    return plan->gbs / ((uint64_t)plan->mbs * plan->dp) >= 2;
}

/* Do pieces priced for plan a serve plan b, but for where the groups lie? Everything that lowering depends on. */
static bool same_work(const sp_plan *a, const sp_plan *b, bool recompute)
{
    return a->tp == b->tp && a->cp == b->cp && a->ep == b->ep && a->etp == b->etp && a->mbs == b->mbs && a->seq == b->seq &&
           a->precision == b->precision && a->overlap_tp == b->overlap_tp && a->overlap_ep == b->overlap_ep &&
           a->sequence_parallel == b->sequence_parallel && a->unfused_attention == b->unfused_attention && a->narrow_gather == b->narrow_gather && a->lora_rank == b->lora_rank &&
           a->cp_way == b->cp_way && a->expert_load == b->expert_load && a->stack == b->stack && a->software == b->software &&
           (!recompute || a->recompute == b->recompute) && (!a->overlap_ep || several(a) == several(b));
}

/* The same work, groups elsewhere: collectives alone are priced again. */
static sp_status move(sp_pricer *pricer, sp_i_piece *piece, sp_error *err)
{
    for (uint32_t i = 0; i < piece->n; i++) {
        sp_status status = piece->item[i].stream == SP_I_STREAM_COMPUTE ? SP_OK : price_comm(pricer, &piece->item[i], err);
        if (status != SP_OK)
            return status;
    }
    sum_up(pricer, piece);
    return SP_OK;
}

static sp_status move_pass(sp_pricer *pricer, sp_pass pass, sp_error *err)
{
    sp_status status = SP_OK;
    for (uint32_t k = 0; k < pricer->model->n_kinds && status == SP_OK; k++)
        status = move(pricer, &pricer->block[pass][k], err);
    if (status == SP_OK)
        status = move(pricer, &pricer->embedding[pass], err);
    if (status == SP_OK)
        status = move(pricer, &pricer->head[pass], err);
    return status == SP_OK && pricer->model->mtp_layers ? move(pricer, &pricer->mtp[pass], err) : status;
}

static sp_status price_pass(sp_pricer *pricer, const sp_plan *plan, sp_pass pass, sp_error *err)
{
    const sp_model *model = pricer->model;
    sp_items items;
    sp_status status = SP_OK;
    for (uint32_t k = 0; k < model->n_kinds && status == SP_OK; k++) {
        status = sp_lower_block(model, &model->kinds[k], plan, pass, &items);
        if (status == SP_OK)
            status = price(pricer, &items, &pricer->block[pass][k], err);
    }
    if (status == SP_OK && (status = sp_lower_embedding(model, plan, pass, &items)) == SP_OK)
        status = price(pricer, &items, &pricer->embedding[pass], err);
    if (status == SP_OK && (status = sp_lower_head(model, plan, pass, &items)) == SP_OK)
        status = price(pricer, &items, &pricer->head[pass], err);
    if (status == SP_OK && model->mtp_layers && (status = sp_lower_mtp(model, plan, pass, &items)) == SP_OK)
        status = price(pricer, &items, &pricer->mtp[pass], err);
    return status;
}

bool sp_i_pieces_known(const sp_pricer *pricer, const sp_plan *plan)
{
    for (int pass = SP_PASS_FORWARD; pass <= (plan->recompute == SP_RECOMPUTE_NONE ? SP_PASS_BACKWARD : SP_PASS_RECOMPUTE); pass++)
        if (!pricer->piece[pass].have || !same_work(&pricer->piece[pass].plan, plan, pass == SP_PASS_RECOMPUTE))
            return false;
    return true;
}

/* ---- sums of other places ------------------------------------------------------------------------------------------------ */

/* All pieces of a pass, in the order of a row. */
static uint32_t pieces_in(sp_pricer *pricer, int pass, sp_i_piece *list[SP_KINDS_MAX + 3])
{
    uint32_t n = 0;
    while (n < pricer->model->n_kinds) {
        list[n] = &pricer->block[pass][n];
        n++;
    }
    list[n++] = &pricer->embedding[pass];
    list[n++] = &pricer->head[pass];
    list[n++] = &pricer->mtp[pass];
    return n;
}

static sp_i_summed *summed_of(sp_pricer *pricer, const sp_plan *plan, int pass)
{
    sp_i_summed *summed = &pricer->summed[pass][plan->overlap_ep && several(plan)];
    if (!summed->have || !same_work(&summed->plan, plan, pass == SP_PASS_RECOMPUTE)) {
        memset(summed->inner, 0, sizeof summed->inner);
        summed->plan = *plan;
        summed->have = true;
    }
    return summed;
}

static uint32_t place_of(const sp_i_inner *inner)
{
    return (uint32_t)(inner->key >> 32 ^ inner->key) & (SP_I_PLACES - 1);
}

static bool recall(sp_pricer *pricer, const sp_i_summed *summed, int pass, const sp_i_inner *inner)
{
    sp_i_piece *list[SP_KINDS_MAX + 3];
    uint32_t at = place_of(inner), n = pieces_in(pricer, pass, list);
    if (summed->inner[at] != inner)
        return false;
    for (uint32_t i = 0; i < n; i++)
        *list[i] = summed->row[at][i];
    return true;
}

static sp_status store(sp_pricer *pricer, sp_i_summed *summed, int pass, const sp_i_inner *inner, sp_error *err)
{
    sp_i_piece *list[SP_KINDS_MAX + 3];
    uint32_t at = place_of(inner), n = pieces_in(pricer, pass, list);
    if (!summed->row[at] && !(summed->row[at] = sp_arena_alloc(pricer->arena, n, sizeof *summed->row[at])))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
    for (uint32_t i = 0; i < n; i++)
        summed->row[at][i] = *list[i];
    summed->inner[at] = inner;
    return SP_OK;
}

/* ---- pieces of a plan ------------------------------------------------------------------------------------------------------ */

/* Items and sums, made anew or moved. */
static sp_status make(sp_pricer *pricer, const sp_plan *plan, int pass, const sp_i_inner *inner, sp_error *err)
{
    bool same = pricer->items[pass].have && same_work(&pricer->items[pass].plan, plan, pass == SP_PASS_RECOMPUTE);
    pricer->items[pass].have = false;
    price_with(pricer, plan, &inner->layout);
    sp_status status = same ? move_pass(pricer, (sp_pass)pass, err) : price_pass(pricer, plan, (sp_pass)pass, err);
    if (status != SP_OK)
        return status;
    pricer->items[pass].have = true;
    pricer->items[pass].plan = *plan;
    pricer->items[pass].inner = inner;
    return SP_OK;
}

static sp_status pieces_of(sp_pricer *pricer, const sp_plan *plan, const sp_i_inner *inner, bool whole, sp_error *err)
{
    for (int pass = SP_PASS_FORWARD; pass <= SP_PASS_RECOMPUTE; pass++) {
        bool again = pass == SP_PASS_RECOMPUTE;
        if (again && plan->recompute == SP_RECOMPUTE_NONE)
            continue;
        bool summed = pricer->piece[pass].have && pricer->piece[pass].inner == inner && same_work(&pricer->piece[pass].plan, plan, again);
        bool made = !whole || (pricer->items[pass].have && pricer->items[pass].inner == inner && same_work(&pricer->items[pass].plan, plan, again));
        if (summed && made)
            continue;
        pricer->piece[pass].have = false;
        pricer->pieces_made++;
        sp_i_summed *places = summed_of(pricer, plan, pass);
        sp_status status = SP_OK;
        if (whole || !recall(pricer, places, pass, inner)) {
            status = make(pricer, plan, pass, inner, err);
            if (status == SP_OK)
                status = store(pricer, places, pass, inner, err);
        }
        if (status != SP_OK)
            return status;
        pricer->piece[pass].have = true;
        pricer->piece[pass].plan = *plan;
        pricer->piece[pass].inner = inner;
    }
    return SP_OK;
}

sp_status sp_i_pieces_sums(sp_pricer *pricer, const sp_plan *plan, const sp_i_inner *inner, sp_error *err)
{
    return pieces_of(pricer, plan, inner, false, err);
}

sp_status sp_i_pieces(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_error *err)
{
    const sp_i_inner *inner = sp_i_inner_find(pricer, layout);
    return inner ? pieces_of(pricer, plan, inner, true, err) : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
}
