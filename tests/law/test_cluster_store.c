/* The store: a run that is killed at any moment goes on from it, nothing lost or counted twice; other stores are refused in words;
 * nobody who watches a run changes it; spans of time sum to the whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

#define SPANS 24u
#define SEEDS 3u
#define KEY "a busy pod"

static sp_catalog *catalog;
static sp_arena *arena;
static sp_failures failures;
static sp_operation op;
static char folder[40];   /* in memory where that can be: a disk would be waited for at every transaction */

static const char *path_of(const char *name)
{
    static char path[4][256];
    static int turn;
    char *out = path[turn++ % 4];
    snprintf(out, 256, "%s/%s", folder, name);
    return out;
}

typedef struct outcome { sp_history run[SEEDS]; double spent_s[SEEDS][SPANS][SP_LOSSES]; } outcome;

static sp_status run_into(const char *path, uint32_t threads, outcome *out, uint64_t *found, sp_error *err)
{
    sp_store *store = NULL;
    memset(out, 0, sizeof *out);
    sp_status status = path == NULL ? SP_OK : sp_store_open(path, KEY, &failures, SPANS, &store, err);
    if (status == SP_OK && found != NULL) *found = sp_store_runs(store);
    if (status == SP_OK)
        status = sp_operate_runs(&(sp_runs){.operation = &op, .spec = "mix:load=0.9,jobs=1500", .seed = 5, .n = SEEDS, .threads = threads, .store = store, .n_spans = SPANS,
                                            .spent_s = out->spent_s[0]}, out->run, err);
    sp_store_close(store);
    return status;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Everything in the store, as one hash (FNV-1a) and the number of rows. */
typedef struct sum { uint64_t hash, rows; } sum;

static sum sum_of(const char *path)
{
    static const char *const sql[] = {"SELECT * FROM event ORDER BY seed, number", "SELECT * FROM run ORDER BY seed", "SELECT * FROM spent ORDER BY seed, span, loss",
                                      "SELECT * FROM meta ORDER BY name", "SELECT * FROM what", "SELECT * FROM class"};
    sum s = {.hash = 14695981039346656037u};
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        sqlite3_stmt *get;
        assert_int_equal(sqlite3_prepare_v2(db, sql[i], -1, &get, NULL), SQLITE_OK);
        for (; sqlite3_step(get) == SQLITE_ROW; s.rows++)
            for (int c = 0; c < sqlite3_column_count(get); c++) {
                double real = sqlite3_column_double(get, c);
                const unsigned char *byte = (const unsigned char *)&real, *text = sqlite3_column_text(get, c);
                if (sqlite3_column_type(get, c) == SQLITE_FLOAT)
                    for (size_t k = 0; k < sizeof real; k++) s.hash = (s.hash ^ byte[k]) * 1099511628211u;
                else
                    for (; text != NULL && *text != '\0'; text++) s.hash = (s.hash ^ *text) * 1099511628211u;
                s.hash = (s.hash ^ 0xff) * 1099511628211u;
            }
        sqlite3_finalize(get);
    }
    sqlite3_close(db);
    return s;
}

/* ---- watching ------------------------------------------------------------------------------------------------------------------ */

static void watching_changes_nothing(void **state)
{
    (void)state;
    static outcome plain, kept, again;
    sp_error err = {0};
    uint64_t found = 9;
    sp_history bare[SEEDS];
    assert_int_equal(sp_operate_seeds(&op, NULL, "mix:load=0.9,jobs=1500", 5, SEEDS, 1, bare, &err), SP_OK);
    assert_int_equal(run_into(NULL, 2, &plain, NULL, &err), SP_OK);
    if (run_into(path_of("plain.db"), 1, &kept, &found, &err) != SP_OK) fail_msg("%s: %s", err.file, err.text);
    assert_int_equal(found, 0);
    assert_memory_equal(bare, plain.run, sizeof bare);
    assert_memory_equal(&kept, &plain, sizeof kept);
    assert_int_equal(run_into(path_of("plain.db"), 2, &again, &found, &err), SP_OK);   /* read, not run */
    assert_int_equal(found, SEEDS);
    assert_memory_equal(&again, &plain, sizeof again);
    assert_int_equal(run_into(path_of("threads.db"), 3, &again, &found, &err), SP_OK);
    sum one = sum_of(path_of("plain.db")), many = sum_of(path_of("threads.db"));
    assert_true(one.hash == many.hash && one.rows == many.rows && one.rows > 3 * SEEDS * 1500);
}

static void spans_sum_to_the_whole(void **state)
{
    (void)state;
    static outcome o;
    sp_cluster_shape shape;
    assert_int_equal(run_into(NULL, 1, &o, NULL, NULL), SP_OK);
    assert_int_equal(sp_cluster_shape_of(op.machine, &shape, NULL), SP_OK);
    double installed = shape.chips + shape.chips / shape.leaf_chips * shape.spares_per_leaf, whole = installed * op.horizon_s;
    for (uint32_t s = 0; s < SEEDS; s++) {
        double by_loss[SP_LOSSES] = {0};
        for (uint32_t k = 0; k < SPANS; k++) {
            double span = 0;
            for (int i = 0; i < SP_LOSSES; i++) {
                assert_true(o.spent_s[s][k][i] >= -1e-6 * whole);
                span += o.spent_s[s][k][i];
                by_loss[i] += o.spent_s[s][k][i];
            }
            assert_float_equal(span / (whole / SPANS), 1, 1e-6);
        }
        for (int i = 0; i < SP_LOSSES; i++) assert_float_equal(by_loss[i] / whole, o.run[s].share[i], 1e-6);
    }
}

/* The log tells the counts of the history. */
static int64_t count(sqlite3 *db, const char *what, uint64_t seed)
{
    char sql[160];
    sqlite3_stmt *get;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE what = '%s' AND seed = %llu", what, (unsigned long long)seed);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &get, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(get), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(get, 0);
    sqlite3_finalize(get);
    return n;
}

static void the_log_has_what_the_history_counts(void **state)
{
    (void)state;
    static outcome o;
    sp_error err = {0};
    sqlite3 *db;
    assert_int_equal(run_into(path_of("plain.db"), 1, &o, NULL, &err), SP_OK);
    assert_int_equal(sqlite3_open_v2(path_of("plain.db"), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    uint64_t thrown_out = 0;
    for (uint32_t s = 0; s < SEEDS; s++) {
        const sp_history *h = &o.run[s];
        assert_int_equal(count(db, "start", 5 + s), h->placements);
        assert_int_equal(count(db, "done", 5 + s), h->jobs_done);
        assert_int_equal(count(db, "replace", 5 + s), h->replaced);
        assert_int_equal(count(db, "requeue", 5 + s), h->requeued);
        assert_int_equal(count(db, "shrink", 5 + s), h->shrunk);
        assert_int_equal(count(db, "grow", 5 + s), h->grown);
        assert_int_equal(count(db, "restart", 5 + s) + h->replaced + h->shrunk + h->replanned + h->requeued, h->interruptions);
        assert_int_equal(count(db, "spare", 5 + s), h->swapped);
        assert_true(h->replaced > 0 && h->swapped > 0 && count(db, "repair", 5 + s) > 0);
        thrown_out += h->requeued;
    }
    assert_true(thrown_out > 0);
    sqlite3_close(db);
}

/* ---- killing ----------------------------------------------------------------------------------------------------------------- */

/* true: it came to its end. */
static bool child_run(const char *path, double kill_after_s)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static outcome o;
        sp_error err = {0};
        _exit(run_into(path, 1, &o, NULL, &err) == SP_OK ? 0 : 1);
    }
    if (kill_after_s >= 0) {
        struct timespec pause = {(time_t)kill_after_s, (long)(1e9 * (kill_after_s - floor(kill_after_s)))};
        nanosleep(&pause, NULL);
        kill(pid, SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);   /* never an error */
    return WIFEXITED(status);
}

static void killed_at_100_random_points(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(20, 7);
    double begin = now_s();
    assert_true(child_run(path_of("whole.db"), -1));
    double took = now_s() - begin;
    sum whole = sum_of(path_of("whole.db"));
    uint32_t kills = 0, stores = 0, partly = 0;
    while (kills < 100) {
        char name[32];
        snprintf(name, sizeof name, "killed-%u.db", stores++);
        for (int tries = 0; tries < 3 && !child_run(path_of(name), sp_rng_unit(&rng) * took); tries++) {   /* at most three times on one store */
            struct stat info;
            kills++;
            partly += stat(path_of(name), &info) == 0 && info.st_size > 60000;   /* some events were in it: the empty tables take 40 kB */
        }
        assert_true(child_run(path_of(name), -1));
        sum s = sum_of(path_of(name));
        if (s.hash != whole.hash || s.rows != whole.rows) fail_msg("%s: %llu rows, whole %llu", name, (unsigned long long)s.rows, (unsigned long long)whole.rows);
        unlink(path_of(name));
    }
    print_message("%u kills on %u stores, %u of them with events written; each store then the same as of a run that nobody stopped: %llu rows\n", kills, stores, partly,
                  (unsigned long long)whole.rows);
    assert_true(partly > 10);
}

/* ---- refusing ---------------------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static char *read_file(const char *path, size_t *n)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    char *bytes = malloc((size_t)info.st_size);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, (size_t)info.st_size, file), info.st_size);
    fclose(file);
    *n = (size_t)info.st_size;
    return bytes;
}

static void change(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void refused(const char *path, sp_status status, const char *says)
{
    static outcome o;
    sp_error err = {0};
    assert_int_equal(run_into(path, 1, &o, NULL, &err), status);
    if (strstr(err.text, says) == NULL) fail_msg("found '%s', expected '%s'", err.text, says);
    assert_string_equal(err.file, path);
}

static void other_stores_are_refused(void **state)
{
    (void)state;
    static outcome o;
    size_t n;
    sp_error err = {0};
    sp_store *store;
    assert_int_equal(run_into(path_of("good.db"), 1, &o, NULL, &err), SP_OK);
    char *good = read_file(path_of("good.db"), &n);
    const char *bad = path_of("bad.db");
    for (size_t part = 1; part < 16; part++) {   /* cut short, at pages and inside them */
        write_file(bad, good, n * part / 16 + part % 3);
        refused(bad, SP_E_PARSE, "damaged or cut short");
    }
    write_file(bad, good, 100);
    refused(bad, SP_E_PARSE, "damaged or cut short");
    write_file(bad, "jobs,submit\n1,2\n", 16);
    refused(bad, SP_E_PARSE, "is no store");
    char *scratch = malloc(n);
    memcpy(scratch, good, n);
    memset(scratch + n / 2, 0x5a, 4096);         /* overwritten */
    write_file(bad, scratch, n);
    refused(bad, SP_E_PARSE, "damaged");
    free(scratch);
    static const struct { const char *sql, *says; sp_status status; } changed[] = {
        {"PRAGMA application_id = 7", "another program", SP_E_PARSE}, {"PRAGMA user_version = 99", "store of format 99; this superpod reads format 4", SP_E_PARSE},
        {"UPDATE meta SET value = '0.0.9' WHERE name = 'version'", "written by superpod 0.0.9", SP_E_PARSE},
        {"UPDATE meta SET value = 'an idle pod' WHERE name = 'run'", "holds runs of 'an idle pod'; asked for is 'a busy pod'", SP_E_INVAL},
        {"DELETE FROM run WHERE seed = 6; DELETE FROM spent WHERE seed = 6; UPDATE event SET at_us = at_us + 1 WHERE seed = 6 AND number = 700", "event 700 of seed 6", SP_E_INVAL},
        {"DELETE FROM run WHERE seed = 6; DELETE FROM spent WHERE seed = 6; INSERT INTO event SELECT 6, max(number) + 1, 1, 1, 1, 1, 1, 1 FROM event WHERE seed = 6",
         "more events of seed 6", SP_E_INVAL},
        {"DELETE FROM spent WHERE seed = 6 AND span = 3", "damaged", SP_E_PARSE}};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        write_file(bad, good, n);
        change(bad, changed[i].sql);
        refused(bad, changed[i].status, changed[i].says);
    }
    assert_int_equal(sp_store_open(folder, KEY, &failures, SPANS, &store, &err), SP_E_IO);
    assert_non_null(strstr(err.text, "is a folder"));
    assert_int_equal(sp_store_open("/nowhere/at/all.db", KEY, &failures, SPANS, &store, &err), SP_E_IO);
    free(good);
}

static int set_up(void **state)
{
    (void)state;
    sp_error err = {0};
    arena = sp_arena_create();
    strcpy(folder, access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm/superpod-store-XXXXXX" : "/tmp/superpod-store-XXXXXX");
    if (mkdtemp(folder) == NULL || sp_catalog_open("catalog", &catalog, &err) != SP_OK || sp_failures_load("catalog/failures/llama3.yaml", arena, &failures, &err) != SP_OK)
        return -1;
    const sp_machine *machine;
    if (sp_catalog_machine(catalog, "atlas-950-superpod-1024", &machine, &err) != SP_OK) return -1;
    op = sp_operation_default(machine);
    op.failures = &failures;
    op.fail_scale = 60;
    op.horizon_s = 40 * 86400;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"plain.db", "threads.db", "whole.db", "good.db", "bad.db"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(path_of(names[i]));
    rmdir(folder);
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(watching_changes_nothing), cmocka_unit_test(spans_sum_to_the_whole),
                                       cmocka_unit_test(the_log_has_what_the_history_counts), cmocka_unit_test(killed_at_100_random_points),
                                       cmocka_unit_test(other_stores_are_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
