/* Scatter plots of a validation: predicted over measured against measured size, one SVG a kind and class of hardware. */
#include "page_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 640.0
#define HEIGHT 360.0
#define LEFT 56.0
#define RIGHT 16.0
#define TOP 34.0
#define BOTTOM 46.0
#define RATIO_LOW 0.25        /* of predicted to measured time: points beyond are drawn on the edge */
#define RATIO_HIGH 4.0
#define SOURCES_MAX 12

static const char *const colours[SOURCES_MAX] = {"#1b6ca8", "#d1495b", "#3a7d44", "#8d5a97", "#e08e45", "#2a9d8f",
                                                 "#6d597a", "#9c6644", "#457b9d", "#b56576", "#606c38", "#444444"};

typedef struct plot {
    FILE *file;
    double x_low, x_high;      /* powers of ten */
    uint32_t n_sources;
    const char *source[SOURCES_MAX];
} plot;

static double x_of(const plot *p, double size)
{
    double span = log10(p->x_high / p->x_low);
    return LEFT + (WIDTH - LEFT - RIGHT) * (span > 0 ? log10(size / p->x_low) / span : 0.5);
}

static double y_of(double ratio)
{
    double r = fmin(fmax(ratio, RATIO_LOW), RATIO_HIGH);
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - log(r / RATIO_LOW) / log(RATIO_HIGH / RATIO_LOW));
}

static uint32_t source_index(plot *p, const char *source)
{
    for (uint32_t i = 0; i < p->n_sources; i++)
        if (strcmp(p->source[i], source) == 0)
            return i;
    if (p->n_sources == SOURCES_MAX)
        return SOURCES_MAX - 1;
    p->source[p->n_sources] = source;
    return p->n_sources++;
}

static void axes(const plot *p, const char *title, const char *x_title)
{
    static const double ratios[] = {0.25, 0.5, 0.8, 1, 1.25, 2, 4};
    fprintf(p->file, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" font-family=\"sans-serif\" font-size=\"11\">\n", WIDTH,
            HEIGHT);
    fprintf(p->file, "<rect width=\"%g\" height=\"%g\" fill=\"#ffffff\"/>\n", WIDTH, HEIGHT);
    fprintf(p->file, "<text x=\"%g\" y=\"16\" font-size=\"13\" font-weight=\"bold\">", LEFT);
    sp_i_page_text(p->file, title);
    fprintf(p->file, "</text>\n");
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++)
        fprintf(p->file,
                "<line x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/><text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                LEFT, WIDTH - RIGHT, y_of(ratios[i]), y_of(ratios[i]), ratios[i] == 1 ? "#333333" : "#dddddd", LEFT - 6,
                y_of(ratios[i]) + 4, ratios[i]);
    for (double x = p->x_low; x <= p->x_high * 1.001; x *= 10)
        fprintf(p->file,
                "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\" stroke=\"#eeeeee\"/><text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">1e%.0f</text>\n",
                x_of(p, x), x_of(p, x), TOP, HEIGHT - BOTTOM, x_of(p, x), HEIGHT - BOTTOM + 14, log10(x));
    fprintf(p->file, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%s</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_title);
    fprintf(p->file, "<text transform=\"translate(14,%g) rotate(-90)\" text-anchor=\"middle\">predicted / measured time</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2);
}

static bool drawn(const sp_study_row *row, const sp_study_group *class)
{
    return row->status == SP_STUDY_EXPRESSED && row->kind == class->kind && strcmp(row->hw_class, class->hw_class) == 0 &&
           isfinite(row->slow) && row->size > 0;
}

bool sp_i_page_scatter(FILE *file, const sp_study *study, const sp_study_group *class)
{
    static const char *const x_titles[SP_STUDY_KINDS] = {"chips", "chips", "bytes", "FLOPs or bytes"};
    plot p = {.file = file, .x_low = INFINITY, .x_high = 0};
    for (uint32_t i = 0; i < study->n_rows; i++)
        if (drawn(&study->rows[i], class)) {
            p.x_low = fmin(p.x_low, study->rows[i].size);
            p.x_high = fmax(p.x_high, study->rows[i].size);
        }
    if (!(p.x_high > 0))
        return false;
    p.x_low = pow(10, floor(log10(p.x_low)));
    p.x_high = pow(10, ceil(log10(p.x_high) + 1e-9));
    char title[160];
    snprintf(title, sizeof title, "%s, %s: %u of %u rows, median error %.1f %%", sp_study_kind_name(class->kind), class->hw_class,
             class->score.expressed, class->score.rows, 100 * class->score.median_ape);
    axes(&p, title, x_titles[class->kind]);
    for (uint32_t i = 0; i < study->n_rows; i++) {
        const sp_study_row *row = &study->rows[i];
        if (!drawn(row, class))
            continue;
        fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" fill-opacity=\"0.7\"><title>", x_of(&p, row->size),
                y_of(1 + row->slow), colours[source_index(&p, row->source)]);
        sp_i_page_text(file, row->id);
        fprintf(file, " ");
        sp_i_page_text(file, row->label);
        fprintf(file, ": %.2f</title></circle>\n", 1 + row->slow);
    }
    for (uint32_t i = 0; i < p.n_sources; i++) {
        fprintf(file, "<text x=\"%g\" y=\"%g\" fill=\"%s\" font-size=\"9\">", LEFT + 6, TOP + 12 + 11.0 * i, colours[i]);
        sp_i_page_text(file, i == SOURCES_MAX - 1 ? "other sources" : p.source[i]);
        fprintf(file, "</text>\n");
    }
    fprintf(file, "</svg>\n");
    return true;
}
