/* Where machine a reaches machine b: the number of a's chips, and the scale of its links, found by bracketing on a logarithmic
 * scale. The best plan is searched again at every point. Uncertainty enters through the samples: b's tokens/s over a's, drawn
 * together, moves the target. */
#include "compare_i.h"

#include <math.h>
#include <string.h>

#define CHIPS_LEAST 8u          /* a box */
#define WIDE_FROM 65536.0       /* shapes of good plans serve up to here; from here on each size is searched whole */
#define BW_LEAST SP_COMPARE_BW_LEAST
#define BW_MOST 64.0
#define BW_ANCHOR 0.125
#define CLOSE 1.06              /* a bracket this narrow is interpolated: over links throughput is smooth on logarithmic scales */
#define CLOSE_ENDS 1.4          /* the same for the ends of an interval */
#define KNOWN_MAX 48u
#define TRIES_MAX 8

typedef struct known { double x, y; } known;

/* A function of one variable that costs a search a point; points are kept, by x. */
typedef struct asked {
    sp_i_compare *c;
    const sp_compare_entry *a;
    sp_i_hints *hints, winners;     /* winners: plans for points between anchors */
    sp_i_variant *variant;
    sp_status (*f)(struct asked *q, double x, double *y);
    double least, most;
    known point[KNOWN_MAX];
    uint32_t n;
} asked;

static sp_i_hints *hints_of(sp_i_compare *c, const sp_compare_entry *entry) { return &c->hints[entry - c->entries]; }

static double below(const asked *q, double x)
{
    double y = 0;
    for (uint32_t i = 0; i < q->n && q->point[i].x <= x; i++)
        y = q->point[i].y;
    return y;
}

/* Tokens/s with so many chips; 0: nothing fits, or the kind ends before. */
static sp_status with_chips(asked *q, double chips, double *out)
{
    sp_i_offer offer;
    sp_i_found found;
    *out = 0;
    if (sp_i_resize(q->c->problem->catalog, q->a->text, (uint32_t)(chips + 0.5), &offer, NULL) != SP_OK)
        return SP_OK;
    double least = below(q, chips);   /* that many are enough for it, and more have it, too */
    sp_status status = sp_i_faster(q->c, &offer, chips >= WIDE_FROM, q->hints, least, &found);
    *out = status == SP_OK ? found.tokens_per_s : least;
    return status == SP_E_UNFIT ? SP_OK : status;
}

/* Tokens/s with all links so many times as fast. Searched at the anchors, whose plans serve between them. */
static sp_status with_bw(asked *q, double scale, double *out)
{
    sp_i_variant_make(q->a->machine, q->c->problem->prices, q->variant);
    sp_i_variant_scale_bw(q->variant, scale);
    sp_i_offer offer = {&q->variant->machine, q->a->chips};
    sp_i_found found;
    bool anchor = scale == BW_MOST || scale == BW_LEAST || scale == BW_ANCHOR;
    sp_status status = anchor ? sp_i_best(q->c, &offer, false, q->hints, &found) : sp_i_best_known(q->c, &offer, &q->winners, &found);
    if (anchor && status == SP_OK)
        sp_i_hints_add(&q->winners, &found.plan);
    *out = status == SP_OK ? found.tokens_per_s : 0;
    return status == SP_E_UNFIT ? SP_OK : status;
}

static void keep(asked *q, double x, double y)
{
    uint32_t at = q->n;
    if (q->n == KNOWN_MAX)
        return;
    while (at > 0 && q->point[at - 1].x > x) {
        q->point[at] = q->point[at - 1];
        at--;
    }
    q->point[at] = (known){x, y};
    q->n++;
    /* what fewer chips or slower links reach, more reach as well, by leaving some unused: divisibility is no loss */
    for (uint32_t i = 1; i < q->n; i++)
        q->point[i].y = fmax(q->point[i].y, q->point[i - 1].y);
}

static sp_status ask(asked *q, double x, double *y)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (fabs(q->point[i].x / x - 1) < 1e-9) {
            *y = q->point[i].y;
            return SP_OK;
        }
    sp_status status = q->f(q, x, y);
    if (status == SP_OK)
        keep(q, x, *y);
    return status;
}

/* The known points around the first crossing of target: below (NULL: none) and above (NULL: none). */
static void bracket(const asked *q, double target, const known **below, const known **above)
{
    *below = *above = NULL;
    for (uint32_t i = 0; i < q->n && !*above; i++) {
        if (q->point[i].y >= target)
            *above = &q->point[i];
        else
            *below = &q->point[i];
    }
}

static double between(const known *below, const known *above, double target)
{
    if (!(below->y > 0) || above->y <= below->y)
        return sqrt(below->x * above->x);
    double share = log(target / below->y) / log(above->y / below->y);
    return below->x * pow(above->x / below->x, share);
}

/* Where to look next: outwards in proportion, or inside the bracket, kept off its ends so that it halves. */
static double next(const asked *q, const known *below, const known *above, double target)
{
    if (!above)
        return fmin(fmax(below->x * 1.25, below->y > 0 ? below->x * target / below->y * 1.05 : below->x * 4), q->most);
    if (!below)
        return fmax(fmin(above->x / 1.25, above->x * target / above->y / 1.05), q->least);
    double x = between(below, above, target), edge = pow(above->x / below->x, 0.1);
    return fmin(fmax(x, below->x * edge), above->x / edge);
}

/* Smallest x with f(x) >= target from the known points; NaN when even f(most) is below it. */
static double crossing(const asked *q, double target)
{
    const known *below, *above;
    bracket(q, target, &below, &above);
    return !above ? NAN : !below || above->x / below->x <= 1 ? above->x : between(below, above, target);
}

/* An eighth of an octave: counts between divide among chips no better, and cost a search each. */
static double whole_chips(double chips)
{
    double step = fmax(exp2(floor(log2(chips)) - 3), 1);
    return round(chips / step) * step;
}

/* Asks until the crossing is bracketed within `close`, or between neighbours of whole_chips. Needs one known point. */
static sp_status close_in(asked *q, double target, double close)
{
    const known *below, *above;
    for (int i = 0; i < TRIES_MAX; i++) {
        double y;
        bracket(q, target, &below, &above);
        if ((!above && below->x >= q->most) || (!below && above->x <= q->least) || (above && below && above->x / below->x <= close))
            break;
        double x = next(q, below, above, target);
        if (q->f == with_chips)
            x = fmin(fmax(whole_chips(x), q->least), q->most);
        if ((below && x <= below->x) || (above && x >= above->x))
            break;
        sp_status status = ask(q, x, &y);
        if (status != SP_OK)
            return status;
    }
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

static sp_status three(asked *q, const sp_range *target, sp_range *out)
{
    double top;
    sp_status status = SP_OK;
    if (q->f == with_bw && target->high > q->point[0].y)   /* where the top is short, no search between is needed */
        status = ask(q, q->most, &top);
    if (status == SP_OK && q->f == with_bw && target->low < q->point[0].y)
        status = ask(q, BW_ANCHOR, &top);
    if (status == SP_OK && q->f == with_bw && target->low <= q->point[0].y)
        status = ask(q, q->least, &top);
    const double targets[3] = {target->nominal, target->low, target->high};
    for (int i = 0; i < 3 && status == SP_OK; i++)
        status = close_in(q, targets[i], i ? CLOSE_ENDS : CLOSE);
    *out = (sp_range){crossing(q, target->low), crossing(q, target->nominal), crossing(q, target->high)};
    return status;
}

sp_status sp_i_breakeven(sp_i_compare *c, const sp_compare_entry *a, const sp_compare_entry *b, sp_compare_breakeven *out)
{
    sp_i_hints for_chips = *hints_of(c, a), for_links = *hints_of(c, a);
    asked chips = {.c = c, .a = a, .hints = &for_chips, .f = with_chips, .least = CHIPS_LEAST, .most = SP_I_KIND_MOST};
    asked links = {.c = c, .a = a, .hints = &for_links, .f = with_bw, .least = BW_LEAST, .most = BW_MOST};
    sp_range over;
    double most, own = a->tokens_per_s.nominal;
    links.variant = sp_arena_alloc(c->arena, 1, sizeof *links.variant);
    if (!links.variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a break-even");
    ratios(c, a, b, &over);
    out->ratio = (sp_range){1 / over.high, 1 / over.nominal, 1 / over.low};
    out->chips = out->bw = (sp_range){NAN, NAN, NAN};
    out->bw_best_share = NAN;
    if (c->problem->ratios_only)
        return SP_OK;
    const sp_range target = {over.low * own, over.nominal * own, over.high * own};
    keep(&chips, a->chips, own);
    keep(&links, 1, own);
    sp_i_hints_add(&links.winners, &a->plan);
    sp_status status = three(&chips, &target, &out->chips);
    if (status == SP_OK)
        status = three(&links, &target, &out->bw);
    if (status == SP_OK)
        status = ask(&links, BW_MOST, &most);
    if (status != SP_OK)
        return status;
    out->chips.low /= b->chips;
    out->chips.nominal /= b->chips;
    out->chips.high /= b->chips;
    out->bw_best_share = most / b->tokens_per_s.nominal;
    return SP_OK;
}
