/* Rows of training configurations: read, map, predict, compare. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB (1024.0 * 1024 * 1024)
#define FITS 1.15   /* guess: predicted memory that may still have fitted: no peak was published of pipelines or experts */

static const struct { const char *column; sp_i_num num; } numbers[] = {
    {"chips", SP_N_CHIPS}, {"chips_per_node", SP_N_PER_NODE}, {"params_b", SP_N_PARAMS_B}, {"layers", SP_N_LAYERS},
    {"hidden", SP_N_HIDDEN}, {"heads", SP_N_HEADS}, {"kv_heads", SP_N_KV_HEADS}, {"ffn", SP_N_FFN}, {"experts", SP_N_EXPERTS},
    {"topk", SP_N_TOPK}, {"moe_ffn", SP_N_MOE_FFN}, {"vocab", SP_N_VOCAB}, {"seq", SP_N_SEQ}, {"tp", SP_N_TP}, {"cp", SP_N_CP},
    {"pp", SP_N_PP}, {"vpp", SP_N_VPP}, {"ep", SP_N_EP}, {"dp", SP_N_DP}, {"mbs", SP_N_MBS}, {"gbs", SP_N_GBS},
    {"step_time_s", SP_N_STEP}, {"tok_s_chip", SP_N_TOK}, {"tflops_chip", SP_N_TFLOPS}, {"mfu_pct", SP_N_MFU},
    {"hfu_pct", SP_N_HFU}, {"mem_gib", SP_N_PEAK_GIB}};

static bool predict(sp_i_ctx *ctx, const sp_machine *machine, const sp_model *model, const sp_plan *plan, const sp_i_step **out)
{
    char words[512];
    sp_plan_format(plan, words, sizeof words);
    ctx->row->plan = sp_arena_strdup(ctx->arena, words);
    /* models are kept: one address, one model */
    char *key = sp_arena_printf(ctx->arena, "%s | %p | %s", ctx->row->machine, (const void *)model, words);
    if (!key)
        return sp_i_row_refuse(ctx, "no memory");
    const sp_i_step *known = sp_i_row_cache_get(&ctx->steps, key);
    if (!known) {
        sp_i_step *step = sp_arena_alloc(ctx->arena, 1, sizeof *step);
        sp_arena *scratch = sp_arena_create();
        if (!step || !scratch) {
            sp_arena_destroy(scratch);
            return sp_i_row_refuse(ctx, "no memory");
        }
        sp_train_report report;
        sp_error err;
        memset(&report, 0, sizeof report);
        if (sp_predict_train(machine, model, plan, false, scratch, &report, NULL, &err) == SP_OK)
            *step = (sp_i_step){report.step_time_s, report.mem_bytes_max, report.mem_capacity_bytes, NULL};
        else
            *step = (sp_i_step){NAN, 0, 0, sp_arena_strdup(ctx->arena, err.text)};
        sp_arena_destroy(scratch);
        sp_i_row_cache_put(ctx, &ctx->steps, key, step);
        known = step;
    }
    *out = known;
    return known->failure ? sp_i_row_refuse(ctx, "%s", known->failure) : true;
}

static bool fits(const sp_i_step *step)
{
    return step->mem_bytes_max <= FITS * step->mem_capacity_bytes;
}

/* The fewest layers a chunk that full recompute must repeat to fit; false when not even all of them do. */
static bool fewest_layers(sp_i_ctx *ctx, const sp_machine *machine, const sp_model *model, sp_plan *plan, const sp_i_step **out)
{
    uint32_t low = 0, high = (model->n_layers + plan->pp * plan->vpp - 1) / (plan->pp * plan->vpp);   /* low does not fit */
    sp_plan try = *plan;
    const sp_i_step *step = NULL;
    try.recompute = SP_RECOMPUTE_FULL;
    try.recompute_layers = high;
    if (!predict(ctx, machine, model, &try, &step) || !fits(step))
        return false;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        try.recompute_layers = middle;
        if (!predict(ctx, machine, model, &try, &step))
            return false;
        if (fits(step))
            high = middle;
        else
            low = middle;
    }
    try.recompute_layers = high;
    *plan = try;
    return predict(ctx, machine, model, plan, out);
}

/* A row that does not state its recompute was run with some that fits: the software's default, or the least more that does:
 * selective, then whole layers, as few as it takes. Where even all of them do not fit, memory says nothing and the default
 * stays. */
static bool predict_default(sp_i_ctx *ctx, const sp_machine *machine, const sp_model *model, sp_plan *plan, const sp_i_step **out)
{
    if (!predict(ctx, machine, model, plan, out))
        return false;
    if (!ctx->row->recompute_assumed || fits(*out))
        return true;
    const char *plan_text = ctx->row->plan;
    const sp_i_step *step = NULL;
    sp_plan more = *plan;
    more.recompute = SP_RECOMPUTE_SELECTIVE;
    if (plan->recompute == SP_RECOMPUTE_NONE && predict(ctx, machine, model, &more, &step) && fits(step)) {
        sp_i_row_assume(ctx, "recompute selective, the least that fits");
    } else {
        more = *plan;
        if (!fewest_layers(ctx, machine, model, &more, &step)) {
            ctx->row->plan = plan_text;
            return true;
        }
        sp_i_row_assume(ctx, "%u layers a chunk recomputed, the least that fits", more.recompute_layers);
    }
    *out = step;
    *plan = more;
    return true;
}

/* Best metric first: a step time, then tokens, then FLOP rates under the source's own counting. */
static void compare(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, const sp_machine *machine, const sp_plan *plan,
                    double step_s)
{
    sp_study_row *row = ctx->row;
    double tokens = (double)plan->gbs * (double)plan->seq / run->num[SP_N_CHIPS];   /* a chip a step */
    if (sp_i_num_set(run->num[SP_N_STEP])) {
        sp_i_row_compare(row, "step_time_s", run->num[SP_N_STEP], step_s, true);
        return;
    }
    if (sp_i_num_set(run->num[SP_N_TOK])) {
        sp_i_row_compare(row, "tok_s_chip", run->num[SP_N_TOK], tokens / step_s, false);
        return;
    }
    if (sp_i_num_set(run->num[SP_N_MINUTES])) {
        sp_i_row_compare(row, "minutes", run->num[SP_N_MINUTES], run->num[SP_N_SAMPLES] / (double)plan->gbs * step_s / 60, true);
        return;
    }
    double rate = tokens * sp_i_source_flop_per_token(run, model, plan->seq) / step_s;
    if (sp_i_num_set(run->num[SP_N_TFLOPS]))
        sp_i_row_compare(row, "tflops_chip", run->num[SP_N_TFLOPS], rate / 1e12, false);
    else
        sp_i_row_compare(row, "mfu_pct", run->num[SP_N_MFU], 100 * rate / sp_i_source_peak(run, machine->chip, plan->precision), false);
}

static bool has_metric(const sp_i_run *run)
{
    static const sp_i_num metrics[] = {SP_N_STEP, SP_N_TOK, SP_N_TFLOPS, SP_N_MFU, SP_N_MINUTES};
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (sp_i_num_set(run->num[metrics[i]]) && run->num[metrics[i]] > 0)
            return true;
    return false;
}

/* States everything that a prediction needs: what the score of a whole class is held to. */
static bool is_full(const sp_i_run *run)
{
    static const sp_i_num needed[] = {SP_N_LAYERS, SP_N_SEQ, SP_N_GBS, SP_N_MBS, SP_N_TP, SP_N_PP, SP_N_CHIPS};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!sp_i_num_set(run->num[needed[i]]))
            return false;
    return has_metric(run);
}

/* What is counted is whole and fits; a device may get a part of a sequence (MaxText). What a model may not have may be 0. */
static bool counts_are_whole(sp_i_ctx *ctx, const sp_i_run *run)
{
    static const struct { const char *name; sp_i_num num; bool none; } counts[] = {
        {"chips", SP_N_CHIPS, false}, {"chips a node", SP_N_PER_NODE, false}, {"layers", SP_N_LAYERS, false}, {"hidden", SP_N_HIDDEN, false},
        {"heads", SP_N_HEADS, false}, {"key/value heads", SP_N_KV_HEADS, false}, {"ffn", SP_N_FFN, true}, {"experts", SP_N_EXPERTS, true},
        {"topk", SP_N_TOPK, true}, {"expert ffn", SP_N_MOE_FFN, true}, {"vocab", SP_N_VOCAB, false}, {"seq", SP_N_SEQ, false}, {"tp", SP_N_TP, false},
        {"cp", SP_N_CP, false}, {"pp", SP_N_PP, false}, {"vpp", SP_N_VPP, true}, {"ep", SP_N_EP, true}, {"gbs", SP_N_GBS, false},
        {"accumulated micro-batches", SP_N_ACCUM, false}, {"mbs", SP_N_MBS, false}};
    bool parts = sp_i_word_starts(run->framework, "MaxText");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        double n = run->num[counts[i].num];
        bool odd = counts[i].num == SP_N_MBS && parts && n > 0 && n < 1;
        if (sp_i_num_set(n) && !sp_i_count_is(n) && !odd && !(counts[i].none && n == 0))
            return sp_i_row_refuse(ctx, "found %s %.17g: expected a whole number from 1 to 2^32 - 2", counts[i].name, n);
    }
    return true;
}

/* What a row became. */
typedef struct expressed { sp_plan plan; const sp_machine *machine; const sp_i_step *step; } expressed;

static bool express(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, expressed *out)
{
    return sp_i_row_plan(ctx, run, model, &out->plan) && sp_i_row_machine(ctx, run, &out->plan, &out->machine) &&
           predict_default(ctx, out->machine, model, &out->plan, &out->step);
}

/* The fastest that fits of the layouts which a row leaves open. */
static bool express_best(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, expressed *out)
{
    const sp_study_row before = *ctx->row;
    sp_i_layout_try at = sp_i_layout_first(run), best = at;
    double least_s = INFINITY;
    sp_study_row last = before;   /* says why, where no try can be expressed: no such chip */
    bool tried = false, expressible = false;
    while (sp_i_layout_next(run, &at)) {
        *ctx->row = before;
        bool could = express(ctx, &at.run, model, out);
        tried = true;
        expressible |= could;
        last = *ctx->row;
        if (!could || !fits(out->step) || out->step->time_s >= least_s)
            continue;
        least_s = out->step->time_s;
        best = at;
    }
    *ctx->row = tried && !expressible ? last : before;
    if (tried && !expressible)
        return false;
    if (isinf(least_s))
        return sp_i_row_refuse(ctx, "no parallel layout that the row leaves open %s", tried ? "fits in memory" : "divides its batch");
    ctx->row->layout_assumed = true;
    sp_i_row_assume(ctx, "tp %.0f cp %.0f pp %.0f, the fastest predicted that fits", best.run.num[SP_N_TP], best.run.num[SP_N_CP], best.run.num[SP_N_PP]);
    return express(ctx, &best.run, model, out);
}

void sp_i_run_score(sp_i_ctx *ctx, const sp_i_run *run)
{
    sp_study_row *row = ctx->row;
    row->label = run->model;
    row->size = run->num[SP_N_CHIPS];
    row->full = is_full(run) && row->status != SP_STUDY_SECONDARY;
    const sp_model *model = NULL;
    expressed x = {.machine = NULL};
    if (!has_metric(run)) {
        sp_i_row_refuse(ctx, "the row prints no step time, tokens/s, FLOP rate or MFU");
        return;
    }
    if (!counts_are_whole(ctx, run) || !sp_i_row_model(ctx, run, &model) || !(sp_i_layout_open(run) ? express_best : express)(ctx, run, model, &x))
        return;
    compare(ctx, run, model, x.machine, &x.plan, x.step->time_s);
    if (run->num[SP_N_PEAK_GIB] > 0) {
        row->measured_peak_gib = run->num[SP_N_PEAK_GIB];
        row->peak_gib = x.step->mem_bytes_max / GIB;
    }
    sp_study_run *again = sp_arena_alloc(ctx->arena, 1, sizeof *again);
    if (again)
        *again = (sp_study_run){x.machine, model, x.plan, x.step->time_s};
    row->run = again;
    if (x.step->mem_bytes_max > x.step->mem_capacity_bytes)
        sp_i_row_assume(ctx, "that it fits, though predicted memory is %.2f of the chip's", x.step->mem_bytes_max / x.step->mem_capacity_bytes);
}

sp_status sp_i_training_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err)
{
    sp_i_run run;
    for (size_t i = 0; i < SP_NUMS; i++)
        run.num[i] = NAN;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sp_status status = sp_i_cell_number(csv, row, numbers[i].column, &run.num[numbers[i].num], err);
        if (status != SP_OK)
            return status;
    }
    run.id = sp_i_cell_text(csv, row, "id");
    run.hw_class = sp_i_cell_text(csv, row, "hw_class");
    run.hardware = sp_i_cell_text(csv, row, "hardware");
    run.fabric = sp_i_cell_text(csv, row, "fabric");
    run.model = sp_i_cell_text(csv, row, "model");
    run.sharding = sp_i_cell_text(csv, row, "sharding");
    run.precision = sp_i_cell_text(csv, row, "precision");
    run.recompute = sp_i_cell_text(csv, row, "recompute");
    run.framework = sp_i_line_named(sp_i_cell_text(csv, row, "framework"));
    run.other = sp_i_cell_text(csv, row, "other");
    run.note = sp_i_cell_text(csv, row, "note");
    sp_i_run_score(ctx, &run);
    return SP_OK;
}
