/* Re-planning in a run: a training that loses chips for which nothing stands by goes on with the plan of its table that costs least until they
 * are back, the step and transition times of the table; where waiting costs less, nothing changes by a bit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

static sp_catalog *catalog;
static sp_arena *arena;
static const sp_machine *machine;
static const sp_model *model;
static sp_plan plan;
static sp_job_kind rigid, ready;   /* without a table, and with one */

/* Two racks, all of which the job holds. Llama 3.1 405B with its state shared out over all chips fills 139 of 144 GB a chip: on one rack
 * half the replicas do not fit, and only another plan goes on. */
static sp_operation operation_of(const sp_failures *failures, const sp_job_kind *kind, double days)
{
    sp_operation op = sp_operation_default(machine);
    op.failures = failures;
    op.horizon_s = 86400 * days;
    op.kind = kind;
    op.n_kinds = 1;
    return op;
}

static sp_failures racks_down(double per_year, double repair_s)
{
    return (sp_failures){.n = 1, .row = {{.name = "rack", .unit = SP_FAIL_RACK, .rate_per_s = sp_value_of(per_year / SP_YEAR_S / 2, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                          .repair_s = sp_value_of(repair_s, SP_GRADE_GUESS, "")}}};
}

static sp_jobs one_job(double span_s)
{
    sp_jobs jobs = {0};
    assert_int_equal(sp_jobs_add_kind(&jobs, &rigid, 1, 1, 0, span_s, NULL), SP_OK);
    return jobs;
}

static void sums_to_one(const sp_history *h)
{
    double sum = 0;
    for (int i = 0; i < SP_LOSSES; i++) sum += h->share[i];
    assert_true(sum == 1);
}

/* The cheapest of the table's smaller plans for a rack, by hand: NULL where waiting for the repair costs less. */
static const sp_recovery_row *by_hand(const sp_operation *op, double repair_s)
{
    const sp_recovery_row *best = NULL;
    double least = op->detect_s + repair_s + op->restart_s;   /* waiting; else there, slower, a checkpoint and back */
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++)
        for (int rung = SP_RUNG_SHRINK; rung <= SP_RUNG_REPLAN; rung++) {
            const sp_recovery_row *row = sp_recovery_rung(ready.recovery, (sp_fail_unit)unit, true, SP_ROOM_NONE, (sp_rung)rung);
            double slower = row->speed < 1 ? 1 - row->speed : 0, rest_s = repair_s > row->transition_s ? repair_s - row->transition_s : 0;
            double cost = row->transition_s + slower * rest_s + op->kind->checkpoint_s + (rung == SP_RUNG_REPLAN ? op->restart_s : op->swap_s);
            if (!row->feasible || row->chips > 128 - 64 || cost >= least) continue;
            least = cost;
            best = row;
        }
    return best;
}

/* ---- one failure ------------------------------------------------------------------------------------------------------------- */

typedef struct told { sp_happened event[64]; uint32_t n; } told;

static bool hear(void *context, const sp_happened *one)
{
    told *t = context;
    if (one->what != SP_HAPPENED_FAIL && one->what != SP_HAPPENED_REPAIR && t->n < 64) t->event[t->n++] = *one;
    return true;
}

/* From a minute to a month of repair: what follows the first failure is what the table's costs say. */
static void the_cheapest_answer_is_taken(void **state)
{
    (void)state;
    uint32_t replanned = 0, waited = 0;
    for (double repair_s = 60; repair_s < 3e6; repair_s *= 2) {
        sp_failures failures = racks_down(40, repair_s);
        sp_operation op = operation_of(&failures, &ready, 60);
        told t = {.n = 0};
        sp_watch watch = {.happened = hear, .context = &t};
        sp_jobs jobs = one_job(op.horizon_s);
        sp_history h;
        op.watch = &watch;
        assert_int_equal(sp_operate(&op, &jobs, 5, NULL, &h, NULL), SP_OK);
        assert_true(t.n >= 2 && t.event[0].what == SP_HAPPENED_START);
        const sp_recovery_row *row = by_hand(&op, repair_s);
        sp_happening expected = row == NULL ? SP_HAPPENED_REQUEUE : row->rung == SP_RUNG_SHRINK ? SP_HAPPENED_SHRINK : SP_HAPPENED_REPLAN;
        assert_int_equal(t.event[1].what, expected);
        if (row != NULL) assert_int_equal(t.event[1].chips, row->chips);
        replanned += expected == SP_HAPPENED_REPLAN;
        waited += expected == SP_HAPPENED_REQUEUE;
        sums_to_one(&h);
        sp_jobs_free(&jobs);
    }
    print_message("by repair time: %u waited, %u took another plan\n", waited, replanned);
    assert_true(waited > 2 && replanned > 2);
}

/* Tokens by the log: at the speed of the plan that the job has, from the end of each pause to the next event. Racks fail rarely, so that a
 * smaller plan is hardly struck again. */
static void tokens_are_those_of_the_plans(void **state)
{
    (void)state;
    sp_failures failures = racks_down(20, 3 * 86400);
    sp_job_kind kind = ready;
    kind.checkpoint_s = 0;
    sp_operation op = operation_of(&failures, &kind, 200);
    told t = {.n = 0};
    sp_watch watch = {.happened = hear, .context = &t};
    sp_jobs jobs = one_job(op.horizon_s);
    sp_history h;
    op.interval_s = 1;
    op.watch = &watch;
    assert_int_equal(sp_operate(&op, &jobs, 7, NULL, &h, NULL), SP_OK);
    const sp_recovery_row *row = by_hand(&op, 3 * 86400);
    assert_true(row != NULL && row->rung == SP_RUNG_REPLAN && row->speed < 1 && t.n < 64);
    double speed = 0, useful_s = 0, pause_s = 0;
    for (uint32_t i = 0; i < t.n; i++) {
        double until = i + 1 < t.n ? 1e-6 * (double)t.event[i + 1].at_us : op.horizon_s, lasts = until - 1e-6 * (double)t.event[i].at_us;
        switch (t.event[i].what) {
        case SP_HAPPENED_START: speed = 1, pause_s = i == 0 ? 0 : op.detect_s + op.restart_s; break;
        case SP_HAPPENED_REPLAN: speed = row->speed, pause_s = row->transition_s; break;
        case SP_HAPPENED_GROW: speed = 1, pause_s = op.restart_s; break;
        case SP_HAPPENED_REPLACE: pause_s = op.detect_s + op.restart_s; break;
        case SP_HAPPENED_REQUEUE: speed = 0, pause_s = 0; break;
        default: fail_msg("%s", sp_happening_name(t.event[i].what));
        }
        useful_s += speed * fmax(0, lasts - pause_s);
    }
    double tokens = h.tokens_per_day * 200, expected = useful_s / kind.step_time_s * kind.tokens_per_step;
    print_message("%llu new plans, speed %.3f on %u chips; tokens %.6g, by the log %.6g\n", (unsigned long long)h.replanned, row->speed, row->chips, tokens, expected);
    assert_true(h.replanned > 3 && h.grown > 2);
    assert_float_equal(tokens / expected, 1, 1e-3);   /* placements after a replacement may be slower */
    sums_to_one(&h);
    sp_jobs_free(&jobs);
}

/* ---- many ---------------------------------------------------------------------------------------------------------------------- */

static double mean_tokens(const sp_failures *failures, const sp_job_kind *kind, sp_history h[4])
{
    sp_operation op = operation_of(failures, kind, 300);
    sp_jobs jobs = one_job(op.horizon_s);
    double sum = 0;
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, 4, 2, h, NULL), SP_OK);
    for (int s = 0; s < 4; s++) {
        sums_to_one(&h[s]);
        sum += h[s].tokens_per_day / 4;
    }
    sp_jobs_free(&jobs);
    return sum;
}

static void it_pays_where_repairs_take_long(void **state)
{
    (void)state;
    sp_history with[4], without[4];
    sp_failures slow = racks_down(60, 86400), fast = racks_down(60, 120);
    double gain = mean_tokens(&slow, &ready, with) / mean_tokens(&slow, &rigid, without);
    for (int s = 0; s < 4; s++) assert_true(with[s].replanned > 10 && without[s].replanned == 0 && with[s].goodput > without[s].goodput);
    print_message("repairs of a day: %.3f times the tokens\n", gain);
    assert_true(gain > 1.02);
    assert_float_equal(mean_tokens(&fast, &ready, with), mean_tokens(&fast, &rigid, without), 0);   /* two minutes: nobody re-plans */
    assert_memory_equal(with, without, sizeof with);
    for (int s = 0; s < 4; s++) assert_true(with[s].replanned == 0 && with[s].shrunk == 0 && with[s].requeued > 0);
}

/* What followed the first failure, if it struck job 1. */
static bool hear_first(void *context, const sp_happened *one)
{
    told *t = context;
    if (one->what == SP_HAPPENED_FAIL) t->n++;
    if (t->n == 1 && one->job == 1 && t->event[0].what == SP_HAPPENED_START) t->event[0] = *one;
    return true;
}

/* Chips that another's end gives back soon are waited for, though the repair takes a month. */
static void others_ends_count(void **state)
{
    (void)state;
    enum { SHORT = 2900 };
    const sp_machine *larger;
    sp_failures failures = racks_down(30, 30 * 86400);
    static sp_job job[SHORT + 1];
    uint32_t waited = 0, replanned = 0;
    assert_int_equal(sp_catalog_machine(catalog, "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:4@224GB/s,1.05us,planes=4 chip=ascend-950dt", &larger, NULL), SP_OK);
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (int endless = 0; endless < 2; endless++) {
            sp_operation op = operation_of(&failures, &ready, 30);
            sp_jobs mine = one_job(op.horizon_s);
            told t = {.event = {{.what = SP_HAPPENED_START}}};
            sp_watch watch = {.happened = hear_first, .context = &t};
            sp_history h;
            op.machine = larger;
            op.watch = &watch;
            job[0] = mine.job[0];
            for (int64_t i = 0; i < SHORT; i++)   /* the other half of the machine: a quarter of an hour each, or one for all time */
                job[i + 1] = (sp_job){.submit_us = i * INT64_C(900000000), .work_us = endless == 1 ? INT64_C(9000000000000) : INT64_C(899000000),
                                      .estimate_us = endless == 1 ? INT64_C(9000000000000) : INT64_C(899000000), .chips = 128, .id = (uint32_t)i + 2};
            assert_int_equal(sp_operate(&op, &(sp_jobs){.job = job, .n = SHORT + 1}, seed, NULL, &h, NULL), SP_OK);
            sums_to_one(&h);
            sp_happening first = t.event[0].what;
            assert_true(first == SP_HAPPENED_START || first == SP_HAPPENED_REPLACE || first == (endless == 1 ? SP_HAPPENED_REPLAN : SP_HAPPENED_REQUEUE));
            waited += first == SP_HAPPENED_REQUEUE;
            replanned += first == SP_HAPPENED_REPLAN;
            sp_jobs_free(&mine);
        }
    print_message("of 12 runs waited beside short jobs: %u, took another plan beside an endless one: %u\n", waited, replanned);
    assert_true(waited > 3 && replanned > 3);
}

static int set_up(void **state)
{
    (void)state;
    arena = sp_arena_create();
    plan = sp_plan_default();
    plan.tp = 8;
    plan.dp = 16;
    plan.zero = 3;
    plan.gbs = 64;
    plan.seq = 8192;
    sp_error err = {0};
    bool ok = sp_catalog_open("catalog", &catalog, &err) == SP_OK
              && sp_catalog_machine(catalog, "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:2@224GB/s,1.05us,planes=4 chip=ascend-950dt", &machine, &err) == SP_OK
              && sp_model_load("catalog/models/llama3.1-405b.yaml", NULL, arena, &model, &err) == SP_OK
              && sp_job_kind_make(machine, model, &plan, SP_CKPT_STORAGE, false, -1, &rigid, &err) == SP_OK;
    ready = rigid;
    sp_operation op = sp_operation_default(machine);
    if (ok) ok = sp_job_kind_recover(&ready, &op, &err) == SP_OK;
    if (!ok) print_error("%s\n", err.text);
    return ok ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_recovery_destroy(ready.recovery);
    sp_job_kind_release(&rigid);
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_cheapest_answer_is_taken), cmocka_unit_test(tokens_are_those_of_the_plans),
                                       cmocka_unit_test(it_pays_where_repairs_take_long), cmocka_unit_test(others_ends_count)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
