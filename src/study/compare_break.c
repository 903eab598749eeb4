/* Where machine a reaches machine b: bisection over the number of a's chips and over the scale of its links, and the curves
 * that the two are points of. The best plan is searched again (narrow) at every point. Uncertainty enters through the
 * samples: b's tokens/s over a's, drawn together, moves the target that the bisection runs to. */
#include "compare_i.h"

#include <math.h>
#include <string.h>

#define CHIPS_LEAST 64u
#define CHIPS_MOST (1u << 20)
#define BW_LEAST (1.0 / 64)
#define BW_MOST 64.0
#define CLOSE 1.005             /* bisection ends within half a percent */
#define BISECTIONS_MAX 24

typedef struct asked {
    sp_i_compare *c;
    const sp_compare_entry *a;
    sp_i_hints *hints;
    sp_i_variant *variant;
} asked;

static sp_i_hints *hints_of(sp_i_compare *c, const sp_compare_entry *entry) { return &c->hints[entry - c->entries]; }

/* Tokens/s with so many chips; 0: nothing fits, or the kind ends before. */
static sp_status with_chips(asked *q, double chips, double *out)
{
    sp_i_offer offer;
    sp_i_found found;
    *out = 0;
    if (sp_i_resize(q->c->problem->catalog, q->a->text, (uint32_t)chips, &offer, NULL) != SP_OK)
        return SP_OK;
    sp_status status = sp_i_best(q->c, &offer, false, q->hints, &found);
    if (status == SP_OK)
        *out = found.tokens_per_s;
    return status == SP_E_UNFIT ? SP_OK : status;
}

static sp_status with_bw(asked *q, double scale, double *out)
{
    sp_i_variant_make(q->a->machine, q->c->problem->prices, q->variant);
    sp_i_variant_scale_bw(q->variant, scale);
    sp_i_offer offer = {&q->variant->machine, q->a->chips};
    sp_i_found found;
    sp_status status = sp_i_best(q->c, &offer, false, q->hints, &found);
    *out = status == SP_OK ? found.tokens_per_s : 0;
    return status == SP_E_UNFIT ? SP_OK : status;
}

/* Smallest x in [low, high] with f(x) >= target, to CLOSE; NaN when f(high) is below it. f grows with x but for what
 * divisibility makes of it. `start` is a first guess that halves the work when it is good. */
static sp_status bisect(asked *q, sp_status (*f)(asked *, double, double *), double low, double high, double start, double target, double *out)
{
    double y, above = NAN, below = low, x = fmin(fmax(start, low), high);
    for (;;) {   /* bracket from the guess outwards */
        sp_status status = f(q, x, &y);
        if (status != SP_OK)
            return status;
        if (y >= target) {
            above = x;
            if (x <= low)
                break;
            x = fmax(x / 1.5, low);
            if (below > low)
                break;
        } else {
            below = x;
            if (isfinite(above) || x >= high)
                break;
            x = fmin(x * 1.5, high);
        }
    }
    for (int i = 0; i < BISECTIONS_MAX && isfinite(above) && above / below > CLOSE && above > low; i++) {
        double middle = sqrt(above * below);
        sp_status status = f(q, middle, &y);
        if (status != SP_OK)
            return status;
        *(y >= target ? &above : &below) = middle;
    }
    *out = above;
    return SP_OK;
}

/* Quantiles of ln(b / a) over samples drawn together. */
static void ratios(sp_i_compare *c, const sp_compare_entry *a, const sp_compare_entry *b, sp_range *out)
{
    uint32_t n = a->n_samples < b->n_samples ? a->n_samples : b->n_samples;
    double *ratio = sp_arena_alloc(c->arena, n, sizeof *ratio), nominal = b->tokens_per_s.nominal / a->tokens_per_s.nominal;
    if (!ratio) {
        *out = (sp_range){nominal, nominal, nominal};
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        ratio[i] = b->sample[i] / a->sample[i];
    *out = (sp_range){fmin(sp_i_quantile(ratio, n, 0.05, c->arena), nominal), nominal, fmax(sp_i_quantile(ratio, n, 0.95, c->arena), nominal)};
}

static sp_status three(asked *q, sp_status (*f)(asked *, double, double *), double low, double high, const double start[3], const sp_range *target, sp_range *out)
{
    sp_status status = bisect(q, f, low, high, start[0], target->low, &out->low);
    if (status == SP_OK)
        status = bisect(q, f, low, high, start[1], target->nominal, &out->nominal);
    return status == SP_OK ? bisect(q, f, low, high, start[2], target->high, &out->high) : status;
}

sp_status sp_i_breakeven(sp_i_compare *c, const sp_compare_entry *a, const sp_compare_entry *b, sp_compare_breakeven *out)
{
    asked q = {.c = c, .a = a, .hints = hints_of(c, a), .variant = sp_arena_alloc(c->arena, 1, sizeof *q.variant)};
    sp_range over, target;
    if (!q.variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a break-even");
    ratios(c, a, b, &over);
    out->ratio = (sp_range){1 / over.high, 1 / over.nominal, 1 / over.low};
    target = (sp_range){over.low * a->tokens_per_s.nominal, over.nominal * a->tokens_per_s.nominal, over.high * a->tokens_per_s.nominal};
    const double chips[3] = {a->chips * over.low, a->chips * over.nominal, a->chips * over.high}, one[3] = {over.low, over.nominal, over.high};
    sp_status status = three(&q, with_chips, CHIPS_LEAST, CHIPS_MOST, chips, &target, &out->chips);
    if (status == SP_OK)
        status = three(&q, with_bw, BW_LEAST, BW_MOST, one, &target, &out->bw);
    double most = 0;
    if (status == SP_OK)
        status = with_bw(&q, BW_MOST, &most);
    out->chips.low /= b->chips;
    out->chips.nominal /= b->chips;
    out->chips.high /= b->chips;
    out->bw_best_share = most / b->tokens_per_s.nominal;
    return status;
}

/* ---- curves ------------------------------------------------------------------------------------------------------------ */

#define COARSE 16.0   /* the whole space is searched again where chips grew by this */

static sp_status point(sp_i_compare *c, const sp_i_offer *offer, bool wide, sp_i_hints *hints, double x, sp_compare_curve *curve)
{
    sp_i_found found;
    sp_status status = sp_i_best(c, offer, wide, hints, &found);
    if (status == SP_E_UNFIT)
        return SP_OK;
    if (status == SP_OK)
        curve->point[curve->n++] = (sp_compare_point){x, found.tokens_per_s, found.mfu, offer->chips};
    return status;
}

static sp_status chips_curve(sp_i_compare *c, const sp_compare_entry *e, sp_i_hints *hints, sp_compare_curve *curve)
{
    double searched = 0;
    for (double chips = CHIPS_LEAST; chips <= CHIPS_MOST; chips *= 2) {
        sp_i_offer offer;
        if (sp_i_resize(c->problem->catalog, e->text, (uint32_t)chips, &offer, NULL) != SP_OK)
            continue;
        bool wide = chips >= searched * COARSE;
        uint32_t before = curve->n;
        sp_status status = point(c, &offer, wide, hints, chips, curve);
        if (status != SP_OK)
            return status;
        if (wide && curve->n > before)
            searched = chips;
    }
    return SP_OK;
}

static sp_status scale_curve(sp_i_compare *c, const sp_compare_entry *e, sp_i_hints *hints, sp_compare_curve *curve)
{
    sp_i_variant *variant = sp_arena_alloc(c->arena, 1, sizeof *variant);
    if (!variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a curve");
    for (int i = -6; i <= 6; i++) {   /* 1/8 … 8 in steps of sqrt(2) */
        double by = pow(2, i / 2.0);
        sp_i_variant_make(e->machine, c->problem->prices, variant);
        if (curve->axis == SP_CURVE_BW)
            sp_i_variant_scale_bw(variant, by);
        else
            sp_i_variant_scale_flop(variant, by);
        sp_i_offer offer = {&variant->machine, e->chips};
        sp_status status = point(c, &offer, false, hints, by, curve);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

sp_status sp_i_curves(sp_i_compare *c, sp_comparison *out)
{
    out->curve = sp_arena_alloc(c->arena, (size_t)out->n * SP_CURVES, sizeof *out->curve);
    for (uint32_t i = 0; out->curve && i < out->n; i++)
        for (int axis = 0; axis < SP_CURVES; axis++) {
            sp_compare_curve *curve = &out->curve[out->n_curves];
            *curve = (sp_compare_curve){.entry = i, .axis = (sp_compare_axis)axis, .point = sp_arena_alloc(c->arena, 32, sizeof *curve->point)};
            if (!curve->point)
                return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a curve");
            sp_status status = axis == SP_CURVE_CHIPS ? chips_curve(c, &out->entry[i], &c->hints[i], curve)
                                                      : scale_curve(c, &out->entry[i], &c->hints[i], curve);
            if (status != SP_OK)
                return status;
            out->n_curves++;
        }
    return out->curve ? SP_OK : sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for curves");
}
