/* Where the time goes (parts that sum to the step) and where the memory goes (stage by stage, against the capacity). */
#include "report_private.h"

#include <math.h>
#include <string.h>

/* ---- breakdown ----------------------------------------------------------------------------------------------------- */

/* Labels are the predictor's; what they stand for. */
static const char *gloss_of(const char *label)
{
    static const struct { const char *label, *gloss; } rows[] = {
        {"gemm", "dense matrix products"}, {"expert-gemm", "matrix products of the experts"}, {"attention", "scores and values"},
        {"vector", "element-wise work, bound by memory"}, {"recompute", "activations computed again"},
        {"vocab", "embedding, head and loss"}, {"quantise", "casts to narrow formats"}, {"route", "routing tokens to experts"}, {"offload", "activations on their way to the host and back"}, {"expert-bias", "experts' biases"}, {"yarn", "rotary positions stretched by YaRN"}, {"bubble", "waiting for other stages"},
        {"tp", "tensor parallel traffic not hidden"}, {"ep", "expert traffic not hidden"},
        {"cp", "context parallel traffic not hidden"}, {"dp", "data parallel traffic not hidden"},
        {"etp", "traffic inside experts not hidden"}, {"pp", "hand-over between stages not hidden"}, {"optimizer", "update of weights"}, {"slowest", "waiting for the slowest chip"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].label, label) == 0)
            return rows[i].gloss;
    return "";
}

static void part_row(sp_i_out *out, uint32_t color, const char *label, double time_s, double step_time_s)
{
    char a[SP_I_NUMBER], b[SP_I_NUMBER];
    sp_i_out_printf(out, "<tr><td class=\"l\"><i class=\"box k%u\"></i>", color);
    sp_i_html(out, label);
    sp_i_out_printf(out, "</td><td class=\"dim\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n", gloss_of(label),
                    sp_i_quantity(time_s, SP_UNIT_SECONDS, a),
                    sp_i_percent(time_s / step_time_s, b));
}

void sp_i_html_breakdown(sp_i_out *out, const sp_i_subject *s)
{
    const sp_train_report *r = s->report;
    if (r->n_parts == 0 || !(r->step_time_s > 0))
        return;
    sp_i_palette palette = {0};
    sp_i_segment segment[SP_PARTS_MAX + 1];
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_parts && i < SP_PARTS_MAX; i++) {
        segment[n++] = (sp_i_segment){r->part[i].label, r->part[i].time_s, sp_i_palette_color(&palette, r->part[i].label)};
        sum += r->part[i].time_s;
    }
    /* parts sum to the step time by contract; what a report leaves out is shown, not hidden */
    if (fabs(sum - r->step_time_s) > 1e-6 * r->step_time_s)
        segment[n++] = (sp_i_segment){"not attributed", r->step_time_s - sum, SP_I_COLOR_IDLE};
    char a[SP_I_NUMBER];
    sp_i_out_printf(out, "<h2>Where the time goes</h2>\n<p>The step as the chips of stage %u, the busiest, see it.</p>\n",
                    r->breakdown_stage);
    sp_i_bar bar = {.name = "Parts of the step time", .full = r->step_time_s, .share_of = r->step_time_s, .height_px = 36,
                    .narrowest_px = SP_I_PAGE_PX};
    sp_i_svg_bar(out, &bar, segment, n);
    sp_i_out_text(out, "<table><tr><th>part</th><th></th><th class=\"n\">time</th><th class=\"n\">share</th></tr>\n");
    for (uint32_t i = 0; i < n; i++)
        part_row(out, segment[i].color, segment[i].label, segment[i].value, r->step_time_s);
    sp_i_out_printf(out, "<tr class=\"sum\"><td>step</td><td></td><td class=\"n\">%s</td><td class=\"n\">100 %%</td></tr></table>\n",
                    sp_i_quantity(r->step_time_s, SP_UNIT_SECONDS, a));
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

#define PARTS 6u
#define ROWS_MAX 24u

static const char *const part_name[PARTS] = {"weights", "gradients", "optimizer", "activations", "buffers", "overhead"};

static double part_of(const sp_stage_memory *m, uint32_t part)
{
    const double value[PARTS] = {m->weights, m->gradients, m->optimizer, m->activations, m->buffers, m->overhead};
    return value[part];
}

static bool same_memory(const sp_stage_memory *a, const sp_stage_memory *b)
{
    for (uint32_t p = 0; p < PARTS; p++)
        if (part_of(a, p) != part_of(b, p))
            return false;
    return a->in_flight == b->in_flight;
}

/* A row is a run of equal stages; of many rows the first, the last and the fullest are drawn. */
typedef struct memory_rows { uint32_t n, first[SP_STAGES_MAX], last[SP_STAGES_MAX]; uint32_t fullest; } memory_rows;

static void collect_rows(const sp_train_report *r, memory_rows *rows)
{
    *rows = (memory_rows){0};
    for (uint32_t i = 0; i < r->n_stages && i < SP_STAGES_MAX; i++) {
        if (i > 0 && same_memory(&r->memory[i - 1], &r->memory[i]))
            rows->last[rows->n - 1] = i;
        else {
            rows->first[rows->n] = rows->last[rows->n] = i;
            rows->n++;
        }
        if (r->memory[i].total > r->memory[rows->first[rows->fullest]].total)
            rows->fullest = rows->n - 1;
    }
}

static bool is_drawn(const memory_rows *rows, uint32_t row)
{
    return rows->n <= ROWS_MAX || row < ROWS_MAX / 2 || row >= rows->n - ROWS_MAX / 2 + 1 || row == rows->fullest;
}

static void stage_range(sp_i_out *out, const sp_train_report *r, uint32_t first, uint32_t last)
{
    if (first == last)
        sp_i_out_printf(out, "stage %u", r->memory[first].stage);
    else
        sp_i_out_printf(out, "stages %u-%u", r->memory[first].stage, r->memory[last].stage);
}

static void memory_bar(sp_i_out *out, const sp_train_report *r, const memory_rows *rows, uint32_t row, sp_i_palette *palette,
                       double full)
{
    const sp_stage_memory *m = &r->memory[rows->first[row]];
    sp_i_segment segment[PARTS];
    char name[64], a[SP_I_NUMBER];
    for (uint32_t p = 0; p < PARTS; p++)
        segment[p] = (sp_i_segment){part_name[p], part_of(m, p), sp_i_palette_color(palette, part_name[p])};
    snprintf(name, sizeof name, "Memory of stage %u", m->stage);
    sp_i_out_text(out, "<div class=\"row tight\"><span>");
    stage_range(out, r, rows->first[row], rows->last[row]);
    sp_i_out_text(out, "</span>");
    sp_i_bar bar = {name, full, m->total, r->mem_capacity_bytes, 22, SP_I_ROW_PX};
    sp_i_svg_bar(out, &bar, segment, PARTS);
    bool over = m->total > r->mem_capacity_bytes;
    sp_i_out_printf(out, "<span%s>%s</span></div>\n", over ? " class=\"bad\"" : "", sp_i_quantity(m->total, SP_UNIT_BYTES, a));
}

static void memory_gap(sp_i_out *out, const sp_train_report *r, const memory_rows *rows, uint32_t row)
{
    uint32_t last = row;
    while (last + 1 < rows->n && !is_drawn(rows, last + 1))
        last++;
    sp_i_out_text(out, "<div class=\"row two dim\"><span>...</span><span>");
    stage_range(out, r, rows->first[row], rows->last[last]);
    sp_i_out_text(out, " not drawn (the fullest of all is)</span></div>\n");
}

static void memory_numbers(sp_i_out *out, const sp_train_report *r, const memory_rows *rows)
{
    char a[SP_I_NUMBER];
    sp_i_out_text(out, "<div class=\"scroll\"><table><tr><th>chips of</th>");
    for (uint32_t p = 0; p < PARTS; p++)
        sp_i_out_printf(out, "<th class=\"n\">%s</th>", part_name[p]);
    sp_i_out_text(out, "<th class=\"n\">in flight</th><th class=\"n\">total</th></tr>\n");
    for (uint32_t row = 0; row < rows->n; row++) {
        const sp_stage_memory *m = &r->memory[rows->first[row]];
        if (!is_drawn(rows, row))
            continue;
        sp_i_out_text(out, "<tr><td class=\"n\" style=\"text-align:left\">");
        stage_range(out, r, rows->first[row], rows->last[row]);
        sp_i_out_text(out, "</td>");
        for (uint32_t p = 0; p < PARTS; p++)
            sp_i_out_printf(out, "<td class=\"n\">%s</td>", sp_i_quantity(part_of(m, p), SP_UNIT_BYTES, a));
        sp_i_out_printf(out, "<td class=\"n\">%u</td><td class=\"n\">%s</td></tr>\n", m->in_flight,
                        sp_i_quantity(m->total, SP_UNIT_BYTES, a));
    }
    sp_i_out_text(out, "</table></div>\n<p class=\"small dim\">In flight: micro-batches (chunks counted apart) whose activations "
                       "are held at the peak.</p>\n");
}

void sp_i_html_memory(sp_i_out *out, const sp_i_subject *s)
{
    const sp_train_report *r = s->report;
    if (r->n_stages == 0)
        return;
    memory_rows rows;
    collect_rows(r, &rows);
    double full = r->mem_capacity_bytes;
    for (uint32_t i = 0; i < r->n_stages; i++)
        full = fmax(full, r->memory[i].total);
    full *= 1.02;   /* so that the line of a capacity that is just reached stays visible */
    sp_i_palette palette = {0};
    char a[SP_I_NUMBER];
    sp_i_out_printf(out, "<h2>Memory of a chip, by stage</h2>\n<p>The line marks the capacity, %s.</p>\n",
                    sp_i_quantity(r->mem_capacity_bytes, SP_UNIT_BYTES, a));
    sp_i_out_text(out, "<div class=\"chart\">\n");
    for (uint32_t row = 0; row < rows.n; row++) {
        if (is_drawn(&rows, row))
            memory_bar(out, r, &rows, row, &palette, full);
        else if (is_drawn(&rows, row - 1))
            memory_gap(out, r, &rows, row);
    }
    sp_i_svg_legend(out, &palette);
    sp_i_out_text(out, "</div>\n");
    memory_numbers(out, r, &rows);
}
