/* Runs of several seeds over threads. A run knows only its own seed, so the number of threads changes nothing. */
#include "cluster_i.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct shared {
    const sp_operation *operation;
    const sp_jobs *jobs;
    const char *spec;
    uint64_t seed;
    uint32_t n;
    atomic_uint next;
    sp_history *out;
    sp_status *status;
    sp_error *error;
} shared;

static sp_status run_one(const shared *all, uint32_t i)
{
    const sp_operation *op = all->operation;
    sp_jobs jobs = {0};
    if (all->spec == NULL) return sp_operate(op, all->jobs, all->seed + i, NULL, &all->out[i], &all->error[i]);
    sp_status status = sp_jobs_generate(all->spec, op->machine->chips, op->horizon_s, all->seed + i, &jobs, &all->error[i]);
    if (status == SP_OK) status = sp_operate(op, &jobs, all->seed + i, NULL, &all->out[i], &all->error[i]);
    sp_jobs_free(&jobs);
    return status;
}

static void *work(void *context)
{
    shared *all = context;
    for (uint32_t i; (i = atomic_fetch_add(&all->next, 1)) < all->n;) all->status[i] = run_one(all, i);
    return NULL;
}

sp_status sp_operate_seeds(const sp_operation *operation, const sp_jobs *jobs, const char *spec, uint64_t seed, uint32_t n,
                           uint32_t threads, sp_history *out, sp_error *err)
{
    shared all = {.operation = operation, .jobs = jobs, .spec = spec, .seed = seed, .n = n, .out = out};
    pthread_t id[64];
    uint32_t started = 0;
    if (n == 0) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "no seeds to run; expected at least one");
    all.status = calloc(n, sizeof *all.status);
    all.error = calloc(n, sizeof *all.error);
    sp_status status = all.status == NULL || all.error == NULL ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : SP_OK;
    if (threads > 64) threads = 64;
    while (status == SP_OK && started + 1 < threads && started + 1 < n && pthread_create(&id[started], NULL, work, &all) == 0) started++;
    if (status == SP_OK) work(&all);
    for (uint32_t i = 0; i < started; i++) pthread_join(id[i], NULL);
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        status = all.status[i];
        if (status != SP_OK && err != NULL) *err = all.error[i];
    }
    free(all.status);
    free(all.error);
    return status;
}
