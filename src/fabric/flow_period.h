/* Periods of a run of tasks of several steps (flow_run.c). */
#ifndef SP_FABRIC_FLOW_PERIOD_H
#define SP_FABRIC_FLOW_PERIOD_H

#include "flow_i.h"

typedef struct sp_i_period sp_i_period;

/* Tasks that start together at ps: first, and then next[it] until next[] is UINT32_MAX. */
typedef struct sp_i_start_group { int64_t ps; uint32_t first, last; } sp_i_start_group;

/* An instant, after its rates have been set: every step on its way waits in a group, or flows. */
typedef struct sp_i_period_at {
    int64_t ps;
    const sp_i_maxmin *rates;
    uint32_t *done;                        /* [n_tasks] steps ended; raised where a period is found          */
    const sp_i_start_group *group; uint32_t n_groups; const int64_t *next;
    uint32_t n_done;                       /* tasks ended                                                    */
    uint64_t ended, flows, end_sum_ps;     /* steps ended; flows that they stand for; the sum of their ends */
} sp_i_period_at;

/* What happened in one period. */
typedef struct sp_i_period_found { int64_t ps; uint64_t ended, flows, end_sum_ps; } sp_i_period_found;

sp_i_period *sp_i_period_create(const sp_i_problem *p);   /* before the run; NULL: no memory */
void sp_i_period_destroy(sp_i_period *q);
/* How many periods may be passed over from here, 0: none is known. Then `done` has been raised by them. */
uint32_t sp_i_period_look(sp_i_period *q, const sp_i_period_at *at, sp_i_period_found *out);

#endif
