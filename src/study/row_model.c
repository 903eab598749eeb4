/* The model of a row: the catalog's entry of that name where its shape agrees with what the row states (with the row's
 * number of layers: proxies run fewer), else a transformer built from the row's own columns; what the columns leave open
 * comes from the architecture family that the name tells. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS "columns of the row"
#define VOCAB_GUESS 50304u   /* guess: GPT-2's vocabulary rounded up, of a model that states none; from memory, unverified */

/* One row an architecture family, the first that the squeezed name starts with. Facts of the families' published
 * configurations (Hugging Face config.json, Megatron-LM and MindFormers model files). */
typedef struct family_row {
    const char *start;
    bool gated, tied, bias, qkv_bias, learned_positions;
    uint32_t kv_heads;    /* 0: as many as heads */
    uint32_t head_dim;    /* 0: hidden / heads   */
    uint32_t vocab;
} family_row;

static const family_row families[] = {
    {"mpt", false, true, false, false, true, 0, 0, 50368},
    {"megascale", false, true, true, true, true, 0, 0, 64000},
    {"gpt2", false, true, true, true, true, 0, 0, 50257},
    {"gpt", false, true, true, true, true, 0, 0, 51200},
    {"bloom", false, true, true, true, false, 0, 0, 250880},
    {"pangualpha", false, true, true, true, true, 0, 0, 40000},
    {"nemotron", false, false, false, false, false, 8, 0, 256000},
    {"maxtext", true, false, false, false, false, 0, 128, 32000},
    {"codellama", true, false, false, false, false, 8, 0, 32000},
    {"llama3", true, false, false, false, false, 8, 0, 128256},
    {"llama", true, false, false, false, false, 0, 0, 32000},
    {"baichuan2", true, false, false, false, false, 0, 0, 125696},
    {"internlm2", true, false, false, false, false, 8, 0, 92544},
    {"internlm", true, false, true, true, false, 0, 0, 103168},
    {"qwen3", true, false, false, false, false, 8, 128, 151936},
    {"qwen", true, false, false, true, false, 0, 0, 152064},
    {"glm4", true, false, false, true, false, 2, 0, 151552},
    {"glm", true, false, false, true, false, 2, 0, 65024},
    {"yi", true, false, false, false, false, 8, 0, 64000},
    {"mixtral", true, false, false, false, false, 8, 0, 32000},
    {"mistral", true, false, false, false, false, 8, 0, 32000},
    {"gemma", true, true, false, false, false, 0, 256, 256000},
    {"grok", true, true, false, false, false, 8, 128, 131072},
    {"minicpm", true, true, false, false, false, 0, 0, 122753},
    {"telechat", true, false, false, false, false, 8, 0, 131072},
    {"deepseek", true, false, false, false, false, 8, 0, 102400},
};

static const family_row *family_of(const char *name)
{
    char squeezed[96];
    sp_i_word_squeeze(name, false, squeezed, sizeof squeezed);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strncmp(squeezed, families[i].start, strlen(families[i].start)) == 0)
            return &families[i];
    return NULL;
}

static bool agrees(double stated, double model) { return !sp_i_num_set(stated) || stated == model; }

/* Hidden size and heads as the row has them (layers may differ: a proxy). */
static bool shape_agrees(const sp_i_run *run, const sp_model *model)
{
    if (model->n_layers == 0 || !agrees(run->num[SP_N_HIDDEN], model->hidden))
        return false;
    for (uint32_t k = 0; k < model->n_kinds; k++)
        if ((model->kinds[k].attn.kind == SP_ATTN_GQA || model->kinds[k].attn.kind == SP_ATTN_MLA) &&
            !agrees(run->num[SP_N_HEADS], model->kinds[k].attn.heads))
            return false;
    return true;
}

const sp_model *sp_i_row_entry(sp_i_ctx *ctx, const char *name)
{
    const char *path = NULL;
    const sp_model *model = sp_i_row_cache_get(&ctx->models, name);
    sp_error err;
    if (model)
        return model;
    if (sp_catalog_model_path(ctx->catalog, name, &path, &err) != SP_OK || sp_model_load(path, NULL, ctx->arena, &model, &err) != SP_OK)
        return NULL;
    sp_i_row_cache_put(ctx, &ctx->models, name, model);
    return model;
}

static const sp_model *entry_of_shape(sp_i_ctx *ctx, const sp_i_run *run, const char *name)
{
    const sp_model *model = name ? sp_i_row_entry(ctx, name) : NULL;
    return model && shape_agrees(run, model) ? model : NULL;
}

/* The same model with `layers` blocks: the first ones of its stack, so that leading dense layers stay. */
static const sp_model *with_layers(sp_i_ctx *ctx, const sp_model *model, uint32_t layers)
{
    sp_model *copy = sp_arena_alloc(ctx->arena, 1, sizeof *copy);
    uint8_t *kind = sp_arena_alloc(ctx->arena, layers, sizeof *kind);
    if (!copy || !kind)
        return NULL;
    for (uint32_t i = 0; i < layers; i++)
        kind[i] = model->layer_kind[i < model->n_layers ? i : model->n_layers - 1];
    *copy = *model;
    copy->n_layers = layers;
    copy->layer_kind = kind;
    copy->name = sp_arena_printf(ctx->arena, "%s/%u layers", model->name, layers);
    copy->published_params = copy->published_active = 0;
    return copy;
}

static uint32_t round_up(double x, uint32_t to) { return (uint32_t)ceil(x / to) * to; }

static sp_block block_of(const sp_i_run *run, const family_row *family)
{
    uint32_t hidden = sp_i_num_count(run->num[SP_N_HIDDEN], 0), heads = sp_i_num_count(run->num[SP_N_HEADS], 0);
    uint32_t head_dim = family->head_dim ? family->head_dim : hidden / heads;
    sp_block block;
    memset(&block, 0, sizeof block);
    block.norms = 2;
    block.norm_bias = family->bias;
    block.attn.kind = SP_ATTN_GQA;
    block.attn.heads = heads;
    block.attn.kv_heads = sp_i_num_count(run->num[SP_N_KV_HEADS], family->kv_heads ? family->kv_heads : heads);
    block.attn.d_qk = block.attn.d_v = head_dim;
    block.attn.bias = family->qkv_bias;
    block.attn.out_bias = family->bias;
    block.ffn.gated = family->gated;
    block.ffn.bias = family->bias;
    /* Llama's rule: 8/3 of the width up to a multiple of 256; 4 x for the others (GPT). */
    uint32_t inner = sp_i_num_count(run->num[SP_N_FFN], family->gated ? round_up(8.0 / 3 * hidden, 256) : 4 * hidden);
    uint32_t experts = sp_i_num_count(run->num[SP_N_EXPERTS], 0);
    if (experts > 1) {
        block.ffn.kind = SP_FFN_MOE;
        block.ffn.experts = experts;
        block.ffn.topk = sp_i_num_count(run->num[SP_N_TOPK], 2);
        block.ffn.expert_inner = sp_i_num_count(run->num[SP_N_MOE_FFN], inner);
    } else {
        block.ffn.kind = SP_FFN_DENSE;
        block.ffn.inner = inner;
    }
    return block;
}

static sp_model column_shape(const sp_i_run *run, const family_row *family, sp_block *kind, uint8_t *layer_kind, uint32_t layers)
{
    sp_model model;
    memset(&model, 0, sizeof model);
    memset(layer_kind, 0, layers);
    *kind = block_of(run, family);
    model.family = "catalog";
    model.source = COLUMNS;
    model.hidden = sp_i_num_count(run->num[SP_N_HIDDEN], 0);
    model.vocab = sp_i_num_count(run->num[SP_N_VOCAB], family->vocab);
    model.max_positions = sp_i_num_count(run->num[SP_N_SEQ], 2048);
    model.tied_embeddings = family->tied;
    model.learned_positions = family->learned_positions;
    model.n_layers = layers;
    model.n_kinds = 1;
    model.kinds = kind;
    model.layer_kind = layer_kind;
    return model;
}

/* A decoder of no known family: without biases; its feed-forward part, where the row states how many parameters there are, is the one
 * that comes nearer to them, else plain at GPT's 4 x the width and gated at any other. *why says which. */
static family_row unknown_family(const sp_i_run *run, uint8_t *layer_kind, uint32_t layers, const char **why)
{
    family_row way[2] = {{.start = "", .gated = false, .vocab = VOCAB_GUESS}, {.start = "", .gated = true, .vocab = VOCAB_GUESS}};
    double stated = run->num[SP_N_PARAMS_B] * 1e9, away[2];
    for (int gated = 0; gated < 2; gated++) {
        sp_block kind;
        sp_model model = column_shape(run, &way[gated], &kind, layer_kind, layers);
        sp_model_params params;
        sp_model_count(&model, &params);
        away[gated] = fabs(params.total - stated);
    }
    bool has_count = sp_i_num_set(stated) && stated > 0 && sp_i_num_set(run->num[SP_N_FFN]);
    bool gated = has_count ? away[1] < away[0] : run->num[SP_N_FFN] != 4 * run->num[SP_N_HIDDEN];
    *why = has_count ? "nearer to the parameters stated" : gated ? "its width is not 4 x the model's" : "its width is 4 x the model's";
    return way[gated];
}

static bool column_model(sp_i_ctx *ctx, const sp_i_run *run, const sp_model **out)
{
    const family_row *known = family_of(run->model);
    uint32_t layers = sp_i_num_count(run->num[SP_N_LAYERS], 0);
    uint32_t hidden = sp_i_num_count(run->num[SP_N_HIDDEN], 0), heads = sp_i_num_count(run->num[SP_N_HEADS], 0);
    if (!layers || !hidden || !heads)
        return sp_i_row_refuse(ctx, "model '%s' is not in the catalog and the row does not give its layers, hidden size and heads",
                           run->model);
    if (layers > SP_LAYERS_MAX || hidden % heads)
        return sp_i_row_refuse(ctx, "model '%s': %u layers, hidden %u, %u heads make no transformer", run->model, layers, hidden, heads);
    sp_model *model = sp_arena_alloc(ctx->arena, 1, sizeof *model);
    sp_block *kinds = sp_arena_alloc(ctx->arena, 1, sizeof *kinds);
    uint8_t *layer_kind = sp_arena_alloc(ctx->arena, layers, sizeof *layer_kind);
    if (!model || !kinds || !layer_kind)
        return sp_i_row_refuse(ctx, "no memory for a model");
    const char *why = NULL;
    family_row family = known ? *known : unknown_family(run, layer_kind, layers, &why);
    *model = column_shape(run, &family, kinds, layer_kind, layers);
    model->name = sp_arena_strdup(ctx->arena, run->model);
    if (why)
        model->note = sp_arena_printf(ctx->arena, "'%s' is of no known family: a decoder by the row's columns, %s feed-forward (%s), vocabulary %u", run->model,
                                      family.gated ? "gated" : "plain", why, model->vocab);
    sp_error err;
    if (sp_model_check(model, &err) != SP_OK)
        return sp_i_row_refuse(ctx, "model '%s': %s", run->model, err.text);
    *out = model;
    return true;
}

/* Multi-token prediction: Megatron-Bridge trains DeepSeek's module unless the row says so; the others leave it out. */
static const sp_model *settle_mtp(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model)
{
    if (model->mtp_layers == 0 || (sp_i_word_starts(run->framework, "Megatron-Bridge") && !sp_i_word_in(run->other, "w/o MTP")))
        return model;
    sp_model *copy = sp_arena_alloc(ctx->arena, 1, sizeof *copy);
    if (!copy)
        return model;
    *copy = *model;
    copy->mtp_layers = 0;
    return copy;
}

/* The entry that the row's name and shape mean: by its whole name, else, for a row with a shape, by how it starts; NULL: none. */
static const sp_model *named_model(sp_i_ctx *ctx, const sp_i_run *run)
{
    const sp_model *model = entry_of_shape(ctx, run, sp_i_row_name(ctx, run->model));
    if (!model && sp_i_num_set(run->num[SP_N_LAYERS]) && sp_i_num_set(run->num[SP_N_HIDDEN]))
        model = entry_of_shape(ctx, run, sp_i_row_name_start(ctx, run->model));
    return model;
}

/* Attention and FFN beside each other, of models that have them so: not in Megatron-LM, and in MegaScale's ablation from its second row on. */
static bool side_by_side(const sp_i_run *run)
{
    if (sp_i_word_starts(run->framework, "MegaScale"))
        return sp_i_megascale_has(run->other, "parallel transformer");
    return !sp_i_word_starts(run->framework, "Megatron-LM");
}

static const sp_model *settle_blocks(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model)
{
    if (side_by_side(run))
        return model;
    sp_model *copy = sp_arena_alloc(ctx->arena, 1, sizeof *copy);
    sp_block *kinds = sp_arena_alloc(ctx->arena, model->n_kinds, sizeof *kinds);
    if (!copy || !kinds)
        return NULL;
    *copy = *model;
    memcpy(kinds, model->kinds, model->n_kinds * sizeof *kinds);
    for (uint32_t k = 0; k < model->n_kinds; k++)
        kinds[k].parallel = false;
    copy->kinds = kinds;
    return copy;
}

static void model_key(const sp_i_run *run, bool mtp, uint32_t recipe, char *out, size_t out_size)
{
    static const sp_i_num used[] = {SP_N_PARAMS_B, SP_N_LAYERS, SP_N_HIDDEN, SP_N_HEADS, SP_N_KV_HEADS, SP_N_FFN, SP_N_EXPERTS, SP_N_TOPK,
                                    SP_N_MOE_FFN, SP_N_VOCAB, SP_N_SEQ};
    size_t n = (size_t)snprintf(out, out_size, "row %.80s %d %d %u", run->model, mtp, side_by_side(run), recipe);
    for (size_t i = 0; i < sizeof used / sizeof used[0] && n < out_size; i++)
        n += (size_t)snprintf(out + n, out_size - n, " %g", run->num[used[i]]);
}

static bool make_model(sp_i_ctx *ctx, const sp_i_run *run, uint32_t recipe, const sp_model **out)
{
    const sp_model *model = named_model(ctx, run);
    if (!model && !column_model(ctx, run, &model))
        return false;
    uint32_t layers = sp_i_num_count(run->num[SP_N_LAYERS], model->n_layers);
    if (layers != model->n_layers && layers <= SP_LAYERS_MAX)
        model = with_layers(ctx, model, layers);
    if (!model)
        return sp_i_row_refuse(ctx, "no memory for a model");
    model = settle_blocks(ctx, run, settle_mtp(ctx, run, model));
    if (!model)
        return sp_i_row_refuse(ctx, "no memory for a model");
    model = sp_i_recipe_model(ctx, recipe, model);
    if (!model)
        return sp_i_row_refuse(ctx, "no memory for a model");
    *out = model;
    return true;
}

bool sp_i_row_model(sp_i_ctx *ctx, const sp_i_run *run, const sp_model **out)
{
    char key[384];
    bool mtp = sp_i_word_starts(run->framework, "Megatron-Bridge") && !sp_i_word_in(run->other, "w/o MTP");
    uint32_t recipe = sp_i_recipe_of(run);
    model_key(run, mtp, recipe, key, sizeof key);
    *out = sp_i_row_cache_get(&ctx->models, key);
    if (!*out) {
        if (!make_model(ctx, run, recipe, out))
            return false;
        sp_i_row_cache_put(ctx, &ctx->models, key, *out);
    }
    if ((*out)->note && strcmp((*out)->source, COLUMNS) == 0)
        sp_i_row_assume(ctx, "%s", (*out)->note);
    return true;
}
