/* Cuts a placement's dims at the boundaries of tiers. */
#include "collective_private.h"

static bool switched(const sp_tier *tier)
{
    return tier->kind != SP_TIER_MESH && tier->kind != SP_TIER_TORUS;
}

/* The tier dim that a chip stride moves in, and where that dim begins and ends (chips). */
static bool find_dim(const sp_plane *plane, uint64_t stride, uint32_t *tier, uint32_t *tdim, uint64_t *begin,
                     uint64_t *end)
{
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *at = &plane->tiers[t];
        uint64_t inner = at->stride;
        for (uint32_t d = 0; d < (switched(at) ? 1 : at->n_dims); d++, inner = *end) {
            *end = inner * (switched(at) ? at->size : at->dims[d]);
            if (stride >= inner && stride < *end) {
                *tier = t;
                *tdim = d;
                *begin = inner;
                return true;
            }
        }
    }
    return false;
}

sp_status sp_i_coll_lanes(const sp_machine *machine, const sp_placement *placement, sp_i_lane_at lanes[SP_I_LANES_MAX],
                          uint32_t *n_lanes, sp_error *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < placement->n_dims; i++) {
        uint64_t size = placement->dim[i].size, stride = placement->dim[i].stride, end;
        while (size > 1) {
            uint32_t tier, tdim;
            uint64_t begin;
            if (!find_dim(&machine->planes[0], stride, &tier, &tdim, &begin, &end))
                return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement dim %u reaches beyond the %u chips of %s", i,
                                    machine->chips, machine->name ? machine->name : "the machine");
            if (n == SP_I_LANES_MAX)
                return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the group lies across more than %u dims", SP_I_LANES_MAX);
            uint64_t here = (end + stride - 1) / stride;
            here = here > size || size % here ? size : here;
            lanes[n++] = (sp_i_lane_at){(uint32_t)here, tier, tdim, (uint32_t)(stride / begin)};
            size /= here;
            stride *= here;
        }
    }
    *n_lanes = n;
    return SP_OK;
}

sp_status sp_coll_group(const sp_machine *machine, const sp_placement *placement, sp_group *out, sp_error *err)
{
    sp_i_lane_at lanes[SP_I_LANES_MAX];
    uint32_t n;
    sp_status status = sp_i_coll_lanes(machine, placement, lanes, &n, err);
    if (status != SP_OK)
        return status;
    *out = (sp_group){.n_dims = n};
    for (uint32_t i = 0; i < n; i++)
        out->dim[i] = lanes[i].size;
    return SP_OK;
}
