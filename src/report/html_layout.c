/* Which group of chips lies on which tier: a picture over chip numbers (logarithmic: innermost tier at the left, each
 * factor of two as wide as the next), and the tiers with what they carry. */
#include "report_private.h"

#include <math.h>
#include <string.h>

static const char *const tier_kind[SP_TIER_KINDS] = {"full mesh", "torus", "Clos", "switch", "rail-optimised", "dragonfly"};
static const char *const group_use[SP_GROUPS] = {
    [SP_GROUP_TP] = "parts of every matrix: activations gathered and summed in each block",
    [SP_GROUP_CP] = "parts of a sequence: keys and values passed around",
    [SP_GROUP_DP] = "chips that hold the same dense weights: gradients summed, updated weights gathered",
    [SP_GROUP_PP] = "stages: activations handed on, micro-batch by micro-batch",
    [SP_GROUP_EP] = "experts: tokens sent to them and back, in each MoE block",
    [SP_GROUP_EDP] = "chips that hold the same experts: gradients summed, updated weights gathered",
    [SP_GROUP_ETP] = "parts of one expert",
    [SP_GROUP_SHARD] = "chips that share out optimizer state, and gradients and weights as ZeRO says",
    [SP_GROUP_REPLICA] = "replicas of these shares: their gradients summed",
    [SP_GROUP_ESHARD] = "the same of experts", [SP_GROUP_EREPLICA] = "the same of experts",
};

static void upper(const char *name, char out[8])
{
    size_t i = 0;
    for (; name[i] && i < 7; i++)
        out[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    out[i] = '\0';
}

/* ---- picture ------------------------------------------------------------------------------------------------------- */

static double place(const sp_machine *machine, double chips)
{
    return machine->chips > 1 ? 100 * log2(chips) / log2(machine->chips) : 0;
}

static void box(sp_i_out *out, const char *kind, const char *on, double x, double width, const char *text)
{
    sp_i_out_printf(out, "<rect class=\"%s\" x=\"%.3f%%\" y=\"0\" width=\"%.3f%%\" height=\"22\"/>", kind, x, width);
    if (!text)
        return;
    sp_i_out_printf(out, "<text class=\"%s\" x=\"%.3f%%\" y=\"15\">", on, x + width / 2);
    sp_i_html(out, text);
    sp_i_out_text(out, "</text>");
}

static void open_row(sp_i_out *out, const char *name)
{
    sp_i_out_printf(out, "<div class=\"row\"><span>%s</span><svg class=\"bar\" width=\"100%%\" height=\"22\" role=\"img\" "
                    "aria-label=\"%s\">", name, name);
}

static void tier_row(sp_i_out *out, const sp_machine *machine)
{
    const sp_plane *plane = &machine->planes[0];
    open_row(out, "tier");
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        double x = place(machine, tier->stride), width = place(machine, (double)tier->stride * tier->size) - x;
        char text[64];
        snprintf(text, sizeof text, "%u %.40s", t, tier->name ? tier->name : "");
        if (!sp_i_svg_fits(width, SP_I_ROW_PX, strlen(text)))
            snprintf(text, sizeof text, "%u", t);
        if (width > 0)
            box(out, "k14", "on14", x, width, text);
    }
    sp_i_out_text(out, "</svg><span></span></div>\n");
}

static void group_row(sp_i_out *out, const sp_machine *machine, const sp_placement *group, const char *name, uint32_t color)
{
    char kind[8], on[8], text[SP_I_NUMBER];
    snprintf(kind, sizeof kind, "k%u", color);
    snprintf(on, sizeof on, "on%u", color);
    open_row(out, name);
    sp_i_out_text(out, "<rect class=\"lane\" x=\"0\" y=\"0\" width=\"100%\" height=\"22\"/>");
    for (uint32_t d = 0; d < group->n_dims; d++) {
        double stride = group->dim[d].stride, size = group->dim[d].size;
        if (!(size > 1) || !(stride >= 1))
            continue;
        double x = place(machine, stride), width = place(machine, stride * size) - x;
        snprintf(text, sizeof text, "%u", group->dim[d].size);
        box(out, kind, on, x, width, sp_i_svg_fits(width, SP_I_ROW_PX, strlen(text)) ? text : NULL);
    }
    sp_i_out_printf(out, "</svg><span>%s chips</span></div>\n", sp_i_count(sp_placement_ranks(group), text));
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static uint32_t links_of(const sp_tier *tier)
{
    uint32_t n = 0;
    for (uint32_t d = 0; d < tier->n_dims; d++)
        n += tier->kind == SP_TIER_MESH ? tier->dims[d] - 1 : tier->dims[d] > 2 ? 2 : tier->dims[d] - 1;
    return n;
}

static void bandwidth(sp_i_out *out, const sp_tier *tier)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER];
    sp_i_quantity(tier->bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S, a);
    if (tier->kind == SP_TIER_MESH || tier->kind == SP_TIER_TORUS)
        sp_i_out_printf(out, "%s<br><small class=\"dim\">%u links of %s</small>",
                        sp_i_quantity(links_of(tier) * tier->bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S, b), links_of(tier), a);
    else if (tier->taper.grade != SP_GRADE_NONE && tier->taper.nominal > 1)
        sp_i_out_printf(out, "%s<br><small class=\"dim\">%s beyond the taper</small>", a,
                        sp_i_quantity(tier->bw_bytes_per_s.nominal / tier->taper.nominal, SP_UNIT_BYTES_PER_S, b));
    else
        sp_i_out_text(out, a);
}

static void groups_on(sp_i_out *out, const sp_layout *layout, uint32_t tier)
{
    uint32_t n = 0;
    for (int g = 0; g < SP_GROUPS; g++)
        if (layout->group[g].n_dims && layout->tiers[g] >> tier & 1) {
            char name[8];
            upper(sp_comm_group_name((sp_comm_group)g), name);
            sp_i_out_printf(out, "%s%s", n++ ? ", " : "", name);
        }
    if (n == 0)
        sp_i_out_text(out, "none");
}

static void tier_line(sp_i_out *out, const sp_tier *tier, uint32_t index, const sp_layout *layout)
{
    char a[SP_I_NUMBER];
    sp_i_out_printf(out, "<tr><td class=\"n\">%u</td><td>", index);
    sp_i_html(out, tier->name);
    sp_i_out_printf(out, "</td><td>%s%s ", tier->twisted ? "twisted " : "",
                    tier->kind < SP_TIER_KINDS ? tier_kind[tier->kind] : "");
    for (uint32_t d = 0; d < tier->n_dims; d++)
        sp_i_out_printf(out, "%s%u", d ? "&#215;" : "", tier->dims[d]);
    sp_i_out_printf(out, "</td><td class=\"n\">%s</td><td class=\"n\">", sp_i_count((uint64_t)tier->stride * tier->size, a));
    bandwidth(out, tier);
    sp_i_out_printf(out, "</td><td class=\"n\">%s</td>", sp_i_quantity(tier->latency_s.nominal, SP_UNIT_SECONDS, a));
    if (layout) {
        sp_i_out_text(out, "<td>");
        groups_on(out, layout, index);
        sp_i_out_text(out, "</td>");
    } else
        sp_i_out_text(out, "<td class=\"dim\">not used by the step</td>");
    sp_i_out_text(out, "</tr>\n");
}

static void tier_table(sp_i_out *out, const sp_machine *machine, const sp_layout *layout)
{
    char a[SP_I_NUMBER];
    sp_i_out_text(out, "<div class=\"scroll\"><table><tr><th class=\"n\">tier</th><th>name</th><th>wired as</th><th class=\"n\">chips within</th>"
                       "<th class=\"n\">from a chip</th><th class=\"n\">latency</th><th>groups that cross it</th></tr>\n");
    for (uint32_t p = 0; p < machine->n_planes && p < SP_PLANES_MAX; p++) {
        if (machine->n_planes > 1) {
            sp_i_out_text(out, "<tr class=\"sum\"><td colspan=\"7\">plane ");
            sp_i_html(out, machine->planes[p].name);
            sp_i_out_text(out, "</td></tr>\n");
        }
        for (uint32_t t = 0; t < machine->planes[p].n_tiers; t++)
            tier_line(out, &machine->planes[p].tiers[t], t, p == 0 ? layout : NULL);
    }
    sp_i_out_printf(out, "</table></div>\n<p class=\"small dim\">Raw rates, one direction; %s of them carries payload. Latency: one hop of "
                    "a mesh or torus, chip to chip through switches.</p>\n", sp_i_percent(sp_machine_payload(machine), a));
}

void sp_i_html_layout(sp_i_out *out, const sp_i_subject *s)
{
    static const uint32_t color[SP_GROUPS] = {[SP_GROUP_TP] = 4, [SP_GROUP_CP] = 5, [SP_GROUP_DP] = 3, [SP_GROUP_PP] = 8,
                                              [SP_GROUP_EP] = 6, [SP_GROUP_EDP] = 9, [SP_GROUP_ETP] = 7, [SP_GROUP_SHARD] = 10,
                                              [SP_GROUP_REPLICA] = 11, [SP_GROUP_ESHARD] = 12, [SP_GROUP_EREPLICA] = 13};
    static const sp_comm_group shown[SP_GROUPS] = {SP_GROUP_TP, SP_GROUP_CP, SP_GROUP_ETP, SP_GROUP_EP, SP_GROUP_EDP, SP_GROUP_ESHARD, SP_GROUP_EREPLICA, SP_GROUP_DP,
                                                    SP_GROUP_SHARD, SP_GROUP_REPLICA, SP_GROUP_PP};
    const sp_layout *layout = &s->report->layout;
    char name[8];
    sp_i_out_text(out, "<h2>Where the groups lie</h2>\n<p>Each row shows over which tiers the chips of one group are spread: the "
                       "left end are neighbours, the right end the whole machine. Numbers count chips along that tier.</p>\n");
    tier_row(out, s->machine);
    for (int i = 0; i < SP_GROUPS; i++) {
        sp_comm_group g = shown[i];
        upper(sp_comm_group_name(g), name);
        if (layout->group[g].n_dims)
            group_row(out, s->machine, &layout->group[g], name, color[g]);
    }
    sp_i_out_text(out, "<ul class=\"small\">\n");
    for (int i = 0; i < SP_GROUPS; i++)
        if (layout->group[shown[i]].n_dims) {
            sp_comm_group g = shown[i];
            upper(sp_comm_group_name(g), name);
            sp_i_out_printf(out, "<li><b>%s</b>: %s</li>\n", name, group_use[g]);
        }
    sp_i_out_text(out, "</ul>\n");
    tier_table(out, s->machine, layout);
}
