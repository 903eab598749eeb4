/* Internal: what the files of the model half of workload share. */
#ifndef SP_MODEL_I_H
#define SP_MODEL_I_H

#include "superpod/workload.h"

/* Weights split by what they cost: each matrix weight is one multiply-add per token, a vector weight is not counted as
 * FLOPs (norms, biases, sinks). */
typedef struct sp_model_weights { double matrix, vector; } sp_model_weights;

sp_model_weights sp_i_model_attn_weights(const sp_model *model, const sp_attn *attn);
/* FFN of a block: dense part, shared experts, router, projections around routed experts of another width, one expert. */
typedef struct sp_model_ffn_weights { sp_model_weights dense, shared, router, latent, expert; /* one expert */ } sp_model_ffn_weights;
sp_model_ffn_weights sp_i_model_ffn_weights(const sp_model *model, const sp_ffn *ffn);
sp_model_weights sp_i_model_residual_weights(const sp_model *model, const sp_block *block);   /* norms, hyper-connections */

/* Kinds of blocks, each once. `block` must have been zeroed before it was filled. SP_E_RANGE beyond SP_KINDS_MAX. */
typedef struct sp_model_kinds { sp_block kind[SP_KINDS_MAX]; uint32_t n; } sp_model_kinds;
sp_status sp_i_model_kind_index(sp_model_kinds *kinds, const sp_block *block, uint8_t *out);

/* model_catalog.c, model_aux.c */
sp_status sp_i_model_catalog_parse(sp_node root, sp_arena *arena, sp_model *model, sp_error *err);
sp_status sp_i_model_aux_parse(sp_node list, sp_arena *arena, sp_model *model, sp_error *err);

#endif
