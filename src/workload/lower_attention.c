/* The mixer of a block on one chip. Heads are split over TP, queries over CP (two chunks a rank, so that the causal work is
 * even); keys and values of the other CP ranks travel round a ring under the attention itself. */
#include "lower.h"

static double local(double count, uint32_t parts)
{
    return count / parts < 1 ? 1 : count / parts;
}

static bool full_causal(const sp_attn *attn, uint64_t seq)
{
    return !attn->compress && !(attn->window && attn->window < seq) && !(attn->index_topk && attn->index_topk < seq);
}

/* The indexer of sparse attention scores every earlier key with a few small heads. */
static void scan(sp_i_lower *lower, const sp_attn *attn)
{
    const sp_plan *plan = lower->plan;
    double past = (double)plan->seq / (attn->compress > 1 ? attn->compress : 1) / 2;
    sp_op op = {.kind = SP_OP_ATTENTION, .label = "attention", .format = SP_FMT_BF16, .out_format = SP_FMT_BF16, .batch = plan->mbs,
                .heads = attn->index_heads, .kv_heads = 1, .q_len = plan->seq / plan->cp, .kv_len = past < 1 ? 1 : (uint64_t)past,
                .d_qk = attn->index_dim, .d_v = attn->index_dim, .backward = lower->pass == SP_PASS_BACKWARD};
    sp_i_lower_op(lower, &op);
}

/* Passes over the scores by kernels of their own, beside those of the matrix products: scaled masked softmax reads and writes
 * them, dropout as well with a mask of one byte; backward both once more, softmax's reading its output, too. */
#define SCORE_PASSES_FORWARD 4.5
#define SCORE_PASSES_BACKWARD 5.5

/* Attention without a fused kernel: two batched products forward, four backward, and the scores in memory between them. Masked
 * scores are computed, too. */
static void unfused(sp_i_lower *lower, const sp_attn *attn, double heads, uint64_t tile)
{
    const sp_plan *plan = lower->plan;
    bool backward = lower->pass == SP_PASS_BACKWARD;
    sp_op product = {.kind = SP_OP_GEMM, .label = "attention", .format = SP_FMT_BF16, .out_format = SP_FMT_BF16,
                     .groups = (uint32_t)(plan->mbs * heads), .m = tile, .n = plan->seq, .k = attn->d_qk, .count = backward ? 2 : 1};
    double scores = (double)plan->mbs * heads * (double)tile * (double)plan->seq;
    sp_op passes = {.kind = SP_OP_VECTOR, .label = "attention", .format = SP_FMT_BF16, .out_format = SP_FMT_BF16,
                    .bytes = scores * SP_I_ACT_BYTES * (backward ? SCORE_PASSES_BACKWARD : SCORE_PASSES_FORWARD), .flop = 10 * scores};
    sp_i_lower_op(lower, &product);
    sp_i_lower_op(lower, &passes);
    product.n = attn->d_v;
    product.k = plan->seq;
    sp_i_lower_op(lower, &product);
}

/* Attention core. Full causal: cp tiles of (seq/cp)^2, half of each masked on average. Windows, chunks, compression and top-k
 * selection: every query reads as many keys as sp_attn_keys_mean says, and none of them is masked. */
static void core(sp_i_lower *lower, const sp_attn *attn, double heads, double kv_heads)
{
    const sp_plan *plan = lower->plan;
    bool traded = plan->cp_way == SP_CP_ULYSSES;   /* fewer heads of the whole sequence */
    uint64_t tile = traded ? plan->seq : plan->seq / plan->cp;
    heads = traded ? local(heads, plan->cp) : heads;
    kv_heads = traded ? local(kv_heads, plan->cp) : kv_heads;
    if (lower->alternate) {   /* its output and log-sums were kept */
        lower->kept_bytes += (double)plan->mbs * (double)tile * heads * (attn->d_v * SP_I_ACT_BYTES + 4);
        return;
    }
    if (plan->unfused_attention) {
        unfused(lower, attn, heads, tile);
        return;
    }
    sp_op op = {.kind = SP_OP_ATTENTION, .label = "attention", .format = SP_FMT_BF16, .out_format = SP_FMT_BF16,
                .batch = plan->mbs, .heads = (uint64_t)heads, .kv_heads = (uint64_t)kv_heads, .q_len = tile, .kv_len = tile,
                .d_qk = attn->d_qk, .d_v = attn->d_v, .causal = true, .backward = lower->pass == SP_PASS_BACKWARD, .count = traded ? 1 : plan->cp};
    if (!full_causal(attn, plan->seq)) {
        double keys = sp_attn_keys_mean(attn, plan->seq);
        op.causal = false;
        op.kv_len = keys < 1 ? 1 : (uint64_t)(keys + 0.5);
        op.count = 1;
    }
    if (attn->index_topk && attn->index_heads && plan->seq > attn->index_topk)
        scan(lower, attn);
    sp_i_lower_op(lower, &op);
}

/* Keys and values of the other CP ranks: under the attention in a ring, before it when gathered; backward once more, and their
 * gradients back. */
static void share_keys(sp_i_lower *lower, double kv_width)
{
    const sp_plan *plan = lower->plan;
    if (plan->cp == 1 || plan->cp_way == SP_CP_ULYSSES)
        return;
    double bytes = (double)plan->mbs * (double)plan->seq * kv_width * SP_I_ACT_BYTES;
    bool hidden = plan->cp_way == SP_CP_RING;
    if (lower->pass == SP_PASS_BACKWARD)
        sp_i_lower_comm(lower, "cp", SP_GROUP_CP, SP_COLL_REDUCE_SCATTER, bytes, hidden ? 2 : 0);
    sp_i_lower_comm(lower, "cp", SP_GROUP_CP, SP_COLL_ALL_GATHER, bytes, hidden ? 1 : 0);
}

/* Ulysses: a rank's tokens of all heads for all tokens of its share of the heads, and back. */
static void trade(sp_i_lower *lower, double width)
{
    if (lower->plan->cp > 1 && lower->plan->cp_way == SP_CP_ULYSSES)
        sp_i_lower_comm(lower, "cp", SP_GROUP_CP, SP_COLL_ALL_TO_ALL, lower->tokens * width * SP_I_ACT_BYTES, 0);
}

static void grouped_query(sp_i_lower *lower, const sp_attn *attn)
{
    double heads = local(attn->heads, lower->plan->tp), kv = local(attn->kv_heads, lower->plan->tp);
    double kv_width = attn->kv_shared ? 0 : kv * (attn->k_eq_v ? attn->d_qk : attn->d_qk + attn->d_v);
    double q_width = heads * attn->d_qk * (attn->output_gate ? 2 : 1), widths[3] = {q_width, kv_width / 2, kv_width / 2};
    if (attn->q_lora) {   /* queries through a narrow latent (DeepSeek-V4) */
        sp_i_lower_linear(lower, "gemm", lower->tokens, attn->q_lora + kv_width, lower->model->hidden, 1);
        sp_i_lower_linear(lower, "gemm", lower->tokens, q_width, attn->q_lora, 1);
    } else
        sp_i_lower_joined(lower, "gemm", lower->tokens, widths, 3, lower->model->hidden, 1);
    double rotated = lower->tokens * (heads + kv) * attn->d_qk;
    sp_i_lower_vector(lower, attn->yarn ? "yarn" : "vector", rotated, rotated, attn->qk_norm ? 8 : 3);
    share_keys(lower, kv * (attn->d_qk + attn->d_v));
    trade(lower, heads * attn->d_qk + kv * (attn->d_qk + attn->d_v));
    core(lower, attn, heads, kv);
    trade(lower, heads * attn->d_v);
}

static void latent_down(sp_i_lower *lower, const sp_attn *attn)
{
    double width = (double)attn->q_lora + attn->kv_lora + attn->d_rope;
    double latents = lower->tokens_sp * ((double)attn->q_lora + attn->kv_lora);
    sp_i_lower_linear(lower, "gemm", lower->tokens_sp, width, lower->model->hidden, 1);
    sp_i_lower_vector(lower, "vector", latents, latents, 5);
}

static void latent_up(sp_i_lower *lower, const sp_attn *attn, double heads)
{
    double rotated = lower->tokens * heads * attn->d_qk * 2;   /* rope and assembling q and k */
    sp_i_lower_linear(lower, "gemm", lower->tokens, heads * attn->d_qk, attn->q_lora ? attn->q_lora : lower->model->hidden, 1);
    sp_i_lower_linear(lower, "gemm", lower->tokens, heads * (attn->d_qk - attn->d_rope + attn->d_v), attn->kv_lora, 1);
    sp_i_lower_vector(lower, "vector", rotated, rotated, 2);
}

/* Multi-head latent attention: with sequence parallelism the down-projections see a TP rank's share of the tokens, and the
 * narrow latents are gathered instead of the hidden states. */
static void latent(sp_i_lower *lower, const sp_attn *attn)
{
    double heads = local(attn->heads, lower->plan->tp), h = lower->model->hidden;
    double gathered = attn->q_lora ? (double)attn->q_lora + attn->kv_lora + attn->d_rope : h;
    bool backward = lower->pass == SP_PASS_BACKWARD;
    if (!backward) {
        latent_down(lower, attn);
        sp_i_lower_tp_enter(lower, gathered);
    }
    latent_up(lower, attn, heads);
    share_keys(lower, (double)attn->kv_lora + attn->d_rope);
    trade(lower, heads * (2.0 * attn->d_qk + attn->d_v));
    core(lower, attn, heads, heads);
    trade(lower, heads * attn->d_v);
    if (backward) {
        sp_i_lower_tp_enter(lower, gathered);
        latent_down(lower, attn);
    }
}

#define SCAN_CHUNK 128.0        /* tokens of one chunk of the scan (Megatron-LM's Mamba mixer; mamba_ssm takes 256)                  */
#define SCAN_STATE_PASSES 4.0   /* FP32 states of a chunk: written, read and written by the scan over chunks, read                    */
#define SCAN_TOKEN_PASSES 6.0   /* passes over values, gates and decays of a token in the chunked kernels                             */

/* Linear attention with a recurrent state of d_qk x d_v a head (Mamba-2's chunked scan, Dao & Gu 2024, section 6; the gated delta rule
 * has the same shape, arXiv 2412.06464): inside a chunk scores and values as attention does, between chunks states in FP32. */
static void linear_attention(sp_i_lower *lower, const sp_attn *attn)
{
    double heads = local(attn->heads, lower->plan->tp), kv = local(attn->kv_heads, lower->plan->tp), tokens = lower->tokens;
    double width = 2 * kv * attn->d_qk + heads * attn->d_v * (attn->output_gate ? 2 : 1);
    sp_i_lower_linear(lower, "gemm", tokens, width, lower->model->hidden, 1);
    sp_i_lower_vector(lower, "vector", tokens * width, tokens * width, 2.0 * (attn->conv ? attn->conv : 1));
    sp_i_lower_product(lower, "attention", tokens * kv, SCAN_CHUNK, attn->d_qk);        /* scores of a key head            */
    sp_i_lower_product(lower, "attention", tokens * heads, attn->d_v, SCAN_CHUNK);      /* scores times values             */
    sp_i_lower_product(lower, "attention", tokens * heads, 2 * attn->d_v, attn->d_qk);  /* states: made, and read by queries */
    double state = heads * attn->d_qk * attn->d_v / SCAN_CHUNK * 2;   /* elements a token; FP32 counts as two */
    double moved = tokens * (SCAN_STATE_PASSES * state + SCAN_TOKEN_PASSES * heads * attn->d_v + 2 * kv * SCAN_CHUNK);
    sp_i_lower_vector(lower, "attention", moved / 2, moved / 2, 4);
}

/* For selective recompute: norm and core; of latent attention the norms and up-projections, whose outputs are many times the
 * latents they come from (DeepSeek-V3 report, section 3.2.3; Megatron-Core's recompute_modules mla_up_proj). */
static void recomputed(sp_i_lower *lower, const sp_attn *attn)
{
    sp_i_lower_norm(lower);
    if (attn->kind == SP_ATTN_GQA)
        core(lower, attn, local(attn->heads, lower->plan->tp), local(attn->kv_heads, lower->plan->tp));
    else if (attn->kind == SP_ATTN_MLA)
        latent_up(lower, attn, local(attn->heads, lower->plan->tp));
}

static void mix(sp_i_lower *lower, const sp_attn *attn)
{
    if (attn->kind == SP_ATTN_MLA)
        latent(lower, attn);
    else if (attn->kind == SP_ATTN_LINEAR)
        linear_attention(lower, attn);
    else
        grouped_query(lower, attn);
}

static void project_out(sp_i_lower *lower, const sp_attn *attn)
{
    double width = local(attn->heads, lower->plan->tp) * attn->d_v, h = lower->model->hidden;
    if (attn->o_lora) {
        uint32_t groups = attn->o_groups ? attn->o_groups : 1;
        double mine = local(groups, lower->plan->tp);
        sp_i_lower_linear(lower, "gemm", lower->tokens, attn->o_lora, width / mine, (uint32_t)mine);
        width = attn->o_lora * mine;
    }
    sp_i_lower_linear(lower, "gemm", lower->tokens, h, width, 1);
}

void sp_i_lower_attention(sp_i_lower *lower, const sp_attn *attn)
{
    double h = lower->model->hidden;
    if (attn->kind == SP_ATTN_NONE)
        return;
    if (lower->pass == SP_PASS_RECOMPUTE && lower->plan->recompute == SP_RECOMPUTE_SELECTIVE) {
        recomputed(lower, attn);
        return;
    }
    lower->adapted = lower->plan->lora_rank != 0;
    if (lower->pass != SP_PASS_BACKWARD) {
        sp_i_lower_norm(lower);
        if (attn->kind != SP_ATTN_MLA)
            sp_i_lower_tp_enter(lower, h);
        mix(lower, attn);
        project_out(lower, attn);
        if (!lower->parallel)
            sp_i_lower_tp_leave(lower, h);
    } else {
        if (!lower->parallel)
            sp_i_lower_tp_leave(lower, h);
        project_out(lower, attn);
        mix(lower, attn);
        if (attn->kind != SP_ATTN_MLA)
            sp_i_lower_tp_enter(lower, h);
        sp_i_lower_norm(lower);
    }
    lower->adapted = false;
    if (!lower->parallel)
        sp_i_lower_residual(lower, 2);
}
