/* The slowest links that reach so many tokens/s. One plan's throughput over the speed of links is smooth and rising, and milliseconds to predict;
 * which plan is best changes with it. So plans are searched at the ends, the crossing of the plans at hand is found by bisection, and a quick
 * search with links one step slower says whether another plan reaches it there; if so it joins, and the crossing is found again. A whole search
 * there would simulate every plan whose bound is above the target: with slow links bounds are far from the times, and that takes minutes. */
#include "compare_i.h"

#include <math.h>

#define BW_MOST 64.0
#define CLOSE 1.06              /* the step of the search that looks for another plan */
#define SEARCHES_MAX 4
#define HALVINGS 12             /* of 64 to 1/64 on a logarithmic scale: to 0.2 %                    */

typedef struct links {
    sp_i_compare *c;
    const sp_compare_entry *a;
    sp_i_hints hints, plans;
    sp_i_variant *variant;
} links;

static sp_i_offer with(links *l, double scale)
{
    sp_i_variant_make(l->a->machine, l->variant);
    sp_i_variant_scale_bw(l->variant, scale);
    return (sp_i_offer){&l->variant->machine, l->a->chips};
}

static sp_status known_at(links *l, double scale, double *out)
{
    sp_i_offer offer = with(l, scale);
    sp_i_found found;
    sp_status status = sp_i_best_known(l->c, &offer, &l->plans, &found);
    *out = status == SP_OK ? found.tokens_per_s : 0;
    return status == SP_E_UNFIT ? SP_OK : status;
}

/* Of the plans at hand, on a logarithmic scale; NaN: not even with the fastest links. */
static sp_status crossing(links *l, double target, double *out)
{
    double below = log(SP_COMPARE_BW_LEAST), above = log(BW_MOST), y;
    sp_status status = known_at(l, BW_MOST, &y);
    *out = NAN;
    if (status != SP_OK || y < target)
        return status;
    status = known_at(l, SP_COMPARE_BW_LEAST, &y);
    if (status == SP_OK && y >= target)
        above = below;
    for (int i = 0; i < HALVINGS && status == SP_OK && above > below; i++) {
        double middle = (below + above) / 2;
        status = known_at(l, exp(middle), &y);
        if (y >= target)
            above = middle;
        else
            below = middle;
    }
    *out = above > log(SP_COMPARE_BW_LEAST) ? exp(above) : SP_COMPARE_BW_LEAST;
    return status;
}

/* Does a plan that is not at hand reach it? It joins. */
static sp_status another(links *l, double scale, double target, bool *yes)
{
    sp_i_offer offer = with(l, scale);
    sp_i_found found;
    l->c->effort = SP_EFFORT_QUICK;
    sp_status status = sp_i_faster(l->c, &offer, true, &l->hints, target, &found);
    l->c->effort = l->c->problem->effort;
    *yes = status == SP_OK && found.tokens_per_s >= target;
    if (*yes)
        sp_i_hints_add(&l->plans, &found.plan);
    return status == SP_E_UNFIT ? SP_OK : status;
}

static sp_status refined(links *l, double target)
{
    double at;
    sp_status status = crossing(l, target, &at);
    bool yes = true;
    for (int i = 0; i < SEARCHES_MAX && status == SP_OK && yes && at > SP_COMPARE_BW_LEAST; i++) {
        status = another(l, fmax(at / CLOSE, SP_COMPARE_BW_LEAST), target, &yes);
        if (status == SP_OK && yes)
            status = crossing(l, target, &at);
    }
    return status;
}

/* The best plan with links so fast joins. */
static sp_status join(links *l, double scale, sp_i_found *found)
{
    sp_i_offer offer = with(l, scale);
    sp_status status = sp_i_best(l->c, &offer, false, &l->hints, found);
    if (status == SP_OK)
        sp_i_hints_add(&l->plans, &found->plan);
    return status;
}

sp_status sp_i_break_links(sp_i_compare *c, const sp_compare_entry *a, const sp_range *target, sp_range *out, double *most)
{
    sp_i_found found = {0};
    sp_range at = {NAN, NAN, NAN};
    links *l = sp_arena_alloc(c->arena, 1, sizeof *l);
    sp_i_variant *variant = sp_arena_alloc(c->arena, 1, sizeof *variant);
    if (!l || !variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a break-even");
    *l = (links){.c = c, .a = a, .hints = c->hints[a - c->entries], .variant = variant};
    sp_status status = join(l, BW_MOST, &found);
    *most = found.tokens_per_s;
    for (double scale = 1.0 / 8; scale >= SP_COMPARE_BW_LEAST && status == SP_OK && target->low < a->tokens_per_s.nominal; scale /= 8) {
        status = join(l, scale, &found);
        status = status == SP_E_UNFIT ? SP_OK : status;
    }
    sp_i_hints_add(&l->plans, &a->plan);
    if (status == SP_OK)
        status = refined(l, target->nominal);
    const struct { double target, *at; } three[] = {{target->low, &at.low}, {target->nominal, &at.nominal}, {target->high, &at.high}};
    for (int i = 0; i < 3 && status == SP_OK; i++)
        status = crossing(l, three[i].target, three[i].at);
    *out = at;
    return status;
}
