/* superpod calibrate [FILE.csv...]: the constants of the catalog, fitted to measurements. */
#include "output.h"
#include "superpod/study.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#define LEFT_OUT_MOST 1.5        /* error with the group left out, of the fitted error         */
#define CORRELATION_LEAST 0.9
#define DISTANCE_MOST 0.05

static double ratio(double left_out, double fitted) { return fitted > 0 ? left_out / fitted : 1; }

static json_t *constant_json(const sp_study_constant *c)
{
    json_t *files = json_array();
    for (uint32_t f = 0; f < c->n_places; f++) json_array_append_new(files, json_string(c->places[f].file));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o}", "part", c->part, "of", c->of, "key", c->key, "unit",
                     c->unit, "kept", cli_json_text(c->kept), "files", files, "value", cli_json_real(c->value), "low", cli_json_real(c->low), "high", cli_json_real(c->high),
                     "catalog", cli_json_real(c->catalog), "rows", (json_int_t)c->rows, "groups", (json_int_t)c->groups, "error_fitted",
                     cli_json_real(c->error_fitted), "error_left_out", cli_json_real(c->error_left_out));
}

static json_t *ranks_json(const sp_study_ranks *r)
{
    return json_pack("{s:I, s:o, s:o}", "groups", (json_int_t)r->groups, "correlation", cli_json_real(r->correlation), "distance",
                     cli_json_real(r->distance));
}

static json_t *left_json(const sp_study_left *l)
{
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "part", l->part, "name", l->name, "rows", (json_int_t)l->rows, "error_fitted",
                     cli_json_real(l->error_fitted), "error_left_out", cli_json_real(l->error_left_out), "of", cli_json_text(l->of), "key",
                     cli_json_text(l->key), "moved_by", cli_json_real(l->moved_by));
}

static json_t *result_json(const sp_study_calibration *all, uint32_t changed)
{
    json_t *constants = json_array(), *fits = json_array(), *left = json_array(), *ranking = json_null();
    for (uint32_t k = 0; k < all->n_constants; k++) json_array_append_new(constants, constant_json(&all->constants[k]));
    for (uint32_t p = 0; p < all->n_fits; p++)
        json_array_append_new(fits, json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "name", all->fit[p].name, "rows", (json_int_t)all->fit[p].rows,
                                              "groups", (json_int_t)all->fit[p].groups, "constants", (json_int_t)all->fit[p].constants,
                                              "error_fitted", cli_json_real(all->fit[p].error_fitted), "error_left_out",
                                              cli_json_real(all->fit[p].error_left_out)));
    for (uint32_t i = 0; i < all->n_left; i++) json_array_append_new(left, left_json(&all->left[i]));
    if (all->ranking.layouts)
        ranking = json_pack("{s:I, s:o, s:o}", "layouts", (json_int_t)all->ranking.layouts, "models", ranks_json(&all->ranking.models), "jobs",
                            ranks_json(&all->ranking.jobs));
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:I}", "constants", constants, "constants_fitted", (json_int_t)all->n_fitted, "parts", fits, "left_out", left,
                     "ranking", ranking, "files_changed", (json_int_t)changed);
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void print_constants(cli_run *cli, const sp_study_calibration *all)
{
    cli_table *table = cli_table_begin(cli, "llrrrrrrrl", (const char *const[]){"of", "constant", "catalog", "fitted", "low", "high", "rows",
                                                                                "error", "left out", ""});
    for (uint32_t k = 0; k < all->n_constants; k++) {
        const sp_study_constant *c = &all->constants[k];
        cli_table_cell(table, "%s", c->of);
        cli_table_cell(table, "%s", c->key);
        cli_table_cell(table, "%.4g%s", c->catalog, c->unit);
        cli_table_cell(table, "%.4g%s", c->value, c->unit);
        cli_table_cell(table, "%.4g", c->low);
        cli_table_cell(table, "%.4g", c->high);
        cli_table_cell(table, "%u", c->rows);
        cli_table_cell(table, "%.3f", c->error_fitted);
        cli_table_cell(table, "%.3f", c->error_left_out);
        if (c->kept) cli_table_cell(table, "not fitted: %s", c->kept);
        else if (ratio(c->error_left_out, c->error_fitted) > LEFT_OUT_MOST)
            cli_table_cell(table, "x %.2f left out, above %.1f", ratio(c->error_left_out, c->error_fitted), LEFT_OUT_MOST);
        else cli_table_cell(table, " ");
    }
    cli_table_end(table);
}

static void print_fits(cli_run *cli, const sp_study_calibration *all)
{
    fprintf(cli->out, "\nconstants fitted: %u\n\n", all->n_fitted);
    cli_table *table = cli_table_begin(cli, "lrrrrr", (const char *const[]){"part", "rows", "groups", "constants", "error", "left out"});
    for (uint32_t p = 0; p < all->n_fits; p++) {
        cli_table_cell(table, "%s", all->fit[p].name);
        cli_table_cell(table, "%u", all->fit[p].rows);
        cli_table_cell(table, "%u", all->fit[p].groups);
        cli_table_cell(table, "%u", all->fit[p].constants);
        cli_table_cell(table, "%.3f", all->fit[p].error_fitted);
        cli_table_cell(table, "%.3f", all->fit[p].error_left_out);
    }
    cli_table_end(table);
    fprintf(cli->out, "\nerror: mean of |ln(predicted / measured)| over the rows of the family or line, a row at most 0.5;\n"
                      "left out: every %s of rows predicted by constants fitted without it\n", cli_text(cli, CLI_O_LEAVE_OUT));
}

/* Groups are too many to list. */
static void print_left(cli_run *cli, const sp_study_calibration *all)
{
    if (strcmp(cli_text(cli, CLI_O_LEAVE_OUT), sp_study_leave_name(SP_STUDY_LEAVE_GROUP)) == 0) return;
    fputs("\n", cli->out);
    cli_table *table = cli_table_begin(cli, "llrrrll", (const char *const[]){"part", "without", "rows", "error", "left out", "", "what moves most"});
    for (uint32_t i = 0; i < all->n_left; i++) {
        const sp_study_left *l = &all->left[i];
        cli_table_cell(table, "%s", l->part);
        cli_table_cell(table, "%s", l->name);
        cli_table_cell(table, "%u", l->rows);
        cli_table_cell(table, "%.3f", l->error_fitted);
        cli_table_cell(table, "%.3f", l->error_left_out);
        cli_table_cell(table, "%s", ratio(l->error_left_out, l->error_fitted) > LEFT_OUT_MOST ? "above 1.5" : " ");
        if (l->of) cli_table_cell(table, "%s %s x %.2f", l->of, l->key, l->moved_by);
        else cli_table_cell(table, "nothing");
    }
    cli_table_end(table);
}

static void print_ranking(cli_run *cli, const sp_study_ranking *r)
{
    const struct { const char *name; const sp_study_ranks *ranks; } of[] = {{"models", &r->models}, {"jobs", &r->jobs}};
    for (size_t i = 0; i < 2 && r->layouts; i++)
        fprintf(cli->out, "%slayouts of %u %s: rank correlation %.3f, predicted best %.1f %% off the measured best (medians)\n", i ? "" : "\n",
                of[i].ranks->groups, of[i].name, of[i].ranks->correlation, 100 * of[i].ranks->distance);
}

/* ---- the check ---------------------------------------------------------------------------------------------------- */

/* Constants further off than the rule allows when a group is left out, told; the check does not fail on them: it says that the catalog is
 * what the rows say, not how good the rows are. */
static bool passes(cli_run *cli, const sp_study_calibration *all, uint32_t changed)
{
    bool good = changed == 0;
    if (changed) fprintf(cli->out, "\ncheck: %u files of the catalog are not what is fitted; --write %s renews them\n", changed, cli->catalog_dir);
    if (all->ranking.layouts && !(all->ranking.models.correlation >= CORRELATION_LEAST && all->ranking.models.distance <= DISTANCE_MOST)) {
        good = false;
        fputs("\ncheck: layouts are not ranked as measured\n", cli->out);
    }
    if (good) fputs("\ncheck: the catalog is what is fitted\n", cli->out);
    return good;
}

/* The tables beside the catalog, where none are named. */
static sp_status standard_files(cli_run *cli, const char **paths, uint32_t *n, sp_error *err)
{
    static const char *const names[] = {"kernels.csv", "collectives.csv", "training.csv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = sp_arena_printf(cli->arena, "%s/../validation/%s", cli->catalog_dir, names[i]);
        if (path == NULL || access(path, R_OK) != 0)
            return sp_error_set(err, SP_E_IO, "command line", 0, 0, "FILE.csv is missing: there is no %s beside the catalog %s", names[i],
                                cli->catalog_dir);
        paths[(*n)++] = path;
    }
    return SP_OK;
}

int cli_cmd_calibrate(cli_run *cli)
{
    sp_error err = {0};
    sp_study_calibration all;
    const char *paths[CLI_OPERANDS_GIVEN];
    uint32_t n = 0, changed = 0;
    if (cli_catalog(cli, &err) != SP_OK) return cli_fail(cli, &err);
    sp_study_leave leave = SP_STUDY_LEAVE_GROUP;
    while (strcmp(cli_text(cli, CLI_O_LEAVE_OUT), sp_study_leave_name(leave)) != 0) leave++;
    if (leave != SP_STUDY_LEAVE_GROUP && (cli_given(cli, CLI_O_CHECK) || cli_given(cli, CLI_O_WRITE))) {
        sp_error_set(&err, SP_E_INVAL, "command line", 0, 0, "intervals in the catalog are of groups left out; give --leave-out %s without --check and "
                     "--write", sp_study_leave_name(leave));
        return cli_fail(cli, &err);
    }
    for (; n < cli->n_operands; n++) paths[n] = cli->operand[n];
    if (n == 0 && standard_files(cli, paths, &n, &err) != SP_OK) return cli_fail(cli, &err);
    for (uint32_t i = 0; i < n; i++) cli_input_add(cli, paths[i]);
    cli_progress progress = cli_progress_begin(cli);
    cli_progress_show(&progress, "fitting ...");
    cli_interrupt_ends(true);   /* a fit has nothing to show before its end */
    sp_status status = sp_study_calibrate(cli->catalog, paths, n, cli_text(cli, CLI_O_ONLY), leave, cli->arena, &all, &err);
    cli_interrupt_ends(false);
    cli_progress_end(&progress);
    if (status != SP_OK || sp_study_calibration_write(&all, cli->catalog_dir, cli_text(cli, CLI_O_WRITE), cli->arena, &changed, &err) != SP_OK)
        return cli_fail(cli, &err);
    bool json = cli_given(cli, CLI_O_JSON), good = true;
    if (json) {
        if (cli_json_emit(cli, result_json(&all, changed), &err) != SP_OK) return cli_fail(cli, &err);
    } else {
        print_constants(cli, &all);
        print_fits(cli, &all);
        print_left(cli, &all);
        print_ranking(cli, &all.ranking);
    }
    if (cli_given(cli, CLI_O_CHECK)) good = json ? changed == 0 : passes(cli, &all, changed);
    return good ? CLI_EXIT_OK : CLI_EXIT_UNFIT;
}
