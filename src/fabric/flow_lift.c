/* The quotient of a program: one instance for each orbit of instances, one link for each orbit of links. A link stands for all of
 * its orbit; a flow class crosses each of them `count` times, count being the moves that leave the link where it is. Loads
 * and rates are then those of the explicit problem, sum by sum (docs/models/quotient.md). */
#include "flow_orbit.h"

#include <stdlib.h>

#include "superpod/engine.h"

#define INSTANCES_MAX (1u << 25)

typedef struct lifter {
    sp_i_flow_case *c;
    const sp_i_orbits *o;
    uint32_t *base, *route_base;   /* [n_classes + 1]                                             */
    uint32_t *place;               /* [n_classes * n_reps] position of an orbit in a class's domain */
    sp_i_flow_edges edges;
} lifter;

static sp_status number_classes(lifter *l, bool *fits, sp_error *err)
{
    const sp_program *program = l->c->program;
    uint64_t total = 0, cells;
    *fits = sp_mul_u64(program->n_classes, l->o->n_reps, &cells) && cells < INSTANCES_MAX;
    if (!*fits)
        return SP_OK;
    l->place = malloc((size_t)(cells + 1) * sizeof *l->place);
    if (!l->place)
        return sp_i_flow_no_memory(err);
    for (uint32_t k = 0; k < program->n_classes && *fits; k++) {
        const sp_task_class *task = &program->classes[k];
        uint64_t n = 0;
        for (uint32_t r = 0; r < l->o->n_reps; r++) {
            l->place[(size_t)k * l->o->n_reps + r] = (uint32_t)n;
            n += sp_class_has_rank(task, sp_i_orbit_rep(l->o, r));
        }
        l->base[k] = (uint32_t)total;
        *fits = sp_mul_u64(n, task->n_step, &n) && sp_mul_u64(n, task->n_mb, &n) && sp_mul_u64(n, task->n_chunk, &n) && n <= INSTANCES_MAX &&
                (total += n) <= INSTANCES_MAX;
    }
    l->base[program->n_classes] = (uint32_t)total;
    return SP_OK;
}

static uint32_t place_of(const void *context, uint32_t k, uint32_t rank)
{
    const lifter *l = context;
    return l->place[(size_t)k * l->o->n_reps + sp_i_orbit_of(l->o, rank)];
}

/* ---- links of an orbit ---------------------------------------------------------------------------------------------------- */

/* The link of the hop's orbit at the moved-back place, and how many moves leave it there. src and dst: ends of the route. */
static uint32_t canonical(const lifter *l, uint32_t id, uint32_t src, uint32_t dst, uint32_t *count)
{
    const sp_router *router = l->c->router;
    sp_link link;
    *count = 1;
    sp_router_link(router, id, &link);
    if (link.kind == SP_LINK_BUNDLE) {
        uint64_t tree = sp_router_tree_chips(router, id);
        uint32_t anchor = link.up ? src : (uint32_t)(src - src % tree + dst % tree);
        for (uint32_t i = 0; i < l->o->n; i++)
            if (l->o->atom[i].move != SP_I_MOVE_NONE &&
                sp_router_bundle_of(router, id, sp_i_orbit_step(&l->o->atom[i], anchor)) == id)
                *count *= l->o->atom[i].size;
        return sp_router_bundle_of(router, id, sp_i_orbit_chip(l->o, anchor, anchor));
    }
    uint32_t n = 0;
    double latency_s;
    sp_hop hop[SP_TIER_DIMS * 2];
    sp_router_path(router, sp_i_orbit_chip(l->o, link.from, link.from), sp_i_orbit_chip(l->o, link.from, link.to), 0, hop, &n, &latency_s);
    return n == 1 ? hop[0].link : UINT32_MAX;
}

static sp_status add_route(lifter *l, uint32_t k, sp_index at, sp_error *err)
{
    sp_i_flow_case *c = l->c;
    const sp_task_class *task = &c->program->classes[k];
    uint32_t peer, n;
    double latency_s;
    if (!sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, c->program->n_ranks, &peer))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "rank %u of class %s has no peer", at.rank, task->label);
    uint32_t src = sp_placement_chip(c->placement, at.rank), dst = sp_placement_chip(c->placement, peer);
    if (task->effect == SP_EFFECT_REDUCE && c->reduce_bytes_per_s > 0 && task->units > 0) {
        uint32_t memory = sp_i_flow_memory_link(c, sp_i_orbit_chip(l->o, dst, dst));
        if (memory == UINT32_MAX || !sp_i_problem_hop(&c->p, memory, 1, 1))
            return sp_i_flow_no_memory(err);
    }
    if (!sp_router_path(c->router, src, dst, 0, c->hops, &n, &latency_s))
        return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "no route from chip %u to chip %u of a whole machine", src, dst);
    for (uint32_t h = 0; h < n; h++) {
        uint32_t count, id = canonical(l, c->hops[h].link, src, dst, &count);
        if (id == UINT32_MAX)
            return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "link %u has no place in its orbit", c->hops[h].link);
        uint32_t link = c->p.link_of[id] ? c->p.link_of[id] - 1
                                         : sp_i_problem_link(&c->p, id, sp_i_flow_capacity(c->router, id, c->fraction));
        if (link == UINT32_MAX || !sp_i_problem_hop(&c->p, link, c->hops[h].share, count))
            return sp_i_flow_no_memory(err);
    }
    double weight = c->options->weight_by_latency && latency_s > 0 ? 1e-6 / latency_s : 1;
    return sp_i_problem_route(&c->p, latency_s, weight) ? SP_OK : sp_i_flow_no_memory(err);
}

static sp_status add_routes(lifter *l, sp_error *err)
{
    const sp_program *program = l->c->program;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        l->route_base[k] = l->c->p.n_routes;
        if (task->kind != SP_TASK_TRANSFER)
            continue;
        for (uint32_t r = 0; r < l->o->n_reps; r++) {
            uint32_t rank = sp_i_orbit_rep(l->o, r);
            for (uint32_t s = 0; sp_class_has_rank(task, rank) && s < (task->peer.c_step ? task->n_step : 1); s++)
                for (uint32_t chunk = 0; chunk < task->n_chunk; chunk++) {
                    sp_status status = add_route(l, k, (sp_index){rank, s, 0, chunk}, err);
                    if (status != SP_OK)
                        return status;
                }
        }
    }
    return SP_OK;
}

/* ---- instances ------------------------------------------------------------------------------------------------------------- */

static sp_status add_instance(lifter *l, uint32_t k, sp_index at)
{
    sp_i_problem *p = &l->c->p;
    const sp_task_class *task = &l->c->program->classes[k];
    uint32_t t = l->edges.current;
    p->task_size[t] = sp_i_flow_size_of(l->c, k, at.step);
    p->task_route[t] = SP_I_NO_ROUTE;
    p->start_ps[t] = sp_ticks_ps(l->c->stack->launch_s.nominal);
    if (task->kind == SP_TASK_TRANSFER) {
        uint32_t place = place_of(l, k, at.rank), row = task->peer.c_step ? place * task->n_step + at.step : place;
        p->task_route[t] = l->route_base[k] + row * task->n_chunk + at.chunk;
    }
    return sp_i_flow_deps(&l->edges, k, at) ? SP_OK : SP_E_NOMEM;
}

static sp_status add_instances(lifter *l)
{
    const sp_program *program = l->c->program;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        for (uint32_t r = 0; r < l->o->n_reps; r++) {
            sp_index at = {.rank = sp_i_orbit_rep(l->o, r)};
            if (!sp_class_has_rank(task, at.rank))
                continue;
            for (at.step = 0; at.step < task->n_step; at.step++)
                for (at.mb = 0; at.mb < task->n_mb; at.mb++)
                    for (at.chunk = 0; at.chunk < task->n_chunk; at.chunk++)
                        if (add_instance(l, k, at) != SP_OK)
                            return SP_E_NOMEM;
        }
    }
    return SP_OK;
}

static sp_status fill(lifter *l, sp_error *err)
{
    sp_i_problem *p = &l->c->p;
    uint32_t n_tasks = l->base[l->c->program->n_classes];
    l->edges = (sp_i_flow_edges){.p = p, .base = l->base, .place = place_of, .context = l};
    if (!sp_i_flow_edges_open(&l->edges, l->c->program, &n_tasks) || !sp_i_problem_tasks(p, n_tasks, l->c->n_sizes + 1))
        return sp_i_flow_no_memory(err);
    sp_i_flow_sizes(l->c);
    sp_status status = add_routes(l, err);
    if (status != SP_OK)
        return status;
    p->succ_off = calloc((size_t)p->n_tasks + 3, sizeof *p->succ_off);
    if (!p->succ_off || add_instances(l) != SP_OK || !sp_i_flow_gates(&l->edges, l->c->n_sizes) ||
        !sp_i_problem_turn_edges(p, l->edges.pred, l->edges.n))
        return sp_i_flow_no_memory(err);
    return SP_OK;
}

sp_status sp_i_flow_lift(sp_i_flow_case *c, const sp_i_orbits *orbits, bool *lifted, const char **why, sp_error *err)
{
    size_t n = (size_t)c->program->n_classes + 1;
    lifter l = {.c = c, .o = orbits, .base = calloc(n, sizeof *l.base), .route_base = calloc(n, sizeof *l.route_base)};
    bool fits = false;
    sp_status status = l.base && l.route_base ? number_classes(&l, &fits, err) : sp_i_flow_no_memory(err);
    *lifted = status == SP_OK && fits;
    *why = "even its classes are too many";
    if (*lifted)
        status = fill(&l, err);
    sp_i_flow_edges_close(&l.edges);
    free(l.base);
    free(l.route_base);
    free(l.place);
    return status;
}
