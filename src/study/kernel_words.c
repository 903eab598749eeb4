/* What the field calls number formats and kinds of kernel, a table each. Capitals do not matter. */
#include "kernel_i.h"
#include "run_i.h"

#include <ctype.h>
#include <string.h>

/* A dtype's first word begins with one of these, and no digit follows: "fp8 (1x128/128x128 scales) -> bf16", "float8_e4m3fn", "fp8xfp8->bf16". Formats of
 * weights alone (w4a16) and of 64 bits have no matrix rate here. */
static const struct { const char *word; sp_format format; } formats[] = {
    {"mxfp8", SP_FMT_MXFP8}, {"mxfp4", SP_FMT_MXFP4}, {"nvfp4", SP_FMT_NVFP4}, {"mxfp6", SP_FMT_FP6}, {"hif8", SP_FMT_HIF8}, {"hifloat8", SP_FMT_HIF8}, {"hif4", SP_FMT_HIF4},
    {"hifloat4", SP_FMT_HIF4}, {"fp8", SP_FMT_FP8}, {"float8", SP_FMT_FP8}, {"f8", SP_FMT_FP8}, {"e4m3", SP_FMT_FP8}, {"e5m2", SP_FMT_FP8}, {"int8", SP_FMT_INT8},
    {"uint8", SP_FMT_INT8}, {"i8", SP_FMT_INT8}, {"s8", SP_FMT_INT8}, {"w8a8", SP_FMT_INT8}, {"fp6", SP_FMT_FP6}, {"e2m3", SP_FMT_FP6}, {"e3m2", SP_FMT_FP6},
    {"fp4", SP_FMT_NVFP4}, {"float4", SP_FMT_NVFP4}, {"e2m1", SP_FMT_NVFP4}, {"bf16", SP_FMT_BF16}, {"bfloat16", SP_FMT_BF16}, {"fp16", SP_FMT_FP16},
    {"float16", SP_FMT_FP16}, {"f16", SP_FMT_FP16}, {"half", SP_FMT_FP16}, {"tf32", SP_FMT_TF32}, {"fp32", SP_FMT_FP32}, {"float32", SP_FMT_FP32}, {"f32", SP_FMT_FP32},
    {"single", SP_FMT_FP32}, {"float", SP_FMT_FP32}};

sp_format sp_i_kernel_format(const char *dtype, sp_format otherwise, bool *known)
{
    *known = dtype[0] == '\0';
    const char *word = sp_i_word_starts(dtype, "torch.") ? dtype + strlen("torch.") : dtype;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (sp_i_word_starts(word, formats[i].word) && !isdigit((unsigned char)word[strlen(formats[i].word)])) {
            *known = true;
            return formats[i].format;
        }
    return otherwise;
}

/* The first that a name holds. `whole`: with no letter before or after it. */
static const struct { const char *word; sp_i_kernel_kind kind; bool whole; } kinds[] = {
    {"h2d", SP_I_KERNEL_NONE, false}, {"d2h", SP_I_KERNEL_NONE, false},   /* the link to the host: rows of collectives */
    {"transformer_layer", SP_I_KERNEL_LAYER, false}, {"mla_", SP_I_KERNEL_LATENT, false}, {"mha_prefill_dense", SP_I_KERNEL_LATENT, false},
    {"attention", SP_I_KERNEL_ATTENTION, false}, {"attn", SP_I_KERNEL_ATTENTION, false}, {"sdpa", SP_I_KERNEL_ATTENTION, true}, {"fmha", SP_I_KERNEL_ATTENTION, false},
    {"flash_decod", SP_I_KERNEL_ATTENTION, false}, {"flashdecod", SP_I_KERNEL_ATTENTION, false}, {"mha", SP_I_KERNEL_ATTENTION, true},
    {"gqa", SP_I_KERNEL_ATTENTION, true}, {"mqa", SP_I_KERNEL_ATTENTION, true}, {"fa2", SP_I_KERNEL_ATTENTION, true}, {"fa3", SP_I_KERNEL_ATTENTION, true},
    {"stream", SP_I_KERNEL_STREAM, true}, {"babelstream", SP_I_KERNEL_STREAM, true}, {"hbm", SP_I_KERNEL_STREAM, true}, {"memcpy", SP_I_KERNEL_STREAM, false},
    {"memset", SP_I_KERNEL_STREAM, false}, {"triad", SP_I_KERNEL_STREAM, true}, {"gemm", SP_I_KERNEL_GEMM, false}, {"matmul", SP_I_KERNEL_GEMM, false}, {"linear", SP_I_KERNEL_GEMM, true},
    {"mm", SP_I_KERNEL_GEMM, true}, {"bmm", SP_I_KERNEL_GEMM, true}, {"addmm", SP_I_KERNEL_GEMM, true}, {"bf16_peak", SP_I_KERNEL_GEMM, false}};

bool sp_i_kernel_named(const char *name, const char *word, bool whole)
{
    size_t n = strlen(word);
    for (const char *at = name; (at = strcasestr(at, word)) != NULL; at++)
        if (!whole || ((at == name || !isalpha((unsigned char)at[-1])) && !isalpha((unsigned char)at[n])))
            return true;
    return false;
}

sp_i_kernel_kind sp_i_kernel_kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (sp_i_kernel_named(name, kinds[i].word, kinds[i].whole))
            return kinds[i].kind;
    return sp_i_kernel_is_vector(name) ? SP_I_KERNEL_VECTOR : SP_I_KERNEL_NONE;
}
