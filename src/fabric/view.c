/* Lays a placement's dims on the tiers of plane 0. */
#include "load.h"

/* The tier dim a chip stride moves in, and the chips one coordinate of it spans. */
static bool find_dim(const sp_i_view *view, uint64_t stride, uint32_t *tier, uint32_t *tdim, uint64_t *dim_stride)
{
    for (uint32_t t = 0; t < view->n_tiers; t++) {
        const sp_tier *at = &view->tiers[t];
        uint64_t inner = at->stride;
        uint32_t n_dims = sp_tier_is_switched(at->kind) ? 1 : at->n_dims;
        for (uint32_t d = 0; d < n_dims; d++) {
            uint64_t size = sp_tier_is_switched(at->kind) ? at->size : at->dims[d];
            if (stride >= inner && stride < inner * size) {
                *tier = t;
                *tdim = d;
                *dim_stride = inner;
                return true;
            }
            inner *= size;
        }
    }
    return false;
}

static uint64_t dim_size(const sp_tier *tier, uint32_t tdim)
{
    return sp_tier_is_switched(tier->kind) ? tier->size : tier->dims[tdim];
}

/* Splits (size, stride) into lanes, innermost first; each lane stays inside one tier dim. */
static sp_status lay(sp_i_view *view, uint64_t size, uint64_t stride, uint64_t rank_stride, sp_error *err)
{
    while (size > 1) {
        uint32_t tier, tdim;
        uint64_t dim_stride;
        if (!find_dim(view, stride, &tier, &tdim, &dim_stride))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement reaches beyond the machine's %u chips",
                                view->machine->chips);
        uint64_t room = dim_stride * dim_size(&view->tiers[tier], tdim);
        uint64_t here = (room + stride - 1) / stride;   /* ranks until the next dim begins */
        if (here > size)
            here = size;
        if (stride % dim_stride != 0 || size % here != 0 || (here < size && room % stride != 0))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0,
                                "a group of %llu ranks with stride %llu does not fit the machine's tiers evenly (tier %u has %llu "
                                "positions); use sizes that divide the tiers",
                                (unsigned long long)size, (unsigned long long)stride, tier,
                                (unsigned long long)dim_size(&view->tiers[tier], tdim));
        if (view->n_lanes == 2 * SP_PLACE_DIMS)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "a group lies across more than %d dims", 2 * SP_PLACE_DIMS);
        view->lane[view->n_lanes++] = (sp_i_lane){.size = (uint32_t)here, .rank_stride = (uint32_t)rank_stride,
                                                  .tier = tier, .tdim = tdim, .gap = (uint32_t)(stride / dim_stride)};
        rank_stride *= here;
        stride *= here;
        size /= here;
    }
    return SP_OK;
}

sp_status sp_i_view_make(const sp_machine *machine, const sp_placement *placement, sp_comm_how how,
                         sp_i_view *out, sp_error *err)
{
    *out = (sp_i_view){.machine = machine, .tiers = machine->planes[0].tiers, .n_tiers = machine->planes[0].n_tiers,
                       .replicated = how.replicated, .in_switch = how.in_switch, .rails = how.rails};
    uint64_t rank_stride = 1;
    for (uint32_t d = 0; d < placement->n_dims; d++) {
        sp_status status = lay(out, placement->dim[d].size, placement->dim[d].stride, rank_stride, err);
        if (status != SP_OK)
            return status;
        rank_stride *= placement->dim[d].size;
    }
    return SP_OK;
}
