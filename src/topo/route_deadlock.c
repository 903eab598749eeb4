/* Deadlock (Dally & Seitz 1987): packets that hold one channel and wait for the next make an edge; where the edges of all routes have
 * no circle, no packets can wait for one another for ever. A channel is a link and a virtual lane.
 *
 * Lanes: a packet begins in lane 0. Its second hop along one dim of a mesh (a detour) takes the next lane, as does every hop round a
 * ring from the wrap on (the dateline); a change of dim or tier goes back to lane 0. Dims and tiers are crossed in one order, trees up
 * and then down, so that two lanes are enough. In a dragonfly the lane is the number of global links crossed so far, one more after two local
 * links where routers are joined (Kim et al. 2008): two lanes for minimal routes, three for those through a third group. A step beside a torus ring that is cut on both sides breaks the order of dims: whenever a
 * packet goes back to an earlier dim it takes the next pair of lanes, for good. */
#include "route_i.h"

#include <stdlib.h>
#include <string.h>

typedef struct edge { uint32_t from, to; } edge;
typedef struct place { uint32_t link, lane; } place;

typedef struct walker {
    const sp_router *router;
    uint32_t lanes, lanes_used;
    sp_hop *hops; sp_link *link; uint32_t n;    /* of the route                             */
    uint32_t *stack;                            /* hop x lane                               */
    uint8_t *seen;
    edge *edges; size_t n_edges, room;
} walker;

/* Coordinate of a chip in the dim of a link. */
static uint32_t coordinate(const walker *w, const sp_link *link, uint32_t chip)
{
    const sp_tier *tier = &w->router->plane->tiers[link->tier];
    uint64_t stride = tier->stride;
    for (uint32_t d = 0; d < link->dim; d++)
        stride *= tier->dims[d];
    return (uint32_t)(chip / stride % tier->dims[link->dim]);
}

static bool wraps(const walker *w, const sp_link *link)
{
    uint32_t size = w->router->plane->tiers[link->tier].dims[link->dim];
    uint32_t from = coordinate(w, link, link->from), to = coordinate(w, link, link->to);
    return size > 2 && (from > to ? from - to : to - from) == size - 1;
}

static uint32_t lane_after(const walker *w, const sp_link *x, uint32_t lane, const sp_link *y)
{
    if (x->kind == SP_LINK_TORUS && y->kind == SP_LINK_TORUS && x->tier == y->tier && x->dim != y->dim) {
        uint32_t pair = (lane & ~1u) + (y->dim < x->dim ? 2 : 0);
        return pair < w->lanes ? pair : w->lanes - 1;
    }
    if (x->kind == SP_LINK_DRAGONFLY && y->kind == SP_LINK_DRAGONFLY) {
        bool again = x->level == 2 || (x->level == 1 && y->level == 1 && !w->router->plane->tiers[x->tier].plus);
        uint32_t next = lane + (again && y->level > 0);
        return next < w->lanes ? next : w->lanes - 1;
    }
    bool same_dim = x->kind == y->kind && x->tier == y->tier && x->dim == y->dim;
    uint32_t next = !same_dim || x->kind == SP_LINK_TREE || x->kind == SP_LINK_BUNDLE ? 0 : x->kind == SP_LINK_MESH ? lane + 1 : lane | wraps(w, y);
    return next < w->lanes ? next : w->lanes - 1;
}

static bool put(walker *w, place x, place y)
{
    if (w->n_edges == w->room) {
        size_t room = w->room ? w->room * 2 : 1024;
        edge *edges = realloc(w->edges, room * sizeof *edges);
        if (!edges)
            return false;
        w->edges = edges;
        w->room = room;
    }
    w->edges[w->n_edges++] = (edge){x.link * w->lanes + x.lane, y.link * w->lanes + y.lane};
    return true;
}

/* Can a packet in hop x turn into hop y? In trees it must not turn back up. */
static bool follows(const sp_link *x, const sp_link *y)
{
    bool tree = x->kind == SP_LINK_TREE || x->kind == SP_LINK_BUNDLE, also = y->kind == x->kind && x->tier == y->tier;
    return x->to == y->from && x->from != y->to && !(tree && also && !x->up && y->up);
}

static void visit(walker *w, uint32_t hop, uint32_t lane, uint32_t *n)
{
    uint32_t at = hop * w->lanes + lane;
    if (w->seen[at])
        return;
    w->seen[at] = 1;
    w->stack[(*n)++] = at;
    w->lanes_used = lane + 1 > w->lanes_used ? lane + 1 : w->lanes_used;
}

/* All ways through the hops of one route. */
static bool walk(walker *w, uint32_t src)
{
    uint32_t n = 0;
    memset(w->seen, 0, (size_t)w->n * w->lanes);
    for (uint32_t h = 0; h < w->n; h++)
        sp_router_link(w->router, w->hops[h].link, &w->link[h]);
    for (uint32_t h = 0; h < w->n; h++)
        if (w->link[h].from == src)
            visit(w, h, w->lanes > 1 && w->link[h].kind == SP_LINK_TORUS && wraps(w, &w->link[h]), &n);
    while (n) {
        uint32_t at = w->stack[--n], x = at / w->lanes, lane = at % w->lanes;
        for (uint32_t y = 0; y < w->n; y++) {
            if (x == y || !follows(&w->link[x], &w->link[y]))
                continue;
            uint32_t next = lane_after(w, &w->link[x], lane, &w->link[y]);
            if (!put(w, (place){w->hops[x].link, lane}, (place){w->hops[y].link, next}))
                return false;
            visit(w, y, next, &n);
        }
    }
    return true;
}

static int by_ends(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

static size_t find_channel(const uint32_t *channel, size_t n, uint32_t id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (channel[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int by_id(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Takes away channels that nobody waits before until none is left, or only circles. */
static bool peel(walker *w, sp_deadlock *out)
{
    size_t n = 0, kept = 0, done = 0, n_ready = 0;
    if (w->n_edges)   /* routes of one hop wait for nothing */
        qsort(w->edges, w->n_edges, sizeof *w->edges, by_ends);
    for (size_t e = 0; e < w->n_edges; e++)
        if (kept == 0 || by_ends(&w->edges[kept - 1], &w->edges[e]) != 0)
            w->edges[kept++] = w->edges[e];
    uint32_t *channel = malloc((2 * kept + 1) * sizeof *channel), *waits = calloc(2 * kept + 1, sizeof *waits), *ready = malloc((2 * kept + 1) * sizeof *ready);
    bool ok = channel && waits && ready;
    for (size_t e = 0; e < kept && ok; e++) {
        channel[n++] = w->edges[e].from;
        channel[n++] = w->edges[e].to;
    }
    if (ok)
        qsort(channel, n, sizeof *channel, by_id);
    size_t different = 0;
    for (size_t i = 0; i < n; i++)
        if (different == 0 || channel[different - 1] != channel[i])
            channel[different++] = channel[i];
    for (size_t e = 0; e < kept && ok; e++)
        waits[find_channel(channel, different, w->edges[e].to)]++;
    for (size_t i = 0; i < different; i++)
        if (waits[i] == 0)
            ready[n_ready++] = (uint32_t)i;
    while (done < n_ready) {
        uint32_t from = channel[ready[done++]];
        size_t low = 0, high = kept;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (w->edges[middle].from < from)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < kept && w->edges[low].from == from; low++) {
            size_t to = find_channel(channel, different, w->edges[low].to);
            if (--waits[to] == 0)
                ready[n_ready++] = (uint32_t)to;
        }
    }
    *out = (sp_deadlock){.free = done == different, .lanes = w->lanes_used, .channels = different, .waits = kept, .link = UINT32_MAX};
    for (size_t i = 0; i < different && ok && !out->free && out->link == UINT32_MAX; i++)
        if (waits[i])
            out->link = channel[i] / w->lanes;
    free(channel);
    free(waits);
    free(ready);
    return ok;
}

sp_status sp_router_deadlock(const sp_router *router, const uint32_t *src, const uint32_t *dst, size_t n, uint32_t lanes, sp_deadlock *out, sp_error *err)
{
    size_t most = (size_t)router->hops_max + 1;
    walker w = {.router = router, .lanes = lanes, .hops = malloc(most * sizeof *w.hops), .link = malloc(most * sizeof *w.link),
                .stack = malloc(most * lanes * sizeof *w.stack), .seen = malloc(most * lanes)};
    bool ok = w.hops && w.link && w.stack && w.seen && (uint64_t)router->n_links * lanes < UINT32_MAX;
    double latency_s;
    for (size_t i = 0; i < n && ok; i++)
        if (sp_router_path(router, src[i], dst[i], i, w.hops, &w.n, &latency_s))
            ok = walk(&w, src[i]);
    ok = ok && peel(&w, out);
    free(w.hops);
    free(w.link);
    free(w.stack);
    free(w.seen);
    free(w.edges);
    return ok ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the channels of %zu routes", n);
}

uint32_t sp_router_lanes(const sp_router *router)
{
    bool fly = false;
    for (uint32_t p = 0; p < router->n_parts; p++)
        fly = fly || router->part[p].dragonfly;
    return fly && (router->any_dead || router->routing == SP_ROUTING_DETOUR) ? 3 : 2;
}
