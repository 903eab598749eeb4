/* The flow evaluator on the workloads that SimGrid, LogGOPSim and others were run on: w1 ring all-reduce of 1 GiB, w2 all-to-all
 * of 1 MiB a pair, w3 random permutation (sizes 10 to 100 MB) by D-mod-K. Links of 50 GB/s (400 Gb/s), 0.5 us each.
 * Every case runs in a process of its own, from its start; CPU seconds are the whole process's, of short ones the median of 25. Where bench-simgrid is built (bench/simgrid.cpp:
 * SimGrid, model CM02, no TCP factors), it runs in the same minute beside those cases that take it less than two, and the
 * answers are compared; elsewhere with the closed form.
 *
 * bench-flow [--alone] [FIRST-LETTERS-OF-CASE]: run from the root of the clone. --alone: no peer. What it starts itself with: --case NUMBER PIPE. */
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "superpod/collective.h"

#define RING_BYTES 1073741824.0
#define PAIR_BYTES 1048576.0
#define RUNS_MAX 25u   /* of a case, or as many as take this long */
#define RUNS_S 0.05

typedef struct run { double time_s, mean_s, eval_s; sp_flow_time flow; } run;
typedef struct bench_case {
    const char *name;
    uint32_t n;
    void (*function)(uint32_t n, bool lifted, run *out);
    bool lifted;
    double answer_s;                   /* closed form; 0: none                          */
    const char *peer[2];               /* its topology and workload; NULL: not run there */
} bench_case;

static _Noreturn void die(const sp_error *err)
{
    fprintf(stderr, "bench-flow: %s\n", err->text);
    _exit(3);
}

static const sp_machine *machine(const char *text, const char *stack)
{
    sp_catalog *catalog;
    const sp_machine *out;
    sp_error err = {0};
    if (sp_catalog_open("catalog", &catalog, &err) != SP_OK || sp_catalog_network(catalog, text, stack, &out, &err) != SP_OK)
        die(&err);
    return out;
}

static double process_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void evaluate(const sp_program *program, const sp_machine *m, const sp_placement *place, const char *stack, double bytes,
                     const sp_flow_options *options, run *out)
{
    sp_error err = {0};
    double start_s = process_s();
    if (sp_fabric_flow(program, m, place, sp_machine_stack(m, stack), sp_coll_unit_bytes(program, bytes), options, &out->flow, &err) != SP_OK)
        die(&err);
    out->eval_s = process_s() - start_s;
    out->time_s = out->flow.time_s;
}

static const sp_machine *star(uint32_t n)
{
    char text[128];
    snprintf(text, sizeof text, "switch:%u@50GB/s,1us chip=h100", n);
    return machine(text, "ideal");
}

/* Hosts an edge switch, edges a pod, pods: the non-blocking three-level tree. */
static const sp_machine *tree(uint32_t n)
{
    static const uint32_t shapes[][4] = {{128, 4, 4, 8}, {256, 8, 8, 4}, {1024, 8, 8, 16}, {8192, 16, 16, 32}, {16384, 32, 32, 16}};
    char text[256] = "";
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const uint32_t *s = shapes[i];
        if (s[0] == n)
            snprintf(text, sizeof text, "switch:%u@50GB/s,1us clos:%u@50GB/s,2us,switches=%u,shared clos:%u@50GB/s,3us,switches=%u,shared chip=h100",
                     s[1], s[2], s[1], s[3], s[1] * s[2]);
    }
    return machine(text, "ideal");
}

static void run_list(const sp_machine *m, const sp_flow_options *options, const sp_flow *flows, uint32_t n, run *out)
{
    double *ends = malloc(n * sizeof *ends);
    sp_error err = {0};
    double start_s = process_s();
    if (sp_fabric_flows(m, options, flows, n, NULL, ends, &out->flow, &err) != SP_OK)
        die(&err);
    out->eval_s = process_s() - start_s;
    for (uint32_t i = 0; i < n; i++)
        out->mean_s += ends[i] / n;
    out->time_s = out->flow.time_s;
}

static void all_to_all(const sp_machine *m, uint32_t n, sp_routing routing, run *out)
{
    uint32_t count = n * (n - 1), k = 0;
    sp_flow *flows = malloc(count * sizeof *flows);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            if (i != j)
                flows[k++] = (sp_flow){i, j, PAIR_BYTES, 0, UINT32_MAX, 0};
    run_list(m, &(sp_flow_options){.rate_fraction = 1, .routing = routing}, flows, count, out);
}

static void w2_star(uint32_t n, bool lifted, run *out)
{
    (void)lifted;
    all_to_all(star(n), n, SP_ROUTING_SPRAY, out);
}

static void w2_tree(uint32_t n, bool lifted, run *out)
{
    (void)lifted;
    all_to_all(tree(n), n, SP_ROUTING_DMODK, out);
}

static uint64_t lcg_state;
static uint64_t lcg(void)
{
    lcg_state = lcg_state * 6364136223846793005u + 1442695040888963407u;
    return lcg_state >> 33;
}

/* Sattolo's cyclic permutation. */
static sp_flow *permutation(uint32_t n)
{
    sp_flow *flows = malloc(n * sizeof *flows);
    lcg_state = 1;
    for (uint32_t i = 0; i < n; i++)
        flows[i] = (sp_flow){i, i, 0, 0, UINT32_MAX, 0};
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(lcg() % i), t = flows[i].dst;
        flows[i].dst = flows[j].dst;
        flows[j].dst = t;
    }
    for (uint32_t i = 0; i < n; i++)
        flows[i].bytes = 10000000 + (double)(lcg() % 90000001);
    return flows;
}

static void w3(uint32_t n, bool lifted, run *out)
{
    (void)lifted;
    run_list(tree(n), &(sp_flow_options){.rate_fraction = 1, .routing = SP_ROUTING_DMODK, .weight_by_latency = true}, permutation(n), n, out);
}

static void ring(const sp_machine *m, uint32_t n, const sp_placement *place, bool lifted, run *out)
{
    sp_arena *arena = sp_arena_create();
    sp_group group = {1, {n}};
    const sp_program *program;
    sp_error err = {0};
    sp_flow_options options = {.rate_fraction = 1, .explicit_only = !lifted};
    if (sp_coll_algo_find("ring")->build(SP_COLL_ALL_REDUCE, &group, arena, &program, &err) != SP_OK)
        die(&err);
    evaluate(program, m, place, "ideal", RING_BYTES, &options, out);
}

static void w1_star(uint32_t n, bool lifted, run *out)
{
    sp_placement place = sp_placement_linear(0, n);
    ring(star(n), n, &place, lifted, out);
}

static void w1_tree(uint32_t n, bool lifted, run *out)
{
    sp_placement place = sp_placement_linear(0, n);
    ring(tree(n), n, &place, lifted, out);
}

/* Rows there and back, so that every hop of the ring is one link. */
static void w1_mesh(uint32_t n, bool lifted, run *out)
{
    uint32_t x = 1, odd = 0;
    while (x * x < n)
        x *= 2;
    struct sp_place_exception *snake = malloc(n * sizeof *snake);
    for (uint32_t r = 0; r < n; r++)
        if (r / x % 2)
            snake[odd++] = (struct sp_place_exception){r, r / x * x + x - 1 - r % x};
    sp_placement place = sp_placement_linear(0, n);
    char text[128];
    place.n_exceptions = odd;
    place.exceptions = snake;
    snprintf(text, sizeof text, "mesh:%ux%u@50MB/s,500ns chip=trn2", x, n / x);   /* no chip has 62 ports of 50 GB/s */
    static sp_machine mesh;
    mesh = *machine(text, "ideal");
    mesh.planes[0].tiers[0].bw_bytes_per_s.nominal = 50e9;
    ring(&mesh, n, &place, lifted, out);
}

static const char *supercluster(uint32_t chips)
{
    return chips == 524288 ? "atlas-950-supercluster" : "atlas-960-supercluster";
}

/* 1 GiB over every chip, by the algorithm that the analytic evaluator finds fastest. */
static void pod(const char *name, sp_coll_op op, run *out)
{
    const sp_machine *m = machine(name, NULL);
    const sp_stack *stack = sp_machine_stack(m, NULL);
    sp_placement place = sp_placement_linear(0, m->chips);
    sp_arena *arena = sp_arena_create();
    const sp_program *program;
    sp_group group;
    sp_coll_time time;
    sp_error err = {0};
    sp_flow_options options = {0};
    if (sp_coll_best(op, m, &place, stack, RING_BYTES, false, NULL, &time, &err) != SP_OK || sp_coll_group(m, &place, &group, &err) != SP_OK ||
        time.algo->build(op, &group, arena, &program, &err) != SP_OK)
        die(&err);
    evaluate(program, m, &place, NULL, RING_BYTES, &options, out);
}

static void whole(uint32_t n, bool all_to_all_op, run *out)
{
    pod(supercluster(n), all_to_all_op ? SP_COLL_ALL_TO_ALL : SP_COLL_ALL_REDUCE, out);
}

static void whole_gather(uint32_t n, bool scatter, run *out)
{
    pod(supercluster(n), scatter ? SP_COLL_REDUCE_SCATTER : SP_COLL_ALL_GATHER, out);
}

/* All-to-all of n x 1 MiB a rank as a program, which can be lifted. */
static void w2_program(uint32_t n, bool lifted, run *out)
{
    sp_arena *arena = sp_arena_create();
    sp_group group = {1, {n}};
    const sp_program *program;
    sp_error err = {0};
    sp_flow_options options = {.rate_fraction = 1, .explicit_only = !lifted};
    sp_placement place = sp_placement_linear(0, n);
    const sp_machine *m = star(n);
    if (sp_coll_algo_find("direct")->build(SP_COLL_ALL_TO_ALL, &group, arena, &program, &err) != SP_OK)
        die(&err);
    evaluate(program, m, &place, "ideal", n * PAIR_BYTES, &options, out);
}

/* 1 GiB over all chips with so many dead links; a hundred are drawn among all cables, fewer among the boards' (the mesh of the innermost
 * tier). */
static void broken(uint32_t chips, sp_coll_op op, const char *algo, uint32_t n_dead, run *out)
{
    const sp_machine *m = machine(supercluster(chips), NULL);
    sp_placement place = sp_placement_linear(0, m->chips);
    sp_arena *arena = sp_arena_create();
    sp_router *router;
    sp_fault *faults = NULL;
    uint32_t n = 0;
    const sp_program *program;
    sp_group group;
    sp_error err = {0};
    char text[32];
    if (sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, &err) != SP_OK)
        die(&err);
    lcg_state = 1;
    for (uint32_t i = 0; i < (n_dead < 100 ? n_dead : 1); i++) {
        snprintf(text, sizeof text, "link:%u", (uint32_t)(lcg() % ((uint64_t)m->chips * (m->planes[0].tiers[0].size - 1))));
        if (sp_fault_parse(router, n_dead < 100 ? text : "links:100@7", 0, arena, &faults, &n, &err) != SP_OK)
            die(&err);
    }
    sp_flow_options options = {.faults = faults, .n_faults = n};
    if (sp_coll_group(m, &place, &group, &err) != SP_OK || sp_coll_algo_find(algo)->build(op, &group, arena, &program, &err) != SP_OK)
        die(&err);
    evaluate(program, m, &place, NULL, RING_BYTES, &options, out);
}

/* One algorithm on all chips. */
static void all_chips(uint32_t n, sp_coll_op op, const char *algo, sp_routing routing, bool lifted, run *out)
{
    const sp_machine *m = machine(supercluster(n), NULL);
    sp_placement place = sp_placement_linear(0, n);
    sp_arena *arena = sp_arena_create();
    const sp_program *program;
    sp_group group;
    sp_error err = {0};
    sp_flow_options options = {.routing = routing, .explicit_only = !lifted};
    if (sp_coll_group(m, &place, &group, &err) != SP_OK || sp_coll_algo_find(algo)->build(op, &group, arena, &program, &err) != SP_OK)
        die(&err);
    evaluate(program, m, &place, NULL, RING_BYTES, &options, out);
}

static void broadcast_sprayed(uint32_t n, bool lifted, run *out)
{
    all_chips(n, SP_COLL_BROADCAST, "direct", SP_ROUTING_SPRAY, lifted, out);
}

static void broadcast_dmodk(uint32_t n, bool lifted, run *out)
{
    all_chips(n, SP_COLL_BROADCAST, "direct", SP_ROUTING_DMODK, lifted, out);
}

static void broadcast_hashed(uint32_t n, bool lifted, run *out)
{
    all_chips(n, SP_COLL_BROADCAST, "direct", SP_ROUTING_HASH, lifted, out);
}

static void ring_all(uint32_t n, bool lifted, run *out)
{
    all_chips(n, SP_COLL_ALL_REDUCE, "ring", SP_ROUTING_SPRAY, lifted, out);
}

static void broken_1(uint32_t n, bool lifted, run *out)
{
    (void)lifted;
    broken(n, SP_COLL_ALL_REDUCE, "rotated-inner", 1, out);
}

static void broken_3(uint32_t n, bool lifted, run *out)
{
    (void)lifted;
    broken(n, SP_COLL_ALL_REDUCE, "rotated-inner", 3, out);
}

/* Tens of millions of transfers one by one. */
static void broken_halving(uint32_t n, bool lifted, run *out)
{
    (void)lifted;
    broken(n, SP_COLL_ALL_REDUCE, "halving-doubling", 1, out);
}

static void broken_rings(uint32_t n, bool trees, run *out)
{
    broken(n, SP_COLL_ALL_REDUCE, trees ? "ring-tree" : "hierarchical-ring", 1, out);
}

static void broken_100(uint32_t n, bool gathers, run *out)
{
    broken(n, gathers ? SP_COLL_ALL_GATHER : SP_COLL_ALL_REDUCE, "phased", 100, out);
}

static void broken_100_scatter(uint32_t n, bool exchanges, run *out)
{
    broken(n, exchanges ? SP_COLL_ALL_TO_ALL : SP_COLL_REDUCE_SCATTER, "phased", 100, out);
}

static const bench_case cases[] = {
    {"w1 ring star", 1024, w1_star, false, 2 * 1023 * (RING_BYTES / 1024 / 50e9 + 1e-6), {"star", "ring"}},
    {"w1 ring star", 1024, w1_star, true, 2 * 1023 * (RING_BYTES / 1024 / 50e9 + 1e-6), {0}},
    {"w1 ring tree", 1024, w1_tree, false, 2 * 1023 * (RING_BYTES / 1024 / 50e9 + 3e-6), {"tree", "ring"}},
    {"w1 ring tree", 1024, w1_tree, true, 2 * 1023 * (RING_BYTES / 1024 / 50e9 + 3e-6), {0}},
    {"w1 ring mesh", 1024, w1_mesh, false, 2 * 1023 * (RING_BYTES / 1024 / 50e9 + 5e-7), {"mesh", "ring"}},
    {"w1 ring mesh", 1024, w1_mesh, true, 2 * 1023 * (RING_BYTES / 1024 / 50e9 + 5e-7), {0}},
    {"w1 ring star", 16384, w1_star, true, 2 * 16383 * (RING_BYTES / 16384 / 50e9 + 1e-6), {0}},
    {"w1 ring tree", 16384, w1_tree, true, 2 * 16383 * (RING_BYTES / 16384 / 50e9 + 3e-6), {0}},
    {"w1 ring mesh", 16384, w1_mesh, true, 2 * 16383 * (RING_BYTES / 16384 / 50e9 + 5e-7), {0}},
    {"w1 ring tree", 16384, w1_tree, false, 2 * 16383 * (RING_BYTES / 16384 / 50e9 + 3e-6), {0}},
    {"w2 all-to-all star", 512, w2_star, false, 511 * PAIR_BYTES / 50e9 + 1e-6, {"star", "all-to-all"}},
    {"w2 all-to-all star", 512, w2_program, true, 511 * PAIR_BYTES / 50e9 + 1e-6, {0}},
    {"w2 all-to-all star", 1024, w2_star, false, 1023 * PAIR_BYTES / 50e9 + 1e-6, {0}},
    {"w2 all-to-all star", 1024, w2_program, true, 1023 * PAIR_BYTES / 50e9 + 1e-6, {0}},
    {"w2 all-to-all tree", 1024, w2_tree, false, 1023 * PAIR_BYTES / 50e9 + 1e-6, {0}},
    {"w3 permutation tree", 1024, w3, false, 0, {"tree", "permutation"}},
    {"w3 permutation tree", 8192, w3, false, 0, {"tree", "permutation"}},
    {"w3 permutation tree", 16384, w3, false, 0, {"tree", "permutation"}},
    {"all-reduce 1 GiB, all chips", 524288, whole, false, 0, {0}},
    {"all-reduce 1 GiB, all chips", 1006720, whole, false, 0, {0}},
    {"all-gather 1 GiB, all chips", 524288, whole_gather, false, 0, {0}},
    {"all-gather 1 GiB, all chips", 1006720, whole_gather, false, 0, {0}},
    {"reduce-scatter 1 GiB, all chips", 524288, whole_gather, true, 0, {0}},
    {"reduce-scatter 1 GiB, all chips", 1006720, whole_gather, true, 0, {0}},
    {"all-to-all 1 GiB, all chips", 524288, whole, true, 0, {0}},
    {"all-to-all 1 GiB, all chips", 1006720, whole, true, 0, {0}},
    {"ring all-reduce 1 GiB, all chips", 524288, ring_all, true, 0, {0}},
    {"ring all-reduce 1 GiB, all chips", 1006720, ring_all, true, 0, {0}},
    {"broadcast 1 GiB, direct, spray", 1006720, broadcast_sprayed, false, 0, {0}},
    {"broadcast 1 GiB, direct, D-mod-K", 1006720, broadcast_dmodk, false, 0, {0}},
    {"broadcast 1 GiB, direct, hash", 1006720, broadcast_hashed, false, 0, {0}},
    {"all-reduce 1 GiB, 1 dead link", 524288, broken_1, false, 0, {0}},
    {"all-reduce 1 GiB, 1 dead link", 1006720, broken_1, false, 0, {0}},
    {"all-reduce 1 GiB, 3 dead links", 524288, broken_3, false, 0, {0}},
    {"all-reduce 1 GiB, 3 dead links", 1006720, broken_3, false, 0, {0}},
    {"all-reduce 1 GiB, 100 dead links", 524288, broken_100, false, 0, {0}},
    {"all-reduce 1 GiB, 100 dead links", 1006720, broken_100, false, 0, {0}},
    {"all-gather 1 GiB, 100 dead links", 524288, broken_100, true, 0, {0}},
    {"all-gather 1 GiB, 100 dead links", 1006720, broken_100, true, 0, {0}},
    {"reduce-scatter 1 GiB, 100 dead links", 524288, broken_100_scatter, false, 0, {0}},
    {"reduce-scatter 1 GiB, 100 dead links", 1006720, broken_100_scatter, false, 0, {0}},
    {"all-to-all 1 GiB, 100 dead links", 524288, broken_100_scatter, true, 0, {0}},
    {"all-to-all 1 GiB, 100 dead links", 1006720, broken_100_scatter, true, 0, {0}},
    {"halving-doubling, 1 dead link", 524288, broken_halving, false, 0, {0}},
    {"ring-tree, 1 dead link", 1006720, broken_rings, true, 0, {0}},
    {"hierarchical-ring, 1 dead link", 1006720, broken_rings, false, 0, {0}},
};

static double cpu_s(const struct rusage *usage)
{
    return (double)usage->ru_utime.tv_sec + 1e-6 * (double)usage->ru_utime.tv_usec + (double)usage->ru_stime.tv_sec +
           1e-6 * (double)usage->ru_stime.tv_usec;
}

static bool write_list(const char *path, uint32_t n)
{
    FILE *file = fopen(path, "w");
    sp_flow *flows = permutation(n);
    for (uint32_t i = 0; file && i < n; i++)
        fprintf(file, "%u %u %.0f\n", flows[i].src, flows[i].dst, flows[i].bytes);
    free(flows);
    return file && fclose(file) == 0;
}

/* What the peer takes and says; false: it is not here, or does not run this. */
static bool run_peer(const bench_case *c, const char *peer, double *seconds, double *answer_s)
{
    char n[16], path[64] = "", text[64] = "";
    int ends[2], status;
    struct rusage usage;
    snprintf(n, sizeof n, "%u", c->n);
    if (!peer || !c->peer[0] || access(peer, X_OK) != 0 || pipe(ends) != 0)
        return false;
    snprintf(path, sizeof path, "/tmp/bench-flow-%ld", (long)getpid());
    if (strcmp(c->peer[1], "permutation") == 0 && !write_list(path, c->n))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        execl(peer, peer, c->peer[0], n, c->peer[1], path, (char *)NULL);
        _exit(3);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    bool ok = wait4(pid, &status, 0, &usage) == pid && got > 0 && sscanf(text, "%lf", answer_s) == 1;
    unlink(path);
    *seconds = ok ? cpu_s(&usage) : 0;
    return ok;
}

typedef struct timed { run r; double cpu_s, peak_mib; } timed;

/* One process of the case; false: it failed. */
static bool run_once(const bench_case *c, timed *out)
{
    int ends[2], status;
    struct rusage usage;
    if (pipe(ends) != 0)
        return false;
    char number[16], pipe_end[16];
    snprintf(number, sizeof number, "%zu", (size_t)(c - cases));
    snprintf(pipe_end, sizeof pipe_end, "%d", ends[1]);
    char *args[] = {"bench-flow", "--case", number, pipe_end, NULL}, *none[] = {NULL};
    pid_t pid;   /* spawned, not forked: a fork's copied pages would count as the case's */
    bool begun = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, none) == 0, ok;
    close(ends[1]);
    ok = begun && read(ends[0], &out->r, sizeof out->r) == (ssize_t)sizeof out->r;
    close(ends[0]);
    ok = begun && wait4(pid, &status, 0, &usage) == pid && ok;
    if (!ok)
        return false;
    out->cpu_s = cpu_s(&usage);
    out->peak_mib = (double)usage.ru_maxrss / 1024;
    return true;
}

static int by_cpu(const void *a, const void *b)
{
    double x = ((const timed *)a)->cpu_s, y = ((const timed *)b)->cpu_s;
    return (x > y) - (x < y);
}

/* The median process: one of a millisecond tells more of what ran before it than of itself. */
static bool run_often(const bench_case *c, timed *out)
{
    timed all[RUNS_MAX];
    uint32_t n = 0;
    for (double spent_s = 0; n < RUNS_MAX && spent_s < RUNS_S; n++) {
        if (!run_once(c, &all[n]))
            return false;
        spent_s += all[n].cpu_s;
    }
    qsort(all, n, sizeof *all, by_cpu);
    *out = all[n / 2];
    return true;
}

static void run_case(const bench_case *c, const char *peer)
{
    timed t;
    double peer_cpu_s = 0, answer_s = 0;
    char off[24] = "-", peer_cpu[24] = "-", ratio[24] = "-";
    fflush(stdout);
    if (!run_often(c, &t)) {
        printf("| %s | %u | failed |\n", c->name, c->n);
        return;
    }
    const run *r = &t.r;
    bool beside = run_peer(c, peer, &peer_cpu_s, &answer_s);
    if (beside) {
        snprintf(peer_cpu, sizeof peer_cpu, "%.2f", peer_cpu_s);
        snprintf(ratio, sizeof ratio, "%.0f", peer_cpu_s / t.cpu_s);
    }
    if (beside || c->answer_s > 0)
        snprintf(off, sizeof off, "%.1e%s", r->time_s / (beside ? answer_s : c->answer_s) - 1, beside ? "" : " (closed form)");
    printf("| %s | %u | %s | %.4f | %.4f | %.1f | %.12g | %s | %s | %s | %llu of %llu | %llu | %llu | %.4f |\n", c->name, c->n,
           r->flow.lifted ? "lifted" : "explicit", t.cpu_s, r->eval_s, t.peak_mib, r->time_s, peer_cpu, ratio, off, (unsigned long long)r->flow.classes,
           (unsigned long long)r->flow.flows, (unsigned long long)r->flow.skipped, (unsigned long long)r->flow.fills, r->flow.bound_s / r->flow.time_s);
}

static int one_case(const char *number, const char *out)
{
    const bench_case *c = &cases[strtoul(number, NULL, 10)];
    run r = {0};
    c->function(c->n, c->lifted, &r);
    return write(atoi(out), &r, sizeof r) == (ssize_t)sizeof r ? 0 : 3;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--case") == 0)
        return one_case(argv[2], argv[3]);
    bool alone = argc > 1 && strcmp(argv[1], "--alone") == 0;
    const char *only = argc > 1 + alone ? argv[1 + alone] : "";
    char *peer = NULL;
    if (!alone && asprintf(&peer, "%.*sbench-simgrid", (int)(strlen(argv[0]) - strlen("bench-flow")), argv[0]) < 0)
        return 3;
    printf("| workload | endpoints | evaluation | CPU s | of it evaluating | peak MiB | time, s | SimGrid CPU s | SimGrid / ours | off | classes | skipped | fills | bound / time |\n"
           "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strncmp(cases[i].name, only, strlen(only)) == 0)
            run_case(&cases[i], peer);
    free(peer);
    return 0;
}
