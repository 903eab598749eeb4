/* superpod/predict.h: what a training step does on a machine: time, memory, energy, with breakdown. The step is run as a
 * program of slots over pipeline stages (each slot a program of its own over the chip's streams), never summed; predict
 * has no scheduler of its own. Model pages: docs/models/training.md, docs/models/memory.md. */
#ifndef SUPERPOD_PREDICT_H
#define SUPERPOD_PREDICT_H

#include "superpod/workload.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SP_PARTS_MAX 32u

/* Memory of the worst chip of a stage, bytes. total is the sum of the others. */
typedef struct sp_stage_memory {
    uint32_t stage;
    double weights, gradients, optimizer, activations, buffers, overhead, total;
    uint32_t in_flight;              /* micro-batches (chunks counted apart) whose activations are held at the peak */
} sp_stage_memory;

/* A part of the step as one stage's compute stream sees it; parts sum to step_time_s. */
typedef struct sp_part { const char *label; double time_s; } sp_part;

typedef struct sp_train_report {
    double step_time_s, tokens_per_s, tokens_per_s_chip;
    double mfu, hfu;                 /* against the advertised dense peak of plan.precision; hfu counts recomputed work */
    double model_flop, hardware_flop;/* of the whole step, all chips                                                   */
    double lower_bound_s;            /* closed form, never above step_time_s                                           */
    double energy_j, power_w;        /* of all chips used, hosts included, while training                              */
    double cost_usd_per_hour;        /* 0: no price known                                                              */
    uint32_t chips;
    uint32_t n_stages; sp_stage_memory *memory;      /* [n_stages]                                                     */
    double mem_bytes_max, mem_capacity_bytes;
    uint32_t breakdown_stage;        /* the stage the breakdown is of: the busiest                                     */
    uint32_t n_parts; sp_part part[SP_PARTS_MAX];    /* sorted by time, largest first                                  */
    const char *limit;               /* one line: what limits the step; in the arena                                   */
    double bubble_fraction;          /* of the busiest stage's step                                                    */
    sp_layout layout;
    const sp_program *program;       /* the step                                                                       */
    sp_run run;                      /* and its spans (all stages)                                                     */
} sp_train_report;

/* Predict one step. Everything lives in `arena`. `explain` may be NULL.
 * Errors: as sp_plan_check; SP_E_UNFIT when a stage does not fit in memory and `need_fit` (the report's memory is then
 * written all the same, so that the caller can print by how much). */
sp_status sp_predict_train(const sp_machine *machine, const sp_model *model, const sp_plan *plan, bool need_fit,
                           sp_arena *arena, sp_train_report *out, sp_explain *explain, sp_error *err);

/* What one chip in use costs: watts when idle and more when busy (hosts, network and cooling included), dollars of capital. */
typedef struct sp_running_cost { double idle_w, busy_w, capital_usd_per_s, usd_per_j; } sp_running_cost;
sp_running_cost sp_predict_running_cost(const sp_machine *machine);

/* The two halves of a price, for searches: memory of the worst stage, and a lower bound of the step time. Prices are
 * computed from tables that a pricer keeps per (machine, model); not thread safe: one pricer a thread. */
typedef struct sp_pricer sp_pricer;
sp_status sp_pricer_create(const sp_machine *machine, const sp_model *model, sp_pricer **out, sp_error *err);
void sp_pricer_destroy(sp_pricer *pricer);
/* Constants of the chip or of a product line have changed (calibration): forget what rests on them. What collectives take without
 * factors is kept. */
void sp_pricer_renew(sp_pricer *pricer);
typedef struct sp_price { double mem_bytes_max, lower_bound_s, busy_s; } sp_price;   /* busy_s: of the busiest stage. Both 0: does not fit in memory */
/* The plan must have passed sp_plan_check. layout from sp_plan_layout. */
sp_status sp_pricer_price(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_price *out, sp_error *err);

/* How two axes' collectives slow one another when both are under way, all groups of either shape at once on plane 0: by which part of
 * its time each comes late. 0: they meet on no link; 1: they might take turns. By flows with 1 GiB (of the other axis as much as takes
 * the same time alone); by loads of kinds of links where the flows are too many to follow. Kept in the pricer.
 * Errors: as sp_coll_best; SP_E_NOMEM. Cost: milliseconds the first time, a look-up then. */
sp_status sp_pricer_beside(sp_pricer *pricer, const sp_stack *stack, sp_coll_op op_a, const sp_placement *a, sp_coll_op op_b, const sp_placement *b, double *out,
                           sp_error *err);

/* The same in steps, for searches that price many plans which share parts. A cut is how layers fall on stages: it depends on
 * pp, vpp, first_layers, last_layers and recompute_layers; it lives as long as the pricer. Lanes are what a layout offers the
 * groups of gradients and pipeline; they depend on the layout, the stack, and on whether zero is 0. A shape is all that the
 * cost of a layer depends on: tp, cp, ep, etp, mbs, seq, precision, recompute, sequence_parallel, overlap_tp, overlap_ep,
 * stack, software; with overlap_ep also whether there are two micro-batches (a quote looks at that). A quote is then the price
 * of a plan of that shape. */
typedef struct sp_cut sp_cut;
typedef struct sp_lanes {
    const sp_layout *layout;         /* not owned */
    const struct sp_i_inner *inner;
    bool sharded, found, unfit;      /* found: the curves below stand; they are looked up when a plan first fits in memory */
    const struct sp_i_curve *reduce[2], *gather[2], *replica[2], *send[SP_TIERS_MAX];
    uint32_t hops[SP_TIERS_MAX], n_sends;   /* of a pipeline, that take each send */
} sp_lanes;
sp_status sp_pricer_cut(sp_pricer *pricer, const sp_plan *plan, const sp_cut **out, sp_error *err);
sp_status sp_pricer_lanes(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_lanes *out, sp_error *err);
void sp_pricer_shape(sp_pricer *pricer, const sp_plan *plan);
/* Errors: as sp_pricer_price: SP_E_UNFIT when no algorithm serves a group laid like that. The plan must be of the shape set. */
sp_status sp_pricer_quote(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, sp_lanes *lanes, sp_price *out, sp_error *err);
/* Of a quote the times alone, written to out; without traffic of gradients, weights and stages: the same in all lanes with these groups
 * inside, and cheaper; and with it. */
sp_status sp_pricer_work_bound(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, const sp_lanes *lanes, sp_price *out, sp_error *err);
sp_status sp_pricer_bound(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, sp_lanes *lanes, sp_price *out, sp_error *err);
/* A bound of the same kind, written to out (not memory), from slots that are run, each different one once, while the step of them is not: closer where
 * a forward and a backward are one slot. Errors: as sp_predict_train, memory apart. Cost: a tenth to a half of a run, which lives in `arena`. */
sp_status sp_pricer_slots_bound(sp_pricer *pricer, const sp_plan *plan, sp_arena *arena, sp_price *out, sp_error *err);
/* Would any stage's update be done sooner by the host than by the chip? So few parameters that a launch takes longer than they do. */
bool sp_pricer_host_updates_faster(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut);
/* Seconds that one micro-batch keeps all stages busy together, under the shape, if the fewest layers are recomputed that
 * recompute_layers allows: whatever the cut, the busiest stage has at least its mean share. Of computing alone it is the same in all
 * lanes, and cheap once pieces of the shape are priced in any; with it traffic in the lanes' groups that is not hidden: in all but what is
 * recomputed, or in all. Errors: as a quote. */
typedef enum sp_work_of { SP_WORK_COMPUTE, SP_WORK_BUT_AGAIN, SP_WORK_ALL } sp_work_of;
sp_status sp_pricer_work_s(sp_pricer *pricer, const sp_plan *plan, const sp_lanes *lanes, sp_work_of of, double *out_s, sp_error *err);
/* The memory of a quote alone. */
double sp_pricer_memory(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut);
/* No more than the memory of any cut of the layers into the plan's stages, two or more, under any schedule, with zero 0 or 1 and nothing offloaded: what
 * the mean stage holds at least. The plan must be of the shape set. */
double sp_pricer_memory_least(const sp_pricer *pricer, const sp_plan *plan);
/* The same if no layer were recomputed; of a shape with recompute full. */
double sp_pricer_memory_kept(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut);
/* The machine has these faults: collectives take what flows around them take (docs/models/training.md). Before anything is priced;
 * the array must outlive the pricer. */
void sp_pricer_strike(sp_pricer *pricer, const sp_fault *faults, uint32_t n);
/* sp_predict_train with the tables of a pricer. */
sp_status sp_pricer_train(sp_pricer *pricer, const sp_plan *plan, bool need_fit, sp_arena *arena, sp_train_report *out, sp_explain *explain,
                          sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
