/* What evaluating flows complains of. */
#include "flow_i.h"

#include "superpod/engine.h"

#define LONGEST_S ((double)(INT64_MAX / 4) * 1e-12)   /* where sp_ticks_ps saturates */

sp_status sp_i_flow_no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the flows");
}

sp_status sp_i_flow_interrupted(sp_error *err)
{
    return sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
}

sp_status sp_i_flow_no_end(uint32_t n_tasks, sp_error *err)
{
    return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the steps of %u flows are too many to be run one by one, and come to no order in which they "
                        "repeat; use smaller groups, or an algorithm of fewer steps", n_tasks);
}

sp_status sp_i_flow_unreachable(const sp_flow_options *options, uint32_t src, uint32_t dst, sp_error *err)
{
    for (uint32_t i = 0; i < options->n_faults; i++)
        if (options->faults[i].chip && (options->faults[i].id == src || options->faults[i].id == dst))
            return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "chip %u is dead and sends or receives here (from %u to %u); leave it out", options->faults[i].id, src, dst);
    return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "the faults leave no route from chip %u to chip %u that %s routing takes", src, dst,
                        sp_routing_name(options->routing));
}

sp_status sp_i_flow_too_long(double time_s, sp_error *err)
{
    return time_s < LONGEST_S ? SP_OK : sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the flows take %.3g s or more; expected less than %.3g s (26 days), which a clock of "
                                                     "picoseconds holds: use fewer bytes, higher rates or shorter latencies", time_s, LONGEST_S);
}
