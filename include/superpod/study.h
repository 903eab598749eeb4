/* superpod/study.h: how well the model predicts what was measured. Published measurements (CSV files, one row a
 * measurement) are mapped to a machine, a model and a plan from their configuration columns alone, predicted, and
 * compared. Model page: docs/models/validation.md. */
#ifndef SUPERPOD_STUDY_H
#define SUPERPOD_STUDY_H

#include "superpod/cluster.h"
#include "superpod/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tables of comma-separated values -------------------------------------------------------------------------- */

/* A CSV file as RFC 4180 has it: the first line names the columns; quoted fields may hold commas, quotes (doubled) and
 * line breaks; a byte-order mark and CR LF are accepted; lines without any character are skipped. */
typedef struct sp_csv sp_csv;

#define SP_CSV_COLUMNS_MAX 512u
#define SP_CSV_ROWS_MAX 4194304u

/* Read a whole file (<= 64 MiB) or a buffer; `name` is what errors call it. *out is owned by the caller: sp_csv_destroy.
 * Errors, each with file:line:column: SP_E_IO; SP_E_PARSE an unfinished or misplaced quote, a NUL byte, a line with more or
 * fewer fields than the header, an empty or repeated column name, no header; SP_E_RANGE too large; SP_E_NOMEM.
 * Cost: one pass; 16 B a field. */
sp_status sp_csv_load(const char *path, sp_csv **out, sp_error *err);
sp_status sp_csv_parse(const char *text, size_t length, const char *name, sp_csv **out, sp_error *err);
void sp_csv_destroy(sp_csv *csv);

const char *sp_csv_name(const sp_csv *csv);
const char *sp_csv_sha256(const sp_csv *csv);                    /* of the bytes read, hexadecimal                    */
size_t sp_csv_rows(const sp_csv *csv);                           /* without the header                                */
size_t sp_csv_columns(const sp_csv *csv);
const char *sp_csv_column_name(const sp_csv *csv, size_t column);
int sp_csv_column(const sp_csv *csv, const char *name);          /* -1 when there is none                             */
/* Text of a cell without surrounding blanks, "" when empty or when column < 0. Owned by the table. */
const char *sp_csv_cell(const sp_csv *csv, size_t row, int column);
uint32_t sp_csv_line(const sp_csv *csv, size_t row);             /* 1-based line that the row starts on               */
/* Fill *err pointing at a cell (or at the row when column < 0); returns `status`. */
sp_status sp_csv_fail(const sp_csv *csv, size_t row, int column, sp_status status, sp_error *err,
                      const char *format, ...) __attribute__((format(printf, 6, 7)));
/* A cell as a decimal number; *has is false (and *out untouched) for an empty one. SP_E_PARSE for other text, SP_E_RANGE for
 * a number beyond a double. */
sp_status sp_csv_number(const sp_csv *csv, size_t row, int column, double *out, bool *has, sp_error *err);

/* ---- validation -------------------------------------------------------------------------------------------------- */

/* What a file holds, told by its columns. */
typedef enum sp_study_kind {
    SP_STUDY_TRAINING,    /* id, hw_class, model, chips, …: step time, tokens/s/chip, TFLOPS/chip or MFU          */
    SP_STUDY_TIME,        /* MLPerf submissions: train_step_time_median_s, else the logged throughput             */
    SP_STUDY_COLLECTIVE,  /* op, ranks, size_bytes, …: time or bandwidth                                          */
    SP_STUDY_KERNEL,      /* kernel, m, n, k, …: TFLOPS, GB/s or time                                             */
    SP_STUDY_KINDS
} sp_study_kind;
const char *sp_study_kind_name(sp_study_kind kind);   /* "training" "time-to-train" "collectives" "kernels" */

typedef enum sp_study_status {
    SP_STUDY_EXPRESSED,    /* predicted and counted                                                                */
    SP_STUDY_SECONDARY,    /* predicted; its evidence is secondary: reported apart, not counted                    */
    SP_STUDY_UNEXPRESSED,  /* the row does not say enough, or says what the model cannot hold: reason              */
    SP_STUDY_STATUSES
} sp_study_status;
const char *sp_study_status_name(sp_study_status status);  /* "expressed" "secondary" "unexpressed" */

/* What a training row became, to be predicted again. The machine is the catalog's; the model lives in the study's arena. */
typedef struct sp_study_run { const sp_machine *machine; const sp_model *model; sp_plan plan; double step_time_s; } sp_study_run;

/* A row of collectives as what was predicted, for calibration: legs run at once, the slowest decides. */
typedef struct sp_study_leg {
    sp_coll_op op;
    sp_placement placement;
    double size_bytes, message_bytes;  /* message_bytes 0: one message a peer                                       */
    bool replicated;                   /* the other ranks of the nodes do the same at once                          */
} sp_study_leg;
/* time_s = that of the stack's best line + what the flow evaluator makes of the wires - what the line makes of them. */
typedef struct sp_study_leg_time {
    sp_coll_time lines;                /* analytic                                                                  */
    double time_s, line_wire_s, flow_wire_s;
    bool flows;                        /* false: too many transfers, flow_wire_s is line_wire_s                     */
} sp_study_leg_time;
typedef struct sp_study_coll {
    const sp_machine *machine;
    const sp_stack *stack;
    uint32_t n_legs; sp_study_leg leg[2];
    sp_study_leg_time leg_time[2];
    double counted_bytes;              /* printed bandwidth = counted_bytes / time                                  */
    double measured_s;
} sp_study_coll;

typedef struct sp_study_row {
    sp_study_kind kind;
    sp_study_status status;
    const char *id, *hw_class, *source, *group, *label;  /* label: a few words (model, operation, kernel)          */
    const char *metric;              /* column compared: "step_time_s", "tok_s_chip", "busbw_gbs", …; NULL: none    */
    double predicted, measured;      /* in the column's unit; predicted NaN when unexpressed                        */
    double ape;                      /* |predicted - measured| / measured; NaN when unexpressed                     */
    double slow;                     /* predicted time / measured time - 1: > 0 means predicted too slow            */
    double peak_gib, measured_peak_gib;  /* memory of the fullest chip where the row prints a peak, else NaN        */
    double size;                     /* what the row is drawn against: chips (training), bytes, FLOPs                */
    const char *reason;              /* unexpressed: why; else what was assumed, NULL when nothing was              */
    const char *machine, *plan;      /* machine string and plan the row became; NULL where there is none            */
    const sp_study_run *run;         /* training and MLPerf rows that are predicted; NULL: others                   */
    const sp_study_coll *coll;       /* collectives that were predicted, else NULL                                  */
    bool full;                       /* states layers, seq, gbs, mbs, tp, pp, chips and a metric, not secondary     */
    bool recompute_assumed;          /* recompute unknown: predicted under the software's default                   */
    bool layout_assumed;             /* parallel layout unknown or in part: the fastest predicted that fits         */
    uint32_t line;                   /* in its file */
} sp_study_row;

/* Errors of a set of rows: fractions. Percentiles are nearest-rank; bias is the median of sp_study_row.slow. */
typedef struct sp_study_score { uint32_t rows, expressed; double median_ape, p90_ape, bias; } sp_study_score;
typedef struct sp_study_group { sp_study_kind kind; const char *hw_class, *source; sp_study_score score; } sp_study_group;

/* What a change of one thing does to the throughput of a chip, from one row of the open tables to another, as a part: how far more chips
 * lose (series), or one technique gains. `within`: the sign is right, and a series is off by 0.05 at most, a difference by 30 % of itself. */
#define SP_STUDY_PAIRS 16u
typedef struct sp_study_pair { const char *what, *from, *to; bool series, sign, within; double predicted, measured; } sp_study_pair;

typedef struct sp_study {
    uint32_t n_rows; sp_study_row *rows;               /* in order of files and lines                              */
    sp_study_score summary;                            /* expressed rows that are not secondary, all kinds          */
    sp_study_score kind[SP_STUDY_KINDS];               /* the same by kind                                          */
    sp_study_score secondary, recompute_assumed, recompute_stated, layout_assumed, full;
    sp_study_score memory;                             /* of printed peaks of memory; bias + where predicted too much */
    uint32_t n_groups; sp_study_group *groups;         /* kind x class x source, in that order; not secondary      */
    uint32_t n_classes; sp_study_group *classes;       /* kind x class; source NULL                                */
    uint32_t n_pairs; sp_study_pair pair[SP_STUDY_PAIRS];   /* those whose rows are both there and predicted          */
    uint32_t constants_fitted, guesses;                /* different values of the catalog graded fitted, graded guess */
    uint32_t n_files; struct { const char *path, *sha256; } *files;
} sp_study;

/* Read the files and predict every row. Everything lives in `arena`; chips, machines and models come from `catalog`.
 * Errors: of the files (sp_csv_load; unknown columns; a number that is none): a row that cannot be expressed is none.
 * Cost: about 1 ms a training row, microseconds for others. */
sp_status sp_study_validate(sp_catalog *catalog, const char *const *paths, uint32_t n_paths, sp_arena *arena,
                            sp_study *out, sp_error *err);

/* Score of the rows for which keep() is true. O(n log n). */
sp_study_score sp_study_score_rows(const sp_study_row *rows, uint32_t n_rows, bool (*keep)(const sp_study_row *row, void *context),
                                   void *context, sp_arena *arena);

/* The page of a validation: Markdown tables at `path`, and one SVG scatter plot a kind and class in the folder of the
 * same name without ".md" beside it. Written under temporary names and renamed. */
sp_status sp_study_page(const char *path, const sp_study *study, sp_error *err);

/* The scores by kind and class as a CSV file, three digits, in a fixed order: tests/golden/validation-scores.csv. */
sp_status sp_study_scores_write(const char *path, const sp_study *study, sp_error *err);

/* ---- calibration --------------------------------------------------------------------------------------------------- */

/* Constants of the catalog fitted to measurements: per chip family on kernels and training steps, per software product line on
 * training steps and layouts. Each rests on 15 rows or more whose prediction depends on it; none is keyed on a row, model or
 * date. Model page: docs/models/calibration.md. */
/* Where a constant stands: a file of the catalog, "families/hopper.yaml"; below the line `under`, NULL: anywhere; as `times` the value. */
typedef struct sp_study_place { const char *file, *under; double times; } sp_study_place;

typedef struct sp_study_constant {
    const char *part, *of, *key;     /* "kernels"; family or product line; key in its file                       */
    const char *unit;                /* "", "us": the numbers are written with it                                */
    const char *origin;              /* the rows it is fitted on, in words                                       */
    const char *kept;                /* NULL; else fewer than 15 rows depend on it, and `value` is not fitted but this, in words */
    const sp_study_place *places; uint32_t n_places;
    double value, low, high;         /* low, high: 10 % around it, or as far as it goes when a group is left out */
    double catalog;                  /* in the catalog read                                                      */
    uint32_t rows, groups;           /* that depend on it; groups of the rows of its family or line              */
    double error_fitted, error_left_out;  /* mean of |ln(predicted / measured)|, a row at most 0.5, of its family's or line's rows;
                                           * left out: each group of rows predicted by constants fitted without it */
} sp_study_constant;

/* What a part was fitted on; errors as above, over all its rows. */
typedef struct sp_study_fit { const char *name; uint32_t rows, groups, constants; double error_fitted, error_left_out; } sp_study_fit;
#define SP_STUDY_FITS_MAX 8u

/* Rows that are left out together, predicted by constants fitted without them: rows of one `group` (one shape or sweep), of one source
 * (a page or paper), of one class of hardware. */
typedef enum sp_study_leave { SP_STUDY_LEAVE_GROUP, SP_STUDY_LEAVE_SOURCE, SP_STUDY_LEAVE_CLASS, SP_STUDY_LEAVES } sp_study_leave;
const char *sp_study_leave_name(size_t index);   /* "group" "source" "class"; NULL past the last */
typedef struct sp_study_left {
    const char *part, *name;
    uint32_t rows;
    double error_fitted, error_left_out;  /* as a constant's                                                       */
    const char *of, *key;            /* the constant that went furthest without them; NULL: none moved              */
    double moved_by;                 /* its value without them / fitted                                             */
} sp_study_left;

/* Are layouts ranked as measured? Medians over groups of 8 layouts or more: rank correlation (Spearman) of predicted and measured
 * times, and how much slower than the measured best the layout is that is predicted best. */
typedef struct sp_study_ranks { uint32_t groups; double correlation, distance; } sp_study_ranks;
typedef struct sp_study_ranking {
    uint32_t layouts;
    sp_study_ranks models;           /* a group: all layouts of one model shape and sequence                  */
    sp_study_ranks jobs;             /* a group: those of one number of chips and global batch, besides       */
} sp_study_ranking;

typedef struct sp_study_calibration {
    uint32_t n_constants; sp_study_constant *constants;   /* of each part the fitted, then the others */
    uint32_t n_fitted;
    uint32_t n_fits; sp_study_fit fit[SP_STUDY_FITS_MAX];
    uint32_t n_left; sp_study_left *left;   /* sets left out: of each part those first that the fit needs most */
    sp_study_ranking ranking;        /* layouts 0: none were given */
} sp_study_calibration;

const char *sp_study_fit_name(size_t index);   /* "kernels" "layouts" "training", in the order in which they are fitted; NULL past the last */

/* Fit. Files are told apart by their columns, those of no part are an error; `only` names one part, NULL: all that have files. `leave` says
 * what is left out for the errors left out and the intervals; those written to the catalog are of groups.
 * Everything lives in `arena`; the catalog is only read.
 * Errors: of the files; SP_E_NOTFOUND no part of that name, SP_E_INVAL no file for a part asked for. Cost: kernels a second, training
 * about a minute; training steps are followed by the pricer's closed form times the ratio of the event run to it. */
sp_status sp_study_calibrate(sp_catalog *catalog, const char *const *paths, uint32_t n_paths, const char *only, sp_study_leave leave,
                             sp_arena *arena, sp_study_calibration *out, sp_error *err);

/* The catalog's files with the fitted values: folder `from` is read, folder `to` (which may be the same) is written; `to` NULL:
 * nothing is written. *n_changed counts files of `from` that differ from what the fit says. A value fitted there keeps what its source says after
 * the first semicolon; a guess that is copied from a fit ("… where it is fitted") follows it. */
sp_status sp_study_calibration_write(const sp_study_calibration *calibration, const char *from, const char *to, sp_arena *arena,
                                     uint32_t *n_changed, sp_error *err);

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

/* Rows of a kernels table as operators on a catalog chip: used by validation and by the calibration of the chip model. Model page: docs/models/chip.md. */
#define SP_STUDY_OPS 24

/* The shares are of the chip's matrix rate (in the format run) and of its memory bandwidth. */
typedef enum sp_study_metric { SP_STUDY_FLOP_PER_S, SP_STUDY_BYTES_PER_S, SP_STUDY_SECONDS, SP_STUDY_FLOP_SHARE,
                               SP_STUDY_BYTES_SHARE } sp_study_metric;

/* What a row measured, in our operators. Strings belong to the table or are static. */
typedef struct sp_study_kernel {
    const char *id, *split, *source, *kernel, *evidence;
    const char *chip;                /* catalog name; NULL when the row cannot be predicted (see skip)          */
    const char *skip;                /* why not, or NULL                                                        */
    const char *assumed;             /* what the row does not state and was taken to be, or NULL                */
    double share;                    /* of the catalog chip that the row used: 0.5 for one die of two                   */
    double mem_bw_bytes_per_s;       /* of the part measured where it differs from the catalog chip's, else 0   */
    bool previous_kernels;           /* attention by kernels written for the generation before                  */
    sp_op ops[SP_STUDY_OPS]; uint32_t n_ops;   /* run one after another                                         */
    double moved_bytes;              /* sent by each chip over scale-up links beside them (tensor parallelism)  */
    sp_study_metric metric;
    double measured;                 /* in the metric's SI unit, or a share                                     */
    double counted_flop, counted_bytes; /* as the source counts them                                            */
} sp_study_kernel;

/* Row `row` of a kernels table. Errors: SP_E_PARSE for a cell that is no number, SP_E_RANGE for one below 0 or too large; what cannot be expressed has a skip.
 * A row that the model has no operator or chip for is not an error: `skip` says why. */
sp_status sp_study_kernel_row(const sp_csv *csv, size_t row, sp_study_kernel *out, sp_error *err);

/* The row's metric as predicted on `chip` (the catalog chip of that name). */
sp_status sp_study_kernel_predict(const sp_chip *chip, const sp_study_kernel *kernel, double *out);

/* ---- comparison ---------------------------------------------------------------------------------------------------- */

/* One model on several machines, each under its best plan: side by side, where one reaches another, and how sure that is.
 * Model page: docs/models/compare.md. */

/* An uncertain result: nominal from the nominal values, low and high the 5 % and 95 % quantiles of samples. NaN: none. */
typedef struct sp_range { double low, nominal, high; } sp_range;

typedef enum sp_compare_equal { SP_EQUAL_NONE, SP_EQUAL_CHIPS, SP_EQUAL_POWER, SP_EQUAL_PRICE, SP_EQUAL_RACKS, SP_EQUALS } sp_compare_equal;
const char *sp_compare_equal_name(sp_compare_equal equal);   /* "none" "chips" "power" "price" "racks" */

/* A date as the catalog writes it ("2026", "2026-10", "2026Q4", "2027H2") as months since year 0, the last month of the
 * period. SP_E_PARSE for what is none. */
sp_status sp_date_parse(const char *text, uint32_t *months, sp_error *err);

/* What a machine's fabric costs by catalog/prices/network.yaml: links by reach and rate, switches by the rate of their ports. */
typedef struct sp_network_cost { double chips_usd, links_usd, switches_usd; } sp_network_cost;
typedef struct sp_network_prices { sp_value copper_usd, active_usd, optical_usd, switch_usd; uint32_t active_racks; } sp_network_prices; /* a GB/s, one way */
sp_status sp_network_prices_load(const char *dir, sp_arena *arena, sp_network_prices *out, sp_error *err);
/* Plane 0. Links between chips of a rack are passive copper, those within active_racks racks active copper, the others optical; of a
 * switched tier the chips' own links are copper. Errors: as sp_machine_count_tier. */
sp_status sp_network_cost_of(const sp_machine *machine, const sp_network_prices *prices, sp_network_cost *out, sp_error *err);

typedef struct sp_compare_problem {
    sp_catalog *catalog;
    const sp_model *model;
    uint32_t n_machines; const char *const *machines;   /* as sp_catalog_machine reads them                          */
    double tokens;                   /* to train on; 0: 10 T                                                         */
    uint64_t gbs, seq;               /* 0: 64 Mi tokens a step from 4,096 chips on, else the model's own             */
    sp_effort effort;                /* of the search that each machine's plan comes from                            */
    uint32_t threads;                /* of every search; 0: 1. The answer is the same on any number                   */
    sp_compare_equal equal;          /* size all like the first, or like the largest that the others can be          */
    bool weak;                       /* batch grows with the chips                                                   */
    bool best_precision;             /* each machine its narrowest training format, not what all of them have        */
    bool ablate, sensitivity, curves;
    const sp_failures *failures;     /* of the curve over how often parts fail; NULL: there is none                  */
    bool ratios_only;                /* of break-evens only the ratio as sized, without the searches                 */
    const char *as_of;               /* only machines that can be had then; NULL: all                                */
    uint64_t seed;
    uint32_t samples;                /* 0: 48                                                                        */
    bool (*progress)(void *context, const char *what);  /* may be NULL; false: stop with SP_E_INTERRUPTED            */
    void *progress_context;
} sp_compare_problem;

typedef struct sp_compare_entry {
    const char *text;                /* as given                                                                     */
    const sp_machine *machine;       /* resized                                                                      */
    const char *available;           /* NULL: not stated                                                             */
    uint32_t chips, chips_used;      /* bought; taken by the plan                                                    */
    double racks;                    /* 0: not known                                                                 */
    sp_plan plan;
    double step_time_s, mfu;
    sp_range tokens_per_s, power_w, capital_usd, usd_per_hour;
    sp_range tokens_per_s_watt, tokens_per_usd;
    double tokens_per_s_chip, tokens_per_s_rack;
    sp_range days, cost_usd;         /* of training on the problem's tokens, without failures                        */
    const char *limit;
    uint32_t n_samples; double *sample;   /* tokens/s of each sample: the same draw in every machine                 */
} sp_compare_entry;

/* One row of the table that sets machines side by side. */
typedef struct sp_compare_row {
    const char *label; sp_unit unit;
    bool ranged;                     /* false: low, nominal and high are one                                         */
    sp_range (*of)(const sp_compare_entry *entry);   /* not above 0: not known                                       */
} sp_compare_row;
const sp_compare_row *sp_compare_rows(uint32_t *n);          /* static, in their order                               */

/* Where machine a reaches machine b's tokens/s. */
typedef struct sp_compare_breakeven {
    uint32_t a, b;                   /* entries                                                                      */
    sp_range ratio;                  /* tokens/s of a over b, as sized                                               */
    sp_range chips;                  /* smallest chips of a over chips of b; NaN: not even with chips_most           */
    uint32_t chips_most;             /* where a's kind of machine ends, 1,048,576 at most                            */
#define SP_COMPARE_BW_LEAST (1.0 / 64)   /* slower links are not asked for: a break-even there is that or less */
    sp_range bw;                     /* smallest scale of a's links, 1/64 … 64; NaN: not even at 64                  */
    double bw_best_share;            /* of b's tokens/s that a reaches at 64                                         */
} sp_compare_breakeven;

typedef struct sp_compare_point { double x, tokens_per_s, mfu; uint32_t chips; } sp_compare_point;
/* x of a point: chips, or how many times as fast or as often as the machine's own. Over failures, tokens_per_s and mfu are what failures
 * leave (sp_study_goodput). */
typedef enum sp_compare_axis { SP_CURVE_CHIPS, SP_CURVE_BW, SP_CURVE_FLOPS, SP_CURVE_FAILURES, SP_CURVES } sp_compare_axis;
const char *sp_compare_axis_name(sp_compare_axis axis);      /* "chips" "bw" "flops" "failures" */
typedef struct sp_compare_curve { uint32_t entry; sp_compare_axis axis; uint32_t n; sp_compare_point *point; } sp_compare_curve;

#define SP_ABLATE_STEPS 9u
typedef struct sp_compare_step { const char *layer, *what; double tokens_per_s, gain; } sp_compare_step;   /* gain: over the step before */
typedef struct sp_compare_ablation { uint32_t entry, n; sp_compare_step step[SP_ABLATE_STEPS]; } sp_compare_ablation;

/* What one value does alone between its low and its high. */
typedef struct sp_compare_swing {
    uint32_t entry;
    const char *metric;              /* "tokens_per_s" or "cost_usd"                                                 */
    const char *what, *source; sp_grade grade; sp_unit unit;
    double low, nominal, high;       /* of the value                                                                 */
    double at_low, at_high;          /* the metric over its nominal                                                  */
} sp_compare_swing;

typedef struct sp_comparison {
    const sp_model *model;
    bool complete;                   /* false: interrupted; what is here is whole, and more was asked for              */
    uint64_t gbs, seq; double tokens;
    sp_format recipe;
    sp_compare_equal equal;
    uint32_t n; sp_compare_entry *entry;
    uint32_t n_breakevens; sp_compare_breakeven *breakeven;     /* the first against each of the others              */
    uint32_t n_curves; sp_compare_curve *curve;
    uint32_t n_ablations; sp_compare_ablation *ablation;
    uint32_t n_swings; sp_compare_swing *swing;                 /* ten a metric, largest first                       */
    uint32_t n_refused; const char **refused;                   /* machines that cannot be had at as_of, with why    */
    uint32_t searches; sp_plan_counts searched;                 /* how many; sums over those that found a plan        */
} sp_comparison;

/* Everything lives in `arena`. Errors: SP_E_INVAL, SP_E_NOTFOUND, SP_E_PARSE of what was asked; SP_E_UNFIT when the model
 * fits on a machine under no plan; SP_E_INTERRUPTED when progress said so: *out then holds what was complete, at least the best plan
 * on one machine, or is untouched when not even that was. Cost: one search a machine, and milliseconds a sample or point. */
sp_status sp_compare(const sp_compare_problem *problem, sp_arena *arena, sp_comparison *out, sp_error *err);

/* ---- useful tokens ------------------------------------------------------------------------------------------------ */

/* What stops cost, and where checkpoints go. */
typedef struct sp_goodput_query {
    double detect_s, restart_s, swap_s;   /* to notice; to go on with other chips; with the same ones or the rack's spare */
    double fail_scale;                    /* factor on all rates                                                          */
    sp_ckpt_place place; bool background;
} sp_goodput_query;
sp_goodput_query sp_goodput_query_default(const sp_machine *machine);   /* as operate: graded guesses; storage */

typedef struct sp_goodput {
    double ettr;                     /* share of the healthy tokens that is left                                          */
    double mtbf_s, restart_s;        /* of the job; mean pause of a stop                                                  */
    double state_bytes_chip, checkpoint_s, interval_s;
    uint64_t standby_chips;          /* beside the plan's and the racks' spares, so that 99.9 % of the time nobody waits for repairs */
} sp_goodput;
/* A training that goes on for good on the ideal placement of a plan's chips. failures NULL: none.
 * Errors: as sp_predict_train; SP_E_UNFIT parts break faster than they are repaired. */
sp_status sp_study_goodput(const sp_machine *machine, const sp_model *model, const sp_plan *plan, const sp_failures *failures, const sp_goodput_query *query,
                           sp_goodput *out, sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
