/* The page of a comparison. One colour a machine, the same in every chart. */
#include "compare_html_i.h"

#include <math.h>

static void quantity(sp_i_out *out, double value, sp_unit unit)
{
    char text[SP_I_NUMBER];
    sp_i_out_text(out, isfinite(value) && value > 0 ? sp_i_quantity(value, unit, text) : "&ndash;");
}

/* ---- side by side ---------------------------------------------------------------------------------------------------- */

static void head(sp_i_out *out, const sp_comparison *r)
{
    sp_i_out_printf(out, "<div class=\"scroll\"><table class=\"side\" style=\"--n:%u\"><tr><th class=\"f\"></th>", r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        sp_i_out_text(out, "<th class=\"n\">");
        sp_i_compare_name(out, r, i);
        sp_i_out_text(out, "</th>");
    }
    sp_i_out_text(out, "</tr>\n");
}

static void side_cell(sp_i_out *out, const sp_compare_row *row, const sp_compare_entry *entry)
{
    sp_range value = row->of(entry);
    sp_i_out_text(out, row->ranged ? "<td class=\"n\"><b>" : "<td class=\"n\">");
    quantity(out, value.nominal, row->unit);
    if (row->ranged) {
        sp_i_out_text(out, "</b><br><small class=\"dim\">");
        quantity(out, value.low, row->unit);
        sp_i_out_text(out, " &hellip; ");
        quantity(out, value.high, row->unit);
        sp_i_out_text(out, "</small>");
    }
    sp_i_out_text(out, "</td>");
}

static void side(sp_i_out *out, const sp_comparison *r)
{
    sp_i_out_text(out, "<h2>Side by side</h2>\n");
    head(out, r);
    uint32_t n;
    const sp_compare_row *row = sp_compare_rows(&n);
    for (uint32_t k = 0; k < n; k++) {
        sp_i_out_printf(out, "<tr><td class=\"f\">%s</td>", row[k].label);
        for (uint32_t i = 0; i < r->n; i++)
            side_cell(out, &row[k], &r->entry[i]);
        sp_i_out_text(out, "</tr>\n");
    }
    sp_i_out_text(out, "</table></div>\n<p class=\"small dim\">Bold: with the nominal values. Under it: the 5&nbsp;% and 95&nbsp;% quantiles of "
                       "samples in which every uncertain value is drawn at once; where the bold number is one of the two, all that is uncertain "
                       "lies on its other side. Failures are not in the days.</p>\n");
}

/* ---- break-even -------------------------------------------------------------------------------------------------------- */

static void factor(sp_i_out *out, const sp_range *r)
{
    if (isfinite(r->nominal))
        sp_i_out_printf(out, "<b>%.3g&times;</b><br><small class=\"dim\">", r->nominal);
    else
        sp_i_out_text(out, "<b>never</b><br><small class=\"dim\">");
    if (isfinite(r->low))
        sp_i_out_printf(out, "%.3g &hellip; ", r->low);
    else
        sp_i_out_text(out, "never &hellip; ");
    if (isfinite(r->high))
        sp_i_out_printf(out, "%.3g</small>", r->high);
    else
        sp_i_out_text(out, "never</small>");
}

static void break_even(sp_i_out *out, const sp_comparison *r)
{
    if (!r->n_breakevens)
        return;
    sp_i_out_text(out, "<h2>Break-even</h2>\n<p>What ");
    sp_i_compare_title(out, r, 0);
    sp_i_out_text(out, " takes to reach each of the others:</p>\n<div class=\"scroll\"><table class=\"side\" style=\"--n:3\"><tr><th class=\"f\">to reach</th><th "
                       "class=\"n\">tokens/s as sized</th><th class=\"n\">with so many chips for each of its own</th><th class=\"n\">or with links so many times as "
                       "fast</th></tr>\n");
    for (uint32_t i = 0; i < r->n_breakevens; i++) {
        const sp_compare_breakeven *b = &r->breakeven[i];
        char text[SP_I_NUMBER];
        sp_i_out_text(out, "<tr><td class=\"f\">");
        sp_i_compare_name(out, r, b->b);
        sp_i_out_text(out, "</td><td class=\"n\">");
        factor(out, &b->ratio);
        sp_i_out_text(out, "</td><td class=\"n\">");
        factor(out, &b->chips);
        if (!isfinite(b->chips.nominal))
            sp_i_out_printf(out, "<br><small class=\"dim\">its kind ends at %s chips</small>", sp_i_count(b->chips_most, text));
        sp_i_out_text(out, "</td><td class=\"n\">");
        factor(out, &b->bw);
        if (!isfinite(b->bw.nominal))
            sp_i_out_printf(out, "<br><small class=\"dim\">%.0f&nbsp;%% of it with links 64&times; as fast</small>", 100 * b->bw_best_share);
        sp_i_out_text(out, "</td></tr>\n");
    }
    sp_i_out_text(out, "</table></div>\n");
}

/* ---- layers of the stack --------------------------------------------------------------------------------------------------- */

static void ablation(sp_i_out *out, const sp_comparison *r, const sp_compare_ablation *a)
{
    double full = 0;
    for (uint32_t i = 0; i < a->n; i++)
        full = fmax(full, a->step[i].tokens_per_s);
    sp_i_out_text(out, "<h3>");
    sp_i_compare_name(out, r, a->entry);
    sp_i_out_text(out, "</h3>\n");
    for (uint32_t i = 0; i < a->n && full > 0; i++) {
        const sp_compare_step *s = &a->step[i];
        double before = i ? fmin(a->step[i - 1].tokens_per_s, s->tokens_per_s) : 0;
        char text[SP_I_NUMBER];
        sp_i_out_printf(out, "<div class=\"row\"><span>%s</span><svg class=\"bar\" width=\"100%%\" height=\"20\" role=\"img\" aria-label=\"%s\">", s->layer, s->layer);
        sp_i_out_printf(out, "<rect class=\"k14\" x=\"0\" y=\"1\" width=\"%.3f%%\" height=\"18\"/>", 100 * before / full);
        sp_i_out_printf(out, "<rect class=\"k%u\" x=\"%.3f%%\" y=\"1\" width=\"%.3f%%\" height=\"18\"><title>", a->entry % SP_I_COLOR_IDLE, 100 * before / full,
                        100 * (s->tokens_per_s - before) / full);
        sp_i_html(out, s->what);
        sp_i_out_printf(out, "</title></rect></svg><span>%s%s</span></div>\n", sp_i_quantity(s->tokens_per_s, SP_UNIT_COUNT, text), i ? "" : "/s");
    }
    sp_i_out_text(out, "<p class=\"small dim\">");
    for (uint32_t i = 0; i < a->n; i++) {
        sp_i_out_printf(out, "%s<b>%s</b> ", i ? "; " : "", a->step[i].layer);
        sp_i_html(out, a->step[i].what);
        if (i)
            sp_i_out_printf(out, " (%.2f&times;)", a->step[i].gain);
    }
    sp_i_out_text(out, ".</p>\n");
}

static void ablations(sp_i_out *out, const sp_comparison *r)
{
    if (r->n_ablations)
        sp_i_out_text(out, "<h2>What each layer of the stack contributes</h2>\n<p>Tokens/s from a first port to the tuned run, one layer after the "
                           "other.</p>\n");
    for (uint32_t i = 0; i < r->n_ablations; i++)
        ablation(out, r, &r->ablation[i]);
}

/* ---- sensitivity -------------------------------------------------------------------------------------------------------------- */

static void swings(sp_i_out *out, const sp_comparison *r)
{
    const char *metric = "";
    for (uint32_t i = 0; i < r->n_swings; i++) {
        const sp_compare_swing *s = &r->swing[i];
        char low[SP_I_NUMBER], high[SP_I_NUMBER];
        if (s->metric != metric) {
            sp_i_out_printf(out, "%s<h3>%s</h3>\n<div class=\"scroll\"><table class=\"side\" style=\"--n:3\"><tr><th class=\"f\">value</th><th class=\"f\">of</th><th "
                            "class=\"n\">from &hellip; to</th><th class=\"n\">at low</th><th class=\"n\">at high</th><th class=\"f\">source</th></tr>\n", i ? "</table></div>\n" : "<h2>What the answers "
                            "rest on</h2>\n", s->metric[0] == 't' ? "Values that move throughput most, each alone" : "Values that move the cost of training most");
            metric = s->metric;
        }
        sp_i_out_text(out, "<tr><td class=\"f\">");
        sp_i_html(out, s->what);
        sp_i_out_text(out, "</td><td class=\"f\">");
        sp_i_compare_name(out, r, s->entry);
        sp_i_out_printf(out, "</td><td class=\"n\">%s &hellip; %s</td><td class=\"n\">%+.1f&nbsp;%%</td><td class=\"n\">%+.1f&nbsp;%%</td><td class=\"w f\"><small>%s: ",
                        sp_i_quantity(s->low, s->unit, low), sp_i_quantity(s->high, s->unit, high), 100 * (s->at_low - 1), 100 * (s->at_high - 1),
                        sp_grade_name(s->grade));
        sp_i_html(out, s->source ? s->source : "");
        sp_i_out_text(out, "</small></td></tr>\n");
    }
    if (r->n_swings)
        sp_i_out_text(out, "</table></div>\n");
}

/* ---- the page ------------------------------------------------------------------------------------------------------------------- */

static void opening(sp_i_out *out, const sp_comparison *r)
{
    char text[SP_I_NUMBER];
    sp_i_out_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, "
                       "initial-scale=1\">\n<meta name=\"generator\" content=\"superpod " SP_VERSION "\">\n<title>");
    sp_i_html(out, r->model->name);
    sp_i_out_printf(out, " on %u machine%s</title>\n<style>\n", r->n, r->n == 1 ? "" : "s");
    sp_i_out_text(out, sp_i_html_style);
    sp_i_out_text(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
    sp_i_html(out, r->model->name);
    sp_i_out_printf(out, " on %u machine%s</h1>\n<p class=\"dim\">Held equal: the model, %s tokens of training, ", r->n, r->n == 1 ? "" : "s",
                    sp_i_quantity(r->tokens, SP_UNIT_COUNT, text));
    sp_i_out_printf(out, "%s sequences ", sp_i_count(r->gbs, text));
    sp_i_out_printf(out, "of %s tokens a step (within an eighth, so that it divides among the chips)%s%s.</p>\n", sp_i_count(r->seq, text),
                    r->equal ? ", and " : "", r->equal ? sp_compare_equal_name(r->equal) : "");
    for (uint32_t i = 0; i < r->n_refused; i++) {
        sp_i_out_text(out, "<p class=\"bad small\">Left out: ");
        sp_i_html(out, r->refused[i]);
        sp_i_out_text(out, "</p>\n");
    }
}

static void plans(sp_i_out *out, const sp_comparison *r)
{
    sp_i_out_text(out, "<h2>The plans</h2>\n");
    for (uint32_t i = 0; i < r->n; i++) {
        char text[1024];
        int length = sp_plan_format(&r->entry[i].plan, text, sizeof text);
        sp_i_out_text(out, "<h3>");
        sp_i_compare_name(out, r, i);
        sp_i_out_text(out, "</h3>\n<p>");
        sp_i_html(out, r->entry[i].limit);
        sp_i_out_text(out, ".</p>\n<pre>");
        sp_i_html(out, length > 0 && (size_t)length < sizeof text ? text : "");
        sp_i_out_text(out, "</pre>\n");
    }
}

sp_status sp_report_compare_html(const char *path, const sp_comparison *comparison, sp_error *err)
{
    sp_i_out out;
    sp_status status = sp_i_out_open(&out, path, err);
    if (status != SP_OK)
        return status;
    opening(&out, comparison);
    side(&out, comparison);
    break_even(&out, comparison);
    sp_i_compare_curves(&out, comparison);
    ablations(&out, comparison);
    swings(&out, comparison);
    plans(&out, comparison);
    sp_i_out_text(&out, "</main>\n<footer class=\"small\"><p>superpod " SP_VERSION "</p></footer>\n</body>\n</html>\n");
    return sp_i_out_close(&out, SP_OK, err);
}
