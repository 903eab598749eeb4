/* Links that die under a job, and switches that take one link of each chip of a rack: its traffic goes round them. It pays the notice and the step in flight, and is slower by the bandwidth that the chip
 * at the link's end has left, for which its groups wait, until the link is repaired. Nothing goes back to a checkpoint. */
#include "operate_i.h"

#include <math.h>

static double step_s(const sp_i_run *run, uint32_t job)
{
    uint32_t kind = run->jobs->job[job].kind;
    return kind == 0 ? run->op->reroute_s : run->op->kind[kind - 1].step_time_s;
}

/* One dead link more on a tier, or one less; the job's speed follows. False: it cannot go on with so few, and nothing changed. */
static bool change_links(sp_i_run *run, sp_i_slot *slot, uint32_t tier, bool more)
{
    double before = slot->slow;
    if (more && slot->links_lost[tier] == UINT8_MAX) return false;
    slot->links_lost[tier] += more ? 1 : UINT8_MAX;
    slot->n_links += more ? 1u : UINT32_MAX;
    sp_spread spread = sp_cluster_spread(run->cluster, slot->list);
    sp_i_measure(run, slot, &spread);
    if (isfinite(slot->slow)) return true;
    slot->links_lost[tier]--;
    slot->n_links--;
    slot->slow = before;
    return false;
}

/* The segment ends without loss, at the old speed, and another begins at the new one. Whoever stood still anyway notices nothing. */
static void run_on(sp_i_run *run, uint32_t s, double slow, sp_i_pauses pauses)
{
    sp_i_slot *slot = &run->slot[s];
    double left_s = 1e-6 * (double)sp_i_pause_left(run, slot), after = slot->slow;
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    slot->slow = slow;
    sp_i_segment(run, slot, SP_I_SAVED);
    slot->slow = after;
    slot->generation++;
    sp_i_begin(run, s, left_s > 0 ? (sp_i_pauses){.restart_s = left_s} : pauses);
}

static bool push_back(sp_i_run *run, const sp_fail_class *row, uint32_t class, uint32_t s, uint32_t tier)
{
    uint32_t h = sp_i_hidden_new(run);
    if (h == SP_NOWHERE) return false;
    run->hidden[h] = (sp_i_hidden){.unit = tier, .since_us = run->slot[s].since_us, .class = class, .slot = s, .job = run->slot[s].job};
    int64_t at = run->now_us + sp_i_repair_us(run, row);
    return at >= run->horizon_us || sp_queue_push(run->queue, at, 1, SP_I_LINK, h);
}

static uint32_t tier_of(const sp_i_run *run, const sp_i_slot *slot, sp_fail_unit unit)
{
    sp_spread spread = sp_cluster_spread(run->cluster, slot->list);
    return sp_i_link_tier(run->op->machine, &run->cluster->shape, &spread, unit);
}

/* The job goes round a link of its own that died in the rack. False: it has no other. */
static bool go_round(sp_i_run *run, uint32_t class, uint32_t s, uint32_t leaf)
{
    const sp_fail_class *row = &run->op->failures->row[class];
    sp_i_slot *slot = &run->slot[s];
    uint32_t tier = tier_of(run, slot, row->unit);
    if (tier == SP_NOWHERE) return true;
    double before = slot->slow;
    if (row->down && !change_links(run, slot, tier, true)) return false;
    sp_i_tell(run, SP_HAPPENED_FAIL, SP_NOWHERE, class, leaf, 1);
    sp_i_count_stop(run, slot->job);
    run->history.rerouted++;
    run_on(run, s, before, (sp_i_pauses){.detect_s = sp_i_notice_s(run->op, row), .restart_s = step_s(run, slot->job)});
    sp_i_tell(run, SP_HAPPENED_REROUTE, slot->job, SP_NOWHERE, leaf, slot->chips);
    run->no_memory |= row->down && !push_back(run, row, class, s, tier);
    return true;
}

bool sp_i_reroute(sp_i_run *run, uint32_t class, uint32_t chip)
{
    uint32_t s = sp_cluster_owner(run->cluster, chip);
    return s == SP_NOWHERE || go_round(run, class, s, chip / run->cluster->shape.leaf_chips);
}

/* Has a chip of the job other switches on that tier? */
static bool has_other_switch(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    uint32_t tier = tier_of(run, slot, SP_FAIL_SWITCH);
    double before = slot->slow;
    if (tier == SP_NOWHERE) return true;
    if (!change_links(run, slot, tier, true)) return false;
    change_links(run, slot, tier, false);
    slot->slow = before;
    return true;
}

bool sp_i_reroute_switch(sp_i_run *run, uint32_t class, uint32_t leaf, const uint32_t *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!has_other_switch(run, slots[i])) return false;
    for (uint32_t i = 0; i < n; i++) go_round(run, class, slots[i], leaf);
    return true;
}

void sp_i_link_back(sp_i_run *run, uint32_t h)
{
    const sp_i_hidden hidden = run->hidden[h];
    sp_i_slot *slot = &run->slot[hidden.slot];
    sp_i_hidden_drop(run, h);
    if (slot->job != hidden.job || slot->since_us != hidden.since_us) return;   /* it has left; whoever came finds the link whole */
    double before = slot->slow;
    change_links(run, slot, (uint32_t)hidden.unit, false);
    sp_i_tell(run, SP_HAPPENED_REPAIR, slot->job, hidden.class, SP_NOWHERE, 0);
    run_on(run, hidden.slot, before, (sp_i_pauses){0});
}
