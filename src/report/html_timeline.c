/* The step as a pipeline diagram: the whole of it, and where slots are many, its beginning and its end at a size that can
 * be read, with a table that says how often each kind of slot ran and how long it took. */
#include "report_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STAGES_DRAWN 24u   /* in the overview */
#define STAGES_ZOOMED 16u  /* in a window     */
#define SLOTS_ZOOMED 24u   /* of a stage in a window */
#define SLOTS_WHOLE 44u    /* a step of no more slots a stage is drawn in one window */
#define SLOT_PX 9.0        /* what the median slot of a window should get for one digit */
#define DIGIT_PX 5.3       /* and for each further one */

/* ---- what is drawn ------------------------------------------------------------------------------------------------------ */

static sp_status make_view(sp_i_view *view, const sp_i_subject *s, const sp_i_slots *slots, sp_error *err)
{
    const sp_train_report *r = s->report;
    *view = (sp_i_view){.program = r->program, .slots = slots, .n_lanes = 1, .chunks = s->plan->vpp,
                        .schedule = s->plan->schedule, .both_ends = s->plan->schedule == SP_SCHEDULE_DUALPIPE};
    for (uint32_t i = 0; i < slots->n; i++)
        if (slots->slot[i].numbered && slots->slot[i].micro_batch >= view->micro_batches)
            view->micro_batches = slots->slot[i].micro_batch + 1;
    view->color = calloc((size_t)r->program->n_classes + 1, 1);
    if (!view->color)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the colours of %u task classes", r->program->n_classes);
    for (uint32_t c = 0; c < r->program->n_classes; c++) {
        const sp_task_class *task = &r->program->classes[c];
        view->color[c] = (uint8_t)sp_i_palette_color(&view->palette, task->label);
        if (task->stream != SP_STREAM_COMPUTE && view->lane[task->stream] == 0) {
            view->lane[task->stream] = (uint8_t)(view->n_lanes < SP_I_LANES ? view->n_lanes : SP_I_LANES - 1);
            view->n_lanes += view->n_lanes < SP_I_LANES;
        }
    }
    return SP_OK;
}

static uint32_t most_slots(const sp_i_view *view)
{
    uint32_t most = 0;
    for (uint32_t s = 0; s < view->slots->n_stages; s++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < sp_i_slots_of(view->slots, s); i++)
            n += sp_i_slots_at(view->slots, s, i)->stream == SP_STREAM_COMPUTE;
        most = n > most ? n : most;
    }
    return most;
}

/* Stages of a diagram: of those with slots in it as many from either end as it has rows for. */
typedef struct rows { uint32_t first, end, room; } rows;

static rows rows_in(const sp_i_view *view, int64_t from_ps, int64_t to_ps, uint32_t room)
{
    rows r = {.first = UINT32_MAX, .room = room};
    for (uint32_t s = 0; s < view->slots->n_stages; s++)
        for (uint32_t i = 0; i < sp_i_slots_of(view->slots, s); i++) {
            const sp_i_slot *slot = sp_i_slots_at(view->slots, s, i);
            if (slot->stream != SP_STREAM_COMPUTE || slot->end_ps <= from_ps || slot->start_ps >= to_ps)
                continue;
            r.first = r.first == UINT32_MAX ? s : r.first;
            r.end = s + 1;
            break;
        }
    return r;
}

static bool is_shown(const rows *r, uint32_t stage)
{
    if (stage < r->first || stage >= r->end)
        return false;
    return r->end - r->first <= r->room || stage < r->first + r->room / 2 || stage >= r->end - r->room / 2;
}

/* One line for a run of stages that are not drawn; `stage` is the first of them. Returns the last. */
static uint32_t gap_row(sp_i_out *out, const sp_i_view *view, const rows *r, uint32_t stage)
{
    uint32_t last = stage;
    while (last + 1 < view->slots->n_stages && !is_shown(r, last + 1))
        last++;
    bool idle = stage >= r->end || last < r->first;
    const char *why = idle ? ": no slots in this window" : " not drawn";
    if (stage == last)
        sp_i_out_printf(out, "<div class=\"row two dim\"><span>...</span><span>stage %u%s</span></div>\n", stage, why);
    else
        sp_i_out_printf(out, "<div class=\"row two dim\"><span>...</span><span>stages %u to %u%s</span></div>\n", stage, last, why);
    return last;
}

/* ---- windows ------------------------------------------------------------------------------------------------------------- */

/* The first window ends (the last begins) where the first (last) stage has had SLOTS_ZOOMED slots. */
static int64_t first_end(const sp_i_view *view)
{
    int64_t end = view->slots->end_ps;
    for (uint32_t s = 0; s < view->slots->n_stages; s++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < sp_i_slots_of(view->slots, s) && n < SLOTS_ZOOMED; i++) {
            const sp_i_slot *slot = sp_i_slots_at(view->slots, s, i);
            n += slot->stream == SP_STREAM_COMPUTE;
            if (n == SLOTS_ZOOMED && slot->end_ps < end)
                end = slot->end_ps;
        }
    }
    return end;
}

static int64_t last_start(const sp_i_view *view)
{
    int64_t start = 0;
    for (uint32_t s = 0; s < view->slots->n_stages; s++) {
        uint32_t n = 0;
        for (uint32_t i = sp_i_slots_of(view->slots, s); i > 0 && n < SLOTS_ZOOMED; i--) {
            const sp_i_slot *slot = sp_i_slots_at(view->slots, s, i - 1);
            n += slot->stream == SP_STREAM_COMPUTE;
            if (n == SLOTS_ZOOMED && slot->start_ps > start)
                start = slot->start_ps;
        }
    }
    return start;
}

static int compare_ps(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Pixels that give the median slot of the first stage room for its number. */
static double window_px(const sp_i_view *view, int64_t from_ps, int64_t to_ps)
{
    int64_t length[SLOTS_WHOLE];
    uint32_t n = 0;
    for (uint32_t i = 0; i < sp_i_slots_of(view->slots, 0) && n < SLOTS_WHOLE; i++) {
        const sp_i_slot *slot = sp_i_slots_at(view->slots, 0, i);
        if (slot->stream == SP_STREAM_COMPUTE && slot->end_ps > from_ps && slot->start_ps < to_ps)
            length[n++] = slot->end_ps - slot->start_ps;
    }
    qsort(length, n, sizeof *length, compare_ps);
    double median = n ? (double)length[n / 2] : 0;
    double slot_px = SLOT_PX + DIGIT_PX * (view->micro_batches > 1 ? floor(log10(view->micro_batches - 1)) : 0);
    double px = median > 0 ? (double)(to_ps - from_ps) / median * slot_px : 640;
    return px < 560 ? 560 : px > 960 ? 960 : px;
}

static void draw_window(sp_i_out *out, const sp_i_view *view, int64_t from_ps, int64_t to_ps, bool from_end)
{
    double px = window_px(view, from_ps, to_ps);
    sp_i_out_printf(out, "<div class=\"scroll chart\"><div style=\"min-width:%.0fpx\">\n", px + 80);
    rows r = rows_in(view, from_ps, to_ps, STAGES_ZOOMED);
    for (uint32_t s = 0; s < view->slots->n_stages; s++) {
        if (!is_shown(&r, s)) {
            s = gap_row(out, view, &r, s);
            continue;
        }
        sp_i_out_printf(out, "<div class=\"row two\"><span>stage %u</span>", s);
        sp_i_svg_slots(out, view, s, from_ps, to_ps, px);
        sp_i_out_text(out, "</div>\n");
    }
    sp_i_out_text(out, "<div class=\"row two\"><span></span>");
    sp_i_svg_axis(out, from_ps, to_ps, from_end);
    sp_i_out_text(out, "</div>\n</div></div>\n");
}

/* ---- overview ------------------------------------------------------------------------------------------------------------ */

static double busy_fraction(const sp_i_view *view, uint32_t stage)
{
    double busy = 0;
    for (uint32_t i = 0; i < sp_i_slots_of(view->slots, stage); i++) {
        const sp_i_slot *slot = sp_i_slots_at(view->slots, stage, i);
        if (slot->stream == SP_STREAM_COMPUTE)
            busy += (double)(slot->end_ps - slot->start_ps);
    }
    return busy / (double)view->slots->end_ps;
}

static void draw_overview(sp_i_out *out, const sp_i_view *view)
{
    char a[SP_I_NUMBER];
    sp_i_out_text(out, "<div class=\"chart\">\n<div class=\"row dim\"><span></span><span></span><span>busy</span></div>\n");
    rows r = rows_in(view, 0, view->slots->end_ps, STAGES_DRAWN);
    for (uint32_t s = 0; s < view->slots->n_stages; s++) {
        if (!is_shown(&r, s)) {
            s = gap_row(out, view, &r, s);
            continue;
        }
        sp_i_out_printf(out, "<div class=\"row\"><span>stage %u</span>", s);
        sp_i_svg_overview(out, view, s);
        sp_i_out_printf(out, "<span>%s</span></div>\n", sp_i_percent(busy_fraction(view, s), a));
    }
    sp_i_out_text(out, "<div class=\"row\"><span></span>");
    sp_i_svg_axis(out, 0, view->slots->end_ps, false);
    sp_i_out_text(out, "<span></span></div>\n</div>\n");
}

/* ---- table --------------------------------------------------------------------------------------------------------------- */

typedef struct tally { uint64_t n; int64_t sum, least, most; } tally;

static void tally_row(sp_i_out *out, const sp_i_view *view, uint32_t c, const tally *t)
{
    const sp_task_class *task = &view->program->classes[c];
    char stream[96], a[SP_I_NUMBER], b[SP_I_NUMBER], d[SP_I_NUMBER], e[SP_I_NUMBER], f[SP_I_NUMBER];
    sp_i_stream_name(view->program, task->stream, stream, sizeof stream);
    sp_i_out_printf(out, "<tr><td class=\"l\"><i class=\"box k%u\"></i>", view->color[c]);
    sp_i_html(out, task->label);
    sp_i_out_text(out, "</td><td>");
    sp_i_html(out, stream);
    sp_i_out_printf(out, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                    "<td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
                    sp_i_count(t->n, a), sp_i_quantity((double)t->least * 1e-12, SP_UNIT_SECONDS, b),
                    sp_i_quantity((double)t->sum / (double)t->n * 1e-12, SP_UNIT_SECONDS, d),
                    sp_i_quantity((double)t->most * 1e-12, SP_UNIT_SECONDS, e),
                    sp_i_quantity((double)t->sum / view->slots->n_stages * 1e-12, SP_UNIT_SECONDS, f));
}

/* Classes of one label and one stream make one row, named by the first of them. */
static sp_status draw_table(sp_i_out *out, const sp_i_view *view, sp_error *err)
{
    uint32_t n = view->program->n_classes;
    tally *of = calloc((size_t)n + 1, sizeof *of);
    uint32_t *row = calloc((size_t)n + 1, sizeof *row);
    sp_status status = of && row ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to count %u task classes", n);
    for (uint32_t c = 0; status == SP_OK && c < n; c++)
        for (row[c] = 0; row[c] < c; row[c]++)
            if (view->program->classes[row[c]].stream == view->program->classes[c].stream &&
                strcmp(view->program->classes[row[c]].label, view->program->classes[c].label) == 0)
                break;
    for (uint32_t i = 0; status == SP_OK && i < view->slots->n; i++) {
        const sp_i_slot *slot = &view->slots->slot[i];
        tally *t = &of[row[slot->task_class]];
        int64_t length = slot->end_ps - slot->start_ps;
        t->least = t->n == 0 || length < t->least ? length : t->least;
        t->most = length > t->most ? length : t->most;
        t->sum += length;
        t->n++;
    }
    if (status == SP_OK)
        sp_i_out_text(out, "<div class=\"scroll\"><table><tr><th>slots</th><th>stream</th><th class=\"n\">number</th>"
                           "<th class=\"n\">shortest</th>"
                           "<th class=\"n\">mean</th><th class=\"n\">longest</th><th class=\"n\">a stage, in all</th></tr>\n");
    for (uint32_t c = 0; status == SP_OK && c < n; c++)
        if (of[c].n)
            tally_row(out, view, c, &of[c]);
    if (status == SP_OK)
        sp_i_out_text(out, "</table></div>\n");
    free(of);
    free(row);
    return status;
}

/* ---- section ------------------------------------------------------------------------------------------------------------- */

static void explain(sp_i_out *out, const sp_i_view *view)
{
    sp_i_out_printf(out, "<p>One row a stage: %s%s.</p>\n", view->n_lanes > 1 ? "the wide lane is compute, the thin ones below it are "
                    "communication streams; empty is waiting" : "filled is compute, empty is waiting",
                    view->both_ends ? "; micro-batches that begin at the last stage are drawn fainter, a forward beside a backward as one slot with "
                    "the forward's number" : sp_schedule_joins(view->schedule) ? "; the second chunk of layers is drawn fainter, a forward beside a "
                    "backward as one slot with the forward's number" : view->chunks > 1 ? "; every second chunk of layers is drawn fainter" : "");
}

static void draw_windows(sp_i_out *out, const sp_i_view *view)
{
    if (most_slots(view) <= SLOTS_WHOLE) {
        draw_window(out, view, 0, view->slots->end_ps, false);
        return;
    }
    draw_overview(out, view);
    if (most_slots(view) > SP_I_EXACT_SLOTS)
        sp_i_out_text(out, "<p class=\"small dim\">Slots are too many to tell apart here: heights are shares of the time.</p>\n");
    sp_i_out_text(out, "<h3>The first micro-batches</h3>\n");
    draw_window(out, view, 0, first_end(view), false);
    sp_i_out_text(out, "<h3>The last micro-batches</h3>\n");
    draw_window(out, view, last_start(view), view->slots->end_ps, true);
}

sp_status sp_i_html_timeline(sp_i_out *out, const sp_i_subject *s, sp_error *err)
{
    const sp_train_report *r = s->report;
    if (!r->program || r->run.n_spans == 0 || r->run.end_ps <= 0)
        return SP_OK;
    sp_i_slots slots;
    sp_i_view view = {0};
    sp_status status = sp_i_slots_make(r->program, s->plan, &r->run, &slots, err);
    if (status != SP_OK)
        return status;
    status = make_view(&view, s, &slots, err);
    if (status == SP_OK) {
        sp_i_out_text(out, "<h2>The step, stage by stage</h2>\n");
        explain(out, &view);
        draw_windows(out, &view);
        sp_i_svg_legend(out, &view.palette);
        status = draw_table(out, &view, err);
    }
    free(view.color);
    sp_i_slots_free(&slots);
    return status;
}
