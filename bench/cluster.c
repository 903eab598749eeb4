/* What the cluster manager takes, on one core: placements at stationary load, many segments, failure to new placement, years
 * simulated, SWF replayed. Figures are for people (bench/RESULTS.md), never for tests.
 *
 * bench-cluster [answers | policies | JOBS]: run from the root of the clone; JOBS as of `superpod operate --jobs`, for one year alone. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

#define SLOTS 100000u

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void die(const char *what, const sp_error *err)
{
    fprintf(stderr, "bench-cluster: %s: %s\n", what, err->text);
    exit(3);
}

/* Beside a figure what was promised of it. */
static const char *kept(bool is) { return is ? "kept" : "missed"; }

static sp_catalog *catalog;

static const sp_machine *machine_of(const char *text)
{
    const sp_machine *machine;
    sp_error err = {0};
    if (!catalog && sp_catalog_open("catalog", &catalog, &err) != SP_OK) die("catalog", &err);
    if (sp_catalog_machine(catalog, text, &machine, &err) != SP_OK) die(text, &err);
    return machine;
}

/* ---- placements -------------------------------------------------------------------------------------------------------- */

typedef struct load { sp_cluster *cluster; const sp_machine *machine; sp_cluster_shape shape; uint32_t *list, *chips; uint32_t n, owner; sp_rng rng; double slow; } load;

/* 1 to 4,096 hosts, log-uniform; at most a quarter of the machine. */
static uint32_t draw_size(load *l)
{
    uint32_t chips = l->shape.row_chips << sp_rng_below(&l->rng, 13);
    return chips > l->shape.chips / 4 ? l->shape.row_chips : chips;
}

static bool put(load *l, uint32_t chips)
{
    sp_spread spread;
    if (!sp_place_policies[0].place(l->cluster, &(sp_request){.chips = chips}, l->owner++, &l->list[l->n], &spread)) return false;
    l->slow += sp_cluster_slowdown(l->machine, &l->shape, &spread);
    l->chips[l->n++] = chips;
    return true;
}

static void drop(load *l)
{
    uint32_t at = (uint32_t)sp_rng_below(&l->rng, l->n);
    sp_cluster_free(l->cluster, l->list[at]);
    l->list[at] = l->list[--l->n];
    l->chips[at] = l->chips[l->n];
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Frees until the next job fits under the load, places it; all of it in the time, p99 of the placement alone. */
static void placements(const char *name, double fill, double least_per_s, uint32_t warm, uint32_t n)
{
    load l = {.machine = machine_of(name), .rng = sp_rng_make(1, 0), .list = malloc(SLOTS * sizeof(uint32_t)), .chips = malloc(SLOTS * sizeof(uint32_t))};
    sp_error err = {0};
    double *took = malloc(n * sizeof *took), begin = 0, failed = 0, chips_sum = 0;
    if (sp_cluster_shape_of(l.machine, &l.shape, &err) != SP_OK || sp_cluster_create(&l.shape, &l.cluster, &err) != SP_OK) die(name, &err);
    for (uint32_t i = 0; i < warm + n; i++) {
        if (i == warm) {
            l.slow = 0;
            begin = now_s();
        }
        uint32_t chips = draw_size(&l);
        double used = l.shape.chips - sp_cluster_free_chips(l.cluster);
        while (l.n > 0 && used + chips > fill * l.shape.chips) {
            drop(&l);
            used = l.shape.chips - sp_cluster_free_chips(l.cluster);
        }
        double from = i >= warm && i % 16 == 0 ? now_s() : 0;
        if (!put(&l, chips)) failed++;
        if (from > 0) took[(i - warm) / 16] = now_s() - from;
        if (i >= warm) chips_sum += chips;
    }
    double total = now_s() - begin;
    uint32_t samples = n / 16;
    qsort(took, samples, sizeof *took, by_size);
    double p99_s = took[samples * 99 / 100];
    printf("| placements, %s, load %.0f %% | %.3g /s, p99 %.3g us | %.3g /s, p99 1 ms: %s | mean %.0f hosts, mean slowdown %.4f, %.0f refused, %.1f MB |\n", name, 100 * fill, n / total,
           1e6 * p99_s, least_per_s, kept(n / total >= least_per_s && p99_s < 1e-3), chips_sum / n / l.shape.row_chips, l.slow / n, failed, (double)sp_cluster_bytes(l.cluster) / 1e6);
    sp_cluster_destroy(l.cluster);
    free(took);
    free(l.list);
    free(l.chips);
}

static void segments(void)
{
    const sp_machine *machine = machine_of("atlas-950-supercluster");
    sp_cluster_shape shape;
    sp_cluster *cluster;
    sp_spread spread;
    sp_error err = {0};
    uint32_t list, n = 1000;
    double begin = now_s(), made;
    if (sp_cluster_shape_of(machine, &shape, &err) != SP_OK || sp_cluster_create(&shape, &cluster, &err) != SP_OK) die("segments", &err);
    made = now_s() - begin;
    begin = now_s();
    for (uint32_t i = 0; i < n; i++) {
        if (!sp_place_policy_find("segments")->place(cluster, &(sp_request){512 * 64, 64}, 1, &list, &spread)) die("segments", &err);
        sp_cluster_free(cluster, list);
    }
    double each_s = (now_s() - begin) / n;
    printf("| 512 segments of 8 hosts, placed and freed | %.3g ms | 1 ms: %s | state made in %.3g ms |\n", 1e3 * each_s, kept(each_s < 1e-3), 1e3 * made);
    sp_cluster_destroy(cluster);
}

/* Failure to new plan on the whole supercluster at 98 %: what stands by, the table's row, chips in place of those lost, the new spread.
 * Jobs of 1,024 chips; one chip or host after another fails under one of them. */
static void answers(void)
{
    enum { JOBS = 500, FAILURES = 20000 };
    const sp_machine *machine = machine_of("atlas-950-supercluster");
    sp_cluster_shape shape;
    sp_cluster *cluster;
    sp_arena *arena = sp_arena_create();
    const sp_model *model;
    sp_plan plan = sp_plan_default();
    sp_recovery *table;
    sp_error err = {0};
    sp_rng rng = sp_rng_make(5, 0);
    static uint32_t list[JOBS], chips[1024], used[SP_RUNGS];
    static double took[FAILURES];
    plan.tp = 8;
    plan.dp = 128;
    plan.gbs = 512;
    plan.seq = 4096;
    plan.recompute = SP_RECOMPUTE_FULL;
    if (sp_model_load("catalog/models/llama3-70b.yaml", NULL, arena, &model, &err) != SP_OK) die("model", &err);
    sp_recovery_query query = sp_recovery_query_default(machine, model, &plan);
    double begin = now_s();
    if (sp_recovery_create(&query, &table, &err) != SP_OK) die("recovery", &err);
    double made_s = now_s() - begin;
    sp_spread spread;
    uint32_t n = 0;
    if (sp_cluster_shape_of(machine, &shape, &err) != SP_OK || sp_cluster_create(&shape, &cluster, &err) != SP_OK) die("answers", &err);
    for (uint32_t j = 0; j < JOBS; j++)
        if (!sp_place_policies[0].place(cluster, &(sp_request){.chips = 1024}, j, &list[j], &spread)) die("answers", &err);
    for (uint32_t i = 0; i < FAILURES; i++) {
        uint32_t j = (uint32_t)sp_rng_below(&rng, JOBS), held = sp_cluster_list_chips(cluster, list[j], chips);
        sp_fail_unit unit = (sp_fail_unit)sp_rng_below(&rng, 2);
        uint32_t chip = chips[sp_rng_below(&rng, held)], first = unit == SP_FAIL_HOST ? chip / shape.row_chips * shape.row_chips : chip;
        if (sp_cluster_free_chips(cluster) < 64) break;
        begin = now_s();
        const sp_recovery_row *row = sp_recovery_answer(table, cluster, unit, first, j, &list[j], &spread);
        took[n++] = now_s() - begin;
        used[row->rung]++;
    }
    qsort(took, n, sizeof *took, by_size);
    printf("| failure to new plan and chips, 524,288 chips | median %.3g us, p99 %.3g us | 100 us: %s | %u failures: %u by spares, %u by other chips; largest %.3g us; table made in %.3g ms |\n",
           1e6 * took[n / 2], 1e6 * took[n * 99 / 100], kept(took[n * 99 / 100] < 1e-4), n, used[SP_RUNG_SPARE], used[SP_RUNG_SWAP], 1e6 * took[n - 1], 1e3 * made_s);
    sp_cluster_destroy(cluster);
    sp_recovery_destroy(table);
    sp_arena_destroy(arena);
}

/* MindCluster's rules beside ours: four SuperPoDs, RSC-1's failures, three mixes of jobs up to half a SuperPoD, eight runs of a tenth
 * of a year each. sp-block: the whole job, and 512 chips. */
static void policies(void)
{
    enum { SEEDS = 8 };
    static const char *const mix[] = {"mix:load=0.85,jobs=20000,chips=4096", "mix:load=0.95,jobs=20000,chips=4096", "pretrain:load=0.95,chips=4096"};
    static const struct { const char *name; uint32_t segment; double defrag; } who[] = {{"best", 0, 0}, {"mindcluster", 0, 0}, {"mindcluster", 512, 0}, {"mindcluster", 0, 1}};
    const sp_machine *machine = machine_of("atlas-950-supercluster:4");
    sp_arena *arena = sp_arena_create();
    sp_failures failures;
    sp_error err = {0};
    if (sp_failures_load("catalog/failures/rsc-1.yaml", arena, &failures, &err) != SP_OK) die("rsc-1", &err);
    for (size_t m = 0; m < sizeof mix / sizeof *mix; m++) {
        double best[SEEDS] = {0}, less[SEEDS], less_mean, less_half;
        for (size_t w = 0; w < sizeof who / sizeof *who; w++) {
            sp_operation op = sp_operation_default(machine);
            sp_history h[SEEDS];
            double goodput[SEEDS], wait = 0, idle = 0, slow = 0, mean, half;
            op.policy = sp_place_policy_find(who[w].name);
            op.segment_chips = who[w].segment;
            op.defrag_ratio = who[w].defrag;
            op.failures = &failures;
            op.horizon_s = 0.1 * SP_YEAR_S;
            if (sp_operate_seeds(&op, NULL, mix[m], 1, SEEDS, 1, h, &err) != SP_OK) die(mix[m], &err);
            for (int s = 0; s < SEEDS; s++) {
                goodput[s] = h[s].goodput;
                if (w == 0) best[s] = goodput[s];
                less[s] = best[s] - goodput[s];
                wait += h[s].wait_mean_s / SEEDS;
                idle += h[s].share[SP_LOSS_IDLE_FRAGMENTED] / SEEDS;
                slow += h[s].share[SP_LOSS_SLOWDOWN] / SEEDS;
            }
            sp_cluster_mean(goodput, SEEDS, &mean, &half);
            sp_cluster_mean(less, SEEDS, &less_mean, &less_half);   /* the same jobs and failures: seed by seed */
            printf("| %s, %s%s | goodput %.2f +- %.2f %%, best is %.2f +- %.2f above | mean wait %.2f h, idle by fragmentation %.2f %%, placement slowdown %.2f %% |\n", mix[m], who[w].name,
                   who[w].segment != 0 ? ", sp-block 512" : who[w].defrag != 0 ? ", our moves" : "", 100 * mean, 100 * half, 100 * less_mean, 100 * less_half, wait / 3600, 100 * idle, 100 * slow);
        }
    }
    sp_arena_destroy(arena);
}

/* ---- years ---------------------------------------------------------------------------------------------------------------- */

static void years(const char *spec, double years_n)
{
    const sp_machine *machine = machine_of("atlas-950-supercluster");
    sp_failures failures;
    sp_arena *arena = sp_arena_create();
    sp_operation op = sp_operation_default(machine);
    sp_history h;
    sp_jobs jobs;
    sp_error err = {0};
    op.horizon_s = years_n * SP_YEAR_S;
    op.failures = &failures;
    if (sp_failures_load("catalog/failures/rsc-1.yaml", arena, &failures, &err) != SP_OK || sp_jobs_generate(spec, machine->chips, op.horizon_s, 1, &jobs, &err) != SP_OK)
        die(spec, &err);
    double begin = now_s();
    if (sp_operate(&op, &jobs, 1, NULL, &h, &err) != SP_OK) die(spec, &err);
    double took = now_s() - begin;
    double sum = 0;
    for (int l = 0; l < SP_LOSSES; l++) sum += h.share[l];
    printf("| 524,288 chips, %s | %.3g years/s | 1 year/s: %s | %" PRIu64 " jobs started, %" PRIu64 " failures (%.0f a day), %" PRIu64 " victims, longest queue %" PRIu64
           ", utilisation %.3f, goodput %.3f, losses sum to %.17g, %.3g us an event |\n",
           spec, years_n / took, kept(years_n >= took && sum == 1), h.jobs_started, h.failures, (double)h.failures / (365 * years_n), h.interruptions, h.queue_max, h.utilisation, h.goodput, sum, 1e6 * took / (double)h.events);
    sp_jobs_free(&jobs);
    sp_arena_destroy(arena);
}

/* First of all cases, so that the peak is its own. */
static void start_up(void)
{
    double begin = now_s();
    const sp_machine *machine = machine_of("atlas-950-supercluster");
    sp_cluster_shape shape;
    sp_cluster *cluster;
    sp_error err = {0};
    if (sp_cluster_shape_of(machine, &shape, &err) != SP_OK || sp_cluster_create(&shape, &cluster, &err) != SP_OK) die("start", &err);
    double made_s = now_s() - begin;
    sp_cluster_destroy(cluster);
    years("acme:load=0.65,jobs=100k", 1);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("| start-up: catalog, machine and state of 524,288 chips | %.3g ms | 200 ms: %s | |\n", 1e3 * made_s, kept(made_s < 0.2));
    printf("| memory of 524,288 chips and a year of 100,000 jobs | %.3g MB | 256 MB: %s | of the process, at most |\n", (double)used.ru_maxrss / 1e3, kept((double)used.ru_maxrss < 256e3));
}

static void swf(void)
{
    enum { JOBS = 1000000 };
    const sp_machine *machine = machine_of("dgx-h100:128");
    char *text = malloc((size_t)JOBS * 64);
    size_t length = 0;
    sp_rng rng = sp_rng_make(3, 0);
    int64_t at = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        uint32_t chips = 1u << sp_rng_below(&rng, 8), run = 1 + (uint32_t)sp_rng_below(&rng, 7200);
        at += (int64_t)sp_rng_below(&rng, 320);
        length += (size_t)sprintf(text + length, "%u %" PRId64 " -1 %u %u -1 -1 -1 %u -1 1\n", i + 1, at, run, chips, 2 * run);
    }
    sp_jobs jobs;
    sp_history h;
    sp_error err = {0};
    double begin = now_s(), read_s;
    if (sp_jobs_parse_swf(text, length, "bench", machine->chips, &jobs, &err) != SP_OK) die("swf", &err);
    read_s = now_s() - begin;
    sp_operation op = sp_operation_default(machine);
    op.horizon_s = (double)at + 86400;   /* a day after the last is submitted */
    begin = now_s();
    if (sp_operate(&op, &jobs, 1, NULL, &h, &err) != SP_OK) die("swf", &err);
    double run_s = now_s() - begin;
    printf("| SWF of 10^6 jobs on 1,024 chips, EASY | %.3g jobs/s | 1e6 jobs/s: %s | read %.3g s, run %.3g s; utilisation %.3f, mean wait %.0f s, longest queue %" PRIu64 " |\n",
           JOBS / (read_s + run_s), kept(JOBS / (read_s + run_s) >= 1e6), read_s, run_s, h.utilisation, h.wait_mean_s, h.queue_max);
    sp_jobs_free(&jobs);
    free(text);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && (strcmp(argv[1], "answers") == 0 || strcmp(argv[1], "policies") == 0)) {
        if (argv[1][0] == 'a') answers();
        else policies();
        sp_catalog_close(catalog);
        return 0;
    }
    if (argc > 1) {   /* one year of the jobs named */
        years(argv[1], 1);
        sp_catalog_close(catalog);
        return 0;
    }
    printf("| case | figure | promised | |\n|---|---:|---|---|\n");
    start_up();
    static const double fill[] = {0.65, 0.98};
    for (int i = 0; i < 2; i++) placements("atlas-950-supercluster", fill[i], 2e5, 1000000, 400000);
    for (int i = 0; i < 2; i++) placements("atlas-950-supercluster:8", fill[i], 5e5, 1000000, 400000);
    segments();
    answers();
    static const char *const streams[] = {   /* load is useful time asked for: with failures, checkpoints and warming up they hold 65, 98, 65 and 91 % of the machine */
        "mix:load=0.51,jobs=1M", "mix:load=0.77,jobs=1M", "acme:load=0.8,jobs=1M", "acme:load=1.24,jobs=1M"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) years(streams[i], 1);
    years("one", 1);
    swf();
    sp_catalog_close(catalog);
    return 0;
}
