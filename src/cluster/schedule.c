/* The queue: first come first served, and EASY backfill (Lifka 1995): the head has a reservation at the earliest time at which, by
 * the estimates, enough chips are free; a later job may pass it if it ends before that or uses only chips that are left over then. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>

static const char *const order_names[SP_ORDERS] = {"fifo", "easy"};
const char *sp_order_name(sp_order order) { return (unsigned)order < SP_ORDERS ? order_names[order] : "?"; }

static uint32_t new_slot(sp_i_run *run)
{
    if (run->slot_free == SP_NOWHERE) {
        uint32_t more = run->slots + 64;
        sp_i_slot *slot = realloc(run->slot, (run->slots + (size_t)more) * sizeof *slot);
        if (slot == NULL) return SP_NOWHERE;
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

/* The interval that is best for the job's own MTBF; years beyond the horizon stand for never. */
static int64_t interval_us(sp_i_run *run, uint32_t chips)
{
    uint32_t at = (chips ^ chips >> 6) % 64;   /* sizes repeat, most of them powers of two and multiples of a host */
    if (run->interval[at].chips == chips) return run->interval[at].us;
    double rate = run->rate_per_chip * chips, t = run->op->interval_s;
    if (t <= 0) t = rate > 0 ? sp_cluster_interval(1 / rate, run->op->checkpoint_s) : INFINITY;
    int64_t us = sp_i_us(t);
    run->interval[at].chips = chips;
    run->interval[at].us = us < 1 ? 1 : us;
    return run->interval[at].us;
}

void sp_i_begin(sp_i_run *run, uint32_t s, bool again, bool in_place)
{
    sp_i_slot *slot = &run->slot[s];
    const sp_job *job = &run->jobs->job[slot->job];
    slot->begin_us = run->now_us;
    slot->detect_us = again ? sp_i_us(run->op->detect_s) : 0;
    slot->restart_us = again ? sp_i_us(in_place ? run->op->swap_s : run->op->restart_s) : 0;
    int64_t length = sp_i_segment_length(run, slot), end = run->now_us + length;
    slot->end_key_us = end + (int64_t)((double)(job->estimate_us - job->work_us) * slot->slow);
    run->no_memory |= !sp_i_ends_add(&run->ends, (sp_i_end){slot->end_key_us, s, job->chips});
    if (end < run->horizon_us)
        run->no_memory |= !sp_queue_push(run->queue, end, 0, SP_I_END, (uint64_t)slot->generation << 32 | s);
}

void sp_i_leave(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    sp_cluster_free(run->cluster, slot->list);
    free(slot->tally);
    slot->tally = NULL;
    slot->generation++;
    slot->job = SP_NOWHERE;
    slot->next_free = run->slot_free;
    run->slot_free = s;
    run->dirty = true;
}

static bool start(sp_i_run *run, uint32_t j)
{
    const sp_job *job = &run->jobs->job[j];
    uint32_t s = new_slot(run), list;
    sp_spread spread;
    if (s == SP_NOWHERE) {
        run->no_memory = true;
        return false;
    }
    if (!run->op->policy->place(run->cluster, &(sp_request){.chips = job->chips}, s, &list, &spread)) {
        run->slot[s].next_free = run->slot_free;
        run->slot_free = s;
        return false;
    }
    bool again = run->since_us[j] >= 0;
    sp_i_slot *slot = &run->slot[s];
    slot->job = j;
    slot->list = list;
    slot->left_us = run->left_us[j];
    slot->slow = sp_cluster_slowdown(run->op->machine, &run->cluster->shape, &spread);
    slot->interval_us = interval_us(run, job->chips);
    if (again) {
        run->requeued_chip_us += (sp_i_chip_us)job->chips * (uint64_t)(run->now_us - run->since_us[j]);
        run->repair_s_sum += 1e-6 * (double)(run->now_us - run->since_us[j]);
    } else {
        run->first_us[j] = run->now_us;
        run->history.jobs_started++;
    }
    sp_i_waiting_remove(&run->waiting, j, job->chips);
    run->history.placements++;
    sp_i_begin(run, s, again, false);
    return true;
}

/* When the blocked head can start at the earliest, and how many chips it will leave over. */
static int64_t reservation(const sp_i_run *run, uint32_t head, uint32_t *extra)
{
    uint32_t need = run->jobs->job[head].chips, have = run->cluster->free_chips, first;
    if (need > have) return sp_i_ends_shadow(&run->ends, have, need, extra);
    int64_t at = sp_i_ends_first(&run->ends, &first);   /* enough chips, but not in a form that the policy takes */
    *extra = have + first - need;
    return at;
}

static void backfill(sp_i_run *run, uint32_t head, uint32_t most)
{
    uint32_t extra, from = head + 1;
    int64_t shadow = reservation(run, head, &extra);
    while (most > 0) {
        int64_t limit = shadow == INT64_MAX ? INT64_MAX - 1 : shadow - run->now_us;
        uint32_t j = sp_i_waiting_find(&run->waiting, from, most, limit, extra);
        if (j == SP_NOWHERE) return;
        const sp_job *job = &run->jobs->job[j];
        if (start(run, j)) {
            if (job->estimate_us > limit) extra -= job->chips;
            if (most > run->cluster->free_chips) most = run->cluster->free_chips;
        } else {
            most = job->chips - 1;   /* larger ones will not fit either */
        }
        from = j + 1;
    }
}

void sp_i_schedule(sp_i_run *run)
{
    run->dirty = false;
    if (run->waiting.count > run->history.queue_max) run->history.queue_max = run->waiting.count;
    while (run->waiting.count != 0 && !run->no_memory) {
        uint32_t head = sp_i_waiting_find(&run->waiting, 0, UINT32_MAX - 1, INT64_MAX, UINT32_MAX - 1);
        uint32_t chips = run->jobs->job[head].chips, most = run->cluster->free_chips;
        if (chips <= most && start(run, head)) continue;
        if (chips <= most) most = chips - 1;
        if (run->op->order == SP_ORDER_EASY) backfill(run, head, most);
        return;
    }
}
