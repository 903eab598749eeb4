/* Queue orders: a table; positions of jobs in the queue; shares of users. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Earlier in the queue: more urgent. */
static int by_priority(const sp_job *a, const sp_job *b) { return a->priority > b->priority ? -1 : a->priority < b->priority; }

static int by_deadline(const sp_job *a, const sp_job *b)
{
    int64_t x = a->deadline_us == 0 ? INT64_MAX : a->deadline_us, y = b->deadline_us == 0 ? INT64_MAX : b->deadline_us;
    return x < y ? -1 : x > y;
}

const sp_i_order sp_i_orders[SP_ORDERS] = {
    [SP_ORDER_FIFO] = {"fifo", "by submission; nobody passes the first that does not fit", NULL, NULL, false},
    [SP_ORDER_EASY] = {"easy", "by submission; others pass the first that does not fit unless they delay it", NULL, sp_i_pass_easy, false},
    [SP_ORDER_CONSERVATIVE] = {"conservative", "by submission; others pass unless they delay any job before them", NULL, sp_i_pass_conservative, false},
    [SP_ORDER_PRIORITY] = {"priority", "by priority, then submission; backfill as easy", by_priority, sp_i_pass_easy, false},
    [SP_ORDER_FAIR_SHARE] = {"fair-share", "by what their users have had lately, least first; backfill as easy", NULL, sp_i_pass_easy, true},
    [SP_ORDER_DEADLINE] = {"deadline", "by deadline, earliest first; backfill as easy", by_deadline, sp_i_pass_easy, false},
};

const char *sp_order_name(sp_order order) { return (unsigned)order < SP_ORDERS ? sp_i_orders[order].name : "?"; }
const char *sp_order_about(sp_order order) { return (unsigned)order < SP_ORDERS ? sp_i_orders[order].about : "?"; }

bool sp_order_find(const char *name, sp_order *out)
{
    for (int i = 0; i < SP_ORDERS; i++)
        if (strcmp(name, sp_i_orders[i].name) == 0) {
            *out = (sp_order)i;
            return true;
        }
    return false;
}

const char *sp_order_goes_by(sp_order order)
{
    if ((unsigned)order >= SP_ORDERS || (sp_i_orders[order].urgency == NULL && !sp_i_orders[order].users)) return NULL;
    return sp_i_orders[order].users ? "users" : sp_i_orders[order].urgency == by_priority ? "priorities" : "deadlines";
}

bool sp_order_is_moot(sp_order order, const sp_jobs *jobs)
{
    if (sp_order_goes_by(order) == NULL) return false;
    int (*urgency)(const sp_job *, const sp_job *) = sp_i_orders[order].urgency;
    for (uint32_t i = 1; i < jobs->n; i++)
        if (urgency != NULL ? urgency(&jobs->job[0], &jobs->job[i]) != 0 : jobs->job[0].user != jobs->job[i].user) return false;
    return jobs->n > 1;
}

/* ---- positions ------------------------------------------------------------------------------------------------------ */

/* Stable merge sort of job numbers by an order's key (of users, by user). */
static bool sort_positions(sp_i_run *run, uint32_t *to_sort)
{
    const sp_job *job = run->jobs->job;
    uint32_t n = run->jobs->n, *other = malloc((n == 0 ? 1 : n) * sizeof *other), *from = to_sort, *to = other;
    int (*urgency)(const sp_job *, const sp_job *) = sp_i_orders[run->op->order].urgency;
    if (other == NULL) return false;
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t low = 0; low < n; low += 2 * width) {
            uint64_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n, a = low, b = middle;
            for (uint64_t k = low; k < high; k++) {
                bool left = b >= high;
                if (!left && a < middle) {
                    const sp_job *x = &job[from[a]], *y = &job[from[b]];
                    left = urgency != NULL ? urgency(x, y) <= 0 : x->user <= y->user;
                }
                to[k] = left ? from[a++] : from[b++];
            }
        }
        uint32_t *keep = from;
        from = to;
        to = keep;
    }
    if (from != to_sort) memcpy(to_sort, from, n * sizeof *from);
    free(other);
    return true;
}

/* Dense numbers of users, of jobs that are sorted by user. */
static bool make_users(sp_i_run *run)
{
    sp_i_users *u = &run->users;
    const sp_job *job = run->jobs->job;
    uint32_t n = run->jobs->n;
    u->of = malloc((n == 0 ? 1 : n) * sizeof *u->of);
    u->first = malloc((n + 1u) * sizeof *u->first);
    if (u->of == NULL || u->first == NULL) return false;
    for (uint32_t p = 0; p < n; p++) {
        if (p == 0 || job[run->job_at[p]].user != job[run->job_at[p - 1]].user) u->first[u->n++] = p;
        u->of[run->job_at[p]] = u->n - 1;
    }
    u->first[u->n] = n;
    u->user = calloc(u->n == 0 ? 1 : u->n, sizeof *u->user);
    u->turn = malloc((u->n == 0 ? 1 : u->n) * sizeof *u->turn);
    return u->user != NULL && u->turn != NULL;
}

bool sp_i_queue_make(sp_i_run *run)
{
    const sp_i_order *order = &sp_i_orders[run->op->order];
    uint32_t n = run->jobs->n, *chips = malloc((n == 0 ? 1 : n) * sizeof *chips);
    bool ok = chips != NULL;
    if (ok && (order->urgency != NULL || order->users)) {
        run->job_at = malloc((n == 0 ? 1 : n) * sizeof *run->job_at);
        run->position = malloc((n == 0 ? 1 : n) * sizeof *run->position);
        ok = run->job_at != NULL && run->position != NULL;
        for (uint32_t i = 0; ok && i < n; i++) run->job_at[i] = i;
        ok = ok && sort_positions(run, run->job_at);
        for (uint32_t i = 0; ok && i < n; i++) run->position[run->job_at[i]] = i;
        ok = ok && (!order->users || make_users(run));
    }
    for (uint32_t i = 0; ok && i < n; i++) chips[i] = run->jobs->job[run->job_at == NULL ? i : run->job_at[i]].chips;
    ok = ok && sp_i_waiting_make(&run->waiting, chips, n);
    free(chips);
    return ok;
}

void sp_i_queue_release(sp_i_run *run)
{
    sp_i_waiting_release(&run->waiting);
    free(run->job_at);
    free(run->position);
    free(run->users.of);
    free(run->users.first);
    free(run->users.user);
    free(run->users.turn);
}

/* ---- shares of users --------------------------------------------------------------------------------------------------- */

/* Chip-seconds, halved every half-life: closed form between changes of what runs. */
static void advance(sp_i_run *run, sp_i_user *user)
{
    double dt = 1e-6 * (double)(run->now_us - user->at_us), half_life = run->op->fair_half_life_s;
    if (dt <= 0) return;
    double kept = exp2(-dt / half_life);
    user->used = user->used * kept + user->running * (1 - kept) * half_life / log(2);
    user->at_us = run->now_us;
}

void sp_i_user_runs(sp_i_run *run, uint32_t job, int64_t chips)
{
    if (run->users.n == 0) return;
    sp_i_user *user = &run->users.user[run->users.of[job]];
    advance(run, user);
    user->running += (double)chips;
}

static int by_use(const void *a, const void *b)
{
    const sp_i_turn *x = a, *y = b;
    return x->used < y->used ? -1 : x->used > y->used ? 1 : x->head < y->head ? -1 : x->head > y->head;
}

/* Users that wait, those who had least first; of equal ones the one whose first job came first. */
static void sort_users(sp_i_run *run)
{
    sp_i_users *u = &run->users;
    u->turns = 0;
    for (uint32_t i = 0; i < u->n; i++) {
        if (u->user[i].waiting == 0) continue;
        advance(run, &u->user[i]);
        uint32_t first = sp_i_waiting_first(&run->waiting, u->first[i], u->first[i + 1]);
        u->turn[u->turns++] = (sp_i_turn){u->user[i].used, run->job_at[first], i};
    }
    qsort(u->turn, u->turns, sizeof *u->turn, by_use);
}

/* ---- walking the queue --------------------------------------------------------------------------------------------------- */

void sp_i_queue_add(sp_i_run *run, uint32_t j)
{
    const sp_job *job = &run->jobs->job[j];
    sp_i_waiting_add(&run->waiting, run->position == NULL ? j : run->position[j], job->chips, job->estimate_us);
    if (run->users.n != 0) run->users.user[run->users.of[j]].waiting++;
}

void sp_i_queue_remove(sp_i_run *run, uint32_t j)
{
    uint32_t position = run->position == NULL ? j : run->position[j];
    if (!sp_i_bits_has(&run->waiting.bits, position)) return;   /* it starts as it comes */
    sp_i_waiting_remove(&run->waiting, position, run->jobs->job[j].chips);
    if (run->users.n != 0) run->users.user[run->users.of[j]].waiting--;
}

sp_i_cursor sp_i_queue_begin(sp_i_run *run)
{
    if (run->users.n == 0) return (sp_i_cursor){0, 0};
    sort_users(run);
    return (sp_i_cursor){0, run->users.turns == 0 ? 0 : run->users.first[run->users.turn[0].user]};
}

uint32_t sp_i_queue_next(sp_i_run *run, sp_i_cursor *cursor, uint32_t most, int64_t limit, uint32_t extra)
{
    const sp_i_users *u = &run->users;
    uint32_t turns = u->n == 0 ? 1 : u->turns;
    while (cursor->turn < turns) {
        uint32_t to = u->n == 0 ? run->waiting.n : u->first[u->turn[cursor->turn].user + 1];
        uint32_t p = most == SP_I_ANY ? sp_i_waiting_first(&run->waiting, cursor->from, to) : sp_i_waiting_find(&run->waiting, cursor->from, to, most, limit, extra);
        if (p != SP_NOWHERE) {
            cursor->from = p + 1;
            return run->job_at == NULL ? p : run->job_at[p];
        }
        cursor->turn++;
        if (cursor->turn < turns) cursor->from = u->first[u->turn[cursor->turn].user];
    }
    return SP_NOWHERE;
}
