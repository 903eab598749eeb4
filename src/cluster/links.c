/* Links of one chip by tier: how many, how fast, and what is left of a machine whose chips lost some. */
#include "cluster_i.h"

static uint32_t links_of(const sp_tier *tier)
{
    uint32_t links = 0;
    if (tier->kind != SP_TIER_MESH && tier->kind != SP_TIER_TORUS) return tier->planes > 1 ? tier->planes : 1;
    for (uint32_t d = 0; d < tier->n_dims; d++) links += tier->kind == SP_TIER_MESH ? tier->dims[d] - 1 : tier->dims[d] > 2 ? 2 : tier->dims[d] - 1;
    return links;
}

/* The bandwidth that a chip has left counts for all: its groups wait for it. */
sp_status sp_i_without_links(sp_machine *part, const sp_machine *whole, const uint8_t links_lost[SP_TIERS_MAX], sp_error *err)
{
    for (uint32_t t = 0; t < whole->planes[0].n_tiers; t++) {
        uint32_t links = links_of(&whole->planes[0].tiers[t]), lost = links_lost[t];
        if (lost == 0) continue;
        if (lost >= links)
            return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "a chip without any of its %u links on tier '%s' is no longer connected", links, whole->planes[0].tiers[t].name);
        sp_value *rate = &part->planes[0].tiers[t].bw_bytes_per_s;
        double left = (double)(links - lost) / links;
        rate->low *= left, rate->nominal *= left, rate->high *= left;
    }
    return SP_OK;
}

double sp_i_rate_at(const sp_machine *machine, uint64_t chips)
{
    const sp_plane *plane = &machine->planes[0];
    uint32_t t = 0;
    while (t + 1 < plane->n_tiers && (uint64_t)plane->tiers[t].stride * plane->tiers[t].size < chips) t++;
    const sp_tier *tier = &plane->tiers[t];
    uint32_t links = tier->kind == SP_TIER_MESH || tier->kind == SP_TIER_TORUS ? links_of(tier) : 1;   /* switched: the rate is of all */
    double taper = tier->taper.nominal > 1 ? tier->taper.nominal : 1;
    return tier->bw_bytes_per_s.nominal * (links == 0 ? 1 : links) / taper;
}
