/* Making a problem: links by id, routes, tasks. */
#include "flow_i.h"

#include <math.h>
#include <stdlib.h>

#include "superpod/engine.h"

bool sp_i_problem_open(sp_i_problem *p, uint64_t n_ids)
{
    *p = (sp_i_problem){.n_ids = n_ids, .like = SP_I_NO_ROUTE, .link_of = calloc(n_ids + 1, sizeof *p->link_of),
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
    free(p->leg);
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
    free(p->stream);
    free(p->work_ps);
    free(p->order);
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

bool sp_i_problem_streams(sp_i_problem *p, uint32_t chips, uint32_t streams_per_chip)
{
    size_t n = (size_t)p->n_tasks + 1;
    p->n_streams = chips * streams_per_chip;
    p->streams_per_chip = streams_per_chip;
    p->stream = malloc(n * sizeof *p->stream);
    p->work_ps = calloc(n, sizeof *p->work_ps);
    p->order = calloc(n, sizeof *p->order);
    for (size_t t = 0; t < n && p->stream; t++)
        p->stream[t] = SP_I_NO_STREAM;
    return p->stream && p->work_ps && p->order;
}

/* The array, with room for so many more; NULL: no memory, or more than can be numbered. */
static void *room_for(void *array, uint32_t *room, uint32_t n, uint32_t more, size_t bytes)
{
    uint64_t wanted = *room;
    while (wanted < (uint64_t)n + more || !wanted)
        wanted = wanted ? wanted * 2 : 64;
    if (wanted == *room)
        return array;
    void *grown = wanted < UINT32_MAX ? realloc(array, wanted * bytes) : NULL;
    *room = grown ? (uint32_t)wanted : *room;
    return grown;
}

uint32_t sp_i_problem_link(sp_i_problem *p, uint64_t id, double cap_bytes_per_s)
{
    if (p->link_of[id])
        return p->link_of[id] - 1;
    sp_i_flow_link *link = room_for(p->link, &p->links_room, p->n_links, 1, sizeof *link);
    if (!link)
        return UINT32_MAX;
    p->link = link;
    p->link[p->n_links] = (sp_i_flow_link){.cap_bytes_per_s = cap_bytes_per_s, .id = (uint32_t)id};
    p->link_of[id] = ++p->n_links;
    return p->n_links - 1;
}

static uint32_t load_kind(sp_i_problem *p, double load, uint32_t count)
{
    int64_t whole = (int64_t)llround(load);
    return sp_i_kinds_add(&p->loads, &(sp_i_flow_load){whole > 0 ? whole : 1, count});
}

static const sp_i_flow_load *leg_load(const sp_i_problem *p, const sp_i_flow_leg *leg)
{
    return (const sp_i_flow_load *)p->loads.kind + leg->load;
}

bool sp_i_problem_hop(sp_i_problem *p, uint32_t link, double share, uint32_t count)
{
    sp_i_flow_leg *leg = room_for(p->leg, &p->legs_room, p->n_legs, 1, sizeof *leg);
    if (!leg)
        return false;
    p->leg = leg;
    leg += p->n_legs++;
    *leg = (sp_i_flow_leg){link, load_kind(p, share * (double)SP_I_ONE, count)};
    return leg->load != UINT32_MAX;
}

/* Loads of the legs times the weight. */
static bool weigh(sp_i_problem *p, double weight)
{
    bool ok = true;
    for (uint32_t h = 0; h < p->n_legs && ok; h++) {
        const sp_i_flow_load *load = leg_load(p, &p->leg[h]);
        p->leg[h].load = load_kind(p, weight * (double)load->load, (uint32_t)load->count);
        ok = p->leg[h].load != UINT32_MAX;
    }
    return ok;
}

/* Where p->like ends with the legs, which load alike; UINT32_MAX: it does not. */
static uint32_t laid_before(const sp_i_problem *p)
{
    const sp_i_flow_route *route = &p->route[p->like];
    const sp_i_flow_way *way = (const sp_i_flow_way *)p->ways.kind + route->way;
    uint32_t off = route->off + way->n - p->n_legs;
    if (way->load == SP_I_APART || way->n < p->n_legs)
        return UINT32_MAX;
    for (uint32_t h = 0; h < p->n_legs; h++)
        if (p->hop[off + h] != p->leg[h].link)
            return UINT32_MAX;
    return off;
}

/* Legs into hops, from *off on; what they load, if it is the same for all. */
static bool lay_legs(sp_i_problem *p, uint32_t *off, uint32_t *load)
{
    uint32_t n = p->n_legs, words;
    *off = p->n_hops;
    *load = n ? p->leg[0].load : 0;
    for (uint32_t h = 1; h < n; h++)
        *load = p->leg[h].load == *load ? *load : SP_I_APART;
    words = *load == SP_I_APART ? 2 * n : n;
    uint32_t before = p->like != SP_I_NO_ROUTE && words == n ? laid_before(p) : UINT32_MAX;
    if (before != UINT32_MAX) {
        *off = before;
        p->n_legs = 0;
        return true;
    }
    uint32_t *hop = room_for(p->hop, &p->hops_room, p->n_hops, words, sizeof *hop);
    if (!hop)
        return false;
    p->hop = hop;
    hop += p->n_hops;
    for (uint32_t h = 0; h < n; h++)
        hop[h] = p->leg[h].link;
    for (uint32_t h = n; h < words; h++)
        hop[h] = p->leg[h - n].load;
    p->n_hops += words;
    p->n_legs = 0;
    return true;
}

bool sp_i_problem_route(sp_i_problem *p, double latency_s, double weight, uint64_t orbit)
{
    sp_i_flow_route *route = room_for(p->route, &p->routes_room, p->n_routes, 1, sizeof *route);
    if (!route)
        return false;
    p->route = route;
    uint32_t off;
    sp_i_flow_way way = {.orbit = orbit, .n = p->n_legs, .latency_ps = sp_ticks_ps(latency_s), .weight = (int64_t)llround(weight * (double)SP_I_ONE)};
    way.weight = way.weight > 0 ? way.weight : 1;
    for (uint32_t h = 0; h < p->n_legs; h++) {
        double rate = p->link[p->leg[h].link].cap_bytes_per_s * (double)SP_I_ONE / (double)leg_load(p, &p->leg[h])->load;
        way.alone_bytes_per_s = h == 0 || rate < way.alone_bytes_per_s ? rate : way.alone_bytes_per_s;
    }
    if ((way.weight != SP_I_ONE && !weigh(p, weight)) || !lay_legs(p, &off, &way.load))
        return false;
    uint32_t kind = sp_i_kinds_add(&p->ways, &way);
    p->route[p->n_routes++] = (sp_i_flow_route){off, kind};
    p->hops_max = way.n > p->hops_max ? way.n : p->hops_max;
    return kind != UINT32_MAX;
}

void sp_i_problem_end_routes(sp_i_problem *p)
{
    bool own = true;
    for (uint32_t t = 0; t < p->n_tasks && own; t++)
        own = p->task_route[t] == (t < p->n_routes ? t : SP_I_NO_ROUTE);
    if (own) {
        free(p->task_route);
        p->task_route = NULL;
    }
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
