/* Readers and generators of jobs: repairs are counted and worded, faults point at the place, shapes are the published ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"

static sp_status swf(const char *text, sp_jobs *jobs, sp_error *err)
{
    *err = (sp_error){0};
    return sp_jobs_parse_swf(text, strlen(text), "log", 1024, jobs, err);
}

static void swf_by_hand(void **state)
{
    (void)state;
    sp_jobs jobs;
    sp_error err;
    assert_int_equal(swf("; Version: 2.2\n\n 7 100 -1 50 8 -1 -1 16 60 -1 1 1 1 -1 1 1 -1 -1\r\n8 40 3 20.5 4\n", &jobs, &err), SP_OK);
    assert_int_equal(jobs.n, 2);
    assert_true(jobs.job[0].id == 8 && jobs.job[0].submit_us == 0 && jobs.job[0].work_us == 20500000 && jobs.job[0].estimate_us == 20500000 && jobs.job[0].chips == 4);
    assert_true(jobs.job[1].id == 7 && jobs.job[1].submit_us == 60000000 && jobs.job[1].estimate_us == 60000000 && jobs.job[1].chips == 16);
    assert_true(jobs.repaired == 1 && jobs.skipped == 0);
    assert_non_null(strstr(jobs.note, "line 4"));
    sp_jobs_free(&jobs);
}

/* As NASA's file: every request is -1. As LCG's: fields left away. Cancelled jobs have neither size nor time. */
static void swf_is_lenient(void **state)
{
    (void)state;
    sp_jobs jobs;
    sp_error err;
    assert_int_equal(swf("1 0 -1 1451 128 -1 -1 -1 -1 -1 -1 1 1 1 -1 -1 -1 -1\n2 1 -1 0 -1 -1 -1 4 -1\n3 1 -1 9 2 -1 -1 2 5\n4 -7 -1 -1 2 -1 -1 2 5\n", &jobs, &err), SP_OK);
    assert_true(jobs.n == 3 && jobs.repaired == 3 && jobs.skipped == 1);
    assert_true(jobs.job[0].chips == 128 && jobs.job[0].id == 1 && jobs.job[0].estimate_us == 1451000000);
    assert_true(jobs.job[1].work_us == 5000000);                                          /* the request stands in for the run time */
    assert_true(jobs.job[2].work_us == 9000000 && jobs.job[2].estimate_us == 9000000);   /* ran over its request */
    sp_jobs_free(&jobs);
    /* A job in two parts (status 2 and 3) and its summary, as checkpointed jobs stand in logs; its user. */
    assert_int_equal(swf("5 0 -1 10 8 -1 -1 8 50 -1 1 42\n5 0 -1 4 8 -1 -1 8 50 -1 2 42\n5 9 -1 6 8 -1 -1 8 50 -1 3 42\n", &jobs, &err), SP_OK);
    assert_true(jobs.n == 1 && jobs.skipped == 2 && jobs.job[0].user == 42 && jobs.job[0].work_us == 10000000);
    sp_jobs_free(&jobs);
}

static void swf_faults(void **state)
{
    (void)state;
    static const struct { const char *text, *says; sp_status status; uint32_t line, column; } bad[] = {
        {"1 0 -1 5 8\n2 0 -1 five 8\n", "found 'five' as field 4", SP_E_PARSE, 2, 8}, {"1 2 3\n", "found 3 fields", SP_E_PARSE, 1, 0},
        {"1 0 -1 5 2000\n", "a job of 2000 chips", SP_E_RANGE, 1, 0},                   {"1 0 -1 0x10 8\n", "found '0x10", SP_E_PARSE, 1, 8},
        {"1 0 -1 inf 8\n", "found 'inf", SP_E_PARSE, 1, 8},                              {"1 0 -1 1e300 8\n", "a time of 1e+300 s", SP_E_RANGE, 1, 0},
        {"1 0 -1 5 2.5\n", "a job of 2.5 chips", SP_E_RANGE, 1, 0},                      {"; nothing\n", "no job in it", SP_E_PARSE, 0, 0},
        {"7 0 -1 5 8\n8 0 -1 5 8\n7 9 -1 5 8\n", "job 7 stands in line 1 too", SP_E_INVAL, 3, 0},
        {"", "no job in it", SP_E_PARSE, 0, 0},                                          {"1 0 -1 -1 -1\n", "1 records skipped", SP_E_PARSE, 0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sp_jobs jobs = {.n = 77};
        sp_error err;
        assert_int_equal(swf(bad[i].text, &jobs, &err), bad[i].status);
        assert_non_null(strstr(err.text, bad[i].says));
        assert_true(err.line == bad[i].line && err.column == bad[i].column && jobs.n == 77);
    }
}

static void csv_by_map(void **state)
{
    (void)state;
    static const char text[] = "name,\"start, s\",secs,gpus,limit\n\"a \"\"b\"\", c\",30,60,8,\nd,10,5,1,100\n";
    sp_jobs jobs;
    sp_error err;
    assert_int_equal(sp_jobs_parse_csv(text, strlen(text), "t", "run=secs,chips=gpus", 1024, NULL, &jobs, &err), SP_E_PARSE);
    assert_non_null(strstr(err.text, "no column 'submit'"));
    static const char plain[] = "name,start,secs,gpus,limit\n\"a \"\"b\"\", c\",30,60,8,\nd,10,5,1,100\n";
    assert_int_equal(sp_jobs_parse_csv(plain, strlen(plain), "t", "submit=start,run=secs,chips=gpus,estimate=limit", 1024, NULL, &jobs, &err), SP_OK);
    assert_true(jobs.n == 2 && jobs.repaired == 1 && jobs.job[0].estimate_us == 100000000 && jobs.job[1].submit_us == 20000000);
    sp_jobs_free(&jobs);
    assert_int_equal(sp_jobs_parse_csv(plain, strlen(plain), "t", "submit=start,size=gpus", 1024, NULL, &jobs, &err), SP_E_PARSE);
    assert_int_equal(err.column, 14);
    static const char claims[] = "submit,run,chips,who,due,rank\n100,5,1,ann,130,-2\n110,5,1,bob,,7\n120,5,1,ann,90,0\n";
    assert_int_equal(sp_jobs_parse_csv(claims, strlen(claims), "t", "user=who,deadline=due,priority=rank", 1024, NULL, &jobs, &err), SP_OK);
    assert_true(jobs.job[0].user == jobs.job[2].user && jobs.job[0].user != jobs.job[1].user && jobs.job[0].priority == -2 && jobs.job[1].priority == 7);
    assert_true(jobs.job[0].deadline_us == 30000001 && jobs.job[1].deadline_us == 0 && jobs.job[2].deadline_us == 1);   /* missed before it came */
    sp_jobs_free(&jobs);
    static const char half[] = "submit,run,chips,priority\n1,5,8,2.5\n";
    assert_int_equal(sp_jobs_parse_csv(half, strlen(half), "t", NULL, 1024, NULL, &jobs, &err), SP_E_RANGE);
    static const char word[] = "submit,run,chips\n1,x,8\n";
    assert_int_equal(sp_jobs_parse_csv(word, strlen(word), "t", NULL, 1024, NULL, &jobs, &err), SP_E_PARSE);
    assert_true(err.line == 2 && strstr(err.text, "found 'x' in column 2") != NULL);
}

static void csv_faults(void **state)
{
    (void)state;
    static const struct { const char *text; size_t length; const char *says; sp_status status; uint32_t line, column; } bad[] = {
#define TABLE(text) text, sizeof text - 1
        {TABLE("submit,run,submit,chips\n0,5,1,8\n"), "column 'submit' stands twice, as columns 1 and 3", SP_E_PARSE, 1, 12},
        {TABLE("submit,run,chips\n1,5,8\n-5,5,8\n"), "found '-5' in column 1 (submit)", SP_E_RANGE, 3, 1},
        {TABLE("submit,run,chips\n1,-60,8\n"), "found '-60' in column 2 (run)", SP_E_RANGE, 2, 3},
        {TABLE("submit,run,chips\n1,5,\0008\n"), "a NUL byte", SP_E_PARSE, 2, 5}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sp_jobs jobs;
        sp_error err;
        assert_int_equal(sp_jobs_parse_csv(bad[i].text, bad[i].length, "t", NULL, 1024, NULL, &jobs, &err), bad[i].status);
        assert_non_null(strstr(err.text, bad[i].says));
        assert_true(err.line == bad[i].line && err.column == bad[i].column);
    }
    sp_jobs jobs;
    sp_error err;
    static const char unknown[] = "submit,run,chips,estimate\n1,5,8,-1\n";
    assert_int_equal(sp_jobs_parse_csv(unknown, strlen(unknown), "t", NULL, 1024, NULL, &jobs, &err), SP_OK);
    sp_jobs_free(&jobs);
}

/* Load is what was asked for, sizes and run times have the published means; the seed decides all. */
static void generators(void **state)
{
    (void)state;
    static const char *const spec[] = {"philly:load=0.5,jobs=40000", "acme:load=0.7,jobs=40000", "mix:load=0.9,jobs=20000", "pretrain:load=0.8,jobs=20000,run=1d"};
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        sp_jobs a, b;
        assert_int_equal(sp_jobs_generate(spec[i], 524288, SP_YEAR_S, 5, &a, NULL), SP_OK);
        assert_int_equal(sp_jobs_generate(spec[i], 524288, SP_YEAR_S, 5, &b, NULL), SP_OK);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.job, b.job, a.n * sizeof *a.job);
        double asked = 0, single = 0;
        for (uint32_t k = 0; k < a.n; k++) {
            asked += 1e-6 * (double)a.job[k].work_us * a.job[k].chips;
            single += a.job[k].chips == 1;
        }
        if (i == 0) assert_float_equal(single / (double)a.n, 0.93, 0.01);
        if (i < 3) assert_float_equal(asked / (524288 * SP_YEAR_S), i == 0 ? 0.5 : i == 1 ? 0.7 : 0.9, i == 0 ? 0.25 : 0.2);
        sp_jobs_free(&a);
        sp_jobs_free(&b);
    }
}

static void generator_faults(void **state)
{
    (void)state;
    static const struct { const char *spec, *says; } bad[] = {
        {"phily", "did you mean 'philly'"}, {"mix:lod=1", "found 'lod=1'"}, {"mix:load=", "expected load="}, {"mix:load=-1", "negative"}, {"mix:load=0", "load=0"},
        {"mix:jobs=1G", "at most 100 million"}, {"one:chips=2000", "the machine has 1024"}, {"mix:run=1", "unit"}, {"mix:users=2M", "expected 0 to a million"}, {"", "unknown jobs"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sp_jobs jobs;
        sp_error err = {0};
        assert_int_not_equal(sp_jobs_generate(bad[i].spec, 1024, SP_YEAR_S, 1, &jobs, &err), SP_OK);
        if (strstr(err.text, bad[i].says) == NULL) fail_msg("%s: %s", bad[i].spec, err.text);
    }
}

static void failure_files(void **state)
{
    (void)state;
    static const char *const good[] = {"llama3", "rsc-1", "titan", "ub-mesh"};
    sp_arena *arena = sp_arena_create();
    sp_failures f;
    sp_error err;
    for (size_t i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "catalog/failures/%s.yaml", good[i]);
        assert_int_equal(sp_failures_load(path, arena, &f, &err), SP_OK);
        assert_string_equal(f.name, good[i]);
    }
    assert_int_equal(sp_failures_load("catalog/failures/none-such.yaml", arena, &f, &err), SP_E_IO);
    assert_int_not_equal(sp_failures_load("catalog/chips/h100.yaml", arena, &f, &err), SP_OK);
    assert_true(err.line > 0);
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(swf_by_hand), cmocka_unit_test(swf_is_lenient), cmocka_unit_test(swf_faults), cmocka_unit_test(csv_by_map), cmocka_unit_test(csv_faults),
                                       cmocka_unit_test(generators), cmocka_unit_test(generator_faults), cmocka_unit_test(failure_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
