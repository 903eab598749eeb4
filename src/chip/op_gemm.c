/* GEMM: tiles over cores in waves, a fill per tile, traffic with L2 reuse. Formulas and sources: docs/models/chip.md. */
#include "op_i.h"

#include <math.h>

/* Relative extra cost of feeding a small tile from on-chip memory, per unit of relative operand traffic. A 64 x 64 tile
 * of a 128 x 128 family moves twice the operand bytes per FLOP and so takes 1 + SMALL_TILE times as long per FLOP.
 * guess: set with the rest of the curve on the open rows of validation/kernels.csv. */
#define SMALL_TILE 0.2
#define TILE_FLOOR 16.0   /* smallest tile side of the matrix instructions of all families (m16n8, 16 x 16 cubes) */

/* Tile sides a kernel library offers, as shares of the family's large tile. */
#define SIDES 6
static const double side_share[SIDES] = {1.0, 0.75, 0.5, 0.375, 0.25, 0.125};

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

/* ceil without a call or a branch, for x >= 0: adding and taking away 2^52 rounds to the nearest whole number. */
static inline double up(double x)
{
    double nearest = (x + 4503599627370496.0) - 4503599627370496.0;
    return nearest + (nearest < x ? 1.0 : 0.0);
}

/* Waves x (matrix work of a tile at its own efficiency + fill), for the best of the tiles offered.
 * core_flop_per_s: achievable rate of one core. A tile of a x b costs a b (1 + SMALL_TILE (traffic - 1)) elements, with
 * traffic = (1/a + 1/b) / (1/tile_m + 1/tile_n), written below without its divisions. 36 tiles take about 60 ns. */
static double matrix_seconds(const sp_chip *chip, const sp_op *op, double core_flop_per_s, sp_i_op_terms *t)
{
    double element_s = 2.0 * (double)op->k / core_flop_per_s, fill_s = chip->fit.gemm_fill_s.nominal;
    double plain_s = element_s * (1.0 - SMALL_TILE);
    double edge_s = element_s * SMALL_TILE / (1.0 / chip->tile_m + 1.0 / chip->tile_n);
    double per_core = 1.0 / chip->cores, side_m[SIDES], side_n[SIDES], across_m[SIDES], across_n[SIDES];
    for (int i = 0; i < SIDES; i++) {
        side_m[i] = fmax(chip->tile_m * side_share[i], TILE_FLOOR);
        side_n[i] = fmax(chip->tile_n * side_share[i], TILE_FLOOR);
        across_m[i] = up((double)op->m / side_m[i]);
        across_n[i] = up((double)op->n / side_n[i]) * op->groups * per_core;
    }
    double waves[SIDES][SIDES], seconds[SIDES][SIDES], best = INFINITY;
    for (int i = 0; i < SIDES; i++) {
        for (int j = 0; j < SIDES; j++) {   /* 1e-9: whole multiples of cores stay whole after the reciprocal */
            waves[i][j] = up(across_m[i] * across_n[j] - 1e-9);
            seconds[i][j] = waves[i][j] * (plain_s * side_m[i] * side_n[j] + edge_s * (side_m[i] + side_n[j]) + fill_s);
        }
    }
    for (int i = 0; i < SIDES; i++) {
        for (int j = 0; j < SIDES; j++) {
            if (seconds[i][j] < best) {
                best = seconds[i][j];
                t->tile_m = side_m[i];
                t->tile_n = side_n[j];
                t->waves = waves[i][j];
            }
        }
    }
    return best;
}

/* Bytes through memory: each operand once, and again for every block of the output that does not share it. A block is what
 * all cores work on at once, or, if larger, the square whose two operand panels fit in L2. */
static double traffic_bytes(const sp_chip *chip, const sp_op *op)
{
    double m = (double)op->m, n = (double)op->n, k = (double)op->k;
    double in = sp_format_bytes(op->format), a = m * k * in, b = n * k * in;
    double side = fmax(sqrt((double)chip->cores * chip->tile_m * chip->tile_n), chip->l2_bytes.nominal / (2.0 * k * in));
    double span_m = fmin(m, side), span_n = fmin(n, side * side / span_m);
    span_m = fmin(m, side * side / span_n);
    return op->groups * (a * (n / span_n) + b * (m / span_m) + m * n * sp_format_bytes(op->out_format) * (op->accumulate ? 2 : 1));
}

sp_status sp_i_op_gemm(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t)
{
    if (op->groups == 0 || op->m == 0 || op->n == 0 || op->k == 0)
        return SP_E_INVAL;
    t->flop = 2.0 * op->groups * (double)op->m * (double)op->n * (double)op->k;
    t->bytes = traffic_bytes(chip, op);
    t->rate_flop_per_s = sp_i_op_rate(chip, op->format, chip->fit.gemm_peak_fraction.nominal, &t->ran_in);
    t->matrix_s = matrix_seconds(chip, op, t->rate_flop_per_s / chip->cores, t);
    t->mem_s = t->bytes / (chip->mem_bw_bytes_per_s.nominal * chip->fit.mem_fraction.nominal);
    return SP_OK;
}
