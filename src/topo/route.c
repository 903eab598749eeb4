/* From chip to chip. The outermost switched tier in which the ends differ carries the flow through its tree, which settles
 * that coordinate and all inside it; what differs outside is settled by direct links, dimension by dimension, inner first.
 * Where no switched tier differs, everything goes by direct links. */
#include "route_i.h"

#include <stdlib.h>
#include <string.h>

static const char *const routing_names[SP_ROUTINGS] = {"spray", "hash", "d-mod-k", "detour", "weighted", "borrow"};

const char *sp_routing_name(sp_routing routing)
{
    return (unsigned)routing < SP_ROUTINGS ? routing_names[routing] : NULL;
}

double sp_i_left(const sp_router *router, uint32_t link)
{
    uint32_t low = 0, high = router->n_cuts;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (router->cut[middle].link < link)
            low = middle + 1;
        else
            high = middle;
    }
    return low < router->n_cuts && router->cut[low].link == link ? router->cut[low].factor : 1;
}

bool sp_i_chip_dead(const sp_router *router, uint32_t chip)
{
    uint32_t low = 0, high = router->n_dead_chips;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (router->dead_chip[middle] < chip)
            low = middle + 1;
        else
            high = middle;
    }
    return low < router->n_dead_chips && router->dead_chip[low] == chip;
}

/* ---- mesh ---------------------------------------------------------------------------------------------------------- */

typedef struct line { uint32_t tier, dim, size, own, to, stride, chip; } line;   /* one dim of one tier, seen from a chip */

static uint64_t mesh_hop(const sp_i_part *part, const sp_tier *tier, const line *at, uint32_t from, uint32_t to)
{
    return sp_i_mesh_link(part, tier, at->chip + (from - at->own) * at->stride, at->dim, from, to);
}

/* Can traffic turn at coordinate `via`? */
static bool detour_alive(const sp_router *router, const sp_i_part *part, const sp_tier *tier, const line *at, uint32_t via)
{
    return !sp_i_dead(router, mesh_hop(part, tier, at, at->own, via)) && !sp_i_dead(router, mesh_hop(part, tier, at, via, at->to)) &&
           !(router->any_dead && sp_i_chip_dead(router, at->chip + (via - at->own) * at->stride));
}

static bool can_lend(const sp_router *router, const sp_i_part *part, const sp_tier *tier, const line *at, uint32_t via)
{
    return via != at->own && via != at->to && sp_i_idle(router, mesh_hop(part, tier, at, at->own, via)) &&
           sp_i_idle(router, mesh_hop(part, tier, at, via, at->to)) && detour_alive(router, part, tier, at, via);
}

static double borrowers_of(const sp_router *router, const sp_i_part *part, const sp_tier *tier, const line *at, uint32_t via)
{
    uint32_t first = router->borrowers[mesh_hop(part, tier, at, at->own, via)], second = router->borrowers[mesh_hop(part, tier, at, via, at->to)];
    return first > second ? first : second;
}

/* Over the direct link, and over idle ones. Of c flows on the direct link each sends z / B over a detour that B could borrow, where
 * z = c (1 - all that it sends so): the direct link then stays the busier one, so nobody is slowed (docs/models/routing.md). */
static void route_borrowing(const sp_router *router, const sp_i_part *part, const line *at, uint64_t direct, sp_i_path *path)
{
    const sp_tier *tier = &router->plane->tiers[at->tier];
    double lent = 0, asked = router->asked[direct];
    for (uint32_t via = 0; via < at->size; via++)
        lent += can_lend(router, part, tier, at, via) ? 1 / borrowers_of(router, part, tier, at, via) : 0;
    double z = asked / (1 + asked * lent);
    sp_i_put(path, direct, 1 - z * lent);
    for (uint32_t via = 0; via < at->size && lent > 0; via++)
        if (can_lend(router, part, tier, at, via)) {
            double share = z / borrowers_of(router, part, tier, at, via);
            sp_i_put(path, mesh_hop(part, tier, at, at->own, via), share);
            sp_i_put(path, mesh_hop(part, tier, at, via, at->to), share);
        }
    path->latency_s += lent > 0 ? tier->latency_s.nominal : 0;   /* the last byte comes by the longer way */
}

static bool route_mesh(const sp_router *router, const sp_i_part *part, const line *at, sp_i_path *path)
{
    const sp_tier *tier = &router->plane->tiers[at->tier];
    uint64_t direct = mesh_hop(part, tier, at, at->own, at->to);
    bool alive = !sp_i_dead(router, direct), weighted = router->routing == SP_ROUTING_WEIGHTED;
    double left = weighted && alive && router->n_cuts ? sp_i_left(router, (uint32_t)direct) : 1;
    uint32_t n_via = 0;
    path->latency_s += tier->latency_s.nominal;
    if (alive && router->asked && router->asked[direct]) {
        route_borrowing(router, part, at, direct, path);
        return true;
    }
    if (alive && left >= 1 && router->routing != SP_ROUTING_DETOUR) {
        sp_i_put(path, direct, 1);
        return true;
    }
    for (uint32_t via = 0; via < at->size; via++)
        n_via += via != at->own && via != at->to && detour_alive(router, part, tier, at, via);
    if (!alive && !n_via)
        return false;
    double own = !alive ? 0 : !weighted ? 1.0 / (n_via + 1) : n_via ? left : 1, share = n_via ? (1 - own) / n_via : 0;
    if (alive)
        sp_i_put(path, direct, own);
    for (uint32_t via = 0; via < at->size && n_via; via++)
        if (via != at->own && via != at->to && detour_alive(router, part, tier, at, via)) {
            sp_i_put(path, mesh_hop(part, tier, at, at->own, via), share);
            sp_i_put(path, mesh_hop(part, tier, at, via, at->to), share);
        }
    if (n_via)
        path->latency_s += tier->latency_s.nominal;   /* the last byte comes by the longer way */
    return true;
}

/* ---- torus --------------------------------------------------------------------------------------------------------- */


uint32_t sp_i_torus_next(const sp_tier *tier, uint32_t chip, uint32_t dim, uint32_t dir)
{
    uint32_t own[SP_TIER_DIMS], size = tier->dims[dim];
    uint64_t stride = tier->stride, at = chip;
    for (uint32_t d = 0; d < tier->n_dims; d++) {
        own[d] = (uint32_t)(chip / stride % tier->dims[d]);
        at -= own[d] * stride;
        stride *= tier->dims[d];
    }
    bool wraps = dir ? own[dim] == 0 : own[dim] + 1 == size;
    own[dim] = (own[dim] + (dir ? size - 1 : 1)) % size;
    for (uint32_t d = 0; wraps && d < tier->n_dims; d++) {
        uint32_t shift = sp_i_twist(tier, dim, d);
        own[d] = (own[d] + (dir ? tier->dims[d] - shift : shift)) % tier->dims[d];
    }
    stride = tier->stride;
    for (uint32_t d = 0; d < tier->n_dims; d++) {
        at += own[d] * stride;
        stride *= tier->dims[d];
    }
    return (uint32_t)at;
}

static uint64_t torus_link(const sp_router *router, const sp_i_part *part, uint32_t chip, uint32_t dim, uint32_t dir)
{
    const sp_tier *tier = &router->plane->tiers[part->tier];
    if (tier->dims[dim] == 2 && !tier->twisted)
        dir = 0;   /* both ways round are the same link */
    return part->first + (uint64_t)chip * part->per_chip + 2 * dim + dir;
}

/* Walks `steps` hops one way; false at a dead link or chip, hops taken back. */
static bool walk_ring(const sp_router *router, const sp_i_part *part, uint32_t *chip, uint32_t dim, uint32_t dir, uint32_t steps,
                      double share, sp_i_path *path)
{
    uint32_t at = *chip, n = path->n;
    for (uint32_t h = 0; h < steps; h++) {
        uint64_t link = torus_link(router, part, at, dim, dir);
        at = sp_i_torus_next(&router->plane->tiers[part->tier], at, dim, dir);
        if (sp_i_dead(router, link) || (router->any_dead && sp_i_chip_dead(router, at))) {
            path->n = n;
            return false;
        }
        sp_i_put(path, link, share);
    }
    *chip = at;
    return true;
}

/* A ring cut on both sides: one hop along another dim, round the ring there, and one hop back. The first of the neighbours from which the
 * shorter way is whole, then of those from which the longer is. */
static bool sidestep(const sp_router *router, const sp_i_part *part, const line *at, uint32_t dir, uint32_t steps, sp_i_path *path)
{
    const sp_tier *tier = &router->plane->tiers[at->tier];
    for (uint32_t way = 0; way < 2; way++, dir = !dir, steps = at->size - steps)
        for (uint32_t k = 0; k < 2 * tier->n_dims; k++) {
            uint32_t chip = at->chip, n = path->n, dim = k / 2, out = k % 2;
            if (dim == at->dim || tier->dims[dim] < 2 || (tier->dims[dim] == 2 && out))
                continue;
            if (walk_ring(router, part, &chip, dim, out, 1, 1, path) && walk_ring(router, part, &chip, at->dim, dir, steps, 1, path) &&
                walk_ring(router, part, &chip, dim, !out, 1, 1, path)) {
                path->latency_s += (steps + 2) * tier->latency_s.nominal;
                return true;
            }
            path->n = n;
        }
    return false;
}

/* One dimension of an untwisted torus: the shorter way, both where they are equal, the other one where that is dead. */
static bool route_ring(const sp_router *router, const sp_i_part *part, const line *at, sp_i_path *path)
{
    uint32_t up = (at->to + at->size - at->own) % at->size, down = at->size - up, chip = at->chip;
    double hop_s = router->plane->tiers[at->tier].latency_s.nominal, before_s = path->latency_s;
    if (up == down && at->size > 2) {
        uint32_t n = path->n, other = at->chip;
        bool first = walk_ring(router, part, &chip, at->dim, 0, up, 0.5, path);
        bool second = walk_ring(router, part, &other, at->dim, 1, down, 0.5, path);
        path->latency_s += up * hop_s;
        if (!first || !second)   /* all of it goes the way that is left */
            for (uint32_t i = n; i < path->n; i++)
                path->hops[i].share = 1;
        if (first || second)
            return true;
        path->latency_s = before_s;
        return sidestep(router, part, at, 0, up, path);
    }
    uint32_t dir = up > down, steps = dir ? down : up;
    if (!walk_ring(router, part, &chip, at->dim, dir, steps, 1, path)) {
        steps = at->size - steps;
        if (!walk_ring(router, part, &chip, at->dim, !dir, steps, 1, path))
            return sidestep(router, part, at, dir, at->size - steps, path);
    }
    path->latency_s += steps * hop_s;
    return true;
}

/* Twisted: the shortest of the ways that the lattice of wraps offers; the first of equal ones. */
static bool route_twisted(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, sp_i_path *path)
{
    const sp_tier *tier = &router->plane->tiers[part->tier];
    int32_t best[SP_TIER_DIMS] = {0}, best_hops = INT32_MAX;
    for (int32_t w = 0; w < 27; w++) {
        int32_t wraps[3] = {w % 3 - 1, w / 3 % 3 - 1, w / 9 - 1}, go[SP_TIER_DIMS] = {0}, hops = 0;
        uint64_t stride = tier->stride;
        for (uint32_t d = 0; d < tier->n_dims; d++) {
            int32_t size = (int32_t)tier->dims[d], turned = 0;
            go[d] = (int32_t)(dst / stride % (uint32_t)size) - (int32_t)(src / stride % (uint32_t)size);
            for (uint32_t k = 0; k < tier->n_dims; k++)
                turned += wraps[k] * (int32_t)sp_i_twist(tier, k, d);
            if (turned)   /* what the wraps of the other dims have moved already */
                go[d] = ((go[d] - turned) % size + size) % size;
            go[d] += wraps[d] * size;
            stride *= (uint32_t)size;
        }
        for (uint32_t d = 0; d < tier->n_dims; d++)
            hops += abs(go[d]);
        uint32_t end = src;
        for (uint32_t d = 0; d < tier->n_dims && hops < best_hops; d++)
            for (int32_t h = 0; h < abs(go[d]); h++)
                end = sp_i_torus_next(tier, end, d, go[d] < 0);
        if (hops < best_hops && end == dst) {
            best_hops = hops;
            memcpy(best, go, sizeof best);
        }
    }
    uint32_t chip = src;
    for (uint32_t d = 0; d < tier->n_dims; d++)
        if (!walk_ring(router, part, &chip, d, best[d] < 0, (uint32_t)abs(best[d]), 1, path))
            return false;
    path->latency_s += best_hops * tier->latency_s.nominal;
    return chip == dst;
}

/* ---- the whole way --------------------------------------------------------------------------------------------------- */

static bool route_direct(const sp_router *router, const sp_i_part *part, uint32_t *chip, uint32_t dst, sp_i_path *path)
{
    const sp_tier *tier = &router->plane->tiers[part->tier];
    uint64_t stride = tier->stride;
    if (tier->twisted) {
        uint32_t to = (uint32_t)(*chip - *chip / stride % tier->size * stride + dst / stride % tier->size * stride);
        bool ok = route_twisted(router, part, *chip, to, path);
        *chip = to;
        return ok;
    }
    for (uint32_t d = 0; d < tier->n_dims; stride *= tier->dims[d++]) {
        line at = {part->tier, d, tier->dims[d], (uint32_t)(*chip / stride % tier->dims[d]), (uint32_t)(dst / stride % tier->dims[d]),
                   (uint32_t)stride, *chip};
        if (at.own == at.to)
            continue;
        if (!(tier->kind == SP_TIER_MESH ? route_mesh(router, part, &at, path) : route_ring(router, part, &at, path)))
            return false;
        *chip += (at.to - at.own) * (uint32_t)stride;   /* wraps as intended */
        if (router->any_dead && sp_i_chip_dead(router, *chip))
            return false;
    }
    return true;
}

static bool find_path(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, bool alike, sp_hop *hops, uint32_t *n_hops,
                      double *latency_s)
{
    sp_i_path path = {hops, 0, 0, alike};
    uint32_t chip = src, from = 0;
    if (router->any_dead && (sp_i_chip_dead(router, src) || sp_i_chip_dead(router, dst)))
        return false;
    for (uint32_t p = router->n_parts; p-- > 0;) {
        const sp_i_part *part = &router->part[p];
        if (!part->tree.n_levels && !part->dragonfly)
            continue;
        uint64_t low = router->plane->tiers[part->tier].stride, below = part->tree.chips;
        if (src / low % (below / low) == dst / low % (below / low))
            continue;   /* no switched tier of this tree differs */
        chip = (uint32_t)(src - src % below + dst % below);
        if (part->dragonfly ? !sp_i_route_dragonfly(router, part, src, chip, sp_i_route_choice(router, src, chip, flow, 0), &path)
                            : !sp_i_route_tree(router, part, src, chip, flow, &path))
            return false;
        from = p + 1;
        break;
    }
    for (uint32_t p = from; p < router->n_parts; p++)
        if (!router->part[p].tree.n_levels && !router->part[p].dragonfly && !route_direct(router, &router->part[p], &chip, dst, &path))
            return false;
    *n_hops = path.n;
    *latency_s = path.latency_s;
    return true;
}

bool sp_router_path(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, uint32_t *n_hops,
                    double *latency_s)
{
    return find_path(router, src, dst, flow, false, hops, n_hops, latency_s);
}

/* All planes of a tree make the same choice for a destination; nothing but cuts tells them apart. */
bool sp_router_path_once(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, uint32_t *n_hops,
                         double *latency_s)
{
    return find_path(router, src, dst, flow, router->routing == SP_ROUTING_DMODK, hops, n_hops, latency_s);
}

/* ---- making a router --------------------------------------------------------------------------------------------------- */

static uint32_t direct_hops(const sp_router *router, const sp_tier *tier)
{
    uint32_t hops = 0;
    for (uint32_t d = 0; d < tier->n_dims; d++) {
        uint32_t size = tier->dims[d], detours = size > 2 ? 2 * (size - 2) : 0;
        hops += tier->kind == SP_TIER_TORUS ? 2 * size + 2 : 1 + (router->n_cuts || router->n_dead_chips || router->routing == SP_ROUTING_DETOUR ||
                                                              router->routing == SP_ROUTING_BORROW ? detours : 0);
    }
    return hops;
}

static sp_status add_part(sp_router *router, uint32_t t, uint64_t *next_link, uint64_t *next_vertex, sp_error *err)
{
    const sp_tier *tier = &router->plane->tiers[t];
    sp_i_part *part = &router->part[router->n_parts++];
    *part = (sp_i_part){.tier = t, .first = *next_link};
    if (tier->kind == SP_TIER_DRAGONFLY) {
        sp_status status = sp_i_part_dragonfly(router, part, next_link, next_vertex);
        part->end = *next_link;
        return status;
    }
    if (sp_tier_is_switched(tier->kind)) {
        sp_status status = sp_i_part_tree(router, part, next_link, next_vertex, err);
        router->hops_max += status == SP_OK ? sp_i_tree_hops(router, part) : 0;
        part->end = *next_link;
        return status;
    }
    for (uint32_t d = 0; d < tier->n_dims; d++)
        part->per_chip += tier->kind == SP_TIER_MESH ? tier->dims[d] - 1 : 2;
    *next_link += (uint64_t)router->machine->chips * part->per_chip;
    part->end = *next_link;
    router->hops_max += direct_hops(router, tier);
    return SP_OK;
}

static int by_link(const void *a, const void *b)
{
    const sp_i_loss *x = a, *y = b;
    return (x->link > y->link) - (x->link < y->link);
}

static int by_chip(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static sp_status add_faults(sp_router *router, const sp_fault *faults, uint32_t n, sp_error *err)
{
    router->cut = calloc((size_t)n + 1, sizeof *router->cut);
    router->dead_chip = calloc((size_t)n + 1, sizeof *router->dead_chip);
    if (!router->cut || !router->dead_chip)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u faults", n);
    for (uint32_t i = 0; i < n; i++) {
        if (!(faults[i].factor >= 0 && faults[i].factor <= 1))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a fault leaves %g of the rate; expected 0 (dead) to 1", faults[i].factor);
        if (faults[i].chip)
            router->dead_chip[router->n_dead_chips++] = faults[i].id;
        else
            router->cut[router->n_cuts++] = (sp_i_loss){faults[i].id, faults[i].factor};
        router->any_dead = router->any_dead || faults[i].chip || faults[i].factor <= 0;
    }
    qsort(router->cut, router->n_cuts, sizeof *router->cut, by_link);
    qsort(router->dead_chip, router->n_dead_chips, sizeof *router->dead_chip, by_chip);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < router->n_cuts; i++) {   /* a link named twice has what both leave */
        if (kept && router->cut[kept - 1].link == router->cut[i].link)
            router->cut[kept - 1].factor *= router->cut[i].factor;
        else
            router->cut[kept++] = router->cut[i];
    }
    router->n_cuts = kept;
    return SP_OK;
}

static sp_status check_faults(const sp_router *router, sp_error *err)
{
    for (uint32_t i = 0; i < router->n_cuts; i++)
        if (router->cut[i].link >= router->n_links)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "link %u is not there; this machine's links are 0 to %u", router->cut[i].link,
                                router->n_links - 1);
    for (uint32_t i = 0; i < router->n_dead_chips; i++)
        if (router->dead_chip[i] >= router->machine->chips)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %u is not there; this machine's chips are 0 to %u", router->dead_chip[i],
                                router->machine->chips - 1);
    return SP_OK;
}

static sp_status fill(sp_router *router, const sp_fault *faults, uint32_t n_faults, sp_error *err)
{
    uint64_t next_link = 0, next_vertex = router->machine->chips;
    sp_status status = add_faults(router, faults, n_faults, err);
    for (uint32_t t = 0; t < router->plane->n_tiers && status == SP_OK; t++)
        if (!router->plane->tiers[t].shared)
            status = add_part(router, t, &next_link, &next_vertex, err);
    if (status == SP_OK && next_link >= UINT32_MAX)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the machine has %llu directed links, more than link ids can tell apart (2^32 - 2)",
                            (unsigned long long)next_link);
    router->n_links = (uint32_t)next_link;
    router->n_switches = next_vertex - router->machine->chips;
    if (status == SP_OK)
        status = check_faults(router, err);
    for (uint32_t p = 0; p < router->n_parts && status == SP_OK; p++)
        for (uint32_t i = 0; i < router->n_cuts && router->part[p].tree.n_levels && !sp_i_bundled(router); i++)
            if (router->cut[i].link >= router->part[p].first && router->cut[i].link < router->part[p].end)
                sp_i_tree_cut(&router->part[p], router->cut[i].link);
    return status;
}

sp_status sp_router_create(const sp_machine *machine, uint32_t plane, sp_routing routing, uint64_t seed, const sp_fault *faults,
                           uint32_t n_faults, sp_router **out, sp_error *err)
{
    if (plane >= machine->n_planes)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "plane %u of a machine with %u", plane, machine->n_planes);
    sp_router *router = calloc(1, sizeof *router);
    if (!router)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for routes");
    router->machine = machine;
    router->plane = &machine->planes[plane];
    router->routing = routing;
    router->seed = seed;
    sp_status status = fill(router, faults, n_faults, err);
    if (status != SP_OK) {
        sp_router_destroy(router);
        return status;
    }
    *out = router;
    return SP_OK;
}

void sp_router_destroy(sp_router *router)
{
    if (!router)
        return;
    free(router->cut);
    free(router->dead_chip);
    free(router->asked);
    free(router->borrowers);
    free(router);
}

uint32_t sp_router_links(const sp_router *router)
{
    return router->n_links;
}

uint32_t sp_router_hops_max(const sp_router *router)
{
    return router->hops_max;
}
