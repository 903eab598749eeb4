/* Jobs go round links that die, and what a stop costs: tokens of a run against steps on so many links that its log tells of, stages of
 * repair against the times between the stops of the log. */
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
#include "superpod/topo.h"

#define MACHINE "atlas-950-superpod-1024"
#include "placed_fixture.h"

enum { EVENTS = 20000 };
typedef struct events { sp_happened one[EVENTS]; size_t n; } events;
static events told;

static bool keep(void *context, const sp_happened *one)
{
    events *e = context;
    assert_true(e->n < EVENTS);
    e->one[e->n++] = *one;
    return true;
}

static sp_job_kind kind_of(double checkpoint_s)
{
    sp_job_kind kind;
    sp_error err = {0};
    if (sp_job_kind_make(machine, model, &plan, SP_CKPT_STORAGE, false, checkpoint_s, &kind, &err) != SP_OK) fail_msg("%s", err.text);
    return kind;
}

/* One class that strikes the machine every so many seconds. */
static sp_failures every(double mean_s, sp_fail_unit unit, double repair_s)
{
    uint64_t units;
    assert_int_equal(sp_failures_count(machine, unit, &units, NULL), SP_OK);
    assert_true(units > 0);
    sp_failures f = {.n = 1, .row = {{.name = "it", .unit = unit, .rate_per_s = sp_value_of(1 / (mean_s * (double)units), SP_GRADE_GUESS, ""), .shape = 1}}};
    f.row[0].down = repair_s > 0;
    f.row[0].repair_s = sp_value_of(repair_s, SP_GRADE_GUESS, "");
    return f;
}

static sp_history run(sp_operation op, const sp_jobs *jobs)
{
    sp_watch watch = {.happened = keep, .context = &told};
    sp_history h;
    sp_error err = {0};
    told.n = 0;
    op.watch = &watch;
    if (sp_operate(&op, jobs, 1, NULL, &h, &err) != SP_OK) fail_msg("%s", err.text);
    return h;
}

static double step_without(sp_judge *judge, uint32_t links)
{
    sp_cluster_shape shape;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    sp_spread ideal = sp_cluster_ideal(&shape, 1024);
    sp_faults faults = {.links_lost = {(uint8_t)links}};
    double step_s;
    assert_int_equal(sp_judge_step(judge, &ideal, &faults, &step_s, NULL), SP_OK);
    return step_s;
}

/* A job on all chips whose links die and come back: it makes the steps of as many links as it has, but for the notice and a step each time. */
static void tokens_are_those_of_the_links(void **state)
{
    (void)state;
    const double horizon_s = 3e6, repair_s = 3000;
    sp_failures f = every(6000, SP_FAIL_ELECTRICAL_LINK, repair_s);
    sp_job_kind kind = kind_of(0);
    sp_judge *judge;
    sp_jobs jobs = {0};
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.kind = &kind;
    op.n_kinds = 1;
    op.horizon_s = horizon_s;
    op.link_detect_s = 5;
    assert_int_equal(sp_jobs_add_kind(&jobs, &kind, 1, 1, 0, horizon_s, NULL), SP_OK);
    assert_int_equal(sp_judge_create(machine, model, &plan, &judge, NULL), SP_OK);
    sp_history h = run(op, &jobs);
    double at = 0, runs_from = 0, steps = 0;
    uint32_t dead = 0, most = 0, rerouted = 0, back = 0;
    for (size_t i = 0; i <= told.n; i++) {
        const sp_happened *one = i < told.n ? &told.one[i] : NULL;
        double now = one == NULL ? horizon_s : 1e-6 * (double)one->at_us;
        if (one != NULL && one->what != SP_HAPPENED_REROUTE && one->what != SP_HAPPENED_REPAIR) continue;
        if (now > runs_from) steps += (now - fmax(at, runs_from)) / step_without(judge, dead);
        at = now;
        if (one == NULL) break;
        if (one->what == SP_HAPPENED_REPAIR) {
            dead--;
            back++;
            continue;
        }
        if (now >= runs_from) runs_from = now + 5 + kind.step_time_s;
        rerouted++;
        if (++dead > most) most = dead;
    }
    print_message("%u links died, %u came back, up to %u at once; a step takes %.4f s, %.4f s without one; %.4g tokens a day, %.4g by the log\n", rerouted, back, most, kind.step_time_s,
                  step_without(judge, 1), h.tokens_per_day, steps * kind.tokens_per_step * 86400 / horizon_s);
    assert_true(rerouted > 400 && most >= 3 && back > 400 && step_without(judge, 1) > kind.step_time_s && step_without(judge, 2) > step_without(judge, 1));
    assert_true(h.rerouted == rerouted && h.interruptions == rerouted && h.mttr_recompute_s == 0);
    assert_float_equal(h.tokens_per_day / (steps * kind.tokens_per_step * 86400 / horizon_s), 1, 1e-6);
    op.reroute = false;   /* the chip goes with its link: a rack's spare stands in, and the job goes back to its checkpoint, which costs nothing here */
    sp_history back_to = run(op, &jobs);
    print_message("to the checkpoint instead: %.4g tokens a day\n", back_to.tokens_per_day);
    assert_true(back_to.rerouted == 0 && back_to.requeued + back_to.replaced + back_to.swapped > 100 && back_to.tokens_per_day < h.tokens_per_day);
    sp_judge_destroy(judge);
    sp_job_kind_release(&kind);
    sp_jobs_free(&jobs);
}

/* A job of unknown model is slower by no more than its communication over the links that are left. */
static void links_of_unknown_jobs(void **state)
{
    (void)state;
    sp_failures f = every(1e4, SP_FAIL_ELECTRICAL_LINK, 1e9);
    sp_jobs jobs;
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.horizon_s = 3e4;
    op.checkpoint_s = op.detect_s = op.reroute_s = 0;
    assert_int_equal(sp_jobs_generate("one:chips=1024", machine->chips, op.horizon_s, 1, &jobs, NULL), SP_OK);
    sp_history h = run(op, &jobs);
    double whole = 1024.0 / (1024 + 16), k = (double)h.rerouted;
    print_message("%g links lost for good: goodput %.4f of %.4f\n", k, h.goodput, whole);
    assert_true(k >= 1 && k < 7 && h.goodput < whole && h.share[SP_LOSS_SLOWDOWN] > 0);
    assert_true(h.goodput > whole / (1 + 0.2 * k / (7 - k)));   /* were all of it over the seven links of a row */
    sp_jobs_free(&jobs);
    assert_int_equal(sp_jobs_generate("one:chips=1", machine->chips, op.horizon_s, 1, &jobs, NULL), SP_OK);
    h = run(op, &jobs);
    assert_true(h.failures > 0 && h.interruptions == 0 && h.share[SP_LOSS_SLOWDOWN] == 0);   /* it sends nothing */
    sp_jobs_free(&jobs);
}

/* A switch that dies takes a link of each chip of its rack: jobs go round it where a chip has others on the tier, and restart where it has not. What
 * goes round loses its notice and a step, and no more once the switch is back. */
static void switches_are_gone_round(void **state)
{
    (void)state;
    static const struct { const char *machine; bool others; } rows[] = {
        {"switch:8@450GB/s,600ns,planes=4 chip=h100", true}, {"switch:8@450GB/s,600ns chip=h100", false},
        {"mesh:8@50GB/s,200ns clos:4@50GB/s,1us,planes=2 chip=ascend-950dt", true}, {"mesh:8@50GB/s,200ns clos:4@50GB/s,1us chip=ascend-950dt", false}};
    const sp_machine *usual = machine;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sp_error err = {0};
        if (sp_catalog_machine(catalog, rows[i].machine, &machine, &err) != SP_OK) fail_msg("%s", err.text);
        for (int down = 0; down < 2; down++) {
            sp_failures f = every(1e4, SP_FAIL_SWITCH, down ? 500 : 0);
            sp_jobs jobs;
            sp_operation op = sp_operation_default(machine);
            char text[32];
            op.failures = &f;
            op.horizon_s = 1e6;
            op.checkpoint_s = 10;
            op.interval_s = 1000;
            op.link_detect_s = 5;
            op.reroute_s = 2;
            snprintf(text, sizeof text, "one:chips=%u", machine->chips);
            assert_int_equal(sp_jobs_generate(text, machine->chips, op.horizon_s, 1, &jobs, &err), SP_OK);
            sp_history h = run(op, &jobs);
            print_message("%s, switches %s: %llu stops, %llu gone round; recomputed %.4f, slowed %.5f\n", rows[i].machine, down ? "out for 500 s" : "back at once",
                          (unsigned long long)h.interruptions, (unsigned long long)h.rerouted, h.share[SP_LOSS_RECOMPUTED], h.share[SP_LOSS_SLOWDOWN]);
            double stops = (double)(h.interruptions - h.rerouted);   /* with switches out, now and then the last of them dies */
            assert_true(h.interruptions > 40 && (rows[i].others ? stops <= (down ? 0.2 * (double)h.rerouted : 0) : h.rerouted == 0));
            assert_true((h.share[SP_LOSS_RECOMPUTED] > 0) == (stops > 0));
            assert_true((h.share[SP_LOSS_SLOWDOWN] > 0) == (down && rows[i].others));
            if (rows[i].others && !down) assert_float_equal(h.share[SP_LOSS_DETECT] + h.share[SP_LOSS_RESTART], (double)h.rerouted * 7 / op.horizon_s, 0.002);
            op.reroute = false;
            h = run(op, &jobs);
            assert_true(h.rerouted == 0 && h.share[SP_LOSS_RECOMPUTED] > 0);
            sp_jobs_free(&jobs);
        }
    }
    machine = usual;
}

/* Every stage of the mean time to repair, from the times between stops; together they are the whole. */
static void stages_add_up(void **state)
{
    (void)state;
    sp_failures f = every(4000, SP_FAIL_HOST, 0);
    sp_job_kind kind = kind_of(3);
    sp_jobs jobs = {0};
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.kind = &kind;
    op.n_kinds = 1;
    op.horizon_s = 1e6;
    op.interval_s = 500;
    op.detect_s = 20;
    op.decide_s = 7;
    op.swap_s = 40;
    assert_true(kind.ckpt.read_s > 0);
    assert_int_equal(sp_jobs_add_kind(&jobs, &kind, 1, 1, 0, op.horizon_s, NULL), SP_OK);
    sp_history h = run(op, &jobs);
    const double pause[4] = {20, 7, 40, kind.ckpt.read_s};
    double stage[5] = {0}, at = 0;
    uint32_t stops = 0;
    for (size_t i = 0; i <= told.n; i++) {
        if (i < told.n && told.one[i].what != SP_HAPPENED_RESTART) continue;
        double now = i == told.n ? op.horizon_s : 1e-6 * (double)told.one[i].at_us, x = now - at;
        for (int k = 0; k < 4 && stops > 0; k++) {
            double took = fmin(x, pause[k]);
            stage[k] += took;
            x -= took;
        }
        if (i < told.n) stage[4] += fmin(fmod(x, 503), 500);
        if (i < told.n) stops++;
        at = now;
    }
    const double is[5] = {h.mttr_detect_s, h.mttr_decide_s, h.mttr_restart_s, h.mttr_load_s, h.mttr_recompute_s};
    double sum = h.mttr_allocate_s;
    for (int k = 0; k < 5; k++) {
        assert_float_equal(is[k], stage[k] / stops, 1e-4);
        sum += is[k];
    }
    print_message("%u stops: detect %.2f + decide %.2f + restart %.2f + load %.2f + recompute %.2f = %.2f s\n", stops, is[0], is[1], is[2], is[3], is[4], h.mttr_s);
    assert_true(stops > 200 && h.interruptions == stops && h.mttr_allocate_s == 0 && is[4] > 200);
    assert_float_equal(sum, h.mttr_s, 1e-9);
    sp_job_kind_release(&kind);
    sp_jobs_free(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_are_those_of_the_links), cmocka_unit_test(links_of_unknown_jobs), cmocka_unit_test(switches_are_gone_round), cmocka_unit_test(stages_add_up)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
