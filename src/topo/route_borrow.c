/* Which links are idle, and how many flows could borrow each: counted once from the shortest routes of all that will flow. */
#include "route_i.h"

#include <stdlib.h>

typedef struct counter {
    const sp_router *router;
    uint32_t *asked, *borrowers;
    sp_hop *hops;
} counter;

static bool lends(const counter *c, uint64_t link)
{
    return !c->asked[link] && (!c->router->n_cuts || sp_i_left(c->router, (uint32_t)link) >= 1);
}

/* A direct hop that a flow takes: every detour of its dim over two idle links could be borrowed. */
static void count_detours(counter *c, const sp_link *at)
{
    const sp_router *router = c->router;
    const sp_i_part *part = router->part;
    while (part->tier != at->tier)
        part++;
    const sp_tier *tier = &router->plane->tiers[at->tier];
    uint64_t stride = tier->stride;
    for (uint32_t d = 0; d < at->dim; d++)
        stride *= tier->dims[d];
    uint32_t size = tier->dims[at->dim], own = (uint32_t)(at->from / stride % size), to = (uint32_t)(at->to / stride % size);
    for (uint32_t via = 0; via < size; via++) {
        if (via == own || via == to)
            continue;
        uint32_t middle = at->from + (via - own) * (uint32_t)stride;   /* wraps as intended */
        uint64_t first = sp_i_mesh_link(part, tier, at->from, at->dim, own, via), second = sp_i_mesh_link(part, tier, middle, at->dim, via, to);
        if (lends(c, first) && lends(c, second) && !(router->any_dead && sp_i_chip_dead(router, middle))) {
            c->borrowers[first]++;
            c->borrowers[second]++;
        }
    }
}

sp_status sp_router_borrow(sp_router *router, const uint32_t *src, const uint32_t *dst, size_t n, sp_error *err)
{
    free(router->asked);   /* counted by the shortest routes */
    free(router->borrowers);
    router->asked = router->borrowers = NULL;
    counter c = {.router = router, .asked = calloc((size_t)router->n_links + 1, sizeof *c.asked),
                 .borrowers = calloc((size_t)router->n_links + 1, sizeof *c.borrowers), .hops = malloc(((size_t)router->hops_max + 1) * sizeof *c.hops)};
    bool ok = c.asked && c.borrowers && c.hops;
    for (int pass = 0; pass < 2 && ok; pass++)
        for (size_t i = 0; i < n; i++) {
            uint32_t n_hops;
            double latency_s;
            if (!sp_router_path(router, src[i], dst[i], i, c.hops, &n_hops, &latency_s))
                continue;
            for (uint32_t h = 0; h < n_hops; h++) {
                sp_link at;
                if (!sp_router_link(router, c.hops[h].link, &at) || at.kind != SP_LINK_MESH)
                    continue;
                if (pass == 0)
                    c.asked[c.hops[h].link]++;
                else if (c.hops[h].share == 1)
                    count_detours(&c, &at);
            }
        }
    free(c.hops);
    if (!ok) {
        free(c.asked);
        free(c.borrowers);
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for what %zu routes leave idle", n);
    }
    router->asked = c.asked;
    router->borrowers = c.borrowers;
    return SP_OK;
}
