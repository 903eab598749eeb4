/* Switch trees: how many levels, how many switches, which links (docs/models/topology.md, "Trees").
 *
 * A tree is an extended generalized fat tree: a block of level l holds `copies` switches; every switch of a child block
 * has `up` links to the block's switches of its own column, `merge` of them to the same one. Capacity between a child
 * block and the level is chip_bw times the child's chips, spread evenly: that is what "non-blocking up to taper" means. */
#include "topo_i.h"

#include <math.h>

static sp_status range(const sp_tier *tier, sp_error *err, const char *text)
{
    return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%s tier '%s': %s", sp_tier_kind_name(tier->kind), tier->name, text);
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* ---- which levels ---------------------------------------------------------------------------------------------- */

typedef struct shape { uint32_t n; uint64_t down[SP_TIER_LEVELS + 1]; } shape;

static uint64_t covered(const shape *s)
{
    uint64_t product = 1;
    for (uint32_t l = 0; l < s->n; l++)
        product *= s->down[l];
    return product;
}

/* Largest divisor of n that is <= most; n itself when it fits. Blocks that divide a unit keep the counts exact. */
static uint64_t divisor_below(uint64_t n, uint64_t most)
{
    for (uint64_t d = n < most ? n : most; d > 1; d--)
        if (n % d == 0)
            return d;
    return 1;
}

/* Leaf of `half` ports down; whole units where they fit, a divisor of the unit where that wastes less than half. */
static uint64_t leaf_of(uint64_t stride, uint64_t half)
{
    if (stride <= half)
        return half / stride * stride;
    uint64_t d = divisor_below(stride, half);
    return 2 * d > half ? d : half;
}

/* Levels that gather `count` positions by switches with `half` ports down, the last one closing. */
static bool gather(shape *s, uint64_t count, uint64_t first, uint64_t half, uint64_t top)
{
    if (count <= top) {
        s->down[s->n++] = count;
        return true;
    }
    uint64_t rest = ceil_div(count, first);
    s->down[s->n++] = first;
    while (rest > top) {
        if (s->n == SP_TIER_LEVELS - 1)
            return false;
        s->down[s->n++] = half;
        rest = ceil_div(rest, half);
    }
    if (rest > 1 || s->n == 0)
        s->down[s->n++] = rest;
    return true;
}

/* Inside one unit (or rail) exactly: every level divides. */
static bool gather_exactly(shape *s, uint64_t count, uint64_t half)
{
    while (count > half) {
        uint64_t d = divisor_below(count, half);
        if (s->n == SP_TIER_LEVELS - 1)
            return false;
        s->down[s->n++] = d;
        count /= d;
        if (d == 1) {   /* a prime beyond the radix: one bundle of switches instead */
            s->down[s->n - 1] = count;
            return true;
        }
    }
    s->down[s->n++] = count;
    return true;
}

static const char too_deep[] = "the radix needs more than 4 levels of switches; give a larger radix or levels=";

static sp_status shape_clos(const sp_tier *tier, uint64_t total, shape *s, sp_error *err)
{
    uint64_t half = tier->radix / 2;
    if (tier->n_levels) {
        for (uint32_t l = 0; l < tier->n_levels; l++) {
            s->down[s->n++] = tier->levels[l];
            if (covered(s) > total)
                break;
        }
        if (covered(s) != total)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "tier '%s': its levels multiply to %llu but it joins %llu chips; make the "
                                "products equal", tier->name, (unsigned long long)covered(s), (unsigned long long)total);
        return SP_OK;
    }
    if (tier->taper.nominal > 1) {   /* tapered between units: everything inside a unit lies below the top */
        if (tier->radix && !gather_exactly(s, tier->stride, half))
            return range(tier, err, too_deep);
        if (!tier->radix)
            s->down[s->n++] = tier->stride;
        s->down[s->n++] = tier->size;
        return SP_OK;
    }
    if (tier->radix)
        return gather(s, total, leaf_of(tier->stride, half), half, tier->radix) ? SP_OK : range(tier, err, too_deep);
    if (tier->stride > 1)
        s->down[s->n++] = tier->stride;
    s->down[s->n++] = tier->size;
    return SP_OK;
}

/* Rails: `size` chips of equal inner coordinates first, then the rails among each other. */
static void shape_rail(const sp_tier *tier, shape *s, uint64_t *pitch)
{
    uint64_t half = tier->radix / 2, total = (uint64_t)tier->stride * tier->size;
    *pitch = tier->size;
    if (tier->radix && tier->taper.nominal <= 1 && total <= tier->radix) {
        s->down[s->n++] = total;
        return;
    }
    if (tier->radix && tier->size > half) {
        uint64_t leaves = ceil_div(tier->size, half), leaf = ceil_div(tier->size, leaves);
        *pitch = leaf * leaves;
        s->down[s->n++] = leaf;
        if (tier->taper.nominal <= 1 && leaves * tier->stride <= tier->radix) {   /* leaves of all rails under one spine */
            s->down[s->n++] = leaves * tier->stride;
            return;
        }
        if (leaves > half) {
            s->down[s->n++] = half;
            leaves = ceil_div(leaves, half);
            *pitch = leaf * half * leaves;
        }
        s->down[s->n++] = leaves;
    } else {
        s->down[s->n++] = tier->size;
    }
    s->down[s->n++] = tier->stride;
}

/* ---- levels into a tree ------------------------------------------------------------------------------------------ */

static uint64_t chips_of_block(const sp_i_tree *tree, const sp_tier *first, uint64_t block)
{
    if (tree->rail && block % tree->pitch == 0)
        return block / tree->pitch * first->size;
    return block;
}

/* Adds a level that joins `down` blocks of the level below. */
static sp_status add_level(sp_i_tree *tree, const sp_plane *plane, uint32_t tier, uint64_t down, uint64_t up, uint64_t merge,
                           double chip_bw, sp_error *err)
{
    const sp_i_level *below = tree->n_levels ? &tree->level[tree->n_levels - 1] : NULL;
    uint64_t under = below ? below->block : 1, columns = below ? below->copies : 1;
    sp_i_level level = {.up = up, .merge = merge, .tier = tier, .chip_bw = chip_bw};
    if (!sp_mul_u64(under, down, &level.block) || !sp_mul_u64(columns, ceil_div(up, merge), &level.copies) ||
        level.copies > UINT32_MAX)
        return range(&plane->tiers[tier], err, "too many switches");
    uint64_t links = columns * up * tree->planes;
    level.link_bw = chip_bw * (double)chips_of_block(tree, &plane->tiers[tree->first_tier], under) / (double)links;
    tree->level[tree->n_levels++] = level;
    return SP_OK;
}

/* Links up from a switch of the level below into the tier's top level, and how many of them end at one switch.
 * By default as many as it has links down (divided by the taper); `switches` and `radix` bundle them. */
static sp_status top_links(const sp_tier *tier, const sp_i_tree *tree, uint64_t lower_down, uint64_t down, uint64_t *up,
                           uint64_t *merge, sp_error *err)
{
    uint64_t columns = tree->n_levels ? tree->level[tree->n_levels - 1].copies : 1;
    *up = tier->radix || tier->n_levels ? (uint64_t)ceil((double)lower_down / tier->taper.nominal - 1e-9) : 1;
    *up = *up ? *up : 1;
    *merge = 1;
    if (tier->switches) {
        if (tier->switches % columns)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "tier '%s': switches=%u is not a multiple of the %llu switches a unit has at "
                                "the level below; use a multiple", tier->name, tier->switches, (unsigned long long)columns);
        uint64_t each = tier->switches / columns;
        *up = *up < each ? each : *up;
        *merge = ceil_div(*up, each);
        *up = *merge * each;
    } else if (tier->radix > down) {
        *merge = divisor_below(*up, tier->radix / down);   /* evenly, so that every switch of the level is alike */
    }
    return SP_OK;
}

static sp_status build_levels(sp_i_tree *tree, const sp_plane *plane, const shape *s, sp_error *err)
{
    const sp_tier *tier = &plane->tiers[tree->first_tier];
    double bw = tier->bw_bytes_per_s.nominal;
    for (uint32_t l = 0; l < s->n; l++) {
        uint64_t up = 1, merge = 1;
        bool top = l > 0 && l + 1 == s->n;
        if (l > 0)
            up = s->down[l - 1];
        if (top) {
            sp_status status = top_links(tier, tree, s->down[l - 1], s->down[l], &up, &merge, err);
            if (status)
                return status;
        }
        sp_status status = add_level(tree, plane, tree->first_tier, s->down[l], up, merge,
                                     top ? bw / tier->taper.nominal : bw, err);
        if (status)
            return status;
    }
    tree->level[tree->n_levels - 1].block = tree->base_positions;   /* the last block may not be full */
    if (tier->switches && s->n < 2)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "tier '%s': switches=%u needs a level below the top; put a tier inside it or "
                            "use planes= for parallel switches", tier->name, tier->switches);
    return SP_OK;
}

static sp_status add_shared(sp_i_tree *tree, const sp_plane *plane, uint32_t t, sp_error *err)
{
    const sp_tier *tier = &plane->tiers[t];
    const sp_i_level *below = &tree->level[tree->n_levels - 1];
    uint64_t up, merge, lower_down = ceil_div(tree->chips, below->copies);
    sp_status status = top_links(tier, tree, lower_down, tier->size, &up, &merge, err);
    if (status)
        return status;
    tree->chips *= tier->size;
    tree->last_tier = t;
    return add_level(tree, plane, t, tier->size, up, merge, tier->bw_bytes_per_s.nominal / tier->taper.nominal, err);
}

sp_status sp_i_tree_make(const sp_plane *plane, uint32_t t, sp_i_tree *out, sp_error *err)
{
    const sp_tier *tier = &plane->tiers[t];
    sp_i_tree tree = {.first_tier = t, .last_tier = t, .planes = tier->planes, .rail = tier->kind == SP_TIER_RAIL && tier->stride > 1};
    shape s = {0};
    sp_status status = SP_OK;
    tree.chips = tree.base_chips = (uint64_t)tier->stride * tier->size;
    tree.pitch = tier->size;
    if (tier->kind == SP_TIER_SWITCH) {
        if (tier->radix && tree.base_chips > tier->radix)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "switch tier '%s' joins %llu chips with switches of %u ports; use clos, or a "
                                "larger radix", tier->name, (unsigned long long)tree.base_chips, tier->radix);
        s.down[s.n++] = tree.base_chips;
    } else if (tree.rail) {
        shape_rail(tier, &s, &tree.pitch);
    } else {
        status = shape_clos(tier, tree.base_chips, &s, err);
    }
    tree.base_positions = tree.rail ? tree.pitch * tier->stride : tree.base_chips;
    if (!status)
        status = build_levels(&tree, plane, &s, err);
    if (status)
        return status;
    for (uint32_t k = t + 1; k < plane->n_tiers && plane->tiers[k].shared; k++)
        if ((status = add_shared(&tree, plane, k, err)))
            return status;
    uint64_t instances = tree.chips / tree.base_chips, blocks_below = 0;
    for (uint32_t l = 0; l < tree.n_levels; l++) {
        sp_i_level *level = &tree.level[l];
        level->blocks = level->tier == t ? instances * ceil_div(tree.base_positions, level->block)
                                         : blocks_below / plane->tiers[level->tier].size;
        blocks_below = level->blocks;
    }
    *out = tree;
    return SP_OK;
}

uint64_t sp_i_tree_chip(const sp_i_tree *tree, const sp_plane *plane, uint64_t position)
{
    if (!tree->rail)
        return position;
    const sp_tier *first = &plane->tiers[tree->first_tier];
    uint64_t instance = position / tree->base_positions, inside = position % tree->base_positions;
    uint64_t rail = inside / tree->pitch, unit = inside % tree->pitch;
    if (unit >= first->size)
        return UINT64_MAX;
    return instance * tree->base_chips + unit * first->stride + rail;
}
