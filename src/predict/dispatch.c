/* Expert dispatch and combine by kernels that send a token once to every place that needs it (DeepEP and its kin). */
#include "price.h"

#include <math.h>

/* Different places, of n, that hold some of a token's experts, drawn freely: n (1 - (1 - 1/n)^k). */
static double places_hit(double n, double k)
{
    return n * (1 - pow(1 - 1 / n, k));
}

sp_status sp_i_dispatch_s(sp_pricer *pricer, const sp_placement *group, const sp_stack *stack, double size_bytes, const sp_carried *carried, bool dense,
                          double *out_s, sp_error *err)
{
    const sp_tier *inner_tier = &pricer->machine->planes[0].tiers[0];
    sp_placement inside = {.base = group->base}, between = {.base = group->base};
    for (uint32_t d = 0; d < group->n_dims; d++) {
        sp_placement *to = group->dim[d].stride < inner_tier->size ? &inside : &between;
        to->dim[to->n_dims++] = group->dim[d];
    }
    double ranks = sp_placement_ranks(group), nodes = between.n_dims ? sp_placement_ranks(&between) : 1, inside_s = 0, between_s = 0;
    double near = inside.n_dims ? sp_placement_ranks(&inside) : 1, copies = carried->copies;
    double probs_bytes = dense ? carried->prob_bytes * near / ranks : 0, map_s = 0;
    double once_bytes = (size_bytes + probs_bytes) / copies;   /* of one copy of every token */
    sp_status status = SP_OK;
    if (dense && carried->map_bytes > 0)   /* by the machine's own library: HybridEP leaves its own gathering off by default */
        status = sp_i_comm_s(pricer, SP_COLL_ALL_GATHER, group, pricer->now.stack, carried->map_bytes, &map_s, NULL, err);
    if (status == SP_OK && inside.n_dims)
        status = sp_i_comm_s(pricer, SP_COLL_ALL_TO_ALL, &inside, stack, once_bytes * places_hit(ranks, copies), &inside_s, NULL, err);
    if (status == SP_OK && between.n_dims)
        status = sp_i_comm_s(pricer, SP_COLL_ALL_TO_ALL, &between, stack, once_bytes * places_hit(nodes, copies), &between_s, NULL, err);
    if (status == SP_OK)
        *out_s = map_s + fmax(inside_s, between_s);
    return status;
}
