/* The planner. 1. A quick search over few values an axis and all plans near its best, so that there is something to beat. 2. Workers take items of the
 * whole space and price every legal plan; candidates whose bound is above the worst plan kept so far are dropped, the rest kept
 * in bounded heaps. 3. Simulate in order of the bound; stop when the next bound is no better than the worst kept. Should a heap
 * have overflowed before that, the space is priced again for what lies behind. The bound never exceeds the simulated time, so
 * nothing better is missed (docs/models/planner.md). What is dropped depends on step 1 alone, so any number of workers
 * gives the same answer. Members of a team price every size-th item each, share what they kept, and all do the rest alike. */
#include "solver.h"
#include "why.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define KEEP 16384u   /* candidates a worker: 1 MB; simulating so many takes minutes, so more are seldom asked for */

/* Plans simulated so far, best first, and what is counted. Shared by all searches, as are the pricers: their curves are dear. */
typedef struct planner {
    const sp_problem *problem;
    sp_i_worth worth;
    sp_arena *names;                       /* of the parts of simulated steps */
    uint32_t n_kept; sp_i_kept *kept;      /* [top + 1] */
    sp_pricer *pricer[SP_THREADS_MAX];     /* of each worker, made when first needed */
    sp_plan_counts counts;
    double least_memory_bytes;
    bool stopped;
    sp_error *err;
} planner;

/* One enumeration by one or more workers. */
typedef struct job {
    planner *planner;
    const sp_problem *problem;             /* the quick one or the whole */
    sp_i_space space;
    uint32_t n_workers, n_items, all_items;   /* items of this member of the team, and of all */
    struct worker *worker;
    atomic_uint next_item;
    atomic_bool stop;
    double share_from, share;              /* of the progress that is told */
} job;

typedef struct worker { job *job; sp_i_solver solver; pthread_t thread; bool first, started; sp_status status; sp_error err; } worker;

/* ---- enumeration ------------------------------------------------------------------------------------------------------------ */

static double best_so_far_s(const planner *p)
{
    return p->n_kept ? p->kept[0].ranked.step_time_s : 0;
}

static bool tell(planner *p, double fraction)
{
    if (p->problem->progress && !p->problem->progress(p->problem->progress_context, fraction, best_so_far_s(p)))
        p->stopped = true;
    return !p->stopped;
}

static bool poll(void *context)
{
    worker *w = context;
    job *j = w->job;
    if (w->first) {
        uint32_t next = atomic_load(&j->next_item), done = next < j->n_items ? next : j->n_items;
        if (!tell(j->planner, j->share_from + j->share * done / (j->n_items + 1)))
            atomic_store(&j->stop, true);
    }
    return !atomic_load(&j->stop);
}

static void *work(void *context)
{
    worker *w = context;
    const sp_team *team = w->job->problem->team;
    uint32_t item;
    while (w->status == SP_OK && !atomic_load(&w->job->stop) && (item = atomic_fetch_add(&w->job->next_item, 1)) < w->job->n_items)
        w->status = sp_i_solver_item(&w->solver, sp_team_rank(team) + item * sp_team_size(team), &w->err);
    if (w->status != SP_OK)
        atomic_store(&w->job->stop, true);
    return NULL;
}

/* All items, once; what the workers found lies sorted in the first one's heap afterwards. */
static sp_status enumerate(job *j, double limit, const sp_i_candidate *after, bool count)
{
    planner *p = j->planner;
    atomic_store(&j->next_item, 0);
    for (uint32_t i = 0; i < j->n_workers; i++) {
        sp_i_solver *s = &j->worker[i].solver;
        s->limit = limit;
        s->after = after;
        s->count = count;
        s->best.n = 0;
        s->best.dropped = false;
    }
    for (uint32_t i = 1; i < j->n_workers; i++)   /* a thread that cannot start leaves its items to the others */
        j->worker[i].started = pthread_create(&j->worker[i].thread, NULL, work, &j->worker[i]) == 0;
    work(&j->worker[0]);
    sp_status status = SP_OK;
    for (uint32_t i = 1; i < j->n_workers; i++)
        if (j->worker[i].started)
            pthread_join(j->worker[i].thread, NULL);
    for (uint32_t i = 0; i < j->n_workers && status == SP_OK; i++)
        if ((status = j->worker[i].status) != SP_OK)
            sp_error_set(p->err, status, NULL, 0, 0, "%s", j->worker[i].err.text);
    return status;
}

static void add_counts(sp_plan_counts *to, const sp_plan_counts *from)
{
    to->legal += from->legal;
    to->priced += from->priced;
    to->refused_divide += from->refused_divide;
    to->refused_memory += from->refused_memory;
    to->refused_place += from->refused_place;
}

typedef struct found { sp_i_candidate *list; uint32_t n; bool dropped; } found;

/* What some found, put together: best first, the KEEP first. */
static void merge(found *f)
{
    if (f->n > 0)
        qsort(f->list, f->n, sizeof *f->list, sp_i_candidate_order);
    if (f->n > KEEP) {   /* behind the KEEP first some may have been dropped by one worker and not by another */
        f->n = KEEP;
        f->dropped = true;
    }
}

static sp_status gather(job *j, found *out)
{
    size_t all = 0;
    *out = (found){0};
    for (uint32_t i = 0; i < j->n_workers; i++) {
        all += j->worker[i].solver.best.n;
        out->dropped = out->dropped || j->worker[i].solver.best.dropped;
    }
    out->list = malloc((all ? all : 1) * sizeof *out->list);
    if (!out->list)
        return sp_error_set(j->planner->err, SP_E_NOMEM, NULL, 0, 0, "no memory for candidate plans");
    for (uint32_t i = 0; i < j->n_workers; i++) {
        const sp_i_best *best = &j->worker[i].solver.best;
        if (best->n > 0)
            memcpy(out->list + out->n, best->heap, best->n * sizeof *out->list);
        out->n += best->n;
    }
    merge(out);
    return SP_OK;
}

/* The members' lists as one; a member that was told to stop stops all. */
static sp_status share_found(job *j, found *f)
{
    planner *p = j->planner;
    const sp_team *team = j->problem->team;
    typedef struct flags { bool dropped, stopped; } flags;
    void *all = NULL;
    if (sp_team_size(team) == 1)
        return SP_OK;
    flags *flag = calloc(team->size, sizeof *flag);
    size_t *offset = calloc(team->size + 1u, sizeof *offset);
    sp_status status = flag && offset ? SP_OK : sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for candidate plans");
    if (status == SP_OK) {
        flag[team->rank] = (flags){f->dropped, p->stopped};
        status = sp_team_rows(team, flag, sizeof *flag, team->size, p->err);
    }
    if (status == SP_OK)
        status = team->gather(team->context, f->list, f->n * sizeof *f->list, &all, offset, p->err);
    if (status == SP_OK) {
        free(f->list);
        f->list = all;
        f->n = (uint32_t)(offset[team->size] / sizeof *f->list);
        for (uint32_t i = 0; i < team->size; i++) {
            f->dropped = f->dropped || flag[i].dropped;
            p->stopped = p->stopped || flag[i].stopped;
        }
        merge(f);
    }
    free(flag);
    free(offset);
    return status;
}

/* ---- simulation ------------------------------------------------------------------------------------------------------------- */

static double limit_of(const planner *p)
{
    double limit = p->n_kept == p->problem->top ? p->kept[p->n_kept - 1].ranked.objective : INFINITY;
    bool step = p->problem->objective == SP_OBJECTIVE_THROUGHPUT && p->problem->step_time_s_max > 0;
    return step ? fmin(limit, p->problem->step_time_s_max) : limit;
}

static bool same_plan(const sp_plan *a, const sp_plan *b)
{
    char mine[1024], theirs[1024];   /* every field stands in a plan's words */
    sp_plan_format(a, mine, sizeof mine);
    sp_plan_format(b, theirs, sizeof theirs);
    return strcmp(mine, theirs) == 0;
}

/* The same split laid elsewhere, to the same end: one of them is told. */
static bool same_but_laid(const sp_ranked *a, const sp_ranked *b)
{
    sp_plan other = b->plan;
    memcpy(other.order, a->plan.order, sizeof other.order);
    memcpy(other.place, a->plan.place, sizeof other.place);
    return same_plan(&a->plan, &other) && fabs(a->objective - b->objective) <= 1e-9 * fabs(a->objective);
}

static void keep(planner *p, const sp_i_kept *one)
{
    for (uint32_t i = 0; i < p->n_kept; i++)
        if (same_but_laid(&p->kept[i].ranked, &one->ranked))
            return;
    uint32_t top = p->problem->top, at = p->n_kept;
    while (at > 0 && one->ranked.objective < p->kept[at - 1].ranked.objective)
        at--;
    if (at >= top)
        return;
    uint32_t last = p->n_kept < top ? p->n_kept : top - 1;
    memmove(&p->kept[at + 1], &p->kept[at], (last - at) * sizeof *one);
    p->kept[at] = *one;
    p->n_kept = p->n_kept < top ? p->n_kept + 1 : top;
}

static sp_status remember(planner *p, const sp_plan *plan, const sp_i_candidate *c, const sp_train_report *report)
{
    if (p->worth.step_time_s_max > 0 && report->step_time_s > p->worth.step_time_s_max)
        return SP_OK;
    sp_i_kept one = {.n_parts = report->n_parts};
    one.ranked = (sp_ranked){.plan = *plan, .step_time_s = report->step_time_s, .lower_bound_s = c->bound_s, .mfu = report->mfu,
        .tokens_per_s_chip = report->tokens_per_s_chip, .mem_bytes_max = report->mem_bytes_max, .why = "",
        .objective = sp_i_worth_at(&p->worth, report->chips, report->step_time_s, report->step_time_s * (1 - report->bubble_fraction))};
    memcpy(one.part, report->part, sizeof one.part);
    memcpy(one.tiers, report->layout.tiers, sizeof one.tiers);
    for (uint32_t i = 0; i < one.n_parts; i++)   /* labels live as long as the run does */
        if (!(one.part[i].label = sp_arena_strdup(p->names, one.part[i].label)))
            return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a simulated plan");
    keep(p, &one);
    return SP_OK;
}

/* Is the plan no better than the worst kept by a bound that is closer than its price? Asked where a forward and a backward are one slot: how well
 * the traffic of each hides under the other is known when that slot has been run. */
static sp_status beaten_by_slots(planner *p, sp_pricer *pricer, const sp_plan *plan, sp_arena *scratch, bool *out)
{
    sp_price price = {0};
    double limit = limit_of(p);
    *out = false;
    if (!sp_schedule_joins(plan->schedule) || isinf(limit))
        return SP_OK;
    sp_status status = sp_pricer_slots_bound(pricer, plan, scratch, &price, p->err);
    *out = status == SP_OK && sp_i_worth_at(&p->worth, (double)plan->tp * plan->cp * plan->pp * plan->dp, price.lower_bound_s, price.busy_s) >= limit;
    return status;
}

static sp_status simulate(planner *p, const job *j, const sp_i_candidate *c)
{
    sp_plan plan = sp_i_candidate_plan(j->problem, &j->space, c);
    for (uint32_t i = 0; i < p->n_kept; i++)
        if (same_plan(&plan, &p->kept[i].ranked.plan))
            return SP_OK;   /* the quick search found it */
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    bool beaten;
    if (!scratch)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory to simulate a plan");
    sp_status status = beaten_by_slots(p, j->worker[0].solver.pricer, &plan, scratch, &beaten);
    if (status == SP_OK && !beaten)
        status = sp_pricer_train(j->worker[0].solver.pricer, &plan, true, scratch, &report, NULL, p->err);
    if (status == SP_OK && !beaten) {
        p->counts.simulated++;
        status = remember(p, &plan, c, &report);
    }
    sp_arena_destroy(scratch);
    if (status == SP_E_RANGE || status == SP_E_UNFIT) {   /* more tasks than a run takes, or full to the last byte */
        p->counts.refused_size++;
        return SP_OK;
    }
    return status;
}

/* *done: no candidate behind the last can be better than those kept. */
static sp_status simulate_in_order(planner *p, const job *j, const sp_i_candidate *list, uint32_t n, uint32_t most, bool *done)
{
    *done = false;
    for (uint32_t i = 0; i < n && i < most; i++) {
        if (list[i].objective_bound >= limit_of(p)) {
            *done = true;
            return SP_OK;
        }
        sp_status status = simulate(p, j, &list[i]);
        if (status != SP_OK || !tell(p, j->share_from + j->share))
            return status;
    }
    return SP_OK;
}

/* ---- one search over one space ------------------------------------------------------------------------------------------------ */

/* Prices all items, here and by the team; *f->list is the caller's on SP_OK. */
static sp_status price_all(job *j, const sp_i_candidate *after, bool count, found *f)
{
    sp_status status = enumerate(j, limit_of(j->planner), after, count);
    *f = (found){0};
    if (status == SP_OK)
        status = gather(j, f);
    status = sp_team_agree(j->problem->team, status, j->planner->err);
    if (status == SP_OK)
        status = share_found(j, f);
    if (status != SP_OK)
        free(f->list);
    return status;
}

/* Did any member stop? All go on alike. */
static sp_status share_stopped(planner *p)
{
    uint32_t size = sp_team_size(p->problem->team);
    bool *stopped = size == 1 ? NULL : calloc(size, sizeof *stopped);
    if (size == 1)
        return SP_OK;
    if (!stopped)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory to share results");
    stopped[p->problem->team->rank] = p->stopped;
    sp_status status = sp_team_rows(p->problem->team, stopped, sizeof *stopped, size, p->err);
    for (uint32_t i = 0; i < size; i++)
        p->stopped = p->stopped || stopped[i];
    free(stopped);
    return status;
}

static sp_status search_rounds(job *j, bool count)
{
    planner *p = j->planner;
    sp_i_candidate last;
    for (bool more = true, again = false; more; again = true) {
        found f;
        bool done;
        sp_status status = price_all(j, again ? &last : NULL, count && !again, &f);
        if (status != SP_OK)
            return status;
        bool cut_short = p->stopped;   /* the best of what was priced is simulated all the same, if nothing is known yet */
        p->stopped = false;
        status = simulate_in_order(p, j, f.list, f.n, cut_short ? p->n_kept == 0 : f.n, &done);
        status = sp_team_agree(j->problem->team, status, p->err);
        if (status == SP_OK)
            status = share_stopped(p);
        more = status == SP_OK && f.dropped && !done && !cut_short && !p->stopped && f.n > 0;
        p->stopped = p->stopped || cut_short;
        if (more)
            last = f.list[f.n - 1];
        free(f.list);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status start(job *j, sp_arena *arena, uint32_t workers)
{
    planner *p = j->planner;
    uint32_t rank = sp_team_rank(j->problem->team), size = sp_team_size(j->problem->team);
    sp_status status = sp_i_space_make(j->problem, arena, &j->space, p->err);
    j->all_items = status == SP_OK ? sp_i_items(&j->space) : 0;
    j->n_items = rank < j->all_items ? (j->all_items - rank - 1) / size + 1 : 0;
    workers = workers < j->n_items ? workers : j->n_items;
    workers = workers == 0 && j->all_items > 0 ? 1 : workers;   /* to simulate by */
    j->worker = calloc(workers ? workers : 1, sizeof *j->worker);
    if (status == SP_OK && !j->worker)
        status = sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u workers", workers);
    for (; status == SP_OK && j->n_workers < workers; j->n_workers++) {
        worker *w = &j->worker[j->n_workers];
        sp_pricer **pricer = &p->pricer[j->n_workers];
        *w = (worker){.job = j, .first = j->n_workers == 0};
        if (!*pricer && (status = sp_pricer_create(j->problem->machine, j->problem->model, pricer, p->err)) != SP_OK)
            break;
        status = sp_i_solver_make(&w->solver, j->problem, &j->space, *pricer, KEEP, p->err);
        w->solver.poll = poll;
        w->solver.poll_context = w;
    }
    return status;
}

/* What the workers of all members saw. */
typedef struct seen { sp_plan_counts counts; double least_memory_bytes; } seen;

static void add_seen(seen *to, const seen *from)
{
    add_counts(&to->counts, &from->counts);
    if (from->least_memory_bytes > 0 && (to->least_memory_bytes == 0 || from->least_memory_bytes < to->least_memory_bytes))
        to->least_memory_bytes = from->least_memory_bytes;
}

static sp_status count_seen(planner *p, const job *j, bool count)
{
    const sp_team *team = j->problem->team;
    uint32_t size = sp_team_size(team);
    seen *by = calloc(size, sizeof *by), all = {0};
    if (!by)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory to share results");
    for (uint32_t i = 0; i < j->n_workers; i++) {
        const sp_i_solver *s = &j->worker[i].solver;
        seen one = {s->counts, s->least_memory_bytes};
        add_seen(&by[sp_team_rank(team)], &one);
    }
    sp_status status = sp_team_rows(team, by, sizeof *by, size, p->err);
    for (uint32_t i = 0; i < size; i++)
        add_seen(&all, &by[i]);
    free(by);
    if (count)
        add_counts(&p->counts, &all.counts);
    seen before = {.least_memory_bytes = p->least_memory_bytes};
    add_seen(&before, &all);
    p->least_memory_bytes = before.least_memory_bytes;
    return status;
}

static sp_status search_space(planner *p, const sp_problem *problem, double share_from, double share, bool count)
{
    sp_arena *arena = sp_arena_create();
    job j = {.planner = p, .problem = problem, .share_from = share_from, .share = share};
    sp_status status = arena ? start(&j, arena, problem->threads ? problem->threads : 1)
                             : sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a search");
    status = sp_team_agree(problem->team, status, p->err);
    if (status == SP_OK && j.all_items)
        status = search_rounds(&j, count);
    if (status == SP_OK)
        status = count_seen(p, &j, count);
    for (uint32_t i = 0; i < j.n_workers; i++)
        sp_i_solver_end(&j.worker[i].solver);
    free(j.worker);
    sp_arena_destroy(arena);
    return status;
}

/* What is wrong with the fixed values by themselves, if anything is: every free one is 1, and replicas as many as experts or shared state ask for. */
static sp_status blame_fixed(const sp_problem *p, sp_error *err)
{
    sp_plan plan = p->fixed;
    sp_layout layout;
    uint32_t *const sizes[] = {&plan.tp, &plan.cp, &plan.ep, &plan.etp, &plan.pp, &plan.mbs};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        *sizes[i] = *sizes[i] ? *sizes[i] : 1;
    uint64_t ranks = (uint64_t)plan.tp * plan.cp, experts = ((uint64_t)plan.ep * plan.etp + ranks - 1) / ranks, shared = (plan.zero_group + plan.cp - 1) / plan.cp;
    if (!plan.dp)
        plan.dp = (uint32_t)(shared > experts ? shared : experts);
    plan.vpp = plan.vpp ? plan.vpp : sp_schedule_is_vee(plan.schedule) ? 2 : 1;
    plan.gbs = p->gbs;
    plan.seq = p->seq;
    sp_status status = sp_plan_check(&plan, p->model, p->machine, err);
    return status == SP_OK ? sp_plan_layout(&plan, p->machine, &layout, err) : status;
}

/* ---- the answer --------------------------------------------------------------------------------------------------------------- */

static sp_status nothing_fits(const planner *pl)
{
    const sp_problem *p = pl->problem;
    const sp_plan_counts *counts = &pl->counts;
    if (counts->priced > 0 && p->step_time_s_max > 0)
        return sp_error_set(pl->err, SP_E_UNFIT, NULL, 0, 0,
                            "no plan of %llu that fit in memory meets the deadline: a step may take %.4g s at most; allow more time, or a larger machine",
                            (unsigned long long)counts->priced, p->step_time_s_max);
    if (pl->least_memory_bytes > 0) {
        char need[32], have[32];
        sp_unit_format(pl->least_memory_bytes, SP_UNIT_BYTES, need, sizeof need);
        sp_unit_format(p->machine->chip->mem_bytes.nominal, SP_UNIT_BYTES, have, sizeof have);
        return sp_error_set(pl->err, SP_E_UNFIT, NULL, 0, 0,
                            "no plan of %llu legal ones fits in memory: the smallest needs %s a chip, %s has %s; use more chips or a smaller sequence",
                            (unsigned long long)counts->legal, need, p->machine->chip->name, have);
    }
    if (blame_fixed(p, pl->err) != SP_OK) {
        if (pl->err)
            pl->err->status = SP_E_UNFIT;
        return SP_E_UNFIT;
    }
    return sp_error_set(pl->err, SP_E_UNFIT, NULL, 0, 0,
                        "no legal plan for %s on %s with global batch %llu and sequence %llu: %llu candidates do not divide, %llu do not fit the "
                        "tiers; change --gbs or free an axis",
                        p->model->name, p->machine->name, (unsigned long long)p->gbs, (unsigned long long)p->seq,
                        (unsigned long long)counts->refused_divide, (unsigned long long)counts->refused_place);
}

static sp_status answer(planner *p, sp_arena *arena, sp_solution *out)
{
    sp_solution solution = {.n = p->n_kept};
    solution.ranked = sp_arena_alloc(arena, p->n_kept, sizeof *solution.ranked);
    bool ok = solution.ranked != NULL;
    for (uint32_t i = 0; ok && i < p->n_kept; i++) {
        solution.ranked[i] = p->kept[i].ranked;
        ok = (solution.ranked[i].why = sp_i_why(p->problem, &p->kept[0], &p->kept[i], arena)) != NULL;
    }
    if (!ok)
        return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory for the answer");
    sp_status status = p->n_kept ? sp_i_missed(p->problem, p->pricer[0], &p->kept[0].ranked.plan, arena, &solution, p->err) : SP_OK;
    p->counts.refused = p->counts.refused_divide + p->counts.refused_memory + p->counts.refused_place + p->counts.refused_size;
    solution.counts = p->counts;
    if (status == SP_OK)
        *out = solution;
    return status;
}

/* ---- what is known beforehand ------------------------------------------------------------------------------------------------- */

#define NEAR 3u   /* items searched whole before all others */

static bool same_item(const sp_plan *a, const sp_plan *b)
{
    return a->tp == b->tp && a->cp == b->cp && a->ep == b->ep && a->etp == b->etp;
}

/* The quick search, then every plan of the items that its best ones are in: the closer the worst kept is to the answer, the more plans a
 * bound rules out. */
static sp_status seed(planner *p)
{
    sp_problem quick = *p->problem;
    sp_plan near[NEAR];
    uint32_t n = 0;
    quick.effort = SP_EFFORT_QUICK;
    sp_status status = search_space(p, &quick, 0, 0.04, false);
    for (uint32_t i = 0, k; i < p->n_kept && n < NEAR; i++) {
        for (k = 0; k < n && !same_item(&near[k], &p->kept[i].ranked.plan);)
            k++;
        if (k == n)
            near[n++] = p->kept[i].ranked.plan;
    }
    for (uint32_t i = 0; i < n && status == SP_OK && !p->stopped; i++) {
        sp_problem item = *p->problem;
        item.fixed.tp = near[i].tp;
        item.fixed.cp = near[i].cp;
        item.fixed.ep = near[i].ep;
        item.fixed.etp = near[i].etp;
        status = search_space(p, &item, 0.04, 0.01, false);
    }
    return status;
}

sp_status sp_plan_search(const sp_problem *problem, sp_arena *arena, sp_solution *out, sp_error *err)
{
    planner p = {.problem = problem, .worth = sp_i_worth_of(problem), .err = err};
    sp_status status = sp_problem_check(problem, err);
    if (status != SP_OK)
        return status;
    p.kept = calloc((size_t)problem->top + 1, sizeof *p.kept);
    p.names = sp_arena_create();
    if (!p.kept || !p.names)
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u plans", problem->top);
    bool quick = problem->effort == SP_EFFORT_QUICK;
    if (status == SP_OK && !quick)
        status = seed(&p);
    if (status == SP_OK && !p.stopped)
        status = search_space(&p, problem, quick ? 0 : 0.05, quick ? 1 : 0.95, true);
    if (status == SP_OK && p.n_kept == 0 && !p.stopped)
        status = nothing_fits(&p);
    if (status == SP_OK)
        status = answer(&p, arena, out);
    if (status == SP_OK && p.stopped)
        status = sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted; the best plan so far is shown");
    for (uint32_t i = 0; i < SP_THREADS_MAX && p.pricer[i]; i++)
        sp_pricer_destroy(p.pricer[i]);
    free(p.kept);
    sp_arena_destroy(p.names);
    return status;
}
