/* The flow evaluator inside (docs/models/flow.md). A problem is links, routes over them, and tasks that wait for one another;
 * explicit and lifted evaluation make the same kind of problem and share everything from here on.
 *
 * Invariants:
 *  1. rates and capacities are whole numbers of a quantum (2^-52 of the fastest link, rounded up to a power of two), times whole
 *     ticks of 1 ps: sums over flows are exact, so no answer depends on the order in which flows are listed or on how many
 *     stand together in a class;
 *  2. all links that are the tightest together are settled together, for the same reason;
 *  3. what a flow has left changes only when its rate does. */
#ifndef SP_FABRIC_FLOW_I_H
#define SP_FABRIC_FLOW_I_H

#include "superpod/fabric.h"

#define SP_I_ONE (INT64_C(1) << 30)   /* weight and share of 1 */
#define SP_I_NO_ROUTE UINT32_MAX
#define SP_I_NO_STREAM UINT32_MAX

/* How a hop loads its link: `count` flows of the class cross each link of the link's class (1 in explicit problems). */
typedef struct sp_i_flow_load { int64_t load; /* weight x share x SP_I_ONE */ uint64_t count; } sp_i_flow_load;

/* What a route is besides its links. */
typedef struct sp_i_flow_way {
    int64_t latency_ps, weight;
    double alone_bytes_per_s;    /* rate of the flow when it is alone */
    uint64_t orbit;              /* flows that it stands for          */
    uint32_t n, load;            /* hops; what each loads its link with, SP_I_APART: not the same */
} sp_i_flow_way;
#define SP_I_APART UINT32_MAX

/* A million ranks have tens of millions of routes, but few kinds of ways and loads: these are kept once (sp_i_kinds), so that a
 * route takes 8 B and a hop 4 B, or 8 B where hops load their links apart. */
typedef struct sp_i_flow_leg { uint32_t link, load; } sp_i_flow_leg;
typedef struct sp_i_flow_route { uint32_t off, way; } sp_i_flow_route;

/* Things of `bytes` bytes (a multiple of 8, no padding), each kept once. */
typedef struct sp_i_kinds { uint32_t bytes, n, room; void *kind; uint32_t *slot, slots, last; } sp_i_kinds;
uint32_t sp_i_kinds_add(sp_i_kinds *kinds, const void *kind);   /* its number; UINT32_MAX: no memory */
void sp_i_kinds_close(sp_i_kinds *kinds);

/* Bytes and endpoint overhead of a step of tasks alike; how often they run again after the first. */
typedef struct sp_i_flow_size { double bytes; int64_t delay_ps; uint32_t repeats; } sp_i_flow_size;

typedef struct sp_i_flow_link {
    double cap_bytes_per_s;
    uint32_t id, chip;                     /* chip: one below it, of trees */
} sp_i_flow_link;

/* Step s waits for step s - back (0 or 1) of `from`, if there is one. Tasks joined by lags have as many steps. */
typedef struct sp_i_flow_lag { uint32_t from : 31, back : 1; } sp_i_flow_lag;

typedef struct sp_i_problem {
    uint32_t n_links, links_room; sp_i_flow_link *link;
    double *link_bytes;                     /* [n_links] out, by the report                    */
    double *link_peak;                      /* [n_links] out, where `events`: the largest part of the capacity that ever flowed */
    uint32_t n_routes, routes_room; sp_i_flow_route *route;
    uint32_t n_hops, hops_room, *hop;       /* links of each route, then their loads if apart  */
    uint32_t n_legs, legs_room; sp_i_flow_leg *leg;   /* of the route being made               */
    uint32_t like;                          /* in: a route that may end with the hops of the one being made; SP_I_NO_ROUTE */
    sp_i_kinds ways, loads;
    uint32_t hops_max;
    uint32_t n_sizes; sp_i_flow_size *size;
    uint32_t n_tasks;
    uint32_t *task_route, *task_size;       /* [n_tasks]; task_route NULL: that of their own number, of those that have one */
    uint32_t *succ_off, *succ;              /* [n_tasks+1] CSR of those waiting; NULL: nobody  */
    uint32_t *waits;                        /* [n_tasks] how many it waits for; consumed       */
    int64_t *start_ps, *end_ps;             /* [n_tasks] out: of the first step, of the last; start_ps in: not before (released); NULL: */
    uint32_t *stream, n_streams, streams_per_chip;   /* [n_tasks] that it holds alone, SP_I_NO_STREAM: none; NULL: nothing computes */
    int64_t *work_ps, *order;               /* [n_tasks] for how long; the lowest of those ready goes first */
    int64_t launch_ps;                      /* none starts before, and nobody asks when they start */
    uint32_t *lag_off; sp_i_flow_lag *lag;  /* [n_tasks+1] CSR, whose steps a task's steps wait for; NULL: all run once */
    bool events;                            /* in: run events even where nothing is shared, and tell links' peaks */
    uint64_t steps_max;                     /* in: of tasks of several steps, run one by one; 0: as many as a minute takes */
    uint32_t *link_of;                      /* [ids] link + 1, 0: none yet                      */
    uint64_t n_ids;
    bool (*stop)(void *context, double done); void *context;   /* in: ends the run when it says so; NULL: never */
    double fastest_bytes_per_s;             /* sets the quantum; 0: that of the links here  */
} sp_i_problem;

typedef struct sp_i_flow_counts {
    uint64_t fills, refilled, instants;
    int64_t end_ps;
    uint64_t end_sum_ps;         /* of all transfers that the tasks stand for, modulo 2^64 */
    int64_t chain_ps;            /* longest chain of tasks, each as if alone */
    uint64_t skipped, periods;   /* steps of tasks that were not run since they repeat earlier ones; how often that was found */
} sp_i_flow_counts;

/* Growing a problem; false: no memory. */
bool sp_i_problem_open(sp_i_problem *p, uint64_t n_ids);
void sp_i_problem_close(sp_i_problem *p);
bool sp_i_problem_tasks(sp_i_problem *p, uint32_t n_tasks, uint32_t n_sizes, bool starts);   /* starts: one by one (start_ps) */
/* After the tasks: streams of chips x streams_per_chip; none holds one yet. */
bool sp_i_problem_streams(sp_i_problem *p, uint32_t chips, uint32_t streams_per_chip);
/* Link of an id, made with capacity on first sight; UINT32_MAX: no memory. */
uint32_t sp_i_problem_link(sp_i_problem *p, uint64_t id, double cap_bytes_per_s);
bool sp_i_problem_hop(sp_i_problem *p, uint32_t link, double share, uint32_t count);   /* of the route being made */
/* Ends the route being made. weight: relative, of the order of 1. */
bool sp_i_problem_route(sp_i_problem *p, double latency_s, double weight, uint64_t orbit);

/* Times that a task runs, one after the other. */
static inline uint32_t sp_i_task_steps(const sp_i_problem *p, uint32_t task)
{
    return 1 + p->size[p->task_size[task]].repeats;
}

/* SP_I_NO_ROUTE: it has none. */
static inline uint32_t sp_i_task_route(const sp_i_problem *p, uint32_t task)
{
    return p->task_route ? p->task_route[task] : task < p->n_routes ? task : SP_I_NO_ROUTE;
}

/* The way of a task that has a route; hops and what they load. */
static inline const sp_i_flow_way *sp_i_task_way(const sp_i_problem *p, uint32_t task)
{
    return (const sp_i_flow_way *)p->ways.kind + p->route[sp_i_task_route(p, task)].way;
}
typedef struct sp_i_flow_hops { const uint32_t *link, *load; uint32_t n, step; } sp_i_flow_hops;   /* load: every step-th */
static inline sp_i_flow_hops sp_i_task_hops(const sp_i_problem *p, uint32_t task)
{
    const sp_i_flow_way *way = sp_i_task_way(p, task);
    const uint32_t *link = p->hop + p->route[sp_i_task_route(p, task)].off;
    bool apart = way->load == SP_I_APART;
    return (sp_i_flow_hops){link, apart ? link + way->n : &way->load, way->n, apart};
}
static inline const sp_i_flow_load *sp_i_hop_load(const sp_i_problem *p, const sp_i_flow_hops *hops, uint32_t h)
{
    return (const sp_i_flow_load *)p->loads.kind + hops->load[(size_t)h * hops->step];
}

/* Once all tasks have their routes: lets go of a table that says nothing. */
void sp_i_problem_end_routes(sp_i_problem *p);
/* Lists of whom each task waits for (waits[t] of them, in order of t; counted in succ_off[from + 2]) turned round into succ. */
bool sp_i_problem_turn_edges(sp_i_problem *p, const uint32_t *pred, uint64_t n_edges);

/* Max-min rates. */
typedef struct sp_i_maxmin sp_i_maxmin;
sp_i_maxmin *sp_i_maxmin_create(const sp_i_problem *p);   /* NULL: no memory */
void sp_i_maxmin_destroy(sp_i_maxmin *m);
bool sp_i_maxmin_add(sp_i_maxmin *m, uint32_t task, int64_t now);        /* false: no memory */
/* Sets rates of all flows that the changes since the last call reach, and their ends. */
void sp_i_maxmin_fill(sp_i_maxmin *m, int64_t now);
int64_t sp_i_maxmin_next_ps(const sp_i_maxmin *m);                       /* INT64_MAX: nothing flows */
uint32_t sp_i_maxmin_take(sp_i_maxmin *m);                               /* removes a flow that ends at next_ps; its task */
/* Flows under way, in no order. What is left was left at since_ps. */
typedef struct sp_i_flow_state { uint32_t task; int64_t since_ps, rate; double left_bytes; } sp_i_flow_state;
uint32_t sp_i_maxmin_flows(const sp_i_maxmin *m);
sp_i_flow_state sp_i_maxmin_flow(const sp_i_maxmin *m, uint32_t i);
double *sp_i_maxmin_peaks(const sp_i_maxmin *m);   /* [n_links] for the caller to free; NULL: no memory, or not asked for (events) */
void sp_i_maxmin_count(const sp_i_maxmin *m, sp_i_flow_counts *counts);

/* Do all flows run at the rate that each has alone, whenever they run? */
bool sp_i_problem_free(const sp_i_problem *p);
/* Ends by durations and waits alone, into end_ps. run_itself: durations as events have them where all are free, and start_ps too; else
 * the shortest, whose longest chain is a bound. Errors: SP_E_INVAL a cycle, SP_E_UNFIT tasks of several steps wait for one another in
 * a way that cannot be taken step by step, SP_E_RANGE too many steps that do not repeat, SP_E_NOMEM. Cost: O(tasks + edges), and for
 * tasks of several steps those before the first that is like the one before. */
sp_status sp_i_problem_sweep(sp_i_problem *p, bool run_itself, sp_i_flow_counts *counts, sp_error *err);
sp_status sp_i_flow_no_end(uint32_t n_tasks, sp_error *err);   /* the error of steps that are too many and do not repeat */
/* done: the part that has run; 0: not known. */
static inline bool sp_i_problem_stopped(const sp_i_problem *p, double done)
{
    return p->stop && p->stop(p->context, done);
}
sp_status sp_i_flow_interrupted(sp_error *err);
/* Runs all tasks. Errors: as sp_i_problem_sweep; SP_E_INTERRUPTED. */
sp_status sp_i_problem_run(sp_i_problem *p, sp_i_flow_counts *counts, sp_error *err);

/* Fills *out from a run: times, bounds, bottleneck. Errors: SP_E_INTERNAL a time below its bound. */
/* router: NULL, where the caller names the bottleneck. */
/* SP_E_RANGE: longer than ticks can say. */
sp_status sp_i_flow_too_long(double time_s, sp_error *err);
/* Errors: SP_E_RANGE longer than ticks can say; SP_E_INTERNAL below the bound. */
sp_status sp_i_flow_report(sp_i_problem *p, const sp_i_flow_counts *counts, const sp_router *router, sp_flow_time *out, sp_error *err);
void sp_i_flow_name_bottleneck(const sp_router *router, sp_flow_time *out);
/* Fills *heat. sym: of a lifted problem, else NULL. */
struct sp_i_symmetry;
sp_status sp_i_flow_heat(const sp_i_problem *p, const sp_router *router, const sp_machine *machine, const struct sp_i_symmetry *sym, double time_s,
                         sp_flow_heat *heat, sp_error *err);
/* A chip below a link of a tree on the way from src to dst. */
uint32_t sp_i_flow_anchor(const sp_router *router, uint32_t link, uint32_t src, uint32_t dst);
/* bytes/s of a link as payload; fraction: of the raw rate, by tier. */
double sp_i_flow_capacity(const sp_router *router, uint32_t link, const double *fraction);
/* Hops, as the next route of the problem (weights as the options say). */
sp_status sp_i_flow_hops_add(sp_i_problem *p, const sp_router *router, const sp_flow_options *options, const double *fraction,
                             uint32_t src, uint32_t dst, const sp_hop *hops, uint32_t n, double latency_s, sp_error *err);
/* Route from chip to chip as the next route. Errors: SP_E_UNFIT, SP_E_NOMEM. */
sp_status sp_i_flow_route_add(sp_i_problem *p, const sp_router *router, const sp_flow_options *options, const double *fraction,
                              uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, sp_error *err);
sp_status sp_i_flow_router(const sp_machine *machine, const sp_flow_options *options, sp_router **out, sp_error *err);
sp_status sp_i_flow_borrow_list(sp_router *router, const sp_flow *flows, uint32_t n, sp_error *err);
sp_status sp_i_flow_no_memory(sp_error *err);
/* Lists: what is wrong with them; who waits for whom into the problem (false: no memory). */
sp_status sp_i_flow_check(const char *what, uint32_t n_ends, const sp_flow *flows, uint32_t n, sp_error *err);
bool sp_i_flow_waits(sp_i_problem *p, const sp_flow *flows, uint32_t n);
/* Which of a list compute: on one stream a node, the first of the list first. false: no memory. */
bool sp_i_flow_computes(sp_i_problem *p, uint32_t n_ends, const sp_flow *flows, uint32_t n);
sp_status sp_i_flow_unreachable(const sp_flow_options *options, uint32_t src, uint32_t dst, sp_error *err);

#endif
