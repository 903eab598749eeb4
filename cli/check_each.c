/* What `chip check`, `machine check` and `model check` share: one thing that was named, or all of a kind that the catalog has. */
#include "output.h"

void cli_check_sourced(cli_run *cli, const char *name, const char *fault, const cli_sources *sources, json_t *rows)
{
    size_t guesses = cli_sources_guesses(sources);
    cli->guesses += guesses;
    json_t *row = json_pack("{s:o, s:b, s:o, s:I}", "name", cli_json_text(name), "ok", fault == NULL, "error", cli_json_text(fault), "guesses",
                            (json_int_t)guesses);
    if (cli_given(cli, CLI_O_SOURCES)) json_object_set_new(row, "sources", cli_json_sources(sources));
    json_array_append_new(rows, row);
    if (cli_given(cli, CLI_O_JSON)) return;
    fprintf(cli->out, "%-28s %s%s  (%zu of %zu values are guesses)\n", name, fault == NULL ? "ok" : "FAILED: ", fault == NULL ? "" : fault, guesses,
            sources->n);
    if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, sources);
}

int cli_check_each(cli_run *cli, size_t count, const char *(*name)(const sp_catalog *catalog, size_t index), cli_check *check)
{
    sp_error err = {0};
    json_t *rows = json_array();
    bool ok = true;
    size_t n = cli->n_operands != 0 ? 1 : count;
    for (size_t i = 0; i < n; i++) {
        bool good = false;
        if (check(cli, cli->n_operands != 0 ? cli->operand[0] : name(cli->catalog, i), rows, &good, &err) != SP_OK) {
            json_decref(rows);
            return cli_fail(cli, &err);
        }
        ok = ok && good;
    }
    if (!cli_given(cli, CLI_O_JSON)) json_decref(rows);
    else if (cli_json_emit(cli, json_pack("{s:s, s:b, s:o}", "action", "check", "ok", ok, "checked", rows), &err) != SP_OK)
        return cli_fail(cli, &err);
    return ok ? CLI_EXIT_OK : CLI_EXIT_UNFIT;
}
