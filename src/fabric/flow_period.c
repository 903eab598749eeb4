/* Periods of a run. Two instants at which every task stands alike, but for steps done (as many more in all tasks that wait for one
 * another's steps) and for the time that went by: what happened between them happens again, tick by tick, until some task
 * comes to its last step. Instants are looked at when one task, the anchor, has ended a step; one is kept to compare
 * later ones with, and changed at powers of two (Brent 1980), so that a period of any length is found. The proof is in
 * docs/models/flow.md. */
#include "flow_period.h"
#include "flow_rate.h"

#include <stdlib.h>

#define LOOK_SHARE 4u   /* a look costs as much as some events: no more often than every n_tasks / 4 steps */

typedef struct stand { uint32_t done; bool busy; int64_t since_ps, rate; double left_bytes; } stand;

struct sp_i_period {
    const sp_i_problem *p;
    stand *then, *now;            /* [n_tasks] kept, and of this instant */
    sp_i_period_at then_at;
    bool kept;
    uint64_t looked, age, power;  /* steps ended at the last look; looks since one was kept, and how many until the next is */
    int64_t release_ps;
};

sp_i_period *sp_i_period_create(const sp_i_problem *p)
{
    sp_i_period *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->p = p;
    q->power = 1;
    q->then = calloc((size_t)p->n_tasks + 1, sizeof *q->then);
    q->now = calloc((size_t)p->n_tasks + 1, sizeof *q->now);
    for (uint32_t t = 0; t < p->n_tasks; t++)
        q->release_ps = sp_i_task_release_ps(p, t) > q->release_ps ? sp_i_task_release_ps(p, t) : q->release_ps;
    if (!q->then || !q->now) {
        sp_i_period_destroy(q);
        return NULL;
    }
    return q;
}

void sp_i_period_destroy(sp_i_period *q)
{
    if (!q)
        return;
    free(q->then);
    free(q->now);
    free(q);
}

static void take_down(sp_i_period *q, const sp_i_period_at *at)
{
    for (uint32_t t = 0; t < q->p->n_tasks; t++)
        q->now[t] = (stand){.done = at->done[t], .busy = at->busy[t], .since_ps = at->busy[t] ? at->wake_ps[t] - at->ps : 0};
    for (uint32_t i = 0; i < sp_i_maxmin_flows(at->rates); i++) {
        sp_i_flow_state flow = sp_i_maxmin_flow(at->rates, i);
        stand *s = &q->now[flow.task];
        s->since_ps = flow.since_ps - at->ps;
        s->rate = flow.rate;
        s->left_bytes = flow.left_bytes;
    }
}

static bool alike(const stand *a, const stand *b)
{
    return a->busy == b->busy && a->since_ps == b->since_ps && a->rate == b->rate && a->left_bytes == b->left_bytes &&
           (a->done == b->done || a->done > 0);
}

/* How often what happened since can happen again before some task comes to its last step; 0: it is no period. */
static uint32_t times(const sp_i_period *q, const sp_i_period_at *at)
{
    const sp_i_problem *p = q->p;
    uint32_t most = UINT32_MAX;
    if (at->n_done != q->then_at.n_done || q->then_at.ps < q->release_ps)
        return 0;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        uint32_t steps = q->now[t].done - q->then[t].done;
        if (!alike(&q->then[t], &q->now[t]))
            return 0;
        for (uint32_t e = p->lag_off[t]; e < p->lag_off[t + 1]; e++)
            if (q->now[p->lag[e].from].done - q->then[p->lag[e].from].done != steps)
                return 0;
        uint32_t here = steps ? (p->steps[t] - 1 - q->now[t].done) / steps : UINT32_MAX;
        most = here < most ? here : most;
    }
    return most == UINT32_MAX ? 0 : most;
}

uint32_t sp_i_period_look(sp_i_period *q, const sp_i_period_at *at, sp_i_period_found *out)
{
    if ((at->ended - q->looked) * LOOK_SHARE < q->p->n_tasks)
        return 0;
    q->looked = at->ended;
    take_down(q, at);
    uint32_t n = q->kept ? times(q, at) : 0;
    if (n) {
        *out = (sp_i_period_found){at->ps - q->then_at.ps, at->ended - q->then_at.ended, at->flows - q->then_at.flows,
                                   at->end_sum_ps - q->then_at.end_sum_ps};
        for (uint32_t t = 0; t < q->p->n_tasks; t++)
            at->done[t] += n * (q->now[t].done - q->then[t].done);
        q->kept = false;
        q->power = 1;
        return n;
    }
    if (!q->kept || ++q->age == q->power) {
        stand *then = q->then;
        q->then = q->now;
        q->now = then;
        q->then_at = *at;
        q->power *= q->kept ? 2 : 1;
        q->kept = true;
        q->age = 0;
    }
    return 0;
}
