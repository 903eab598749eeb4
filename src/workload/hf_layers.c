/* From the fields of a configuration to one block per layer: which layers see a window, which have experts. */
#include "hf_i.h"
#include "model_i.h"

#include <string.h>

typedef enum layer_type { LAYER_FULL, LAYER_LOCAL, LAYER_LINEAR } layer_type;

/* Lists of a configuration that speak of single layers. */
typedef struct layer_lists { sp_node types, mlp_types, mlp_only, moe_layers, ratios, full_linear; bool late_window; uint32_t late_from; } layer_lists;

static sp_status list_of(sp_hf_config *config, const char *key, uint32_t need, sp_node *out)
{
    sp_node node = sp_i_hf_find(config, key);
    if (!sp_node_is(node))
        return SP_OK;
    if (sp_node_kind_of(node) != SP_NODE_SEQ)
        return sp_node_fail(node, SP_E_PARSE, config->err, "%s is not a list: expected one entry per layer, or leave it out", key);
    if (sp_node_count(node) < need)
        return sp_node_fail(node, SP_E_INVAL, config->err, "%s has %zu entries for %u layers: expected one per layer", key, sp_node_count(node), need);
    *out = node;
    return SP_OK;
}

static sp_status find_lists(sp_hf_config *config, layer_lists *lists)
{
    const uint32_t layers = config->value[HF_LAYERS];
    sp_status status = list_of(config, "layer_types", layers, &lists->types);
    if (status == SP_OK)
        status = list_of(config, "mlp_layer_types", layers, &lists->mlp_types);
    if (status == SP_OK)
        status = list_of(config, "mlp_only_layers", 0, &lists->mlp_only);
    if (status == SP_OK && config->traits & HF_CHUNKED)
        status = list_of(config, "moe_layers", 0, &lists->moe_layers);
    if (status == SP_OK && config->traits & HF_V4)
        status = list_of(config, "compress_ratios", layers, &lists->ratios);
    if (status == SP_OK && config->traits & HF_LINEAR)
        status = list_of(config, "linear_attn_config.full_attn_layers", 0, &lists->full_linear);
    if (status != SP_OK || !(config->traits & HF_WINDOW_LATE))
        return status;
    sp_node from = sp_i_hf_find(config, "max_window_layers");
    status = sp_i_hf_flag(config, "use_sliding_window", &lists->late_window);
    return status == SP_OK && sp_node_is(from) ? sp_node_read_u32(from, 0, SP_LAYERS_MAX, &lists->late_from, config->err) : status;
}

/* Is `number` among the entries of the list? */
static sp_status listed(sp_hf_config *config, sp_node list, uint32_t number, bool *out)
{
    *out = false;
    for (size_t i = 0; i < sp_node_count(list); i++) {
        uint32_t entry;
        sp_status status = sp_node_read_u32(sp_node_at(list, i), 0, SP_LAYERS_MAX, &entry, config->err);
        if (status != SP_OK)
            return status;
        *out = *out || entry == number;
    }
    return SP_OK;
}

static sp_status read_layer_type(sp_hf_config *config, sp_node node, layer_type *out)
{
    static const struct { const char *word; layer_type type; } words[] = {
        {"full_attention", LAYER_FULL}, {"attention", LAYER_FULL}, {"sliding_attention", LAYER_LOCAL}, {"chunked_attention", LAYER_LOCAL},
        {"linear_attention", LAYER_LINEAR}};
    const char *word;
    sp_status status = sp_node_read_text(node, &word, config->err);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word)) {
            *out = words[i].type;
            return SP_OK;
        }
    return sp_node_fail(node, SP_E_INVAL, config->err,
                        "layer type \"%.48s\": expected full_attention, sliding_attention, chunked_attention or linear_attention", word);
}

static sp_status attention_type(sp_hf_config *config, const layer_lists *lists, uint32_t layer, layer_type *out)
{
    const uint32_t every = config->value[HF_FULL_EVERY], traits = config->traits;
    *out = LAYER_FULL;
    if (traits & HF_LINEAR && sp_node_is(lists->full_linear)) {   /* Kimi Linear counts layers from 1 */
        bool full;
        sp_status status = listed(config, lists->full_linear, layer + 1, &full);
        *out = full ? LAYER_FULL : LAYER_LINEAR;
        return status;
    }
    if (sp_node_is(lists->types) && !(traits & (HF_MLA | HF_V4)))
        return read_layer_type(config, sp_node_at(lists->types, layer), out);
    if (traits & HF_LINEAR && every)
        *out = (layer + 1) % every ? LAYER_LINEAR : LAYER_FULL;
    else if (traits & HF_WINDOW_ALL)
        *out = LAYER_LOCAL;
    else if (traits & HF_WINDOW_LATE && lists->late_window && layer >= lists->late_from)
        *out = LAYER_LOCAL;
    else if (traits & HF_WINDOW_MIX && every && (layer + 1) % every)
        *out = LAYER_LOCAL;
    if (traits & HF_GEMMA4 && layer + 1 == config->value[HF_LAYERS])
        *out = LAYER_FULL;
    return SP_OK;
}

static sp_status has_experts(sp_hf_config *config, const layer_lists *lists, uint32_t layer, bool *out)
{
    const uint32_t *v = config->value;
    const uint32_t step = v[HF_MOE_STEP] ? v[HF_MOE_STEP] : 1;
    *out = false;
    if (!v[HF_EXPERTS])
        return SP_OK;
    if (sp_node_is(lists->mlp_types)) {
        const char *word;
        sp_status status = sp_node_read_text(sp_node_at(lists->mlp_types, layer), &word, config->err);
        *out = status == SP_OK && strcmp(word, "dense");
        return status;
    }
    if (sp_node_is(lists->moe_layers))
        return listed(config, lists->moe_layers, layer, out);
    bool plain = false;
    sp_status status = listed(config, lists->mlp_only, layer, &plain);
    *out = !plain && layer >= v[HF_FIRST_DENSE] && !((config->traits & HF_STEP_END ? layer + 1 : layer) % step);
    return status;
}

/* ---- blocks ----------------------------------------------------------------------------------------------- */

static void fill_mla(const sp_hf_config *config, sp_attn *attn)
{
    const uint32_t *v = config->value;
    attn->kind = SP_ATTN_MLA;
    attn->kv_heads = v[HF_HEADS];
    attn->d_qk = v[HF_NOPE] + v[HF_ROPE];
    attn->d_v = v[HF_V_DIM];
    attn->d_rope = v[HF_ROPE];
    attn->kv_lora = v[HF_KV_LORA];
    attn->output_gate = config->traits & HF_OUTPUT_GATE;
}

static void fill_gqa(const sp_hf_config *config, layer_type type, sp_attn *attn)
{
    const uint32_t *v = config->value;
    attn->kind = SP_ATTN_GQA;
    attn->kv_heads = v[HF_KV_HEADS];
    attn->d_qk = attn->d_v = v[HF_HEAD_DIM];
    attn->qk_norm = config->traits & HF_QK_NORM;
    attn->qk_norm_all = config->traits & HF_QK_NORM_FULL;
    attn->sinks = config->traits & HF_SINKS;
    attn->yarn = (config->traits & (HF_YARN | HF_V4)) == HF_YARN;   /* what DeepSeek-V4 does is not known */
    attn->output_gate = config->traits & HF_OUTPUT_GATE;
    if (type == LAYER_LOCAL || config->traits & HF_V4) {
        attn->window = v[HF_WINDOW];
        attn->chunked = config->traits & HF_CHUNKED && v[HF_WINDOW];
    }
}

static void fill_linear(const sp_hf_config *config, sp_attn *attn)
{
    const uint32_t *v = config->value;
    const bool kimi = config->traits & HF_MLA;   /* Kimi delta attention: decay, and output gate unless full, through the head size */
    memset(attn, 0, sizeof *attn);   /* blocks are compared byte by byte */
    attn->kind = SP_ATTN_LINEAR;
    attn->heads = v[HF_LIN_HEADS];
    attn->kv_heads = v[HF_LIN_KV_HEADS];
    attn->d_qk = v[HF_LIN_QK];
    attn->d_v = v[HF_LIN_V];
    attn->conv = v[HF_LIN_CONV];
    attn->output_gate = true;
    attn->q_lora = kimi ? v[HF_LIN_V] : 0;
    attn->kv_lora = kimi && !config->full_rank_gate ? v[HF_LIN_V] : 0;
}

/* Gemma 4: global layers have larger heads, fewer of them for keys, and may use the keys as values; the last layers reuse
 * the keys and values of earlier ones. */
static sp_status fill_gemma4(sp_hf_config *config, layer_type type, uint32_t layer, sp_block *block)
{
    const uint32_t *v = config->value;
    bool k_eq_v = false, wide = false;
    sp_status status = sp_i_hf_flag(config, "attention_k_eq_v", &k_eq_v);
    if (status == SP_OK)
        status = sp_i_hf_flag(config, "use_double_wide_mlp", &wide);
    if (type == LAYER_FULL) {
        block->attn.d_qk = block->attn.d_v = v[HF_GLOBAL_HEAD_DIM];
        block->attn.k_eq_v = k_eq_v;
        if (k_eq_v && v[HF_GLOBAL_KV_HEADS])
            block->attn.kv_heads = v[HF_GLOBAL_KV_HEADS];
    }
    if (v[HF_KV_SHARED] && layer + v[HF_KV_SHARED] >= v[HF_LAYERS]) {
        block->attn.kv_shared = true;
        if (wide)
            block->ffn.inner *= 2;
    }
    return status;
}

static sp_status fill_attention(sp_hf_config *config, const layer_lists *lists, layer_type type, uint32_t layer, sp_attn *attn)
{
    const uint32_t *v = config->value;
    attn->heads = v[HF_HEADS];
    attn->q_lora = v[HF_Q_LORA];
    if (config->traits & HF_MLA)
        fill_mla(config, attn);
    else
        fill_gqa(config, type, attn);
    attn->bias = config->traits & HF_QKV_BIAS;
    attn->out_bias = config->traits & HF_OUT_BIAS;
    uint32_t ratio = 0;
    if (config->traits & HF_V4) {
        attn->k_eq_v = true;
        attn->d_rope = v[HF_ROPE];
        attn->o_groups = v[HF_O_GROUPS];
        attn->o_lora = v[HF_O_LORA];
        if (!sp_node_is(lists->ratios))
            return sp_node_fail(config->text, SP_E_INVAL, config->err, "no \"compress_ratios\" (0, 4 or 128 for each layer): add it");
        sp_status status = sp_node_read_u32(sp_node_at(lists->ratios, layer), 0, 1048576, &ratio, config->err);
        if (status != SP_OK)
            return status;
        attn->compress = ratio;
    }
    /* DeepSeek-V4 puts the indexer on the finely compressed layers only (ratio 4), V3.2 and GLM-5 on every layer. */
    if (v[HF_INDEX_TOPK] && (!(config->traits & HF_V4) || ratio == 4)) {
        attn->index_heads = v[HF_INDEX_HEADS];
        attn->index_dim = v[HF_INDEX_DIM];
        attn->index_topk = v[HF_INDEX_TOPK];
    }
    if (type == LAYER_LINEAR)
        fill_linear(config, attn);
    return SP_OK;
}

static void fill_ffn(const sp_hf_config *config, bool experts, sp_ffn *ffn)
{
    const uint32_t *v = config->value;
    ffn->kind = experts ? SP_FFN_MOE : SP_FFN_DENSE;
    ffn->gated = !(config->traits & HF_PLAIN_FFN);
    ffn->bias = config->traits & HF_FFN_BIAS;
    if (!experts || config->traits & HF_GEMMA4)
        ffn->inner = v[HF_INNER];
    if (!experts)
        return;
    ffn->dense_parallel = config->traits & HF_GEMMA4;
    ffn->experts = v[HF_EXPERTS];
    ffn->topk = v[HF_TOPK];
    ffn->expert_inner = v[HF_EXPERT_INNER];
    ffn->expert_hidden = v[HF_EXPERT_HIDDEN];
    ffn->shared_inner = v[HF_SHARED_INNER];
    ffn->shared_gate = config->traits & HF_SHARED_GATE && v[HF_SHARED_INNER];
    ffn->router_bias = config->traits & HF_ROUTER_BIAS;
}

static sp_status fill_block(sp_hf_config *config, const layer_lists *lists, uint32_t layer, sp_block *block)
{
    layer_type type;
    bool experts;
    sp_status status = attention_type(config, lists, layer, &type);
    if (status == SP_OK)
        status = has_experts(config, lists, layer, &experts);
    if (status == SP_OK)
        status = fill_attention(config, lists, type, layer, &block->attn);
    if (status != SP_OK)
        return status;
    fill_ffn(config, experts, &block->ffn);
    if (!experts && !block->ffn.inner)
        return sp_i_hf_get(config, HF_INNER, true);
    /* Gemma 4's expert layers have three norms more: around the experts and after the dense part. */
    block->norms = (config->traits & HF_NORMS4 ? 4 : 2) + (block->ffn.dense_parallel ? 3 : 0);
    block->norm_bias = config->traits & HF_NORM_BIAS;
    block->parallel = config->traits & HF_PARALLEL;
    return config->traits & HF_GEMMA4 ? fill_gemma4(config, type, layer, block) : SP_OK;
}

sp_status sp_i_hf_layers(sp_hf_config *config, sp_arena *arena, sp_model *model)
{
    layer_lists lists = {0};
    sp_status status = find_lists(config, &lists);
    if (status != SP_OK)
        return status;
    sp_model_kinds *kinds = sp_arena_alloc(arena, 1, sizeof *kinds);
    uint8_t *layer_kind = sp_arena_alloc(arena, model->n_layers, 1);
    if (!kinds || !layer_kind)
        return sp_error_set(config->err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u layers", model->n_layers);
    for (uint32_t layer = 0; layer < model->n_layers; layer++) {
        sp_block block;
        memset(&block, 0, sizeof block);
        status = fill_block(config, &lists, layer, &block);
        if (status == SP_OK && sp_i_model_kind_index(kinds, &block, &layer_kind[layer]) != SP_OK)
            status = sp_node_fail(config->text, SP_E_RANGE, config->err, "more than %u different layers: expected a repeating pattern", SP_KINDS_MAX);
        if (status != SP_OK)
            return status;
    }
    model->kinds = kinds->kind;
    model->n_kinds = kinds->n;
    model->layer_kind = layer_kind;
    return SP_OK;
}
