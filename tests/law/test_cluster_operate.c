/* Operation: chip-time is conserved, closed forms lie inside the intervals, EASY equals a plain implementation, seeds are bits. */
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

static sp_catalog *catalog;
static sp_arena *arena;

static const sp_machine *machine_of(const char *text)
{
    const sp_machine *machine;
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &machine, &err) != SP_OK) fail_msg("%s", err.text);
    return machine;
}

static const sp_failures *failures_of(const char *path)
{
    sp_failures *failures = sp_arena_alloc(arena, 1, sizeof *failures);
    sp_error err = {0};
    if (sp_failures_load(path, arena, failures, &err) != SP_OK) fail_msg("%s:%u: %s", err.file, err.line, err.text);
    return failures;
}

static sp_jobs generated(const char *spec, uint32_t chips, double span_s, uint64_t seed)
{
    sp_jobs jobs;
    sp_error err = {0};
    if (sp_jobs_generate(spec, chips, span_s, seed, &jobs, &err) != SP_OK) fail_msg("%s", err.text);
    return jobs;
}

static void sums_to_one(const sp_history *h)
{
    double sum = 0;
    for (int i = 0; i < SP_LOSSES; i++) {
        assert_true(h->share[i] >= 0);
        sum += h->share[i];
    }
    assert_true(sum == 1);
    assert_true(h->ettr >= 0 && h->ettr <= 1 && h->ettr_queued <= h->ettr && h->utilisation >= 0 && h->utilisation <= 1 + 1e-12);
}

/* ---- ETTR ---------------------------------------------------------------------------------------------------------- */

/* One job on the whole machine, exponential failures that leave the chips usable (in-place restart): the closed form's setting. */
static void closed_form_lies_in_the_interval(void **state)
{
    (void)state;
    static const struct { double c, detect, swap, scale; } set[] = {{30, 10, 50, 1}, {120, 300, 600, 2}, {1, 0, 10, 8}};
    sp_failures f = {.n = 1, .row = {{.name = "host", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(6.5 / 1000 / 86400, SP_GRADE_PAPER, "RSC"), .shape = 1}}};
    const sp_machine *machine = machine_of("atlas-950-superpod");
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        enum { SEEDS = 24 };
        sp_history h[SEEDS];
        double value[SEEDS], mean, half, m = 86400 / (1024 * 6.5 / 1000) / set[i].scale;
        sp_operation op = sp_operation_default(machine);
        op.failures = &f;
        op.checkpoint_s = set[i].c;
        op.detect_s = set[i].detect;
        op.swap_s = set[i].swap;
        op.fail_scale = set[i].scale;
        op.horizon_s = SP_YEAR_S / 2;
        sp_jobs jobs = generated("one:chips=8192", machine->chips, op.horizon_s, 1);
        assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 100, SEEDS, 2, h, NULL), SP_OK);
        for (int s = 0; s < SEEDS; s++) {
            value[s] = h[s].ettr;
            sums_to_one(&h[s]);
        }
        sp_cluster_mean(value, SEEDS, &mean, &half);
        double closed = sp_cluster_ettr(m, sp_cluster_interval(m, set[i].c), set[i].c, set[i].detect + set[i].swap);
        print_message("checkpoints of %.0f s, restart %.0f s, MTBF %.0f s: simulated ETTR %.3f +- %.3f %%, closed form %.3f %%\n", set[i].c,
                      set[i].detect + set[i].swap, m, 100 * mean, 100 * half, 100 * closed);
        /* 95 % of such intervals hold it; twice the width never misses on these seeds, and it is a tenth of a point. */
        assert_true(half < 0.002);
        assert_true(fabs(mean - closed) < 2 * half);
        sp_jobs_free(&jobs);
    }
}

/* Llama 3: 419 unexpected stops in 54 days on 16,384 GPUs, one per 3.1 h, more than 90 % effective. */
static void llama3(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("dgx-h100:2048");
    const sp_failures *f = failures_of("catalog/failures/llama3.yaml");
    double rate;
    assert_int_equal(f->n, 18);
    assert_int_equal(sp_failures_rate(f, machine, false, &rate, NULL), SP_OK);
    assert_float_equal(rate * 54 * 86400, 419, 0.5);
    assert_float_equal(1 / rate / 3600, 3.1, 0.05);
    enum { SEEDS = 16 };
    sp_history h[SEEDS];
    double stops[SEEDS], ettr[SEEDS], mean, half;
    sp_operation op = sp_operation_default(machine);
    op.failures = f;
    op.horizon_s = 54 * 86400;
    op.checkpoint_s = 16384 * 2e9 / 2e12;   /* 1 MB to 4 GB a GPU, 2 TB/s sustained (the paper): 16 s */
    op.restart_s = op.swap_s = 300;         /* 5 minutes, the low value of Meta RSC (arXiv 2410.21680) */
    op.fail_scale = 1.0 / 16000 * 16384;   /* the job holds 16,000 of the chips: 384 stand by; its own rate is the paper's */
    sp_jobs jobs = generated("one:chips=16000", machine->chips, op.horizon_s, 1);
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, SEEDS, 2, h, NULL), SP_OK);
    for (int s = 0; s < SEEDS; s++) {
        stops[s] = (double)h[s].interruptions;
        ettr[s] = h[s].ettr;
        sums_to_one(&h[s]);
        assert_int_equal(h[s].requeued, 0);
    }
    sp_cluster_mean(stops, SEEDS, &mean, &half);
    print_message("Llama 3, 54 days on 16,384: simulated %.0f +- %.0f unexpected stops (published 419), one per %.2f h (3.1)", mean, half, 54 * 24 / mean);
    assert_true(fabs(mean - 419) < 2 * half + 1);
    sp_cluster_mean(ettr, SEEDS, &mean, &half);
    print_message(", %.1f +- %.1f %% effective (> 90)\n", 100 * mean, 100 * half);
    assert_true(mean > 0.9);
    sp_jobs_free(&jobs);
}

static void meta_rsc(void **state)
{
    (void)state;
    double rate;
    assert_int_equal(sp_failures_rate(failures_of("catalog/failures/rsc-1.yaml"), machine_of("dgx-h100:2048"), false, &rate, NULL), SP_OK);
    print_message("Meta RSC-1, 16,384 GPUs: one hardware failure per %.2f h (published 1.8)\n", 1 / rate / 3600);
    assert_float_equal(1 / rate / 3600, 1.8, 0.05);
}

/* ---- queue --------------------------------------------------------------------------------------------------------------- */

/* EASY by the book, on counts: everything is looked at again at every event. */
static void plain_easy(const sp_jobs *jobs, uint32_t chips, bool backfill, int64_t *wait)
{
    uint32_t n = jobs->n;
    int64_t *start = malloc(n * sizeof *start), now = 0;
    for (uint32_t i = 0; i < n; i++) start[i] = -1;
    for (;;) {
        int64_t next = INT64_MAX;
        uint32_t free_now = chips;
        for (uint32_t i = 0; i < n; i++)
            if (start[i] >= 0 && start[i] + jobs->job[i].work_us > now) free_now -= jobs->job[i].chips;
        bool blocked = false;
        int64_t shadow = 0;
        uint32_t extra = 0;
        for (uint32_t i = 0; i < n && jobs->job[i].submit_us <= now; i++) {
            const sp_job *job = &jobs->job[i];
            if (start[i] >= 0) continue;
            if (!blocked) {
                if (job->chips <= free_now) {
                    start[i] = now;
                    free_now -= job->chips;
                    continue;
                }
                blocked = true;
                if (!backfill) break;
                uint32_t have = free_now;   /* ends of running jobs, earliest first; equal ends by start order are told apart below */
                shadow = now;
                while (have < job->chips) {
                    int64_t first = INT64_MAX;
                    for (uint32_t k = 0; k < n; k++)
                        if (start[k] >= 0 && start[k] + jobs->job[k].work_us > now && start[k] + jobs->job[k].estimate_us > shadow && start[k] + jobs->job[k].estimate_us < first)
                            first = start[k] + jobs->job[k].estimate_us;
                    for (uint32_t k = 0; k < n; k++)
                        if (start[k] >= 0 && start[k] + jobs->job[k].work_us > now && start[k] + jobs->job[k].estimate_us == first) have += jobs->job[k].chips;
                    shadow = first;
                }
                extra = have - job->chips;
            } else if (job->chips <= free_now && (now + job->estimate_us <= shadow || job->chips <= extra)) {
                if (now + job->estimate_us > shadow) extra -= job->chips;
                start[i] = now;
                free_now -= job->chips;
            }
        }
        for (uint32_t i = 0; i < n; i++) {
            int64_t end = start[i] >= 0 ? start[i] + jobs->job[i].work_us : jobs->job[i].submit_us;
            if (end > now && end < next) next = end;
        }
        if (next == INT64_MAX) break;
        now = next;
    }
    for (uint32_t i = 0; i < n; i++) wait[i] = start[i] < 0 ? -1 : start[i] - jobs->job[i].submit_us;
    free(start);
}

static void compare_waits(const sp_jobs *jobs, const sp_machine *machine, sp_order order)
{
    int64_t *plain = malloc(jobs->n * sizeof *plain), *ours = malloc(jobs->n * sizeof *ours);
    sp_history h;
    sp_operation op = sp_operation_default(machine);
    op.policy = sp_place_policy_find("scatter");
    op.order = order;
    op.horizon_s = 1e9;
    sp_error err = {0};
    plain_easy(jobs, machine->chips, order == SP_ORDER_EASY, plain);
    if (sp_operate(&op, jobs, 1, ours, &h, &err) != SP_OK) fail_msg("%s", err.text);
    for (uint32_t i = 0; i < jobs->n; i++)
        if (plain[i] != ours[i]) fail_msg("job %u waits %lld us, plainly %lld us", i, (long long)ours[i], (long long)plain[i]);
    assert_int_equal(h.jobs_done, jobs->n);
    sums_to_one(&h);
    free(plain);
    free(ours);
}

/* Chips of equal speed wherever they are, so that a placement never changes a run time: one switch. */
static void easy_equals_the_book(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("switch:128@100GB/s,1us chip=h100");
    for (uint64_t seed = 1; seed <= 12; seed++) {
        char text[300 * 64];
        size_t length = 0;
        sp_jobs jobs;
        sp_rng rng = sp_rng_make(seed, 9);
        for (uint32_t i = 0, at = 0; i < 300; i++) {   /* a log in the standard workload format, as the reader gets it */
            uint32_t run = 1 + (uint32_t)sp_rng_below(&rng, 300), ask = run * (1 + (uint32_t)sp_rng_below(&rng, 3)) + i;
            uint32_t chips = 1 + (uint32_t)sp_rng_below(&rng, seed % 2 ? 128 : 60);
            at += (uint32_t)sp_rng_below(&rng, 60);
            length += (size_t)sprintf(text + length, "%u %u -1 %u %u -1 -1 %u %u -1 1\n", i + 1, at, run, chips, chips, ask);
        }
        assert_int_equal(sp_jobs_parse_swf(text, length, "log", machine->chips, &jobs, NULL), SP_OK);
        assert_true(jobs.n == 300 && jobs.repaired == 0);
        compare_waits(&jobs, machine, SP_ORDER_EASY);
        compare_waits(&jobs, machine, SP_ORDER_FIFO);
        sp_jobs_free(&jobs);
    }
}

/* ---- bookkeeping ------------------------------------------------------------------------------------------------------------ */

static bool same(const sp_history *a, const sp_history *b) { return memcmp(a, b, sizeof *a) == 0; }

/* A busy machine with every kind of failure: losses sum to 1 in every run (sp_operate fails if one chip-microsecond is lost), and
 * threads change nothing. */
static void threads_change_nothing(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_failures f = *failures_of("catalog/failures/titan.yaml");
    f.row[f.n++] = (sp_fail_class){.name = "host", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(1e-6, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                   .repair_s = sp_value_of(50000, SP_GRADE_GUESS, ""), .repair_sigma = 1};
    f.row[f.n++] = (sp_fail_class){.name = "rack", .unit = SP_FAIL_RACK, .rate_per_s = sp_value_of(3e-6, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                   .repair_s = sp_value_of(20000, SP_GRADE_GUESS, "")};
    f.row[f.n++] = (sp_fail_class){.name = "switch", .unit = SP_FAIL_SWITCH, .rate_per_s = sp_value_of(1e-7, SP_GRADE_GUESS, ""), .shape = 1};
    f.row[f.n++] = (sp_fail_class){.name = "link", .unit = SP_FAIL_OPTICAL_LINK, .rate_per_s = sp_value_of(1e-8, SP_GRADE_GUESS, ""), .shape = 0.7};
    f.row[f.n++] = (sp_fail_class){.name = "pod", .unit = SP_FAIL_POD, .rate_per_s = sp_value_of(1e-6, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                   .repair_s = sp_value_of(9000, SP_GRADE_GUESS, ""), .repair_sigma = 0.5};
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.fail_scale = 3;
    op.horizon_s = 40 * 86400;
    sp_history a[6], b[6];
    sp_error err = {0};
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    if (sp_operate_seeds(&op, NULL, "mix:load=0.95,jobs=2000,replica=64", 1, 6, 1, a, &err) != SP_OK) fail_msg("%s", err.text);
    assert_int_equal(sp_operate_seeds(&op, NULL, "mix:load=0.95,jobs=2000,replica=64", 1, 6, 4, b, NULL), SP_OK);
    for (int i = 0; i < 6; i++) {
        assert_true(same(&a[i], &b[i]));
        sums_to_one(&a[i]);
        assert_true(a[i].requeued > 0 && a[i].replaced > 0 && a[i].swapped > 0 && a[i].jobs_done > 100);
        assert_true(a[i].share[SP_LOSS_DOWN] > 0 && a[i].share[SP_LOSS_SPARE] > 0 && a[i].share[SP_LOSS_RECOMPUTED] > 0 && a[i].share[SP_LOSS_IDLE_FRAGMENTED] > 0);
    }
    assert_false(same(&a[0], &a[1]));
}

/* Availability of a rack with and without its spare, simulated, against the chain: chips down at 1 of 16 racks' worth. */
static void down_share_is_the_chain(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_failures f = {.n = 1, .row = {{.name = "chip", .unit = SP_FAIL_CHIP, .rate_per_s = sp_value_of(1e-7, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                      .repair_s = sp_value_of(86400, SP_GRADE_GUESS, "")}}};
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.rack_spares = false;
    sp_jobs jobs = generated("one:chips=8,run=1s", machine->chips, op.horizon_s, 1);
    enum { SEEDS = 12 };
    sp_history h[SEEDS];
    double down[SEEDS], mean, half;
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 3, SEEDS, 1, h, NULL), SP_OK);
    for (int s = 0; s < SEEDS; s++) down[s] = h[s].share[SP_LOSS_DOWN];
    sp_cluster_mean(down, SEEDS, &mean, &half);
    assert_true(fabs(mean - 1e-7 * 86400 / (1 + 1e-7 * 86400)) < 2 * half);
    sp_jobs_free(&jobs);
}

/* Without failures and checkpoints, all of a job's time is useful; goodput is its chips x time. */
static void nothing_fails(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod");
    sp_operation op = sp_operation_default(machine);
    op.horizon_s = 1000;
    sp_history h;
    sp_jobs jobs = generated("one:chips=4096,run=500s", machine->chips, op.horizon_s, 1);
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, NULL), SP_OK);
    assert_true(h.ettr == 1 && h.jobs_done == 1 && h.mttf_s == 0);
    assert_float_equal(h.goodput, 4096.0 * 500 / (8192 + 128) / 1000, 1e-12);
    sums_to_one(&h);
    sp_jobs_free(&jobs);
}

/* One host of a pod is taken all the time: of what is free, its rack's other hosts lie in no free rack, and nothing in a free pod. Waits by
 * size are means of the waits of those sizes. */
static void figures_by_level_and_size(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod");
    sp_operation op = sp_operation_default(machine);
    sp_history h;
    op.horizon_s = 1000;
    sp_jobs jobs = generated("one:chips=8", machine->chips, op.horizon_s, 1);
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, NULL), SP_OK);
    assert_true(h.fragmentation_host == 0 && h.fragmentation_pod == 1);
    assert_float_equal(h.fragmentation_rack, 56.0 / 8184, 1e-12);
    sp_jobs_free(&jobs);
    op.horizon_s = 30 * 86400;
    jobs = generated("acme:load=1.3,jobs=3000", machine->chips, op.horizon_s, 1);
    int64_t *wait = malloc(jobs.n * sizeof *wait);
    double sum[3] = {0}, n[3] = {0};
    assert_int_equal(sp_operate(&op, &jobs, 1, wait, &h, NULL), SP_OK);
    for (uint32_t i = 0; i < jobs.n; i++) {
        int k = jobs.job[i].chips <= 8 ? 0 : jobs.job[i].chips <= 64 ? 1 : 2;
        if (wait[i] < 0) continue;
        sum[k] += 1e-6 * (double)wait[i];
        n[k]++;
    }
    assert_float_equal(h.wait_host_s, sum[0] / n[0], 1e-6);
    assert_float_equal(h.wait_rack_s, sum[1] / n[1], 1e-6);
    assert_float_equal(h.wait_pod_s, sum[2] / n[2], 1e-6);
    assert_true(h.wait_pods_s == 0 && h.slowdown_host >= 1 && h.slowdown_pods == 0);
    assert_float_equal(h.wait_mean_s, (sum[0] + sum[1] + sum[2]) / (n[0] + n[1] + n[2]), 1e-6);
    assert_true(h.fragmentation_host <= h.fragmentation_rack && h.fragmentation_rack <= h.fragmentation_pod);
    free(wait);
    sp_jobs_free(&jobs);
}

/* A fixed interval: stalls are C of every t + C. */
static void checkpoints_stall(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_operation op = sp_operation_default(machine);
    op.interval_s = 900;
    op.checkpoint_s = 100;
    op.horizon_s = 100000;
    op.rack_spares = false;
    sp_history h;
    sp_jobs jobs = generated("one:chips=1024", machine->chips, op.horizon_s, 1);
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, NULL), SP_OK);
    assert_float_equal(h.share[SP_LOSS_CHECKPOINT], 0.1, 1e-9);
    assert_float_equal(h.ettr, 0.9, 1e-9);
    sp_jobs_free(&jobs);
}

/* A copy in the background is of use when it has arrived: a failure costs the time of the copy more work, as if restarts were longer
 * by it, up to a share of (copy / MTBF)^2. */
static void copies_on_their_way_are_no_checkpoints(void **state)
{
    (void)state;
    enum { SEEDS = 24 };
    const sp_machine *machine = machine_of("atlas-950-superpod");
    sp_failures f = {.n = 1, .row = {{.name = "host", .unit = SP_FAIL_HOST, .rate_per_s = sp_value_of(6.5 / 1000 / 86400, SP_GRADE_PAPER, "RSC"), .shape = 1}}};
    sp_history h[SEEDS];
    double value[SEEDS], mean, half, m = 86400 / (1024 * 6.5 / 1000);
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.checkpoint_s = 2;
    op.drain_s = 400;
    op.interval_s = 500;
    op.detect_s = 10;
    op.swap_s = 50;
    op.horizon_s = SP_YEAR_S / 2;
    sp_jobs jobs = generated("one:chips=8192", machine->chips, op.horizon_s, 1);
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 100, SEEDS, 2, h, NULL), SP_OK);
    for (int s = 0; s < SEEDS; s++) value[s] = h[s].ettr;
    sp_cluster_mean(value, SEEDS, &mean, &half);
    /* Of a failure, t of work more is lost when it strikes in the first 400 s of the 502 s of a cycle. */
    double closed = sp_cluster_ettr(m, 500, 2, 60 + 400);
    assert_true(half < 0.002 && fabs(mean - closed) < 2 * half + 0.002);
    assert_true(mean < sp_cluster_ettr(m, 500, 2, 60) - 0.02);
    sp_jobs_free(&jobs);
    op.interval_s = 100;   /* shorter than the copy takes: the next waits for it */
    op.checkpoint_s = 100;
    jobs = generated("one:chips=8192", machine->chips, op.horizon_s, 1);
    op.failures = NULL;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, h, NULL), SP_OK);
    assert_float_equal(h[0].share[SP_LOSS_CHECKPOINT] / (h[0].share[SP_LOSS_CHECKPOINT] + h[0].goodput), 100.0 / 500, 1e-4);
    sp_jobs_free(&jobs);
}

/* Checkpoints in a host's memory are lost with the host: the job goes back to the last copy in storage. So it has the ETTR of copies alone, written
 * behind the work every P = best interval for what they take of the step; a stop of processes costs next to nothing. */
static void memory_is_lost_with_its_host(void **state)
{
    (void)state;
    enum { SEEDS = 12 };
    const double copy_s = 400, m = 86400 / (512 * 6.5 / 1000), stall_s = 0.02 * copy_s, every_s = sp_cluster_interval(m, stall_s);
    static const struct { sp_fail_unit unit; sp_ckpt_place place; bool down, lost; } set[] = {
        {SP_FAIL_HOST, SP_CKPT_LOCAL, true, true}, {SP_FAIL_HOST, SP_CKPT_LOCAL, false, false}, {SP_FAIL_CHIP, SP_CKPT_LOCAL, true, false}, {SP_FAIL_HOST, SP_CKPT_PEER, true, false},
        {SP_FAIL_RACK, SP_CKPT_LOCAL, true, true}, {SP_FAIL_RACK, SP_CKPT_PEER, true, false}};
    const sp_machine *machine = machine_of("atlas-950-superpod");
    for (size_t k = 0; k < sizeof set / sizeof *set; k++) {
        uint32_t chips = set[k].unit == SP_FAIL_CHIP ? 1 : set[k].unit == SP_FAIL_HOST ? 8 : 64;
        sp_failures f = {.n = 1, .row = {{.name = "part", .unit = set[k].unit, .rate_per_s = sp_value_of(chips / (4096 * m), SP_GRADE_GUESS, ""), .shape = 1, .down = set[k].down,
                                          .repair_s = sp_value_of(600, SP_GRADE_GUESS, "")}}};
        sp_operation op = sp_operation_default(machine);
        sp_history h[SEEDS];
        double value[SEEDS], mean, half;
        op.failures = &f;
        op.rack_spares = false;
        op.place = set[k].place;
        op.storage_s = copy_s;
        op.storage_share = 0.02;
        op.checkpoint_s = 0;
        op.interval_s = 10;
        op.detect_s = 10;
        op.swap_s = op.restart_s = 50;
        sp_jobs jobs = generated("one:chips=4096", machine->chips, op.horizon_s, 1);
        assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 7, SEEDS, 2, h, NULL), SP_OK);
        for (int s = 0; s < SEEDS; s++) {
            sums_to_one(&h[s]);
            value[s] = h[s].ettr;
        }
        sp_cluster_mean(value, SEEDS, &mean, &half);
        /* Read back, and the copy on its way is none: 2 x 400 s more for each failure. */
        double closed = set[k].lost ? sp_cluster_ettr(m, every_s, stall_s, 60 + 2 * copy_s) : sp_cluster_ettr(m, 10, 0, 60);
        print_message("%s %s in %s memory: ETTR %.4f +- %.4f, %.4f by the closed form\n", sp_fail_unit_name(set[k].unit), set[k].down ? "out" : "stops", sp_ckpt_place_name(set[k].place), mean, half, closed);
        assert_true(half < 0.003 && fabs(mean - closed) < 2 * half + 0.001);
        sp_jobs_free(&jobs);
    }
}

/* Where nothing stands by, a job of all chips that can give up replicas goes on: with w of R racks whole on average it has w / R of the
 * time, where a rigid one has the probability that all are whole. */
static void elastic_jobs_go_on(void **state)
{
    (void)state;
    enum { SEEDS = 6 };
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_failures f = {.n = 1, .row = {{.name = "rack", .unit = SP_FAIL_RACK, .rate_per_s = sp_value_of(1e-6, SP_GRADE_GUESS, ""), .shape = 1, .down = true,
                                      .repair_s = sp_value_of(50000, SP_GRADE_GUESS, "")}}};
    sp_operation op = sp_operation_default(machine);
    op.failures = &f;
    op.rack_spares = false;
    op.checkpoint_s = op.detect_s = op.swap_s = op.restart_s = 0;
    op.interval_s = 1;
    sp_history h[SEEDS];
    double rigid[SEEDS], elastic[SEEDS], mean, half, whole = 1 / (1 + 1e-6 * 50000);
    const char *const spec[2] = {"one:chips=1024", "one:chips=1024,replica=64"};
    for (int i = 0; i < 2; i++) {
        sp_jobs jobs = generated(spec[i], machine->chips, op.horizon_s, 1);
        assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, SEEDS, 2, h, NULL), SP_OK);
        for (int s = 0; s < SEEDS; s++) {
            (i == 0 ? rigid : elastic)[s] = h[s].goodput;
            sums_to_one(&h[s]);
            assert_true(i == 0 ? h[s].mttr_allocate_s > 10000 && h[s].mttr_s - h[s].mttr_allocate_s <= 1 : h[s].mttr_s <= 1);   /* nothing else takes time here but a second's work */
            assert_true(i == 0 ? h[s].shrunk == 0 && h[s].requeued > 0 : h[s].shrunk > 100 && h[s].grown > 50 && h[s].requeued == 0);
        }
        sp_jobs_free(&jobs);
    }
    sp_cluster_mean(elastic, SEEDS, &mean, &half);
    assert_true(fabs(mean - whole) < 2 * half + 1e-4);
    sp_cluster_mean(rigid, SEEDS, &mean, &half);
    assert_true(fabs(mean - pow(whole, 16)) < 2 * half + 1e-4);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("atlas-950-superpod-1024");
    sp_operation op = sp_operation_default(machine);
    sp_history h;
    sp_error err;
    sp_job job = {.work_us = 1, .estimate_us = 1, .chips = 1025, .id = 7};
    sp_jobs jobs = {.job = &job, .n = 1};
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "job 7 asks for 1025 chips"));
    job.chips = 8;
    sp_failures f = {.n = 1, .row = {{.name = "x", .unit = SP_FAIL_CHIP, .rate_per_s = sp_value_of(1e9, SP_GRADE_GUESS, ""), .shape = 1}}};
    op.failures = &f;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_RANGE);
    f.row[0].rate_per_s.nominal = 0;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_OK);
    assert_true(h.failures == 0);
    op.checkpoint_s = NAN;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_INVAL);
    op = sp_operation_default(machine);
    op.interval_s = 1e-6;
    op.checkpoint_s = 1e9;
    job.work_us = INT64_MAX / 16;
    job.estimate_us = INT64_MAX / 9;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_OK);
    op.horizon_s = 0;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_RANGE);
    assert_int_equal(sp_operate_seeds(&op, &jobs, NULL, 1, 0, 1, &h, &err), SP_E_INVAL);
}

static int set_up(void **state)
{
    (void)state;
    arena = sp_arena_create();
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK ? 0 : -1;
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_fails), cmocka_unit_test(figures_by_level_and_size), cmocka_unit_test(checkpoints_stall), cmocka_unit_test(closed_form_lies_in_the_interval), cmocka_unit_test(llama3),
        cmocka_unit_test(meta_rsc), cmocka_unit_test(easy_equals_the_book), cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(down_share_is_the_chain), cmocka_unit_test(copies_on_their_way_are_no_checkpoints), cmocka_unit_test(memory_is_lost_with_its_host), cmocka_unit_test(elastic_jobs_go_on), cmocka_unit_test(bad_input_is_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
