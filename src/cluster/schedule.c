/* Jobs on and off the machine, and what starts when something changed. */
#include "operate_i.h"

#include <stdlib.h>
#include <string.h>

static uint32_t new_slot(sp_i_run *run)
{
    if (run->slot_free == SP_NOWHERE) {
        uint32_t more = run->slots + 64;
        sp_i_slot *slot = aligned_alloc(_Alignof(sp_i_slot), (run->slots + (size_t)more) * sizeof *slot);
        if (slot == NULL) return SP_NOWHERE;
        if (run->slots != 0) memcpy(slot, run->slot, run->slots * sizeof *slot);
        free(run->slot);
        run->slot = slot;
        for (uint32_t i = 0; i < more; i++)
            slot[run->slots + i] = (sp_i_slot){.job = SP_NOWHERE, .next_free = i + 1 < more ? run->slots + i + 1 : SP_NOWHERE};
        run->slot_free = run->slots;
        run->slots += more;
    }
    uint32_t s = run->slot_free;
    run->slot_free = run->slot[s].next_free;
    return s;
}

void sp_i_begin(sp_i_run *run, uint32_t s, sp_i_pauses pauses)
{
    sp_i_slot *slot = &run->slot[s];
    const sp_job *job = &run->jobs->job[slot->job];
    slot->begin_us = run->now_us;
    slot->drain_us = sp_i_us(pauses.drain_s);
    slot->detect_us = sp_i_us(pauses.detect_s);
    slot->decide_us = sp_i_us(pauses.decide_s);
    slot->restart_us = sp_i_us(pauses.restart_s);
    slot->load_us = sp_i_us(pauses.load_s);
    int64_t length = sp_i_segment_length(slot), end = run->now_us + length;
    slot->end_key_us = end + (int64_t)((double)(job->estimate_us - job->work_us) * slot->slow);
    run->no_memory |= !sp_i_ends_add(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    if (end < run->horizon_us)
        run->no_memory |= !sp_queue_push(run->queue, end, 0, SP_I_END, (uint64_t)slot->generation << 32 | s);
}

/* What follows every change of who runs on how many chips. */
static void count_running(sp_i_run *run, uint32_t j, int64_t chips)
{
    run->running_chips += (uint32_t)chips;
    sp_i_user_runs(run, j, chips);
    sp_i_level_runs(run, j, chips);
}

void sp_i_leave(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    sp_cluster_free(run->cluster, slot->list);
    count_running(run, slot->job, -(int64_t)slot->chips);
    free(slot->tally);
    slot->tally = NULL;
    if (slot->chips != run->jobs->job[slot->job].chips) sp_i_forget_shrunk(run, s);
    slot->generation++;
    slot->job = SP_NOWHERE;
    slot->next_free = run->slot_free;
    run->slot_free = s;
    run->dirty = true;
}

void sp_i_requeue(sp_i_run *run, uint32_t s, sp_i_wait why)
{
    uint32_t j = run->slot[s].job;
    run->progress[j].left_us = run->slot[s].left_us;
    run->progress[j].since_us = run->now_us;
    run->progress[j].why = (uint8_t)why;
    sp_i_queue_add(run, j);
    sp_i_leave(run, s);
}

/* A job that was thrown out pays the restart; detection too, unless it was told to go. */
static void count_start(sp_i_run *run, uint32_t s, uint32_t j, double drain_s)
{
    const sp_job *job = &run->jobs->job[j];
    run->history.placements++;
    if (run->progress[j].why == SP_I_NEW) {
        run->progress[j].first_us = run->now_us;
        run->history.jobs_started++;
        sp_i_begin(run, s, (sp_i_pauses){.drain_s = drain_s});
        return;
    }
    bool failed = run->progress[j].why == SP_I_FAILED;
    run->requeued_chip_us += (sp_i_chip_us)job->chips * (uint64_t)(run->now_us - run->progress[j].since_us);
    if (failed) run->allocate_s_sum += 1e-6 * (double)(run->now_us - run->progress[j].since_us);
    sp_i_begin(run, s, (sp_i_pauses){drain_s, failed ? run->op->detect_s : 0, failed ? run->op->decide_s : 0, run->op->restart_s, sp_i_load_s(run, s, true)});
}

sp_request sp_i_request_of(const sp_i_run *run, uint32_t j)
{
    uint32_t chips = run->jobs->job[j].chips, segment = run->op->segment_chips;
    return (sp_request){.chips = chips, .segment_chips = segment != 0 && chips % segment == 0 ? segment : 0};
}

bool sp_i_start(sp_i_run *run, uint32_t j, double drain_s)
{
    const sp_job *job = &run->jobs->job[j];
    uint32_t s = new_slot(run), list;
    sp_spread spread;
    if (s == SP_NOWHERE) {
        run->no_memory = true;
        return false;
    }
    sp_request request = sp_i_request_of(run, j);
    if (!run->op->policy->place(run->cluster, &request, s, &list, &spread)) {
        run->slot[s].next_free = run->slot_free;
        run->slot_free = s;
        return false;
    }
    sp_i_slot *slot = &run->slot[s];
    slot->job = j;
    slot->list = list;
    for (uint32_t i = 0, p = list; i < SP_I_AHEAD; i++) {
        if (run->cluster->piece[p].next != SP_NOWHERE) p = run->cluster->piece[p].next;
        slot->ahead[i] = p;
    }
    slot->chips = job->chips;
    slot->since_us = run->now_us;
    slot->left_us = run->progress[j].left_us;
    slot->straggle = 1;
    slot->row = NULL;
    slot->n_slow = 0;
    sp_i_measure(run, slot, &spread);
    sp_i_keeping keeping = sp_i_keeping_of(run, j);
    slot->checkpoint_us = keeping.checkpoint_us;
    slot->copy_us = keeping.copy_us;
    slot->interval_us = keeping.interval_us;
    sp_i_stored_begin(run, s);
    sp_i_queue_remove(run, j);
    count_running(run, j, job->chips);
    count_start(run, s, j, drain_s);
    sp_i_tell(run, SP_HAPPENED_START, j, SP_NOWHERE, SP_NOWHERE, job->chips);
    return true;
}

void sp_i_schedule(sp_i_run *run)
{
    const sp_i_order *order = &sp_i_orders[run->op->order];
    run->dirty = false;
    run->blocked.known = false;
    if (run->n_shrunk != 0) sp_i_grow_all(run);
    if (run->pools != 0) {
        sp_i_cursor first = sp_i_queue_begin(run);
        sp_i_reserve_tend(run, sp_i_queue_next(run, &first, SP_I_ANY, 0, 0));
    }
    if (run->waiting.count > run->history.queue_max) run->history.queue_max = run->waiting.count;
    if (run->waiting.count == 0) return;
    sp_i_cursor cursor = sp_i_queue_begin(run);
    for (uint32_t head; !run->no_memory && (head = sp_i_queue_next(run, &cursor, SP_I_ANY, 0, 0)) != SP_NOWHERE;) {
        uint32_t chips = run->jobs->job[head].chips, most = sp_i_available(run);
        if (chips <= most && sp_i_start(run, head, 0)) continue;
        if (sp_i_preempt(run, head) || sp_i_defrag(run, head)) continue;
        if (chips <= most) most = chips - 1;
        if (order->pass != NULL) order->pass(run, head, most, cursor);
        break;
    }
    run->dirty = false;   /* those who were thrown out wait behind whoever took their chips */
}
