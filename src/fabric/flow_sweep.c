/* Ends of tasks whose durations are known beforehand: the longest chain of waits, component by component and in each of them
 * step by step. That is the bound of every run, and the run itself where nobody shares (flow_free.c).
 *
 * A component is the tasks that wait for one another step by step. Its step s is F(step s - 1), where F takes maxima and adds
 * durations; F(x + c) = F(x) + c. So once a step comes a constant after the one before for all tasks, every later one does, and
 * the steps left are a multiplication. Until then, after some steps only what changes is followed (flow_lines.c). */
#include "flow_lines.h"
#include "flow_rate.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define LOOK_UP (1u << 20)   /* steps between two looks at whether to stop */
#define STEPS_MAX (UINT64_C(1) << 32)   /* some 20 s */
#define STEPS_PLAIN 3u                  /* of a component, before changes are followed alone */
#define CHANGE_STEPS 16u                /* plain steps in whose time a change is followed */

typedef struct sweep {
    sp_i_problem *p;
    bool whole; double quantum;     /* durations in whole ticks at whole quanta, as events have them; else a bound */
    int64_t *ps;                    /* duration of a step, by position in the component that is run; NULL: tasks have one step */
    bool starts;
    uint32_t n;                     /* components                                                                */
    uint32_t *of;                   /* [n_tasks] component                                                       */
    uint32_t *off, *member;         /* CSR: tasks of a component; whom they wait for at the same step come first */
    uint32_t *at;                   /* [n_tasks] position in the component                                       */
    uint32_t *waits;                /* [n] of all members; single tasks use up the problem's, and put them back   */
    uint32_t *queue, n_queue;       /* [n] components in an order in which they can run                          */
    int64_t *base;                  /* [n_tasks] first step: not before; of single tasks, end_ps until they run  */
    int64_t *row[2];                /* ends of a step and of the one before, by position                         */
    uint32_t *edge_off, *edge; uint8_t *back;   /* lags of the component, by position                            */
    uint64_t worked;                /* steps of tasks, one by one */
    sp_i_flow_counts *counts;
    int64_t end_ps;
} sweep;

static uint32_t find(uint32_t *of, uint32_t t)
{
    while (of[t] != t)
        t = of[t] = of[of[t]];
    return t;
}

/* Tasks in an order in which those that are waited for at the same step come first; false: there is none. */
static bool order(const sp_i_problem *p, uint32_t *out, uint32_t *left, uint32_t *next_off, uint32_t *next)
{
    uint32_t n = 0;
    memset(next_off, 0, ((size_t)p->n_tasks + 2) * sizeof *next_off);
    memset(left, 0, (size_t)p->n_tasks * sizeof *left);
    for (uint32_t t = 0; t < p->n_tasks; t++)
        for (uint32_t e = p->lag_off[t]; e < p->lag_off[t + 1]; e++)
            if (!p->lag[e].back) {
                left[t]++;
                next_off[p->lag[e].from + 2]++;
            }
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        next_off[t + 2] += next_off[t + 1];
        if (!left[t])
            out[n++] = t;
    }
    for (uint32_t t = 0; t < p->n_tasks; t++)   /* filling moves each offset one place on, to where it belongs */
        for (uint32_t e = p->lag_off[t]; e < p->lag_off[t + 1]; e++)
            if (!p->lag[e].back)
                next[next_off[p->lag[e].from + 1]++] = t;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t e = next_off[out[i]]; e < next_off[out[i] + 1]; e++)
            if (--left[next[e]] == 0)
                out[n++] = next[e];
    return n == p->n_tasks;
}

static int64_t time_ps(const sweep *w, uint32_t t)
{
    return w->whole ? sp_i_task_delay_ps(w->p, t) + (int64_t)sp_i_task_wire_ps(w->p, t, w->quantum) : sp_i_task_alone_ps(w->p, t);
}

/* Components by number, their members in order; false: no order. scratch: 3 x n_tasks + 2 and a lag each. */
static bool lay(sweep *w, uint32_t *scratch)
{
    const sp_i_problem *p = w->p;
    uint32_t *sorted = scratch, *left = sorted + p->n_tasks, *next_off = left + p->n_tasks;
    if (!order(p, sorted, left, next_off, next_off + p->n_tasks + 2))
        return false;
    for (uint32_t t = 0; t < p->n_tasks; t++)
        w->of[t] = t;
    for (uint32_t t = 0; t < p->n_tasks; t++)
        for (uint32_t e = p->lag_off[t]; e < p->lag_off[t + 1]; e++) {
            if (sp_i_task_steps(p, t) != sp_i_task_steps(p, p->lag[e].from))
                return false;
            w->of[find(w->of, t)] = find(w->of, p->lag[e].from);
        }
    for (uint32_t t = 0; t < p->n_tasks; t++)
        left[t] = find(w->of, t) == t ? w->n++ : NONE;
    for (uint32_t t = 0; t < p->n_tasks; t++)   /* roots are found while no number stands in their place */
        next_off[t] = left[find(w->of, t)];
    memcpy(w->of, next_off, (size_t)p->n_tasks * sizeof *w->of);
    memset(w->off, 0, ((size_t)w->n + 2) * sizeof *w->off);
    for (uint32_t t = 0; t < p->n_tasks; t++)
        w->off[w->of[t] + 2]++;
    for (uint32_t k = 0; k < w->n; k++)
        w->off[k + 2] += w->off[k + 1];
    for (uint32_t i = 0; i < p->n_tasks; i++) {
        uint32_t t = sorted[i], to = w->off[w->of[t] + 1]++;
        w->member[to] = t;
    }
    for (uint32_t k = 0; k < w->n; k++)
        for (uint32_t i = w->off[k]; i < w->off[k + 1]; i++)
            w->at[w->member[i]] = i - w->off[k];
    return true;
}

/* What is kept of a component while it runs: room for the largest, by tasks and by lags. */
static bool open_rows(sweep *w)
{
    size_t n = 1, n_lags = 1;
    for (uint32_t k = 0; k < w->n; k++) {
        size_t lags = 1;
        for (uint32_t i = w->off[k]; i < w->off[k + 1]; i++)
            lags += w->p->lag_off[w->member[i] + 1] - w->p->lag_off[w->member[i]];
        n = w->off[k + 1] - w->off[k] + (size_t)1 > n ? w->off[k + 1] - w->off[k] + (size_t)1 : n;
        n_lags = lags > n_lags ? lags : n_lags;
    }
    w->row[0] = malloc(n * sizeof *w->row[0]);
    w->row[1] = malloc(n * sizeof *w->row[1]);
    w->ps = malloc(n * sizeof *w->ps);
    w->edge_off = malloc(n * sizeof *w->edge_off);
    w->edge = malloc(n_lags * sizeof *w->edge);
    w->back = malloc(n_lags * sizeof *w->back);
    return w->row[0] && w->row[1] && w->ps && w->edge_off && w->edge && w->back;
}

static sp_status open(sweep *w)
{
    const sp_i_problem *p = w->p;
    size_t n = (size_t)p->n_tasks + 3, n_lags = (p->lag_off ? p->lag_off[p->n_tasks] : 0) + (size_t)1;
    w->queue = malloc(n * sizeof *w->queue);
    if (!p->lag_off) {
        w->n = p->n_tasks;
        w->base = p->end_ps;
        return w->queue ? SP_OK : SP_E_NOMEM;
    }
    uint32_t *scratch = malloc((3 * n + n_lags) * sizeof *scratch);
    w->n = 0;
    w->of = malloc(n * sizeof *w->of);
    w->off = malloc(n * sizeof *w->off);
    w->member = malloc(n * sizeof *w->member);
    w->at = malloc(n * sizeof *w->at);
    bool room = w->queue && scratch && w->of && w->off && w->member && w->at, ok = room && lay(w, scratch);
    free(scratch);
    if (ok) {
        w->waits = calloc(n, sizeof *w->waits);
        w->base = malloc(n * sizeof *w->base);
        room = w->waits && w->base && open_rows(w);
    }
    return !room ? SP_E_NOMEM : ok ? SP_OK : SP_E_UNFIT;
}

static void close(sweep *w)
{
    free(w->waits);
    free(w->queue);
    if (w->base != w->p->end_ps)
        free(w->base);
    free(w->of);
    free(w->off);
    free(w->member);
    free(w->at);
    free(w->row[0]);
    free(w->row[1]);
    free(w->ps);
    free(w->edge_off);
    free(w->edge);
    free(w->back);
}

static uint64_t orbit_of(const sp_i_problem *p, uint32_t t)
{
    return sp_i_task_route(p, t) == SP_I_NO_ROUTE ? 0 : sp_i_task_way(p, t)->orbit;
}

/* ---- a component -------------------------------------------------------------------------------------------------------- */

static void gather(sweep *w, const uint32_t *member, uint32_t n)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        w->ps[i] = time_ps(w, member[i]);
        w->edge_off[i] = k;
        for (uint32_t e = w->p->lag_off[member[i]]; e < w->p->lag_off[member[i] + 1]; e++, k++) {
            w->edge[k] = w->at[w->p->lag[e].from];
            w->back[k] = w->p->lag[e].back;
        }
    }
    w->edge_off[n] = k;
}

/* Where the clock ends it stays: sp_i_flow_report refuses such times. */
#define END_PS (INT64_MAX / 4)
static int64_t later(int64_t at, int64_t ps)
{
    return at > END_PS - ps ? END_PS : at + ps;
}

static void first_step(sweep *w, const uint32_t *member, uint32_t n, int64_t *now)
{
    for (uint32_t i = 0; i < n; i++) {
        int64_t t = w->base[member[i]];
        for (uint32_t e = w->edge_off[i]; e < w->edge_off[i + 1]; e++)
            t = !w->back[e] && now[w->edge[e]] > t ? now[w->edge[e]] : t;
        w->base[member[i]] = t;
        now[i] = later(t, w->ps[i]);
    }
}

/* true: every end is as much after the one before it. */
static bool next_step(const sweep *w, uint32_t n, const int64_t *before, int64_t *now)
{
    bool alike = true;
    for (uint32_t i = 0; i < n; i++) {
        int64_t t = before[i];
        for (uint32_t e = w->edge_off[i]; e < w->edge_off[i + 1]; e++) {
            int64_t other = w->back[e] ? before[w->edge[e]] : now[w->edge[e]];
            t = other > t ? other : t;
        }
        now[i] = later(t, w->ps[i]);
        alike = alike && now[i] - before[i] == now[0] - before[0];
    }
    return alike;
}

/* Adds the ends of one step to the sum, and those of `more` steps that follow every gap_ps. */
static void add_up(sweep *w, const uint32_t *member, uint32_t n, const int64_t *now, uint64_t more, int64_t gap_ps)
{
    uint64_t ends = 0, flows = 0, pairs = more % 2 ? (more + 1) / 2 * more : more / 2 * (more + 1);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t orbit = orbit_of(w->p, member[i]);
        ends += orbit * (uint64_t)now[i];
        flows += orbit;
    }
    w->counts->end_sum_ps += ends * (more + 1) + flows * (uint64_t)gap_ps * pairs;
}

static uint64_t most_of(const sweep *w)
{
    return w->p->steps_max ? w->p->steps_max : STEPS_MAX;
}

/* The steps after s by their changes alone. SP_E_UNFIT: nothing was run. */
static sp_status run_lines(sweep *w, const uint32_t *member, uint32_t n, uint32_t n_step, uint32_t s, int64_t *now, const int64_t *before)
{
    uint64_t *weight = malloc(((size_t)n + 1) * sizeof *weight);
    sp_i_lines lines = {.p = w->p, .n = n, .n_step = n_step, .step = s, .ps = w->ps, .weight = weight, .edge_off = w->edge_off, .edge = w->edge, .back = w->back,
                        .now = now, .before = before, .worked = w->worked / CHANGE_STEPS, .most = most_of(w) / CHANGE_STEPS};
    for (uint32_t i = 0; i < n && weight; i++)
        weight[i] = orbit_of(w->p, member[i]);
    sp_status status = weight ? sp_i_lines_run(&lines) : SP_E_NOMEM;
    free(weight);
    if (status != SP_OK)
        return status;
    uint64_t left = (uint64_t)n * (n_step - 1 - s), changes = lines.worked - w->worked / CHANGE_STEPS;
    w->worked += changes * CHANGE_STEPS;
    w->counts->end_sum_ps += lines.end_sum_ps;
    w->counts->skipped += left > changes ? left - changes : 0;
    w->counts->periods++;
    return SP_OK;
}

/* Until every step is like the one before it: then the steps left are a multiplication. */
static sp_status run_steps(sweep *w, uint32_t k)
{
    const uint32_t *member = w->member + w->off[k];
    uint32_t n = w->off[k + 1] - w->off[k], n_step = sp_i_task_steps(w->p, member[0]), s = 1;
    int64_t *now = w->row[0], *before = w->row[1];
    gather(w, member, n);
    first_step(w, member, n, now);
    add_up(w, member, n, now, 0, 0);
    for (bool ended = false; s < n_step && !ended; s++) {
        w->worked += n;
        if (w->worked / LOOK_UP != (w->worked - n) / LOOK_UP && sp_i_problem_stopped(w->p, 0))
            return SP_E_INTERRUPTED;
        if (w->worked > most_of(w))
            return SP_E_RANGE;
        int64_t *last = now;
        now = before;
        before = last;
        bool alike = next_step(w, n, before, now);
        uint64_t more = alike ? n_step - 1 - s : 0;
        add_up(w, member, n, now, more, now[0] - before[0]);
        for (uint32_t i = 0; i < n && more; i++) {
            int64_t gap = now[i] - before[i];
            now[i] = gap > 0 && (int64_t)more > (END_PS - now[i]) / gap ? END_PS : now[i] + (int64_t)more * gap;
        }
        w->counts->skipped += more * n;
        w->counts->periods += more > 0;
        sp_status status = alike || s != STEPS_PLAIN ? SP_E_UNFIT : run_lines(w, member, n, n_step, s, now, before);
        if (status != SP_OK && status != SP_E_UNFIT)
            return status;
        ended = alike || status == SP_OK;
    }
    w->counts->instants += n_step;
    for (uint32_t i = 0; i < n; i++)
        w->p->end_ps[member[i]] = now[i];
    return SP_OK;
}

static void run_one(sweep *w, uint32_t t)
{
    int64_t start = w->base[t];
    if (w->starts && w->p->start_ps)
        w->p->start_ps[t] = start;
    w->p->end_ps[t] = later(start, time_ps(w, t));
    w->counts->end_sum_ps += orbit_of(w->p, t) * (uint64_t)w->p->end_ps[t];
    w->counts->instants++;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------- */

static void let_go(sweep *w, uint32_t t)
{
    sp_i_problem *p = w->p;
    int64_t end = p->end_ps[t];
    w->end_ps = end > w->end_ps ? end : w->end_ps;
    for (uint32_t e = p->succ ? p->succ_off[t] : 0, to = p->succ ? p->succ_off[t + 1] : 0; e < to; e++) {
        uint32_t next = p->succ[e], k = w->of ? w->of[next] : next;
        w->base[next] = end > w->base[next] ? end : w->base[next];
        if ((w->of ? --w->waits[k] : --p->waits[k]) == 0)
            w->queue[w->n_queue++] = k;
    }
}

static sp_status run(sweep *w, sp_error *err)
{
    const sp_i_problem *p = w->p;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        w->base[t] = sp_i_task_release_ps(p, t);
        if (w->of)
            w->waits[w->of[t]] += p->waits[t];
    }
    for (uint32_t k = 0; k < w->n; k++)
        if (w->of ? !w->waits[k] : !p->waits[k])
            w->queue[w->n_queue++] = k;
    for (uint32_t i = 0; i < w->n_queue; i++) {
        uint32_t k = w->queue[i];
        if (!w->of) {
            run_one(w, k);
            let_go(w, k);
            continue;
        }
        sp_status status = run_steps(w, k);
        if (status == SP_E_NOMEM)
            return sp_i_flow_no_memory(err);
        if (status != SP_OK)
            return status == SP_E_INTERRUPTED ? sp_i_flow_interrupted(err) : sp_i_flow_no_end(w->p->n_tasks, err);
        for (uint32_t m = w->off[k]; m < w->off[k + 1]; m++)
            let_go(w, w->member[m]);
    }
    if (w->n_queue == w->n) {
        for (uint32_t e = 0; !w->of && e < p->succ_off[p->n_tasks]; e++)
            p->waits[p->succ[e]]++;
        return SP_OK;
    }
    return w->of ? SP_E_UNFIT : sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%u of %u flows wait for one another in a circle", w->n - w->n_queue, w->n);
}

/* Nobody waits. */
static void run_apart(sweep *w)
{
    sp_i_problem *p = w->p;
    w->base = p->end_ps;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        p->end_ps[t] = sp_i_task_release_ps(p, t);
        run_one(w, t);
        w->end_ps = p->end_ps[t] > w->end_ps ? p->end_ps[t] : w->end_ps;
    }
}

sp_status sp_i_problem_sweep(sp_i_problem *p, bool run_itself, sp_i_flow_counts *counts, sp_error *err)
{
    sweep w = {.p = p, .whole = run_itself, .starts = run_itself, .quantum = sp_i_rate_quantum(p), .counts = counts};
    *counts = (sp_i_flow_counts){0};
    if (!p->succ && !p->lag_off) {
        run_apart(&w);
        counts->end_ps = w.end_ps;
        return SP_OK;
    }
    sp_status status = open(&w);
    if (status == SP_OK)
        status = run(&w, err);
    else if (status == SP_E_NOMEM)
        sp_i_flow_no_memory(err);
    counts->end_ps = w.end_ps;
    close(&w);
    return status;
}
