/* Invariants of a chip that hold between its values, and again those of each value, for chips made in memory. */
#include "chip_i.h"

#include <math.h>
#include <string.h>

static sp_status fail(sp_error *err, const char *format, const char *name, const char *key, double a, double b)
{
    return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, format, name, key, a, b);
}

static sp_status check_fields(const char *name, const sp_i_chip_field *field, const void *base, sp_error *err)
{
    for (; field->key; field++) {
        if (field->bound == SP_I_CHIP_COUNT)
            continue;
        sp_value value;
        memcpy(&value, (const char *)base + field->offset, sizeof value);
        if (value.grade == SP_GRADE_NONE) {
            if (field->needed)
                return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %s has no '%s'", name, field->key);
            continue;
        }
        const char *expected = sp_i_chip_bound_broken(field->bound, value.low, value.high);
        if (expected)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %s: '%s' is %g … %g, expected %s", name, field->key,
                                value.low, value.high, expected);
        if (!(value.low <= value.nominal && value.nominal <= value.high))
            return fail(err, "chip %s: '%s' has low %g and high %g that do not hold the nominal value", name, field->key,
                        value.low, value.high);
    }
    return SP_OK;
}

static sp_status check_rates(const sp_chip *chip, sp_error *err)
{
    for (int f = 0; f < SP_FMT_N; f++) {
        const sp_value *matrix = &chip->matrix_flop_per_s[f], *advertised = &chip->advertised_flop_per_s[f];
        const char *format = sp_format_name((sp_format)f);
        if (matrix->grade == SP_GRADE_NONE)
            continue;
        if (!(matrix->low > 0.0) || !isfinite(matrix->high))
            return fail(err, "chip %s: the %s rate is %g … %g, expected a quantity above 0", chip->name, format, matrix->low,
                        matrix->high);
        /* A rating may be a sustained figure below what the silicon can do (910B: 313 of 376), but not far below. */
        if (advertised->grade == SP_GRADE_NONE || advertised->nominal < 0.75 * matrix->nominal)
            return fail(err, "chip %s: the advertised %s rate %g is far below the matrix rate %g; exchange them?", chip->name,
                        format, advertised->nominal, matrix->nominal);
    }
    if (chip->matrix_flop_per_s[SP_FMT_BF16].grade == SP_GRADE_NONE && chip->matrix_flop_per_s[SP_FMT_FP16].grade == SP_GRADE_NONE)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %s has neither a bf16 nor an fp16 matrix rate; add one under "
                            "'matrix': other formats fall back on it", chip->name);
    return SP_OK;
}

static sp_status check_ports(const sp_chip *chip, sp_error *err)
{
    if (chip->ports == 0)
        return SP_OK;
    if (chip->port_bw_bytes_per_s.grade == SP_GRADE_NONE)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %s has %u ports but no 'port_bw'", chip->name, chip->ports);
    double sum = chip->ports * chip->port_bw_bytes_per_s.nominal, stated = chip->scaleup_bw_bytes_per_s.nominal;
    if (fabs(sum - stated) > 0.02 * stated)
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "chip %s: ports x port rate = %g B/s but 'scaleup_bw' is %g B/s; they "
                            "must agree within 2 %%", chip->name, sum, stated);
    if (chip->uboe_ports_taken + chip->pcie_ports_taken > chip->ports)
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "chip %s: 'uboe_ports_taken' and PCIe take %u ports of %u", chip->name,
                            chip->uboe_ports_taken + chip->pcie_ports_taken, chip->ports);
    return SP_OK;
}

sp_status sp_chip_check(const sp_chip *chip, sp_error *err)
{
    if (!chip->name || !chip->title || !chip->vendor || !chip->family || !chip->host_cpu)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a chip needs a name, title, vendor, family and host_cpu");
    if (chip->n_available < 1 || chip->n_available > SP_CHIP_DATES)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %s needs 1 to %d dates of availability", chip->name, SP_CHIP_DATES);
    if (chip->cores < 1 || chip->tile_m < 1 || chip->tile_n < 1)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %s has %u cores with tiles of %u x %u; all must be at least 1",
                            chip->name, chip->cores, chip->tile_m, chip->tile_n);
    sp_status status = check_fields(chip->name, sp_i_chip_fields, chip, err);
    if (status == SP_OK)
        status = check_fields(chip->name, sp_i_fit_fields, &chip->fit, err);
    if (status == SP_OK)
        status = check_rates(chip, err);
    if (status == SP_OK)
        status = check_ports(chip, err);
    if (status == SP_OK && chip->idle_w.nominal > chip->tdp_w.nominal)
        status = fail(err, "chip %s: '%s' is %g W, above the TDP of %g W", chip->name, "idle", chip->idle_w.nominal, chip->tdp_w.nominal);
    return status;
}
