/* The store as one run sees it: shared by store.c (the file), store_run.c (a run's rows) and seeds.c. */
#ifndef STORE_I_H
#define STORE_I_H

#include "cluster_i.h"

#include <pthread.h>
#include <sqlite3.h>

#define SP_I_BATCH 4096u                 /* events a transaction, 0.2 MB: some 10 ms of simulation of a busy machine */

struct sp_store {
    sqlite3 *db;
    sqlite3_stmt *put_event, *get_events, *put_run, *get_run, *put_spent, *get_spent;
    char *path;
    uint32_t n_spans;
    uint64_t runs;
    pthread_mutex_t lock;                /* one transaction at a time */
};

/* A run on its way into the store. */
typedef struct sp_i_recorder {
    sp_store *store;
    uint64_t seed, number, known;        /* events told so far; events that the store held when the run began */
    sp_happened event[SP_I_BATCH];       /* not yet written; or, while number < known, those of the store */
    uint32_t n, at;
    sp_status status;
    sp_error err;
} sp_i_recorder;

sp_status sp_i_store_fail(const sp_store *store, int code, sp_error *err);
sp_status sp_i_store_exec(sp_store *store, const char *sql, sp_error *err);

/* The run of a seed, if it had ended: *done. spent_s may be NULL. */
sp_status sp_i_store_read(sp_store *store, uint64_t seed, bool *done, sp_history *out, double (*spent_s)[SP_LOSSES], sp_error *err);
sp_status sp_i_recorder_begin(sp_store *store, uint64_t seed, sp_i_recorder *out, sp_error *err);
bool sp_i_recorder_put(void *recorder, const sp_happened *one);    /* sp_watch.happened; false: recorder->status and err say why */
/* The last events, the history and the spans in one transaction. */
sp_status sp_i_recorder_end(sp_i_recorder *recorder, const sp_history *history, double (*spent_s)[SP_LOSSES], sp_error *err);

#endif
