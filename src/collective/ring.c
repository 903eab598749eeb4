/* Rings: ring (one), bi-ring (both directions), multi-ring (every shift that visits all ranks), and the pipelined chain of a
 * broadcast.
 *
 * A ring of shift k passes units from r to r + k mod n; it visits every rank when gcd(k, n) = 1. Rings of different k use
 * different directed links of a full mesh: all of them when n is prime, phi(n) of n - 1 otherwise. On a torus the shifts 1
 * and n - 1 are the two directions. Patarasu & Yuan (2009), "Bandwidth optimal all-reduce algorithms". */
#include "collective_private.h"

#define CHAIN_UNITS 64u       /* guess: pieces of a pipelined broadcast; 2 % left over at the ends per 1 rank of depth */
#define MULTI_RING_MAX 128u   /* guess: a full mesh of more chips than this has more links a chip than any product */

/* Scattering, step t moves the unit that ends at its owner after size - 1 steps: own - k (1 + t). Gathering: own - k t.
 * A rank sends its steps one after another (a channel is a queue), each after the arrival of what it passes on. */
void sp_i_along_ring(sp_i_stage *stage, bool gather, uint32_t shift)
{
    uint32_t n_step = stage->axis.size - 1;
    int32_t k = (int32_t)shift;
    sp_rank_map next = sp_i_map(stage->axis, SP_MAP_SHIFT, k, 0), previous = sp_i_map(stage->axis, SP_MAP_SHIFT, -k, 0);
    uint32_t id = sp_i_stage_transfer(stage, gather ? "all-gather" : "reduce-scatter", gather ? SP_EFFECT_COPY : SP_EFFECT_REDUCE,
                                      next, n_step, 1, sp_i_stage_units(stage));
    sp_i_data_shift(stage->builder, id, stage->axis, gather ? 0 : -k, -k, 0, 1);
    if (n_step > 1) {
        sp_builder_dep(stage->builder, id, sp_i_dep_back(id, previous, 1));
        sp_builder_dep(stage->builder, id, sp_i_dep_back(id, (sp_rank_map){0}, 1));
    }
    sp_i_stage_wait(stage, id, n_step);
    sp_dep arrival = sp_i_dep_last(id, previous);
    sp_i_stage_gate(stage, id, &arrival);
    stage->phase++;
}

/* Shifts that visit all ranks; returns how many there are. */
static uint32_t coprime_shifts(uint32_t n, uint32_t shifts[MULTI_RING_MAX])
{
    uint32_t count = 0;
    for (uint32_t k = 1; k < n && count < MULTI_RING_MAX; k++)
        if (sp_gcd(k, n) == 1)
            shifts[count++] = k;
    return count;
}

static sp_status build_rings(const char *name, sp_coll_op op, const sp_group *group, const uint32_t *shifts, uint32_t n_shifts,
                             sp_arena *arena, const sp_program **out, sp_error *err)
{
    sp_digit whole = sp_i_whole(group);
    sp_i_stage all = sp_i_stage_start(arena, name, group, whole.size, n_shifts);
    if (!all.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a %s %s", name, sp_coll_op_name(op));
    for (uint32_t i = 0; i < n_shifts; i++) {
        sp_i_stage stage = all;
        stage.part = i;
        sp_i_visit(&stage, op, &whole, 1, shifts[i], sp_i_along_ring);
    }
    return sp_i_stage_finish(&all, out, err);
}

/* Broadcast along the chain 0, 1, … n-1, piece by piece. */
static sp_status build_chain(const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    sp_digit whole = sp_i_whole(group);
    sp_i_stage stage = sp_i_stage_start(arena, "ring", group, CHAIN_UNITS, 1);
    if (!stage.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a ring broadcast");
    sp_task_class task = {.label = "broadcast", .kind = SP_TASK_TRANSFER, .domain = whole, .domain_hi = whole.size - 1,
                          .n_step = CHAIN_UNITS, .n_mb = 1, .n_chunk = 1, .fill = whole.size - 2, .stream = 1,
                          .peer = sp_i_map(whole, SP_MAP_ADD, 1, 0), .effect = SP_EFFECT_COPY, .units = 1};
    uint32_t id = (uint32_t)sp_builder_class(stage.builder, &task, 0);
    sp_i_data_set(stage.builder, id, (sp_digit){1, CHAIN_UNITS}, 0, 1);
    sp_builder_dep(stage.builder, id, sp_i_dep_back(id, sp_i_map(whole, SP_MAP_ADD, -1, 0), 0));
    sp_builder_dep(stage.builder, id, sp_i_dep_back(id, (sp_rank_map){0}, 1));
    return sp_i_stage_finish(&stage, out, err);
}

static bool scatters_or_gathers(sp_coll_op op, const char **why)
{
    bool ok = op == SP_COLL_ALL_REDUCE || op == SP_COLL_ALL_GATHER || op == SP_COLL_REDUCE_SCATTER;
    *why = ok ? NULL : "rings pass reduced or gathered units on; use direct";
    return ok;
}

bool sp_i_ring_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    return sp_i_several(group, why) && (op == SP_COLL_BROADCAST || scatters_or_gathers(op, why));
}

sp_status sp_i_ring_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    uint32_t shift = 1;
    if (!sp_i_ring_applicable(op, group, &why))
        return sp_i_refuse("ring", op, why, err);
    if (op == SP_COLL_BROADCAST)
        return build_chain(group, arena, out, err);
    return build_rings("ring", op, group, &shift, 1, arena, out, err);
}

bool sp_i_bi_ring_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    if (!sp_i_several(group, why) || !scatters_or_gathers(op, why))
        return false;
    *why = sp_group_ranks(group) < 3 ? "two ranks have one ring only" : NULL;
    return !*why;
}

sp_status sp_i_bi_ring_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    uint32_t shifts[2] = {1, sp_group_ranks(group) - 1};
    if (!sp_i_bi_ring_applicable(op, group, &why))
        return sp_i_refuse("bi-ring", op, why, err);
    return build_rings("bi-ring", op, group, shifts, 2, arena, out, err);
}

bool sp_i_multi_ring_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    sp_digit dims[SP_PLACE_DIMS];
    uint32_t shifts[MULTI_RING_MAX], n = sp_group_ranks(group);
    if (!sp_i_several(group, why) || !scatters_or_gathers(op, why))
        return false;
    *why = sp_i_group_digits(group, dims) > 1 ? "rings of several shifts need one full mesh, and this group has several dims" :
           n > MULTI_RING_MAX ? "no full mesh has more than 128 chips" :
           coprime_shifts(n, shifts) <= 2 ? "fewer than 3 shifts visit every rank, which bi-ring does already" : NULL;
    return !*why;
}

sp_status sp_i_multi_ring_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    uint32_t shifts[MULTI_RING_MAX];
    if (!sp_i_multi_ring_applicable(op, group, &why))
        return sp_i_refuse("multi-ring", op, why, err);
    return build_rings("multi-ring", op, group, shifts, coprime_shifts(sp_group_ranks(group), shifts), arena, out, err);
}
