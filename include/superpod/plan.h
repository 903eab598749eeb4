/* superpod/plan.h: search for the best training plan. Problem, solver, plan, planner: candidates are enumerated over the
 * axes, priced by a lower bound, and simulated in order of the bound until no bound can beat the best simulated one.
 * Model page: docs/models/planner.md. */
#ifndef SUPERPOD_PLAN_H
#define SUPERPOD_PLAN_H

#include "superpod/predict.h"

#ifdef __cplusplus
extern "C" {
#endif

/* CHIPS: the fewest chips whose step takes no longer than step_time_s_max, and of those the fastest. */
typedef enum sp_objective { SP_OBJECTIVE_THROUGHPUT, SP_OBJECTIVE_COST, SP_OBJECTIVE_ENERGY, SP_OBJECTIVE_CHIPS, SP_OBJECTIVES } sp_objective;
const char *sp_objective_name(sp_objective objective);
sp_status sp_objective_parse(const char *text, sp_objective *out, sp_error *err);

/* How much of the space is searched; the answer is exact for each. QUICK: few values an axis, one placement. NORMAL: every axis.
 * EXHAUSTIVE: every order of axes on the tiers, finer uneven stages, more schedules, micro-batches and replicas: a minute or two at 8,192 chips. */
typedef enum sp_effort { SP_EFFORT_QUICK, SP_EFFORT_NORMAL, SP_EFFORT_EXHAUSTIVE, SP_EFFORTS } sp_effort;
const char *sp_effort_name(sp_effort effort);
sp_status sp_effort_parse(const char *text, sp_effort *out, sp_error *err);

/* What is asked. Axis counts of 0 are free; others are fixed. */
typedef struct sp_problem {
    const sp_machine *machine;
    const sp_model *model;
    uint64_t gbs, seq;
    sp_objective objective;
    sp_effort effort;
    uint32_t top;                    /* plans returned, 1 … 100                                       */
    uint32_t threads;                /* 0 and 1: the caller's alone; the answer is the same on any number */
    const sp_team *team;             /* processes that share the search; NULL: this one. The same answer again        */
    uint32_t chips;                  /* chips to use; 0: all of the machine (fewer allowed for cost, energy and chips) */
    double step_time_s_max;          /* slower plans are not wanted; 0: any                           */
    sp_plan fixed;                   /* counts 0: free                                                */
    bool free_precision;             /* the precision given and wider ones; false: fixed.precision is kept */
    bool any_precision;              /* narrower ones too, and gradients of 2 bytes: numerics change */
    bool free_recompute, free_schedule, free_zero;
    bool free_placement;             /* order of the axes, tiers of the pipeline                      */
    bool free_stages;                /* layers of the first and last pipeline chunk                   */
    bool free_overlap;               /* of TP and EP traffic: free is on, since that is never slower  */
    bool free_overlap_dp;            /* of gradients                                                  */
    bool free_sequence_parallel;
    bool free_zero_group;            /* near ranks that share state, the rest replicate it (HSDP) */
    bool free_offload;               /* what waits in the host's memory, where nothing else fits */
    bool free_gather;                /* TP's gathers carry the recipe's format where that is narrower */
    bool free_cp_way;                /* how context parallel ranks come to each other's keys          */
    /* Called now and then, by the calling thread; return false to stop early (result: the best so far, status SP_E_INTERRUPTED).
     * May be NULL. */
    bool (*progress)(void *context, double fraction, double best_step_time_s);
    void *progress_context;
} sp_problem;
/* Everything free but the precision, NORMAL, one thread. */
sp_problem sp_problem_default(const sp_machine *machine, const sp_model *model);
#define SP_THREADS_MAX 256u
/* What cannot be asked: SP_E_INVAL, SP_E_RANGE. sp_plan_search calls it. */
sp_status sp_problem_check(const sp_problem *problem, sp_error *err);

/* why: of the first plan what keeps it from its bound, of the others what they lose to the first: bubble, exposed traffic and on
 * which tier. Shares are of the first plan's step. In the arena. */
typedef struct sp_ranked {
    sp_plan plan;
    double step_time_s, lower_bound_s, mfu, tokens_per_s_chip, mem_bytes_max, objective;
    const char *why;
} sp_ranked;
/* legal: passed all rules and has a place; of these refused_memory do not fit, refused_deadline miss it wherever their layers are
 * cut, and are not asked whether they fit, and priced have memory and a bound. refused: all refused_…. Of the objective chips plans of more chips than the
 * first ones found are no part of the space. */
typedef struct sp_plan_counts { uint64_t legal, refused, priced, simulated; uint64_t refused_divide, refused_memory, refused_place, refused_deadline, refused_size; } sp_plan_counts;
/* missed: the first plan with one axis changed, where memory refuses that; why says by how much. Times are not predicted. */
typedef struct sp_solution {
    uint32_t n; sp_ranked *ranked;        /* [n], best first; in the arena */
    uint32_t n_missed; sp_ranked *missed; /* [n_missed], nearest first     */
    sp_plan_counts counts;
} sp_solution;

/* Errors: SP_E_UNFIT when nothing is feasible (text says the nearest miss and by how much memory). */
sp_status sp_plan_search(const sp_problem *problem, sp_arena *arena, sp_solution *out, sp_error *err);

/* ---- saved plans --------------------------------------------------------------------------------------------- */

/* A plan with what it was made for: version, names of model, machine and chip, and digests (SHA-256) of all that they hold which predictions are
 * made from, libraries included. Refused when any differs (SP_E_INVAL, with the line), also when a file was edited under the same name;
 * comments, titles and sources may change. YAML text. */
sp_status sp_plan_save(const char *path, const sp_plan *plan, const sp_machine *machine, const sp_model *model, sp_error *err);
sp_status sp_plan_load(const char *path, const sp_machine *machine, const sp_model *model, sp_arena *arena, sp_plan *out, sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
