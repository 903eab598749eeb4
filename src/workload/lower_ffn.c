/* The feed-forward part of a block on one chip: dense, or experts with dispatch and combine over the EP group. Tokens reach
 * the router split over TP as well, so an EP rank sends tokens / tp of them, topk copies each. */
#include "lower.h"

/* Two or three matrices and the activation between them, for m tokens in `groups` equal parts. */
static void perceptron(sp_i_lower *lower, const char *label, double m, double h, double inner, bool gated, uint32_t groups)
{
    double up = gated ? 2 * inner : inner, widths[2] = {inner, inner};
    if (lower->pass != SP_PASS_BACKWARD) {
        sp_i_lower_joined(lower, label, m, widths, gated ? 2 : 1, h, groups);
        sp_i_lower_vector(lower, "vector", m * groups * up, m * groups * inner, 6);
        sp_i_lower_linear(lower, label, m, h, inner, groups);
    } else {
        sp_i_lower_linear(lower, label, m, h, inner, groups);
        sp_i_lower_vector(lower, "vector", m * groups * up, m * groups * inner, 6);
        sp_i_lower_linear(lower, label, m, up, h, groups);
    }
}

static void dense(sp_i_lower *lower, double inner, bool gated)
{
    double h = lower->model->hidden;
    if (lower->pass != SP_PASS_BACKWARD) {
        if (!lower->parallel)
            sp_i_lower_tp_enter(lower, h);
        perceptron(lower, "gemm", lower->tokens, h, inner / lower->plan->tp, gated, 1);
        sp_i_lower_tp_leave(lower, h);
    } else {
        sp_i_lower_tp_leave(lower, h);
        perceptron(lower, "gemm", lower->tokens, h, inner / lower->plan->tp, gated, 1);
        if (!lower->parallel)
            sp_i_lower_tp_enter(lower, h);
    }
}

/* Copies of tokens to their experts or back. `routed`: with probabilities, or their gradients. */
static void all_to_all(sp_i_lower *lower, const sp_ffn *ffn, double received, double width, bool routed)
{
    if (lower->plan->ep == 1 || lower->alternate)   /* what every second product is made again from has been sent */
        return;
    double tokens = lower->tokens / lower->plan->tp;
    sp_i_lower_comm(lower, "ep", SP_GROUP_EP, SP_COLL_ALL_TO_ALL, received * width * SP_I_ACT_BYTES, 0);
    lower->out->item[lower->out->n - 1].carried = (sp_carried){
        .copies = ffn->topk, .prob_bytes = routed ? received * ffn->experts * 4 : 0,
        .map_bytes = routed && lower->pass != SP_PASS_BACKWARD ? tokens * lower->plan->ep * ffn->experts : 0};
}

static void gather_etp(sp_i_lower *lower, double elements, sp_coll_op coll)
{
    const sp_plan *plan = lower->plan;
    if (plan->etp > 1)
        sp_i_lower_comm(lower, "etp", SP_GROUP_ETP, coll, elements * plan->etp * SP_I_ACT_BYTES, 0);
}

static void permute(sp_i_lower *lower, double elements)
{
    sp_i_lower_vector(lower, "route", elements, elements, 1);
}

/* Into the latent width that experts work at, or out of it; every TP rank holds these whole and projects its share of the tokens. */
static void latent(sp_i_lower *lower, const sp_ffn *ffn, double mine, bool in)
{
    double h = lower->model->hidden, width = ffn->expert_hidden;
    if (width > 0)
        sp_i_lower_linear(lower, "gemm", mine, in ? width : h, in ? h : width, 1);
}

/* Biases of experts' outputs, which routing probabilities scale: after the products, so no part of them. */
static void bias(sp_i_lower *lower, double elements)
{
    sp_i_lower_vector(lower, "expert-bias", elements, elements, 2);
}

/* Scores of all experts for each token, in FP32: one read and one write; route_factor says how many passes there are. */
static void scores(sp_i_lower *lower, double elements)
{
    sp_i_lower_vector(lower, "route", 2 * elements, 2 * elements, 6);
}

static void experts(sp_i_lower *lower, const sp_ffn *ffn)
{
    const sp_plan *plan = lower->plan;
    double mine = lower->tokens / plan->tp;             /* tokens this rank routes                          */
    double copies = mine * ffn->topk;                   /* sent                                             */
    double received = copies * sp_i_lower_load(plan);   /* at the fullest rank                              */
    uint32_t held = ffn->experts / plan->ep;            /* experts on this rank                             */
    double rows = received * plan->etp / held;          /* tokens of one expert                             */
    double width = sp_ffn_expert_width(ffn, lower->model->hidden);
    bool backward = lower->pass == SP_PASS_BACKWARD;
    if (!backward)
        sp_i_lower_linear_bf16(lower, "gemm", mine, ffn->experts, lower->model->hidden);
    scores(lower, mine * ffn->experts);
    latent(lower, ffn, mine, !backward);
    permute(lower, received * width);
    all_to_all(lower, ffn, received, width, !backward);
    if (ffn->shared_inner)
        dense(lower, ffn->shared_inner, ffn->gated);
    gather_etp(lower, received * width, SP_COLL_ALL_GATHER);
    if (ffn->bias && backward)
        bias(lower, rows * held * width);
    perceptron(lower, "expert-gemm", rows, width, (double)ffn->expert_inner / plan->etp, ffn->gated, held);
    if (ffn->bias && !backward)
        bias(lower, rows * held * width);
    gather_etp(lower, received * width, SP_COLL_REDUCE_SCATTER);
    all_to_all(lower, ffn, received, width, backward);
    permute(lower, received * width);
    latent(lower, ffn, mine, backward);
    if (backward)
        sp_i_lower_linear_bf16(lower, "gemm", mine, ffn->experts, lower->model->hidden);
}

/* Selective recompute repeats the norm and the activation function, whose outputs are then not kept. */
static void recomputed(sp_i_lower *lower, const sp_ffn *ffn)
{
    const sp_plan *plan = lower->plan;
    double width = (double)ffn->inner / plan->tp * lower->tokens;
    if (!lower->parallel)
        sp_i_lower_norm(lower);
    if (ffn->kind == SP_FFN_MOE)
        width = lower->tokens / plan->tp * ffn->topk * ffn->expert_inner + (double)ffn->shared_inner / plan->tp * lower->tokens;
    sp_i_lower_vector(lower, "vector", width * (ffn->gated ? 2 : 1), width, 6);
}

void sp_i_lower_ffn(sp_i_lower *lower, const sp_ffn *ffn)
{
    if (ffn->kind == SP_FFN_NONE)
        return;
    if (lower->pass == SP_PASS_RECOMPUTE && lower->plan->recompute == SP_RECOMPUTE_SELECTIVE) {
        recomputed(lower, ffn);
        return;
    }
    bool backward = lower->pass == SP_PASS_BACKWARD;
    if (!backward && !lower->parallel)
        sp_i_lower_norm(lower);
    if (ffn->kind == SP_FFN_MOE)
        experts(lower, ffn);
    if (ffn->kind == SP_FFN_DENSE || ffn->dense_parallel)
        dense(lower, ffn->inner, ffn->gated);
    if (backward && !lower->parallel)
        sp_i_lower_norm(lower);
    sp_i_lower_residual(lower, lower->parallel ? 3 : 2);
}
