/* What a machine's tokens/s are over its chips, the speed of its links, the FLOPS of its chips, and how often parts fail. */
#include "compare_i.h"

#include <math.h>

#define CHIPS_LEAST 64u
#define POINTS_MAX 16u
#define STEPS 6                  /* of sqrt(2) to either side: 1/8 ... 8 */

static void put(sp_compare_curve *curve, double x, uint32_t chips, const sp_i_found *found)
{
    curve->point[curve->n++] = (sp_compare_point){x, found->tokens_per_s, found->mfu, chips};
}

/* Each size is searched whole: shapes that were good on its neighbours are up to a third slower than the best. */
static sp_status chips_curve(sp_i_compare *c, const sp_compare_entry *e, sp_i_hints *hints, sp_compare_curve *curve)
{
    for (uint32_t chips = CHIPS_LEAST; chips <= SP_I_KIND_MOST; chips *= 2) {
        const sp_compare_point *before = curve->n ? &curve->point[curve->n - 1] : NULL;
        sp_i_offer offer;
        sp_i_found found;
        if (sp_i_resize(c->problem->catalog, e->text, chips, &offer, NULL) != SP_OK)
            continue;
        sp_status status = sp_i_faster(c, &offer, true, hints, before ? before->tokens_per_s : 0, &found);
        if (status == SP_E_UNFIT && !before)
            continue;
        if (status != SP_OK && status != SP_E_UNFIT)
            return status;
        if (status == SP_E_UNFIT) {   /* more chips leave some idle before they are slower */
            found.mfu = before->mfu * before->chips / offer.chips;
            found.tokens_per_s = before->tokens_per_s;
        }
        put(curve, offer.chips, offer.chips, &found);
    }
    return SP_OK;
}

static void scale_variant(const sp_compare_entry *e, sp_compare_axis axis, double by, sp_i_variant *variant)
{
    sp_i_variant_make(e->machine, variant);
    if (axis == SP_CURVE_BW)
        sp_i_variant_scale_bw(variant, by);
    else
        sp_i_variant_scale_flop(variant, by);
}

/* 1/8 … 8 in steps of sqrt(2): searched at both ends and in the middle, whose plans serve between. */
static sp_status scale_curve(sp_i_compare *c, const sp_compare_entry *e, sp_i_hints *hints, sp_compare_curve *curve)
{
    sp_i_variant *variant = sp_arena_alloc(c->arena, 1, sizeof *variant);
    sp_status status = SP_OK;
    sp_i_found found;
    if (!variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a curve");
    const sp_i_offer offer = {&variant->machine, e->chips};
    sp_i_hints winners = {0};
    for (int i = -STEPS; i <= STEPS && status == SP_OK; i += 2 * STEPS) {
        scale_variant(e, curve->axis, pow(2, i / 2.0), variant);
        status = sp_i_best(c, &offer, false, hints, &found);
        if (status == SP_OK)
            sp_i_hints_add(&winners, &found.plan);
        status = status == SP_E_UNFIT ? SP_OK : status;
    }
    sp_i_hints_add(&winners, &e->plan);
    for (int i = -STEPS; i <= STEPS && status == SP_OK; i++) {
        scale_variant(e, curve->axis, pow(2, i / 2.0), variant);
        status = sp_i_best_known(c, &offer, &winners, &found);
        if (status == SP_OK)
            put(curve, pow(2, i / 2.0), e->chips, &found);
        status = status == SP_E_UNFIT ? SP_OK : status;
    }
    return status;
}

/* Useful tokens/s with parts that fail 1/8 ... 8 times as often as the problem's failures say. */
static sp_status failures_curve(sp_i_compare *c, const sp_compare_entry *e, sp_compare_curve *curve)
{
    sp_goodput_query query = sp_goodput_query_default(e->machine);
    for (int i = -STEPS; i <= STEPS; i++) {
        sp_goodput left;
        query.fail_scale = pow(2, i / 2.0);
        sp_status status = sp_study_goodput(e->machine, c->problem->model, &e->plan, c->problem->failures, &query, &left, c->err);
        if (status == SP_E_UNFIT)   /* from here on no spares keep up with what breaks */
            return SP_OK;
        if (status != SP_OK)
            return status;
        sp_i_found found = {.tokens_per_s = e->tokens_per_s.nominal * left.ettr, .mfu = e->mfu * left.ettr};
        if (found.tokens_per_s > 0)
            put(curve, query.fail_scale, e->chips, &found);
    }
    return SP_OK;
}

static sp_status fill(sp_i_compare *c, const sp_compare_entry *e, sp_compare_curve *curve)
{
    sp_i_hints hints = c->hints[curve->entry];   /* a curve's far ends leave shapes that no other starts from */
    switch (curve->axis) {
    case SP_CURVE_CHIPS: return chips_curve(c, e, &hints, curve);
    case SP_CURVE_FAILURES: return failures_curve(c, e, curve);
    default: return scale_curve(c, e, &hints, curve);
    }
}

sp_status sp_i_curves(sp_i_compare *c, sp_comparison *out)
{
    out->curve = sp_arena_alloc(c->arena, (size_t)out->n * SP_CURVES, sizeof *out->curve);
    for (uint32_t i = 0; out->curve && i < out->n; i++)
        for (int axis = 0; axis < SP_CURVES; axis++) {
            sp_compare_curve *curve = &out->curve[out->n_curves];
            if (axis == SP_CURVE_FAILURES && (!c->problem->failures || c->problem->failures->n == 0))
                continue;
            *curve = (sp_compare_curve){.entry = i, .axis = (sp_compare_axis)axis, .point = sp_arena_alloc(c->arena, POINTS_MAX, sizeof *curve->point)};
            if (!curve->point)
                return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a curve");
            sp_status status = fill(c, &out->entry[i], curve);
            if (status != SP_OK)
                return status;
            out->n_curves++;
        }
    return out->curve ? SP_OK : sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for curves");
}
