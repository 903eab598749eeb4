/* Every invariant of a machine. */
#include "topo_i.h"

#include <math.h>
#include <string.h>

/* Results and plans speak of tiers by name. */
static sp_status check_names(const sp_plane *plane, sp_error *err)
{
    for (uint32_t t = 0; t < plane->n_tiers; t++)
        for (uint32_t s = 0; s < t; s++)
            if (plane->tiers[t].name && plane->tiers[s].name && strcmp(plane->tiers[t].name, plane->tiers[s].name) == 0)
                return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "two tiers of plane '%s' are called '%s'; give each a name of its own",
                                    plane->name, plane->tiers[t].name);
    return SP_OK;
}

static sp_status check_plane(const sp_machine *machine, uint32_t p, sp_error *err)
{
    const sp_plane *plane = &machine->planes[p];
    uint64_t chips = 1;
    if (plane->n_tiers == 0 || plane->n_tiers > SP_TIERS_MAX)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "plane '%s' has %u tiers; expected 1 to %d", plane->name, plane->n_tiers,
                            SP_TIERS_MAX);
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        sp_status status = sp_i_tier_check(tier, err);
        if (status)
            return status;
        uint64_t size = 1;
        for (uint32_t d = 0; d < tier->n_dims; d++)
            if (!sp_mul_u64(size, tier->dims[d], &size))
                size = 0;
        if (size != tier->size || tier->stride != chips || !sp_mul_u64(chips, tier->size, &chips) || chips > SP_CHIPS_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "tier '%s': size, stride and dims disagree or the machine exceeds %u chips",
                                tier->name, SP_CHIPS_MAX);
        if (tier->shared && (t == 0 || !sp_tier_is_switched(tier[-1].kind) || tier[-1].kind == SP_TIER_DRAGONFLY))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "tier '%s' is shared, but no clos, switch or rail tier is right inside it; "
                                "take 'shared' away or put such a tier before it", tier->name);
        if (tier->shared && (tier->planes != tier[-1].planes || tier->nic != tier[-1].nic))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "tier '%s' shares the ports of '%s', which has planes=%u%s; give both the same",
                                tier->name, tier[-1].name, tier[-1].planes, tier[-1].nic ? " and nic" : "");
    }
    if (chips != machine->chips)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "plane '%s' joins %llu chips, plane '%s' %u; planes are parallel nets over "
                            "the same chips, so make the products equal", plane->name, (unsigned long long)chips,
                            machine->planes[0].name, machine->chips);
    return check_names(plane, err);
}

/* The switch tree of every tier can be built: levels cover the chips, radix suffices, … */
static sp_status check_trees(const sp_plane *plane, sp_error *err)
{
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        sp_i_tree tree;
        if (!sp_tier_is_switched(tier->kind) || tier->kind == SP_TIER_DRAGONFLY || tier->shared)
            continue;
        sp_status status = sp_i_tree_make(plane, t, &tree, err);
        if (status)
            return status;
    }
    return SP_OK;
}

/* Ports of the chip that all planes' scale-up tiers take. */
static double ports_used(const sp_machine *machine)
{
    uint64_t quarters = 0;
    double port_bw = machine->chip->port_bw_bytes_per_s.nominal;
    for (uint32_t p = 0; p < machine->n_planes; p++)
        for (uint32_t t = 0; t < machine->planes[p].n_tiers; t++) {
            const sp_tier *tier = &machine->planes[p].tiers[t];
            if (!tier->nic)
                quarters += sp_i_tier_port_quarters(tier, port_bw);
        }
    return (double)quarters / 4;
}

static sp_status check_ports(const sp_machine *machine, sp_error *err)
{
    const sp_chip *chip = machine->chip;
    double rate = 0;
    for (uint32_t p = 0; p < machine->n_planes; p++)
        for (uint32_t t = 0; t < machine->planes[p].n_tiers; t++)
            if (!machine->planes[p].tiers[t].nic && !machine->planes[p].tiers[t].shared)
                rate += sp_i_tier_chip_bw(&machine->planes[p].tiers[t]);
    if (chip->ports && chip->port_bw_bytes_per_s.grade != SP_GRADE_NONE) {
        uint32_t uboe = machine->uses_uboe ? chip->uboe_ports_taken : 0, pcie = machine->uses_pcie ? chip->pcie_ports_taken : 0;
        double used = ports_used(machine), all = used + uboe + pcie;
        if (all > chip->ports)
            return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "the tiers take %g scale-up ports a chip, UBoE the pins of %u, PCIe of %u: "
                                "%g in all, but %s has %u (of %g GB/s); make a tier smaller or slower, mark network tiers 'nic' "
                                "and upper switch levels 'shared'", used, uboe, pcie, all, chip->name, chip->ports,
                                chip->port_bw_bytes_per_s.nominal / 1e9);
    } else if (chip->scaleup_bw_bytes_per_s.grade != SP_GRADE_NONE && rate > 1.02 * chip->scaleup_bw_bytes_per_s.high) {
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "the tiers take %g GB/s a chip and direction, but %s has %g GB/s of scale-up; "
                            "lower a rate, mark network tiers 'nic' and upper switch levels 'shared'", rate / 1e9, chip->name,
                            chip->scaleup_bw_bytes_per_s.high / 1e9);
    }
    return SP_OK;
}

static sp_status check_optional(const sp_machine *machine, sp_error *err)
{
    const sp_value values[3] = {machine->power_w, machine->overhead_w_per_chip, machine->price_usd};
    for (int i = 0; i < 3; i++)
        if (values[i].grade != SP_GRADE_NONE &&
            !(values[i].low >= 0 && values[i].low <= values[i].nominal && values[i].nominal <= values[i].high && isfinite(values[i].high)))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "power, overhead and price must be 0 or more, with low <= nominal <= high");
    if ((machine->power_w.grade != SP_GRADE_NONE && machine->power_w.low <= 0) || (machine->price_usd.grade != SP_GRADE_NONE && machine->price_usd.low <= 0))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a machine's power and price are more than 0; leave away what is not known");
    if (machine->spares_per_rack && !machine->chips_per_rack)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "spares in a rack need the chips of a rack: rack=64+1");
    if (machine->chips_per_rack && machine->chips_per_rack > SP_CHIPS_MAX)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "a rack of more than %u chips", SP_CHIPS_MAX);
    if (machine->chips_per_host && machine->chips % machine->chips_per_host)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%u chips are not whole hosts of %u; give chips-per-host a divisor of the chips", machine->chips,
                            machine->chips_per_host);
    if (machine->chips_per_host && machine->chips_per_rack % machine->chips_per_host)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a rack of %u chips does not hold whole hosts of %u; give rack a multiple of chips-per-host",
                            machine->chips_per_rack, machine->chips_per_host);
    return SP_OK;
}

sp_status sp_machine_check(const sp_machine *machine, sp_error *err)
{
    if (!machine->chip)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "the machine has no chip; add chip=NAME");
    if (machine->n_planes == 0 || machine->n_planes > SP_PLANES_MAX)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "the machine has %u planes; expected 1 to %d", machine->n_planes, SP_PLANES_MAX);
    for (uint32_t p = 0; p < machine->n_planes; p++) {
        sp_status status = check_plane(machine, p, err);
        if (!status)
            status = check_trees(&machine->planes[p], err);
        if (status)
            return status;
    }
    sp_status status = check_optional(machine, err);
    return status ? status : check_ports(machine, err);
}
