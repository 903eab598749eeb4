/* Jobs that go on with fewer chips when some are lost for which nothing stands by: an elastic one gives up the data-parallel replicas they were
 * of; one whose kind has a table of recovery takes the plan there that costs it least. They grow back when as many chips come free, before
 * anybody else starts. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool list_shrunk(sp_i_run *run, uint32_t s)
{
    for (uint32_t i = 0; i < run->n_shrunk; i++)
        if (run->shrunk[i] == s) return true;
    if (run->n_shrunk == run->shrunk_room) {
        uint32_t room = 2 * run->shrunk_room + 16, *grown = realloc(run->shrunk, room * sizeof *grown);
        if (grown == NULL) {
            run->no_memory = true;
            return false;
        }
        run->shrunk = grown;
        run->shrunk_room = room;
    }
    run->shrunk[run->n_shrunk++] = s;
    return true;
}

void sp_i_forget_shrunk(sp_i_run *run, uint32_t s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < run->n_shrunk; i++)
        if (run->shrunk[i] != s) run->shrunk[n++] = run->shrunk[i];
    run->n_shrunk = n;
}

/* So many chips of the job come free: those beside the lost ones first. */
static void release(sp_i_run *run, sp_i_slot *slot, uint32_t leaf, uint32_t chips)
{
    sp_cluster *c = run->cluster;
    uint32_t s = (uint32_t)(slot - run->slot);
    sp_i_piece *piece = sp_i_piece_of(c, leaf, s);
    if (piece != NULL) chips -= sp_i_give_back(c, piece, chips);
    for (uint32_t p = slot->list; chips > 0; p = c->piece[p].next) chips -= sp_i_give_back(c, &c->piece[p], chips);   /* the rest of a run comes next */
}

/* Speed by the chips that are left, and by where they lie. A plan of the table was predicted on its ideal placement; no plan counts as faster
 * than the job's own. */
static double slow_of(sp_i_run *run, const sp_i_slot *slot, const sp_spread *spread, const sp_faults *broken)
{
    double less = (double)run->jobs->job[slot->job].chips / slot->chips;
    if (slot->row == NULL) return sp_i_slow(run, slot->job, spread, broken) * less * slot->straggle;
    return fmax(1, sp_i_slow_there(run, spread, broken) / slot->row->speed) * slot->straggle;
}

/* Who is cut off loses the chip at this tick, and has no speed until then. */
void sp_i_measure(sp_i_run *run, sp_i_slot *slot, const sp_spread *spread)
{
    uint32_t s = (uint32_t)(slot - run->slot);
    sp_i_lost lost = sp_i_lost_by(run, s, spread);
    sp_faults faults = {.straggler = 1};   /* that is a factor of its own */
    memcpy(faults.links_lost, lost.links, sizeof faults.links_lost);
    slot->slow = slow_of(run, slot, spread, lost.any ? &faults : NULL);
    slot->cut_off = isinf(slot->slow);
    if (!slot->cut_off) return;
    slot->slow = slow_of(run, slot, spread, NULL);
    run->no_memory |= !sp_queue_push(run->queue, run->now_us, 1, SP_I_CUT_OFF, s);
}

static void hold(sp_i_run *run, sp_i_slot *slot, uint32_t chips)
{
    int64_t change = (int64_t)chips - slot->chips;
    slot->chips = chips;
    run->running_chips += (uint32_t)change;
    sp_i_user_runs(run, slot->job, change);
    sp_i_level_runs(run, slot->job, change);
    free(slot->tally);   /* told of single replacements alone */
    slot->tally = NULL;
    sp_spread spread = sp_cluster_spread(run->cluster, slot->list);
    sp_i_measure(run, slot, &spread);
}

bool sp_i_shrink(sp_i_run *run, uint32_t s, uint32_t leaf, uint32_t gone)
{
    sp_i_slot *slot = &run->slot[s];
    uint32_t replica = run->jobs->job[slot->job].replica_chips;
    if (replica == 0) return false;
    uint32_t less = (gone + replica - 1) / replica * replica;
    if (less >= slot->chips || !list_shrunk(run, s)) return false;
    release(run, slot, leaf, less - gone);
    hold(run, slot, slot->chips - less);
    run->history.shrunk++;
    run->dirty = true;
    return true;
}

/* How long until the chips that it lacks are there: the part's repair, or expected ends of others if they come first. */
static double lacking_s(const sp_i_run *run, const sp_i_slot *slot, uint32_t have, double repair_s)
{
    uint32_t extra;
    int64_t at = sp_i_ends_shadow(&run->ends, sp_i_available(run) + have, run->jobs->job[slot->job].chips, &extra);
    return at == INT64_MAX ? repair_s : fmin(repair_s, 1e-6 * (double)(at - run->now_us));
}

/* A job that grows back from it pauses once more: processes alone, or the whole job for another layout of its state. */
static double back_s(const sp_i_run *run, const sp_recovery_row *row)
{
    return row->rung == SP_RUNG_REPLAN ? run->op->restart_s : run->op->swap_s;
}

/* Of all the table's smaller plans that have chips, the one that costs least until then and back. */
static const sp_recovery_row *cheapest(const sp_i_run *run, const sp_recovery *table, uint32_t have, double lacking_s, double *cost_s)
{
    static const sp_rung rungs[] = {SP_RUNG_SHRINK, SP_RUNG_REPLAN};
    const sp_recovery_row *best = NULL;
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++)
        for (int i = 0; i < 2; i++) {
            const sp_recovery_row *row = sp_recovery_rung(table, (sp_fail_unit)unit, true, SP_ROOM_NONE, rungs[i]);
            if (!row->feasible || row->chips > have) continue;
            double cost = row->transition_s + fmax(0, 1 - row->speed) * fmax(0, lacking_s - row->transition_s) + back_s(run, row);
            if (best != NULL && cost >= *cost_s) continue;
            best = row;
            *cost_s = cost;
        }
    return best;
}

const sp_recovery_row *sp_i_replan(sp_i_run *run, uint32_t s, uint32_t leaf, uint32_t gone, double repair_s)
{
    sp_i_slot *slot = &run->slot[s];
    uint32_t kind = run->jobs->job[slot->job].kind, have = slot->chips - gone;
    const sp_recovery *table = kind == 0 ? NULL : run->op->kind[kind - 1].recovery;
    if (table == NULL) return NULL;
    double wait_s = lacking_s(run, slot, have, repair_s), cost_s = 0;
    const sp_recovery_row *row = cheapest(run, table, have, wait_s, &cost_s);
    if (row == NULL || cost_s + 1e-6 * (double)slot->checkpoint_us >= run->op->detect_s + wait_s + run->op->restart_s || !list_shrunk(run, s)) return NULL;
    release(run, slot, leaf, have - row->chips);
    slot->row = row;
    hold(run, slot, row->chips);
    if (row->rung == SP_RUNG_REPLAN) run->history.replanned++;
    else run->history.shrunk++;
    run->dirty = true;
    return row;
}

/* Whole replicas, as many as there are chips for (of another plan: all that are lacking); near the chips it has. */
static bool grow(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    const sp_job *job = &run->jobs->job[slot->job];
    sp_cluster *c = run->cluster;
    uint32_t most = job->chips - slot->chips, free_chips = sp_i_available(run) < most ? sp_i_available(run) : most, unit = slot->row != NULL ? most : job->replica_chips;
    uint32_t more = free_chips / unit * unit;
    if (more == 0) return false;
    double restart_s = slot->row != NULL ? back_s(run, slot->row) : run->op->swap_s;
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    sp_i_segment(run, slot, SP_I_SAVED);
    slot->generation++;
    uint32_t near = c->piece[slot->list].leaf;
    for (uint32_t left = more, take; left > 0; left -= take) {
        take = left < c->shape.leaf_chips ? left : c->shape.leaf_chips;
        run->no_memory |= !sp_i_extend(c, near, take, s, &slot->list, NULL);
    }
    slot->row = NULL;
    hold(run, slot, slot->chips + more);
    run->history.grown++;
    sp_i_tell(run, SP_HAPPENED_GROW, slot->job, SP_NOWHERE, SP_NOWHERE, slot->chips);
    sp_i_begin(run, s, (sp_i_pauses){.drain_s = 1e-6 * (double)slot->checkpoint_us, .restart_s = restart_s});
    return slot->chips == job->chips;
}

void sp_i_grow_all(sp_i_run *run)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < run->n_shrunk; i++) {
        uint32_t s = run->shrunk[i];
        if (run->no_memory || !grow(run, s)) run->shrunk[n++] = s;
    }
    run->n_shrunk = n;
}
