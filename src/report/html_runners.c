/* The plans that came after the best, and what the search went through. */
#include "report_private.h"

static void plan_cells(sp_i_out *out, const sp_plan *plan)
{
    sp_i_out_printf(out, "<td class=\"n\">%u</td><td class=\"n\">%u</td><td class=\"n\">%u</td><td class=\"n\">%u</td>"
                    "<td class=\"n\">%u</td><td class=\"n\">%u</td><td class=\"n\">%u</td><td class=\"n\">%u</td><td>%s</td>"
                    "<td>%s</td><td>%s</td>", plan->tp, plan->cp, plan->ep, plan->pp, plan->vpp, plan->dp, plan->zero, plan->mbs,
                    sp_schedule_name(plan->schedule), sp_recompute_name(plan->recompute), sp_format_name(plan->precision));
}

static void ranked_row(sp_i_out *out, const sp_ranked *ranked, uint32_t rank, double best_s)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER], c[SP_I_NUMBER], d[SP_I_NUMBER], e[SP_I_NUMBER] = "";
    if (rank > 0 && best_s > 0)
        snprintf(e, sizeof e, "%+.1f %%", 100 * (ranked->step_time_s / best_s - 1));
    sp_i_out_printf(out, "<tr><td class=\"n\">%u</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                    "<td class=\"n\">%s</td><td class=\"n\">%s</td>", rank + 1,
                    sp_i_quantity(ranked->step_time_s, SP_UNIT_SECONDS, a), e, sp_i_percent(ranked->mfu, b),
                    sp_i_quantity(ranked->tokens_per_s_chip, SP_UNIT_COUNT, c), sp_i_quantity(ranked->mem_bytes_max, SP_UNIT_BYTES, d));
    plan_cells(out, &ranked->plan);
    sp_i_out_text(out, "</tr>\n");
}

void sp_i_html_runners(sp_i_out *out, const sp_i_subject *s)
{
    const sp_solution *solution = s->solution;
    if (!solution || solution->n == 0)
        return;
    const sp_plan_counts *counts = &solution->counts;
    char late[96] = "", a[SP_I_NUMBER], b[SP_I_NUMBER], c[SP_I_NUMBER], d[SP_I_NUMBER], e[SP_I_NUMBER], f[SP_I_NUMBER];
    if (counts->refused_deadline > 0)
        snprintf(late, sizeof late, ", %s miss the deadline in every cut", sp_i_count(counts->refused_deadline, a));
    sp_i_out_printf(out, "<h2>The best plan and its runners-up</h2>\n<p>Of %s combinations %s do not divide, %s cannot be laid on the "
                    "tiers%s and %s do not fit in memory; %s were priced by a lower bound, and %s of these simulated.</p>\n",
                    sp_i_count(counts->legal + counts->refused_divide + counts->refused_place, a),
                    sp_i_count(counts->refused_divide, b), sp_i_count(counts->refused_place, c), late,
                    sp_i_count(counts->refused_memory, d), sp_i_count(counts->priced, e), sp_i_count(counts->simulated, f));
    sp_i_out_text(out, "<div class=\"scroll\"><table><tr><th class=\"n\">#</th><th class=\"n\">step</th><th class=\"n\">to the best</th>"
                       "<th class=\"n\">MFU</th><th class=\"n\">tokens/s/chip</th><th class=\"n\">memory</th><th class=\"n\">TP</th>"
                       "<th class=\"n\">CP</th><th class=\"n\">EP</th><th class=\"n\">PP</th><th class=\"n\">VPP</th><th class=\"n\">DP</th>"
                       "<th class=\"n\">ZeRO</th><th class=\"n\">MBS</th><th>schedule</th><th>recompute</th><th>precision</th></tr>\n");
    for (uint32_t i = 0; i < solution->n; i++)
        ranked_row(out, &solution->ranked[i], i, solution->ranked[0].step_time_s);
    sp_i_out_text(out, "</table></div>\n");
}
