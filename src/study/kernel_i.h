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

/* Operators of a row by kind of kernel. Each sets ops, counted_flop or counted_bytes, and assumed or skip. */
void sp_i_kernel_attention(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);
void sp_i_kernel_latent(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);
void sp_i_kernel_layer(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out);

#endif
