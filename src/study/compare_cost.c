/* What chips cost to buy and to run, with their share of hosts, network and cooling. */
#include "compare_i.h"

double sp_i_chip_power(const sp_machine *machine) { return sp_predict_running_cost(machine).busy_w; }

/* busy_w: of the chips at work, from the prediction; the others idle, at idle power and the same overhead. */
sp_i_cost sp_i_cost_of(const sp_machine *machine, uint32_t chips, uint32_t chips_used, double busy_w)
{
    sp_running_cost running = sp_predict_running_cost(machine);
    sp_i_cost cost = {.power_w = busy_w + running.idle_w * (chips - chips_used), .capital_usd = chips * sp_machine_usd_per_chip(machine)};
    cost.usd_per_hour = 3600 * (chips * running.capital_usd_per_s + cost.power_w * running.usd_per_j);
    return cost;
}
