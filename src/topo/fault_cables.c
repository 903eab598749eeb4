/* Which cables a broken thing had: links, ports, chips, switches, and those drawn by lot. */
#include "fault_i.h"

#include <stdlib.h>
#include <string.h>

/* The same cable, the other way. */
uint32_t sp_i_link_reverse(const sp_router *router, uint32_t link)
{
    sp_link at;
    sp_router_link(router, link, &at);
    for (uint32_t p = 0; p < router->n_parts; p++) {
        const sp_i_part *part = &router->part[p];
        if (link < part->first || link >= part->end)
            continue;
        if (part->dragonfly)
            return (uint32_t)sp_i_dragonfly_reverse(part, link);
        if (part->tree.n_levels)
            return (uint32_t)(part->first_of[at.level] + ((link - part->first_of[at.level]) ^ 1));
        const sp_tier *tier = &router->plane->tiers[part->tier];
        uint64_t stride = tier->stride;
        for (uint32_t d = 0; d < at.dim; d++)
            stride *= tier->dims[d];
        uint32_t from = (uint32_t)(at.from / stride % tier->dims[at.dim]), to = (uint32_t)(at.to / stride % tier->dims[at.dim]);
        if (at.kind == SP_LINK_MESH)
            return (uint32_t)sp_i_mesh_link(part, tier, at.to, at.dim, to, from);
        uint32_t dir = (uint32_t)((link - part->first) % part->per_chip) & 1;
        bool pair = tier->dims[at.dim] == 2 && !tier->twisted;
        return (uint32_t)(part->first + (uint64_t)at.to * part->per_chip + 2 * at.dim + (pair ? 0 : !dir));
    }
    return link;
}

static bool put(sp_i_fault_list *l, const sp_router *router, uint64_t id, uint32_t of, uint64_t number)
{
    if (l->n_cables == l->cables_room) {
        size_t room = l->cables_room ? l->cables_room * 2 : 64;
        sp_i_cable *grown = sp_arena_alloc(l->arena, room, sizeof *grown);
        if (!grown)
            return false;
        if (l->n_cables)
            memcpy(grown, l->cable, l->n_cables * sizeof *grown);
        l->cable = grown;
        l->cables_room = room;
    }
    uint32_t back = sp_i_link_reverse(router, (uint32_t)id);
    l->cable[l->n_cables++] = (sp_i_cable){back < id ? back : (uint32_t)id, of, number};
    return true;
}

bool sp_i_cables_of_link(sp_i_fault_list *l, const sp_router *router, uint32_t link)
{
    return put(l, router, link, 1, 0);
}

/* ---- chips and their ports ---------------------------------------------------------------------------------------------- */

static uint32_t part_ports(const sp_i_part *part)
{
    return part->dragonfly ? 1 : part->tree.n_levels ? part->tree.planes : part->per_chip;
}

uint32_t sp_i_chip_ports(const sp_router *router)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < router->n_parts; p++)
        n += part_ports(&router->part[p]);
    return n;
}

bool sp_i_cables_of_port(sp_i_fault_list *l, const sp_router *router, uint32_t chip, uint32_t port)
{
    const sp_i_part *part = router->part;
    sp_link at;
    for (; port >= part_ports(part); part++)
        port -= part_ports(part);
    if (part->tree.n_levels)
        return sp_i_bundled(router) ? put(l, router, part->first_of[0] + 2 * (uint64_t)chip, part->tree.planes, port)
                                    : put(l, router, part->first_of[0] + 2 * ((uint64_t)chip * part->tree.planes + port), 1, 0);
    uint64_t id = part->first + (part->dragonfly ? 2 * (uint64_t)chip : (uint64_t)chip * part->per_chip + port);
    return !sp_router_link(router, (uint32_t)id, &at) || put(l, router, id, 1, 0);   /* a dim of one has no ports */
}

bool sp_i_cables_of_chip(sp_i_fault_list *l, const sp_router *router, uint32_t chip)
{
    bool ok = true;
    for (uint32_t port = 0, n = sp_i_chip_ports(router); port < n && ok; port++)
        ok = sp_i_cables_of_port(l, router, chip, port);
    return ok;
}

/* ---- switches ------------------------------------------------------------------------------------------------------------- */

typedef struct context { sp_i_fault_list *l; const sp_router *router; } context;

static bool put_cable(void *at, uint64_t id, uint64_t of, uint64_t number)
{
    const context *c = at;
    return put(c->l, c->router, id, (uint32_t)of, number);
}

/* Links of a dragonfly with an end at the vertex. */
static bool cables_of_router(sp_i_fault_list *l, const sp_router *router, const sp_i_part *part, uint64_t vertex)
{
    bool ok = true;
    sp_link at;
    for (uint64_t id = part->first; id < part->end && ok; id++)
        if (sp_i_dragonfly_link(router, part, id, &at) && at.from == vertex)
            ok = put(l, router, id, 1, 0);
    return ok;
}

bool sp_i_cables_of_switch(sp_i_fault_list *l, const sp_router *router, uint64_t number)
{
    context c = {l, router};
    uint64_t vertex = router->machine->chips + number;
    const sp_i_part *part = NULL;
    for (uint32_t p = 0; p < router->n_parts; p++)
        if ((router->part[p].tree.n_levels || router->part[p].dragonfly) && router->part[p].vertex[0] <= vertex)
            part = &router->part[p];
    if (part->dragonfly)
        return cables_of_router(l, router, part, vertex);
    return sp_i_tree_switch(router, part, vertex, put_cable, &c);
}

/* ---- drawn ---------------------------------------------------------------------------------------------------------------- */

/* Links and cables of a part, both directions of each. */
static uint64_t cables_of(const sp_router *router, const sp_i_part *part)
{
    uint64_t n = 0;
    sp_link at;
    for (uint32_t v = 0; v < part->tree.n_levels; v++) {
        uint64_t end = v + 1 < part->tree.n_levels ? part->first_of[v + 1] : part->end;
        sp_router_link(router, (uint32_t)part->first_of[v], &at);
        n += (end - part->first_of[v]) * at.n;
    }
    return part->tree.n_levels ? n : part->end - part->first;
}

/* The drawn cable, named by the lower id of its two directions; false: no such direction. */
static bool draw(const sp_router *router, uint64_t at, sp_i_cable *out)
{
    const sp_i_part *part = router->part;
    sp_link link;
    for (uint64_t n; at >= (n = cables_of(router, part)); part++)
        at -= n;
    uint64_t id = part->first + at;
    out->number = 0;
    for (uint32_t v = 0; v < part->tree.n_levels; v++) {
        uint64_t end = v + 1 < part->tree.n_levels ? part->first_of[v + 1] : part->end;
        sp_router_link(router, (uint32_t)part->first_of[v], &link);
        uint64_t n = (end - part->first_of[v]) * link.n;
        if (at < n) {
            id = part->first_of[v] + at / link.n;
            out->number = at % link.n;
            break;
        }
        at -= n;
    }
    if (!sp_router_link(router, (uint32_t)id, &link))
        return false;
    uint32_t back = sp_i_link_reverse(router, (uint32_t)id);
    out->link = back < id ? back : (uint32_t)id;
    out->of = link.n;
    return true;
}

static int by_cable(const void *a, const void *b)
{
    const sp_i_cable *x = a, *y = b;
    return x->link != y->link ? (x->link > y->link) - (x->link < y->link) : (x->number > y->number) - (x->number < y->number);
}

size_t sp_i_cables_sort(sp_i_fault_list *l)
{
    size_t kept = 0;
    if (l->n_cables)
        qsort(l->cable, l->n_cables, sizeof *l->cable, by_cable);
    for (size_t i = 0; i < l->n_cables; i++)
        if (!kept || by_cable(&l->cable[kept - 1], &l->cable[i]))
            l->cable[kept++] = l->cable[i];
    l->n_cables = kept;
    return kept;
}

sp_status sp_i_cables_draw(sp_i_fault_list *l, const sp_router *router, uint64_t n, uint64_t seed, sp_error *err)
{
    uint64_t all = 0, tries = 0;
    sp_rng rng = sp_rng_make(seed, 0);
    for (uint32_t p = 0; p < router->n_parts; p++)
        all += cables_of(router, &router->part[p]);
    while (sp_i_cables_sort(l) < n && tries < 64 * n + 1024)   /* what was drawn before is drawn again */
        for (; l->n_cables < n && tries < 64 * n + 1024; tries++) {
            sp_i_cable cable;
            if (draw(router, sp_rng_below(&rng, all), &cable) && !put(l, router, cable.link, cable.of, cable.number))
                return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
        }
    return l->n_cables >= n ? SP_OK : sp_error_set(err, SP_E_RANGE, NULL, 1, 1, "%llu links drawn; this machine has too few for that", (unsigned long long)n);
}
