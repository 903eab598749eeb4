/* One tier: shape and values, and what the text left out. */
#include "topo_i.h"

#include <math.h>
#include <string.h>

#define MIN_BW 1.0     /* bytes/s: below this a rate is a typing error          */
#define MAX_BW 1e18    /* bytes/s: an exabyte a second through one port          */
#define MAX_LATENCY 10.0
#define MAX_TAPER 1e4

static sp_status fail(sp_error *err, sp_status status, const sp_tier *tier, const char *text)
{
    if (!tier->name)
        return sp_error_set(err, status, NULL, 0, 0, "%s: %s", sp_tier_kind_name(tier->kind), text);
    return sp_error_set(err, status, NULL, 0, 0, "%s tier '%s': %s", sp_tier_kind_name(tier->kind), tier->name, text);
}

static bool ordered(sp_value v, double low, double high)
{
    return isfinite(v.low) && isfinite(v.high) && v.low <= v.nominal && v.nominal <= v.high && v.low >= low && v.high <= high;
}

static sp_status check_values(const sp_tier *tier, sp_error *err)
{
    if (!ordered(tier->bw_bytes_per_s, MIN_BW, MAX_BW))
        return fail(err, SP_E_INVAL, tier, "the rate must lie between 1 B/s and 1 EB/s, with low <= nominal <= high; "
                                           "write it like 56GB/s or 400Gb/s");
    if (!ordered(tier->latency_s, 0, MAX_LATENCY))
        return fail(err, SP_E_INVAL, tier, "the latency must lie between 0 and 10 s; write it like 200ns");
    if (!ordered(tier->taper, 1, MAX_TAPER))
        return fail(err, SP_E_INVAL, tier, "the taper must lie between 1 (non-blocking) and 10000");
    return SP_OK;
}

/* k x k x 2k or k x 2k x 2k in any order, k >= 2 (TPU v4, arXiv 2304.01433). */
static bool can_twist(const sp_tier *tier)
{
    if (tier->n_dims != 3)
        return false;
    uint32_t k = tier->dims[0], big = 0;
    for (uint32_t d = 1; d < 3; d++)
        k = tier->dims[d] < k ? tier->dims[d] : k;
    for (uint32_t d = 0; d < 3; d++) {
        if (tier->dims[d] != k && tier->dims[d] != 2 * k)
            return false;
        big += tier->dims[d] == 2 * k;
    }
    return k >= 2 && (big == 1 || big == 2);
}

static sp_status check_shape(const sp_tier *tier, sp_error *err)
{
    const sp_i_kind *kind = sp_i_kind_of(tier->kind);
    if (tier->n_dims < kind->dims_min || tier->n_dims > kind->dims_max)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found %u dimensions; a %s takes %s", tier->n_dims, kind->name,
                            kind->dims_max == 1 ? "one size (rail:128)"
                            : kind->dims_min == 3 ? "three: routers in a group, groups, units at a router (dragonfly:8x9x4)"
                                                  : "one to three (torus:4x4x4)");
    for (uint32_t d = 0; d < tier->n_dims; d++)
        if (tier->dims[d] == 0)
            return fail(err, SP_E_INVAL, tier, "found size 0; sizes start at 1");
    if (tier->twisted && (tier->kind != SP_TIER_TORUS || !can_twist(tier)))
        return fail(err, SP_E_INVAL, tier, "'twisted' is for a torus of k x k x 2k or k x 2k x 2k with k >= 2");
    return SP_OK;
}

static sp_status check_marks(const sp_tier *tier, sp_error *err)
{
    bool switched = sp_tier_is_switched(tier->kind), clos = tier->kind == SP_TIER_CLOS, rail = tier->kind == SP_TIER_RAIL;
    bool tree = clos || rail || tier->kind == SP_TIER_SWITCH;
    if (tier->planes == 0 || (tier->planes > 1 && !tree))
        return fail(err, SP_E_INVAL, tier, "'planes' is for clos, switch and rail, and starts at 1");
    if (tier->planes > 1024)
        return fail(err, SP_E_RANGE, tier, "more than 1024 switch planes");
    if (tier->radix == 1 || tier->radix > 1u << 16 || (tier->radix && !tree))
        return fail(err, SP_E_INVAL, tier, "'radix' is for clos, switch and rail, from 2 to 65536 ports");
    if (tier->switches && !clos && !rail)
        return fail(err, SP_E_INVAL, tier, "'switches' (top-level switches a plane) is for clos and rail");
    if (tier->switches > 1u << 20)
        return fail(err, SP_E_RANGE, tier, "more than 1048576 top-level switches");
    if (tier->taper.nominal > 1 && !clos && !rail && tier->kind != SP_TIER_DRAGONFLY)
        return fail(err, SP_E_INVAL, tier, "'taper' is for clos, rail and dragonfly");
    if (tier->shared && !clos)
        return fail(err, SP_E_INVAL, tier, "'shared' is for clos");
    if (tier->plus && tier->kind != SP_TIER_DRAGONFLY)
        return fail(err, SP_E_INVAL, tier, "'plus' is for dragonfly");
    if (tier->nic && !switched)
        return fail(err, SP_E_INVAL, tier, "'nic' is for switched tiers");
    if (tier->n_levels && (!clos || tier->shared))
        return fail(err, SP_E_INVAL, tier, "'levels' is for a clos that is not shared");
    return SP_OK;
}

static sp_status check_levels(const sp_tier *tier, sp_error *err)
{
    for (uint32_t l = 0; l < tier->n_levels; l++)
        if (tier->levels[l] < 2)
            return fail(err, SP_E_INVAL, tier, "each of 'levels' is 2 or more (levels=8x8x128)");
    if (tier->n_levels && tier->switches)
        return fail(err, SP_E_INVAL, tier, "'levels' already says how many switches there are; leave 'switches' out");
    return SP_OK;
}

sp_status sp_i_tier_check(const sp_tier *tier, sp_error *err)
{
    sp_status status = check_shape(tier, err);
    if (!status)
        status = check_values(tier, err);
    if (!status)
        status = check_marks(tier, err);
    if (!status)
        status = check_levels(tier, err);
    return status;
}

/* ---- finishing ------------------------------------------------------------------------------------------------- */

bool sp_i_value_same(sp_value a, sp_value b)
{
    return a.low == b.low && a.nominal == b.nominal && a.high == b.high && (a.grade == SP_GRADE_NONE) == (b.grade == SP_GRADE_NONE);
}

sp_status sp_i_tier_finish(sp_tier *tier, sp_error *err)
{
    uint64_t size = 1;
    for (uint32_t d = 0; d < tier->n_dims; d++)
        if (!sp_mul_u64(size, tier->dims[d], &size) || size > SP_CHIPS_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "the %s tier joins more than %u units, the largest machine accepted; "
                                "make it smaller", sp_tier_kind_name(tier->kind), SP_CHIPS_MAX);
    tier->size = (uint32_t)size;
    if (tier->planes == 0)
        tier->planes = 1;
    if (tier->taper.grade == SP_GRADE_NONE)
        tier->taper = sp_value_of(1, SP_GRADE_DERIVED, "non-blocking unless a taper is given");
    if (tier->latency_s.grade == SP_GRADE_NONE) {
        double guess = sp_i_kind_of(tier->kind)->latency_guess_s;
        tier->latency_s = (sp_value){guess / 2, guess, guess * 2, SP_GRADE_GUESS, "no latency given: usual for the kind of tier"};
    }
    return SP_OK;
}
