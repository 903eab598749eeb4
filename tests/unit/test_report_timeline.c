/* Timelines read back by an independent reader (jansson): a viewer must find every slot once, in order, on its own row. */
#include "report_fixture.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/superpod-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Files left in the folder, which are then removed. */
static uint32_t empty_folder(void)
{
    uint32_t n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            n++;
            unlink(in_folder(entry->d_name));
        }
    closedir(dir);
    return n;
}

static int remove_folder(void **state)
{
    (void)state;
    empty_folder();
    return rmdir(folder);
}

static sp_status write_timeline(const fixture *f, const char *path, uint64_t max_events, sp_error *err)
{
    return sp_report_timeline(path, &f->machine, &f->model, &f->plan, &f->report, max_events, err);
}

static json_t *read_back(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s:%d:%d: %s", path, error.line, error.column, error.text);
    return root;
}

static int64_t ns_of(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    assert_true(json_is_number(value));
    double ns = json_number_value(value) * 1000;
    assert_true(fabs(ns - nearbyint(ns)) < 0.01);   /* three decimals, no more */
    return (int64_t)llround(ns);
}

static uint32_t id_of(const json_t *event, const char *key)
{
    assert_true(json_is_integer(json_object_get(event, key)));
    return (uint32_t)json_integer_value(json_object_get(event, key));
}

static bool is_phase(const json_t *event, const char *phase)
{
    return strcmp(json_string_value(json_object_get(event, "ph")), phase) == 0;
}

typedef struct seen { int64_t last_ns, clock_ns[64][SP_STREAMS_MAX], busy_ns[64]; uint64_t slots, names; bool stage[64]; } seen;

/* Sorted by time over the file, and on each row a slot begins only when the one before has ended. */
static void take_slot(seen *s, const json_t *event)
{
    uint32_t pid = id_of(event, "pid"), tid = id_of(event, "tid");
    int64_t start = ns_of(event, "ts"), length = ns_of(event, "dur");
    assert_true(pid < 64 && tid < SP_STREAMS_MAX && length >= 0 && start >= s->last_ns);
    assert_true(start >= s->clock_ns[pid][tid]);
    s->last_ns = start;
    s->clock_ns[pid][tid] = start + length;
    s->stage[pid] = true;
    s->slots++;
    if (tid == 0)
        s->busy_ns[pid] += length;
}

static void take_all(seen *s, const json_t *root)
{
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
    {
        if (is_phase(event, "X"))
            take_slot(s, event);
        else {
            assert_true(is_phase(event, "M"));
            s->names++;
        }
    }
}

static void every_slot_once_and_in_order(void **state)
{
    (void)state;
    enum { STAGES = 5, MICRO_BATCHES = 11 };
    fixture *f = fixture_make(STAGES, MICRO_BATCHES);
    assert_int_equal(write_timeline(f, in_folder("a.json"), 0, NULL), SP_OK);
    json_t *root = read_back(in_folder("a.json"));
    seen *s = calloc(1, sizeof *s);
    take_all(s, root);
    /* forward, backward, two hand-overs each a micro-batch; one reduction, one optimizer: parts are not told apart */
    assert_int_equal(s->slots, STAGES * (4 * MICRO_BATCHES + 2));
    assert_int_equal(s->names, STAGES * 2 * (1 + 4));
    for (uint32_t stage = 0; stage < STAGES; stage++) {
        double exact_ns = 0;
        for (uint32_t i = 0; i < f->report.run.n_spans; i++)
            if (f->report.run.spans[i].at.rank == stage && f->report.run.spans[i].stream == 0)
                exact_ns += (double)(f->report.run.spans[i].end_ps - f->report.run.spans[i].start_ps) / 1000;
        assert_true(fabs((double)s->busy_ns[stage] - exact_ns) <= 2 * MICRO_BATCHES + 1);
        assert_true(s->clock_ns[stage][0] <= f->report.run.end_ps / 1000);
    }
    int64_t latest = 0;
    for (uint32_t stage = 0; stage < STAGES; stage++)
        latest = s->clock_ns[stage][0] > latest ? s->clock_ns[stage][0] : latest;
    assert_int_equal(latest, f->report.run.end_ps / 1000);
    assert_int_equal(empty_folder(), 1);
    free(s);
    json_decref(root);
    fixture_free(f);
}

static void rows_have_names(void **state)
{
    (void)state;
    fixture *f = fixture_make(3, 4);
    assert_int_equal(write_timeline(f, in_folder("a.json"), 0, NULL), SP_OK);
    json_t *root = read_back(in_folder("a.json")), *event;
    size_t i;
    const char *process = NULL, *thread[4] = {NULL};
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
    {
        const char *name = json_string_value(json_object_get(json_object_get(event, "args"), "name"));
        if (!is_phase(event, "M") || !name || id_of(event, "pid") != 1)
            continue;
        if (strcmp(json_string_value(json_object_get(event, "name")), "process_name") == 0)
            process = name;
        else
            thread[id_of(event, "tid")] = name;
    }
    assert_non_null(process);
    assert_memory_equal(process, "stage 1 (layers ", 16);
    assert_string_equal(thread[0], "compute");
    assert_string_equal(thread[1], "pp after forward");
    assert_string_equal(thread[2], "pp after backward");
    assert_string_equal(thread[3], "dp reduce");
    const char *machine = json_string_value(json_object_get(json_object_get(root, "otherData"), "machine"));
    assert_string_equal(machine, f->machine.title);
    json_decref(root);
    fixture_free(f);
    empty_folder();
}

/* Positions of an interleaved pipeline of 2 stages x 2 chunks, against the order written out by hand from figure 4 of
 * Narayanan et al. 2021: groups of as many micro-batches as stages go through chunk 0, then chunk 1, then the next group. */
static void positions_become_micro_batches(void **state)
{
    (void)state;
    static const uint32_t forward[8][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {2, 0}, {3, 0}, {2, 1}, {3, 1}};
    static const uint32_t backward[8][2] = {{0, 1}, {1, 1}, {0, 0}, {1, 0}, {2, 1}, {3, 1}, {2, 0}, {3, 0}};
    static const double cost_s[] = {1e-3};
    fixture *f = fixture_make(2, 4);
    f->plan.vpp = 2;
    sp_builder *b = sp_builder_create(f->arena, "two", 2, 0);
    sp_task_class slot = {.label = "forward", .kind = SP_TASK_COMPUTE, .n_step = 8, .n_mb = 1, .n_chunk = 1, .cost_s = cost_s};
    add_class(b, slot);
    slot.label = "backward", slot.stream = 1;
    add_class(b, slot);
    assert_int_equal(sp_builder_freeze(b, &f->report.program, NULL), SP_OK);
    assert_int_equal(sp_fabric_event(f->report.program, f->arena, &f->report.run, NULL), SP_OK);
    assert_int_equal(write_timeline(f, in_folder("a.json"), 0, NULL), SP_OK);
    json_t *root = read_back(in_folder("a.json")), *event;
    size_t i;
    uint32_t next[2][2] = {{0}};
    json_array_foreach(json_object_get(root, "traceEvents"), i, event)
    {
        if (!is_phase(event, "X"))
            continue;
        uint32_t tid = id_of(event, "tid"), k = next[id_of(event, "pid")][tid]++;
        const uint32_t *want = tid == 0 ? forward[k] : backward[k];
        const json_t *args = json_object_get(event, "args");
        assert_int_equal(id_of(args, "micro_batch"), want[0]);
        assert_int_equal(id_of(args, "chunk"), want[1]);
    }
    for (uint32_t k = 0; k < 4; k++)
        assert_int_equal(next[k / 2][k % 2], 8);
    json_decref(root);
    fixture_free(f);
    empty_folder();
}

static void a_limit_leaves_out_the_middle(void **state)
{
    (void)state;
    fixture *f = fixture_make(16, 6);
    uint64_t a_stage = 4 * 6 + 2 + 2 * (1 + 4);
    assert_int_equal(write_timeline(f, in_folder("a.json"), 5 * a_stage + 7, NULL), SP_OK);
    json_t *root = read_back(in_folder("a.json"));
    seen *s = calloc(1, sizeof *s);
    take_all(s, root);
    assert_int_equal(s->slots + s->names, 5 * a_stage);
    for (uint32_t stage = 0; stage < 16; stage++)
        assert_int_equal(s->stage[stage], stage < 3 || stage >= 14);
    const char *note = json_string_value(json_object_get(json_object_get(root, "otherData"), "stages_left_out"));
    assert_non_null(strstr(note, "11 of 16: stages 3 to 13"));
    json_decref(root);
    empty_folder();
    sp_error err;
    assert_int_equal(write_timeline(f, in_folder("b.json"), a_stage - 1, &err), SP_E_RANGE);
    assert_non_null(strstr(err.text, "allow at least"));
    assert_int_equal(empty_folder(), 0);
    free(s);
    fixture_free(f);
}

static void same_bytes_twice(void **state)
{
    (void)state;
    fixture *f = fixture_make(4, 8);
    char *text[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write_timeline(f, in_folder("a.json"), 0, NULL), SP_OK);
        json_t *root = read_back(in_folder("a.json"));
        text[i] = json_dumps(root, JSON_SORT_KEYS);
        json_decref(root);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
    fixture_free(f);
    empty_folder();
}

/* ---- places that cannot be written ----------------------------------------------------------------------------------- */

static void refused(const fixture *f, const char *path, const char *why)
{
    sp_error err = {0};
    assert_int_equal(write_timeline(f, path, 0, &err), SP_E_IO);
    assert_string_equal(err.file, path);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void unwritable_places(void **state)
{
    (void)state;
    fixture *f = fixture_make(2, 3);
    refused(f, "/tmp/superpod-no-such-folder/a.json", "create the folder");
    refused(f, folder, "not of a folder");
    if (access("/dev/full", W_OK) == 0)
        refused(f, "/dev/full", "free some space");
    assert_int_equal(empty_folder(), 0);
    fixture_free(f);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    fixture *f = fixture_make(16, 40);   /* about 400 kB */
    FILE *old = fopen(in_folder("a.json"), "w");
    fputs("old", old);
    fclose(old);
    struct rlimit before, little = {65536, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    sp_error err = {0};
    sp_status status = write_timeline(f, in_folder("a.json"), 0, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, SP_E_IO);
    char text[8] = "";
    old = fopen(in_folder("a.json"), "r");
    assert_non_null(fgets(text, sizeof text, old));
    fclose(old);
    assert_string_equal(text, "old");
    assert_int_equal(empty_folder(), 1);
    fixture_free(f);
}

static void a_link_stays_a_link(void **state)
{
    (void)state;
    fixture *f = fixture_make(2, 3);
    char real[400];
    snprintf(real, sizeof real, "%s", in_folder("real.json"));
    fclose(fopen(real, "w"));
    assert_int_equal(symlink(real, in_folder("link.json")), 0);
    assert_int_equal(write_timeline(f, in_folder("link.json"), 0, NULL), SP_OK);
    struct stat info;
    assert_int_equal(lstat(in_folder("link.json"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    json_decref(read_back(real));
    assert_int_equal(write_timeline(f, "/dev/null", 0, NULL), SP_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    fixture_free(f);
    empty_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_once_and_in_order), cmocka_unit_test(rows_have_names),
        cmocka_unit_test(positions_become_micro_batches), cmocka_unit_test(a_limit_leaves_out_the_middle),
        cmocka_unit_test(same_bytes_twice), cmocka_unit_test(unwritable_places),
        cmocka_unit_test(a_full_disk_leaves_the_old_file), cmocka_unit_test(a_link_stays_a_link),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
