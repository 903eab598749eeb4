/* Graded values: {value: 4TB/s, grade: vendor, source: "..."}. */
#include "superpod/text.h"

#include <stdio.h>
#include <string.h>

static sp_status read_grade(sp_node map, sp_grade *out, sp_error *err)
{
    sp_node node;
    const char *text;
    sp_status status = sp_node_need(map, "grade", &node, err);
    if (status || (status = sp_node_read_text(node, &text, err)))
        return status;
    for (int g = SP_GRADE_NONE + 1; g < SP_GRADE_N; g++)
        if (!strcmp(text, sp_grade_name((sp_grade)g))) {
            *out = (sp_grade)g;
            return SP_OK;
        }
    return sp_node_fail(node, SP_E_PARSE, err, "found grade '%.40s'; expected vendor, paper, press, fitted, derived or guess", text);
}

static sp_status read_source(sp_node map, sp_arena *arena, const char **out, sp_error *err)
{
    sp_node node;
    const char *text;
    sp_status status = sp_node_need(map, "source", &node, err);
    if (status || (status = sp_node_read_text(node, &text, err)))
        return status;
    if (!text[strspn(text, " \t\n")])
        return sp_node_fail(node, SP_E_PARSE, err, "the source is empty; say where the value comes from");
    *out = sp_arena_strdup(arena, text);
    return *out ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a source");
}

/* One quantity, or a list of low, nominal, high. */
static sp_status read_interval(sp_node node, sp_unit unit, sp_value *out, sp_error *err)
{
    if (sp_node_kind_of(node) != SP_NODE_SEQ) {
        sp_status status = sp_node_read_quantity(node, unit, &out->nominal, err);
        out->low = out->high = out->nominal;
        return status;
    }
    if (sp_node_count(node) != 3)
        return sp_node_fail(node, SP_E_PARSE, err, "found a list of %zu; expected [low, nominal, high]", sp_node_count(node));
    double part[3] = {0, 0, 0};
    for (size_t i = 0; i < 3; i++) {
        sp_status status = sp_node_read_quantity(sp_node_at(node, i), unit, &part[i], err);
        if (status)
            return status;
        if (i && part[i] < part[i - 1])
            return sp_node_fail(sp_node_at(node, i), SP_E_INVAL, err, "%s '%.40s' is below %s '%.40s'; expected low <= nominal <= high",
                                i == 1 ? "nominal" : "high", sp_node_text(sp_node_at(node, i)), i == 1 ? "low" : "nominal",
                                sp_node_text(sp_node_at(node, i - 1)));
    }
    out->low = part[0];
    out->nominal = part[1];
    out->high = part[2];
    return SP_OK;
}

sp_status sp_node_read_value(sp_node node, sp_unit unit, sp_arena *arena, sp_value *out, sp_error *err)
{
    static const char *const keys[] = {"value", "grade", "source", NULL};
    if (sp_node_kind_of(node) != SP_NODE_MAP) {
        const char *text = sp_node_text(node);
        return sp_node_fail(node, SP_E_PARSE, err, "found %s%.40s%s without grade and source; expected {value: ..., grade: ..., "
                            "source: \"...\"}", text ? "'" : "a list", text ? text : "", text ? "'" : "");
    }
    sp_value value = {0};
    sp_node at = {0};
    sp_status status = sp_node_only_keys(node, keys, err);
    if (!status)
        status = sp_node_need(node, "value", &at, err);
    if (!status)
        status = read_interval(at, unit, &value, err);
    if (!status)
        status = read_grade(node, &value.grade, err);
    if (!status)
        status = read_source(node, arena, &value.source, err);
    if (!status)
        *out = value;
    return status;
}
