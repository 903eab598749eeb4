/* What operate, place, check-placement and spares share. */
#include "cli.h"
#include "superpod/cluster.h"

#include <string.h>

sp_status cli_quantity_read(const cli_run *cli, cli_option_id option, sp_unit unit, double *out, sp_error *err)
{
    const char *text = cli_text(cli, option);
    if (text == NULL) return SP_OK;
    return sp_unit_parse(text, unit, out, err) == SP_OK ? SP_OK : cli_blame_option(option, err);
}

static bool is_path(const char *text)
{
    size_t n = strlen(text);
    return strchr(text, '/') != NULL || (n > 5 && strcmp(text + n - 5, ".yaml") == 0);
}

sp_status cli_failures(cli_run *cli, sp_failures *out, sp_error *err)
{
    const char *name = cli_text(cli, CLI_O_FAILURES);
    if (strcmp(name, "none") == 0) {
        *out = (sp_failures){.name = "none"};
        return SP_OK;
    }
    sp_status status = cli_catalog(cli, err);
    if (status != SP_OK) return status;
    const char *path = is_path(name) ? name : sp_arena_printf(cli->arena, "%s/failures/%s.yaml", cli->catalog_dir, name);
    if (path == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    status = sp_failures_load(path, cli->arena, out, err);
    if (status == SP_E_IO && !is_path(name))
        return sp_error_set(err, SP_E_NOTFOUND, "--failures", 1, 1, "no failures '%s' in %s/failures; expected all-causes, llama3, rsc-1, titan, ub-mesh, none or a .yaml file",
                            name, cli->catalog_dir);
    if (status == SP_OK) cli_input_add(cli, path);
    return status;
}
