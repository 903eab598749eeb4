/* superpod compare MODEL MACHINE...: best plans side by side, break-even, what it rests on. */
#include "compare_goodput.h"
#include "superpod/report.h"
#include "superpod/study.h"

#include <math.h>
#include <string.h>

typedef struct comparing {
    cli_run *cli;
    sp_compare_problem problem;
    sp_comparison result;
    cli_goodput goodput;
    cli_progress progress;
} comparing;

static bool on_progress(void *context, const char *what)
{
    comparing *c = context;
    cli_progress_show(&c->progress, "comparing: %s", what);
    return !cli_interrupted();
}

/* ---- what is asked --------------------------------------------------------------------------------------------- */

static sp_status read_machines(comparing *c, sp_error *err)
{
    cli_run *cli = c->cli;
    for (uint32_t i = 1; i < cli->n_operands; i++) {
        const sp_machine *machine;
        sp_status status = cli_machine(cli, cli->operand[i], &machine, err);
        if (status != SP_OK) return status;
    }
    c->problem.machines = &cli->operand[1];
    c->problem.n_machines = cli->n_operands - 1;
    return SP_OK;
}

static sp_status read_words(comparing *c, sp_error *err)
{
    cli_run *cli = c->cli;
    sp_compare_problem *p = &c->problem;
    uint32_t months;
    if (sp_unit_parse(cli_text(cli, CLI_O_TOKENS), SP_UNIT_COUNT, &p->tokens, err) != SP_OK) return cli_blame_option(CLI_O_TOKENS, err);
    if (!(p->tokens >= 1)) {
        sp_error_set(err, SP_E_RANGE, NULL, 0, 1, "found %s tokens, expected at least 1", cli_text(cli, CLI_O_TOKENS));
        return cli_blame_option(CLI_O_TOKENS, err);
    }
    if ((p->as_of = cli->value[CLI_O_AS_OF]) != NULL && sp_date_parse(p->as_of, &months, err) != SP_OK) return cli_blame_option(CLI_O_AS_OF, err);
    for (int e = 0; e < SP_EQUALS; e++)
        if (strcmp(cli_text(cli, CLI_O_EQUAL), sp_compare_equal_name((sp_compare_equal)e)) == 0) p->equal = (sp_compare_equal)e;
    if (sp_effort_parse(cli_text(cli, CLI_O_EFFORT), &p->effort, err) != SP_OK) return cli_blame_option(CLI_O_EFFORT, err);
    p->threads = (uint32_t)cli_count(cli, CLI_O_THREADS);
    p->gbs = cli_count(cli, CLI_O_GBS);
    p->seq = cli_count(cli, CLI_O_SEQ);
    p->weak = cli_given(cli, CLI_O_WEAK);
    p->best_precision = cli_given(cli, CLI_O_BEST_PRECISION);
    bool page = cli_given(cli, CLI_O_HTML);   /* which has room for all */
    p->ablate = page || cli_given(cli, CLI_O_ABLATE);
    p->sensitivity = page || cli_given(cli, CLI_O_SENSITIVITY);
    p->curves = page || cli_given(cli, CLI_O_CURVES);
    if (cli_given(cli, CLI_O_FAILURES) && !p->curves && !cli_given(cli, CLI_O_GOODPUT)) {
        sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found failures, but nothing that reads them; expected --goodput, --curves or --html beside it");
        return cli_blame_option(CLI_O_FAILURES, err);
    }
    return SP_OK;
}

static sp_status read_problem(comparing *c, sp_error *err)
{
    sp_status status = cli_model(c->cli, c->cli->operand[0], &c->problem.model, err);
    if (status == SP_OK) status = cli_catalog(c->cli, err);
    if (status == SP_OK) status = read_machines(c, err);
    if (status == SP_OK) status = read_words(c, err);
    if (status == SP_OK && (c->problem.curves || cli_given(c->cli, CLI_O_GOODPUT))) status = cli_goodput_failures(c->cli, &c->problem.failures, err);
    c->problem.catalog = c->cli->catalog;
    c->problem.progress = on_progress;
    c->problem.progress_context = c;
    return status;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *range_json(const sp_range *r)
{
    return json_pack("{s:o, s:o, s:o}", "low", cli_json_real(r->low), "nominal", cli_json_real(r->nominal), "high", cli_json_real(r->high));
}

static json_t *entry_json(comparing *c, const sp_compare_entry *e)
{
    json_t *row = json_pack("{s:o, s:o, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "name", cli_json_text(e->text), "machine", cli_json_text(e->machine->name),
                            "chips", (json_int_t)e->chips, "chips_used", (json_int_t)e->chips_used, "racks", e->racks, "tokens_per_s",
                            e->tokens_per_s.nominal, "mfu", e->mfu, "power_w", e->power_w.nominal, "cost", e->cost_usd.nominal);
    json_object_set_new(row, "available", cli_json_text(e->available));
    json_object_set_new(row, "plan", cli_json_text(cli_plan_text(c->cli, &e->plan)));
    json_object_set_new(row, "precision", json_string(sp_format_name(e->plan.precision)));
    json_object_set_new(row, "gbs", json_integer((json_int_t)e->plan.gbs));
    json_object_set_new(row, "step_time_s", json_real(e->step_time_s));
    json_object_set_new(row, "tokens_per_s_chip", json_real(e->tokens_per_s_chip));
    json_object_set_new(row, "tokens_per_s_rack", e->racks > 0 ? json_real(e->tokens_per_s_rack) : json_null());
    json_object_set_new(row, "limit", cli_json_text(e->limit));
    const struct { const char *key; const sp_range *range; } ranges[] = {
        {"tokens_per_s_range", &e->tokens_per_s}, {"power_w_range", &e->power_w}, {"capital_usd", &e->capital_usd},
        {"usd_per_hour", &e->usd_per_hour}, {"tokens_per_s_watt", &e->tokens_per_s_watt}, {"tokens_per_usd", &e->tokens_per_usd},
        {"days", &e->days}, {"cost_usd", &e->cost_usd}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) json_object_set_new(row, ranges[i].key, range_json(ranges[i].range));
    return row;
}

static json_t *breakeven_json(const comparing *c, const sp_compare_breakeven *b)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "of", cli_json_text(c->result.entry[b->a].text), "to", cli_json_text(c->result.entry[b->b].text),
                     "ratio", range_json(&b->ratio), "chips", range_json(&b->chips), "chips_most", (json_int_t)b->chips_most, "bw", range_json(&b->bw),
                     "bw_best_share", cli_json_real(b->bw_best_share));
}

static json_t *ablation_json(const comparing *c, const sp_compare_ablation *a)
{
    json_t *steps = json_array();
    for (uint32_t i = 0; i < a->n; i++)
        json_array_append_new(steps, json_pack("{s:s, s:s, s:f, s:f}", "layer", a->step[i].layer, "what", a->step[i].what, "tokens_per_s",
                                               a->step[i].tokens_per_s, "gain", a->step[i].gain));
    return json_pack("{s:o, s:o}", "name", cli_json_text(c->result.entry[a->entry].text), "steps", steps);
}

static json_t *swing_json(const comparing *c, const sp_compare_swing *s)
{
    return json_pack("{s:o, s:s, s:o, s:s, s:o, s:f, s:f, s:f, s:f, s:f}", "name", cli_json_text(c->result.entry[s->entry].text), "metric", s->metric,
                     "what", cli_json_text(s->what), "grade", sp_grade_name(s->grade), "source", cli_json_text(s->source), "low", s->low, "nominal",
                     s->nominal, "high", s->high, "at_low", s->at_low, "at_high", s->at_high);
}

static json_t *curve_json(const comparing *c, const sp_compare_curve *curve)
{
    json_t *points = json_array();
    for (uint32_t i = 0; i < curve->n; i++)
        json_array_append_new(points, json_pack("{s:f, s:I, s:f, s:f}", "x", curve->point[i].x, "chips", (json_int_t)curve->point[i].chips, "tokens_per_s",
                                                curve->point[i].tokens_per_s, "mfu", curve->point[i].mfu));
    return json_pack("{s:o, s:s, s:o}", "name", cli_json_text(c->result.entry[curve->entry].text), "axis", sp_compare_axis_name(curve->axis), "points",
                     points);
}

static json_t *searched_json(const sp_comparison *r)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "searches", (json_int_t)r->searches, "legal", (json_int_t)r->searched.legal, "priced", (json_int_t)r->searched.priced,
                     "simulated", (json_int_t)r->searched.simulated);
}

static json_t *result_json(comparing *c)
{
    const sp_comparison *r = &c->result;
    json_t *machines = json_array(), *breakevens = json_array(), *ablation = json_array(), *sensitivity = json_array(), *curves = json_array(),
           *refused = json_array();
    for (uint32_t i = 0; i < r->n; i++) {
        json_t *row = entry_json(c, &r->entry[i]);
        if (c->goodput.n != 0) json_object_set_new(row, "goodput", cli_goodput_json(&c->goodput, i));
        json_array_append_new(machines, row);
    }
    for (uint32_t i = 0; i < r->n_breakevens; i++) json_array_append_new(breakevens, breakeven_json(c, &r->breakeven[i]));
    for (uint32_t i = 0; i < r->n_ablations; i++) json_array_append_new(ablation, ablation_json(c, &r->ablation[i]));
    for (uint32_t i = 0; i < r->n_swings; i++) json_array_append_new(sensitivity, swing_json(c, &r->swing[i]));
    for (uint32_t i = 0; i < r->n_curves; i++) json_array_append_new(curves, curve_json(c, &r->curve[i]));
    for (uint32_t i = 0; i < r->n_refused; i++) json_array_append_new(refused, cli_json_text(r->refused[i]));
    return json_pack("{s:o, s:b, s:I, s:I, s:f, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model", cli_json_text(r->model->name), "complete", r->complete, "gbs", (json_int_t)r->gbs,
                     "seq", (json_int_t)r->seq, "tokens", r->tokens, "precision", sp_format_name(r->recipe), "equal", sp_compare_equal_name(r->equal),
                     "machines", machines, "breakeven", r->n_breakevens ? breakeven_json(c, &r->breakeven[0]) : json_null(), "breakevens", breakevens,
                     "ablation", ablation, "sensitivity", sensitivity, "curves", curves, "refused", refused, "searched", searched_json(r));
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

static cli_table *side_table(comparing *c)
{
    const char **heads = sp_arena_alloc(c->cli->arena, 1 + 2 * (size_t)c->result.n, sizeof *heads);
    char *align = sp_arena_alloc(c->cli->arena, 2 + 2 * (size_t)c->result.n, 1);
    heads[0] = "";
    align[0] = 'l';
    for (uint32_t i = 0; i < c->result.n; i++) {
        heads[1 + 2 * i] = c->result.entry[i].text;
        heads[2 + 2 * i] = "";
        align[1 + 2 * i] = 'r';
        align[2 + 2 * i] = 'l';
    }
    return cli_table_begin(c->cli, align, heads);
}

/* What is known of one machine takes two cells: the value, and its range. */
static void side_cells(cli_run *cli, cli_table *table, const sp_compare_row *row, const sp_compare_entry *entry)
{
    sp_range value = row->of(entry);
    if (row->ranged) {
        cli_table_cell(table, "%s", cli_quantity(cli, value.nominal, row->unit));
        cli_table_cell(table, "%s to %s", cli_quantity(cli, value.low, row->unit), cli_quantity(cli, value.high, row->unit));
        return;
    }
    cli_table_cell(table, "%s", value.nominal > 0 ? cli_quantity(cli, value.nominal, row->unit) : "-");
    cli_table_cell(table, " ");
}

static void print_side(comparing *c)
{
    cli_table *table = side_table(c);
    uint32_t n;
    const sp_compare_row *row = sp_compare_rows(&n);
    for (uint32_t k = 0; k < n; k++) {
        cli_table_cell(table, "%s", row[k].label);
        for (uint32_t i = 0; i < c->result.n; i++)
            side_cells(c->cli, table, &row[k], &c->result.entry[i]);
    }
    cli_table_end(table);
    fputc('\n', c->cli->out);
    cli_paragraph(c->cli, 2, "Ranges: the 5 % and 95 % quantiles of samples in which every uncertain value is drawn at once. Where the number is itself an end of its range, the "
                             "nominal values lie near one end of what is possible, most often the better one. Days are of the steps alone, without failures.");
}

static const char *times(cli_run *cli, double value)
{
    return isfinite(value) ? sp_arena_printf(cli->arena, "%.3g x", value) : "never";
}

static void print_breakeven(comparing *c, const sp_compare_breakeven *b)
{
    cli_run *cli = c->cli;
    const char *first = c->result.entry[b->a].text, *other = c->result.entry[b->b].text;
    fprintf(cli->out, "\n  %s against %s\n", first, other);
    cli_line(cli, "as sized", "%s its tokens/s (%s to %s)", times(cli, b->ratio.nominal), times(cli, b->ratio.low), times(cli, b->ratio.high));
    if (isfinite(b->chips.nominal))
        cli_line(cli, "chips", "reaches it with %s as many chips as %s (%s to %s)", times(cli, b->chips.nominal), other, times(cli, b->chips.low), times(cli, b->chips.high));
    else
        cli_line(cli, "chips", "more chips alone do not reach it: its kind of machine ends at %u", b->chips_most);
    if (b->bw.nominal <= SP_COMPARE_BW_LEAST)
        cli_line(cli, "links", "is above it even with links 1/%.0f as fast", 1 / SP_COMPARE_BW_LEAST);
    else if (isfinite(b->bw.nominal))
        cli_line(cli, "links", "reaches it with links %s as fast (%s to %s)", times(cli, b->bw.nominal), times(cli, b->bw.low), times(cli, b->bw.high));
    else
        cli_line(cli, "links", "faster links alone do not reach it: %.0f %% of it with links 64 times as fast", 100 * b->bw_best_share);
}

static void print_ablation(comparing *c, const sp_compare_ablation *a)
{
    fprintf(c->cli->out, "\n  from naive to tuned on %s\n", c->result.entry[a->entry].text);
    cli_table *table = cli_table_begin(c->cli, "lrrw", (const char *const[]){"layer", "tokens/s", "gain", "what"});
    for (uint32_t i = 0; i < a->n; i++) {
        cli_table_cell(table, "%s", a->step[i].layer);
        cli_table_cell(table, "%s", cli_quantity(c->cli, a->step[i].tokens_per_s, SP_UNIT_COUNT));
        cli_table_cell(table, i ? "%.2f x" : "-", a->step[i].gain);
        cli_table_cell(table, "%s", a->step[i].what);
    }
    cli_table_end(table);
}

static void print_swings(comparing *c, const char *metric, const char *title)
{
    cli_run *cli = c->cli;
    fprintf(cli->out, "\n  values that move %s most, each alone\n", title);
    cli_table *table = cli_table_begin(cli, "llrrrrl", (const char *const[]){"value", "on", "low", "high", "at low", "at high", "grade"});
    for (uint32_t i = 0; i < c->result.n_swings; i++) {
        const sp_compare_swing *s = &c->result.swing[i];
        if (strcmp(s->metric, metric) != 0) continue;
        cli_table_cell(table, "%s", s->what);
        cli_table_cell(table, "%s", c->result.entry[s->entry].text);
        cli_table_cell(table, "%s", cli_quantity(cli, s->low, s->unit));
        cli_table_cell(table, "%s", cli_quantity(cli, s->high, s->unit));
        cli_table_cell(table, "%+.1f %%", 100 * (s->at_low - 1));
        cli_table_cell(table, "%+.1f %%", 100 * (s->at_high - 1));
        cli_table_cell(table, "%s", sp_grade_name(s->grade));
    }
    cli_table_end(table);
}

static void print_curves(comparing *c)
{
    static const char *const heads[SP_CURVES] = {"over chips", "over the speed of all links", "over the FLOPS of a chip",
                                                  "over how often parts fail: what is left"};
    for (uint32_t i = 0; i < c->result.n_curves; i++) {
        const sp_compare_curve *curve = &c->result.curve[i];
        fprintf(c->cli->out, "\n  %s %s\n", c->result.entry[curve->entry].text, heads[curve->axis]);
        cli_table *table = cli_table_begin(c->cli, "rrr", (const char *const[]){"", "tokens/s", "MFU"});
        for (uint32_t p = 0; p < curve->n; p++) {
            cli_table_cell(table, curve->axis == SP_CURVE_CHIPS ? "%.0f" : "x %.3g", curve->point[p].x);
            cli_table_cell(table, "%s", cli_quantity(c->cli, curve->point[p].tokens_per_s, SP_UNIT_COUNT));
            cli_table_cell(table, "%.1f %%", 100 * curve->point[p].mfu);
        }
        cli_table_end(table);
    }
}

/* A pod beside a rack says little; that is asked for by --equal. */
static void print_sizes(comparing *c)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i < c->result.n; i++) {
        least = c->result.entry[i].chips < least ? c->result.entry[i].chips : least;
        most = c->result.entry[i].chips > most ? c->result.entry[i].chips : most;
    }
    if (c->result.equal == SP_EQUAL_NONE && most > least)
        cli_line(c->cli, "sizes", "as named, %u to %u chips; --equal chips, power, price or racks makes them alike", least, most);
}

static void print_all(comparing *c)
{
    const sp_comparison *r = &c->result;
    cli_run *cli = c->cli;
    fprintf(cli->out, "%s%s on %u machine%s%s\n", cli_strong(cli, true), r->model->name, r->n, r->n == 1 ? "" : "s", cli_strong(cli, false));
    if (!r->complete)
        cli_line(cli, "PARTIAL", "interrupted: %u of %u machines, %u of %u break-evens%s", r->n, c->problem.n_machines - r->n_refused, r->n_breakevens,
                 c->problem.n_machines - r->n_refused - 1, c->problem.ablate || c->problem.sensitivity || c->problem.curves ? "; of what else was asked, what stands below" : "");
    cli_line(cli, "held equal", "%s tokens, %llu sequences of %llu a step, %s%s%s", cli_quantity(cli, r->tokens, SP_UNIT_COUNT),
             (unsigned long long)r->gbs, (unsigned long long)r->seq, c->problem.best_precision ? "each its best format" : sp_format_name(r->recipe),
             r->equal ? ", equal " : "", r->equal ? sp_compare_equal_name(r->equal) : "");
    for (uint32_t i = 0; i < r->n_refused; i++) cli_line(cli, "left out", "%s", r->refused[i]);
    print_sizes(c);
    fputc('\n', cli->out);
    print_side(c);
    cli_goodput_print(cli, r, &c->goodput);
    for (uint32_t i = 0; i < r->n; i++) {
        fprintf(cli->out, "\n  %s: %s\n", r->entry[i].text, r->entry[i].limit);
        cli_paragraph(cli, 4, cli_plan_text(cli, &r->entry[i].plan));
    }
    for (uint32_t i = 0; i < r->n_breakevens; i++) print_breakeven(c, &r->breakeven[i]);
    for (uint32_t i = 0; i < r->n_ablations; i++) print_ablation(c, &r->ablation[i]);
    if (r->n_swings) print_swings(c, "tokens_per_s", "throughput");
    if (r->n_swings) print_swings(c, "cost_usd", "the cost of training");
    if (cli_given(cli, CLI_O_CURVES)) print_curves(c);
}

/* ---- the verb -------------------------------------------------------------------------------------------------------- */

static void list_sources(comparing *c, cli_sources *sources)
{
    for (uint32_t i = 0; i < c->result.n; i++)
        (void)cli_sources_of_step(c->cli, c->result.entry[i].machine, NULL, c->result.entry[i].plan.software, sources, NULL);   /* a stack was found before */
    c->cli->guesses = cli_sources_guesses(sources);
}

int cli_cmd_compare(cli_run *cli)
{
    sp_error err = {0};
    comparing c = {.cli = cli};
    cli_sources sources = {0};
    if (read_problem(&c, &err) != SP_OK) return cli_fail(cli, &err);
    c.progress = cli_progress_begin(cli);
    sp_status status = sp_compare(&c.problem, cli->arena, &c.result, &err), stopped = SP_OK;
    cli_progress_end(&c.progress);
    if (status == SP_E_INTERRUPTED && c.result.n > 0) {   /* what is complete is an answer with a mark on it; no page is made of it */
        stopped = status;
        status = SP_OK;
        if (cli_given(cli, CLI_O_HTML))
            sp_error_set(&err, stopped, NULL, 0, 0, "interrupted; what was complete is shown, %s is not written", cli->value[CLI_O_HTML]);
    }
    sp_error interrupted = err;
    if (status == SP_OK) status = cli_goodput_read(cli, &c.result, c.problem.failures, &c.goodput, &err);
    if (status == SP_OK && stopped == SP_OK && cli_given(cli, CLI_O_HTML)) status = sp_report_compare_html(cli->value[CLI_O_HTML], &c.result, &err);
    if (status != SP_OK) return cli_fail(cli, &err);
    list_sources(&c, &sources);
    if (cli_given(cli, CLI_O_JSON)) {
        json_t *result = result_json(&c);
        if (cli_given(cli, CLI_O_SOURCES)) json_object_set_new(result, "sources", cli_json_sources(&sources));
        if (cli_json_emit(cli, result, &err) != SP_OK) return cli_fail(cli, &err);
        return stopped == SP_OK ? CLI_EXIT_OK : cli_fail(cli, &interrupted);
    }
    print_all(&c);
    if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    return stopped == SP_OK ? CLI_EXIT_OK : cli_fail(cli, &interrupted);
}
