/* Where names lead: the catalog folder, and which files an answer was read from. */
#include "cli.h"
#include "superpod/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat info;
    return path != NULL && path[0] != '\0' && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

sp_status cli_catalog(cli_run *cli, sp_error *err)
{
    const char *environment = getenv("SUPERPOD_CATALOG");
    if (cli->catalog != NULL) return SP_OK;
    if (cli_given(cli, CLI_O_CATALOG)) {
        cli->catalog_dir = cli->value[CLI_O_CATALOG];
        if (!is_folder(cli->catalog_dir))
            return sp_error_set(err, SP_E_IO, "--catalog", 0, 0,
                                "%s is not a folder; expected one with chips/, machines/ and models/", cli->catalog_dir);
    } else if (environment != NULL && environment[0] != '\0') {
        cli->catalog_dir = environment;
        if (!is_folder(cli->catalog_dir))
            return sp_error_set(err, SP_E_IO, "SUPERPOD_CATALOG", 0, 0,
                                "%s is not a folder; expected one with chips/, machines/ and models/", cli->catalog_dir);
    } else {
        cli->catalog_dir = is_folder(SP_CATALOG_SOURCE_DIR) ? SP_CATALOG_SOURCE_DIR : SP_CATALOG_INSTALL_DIR;
        if (!is_folder(cli->catalog_dir))
            return sp_error_set(err, SP_E_IO, NULL, 0, 0,
                                "no catalog at %s nor %s; give one with --catalog DIR or SUPERPOD_CATALOG",
                                SP_CATALOG_SOURCE_DIR, SP_CATALOG_INSTALL_DIR);
    }
    sp_status status = sp_catalog_open(cli->catalog_dir, &cli->catalog, err);
    if (status != SP_OK || !cli_given(cli, CLI_O_PRICES)) return status;
    if (!is_folder(cli->value[CLI_O_PRICES]))
        return sp_error_set(err, SP_E_IO, "--prices", 0, 0, "%s is not a folder; expected one with running.yaml and systems.yaml, as catalog/prices",
                            cli->value[CLI_O_PRICES]);
    return sp_catalog_prices_use(cli->catalog, cli->value[CLI_O_PRICES], err);
}

void cli_input_prices(cli_run *cli)
{
    const char *dir = cli_given(cli, CLI_O_PRICES) ? cli->value[CLI_O_PRICES] : sp_arena_printf(cli->arena, "%s/prices", cli->catalog_dir);
    cli_input_add(cli, sp_arena_printf(cli->arena, "%s/running.yaml", dir));
    cli_input_add(cli, sp_arena_printf(cli->arena, "%s/systems.yaml", dir));
}

void cli_input_add(cli_run *cli, const char *path)
{
    if (path == NULL || cli->n_inputs == CLI_INPUTS || !is_file(path)) return;
    for (uint32_t i = 0; i < cli->n_inputs; i++)
        if (strcmp(cli->input[i], path) == 0) return;
    const char *copy = sp_arena_strdup(cli->arena, path);
    if (copy != NULL) cli->input[cli->n_inputs++] = copy;
}

static const char *catalog_file(cli_run *cli, const char *folder, const char *name, size_t length)
{
    return sp_arena_printf(cli->arena, "%s/%s/%.*s.yaml", cli->catalog_dir, folder, (int)length, name);
}

void cli_input_catalog(cli_run *cli, const char *folder, const char *name)
{
    cli_input_add(cli, catalog_file(cli, folder, name, strlen(name)));
}

/* A chip file without a `fit:` of its own takes its family's: beside a file of one's own, else the catalog's. */
static void add_family(cli_run *cli, const sp_chip *chip, const char *chip_path)
{
    sp_doc *doc = NULL;
    if (chip->family == NULL || sp_doc_load(chip_path, &doc, NULL) != SP_OK) return;
    bool own = sp_node_is(sp_node_get(sp_doc_root(doc), "fit"));
    sp_doc_destroy(doc);
    if (own) return;
    const char *slash = chip->file == NULL ? NULL : strrchr(chip->file, '/');
    const char *beside = chip->file == NULL ? NULL
        : sp_arena_printf(cli->arena, "%.*s../families/%s.yaml", slash == NULL ? 0 : (int)(slash + 1 - chip->file), chip->file, chip->family);
    if (beside != NULL && is_file(beside)) cli_input_add(cli, beside);
    else cli_input_catalog(cli, "families", chip->family);
}

static void add_chip(cli_run *cli, const sp_chip *chip)
{
    const char *path = chip->file != NULL ? chip->file : catalog_file(cli, "chips", chip->name, strlen(chip->name));
    if (path == NULL) return;
    cli_input_add(cli, path);
    add_family(cli, chip, path);
}

/* A description whose ports do not add up is bad input to everything but `check`, which was asked just that. */
static sp_status refuse(const cli_run *cli, sp_error *err)
{
    if (err->status == SP_E_UNFIT && (cli->action == NULL || strcmp(cli->action, "check") != 0)) err->status = SP_E_INVAL;
    cli_blame_operand(err);
    return err->status;
}

sp_status cli_chip(cli_run *cli, const char *text, const sp_chip **out, sp_error *err)
{
    sp_status status = cli_catalog(cli, err);
    if (status != SP_OK) return status;
    status = sp_catalog_chip(cli->catalog, text, out, err);
    if (status != SP_OK) return refuse(cli, err);
    add_chip(cli, *out);
    return SP_OK;
}

/* The files behind a machine that was found. */
static sp_status machine_read(cli_run *cli, const char *text, const sp_machine *const *machine, sp_status status, sp_error *err)
{
    if (status != SP_OK) return refuse(cli, err);
    const char *colon = strrchr(text, ':');   /* of a size, as in my.yaml:128 */
    size_t length = colon != NULL && strspn(colon + 1, "0123456789") == strlen(colon + 1) ? (size_t)(colon - text) : strlen(text);
    const char *name = sp_arena_strndup(cli->arena, text, length);
    if (name != NULL && strstr(text, "chip=") == NULL)   /* else a string: no file */
        cli_input_add(cli, ends_with(name, ".yaml") || ends_with(name, ".yml") || strchr(name, '/') != NULL ? name : catalog_file(cli, "machines", name, length));
    const sp_chip *chip = (*machine)->chip;
    if (chip != NULL) add_chip(cli, chip);
    return SP_OK;
}

sp_status cli_machine(cli_run *cli, const char *text, const sp_machine **out, sp_error *err)
{
    sp_status status = cli_catalog(cli, err);
    if (status != SP_OK) return status;
    status = sp_catalog_machine(cli->catalog, text, out, err);
    return machine_read(cli, text, out, status, err);
}

sp_status cli_network(cli_run *cli, const char *text, const char *stack, const sp_machine **out, sp_error *err)
{
    sp_status status = cli_catalog(cli, err);
    if (status != SP_OK) return status;
    status = sp_catalog_network(cli->catalog, text, stack, out, err);
    return machine_read(cli, text, out, status, err);
}

sp_status cli_model(cli_run *cli, const char *text, const sp_model **out, sp_error *err)
{
    const char *path = text;
    bool named = strchr(text, '/') == NULL && !ends_with(text, ".json") && !ends_with(text, ".yaml");
    sp_status status = SP_OK;
    if (named) status = cli_catalog(cli, err);
    if (named && status == SP_OK) status = sp_catalog_model_path(cli->catalog, text, &path, err);
    if (status == SP_OK) status = sp_model_load(path, cli_text(cli, CLI_O_ASSUME), cli->arena, out, err);
    if (status != SP_OK) {
        cli_blame_operand(err);
        return status;
    }
    cli_input_add(cli, path);
    return SP_OK;
}
