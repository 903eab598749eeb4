/* Fused attention: matrix work and exponentials per visible key column, a fill per block of queries, KV traffic. */
#include "op_i.h"

#include <math.h>

#define BLOCK 128.0        /* queries and keys of one block in FlashAttention-2 and -3 at head size 128 (their papers)    */
#define ROWS_MIN 16.0      /* rows of the smallest matrix instruction: decode pads the packed query heads to this        */
#define SPLIT_COLUMNS 256.0 /* guess: key columns below which splitting a row over cores (flash-decoding) stops paying   */

/* Key columns that one query sees, mean over the queries. Causal queries are aligned to the end of the keys. */
static double visible_columns(const sp_op *op)
{
    double q = (double)op->q_len, kv = (double)op->kv_len, w = op->window ? (double)op->window : INFINITY;
    if (!op->causal)
        return fmin(kv, w);
    if (q > kv)   /* the first q - kv queries see nothing */
        q = kv;
    double first = kv - q + 1.0;                     /* seen by the first query; each next one sees one more */
    double growing = fmin(fmax(w - first, 0.0), q);  /* queries that see less than the window                */
    double seen = growing * first + 0.5 * growing * (growing - 1.0) + (q - growing) * fmin(w, kv);
    if (isinf(w))
        seen = q * first + 0.5 * q * (q - 1.0);
    return seen / (double)op->q_len;
}

static double memory_bytes(const sp_op *op)
{
    double element = sp_format_bytes(op->format), out = sp_format_bytes(op->out_format);
    double stored = op->kv_element_bytes > 0.0 ? op->kv_element_bytes : element;
    double rows = (double)op->batch * (double)op->heads * (double)op->q_len;
    double reach = (double)op->kv_len;
    if (op->window)
        reach = fmin(reach, (double)op->window + (double)op->q_len);
    double keys = (double)op->batch * (double)op->kv_heads * reach;
    double kv = keys * (op->v_in_k ? op->d_qk : (double)op->d_qk + op->d_v) * stored;
    double qo = rows * (op->d_qk * element + op->d_v * out);
    return op->backward ? 2.0 * (qo + kv) : qo + kv;   /* backward: also dO in, dQ out; dK and dV out */
}

/* How much longer than with all cores busy: blocks of queries, split along the keys while that pays. */
static double idle_factor(const sp_chip *chip, const sp_op *op, double columns)
{
    double group = (double)op->heads / (double)op->kv_heads;
    double packed = (double)op->q_len < BLOCK ? (double)op->q_len * group : (double)op->q_len;
    double units = (double)op->q_len < BLOCK ? (double)op->kv_heads : (double)op->heads;
    double blocks = (double)op->batch * units * fmax(1.0, packed / BLOCK);
    double parts = blocks * fmax(1.0, columns / SPLIT_COLUMNS);
    return fmax(1.0, chip->cores / parts);
}

sp_status sp_i_op_attention(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t)
{
    if (op->batch == 0 || op->heads == 0 || op->kv_heads == 0 || op->q_len == 0 || op->kv_len == 0 || op->d_qk == 0 ||
        op->d_v == 0 || op->heads % op->kv_heads != 0)
        return SP_E_INVAL;
    const sp_chip_fit *fit = &chip->fit;
    double rows = (double)op->batch * (double)op->heads * (double)op->q_len, seen = visible_columns(op);
    double gemms = op->backward ? 2.5 : 1.0;   /* 5 products of the forward's 2 (FlashAttention-2 paper, section 3.2) */
    double per_column = 2.0 * ((double)op->d_qk + op->d_v) * gemms;
    double fraction = op->backward ? fit->attention_bwd_fraction.nominal : fit->attention_fwd_fraction.nominal;
    double group = (double)op->heads / (double)op->kv_heads, together = (double)op->q_len * group;
    double padded = ceil(together / ROWS_MIN) * ROWS_MIN / together;
    double edge = fmin(BLOCK, 0.5 * (double)op->q_len + 0.5 * BLOCK);   /* of a block cut by a diagonal, mean */
    double waste = (op->causal ? edge : 0.0) + (op->window ? edge : 0.0);
    t->columns = seen + fmin(waste, (double)op->kv_len - seen) + fit->attention_fill.nominal;
    t->flop = rows * seen * per_column;
    t->bytes = memory_bytes(op);
    t->rate_flop_per_s = sp_i_op_rate(chip, op->format, fraction, &t->ran_in);
    double idle = idle_factor(chip, op, t->columns);
    double matrix_s = rows * padded * t->columns * per_column / t->rate_flop_per_s * idle;
    t->exp_s = rows * t->columns / chip->exp_per_s.nominal * idle;
    t->matrix_s = fmax(matrix_s, t->exp_s) + (1.0 - fit->attention_exp_overlap.nominal) * fmin(matrix_s, t->exp_s);
    t->mem_s = t->bytes / (chip->mem_bw_bytes_per_s.nominal * fit->mem_fraction.nominal);
    return SP_OK;
}
