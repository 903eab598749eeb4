/* Prints what superpod takes: time, CPU and peak memory of each case, every run in a process of its own (wait4), the best
 * of `runs`. Nothing here fails on a slow machine: figures are for people (bench/RESULTS.md), never for tests.
 *
 * bench SUPERPOD [RUNS]: run from the root of the clone; bench/run builds and calls it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "superpod/study.h"

#define ARGS_MAX 24

typedef struct figures { double wall_s, cpu_s, rss_bytes; double work; char words[200]; } figures;

/* One case: a command line of the binary, or a function that runs in the child and says how much work it did. */
typedef struct bench_case {
    const char *name;
    const char *args[ARGS_MAX];
    void (*function)(figures *out);
    const char *rate;             /* unit of work / s of CPU time; NULL: none */
} bench_case;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void die(const char *what, const sp_error *err)
{
    fprintf(stderr, "bench: %s: %s\n", what, err ? err->text : "failed");
    _exit(3);
}

static const sp_machine *machine(const char *text)
{
    sp_catalog *catalog;
    const sp_machine *out;
    sp_error err = {0};
    if (sp_catalog_open("catalog", &catalog, &err) != SP_OK || sp_catalog_machine(catalog, text, &out, &err) != SP_OK)
        die(text, &err);
    return out;
}

static const sp_model *model(const char *path, sp_arena *arena)
{
    const sp_model *out;
    sp_error err = {0};
    if (sp_model_load(path, NULL, arena, &out, &err) != SP_OK)
        die(path, &err);
    return out;
}

/* ---- cases that run inside ------------------------------------------------------------------------------------------ */

static void search_on(const char *name, uint64_t gbs, figures *out)
{
    sp_arena *arena = sp_arena_create();
    sp_problem problem = sp_problem_default(machine(name), model("catalog/models/deepseek-v3.yaml", arena));
    sp_solution solution;
    sp_error err = {0};
    problem.free_precision = true;   /* as the command line asks */
    problem.gbs = gbs ? gbs : problem.gbs;
    if (sp_plan_search(&problem, arena, &solution, &err) != SP_OK)
        die("search", &err);
    const sp_plan_counts *c = &solution.counts;
    out->work = (double)c->priced;
    snprintf(out->words, sizeof out->words, "%" PRIu64 " legal: %" PRIu64 " do not fit in memory, %" PRIu64 " priced, %" PRIu64 " simulated",
             c->legal, c->refused_memory, c->priced, c->simulated);
}

static void search_pod(figures *out) { search_on("atlas-950-superpod", 0, out); }
static void search_cluster(figures *out) { search_on("atlas-950-supercluster", 524288, out); }
static void search_million(figures *out) { search_on("atlas-960-supercluster", 503360, out); }

/* Quotes every cut and ZeRO stage of one shape in its places. Returns how many fit in memory, and so have a whole bound. */
static uint64_t quote_shape(sp_pricer *pricer, const sp_machine *m, const sp_model *mod, sp_plan plan)
{
    uint64_t n = 0;
    sp_pricer_shape(pricer, &plan);
    for (plan.pp = 1; plan.pp <= 32; plan.pp *= 2)
        for (int order = 0; order < 2; order++) {
            sp_layout layout;
            sp_lanes lanes[2];
            plan.dp = m->chips / (plan.tp * plan.cp * plan.pp);
            plan.order[2] = order ? SP_AXIS_PP : SP_AXIS_DP;
            plan.order[3] = order ? SP_AXIS_DP : SP_AXIS_PP;
            if (sp_plan_layout(&plan, m, &layout, NULL) != SP_OK)
                continue;
            for (plan.zero = 0; plan.zero < 2; plan.zero++)
                if (sp_pricer_lanes(pricer, &plan, &layout, &lanes[plan.zero], NULL) != SP_OK)
                    die("lanes", NULL);
            for (plan.vpp = 1; plan.vpp <= 16; plan.vpp++)
                for (plan.last_layers = 0; plan.last_layers < 3; plan.last_layers++)
                    for (plan.zero = 0; plan.zero < 2; plan.zero++) {
                        const sp_cut *cut;
                        sp_price price;
                        plan.schedule = plan.vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
                        if (sp_plan_check(&plan, mod, m, NULL) == SP_OK && sp_pricer_cut(pricer, &plan, &cut, NULL) == SP_OK &&
                            sp_pricer_quote(pricer, &plan, cut, &lanes[plan.zero], &price, NULL) == SP_OK)
                            n += price.lower_bound_s > 0;
                    }
        }
    return n;
}

/* Plans priced one by one with nothing to beat, so that every bound is computed whole; rules and places included. */
static void price(figures *out)
{
    sp_arena *arena = sp_arena_create();
    const sp_machine *m = machine("atlas-950-superpod");
    const sp_model *mod = model("catalog/models/deepseek-v3.yaml", arena);
    sp_pricer *pricer;
    sp_plan plan = sp_plan_default();
    uint64_t n = 0;
    plan.gbs = 16384;
    plan.seq = 4096;
    plan.precision = SP_FMT_FP8;
    if (sp_pricer_create(m, mod, &pricer, NULL) != SP_OK)
        die("pricer", NULL);
    for (plan.tp = 1; plan.tp <= 8; plan.tp *= 2)
        for (plan.ep = 8; plan.ep <= 256; plan.ep *= 2)
            for (plan.mbs = 1; plan.mbs <= 4; plan.mbs *= 2)
                for (int r = 0; r < SP_RECOMPUTES; r++) {
                    plan.recompute = (sp_recompute)r;
                    n += quote_shape(pricer, m, mod, plan);
                }
    out->work = (double)n;
    snprintf(out->words, sizeof out->words, "%" PRIu64 " priced, every bound whole", n);
    sp_pricer_destroy(pricer);
}

/* A step of 16 stages, 6 chunks each, 1,024 micro-batches. */
static void step(figures *out)
{
    sp_arena *arena = sp_arena_create();
    sp_plan plan = sp_plan_default();
    plan.tp = 8;
    plan.pp = 16;
    plan.vpp = 6;
    plan.dp = 2;
    plan.gbs = 1024 * 2;
    plan.seq = 2048;
    plan.schedule = SP_SCHEDULE_INTERLEAVED;
    sp_train_report report;
    sp_error err = {0};
    if (sp_predict_train(machine("dgx-h100:32"), model("catalog/models/gpt3-175b.yaml", arena), &plan, false, arena, &report, NULL, &err) != SP_OK)
        die("step", &err);
    double begin = (double)clock() / CLOCKS_PER_SEC;
    sp_arena *again = sp_arena_create();
    sp_run run;
    if (sp_fabric_event(report.program, again, &run, &err) != SP_OK)
        die("event", &err);
    out->cpu_s = (double)clock() / CLOCKS_PER_SEC - begin;   /* of the evaluator alone */
    out->work = run.n_spans;
    snprintf(out->words, sizeof out->words, "%u instances, arena %.0f B each", run.n_spans, (double)sp_arena_bytes(again) / run.n_spans);
}

/* Every row of the table built, and priced unless its floor says that it cannot win. */
static void collective_on(const char *name, sp_coll_op op, figures *out)
{
    const sp_machine *m = machine(name);
    sp_placement all = sp_placement_linear(0, m->chips);
    sp_coll_time t;
    sp_error err = {0};
    uint32_t n = 0;
    double begin = (double)clock() / CLOCKS_PER_SEC, end = begin;
    for (; n < 1000 && (end - begin < 0.2 || n < 3); n++, end = (double)clock() / CLOCKS_PER_SEC)
        if (sp_coll_best(op, m, &all, sp_machine_stack(m, NULL), 1 << 30, false, NULL, &t, &err) != SP_OK)
            die(name, &err);
    out->cpu_s = (end - begin) / n;
    snprintf(out->words, sizeof out->words, "%s, %.4g ms at 1 GiB", t.algo->name, 1e3 * t.comm.time_s);
}

static void all_reduce_pod(figures *out) { collective_on("atlas-950-superpod", SP_COLL_ALL_REDUCE, out); }
static void all_reduce_cluster(figures *out) { collective_on("atlas-950-supercluster", SP_COLL_ALL_REDUCE, out); }
static void all_to_all_pod(figures *out) { collective_on("atlas-950-superpod", SP_COLL_ALL_TO_ALL, out); }
static void all_to_all_cluster(figures *out) { collective_on("atlas-950-supercluster", SP_COLL_ALL_TO_ALL, out); }

/* Both machines at equal chips: their best plans, 48 samples each, and where the first reaches the second by chips and by links. */
static void compare(const char *first, const char *second, figures *out)
{
    sp_arena *arena = sp_arena_create();
    const char *const texts[] = {first, second};
    sp_compare_problem problem = {.model = model("catalog/models/deepseek-v3.yaml", arena), .n_machines = 2, .machines = texts, .equal = SP_EQUAL_CHIPS,
                                  .effort = SP_EFFORT_NORMAL};
    sp_comparison c;
    sp_error err = {0};
    if (sp_catalog_open("catalog", &problem.catalog, &err) != SP_OK ||
        sp_compare(&problem, arena, &c, &err) != SP_OK)
        die(first, &err);
    out->work = c.searches;
    snprintf(out->words, sizeof out->words, "%u chips each; %" PRIu64 " legal plans, %" PRIu64 " priced, %" PRIu64 " simulated, 96 samples", c.entry[0].chips, c.searched.legal,
             c.searched.priced, c.searched.simulated);
}

static void compare_pod(figures *out) { compare("atlas-950-superpod", "gb300-nvl72", out); }

static const bench_case cases[] = {
    {.name = "train, 8,192 chips", .args = {"train", "atlas-950-superpod", "deepseek-v3", "--gbs", "16384", "--ep", "64", "--pp", "16", "--recompute", "full"}},
    {.name = "train, 524,288 chips", .args = {"train", "atlas-950-supercluster", "deepseek-v3", "--gbs", "524288", "--ep", "64", "--pp", "16", "--recompute", "full"}},
    {.name = "train, 1,006,720 chips", .args = {"train", "atlas-960-supercluster", "llama3.1-405b", "--gbs", "503360", "--tp", "8", "--pp", "2",
              "--recompute", "full"}},
    {.name = "machine show, 524,288 chips", .args = {"machine", "show", "atlas-950-supercluster"}},
    {.name = "plan, 8,192 chips", .args = {"plan", "atlas-950-superpod", "deepseek-v3"}},
    {.name = "plan, 524,288 chips", .args = {"plan", "atlas-950-supercluster", "deepseek-v3", "--gbs", "524288"}},
    {.name = "search, 8,192 chips", .function = search_pod, .rate = "plans"},
    {.name = "search, 524,288 chips", .function = search_cluster, .rate = "plans"},
    {.name = "search, 1,006,720 chips", .function = search_million, .rate = "plans"},
    {.name = "compare, 8,192 chips each", .function = compare_pod, .rate = "searches"},
    {.name = "pricing alone, 8,192 chips", .function = price, .rate = "plans"},
    {.name = "event evaluator alone", .function = step, .rate = "instances"},
    {.name = "all-reduce, 8,192 ranks", .function = all_reduce_pod},
    {.name = "all-reduce, 524,288 ranks", .function = all_reduce_cluster},
    {.name = "all-to-all, 8,192 ranks", .function = all_to_all_pod},
    {.name = "all-to-all, 524,288 ranks", .function = all_to_all_cluster},
};

/* ---- running a case in a process of its own ---------------------------------------------------------------------------- */

static void child(const bench_case *c, const char *superpod, int to)
{
    if (c->function) {
        figures mine = {0};
        c->function(&mine);
        ssize_t sent = write(to, &mine, sizeof mine);
        _exit(sent == (ssize_t)sizeof mine ? 0 : 3);
    }
    char *argv[ARGS_MAX + 2] = {(char *)(uintptr_t)superpod};
    for (int i = 0; c->args[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)c->args[i];
    if (!freopen("/dev/null", "w", stdout))
        _exit(3);
    execv(superpod, argv);
    _exit(127);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static bool run_once(const bench_case *c, const char *superpod, figures *out)
{
    int ends[2], status;
    struct rusage usage;
    *out = (figures){0};
    fflush(stdout);
    if (pipe(ends) != 0)
        return false;
    double begin = now_s();
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(c, superpod, ends[1]);
    }
    close(ends[1]);
    bool said = c->function && read(ends[0], out, sizeof *out) == (ssize_t)sizeof *out;
    close(ends[0]);
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || (c->function && !said))
        return false;
    out->wall_s = now_s() - begin;
    out->rss_bytes = 1024.0 * (double)usage.ru_maxrss;
    if (out->cpu_s == 0)
        out->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    return true;
}

static bool run_case(const bench_case *c, const char *superpod, int runs)
{
    figures best = {0};
    char cpu[32], wall[32], rss[32];
    for (int i = 0; i < runs; i++) {
        figures f;
        if (!run_once(c, superpod, &f)) {
            printf("| %s | failed | | | |\n", c->name);
            return false;
        }
        double most = i && best.rss_bytes > f.rss_bytes ? best.rss_bytes : f.rss_bytes;
        best = i == 0 || f.cpu_s < best.cpu_s ? f : best;
        best.rss_bytes = most;
    }
    sp_unit_format(best.cpu_s, SP_UNIT_SECONDS, cpu, sizeof cpu);
    sp_unit_format(best.wall_s, SP_UNIT_SECONDS, wall, sizeof wall);
    sp_unit_format(best.rss_bytes, SP_UNIT_BYTES, rss, sizeof rss);
    printf("| %s | %s | %s | %s |", c->name, cpu, c->function ? "" : wall, rss);
    if (c->rate)
        printf(" %.3g %s a CPU second; %s |\n", best.work / best.cpu_s, c->rate, best.words);
    else
        printf(" %s |\n", best.words);
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench SUPERPOD [RUNS]\n");
        return 2;
    }
    int runs = argc > 2 ? atoi(argv[2]) : 3;
    bool ok = true;
    printf("| case | CPU time | wall time | peak memory | |\n|---|---:|---:|---:|---|\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ok = run_case(&cases[i], argv[1], runs > 0 ? runs : 1) && ok;
    return ok ? 0 : 3;
}
