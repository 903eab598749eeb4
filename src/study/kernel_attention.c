/* Attention rows: fused kernels by their shape, the unfused sequence, and latent attention whose shape a row leaves open. */
#include "kernel_i.h"
#include "run_i.h"

#include <string.h>

static void set_shape(sp_op *op, sp_format format, double batch, double heads, double kv_heads, double q, double kv, double d_qk,
                      double d_v)
{
    op->format = format;
    op->out_format = SP_FMT_BF16;
    op->batch = (uint64_t)batch;
    op->heads = (uint64_t)heads;
    op->kv_heads = (uint64_t)kv_heads;
    op->q_len = (uint64_t)q;
    op->kv_len = (uint64_t)kv;
    op->d_qk = (uint32_t)d_qk;
    op->d_v = (uint32_t)d_v;
}

/* Scores written and read again by separate kernels: two batched GEMMs and a softmax pass each way, twice that backward. */
static void unfused_ops(const sp_i_kernel_cells *c, sp_format format, double heads, sp_study_kernel *out)
{
    double elements = c->batch * heads * c->seq * c->seq;
    const struct { const char *label; double n, k, count; } gemms[] = {
        {"scores", c->seq, c->head_dim, 3.0}, {"values", c->head_dim, c->seq, 3.0}};   /* forward 1, backward 2 */
    for (int i = 0; i < 2; i++) {
        sp_op *op = sp_i_study_op(out, SP_OP_GEMM, gemms[i].label);
        op->format = format;
        op->groups = (uint32_t)(c->batch * heads);
        op->m = (uint64_t)c->seq;
        op->n = (uint64_t)gemms[i].n;
        op->k = (uint64_t)gemms[i].k;
        op->count = gemms[i].count;
    }
    sp_op *softmax = sp_i_study_op(out, SP_OP_VECTOR, "softmax");
    softmax->bytes = elements * 2.0 * 2.0 * 3.0;   /* 2-byte elements read and written: scale, softmax, its gradient */
    softmax->flop = elements * 15.0;
}

static bool older_than(const char *library, const char *chip)
{
    static const struct { const char *word; int generation; } words[] = {{"FlashAttention-2", 2}, {"FlashAttention 2", 2}, {"FA2", 2}, {"FA-2", 2}, {"flash-attn 2", 2},
                                                                         {"FlashAttention-3", 3}, {"FlashAttention 3", 3}, {"FA3", 3}, {"FA-3", 3}};
    int written = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && !written; i++)
        if (sp_i_word_in(library, words[i].word))
            written = words[i].generation;
    bool hopper = strncmp(chip, "h", 1) == 0;
    bool blackwell = strncmp(chip, "b", 1) == 0 || strncmp(chip, "gb", 2) == 0;
    return (hopper && written == 2) || (blackwell && written > 0);
}

typedef struct keys_seen { double heads, kv_heads, queries, window; bool causal, backward, forward; } keys_seen;

/* Heads that keys have ("8 kv heads", "kv heads 8"), a window ("window 4096") and one query a sequence (decode) stand in names and notes. */
static keys_seen read_words(const sp_i_kernel_cells *c, sp_study_kernel *out)
{
    bool backward = sp_i_kernel_named(c->kernel, "bwd", false) || sp_i_kernel_named(c->kernel, "backward", false);
    bool forward = !backward || sp_i_kernel_named(c->kernel, "fwd", false) || sp_i_kernel_named(c->kernel, "forward", false);
    keys_seen s = {.heads = c->heads, .queries = c->seq, .causal = sp_i_word_in(c->kernel, "causal") && !sp_i_word_in(c->kernel, "noncausal"),
              .backward = backward, .forward = forward};
    if (s.heads < 1.0) {
        s.heads = 2048.0 / c->head_dim < 1.0 ? 1.0 : 2048.0 / c->head_dim;
        out->assumed = "no heads stated: hidden size 2,048";
    }
    s.kv_heads = sp_i_word_number_before(c->note, " kv heads", sp_i_word_number_after(c->note, "kv heads ", sp_i_word_number_after(c->note, "kv_heads", s.heads)));
    if (!(s.kv_heads >= 1) || s.kv_heads > s.heads)
        s.kv_heads = s.heads;
    if (sp_i_word_in(c->kernel, "decod") || sp_i_word_in(c->kernel, "paged"))
        s.queries = 1;
    bool windowed = sp_i_kernel_named(c->kernel, "swa", true) || sp_i_word_in(c->kernel, "window") || sp_i_word_in(c->note, "window");
    if (windowed) {
        s.window = sp_i_word_number_after(c->note, "window ", sp_i_word_number_after(c->note, "window", 0));
        s.causal = true;
        if (!(s.window >= 1))
            out->skip = "a window of which the size is not stated in the note, as 'window 4096'";
    }
    return s;
}

/* Pairs of a query and a key that it sees. */
static double pairs(const sp_i_kernel_cells *c, const keys_seen *s)
{
    double keys = s->window >= 1 && s->window < c->seq ? s->window : c->seq;
    if (s->queries == 1)
        return keys;
    return keys < c->seq ? keys * c->seq - 0.5 * keys * (keys - 1) : c->seq * c->seq * (s->causal ? 0.5 : 1.0);
}

void sp_i_kernel_attention(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out)
{
    if (c->batch < 1.0 || c->seq < 1.0 || c->head_dim < 1.0) {
        out->skip = "no shape stated";
        return;
    }
    keys_seen s = read_words(c, out);
    double once = c->batch * s.heads * pairs(c, &s) * 4.0 * c->head_dim;
    out->counted_flop = once * ((s.forward ? 1.0 : 0.0) + (s.backward ? 2.5 : 0.0));
    if (s.queries == 1)
        out->counted_bytes = c->batch * s.kv_heads * pairs(c, &s) * 2.0 * c->head_dim * sp_format_bytes(format);
    out->previous_kernels = out->chip && older_than(c->library, out->chip);
    if (strstr(c->library, "PyTorch standard")) {
        unfused_ops(c, format, s.heads, out);
        return;
    }
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0 ? !s.forward : !s.backward)
            continue;
        sp_op *op = sp_i_study_op(out, SP_OP_ATTENTION, pass ? "attention backward" : "attention");
        set_shape(op, format, c->batch, s.heads, s.kv_heads, s.queries, c->seq, c->head_dim, c->head_dim);
        op->causal = s.causal;
        op->window = (uint64_t)s.window;
        op->backward = pass == 1;
    }
}

static double stated_or(double stated, double otherwise) { return stated >= 1.0 ? stated : otherwise; }

/* DeepSeek's latent attention: 128 query heads; absorbed keys of 576 whose first 512 serve as values, one key head; not
 * absorbed, heads of 192 and 128. What a row leaves open: two queries a sequence (one speculative token) and 128 sequences of 8,192 are the
 * compute-bound case of FlashMLA's own test; one query of 16 heads leaves memory as the limit. */
void sp_i_kernel_latent(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out)
{
    bool backward = strstr(c->kernel, "bwd") != NULL, rate_alone = c->gbs > 0 && !(c->tflops > 0);
    bool memory = strstr(c->kernel, "memory-bound") != NULL || rate_alone;
    double heads = stated_or(c->heads, memory ? 16 : 128), keys = stated_or(c->seq, 8192);
    bool decode = strstr(c->kernel, "decode") != NULL, sparse = strstr(c->kernel, "sparse") != NULL;
    sp_op *op = sp_i_study_op(out, SP_OP_ATTENTION, c->kernel);
    if (decode) {
        set_shape(op, format, stated_or(c->batch, 128), heads, 1, memory ? 1 : 2, sparse && keys > 2048 ? 2048 : keys, 576, 512);
        op->v_in_k = true;
        if (strstr(c->kernel, "fp8 kv"))   /* 512 latent FP8 values, 4 FP32 scales, 64 BF16 rotary values (FlashMLA README) */
            op->kv_element_bytes = 656.0 / 576.0;
    } else if (sparse) {   /* every query gathers its own 2,048 of 8,192 keys, which L2 holds: memory gives each key once */
        double queries = stated_or(c->batch, 1) * (c->seq >= 1 ? keys : 4096), seen = keys > 2048 ? 2048 : keys;
        set_shape(op, format, queries, heads, 1, 1, seen, 576, 512);
        op->v_in_k = true;
        op->kv_element_bytes = sp_format_bytes(format) * stated_or(c->batch, 1) * keys / (queries * seen);
    } else {
        set_shape(op, format, stated_or(c->batch, 1), heads, heads, keys, keys, 192, 128);
        op->causal = true;
    }
    op->backward = backward;
    if (!(c->batch >= 1 && c->seq >= 1 && c->heads >= 1))
        out->assumed = "not all of the shape is stated: DeepSeek-V3's heads, 128 sequences of 8,192 (sparse: 2,048 keys), prefill of 8,192";
    double seen = op->causal ? 0.5 * (double)op->kv_len : (double)op->kv_len;
    double rows = (double)op->batch * (double)op->heads * (double)op->q_len;
    if (memory)
        out->counted_bytes = (double)op->batch * (double)op->kv_len * 576.0 * sp_format_bytes(format);
    else
        out->counted_flop = rows * seen * 2.0 * ((double)op->d_qk + op->d_v) * (backward ? 2.5 : 1.0);
}
