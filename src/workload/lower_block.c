/* Items of a block, the embedding, the head and an MTP module, and what each keeps in memory. */
#include "lower.h"

#include <math.h>

#define LOSS_FLOP 6.0   /* softmax, log, gradient: a few operations a logit */

/* With overlap_ep the expert traffic of one micro-batch travels while another one computes (DualPipe; Megatron-Core's combined 1F1B).
 * In the steady state that is this block's traffic beside all of its computing: the collectives come first and nothing in the
 * block waits for them. */
static void overlap_experts(const sp_plan *plan, sp_items *items)
{
    sp_items moved = {0};
    if (!plan->overlap_ep || plan->gbs / ((uint64_t)plan->mbs * plan->dp) < 2)
        return;
    for (int first = 1; first >= 0; first--)
        for (uint32_t i = 0; i < items->n; i++) {
            const sp_item *item = &items->item[i];
            if ((item->is_comm && item->group == SP_GROUP_EP) == (first == 1))
                moved.item[moved.n++] = *item;
        }
    for (uint32_t i = 0; i < moved.n && moved.item[i].is_comm && moved.item[i].group == SP_GROUP_EP; i++)
        moved.item[i].slack = moved.n - 1 - i;
    *items = moved;
}

/* The plan as a block has it: its own format where it is wider than the recipe's. */
static sp_plan plan_of_block(const sp_block *block, const sp_plan *plan)
{
    sp_plan own = *plan;
    if (block->wide && sp_format_bytes(plan->precision) < sp_format_bytes(SP_FMT_BF16))
        own.precision = SP_FMT_BF16;
    return own;
}

static sp_i_lower lower_of_block(const sp_model *model, const sp_block *block, const sp_plan *plan, sp_pass pass, sp_items *out)
{
    sp_i_lower lower = sp_i_lower_make(model, plan, pass, out);
    lower.parallel = block->parallel;
    lower.norms_after = block->norms >= 4;
    return lower;
}

sp_status sp_lower_block(const sp_model *model, const sp_block *block, const sp_plan *plan, sp_pass pass, sp_items *out)
{
    out->n = 0;
    sp_plan own = plan_of_block(block, plan);
    sp_i_lower lower = lower_of_block(model, block, &own, pass, out);
    if (pass == SP_PASS_BACKWARD) {
        sp_i_lower_ffn(&lower, &block->ffn);
        sp_i_lower_attention(&lower, &block->attn);
    } else {
        sp_i_lower_attention(&lower, &block->attn);
        sp_i_lower_ffn(&lower, &block->ffn);
    }
    overlap_experts(plan, out);
    return SP_OK;
}

sp_status sp_lower_embedding(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out)
{
    out->n = 0;
    if (pass == SP_PASS_RECOMPUTE)
        return SP_OK;
    sp_i_lower lower = sp_i_lower_make(model, plan, pass, out);
    double elements = lower.tokens * model->hidden;
    if (pass == SP_PASS_BACKWARD && plan->lora_rank)
        return SP_OK;   /* frozen, and nothing lies before it */
    sp_op op = {.kind = SP_OP_GATHER, .label = "vocab", .format = SP_FMT_BF16, .out_format = SP_FMT_BF16,
                .bytes = elements * SP_I_ACT_BYTES * (pass == SP_PASS_BACKWARD ? 3 : 2), .flop = elements};
    if (pass == SP_PASS_BACKWARD)
        sp_i_lower_tp_leave(&lower, model->hidden);
    sp_i_lower_op(&lower, &op);
    if (pass != SP_PASS_BACKWARD)
        sp_i_lower_tp_leave(&lower, model->hidden);
    return SP_OK;
}

static void logits(sp_i_lower *lower)
{
    double vocab = (double)lower->model->vocab / lower->plan->tp;
    sp_op loss = {.kind = SP_OP_VECTOR, .label = "vocab", .format = SP_FMT_FP32, .out_format = SP_FMT_FP32,
                  .bytes = lower->tokens * vocab * (lower->pass == SP_PASS_BACKWARD ? 6 : 10),
                  .flop = LOSS_FLOP * lower->tokens * vocab};
    if (lower->pass == SP_PASS_BACKWARD) {
        sp_i_lower_op(lower, &loss);
        sp_i_lower_linear_bf16(lower, "vocab", lower->tokens, vocab, lower->model->hidden);
        sp_i_lower_tp_enter(lower, lower->model->hidden);
    } else {
        sp_i_lower_tp_enter(lower, lower->model->hidden);
        sp_i_lower_linear_bf16(lower, "vocab", lower->tokens, vocab, lower->model->hidden);
        sp_i_lower_op(lower, &loss);
    }
}

sp_status sp_lower_head(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out)
{
    out->n = 0;
    if (pass == SP_PASS_RECOMPUTE)
        return SP_OK;
    sp_i_lower lower = sp_i_lower_make(model, plan, pass, out);
    logits(&lower);
    return SP_OK;
}

sp_status sp_lower_mtp(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out)
{
    const sp_block *block = &model->kinds[sp_model_mtp_kind(model)];
    out->n = 0;
    sp_plan own = plan_of_block(block, plan);
    sp_i_lower lower = lower_of_block(model, block, &own, pass, out);
    if (pass == SP_PASS_BACKWARD) {
        logits(&lower);
        sp_i_lower_ffn(&lower, &block->ffn);
        sp_i_lower_attention(&lower, &block->attn);
        sp_i_lower_linear(&lower, "gemm", lower.tokens_sp, model->hidden, 2.0 * model->hidden, 1);
        return SP_OK;
    }
    if (!(pass == SP_PASS_RECOMPUTE && plan->recompute == SP_RECOMPUTE_SELECTIVE))
        sp_i_lower_linear(&lower, "gemm", lower.tokens_sp, model->hidden, 2.0 * model->hidden, 1);
    sp_i_lower_attention(&lower, &block->attn);
    sp_i_lower_ffn(&lower, &block->ffn);
    if (pass == SP_PASS_FORWARD)
        logits(&lower);
    return SP_OK;
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* Softmax's output, dropout's mask and its output, of every score (Korthikanti et al. 2022, eq. 1: 5 as/h). */
#define SCORE_BYTES 5.0

/* Elements kept for backward between the block's operators, a token: split over TP by heads or width (divided by tp) or by
 * sequence (tokens_sp). GEMM inputs are kept in the recipe's format, the rest in BF16. Korthikanti et al. 2022, eq. 2,
 * without dropout masks; the scores only where attention is not fused. */
static double attention_bytes(const sp_i_lower *lower, const sp_attn *attn, double narrow)
{
    double tp = lower->plan->tp, h = lower->model->hidden, wide = SP_I_ACT_BYTES;
    double heads = attn->heads / tp, kv = attn->kv_heads / tp < 1 ? 1 : attn->kv_heads / tp;
    bool keep = lower->plan->recompute != SP_RECOMPUTE_SELECTIVE;   /* which makes the norms' outputs again; full recompute the whole block */
    double bytes = lower->tokens_sp * h * (wide + (keep ? narrow : 0));      /* norm input, projection input */
    double q = heads * attn->d_qk, k = kv * attn->d_qk, v = kv * attn->d_v, o = heads * attn->d_v;
    if (attn->kind == SP_ATTN_MLA) {
        k = heads * attn->d_qk;
        v = heads * attn->d_v;
        bytes += lower->tokens * (attn->q_lora + attn->kv_lora) * (wide + narrow);
        if (!keep)
            q = k = v = 0;   /* made again from the latents */
    }
    if (keep && lower->plan->unfused_attention)
        bytes += lower->tokens * heads * (double)lower->plan->seq * SCORE_BYTES;
    return bytes + lower->tokens * ((q + k + v) * wide + o * (wide + (narrow < wide ? narrow : 0)) + 4 * heads);
}

static double width_bytes(double tokens, double inner, bool gated, bool keep_output, double narrow)
{
    return tokens * ((gated ? 2 : 1) * inner * SP_I_ACT_BYTES + (keep_output ? inner * narrow : 0));
}

static double ffn_bytes(const sp_i_lower *lower, const sp_ffn *ffn, double narrow)
{
    const sp_plan *plan = lower->plan;
    bool keep = plan->recompute != SP_RECOMPUTE_SELECTIVE && !plan->lora_rank;   /* frozen layers need no inputs in backward */
    double h = lower->model->hidden, bytes = lower->parallel ? 0 : lower->tokens_sp * h * (SP_I_ACT_BYTES + (keep ? narrow : 0));
    if (ffn->kind == SP_FFN_DENSE || ffn->dense_parallel)
        bytes += width_bytes(lower->tokens, (double)ffn->inner / plan->tp, ffn->gated, keep, narrow);
    if (ffn->kind == SP_FFN_MOE) {
        double copies = lower->tokens / plan->tp * ffn->topk * plan->etp * sp_i_lower_load(plan);
        double width = sp_ffn_expert_width(ffn, lower->model->hidden);
        if (!plan->lora_rank)
            bytes += copies * width * narrow + copies / plan->etp * width * SP_I_ACT_BYTES;   /* dispatched input, combined output */
        bytes += width_bytes(copies, (double)ffn->expert_inner / plan->etp, ffn->gated, keep, narrow);
        bytes += width_bytes(lower->tokens, (double)ffn->shared_inner / plan->tp, ffn->gated, keep, narrow);
        bytes += lower->tokens / plan->tp * ffn->experts * 4;                     /* router probabilities, FP32 */
    }
    return bytes;
}

/* What is kept when every second product is computed again: the block's input and what the lowering leaves out. */
static double alternate_bytes(const sp_model *model, const sp_block *block, const sp_plan *plan)
{
    sp_items items = {.n = 0};
    sp_i_lower lower = lower_of_block(model, block, plan, SP_PASS_RECOMPUTE, &items);
    sp_i_lower_attention(&lower, &block->attn);
    sp_i_lower_ffn(&lower, &block->ffn);
    return lower.tokens_sp * model->hidden * SP_I_ACT_BYTES + lower.kept_bytes;
}

double sp_lower_block_working_bytes(const sp_model *model, const sp_block *block, const sp_plan *plan)
{
    sp_plan whole = *plan;
    whole.recompute = SP_RECOMPUTE_NONE;
    switch (plan->recompute) {
    case SP_RECOMPUTE_ALTERNATE:
        return fmax(0, sp_lower_block_activation_bytes(model, block, &whole) - alternate_bytes(model, block, plan));
    case SP_RECOMPUTE_FULL: return sp_lower_block_activation_bytes(model, block, plan);
    default: return 0;
    }
}

double sp_lower_block_activation_bytes(const sp_model *model, const sp_block *block, const sp_plan *plan)
{
    if (plan->recompute == SP_RECOMPUTE_ALTERNATE)
        return alternate_bytes(model, block, plan);
    sp_plan own = plan_of_block(block, plan);
    sp_i_lower lower = lower_of_block(model, block, &own, SP_PASS_FORWARD, NULL);
    double narrow = sp_format_bytes(own.precision);
    narrow = narrow < SP_I_ACT_BYTES ? narrow : SP_I_ACT_BYTES;
    double bytes = 0;
    if (block->attn.kind != SP_ATTN_NONE)
        bytes += attention_bytes(&lower, &block->attn, narrow);
    if (block->ffn.kind != SP_FFN_NONE)
        bytes += ffn_bytes(&lower, &block->ffn, narrow);
    return bytes;
}

/* Adapters on the projections into and out of attention, each rank x (in + out), one side of which TP splits. */
static double adapter_params(const sp_model *model, const sp_attn *attn, const sp_plan *plan)
{
    double h = model->hidden, heads = attn->heads, kv = attn->kv_heads, tp = plan->tp, rank = plan->lora_rank;
    double out = heads * attn->d_v / tp + h;
    if (attn->kind == SP_ATTN_NONE)
        return 0;
    if (attn->kind == SP_ATTN_MLA)
        return rank * ((attn->q_lora + attn->kv_lora + attn->d_rope + h) + (heads * attn->d_qk / tp + (attn->q_lora ? attn->q_lora : h)) +
                       (heads * (attn->d_qk - attn->d_rope + attn->d_v) / tp + attn->kv_lora) + out);
    return rank * ((heads * attn->d_qk + kv * (attn->d_qk + attn->d_v)) / tp + h + out);
}

sp_local_params sp_lower_block_params(const sp_model *model, const sp_block *block, const sp_plan *plan)
{
    double experts = 0, all = sp_block_params(model, block, &experts), h = model->hidden, whole = 0;
    const sp_attn *attn = &block->attn;
    if (attn->kind == SP_ATTN_MLA)   /* down-projections are not split */
        whole += h * ((double)attn->q_lora + attn->kv_lora + attn->d_rope);
    if (block->ffn.kind == SP_FFN_MOE)
        whole += h * block->ffn.experts + 2 * h * block->ffn.expert_hidden;
    whole += h * block->norms;
    double split = all - experts - whole, dense = (split > 0 ? split / plan->tp : 0) + whole;
    double expert = experts / ((double)plan->ep * plan->etp), adapters = adapter_params(model, attn, plan);
    if (plan->lora_rank)
        return (sp_local_params){dense + adapters, expert, adapters, 0};
    return (sp_local_params){dense, expert, dense, expert};
}

sp_local_params sp_lower_vocab_params(const sp_model *model, const sp_plan *plan)
{
    double dense = (double)model->vocab * model->hidden / plan->tp;
    return (sp_local_params){dense, 0, plan->lora_rank ? 0 : dense, 0};
}

void sp_local_params_add(sp_local_params *sum, double n, const sp_local_params *one)
{
    sum->dense += n * one->dense;
    sum->expert += n * one->expert;
    sum->dense_trained += n * one->dense_trained;
    sum->expert_trained += n * one->expert_trained;
}
