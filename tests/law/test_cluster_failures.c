/* When parts fail, for how long, and who is struck: what the log of a run says of it, against the law of each class. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"

static sp_catalog *catalog;
static sp_arena *arena;

static const sp_machine *machine_of(const char *text)
{
    const sp_machine *machine;
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &machine, &err) != SP_OK) fail_msg("%s", err.text);
    return machine;
}

/* ---- the log of a run -------------------------------------------------------------------------------------------------- */

typedef struct events { sp_happened *one; size_t n, room; } events;

static bool keep(void *context, const sp_happened *one)
{
    events *e = context;
    if (e->n == e->room) {
        e->room = 2 * e->room + 1024;
        e->one = realloc(e->one, e->room * sizeof *e->one);
        assert_non_null(e->one);
    }
    e->one[e->n++] = *one;
    return true;
}

static sp_operation quiet(const sp_machine *machine, const sp_failures *failures, double horizon_s)
{
    sp_operation op = sp_operation_default(machine);
    op.failures = failures;
    op.checkpoint_s = op.detect_s = op.swap_s = op.restart_s = 0;
    op.interval_s = 1e6;
    op.horizon_s = horizon_s;
    op.rack_spares = op.reroute = false;
    return op;
}

static sp_history run(sp_operation op, const sp_jobs *jobs, uint64_t seed, events *e)
{
    sp_watch watch = {.happened = keep, .context = e};
    sp_history h;
    sp_error err = {0};
    op.watch = &watch;
    e->n = 0;
    if (sp_operate(&op, jobs, seed, NULL, &h, &err) != SP_OK) fail_msg("seed %u: %s", (unsigned)seed, err.text);
    return h;
}

/* `n` jobs of `chips` chips that outlive the run. */
static sp_jobs endless(uint32_t n, uint32_t chips)
{
    sp_jobs jobs = {.job = calloc(n, sizeof *jobs.job), .n = n};
    assert_non_null(jobs.job);
    for (uint32_t i = 0; i < n; i++) jobs.job[i] = (sp_job){.work_us = INT64_C(1) << 58, .estimate_us = INT64_C(1) << 58, .chips = chips, .id = i + 1};
    return jobs;
}

static sp_failures of_class(sp_fail_unit unit, double rate_per_s, double shape)
{
    return (sp_failures){.n = 1, .row = {{.name = "law", .unit = unit, .rate_per_s = sp_value_of(rate_per_s, SP_GRADE_GUESS, ""), .shape = shape}}};
}

/* ---- distributions -------------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Kolmogorov and Smirnov: the largest gap between the values' distribution and the law's, times sqrt(n); 1.63 is passed by one in a hundred. */
static double distance(double *value, size_t n, double (*law)(double, double), double parameter)
{
    double most = 0;
    qsort(value, n, sizeof *value, ascending);
    for (size_t i = 0; i < n; i++) {
        double p = law(value[i], parameter);
        most = fmax(most, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
    }
    return most * sqrt((double)n);
}

/* Of mean 1 and that shape. */
static double weibull(double x, double shape) { return -expm1(-pow(x * tgamma(1 + 1 / shape), shape)); }
static double normal(double x, double sigma) { return 0.5 * erfc(-x / sigma / sqrt(2)); }

/* Until the first failure of a unit whose life is under way: the integral of those that live on. */
static double rest_of_life(double x, double shape)
{
    double sum = 0;
    for (int i = 0; i < 200; i++) sum += 1 - weibull(x * (i + 0.5) / 200, shape);
    return sum * x / 200;
}

/* ---- when ------------------------------------------------------------------------------------------------------------------- */

/* The first 40 gaps of 128 racks (all that lie in the run would be short ones) are the law's, the wait for the first failure is the rest of a
 * life; the distance to a shape that is 0.1 larger shows that the test can tell them apart. */
static void gaps_have_their_law(void **state)
{
    (void)state;
    static const double shapes[] = {0.7, 1, 1.6};
    const double mean_s = 1e5;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    events e = {0};
    sp_jobs jobs = endless(1, 8);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        sp_failures f = of_class(SP_FAIL_RACK, 1 / mean_s, shapes[k]);
        double *gap = malloc(128 * 40 * sizeof *gap), first[16 * 8], last[16];
        uint32_t gaps[16];
        size_t n = 0, firsts = 0;
        for (uint64_t seed = 1; seed <= 8; seed++) {
            run(quiet(machine, &f, 90 * mean_s), &jobs, seed, &e);
            for (int r = 0; r < 16; r++) last[r] = -1, gaps[r] = 0;
            for (size_t i = 0; i < e.n; i++) {
                if (e.one[i].what != SP_HAPPENED_FAIL) continue;
                double at = 1e-6 * (double)e.one[i].at_us / mean_s, *before = &last[e.one[i].rack];
                if (*before < 0) first[firsts++] = at;
                else if (gaps[e.one[i].rack]++ < 40) gap[n++] = at - *before;
                *before = at;
            }
        }
        double own = distance(gap, n, weibull, shapes[k]), other = distance(gap, n, weibull, shapes[k] + 0.1), rest = distance(first, firsts, rest_of_life, shapes[k]);
        print_message("shape %.1f: %zu gaps, distance %.2f (%.2f to shape %.1f), %.2f of the first failures; 1.63 is one in a hundred\n", shapes[k], n, own, other, shapes[k] + 0.1, rest);
        assert_true(n == 128 * 40 && own < 1.63 && other > 2 && firsts == 128 && rest < 1.63);
        free(gap);
    }
    sp_jobs_free(&jobs);
    free(e.one);
}

/* From the first day on, whatever the shape: a run of a twentieth of a unit's mean life has a twentieth of a failure of each. */
static void aging_units_fail_at_their_rate(void **state)
{
    (void)state;
    enum { SEEDS = 40 };
    static const double shapes[] = {0.5, 0.8, 3};
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_jobs jobs = endless(1, 8);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        sp_failures f = of_class(SP_FAIL_CHIP, 1e-7, shapes[k]);
        sp_operation op = quiet(machine, &f, 5e5);
        sp_history h[SEEDS];
        double count[SEEDS], mean, half, expected = 1024 * 0.05;
        assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, SEEDS, 2, h, NULL), SP_OK);
        for (int s = 0; s < SEEDS; s++) count[s] = (double)h[s].failures;
        sp_cluster_mean(count, SEEDS, &mean, &half);
        print_message("shape %.1f: %.1f +- %.1f failures, %.1f by the rate\n", shapes[k], mean, half, expected);
        assert_true(half < 0.1 * expected && fabs(mean - expected) < 1.5 * half);
    }
    sp_jobs_free(&jobs);
}

/* ---- for how long ------------------------------------------------------------------------------------------------------------- */

static void repairs_are_lognormal(void **state)
{
    (void)state;
    const double mean_s = 86400, sigma = 1;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_failures f = of_class(SP_FAIL_RACK, 1e-7, 1);
    f.row[0].down = true;
    f.row[0].repair_s = sp_value_of(mean_s, SP_GRADE_GUESS, "");
    f.row[0].repair_sigma = sigma;
    sp_jobs jobs = endless(1, 8);
    events e = {0};
    double value[4000], out[16], sum = 0;
    size_t n = 0;
    run(quiet(machine, &f, 2e9), &jobs, 3, &e);
    for (size_t i = 0; i < e.n && n < 4000; i++) {
        if (e.one[i].what == SP_HAPPENED_FAIL) out[e.one[i].rack] = 1e-6 * (double)e.one[i].at_us;
        if (e.one[i].what != SP_HAPPENED_REPAIR) continue;
        double took = 1e-6 * (double)e.one[i].at_us - out[e.one[i].rack];
        sum += took;
        value[n++] = log(took / mean_s) + sigma * sigma / 2;
    }
    double mean = sum / (double)n, d = distance(value, n, normal, sigma), other = distance(value, n, normal, 1.1 * sigma);
    print_message("%zu repairs: mean %.3f of the class's, distance %.2f (%.2f to a sigma a tenth larger)\n", n, mean / mean_s, d, other);
    assert_true(n > 2500 && fabs(mean / mean_s - 1) < 4 * sqrt(expm1(sigma * sigma) / (double)n) && d < 1.63 && other > d);
    sp_jobs_free(&jobs);
    free(e.one);
}

/* ---- whom --------------------------------------------------------------------------------------------------------------------- */

/* One job a host: a failure of a unit stops the jobs of that unit at one instant, and no others; every unit is struck equally often. */
static void domains_fail_together(void **state)
{
    (void)state;
    static const struct { sp_fail_unit unit; uint32_t jobs; double rate_per_s; } set[] = {
        {SP_FAIL_CHIP, 1, 1e-7}, {SP_FAIL_HOST, 1, 1e-6}, {SP_FAIL_RACK, 8, 8e-6}, {SP_FAIL_POWER, 32, 3e-5}, {SP_FAIL_POD, 128, 1e-4},
        {SP_FAIL_SWITCH, 8, 1e-6}, {SP_FAIL_ELECTRICAL_LINK, 1, 2e-8}};
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_jobs jobs = endless(128, 8);
    events e = {0};
    for (size_t k = 0; k < sizeof set / sizeof *set; k++) {
        sp_failures f = of_class(set[k].unit, set[k].rate_per_s, 1);
        uint64_t units;
        uint32_t strikes = 0, struck[16] = {0};
        assert_int_equal(sp_failures_count(machine, set[k].unit, &units, NULL), SP_OK);
        assert_true(units > 0);
        double expected = 1e7 * set[k].rate_per_s * (double)units;
        sp_history h = run(quiet(machine, &f, 1e7), &jobs, 5, &e);
        for (size_t i = 0, next; i < e.n; i = next) {
            uint32_t stopped = 0, rack = SP_NOWHERE;
            for (next = i; next < e.n && e.one[next].at_us == e.one[i].at_us; next++)
                if (e.one[next].what == SP_HAPPENED_RESTART) stopped++, rack = e.one[next].rack;
            if (stopped == 0) continue;
            if (stopped != set[k].jobs) fail_msg("%s: %u jobs stopped at once, expected %u", sp_fail_unit_name(set[k].unit), stopped, set[k].jobs);
            struck[rack]++;
            strikes++;
        }
        print_message("%-15s x %6llu: %u struck (%.0f by the rate), %u jobs each time\n", sp_fail_unit_name(set[k].unit), (unsigned long long)units, strikes, expected, set[k].jobs);
        assert_int_equal(strikes, h.failures);
        assert_true(fabs(strikes - expected) < 3.3 * sqrt(expected));
        double chi = 0, each = strikes / 16.0;
        for (int r = 0; r < 16; r++) chi += (struck[r] - each) * (struck[r] - each) / each;
        if (set[k].jobs <= 8) assert_true(chi < 37.7);   /* 15 degrees of freedom: one in a thousand */
    }
    sp_jobs_free(&jobs);
    free(e.one);
}

/* A failure of many racks stops a job in them once, which is then noticed once; who is moved does not go where it fails at the same instant. */
static void a_domain_stops_a_job_once(void **state)
{
    (void)state;
    static const struct { sp_fail_unit unit; double rate_per_s; uint32_t racks; } set[] = {{SP_FAIL_POWER, 1e-5, 4}, {SP_FAIL_POD, 2e-5, 16}};
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_jobs jobs = endless(1, 512);
    events e = {0};
    for (size_t k = 0; k < 2; k++) {
        sp_failures f = of_class(set[k].unit, set[k].rate_per_s, 1);
        f.row[0].down = true;
        f.row[0].repair_s = sp_value_of(2000, SP_GRADE_GUESS, "");
        f.row[0].repair_sigma = 0;
        sp_operation op = quiet(machine, &f, 1e7);
        op.detect_s = 30;
        sp_history h = run(op, &jobs, 3, &e);
        uint64_t stops = 0, struck = 0;
        for (size_t i = 0, next; i < e.n; i = next) {
            uint32_t fails = 0, here = 0;
            for (next = i; next < e.n && e.one[next].at_us == e.one[i].at_us; next++) {
                fails += e.one[next].what == SP_HAPPENED_FAIL;
                here += e.one[next].what == SP_HAPPENED_REPLACE || e.one[next].what == SP_HAPPENED_REQUEUE;
            }
            assert_true(fails <= set[k].racks && here <= 1);
            struck += fails != 0;
            stops += here;
        }
        print_message("%s: %llu struck, the job stopped %llu times, noticed after %.4g s\n", sp_fail_unit_name(set[k].unit), (unsigned long long)struck, (unsigned long long)stops, h.mttr_detect_s);
        assert_true(stops > 50 && stops <= struck);
        assert_int_equal(h.interruptions, stops);
        assert_int_equal(h.replaced + h.requeued, stops);
        assert_float_equal(h.mttr_detect_s, 30, 0.03 * 30);   /* another failure meanwhile begins it anew */
    }
    sp_jobs_free(&jobs);
    free(e.one);
}

/* A job of n hosts is stopped n times as often as one of one. */
static void large_jobs_stop_more_often(void **state)
{
    (void)state;
    const double rate_per_s = 2e-7;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_failures f = of_class(SP_FAIL_HOST, rate_per_s, 1);
    static const uint32_t sizes[][2] = {{32, 8}, {4, 64}, {1, 512}};   /* so many jobs of so many chips */
    sp_jobs jobs = endless(37, 8);
    for (uint32_t k = 0, n = 0; k < 3; k++)
        for (uint32_t i = 0; i < sizes[k][0]; i++, n++) jobs.job[n].chips = sizes[k][1];
    events e = {0};
    sp_history h = run(quiet(machine, &f, 3e8), &jobs, 7, &e);
    const double mttf[3] = {h.mttf_host_s, h.mttf_rack_s, h.mttf_pod_s};
    for (int k = 0; k < 3; k++) {
        double law = 8 / (rate_per_s * sizes[k][1]), stops = 3e8 * sizes[k][0] / law;
        print_message("jobs of %3u chips: one stop per %.3g s (%.3g by the rate)\n", sizes[k][1], mttf[k], law);
        assert_true(fabs(mttf[k] / law - 1) < 3.3 / sqrt(stops));
    }
    assert_true(h.mttf_pods_s == 0);
    assert_float_equal(h.mttf_s * (double)h.interruptions, 37 * 3e8, 1);
    sp_jobs_free(&jobs);
    free(e.one);
}

/* Each row notices parts that are out, links and stops of processes after its own times; one time notices all alike. */
static void who_notices(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_jobs jobs = endless(64, 8);
    assert_null(sp_detector_find("nobody"));
    for (size_t d = 0; d <= sp_n_detectors; d++)
        for (int what = 0; what < 3; what++) {
            sp_failures f = of_class(what == 1 ? SP_FAIL_SWITCH : SP_FAIL_HOST, what == 1 ? 1e-9 : 1e-8, 1);
            f.row[0].down = what == 0;
            f.row[0].repair_s = sp_value_of(3600, SP_GRADE_GUESS, "");
            sp_operation op = quiet(machine, &f, 1e8);
            sp_history h;
            op.detect_s = 77;
            if (d < sp_n_detectors) sp_detector_use(sp_detector_find(sp_detectors[d].name), &op);
            assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, NULL), SP_OK);
            const double own[3] = {op.detect_s, op.link_detect_s, op.process_detect_s}, law = d < sp_n_detectors ? own[what] : 77;
            assert_true(h.interruptions > 20);
            assert_float_equal(h.mttr_detect_s, law, 0.02 * law);   /* another failure meanwhile begins it anew */
        }
    sp_jobs_free(&jobs);
}

/* ---- the catalog ---------------------------------------------------------------------------------------------------------------- */

/* The 18 causes of Llama 3 405B, simulated for 54 days on 16,384 GPUs: each as often as table 5 of the paper (arXiv 2407.21783) counts it. */
static void llama3_by_cause(void **state)
{
    (void)state;
    static const struct { const char *name; double count; } paper[] = {
        {"faulty-gpu", 148}, {"hbm3", 72}, {"software-bug", 54}, {"network-switch-cable", 35}, {"host-maintenance", 32}, {"gpu-sram", 19}, {"gpu-system-processor", 17},
        {"nic", 7}, {"watchdog-timeout", 7}, {"silent-corruption", 6}, {"gpu-thermal", 6}, {"ssd", 3}, {"power-supply", 3}, {"server-chassis", 2}, {"io-board", 2},
        {"dependency", 2}, {"cpu", 2}, {"system-memory", 2}};
    enum { SEEDS = 30 };
    const sp_machine *machine = machine_of("dgx-h100:2048");
    sp_failures f;
    sp_error err = {0};
    if (sp_failures_load("catalog/failures/llama3.yaml", arena, &f, &err) != SP_OK) fail_msg("%s", err.text);
    assert_int_equal(f.n, sizeof paper / sizeof *paper);
    for (uint32_t c = 0; c < f.n; c++) f.row[c].down = false;   /* what is out would not fail again */
    double count[SP_FAIL_CLASSES] = {0};
    sp_jobs jobs = endless(1, 8);
    events e = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(quiet(machine, &f, 54 * 86400), &jobs, seed, &e);
        for (size_t i = 0; i < e.n; i++)
            if (e.one[i].what == SP_HAPPENED_FAIL) count[e.one[i].class]++;
    }
    for (uint32_t c = 0; c < f.n; c++) {
        print_message("%-21s %6.1f in 54 days (published %.0f)\n", f.row[c].name, count[c] / SEEDS, paper[c].count);
        assert_string_equal(f.row[c].name, paper[c].name);
        assert_true(fabs(count[c] - SEEDS * paper[c].count) < 3.5 * sqrt(SEEDS * paper[c].count));
    }
    sp_jobs_free(&jobs);
    free(e.one);
}

/* Titan's two classes (github:olcf/TitanGPULife): 4,826 and 1,541 events in 100,820 GPU-years, in one year as in six. */
static void titan_by_class(void **state)
{
    (void)state;
    enum { SEEDS = 6 };
    const sp_machine *machine = machine_of("dgx-h100:2048");
    sp_failures f;
    sp_error err = {0};
    if (sp_failures_load("catalog/failures/titan.yaml", arena, &f, &err) != SP_OK) fail_msg("%s", err.text);
    assert_true(f.n == 2 && f.row[0].shape < 1);
    sp_jobs jobs = endless(1, 8);
    events e = {0};
    double count[2] = {0};
    static const double events_of[2] = {4826, 1541};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(quiet(machine, &f, SP_YEAR_S), &jobs, seed, &e);
        for (size_t i = 0; i < e.n; i++)
            if (e.one[i].what == SP_HAPPENED_FAIL) count[e.one[i].class]++;
    }
    for (int c = 0; c < 2; c++) {
        double expected = SEEDS * events_of[c] / 100820 * 16384;
        print_message("titan %-18s %.6f a GPU-year (published %.6f)\n", f.row[c].name, count[c] / SEEDS / 16384, events_of[c] / 100820);
        assert_true(fabs(count[c] - expected) < 4 * sqrt(expected));   /* failures that follow failures: more spread than Poisson's */
    }
    sp_jobs_free(&jobs);
    free(e.one);
}

static int set_up(void **state)
{
    (void)state;
    arena = sp_arena_create();
    return arena != NULL && sp_catalog_open("catalog", &catalog, NULL) == SP_OK ? 0 : -1;
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(gaps_have_their_law), cmocka_unit_test(aging_units_fail_at_their_rate), cmocka_unit_test(repairs_are_lognormal),
                                       cmocka_unit_test(domains_fail_together), cmocka_unit_test(a_domain_stops_a_job_once), cmocka_unit_test(large_jobs_stop_more_often), cmocka_unit_test(who_notices),
                                       cmocka_unit_test(llama3_by_cause), cmocka_unit_test(titan_by_class)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
