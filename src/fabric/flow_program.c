/* A data program, instance by instance: every transfer a task with a route, every join a task without; edges from the
 * program's dependency maps. Routes are shared by the steps of a class whose peers do not move. */
#include "flow_orbit.h"
#include "load.h"

#include <stdlib.h>

#include "superpod/engine.h"

#define INSTANCES_MAX (1u << 27)
#define REDUCE_PASSES 3.0   /* a reduction reads two operands and writes one */

/* ---- sizes ------------------------------------------------------------------------------------------------------------ */

/* Messages a rank posts at one step of a phase: of classes of all ranks together, of others the most of one (analytic.c). */
static double messages_of(const sp_program *program, uint32_t phase, uint32_t step)
{
    double all = 0, apart = 0;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (task->kind != SP_TASK_TRANSFER || program->phase[k] != phase || task->n_step <= step)
            continue;
        if (!task->domain.size)
            all += task->n_chunk;
        else
            apart = task->n_chunk > apart ? task->n_chunk : apart;
    }
    return all + apart;
}

static bool steps_differ(const sp_program *program, uint32_t c)
{
    for (uint32_t k = 0; k < program->n_classes; k++)
        if (program->phase[k] == program->phase[c] && program->classes[k].kind == SP_TASK_TRANSFER &&
            program->classes[k].n_step != program->classes[c].n_step)
            return true;
    return false;
}

static uint32_t plan_sizes(sp_i_flow_case *c)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        c->size_of[k] = n;
        c->size_by_step[k] = c->program->classes[k].kind == SP_TASK_TRANSFER && steps_differ(c->program, k);
        n += c->size_by_step[k] ? c->program->classes[k].n_step : 1;
    }
    return n;
}

/* Do flows of the class leave a scale-up domain? The digit that they move along is told by its ends. */
static bool through_nic(const sp_i_flow_case *c, const sp_task_class *task)
{
    const sp_plane *plane = &c->machine->planes[0];
    uint64_t domain = 0;
    for (uint32_t t = plane->n_tiers; t-- > 0;)
        domain = plane->tiers[t].nic ? plane->tiers[t].stride : domain;
    uint32_t last = (task->peer.digit.size - 1) * task->peer.digit.stride;
    return domain && task->peer.digit.size && sp_placement_chip(c->placement, 0) / domain != sp_placement_chip(c->placement, last) / domain;
}

static bool step_through_nic(const sp_i_flow_case *c, uint32_t phase, uint32_t step)
{
    bool any = false;
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        const sp_task_class *task = &c->program->classes[k];
        any |= task->kind == SP_TASK_TRANSFER && c->program->phase[k] == phase && task->n_step > step && through_nic(c, task);
    }
    return any;
}

void sp_i_flow_sizes(sp_i_flow_case *c)
{
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        const sp_task_class *task = &c->program->classes[k];
        for (uint32_t s = 0; s < (c->size_by_step[k] ? task->n_step : 1); s++) {
            sp_i_flow_size *size = &c->p.size[c->size_of[k] + s];
            size->bytes = task->units * c->unit_bytes;
            if (task->kind == SP_TASK_TRANSFER)
                size->delay_ps = sp_ticks_ps((step_through_nic(c, c->program->phase[k], s) ? c->nic_delay_s : c->protocol->step_s.nominal) +
                                             (messages_of(c->program, c->program->phase[k], s) - 1) * c->stack->message_s.nominal);
        }
    }
}

uint32_t sp_i_flow_size_of(const sp_i_flow_case *c, uint32_t k, uint32_t step)
{
    return c->size_of[k] + (c->size_by_step[k] ? step : 0);
}

uint32_t sp_i_flow_memory_link(sp_i_flow_case *c, uint32_t chip)
{
    return sp_i_problem_link(&c->p, (uint64_t)sp_router_links(c->router) + chip, c->reduce_bytes_per_s);
}

/* ---- instances ---------------------------------------------------------------------------------------------------------- */

typedef struct maker {
    sp_i_flow_case *c;
    uint32_t *base;          /* [n_classes + 1] first task of a class  */
    uint32_t *route_base;    /* [n_classes] its first route            */
    sp_i_flow_edges edges;
} maker;

static sp_status number_classes(maker *m, sp_error *err)
{
    const sp_program *program = m->c->program;
    uint64_t total = 0;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        uint64_t n = sp_class_ranks_below(task, program->n_ranks);
        m->base[k] = (uint32_t)total;
        if (!sp_mul_u64(n, task->n_step, &n) || !sp_mul_u64(n, task->n_mb, &n) || !sp_mul_u64(n, task->n_chunk, &n) ||
            n > INSTANCES_MAX || (total += n) > INSTANCES_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "program %s has more than %u transfers and joins, the most that are run one by "
                                "one; use a smaller group, or an algorithm, group and machine whose symmetry lets it be lifted",
                                program->name, INSTANCES_MAX);
    }
    m->base[program->n_classes] = (uint32_t)total;
    return SP_OK;
}

static sp_status add_route(maker *m, uint32_t k, sp_index at, sp_error *err)
{
    sp_i_flow_case *c = m->c;
    const sp_task_class *task = &c->program->classes[k];
    uint32_t peer;
    if (!sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, c->program->n_ranks, &peer))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "rank %u of class %s has no peer", at.rank, task->label);
    uint32_t src = sp_placement_chip(c->placement, at.rank), dst = sp_placement_chip(c->placement, peer);
    if (task->effect == SP_EFFECT_REDUCE && c->reduce_bytes_per_s > 0 && task->units > 0) {
        uint32_t memory = sp_i_flow_memory_link(c, dst);
        if (memory == UINT32_MAX || !sp_i_problem_hop(&c->p, memory, 1, 1))
            return sp_i_flow_no_memory(err);
    }
    uint64_t flow = ((uint64_t)k << 32) + (uint64_t)at.step * task->n_chunk + at.chunk;
    return sp_i_flow_route_add(&c->p, c->router, c->options, c->fraction, src, dst, flow, c->hops, err);
}

/* Routes of a class in the order (rank, step if peers move, chunk). */
static sp_status add_routes(maker *m, sp_error *err)
{
    const sp_program *program = m->c->program;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        m->route_base[k] = m->c->p.n_routes;
        if (task->kind != SP_TASK_TRANSFER)
            continue;
        for (uint32_t r = 0; r < program->n_ranks; r++)
            for (uint32_t s = 0; sp_class_has_rank(task, r) && s < (task->peer.c_step ? task->n_step : 1); s++)
                for (uint32_t chunk = 0; chunk < task->n_chunk; chunk++) {
                    sp_status status = add_route(m, k, (sp_index){r, s, 0, chunk}, err);
                    if (status != SP_OK)
                        return status;
                }
    }
    return SP_OK;
}

static uint32_t place_of(const void *context, uint32_t k, uint32_t rank)
{
    const maker *m = context;
    const sp_task_class *task = &m->c->program->classes[k];
    return task->domain.size ? sp_class_ranks_below(task, rank) : rank;
}

static sp_status on_instance(void *context, uint32_t k, sp_index at)
{
    maker *m = context;
    sp_i_problem *p = &m->c->p;
    const sp_task_class *task = &m->c->program->classes[k];
    uint32_t t = m->edges.current;
    p->task_size[t] = sp_i_flow_size_of(m->c, k, at.step);
    p->task_route[t] = SP_I_NO_ROUTE;
    p->start_ps[t] = sp_ticks_ps(m->c->stack->launch_s.nominal);
    if (task->kind == SP_TASK_TRANSFER) {
        uint32_t place = place_of(m, k, at.rank), row = task->peer.c_step ? place * task->n_step + at.step : place;
        p->task_route[t] = m->route_base[k] + row * task->n_chunk + at.chunk;
    }
    return sp_i_flow_deps(&m->edges, k, at) ? SP_OK : SP_E_NOMEM;
}

static sp_status add_edges(maker *m, sp_error *err)
{
    sp_i_problem *p = &m->c->p;
    p->succ_off = calloc((size_t)p->n_tasks + 3, sizeof *p->succ_off);
    if (!p->succ_off || sp_program_each(m->c->program, on_instance, m) != SP_OK || !sp_i_flow_gates(&m->edges, m->c->n_sizes) ||
        !sp_i_problem_turn_edges(p, m->edges.pred, m->edges.n))
        return sp_i_flow_no_memory(err);
    return SP_OK;
}

sp_status sp_i_flow_explicit(sp_i_flow_case *c, sp_error *err)
{
    size_t n = (size_t)c->program->n_classes + 1;
    maker m = {.c = c, .base = calloc(n, sizeof *m.base), .route_base = calloc(n, sizeof *m.route_base)};
    m.edges = (sp_i_flow_edges){.p = &c->p, .base = m.base, .place = place_of, .context = &m};
    sp_status status = m.base && m.route_base ? number_classes(&m, err) : sp_i_flow_no_memory(err);
    uint32_t n_tasks = status == SP_OK ? m.base[c->program->n_classes] : 0;
    if (status == SP_OK && (!sp_i_flow_edges_open(&m.edges, c->program, &n_tasks) || !sp_i_problem_tasks(&c->p, n_tasks, c->n_sizes + 1)))
        status = sp_i_flow_no_memory(err);
    if (status == SP_OK) {
        sp_i_flow_sizes(c);
        status = add_routes(&m, err);
    }
    if (status == SP_OK)
        status = add_edges(&m, err);
    sp_i_flow_edges_close(&m.edges);
    free(m.base);
    free(m.route_base);
    return status;
}

/* ---- the evaluator ------------------------------------------------------------------------------------------------------- */

static sp_status check(const sp_program *program, const sp_machine *machine, const sp_placement *placement, sp_error *err)
{
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (task->kind == SP_TASK_COMPUTE || task->kind == SP_TASK_CALL || (task->kind == SP_TASK_REDUCE && task->units > 0))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s has a class %s that computes; the flow evaluator takes transfers and "
                                "joins only: run it with the event evaluator", program->name, task->label);
    }
    if (sp_placement_ranks(placement) != program->n_ranks)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement has %u ranks, program %s has %u", sp_placement_ranks(placement),
                            program->name, program->n_ranks);
    return sp_placement_check(placement, machine->chips, err);
}

static uint64_t transfers_of(const sp_program *program)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (task->kind == SP_TASK_TRANSFER)
            n += (uint64_t)sp_class_ranks_below(task, program->n_ranks) * task->n_step * task->n_mb * task->n_chunk;
    }
    return n;
}

static sp_status open_case(sp_i_flow_case *c, sp_error *err)
{
    size_t n = (size_t)c->program->n_classes + 1;
    sp_status status = sp_i_flow_router(c->machine, c->options, &c->router, err);
    if (status != SP_OK)
        return status;
    c->hops = calloc((size_t)sp_router_hops_max(c->router) + 1, sizeof *c->hops);
    c->size_of = calloc(n, sizeof *c->size_of);
    c->size_by_step = calloc(n, sizeof *c->size_by_step);
    uint64_t ids = (uint64_t)sp_router_links(c->router) + c->machine->chips;
    if (!c->hops || !c->size_of || !c->size_by_step || ids >= UINT32_MAX || !sp_i_problem_open(&c->p, ids))
        return sp_i_flow_no_memory(err);
    c->n_sizes = plan_sizes(c);
    return SP_OK;
}

static void close_case(sp_i_flow_case *c)
{
    free(c->hops);
    free(c->size_of);
    free(c->size_by_step);
    sp_i_problem_close(&c->p);
    sp_router_destroy(c->router);
}

/* Counts what the declared orbits leave first; explicit where they leave nothing out. */
static sp_status make_problem(sp_i_flow_case *c, sp_flow_time *time, sp_error *err)
{
    sp_i_orbits orbits;
    time->why_explicit = "asked for";
    if (!c->options->explicit_only && sp_i_orbits_find(c, &orbits, &time->why_explicit)) {
        sp_status status = sp_i_flow_lift(c, &orbits, &time->lifted, &time->why_explicit, err);
        if (status != SP_OK)
            return status;
    }
    time->classes = time->flows / (time->lifted ? orbits.group : 1);
    if (!time->lifted)
        return sp_i_flow_explicit(c, err);
    time->why_explicit = NULL;
    return SP_OK;
}

/* What the stack's protocol leaves of each tier's rate, and adds to a step between scale-up domains: its endpoint, and the way
 * again for every trip beyond the first. */
static void set_rates(sp_i_flow_case *c)
{
    const sp_plane *plane = &c->machine->planes[0];
    double farthest_s = 0;
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        double whole = c->options->rate_fraction > 0 ? c->options->rate_fraction : sp_tier_payload(c->machine, tier);
        c->fraction[t] = whole / sp_i_stack_stretch(c->machine, c->stack, c->protocol, t);
        farthest_s = tier->nic ? tier->latency_s.nominal : farthest_s;
    }
    c->nic_delay_s = c->protocol->nic_step_s.nominal + (c->protocol->nic_trips.nominal > 1 ? c->protocol->nic_trips.nominal - 1 : 0) * farthest_s;
}

sp_status sp_fabric_flow(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                         const sp_stack *stack, double unit_bytes, const sp_flow_options *options, sp_flow_time *out,
                         sp_error *err)
{
    sp_i_flow_case c = {.program = program, .machine = machine, .placement = placement, .stack = stack, .options = options,
                        .unit_bytes = unit_bytes};
    sp_i_flow_counts counts;
    sp_flow_time time = {.flows = transfers_of(program)};
    c.protocol = sp_i_stack_protocol(program, machine, placement, stack, unit_bytes);
    set_rates(&c);
    c.reduce_bytes_per_s = machine->chip->mem_bw_bytes_per_s.nominal * stack->reduce_bw_fraction.nominal / REDUCE_PASSES;
    sp_status status = check(program, machine, placement, err);
    if (status == SP_OK)
        status = open_case(&c, err);
    if (status == SP_OK)
        status = make_problem(&c, &time, err);
    if (status == SP_OK)
        status = sp_i_problem_run(&c.p, &counts, err);
    if (status == SP_OK)
        status = sp_i_flow_report(&c.p, &counts, c.router, &time, err);
    time.end_sum_ps *= time.flows / (time.classes ? time.classes : 1);
    if (status == SP_OK)
        *out = time;
    close_case(&c);
    return status;
}
