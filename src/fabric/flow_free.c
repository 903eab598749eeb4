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

/* All queues together. Links are the many: what is of one queue alone has a seat. */
typedef struct free_link {
    double share;             /* of the flows on it, while all have the same; 0: none yet, -1: they differ */
    double quanta, spare;
    uint32_t flows, seat;     /* flows: FLOWS_MAX stands for more */
} free_link;

/* A link of the queue that is being looked at: the most of the queue's tasks; the last task, and its own. */
typedef struct seat { uint32_t link, at; sum most, task; } seat;

typedef struct judge {
    const sp_i_problem *p;
    double quantum;
    free_link *link;
    seat *seat; uint32_t n_seats, room;
    uint32_t *next; uint8_t *follows;   /* [n_tasks] in its queue */
} judge;

/* ---- queues --------------------------------------------------------------------------------------------------------------- */

static bool meet(const sp_i_problem *p, uint32_t a, uint32_t b)
{
    sp_i_flow_hops x = sp_i_task_hops(p, a), y = sp_i_task_hops(p, b);
    for (uint32_t g = 0; g < x.n; g++)
        for (uint32_t h = 0; h < y.n; h++)
            if (x.link[g] == y.link[h])
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

static void raise(sum *most, const sum *task, free_link *all)
{
    uint64_t flows = all->flows + (task->flows > most->flows ? task->flows - most->flows : 0);
    all->quanta += task->quanta > most->quanta ? task->quanta - most->quanta : 0;
    all->spare += task->spare > most->spare ? task->spare - most->spare : 0;
    all->flows = flows < FLOWS_MAX ? (uint32_t)flows : FLOWS_MAX;
    most->quanta = task->quanta > most->quanta ? task->quanta : most->quanta;
    most->spare = task->spare > most->spare ? task->spare : most->spare;
    most->flows = task->flows > most->flows ? task->flows : most->flows;
}

static bool fits(const judge *j, const free_link *link, uint32_t l)
{
    double cap = floor(j->p->link[l].cap_bytes_per_s / j->quantum);
    if (link->flows <= 1)
        return true;
    return link->flows < FLOWS_MAX && ((link->share > 0 && link->quanta <= cap) || link->quanta + link->spare <= cap);
}

/* NULL: no memory. */
static seat *seat_of(judge *j, uint32_t l)
{
    free_link *link = &j->link[l];
    if (link->seat < j->n_seats && j->seat[link->seat].link == l)
        return &j->seat[link->seat];
    if (j->n_seats == j->room) {
        uint32_t room = j->room ? j->room * 2 : 64;
        seat *more = realloc(j->seat, room * sizeof *more);
        if (!more)
            return NULL;
        j->seat = more;
        j->room = room;
    }
    link->seat = j->n_seats++;
    j->seat[link->seat] = (seat){.link = l, .at = NONE};
    return &j->seat[link->seat];
}

/* false: it may hold somebody back (or there is no memory to tell). */
static bool add_task(judge *j, uint32_t t)
{
    sp_i_flow_hops hops = sp_i_task_hops(j->p, t);
    double share = sp_i_task_share(j->p, t, j->quantum);
    bool ok = share > 1;
    for (uint32_t h = 0; h < hops.n && ok; h++) {
        const sp_i_flow_load *load = sp_i_hop_load(j->p, &hops, h);
        free_link *link = &j->link[hops.link[h]];
        seat *here = seat_of(j, hops.link[h]);
        if (!here)
            return false;
        link->share = link->share == 0 || link->share == share ? share : -1;
        if (here->at != t) {
            here->at = t;
            here->task = (sum){0};
        }
        here->task.quanta += rounded_up(share, load->load) * (double)load->count;
        here->task.spare += (ceil((double)load->load / (double)SP_I_ONE) + 1) * (double)load->count;
        here->task.flows += load->count;
        raise(&here->most, &here->task, link);
        ok = fits(j, link, hops.link[h]);
    }
    return ok;
}

static bool judge_all(judge *j)
{
    bool ok = true;
    for (uint32_t t = 0; t < j->p->n_tasks && ok; t++) {
        j->n_seats = 0;
        for (uint32_t q = j->follows[t] ? NONE : t; q != NONE && ok; q = j->next[q])
            ok = !sp_i_task_flows(j->p, q) || add_task(j, q);
    }
    return ok;
}

/* Can durations be added up? */
static bool times_fit(const judge *j)
{
    const sp_i_problem *p = j->p;
    double all = 0;
    for (uint32_t t = 0; t < p->n_tasks && all <= LONGEST_PS; t++)
        all += ((double)sp_i_task_delay_ps(p, t) + sp_i_task_wire_ps(p, t, j->quantum)) * sp_i_task_steps(p, t) + (double)sp_i_task_release_ps(p, t);
    return all <= LONGEST_PS;
}

bool sp_i_problem_free(const sp_i_problem *p)
{
    judge j = {.p = p, .quantum = sp_i_rate_quantum(p), .link = calloc((size_t)p->n_links + 1, sizeof *j.link), .next = malloc(((size_t)p->n_tasks + 1) * sizeof *j.next),
               .follows = calloc((size_t)p->n_tasks + 1, 1)};
    bool ok = j.link && j.next && j.follows;
    if (ok)
        find_queues(&j);
    ok = ok && judge_all(&j) && times_fit(&j);
    free(j.link);
    free(j.seat);
    free(j.next);
    free(j.follows);
    return ok;
}
