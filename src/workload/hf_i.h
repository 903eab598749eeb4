/* Internal: what the readers of Hugging Face configurations share. A family is a row of hf_family.c; hf_read.c reads the
 * fields a row names, hf_layers.c turns them into one block per layer. */
#ifndef SP_HF_I_H
#define SP_HF_I_H

#include "superpod/workload.h"

/* Every size a configuration may state. hf_family.c has the usual key, range and meaning of each. */
typedef enum sp_hf_field {
    HF_LAYERS, HF_HIDDEN, HF_HEADS, HF_KV_HEADS, HF_HEAD_DIM, HF_INNER, HF_VOCAB, HF_POSITIONS,
    HF_EXPERTS, HF_TOPK, HF_EXPERT_INNER, HF_SHARED, HF_SHARED_INNER, HF_EXPERT_HIDDEN, HF_FIRST_DENSE, HF_MOE_STEP,
    HF_MTP, HF_Q_LORA, HF_KV_LORA, HF_NOPE, HF_ROPE, HF_V_DIM,
    HF_WINDOW, HF_FULL_EVERY, HF_INDEX_HEADS, HF_INDEX_DIM, HF_INDEX_TOPK,
    HF_O_GROUPS, HF_O_LORA, HF_HYPER, HF_GLOBAL_HEAD_DIM, HF_GLOBAL_KV_HEADS, HF_PLE, HF_PLE_VOCAB, HF_KV_SHARED,
    HF_LIN_HEADS, HF_LIN_KV_HEADS, HF_LIN_QK, HF_LIN_V, HF_LIN_CONV,
    HF_FIELDS
} sp_hf_field;

/* What a family is built of. A trait says what the modelling code does; a key in the file may still override it. */
typedef enum sp_hf_trait {
    HF_MOE = 1 << 0,           /* may have experts                                             */
    HF_MLA = 1 << 1,           /* multi-head latent attention                                  */
    HF_V4 = 1 << 2,            /* DeepSeek-V4: shared-KV MQA, window + compressed keys         */
    HF_QK_NORM = 1 << 3,       /* norms over the head size on q and k                          */
    HF_QKV_BIAS = 1 << 4, HF_OUT_BIAS = 1 << 5, HF_FFN_BIAS = 1 << 6, HF_ROUTER_BIAS = 1 << 7,
    HF_PLAIN_FFN = 1 << 8,     /* two matrices, not three                                      */
    HF_LEARNED_POS = 1 << 9, HF_NORM_BIAS = 1 << 10,
    HF_TIED = 1 << 11,         /* head = embedding where tie_word_embeddings is absent         */
    HF_SINKS = 1 << 12,
    HF_WINDOW_ALL = 1 << 13,   /* sliding_window, where given, holds for every layer           */
    HF_WINDOW_LATE = 1 << 14,  /* only with use_sliding_window, from layer max_window_layers   */
    HF_WINDOW_MIX = 1 << 15,   /* layer_types, or every full_every-th layer full               */
    HF_CHUNKED = 1 << 16,      /* the window is an aligned chunk                               */
    HF_STEP_END = 1 << 17,     /* MoE where (layer + 1) % step = 0; else where layer % step = 0 */
    HF_NORMS4 = 1 << 18,       /* norms after attention and FFN as well                        */
    HF_SHARED_GATE = 1 << 19, HF_OUTPUT_GATE = 1 << 20,
    HF_LINEAR = 1 << 21,       /* layers of linear attention among the others                  */
    HF_GEMMA4 = 1 << 22,       /* global layers of other sizes, k = v, shared KV, experts beside the FFN */
    HF_NO_BIAS_KEY = 1 << 23,  /* `no_bias: true` removes every bias                           */
    HF_QK_NORM_FULL = 1 << 24, /* qk norms over all heads at once (OLMo 2)                     */
    HF_YARN = 1 << 25,         /* YaRN that scales queries and keys                            */
    HF_PARALLEL = 1 << 26      /* attention and FFN beside each other, unless use_parallel_residual is false */
} sp_hf_trait;

typedef struct sp_hf_name {
    const char *keys;     /* "a|b|c.d": first present wins, a dot descends; NULL: the usual key; "-": not in this family */
    int64_t fallback;     /* value of the configuration class where the key is absent; 0: none                           */
} sp_hf_name;

typedef struct sp_hf_family {
    const char *model_type;          /* as in config.json                                     */
    const char *also;                /* further model_types read the same way, "a|b", or NULL */
    uint32_t traits;
    sp_hf_name name[HF_FIELDS];
} sp_hf_family;

typedef struct sp_hf_field_info {
    const char *keys;                /* usual key */
    uint32_t low, high;
    const char *meaning;             /* for messages */
} sp_hf_field_info;

const sp_hf_family *sp_i_hf_family(const char *model_type);
const sp_hf_family *sp_i_hf_family_at(size_t index);   /* NULL at the end */
const sp_hf_field_info *sp_i_hf_field_info(sp_hf_field field);
/* The keys under which `family` states `field`. */
const char *sp_i_hf_keys(const sp_hf_family *family, sp_hf_field field);
/* Is `word` one of the "a|b|c" list? */
bool sp_i_hf_listed(const char *list, const char *word);

/* A configuration while it is read. */
typedef struct sp_hf_config {
    const sp_hf_family *family;
    sp_node root, text;              /* whole file; the map of the language model (text_config or root) */
    uint32_t value[HF_FIELDS];
    sp_node node[HF_FIELDS];         /* where the value stands; absent where a default was taken        */
    uint32_t traits;                 /* the family's, after the switches of the file                     */
    bool full_rank_gate;             /* Kimi K3: output gates of linear attention without a rank         */
    sp_error *err;
} sp_hf_config;

/* hf_read.c */
sp_node sp_i_hf_find(const sp_hf_config *config, const char *keys);   /* non-null value of "a|b.c", in text then root */
sp_status sp_i_hf_get(sp_hf_config *config, sp_hf_field field, bool needed);
sp_status sp_i_hf_flag(const sp_hf_config *config, const char *key, bool *out);

/* hf_layers.c: blocks of every layer into model (kinds, layer_kind). */
sp_status sp_i_hf_layers(sp_hf_config *config, sp_arena *arena, sp_model *model);

sp_status sp_i_hf_parse(sp_node root, const char *assume, sp_arena *arena, sp_model *model, sp_error *err);

#endif
