/* Plain lists of flows, and what lists and programs share: routers, routes, the report with its bounds. */
#include "flow_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "superpod/engine.h"

#define LONGEST_S ((double)(INT64_MAX / 4) * 1e-12)   /* where sp_ticks_ps saturates */

sp_status sp_i_flow_no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the flows");
}

sp_status sp_i_flow_interrupted(sp_error *err)
{
    return sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
}

sp_status sp_i_flow_no_end(uint32_t n_tasks, sp_error *err)
{
    return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the steps of %u flows are too many to be run one by one, and come to no order in which they "
                        "repeat; use smaller groups, or an algorithm of fewer steps", n_tasks);
}

sp_status sp_i_flow_unreachable(const sp_flow_options *options, uint32_t src, uint32_t dst, sp_error *err)
{
    for (uint32_t i = 0; i < options->n_faults; i++)
        if (options->faults[i].chip && (options->faults[i].id == src || options->faults[i].id == dst))
            return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "chip %u is dead and sends or receives here (from %u to %u); leave it out", options->faults[i].id, src, dst);
    return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "the faults leave no route from chip %u to chip %u that %s routing takes", src, dst,
                        sp_routing_name(options->routing));
}

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

/* ---- report ------------------------------------------------------------------------------------------------------------ */

static bool load_links(sp_i_problem *p)
{
    free(p->link_bytes);
    p->link_bytes = calloc((size_t)p->n_links + 1, sizeof *p->link_bytes);
    if (!p->link_bytes)
        return false;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        if (p->task_route[t] == SP_I_NO_ROUTE)
            continue;
        const sp_i_flow_way *way = sp_i_task_way(p, t);
        const sp_i_flow_hop *hop = sp_i_task_hops(p, t);
        double bytes = p->size[p->task_size[t]].bytes * (p->steps ? p->steps[t] : 1) / (double)way->weight;
        for (const sp_i_flow_hop *end = hop + way->n; hop < end; hop++) {
            const sp_i_flow_load *load = sp_i_hop_load(p, hop);
            p->link_bytes[hop->link] += bytes * (double)load->load * (double)load->count;
        }
    }
    return true;
}

void sp_i_flow_name_bottleneck(const sp_router *router, sp_flow_time *out)
{
    if (out->bottleneck < sp_router_links(router))
        sp_router_link_name(router, out->bottleneck, out->bottleneck_name, sizeof out->bottleneck_name);
    else if (out->bottleneck != UINT32_MAX)
        snprintf(out->bottleneck_name, sizeof out->bottleneck_name, "memory of chip %u", out->bottleneck - sp_router_links(router));
}

sp_status sp_i_flow_too_long(double time_s, sp_error *err)
{
    return time_s < LONGEST_S ? SP_OK : sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the flows take %.3g s or more; expected less than %.3g s (26 days), which a clock of "
                                                     "picoseconds holds: use fewer bytes, higher rates or shorter latencies", time_s, LONGEST_S);
}

sp_status sp_i_flow_report(sp_i_problem *p, const sp_i_flow_counts *counts, const sp_router *router, sp_flow_time *out, sp_error *err)
{
    double bound_s = (double)counts->chain_ps * 1e-12, most_s = 0;
    if (!load_links(p))
        return sp_i_flow_no_memory(err);
    out->end_sum_ps = counts->end_sum_ps;
    out->skipped = counts->skipped;
    out->periods = counts->periods;
    out->end_ps = counts->end_ps;
    out->time_s = (double)counts->end_ps * 1e-12;
    out->instants = counts->instants;
    out->fills = counts->fills;
    out->refilled = counts->refilled;
    out->bottleneck = UINT32_MAX;
    for (uint32_t l = 0; l < p->n_links; l++) {
        double busy_s = p->link_bytes[l] / p->link[l].cap_bytes_per_s;
        if (busy_s > most_s) {
            most_s = busy_s;
            out->bottleneck = p->link[l].id;
        }
    }
    out->bound_s = most_s > bound_s ? most_s : bound_s;
    out->bottleneck_fraction = out->time_s > 0 ? most_s / out->time_s : 0;
    if (router)
        sp_i_flow_name_bottleneck(router, out);
    if (sp_i_flow_too_long(fmax(out->bound_s, out->time_s), err) != SP_OK)
        return SP_E_RANGE;
    /* ends are rounded to ticks, up but for 1e-3 of one; shares and rates to 2^-30 */
    double slack_s = 1e-8 * out->bound_s + 1e-12 * (1 + 1e-3 * (double)counts->instants);
    if (out->time_s + slack_s < out->bound_s)
        return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "flows end after %.12g s, below their bound of %.12g s: a bug", out->time_s,
                            out->bound_s);
    return SP_OK;
}

/* ---- lists ---------------------------------------------------------------------------------------------------------------- */

sp_status sp_i_flow_check(const char *what, uint32_t n_ends, const sp_flow *flows, uint32_t n, sp_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const sp_flow *f = &flows[i];
        if (f->src >= n_ends || f->dst >= n_ends)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u goes from %s %u to %s %u; there are %ss 0 to %u", i, what, f->src, what, f->dst,
                                what, n_ends - 1);
        if (!(f->bytes >= 0) || !isfinite(f->bytes) || f->bytes > 1e18)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u has %g bytes; expected 0 to 1e18", i, f->bytes);
        if (!(f->start_s >= 0) || f->start_s > 1e6)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u starts at %g s; expected 0 to 1e6", i, f->start_s);
        if (f->after != UINT32_MAX && (f->after >= n || f->after == i))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u waits for flow %u; the list has %u flows", i, f->after, n);
    }
    return SP_OK;
}

bool sp_i_flow_waits(sp_i_problem *p, const sp_flow *flows, uint32_t n)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++)
        any = any || flows[i].after != UINT32_MAX;
    if (!any)
        return true;
    p->succ_off = calloc((size_t)n + 3, sizeof *p->succ_off);
    p->succ = malloc(((size_t)n + 1) * sizeof *p->succ);
    if (!p->succ_off || !p->succ)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (flows[i].after != UINT32_MAX) {
            p->succ_off[flows[i].after + 2]++;
            p->waits[i] = 1;
        }
    for (uint32_t i = 0; i < n; i++)
        p->succ_off[i + 2] += p->succ_off[i + 1];
    for (uint32_t i = 0; i < n; i++)   /* filling moves each offset one place on, to where it belongs */
        if (flows[i].after != UINT32_MAX)
            p->succ[p->succ_off[flows[i].after + 1]++] = i;
    return true;
}

static sp_status add_flows(sp_i_problem *p, const sp_router *router, const sp_flow_options *options, const double *fraction,
                           const sp_flow *flows, uint32_t n, sp_error *err)
{
    sp_hop *hops = malloc(((size_t)sp_router_hops_max(router) + 1) * sizeof *hops);
    sp_status status = hops && sp_i_problem_tasks(p, n, n, true) && sp_i_flow_waits(p, flows, n) ? SP_OK : sp_i_flow_no_memory(err);
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        status = sp_i_flow_route_add(p, router, options, fraction, flows[i].src, flows[i].dst, i, hops, err);
        p->task_route[i] = i;
        p->task_size[i] = i;
        p->size[i].bytes = flows[i].bytes;
        p->start_ps[i] = sp_ticks_ps(flows[i].start_s);
    }
    free(hops);
    return status;
}

sp_status sp_fabric_flows(const sp_machine *machine, const sp_flow_options *options, const sp_flow *flows, uint32_t n,
                          double *start_s, double *end_s, sp_flow_time *out, sp_error *err)
{
    sp_router *router = NULL;
    sp_i_problem p = {0};
    sp_i_flow_counts counts;
    sp_flow_time time = {.flows = n, .classes = n, .why_explicit = "a list of flows declares no symmetry"};
    double fraction[SP_TIERS_MAX];
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++)
        fraction[t] = options->rate_fraction > 0 ? options->rate_fraction : sp_tier_payload(machine, &machine->planes[0].tiers[t]);
    sp_status status = sp_i_flow_check("chip", machine->chips, flows, n, err);
    if (status == SP_OK)
        status = sp_i_flow_router(machine, options, &router, err);
    if (status == SP_OK && options->routing == SP_ROUTING_BORROW)
        status = sp_i_flow_borrow_list(router, flows, n, err);
    if (status == SP_OK && !sp_i_problem_open(&p, sp_router_links(router)))
        status = sp_i_flow_no_memory(err);
    if (status == SP_OK)
        status = add_flows(&p, router, options, fraction, flows, n, err);
    p.stop = options->stop;
    p.context = options->context;
    if (status == SP_OK)
        status = sp_i_problem_run(&p, &counts, err);
    if (status == SP_OK)
        status = sp_i_flow_report(&p, &counts, router, &time, err);
    if (status == SP_OK && options->heat)
        status = sp_i_flow_heat(&p, router, machine, NULL, time.time_s, options->heat, err);
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        if (start_s)
            start_s[i] = (double)p.start_ps[i] * 1e-12;
        if (end_s)
            end_s[i] = (double)p.end_ps[i] * 1e-12;
    }
    if (status == SP_OK)
        *out = time;
    sp_i_problem_close(&p);
    sp_router_destroy(router);
    return status;
}
