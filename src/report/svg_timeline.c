/* Rows of a pipeline diagram: a lane of compute slots and thin lanes of communication under it. */
#include "report_private.h"

#include <math.h>
#include <string.h>

#define COMPUTE_PX 18u
#define LANE_PX 5u        /* 4 drawn, 1 between */
#define BINS 240u

static uint32_t height_of(const sp_i_view *view)
{
    return COMPUTE_PX + (view->n_lanes - 1) * LANE_PX;
}

static uint32_t lane_y(uint32_t lane)
{
    return lane == 0 ? 0 : COMPUTE_PX + (lane - 1) * LANE_PX + 1;
}

static uint32_t lane_height(uint32_t lane)
{
    return lane == 0 ? COMPUTE_PX : LANE_PX - 1;
}

static void aria(sp_i_out *out, const sp_i_view *view, uint32_t stage)
{
    sp_i_out_printf(out, "<svg class=\"tl\" width=\"100%%\" height=\"%u\" role=\"img\" aria-label=\"Slots of stage %u\"",
                    height_of(view), stage);
}

/* ---- slots one by one ----------------------------------------------------------------------------------------------- */

static void slot_title(sp_i_out *out, const sp_i_view *view, const sp_i_slot *slot)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER];
    sp_i_out_text(out, "<title>");
    sp_i_html(out, view->program->classes[slot->task_class].label);
    if (slot->numbered)
        sp_i_out_printf(out, " %u", slot->micro_batch);
    if (slot->numbered && view->both_ends && slot->chunk)
        sp_i_out_text(out, " from the last stage");
    else if (slot->numbered && view->chunks > 1)
        sp_i_out_printf(out, " chunk %u", slot->chunk);
    sp_i_out_printf(out, ": %s at %s</title>", sp_i_quantity((double)(slot->end_ps - slot->start_ps) * 1e-12, SP_UNIT_SECONDS, a),
                    sp_i_quantity((double)slot->start_ps * 1e-12, SP_UNIT_SECONDS, b));
}

static void slot_number(sp_i_out *out, uint32_t color, bool odd, double x, double width, double width_px, uint32_t micro_batch)
{
    char text[16];
    char on[16] = "odd";
    int n = snprintf(text, sizeof text, "%u", micro_batch);
    if (!odd)
        snprintf(on, sizeof on, "on%u", color);
    /* 5.3 px a digit of the 9 px font, 2 px to spare */
    if (width / 100 * width_px >= 5.3 * n + 2)
        sp_i_out_printf(out, "<text class=\"%s m\" x=\"%.3f%%\" y=\"12.5\">%s</text>", on, x + width / 2, text);
}

static void draw_slot(sp_i_out *out, const sp_i_view *view, const sp_i_slot *slot, int64_t from_ps, int64_t to_ps, double width_px)
{
    uint32_t lane = view->lane[slot->stream], color = view->color[slot->task_class];
    double start = (double)((slot->start_ps > from_ps ? slot->start_ps : from_ps) - from_ps);
    double end = (double)((slot->end_ps < to_ps ? slot->end_ps : to_ps) - from_ps), full = (double)(to_ps - from_ps);
    double x = 100 * start / full, width = 100 * (end - start) / full;
    bool odd = slot->numbered && slot->chunk % 2 == 1 && lane == 0;
    sp_i_out_printf(out, "<rect class=\"k%u%s\" x=\"%.3f%%\" y=\"%u\" width=\"%.3f%%\" height=\"%u\"", color, odd ? " odd" : "", x,
                    lane_y(lane), width, lane_height(lane));
    if (lane != 0) {
        sp_i_out_text(out, "/>");
        return;
    }
    sp_i_out_text(out, ">");
    slot_title(out, view, slot);
    sp_i_out_text(out, "</rect>");
    if (slot->numbered)
        slot_number(out, color, odd, x, width, width_px, slot->micro_batch);
}

void sp_i_svg_slots(sp_i_out *out, const sp_i_view *view, uint32_t stage, int64_t from_ps, int64_t to_ps, double width_px)
{
    aria(out, view, stage);
    sp_i_out_text(out, ">");
    for (uint32_t i = 0; i < sp_i_slots_of(view->slots, stage); i++) {
        const sp_i_slot *slot = sp_i_slots_at(view->slots, stage, i);
        if (slot->end_ps > from_ps && slot->start_ps < to_ps)
            draw_slot(out, view, slot, from_ps, to_ps, width_px);
    }
    sp_i_out_text(out, "</svg>");
}

/* ---- the whole step ---------------------------------------------------------------------------------------------------- */

typedef struct bins { float share[SP_I_COLORS][BINS]; uint32_t slots; } bins;   /* of one lane; share of a bin's time */

static void fill_bins(const sp_i_view *view, uint32_t stage, uint32_t lane, bins *b)
{
    memset(b, 0, sizeof *b);
    double bin_ps = (double)view->slots->end_ps / BINS;
    for (uint32_t i = 0; i < sp_i_slots_of(view->slots, stage); i++) {
        const sp_i_slot *slot = sp_i_slots_at(view->slots, stage, i);
        if (view->lane[slot->stream] != lane)
            continue;
        b->slots++;
        double start = (double)slot->start_ps / bin_ps, end = (double)slot->end_ps / bin_ps;
        for (uint32_t k = (uint32_t)start; k < BINS && (double)k < end; k++)
            b->share[view->color[slot->task_class]][k] += (float)(fmin(end, k + 1.0) - fmax(start, k));
    }
}

/* Boxes of one colour in one lane, in units of 1/100 of a bin by 1 px. */
static void bins_path(sp_i_out *out, const bins *b, uint32_t color, uint32_t lane)
{
    double height = lane_height(lane), bottom = lane_y(lane) + height;
    for (uint32_t k = 0; k < BINS; k++) {
        double share = b->share[color][k], below = 0;
        if (share < 0.01)
            continue;
        for (uint32_t c = 0; c < color; c++)
            below += b->share[c][k];
        share = fmin(share, 1 - fmin(1, below));   /* streams that share a lane may fill it more than once */
        sp_i_out_printf(out, "M%u %.1fh100v%.1fh-100z", k * 100, bottom - height * (below + share), height * share);
    }
}

static void exact_path(sp_i_out *out, const sp_i_view *view, uint32_t stage, uint32_t color, uint32_t lane)
{
    double scale = BINS * 100.0 / (double)view->slots->end_ps;
    for (uint32_t i = 0; i < sp_i_slots_of(view->slots, stage); i++) {
        const sp_i_slot *slot = sp_i_slots_at(view->slots, stage, i);
        if (view->lane[slot->stream] != lane || view->color[slot->task_class] != color)
            continue;
        double x = (double)slot->start_ps * scale, width = (double)(slot->end_ps - slot->start_ps) * scale;
        if (width >= 0.1)
            sp_i_out_printf(out, "M%.1f %uh%.1fv%uh-%.1fz", x, lane_y(lane), width, lane_height(lane), width);
    }
}

void sp_i_svg_overview(sp_i_out *out, const sp_i_view *view, uint32_t stage)
{
    aria(out, view, stage);
    sp_i_out_printf(out, " viewBox=\"0 0 %u %u\" preserveAspectRatio=\"none\">", BINS * 100, height_of(view));
    for (uint32_t lane = 0; lane < view->n_lanes; lane++) {
        bins b;
        fill_bins(view, stage, lane, &b);
        for (uint32_t color = 0; color < SP_I_COLORS; color++) {
            float most = 0;
            for (uint32_t k = 0; k < BINS; k++)
                most = fmaxf(most, b.share[color][k]);
            if (most <= 0)
                continue;
            sp_i_out_printf(out, "<path class=\"k%u\" d=\"", color);
            if (b.slots <= SP_I_EXACT_SLOTS)
                exact_path(out, view, stage, color, lane);
            else
                bins_path(out, &b, color, lane);
            sp_i_out_text(out, "\"/>");
        }
    }
    sp_i_out_text(out, "</svg>");
}

/* ---- axis -------------------------------------------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, giving 4 to 9 ticks. */
static double nice_step(double range)
{
    double power = pow(10, floor(log10(range / 4)));
    double digit = range / 4 / power;
    return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
}

static void tick(sp_i_out *out, double x, double time_s, bool from_end)
{
    char a[SP_I_NUMBER];
    const char *anchor = x < 3 ? " s" : x > 97 ? " e" : "";
    sp_i_out_printf(out, "<line class=\"axis\" x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"0\" y2=\"5\"/><text class=\"t%s\" x=\"%.3f%%\" y=\"17\">%s%s</text>",
                    x, x, anchor, x, from_end && time_s > 0 ? "-" : "",
                    from_end && time_s <= 0 ? "end" : sp_i_quantity(time_s, SP_UNIT_SECONDS, a));
}

void sp_i_svg_axis(sp_i_out *out, int64_t from_ps, int64_t to_ps, bool from_end)
{
    double range = (double)(to_ps - from_ps) * 1e-12;
    sp_i_out_text(out, "<svg width=\"100%\" height=\"22\" aria-hidden=\"true\">");
    if (range > 0) {
        double step = nice_step(range);
        for (uint32_t i = 0; i * step <= range * (1 + 1e-9) && i < 16; i++)
            tick(out, from_end ? 100 - 100 * i * step / range : 100 * i * step / range,
                 from_end ? i * step : i * step + (double)from_ps * 1e-12, from_end);
    }
    sp_i_out_text(out, "</svg>");
}
