/* superpod/report.h: telling: self-contained HTML with inline SVG, and timelines as Chrome trace JSON. Writers write to a
 * temporary name and rename, so that nothing half-written is left. */
#ifndef SUPERPOD_REPORT_H
#define SUPERPOD_REPORT_H

#include "superpod/cluster.h"
#include "superpod/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Chrome trace JSON (ph "X", ts in us with 3 decimals) of a step: one process a pipeline stage, one thread a stream. At most
 * `max_events` events (0: all): whole stages are left out from the middle, and the file's metadata says so. */
sp_status sp_report_timeline(const char *path, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                             const sp_train_report *report, uint64_t max_events, sp_error *err);

/* One page for a plan: asked[n_asked] are the words that its command begins with: the machine and the model as they were given,
 * and options that are no plan's, as "--fail", "chip:5". Headline numbers, breakdown (SVG), memory per stage (SVG), timeline of stages (SVG), the layout on
 * tiers, the runners-up, sources and guesses. Readable on paper and on a phone. solution may be NULL. */
sp_status sp_report_html(const char *path, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                         const sp_train_report *report, const sp_solution *solution, const char *const *asked, uint32_t n_asked, sp_error *err);

/* One page for a comparison: the machines side by side with their intervals, break-evens, the layers of the stack, curves over
 * chips, links and FLOPS (SVG), and the values that the answers rest on. Readable on paper and on a phone. */
sp_status sp_report_compare_html(const char *path, const sp_comparison *comparison, sp_error *err);

/* One SVG of how busy links were (sp_flow_options.heat): a map for each dim or tier, at most 128 columns of coordinates. */
sp_status sp_report_heat(const char *path, const char *title, const sp_machine *machine, const sp_flow_heat *heat, sp_error *err);

/* Runs of operate, one a seed. */
typedef struct sp_report_operation {
    const sp_machine *machine;
    const char *jobs;                  /* what ran, in words                                    */
    double horizon_s;
    uint64_t seed;                     /* of the first run                                      */
    uint32_t n; const sp_history *run; /* [n]                                                   */
    uint32_t n_spans;
    const double (*spent_s)[SP_LOSSES];   /* [n * n_spans] as in sp_watch; the SVG's alone      */
} sp_report_operation;

/* Where the chip-time went over time, mean of the runs, as a picture (SVG): all of it, and the losses alone on a scale of their own. */
sp_status sp_report_operate_svg(const char *path, const sp_report_operation *operation, sp_error *err);
/* Every figure of every run in OpenMetrics text 1.0.0. */
sp_status sp_report_operate_metrics(const char *path, const sp_report_operation *operation, sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
