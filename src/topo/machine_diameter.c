/* Links on the longest shortest path between chips (docs/models/topology.md, "Diameter").
 *
 * The farthest chips differ in every coordinate. Coordinates outside the last switched tier are changed by direct links,
 * dimension by dimension. That tier's own coordinate is changed only by going up to its top, which also changes every
 * coordinate inside it; but on rails a lower level does it within a rail, and the inner coordinates are then changed by
 * the tiers inside. */
#include "topo_i.h"

#include <stdlib.h>

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

#define SEARCH_MAX 100000000ull   /* steps, about 0.1 s */

/* Farthest router from router `from` of group 0; every group looks alike. `hops` has room for all routers, `queue` too. */
static uint32_t farthest_router(const sp_i_dragonfly *d, uint64_t from, uint8_t *hops, uint32_t *queue)
{
    uint64_t head = 0, tail = 0, n = d->routers * d->groups;
    for (uint64_t r = 0; r < n; r++)
        hops[r] = UINT8_MAX;
    hops[from] = 0;
    queue[tail++] = (uint32_t)from;
    while (head < tail) {
        uint64_t at = queue[head++], group = at / d->routers, own = at % d->routers;
        uint64_t local = d->routers - 1, all = local + (d->groups - 1) * d->pair_links;
        for (uint64_t i = 0; i < all; i++) {
            uint64_t next;
            if (i < local) {
                next = group * d->routers + (own + 1 + i) % d->routers;
            } else {
                uint64_t link = (i - local) % d->pair_links, to = (group + 1 + (i - local) / d->pair_links) % d->groups;
                if (sp_i_dragonfly_gate(d, group, to, link) != own)
                    continue;
                next = to * d->routers + sp_i_dragonfly_gate(d, to, group, link);
            }
            if (hops[next] == UINT8_MAX) {
                hops[next] = hops[at] + 1;
                queue[tail++] = (uint32_t)next;
            }
        }
    }
    return hops[queue[tail - 1]];
}

/* Router hops between the farthest routers: local, global, local makes 3; small or thick ones have shorter ways, found by
 * searching. Where the search would be long the answer is 3, which is then an upper bound. */
static sp_status dragonfly_hops(const sp_tier *tier, uint32_t *out, sp_error *err)
{
    sp_i_dragonfly d = sp_i_dragonfly_of(tier);
    uint64_t n = d.routers * d.groups, links = d.routers + d.groups * d.pair_links, work = d.routers * n * links;
    uint32_t most = 0;
    if (d.plus) {   /* leaf, spine, spine, leaf */
        *out = 2 + (d.groups > 1 ? 3 : d.routers > 1 ? 2 : 0);
        return SP_OK;
    }
    if (d.groups == 1 || d.routers == 1) {
        *out = 2 + (n > 1);
        return SP_OK;
    }
    if (d.pair_links >= d.routers || n > 1u << 20 || work > SEARCH_MAX) {
        *out = 2 + (d.pair_links >= d.routers ? 2 : 3);
        return SP_OK;
    }
    uint8_t *hops = malloc(n);
    uint32_t *queue = malloc(n * sizeof *queue);
    for (uint64_t r = 0; hops && queue && r < d.routers; r++) {
        uint32_t far = farthest_router(&d, r, hops, queue);
        most = far > most ? far : most;
    }
    bool ok = hops && queue;
    free(hops);
    free(queue);
    if (!ok)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to search a dragonfly");
    *out = 2 + most;
    return SP_OK;
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
    uint32_t hops = 0;
    sp_status status;
    if (plane->tiers[k].kind == SP_TIER_DRAGONFLY) {
        status = dragonfly_hops(&plane->tiers[k], &hops, err);
    } else {
        status = tree_of(plane, k, &tree, &levels, err);
        hops = 2 * levels;
    }
    *out += hops;
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
    if (plane->n_tiers == 1 && plane->tiers[0].size == 1) {
        *out = 0;   /* one chip */
        return SP_OK;
    }
    if (!last_switched(plane, plane->n_tiers, &k)) {
        *out = direct_hops(plane, 0, plane->n_tiers, 0);
        return SP_OK;
    }
    sp_status status;
    if (plane->tiers[k].kind == SP_TIER_DRAGONFLY) {
        status = dragonfly_hops(&plane->tiers[k], &hops, err);
    } else {
        status = tree_of(plane, k, &tree, &levels, err);
        hops = 2 * levels;
        if (!status && tree.rail && tree.first_tier == k)
            status = rail_hops(plane, k, &tree, levels, &hops, err);
    }
    if (status)
        return status;
    *out = hops + direct_hops(plane, k + 1, plane->n_tiers, 0);
    return SP_OK;
}
