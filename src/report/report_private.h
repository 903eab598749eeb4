/* What the files of the report layer share: a writer that leaves nothing half-written, escaping, colours, and the parts
 * of the page. docs/design/report.md says why each is as it is. */
#ifndef SP_REPORT_PRIVATE_H
#define SP_REPORT_PRIVATE_H

#include "superpod/report.h"

#include <stdio.h>

/* ---- output.c: a file that appears whole or not at all -------------------------------------------------------- */

/* Text goes to a temporary file beside `path`, which takes its name at the end. What is not a regular file (a terminal, a
 * pipe, /dev/null) is written directly, since nothing can take its place. Errors of writing are kept until close. */
typedef struct sp_i_out { FILE *file; const char *path; char *target, *temporary; int error; } sp_i_out;

sp_status sp_i_out_open(sp_i_out *out, const char *path, sp_error *err);
void sp_i_out_text(sp_i_out *out, const char *text);
void sp_i_out_printf(sp_i_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Flushes and renames. On failure, or when `status` is not SP_OK already, the temporary file is removed; returns the first
 * failure. */
sp_status sp_i_out_close(sp_i_out *out, sp_status status, sp_error *err);

/* ---- escape.c: text of others inside our syntax ----------------------------------------------------------------- */

/* For HTML text and quoted attributes. Control characters and bytes that are not UTF-8 become U+FFFD. */
void sp_i_html(sp_i_out *out, const char *text);
/* As a JSON string, quotes included, in malloc'ed memory; NULL: no memory. */
char *sp_i_json_quote(const char *text);

/* ---- numbers.c: numbers as people read them ---------------------------------------------------------------------- */

/* All return `out`, which must have room for SP_I_NUMBER characters. */
#define SP_I_NUMBER 48
const char *sp_i_quantity(double value, sp_unit unit, char *out);   /* "128 GB"; "1 us" with a micro sign */
const char *sp_i_percent(double fraction, char *out);               /* "43.2 %"; HTML: "&lt; 0.1 %"        */
const char *sp_i_count(uint64_t value, char *out);                  /* "15,360"                            */

/* ---- palette.c: one colour a category, the same in every chart of the page ---------------------------------------- */

/* CSS class number ("k0" … "k14") of a category label. */
#define SP_I_COLORS 15u
#define SP_I_COLOR_IDLE 14u
typedef struct sp_i_palette { const char *label[SP_I_COLORS]; uint8_t order[SP_I_COLORS]; uint32_t n; /* as first used */ } sp_i_palette;
uint32_t sp_i_palette_color(sp_i_palette *palette, const char *label);

/* ---- words.c: a plan in words and as a command ------------------------------------------------------------------- */

typedef struct sp_i_subject {
    const sp_machine *machine;
    const sp_model *model;
    const sp_plan *plan;
    const sp_train_report *report;
    const sp_solution *solution;   /* may be NULL */
    const char *const *asked;      /* [n_asked] words of the command before the plan's; the timeline has none */
    uint32_t n_asked;
} sp_i_subject;

void sp_i_words_plan(sp_i_out *out, const sp_i_subject *subject);
void sp_i_words_command(sp_i_out *out, const sp_i_subject *subject);
/* Titles with the catalog name when there is none. */
const char *sp_i_machine_title(const sp_machine *machine);
/* "layers 0-3, 31-34" of a stage. */
void sp_i_words_layers(const sp_plan *plan, const sp_model *model, uint32_t stage, char *out, size_t out_size);

/* ---- the sections of the page ------------------------------------------------------------------------------------ */

extern const char sp_i_html_style[];
void sp_i_html_headline(sp_i_out *out, const sp_i_subject *subject);
void sp_i_html_breakdown(sp_i_out *out, const sp_i_subject *subject);
void sp_i_html_memory(sp_i_out *out, const sp_i_subject *subject);
sp_status sp_i_html_timeline(sp_i_out *out, const sp_i_subject *subject, sp_error *err);
void sp_i_html_layout(sp_i_out *out, const sp_i_subject *subject);
void sp_i_html_runners(sp_i_out *out, const sp_i_subject *subject);
void sp_i_html_guesses(sp_i_out *out, const sp_i_subject *subject);

/* ---- svg_bar.c --------------------------------------------------------------------------------------------------- */

typedef struct sp_i_segment { const char *label; double value; uint32_t color; } sp_i_segment;
/* One stacked bar from 0 to `full`; segments that are wide enough say their label and share of `share_of`. mark > 0 draws a
 * line there (a capacity). Widths are percentages, so that text keeps its size on any screen; narrowest_px is what the bar
 * has on a phone of 375 px, which decides what text it has room for. */
typedef struct sp_i_bar { const char *name; double full, share_of, mark; uint32_t height_px, narrowest_px; } sp_i_bar;
void sp_i_svg_bar(sp_i_out *out, const sp_i_bar *bar, const sp_i_segment *segment, uint32_t n);
/* Has a text of so many characters (11 px) room in a box of width_percent of a chart that is narrowest_px wide at least? */
bool sp_i_svg_fits(double width_percent, uint32_t narrowest_px, size_t characters);
#define SP_I_PAGE_PX 350u   /* a chart over the whole width, on a phone */
#define SP_I_ROW_PX 220u    /* a chart in a row between its label and its number */
void sp_i_svg_legend(sp_i_out *out, const sp_i_palette *palette);

/* ---- slots.c: a step's spans as slots ----------------------------------------------------------------------------- */

typedef struct sp_i_slot {
    uint32_t task_class, stage, stream;
    uint32_t micro_batch, chunk;       /* meaningful when numbered */
    bool numbered;
    sp_index first;                    /* of its first part */
    int64_t start_ps, end_ps;
} sp_i_slot;
typedef struct sp_i_slots {
    const sp_program *program;
    uint32_t n; sp_i_slot *slot;       /* [n] in order of start; none is empty                       */
    uint32_t n_stages, *off;           /* [n_stages+1]                                               */
    uint32_t *by_stage;                /* [n] slots of stage s: by_stage[off[s] .. off[s+1])         */
    int64_t end_ps;                    /* of the step                                                */
} sp_i_slots;
sp_status sp_i_slots_make(const sp_program *program, const sp_plan *plan, const sp_run *run, sp_i_slots *out, sp_error *err);
void sp_i_slots_free(sp_i_slots *slots);
static inline uint32_t sp_i_slots_of(const sp_i_slots *slots, uint32_t stage) { return slots->off[stage + 1] - slots->off[stage]; }
static inline const sp_i_slot *sp_i_slots_at(const sp_i_slots *slots, uint32_t stage, uint32_t i)
{
    return &slots->slot[slots->by_stage[slots->off[stage] + i]];
}
/* "compute", or the labels of the classes on the stream, joined. */
void sp_i_stream_name(const sp_program *program, uint32_t stream, char *out, size_t out_size);

/* ---- svg_timeline.c: rows of a pipeline diagram ------------------------------------------------------------------- */

#define SP_I_LANES 6u   /* lanes of communication under a stage's compute lane; further streams share the last */
typedef struct sp_i_view {
    const sp_program *program;
    const sp_i_slots *slots;
    sp_i_palette palette;
    uint8_t *color;                    /* [n_classes] */
    uint8_t lane[SP_STREAMS_MAX];      /* of a stream: 0 is compute */
    uint32_t n_lanes;                  /* the compute lane included */
    uint32_t chunks, micro_batches;    /* a stage's */
    sp_schedule schedule;
    bool both_ends;                    /* chunk 1 is the way from the last stage to the first */
} sp_i_view;
/* Slots of a stage in [from_ps, to_ps) drawn one by one, micro-batch numbers where they have room at width_px. */
void sp_i_svg_slots(sp_i_out *out, const sp_i_view *view, uint32_t stage, int64_t from_ps, int64_t to_ps, double width_px);
/* A stage over the whole step as shapes that stretch: slot by slot up to so many, else the share of time in bins. More than
 * that in 900 px are thinner than the eye separates. */
#define SP_I_EXACT_SLOTS 400u
void sp_i_svg_overview(sp_i_out *out, const sp_i_view *view, uint32_t stage);
/* Ticks of a time axis; from_end: labelled as time before to_ps. */
void sp_i_svg_axis(sp_i_out *out, int64_t from_ps, int64_t to_ps, bool from_end);

#endif
