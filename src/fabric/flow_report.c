/* What a run of flows tells: loads of links, the bottleneck, the bound, and that the time is not below it. */
#include "flow_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool load_links(sp_i_problem *p)
{
    free(p->link_bytes);
    p->link_bytes = calloc((size_t)p->n_links + 1, sizeof *p->link_bytes);
    if (!p->link_bytes)
        return false;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        if (sp_i_task_route(p, t) == SP_I_NO_ROUTE)
            continue;
        const sp_i_flow_way *way = sp_i_task_way(p, t);
        sp_i_flow_hops hops = sp_i_task_hops(p, t);
        double bytes = p->size[p->task_size[t]].bytes * sp_i_task_steps(p, t) / (double)way->weight;
        for (uint32_t h = 0; h < hops.n; h++) {
            const sp_i_flow_load *load = sp_i_hop_load(p, &hops, h);
            p->link_bytes[hops.link[h]] += bytes * (double)load->load * (double)load->count;
        }
    }
    return true;
}

/* The stream that computes longest; false: no memory. */
static bool find_busiest_stream(const sp_i_problem *p, uint32_t *stream, double *most_s)
{
    double *busy_s = p->stream ? calloc((size_t)p->n_streams + 1, sizeof *busy_s) : NULL;
    *stream = 0;
    *most_s = 0;
    for (uint32_t t = 0; t < p->n_tasks && busy_s; t++)
        if (p->stream[t] != SP_I_NO_STREAM && (busy_s[p->stream[t]] += (double)p->work_ps[t] * 1e-12) > *most_s) {
            *most_s = busy_s[p->stream[t]];
            *stream = p->stream[t];
        }
    free(busy_s);
    return busy_s || !p->stream;
}

void sp_i_flow_name_bottleneck(const sp_router *router, sp_flow_time *out)
{
    if (out->bottleneck < sp_router_links(router))
        sp_router_link_name(router, out->bottleneck, out->bottleneck_name, sizeof out->bottleneck_name);
    else if (out->bottleneck != UINT32_MAX)
        snprintf(out->bottleneck_name, sizeof out->bottleneck_name, "memory of chip %u", out->bottleneck - sp_router_links(router));
}

sp_status sp_i_flow_report(sp_i_problem *p, const sp_i_flow_counts *counts, const sp_router *router, sp_flow_time *out, sp_error *err)
{
    double bound_s = (double)counts->chain_ps * 1e-12, most_s = 0, stream_s;
    uint32_t stream;
    if (!load_links(p) || !find_busiest_stream(p, &stream, &stream_s))
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
    double longest_s = fmax(most_s, stream_s);
    out->bound_s = longest_s > bound_s ? longest_s : bound_s;
    out->bottleneck_fraction = out->time_s > 0 ? longest_s / out->time_s : 0;
    if (stream_s > most_s) {
        out->bottleneck = UINT32_MAX;
        snprintf(out->bottleneck_name, sizeof out->bottleneck_name, "computing of chip %u", stream / p->streams_per_chip);
    } else if (router) {
        sp_i_flow_name_bottleneck(router, out);
    }
    if (sp_i_flow_too_long(fmax(out->bound_s, out->time_s), err) != SP_OK)
        return SP_E_RANGE;
    /* ends are rounded to ticks, up but for 1e-3 of one; shares and rates to 2^-30 */
    double slack_s = 1e-8 * out->bound_s + 1e-12 * (1 + 1e-3 * (double)counts->instants);
    if (out->time_s + slack_s < out->bound_s)
        return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "flows end after %.12g s, below their bound of %.12g s: a bug", out->time_s,
                            out->bound_s);
    return SP_OK;
}
