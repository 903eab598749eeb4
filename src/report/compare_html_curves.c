/* Curves of a comparison as SVG on logarithmic axes. Places along x are percentages and those along y are pixels, so that
 * a chart stretches with the page while text and lines keep their size. */
#include "compare_html_i.h"

#include <math.h>

#define HEIGHT_PX 330.0
#define TOP_PX 26.0     /* the name of y above it */
#define BOTTOM_PX 286.0
#define LEFT 11.0       /* % of the width, for the labels of y */
#define RIGHT 98.0

typedef struct frame { double x0, x1, y0, y1; } frame;   /* ends of both axes, as logarithms to base 10 */

static double at_x(const frame *f, double x) { return LEFT + (RIGHT - LEFT) * (log10(x) - f->x0) / (f->x1 - f->x0); }
static double at_y(const frame *f, double y) { return BOTTOM_PX - (BOTTOM_PX - TOP_PX) * (log10(y) - f->y0) / (f->y1 - f->y0); }

static bool frame_of(const sp_comparison *r, sp_compare_axis axis, frame *f)
{
    *f = (frame){INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (uint32_t c = 0; c < r->n_curves; c++)
        for (uint32_t i = 0; r->curve[c].axis == axis && i < r->curve[c].n; i++) {
            double x = log10(r->curve[c].point[i].x), y = log10(r->curve[c].point[i].tokens_per_s);
            *f = (frame){fmin(f->x0, x), fmax(f->x1, x), fmin(f->y0, y), fmax(f->y1, y)};
        }
    /* air above and below, a third of a decade at least, so that a flat curve looks flat */
    double middle = (f->y0 + f->y1) / 2, half = fmax((f->y1 - f->y0) / 2 * 1.08, 0.17);
    f->y0 = middle - half;
    f->y1 = middle + half;
    return f->x1 > f->x0;
}

static void line(sp_i_out *out, const char *class, double x1, double y1, double x2, double y2)
{
    sp_i_out_printf(out, "<line class=\"%s\" x1=\"%.3f%%\" y1=\"%.1f\" x2=\"%.3f%%\" y2=\"%.1f\"/>", class, x1, y1, x2, y2);
}

static void y_axis(sp_i_out *out, const frame *f)
{
    static const double steps[] = {1, 2, 5};
    bool few = f->y1 - f->y0 < 2;
    for (int d = (int)floor(f->y0); d <= (int)ceil(f->y1); d++)
        for (int s = 0; s < (few ? 3 : 1); s++) {
            double value = steps[s] * pow(10, d);
            char text[SP_I_NUMBER];
            if (log10(value) < f->y0 || log10(value) > f->y1)
                continue;
            line(out, "axis", LEFT, at_y(f, value), RIGHT, at_y(f, value));
            sp_i_out_printf(out, "<text class=\"t e\" x=\"%.1f%%\" y=\"%.1f\">%s</text>", LEFT - 0.8, at_y(f, value) + 4, sp_i_quantity(value, SP_UNIT_COUNT, text));
        }
}

static void x_axis(sp_i_out *out, const frame *f, sp_compare_axis axis)
{
    double step = axis == SP_CURVE_CHIPS ? 8 : 2;
    for (double value = pow(10, f->x0); log10(value) <= f->x1 + 1e-9; value *= step) {
        char text[SP_I_NUMBER];
        line(out, "axis", at_x(f, value), TOP_PX, at_x(f, value), BOTTOM_PX);
        if (axis == SP_CURVE_CHIPS)
            sp_i_quantity(value, SP_UNIT_COUNT, text);
        else
            snprintf(text, sizeof text, value < 0.99 ? "1/%.0f" : "%.0f&times;", value < 0.99 ? 1 / value : value);
        sp_i_out_printf(out, "<text class=\"t\" x=\"%.3f%%\" y=\"%.1f\">%s</text>", at_x(f, value), BOTTOM_PX + 16, text);
    }
}

/* Names and units inside the picture, so that it says what it shows where it is copied or printed alone. */
static void names(sp_i_out *out, sp_compare_axis axis)
{
    static const char *const x[SP_CURVES] = {"chips", "speed of all links, times the machine&rsquo;s own", "FLOPS of a chip, times its own",
                                             "how often parts fail, times the given rates"};
    sp_i_out_printf(out, "<text class=\"t\" x=\"%.1f%%\" y=\"%.1f\">%s</text>", (LEFT + RIGHT) / 2, BOTTOM_PX + 36, x[axis]);
    sp_i_out_printf(out, "<text class=\"t\" style=\"text-anchor:start\" x=\"0\" y=\"12\">%s</text>", axis == SP_CURVE_FAILURES ? "useful tokens/s" : "tokens/s");
}

static void curve(sp_i_out *out, const frame *f, const sp_compare_curve *c)
{
    uint32_t color = c->entry % SP_I_COLOR_IDLE;
    for (uint32_t i = 1; i < c->n; i++)
        sp_i_out_printf(out, "<line style=\"stroke:var(--c%u);stroke-width:2px\" x1=\"%.3f%%\" y1=\"%.1f\" x2=\"%.3f%%\" y2=\"%.1f\"/>", color, at_x(f, c->point[i - 1].x),
                        at_y(f, c->point[i - 1].tokens_per_s), at_x(f, c->point[i].x), at_y(f, c->point[i].tokens_per_s));
    for (uint32_t i = 0; i < c->n; i++) {
        char text[SP_I_NUMBER];
        sp_i_out_printf(out, "<circle class=\"k%u\" cx=\"%.3f%%\" cy=\"%.1f\" r=\"3\"><title>%s tokens/s, MFU %.1f %%</title></circle>", color, at_x(f, c->point[i].x),
                        at_y(f, c->point[i].tokens_per_s), sp_i_quantity(c->point[i].tokens_per_s, SP_UNIT_COUNT, text), 100 * c->point[i].mfu);
    }
}

void sp_i_compare_curves(sp_i_out *out, const sp_comparison *r)
{
    static const char *const title[SP_CURVES] = {"Tokens/s over chips of the kind", "Tokens/s over the speed of all links", "Tokens/s over the FLOPS of a chip",
                                                    "Useful tokens/s over how often parts fail"};
    for (int axis = 0; axis < SP_CURVES; axis++) {
        frame f;
        if (!r->n_curves || !frame_of(r, (sp_compare_axis)axis, &f))
            continue;
        sp_i_out_printf(out, "%s<div class=\"chart\"><h3>%s</h3>\n<svg width=\"100%%\" height=\"%.0f\" role=\"img\" aria-label=\"%s\">", axis ? "" : "<h2>Curves</h2>\n",
                        title[axis], HEIGHT_PX, title[axis]);
        y_axis(out, &f);
        x_axis(out, &f, (sp_compare_axis)axis);
        names(out, (sp_compare_axis)axis);
        for (uint32_t c = 0; c < r->n_curves; c++)
            if (r->curve[c].axis == (sp_compare_axis)axis)
                curve(out, &f, &r->curve[c]);
        sp_i_out_text(out, "</svg>\n<p class=\"legend\">");
        for (uint32_t i = 0; i < r->n; i++) {
            sp_i_out_text(out, "<span>");
            sp_i_compare_name(out, r, i);
            sp_i_out_text(out, "</span> ");
        }
        sp_i_out_text(out, "</p></div>\n");
    }
}
