/* Vector and gather operators: bytes at the achievable rate beside FLOPs on the vector units. */
#include "op_i.h"

#include <math.h>

sp_status sp_i_op_stream(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t)
{
    if (!(op->bytes >= 0.0) || !(op->flop >= 0.0) || !isfinite(op->bytes) || !isfinite(op->flop) || op->bytes + op->flop == 0.0)
        return SP_E_INVAL;
    double share = chip->fit.mem_fraction.nominal;
    if (op->kind == SP_OP_GATHER)
        share *= chip->fit.gather_fraction.nominal;
    t->flop = op->flop;
    t->bytes = op->bytes;
    t->rate_flop_per_s = chip->vector_flop_per_s.nominal;
    t->matrix_s = op->flop / t->rate_flop_per_s;
    t->mem_s = op->bytes / (chip->mem_bw_bytes_per_s.nominal * share);
    t->vector = true;
    t->ran_in = op->format;
    return SP_OK;
}
