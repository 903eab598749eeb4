/* Routes through a tree of switches: up to the lowest level where the ends meet, and down by the same columns. At each level a
 * flow has `up` links to choose from; one choice a level makes a path, so a pair has planes x up_1 x … x up_l of them, all
 * alike. A chip's planes are striped by its network interface whatever the policy.
 *
 * Sprayed traffic loads all links between a block of chips and the level above evenly, so they are one resource, a bundle.
 * With dead cables a bundle has what the others carry: the limit of spraying that adapts (docs/models/routing.md). */
#include "route_i.h"

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

static uint64_t columns_below(const sp_i_tree *tree, uint32_t l)
{
    return l ? tree->level[l - 1].copies : 1;
}

/* Cables from one child (all its copies, all planes) to level l. */
static uint64_t cables(const sp_i_tree *tree, uint32_t l)
{
    return columns_below(tree, l) * tree->level[l].up * tree->planes;
}

sp_status sp_i_part_tree(sp_router *router, sp_i_part *part, uint64_t *next_link, uint64_t *next_vertex, sp_error *err)
{
    sp_status status = sp_i_tree_make(router->plane, part->tier, &part->tree, err);
    if (status != SP_OK)
        return status;
    part->instances = router->machine->chips / part->tree.chips;
    uint64_t children = router->machine->chips;
    for (uint32_t l = 0; l < part->tree.n_levels; l++) {
        part->first_of[l] = *next_link;
        part->children[l] = children;
        part->vertex[l] = *next_vertex;
        *next_link += 2 * children * (sp_i_bundled(router) ? 1 : cables(&part->tree, l));
        children = part->tree.level[l].blocks * part->instances;
        *next_vertex += children * part->tree.level[l].copies * part->tree.planes;
    }
    return SP_OK;
}

uint32_t sp_i_tree_hops(const sp_router *router, const sp_i_part *part)
{
    return 2 * part->tree.n_levels * (sp_i_bundled(router) ? 1 : part->tree.planes);
}

static uint64_t position_of(const sp_router *router, const sp_i_tree *tree, uint32_t chip)
{
    if (!tree->rail)
        return chip;
    const sp_tier *first = &router->plane->tiers[tree->first_tier];
    uint64_t instance = chip / tree->base_chips, inside = chip % tree->base_chips;
    return instance * tree->base_positions + inside % first->stride * tree->pitch + inside / first->stride;
}

/* Logical switch of level l - 1 above a position; level 0: the position itself. Walks up from the leaf. */
static uint64_t child_of(const sp_router *router, const sp_i_tree *tree, uint32_t l, uint64_t position)
{
    uint64_t block = position;
    for (uint32_t k = 0; k < l; k++) {
        const sp_i_level *level = &tree->level[k];
        if (level->tier != tree->first_tier)
            block /= router->plane->tiers[level->tier].size;
        else
            block = position / tree->base_positions * ceil_div(tree->base_positions, level->block) +
                    position % tree->base_positions / level->block;
    }
    return block;
}

uint64_t sp_i_tree_child(const sp_router *router, const sp_i_part *part, uint32_t l, uint32_t chip)
{
    return l ? child_of(router, &part->tree, l, position_of(router, &part->tree, chip)) : chip;
}

/* Lowest level whose switches both chips are under. */
static uint32_t meeting_level(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst)
{
    uint64_t a = position_of(router, &part->tree, src), b = position_of(router, &part->tree, dst);
    uint32_t l = 0;
    while (l + 1 < part->tree.n_levels && child_of(router, &part->tree, l + 1, a) != child_of(router, &part->tree, l + 1, b))
        l++;
    return l;
}

static bool by_bundles(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, uint32_t top, sp_i_path *path)
{
    for (uint32_t l = 0; l <= top; l++) {
        uint64_t up = part->first_of[l] + 2 * sp_i_tree_child(router, part, l, src);
        uint64_t down = part->first_of[l] + 2 * sp_i_tree_child(router, part, l, dst) + 1;
        if (sp_i_dead(router, up) || sp_i_dead(router, down))
            return false;
        sp_i_put(path, up, 1);
        sp_i_put(path, down, 1);
    }
    return true;
}

/* ---- one path a flow ------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t x)   /* splitmix64's finaliser (Steele et al. 2014) */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t cable_id(const sp_i_part *part, uint32_t l, uint64_t plane, uint64_t child, uint64_t copy, uint64_t u, bool down)
{
    const sp_i_tree *tree = &part->tree;
    uint64_t at = l ? ((plane * part->children[l] + child) * columns_below(tree, l) + copy) * tree->level[l].up + u
                    : child * tree->planes + plane;
    return part->first_of[l] + 2 * at + down;
}

/* The path of one plane whose choices are the digits of `choice` (level by level, mixed radix of `up`). */
static bool by_cables(const sp_router *router, const sp_i_part *part, uint64_t plane, const uint64_t *ends, uint32_t top, uint64_t choice,
                      double share, sp_i_path *path)
{
    uint32_t n = path->n;
    uint64_t copy = 0;
    for (uint32_t l = 0; l <= top; l++) {
        const sp_i_level *level = &part->tree.level[l];
        uint64_t u = choice % level->up;
        choice /= level->up;
        uint64_t up = cable_id(part, l, plane, ends[2 * l], copy, u, false);
        uint64_t down = cable_id(part, l, plane, ends[2 * l + 1], copy, u, true);
        if (sp_i_dead(router, up) || sp_i_dead(router, down)) {
            path->n = n;
            return false;
        }
        sp_i_put(path, up, share);
        sp_i_put(path, down, share);
        copy = copy * ceil_div(level->up, level->merge) + u / level->merge;
    }
    return true;
}

/* D-mod-K: digit l of the way up is digit l of the destination in the radices of the tree (Zahavi et al. 2010). */
uint64_t sp_i_route_choice(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, uint64_t plane)
{
    if (router->routing == SP_ROUTING_DMODK)
        return dst;
    return mix(router->seed + mix(((uint64_t)src << 32 | dst) + mix(flow * 8 + plane)));
}

static bool one_plane(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, uint64_t flow, uint64_t plane,
                      const uint64_t *ends, uint32_t top, double share, sp_i_path *path)
{
    uint64_t paths = 1, choice = sp_i_route_choice(router, src, dst, flow, plane);
    for (uint32_t l = 0; l <= top && router->any_dead; l++)
        paths *= part->tree.level[l].up;
    for (uint64_t k = 0; k < paths; k++)   /* where cables are dead, the next path that is whole */
        if (by_cables(router, part, plane, ends, top, choice + k, share, path))
            return true;
    return false;
}

static bool plane_cut(const sp_i_part *part, uint64_t plane)
{
    return part->cut_planes[plane / 64] >> plane % 64 & 1;
}

bool sp_i_route_tree(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, uint64_t flow, sp_i_path *path)
{
    const sp_i_tree *tree = &part->tree;
    uint32_t top = meeting_level(router, part, src, dst), n = path->n;
    uint64_t ends[2 * SP_I_LEVELS_MAX], planes = 0;
    path->latency_s += router->plane->tiers[tree->level[top].tier].latency_s.nominal;
    if (sp_i_bundled(router))
        return by_bundles(router, part, src, dst, top, path);
    for (uint32_t l = 0; l <= top; l++) {
        ends[2 * l] = sp_i_tree_child(router, part, l, src);
        ends[2 * l + 1] = sp_i_tree_child(router, part, l, dst);
    }
    for (uint64_t plane = 0, first = tree->planes; plane < tree->planes; plane++) {
        bool whole = path->alike && !plane_cut(part, plane);
        if (whole && first < tree->planes) {
            planes++;   /* the first one of these stands for it */
            continue;
        }
        first = whole ? plane : first;
        planes += one_plane(router, part, src, dst, flow, plane, ends, top, 1.0 / tree->planes, path);
    }
    for (uint32_t i = n; i < path->n && planes < tree->planes; i++)   /* the interface stripes over the planes that are left */
        path->hops[i].share = 1.0 / (double)planes;
    return planes > 0;
}

/* ---- planes --------------------------------------------------------------------------------------------------------------- */

static uint64_t plane_of(const sp_i_part *part, uint32_t l, uint64_t at)
{
    const sp_i_tree *tree = &part->tree;
    return l ? at / tree->level[l].up / columns_below(tree, l) / part->children[l] : at % tree->planes;
}

void sp_i_tree_cut(sp_i_part *part, uint64_t id)
{
    uint32_t l = part->tree.n_levels - 1;
    while (l && id < part->first_of[l])
        l--;
    uint64_t plane = plane_of(part, l, (id - part->first_of[l]) / 2);
    part->cut_planes[plane / 64] |= UINT64_C(1) << plane % 64;
}

/* ---- what an id means --------------------------------------------------------------------------------------------------- */

/* First switch of plane 0 of the logical switch `block` at level l. */
static uint64_t switch_vertex(const sp_i_part *part, uint32_t l, uint64_t plane, uint64_t block, uint64_t copy)
{
    uint64_t per_plane = part->tree.level[l].blocks * part->instances * part->tree.level[l].copies;
    return part->vertex[l] + plane * per_plane + block * part->tree.level[l].copies + copy;
}

/* Logical switch of level l above the child `child`. */
static uint64_t parent_of(const sp_router *router, const sp_i_part *part, uint32_t l, uint64_t child)
{
    const sp_i_tree *tree = &part->tree;
    const sp_i_level *level = &tree->level[l];
    if (l == 0)
        return child_of(router, tree, 1, position_of(router, tree, (uint32_t)child));
    if (level->tier != tree->first_tier)
        return child / router->plane->tiers[level->tier].size;
    uint64_t per_base = ceil_div(tree->base_positions, tree->level[l - 1].block);
    return child / per_base * ceil_div(tree->base_positions, level->block) + child % per_base * tree->level[l - 1].block / level->block;
}

bool sp_i_tree_link(const sp_router *router, const sp_i_part *part, uint64_t id, sp_link *out)
{
    const sp_i_tree *tree = &part->tree;
    uint32_t l = tree->n_levels - 1;
    while (l && id < part->first_of[l])
        l--;
    const sp_i_level *level = &tree->level[l];
    uint64_t at = (id - part->first_of[l]) / 2, plane = 0, copy = 0, u = 0, child = at;
    bool bundle = sp_i_bundled(router);
    if (!bundle && l == 0) {
        child = at / tree->planes;
    } else if (!bundle) {
        u = at % level->up;
        copy = at / level->up % columns_below(tree, l);
        child = at / level->up / columns_below(tree, l) % part->children[l];
    }
    plane = bundle ? 0 : plane_of(part, l, at);
    uint64_t each = ceil_div(level->up, level->merge), n = bundle ? cables(tree, l) : 1;
    *out = (sp_link){.kind = bundle ? SP_LINK_BUNDLE : SP_LINK_TREE, .tier = level->tier, .up = !((id - part->first_of[l]) & 1), .level = l,
                     .child = child, .n = (uint32_t)n, .bw_bytes_per_s = level->link_bw * (double)n};
    uint64_t low = l ? switch_vertex(part, l - 1, plane, child, copy) : child;
    uint64_t high = switch_vertex(part, l, plane, parent_of(router, part, l, child), copy * each + u / level->merge);
    out->from = (uint32_t)(out->up ? low : high);
    out->to = (uint32_t)(out->up ? high : low);
    return true;
}

/* ---- the cables of a switch ----------------------------------------------------------------------------------------------- */

typedef struct at_switch {
    const sp_router *router; const sp_i_part *part;
    bool (*put)(void *context, uint64_t id, uint64_t of, uint64_t number);
    void *context;
} at_switch;

/* Cables [u, end) of a column of a child of level l. */
static bool put_cables(const at_switch *s, uint32_t l, uint64_t plane, uint64_t child, uint64_t copy, uint64_t u, uint64_t end)
{
    const sp_i_tree *tree = &s->part->tree;
    for (; u < end; u++) {
        uint64_t number = (plane * columns_below(tree, l) + copy) * tree->level[l].up + u;
        bool ok = sp_i_bundled(s->router) ? s->put(s->context, s->part->first_of[l] + 2 * child, cables(tree, l), number)
                                          : s->put(s->context, cable_id(s->part, l, plane, child, copy, u, false), 1, 0);
        if (!ok)
            return false;
    }
    return true;
}

/* First child of a block; blocks follow one another but on rails, where chips are scanned. */
static uint64_t first_child(const sp_router *router, const sp_i_part *part, uint32_t l, uint64_t block)
{
    uint64_t low = 0, high = part->children[l];
    while (!(part->tree.rail && l == 0) && low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (parent_of(router, part, l, middle) < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sp_i_tree_switch(const sp_router *router, const sp_i_part *part, uint64_t vertex, bool (*put)(void *context, uint64_t id, uint64_t of, uint64_t number),
                      void *context)
{
    const sp_i_tree *tree = &part->tree;
    const at_switch s = {router, part, put, context};
    uint32_t l = tree->n_levels - 1;
    while (l && vertex < part->vertex[l])
        l--;
    const sp_i_level *level = &tree->level[l];
    uint64_t blocks = level->blocks * part->instances, at = vertex - part->vertex[l], copy = at % level->copies, block = at / level->copies % blocks;
    uint64_t plane = at / level->copies / blocks, each = ceil_div(level->up, level->merge), u = copy % each * level->merge;
    uint64_t end = u + level->merge < level->up ? u + level->merge : level->up;
    bool scan = tree->rail && l == 0, ok = true;
    for (uint64_t child = first_child(router, part, l, block); child < part->children[l] && ok; child++) {
        bool mine = parent_of(router, part, l, child) == block;
        if (mine)
            ok = put_cables(&s, l, plane, child, copy / each, u, end);
        else if (!scan)
            break;
    }
    return ok && (l + 1 == tree->n_levels || put_cables(&s, l + 1, plane, block, copy, 0, tree->level[l + 1].up));
}

uint64_t sp_i_tree_bundle_of(const sp_router *router, const sp_i_part *part, uint64_t id, uint32_t chip)
{
    uint32_t l = part->tree.n_levels - 1;
    while (l && id < part->first_of[l])
        l--;
    return part->first_of[l] + 2 * sp_i_tree_child(router, part, l, chip) + ((id - part->first_of[l]) & 1);
}

/* A digit moves blocks when it lies inside them or moves whole ones. */
bool sp_i_tree_digit_moves(const sp_router *router, const sp_i_part *part, uint64_t stride, uint64_t n)
{
    const sp_i_tree *tree = &part->tree;
    uint64_t inner = router->plane->tiers[tree->first_tier].stride, at = stride;
    if (stride >= tree->base_chips)
        return stride % tree->base_chips == 0;   /* whole trees, or whole bases below the shared levels */
    if (tree->rail && stride < inner) {
        if (inner % (stride * n))
            return false;
        at = stride * tree->pitch;
    } else if (tree->rail) {
        at = stride / inner;
    }
    for (uint32_t l = 0; l < tree->n_levels && tree->level[l].tier == tree->first_tier; l++)
        if (at % tree->level[l].block && tree->level[l].block % (at * n))
            return false;
    return true;
}
