/* Parameters of a model, counted from its shapes (docs/models/model.md, "Parameters"). */
#include "model_i.h"

#include <assert.h>

static sp_model_weights add(sp_model_weights a, sp_model_weights b)
{
    return (sp_model_weights){a.matrix + b.matrix, a.vector + b.vector};
}

/* A projection of `in` to `out`, with a bias or without. */
static sp_model_weights linear(double in, double out, bool bias)
{
    return (sp_model_weights){in * out, bias ? out : 0};
}

static double sum(sp_model_weights w)
{
    return w.matrix + w.vector;
}

/* ---- attention -------------------------------------------------------------------------------------------- */

/* Queries: direct, or through a rank with a norm on it. */
static sp_model_weights query_weights(double hidden, const sp_attn *attn)
{
    const double width = (double)attn->heads * attn->d_qk;
    if (!attn->q_lora)
        return linear(hidden, width * (attn->output_gate && attn->kind == SP_ATTN_GQA ? 2 : 1), attn->bias);
    sp_model_weights w = add(linear(hidden, attn->q_lora, attn->bias), linear(attn->q_lora, width, false));
    w.vector += attn->q_lora;
    return w;
}

static sp_model_weights output_weights(double hidden, const sp_attn *attn)
{
    const double width = (double)attn->heads * attn->d_v;
    if (!attn->o_groups)
        return linear(width, hidden, attn->out_bias);
    const double ranks = (double)attn->o_groups * attn->o_lora;
    return add(linear(width / attn->o_groups, ranks, false), linear(ranks, hidden, attn->out_bias));
}

static sp_model_weights gqa_weights(double hidden, const sp_attn *attn)
{
    const double keys = (double)attn->kv_heads * attn->d_qk, values = (double)attn->kv_heads * attn->d_v;
    sp_model_weights w = add(query_weights(hidden, attn), output_weights(hidden, attn));
    if (!attn->kv_shared) {
        w = add(w, linear(hidden, keys, attn->bias));
        if (!attn->k_eq_v)
            w = add(w, linear(hidden, values, attn->bias));
    }
    if (attn->qk_norm)
        w.vector += attn->d_qk * (attn->kv_shared ? 1.0 : 2.0);
    if (attn->qk_norm_all)
        w.vector += (double)attn->heads * attn->d_qk + keys;
    if (attn->q_lora && attn->k_eq_v)   /* DeepSeek-V4: a norm on the shared key-value latent */
        w.vector += attn->d_qk;
    return w;
}

static sp_model_weights mla_weights(double hidden, const sp_attn *attn)
{
    const double nope = (double)attn->d_qk - attn->d_rope;
    sp_model_weights w = add(query_weights(hidden, attn), output_weights(hidden, attn));
    w = add(w, linear(hidden, (double)attn->kv_lora + attn->d_rope, attn->bias));
    w = add(w, linear(attn->kv_lora, attn->heads * (nope + attn->d_v), false));
    w.vector += attn->kv_lora;
    if (attn->output_gate)
        w.matrix += hidden * attn->heads * attn->d_v;
    return w;
}

/* Gated delta rule (Qwen3-Next; Kimi delta attention): q, k, v and output projections, a decay and a step size a head
 * (or a decay per key channel through a rank), an output gate (or one through a rank), a short convolution, a norm. */
static sp_model_weights linear_weights(double hidden, const sp_attn *attn)
{
    const double keys = (double)attn->kv_heads * attn->d_qk, v = (double)attn->heads * attn->d_v;
    const double decays = attn->q_lora ? keys : attn->heads;
    sp_model_weights w = add(linear(hidden, 2 * keys + v, false), linear(v, hidden, attn->out_bias));
    w = add(w, linear(hidden, attn->heads, false));
    w.matrix += attn->q_lora ? (hidden + keys) * attn->q_lora : hidden * attn->heads;
    if (attn->output_gate)
        w.matrix += attn->kv_lora ? (hidden + v) * attn->kv_lora : hidden * v;
    w.vector += (2 * keys + v) * attn->conv + attn->d_v + decays + attn->heads;
    return w;
}

/* The indexer of sparse attention: queries from the query rank (or the hidden state), keys and head weights from the
 * hidden state. On compressed keys (DeepSeek-V4) it has a compressor of its own instead of a key projection. */
static sp_model_weights indexer_weights(double hidden, const sp_attn *attn)
{
    const double from = attn->q_lora ? attn->q_lora : hidden;
    sp_model_weights w = linear(from, (double)attn->index_heads * attn->index_dim, false);
    w = add(w, linear(hidden, attn->index_heads, false));
    if (attn->compress > 1)
        return w;
    w = add(w, linear(hidden, attn->index_dim, false));
    w.vector += 2.0 * attn->index_dim;   /* LayerNorm on the key */
    return w;
}

/* DeepSeek-V4's compressor: values and gates of every token, a bias per place in the window, a norm. Windows of a layer
 * with an indexer overlap, which doubles the width; the indexer compresses its keys the same way. */
static sp_model_weights compressor_weights(double hidden, const sp_attn *attn)
{
    const double overlap = attn->index_topk ? 2 : 1;
    const double dims = attn->d_qk + (attn->index_topk ? (double)attn->index_dim : 0);
    return (sp_model_weights){2 * hidden * overlap * dims, attn->compress * overlap * dims + dims};
}

sp_model_weights sp_i_model_attn_weights(const sp_model *model, const sp_attn *attn)
{
    const double hidden = model->hidden;
    sp_model_weights w = {0, 0};
    switch (attn->kind) {
    case SP_ATTN_NONE: return w;
    case SP_ATTN_GQA: w = gqa_weights(hidden, attn); break;
    case SP_ATTN_MLA: w = mla_weights(hidden, attn); break;
    case SP_ATTN_LINEAR: return linear_weights(hidden, attn);
    }
    if (attn->index_topk)
        w = add(w, indexer_weights(hidden, attn));
    if (attn->compress > 1)
        w = add(w, compressor_weights(hidden, attn));
    if (attn->sinks)
        w.vector += attn->heads;
    return w;
}

double sp_attn_params(const sp_model *model, const sp_attn *attn)
{
    return sum(sp_i_model_attn_weights(model, attn));
}

/* ---- FFN, norms, block ------------------------------------------------------------------------------------- */

static sp_model_weights ffn_matrices(double hidden, double inner, bool gated, bool bias)
{
    const double in = gated ? 2 : 1;
    return (sp_model_weights){(in + 1) * hidden * inner, bias ? in * inner + hidden : 0};
}

sp_model_ffn_weights sp_i_model_ffn_weights(const sp_model *model, const sp_ffn *ffn)
{
    const double hidden = model->hidden;
    sp_model_ffn_weights w = {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}};
    if (ffn->kind == SP_FFN_DENSE || (ffn->kind == SP_FFN_MOE && ffn->dense_parallel))
        w.dense = ffn_matrices(hidden, ffn->inner, ffn->gated, ffn->bias);
    if (ffn->kind != SP_FFN_MOE)
        return w;
    w.expert = ffn_matrices(sp_ffn_expert_width(ffn, model->hidden), ffn->expert_inner, ffn->gated, ffn->bias);
    if (ffn->shared_inner)
        w.shared = ffn_matrices(hidden, ffn->shared_inner, ffn->gated, ffn->bias);
    if (ffn->shared_gate)
        w.shared.matrix += hidden;
    w.router = linear(hidden, ffn->experts, ffn->router_bias);
    if (ffn->expert_hidden)    /* into the latent width and back, with a norm */
        w.latent = (sp_model_weights){2.0 * hidden * ffn->expert_hidden, ffn->expert_hidden};
    if (ffn->dense_parallel)   /* Gemma 4: a scale on the router's input and one per expert */
        w.router.vector += hidden + ffn->experts;
    return w;
}

/* Hyper-connections (Xie et al., 2026): attention and FFN each mix n streams by a matrix of (2 + n) n x n hidden. */
static double hyper_matrix(const sp_model *model)
{
    const double n = model->hyper_streams;
    return (2 + n) * n * n * model->hidden;
}

sp_model_weights sp_i_model_residual_weights(const sp_model *model, const sp_block *block)
{
    sp_model_weights w = {0, (double)block->norms * model->hidden * (block->norm_bias ? 2 : 1)};
    if (model->hyper_streams) {
        const double n = model->hyper_streams;
        w = add(w, (sp_model_weights){2 * hyper_matrix(model), 2 * ((2 + n) * n + 3)});
    }
    if (model->per_layer_embedding) {   /* Gemma E: gate into the layer's embedding, projection back, norm, layer scale */
        w.matrix += 2.0 * model->hidden * model->per_layer_embedding;
        w.vector += model->hidden + 1.0;
    }
    return w;
}

double sp_block_params(const sp_model *model, const sp_block *block, double *experts)
{
    const sp_model_ffn_weights ffn = sp_i_model_ffn_weights(model, &block->ffn);
    const double routed = sum(ffn.expert) * (block->ffn.kind == SP_FFN_MOE ? block->ffn.experts : 0);
    if (experts)
        *experts = routed;
    return sp_attn_params(model, &block->attn) + sum(sp_i_model_residual_weights(model, block)) + sum(ffn.dense) + sum(ffn.shared) +
           sum(ffn.router) + sum(ffn.latent) + routed;
}

/* ---- model ------------------------------------------------------------------------------------------------- */

static const sp_block *block_of(const sp_model *model, uint32_t layer)
{
    return &model->kinds[model->layer_kind[layer]];
}

uint32_t sp_model_mtp_kind(const sp_model *model)
{
    return model->mtp_block ? model->mtp_block - 1 : model->layer_kind[model->n_layers - 1];
}

/* One MTP module: a block, a projection of two hidden states into one, norms on both and at the end. */
static double mtp_params(const sp_model *model)
{
    if (!model->mtp_layers || !model->n_layers)
        return 0;
    const double hidden = model->hidden;
    return sp_block_params(model, &model->kinds[sp_model_mtp_kind(model)], NULL) + 2 * hidden * hidden + 3 * hidden;
}

static void count_layers(const sp_model *model, sp_model_params *p)
{
    for (uint32_t layer = 0; layer < model->n_layers; layer++) {
        const sp_block *block = block_of(model, layer);
        const sp_model_ffn_weights ffn = sp_i_model_ffn_weights(model, &block->ffn);
        const sp_model_weights residual = sp_i_model_residual_weights(model, block);
        const double norm = (double)block->norms * model->hidden * (block->norm_bias ? 2 : 1);
        p->attention += sp_attn_params(model, &block->attn);
        p->norm += norm;
        p->other += sum(residual) - norm;
        p->dense_ffn += sum(ffn.dense);
        p->shared_experts += sum(ffn.shared) + sum(ffn.latent);
        p->router += sum(ffn.router);
        p->experts += sum(ffn.expert) * block->ffn.experts;
        p->active += sum(ffn.expert) * block->ffn.topk;
    }
}

void sp_model_count(const sp_model *model, sp_model_params *out)
{
    assert(model && out);
    sp_model_params p = {0};
    const double hidden = model->hidden;
    count_layers(model, &p);
    p.embedding = model->vocab * hidden + (model->learned_positions ? model->max_positions * hidden : 0);
    p.head = model->tied_embeddings ? 0 : model->vocab * hidden;
    if (model->n_layers)
        p.norm += hidden * (block_of(model, model->n_layers - 1)->norm_bias ? 2 : 1);
    if (model->per_layer_embedding) {
        const double width = (double)model->per_layer_embedding * model->n_layers;
        p.embedding += model->vocab * width;
        p.other += hidden * width + model->per_layer_embedding;
    }
    if (model->hyper_streams)   /* the streams are collapsed once more before the head */
        p.other += (double)model->hyper_streams * model->hyper_streams * hidden + model->hyper_streams + 1;
    p.other += (double)model->extra_params;
    for (uint32_t i = 0; i < model->n_aux; i++)
        p.other += sp_layer_params(&model->aux[i]);
    p.mtp = model->mtp_layers * mtp_params(model);
    const double common = p.embedding + p.head + p.norm + p.attention + p.dense_ffn + p.shared_experts + p.router + p.other;
    p.total = common + p.experts;
    p.active += common - (model->n_layers ? (double)model->extra_params : 0);   /* towers beside the language blocks */
    *out = p;
}

bool sp_model_has_experts(const sp_model *model)
{
    for (uint32_t k = 0; k < model->n_kinds; k++)
        if (model->kinds[k].ffn.kind == SP_FFN_MOE)
            return true;
    return false;
}
