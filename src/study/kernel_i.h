/* What the kernel_*.c files share. */
#ifndef SP_KERNEL_I_H
#define SP_KERNEL_I_H

#include "superpod/study.h"

/* The cells of one row of a kernels table, numbers read; absent numbers are 0. */
typedef struct sp_i_kernel_cells {
    const char *kernel, *hardware, *hw_class, *dtype, *library, *note, *util;
    double m, n, k, groups, batch, seq, heads, head_dim, bytes, tflops, gbs, time_us;
} sp_i_kernel_cells;

/* Appends an operator; a bug (assert) beyond SP_STUDY_OPS. Returns it for filling. */
sp_op *sp_i_study_op(sp_study_kernel *out, sp_op_kind kind, const char *label);

/* The format that a dtype's words name; an empty one is `otherwise`. */
sp_format sp_i_kernel_format(const char *dtype, sp_format otherwise, bool *known);
typedef enum sp_i_kernel_kind { SP_I_KERNEL_NONE, SP_I_KERNEL_GEMM, SP_I_KERNEL_ATTENTION, SP_I_KERNEL_LATENT, SP_I_KERNEL_LAYER, SP_I_KERNEL_STREAM,
                                SP_I_KERNEL_VECTOR } sp_i_kernel_kind;
sp_i_kernel_kind sp_i_kernel_kind_of(const char *name);
bool sp_i_kernel_named(const char *name, const char *word, bool whole);   /* any case; whole: no letter before or after */
bool sp_i_kernel_is_vector(const char *name);

/* Operators of a row by kind of kernel. Each sets ops, counted_flop or counted_bytes, and assumed or skip. */
void sp_i_kernel_attention(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);
void sp_i_kernel_latent(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);
void sp_i_kernel_layer(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);
void sp_i_kernel_vector(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);

#endif
