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
    uint32_t q_lora, kv_lora, d_rope;/* ranks (q_lora 0: no query compression) and the rope part; LINEAR: ranks of the
                                      * per-channel decay (0: one decay a head) and of the output gate (0: full) */
    uint64_t window;                 /* tokens each query sees; 0: all                                       */
    bool chunked;                    /* `window` is an aligned chunk, not a sliding window (Llama 4)         */
    uint32_t index_heads, index_dim, index_topk;  /* DSA lightning indexer; 0: none                          */
    bool bias, out_bias, output_gate, sinks;
    bool yarn;                       /* positions stretched by YaRN, which scales queries and keys as it rotates them */
    bool qk_norm, qk_norm_all;       /* norms of q and k: over one head, over all heads at once              */
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
    uint32_t expert_hidden;          /* latent width the routed experts work at (Kimi K3), 0: the model width  */
    uint32_t shared_inner;           /* total width of the shared experts, 0: none                           */
    bool shared_gate;                /* a gate of hidden x 1 on the shared experts (Qwen)                    */
    bool dense_parallel;             /* a dense FFN of width `inner` beside the experts (Gemma 4)            */
    bool router_bias;
} sp_ffn;

/* A kind of block; layers refer to kinds by index. */
/* Width that routed experts work at: their own where tokens are projected into a latent one, else the model's. */
static inline uint32_t sp_ffn_expert_width(const sp_ffn *ffn, uint32_t hidden) { return ffn->expert_hidden ? ffn->expert_hidden : hidden; }

typedef struct sp_block {
    sp_attn attn; sp_ffn ffn;
    uint32_t norms;                  /* of size hidden                                                       */
    bool norm_bias;
    bool wide;                       /* its products are in BF16 where the recipe's format is narrower       */
    bool parallel;                   /* attention and a dense FFN beside each other, both of the block's input (PaLM, GPT-NeoX) */
} sp_block;

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
    uint32_t mtp_layers;             /* multi-token-prediction modules (a block and a projection 2h x h)     */
    uint32_t mtp_block;              /* 1 + the kind of their block, which may be in no layer; 0: that of the last layer */
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
/* Kind of the block in a multi-token-prediction module, of a model with layers. */
uint32_t sp_model_mtp_kind(const sp_model *model);
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

/* One non-language layer, all its repeats (formulas of docs/models/model.md): parameters; forward FLOPs of one sample in
 * matrix products, gathers and interpolation weights; and element-wise work (norms, pooling), which papers leave out. */
double sp_layer_params(const sp_layer *layer);
double sp_layer_flop(const sp_layer *layer);
double sp_layer_vector_flop(const sp_layer *layer);
/* All aux layers of a model: forward FLOPs of one sample. */
double sp_model_flop_per_sample(const sp_model *model);
/* Does any block route tokens to experts? */
bool sp_model_has_experts(const sp_model *model);

/* ---- plan: how a training step is split --------------------------------------------------------------------- */

/* Selective: norms, attention's core, activation functions. Alternate: everything but attention's core and every second matrix
 * product (PyTorch's selective checkpointing by operator). Full: whole blocks. Each keeps less than the one before. */
typedef enum sp_recompute {
    SP_RECOMPUTE_NONE, SP_RECOMPUTE_SELECTIVE, SP_RECOMPUTE_ALTERNATE, SP_RECOMPUTE_FULL, SP_RECOMPUTES
} sp_recompute;
/* ZB-H1, ZB-H2: backwards in two halves, the weights' to fill bubbles (Qi et al. 2024). DUALPIPE: micro-batches from both ends, two
 * copies of the weights, a forward and a backward as one slot (DeepSeek-V3). ZB-V, DUALPIPEV: two chunks a stage, the second on the way
 * back from the last stage to the first (vpp 2): zero bubble in the memory of 1F1B (Qi et al. 2024), and DualPipe with one copy. */
typedef enum sp_schedule { SP_SCHEDULE_1F1B, SP_SCHEDULE_INTERLEAVED, SP_SCHEDULE_GPIPE, SP_SCHEDULE_ZB_H1, SP_SCHEDULE_ZB_H2, SP_SCHEDULE_DUALPIPE,
                           SP_SCHEDULE_ZB_V, SP_SCHEDULE_DUALPIPEV, SP_SCHEDULES } sp_schedule;
#define SP_STAGES_MAX 512u
const char *sp_recompute_name(sp_recompute recompute);   /* "none" "selective" "alternate" "full" */
/* How context-parallel ranks see each other's keys: passed round under the attention, gathered before it (Llama 3), or heads
 * traded for the sequence by all-to-all (DeepSpeed-Ulysses). */
typedef enum sp_cp_way { SP_CP_RING, SP_CP_GATHER, SP_CP_ULYSSES, SP_CP_WAYS } sp_cp_way;
const char *sp_cp_way_name(sp_cp_way way);                /* "ring" "gather" "ulysses" */
const char *sp_schedule_name(sp_schedule schedule);      /* "1f1b" "interleaved" "gpipe" "zb-h1" "zb-h2" "dualpipe" "zb-v" "dualpipev" */
/* Has the schedule two chunks a stage, of which stage p holds the p-th and the p-th from the end? */
bool sp_schedule_is_vee(sp_schedule schedule);
/* Does it run a forward and a backward as one slot, each under the other's traffic? */
bool sp_schedule_joins(sp_schedule schedule);
sp_status sp_recompute_parse(const char *text, sp_recompute *out, sp_error *err);
sp_status sp_schedule_parse(const char *text, sp_schedule *out, sp_error *err);

/* Parallel axes as they are laid on the machine. DP holds EP: the expert group is the inner part of TP x CP x DP. */
typedef enum sp_axis { SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_DP, SP_AXIS_PP, SP_AXES } sp_axis;
/* Process groups that communicate. EDP: replicas of one expert shard; ETP: tensor parallel inside an expert. With zero_group DP is the
 * product of SHARD, over which state is sharded, and REPLICA, over which shards are replicated; EDP of ESHARD and EREPLICA. */
typedef enum sp_comm_group { SP_GROUP_TP, SP_GROUP_CP, SP_GROUP_DP, SP_GROUP_PP, SP_GROUP_EP, SP_GROUP_EDP, SP_GROUP_ETP,
                             SP_GROUP_SHARD, SP_GROUP_REPLICA, SP_GROUP_ESHARD, SP_GROUP_EREPLICA, SP_GROUPS } sp_comm_group;
const char *sp_comm_group_name(sp_comm_group group);     /* "tp" "cp" "dp" "pp" "ep" "edp" "etp" "shard" "replica" … */

/* Names as Megatron-LM and the papers use them. Every count >= 1. */
typedef struct sp_plan {
    uint32_t tp, cp, ep, etp, pp, vpp, dp;   /* chips used = tp*cp*pp*dp; ep*etp divides tp*cp*dp */
    uint32_t zero;                   /* 0 replicated, 1 optimizer, 2 + gradients, 3 + weights sharded over DP x CP */
    uint32_t zero_group;             /* of DP x CP ranks those that share out what zero says, the rest replicate it (HSDP); 0: all share */
    uint32_t mbs;                    /* sequences in a micro-batch on one DP rank                     */
    uint64_t gbs, seq;               /* sequences a step; tokens a sequence                           */
    sp_format precision;             /* of the matrix products; master weights and sums stay wider    */
    sp_recompute recompute;
    uint32_t recompute_layers;       /* of each stage's chunk; 0: all (FULL only)                     */
    sp_schedule schedule;
    uint32_t first_layers, last_layers; /* layers of the first / last pipeline chunk; 0: as even as the others  */
    bool sequence_parallel;          /* activations between TP regions split over TP                  */
    uint32_t order[SP_AXES];         /* axes from the innermost tier outwards, a permutation of sp_axis */
    uint32_t place[SP_AXES];         /* bit t: the axis may use tier t; 0: any tier                   */
    uint32_t place_ep;               /* bit t: tiers the EP group may lie on; 0: any (checked, not chosen) */
    sp_cp_way cp_way;
    uint32_t expert_load;            /* per cent of the mean that the fullest rank of an EP group is given; 0: all alike */
    uint32_t lora_rank;              /* of adapters on attention's projections, all else frozen; 0: all weights are trained */
    uint32_t gradient_bytes;         /* an element of gradients on the wire and where they are summed, 2 or 4; 0: on the wire as the software line has it, summed in FP32 */
    bool narrow_gather;              /* TP's all-gathers carry the recipe's format where it is narrower than BF16 */
    bool offload_optimizer;          /* optimizer state in the host's memory, and its update on the host (ZeRO-Offload)     */
    uint32_t offload_activations;    /* per cent of what layers keep for backward that waits in the host's memory          */
    bool unfused_attention;          /* scores are written to memory and read again (before FlashAttention)  */
    bool blocking_sends;             /* a stage does nothing else while it sends to another (Megatron-LM before overlap-p2p-communication) */
    bool overlap_dp, overlap_tp, overlap_ep; /* hide that traffic under compute where dependencies allow */
    const char *stack;               /* communication library; NULL: the chip's default               */
    const char *software;            /* product line of catalog/software; NULL: the vendor's default  */
} sp_plan;

/* All counts 1, BF16, no recompute, 1F1B, ZeRO-1, sequence parallel, overlap_dp, order TP CP DP PP. */
sp_plan sp_plan_default(void);
/* "tp=8 cp=1 ep=64 … place=tp=0,ep=0+1": round-trips through sp_plan_parse. Returns bytes as snprintf. */
int sp_plan_format(const sp_plan *plan, char *out, size_t out_size);
/* Reads key=value words (any order, missing keys keep *plan's values). Errors carry the column. `arena` keeps names. */
sp_status sp_plan_parse(const char *text, sp_arena *arena, sp_plan *plan, sp_error *err);
/* The value of --place: "tp=0,ep=0+1,pp=2". */
sp_status sp_plan_parse_place(const char *text, sp_plan *plan, sp_error *err);
/* The value of --order: "tp,cp,dp,pp", innermost first. */
sp_status sp_plan_parse_order(const char *text, sp_plan *plan, sp_error *err);
/* Divisibility and sense against model and machine: tp divides heads, ep divides experts, mbs*dp divides gbs, … Each message
 * says what was found, what was expected and a value that would do. */
sp_status sp_plan_check(const sp_plan *plan, const sp_model *model, const sp_machine *machine, sp_error *err);

/* Where every group lies. Groups of one chip have n_dims 0. */
typedef struct sp_layout {
    uint32_t chips;                          /* used                               */
    sp_placement group[SP_GROUPS];
    uint32_t tiers[SP_GROUPS];               /* bit t: the group spans tier t      */
    sp_group shape[SP_GROUPS];               /* dims of the group                  */
} sp_layout;
/* Lays axes on tiers innermost first in plan->order, each on the tiers plan->place allows. SP_E_UNFIT when they do not fit. */
sp_status sp_plan_layout(const sp_plan *plan, const sp_machine *machine, sp_layout *out, sp_error *err);

/* Layers of pipeline stage `stage`, virtual chunk `chunk`: [*first, *first + *count). The first and last chunk, which also hold
 * embedding and head, take first_layers / last_layers when those are set; what is left is spread evenly, remainders to the
 * earliest chunks after the first, then to the first, then to the last. */
void sp_plan_chunk_layers(const sp_plan *plan, uint32_t n_layers, uint32_t stage, uint32_t chunk, uint32_t *first, uint32_t *count);

/* ---- lowering: one block on one chip ------------------------------------------------------------------------- */

typedef enum sp_pass { SP_PASS_FORWARD, SP_PASS_BACKWARD, SP_PASS_RECOMPUTE } sp_pass;

/* What a dispatch or combine of experts' tokens carries, on one chip: copies of each token in size_bytes, one an expert (0: no such collective);
 * beside them, for libraries that route by dense maps, the probabilities of all experts with every copy, in FP32 (0: none travel), and maps of
 * the tokens of all ranks, a byte an expert, gathered before (0: known already). */
typedef struct sp_carried { uint32_t copies; double prob_bytes, map_bytes; } sp_carried;

/* One thing a chip does in a block: an operator on the compute stream or a collective of a group. */
typedef struct sp_item {
    bool is_comm;
    const char *label;           /* category: "gemm" "attention" "vector" "expert-gemm" "tp" "ep" "cp" …; static */
    sp_op op;
    sp_comm_group group; sp_coll_op coll; double size_bytes;   /* size as in sp_coll_best                        */
    uint32_t slack;              /* collectives: items after it that need not wait for it; 0: the next one waits */
    sp_carried carried;
} sp_item;

#define SP_ITEMS_MAX 96
typedef struct sp_items { uint32_t n; sp_item item[SP_ITEMS_MAX]; } sp_items;

/* Items of one block / the embedding / the head with loss, for one micro-batch, in order. */
sp_status sp_lower_block(const sp_model *model, const sp_block *block, const sp_plan *plan, sp_pass pass, sp_items *out);
sp_status sp_lower_embedding(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out);
sp_status sp_lower_head(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out);
/* One MTP module: projection, block, head. */
sp_status sp_lower_mtp(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out);

/* Bytes of activations one block keeps for backward, per micro-batch, on one chip. */
double sp_lower_block_activation_bytes(const sp_model *model, const sp_block *block, const sp_plan *plan);
/* Bytes that the block has besides while it is computed again: 0 where nothing large is. */
double sp_lower_block_working_bytes(const sp_model *model, const sp_block *block, const sp_plan *plan);
/* Parameters on one chip: dense and expert part, and those of them that have gradients and optimizer state. */
typedef struct sp_local_params { double dense, expert, dense_trained, expert_trained; } sp_local_params;
sp_local_params sp_lower_block_params(const sp_model *model, const sp_block *block, const sp_plan *plan);
sp_local_params sp_lower_vocab_params(const sp_model *model, const sp_plan *plan);   /* embedding or head: vocab x hidden / tp */
/* *sum += n x one */
void sp_local_params_add(sp_local_params *sum, double n, const sp_local_params *one);

#ifdef __cplusplus
}
#endif
#endif
