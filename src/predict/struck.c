/* Collective curves on a machine with faults. All groups of the placement's shape run at once, by flows, with the faults and
 * without; the last of them holds the step up, so the ratio of the two ends stretches the curve's lines: that of a small
 * buffer what does not grow with size, that of a large one what does. A fault is never priced as a gain. */
#include "price.h"

#include <math.h>
#include <stdlib.h>

#define SMALL_BYTES 1024.0
#define LARGE_BYTES 0x1p30
#define TASKS_MAX (1u << 21)   /* about a second, should it come to one by one */

typedef struct copies { uint32_t n; sp_placement *place; sp_flow_job *job; } copies;

static uint64_t reach_of(const sp_placement *place)
{
    uint64_t reach = 0;
    for (uint32_t d = 0; d < place->n_dims; d++)
        reach += (uint64_t)(place->dim[d].size - 1) * place->dim[d].stride;
    return reach;
}

static bool begins_group(const sp_placement *place, uint32_t chip)
{
    for (uint32_t d = 0; d < place->n_dims; d++)
        if (chip / place->dim[d].stride % place->dim[d].size)
            return false;
    return true;
}

/* All translates of the group, side by side over the machine. */
static bool all_groups(const sp_machine *machine, const sp_placement *place, copies *out)
{
    uint64_t reach = reach_of(place);
    uint32_t n = 0;
    for (uint32_t c = 0; c + reach < machine->chips; c++)
        n += begins_group(place, c);
    out->place = malloc(((size_t)n + 1) * sizeof *out->place);
    out->job = calloc((size_t)n + 1, sizeof *out->job);
    for (uint32_t c = 0; out->place && out->job && c + reach < machine->chips; c++)
        if (begins_group(place, c)) {
            out->place[out->n] = *place;
            out->place[out->n].base = c;
            out->job[out->n].placement = &out->place[out->n];
            out->n++;
        }
    return out->place && out->job;
}

static sp_status run_all(const sp_pricer *pricer, const sp_i_curve *curve, const copies *all, const sp_program *program, double size_bytes,
                         bool broken, double *out_s, sp_error *err)
{
    sp_flow_options options = {.tasks_max = TASKS_MAX};
    sp_flow_time time;
    if (broken) {
        options.faults = pricer->faults;
        options.n_faults = pricer->n_faults;
    }
    for (uint32_t i = 0; i < all->n; i++) {
        all->job[i].program = program;
        all->job[i].unit_bytes = sp_coll_unit_bytes(program, size_bytes);
    }
    sp_status status = sp_fabric_flow_jobs(all->job, all->n, pricer->machine, curve->stack, &options, NULL, &time, err);
    *out_s = status == SP_OK ? time.time_s : 0;
    return status;
}

/* How much longer an algorithm takes: [0] with a small buffer, [1] with a large one. */
static sp_status stretch_of(const sp_pricer *pricer, const sp_i_curve *curve, const copies *all, const sp_coll_algo *algo, const sp_group *group,
                            double stretch[2], sp_error *err)
{
    const double size[2] = {SMALL_BYTES, LARGE_BYTES};
    const sp_program *program;
    sp_arena *scratch = sp_arena_create();
    sp_status status = scratch ? algo->build(curve->op, group, scratch, &program, err) : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
    for (int i = 0; i < 2 && status == SP_OK; i++) {
        double whole_s, broken_s;
        status = run_all(pricer, curve, all, program, size[i], false, &whole_s, err);
        if (status == SP_OK)
            status = run_all(pricer, curve, all, program, size[i], true, &broken_s, err);
        stretch[i] = status == SP_OK && whole_s > 0 ? fmax(1, broken_s / whole_s) : 1;
    }
    sp_arena_destroy(scratch);
    return status;
}

/* Algorithms whose flows are too many to be followed one by one are left to others of the curve. */
sp_status sp_i_curve_strike(const sp_pricer *pricer, sp_i_curve *curve, const sp_group *group, sp_error *err)
{
    copies all = {0};
    sp_placement place = curve->placement;
    place.base = 0;
    sp_status status = all_groups(pricer->machine, &place, &all) ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
    uint32_t kept = 0;
    const sp_coll_algo *last = NULL;
    double stretch[2] = {1, 1};
    sp_status of_last = SP_OK;
    for (uint32_t i = 0; i < curve->n && status == SP_OK; i++) {
        if (curve->line[i].algo != last)
            of_last = stretch_of(pricer, curve, &all, curve->line[i].algo, group, stretch, err);
        last = curve->line[i].algo;
        if (of_last == SP_E_UNFIT || of_last == SP_E_NOMEM)
            status = of_last;   /* no route, whatever the algorithm */
        if (of_last != SP_OK)
            continue;
        curve->line[kept] = curve->line[i];
        curve->line[kept].fixed_s *= stretch[0];
        curve->line[kept++].per_byte_s *= stretch[1];
    }
    if (status == SP_OK && kept == 0)
        status = sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "%s over groups of %u chips has too many flows to be followed around these faults",
                              sp_coll_op_name(curve->op), sp_placement_ranks(&curve->placement));
    curve->n = kept;
    free(all.place);
    free(all.job);
    return status;
}

void sp_pricer_strike(sp_pricer *pricer, const sp_fault *faults, uint32_t n)
{
    pricer->faults = faults;
    pricer->n_faults = n;
}
