/* What a chip in use costs in watts and dollars, hosts, network and cooling included. */
#include "superpod/predict.h"

#define J_PER_KWH 3.6e6

sp_running_cost sp_predict_running_cost(const sp_machine *machine)
{
    const sp_chip *chip = machine->chip;
    const sp_price_table *prices = machine->prices;
    sp_running_cost cost = {.idle_w = chip->idle_w.nominal + machine->overhead_w_per_chip.nominal,
                            .busy_w = chip->tdp_w.nominal + machine->overhead_w_per_chip.nominal};
    if (machine->power_w.nominal > 0 && machine->chips > 0)   /* a published total stands for both */
        cost.idle_w = cost.busy_w = machine->power_w.nominal / machine->chips;
    if (prices) {
        cost.usd_per_j = prices->electricity_usd_per_kwh.nominal / J_PER_KWH;
        cost.capital_usd_per_s = sp_machine_usd_per_chip(machine) / prices->lifetime_s.nominal;
    }
    return cost;
}
