/* Jobs given as a model and a plan: step, state and checkpoints are the predictor's, tokens follow from the useful time, threads that share
 * a judge change nothing. */
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
#include "superpod/predict.h"
#include "superpod/topo.h"

static sp_catalog *catalog;
static sp_arena *arena;
static const sp_machine *machine;
static const sp_model *model;
static sp_plan plan;
static sp_job_kind kind;
static sp_failures hosts = {.n = 1, .row = {{.name = "host", .unit = SP_FAIL_HOST, .rate_per_s = {.nominal = 6.5 / 1000 / 86400}, .shape = 1}}};

static sp_operation operation_of(double horizon_s)
{
    sp_operation op = sp_operation_default(machine);
    op.kind = &kind;
    op.n_kinds = 1;
    op.horizon_s = horizon_s;
    return op;
}

static sp_jobs one_job(uint32_t count, double steps, double span_s)
{
    sp_jobs jobs = {0};
    assert_int_equal(sp_jobs_add_kind(&jobs, &kind, 1, count, steps, span_s, NULL), SP_OK);
    return jobs;
}

static void a_kind_is_what_is_predicted(void **state)
{
    (void)state;
    sp_train_report report;
    sp_ckpt ckpt;
    sp_model_params params;
    assert_int_equal(sp_predict_train(machine, model, &plan, true, arena, &report, NULL, NULL), SP_OK);
    assert_int_equal(kind.chips, 1024);
    assert_true(kind.step_time_s == report.step_time_s);   /* the job fills the machine: its ideal placement */
    assert_true(kind.mem_bytes_max == report.mem_bytes_max && kind.tokens_per_step == 512.0 * 8192);
    sp_model_count(model, &params);
    assert_float_equal(kind.ckpt.state_bytes * kind.chips / (12 * params.total), 1, 0.35);   /* of the stage with most, sharded over all: 12 B a parameter */
    assert_int_equal(sp_ckpt_cost(machine, SP_CKPT_STORAGE, false, kind.ckpt.state_bytes, 0, &ckpt, NULL), SP_OK);
    assert_true(kind.checkpoint_s == sp_ckpt_stall_s(&ckpt) && kind.drain_s == 0);
}

static void healthy_tokens_are_the_steps(void **state)
{
    (void)state;
    sp_operation op = operation_of(86400);
    sp_history h;
    sp_job_kind free_of_cost = kind;
    free_of_cost.checkpoint_s = 0;
    op.kind = &free_of_cost;
    sp_jobs jobs = one_job(1, 0, op.horizon_s);
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, NULL), SP_OK);
    assert_float_equal(h.tokens_per_day / (86400 / kind.step_time_s * kind.tokens_per_step), 1, 1e-9);
    sp_jobs_free(&jobs);
    jobs = one_job(1, 1000, op.horizon_s);   /* and it ends when its steps are done */
    op.horizon_s = 2000 * kind.step_time_s;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, NULL), SP_OK);
    assert_float_equal(h.tokens_per_day * (op.horizon_s / 86400) / (1000 * kind.tokens_per_step), 1, 1e-9);
    assert_int_equal(h.jobs_done, 1);
    sp_jobs_free(&jobs);
}

/* Closed form with the job's own checkpoint, whatever the operation's is. */
static void ettr_has_its_own_checkpoint(void **state)
{
    (void)state;
    enum { SEEDS = 16 };
    sp_history h[SEEDS];
    double value[SEEDS], tokens[SEEDS], mean, half, healthy = 86400 / kind.step_time_s * kind.tokens_per_step;
    sp_operation op = operation_of(SP_YEAR_S / 2);
    op.failures = &hosts;
    op.checkpoint_s = 500;   /* not this */
    op.detect_s = 20;
    op.swap_s = 40;
    op.fail_scale = 10;
    sp_jobs jobs = one_job(1, 0, op.horizon_s);
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, SEEDS, 2, h, NULL), SP_OK);
    for (int s = 0; s < SEEDS; s++) {
        value[s] = h[s].ettr;
        tokens[s] = h[s].tokens_per_day / healthy;
        assert_float_equal(tokens[s], h[s].goodput * (1024 + 16) / 1024, 1e-9);   /* 16 racks with a spare each are installed */
    }
    sp_cluster_mean(value, SEEDS, &mean, &half);
    double m = 86400 / (128 * 6.5 / 1000) / 10, closed = sp_cluster_ettr(m, sp_cluster_interval(m, kind.checkpoint_s), kind.checkpoint_s, 60 + kind.ckpt.read_s);
    print_message("checkpoint %.2f s: simulated ETTR %.3f +- %.3f %%, closed form %.3f %%\n", kind.checkpoint_s, 100 * mean, 100 * half, 100 * closed);
    assert_true(half < 0.002 && fabs(mean - closed) < 2 * half);
    sp_cluster_mean(tokens, SEEDS, &mean, &half);
    assert_true(fabs(mean - closed) < 2 * half);
    sp_jobs_free(&jobs);
}

/* Half the pod each, whose hosts go out for good: they are replaced from elsewhere, and a placement that is not the ideal one is never faster. */
static void threads_share_a_judge(void **state)
{
    (void)state;
    sp_plan half_plan = plan;
    half_plan.dp = plan.dp / 2;
    half_plan.gbs = plan.gbs / 2;
    sp_job_kind two[2] = {kind};
    sp_error err = {0};
    sp_failures broken = hosts;
    broken.row[0].down = true;
    broken.row[0].repair_s = sp_value_of(86400, SP_GRADE_GUESS, "");
    sp_operation op = operation_of(SP_YEAR_S / 4);
    if (sp_job_kind_make(machine, model, &half_plan, SP_CKPT_PEER, true, -1, &two[1], &err) != SP_OK) fail_msg("%s", err.text);
    assert_true(two[1].chips == 512 && two[1].checkpoint_s < kind.checkpoint_s);
    op.kind = two;
    op.n_kinds = 2;
    op.failures = &broken;
    op.fail_scale = 20;
    sp_jobs jobs = {0};
    assert_int_equal(sp_jobs_add_kind(&jobs, &two[1], 2, 1, 0, op.horizon_s, NULL), SP_OK);
    sp_history a[4], b[4];
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, 4, 1, a, NULL), SP_OK);
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, 4, 4, b, NULL), SP_OK);
    assert_memory_equal(a, b, sizeof a);
    uint64_t hits, misses;
    sp_job_kind_counts(&two[1], &hits, &misses);
    assert_true(misses >= 2 && hits > misses);
    for (int s = 0; s < 4; s++) assert_true(a[s].replaced > 0 && a[s].share[SP_LOSS_SLOWDOWN] > 0 && a[s].tokens_per_day > 0);
    print_message("%llu placements judged, %llu priced; slowed by %.2f %%\n", (unsigned long long)(hits + misses), (unsigned long long)misses,
                  100 * a[0].share[SP_LOSS_SLOWDOWN] / a[0].share[SP_LOSS_USEFUL]);
    sp_jobs_free(&jobs);
    sp_job_kind_release(&two[1]);
}

/* ---- tables --------------------------------------------------------------------------------------------------------------------- */

static sp_status find(void *context, const char *name, const char *words, uint32_t chips, uint32_t *number, sp_job_kind *out, sp_error *err)
{
    (void)context;
    if (strcmp(name, "llama3-8b") != 0) return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "no such model");
    assert_true(strcmp(words, "tp=1 dp=1024") == 0 || words[0] == '\0');
    assert_true(chips == 0 || chips == 1024);
    *number = 1;
    *out = kind;
    return SP_OK;
}

static void tables_with_models(void **state)
{
    (void)state;
    static const char text[] = "submit,run,chips,model,plan,steps,tokens,id\n"
                               "0,,,llama3-8b,tp=1 dp=1024,100,,1\n10,,1024,llama3-8b,,,4194304000,2\n20,3600,1024,llama3-8b,,,,3\n30,60,8,,,,,4\n";
    static const struct { const char *text, *says; sp_status status; } bad[] = {
        {"submit,model\n0,gpt-9\n", "model 'gpt-9': no such model", SP_E_NOTFOUND}, {"submit,model\n0,llama3-8b\n", "without steps, tokens or run", SP_E_INVAL},
        {"submit,chips\n0,8\n", "no column 'run'", SP_E_PARSE}, {"submit,model,chips,steps\n0,llama3-8b,1.5,1\n", "1.5 chips", SP_E_RANGE}};
    sp_kind_source source = {.find = find};
    sp_jobs jobs;
    sp_error err = {0};
    if (sp_jobs_parse_csv(text, strlen(text), "t", NULL, 1024, &source, &jobs, &err) != SP_OK) fail_msg("%u: %s", err.line, err.text);
    assert_true(jobs.n == 4 && jobs.repaired == 0 && jobs.skipped == 0);
    int64_t step_us = (int64_t)llround(1e6 * kind.step_time_s);
    assert_true(llabs(jobs.job[0].work_us - 100 * step_us) <= 100 && jobs.job[0].kind == 1 && jobs.job[0].chips == 1024);
    assert_true(llabs(jobs.job[1].work_us - 1000 * step_us) <= 1000 && jobs.job[1].kind == 1);
    assert_true(jobs.job[2].work_us == INT64_C(3600000000) && jobs.job[2].kind == 1);
    assert_true(jobs.job[3].work_us == 60000000 && jobs.job[3].kind == 0 && jobs.job[3].chips == 8);
    sp_jobs_free(&jobs);
    assert_int_equal(sp_jobs_parse_csv(text, strlen(text), "t", NULL, 1024, NULL, &jobs, &err), SP_E_INVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sp_jobs_parse_csv(bad[i].text, strlen(bad[i].text), "t", NULL, 1024, &source, &jobs, &err), bad[i].status);
        if (strstr(err.text, bad[i].says) == NULL) fail_msg("found '%s', expected '%s'", err.text, bad[i].says);
    }
}

static void faults(void **state)
{
    (void)state;
    sp_error err = {0};
    sp_job_kind none;
    sp_history h;
    sp_plan large = plan;
    large.zero = 0;
    large.mbs = 8;
    large.dp = 64;
    assert_int_equal(sp_job_kind_make(machine, model, &large, SP_CKPT_STORAGE, false, -1, &none, &err), SP_E_UNFIT);
    large = plan;
    large.tp = 3;
    assert_int_equal(sp_job_kind_make(machine, model, &large, SP_CKPT_STORAGE, false, -1, &none, &err), SP_E_INVAL);
    sp_operation op = operation_of(1000);
    sp_jobs jobs = one_job(1, 10, 1000);
    op.n_kinds = 0;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "of kind 1; there are 0"));
    sp_jobs_free(&jobs);
}

static int set_up(void **state)
{
    (void)state;
    const char *path;
    sp_error err = {0};
    arena = sp_arena_create();
    plan = sp_plan_default();
    if (sp_catalog_open("catalog", &catalog, &err) != SP_OK || sp_catalog_machine(catalog, "atlas-950-superpod-1024", &machine, &err) != SP_OK
        || sp_catalog_model_path(catalog, "llama3-8b", &path, &err) != SP_OK || sp_model_load(path, NULL, arena, &model, &err) != SP_OK
        || sp_plan_parse("tp=2 pp=1 dp=512 gbs=512 seq=8192 mbs=1 zero=3", arena, &plan, &err) != SP_OK)
        return -1;
    if (sp_job_kind_make(machine, model, &plan, SP_CKPT_STORAGE, false, -1, &kind, &err) == SP_OK) return 0;
    fprintf(stderr, "%s\n", err.text);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_job_kind_release(&kind);
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_kind_is_what_is_predicted), cmocka_unit_test(healthy_tokens_are_the_steps),
                                       cmocka_unit_test(ettr_has_its_own_checkpoint), cmocka_unit_test(threads_share_a_judge), cmocka_unit_test(tables_with_models),
                                       cmocka_unit_test(faults)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
