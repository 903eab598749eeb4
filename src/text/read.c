/* Typed reads of a node. */
#include "text_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a node is, for "found …". */
static const char *describe(sp_node node, char out[96])
{
    if (sp_node_is_null(node))
        return "nothing";
    switch (sp_node_kind_of(node)) {
    case SP_NODE_SEQ: return "a list";
    case SP_NODE_MAP: return "a map";
    case SP_NODE_SCALAR: snprintf(out, 96, "'%.60s'", sp_node_text(node)); return out;
    default: return "nothing";
    }
}

static sp_status found_but(sp_node node, sp_error *err, const char *expected)
{
    char what[96];
    return sp_node_fail(node, SP_E_PARSE, err, "found %s; expected %s", describe(node, what), expected);
}

static bool is_plain(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    return n && n->type == YAML_SCALAR_NODE && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

sp_status sp_node_read_text(sp_node node, const char **out, sp_error *err)
{
    const char *text = sp_node_text(node);
    if (!text || sp_node_is_null(node))
        return found_but(node, err, "text");
    *out = text;
    return SP_OK;
}

sp_status sp_node_read_bool(sp_node node, bool *out, sp_error *err)
{
    const char *text = is_plain(node) ? sp_node_text(node) : "";
    bool yes = !strcmp(text, "true") || !strcmp(text, "True") || !strcmp(text, "TRUE");
    bool no = !strcmp(text, "false") || !strcmp(text, "False") || !strcmp(text, "FALSE");
    if (!yes && !no)
        return found_but(node, err, sp_node_text(node) && !is_plain(node) ? "true or false, without quotes" : "true or false");
    *out = yes;
    return SP_OK;
}

/* Decimal digits with an optional sign; false when the text is anything else. *fits is false beyond 64 bits. */
static bool scan_i64(const char *text, int64_t *out, bool *fits)
{
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    size_t digits = strspn(text, "0123456789");
    if (!digits || text[digits] || (digits > 1 && text[0] == '0'))
        return false;
    int64_t value = 0;
    *fits = true;
    for (; *text; text++)
        *fits = *fits && !__builtin_mul_overflow(value, 10, &value)
                && !__builtin_add_overflow(value, negative ? -(*text - '0') : *text - '0', &value);
    *out = value;
    return true;
}

sp_status sp_node_read_i64(sp_node node, int64_t low, int64_t high, int64_t *out, sp_error *err)
{
    int64_t value = 0;
    bool fits = false;
    if (!is_plain(node) || !scan_i64(sp_node_text(node), &value, &fits)) {
        const char *text = sp_node_text(node);
        if (text && text[0] == '0' && text[1] && !text[strspn(text, "0123456789")])
            return found_but(node, err, "a whole number without leading zeros (those would mean octal in YAML)");
        if (text && !is_plain(node))
            return found_but(node, err, "a whole number without quotes");
        return found_but(node, err, "a whole number, like 8192");
    }
    if (!fits || value < low || value > high)
        return sp_node_fail(node, SP_E_RANGE, err, "found %.40s; expected a whole number from %" PRId64 " to %" PRId64,
                            sp_node_text(node), low, high);
    *out = value;
    return SP_OK;
}

sp_status sp_node_read_u32(sp_node node, uint32_t low, uint32_t high, uint32_t *out, sp_error *err)
{
    int64_t value;
    sp_status status = sp_node_read_i64(node, low, high, &value, err);
    if (!status)
        *out = (uint32_t)value;
    return status;
}

/* An error of the unit parser, moved from its text to the document: the column is right when the value is on one line
 * and has no escapes before the place. */
static sp_status at_node(sp_node node, sp_status status, const sp_error *inner, sp_error *err)
{
    uint32_t quote = !is_plain(node);
    return sp_error_set(err, status, node.doc ? node.doc->name : NULL, sp_node_line(node),
                        sp_node_column(node) + quote + (inner->column ? inner->column - 1 : 0), "%s", inner->text);
}

sp_status sp_node_read_double(sp_node node, double low, double high, double *out, sp_error *err)
{
    if (!is_plain(node) || sp_node_is_null(node))
        return found_but(node, err, sp_node_text(node) && !is_plain(node) ? "a number without quotes" : "a number");
    const char *text = sp_node_text(node);
    bool negative = text[0] == '-';
    double value;
    sp_error inner = {0};
    sp_status status = sp_unit_parse(text + (negative && text[1] != '-' && text[1] != '+'), SP_UNIT_NONE, &value, &inner);
    if (status)
        return at_node(node, status, &inner, err);
    value = negative ? -value : value;
    if (value < low || value > high)
        return sp_node_fail(node, SP_E_RANGE, err, "found %.40s; expected a number from %.6g to %.6g", text, low, high);
    *out = value;
    return SP_OK;
}

sp_status sp_node_read_quantity(sp_node node, sp_unit unit, double *out, sp_error *err)
{
    const char *text = sp_node_text(node);
    if (!text) {
        /* The unit parser words what is expected. */
        sp_error inner = {0};
        char what[96];
        sp_unit_parse("", unit, out, &inner);
        const char *expected = strchr(inner.text, ';');
        return sp_node_fail(node, SP_E_PARSE, err, "found %s%s", describe(node, what), expected ? expected : "");
    }
    sp_error inner = {0};
    sp_status status = sp_unit_parse(text, unit, out, &inner);
    return status ? at_node(node, status, &inner, err) : SP_OK;
}

static sp_status missing(sp_node map, const char *key, sp_error *err)
{
    const char *one[] = {key, NULL};
    for (size_t i = 0; i < sp_node_count(map); i++)
        if (sp_text_nearest(sp_node_key_at(map, i), one))
            return sp_node_fail(sp_node_keynode_at(map, i), SP_E_PARSE, err, "key '%s' is missing; did you mean it by '%.60s'?", key,
                                sp_node_key_at(map, i));
    return sp_node_fail(map, SP_E_PARSE, err, "key '%s' is missing in this map; add '%s: ...'", key, key);
}

sp_status sp_node_need(sp_node map, const char *key, sp_node *out, sp_error *err)
{
    *out = (sp_node){0};   /* no node: what asks it for its count or kind before it looks at the status is answered */
    if (sp_node_kind_of(map) != SP_NODE_MAP) {
        char expected[96];
        snprintf(expected, sizeof expected, "a map with key '%.60s'", key);
        return found_but(map, err, expected);
    }
    sp_node value = sp_node_get(map, key);
    if (!sp_node_is(value))
        return missing(map, key, err);
    *out = value;
    return SP_OK;
}

sp_status sp_node_only_keys(sp_node map, const char *const *allowed, sp_error *err)
{
    if (sp_node_kind_of(map) != SP_NODE_MAP)
        return found_but(map, err, "a map");
    for (size_t i = 0, n = sp_node_count(map); i < n; i++) {
        sp_node at = sp_node_keynode_at(map, i);
        const char *text = sp_node_text(at);
        if (!text)
            return found_but(at, err, "a key that is text");
        const char *const *known = allowed;
        while (*known && strcmp(*known, text))
            known++;
        if (*known)
            continue;
        const char *near = sp_text_nearest(text, allowed);
        if (near)
            return sp_node_fail(at, SP_E_PARSE, err, "unknown key '%.60s'; did you mean '%s'?", text, near);
        char list[400] = "";
        size_t used = 0;
        for (known = allowed; *known && used + strlen(*known) + 3 < sizeof list; known++)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", known == allowed ? "" : ", ", *known);
        return sp_node_fail(at, SP_E_PARSE, err, "unknown key '%.60s'; expected one of: %s%s", text, list, *known ? ", ..." : "");
    }
    return SP_OK;
}
