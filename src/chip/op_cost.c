/* One operator on one chip: terms by kind, joined into a time; and the same told as a tree. */
#include "op_i.h"

#include <math.h>
#include <string.h>

static sp_status find_terms(const sp_chip *chip, const sp_op *op, sp_i_op_terms *t)
{
    memset(t, 0, sizeof *t);
    if ((unsigned)op->format >= SP_FMT_N || (unsigned)op->out_format >= SP_FMT_N || !(op->count >= 0.0) || !isfinite(op->count))
        return SP_E_INVAL;
    switch (op->kind) {
    case SP_OP_GEMM: return sp_i_op_gemm(chip, op, t);
    case SP_OP_ATTENTION: return sp_i_op_attention(chip, op, t);
    case SP_OP_VECTOR:
    case SP_OP_GATHER: return sp_i_op_stream(chip, op, t);
    case SP_OP_KINDS: break;
    }
    return SP_E_INVAL;
}

/* Computing and moving bytes overlap, but contend for issue slots, on-chip memory and power: the cube root of the sum of
 * cubes is the larger one alone and 1.26 x it when both are equal. Exponents of 2 to 4 fit the open rows alike. */
static double joined_s(double a, double b)
{
    return cbrt(a * a * a + b * b * b);
}

/* guess: share of the power above idle that the matrix (vector) units draw at full rate, and that memory draws at full
 * bandwidth; published breakdowns of large GEMMs and copies lie near these. Their sum above 1 is cut by TDP. */
#define MATRIX_POWER_SHARE 0.75
#define VECTOR_POWER_SHARE 0.30
#define MEM_POWER_SHARE 0.40

static double energy_j(const sp_chip *chip, const sp_i_op_terms *t, double time_s)
{
    double above = chip->tdp_w.nominal - chip->idle_w.nominal, share = t->vector ? VECTOR_POWER_SHARE : MATRIX_POWER_SHARE;
    double busy = share * t->flop / t->rate_flop_per_s + MEM_POWER_SHARE * t->mem_s;
    return fmin(chip->tdp_w.nominal * time_s, chip->idle_w.nominal * time_s + above * busy);
}

static const char *limit_of(const sp_i_op_terms *t, double launch_s)
{
    if (launch_s > t->matrix_s && launch_s > t->mem_s)
        return "launch";
    if (t->mem_s > t->matrix_s)
        return "memory";
    return t->vector ? "vector" : "matrix";
}

sp_status sp_chip_op_cost(const sp_chip *chip, const sp_op *op, sp_op_cost *out)
{
    sp_i_op_terms t;
    sp_status status = find_terms(chip, op, &t);
    if (status != SP_OK)
        return status;
    double count = op->count > 0.0 ? op->count : 1.0, launch_s = chip->fit.launch_s.nominal;
    double once_s = joined_s(t.matrix_s, t.mem_s) + launch_s;
    *out = (sp_op_cost){
        .time_s = count * once_s,
        .energy_j = count * energy_j(chip, &t, once_s),
        .flop = count * t.flop,
        .bytes = count * t.bytes,
        .matrix_time_s = count * t.matrix_s,
        .mem_time_s = count * t.mem_s,
        .launch_time_s = count * launch_s,
        .limit = limit_of(&t, launch_s),
    };
    return SP_OK;
}

static void explain_gemm(const sp_chip *chip, const sp_i_op_terms *t, sp_explain *x, int32_t row)
{
    const sp_chip_fit *fit = &chip->fit;
    int32_t m = sp_explain_add(x, row, "matrix", t->matrix_s, SP_UNIT_SECONDS,
                               "%.0f waves of %u tiles of %.0f x %.0f", t->waves, chip->cores, t->tile_m, t->tile_n);
    sp_explain_add(x, m, "rate", t->rate_flop_per_s, SP_UNIT_FLOP_PER_S, "%s peak x fraction",  sp_format_name(t->ran_in));
    sp_explain_add(x, m, "peak", chip->matrix_flop_per_s[t->ran_in].nominal, SP_UNIT_FLOP_PER_S, "%s",
                   chip->matrix_flop_per_s[t->ran_in].source);
    sp_explain_add(x, m, "peak fraction", fit->gemm_peak_fraction.nominal, SP_UNIT_NONE, "%s", fit->gemm_peak_fraction.source);
    sp_explain_add(x, m, "fill of a tile", fit->gemm_fill_s.nominal, SP_UNIT_SECONDS, "%s", fit->gemm_fill_s.source);
}

static void explain_attention(const sp_chip *chip, const sp_op *op, const sp_i_op_terms *t, sp_explain *x, int32_t row)
{
    const sp_value *fraction = op->backward ? &chip->fit.attention_bwd_fraction : &chip->fit.attention_fwd_fraction;
    int32_t m = sp_explain_add(x, row, "matrix", t->matrix_s, SP_UNIT_SECONDS, "%.1f key columns a query, fill and waste included",
                               t->columns);
    sp_explain_add(x, m, "rate", t->rate_flop_per_s, SP_UNIT_FLOP_PER_S, "%s peak x fraction", sp_format_name(t->ran_in));
    sp_explain_add(x, m, "peak fraction", fraction->nominal, SP_UNIT_NONE, "%s", fraction->source);
    sp_explain_add(x, m, "exponentials", t->exp_s, SP_UNIT_SECONDS, "%s", chip->exp_per_s.source);
}

sp_status sp_chip_op_explain(const sp_chip *chip, const sp_op *op, sp_explain *x, int32_t parent)
{
    sp_i_op_terms t;
    sp_op_cost cost;
    sp_status status = find_terms(chip, op, &t);
    if (status == SP_OK)
        status = sp_chip_op_cost(chip, op, &cost);
    if (status != SP_OK)
        return status;
    int32_t row = sp_explain_add(x, parent, op->label ? op->label : "operator", cost.time_s, SP_UNIT_SECONDS,
                                 "%g x (cube root of matrix^3 + memory^3, + launch); limit: %s", op->count > 0.0 ? op->count : 1.0, cost.limit);
    sp_explain_add(x, row, "work", cost.flop, SP_UNIT_COUNT, "FLOPs of all launches");
    sp_explain_add(x, row, "traffic", cost.bytes, SP_UNIT_BYTES, "bytes through memory of all launches");
    if (op->kind == SP_OP_GEMM)
        explain_gemm(chip, &t, x, row);
    else if (op->kind == SP_OP_ATTENTION)
        explain_attention(chip, op, &t, x, row);
    else
        sp_explain_add(x, row, "vector", t.matrix_s, SP_UNIT_SECONDS, "%s", chip->vector_flop_per_s.source);
    int32_t mem = sp_explain_add(x, row, "memory", t.mem_s, SP_UNIT_SECONDS, "traffic / (bandwidth x fraction)");
    sp_explain_add(x, mem, "bandwidth", chip->mem_bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S, "%s", chip->mem_bw_bytes_per_s.source);
    sp_explain_add(x, mem, "fraction", chip->fit.mem_fraction.nominal, SP_UNIT_NONE, "%s", chip->fit.mem_fraction.source);
    sp_explain_add(x, row, "launch", chip->fit.launch_s.nominal, SP_UNIT_SECONDS, "%s", chip->fit.launch_s.source);
    return SP_OK;
}

#define FOUR_BIT_ENERGY 0.5   /* guess: of the 8-bit energy; Blackwell's 16 to 8 bits is 0.85 to 0.39 pJ a FLOP           */

double sp_chip_sustained_flop_per_s(const sp_chip *chip, sp_format format)
{
    sp_format used = format;
    if (!sp_chip_has_format(chip, format, &used))
        format = used;
    const sp_value *energy = sp_format_bytes(format) < 1.5 ? &chip->fit.energy_narrow_pj_per_flop : &chip->fit.energy_pj_per_flop;
    /* operands of 4 bits: the energy of a multiply-add falls with the bits moved into it, as from 16 to 8 bits it does */
    double width = sp_format_bytes(format) < 0.8 ? FOUR_BIT_ENERGY : 1;
    return energy->grade == SP_GRADE_NONE ? INFINITY : chip->tdp_w.nominal / (energy->nominal * width * 1e-12);
}
