/* Useful tokens a day in closed form against the simulation of operate, and their laws: no failures leave all, more of them leave less, quicker
 * checkpoints and restarts leave more. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/study.h"
#include "superpod/topo.h"

static sp_catalog *catalog;
static sp_arena *arena;
static const sp_model *model;
static sp_failures llama3, rsc;

static const sp_machine *machine_of(const char *text)
{
    const sp_machine *machine;
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &machine, &err) != SP_OK) fail_msg("%s", err.text);
    return machine;
}

static sp_plan plan_of(const char *words)
{
    sp_plan plan = sp_plan_default();
    sp_error err = {0};
    if (sp_plan_parse(words, arena, &plan, &err) != SP_OK) fail_msg("%s", err.text);
    return plan;
}

static sp_goodput goodput_of(const sp_machine *machine, const sp_plan *plan, const sp_failures *failures, const sp_goodput_query *query)
{
    sp_goodput g;
    sp_error err = {0};
    if (sp_study_goodput(machine, model, plan, failures, query, &g, &err) != SP_OK) fail_msg("%s", err.text);
    return g;
}

/* A training that holds most of the machine, the rest stands by. */
static void equals_the_simulation(void **state)
{
    (void)state;
    enum { SEEDS = 12 };
    static const struct { const char *machine, *plan; const sp_failures *failures; double scale; } set[] = {
        {"atlas-950-superpod", "tp=1 dp=7936 gbs=7936 seq=8192 zero=3", &llama3, 1}, {"atlas-950-superpod", "tp=1 dp=7936 gbs=7936 seq=8192 zero=3", &rsc, 2},
        {"dgx-h100:256", "tp=8 dp=240 gbs=240 seq=8192 zero=1", &llama3, 8}, {"gb300-nvl72:16", "tp=1 dp=1024 gbs=1024 seq=8192 zero=3", &rsc, 4}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        const sp_machine *machine = machine_of(set[i].machine);
        sp_plan plan = plan_of(set[i].plan);
        sp_goodput_query query = sp_goodput_query_default(machine);
        query.fail_scale = set[i].scale;
        sp_goodput g = goodput_of(machine, &plan, set[i].failures, &query);
        sp_job_kind kind;
        sp_error err = {0};
        if (sp_job_kind_make(machine, model, &plan, query.place, query.background, -1, &kind, &err) != SP_OK) fail_msg("%s", err.text);
        sp_operation op = sp_operation_default(machine);
        op.failures = set[i].failures;
        op.fail_scale = set[i].scale;
        op.kind = &kind;
        op.n_kinds = 1;
        sp_jobs jobs = {0};
        assert_int_equal(sp_jobs_add_kind(&jobs, &kind, 1, 1, 0, op.horizon_s, NULL), SP_OK);
        sp_history h[SEEDS];
        double ettr[SEEDS], stops[SEEDS], mean, half, stop_mean, stop_half;
        assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, SEEDS, 2, h, NULL), SP_OK);
        for (int s = 0; s < SEEDS; s++) {
            ettr[s] = h[s].ettr;
            stops[s] = h[s].mttf_s;
            assert_int_equal(h[s].requeued, 0);
        }
        sp_cluster_mean(ettr, SEEDS, &mean, &half);
        sp_cluster_mean(stops, SEEDS, &stop_mean, &stop_half);
        print_message("%-18s %s: a stop every %.2f h, simulated %.2f +- %.2f; left %.2f %%, simulated %.2f +- %.2f %%\n", set[i].machine, set[i].failures->name, g.mtbf_s / 3600,
                      stop_mean / 3600, stop_half / 3600, 100 * g.ettr / 0.999, 100 * mean, 100 * half);
        assert_true(fabs(stop_mean - g.mtbf_s) < 2 * stop_half + 0.02 * g.mtbf_s);   /* parts that are down do not fail again */
        assert_true(fabs(mean - g.ettr / 0.999) < 2 * half + 0.003);
        assert_true(kind.checkpoint_s == g.checkpoint_s);
        sp_jobs_free(&jobs);
        sp_job_kind_release(&kind);
    }
}

static void laws(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod");
    sp_plan plan = plan_of("tp=1 dp=7936 gbs=7936 seq=8192 zero=3");
    sp_goodput_query query = sp_goodput_query_default(machine), quick = query;
    sp_goodput none = goodput_of(machine, &plan, NULL, &query), some = goodput_of(machine, &plan, &llama3, &query);
    assert_true(none.ettr == 1 && isinf(none.mtbf_s) && none.standby_chips == 0);
    assert_true(some.ettr < 1 && some.ettr > 0.9);
    double last = 1;
    for (query.fail_scale = 0.25; query.fail_scale < 40; query.fail_scale *= 3) {
        sp_goodput g = goodput_of(machine, &plan, &llama3, &query);
        assert_true(g.ettr < last);
        assert_float_equal(g.mtbf_s * query.fail_scale / some.mtbf_s, 1, 1e-12);
        last = g.ettr;
    }
    quick.restart_s = quick.swap_s = 1;
    assert_true(goodput_of(machine, &plan, &llama3, &quick).ettr > some.ettr);
    quick.place = SP_CKPT_PEER;
    quick.background = true;
    assert_true(goodput_of(machine, &plan, &llama3, &quick).checkpoint_s < some.checkpoint_s);
    sp_error err = {0};
    sp_goodput g;
    plan.tp = 3;
    assert_int_equal(sp_study_goodput(machine, model, &plan, &llama3, &query, &g, &err), SP_E_INVAL);
}

static int set_up(void **state)
{
    (void)state;
    const char *path;
    sp_error err = {0};
    arena = sp_arena_create();
    bool good = sp_catalog_open("catalog", &catalog, &err) == SP_OK && sp_catalog_model_path(catalog, "llama3-8b", &path, &err) == SP_OK
                && sp_model_load(path, NULL, arena, &model, &err) == SP_OK && sp_failures_load("catalog/failures/llama3.yaml", arena, &llama3, &err) == SP_OK
                && sp_failures_load("catalog/failures/rsc-1.yaml", arena, &rsc, &err) == SP_OK;
    if (!good) fprintf(stderr, "%s\n", err.text);
    return good ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_simulation), cmocka_unit_test(laws)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
