/* Lists of flows on any graph. */
#include "flow_i.h"

#include <stdio.h>
#include <stdlib.h>

#include "superpod/engine.h"

typedef struct going { uint32_t dst, flow; } going;

static int by_dst(const void *a, const void *b)
{
    const going *x = a, *y = b;
    return x->dst != y->dst ? (x->dst > y->dst) - (x->dst < y->dst) : (x->flow > y->flow) - (x->flow < y->flow);
}

static sp_status add_route(sp_i_problem *p, const sp_net *net, sp_net_router *router, const sp_flow_options *options, const sp_flow *flow,
                           uint32_t id, sp_hop *hops, sp_error *err)
{
    uint32_t n = 0;
    double latency_s = 0;
    if (!sp_net_path(router, flow->src, flow->dst, id, hops, &n, &latency_s))
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "there is no route from node '%s' to node '%s'", sp_net_node(net, flow->src),
                            sp_net_node(net, flow->dst));
    for (uint32_t h = 0; h < n; h++) {
        uint32_t link = sp_i_problem_link(p, hops[h].link, sp_net_capacity(router, hops[h].link));
        if (link == UINT32_MAX || !sp_i_problem_hop(p, link, hops[h].share, 1))
            return sp_i_flow_no_memory(err);
    }
    double weight = options->weight_by_latency && latency_s > 0 ? 1e-6 / latency_s : 1;
    return sp_i_problem_route(p, latency_s, weight, 1) ? SP_OK : sp_i_flow_no_memory(err);
}

/* Routes destination by destination, tasks in the order of the list. */
static sp_status add_flows(sp_i_problem *p, const sp_net *net, sp_net_router *router, const sp_flow_options *options, const sp_flow *flows,
                           uint32_t n, sp_error *err)
{
    sp_hop *hops = malloc(((size_t)sp_net_links(net) + 1) * sizeof *hops);
    going *order = malloc(((size_t)n + 1) * sizeof *order);
    bool room = hops && order && sp_i_problem_tasks(p, n, n, true) && sp_i_flow_waits(p, flows, n) && sp_i_flow_computes(p, sp_net_nodes(net), flows, n);
    sp_status status = room ? SP_OK : sp_i_flow_no_memory(err);
    uint32_t n_going = 0;
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        p->task_route[i] = SP_I_NO_ROUTE;
        if (flows[i].compute_s <= 0)
            order[n_going++] = (going){flows[i].dst, i};
        p->task_size[i] = i;
        p->size[i].bytes = flows[i].bytes;
        p->start_ps[i] = sp_ticks_ps(flows[i].start_s);
    }
    if (status == SP_OK)
        qsort(order, n_going, sizeof *order, by_dst);
    for (uint32_t i = 0; i < n_going && status == SP_OK; i++) {
        status = add_route(p, net, router, options, &flows[order[i].flow], order[i].flow, hops, err);
        p->task_route[order[i].flow] = i;
    }
    free(hops);
    free(order);
    return status;
}

static void name_bottleneck(const sp_net *net, sp_flow_time *time)
{
    uint32_t from, to;
    double bw, latency;
    if (time->bottleneck != UINT32_MAX && sp_net_link(net, time->bottleneck, &from, &to, &bw, &latency))
        snprintf(time->bottleneck_name, sizeof time->bottleneck_name, "%.40s>%.40s", sp_net_node(net, from), sp_net_node(net, to));
}

sp_status sp_fabric_net_flows(const sp_net *net, const sp_flow_options *options, const sp_flow *flows, uint32_t n,
                              double *start_s, double *end_s, sp_flow_time *out, sp_error *err)
{
    sp_net_router *router = NULL;
    sp_i_problem p = {0};
    sp_i_flow_counts counts;
    sp_flow_time time = {.flows = n, .classes = n, .why_explicit = "a list of flows declares no symmetry"};
    sp_status status = sp_i_flow_check("node", sp_net_nodes(net), flows, n, err);
    if (status == SP_OK)
        status = sp_net_router_create(net, options->routing, options->seed, options->faults, options->n_faults, &router, err);
    if (status == SP_OK && !sp_i_problem_open(&p, sp_net_links(net)))
        status = sp_i_flow_no_memory(err);
    if (status == SP_OK)
        status = add_flows(&p, net, router, options, flows, n, err);
    p.stop = options->stop;
    p.context = options->context;
    if (status == SP_OK)
        status = sp_i_problem_run(&p, &counts, err);
    if (status == SP_OK)
        status = sp_i_flow_report(&p, &counts, NULL, &time, err);
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        if (start_s)
            start_s[i] = (double)p.start_ps[i] * 1e-12;
        if (end_s)
            end_s[i] = (double)p.end_ps[i] * 1e-12;
    }
    if (status == SP_OK) {
        name_bottleneck(net, &time);
        *out = time;
    }
    sp_i_problem_close(&p);
    sp_net_router_destroy(router);
    return status;
}
