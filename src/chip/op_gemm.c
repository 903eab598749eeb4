/* GEMM: tiles over cores in waves, a fill per tile, traffic with L2 reuse. Formulas and sources: docs/models/chip.md. */
#include "op_i.h"

#include <math.h>

/* Relative extra cost of feeding a small tile from on-chip memory, per unit of relative operand traffic. A 64 x 64 tile
 * of a 128 x 128 family moves twice the operand bytes per FLOP and so takes 1 + SMALL_TILE times as long per FLOP.
 * guess: set with the rest of the curve on the open rows of validation/kernels.csv. */
#define SMALL_TILE 0.15
#define TILE_FLOOR 16.0   /* smallest tile side of the matrix instructions of all families (m16n8, 16 x 16 cubes) */
#define HALVINGS 4        /* tile sides tried: T, T/2, T/4, T/8                                                   */

double sp_i_op_rate(const sp_chip *chip, sp_format format, double fraction, sp_format *ran_in)
{
    sp_format native = format;
    sp_chip_has_format(chip, format, &native);
    *ran_in = native;
    double rate = chip->matrix_flop_per_s[native].nominal * fraction;
    switch (native) {
    case SP_FMT_FP8: case SP_FMT_INT8: case SP_FMT_MXFP8: case SP_FMT_HIF8:
        return rate * chip->fit.gemm_fp8_fraction.nominal;
    case SP_FMT_FP6: case SP_FMT_MXFP4: case SP_FMT_NVFP4: case SP_FMT_HIF4:
        return rate * chip->fit.gemm_fp4_fraction.nominal;
    default:
        return rate;
    }
}

/* Core-elements of the output, quantised to whole tiles and whole waves, weighted by the tile's own efficiency. */
static double tiled_area(const sp_chip *chip, const sp_op *op, double tile_m, double tile_n, double *waves)
{
    double tiles = op->groups * ceil((double)op->m / tile_m) * ceil((double)op->n / tile_n);
    double traffic = (1.0 / tile_m + 1.0 / tile_n) / (1.0 / chip->tile_m + 1.0 / chip->tile_n);
    *waves = ceil(tiles / chip->cores);
    return *waves * tile_m * tile_n * (1.0 + SMALL_TILE * (traffic - 1.0));
}

static void choose_tile(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t, double *area)
{
    *area = INFINITY;
    double tile_m = chip->tile_m;
    for (int i = 0; i < HALVINGS && (i == 0 || tile_m >= TILE_FLOOR); i++, tile_m *= 0.5) {
        double tile_n = chip->tile_n;
        for (int j = 0; j < HALVINGS && (j == 0 || tile_n >= TILE_FLOOR); j++, tile_n *= 0.5) {
            double waves, here = tiled_area(chip, op, tile_m, tile_n, &waves);
            if (here < *area) {
                *area = here;
                t->tile_m = tile_m;
                t->tile_n = tile_n;
                t->waves = waves;
            }
        }
    }
}

/* Bytes through memory: each operand once, and again for every further wave that needs it, unless L2 keeps it. */
static double traffic_bytes(const sp_chip *chip, const sp_op *op)
{
    double m = (double)op->m, n = (double)op->n, k = (double)op->k;
    double in = sp_format_bytes(op->format), a = m * k * in, b = n * k * in;
    double area = (double)chip->cores * chip->tile_m * chip->tile_n, side = sqrt(area);
    double span_m = fmin(m, side), span_n = fmin(n, area / span_m);
    span_m = fmin(m, area / span_n);
    double again = a * (n / span_n - 1.0) + b * (m / span_m - 1.0);
    double missed = fmax(0.0, 1.0 - chip->l2_bytes.nominal / (a + b));
    return op->groups * (a + b + again * missed + m * n * sp_format_bytes(op->out_format));
}

sp_status sp_i_op_gemm(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t)
{
    if (op->groups == 0 || op->m == 0 || op->n == 0 || op->k == 0)
        return SP_E_INVAL;
    double area, k = (double)op->k;
    choose_tile(chip, op, t, &area);
    t->flop = 2.0 * op->groups * (double)op->m * (double)op->n * k;
    t->bytes = traffic_bytes(chip, op);
    t->rate_flop_per_s = sp_i_op_rate(chip, op->format, chip->fit.gemm_peak_fraction.nominal, &t->ran_in);
    t->matrix_s = 2.0 * area * chip->cores * (k + chip->fit.gemm_k_half.nominal) / t->rate_flop_per_s;
    t->mem_s = t->bytes / (chip->mem_bw_bytes_per_s.nominal * chip->fit.mem_fraction.nominal);
    t->split_k = 1.0;
    return SP_OK;
}
