/* Totals of a machine. */
#include "topo_i.h"

static double rate_of(const sp_chip *chip, int format)
{
    return chip->advertised_flop_per_s[format].grade == SP_GRADE_NONE ? 0 : chip->advertised_flop_per_s[format].nominal;
}

static void count_chips(const sp_machine *machine, sp_machine_totals *out)
{
    const sp_chip *chip = machine->chip;
    double n = machine->chips;
    for (int f = 0; f < SP_FMT_N; f++)
        out->flop_per_s[f] = n * rate_of(chip, f);
    out->mem_bytes = n * chip->mem_bytes.nominal;
    out->mem_bw_bytes_per_s = n * chip->mem_bw_bytes_per_s.nominal;
    if (machine->power_w.grade != SP_GRADE_NONE)
        out->power_w = machine->power_w.nominal;
    else if (chip->tdp_w.grade != SP_GRADE_NONE)
        out->power_w = n * (chip->tdp_w.nominal + machine->overhead_w_per_chip.nominal);
    if (machine->price_usd.grade != SP_GRADE_NONE)
        out->price_usd = machine->price_usd.nominal;
    else if (chip->price_usd.grade != SP_GRADE_NONE)
        out->price_usd = n * chip->price_usd.nominal;
}

/* Scale-up ports that plane 0 takes at a chip; its links where the chip's port rate is not known. */
static uint32_t ports(const sp_machine *machine)
{
    uint64_t quarters = 0, links = 0;
    sp_value port_bw = machine->chip->port_bw_bytes_per_s;
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++) {
        const sp_tier *tier = &machine->planes[0].tiers[t];
        if (tier->nic)
            continue;
        links += sp_i_tier_ports(tier);
        if (port_bw.grade != SP_GRADE_NONE)
            quarters += sp_i_tier_port_quarters(tier, port_bw.nominal);
    }
    return (uint32_t)(quarters ? (quarters + 3) / 4 : links);
}

/* Scale-up ports of plane 0; of all its ports where it has no scale-up at all. */
static double injection(const sp_machine *machine)
{
    double up = 0, all = 0;
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++) {
        const sp_tier *tier = &machine->planes[0].tiers[t];
        all += sp_i_tier_chip_bw(tier);
        up += tier->nic ? 0 : sp_i_tier_chip_bw(tier);
    }
    return machine->chips * (up > 0 ? up : all);
}

sp_status sp_machine_count(const sp_machine *machine, sp_machine_totals *out, sp_error *err)
{
    sp_machine_totals totals = {0};
    sp_status status = sp_machine_check(machine, err);
    if (status)
        return status;
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++) {
        status = sp_i_count_tier(machine, 0, t, &totals.links[t], &totals.switches[t], err);
        if (status)
            return status;
    }
    totals.ports_per_chip = ports(machine);
    count_chips(machine, &totals);
    totals.injection_bytes_per_s = injection(machine);
    if ((status = sp_i_bisection(machine, 0, &totals.bisection_bytes_per_s, err)) ||
        (status = sp_i_diameter(&machine->planes[0], &totals.diameter_hops, err)))
        return status;
    *out = totals;
    return SP_OK;
}

sp_status sp_machine_count_tier(const sp_machine *machine, uint32_t plane, uint32_t tier, uint64_t *links, uint64_t *switches,
                                sp_error *err)
{
    if (plane >= machine->n_planes || tier >= machine->planes[plane].n_tiers)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "no tier %u in plane %u", tier, plane);
    return sp_i_count_tier(machine, plane, tier, links, switches, err);
}

sp_status sp_machine_count_inside(const sp_machine *machine, uint32_t plane, uint32_t tier, uint64_t unit_chips, uint64_t *links,
                                  sp_error *err)
{
    if (plane >= machine->n_planes || tier >= machine->planes[plane].n_tiers)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "no tier %u in plane %u", tier, plane);
    return sp_i_count_inside(machine, plane, tier, unit_chips, links, err);
}

double sp_machine_payload(const sp_machine *machine)
{
    sp_value payload = machine->chip->payload_fraction;
    return payload.grade != SP_GRADE_NONE && payload.nominal > 0 ? payload.nominal : 1;
}

/* ConnectX-7 moves 46 to 48 of 50 GB/s (NCCL's maintainers, nccl-tests issue 290); Ethernet and InfiniBand headers on packets
 * of 4 KiB leave 0.97 to 0.98. */
#define NIC_PAYLOAD 0.94

double sp_tier_payload(const sp_machine *machine, const sp_tier *tier)
{
    return tier->nic ? NIC_PAYLOAD : sp_machine_payload(machine);
}
