/* Lays the axes of a plan on the tiers of plane 0.
 *
 * The machine is a row of slots, innermost first, one a tier dim. Axes are taken in plan->order; each takes factors of
 * what is left of the tiers it may use, innermost first. A tier dim of 8 can hold tp 4 and then 2 of dp. Close together
 * beats using every chip: first with idle chips where sizes do not divide, and only when that has no room without. */
#include "superpod/workload.h"

#include <string.h>

typedef struct slot { uint32_t tier, left; uint64_t stride; } slot;
#define SLOTS_MAX (SP_TIERS_MAX * SP_TIER_DIMS)

typedef struct floor { uint32_t n; slot slot[SLOTS_MAX]; } floor;

static bool switched(const sp_tier *tier)
{
    return tier->kind != SP_TIER_MESH && tier->kind != SP_TIER_TORUS;
}

static void floor_make(const sp_machine *machine, floor *out)
{
    out->n = 0;
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++) {
        const sp_tier *tier = &machine->planes[0].tiers[t];
        uint64_t stride = tier->stride;
        uint32_t dims = switched(tier) ? 1 : tier->n_dims;
        for (uint32_t d = 0; d < dims; d++) {
            uint32_t size = switched(tier) ? tier->size : tier->dims[d];
            out->slot[out->n++] = (slot){.tier = t, .left = size, .stride = stride};
            stride *= size;
        }
    }
}

static bool push_dim(sp_placement *placement, uint32_t size, uint64_t stride)
{
    if (size == 1)
        return true;
    if (placement->n_dims == SP_PLACE_DIMS)
        return false;
    placement->dim[placement->n_dims].size = size;
    placement->dim[placement->n_dims++].stride = (uint32_t)stride;
    return true;
}

static uint32_t largest_divisor(uint32_t n, uint32_t most)
{
    uint32_t d = n < most ? n : most;
    while (n % d)
        d--;
    return d;
}

/* Takes `count` ranks from the floor, innermost slots first. Thrifty: a slot gives only factors that divide it. Otherwise it
 * gives the largest divisor of what is asked that fits, and what does not divide is left idle (64 of a rack of 72). */
static bool take(floor *f, uint32_t allowed, uint32_t count, bool thrifty, sp_placement *out)
{
    for (uint32_t i = 0; i < f->n && count > 1; i++) {
        slot *s = &f->slot[i];
        if ((allowed && !(allowed >> s->tier & 1)) || s->left <= 1)
            continue;
        uint32_t factor = thrifty ? sp_gcd(s->left, count) : largest_divisor(count, s->left);
        if (factor == 1)
            continue;
        if (!push_dim(out, factor, s->stride))
            return false;
        s->left /= factor;
        s->stride *= factor;
        count /= factor;
    }
    for (uint32_t i = 0; thrifty && i < f->n && count > 1; i++) {
        slot *s = &f->slot[i];
        if ((allowed && !(allowed >> s->tier & 1)) || s->left < count)
            continue;
        if (!push_dim(out, count, s->stride))
            return false;
        s->stride *= count;
        s->left /= count;
        count = 1;
    }
    return count == 1;
}

static uint32_t slot_of(const floor *empty, uint64_t stride)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < empty->n; i++)
        if (empty->slot[i].left > 1 && empty->slot[i].stride <= stride)
            at = i;
    return at;
}

/* Neighbouring dims that continue each other inside one tier dim are one dim: 4 and then 2 of a mesh of 8 are the mesh. */
static void merge(const floor *empty, sp_placement *placement)
{
    uint32_t n = 0;
    for (uint32_t d = 0; d < placement->n_dims; d++) {
        uint64_t end = n ? (uint64_t)placement->dim[n - 1].stride * placement->dim[n - 1].size : 0;
        if (n && end == placement->dim[d].stride && slot_of(empty, placement->dim[n - 1].stride) == slot_of(empty, placement->dim[d].stride))
            placement->dim[n - 1].size *= placement->dim[d].size;
        else
            placement->dim[n++] = placement->dim[d];
    }
    placement->n_dims = n;
}

/* Inner dims first: a group that took CP's chips after DP's is the same set of chips in any order, and the order from inner
 * to outer is what lets it merge and what collectives by tier build on. */
static void sort(sp_placement *placement)
{
    for (uint32_t d = 1; d < placement->n_dims; d++)
        for (uint32_t i = d; i && placement->dim[i - 1].stride > placement->dim[i].stride; i--) {
            uint32_t size = placement->dim[i].size, stride = placement->dim[i].stride;
            placement->dim[i] = placement->dim[i - 1];
            placement->dim[i - 1].size = size;
            placement->dim[i - 1].stride = stride;
        }
}

static void finish(const sp_machine *machine, const floor *empty, sp_placement *placement, uint32_t *tiers, sp_group *shape)
{
    const sp_plane *plane = &machine->planes[0];
    sort(placement);
    merge(empty, placement);
    *tiers = 0;
    shape->n_dims = placement->n_dims;
    for (uint32_t d = 0; d < placement->n_dims; d++) {
        shape->dim[d] = placement->dim[d].size;
        for (uint32_t t = 0; t < plane->n_tiers; t++) {
            uint64_t low = plane->tiers[t].stride, high = low * plane->tiers[t].size;
            if (placement->dim[d].stride >= low && placement->dim[d].stride < high)
                *tiers |= 1u << t;
        }
    }
}

/* Splits the dims of `whole` into an inner part of `count` ranks and the rest. */
static bool split(const sp_placement *whole, uint32_t count, sp_placement *inner, sp_placement *outer)
{
    for (uint32_t d = 0; d < whole->n_dims; d++) {
        uint32_t size = whole->dim[d].size, here = count >= size ? size : count;
        if (size % here != 0 || count % here != 0)
            return false;
        if (!push_dim(inner, here, whole->dim[d].stride) ||
            !push_dim(outer, size / here, (uint64_t)whole->dim[d].stride * here))
            return false;
        count /= here;
    }
    return count == 1;
}

static bool append(sp_placement *to, const sp_placement *from)
{
    for (uint32_t d = 0; d < from->n_dims; d++)
        if (!push_dim(to, from->dim[d].size, from->dim[d].stride))
            return false;
    return true;
}

static uint32_t axis_count(const sp_plan *plan, uint32_t axis)
{
    const uint32_t counts[SP_AXES] = {plan->tp, plan->cp, plan->dp, plan->pp};
    return counts[axis];
}

/* ETP is the innermost part of TP x CP x DP, EP the next, EDP what is left. */
static bool lay_experts(const sp_plan *plan, sp_layout *out)
{
    sp_placement all = {0}, rest = {0};
    for (uint32_t i = 0; i < SP_AXES; i++)
        if (plan->order[i] != SP_AXIS_PP && !append(&all, &out->group[plan->order[i]]))
            return false;
    return split(&all, plan->etp, &out->group[SP_GROUP_ETP], &rest) &&
           split(&rest, plan->ep, &out->group[SP_GROUP_EP], &out->group[SP_GROUP_EDP]);
}

/* Lays all axes; UINT32_MAX when they fit, else the axis that does not. */
static uint32_t lay_axes(const sp_plan *plan, const floor *empty, bool thrifty, sp_layout *out)
{
    floor f = *empty;
    for (uint32_t i = 0; i < SP_AXES; i++) {
        uint32_t axis = plan->order[i];
        out->group[axis] = (sp_placement){0};
        if (!take(&f, plan->place[axis], axis_count(plan, axis), thrifty, &out->group[axis]))
            return axis;
    }
    return UINT32_MAX;
}

/* The nearest ranks of the gradient groups share state, the others replicate it. */
static bool lay_shards(const sp_plan *plan, const sp_machine *machine, const floor *empty, sp_layout *out)
{
    static const sp_comm_group whole[2] = {SP_GROUP_DP, SP_GROUP_EDP}, shard[2] = {SP_GROUP_SHARD, SP_GROUP_ESHARD},
                               replica[2] = {SP_GROUP_REPLICA, SP_GROUP_EREPLICA};
    uint32_t replicas = plan->dp * plan->cp / plan->zero_group;
    if (replicas == 0)
        return false;
    for (int i = 0; i < 2; i++) {
        sp_placement inner = {0}, outer = {0};
        uint32_t ranks = sp_placement_ranks(&out->group[whole[i]]);
        if (ranks % replicas || !split(&out->group[whole[i]], ranks / replicas, &inner, &outer))
            return false;
        out->group[shard[i]] = inner;
        out->group[replica[i]] = outer;
        finish(machine, empty, &out->group[shard[i]], &out->tiers[shard[i]], &out->shape[shard[i]]);
        finish(machine, empty, &out->group[replica[i]], &out->tiers[replica[i]], &out->shape[replica[i]]);
    }
    return true;
}

sp_status sp_plan_layout(const sp_plan *plan, const sp_machine *machine, sp_layout *out, sp_error *err)
{
    sp_layout layout = {.chips = plan->tp * plan->cp * plan->dp * plan->pp};
    floor empty;
    floor_make(machine, &empty);
    uint32_t stuck = lay_axes(plan, &empty, false, &layout);
    if (stuck != UINT32_MAX)   /* too little room to leave any idle */
        stuck = lay_axes(plan, &empty, true, &layout);
    if (stuck != UINT32_MAX)
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0,
                            "%s %u does not fit on the tiers it may use, after the axes inside it; expected factors of the "
                            "tiers' sizes: change its size, --place or --order",
                            sp_comm_group_name((sp_comm_group)stuck), axis_count(plan, stuck));
    if (!lay_experts(plan, &layout))
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0,
                            "etp %u x ep %u does not divide evenly the dims that tp, cp and dp take on the machine; expected factors "
                            "of them", plan->etp, plan->ep);
    /* weights are replicated over CP as well: the gradient group is DP x CP */
    if (!append(&layout.group[SP_GROUP_DP], &layout.group[SP_GROUP_CP]))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the data-parallel group lies across too many dims");
    for (uint32_t g = 0; g < SP_GROUPS; g++)
        finish(machine, &empty, &layout.group[g], &layout.tiers[g], &layout.shape[g]);
    if (plan->zero_group && !lay_shards(plan, machine, &empty, &layout))
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0,
                            "zero-group %u does not divide evenly the dims that dp x cp, and the replicas of experts, take on the machine; "
                            "expected factors of them", plan->zero_group);
    if (plan->place_ep && (layout.tiers[SP_GROUP_EP] & ~plan->place_ep))
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0,
                            "ep %u reaches tiers that --place does not allow it; lower ep, or raise what lies inside it",
                            plan->ep);
    *out = layout;
    return SP_OK;
}
