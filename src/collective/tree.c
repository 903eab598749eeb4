/* Trees. All-reduce: two binary trees over the same ranks, the second the mirror image of the first, so that for 2^k ranks
 * nobody is inner node of both and every rank sends 2 S in all (Sanders, Speck & Träff 2009, "Two-tree algorithms for full
 * bandwidth broadcast, reduction and scan"). Broadcast: binomial tree, or one binary tree fed piece by piece.
 *
 * Layout of a tree along a digit x of size s: 0 is the root, its only child is 1; the children of x in [2^l, 2^(l+1)) are
 * x + 2^l and x + 2^(l+1). So the edges into a level are two ranges of ranks with one distance each: O(log s) classes. */
#include "collective_private.h"

#define EDGES_MAX 64u
#define PIECES 32u        /* guess: pieces of a pipelined tree; 8 to 64 differ by less than the launch above 1 MB */

typedef struct edge { uint32_t lo, hi, distance, level, up, down; } edge;   /* children in [lo, hi), parent = child - distance */

typedef struct tree {
    sp_i_stage *stage;
    uint32_t index, n_trees;      /* which of how many */
    uint32_t n_pieces, n_edges, fill;
    edge edges[EDGES_MAX];
} tree;

static void add_edge(tree *t, uint64_t lo, uint64_t hi, uint64_t distance, uint32_t level)
{
    uint32_t size = t->stage->axis.size;
    if (lo < size)
        t->edges[t->n_edges++] = (edge){(uint32_t)lo, hi < size ? (uint32_t)hi : size, (uint32_t)distance, level, 0, 0};
}

/* Lists the edges; returns the hops from the deepest rank to the root. */
static uint32_t list_edges(tree *t)
{
    uint32_t level = 0;
    add_edge(t, 1, 2, 1, 0);
    for (uint64_t first = 2; first < t->stage->axis.size; first *= 2) {
        level++;
        add_edge(t, first, first + first / 2, first / 2, level);
        add_edge(t, first + first / 2, 2 * first, first, level);
    }
    return level + 1;
}

/* The mirrored tree counts from the other end. */
static sp_rank_map offset(const tree *t, uint32_t distance, int sign)
{
    return sp_i_map(t->stage->axis, SP_MAP_ADD, (t->index ? -sign : sign) * (int32_t)distance, 0);
}

static uint32_t add_class(tree *t, const char *label, uint32_t lo, uint32_t hi, sp_rank_map peer, sp_effect effect)
{
    sp_i_stage *stage = t->stage;
    uint32_t size = stage->axis.size;
    double units = sp_i_stage_units(stage) * size;   /* the axis itself is not scattered */
    sp_task_class task = {.label = label, .kind = SP_TASK_TRANSFER, .domain = stage->axis,
                          .domain_lo = t->index ? size - hi : lo, .domain_hi = t->index ? size - lo : hi,
                          .n_step = t->n_pieces, .n_mb = 1, .n_chunk = 1, .fill = t->fill, .stream = 1, .peer = peer,
                          .effect = effect, .units = units};
    uint32_t id = (uint32_t)sp_builder_class(stage->builder, &task, stage->phase);
    for (uint32_t i = 0; i < stage->n_fixed; i++)
        sp_i_data_shift(stage->builder, id, stage->fixed[i], 0, 0, 0, 1);
    if (t->n_trees > 1)
        sp_i_data_set(stage->builder, id, (sp_digit){stage->n_own, t->n_trees}, (int32_t)t->index, 0);
    sp_i_data_set(stage->builder, id, (sp_digit){stage->n_own * t->n_trees, t->n_pieces}, 0, 1);
    if (t->n_pieces > 1)
        sp_builder_dep(stage->builder, id, sp_i_dep_back(id, (sp_rank_map){0}, 1));
    return id;
}

static void reduce_up(tree *t)
{
    for (uint32_t i = t->n_edges; i-- > 0;) {
        edge *e = &t->edges[i];
        e->up = add_class(t, "reduce", e->lo, e->hi, offset(t, e->distance, -1), SP_EFFECT_REDUCE);
        sp_i_stage_wait(t->stage, e->up, t->n_pieces);
        for (uint32_t j = i + 1; j < t->n_edges; j++)
            if (t->edges[j].level == e->level + 1)
                sp_builder_dep(t->stage->builder, e->up, sp_i_dep_back(t->edges[j].up, offset(t, t->edges[j].distance, 1), 0));
    }
}

static void send_down(tree *t, bool after_reduce)
{
    for (uint32_t i = 0; i < t->n_edges; i++) {
        edge *e = &t->edges[i];
        e->down = add_class(t, "broadcast", e->lo - e->distance, e->hi - e->distance, offset(t, e->distance, 1), SP_EFFECT_COPY);
        if (!e->level) {
            sp_i_stage_wait(t->stage, e->down, t->n_pieces);
            if (after_reduce)
                sp_builder_dep(t->stage->builder, e->down, sp_i_dep_back(e->up, offset(t, 1, 1), 0));
        }
        for (uint32_t j = 0; j < i; j++)
            if (t->edges[j].level + 1 == e->level)
                sp_builder_dep(t->stage->builder, e->down, sp_i_dep_back(t->edges[j].down, offset(t, t->edges[j].distance, -1), 0));
    }
}

/* A rank is done when its parent's last piece is there; the root when its child's is. */
static void wait_for_tree(const tree *t, uint32_t join)
{
    sp_builder_dep(t->stage->builder, join, sp_i_dep_last(t->edges[0].up, offset(t, 1, 1)));
    for (uint32_t i = 0; i < t->n_edges; i++)
        sp_builder_dep(t->stage->builder, join, sp_i_dep_last(t->edges[i].down, offset(t, t->edges[i].distance, -1)));
}

void sp_i_trees(sp_i_stage *stage, uint32_t n_pieces)
{
    tree both[2];
    for (uint32_t i = 0; i < 2; i++) {
        both[i] = (tree){.stage = stage, .index = i, .n_trees = 2, .n_pieces = n_pieces};
        both[i].fill = 2 * list_edges(&both[i]) - 1;
        reduce_up(&both[i]);
        send_down(&both[i], true);
    }
    uint32_t join = sp_i_stage_join(stage, 1);
    sp_i_stage_wait(stage, join, 1);
    wait_for_tree(&both[0], join);
    wait_for_tree(&both[1], join);
    sp_i_stage_gate(stage, join, NULL);
    stage->phase++;
}

static void binomial_step(sp_i_stage *stage, uint32_t phase, sp_digit digit, uint32_t senders, uint32_t distance, int32_t previous,
                          sp_rank_map from)
{
    sp_task_class task = {.label = "broadcast", .kind = SP_TASK_TRANSFER, .domain = digit, .domain_hi = senders, .n_step = 1,
                          .n_mb = 1, .n_chunk = 1, .stream = 1, .peer = sp_i_map(digit, SP_MAP_ADD, (int32_t)distance, 0),
                          .effect = SP_EFFECT_COPY, .units = 1};
    uint32_t id = (uint32_t)sp_builder_class(stage->builder, &task, phase);
    if (previous >= 0) {
        sp_builder_dep(stage->builder, id, (sp_dep){.from = (uint32_t)previous});
        sp_builder_dep(stage->builder, id, (sp_dep){.from = (uint32_t)previous, .rank = from});
    }
}

/* 2^k ranks: farthest first, so that few messages cross the outer tiers. Others: nearest first, whose senders are always
 * the ranks below a bound. */
static void binomial(sp_i_stage *stage, sp_digit whole)
{
    uint32_t n = whole.size, steps = 32 - (uint32_t)__builtin_clz(n - 1);
    for (uint32_t i = 0; i < steps; i++) {
        int32_t previous = (int32_t)i - 1;
        if (sp_i_power_of_two(n)) {
            uint32_t distance = n >> (i + 1);
            binomial_step(stage, i, (sp_digit){1, 2 * distance}, 1, distance, previous,
                          sp_i_map((sp_digit){1, 4 * distance}, SP_MAP_ADD, -2 * (int32_t)distance, 0));
        } else {
            uint32_t distance = 1u << i, senders = distance < n - distance ? distance : n - distance;
            binomial_step(stage, i, whole, senders, distance, previous, sp_i_map(whole, SP_MAP_ADD, -(int32_t)distance / 2, 0));
        }
    }
}

static bool tree_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    if (!sp_i_several(group, why))
        return false;
    *why = op == SP_COLL_ALL_REDUCE || op == SP_COLL_BROADCAST ? NULL : "trees reduce to all or broadcast; use direct or bruck";
    return !*why;
}

static sp_status build(const char *name, uint32_t n_pieces, sp_coll_op op, const sp_group *group, sp_arena *arena,
                       const sp_program **out, sp_error *err)
{
    const char *why;
    if (!tree_applicable(op, group, &why))
        return sp_i_refuse(name, op, why, err);
    bool reduces = op == SP_COLL_ALL_REDUCE;
    sp_i_stage stage = sp_i_stage_start(arena, name, group, 1, n_pieces * (reduces ? 2 : 1));
    if (!stage.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a %s %s", name, sp_coll_op_name(op));
    stage.axis = sp_i_whole(group);
    if (reduces)
        sp_i_trees(&stage, n_pieces);
    else if (n_pieces == 1)
        binomial(&stage, stage.axis);
    else {
        tree one = {.stage = &stage, .n_trees = 1, .n_pieces = n_pieces};
        one.fill = list_edges(&one) - 1;
        send_down(&one, false);
    }
    return sp_i_stage_finish(&stage, out, err);
}

bool sp_i_tree_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    return tree_applicable(op, group, why);
}

sp_status sp_i_tree_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    return build("tree", 1, op, group, arena, out, err);
}

bool sp_i_tree_pipelined_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    return tree_applicable(op, group, why);
}

sp_status sp_i_tree_pipelined_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    return build("tree-pipelined", PIECES, op, group, arena, out, err);
}

static bool outermost_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    sp_digit dims[SP_PLACE_DIMS];
    if (!sp_i_several(group, why))
        return false;
    *why = op != SP_COLL_ALL_REDUCE ? "trees along the outermost dim reduce to all; use hierarchical" :
           sp_i_group_digits(group, dims) < 2 ? "the group has one dim only; use tree" : NULL;
    return !*why;
}

/* Reduce-scatter inside dim by dim, both trees in n_pieces along the outermost dim, all-gather back. */
static sp_status build_outermost(const char *name, uint32_t n_pieces, sp_i_along along, sp_coll_op op, const sp_group *group,
                                 sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    sp_digit dims[SP_PLACE_DIMS];
    if (!outermost_applicable(op, group, &why))
        return sp_i_refuse(name, op, why, err);
    uint32_t inner = sp_i_group_digits(group, dims) - 1;
    sp_i_stage stage = sp_i_stage_start(arena, name, group, dims[inner].stride, 2 * n_pieces);
    if (!stage.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a %s all-reduce", name);
    stage.n_parts = 1;   /* inside, all pieces of both trees go together */
    stage.n_own *= 2 * n_pieces;
    sp_i_visit(&stage, SP_COLL_REDUCE_SCATTER, dims, inner, 1, along);
    stage.n_own = dims[inner].stride;
    stage.axis = dims[inner];
    stage.n_fixed = inner;
    sp_i_trees(&stage, n_pieces);
    stage.n_own *= 2 * n_pieces;
    sp_i_visit(&stage, SP_COLL_ALL_GATHER, dims, inner, 1, along);
    return sp_i_stage_finish(&stage, out, err);
}

#define OUTERMOST(id, text, pieces, along)                                                                                     \
    bool sp_i_##id##_applicable(sp_coll_op op, const sp_group *group, const char **why)                                        \
    {                                                                                                                          \
        return outermost_applicable(op, group, why);                                                                           \
    }                                                                                                                          \
    sp_status sp_i_##id##_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)  \
    {                                                                                                                          \
        return build_outermost(text, pieces, along, op, group, arena, out, err);                                               \
    }

OUTERMOST(hierarchical_tree, "hierarchical-tree", PIECES, sp_i_along_direct)
OUTERMOST(direct_tree, "direct-tree", 1, sp_i_along_direct)
OUTERMOST(ring_tree, "ring-tree", 1, sp_i_along_ring)
