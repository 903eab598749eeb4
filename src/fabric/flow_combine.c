/* Switches that reduce and multicast. A sweep over all others inside one switched tier that reduces for every rank reads each contribution
 * once, the receiver's own included, and is delivered once; one that gathers what every rank has alike is sent once and delivered to all. As
 * shares of links: each of the n - 1 transfers into a receiver loads its port by 1 / (n - 1), and its sender's by n / (n - 1). */
#include "flow_program.h"

bool sp_i_flow_combines(const sp_i_flow_case *c, const sp_task_class *task, uint32_t src, uint32_t dst)
{
    const sp_tier *tiers = c->machine->planes[0].tiers;
    bool sweep = task->peer.op == SP_MAP_SHIFT && task->n_chunk + 1 == task->peer.digit.size && task->peer.c_chunk && !task->domain.size && task->n_step == 1;
    if (!c->options->in_switch || !sweep || task->effect == SP_EFFECT_MOVE)
        return false;
    for (uint32_t d = 0; d < task->n_data; d++)   /* a copy that differs from receiver to receiver is no multicast */
        if (task->effect == SP_EFFECT_COPY && c->program->data[task->data_off + d].c_chunk)
            return false;
    for (uint32_t t = 0; t < c->machine->planes[0].n_tiers; t++) {
        uint64_t unit = (uint64_t)tiers[t].stride * tiers[t].size;
        if (src / unit == dst / unit)
            return sp_tier_is_switched(tiers[t].kind) && !tiers[t].nic && !tiers[t].shared;
    }
    return false;
}

void sp_i_flow_combine(const sp_i_flow_case *c, const sp_task_class *task, sp_hop *hops, uint32_t n)
{
    double others = task->n_chunk;
    for (uint32_t h = 0; h < n; h++) {
        sp_link link;
        sp_router_link(c->router, hops[h].link, &link);
        hops[h].share *= link.up == (task->effect == SP_EFFECT_REDUCE) ? (others + 1) / others : 1 / others;
    }
}
