/* A search under way: what is kept, and one enumeration by workers here and in a team. Private to the planner. */
#ifndef SP_PLAN_PLANNER_H
#define SP_PLAN_PLANNER_H

#include "solver.h"
#include "why.h"

#include <pthread.h>
#include <stdatomic.h>

/* Plans simulated so far, best first, and what is counted. Shared by all searches, as are the pricers: their curves are dear. */
typedef struct sp_i_planner {
    const sp_problem *problem;
    sp_i_worth worth;
    sp_arena *names;                       /* of the parts of simulated steps */
    uint32_t n_kept; sp_i_kept *kept;      /* [top + 1] */
    sp_pricer *pricer[SP_THREADS_MAX];     /* of each worker, made when first needed */
    sp_plan_counts counts;
    double least_memory_bytes;
    bool stopped;
    sp_error *err;
} sp_i_planner;

/* One enumeration by one or more workers. */
typedef struct sp_i_job {
    sp_i_planner *planner;
    const sp_problem *problem;             /* the quick one or the whole */
    sp_i_space space;
    uint32_t n_workers, n_items, all_items;   /* items of this member of the team, and of all */
    struct sp_i_worker *worker;
    atomic_uint next_item;
    atomic_bool stop;
    double share_from, share;              /* of the progress that is told */
} sp_i_job;

typedef struct sp_i_worker { sp_i_job *job; sp_i_solver solver; pthread_t thread; bool first, started; sp_status status; sp_error err; } sp_i_worker;

/* What was found: best first. */
typedef struct sp_i_found { sp_i_candidate *list; uint32_t n; bool dropped; } sp_i_found;

/* ---- workers.c ---- */
/* Tells the caller how far it is; false: to stop. */
bool sp_i_tell(sp_i_planner *p, double fraction);
/* Makes the space and the workers of the job's problem. */
sp_status sp_i_job_start(sp_i_job *j, sp_arena *arena, uint32_t workers);
/* Prices all items, here and by the team; *f->list is the caller's on SP_OK. */
sp_status sp_i_price_all(sp_i_job *j, const sp_i_candidate *after, bool count, sp_i_found *f);
/* Adds what the workers of all members saw to the planner's counts. */
sp_status sp_i_count_seen(sp_i_planner *p, const sp_i_job *j, bool count);

/* ---- simulate.c ---- */
/* Above this nothing is of use. */
double sp_i_limit_of(const sp_i_planner *p);
/* *done: no candidate behind the last can be better than those kept. */
sp_status sp_i_simulate_in_order(sp_i_planner *p, const sp_i_job *j, const sp_i_candidate *list, uint32_t n, uint32_t most, bool *done);

#endif
