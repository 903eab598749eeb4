/* Rows of MLPerf Training submissions: the same step model, with the configuration that the submitter's file name gives. */
#include "run_i.h"

#include <math.h>
#include <string.h>

/* Benchmarks of language models (mlcommons training_policies): model, sequence length, vocabulary of the data set. */
static const struct { const char *benchmark, *model; double seq, vocab; bool lora; } benchmarks[] = {
    {"gpt3", "GPT3-175B", 2048, 51200, false},
    {"llama31_405b", "Llama3.1-405B", 8192, 128256, false},
    {"llama31_8b", "Llama3.1-8B", 8192, 128256, false},
    {"llama2_70b_lora", "Llama2-70B", 8192, 32000, true},
};

static const struct { const char *column; sp_i_num num; } numbers[] = {
    {"accelerators", SP_N_CHIPS}, {"accel_per_node", SP_N_PER_NODE}, {"seq", SP_N_SEQ}, {"mbs", SP_N_MBS}, {"tp", SP_N_TP},
    {"pp", SP_N_PP}, {"cp", SP_N_CP}, {"vpp", SP_N_VPP}, {"gbs", SP_N_GBS}, {"grad_accum", SP_N_ACCUM}, {"train_step_time_median_s", SP_N_STEP}};

/* Whole-system throughput becomes tokens/s of a chip where no step seconds are logged. */
static sp_status throughput(const sp_csv *csv, size_t row, sp_i_run *run, sp_error *err)
{
    double tokens = NAN, samples = NAN;
    sp_status status = sp_i_cell_number(csv, row, "train_throughput_tokens_s", &tokens, err);
    if (status == SP_OK)
        status = sp_i_cell_number(csv, row, "train_throughput_samples_s", &samples, err);
    if (status != SP_OK)
        return status;
    if (sp_i_num_set(tokens))
        run->num[SP_N_TOK] = tokens / run->num[SP_N_CHIPS];
    else if (sp_i_num_set(samples))
        run->num[SP_N_TOK] = samples * run->num[SP_N_SEQ] / run->num[SP_N_CHIPS];
    return SP_OK;
}

/* Where neither steps nor throughput are logged, the minutes to the target: all steps, without the evaluations between them. */
static sp_status minutes(sp_i_ctx *ctx, const sp_csv *csv, size_t row, const char *benchmark, sp_i_run *run, sp_error *err)
{
    double whole = NAN;
    sp_status status = sp_i_cell_number(csv, row, "minutes_olympic_mean", &whole, err);
    if (status != SP_OK || !sp_i_num_set(whole) || sp_i_num_set(run->num[SP_N_STEP]) || sp_i_num_set(run->num[SP_N_TOK]))
        return status;
    run->num[SP_N_SAMPLES] = sp_i_time_samples(benchmark, run->num[SP_N_GBS]);
    if (!sp_i_num_set(run->num[SP_N_SAMPLES]))
        return SP_OK;
    run->num[SP_N_MINUTES] = whole;
    sp_i_row_assume(ctx, "%.0f samples to the target, as MLPerf's reference runs; no evaluation", run->num[SP_N_SAMPLES]);
    return SP_OK;
}

/* The precision is not in the logs: submissions run 8-bit matrix products where the chip has them (Google's: quantization=int8 in
 * github:AI-Hypercomputer/maxtext MaxText/configs/v5p/gpt3_175b/gpt3_175b_base.sh). */
static const char *precision_of(sp_i_ctx *ctx, const char *hint, const char *hw_class)
{
    if (sp_i_word_in(hint, "FP4"))
        return "NVFP4";
    const char *format = sp_i_word_starts(hw_class, "A100") ? "BF16" : sp_i_word_starts(hw_class, "TPU") ? "INT8" : "FP8";
    sp_i_row_assume(ctx, "precision %s", format);
    return format;
}

sp_status sp_i_time_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err)
{
    sp_i_run run;
    memset(&run, 0, sizeof run);
    for (size_t i = 0; i < SP_NUMS; i++)
        run.num[i] = NAN;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sp_status status = sp_i_cell_number(csv, row, numbers[i].column, &run.num[numbers[i].num], err);
        if (status != SP_OK)
            return status;
    }
    const char *benchmark = sp_i_cell_text(csv, row, "benchmark"), *submitter = sp_i_cell_text(csv, row, "submitter");
    run.id = sp_i_cell_text(csv, row, "id");
    run.hw_class = sp_i_cell_text(csv, row, "hw_class");
    run.hardware = sp_i_cell_text(csv, row, "accelerator");
    run.fabric = sp_i_cell_text(csv, row, "host_networking");
    if (!sp_i_word_in(run.fabric, "Compute"))
        run.fabric = "";   /* a list of adapters without saying which carries training: the chip's own rate */
    run.sharding = run.recompute = run.note = "";
    ctx->row->source = sp_arena_printf(ctx->arena, "MLPerf Training %s", sp_i_cell_text(csv, row, "round"));
    ctx->row->group = submitter;
    bool nvidia = sp_i_word_in(run.hardware, "NVIDIA");
    bool xla = sp_i_word_starts(run.hw_class, "TPU");   /* Google's submissions: PAX, then MaxText, on the same compiler */
    run.framework = nvidia ? "MLPerf NVIDIA" : xla ? "MaxText" : "MLPerf";
    run.other = run.model = "";
    for (size_t i = 0; i < sizeof benchmarks / sizeof benchmarks[0]; i++)
        if (strcmp(benchmark, benchmarks[i].benchmark) == 0) {
            run.model = benchmarks[i].model;
            run.other = benchmarks[i].lora ? "LoRA" : "";
            run.num[SP_N_VOCAB] = benchmarks[i].vocab;
            if (!sp_i_num_set(run.num[SP_N_SEQ]))
                run.num[SP_N_SEQ] = benchmarks[i].seq;
        }
    ctx->row->label = benchmark;
    if (run.model[0] == '\0') {
        sp_i_row_refuse(ctx, "benchmark '%s' is not a language model that is known here", benchmark);
        return SP_OK;
    }
    if (sp_i_word_in(sp_i_cell_text(csv, row, "framework"), "DeepSpeed") && !sp_i_num_set(run.num[SP_N_TP])) {
        sp_i_row_refuse(ctx, "the row does not give its parallel layout, and DeepSpeed is no product line that is known here");
        return SP_OK;
    }
    sp_i_layout_named(sp_i_cell_text(csv, row, "config_file"), &run);
    if (!sp_i_num_set(run.num[SP_N_MBS]) && sp_i_num_set(run.num[SP_N_TP]))
        run.num[SP_N_MBS] = 1;
    sp_status status = throughput(csv, row, &run, err);
    if (status == SP_OK)
        status = minutes(ctx, csv, row, benchmark, &run, err);
    if (status != SP_OK)
        return status;
    run.precision = precision_of(ctx, sp_i_cell_text(csv, row, "precision_hint"), run.hw_class);
    sp_i_run_score(ctx, &run);
    ctx->row->label = benchmark;
    ctx->row->full = false;
    return SP_OK;
}
