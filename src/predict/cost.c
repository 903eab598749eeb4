/* What a chip in use costs in watts and dollars, hosts, network and cooling included. */
#include "superpod/predict.h"

#define POWER_PRICE_USD_PER_J (0.078 / 3.6e6)   /* 0.078 USD/kWh: the electricity bill of 100,000-GPU sites, press               */
#define LIFETIME_S (4 * 365 * 86400.0)          /* guess: four years of straight-line depreciation                              */
#define SYSTEM_PRICE_FACTOR 1.6                 /* guess: hosts, network, racks beside the chips; an NVL72's chips are 47 % of it */

sp_running_cost sp_predict_running_cost(const sp_machine *machine)
{
    const sp_chip *chip = machine->chip;
    sp_running_cost cost = {.usd_per_j = POWER_PRICE_USD_PER_J};
    cost.idle_w = chip->idle_w.nominal + machine->overhead_w_per_chip.nominal;
    cost.busy_w = chip->tdp_w.nominal + machine->overhead_w_per_chip.nominal;
    if (machine->power_w.nominal > 0 && machine->chips > 0)   /* a published total stands for both */
        cost.idle_w = cost.busy_w = machine->power_w.nominal / machine->chips;
    double price = machine->price_usd.nominal > 0 && machine->chips > 0 ? machine->price_usd.nominal / machine->chips
                                                                         : chip->price_usd.nominal * SYSTEM_PRICE_FACTOR;
    cost.capital_usd_per_s = price / LIFETIME_S;
    return cost;
}
