/* Runs of several seeds over threads and members of a team. A run knows only its own seed, so who makes it changes nothing. */
#include "store_i.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MOST 256u

typedef struct shared {
    const sp_runs *runs;
    atomic_uint next;
    sp_history *out;
    sp_status *status;
    sp_error *error;
} shared;

/* The run itself, told to `watch`. */
static sp_status simulate(const sp_runs *runs, const sp_watch *watch, uint64_t seed, sp_history *out, sp_error *err)
{
    sp_operation op = *runs->operation;
    sp_jobs jobs = {0};
    op.watch = watch;
    if (runs->spec == NULL) return sp_operate(&op, runs->jobs, seed, NULL, out, err);
    sp_status status = sp_jobs_generate(runs->spec, op.machine->chips, op.horizon_s, seed, &jobs, err);
    if (status == SP_OK) status = sp_operate(&op, &jobs, seed, NULL, out, err);
    sp_jobs_free(&jobs);
    return status;
}

static sp_status record(const sp_runs *runs, sp_watch *watch, uint64_t seed, sp_history *out, sp_error *err)
{
    sp_i_recorder *recorder = malloc(sizeof *recorder);
    if (recorder == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    sp_status status = sp_i_recorder_begin(runs->store, seed, recorder, err);
    watch->happened = sp_i_recorder_put;
    watch->context = recorder;
    if (status == SP_OK) status = simulate(runs, watch, seed, out, err);
    if (recorder->status != SP_OK) {   /* why the run was stopped */
        status = recorder->status;
        *err = recorder->err;
    }
    if (status == SP_OK) status = sp_i_recorder_end(recorder, out, watch->spent_s, err);
    free(recorder);
    return status;
}

static sp_status run_one(const shared *all, uint32_t i)
{
    const sp_runs *runs = all->runs;
    sp_watch watch = {.n_spans = runs->n_spans, .spent_s = runs->spent_s == NULL ? NULL : runs->spent_s + (size_t)i * runs->n_spans};
    uint64_t seed = runs->seed + i;
    bool done = false;
    if (runs->store == NULL) return simulate(runs, &watch, seed, &all->out[i], &all->error[i]);
    sp_status status = sp_i_store_read(runs->store, seed, &done, &all->out[i], watch.spent_s, &all->error[i]);
    return status != SP_OK || done ? status : record(runs, &watch, seed, &all->out[i], &all->error[i]);
}

/* Member r has runs r, r + size, … */
static void *work(void *context)
{
    shared *all = context;
    uint32_t rank = sp_team_rank(all->runs->team), size = sp_team_size(all->runs->team), n = all->runs->n;
    for (uint64_t i; (i = rank + (uint64_t)size * atomic_fetch_add(&all->next, 1)) < n;) all->status[i] = run_one(all, (uint32_t)i);
    return NULL;
}

static void run_here(shared *all)
{
    pthread_t id[THREADS_MOST];
    uint32_t threads = all->runs->threads < THREADS_MOST ? all->runs->threads : THREADS_MOST, started = 0;
    while (started + 1 < threads && started + 1 < all->runs->n && pthread_create(&id[started], NULL, work, all) == 0) started++;
    work(all);
    for (uint32_t i = 0; i < started; i++) pthread_join(id[i], NULL);
}

sp_status sp_operate_runs(const sp_runs *runs, sp_history *out, sp_error *err)
{
    shared all = {.runs = runs, .out = out};
    if (runs->n == 0) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "no seeds to run; expected at least one");
    all.status = calloc(runs->n, sizeof *all.status);
    all.error = calloc(runs->n, sizeof *all.error);
    sp_status status = all.status == NULL || all.error == NULL ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : SP_OK;
    if (status == SP_OK) run_here(&all);
    for (uint32_t i = 0; i < runs->n && status == SP_OK; i++) {
        status = all.status[i];
        if (status != SP_OK && err != NULL) *err = all.error[i];
    }
    free(all.status);
    free(all.error);
    status = sp_team_agree(runs->team, status, err);
    if (status == SP_OK) status = sp_team_rows(runs->team, out, sizeof *out, runs->n, err);
    if (status == SP_OK && runs->spent_s != NULL) status = sp_team_rows(runs->team, runs->spent_s, runs->n_spans * sizeof *runs->spent_s, runs->n, err);
    return status;
}

sp_status sp_operate_seeds(const sp_operation *operation, const sp_jobs *jobs, const char *spec, uint64_t seed, uint32_t n,
                           uint32_t threads, sp_history *out, sp_error *err)
{
    return sp_operate_runs(&(sp_runs){.operation = operation, .jobs = jobs, .spec = spec, .seed = seed, .n = n, .threads = threads}, out, err);
}
