/* superpod/plan.h: search for the best training plan. Problem, solver, plan, planner: candidates are enumerated over the
 * axes, priced by a lower bound, and simulated in order of the bound until no bound can beat the best simulated one.
 * Model page: docs/models/planner.md. */
#ifndef SUPERPOD_PLAN_H
#define SUPERPOD_PLAN_H

#include "superpod/predict.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sp_objective { SP_OBJECTIVE_THROUGHPUT, SP_OBJECTIVE_COST, SP_OBJECTIVE_ENERGY, SP_OBJECTIVES } sp_objective;
const char *sp_objective_name(sp_objective objective);
sp_status sp_objective_parse(const char *text, sp_objective *out, sp_error *err);

/* What is asked. Axis counts of 0 are free; others are fixed. */
typedef struct sp_problem {
    const sp_machine *machine;
    const sp_model *model;
    uint64_t gbs, seq;
    sp_objective objective;
    uint32_t top;                    /* plans returned, 1 … 100                                       */
    uint32_t chips;                  /* chips to use; 0: all of the machine (fewer allowed for cost)  */
    sp_plan fixed;                   /* counts 0: free                                                */
    bool free_precision;             /* false: fixed.precision is kept                                */
    bool free_recompute, free_schedule, free_zero;
    /* Called now and then; return false to stop early (result: the best so far, status SP_E_INTERRUPTED). May be NULL. */
    bool (*progress)(void *context, double fraction, double best_step_time_s);
    void *progress_context;
} sp_problem;
sp_problem sp_problem_default(const sp_machine *machine, const sp_model *model);

typedef struct sp_ranked { sp_plan plan; double step_time_s, lower_bound_s, mfu, tokens_per_s_chip, mem_bytes_max, objective; } sp_ranked;
typedef struct sp_plan_counts { uint64_t legal, refused, priced, simulated; uint64_t refused_divide, refused_memory, refused_place, refused_size; } sp_plan_counts;
typedef struct sp_solution { uint32_t n; sp_ranked *ranked; /* [n], best first; in the arena */ sp_plan_counts counts; } sp_solution;

/* Errors: SP_E_UNFIT when nothing is feasible (text says the nearest miss and by how much memory). */
sp_status sp_plan_search(const sp_problem *problem, sp_arena *arena, sp_solution *out, sp_error *err);

/* ---- saved plans --------------------------------------------------------------------------------------------- */

/* A plan with the machine string, model name and version it was made for; refused when they differ. YAML text. */
sp_status sp_plan_save(const char *path, const sp_plan *plan, const sp_machine *machine, const sp_model *model, sp_error *err);
sp_status sp_plan_load(const char *path, const sp_machine *machine, const sp_model *model, sp_arena *arena, sp_plan *out, sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
