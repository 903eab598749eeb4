/* Constants of Megatron-DeepSpeed (eager launches, attention not fused), fitted on iteration times of layouts of GPT on one node
 * of 8 A100: vTrain's table (public; not kept with the project). */
#include "fit_ranks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE "megatron-deepspeed"
#define MACHINE "dgx-a100"
#define VOCABULARY 51200   /* 50,257 padded, as Megatron-DeepSpeed's example; tied, learned positions */

enum { GPUS, BATCH, MICRO, HIDDEN, HEADS, LAYERS, SEQ, TP, DP, PP, TIME_MS, COLUMNS };
static const char *const columns[COLUMNS] = {"# GPUs", "global batch", "micro batch", "hidden size", "attention heads", "# layers",
                                             "sequence length", "tensor parallelism", "data parallelism", "pipeline parallelism",
                                             "iteration time (ms)"};

/* One model shape, with its prices. */
typedef struct shape { uint32_t n[COLUMNS]; const sp_model *model; sp_pricer *pricer; char name[64]; } shape;
typedef struct layouts {
    const sp_machine *machine;
    uint32_t (*n)[COLUMNS];          /* of each row */
    sp_plan *plan;
    sp_layout *layout;
    shape **of;                      /* of each row */
    shape **shapes; uint32_t n_shapes;
} layouts;

static bool alike(const void *context, uint32_t a, uint32_t b, bool closer)
{
    const layouts *l = context;
    return l->of[a] == l->of[b] && (!closer || (l->n[a][GPUS] == l->n[b][GPUS] && l->n[a][BATCH] == l->n[b][BATCH]));
}

static bool touches(const sp_i_fit *fit, const sp_i_fit_constant *c, uint32_t row)
{
    (void)fit, (void)c, (void)row;
    return true;
}

/* ---- predictions ---------------------------------------------------------------------------------------------------------- */

static double run(sp_i_fit *fit, uint32_t row)
{
    const layouts *l = fit->own;
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    sp_error err;
    double step_s = NAN;
    memset(&report, 0, sizeof report);
    sp_pricer_renew(l->of[row]->pricer);
    if (scratch && sp_pricer_train(l->of[row]->pricer, &l->plan[row], false, scratch, &report, NULL, &err) == SP_OK)
        step_s = report.step_time_s;
    sp_arena_destroy(scratch);
    return step_s;
}

static double predict(sp_i_fit *fit, uint32_t row)
{
    const layouts *l = fit->own;
    sp_price price;
    sp_error err;
    sp_pricer_renew(l->of[row]->pricer);
    if (sp_pricer_price(l->of[row]->pricer, &l->plan[row], &l->layout[row], &price, &err) != SP_OK)
        return run(fit, row);
    return price.lower_bound_s * fit->row[row].ratio;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

static sp_model *model_of(const uint32_t *n, sp_arena *arena)
{
    sp_model *model = sp_arena_alloc(arena, 1, sizeof *model);
    sp_block *block = sp_arena_alloc(arena, 1, sizeof *block);
    uint8_t *kinds = sp_arena_alloc(arena, n[LAYERS], 1);
    if (!model || !block || !kinds)
        return NULL;
    *block = (sp_block){.attn = {.kind = SP_ATTN_GQA, .heads = n[HEADS], .kv_heads = n[HEADS], .d_qk = n[HIDDEN] / n[HEADS],
                                 .d_v = n[HIDDEN] / n[HEADS], .bias = true},
                        .ffn = {.kind = SP_FFN_DENSE, .inner = 4 * n[HIDDEN], .bias = true}, .norms = 2};
    *model = (sp_model){.name = "gpt", .family = "catalog", .hidden = n[HIDDEN], .vocab = VOCABULARY, .max_positions = n[SEQ],
                        .tied_embeddings = true, .learned_positions = true, .n_layers = n[LAYERS], .n_kinds = 1, .kinds = block,
                        .layer_kind = kinds};
    return model;
}

static sp_status shape_of(layouts *l, const uint32_t *n, sp_arena *arena, shape **out, sp_error *err)
{
    for (uint32_t i = 0; i < l->n_shapes; i++) {
        const uint32_t *m = l->shapes[i]->n;
        if (m[HIDDEN] == n[HIDDEN] && m[HEADS] == n[HEADS] && m[LAYERS] == n[LAYERS] && m[SEQ] == n[SEQ]) {
            *out = l->shapes[i];
            return SP_OK;
        }
    }
    shape *s = sp_arena_alloc(arena, 1, sizeof *s);
    const sp_model *model = model_of(n, arena);
    if (!s || !model)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a model");
    memcpy(s->n, n, sizeof s->n);
    s->model = model;
    snprintf(s->name, sizeof s->name, "h%u a%u l%u s%u", n[HIDDEN], n[HEADS], n[LAYERS], n[SEQ]);
    sp_status status = sp_pricer_create(l->machine, model, &s->pricer, err);
    if (status == SP_OK)
        *out = l->shapes[l->n_shapes++] = s;
    return status;
}

static sp_status numbers(const sp_csv *csv, size_t row, uint32_t *n, double *time_s, sp_error *err)
{
    for (int c = 0; c < COLUMNS; c++) {
        int column = sp_csv_column(csv, columns[c]);
        double value = 0;
        bool has = false;
        if (column < 0)
            return sp_error_set(err, SP_E_PARSE, sp_csv_name(csv), 1, 1, "column '%s' is missing: a table of layouts needs it", columns[c]);
        sp_status status = sp_csv_number(csv, row, column, &value, &has, err);
        if (status != SP_OK)
            return status;
        if (!has || !(value > 0) || value > 1e9)
            return sp_csv_fail(csv, row, column, SP_E_RANGE, err, "found '%s', expected a number above 0, at most 1e9",
                               sp_csv_cell(csv, row, column));
        if (c == TIME_MS)
            *time_s = value / 1e3;
        else
            n[c] = (uint32_t)value;
    }
    if (n[LAYERS] > SP_LAYERS_MAX || n[HIDDEN] % n[HEADS])
        return sp_csv_fail(csv, row, sp_csv_column(csv, columns[LAYERS]), SP_E_RANGE, err,
                           "expected at most %u layers and a hidden size that the heads divide", (unsigned)SP_LAYERS_MAX);
    return SP_OK;
}

static sp_status take_row(layouts *l, const sp_csv *csv, size_t row, sp_i_fit *fit, sp_error *err)
{
    uint32_t i = fit->n_rows, *n = l->n[i];
    double time_s = 0;
    sp_status status = numbers(csv, row, n, &time_s, err);
    if (status == SP_OK)
        status = shape_of(l, n, fit->arena, &l->of[i], err);
    if (status != SP_OK)
        return status;
    sp_plan plan = sp_plan_default();
    plan.tp = n[TP]; plan.dp = n[DP]; plan.pp = n[PP]; plan.mbs = n[MICRO]; plan.gbs = n[BATCH]; plan.seq = n[SEQ];
    plan.zero = 0;
    plan.sequence_parallel = plan.overlap_dp = false;
    plan.software = LINE;
    plan.unfused_attention = true;   /* before FlashAttention (vTrain, arXiv 2312.12391: Megatron-DeepSpeed) */
    l->plan[i] = plan;
    sp_error why;
    if (sp_plan_check(&plan, l->of[i]->model, l->machine, &why) != SP_OK)
        return sp_csv_fail(csv, row, -1, SP_E_INVAL, err, "the layout cannot be run on %s: %s", MACHINE, why.text);
    status = sp_plan_layout(&plan, l->machine, &l->layout[i], err);
    if (status == SP_OK)
        fit->row[fit->n_rows++] = (sp_i_fit_row){.by = {l->of[i]->name, l->of[i]->name, l->of[i]->name}, .measured = time_s, .ratio = 1, .weight = 1, .twin = i};
    return status;
}

static sp_status take_file(layouts *l, const char *path, sp_i_fit *fit, sp_error *err)
{
    sp_csv *csv;
    sp_status status = sp_csv_load(path, &csv, err);
    if (status != SP_OK)
        return status;
    size_t rows = sp_csv_rows(csv) + fit->n_rows + 1, was = fit->n_rows;
    layouts more = *l;
    sp_i_fit_row *row = sp_arena_alloc(fit->arena, rows, sizeof *row);
    more.n = sp_arena_alloc(fit->arena, rows, sizeof *more.n);
    more.plan = sp_arena_alloc(fit->arena, rows, sizeof *more.plan);
    more.layout = sp_arena_alloc(fit->arena, rows, sizeof *more.layout);
    more.of = sp_arena_alloc(fit->arena, rows, sizeof *more.of);
    more.shapes = sp_arena_alloc(fit->arena, rows, sizeof *more.shapes);
    if (!row || !more.n || !more.plan || !more.layout || !more.of || !more.shapes) {
        sp_csv_destroy(csv);
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %zu rows", rows);
    }
    if (was) {
        memcpy(row, fit->row, was * sizeof *row);
        memcpy(more.n, l->n, was * sizeof *more.n);
        memcpy(more.plan, l->plan, was * sizeof *more.plan);
        memcpy(more.layout, l->layout, was * sizeof *more.layout);
        memcpy(more.of, l->of, was * sizeof *more.of);
        memcpy(more.shapes, l->shapes, l->n_shapes * sizeof *more.shapes);
    }
    *l = more;
    fit->row = row;
    for (size_t i = 0; i < sp_csv_rows(csv) && status == SP_OK; i++)
        status = take_row(l, csv, i, fit, err);
    sp_csv_destroy(csv);
    return status;
}

/* ---- the part -------------------------------------------------------------------------------------------------------------- */

static sp_status add_constants(const sp_i_own *own, sp_i_fit *fit, sp_error *err)
{
    static const struct { const char *key, *unit; double scale; size_t offset; double start, low, high; } keys[] = {
        {"host_op", "us", 1e-6, offsetof(sp_software, host_op_s), 100, 1, 1000},
        {"vector_factor", "", 1, offsetof(sp_software, vector_factor), 2, 0.9, 10},
        {"attention_factor", "", 1, offsetof(sp_software, attention_factor), 3, 0.9, 10}};
    sp_software *line = NULL;
    for (uint32_t i = 0; i < own->n_software; i++)
        line = strcmp(own->software[i]->name, LINE) == 0 ? own->software[i] : line;
    if (!line)
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "the catalog has no product line '%s', which layouts are fitted for", LINE);
    sp_status status = SP_OK;
    for (size_t k = 0; k < sizeof keys / sizeof keys[0] && status == SP_OK; k++) {
        sp_i_fit_constant c = {.of = LINE, .key = keys[k].key, .unit = keys[k].unit, .scale = keys[k].scale, .start = keys[k].start, .otherwise = keys[k].start, .why = "a middle value",
                               .low = keys[k].low, .high = keys[k].high,
                               .origin = "vTrain's iteration times of layouts of GPT on 8 A100"};
        sp_i_fit_place(&c, "software/" LINE ".yaml", NULL, 1);
        sp_i_fit_spot(&c, &((sp_value *)(void *)((char *)line + keys[k].offset))->nominal, 1);
        status = sp_i_fit_add(fit, &c, err);
    }
    return status;
}

static sp_status make(sp_i_own *own, const char *const *paths, uint32_t n_paths, sp_i_fit *fit, sp_error *err)
{
    layouts *l = sp_arena_alloc(fit->arena, 1, sizeof *l);
    const sp_machine *machine;
    if (!l)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a fit");
    memset(l, 0, sizeof *l);
    fit->own = l;
    fit->predict = predict;
    fit->run = run;
    fit->touches = touches;
    fit->cycles = 3;
    fit->rounds = 6;
        fit->first_step = 0.16;
    sp_status status = sp_catalog_machine(own->catalog, MACHINE, &machine, err);
    if (status == SP_OK && !(l->machine = sp_i_own_machine(own, machine)))
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a fit");
    for (uint32_t f = 0; f < n_paths && status == SP_OK; f++)
        status = take_file(l, paths[f], fit, err);
    return status == SP_OK ? add_constants(own, fit, err) : status;
}

static void done(sp_i_fit *fit, sp_study_calibration *out)
{
    const layouts *l = fit->own;
    if (out)
        out->ranking = (sp_study_ranking){fit->n_rows, sp_i_ranks(fit, alike, l, false, fit->arena),
                                          sp_i_ranks(fit, alike, l, true, fit->arena)};
    for (uint32_t i = 0; l && i < l->n_shapes; i++)
        sp_pricer_destroy(l->shapes[i]->pricer);
}

const sp_i_fit_part sp_i_fit_layouts = {"layouts", "micro batch", NULL, make, done};
