/* GraphML (Brandes et al. 2002) by expat: nodes, edges, and the values of edges by the names of their keys. Entities that a file
 * declares are refused, others do not exist. */
#include "net_i.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64
#define ID_MAX 64
#define VALUE_MAX 64

typedef enum meaning { OTHER, RATE, LATENCY, BITS_PER_S } meaning;
typedef struct key { char id[ID_MAX]; meaning means; double standard; bool has; } key;
typedef struct place { uint32_t line, column; } place;
typedef struct named { bool declared; place at; } named;   /* a node: where it was first named */

typedef struct reader {
    sp_net *net;
    XML_Parser xml;
    const char *name;
    sp_error *err;
    sp_status status;
    uint32_t n_keys; key keys[KEYS_MAX];
    bool directed, in_edge, rate, latency, root;
    uint32_t n_named; named *named;               /* by node */
    sp_i_net_edge edge;
    place edge_at;
    const key *of; bool standard;                /* whose value is being read, NULL: nobody's; a <default> */
    char value[VALUE_MAX]; size_t n_value; place value_at;
} reader;

static place here(const reader *r)
{
    return (place){(uint32_t)XML_GetCurrentLineNumber(r->xml), (uint32_t)XML_GetCurrentColumnNumber(r->xml) + 1};
}

static sp_status blame(const reader *r, sp_status status, place at)
{
    if (status != SP_OK && r->err) {
        snprintf(r->err->file, sizeof r->err->file, "%s", r->name);
        r->err->line = at.line;
        r->err->column = at.column;
    }
    return status;
}

/* A name without its namespace. */
static const char *local(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

/* The attribute in `out`; false: it is not there, or too long. */
static bool attribute(const char **attributes, const char *name, char *out, size_t size)
{
    for (; *attributes; attributes += 2)
        if (strcmp(local(attributes[0]), name) == 0 && strlen(attributes[1]) < size) {
            strcpy(out, attributes[1]);
            return true;
        }
    return false;
}

static meaning meaning_of(const char *name)
{
    static const struct { const char *name; meaning means; } rows[] = {
        {"bandwidth", RATE}, {"bw", RATE}, {"rate", RATE}, {"capacity", RATE}, {"latency", LATENCY}, {"delay", LATENCY}, {"LinkSpeedRaw", BITS_PER_S}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].means;
    return OTHER;
}

static sp_status bits_per_s(const reader *r, const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end) / 8;
    bool ok = end != text && *end == '\0' && *out > 0 && *out < 1e30;
    return ok ? SP_OK : sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "found '%.40s' as LinkSpeedRaw; expected bits a second, as 1e10", text);
}

static const key *key_of(const reader *r, const char *id)
{
    for (uint32_t i = 0; i < r->n_keys; i++)
        if (strcmp(r->keys[i].id, id) == 0)
            return &r->keys[i];
    return NULL;
}

static sp_status read_key(reader *r, const char **attributes)
{
    char name[ID_MAX] = "", target[16] = "all";
    if (r->n_keys == KEYS_MAX)
        return blame(r, sp_error_set(r->err, SP_E_RANGE, NULL, 0, 0, "more than %d keys", KEYS_MAX), here(r));
    key *k = &r->keys[r->n_keys++];
    *k = (key){.means = OTHER};
    if (!attribute(attributes, "id", k->id, sizeof k->id))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "a key without an id, or with one of more than %d bytes", ID_MAX - 1), here(r));
    attribute(attributes, "attr.name", name, sizeof name);
    attribute(attributes, "for", target, sizeof target);
    if (strcmp(target, "edge") == 0 || strcmp(target, "all") == 0)
        k->means = meaning_of(name);
    return SP_OK;
}

static void begin_value(reader *r, const key *of, bool standard)
{
    r->of = of;
    r->standard = standard;
    r->n_value = 0;
    r->value_at = here(r);
}

static sp_status read_default(reader *r)
{
    if (r->n_keys && r->keys[r->n_keys - 1].means != OTHER)
        begin_value(r, &r->keys[r->n_keys - 1], true);
    return SP_OK;
}

static sp_status read_data(reader *r, const char **attributes)
{
    char id[ID_MAX];
    const key *k = attribute(attributes, "key", id, sizeof id) ? key_of(r, id) : NULL;
    if (!k)
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "data of a key that was not declared"), here(r));
    if (r->in_edge && k->means != OTHER)
        begin_value(r, k, false);
    return SP_OK;
}

static void set_value(reader *r, meaning means, double value)
{
    if (means == LATENCY) {
        r->edge.latency_s = value;
        r->latency = true;
    } else {
        r->edge.bw_bytes_per_s = value;
        r->rate = true;
    }
}

static sp_status end_value(reader *r)
{
    const key *k = r->of;
    double value;
    r->of = NULL;
    if (r->n_value >= VALUE_MAX)
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "a value of %zu bytes; expected a quantity, as 50GB/s", r->n_value), r->value_at);
    r->value[r->n_value] = '\0';
    sp_status status = k->means == BITS_PER_S ? bits_per_s(r, r->value, &value) :
                       sp_unit_parse(r->value, k->means == RATE ? SP_UNIT_BYTES_PER_S : SP_UNIT_SECONDS, &value, r->err);
    if (status == SP_OK && r->standard) {
        r->keys[k - r->keys].has = true;
        r->keys[k - r->keys].standard = value;
    } else if (status == SP_OK) {
        set_value(r, k->means, value);
    }
    return blame(r, status, r->value_at);
}

/* The node of that name, declared here or named as the end of an edge: declarations may follow. */
static sp_status name_node(reader *r, const char *id, bool declared, uint32_t *out)
{
    sp_status status = sp_i_net_node(r->net, id, out, r->err);
    if (status == SP_OK && *out >= r->n_named) {
        uint32_t room = r->n_named ? 2 * r->n_named : 64;
        named *grown = realloc(r->named, room * sizeof *grown);
        if (!grown)
            return sp_error_set(r->err, SP_E_NOMEM, NULL, 0, 0, "no memory for the graph");
        memset(grown + r->n_named, 0, (room - r->n_named) * sizeof *grown);
        r->named = grown;
        r->n_named = room;
    }
    if (status != SP_OK)
        return status;
    named *node = &r->named[*out];
    if (declared && node->declared)
        return sp_error_set(r->err, SP_E_INVAL, NULL, 0, 0, "the node '%s' is declared twice (first in line %u); give each its own id", id, node->at.line);
    if (declared || node->at.line == 0)
        node->at = here(r);
    node->declared = node->declared || declared;
    return SP_OK;
}

/* "true" or "false" (absent: as *out is). */
static bool truth(const char **attributes, const char *name, const char *yes, const char *no, bool *out)
{
    char text[16] = "";
    for (const char **at = attributes; *at; at += 2)
        if (strcmp(local(at[0]), name) == 0) {
            bool known = attribute(attributes, name, text, sizeof text) && (strcmp(text, yes) == 0 || strcmp(text, no) == 0);
            *out = known ? strcmp(text, yes) == 0 : *out;
            return known;
        }
    return true;
}

static sp_status begin_edge(reader *r, const char **attributes)
{
    char source[256], target[256];
    r->edge = (sp_i_net_edge){.one_way = r->directed};
    r->edge_at = here(r);
    r->in_edge = true;
    r->rate = r->latency = false;
    if (!attribute(attributes, "source", source, sizeof source) || !attribute(attributes, "target", target, sizeof target))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "an edge without source or target, or with one of more than 255 bytes"), r->edge_at);
    if (!truth(attributes, "directed", "true", "false", &r->edge.one_way))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "'directed' of an edge is neither true nor false"), r->edge_at);
    sp_status status = name_node(r, source, false, &r->edge.from);
    if (status == SP_OK)
        status = name_node(r, target, false, &r->edge.to);
    return blame(r, status, r->edge_at);
}

static sp_status end_edge(reader *r)
{
    r->in_edge = false;
    for (uint32_t i = 0; i < r->n_keys; i++) {
        const key *k = &r->keys[i];
        if (k->has && !(k->means == LATENCY ? r->latency : r->rate))
            set_value(r, k->means, k->standard);
    }
    if (!r->rate)
        return blame(r, sp_error_set(r->err, SP_E_INVAL, NULL, 0, 0, "the edge from '%s' to '%s' has no rate; expected <data> of a key named bandwidth, as "
                                     "50GB/s, or a <default> of it", r->net->node[r->edge.from], r->net->node[r->edge.to]), r->edge_at);
    return blame(r, sp_i_net_edge_add(r->net, r->edge, r->err), r->edge_at);
}

static sp_status read_node(reader *r, const char **attributes)
{
    char id[256];
    uint32_t node;
    if (!attribute(attributes, "id", id, sizeof id))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "a node without an id, or with one of more than 255 bytes"), here(r));
    return blame(r, name_node(r, id, true, &node), here(r));
}

static sp_status read_element(reader *r, const char *element, const char **attributes)
{
    if (!r->root && strcmp(element, "graphml") != 0)
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "found <%.40s>; expected <graphml>: this is another kind of XML", element), here(r));
    r->root = true;
    if (strcmp(element, "key") == 0)
        return read_key(r, attributes);
    if (strcmp(element, "default") == 0)
        return read_default(r);
    if (strcmp(element, "data") == 0)
        return read_data(r, attributes);
    if (strcmp(element, "node") == 0)
        return read_node(r, attributes);
    if (strcmp(element, "edge") == 0)
        return begin_edge(r, attributes);
    if (strcmp(element, "hyperedge") == 0 || strcmp(element, "port") == 0)
        return blame(r, sp_error_set(r->err, SP_E_INVAL, NULL, 0, 0, "hyperedges and ports are not links; expected edges between nodes"), here(r));
    if (strcmp(element, "graph") == 0 && !truth(attributes, "edgedefault", "directed", "undirected", &r->directed))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "edgedefault is neither directed nor undirected"), here(r));
    return SP_OK;
}

/* ---- what expat calls ---------------------------------------------------------------------------------------------------- */

static void go_on(reader *r, sp_status status)
{
    if (status == SP_OK || r->status != SP_OK)
        return;
    r->status = status;
    XML_StopParser(r->xml, XML_FALSE);
}

static void XMLCALL on_start(void *context, const char *name, const char **attributes)
{
    reader *r = context;
    if (r->status == SP_OK)
        go_on(r, read_element(r, local(name), attributes));
}

static void XMLCALL on_end(void *context, const char *name)
{
    reader *r = context;
    const char *element = local(name);
    if (r->status != SP_OK)
        return;
    if (r->of && strcmp(element, r->standard ? "default" : "data") == 0)
        go_on(r, end_value(r));
    else if (r->in_edge && strcmp(element, "edge") == 0)
        go_on(r, end_edge(r));
}

static void XMLCALL on_text(void *context, const char *text, int n)
{
    reader *r = context;
    for (int i = 0; r->of && i < n; i++, r->n_value++)
        if (r->n_value < VALUE_MAX)
            r->value[r->n_value] = text[i];
}

static void XMLCALL on_entity(void *context, const char *entity, int parameter, const char *value, int n, const char *base, const char *system,
                              const char *public, const char *notation)
{
    reader *r = context;
    (void)parameter, (void)value, (void)n, (void)base, (void)system, (void)public, (void)notation;
    go_on(r, blame(r, sp_error_set(r->err, SP_E_INVAL, NULL, 0, 0, "the file declares the entity '%.40s'; expected none: write out what it stands for",
                                   entity), here(r)));
}

sp_status sp_i_net_read_graphml(sp_net *net, const char *text, size_t size, const char *name, sp_error *err)
{
    reader *r = calloc(1, sizeof *r);
    XML_Parser xml = r && size < INT32_MAX ? XML_ParserCreate(NULL) : NULL;
    if (!xml) {
        free(r);
        return sp_error_set(err, size < INT32_MAX ? SP_E_NOMEM : SP_E_RANGE, name, 0, 0, "cannot read %zu bytes of GraphML", size);
    }
    *r = (reader){.net = net, .name = name, .err = err, .xml = xml};
    XML_SetUserData(xml, r);
    XML_SetElementHandler(xml, on_start, on_end);
    XML_SetCharacterDataHandler(xml, on_text);
    XML_SetEntityDeclHandler(xml, on_entity);
    sp_status status = XML_Parse(xml, text, (int)size, 1) == XML_STATUS_OK || r->status != SP_OK ? r->status : SP_E_PARSE;
    if (status == SP_E_PARSE && r->status == SP_OK) {
        bool memory = XML_GetErrorCode(xml) == XML_ERROR_NO_MEMORY;
        status = blame(r, sp_error_set(err, memory ? SP_E_NOMEM : SP_E_PARSE, NULL, 0, 0, "not well-formed XML: %s", XML_ErrorString(XML_GetErrorCode(xml))),
                       here(r));
    }
    for (uint32_t i = 0; i < net->n_nodes && status == SP_OK; i++)
        if (!r->named[i].declared)
            status = blame(r, sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "an edge ends at '%s', but there is no <node> of that id", net->node[i]), r->named[i].at);
    XML_ParserFree(xml);
    free(r->named);
    free(r);
    return status;
}
