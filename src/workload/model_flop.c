/* Forward FLOPs of a model (docs/models/model.md, "FLOPs"): 2 per multiply-add of a matrix product. */
#include "model_i.h"

#include <assert.h>

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Mean over the positions of a sequence of n of min(position, limit): the average row of a causal band. */
static double band_mean(double n, double limit)
{
    return limit >= n ? n / 2 : limit - limit * limit / (2 * n);
}

/* Whole chunks see half of their length on average, a last partial one half of its own. */
static double chunk_mean(double n, double chunk)
{
    if (chunk >= n)
        return n / 2;
    const double whole = (double)(uint64_t)(n / chunk), rest = n - whole * chunk;
    return (whole * chunk * chunk + rest * rest) / (2 * n);
}

double sp_attn_keys_mean(const sp_attn *attn, uint64_t seq)
{
    const double n = (double)seq;
    if (!seq || attn->kind == SP_ATTN_NONE || attn->kind == SP_ATTN_LINEAR)
        return 0;
    if (attn->compress > 1) {   /* the window, and the compressed past cut at top-k */
        const double past = n / attn->compress;
        return band_mean(n, (double)attn->window) + (attn->index_topk ? band_mean(past, attn->index_topk) : past / 2);
    }
    if (attn->chunked && attn->window)
        return chunk_mean(n, (double)attn->window);
    double limit = attn->window ? (double)attn->window : n;
    if (attn->index_topk)
        limit = smaller(limit, attn->index_topk);
    return band_mean(n, limit);
}

/* FLOPs of scores and weighted sums for one token: what grows with the sequence. */
static double score_flop(const sp_attn *attn, uint64_t seq)
{
    if (attn->kind == SP_ATTN_NONE || !seq)
        return 0;
    if (attn->kind == SP_ATTN_LINEAR)   /* a state of d_qk x d_v a head: read, corrected, written (delta rule) */
        return 2.0 * 3.0 * attn->heads * attn->d_qk * attn->d_v;
    double flop = 2.0 * attn->heads * ((double)attn->d_qk + attn->d_v) * sp_attn_keys_mean(attn, seq);
    if (attn->index_topk) {   /* the indexer looks at every (compressed) key before it chooses */
        const double keys = (double)seq / (attn->compress > 1 ? attn->compress : 1) / 2;
        flop += 2.0 * attn->index_heads * attn->index_dim * keys;
    }
    return flop;
}

double sp_block_flop_per_token(const sp_model *model, const sp_block *block, uint64_t seq, double *score)
{
    const sp_model_ffn_weights ffn = sp_i_model_ffn_weights(model, &block->ffn);
    const double grows = score_flop(&block->attn, seq);
    if (score)
        *score = grows;
    return grows + 2 * (sp_i_model_attn_weights(model, &block->attn).matrix + sp_i_model_residual_weights(model, block).matrix +
                        ffn.dense.matrix + ffn.shared.matrix + ffn.router.matrix + ffn.latent.matrix + ffn.expert.matrix * block->ffn.topk);
}

static double head_flop(const sp_model *model)
{
    return 2.0 * model->hidden * model->vocab;
}

double sp_model_flop_per_token(const sp_model *model, uint64_t seq)
{
    assert(model);
    if (!model->n_layers)
        return 0;
    double per_kind[SP_KINDS_MAX], flop = head_flop(model);
    assert(model->n_kinds <= SP_KINDS_MAX);
    for (uint32_t kind = 0; kind < model->n_kinds; kind++)
        per_kind[kind] = sp_block_flop_per_token(model, &model->kinds[kind], seq, NULL);
    for (uint32_t layer = 0; layer < model->n_layers; layer++)
        flop += per_kind[model->layer_kind[layer]];
    if (model->per_layer_embedding)
        flop += 2.0 * model->hidden * model->per_layer_embedding * model->n_layers;
    return flop;
}

double sp_model_mtp_flop_per_token(const sp_model *model, uint64_t seq)
{
    if (!model->n_layers || !model->mtp_layers)
        return 0;
    const sp_block *block = &model->kinds[sp_model_mtp_kind(model)];
    const double projection = 4.0 * model->hidden * model->hidden;
    return model->mtp_layers * (projection + sp_block_flop_per_token(model, block, seq, NULL) + head_flop(model));
}

double sp_model_flop_per_sample(const sp_model *model)
{
    double flop = 0;
    for (uint32_t i = 0; i < model->n_aux; i++)
        flop += sp_layer_flop(&model->aux[i]);
    return flop;
}
