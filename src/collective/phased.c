/* Dim by dim with a barrier between: all ranks of a unit (a board, a rack, a pod) have ended a dim before any of them begins
 * the next. Software that calls one communicator after another and waits for each works so; `hierarchical` lets every rank go
 * on as soon as its own arrivals are there. Healthy machines take the same time by both. Around faults a unit is late as a whole and
 * not each of its chips by a time of its own, which is what keeps a million chips with a hundred faults countable
 * (docs/models/quotient.md).
 *
 * The barrier is joins alone and costs nothing: dim after dim, every rank waits for all its peers of the dim. */
#include "collective_private.h"

/* Every rank waits for what `gate` names at all ranks that differ from it in dims 0 to n_dims - 1. Replaces the gate. */
static void barrier(sp_i_stage *stage, const sp_dep *gate, uint32_t n_gate, const sp_digit *dims, uint32_t n_dims)
{
    sp_task_class join = {.label = "barrier", .kind = SP_TASK_REDUCE, .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = 1};
    uint32_t last = (uint32_t)sp_builder_class(stage->builder, &join, stage->phase);
    for (uint32_t i = 0; i < n_gate; i++)
        sp_builder_dep(stage->builder, last, gate[i]);
    for (uint32_t d = 0; d < n_dims; d++) {
        join.n_chunk = dims[d].size;
        uint32_t next = (uint32_t)sp_builder_class(stage->builder, &join, stage->phase);
        sp_builder_dep(stage->builder, next, (sp_dep){.from = last, .rank = sp_i_map(dims[d], SP_MAP_SHIFT, 0, 1), .chunk = {.pick = SP_PICK_ALL}});
        last = next;
    }
    stage->gate[0] = (sp_dep){.from = last, .chunk = {.pick = SP_PICK_ALL}};
    stage->n_gate = 1;
}

typedef struct build { sp_i_stage all; bool rings; uint32_t n_parts; const sp_digit *dims; uint32_t n_dims; } build;

/* One dim, all parts; `ranked`: dims whose ranks wait for one another afterwards, 0: nobody does. */
static void along(build *b, sp_coll_op op, bool gather, uint32_t dim, uint32_t ranked)
{
    sp_dep gate[2 * SP_I_GATE_MAX];
    uint32_t n_gate = 0, phase = b->all.phase;
    for (uint32_t part = 0; part < b->n_parts; part++) {
        sp_i_stage stage = b->all;
        stage.part = part;
        stage.axis = b->dims[dim];
        stage.n_fixed = dim;
        if (op == SP_COLL_ALL_TO_ALL)
            sp_i_exchange_direct(&stage);
        else if (b->rings)
            sp_i_along_ring(&stage, gather, part ? stage.axis.size - 1 : 1);
        else
            sp_i_along_direct(&stage, gather, 0);
        for (uint32_t i = 0; i < stage.n_gate; i++)
            gate[n_gate++] = stage.gate[i];
    }
    if (ranked)
        barrier(&b->all, gate, n_gate, b->dims, ranked);
    b->all.fixed[dim] = b->dims[dim];
    b->all.phase = phase + 1;
}

static void all_dims(build *b, sp_coll_op op)
{
    bool scatters = op == SP_COLL_ALL_REDUCE || op == SP_COLL_REDUCE_SCATTER || op == SP_COLL_ALL_TO_ALL;
    bool gathers = op == SP_COLL_ALL_REDUCE || op == SP_COLL_ALL_GATHER;
    uint32_t n = b->n_dims;
    for (uint32_t i = 0; i < n; i++) {
        if (scatters)   /* the next dim's unit waits */
            along(b, op, false, i, i + 1 < n ? i + 2 : gathers ? n : 0);
        b->all.fixed[i] = b->dims[i];
    }
    for (uint32_t i = n; gathers && i-- > 0;)   /* this dim's unit waits */
        along(b, op, true, i, i ? i + 1 : 0);
}

static bool applicable(bool rings, sp_coll_op op, const sp_group *group, const char **why)
{
    sp_digit dims[SP_PLACE_DIMS];
    if (!sp_i_several(group, why))
        return false;
    *why = sp_i_group_digits(group, dims) < 2 ? "the group has one dim only" :
           op == SP_COLL_BROADCAST || op == SP_COLL_SEND_RECV ? "it has one root; use hierarchical or direct" :
           op == SP_COLL_ALL_TO_ALL && rings ? "rings pass reduced or gathered units on; use phased" : NULL;
    return !*why;
}

static sp_status build_program(const char *name, bool rings, sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    sp_digit dims[SP_PLACE_DIMS];
    if (!applicable(rings, op, group, &why))
        return sp_i_refuse(name, op, why, err);
    build b = {.rings = rings, .n_parts = rings ? 2 : 1, .dims = dims, .n_dims = sp_i_group_digits(group, dims)};
    b.all = sp_i_stage_start(arena, name, group, sp_group_ranks(group), b.n_parts);
    if (!b.all.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a %s %s", name, sp_coll_op_name(op));
    all_dims(&b, op);
    return sp_i_stage_finish(&b.all, out, err);
}

bool sp_i_phased_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    return applicable(false, op, group, why);
}

sp_status sp_i_phased_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    return build_program("phased", false, op, group, arena, out, err);
}

bool sp_i_phased_ring_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    return applicable(true, op, group, why);
}

sp_status sp_i_phased_ring_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    return build_program("phased-ring", true, op, group, arena, out, err);
}
