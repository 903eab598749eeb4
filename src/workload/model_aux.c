/* The list of non-language layers of a catalog entry. */
#include "model_i.h"
#include "model_rows.h"

#include <stddef.h>
#include <string.h>

#define LAYERS_MAX 65536u
#define SIZE_MAX_VOXELS 1048576.0
#define ROWS_MAX_LOOKUP 1e12

#define AT(field) offsetof(sp_layer, field)
static const sp_model_row rows[] = {
    {"kind", '!', SP_ROW_SKIP, 0, 0}, {"kernel", '.', SP_ROW_SKIP, 0, 0}, {"stride", '.', SP_ROW_SKIP, 0, 0},
    {"in", '.', SP_ROW_DIMS, AT(in_size), SIZE_MAX_VOXELS}, {"out", '.', SP_ROW_DIMS, AT(out_size), SIZE_MAX_VOXELS},
    {"name", '.', SP_ROW_TEXT, AT(name), 0}, {"repeat", '.', SP_ROW_U32, AT(repeat), 1e6},
    {"trainable", '.', SP_ROW_BOOL, AT(trainable), 0}, {"no_grad", '.', SP_ROW_BOOL, AT(no_grad), 0}, {"bias", '.', SP_ROW_BOOL, AT(bias), 0},
    {"in_c", '.', SP_ROW_U32, AT(in_c), 1e9}, {"out_c", '.', SP_ROW_U32, AT(out_c), 1e9}, {"groups", '.', SP_ROW_U32, AT(groups), 1e6},
    {"queries", '.', SP_ROW_U64, AT(queries), ROWS_MAX_LOOKUP}, {"keys", '.', SP_ROW_U64, AT(keys), ROWS_MAX_LOOKUP},
    {"rows", '.', SP_ROW_U64, AT(rows), ROWS_MAX_LOOKUP}, {"points", '.', SP_ROW_U64, AT(points), ROWS_MAX_LOOKUP},
    {"heads", '.', SP_ROW_U32, AT(heads), 65536}, {"dim", '.', SP_ROW_U32, AT(dim), 1e9}, {"levels", '.', SP_ROW_U32, AT(levels), 65536},
    {"bag", '.', SP_ROW_U32, AT(bag), 1e9}, {"steps", '.', SP_ROW_DOUBLE, AT(steps), 1e9},
    {NULL, 0, SP_ROW_SKIP, 0, 0}};
#undef AT

/* What a kind cannot do without. */
static const char *missing(const sp_layer *layer)
{
    switch (layer->kind) {
    case SP_LAYER_LINEAR:
    case SP_LAYER_MODULATION: return !layer->in_c ? "in_c" : !layer->out_c ? "out_c" : NULL;
    case SP_LAYER_CONV:
    case SP_LAYER_TRANSPOSED_CONV: return !layer->in_c ? "in_c" : !layer->out_c ? "out_c" : !layer->kernel[2] ? "kernel" : !layer->in_size[2] ? "in" : NULL;
    case SP_LAYER_DEPTHWISE:
    case SP_LAYER_POOL: return !layer->out_c ? "out_c" : !layer->kernel[2] ? "kernel" : !layer->in_size[2] ? "in" : NULL;
    case SP_LAYER_UPSAMPLE: return !layer->out_c ? "out_c" : !layer->out_size[2] ? "out" : NULL;
    case SP_LAYER_NORM: return !layer->out_c ? "out_c" : !layer->in_size[2] && !layer->rows ? "in or rows" : NULL;
    case SP_LAYER_ATTENTION:
    case SP_LAYER_CROSS_ATTENTION:
    case SP_LAYER_WINDOW_ATTENTION: return !layer->dim ? "dim" : !layer->heads ? "heads" : !layer->queries ? "queries" : !layer->keys ? "keys" : NULL;
    case SP_LAYER_TEMPORAL_ATTENTION: return !layer->dim ? "dim" : !layer->heads ? "heads" : !layer->queries ? "queries" : !layer->rows ? "rows" : NULL;
    case SP_LAYER_DEFORMABLE_ATTENTION:
        return !layer->dim ? "dim" : !layer->heads ? "heads" : !layer->queries ? "queries" : !layer->keys ? "keys" : !layer->levels ? "levels" : !layer->points ? "points" : NULL;
    case SP_LAYER_VIEW_TRANSFORM: return !layer->in_c ? "in_c" : !layer->out_c ? "out_c" : !layer->levels ? "levels" : !layer->rows ? "rows" : NULL;
    case SP_LAYER_VOXELIZE: return !layer->points ? "points" : NULL;
    case SP_LAYER_SPARSE_CONV: return !layer->in_c ? "in_c" : !layer->out_c ? "out_c" : !layer->kernel[2] ? "kernel" : !layer->points ? "points" : NULL;
    case SP_LAYER_ROI_ALIGN: return !layer->queries ? "queries" : !layer->out_c ? "out_c" : !layer->out_size[2] ? "out" : NULL;
    case SP_LAYER_EMBEDDING_BAG: return !layer->rows ? "rows" : !layer->dim ? "dim" : !layer->bag ? "bag" : NULL;
    case SP_LAYER_INTERACTION: return !layer->queries ? "queries" : !layer->dim ? "dim" : NULL;
    case SP_LAYER_SAMPLER: return layer->steps > 0 ? NULL : "steps";
    default: return NULL;
    }
}

static sp_status read_kind(sp_node map, sp_layer_kind *out, sp_error *err)
{
    const char *names[SP_LAYER_KINDS + 1 - SP_LAYER_LINEAR] = {NULL}, *word;
    for (int kind = SP_LAYER_LINEAR; kind < SP_LAYER_KINDS; kind++)
        names[kind - SP_LAYER_LINEAR] = sp_layer_kind_name((sp_layer_kind)kind);
    sp_node node;
    sp_status status = sp_node_need(map, "kind", &node, err);
    if (status == SP_OK)
        status = sp_node_read_text(node, &word, err);
    if (status != SP_OK)
        return status;
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], word)) {
            *out = (sp_layer_kind)(SP_LAYER_LINEAR + i);
            return SP_OK;
        }
    const char *near = sp_text_nearest(word, names);
    return sp_node_fail(node, SP_E_INVAL, err, "layer kind \"%.48s\": expected %s%s", word, near ? "perhaps " : "one of docs/models/model.md", near ? near : "");
}

/* Output sizes where none are stated: "same" padding, size / stride rounded up; times stride for transposed convolutions. */
static void derive_out_size(sp_layer *layer)
{
    if (layer->out_size[2] || !layer->in_size[2])
        return;
    for (int i = 0; i < 3; i++) {
        const uint32_t stride = layer->stride[i] ? layer->stride[i] : 1;
        layer->out_size[i] = layer->kind == SP_LAYER_TRANSPOSED_CONV ? layer->in_size[i] * stride : (layer->in_size[i] + stride - 1) / stride;
    }
}

static sp_status read_layer(sp_node map, sp_arena *arena, sp_layer *layer, sp_error *err)
{
    layer->repeat = 1;
    layer->trainable = true;
    sp_status status = sp_i_model_rows_read(map, rows, arena, layer, err);
    if (status == SP_OK)
        status = read_kind(map, &layer->kind, err);
    if (status != SP_OK)
        return status;
    const bool deep = layer->in_size[0] > 1;
    sp_node kernel = sp_node_get(map, "kernel"), stride = sp_node_get(map, "stride");
    if (sp_node_is(kernel))
        status = sp_i_model_dims_read(kernel, deep || layer->kind == SP_LAYER_SPARSE_CONV, 65536, layer->kernel, err);
    if (status == SP_OK && sp_node_is(stride))
        status = sp_i_model_dims_read(stride, deep, 4096, layer->stride, err);
    if (status != SP_OK)
        return status;
    if (!layer->repeat)
        return sp_node_fail(sp_node_get(map, "repeat"), SP_E_INVAL, err, "repeat is 0: expected at least 1, or leave the layer out");
    const char *key = missing(layer);
    if (key)
        return sp_node_fail(map, SP_E_INVAL, err, "a layer of kind %s needs %s: add it", sp_layer_kind_name(layer->kind), key);
    if (layer->groups > 1 && (layer->in_c % layer->groups || layer->out_c % layer->groups))
        return sp_node_fail(sp_node_get(map, "groups"), SP_E_INVAL, err, "%u groups do not divide %u and %u channels", layer->groups, layer->in_c, layer->out_c);
    if (layer->heads && layer->dim % layer->heads)
        return sp_node_fail(sp_node_get(map, "heads"), SP_E_INVAL, err, "%u heads do not divide width %u", layer->heads, layer->dim);
    derive_out_size(layer);
    return SP_OK;
}

sp_status sp_i_model_aux_parse(sp_node list, sp_arena *arena, sp_model *model, sp_error *err)
{
    const size_t n = sp_node_count(list);
    if (sp_node_kind_of(list) != SP_NODE_SEQ || n < 1 || n > LAYERS_MAX)
        return sp_node_fail(list, SP_E_INVAL, err, "expected a list of 1 to %u layers", LAYERS_MAX);
    sp_layer *layers = sp_arena_alloc(arena, n, sizeof *layers);
    if (!layers)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %zu layers", n);
    for (size_t i = 0; i < n; i++) {
        sp_status status = read_layer(sp_node_at(list, i), arena, &layers[i], err);
        if (status != SP_OK)
            return status;
    }
    model->aux = layers;
    model->n_aux = (uint32_t)n;
    return SP_OK;
}
