/* GraphML (Brandes et al. 2002) by libxml2's reader: nodes, edges, and the values of edges by the names of their keys. */
#include "net_i.h"

#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64
#define ID_MAX 64

typedef enum meaning { OTHER, RATE, LATENCY, BITS_PER_S } meaning;
typedef struct key { char id[ID_MAX]; meaning means; double standard; bool has; } key;

typedef struct reader {
    sp_net *net;
    xmlTextReaderPtr xml;
    const char *name;
    sp_error *err;
    uint32_t n_keys; key keys[KEYS_MAX];
    bool directed, in_edge, rate, latency;
    sp_i_net_edge edge;
    uint32_t edge_line;
    char said[160]; uint32_t said_line;      /* libxml2's complaint */
} reader;

static uint32_t line_of(const reader *r)
{
    int line = xmlTextReaderGetParserLineNumber(r->xml);
    return line > 0 ? (uint32_t)line : 1;
}

static sp_status blame(const reader *r, sp_status status, uint32_t line)
{
    if (status != SP_OK && r->err) {
        snprintf(r->err->file, sizeof r->err->file, "%s", r->name);
        r->err->line = line;
        r->err->column = 1;
    }
    return status;
}

static bool is(const reader *r, const char *element)
{
    const xmlChar *name = xmlTextReaderConstLocalName(r->xml);
    return name && strcmp((const char *)name, element) == 0;
}

/* The attribute in `out`; false: it is not there, or too long. */
static bool attribute(const reader *r, const char *name, char *out, size_t size)
{
    xmlChar *value = xmlTextReaderGetAttribute(r->xml, (const xmlChar *)name);
    bool ok = value && strlen((const char *)value) < size;
    if (ok)
        strcpy(out, (const char *)value);
    xmlFree(value);
    return ok;
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

/* Text inside the element, which is left at its end. */
static sp_status content(reader *r, const key *k, double *out)
{
    uint32_t line = line_of(r);
    xmlChar *text = xmlTextReaderReadString(r->xml);
    sp_status status;
    char *end;
    if (k->means == BITS_PER_S) {
        *out = text ? strtod((const char *)text, &end) / 8 : 0;
        bool ok = text && end != (char *)text && *end == '\0' && *out > 0 && *out < 1e30;
        status = ok ? SP_OK : sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "found '%.40s' as LinkSpeedRaw; expected bits a second, as 1e10", text ? (char *)text : "");
    } else {
        status = sp_unit_parse(text ? (const char *)text : "", k->means == RATE ? SP_UNIT_BYTES_PER_S : SP_UNIT_SECONDS, out, r->err);
    }
    xmlFree(text);
    return blame(r, status, line);
}

static const key *key_of(const reader *r, const char *id)
{
    for (uint32_t i = 0; i < r->n_keys; i++)
        if (strcmp(r->keys[i].id, id) == 0)
            return &r->keys[i];
    return NULL;
}

static sp_status read_key(reader *r)
{
    char name[ID_MAX] = "", target[16] = "all";
    if (r->n_keys == KEYS_MAX)
        return blame(r, sp_error_set(r->err, SP_E_RANGE, NULL, 0, 0, "more than %d keys", KEYS_MAX), line_of(r));
    key *k = &r->keys[r->n_keys++];
    *k = (key){.means = OTHER};
    if (!attribute(r, "id", k->id, sizeof k->id))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "a key without an id, or with one of more than %d bytes", ID_MAX - 1), line_of(r));
    attribute(r, "attr.name", name, sizeof name);
    attribute(r, "for", target, sizeof target);
    if (strcmp(target, "edge") == 0 || strcmp(target, "all") == 0)
        k->means = meaning_of(name);
    return SP_OK;
}

static sp_status read_default(reader *r)
{
    key *k = r->n_keys ? &r->keys[r->n_keys - 1] : NULL;
    if (!k || k->means == OTHER)
        return SP_OK;
    k->has = true;
    return content(r, k, &k->standard);
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

static sp_status read_data(reader *r)
{
    char id[ID_MAX];
    const key *k = attribute(r, "key", id, sizeof id) ? key_of(r, id) : NULL;
    double value;
    if (!k)
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "data of a key that was not declared"), line_of(r));
    if (!r->in_edge || k->means == OTHER)
        return SP_OK;
    sp_status status = content(r, k, &value);
    if (status == SP_OK)
        set_value(r, k->means, value);
    return status;
}

static sp_status begin_edge(reader *r)
{
    char source[256], target[256], directed[8] = "";
    r->edge = (sp_i_net_edge){.one_way = r->directed};
    r->edge_line = line_of(r);
    r->in_edge = true;
    r->rate = r->latency = false;
    if (!attribute(r, "source", source, sizeof source) || !attribute(r, "target", target, sizeof target))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "an edge without source or target, or with one of more than 255 bytes"), r->edge_line);
    if (attribute(r, "directed", directed, sizeof directed))
        r->edge.one_way = strcmp(directed, "true") == 0;
    sp_status status = sp_i_net_node(r->net, source, &r->edge.from, r->err);
    if (status == SP_OK)
        status = sp_i_net_node(r->net, target, &r->edge.to, r->err);
    return blame(r, status, r->edge_line);
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
                                     "50GB/s, or a <default> of it", r->net->node[r->edge.from], r->net->node[r->edge.to]), r->edge_line);
    return blame(r, sp_i_net_edge_add(r->net, r->edge, r->err), r->edge_line);
}

static sp_status read_node(reader *r)
{
    char id[256];
    uint32_t node;
    if (!attribute(r, "id", id, sizeof id))
        return blame(r, sp_error_set(r->err, SP_E_PARSE, NULL, 0, 0, "a node without an id, or with one of more than 255 bytes"), line_of(r));
    return blame(r, sp_i_net_node(r->net, id, &node, r->err), line_of(r));
}

static sp_status on_element(reader *r)
{
    char word[16] = "";
    if (is(r, "key"))
        return read_key(r);
    if (is(r, "default"))
        return read_default(r);
    if (is(r, "data"))
        return read_data(r);
    if (is(r, "node"))
        return read_node(r);
    if (is(r, "hyperedge") || is(r, "port"))
        return blame(r, sp_error_set(r->err, SP_E_INVAL, NULL, 0, 0, "hyperedges and ports are not links; expected edges between nodes"), line_of(r));
    if (is(r, "graph")) {
        r->directed = attribute(r, "edgedefault", word, sizeof word) && strcmp(word, "directed") == 0;
        return SP_OK;
    }
    if (!is(r, "edge"))
        return SP_OK;
    sp_status status = begin_edge(r);
    return status == SP_OK && xmlTextReaderIsEmptyElement(r->xml) ? end_edge(r) : status;
}

static void complain(void *context, const char *message, xmlParserSeverities severity, xmlTextReaderLocatorPtr at)
{
    reader *r = context;
    (void)severity;
    if (r->said[0])
        return;
    int line = xmlTextReaderLocatorLineNumber(at);
    r->said_line = line > 0 ? (uint32_t)line : 1;
    snprintf(r->said, sizeof r->said, "%s", message);
    r->said[strcspn(r->said, "\n")] = '\0';
}

sp_status sp_i_net_read_graphml(sp_net *net, const char *text, size_t size, const char *name, sp_error *err)
{
    reader *r = calloc(1, sizeof *r);
    sp_status status = SP_OK;
    int more = 1;
    if (r && size < INT32_MAX)
        r->xml = xmlReaderForMemory(text, (int)size, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (!r || !r->xml) {
        free(r);
        return sp_error_set(err, size < INT32_MAX ? SP_E_NOMEM : SP_E_RANGE, name, 0, 0, "cannot read %zu bytes of GraphML", size);
    }
    r->net = net;
    r->name = name;
    r->err = err;
    xmlTextReaderSetErrorHandler(r->xml, complain, r);
    while (status == SP_OK && (more = xmlTextReaderRead(r->xml)) == 1) {
        int type = xmlTextReaderNodeType(r->xml);
        if (type == XML_READER_TYPE_ELEMENT)
            status = on_element(r);
        else if (type == XML_READER_TYPE_END_ELEMENT && is(r, "edge") && r->in_edge)
            status = end_edge(r);
    }
    if (status == SP_OK && more != 0)
        status = sp_error_set(err, SP_E_PARSE, name, r->said_line ? r->said_line : 1, 1, "not well-formed XML: %s", r->said[0] ? r->said : "it ends early");
    xmlFreeTextReader(r->xml);
    free(r);
    return status;
}
