/* What the answer rests on without a publisher's word: the guessed and derived values of chip, machine and software. */
#include "report_private.h"

#include <string.h>

/* Rows of one grade at a time. */
typedef struct table { sp_i_out *out; const sp_i_subject *subject; sp_grade grade; const char *owner; /* not yet named */ uint32_t n; } table;

static void open_table(table *t)
{
    if (t->n++ == 0)
        sp_i_out_printf(t->out, "<h3>%s</h3>\n<div class=\"scroll\"><table class=\"stack\"><tr><th>what</th><th class=\"n\">low</th>"
                        "<th class=\"n\">nominal</th><th class=\"n\">high</th><th class=\"w\">why</th></tr>\n",
                        t->grade == SP_GRADE_GUESS ? "Guesses" : "Derived values");
}

/* Keys of files read as words: "attention_fwd_fraction", "matrix.fp8". */
static void write_key(sp_i_out *out, const char *key)
{
    char words[160];
    snprintf(words, sizeof words, "%s", key);
    for (char *at = words; *at; at++)
        if (*at == '_' || *at == '.')
            *at = ' ';
    sp_i_html(out, words);
}

static void add(table *t, const char *what, sp_unit unit, const sp_value *value)
{
    char low[SP_I_NUMBER], nominal[SP_I_NUMBER], high[SP_I_NUMBER];
    if (value->grade != t->grade)
        return;
    open_table(t);
    if (t->owner) {
        sp_i_out_text(t->out, "<tr class=\"sum\"><td colspan=\"5\">");
        sp_i_html(t->out, t->owner);
        sp_i_out_text(t->out, "</td></tr>\n");
        t->owner = NULL;
    }
    sp_i_out_text(t->out, "<tr><td>");
    write_key(t->out, what);
    bool certain = value->low == value->high;
    sp_i_out_printf(t->out, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"w\">",
                    certain ? "" : sp_i_quantity(value->low, unit, low), sp_i_quantity(value->nominal, unit, nominal),
                    certain ? "" : sp_i_quantity(value->high, unit, high));
    sp_i_html(t->out, value->source);
    sp_i_out_text(t->out, "</td></tr>\n");
}

/* ---- only what the plan uses ------------------------------------------------------------------------------------------ */

/* Rates of the plan's precision, of what stands in for it, and of BF16 (attention); factors of its width. */
static bool is_used(const sp_chip *chip, sp_format precision, const char *key)
{
    sp_format native = precision;
    sp_chip_has_format(chip, precision, &native);
    const char *dot = strchr(key, '.');
    if (dot)
        return strcmp(dot + 1, sp_format_name(precision)) == 0 || strcmp(dot + 1, sp_format_name(native)) == 0 ||
               strcmp(dot + 1, sp_format_name(SP_FMT_BF16)) == 0;
    double bytes = sp_format_bytes(native);
    if (strcmp(key, "gemm_fp8_fraction") == 0)
        return bytes >= 1 && bytes < 2;
    if (strcmp(key, "gemm_fp4_fraction") == 0)
        return bytes < 1;
    return true;
}

static void add_chip(table *t)
{
    const sp_chip *chip = t->subject->machine->chip;
    t->owner = chip->title ? chip->title : chip->name;
    for (uint32_t i = 0; i < chip->n_facts; i++)
        if (is_used(chip, t->subject->plan->precision, chip->facts[i].key))
            add(t, chip->facts[i].key, chip->facts[i].unit, &chip->facts[i].value);
}

/* The step runs on plane 0: values of other planes ("PLANE/TIER key") do not move it. */
static void add_machine_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    table *t = context;
    const sp_machine *machine = t->subject->machine;
    const char *plane = machine->planes[0].name ? machine->planes[0].name : "", *slash = strchr(path, '/');
    bool other = slash && (strncmp(path, plane, (size_t)(slash - path)) != 0 || plane[slash - path] != '\0');
    if (machine->n_planes > 1 && other)
        return;
    add(t, machine->n_planes == 1 && slash ? slash + 1 : path, unit, value);
}

static void add_software_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    add(context, path, unit, value);
}

static void add_stack(table *t)
{
    const sp_stack *stack = sp_machine_stack(t->subject->machine, t->subject->plan->stack);
    if (!stack)
        return;
    char owner[64];
    snprintf(owner, sizeof owner, "software %s", stack->name);
    t->owner = owner;
    sp_stack_each_value(stack, add_software_value, t);
    t->owner = NULL;
}

static void add_software(table *t)
{
    const sp_software *line = sp_machine_software(t->subject->machine, t->subject->plan->software);
    if (!line)
        return;
    t->owner = line->name;
    sp_software_each_value(line, add_software_value, t);
    t->owner = NULL;
}

void sp_i_html_guesses(sp_i_out *out, const sp_i_subject *s)
{
    static const sp_grade grades[] = {SP_GRADE_GUESS, SP_GRADE_DERIVED};
    uint32_t n = 0;
    sp_i_out_text(out, "<h2>What the answer rests on</h2>\n<p>Values nobody has published, with the interval they lie in and "
                       "the reason. Everything else comes from a vendor, a paper, the press or a fit, and "
                       "<code>--sources</code> lists it.</p>\n");
    for (size_t g = 0; g < sizeof grades / sizeof grades[0]; g++) {
        table t = {.out = out, .subject = s, .grade = grades[g]};
        add_chip(&t);
        t.owner = sp_i_machine_title(s->machine);
        sp_machine_each_value(s->machine, add_machine_value, &t);
        add_stack(&t);
        add_software(&t);
        if (t.n)
            sp_i_out_text(out, "</table></div>\n");
        n += t.n;
    }
    if (n == 0)
        sp_i_out_text(out, "<p>No guesses: every value used has a published source.</p>\n");
}
