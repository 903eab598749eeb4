#include "collective_private.h"

void sp_i_visit(sp_i_stage *stage, sp_coll_op op, const sp_digit *dims, uint32_t n_dims, uint32_t shift, sp_i_along along)
{
    bool scatters = op == SP_COLL_ALL_REDUCE || op == SP_COLL_REDUCE_SCATTER;
    bool gathers = op == SP_COLL_ALL_REDUCE || op == SP_COLL_ALL_GATHER || op == SP_COLL_BROADCAST;
    for (uint32_t i = 0; i < n_dims; i++) {
        stage->axis = dims[i];
        stage->n_fixed = i;
        if (op == SP_COLL_ALL_TO_ALL)
            sp_i_exchange_direct(stage);
        else if (scatters)
            along(stage, false, shift);
        stage->fixed[i] = stage->axis;
    }
    for (uint32_t i = n_dims; gathers && i-- > 0;) {
        stage->axis = dims[i];
        stage->n_fixed = i;
        along(stage, true, shift);
    }
}
