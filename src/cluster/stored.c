/* Copies to storage of checkpoints that lie in memory. A failure that takes the memory with it takes the job back to the last of them; they
 * go on behind the work, as often as is best for such failures alone. Model page: checkpointing.md. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>

static int64_t cycle_us(const sp_i_slot *slot) { return slot->interval_us + slot->checkpoint_us; }

static bool room(sp_i_run *run)
{
    if (run->stored_room >= run->slots) return true;
    sp_i_stored *grown = realloc(run->stored, run->slots * sizeof *grown);
    if (grown == NULL) return false;
    for (uint32_t s = run->stored_room; s < run->slots; s++) grown[s] = (sp_i_stored){0};
    run->stored = grown;
    run->stored_room = run->slots;
    return true;
}

void sp_i_stored_begin(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    uint32_t kind = run->jobs->job[slot->job].kind;
    const sp_ckpt *ckpt = kind == 0 ? NULL : &run->op->kind[kind - 1].ckpt;
    double takes_s = ckpt == NULL ? run->op->storage_s : ckpt->storage_s, share = ckpt == NULL ? run->op->storage_share : ckpt->storage_share;
    if (takes_s == 0 && run->stored == NULL) return;
    if (!room(run)) {
        run->no_memory = true;
        return;
    }
    sp_i_stored *stored = &run->stored[s];
    *stored = (sp_i_stored){.takes_us = sp_i_us(takes_s), .every_us = INT64_MAX / 8, .left_us = slot->left_us, .place = ckpt == NULL ? run->op->place : ckpt->place};
    double rate = run->forget_rate_per_chip[stored->place] * slot->chips, stall_s = share * takes_s;
    if (rate <= 0 || takes_s == 0) return;
    double every = 1e6 * fmax(takes_s, sp_cluster_interval(1 / rate, stall_s)), cycles = ceil(every / (double)cycle_us(slot));
    if (cycles * (double)cycle_us(slot) > 1e17) return;
    slot->checkpoint_us += (int64_t)(1e6 * stall_s / cycles + 0.5);   /* shared out over the checkpoints from one copy to the next */
    stored->every_us = (int64_t)cycles * cycle_us(slot);
}

static sp_i_stored *of(const sp_i_run *run, uint32_t s) { return run->stored == NULL || run->stored[s].takes_us == 0 ? NULL : &run->stored[s]; }

/* A copy is of the last checkpoint before it begins. One that is on its way when a segment ends begins anew. */
void sp_i_stored_after(sp_i_run *run, const sp_i_slot *slot, int64_t run_us)
{
    sp_i_stored *stored = of(run, (uint32_t)(slot - run->slot));
    if (stored == NULL) return;
    int64_t every = stored->every_us, first = every > stored->since_us ? every - stored->since_us : 0;
    if (run_us < first) {
        stored->since_us += run_us;
        return;
    }
    int64_t last = first + (run_us - first) / every * every;
    stored->since_us = run_us - last >= stored->takes_us ? run_us - last : every;
    if (run_us < first + stored->takes_us) return;
    int64_t begun = first + (run_us - first - stored->takes_us) / every * every, wall = begun / cycle_us(slot) * slot->interval_us;
    int64_t useful = slot->slow <= 1 ? wall : (int64_t)((double)wall / slot->slow);
    stored->left_us = useful < slot->left_us ? slot->left_us - useful : 0;
}

void sp_i_stored_undo(sp_i_run *run, uint32_t s)
{
    sp_i_stored *stored = of(run, s);
    if (stored != NULL && stored->left_us < run->slot[s].left_us) stored->left_us = run->slot[s].left_us;
}

/* A part that was found out, or is maintained, is left with its memory still readable. */
static bool takes_memory(const sp_fail_class *class) { return class->down && !class->planned && class->found_s.grade == SP_GRADE_NONE; }

void sp_i_count_forgetting(sp_i_run *run, const sp_fail_class *class, double rate_per_chip)
{
    for (int place = 0; place < SP_CKPT_PLACES; place++)
        if (takes_memory(class) && !sp_ckpt_outlives((sp_ckpt_place)place, class->unit)) run->forget_rate_per_chip[place] += rate_per_chip;
}

bool sp_i_forgets(const sp_i_run *run, uint32_t s, const sp_fail_class *class)
{
    const sp_i_stored *stored = of(run, s);
    return stored != NULL && takes_memory(class) && !sp_ckpt_outlives(stored->place, class->unit);
}

void sp_i_fall_back(sp_i_run *run, uint32_t s)
{
    sp_i_stored *stored = &run->stored[s];
    sp_i_slot *slot = &run->slot[s];
    int64_t undone = stored->left_us - slot->left_us;
    stored->since_us = 0;
    if (undone <= 0) return;
    run->recompute_s_sum += 1e-6 * (double)undone * fmax(1, slot->slow);
    sp_i_undo(run, slot->job, undone);
    slot->left_us = stored->left_us;
}

double sp_i_load_s(const sp_i_run *run, uint32_t s, bool stored)
{
    return stored && of(run, s) != NULL ? 1e-6 * (double)run->stored[s].takes_us : sp_i_read_s(run, run->slot[s].job);
}
