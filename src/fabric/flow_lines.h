/* Tasks that wait for one another step by step, run by what changes instead of step by step (flow_lines.c). */
#ifndef SP_FABRIC_FLOW_LINES_H
#define SP_FABRIC_FLOW_LINES_H

#include "flow_i.h"

/* Tasks by position: whom one waits for at the same step has a lower one. */
typedef struct sp_i_lines {
    const sp_i_problem *p;                 /* asked whether to stop                                        */
    uint32_t n, n_step, step;              /* tasks; steps of each; the last one that has been run, >= 1    */
    const int64_t *ps;                     /* [n] of a step                                                */
    const uint32_t *edge_off, *edge; const uint8_t *back;   /* CSR: step s waits for step s - back (0 or 1) of these */
    const uint64_t *weight;                /* [n] of a task's ends in the sum                              */
    int64_t *now; const int64_t *before;   /* [n] ends of `step` and of the one before; now out: of the last */
    uint64_t worked, most;                 /* changes followed, added to; no more than so many             */
    uint64_t end_sum_ps;                   /* out: of the steps after `step`, weighted, modulo 2^64        */
} sp_i_lines;

/* Errors: SP_E_NOMEM, SP_E_INTERRUPTED, SP_E_RANGE more changes than `most`, SP_E_UNFIT ends may be later than ticks can say (nothing
 * was run). None writes a text. Cost: O(edges), and for each change the edges of its task and a logarithm. */
sp_status sp_i_lines_run(sp_i_lines *in);

#endif
