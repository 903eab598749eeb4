/* The terms of one launch, before `count`: what op_gemm.c, op_attention.c and op_stream.c hand to op_cost.c. */
#ifndef SP_OP_I_H
#define SP_OP_I_H

#include "chip_i.h"

typedef struct sp_i_op_terms {
    double flop, bytes;              /* useful work; memory traffic with re-reads                           */
    double matrix_s;                 /* matrix (or vector) unit busy, quantisation included                 */
    double exp_s;                    /* exponentials of softmax, part of matrix_s where not hidden          */
    double mem_s;                    /* traffic at the achievable rate                                      */
    double rate_flop_per_s;          /* rate the work was priced at                                         */
    double tile_m, tile_n, waves;            /* GEMM: the choice made                                       */
    double columns;                  /* ATTENTION: key columns a query row costs, fill and waste included   */
    sp_format ran_in;                /* native format used                                                  */
    bool vector;                     /* matrix_s is the vector unit's                                       */
} sp_i_op_terms;

sp_status sp_i_op_gemm(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t);
sp_status sp_i_op_attention(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t);
sp_status sp_i_op_stream(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t);

/* Peak of `format` on this chip (or of its stand-in) times the family's factor for its width. */
double sp_i_op_rate(const sp_chip *chip, sp_format format, double fraction, sp_format *ran_in);

#endif
