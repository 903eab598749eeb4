/* Number formats: names, sizes, and which native format stands in for one that a chip lacks. */
#include "superpod/chip.h"

#include <string.h>

/* bits_per_block: a block's elements plus its scales. Sources: OCP Microscaling 1.0 (MX: one 8-bit scale for 32 elements);
 * NVFP4: one FP8 scale for 16 elements (NVIDIA, 2025); HiF4: 32 bits of scales for 64 elements (Huawei, 2025). */
static const struct { const char *name; double bytes; } formats[SP_FMT_N] = {
    [SP_FMT_FP32] = {"fp32", 4.0},
    [SP_FMT_TF32] = {"tf32", 4.0},
    [SP_FMT_BF16] = {"bf16", 2.0},
    [SP_FMT_FP16] = {"fp16", 2.0},
    [SP_FMT_FP8] = {"fp8", 1.0},
    [SP_FMT_INT8] = {"int8", 1.0},
    [SP_FMT_MXFP8] = {"mxfp8", 1.0 + 1.0 / 32.0},
    [SP_FMT_HIF8] = {"hif8", 1.0},
    [SP_FMT_FP6] = {"fp6", 0.75 + 1.0 / 32.0},
    [SP_FMT_MXFP4] = {"mxfp4", 0.5 + 1.0 / 32.0},
    [SP_FMT_NVFP4] = {"nvfp4", 0.5 + 1.0 / 16.0},
    [SP_FMT_HIF4] = {"hif4", 0.5 + 1.0 / 16.0},
};

/* Stand-ins in order of preference: the nearest format that holds the values, wider ones last. SP_FMT_N ends a row. */
static const uint8_t stand_ins[SP_FMT_N][6] = {
    [SP_FMT_FP32] = {SP_FMT_TF32, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_N},
    [SP_FMT_TF32] = {SP_FMT_FP32, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_N},
    [SP_FMT_BF16] = {SP_FMT_FP16, SP_FMT_TF32, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_FP16] = {SP_FMT_BF16, SP_FMT_TF32, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_FP8] = {SP_FMT_MXFP8, SP_FMT_HIF8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_INT8] = {SP_FMT_BF16, SP_FMT_FP16, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_MXFP8] = {SP_FMT_FP8, SP_FMT_HIF8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_HIF8] = {SP_FMT_FP8, SP_FMT_MXFP8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_FP6] = {SP_FMT_MXFP8, SP_FMT_FP8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_FP32, SP_FMT_N},
    [SP_FMT_MXFP4] = {SP_FMT_NVFP4, SP_FMT_MXFP8, SP_FMT_FP8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_N},
    [SP_FMT_NVFP4] = {SP_FMT_MXFP4, SP_FMT_MXFP8, SP_FMT_FP8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_N},
    [SP_FMT_HIF4] = {SP_FMT_MXFP4, SP_FMT_MXFP8, SP_FMT_FP8, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_N},
};

const char *sp_format_name(sp_format format)
{
    return (unsigned)format < SP_FMT_N ? formats[format].name : "none";
}

double sp_format_bytes(sp_format format)
{
    return (unsigned)format < SP_FMT_N ? formats[format].bytes : 0.0;
}

sp_status sp_format_parse(const char *text, sp_format *out, sp_error *err)
{
    const char *names[SP_FMT_N + 1];
    for (int f = 0; f < SP_FMT_N; f++) {
        names[f] = formats[f].name;
        if (strcmp(text, names[f]) == 0) {
            *out = (sp_format)f;
            return SP_OK;
        }
    }
    names[SP_FMT_N] = NULL;
    const char *near = sp_text_nearest(text, names);
    return sp_error_set(err, SP_E_INVAL, NULL, 0, 0,
                        "found number format '%.40s', expected one of fp32 tf32 bf16 fp16 fp8 int8 mxfp8 hif8 fp6 mxfp4 "
                        "nvfp4 hif4%s%s%s",
                        text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool sp_chip_has_format(const sp_chip *chip, sp_format format, sp_format *fallback)
{
    sp_format found = format;
    bool native = chip->matrix_flop_per_s[format].grade != SP_GRADE_NONE;
    for (int i = 0; !native && i < 6 && stand_ins[format][i] != SP_FMT_N; i++) {
        if (chip->matrix_flop_per_s[stand_ins[format][i]].grade != SP_GRADE_NONE) {
            found = (sp_format)stand_ins[format][i];
            break;
        }
    }
    if (fallback)
        *fallback = found;
    return native;
}
