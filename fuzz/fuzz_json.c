/* What jansson reads and writes again as JSON (with any indent, by spaces or tabs) is read by the text layer as the same tree:
 * two readers, written by different people, hold each other to account. */
#include "superpod/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 100, KEY_MAX = 900 };   /* libyaml reads keys up to 1024 characters, escapes counted; deeper is refused */

static void demand(bool ok)
{
    if (!ok)
        abort();
}

/* Outside of what is promised: long keys and deep trees. */
static bool is_honest(const json_t *json, int depth)
{
    const char *key;
    json_t *value;
    size_t index;
    if (depth > DEPTH_MAX)
        return false;
    json_object_foreach((json_t *)json, key, value)
        if (strlen(key) * 6 > KEY_MAX || !is_honest(value, depth + 1))
            return false;
    json_array_foreach(json, index, value)
        if (!is_honest(value, depth + 1))
            return false;
    return true;
}

static void compare(const json_t *json, sp_node node)
{
    const char *key, *text;
    json_t *value;
    size_t index;
    int64_t whole;
    bool flag;
    double number;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        demand(sp_node_kind_of(node) == SP_NODE_MAP && sp_node_count(node) == json_object_size(json));
        json_object_foreach((json_t *)json, key, value)
            compare(value, sp_node_get(node, key));
        return;
    case JSON_ARRAY:
        demand(sp_node_kind_of(node) == SP_NODE_SEQ && sp_node_count(node) == json_array_size(json));
        json_array_foreach(json, index, value)
            compare(value, sp_node_at(node, index));
        return;
    case JSON_STRING:
        demand(!sp_node_read_text(node, &text, NULL) && !strcmp(text, json_string_value(json)));
        return;
    case JSON_INTEGER:
        demand(!sp_node_read_i64(node, INT64_MIN, INT64_MAX, &whole, NULL) && whole == json_integer_value(json));
        return;
    case JSON_REAL: {
        sp_status status = sp_node_read_double(node, -1e30, 1e30, &number, NULL);
        demand(status == SP_E_RANGE || (!status && number == json_real_value(json)));
        return;
    }
    case JSON_TRUE:
    case JSON_FALSE:
        demand(!sp_node_read_bool(node, &flag, NULL) && flag == json_is_true(json));
        return;
    case JSON_NULL:
        demand(sp_node_is_null(node));
        return;
    }
}

static void tabs_for_indent(char *text)
{
    for (bool at_start = true; *text; text++) {
        if (at_start && *text == ' ')
            *text = '\t';
        else
            at_start = *text == '\n';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        return 0;
    size_t indent = size % 4, ascii = size & 4 ? JSON_ENSURE_ASCII : 0;
    char *text = is_honest(json, 0) ? json_dumps(json, JSON_INDENT(indent) | ascii | (size & 8 ? JSON_ESCAPE_SLASH : 0)) : NULL;
    if (text) {
        if (size & 16)
            tabs_for_indent(text);
        sp_doc *doc = NULL;
        demand(!sp_doc_parse(text, strlen(text), "input.json", &doc, NULL));
        compare(json, sp_doc_root(doc));
        sp_doc_destroy(doc);
    }
    free(text);
    json_decref(json);
    return 0;
}
