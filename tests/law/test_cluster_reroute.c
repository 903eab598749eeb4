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

/* A job on all chips whose links die and come back: it makes the steps of a chip without a link while there is one, but for the notice and a step each
 * time. (That a second link of the same chip dies meanwhile happens to one of a thousand.) */
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
        if (now > runs_from) steps += (now - fmax(at, runs_from)) / step_without(judge, dead > 0);
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
    assert_float_equal(h.tokens_per_day / (steps * kind.tokens_per_step * 86400 / horizon_s), 1, 1e-4);
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

static sp_job job_of(uint32_t id, uint32_t chips, double submit_s, double work_s)
{
    return (sp_job){.id = id, .chips = chips, .submit_us = (int64_t)(1e6 * submit_s), .work_us = (int64_t)(1e6 * work_s), .estimate_us = (int64_t)(1e6 * work_s)};
}

static uint64_t told_of(sp_happening what, uint32_t id)
{
    uint64_t n = 0;
    for (size_t i = 0; i < told.n; i++) n += told.one[i].what == what && told.one[i].job == id;
    return n;
}

static void use_machine(const char *text)
{
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &machine, &err) != SP_OK) fail_msg("%s", err.text);
}

static sp_operation plain(const sp_failures *f, double horizon_s)
{
    sp_operation op = sp_operation_default(machine);
    op.failures = f;
    op.horizon_s = horizon_s;
    op.checkpoint_s = op.detect_s = op.decide_s = op.restart_s = op.swap_s = op.read_s = op.link_detect_s = op.reroute_s = 0;
    return op;
}

/* A link that died while nobody was there slows a job that comes later, as one that dies under it, until it is repaired. */
static void who_comes_later_finds_the_link_dead(void **state)
{
    (void)state;
    const double horizon_s = 4e6, repair_s = 1e9;
    const sp_machine *usual = machine;
    use_machine("mesh:8@50GB/s,200ns chip=ascend-950dt");
    sp_failures f = every(3e5, SP_FAIL_ELECTRICAL_LINK, repair_s);
    sp_operation op = plain(&f, horizon_s);
    double dead_s = 0, share[2];
    for (int late = 0; late < 2; late++) {
        sp_job job = job_of(1, 8, late ? horizon_s / 2 : 0, horizon_s);
        sp_jobs jobs = {.job = &job, .n = 1};
        sp_history h = run(op, &jobs);
        for (size_t i = 0; i < told.n && dead_s == 0; i++) dead_s = told.one[i].what == SP_HAPPENED_FAIL ? 1e-6 * (double)told.one[i].at_us : 0;
        share[late] = h.share[SP_LOSS_SLOWDOWN];
        print_message("job from %g s on: first link dead at %.0f s, slowed %.4f\n", late ? horizon_s / 2 : 0, dead_s, share[late]);
    }
    assert_true(dead_s > 0 && dead_s < horizon_s / 2 && share[0] > share[1] && share[1] > 0.01);
    assert_true(share[1] > 0.4 * share[0]);   /* half of the time, and more of it with links dead */
    machine = usual;
}

/* Two jobs of a rack whose only switch dies: the one within the rack does not notice; the one that leaves it stops, until the switch is back. */
static void only_who_uses_a_switch_stops(void **state)
{
    (void)state;
    const double horizon_s = 1e6, repair_s = 500;
    const sp_machine *usual = machine;
    use_machine("mesh:8@50GB/s,200ns clos:2@50GB/s,1us chip=ascend-950dt");
    sp_failures f = every(1e4, SP_FAIL_SWITCH, repair_s);
    sp_operation op = plain(&f, horizon_s);
    sp_job pair[] = {job_of(1, 12, 0, 2 * horizon_s), job_of(2, 4, 0, 2 * horizon_s)};
    sp_jobs jobs = {.job = pair, .n = 2};
    sp_history h = run(op, &jobs);
    uint64_t fails = told_of(SP_HAPPENED_FAIL, SP_NOWHERE), back = told_of(SP_HAPPENED_REPAIR, SP_NOWHERE);
    print_message("%llu switches died, %llu came back: the wide job waited %llu times, the narrow one %llu; down %.4f, useful %.4f\n", (unsigned long long)fails,
                  (unsigned long long)back, (unsigned long long)told_of(SP_HAPPENED_REQUEUE, 1), (unsigned long long)told_of(SP_HAPPENED_REQUEUE, 2), h.share[SP_LOSS_DOWN],
                  h.share[SP_LOSS_USEFUL]);
    assert_true(fails > 50 && back >= fails - 2);
    assert_true(told_of(SP_HAPPENED_REQUEUE, 1) > 50 && told_of(SP_HAPPENED_REQUEUE, 2) == 0 && told_of(SP_HAPPENED_RESTART, 2) == 0 && told_of(SP_HAPPENED_REPLACE, 2) == 0);
    /* 12 of 16 chips stand still, or are down, 500 s in 10,000 */
    assert_float_equal(h.share[SP_LOSS_USEFUL] + h.share[SP_LOSS_SLOWDOWN], 1 - 0.75 * (double)fails * repair_s / horizon_s, 0.02);
    machine = usual;
}

/* Many small jobs on a machine whose links and switches die all the time: chips that are cut off go down and come back, and nothing is lost. */
static void chips_cut_off_come_back(void **state)
{
    (void)state;
    enum { JOBS = 400 };
    const double horizon_s = 1e6;
    const sp_machine *usual = machine;
    use_machine("mesh:8@50GB/s,200ns mesh:8@50GB/s,200ns clos:8@50GB/s,1us,planes=2 chip=ascend-950dt");
    sp_failures f = every(3000, SP_FAIL_SWITCH, 9000), links = every(500, SP_FAIL_ELECTRICAL_LINK, 9000);
    f.row[f.n++] = links.row[0];
    sp_operation op = plain(&f, horizon_s);
    op.checkpoint_s = 1;
    uint64_t stops = 0, rounds = 0, down = 0;
    for (uint32_t seed = 0; seed < 20; seed++) {
        sp_job many[JOBS];
        sp_rng rng = sp_rng_make(seed, 7);
        for (uint32_t i = 0; i < JOBS; i++) many[i] = job_of(i, 1 + (uint32_t)sp_rng_below(&rng, 200), i * horizon_s / JOBS / 2, 1000 + 4000 * sp_rng_unit(&rng));
        sp_jobs jobs = {.job = many, .n = JOBS};
        sp_history h = run(op, &jobs);
        double sum = 0;
        for (int l = 0; l < SP_LOSSES; l++) sum += h.share[l];
        assert_float_equal(sum, 1, 1e-9);
        assert_int_equal(h.jobs_done, JOBS);
        stops += h.interruptions - h.rerouted;
        rounds += h.rerouted;
        down += h.share[SP_LOSS_DOWN] > 0;
    }
    print_message("8,000 jobs done: %llu went round, %llu were cut off; chips down in %llu of 20 runs\n", (unsigned long long)rounds, (unsigned long long)stops, (unsigned long long)down);
    assert_true(rounds > 1000 && stops > 20 && down > 10);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_are_those_of_the_links), cmocka_unit_test(links_of_unknown_jobs), cmocka_unit_test(switches_are_gone_round), cmocka_unit_test(who_comes_later_finds_the_link_dead),
                                       cmocka_unit_test(only_who_uses_a_switch_stops), cmocka_unit_test(chips_cut_off_come_back), cmocka_unit_test(stages_add_up)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
