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
    const char *name;         /* "ring" "multi-ring" "direct" "halving-doubling" "tree" "hierarchical" … */
    const char *about;        /* one line                                                                */
    /* Can it do op on this group? If not, *why (static text) says what is missing. */
    bool (*applicable)(sp_coll_op op, const sp_group *group, const char **why);
    /* Builds the program: n_units as it likes; unit bytes = size_bytes / n_units for the size convention below. */
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
/* Best algorithm (or the named one) for a group placed on the machine: builds, prices by the analytic evaluator.
 * lower_bound_s: cut/injection and latency bound that no algorithm can beat. */
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
