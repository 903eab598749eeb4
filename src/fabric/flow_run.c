/* The event loop: tasks become ready when all they wait for has ended, flow after their delay (endpoint overhead, then the
 * path's latency), and end when the last byte has arrived. Everything of one tick is taken before rates are set once.
 *
 * Tasks that start together wait in one group: steps of a collective start thousands at a time. */
#include "flow_i.h"

#include <stdlib.h>

#define NONE UINT32_MAX

typedef struct group { int64_t ps; uint32_t first, last; } group;

typedef struct loop {
    sp_i_problem *p;
    sp_i_maxmin *rates;
    group *heap; uint32_t n_heap, room;   /* of starts */
    group open;                           /* the group being collected; first NONE: none */
    uint32_t *next;                       /* [n_tasks] next task of the group */
    double *chain_ps;                     /* [n_tasks] longest chain before the task, each task as if alone */
    double longest_ps;
    uint32_t done;
    int64_t end_ps;
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

static bool ready(loop *w, uint32_t task, int64_t now)
{
    const sp_i_problem *p = w->p;
    int64_t ps = now > p->start_ps[task] ? now : p->start_ps[task];
    p->start_ps[task] = ps;
    ps += p->size[p->task_size[task]].delay_ps;
    if (p->task_route[task] != SP_I_NO_ROUTE)
        ps += p->route[p->task_route[task]].latency_ps;
    w->next[task] = NONE;
    if (w->open.first != NONE && w->open.ps == ps) {
        w->next[w->open.last] = task;
        w->open.last = task;
        return true;
    }
    bool ok = w->open.first == NONE || push(w, w->open);
    w->open = (group){ps, task, task};
    return ok;
}

static bool close_group(loop *w)
{
    bool ok = w->open.first == NONE || push(w, w->open);
    w->open.first = NONE;
    return ok;
}

static double alone_ps(const sp_i_problem *p, uint32_t task)
{
    const sp_i_flow_size *size = &p->size[p->task_size[task]];
    if (p->task_route[task] == SP_I_NO_ROUTE)
        return (double)size->delay_ps;
    const sp_i_flow_route *route = &p->route[p->task_route[task]];
    return (double)(size->delay_ps + route->latency_ps) + (route->n ? size->bytes / route->alone_bytes_per_s * 1e12 : 0);
}

static bool finish(loop *w, uint32_t task, int64_t now)
{
    sp_i_problem *p = w->p;
    bool ok = true;
    p->end_ps[task] = now;
    w->done++;
    w->end_ps = now;
    double chain_ps = w->chain_ps[task] + alone_ps(p, task);
    w->longest_ps = chain_ps > w->longest_ps ? chain_ps : w->longest_ps;
    for (uint32_t e = p->succ ? p->succ_off[task] : 0, end = p->succ ? p->succ_off[task + 1] : 0; e < end; e++) {
        uint32_t next = p->succ[e];
        w->chain_ps[next] = chain_ps > w->chain_ps[next] ? chain_ps : w->chain_ps[next];
        if (--p->waits[next] == 0)
            ok = ready(w, next, now) && ok;
    }
    return ok;
}

static bool start(loop *w, group g)
{
    bool ok = true;
    for (uint32_t task = g.first, next; task != NONE; task = next) {
        uint32_t route = w->p->task_route[task];
        next = w->next[task];
        bool flows = route != SP_I_NO_ROUTE && w->p->route[route].n && w->p->size[w->p->task_size[task]].bytes > 0;
        ok = (flows ? sp_i_maxmin_add(w->rates, task, g.ps) : finish(w, task, g.ps)) && ok;
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
        if (!any || !ok)
            return ok;
    }
}

static sp_status run(loop *w, sp_i_flow_counts *counts, sp_error *err)
{
    bool ok = true;
    for (uint32_t t = 0; t < w->p->n_tasks && ok; t++) {
        w->chain_ps[t] = (double)w->p->start_ps[t];
        if (w->p->waits[t] == 0)
            ok = ready(w, t, 0);
    }
    ok = ok && close_group(w);
    while (ok) {
        int64_t now = sp_i_maxmin_next_ps(w->rates);
        if (w->n_heap && w->heap[0].ps < now)
            now = w->heap[0].ps;
        if (now == INT64_MAX)
            break;
        ok = instant(w, now);
        sp_i_maxmin_fill(w->rates, now);
        counts->instants++;
    }
    if (!ok)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the flows of %u tasks", w->p->n_tasks);
    if (w->done != w->p->n_tasks)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%u of %u flows wait for one another in a circle", w->p->n_tasks - w->done,
                            w->p->n_tasks);
    counts->end_ps = w->end_ps;
    counts->chain_ps = w->longest_ps;
    sp_i_maxmin_count(w->rates, counts);
    return SP_OK;
}

sp_status sp_i_problem_run(sp_i_problem *p, sp_i_flow_counts *counts, sp_error *err)
{
    loop w = {.p = p, .open = {.first = NONE}};
    *counts = (sp_i_flow_counts){0};
    w.rates = sp_i_maxmin_create(p);
    w.next = malloc(((size_t)p->n_tasks + 1) * sizeof *w.next);
    w.chain_ps = malloc(((size_t)p->n_tasks + 1) * sizeof *w.chain_ps);
    sp_status status = w.rates && w.next && w.chain_ps ? run(&w, counts, err) :
                       sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u tasks", p->n_tasks);
    sp_i_maxmin_destroy(w.rates);
    free(w.next);
    free(w.chain_ps);
    free(w.heap);
    return status;
}
