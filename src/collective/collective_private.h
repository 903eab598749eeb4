/* How algorithms are put together: stages along one digit of the rank, glued by gates.
 *
 * A group's buffer is cut into units u = owner + n_own * part. `owner` has the digits of a rank, so that scattering along a
 * digit means that a rank keeps the units whose digit equals its own; parts run side by side on links of their own (rings
 * of different shift, hierarchies that begin at different dims). A stage scatters (reduces) or gathers one part along one
 * digit; its gate is what must have ended at a rank before the next stage may start there. */
#ifndef SUPERPOD_COLLECTIVE_PRIVATE_H
#define SUPERPOD_COLLECTIVE_PRIVATE_H

#include "superpod/collective.h"

#define SP_I_GATE_MAX 2

typedef struct sp_i_stage {
    sp_builder *builder;
    uint32_t n_own;                 /* owners: ranks, or their product over the scattered dims only            */
    uint32_t n_parts, part;
    uint32_t n_fixed;               /* digits of the unit that equal the sender's: dims already scattered       */
    sp_digit fixed[SP_PLACE_DIMS];
    sp_digit axis;                  /* the digit this stage works along                                         */
    uint32_t phase;                 /* phase of the next class; stages advance it                               */
    uint32_t n_gate;                /* own rank waits for these before it starts; stages replace them           */
    sp_dep gate[SP_I_GATE_MAX];
} sp_i_stage;

/* Units of a part for one value of every fixed digit and of the axis digit. */
double sp_i_stage_units(const sp_i_stage *stage);
/* Appends a transfer of stage->phase with the constraints of part and fixed digits; returns its class. */
uint32_t sp_i_stage_transfer(sp_i_stage *stage, const char *label, sp_effect effect, sp_rank_map peer, uint32_t n_step,
                             uint32_t n_chunk, double units);
/* Appends a join (a REDUCE of nothing) with n_chunk instances a rank, in stage->phase. */
uint32_t sp_i_stage_join(sp_i_stage *stage, uint32_t n_chunk);
/* The class waits (at its first step, if it has several) for the gate of its own rank. */
void sp_i_stage_wait(sp_i_stage *stage, uint32_t task_class, uint32_t n_step);
/* Units whose digit is the sender's + c0 + c_step * step + c_chunk * chunk (mod size), `span` of them. */
void sp_i_data_shift(sp_builder *builder, uint32_t task_class, sp_digit digit, int32_t c0, int32_t c_step, int32_t c_chunk,
                     uint32_t span);
/* Units whose digit is c0 + c_step * step, whatever the sender. */
void sp_i_data_set(sp_builder *builder, uint32_t task_class, sp_digit digit, int32_t c0, int32_t c_step);
sp_rank_map sp_i_map(sp_digit digit, sp_map_op op, int32_t c0, int32_t c_chunk);
/* Dependency on a class at rank map `rank`: the instance `step_back` steps earlier, or all chunks of the last step. */
sp_dep sp_i_dep_back(uint32_t from, sp_rank_map rank, int32_t step_back);
sp_dep sp_i_dep_last(uint32_t from, sp_rank_map rank);
/* Gates: the end of all chunks of the last step of class `own` at the own rank, and of `from` at rank map `rank`. */
void sp_i_stage_gate(sp_i_stage *stage, uint32_t own, const sp_dep *arrival);

/* Stages: what they need of axis.size is the caller's to know. `shift` is used by rings only. */
typedef void (*sp_i_along)(sp_i_stage *stage, bool gather, uint32_t shift);
void sp_i_along_direct(sp_i_stage *stage, bool gather, uint32_t shift);
void sp_i_along_ring(sp_i_stage *stage, bool gather, uint32_t shift);
void sp_i_along_halving(sp_i_stage *stage, bool gather, uint32_t shift);
void sp_i_along_bruck(sp_i_stage *stage, bool gather, uint32_t shift);
/* All-to-all along the axis. */
void sp_i_exchange_direct(sp_i_stage *stage);
void sp_i_exchange_halving(sp_i_stage *stage);
/* All-reduce of the part's `n_chunks` chunks over two binary trees (parts = 2 * n_chunks). */
void sp_i_trees(sp_i_stage *stage, uint32_t n_chunks);

/* One part through the dims in the order given: scatters in it, gathers back in the opposite one; all-to-all in one pass. */
void sp_i_visit(sp_i_stage *stage, sp_coll_op op, const sp_digit *dims, uint32_t n_dims, uint32_t shift, sp_i_along along);

/* Dims of more than one rank as digits; returns how many. */
uint32_t sp_i_group_digits(const sp_group *group, sp_digit dims[SP_PLACE_DIMS]);
sp_digit sp_i_whole(const sp_group *group);
bool sp_i_several(const sp_group *group, const char **why);
bool sp_i_power_of_two(uint32_t n);
/* A stage over `n_own` owners and `n_parts` parts in a new builder; builder NULL when there is no memory. */
sp_i_stage sp_i_stage_start(sp_arena *arena, const char *name, const sp_group *group, uint32_t n_own, uint32_t n_parts);
sp_status sp_i_stage_finish(sp_i_stage *stage, const sp_program **out, sp_error *err);
/* SP_E_INVAL with the reason in words. */
sp_status sp_i_refuse(const char *algo, sp_coll_op op, const char *why, sp_error *err);

/* A dim of the group as it lies on the machine: every `gap`-th position of dim tdim of a tier. In order of the group's dims. */
typedef struct sp_i_lane_at { uint32_t size, tier, tdim, gap; } sp_i_lane_at;
#define SP_I_LANES_MAX SP_PLACE_DIMS
sp_status sp_i_coll_lanes(const sp_machine *machine, const sp_placement *placement, sp_i_lane_at lanes[SP_I_LANES_MAX],
                          uint32_t *n_lanes, sp_error *err);
/* Has the library a protocol that reduces in switches? */
bool sp_i_coll_in_switch(const sp_stack *stack);
/* Seconds that no algorithm can go below; in_switch: switches inside the scale-up domain reduce and multicast. */
double sp_i_coll_bound_s(sp_coll_op op, const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes,
                         double size_bytes, bool replicated, bool in_switch);

#define SP_I_ROW(name) \
    bool sp_i_##name##_applicable(sp_coll_op op, const sp_group *group, const char **why); \
    sp_status sp_i_##name##_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
SP_I_ROW(direct);
SP_I_ROW(hierarchical);
SP_I_ROW(rotated);
SP_I_ROW(ring);
SP_I_ROW(bi_ring);
SP_I_ROW(multi_ring);
SP_I_ROW(rotated_inner);
SP_I_ROW(hierarchical_ring);
SP_I_ROW(rotated_ring);
SP_I_ROW(rotated_inner_ring);
SP_I_ROW(halving);
SP_I_ROW(bruck);
SP_I_ROW(tree);
SP_I_ROW(tree_pipelined);
SP_I_ROW(hierarchical_tree);
SP_I_ROW(direct_tree);
SP_I_ROW(ring_tree);
SP_I_ROW(phased);
SP_I_ROW(phased_ring);

#endif
