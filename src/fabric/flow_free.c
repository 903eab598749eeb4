/* Do all flows run at the rate that each has alone, whenever they run? Then nothing is shared, and ends follow from the waits
 * without an event (flow_sweep.c; the proof is in docs/models/flow.md).
 *
 * Tasks of which each waits for the end of the one before are a queue: one of them flows at a time. A link holds back nobody if
 * one flow at a time is on it; if all that can be on it have the same share alone and fit; or if they fit with a quantum to spare each. */
#include "flow_rate.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define LONGEST_PS 4e18
#define FLOWS_MAX (1u << 20)   /* sums of loads stay below 2^53 */

typedef struct sum { double quanta, spare; uint64_t flows; } sum;

typedef struct free_link {
    int64_t cap;
    double share;             /* of the flows on it, while all have the same; 0: none yet, -1: they differ */
    sum all, most, task;      /* queues together; the most of the queue's tasks; of the task               */
    uint32_t queue, at;       /* those that most and task are of                                           */
} free_link;

typedef struct judge {
    const sp_i_problem *p;
    double quantum;
    free_link *link;
    uint32_t *next; uint8_t *follows;   /* [n_tasks] in its queue */
} judge;

/* The link, ready on first sight: a verdict often falls before most are seen. */
static free_link *link_of(const judge *j, uint32_t l)
{
    free_link *link = &j->link[l];
    if (!link->cap)
        link->cap = (int64_t)(j->p->link[l].cap_bytes_per_s / j->quantum);
    return link;
}

/* Share of a flow alone, in quanta. */
static double alone(const judge *j, uint32_t task)
{
    double share = INFINITY;
    const sp_i_flow_hop *hop = sp_i_task_hops(j->p, task);
    for (const sp_i_flow_hop *end = hop + sp_i_task_way(j->p, task)->n; hop < end; hop++) {
        double here = sp_i_rate_share(link_of(j, hop->link)->cap, sp_i_hop_load(j->p, hop)->load);
        share = here < share ? here : share;
    }
    return share;
}

/* ---- queues --------------------------------------------------------------------------------------------------------------- */

static bool meet(const sp_i_problem *p, uint32_t a, uint32_t b)
{
    const sp_i_flow_hop *x = sp_i_task_hops(p, a), *y = sp_i_task_hops(p, b);
    uint64_t n = sp_i_task_way(p, a)->n, m = sp_i_task_way(p, b)->n;
    for (uint64_t g = 0; g < n; g++)
        for (uint64_t h = 0; h < m; h++)
            if (x[g].link == y[h].link)
                return true;
    return false;
}

static void find_queues(judge *j)
{
    const sp_i_problem *p = j->p;
    memset(j->next, 0xff, (size_t)p->n_tasks * sizeof *j->next);   /* NONE */
    for (uint32_t t = 0; t < p->n_tasks && p->succ; t++) {
        if (!sp_i_task_flows(p, t))
            continue;
        for (uint32_t e = p->succ_off[t]; e < p->succ_off[t + 1] && j->next[t] == NONE; e++) {
            uint32_t b = p->succ[e];
            if (!j->follows[b] && sp_i_task_flows(p, b) && meet(p, t, b)) {
                j->next[t] = b;
                j->follows[b] = 1;
            }
        }
    }
}

/* ---- links ------------------------------------------------------------------------------------------------------------------ */

static double rounded_up(double share, int64_t weight)
{
    double product = share * (double)weight, quanta = ceil(product / (double)SP_I_ONE);
    return fma(share, (double)weight, -product) > 0 ? quanta + 1 : quanta;
}

static void raise(sum *most, const sum *task, sum *all)
{
    all->quanta += task->quanta > most->quanta ? task->quanta - most->quanta : 0;
    all->spare += task->spare > most->spare ? task->spare - most->spare : 0;
    all->flows += task->flows > most->flows ? task->flows - most->flows : 0;
    most->quanta = task->quanta > most->quanta ? task->quanta : most->quanta;
    most->spare = task->spare > most->spare ? task->spare : most->spare;
    most->flows = task->flows > most->flows ? task->flows : most->flows;
}

static bool fits(const free_link *link)
{
    double cap = (double)link->cap;
    if (link->all.flows <= 1)
        return true;
    return link->all.flows < FLOWS_MAX && ((link->share > 0 && link->all.quanta <= cap) || link->all.quanta + link->all.spare <= cap);
}

/* false: it may hold somebody back. */
static bool add_task(judge *j, uint32_t t, uint32_t queue)
{
    const sp_i_flow_way *way = sp_i_task_way(j->p, t);
    const sp_i_flow_hop *hop = sp_i_task_hops(j->p, t);
    double share = alone(j, t);
    bool ok = share > 1 && way->weight > 0;
    for (const sp_i_flow_hop *end = hop + way->n; hop < end && ok; hop++) {
        const sp_i_flow_load *load = sp_i_hop_load(j->p, hop);
        free_link *link = link_of(j, hop->link);
        link->share = link->share == 0 || link->share == share ? share : -1;
        if (link->queue != queue + 1) {
            link->queue = queue + 1;
            link->most = (sum){0};
            link->at = NONE;
        }
        if (link->at != t) {
            link->at = t;
            link->task = (sum){0};
        }
        link->task.quanta += rounded_up(share, load->load) * (double)load->count;
        link->task.spare += (ceil((double)load->load / (double)SP_I_ONE) + 1) * (double)load->count;
        link->task.flows += load->count;
        raise(&link->most, &link->task, &link->all);
        ok = fits(link);
    }
    return ok;
}

static bool judge_all(judge *j)
{
    bool ok = true;
    for (uint32_t t = 0; t < j->p->n_tasks && ok; t++)
        for (uint32_t q = j->follows[t] ? NONE : t; q != NONE && ok; q = j->next[q])
            ok = !sp_i_task_flows(j->p, q) || add_task(j, q, t);
    return ok;
}

/* Durations of steps; false: too long to be added up. */
static bool take_times(const judge *j, int64_t *ps)
{
    const sp_i_problem *p = j->p;
    double all = 0;
    for (uint32_t t = 0; t < p->n_tasks; t++) {
        double wire_ps = 0;
        if (sp_i_task_flows(p, t)) {
            int64_t rate = sp_i_rate_used(alone(j, t), sp_i_task_way(p, t)->weight);
            wire_ps = sp_i_rate_ticks(p->size[p->task_size[t]].bytes, rate < 1 ? 1 : rate, j->quantum * 1e-12);
        }
        all += ((double)sp_i_task_delay_ps(p, t) + wire_ps) * (p->steps ? p->steps[t] : 1) + (double)sp_i_task_release_ps(p, t);
        if (all > LONGEST_PS)
            return false;
        ps[t] = sp_i_task_delay_ps(p, t) + (int64_t)wire_ps;
    }
    return true;
}

bool sp_i_problem_free(const sp_i_problem *p, int64_t *ps)
{
    judge j = {.p = p, .quantum = sp_i_rate_quantum(p), .link = calloc((size_t)p->n_links + 1, sizeof *j.link), .next = malloc(((size_t)p->n_tasks + 1) * sizeof *j.next),
               .follows = calloc((size_t)p->n_tasks + 1, 1)};
    bool ok = j.link && j.next && j.follows;
    if (ok)
        find_queues(&j);
    ok = ok && judge_all(&j) && take_times(&j, ps);
    free(j.link);
    free(j.next);
    free(j.follows);
    return ok;
}
