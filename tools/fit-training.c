/* fit-training: the committed calibration of what training steps add to kernels, on the open rows of validation/training.csv.
 *
 *   fit-training [--fit] [--catalog DIR] [FILE.csv...]
 *
 * Prints the error of every class of rows with the constants of the catalog. With --fit it also fits, by coordinate descent on the
 * mean of |ln(predicted / measured)| (a row counts at most 0.5, so that one odd row cannot pull a constant), the energy of a FLOP per
 * chip family and format width, and factors on attention, memory-bound work and collectives per software product line, each
 * on all rows that it touches; a constant with fewer than 15 rows is left as it is. Each constant's
 * rows and value are printed, for the catalog files. Deterministic; nothing is keyed on a row, a model or a date. Some minutes. */
#include "superpod/study.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096
#define ERROR_CAP 0.5
#define ROWS_FOR_A_CONSTANT 15
#define ROUNDS 9
#define CYCLE 3              /* rounds of halving steps, then large ones again: factors lean on each other */
#define FIRST_STEP 0.16

typedef struct run_row {
    const sp_study_row *row;
    const sp_study_run *run;
    double measured_s, predicted_s;   /* of the step */
    bool moe;
} run_row;

/* One constant: a value of one family or one product line. */
typedef struct constant {
    const char *of, *key;
    bool of_family, narrow;
    size_t offset;
    double low, high;
    double *value;
    uint32_t n_rows;
} constant;

typedef struct fit {
    sp_catalog *catalog;
    sp_arena *arena;
    run_row row[ROWS_MAX];
    uint32_t n_rows;
    constant constant[128];
    uint32_t n_constants;
} fit;

static bool is_narrow(const sp_study_run *run)
{
    sp_format used = run->plan.precision;
    sp_format format = sp_chip_has_format(run->machine->chip, run->plan.precision, &used) ? run->plan.precision : used;
    return sp_format_bytes(format) < 1.5;
}

static bool touches(const constant *c, const run_row *r)
{
    if (c->of_family)
        return strcmp(r->run->machine->chip->family, c->of) == 0 && is_narrow(r->run) == c->narrow;
    return r->run->plan.software && strcmp(r->run->plan.software, c->of) == 0;
}

/* ---- the constants --------------------------------------------------------------------------------------------------- */

static void add_constant(fit *f, constant c)
{
    for (uint32_t i = 0; i < f->n_rows; i++)
        c.n_rows += touches(&c, &f->row[i]);
    if (c.n_rows >= ROWS_FOR_A_CONSTANT && f->n_constants < sizeof f->constant / sizeof f->constant[0])
        f->constant[f->n_constants++] = c;
}

/* The catalog's objects are its own; this program is alone with it and writes through. */
static void *open_up(const void *object) { return (void *)(uintptr_t)object; }

/* Every chip of a family carries a copy of its fit: the first one's value is the constant, spread() copies it. */
static void family_constants(fit *f)
{
    static const struct { const char *key; size_t offset; bool narrow; double high; } keys[] = {
        {"energy_pj_per_flop", offsetof(sp_chip_fit, energy_pj_per_flop), false, 10},
        {"energy_narrow_pj_per_flop", offsetof(sp_chip_fit, energy_narrow_pj_per_flop), true, 10}};
    for (size_t i = 0; i < sp_catalog_chip_count(f->catalog); i++) {
        const sp_chip *chip = NULL;
        if (sp_catalog_chip(f->catalog, sp_catalog_chip_name(f->catalog, i), &chip, NULL) != SP_OK)
            continue;
        bool known = false;
        for (uint32_t k = 0; k < f->n_constants; k++)
            known |= f->constant[k].of_family && strcmp(f->constant[k].of, chip->family) == 0;
        for (size_t k = 0; !known && k < sizeof keys / sizeof keys[0]; k++) {
            sp_value *v = open_up((const char *)&chip->fit + keys[k].offset);
            if (v->grade == SP_GRADE_NONE)   /* a start where it binds: 0.77 of the peak at the chip's power */
                *v = sp_value_of(chip->tdp_w.nominal / chip->matrix_flop_per_s[keys[k].narrow && sp_chip_has_format(chip, SP_FMT_FP8, NULL)
                                                                                   ? SP_FMT_FP8 : SP_FMT_BF16].nominal * 1.3e12,
                                 SP_GRADE_GUESS, "not fitted");
            add_constant(f, (constant){chip->family, keys[k].key, true, keys[k].narrow, keys[k].offset, 0.05, keys[k].high, &v->nominal, 0});
        }
    }
}

static void line_constants(fit *f)
{
    static const struct { const char *key; size_t offset; double high; } keys[] = {
        {"attention_factor", offsetof(sp_software, attention_factor), 4}, {"vector_factor", offsetof(sp_software, vector_factor), 4},
        {"comm_factor", offsetof(sp_software, comm_factor), 4}};
    for (size_t i = 0; i < sp_catalog_software_count(f->catalog); i++) {
        const sp_software *line = NULL;
        if (sp_catalog_software(f->catalog, sp_catalog_software_name(f->catalog, i), &line, NULL) != SP_OK)
            continue;
        ((sp_software *)open_up(line))->matrix_factor.nominal = 1;   /* the energies say it */
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            sp_value *v = open_up((const char *)line + keys[k].offset);
            add_constant(f, (constant){line->name, keys[k].key, false, false, keys[k].offset, 0.9, keys[k].high, &v->nominal, 0});
        }
    }
}

static void spread(const fit *f, const constant *c)
{
    for (size_t i = 0; c->of_family && i < sp_catalog_chip_count(f->catalog); i++) {
        const sp_chip *chip = NULL;
        if (sp_catalog_chip(f->catalog, sp_catalog_chip_name(f->catalog, i), &chip, NULL) != SP_OK || strcmp(chip->family, c->of) != 0)
            continue;
        sp_value *v = open_up((const char *)&chip->fit + c->offset);
        if (v->grade == SP_GRADE_NONE)
            *v = sp_value_of(1, SP_GRADE_GUESS, "not fitted");
        v->nominal = *c->value;
    }
}

/* ---- predictions ------------------------------------------------------------------------------------------------------ */

static double predict(const run_row *r)
{
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    sp_error err;
    memset(&report, 0, sizeof report);
    double step = sp_predict_train(r->run->machine, r->run->model, &r->run->plan, false, scratch, &report, NULL, &err) == SP_OK
                      ? report.step_time_s : NAN;
    sp_arena_destroy(scratch);
    return step;
}

static double row_error(const run_row *r) { return fmin(ERROR_CAP, fabs(log(r->predicted_s / r->measured_s))); }

/* Mean error of the rows that a constant touches, predicted anew; only dense models: what routing adds is not in these constants. */
static double loss(fit *f, const constant *c)
{
    double sum = 0;
    spread(f, c);
    for (uint32_t i = 0; i < f->n_rows; i++)
        if (touches(c, &f->row[i])) {
            f->row[i].predicted_s = predict(&f->row[i]);
            sum += row_error(&f->row[i]);
        }
    return sum / c->n_rows;
}

static void descend(fit *f)
{
    for (int round = 0; round < ROUNDS; round++) {
        double step = FIRST_STEP * pow(0.5, round % CYCLE);
        for (uint32_t k = 0; k < f->n_constants; k++) {
            constant *c = &f->constant[k];
            double at = *c->value, best = loss(f, c);
            for (int side = -1; side <= 1; side += 2)
                for (int tries = 0; tries < 3; tries++) {
                    *c->value = fmin(c->high, fmax(c->low, at * (1 + side * step)));
                    double now = *c->value == at ? INFINITY : loss(f, c);
                    if (!(now < best - 1e-6))
                        break;
                    best = now;
                    at = *c->value;
                }
            *c->value = at;
            loss(f, c);
            fprintf(stderr, "round %d %-16s %-26s %.3f  error %.4f\n", round + 1, c->of, c->key, at, best);
        }
    }
}

/* ---- reading and telling ------------------------------------------------------------------------------------------------ */

static bool has_experts(const sp_model *model)
{
    for (uint32_t k = 0; k < model->n_kinds; k++)
        if (model->kinds[k].ffn.kind == SP_FFN_MOE)
            return true;
    return false;
}

static void take_rows(fit *f, const sp_study *study)
{
    for (uint32_t i = 0; i < study->n_rows && f->n_rows < ROWS_MAX; i++) {
        const sp_study_row *row = &study->rows[i];
        if (row->status != SP_STUDY_EXPRESSED || !row->run || has_experts(row->run->model))
            continue;
        double measured = row->run->step_time_s / (1 + row->slow);
        f->row[f->n_rows++] = (run_row){row, row->run, measured, row->run->step_time_s, false};
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const fit *f)
{
    double *e = malloc((f->n_rows + 1) * sizeof *e);
    uint32_t n = 0;
    for (uint32_t i = 0; e && i < f->n_rows; i++)
        e[n++] = fabs(f->row[i].predicted_s / f->row[i].measured_s - 1);
    if (e && n) {
        qsort(e, n, sizeof *e, by_value);
        printf("dense rows %u: median error %.1f %%, 90th percentile %.1f %%\n", n, 100 * e[n / 2], 100 * e[(9 * n) / 10]);
    }
    free(e);
    for (uint32_t k = 0; k < f->n_constants; k++)
        printf("%-18s %-26s %.3f  rows %u\n", f->constant[k].of, f->constant[k].key, *f->constant[k].value, f->constant[k].n_rows);
}

static int complain(const sp_error *err)
{
    char text[1200];
    sp_error_format(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 2;
}

int main(int argc, char **argv)
{
    const char *dir = "catalog", *paths[64] = {"validation/training.csv"};
    uint32_t n_paths = 0;
    bool fitting = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fit") == 0)
            fitting = true;
        else if (strcmp(argv[i], "--catalog") == 0 && i + 1 < argc)
            dir = argv[++i];
        else if (argv[i][0] == '-' || n_paths == 64) {
            fprintf(stderr, "usage: fit-training [--fit] [--catalog DIR] [FILE.csv...]\n");
            return 2;
        } else
            paths[n_paths++] = argv[i];
    }
    fit *f = calloc(1, sizeof *f);
    sp_error err = {0};
    sp_study study;
    if (!f || !(f->arena = sp_arena_create()))
        return 3;
    if (sp_catalog_open(dir, &f->catalog, &err) != SP_OK ||
        sp_study_validate(f->catalog, paths, n_paths ? n_paths : 1, f->arena, &study, &err) != SP_OK)
        return complain(&err);
    take_rows(f, &study);
    family_constants(f);
    line_constants(f);
    for (uint32_t i = 0; i < f->n_rows; i++)
        f->row[i].predicted_s = predict(&f->row[i]);
    tell(f);
    if (fitting) {
        descend(f);
        tell(f);
    }
    sp_catalog_close(f->catalog);
    sp_arena_destroy(f->arena);
    free(f);
    return 0;
}
