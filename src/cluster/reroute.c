/* Links that die, and switches, of which one takes a link of each chip of a rack: jobs go round them. They pay the notice and the step in
 * flight, and are slower by the bandwidth that the worst off of their chips has left, for which its groups wait, until the link is repaired;
 * so are those that come later. Nothing goes back to a checkpoint. A job that has no other link there loses the chips, and the chips are
 * down until then. */
#include "operate_i.h"

#include <math.h>

typedef enum fate { UNTOUCHED, ROUND, CUT } fate;

static double step_s(const sp_i_run *run, uint32_t job)
{
    uint32_t kind = run->jobs->job[job].kind;
    return kind == 0 ? run->op->reroute_s : run->op->kind[kind - 1].step_time_s;
}

static void measure(sp_i_run *run, uint32_t s)
{
    sp_spread spread = sp_cluster_spread(run->cluster, run->slot[s].list);
    sp_i_measure(run, &run->slot[s], &spread);
}

static bool uses(const sp_i_run *run, uint32_t s, uint32_t class)
{
    sp_spread spread = sp_cluster_spread(run->cluster, run->slot[s].list);
    return sp_i_link_tier(run->op->machine, &run->cluster->shape, &spread, run->op->failures->row[class].unit) != SP_NOWHERE;
}

static fate fate_of(sp_i_run *run, uint32_t s, uint32_t class)
{
    if (!uses(run, s, class)) return UNTOUCHED;
    measure(run, s);
    return run->slot[s].cut_off ? CUT : ROUND;
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

/* slow: its speed until now. */
static void go_round(sp_i_run *run, uint32_t class, uint32_t s, uint32_t leaf, double slow)
{
    uint32_t job = run->slot[s].job;
    sp_i_count_stop(run, job);
    run->history.rerouted++;
    run_on(run, s, slow, (sp_i_pauses){.detect_s = sp_i_notice_s(run->op, &run->op->failures->row[class]), .restart_s = step_s(run, job)});
    sp_i_tell(run, SP_HAPPENED_REROUTE, job, SP_NOWHERE, leaf, run->slot[s].chips);
}

static void stays_dead(sp_i_run *run, uint32_t d)
{
    int64_t at = run->now_us + sp_i_repair_us(run, &run->op->failures->row[run->dead[d].class]);
    if (at < run->horizon_us) run->no_memory |= !sp_queue_push(run->queue, at, 1, SP_I_LINK, d);
}

/* Chips that are not needed go down with the part, and come back with it. */
static void take_down(sp_i_run *run, uint32_t d, uint64_t chips)
{
    if (chips == 0) return;
    sp_i_fail(run->cluster, run->dead[d].leaf, chips);
    run->dead[d].down |= chips;
    run->dirty = true;
}

static void lose_chips(sp_i_run *run, uint32_t s, uint32_t d)
{
    uint32_t leaf = run->dead[d].leaf, class = run->dead[d].class;
    uint64_t lost = sp_i_piece_of(run->cluster, leaf, s)->mask & run->dead[d].chips;
    run->slot[s].cut_off = false;
    take_down(run, d, lost);
    sp_i_interrupt(run, s, leaf, lost, &run->op->failures->row[class]);
}

void sp_i_cut_off(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    if (slot->job == SP_NOWHERE || !slot->cut_off) return;
    sp_spread spread = sp_cluster_spread(run->cluster, slot->list);
    uint32_t d = sp_i_dead_that_cuts(run, s, &spread);
    if (d != SP_NOWHERE) lose_chips(run, s, d);
}

bool sp_i_reroute(sp_i_run *run, uint32_t class, uint32_t chip)
{
    uint32_t leaf = chip / run->cluster->shape.leaf_chips, at = chip % run->cluster->shape.leaf_chips, s = sp_cluster_owner(run->cluster, chip);
    uint64_t bit = UINT64_C(1) << at;
    double before = s == SP_NOWHERE ? 0 : run->slot[s].slow;
    if ((run->cluster->leaf[leaf].down & bit) != 0) return true;
    if (!run->op->failures->row[class].down) {   /* back at once */
        if (s == SP_NOWHERE || !uses(run, s, class)) return true;
        sp_i_tell(run, SP_HAPPENED_FAIL, SP_NOWHERE, class, leaf, 1);
        go_round(run, class, s, leaf, before);
        return true;
    }
    uint32_t d = sp_i_dead_add(run, class, leaf, bit);
    if (d == SP_NOWHERE) return true;
    fate how = s != SP_NOWHERE ? fate_of(run, s, class) : sp_i_cuts_off(run, leaf, bit) ? CUT : UNTOUCHED;
    if (how == CUT) {
        sp_i_dead_drop(run, d);
        if (s != SP_NOWHERE) measure(run, s);
        return false;
    }
    sp_i_tell(run, SP_HAPPENED_FAIL, SP_NOWHERE, class, leaf, 1);
    stays_dead(run, d);
    if (how == ROUND) go_round(run, class, s, leaf, before);
    return true;
}

void sp_i_reroute_switch(sp_i_run *run, uint32_t class, uint32_t leaf, const uint32_t *slots, uint32_t n)
{
    const sp_fail_class *row = &run->op->failures->row[class];
    sp_cluster *c = run->cluster;
    double before[64];
    fate how[64];
    uint32_t d = sp_i_dead_add(run, class, leaf, c->full);
    if (d == SP_NOWHERE) return;
    sp_i_tell(run, SP_HAPPENED_FAIL, SP_NOWHERE, class, leaf, sp_i_count(c->full & ~c->leaf[leaf].down));
    for (uint32_t i = 0; i < n; i++) {
        before[i] = run->slot[slots[i]].slow;
        how[i] = fate_of(run, slots[i], class);
    }
    if (row->down) {
        stays_dead(run, d);
        if (sp_i_cuts_off(run, leaf, c->full)) take_down(run, d, sp_i_free(c, leaf));
    } else {
        sp_i_dead_drop(run, d);
        for (uint32_t i = 0; i < n; i++)
            if (how[i] != UNTOUCHED) measure(run, slots[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (how[i] == ROUND) go_round(run, class, slots[i], leaf, before[i]);
        else if (how[i] == CUT && row->down) lose_chips(run, slots[i], d);
        else if (how[i] == CUT) sp_i_interrupt(run, slots[i], leaf, 0, row);
    }
}

/* Chips that others took down and that are no longer cut off come back, too. */
static void bring_back(sp_i_run *run, uint32_t leaf)
{
    for (uint32_t d = run->dead_first[leaf]; d != SP_NOWHERE; d = run->dead[d].next)
        for (uint64_t left = run->dead[d].down, bit; left != 0; left &= left - 1) {
            bit = left & -left;
            if (sp_i_cuts_off(run, leaf, bit)) continue;
            sp_i_repair(run->cluster, leaf, bit);
            run->dead[d].down &= ~bit;
            run->dirty = true;
        }
}

void sp_i_link_back(sp_i_run *run, uint32_t d)
{
    const sp_i_dead dead = run->dead[d];
    sp_i_victim who[64];
    sp_i_dead_drop(run, d);
    if (dead.down != 0) sp_i_repair(run->cluster, dead.leaf, dead.down);
    run->dirty |= dead.down != 0;
    bring_back(run, dead.leaf);
    sp_i_tell(run, SP_HAPPENED_REPAIR, SP_NOWHERE, dead.class, dead.leaf, sp_i_count(dead.down));
    for (uint32_t i = 0, n = sp_i_victims(run->cluster, dead.leaf, dead.chips & ~dead.down, who); i < n; i++) {
        double before = run->slot[who[i].slot].slow;
        measure(run, who[i].slot);
        if (run->slot[who[i].slot].slow != before) run_on(run, who[i].slot, before, (sp_i_pauses){0});
    }
}
