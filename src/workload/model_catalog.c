/* Catalog entries of models (docs/models/model.md, "Catalog entries"): named blocks, and the order they are stacked in. */
#include "model_i.h"
#include "model_rows.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 1048576.0
#define COUNT_MAX 65536.0
#define TOKENS_MAX 1073741824.0
#define PARAMS_MAX 1e18

#define AT(field) offsetof(sp_attn, field)
static const sp_model_row attn_rows[] = {
    {"kind", '!', SP_ROW_SKIP, 0, 0}, {"d", '.', SP_ROW_SKIP, 0, 0},
    {"heads", '!', SP_ROW_U32, AT(heads), COUNT_MAX}, {"kv_heads", '.', SP_ROW_U32, AT(kv_heads), COUNT_MAX},
    {"d_qk", '.', SP_ROW_U32, AT(d_qk), COUNT_MAX}, {"d_v", '.', SP_ROW_U32, AT(d_v), COUNT_MAX}, {"d_rope", '.', SP_ROW_U32, AT(d_rope), COUNT_MAX},
    {"q_lora", '.', SP_ROW_U32, AT(q_lora), WIDTH_MAX}, {"kv_lora", '.', SP_ROW_U32, AT(kv_lora), WIDTH_MAX},
    {"window", '.', SP_ROW_U64, AT(window), TOKENS_MAX}, {"chunked", '.', SP_ROW_BOOL, AT(chunked), 0},
    {"index_heads", '.', SP_ROW_U32, AT(index_heads), COUNT_MAX}, {"index_dim", '.', SP_ROW_U32, AT(index_dim), COUNT_MAX},
    {"index_topk", '.', SP_ROW_U32, AT(index_topk), TOKENS_MAX},
    {"bias", '.', SP_ROW_BOOL, AT(bias), 0}, {"out_bias", '.', SP_ROW_BOOL, AT(out_bias), 0},
    {"qk_norm", '.', SP_ROW_BOOL, AT(qk_norm), 0}, {"qk_norm_all", '.', SP_ROW_BOOL, AT(qk_norm_all), 0},
    {"output_gate", '.', SP_ROW_BOOL, AT(output_gate), 0}, {"sinks", '.', SP_ROW_BOOL, AT(sinks), 0}, {"yarn", '.', SP_ROW_BOOL, AT(yarn), 0},
    {"k_eq_v", '.', SP_ROW_BOOL, AT(k_eq_v), 0}, {"kv_shared", '.', SP_ROW_BOOL, AT(kv_shared), 0},
    {"o_groups", '.', SP_ROW_U32, AT(o_groups), COUNT_MAX}, {"o_lora", '.', SP_ROW_U32, AT(o_lora), WIDTH_MAX},
    {"compress", '.', SP_ROW_U32, AT(compress), WIDTH_MAX}, {"conv", '.', SP_ROW_U32, AT(conv), 1024},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
#undef AT

#define AT(field) offsetof(sp_ffn, field)
static const sp_model_row ffn_rows[] = {
    {"inner", '!', SP_ROW_U32, AT(inner), WIDTH_MAX}, {"gated", '.', SP_ROW_BOOL, AT(gated), 0}, {"bias", '.', SP_ROW_BOOL, AT(bias), 0},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
static const sp_model_row moe_rows[] = {
    {"experts", '!', SP_ROW_U32, AT(experts), COUNT_MAX}, {"topk", '!', SP_ROW_U32, AT(topk), COUNT_MAX},
    {"inner", '!', SP_ROW_U32, AT(expert_inner), WIDTH_MAX}, {"shared_inner", '.', SP_ROW_U32, AT(shared_inner), WIDTH_MAX},
    {"dense_inner", '.', SP_ROW_U32, AT(inner), WIDTH_MAX}, {"expert_hidden", '.', SP_ROW_U32, AT(expert_hidden), WIDTH_MAX}, {"gated", '.', SP_ROW_BOOL, AT(gated), 0}, {"bias", '.', SP_ROW_BOOL, AT(bias), 0},
    {"shared_gate", '.', SP_ROW_BOOL, AT(shared_gate), 0}, {"router_bias", '.', SP_ROW_BOOL, AT(router_bias), 0},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
#undef AT

#define AT(field) offsetof(sp_block, field)
static const sp_model_row block_rows[] = {
    {"attention", '.', SP_ROW_SKIP, 0, 0}, {"ffn", '.', SP_ROW_SKIP, 0, 0}, {"moe", '.', SP_ROW_SKIP, 0, 0},
    {"norms", '.', SP_ROW_U32, AT(norms), 16}, {"norm_bias", '.', SP_ROW_BOOL, AT(norm_bias), 0}, {"bf16", '.', SP_ROW_BOOL, AT(wide), 0},
    {"parallel", '.', SP_ROW_BOOL, AT(parallel), 0},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
#undef AT

#define AT(field) offsetof(sp_model, field)
static const sp_model_row model_rows[] = {
    {"name", '!', SP_ROW_TEXT, AT(name), 0}, {"source", '!', SP_ROW_TEXT, AT(source), 0}, {"note", '.', SP_ROW_TEXT, AT(note), 0},
    {"hidden", '.', SP_ROW_U32, AT(hidden), WIDTH_MAX}, {"vocab", '.', SP_ROW_U32, AT(vocab), 67108864.0},
    {"max_positions", '.', SP_ROW_U32, AT(max_positions), TOKENS_MAX}, {"tied_embeddings", '.', SP_ROW_BOOL, AT(tied_embeddings), 0},
    {"learned_positions", '.', SP_ROW_BOOL, AT(learned_positions), 0}, {"mtp", '.', SP_ROW_U32, AT(mtp_layers), 64}, {"mtp_block", '.', SP_ROW_SKIP, 0, 0},
    {"per_layer_embedding", '.', SP_ROW_U32, AT(per_layer_embedding), WIDTH_MAX}, {"hyper_streams", '.', SP_ROW_U32, AT(hyper_streams), 64},
    {"extra_params", '.', SP_ROW_U64, AT(extra_params), PARAMS_MAX}, {"weight_format", '.', SP_ROW_TEXT, AT(weight_format), 0},
    {"training", '.', SP_ROW_SKIP, 0, 0}, {"published", '.', SP_ROW_SKIP, 0, 0}, {"blocks", '.', SP_ROW_SKIP, 0, 0},
    {"stack", '.', SP_ROW_SKIP, 0, 0}, {"layers", '.', SP_ROW_SKIP, 0, 0},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
static const sp_model_row training_rows[] = {
    {"seq", '.', SP_ROW_U64, AT(default_seq), TOKENS_MAX}, {"gbs", '.', SP_ROW_U64, AT(default_gbs), TOKENS_MAX},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
static const sp_model_row published_rows[] = {
    {"params", '.', SP_ROW_DOUBLE, AT(published_params), PARAMS_MAX}, {"rounding", '.', SP_ROW_DOUBLE, AT(published_rounding), PARAMS_MAX},
    {"active", '.', SP_ROW_DOUBLE, AT(published_active), PARAMS_MAX}, {"flop", '.', SP_ROW_DOUBLE, AT(published_flop), 1e24},
    {"source", '!', SP_ROW_TEXT, AT(published_source), 0},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
#undef AT

/* ---- blocks ------------------------------------------------------------------------------------------------ */

static sp_status read_attn_kind(sp_node node, sp_attn_kind *out, sp_error *err)
{
    static const struct { const char *word; sp_attn_kind kind; } words[] = {
        {"gqa", SP_ATTN_GQA}, {"mla", SP_ATTN_MLA}, {"linear", SP_ATTN_LINEAR}};
    const char *word;
    sp_status status = sp_node_read_text(node, &word, err);
    for (size_t i = 0; i < sizeof words / sizeof words[0] && status == SP_OK; i++)
        if (!strcmp(words[i].word, word)) {
            *out = words[i].kind;
            return SP_OK;
        }
    return status != SP_OK ? status : sp_node_fail(node, SP_E_INVAL, err, "attention kind \"%.32s\": expected gqa (also for MHA and MQA), mla or linear", word);
}

static sp_status read_attention(sp_node map, sp_arena *arena, sp_attn *attn, sp_error *err)
{
    sp_status status = sp_i_model_rows_read(map, attn_rows, arena, attn, err);
    if (status == SP_OK)
        status = read_attn_kind(sp_node_get(map, "kind"), &attn->kind, err);
    sp_node both = sp_node_get(map, "d");
    if (status == SP_OK && sp_node_is(both)) {
        status = sp_node_read_u32(both, 1, 65536, &attn->d_qk, err);
        attn->d_v = attn->d_qk;
    }
    if (status != SP_OK)
        return status;
    if (!attn->kv_heads)
        attn->kv_heads = attn->heads;
    if (!attn->d_qk || !attn->d_v)
        return sp_node_fail(map, SP_E_INVAL, err, "no size of a head: add d, or d_qk and d_v");
    if (attn->heads % attn->kv_heads)
        return sp_node_fail(sp_node_get(map, "kv_heads"), SP_E_INVAL, err, "%u key-value heads do not divide %u heads", attn->kv_heads, attn->heads);
    return SP_OK;
}

static sp_status read_ffn(sp_node block, sp_arena *arena, sp_ffn *ffn, sp_error *err)
{
    sp_node dense = sp_node_get(block, "ffn"), moe = sp_node_get(block, "moe");
    if (sp_node_is(dense) && sp_node_is(moe))
        return sp_node_fail(moe, SP_E_INVAL, err, "both ffn and moe: state one (a dense FFN beside experts is moe's dense_inner)");
    ffn->gated = true;
    ffn->kind = sp_node_is(moe) ? SP_FFN_MOE : sp_node_is(dense) ? SP_FFN_DENSE : SP_FFN_NONE;
    if (ffn->kind == SP_FFN_NONE)
        return SP_OK;
    sp_status status = sp_i_model_rows_read(sp_node_is(moe) ? moe : dense, sp_node_is(moe) ? moe_rows : ffn_rows, arena, ffn, err);
    if (status == SP_OK && ffn->kind == SP_FFN_MOE) {
        ffn->dense_parallel = ffn->inner > 0;
        if (ffn->topk > ffn->experts)
            return sp_node_fail(sp_node_get(moe, "topk"), SP_E_INVAL, err, "top-%u of %u experts: expected at most the number of experts", ffn->topk, ffn->experts);
    }
    return status;
}

static sp_status read_block(sp_node node, sp_arena *arena, sp_block *block, sp_error *err)
{
    memset(block, 0, sizeof *block);
    block->norms = 2;
    sp_status status = sp_i_model_rows_read(node, block_rows, arena, block, err);
    sp_node attention = sp_node_get(node, "attention");
    if (status == SP_OK && sp_node_is(attention))
        status = read_attention(attention, arena, &block->attn, err);
    return status == SP_OK ? read_ffn(node, arena, &block->ffn, err) : status;
}

/* ---- stack -------------------------------------------------------------------------------------------------- */

typedef struct stack {
    sp_node blocks;               /* named blocks; index = kind */
    uint8_t kind[SP_LAYERS_MAX];
    uint32_t n;
    sp_error *err;
} stack;

static sp_status push(stack *s, sp_node at, uint32_t times, uint8_t kind)
{
    if (times > SP_LAYERS_MAX - s->n)
        return sp_node_fail(at, SP_E_RANGE, s->err, "more than %u layers", SP_LAYERS_MAX);
    memset(s->kind + s->n, kind, times);
    s->n += times;
    return SP_OK;
}

/* "dense" or "58 moe" */
static sp_status push_word(stack *s, sp_node node)
{
    const char *text;
    sp_status status = sp_node_read_text(node, &text, s->err);
    if (status != SP_OK)
        return status;
    unsigned long times = 1;
    if (text[0] >= '0' && text[0] <= '9') {
        char *end;
        times = strtoul(text, &end, 10);
        if (*end != ' ' || times < 1 || times > SP_LAYERS_MAX)
            return sp_node_fail(node, SP_E_PARSE, s->err, "\"%.48s\": expected a block's name, or a count from 1 to %u and a name (\"58 moe\")", text, SP_LAYERS_MAX);
        text = end + strspn(end, " ");
    }
    for (size_t i = 0; i < sp_node_count(s->blocks); i++)
        if (!strcmp(sp_node_key_at(s->blocks, i), text))
            return push(s, node, (uint32_t)times, (uint8_t)i);
    return sp_node_fail(node, SP_E_NOTFOUND, s->err, "no block is called \"%.48s\": expected a name under blocks", text);
}

static sp_status push_list(stack *s, sp_node list)
{
    if (sp_node_kind_of(list) != SP_NODE_SEQ)
        return push_word(s, list);
    for (size_t i = 0; i < sp_node_count(list); i++) {
        sp_status status = push_word(s, sp_node_at(list, i));
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* {times: 6, of: [5 local, full]} */
static sp_status push_group(stack *s, sp_node map)
{
    static const char *const keys[] = {"times", "of", NULL};
    sp_node times_node, of;
    uint32_t times;
    sp_status status = sp_node_only_keys(map, keys, s->err);
    if (status == SP_OK)
        status = sp_node_need(map, "times", &times_node, s->err);
    if (status == SP_OK)
        status = sp_node_read_u32(times_node, 1, SP_LAYERS_MAX, &times, s->err);
    if (status == SP_OK)
        status = sp_node_need(map, "of", &of, s->err);
    for (uint32_t i = 0; status == SP_OK && i < times; i++)
        status = push_list(s, of);
    return status;
}

static sp_status read_stack(sp_node list, stack *s)
{
    if (sp_node_kind_of(list) != SP_NODE_SEQ)
        return sp_node_fail(list, SP_E_PARSE, s->err, "expected a list such as [3 dense, 58 moe]");
    for (size_t i = 0; i < sp_node_count(list); i++) {
        sp_node item = sp_node_at(list, i);
        sp_status status = sp_node_kind_of(item) == SP_NODE_MAP ? push_group(s, item) : push_word(s, item);
        if (status != SP_OK)
            return status;
    }
    return s->n ? SP_OK : sp_node_fail(list, SP_E_INVAL, s->err, "the stack is empty: expected at least one block");
}

static sp_status no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the model");
}

/* The block of the modules that predict further tokens, where it is not that of the last layer. */
static sp_status read_mtp_block(sp_node root, sp_node blocks, sp_model *model, sp_error *err)
{
    sp_node name = sp_node_get(root, "mtp_block");
    const char *word;
    if (!sp_node_is(name))
        return SP_OK;
    sp_status status = sp_node_read_text(name, &word, err);
    for (size_t i = 0; i < sp_node_count(blocks) && status == SP_OK; i++)
        if (strcmp(sp_node_key_at(blocks, i), word) == 0) {
            model->mtp_block = (uint32_t)i + 1;
            return SP_OK;
        }
    return status != SP_OK ? status : sp_node_fail(name, SP_E_INVAL, err, "no block is called \"%.32s\": expected one of blocks", word);
}

static sp_status read_blocks(sp_node root, sp_arena *arena, sp_model *model, sp_error *err)
{
    sp_node blocks, list = sp_node_get(root, "stack");
    sp_status status = sp_node_need(root, "blocks", &blocks, err);
    if (status != SP_OK)
        return status;
    const size_t n = sp_node_count(blocks);
    if (sp_node_kind_of(blocks) != SP_NODE_MAP || n < 1 || n > SP_KINDS_MAX)
        return sp_node_fail(blocks, SP_E_INVAL, err, "expected a map of 1 to %u named blocks", SP_KINDS_MAX);
    sp_block *kinds = sp_arena_alloc(arena, n, sizeof *kinds);
    stack *s = sp_arena_alloc(arena, 1, sizeof *s);
    if (!kinds || !s)
        return no_memory(err);
    for (size_t i = 0; i < n && status == SP_OK; i++)
        status = read_block(sp_node_at(blocks, i), arena, &kinds[i], err);
    s->blocks = blocks;
    s->err = err;
    if (status == SP_OK)
        status = read_stack(list, s);
    if (status != SP_OK)
        return status;
    uint8_t *layer_kind = sp_arena_alloc(arena, s->n, 1);
    if (!layer_kind)
        return no_memory(err);
    memcpy(layer_kind, s->kind, s->n);
    model->n_kinds = (uint32_t)n;
    model->kinds = kinds;
    model->n_layers = s->n;
    model->layer_kind = layer_kind;
    return read_mtp_block(root, blocks, model, err);
}

sp_status sp_i_model_catalog_parse(sp_node root, sp_arena *arena, sp_model *model, sp_error *err)
{
    sp_node stack_node = sp_node_get(root, "stack"), layers = sp_node_get(root, "layers");
    if (!sp_node_is(stack_node) && !sp_node_is(layers))
        return sp_node_fail(root, SP_E_PARSE, err,
                            "not a model: found neither model_type (a Hugging Face config.json) nor stack or layers (a catalog entry)");
    sp_status status = sp_i_model_rows_read(root, model_rows, arena, model, err);
    sp_node training = sp_node_get(root, "training"), published = sp_node_get(root, "published");
    if (status == SP_OK && sp_node_is(training))
        status = sp_i_model_rows_read(training, training_rows, arena, model, err);
    if (status == SP_OK && sp_node_is(published))
        status = sp_i_model_rows_read(published, published_rows, arena, model, err);
    if (status == SP_OK && sp_node_is(stack_node)) {
        if (!model->hidden || !model->vocab)
            return sp_node_fail(root, SP_E_INVAL, err, "no \"%s\": a stack of blocks needs it", model->hidden ? "vocab" : "hidden");
        status = read_blocks(root, arena, model, err);
    }
    if (status == SP_OK && sp_node_is(layers))
        status = sp_i_model_aux_parse(layers, arena, model, err);
    model->family = "catalog";
    return status;
}
