/* Periods of a run. Two instants at which every task stands alike, but for steps done (as many more in all tasks that wait for one
 * another's steps) and for the time that went by: what happened between them happens again, tick by tick, until some task
 * comes to its last step. Instants are looked at when one task, the anchor, has ended a step; one is kept to compare
 * later ones with, and changed at powers of two (Brent 1980), so that a period of any length is found. The proof is in
 * docs/models/flow.md. */
#include "flow_period.h"
#include "flow_rate.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_SHARE 4u   /* a look costs as much as some events: no more often than every n_tasks / 4 steps */

/* How a task stands whose step is on its way: when it started to flow, or will. Others stand still. */
typedef struct stand { int64_t since_ps, rate; double left_bytes; } stand;
typedef struct place { uint32_t task, at; } place;   /* whose stand is which */

/* The sum of what each is hashed to tells most instants apart. */
typedef struct digest { uint64_t n, hash; } digest;

struct sp_i_period {
    const sp_i_problem *p;
    stand *stand; place *place; uint32_t room;   /* kept, places in order of tasks once they are looked up */
    bool sorted;
    uint32_t *done;               /* [n_tasks] steps ended by then */
    digest then;
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
    q->done = malloc(((size_t)p->n_tasks + 1) * sizeof *q->done);
    for (uint32_t t = 0; t < p->n_tasks; t++)
        q->release_ps = sp_i_task_release_ps(p, t) > q->release_ps ? sp_i_task_release_ps(p, t) : q->release_ps;
    if (!q->done) {
        sp_i_period_destroy(q);
        return NULL;
    }
    return q;
}

void sp_i_period_destroy(sp_i_period *q)
{
    if (!q)
        return;
    free(q->stand);
    free(q->place);
    free(q->done);
    free(q);
}

/* All whose step is on its way; false: a visit said so. */
static bool each(const sp_i_period_at *at, bool (*visit)(void *context, uint32_t task, stand s), void *context)
{
    bool ok = true;
    for (uint32_t g = 0; g < at->n_groups && ok; g++)
        for (uint32_t t = at->group[g].first; t != UINT32_MAX && ok; t = (uint32_t)at->next[t])
            ok = visit(context, t, (stand){.since_ps = at->group[g].ps - at->ps});
    for (uint32_t i = 0; i < sp_i_maxmin_flows(at->rates) && ok; i++) {
        sp_i_flow_state flow = sp_i_maxmin_flow(at->rates, i);
        ok = visit(context, flow.task, (stand){flow.since_ps - at->ps, flow.rate, flow.left_bytes});
    }
    return ok;
}

static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ (x >> 29);
}

static bool add_to_digest(void *context, uint32_t task, stand s)
{
    digest *d = context;
    uint64_t left;
    memcpy(&left, &s.left_bytes, sizeof left);
    d->n++;
    d->hash += mixed(mixed(mixed(mixed(task) ^ (uint64_t)s.since_ps) ^ (uint64_t)s.rate) ^ left);
    return true;
}

static bool keep_one(void *context, uint32_t task, stand s)
{
    sp_i_period *q = context;
    q->place[q->then.n] = (place){task, (uint32_t)q->then.n};
    q->stand[q->then.n++] = s;
    return true;
}

/* false: no memory. */
static bool keep(sp_i_period *q, const sp_i_period_at *at, const digest *now)
{
    if (now->n > q->room) {
        uint32_t room = (uint32_t)(now->n + now->n / 2);
        stand *stands = realloc(q->stand, room * sizeof *stands);
        q->stand = stands ? stands : q->stand;
        place *places = realloc(q->place, room * sizeof *places);
        q->place = places ? places : q->place;
        if (!stands || !places)
            return false;
        q->room = room;
    }
    q->then = (digest){.hash = now->hash};
    each(at, keep_one, q);
    memcpy(q->done, at->done, (size_t)q->p->n_tasks * sizeof *q->done);
    q->then_at = *at;
    q->sorted = false;
    return true;
}

static int by_task(const void *a, const void *b)
{
    uint32_t x = ((const place *)a)->task, y = ((const place *)b)->task;
    return (x > y) - (x < y);
}

static bool stood_so(void *context, uint32_t task, stand s)
{
    const sp_i_period *q = context;
    const place *found = bsearch(&(place){.task = task}, q->place, q->then.n, sizeof *q->place, by_task);
    const stand *then = found ? &q->stand[found->at] : NULL;
    return then && then->since_ps == s.since_ps && then->rate == s.rate && then->left_bytes == s.left_bytes;
}

/* Do all stand as they stood then? */
static bool alike(sp_i_period *q, const sp_i_period_at *at, const digest *now)
{
    if (now->n != q->then.n || now->hash != q->then.hash)
        return false;
    if (!q->sorted)
        qsort(q->place, q->then.n, sizeof *q->place, by_task);
    q->sorted = true;
    return each(at, stood_so, q);
}

/* How often what happened since can happen again before some task comes to its last step; 0: it is no period. */
static uint32_t times(sp_i_period *q, const sp_i_period_at *at, const digest *now)
{
    const sp_i_problem *p = q->p;
    uint32_t most = UINT32_MAX;
    if (at->n_done != q->then_at.n_done || q->then_at.ps < q->release_ps || !alike(q, at, now))
        return 0;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        uint32_t steps = at->done[t] - q->done[t];
        if (steps && !q->done[t])   /* its first step is not like the others */
            return 0;
        for (uint32_t e = p->lag_off[t]; e < p->lag_off[t + 1]; e++)
            if (at->done[p->lag[e].from] - q->done[p->lag[e].from] != steps)
                return 0;
        uint32_t here = steps ? (sp_i_task_steps(p, t) - 1 - at->done[t]) / steps : UINT32_MAX;
        most = here < most ? here : most;
    }
    return most == UINT32_MAX ? 0 : most;
}

uint32_t sp_i_period_look(sp_i_period *q, const sp_i_period_at *at, sp_i_period_found *out)
{
    if ((at->ended - q->looked) * LOOK_SHARE < q->p->n_tasks)
        return 0;
    q->looked = at->ended;
    digest now = {0};
    each(at, add_to_digest, &now);
    uint32_t n = q->kept ? times(q, at, &now) : 0;
    if (n) {
        *out = (sp_i_period_found){at->ps - q->then_at.ps, at->ended - q->then_at.ended, at->flows - q->then_at.flows,
                                   at->end_sum_ps - q->then_at.end_sum_ps};
        for (uint32_t t = 0; t < q->p->n_tasks; t++)
            at->done[t] += n * (at->done[t] - q->done[t]);
        q->kept = false;
        q->power = 1;
        return n;
    }
    if (!q->kept || ++q->age == q->power) {
        q->power *= q->kept ? 2 : 1;
        q->kept = keep(q, at, &now);   /* no memory: nothing is passed over */
        q->age = 0;
    }
    return 0;
}
