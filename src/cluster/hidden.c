/* Faults that nobody notices when they happen: slow parts, for which whole jobs wait, and silent corruption, whose work is worth
 * nothing once it is found. Found after a while, a part is then treated as one that fails. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>

uint32_t sp_i_hidden_new(sp_i_run *run)
{
    if (run->hidden_free == SP_NOWHERE) {
        uint32_t room = run->hidden_room * 2 + 16;
        sp_i_hidden *hidden = realloc(run->hidden, room * sizeof *hidden);
        if (hidden == NULL) return SP_NOWHERE;
        for (uint32_t i = run->hidden_room; i < room; i++) hidden[i].next_free = i + 1 < room ? i + 1 : SP_NOWHERE;
        run->hidden_free = run->hidden_room;
        run->hidden = hidden;
        run->hidden_room = room;
    }
    uint32_t h = run->hidden_free;
    run->hidden_free = run->hidden[h].next_free;
    return h;
}

void sp_i_hidden_drop(sp_i_run *run, uint32_t h)
{
    run->hidden[h].next_free = run->hidden_free;
    run->hidden_free = h;
}

/* One slow part more, or one less. A segment ends without loss and another begins when that changes the speed. */
static void drag(sp_i_run *run, uint32_t s, double slows, bool more)
{
    sp_i_slot *slot = &run->slot[s];
    slot->n_slow += more ? 1u : UINT32_MAX;
    double after = more ? fmax(slot->straggle, slows) : slot->n_slow == 0 ? 1 : slot->straggle;
    if (after == slot->straggle) return;
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    double pause_s = 1e-6 * (double)sp_i_pause_left(run, slot);
    sp_i_segment(run, slot, SP_I_SAVED);
    slot->generation++;
    slot->slow *= after / slot->straggle;
    slot->straggle = after;
    sp_i_begin(run, s, (sp_i_pauses){.restart_s = pause_s});
}

bool sp_i_hide(sp_i_run *run, uint32_t class, uint64_t unit, uint32_t s)
{
    const sp_fail_class *row = &run->op->failures->row[class];
    sp_i_slot *slot = &run->slot[s];
    uint32_t h = sp_i_hidden_new(run);
    if (h == SP_NOWHERE) return false;
    run->hidden[h] = (sp_i_hidden){.unit = unit, .since_us = slot->since_us, .clean_us = sp_i_left_in_checkpoint(run, slot), .class = class, .slot = s, .job = slot->job};
    if (row->slows > 1) drag(run, s, row->slows, true);
    int64_t at = run->now_us + sp_i_us(row->found_s.nominal * -log1p(-sp_rng_unit(&run->rng)));
    return at >= run->horizon_us || sp_queue_push(run->queue, at, 3, SP_I_FOUND, h);
}

static uint32_t slot_of(const sp_i_run *run, uint32_t job)
{
    for (uint32_t s = 0; s < run->slots; s++)
        if (run->slot[s].job == job) return s;
    return SP_NOWHERE;
}

/* All work since the last checkpoint before the fault is done again, wherever the job is by now; a job that has ended keeps its wrong
 * result. */
static void undo(sp_i_run *run, const sp_i_hidden *hidden)
{
    uint32_t s = slot_of(run, hidden->job);
    int64_t *left = &run->progress[hidden->job].left_us;
    if (s == SP_NOWHERE && *left == 0) {
        run->history.corrupted++;
        return;
    }
    if (s != SP_NOWHERE) {
        sp_i_slot *slot = &run->slot[s];
        sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
        sp_i_segment(run, slot, SP_I_SAVED);
        slot->generation++;
        left = &slot->left_us;
    }
    if (hidden->clean_us > *left) sp_i_undo(run, hidden->job, hidden->clean_us - *left);
    if (hidden->clean_us > *left) *left = hidden->clean_us;
    if (s == SP_NOWHERE) return;
    sp_i_stored_undo(run, s);
    sp_i_count_stop(run, hidden->job);
    sp_i_tell(run, SP_HAPPENED_RESTART, hidden->job, hidden->class, SP_NOWHERE, run->slot[s].chips);
    sp_i_begin(run, s, (sp_i_pauses){.restart_s = run->op->swap_s, .load_s = sp_i_read_s(run, hidden->job)});
}

void sp_i_found(sp_i_run *run, uint32_t h)
{
    sp_i_hidden hidden = run->hidden[h];
    const sp_fail_class *row = &run->op->failures->row[hidden.class];
    const sp_i_slot *slot = &run->slot[hidden.slot];
    sp_i_hidden_drop(run, h);
    bool there = slot->job == hidden.job && slot->since_us == hidden.since_us;
    if (row->corrupts) undo(run, &hidden);
    if (row->slows > 1 && there) drag(run, hidden.slot, row->slows, false);
    if (row->down || (row->slows > 1 && there)) sp_i_strike(run, hidden.class, hidden.unit);
}
