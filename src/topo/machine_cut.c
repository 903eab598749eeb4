/* Cuts through whole tiers and the smallest of them, the bisection (docs/models/topology.md, "Bisection").
 *
 * The chips are parted by one digit: those whose coordinate in one dimension of one tier is below half of its size, and
 * the others. Direct links across are counted. A tree of switches may place each switch on either side; the cheapest
 * placement is found by dynamic programming from the leaves, one logical switch after the other (the physical switches
 * of a logical one are alike, so splitting them never helps). */
#include "topo_i.h"

#include <math.h>
#include <stdlib.h>

typedef struct digit { uint32_t tier; uint64_t stride; uint32_t size, half; } digit;   /* stride in units of the tier */

bool sp_i_cut_digit(const sp_tier *tier, uint32_t dim, uint64_t *stride, uint32_t *size, uint32_t *half)
{
    if (tier->kind == SP_TIER_DRAGONFLY) {
        /* chips of a router run fastest, then routers, then groups; only the outermost of size > 1 is cut */
        const uint64_t below[3] = {tier->dims[2], (uint64_t)tier->dims[2] * tier->dims[0], 1};
        const uint32_t order[3] = {1, 0, 2};
        for (uint32_t i = 0; i < 3; i++)
            if (tier->dims[order[i]] > 1) {
                *stride = i == 0 ? below[1] : i == 1 ? below[0] : below[2];
                *size = tier->dims[order[i]];
                *half = *size / 2;
                return dim == 0;
            }
        return false;
    }
    if (dim >= tier->n_dims || tier->dims[dim] < 2)
        return false;
    *stride = 1;
    for (uint32_t d = 0; d < dim; d++)
        *stride *= tier->dims[d];
    *size = tier->dims[dim];
    *half = *size / 2;
    return true;
}

/* How many of the numbers [lo, hi) have (x / stride) % size < half. */
static uint64_t below_half(uint64_t lo, uint64_t hi, uint64_t stride, uint64_t size, uint64_t half)
{
    uint64_t n[2], at[2] = {lo, hi}, period = stride * size;
    for (int i = 0; i < 2; i++) {
        uint64_t rest = at[i] % period;
        n[i] = at[i] / period * stride * half + (rest < stride * half ? rest : stride * half);
    }
    return n[1] - n[0];
}

/* ---- direct links ------------------------------------------------------------------------------------------------ */

static double cut_mesh(const sp_tier *tier, uint32_t dim, uint64_t chips)
{
    double size = tier->dims[dim], half = tier->dims[dim] / 2;
    return (double)chips / size * half * (size - half) * tier->bw_bytes_per_s.nominal;
}

static double cut_torus(const sp_tier *tier, uint32_t dim, uint64_t chips)
{
    double links = (tier->dims[dim] == 2 && !tier->twisted ? 1.0 : 2.0) * (double)chips / tier->dims[dim];
    for (uint32_t d = 0; d < tier->n_dims; d++)
        if (sp_i_twist(tier, d, dim))   /* its wrap links move this dimension by half: all of them cross */
            links += (double)chips / tier->dims[d];
    return links * tier->bw_bytes_per_s.nominal;
}

static double cut_dragonfly(const sp_tier *tier, const digit *cut, uint32_t t, uint64_t chips)
{
    sp_i_dragonfly d = sp_i_dragonfly_of(tier);
    double half = cut->half, other = cut->size - cut->half, instances = (double)chips / ((double)tier->stride * tier->size);
    double access = half / cut->size * (double)chips * tier->bw_bytes_per_s.nominal, across = access;
    if (cut->tier == t && d.groups > 1)
        across = instances * half * other * (double)d.pair_links * d.global_bw;
    else if (cut->tier == t && d.routers > 1 && !d.plus)   /* leaves of one group are cut off at their chips */
        across = instances * half * other * d.local_bw;
    return across < access ? across : access;
}

/* ---- trees -------------------------------------------------------------------------------------------------------- */

/* Chips of one leaf block, and how many of them lie in the first half. */
static void leaf_chips(const sp_i_tree *tree, const sp_plane *plane, const digit *cut, uint64_t instance, uint64_t lo, uint64_t hi,
                       uint64_t *all, uint64_t *first)
{
    uint64_t stride = cut->stride * plane->tiers[cut->tier].stride, origin = instance * tree->base_chips;
    const sp_tier *base = &plane->tiers[tree->first_tier];
    *all = *first = 0;
    if (!tree->rail) {
        *all = hi - lo;
        *first = below_half(origin + lo, origin + hi, stride, cut->size, cut->half);
        return;
    }
    for (uint64_t rail = lo / tree->pitch; rail * tree->pitch < hi; rail++) {
        uint64_t start = rail * tree->pitch, from = lo > start ? lo - start : 0, to = hi - start < base->size ? hi - start : base->size;
        if (from >= to)
            continue;
        *all += to - from;
        if (cut->tier == tree->first_tier)
            *first += below_half(from, to, cut->stride, cut->size, cut->half);
        else
            *first += (to - from) * below_half(origin + rail, origin + rail + 1, stride, cut->size, cut->half);
    }
}

typedef struct side { double cost[2]; } side;   /* cheapest cut below a switch that stands on side 0, 1 */

static void leaves(const sp_i_tree *tree, const sp_plane *plane, const digit *cut, side *out)
{
    uint64_t n = 0, block = tree->level[0].block;
    for (uint64_t i = 0; i < tree->chips / tree->base_chips; i++)
        for (uint64_t lo = 0; lo < tree->base_positions; lo += block) {
            uint64_t all, first, hi = lo + block < tree->base_positions ? lo + block : tree->base_positions;
            leaf_chips(tree, plane, cut, i, lo, hi, &all, &first);
            out[n].cost[0] = (double)(all - first) * tree->level[0].chip_bw;
            out[n].cost[1] = (double)first * tree->level[0].chip_bw;
            n++;
        }
}

/* Folds the level below into level l, in place. */
static void fold(const sp_i_tree *tree, uint32_t l, side *node)
{
    const sp_i_level *level = &tree->level[l], *below = &tree->level[l - 1];
    double link = level->link_bw * (double)(below->copies * level->up * tree->planes);
    uint64_t per_base = (tree->base_positions + below->block - 1) / below->block, child = 0;
    for (uint64_t b = 0; b < level->blocks; b++) {
        side sum = {{0, 0}};
        uint64_t children;
        if (level->tier != tree->first_tier) {
            children = below->blocks / level->blocks;
        } else {
            uint64_t each = level->block / below->block + (level->block % below->block != 0), in_base = child % per_base;
            children = in_base + each < per_base ? each : per_base - in_base;
        }
        for (uint64_t c = 0; c < children; c++, child++)
            for (int s = 0; s < 2; s++)
                sum.cost[s] += fmin(node[child].cost[s], node[child].cost[!s] + link);
        node[b] = sum;
    }
}

static sp_status cut_tree(const sp_i_tree *tree, const sp_plane *plane, const digit *cut, uint64_t chips, double *out, sp_error *err)
{
    side *node = calloc(tree->level[0].blocks, sizeof *node);
    if (!node)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to cut the machine");
    leaves(tree, plane, cut, node);
    for (uint32_t l = 1; l < tree->n_levels; l++)
        fold(tree, l, node);
    *out = fmin(node[0].cost[0], node[0].cost[1]) * (double)(chips / tree->chips);
    free(node);
    return SP_OK;
}

/* ---- the machine ---------------------------------------------------------------------------------------------------- */

sp_status sp_i_cut(const sp_machine *machine, uint32_t p, uint32_t tier, uint32_t dim, double *out, sp_error *err)
{
    const sp_plane *plane = &machine->planes[p];
    digit cut = {.tier = tier};
    double sum = 0;
    if (!sp_i_cut_digit(&plane->tiers[tier], dim, &cut.stride, &cut.size, &cut.half))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "tier '%s' has nothing to cut in dimension %u", plane->tiers[tier].name, dim);
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *other = &plane->tiers[t];
        if (other->shared)
            continue;
        if (other->kind == SP_TIER_DRAGONFLY) {
            sum += t >= tier ? cut_dragonfly(other, &cut, t, machine->chips) : 0;
        } else if (!sp_tier_is_switched(other->kind)) {
            if (t == tier)
                sum += other->kind == SP_TIER_MESH ? cut_mesh(other, dim, machine->chips) : cut_torus(other, dim, machine->chips);
        } else {
            sp_i_tree tree;
            double across = 0;
            sp_status status = sp_i_tree_make(plane, t, &tree, err);
            if (!status && tree.last_tier >= tier)
                status = cut_tree(&tree, plane, &cut, machine->chips, &across, err);
            if (status)
                return status;
            sum += across;
        }
    }
    *out = sum;
    return SP_OK;
}

/* An odd dimension is parted as evenly as it goes, a | b, and its cut scaled by N^2 / 4ab: the even cut that would bound
 * uniform traffic alike. */
sp_status sp_i_bisection(const sp_machine *machine, uint32_t p, double *out, sp_error *err)
{
    const sp_plane *plane = &machine->planes[p];
    double best = INFINITY;
    for (uint32_t t = 0; t < plane->n_tiers; t++)
        for (uint32_t d = 0; d < SP_TIER_DIMS; d++) {
            uint64_t stride;
            uint32_t size, half;
            double across;
            if (!sp_i_cut_digit(&plane->tiers[t], d, &stride, &size, &half))
                continue;
            sp_status status = sp_i_cut(machine, p, t, d, &across, err);
            if (status)
                return status;
            best = fmin(best, across * size * size / (4.0 * half * (size - half)));
        }
    *out = isfinite(best) ? best : 0;
    return SP_OK;
}
