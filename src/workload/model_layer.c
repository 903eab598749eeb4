/* The layer vocabulary beyond language blocks: names, parameters and FLOPs by kind (docs/models/model.md, "Layers"). */
#include "model_i.h"

#include <assert.h>
#include <math.h>

static const char *const kind_names[SP_LAYER_KINDS] = {
    [SP_LAYER_EMBEDDING] = "embedding", [SP_LAYER_BLOCK] = "block", [SP_LAYER_HEAD] = "head",
    [SP_LAYER_LINEAR] = "linear", [SP_LAYER_CONV] = "conv", [SP_LAYER_DEPTHWISE] = "depthwise",
    [SP_LAYER_TRANSPOSED_CONV] = "transposed_conv", [SP_LAYER_UPSAMPLE] = "upsample", [SP_LAYER_POOL] = "pool", [SP_LAYER_NORM] = "norm",
    [SP_LAYER_ATTENTION] = "attention", [SP_LAYER_WINDOW_ATTENTION] = "window_attention", [SP_LAYER_CROSS_ATTENTION] = "cross_attention",
    [SP_LAYER_TEMPORAL_ATTENTION] = "temporal_attention", [SP_LAYER_DEFORMABLE_ATTENTION] = "deformable_attention",
    [SP_LAYER_VIEW_TRANSFORM] = "view_transform", [SP_LAYER_VOXELIZE] = "voxelize", [SP_LAYER_SPARSE_CONV] = "sparse_conv",
    [SP_LAYER_ROI_ALIGN] = "roi_align", [SP_LAYER_EMBEDDING_BAG] = "embedding_bag", [SP_LAYER_INTERACTION] = "interaction",
    [SP_LAYER_MODULATION] = "modulation", [SP_LAYER_SAMPLER] = "sampler", [SP_LAYER_HOST_SYNC] = "host_sync"};

const char *sp_layer_kind_name(sp_layer_kind kind)
{
    return (unsigned)kind < SP_LAYER_KINDS ? kind_names[kind] : "unknown";
}

static double volume(const uint32_t dims[3])
{
    return (double)dims[0] * dims[1] * dims[2];
}

static double groups_of(const sp_layer *layer)
{
    return layer->groups ? layer->groups : 1;
}

/* Width of the context that keys and values are made of: stated, or the layer's own. */
static double context_width(const sp_layer *layer)
{
    return layer->in_c ? layer->in_c : layer->dim;
}

/* Projections of an attention layer: q and output d x d, k and v context x d. */
static double attention_params(const sp_layer *layer)
{
    const double d = layer->dim;
    return 2 * d * d + 2 * context_width(layer) * d + (layer->bias ? 4 * d : 0);
}

static double deformable_params(const sp_layer *layer)
{
    const double d = layer->dim, samples = (double)layer->heads * layer->levels * (double)layer->points;
    return 2 * d * d + 3 * d * samples + (layer->bias ? 2 * d + 3 * samples : 0);
}

/* DCNv2 cross layers: two matrices of rank out_c and a bias each; a dot interaction has none. */
static double interaction_params(const sp_layer *layer)
{
    const double width = (double)layer->queries * layer->dim;
    return layer->out_c ? layer->levels * (2 * width * layer->out_c + width) : 0;
}

static double params_once(const sp_layer *layer)
{
    const double in = layer->in_c, out = layer->out_c, bias = layer->bias ? out : 0;
    switch (layer->kind) {
    case SP_LAYER_LINEAR:
    case SP_LAYER_MODULATION: return in * out + bias;
    case SP_LAYER_CONV:
    case SP_LAYER_TRANSPOSED_CONV: return in * out / groups_of(layer) * volume(layer->kernel) + bias;
    case SP_LAYER_SPARSE_CONV: return in * out * volume(layer->kernel) + bias;
    case SP_LAYER_DEPTHWISE: return out * volume(layer->kernel) + bias;
    case SP_LAYER_NORM: return (layer->bias ? 2.0 : 1.0) * out;
    case SP_LAYER_ATTENTION:
    case SP_LAYER_CROSS_ATTENTION:
    case SP_LAYER_TEMPORAL_ATTENTION: return attention_params(layer);
    case SP_LAYER_WINDOW_ATTENTION: {   /* with Swin's table of relative positions: (2 w - 1)^2 per head */
        const double side = 2 * sqrt((double)layer->keys) - 1;
        return attention_params(layer) + layer->heads * side * side;
    }
    case SP_LAYER_DEFORMABLE_ATTENTION: return deformable_params(layer);
    case SP_LAYER_VIEW_TRANSFORM: return in * (layer->levels + out);
    case SP_LAYER_VOXELIZE: return in * out + 2 * out;   /* the pillar network's linear layer and norm; out_c 0: none */
    case SP_LAYER_EMBEDDING_BAG: return (double)layer->rows * layer->dim;
    case SP_LAYER_INTERACTION: return interaction_params(layer);
    default: return 0;
    }
}

static double attention_flop(const sp_layer *layer, double queries, double keys_seen, double keys_made)
{
    const double d = layer->dim;
    return 4 * queries * keys_seen * d + 4 * queries * d * d + 4 * keys_made * context_width(layer) * d;
}

static double deformable_flop(const sp_layer *layer)
{
    const double d = layer->dim, q = (double)layer->queries;
    const double samples = (double)layer->heads * layer->levels * (double)layer->points;
    const double tap = layer->heads ? 8 * d / layer->heads + 10 : 0;   /* 4 taps of d / heads, 2 each, and the weights */
    return 2 * d * d * (q + (double)layer->keys) + 6 * q * d * samples + q * samples * tap;
}

static double flop_once(const sp_layer *layer)
{
    const double in = layer->in_c, out = layer->out_c, q = (double)layer->queries, k = (double)layer->keys;
    const double rows = layer->rows ? (double)layer->rows : 1;
    switch (layer->kind) {
    case SP_LAYER_LINEAR:
    case SP_LAYER_MODULATION: return 2 * rows * in * out;
    case SP_LAYER_CONV: return 2 * volume(layer->out_size) * in * out / groups_of(layer) * volume(layer->kernel);
    case SP_LAYER_TRANSPOSED_CONV: return 2 * volume(layer->in_size) * in * out / groups_of(layer) * volume(layer->kernel);
    case SP_LAYER_DEPTHWISE: return 2 * volume(layer->out_size) * out * volume(layer->kernel);
    case SP_LAYER_SPARSE_CONV: return 2 * (double)layer->points * in * out;
    case SP_LAYER_ATTENTION:
    case SP_LAYER_CROSS_ATTENTION: return attention_flop(layer, q, k, k);
    case SP_LAYER_WINDOW_ATTENTION: return attention_flop(layer, q, k, q);
    case SP_LAYER_TEMPORAL_ATTENTION: return rows * attention_flop(layer, q, k ? k : q, k ? k : q);
    case SP_LAYER_DEFORMABLE_ATTENTION: return deformable_flop(layer);
    case SP_LAYER_VIEW_TRANSFORM: return 2 * rows * (in * (layer->levels + out) + layer->levels * out);
    case SP_LAYER_VOXELIZE: return 2 * (double)layer->points * in * out;
    case SP_LAYER_ROI_ALIGN: return 8 * q * volume(layer->out_size) * out;   /* 4 taps, 2 each */
    case SP_LAYER_EMBEDDING_BAG: return (double)layer->bag * layer->dim;
    case SP_LAYER_INTERACTION: return layer->out_c ? layer->levels * 4 * q * layer->dim * out : 2 * q * q * layer->dim;
    default: return 0;
    }
}

static double vector_once(const sp_layer *layer)
{
    const double rows = layer->rows ? (double)layer->rows : volume(layer->in_size);
    switch (layer->kind) {
    case SP_LAYER_NORM: return 8 * rows * layer->out_c;
    case SP_LAYER_POOL: return volume(layer->out_size) * layer->out_c * volume(layer->kernel);
    case SP_LAYER_UPSAMPLE: return 4 * volume(layer->out_size) * layer->out_c;
    case SP_LAYER_VOXELIZE: return 10 * (double)layer->points;
    case SP_LAYER_VIEW_TRANSFORM: return 5 * rows * layer->levels;   /* the softmax over depths */
    default: return 0;
    }
}

double sp_layer_params(const sp_layer *layer)
{
    assert(layer);
    return layer->repeat * params_once(layer);
}

double sp_layer_flop(const sp_layer *layer)
{
    assert(layer);
    return layer->repeat * flop_once(layer);
}

double sp_layer_vector_flop(const sp_layer *layer)
{
    assert(layer);
    return layer->repeat * vector_once(layer);
}
