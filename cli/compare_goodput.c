/* compare --goodput: what failures leave of each machine's tokens. */
#include "compare_goodput.h"

#include <math.h>
#include <string.h>

#define RATES_APART 3.0   /* rates of failures are known within a factor of three: Meta's two clusters differ by 2.8 */

sp_status cli_goodput_failures(cli_run *cli, const sp_failures **out, sp_error *err)
{
    sp_failures *failures = sp_arena_alloc(cli->arena, 1, sizeof *failures);
    if (failures == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    /* causes by chip: hosts differ in their chips, and a rate by host would favour the larger ones */
    if (!cli_given(cli, CLI_O_FAILURES)) cli->value[CLI_O_FAILURES] = "llama3";
    *out = failures;
    return cli_failures(cli, failures, err);
}

sp_status cli_goodput_read(cli_run *cli, const sp_comparison *r, const sp_failures *failures, cli_goodput *out, sp_error *err)
{
    sp_status status = SP_OK;
    *out = (cli_goodput){0};
    if (!cli_given(cli, CLI_O_GOODPUT)) return SP_OK;
    *out = (cli_goodput){.n = r->n, .row = sp_arena_alloc(cli->arena, r->n, sizeof *out->row), .failures = failures};
    if (out->row == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t i = 0; i < r->n && status == SP_OK; i++) {
        const sp_compare_entry *e = &r->entry[i];
        cli_goodput_row *row = &out->row[i];
        sp_goodput_query query = sp_goodput_query_default(e->machine);
        double scale[3] = {RATES_APART, 1, 1 / RATES_APART}, share[3];
        for (int k = 0; k < 3 && status == SP_OK; k++) {
            sp_goodput g;
            query.fail_scale = scale[k];
            status = sp_study_goodput(e->machine, r->model, &e->plan, failures, &query, &g, err);
            if (status != SP_OK) break;
            share[k] = g.ettr;
            if (k == 1) row->goodput = g;
        }
        if (status != SP_OK) break;
        row->healthy = 86400 * e->tokens_per_s.nominal;
        row->useful = (sp_range){.low = 86400 * e->tokens_per_s.low * share[0], .nominal = row->healthy * share[1], .high = 86400 * e->tokens_per_s.high * share[2]};
    }
    return status;
}

json_t *cli_goodput_json(const cli_goodput *g, uint32_t i)
{
    const cli_goodput_row *row = &g->row[i];
    return json_pack("{s:o, s:f, s:{s:f, s:f, s:f}, s:f, s:o, s:f, s:f, s:f, s:f, s:I}", "failures", cli_json_text(g->failures->name), "healthy_tokens_per_day", row->healthy,
                     "useful_tokens_per_day", "low", row->useful.low, "nominal", row->useful.nominal, "high", row->useful.high, "ettr", row->goodput.ettr, "mtbf_s",
                     cli_json_real(row->goodput.mtbf_s), "restart_s", row->goodput.restart_s, "state_bytes_chip", row->goodput.state_bytes_chip, "checkpoint_s",
                     row->goodput.checkpoint_s, "interval_s", isfinite(row->goodput.interval_s) ? row->goodput.interval_s : 0, "standby_chips",
                     (json_int_t)row->goodput.standby_chips);
}

void cli_goodput_print(cli_run *cli, const sp_comparison *r, const cli_goodput *g)
{
    if (g->n == 0) return;
    fprintf(cli->out, "\n  useful tokens a day, after failures (%s)\n", g->failures->title != NULL ? g->failures->title : g->failures->name);
    cli_table *table = cli_table_begin(cli, "lrrlrrrrr", (const char *const[]){"", "healthy", "useful", "", "left", "a stop every", "checkpoint", "every", "stand by"});
    for (uint32_t i = 0; i < g->n; i++) {
        const cli_goodput_row *row = &g->row[i];
        cli_table_cell(table, "%s", r->entry[i].text);
        cli_table_cell(table, "%s", cli_quantity(cli, row->healthy, SP_UNIT_COUNT));
        cli_table_cell(table, "%s", cli_quantity(cli, row->useful.nominal, SP_UNIT_COUNT));
        cli_table_cell(table, "%s to %s", cli_quantity(cli, row->useful.low, SP_UNIT_COUNT), cli_quantity(cli, row->useful.high, SP_UNIT_COUNT));
        cli_table_cell(table, "%.1f %%", 100 * row->goodput.ettr);
        if (isfinite(row->goodput.mtbf_s)) {
            cli_table_quantity(table, row->goodput.mtbf_s, SP_UNIT_SECONDS);
            cli_table_quantity(table, row->goodput.checkpoint_s, SP_UNIT_SECONDS);
            cli_table_quantity(table, row->goodput.interval_s, SP_UNIT_SECONDS);
        } else {
            for (int k = 0; k < 3; k++) cli_table_cell(table, "-");
        }
        cli_table_cell(table, "%llu chips", (unsigned long long)row->goodput.standby_chips);
    }
    cli_table_end(table);
}
