/* A transformer layer measured whole (Korthikanti et al., 2022, table 4): Megatron-LM's operators of one tensor-parallel rank,
 * attention unfused, forward and backward, with or without recomputation and sequence parallelism. */
#include "kernel_i.h"

#include <string.h>

#define RANKS 8.0          /* tensor-parallel ranks of the table's 22B model */
#define TWO_BYTES 2.0

typedef struct layer { double tokens, seq, batch, hidden, heads, head_dim; sp_format format; } layer;

static void add_gemm(sp_study_kernel *out, const layer *l, const char *label, double groups, double m, double n, double k, double count)
{
    sp_op *op = sp_i_study_op(out, SP_OP_GEMM, label);
    op->format = l->format;
    op->groups = (uint32_t)groups;
    op->m = (uint64_t)m;
    op->n = (uint64_t)n;
    op->k = (uint64_t)k;
    op->count = count;
}

static void add_vector(sp_study_kernel *out, const char *label, double bytes, double count)
{
    sp_op *op = sp_i_study_op(out, SP_OP_VECTOR, label);
    op->bytes = bytes;
    op->count = count;
}

/* times: 1 for forward, 2 more for the two gradients of backward, 1 more where recomputed. */
static void core_attention(sp_study_kernel *out, const layer *l, double forward)
{
    double groups = l->batch * l->heads / RANKS, scores = groups * l->seq * l->seq;
    add_gemm(out, l, "scores", groups, l->seq, l->seq, l->head_dim, forward + 2.0);
    add_gemm(out, l, "values", groups, l->seq, l->head_dim, l->seq, forward + 2.0);
    add_vector(out, "softmax", scores * 2.0 * TWO_BYTES, forward + 1.5);          /* fused scale, mask, softmax; backward reads two */
    add_vector(out, "attention dropout", scores * (2.0 * TWO_BYTES + 1.0), forward + 1.0);
}

static void projections(sp_study_kernel *out, const layer *l, double forward)
{
    double h = l->hidden, each = forward + 2.0;
    add_gemm(out, l, "qkv", 1.0, l->tokens, 3.0 * h / RANKS, h, each);
    add_gemm(out, l, "projection", 1.0, l->tokens, h, h / RANKS, each);
    add_gemm(out, l, "up", 1.0, l->tokens, 4.0 * h / RANKS, h, each);
    add_gemm(out, l, "down", 1.0, l->tokens, h, 4.0 * h / RANKS, each);
    add_vector(out, "bias gelu", l->tokens * 4.0 * h / RANKS * 2.0 * TWO_BYTES, forward + 1.5);
}

static void outside_tensor_parallel(sp_study_kernel *out, const layer *l, double forward, bool sequence)
{
    double elements = l->tokens * l->hidden / (sequence ? RANKS : 1.0);
    add_vector(out, "layer norm", 2.0 * elements * 2.0 * TWO_BYTES, forward + 1.5);
    add_vector(out, "dropout and residual", 2.0 * elements * (3.0 * TWO_BYTES + 1.0), forward + 0.7);
    /* two all-reduces forward, two backward; sequence parallelism moves the same bytes as gather and scatter, and gathers the
     * layer's inputs once more in backward for the weight gradients */
    double once = 2.0 * (RANKS - 1.0) / RANKS * l->tokens * l->hidden * TWO_BYTES;
    out->moved_bytes = once * (2.0 * forward + 2.0 + (sequence ? 1.0 : 0.0));
}

void sp_i_kernel_layer(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out)
{
    if (c->batch < 1.0 || c->seq < 1.0 || c->heads < 1.0 || c->head_dim < 1.0) {
        out->skip = "no shape stated";
        return;
    }
    bool full = strstr(c->note, "full recompute") != NULL, selective = strstr(c->note, "selective") != NULL;
    bool sequence = strstr(c->note, "sequence") != NULL;
    layer l = {c->batch * c->seq, c->seq, c->batch, c->heads * c->head_dim, c->heads, c->head_dim, format};
    core_attention(out, &l, full || selective ? 2.0 : 1.0);
    projections(out, &l, full ? 2.0 : 1.0);
    outside_tensor_parallel(out, &l, full ? 2.0 : 1.0, sequence);
    out->assumed = "8 tensor-parallel ranks, a feed-forward of 4 x hidden, attention unfused";
}
