/* Stacked bars as SVG whose lengths are percentages: they stretch with the page while their text keeps its size. */
#include "report_private.h"

void sp_i_svg_bar(sp_i_out *out, const char *name, const sp_i_segment *segment, uint32_t n, double full, double share_of,
                  double mark, uint32_t height_px)
{
    char share[SP_I_NUMBER];
    sp_i_out_printf(out, "<svg class=\"bar\" width=\"100%%\" height=\"%u\" role=\"img\" aria-label=\"", height_px);
    sp_i_html(out, name);
    sp_i_out_text(out, "\">");
    double at = 0;
    for (uint32_t i = 0; i < n && full > 0; i++) {
        double x = 100 * at / full, width = 100 * segment[i].value / full;
        at += segment[i].value;
        if (!(width > 0))
            continue;
        sp_i_out_printf(out, "<rect class=\"k%u\" x=\"%.3f%%\" y=\"0\" width=\"%.3f%%\" height=\"%u\"><title>", segment[i].color,
                        x, width, height_px);
        sp_i_html(out, segment[i].label);
        if (share_of > 0)
            sp_i_out_printf(out, " %s", sp_i_percent(segment[i].value / share_of, share));
        sp_i_out_text(out, "</title></rect>");
        /* 13 %: "12.3 %" in 11 px needs 38 px, and the narrowest bar (a phone's) has 300 px */
        if (share_of > 0 && width >= 13 && height_px >= 14)
            sp_i_out_printf(out, "<text class=\"on%u\" x=\"%.3f%%\" y=\"%u\">%s</text>", segment[i].color, x + width / 2,
                            height_px / 2 + 4, sp_i_percent(segment[i].value / share_of, share));
    }
    if (mark > 0 && full > 0)
        sp_i_out_printf(out, "<line class=\"mark\" x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"0\" y2=\"%u\"/>", 100 * mark / full,
                        100 * mark / full, height_px);
    sp_i_out_text(out, "</svg>");
}

void sp_i_svg_legend(sp_i_out *out, const sp_i_palette *palette)
{
    sp_i_out_text(out, "<p class=\"legend\">");
    for (uint32_t c = 0; c < SP_I_COLORS; c++)
        if (palette->label[c]) {
            sp_i_out_printf(out, "<span><i class=\"k%u\"></i>", c);
            sp_i_html(out, palette->label[c]);
            sp_i_out_text(out, "</span> ");
        }
    sp_i_out_text(out, "</p>\n");
}
