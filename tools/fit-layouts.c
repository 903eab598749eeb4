/* fit-layouts: are layouts of one model ranked as measured? On vTrain's 1,440 iteration times of Megatron-DeepSpeed GPT training on one
 * node of 8 A100 (public data, not kept here).
 *
 *   fit-layouts [--fit] [--check] FILE.csv
 *
 * Groups are the layouts of one model shape and sequence with 8 rows or more, over all GPU counts and batches: prints the rank
 * correlation (Spearman) and how far the layout predicted fastest lies from the measured fastest, of each job (one GPU count
 * and global batch). --check fails (exit 1) when the median correlation is below 0.9 or the median distance above 5 %; it
 * skips (exit 77) where the file is absent. --fit fits the line's vector factor, attention factor and host time an operator by coordinate descent on the
 * mean of |ln(predicted / measured)| and prints them for catalog/software/megatron-deepspeed.yaml. Deterministic. */
#include "superpod/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE "megatron-deepspeed"
#define CORRELATION_LEAST 0.9
#define DISTANCE_MOST 0.05
#define GROUP_LEAST 8

enum { GPUS, BATCH, MICRO, HIDDEN, HEADS, LAYERS, SEQ, TP, DP, PP, COLUMNS };

typedef struct row { uint32_t n[COLUMNS]; double measured_s, predicted_s; } row;
typedef struct table { row *rows; size_t n; } table;

static _Noreturn void die(const char *what, const sp_error *err)
{
    fprintf(stderr, "fit-layouts: %s: %s\n", what, err && err->text[0] ? err->text : "failed");
    exit(2);
}

static table read_table(const char *path)
{
    sp_error err = {0};
    sp_csv *csv;
    if (sp_csv_load(path, &csv, &err) != SP_OK)
        die(path, &err);
    table t = {calloc(sp_csv_rows(csv) + 1, sizeof(row)), 0};
    if (!t.rows || sp_csv_columns(csv) != COLUMNS + 1)
        die(path, NULL);
    for (size_t i = 0; i < sp_csv_rows(csv); i++) {
        row *r = &t.rows[t.n++];
        double value;
        bool has;
        for (int c = 0; c <= COLUMNS; c++) {
            if (sp_csv_number(csv, i, c, &value, &has, &err) != SP_OK || !has || value <= 0)
                die(path, &err);
            if (c < COLUMNS)
                r->n[c] = (uint32_t)value;
            else
                r->measured_s = value / 1e3;
        }
    }
    sp_csv_destroy(csv);
    return t;
}

/* GPT as Megatron-DeepSpeed's example: vocabulary 50,257 padded to 51,200, tied, learned positions. */
static double predict(const sp_machine *machine, const row *r)
{
    const uint32_t *n = r->n;
    sp_block block = {.attn = {.kind = SP_ATTN_GQA, .heads = n[HEADS], .kv_heads = n[HEADS], .d_qk = n[HIDDEN] / n[HEADS],
                               .d_v = n[HIDDEN] / n[HEADS], .bias = true},
                      .ffn = {.kind = SP_FFN_DENSE, .inner = 4 * n[HIDDEN], .bias = true}, .norms = 2};
    uint8_t kinds[SP_LAYERS_MAX] = {0};
    sp_model model = {.name = "gpt", .family = "catalog", .hidden = n[HIDDEN], .vocab = 51200, .max_positions = n[SEQ], .tied_embeddings = true,
                      .learned_positions = true, .n_layers = n[LAYERS], .n_kinds = 1, .kinds = &block, .layer_kind = kinds};
    sp_plan plan = sp_plan_default();
    plan.tp = n[TP]; plan.dp = n[DP]; plan.pp = n[PP]; plan.mbs = n[MICRO]; plan.gbs = n[BATCH]; plan.seq = n[SEQ];
    plan.zero = 0;
    plan.sequence_parallel = plan.overlap_dp = false;
    plan.software = LINE;
    sp_arena *arena = sp_arena_create();
    sp_train_report report;
    sp_error err = {0};
    if (!arena || sp_predict_train(machine, &model, &plan, false, arena, &report, NULL, &err) != SP_OK)
        die("a row cannot be predicted", &err);
    sp_arena_destroy(arena);
    return report.step_time_s;
}

static double predict_all(const sp_machine *machine, table *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        t->rows[i].predicted_s = predict(machine, &t->rows[i]);
        sum += fabs(log(t->rows[i].predicted_s / t->rows[i].measured_s));
    }
    return sum / (double)t->n;
}

/* ---- ranks ------------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return n ? values[(n - 1) / 2] : NAN;
}

/* Mean rank of row i among the group: ties share. */
static double rank_of(row *const *group, size_t n, size_t i, bool predicted)
{
    double rank = 0, mine = predicted ? group[i]->predicted_s : group[i]->measured_s;
    for (size_t j = 0; j < n; j++) {
        double other = predicted ? group[j]->predicted_s : group[j]->measured_s;
        rank += other < mine ? 1 : other == mine ? 0.5 : 0;
    }
    return rank;
}

static double spearman(row *const *group, size_t n)
{
    double mean = (double)n / 2, top = 0, a2 = 0, b2 = 0;
    for (size_t i = 0; i < n; i++) {
        double a = rank_of(group, n, i, false) - mean, b = rank_of(group, n, i, true) - mean;
        top += a * b;
        a2 += a * a;
        b2 += b * b;
    }
    return a2 > 0 && b2 > 0 ? top / sqrt(a2 * b2) : 0;
}

/* How much slower than the measured best is the layout predicted best. */
static double distance(row *const *group, size_t n)
{
    const row *chosen = group[0], *best = group[0];
    for (size_t i = 1; i < n; i++) {
        chosen = group[i]->predicted_s < chosen->predicted_s ? group[i] : chosen;
        best = group[i]->measured_s < best->measured_s ? group[i] : best;
    }
    return chosen->measured_s / best->measured_s - 1;
}

static bool alike(const row *a, const row *b, bool same_job)
{
    return a->n[HIDDEN] == b->n[HIDDEN] && a->n[HEADS] == b->n[HEADS] && a->n[LAYERS] == b->n[LAYERS] && a->n[SEQ] == b->n[SEQ] &&
           (!same_job || (a->n[GPUS] == b->n[GPUS] && a->n[BATCH] == b->n[BATCH]));
}

/* Calls figure() on every group of GROUP_LEAST rows or more; returns the median. */
static double over_groups(table *t, bool same_job, double (*figure)(row *const *group, size_t n), size_t *n_groups)
{
    row **group = calloc(t->n + 1, sizeof *group);
    double *values = calloc(t->n + 1, sizeof *values);
    bool *done = calloc(t->n + 1, sizeof *done);
    if (!group || !values || !done)
        die("no memory", NULL);
    *n_groups = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t n = 0;
        for (size_t j = i; j < t->n && !done[i]; j++)
            if (!done[j] && alike(&t->rows[i], &t->rows[j], same_job))
                group[n++] = &t->rows[j];
        for (size_t j = 0; j < n; j++)
            done[group[j] - t->rows] = true;
        if (n >= GROUP_LEAST)
            values[(*n_groups)++] = figure(group, n);
    }
    double result = median(values, *n_groups);
    free(group);
    free(values);
    free(done);
    return result;
}

/* ---- fit ----------------------------------------------------------------------------------------------------------- */

typedef struct knob { const char *key; double *value, step, least; } knob;

static void fit(const sp_machine *machine, table *t, knob *knobs, int n)
{
    double best = predict_all(machine, t);
    for (int round = 0; round < 8; round++)
        for (int k = 0; k < n; k++) {
            double *x = knobs[k].value, from = *x;
            bool moved = false;
            for (int side = -1; side <= 1 && !moved; side += 2) {
                *x = fmax(knobs[k].least, from * (1 + side * knobs[k].step));
                double now = predict_all(machine, t);
                if (now < best) {
                    best = now;
                    moved = true;
                }
            }
            if (!moved) {
                *x = from;
                knobs[k].step /= 2;
            }
        }
    for (int k = 0; k < n; k++)
        printf("%s: %.9g, %zu rows\n", knobs[k].key, *knobs[k].value, t->n);
}

int main(int argc, char **argv)
{
    bool fitting = false, checking = false;
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        fitting = fitting || strcmp(argv[i], "--fit") == 0;
        checking = checking || strcmp(argv[i], "--check") == 0;
        path = argv[i][0] != '-' ? argv[i] : path;
    }
    FILE *probe = path ? fopen(path, "r") : NULL;
    if (!probe) {
        printf("fit-layouts: skipped, %s is absent\n", path ? path : "the file");
        return 77;
    }
    fclose(probe);
    sp_error err = {0};
    sp_catalog *catalog;
    const sp_machine *machine;
    const sp_software *line;
    if (sp_catalog_open("catalog", &catalog, &err) != SP_OK || sp_catalog_machine(catalog, "dgx-a100", &machine, &err) != SP_OK ||
        sp_catalog_software(catalog, LINE, &line, &err) != SP_OK)
        die("catalog", &err);
    table t = read_table(path);
    sp_software *mine = (sp_software *)(void *)line;   /* the catalog's own copy, moved while fitting */
    if (fitting) {
        knob knobs[] = {{"host_op_s", &mine->host_op_s.nominal, 0.2, 1e-6}, {"vector_factor", &mine->vector_factor.nominal, 0.2, 0.8},
                        {"attention_factor", &mine->attention_factor.nominal, 0.3, 0.8}};
        fit(machine, &t, knobs, 3);
    }
    double error = predict_all(machine, &t);
    size_t models, jobs;
    double correlation = over_groups(&t, false, spearman, &models), off = over_groups(&t, false, distance, &models);
    double of_jobs = over_groups(&t, true, spearman, &jobs), off_jobs = over_groups(&t, true, distance, &jobs);
    printf("%zu layouts: mean |ln(predicted/measured)| %.3f\n", t.n, error);
    printf("models (%zu): median rank correlation %.3f, layout predicted best is %.1f %% off the best in the median\n", models, correlation, 100 * off);
    printf("jobs   (%zu): median rank correlation %.3f, layout predicted best is %.1f %% off the best in the median\n", jobs, of_jobs, 100 * off_jobs);
    sp_catalog_close(catalog);
    free(t.rows);
    return checking && !(correlation >= CORRELATION_LEAST && off <= DISTANCE_MOST) ? 1 : 0;
}
