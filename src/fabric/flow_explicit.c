/* A data program, instance by instance: every transfer a task with a route, every join a task without; edges from the
 * program's dependency maps. Routes are shared by the steps of a class whose peers do not move. */
#include "flow_program.h"

#include "superpod/engine.h"

#define INSTANCES_MAX (1u << 27)

static sp_status number(sp_i_flow_case *c, uint32_t *n_tasks, bool *fits, sp_error *err)
{
    (void)err;
    const sp_program *program = c->program;
    uint64_t total = *n_tasks, most = c->options->tasks_max ? c->options->tasks_max : INSTANCES_MAX;
    *fits = true;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        uint64_t n = sp_class_ranks_below(task, program->n_ranks);
        c->base[k] = (uint32_t)total;
        if (!sp_mul_u64(n, task->n_step, &n) || !sp_mul_u64(n, task->n_mb, &n) || !sp_mul_u64(n, task->n_chunk, &n) ||
            n > most || (total += n) > most) {
            *fits = false;
            return SP_OK;
        }
    }
    c->base[program->n_classes] = (uint32_t)total;
    *n_tasks = (uint32_t)total;
    return SP_OK;
}

/* A transfer that gets a route of its own. */
typedef struct leg { uint32_t k, src, dst; uint64_t flow; bool combined; } leg;

static sp_status find_leg(const sp_i_flow_case *c, uint32_t k, sp_index at, leg *out, sp_error *err)
{
    const sp_task_class *task = &c->program->classes[k];
    uint32_t peer;
    if (!sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, c->program->n_ranks, &peer))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "rank %u of class %s has no peer", at.rank, task->label);
    *out = (leg){.k = k, .src = sp_placement_chip(c->placement, at.rank), .dst = sp_placement_chip(c->placement, peer)};
    out->combined = sp_i_flow_combines(c, task, out->src, out->dst);
    out->flow = ((uint64_t)k << 32) + (uint64_t)at.step * task->n_chunk + at.chunk;
    return SP_OK;
}

static sp_status add_route(sp_i_flow_case *c, const leg *l, sp_error *err)
{
    const sp_task_class *task = &c->program->classes[l->k];
    uint32_t n;
    double latency_s;
    if (task->effect == SP_EFFECT_REDUCE && !l->combined && c->reduce_bytes_per_s > 0 && task->units > 0) {
        uint32_t memory = sp_i_flow_memory_link(c, l->dst);
        if (memory == UINT32_MAX || !sp_i_problem_hop(c->p, memory, 1, 1))
            return sp_i_flow_no_memory(err);
    }
    bool found = l->combined ? sp_router_path(c->router, l->src, l->dst, l->flow, c->hops, &n, &latency_s)
                             : sp_router_path_once(c->router, l->src, l->dst, l->flow, c->hops, &n, &latency_s);
    if (!found)
        return sp_i_flow_unreachable(c->options, l->src, l->dst, err);
    if (l->combined)
        sp_i_flow_combine(c, task, c->hops, n);
    if (c->cover)
        n = sp_i_cover_keep(c->cover, c->hops, n);
    sp_status status = sp_i_flow_hops_add(c->p, c->router, c->options, c->fraction, l->src, l->dst, c->hops, n, latency_s, err);
    c->p->like += c->p->like != SP_I_NO_ROUTE;
    return status;
}

static sp_status count_route(sp_i_flow_case *c, const leg *l, sp_error *err)
{
    uint32_t n;
    double latency_s;
    if (!sp_router_path_once(c->router, l->src, l->dst, l->flow, c->hops, &n, &latency_s))
        return sp_i_flow_unreachable(c->options, l->src, l->dst, err);
    sp_i_cover_count(c->cover, c->hops, n);
    return SP_OK;
}

static sp_status judge_route(sp_i_flow_case *c, const leg *l, sp_error *err)
{
    uint32_t n;
    double latency_s;
    if (!sp_router_path_once(c->router, l->src, l->dst, l->flow, c->hops, &n, &latency_s))
        return sp_i_flow_unreachable(c->options, l->src, l->dst, err);
    sp_i_cover_judge(c->cover, c->router, c->fraction, c->hops, n);
    return SP_OK;
}

/* Legs of a class in the order (rank, step if peers move, chunk). */
static sp_status each_leg(sp_i_flow_case *c, uint32_t k, sp_status (*visit)(sp_i_flow_case *c, const leg *l, sp_error *err), sp_error *err)
{
    const sp_task_class *task = &c->program->classes[k];
    for (uint32_t r = 0; r < c->program->n_ranks; r++)
        for (uint32_t s = 0; sp_class_has_rank(task, r) && s < (task->peer.c_step ? task->n_step : 1); s++)
            for (uint32_t chunk = 0; chunk < task->n_chunk; chunk++) {
                leg l = {0};
                sp_status status = find_leg(c, k, (sp_index){r, s, 0, chunk}, &l, err);
                if (status == SP_OK)
                    status = visit(c, &l, err);
                if (status != SP_OK)
                    return status;
            }
    return SP_OK;
}

/* Through the memory of each rank's chip: reductions on their own. */
static sp_status memory_routes(sp_i_flow_case *c, uint32_t k, sp_error *err)
{
    for (uint32_t r = 0; r < c->program->n_ranks; r++) {
        if (!sp_class_has_rank(&c->program->classes[k], r))
            continue;
        uint32_t link = c->reduce_bytes_per_s > 0 ? sp_i_flow_memory_link(c, sp_placement_chip(c->placement, r)) : 0;
        if (link == UINT32_MAX || (c->reduce_bytes_per_s > 0 && !sp_i_problem_hop(c->p, link, 1, 1)) || !sp_i_problem_route(c->p, 0, 1, 1))
            return sp_i_flow_no_memory(err);
    }
    return SP_OK;
}

static bool same_legs(const sp_task_class *a, const sp_task_class *b)
{
    const sp_rank_map *x = &a->peer, *y = &b->peer;
    return a->kind == b->kind && a->domain.size == b->domain.size && a->domain.stride == b->domain.stride && a->domain_lo == b->domain_lo &&
           a->domain_hi == b->domain_hi && x->digit.size == y->digit.size && x->digit.stride == y->digit.stride && x->op == y->op && x->c0 == y->c0 &&
           x->c_step == y->c_step && x->c_chunk == y->c_chunk && a->n_chunk == b->n_chunk && (!x->c_step || a->n_step == b->n_step);
}

/* First route of a class whose routes go where those of k go: what is gathered goes the way of what was scattered. */
static uint32_t routes_like(const sp_i_flow_case *c, uint32_t k)
{
    for (uint32_t like = k; like-- > 0;)
        if (same_legs(&c->program->classes[like], &c->program->classes[k]))
            return c->route_base[like];
    return SP_I_NO_ROUTE;
}

static sp_status routes(sp_i_flow_case *c, sp_error *err)
{
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        const sp_task_class *task = &c->program->classes[k];
        c->route_base[k] = c->p->n_routes;
        c->p->like = task->kind == SP_TASK_TRANSFER ? routes_like(c, k) : SP_I_NO_ROUTE;
        sp_status status = task->kind == SP_TASK_TRANSFER ? each_leg(c, k, add_route, err) : SP_OK;
        if (status == SP_OK && sp_i_flow_reduces(task))
            status = memory_routes(c, k, err);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Of hashed routes alone: others have few hops (bundles; one plane that stands for all). Pictures show every link, and what
 * switches combine loads links unevenly. */
static bool wants_cover(const sp_i_flow_case *c)
{
    return c->options->routing == SP_ROUTING_HASH && !c->options->heat && !c->options->in_switch && !c->options->every_step;
}

static sp_status survey(sp_i_flow_case *jobs, uint32_t n, sp_error *err)
{
    sp_status status = SP_OK;
    if (!wants_cover(&jobs[0]))
        return SP_OK;
    sp_i_cover *cover = sp_i_cover_create(sp_router_links(jobs[0].router));
    if (!cover)
        return sp_i_flow_no_memory(err);
    for (uint32_t j = 0; j < n; j++)
        jobs[j].cover = cover;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t j = 0; j < n; j++)
            for (uint32_t k = 0; k < jobs[j].program->n_classes && status == SP_OK; k++)
                if (jobs[j].program->classes[k].kind == SP_TASK_TRANSFER)
                    status = each_leg(&jobs[j], k, pass ? judge_route : count_route, err);
    return status;
}

static uint32_t place(const sp_i_flow_case *c, uint32_t k, uint32_t rank)
{
    const sp_task_class *task = &c->program->classes[k];
    return task->domain.size ? sp_class_ranks_below(task, rank) : rank;
}

static uint32_t chunk(const sp_i_flow_case *c, uint32_t k, sp_index at)
{
    (void)c;
    (void)k;
    return at.chunk;
}

static sp_status on_instance(void *context, uint32_t k, sp_index at)
{
    sp_i_flow_edges *e = context;
    const sp_i_flow_case *c = e->c;
    const sp_task_class *task = &c->program->classes[k];
    uint32_t t = e->current;
    e->p->task_size[t] = sp_i_flow_size_of(c, k, at.step);
    e->p->task_route[t] = SP_I_NO_ROUTE;
    if (task->kind == SP_TASK_TRANSFER) {
        uint32_t at_place = place(c, k, at.rank), row = task->peer.c_step ? at_place * task->n_step + at.step : at_place;
        e->p->task_route[t] = c->route_base[k] + row * task->n_chunk + at.chunk;
    }
    if (sp_i_flow_reduces(task))
        e->p->task_route[t] = c->route_base[k] + place(c, k, at.rank);
    if (sp_i_flow_holds(task)) {
        e->p->stream[t] = sp_placement_chip(c->placement, at.rank) * e->p->streams_per_chip + task->stream;
        e->p->work_ps[t] = sp_ticks_ps(sp_class_cost_s(task, at.rank, at.step));
        e->p->order[t] = (int64_t)task->priority * ((int64_t)1 << 32) + t;
    }
    return sp_i_flow_deps(e, k, at) ? SP_OK : SP_E_NOMEM;
}

static bool instances(sp_i_flow_edges *e)
{
    return sp_program_each(e->c->program, on_instance, e) == SP_OK;
}

static uint32_t rows(const sp_i_flow_case *c)
{
    return c->program->n_ranks;
}

static uint32_t rank(const sp_i_flow_case *c, uint32_t row)
{
    (void)c;
    return row;
}

const sp_i_flow_form sp_i_flow_explicit = {number, survey, routes, instances, place, chunk, rows, rank};
