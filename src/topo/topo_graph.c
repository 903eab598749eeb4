/* The explicit graph of one plane, link by link. It is written from the definition of each kind, not from the counting
 * formulas: one pass counts what it would emit, the second writes it, and the tests hold the formulas to it. */
#include "topo_i.h"

#include <string.h>

#define LINKS_MAX (1ull << 26)   /* directed */

typedef struct sink {
    sp_graph *graph;         /* NULL in the counting pass */
    uint64_t links, vertices;
    uint8_t tier;
    double bw, latency_s;
} sink;

static bool link2(sink *s, uint64_t a, uint64_t b)
{
    if (s->graph) {
        const uint64_t ends[2] = {a, b};
        for (int i = 0; i < 2; i++) {
            uint64_t at = s->links + (uint64_t)i;
            s->graph->link_src[at] = (uint32_t)ends[i];
            s->graph->link_dst[at] = (uint32_t)ends[!i];
            s->graph->link_tier[at] = s->tier;
            s->graph->link_bw_bytes_per_s[at] = s->bw;
            s->graph->link_latency_s[at] = s->latency_s;
        }
    }
    s->links += 2;
    return s->links <= LINKS_MAX;
}

/* ---- direct links -------------------------------------------------------------------------------------------------------- */

static bool mesh_links(sink *s, const sp_tier *tier, uint64_t chips)
{
    for (uint64_t c = 0; c < chips; c++) {
        uint64_t stride = tier->stride;
        for (uint32_t d = 0; d < tier->n_dims; d++) {
            uint64_t own = c / stride % tier->dims[d];
            for (uint64_t other = own + 1; other < tier->dims[d]; other++)
                if (!link2(s, c, c + (other - own) * stride))
                    return false;
            stride *= tier->dims[d];
        }
    }
    return true;
}

/* The neighbour one step up in dimension `dim`, twists applied. */
static uint64_t torus_next(const sp_tier *tier, uint64_t chip, uint32_t dim)
{
    uint64_t stride = tier->stride, own[SP_TIER_DIMS], at = chip, base;
    for (uint32_t d = 0; d < tier->n_dims; d++) {
        own[d] = chip / stride % tier->dims[d];
        at -= own[d] * stride;
        stride *= tier->dims[d];
    }
    bool wraps = ++own[dim] == tier->dims[dim];
    own[dim] %= tier->dims[dim];
    for (uint32_t d = 0; wraps && d < tier->n_dims; d++)
        own[d] = (own[d] + sp_i_twist(tier, dim, d)) % tier->dims[d];
    base = at;
    stride = tier->stride;
    for (uint32_t d = 0; d < tier->n_dims; d++) {
        base += own[d] * stride;
        stride *= tier->dims[d];
    }
    return base;
}

static bool torus_links(sink *s, const sp_tier *tier, uint64_t chips)
{
    for (uint64_t c = 0; c < chips; c++)
        for (uint32_t d = 0; d < tier->n_dims; d++) {
            uint64_t next = torus_next(tier, c, d);
            bool pair = tier->dims[d] == 2 && !tier->twisted;   /* both ways round lead to the same neighbour: one link */
            if (tier->dims[d] > 1 && !(pair && next < c) && !link2(s, c, next))
                return false;
        }
    return true;
}

/* ---- dragonfly ------------------------------------------------------------------------------------------------------------- */

static bool dragonfly_instance(sink *s, const sp_i_dragonfly *d, double chip_bw, uint64_t first_chip, uint64_t first_router)
{
    s->bw = chip_bw;
    for (uint64_t c = 0; c < d->groups * d->routers * d->chips_per_router; c++)
        if (!link2(s, first_chip + c, first_router + c / d->chips_per_router / d->routers * d->switches + c / d->chips_per_router % d->routers))
            return false;
    for (uint64_t g = 0; g < d->groups; g++) {
        s->bw = d->local_bw;
        for (uint64_t a = 0; a < d->routers; a++)
            for (uint64_t b = d->plus ? d->routers : a + 1; b < d->switches; b++)
                if (!link2(s, first_router + g * d->switches + a, first_router + g * d->switches + b))
                    return false;
        s->bw = d->global_bw;
        for (uint64_t h = g + 1; h < d->groups; h++)
            for (uint64_t i = 0; i < d->pair_links; i++)
                if (!link2(s, first_router + g * d->switches + sp_i_dragonfly_gate(d, g, h, i),
                           first_router + h * d->switches + sp_i_dragonfly_gate(d, h, g, i)))
                    return false;
    }
    return true;
}

static bool dragonfly_links(sink *s, const sp_tier *tier, uint64_t chips)
{
    sp_i_dragonfly d = sp_i_dragonfly_of(tier);
    uint64_t below = (uint64_t)tier->stride * tier->size;
    s->latency_s = tier->latency_s.nominal / 5;   /* chip, local, global, local, chip; the same for Dragonfly+ */
    for (uint64_t i = 0; i < chips / below; i++) {
        if (!dragonfly_instance(s, &d, tier->bw_bytes_per_s.nominal, i * below, s->vertices))
            return false;
        s->vertices += d.switches * d.groups;
    }
    return true;
}

/* ---- trees of switches --------------------------------------------------------------------------------------------------------- */

/* First vertex of a level; vertices run plane, instance, block, copy. */
typedef struct rows { uint64_t first[SP_I_LEVELS_MAX]; uint64_t per_plane[SP_I_LEVELS_MAX]; } rows;

static uint64_t switch_at(const sp_i_tree *tree, const rows *r, uint32_t l, uint64_t plane, uint64_t block, uint64_t copy)
{
    return r->first[l] + plane * r->per_plane[l] + block * tree->level[l].copies + copy;
}

static bool chip_links(sink *s, const sp_i_tree *tree, const sp_plane *plane, const rows *r, uint64_t instances)
{
    uint64_t positions = instances * (tree->chips / tree->base_chips) * tree->base_positions;
    uint64_t block = tree->level[0].block, per_base = (tree->base_positions + block - 1) / block;
    for (uint64_t x = 0; x < positions; x++) {
        uint64_t chip = sp_i_tree_chip(tree, plane, x);
        uint64_t leaf = x / tree->base_positions * per_base + x % tree->base_positions / block;
        for (uint64_t p = 0; chip != UINT64_MAX && p < tree->planes; p++)
            if (!link2(s, chip, switch_at(tree, r, 0, p, leaf, 0)))
                return false;
    }
    return true;
}

/* Parent of logical switch `child` of level l - 1. */
static uint64_t parent_of(const sp_i_tree *tree, const sp_plane *plane, uint32_t l, uint64_t child)
{
    const sp_i_level *level = &tree->level[l], *below = &tree->level[l - 1];
    if (level->tier != tree->first_tier)
        return child / plane->tiers[level->tier].size;
    uint64_t per_base = (tree->base_positions + below->block - 1) / below->block;
    uint64_t parents = (tree->base_positions + level->block - 1) / level->block;
    return child / per_base * parents + child % per_base * below->block / level->block;
}

static bool up_links(sink *s, const sp_i_tree *tree, const sp_plane *plane, const rows *r, uint32_t l, uint64_t instances)
{
    const sp_i_level *level = &tree->level[l], *below = &tree->level[l - 1];
    uint64_t each = (level->up + level->merge - 1) / level->merge;   /* switches a child is linked to */
    for (uint64_t p = 0; p < tree->planes; p++)
        for (uint64_t child = 0; child < below->blocks * instances; child++)
            for (uint64_t copy = 0; copy < below->copies; copy++)
                for (uint64_t u = 0; u < level->up; u++)
                    if (!link2(s, switch_at(tree, r, l - 1, p, child, copy),
                               switch_at(tree, r, l, p, parent_of(tree, plane, l, child), copy * each + u / level->merge)))
                        return false;
    return true;
}

static sp_status tree_links(sink *s, const sp_plane *plane, uint32_t t, uint64_t chips, bool *fits, sp_error *err)
{
    sp_i_tree tree;
    rows r = {{0}, {0}};
    sp_status status = sp_i_tree_make(plane, t, &tree, err);
    if (status)
        return status;
    uint64_t instances = chips / tree.chips;
    double below_s = 0;
    *fits = true;
    for (uint32_t l = 0; l < tree.n_levels && *fits; l++) {
        uint32_t last = l, first = l;
        r.first[l] = s->vertices;
        r.per_plane[l] = tree.level[l].blocks * instances * tree.level[l].copies;
        s->vertices += r.per_plane[l] * tree.planes;
        s->tier = (uint8_t)tree.level[l].tier;
        s->bw = tree.level[l].link_bw;
        while (last + 1 < tree.n_levels && tree.level[last + 1].tier == s->tier)
            last++;
        while (first > 0 && tree.level[first - 1].tier == s->tier)
            first--;
        /* up and down through the tier's levels add to its latency; a shared tier adds what exceeds the inner one's */
        double whole = plane->tiers[s->tier].latency_s.nominal - below_s;
        s->latency_s = whole > 0 ? whole / (2.0 * (last - first + 1)) : 0;
        if (l == last)
            below_s = plane->tiers[s->tier].latency_s.nominal;
        *fits = l == 0 ? chip_links(s, &tree, plane, &r, instances) : up_links(s, &tree, plane, &r, l, instances);
    }
    return SP_OK;
}

/* ---- the plane ------------------------------------------------------------------------------------------------------------------- */

static sp_status emit(sink *s, const sp_machine *machine, uint32_t p, sp_error *err)
{
    const sp_plane *plane = &machine->planes[p];
    s->links = 0;
    s->vertices = machine->chips;
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        bool fits = true;
        sp_status status = SP_OK;
        if (tier->shared)
            continue;
        s->tier = (uint8_t)t;
        s->bw = tier->bw_bytes_per_s.nominal;
        s->latency_s = tier->latency_s.nominal;
        if (tier->kind == SP_TIER_MESH)
            fits = mesh_links(s, tier, machine->chips);
        else if (tier->kind == SP_TIER_TORUS)
            fits = torus_links(s, tier, machine->chips);
        else if (tier->kind == SP_TIER_DRAGONFLY)
            fits = dragonfly_links(s, tier, machine->chips);
        else
            status = tree_links(s, plane, t, machine->chips, &fits, err);
        if (status)
            return status;
        if (!fits || s->vertices > UINT32_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the machine has more than %llu links; the explicit graph is for smaller ones",
                                LINKS_MAX);
    }
    return SP_OK;
}

static sp_status allocate(sp_graph *graph, sp_arena *arena, uint64_t vertices, uint64_t links, sp_error *err)
{
    graph->n_vertices = (uint32_t)vertices;
    graph->n_links = (uint32_t)links;
    graph->off = sp_arena_alloc(arena, vertices + 1, sizeof *graph->off);
    graph->adj = sp_arena_alloc(arena, links, sizeof *graph->adj);
    graph->link_src = sp_arena_alloc(arena, links, sizeof *graph->link_src);
    graph->link_dst = sp_arena_alloc(arena, links, sizeof *graph->link_dst);
    graph->link_tier = sp_arena_alloc(arena, links, sizeof *graph->link_tier);
    graph->link_bw_bytes_per_s = sp_arena_alloc(arena, links, sizeof *graph->link_bw_bytes_per_s);
    graph->link_latency_s = sp_arena_alloc(arena, links, sizeof *graph->link_latency_s);
    if (!graph->off || !graph->adj || !graph->link_src || !graph->link_dst || !graph->link_tier || !graph->link_bw_bytes_per_s ||
        !graph->link_latency_s)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a graph of %llu links", (unsigned long long)links);
    return SP_OK;
}

/* Links by source, in order of id (counting sort). */
static void index_links(sp_graph *graph)
{
    for (uint32_t l = 0; l < graph->n_links; l++)
        graph->off[graph->link_src[l] + 1]++;
    for (uint32_t v = 0; v < graph->n_vertices; v++)
        graph->off[v + 1] += graph->off[v];
    for (uint32_t l = 0; l < graph->n_links; l++)
        graph->adj[graph->off[graph->link_src[l]]++] = l;
    memmove(graph->off + 1, graph->off, graph->n_vertices * sizeof *graph->off);
    graph->off[0] = 0;
}

sp_status sp_topo_graph(const sp_machine *machine, uint32_t plane, sp_arena *arena, sp_graph *out, sp_error *err)
{
    sp_graph graph = {.n_chips = machine->chips};
    sink s = {0};
    if (plane >= machine->n_planes)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "plane %u of a machine with %u", plane, machine->n_planes);
    sp_status status = sp_machine_check(machine, err);
    if (!status)
        status = emit(&s, machine, plane, err);
    if (!status)
        status = allocate(&graph, arena, s.vertices, s.links, err);
    if (status)
        return status;
    s.graph = &graph;
    if ((status = emit(&s, machine, plane, err)))
        return status;
    index_links(&graph);
    *out = graph;
    return SP_OK;
}
