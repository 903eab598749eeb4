/* Constants of chip families, fitted on kernels. */
#include "fit_i.h"

#include <math.h>
#include <string.h>

#define FIT(member) offsetof(sp_chip_fit, member)
#define ORIGIN "the open rows of validation/kernels.csv"

static const struct {
    const char *key, *unit;
    double scale;
    size_t offset;               /* of the sp_value in sp_chip_fit */
    const char *families;        /* or "all"                       */
    double start, low, high;     /* as written                     */
} keys[] = {
    {"gemm_peak_fraction", "", 1, FIT(gemm_peak_fraction), "ampere", 0.85, 0.3, 1},
    {"gemm_fill", "us", 1e-6, FIT(gemm_fill_s), "ampere", 2, 0.05, 100},
    {"gemm_fill", "us", 1e-6, FIT(gemm_fill_s), "hopper", 2, 0.05, 100},
    {"gemm_fp8_fraction", "", 1, FIT(gemm_fp8_fraction), "hopper", 0.9, 0.3, 1},
    {"attention_fwd_fraction", "", 1, FIT(attention_fwd_fraction), "hopper", 0.9, 0.3, 1},
    {"attention_previous", "", 1, FIT(attention_previous), "hopper", 0.6, 0.1, 1},
    {"attention_fill", "", 1, FIT(attention_fill), "all", 150, 1, 2000},
    {"mem_fraction", "", 1, FIT(mem_fraction), "all", 0.85, 0.3, 1},
    {"launch", "us", 1e-6, FIT(launch_s), "ampere, hopper, blackwell", 3, 0.1, 1000},
};

typedef struct kernels { sp_study_kernel *kernel; const sp_chip **chip; sp_csv **csv; uint32_t n_csv; } kernels;

static bool touches(const sp_i_fit *fit, const sp_i_fit_constant *c, uint32_t row)
{
    return sp_i_in_list(c->of, ((const kernels *)fit->own)->chip[row]->family);
}

static double predict(sp_i_fit *fit, uint32_t row)
{
    const kernels *k = fit->own;
    double value = NAN;
    sp_study_kernel_predict(k->chip[row], &k->kernel[row], &value);
    return value;
}

static sp_status add_constants(const sp_i_own *own, sp_i_fit *fit, sp_error *err)
{
    sp_status status = SP_OK;
    for (size_t k = 0; k < sizeof keys / sizeof keys[0] && status == SP_OK; k++) {
        sp_i_fit_constant c = {.of = keys[k].families, .key = keys[k].key, .unit = keys[k].unit, .scale = keys[k].scale, .origin = ORIGIN,
                               .start = keys[k].start, .otherwise = keys[k].start, .why = "a middle value", .low = keys[k].low, .high = keys[k].high};
        sp_i_family_spots(own, &c, keys[k].families, keys[k].offset);
        status = sp_i_fit_add(fit, &c, err);
    }
    return status;
}

static sp_status take_row(const sp_i_own *own, kernels *k, const sp_csv *csv, size_t i, sp_i_fit *fit, sp_error *err)
{
    sp_study_kernel *row = &k->kernel[fit->n_rows];
    const char *group = sp_i_cell_text(csv, i, "group");
    memset(row, 0, sizeof *row);
    sp_status status = sp_study_kernel_row(csv, i, row, err);
    if (status != SP_OK || row->skip || strcmp(row->split, "open") != 0 || strcmp(row->evidence, "secondary") == 0)
        return status;
    for (uint32_t c = 0; c < own->n_chips; c++)
        if (strcmp(own->chip[c].mine->name, row->chip) == 0) {
            k->chip[fit->n_rows] = own->chip[c].mine;
            fit->row[fit->n_rows] = (sp_i_fit_row){.by = {*group ? group : row->id, row->source, row->chip}, .measured = row->measured, .ratio = 1, .weight = 1, .twin = fit->n_rows};
            fit->n_rows++;
            break;
        }
    return SP_OK;
}

static sp_status make(sp_i_own *own, const char *const *paths, uint32_t n_paths, sp_i_fit *fit, sp_error *err)
{
    kernels *k = sp_arena_alloc(fit->arena, 1, sizeof *k);
    if (!k || !(k->csv = sp_arena_alloc(fit->arena, n_paths, sizeof *k->csv)))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a fit");
    fit->own = k;
    size_t n = 0;
    sp_status status = SP_OK;
    for (uint32_t f = 0; f < n_paths && status == SP_OK; f++)
        if ((status = sp_csv_load(paths[f], &k->csv[f], err)) == SP_OK) {
            k->n_csv = f + 1;
            n += sp_csv_rows(k->csv[f]);
        }
    k->kernel = sp_arena_alloc(fit->arena, n + 1, sizeof *k->kernel);
    k->chip = sp_arena_alloc(fit->arena, n + 1, sizeof *k->chip);
    fit->row = sp_arena_alloc(fit->arena, n + 1, sizeof *fit->row);
    if (status == SP_OK && (!k->kernel || !k->chip || !fit->row))
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %zu rows", n);
    for (uint32_t f = 0; f < n_paths && status == SP_OK; f++)
        for (size_t i = 0; i < sp_csv_rows(k->csv[f]) && status == SP_OK; i++)
            status = take_row(own, k, k->csv[f], i, fit, err);
    fit->predict = predict;
    fit->touches = touches;
    fit->cycles = 5;
    fit->rounds = 8;
    fit->first_step = 0.16;
    return status == SP_OK ? add_constants(own, fit, err) : status;
}

static void done(sp_i_fit *fit, sp_study_calibration *out)
{
    (void)out;
    const kernels *k = fit->own;
    for (uint32_t f = 0; k && f < k->n_csv; f++)
        sp_csv_destroy(k->csv[f]);
}

const sp_i_fit_part sp_i_fit_kernels = {"kernels", "kernel", "validation/kernels.csv", make, done};
