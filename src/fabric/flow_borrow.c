/* Tells the router who will flow, for routes that borrow idle links. */
#include "flow_program.h"

#include <stdlib.h>

sp_status sp_i_flow_borrow_list(sp_router *router, const sp_flow *flows, uint32_t n, sp_error *err)
{
    uint32_t *ends = malloc(((size_t)n * 2 + 1) * sizeof *ends);
    if (!ends)
        return sp_i_flow_no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        ends[i] = flows[i].src;
        ends[n + i] = flows[i].dst;
    }
    sp_status status = sp_router_borrow(router, ends, ends + n, n, err);
    free(ends);
    return status;
}

typedef struct pairs { const sp_i_flow_case *job; uint32_t *src, *dst; size_t n, room; } pairs;

static bool widen(pairs *p)
{
    size_t room = p->room ? 2 * p->room : 1024;
    uint32_t *src = realloc(p->src, room * sizeof *src);
    p->src = src ? src : p->src;
    uint32_t *dst = src ? realloc(p->dst, room * sizeof *dst) : NULL;
    p->dst = dst ? dst : p->dst;
    p->room = dst ? room : p->room;
    return dst != NULL;
}

/* Flows that follow one another from one rank to one peer are one: they never meet. */
static bool add_class(pairs *p, const sp_task_class *task)
{
    const sp_i_flow_case *job = p->job;
    for (uint32_t rank = 0; rank < job->program->n_ranks; rank++)
        for (uint32_t step = 0; sp_class_has_rank(task, rank) && step < (task->peer.c_step ? task->n_step : 1); step++)
            for (uint32_t chunk = 0; chunk < task->n_chunk; chunk++) {
                uint32_t peer;
                if (!sp_rank_map_apply(&task->peer, rank, step, chunk, job->program->n_ranks, &peer))
                    continue;
                if (p->n == p->room && !widen(p))
                    return false;
                p->src[p->n] = sp_placement_chip(job->placement, rank);
                p->dst[p->n++] = sp_placement_chip(job->placement, peer);
            }
    return true;
}

sp_status sp_i_flow_borrow_jobs(sp_i_flow_case *jobs, uint32_t n, sp_error *err)
{
    pairs p = {0};
    bool ok = true;
    for (uint32_t j = 0; j < n; j++) {
        p.job = &jobs[j];
        for (uint32_t k = 0; k < jobs[j].program->n_classes && ok; k++)
            ok = jobs[j].program->classes[k].kind != SP_TASK_TRANSFER || add_class(&p, &jobs[j].program->classes[k]);
    }
    sp_status status = ok ? sp_router_borrow(jobs[0].router, p.src, p.dst, p.n, err) : sp_i_flow_no_memory(err);
    free(p.src);
    free(p.dst);
    return status;
}
