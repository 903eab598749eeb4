#include "text_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

yaml_node_t *sp_i_text_node(sp_node node)
{
    if (!node.id)
        return NULL;
    assert(node.doc && node.id > 0 && node.id <= node.doc->yaml.nodes.top - node.doc->yaml.nodes.start);
    return node.doc->yaml.nodes.start + node.id - 1;
}

sp_node_kind sp_node_kind_of(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    switch (n ? n->type : YAML_NO_NODE) {
    case YAML_SCALAR_NODE: return SP_NODE_SCALAR;
    case YAML_SEQUENCE_NODE: return SP_NODE_SEQ;
    case YAML_MAPPING_NODE: return SP_NODE_MAP;
    default: return SP_NODE_NONE;
    }
}

uint32_t sp_node_line(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    return n ? (uint32_t)n->start_mark.line + 1 : 0;
}

uint32_t sp_node_column(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    return n ? sp_i_text_column(node.doc, n->start_mark.line, n->start_mark.column) : 0;
}

size_t sp_node_count(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    if (n && n->type == YAML_SEQUENCE_NODE)
        return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
    if (n && n->type == YAML_MAPPING_NODE)
        return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
    return 0;
}

sp_node sp_node_at(sp_node node, size_t index)
{
    const yaml_node_t *n = sp_i_text_node(node);
    if (index >= sp_node_count(node))
        return (sp_node){node.doc, 0};
    if (n->type == YAML_SEQUENCE_NODE)
        return (sp_node){node.doc, n->data.sequence.items.start[index]};
    return (sp_node){node.doc, n->data.mapping.pairs.start[index].value};
}

sp_node sp_node_keynode_at(sp_node map, size_t index)
{
    const yaml_node_t *n = sp_i_text_node(map);
    if (!n || n->type != YAML_MAPPING_NODE || index >= sp_node_count(map))
        return (sp_node){map.doc, 0};
    return (sp_node){map.doc, n->data.mapping.pairs.start[index].key};
}

const char *sp_node_key_at(sp_node map, size_t index)
{
    const char *text = sp_node_text(sp_node_keynode_at(map, index));
    return text ? text : "";
}

sp_node sp_node_get(sp_node map, const char *key)
{
    if (sp_node_kind_of(map) == SP_NODE_MAP)
        for (size_t i = 0, n = sp_node_count(map); i < n; i++) {
            const char *text = sp_node_text(sp_node_keynode_at(map, i));
            if (text && !strcmp(text, key))
                return sp_node_at(map, i);
        }
    return (sp_node){map.doc, 0};
}

const char *sp_node_text(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

bool sp_node_is_null(sp_node node)
{
    const yaml_node_t *n = sp_i_text_node(node);
    if (!n || n->type != YAML_SCALAR_NODE || n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)n->data.scalar.value;
    return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") || !strcmp(text, "NULL");
}

sp_status sp_node_fail(sp_node node, sp_status status, sp_error *err, const char *format, ...)
{
    if (!err)
        return status;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sp_error_set(err, status, node.doc ? node.doc->name : NULL, sp_node_line(node), sp_node_column(node), "%s", text);
}
