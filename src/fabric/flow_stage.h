/* Programs in stages: exchanges along one digit after another, with a barrier between over the ranks that the next one joins.
 * All flows of a stage inside one unit (the ranks that agree in all digits outside) begin at one moment, when nothing else of
 * that unit flows: units are problems of their own, and a fault is in one of them (docs/models/quotient.md). */
#ifndef SP_FABRIC_FLOW_STAGE_H
#define SP_FABRIC_FLOW_STAGE_H

#include "flow_program.h"
#include "flow_orbit.h"

typedef struct sp_i_stage_part {
    sp_digit axis;               /* the digit of the rank that its transfers go along        */
    uint32_t unit;               /* ranks of a unit: axis.stride * axis.size                 */
    uint32_t tier, tdim;         /* of plane 0                                               */
    bool lines;                  /* direct tier: ranks that differ in the axis alone share no link with others */
    sp_program program;          /* of one unit, or of one line of it                        */
} sp_i_stage_part;

typedef struct sp_i_stages { uint32_t n; sp_i_stage_part *part; } sp_i_stages;

/* false: the program is not one of stages that lie each on one tier of the machine (or no memory). Close in any case. */
bool sp_i_stages_find(const sp_flow_job *job, const sp_machine *machine, sp_i_stages *out);
void sp_i_stages_close(sp_i_stages *stages);

/* What a run of one problem looked like inside. */
typedef struct sp_i_flow_inside {
    const sp_i_problem *p; const sp_i_flow_counts *counts; const sp_router *router;
    const sp_i_symmetry *sym;    /* NULL: explicit */
    int64_t launch_ps; uint64_t flows;
} sp_i_flow_inside;
typedef struct sp_i_flow_look { void (*look)(void *context, const sp_i_flow_inside *inside); void *context; bool peaks; /* links' peaks are wanted */ } sp_i_flow_look;

/* Links have one rate for all: the protocol is that of the job with the largest buffers. */
const sp_protocol *sp_i_flow_protocol(const sp_flow_job *jobs, uint32_t n, const sp_machine *machine, const sp_stack *stack);
/* One problem of n jobs; protocol NULL: that of the largest. */
struct sp_i_flow_copies;
sp_status sp_i_flow_evaluate(const sp_flow_job *jobs, uint32_t n, const struct sp_i_flow_copies *copies, const sp_machine *machine,
                             const sp_stack *stack, const sp_protocol *protocol, const sp_flow_options *options, const sp_i_flow_look *look,
                             double *end_s, sp_flow_time *out, sp_error *err);

/* *staged false: the program is not in stages, or these options are not for it; nothing was done. */
sp_status sp_i_flow_staged(const sp_flow_job *job, const sp_machine *machine, const sp_stack *stack, const sp_protocol *protocol,
                           const sp_flow_options *options, bool *staged, sp_flow_time *out, sp_error *err);

#endif
