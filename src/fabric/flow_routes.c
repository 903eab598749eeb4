/* Routes of flows as hops of a problem, with what their links can carry. */
#include "flow_i.h"

sp_status sp_i_flow_router(const sp_machine *machine, const sp_flow_options *options, sp_router **out, sp_error *err)
{
    return sp_router_create(machine, 0, options->routing, options->seed, options->faults, options->n_faults, out, err);
}

double sp_i_flow_capacity(const sp_router *router, uint32_t link, const double *fraction)
{
    sp_link what = {0};
    sp_router_link(router, link, &what);
    return sp_router_capacity(router, link) * fraction[what.tier];
}

uint32_t sp_i_flow_anchor(const sp_router *router, uint32_t link, uint32_t src, uint32_t dst)
{
    sp_link at;
    sp_router_link(router, link, &at);
    if (at.kind == SP_LINK_MESH || at.kind == SP_LINK_TORUS)
        return at.from;
    if (at.kind == SP_LINK_DRAGONFLY && at.level > 0)
        return sp_router_below(router, link);
    uint64_t tree = sp_router_tree_chips(router, link);
    return at.up ? src : (uint32_t)(src - src % tree + dst % tree);
}

sp_status sp_i_flow_hops_add(sp_i_problem *p, const sp_router *router, const sp_flow_options *options, const double *fraction,
                             uint32_t src, uint32_t dst, const sp_hop *hops, uint32_t n, double latency_s, sp_error *err)
{
    for (uint32_t h = 0; h < n; h++) {
        uint32_t link = p->link_of[hops[h].link];
        if (!link) {
            link = sp_i_problem_link(p, hops[h].link, sp_i_flow_capacity(router, hops[h].link, fraction)) + 1;
            if (link)
                p->link[link - 1].chip = sp_i_flow_anchor(router, hops[h].link, src, dst);
        }
        if (!link || !sp_i_problem_hop(p, link - 1, hops[h].share, 1))
            return sp_i_flow_no_memory(err);
    }
    /* relative to 1 us, so that weights stay near 1 */
    double weight = options->weight_by_latency && latency_s > 0 ? 1e-6 / latency_s : 1;
    return sp_i_problem_route(p, latency_s, weight, 1) ? SP_OK : sp_i_flow_no_memory(err);
}

sp_status sp_i_flow_route_add(sp_i_problem *p, const sp_router *router, const sp_flow_options *options, const double *fraction,
                              uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, sp_error *err)
{
    uint32_t n;
    double latency_s;
    if (!sp_router_path_once(router, src, dst, flow, hops, &n, &latency_s))
        return sp_i_flow_unreachable(options, src, dst, err);
    return sp_i_flow_hops_add(p, router, options, fraction, src, dst, hops, n, latency_s, err);
}
