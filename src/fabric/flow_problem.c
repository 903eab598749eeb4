/* Making a problem: links by id, routes, tasks. */
#include "flow_i.h"

#include <math.h>
#include <stdlib.h>

#include "superpod/engine.h"

bool sp_i_problem_open(sp_i_problem *p, uint64_t n_ids)
{
    *p = (sp_i_problem){.n_ids = n_ids, .link_of = calloc(n_ids + 1, sizeof *p->link_of),
                         .ways.bytes = sizeof(sp_i_flow_way), .loads.bytes = sizeof(sp_i_flow_load)};
    return p->link_of != NULL;
}

void sp_i_problem_close(sp_i_problem *p)
{
    free(p->link);
    free(p->link_bytes);
    free(p->link_peak);
    free(p->route);
    free(p->hop);
    sp_i_kinds_close(&p->ways);
    sp_i_kinds_close(&p->loads);
    free(p->size);
    free(p->task_route);
    free(p->task_size);
    free(p->succ_off);
    free(p->succ);
    free(p->waits);
    free(p->start_ps);
    free(p->end_ps);
    free(p->steps);
    free(p->lag_off);
    free(p->lag);
    free(p->link_of);
    *p = (sp_i_problem){0};
}

bool sp_i_problem_tasks(sp_i_problem *p, uint32_t n_tasks, uint32_t n_sizes, bool starts)
{
    size_t n = (size_t)n_tasks + 1;
    p->n_tasks = n_tasks;
    p->n_sizes = n_sizes;
    p->size = calloc((size_t)n_sizes + 1, sizeof *p->size);
    p->task_route = calloc(n, sizeof *p->task_route);
    p->task_size = calloc(n, sizeof *p->task_size);
    p->waits = calloc(n, sizeof *p->waits);
    p->start_ps = starts ? calloc(n, sizeof *p->start_ps) : NULL;
    p->end_ps = calloc(n, sizeof *p->end_ps);
    return p->size && p->task_route && p->task_size && p->waits && (p->start_ps || !starts) && p->end_ps;
}

uint32_t sp_i_problem_link(sp_i_problem *p, uint64_t id, double cap_bytes_per_s)
{
    if (p->link_of[id])
        return p->link_of[id] - 1;
    if (p->n_links == p->links_room) {
        uint32_t room = p->links_room ? p->links_room * 2 : 64;
        sp_i_flow_link *link = realloc(p->link, room * sizeof *link);
        if (!link)
            return UINT32_MAX;
        p->link = link;
        p->links_room = room;
    }
    p->link[p->n_links] = (sp_i_flow_link){.cap_bytes_per_s = cap_bytes_per_s, .id = (uint32_t)id};
    p->link_of[id] = ++p->n_links;
    return p->n_links - 1;
}

bool sp_i_problem_hop(sp_i_problem *p, uint32_t link, double share, uint32_t count)
{
    if (p->n_hops == p->hops_room) {
        uint64_t room = p->hops_room ? (uint64_t)p->hops_room * 2 : 256;
        sp_i_flow_hop *hop = room < UINT32_MAX ? realloc(p->hop, room * sizeof *hop) : NULL;
        if (!hop)
            return false;
        p->hop = hop;
        p->hops_room = (uint32_t)room;
    }
    int64_t load = (int64_t)llround(share * (double)SP_I_ONE);
    uint32_t kind = sp_i_kinds_add(&p->loads, &(sp_i_flow_load){load > 0 ? load : 1, count});
    p->hop[p->n_hops++] = (sp_i_flow_hop){link, kind};
    return kind != UINT32_MAX;
}

/* Loads of the hops times the weight. */
static bool weigh(sp_i_problem *p, uint32_t off, double weight)
{
    bool ok = true;
    for (uint32_t h = off; h < p->n_hops && ok; h++) {
        sp_i_flow_load load = *sp_i_hop_load(p, &p->hop[h]);
        load.load = (int64_t)llround(weight * (double)load.load);
        load.load = load.load > 0 ? load.load : 1;
        p->hop[h].load = sp_i_kinds_add(&p->loads, &load);
        ok = p->hop[h].load != UINT32_MAX;
    }
    return ok;
}

bool sp_i_problem_route(sp_i_problem *p, double latency_s, double weight, uint64_t orbit)
{
    if (p->n_routes == p->routes_room) {
        uint32_t room = p->routes_room ? p->routes_room * 2 : 64;
        sp_i_flow_route *route = realloc(p->route, room * sizeof *route);
        if (!route)
            return false;
        p->route = route;
        p->routes_room = room;
    }
    uint32_t off = p->hops_routed;
    sp_i_flow_way way = {.orbit = orbit, .n = p->n_hops - off, .latency_ps = sp_ticks_ps(latency_s), .weight = (int64_t)llround(weight * (double)SP_I_ONE)};
    way.weight = way.weight > 0 ? way.weight : 1;
    for (uint32_t h = off; h < p->n_hops; h++) {
        double rate = p->link[p->hop[h].link].cap_bytes_per_s * (double)SP_I_ONE / (double)sp_i_hop_load(p, &p->hop[h])->load;
        way.alone_bytes_per_s = h == off || rate < way.alone_bytes_per_s ? rate : way.alone_bytes_per_s;
    }
    if (way.weight != SP_I_ONE && !weigh(p, off, weight))
        return false;
    uint32_t kind = sp_i_kinds_add(&p->ways, &way);
    p->route[p->n_routes++] = (sp_i_flow_route){off, kind};
    p->hops_routed = p->n_hops;
    p->hops_max = way.n > p->hops_max ? (uint32_t)way.n : p->hops_max;
    return kind != UINT32_MAX;
}

/* Filling moves each offset to where the next begins: that is why the counts sit two places on. */
bool sp_i_problem_turn_edges(sp_i_problem *p, const uint32_t *pred, uint64_t n_edges)
{
    p->succ = malloc((size_t)(n_edges + 1) * sizeof *p->succ);
    if (!p->succ)
        return false;
    for (uint32_t t = 0; t < p->n_tasks; t++)
        p->succ_off[t + 2] += p->succ_off[t + 1];
    uint64_t e = 0;
    for (uint32_t t = 0; t < p->n_tasks; t++)
        for (uint32_t w = 0; w < p->waits[t]; w++)
            p->succ[p->succ_off[pred[e++] + 1]++] = t;
    return true;
}
