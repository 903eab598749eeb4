/* Data programs on their way to a problem: shared by the explicit and the lifted maker. Jobs are programs, each on its own
 * placement, that run at once; their tasks follow one another in the problem, a job's gates after its instances. */
#ifndef SP_FABRIC_FLOW_PROGRAM_H
#define SP_FABRIC_FLOW_PROGRAM_H

#include "flow_cover.h"

typedef struct sp_i_lift sp_i_lift;

/* A program with every class of steps alike as one of a single step, and what that leaves out. */
typedef struct sp_i_flow_roll_lag { uint32_t task_class; uint8_t back; sp_dep dep; } sp_i_flow_roll_lag;
typedef struct sp_i_flow_roll {
    sp_program program;
    bool *even;                     /* [n_classes] rolled up                    */
    sp_task_class *classes; sp_dep *deps;
    uint32_t n_lags; sp_i_flow_roll_lag *lag;
} sp_i_flow_roll;
/* false: no class can be (or there is no memory). The program must outlive it. */
bool sp_i_flow_roll_up(const sp_program *program, sp_i_flow_roll *out);
void sp_i_flow_roll_close(sp_i_flow_roll *roll);

typedef struct sp_i_flow_case {
    const sp_program *program;      /* rolled up, where roll is */
    const sp_program *whole; const sp_i_flow_roll *roll;
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
    sp_i_problem *p;
    uint32_t *size_of;              /* [n_classes] first size of a class       */
    bool *size_by_step;             /* [n_classes] one size a step, else one   */
    uint32_t no_size;               /* the size of what moves nothing          */
    uint32_t *base;                 /* [n_classes + 1] first task of a class   */
    uint32_t *route_base;           /* [n_classes] its first route             */
    uint32_t *gate;                 /* [n_classes] first gate, UINT32_MAX: none */
    sp_i_cover *cover;              /* of the routes being made, or NULL; of all jobs */
    sp_i_lift *lift;                /* what the lifted maker keeps, or NULL    */
} sp_i_flow_case;

/* Sizes of all classes (bytes and endpoint overhead) into p->size; p's tasks must be there. */
uint32_t sp_i_flow_sizes_plan(sp_i_flow_case *c, uint32_t first);   /* first size of the job in, first of the next one out */
void sp_i_flow_sizes(sp_i_flow_case *c);
uint32_t sp_i_flow_size_of(const sp_i_flow_case *c, uint32_t task_class, uint32_t step);
/* Memory of a chip as a link: reductions on arrival share it. UINT32_MAX: no memory. */
uint32_t sp_i_flow_memory_link(sp_i_flow_case *c, uint32_t chip);
/* Do switches reduce or multicast what the class sends from src to dst (options->in_switch)? Nothing is then reduced at the receiver. */
bool sp_i_flow_combines(const sp_i_flow_case *c, const sp_task_class *task, uint32_t src, uint32_t dst);
/* A reduction on its own, through the memory of the chip. */
static inline bool sp_i_flow_reduces(const sp_task_class *task)
{
    return task->kind == SP_TASK_REDUCE && task->units > 0;
}
/* What holds a stream for seconds of its own; a program has such, or reduces. */
static inline bool sp_i_flow_holds(const sp_task_class *task)
{
    return task->kind == SP_TASK_COMPUTE || task->kind == SP_TASK_CALL;
}
bool sp_i_flow_has_work(const sp_program *program);
/* Shares of the hops of such a transfer. */
void sp_i_flow_combine(const sp_i_flow_case *c, const sp_task_class *task, sp_hop *hops, uint32_t n);

/* Edges being made. */
typedef struct sp_i_flow_edges {
    sp_i_problem *p;
    const sp_i_flow_case *c;     /* the job                                                        */
    uint32_t (*place)(const sp_i_flow_case *c, uint32_t k, uint32_t rank);   /* position of a rank in the rows of class k */
    uint32_t (*chunk)(const sp_i_flow_case *c, uint32_t k, sp_index at);     /* chunk that stands for that of the instance */
    uint32_t current;            /* task whose edges come next                                     */
    uint32_t *pred; uint64_t n, room;
} sp_i_flow_edges;

/* Numbers the gates of a job from *n_tasks on. false: too many. */
bool sp_i_flow_gates_plan(sp_i_flow_case *c, uint32_t *n_tasks);
/* Edges of the next task, which is instance `at` of class k. In order of task numbers; the gates of a job last. false: no memory. */
bool sp_i_flow_deps(sp_i_flow_edges *e, uint32_t k, sp_index at);
bool sp_i_flow_gates(sp_i_flow_edges *e);
/* The next task stands for another. */
bool sp_i_flow_alias(sp_i_flow_edges *e, uint32_t k, sp_index at, uint32_t chunk);

/* All pairs of all jobs to the router (SP_ROUTING_BORROW). */
sp_status sp_i_flow_borrow_jobs(sp_i_flow_case *jobs, uint32_t n, sp_error *err);

/* How a maker goes about it: each for one job but the survey, in this order. */
typedef struct sp_i_flow_form {
    /* base[] from *n_tasks on, which is raised; *fits false: too many tasks. */
    sp_status (*number)(sp_i_flow_case *c, uint32_t *n_tasks, bool *fits, sp_error *err);
    sp_status (*survey)(sp_i_flow_case *jobs, uint32_t n, sp_error *err);   /* of all jobs at once; may give them a cover; or NULL */
    sp_status (*routes)(sp_i_flow_case *c, sp_error *err);
    bool (*instances)(sp_i_flow_edges *e);
    uint32_t (*place)(const sp_i_flow_case *c, uint32_t k, uint32_t rank);
    uint32_t (*chunk)(const sp_i_flow_case *c, uint32_t k, sp_index at);
    uint32_t (*rows)(const sp_i_flow_case *c);                  /* ranks that have tasks, at most */
    uint32_t (*rank)(const sp_i_flow_case *c, uint32_t row);
} sp_i_flow_form;
extern const sp_i_flow_form sp_i_flow_explicit, sp_i_flow_lifted;
/* Steps and lags of rolled jobs into the problem that has been built. false: no memory. */
bool sp_i_flow_lags(sp_i_flow_case *jobs, uint32_t n, const sp_i_flow_form *form);
/* The problem of n jobs. *fits false: nothing was made, it would be too large. */
sp_status sp_i_flow_build(sp_i_flow_case *jobs, uint32_t n, const sp_i_flow_form *form, bool *fits, sp_error *err);

#endif
