/* What no algorithm can beat. For every tier: the group falls into G parts of m ranks that only tiers from here outward join.
 * The bytes that must leave (or enter) a part, over all ports of its ranks into those tiers, plus the shortest latency
 * there, because the last byte still has to arrive. The innermost tier (m = 1) gives the injection bound.
 * A whole operation also takes the way between the two ranks farthest apart. Bytes per part: Patarasu & Yuan 2009 for
 * reductions, counting for the rest. */
#include "collective_private.h"

#include <stdlib.h>

/* A switch that reduces and multicasts takes every contribution once and gives the result once: half of what an all-reduce
 * moves otherwise. */
static double part_bytes(sp_coll_op op, double parts, double members, double size_bytes, bool in_switch)
{
    double others = (parts - 1) / parts;
    switch (op) {
    case SP_COLL_ALL_REDUCE: return (in_switch ? 1 : 2) * others * size_bytes;
    case SP_COLL_ALL_GATHER:
    case SP_COLL_REDUCE_SCATTER: return others * size_bytes;
    case SP_COLL_ALL_TO_ALL: return others * size_bytes * members;
    default: return size_bytes;
    }
}

static bool switched(const sp_tier *tier)
{
    return tier->kind != SP_TIER_MESH && tier->kind != SP_TIER_TORUS;
}

/* Lanes of one port group share what a chip has there: a shared upper level the ports of the tier inside it, lanes of one
 * ring its two links. Lanes of a mesh share nothing. */
static bool same_ports(const sp_plane *plane, const sp_i_lane_at *a, const sp_i_lane_at *b)
{
    uint32_t s = a->tier, t = b->tier;
    if (!switched(&plane->tiers[s]) || !switched(&plane->tiers[t]))
        return s == t && plane->tiers[s].kind == SP_TIER_TORUS && a->tdim == b->tdim;
    while (s && plane->tiers[s].shared)
        s--;
    while (t && plane->tiers[t].shared)
        t--;
    return s == t;
}

/* Is the lane the first of its ports among the lanes from tier `from` outward: innermost tier, then order? */
static bool stands_for_ports(const sp_plane *plane, const sp_i_lane_at *lanes, uint32_t n_lanes, uint32_t at, uint32_t from)
{
    for (uint32_t i = 0; i < n_lanes; i++)
        if (i != at && lanes[i].tier >= from && same_ports(plane, &lanes[i], &lanes[at]) &&
            (lanes[i].tier < lanes[at].tier || (lanes[i].tier == lanes[at].tier && i < at)))
            return false;
    return true;
}

/* A mesh has a link to every other rank of the lane, a ring two (one between two), a switched tier one port, tapered as far
 * as the other chips below it send as well; a rail's taper is between rails only, a tree's binds whole units: part of one may have
 * the ports of those that stay inside. */
static double lane_rate(const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes, uint32_t at, bool whole_unit, bool replicated)
{
    const sp_tier *tier = &machine->planes[0].tiers[lanes[at].tier];
    double bw = tier->bw_bytes_per_s.nominal, taper = tier->taper.nominal, members = 1;
    if (tier->kind == SP_TIER_MESH)
        return (lanes[at].size - 1) * bw;
    if (tier->kind == SP_TIER_TORUS)
        return tier->dims[lanes[at].tdim] > 2 ? 2 * bw : bw;
    for (uint32_t i = 0; i < n_lanes; i++)
        members *= lanes[i].tier < lanes[at].tier ? lanes[i].size : 1;
    if (!replicated)
        taper *= members / tier->stride;
    if (tier->kind == SP_TIER_RAIL || (tier->kind == SP_TIER_CLOS && tier->stride > 1 && !whole_unit))
        return bw;
    return taper > 1 ? bw / taper : bw;
}

/* Rate (payload) of a rank's ports into the tiers from `from` outward. */
static double rate_from(const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes, uint32_t from, bool replicated)
{
    double rate = 0;
    for (uint32_t i = 0; i < n_lanes; i++)
        if (lanes[i].tier >= from && stands_for_ports(&machine->planes[0], lanes, n_lanes, i, from))
            rate += lane_rate(machine, lanes, n_lanes, i, lanes[i].tier == from, replicated) *
                    sp_tier_payload(machine, &machine->planes[0].tiers[lanes[i].tier]);
    return rate;
}

static uint32_t most_hops(const sp_tier *tier, const sp_i_lane_at *lane)
{
    uint32_t most = 0, ring = tier->dims[lane->tdim];
    if (tier->kind != SP_TIER_TORUS)
        return 1;
    for (uint32_t k = 1; k < lane->size; k++) {
        uint32_t up = k * lane->gap % ring, way = up < ring - up ? up : ring - up;
        most = way > most ? way : most;
    }
    return most;
}

/* The way between the two ranks farthest apart, which in these operations news must travel: the outermost switched tier,
 * which settles all dims inside it, too, and coordinate by coordinate outside. */
static double farthest_s(const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes)
{
    const sp_tier *tiers = machine->planes[0].tiers;
    double seconds = 0;
    uint32_t settled = 0;   /* tiers below this one */
    for (uint32_t i = 0; i < n_lanes; i++)
        if (switched(&tiers[lanes[i].tier]) && lanes[i].tier + 1 > settled) {
            settled = lanes[i].tier + 1;
            seconds = tiers[lanes[i].tier].latency_s.nominal;
        }
    for (uint32_t i = 0; i < n_lanes; i++)
        if (lanes[i].tier >= settled)
            seconds += most_hops(&tiers[lanes[i].tier], &lanes[i]) * tiers[lanes[i].tier].latency_s.nominal;
    return seconds;
}

/* All-to-all across a ring cut into halves of a and s - a positions: per line a (s - a) / s of a buffer goes each way, over two
 * links, which interleaved translates of the group share if they run, too. */
static double ring_cut_s(const sp_machine *machine, const sp_i_lane_at *lane, double size_bytes, bool replicated)
{
    const sp_tier *tier = &machine->planes[0].tiers[lane->tier];
    if (tier->kind != SP_TIER_TORUS)
        return 0;
    double half = lane->size / 2, links = tier->dims[lane->tdim] > 2 ? 2 : 1;
    double bytes = half * (lane->size - half) / lane->size * size_bytes * (replicated ? lane->gap : 1);
    return bytes / (links * tier->bw_bytes_per_s.nominal * sp_tier_payload(machine, tier));
}

double sp_i_coll_bound_s(sp_coll_op op, const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes,
                         double size_bytes, bool replicated, bool in_switch)
{
    double most = op == SP_COLL_SEND_RECV ? 0 : farthest_s(machine, lanes, n_lanes);
    for (uint32_t cut = 0; cut < n_lanes; cut++) {
        double parts = 1, members = 1, latency = 0;
        for (uint32_t i = 0; i < n_lanes; i++) {
            if (lanes[i].tier < lanes[cut].tier) {
                members *= lanes[i].size;
                continue;
            }
            double here = machine->planes[0].tiers[lanes[i].tier].latency_s.nominal;
            latency = parts == 1 || here < latency ? here : latency;
            parts *= lanes[i].size;
        }
        double rate = rate_from(machine, lanes, n_lanes, lanes[cut].tier, replicated);
        bool combines = in_switch && !machine->planes[0].tiers[lanes[cut].tier].nic;
        double seconds = part_bytes(op, parts, members, size_bytes, combines) / (members * rate) + latency;
        most = seconds > most ? seconds : most;
        seconds = op == SP_COLL_ALL_TO_ALL ? ring_cut_s(machine, &lanes[cut], size_bytes, replicated) : 0;
        most = seconds > most ? seconds : most;
    }
    return most;
}

static uint32_t phase_steps(const sp_program *program, uint32_t phase)
{
    uint32_t steps = 0;
    for (uint32_t c = 0; c < program->n_classes; c++) {
        const sp_task_class *task = &program->classes[c];
        if (program->phase[c] == phase && task->kind == SP_TASK_TRANSFER && task->n_step + task->fill > steps)
            steps = task->n_step + task->fill;
    }
    return steps;
}

/* Fastest link or port that one flow over at least `distance` ranks may be left with: it differs in a lane from the one that holds
 * the distance outward, and crosses that lane's tier or one outside. 0: nothing can be said (lanes not in the order of tiers). */
static double flow_rate(const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes, uint64_t distance, bool replicated)
{
    const sp_tier *tiers = machine->planes[0].tiers;
    double most = 0;
    uint64_t stride = 1;
    for (uint32_t i = 0; i < n_lanes; stride *= lanes[i++].size) {
        const sp_tier *tier = &tiers[lanes[i].tier];
        if (i && lanes[i].tier < lanes[i - 1].tier)
            return 0;
        if (stride * lanes[i].size <= distance)
            continue;   /* the distance is held further out */
        /* a ring may carry halves both ways round */
        double rate = switched(tier) ? lane_rate(machine, lanes, n_lanes, i, false, replicated) : (tier->kind == SP_TIER_TORUS ? 2 : 1) * tier->bw_bytes_per_s.nominal;
        rate *= sp_tier_payload(machine, tier);
        most = rate > most ? rate : most;
    }
    return most;
}

/* Ranks that every flow of the class moves over at least; 0: not constant. */
static uint64_t least_distance(const sp_task_class *task)
{
    const sp_rank_map *peer = &task->peer;
    uint64_t c = (uint64_t)llabs(peer->c0);
    if (peer->c_step || peer->c_chunk || (peer->op != SP_MAP_ADD && peer->op != SP_MAP_SHIFT) || !peer->digit.size)
        return 0;
    if (peer->op == SP_MAP_SHIFT) {
        c %= peer->digit.size;
        c = c < peer->digit.size - c ? c : peer->digit.size - c;
    }
    return c * peer->digit.stride;
}

/* Bytes over rate of the slowest class of each phase, in units of one unit's bytes: steps follow one another, and so do phases
 * unless they run `together`. */
static double slowest_classes(const sp_program *program, const sp_machine *machine, const sp_i_lane_at *lanes, uint32_t n_lanes,
                              bool replicated, bool together)
{
    double sum = 0;
    for (uint32_t phase = 0; phase < program->n_phases; phase++) {
        double most = 0;
        for (uint32_t c = 0; c < program->n_classes; c++) {
            const sp_task_class *task = &program->classes[c];
            uint64_t distance = program->phase[c] == phase && task->kind == SP_TASK_TRANSFER ? least_distance(task) : 0;
            double rate = distance ? flow_rate(machine, lanes, n_lanes, distance, replicated) : 0;
            most = rate > 0 && task->units * task->n_step / rate > most ? task->units * task->n_step / rate : most;
        }
        sum = !together ? sum + most : most > sum ? most : sum;
    }
    return sum;
}

bool sp_i_coll_in_switch(const sp_stack *stack)
{
    for (uint32_t i = 0; i < stack->n_protocols; i++)
        if (stack->protocol[i].in_switch)
            return true;
    return false;
}

/* The best of every protocol at once: shortest step, largest fraction, and the share of what endpoints would send. */
typedef struct protocols { double step_s, fraction, share; } protocols;

static protocols best_of(const sp_stack *stack, bool nic)
{
    protocols best = {.share = sp_i_coll_in_switch(stack) ? 0.5 : 1};
    for (uint32_t i = 0; i < stack->n_protocols; i++) {
        const sp_protocol *p = &stack->protocol[i];
        double step = nic && p->nic_step_s.nominal < p->step_s.nominal ? p->nic_step_s.nominal : p->step_s.nominal;
        best.step_s = i == 0 || step < best.step_s ? step : best.step_s;
        best.fraction = p->fraction.nominal > best.fraction ? p->fraction.nominal : best.fraction;
        best.fraction = nic && p->nic_fraction.nominal > best.fraction ? p->nic_fraction.nominal : best.fraction;
    }
    best.fraction *= nic && stack->nic.fraction.nominal > stack->up.fraction.nominal ? stack->nic.fraction.nominal : stack->up.fraction.nominal;
    return best;
}

sp_status sp_coll_floor_s(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                          const sp_stack *stack, double size_bytes, bool replicated, double *out, sp_error *err)
{
    sp_i_lane_at lanes[SP_I_LANES_MAX];
    uint32_t n_lanes;
    bool nic = false;
    protocols best;
    sp_status status = sp_i_coll_lanes(machine, placement, lanes, &n_lanes, err);
    if (status != SP_OK)
        return status;
    double rate = rate_from(machine, lanes, n_lanes, 0, replicated), latency = 0, steps = 0, units = 0;
    for (uint32_t i = 0; i < n_lanes; i++) {
        double here = machine->planes[0].tiers[lanes[i].tier].latency_s.nominal;
        latency = i == 0 || here < latency ? here : latency;
    }
    for (uint32_t phase = 0; phase < program->n_phases; phase++)
        steps += phase_steps(program, phase);
    for (uint32_t c = 0; c < program->n_classes; c++) {   /* classes of all ranks only: the others may use other ranks' ports */
        const sp_task_class *task = &program->classes[c];
        if (task->kind == SP_TASK_TRANSFER && !task->domain.size)
            units += task->units * task->n_step * task->n_chunk;
    }
    for (uint32_t i = 0; i < n_lanes; i++)
        nic = nic || machine->planes[0].tiers[lanes[i].tier].nic;
    best = best_of(stack, nic);
    double ports = rate > 0 ? best.share * units / rate : 0;
    double flows = slowest_classes(program, machine, lanes, n_lanes, replicated, stack->chunk_bytes.nominal > 0);
    flows *= stack->rails ? 0.5 : 1;   /* rotations of a ring share its hops out: at least half of them stay inside */
    *out = stack->launch_s.nominal + steps * (latency + best.step_s) +
           (ports > flows ? ports : flows) * sp_coll_unit_bytes(program, size_bytes) / best.fraction;
    return SP_OK;
}
