/* Translated groups as one job. */
#ifndef SP_FABRIC_FLOW_COPIES_H
#define SP_FABRIC_FLOW_COPIES_H

#include "flow_i.h"

typedef struct sp_i_flow_copies {
    uint32_t n, *copy_of;      /* [n] which copy a job is        */
    sp_program program;        /* that of one job, with all ranks */
    sp_placement place;
    sp_flow_job job;
} sp_i_flow_copies;

/* false: the jobs are not translates of one another that lie evenly (or there is no memory). *out must not move while in use. */
bool sp_i_flow_merge(const sp_flow_job *jobs, uint32_t n, uint32_t chips, sp_i_flow_copies *out);
/* Sets that share dims of the machine cut them alike, so that a digit that moves is one of all. Order of ranks stays. */
void sp_i_flow_refine(sp_i_flow_copies *sets, uint32_t n);
void sp_i_flow_copies_close(sp_i_flow_copies *copies);

#endif
