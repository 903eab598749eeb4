/* A graph as a network: nodes by name, edges, what leaves a node. */
#include "net_i.h"

#include <stdlib.h>
#include <string.h>

sp_net *sp_i_net_create(void)
{
    sp_net *net = calloc(1, sizeof *net);
    if (net)
        net->arena = sp_arena_create();
    if (net && !net->arena) {
        free(net);
        return NULL;
    }
    return net;
}

void sp_net_destroy(sp_net *net)
{
    if (!net)
        return;
    sp_arena_destroy(net->arena);
    free(net->node);
    free(net->hash);
    free(net->edge);
    free(net->out_off);
    free(net->out);
    free(net);
}

static sp_status no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the graph");
}

static uint32_t slot_of(const sp_net *net, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;   /* FNV-1a */
    uint32_t slot = (uint32_t)(hash >> 20) & (net->hash_room - 1);
    while (net->hash[slot] && strcmp(net->node[net->hash[slot] - 1], name) != 0)
        slot = (slot + 1) & (net->hash_room - 1);
    return slot;
}

static bool grow_nodes(sp_net *net)
{
    uint32_t room = net->nodes_room ? net->nodes_room * 2 : 64;
    const char **node = realloc(net->node, room * sizeof *node);
    if (!node)
        return false;
    net->node = node;
    uint32_t *hash = calloc((size_t)room * 2, sizeof *hash);
    if (!hash)
        return false;
    free(net->hash);
    net->hash = hash;
    net->hash_room = room * 2;
    net->nodes_room = room;
    for (uint32_t i = 0; i < net->n_nodes; i++)
        net->hash[slot_of(net, net->node[i])] = i + 1;
    return true;
}

sp_status sp_i_net_node(sp_net *net, const char *name, uint32_t *out, sp_error *err)
{
    if (net->n_nodes == net->nodes_room && !grow_nodes(net))
        return no_memory(err);
    uint32_t slot = slot_of(net, name);
    if (!net->hash[slot]) {
        if (net->n_nodes == SP_NET_NODES_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "more than %u nodes", SP_NET_NODES_MAX);
        const char *kept = sp_arena_strndup(net->arena, name, strlen(name));
        if (!kept)
            return no_memory(err);
        net->node[net->n_nodes] = kept;
        net->hash[slot] = ++net->n_nodes;
    }
    *out = net->hash[slot] - 1;
    return SP_OK;
}

sp_status sp_i_net_edge_add(sp_net *net, sp_i_net_edge edge, sp_error *err)
{
    if (edge.from == edge.to)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "an edge from '%s' to itself; take it out: no route crosses it", net->node[edge.from]);
    if (!(edge.bw_bytes_per_s > 0))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "the edge from '%s' to '%s' has no rate above 0", net->node[edge.from], net->node[edge.to]);
    if (net->n_edges == SP_NET_EDGES_MAX)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "more than %u edges", SP_NET_EDGES_MAX);
    if (net->n_edges == net->edges_room) {
        uint32_t room = net->edges_room ? net->edges_room * 2 : 64;
        sp_i_net_edge *grown = realloc(net->edge, room * sizeof *grown);
        if (!grown)
            return no_memory(err);
        net->edge = grown;
        net->edges_room = room;
    }
    net->edge[net->n_edges++] = edge;
    return SP_OK;
}

static sp_status finish(sp_net *net, sp_net_format format, const char *name, sp_error *err)
{
    if (net->n_edges == 0)
        return sp_error_set(err, SP_E_PARSE, name, 1, 1, format == SP_NET_GRAPHML ? "there is no <edge>; expected some between nodes of a <graph>"
                                                                                 : "there is no edge; expected NODE NODE RATE [LATENCY] a line");
    net->out_off = calloc((size_t)net->n_nodes + 2, sizeof *net->out_off);
    net->out = malloc(2 * (size_t)net->n_edges * sizeof *net->out);
    if (!net->out_off || !net->out)
        return no_memory(err);
    for (uint32_t l = 0; l < 2 * net->n_edges; l++) {
        const sp_i_net_edge *e = &net->edge[l / 2];
        if (l % 2 == 0 || !e->one_way)
            net->out_off[(l % 2 ? e->to : e->from) + 2]++;
    }
    for (uint32_t i = 1; i < net->n_nodes; i++)
        net->out_off[i + 1] += net->out_off[i];
    for (uint32_t l = 0; l < 2 * net->n_edges; l++) {   /* filling moves each offset one place on, to where it belongs */
        const sp_i_net_edge *e = &net->edge[l / 2];
        if (l % 2 == 0 || !e->one_way)
            net->out[net->out_off[(l % 2 ? e->to : e->from) + 1]++] = l;
    }
    return SP_OK;
}

sp_status sp_net_parse(const char *text, size_t size, sp_net_format format, const char *name, sp_net **out, sp_error *err)
{
    sp_net *net = sp_i_net_create();
    if (!net)
        return no_memory(err);
    sp_status status = format == SP_NET_GRAPHML ? sp_i_net_read_graphml(net, text, size, name, err) : sp_i_net_read_edges(net, text, size, name, err);
    if (status == SP_OK)
        status = finish(net, format, name, err);
    if (status != SP_OK) {
        sp_net_destroy(net);
        return status;
    }
    *out = net;
    return SP_OK;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

bool sp_net_is_path(const char *text)
{
    return ends_in(text, ".graphml") || ends_in(text, ".edges");
}

#define NET_BYTES_MAX ((size_t)1 << 30)   /* a line of 40 bytes for each of SP_CHIPS_MAX edges */

sp_status sp_net_load(const char *path, sp_net **out, sp_error *err)
{
    size_t size;
    char *text;
    sp_status status = sp_text_read_file(path, NET_BYTES_MAX, &text, &size, err);
    if (status)
        return status;
    status = sp_net_parse(text, size, ends_in(path, ".graphml") ? SP_NET_GRAPHML : SP_NET_EDGES, path, out, err);
    free(text);
    return status;
}

uint32_t sp_net_nodes(const sp_net *net)
{
    return net->n_nodes;
}

const char *sp_net_node(const sp_net *net, uint32_t node)
{
    return net->node[node];
}

uint32_t sp_net_find(const sp_net *net, const char *node)
{
    return net->hash[slot_of(net, node)] - 1;   /* 0 - 1: none */
}

uint32_t sp_net_links(const sp_net *net)
{
    return 2 * net->n_edges;
}

bool sp_net_link(const sp_net *net, uint32_t link, uint32_t *from, uint32_t *to, double *bw_bytes_per_s, double *latency_s)
{
    if (link >= 2 * net->n_edges || (link % 2 && net->edge[link / 2].one_way))
        return false;
    const sp_i_net_edge *e = &net->edge[link / 2];
    *from = link % 2 ? e->to : e->from;
    *to = link % 2 ? e->from : e->to;
    *bw_bytes_per_s = e->bw_bytes_per_s;
    *latency_s = e->latency_s;
    return true;
}

/* ---- faults ------------------------------------------------------------------------------------------------------------------ */

static sp_status add_fault(const sp_net *net, bool node, uint32_t id, double factor, sp_arena *arena, sp_fault **out, uint32_t *n, sp_error *err)
{
    uint32_t more = node || net->edge[id / 2].one_way ? 1 : 2;
    sp_fault *grown = sp_arena_alloc(arena, (size_t)*n + more, sizeof *grown);
    if (!grown)
        return no_memory(err);
    if (*n)
        memcpy(grown, *out, *n * sizeof *grown);
    for (uint32_t i = 0; i < more; i++)
        grown[*n + i] = (sp_fault){.chip = node, .id = node ? id : id ^ i, .factor = factor};
    *out = grown;
    *n += more;
    return SP_OK;
}

static sp_status one_word(const sp_net *net, const char *word, uint32_t column, double factor, sp_arena *arena, sp_fault **out, uint32_t *n, sp_error *err)
{
    bool node = strncmp(word, "node:", 5) == 0;
    sp_idset set;
    if (!node && strncmp(word, "link:", 5) != 0)
        return sp_error_set(err, SP_E_PARSE, NULL, 1, column, "found '%s'; expected link:IDS or node:IDS", word);
    if (node && factor > 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 1, column, "a node cannot be slow here, only dead; slow its links");
    if (!word[5])
        return sp_error_set(err, SP_E_PARSE, NULL, 1, column + 5, "no id follows '%s'; expected some, as %s0-3,7", word, word);
    sp_status status = sp_idset_parse(arena, word + 5, (node ? net->n_nodes : 2 * net->n_edges) - 1, &set, err);
    if (status != SP_OK && err)
        err->column += column + 4;
    for (size_t r = 0; r < (status == SP_OK ? set.n : 0); r++)
        for (uint64_t id = set.range[2 * r]; id <= set.range[2 * r + 1] && status == SP_OK; id++)
            status = !node && id % 2 && net->edge[id / 2].one_way
                         ? sp_error_set(err, SP_E_INVAL, NULL, 1, column, "link %u is not there: its edge is one-way", (uint32_t)id)
                         : add_fault(net, node, (uint32_t)id, factor, arena, out, n, err);
    return status;
}

sp_status sp_net_fault_parse(const sp_net *net, const char *text, double factor, sp_arena *arena, sp_fault **out, uint32_t *n, sp_error *err)
{
    for (size_t at = 0; text[at];) {
        size_t length = strcspn(text + at, " \t\n");
        char *word = sp_arena_strndup(arena, text + at, length);
        if (!word)
            return no_memory(err);
        sp_status status = length ? one_word(net, word, (uint32_t)at + 1, factor, arena, out, n, err) : SP_OK;
        if (status != SP_OK)
            return status;
        at += length + (text[at + length] != '\0');
    }
    return SP_OK;
}
