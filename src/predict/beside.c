/* Two axes' collectives at the same time over links that both use: how much longer both take. All groups of both shapes run at once by
 * flows, with sizes that make either take the same time alone; what the two together take beyond that, as a part of it, is the
 * pair's *share*: 0 where they meet nowhere, 1 where they might as well take turns. One number a pair of shapes and operations,
 * found once and kept; no step of a search runs flows for a pair it has seen. */
#include "price.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES 0x1p30     /* latency is below 1 % of what is measured */
#define TASKS_MAX (1u << 13)   /* some ms, should it come to one by one */
#define STEPS_MAX 64u          /* longer rings beside others cost up to a second, and load their links evenly all the time */
#define CHIPS_MAX 16384u       /* beyond, whose groups are alike takes longer to find than what they do */
#define KEPT_MAX 1024u

typedef struct axis { sp_coll_op op; sp_placement place; } axis;
struct sp_i_beside { const sp_stack *stack; axis a, b; double share; };
struct sp_i_alone { const sp_stack *stack; axis a; double time_s; };   /* of all its groups, LARGE_BYTES */

static bool same_axis(const axis *x, const axis *y)
{
    return x->op == y->op && x->place.n_dims == y->place.n_dims && memcmp(x->place.dim, y->place.dim, x->place.n_dims * sizeof x->place.dim[0]) == 0;
}

/* ---- do they meet? -------------------------------------------------------------------------------------------------------- */

/* Tiers whose links a group uses: those that it spans; a tree that several tiers share is climbed from its first. */
static uint32_t tiers_of(const sp_machine *machine, const sp_placement *place)
{
    uint32_t all = 0;
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t d = 0; d < place->n_dims; d++)
        for (uint32_t t = 0; t < plane->n_tiers; t++) {
            const sp_tier *tier = &plane->tiers[t];
            uint64_t low = place->dim[d].stride, high = low * place->dim[d].size;
            if (place->dim[d].size > 1 && low < (uint64_t)tier->stride * tier->size && high > tier->stride)
                all |= 1u << t;
        }
    for (uint32_t t = plane->n_tiers; t-- > 1;)
        if (all >> t & 1 && plane->tiers[t].shared)
            all |= 1u << (t - 1);
    return all;
}

/* ---- all groups of two shapes at once ------------------------------------------------------------------------------------------ */

typedef struct crowd { uint32_t n, room; sp_placement *place; sp_flow_job *job; } crowd;

static bool begins_group(const sp_placement *place, uint32_t chip)
{
    for (uint32_t d = 0; d < place->n_dims; d++)
        if (chip / place->dim[d].stride % place->dim[d].size)
            return false;
    return true;
}

static void add_groups(crowd *c, const sp_machine *machine, const axis *a, const sp_program *program, double size_bytes)
{
    uint64_t reach = 0;
    for (uint32_t d = 0; d < a->place.n_dims; d++)
        reach += (uint64_t)(a->place.dim[d].size - 1) * a->place.dim[d].stride;
    for (uint32_t chip = 0; chip + reach < machine->chips; chip++)
        if (begins_group(&a->place, chip)) {
            c->place[c->n] = a->place;
            c->place[c->n].base = chip;
            c->job[c->n] = (sp_flow_job){program, &c->place[c->n], sp_coll_unit_bytes(program, size_bytes)};
            c->n++;
        }
}

static sp_status run(const sp_pricer *pricer, const sp_stack *stack, const axis *const axes[2], const sp_program *const programs[2], const double size_bytes[2],
                     double *out_s)
{
    crowd c = {0};
    sp_flow_options options = {.tasks_max = TASKS_MAX};
    sp_flow_time time;
    c.place = malloc(((size_t)pricer->machine->chips + 1) * 2 * sizeof *c.place);
    c.job = calloc(((size_t)pricer->machine->chips + 1) * 2, sizeof *c.job);
    sp_status status = c.place && c.job ? SP_OK : SP_E_NOMEM;
    for (int i = 0; i < 2 && status == SP_OK; i++)
        if (size_bytes[i] > 0)
            add_groups(&c, pricer->machine, axes[i], programs[i], size_bytes[i]);
    if (status == SP_OK)
        status = sp_fabric_flow_jobs(c.job, c.n, pricer->machine, stack, &options, NULL, &time, NULL);
    *out_s = status == SP_OK ? time.time_s : 0;
    free(c.place);
    free(c.job);
    return status;
}

static sp_status run_alone(sp_pricer *pricer, const sp_stack *stack, const axis *a, const sp_program *program, double *out_s)
{
    const axis *const axes[2] = {a, a};
    const sp_program *const programs[2] = {program, program};
    for (uint32_t i = 0; i < pricer->n_alone; i++)
        if (pricer->alone[i].stack == stack && same_axis(&pricer->alone[i].a, a)) {
            *out_s = pricer->alone[i].time_s;
            return *out_s > 0 ? SP_OK : SP_E_RANGE;
        }
    if (!pricer->alone && !(pricer->alone = sp_arena_alloc(pricer->arena, KEPT_MAX, sizeof *pricer->alone)))
        return SP_E_NOMEM;
    sp_status status = run(pricer, stack, axes, programs, (double[2]){LARGE_BYTES, 0}, out_s);
    if (pricer->n_alone < KEPT_MAX && status != SP_E_NOMEM)   /* 0: too many flows */
        pricer->alone[pricer->n_alone++] = (sp_i_alone){stack, *a, *out_s};
    return status;
}

/* By flows; not SP_OK where they are too many to follow. */
static sp_status share_by_flows(sp_pricer *pricer, const sp_stack *stack, const axis *const axes[2], const sp_program *const programs[2], double *out)
{
    double size_bytes[2] = {LARGE_BYTES, LARGE_BYTES}, alone_s[2], both_s;
    for (int i = 0; i < 2; i++) {
        sp_status status = run_alone(pricer, stack, axes[i], programs[i], &alone_s[i]);
        if (status != SP_OK)
            return status;
    }
    int slower = alone_s[1] > alone_s[0];
    size_bytes[!slower] *= alone_s[slower] / alone_s[!slower];
    sp_status status = run(pricer, stack, axes, programs, size_bytes, &both_s);
    if (status == SP_OK)
        *out = fmin(1, fmax(0, both_s / alone_s[slower] - 1));
    return status;
}

/* By loads: a kind of links that one keeps busy for a part of its time and the other for another has both parts to carry. */
static double share_by_loads(const sp_comm_measure *a, const sp_comm_measure *b)
{
    double most = 0, own[2] = {0, 0};
    for (uint32_t w = 0; w < SP_COMM_WIRES; w++) {
        own[0] = fmax(own[0], a->wire_s[w]);
        own[1] = fmax(own[1], b->wire_s[w]);
    }
    for (uint32_t w = 0; w < SP_COMM_WIRES && own[0] > 0 && own[1] > 0; w++)
        if (a->wire_s[w] > 0 && b->wire_s[w] > 0)
            most = fmax(most, a->wire_s[w] / own[0] + b->wire_s[w] / own[1] - 1);
    return fmin(1, fmax(0, most));
}

/* ---- finding a pair ------------------------------------------------------------------------------------------------------------ */

/* The program of a large buffer. */
static sp_status program_of(sp_pricer *pricer, const sp_stack *stack, const axis *a, sp_arena *arena, const sp_program **out, sp_comm_measure *loads, sp_error *err)
{
    const sp_i_curve *curve;
    const sp_coll_algo *algo = NULL;
    sp_group group;
    sp_status status = sp_i_curve_find(pricer, a->op, &a->place, stack, &curve, err);
    if (status != SP_OK)
        return status;
    sp_i_curve_s(curve, LARGE_BYTES, &algo);
    status = sp_coll_group(pricer->machine, &a->place, &group, err);
    if (status == SP_OK)
        status = algo->build(a->op, &group, arena, out, err);
    return status == SP_OK ? sp_fabric_measure(*out, pricer->machine, &a->place, (sp_comm_how){.replicated = true}, arena, loads, err) : status;
}

static bool in_few_steps(const sp_program *program)
{
    bool few = true;
    for (uint32_t k = 0; k < program->n_classes; k++)
        few = few && program->classes[k].n_step <= STEPS_MAX;
    return few;
}

static sp_status compile(sp_pricer *pricer, const sp_stack *stack, const axis *const axes[2], double *out, sp_error *err)
{
    const sp_program *programs[2];
    sp_comm_measure loads[2];
    sp_arena *arena = sp_arena_create();
    sp_status status = arena ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for two groups");
    for (int i = 0; i < 2 && status == SP_OK; i++)
        status = program_of(pricer, stack, axes[i], arena, &programs[i], &loads[i], err);
    if (status == SP_OK) {
        *out = share_by_loads(&loads[0], &loads[1]);
        if (pricer->machine->chips <= CHIPS_MAX && in_few_steps(programs[0]) && in_few_steps(programs[1]))
            status = share_by_flows(pricer, stack, axes, programs, out);
        if (status == SP_E_NOMEM)
            sp_error_set(err, status, NULL, 0, 0, "no memory for two groups");
        else
            status = SP_OK;   /* too many flows: by loads */
    }
    sp_arena_destroy(arena);
    return status;
}

/* A reduce-scatter is an all-gather backwards: the same links for as long. */
static sp_coll_op mirrored(sp_coll_op op)
{
    return op == SP_COLL_REDUCE_SCATTER ? SP_COLL_ALL_GATHER : op;
}

sp_status sp_pricer_beside(sp_pricer *pricer, const sp_stack *stack, sp_coll_op op_a, const sp_placement *a, sp_coll_op op_b, const sp_placement *b, double *out,
                           sp_error *err)
{
    axis x = {mirrored(op_a), *a}, y = {mirrored(op_b), *b};
    const axis *const axes[2] = {&x, &y};
    *out = 0;
    x.place.base = y.place.base = 0;
    if (!(tiers_of(pricer->machine, a) & tiers_of(pricer->machine, b)))
        return SP_OK;
    for (uint32_t i = 0; i < pricer->n_beside; i++) {
        const sp_i_beside *kept = &pricer->beside[i];
        if (kept->stack == stack && same_axis(&kept->a, &x) && same_axis(&kept->b, &y)) {
            *out = kept->share;
            return SP_OK;
        }
    }
    sp_status status = compile(pricer, stack, axes, out, err);
    if (status != SP_OK)
        return status;
    if (!pricer->beside && !(pricer->beside = sp_arena_alloc(pricer->arena, KEPT_MAX, sizeof *pricer->beside)))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for two groups");
    if (pricer->n_beside < KEPT_MAX)
        pricer->beside[pricer->n_beside++] = (sp_i_beside){stack, x, y, *out};
    return SP_OK;
}

sp_status sp_i_beside_share(sp_pricer *pricer, const sp_stack *stack, const sp_layout *layout, sp_comm_group a, sp_coll_op op_a, sp_comm_group b,
                            sp_coll_op op_b, double *out, sp_error *err)
{
    sp_placement pair = a == SP_GROUP_PP ? sp_i_far_pair(layout) : layout->group[a];
    return sp_pricer_beside(pricer, stack, op_a, &pair, op_b, &layout->group[b], out, err);
}
