/* Plain lists of flows. */
#include "flow_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "superpod/engine.h"

sp_status sp_i_flow_check(const char *what, uint32_t n_ends, const sp_flow *flows, uint32_t n, sp_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const sp_flow *f = &flows[i];
        if (f->src >= n_ends || f->dst >= n_ends)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u goes from %s %u to %s %u; there are %ss 0 to %u", i, what, f->src, what, f->dst,
                                what, n_ends - 1);
        if (!(f->bytes >= 0) || !isfinite(f->bytes) || f->bytes > 1e18)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u has %g bytes; expected 0 to 1e18", i, f->bytes);
        if (!(f->compute_s >= 0) || f->compute_s > 1e6 || (f->compute_s > 0 && f->bytes > 0))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "flow %u computes for %g s and sends %g bytes; expected 0 to 1e6 s, and one of the two", i, f->compute_s,
                                f->bytes);
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

bool sp_i_flow_computes(sp_i_problem *p, uint32_t n_ends, const sp_flow *flows, uint32_t n)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++)
        any = any || flows[i].compute_s > 0;
    if (any && !sp_i_problem_streams(p, n_ends, 1))
        return false;
    for (uint32_t i = 0; i < n && any; i++)
        if (flows[i].compute_s > 0) {
            p->stream[i] = flows[i].src;
            p->work_ps[i] = sp_ticks_ps(flows[i].compute_s);
            p->order[i] = i;
        }
    return true;
}

static sp_status add_flows(sp_i_problem *p, const sp_router *router, const sp_flow_options *options, const double *fraction,
                           const sp_flow *flows, uint32_t n, uint32_t n_chips, sp_error *err)
{
    sp_hop *hops = malloc(((size_t)sp_router_hops_max(router) + 1) * sizeof *hops);
    bool room = hops && sp_i_problem_tasks(p, n, n, true) && sp_i_flow_waits(p, flows, n) && sp_i_flow_computes(p, n_chips, flows, n);
    sp_status status = room ? SP_OK : sp_i_flow_no_memory(err);
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        p->task_route[i] = flows[i].compute_s > 0 ? SP_I_NO_ROUTE : p->n_routes;
        if (flows[i].compute_s <= 0)
            status = sp_i_flow_route_add(p, router, options, fraction, flows[i].src, flows[i].dst, i, hops, err);
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
        status = add_flows(&p, router, options, fraction, flows, n, machine->chips, err);
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
