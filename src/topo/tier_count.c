/* Counts of one tier: links, switches, ports at a chip (docs/models/topology.md, "Counting"). */
#include "topo_i.h"

#include <math.h>

/* ---- dragonfly --------------------------------------------------------------------------------------------------- */

/* Balanced (Kim et al. 2008): a group sends out what its chips inject (divided by the taper), spread over the links to
 * the other groups; a router's local links carry that traffic twice, once on each side of the global link. Two groups
 * are joined by the fewest links that spread a group's global links evenly over all its routers. Dragonfly+ (Shpiner et al. 2017):
 * the routers are leaves whose links to the group's spines carry what their chips inject; spines hold the global links. */
sp_i_dragonfly sp_i_dragonfly_of(const sp_tier *tier)
{
    sp_i_dragonfly d = {.routers = tier->dims[0], .groups = tier->dims[1],
                        .chips_per_router = (uint64_t)tier->dims[2] * tier->stride, .plus = tier->plus};
    double router_bw = (double)d.chips_per_router * tier->bw_bytes_per_s.nominal;
    d.switches = d.plus ? 2 * d.routers : d.routers;
    d.local_links = d.plus ? d.routers * d.routers : d.routers * (d.routers - 1) / 2;
    d.local_bw = (d.plus ? 1 : 2) * router_bw / (double)d.routers;
    if (d.groups > 1) {
        d.pair_links = d.routers / sp_gcd(tier->dims[0], tier->dims[1] - 1);
        d.global_bw = router_bw * (double)d.routers / (tier->taper.nominal * (double)((d.groups - 1) * d.pair_links));
    }
    return d;
}

uint64_t sp_i_dragonfly_gate(const sp_i_dragonfly *d, uint64_t from, uint64_t to, uint64_t link)
{
    return ((to + d->groups - from - 1) % d->groups * d->pair_links + link) % d->routers + (d->plus ? d->routers : 0);
}

static void count_dragonfly(const sp_tier *tier, uint64_t instances, uint64_t chips, uint64_t *links, uint64_t *switches)
{
    sp_i_dragonfly d = sp_i_dragonfly_of(tier);
    *switches = instances * d.switches * d.groups;
    *links = chips + instances * (d.groups * d.local_links + d.groups * (d.groups - 1) / 2 * d.pair_links);
}

/* ---- torus --------------------------------------------------------------------------------------------------------- */

/* Wrap links of the short dimensions move the long ones by half of their length: with one long dimension the lattice is
 * face-centred, with two body-centred, both symmetric in all three directions. */
uint32_t sp_i_twist(const sp_tier *tier, uint32_t dim, uint32_t d)
{
    if (!tier->twisted || dim == d)
        return 0;
    uint32_t k = UINT32_MAX;
    for (uint32_t i = 0; i < tier->n_dims; i++)
        k = tier->dims[i] < k ? tier->dims[i] : k;
    return tier->dims[dim] == k && tier->dims[d] == 2 * k ? k : 0;
}

static uint32_t torus_ports(const sp_tier *tier, uint32_t dim)
{
    uint32_t size = tier->dims[dim];
    return size == 1 ? 0 : size == 2 && !tier->twisted ? 1 : 2;
}

/* ---- a chip's ports -------------------------------------------------------------------------------------------------- */

uint32_t sp_i_tier_ports(const sp_tier *tier)
{
    uint32_t ports = 0;
    if (tier->shared)
        return 0;
    if (tier->kind == SP_TIER_DRAGONFLY)
        return 1;
    if (sp_tier_is_switched(tier->kind))
        return tier->planes;
    for (uint32_t d = 0; d < tier->n_dims; d++)
        ports += tier->kind == SP_TIER_MESH ? tier->dims[d] - 1 : torus_ports(tier, d);
    return ports;
}

double sp_i_tier_chip_bw(const sp_tier *tier)
{
    double bw = tier->bw_bytes_per_s.nominal;
    if (tier->shared)
        return 0;
    return sp_tier_is_switched(tier->kind) ? bw : bw * sp_i_tier_ports(tier);
}

/* In quarters of a port: a port of four lanes may be split (UB Base Specification 2.0.1: widths x1, x2, x4). */
uint64_t sp_i_tier_port_quarters(const sp_tier *tier, double port_bw)
{
    if (tier->shared)
        return 0;
    /* 1e-6: a rate that is a whole number of lanes but for rounding takes no extra one */
    double each = ceil(4 * tier->bw_bytes_per_s.nominal / port_bw - 1e-6);
    double all = sp_tier_is_switched(tier->kind) ? each : each * sp_i_tier_ports(tier);
    return all < 1e9 ? (uint64_t)all : 1000000000u;
}

/* ---- links and switches -------------------------------------------------------------------------------------------------- */

static void count_direct(const sp_tier *tier, uint64_t chips, uint64_t *links)
{
    for (uint32_t d = 0; d < tier->n_dims; d++)
        *links += chips * (tier->kind == SP_TIER_MESH ? tier->dims[d] - 1 : torus_ports(tier, d)) / 2;
}

/* Consecutive chips that a block of a tree reaches over; blocks of a rail take one chip of every unit. */
static uint64_t reach_of(const sp_i_tree *tree, const sp_i_level *level, uint64_t stride)
{
    return tree->rail ? level->block * stride : level->block;
}

/* Levels whose blocks reach over at most `reach` chips; UINT64_MAX: all. */
static bool count_tree(const sp_i_tree *tree, uint32_t tier, uint64_t stride, uint64_t reach, uint64_t chips, uint64_t *links, uint64_t *switches)
{
    uint64_t instances = chips / tree->chips, children = chips, columns = 1;
    for (uint32_t l = 0; l < tree->n_levels && reach_of(tree, &tree->level[l], stride) <= reach; l++) {
        const sp_i_level *level = &tree->level[l];
        uint64_t up = columns * level->up * tree->planes, add_links, add_switches;
        if (level->tier == tier) {
            if (!sp_mul_u64(children, up, &add_links) || !sp_add_u64(*links, add_links, links) ||
                !sp_mul_u64(level->blocks * instances, level->copies * tree->planes, &add_switches) ||
                !sp_add_u64(*switches, add_switches, switches))
                return false;
        }
        children = level->blocks * instances;
        columns = level->copies;
    }
    return true;
}

static sp_status count_switched(const sp_machine *machine, uint32_t p, uint32_t t, uint64_t reach, uint64_t *links, uint64_t *switches, sp_error *err)
{
    const sp_plane *plane = &machine->planes[p];
    uint32_t first = t;
    while (first > 0 && plane->tiers[first].shared)
        first--;
    sp_i_tree tree;
    sp_status status = sp_i_tree_make(plane, first, &tree, err);
    if (status)
        return status;
    if (!count_tree(&tree, t, plane->tiers[first].stride, reach, machine->chips, links, switches))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "tier '%s' has more links than can be counted", plane->tiers[t].name);
    return SP_OK;
}

sp_status sp_i_count_tier(const sp_machine *machine, uint32_t p, uint32_t t, uint64_t *links, uint64_t *switches, sp_error *err)
{
    const sp_tier *tier = &machine->planes[p].tiers[t];
    uint64_t l = 0, s = 0, chips = machine->chips, below = (uint64_t)tier->stride * tier->size;
    if (!sp_tier_is_switched(tier->kind)) {
        count_direct(tier, chips, &l);
    } else if (tier->kind == SP_TIER_DRAGONFLY) {
        count_dragonfly(tier, chips / below, chips, &l, &s);
    } else {
        sp_status status = count_switched(machine, p, t, UINT64_MAX, &l, &s, err);
        if (status)
            return status;
    }
    *links = l;
    *switches = s;
    return SP_OK;
}

sp_status sp_i_count_inside(const sp_machine *machine, uint32_t p, uint32_t t, uint64_t unit_chips, uint64_t *links, sp_error *err)
{
    const sp_tier *tier = &machine->planes[p].tiers[t];
    uint64_t l = 0, s = 0;
    if (!sp_tier_is_switched(tier->kind) || tier->kind == SP_TIER_DRAGONFLY) {
        sp_status status = (uint64_t)tier->stride * tier->size <= unit_chips ? sp_i_count_tier(machine, p, t, &l, &s, err) : SP_OK;
        if (status)
            return status;
    } else {
        sp_status status = count_switched(machine, p, t, unit_chips, &l, &s, err);
        if (status)
            return status;
    }
    *links = l;
    return SP_OK;
}
