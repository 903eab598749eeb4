/* Lifted and explicit evaluation (every step of it run) are equal in every tick: random machines, faults, groups, operations, algorithms and sizes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/collective.h"

#define CASES 56000
#define CASES_LEAST 10000

#include "open_catalog.h"
#include "random_pick.h"

/* A machine of one to three tiers; rates so small that no chip runs out of ports. */
static void random_machine(sp_rng *rng, char *out, size_t size)
{
    uint32_t a = pick(rng, 2, sp_rng_below(rng, 4) ? 4 : 6), b = pick(rng, 2, sp_rng_below(rng, 4) ? 3 : 4), c = pick(rng, 2, 5), r = pick(rng, 1, 3) * 10;
    switch (sp_rng_below(rng, 8)) {
    case 0: snprintf(out, size, "mesh:%u@10MB/s,200ns mesh:%u@%uMB/s,300ns chip=trn2", a, b, r); break;
    case 1: snprintf(out, size, "mesh:%ux%u@10MB/s,200ns clos:%u@%uMB/s,1us,planes=2 chip=trn2", a, b, c, r); break;
    case 2: snprintf(out, size, "torus:%ux%u@10MB/s,300ns chip=trn2", a, b + 1); break;
    case 3: snprintf(out, size, "torus:%u@10MB/s,300ns switch:%u@%uMB/s,1us chip=trn2", b + 2, c, r); break;
    case 4: snprintf(out, size, "switch:%u@90MB/s,1us clos:%u@%uMB/s,4us,nic,taper=%u chip=trn2", a, c, r, pick(rng, 1, 2)); break;
    case 5: snprintf(out, size, "clos:%u@%uMB/s,1us,radix=%u chip=trn2", a * c, r, 2 * pick(rng, 2, 4)); break;
    case 6: snprintf(out, size, "switch:%u@50MB/s,1us clos:%u@50MB/s,2us,shared clos:%u@%uMB/s,3us,shared chip=trn2", a, b, 2u, r); break;
    default: snprintf(out, size, "switch:%u@90MB/s,1us rail:%u@%uMB/s,4us,nic chip=trn2", a, c, r); break;
    }
}

/* Some positions of some dims, every so many, from somewhere, in some order. */
static sp_placement random_group(sp_rng *rng, const sp_machine *m)
{
    sp_placement place = {0};
    uint64_t stride = 1;
    for (uint32_t t = 0; t < m->planes[0].n_tiers; t++) {
        const sp_tier *tier = &m->planes[0].tiers[t];
        bool flat = sp_tier_is_switched(tier->kind);
        for (uint32_t d = 0; d < (flat ? 1 : tier->n_dims); d++) {
            uint32_t extent = flat ? tier->size : tier->dims[d], whole = (uint32_t)sp_rng_below(rng, 2);
            uint32_t gap = whole ? 1 : pick(rng, 1, 2), most = (extent + gap - 1) / gap, n = whole ? extent : pick(rng, 1, most);
            uint32_t first = (uint32_t)sp_rng_below(rng, extent - (n - 1) * gap);
            place.base += (uint32_t)(first * stride);
            if (n > 1) {
                uint32_t at = place.n_dims++;
                if (at && sp_rng_below(rng, 4) == 0) {   /* this dim further in */
                    place.dim[at] = place.dim[at - 1];
                    at--;
                }
                place.dim[at].size = n;
                place.dim[at].stride = (uint32_t)(gap * stride);
            }
            stride *= extent;
        }
    }
    return place;
}

/* Kinds of cases: every other one is more than one group on a whole machine. */
enum { WHOLE, FAULTS, GROUPS, BOTH, KINDS };
typedef struct tally { uint32_t cases, of[KINDS], lifted[KINDS], between, unreachable; } tally;

/* Up to three links or chips, dead or slow; a link with its way back, as the command line has it. */
static uint32_t random_faults(sp_rng *rng, const sp_machine *m, sp_arena *arena, sp_fault **out)
{
    sp_router *router;
    uint32_t n = 0;
    *out = NULL;
    assert_int_equal(sp_router_create(m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, NULL), SP_OK);
    for (uint32_t i = pick(rng, 1, 3); i > 0; i--) {
        char text[64];
        bool chip = sp_rng_below(rng, 12) == 0;
        snprintf(text, sizeof text, "%s:%u", chip ? "chip" : "link", (uint32_t)sp_rng_below(rng, chip ? m->chips : sp_router_links(router)));
        bool tree = sp_tier_is_switched(m->planes[0].tiers[0].kind) || sp_rng_below(rng, 2);   /* dead bundles cut chips off */
        double factor = chip || sp_rng_below(rng, tree ? 8 : 2) == 0 ? 0 : 0.25 * pick(rng, 1, 3);
        sp_fault_parse(router, text, factor, arena, out, &n, NULL);   /* ids that name nothing are passed over */
    }
    sp_router_destroy(router);
    return n;
}

/* Another group of the same shape, moved; false: nowhere to go. */
static bool moved(sp_rng *rng, const sp_machine *m, const sp_placement *place, sp_placement *out)
{
    uint64_t reach = 0;
    for (uint32_t d = 0; d < place->n_dims; d++)
        reach += (uint64_t)(place->dim[d].size - 1) * place->dim[d].stride;
    *out = *place;
    out->base = (uint32_t)sp_rng_below(rng, m->chips - reach);
    return out->base != place->base && sp_placement_check(out, m->chips, NULL) == SP_OK;
}

static bool random_program(sp_rng *rng, const sp_machine *m, const sp_placement *place, sp_arena *arena, const sp_program **out)
{
    const sp_coll_algo *algo = &sp_coll_algos[sp_rng_below(rng, sp_coll_n_algos)];
    sp_coll_op op = (sp_coll_op)sp_rng_below(rng, SP_COLL_OPS);
    sp_group group;
    const char *why;
    return sp_placement_ranks(place) > 1 && sp_coll_group(m, place, &group, NULL) == SP_OK && algo->applicable(op, &group, &why) &&
           algo->build(op, &group, arena, out, NULL) == SP_OK;
}

/* One to three jobs; false: they cannot be made. */
static bool random_jobs(sp_rng *rng, const sp_machine *m, bool several, sp_arena *arena, sp_placement place[3], sp_flow_job jobs[3], uint32_t *n)
{
    place[0] = random_group(rng, m);
    if (!random_program(rng, m, &place[0], arena, &jobs[0].program))
        return false;
    jobs[0].placement = &place[0];
    jobs[0].unit_bytes = sp_coll_unit_bytes(jobs[0].program, (double)(1 + sp_rng_below(rng, 1000)) * 1e4);
    *n = 1;
    for (uint32_t i = several ? pick(rng, 1, 2) : 0; i > 0; i--) {
        sp_flow_job *job = &jobs[*n];
        *job = jobs[0];
        job->placement = &place[*n];
        if (sp_rng_below(rng, 2)) {
            place[*n] = random_group(rng, m);
            if (!random_program(rng, m, &place[*n], arena, &job->program))
                return false;
        } else if (!moved(rng, m, &place[0], &place[*n]) && !moved(rng, m, &place[0], &place[*n])) {
            return *n > 1;
        }
        if (job->program != jobs[0].program || sp_rng_below(rng, 3) == 0)
            job->unit_bytes = sp_coll_unit_bytes(job->program, (double)(1 + sp_rng_below(rng, 1000)) * 1e4);
        (*n)++;
    }
    return true;
}

static void compare_heat(uint64_t seed, const sp_flow_heat *a, const sp_flow_heat *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const sp_heat_map *x = &a->map[i], *y = &b->map[i];
        assert_true(a->n == b->n && x->tier == y->tier && x->dim == y->dim && x->size == y->size && x->n_rows == y->n_rows);
        for (uint32_t k = 0; k < x->size * x->n_rows; k++)
            if (fabs(x->busy[k] - y->busy[k]) > 1e-9)
                fail_msg("case %llu: cell %u of map %u is %g lifted, %g explicit", (unsigned long long)seed, k, i, x->busy[k], y->busy[k]);
    }
}

static void compare(uint64_t seed, const char *text, int kind, const sp_machine *m, const sp_flow_job *jobs, uint32_t n, const sp_stack *stack,
                    sp_flow_options options, sp_arena *arena, tally *count)
{
    sp_flow_time lifted, whole;
    sp_flow_heat heat[2] = {{.arena = arena}, {.arena = arena}};
    double ends[2][3];
    sp_error err[2] = {0};
    options.heat = seed / KINDS % 4 == 0 ? &heat[0] : NULL;
    sp_status status = sp_fabric_flow_jobs(jobs, n, m, stack, &options, ends[0], &lifted, &err[0]);
    options.heat = options.heat ? &heat[1] : NULL;
    options.explicit_only = options.every_step = true;
    sp_status plain = sp_fabric_flow_jobs(jobs, n, m, stack, &options, ends[1], &whole, &err[1]);
    if (status != plain)
        fail_msg("case %llu, %s: lifted '%s', explicit '%s'", (unsigned long long)seed, text, err[0].text, err[1].text);
    count->unreachable += status == SP_E_UNFIT;
    if (status == SP_E_UNFIT)
        return;
    if (status != SP_OK)
        fail_msg("case %llu, %s: %s", (unsigned long long)seed, text, err[0].text);
    if (lifted.end_ps != whole.end_ps || lifted.end_sum_ps != whole.end_sum_ps || lifted.flows != whole.flows)
        fail_msg("case %llu: %u jobs, %u faults on %s, first %s on base %u: lifted ends at %lld ps, explicit at %lld", (unsigned long long)seed, n,
                 options.n_faults, text, jobs[0].program->name, jobs[0].placement->base, (long long)lifted.end_ps, (long long)whole.end_ps);
    /* in stages, a slow bundle that was never in the way is not in the chain of flows each alone: a bound below the other */
    bool staged = lifted.classes < whole.classes && strncmp(jobs[0].program->name, "phased", 6) == 0 && options.n_faults;
    double apart = staged && lifted.bound_s < whole.bound_s ? 0 : fabs(lifted.bound_s - whole.bound_s);
    if (apart > 1e-9 * whole.bound_s || fabs(lifted.bottleneck_fraction - whole.bottleneck_fraction) > 1e-9)
        fail_msg("case %llu: %s on %s, %u faults: bounds differ, %.12g and %.12g, busiest %s and %s", (unsigned long long)seed, jobs[0].program->name, text,
                 options.n_faults, lifted.bound_s, whole.bound_s, lifted.bottleneck_name, whole.bottleneck_name);
    for (uint32_t j = 0; j < n; j++)
        if (ends[0][j] != ends[1][j])
            fail_msg("case %llu, %s: job %u ends at %.12g s lifted, %.12g s explicit", (unsigned long long)seed, text, j, ends[0][j], ends[1][j]);
    compare_heat(seed, &heat[0], &heat[1]);
    count->cases++;
    count->of[kind]++;
    count->lifted[kind] += lifted.lifted;
    count->between += lifted.lifted && lifted.classes > 1 && lifted.classes < whole.classes;
}

static void one_case(uint64_t seed, tally *count)
{
    sp_rng rng = sp_rng_make(2026, seed);
    char text[256];
    const sp_machine *m;
    sp_error err = {0};
    int kind = (int)(seed % KINDS);
    random_machine(&rng, text, sizeof text);
    if (sp_catalog_machine(catalog, text, &m, &err) != SP_OK)
        fail_msg("%s: %s", text, err.text);
    sp_arena *arena = sp_arena_create();
    sp_placement place[3];
    sp_flow_job jobs[3];
    sp_fault *faults = NULL;
    uint32_t n;
    const sp_stack *stack = sp_machine_stack(m, sp_rng_below(&rng, 2) ? "hccl" : "ideal");
    sp_flow_options options = {0};
    if (kind == FAULTS || kind == BOTH)
        options.n_faults = random_faults(&rng, m, arena, &faults);
    options.faults = faults;
    options.routing = sp_rng_below(&rng, 4) ? SP_ROUTING_SPRAY : sp_rng_below(&rng, 2) ? SP_ROUTING_DETOUR : SP_ROUTING_WEIGHTED;
    if (random_jobs(&rng, m, kind == GROUPS || kind == BOTH, arena, place, jobs, &n))
        compare(seed, text, kind, m, jobs, n, stack, options, arena, count);
    sp_arena_destroy(arena);
}

static void lifted_and_explicit_agree_in_every_tick(void **state)
{
    (void)state;
    tally count = {0};
    for (uint64_t seed = 0; seed < CASES; seed++)
        one_case(seed, &count);
    print_message("%u cases, %u lifted; healthy %u of %u, with faults %u of %u, several groups %u of %u, both %u of %u; %u more unreachable\n", count.cases,
                  count.lifted[0] + count.lifted[1] + count.lifted[2] + count.lifted[3], count.lifted[0], count.of[0], count.lifted[1], count.of[1],
                  count.lifted[2], count.of[2], count.lifted[3], count.of[3], count.unreachable);
    print_message("%u with fewer classes than transfers and more than one\n", count.between);
    assert_true(count.cases > CASES_LEAST && count.of[FAULTS] + count.of[GROUPS] + count.of[BOTH] > CASES_LEAST / 2);
    assert_true(count.between * 10 > count.cases * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifted_and_explicit_agree_in_every_tick),
    };
    return cmocka_run_group_tests_name("quotient", tests, set_up, tear_down);
}
