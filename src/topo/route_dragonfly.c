/* Routes through a dragonfly (Kim, Dally, Scott & Abts 2008): to the router, across the group to a gate, over the global link, across the other
 * group, to the chip. Between two groups there are `pair_links` such ways, each with a gate of its own; under Valiant's routing (`detour`), and
 * where faults leave none of them, ways through any third group, too. In Dragonfly+ gates are spines, and two leaves of a group meet at any spine.
 *
 * Ids: first + 2 x chip + (0 up, 1 down); then group x switches x switches + from x switches + to; then (group x groups + other) x pair links + number. */
#include "route_i.h"

#define WAY_MAX 8u   /* local, global, local, local, global, local: links between routers */

typedef struct way { uint64_t link[WAY_MAX]; uint32_t n; } way;

/* Ends of a route: groups counted over the whole machine, switches inside their group. */
typedef struct ends { uint64_t group[2], router[2], base; uint32_t src, dst; } ends;

typedef struct asked { const sp_router *router; const sp_i_part *part; ends e; } asked;

sp_status sp_i_part_dragonfly(sp_router *router, sp_i_part *part, uint64_t *next_link, uint64_t *next_vertex)
{
    const sp_tier *tier = &router->plane->tiers[part->tier];
    sp_i_dragonfly *d = &part->fly;
    *d = sp_i_dragonfly_of(tier);
    part->dragonfly = true;
    part->tree.chips = (uint64_t)tier->stride * tier->size;
    part->instances = router->machine->chips / part->tree.chips;
    uint64_t groups = part->instances * d->groups;
    part->first_of[0] = *next_link;
    part->first_of[1] = part->first_of[0] + 2 * (uint64_t)router->machine->chips;
    part->first_of[2] = part->first_of[1] + groups * d->switches * d->switches;
    part->vertex[0] = *next_vertex;
    *next_link = part->first_of[2] + groups * d->groups * d->pair_links;
    *next_vertex += groups * d->switches;
    uint64_t thirds = d->groups > 2 ? d->groups - 2 : 0, across = d->plus ? d->routers : d->routers - 1;
    uint64_t ways = d->pair_links * (1 + thirds) > across ? d->pair_links * (1 + thirds) : across;
    router->hops_max += (uint32_t)(ways * WAY_MAX + 2);
    return SP_OK;
}

static uint64_t local_id(const sp_i_part *part, uint64_t group, uint64_t from, uint64_t to)
{
    return part->first_of[1] + (group * part->fly.switches + from) * part->fly.switches + to;
}

static uint64_t global_id(const sp_i_part *part, uint64_t group, uint64_t to, uint64_t number)
{
    return part->first_of[2] + (group * part->fly.groups + to % part->fly.groups) * part->fly.pair_links + number;
}

/* ---- one way ---------------------------------------------------------------------------------------------------------- */

static void add_local(const asked *a, way *w, uint64_t group, uint64_t from, uint64_t to)
{
    if (from != to)
        w->link[w->n++] = local_id(a->part, group, from, to);
}

static uint64_t gate(const asked *a, uint64_t group, uint64_t to, uint64_t number)
{
    const sp_i_dragonfly *d = &a->part->fly;
    return sp_i_dragonfly_gate(d, group % d->groups, to % d->groups, number);
}

/* From switch `at` of `group` over link `number` to group `to`; returns the switch it comes out at. */
static uint64_t cross(const asked *a, way *w, uint64_t group, uint64_t at, uint64_t to, uint64_t number)
{
    uint64_t leave = gate(a, group, to, number);
    bool spines = a->part->fly.plus && at >= a->part->fly.routers && at != leave;
    if (spines) {   /* spines of a group are not joined: through a leaf */
        uint64_t leaf = (to + number) % a->part->fly.routers;
        add_local(a, w, group, at, leaf);
        at = leaf;
    }
    add_local(a, w, group, at, leave);
    w->link[w->n++] = global_id(a->part, group, to, number);
    return gate(a, to, group, number);
}

/* Way `number` from group to group, through the third group `via` (the source's own: none). */
static way between(const asked *a, uint64_t via, uint64_t number)
{
    way w = {.n = 0};
    uint64_t at = a->e.router[0], group = a->e.group[0];
    if (via != group) {
        at = cross(a, &w, group, at, via, number);
        group = via;
    }
    at = cross(a, &w, group, at, a->e.group[1], number);
    add_local(a, &w, a->e.group[1], at, a->e.router[1]);
    return w;
}

/* Across the group: straight (via the source's own router), or by a third router; a spine of Dragonfly+. */
static way across(const asked *a, uint64_t via)
{
    way w = {.n = 0};
    add_local(a, &w, a->e.group[0], a->e.router[0], via);
    add_local(a, &w, a->e.group[0], via, a->e.router[1]);
    return w;
}

static bool alive(const sp_router *router, const way *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (sp_i_dead(router, w->link[i]))
            return false;
    return true;
}

/* ---- all ways of a kind -------------------------------------------------------------------------------------------------- */

typedef enum kind { SHORT, LONG } kind;

static uint64_t n_ways(const asked *a, kind what)
{
    const sp_i_dragonfly *d = &a->part->fly;
    if (a->e.group[0] != a->e.group[1])
        return what == SHORT ? d->pair_links : d->groups * d->pair_links;
    return what == SHORT ? d->plus ? d->routers : 1 : d->plus ? 0 : d->routers;
}

/* false: no such way (a third group or router that is one of the two). */
static bool nth_way(const asked *a, kind what, uint64_t k, way *out)
{
    const sp_i_dragonfly *d = &a->part->fly;
    const ends *e = &a->e;
    if (e->group[0] == e->group[1]) {
        uint64_t via = d->plus ? d->routers + k : what == SHORT ? e->router[0] : k;
        if (what == LONG && (via == e->router[0] || via == e->router[1]))
            return false;
        *out = across(a, via);
        return true;
    }
    uint64_t via = what == SHORT ? e->group[0] : e->base + k / d->pair_links;
    if (what == LONG && (via == e->group[0] || via == e->group[1]))
        return false;
    *out = between(a, via, k % d->pair_links);
    return true;
}

/* Adds the share to a link that some way has crossed already. */
static void put_once(sp_i_path *path, uint32_t from, uint64_t link, double share)
{
    for (uint32_t i = from; i < path->n; i++)
        if (path->hops[i].link == link) {
            path->hops[i].share += share;
            return;
        }
    sp_i_put(path, link, share);
}

/* Equal shares of all live ways of the kinds [SHORT, last], or one of them; false: there is none. */
static bool take(const asked *a, kind first, kind last, const uint64_t *one, uint32_t *longest, sp_i_path *path)
{
    uint64_t n_alive = 0, nth = 0;
    uint32_t from = path->n;
    way w;
    for (int pass = 0; pass < 2; pass++)
        for (kind what = first; what <= last; what++)
            for (uint64_t k = 0, n = n_ways(a, what); k < n; k++) {
                if (!nth_way(a, what, k, &w) || !alive(a->router, &w))
                    continue;
                if (!pass) {
                    n_alive++;
                    continue;
                }
                if (one && nth++ != *one % n_alive)
                    continue;
                *longest = w.n > *longest ? w.n : *longest;
                for (uint32_t i = 0; i < w.n; i++)
                    put_once(path, from, w.link[i], one ? 1 : 1.0 / (double)n_alive);
            }
    return n_alive > 0;
}

bool sp_i_route_dragonfly(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, uint64_t choice, sp_i_path *path)
{
    const sp_i_dragonfly *d = &part->fly;
    uint64_t r[2] = {src / d->chips_per_router, dst / d->chips_per_router}, up = part->first_of[0] + 2 * (uint64_t)src, down = part->first_of[0] + 2 * (uint64_t)dst + 1;
    asked a = {router, part, {.group = {r[0] / d->routers, r[1] / d->routers}, .router = {r[0] % d->routers, r[1] % d->routers}, .src = src, .dst = dst}};
    double latency_s = router->plane->tiers[part->tier].latency_s.nominal;
    uint32_t longest = 0;
    a.e.base = a.e.group[0] / d->groups * d->groups;
    if (sp_i_dead(router, up) || sp_i_dead(router, down))
        return false;
    sp_i_put(path, up, 1);
    if (r[0] != r[1]) {
        const uint64_t *one = sp_i_bundled(router) ? NULL : &choice;
        bool valiant = router->routing == SP_ROUTING_DETOUR && a.e.group[0] != a.e.group[1];
        if (!take(&a, SHORT, valiant ? LONG : SHORT, one, &longest, path) && !take(&a, LONG, LONG, one, &longest, path))
            return false;
    }
    sp_i_put(path, down, 1);
    /* the tier's latency is that of five links (topo_graph.c); longer ways pay for theirs */
    path->latency_s += longest > 3 ? latency_s * (longest + 2) / 5 : latency_s;
    return true;
}

/* ---- what an id means -------------------------------------------------------------------------------------------------------- */

bool sp_i_dragonfly_link(const sp_router *router, const sp_i_part *part, uint64_t id, sp_link *out)
{
    const sp_i_dragonfly *d = &part->fly;
    const sp_tier *tier = &router->plane->tiers[part->tier];
    uint64_t from, to, vertex = part->vertex[0];
    *out = (sp_link){.kind = SP_LINK_DRAGONFLY, .tier = part->tier, .up = true, .n = 1};
    if (id < part->first_of[1]) {
        uint64_t chip = (id - part->first_of[0]) / 2, leaf = chip / d->chips_per_router;
        out->up = !((id - part->first_of[0]) & 1);
        out->child = chip;
        out->bw_bytes_per_s = tier->bw_bytes_per_s.nominal;
        from = chip;
        to = vertex + leaf / d->routers * d->switches + leaf % d->routers;
        out->from = (uint32_t)(out->up ? from : to);
        out->to = (uint32_t)(out->up ? to : from);
        return true;
    }
    if (id < part->first_of[2]) {
        uint64_t at = id - part->first_of[1], group = at / d->switches / d->switches, a = at / d->switches % d->switches, b = at % d->switches;
        out->level = 1;
        out->up = a < d->routers;
        out->child = group * d->routers + (out->up ? a : b) % d->routers;
        out->bw_bytes_per_s = d->local_bw;
        out->from = (uint32_t)(vertex + group * d->switches + a);
        out->to = (uint32_t)(vertex + group * d->switches + b);
        return d->plus ? (a < d->routers) != (b < d->routers) : a != b;
    }
    uint64_t at = id - part->first_of[2], number = at % d->pair_links, other = at / d->pair_links % d->groups, group = at / d->pair_links / d->groups;
    uint64_t own = group % d->groups;
    if (own == other)
        return false;
    out->level = 2;
    out->child = group;
    out->bw_bytes_per_s = d->global_bw;
    out->from = (uint32_t)(vertex + group * d->switches + sp_i_dragonfly_gate(d, own, other, number));
    out->to = (uint32_t)(vertex + (group - own + other) * d->switches + sp_i_dragonfly_gate(d, other, own, number));
    return true;
}

uint64_t sp_i_dragonfly_reverse(const sp_i_part *part, uint64_t id)
{
    const sp_i_dragonfly *d = &part->fly;
    if (id < part->first_of[1])
        return part->first_of[0] + ((id - part->first_of[0]) ^ 1);
    if (id < part->first_of[2]) {
        uint64_t at = id - part->first_of[1];
        return local_id(part, at / d->switches / d->switches, at % d->switches, at / d->switches % d->switches);
    }
    uint64_t at = id - part->first_of[2], other = at / d->pair_links % d->groups, group = at / d->pair_links / d->groups;
    return global_id(part, group - group % d->groups + other, group, at % d->pair_links);
}

/* Chips below one child of links of a level: a chip, a router's, a group's. */
uint64_t sp_i_dragonfly_below(const sp_i_part *part, uint32_t level)
{
    return level == 0 ? 1 : part->fly.chips_per_router * (level == 1 ? 1 : part->fly.routers);
}
