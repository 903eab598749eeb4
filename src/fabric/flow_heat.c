/* How busy links were, by tier and coordinate. In a lifted problem each cell asks for the link that stands for its own. */
#include "flow_orbit.h"

typedef struct painter {
    const sp_i_problem *p;
    const sp_router *router;
    const sp_machine *machine;
    const sp_i_symmetry *sym;   /* NULL: explicit */
    double time_s;
    sp_flow_heat *heat;
    uint32_t first_level[SP_TIERS_MAX];   /* of the tree, that belongs to the tier */
} painter;

static sp_heat_map *map_of(const painter *w, uint32_t tier, uint32_t dim)
{
    for (uint32_t i = 0; i < w->heat->n; i++)
        if (w->heat->map[i].tier == tier && w->heat->map[i].dim == dim)
            return &w->heat->map[i];
    return NULL;
}

static bool add_map(painter *w, uint32_t tier, uint32_t dim, uint32_t size, uint32_t n_rows)
{
    sp_heat_map *map = &w->heat->map[w->heat->n++];
    *map = (sp_heat_map){.tier = tier, .dim = dim, .size = size, .n_rows = n_rows};
    map->busy = sp_arena_alloc(w->heat->arena, (size_t)size * n_rows, sizeof *map->busy);
    for (size_t i = 0; map->busy && i < (size_t)size * n_rows; i++)
        map->busy[i] = -1;
    return map->busy != NULL;
}

/* Levels of trees that something crossed, by tier. */
static void find_levels(painter *w, uint32_t n_levels[SP_TIERS_MAX])
{
    uint32_t last[SP_TIERS_MAX] = {0};
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        w->first_level[t] = UINT32_MAX;
    for (uint32_t l = 0; l < w->p->n_links; l++) {
        sp_link at;
        if (w->p->link[l].id >= sp_router_links(w->router) || !sp_router_link(w->router, w->p->link[l].id, &at) ||
            at.kind == SP_LINK_MESH || at.kind == SP_LINK_TORUS)
            continue;
        w->first_level[at.tier] = at.level < w->first_level[at.tier] ? at.level : w->first_level[at.tier];
        last[at.tier] = at.level > last[at.tier] ? at.level : last[at.tier];
    }
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        n_levels[t] = w->first_level[t] == UINT32_MAX ? 0 : last[t] - w->first_level[t] + 1;
}

static bool add_maps(painter *w)
{
    uint32_t n_levels[SP_TIERS_MAX];
    find_levels(w, n_levels);
    for (uint32_t t = 0; t < w->machine->planes[0].n_tiers; t++) {
        const sp_tier *tier = &w->machine->planes[0].tiers[t];
        for (uint32_t d = 0; d < tier->n_dims && !sp_tier_is_switched(tier->kind); d++)
            if (tier->dims[d] > 1 && !add_map(w, t, d, tier->dims[d], tier->kind == SP_TIER_MESH ? tier->dims[d] : 2))
                return false;
        if (n_levels[t] && !add_map(w, t, 0, tier->size, 2 * n_levels[t]))
            return false;
    }
    return true;
}

static void paint(sp_heat_map *map, uint32_t row, uint32_t x, double busy)
{
    double *cell = &map->busy[(size_t)row * map->size + x];
    *cell = busy > *cell ? busy : *cell;
}

static uint32_t moved_to(uint32_t chip, uint64_t stride, uint32_t size, uint32_t x)
{
    return chip + (uint32_t)((x - (uint32_t)(chip / stride % size)) * stride);   /* wraps as intended */
}

static bool stands_for(const painter *w, uint32_t l, uint32_t from, uint32_t to)
{
    uint32_t x = from, y = to;
    sp_i_chips_pair(w->sym, &x, &y);
    return w->p->link_of[sp_router_link_like(w->router, w->p->link[l].id, x, y)] == l + 1;
}

static void paint_direct(painter *w, uint32_t l, const sp_link *at, double busy)
{
    const sp_tier *tier = &w->machine->planes[0].tiers[at->tier];
    sp_heat_map *map = map_of(w, at->tier, at->dim);
    uint64_t stride = tier->stride;
    for (uint32_t d = 0; d < at->dim; d++)
        stride *= tier->dims[d];
    uint32_t own = (uint32_t)(at->from / stride % map->size), to = (uint32_t)(at->to / stride % map->size);
    bool mesh = at->kind == SP_LINK_MESH, down = (to + 1) % map->size == own && map->size > 2;
    if (!w->sym) {
        paint(map, mesh ? own : down, mesh ? to : own, busy);
        return;
    }
    for (uint32_t i = 0; i < map->size; i++)
        for (uint32_t j = 0; j < map->size; j++) {
            uint32_t away = (i + (down ? map->size - 1 : 1)) % map->size;
            if (i != j && (mesh || j == away) &&
                stands_for(w, l, moved_to(at->from, stride, map->size, i), moved_to(at->to, stride, map->size, j)))
                paint(map, mesh ? i : down, mesh ? j : i, busy);
        }
}

/* All coordinates of the tier below what the chip at x is below. */
static void paint_block(painter *w, sp_heat_map *map, uint32_t row, uint32_t x, uint32_t id, uint32_t chip, uint64_t stride, double busy)
{
    if (map->busy[(size_t)row * map->size + x] >= busy)
        return;   /* painted with another chip of the block, or busier */
    uint64_t child = sp_router_child(w->router, id, chip);
    for (uint32_t y = x; y < map->size && sp_router_child(w->router, id, moved_to(chip, stride, map->size, y)) == child; y++)
        paint(map, row, y, busy);
    for (uint32_t y = x; y-- > 0 && sp_router_child(w->router, id, moved_to(chip, stride, map->size, y)) == child;)
        paint(map, row, y, busy);
}

static void paint_tree(painter *w, uint32_t l, const sp_link *at, double busy)
{
    const sp_tier *tier = &w->machine->planes[0].tiers[at->tier];
    sp_heat_map *map = map_of(w, at->tier, 0);
    uint32_t id = w->p->link[l].id, anchor = w->p->link[l].chip, row = 2 * (at->level - w->first_level[at->tier]) + !at->up;
    uint32_t own = (uint32_t)(anchor / tier->stride % map->size);
    for (uint32_t x = w->sym ? 0 : own; x < (w->sym ? map->size : own + 1); x++) {
        uint32_t chip = moved_to(anchor, tier->stride, map->size, x);
        uint64_t orbit;
        if (!w->sym || w->p->link_of[sp_i_bundle_orbit(w->sym, w->router, sp_router_bundle_of(w->router, id, chip), chip, &orbit)] == l + 1)
            paint_block(w, map, row, x, id, chip, tier->stride, busy);
    }
}

sp_status sp_i_flow_heat(const sp_i_problem *p, const sp_router *router, const sp_machine *machine, const sp_i_symmetry *sym, double time_s,
                         sp_flow_heat *heat, sp_error *err)
{
    painter w = {.p = p, .router = router, .machine = machine, .sym = sym, .time_s = time_s, .heat = heat};
    heat->n = 0;
    if (!add_maps(&w))
        return sp_i_flow_no_memory(err);
    for (uint32_t l = 0; l < p->n_links && time_s > 0; l++) {
        sp_link at;
        double busy = p->link_bytes[l] / (p->link[l].cap_bytes_per_s * time_s);
        if (p->link[l].id >= sp_router_links(router) || !sp_router_link(router, p->link[l].id, &at))
            continue;
        if (at.kind == SP_LINK_MESH || at.kind == SP_LINK_TORUS)
            paint_direct(&w, l, &at, busy);
        else
            paint_tree(&w, l, &at, busy);
    }
    return SP_OK;
}
