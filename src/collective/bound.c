/* What no algorithm can beat. For every tier: the group falls into G parts of m ranks that only tiers from here outward join.
 * The bytes that must leave (or enter) a part, over all ports of its ranks into those tiers, plus the shortest latency
 * there, because the last byte still has to arrive. The innermost tier (m = 1) gives the injection bound.
 * Bytes per part: Patarasu & Yuan 2009 for reductions, counting for the rest. */
#include "collective_private.h"

static double part_bytes(sp_coll_op op, double parts, double members, double size_bytes)
{
    double others = (parts - 1) / parts;
    switch (op) {
    case SP_COLL_ALL_REDUCE: return 2 * others * size_bytes;
    case SP_COLL_ALL_GATHER:
    case SP_COLL_REDUCE_SCATTER: return others * size_bytes;
    case SP_COLL_ALL_TO_ALL: return others * size_bytes * members;
    default: return size_bytes;
    }
}

static bool seen_before(const sp_i_lane_at *lanes, uint32_t at, bool by_dim)
{
    for (uint32_t i = 0; i < at; i++)
        if (lanes[i].tier == lanes[at].tier && (!by_dim || lanes[i].tdim == lanes[at].tdim))
            return true;
    return false;
}

/* Rate of a rank's ports that lane `at` adds: a mesh has a link to every other rank of the lane, a ring two (one between
 * two), a switched tier one port however many lanes use it, tapered as far as the other chips below it send as well. */
static double port_rate(const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes, uint32_t at, bool replicated)
{
    const sp_tier *tier = &machine->planes[0].tiers[lanes[at].tier];
    double bw = tier->bw_bytes_per_s.nominal, taper = tier->taper.nominal, members = 1;
    if (tier->kind == SP_TIER_MESH)
        return (lanes[at].size - 1) * bw;
    if (tier->kind == SP_TIER_TORUS)
        return seen_before(lanes, at, true) ? 0 : tier->dims[lanes[at].tdim] > 2 ? 2 * bw : bw;
    if (seen_before(lanes, at, false))
        return 0;
    for (uint32_t i = 0; i < n_lanes; i++)
        members *= lanes[i].tier < lanes[at].tier ? lanes[i].size : 1;
    if (!replicated)
        taper *= members / tier->stride;
    return tier->kind == SP_TIER_RAIL || taper < 1 ? bw : bw / taper;   /* a rail's taper is between rails only */
}

double sp_i_coll_bound_s(sp_coll_op op, const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes,
                         double size_bytes, bool replicated)
{
    double most = 0, payload = sp_machine_payload(machine);
    for (uint32_t cut = 0; cut < n_lanes; cut++) {
        double parts = 1, members = 1, rate = 0, latency = 0;
        for (uint32_t i = 0; i < n_lanes; i++) {
            if (lanes[i].tier < lanes[cut].tier) {
                members *= lanes[i].size;
                continue;
            }
            double here = machine->planes[0].tiers[lanes[i].tier].latency_s.nominal;
            latency = parts == 1 || here < latency ? here : latency;
            parts *= lanes[i].size;
            rate += port_rate(machine, lanes, n_lanes, i, replicated) * payload;
        }
        double seconds = part_bytes(op, parts, members, size_bytes) / (members * rate) + latency;
        most = seconds > most ? seconds : most;
    }
    return most;
}
