/* What a machine's fabric costs: links by reach and rate, switches by the rate of their ports. */
#include "compare_i.h"

#include <stdio.h>

sp_status sp_network_prices_load(const char *dir, sp_arena *arena, sp_network_prices *out, sp_error *err)
{
    static const char *const keys[] = {"copper", "active_copper", "optical", "switch", "active_racks", NULL};
    sp_network_prices prices;
    sp_value racks, *const values[] = {&prices.copper_usd, &prices.active_usd, &prices.optical_usd, &prices.switch_usd, &racks};
    char path[1024];
    sp_doc *doc = NULL;
    if (snprintf(path, sizeof path, "%s/network.yaml", dir) >= (int)sizeof path)
        return sp_error_set(err, SP_E_IO, dir, 0, 0, "the path is too long");
    sp_status status = sp_doc_load(path, &doc, err);
    if (status == SP_OK && sp_node_kind_of(sp_doc_root(doc)) != SP_NODE_MAP)
        status = sp_node_fail(sp_doc_root(doc), SP_E_PARSE, err, "found no map, expected copper, active_copper, optical, switch and active_racks");
    if (status == SP_OK)
        status = sp_node_only_keys(sp_doc_root(doc), keys, err);
    for (int i = 0; keys[i] && status == SP_OK; i++) {
        sp_node node;
        status = sp_node_need(sp_doc_root(doc), keys[i], &node, err);
        if (status == SP_OK)
            status = sp_node_read_value(node, i < 4 ? SP_UNIT_USD : SP_UNIT_COUNT, arena, values[i], err);
    }
    sp_doc_destroy(doc);
    if (status == SP_OK) {
        prices.active_racks = (uint32_t)racks.nominal;
        *out = prices;
    }
    return status;
}

static double of_reach(const sp_machine *machine, const sp_tier *tier, const sp_network_prices *prices)
{
    double rack = machine->chips_per_rack ? machine->chips_per_rack : 64, span = (double)tier->stride * tier->size;
    return span <= rack ? prices->copper_usd.nominal : span <= rack * prices->active_racks ? prices->active_usd.nominal : prices->optical_usd.nominal;
}

/* A chip's link to its first switch has one end there, the others two. */
static void switched(const sp_machine *machine, const sp_tier *tier, double links, const sp_network_prices *prices, sp_network_cost *out)
{
    double port_gbs = tier->bw_bytes_per_s.nominal / (tier->planes ? tier->planes : 1) / 1e9, own = (double)machine->chips * (tier->planes ? tier->planes : 1);
    double upper = links > own ? links - own : 0;
    out->links_usd += port_gbs * (own * prices->copper_usd.nominal + upper * of_reach(machine, tier, prices));
    out->switches_usd += port_gbs * (own + 2 * upper) * prices->switch_usd.nominal;
}

sp_status sp_network_cost_of(const sp_machine *machine, const sp_network_prices *prices, sp_network_cost *out, sp_error *err)
{
    sp_network_cost cost = {.chips_usd = machine->chip->price_usd.nominal * machine->chips};
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++) {
        const sp_tier *tier = &machine->planes[0].tiers[t];
        uint64_t links, switches;
        sp_status status = sp_machine_count_tier(machine, 0, t, &links, &switches, err);
        if (status != SP_OK)
            return status;
        if (sp_tier_is_switched(tier->kind))
            switched(machine, tier, (double)links, prices, &cost);
        else
            cost.links_usd += (double)links * tier->bw_bytes_per_s.nominal / 1e9 * of_reach(machine, tier, prices);
    }
    *out = cost;
    return SP_OK;
}
