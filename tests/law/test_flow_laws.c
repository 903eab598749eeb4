/* Laws of the flow evaluator: equal to a plain simulation that fills everything at every event and proves each filling by the
 * bottleneck condition; no tick depends on the order of the list; scaling; bounds; published answers of other tools. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/fabric.h"

#include "open_catalog.h"

static const char *const machines[] = {
    "mesh:4@56GB/s,200ns mesh:3@56GB/s,300ns clos:4@224GB/s,1us,planes=4 chip=ascend-950dt",
    "switch:4@450GB/s,1us clos:6@50GB/s,4us,nic chip=h100",
    "switch:4@50GB/s,1us clos:2@50GB/s,2us,switches=4,shared clos:3@50GB/s,3us,switches=8,shared chip=h100",
    "torus:4x2x5@50GB/s,300ns chip=tpu-v5p",
    "clos:40@50GB/s,1us,radix=8 chip=h100",
    "mesh:3@30GB/s,1us switch:5@100GB/s,2us chip=h100",
};
#define N_MACHINES (sizeof machines / sizeof machines[0])

/* ---- a plain simulation ------------------------------------------------------------------------------------------------ */

typedef struct plain_flow { sp_hop *hops; uint32_t n; double weight, release, begin, left, rate, end; int state; } plain_flow;   /* 0 waits, 1 delayed, 2 flows, 3 done */

/* Rates of all flows in state 2 by progressive filling, then the proof: on some full link of its route no flow has more. */
static void fill_plain(plain_flow *f, uint32_t n, const double *cap, uint32_t links, double *left, double *weight)
{
    for (uint32_t i = 0; i < n; i++)
        f[i].rate = 0;
    memcpy(left, cap, links * sizeof *left);
    for (;;) {
        double share = INFINITY;
        uint32_t tight = 0;
        memset(weight, 0, links * sizeof *weight);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t h = 0; h < f[i].n && f[i].state == 2 && f[i].rate == 0; h++)
                weight[f[i].hops[h].link] += f[i].hops[h].share * f[i].weight;
        for (uint32_t l = 0; l < links; l++)
            if (weight[l] > 0 && left[l] / weight[l] < share) {
                share = left[l] / weight[l];
                tight = l;
            }
        if (share == INFINITY)
            break;
        for (uint32_t i = 0; i < n; i++) {
            bool on = false;
            for (uint32_t h = 0; h < f[i].n; h++)
                on = on || f[i].hops[h].link == tight;
            if (f[i].state != 2 || f[i].rate != 0 || !on)
                continue;
            f[i].rate = share * f[i].weight;
            for (uint32_t h = 0; h < f[i].n; h++)
                left[f[i].hops[h].link] -= f[i].rate * f[i].hops[h].share;
        }
    }
    for (uint32_t l = 0; l < links; l++)
        assert_true(left[l] >= -1e-9 * cap[l]);
    for (uint32_t i = 0; i < n; i++) {
        bool proved = f[i].state != 2 || f[i].n == 0;
        for (uint32_t h = 0; h < f[i].n && !proved; h++) {
            uint32_t l = f[i].hops[h].link;
            proved = left[l] <= 1e-9 * cap[l];
            for (uint32_t j = 0; j < n && proved; j++)
                for (uint32_t k = 0; k < f[j].n && f[j].state == 2; k++)
                    proved = proved && (f[j].hops[k].link != l || f[j].rate / f[j].weight <= f[i].rate / f[i].weight * (1 + 1e-9));
        }
        assert_true(proved);
    }
}

static void plain(const sp_machine *m, const sp_flow_options *options, const sp_flow *flows, uint32_t n, double *ends)
{
    sp_router *router;
    assert_int_equal(sp_router_create(m, 0, options->routing, options->seed, options->faults, options->n_faults, &router, NULL), SP_OK);
    uint32_t *ends_of = calloc(2 * (size_t)n, sizeof *ends_of);
    for (uint32_t i = 0; i < n; i++) {
        ends_of[i] = flows[i].src;
        ends_of[n + i] = flows[i].dst;
    }
    if (options->routing == SP_ROUTING_BORROW)
        assert_int_equal(sp_router_borrow(router, ends_of, ends_of + n, n, NULL), SP_OK);
    free(ends_of);
    uint32_t links = sp_router_links(router);
    double *cap = calloc(links, sizeof *cap), *left = calloc(links, sizeof *left), *weight = calloc(links, sizeof *weight), now = 0;
    for (uint32_t l = 0; l < links; l++)
        cap[l] = sp_router_capacity(router, l) * sp_machine_payload(m);
    plain_flow *f = calloc(n, sizeof *f);
    for (uint32_t i = 0; i < n; i++) {
        double latency;
        f[i].hops = calloc(sp_router_hops_max(router) + 1u, sizeof *f[i].hops);
        assert_true(sp_router_path(router, flows[i].src, flows[i].dst, i, f[i].hops, &f[i].n, &latency));
        f[i].weight = options->weight_by_latency && latency > 0 ? 1e-6 / latency : 1;
        f[i].begin = latency;
        f[i].left = flows[i].bytes;
    }
    for (uint32_t done = 0; done < n;) {
        bool moved = true;
        while (moved) {   /* all that happens at this time */
            moved = false;
            for (uint32_t i = 0; i < n; i++) {
                if (f[i].state == 0 && (flows[i].after == UINT32_MAX || f[flows[i].after].state == 3)) {
                    f[i].state = 1;
                    f[i].begin += now > flows[i].start_s ? now : flows[i].start_s;
                }
                if (f[i].state == 1 && f[i].begin <= now + 1e-13)
                    f[i].state = 2;
                if (f[i].state == 2 && (f[i].left <= 1e-6 || f[i].n == 0)) {
                    f[i].state = 3;
                    ends[i] = now;
                    done++;
                    moved = true;
                }
            }
        }
        fill_plain(f, n, cap, links, left, weight);
        double next = INFINITY;
        for (uint32_t i = 0; i < n; i++) {
            double at = f[i].state == 1 ? f[i].begin : f[i].state == 2 ? now + f[i].left / f[i].rate : INFINITY;
            next = at < next ? at : next;
        }
        for (uint32_t i = 0; i < n && next != INFINITY; i++)
            if (f[i].state == 2)
                f[i].left -= f[i].rate * (next - now);
        now = next;
    }
    for (uint32_t i = 0; i < n; i++)
        free(f[i].hops);
    free(f);
    free(cap);
    free(left);
    free(weight);
    sp_router_destroy(router);
}

static void random_flows(sp_rng *rng, const sp_machine *m, sp_flow *flows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        flows[i] = (sp_flow){(uint32_t)sp_rng_below(rng, m->chips), (uint32_t)sp_rng_below(rng, m->chips),
                             (double)(1 + sp_rng_below(rng, 8)) * 1e6, 0, UINT32_MAX, 0};
        if (sp_rng_below(rng, 8) == 0)
            flows[i].bytes = 0;
        if (sp_rng_below(rng, 3) == 0)
            flows[i].start_s = (double)sp_rng_below(rng, 100) * 1e-6;
        if (i && sp_rng_below(rng, 3) == 0)
            flows[i].after = (uint32_t)sp_rng_below(rng, i);
    }
}

static void equal_to_a_plain_simulation(void **state)
{
    (void)state;
    sp_flow flows[40];
    double ends[40], starts[40], plain_ends[40];
    for (size_t i = 0; i < N_MACHINES; i++)
        for (int r = 0; r < 40; r++) {
            const sp_machine *m = machine_of(machines[i]);
            sp_rng rng = sp_rng_make(3, i * 100 + (size_t)r);
            uint32_t n = 2 + (uint32_t)sp_rng_below(&rng, 38);
            sp_flow_options options = {.routing = (sp_routing)(r % SP_ROUTINGS), .seed = 9, .weight_by_latency = r % 3 == 0};
            sp_flow_time time;
            sp_error err = {0};
            random_flows(&rng, m, flows, n);
            plain(m, &options, flows, n, plain_ends);
            if (sp_fabric_flows(m, &options, flows, n, starts, ends, &time, &err) != SP_OK)
                fail_msg("%s", err.text);
            double last = 0;
            for (uint32_t k = 0; k < n; k++) {
                if (fabs(ends[k] - plain_ends[k]) > 1e-7 * plain_ends[k] + 5e-11)
                    fail_msg("%s, case %d: flow %u ends at %.12g, in the plain simulation at %.12g", machines[i], r, k, ends[k], plain_ends[k]);
                assert_true(ends[k] >= starts[k]);
                last = ends[k] > last ? ends[k] : last;
            }
            assert_true(time.time_s == last && time.bound_s <= last * (1 + 1e-8) + 1e-11 && time.bottleneck_fraction <= 1 + 1e-8);
        }
}

/* ---- exact laws ---------------------------------------------------------------------------------------------------------- */

static void no_tick_depends_on_the_order_of_the_list(void **state)
{
    (void)state;
    enum { N = 200 };
    static sp_flow flows[N], mixed[N];
    static double ends[N], mixed_ends[N];
    static uint32_t to[N];
    for (size_t i = 0; i < N_MACHINES; i++)
        for (int r = 0; r < 10; r++) {
            const sp_machine *m = machine_of(machines[i]);
            sp_rng rng = sp_rng_make(8, i * 10 + (size_t)r);
            sp_flow_options options = {.routing = r % 2 ? SP_ROUTING_DMODK : SP_ROUTING_DETOUR, .weight_by_latency = r % 3 == 0};
            sp_flow_time time;
            random_flows(&rng, m, flows, N);
            for (uint32_t k = 0; k < N; k++) {
                uint32_t j = (uint32_t)sp_rng_below(&rng, k + 1);
                to[k] = to[j];
                to[j] = k;
            }
            for (uint32_t k = 0; k < N; k++) {
                mixed[to[k]] = flows[k];
                mixed[to[k]].after = flows[k].after == UINT32_MAX ? UINT32_MAX : to[flows[k].after];
            }
            assert_int_equal(sp_fabric_flows(m, &options, flows, N, NULL, ends, &time, NULL), SP_OK);
            assert_int_equal(sp_fabric_flows(m, &options, mixed, N, NULL, mixed_ends, &time, NULL), SP_OK);
            for (uint32_t k = 0; k < N; k++)
                assert_true(ends[k] == mixed_ends[to[k]]);
        }
}

/* Slow links that nobody takes change no tick. They tell planes apart, of which one stands for those that D-mod-K finds whole. */
static void run_with(const sp_machine *m, const sp_fault *faults, uint32_t n_faults, const sp_flow *flows, uint32_t n, double *ends, sp_flow_time *time,
                     uint64_t *hops)
{
    sp_flow_options options = {.routing = SP_ROUTING_DMODK, .faults = faults, .n_faults = n_faults};
    sp_router *router;
    uint32_t n_path;
    double latency;
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_DMODK, 0, faults, n_faults, &router, NULL), SP_OK);
    sp_hop *path = calloc(sp_router_hops_max(router), sizeof *path);
    for (uint32_t k = 0; k < n; k++) {
        assert_true(sp_router_path_once(router, flows[k].src, flows[k].dst, k, path, &n_path, &latency));
        *hops += n_path;
    }
    assert_int_equal(sp_fabric_flows(m, &options, flows, n, NULL, ends, time, NULL), SP_OK);
    free(path);
    sp_router_destroy(router);
}

/* Links that none of the flows crosses, at half their rate. */
static uint32_t idle_links(const sp_machine *m, const sp_flow *flows, uint32_t n, sp_fault **out)
{
    sp_router *router;
    uint32_t n_path, n_idle = 0;
    double latency;
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_DMODK, 0, NULL, 0, &router, NULL), SP_OK);
    bool *taken = calloc(sp_router_links(router), sizeof *taken);
    sp_hop *path = calloc(sp_router_hops_max(router), sizeof *path);
    *out = calloc(sp_router_links(router), sizeof **out);
    for (uint32_t k = 0; k < n; k++) {
        assert_true(sp_router_path(router, flows[k].src, flows[k].dst, k, path, &n_path, &latency));
        for (uint32_t h = 0; h < n_path; h++)
            taken[path[h].link] = true;
    }
    for (uint32_t l = 0; l < sp_router_links(router); l++)
        if (!taken[l] && sp_router_capacity(router, l) > 0)
            (*out)[n_idle++] = (sp_fault){false, l, 0.5};
    free(taken);
    free(path);
    sp_router_destroy(router);
    return n_idle;
}

static void idle_slow_links_change_no_tick(void **state)
{
    (void)state;
    enum { N = 200 };
    static sp_flow flows[N];
    static double ends[3][N];
    uint64_t hops[3] = {0};
    for (size_t i = 0; i < N_MACHINES; i++)
        for (int r = 0; r < 10; r++) {
            const sp_machine *m = machine_of(machines[i]);
            sp_rng rng = sp_rng_make(9, i * 10 + (size_t)r);
            sp_flow_time time[3];
            sp_fault *idle;
            random_flows(&rng, m, flows, N);
            for (uint32_t k = 0; k < N; k++) {   /* so that links are idle */
                flows[k].src %= m->chips - 2;
                flows[k].dst %= m->chips - 2;
            }
            uint32_t n_idle = idle_links(m, flows, N, &idle);
            assert_true(n_idle > 1);
            run_with(m, NULL, 0, flows, N, ends[0], &time[0], &hops[0]);
            run_with(m, &idle[n_idle - 1], 1, flows, N, ends[1], &time[1], &hops[1]);
            run_with(m, idle, n_idle, flows, N, ends[2], &time[2], &hops[2]);
            for (int k = 1; k < 3; k++) {
                assert_memory_equal(ends[0], ends[k], sizeof ends[0]);
                assert_true(time[0].end_sum_ps == time[k].end_sum_ps && time[0].bound_s == time[k].bound_s &&
                            time[0].bottleneck_fraction == time[k].bottleneck_fraction);
            }
            free(idle);
        }
    print_message("%llu hops stand for %llu with one plane cut, for %llu in all\n", (unsigned long long)hops[0], (unsigned long long)hops[1],
                  (unsigned long long)hops[2]);
    assert_true(hops[0] < hops[1] && hops[1] < hops[2]);
}

/* Twice the bytes on twice as fast links takes the same ticks; a factor of two is exact in every sum. */
static void bytes_and_rates_scale_together(void **state)
{
    (void)state;
    enum { N = 150 };
    static sp_flow flows[N];
    static double ends[N], twice[N];
    for (size_t i = 0; i < N_MACHINES; i++) {
        const sp_machine *m = machine_of(machines[i]);
        sp_machine fast = *m;
        for (uint32_t t = 0; t < fast.planes[0].n_tiers; t++)
            fast.planes[0].tiers[t].bw_bytes_per_s.nominal *= 2;
        sp_rng rng = sp_rng_make(4, i);
        sp_flow_options options = {.routing = SP_ROUTING_HASH};
        sp_flow_time time;
        random_flows(&rng, m, flows, N);
        assert_int_equal(sp_fabric_flows(m, &options, flows, N, NULL, ends, &time, NULL), SP_OK);
        for (uint32_t k = 0; k < N; k++)
            flows[k].bytes *= 2;
        assert_int_equal(sp_fabric_flows(&fast, &options, flows, N, NULL, twice, &time, NULL), SP_OK);
        for (uint32_t k = 0; k < N; k++)
            assert_true(ends[k] == twice[k]);
    }
}

/* ---- answers of others -------------------------------------------------------------------------------------------------------- */

static uint64_t lcg(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

/* Sattolo permutation of 10 to 100 MB on the three-level tree, D-mod-K, weights 1 / latency: SimGrid 3.32 prints these. */
static void permutation_takes_what_simgrid_says(void **state)
{
    (void)state;
    enum { N = 1024 };
    static sp_flow flows[N];
    static double ends[N];
    uint64_t x = 1;
    double mean = 0;
    sp_flow_time time;
    const sp_machine *m = machine_of("switch:8@50GB/s,1us clos:8@50GB/s,2us,switches=8,shared clos:16@50GB/s,3us,switches=64,shared chip=h100");
    for (uint32_t i = 0; i < N; i++)
        flows[i] = (sp_flow){i, i, 0, 0, UINT32_MAX, 0};
    for (uint32_t i = N - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(lcg(&x) % i), t = flows[i].dst;
        flows[i].dst = flows[j].dst;
        flows[j].dst = t;
    }
    for (uint32_t i = 0; i < N; i++)
        flows[i].bytes = 10000000 + (double)(lcg(&x) % 90000001);
    sp_flow_options options = {.rate_fraction = 1, .routing = SP_ROUTING_DMODK, .weight_by_latency = true};
    assert_int_equal(sp_fabric_flows(m, &options, flows, N, NULL, ends, &time, NULL), SP_OK);
    for (uint32_t i = 0; i < N; i++)
        mean += ends[i] / N;
    assert_true(fabs(time.time_s / 0.00749128592 - 1) < 1e-9);
    assert_true(fabs(mean / 0.00208220511 - 1) < 1e-8);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    const sp_machine *m = machine_of(machines[5]);
    sp_flow_options options = {0};
    sp_flow_time time;
    sp_error err = {0};
    sp_flow flows[2] = {{0, 1, 1e6, 0, 1, 0}, {1, 2, 1e6, 0, 0, 0}};
    assert_int_equal(sp_fabric_flows(m, &options, flows, 2, NULL, NULL, &time, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "circle"));
    flows[0].after = UINT32_MAX;
    flows[1].dst = 15;
    assert_int_equal(sp_fabric_flows(m, &options, flows, 2, NULL, NULL, &time, &err), SP_E_INVAL);
    flows[1].dst = 2;
    flows[1].bytes = NAN;
    assert_int_equal(sp_fabric_flows(m, &options, flows, 2, NULL, NULL, &time, &err), SP_E_INVAL);
    flows[1].bytes = 1;
    sp_fault dead = {.chip = true, .id = 1};
    options.faults = &dead;
    options.n_faults = 1;
    assert_int_equal(sp_fabric_flows(m, &options, flows, 2, NULL, NULL, &time, &err), SP_E_UNFIT);
    assert_int_equal(sp_fabric_flows(m, &options, flows, 0, NULL, NULL, &time, &err), SP_OK);
    assert_true(time.time_s == 0 && time.bottleneck == UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_a_plain_simulation),
        cmocka_unit_test(no_tick_depends_on_the_order_of_the_list),
        cmocka_unit_test(idle_slow_links_change_no_tick),
        cmocka_unit_test(bytes_and_rates_scale_together),
        cmocka_unit_test(permutation_takes_what_simgrid_says),
        cmocka_unit_test(bad_lists_are_refused),
    };
    return cmocka_run_group_tests_name("flow", tests, set_up, tear_down);
}
