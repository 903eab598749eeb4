/* Where machine a reaches machine b: the number of a's chips, and the scale of its links. Both are found by bisection; below the number
 * of chips whole searches find nothing, below the scale of links quick ones. Uncertainty enters through the samples: b's tokens/s over a's, drawn together, moves
 * the target. */
#include "compare_i.h"

#include <math.h>

/* Quantiles of b / a over samples drawn together. */
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

sp_status sp_i_breakeven(sp_i_compare *c, const sp_compare_entry *a, const sp_compare_entry *b, sp_compare_breakeven *out)
{
    sp_range over, chips = {NAN, NAN, NAN};
    ratios(c, a, b, &over);
    out->ratio = (sp_range){1 / over.high, 1 / over.nominal, 1 / over.low};
    out->chips = out->bw = chips;
    out->bw_best_share = NAN;
    if (c->problem->ratios_only)
        return SP_OK;
    double own = a->tokens_per_s.nominal, most = 0;
    const sp_range target = {over.low * own, over.nominal * own, over.high * own};
    sp_status status = sp_i_break_chips(c, a, &target, &chips, &out->chips_most);
    if (status == SP_OK)
        status = sp_i_break_links(c, a, &target, &out->bw, &most);
    if (status != SP_OK)
        return status;
    out->chips = (sp_range){chips.low / b->chips, chips.nominal / b->chips, chips.high / b->chips};
    out->bw_best_share = most / b->tokens_per_s.nominal;
    return SP_OK;
}
