/* Who passes the first job that does not fit. EASY (Lifka 1995): the head has a reservation at the earliest time at which, by the
 * estimates, enough chips are free; a later job may pass it if it ends before that or uses only chips that are left over then.
 * Conservative (Mu'alem and Feitelson 2001): every job before it has a reservation, and a job passes if it delays none. */
#include "operate_i.h"

#include <stdlib.h>
#include <string.h>

/* ---- EASY ---------------------------------------------------------------------------------------------------------------- */

/* When the blocked head can start at the earliest, and how many chips it will leave over. */
static int64_t reservation(const sp_i_run *run, uint32_t head, uint32_t *extra)
{
    uint32_t need = run->jobs->job[head].chips, have = sp_i_available(run), first;
    if (need > have) return sp_i_ends_shadow(&run->ends, have, need, extra);
    int64_t at = sp_i_ends_first(&run->ends, &first);   /* enough chips, but not in a form that the policy takes */
    *extra = have + first - need;
    return at;
}

static int64_t limit_of(const sp_i_run *run, int64_t shadow_us) { return shadow_us == INT64_MAX ? INT64_MAX - 1 : shadow_us - run->now_us; }

/* What the pass found, for whoever comes next. */
static void remember(sp_i_run *run, uint32_t head, uint64_t changes, uint32_t available, int64_t shadow, uint32_t most, uint32_t extra)
{
    run->blocked.known = true;
    run->blocked.head = head;
    run->blocked.changes = changes;
    run->blocked.available = available;
    run->blocked.shadow_us = shadow;
    run->blocked.most = most;
    run->blocked.extra = extra;
}

void sp_i_pass_easy(sp_i_run *run, uint32_t head, uint32_t most, sp_i_cursor after)
{
    uint32_t extra;
    int64_t shadow = reservation(run, head, &extra);
    uint64_t changes = run->ends.changes;
    uint32_t available = sp_i_available(run);
    while (most > 0) {
        int64_t limit = limit_of(run, shadow);
        uint32_t j = sp_i_queue_next(run, &after, most, limit, extra);
        if (j == SP_NOWHERE) break;
        const sp_job *job = &run->jobs->job[j];
        if (sp_i_start(run, j, 0)) {
            if (job->estimate_us > limit) extra -= job->chips;
            if (most > sp_i_available(run)) most = sp_i_available(run);
        } else {
            most = job->chips - 1;   /* larger ones will not fit either */
        }
    }
    remember(run, head, changes, available, shadow, most, extra);
}

/* Whoever was refused by the last pass is refused again while its three limits have not grown: the pass shrinks to the job that comes now. They
 * are looked up anew only where a job began, ended or lost chips since. A head that lacks form instead of chips may find it at any change. */
bool sp_i_pass_last(sp_i_run *run, uint32_t j)
{
    const sp_job *job = &run->jobs->job[j];
    uint32_t available = sp_i_available(run), head = run->blocked.head, extra = run->blocked.extra, most = run->blocked.most;
    int64_t shadow = run->blocked.shadow_us;
    if (!run->blocked.known || run->dirty) return false;
    if (run->blocked.changes != run->ends.changes || run->blocked.available != available) {
        if (run->jobs->job[head].chips <= available || available > most) return false;
        shadow = reservation(run, head, &extra);
        if (shadow > run->blocked.shadow_us || extra > run->blocked.extra) return false;
        most = available;
        remember(run, head, run->ends.changes, available, shadow, most, extra);
    }
    if (run->waiting.count + 1 > run->history.queue_max) run->history.queue_max = run->waiting.count + 1;
    bool refused = job->chips > most || (job->estimate_us > limit_of(run, shadow) && job->chips > extra);
    if (!refused && sp_i_start(run, j, 0)) {
        if (job->estimate_us > limit_of(run, shadow)) run->blocked.extra -= job->chips;
        if (most > sp_i_available(run)) run->blocked.most = sp_i_available(run);
        return true;
    }
    if (!refused) run->blocked.most = job->chips - 1;
    sp_i_queue_add(run, j);
    return true;
}

/* ---- conservative -------------------------------------------------------------------------------------------------------- */

static bool room_for(sp_i_profile *p, uint32_t n)
{
    if (n <= p->room) return true;
    uint32_t room = n + n / 2;
    int64_t *at = realloc(p->at, room * sizeof *at);
    if (at != NULL) p->at = at;
    uint32_t *chips = realloc(p->chips, room * sizeof *chips);
    if (chips != NULL) p->chips = chips;
    if (at == NULL || chips == NULL) return false;
    p->room = room;
    return true;
}

/* A step of the profile begins at `at`; there is room. Returns its index. */
static uint32_t step_at(sp_i_profile *p, int64_t at)
{
    uint32_t low = 0, high = p->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->at[middle] < at) low = middle + 1;
        else high = middle;
    }
    if (low < p->n && p->at[low] == at) return low;
    memmove(p->at + low + 1, p->at + low, (p->n - low) * sizeof *p->at);
    memmove(p->chips + low + 1, p->chips + low, (p->n - low) * sizeof *p->chips);
    p->at[low] = at;
    p->chips[low] = p->chips[low - 1];   /* at[0] = now is never above `at` */
    p->n++;
    return low;
}

static void occupy(sp_i_profile *p, int64_t from, int64_t to, uint32_t chips)
{
    uint32_t a = step_at(p, from), b = step_at(p, to);
    for (uint32_t i = a; i < b; i++) p->chips[i] -= chips;
}

/* First step at or after `from` at which so many chips are free for so long, or n. */
static uint32_t earliest(const sp_i_profile *p, uint32_t from, uint32_t chips, int64_t us)
{
    for (uint32_t i = from; i < p->n; i++) {
        uint32_t k = i;
        while (k < p->n && p->chips[k] >= chips && p->at[k] - p->at[i] < us) k++;
        if (k == p->n || p->at[k] - p->at[i] >= us) return i;
        i = k;   /* too few at k: nothing that spans it fits */
    }
    return p->n;
}

/* Reservations are made anew at every event, in order of the queue, for so many jobs as the operation says; a job whose time is now
 * starts. */
void sp_i_pass_conservative(sp_i_run *run, uint32_t head, uint32_t most, sp_i_cursor after)
{
    sp_i_profile *p = &run->profile;
    if (!room_for(p, run->ends.count + 2 * run->op->conservative_depth + 4)) {
        run->no_memory = true;
        return;
    }
    p->n = sp_i_ends_profile(&run->ends, run->now_us, sp_i_available(run), p->at, p->chips);
    uint32_t j = head, formless = most < sp_i_available(run) ? most : UINT32_MAX;   /* sizes above it found no form just now */
    for (uint32_t depth = 0; j != SP_NOWHERE && depth < run->op->conservative_depth && p->chips[0] != 0; depth++) {
        const sp_job *job = &run->jobs->job[j];
        uint32_t i = earliest(p, job->chips > formless, job->chips, job->estimate_us);
        if (i == 0 && !sp_i_start(run, j, 0)) {
            formless = job->chips - 1;
            i = earliest(p, 1, job->chips, job->estimate_us);
        }
        if (i < p->n) occupy(p, p->at[i], p->at[i] + job->estimate_us, job->chips);
        sp_i_cursor peek = after;
        if (sp_i_queue_next(run, &peek, p->chips[0], INT64_MAX - 1, 0) == SP_NOWHERE) return;   /* nobody after it can start now */
        j = sp_i_queue_next(run, &after, SP_I_ANY, 0, 0);
    }
}
