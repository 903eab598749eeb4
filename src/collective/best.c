/* Tries the rows of the table on a placement and keeps the fastest. */
#include "collective_private.h"

#include <math.h>
#include <stdio.h>

typedef struct question {
    sp_coll_op op;
    const sp_group *group;
    const sp_machine *machine;
    const sp_placement *placement;
    const sp_stack *stack;
    double size_bytes;
    bool replicated;
} question;

static bool library_has(const sp_stack *stack, sp_coll_op op, const sp_coll_algo *algo)
{
    return sp_stack_runs(stack, sp_coll_op_name(op), algo->name, false, 0) || sp_stack_runs(stack, sp_coll_op_name(op), algo->name, true, 0);
}

sp_status sp_coll_measure(const sp_coll_algo *algo, sp_coll_op op, const sp_group *group, const sp_machine *machine,
                          const sp_placement *placement, const sp_stack *stack, bool named, bool replicated, sp_arena *arena,
                          sp_coll_measured *out, uint32_t *n, sp_error *err)
{
    const sp_program *program = NULL;
    uint32_t count = 0;
    sp_status status = SP_OK;
    *n = 0;
    for (int in_switch = 0; in_switch < 2; in_switch++) {
        if (!sp_stack_runs(stack, sp_coll_op_name(op), algo->name, in_switch, 0) && !(named && !in_switch))
            continue;
        if (!program && (status = algo->build(op, group, arena, &program, err)) != SP_OK)
            return status;
        out[count].algo = algo;
        sp_comm_how how = {.replicated = replicated, .in_switch = in_switch, .rails = stack->rails};
        status = sp_fabric_measure(program, machine, placement, how, arena, &out[count].measure, in_switch ? NULL : err);
        if (status == SP_E_INVAL && in_switch)
            status = SP_OK;   /* no switch in the group's way that could reduce */
        else if (status == SP_OK)
            count += named || sp_stack_runs(stack, sp_coll_op_name(op), algo->name, in_switch, out[count].measure.inner_ranks);
        else
            return status;
    }
    *n = count;
    return SP_OK;
}

sp_comm_time sp_coll_least(const sp_coll_measured *measured, uint32_t n, const sp_stack *stack, double size_bytes,
                           const sp_coll_algo **algo)
{
    sp_comm_time best = {.time_s = INFINITY};
    for (uint32_t i = 0; i < n; i++) {
        sp_comm_line line[SP_COMM_LINES_MAX];
        uint32_t n_lines = sp_fabric_lines(&measured[i].measure, stack, line);
        double unit_bytes = size_bytes / measured[i].measure.n_units;
        for (uint32_t k = 0; k < n_lines; k++) {
            sp_comm_time time = sp_fabric_line_time(&measured[i].measure, &line[k], unit_bytes);
            if (time.time_s < best.time_s) {
                best = time;
                *algo = measured[i].algo;
            }
        }
    }
    return best;
}

/* Time of one row, unless it cannot be below `beaten_s` (then *out is left alone and *skipped set). */
static sp_status price(const question *q, const sp_coll_algo *algo, bool named, double beaten_s, bool *skipped, sp_comm_time *out,
                       sp_error *err)
{
    sp_arena *arena = sp_arena_create();
    const sp_program *program = NULL;
    sp_coll_measured measured[2];
    uint32_t n = 0;
    double floor_s = 0;
    sp_status status = arena ? algo->build(q->op, q->group, arena, &program, err) :
                               sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %s", algo->name);
    if (status == SP_OK)
        status = sp_coll_floor_s(program, q->machine, q->placement, q->stack, q->size_bytes, q->replicated, &floor_s, err);
    *skipped = floor_s > beaten_s;
    if (status == SP_OK && !*skipped)
        status = sp_coll_measure(algo, q->op, q->group, q->machine, q->placement, q->stack, named, q->replicated, arena, measured, &n, err);
    if (status == SP_OK && !*skipped && n == 0)
        *skipped = true;
    else if (status == SP_OK && !*skipped)
        *out = sp_coll_least(measured, n, q->stack, q->size_bytes, &algo);
    sp_arena_destroy(arena);
    return status;
}

/* The library's own algorithms, or (`any`) all there are. */
static sp_status try_all(const question *q, bool any, sp_coll_time *best, sp_error *err)
{
    sp_status first = SP_OK;
    for (uint32_t i = 0; i < sp_coll_n_algos; i++) {
        const char *why;
        sp_comm_time time;
        bool skipped;
        if (!sp_coll_algos[i].applicable(q->op, q->group, &why) || (!any && !library_has(q->stack, q->op, &sp_coll_algos[i])))
            continue;
        /* the first refusal explains why nothing fits, if nothing does: later rows must not overwrite it */
        sp_status status = price(q, &sp_coll_algos[i], any, best->algo ? best->comm.time_s : INFINITY, &skipped, &time,
                                 first == SP_OK && !best->algo ? err : NULL);
        if (status == SP_E_NOMEM)
            return status;
        if (status != SP_OK)
            first = first == SP_OK ? status : first;
        else if (!skipped && (!best->algo || time.time_s < best->comm.time_s)) {
            best->comm = time;
            best->algo = &sp_coll_algos[i];
        }
    }
    if (best->algo)
        return SP_OK;
    if (!any)
        return try_all(q, true, best, err);
    return first != SP_OK ? first : sp_i_refuse("no algorithm", q->op, "no row of the table is applicable", err);
}

static sp_status unknown_algo(const char *name, sp_error *err)
{
    char all[400] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < sp_coll_n_algos && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, i ? ", %s" : "%s", sp_coll_algos[i].name);
    return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "unknown algorithm \"%s\"; expected one of %s", name, all);
}

sp_status sp_coll_best(sp_coll_op op, const sp_machine *machine, const sp_placement *placement, const sp_stack *stack,
                       double size_bytes, bool replicated, const char *algo_name, sp_coll_time *out, sp_error *err)
{
    sp_i_lane_at lanes[SP_I_LANES_MAX];
    uint32_t n_lanes;
    sp_group group;
    sp_coll_time best = {.algo = algo_name ? sp_coll_algo_find(algo_name) : NULL};
    if (algo_name && !best.algo)
        return unknown_algo(algo_name, err);
    sp_status status = sp_i_coll_lanes(machine, placement, lanes, &n_lanes, err);
    if (status == SP_OK)
        status = sp_coll_group(machine, placement, &group, err);
    if (status != SP_OK)
        return status;
    if (n_lanes == 0) {
        best.algo = best.algo ? best.algo : &sp_coll_algos[0];
        *out = best;
        return SP_OK;
    }
    question q = {op, &group, machine, placement, stack, size_bytes, replicated};
    bool skipped;
    status = best.algo ? price(&q, best.algo, true, INFINITY, &skipped, &best.comm, err) : try_all(&q, false, &best, err);
    if (status != SP_OK)
        return status;
    best.lower_bound_s = sp_i_coll_bound_s(op, machine, lanes, n_lanes, size_bytes, replicated, sp_i_coll_in_switch(stack));
    *out = best;
    return SP_OK;
}
