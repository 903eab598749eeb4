/* Operators that pass over memory: norms, activations, softmax, rotary embedding, routing, loss, optimizer. One launch reads its inputs and writes
 * its outputs once, as fused kernels do; arithmetic hides behind it. */
#include "kernel_i.h"

#include <string.h>

/* Elements read and written for each element of the result (`m` x `n`, or batch x sequence x heads x head size), forward and backward, and bytes
 * beside them whatever the format. A first match counts: longer names stand before those within them. */
static const struct vector_kind { const char *word; double forward, backward, bytes; bool gather; } vectors[] = {
    {"softmax", 2, 3, 0, false},          /* x -> y; y, dy -> dx                                       */
    {"norm", 2, 3, 0, false},             /* x -> y; x, dy -> dx (statistics and weights are small)    */
    {"swiglu", 3, 5, 0, false},           /* gate, up -> y; gate, up, dy -> two                        */
    {"geglu", 3, 5, 0, false},
    {"silu_mul", 3, 5, 0, false},
    {"silu_and_mul", 3, 5, 0, false},
    {"silu", 2, 3, 0, false},
    {"gelu", 2, 3, 0, false},
    {"relu", 2, 3, 0, false},
    {"activation", 2, 3, 0, false},
    {"rope", 2, 2, 0, false},             /* a rotation each way                                       */
    {"rotary", 2, 2, 0, false},
    {"dropout", 2, 2, 1, false},          /* and a mask of bytes                                       */
    {"cross_entropy", 1, 2, 0, false},    /* logits once; logits -> gradient                           */
    {"crossentropy", 1, 2, 0, false},
    {"loss", 1, 2, 0, false},
    {"adam", 0, 0, 28, false},            /* FP32 weight and two moments read and written, gradient read */
    {"optimizer", 0, 0, 28, false},
    {"sgd", 0, 0, 12, false},
    {"quant", 1, 1, 1 + 1.0 / 32, false}, /* 16 bits in; 8 bits and a scale a block out                */
    {"transpose", 2, 2, 0, false},
    {"unpermute", 2, 2, 0, true},         /* rows at random one way                                    */
    {"permute", 2, 2, 0, true},
    {"embedding", 2, 2, 0, true},
    {"gather", 2, 2, 0, true},
    {"topk", 1, 1, 0, false},
    {"top_k", 1, 1, 0, false},
    {"router", 1, 1, 0, false},
    {"residual", 3, 2, 0, false},
    {"bias", 2, 2, 0, false},
    {"elementwise", 2, 2, 0, false},
    {"vector_add", 3, 2, 0, false},
    {"add", 3, 2, 0, false},
    {"mul", 3, 3, 0, false},
    {"copy", 2, 2, 0, false}};

static const struct vector_kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        if (sp_i_kernel_named(name, vectors[i].word, strlen(vectors[i].word) <= 4 && strcmp(vectors[i].word, "norm") != 0 && strcmp(vectors[i].word, "adam") != 0))
            return &vectors[i];
    return NULL;
}

bool sp_i_kernel_is_vector(const char *name) { return kind_of(name) != NULL; }

static double elements_of(const sp_i_kernel_cells *c)
{
    if (c->m > 0)
        return c->m * (c->n > 0 ? c->n : 1) * (c->groups > 1 ? c->groups : 1);
    double width = c->head_dim > 0 ? c->head_dim * (c->heads > 0 ? c->heads : 1) : c->n;
    return (c->batch > 0 ? c->batch : 1) * c->seq * width;
}

void sp_i_kernel_vector(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out)
{
    const struct vector_kind *kind = kind_of(c->kernel);
    bool backward = sp_i_kernel_named(c->kernel, "bwd", true) || sp_i_kernel_named(c->kernel, "backward", true);
    bool forward = !backward || sp_i_kernel_named(c->kernel, "fwd", true);
    double passes = (forward ? kind->forward : 0) + (backward ? kind->backward : 0), times = forward && backward ? 2 : 1;
    double bytes = elements_of(c) * (passes * sp_format_bytes(format) + times * kind->bytes);
    if (!(bytes > 0) && !(c->bytes > 0)) {
        out->skip = "no shape stated";
        return;
    }
    sp_op *op = sp_i_study_op(out, kind->gather ? SP_OP_GATHER : SP_OP_VECTOR, kind->word);
    op->bytes = bytes > 0 ? bytes / times : c->bytes / times;
    op->count = times;
    out->counted_bytes = bytes > 0 ? bytes : c->bytes;
    if (!(bytes > 0))
        out->assumed = "no shape stated: its bytes are all that is read and written";
}
