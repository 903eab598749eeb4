/* The catalogue: lists of names, and chips and machines loaded on demand and kept. */
#include "topo_i.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct list { const char **name; size_t n; } list;            /* sorted, NULL-terminated */
typedef struct kept { const char *key; const void *object; } kept;
typedef struct shelf { kept *item; size_t n, room; } shelf;

enum { CHIPS, MACHINES, MODELS, SOFTWARE, STACKS, KINDS };
static const char *const folders[KINDS] = {"chips", "machines", "models", "software", "stacks"};
static const char *const nouns[KINDS] = {"chip", "machine", "model", "software", "stack"};

struct sp_catalog {
    sp_arena *arena;
    const char *dir;
    list names[KINDS];
    shelf chips, machines, networks, paths;
    const sp_software **software;    /* [names[SOFTWARE].n], NULL until the first machine */
    const sp_stack **stacks;         /* likewise; with those for families */
    const sp_price_table *prices;    /* likewise; NULL after it where there is no folder prices/ */
    uint32_t n_stacks;
};

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

static bool has_end(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a > b && !strcmp(text + a - b, end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sp_status no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the catalog");
}

/* File names without .yaml (and .json for models); a missing folder is an empty list. */
static sp_status read_list(sp_catalog *c, int kind, sp_error *err)
{
    list *out = &c->names[kind];
    char *path = sp_arena_printf(c->arena, "%s/%s", c->dir, folders[kind]);
    size_t room = 0;
    struct dirent *entry;
    const char **names = NULL;
    sp_status status = SP_OK;
    DIR *dir = path ? opendir(path) : NULL;
    while (dir && !status && (entry = readdir(dir))) {
        const char *end = has_end(entry->d_name, ".yaml") ? ".yaml" : kind == MODELS && has_end(entry->d_name, ".json") ? ".json" : NULL;
        if (!end || entry->d_name[0] == '.')
            continue;
        if (out->n + 1 >= room) {
            room = room ? 2 * room : 64;
            const char **more = realloc(names, room * sizeof *names);
            if (!more) {
                status = no_memory(err);
                break;
            }
            names = more;
        }
        names[out->n] = sp_arena_strndup(c->arena, entry->d_name, strlen(entry->d_name) - strlen(end));
        status = names[out->n++] ? SP_OK : no_memory(err);
    }
    if (dir)
        closedir(dir);
    out->name = status || !path ? NULL : sp_arena_alloc(c->arena, out->n + 1, sizeof *names);
    if (!out->name) {
        free(names);
        return status ? status : no_memory(err);
    }
    if (out->n) {
        qsort(names, out->n, sizeof *names, by_name);
        memcpy(out->name, names, out->n * sizeof *names);
    }
    free(names);
    return SP_OK;
}

sp_status sp_catalog_open(const char *dir, sp_catalog **out, sp_error *err)
{
    DIR *probe = opendir(dir);
    if (!probe)
        return sp_error_set(err, SP_E_IO, dir, 0, 0, "cannot open the catalog folder: %s; give the folder that has chips/, machines/ "
                            "and models/", strerror(errno));
    closedir(probe);
    sp_catalog *c = calloc(1, sizeof *c);
    if (!c || !(c->arena = sp_arena_create()) || !(c->dir = sp_arena_strdup(c->arena, dir))) {
        sp_catalog_close(c);
        return no_memory(err);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        sp_status status = read_list(c, kind, err);
        if (status) {
            sp_catalog_close(c);
            return status;
        }
    }
    *out = c;
    return SP_OK;
}

void sp_catalog_close(sp_catalog *catalog)
{
    if (!catalog)
        return;
    free(catalog->chips.item);
    free(catalog->machines.item);
    free(catalog->networks.item);
    free(catalog->paths.item);
    sp_arena_destroy(catalog->arena);
    free(catalog);
}

size_t sp_catalog_chip_count(const sp_catalog *catalog) { return catalog->names[CHIPS].n; }
size_t sp_catalog_machine_count(const sp_catalog *catalog) { return catalog->names[MACHINES].n; }
size_t sp_catalog_model_count(const sp_catalog *catalog) { return catalog->names[MODELS].n; }
size_t sp_catalog_software_count(const sp_catalog *catalog) { return catalog->names[SOFTWARE].n; }
size_t sp_catalog_stack_count(const sp_catalog *catalog) { return catalog->names[STACKS].n; }

static const char *name_at(const sp_catalog *catalog, int kind, size_t index)
{
    return index < catalog->names[kind].n ? catalog->names[kind].name[index] : NULL;
}

const char *sp_catalog_chip_name(const sp_catalog *catalog, size_t index) { return name_at(catalog, CHIPS, index); }
const char *sp_catalog_machine_name(const sp_catalog *catalog, size_t index) { return name_at(catalog, MACHINES, index); }
const char *sp_catalog_model_name(const sp_catalog *catalog, size_t index) { return name_at(catalog, MODELS, index); }
const char *sp_catalog_software_name(const sp_catalog *catalog, size_t index) { return name_at(catalog, SOFTWARE, index); }
const char *sp_catalog_stack_name(const sp_catalog *catalog, size_t index) { return name_at(catalog, STACKS, index); }

/* ---- what is kept -------------------------------------------------------------------------------------------------------- */

static const void *find(const shelf *on, const char *key)
{
    for (size_t i = 0; i < on->n; i++)
        if (!strcmp(on->item[i].key, key))
            return on->item[i].object;
    return NULL;
}

static sp_status keep(sp_catalog *c, shelf *on, const char *key, const void *object, sp_error *err)
{
    if (on->n == on->room) {
        size_t room = on->room ? 2 * on->room : 16;
        kept *more = realloc(on->item, room * sizeof *more);
        if (!more)
            return no_memory(err);
        on->item = more;
        on->room = room;
    }
    char *copy = sp_arena_strdup(c->arena, key);
    if (!copy)
        return no_memory(err);
    on->item[on->n++] = (kept){copy, object};
    return SP_OK;
}

/* ---- looking up -------------------------------------------------------------------------------------------------------------- */

static bool is_path(const char *text)
{
    return strchr(text, '/') || has_end(text, ".yaml") || has_end(text, ".yml");
}

static sp_status not_found(const sp_catalog *c, int kind, const char *name, sp_error *err)
{
    const char *near = sp_text_nearest(name, c->names[kind].name);
    if (c->names[kind].n == 0)
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "no %s is called '%.60s': the catalog folder %s has none; is it the right one?",
                            nouns[kind], name, c->dir);
    return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "no %s is called '%.60s'%s%s%s; `superpod %s list` prints all names", nouns[kind],
                        name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", nouns[kind]);
}

static bool listed(const sp_catalog *c, int kind, const char *name)
{
    const list *all = &c->names[kind];
    return all->n && bsearch(&name, all->name, all->n, sizeof *all->name, by_name);
}

static sp_status path_of(sp_catalog *c, int kind, const char *name, const char **out, sp_error *err)
{
    if (is_path(name)) {
        *out = name;
        return SP_OK;
    }
    if (!listed(c, kind, name))
        return not_found(c, kind, name, err);
    *out = sp_arena_printf(c->arena, "%s/%s/%s.yaml", c->dir, folders[kind], name);
    return *out ? SP_OK : no_memory(err);
}

/* A file of one's own finds its family beside it, as in a catalog, or in this one. */
static sp_status load_chip(sp_catalog *c, const char *path, const char *name, const sp_chip **out, sp_error *err)
{
    const sp_chip *read;
    sp_error beside = {0};
    sp_status status = sp_chip_load(path, c->arena, &read, &beside);
    const char *families = is_path(name) && status == SP_E_NOTFOUND ? sp_arena_printf(c->arena, "%s/%s", c->dir, "families") : NULL;
    if (families)
        status = sp_chip_load_with(path, families, c->arena, &read, err);
    else if (status && err)
        *err = beside;
    sp_chip *own = status ? NULL : sp_arena_alloc(c->arena, 1, sizeof *own);
    if (status)
        return status;
    if (!own)
        return no_memory(err);
    *own = *read;
    own->file = is_path(name) ? sp_arena_strdup(c->arena, name) : NULL;
    *out = own;
    return SP_OK;
}

sp_status sp_catalog_chip(sp_catalog *catalog, const char *name, const sp_chip **out, sp_error *err)
{
    const sp_chip *chip = find(&catalog->chips, name);
    if (!chip) {
        const char *path;
        sp_status status = path_of(catalog, CHIPS, name, &path, err);
        if (status || (status = load_chip(catalog, path, name, &chip, err)) ||
            (status = keep(catalog, &catalog->chips, name, chip, err)))
            return status;
    }
    *out = chip;
    return SP_OK;
}

sp_status sp_catalog_model_path(sp_catalog *catalog, const char *name, const char **out, sp_error *err)
{
    static const char *const ends[] = {"yaml", "json"};
    const char *path = find(&catalog->paths, name);
    if (!path) {
        if (!listed(catalog, MODELS, name))
            return not_found(catalog, MODELS, name, err);
        for (int i = 0; i < 2 && !path; i++) {
            char *test = sp_arena_printf(catalog->arena, "%s/models/%s.%s", catalog->dir, name, ends[i]);
            FILE *file = test ? fopen(test, "r") : NULL;
            if (!test)
                return no_memory(err);
            if (file) {
                fclose(file);
                path = test;
            }
        }
        if (!path)
            return not_found(catalog, MODELS, name, err);
        sp_status status = keep(catalog, &catalog->paths, name, path, err);
        if (status)
            return status;
    }
    *out = path;
    return SP_OK;
}

static sp_status load_software(sp_catalog *c, sp_error *err)
{
    size_t n = c->names[SOFTWARE].n;
    if (c->software)
        return SP_OK;
    const sp_software **all = sp_arena_alloc(c->arena, n + 1, sizeof *all);
    if (!all)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *path;
        sp_status status = path_of(c, SOFTWARE, c->names[SOFTWARE].name[i], &path, err);
        if (status || (status = sp_i_software_load(path, c->arena, &all[i], err)))
            return status;
    }
    c->software = all;
    return SP_OK;
}

static sp_status load_stacks(sp_catalog *c, sp_error *err)
{
    size_t n = c->names[STACKS].n;
    uint32_t used = 0;
    if (c->stacks)
        return SP_OK;
    const sp_stack **all = sp_arena_alloc(c->arena, n * SP_I_STACK_VARIANTS + 1, sizeof *all);
    if (!all)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *path;
        const sp_stack *one;
        uint32_t variants;
        sp_status status = path_of(c, STACKS, c->names[STACKS].name[i], &path, err);
        if (status || (status = sp_i_stack_load(path, c->arena, &one, &variants, err)))
            return status;
        for (uint32_t v = 0; v < variants; v++)
            all[used++] = &one[v];
    }
    c->n_stacks = used;
    c->stacks = all;
    return SP_OK;
}

sp_status sp_catalog_stacks(sp_catalog *catalog, const sp_stack *const **out, uint32_t *n, sp_error *err)
{
    sp_status status = load_stacks(catalog, err);
    if (status)
        return status;
    *out = catalog->stacks;
    *n = catalog->n_stacks;
    return SP_OK;
}

sp_status sp_catalog_software(sp_catalog *catalog, const char *name, const sp_software **out, sp_error *err)
{
    sp_status status = load_software(catalog, err);
    if (status)
        return status;
    for (size_t i = 0; i < catalog->names[SOFTWARE].n; i++)
        if (!strcmp(catalog->software[i]->name, name)) {
            *out = catalog->software[i];
            return SP_OK;
        }
    return not_found(catalog, SOFTWARE, name, err);
}

sp_status sp_catalog_prices_use(sp_catalog *catalog, const char *dir, sp_error *err)
{
    sp_price_table *table = sp_arena_alloc(catalog->arena, 1, sizeof *table);
    sp_status status = table ? sp_price_table_load(dir, catalog->arena, table, err) : no_memory(err);
    for (uint32_t i = 0; !status && i < table->n_systems; i++)
        if (!listed(catalog, MACHINES, table->system[i].machine)) {
            sp_error inner = {0};
            const char *path = sp_arena_printf(catalog->arena, "%s/systems.yaml", dir);
            status = not_found(catalog, MACHINES, table->system[i].machine, &inner);
            return sp_error_set(err, status, path, table->system[i].line, table->system[i].column, "%s", inner.text);
        }
    if (!status)
        catalog->prices = table;
    return status;
}

/* A catalog without prices is one of which no costs are known. */
static sp_status load_prices(sp_catalog *c, sp_error *err)
{
    const char *dir = c->prices ? NULL : sp_arena_printf(c->arena, "%s/prices", c->dir);
    DIR *probe = dir ? opendir(dir) : NULL;
    if (!probe)
        return c->prices || dir ? SP_OK : no_memory(err);
    closedir(probe);
    return sp_catalog_prices_use(c, dir, err);
}

static sp_status chip_for_machine(void *context, const char *name, const sp_chip **out, sp_error *err)
{
    return sp_catalog_chip(context, name, out, err);
}

/* "name:128" or "file.yaml:128": cuts the size off. *n is 0 when there is none. */
static sp_status split_size(sp_catalog *c, const char *text, const char **name, uint64_t *n, sp_error *err)
{
    const char *colon = strrchr(text, ':');
    *name = text;
    *n = 0;
    if (!colon || strchr(colon, '/'))
        return SP_OK;
    uint32_t size;
    size_t at = (size_t)(colon + 1 - text);
    sp_error inner = {0};
    sp_status status = sp_i_count_parse(text, &at, &size, &inner);
    if (!status && (text[at] || size == 0))
        status = sp_error_set(&inner, SP_E_PARSE, NULL, 0, (uint32_t)(colon + 2 - text), "found size '%.40s'; expected a whole number from 1, "
                              "such as dgx-h100:128", colon + 1);
    if (status)
        return sp_error_set(err, status, "machine string", 1, inner.column, "%s", inner.text);
    *n = size;
    *name = sp_arena_strndup(c->arena, text, (size_t)(colon - text));
    return *name ? SP_OK : no_memory(err);
}

/* file.yaml or file.yml, with or without :SIZE. */
static bool is_file(const char *text)
{
    size_t n = strlen(text), digits = n;
    while (digits > 0 && text[digits - 1] >= '0' && text[digits - 1] <= '9')
        digits--;
    if (digits > 0 && digits < n && text[digits - 1] == ':')
        n = digits - 1;
    return (n > 5 && !strncmp(text + n - 5, ".yaml", 5)) || (n > 4 && !strncmp(text + n - 4, ".yml", 4));
}

/* A string has a rate, a blank or a '=' in it, or begins with a kind of tier. */
static bool is_string(const char *text)
{
    size_t n = strcspn(text, ":");
    char word[16];
    sp_tier_kind kind;
    if (strstr(text, " chip=") || strncmp(text, "chip=", 5) == 0)   /* which may end in a file's name */
        return true;
    if (is_file(text))
        return false;
    if (!text[0] || text[strcspn(text, "@ \t\n=|")])
        return true;
    if (!text[n] || n >= sizeof word)
        return false;
    memcpy(word, text, n);
    word[n] = 0;
    return sp_i_kind_find(word, &kind);
}

/* The machine alone, without what runs on it. */
static sp_status read_machine(sp_catalog *c, const char *text, sp_machine **out, sp_error *err)
{
    const char *name, *path;
    uint64_t n;
    if (is_string(text))
        return sp_i_machine_parse(text, c->arena, chip_for_machine, c, out, err);
    sp_status status = split_size(c, text, &name, &n, err);
    if (status == SP_OK)
        status = path_of(c, MACHINES, name, &path, err);
    return status ? status : sp_i_machine_load(path, n, c->arena, chip_for_machine, c, out, err);
}

sp_status sp_catalog_machine(sp_catalog *catalog, const char *text, const sp_machine **out, sp_error *err)
{
    sp_machine *machine;
    const sp_machine *have = find(&catalog->machines, text);
    if (have) {
        *out = have;
        return SP_OK;
    }
    sp_status status = read_machine(catalog, text, &machine, err);
    if (status || (status = load_software(catalog, err)) || (status = load_stacks(catalog, err)) || (status = load_prices(catalog, err)))
        return status;
    machine->prices = catalog->prices;
    machine->stacks = catalog->stacks;
    machine->n_stacks = catalog->n_stacks;
    machine->software = catalog->software;
    machine->n_software = (uint32_t)catalog->names[SOFTWARE].n;
    if ((status = keep(catalog, &catalog->machines, text, machine, err)))
        return status;
    *out = machine;
    return SP_OK;
}

/* ---- networks: a machine with one communication library ------------------------------------------------------------------- */

/* Whether the file can say `default_for: vendor`: the vendor's first word is in it, or an escape, which could spell anything. */
static bool may_be_default(const char *path, const char *vendor)
{
    char text[1 << 14], word[64];
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, sizeof text, file) : sizeof text;   /* too long, or not readable: let the loader look */
    if (file)
        fclose(file);
    if (n == sizeof text)
        return true;
    text[n] = 0;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(vendor, " "), vendor);
    return strstr(text, word) || strchr(text, '\\');
}

/* Of catalog/stacks the one that is named; NULL: those that may be the vendor's default. */
static sp_status add_stacks(sp_catalog *c, const char *named, sp_machine *machine, sp_error *err)
{
    const list *names = &c->names[STACKS];
    const char *vendor = machine->chip ? machine->chip->vendor : NULL;
    const sp_stack **all = sp_arena_alloc(c->arena, names->n * SP_I_STACK_VARIANTS + 1, sizeof *all);
    if (!all)
        return no_memory(err);
    for (size_t i = 0; i < names->n; i++) {
        const char *path;
        const sp_stack *one;
        uint32_t variants;
        if (named ? strcmp(names->name[i], named) != 0 : !vendor)
            continue;
        sp_status status = path_of(c, STACKS, names->name[i], &path, err);
        if (!status && !named && !may_be_default(path, vendor))
            continue;
        if (status || (status = sp_i_stack_load(path, c->arena, &one, &variants, err)))
            return status;
        for (uint32_t v = 0; v < variants; v++)
            all[machine->n_stacks++] = &one[v];
    }
    machine->stacks = all;
    return SP_OK;
}

sp_status sp_catalog_network(sp_catalog *catalog, const char *text, const char *stack, const sp_machine **out, sp_error *err)
{
    sp_machine *machine;
    bool ideal = stack && !strcmp(stack, SP_I_STACK_IDEAL);
    if (find(&catalog->machines, text) || (stack && !ideal && !listed(catalog, STACKS, stack)))
        return sp_catalog_machine(catalog, text, out, err);   /* an unknown name is answered with all there are */
    const char *key = sp_arena_printf(catalog->arena, "%s\n%s", stack ? stack : "", text);
    const sp_machine *have = key ? find(&catalog->networks, key) : NULL;
    if (have) {
        *out = have;
        return SP_OK;
    }
    sp_status status = key ? read_machine(catalog, text, &machine, err) : no_memory(err);
    if (status || (!ideal && (status = add_stacks(catalog, stack, machine, err))) ||
        (status = keep(catalog, &catalog->networks, key, machine, err)))
        return status;
    *out = machine;
    return SP_OK;
}
