/* superpod/fabric.h: program -> times. Evaluators behind one interface; they take the same program and give the same kind
 * of result. `analytic` walks the lifted program phase by phase and step by step (largest bytes / capacity over link
 * classes + path latency): no fluid schedule of one step is faster; `event` runs streams of compute and communication over integer
 * picoseconds. Model pages: docs/models/analytic.md, docs/models/event.md. */
#ifndef SUPERPOD_FABRIC_H
#define SUPERPOD_FABRIC_H

#include "superpod/program.h"
#include "superpod/topo.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_comm_time {
    double time_s;
    double latency_s;             /* part of time_s that does not shrink with size                  */
    double bytes_per_rank;        /* sent, mean over the ranks                                      */
    uint32_t bottleneck_tier;     /* tier of the link class that bounds most of the time            */
    double bottleneck_fraction;   /* share of time_s it is busy                                     */
    double tier_bytes[SP_TIERS_MAX]; /* the same by the outermost tier crossed                      */
    const char *protocol;         /* of the stack, that the time is for                             */
    bool together;                /* phases run together on pieces of the data, not one after another */
} sp_comm_time;

/* Analytic time of one data program (transfers and reduces) of `unit_bytes` bytes a unit, placed on plane 0 of the machine,
 * all translated copies of the group running the same at once when `replicated` (a parallel axis of a training job): the
 * least over the stack's protocols that reduce at endpoints.
 * Errors: SP_E_INVAL placement outside the machine, CALL or COMPUTE classes inside. Cost: O(classes x different steps
 * x flows of a step): microseconds where closed forms serve (sweeps, rings), up to 2^24 flows else; scratch is freed. */
sp_status sp_fabric_analytic(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                             const sp_stack *stack, double unit_bytes, bool replicated, sp_comm_time *out, sp_error *err);

/* The same in two halves, for callers that ask again: what a program asks of the wires, whatever the software, and the
 * straight lines of size that a stack makes of it. */
#define SP_COMM_WIRES (2 * SP_TIERS_MAX + 4 * SP_PLACE_DIMS)
typedef struct sp_comm_part {     /* steps alike; per byte of a unit, at payload rate */
    double steps;                 /* how many follow one another                                          */
    double wire_s[2]; uint8_t tier[2]; /* busiest link: [0] inside the scale-up domain, [1] of NICs           */
    double sent[2], sent_path_s[2];/* by a rank, mean: bytes, and bytes x path latency                       */
    double reduced;               /* bytes reduced by the busiest receiver                                */
    double path_s;                /* longest path                                                         */
    double messages;              /* of a rank                                                            */
    bool nic;                     /* some path crosses NICs                                               */
} sp_comm_part;
typedef struct sp_comm_measure {
    const sp_machine *machine;
    bool in_switch, rails;        /* reduced and multicast by switches inside the scale-up domain; rings in rotations */
    double n_units, inner_ranks;  /* of the program; of the group inside one scale-up domain              */
    uint32_t n_parts; sp_comm_part *part;
    double wire_s[SP_COMM_WIRES]; uint8_t wire_tier[SP_COMM_WIRES];   /* links of a kind over all steps   */
    double reduced;
    double tier_bytes[SP_TIERS_MAX];
} sp_comm_measure;
/* In `arena`. in_switch: switches combine what they can; SP_E_INVAL when no step has anything like that. rails: a ring over
 * several scale-up domains stands for as many as a domain has ranks, each leaving by another one: loads and waits are means
 * over the hops. */
typedef struct sp_comm_how { bool replicated, in_switch, rails; } sp_comm_how;
sp_status sp_fabric_measure(const sp_program *program, const sp_machine *machine, const sp_placement *placement, sp_comm_how how,
                            sp_arena *arena, sp_comm_measure *out, sp_error *err);

/* seconds = fixed_s + per_byte_s x bytes of a unit. */
typedef struct sp_comm_line {
    double fixed_s, per_byte_s;
    double busy_s; uint32_t tier; /* of per_byte_s, the busiest tier's part                               */
    const char *protocol; bool together;
} sp_comm_line;
#define SP_COMM_LINES_MAX (2 * SP_PROTOCOLS_MAX)
/* Lines of the stack's protocols that reduce in switches if the measure does, at endpoints if not; returns how many. */
uint32_t sp_fabric_lines(const sp_comm_measure *measure, const sp_stack *stack, sp_comm_line out[SP_COMM_LINES_MAX]);
sp_comm_time sp_fabric_line_time(const sp_comm_measure *measure, const sp_comm_line *line, double unit_bytes);

/* ---- event evaluator: streams ------------------------------------------------------------------------------ */

/* One executed instance. Times in ticks of 1 ps. */
typedef struct sp_span { uint32_t task_class; sp_index at; uint32_t stream; int64_t start_ps, end_ps; int32_t pred; } sp_span;

typedef struct sp_run {
    int64_t end_ps;
    uint32_t n_spans; sp_span *spans;   /* in order of start, ties as they were found; in the arena                   */
    /* span.pred: index of the span whose end let this one start (dependency or stream), -1 for those starting at 0   */
} sp_run;

/* Run a program of COMPUTE and CALL classes (costs in cost_s) and TRANSFER classes whose seconds the maker put in cost_s
 * as well, over (rank, stream) resources: an instance starts when all it waits for has ended and its stream is free;
 * among ready instances of a stream the lowest (priority, class, step, mb, chunk) starts first. Deterministic.
 * Errors: SP_E_INVAL a dependency cycle (named), SP_E_RANGE more than 2^26 instances, or an end beyond 26 days, SP_E_NOMEM.
 * Cost: O(instances x (deps + log instances)); about 60 B an instance in `arena`. */
sp_status sp_fabric_event(const sp_program *program, sp_arena *arena, sp_run *out, sp_error *err);

/* ---- flow evaluator: max-min fair sharing of every link, event by event ------------------------------------------- */

/* How busy links were over the whole time: bytes / (rate x time). One map for each dim of a mesh (row: from, column: to), dim of a
 * torus (rows: up, down) and tier of a tree (rows: level by level from below, up, down); columns are coordinates of the tier.
 * A cell is the busiest of all links that it stands for, -1 where nothing flowed. */
#define SP_HEAT_MAPS (SP_TIERS_MAX * SP_TIER_DIMS)
typedef struct sp_heat_map { uint32_t tier, dim, size, n_rows; double *busy; /* [n_rows * size] */ } sp_heat_map;
typedef struct sp_flow_heat {
    sp_arena *arena;              /* in: where the maps go */
    uint32_t n; sp_heat_map map[SP_HEAT_MAPS];
} sp_flow_heat;

struct sp_flow_time;
typedef struct sp_flow_options {
    sp_routing routing; uint64_t seed;           /* seed: of SP_ROUTING_HASH                                          */
    const sp_fault *faults; uint32_t n_faults;
    bool weight_by_latency;       /* weight of a flow = 1 / its path latency (round-trip fairness; SimGrid's CM02)     */
    double rate_fraction;         /* of raw rates; 0: the machine's payload fraction (and the stack's, for programs)   */
    bool in_switch;               /* programs: switches of the scale-up domain reduce and multicast the exchanges that they can     */
    bool explicit_only;           /* never lift                                                                        */
    bool every_step;              /* never take steps together, nor pass over those that repeat: for tests            */
    uint32_t tasks_max;           /* transfers and joins that are run at most, lifted or not; 0: 2^27 (lifted 2^25), of steps that
                                   * nobody shares 2^32                                                                */
    sp_flow_heat *heat;           /* filled when not NULL                                                              */
    /* Each may be NULL. begun: before a program runs, with its flows and classes and whether it is lifted (not where units run stage by stage,
     * which is quick). stop: asked now and then while it runs, with the part of it that has run (0: not known); true ends it with
     * SP_E_INTERRUPTED.                                                                                              */
    void (*begun)(void *context, const struct sp_flow_time *time);
    bool (*stop)(void *context, double done);
    void *context;                /* of both                                                                           */
} sp_flow_options;

typedef struct sp_flow_time {
    double time_s; int64_t end_ps;
    double bound_s;               /* no schedule of these flows on these routes is faster: links' bytes / rates, and the
                                   * longest chain of flows each alone; time_s >= bound_s is asserted                  */
    uint64_t flows;               /* transfers, all of them                                                            */
    uint64_t classes;             /* transfers that stand for all; flows when not lifted                               */
    bool lifted;
    const char *why_explicit;     /* NULL when lifted                                                                  */
    uint64_t end_sum_ps;          /* ends of all transfers, added modulo 2^64: two runs alike in it are alike in every tick */
    uint64_t skipped, periods;    /* of the classes, not run one by one since they repeat earlier ones to the tick; how
                                   * often that was found                                                              */
    uint64_t instants, fills, refilled;  /* events batched (or steps, where nothing is shared and no event is needed), rate
                                   * settings (0: nothing is shared), flows they went through                         */
    uint32_t bottleneck;          /* id of the link that is busy longest (sp_router_link_name); UINT32_MAX: none       */
    double bottleneck_fraction;   /* bytes / (rate x time_s) of it                                                     */
    char bottleneck_name[96];
} sp_flow_time;

/* One flow of a list. It is released when flow `after` has ended (UINT32_MAX: nothing) and not before start_s. With compute_s > 0 it
 * sends nothing (bytes 0): it computes for so long on chip src, which computes one thing at a time, the first of the list first. */
typedef struct sp_flow { uint32_t src, dst; double bytes, start_s; uint32_t after; double compute_s; } sp_flow;

/* Times of a list of flows on plane 0. start_s (release, [n]) and end_s ([n]) may be NULL.
 * Errors: SP_E_INVAL chips outside the machine, bytes or seconds negative or not finite, both above 0, `after` out of range or in a circle;
 * SP_E_UNFIT faults leave no route (names the flow); SP_E_NOMEM. Cost: O(n x hops) and, for each instant, what it reaches. */
sp_status sp_fabric_flows(const sp_machine *machine, const sp_flow_options *options, const sp_flow *flows, uint32_t n,
                          double *start_s, double *end_s, sp_flow_time *out, sp_error *err);

/* The same on any graph (sp_net of topo.h): src and dst are nodes, rates are those of the file; options->heat is not for graphs. Errors: as sp_fabric_flows. */
sp_status sp_fabric_net_flows(const sp_net *net, const sp_flow_options *options, const sp_flow *flows, uint32_t n,
                              double *start_s, double *end_s, sp_flow_time *out, sp_error *err);

/* Time of one data program, as sp_fabric_analytic takes it. Every rank pays its step and the message_s of what the step posts
 * before the wire, reductions on arrival share the receiver's memory. Lifted where the program and the machine declare enough
 * symmetry, else explicit: same ticks.
 * Errors: SP_E_INVAL as sp_fabric_analytic; SP_E_UNFIT no route; SP_E_RANGE too many instances to go explicit (2^27), or steps that do
 * not repeat. */
sp_status sp_fabric_flow(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                         const sp_stack *stack, double unit_bytes, const sp_flow_options *options, sp_flow_time *out,
                         sp_error *err);

/* Several programs at once, each on its own group (groups may share chips): what they share they contend for. Programs of one
 * pointer on translated groups cost no more than one where the machine is alike under the translation. All use the protocol
 * of the largest. end_s ([n], or NULL): end of each. Errors: as sp_fabric_flow; SP_E_INVAL no job. */
typedef struct sp_flow_job { const sp_program *program; const sp_placement *placement; double unit_bytes; } sp_flow_job;
sp_status sp_fabric_flow_jobs(const sp_flow_job *jobs, uint32_t n, const sp_machine *machine, const sp_stack *stack,
                              const sp_flow_options *options, double *end_s, sp_flow_time *out, sp_error *err);

/* Seconds that sharing of the wires alone makes of a program in one of the stack's protocols: nothing of what endpoints and paths
 * take, which the analytic lines have (sp_comm_time.latency_s).
 * together: phases wait for nothing (sp_comm_time.together). replicated: all translates of the group run at once. A protocol of
 * in_switch reduces in switches; of a stack with rails a ring over several scale-up domains runs in rotations, one for each rank of a
 * domain. Errors: as sp_fabric_flow; SP_E_NOTFOUND no such protocol; SP_E_RANGE rotations of more than 2^20 transfers. */
sp_status sp_fabric_flow_wires(const sp_program *program, const sp_machine *machine, const sp_placement *placement, const sp_stack *stack,
                               const char *protocol, bool together, bool replicated, double unit_bytes, double *wire_s, sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
