/* The keys of a chip file and of a family file, one row each. docs/models/chip.md lists them with their meaning. */
#include "chip_i.h"

#include <math.h>

#define CHIP(member) offsetof(sp_chip, member)
#define FIT(member) offsetof(sp_chip_fit, member)

const sp_i_chip_field sp_i_chip_fields[] = {
    {"vector", SP_UNIT_FLOP_PER_S, SP_I_CHIP_ABOVE_0, true, CHIP(vector_flop_per_s)},
    {"exp", SP_UNIT_FLOP_PER_S, SP_I_CHIP_ABOVE_0, true, CHIP(exp_per_s)},
    {"memory", SP_UNIT_BYTES, SP_I_CHIP_ABOVE_0, true, CHIP(mem_bytes)},
    {"memory_bw", SP_UNIT_BYTES_PER_S, SP_I_CHIP_ABOVE_0, true, CHIP(mem_bw_bytes_per_s)},
    {"l2", SP_UNIT_BYTES, SP_I_CHIP_ABOVE_0, true, CHIP(l2_bytes)},
    {"cores", SP_UNIT_COUNT, SP_I_CHIP_COUNT, true, CHIP(cores)},
    {"tile_m", SP_UNIT_COUNT, SP_I_CHIP_COUNT, true, CHIP(tile_m)},
    {"tile_n", SP_UNIT_COUNT, SP_I_CHIP_COUNT, true, CHIP(tile_n)},
    {"ports", SP_UNIT_COUNT, SP_I_CHIP_COUNT, false, CHIP(ports)},
    {"port_bw", SP_UNIT_BYTES_PER_S, SP_I_CHIP_ABOVE_0, false, CHIP(port_bw_bytes_per_s)},
    {"uboe_ports_taken", SP_UNIT_COUNT, SP_I_CHIP_COUNT, false, CHIP(uboe_ports_taken)},
    {"pcie_ports_taken", SP_UNIT_COUNT, SP_I_CHIP_COUNT, false, CHIP(pcie_ports_taken)},
    {"scaleup_bw", SP_UNIT_BYTES_PER_S, SP_I_CHIP_ABOVE_0, true, CHIP(scaleup_bw_bytes_per_s)},
    {"scaleout_bw", SP_UNIT_BYTES_PER_S, SP_I_CHIP_ABOVE_0, true, CHIP(scaleout_bw_bytes_per_s)},
    {"payload_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, CHIP(payload_fraction)},
    {"host_bw", SP_UNIT_BYTES_PER_S, SP_I_CHIP_ABOVE_0, false, CHIP(host_bw_bytes_per_s)},
    {"host_memory_bw", SP_UNIT_BYTES_PER_S, SP_I_CHIP_ABOVE_0, false, CHIP(host_mem_bw_bytes_per_s)},
    {"tdp", SP_UNIT_WATT, SP_I_CHIP_ABOVE_0, true, CHIP(tdp_w)},
    {"idle", SP_UNIT_WATT, SP_I_CHIP_ABOVE_0, true, CHIP(idle_w)},
    {"price", SP_UNIT_USD, SP_I_CHIP_ABOVE_0, false, CHIP(price_usd)},
    {NULL, SP_UNIT_NONE, SP_I_CHIP_FROM_0, false, 0},
};

const sp_i_chip_field sp_i_fit_fields[] = {
    {"gemm_peak_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(gemm_peak_fraction)},
    {"gemm_fill", SP_UNIT_SECONDS, SP_I_CHIP_FROM_0, true, FIT(gemm_fill_s)},
    {"gemm_fp8_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(gemm_fp8_fraction)},
    {"gemm_fp4_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(gemm_fp4_fraction)},
    {"attention_fwd_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(attention_fwd_fraction)},
    {"attention_bwd_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(attention_bwd_fraction)},
    {"attention_previous", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(attention_previous)},
    {"attention_fill", SP_UNIT_NONE, SP_I_CHIP_FROM_0, true, FIT(attention_fill)},
    {"attention_exp_overlap", SP_UNIT_NONE, SP_I_CHIP_SHARE, true, FIT(attention_exp_overlap)},
    {"mem_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(mem_fraction)},
    {"gather_fraction", SP_UNIT_NONE, SP_I_CHIP_FRACTION, true, FIT(gather_fraction)},
    {"launch", SP_UNIT_SECONDS, SP_I_CHIP_ABOVE_0, true, FIT(launch_s)},
    {"energy_pj_per_flop", SP_UNIT_NONE, SP_I_CHIP_ABOVE_0, false, FIT(energy_pj_per_flop)},
    {"energy_narrow_pj_per_flop", SP_UNIT_NONE, SP_I_CHIP_ABOVE_0, false, FIT(energy_narrow_pj_per_flop)},
    {NULL, SP_UNIT_NONE, SP_I_CHIP_FROM_0, false, 0},
};

const char *sp_i_chip_bound_broken(sp_i_chip_bound bound, double low, double high)
{
    if (!isfinite(low) || !isfinite(high))
        return "a finite number";
    switch (bound) {
    case SP_I_CHIP_ABOVE_0:
        return low > 0.0 ? NULL : "a quantity above 0";
    case SP_I_CHIP_FROM_0:
        return low >= 0.0 ? NULL : "a quantity of 0 or more";
    case SP_I_CHIP_FRACTION:
        return low > 0.0 && high <= 1.0 ? NULL : "a fraction above 0 and at most 1";
    case SP_I_CHIP_SHARE:
        return low >= 0.0 && high <= 1.0 ? NULL : "a share from 0 to 1";
    case SP_I_CHIP_COUNT:
        return low >= 0.0 && high <= 1048576.0 && floor(low) == low && floor(high) == high
                   ? NULL : "a whole number from 0 to 1048576";
    }
    return NULL;
}
