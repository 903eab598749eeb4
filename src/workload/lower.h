/* Appending items of one micro-batch on one chip. Private to workload. */
#ifndef SP_WORKLOAD_LOWER_H
#define SP_WORKLOAD_LOWER_H

#include "superpod/workload.h"

#define SP_I_ACT_BYTES 2.0   /* activations between operators are BF16 */

/* Sizes that every rule needs, computed once. */
typedef struct sp_i_lower {
    const sp_model *model;
    const sp_plan *plan;
    sp_pass pass;
    sp_items *out;
    double tokens;        /* of a micro-batch on one CP rank: mbs * seq / cp                     */
    double tokens_sp;     /* the same where sequence parallelism splits them over TP             */
    bool alternate;       /* of computing again: every second matrix product and attention's core were kept */
    uint32_t products;    /* matrix products so far                                              */
    double kept_bytes;    /* outputs that were kept                                              */
    bool adapted;         /* linear layers here have LoRA adapters                               */
    bool parallel;        /* attention and FFN share a norm, the way into TP, the way out and the residual sum */
    bool norms_after;     /* attention and FFN have a norm behind them as well                   */
    bool overflow;        /* an item did not fit: a bug, asserted                                */
} sp_i_lower;

sp_i_lower sp_i_lower_make(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out);

/* What the fullest rank of an EP group is given, of the mean. */
static inline double sp_i_lower_load(const sp_plan *plan)
{
    return plan->expert_load ? plan->expert_load / 100.0 : 1;
}

/* A linear layer m x k . k x n: one GEMM forward, two backward (input and weight gradients; frozen ones have the input's alone,
 * and adapters where `adapted`), and quantising its input when the recipe is narrower than BF16. `label` as in sp_item. groups > 1: grouped, m is per group. */
void sp_i_lower_linear(sp_i_lower *lower, const char *label, double m, double n, double k, uint32_t groups);
/* Layers of the same input, as n outputs of one product; computed again, where every second product is, each on its own. */
void sp_i_lower_joined(sp_i_lower *lower, const char *label, double m, const double *out, uint32_t n, double k, uint32_t groups);
/* The same in BF16 whatever the recipe (router, head). */
void sp_i_lower_linear_bf16(sp_i_lower *lower, const char *label, double m, double n, double k);
/* A product of two activations in BF16: both have gradients whatever is trained. */
void sp_i_lower_product(sp_i_lower *lower, const char *label, double m, double n, double k);
/* Element-wise work: `reads` and `writes` elements forward; backward moves as much again plus the incoming gradient. */
void sp_i_lower_vector(sp_i_lower *lower, const char *label, double reads, double writes, double flop_per_element);
void sp_i_lower_comm(sp_i_lower *lower, const char *label, sp_comm_group group, sp_coll_op coll, double size_bytes, uint32_t slack);
void sp_i_lower_op(sp_i_lower *lower, const sp_op *op);

/* Entering and leaving a tensor-parallel region: all-gather / reduce-scatter with sequence parallelism, nothing /
 * all-reduce without; mirrored in the backward pass. width: elements a token. */
void sp_i_lower_tp_enter(sp_i_lower *lower, double width);
void sp_i_lower_tp_leave(sp_i_lower *lower, double width);

/* The norm of an activation of model width. */
void sp_i_lower_norm(sp_i_lower *lower);
/* What attention or FFN ends with: its sum with the block's input, and the norm before that where there is one. */
void sp_i_lower_residual(sp_i_lower *lower, double inputs);

void sp_i_lower_attention(sp_i_lower *lower, const sp_attn *attn);
void sp_i_lower_ffn(sp_i_lower *lower, const sp_ffn *ffn);

#endif
