/* superpod validate FILE.csv...: predictions against published measurements. */
#include "output.h"
#include "superpod/study.h"

#include <math.h>
#include <string.h>

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static json_t *score_json(const sp_study_score *s)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "rows", (json_int_t)s->rows, "expressed", (json_int_t)s->expressed, "median_ape",
                     cli_json_real(s->median_ape), "p90_ape", cli_json_real(s->p90_ape), "bias", cli_json_real(s->bias));
}

static json_t *row_json(const sp_study_row *row)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "id", cli_json_text(row->id), "kind",
                     sp_study_kind_name(row->kind), "hw_class", cli_json_text(row->hw_class), "source", cli_json_text(row->source),
                     "label", cli_json_text(row->label), "metric", cli_json_text(row->metric), "predicted", cli_json_real(row->predicted),
                     "measured", cli_json_real(row->measured), "ape", cli_json_real(row->ape), "status", sp_study_status_name(row->status),
                     "reason", cli_json_text(row->reason), "complete", row->full, "recompute_assumed", row->recompute_assumed, "layout_assumed", row->layout_assumed, "machine",
                     cli_json_text(row->machine), "plan", cli_json_text(row->plan), "peak_gib", cli_json_real(row->peak_gib),
                     "measured_peak_gib", cli_json_real(row->measured_peak_gib));
}

static json_t *group_json(const sp_study_group *g)
{
    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "kind", sp_study_kind_name(g->kind), "hw_class", cli_json_text(g->hw_class),
                     "source", cli_json_text(g->source), "n", (json_int_t)g->score.expressed, "rows", (json_int_t)g->score.rows, "median_ape",
                     cli_json_real(g->score.median_ape), "p90_ape", cli_json_real(g->score.p90_ape), "bias", cli_json_real(g->score.bias));
}

static json_t *result_json(const sp_study *study)
{
    json_t *rows = json_array(), *groups = json_array(), *classes = json_array(), *kinds = json_object();
    for (uint32_t i = 0; i < study->n_rows; i++) json_array_append_new(rows, row_json(&study->rows[i]));
    for (uint32_t i = 0; i < study->n_groups; i++) json_array_append_new(groups, group_json(&study->groups[i]));
    for (uint32_t i = 0; i < study->n_classes; i++) json_array_append_new(classes, group_json(&study->classes[i]));
    for (sp_study_kind k = 0; k < SP_STUDY_KINDS; k++) json_object_set_new(kinds, sp_study_kind_name(k), score_json(&study->kind[k]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "rows", rows, "summary", score_json(&study->summary), "kinds", kinds,
                     "groups", groups, "classes", classes, "secondary", score_json(&study->secondary), "recompute_assumed",
                     score_json(&study->recompute_assumed), "recompute_stated", score_json(&study->recompute_stated), "layout_assumed", score_json(&study->layout_assumed), "complete",
                     score_json(&study->full), "memory", score_json(&study->memory), "constants_fitted", (json_int_t)study->constants_fitted);
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void percent(cli_table *table, double fraction, bool sign)
{
    if (isfinite(fraction)) cli_table_cell(table, sign ? "%+.1f %%" : "%.1f %%", 100 * fraction);
    else cli_table_cell(table, "-");
}

static void score_cells(cli_table *table, const sp_study_score *s)
{
    cli_table_cell(table, "%u", s->rows);
    cli_table_cell(table, "%u", s->expressed);
    percent(table, s->median_ape, false);
    percent(table, s->p90_ape, false);
    percent(table, s->bias, true);
}

static cli_table *score_table(cli_run *cli, const char *first)
{
    return cli_table_begin(cli, "lrrrrr", (const char *const[]){first, "rows", "expressed", "median", "p90", "bias"});
}

static void print_totals(cli_run *cli, const sp_study *study)
{
    const struct { const char *name; const sp_study_score *score; } more[] = {
        {"training, complete configuration", &study->full}, {"training, recompute stated", &study->recompute_stated},
        {"training, recompute assumed", &study->recompute_assumed}, {"layout assumed", &study->layout_assumed},
        {"training, peak memory (apart)", &study->memory}, {"secondary evidence (apart)", &study->secondary}};
    cli_table *table = score_table(cli, "rows of");
    cli_table_cell(table, "all");
    score_cells(table, &study->summary);
    for (sp_study_kind k = 0; k < SP_STUDY_KINDS; k++) {
        if (study->kind[k].rows == 0) continue;
        cli_table_cell(table, "%s", sp_study_kind_name(k));
        score_cells(table, &study->kind[k]);
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        if (more[i].score->rows == 0) continue;
        cli_table_cell(table, "%s", more[i].name);
        score_cells(table, more[i].score);
    }
    cli_table_end(table);
    fprintf(cli->out, "\nconstants fitted to measurements: %u\n\n", study->constants_fitted);
}

static void print_groups(cli_run *cli, const sp_study_group *groups, uint32_t n, bool sources)
{
    cli_table *table = score_table(cli, sources ? "class, source" : "class");
    for (uint32_t i = 0; i < n; i++) {
        if (sources) cli_table_cell(table, "%s, %.48s", groups[i].hw_class, groups[i].source);
        else cli_table_cell(table, "%s, %s", sp_study_kind_name(groups[i].kind), groups[i].hw_class);
        score_cells(table, &groups[i].score);
    }
    cli_table_end(table);
    fputc('\n', cli->out);
}

static void print_rows(cli_run *cli, const sp_study *study)
{
    cli_table *table = cli_table_begin(cli, "lllrrrl", (const char *const[]){"row", "class", "metric", "predicted", "measured", "error", "what"});
    for (uint32_t i = 0; i < study->n_rows; i++) {
        const sp_study_row *row = &study->rows[i];
        cli_table_cell(table, "%s", row->id);
        cli_table_cell(table, "%s", row->hw_class);
        cli_table_cell(table, "%s", row->metric != NULL ? row->metric : "-");
        cli_table_cell(table, isfinite(row->predicted) ? "%.4g" : "-", row->predicted);
        cli_table_cell(table, isfinite(row->measured) ? "%.4g" : "-", row->measured);
        percent(table, row->ape, false);
        cli_table_cell(table, "%.40s%s%.100s", row->label, row->status == SP_STUDY_UNEXPRESSED ? ": " : "",
                       row->status == SP_STUDY_UNEXPRESSED ? row->reason : "");
    }
    cli_table_end(table);
}

/* How many rows say nothing. */
static void print_reasons(cli_run *cli, const sp_study *study)
{
    uint32_t n = study->summary.rows - study->summary.expressed;
    if (n != 0) fprintf(cli->out, "%u rows are not expressed; --rows lists them with the reason\n", n);
}

int cli_cmd_validate(cli_run *cli)
{
    sp_error err = {0};
    sp_study study;
    if (cli_catalog(cli, &err) != SP_OK) return cli_fail(cli, &err);
    for (uint32_t i = 0; i < cli->n_operands; i++) cli_input_add(cli, cli->operand[i]);
    cli_progress progress = cli_progress_begin(cli);
    cli_progress_show(&progress, "predicting ...");
    cli_interrupt_ends(true);
    sp_status status = sp_study_validate(cli->catalog, cli->operand, cli->n_operands, cli->arena, &study, &err);
    cli_interrupt_ends(false);
    cli_progress_end(&progress);
    if (status != SP_OK) return cli_fail(cli, &err);
    if (cli_given(cli, CLI_O_REPORT) && sp_study_page(cli_text(cli, CLI_O_REPORT), &study, &err) != SP_OK) return cli_fail(cli, &err);
    if (cli_given(cli, CLI_O_GOLDEN) && sp_study_scores_write(cli_text(cli, CLI_O_GOLDEN), &study, &err) != SP_OK) return cli_fail(cli, &err);
    cli->guesses = study.guesses;
    if (cli_given(cli, CLI_O_JSON)) return cli_json_emit(cli, result_json(&study), &err) == SP_OK ? CLI_EXIT_OK : cli_fail(cli, &err);
    print_totals(cli, &study);
    print_groups(cli, study.classes, study.n_classes, false);
    print_groups(cli, study.groups, study.n_groups, true);
    if (cli_given(cli, CLI_O_ROWS)) print_rows(cli, &study);
    else print_reasons(cli, &study);
    return CLI_EXIT_OK;
}
