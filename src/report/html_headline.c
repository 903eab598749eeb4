/* The headline: what the step takes, what it gives, and what limits it. */
#include "report_private.h"

static void open_card(sp_i_out *out, const char *title)
{
    sp_i_out_printf(out, "<div class=\"card\"><span>%s</span>", title);
}

static void close_card(sp_i_out *out)
{
    sp_i_out_text(out, "</span></div>\n");
}

static void card_step(sp_i_out *out, const sp_train_report *r)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER];
    open_card(out, "Step time");
    sp_i_out_printf(out, "<b>%s</b><span>", sp_i_quantity(r->step_time_s, SP_UNIT_SECONDS, a));
    if (r->lower_bound_s > 0)
        sp_i_out_printf(out, "lower bound %s", sp_i_quantity(r->lower_bound_s, SP_UNIT_SECONDS, b));
    close_card(out);
    open_card(out, "Tokens a second");
    sp_i_out_printf(out, "<b>%s</b><span>%s a chip", sp_i_quantity(r->tokens_per_s, SP_UNIT_COUNT, a),
                    sp_i_quantity(r->tokens_per_s_chip, SP_UNIT_COUNT, b));
    close_card(out);
}

static void card_utilisation(sp_i_out *out, const sp_i_subject *s)
{
    const sp_train_report *r = s->report;
    sp_format native = s->plan->precision;
    sp_chip_has_format(s->machine->chip, s->plan->precision, &native);
    const sp_value *peak = &s->machine->chip->advertised_flop_per_s[native];
    char a[SP_I_NUMBER], b[SP_I_NUMBER];
    open_card(out, "MFU");
    sp_i_out_printf(out, "<b>%s</b><span>", sp_i_percent(r->mfu, a));
    if (peak->grade != SP_GRADE_NONE)
        sp_i_out_printf(out, "of %s %s a chip", sp_i_quantity(peak->nominal, SP_UNIT_FLOP_PER_S, b), sp_format_name(native));
    close_card(out);
    open_card(out, "HFU");
    sp_i_out_printf(out, "<b>%s</b><span>recomputed work counted", sp_i_percent(r->hfu, a));
    close_card(out);
    open_card(out, "Pipeline bubble");
    sp_i_out_printf(out, "<b>%s</b><span>of the busiest stage&#39;s step", sp_i_percent(r->bubble_fraction, a));
    close_card(out);
}

static void card_memory(sp_i_out *out, const sp_train_report *r)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER], c[SP_I_NUMBER];
    bool fits = r->mem_bytes_max <= r->mem_capacity_bytes;
    open_card(out, "Memory, fullest chip");
    sp_i_out_printf(out, "<b%s>%s</b><span>", fits ? "" : " class=\"bad\"", sp_i_quantity(r->mem_bytes_max, SP_UNIT_BYTES, a));
    sp_i_quantity(r->mem_capacity_bytes, SP_UNIT_BYTES, b);
    if (fits)
        sp_i_out_printf(out, "%s of %s", r->mem_capacity_bytes > 0 ? sp_i_percent(r->mem_bytes_max / r->mem_capacity_bytes, c) : "", b);
    else
        sp_i_out_printf(out, "does not fit: %s too much for %s",
                        sp_i_quantity(r->mem_bytes_max - r->mem_capacity_bytes, SP_UNIT_BYTES, c), b);
    close_card(out);
}

static void card_energy(sp_i_out *out, const sp_train_report *r)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER];
    double tokens = r->tokens_per_s * r->step_time_s;
    if (r->energy_j > 0) {
        open_card(out, "Energy a step");
        sp_i_out_printf(out, "<b>%s kWh</b><span>", sp_i_quantity(r->energy_j / 3.6e6, SP_UNIT_NONE, a));
        if (tokens > 0)
            sp_i_out_printf(out, "%s J a token at %s", sp_i_quantity(r->energy_j / tokens, SP_UNIT_NONE, a),
                            sp_i_quantity(r->power_w, SP_UNIT_WATT, b));
        close_card(out);
    }
    if (r->cost_usd_per_hour > 0) {
        open_card(out, "Cost");
        sp_i_out_printf(out, "<b>%s/h</b><span>", sp_i_quantity(r->cost_usd_per_hour, SP_UNIT_USD, a));
        if (r->tokens_per_s > 0)
            sp_i_out_printf(out, "%s a million tokens",
                            sp_i_quantity(r->cost_usd_per_hour / 3600 / r->tokens_per_s * 1e6, SP_UNIT_USD, b));
        close_card(out);
    }
}

void sp_i_html_headline(sp_i_out *out, const sp_i_subject *s)
{
    const sp_train_report *r = s->report;
    char a[SP_I_NUMBER], b[SP_I_NUMBER], c[SP_I_NUMBER];
    sp_model_params params;
    sp_model_count(s->model, &params);
    sp_i_out_text(out, "<h1>");
    sp_i_html(out, s->model->name);
    sp_i_out_text(out, " on ");
    sp_i_html(out, sp_i_machine_title(s->machine));
    sp_i_out_printf(out, "</h1>\n<p class=\"dim\">One training step of %s parameters, predicted, on %s of %s chips (",
                    sp_i_quantity(params.total, SP_UNIT_COUNT, a), sp_i_count(r->chips, b), sp_i_count(s->machine->chips, c));
    sp_i_html(out, s->machine->chip->title ? s->machine->chip->title : s->machine->chip->name);
    sp_i_out_text(out, ").</p>\n<div class=\"cards\">\n");
    card_step(out, r);
    card_utilisation(out, s);
    card_memory(out, r);
    card_energy(out, r);
    sp_i_out_text(out, "</div>\n");
    if (r->limit && *r->limit) {
        sp_i_out_text(out, "<p class=\"note\"><b>What limits it:</b> ");
        sp_i_html(out, r->limit);
        sp_i_out_text(out, "</p>\n");
    }
}
