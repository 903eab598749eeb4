/* The families of Hugging Face configurations: one row each. Names and class defaults follow the configuration classes of
 * huggingface/transformers (src/transformers/models/FAMILY/configuration_FAMILY.py) and, for Pangu, Huawei's published
 * openPangu code. A key that a row does not name has the usual key of `usual` below. Adding a family is one row. */
#include "hf_i.h"

#include <string.h>

#define HF_SIZE_MAX 1048576u      /* widths; 16 x the widest published model           */
#define HF_VOCAB_MAX 67108864u
#define HF_TOKENS_MAX 1073741824u

static const sp_hf_field_info usual[HF_FIELDS] = {
    [HF_LAYERS] = {"num_hidden_layers", 1, SP_LAYERS_MAX, "number of blocks"},
    [HF_HIDDEN] = {"hidden_size", 1, HF_SIZE_MAX, "model width"},
    [HF_HEADS] = {"num_attention_heads", 1, 65536, "query heads"},
    [HF_KV_HEADS] = {"num_key_value_heads", 1, 65536, "key-value heads"},
    [HF_HEAD_DIM] = {"head_dim", 1, 65536, "size of a head"},
    [HF_INNER] = {"intermediate_size", 1, HF_SIZE_MAX, "width of the dense FFN"},
    [HF_VOCAB] = {"vocab_size", 1, HF_VOCAB_MAX, "vocabulary"},
    [HF_POSITIONS] = {"max_position_embeddings", 1, HF_TOKENS_MAX, "longest sequence"},
    [HF_EXPERTS] = {"num_local_experts|num_experts|n_routed_experts", 0, 65536, "routed experts"},
    [HF_TOPK] = {"num_experts_per_tok", 1, 65536, "experts a token uses"},
    [HF_EXPERT_INNER] = {"moe_intermediate_size", 1, HF_SIZE_MAX, "width of an expert"},
    [HF_SHARED] = {"n_shared_experts", 0, 65536, "shared experts"},
    [HF_SHARED_INNER] = {"-", 0, HF_SIZE_MAX, "total width of the shared experts"},
    [HF_EXPERT_HIDDEN] = {"routed_expert_hidden_size", 0, HF_SIZE_MAX, "width the routed experts work at"},
    [HF_FIRST_DENSE] = {"first_k_dense_replace", 0, SP_LAYERS_MAX, "leading dense layers"},
    [HF_MOE_STEP] = {"moe_layer_freq", 1, SP_LAYERS_MAX, "distance of MoE layers"},
    [HF_MTP] = {"num_nextn_predict_layers", 0, 64, "multi-token-prediction modules"},
    [HF_Q_LORA] = {"q_lora_rank", 0, HF_SIZE_MAX, "rank of the query compression"},
    [HF_KV_LORA] = {"kv_lora_rank", 1, HF_SIZE_MAX, "rank of the key-value compression"},
    [HF_NOPE] = {"qk_nope_head_dim", 1, 65536, "part of a head without rotary position"},
    [HF_ROPE] = {"qk_rope_head_dim", 0, 65536, "part of a head with rotary position"},
    [HF_V_DIM] = {"v_head_dim", 1, 65536, "size of a value head"},
    [HF_WINDOW] = {"sliding_window", 0, HF_TOKENS_MAX, "window of local attention"},
    [HF_FULL_EVERY] = {"sliding_window_pattern", 1, SP_LAYERS_MAX, "distance of layers with full attention"},
    [HF_INDEX_HEADS] = {"index_n_heads", 1, 65536, "heads of the sparse-attention indexer"},
    [HF_INDEX_DIM] = {"index_head_dim", 1, 65536, "head size of the indexer"},
    [HF_INDEX_TOPK] = {"index_topk", 1, HF_TOKENS_MAX, "keys the indexer keeps"},
    [HF_O_GROUPS] = {"o_groups", 1, 65536, "groups of the output projection"},
    [HF_O_LORA] = {"o_lora_rank", 1, HF_SIZE_MAX, "rank of the output projection"},
    [HF_HYPER] = {"hc_mult", 0, 64, "residual streams"},
    [HF_GLOBAL_HEAD_DIM] = {"global_head_dim", 1, 65536, "size of a head of a global layer"},
    [HF_GLOBAL_KV_HEADS] = {"num_global_key_value_heads", 1, 65536, "key-value heads of a global layer"},
    [HF_PLE] = {"hidden_size_per_layer_input", 0, HF_SIZE_MAX, "width of the per-layer embedding"},
    [HF_PLE_VOCAB] = {"vocab_size_per_layer_input", 0, HF_VOCAB_MAX, "vocabulary of the per-layer embedding"},
    [HF_KV_SHARED] = {"num_kv_shared_layers", 0, SP_LAYERS_MAX, "last layers that reuse earlier keys and values"},
    [HF_LIN_HEADS] = {"linear_num_value_heads", 1, 65536, "value heads of linear attention"},
    [HF_LIN_KV_HEADS] = {"linear_num_key_heads", 1, 65536, "key heads of linear attention"},
    [HF_LIN_QK] = {"linear_key_head_dim", 1, 65536, "key head size of linear attention"},
    [HF_LIN_V] = {"linear_value_head_dim", 1, 65536, "value head size of linear attention"},
    [HF_LIN_CONV] = {"linear_conv_kernel_dim", 1, 1024, "short convolution of linear attention"},
};

#define ALL_BIASES (HF_QKV_BIAS | HF_OUT_BIAS | HF_FFN_BIAS | HF_NORM_BIAS)

static const sp_hf_family families[] = {
    {"llama", "smollm3|phi3|granite|internlm3|ministral", 0, {{0}}},
    {"mistral", NULL, HF_WINDOW_ALL, {{0}}},
    {"mixtral", "granitemoe", HF_MOE | HF_WINDOW_ALL, {[HF_EXPERT_INNER] = {"intermediate_size", 0}}},
    {"qwen2", NULL, HF_QKV_BIAS | HF_WINDOW_LATE, {{0}}},
    {"qwen2_moe", NULL, HF_QKV_BIAS | HF_WINDOW_LATE | HF_MOE | HF_STEP_END | HF_SHARED_GATE,
     {[HF_SHARED] = {"-", 0}, [HF_SHARED_INNER] = {"shared_expert_intermediate_size", 0},
      [HF_FIRST_DENSE] = {"-", 0}, [HF_MOE_STEP] = {"decoder_sparse_step", 1}}},
    {"qwen3", "qwen3_vl_text", HF_QK_NORM | HF_WINDOW_LATE, {[HF_HEAD_DIM] = {NULL, 128}}},
    {"qwen3_moe", "qwen3_vl_moe_text", HF_QK_NORM | HF_WINDOW_LATE | HF_MOE | HF_STEP_END,
     {[HF_SHARED] = {"-", 0}, [HF_FIRST_DENSE] = {"-", 0}, [HF_MOE_STEP] = {"decoder_sparse_step", 1}}},
    {"qwen3_5_text", NULL, HF_QK_NORM | HF_OUTPUT_GATE | HF_LINEAR,
     {[HF_FULL_EVERY] = {"full_attention_interval", 4}, [HF_MTP] = {"mtp_num_hidden_layers", 0}}},
    {"qwen3_next", "qwen3_5_moe_text", HF_QK_NORM | HF_MOE | HF_STEP_END | HF_SHARED_GATE | HF_OUTPUT_GATE | HF_LINEAR,
     {[HF_SHARED] = {"-", 0}, [HF_SHARED_INNER] = {"shared_expert_intermediate_size", 0}, [HF_FIRST_DENSE] = {"-", 0},
      [HF_MOE_STEP] = {"decoder_sparse_step", 1}, [HF_FULL_EVERY] = {"full_attention_interval", 4}, [HF_MTP] = {"mtp_num_hidden_layers", 0}}},
    {"deepseek_v2", NULL, HF_MLA | HF_MOE, {[HF_MTP] = {"-", 0}}},
    {"deepseek_v3", "kimi_k2|deepseek_v32|glm_moe_dsa", HF_MLA | HF_MOE, {[HF_FIRST_DENSE] = {NULL, 3}}},
    {"glm4_moe_lite", NULL, HF_MLA | HF_MOE, {[HF_FIRST_DENSE] = {NULL, 1}}},
    {"deepseek_v4", NULL, HF_V4 | HF_MOE | HF_SINKS,
     {[HF_INNER] = {"-", 0}, [HF_FIRST_DENSE] = {"-", 0}, [HF_MOE_STEP] = {"-", 1}, [HF_HYPER] = {NULL, 4}}},
    {"pangu_ultra_moe", NULL, HF_MLA | HF_MOE,
     {[HF_EXPERTS] = {"num_routed_experts", 0}, [HF_SHARED] = {"num_shared_experts", 0}, [HF_FIRST_DENSE] = {"num_dense_layers", 0},
      [HF_MTP] = {"num_mtp_layers", 0}, [HF_Q_LORA] = {"attention_q_lora_dim", 0}, [HF_KV_LORA] = {"attention_kv_lora_dim", 0},
      [HF_NOPE] = {"attention_qk_dim", 0}, [HF_ROPE] = {"attention_qk_rope_dim", 0}, [HF_V_DIM] = {"attention_v_dim", 0},
      [HF_MOE_STEP] = {"-", 1}}},
    {"kimi_linear", NULL, HF_MLA | HF_MOE | HF_LINEAR,
     {[HF_TOPK] = {"num_experts_per_token", 0}, [HF_SHARED] = {"num_shared_experts", 0},
      [HF_LIN_HEADS] = {"linear_attn_config.num_heads", 0}, [HF_LIN_KV_HEADS] = {"linear_attn_config.num_heads", 0},
      [HF_LIN_QK] = {"linear_attn_config.head_dim", 0}, [HF_LIN_V] = {"linear_attn_config.head_dim", 0},
      [HF_LIN_CONV] = {"linear_attn_config.short_conv_kernel_size", 4}}},
    {"glm4_moe", NULL, HF_MOE | HF_QKV_BIAS, {[HF_MOE_STEP] = {"-", 1}}},
    {"dots1", NULL, HF_MOE | HF_QK_NORM, {{0}}},
    {"minimax_m2", NULL, HF_MOE | HF_QK_NORM_FULL,
     {[HF_EXPERT_INNER] = {"intermediate_size", 0}, [HF_SHARED] = {"-", 0}, [HF_FIRST_DENSE] = {"-", 0}, [HF_MOE_STEP] = {"-", 1},
      [HF_MTP] = {"num_mtp_modules", 0}}},
    {"ernie4_5_moe", NULL, HF_MOE | HF_STEP_END | HF_TIED,
     {[HF_EXPERTS] = {"moe_num_experts", 0}, [HF_TOPK] = {"moe_k", 0}, [HF_SHARED] = {"moe_num_shared_experts", 0},
      [HF_FIRST_DENSE] = {"moe_layer_start_index", 0}, [HF_MOE_STEP] = {"moe_layer_interval", 1}}},
    {"gpt_oss", NULL, HF_MOE | HF_SINKS | HF_QKV_BIAS | HF_OUT_BIAS | HF_FFN_BIAS | HF_ROUTER_BIAS | HF_WINDOW_MIX,
     {[HF_EXPERT_INNER] = {"intermediate_size", 0}, [HF_TOPK] = {"num_experts_per_tok|experts_per_token", 0},
      [HF_SHARED] = {"-", 0}, [HF_FIRST_DENSE] = {"-", 0}, [HF_MOE_STEP] = {"-", 1}, [HF_FULL_EVERY] = {"-", 2}}},
    {"gemma", NULL, HF_TIED, {[HF_HEAD_DIM] = {NULL, 256}}},
    {"gemma2", NULL, HF_TIED | HF_NORMS4 | HF_WINDOW_MIX,
     {[HF_HEAD_DIM] = {NULL, 256}, [HF_FULL_EVERY] = {"-", 2}, [HF_WINDOW] = {NULL, 4096}}},
    {"gemma3_text", "gemma3", HF_TIED | HF_NORMS4 | HF_QK_NORM | HF_WINDOW_MIX,
     {[HF_HEAD_DIM] = {NULL, 256}, [HF_HEADS] = {NULL, 8}, [HF_KV_HEADS] = {NULL, 4}, [HF_VOCAB] = {NULL, 262208},
      [HF_POSITIONS] = {NULL, 131072}, [HF_FULL_EVERY] = {"sliding_window_pattern|_sliding_window_pattern", 6},
      [HF_WINDOW] = {NULL, 4096}}},
    {"gemma4_text", "gemma4", HF_TIED | HF_NORMS4 | HF_QK_NORM | HF_WINDOW_MIX | HF_MOE | HF_GEMMA4,
     {[HF_HEAD_DIM] = {NULL, 256}, [HF_HEADS] = {NULL, 8}, [HF_KV_HEADS] = {NULL, 4}, [HF_VOCAB] = {NULL, 262144},
      [HF_POSITIONS] = {NULL, 131072}, [HF_FULL_EVERY] = {NULL, 6}, [HF_WINDOW] = {NULL, 512}, [HF_GLOBAL_HEAD_DIM] = {NULL, 512},
      [HF_EXPERTS] = {"num_experts", 0}, [HF_TOPK] = {"top_k_experts", 0}, [HF_SHARED] = {"-", 0}, [HF_FIRST_DENSE] = {"-", 0},
      [HF_MOE_STEP] = {"-", 1}, [HF_PLE] = {NULL, 256}, [HF_PLE_VOCAB] = {NULL, 262144}}},
    {"llama4_text", "llama4", HF_MOE | HF_STEP_END | HF_WINDOW_MIX | HF_CHUNKED,
     {[HF_EXPERT_INNER] = {"intermediate_size", 8192}, [HF_INNER] = {"intermediate_size_mlp", 16384},
      [HF_EXPERTS] = {"num_local_experts", 16}, [HF_TOPK] = {NULL, 1}, [HF_SHARED] = {"-", 1}, [HF_FIRST_DENSE] = {"-", 0},
      [HF_MOE_STEP] = {"interleave_moe_layer_step", 1}, [HF_WINDOW] = {"attention_chunk_size", 8192},
      [HF_FULL_EVERY] = {"no_rope_layer_interval", 4}, [HF_HEADS] = {NULL, 40}, [HF_KV_HEADS] = {NULL, 8},
      [HF_HEAD_DIM] = {NULL, 128}, [HF_VOCAB] = {NULL, 202048}, [HF_HIDDEN] = {NULL, 5120}, [HF_LAYERS] = {NULL, 48}}},
    {"olmo2", "olmo3", HF_QK_NORM_FULL | HF_WINDOW_MIX, {[HF_FULL_EVERY] = {"-", 4}}},
    {"starcoder2", NULL, HF_PLAIN_FFN | HF_TIED | HF_WINDOW_ALL | ALL_BIASES, {{0}}},
    {"gpt2", NULL, HF_PLAIN_FFN | HF_TIED | HF_LEARNED_POS | ALL_BIASES,
     {[HF_LAYERS] = {"n_layer|num_hidden_layers", 0}, [HF_HIDDEN] = {"n_embd|hidden_size", 0}, [HF_HEADS] = {"n_head|num_attention_heads", 0},
      [HF_INNER] = {"n_inner|ffn_hidden_size", 0}, [HF_POSITIONS] = {"n_positions|n_ctx|max_position_embeddings", 0}}},
    {"gpt_neox", NULL, HF_PLAIN_FFN | HF_PARALLEL | ALL_BIASES, {{0}}},
    {"opt", NULL, HF_PLAIN_FFN | HF_TIED | HF_LEARNED_POS | ALL_BIASES, {[HF_INNER] = {"ffn_dim", 0}}},
    {"bloom", NULL, HF_PLAIN_FFN | HF_TIED | ALL_BIASES,
     {[HF_LAYERS] = {"n_layer|num_hidden_layers", 0}, [HF_HIDDEN] = {"hidden_size|n_embed", 0}, [HF_HEADS] = {"n_head|num_attention_heads", 0},
      [HF_POSITIONS] = {"seq_length", 0}}},
    {"mpt", NULL, HF_PLAIN_FFN | HF_TIED | HF_LEARNED_POS | HF_NO_BIAS_KEY | ALL_BIASES,
     {[HF_LAYERS] = {"n_layers", 0}, [HF_HIDDEN] = {"d_model", 0}, [HF_HEADS] = {"n_heads", 0}, [HF_POSITIONS] = {"max_seq_len", 0},
      [HF_KV_HEADS] = {"attn_config.kv_n_heads", 0}, [HF_INNER] = {"ffn_config.ffn_hidden_size", 0}, [HF_WINDOW] = {"attn_config.sliding_window_size", 0}}},
};

#define N_FAMILIES (sizeof families / sizeof families[0])

bool sp_i_hf_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, word, length) && (at[length] == '|' || !at[length]))
            return length > 0;
    }
    return false;
}

const sp_hf_family *sp_i_hf_family(const char *model_type)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (!strcmp(families[i].model_type, model_type) || sp_i_hf_listed(families[i].also, model_type))
            return &families[i];
    return NULL;
}

const sp_hf_family *sp_i_hf_family_at(size_t index)
{
    return index < N_FAMILIES ? &families[index] : NULL;
}

const char *sp_model_family_name(size_t index)
{
    return index < N_FAMILIES ? families[index].model_type : NULL;
}

const sp_hf_field_info *sp_i_hf_field_info(sp_hf_field field)
{
    return &usual[field];
}

const char *sp_i_hf_keys(const sp_hf_family *family, sp_hf_field field)
{
    return family->name[field].keys ? family->name[field].keys : usual[field].keys;
}
