/* The quotient of programs: one instance for each orbit of instances, one link for each orbit of links. A link stands for all of
 * its orbit; a flow class crosses each of them `count` times: flows of the orbit x hops there / links of the orbit. Loads and
 * rates are then those of the explicit problem, sum by sum (docs/models/quotient.md).
 *
 * Permutations rename chunks of exchanges: of the chunks of a representative that are alike one flows, and the others are
 * tasks that wait for it. */
#include "flow_orbit.h"

#include <stdlib.h>

#define INSTANCES_MAX (1u << 25)

static sp_status number(sp_i_flow_case *c, uint32_t *n_tasks, bool *fits, sp_error *err)
{
    sp_i_lift *l = c->lift;
    const sp_program *program = c->program;
    uint64_t total = *n_tasks, cells, most = c->options->tasks_max && c->options->tasks_max < INSTANCES_MAX ? c->options->tasks_max : INSTANCES_MAX;
    *fits = sp_mul_u64(program->n_classes, l->o->n_reps, &cells) && cells < most;
    if (!*fits)
        return SP_OK;
    free(l->place);
    l->place = malloc((size_t)(cells + 1) * sizeof *l->place);
    if (!l->place)
        return sp_i_flow_no_memory(err);
    for (uint32_t k = 0; k < program->n_classes && *fits; k++) {
        const sp_task_class *task = &program->classes[k];
        uint64_t n = 0;
        l->exchange[k] = l->o->perm && sp_i_exchanges(task);
        for (uint32_t r = 0; r < l->o->n_reps; r++) {
            l->place[(size_t)k * l->o->n_reps + r] = (uint32_t)n;
            n += sp_class_has_rank(task, sp_i_orbit_rep(l->o, r));
        }
        c->base[k] = (uint32_t)total;
        *fits = sp_mul_u64(n, task->n_step, &n) && sp_mul_u64(n, task->n_mb, &n) && sp_mul_u64(n, task->n_chunk, &n) && n <= most &&
                (total += n) <= most;
    }
    c->base[program->n_classes] = (uint32_t)total;
    *n_tasks = (uint32_t)total;
    return SP_OK;
}

static uint32_t place(const sp_i_flow_case *c, uint32_t k, uint32_t rank)
{
    return c->lift->place[(size_t)k * c->lift->o->n_reps + sp_i_orbit_of(c->lift->o, rank)];
}

static uint32_t chunk(const sp_i_flow_case *c, uint32_t k, sp_index at)
{
    const sp_rank_map *map = &c->program->classes[k].peer;
    uint32_t src = at.rank, dst;
    if (!c->lift->exchange[k] || !sp_rank_map_apply(map, at.rank, at.step, at.chunk, c->program->n_ranks, &dst))
        return at.chunk;
    sp_i_orbit_pair(c->lift->o, &src, &dst);
    return (dst / map->digit.stride % map->digit.size + map->digit.size - src / map->digit.stride % map->digit.size - 1) % map->digit.size;
}

/* ---- links of an orbit ---------------------------------------------------------------------------------------------------- */

/* The link of the hop's orbit at the moved-back place, and how many there are. src and dst: ends of the route. */
static uint32_t canonical(const sp_i_flow_case *c, uint32_t id, uint32_t src, uint32_t dst, uint64_t *orbit)
{
    sp_link link;
    sp_router_link(c->router, id, &link);
    if (link.kind == SP_LINK_BUNDLE)
        return sp_i_bundle_orbit(c->lift->sym, c->router, id, sp_i_flow_anchor(c->router, id, src, dst), orbit);
    *orbit = sp_i_chips_pair(c->lift->sym, &link.from, &link.to);
    return sp_router_link_like(c->router, id, link.from, link.to);
}

/* Hops of the flow as links of orbits: those of one orbit and one share together. */
static sp_status add_hops(sp_i_flow_case *c, uint32_t src, uint32_t dst, uint32_t n_hops, uint64_t flows, sp_error *err)
{
    struct sp_i_note *note = c->lift->note;
    uint32_t n = 0;
    for (uint32_t h = 0; h < n_hops; h++) {
        uint64_t orbit;
        uint32_t id = canonical(c, c->hops[h].link, src, dst, &orbit), i = 0;
        while (i < n && (note[i].id != id || note[i].share != c->hops[h].share))
            i++;
        if (i == n)
            note[n++] = (struct sp_i_note){id, 0, orbit, c->hops[h].share, c->hops[h].link};
        note[i].n++;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t all = flows * note[i].n;
        if (all % note[i].orbit || all / note[i].orbit >= UINT32_MAX)
            return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "%llu flows do not spread evenly over %llu links like link %u",
                                (unsigned long long)all, (unsigned long long)note[i].orbit, note[i].id);
        bool known = c->p->link_of[note[i].id] != 0;
        uint32_t link = sp_i_problem_link(c->p, note[i].id, known ? 0 : sp_i_flow_capacity(c->router, note[i].id, c->fraction));
        if (link != UINT32_MAX && !known) {
            uint32_t anchor = sp_i_flow_anchor(c->router, note[i].hop, src, dst), same = anchor;
            sp_i_chips_pair(c->lift->sym, &anchor, &same);
            c->p->link[link].chip = anchor;
        }
        if (link == UINT32_MAX || !sp_i_problem_hop(c->p, link, note[i].share, (uint32_t)(all / note[i].orbit)))
            return sp_i_flow_no_memory(err);
    }
    return SP_OK;
}

static sp_status add_route(sp_i_flow_case *c, uint32_t k, sp_index at, sp_error *err)
{
    const sp_task_class *task = &c->program->classes[k];
    uint32_t peer, n;
    double latency_s;
    if (!sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, c->program->n_ranks, &peer))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "rank %u of class %s has no peer", at.rank, task->label);
    uint32_t src = sp_placement_chip(c->placement, at.rank), dst = sp_placement_chip(c->placement, peer), x = src, y = dst;
    uint64_t flows = sp_i_chips_pair(c->lift->sym, &x, &y);
    bool combined = sp_i_flow_combines(c, task, src, dst);
    if (task->effect == SP_EFFECT_REDUCE && !combined && c->reduce_bytes_per_s > 0 && task->units > 0) {
        uint32_t chip = dst, same = dst;
        uint64_t chips = sp_i_chips_pair(c->lift->sym, &chip, &same);
        uint32_t memory = sp_i_flow_memory_link(c, chip);
        if (memory == UINT32_MAX || !sp_i_problem_hop(c->p, memory, 1, (uint32_t)(flows / chips)))
            return sp_i_flow_no_memory(err);
    }
    if (!sp_router_path(c->router, src, dst, 0, c->hops, &n, &latency_s))
        return sp_i_flow_unreachable(c->options, src, dst, err);
    if (combined)
        sp_i_flow_combine(c, task, c->hops, n);
    sp_status status = add_hops(c, src, dst, n, flows, err);
    if (status != SP_OK)
        return status;
    double weight = c->options->weight_by_latency && latency_s > 0 ? 1e-6 / latency_s : 1;
    return sp_i_problem_route(c->p, latency_s, weight, flows) ? SP_OK : sp_i_flow_no_memory(err);
}

/* A chunk that another stands for has a route that nobody takes: rows keep their places. */
static sp_status add_chunk(sp_i_flow_case *c, uint32_t k, sp_index at, sp_error *err)
{
    if (chunk(c, k, at) == at.chunk)
        return add_route(c, k, at, err);
    return sp_i_problem_route(c->p, 0, 1, 1) ? SP_OK : sp_i_flow_no_memory(err);
}

static sp_status routes(sp_i_flow_case *c, sp_error *err)
{
    const sp_program *program = c->program;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        c->route_base[k] = c->p->n_routes;
        if (task->kind != SP_TASK_TRANSFER)
            continue;
        for (uint32_t r = 0; r < c->lift->o->n_reps; r++) {
            uint32_t rank = sp_i_orbit_rep(c->lift->o, r);
            for (uint32_t s = 0; sp_class_has_rank(task, rank) && s < (task->peer.c_step ? task->n_step : 1); s++)
                for (uint32_t i = 0; i < task->n_chunk; i++) {
                    sp_status status = add_chunk(c, k, (sp_index){rank, s, 0, i}, err);
                    if (status != SP_OK)
                        return status;
                }
        }
    }
    return SP_OK;
}

/* ---- instances ------------------------------------------------------------------------------------------------------------- */

static bool add_instance(sp_i_flow_edges *e, uint32_t k, sp_index at)
{
    const sp_i_flow_case *c = e->c;
    const sp_task_class *task = &c->program->classes[k];
    uint32_t t = e->current, other = chunk(c, k, at);
    e->p->task_route[t] = SP_I_NO_ROUTE;
    e->p->task_size[t] = c->no_size;
    if (other != at.chunk)
        return sp_i_flow_alias(e, k, at, other);
    e->p->task_size[t] = sp_i_flow_size_of(c, k, at.step);
    if (task->kind == SP_TASK_TRANSFER) {
        uint32_t at_place = place(c, k, at.rank), row = task->peer.c_step ? at_place * task->n_step + at.step : at_place;
        e->p->task_route[t] = c->route_base[k] + row * task->n_chunk + at.chunk;
    }
    return sp_i_flow_deps(e, k, at);
}

static bool instances(sp_i_flow_edges *e)
{
    const sp_program *program = e->c->program;
    const sp_i_orbits *o = e->c->lift->o;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        for (uint32_t r = 0; r < o->n_reps; r++) {
            sp_index at = {.rank = sp_i_orbit_rep(o, r)};
            if (!sp_class_has_rank(task, at.rank))
                continue;
            for (at.step = 0; at.step < task->n_step; at.step++)
                for (at.mb = 0; at.mb < task->n_mb; at.mb++)
                    for (at.chunk = 0; at.chunk < task->n_chunk; at.chunk++)
                        if (!add_instance(e, k, at))
                            return false;
        }
    }
    return true;
}

static uint32_t rows(const sp_i_flow_case *c)
{
    return c->lift->o->n_reps;
}

static uint32_t rank(const sp_i_flow_case *c, uint32_t row)
{
    return sp_i_orbit_rep(c->lift->o, row);
}

const sp_i_flow_form sp_i_flow_lifted = {number, NULL, routes, instances, place, chunk, rows, rank};
