/* Options of the flow engine: routing, seed, faults. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Faults of a machine or of a graph; one of the two is NULL. */
static sp_status parse(cli_run *cli, const sp_router *router, const sp_net *net, const char *text, double factor, sp_fault **faults, uint32_t *n, sp_error *err)
{
    return net != NULL ? sp_net_fault_parse(net, text, factor, cli->arena, faults, n, err) : sp_fault_parse(router, text, factor, cli->arena, faults, n, err);
}

/* "WHAT=FACTOR" words, each parsed by itself. */
static sp_status read_slow(cli_run *cli, const sp_router *router, const sp_net *net, sp_fault **faults, uint32_t *n, sp_error *err)
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
        sp_status status = length ? parse(cli, router, net, word, factor, faults, n, err) : SP_OK;
        if (status != SP_OK) {
            err->column += (uint32_t)at;
            return status;
        }
        at += length + (text[at + length] != '\0');
    }
    return SP_OK;
}

static sp_status read_options(cli_run *cli, const sp_router *router, const sp_net *net, sp_flow_options *out, sp_error *err)
{
    sp_fault *faults = NULL;
    uint32_t n = 0;
    sp_status status = SP_OK;
    if (cli_given(cli, CLI_O_FAIL) && (status = parse(cli, router, net, cli_text(cli, CLI_O_FAIL), 0, &faults, &n, err)) != SP_OK)
        cli_blame_option(CLI_O_FAIL, err);
    if (status == SP_OK && cli_given(cli, CLI_O_SLOW) && (status = read_slow(cli, router, net, &faults, &n, err)) != SP_OK)
        cli_blame_option(CLI_O_SLOW, err);
    out->faults = faults;
    out->n_faults = n;
    return status;
}

static bool on_stop(void *context, double done)
{
    (void)context;
    (void)done;
    return cli_interrupted();
}

static void read_policy(cli_run *cli, sp_flow_options *out)
{
    *out = (sp_flow_options){.seed = cli_count(cli, CLI_O_SEED), .stop = on_stop};
    for (int r = 0; r < SP_ROUTINGS; r++)
        if (strcmp(cli_text(cli, CLI_O_ROUTING), sp_routing_name((sp_routing)r)) == 0) out->routing = (sp_routing)r;
}

sp_status cli_flow_options(cli_run *cli, const sp_machine *machine, sp_flow_options *out, sp_error *err)
{
    sp_router *router = NULL;
    read_policy(cli, out);
    sp_status status = sp_router_create(machine, 0, out->routing, out->seed, NULL, 0, &router, err);
    if (status == SP_OK) status = read_options(cli, router, NULL, out, err);
    sp_router_destroy(router);
    return status;
}

sp_status cli_net_options(cli_run *cli, const sp_net *net, sp_flow_options *out, sp_error *err)
{
    read_policy(cli, out);
    return read_options(cli, NULL, net, out, err);
}
