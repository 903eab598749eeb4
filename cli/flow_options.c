/* Options of the flow engine: routing, seed, faults. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "WHAT=FACTOR" words, each parsed by itself. */
static sp_status read_slow(cli_run *cli, const sp_router *router, sp_fault **faults, uint32_t *n, sp_error *err)
{
    const char *text = cli_text(cli, CLI_O_SLOW);
    for (size_t at = 0; text[at];) {
        size_t length = strcspn(text + at, " \t\n");
        char *word = sp_arena_strndup(cli->arena, text + at, length), *end, *equal = word ? strrchr(word, '=') : NULL;
        if (length && equal == NULL)
            return sp_error_set(err, SP_E_PARSE, NULL, 1, (uint32_t)at + 1, "found '%s'; expected what is slow and the part of its rate that "
                                "is left, as link:0-3=0.5", word);
        double factor = length ? strtod(equal + 1, &end) : 1;
        if (length && (end == equal + 1 || *end || !(factor > 0 && factor <= 1)))
            return sp_error_set(err, SP_E_RANGE, NULL, 1, (uint32_t)(at + (size_t)(equal - word)) + 2,
                                "found '%s'; expected the part of the rate that is left, above 0 and at most 1", equal + 1);
        if (length) *equal = '\0';
        sp_status status = length ? sp_fault_parse(router, word, factor, cli->arena, faults, n, err) : SP_OK;
        if (status != SP_OK) {
            err->column += (uint32_t)at;
            return status;
        }
        at += length + (text[at + length] != '\0');
    }
    return SP_OK;
}

sp_status cli_flow_options(cli_run *cli, const sp_machine *machine, sp_flow_options *out, sp_error *err)
{
    sp_router *router = NULL;
    sp_fault *faults = NULL;
    uint32_t n = 0;
    *out = (sp_flow_options){.seed = cli_count(cli, CLI_O_SEED)};
    for (int r = 0; r < SP_ROUTINGS; r++)
        if (strcmp(cli_text(cli, CLI_O_ROUTING), sp_routing_name((sp_routing)r)) == 0) out->routing = (sp_routing)r;
    sp_status status = sp_router_create(machine, 0, out->routing, out->seed, NULL, 0, &router, err);
    if (status == SP_OK && cli_given(cli, CLI_O_FAIL) &&
        (status = sp_fault_parse(router, cli_text(cli, CLI_O_FAIL), 0, cli->arena, &faults, &n, err)) != SP_OK)
        cli_blame_option(CLI_O_FAIL, err);
    if (status == SP_OK && cli_given(cli, CLI_O_SLOW) && (status = read_slow(cli, router, &faults, &n, err)) != SP_OK)
        cli_blame_option(CLI_O_SLOW, err);
    sp_router_destroy(router);
    out->faults = faults;
    out->n_faults = n;
    return status;
}
