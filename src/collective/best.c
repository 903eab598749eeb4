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

/* Time of one row, unless it cannot be below `beaten_s` (then *out is left alone and *skipped set). */
static sp_status price(const question *q, const sp_coll_algo *algo, double beaten_s, bool *skipped, sp_comm_time *out, sp_error *err)
{
    sp_arena *arena = sp_arena_create();
    const sp_program *program = NULL;
    double floor_s = 0;
    sp_status status = arena ? algo->build(q->op, q->group, arena, &program, err) :
                               sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %s", algo->name);
    if (status == SP_OK)
        status = sp_coll_floor_s(program, q->machine, q->placement, q->stack, q->size_bytes, q->replicated, &floor_s, err);
    *skipped = floor_s > beaten_s;
    if (status == SP_OK && !*skipped)
        status = sp_fabric_analytic(program, q->machine, q->placement, q->stack, sp_coll_unit_bytes(program, q->size_bytes),
                                    q->replicated, out, err);
    sp_arena_destroy(arena);
    return status;
}

static sp_status try_all(const question *q, sp_coll_time *best, sp_error *err)
{
    sp_status first = SP_OK;
    for (uint32_t i = 0; i < sp_coll_n_algos; i++) {
        const char *why;
        sp_comm_time time;
        bool skipped;
        if (!sp_coll_algos[i].applicable(q->op, q->group, &why))
            continue;
        /* the first refusal explains why nothing fits, if nothing does: later rows must not overwrite it */
        sp_status status = price(q, &sp_coll_algos[i], best->algo ? best->comm.time_s : INFINITY, &skipped, &time,
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
    status = best.algo ? price(&q, best.algo, INFINITY, &skipped, &best.comm, err) : try_all(&q, &best, err);
    if (status != SP_OK)
        return status;
    best.lower_bound_s = sp_i_coll_bound_s(op, machine, lanes, n_lanes, size_bytes, replicated);
    *out = best;
    return SP_OK;
}
