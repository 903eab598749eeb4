/* The file: opening, making, refusing. One row of `run` a seed that has ended; rows of `event` are written while it runs; view
 * `events` has their names. Everything of a batch is in it or nothing (SQLite's transactions), so that a store is whole at any time. */
#include "store_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION 0x73706f64   /* "spod" */
#define FORMAT 4
#define WAIT_MS 60000            /* for another process that writes: a batch takes milliseconds */

static const char tables[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE what(number INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE class(number INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE event(seed INTEGER, number INTEGER, at_us INTEGER NOT NULL, what INTEGER NOT NULL, job INTEGER, class INTEGER, rack INTEGER, chips INTEGER,"
    " PRIMARY KEY(seed, number)) WITHOUT ROWID;"
    "CREATE TABLE spent(seed INTEGER, span INTEGER, loss TEXT, chip_s REAL NOT NULL, PRIMARY KEY(seed, span, loss)) WITHOUT ROWID;"
    "CREATE VIEW events AS SELECT seed, event.number AS number, at_us / 1e6 AS at_s, what.name AS what, job, class.name AS class, rack, chips"
    " FROM event JOIN what ON what.number = event.what LEFT JOIN class ON class.number = event.class ORDER BY seed, event.number;";

sp_status sp_i_store_fail(const sp_store *store, int code, sp_error *err)
{
    switch (code) {
    case SQLITE_NOMEM: return sp_error_set(err, SP_E_NOMEM, store->path, 0, 0, "no memory");
    case SQLITE_NOTADB: return sp_error_set(err, SP_E_PARSE, store->path, 0, 0, "is no store: found another kind of file; give a new name, or one that --log wrote");
    case SQLITE_CORRUPT:
        return sp_error_set(err, SP_E_PARSE, store->path, 0, 0, "is damaged or cut short (%s); restore it, or give a new name and run again", sqlite3_errmsg(store->db));
    case SQLITE_BUSY: return sp_error_set(err, SP_E_IO, store->path, 0, 0, "another process has been writing to it for a minute; wait for it, or give a new name");
    default:
        return sp_error_set(err, SP_E_IO, store->path, 0, 0, "cannot be read or written: %s; check the folder, its rights and free space", sqlite3_errmsg(store->db));
    }
}

sp_status sp_i_store_exec(sp_store *store, const char *sql, sp_error *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SP_OK : sp_i_store_fail(store, code & 0xff, err);
}

/* One text or whole number; "" when there is no row. */
static sp_status ask(sp_store *store, const char *sql, char *out, size_t size, sp_error *err)
{
    sqlite3_stmt *one = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &one, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(one);
    const unsigned char *text = code == SQLITE_ROW ? sqlite3_column_text(one, 0) : NULL;
    snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
    sqlite3_finalize(one);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SP_OK : sp_i_store_fail(store, code & 0xff, err);
}

static sp_status put_name(sp_store *store, const char *sql, int number, const char *name, const char *value, sp_error *err)
{
    sqlite3_stmt *put = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &put, NULL);
    if (code == SQLITE_OK && name != NULL) code = sqlite3_bind_text(put, 1, name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK && name == NULL) code = sqlite3_bind_int(put, 1, number);
    if (code == SQLITE_OK) code = sqlite3_bind_text(put, 2, value, -1, SQLITE_STATIC);
    if (code == SQLITE_OK) code = sqlite3_step(put);
    sqlite3_finalize(put);
    return code == SQLITE_DONE ? SP_OK : sp_i_store_fail(store, code & 0xff, err);
}

/* The table of runs has a column for every figure and every share. */
static sp_status make_runs(sp_store *store, sp_error *err)
{
    char sql[4096];
    int at = snprintf(sql, sizeof sql, "CREATE TABLE run(seed INTEGER PRIMARY KEY");
    for (size_t i = 0; i < sp_history_n_fields; i++)
        at += snprintf(sql + at, sizeof sql - (size_t)at, ", %s %s NOT NULL", sp_history_fields[i].name, sp_history_fields[i].whole ? "INTEGER" : "REAL");
    for (int i = 0; i < SP_LOSSES; i++) at += snprintf(sql + at, sizeof sql - (size_t)at, ", share_%s REAL NOT NULL", sp_loss_name((sp_loss)i));
    snprintf(sql + at, sizeof sql - (size_t)at, ")");
    return sp_i_store_exec(store, sql, err);
}

static sp_status make(sp_store *store, const char *key, const sp_failures *failures, sp_error *err)
{
    char pragma[128];
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION, FORMAT);
    sp_status status = sp_i_store_exec(store, tables, err);
    if (status == SP_OK) status = make_runs(store, err);
    if (status == SP_OK) status = put_name(store, "INSERT INTO meta VALUES(?, ?)", 0, "version", SP_VERSION, err);
    if (status == SP_OK) status = put_name(store, "INSERT INTO meta VALUES(?, ?)", 0, "run", key, err);
    for (int i = 0; i < SP_HAPPENINGS && status == SP_OK; i++)
        status = put_name(store, "INSERT INTO what VALUES(?, ?)", i, NULL, sp_happening_name((sp_happening)i), err);
    for (uint32_t i = 0; failures != NULL && i < failures->n && status == SP_OK; i++)
        status = put_name(store, "INSERT INTO class VALUES(?, ?)", (int)i, NULL, failures->row[i].name, err);
    return status == SP_OK ? sp_i_store_exec(store, pragma, err) : status;
}

/* The parts between "; " in which two keys differ first. */
static sp_status other_run(const sp_store *store, const char *run, const char *key, sp_error *err)
{
    size_t at = 0, begin = 0;
    for (; run[at] == key[at] && run[at] != '\0'; at++)
        if (run[at] == ';' && run[at + 1] == ' ' && key[at + 1] == ' ') begin = at + 2;
    int theirs = (int)strcspn(run + begin, ";"), ours = (int)strcspn(key + begin, ";");
    return sp_error_set(err, SP_E_INVAL, store->path, 0, 0, "holds runs of '%.*s'; asked for is '%.*s': give a new name, or the same options", theirs < 200 ? theirs : 200,
                        run + begin, ours < 200 ? ours : 200, key + begin);
}

static sp_status check(sp_store *store, const char *key, sp_error *err)
{
    char application[32], format[32], version[64], *run = NULL;
    size_t size = strlen(key) + 4096;
    sp_status status = ask(store, "PRAGMA application_id", application, sizeof application, err);
    if (status == SP_OK) status = ask(store, "PRAGMA user_version", format, sizeof format, err);
    if (status != SP_OK) return status;
    if (atoi(application) != APPLICATION)
        return sp_error_set(err, SP_E_PARSE, store->path, 0, 0, "is an SQLite file of another program; give a new name, or one that --log wrote");
    if (atoi(format) != FORMAT)
        return sp_error_set(err, SP_E_PARSE, store->path, 0, 0, "is a store of format %s; this superpod reads format %d: give a new name, or use the version that wrote it",
                            format, FORMAT);
    status = ask(store, "SELECT value FROM meta WHERE name = 'version'", version, sizeof version, err);
    if (status == SP_OK && strcmp(version, SP_VERSION) != 0)
        return sp_error_set(err, SP_E_PARSE, store->path, 0, 0, "was written by superpod %s; this is %s, and its runs may differ: give a new name, or use that version", version,
                            SP_VERSION);
    if (status == SP_OK && (run = malloc(size)) == NULL) return sp_error_set(err, SP_E_NOMEM, store->path, 0, 0, "no memory");
    if (status == SP_OK) status = ask(store, "SELECT value FROM meta WHERE name = 'run'", run, size, err);
    if (status == SP_OK && strcmp(run, key) != 0)
        status = other_run(store, run, key, err);
    free(run);
    return status;
}

/* Cut short or overwritten, found before anything is added: SQLite reads every page, some 300 MB a second. */
static sp_status check_pages(sp_store *store, sp_error *err)
{
    char verdict[256];
    sp_status status = ask(store, "PRAGMA quick_check(1)", verdict, sizeof verdict, err);
    if (status != SP_OK || strcmp(verdict, "ok") == 0) return status;
    return sp_error_set(err, SP_E_PARSE, store->path, 0, 0, "is damaged or cut short (%.200s); restore it, or give a new name and run again", verdict);
}

static sp_status prepare(sp_store *store, sp_error *err)
{
    char put[512];
    int at = snprintf(put, sizeof put, "INSERT INTO run VALUES(?");
    for (size_t i = 0; i < sp_history_n_fields + SP_LOSSES; i++) at += snprintf(put + at, sizeof put - (size_t)at, ", ?");
    snprintf(put + at, sizeof put - (size_t)at, ")");
    const struct { const char *sql; sqlite3_stmt **to; } row[] = {
        {"INSERT INTO event VALUES(?, ?, ?, ?, ?, ?, ?, ?)", &store->put_event},
        {"SELECT at_us, what, job, class, rack, chips FROM event WHERE seed = ? AND number >= ? ORDER BY number LIMIT ?", &store->get_events},
        {put, &store->put_run}, {"SELECT * FROM run WHERE seed = ?", &store->get_run},
        {"INSERT INTO spent VALUES(?, ?, ?, ?)", &store->put_spent}, {"SELECT chip_s FROM spent WHERE seed = ? AND span = ? AND loss = ?", &store->get_spent}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int code = sqlite3_prepare_v3(store->db, row[i].sql, -1, SQLITE_PREPARE_PERSISTENT, row[i].to, NULL);
        if (code != SQLITE_OK) return sp_i_store_fail(store, code & 0xff, err);
    }
    return SP_OK;
}

/* Another process may make the same store at the same time: who comes second finds the tables. */
static sp_status make_or_check(sp_store *store, const char *key, const sp_failures *failures, sp_error *err)
{
    char found[32], runs[32];
    sp_status status = ask(store, "SELECT count(*) FROM sqlite_master", found, sizeof found, err);
    if (status == SP_OK && strcmp(found, "0") == 0) {
        status = sp_i_store_exec(store, "BEGIN IMMEDIATE", err);
        if (status == SP_OK) status = ask(store, "SELECT count(*) FROM sqlite_master", found, sizeof found, err);
        if (status == SP_OK && strcmp(found, "0") == 0) status = make(store, key, failures, err);
        if (status == SP_OK) status = sp_i_store_exec(store, "COMMIT", err);
    } else if (status == SP_OK) {
        status = check_pages(store, err);
    }
    if (status == SP_OK) status = check(store, key, err);
    if (status == SP_OK) status = ask(store, "SELECT count(*) FROM run", runs, sizeof runs, err);
    if (status == SP_OK) store->runs = strtoull(runs, NULL, 10);
    return status == SP_OK ? prepare(store, err) : status;
}

sp_status sp_store_open(const char *path, const char *key, const sp_failures *failures, uint32_t n_spans, sp_store **out, sp_error *err)
{
    sp_store *store = calloc(1, sizeof *store);
    struct stat info;
    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory");
    }
    store->n_spans = n_spans;
    pthread_mutex_init(&store->lock, NULL);
    sp_status status = SP_OK;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) status = sp_error_set(err, SP_E_IO, path, 0, 0, "is a folder; give the name of a file");
    int code = status == SP_OK ? sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) : SQLITE_OK;
    if (code != SQLITE_OK) status = sp_i_store_fail(store, code & 0xff, err);
    if (status == SP_OK) sqlite3_busy_timeout(store->db, WAIT_MS);
    if (status == SP_OK) status = sp_i_store_exec(store, "PRAGMA synchronous = NORMAL", err);
    if (status == SP_OK) status = make_or_check(store, key, failures, err);
    if (status != SP_OK) {
        sp_store_close(store);
        return status;
    }
    *out = store;
    return SP_OK;
}

uint64_t sp_store_runs(const sp_store *store) { return store->runs; }

void sp_store_close(sp_store *store)
{
    if (store == NULL) return;
    sqlite3_stmt *all[] = {store->put_event, store->get_events, store->put_run, store->get_run, store->put_spent, store->get_spent};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) sqlite3_finalize(all[i]);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}
