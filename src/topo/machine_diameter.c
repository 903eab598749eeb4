/* Links on the longest shortest path between chips (docs/models/topology.md, "Diameter").
 *
 * The farthest chips differ in every coordinate. Coordinates outside the last switched tier are changed by direct links,
 * dimension by dimension. That tier's own coordinate is changed only by going up to its top, which also changes every
 * coordinate inside it; but on rails a lower level does it within a rail, and the inner coordinates are then changed by
 * the tiers inside. */
#include "topo_i.h"

static uint32_t ring_radius(const sp_tier *tier)
{
    uint32_t hops = 0, k = UINT32_MAX;
    for (uint32_t d = 0; d < tier->n_dims; d++) {
        hops += tier->dims[d] / 2;
        k = tier->dims[d] < k ? tier->dims[d] : k;
    }
    /* face- and body-centred cubic lattice graphs: floor(3k/2) (Camarero, Martinez, Beivide 2014) */
    return tier->twisted ? 3 * k / 2 : hops;
}

/* Direct hops of tiers [from, to), leaving out dimensions whose digits all lie within the lowest `free` chips. */
static uint32_t direct_hops(const sp_plane *plane, uint32_t from, uint32_t to, uint64_t free)
{
    uint32_t hops = 0;
    for (uint32_t t = from; t < to; t++) {
        const sp_tier *tier = &plane->tiers[t];
        uint64_t end = tier->stride;
        if (tier->kind == SP_TIER_TORUS) {
            hops += end * tier->size <= free ? 0 : ring_radius(tier);
            continue;
        }
        for (uint32_t d = 0; d < tier->n_dims; d++) {
            end *= tier->dims[d];
            hops += tier->dims[d] > 1 && end > free;
        }
    }
    return hops;
}

/* Router hops between the farthest routers: local, global, local. */
static uint32_t dragonfly_hops(const sp_tier *tier)
{
    uint32_t local = tier->dims[0] > 1, global = tier->dims[1] > 1;
    return 2 + (global ? 1 + 2 * local : local);
}

static bool last_switched(const sp_plane *plane, uint32_t end, uint32_t *out)
{
    for (uint32_t t = end; t-- > 0;)
        if (sp_tier_is_switched(plane->tiers[t].kind)) {
            *out = t;
            return true;
        }
    return false;
}

static sp_status tree_of(const sp_plane *plane, uint32_t t, sp_i_tree *tree, uint32_t *levels, sp_error *err)
{
    uint32_t first = t;
    while (first > 0 && plane->tiers[first].shared)
        first--;
    sp_status status = sp_i_tree_make(plane, first, tree, err);
    for (*levels = 0; !status && *levels < tree->n_levels && tree->level[*levels].tier <= t;)
        ++*levels;
    return status;
}

/* Tiers [0, end) when the lowest `free` chips are reached anyway. Rails inside rails take the top: an upper bound there. */
static sp_status inner_hops(const sp_plane *plane, uint32_t end, uint64_t free, uint32_t *out, sp_error *err)
{
    uint32_t k, levels;
    sp_i_tree tree;
    if (!last_switched(plane, end, &k)) {
        *out = direct_hops(plane, 0, end, free);
        return SP_OK;
    }
    *out = direct_hops(plane, k + 1, end, free);
    if ((uint64_t)plane->tiers[k].stride * plane->tiers[k].size <= free)
        return SP_OK;
    if (plane->tiers[k].kind == SP_TIER_DRAGONFLY) {
        *out += dragonfly_hops(&plane->tiers[k]);
        return SP_OK;
    }
    sp_status status = tree_of(plane, k, &tree, &levels, err);
    *out += 2 * levels;
    return status;
}

/* Rails: the cheapest level that covers a rail, then the tiers inside. */
static sp_status rail_hops(const sp_plane *plane, uint32_t k, const sp_i_tree *tree, uint32_t levels, uint32_t *out, sp_error *err)
{
    uint32_t best = 2 * levels;
    for (uint32_t l = 0; l < levels; l++) {
        uint32_t inside;
        if (tree->level[l].block < tree->pitch)
            continue;
        sp_status status = inner_hops(plane, k, tree->level[l].block / tree->pitch, &inside, err);
        if (status)
            return status;
        best = 2 * (l + 1) + inside < best ? 2 * (l + 1) + inside : best;
    }
    *out = best;
    return SP_OK;
}

sp_status sp_i_diameter(const sp_plane *plane, uint32_t *out, sp_error *err)
{
    uint32_t k, levels, hops;
    sp_i_tree tree;
    if (!last_switched(plane, plane->n_tiers, &k)) {
        *out = direct_hops(plane, 0, plane->n_tiers, 0);
        return SP_OK;
    }
    if (plane->tiers[k].kind == SP_TIER_DRAGONFLY) {
        hops = dragonfly_hops(&plane->tiers[k]);
    } else {
        sp_status status = tree_of(plane, k, &tree, &levels, err);
        hops = 2 * levels;
        if (!status && tree.rail && tree.first_tier == k)
            status = rail_hops(plane, k, &tree, levels, &hops, err);
        if (status)
            return status;
    }
    *out = hops + direct_hops(plane, k + 1, plane->n_tiers, 0);
    return SP_OK;
}
