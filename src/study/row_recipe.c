/* What recipes of a product line leave in BF16 of a model whose other products are narrower: blocks of the row's model. */
#include "run_i.h"

#include <string.h>

/* layers_at_end: the last blocks; attention: all blocks that are attention alone. Megatron-Bridge, training/mixed_precision.py
 * (nemotron_3_super_bf16_with_nvfp4_mixed) and perf_recipes/nemotronh/te_quant.cfg; its MXFP8 recipes leave none. */
static const struct { const char *framework, *model, *precision; uint32_t layers_at_end; bool attention; } recipes[] = {
    {"Megatron-Bridge", "nemotron-3-super", "NVFP4", 14, true},
};

uint32_t sp_i_recipe_of(const sp_i_run *run)
{
    for (uint32_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++)
        if (sp_i_word_starts(run->framework, recipes[i].framework) && sp_i_word_starts(run->model, recipes[i].model) &&
            sp_i_word_in(run->precision, recipes[i].precision))
            return i + 1;
    return 0;
}

const sp_model *sp_i_recipe_model(sp_i_ctx *ctx, uint32_t recipe, const sp_model *model)
{
    uint32_t n = model->n_kinds, layers = recipe ? recipes[recipe - 1].layers_at_end : 0;
    if (!recipe || 2 * n > SP_KINDS_MAX)
        return model;
    sp_model *copy = sp_arena_alloc(ctx->arena, 1, sizeof *copy);
    sp_block *kinds = sp_arena_alloc(ctx->arena, 2 * (size_t)n, sizeof *kinds);
    uint8_t *layer_kind = sp_arena_alloc(ctx->arena, model->n_layers, 1);
    if (!copy || !kinds || !layer_kind)
        return NULL;
    for (uint32_t k = 0; k < n; k++) {
        kinds[k] = kinds[n + k] = model->kinds[k];
        kinds[k].wide = kinds[k].wide || (recipes[recipe - 1].attention && kinds[k].attn.kind == SP_ATTN_GQA && kinds[k].ffn.kind == SP_FFN_NONE);
        kinds[n + k].wide = true;
    }
    for (uint32_t l = 0; l < model->n_layers; l++)
        layer_kind[l] = (uint8_t)(model->layer_kind[l] + (l + layers >= model->n_layers ? n : 0));
    *copy = *model;
    copy->kinds = kinds;
    copy->n_kinds = 2 * n;
    copy->layer_kind = layer_kind;
    return copy;
}
