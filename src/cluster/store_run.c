/* A run's rows: events in batches while it runs, and with the last of them its history. Events that the store has from a run that was
 * cut off are compared with what happens now: the run is the same, or it is an error. */
#include "store_i.h"

#include <string.h>

static int bind_number(sqlite3_stmt *put, int at, uint32_t value)
{
    return value == SP_NOWHERE ? sqlite3_bind_null(put, at) : sqlite3_bind_int64(put, at, value);
}

/* 0 when the statement has done its work. */
static int run_once(sqlite3_stmt *put, int bound)
{
    int code = bound == SQLITE_OK ? sqlite3_step(put) : bound;
    sqlite3_reset(put);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int put_event(sp_store *store, uint64_t seed, uint64_t number, const sp_happened *one)
{
    sqlite3_stmt *put = store->put_event;
    int code = sqlite3_bind_int64(put, 1, (sqlite3_int64)seed);
    if (code == SQLITE_OK) code = sqlite3_bind_int64(put, 2, (sqlite3_int64)number);
    if (code == SQLITE_OK) code = sqlite3_bind_int64(put, 3, one->at_us);
    if (code == SQLITE_OK) code = sqlite3_bind_int(put, 4, (int)one->what);
    if (code == SQLITE_OK) code = bind_number(put, 5, one->job);
    if (code == SQLITE_OK) code = bind_number(put, 6, one->class);
    if (code == SQLITE_OK) code = bind_number(put, 7, one->rack);
    if (code == SQLITE_OK) code = bind_number(put, 8, one->chips);
    return run_once(put, code);
}

static uint32_t number_of(sqlite3_stmt *get, int column)
{
    return sqlite3_column_type(get, column) == SQLITE_NULL ? SP_NOWHERE : (uint32_t)sqlite3_column_int64(get, column);
}

static sp_happened event_of(sqlite3_stmt *get)
{
    return (sp_happened){sqlite3_column_int64(get, 0), (sp_happening)sqlite3_column_int(get, 1), number_of(get, 2), number_of(get, 3), number_of(get, 4), number_of(get, 5)};
}

static int find_events(sqlite3_stmt *get, uint64_t seed, uint64_t first, int most)
{
    int code = sqlite3_bind_int64(get, 1, (sqlite3_int64)seed);
    if (code == SQLITE_OK) code = sqlite3_bind_int64(get, 2, (sqlite3_int64)first);
    return code == SQLITE_OK ? sqlite3_bind_int(get, 3, most) : code;
}

static bool same(const sp_happened *a, const sp_happened *b)
{
    return a->at_us == b->at_us && a->what == b->what && a->job == b->job && a->class == b->class && a->rack == b->rack && a->chips == b->chips;
}

/* Another process runs the same seed: what it was quicker to write has to be the same. SQLITE_MISMATCH: it is not. */
static int put_or_compare(sp_store *store, uint64_t seed, uint64_t number, const sp_happened *one)
{
    int code = put_event(store, seed, number, one);
    if ((code & 0xff) != SQLITE_CONSTRAINT) return code;
    sqlite3_stmt *get = store->get_events;
    code = find_events(get, seed, number, 1);
    if (code == SQLITE_OK) code = sqlite3_step(get);
    if (code == SQLITE_ROW) {
        sp_happened theirs = event_of(get);
        code = same(&theirs, one) ? SQLITE_OK : SQLITE_MISMATCH;
    }
    sqlite3_reset(get);
    return code;
}

/* SQLITE_ROW: another process has ended the run; SQLITE_DONE: nobody has. */
static int find_run(sp_store *store, uint64_t seed)
{
    int code = sqlite3_bind_int64(store->get_run, 1, (sqlite3_int64)seed);
    if (code == SQLITE_OK) code = sqlite3_step(store->get_run);
    sqlite3_reset(store->get_run);
    return code;
}

static sp_status another(sp_i_recorder *r, uint64_t number)
{
    return sp_error_set(&r->err, SP_E_INVAL, r->store->path, 0, 0, "event %llu of seed %llu is another than this superpod's: it was written by another build, or changed; give "
                        "a new name and run again", (unsigned long long)number, (unsigned long long)r->seed);
}

static int put_history(sp_store *store, uint64_t seed, const sp_history *h)
{
    sqlite3_stmt *put = store->put_run;
    int at = 2, code = sqlite3_bind_int64(put, 1, (sqlite3_int64)seed);
    for (size_t i = 0; i < sp_history_n_fields && code == SQLITE_OK; i++, at++) {
        const sp_history_field *f = &sp_history_fields[i];
        const char *field = (const char *)h + f->offset;
        if (f->whole) code = sqlite3_bind_int64(put, at, (sqlite3_int64)*(const uint64_t *)(const void *)field);
        else code = sqlite3_bind_double(put, at, *(const double *)(const void *)field);
    }
    for (int i = 0; i < SP_LOSSES && code == SQLITE_OK; i++, at++) code = sqlite3_bind_double(put, at, h->share[i]);
    return run_once(put, code);
}

static int put_spent(sp_store *store, uint64_t seed, double (*spent_s)[SP_LOSSES])
{
    sqlite3_stmt *put = store->put_spent;
    int code = SQLITE_OK;
    for (uint32_t span = 0; spent_s != NULL && span < store->n_spans && code == SQLITE_OK; span++)
        for (int i = 0; i < SP_LOSSES && code == SQLITE_OK; i++) {
            code = sqlite3_bind_int64(put, 1, (sqlite3_int64)seed);
            if (code == SQLITE_OK) code = sqlite3_bind_int64(put, 2, span);
            if (code == SQLITE_OK) code = sqlite3_bind_text(put, 3, sp_loss_name((sp_loss)i), -1, SQLITE_STATIC);
            if (code == SQLITE_OK) code = sqlite3_bind_double(put, 4, spent_s[span][i]);
            code = run_once(put, code);
        }
    return code;
}

/* The batch and, at the end, the rest: all or nothing. */
static sp_status write_batch(sp_i_recorder *r, const sp_history *history, double (*spent_s)[SP_LOSSES])
{
    sp_store *store = r->store;
    pthread_mutex_lock(&store->lock);
    int code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    bool begun = code == SQLITE_OK;
    uint64_t at = r->number - r->n;
    for (uint32_t i = 0; i < r->n && code == SQLITE_OK; i++) code = put_or_compare(store, r->seed, at++, &r->event[i]);
    if (code == SQLITE_OK && history != NULL) {
        code = find_run(store, r->seed);
        if (code == SQLITE_DONE) code = put_history(store, r->seed, history);
        if (code == SQLITE_OK) code = put_spent(store, r->seed, spent_s);
        if (code == SQLITE_ROW) code = SQLITE_OK;
    }
    if (code == SQLITE_OK) code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    sp_status status = code == SQLITE_OK ? SP_OK : code == SQLITE_MISMATCH ? another(r, at - 1) : sp_i_store_fail(store, code & 0xff, &r->err);
    if (code != SQLITE_OK && begun) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&store->lock);
    r->n = 0;
    return status;
}

/* ---- what is there ------------------------------------------------------------------------------------------------------------ */

/* The next events of the store into the buffer; none: the run goes beyond them. */
static sp_status read_batch(sp_i_recorder *r)
{
    sp_store *store = r->store;
    sqlite3_stmt *get = store->get_events;
    r->n = r->at = 0;
    pthread_mutex_lock(&store->lock);
    int code = find_events(get, r->seed, r->number, (int)SP_I_BATCH);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(get);
        if (code != SQLITE_ROW) break;
        r->event[r->n++] = event_of(get);
    }
    sqlite3_reset(get);
    sp_status status = code == SQLITE_DONE ? SP_OK : sp_i_store_fail(store, code & 0xff, &r->err);
    pthread_mutex_unlock(&store->lock);
    r->known = r->number + r->n;
    return status;
}

static void read_history(sqlite3_stmt *get, sp_history *out)
{
    int at = 1;
    for (size_t i = 0; i < sp_history_n_fields; i++, at++) {
        char *field = (char *)out + sp_history_fields[i].offset;
        if (sp_history_fields[i].whole) *(uint64_t *)(void *)field = (uint64_t)sqlite3_column_int64(get, at);
        else *(double *)(void *)field = sqlite3_column_double(get, at);
    }
    for (int i = 0; i < SP_LOSSES; i++, at++) out->share[i] = sqlite3_column_double(get, at);
}

static int read_spent(sp_store *store, uint64_t seed, double (*spent_s)[SP_LOSSES])
{
    sqlite3_stmt *get = store->get_spent;
    int code = SQLITE_OK;
    for (uint32_t span = 0; span < store->n_spans && code == SQLITE_OK; span++)
        for (int i = 0; i < SP_LOSSES && code == SQLITE_OK; i++) {
            code = sqlite3_bind_int64(get, 1, (sqlite3_int64)seed);
            if (code == SQLITE_OK) code = sqlite3_bind_int64(get, 2, span);
            if (code == SQLITE_OK) code = sqlite3_bind_text(get, 3, sp_loss_name((sp_loss)i), -1, SQLITE_STATIC);
            if (code == SQLITE_OK) code = sqlite3_step(get);
            if (code == SQLITE_ROW) spent_s[span][i] = sqlite3_column_double(get, 0);
            code = code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;   /* a run without its spans */
            sqlite3_reset(get);
        }
    return code;
}

sp_status sp_i_store_read(sp_store *store, uint64_t seed, bool *done, sp_history *out, double (*spent_s)[SP_LOSSES], sp_error *err)
{
    sqlite3_stmt *get = store->get_run;
    pthread_mutex_lock(&store->lock);
    int code = sqlite3_bind_int64(get, 1, (sqlite3_int64)seed);
    if (code == SQLITE_OK) code = sqlite3_step(get);
    *done = code == SQLITE_ROW;
    if (*done) read_history(get, out);
    sqlite3_reset(get);
    if (*done && spent_s != NULL) code = read_spent(store, seed, spent_s);
    sp_status status = code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE ? SP_OK : sp_i_store_fail(store, code & 0xff, err);
    pthread_mutex_unlock(&store->lock);
    return status;
}

/* ---- a run -------------------------------------------------------------------------------------------------------------------- */

sp_status sp_i_recorder_begin(sp_store *store, uint64_t seed, sp_i_recorder *out, sp_error *err)
{
    *out = (sp_i_recorder){.store = store, .seed = seed};
    out->status = read_batch(out);
    if (out->status != SP_OK && err != NULL) *err = out->err;
    return out->status;
}

bool sp_i_recorder_put(void *context, const sp_happened *one)
{
    sp_i_recorder *r = context;
    if (r->number == r->known && r->at != 0) r->status = read_batch(r);   /* those compared are used up: are there more? */
    if (r->status == SP_OK && r->number < r->known) {
        if (!same(&r->event[r->at], one)) r->status = another(r, r->number);
        r->at++;
        r->number++;
        return r->status == SP_OK;
    }
    if (r->status == SP_OK) {
        r->event[r->n++] = *one;
        r->number++;
    }
    if (r->status == SP_OK && r->n == SP_I_BATCH) r->status = write_batch(r, NULL, NULL);
    return r->status == SP_OK;
}

sp_status sp_i_recorder_end(sp_i_recorder *r, const sp_history *history, double (*spent_s)[SP_LOSSES], sp_error *err)
{
    if (r->at != 0 && r->status == SP_OK) {
        if (r->number == r->known) r->status = read_batch(r);
        if (r->status == SP_OK && r->number < r->known)
            r->status = sp_error_set(&r->err, SP_E_INVAL, r->store->path, 0, 0, "has more events of seed %llu than happen: it was written by another build, or changed; give "
                                     "a new name and run again", (unsigned long long)r->seed);
        r->n = 0;
    }
    if (r->status == SP_OK) r->status = write_batch(r, history, spent_s);
    if (r->status != SP_OK && err != NULL) *err = r->err;
    return r->status;
}
