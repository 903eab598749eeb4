/* Links that others cover (flow_cover.c) change no tick when they are left out: hashed routes over trees of several planes, cables and
 * tapers, with faults and several groups, beside the same run with every link kept (as it is where a picture of them is asked for). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/collective.h"

#define CASES 800
#define JOBS_MAX 2

#include "open_catalog.h"
#include "random_pick.h"

static void random_machine(sp_rng *rng, char *out, size_t size)
{
    uint32_t a = pick(rng, 2, 4), b = pick(rng, 2, 4), r = pick(rng, 1, 9) * 7, l = pick(rng, 1, 40);
    switch (sp_rng_below(rng, 5)) {
    case 0: snprintf(out, size, "mesh:%u@10MB/s,200ns clos:%u@%uMB/s,%u00ns,radix=%u chip=trn2", a, 2 * b, r, l, 2 * pick(rng, 2, 4)); break;
    case 1: snprintf(out, size, "switch:%u@50MB/s,1us clos:%u@%uMB/s,%u00ns,nic,taper=%u chip=trn2", a, b, r, l, pick(rng, 1, 4)); break;
    case 2: snprintf(out, size, "clos:%u@%uMB/s,1us,radix=%u chip=trn2", a * b, r, 2 * pick(rng, 2, 4)); break;
    case 3: snprintf(out, size, "switch:%u@50MB/s,1us clos:%u@50MB/s,%u00ns,shared clos:%u@%uMB/s,3us,shared chip=trn2", a, b, l, 2u, r); break;
    default: snprintf(out, size, "switch:%u@%uMB/s,1us clos:%u@%uMB/s,%u00ns,switches=%u,shared chip=trn2", a, r, 2 * b, r, l, a); break;
    }
}

static bool random_job(sp_rng *rng, const sp_machine *m, sp_arena *arena, sp_placement *place, sp_flow_job *out)
{
    static const sp_coll_op ops[] = {SP_COLL_ALL_REDUCE, SP_COLL_ALL_GATHER, SP_COLL_ALL_TO_ALL, SP_COLL_BROADCAST};
    const sp_coll_algo *algo = NULL;
    sp_coll_op op = ops[sp_rng_below(rng, 4)];
    uint32_t n = pick(rng, 2, m->chips);
    sp_group group = {1, {n}};
    const sp_program *program;
    const char *why;
    *place = sp_placement_linear((uint32_t)sp_rng_below(rng, m->chips - n + 1), n);
    for (uint32_t tries = 0; tries < 100 && !(algo && algo->applicable(op, &group, &why)); tries++)
        algo = &sp_coll_algos[sp_rng_below(rng, sp_coll_n_algos)];
    if (!algo->applicable(op, &group, &why) || algo->build(op, &group, arena, &program, NULL) != SP_OK)
        return false;
    *out = (sp_flow_job){program, place, 1000.0 * pick(rng, 1, 5000)};
    return true;
}

static uint32_t random_faults(sp_rng *rng, const sp_machine *m, sp_fault *faults)
{
    sp_router *router;
    uint32_t n = sp_rng_below(rng, 2) ? 0 : pick(rng, 1, 3);
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_HASH, 0, NULL, 0, &router, NULL), SP_OK);
    for (uint32_t i = 0; i < n; i++)
        faults[i] = (sp_fault){.id = (uint32_t)sp_rng_below(rng, sp_router_links(router)), .factor = sp_rng_below(rng, 2) ? 0 : 0.3};
    sp_router_destroy(router);
    return n;
}

/* false: nothing to compare. */
static bool one_case(uint32_t seed, bool *shared)
{
    sp_rng rng = sp_rng_make(seed, 77);
    sp_arena *arena = sp_arena_create();
    const sp_machine *m;
    sp_placement place[JOBS_MAX];
    sp_flow_job job[JOBS_MAX];
    sp_fault faults[3];
    sp_flow_heat heat = {.arena = arena};
    sp_flow_time without, with;
    char text[256];
    uint32_t n = pick(&rng, 1, JOBS_MAX);
    bool fit = true;
    random_machine(&rng, text, sizeof text);
    fit = sp_catalog_network(catalog, text, NULL, &m, NULL) == SP_OK;
    for (uint32_t j = 0; j < n && fit; j++)
        fit = random_job(&rng, m, arena, &place[j], &job[j]);
    if (fit) {
        sp_flow_options options = {.routing = SP_ROUTING_HASH, .seed = seed, .faults = faults, .weight_by_latency = sp_rng_below(&rng, 3) == 0};
        options.n_faults = random_faults(&rng, m, faults);
        const sp_stack *stack = sp_machine_stack(m, NULL);
        sp_status status = sp_fabric_flow_jobs(job, n, m, stack, &options, NULL, &without, NULL);
        options.heat = &heat;
        assert_int_equal(sp_fabric_flow_jobs(job, n, m, stack, &options, NULL, &with, NULL), status);
        fit = status == SP_OK;
    }
    if (fit && (without.end_ps != with.end_ps || without.end_sum_ps != with.end_sum_ps || without.bound_s != with.bound_s))
        fail_msg("seed %u, %s: %.15g s and sum %llu, with all links %.15g s and %llu", seed, text, without.time_s,
                 (unsigned long long)without.end_sum_ps, with.time_s, (unsigned long long)with.end_sum_ps);
    *shared = fit && with.fills > 0;
    sp_arena_destroy(arena);
    return fit;
}

static void covered_links_change_no_tick(void **state)
{
    (void)state;
    uint32_t compared = 0, sharing = 0;
    for (uint32_t seed = 1; seed <= CASES; seed++) {
        bool shared;
        compared += one_case(seed, &shared);
        sharing += shared;
    }
    print_message("%u cases equal in every tick without covered links, %u of them with flows that share\n", compared, sharing);
    assert_true(compared >= CASES / 4 && sharing >= CASES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(covered_links_change_no_tick)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
