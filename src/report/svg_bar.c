/* Stacked bars as SVG whose lengths are percentages: they stretch with the page while their text keeps its size. */
#include "report_private.h"

#include <string.h>

bool sp_i_svg_fits(double width_percent, uint32_t narrowest_px, size_t characters)
{
    /* 6.6 px a character: the widest of the fonts in the style (DejaVu Sans) at 11 px, plus 6 px of air */
    return width_percent / 100 * narrowest_px >= 6.6 * (double)characters + 6;
}

static void label(sp_i_out *out, const sp_i_bar *bar, const sp_i_segment *segment, double x, double width)
{
    char share[SP_I_NUMBER];
    sp_i_percent(segment->value / bar->share_of, share);
    size_t alone = strlen(share), both = strlen(segment->label) + 1 + alone;
    if (!sp_i_svg_fits(width, bar->narrowest_px, alone))
        return;
    sp_i_out_printf(out, "<text class=\"on%u\" x=\"%.3f%%\" y=\"%u\">", segment->color, x + width / 2, bar->height_px / 2 + 4);
    if (sp_i_svg_fits(width, bar->narrowest_px, both)) {
        sp_i_html(out, segment->label);
        sp_i_out_text(out, " ");
    }
    sp_i_out_printf(out, "%s</text>", share);
}

static void box(sp_i_out *out, const sp_i_bar *bar, const sp_i_segment *segment, double x, double width)
{
    char share[SP_I_NUMBER];
    sp_i_out_printf(out, "<rect class=\"k%u\" x=\"%.3f%%\" y=\"1\" width=\"%.3f%%\" height=\"%u\"><title>", segment->color, x, width,
                    bar->height_px - 2);
    sp_i_html(out, segment->label);
    sp_i_out_printf(out, " %s</title></rect>", sp_i_percent(segment->value / bar->share_of, share));
}

void sp_i_svg_bar(sp_i_out *out, const sp_i_bar *bar, const sp_i_segment *segment, uint32_t n)
{
    sp_i_out_printf(out, "<svg class=\"bar\" width=\"100%%\" height=\"%u\" role=\"img\" aria-label=\"", bar->height_px);
    sp_i_html(out, bar->name);
    sp_i_out_text(out, "\">");
    double at = 0;
    for (uint32_t i = 0; i < n && bar->full > 0 && bar->share_of > 0; i++) {
        double x = 100 * at / bar->full, width = 100 * segment[i].value / bar->full;
        at += segment[i].value;
        if (!(width > 0))
            continue;
        box(out, bar, &segment[i], x, width);
        label(out, bar, &segment[i], x, width);
    }
    if (bar->mark > 0 && bar->full > 0)
        sp_i_out_printf(out, "<line class=\"mark\" x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"0\" y2=\"%u\"/>", 100 * bar->mark / bar->full,
                        100 * bar->mark / bar->full, bar->height_px);
    sp_i_out_text(out, "</svg>");
}

void sp_i_svg_legend(sp_i_out *out, const sp_i_palette *palette)
{
    sp_i_out_text(out, "<p class=\"legend\">");
    for (uint32_t i = 0; i < palette->n; i++) {
        sp_i_out_printf(out, "<span><i class=\"k%u\"></i>", palette->order[i]);
        sp_i_html(out, palette->label[palette->order[i]]);
        sp_i_out_text(out, "</span> ");
    }
    sp_i_out_text(out, "</p>\n");
}
