/* A machine from its YAML file (docs/design/machine-string.md has both forms side by side). */
#include "topo_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct loader {
    sp_arena *arena;
    sp_machine *machine;
    sp_i_chip_lookup lookup;
    void *context;
    uint64_t n;          /* the family's size, 0: the file has none */
    sp_node sources;
    sp_error *err;
} loader;

static sp_status copy(loader *l, sp_node node, const char **out)
{
    const char *text;
    sp_status status = sp_node_read_text(node, &text, l->err);
    if (status)
        return status;
    *out = sp_arena_strdup(l->arena, text);
    return *out ? SP_OK : sp_node_fail(node, SP_E_NOMEM, l->err, "no memory for a text");
}

static sp_status text_of(loader *l, sp_node map, const char *key, const char **out)
{
    sp_node node = sp_node_get(map, key);
    return sp_node_is(node) ? copy(l, node, out) : SP_OK;
}

static sp_status date_of(loader *l, sp_node map, const char *key, const char **out)
{
    sp_status status = text_of(l, map, key, out);
    if (status || !*out || sp_text_is_date(*out))
        return status;
    return sp_node_fail(sp_node_get(map, key), SP_E_INVAL, l->err, "found %s '%.40s', expected a form like 2026, 2026H2, 2026Q4, 2026-10 or 2026-10-31", key, *out);
}

static sp_status count_of(loader *l, sp_node map, const char *key, uint32_t low, uint32_t *out)
{
    sp_node node = sp_node_get(map, key);
    return sp_node_is(node) ? sp_node_read_u32(node, low, SP_CHIPS_MAX, out, l->err) : SP_OK;
}

static sp_status flag_of(loader *l, sp_node map, const char *key, bool *out)
{
    sp_node node = sp_node_get(map, key);
    return sp_node_is(node) ? sp_node_read_bool(node, out, l->err) : SP_OK;
}

/* A source begins with a key of `sources:`, whose address is added to it; derived values and guesses may instead just
 * say how and why. */
static sp_status resolve_source(loader *l, sp_node at, sp_grade grade, const char **source)
{
    char key[32];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(*source, " ,:;("), *source);
    sp_node address = sp_node_get(l->sources, key);
    if (sp_node_is(address)) {
        const char *text;
        sp_status status = sp_node_read_text(address, &text, l->err);
        if (status)
            return status;
        *source = sp_arena_printf(l->arena, "%s [%s]", *source, text);
        return *source ? SP_OK : sp_node_fail(at, SP_E_NOMEM, l->err, "no memory for a source");
    }
    if (grade == SP_GRADE_DERIVED || grade == SP_GRADE_GUESS)
        return SP_OK;
    return sp_node_fail(at, SP_E_NOTFOUND, l->err, "source '%.60s' does not begin with a key of 'sources:'; add \"%s: address\" there",
                        *source, key);
}

static sp_status value_of(loader *l, sp_node map, const char *key, sp_unit unit, sp_value *out)
{
    sp_node node = sp_node_get(map, key);
    if (!sp_node_is(node))
        return SP_OK;
    sp_status status = sp_node_read_value(node, unit, l->arena, out, l->err);
    return status ? status : resolve_source(l, node, out->grade, &out->source);
}

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

/* "8", "n" or "8n". */
static sp_status size_of(loader *l, sp_node node, uint32_t *out)
{
    const char *text;
    uint32_t factor = 1;
    size_t at = 0;
    uint64_t product;
    sp_error inner = {0};
    sp_status status = sp_node_read_text(node, &text, l->err);
    if (status)
        return status;
    if (text[0] != 'n' && (status = sp_i_count_parse(text, &at, &factor, &inner)))
        return sp_node_fail(node, status, l->err, "%s, n or 8n", inner.text);
    if (text[at] == 'n' && text[at + 1] == 0) {
        if (l->n == 0)
            return sp_node_fail(node, SP_E_PARSE, l->err, "found size 'n', but the file has no 'n:' with the family's default size");
        if (!sp_mul_u64(factor, l->n, &product) || product > SP_CHIPS_MAX)
            return sp_node_fail(node, SP_E_RANGE, l->err, "size %ux%llu is beyond %u", factor, (unsigned long long)l->n, SP_CHIPS_MAX);
        factor = (uint32_t)product;
    } else if (text[at]) {
        return sp_node_fail(node, SP_E_PARSE, l->err, "found size '%.40s'; expected a whole number, n or 8n", text);
    }
    if (factor == 0)
        return sp_node_fail(node, SP_E_INVAL, l->err, "found size 0; sizes start at 1");
    *out = factor;
    return SP_OK;
}

static sp_status sizes_of(loader *l, sp_node node, uint32_t most, uint32_t *out, uint32_t *n)
{
    size_t count = sp_node_kind_of(node) == SP_NODE_SEQ ? sp_node_count(node) : 1;
    if (count == 0 || count > most)
        return sp_node_fail(node, SP_E_PARSE, l->err, "found %zu sizes; expected 1 to %u", count, most);
    for (size_t i = 0; i < count; i++) {
        sp_status status = size_of(l, sp_node_kind_of(node) == SP_NODE_SEQ ? sp_node_at(node, i) : node, &out[i]);
        if (status)
            return status;
    }
    *n = (uint32_t)count;
    return SP_OK;
}

/* ---- a tier ---------------------------------------------------------------------------------------------------------- */

static sp_status kind_of(loader *l, sp_node map, sp_tier_kind *out)
{
    sp_node node;
    const char *text;
    sp_status status = sp_node_need(map, "kind", &node, l->err);
    if (status || (status = sp_node_read_text(node, &text, l->err)))
        return status;
    if (sp_i_kind_find(text, out))
        return SP_OK;
    const char *near = sp_text_nearest(text, sp_i_kind_names());
    return sp_node_fail(node, SP_E_PARSE, l->err, "found kind '%.40s'; expected mesh, torus, clos, switch, rail or dragonfly%s%s%s", text,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* wiring: {grade: vendor, source: "WP950: …"}: where sizes and wiring of the tier come from. */
static sp_status wiring_of(loader *l, sp_node map, sp_tier *tier)
{
    static const char *const keys[] = {"grade", "source", NULL};
    sp_node node, grade, source;
    const char *text;
    sp_status status = sp_node_need(map, "wiring", &node, l->err);
    if (status || (status = sp_node_only_keys(node, keys, l->err)) || (status = sp_node_need(node, "grade", &grade, l->err)) ||
        (status = sp_node_need(node, "source", &source, l->err)) || (status = copy(l, source, &tier->wiring_source)) ||
        (status = sp_node_read_text(grade, &text, l->err)))
        return status;
    for (int g = SP_GRADE_NONE + 1; g < SP_GRADE_N; g++)
        if (!strcmp(text, sp_grade_name((sp_grade)g))) {
            tier->wiring_grade = (sp_grade)g;
            return resolve_source(l, source, tier->wiring_grade, &tier->wiring_source);
        }
    return sp_node_fail(grade, SP_E_PARSE, l->err, "found grade '%.40s'; expected vendor, paper, press, derived or guess", text);
}

static sp_status switches_of(loader *l, sp_node map, sp_tier *tier)
{
    sp_node levels = sp_node_get(map, "levels");
    sp_status status = count_of(l, map, "planes", 1, &tier->planes);
    if (!status)
        status = count_of(l, map, "switches", 1, &tier->switches);
    if (!status)
        status = count_of(l, map, "radix", 2, &tier->radix);
    if (!status && sp_node_is(levels))
        status = sizes_of(l, levels, SP_TIER_LEVELS, tier->levels, &tier->n_levels);
    if (!status)
        status = flag_of(l, map, "twisted", &tier->twisted);
    if (!status)
        status = flag_of(l, map, "shared", &tier->shared);
    if (!status)
        status = flag_of(l, map, "plus", &tier->plus);
    return status ? status : flag_of(l, map, "nic", &tier->nic);
}

static sp_status tier_of(loader *l, sp_node map, sp_tier *tier)
{
    static const char *const keys[] = {"kind", "name", "size", "spares", "bw", "latency", "taper", "planes", "switches", "radix", "levels",
                                       "twisted", "shared", "plus", "nic", "wiring", NULL};
    sp_node size, bw;
    sp_status status = sp_node_only_keys(map, keys, l->err);
    *tier = (sp_tier){.planes = 1};
    if (status || (status = kind_of(l, map, &tier->kind)) || (status = text_of(l, map, "name", &tier->name)) ||
        (status = sp_node_need(map, "size", &size, l->err)) || (status = sizes_of(l, size, SP_TIER_DIMS, tier->dims, &tier->n_dims)) ||
        (status = count_of(l, map, "spares", 0, &tier->spares)) || (status = sp_node_need(map, "bw", &bw, l->err)) ||
        (status = value_of(l, map, "bw", SP_UNIT_BYTES_PER_S, &tier->bw_bytes_per_s)) ||
        (status = value_of(l, map, "latency", SP_UNIT_SECONDS, &tier->latency_s)) ||
        (status = value_of(l, map, "taper", SP_UNIT_NONE, &tier->taper)) || (status = switches_of(l, map, tier)) ||
        (status = wiring_of(l, map, tier)))
        return status;
    sp_error inner = {0};
    sp_tier probe = *tier;
    status = sp_i_tier_finish(&probe, &inner);
    if (!status)
        status = sp_i_tier_check(&probe, &inner);
    return status ? sp_node_fail(map, status, l->err, "%s", inner.text) : SP_OK;
}

static sp_status plane_of(loader *l, sp_node map, sp_plane *plane)
{
    static const char *const keys[] = {"name", "tiers", NULL};
    sp_node tiers;
    sp_status status = sp_node_only_keys(map, keys, l->err);
    if (status || (status = text_of(l, map, "name", &plane->name)) || (status = sp_node_need(map, "tiers", &tiers, l->err)))
        return status;
    size_t n = sp_node_count(tiers);
    if (sp_node_kind_of(tiers) != SP_NODE_SEQ || n == 0 || n > SP_TIERS_MAX)
        return sp_node_fail(tiers, SP_E_PARSE, l->err, "expected a list of 1 to %d tiers, inner first", SP_TIERS_MAX);
    for (size_t t = 0; t < n; t++) {
        status = tier_of(l, sp_node_at(tiers, t), &plane->tiers[t]);
        if (status)
            return status;
    }
    plane->n_tiers = (uint32_t)n;
    return SP_OK;
}

/* ---- the machine ------------------------------------------------------------------------------------------------------- */

static sp_status planes_of(loader *l, sp_node root)
{
    sp_node planes;
    sp_status status = sp_node_need(root, "planes", &planes, l->err);
    if (status)
        return status;
    size_t n = sp_node_count(planes);
    if (sp_node_kind_of(planes) != SP_NODE_SEQ || n == 0 || n > SP_PLANES_MAX)
        return sp_node_fail(planes, SP_E_PARSE, l->err, "expected a list of 1 to %d planes", SP_PLANES_MAX);
    for (size_t p = 0; p < n; p++) {
        status = plane_of(l, sp_node_at(planes, p), &l->machine->planes[p]);
        if (status)
            return status;
    }
    l->machine->n_planes = (uint32_t)n;
    return SP_OK;
}

/* A chip file is named from where the machine's file lies, unless from the root. */
static const char *from_here(loader *l, sp_node root, const char *text)
{
    const char *here = sp_doc_name(root.doc), *slash = here ? strrchr(here, '/') : NULL;
    size_t n = strlen(text);
    bool path = strchr(text, '/') || (n > 5 && strcmp(text + n - 5, ".yaml") == 0) || (n > 4 && strcmp(text + n - 4, ".yml") == 0);
    return path && slash && text[0] != '/' ? sp_arena_printf(l->arena, "%.*s%s", (int)(slash + 1 - here), here, text) : text;
}

static sp_status chip_of(loader *l, sp_node root)
{
    sp_node node;
    const char *text;
    sp_error inner = {0};
    sp_status status = sp_node_need(root, "chip", &node, l->err);
    if (status || (status = sp_node_read_text(node, &text, l->err)))
        return status;
    if (!(text = from_here(l, root, text)))
        return sp_error_set(l->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a path");
    status = l->lookup(l->context, text, &l->machine->chip, &inner);
    if (status && inner.file[0]) {
        if (l->err)
            *l->err = inner;
        return status;
    }
    return status ? sp_node_fail(node, status, l->err, "%s", inner.text) : SP_OK;
}

static sp_status rack_of(loader *l, sp_node root)
{
    static const char *const keys[] = {"chips", "spares", NULL};
    sp_node node = sp_node_get(root, "rack");
    if (!sp_node_is(node))
        return SP_OK;
    sp_status status = sp_node_only_keys(node, keys, l->err);
    if (!status)
        status = count_of(l, node, "chips", 1, &l->machine->chips_per_rack);
    return status ? status : count_of(l, node, "spares", 0, &l->machine->spares_per_rack);
}

/* A value of the whole machine, or per chip and then multiplied. */
static sp_status whole_or_per_chip(loader *l, sp_node root, const char *whole, const char *per_chip, sp_unit unit, sp_value *out)
{
    sp_node both[2] = {sp_node_get(root, whole), sp_node_get(root, per_chip)};
    if (sp_node_is(both[0]) && sp_node_is(both[1]))
        return sp_node_fail(both[1], SP_E_PARSE, l->err, "found both '%s' and '%s'; keep one", whole, per_chip);
    sp_status status = value_of(l, root, whole, unit, out);
    if (status || !sp_node_is(both[1]) || (status = value_of(l, root, per_chip, unit, out)))
        return status;
    out->low *= l->machine->chips;
    out->nominal *= l->machine->chips;
    out->high *= l->machine->chips;
    return SP_OK;
}

static sp_status family_size(loader *l, sp_node root, uint64_t asked)
{
    sp_node node = sp_node_get(root, "n");
    uint32_t usual;
    if (!sp_node_is(node)) {
        if (asked)
            return sp_node_fail(root, SP_E_INVAL, l->err, "this machine has one size; leave ':%llu' away", (unsigned long long)asked);
        return SP_OK;
    }
    sp_status status = sp_node_read_u32(node, 1, SP_CHIPS_MAX, &usual, l->err);
    l->n = asked ? asked : usual;
    return status;
}

static sp_status labels_of(loader *l, sp_node root)
{
    sp_machine *m = l->machine;
    sp_node name;
    sp_status status = sp_node_need(root, "name", &name, l->err);
    if (status || (status = copy(l, name, &m->name)) || (status = text_of(l, root, "title", &m->title)) ||
        (status = text_of(l, root, "note", &m->note)) || (status = text_of(l, root, "host", &m->host)) ||
        (status = date_of(l, root, "available", &m->available)) || (status = count_of(l, root, "chips_per_host", 1, &m->chips_per_host)))
        return status;
    for (const char *text = m->host; text && *text; text++)
        if (strchr(" \t\n=,|", *text))
            return sp_node_fail(sp_node_get(root, "host"), SP_E_PARSE, l->err, "a host's name has no blanks, ',', '=' or '|'");
    if ((status = flag_of(l, root, "uboe", &m->uses_uboe)))
        return status;
    return flag_of(l, root, "pcie", &m->uses_pcie);
}

static sp_status machine_of(loader *l, sp_node root, uint64_t asked)
{
    static const char *const keys[] = {"name", "title", "note", "available", "chip", "host", "chips_per_host", "rack", "n", "planes",
                                       "power", "power_per_chip", "overhead_per_chip", "price", "price_per_chip", "uboe", "pcie",
                                       "sources", NULL};
    sp_machine *m = l->machine;
    sp_status status = sp_node_only_keys(root, keys, l->err);
    l->sources = sp_node_get(root, "sources");
    if (status || (status = labels_of(l, root)) || (status = family_size(l, root, asked)) || (status = chip_of(l, root)) ||
        (status = rack_of(l, root)) || (status = planes_of(l, root)))
        return status;
    m->n = (uint32_t)(l->n <= SP_CHIPS_MAX ? l->n : 0);
    /* the product first: values per chip are multiplied by it */
    sp_error inner = {0};
    status = sp_i_machine_finish(m, l->arena, &inner);
    if (status)
        return sp_node_fail(sp_node_get(root, "planes"), status, l->err, "%s", inner.text);
    if ((status = whole_or_per_chip(l, root, "power", "power_per_chip", SP_UNIT_WATT, &m->power_w)) ||
        (status = whole_or_per_chip(l, root, "price", "price_per_chip", SP_UNIT_USD, &m->price_usd)) ||
        (status = value_of(l, root, "overhead_per_chip", SP_UNIT_WATT, &m->overhead_w_per_chip)))
        return status;
    status = sp_machine_check(m, &inner);
    return status ? sp_node_fail(root, status, l->err, "%s", inner.text) : SP_OK;
}

sp_status sp_i_machine_load(const char *path, uint64_t n, sp_arena *arena, sp_i_chip_lookup lookup, void *context,
                            sp_machine **out, sp_error *err)
{
    sp_doc *doc;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status)
        return status;
    sp_machine *machine = sp_arena_alloc(arena, 1, sizeof *machine);
    loader l = {.arena = arena, .machine = machine, .lookup = lookup, .context = context, .err = err};
    status = machine ? machine_of(&l, sp_doc_root(doc), n) : sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory for a machine");
    sp_doc_destroy(doc);
    if (!status)
        *out = machine;
    return status;
}
