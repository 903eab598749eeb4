/* Where the chip-time went, in whole chip-microseconds: every one is counted once, so that the losses sum to 1. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>

static const char *const loss_names[SP_LOSSES] = {"useful", "placement_slowdown", "straggler", "recomputed", "checkpoint", "detect", "restart",
                                                  "idle_no_demand", "idle_fragmented", "idle_power_cap", "spare", "down"};

const char *sp_loss_name(sp_loss loss) { return (unsigned)loss < SP_LOSSES ? loss_names[loss] : "?"; }

static void spend(sp_i_run *run, sp_loss loss, uint64_t chips, int64_t us) { run->spent[loss] += (sp_i_chip_us)chips * (uint64_t)us; }

/* Idle chips up to what the queue asks for are idle because there is no power for them, or because nothing waiting fits in them. */
void sp_i_idle(sp_i_run *run, int64_t until_us)
{
    const sp_cluster *c = run->cluster;
    int64_t us = until_us - run->now_us;
    uint64_t idle = c->free_chips, wanted = run->waiting.chips_sum < idle ? run->waiting.chips_sum : idle;
    uint64_t unfed = idle - sp_i_available(run) < wanted ? idle - sp_i_available(run) : wanted;
    uint32_t down = sp_cluster_down_chips(c) - run->reserve_chips, spare = c->spares_ready + run->reserve_chips;
    spend(run, SP_LOSS_IDLE_FRAGMENTED, wanted - unfed, us);
    spend(run, SP_LOSS_IDLE_POWER_CAP, unfed, us);
    spend(run, SP_LOSS_IDLE_NO_DEMAND, idle - wanted, us);
    spend(run, SP_LOSS_SPARE, spare, us);
    spend(run, SP_LOSS_DOWN, down, us);
    if (sp_i_series(run)) {
        sp_i_series_add(run, SP_LOSS_IDLE_FRAGMENTED, wanted - unfed, run->now_us, until_us);
        sp_i_series_add(run, SP_LOSS_IDLE_POWER_CAP, unfed, run->now_us, until_us);
        sp_i_series_add(run, SP_LOSS_IDLE_NO_DEMAND, idle - wanted, run->now_us, until_us);
        sp_i_series_add(run, SP_LOSS_SPARE, spare, run->now_us, until_us);
        sp_i_series_add(run, SP_LOSS_DOWN, down, run->now_us, until_us);
    }
    run->free_time += (sp_i_chip_us)idle * (uint64_t)us;
    run->whole_time[0] += (sp_i_chip_us)((uint64_t)c->whole_rows * c->shape.row_chips) * (uint64_t)us;
    run->whole_time[1] += (sp_i_chip_us)((uint64_t)c->rows[c->rows_per_leaf].members * c->shape.leaf_chips) * (uint64_t)us;
    run->whole_time[2] += (sp_i_chip_us)((uint64_t)c->whole_pods * c->shape.pod_chips) * (uint64_t)us;
    run->held += (sp_i_chip_us)(run->installed - idle - spare - down) * (uint64_t)us;
    run->now_us = until_us;
}

/* Work stretched by the placement's slowdown. */
static int64_t stretched(int64_t us, double slow)
{
    double wall = ceil((double)us * slow);
    return slow <= 1 ? us : wall < (double)(INT64_MAX / 8) ? (int64_t)wall : INT64_MAX / 8;
}

static int64_t pauses(const sp_i_slot *slot) { return slot->drain_us + slot->detect_us + slot->decide_us + slot->restart_us + slot->load_us; }

int64_t sp_i_segment_length(const sp_i_slot *slot)
{
    int64_t wall = stretched(slot->left_us, slot->slow);
    sp_i_chip_us length = (sp_i_chip_us)pauses(slot) + (uint64_t)wall;
    length += (sp_i_chip_us)((wall - 1) / slot->interval_us) * (uint64_t)slot->checkpoint_us;
    return length > INT64_MAX / 8 ? INT64_MAX / 8 : (int64_t)length;
}

static int64_t take(int64_t *left, int64_t most)
{
    int64_t n = *left < most ? *left : most;
    *left -= n;
    return n;
}

/* Of `x` us of running: saved wall work, checkpoint writes, and work not yet in a checkpoint. One whose copy is still on its way when
 * the job breaks is none. */
static void split_cycles(const sp_i_slot *slot, int64_t x, sp_i_close how, int64_t *saved, int64_t *writing, int64_t *open)
{
    int64_t cycle = slot->interval_us + slot->checkpoint_us, k = x / cycle, rest = x % cycle;
    *open = rest < slot->interval_us ? rest : slot->interval_us;
    *saved = k * slot->interval_us;
    *writing = k * slot->checkpoint_us + rest - *open;
    if (how != SP_I_BROKEN || k == 0 || rest >= slot->copy_us) return;
    *saved -= slot->interval_us;
    *open += slot->interval_us;
}

void sp_i_segment(sp_i_run *run, sp_i_slot *slot, sp_i_close how)
{
    uint64_t chips = slot->chips;
    int64_t x = run->now_us - slot->begin_us, saved, writing, open, useful;
    run->size_running_s[sp_i_size_class(run, run->jobs->job[slot->job].chips)] += 1e-6 * (double)x;
    int64_t drain = take(&x, slot->drain_us), detect = take(&x, slot->detect_us), decide = take(&x, slot->decide_us), restart = take(&x, slot->restart_us), load = take(&x, slot->load_us);
    run->detect_s_sum += 1e-6 * (double)detect;
    run->decide_s_sum += 1e-6 * (double)decide;
    run->restart_s_sum += 1e-6 * (double)restart;
    run->load_s_sum += 1e-6 * (double)load;
    detect += decide;   /* of the losses: chips stand until somebody acts, then until they run again */
    restart += load;
    split_cycles(slot, x, how, &saved, &writing, &open);
    if (how == SP_I_DONE) {   /* no checkpoint follows the last work */
        saved = stretched(slot->left_us, slot->slow);
        writing = x - saved;
        open = 0;
    } else if (how == SP_I_SAVED) {   /* a checkpoint is written now, or the time simulated ends: not undone */
        saved += open;
        open = 0;
    }
    run->recompute_s_sum += 1e-6 * (double)open;
    if (sp_i_series(run)) sp_i_series_segment(run, slot, slot->begin_us + drain + detect + restart, open);
    sp_i_stored_after(run, slot, x);
    useful = how == SP_I_DONE ? slot->left_us : slot->slow <= 1 ? saved : (int64_t)((double)saved / slot->slow);
    if (useful > slot->left_us) useful = slot->left_us;
    slot->left_us -= useful;
    sp_i_count_tokens(run, slot->job, useful);
    spend(run, SP_LOSS_DETECT, chips, detect);
    spend(run, SP_LOSS_RESTART, chips, restart);
    sp_i_chip_us held = (sp_i_chip_us)chips * (uint64_t)saved, done = (sp_i_chip_us)run->jobs->job[slot->job].chips * (uint64_t)useful;
    if (done > held) done = held;   /* by a rounding of the slowdown */
    sp_i_chip_us dragged = slot->straggle > 1 ? (sp_i_chip_us)chips * (uint64_t)((double)saved * (1 - 1 / slot->straggle)) : 0;
    if (dragged > held - done) dragged = held - done;
    run->spent[SP_LOSS_USEFUL] += done;
    run->spent[SP_LOSS_STRAGGLER] += dragged;
    run->spent[SP_LOSS_SLOWDOWN] += held - done - dragged;
    spend(run, SP_LOSS_CHECKPOINT, chips, drain + writing);
    spend(run, SP_LOSS_RECOMPUTED, chips, open);
    run->advanced += (sp_i_chip_us)chips * (uint64_t)saved;
}

int64_t sp_i_pause_left(const sp_i_run *run, const sp_i_slot *slot)
{
    int64_t left = slot->begin_us + pauses(slot) - run->now_us;
    return left > 0 ? left : 0;
}

int64_t sp_i_left_in_checkpoint(const sp_i_run *run, const sp_i_slot *slot)
{
    int64_t x = run->now_us - slot->begin_us - pauses(slot), saved, writing, open;
    if (x <= 0) return slot->left_us;
    split_cycles(slot, x, SP_I_BROKEN, &saved, &writing, &open);
    int64_t useful = slot->slow <= 1 ? saved : (int64_t)((double)saved / slot->slow);
    return useful < slot->left_us ? slot->left_us - useful : 0;
}

void sp_i_undo(sp_i_run *run, uint32_t job, int64_t us)
{
    sp_i_chip_us undone = (sp_i_chip_us)run->jobs->job[job].chips * (uint64_t)us;
    if (undone > run->spent[SP_LOSS_USEFUL]) undone = run->spent[SP_LOSS_USEFUL];   /* roundings of the slowdown */
    run->spent[SP_LOSS_USEFUL] -= undone;
    run->spent[SP_LOSS_RECOMPUTED] += undone;
    run->advanced -= undone < run->advanced ? undone : run->advanced;
    sp_i_count_tokens(run, job, -us);
    if (sp_i_series(run)) sp_i_series_undo(run, 1e-6 * (double)undone);
}

/* Of jobs that ran, by size and of all. */
static void mean_times_to_failure(sp_i_run *run)
{
    sp_history *h = &run->history;
    double *mttf[4] = {&h->mttf_host_s, &h->mttf_rack_s, &h->mttf_pod_s, &h->mttf_pods_s}, all_s = 0;
    for (int i = 0; i < 4; i++) {
        all_s += run->size_running_s[i];
        *mttf[i] = run->size_stopped[i] == 0 ? 0 : run->size_running_s[i] / (double)run->size_stopped[i];
    }
    h->mttf_s = h->interruptions == 0 ? 0 : all_s / (double)h->interruptions;
}

/* Fractions of the whole in units of 2^-50, so that their sum is exact in any order; the largest takes the remainder. */
sp_status sp_i_shares(sp_i_run *run, sp_error *err)
{
    sp_i_chip_us total = 0, whole = (sp_i_chip_us)run->installed * (uint64_t)run->horizon_us;
    sp_history *h = &run->history;
    double others = 0;
    int largest = 0;
    for (int i = 0; i < SP_LOSSES; i++) {
        total += run->spent[i];
        h->share[i] = floor((double)run->spent[i] / (double)whole * 0x1p50) * 0x1p-50;
        if (h->share[i] > h->share[largest]) largest = i;
    }
    if (total != whole) return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "chip-time lost or counted twice: %.17g of %.17g", (double)total, (double)whole);
    for (int i = 0; i < SP_LOSSES; i++) others += i == largest ? 0 : h->share[i];
    h->share[largest] = 1 - others;
    double held = (double)run->held, down = h->share[SP_LOSS_DOWN];
    h->goodput = h->share[SP_LOSS_USEFUL];
    h->ettr = held > 0 ? (double)run->advanced / held : 0;
    h->ettr_queued = held > 0 ? (double)run->advanced / (held + (double)run->requeued_chip_us) : 0;
    h->utilisation = down < 1 ? held / (double)whole / (1 - down) : 0;
    h->tokens_per_day = run->tokens / (run->op->horizon_s / 86400);
    double *fragmentation[3] = {&h->fragmentation_host, &h->fragmentation_rack, &h->fragmentation_pod};
    for (int i = 0; i < 3; i++) *fragmentation[i] = run->free_time == 0 ? 0 : 1 - (double)run->whole_time[i] / (double)run->free_time;
    mean_times_to_failure(run);
    if (h->interruptions == 0) return SP_OK;
    const double n = (double)h->interruptions;
    h->mttr_detect_s = run->detect_s_sum / n;
    h->mttr_decide_s = run->decide_s_sum / n;
    h->mttr_allocate_s = run->allocate_s_sum / n;
    h->mttr_restart_s = run->restart_s_sum / n;
    h->mttr_load_s = run->load_s_sum / n;
    h->mttr_recompute_s = run->recompute_s_sum / n;
    h->mttr_s = h->mttr_detect_s + h->mttr_decide_s + h->mttr_allocate_s + h->mttr_restart_s + h->mttr_load_s + h->mttr_recompute_s;
    return SP_OK;
}

/* ---- waits ---------------------------------------------------------------------------------------------------------------- */

/* The k-th smallest of n values, which are reordered (Hoare's selection, middle element as pivot). */
static int64_t select_kth(int64_t *v, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t pivot = v[low + (high - low) / 2], i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i > j) break;
            int64_t keep = v[i];
            v[i++] = v[j];
            v[j--] = keep;
        }
        if (k <= j) high = j;
        else if (k >= i) low = i;
        else break;
    }
    return v[k];
}

void sp_i_waits(sp_i_run *run, int64_t *wait_us)
{
    sp_history *h = &run->history;
    int64_t *sorted = run->waiting.estimate, n = 0;   /* no longer needed; its trees have more nodes than there are jobs */
    double sum = 0;
    for (uint32_t i = 0; i < run->jobs->n; i++) {
        const sp_job *job = &run->jobs->job[i];
        if (run->progress[i].left_us != 0 && job->deadline_us != 0 && job->deadline_us <= run->horizon_us) h->deadlines_missed++;
        int64_t wait = run->progress[i].first_us < 0 ? -1 : run->progress[i].first_us - job->submit_us;
        if (wait_us != NULL) wait_us[i] = wait;
        if (wait < 0) continue;
        sum += 1e-6 * (double)wait;
        run->size_wait_s[sp_i_size_class(run, job->chips)] += 1e-6 * (double)wait;
        run->size_started[sp_i_size_class(run, job->chips)]++;
        sorted[n++] = wait;
    }
    double *waits[4] = {&h->wait_host_s, &h->wait_rack_s, &h->wait_pod_s, &h->wait_pods_s}, *slowdowns[4] = {&h->slowdown_host, &h->slowdown_rack, &h->slowdown_pod, &h->slowdown_pods};
    for (int i = 0; i < 4; i++) {
        *waits[i] = run->size_started[i] == 0 ? 0 : run->size_wait_s[i] / (double)run->size_started[i];
        *slowdowns[i] = run->size_done[i] == 0 ? 0 : run->size_slowdown[i] / (double)run->size_done[i];
    }
    if (n == 0) return;
    h->wait_mean_s = sum / (double)n;
    h->wait_p50_s = 1e-6 * (double)select_kth(sorted, n, (n - 1) / 2);
    h->wait_p95_s = 1e-6 * (double)select_kth(sorted, n, (n - 1) * 95 / 100);
    h->wait_p99_s = 1e-6 * (double)select_kth(sorted, n, (n - 1) * 99 / 100);
    h->slowdown_bounded = h->jobs_done == 0 ? 0 : run->slowdown_sum / (double)h->jobs_done;
}
