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
    bool trainable, no_grad, bias;
    uint32_t in_c, out_c, kernel[3], stride[3], groups;   /* convolutions: d, h, w (d = 1 in 2-D)           */
    uint32_t in_size[3], out_size[3];                     /* d, h, w of the feature maps                    */
    uint64_t queries, keys, rows, points;                 /* attention, embedding bag, sparse layers        */
    uint32_t heads, dim, levels, bag;
    double steps;                                         /* sampler steps x guidance passes                */
} sp_layer;

typedef enum sp_attn_kind { SP_ATTN_NONE, SP_ATTN_GQA, SP_ATTN_MLA, SP_ATTN_LINEAR } sp_attn_kind;
typedef struct sp_attn {
    sp_attn_kind kind;               /* MHA and MQA are GQA with kv_heads = heads, 1                         */
    uint32_t heads, kv_heads;        /* LINEAR: value heads, key heads                                       */
    uint32_t d_qk, d_v;              /* head sizes; MLA: d_qk = nope + rope                                  */
    uint32_t q_lora, kv_lora, d_rope;/* ranks (q_lora 0: no query compression) and the rope part             */
    uint64_t window;                 /* tokens each query sees; 0: all                                       */
    bool chunked;                    /* `window` is an aligned chunk, not a sliding window (Llama 4)         */
    uint32_t index_heads, index_dim, index_topk;  /* DSA lightning indexer; 0: none                          */
    bool bias, out_bias, qk_norm, output_gate, sinks;
    bool k_eq_v;                     /* keys serve as values: no value projection                            */
    bool kv_shared;                  /* keys and values of an earlier layer: no projection, no cache (Gemma E) */
    uint32_t o_groups, o_lora;       /* grouped low-rank output projection (DeepSeek-V4)                     */
    uint32_t compress;               /* KV compression ratio of this layer, 0 or 1: none; the window stays beside it */
    uint32_t conv;                   /* LINEAR: width of the short convolution on q, k, v                    */
} sp_attn;

typedef enum sp_ffn_kind { SP_FFN_NONE, SP_FFN_DENSE, SP_FFN_MOE } sp_ffn_kind;
typedef struct sp_ffn {
    sp_ffn_kind kind;
    bool gated;                      /* SwiGLU-like: three matrices instead of two                           */
    bool bias;
    uint32_t inner;                  /* dense width; for MOE with dense_parallel the parallel dense width    */
    uint32_t experts, topk, expert_inner;
    uint32_t shared_inner;           /* total width of the shared experts, 0: none                           */
    bool shared_gate;                /* a gate of hidden x 1 on the shared experts (Qwen)                    */
    bool dense_parallel;             /* a dense FFN of width `inner` beside the experts (Gemma 4)            */
    bool router_bias;
} sp_ffn;

/* A kind of block; layers refer to kinds by index. */
typedef struct sp_block { sp_attn attn; sp_ffn ffn; uint32_t norms; /* norms of size hidden */ bool norm_bias; } sp_block;

#define SP_LAYERS_MAX 4096u   /* blocks of a model; 4 x the deepest published language model we know of */
#define SP_KINDS_MAX 64u      /* different blocks of a model                                            */

typedef struct sp_model {
    const char *name, *family;       /* family: HF model_type or "catalog"                                   */
    const char *source;
    uint32_t hidden, vocab, max_positions;
    bool tied_embeddings, learned_positions;
    uint32_t n_layers;               /* 0: no language part (vision, see aux)                                */
    uint32_t n_kinds; const sp_block *kinds;       /* [n_kinds]                                              */
    const uint8_t *layer_kind;                     /* [n_layers] index into kinds                            */
    uint32_t mtp_layers;             /* multi-token-prediction modules (one block of the last kind + projection 2h x h) */
    uint64_t default_seq, default_gbs; /* 0: none stated                                                     */
    uint32_t per_layer_embedding;    /* Gemma E models: extra embedding width per layer, 0: none             */
    uint32_t hyper_streams;          /* hyper-connections: parallel residual streams, 0: plain residual      */
    uint64_t extra_params;           /* parameters outside the vocabulary above (named in note)              */
    const char *weight_format;       /* of the published weights ("bf16", "fp8", "mxfp4"); NULL: not stated  */
    const char *note;
    double published_params;         /* as printed by the publisher; 0: none                                 */
    double published_rounding;       /* half a unit of its last printed digit; 0: exact or unknown           */
    double published_active;         /* active parameters as printed; 0: none                                */
    const char *published_source;    /* where it is printed; NULL: none                                      */
    double published_flop;           /* forward FLOPs of one sample as printed (models of aux layers); 0: none */
    uint32_t n_aux; const sp_layer *aux;           /* non-language layers, in order                          */
} sp_model;

/* Load a Hugging Face config.json unchanged or a catalog entry (.yaml); the format is told by content: a map with
 * model_type or text_config is Hugging Face's, one with `name` and `stack` or `layers` is a catalog entry.
 * The model lives in `arena`; the document is not kept. Nothing is guessed silently: a field that a family needs and
 * the text lacks is an error. Unknown model_type: SP_E_INVAL listing the fields missed, unless `assume` (may be NULL)
 * names a known family. Errors: SP_E_IO, SP_E_PARSE, SP_E_INVAL, SP_E_RANGE, SP_E_NOMEM, each with file:line:column. */
sp_status sp_model_load(const char *path, const char *assume, sp_arena *arena, const sp_model **out, sp_error *err);
sp_status sp_model_parse(sp_node root, const char *assume, sp_arena *arena, const sp_model **out, sp_error *err);
/* Every invariant of the struct, for models built in code; the readers call it too. SP_E_INVAL says which. */
sp_status sp_model_check(const sp_model *model, sp_error *err);
/* Known Hugging Face families, by index; NULL at the end. */
const char *sp_model_family_name(size_t index);

/* Parameters, counted from the shapes. `total` is what publishers print: the multi-token-prediction modules are not in
 * it (DeepSeek-V3: 671 G) but in `mtp`, which training holds besides; an MTP module shares embedding and head. */
typedef struct sp_model_params {
    double total, active;            /* all but mtp; used by one token (top-k experts)                       */
    double embedding, head, norm, attention, dense_ffn, experts, shared_experts, router, mtp, other;
} sp_model_params;                   /* total = sum of the parts but mtp                                     */
void sp_model_count(const sp_model *model, sp_model_params *out);
/* The mixer of one block: projections, their biases, norms on q/k and latents, indexer, compressor, sinks. */
double sp_attn_params(const sp_model *model, const sp_attn *attn);
/* One block: attention + norms + FFN + router (+ all experts). `experts` (may be NULL) receives the routed experts' share. */
double sp_block_params(const sp_model *model, const sp_block *block, double *experts);

/* Keys that one query sees on average in a causal sequence of seq tokens: seq/2, less with windows, chunks, DSA's top-k
 * or compression. */
double sp_attn_keys_mean(const sp_attn *attn, uint64_t seq);
/* Forward FLOPs of one token of one block in a sequence of seq; `score` (may be NULL) receives the part that grows with seq. */
double sp_block_flop_per_token(const sp_model *model, const sp_block *block, uint64_t seq, double *score);
/* Forward FLOPs of one token in a sequence of seq (2 x multiply-adds of matrix products; causal attention counted as
 * half), blocks and head, without MTP modules. */
double sp_model_flop_per_token(const sp_model *model, uint64_t seq);
/* The same for all MTP modules (each: projection, one block, the head once more). */
double sp_model_mtp_flop_per_token(const sp_model *model, uint64_t seq);

/* One non-language layer, all its repeats: parameters, and forward FLOPs of one sample (formulas of docs/models/model.md). */
double sp_layer_params(const sp_layer *layer);
double sp_layer_flop(const sp_layer *layer);
/* All aux layers of a model: forward FLOPs of one sample. */
double sp_model_flop_per_sample(const sp_model *model);

#ifdef __cplusplus
}
#endif
#endif
