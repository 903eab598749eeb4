/* catalog/prices: what owning and running cost. */
#include "topo_i.h"

#include <stdio.h>
#include <string.h>

static sp_status read_one(sp_node root, const char *key, sp_unit unit, sp_arena *arena, sp_value *out, sp_error *err)
{
    sp_node node;
    sp_status status = sp_node_need(root, key, &node, err);
    if (status == SP_OK)
        status = sp_node_read_value(node, unit, arena, out, err);
    if (status == SP_OK && !(out->low > 0))
        status = sp_node_fail(node, SP_E_INVAL, err, "found %s %g, expected more than 0", key, out->low);
    return status;
}

static sp_status read_running(sp_node root, sp_arena *arena, sp_price_table *out, sp_error *err)
{
    static const char *const keys[] = {"electricity", "lifetime", "system_factor", NULL};
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_PARSE, err, "found no map, expected electricity, lifetime and system_factor");
    sp_status status = sp_node_only_keys(root, keys, err);
    if (status == SP_OK)
        status = read_one(root, "electricity", SP_UNIT_USD_PER_KWH, arena, &out->electricity_usd_per_kwh, err);
    if (status == SP_OK)
        status = read_one(root, "lifetime", SP_UNIT_SECONDS, arena, &out->lifetime_s, err);
    if (status == SP_OK)
        status = read_one(root, "system_factor", SP_UNIT_NONE, arena, &out->system_factor, err);
    return status;
}

static sp_status read_systems(sp_node root, sp_arena *arena, sp_price_table *out, sp_error *err)
{
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_PARSE, err, "found no map, expected machine: {value, grade, source}");
    size_t n = sp_node_count(root);
    sp_system_price *system = sp_arena_alloc(arena, n, sizeof *system);
    if (!system)
        return sp_node_fail(root, SP_E_NOMEM, err, "no memory for a price table");
    for (size_t i = 0; i < n; i++) {
        system[i] = (sp_system_price){.machine = sp_arena_strdup(arena, sp_node_key_at(root, i)), .line = sp_node_line(sp_node_at(root, i)), .column = 1};
        if (!system[i].machine)
            return sp_node_fail(root, SP_E_NOMEM, err, "no memory for a price table");
        sp_status status = read_one(root, sp_node_key_at(root, i), SP_UNIT_USD, arena, &system[i].usd_per_chip, err);
        if (status != SP_OK)
            return status;
    }
    out->system = system;
    out->n_systems = (uint32_t)n;
    return SP_OK;
}

static sp_status read_file(const char *dir, const char *name, sp_arena *arena, sp_price_table *out,
                           sp_status (*read)(sp_node, sp_arena *, sp_price_table *, sp_error *), sp_error *err)
{
    const char *path = sp_arena_printf(arena, "%s/%s", dir, name);
    sp_doc *doc = NULL;
    if (!path)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a price table");
    sp_status status = sp_doc_load(path, &doc, err);
    if (status == SP_OK)
        status = read(sp_doc_root(doc), arena, out, err);
    sp_doc_destroy(doc);
    return status;
}

sp_status sp_price_table_load(const char *dir, sp_arena *arena, sp_price_table *out, sp_error *err)
{
    sp_price_table table = {0};
    sp_status status = read_file(dir, "running.yaml", arena, &table, read_running, err);
    if (status == SP_OK)
        status = read_file(dir, "systems.yaml", arena, &table, read_systems, err);
    if (status == SP_OK)
        *out = table;
    return status;
}

double sp_machine_usd_per_chip(const sp_machine *machine)
{
    const sp_price_table *prices = machine->prices;
    for (uint32_t i = 0; prices && i < prices->n_systems; i++)
        if (strcmp(prices->system[i].machine, machine->name) == 0)
            return prices->system[i].usd_per_chip.nominal;
    if (machine->price_usd.nominal > 0 && machine->chips > 0)
        return machine->price_usd.nominal / machine->chips;
    return prices ? machine->chip->price_usd.nominal * prices->system_factor.nominal : 0;
}
