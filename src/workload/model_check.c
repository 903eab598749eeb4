/* The invariants of a model, and the table of its different blocks. */
#include "model_i.h"

#include <string.h>

sp_status sp_i_model_kind_index(sp_model_kinds *kinds, const sp_block *block, uint8_t *out)
{
    for (uint32_t i = 0; i < kinds->n; i++)
        if (!memcmp(&kinds->kind[i], block, sizeof *block)) {
            *out = (uint8_t)i;
            return SP_OK;
        }
    if (kinds->n == SP_KINDS_MAX)
        return SP_E_RANGE;
    memcpy(&kinds->kind[kinds->n], block, sizeof *block);
    *out = (uint8_t)kinds->n++;
    return SP_OK;
}

static const char *attention_fault(const sp_attn *attn)
{
    if (attn->kind == SP_ATTN_NONE)
        return NULL;
    if (!attn->heads || !attn->kv_heads || !attn->d_qk || !attn->d_v)
        return "attention has no heads or heads of size 0";
    if (attn->heads % attn->kv_heads)
        return "the key-value heads do not divide the query heads";
    if (attn->d_rope > attn->d_qk)
        return "the rotary part is larger than the head";
    if (attn->kind == SP_ATTN_MLA && !attn->kv_lora)
        return "latent attention has no key-value rank";
    if (attn->kind == SP_ATTN_MLA && attn->kv_heads != attn->heads)
        return "latent attention has fewer key-value heads than heads";
    if (attn->k_eq_v && attn->d_qk != attn->d_v)
        return "keys cannot serve as values of another size";
    if (attn->index_topk && (!attn->index_heads || !attn->index_dim))
        return "sparse attention has an indexer without heads";
    if (attn->o_groups && (attn->heads % attn->o_groups || !attn->o_lora))
        return "the groups of the output projection do not divide the heads, or have no rank";
    if (attn->compress > 1 && !attn->window)
        return "compressed attention has no window beside it";
    if (attn->chunked && !attn->window)
        return "chunked attention has no chunk";
    return NULL;
}

static const char *ffn_fault(const sp_ffn *ffn)
{
    if (ffn->kind == SP_FFN_DENSE)
        return ffn->inner ? NULL : "a dense FFN has no width";
    if (ffn->kind == SP_FFN_NONE)
        return NULL;
    if (!ffn->experts || !ffn->expert_inner)
        return "an MoE layer has no experts or experts of width 0";
    if (!ffn->topk || ffn->topk > ffn->experts)
        return "a token uses no expert or more experts than there are";
    return ffn->dense_parallel && !ffn->inner ? "the dense FFN beside the experts has no width" : NULL;
}

/* Latent attention goes into TP with its latents, and experts with each token alone: neither shares the FFN's way in. */
static const char *side_by_side_fault(const sp_block *block)
{
    bool can = (block->attn.kind == SP_ATTN_GQA || block->attn.kind == SP_ATTN_LINEAR) && block->ffn.kind == SP_FFN_DENSE;
    return block->parallel && !can ? "parallel: expected gqa or linear attention beside a dense FFN" : NULL;
}

static sp_status fault(const sp_model *model, sp_error *err, const char *where, uint32_t index, const char *what)
{
    return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "model %s, %s %u: %s", model->name ? model->name : "without a name", where, index, what);
}

sp_status sp_model_check(const sp_model *model, sp_error *err)
{
    if (!model->n_layers && !model->n_aux)
        return fault(model, err, "layers", 0, "there are none; expected a stack of blocks or a list of layers");
    if (model->n_layers > SP_LAYERS_MAX)
        return fault(model, err, "layers", model->n_layers, "more than 4096");
    if (model->n_layers && (!model->hidden || !model->vocab))
        return fault(model, err, "width", model->hidden, "the model width or the vocabulary is 0");
    if (model->n_layers && (!model->kinds || !model->layer_kind || !model->n_kinds || model->n_kinds > SP_KINDS_MAX))
        return fault(model, err, "kinds", model->n_kinds, "expected 1 to 64 kinds of blocks");
    if (model->learned_positions && !model->max_positions)
        return fault(model, err, "positions", 0, "learned positions need max_positions");
    if (model->mtp_layers && !model->n_layers)
        return fault(model, err, "mtp", model->mtp_layers, "multi-token prediction needs blocks");
    if (model->mtp_block > model->n_kinds)
        return fault(model, err, "mtp_block", model->mtp_block, "that kind does not exist");
    for (uint32_t layer = 0; layer < model->n_layers; layer++)
        if (model->layer_kind[layer] >= model->n_kinds)
            return fault(model, err, "layer", layer, "its kind does not exist");
    for (uint32_t kind = 0; kind < model->n_kinds; kind++) {
        const char *what = attention_fault(&model->kinds[kind].attn);
        what = what ? what : ffn_fault(&model->kinds[kind].ffn);
        what = what ? what : side_by_side_fault(&model->kinds[kind]);
        if (what)
            return fault(model, err, "block", kind, what);
    }
    for (uint32_t i = 0; i < model->n_aux; i++) {
        const sp_layer *layer = &model->aux[i];
        if ((unsigned)layer->kind >= SP_LAYER_KINDS || layer->kind <= SP_LAYER_HEAD)
            return fault(model, err, "layer", i, "its kind belongs to the stack of blocks or is unknown");
        if (!layer->repeat)
            return fault(model, err, "layer", i, "it is repeated 0 times");
    }
    return SP_OK;
}
