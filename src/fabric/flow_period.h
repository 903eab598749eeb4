/* Periods of a run of tasks of several steps (flow_run.c). */
#ifndef SP_FABRIC_FLOW_PERIOD_H
#define SP_FABRIC_FLOW_PERIOD_H

#include "flow_i.h"

typedef struct sp_i_period sp_i_period;

/* An instant, after its rates have been set. */
typedef struct sp_i_period_at {
    int64_t ps;
    const sp_i_maxmin *rates;
    uint32_t *done;                        /* [n_tasks] steps ended; raised where a period is found          */
    const bool *busy;                      /* [n_tasks] a step is on its way                                 */
    const int64_t *wake_ps;                /* [n_tasks] when it flows                                        */
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
