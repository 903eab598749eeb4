/* Failure catalogs: reading them, and how often a machine fails by them. */
#include "superpod/cluster.h"
#include "superpod/text.h"
#include "superpod/topo.h"

#include <stdio.h>
#include <string.h>

#define RATE_PER_S_MOST 1e9   /* beyond it a run would not end; nothing real fails a billion times a second */

static const char *const unit_names[SP_FAIL_UNITS + 1] = {"chip", "host", "rack", "power", "pod", "electrical-link", "optical-link", "switch", NULL};

const char *sp_fail_unit_name(sp_fail_unit unit) { return (unsigned)unit < SP_FAIL_UNITS ? unit_names[unit] : "?"; }

static sp_status read_word(sp_node map, const char *key, sp_arena *arena, const char **out, sp_error *err)
{
    sp_node node;
    const char *text;
    sp_status status = sp_node_need(map, key, &node, err);
    if (status == SP_OK) status = sp_node_read_text(node, &text, err);
    if (status != SP_OK) return status;
    *out = sp_arena_strdup(arena, text);
    return *out != NULL ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
}

static sp_status read_unit(sp_node map, sp_fail_unit *out, sp_error *err)
{
    sp_node node;
    const char *text;
    sp_status status = sp_node_need(map, "unit", &node, err);
    if (status == SP_OK) status = sp_node_read_text(node, &text, err);
    if (status != SP_OK) return status;
    for (int i = 0; i < SP_FAIL_UNITS; i++)
        if (strcmp(text, unit_names[i]) == 0) {
            *out = (sp_fail_unit)i;
            return SP_OK;
        }
    const char *near = sp_text_nearest(text, unit_names);
    return sp_node_fail(node, SP_E_NOTFOUND, err, "unknown unit '%s'; expected %s%s%schip, host, rack, power, pod, electrical-link, optical-link or switch",
                        text, near ? "'" : "", near ? near : "", near ? "', or one of: " : "");
}

static void per_second(sp_value *rate)
{
    rate->low /= SP_YEAR_S;
    rate->nominal /= SP_YEAR_S;
    rate->high /= SP_YEAR_S;
}

static sp_status read_repair(sp_node map, sp_arena *arena, sp_fail_class *row, sp_error *err)
{
    sp_node node = sp_node_get(map, "repair"), sigma = sp_node_get(map, "repair-sigma");
    row->down = sp_node_is(node);
    if (!row->down)
        return sp_node_is(sigma) ? sp_node_fail(sigma, SP_E_INVAL, err, "repair-sigma without repair; give the mean repair time too") : SP_OK;
    if (row->unit == SP_FAIL_SWITCH)
        return sp_node_fail(node, SP_E_INVAL, err, "a %s is not taken out of service; leave repair away", sp_fail_unit_name(row->unit));
    sp_status status = sp_node_read_value(node, SP_UNIT_SECONDS, arena, &row->repair_s, err);
    if (status == SP_OK && sp_node_is(sigma)) status = sp_node_read_double(sigma, 0, 5, &row->repair_sigma, err);
    return status;
}

/* Faults that show later, and those that are announced. */
static sp_status read_hidden(sp_node map, sp_arena *arena, sp_fail_class *row, sp_error *err)
{
    sp_node slows = sp_node_get(map, "slows"), corrupts = sp_node_get(map, "corrupts"), found = sp_node_get(map, "found-after"), planned = sp_node_get(map, "planned");
    sp_status status = SP_OK;
    if (sp_node_is(slows)) status = sp_node_read_double(slows, 1, 1000, &row->slows, err);
    if (status == SP_OK && sp_node_is(corrupts)) status = sp_node_read_bool(corrupts, &row->corrupts, err);
    if (status == SP_OK && sp_node_is(planned)) status = sp_node_read_bool(planned, &row->planned, err);
    if (status == SP_OK && sp_node_is(found)) status = sp_node_read_value(found, SP_UNIT_SECONDS, arena, &row->found_s, err);
    if (status != SP_OK) return status;
    bool hidden = row->slows > 1 || row->corrupts;
    if (hidden && !sp_node_is(found)) return sp_node_fail(map, SP_E_INVAL, err, "what slows or corrupts needs found-after: the mean time until it is found");
    if (!hidden && sp_node_is(found)) return sp_node_fail(found, SP_E_INVAL, err, "found-after is of what slows or corrupts; say slows: 1.1 or corrupts: true");
    if (hidden && row->unit > SP_FAIL_HOST) return sp_node_fail(map, SP_E_INVAL, err, "a %s does not slow or corrupt; expected unit chip or host", sp_fail_unit_name(row->unit));
    if (hidden && row->planned) return sp_node_fail(planned, SP_E_INVAL, err, "what is planned is not hidden; leave planned or slows and corrupts away");
    return SP_OK;
}

static sp_status read_class(sp_node map, sp_arena *arena, sp_fail_class *row, sp_error *err)
{
    static const char *const keys[] = {"name", "unit", "rate", "shape", "repair", "repair-sigma", "slows", "corrupts", "found-after", "planned", NULL};
    sp_node rate, shape = sp_node_get(map, "shape");
    *row = (sp_fail_class){.shape = 1};
    sp_status status = sp_node_only_keys(map, keys, err);
    if (status == SP_OK) status = read_word(map, "name", arena, &row->name, err);
    if (status == SP_OK) status = read_unit(map, &row->unit, err);
    if (status == SP_OK) status = sp_node_need(map, "rate", &rate, err);
    if (status == SP_OK) status = sp_node_read_value(rate, SP_UNIT_PER_YEAR, arena, &row->rate_per_s, err);
    if (status == SP_OK) {
        row->file = sp_arena_strdup(arena, sp_doc_name(rate.doc));
        row->line = sp_node_line(rate);
        row->column = sp_node_column(rate);
        per_second(&row->rate_per_s);
        if (row->rate_per_s.nominal > RATE_PER_S_MOST)
            status = sp_node_fail(rate, SP_E_RANGE, err, "more than 10^9 failures a second of one unit; expected a rate such as 0.06/y");
    }
    if (status == SP_OK && sp_node_is(shape)) status = sp_node_read_double(shape, 0.2, 10, &row->shape, err);
    if (status == SP_OK) status = read_repair(map, arena, row, err);
    return status == SP_OK ? read_hidden(map, arena, row, err) : status;
}

static sp_status read_classes(sp_node classes, sp_arena *arena, sp_failures *out, sp_error *err)
{
    size_t n = sp_node_count(classes);
    if (sp_node_kind_of(classes) != SP_NODE_SEQ || n == 0 || n > SP_FAIL_CLASSES)
        return sp_node_fail(classes, SP_E_INVAL, err, "expected a list of 1 to %d classes of failures, found %zu", SP_FAIL_CLASSES, n);
    for (out->n = 0; out->n < n; out->n++) {
        sp_node node = sp_node_at(classes, out->n);
        if (sp_node_kind_of(node) != SP_NODE_MAP) return sp_node_fail(node, SP_E_INVAL, err, "expected a map with name, unit and rate");
        sp_status status = read_class(node, arena, &out->row[out->n], err);
        if (status != SP_OK) return status;
        for (uint32_t i = 0; i < out->n; i++)
            if (strcmp(out->row[i].name, out->row[out->n].name) == 0)
                return sp_node_fail(node, SP_E_INVAL, err, "class '%s' stands twice; names are unique", out->row[i].name);
    }
    return SP_OK;
}

static sp_status read_document(sp_node root, sp_arena *arena, sp_failures *out, sp_error *err)
{
    static const char *const keys[] = {"name", "title", "note", "classes", "sources", NULL};
    sp_node classes;
    if (sp_node_kind_of(root) != SP_NODE_MAP) return sp_node_fail(root, SP_E_INVAL, err, "expected a map with name and classes");
    sp_status status = sp_node_only_keys(root, keys, err);
    if (status == SP_OK) status = read_word(root, "name", arena, &out->name, err);
    if (status == SP_OK) status = read_word(root, "title", arena, &out->title, err);
    if (status == SP_OK && sp_node_is(sp_node_get(root, "note"))) status = read_word(root, "note", arena, &out->note, err);
    if (status == SP_OK) status = sp_node_need(root, "classes", &classes, err);
    return status == SP_OK ? read_classes(classes, arena, out, err) : status;
}

sp_status sp_failures_read(sp_node root, sp_arena *arena, sp_failures *out, sp_error *err)
{
    sp_failures read = {0};
    sp_status status = read_document(root, arena, &read, err);
    if (status == SP_OK) *out = read;
    return status;
}

sp_status sp_failures_load(const char *path, sp_arena *arena, sp_failures *out, sp_error *err)
{
    sp_doc *doc;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status != SP_OK) return status;
    status = sp_failures_read(sp_doc_root(doc), arena, out, err);
    sp_doc_destroy(doc);
    return status;
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

/* Copper inside a rack, its backplane's switches included, and between neighbouring racks (meshes and tori; UB-Mesh: 94 % of its
 * cables are electrical); the levels of a switched tier that leave the rack go by light. Where no rack is described, it is the
 * cluster's leaf. */
static sp_status count_electrical(const sp_machine *machine, uint32_t p, uint32_t t, uint32_t rack, uint64_t all, uint64_t *out, sp_error *err)
{
    *out = all;
    return sp_tier_is_switched(machine->planes[p].tiers[t].kind) ? sp_machine_count_inside(machine, p, t, rack, out, err) : SP_OK;
}

static sp_status count_wires(const sp_machine *machine, sp_fail_unit unit, uint64_t *out, sp_error *err)
{
    sp_cluster_shape shape;
    sp_status status = sp_cluster_shape_of(machine, &shape, err);
    uint32_t rack = machine->chips_per_rack != 0 ? machine->chips_per_rack : shape.leaf_chips;
    uint64_t sum = 0;
    for (uint32_t p = 0; p < machine->n_planes && status == SP_OK; p++)
        for (uint32_t t = 0; t < machine->planes[p].n_tiers && status == SP_OK; t++) {
            uint64_t links, switches, electrical = 0;
            status = sp_machine_count_tier(machine, p, t, &links, &switches, err);
            if (status == SP_OK && unit != SP_FAIL_SWITCH) status = count_electrical(machine, p, t, rack, links, &electrical, err);
            sum += unit == SP_FAIL_SWITCH ? switches : unit == SP_FAIL_ELECTRICAL_LINK ? electrical : links - electrical;
        }
    if (status == SP_OK) *out = sum;
    return status;
}

sp_status sp_failures_count(const sp_machine *machine, sp_fail_unit unit, uint64_t *out, sp_error *err)
{
    sp_cluster_shape shape;
    if (unit >= SP_FAIL_ELECTRICAL_LINK) return count_wires(machine, unit, out, err);
    sp_status status = sp_cluster_shape_of(machine, &shape, err);
    if (status != SP_OK) return status;
    if (unit == SP_FAIL_POWER) {
        *out = (machine->chips / shape.leaf_chips + SP_POWER_RACKS - 1) / SP_POWER_RACKS;
        return SP_OK;
    }
    uint32_t size = unit == SP_FAIL_CHIP ? 1 : unit == SP_FAIL_HOST ? shape.row_chips : unit == SP_FAIL_RACK ? shape.leaf_chips : shape.pod_chips;
    *out = machine->chips / size;
    return SP_OK;
}

sp_status sp_failures_rate(const sp_failures *failures, const sp_machine *machine, bool network_only, double *out, sp_error *err)
{
    double sum = 0;
    for (uint32_t i = 0; i < failures->n; i++) {
        uint64_t n;
        if (network_only && failures->row[i].unit < SP_FAIL_ELECTRICAL_LINK) continue;
        sp_status status = sp_failures_count(machine, failures->row[i].unit, &n, err);
        if (status != SP_OK) return status;
        sum += (double)n * failures->row[i].rate_per_s.nominal;
    }
    *out = sum;
    return SP_OK;
}
