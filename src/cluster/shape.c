/* From a machine's tiers to rows, leaves and pods. */
#include "cluster_i.h"

/* Largest unit that the tiers build up to `most` chips and that `inner` divides; else `inner`. */
static uint32_t unit_up_to(const sp_machine *machine, uint32_t inner, uint32_t most)
{
    uint32_t best = inner;
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        uint64_t unit = (uint64_t)plane->tiers[t].stride * plane->tiers[t].size;
        if (unit <= most && unit % inner == 0 && unit > best) best = (uint32_t)unit;
    }
    return best;
}

static uint32_t row_of(const sp_machine *machine)
{
    uint32_t row = machine->chips_per_host;
    if (row == 0) row = unit_up_to(machine, 1, 8);   /* hosts hold 4 or 8 chips throughout the catalog */
    return row <= 64 && machine->chips % row == 0 ? row : 1;
}

static uint32_t leaf_of(const sp_machine *machine, uint32_t row)
{
    uint32_t rack = machine->chips_per_rack;
    if (rack == 0) return unit_up_to(machine, row, 64);
    return rack <= 64 && machine->chips % rack == 0 ? rack : row;   /* a rack is a word of bits, and whole */
}

/* A pod is what the outermost tier joins; where that is a leaf or less, the machine is the one pod. */
static uint32_t pod_of(const sp_machine *machine, uint32_t leaf)
{
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = plane->n_tiers; t-- > 0;) {
        uint32_t stride = plane->tiers[t].stride;
        if (plane->tiers[t].size > 1) return stride > leaf && stride % leaf == 0 && machine->chips % stride == 0 ? stride : machine->chips;
    }
    return machine->chips;
}

/* Racks that are not kept (leaf_of): their spares would be lost, and so would hosts that they cut. */
static sp_status check_rack(const sp_machine *machine, uint32_t row, sp_error *err)
{
    uint32_t rack = machine->chips_per_rack;
    if (rack != 0 && rack % row != 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a rack of %u chips does not hold whole hosts of %u; give rack a multiple", rack, row);
    if (machine->spares_per_rack == 0) return SP_OK;
    if (rack > 64)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "racks of %u chips with spares cannot be operated; expected at most 64 chips a rack: give a smaller rack, "
                            "or spare hosts by --reserve", rack);
    if (machine->chips % rack != 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%u chips are not whole racks of %u with spares; give a rack that divides them", machine->chips, rack);
    return SP_OK;
}

sp_status sp_cluster_shape_of(const sp_machine *machine, sp_cluster_shape *out, sp_error *err)
{
    if (machine->chips == 0) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a machine without chips cannot be operated");
    sp_cluster_shape shape = {.chips = machine->chips, .row_chips = row_of(machine), .mesh_leaf = true};
    sp_status status = check_rack(machine, shape.row_chips, err);
    if (status != SP_OK) return status;
    shape.leaf_chips = leaf_of(machine, shape.row_chips);
    shape.pod_chips = pod_of(machine, shape.leaf_chips);
    shape.spares_per_leaf = machine->spares_per_rack;
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers && plane->tiers[t].stride < shape.leaf_chips; t++)
        shape.mesh_leaf = shape.mesh_leaf && plane->tiers[t].kind == SP_TIER_MESH;
    const sp_tier *inner = &plane->tiers[0];
    if (inner->kind == SP_TIER_TORUS && inner->n_dims <= 3 && !inner->twisted && inner->dims[0] <= 64 && inner->size == shape.pod_chips)
        for (uint32_t d = 0; d < 3; d++) shape.torus[d] = d < inner->n_dims ? inner->dims[d] : 1;
    *out = shape;
    return SP_OK;
}
