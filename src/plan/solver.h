/* The solver: enumerates and prices the plans of one work item, all that share tp, cp, ep and etp. One a thread.
 * Private to plan; what its files share besides is in solve.h. */
#ifndef SP_PLAN_SOLVER_H
#define SP_PLAN_SOLVER_H

#include "candidate.h"
#include "space.h"

/* What time and busy time are worth to the objective. */
typedef struct sp_i_worth { sp_objective objective; sp_running_cost cost; double step_time_s_max; } sp_i_worth;
sp_i_worth sp_i_worth_of(const sp_problem *problem);
double sp_i_worth_at(const sp_i_worth *worth, double chips, double step_s, double busy_s);

/* What an item's places and the plans of their cuts are known to do (solve.h). */
typedef struct sp_i_laid sp_i_laid;
typedef struct sp_i_fitting sp_i_fitting;
typedef struct sp_i_tally sp_i_tally;
typedef struct sp_i_turn sp_i_turn;

typedef struct sp_i_solver {
    const sp_problem *problem;
    const sp_i_space *space;
    sp_i_worth worth;
    sp_pricer *pricer;
    sp_arena *arena;                 /* of the cuts' table */
    struct sp_i_cuts **cuts;         /* [pp][cutting], made when first asked for */
    double limit;                    /* plans whose bound is above are of no use       */
    const sp_i_candidate *after;     /* only candidates behind this one; NULL: all     */
    bool count;                      /* count what is seen (the first pass does)       */
    sp_plan_counts counts;
    double least_memory_bytes;       /* the nearest miss of memory; 0: none            */
    sp_i_best best;
    uint32_t n_laid, room_laid; sp_i_laid *laid;   /* places of the item's plans       */
    uint32_t room_places;
    sp_i_turn *turn;                 /* [n_laid], of a group                           */
    sp_i_tally *tally;               /* [n_laid], of the first place alike             */
    /* of each place, its cuts: row[i] is where they begin; kept: under the last shape that recomputes nothing: what recomputes besides is slower
     * and needs not be looked at; met: under this shape */
    size_t *row, room_rows; uint8_t *legal; sp_i_fitting *kept, *met;
    uint32_t shapes, kept_shape;     /* counts them; the last one that recomputes nothing, where that is free */
    uint32_t rules;                  /* counts what find_legal is asked                */
    bool (*poll)(void *context); void *poll_context; uint32_t since_poll;   /* false: stop; NULL: never asked */
    bool stopped;
} sp_i_solver;

/* pricer: the caller's, for this solver alone while it lives. */
sp_status sp_i_solver_make(sp_i_solver *solver, const sp_problem *problem, const sp_i_space *space, sp_pricer *pricer, uint32_t keep, sp_error *err);
void sp_i_solver_end(sp_i_solver *solver);
uint32_t sp_i_items(const sp_i_space *space);
sp_status sp_i_solver_item(sp_i_solver *solver, uint32_t item, sp_error *err);
/* The plan of a candidate. */
sp_plan sp_i_candidate_plan(const sp_problem *problem, const sp_i_space *space, const sp_i_candidate *candidate);

#endif
