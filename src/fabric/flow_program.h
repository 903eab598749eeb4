/* A data program on its way to a problem: shared by the explicit and the lifted maker. */
#ifndef SP_FABRIC_FLOW_PROGRAM_H
#define SP_FABRIC_FLOW_PROGRAM_H

#include "flow_i.h"

typedef struct sp_i_flow_case {
    const sp_program *program;
    const sp_machine *machine;
    const sp_placement *placement;
    const sp_stack *stack;
    const sp_flow_options *options;
    const sp_protocol *protocol;    /* of the stack, that the whole program runs in   */
    double unit_bytes, fraction[SP_TIERS_MAX];
    double nic_delay_s;             /* of a step through NICs, beyond one trip        */
    double reduce_bytes_per_s;      /* at one chip; 0: reductions cost nothing */
    sp_router *router;
    sp_hop *hops;                   /* [hops_max] scratch                      */
    uint32_t *size_of;              /* [n_classes] first size of a class       */
    bool *size_by_step;             /* [n_classes] one size a step, else one   */
    uint32_t n_sizes;
    sp_i_problem p;
} sp_i_flow_case;

/* Sizes of all classes (bytes and endpoint overhead) into p.size; p's tasks must be there. */
void sp_i_flow_sizes(sp_i_flow_case *c);
uint32_t sp_i_flow_size_of(const sp_i_flow_case *c, uint32_t task_class, uint32_t step);
/* Memory of a chip as a link: reductions on arrival share it. UINT32_MAX: no memory. */
uint32_t sp_i_flow_memory_link(sp_i_flow_case *c, uint32_t chip);
sp_status sp_i_flow_explicit(sp_i_flow_case *c, sp_error *err);

/* Edges being made. `place` is the position of a rank in the rows of class k. */
typedef struct sp_i_flow_edges {
    const sp_program *program;
    sp_i_problem *p;
    const uint32_t *base;        /* [n_classes + 1] first task of a class                          */
    uint32_t *gate;              /* [n_classes] first gate of a class, UINT32_MAX: it has none     */
    uint32_t (*place)(const void *context, uint32_t k, uint32_t rank);
    const void *context;
    uint32_t current;            /* task whose edges come next                                     */
    uint32_t *pred; uint64_t n, room;
} sp_i_flow_edges;

/* base, place and context are set; raises *n_tasks by the gates. false: no memory. Then p is given its tasks, and: */
bool sp_i_flow_edges_open(sp_i_flow_edges *e, const sp_program *program, uint32_t *n_tasks);
uint32_t sp_i_flow_number(const sp_i_flow_edges *e, uint32_t k, sp_index at);
/* Edges of the next task, which is instance `at` of class k. In order of task numbers; the gates last. */
bool sp_i_flow_deps(sp_i_flow_edges *e, uint32_t k, sp_index at);
bool sp_i_flow_gates(sp_i_flow_edges *e, uint32_t no_size);
void sp_i_flow_edges_close(sp_i_flow_edges *e);

#endif
