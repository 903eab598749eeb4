/* The page: one self-contained HTML file, nothing loaded from elsewhere, no script. Sections in the order a reader asks:
 * what comes out, how, where time and memory go, when, where on the machine, what else, and on what it rests. */
#include "report_private.h"

static void write_head(sp_i_out *out, const sp_i_subject *s)
{
    sp_i_out_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                       "content=\"width=device-width, initial-scale=1\">\n<meta name=\"generator\" content=\"superpod " SP_VERSION
                       "\">\n<title>");
    sp_i_html(out, s->model->name);
    sp_i_out_text(out, " on ");
    sp_i_html(out, sp_i_machine_title(s->machine));
    sp_i_out_text(out, "</title>\n<style>\n");
    sp_i_out_text(out, sp_i_html_style);
    sp_i_out_text(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void write_plan(sp_i_out *out, const sp_i_subject *s)
{
    sp_i_out_text(out, "<h2>The plan</h2>\n");
    sp_i_words_plan(out, s);
    sp_i_out_text(out, "<p>This command predicts the same step again:</p>\n<pre>");
    sp_i_words_command(out, s);
    sp_i_out_text(out, "</pre>\n");
}

static void write_foot(sp_i_out *out, const sp_i_subject *s)
{
    char text[2048];
    sp_i_out_text(out, "</main>\n<footer class=\"small\">\n<p>superpod " SP_VERSION ". The machine as a string: <code>");
    int n = sp_machine_format(s->machine, text, sizeof text);
    sp_i_html(out, n > 0 && (size_t)n < sizeof text ? text : s->machine->name);
    sp_i_out_text(out, "</code></p>\n</footer>\n</body>\n</html>\n");
}

static sp_status write_page(sp_i_out *out, const sp_i_subject *s, sp_error *err)
{
    write_head(out, s);
    sp_i_html_headline(out, s);
    write_plan(out, s);
    sp_i_html_breakdown(out, s);
    sp_i_html_memory(out, s);
    sp_status status = sp_i_html_timeline(out, s, err);
    sp_i_html_layout(out, s);
    sp_i_html_runners(out, s);
    sp_i_html_guesses(out, s);
    write_foot(out, s);
    return status;
}

sp_status sp_report_html(const char *path, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                         const sp_train_report *report, const sp_solution *solution, const char *const *asked, uint32_t n_asked, sp_error *err)
{
    const sp_i_subject subject = {machine, model, plan, report, solution, asked, n_asked};
    sp_i_out out;
    sp_status status = sp_i_out_open(&out, path, err);
    if (status != SP_OK)
        return status;
    status = write_page(&out, &subject, err);
    return sp_i_out_close(&out, status, err);
}
