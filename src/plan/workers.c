/* Enumeration of a space by threads and the members of a team: each prices items one by one, and what all found is put together, the same however many
 * there are. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

#define KEEP 16384u   /* candidates a worker: 1 MB; simulating so many takes minutes, so more are seldom asked for */

static double best_so_far_s(const sp_i_planner *p)
{
    return p->n_kept ? p->kept[0].ranked.step_time_s : 0;
}

bool sp_i_tell(sp_i_planner *p, double fraction)
{
    if (p->problem->progress && !p->problem->progress(p->problem->progress_context, fraction, best_so_far_s(p)))
        p->stopped = true;
    return !p->stopped;
}

static bool poll(void *context)
{
    sp_i_worker *w = context;
    sp_i_job *j = w->job;
    if (w->first) {
        uint32_t next = atomic_load(&j->next_item), done = next < j->n_items ? next : j->n_items;
        if (!sp_i_tell(j->planner, j->share_from + j->share * done / (j->n_items + 1)))
            atomic_store(&j->stop, true);
    }
    return !atomic_load(&j->stop);
}

static void *work(void *context)
{
    sp_i_worker *w = context;
    const sp_team *team = w->job->problem->team;
    uint32_t item;
    while (w->status == SP_OK && !atomic_load(&w->job->stop) && (item = atomic_fetch_add(&w->job->next_item, 1)) < w->job->n_items)
        w->status = sp_i_solver_item(&w->solver, sp_team_rank(team) + item * sp_team_size(team), &w->err);
    if (w->status != SP_OK)
        atomic_store(&w->job->stop, true);
    return NULL;
}

/* All items, once; what the workers found lies sorted in the first one's heap afterwards. */
static sp_status enumerate(sp_i_job *j, double limit, const sp_i_candidate *after, bool count)
{
    sp_i_planner *p = j->planner;
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
    to->refused_deadline += from->refused_deadline;
}

/* What some found, put together: best first, the KEEP first. */
static void merge(sp_i_found *f)
{
    if (f->n > 0)
        qsort(f->list, f->n, sizeof *f->list, sp_i_candidate_order);
    if (f->n > KEEP) {   /* behind the KEEP first some may have been dropped by one worker and not by another */
        f->n = KEEP;
        f->dropped = true;
    }
}

static sp_status gather(sp_i_job *j, sp_i_found *out)
{
    size_t all = 0;
    *out = (sp_i_found){0};
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
static sp_status share_found(sp_i_job *j, sp_i_found *f)
{
    sp_i_planner *p = j->planner;
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

/* ---- one enumeration by all ------------------------------------------------------------------------------------------------------ */

sp_status sp_i_price_all(sp_i_job *j, const sp_i_candidate *after, bool count, sp_i_found *f)
{
    sp_status status = enumerate(j, sp_i_limit_of(j->planner), after, count);
    *f = (sp_i_found){0};
    if (status == SP_OK)
        status = gather(j, f);
    status = sp_team_agree(j->problem->team, status, j->planner->err);
    if (status == SP_OK)
        status = share_found(j, f);
    if (status != SP_OK)
        free(f->list);
    return status;
}

sp_status sp_i_job_start(sp_i_job *j, sp_arena *arena, uint32_t workers)
{
    sp_i_planner *p = j->planner;
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
        sp_i_worker *w = &j->worker[j->n_workers];
        sp_pricer **pricer = &p->pricer[j->n_workers];
        *w = (sp_i_worker){.job = j, .first = j->n_workers == 0};
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

sp_status sp_i_count_seen(sp_i_planner *p, const sp_i_job *j, bool count)
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
