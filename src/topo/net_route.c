/* Routes over any graph: shortest by hops. A packet takes, at every node, a link that leads one hop nearer. */
#include "net_i.h"

#include <stdlib.h>
#include <string.h>

#define FAR UINT32_MAX

struct sp_net_router {
    const sp_net *net;
    sp_routing routing;
    uint64_t seed;
    double *left;                    /* [links] share of the rate that is left; 0: dead     */
    uint8_t *dead;                   /* [nodes]                                             */
    uint32_t *in_off, *in;           /* [nodes+1] CSR: links that lead to a node            */
    uint32_t goal, *dist, *queue;    /* hops to the goal; FAR: no way                       */
    double *share, *latency_s;       /* [nodes] of the flow being routed                    */
    uint32_t *layer[2];              /* [nodes] nodes of the flow, so many hops from goal   */
};

void sp_net_router_destroy(sp_net_router *router)
{
    if (!router)
        return;
    free(router->left);
    free(router->dead);
    free(router->in_off);
    free(router->in);
    free(router->dist);
    free(router->queue);
    free(router->share);
    free(router->latency_s);
    free(router->layer[0]);
    free(router->layer[1]);
    free(router);
}

static bool ends_of(const sp_net *net, uint32_t link, uint32_t *from, uint32_t *to)
{
    double bw, latency;
    return sp_net_link(net, link, from, to, &bw, &latency);
}

static bool make_tables(sp_net_router *r)
{
    const sp_net *net = r->net;
    size_t n = (size_t)net->n_nodes + 2, links = 2 * (size_t)net->n_edges + 1;
    uint32_t from, to;
    r->left = malloc(links * sizeof *r->left);
    r->dead = calloc(n, 1);
    r->in_off = calloc(n, sizeof *r->in_off);
    r->in = malloc(links * sizeof *r->in);
    r->dist = malloc(n * sizeof *r->dist);
    r->queue = malloc(n * sizeof *r->queue);
    r->share = calloc(n, sizeof *r->share);
    r->latency_s = calloc(n, sizeof *r->latency_s);
    r->layer[0] = malloc(n * sizeof *r->layer[0]);
    r->layer[1] = malloc(n * sizeof *r->layer[1]);
    if (!r->left || !r->dead || !r->in_off || !r->in || !r->dist || !r->queue || !r->share || !r->latency_s || !r->layer[0] || !r->layer[1])
        return false;
    for (uint32_t l = 0; l < 2 * net->n_edges; l++) {
        r->left[l] = 1;
        if (ends_of(net, l, &from, &to))
            r->in_off[to + 2]++;
    }
    for (uint32_t i = 1; i < net->n_nodes; i++)
        r->in_off[i + 1] += r->in_off[i];
    for (uint32_t l = 0; l < 2 * net->n_edges; l++)
        if (ends_of(net, l, &from, &to))
            r->in[r->in_off[to + 1]++] = l;
    return true;
}

static sp_status add_faults(sp_net_router *r, const sp_fault *faults, uint32_t n, sp_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t most = faults[i].chip ? r->net->n_nodes : 2 * r->net->n_edges;
        if (faults[i].id >= most || !(faults[i].factor >= 0 && faults[i].factor <= 1))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%s %u with %g of its rate is not there; ids are 0 to %u", faults[i].chip ? "node" : "link",
                                faults[i].id, faults[i].factor, most - 1);
        if (faults[i].chip)
            r->dead[faults[i].id] = 1;
        else
            r->left[faults[i].id] *= faults[i].factor;
    }
    return SP_OK;
}

sp_status sp_net_router_create(const sp_net *net, sp_routing routing, uint64_t seed, const sp_fault *faults, uint32_t n_faults,
                               sp_net_router **out, sp_error *err)
{
    if (routing == SP_ROUTING_DETOUR || routing == SP_ROUTING_BORROW)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "detours are for meshes; a graph takes spray, weighted, hash or d-mod-k");
    sp_net_router *r = calloc(1, sizeof *r);
    if (!r)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for routes");
    *r = (sp_net_router){.net = net, .routing = routing, .seed = seed, .goal = FAR};
    sp_status status = make_tables(r) ? add_faults(r, faults, n_faults, err) : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for routes");
    if (status != SP_OK) {
        sp_net_router_destroy(r);
        return status;
    }
    *out = r;
    return SP_OK;
}

double sp_net_capacity(const sp_net_router *router, uint32_t link)
{
    return router->net->edge[link / 2].bw_bytes_per_s * router->left[link];
}

/* Hops from every node to the goal, by breadth-first search against the links. */
static void measure(sp_net_router *r, uint32_t goal)
{
    uint32_t head = 0, tail = 0, from, to;
    for (uint32_t i = 0; i < r->net->n_nodes; i++)
        r->dist[i] = FAR;
    r->goal = goal;
    if (r->dead[goal])
        return;
    r->dist[goal] = 0;
    r->queue[tail++] = goal;
    while (head < tail) {
        uint32_t at = r->queue[head++];
        for (uint32_t e = r->in_off[at]; e < r->in_off[at + 1]; e++)
            if (r->left[r->in[e]] > 0 && ends_of(r->net, r->in[e], &from, &to) && !r->dead[from] && r->dist[from] == FAR) {
                r->dist[from] = r->dist[at] + 1;
                r->queue[tail++] = from;
            }
    }
}

static bool nearer(const sp_net_router *r, uint32_t link, uint32_t *to)
{
    uint32_t from;
    return r->left[link] > 0 && ends_of(r->net, link, &from, to) && !r->dead[*to] && r->dist[*to] != FAR && r->dist[*to] + 1 == r->dist[from];
}

static uint64_t mix(uint64_t x)   /* splitmix64's finaliser (Steele et al. 2014) */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

typedef struct way { sp_hop *hops; uint32_t n, src; uint64_t flow; } way;

static void pass(sp_net_router *r, way *w, uint32_t from, uint32_t link, uint32_t to, double share, uint32_t *next, uint32_t *n_next)
{
    double latency_s = r->latency_s[from] + r->net->edge[link / 2].latency_s;
    w->hops[w->n++] = (sp_hop){link, share};
    if (r->share[to] == 0) {
        next[(*n_next)++] = to;
        r->latency_s[to] = latency_s;
    }
    r->share[to] += share;
    r->latency_s[to] = latency_s > r->latency_s[to] ? latency_s : r->latency_s[to];
}

/* What has come to a node goes on. */
static void leave(sp_net_router *r, way *w, uint32_t at, uint32_t *next, uint32_t *n_next)
{
    uint32_t n = 0, to, nth = 0;
    double rate = 0, share = r->share[at];
    for (uint32_t e = r->net->out_off[at]; e < r->net->out_off[at + 1]; e++)
        if (nearer(r, r->net->out[e], &to)) {
            n++;
            rate += sp_net_capacity(r, r->net->out[e]);
        }
    uint64_t one = r->routing == SP_ROUTING_HASH ? mix(r->seed + mix(((uint64_t)w->src << 32 | r->goal) + mix(w->flow))) + mix(at) : r->goal;
    for (uint32_t e = r->net->out_off[at]; e < r->net->out_off[at + 1]; e++) {
        uint32_t link = r->net->out[e];
        if (!nearer(r, link, &to))
            continue;
        if (r->routing == SP_ROUTING_SPRAY || r->routing == SP_ROUTING_WEIGHTED)
            pass(r, w, at, link, to, r->routing == SP_ROUTING_WEIGHTED ? share * sp_net_capacity(r, link) / rate : share / n, next, n_next);
        else if (nth++ == one % n)
            pass(r, w, at, link, to, share, next, n_next);
    }
    r->share[at] = 0;
}

bool sp_net_path(sp_net_router *r, uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, uint32_t *n_hops, double *latency_s)
{
    way w = {.hops = hops, .src = src, .flow = flow};
    uint32_t n = 1, now = 0;
    if (r->goal != dst)
        measure(r, dst);
    if (r->dist[src] == FAR || r->dead[src])
        return false;
    r->layer[0][0] = src;
    r->share[src] = 1;
    r->latency_s[src] = 0;
    for (uint32_t hop = r->dist[src]; hop > 0; hop--, now = !now) {
        uint32_t n_next = 0;
        for (uint32_t i = 0; i < n; i++)
            leave(r, &w, r->layer[now][i], r->layer[!now], &n_next);
        n = n_next;
    }
    r->share[dst] = 0;
    *latency_s = r->latency_s[dst];
    *n_hops = w.n;
    return true;
}
