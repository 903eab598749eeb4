/* The arithmetic of rates, in one place: whoever works out an end does it in the same integers. */
#ifndef SP_FABRIC_FLOW_RATE_H
#define SP_FABRIC_FLOW_RATE_H

#include <math.h>

#include "flow_i.h"

/* bytes/s of one quantum. */
static inline double sp_i_rate_quantum(const sp_i_problem *p)
{
    double most = p->fastest_bytes_per_s > 1 ? p->fastest_bytes_per_s : 1;
    for (uint32_t l = 0; l < p->n_links; l++)
        most = p->link[l].cap_bytes_per_s > most ? p->link[l].cap_bytes_per_s : most;
    return ldexp(1, (int)ceil(log2(most)) - 52);
}

/* Fair share, in quanta a weight of 1, of loads on what is left of a link. */
static inline double sp_i_rate_share(int64_t left, int64_t open)
{
    double share = floor((double)left * (double)SP_I_ONE / (double)open);
    return share < 1 ? 1 : share;
}

/* Quanta that a load takes at a share. */
static inline int64_t sp_i_rate_used(double share, int64_t load)
{
    return load == SP_I_ONE ? (int64_t)share : (int64_t)floor(share * (double)load / (double)SP_I_ONE);
}

/* Ticks that bytes take at a rate; rounding of 1e-3 ticks keeps whole quotients whole. */
static inline double sp_i_rate_ticks(double bytes, int64_t rate, double quantum_bytes_per_ps)
{
    return bytes > 0 ? ceil(bytes / ((double)rate * quantum_bytes_per_ps) - 1e-3) : 0;
}

static inline bool sp_i_task_flows(const sp_i_problem *p, uint32_t task)
{
    return sp_i_task_route(p, task) != SP_I_NO_ROUTE && sp_i_task_way(p, task)->n && p->size[p->task_size[task]].bytes > 0;
}

static inline int64_t sp_i_task_release_ps(const sp_i_problem *p, uint32_t task)
{
    return p->start_ps ? p->start_ps[task] : p->launch_ps;
}

static inline bool sp_i_task_computes(const sp_i_problem *p, uint32_t task)
{
    return p->stream && p->stream[task] != SP_I_NO_STREAM;
}

/* Before the wire: endpoint overhead, then the path's latency. Of what computes: its time. */
static inline int64_t sp_i_task_delay_ps(const sp_i_problem *p, uint32_t task)
{
    if (sp_i_task_computes(p, task))
        return p->work_ps[task];
    return p->size[p->task_size[task]].delay_ps + (sp_i_task_route(p, task) == SP_I_NO_ROUTE ? 0 : sp_i_task_way(p, task)->latency_ps);
}

/* Share of a flow when it is alone, in quanta. */
static inline double sp_i_task_share(const sp_i_problem *p, uint32_t task, double quantum)
{
    double share = INFINITY;
    sp_i_flow_hops hops = sp_i_task_hops(p, task);
    for (uint32_t h = 0; h < hops.n; h++) {
        double here = sp_i_rate_share((int64_t)(p->link[hops.link[h]].cap_bytes_per_s / quantum), sp_i_hop_load(p, &hops, h)->load);
        share = here < share ? here : share;
    }
    return share;
}

/* Whole ticks on the wire when it is alone, as events would have them. */
static inline double sp_i_task_wire_ps(const sp_i_problem *p, uint32_t task, double quantum)
{
    if (!sp_i_task_flows(p, task))
        return 0;
    int64_t rate = sp_i_rate_used(sp_i_task_share(p, task, quantum), sp_i_task_way(p, task)->weight);
    return sp_i_rate_ticks(p->size[p->task_size[task]].bytes, rate < 1 ? 1 : rate, quantum * 1e-12);
}

/* No less than this does it take, whatever else flows. */
static inline int64_t sp_i_task_alone_ps(const sp_i_problem *p, uint32_t task)
{
    double wire_ps = sp_i_task_flows(p, task) ? floor(p->size[p->task_size[task]].bytes / sp_i_task_way(p, task)->alone_bytes_per_s * 1e12) : 0;
    return sp_i_task_delay_ps(p, task) + (int64_t)(wire_ps < 1e18 ? wire_ps : 1e18);
}

#endif
