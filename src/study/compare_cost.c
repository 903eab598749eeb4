/* What chips cost to buy and to run, with their share of hosts, network and cooling. */
#include "compare_i.h"

#include <string.h>

double sp_i_chip_power(const sp_machine *machine)
{
    if (machine->power_w.nominal > 0 && machine->chips > 0)
        return machine->power_w.nominal / machine->chips;   /* published totals stand for chip and rest */
    return machine->chip->tdp_w.nominal + machine->overhead_w_per_chip.nominal;
}

double sp_i_chip_price(const sp_machine *machine, const sp_price_table *prices)
{
    if (machine->price_usd.nominal > 0 && machine->chips > 0)
        return machine->price_usd.nominal / machine->chips;
    for (uint32_t i = 0; i < prices->n_systems; i++)
        if (strcmp(prices->system[i].machine, machine->name) == 0)
            return prices->system[i].usd_per_chip.nominal;
    return machine->chip->price_usd.nominal * prices->system_factor.nominal;
}

/* busy_w: of the chips at work, from the prediction; the others idle, at idle power and the same overhead. */
sp_i_cost sp_i_cost_of(const sp_machine *machine, const sp_price_table *prices, uint32_t chips, uint32_t chips_used, double busy_w)
{
    double idle_w = machine->power_w.nominal > 0 ? sp_i_chip_power(machine)
                                                 : machine->chip->idle_w.nominal + machine->overhead_w_per_chip.nominal;
    sp_i_cost cost = {.power_w = busy_w + idle_w * (chips - chips_used), .capital_usd = chips * sp_i_chip_price(machine, prices)};
    cost.usd_per_hour = cost.capital_usd * 3600 / prices->lifetime_s.nominal + cost.power_w / 1000 * prices->electricity_usd_per_kwh.nominal;
    return cost;
}
