/* superpod/collective.h: collective operations as programs. Algorithms are rows of one table; every row is proved by data
 * flow (sp_collective_prove) in the tests. Model page: docs/models/collectives.md. */
#ifndef SUPERPOD_COLLECTIVE_H
#define SUPERPOD_COLLECTIVE_H

#include "superpod/fabric.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sp_coll_op { SP_COLL_ALL_REDUCE, SP_COLL_ALL_GATHER, SP_COLL_REDUCE_SCATTER, SP_COLL_ALL_TO_ALL,
                          SP_COLL_BROADCAST, SP_COLL_SEND_RECV, SP_COLL_OPS } sp_coll_op;
const char *sp_coll_op_name(sp_coll_op op);                       /* "all-reduce", … */
sp_status sp_coll_op_parse(const char *text, sp_coll_op *out, sp_error *err);

/* The shape of a group: its ranks in mixed radix, dim 0 fastest, as the placement lays them on tiers. */
typedef struct sp_group { uint32_t n_dims; uint32_t dim[SP_PLACE_DIMS]; } sp_group;
uint32_t sp_group_ranks(const sp_group *group);

/* One algorithm. Ties go to the earlier row. */
typedef struct sp_coll_algo {
    const char *name;         /* "direct" "hierarchical" "ring" "multi-ring" "halving-doubling" "tree" …   */
    const char *about;        /* one line                                                                */
    /* Can it do op on this group? If not, *why (static text) says what is missing. */
    bool (*applicable)(sp_coll_op op, const sp_group *group, const char **why);
    /* Builds the program in the arena, O(log ranks) classes or fewer whatever the group (multi-ring: O(ranks) <= 128). The
     * maker chooses n_units; unit bytes = size_bytes / n_units for the size convention below. In reduce-scatter,
     * all-gather and all-to-all n_units is a multiple of the ranks and unit u belongs to rank u mod ranks.
     * Errors: SP_E_INVAL not applicable (says why), SP_E_NOMEM. */
    sp_status (*build)(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err);
} sp_coll_algo;
extern const sp_coll_algo sp_coll_algos[];
extern const uint32_t sp_coll_n_algos;
const sp_coll_algo *sp_coll_algo_find(const char *name);          /* NULL when unknown */

/* Size convention (nccl-tests): size_bytes S is the per-rank buffer: all-reduce, broadcast, send/recv: the vector; all-gather:
 * the gathered output; reduce-scatter: the input; all-to-all: the whole send buffer of a rank. unit bytes = S / n_units. */
double sp_coll_unit_bytes(const sp_program *program, double size_bytes);
/* nccl-tests bus bandwidth factor: 2(n-1)/n, (n-1)/n, 1. */
double sp_coll_bus_factor(sp_coll_op op, uint32_t ranks);

typedef struct sp_coll_time { sp_comm_time comm; const sp_coll_algo *algo; double lower_bound_s; } sp_coll_time;
/* The group that a placement makes on plane 0: its dims cut where they cross from one tier (or dim of a mesh or torus tier)
 * into the next, so that hierarchical algorithms see the tiers. What does not divide evenly stays one dim.
 * Errors: SP_E_INVAL beyond the machine; SP_E_RANGE more than SP_PLACE_DIMS dims. */
sp_status sp_coll_group(const sp_machine *machine, const sp_placement *placement, sp_group *out, sp_error *err);
/* A time below what sp_fabric_analytic answers: steps x (shortest latency + step) + bytes / all ports. O(classes x phases),
 * so that rows that cannot win need no pricing (rings over 8,192 ranks cost milliseconds to price). */
sp_status sp_coll_floor_s(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                          const sp_stack *stack, double size_bytes, bool replicated, double *out, sp_error *err);
/* One algorithm on one placement, measured: what sp_fabric_lines makes times of, whatever the stack's values. */
typedef struct sp_coll_measured { const sp_coll_algo *algo; sp_comm_measure measure; } sp_coll_measured;
/* Row `algo` as the stack runs it: at endpoints, in switches, or both; 0 when its library does not have it (`named`: at
 * endpoints even so). out[2], in `arena`. Errors: those of building and of the evaluator; SP_E_NOMEM. */
sp_status sp_coll_measure(const sp_coll_algo *algo, sp_coll_op op, const sp_group *group, const sp_machine *machine,
                          const sp_placement *placement, const sp_stack *stack, bool named, bool replicated, sp_arena *arena,
                          sp_coll_measured *out, uint32_t *n, sp_error *err);
/* The least of several at a size, with the line it is on; n > 0. */
sp_comm_time sp_coll_least(const sp_coll_measured *measured, uint32_t n, const sp_stack *stack, double size_bytes,
                           const sp_coll_algo **algo);
/* Best algorithm of those that the stack's library has (or the named one) for a group placed on the machine: builds, prices by
 * the analytic evaluator; algorithms that the evaluator cannot lay on this placement are passed over, and when none of the
 * library's can do it, every row of the table is tried. lower_bound_s: injection, cut and latency bound at payload rate that no
 * algorithm (and no software) can beat, switches that reduce counted where the stack uses them. A group of one rank takes no
 * time.
 * Errors: SP_E_NOTFOUND no such algorithm; SP_E_INVAL the named one (or every one) is not applicable. */
sp_status sp_coll_best(sp_coll_op op, const sp_machine *machine, const sp_placement *placement, const sp_stack *stack,
                       double size_bytes, bool replicated, const char *algo_name, sp_coll_time *out, sp_error *err);

/* ---- proof by data flow ----------------------------------------------------------------------------------- */

/* Execute symbolically (contributions as bit sets, one per (rank, unit)) and check that every rank ends with exactly what
 * the operation promises, that nothing is counted twice, and that conflicting accesses are ordered by dependencies.
 * Root of broadcast and sender of send/recv is rank 0 (receiver: rank n-1).
 * Errors: SP_E_INVAL with the first violation in words. Cost: O(instances x units x ranks/64). */
sp_status sp_collective_prove(const sp_program *program, sp_coll_op op, sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
