/* Dimension by dimension: reduce-scatter inward to outward, all-gather back; all-to-all in one pass; broadcast as a scatter
 * from the root followed by the all-gather (van de Geijn's scheme, Barnett et al. 1994). After a dim of s ranks only 1/s of
 * the data is left for the next one out, so that each tier carries what only it can carry.
 *
 * `hierarchical` exchanges directly inside each dim, `hierarchical-ring` by rings both ways round (tori). The rotated forms
 * cut the buffer into one part per dim, part i beginning at dim i, so that the links of all dims work at once (bucket
 * algorithm: Jain & Sabharwal 2010, "Optimal bucket algorithms for large MPI collectives on torus interconnects"). The
 * inner forms leave the outermost dim last in every part: a slow outer tier then still carries the least. */
#include "collective_private.h"

typedef enum rotation { ROTATE_NONE, ROTATE_ALL, ROTATE_INNER } rotation;

typedef struct form {
    const char *name;
    rotation rotation;
    bool rings;
} form;

/* Shift by one up in even parts, down in odd ones; direct ignores it. */
static void along_ring_either_way(sp_i_stage *stage, bool gather, uint32_t shift)
{
    sp_i_along_ring(stage, gather, shift ? stage->axis.size - 1 : 1);
}

/* The root's scatter along stage->axis: ranks whose digits from here outward are zero send their peers what belongs below
 * them. Ranks keep what they send on: it comes back with the all-gather unchanged. */
static void scatter_from_root(sp_i_stage *stage)
{
    sp_digit axis = stage->axis, whole = {1, stage->n_own};
    sp_task_class task = {.label = "scatter", .kind = SP_TASK_TRANSFER, .domain = whole, .domain_hi = axis.stride, .n_step = 1,
                          .n_mb = 1, .n_chunk = axis.size - 1, .stream = 1, .peer = sp_i_map(axis, SP_MAP_SET, 1, 1),
                          .effect = SP_EFFECT_COPY, .units = sp_i_stage_units(stage)};
    uint32_t id = (uint32_t)sp_builder_class(stage->builder, &task, stage->phase);
    for (uint32_t i = 0; i < stage->n_fixed; i++)
        sp_i_data_shift(stage->builder, id, stage->fixed[i], 0, 0, 0, 1);
    sp_builder_data(stage->builder, id, (sp_data){.digit = axis, .op = SP_MAP_SET, .c0 = 1, .c_chunk = 1});
    sp_i_stage_wait(stage, id, 1);
    sp_task_class join = {.label = "join", .kind = SP_TASK_REDUCE, .domain = whole, .domain_hi = axis.stride * axis.size,
                          .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = 1};
    uint32_t arrived = (uint32_t)sp_builder_class(stage->builder, &join, stage->phase);
    sp_i_stage_wait(stage, arrived, 1);
    sp_builder_dep(stage->builder, arrived,
                   (sp_dep){.from = id, .rank = sp_i_map(axis, SP_MAP_SET, 0, 0),
                            .chunk = {.pick = SP_PICK_SAME, .c0 = -1, .c_rank = 1, .rank_digit = axis}});
    sp_i_stage_gate(stage, arrived, NULL);
    stage->phase++;
}

static void scatter_all_dims(sp_i_stage *stage, const sp_digit *dims, uint32_t n_dims)
{
    for (uint32_t i = 0; i < n_dims; i++) {
        stage->axis = dims[i];
        stage->n_fixed = i;
        scatter_from_root(stage);
        stage->fixed[i] = dims[i];
    }
}

/* Dims that take turns to be first. */
static uint32_t rotating_dims(const form *f, uint32_t n_dims)
{
    return f->rotation == ROTATE_ALL ? n_dims : f->rotation == ROTATE_INNER ? n_dims - 1 : 1;
}

static sp_status build(const form *f, sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    sp_digit dims[SP_PLACE_DIMS];
    uint32_t n_dims = sp_i_group_digits(group, dims), n_ways = f->rings ? 2 : 1;
    uint32_t n_turning = rotating_dims(f, n_dims), n_parts = n_ways * n_turning;
    sp_i_stage all = sp_i_stage_start(arena, f->name, group, sp_group_ranks(group), n_parts);
    if (!all.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a %s %s", f->name, sp_coll_op_name(op));
    for (uint32_t part = 0; part < n_parts; part++) {
        sp_i_stage stage = all;
        stage.part = part;
        if (op == SP_COLL_BROADCAST)
            scatter_all_dims(&stage, dims, n_dims);
        sp_digit order[SP_PLACE_DIMS];
        for (uint32_t i = 0; i < n_dims; i++)
            order[i] = dims[i < n_turning ? (part / n_ways + i) % n_turning : i];
        sp_i_visit(&stage, op, order, n_dims, part % n_ways, f->rings ? along_ring_either_way : sp_i_along_direct);
    }
    return sp_i_stage_finish(&all, out, err);
}

static bool enough_dims(const form *f, const sp_group *group, const char **why)
{
    sp_digit dims[SP_PLACE_DIMS];
    if (!sp_i_several(group, why))
        return false;
    uint32_t n_dims = sp_i_group_digits(group, dims);
    *why = n_dims < 2 ? "the group has one dim only" :
           f->rotation == ROTATE_INNER && n_dims < 3 ? "the group has one inner dim only" : NULL;
    return !*why;
}

/* n_own * parts stays below 2^32: 2 * 16 parts of 2^24 ranks. */
static bool applicable(const form *f, sp_coll_op op, const sp_group *group, const char **why)
{
    if (!enough_dims(f, group, why))
        return false;
    bool ok = op == SP_COLL_ALL_REDUCE || op == SP_COLL_ALL_GATHER || op == SP_COLL_REDUCE_SCATTER ||
              (op == SP_COLL_ALL_TO_ALL && !f->rings) || (op == SP_COLL_BROADCAST && !f->rings && f->rotation == ROTATE_NONE);
    *why = ok ? NULL : f->rings ? "rings pass reduced or gathered units on; use hierarchical" :
           op == SP_COLL_SEND_RECV ? "two ranks need no hierarchy; use direct" : "a broadcast has one root; use hierarchical";
    return ok;
}

#define ROW(id, text, turning, has_rings)                                                                      \
    static const form id##_form = {text, turning, has_rings};                                                  \
    bool sp_i_##id##_applicable(sp_coll_op op, const sp_group *group, const char **why)                           \
    {                                                                                                             \
        return applicable(&id##_form, op, group, why);                                                            \
    }                                                                                                             \
    sp_status sp_i_##id##_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out,    \
                                sp_error *err)                                                                    \
    {                                                                                                             \
        const char *why;                                                                                          \
        if (!applicable(&id##_form, op, group, &why))                                                             \
            return sp_i_refuse(text, op, why, err);                                                               \
        return build(&id##_form, op, group, arena, out, err);                                                     \
    }

ROW(hierarchical, "hierarchical", ROTATE_NONE, false)
ROW(rotated, "rotated", ROTATE_ALL, false)
ROW(rotated_inner, "rotated-inner", ROTATE_INNER, false)
ROW(hierarchical_ring, "hierarchical-ring", ROTATE_NONE, true)
ROW(rotated_ring, "rotated-ring", ROTATE_ALL, true)
ROW(rotated_inner_ring, "rotated-inner-ring", ROTATE_INNER, true)
