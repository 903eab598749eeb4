/* The event loop: tasks become ready when all they wait for has ended, flow after their delay (endpoint overhead, then the
 * path's latency), and end when the last byte has arrived. Everything of one tick is taken before rates are set once.
 *
 * Tasks that start together wait in one group: steps of a collective start thousands at a time. A task of several steps runs them
 * one after the other. A task that computes waits for its stream first; streams choose once all of a tick has been taken. */
#include "flow_period.h"
#include "flow_rate.h"
#include "flow_streams.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define STEPS_MAX (UINT64_C(1) << 27)   /* a minute or two */

#define LOOK_UP 64u   /* instants between two looks at whether to stop */

/* Until a task has ended, end_ps is the next one of its group. */
typedef sp_i_start_group group;

typedef struct loop {
    sp_i_problem *p;
    sp_i_maxmin *rates;
    sp_i_streams *streams;                /* NULL: nothing computes */
    group *heap; uint32_t n_heap, room;   /* of starts */
    group open;                           /* the group being collected; first NONE: none */
    uint32_t *done; bool *busy;           /* [n_tasks] steps that have ended; one is on its way; NULL where all have one step */
    uint32_t *to_off, *to;                /* CSR: tasks whose steps wait for this one's */
    uint32_t n_done;                      /* tasks */
    uint64_t ended, flows, end_sum_ps;    /* steps ended, flows that they stand for, sum of their ends */
    int64_t end_ps, passed_ps;            /* passed_ps: the clock is so far behind, by periods passed over */
    sp_i_period *period;
    uint32_t anchor; bool look;           /* task whose steps are looked at; it has ended one */
} loop;

static bool push(loop *w, group g)
{
    if (w->n_heap == w->room) {
        uint32_t room = w->room ? w->room * 2 : 64;
        group *heap = realloc(w->heap, room * sizeof *heap);
        if (!heap)
            return false;
        w->heap = heap;
        w->room = room;
    }
    uint32_t at = w->n_heap++;
    for (; at > 0 && g.ps < w->heap[(at - 1) / 2].ps; at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = g;
    return true;
}

static group pop(loop *w)
{
    group top = w->heap[0], last = w->heap[--w->n_heap];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < w->n_heap; at = child) {
        if (child + 1 < w->n_heap && w->heap[child + 1].ps < w->heap[child].ps)
            child++;
        if (w->heap[child].ps >= last.ps)
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return top;
}

static bool wait_in_group(loop *w, uint32_t task, int64_t ps)
{
    w->p->end_ps[task] = NONE;
    if (w->open.first != NONE && w->open.ps == ps) {
        w->p->end_ps[w->open.last] = task;
        w->open.last = task;
        return true;
    }
    bool ok = w->open.first == NONE || push(w, w->open);
    w->open = (group){ps, task, task};
    return ok;
}

/* The task, or the next step of it, waits for nothing any more. */
static bool ready(loop *w, uint32_t task, int64_t now)
{
    const sp_i_problem *p = w->p;
    int64_t ps = now;
    if (sp_i_task_computes(p, task)) {
        int64_t release = sp_i_task_release_ps(p, task);
        return release > now ? wait_in_group(w, task, release) : sp_i_streams_ready(w->streams, task);
    }
    if (!w->done || w->done[task] == 0) {
        int64_t release = sp_i_task_release_ps(p, task);
        ps = now > release ? now : release;
        if (p->start_ps)
            p->start_ps[task] = ps + w->passed_ps;
    }
    ps += sp_i_task_delay_ps(p, task);
    return wait_in_group(w, task, ps);
}

/* The same where tasks have several steps: does it wait for nothing? */
static bool ready_if(loop *w, uint32_t task, int64_t now)
{
    const sp_i_problem *p = w->p;
    uint32_t step = w->done[task];
    if (w->busy[task] || p->waits[task] || step == sp_i_task_steps(p, task))
        return true;
    for (uint32_t e = p->lag_off[task]; e < p->lag_off[task + 1]; e++)
        if (step >= p->lag[e].back && w->done[p->lag[e].from] <= step - p->lag[e].back)
            return true;
    w->busy[task] = true;
    return ready(w, task, now);
}

static bool close_group(loop *w)
{
    bool ok = w->open.first == NONE || push(w, w->open);
    w->open.first = NONE;
    return ok;
}

static bool step_done(loop *w, uint32_t task, int64_t now)
{
    bool ok = true;
    w->done[task]++;
    w->busy[task] = false;
    if ((w->anchor == NONE || w->done[w->anchor] == sp_i_task_steps(w->p, w->anchor)) && w->done[task] < sp_i_task_steps(w->p, task))
        w->anchor = task;
    w->look = w->look || w->anchor == task;
    ok = ready_if(w, task, now);
    for (uint32_t e = w->to_off[task]; e < w->to_off[task + 1]; e++)
        ok = ready_if(w, w->to[e], now) && ok;
    return ok;
}

static bool finish(loop *w, uint32_t task, int64_t now)
{
    sp_i_problem *p = w->p;
    bool ok = true;
    if (sp_i_task_computes(p, task))
        sp_i_streams_end(w->streams, task);
    w->end_ps = p->end_ps[task] = now + w->passed_ps;
    w->ended++;
    if (sp_i_task_route(p, task) != SP_I_NO_ROUTE) {
        w->flows += sp_i_task_way(p, task)->orbit;
        w->end_sum_ps += (uint64_t)w->end_ps * sp_i_task_way(p, task)->orbit;
    }
    if (w->done) {
        ok = step_done(w, task, now);
        if (w->done[task] < sp_i_task_steps(p, task))
            return ok;
    }
    w->n_done++;
    for (uint32_t e = p->succ ? p->succ_off[task] : 0, end = p->succ ? p->succ_off[task + 1] : 0; e < end; e++)
        if (--p->waits[p->succ[e]] == 0)
            ok = (w->done ? ready_if(w, p->succ[e], now) : ready(w, p->succ[e], now)) && ok;
    return ok;
}

/* Streams that are free take what is first among those that wait for them; *any: there was one. */
static bool start_streams(loop *w, int64_t now, bool *any)
{
    bool ok = true;
    for (uint32_t task; w->streams && ok && (task = sp_i_streams_start(w->streams)) != NONE; *any = true) {
        if (w->p->start_ps)
            w->p->start_ps[task] = now;
        ok = wait_in_group(w, task, now + w->p->work_ps[task]);
    }
    return close_group(w) && ok;
}

static bool start(loop *w, group g)
{
    bool ok = true;
    for (uint32_t task = g.first, next; task != NONE; task = next) {
        next = (uint32_t)w->p->end_ps[task];
        if (sp_i_task_computes(w->p, task) && !sp_i_streams_runs(w->streams, task))   /* released */
            ok = sp_i_streams_ready(w->streams, task) && ok;
        else
            ok = (sp_i_task_flows(w->p, task) ? sp_i_maxmin_add(w->rates, task, g.ps) : finish(w, task, g.ps)) && ok;
    }
    return ok;
}

/* All of one tick, until nothing more happens at it. */
static bool instant(loop *w, int64_t now)
{
    bool ok = true;
    for (;;) {
        bool any = false;
        while (sp_i_maxmin_next_ps(w->rates) == now) {
            ok = finish(w, sp_i_maxmin_take(w->rates), now) && ok;
            any = true;
        }
        ok = close_group(w) && ok;
        while (w->n_heap && w->heap[0].ps == now) {
            ok = start(w, pop(w)) && ok;
            any = true;
        }
        ok = close_group(w) && ok;
        if (!any && ok)
            ok = start_streams(w, now, &any);
        if (!any || !ok)
            return ok;
    }
}

/* Passes over what would only happen again. */
static void pass_over(loop *w, int64_t now, sp_i_flow_counts *counts)
{
    sp_i_period_found found;
    sp_i_period_at at = {now, w->rates, w->done, w->heap, w->n_heap, w->p->end_ps, w->n_done, w->ended, w->flows, w->end_sum_ps};
    uint64_t n = sp_i_period_look(w->period, &at, &found), pairs = n % 2 ? (n + 1) / 2 * n : n / 2 * (n + 1);
    if (!n)
        return;
    w->passed_ps += (int64_t)n * found.ps;
    w->ended += n * found.ended;
    w->flows += n * found.flows;
    w->end_sum_ps += n * found.end_sum_ps + pairs * found.flows * (uint64_t)found.ps;
    counts->skipped += n * found.ended;
    counts->periods++;
}

static sp_status run(loop *w, sp_i_flow_counts *counts, sp_error *err)
{
    uint64_t most = w->p->steps_max ? w->p->steps_max : STEPS_MAX;
    double all = w->p->n_tasks;   /* steps */
    for (uint32_t t = 0; t < w->p->n_tasks && w->done; t++)
        all += sp_i_task_steps(w->p, t) - 1.0;
    bool ok = true;
    for (uint32_t t = 0; t < w->p->n_tasks && ok; t++)
        if (w->p->waits[t] == 0)
            ok = w->done ? ready_if(w, t, 0) : ready(w, t, 0);
    ok = ok && close_group(w) && start_streams(w, 0, &(bool){false});
    while (ok) {
        int64_t now = sp_i_maxmin_next_ps(w->rates);
        if (w->n_heap && w->heap[0].ps < now)
            now = w->heap[0].ps;
        if (now == INT64_MAX || (w->done && w->ended - counts->skipped > most))
            break;
        if (now >= INT64_MAX / 4)   /* so that no sum of two overflows */
            return sp_i_flow_too_long((double)now * 1e-12, err);
        if (counts->instants % LOOK_UP == 0 && sp_i_problem_stopped(w->p, (double)w->ended / all))
            return sp_i_flow_interrupted(err);
        ok = instant(w, now);
        sp_i_maxmin_fill(w->rates, now);
        counts->instants++;
        if (w->look)
            pass_over(w, now, counts);
        w->look = false;
    }
    if (ok && w->n_done < w->p->n_tasks)
        return sp_i_flow_no_end(w->p->n_tasks, err);
    if (!ok)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the flows of %u tasks", w->p->n_tasks);
    counts->end_ps = w->end_ps;
    counts->end_sum_ps = w->end_sum_ps;
    sp_i_maxmin_count(w->rates, counts);
    w->p->link_peak = w->p->events ? sp_i_maxmin_peaks(w->rates) : NULL;
    return w->p->events && !w->p->link_peak ? sp_i_flow_no_memory(err) : SP_OK;
}

/* Whose steps wait for whose. */
static bool turn_lags(loop *w)
{
    const sp_i_problem *p = w->p;
    size_t n = (size_t)p->n_tasks + 3;
    w->done = calloc(n, sizeof *w->done);
    w->busy = calloc(n, sizeof *w->busy);
    w->period = sp_i_period_create(p);
    w->to_off = calloc(n, sizeof *w->to_off);
    w->to = malloc(((size_t)p->lag_off[p->n_tasks] + 1) * sizeof *w->to);
    if (!w->done || !w->busy || !w->period || !w->to_off || !w->to)
        return false;
    for (uint32_t e = 0; e < p->lag_off[p->n_tasks]; e++)
        w->to_off[p->lag[e].from + 2]++;
    for (uint32_t t = 0; t < p->n_tasks; t++)
        w->to_off[t + 2] += w->to_off[t + 1];
    for (uint32_t t = 0; t < p->n_tasks; t++)   /* filling moves each offset one place on, to where it belongs */
        for (uint32_t e = p->lag_off[t]; e < p->lag_off[t + 1]; e++)
            w->to[w->to_off[p->lag[e].from + 1]++] = t;
    return true;
}

static sp_status run_events(sp_i_problem *p, sp_i_flow_counts *counts, sp_error *err)
{
    loop w = {.p = p, .open = {.first = NONE}, .anchor = NONE};
    w.rates = sp_i_maxmin_create(p);
    w.streams = p->stream ? sp_i_streams_create(p) : NULL;
    bool room = w.rates && (w.streams || !p->stream) && (!p->lag_off || turn_lags(&w));
    sp_status status = room ? run(&w, counts, err) : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u tasks", p->n_tasks);
    sp_i_maxmin_destroy(w.rates);
    sp_i_streams_destroy(w.streams);
    free(w.done);
    free(w.busy);
    sp_i_period_destroy(w.period);
    free(w.to_off);
    free(w.to);
    free(w.heap);
    return status;
}

sp_status sp_i_problem_run(sp_i_problem *p, sp_i_flow_counts *counts, sp_error *err)
{
    sp_status status = sp_i_problem_sweep(p, false, counts, err);
    int64_t chain_ps = counts->end_ps;
    bool alone = status == SP_OK && !p->events && !p->stream && sp_i_problem_free(p);
    if (alone)
        status = sp_i_problem_sweep(p, true, counts, err);
    if (status == SP_OK && !alone) {
        *counts = (sp_i_flow_counts){0};
        status = run_events(p, counts, err);
    }
    counts->chain_ps = chain_ps;
    return status;
}
