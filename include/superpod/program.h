/* superpod/program.h: the one schedule type.
 *
 * A program is a set of task classes over index spaces. An instance of a class is a point (rank, step, mb, chunk) of the
 * class's space. A class says what its instances do (compute, transfer, reduce, or call another program), which resource
 * they occupy, and by index maps which instances they wait for. An explicit program is the same thing with classes of
 * one. Sizes are relative: a program moves `units` of data, and the caller says how many bytes a unit has, so that one
 * program is asked about many sizes. Placement (rank -> chip) and faults are separate objects.
 *
 * Makers: collective, workload, readers of foreign formats. Evaluators: fabric (analytic, event, later flow and packet),
 * exec (real bytes). Model page: docs/models/program.md. */
#ifndef SUPERPOD_PROGRAM_H
#define SUPERPOD_PROGRAM_H

#include "superpod/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_index { uint32_t rank, step, mb, chunk; } sp_index;

/* A digit of a number x in mixed radix: (x / stride) % size. size 0: no digit (maps become the identity). */
typedef struct sp_digit { uint32_t stride, size; } sp_digit;

typedef enum sp_map_op {
    SP_MAP_SHIFT,   /* digit' = (digit + c) mod size                          */
    SP_MAP_ADD,     /* digit' = digit + c; outside [0, size): no such instance */
    SP_MAP_XOR,     /* digit' = digit xor c; >= size: no such instance         */
    SP_MAP_SET      /* digit' = c                                              */
} sp_map_op;

/* Replaces one digit of the rank, with c = c0 + c_step * step + c_chunk * chunk. An image >= n_ranks does not exist. */
typedef struct sp_rank_map { sp_digit digit; sp_map_op op; int32_t c0, c_step, c_chunk; } sp_rank_map;

/* How a dependency picks an index of a non-rank axis of the awaited class. */
typedef enum sp_pick {
    SP_PICK_SAME,   /* own index + c0 + c_rank * (own rank's digit `rank_digit`); out of range: no such instance */
    SP_PICK_AT,     /* c0; negative counts from the end (-1: the last); out of range: no such instance             */
    SP_PICK_ALL,    /* waits for every index                                                                      */
    SP_PICK_TABLE   /* table[own rank's digit * n_own + own index]; negative or out of range: no such instance      */
} sp_pick;
/* TABLE, for orders that are no formula, has a table in place of the constants: [max(rank_digit.size, 1) * n_own], n_own >= the own
 * extent. Not owned: it must live as long as the program. */
typedef struct sp_axis_map {
    sp_pick pick;
    uint32_t n_own;
    union {
        struct { int32_t c0, c_rank; };
        const int32_t *table;
    };
    sp_digit rank_digit;
} sp_axis_map;

/* Instance i of the owning class waits for the end of instance map(i) of class `from`. A map that lands outside the
 * awaited class's domain is no dependency (the natural boundary). `when`: only if the digit of the own step equals
 * when_value (size 0: always). */
typedef struct sp_dep {
    uint32_t from;
    sp_rank_map rank;
    sp_axis_map step, mb, chunk;
    sp_digit when; uint32_t when_value;
} sp_dep;

/* Which units of the buffer a transfer moves: the units u whose digit satisfies value = map of the sender's rank digit.
 * A transfer with no constraint moves all units. Constraints are ANDed. With own = (rank / rank_digit.stride) % rank_digit.size:
 *   SHIFT: digit(u) == (own + c) mod digit.size   XOR: digit(u) == own xor c   SET: digit(u) == c,   c as in sp_rank_map.
 * own is 0 where rank_digit.size is 0; ADD is not meant here. With SHIFT and span > 1 the `span` values from there on, too
 * (Bruck's windows). */
typedef struct sp_data {
    sp_digit digit; sp_digit rank_digit; sp_map_op op; int32_t c0, c_step, c_chunk; uint32_t span;
} sp_data;

typedef enum sp_task_kind {
    SP_TASK_COMPUTE,   /* occupies a stream of its rank for cost_s                                        */
    SP_TASK_TRANSFER,  /* sends units from its rank to rank_map(rank)                                     */
    SP_TASK_REDUCE,    /* local reduction of units at memory rate; units = 0: a join that costs nothing   */
    SP_TASK_CALL       /* runs program `callee` once over one of the caller's groups; occupies `stream` for cost_s */
} sp_task_kind;

/* What arrival does to the receiver's buffer (and what the proof in collective checks). A transfer reads (MOVE: takes) the
 * sender's units when it starts and changes the receiver's when it ends: COPY replaces, REDUCE adds to, MOVE adds blocks
 * of other sources to what lies there. Reduction on arrival is part of the transfer, not a task of its own. */
typedef enum sp_effect { SP_EFFECT_COPY, SP_EFFECT_REDUCE, SP_EFFECT_MOVE } sp_effect;

#define SP_STREAM_COMPUTE 0u
#define SP_CALLEE_NONE UINT32_MAX
#define SP_STREAMS_MAX 16u

/* Axes of a class: successive `step`s follow one another, `chunk`s go at the same time, `mb` is for micro-batches. The
 * dependencies are what is binding; the analytic walk takes this order and the phases for granted, and the maker owes
 * dependencies that agree (tests hold the longest chain of collectives to the sum over phases of n_step + fill). */
typedef struct sp_task_class {
    const char *label;              /* category for breakdowns and timelines                                       */
    sp_task_kind kind;
    sp_digit domain; uint32_t domain_lo, domain_hi;  /* ranks whose digit lies in [lo, hi); size 0: every rank      */
    uint32_t n_step, n_mb, n_chunk; /* extents, >= 1; the rank extent is the program's n_ranks                     */
    uint32_t fill;                  /* steps that pass before the class is in full flow: depth of a pipeline over ranks,
                                     * counted like steps by the analytic walk and by nobody else                    */
    uint32_t stream;                /* resource at the rank; one instance at a time per (rank, stream).
                                     * Transfers inside collectives use streams >= 1 only to name a class of links.  */
    int32_t priority;               /* among ready instances of a stream: lower first, then class index, then index  */
    /* COMPUTE, CALL: seconds of an instance = cost_s[rank_digit_value * step_digit.size_or_1 + step_digit_value]    */
    sp_digit cost_rank, cost_step; const double *cost_s;
    /* TRANSFER */
    sp_rank_map peer; sp_effect effect;
    uint32_t data_off, n_data;      /* constraints in the program's data array                                      */
    double units;                   /* units moved by one instance (all contributions counted); REDUCE: units read  */
    /* CALL */
    uint32_t callee;                /* index of a sub-program, or SP_CALLEE_NONE: only its seconds are known        */
    uint32_t callee_group;          /* which group runs it, in the maker's numbering (training: sp_comm_group)      */
    double callee_unit_bytes;       /* bytes a unit of the callee stands for                                        */
    /* dependencies in the program's dep array */
    uint32_t dep_off, n_deps;
} sp_task_class;

typedef struct sp_program sp_program;

struct sp_program {
    const char *name;
    uint32_t n_ranks;
    uint32_t n_units;               /* units the buffer is divided into (data flow); 0: not a data program           */
    uint32_t n_classes; sp_task_class *classes;
    uint32_t n_deps; sp_dep *deps;
    uint32_t n_data; sp_data *data;
    uint32_t n_callees; const sp_program **callees;
    uint32_t n_phases; uint32_t *phase;  /* [n_classes] sequential phase of a class, for the analytic walk; classes of
                                          * one phase run together; set by the maker (0 … n_phases-1)                 */
};

/* Building: classes, deps and data are appended through a builder and frozen into `arena`. Labels are copied. */
typedef struct sp_builder sp_builder;
sp_builder *sp_builder_create(sp_arena *arena, const char *name, uint32_t n_ranks, uint32_t n_units); /* NULL: no memory */
/* Appends a class (its *_off, n_* and phase fields are ignored) in phase `phase`; returns its index or -1 (no memory). */
int32_t sp_builder_class(sp_builder *builder, const sp_task_class *task, uint32_t phase);
void sp_builder_dep(sp_builder *builder, uint32_t task_class, sp_dep dep);    /* errors are kept until freeze */
void sp_builder_data(sp_builder *builder, uint32_t task_class, sp_data data);
int32_t sp_builder_callee(sp_builder *builder, const sp_program *callee);     /* index for sp_task_class.callee */
/* Validates (sp_program_check) and freezes. *out lives in the arena. */
sp_status sp_builder_freeze(sp_builder *builder, const sp_program **out, sp_error *err);

/* Every structural invariant: extents >= 1, indices in range, at most 2^52 instances, maps with size > 0 where
 * needed, a peer for every sender, no class waiting for itself at the same index, cost tables present. O(classes + deps);
 * only classes whose peers cannot be told from the maps alone cost O(ranks). */
sp_status sp_program_check(const sp_program *program, sp_error *err);
/* Total instances of all classes (domains applied). */
uint64_t sp_program_instances(const sp_program *program);
/* Is (rank) inside the class's domain? */
bool sp_class_has_rank(const sp_task_class *task, uint32_t rank);
/* Ranks of the domain below `end`, O(1); end = n_ranks: all of them. The position of `rank` in the domain's order. */
uint32_t sp_class_ranks_below(const sp_task_class *task, uint32_t end);
/* Apply maps; false when the image does not exist. */
bool sp_rank_map_apply(const sp_rank_map *map, uint32_t rank, uint32_t step, uint32_t chunk, uint32_t n_ranks, uint32_t *out);
/* Does the map look at the own rank? */
static inline bool sp_axis_reads_rank(const sp_axis_map *map) { return map->pick == SP_PICK_TABLE || map->c_rank != 0; }
bool sp_axis_map_apply(const sp_axis_map *map, uint32_t own, uint32_t rank, uint32_t extent, uint32_t *out); /* not for ALL */
/* Seconds of one COMPUTE or CALL instance. */
double sp_class_cost_s(const sp_task_class *task, uint32_t rank, uint32_t step);
/* Does unit u travel with instance `at` of a transfer class of this program? */
bool sp_class_moves_unit(const sp_program *program, const sp_task_class *task, sp_index at, uint32_t unit);

/* Calls `visit` for every instance of every class in (class, rank, step, mb, chunk) order; stops at a non-OK status. */
typedef sp_status (*sp_program_visit)(void *context, uint32_t task_class, sp_index at);
sp_status sp_program_each(const sp_program *program, sp_program_visit visit, void *context);
/* Calls `visit` for every instance that instance `at` of class `task_class` waits for. */
sp_status sp_program_each_dep(const sp_program *program, uint32_t task_class, sp_index at, sp_program_visit visit,
                              void *context);

/* The same program as an explicit graph: instances in the order of sp_program_each, and whom each waits for. */
typedef struct sp_unrolled {
    uint32_t n;                  /* instances                                    */
    uint32_t *task_class;        /* [n]                                          */
    sp_index *at;                /* [n]                                          */
    uint32_t *pred_off, *pred;   /* CSR: [n+1], instances that i waits for       */
} sp_unrolled;
/* In `arena`, 24 B an instance + 4 B an edge. Errors: SP_E_RANGE more than max_instances or 2^28 edges, SP_E_NOMEM. */
sp_status sp_program_unroll(const sp_program *program, sp_arena *arena, uint32_t max_instances, sp_unrolled *out,
                            sp_error *err);

/* ---- placement -------------------------------------------------------------------------------------------- */

/* rank -> chip: chip = base + sum over dims of digit_i * stride_i, digits in mixed radix, dim 0 fastest; then exceptions. */
#define SP_PLACE_DIMS 16
typedef struct sp_placement {
    uint32_t base;
    uint32_t n_dims;
    struct { uint32_t size, stride; } dim[SP_PLACE_DIMS];
    uint32_t n_exceptions;
    const struct sp_place_exception { uint32_t rank, chip; } *exceptions;  /* sorted by rank; not owned */
} sp_placement;

uint32_t sp_placement_ranks(const sp_placement *placement);             /* product of sizes */
uint32_t sp_placement_chip(const sp_placement *placement, uint32_t rank);
/* Dims in range, chips distinct (structurally) and below `chips`. */
sp_status sp_placement_check(const sp_placement *placement, uint32_t chips, sp_error *err);
sp_placement sp_placement_linear(uint32_t base, uint32_t ranks);

#ifdef __cplusplus
}
#endif
#endif
