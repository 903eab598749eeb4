/* From tiers as written to a machine: strides, products, vanishing tiers, then every check. */
#include "topo_i.h"

/* A tier of one unit joins nothing: a family's outermost tier at its smallest size. */
static void drop_single(sp_plane *plane)
{
    uint32_t kept = 0;
    for (uint32_t t = 0; t < plane->n_tiers; t++)
        if (plane->tiers[t].size > 1)
            plane->tiers[kept++] = plane->tiers[t];
    plane->n_tiers = kept ? kept : 1;
}

sp_status sp_i_plane_finish(sp_plane *plane, uint32_t index, sp_arena *arena, uint32_t *chips, sp_error *err)
{
    if (plane->n_tiers == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a plane without tiers; expected one such as mesh:8@56GB/s");
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        sp_status status = sp_i_tier_finish(&plane->tiers[t], err);
        if (status)
            return status;
    }
    drop_single(plane);
    uint64_t stride = 1;
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        sp_tier *tier = &plane->tiers[t];
        tier->stride = (uint32_t)stride;
        if (!tier->name && !(tier->name = sp_arena_printf(arena, "%s%u", sp_tier_kind_name(tier->kind), t)))
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a tier's name");
        if (!sp_mul_u64(stride, tier->size, &stride) || stride > SP_CHIPS_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "tier '%s' brings the machine beyond %u chips, the largest accepted; "
                                "make a tier smaller", tier->name, SP_CHIPS_MAX);
    }
    if (!plane->name)
        plane->name = sp_arena_printf(arena, "plane%u", index);
    *chips = (uint32_t)stride;
    return plane->name ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a plane's name");
}

sp_status sp_i_machine_finish(sp_machine *machine, sp_arena *arena, sp_error *err)
{
    for (uint32_t p = 0; p < machine->n_planes; p++) {
        uint32_t chips;
        sp_status status = sp_i_plane_finish(&machine->planes[p], p, arena, &chips, err);
        if (status)
            return status;
        if (p == 0)
            machine->chips = chips;
    }
    return sp_machine_check(machine, err);
}
