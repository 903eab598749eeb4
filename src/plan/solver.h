/* The solver: enumerates and prices the plans of one work item, all that share tp, cp, ep, etp and chips. One a thread.
 * Private to plan. */
#ifndef SP_PLAN_SOLVER_H
#define SP_PLAN_SOLVER_H

#include "candidate.h"
#include "space.h"

/* What time and busy time are worth to the objective. */
typedef struct sp_i_worth { sp_objective objective; sp_running_cost cost; double step_time_s_max; } sp_i_worth;
sp_i_worth sp_i_worth_of(const sp_problem *problem);
double sp_i_worth_at(const sp_i_worth *worth, double chips, double step_s, double busy_s);

typedef struct sp_i_laid sp_i_laid;

/* How many plans of one cut are legal and fit in memory, under the shape with this number. Wherever they lie: a tally serves all places
 * of as many stages and replicas. */
typedef struct sp_i_tally { uint32_t shape, legal, fit; double least_bytes; } sp_i_tally;

/* Under the shape with this number: the words of plans of one cut that were seen, and those of them that fit in memory; and in a group of
 * places (+ 1) those bound by work alone, and those that this rules out. */
typedef struct sp_i_fitting { uint32_t shape, group; uint64_t seen, fit, worked, beaten; } sp_i_fitting;

/* Places whose plans of a cut are looked at together. */
typedef struct sp_i_turn { uint32_t laid, places; } sp_i_turn;

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
    sp_i_turn *turn;                 /* [n_laid], of a group                           */
    /* of each place, its cuts; kept: under the last shape that recomputes nothing: what recomputes besides is slower and needs not be looked
     * at; met: under this shape */
    uint8_t *legal; sp_i_tally *tally; sp_i_fitting *kept, *met; size_t room_legal;
    uint32_t shapes, kept_shape;     /* counts them; the last one that recomputes nothing, where that is free */
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
