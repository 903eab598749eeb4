/* The flow evaluator of programs: several jobs at once, lifted where they declare enough symmetry. */
#include "flow_copies.h"
#include "flow_stage.h"
#include "load.h"

#include <stdlib.h>

#include "superpod/engine.h"

#define REDUCE_PASSES 3.0   /* a reduction reads two operands and writes one */

static uint64_t transfers_of(const sp_program *program)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (task->kind == SP_TASK_TRANSFER || sp_i_flow_reduces(task))
            n += (uint64_t)sp_class_ranks_below(task, program->n_ranks) * task->n_step * task->n_mb * task->n_chunk;
    }
    return n;
}

/* ---- cases ------------------------------------------------------------------------------------------------------------------ */

typedef struct run {
    uint32_t n; sp_i_flow_case *job;
    sp_router *router;
    sp_hop *hops;
    sp_i_problem p;
    sp_i_symmetry sym;
    sp_i_lift *lift;          /* [n] */
    struct sp_i_note *note;
    sp_i_flow_roll *roll;     /* [n] */
    bool lifted, symmetric, computes;
    const sp_flow_options *options;
    double fastest_bytes_per_s; bool events, ids; uint64_t steps_max;   /* of the problem, whenever it is made; ids: of links are looked up afterwards */
} run;

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

const sp_protocol *sp_i_flow_protocol(const sp_flow_job *jobs, uint32_t n, const sp_machine *machine, const sp_stack *stack)
{
    const sp_flow_job *most = &jobs[0];
    for (uint32_t j = 1; j < n; j++)
        if (jobs[j].unit_bytes * jobs[j].program->n_units > most->unit_bytes * most->program->n_units)
            most = &jobs[j];
    return sp_i_stack_protocol(most->program, machine, most->placement, stack, most->unit_bytes);
}

static bool open_job(sp_i_flow_case *c)
{
    size_t n = (size_t)c->program->n_classes + 1;
    c->size_of = calloc(n, sizeof *c->size_of);
    c->size_by_step = calloc(n, sizeof *c->size_by_step);
    c->base = calloc(n, sizeof *c->base);
    c->route_base = calloc(n, sizeof *c->route_base);
    c->gate = calloc(n, sizeof *c->gate);
    return c->size_of && c->size_by_step && c->base && c->route_base && c->gate;
}

static void set_up(run *r)
{
    r->p.fastest_bytes_per_s = r->fastest_bytes_per_s;
    r->p.events = r->events;
    r->p.steps_max = r->steps_max;
    r->p.stop = r->options->stop;
    r->p.context = r->options->context;
}

static sp_status open_run(run *r, const sp_flow_job *jobs, const sp_machine *machine, const sp_stack *stack, const sp_protocol *protocol,
                          const sp_flow_options *options, sp_error *err)
{
    sp_status status = sp_i_flow_router(machine, options, &r->router, err);
    if (status != SP_OK)
        return status;
    size_t hops = (size_t)sp_router_hops_max(r->router) + 1;
    uint64_t ids = (uint64_t)sp_router_links(r->router) + machine->chips;
    r->hops = calloc(hops, sizeof *r->hops);
    r->note = calloc(hops, sizeof *r->note);
    r->job = calloc(r->n, sizeof *r->job);
    r->lift = calloc(r->n, sizeof *r->lift);
    r->roll = calloc(r->n, sizeof *r->roll);
    if (!r->hops || !r->note || !r->job || !r->lift || !r->roll || ids >= UINT32_MAX || !sp_i_problem_open(&r->p, ids))
        return sp_i_flow_no_memory(err);
    sp_i_flow_case common = {.machine = machine, .stack = stack, .options = options, .router = r->router, .hops = r->hops, .p = &r->p};
    common.protocol = protocol ? protocol : sp_i_flow_protocol(jobs, r->n, machine, stack);
    common.reduce_bytes_per_s = machine->chip->mem_bw_bytes_per_s.nominal * stack->reduce_bw_fraction.nominal / REDUCE_PASSES;
    set_rates(&common);
    r->fastest_bytes_per_s = sp_router_fastest(r->router, common.fraction);
    if (common.reduce_bytes_per_s > r->fastest_bytes_per_s)
        r->fastest_bytes_per_s = common.reduce_bytes_per_s;
    r->events = r->events || options->every_step;
    r->steps_max = options->tasks_max;
    r->options = options;
    set_up(r);
    for (uint32_t j = 0; j < r->n; j++) {
        r->job[j] = common;
        r->job[j].program = r->job[j].whole = jobs[j].program;
        r->job[j].placement = jobs[j].placement;
        r->job[j].unit_bytes = jobs[j].unit_bytes;
        if (!open_job(&r->job[j]))
            return sp_i_flow_no_memory(err);
    }
    return SP_OK;
}

static void close_run(run *r)
{
    for (uint32_t j = 0; r->job && j < r->n; j++) {
        sp_i_flow_case *c = &r->job[j];
        free(c->size_of);
        free(c->size_by_step);
        free(c->base);
        free(c->route_base);
        free(c->gate);
        free(r->lift[j].place);
        free(r->lift[j].exchange);
    }
    for (uint32_t j = 0; r->roll && j < r->n; j++)
        sp_i_flow_roll_close(&r->roll[j]);
    sp_i_symmetry_close(&r->sym);
    free(r->roll);
    free(r->lift);
    free(r->job);
    free(r->hops);
    free(r->note);
    sp_i_problem_close(&r->p);
    sp_router_destroy(r->router);
}

/* ---- lifted or not ----------------------------------------------------------------------------------------------------------- */

static sp_status find_symmetry(run *r, const char **why, sp_error *err)
{
    r->symmetric = sp_i_symmetry_find(r->job, r->n, &r->sym, why);
    for (uint32_t j = 0; j < r->n && r->symmetric; j++) {
        r->lift[j] = (sp_i_lift){.sym = &r->sym, .o = &r->sym.job[j], .note = r->note};
        r->lift[j].exchange = calloc((size_t)r->job[j].program->n_classes + 1, sizeof *r->lift[j].exchange);
        r->job[j].lift = &r->lift[j];
        if (!r->lift[j].exchange)
            return sp_i_flow_no_memory(err);
    }
    return SP_OK;
}

/* Rolls up what can be; the program that the makers see is then the rolled one. */
static bool roll(run *r)
{
    bool any = false;
    for (uint32_t j = 0; j < r->n; j++)
        if (sp_i_flow_roll_up(r->job[j].whole, &r->roll[j])) {
            r->job[j].roll = &r->roll[j];
            r->job[j].program = &r->roll[j].program;
            any = true;
        }
    return any;
}

static bool unroll(run *r)
{
    uint64_t n_ids = r->p.n_ids;
    for (uint32_t j = 0; j < r->n; j++) {
        r->job[j].roll = NULL;
        r->job[j].program = r->job[j].whole;
    }
    r->lifted = false;
    sp_i_problem_close(&r->p);
    bool ok = sp_i_problem_open(&r->p, n_ids);
    set_up(r);
    return ok;
}

/* Neither form is small enough: says how many classes there would be. */
static sp_status too_many(const run *r, const sp_flow_time *time, bool symmetric, sp_error *err)
{
    double classes = 0;
    for (uint32_t j = 0; symmetric && j < r->n; j++)
        classes += (double)transfers_of(r->job[j].whole) * r->sym.job[j].n_reps / r->job[j].whole->n_ranks;
    if (!symmetric)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%llu transfers are too many to be run one by one (%s); use smaller groups, or an algorithm, groups and "
                            "a machine whose symmetry lets them be lifted", (unsigned long long)time->flows, time->why_explicit);
    return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%llu transfers are too many to be run one by one, and so are their %.0f classes; faults and groups "
                        "that are spread over everything leave little that is alike: use fewer, or smaller groups", (unsigned long long)time->flows, classes);
}

/* Counts what the declared orbits leave first; explicit where they leave nothing out. */
static sp_status make_problem(run *r, sp_flow_time *time, sp_error *err)
{
    bool fits = true;
    sp_status status = SP_OK;
    if (r->symmetric) {
        time->why_explicit = "even its classes are too many";
        status = sp_i_flow_build(r->job, r->n, &sp_i_flow_lifted, &r->lifted, err);
    }
    time->lifted = r->lifted;
    if (r->lifted)
        time->why_explicit = NULL;
    else if (status == SP_OK)
        status = sp_i_flow_build(r->job, r->n, &sp_i_flow_explicit, &fits, err);
    if (status == SP_OK && !fits)
        return too_many(r, time, r->symmetric, err);
    uint64_t all = 0;
    time->classes = 0;
    for (uint32_t t = 0; t < r->p.n_tasks && status == SP_OK; t++)
        if (sp_i_task_route(&r->p, t) != SP_I_NO_ROUTE) {
            uint32_t steps = sp_i_task_steps(&r->p, t);
            time->classes += steps;
            all += sp_i_task_way(&r->p, t)->orbit * steps;
        }
    if (status == SP_OK && all != time->flows)
        return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "classes stand for %llu of %llu transfers: a bug", (unsigned long long)all,
                            (unsigned long long)time->flows);
    if (status == SP_OK && !r->ids) {
        free(r->p.link_of);
        r->p.link_of = NULL;
    }
    if (status == SP_OK && r->options->begun)
        r->options->begun(r->options->context, time);
    return status;
}

/* Rolled up where its steps can be taken one after the other; step by step else. */
static sp_status make_and_run(run *r, sp_flow_time *time, sp_i_flow_counts *counts, sp_error *err)
{
    sp_status status = SP_OK;
    bool borrow = r->job[0].options->routing == SP_ROUTING_BORROW;
    time->why_explicit = borrow ? "what can be borrowed depends on all flows" : r->computes ? "what computes is run rank by rank" : "asked for";
    if (!r->job[0].options->explicit_only && !borrow && !r->computes)
        status = find_symmetry(r, &time->why_explicit, err);
    const char *why = time->why_explicit;
    bool rolled = status == SP_OK && !r->job[0].options->every_step && !r->computes && roll(r);
    if (status == SP_OK)
        status = make_problem(r, time, err);
    if (status == SP_OK) {
        status = sp_i_problem_run(&r->p, counts, err);
        if (status != SP_E_UNFIT || !rolled)
            return status;
        time->why_explicit = why;
        status = unroll(r) ? make_problem(r, time, err) : sp_i_flow_no_memory(err);
        if (status == SP_OK)
            status = sp_i_problem_run(&r->p, counts, err);
    }
    return status;
}

/* ---- ends --------------------------------------------------------------------------------------------------------------------- */

static double job_end_s(const run *r, uint32_t j)
{
    const sp_i_flow_case *c = &r->job[j];
    int64_t end = 0;
    for (uint32_t t = c->base[0]; t < c->base[c->program->n_classes]; t++)
        end = r->p.end_ps[t] > end ? r->p.end_ps[t] : end;
    return (double)end * 1e-12;
}

/* Last end of every rank, or of every orbit of ranks, of the first job. */
static void rank_ends(const run *r, uint32_t n_rows, double *end_s)
{
    const sp_i_flow_case *c = &r->job[0];
    for (uint32_t i = 0; i < n_rows; i++)
        end_s[i] = 0;
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        const sp_task_class *task = &c->program->classes[k];
        uint32_t t = c->base[k];
        for (uint32_t i = 0; i < n_rows; i++) {
            if (!sp_class_has_rank(task, r->lifted ? sp_i_orbit_rep(c->lift->o, i) : i))
                continue;
            for (uint32_t end = t + task->n_step * task->n_mb * task->n_chunk; t < end; t++)
                end_s[i] = (double)r->p.end_ps[t] * 1e-12 > end_s[i] ? (double)r->p.end_ps[t] * 1e-12 : end_s[i];
        }
    }
}

static bool copy_ends(const run *r, const sp_i_flow_copies *copies, double *end_s)
{
    uint32_t all = r->job[0].program->n_ranks, n = all / copies->n, n_rows = r->lifted ? r->sym.job[0].n_reps : all;
    double *row_s = malloc(((size_t)n_rows + 1) * sizeof *row_s);
    if (!row_s)
        return false;
    rank_ends(r, n_rows, row_s);
    for (uint32_t j = 0; j < copies->n; j++) {
        uint32_t first = copies->copy_of[j] * n;
        end_s[j] = 0;
        for (uint32_t i = 0; i < (r->lifted ? n_rows : n); i++) {
            uint32_t row = r->lifted ? sp_i_orbit_of(r->job[0].lift->o, first + sp_i_orbit_rep(r->job[0].lift->o, i) % n) : first + i;
            end_s[j] = row_s[row] > end_s[j] ? row_s[row] : end_s[j];
        }
    }
    free(row_s);
    return true;
}

/* ---- the evaluator ------------------------------------------------------------------------------------------------------- */

sp_status sp_i_flow_evaluate(const sp_flow_job *jobs, uint32_t n, const sp_i_flow_copies *copies, const sp_machine *machine,
                             const sp_stack *stack, const sp_protocol *protocol, const sp_flow_options *options, const sp_i_flow_look *look,
                             double *end_s, sp_flow_time *out, sp_error *err)
{
    sp_i_flow_counts counts;
    sp_flow_time time = {0};
    run r = {.n = n, .events = look && look->peaks, .ids = look || options->heat};
    for (uint32_t j = 0; j < n; j++) {
        time.flows += transfers_of(jobs[j].program);
        r.computes = r.computes || sp_i_flow_has_work(jobs[j].program);
    }
    sp_status status = open_run(&r, jobs, machine, stack, protocol, options, err);
    if (status == SP_OK)
        status = make_and_run(&r, &time, &counts, err);
    if (status == SP_OK)
        status = sp_i_flow_report(&r.p, &counts, r.router, &time, err);
    if (status == SP_OK && options->heat)
        status = sp_i_flow_heat(&r.p, r.router, machine, r.lifted ? &r.sym : NULL, time.time_s, options->heat, err);
    if (status == SP_OK && end_s && copies && !copy_ends(&r, copies, end_s))
        status = sp_i_flow_no_memory(err);
    for (uint32_t j = 0; status == SP_OK && end_s && !copies && j < n; j++)
        end_s[j] = job_end_s(&r, j);
    if (status == SP_OK && look)
        look->look(look->context, &(sp_i_flow_inside){&r.p, &counts, r.router, r.lifted ? &r.sym : NULL, sp_ticks_ps(stack->launch_s.nominal), time.flows});
    if (status == SP_OK)
        *out = time;
    close_run(&r);
    return status;
}
