/* Collective curves: the lines a + b * size of the algorithms and protocols that are the least at some size. */
#include "price.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash *= 0x100000001b3u;   /* FNV-1a's prime, over words */
    return hash ^ (hash >> 29);
}

static uint64_t key_of(sp_coll_op op, const sp_placement *placement, const sp_stack *stack)
{
    uint64_t hash = mix(0xcbf29ce484222325u, (uint64_t)op + 1);
    hash = mix(hash, (uint64_t)(uintptr_t)stack);
    for (uint32_t d = 0; d < placement->n_dims; d++)
        hash = mix(hash, (uint64_t)placement->dim[d].size << 32 | placement->dim[d].stride);
    return hash ? hash : 1;
}

static bool same(const sp_i_curve *curve, sp_coll_op op, const sp_placement *placement, const sp_stack *stack)
{
    return curve->op == op && curve->stack == stack && curve->placement.n_dims == placement->n_dims &&
           memcmp(curve->placement.dim, placement->dim, placement->n_dims * sizeof placement->dim[0]) == 0;
}

static sp_i_curve **find(sp_i_curve **curves, uint32_t room, uint64_t key, sp_coll_op op, const sp_placement *placement,
                         const sp_stack *stack)
{
    uint32_t at = (uint32_t)(key >> 20) & (room - 1);
    while (curves[at] && !(curves[at]->key == key && same(curves[at], op, placement, stack)))
        at = (at + 1) & (room - 1);
    return &curves[at];
}

static sp_status grow(sp_pricer *pricer, sp_error *err)
{
    uint32_t room = pricer->room ? pricer->room * 2 : 256;
    sp_i_curve **curves = calloc(room, sizeof *curves);
    if (!curves)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u collective curves", room);
    for (uint32_t i = 0; i < pricer->room; i++) {
        sp_i_curve *c = pricer->curves[i];
        if (c)
            *find(curves, room, c->key, c->op, &c->placement, c->stack) = c;
    }
    free(pricer->curves);
    pricer->curves = curves;
    pricer->room = room;
    return SP_OK;
}

static double at_size(const sp_i_curve *curve, uint32_t line, double size_bytes)
{
    return curve->line[line].fixed_s + curve->line[line].per_byte_s * size_bytes;
}

/* Is a line already there that is at most as slow at nothing and at `size`? Lines are straight, so then between, too. */
static bool beaten(const sp_i_curve *curve, double empty_s, double size, double size_s)
{
    for (uint32_t i = 0; i < curve->n; i++)
        if (at_size(curve, i, 0) <= empty_s && at_size(curve, i, size) <= size_s)
            return true;
    return false;
}

/* Lines by rising slope; one that is nowhere below those beside it goes. Ties stay with the earlier row. */
static void insert_line(sp_i_curve *curve, double fixed_s, double per_byte_s, const sp_coll_algo *algo)
{
    uint32_t at = 0;
    while (at < curve->n && curve->line[at].per_byte_s <= per_byte_s)
        at++;
    memmove(&curve->line[at + 1], &curve->line[at], (curve->n - at) * sizeof curve->line[0]);
    curve->line[at].fixed_s = fixed_s;
    curve->line[at].per_byte_s = per_byte_s;
    curve->line[at].algo = algo;
    curve->n++;
    for (uint32_t i = 0; i < curve->n;) {
        double size = 0;   /* from here up line i is the least, if the flatter one before it were not */
        bool useless = i > 0 && curve->line[i].fixed_s >= curve->line[i - 1].fixed_s;
        if (i + 1 < curve->n && curve->line[i + 1].per_byte_s > curve->line[i].per_byte_s)
            size = (curve->line[i].fixed_s - curve->line[i + 1].fixed_s) / (curve->line[i + 1].per_byte_s - curve->line[i].per_byte_s);
        useless = useless || (i > 0 && size > 0 && at_size(curve, i, size) >= at_size(curve, i - 1, size));
        if (!useless) {
            i++;
            continue;
        }
        curve->n--;
        memmove(&curve->line[i], &curve->line[i + 1], (curve->n - i) * sizeof curve->line[0]);
        i = i > 0 ? i - 1 : 0;
    }
}

static sp_status compile_algo(sp_pricer *pricer, sp_i_curve *curve, const sp_coll_algo *algo, bool any, const sp_group *group,
                              sp_arena *scratch, sp_error *err)
{
    const double size = 0x1p40;   /* what is not latency is proportional to it; 1 TiB: no buffer of a chip is larger */
    const sp_program *program;
    sp_coll_measured measured[2];
    uint32_t n;
    double empty_s = 0, floor_s = 0;
    sp_status status = algo->build(curve->op, group, scratch, &program, err);
    sp_placement placement = curve->placement;
    placement.base = 0;
    if (status == SP_OK)
        status = sp_coll_floor_s(program, pricer->machine, &placement, curve->stack, 0, true, &empty_s, err);
    if (status == SP_OK)
        status = sp_coll_floor_s(program, pricer->machine, &placement, curve->stack, size, true, &floor_s, err);
    if (status != SP_OK || beaten(curve, empty_s, size, floor_s))
        return status;
    status = sp_coll_measure(algo, curve->op, group, pricer->machine, &placement, curve->stack, any, true, scratch, measured, &n, err);
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        sp_comm_line line[SP_COMM_LINES_MAX];
        uint32_t n_lines = sp_fabric_lines(&measured[i].measure, curve->stack, line);
        for (uint32_t k = 0; k < n_lines && curve->n < SP_I_LINES_MAX; k++)
            insert_line(curve, line[k].fixed_s, line[k].per_byte_s / measured[i].measure.n_units, algo);
    }
    return status;
}

/* The algorithms of the stack's library, or all there are. */
static sp_status compile_from(sp_pricer *pricer, sp_i_curve *curve, bool any, const sp_group *group, sp_error *last)
{
    const char *op = sp_coll_op_name(curve->op);
    for (uint32_t a = 0; a < sp_coll_n_algos; a++) {
        const sp_coll_algo *algo = &sp_coll_algos[a];
        const char *why;
        if (!algo->applicable(curve->op, group, &why) ||
            !(any || sp_stack_runs(curve->stack, op, algo->name, false, 0) || sp_stack_runs(curve->stack, op, algo->name, true, 0)))
            continue;
        sp_arena *scratch = sp_arena_create();
        sp_status status = scratch ? compile_algo(pricer, curve, algo, any, group, scratch, last)
                                   : sp_error_set(last, SP_E_NOMEM, NULL, 0, 0, "no memory for a collective");
        sp_arena_destroy(scratch);
        if (status == SP_E_NOMEM)
            return status;
    }
    return SP_OK;
}

static sp_status compile(sp_pricer *pricer, sp_i_curve *curve, sp_error *err)
{
    sp_group group;
    sp_error last = {0};
    sp_placement placement = curve->placement;
    placement.base = 0;
    sp_status status = sp_coll_group(pricer->machine, &placement, &group, err);
    if (status != SP_OK)
        return status;
    for (int any = 0; any < 2 && curve->n == 0; any++) {
        status = compile_from(pricer, curve, any, &group, &last);
        if (status != SP_OK)
            return sp_error_set(err, status, NULL, 0, 0, "%s", last.text);
    }
    if (curve->n == 0)
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "no algorithm does %s over a group of %u ranks laid like this%s%s",
                            sp_coll_op_name(curve->op), sp_placement_ranks(&curve->placement), last.text[0] ? ": " : "", last.text);
    return pricer->n_faults ? sp_i_curve_strike(pricer, curve, &group, err) : SP_OK;
}

sp_status sp_i_curve_find(sp_pricer *pricer, sp_coll_op op, const sp_placement *placement, const sp_stack *stack, const sp_i_curve **out,
                          sp_error *err)
{
    if (pricer->n_curves * 2 >= pricer->room) {
        sp_status status = grow(pricer, err);
        if (status != SP_OK)
            return status;
    }
    uint64_t key = key_of(op, placement, stack);
    sp_i_curve **at = find(pricer->curves, pricer->room, key, op, placement, stack);
    if (!*at) {
        sp_i_curve fresh = {.key = key, .op = op, .stack = stack, .placement = *placement};
        sp_status status = compile(pricer, &fresh, err);
        sp_i_curve *kept = status == SP_OK ? sp_arena_alloc(pricer->arena, 1, sizeof *kept) : NULL;
        if (status != SP_OK)
            return status;
        if (!kept)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a collective curve");
        *kept = fresh;
        *at = kept;
        pricer->n_curves++;
    }
    *out = *at;
    return SP_OK;
}

double sp_i_curve_s(const sp_i_curve *curve, double size_bytes, const sp_coll_algo **algo)
{
    double best = at_size(curve, 0, size_bytes);
    uint32_t winner = 0;
    for (uint32_t i = 1; i < curve->n; i++) {
        double seconds = at_size(curve, i, size_bytes);
        if (seconds < best) {
            best = seconds;
            winner = i;
        }
    }
    if (algo)
        *algo = curve->line[winner].algo;
    return best;
}

sp_status sp_i_comm_s(sp_pricer *pricer, sp_coll_op op, const sp_placement *placement, const sp_stack *stack, double size_bytes,
                      double *out_s, const sp_coll_algo **algo, sp_error *err)
{
    const sp_i_curve *curve;
    *out_s = 0;
    if (algo)
        *algo = NULL;
    if (placement->n_dims == 0)
        return SP_OK;
    sp_status status = sp_i_curve_find(pricer, op, placement, stack, &curve, err);
    if (status == SP_OK)
        *out_s = sp_i_curve_s(curve, size_bytes, algo);
    return status;
}

const sp_stack *sp_i_stack_of(const sp_pricer *pricer, const sp_plan *plan)
{
    const sp_stack *named = sp_machine_stack(pricer->machine, plan->stack);
    return named ? named : sp_machine_stack(pricer->machine, NULL);
}

/* ---- groups inside the pieces, interned --------------------------------------------------------------------------------- */

static const sp_comm_group inner_groups[] = {SP_GROUP_TP, SP_GROUP_CP, SP_GROUP_EP, SP_GROUP_ETP};
#define N_INNER (sizeof inner_groups / sizeof inner_groups[0])

static uint64_t inner_key(const sp_layout *layout)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < N_INNER; i++) {
        const sp_placement *p = &layout->group[inner_groups[i]];
        hash = mix(hash, p->n_dims + 1);
        for (uint32_t d = 0; d < p->n_dims; d++)
            hash = mix(hash, (uint64_t)p->dim[d].size << 32 | p->dim[d].stride);
    }
    return hash;
}

static bool same_inner(const sp_layout *a, const sp_layout *b)
{
    for (size_t i = 0; i < N_INNER; i++) {
        const sp_placement *x = &a->group[inner_groups[i]], *y = &b->group[inner_groups[i]];
        if (x->n_dims != y->n_dims || memcmp(x->dim, y->dim, x->n_dims * sizeof x->dim[0]) != 0)
            return false;
    }
    return true;
}

static bool grow_inner(sp_pricer *pricer)
{
    uint32_t room = pricer->inner_room ? pricer->inner_room * 2 : 64;
    const sp_i_inner **inner = calloc(room, sizeof *inner);
    if (!inner)
        return false;
    for (uint32_t i = 0; i < pricer->inner_room; i++) {
        const sp_i_inner *one = pricer->inner[i];
        uint32_t at = one ? (uint32_t)(one->key >> 20) & (room - 1) : 0;
        while (one && inner[at])
            at = (at + 1) & (room - 1);
        if (one)
            inner[at] = one;
    }
    free(pricer->inner);
    pricer->inner = inner;
    pricer->inner_room = room;
    return true;
}

const sp_i_inner *sp_i_inner_find(sp_pricer *pricer, const sp_layout *layout)
{
    if (pricer->n_inner * 2 >= pricer->inner_room && !grow_inner(pricer))
        return NULL;
    uint64_t key = inner_key(layout);
    uint32_t at = (uint32_t)(key >> 20) & (pricer->inner_room - 1);
    while (pricer->inner[at] && !(pricer->inner[at]->key == key && same_inner(&pricer->inner[at]->layout, layout)))
        at = (at + 1) & (pricer->inner_room - 1);
    if (!pricer->inner[at]) {
        sp_i_inner *fresh = sp_arena_alloc(pricer->arena, 1, sizeof *fresh);
        if (!fresh)
            return NULL;
        *fresh = (sp_i_inner){.key = key, .layout = *layout};
        pricer->inner[at] = fresh;
        pricer->n_inner++;
    }
    return pricer->inner[at];
}
