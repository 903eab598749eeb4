/* Where the chip-time of runs went, over time: steps of equal spans, stacked, mean of the runs. Above all of it, below what is neither useful
 * nor idle, on a scale of its own, since it is a few percent. */
#include "report_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 960.0
#define LEFT 64.0
#define RIGHT 650.0
#define SECONDS_A_DAY 86400.0

/* Bottom to top. Blues are work, greys are nobody's, warm colours are losses; neighbours differ in lightness, so that they are told apart
 * without their hue. */
static const struct { sp_loss loss; const char *words, *color; bool zoomed; } layers[SP_LOSSES] = {
    {SP_LOSS_USEFUL, "useful", "#2f6fb0", false},
    {SP_LOSS_SLOWDOWN, "slower than the ideal placement", "#9cc5ea", true},
    {SP_LOSS_STRAGGLER, "waiting for slow parts", "#4f9d8e", true},
    {SP_LOSS_RECOMPUTED, "computed again after failures", "#b5301f", true},
    {SP_LOSS_CHECKPOINT, "stopped for checkpoints", "#f2b134", true},
    {SP_LOSS_DETECT, "until failures are noticed", "#7a2e73", true},
    {SP_LOSS_RESTART, "restarting", "#ef7f45", true},
    {SP_LOSS_DOWN, "broken, until repaired", "#5c4033", true},
    {SP_LOSS_SPARE, "spares standing by", "#cbb79f", true},
    {SP_LOSS_IDLE_FRAGMENTED, "free, but nothing that waits fits", "#8d97a3", false},
    {SP_LOSS_IDLE_POWER_CAP, "free, but without power", "#6b7280", false},
    {SP_LOSS_IDLE_NO_DEMAND, "free, nothing waits", "#d9dde2", false},
};

typedef struct panel { double top, bottom, most; bool zoomed; const char *title; } panel;

static double at_x(const sp_report_operation *o, uint32_t span) { return LEFT + (RIGHT - LEFT) * span / o->n_spans; }
static double at_y(const panel *p, double share) { return p->bottom - (p->bottom - p->top) * share / p->most; }

/* share[span * SP_LOSSES + loss] of the chip-time of the span, mean of the runs. */
static double *mean_shares(const sp_report_operation *o)
{
    double *share = calloc((size_t)o->n_spans * SP_LOSSES, sizeof *share);
    for (uint32_t k = 0; share && k < o->n_spans; k++) {
        double whole = 0;
        for (uint32_t i = 0; i < o->n; i++)
            for (int l = 0; l < SP_LOSSES; l++) {
                double spent = o->spent_s[(size_t)i * o->n_spans + k][l];
                share[k * SP_LOSSES + (uint32_t)l] += spent;
                whole += spent;
            }
        for (int l = 0; l < SP_LOSSES; l++) share[k * SP_LOSSES + (uint32_t)l] /= whole > 0 ? whole : 1;
    }
    return share;
}

/* Height of the stack up to and with layer `upto`. */
static double stacked(const double *share, uint32_t span, const panel *p, int upto)
{
    double sum = 0;
    for (int i = 0; i <= upto; i++)
        if (!p->zoomed || layers[i].zoomed) sum += share[span * SP_LOSSES + (uint32_t)layers[i].loss];
    return sum;
}

static void layer(sp_i_out *out, const sp_report_operation *o, const double *share, const panel *p, int i)
{
    sp_i_out_printf(out, "<path fill=\"%s\" d=\"M%.1f %.2f", layers[i].color, LEFT, at_y(p, 0));
    for (uint32_t k = 0; k < o->n_spans; k++) {
        double y = at_y(p, stacked(share, k, p, i));
        sp_i_out_printf(out, "V%.2fH%.2f", y, at_x(o, k + 1));
    }
    for (uint32_t k = o->n_spans; k-- > 0;) sp_i_out_printf(out, "V%.2fH%.2f", at_y(p, stacked(share, k, p, i - 1)), at_x(o, k));
    sp_i_out_text(out, "Z\"/>\n");
}

/* 1, 2 or 5 times a power of ten, so that at most `most` steps fit. */
static double round_step(double range, double most)
{
    double ten = pow(10, floor(log10(range / most)));
    for (int i = 0; i < 3; i++) {
        double step = ten * (i == 0 ? 1 : i == 1 ? 2 : 5);
        if (range / step <= most) return step;
    }
    return 10 * ten;
}

static void y_axis(sp_i_out *out, const panel *p)
{
    double step = round_step(100 * p->most, 5);
    for (double percent = 0; percent <= 100 * p->most * (1 + 1e-9); percent += step) {
        double y = at_y(p, percent / 100);
        sp_i_out_printf(out, "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"e\" x=\"%.0f\" y=\"%.1f\">%g %%</text>\n", LEFT, RIGHT, y, y,
                        LEFT - 8, y + 4, percent);
    }
    sp_i_out_printf(out, "<text class=\"h\" x=\"%.0f\" y=\"%.1f\">%s</text>\n", LEFT, p->top - 10, p->title);
}

/* Days up to two years, then years; hours below two days. */
static void x_axis(sp_i_out *out, const sp_report_operation *o, const panel *p)
{
    double unit = o->horizon_s >= 2 * SP_YEAR_S ? SP_YEAR_S : o->horizon_s >= 2 * SECONDS_A_DAY ? SECONDS_A_DAY : 3600;
    const char *name = unit == SP_YEAR_S ? "years" : unit == SECONDS_A_DAY ? "days" : "hours";
    double range = o->horizon_s / unit, step = round_step(range, 8);
    for (double t = 0; t <= range * (1 + 1e-9); t += step) {
        double x = LEFT + (RIGHT - LEFT) * t / range;
        sp_i_out_printf(out, "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/><text class=\"m\" x=\"%.1f\" y=\"%.0f\">%g</text>\n", x, x, p->bottom, p->bottom + 5, x,
                        p->bottom + 18, t);
    }
    sp_i_out_printf(out, "<text class=\"m\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", (LEFT + RIGHT) / 2, p->bottom + 36, name);
}

static void draw(sp_i_out *out, const sp_report_operation *o, const double *share, const panel *p)
{
    for (int i = 0; i < SP_LOSSES; i++)
        if (!p->zoomed || layers[i].zoomed) layer(out, o, share, p, i);
    y_axis(out, p);
    x_axis(out, o, p);
}

static double overall(const sp_report_operation *o, sp_loss loss)
{
    double sum = 0;
    for (uint32_t i = 0; i < o->n; i++) sum += o->run[i].share[loss];
    return sum / o->n;
}

static void legend(sp_i_out *out, const sp_report_operation *o, double top)
{
    for (int i = SP_LOSSES - 1, row = 0; i >= 0; i--, row++) {
        double y = top + 22 * row;
        sp_i_out_printf(out, "<rect x=\"%.0f\" y=\"%.0f\" width=\"13\" height=\"13\" fill=\"%s\"/><text x=\"%.0f\" y=\"%.0f\"><tspan class=\"n\">%.2f %%</tspan> %s</text>\n", RIGHT + 18,
                        y - 11, layers[i].color, RIGHT + 37, y, 100 * overall(o, layers[i].loss), layers[i].words);
    }
}

static void heading(sp_i_out *out, const sp_report_operation *o)
{
    char time[SP_I_NUMBER];
    sp_i_out_text(out, "<text class=\"title\" x=\"16\" y=\"30\">");
    sp_i_html(out, o->machine->title ? o->machine->title : o->machine->name);
    sp_i_out_printf(out, ": goodput %.2f %%</text>\n<text class=\"sub\" x=\"16\" y=\"50\">", 100 * overall(o, SP_LOSS_USEFUL));
    sp_i_out_printf(out, "%s, mean of %u run%s, jobs ", sp_i_quantity(o->horizon_s, SP_UNIT_SECONDS, time), o->n, o->n == 1 ? "" : "s");
    sp_i_html(out, o->jobs);
    sp_i_out_text(out, "</text>\n");
}

static double most_zoomed(const sp_report_operation *o, const double *share, const panel *p)
{
    double most = 0;
    for (uint32_t k = 0; k < o->n_spans; k++) most = fmax(most, stacked(share, k, p, SP_LOSSES - 1));
    return most > 0 ? fmin(1, 1.05 * most) : 0.01;
}

sp_status sp_report_operate_svg(const char *path, const sp_report_operation *o, sp_error *err)
{
    double *share = mean_shares(o);
    sp_i_out out;
    if (!share) return sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory");
    panel all = {.top = 96, .bottom = 320, .most = 1, .title = "share of the installed chips' time"};
    panel losses = {.top = 396, .bottom = 556, .most = 1, .zoomed = true, .title = "neither useful nor free"};
    losses.most = most_zoomed(o, share, &losses);
    sp_status status = sp_i_out_open(&out, path, err);
    if (status == SP_OK) {
        sp_i_out_printf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f 604\" width=\"%.0f\" height=\"604\" role=\"img\">\n"
                              "<style>text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#222}.title{font-size:19px;font-weight:600}.sub{fill:#555}.h{font-weight:600}"
                              ".e{text-anchor:end}.m{text-anchor:middle}.n{font-weight:600}.grid{stroke:#000;stroke-opacity:.12}.tick{stroke:#555}</style>\n"
                              "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                        WIDTH, WIDTH);
        heading(&out, o);
        draw(&out, o, share, &all);
        draw(&out, o, share, &losses);
        legend(&out, o, all.top + 12);
        sp_i_out_text(&out, "</svg>\n");
        status = sp_i_out_close(&out, SP_OK, err);
    }
    free(share);
    return status;
}
