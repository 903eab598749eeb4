/* The whole of a validation: files in, rows predicted, scores out. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *sp_study_kind_name(sp_study_kind kind)
{
    static const char *const names[SP_STUDY_KINDS] = {"training", "time-to-train", "collectives", "kernels"};
    return names[kind];
}

const char *sp_study_status_name(sp_study_status status)
{
    static const char *const names[SP_STUDY_STATUSES] = {"expressed", "secondary", "unexpressed"};
    return names[status];
}

/* One row a kind: the columns that tell it, those it cannot do without, and what maps a row. `source`: the column that rows
 * are grouped by. */
typedef struct kind_row {
    sp_study_kind kind;
    const char *tells;                 /* a column only this kind has */
    const char *needs[8];
    sp_status (*score)(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err);
} kind_row;

static const kind_row kinds[] = {
    {SP_STUDY_KERNEL, "kernel", {"id", "hw_class", "dtype", NULL}, sp_i_kernel_score},
    {SP_STUDY_COLLECTIVE, "ranks", {"id", "hw_class", "op", "size_bytes", NULL}, sp_i_coll_row},
    {SP_STUDY_TIME, "benchmark", {"id", "hw_class", "accelerators", "gbs", NULL}, sp_i_time_row},
    {SP_STUDY_TRAINING, "model", {"id", "hw_class", "chips", "seq", "gbs", "tp", "pp", NULL}, sp_i_training_row},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static sp_status kind_of(const sp_csv *csv, const kind_row **out, sp_error *err)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (sp_csv_column(csv, kinds[i].tells) < 0)
            continue;
        for (const char *const *need = kinds[i].needs; *need; need++)
            if (sp_csv_column(csv, *need) < 0)
                return sp_error_set(err, SP_E_PARSE, sp_csv_name(csv), 1, 1,
                                    "column '%s' is missing: a table with a column '%s' is of %s and needs it", *need,
                                    kinds[i].tells, sp_study_kind_name(kinds[i].kind));
        *out = &kinds[i];
        return SP_OK;
    }
    return sp_error_set(err, SP_E_PARSE, sp_csv_name(csv), 1, 1,
                        "none of the columns 'model', 'benchmark', 'ranks', 'kernel' is there: expected a table of training, "
                        "MLPerf, collective or kernel measurements");
}

/* Texts of a row outlive its table. */
static const char *kept(sp_i_ctx *ctx, const sp_csv *csv, size_t row, const char *column)
{
    const char *copy = sp_arena_strdup(ctx->arena, sp_i_cell_text(csv, row, column));
    return copy ? copy : "";
}

static sp_status one_row(sp_i_ctx *ctx, const kind_row *kind, const sp_csv *csv, size_t i, sp_study_row *out, sp_error *err)
{
    memset(out, 0, sizeof *out);
    ctx->row = out;
    out->kind = kind->kind;
    out->id = kept(ctx, csv, i, "id");
    out->hw_class = kept(ctx, csv, i, "hw_class");
    out->source = kept(ctx, csv, i, "source");
    out->group = kept(ctx, csv, i, "group");
    out->label = "";
    out->predicted = out->measured = out->ape = out->slow = out->size = out->peak_gib = out->measured_peak_gib = NAN;
    out->line = sp_csv_line(csv, i);
    bool secondary = strcmp(sp_i_cell_text(csv, i, "evidence"), "secondary") == 0;
    out->status = secondary ? SP_STUDY_SECONDARY : SP_STUDY_EXPRESSED;
    if (out->id[0] == '\0')
        return sp_csv_fail(csv, i, sp_csv_column(csv, "id"), SP_E_PARSE, err, "the row has no id: every row needs one of its own");
    const sp_study_row *same = sp_i_row_cache_get(&ctx->ids, out->id);
    sp_status status = SP_OK;
    if (same)
        sp_i_row_refuse(ctx, "its id stands already in line %u of %s: every row needs one of its own", same->line, sp_study_kind_name(same->kind));
    else if (sp_i_row_cache_put(ctx, &ctx->ids, out->id, out))
        status = kind->score(ctx, csv, i, err);
    else
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the ids of %zu rows", sp_csv_rows(csv));
    out->label = sp_arena_strdup(ctx->arena, out->label);
    if (out->status != SP_STUDY_UNEXPRESSED && !(out->ape >= 0 && out->ape < 1e12))
        sp_i_row_refuse(ctx, "the prediction came out as %g", out->predicted);
    if (out->status == SP_STUDY_UNEXPRESSED && secondary) {
        out->status = SP_STUDY_SECONDARY;   /* not counted as a gap of ours either */
        out->predicted = out->ape = out->slow = NAN;
    }
    return status;
}

/* ---- constants ------------------------------------------------------------------------------------------------------ */

typedef struct grade_count { sp_i_ctx *ctx; sp_i_row_cache seen; sp_grade grade; const sp_stack *stack; } grade_count;

static void count_grade(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    grade_count *count = context;
    char key[160];
    (void)unit;
    snprintf(key, sizeof key, "%s %s %.9g", count->stack->name, path, value->nominal);
    if (value->grade == count->grade && !sp_i_row_cache_get(&count->seen, key))
        sp_i_row_cache_put(count->ctx, &count->seen, key, count->stack);
}

/* Of communication libraries: each once, however many families share it. */
static uint32_t stack_constants_of(sp_i_ctx *ctx, sp_grade grade)
{
    const sp_stack *const *stack = NULL;
    uint32_t n = 0;
    grade_count count = {.ctx = ctx, .grade = grade};
    if (sp_catalog_stacks(ctx->catalog, &stack, &n, NULL) == SP_OK)
        for (uint32_t i = 0; i < n; i++) {
            count.stack = stack[i];
            sp_stack_each_value(stack[i], count_grade, &count);
        }
    return count.seen.n;
}

/* Values of one grade in the catalog's chips and product lines and in the stacks, each once: one fit may serve several families. */
static uint32_t constants_of(sp_i_ctx *ctx, sp_grade grade)
{
    sp_i_row_cache seen = {0};
    for (size_t i = 0; i < sp_catalog_chip_count(ctx->catalog); i++) {
        const sp_chip *chip = NULL;
        if (sp_catalog_chip(ctx->catalog, sp_catalog_chip_name(ctx->catalog, i), &chip, NULL) != SP_OK)
            continue;
        for (uint32_t k = 0; k < chip->n_facts; k++) {
            char key[128];
            snprintf(key, sizeof key, "%s %.9g", chip->facts[k].key, chip->facts[k].value.nominal);
            if (chip->facts[k].value.grade == grade && !sp_i_row_cache_get(&seen, key))
                sp_i_row_cache_put(ctx, &seen, key, chip);
        }
    }
    uint32_t n = seen.n, route = 0;   /* one constant of all lines */
    for (size_t i = 0; i < sp_catalog_software_count(ctx->catalog); i++) {
        const sp_software *s = NULL;
        if (sp_catalog_software(ctx->catalog, sp_catalog_software_name(ctx->catalog, i), &s, NULL) == SP_OK)
            n += (s->matrix_factor.grade == grade) + (s->attention_factor.grade == grade) + (s->vector_factor.grade == grade) +
                 (s->comm_factor.grade == grade) + (s->host_op_s.grade == grade);
        if (s)
            route |= s->route_factor.grade == grade;
    }
    return n + route + stack_constants_of(ctx, grade);
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static sp_status load_all(const char *const *paths, uint32_t n_paths, sp_csv **csv, const kind_row **kind, size_t *n_rows, sp_error *err)
{
    *n_rows = 0;
    for (uint32_t f = 0; f < n_paths; f++) {
        sp_status status = sp_csv_load(paths[f], &csv[f], err);
        if (status == SP_OK)
            status = kind_of(csv[f], &kind[f], err);
        if (status != SP_OK)
            return status;
        *n_rows += sp_csv_rows(csv[f]);
    }
    return SP_OK;
}

static sp_status all_rows(sp_i_ctx *ctx, sp_csv *const *csv, const kind_row *const *kind, uint32_t n_paths, sp_study *study, sp_error *err)
{
    for (uint32_t f = 0; f < n_paths; f++) {
        study->files[f].path = sp_arena_strdup(ctx->arena, sp_csv_name(csv[f]));
        study->files[f].sha256 = sp_arena_strdup(ctx->arena, sp_csv_sha256(csv[f]));
        for (size_t i = 0; i < sp_csv_rows(csv[f]); i++) {
            sp_status status = one_row(ctx, kind[f], csv[f], i, &study->rows[study->n_rows++], err);
            if (status != SP_OK)
                return status;
        }
    }
    return SP_OK;
}

sp_status sp_study_validate(sp_catalog *catalog, const char *const *paths, uint32_t n_paths, sp_arena *arena, sp_study *out, sp_error *err)
{
    sp_study study;
    memset(&study, 0, sizeof study);
    sp_i_ctx ctx = {.catalog = catalog, .arena = arena};
    sp_csv **csv = sp_arena_alloc(arena, n_paths, sizeof *csv);
    const kind_row **kind = sp_arena_alloc(arena, n_paths, sizeof *kind);
    study.files = sp_arena_alloc(arena, n_paths, sizeof *study.files);
    size_t n_rows = 0;
    if (!csv || !kind || !study.files)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u tables", n_paths);
    sp_status status = load_all(paths, n_paths, csv, kind, &n_rows, err);
    study.n_files = n_paths;
    study.rows = sp_arena_alloc(arena, n_rows, sizeof *study.rows);
    if (status == SP_OK && !study.rows)
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %zu rows", n_rows);
    if (status == SP_OK)
        status = all_rows(&ctx, csv, kind, n_paths, &study, err);
    for (uint32_t f = 0; f < n_paths; f++)
        sp_csv_destroy(csv[f]);
    if (status != SP_OK)
        return status;
    sp_i_study_score(&study, arena);
    sp_i_study_pairs(&ctx, &study);
    study.constants_fitted = constants_of(&ctx, SP_GRADE_FITTED);
    study.guesses = constants_of(&ctx, SP_GRADE_GUESS);
    *out = study;
    return SP_OK;
}
