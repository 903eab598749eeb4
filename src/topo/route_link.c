/* What a link id means: ends, rate, name. */
#include "route_i.h"

#include <math.h>
#include <stdio.h>

static bool direct_link(const sp_router *router, const sp_i_part *part, uint64_t id, sp_link *out)
{
    const sp_tier *tier = &router->plane->tiers[part->tier];
    uint32_t chip = (uint32_t)((id - part->first) / part->per_chip), at = (uint32_t)((id - part->first) % part->per_chip), dim = 0;
    uint64_t stride = tier->stride;
    bool mesh = tier->kind == SP_TIER_MESH;
    for (uint32_t width; at >= (width = mesh ? tier->dims[dim] - 1 : 2); dim++) {
        at -= width;
        stride *= tier->dims[dim];
    }
    uint32_t size = tier->dims[dim], own = (uint32_t)(chip / stride % size);
    *out = (sp_link){.kind = mesh ? SP_LINK_MESH : SP_LINK_TORUS, .tier = part->tier, .dim = dim, .from = chip, .n = 1,
                     .bw_bytes_per_s = tier->bw_bytes_per_s.nominal};
    if (!mesh) {
        if (size == 1 || (size == 2 && !tier->twisted && at))
            return false;
        out->to = sp_i_torus_next(tier, chip, dim, at);
        return true;
    }
    uint32_t to = at < own ? at : at + 1;
    out->to = chip + (to - own) * (uint32_t)stride;   /* wraps as intended */
    return true;
}

static const sp_i_part *part_of(const sp_router *router, uint32_t link)
{
    for (uint32_t p = 0; p < router->n_parts; p++)
        if (link < router->part[p].end)
            return &router->part[p];
    return NULL;
}

bool sp_router_link(const sp_router *router, uint32_t link, sp_link *out)
{
    const sp_i_part *part = part_of(router, link);
    if (!part)
        return false;
    if (part->dragonfly)
        return sp_i_dragonfly_link(router, part, link, out);
    return part->tree.n_levels ? sp_i_tree_link(router, part, link, out) : direct_link(router, part, link, out);
}

double sp_router_capacity(const sp_router *router, uint32_t link)
{
    sp_link at;
    if (!sp_router_link(router, link, &at))
        return 0;
    return at.bw_bytes_per_s * (router->n_cuts ? sp_i_left(router, link) : 1);
}

int sp_router_link_name(const sp_router *router, uint32_t link, char *out, size_t out_size)
{
    sp_link at;
    if (!sp_router_link(router, link, &at))
        return snprintf(out, out_size, "link %u", link);
    const char *tier = router->plane->tiers[at.tier].name;
    if (at.kind == SP_LINK_MESH || at.kind == SP_LINK_TORUS)
        return snprintf(out, out_size, "%s %u>%u", tier, at.from, at.to);
    static const char *const fly[] = {"chip", "local", "global"};
    if (at.kind == SP_LINK_DRAGONFLY)
        return snprintf(out, out_size, "%s %s %u>%u", tier, fly[at.level], at.from, at.to);
    const char *below = at.level == 0 ? "chip" : "switch";
    if (at.kind == SP_LINK_BUNDLE)
        return snprintf(out, out_size, "%s level %u %s %s %llu (%u links)", tier, at.level, at.up ? "from" : "to", below,
                        (unsigned long long)at.child, at.n);
    return snprintf(out, out_size, "%s level %u %s %s %llu", tier, at.level, at.up ? "from" : "to", below, (unsigned long long)at.child);
}

uint32_t sp_router_bundle_of(const sp_router *router, uint32_t link, uint32_t chip)
{
    return (uint32_t)sp_i_tree_bundle_of(router, part_of(router, link), link, chip);
}

uint32_t sp_router_below(const sp_router *router, uint32_t link)
{
    const sp_i_part *part = part_of(router, link);
    uint32_t low = 0, high = router->machine->chips;
    sp_link at;
    if (part->dragonfly && sp_i_dragonfly_link(router, part, link, &at))
        return (uint32_t)(at.child * sp_i_dragonfly_below(part, at.level));
    while (part->tree.rail && sp_i_tree_bundle_of(router, part, link, low) != link)
        low++;
    while (!part->tree.rail && low < high) {   /* blocks follow one another */
        uint32_t middle = low + (high - low) / 2;
        if (sp_i_tree_bundle_of(router, part, link, middle) < link)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double sp_router_fastest(const sp_router *router, const double *fraction)
{
    double most = 0;
    for (uint32_t p = 0; p < router->n_parts; p++) {
        const sp_i_part *part = &router->part[p];
        for (uint32_t l = 0; l < (part->tree.n_levels ? part->tree.n_levels : 1); l++) {
            sp_link link = {.tier = part->tier, .bw_bytes_per_s = router->plane->tiers[part->tier].bw_bytes_per_s.nominal};
            if (part->tree.n_levels)
                sp_i_tree_link(router, part, part->first_of[l], &link);
            link.bw_bytes_per_s = fmax(link.bw_bytes_per_s, fmax(part->fly.local_bw, part->fly.global_bw));
            double rate = link.bw_bytes_per_s * fraction[link.tier];
            most = rate > most ? rate : most;
        }
    }
    return most;
}

uint64_t sp_router_tree_chips(const sp_router *router, uint32_t link)
{
    return part_of(router, link)->tree.chips;
}

bool sp_router_digit_moves(const sp_router *router, uint64_t stride, uint64_t n)
{
    for (uint32_t p = 0; p < router->n_parts; p++)
        if (router->part[p].tree.n_levels && !sp_i_tree_digit_moves(router, &router->part[p], stride, n))
            return false;
    return true;
}

uint32_t sp_router_blocks(const sp_router *router)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < router->n_parts; p++)
        n += router->part[p].tree.n_levels;
    return n;
}

uint64_t sp_router_block(const sp_router *router, uint32_t level, uint32_t chip)
{
    uint32_t p = 0;
    for (; level >= router->part[p].tree.n_levels; p++)
        level -= router->part[p].tree.n_levels;
    return sp_i_tree_child(router, &router->part[p], level, chip);
}

uint32_t sp_router_link_like(const sp_router *router, uint32_t link, uint32_t from, uint32_t to)
{
    const sp_i_part *part = part_of(router, link);
    const sp_tier *tier = &router->plane->tiers[part->tier];
    sp_link at;
    direct_link(router, part, link, &at);
    if (at.kind == SP_LINK_TORUS)
        return (uint32_t)(part->first + (uint64_t)from * part->per_chip + (link - part->first) % part->per_chip);
    uint64_t stride = tier->stride;
    for (uint32_t d = 0; d < at.dim; d++)
        stride *= tier->dims[d];
    return (uint32_t)sp_i_mesh_link(part, tier, from, at.dim, (uint32_t)(from / stride % tier->dims[at.dim]), (uint32_t)(to / stride % tier->dims[at.dim]));
}

uint64_t sp_router_child(const sp_router *router, uint32_t link, uint32_t chip)
{
    const sp_i_part *part = part_of(router, link);
    sp_link at;
    sp_router_link(router, link, &at);
    return part->dragonfly ? chip / sp_i_dragonfly_below(part, at.level) : sp_i_tree_child(router, part, at.level, chip);
}
