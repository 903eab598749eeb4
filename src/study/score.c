/* Errors of sets of rows, and the groups they are reported in. */
#include "run_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least the fraction `share` of them do not exceed. */
static double percentile(double *sorted, uint32_t n, double share)
{
    uint32_t rank = (uint32_t)ceil(share * n);
    return sorted[rank ? rank - 1 : 0];
}

/* Median as everybody computes it: the mean of the middle two for an even count. */
static double median(double *sorted, uint32_t n)
{
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

sp_study_score sp_study_score_rows(const sp_study_row *rows, uint32_t n_rows, bool (*keep)(const sp_study_row *row, void *context),
                                   void *context, sp_arena *arena)
{
    sp_study_score score = {0, 0, NAN, NAN, NAN};
    double *ape = sp_arena_alloc(arena, n_rows ? n_rows : 1, sizeof *ape);
    double *slow = sp_arena_alloc(arena, n_rows ? n_rows : 1, sizeof *slow);
    if (!ape || !slow)
        return score;
    for (uint32_t i = 0; i < n_rows; i++) {
        if (!keep(&rows[i], context))
            continue;
        score.rows++;
        if (rows[i].status == SP_STUDY_UNEXPRESSED || isnan(rows[i].ape))
            continue;
        ape[score.expressed] = rows[i].ape;
        slow[score.expressed++] = rows[i].slow;
    }
    if (score.expressed == 0)
        return score;
    qsort(ape, score.expressed, sizeof *ape, by_value);
    qsort(slow, score.expressed, sizeof *slow, by_value);
    score.median_ape = median(ape, score.expressed);
    score.p90_ape = percentile(ape, score.expressed, 0.9);
    score.bias = median(slow, score.expressed);
    return score;
}

/* ---- groups -------------------------------------------------------------------------------------------------------- */

static int by_group(const void *a, const void *b)
{
    const sp_study_group *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->hw_class, y->hw_class);
    return order ? order : x->source && y->source ? strcmp(x->source, y->source) : 0;
}

static bool in_group(const sp_study_row *row, void *context)
{
    const sp_study_group *g = context;
    return row->status != SP_STUDY_SECONDARY && row->kind == g->kind && strcmp(row->hw_class, g->hw_class) == 0 &&
           (!g->source || strcmp(row->source, g->source) == 0);
}

static bool same_group(const sp_study_group *a, const sp_study_group *b) { return by_group(a, b) == 0; }

/* Different groups of the rows, scored; by source as well when `sources`. */
static uint32_t groups_of(sp_study *study, bool sources, sp_arena *arena, sp_study_group **out)
{
    sp_study_group *groups = sp_arena_alloc(arena, study->n_rows ? study->n_rows : 1, sizeof *groups);
    uint32_t n = 0;
    if (!groups)
        return 0;
    for (uint32_t i = 0; i < study->n_rows; i++) {
        const sp_study_row *row = &study->rows[i];
        if (row->status == SP_STUDY_SECONDARY)
            continue;
        sp_study_group g = {row->kind, row->hw_class, sources ? row->source : NULL, {0, 0, NAN, NAN, NAN}};
        uint32_t k = 0;
        while (k < n && !same_group(&groups[k], &g))
            k++;
        if (k == n)
            groups[n++] = g;
    }
    qsort(groups, n, sizeof *groups, by_group);
    for (uint32_t k = 0; k < n; k++)
        groups[k].score = sp_study_score_rows(study->rows, study->n_rows, in_group, &groups[k], arena);
    *out = groups;
    return n;
}

static bool counted(const sp_study_row *row, void *context)
{
    (void)context;
    return row->status != SP_STUDY_SECONDARY;
}

static bool of_kind(const sp_study_row *row, void *context)
{
    return row->status != SP_STUDY_SECONDARY && row->kind == *(const sp_study_kind *)context;
}

static bool is_secondary(const sp_study_row *row, void *context)
{
    (void)context;
    return row->status == SP_STUDY_SECONDARY;
}

static bool by_recompute(const sp_study_row *row, void *context)
{
    return row->status == SP_STUDY_EXPRESSED && (row->kind == SP_STUDY_TRAINING || row->kind == SP_STUDY_TIME) &&
           row->recompute_assumed == *(const bool *)context;
}

static bool by_layout(const sp_study_row *row, void *context)
{
    (void)context;
    return row->status == SP_STUDY_EXPRESSED && row->layout_assumed;
}

static bool is_full(const sp_study_row *row, void *context)
{
    (void)context;
    return row->full;
}

static bool has_peak(const sp_study_row *row, void *context)
{
    (void)context;
    return row->status != SP_STUDY_SECONDARY && isfinite(row->peak_gib);
}

/* The same rows with their peaks of memory in the place of their metric. */
static sp_study_score of_memory(const sp_study *study, sp_arena *arena)
{
    sp_study_row *rows = sp_arena_alloc(arena, study->n_rows ? study->n_rows : 1, sizeof *rows);
    for (uint32_t i = 0; rows && i < study->n_rows; i++) {
        rows[i] = study->rows[i];
        rows[i].slow = rows[i].peak_gib / rows[i].measured_peak_gib - 1;
        rows[i].ape = fabs(rows[i].slow);
    }
    return sp_study_score_rows(rows, rows ? study->n_rows : 0, has_peak, NULL, arena);
}

void sp_i_study_score(sp_study *study, sp_arena *arena)
{
    bool yes = true, no = false;
    study->summary = sp_study_score_rows(study->rows, study->n_rows, counted, NULL, arena);
    for (sp_study_kind k = 0; k < SP_STUDY_KINDS; k++)
        study->kind[k] = sp_study_score_rows(study->rows, study->n_rows, of_kind, &k, arena);
    study->secondary = sp_study_score_rows(study->rows, study->n_rows, is_secondary, NULL, arena);
    study->recompute_assumed = sp_study_score_rows(study->rows, study->n_rows, by_recompute, &yes, arena);
    study->recompute_stated = sp_study_score_rows(study->rows, study->n_rows, by_recompute, &no, arena);
    study->layout_assumed = sp_study_score_rows(study->rows, study->n_rows, by_layout, NULL, arena);
    study->full = sp_study_score_rows(study->rows, study->n_rows, is_full, NULL, arena);
    study->memory = of_memory(study, arena);
    study->n_groups = groups_of(study, true, arena, &study->groups);
    study->n_classes = groups_of(study, false, arena, &study->classes);
}
