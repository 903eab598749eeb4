/* Elastic jobs: one that loses chips for which nothing stands by gives up the data-parallel replicas they were of and goes on; it grows
 * back when as many chips come free, before anybody else starts. */
#include "operate_i.h"

#include <stdlib.h>

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

/* Speed by the chips that are left, and by where they lie. */
static void measure(sp_i_run *run, sp_i_slot *slot)
{
    sp_spread spread = sp_cluster_spread(run->cluster, slot->list);
    double less = (double)run->jobs->job[slot->job].chips / slot->chips;
    slot->slow = sp_i_slow(run, slot->job, &spread) * less * slot->straggle;
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
    measure(run, slot);
}

bool sp_i_shrink(sp_i_run *run, uint32_t s, uint32_t leaf, uint64_t lost)
{
    sp_i_slot *slot = &run->slot[s];
    uint32_t replica = run->jobs->job[slot->job].replica_chips, gone = sp_i_count(lost);
    if (replica == 0) return false;
    uint32_t less = (gone + replica - 1) / replica * replica;
    if (less >= slot->chips || !list_shrunk(run, s)) return false;
    release(run, slot, leaf, less - gone);
    hold(run, slot, slot->chips - less);
    run->history.shrunk++;
    run->dirty = true;
    return true;
}

/* Whole replicas, as many as there are chips for; near the chips it has. */
static bool grow(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    const sp_job *job = &run->jobs->job[slot->job];
    sp_cluster *c = run->cluster;
    uint32_t most = job->chips - slot->chips, free_chips = sp_i_available(run) < most ? sp_i_available(run) : most, more = free_chips / job->replica_chips * job->replica_chips;
    if (more == 0) return false;
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    sp_i_segment(run, slot, SP_I_SAVED);
    slot->generation++;
    uint32_t near = c->piece[slot->list].leaf;
    for (uint32_t left = more, take; left > 0; left -= take) {
        take = left < c->shape.leaf_chips ? left : c->shape.leaf_chips;
        run->no_memory |= !sp_i_extend(c, near, take, s, &slot->list, NULL);
    }
    hold(run, slot, slot->chips + more);
    run->history.grown++;
    sp_i_tell(run, SP_HAPPENED_GROW, slot->job, SP_NOWHERE, SP_NOWHERE, slot->chips);
    sp_i_begin(run, s, 1e-6 * (double)slot->checkpoint_us, 0, run->op->swap_s);
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
