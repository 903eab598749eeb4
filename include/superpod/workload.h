/* superpod/workload.h: a model (what is computed) and a plan (how it is split), and their lowering to operators and programs.
 * Model pages: docs/models/model.md, docs/models/lowering.md. */
#ifndef SUPERPOD_WORKLOAD_H
#define SUPERPOD_WORKLOAD_H

#include "superpod/collective.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- model ------------------------------------------------------------------------------------------------- */

/* The layer vocabulary. The first three carry language models; the rest hold vision, driving, video, recommendation. */
typedef enum sp_layer_kind {
    SP_LAYER_EMBEDDING, SP_LAYER_BLOCK, SP_LAYER_HEAD,               /* token embedding, transformer block, LM head */
    SP_LAYER_LINEAR, SP_LAYER_CONV, SP_LAYER_DEPTHWISE, SP_LAYER_TRANSPOSED_CONV, SP_LAYER_UPSAMPLE, SP_LAYER_POOL,
    SP_LAYER_NORM, SP_LAYER_ATTENTION, SP_LAYER_WINDOW_ATTENTION, SP_LAYER_CROSS_ATTENTION, SP_LAYER_TEMPORAL_ATTENTION,
    SP_LAYER_DEFORMABLE_ATTENTION, SP_LAYER_VIEW_TRANSFORM, SP_LAYER_VOXELIZE, SP_LAYER_SPARSE_CONV, SP_LAYER_ROI_ALIGN,
    SP_LAYER_EMBEDDING_BAG, SP_LAYER_INTERACTION, SP_LAYER_MODULATION, SP_LAYER_SAMPLER, SP_LAYER_HOST_SYNC,
    SP_LAYER_KINDS
} sp_layer_kind;
const char *sp_layer_kind_name(sp_layer_kind kind);

/* A non-language layer: sizes for one sample. Meaning by kind is in docs/models/model.md; unused fields are 0. */
typedef struct sp_layer {
    sp_layer_kind kind;
    const char *name;
    uint32_t repeat;
    bool trainable, no_grad;
    uint32_t in_c, out_c, kernel[3], stride[3], groups;   /* convolutions: d, h, w (d = 1 in 2-D)           */
    uint32_t in_size[3], out_size[3];                     /* d, h, w of the feature maps                    */
    uint64_t queries, keys, rows, points;                 /* attention, embedding bag, sparse layers        */
    uint32_t heads, dim, levels, bag;
    double steps;                                         /* sampler steps x guidance passes                */
} sp_layer;

typedef enum sp_attn_kind { SP_ATTN_NONE, SP_ATTN_GQA, SP_ATTN_MLA, SP_ATTN_LINEAR } sp_attn_kind;
typedef struct sp_attn {
    sp_attn_kind kind;               /* MHA and MQA are GQA with kv_heads = heads, 1                         */
    uint32_t heads, kv_heads;
    uint32_t d_qk, d_v;              /* head sizes; MLA: d_qk = nope + rope                                  */
    uint32_t q_lora, kv_lora, d_rope;/* MLA ranks (q_lora 0: no query compression) and the rope part         */
    uint64_t window;                 /* tokens each query sees; 0: all                                       */
    uint32_t index_heads, index_dim, index_topk;  /* DSA lightning indexer; 0: none                          */
    bool bias, out_bias, qk_norm, output_gate, sinks;
    bool k_eq_v;                     /* keys serve as values: no value projection                            */
    uint32_t o_groups, o_lora;       /* grouped low-rank output projection (DeepSeek-V4)                     */
    uint32_t compress;               /* KV compression ratio of this layer, 0 or 1: none                     */
} sp_attn;

typedef enum sp_ffn_kind { SP_FFN_NONE, SP_FFN_DENSE, SP_FFN_MOE } sp_ffn_kind;
typedef struct sp_ffn {
    sp_ffn_kind kind;
    bool gated;                      /* SwiGLU-like: three matrices instead of two                           */
    bool bias;
    uint32_t inner;                  /* dense width; for MOE with dense_parallel the parallel dense width    */
    uint32_t experts, topk, expert_inner;
    uint32_t shared_inner;           /* total width of the shared experts, 0: none                           */
    bool dense_parallel;             /* a dense FFN of width `inner` beside the experts (Gemma 4)            */
    bool router_bias;
} sp_ffn;

/* A kind of block; layers refer to kinds by index. */
typedef struct sp_block { sp_attn attn; sp_ffn ffn; uint32_t norms; /* norms of size hidden */ bool norm_bias; } sp_block;

typedef struct sp_model {
    const char *name, *family;       /* family: HF model_type or "catalog"                                   */
    const char *source;
    uint32_t hidden, vocab, max_positions;
    bool tied_embeddings, learned_positions;
    uint32_t n_layers;
    uint32_t n_kinds; const sp_block *kinds;       /* [n_kinds]                                              */
    const uint8_t *layer_kind;                     /* [n_layers] index into kinds                            */
    uint32_t mtp_layers;             /* multi-token-prediction modules (one block of the last kind + projection 2h x h) */
    uint64_t default_seq, default_gbs; /* 0: none stated                                                     */
    uint32_t per_layer_embedding;    /* Gemma E models: extra embedding width per layer, 0: none             */
    uint64_t extra_params;           /* parameters outside the vocabulary above (named in note)              */
    const char *note;
    double published_params;         /* as printed by the publisher; 0: none                                 */
    uint32_t n_aux; const sp_layer *aux;           /* non-language layers, in order                          */
} sp_model;

/* Load a Hugging Face config.json unchanged or a catalog entry (.yaml); the format is told by content (model_type key).
 * Unknown model_type: SP_E_INVAL listing the fields missed, unless `assume` names a known family. */
sp_status sp_model_load(const char *path, const char *assume, sp_arena *arena, const sp_model **out, sp_error *err);
sp_status sp_model_parse(sp_node root, const char *assume, sp_arena *arena, const sp_model **out, sp_error *err);
sp_status sp_model_check(const sp_model *model, sp_error *err);

/* Parameters, counted from the shapes. */
typedef struct sp_model_params {
    double total, active;            /* all; used by one token (top-k experts)                                */
    double embedding, head, norm, attention, dense_ffn, experts, shared_experts, router, mtp, other;
} sp_model_params;
void sp_model_count(const sp_model *model, sp_model_params *out);
double sp_attn_params(const sp_model *model, const sp_attn *attn);
/* One block: attention + norms + router (+ all experts). `experts` receives the routed experts' share. */
double sp_block_params(const sp_model *model, const sp_block *block, double *experts);
/* Forward FLOPs of one token in a sequence of seq (2 x multiply-adds; causal attention counted as half). */
double sp_model_flop_per_token(const sp_model *model, uint64_t seq);

#ifdef __cplusplus
}
#endif
#endif
