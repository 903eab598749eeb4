/* Reads a Hugging Face config.json: finds the map of the language model, its family, its fields and switches, and checks
 * them against each other while their lines are known. */
#include "hf_i.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Maps that hold the language model inside multimodal configurations. */
static const char *const inner_maps[] = {"text_config", "llm_config", "language_config", NULL};

static sp_node descend(sp_node map, const char *path, size_t length)
{
    char key[96];
    while (length && sp_node_kind_of(map) == SP_NODE_MAP) {
        const char *dot = memchr(path, '.', length);
        size_t part = dot ? (size_t)(dot - path) : length;
        assert(part < sizeof key);
        memcpy(key, path, part);
        key[part] = 0;
        map = sp_node_get(map, key);
        size_t step = dot ? part + 1 : part;
        path += step;
        length -= step;
    }
    return length ? (sp_node){0} : map;
}

sp_node sp_i_hf_find(const sp_hf_config *config, const char *keys)
{
    const sp_node maps[2] = {config->text, config->root};
    for (int m = 0; m < 2; m++) {
        for (const char *at = keys; at; at = strchr(at, '|')) {
            at += *at == '|';
            sp_node found = descend(maps[m], at, strcspn(at, "|"));
            if (sp_node_is(found) && !sp_node_is_null(found))
                return found;
        }
    }
    return (sp_node){0};
}

sp_status sp_i_hf_get(sp_hf_config *config, sp_hf_field field, bool needed)
{
    const char *keys = sp_i_hf_keys(config->family, field);
    const sp_hf_field_info *info = sp_i_hf_field_info(field);
    config->node[field] = strcmp(keys, "-") ? sp_i_hf_find(config, keys) : (sp_node){0};
    if (sp_node_is(config->node[field]))
        return sp_node_read_u32(config->node[field], info->low, info->high, &config->value[field], config->err);
    config->value[field] = (uint32_t)config->family->name[field].fallback;
    if (needed && !config->value[field])
        return sp_node_fail(config->text, SP_E_INVAL, config->err, "no \"%s\" (%s), which a configuration of family %s must state: add it",
                            keys, info->meaning, config->family->model_type);
    return SP_OK;
}

sp_status sp_i_hf_flag(const sp_hf_config *config, const char *key, bool *out)
{
    sp_node node = sp_i_hf_find(config, key);
    return sp_node_is(node) ? sp_node_read_bool(node, out, config->err) : SP_OK;
}

/* A switch of the file: where `key` is stated, it sets (or with `inverted` clears) `traits`. */
static sp_status apply_switch(sp_hf_config *config, const char *key, uint32_t traits, bool inverted)
{
    sp_node node = sp_i_hf_find(config, key);
    if (!sp_node_is(node))
        return SP_OK;
    bool on;
    sp_status status = sp_node_read_bool(node, &on, config->err);
    if (status == SP_OK)
        config->traits = on != inverted ? config->traits | traits : config->traits & ~traits;
    return status;
}

/* YaRN scales queries and keys by what the file says, or by 1 + 0.1 ln factor over the same for all dimensions. */
static sp_status read_yarn(sp_hf_config *config)
{
    sp_node kind = sp_i_hf_find(config, "rope_scaling.rope_type|rope_scaling.type|rope_parameters.rope_type"), node[4];
    static const char *const keys[4] = {"factor", "attention_factor", "mscale", "mscale_all_dim"};
    double value[4] = {1, 0, 0, 0};
    const char *word = sp_node_is(kind) ? sp_node_text(kind) : NULL;
    if (!word || strcmp(word, "yarn") != 0)
        return SP_OK;
    for (size_t i = 0; i < 4; i++) {
        char path[96];
        snprintf(path, sizeof path, "rope_scaling.%s|rope_parameters.%s", keys[i], keys[i]);
        node[i] = sp_i_hf_find(config, path);
        sp_status status = sp_node_is(node[i]) ? sp_node_read_double(node[i], 0, 1e9, &value[i], config->err) : SP_OK;
        if (status != SP_OK)
            return status;
    }
    bool scales = sp_node_is(node[1]) ? value[1] != 1 : value[2] > 0 && value[3] > 0 ? value[2] != value[3] : value[0] > 1;
    config->traits |= scales ? HF_YARN : 0;
    return SP_OK;
}

static sp_status read_switches(sp_hf_config *config)
{
    const uint32_t all = HF_QKV_BIAS | HF_OUT_BIAS | HF_FFN_BIAS | HF_NORM_BIAS, family = config->family->traits;
    /* GLM-4.5 and Qwen put the bias on q, k, v only: their output projection never has one. */
    const uint32_t attention = (family & (HF_QKV_BIAS | HF_OUT_BIAS)) == HF_QKV_BIAS ? HF_QKV_BIAS : HF_QKV_BIAS | HF_OUT_BIAS;
    const struct { const char *key; uint32_t traits; bool inverted, skip; } rows[] = {
        {"tie_word_embeddings", HF_TIED, false, false},
        {"attention_bias", attention, false, false},
        {"mlp_bias", HF_FFN_BIAS, false, false},
        {"use_bias", all, false, (family & HF_MOE) != 0},   /* ERNIE's is about linear layers only and always false */
        {"no_bias", all, true, !(family & HF_NO_BIAS_KEY)},
        {"use_qk_norm", family & HF_QK_NORM_FULL ? HF_QK_NORM_FULL : HF_QK_NORM, false, (family & HF_CHUNKED) != 0}, /* Llama 4's has no weights */
        {"attn_config.qk_ln", HF_QK_NORM_FULL, false, false},
        {"sandwich_norm", HF_NORMS4, false, false},
        {"use_parallel_residual", HF_PARALLEL, false, !(family & HF_PARALLEL)},
        {"learned_pos_emb", HF_LEARNED_POS, false, !(family & HF_LEARNED_POS)},
        {"mla_use_output_gate", HF_OUTPUT_GATE, false, !(family & HF_MLA)},
        {"attn_output_gate", HF_OUTPUT_GATE, false, !(family & HF_OUTPUT_GATE)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sp_status status = rows[i].skip ? SP_OK : apply_switch(config, rows[i].key, rows[i].traits, rows[i].inverted);
        if (status != SP_OK)
            return status;
    }
    sp_node method = sp_i_hf_find(config, "topk_method");   /* DeepSeek-V3's balance without a loss: a bias per expert */
    const char *word = sp_node_is(method) ? sp_node_text(method) : NULL;
    if (word && !strcmp(word, "noaux_tc"))
        config->traits |= HF_ROUTER_BIAS;
    bool alibi = false, rope = false;   /* MPT: either replaces the learned positions */
    sp_status status = sp_i_hf_flag(config, "attn_config.alibi", &alibi);
    if (status == SP_OK)
        status = sp_i_hf_flag(config, "attn_config.rope", &rope);
    if (status == SP_OK)
        status = sp_i_hf_flag(config, "linear_attn_config.use_full_rank_gate", &config->full_rank_gate);
    if (alibi || rope)
        config->traits &= ~(uint32_t)HF_LEARNED_POS;
    return status == SP_OK ? read_yarn(config) : status;
}

/* ---- family ---------------------------------------------------------------------------------------------- */

static void append(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    if (used + strlen(text) + 3 < size)
        snprintf(out + used, size - used, "%s%s", used ? ", " : "", text);
}

/* What a Llama-like reading of an unknown family would lack, and the keys of the file that it would not read. */
static sp_status unknown_family(sp_hf_config *config, sp_node at, const char *model_type)
{
    static const sp_hf_field needed[] = {HF_LAYERS, HF_HIDDEN, HF_HEADS, HF_INNER, HF_VOCAB};
    static const char *const structural[] = {"expert", "lora", "_dim", "layers", "heads", "ratio", "mtp", "topk", "window", "rank", NULL};
    char lacks[200] = "", unread[260] = "";
    config->family = sp_i_hf_family("llama");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!sp_node_is(sp_i_hf_find(config, sp_i_hf_keys(config->family, needed[i]))))
            append(lacks, sizeof lacks, sp_i_hf_keys(config->family, needed[i]));
    for (size_t i = 0; i < sp_node_count(config->text); i++) {
        const char *key = sp_node_key_at(config->text, i);
        bool known = false, matters = false;
        for (int f = 0; f <= HF_VOCAB; f++)
            known = known || sp_i_hf_listed(sp_i_hf_keys(config->family, (sp_hf_field)f), key);
        for (int s = 0; structural[s]; s++)
            matters = matters || strstr(key, structural[s]);
        if (!known && matters)
            append(unread, sizeof unread, key);
    }
    return sp_node_fail(at, SP_E_INVAL, config->err,
                        "unknown model_type \"%.64s\": read as llama it lacks %s and leaves unread %s; `--assume llama` reads it so, or name another known family",
                        model_type, *lacks ? lacks : "nothing", *unread ? unread : "nothing");
}

static sp_status choose_family(sp_hf_config *config, const char *assume)
{
    sp_node inner = sp_node_get(config->text, "model_type"), outer = sp_node_get(config->root, "model_type");
    const sp_node candidates[2] = {inner, outer};
    for (int i = 0; i < 2; i++) {
        const char *word = NULL;
        sp_status status = sp_node_is(candidates[i]) ? sp_node_read_text(candidates[i], &word, config->err) : SP_OK;
        if (status != SP_OK)
            return status;
        config->family = word ? sp_i_hf_family(word) : NULL;
        if (config->family)
            return SP_OK;
    }
    if (assume) {
        config->family = sp_i_hf_family(assume);
        if (config->family)
            return SP_OK;
        return sp_error_set(config->err, SP_E_INVAL, NULL, 0, 0,
                            "assumed family \"%.64s\" is not known: use llama, mixtral, qwen3_moe, deepseek_v3, gpt_oss or another of docs/models/model.md", assume);
    }
    sp_node at = sp_node_is(inner) ? inner : outer;
    if (!sp_node_is(at))
        return sp_node_fail(config->text, SP_E_INVAL, config->err, "no model_type: add one, or read the file with `--assume llama`");
    return unknown_family(config, at, sp_node_text(at));
}

/* ---- fields and how they agree ----------------------------------------------------------------------------- */

static sp_status fail_at(sp_hf_config *config, sp_hf_field field, const char *text, uint32_t limit)
{
    sp_node at = sp_node_is(config->node[field]) ? config->node[field] : config->text;
    return sp_node_fail(at, SP_E_INVAL, config->err, "%s %u %s %u", sp_i_hf_field_info(field)->meaning, config->value[field], text, limit);
}

/* Width of the dense FFN: stated, or as a multiple of the model width (MPT's expansion_ratio; GPT-2 and BLOOM: 4). */
static sp_status read_inner(sp_hf_config *config)
{
    sp_status status = sp_i_hf_get(config, HF_INNER, false);
    if (status != SP_OK || config->traits & HF_MOE || config->value[HF_INNER])
        return status;   /* with experts, a dense layer asks for it where there is one */
    uint32_t ratio = 4;
    sp_node node = sp_i_hf_find(config, "expansion_ratio");
    if (sp_node_is(node))
        status = sp_node_read_u32(node, 1, 64, &ratio, config->err);
    else if (!(config->traits & HF_LEARNED_POS) && !(config->traits & HF_PLAIN_FFN))
        return sp_i_hf_get(config, HF_INNER, true);
    config->value[HF_INNER] = ratio * config->value[HF_HIDDEN];
    return status;
}

static sp_status read_attention(sp_hf_config *config)
{
    const bool mla = config->traits & HF_MLA, v4 = config->traits & HF_V4;
    const struct { sp_hf_field field; bool read, needed; } fields[] = {
        {HF_KV_HEADS, !mla, false}, {HF_HEAD_DIM, !mla, v4},
        {HF_Q_LORA, mla || v4, v4}, {HF_KV_LORA, mla, true}, {HF_NOPE, mla, true}, {HF_ROPE, mla || v4, false}, {HF_V_DIM, mla, true},
        {HF_INDEX_TOPK, mla || v4, v4}, {HF_WINDOW, !mla, v4}, {HF_FULL_EVERY, true, false},
        {HF_O_GROUPS, v4, true}, {HF_O_LORA, v4, true}, {HF_HYPER, v4, false},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        sp_status status = fields[i].read ? sp_i_hf_get(config, fields[i].field, fields[i].needed) : SP_OK;
        if (status != SP_OK)
            return status;
    }
    const bool indexed = config->value[HF_INDEX_TOPK] > 0, linear = config->traits & HF_LINEAR;
    for (int f = HF_INDEX_HEADS; f <= HF_INDEX_DIM && indexed; f++) {
        sp_status status = sp_i_hf_get(config, (sp_hf_field)f, true);
        if (status != SP_OK)
            return status;
    }
    for (int f = HF_LIN_HEADS; f <= HF_LIN_CONV && linear; f++) {
        sp_status status = sp_i_hf_get(config, (sp_hf_field)f, true);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status check_attention(sp_hf_config *config)
{
    uint32_t *v = config->value;
    if (config->traits & HF_MLA)
        return SP_OK;   /* num_key_value_heads and head_dim mean nothing with MLA: GLM-5's head_dim is the rope part */
    if (!v[HF_KV_HEADS])
        v[HF_KV_HEADS] = v[HF_HEADS];
    if (v[HF_HEADS] % v[HF_KV_HEADS])
        return fail_at(config, HF_KV_HEADS, "do not divide the number of query heads,", v[HF_HEADS]);
    if (!v[HF_HEAD_DIM] && v[HF_HIDDEN] % v[HF_HEADS])
        return fail_at(config, HF_HEADS, "do not divide the model width (and no head_dim is stated),", v[HF_HIDDEN]);
    if (!v[HF_HEAD_DIM])
        v[HF_HEAD_DIM] = v[HF_HIDDEN] / v[HF_HEADS];
    if (v[HF_O_GROUPS] && v[HF_HEADS] % v[HF_O_GROUPS])
        return fail_at(config, HF_O_GROUPS, "do not divide the number of query heads,", v[HF_HEADS]);
    return SP_OK;
}

static sp_status read_experts(sp_hf_config *config)
{
    uint32_t *v = config->value;
    if (config->traits & HF_GEMMA4) {
        bool on = false;
        sp_status status = sp_i_hf_flag(config, "enable_moe_block", &on);
        if (status != SP_OK || !on)
            return status;
    }
    sp_status status = config->traits & HF_MOE ? sp_i_hf_get(config, HF_EXPERTS, false) : SP_OK;
    if (status != SP_OK || !v[HF_EXPERTS])
        return status;
    static const struct { sp_hf_field field; bool needed; } fields[] = {
        {HF_TOPK, true}, {HF_EXPERT_INNER, true}, {HF_SHARED, false}, {HF_SHARED_INNER, false}, {HF_EXPERT_HIDDEN, false}, {HF_FIRST_DENSE, false}, {HF_MOE_STEP, false}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && status == SP_OK; i++)
        status = sp_i_hf_get(config, fields[i].field, fields[i].needed);
    if (status != SP_OK)
        return status;
    if (v[HF_TOPK] > v[HF_EXPERTS])
        return fail_at(config, HF_TOPK, "for each token exceed the number of experts,", v[HF_EXPERTS]);
    if (v[HF_FIRST_DENSE] > v[HF_LAYERS] && sp_node_is(config->node[HF_FIRST_DENSE]))
        return fail_at(config, HF_FIRST_DENSE, "exceed the number of layers,", v[HF_LAYERS]);
    if (!v[HF_SHARED_INNER]) {
        uint64_t width = (uint64_t)v[HF_SHARED] * v[HF_EXPERT_INNER];
        if (width > 1048576)
            return fail_at(config, HF_SHARED, "times the width of an expert exceeds", 1048576);
        v[HF_SHARED_INNER] = (uint32_t)width;
    }
    return SP_OK;
}

static sp_status read_fields(sp_hf_config *config)
{
    static const struct { sp_hf_field field; bool needed; } first[] = {
        {HF_LAYERS, true}, {HF_HIDDEN, true}, {HF_HEADS, true}, {HF_VOCAB, true}, {HF_POSITIONS, false}, {HF_MTP, false}};
    sp_status status = SP_OK;
    for (size_t i = 0; i < sizeof first / sizeof first[0] && status == SP_OK; i++)
        status = sp_i_hf_get(config, first[i].field, first[i].needed || (first[i].field == HF_POSITIONS && config->traits & HF_LEARNED_POS));
    for (int f = HF_GLOBAL_HEAD_DIM; f <= HF_KV_SHARED && status == SP_OK && config->traits & HF_GEMMA4; f++)
        status = sp_i_hf_get(config, (sp_hf_field)f, false);
    if (status == SP_OK)
        status = read_inner(config);
    if (status == SP_OK)
        status = read_attention(config);
    if (status == SP_OK)
        status = check_attention(config);
    return status == SP_OK ? read_experts(config) : status;
}

/* Precision of the published weights: what the quantization says, else the type of the checkpoint. */
static sp_status weight_format(const sp_hf_config *config, sp_arena *arena, const char **out)
{
    sp_node node = sp_i_hf_find(config, "expert_dtype|quantization_config.quant_method|dtype|torch_dtype");
    const char *word = NULL;
    sp_status status = sp_node_is(node) ? sp_node_read_text(node, &word, config->err) : SP_OK;
    if (status != SP_OK || !word)
        return status;
    word = !strcmp(word, "bfloat16") ? "bf16" : !strcmp(word, "float16") ? "fp16" : !strcmp(word, "float32") ? "fp32" : word;
    *out = sp_arena_strdup(arena, word);
    return *out ? SP_OK : sp_error_set(config->err, SP_E_NOMEM, NULL, 0, 0, "no memory for the model");
}

sp_status sp_i_hf_parse(sp_node root, const char *assume, sp_arena *arena, sp_model *model, sp_error *err)
{
    sp_hf_config config = {.root = root, .text = root, .err = err};
    for (int i = 0; inner_maps[i]; i++)
        if (sp_node_kind_of(sp_node_get(root, inner_maps[i])) == SP_NODE_MAP)
            config.text = sp_node_get(root, inner_maps[i]);
    sp_status status = choose_family(&config, assume);
    if (status != SP_OK)
        return status;
    config.traits = config.family->traits;
    status = read_switches(&config);
    if (status == SP_OK)
        status = read_fields(&config);
    if (status != SP_OK)
        return status;
    const uint32_t *v = config.value;
    model->family = sp_arena_strdup(arena, config.family->model_type);
    model->source = sp_arena_printf(arena, "%s", sp_doc_name(root.doc));
    if (!model->family || !model->source)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the model");
    model->hidden = v[HF_HIDDEN];
    model->vocab = v[HF_VOCAB];
    model->max_positions = v[HF_POSITIONS];
    model->n_layers = v[HF_LAYERS];
    model->mtp_layers = v[HF_MTP];
    model->tied_embeddings = config.traits & HF_TIED;
    model->learned_positions = config.traits & HF_LEARNED_POS;
    model->hyper_streams = v[HF_HYPER];
    model->per_layer_embedding = v[HF_PLE_VOCAB] ? v[HF_PLE] : 0;
    status = weight_format(&config, arena, &model->weight_format);
    return status == SP_OK ? sp_i_hf_layers(&config, arena, model) : status;
}
