/* Reading a chip file and its family's fit. Every complaint points at the value's own line and column. */
#include "chip_i.h"

#include <stdio.h>
#include <string.h>

#define FACTS_MAX 96   /* 2 x formats + rows of both field tables, with room to spare; asserted by the reader */

typedef struct reader {
    sp_arena *arena;
    sp_chip *chip;
    sp_chip_fact *facts;
    sp_error *err;
} reader;

/* A needed key. Unknown keys were refused before, so no present key can be meant by a missing one. */
static sp_status need(reader *r, sp_node map, const char *key, sp_node *out)
{
    *out = sp_node_get(map, key);
    return sp_node_is(*out) ? SP_OK : sp_node_fail(map, SP_E_INVAL, r->err, "key '%s' is missing here; add it", key);
}

static sp_status keep_text(reader *r, sp_node map, const char *key, bool needed, const char **out)
{
    sp_node node = sp_node_get(map, key);
    if (!sp_node_is(node) && !needed)
        return SP_OK;
    sp_status status = need(r, map, key, &node);
    const char *text = NULL;
    if (status == SP_OK)
        status = sp_node_read_text(node, &text, r->err);
    if (status != SP_OK)
        return status;
    if (text[0] == '\0')
        return sp_node_fail(node, SP_E_INVAL, r->err, "found empty text for '%s'; write what it is", key);
    *out = sp_arena_strdup(r->arena, text);
    return *out ? SP_OK : sp_error_set(r->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a chip's text");
}

static sp_status read_graded(reader *r, sp_node node, const char *key, sp_unit unit, sp_i_chip_bound bound, sp_value *out)
{
    sp_value value = {0};
    sp_status status = sp_node_read_value(node, unit, r->arena, &value, r->err);
    if (status != SP_OK)
        return status;
    const char *expected = sp_i_chip_bound_broken(bound, value.low, value.high);
    if (expected) {
        sp_node at = sp_node_get(node, "value");
        return sp_node_fail(sp_node_is(at) ? at : node, SP_E_INVAL, r->err, "'%s' is %g … %g, expected %s", key, value.low,
                            value.high, expected);
    }
    if (r->chip->n_facts >= FACTS_MAX)
        return sp_node_fail(node, SP_E_INTERNAL, r->err, "more than %d values in a chip", FACTS_MAX);
    r->facts[r->chip->n_facts++] = (sp_chip_fact){key, unit, value};
    *out = value;
    return SP_OK;
}

static sp_status read_field(reader *r, sp_node map, const sp_i_chip_field *field, void *base)
{
    sp_node node;
    sp_value value = {0};
    sp_status status = need(r, map, field->key, &node);
    if (status == SP_OK)
        status = read_graded(r, node, field->key, field->unit, field->bound, &value);
    if (status != SP_OK)
        return status;
    char *slot = (char *)base + field->offset;
    if (field->bound == SP_I_CHIP_COUNT) {
        uint32_t count = (uint32_t)value.nominal;
        memcpy(slot, &count, sizeof count);
    } else {
        memcpy(slot, &value, sizeof value);
    }
    return SP_OK;
}

static sp_status read_fields(reader *r, sp_node map)
{
    sp_status status = SP_OK;
    for (const sp_i_chip_field *field = sp_i_chip_fields; field->key && status == SP_OK; field++)
        if (field->needed || sp_node_is(sp_node_get(map, field->key)))
            status = read_field(r, map, field, r->chip);
    return status;
}

/* A map from format name to rate. */
static sp_status read_rates(reader *r, sp_node map, const char *prefix, sp_value rates[SP_FMT_N])
{
    if (sp_node_kind_of(map) != SP_NODE_MAP || sp_node_count(map) == 0)
        return sp_node_fail(map, SP_E_INVAL, r->err, "'%s' must be a map from format to rate, e.g. bf16: {value: 486TFLOP/s, "
                            "grade: vendor, source: …}", prefix);
    for (size_t i = 0; i < sp_node_count(map); i++) {
        sp_format format;
        sp_error why = {0};
        if (sp_format_parse(sp_node_key_at(map, i), &format, &why) != SP_OK)
            return sp_node_fail(sp_node_keynode_at(map, i), SP_E_INVAL, r->err, "%s", why.text);
        const char *key = sp_arena_printf(r->arena, "%s.%s", prefix, sp_format_name(format));
        if (!key)
            return sp_error_set(r->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a chip's rates");
        sp_status status = read_graded(r, sp_node_at(map, i), key, SP_UNIT_FLOP_PER_S, SP_I_CHIP_ABOVE_0, &rates[format]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status read_matrix(reader *r, sp_node root)
{
    sp_chip *chip = r->chip;
    sp_node matrix, advertised = sp_node_get(root, "advertised");
    sp_status status = need(r, root, "matrix", &matrix);
    if (status == SP_OK)
        status = read_rates(r, matrix, "matrix", chip->matrix_flop_per_s);
    if (status == SP_OK && sp_node_is(advertised))
        status = read_rates(r, advertised, "advertised", chip->advertised_flop_per_s);
    for (int f = 0; status == SP_OK && f < SP_FMT_N; f++) {
        if (chip->advertised_flop_per_s[f].grade == SP_GRADE_NONE)
            chip->advertised_flop_per_s[f] = chip->matrix_flop_per_s[f];
        else if (chip->matrix_flop_per_s[f].grade == SP_GRADE_NONE)
            status = sp_node_fail(advertised, SP_E_INVAL, r->err, "'advertised' has %s but 'matrix' has not; add it there or "
                                  "remove it here", sp_format_name((sp_format)f));
    }
    return status;
}

static sp_status read_dates(reader *r, sp_node root)
{
    static const char *const allowed[] = {"date", "what", "source", NULL};
    sp_node list;
    sp_status status = need(r, root, "available", &list);
    if (status != SP_OK)
        return status;
    size_t count = sp_node_count(list);
    if (sp_node_kind_of(list) != SP_NODE_SEQ || count < 1 || count > SP_CHIP_DATES)
        return sp_node_fail(list, SP_E_INVAL, r->err, "'available' must be a list of 1 to %d entries, newest reading first, e.g. "
                            "- {date: 2026Q4, what: announced, source: …}", SP_CHIP_DATES);
    for (size_t i = 0; i < count; i++) {
        sp_node item = sp_node_at(list, i);
        if (sp_node_kind_of(item) != SP_NODE_MAP)
            return sp_node_fail(item, SP_E_INVAL, r->err, "expected a map with date, what and source");
        status = sp_node_only_keys(item, allowed, r->err);
        if (status == SP_OK)
            status = keep_text(r, item, "date", true, &r->chip->available[i].date);
        if (status == SP_OK && !sp_text_is_date(r->chip->available[i].date))
            status = sp_node_fail(sp_node_get(item, "date"), SP_E_INVAL, r->err,
                                  "found date '%.40s', expected a form like 2026, 2026H2, 2026Q4, 2026-10 or 2026-10-31",
                                  r->chip->available[i].date);
        if (status == SP_OK)
            status = keep_text(r, item, "what", true, &r->chip->available[i].what);
        if (status == SP_OK)
            status = keep_text(r, item, "source", true, &r->chip->available[i].source);
        if (status != SP_OK)
            return status;
    }
    r->chip->n_available = (uint32_t)count;
    return SP_OK;
}

/* Constants of the chip's own file, or of its family's, which gives those that the chip's does not. */
static sp_status read_fit(reader *r, sp_node fit, bool own)
{
    const char *allowed[32];
    size_t n = 0;
    for (const sp_i_chip_field *f = sp_i_fit_fields; f->key; f++)
        allowed[n++] = f->key;
    allowed[n] = NULL;
    if (sp_node_kind_of(fit) != SP_NODE_MAP)
        return sp_node_fail(fit, SP_E_INVAL, r->err, "'fit' must be a map of the family's constants");
    sp_status status = sp_node_only_keys(fit, allowed, r->err);
    for (uint32_t i = 0; sp_i_fit_fields[i].key && status == SP_OK; i++) {
        bool there = sp_node_is(sp_node_get(fit, sp_i_fit_fields[i].key));
        if (own ? !there : r->chip->own_fit >> i & 1 || (!there && !sp_i_fit_fields[i].needed))
            continue;
        status = read_field(r, fit, &sp_i_fit_fields[i], &r->chip->fit);
        r->chip->own_fit |= (uint32_t)own << i;
    }
    return status;
}

/* Has the chip's own file all that a family's must have? */
static bool is_whole(const sp_chip *chip)
{
    bool whole = true;
    for (uint32_t i = 0; sp_i_fit_fields[i].key; i++)
        whole &= !sp_i_fit_fields[i].needed || chip->own_fit >> i & 1;
    return whole;
}

static sp_status read_family(reader *r, sp_node root, const char *families_dir)
{
    static const char *const allowed[] = {"name", "note", "fit", NULL};
    const char *file = sp_doc_name(root.doc), *slash = strrchr(file, '/');
    const char *path = families_dir
        ? sp_arena_printf(r->arena, "%s/%s.yaml", families_dir, r->chip->family)
        : sp_arena_printf(r->arena, "%.*s../families/%s.yaml", slash ? (int)(slash + 1 - file) : 0, file, r->chip->family);
    if (!path)
        return sp_error_set(r->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a path");
    sp_doc *doc = NULL;
    sp_status status = sp_doc_load(path, &doc, r->err);
    if (status == SP_E_IO)
        return sp_node_fail(sp_node_get(root, "family"), SP_E_NOTFOUND, r->err, "no fit for family '%s': cannot read %s; name a "
                            "family that exists (e.g. hopper, ascend-950) or write the constants under 'fit:'",
                            r->chip->family, path);
    if (status != SP_OK)
        return status;
    sp_node top = sp_doc_root(doc), fit;
    const char *name = NULL;
    if (sp_node_kind_of(top) != SP_NODE_MAP)
        status = sp_node_fail(top, SP_E_INVAL, r->err, "a family file is a map with name and fit");
    if (status == SP_OK)
        status = sp_node_only_keys(top, allowed, r->err);
    if (status == SP_OK)
        status = keep_text(r, top, "name", true, &name);
    if (status == SP_OK && strcmp(name, r->chip->family) != 0)
        status = sp_node_fail(sp_node_get(top, "name"), SP_E_INVAL, r->err, "the file of family '%s' calls itself '%s'",
                              r->chip->family, name);
    if (status == SP_OK)
        status = need(r, top, "fit", &fit);
    if (status == SP_OK)
        status = read_fit(r, fit, false);
    sp_doc_destroy(doc);
    return status;
}

static sp_status read_names(reader *r, sp_node root)
{
    sp_chip *chip = r->chip;
    const struct { const char *key; const char **slot; bool needed; } texts[] = {
        {"name", &chip->name, true}, {"title", &chip->title, true}, {"vendor", &chip->vendor, true},
        {"family", &chip->family, true}, {"host_cpu", &chip->host_cpu, true}, {"note", &chip->note, false},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sp_status status = keep_text(r, root, texts[i].key, texts[i].needed, texts[i].slot);
        if (status != SP_OK)
            return status;
    }
    if (strchr(chip->family, '/') || chip->family[0] == '.')
        return sp_node_fail(sp_node_get(root, "family"), SP_E_INVAL, r->err, "found family '%.40s', expected a name without '/'",
                            chip->family);
    sp_node dies;
    sp_status status = need(r, root, "dies", &dies);
    return status == SP_OK ? sp_node_read_u32(dies, 1, 64, &chip->dies, r->err) : status;
}

static sp_status check_keys(sp_node root, sp_error *err)
{
    static const char *const other[] = {"name", "title", "vendor", "family", "host_cpu", "note", "dies", "available",
                                        "matrix", "advertised", "fit"};
    const char *allowed[64];
    size_t n = 0;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        allowed[n++] = other[i];
    for (const sp_i_chip_field *f = sp_i_chip_fields; f->key; f++)
        allowed[n++] = f->key;
    allowed[n] = NULL;
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_INVAL, err, "a chip file is a map: name, title, vendor, family, …");
    return sp_node_only_keys(root, allowed, err);
}

sp_status sp_chip_parse_with(sp_node root, const char *families_dir, sp_arena *arena, const sp_chip **out, sp_error *err)
{
    sp_status status = check_keys(root, err);
    if (status != SP_OK)
        return status;
    reader r = {arena, sp_arena_alloc(arena, 1, sizeof(sp_chip)), sp_arena_alloc(arena, FACTS_MAX, sizeof(sp_chip_fact)), err};
    if (!r.chip || !r.facts)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a chip");
    r.chip->facts = r.facts;
    sp_node fit = sp_node_get(root, "fit");
    status = read_names(&r, root);
    if (status == SP_OK)
        status = read_dates(&r, root);
    if (status == SP_OK)
        status = read_matrix(&r, root);
    if (status == SP_OK)
        status = read_fields(&r, root);
    if (status == SP_OK)
        status = sp_node_is(fit) ? read_fit(&r, fit, true) : SP_OK;
    if (status == SP_OK && !is_whole(r.chip))
        status = read_family(&r, root, families_dir);
    sp_error why = {0};
    if (status == SP_OK && (status = sp_chip_check(r.chip, &why)) != SP_OK)
        return sp_node_fail(root, status, err, "%s", why.text);
    if (status == SP_OK)
        *out = r.chip;
    return status;
}

sp_status sp_chip_parse(sp_node root, sp_arena *arena, const sp_chip **out, sp_error *err)
{
    return sp_chip_parse_with(root, NULL, arena, out, err);
}

sp_status sp_chip_load_with(const char *path, const char *families_dir, sp_arena *arena, const sp_chip **out, sp_error *err)
{
    sp_doc *doc = NULL;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status != SP_OK)
        return status;
    status = sp_chip_parse_with(sp_doc_root(doc), families_dir, arena, out, err);
    sp_doc_destroy(doc);
    return status;
}

sp_status sp_chip_load(const char *path, sp_arena *arena, const sp_chip **out, sp_error *err)
{
    return sp_chip_load_with(path, NULL, arena, out, err);
}
