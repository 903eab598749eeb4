/* The page as a browser would find it: balanced tags, nothing loaded from elsewhere, foreign text harmless, numbers that add
 * up, lengths inside their charts. */
#include "report_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int make_name(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/superpod-test-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_name(void **state)
{
    (void)state;
    return unlink(path);
}

static char *page_of(const fixture *f, bool with_solution)
{
    sp_error err = {0};
    const char *const asked[] = {f->machine.name, f->model.name};
    if (sp_report_html(path, &f->machine, &f->model, &f->plan, &f->report, with_solution ? &f->solution : NULL, asked, 2, &err) != SP_OK)
        fail_msg("%s", err.text);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long n = ftell(file);
    rewind(file);
    char *text = calloc((size_t)n + 1, 1);
    assert_int_equal(fread(text, 1, (size_t)n, file), (size_t)n);
    fclose(file);
    return text;
}

/* Tags opened and closed in order; text between tags has no bare < or >. */
static void assert_balanced(const char *text)
{
    char open[64][16];
    int depth = 0;
    const char *at = strstr(text, "<html");
    while ((at = strchr(at, '<'))) {
        bool closing = at[1] == '/';
        const char *name = at + 1 + closing, *end = strchr(at, '>');
        size_t n = strcspn(name, " >/\n");
        assert_non_null(end);
        assert_true(n > 0 && n < 16);
        bool empty = end[-1] == '/' || strncmp(name, "meta ", 5) == 0 || strncmp(name, "br>", 3) == 0;
        if (closing) {
            if (depth == 0 || strlen(open[depth - 1]) != n || strncmp(open[depth - 1], name, n) != 0)
                fail_msg("</%.*s> closes %s at: %.80s", (int)n, name, depth ? open[depth - 1] : "nothing", at);
            depth--;
        } else if (!empty) {
            assert_true(depth < 64);
            snprintf(open[depth++], 16, "%.*s", (int)n, name);
        }
        at = end;
    }
    assert_int_equal(depth, 0);
}

/* Every percentage of an attribute lies in its chart. */
static void assert_inside(const char *text)
{
    static const char *const attribute[] = {" x=\"", " width=\"", " x1=\"", " x2=\""};
    for (size_t a = 0; a < 4; a++)
        for (const char *at = text; (at = strstr(at, attribute[a])); at++) {
            char *end;
            double value = strtod(at + strlen(attribute[a]), &end);
            if (*end == '%' && !(value >= 0 && value <= 100.001))
                fail_msg("%.60s lies outside its chart", at);
        }
}

static void assert_sound(const char *text)
{
    assert_balanced(text);
    assert_inside(text);
    static const char *const never[] = {"<script", "<link", "<img", "src=", "href=", "url(", "@import", "nan", "(null)", "inf %", ">-inf", "%!"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(text, never[i]))
            fail_msg("the page has \"%s\": %.60s", never[i], strstr(text, never[i]));
}

static void pages_are_sound_at_many_shapes(void **state)
{
    (void)state;
    static const uint32_t shape[][2] = {{1, 1}, {1, 3}, {2, 100}, {4, 8}, {8, 16}, {16, 64}, {32, 500}, {64, 64}};
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        fixture *f = fixture_make(shape[i][0], shape[i][1]);
        char *text = page_of(f, i % 2 == 0);
        assert_sound(text);
        assert_true(strlen(text) < 1500000);
        free(text);
        fixture_free(f);
    }
}

static void foreign_text_is_text(void **state)
{
    (void)state;
    fixture *f = fixture_make(2, 4);
    f->model.name = "m\xff\x01 \"'</title><b>";
    char *text = page_of(f, false);
    assert_sound(text);
    assert_non_null(strstr(text, "Pod &lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_non_null(strstr(text, "a &lt; b &amp; c"));
    assert_non_null(strstr(text, "m\xef\xbf\xbd\xef\xbf\xbd &quot;&#39;&lt;/title&gt;&lt;b&gt;"));
    free(text);
    fixture_free(f);
}

static void sections_come_with_their_data(void **state)
{
    (void)state;
    fixture *f = fixture_make(8, 64);
    char *with = page_of(f, true), *without = page_of(f, false);
    assert_non_null(strstr(with, "Of 14,690 combinations"));
    assert_non_null(strstr(with, "+5.0 %"));
    assert_null(strstr(without, "runners-up"));
    assert_non_null(strstr(without, "What limits it:</b> matrix products of the experts"));
    assert_non_null(strstr(without, "The first micro-batches"));
    assert_non_null(strstr(without, "prefers-color-scheme:dark"));
    assert_non_null(strstr(without, "@media print"));
    /* guesses that the plan rests on, and no others */
    assert_non_null(strstr(without, "<td>l2</td><td class=\"n\">100 MB</td><td class=\"n\">200 MB</td><td class=\"n\">300 MB</td>"));
    assert_non_null(strstr(without, "<td>matrix fp8</td>"));
    assert_null(strstr(without, "hif4"));
    assert_non_null(strstr(without, "cable length"));
    free(with);
    free(without);
    fixture_free(f);
}

/* Text of the page between two marks, without tags and entities that a shell's line can have. */
static void plain_between(const char *text, const char *from, const char *to, char *out, size_t out_size)
{
    const char *at = strstr(text, from), *end = at ? strstr(at, to) : NULL;
    size_t n = 0;
    assert_non_null(end);
    for (at += strlen(from); at < end && n + 1 < out_size; at++) {
        if (*at == '<')
            at = strchr(at, '>');
        else if (strncmp(at, "&#39;", 5) == 0) {
            out[n++] = '\'';
            at += 4;
        } else
            out[n++] = *at;
    }
    out[n] = '\0';
}

static void the_command_states_the_whole_plan(void **state)
{
    (void)state;
    fixture *f = fixture_make(8, 64);
    char command[1024], *text = page_of(f, false);
    plain_between(text, "<pre>", "</pre>", command, sizeof command);
    assert_string_equal(command, "superpod train pod-x model-x --tp 8 --cp 1 --ep 1 --pp 8 --vpp 1 --dp 64 --zero 1 "
                                 "--mbs 1 --gbs 4096 --seq 4096 --precision fp8 --recompute selective --schedule 1f1b");
    free(text);
    f->model.name = "it's";
    f->plan.place[SP_AXIS_TP] = 1;
    f->plan.place_ep = 3;
    f->plan.overlap_tp = true;
    f->plan.sequence_parallel = false;
    f->plan.order[0] = SP_AXIS_CP;
    f->plan.order[1] = SP_AXIS_TP;
    f->plan.gradient_bytes = 2;
    f->plan.software = "megatron-lm";
    text = page_of(f, false);
    plain_between(text, "<pre>", "</pre>", command, sizeof command);
    assert_non_null(strstr(command, " pod-x 'it'\\''s' --tp"));
    assert_non_null(strstr(command, "--order cp,tp,dp,pp --place tp=0,ep=0+1 --set 'gradient-bytes=2 sp=no overlap-tp=yes software=megatron-lm'"));
    free(text);
    fixture_free(f);
}

/* The first row of a chart's boxes: sum of their widths. */
static double bar_percent(const char *text, const char *name)
{
    const char *at = strstr(text, name), *end;
    assert_non_null(at);
    end = strstr(at, "</svg>");
    double sum = 0;
    while ((at = strstr(at, " width=\"")) && at < end)
        sum += strtod(at += 8, NULL);
    return sum;
}

static void bars_add_up(void **state)
{
    (void)state;
    fixture *f = fixture_make(8, 64);
    char *text = page_of(f, false);
    assert_true(fabs(bar_percent(text, "aria-label=\"Parts of the step time") - 100) < 0.01);
    const sp_stage_memory *m = &f->memory[3];
    assert_true(fabs(bar_percent(text, "aria-label=\"Memory of stage 3\"") - 100 * m->total / (128e9 * 1.02)) < 0.01);
    assert_null(strstr(text, "not attributed"));
    free(text);
    f->report.part[0].time_s *= 0.5;
    text = page_of(f, false);
    assert_non_null(strstr(text, "not attributed"));
    assert_true(fabs(bar_percent(text, "aria-label=\"Parts of the step time") - 100) < 0.01);
    free(text);
    fixture_free(f);
}

static void what_does_not_fit_says_so(void **state)
{
    (void)state;
    fixture *f = fixture_make(4, 8);
    f->memory[0].activations += 100e9;
    f->memory[0].total += 100e9;
    f->report.mem_bytes_max = f->memory[0].total;
    char *text = page_of(f, false);
    assert_sound(text);
    assert_non_null(strstr(text, "does not fit: 26 GB too much for 128 GB"));
    free(text);
    fixture_free(f);
}

static void a_step_that_was_not_run_still_has_a_page(void **state)
{
    (void)state;
    fixture *f = fixture_make(4, 8);
    f->report.run = (sp_run){0};
    f->report.program = NULL;
    f->report.step_time_s = f->report.tokens_per_s = f->report.tokens_per_s_chip = f->report.lower_bound_s = 0;
    f->report.limit = NULL;
    f->report.n_parts = 0;
    char *text = page_of(f, false);
    assert_sound(text);
    free(text);
    fixture_free(f);
}

static void unwritable_places(void **state)
{
    (void)state;
    fixture *f = fixture_make(2, 4);
    static const char *const bad[] = {"/tmp/superpod-no-such-folder/a.html", "/tmp", "/dev/full"};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(bad[i], "/dev/full") == 0 && access(bad[i], W_OK) != 0)
            continue;
        sp_error err = {0};
        assert_int_equal(sp_report_html(bad[i], &f->machine, &f->model, &f->plan, &f->report, NULL, NULL, 0, &err), SP_E_IO);
        assert_string_equal(err.file, bad[i]);
        assert_non_null(strstr(err.text, "cannot be written"));
    }
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_sound_at_many_shapes), cmocka_unit_test(foreign_text_is_text),
        cmocka_unit_test(sections_come_with_their_data), cmocka_unit_test(the_command_states_the_whole_plan), cmocka_unit_test(bars_add_up),
        cmocka_unit_test(what_does_not_fit_says_so), cmocka_unit_test(a_step_that_was_not_run_still_has_a_page),
        cmocka_unit_test(unwritable_places),
    };
    return cmocka_run_group_tests(tests, make_name, remove_name);
}
