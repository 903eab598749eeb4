/* What the files that validate share: a row on its way from text to a prediction. */
#ifndef SP_RUN_I_H
#define SP_RUN_I_H

#include "superpod/study.h"

/* Numbers of a training row; NaN: not published. */
typedef enum sp_i_num {
    SP_N_CHIPS, SP_N_PER_NODE, SP_N_PARAMS_B, SP_N_LAYERS, SP_N_HIDDEN, SP_N_HEADS, SP_N_KV_HEADS, SP_N_FFN, SP_N_EXPERTS,
    SP_N_TOPK, SP_N_MOE_FFN, SP_N_VOCAB, SP_N_SEQ, SP_N_TP, SP_N_CP, SP_N_PP, SP_N_VPP, SP_N_EP, SP_N_DP, SP_N_MBS, SP_N_GBS, SP_N_ACCUM,
    SP_N_STEP, SP_N_TOK, SP_N_TFLOPS, SP_N_MFU, SP_N_HFU, SP_N_MINUTES, SP_N_SAMPLES, SP_N_PEAK_GIB, SP_NUMS
} sp_i_num;

/* One training configuration as its row states it. Texts are "" where the row has none. */
typedef struct sp_i_run {
    const char *id, *hw_class, *hardware, *fabric, *model, *sharding, *precision, *recompute, *framework, *other, *note;
    double num[SP_NUMS];
} sp_i_run;

typedef struct sp_i_row_cache_entry { const char *key; const void *value; } sp_i_row_cache_entry;
typedef struct sp_i_row_cache { sp_i_row_cache_entry *slot; uint32_t n, room; } sp_i_row_cache;

/* What lasts for a whole validation. */
typedef struct sp_i_ctx {
    sp_catalog *catalog;
    sp_arena *arena;            /* results                                              */
    sp_i_row_cache machines, models, steps, ids;
    sp_study_row *row;          /* the row in work: reasons and assumptions go there    */
} sp_i_ctx;

/* What one prediction of a step gives; kept by machine, model and plan. */
typedef struct sp_i_step { double time_s; double mem_bytes_max, mem_capacity_bytes; const char *failure; } sp_i_step;

/* ---- notes: why a row cannot be expressed, or what was assumed ---- */
/* Always false, so that `return sp_i_row_refuse(…)` reads well. */
bool sp_i_row_refuse(sp_i_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sp_i_row_assume(sp_i_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- words ---- */
bool sp_i_word_in(const char *text, const char *word);              /* anywhere, any case                              */
bool sp_i_word_starts(const char *text, const char *word);           /* any case                                        */
bool sp_i_megascale_has(const char *other, const char *part);        /* is the part on in that row of MegaScale's ablation? */
double sp_i_word_number_after(const char *text, const char *word, double otherwise);    /* "hidden 7168", "window=4096" */
double sp_i_word_number_before(const char *text, const char *word, double otherwise);   /* "128 tokens/rank"            */
bool sp_i_num_set(double number);                                   /* published                                       */
uint32_t sp_i_num_count(double number, uint32_t otherwise);         /* as a count, `otherwise` when not published       */
bool sp_i_count_is(double number);                                  /* whole, from 1 to 2^32 - 2                       */
/* Lower case, letters and digits alone: "Llama3.1-8B" and "llama-3.1-8b" are both "llama318b". `apart`: with a point where two numbers meet,
 * so that Qwen2-57B is not Qwen2.5-7B. */
void sp_i_word_squeeze(const char *text, bool apart, char *out, size_t out_size);
const char *sp_i_line_named(const char *framework);                 /* as the tables of lines spell it: "NVIDIA NeMo", "MCore" */
bool sp_i_class_is(const char *hw_class, const char *name);         /* one class, however spelled: "Ascend910B", "TPU v5e" */

const void *sp_i_row_cache_get(const sp_i_row_cache *cache, const char *key);
bool sp_i_row_cache_put(sp_i_ctx *ctx, sp_i_row_cache *cache, const char *key, const void *value);

/* ---- a row's machine, model and plan; false: refused, with the reason in ctx->row ---- */
bool sp_i_row_model(sp_i_ctx *ctx, const sp_i_run *run, const sp_model **out);
/* The recipe that leaves some of the row's model in BF16; 0: none. The model under it; NULL: no memory. */
uint32_t sp_i_recipe_of(const sp_i_run *run);
const sp_model *sp_i_recipe_model(sp_i_ctx *ctx, uint32_t recipe, const sp_model *model);
/* The catalog's name for what a row calls its model, NULL when it has none; and the longest entry that the row's name starts with. */
const char *sp_i_row_name(sp_i_ctx *ctx, const char *name);
const char *sp_i_row_name_start(sp_i_ctx *ctx, const char *name);
/* The entry of that name, kept for the whole validation; NULL: it cannot be read. */
const sp_model *sp_i_row_entry(sp_i_ctx *ctx, const char *name);
bool sp_i_row_plan(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, sp_plan *out);
bool sp_i_row_machine(sp_i_ctx *ctx, const sp_i_run *run, const sp_plan *plan, const sp_machine **out);
/* TPU slices that the row's chips make; 1 on other hardware. */
uint32_t sp_i_row_slices(const sp_i_run *run);
/* Is a part of its layout all that a row says, or how many micro-batches it accumulates? */
bool sp_i_layout_open(const sp_i_run *run);
/* Layouts that such a row may have run with, one by one: run is the row with the next of them. false: no more. */
typedef struct sp_i_layout_try { sp_i_run run; uint64_t tp, cp, pp; } sp_i_layout_try;
sp_i_layout_try sp_i_layout_first(const sp_i_run *run);
bool sp_i_layout_next(const sp_i_run *run, sp_i_layout_try *at);
/* Sizes that a configuration's name gives, where the row's columns do not: "config_DGXH100_1x8x4xtp4pp1cp1.sh". */
void sp_i_layout_named(const char *name, sp_i_run *run);
/* Samples that an MLPerf benchmark takes to its target at a global batch; NaN: not known. */
double sp_i_time_samples(const char *benchmark, double gbs);
/* Machine of a class with `ranks` ranks, `domain` of them in one scale-up domain, for collectives. `share`: of a chip that
 * one rank is (0.5: one die of two). */
bool sp_i_class_machine(sp_i_ctx *ctx, const char *hw_class, const char *fabric, uint32_t ranks, uint32_t per_node,
                        uint32_t domain, double share, const sp_machine **out);
/* A collective as its library runs it. Errors: as sp_coll_best and sp_fabric_flow_wires. */
sp_status sp_i_coll_leg(const sp_study_leg *leg, const sp_machine *machine, const sp_stack *stack, sp_study_leg_time *out, sp_error *err);
/* Of that, what the wires take, run by the flow evaluator: of the algorithm and the line (its protocol, phases together or in turn) chosen. */
sp_status sp_i_coll_flow(const sp_study_leg *leg, const sp_machine *machine, const sp_stack *stack, const sp_coll_algo *algo, const sp_comm_time *line,
                         double *wire_s, sp_error *err);
const sp_chip *sp_i_class_chip(sp_i_ctx *ctx, const char *hw_class);
/* Raw scale-out bytes/s of one chip as a fabric text states it; 0 when it does not. */
double sp_i_fabric_rate(const char *fabric, uint32_t per_node);

/* FLOPs of one token as the row's source counts them, for rows that print FLOP rates or MFU only. */
double sp_i_source_flop_per_token(const sp_i_run *run, const sp_model *model, uint64_t seq);
/* The peak that the row's MFU is a fraction of, FLOP/s of one chip. */
double sp_i_source_peak(const sp_i_run *run, const sp_chip *chip, sp_format format);

/* ---- kinds of rows: fill ctx->row; an error only for a field that is not what its column promises ---- */
sp_status sp_i_training_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err);
sp_status sp_i_time_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err);
sp_status sp_i_coll_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err);
sp_status sp_i_kernel_score(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err);
/* Predict `run` and compare with the best metric it prints. */
void sp_i_run_score(sp_i_ctx *ctx, const sp_i_run *run);
/* Set metric, measured, predicted and the errors; `is_time`: larger is slower. */
void sp_i_row_compare(sp_study_row *row, const char *metric, double measured, double predicted, bool is_time);

/* Text and number of a named column. */
const char *sp_i_cell_text(const sp_csv *csv, size_t row, const char *column);
sp_status sp_i_cell_number(const sp_csv *csv, size_t row, const char *column, double *out, sp_error *err);

/* Every score of a study whose rows are filled. */
/* Series and differences of the rows that are predicted, into study->pair (pairs.c). */
void sp_i_study_pairs(sp_i_ctx *ctx, sp_study *study);
void sp_i_study_score(sp_study *study, sp_arena *arena);

#endif
