/* Where chip-time went, span by span of the time simulated: what account.c counts in all, split where the spans meet. In chip-seconds,
 * for pictures; the sums over all spans are those of account.c but for rounding. */
#include "operate_i.h"

#include <math.h>

static const char *const names[SP_HAPPENINGS] = {"start", "done", "restart", "replace", "shrink", "grow", "requeue", "preempt", "fail", "spare", "repair", "replan", "move", "reroute"};

const char *sp_happening_name(sp_happening what) { return (unsigned)what < SP_HAPPENINGS ? names[what] : "?"; }

static int64_t span_begin(const sp_i_run *run, uint32_t span)
{
    return (int64_t)((sp_i_chip_us)(uint64_t)run->horizon_us * span / run->op->watch->n_spans);
}

static uint32_t span_of(const sp_i_run *run, int64_t at_us)
{
    uint32_t n = run->op->watch->n_spans, span = (uint32_t)((sp_i_chip_us)(uint64_t)at_us * n / (uint64_t)run->horizon_us);
    if (span >= n) span = n - 1;
    while (span + 1 < n && span_begin(run, span + 1) <= at_us) span++;   /* rounding of the bounds */
    return span;
}

void sp_i_series_add(const sp_i_run *run, sp_loss loss, uint64_t chips, int64_t from_us, int64_t until_us)
{
    const sp_watch *watch = run->op->watch;
    if (chips == 0) return;
    for (uint32_t span = span_of(run, from_us); from_us < until_us; span++) {
        int64_t end = span + 1 < watch->n_spans ? span_begin(run, span + 1) : run->horizon_us, stop = end < until_us ? end : until_us;
        watch->spent_s[span][loss] += 1e-6 * (double)chips * (double)(stop - from_us);
        from_us = stop;
    }
}

/* Work and writing of the first x us of cycles. */
typedef struct cycles { int64_t work, writing; } cycles;

static cycles cycles_upto(int64_t interval, int64_t checkpoint, int64_t x)
{
    int64_t k = x / (interval + checkpoint), rest = x % (interval + checkpoint), open = rest < interval ? rest : interval;
    return (cycles){k * interval + open, k * checkpoint + rest - open};
}

void sp_i_series_undo(const sp_i_run *run, double chips_s)
{
    const sp_watch *watch = run->op->watch;
    for (uint32_t span = span_of(run, run->now_us) + 1; span-- > 0 && chips_s > 0;) {
        double here = fmin(chips_s, watch->spent_s[span][SP_LOSS_USEFUL]);
        watch->spent_s[span][SP_LOSS_USEFUL] -= here;
        watch->spent_s[span][SP_LOSS_RECOMPUTED] += here;
        chips_s -= here;
    }
}

void sp_i_series_segment(const sp_i_run *run, const sp_i_slot *slot, int64_t from_us, int64_t undone_us)
{
    const sp_watch *watch = run->op->watch;
    int64_t pause[3] = {slot->drain_us, slot->detect_us + slot->decide_us, slot->restart_us + slot->load_us}, at = slot->begin_us;
    static const sp_loss loss[3] = {SP_LOSS_CHECKPOINT, SP_LOSS_DETECT, SP_LOSS_RESTART};
    for (int i = 0; i < 3; i++) {
        int64_t until = at + pause[i] < run->now_us ? at + pause[i] : run->now_us;
        sp_i_series_add(run, loss[i], slot->chips, at, until);
        at = until;
    }
    double chips_s = 1e-6 * (double)slot->chips, slow = slot->slow > 1 ? slot->slow : 1;
    double good = (double)run->jobs->job[slot->job].chips / ((double)slot->chips * slow);   /* a job on fewer chips takes longer, too */
    if (good > 1) good = 1;
    double dragged = slot->straggle > 1 ? fmin(1 - good, 1 - 1 / slot->straggle) : 0;
    cycles before = {0};
    int64_t saved = cycles_upto(slot->interval_us, slot->checkpoint_us, run->now_us - from_us).work - undone_us;
    for (uint32_t span = span_of(run, at); at < run->now_us; span++) {
        int64_t end = span + 1 < watch->n_spans ? span_begin(run, span + 1) : run->horizon_us, stop = end < run->now_us ? end : run->now_us;
        cycles now = cycles_upto(slot->interval_us, slot->checkpoint_us, stop - from_us);
        int64_t kept = (now.work < saved ? now.work : saved) - (before.work < saved ? before.work : saved);
        watch->spent_s[span][SP_LOSS_USEFUL] += chips_s * (double)kept * good;
        watch->spent_s[span][SP_LOSS_SLOWDOWN] += chips_s * (double)kept * (1 - good - dragged);
        watch->spent_s[span][SP_LOSS_STRAGGLER] += chips_s * (double)kept * dragged;
        watch->spent_s[span][SP_LOSS_RECOMPUTED] += chips_s * (double)(now.work - before.work - kept);
        watch->spent_s[span][SP_LOSS_CHECKPOINT] += chips_s * (double)(now.writing - before.writing);
        before = now;
        at = stop;
    }
}
