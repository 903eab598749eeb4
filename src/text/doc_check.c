/* What a document must not hold although libyaml loads it. */
#include "text_private.h"

#include <stdlib.h>
#include <string.h>

/* An alias shares its node, so a few lines can stand for billions of nodes to whoever walks them. */
static const uint64_t SHARED_NODES_MAX = 1000000;

static sp_status no_memory(const sp_doc *doc, sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, doc->name, 0, 0, "no memory to check the document");
}

typedef struct key { const char *text; int node; int order; } key;

static int compare_keys(const void *a, const void *b)
{
    const key *x = a, *y = b;
    int by_text = strcmp(x->text, y->text);
    return by_text ? by_text : (x->order > y->order) - (x->order < y->order);
}

static sp_status check_map(sp_doc *doc, const yaml_node_t *map, key *scratch, sp_error *err)
{
    int n = 0;
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *k = sp_i_text_node((sp_node){doc, p->key});
        if (k->type == YAML_SCALAR_NODE) {
            scratch[n] = (key){(const char *)k->data.scalar.value, p->key, n};
            n++;
        }
    }
    qsort(scratch, (size_t)n, sizeof *scratch, compare_keys);
    const key *first = NULL, *again = NULL;
    for (int i = 1; i < n; i++)
        if (!strcmp(scratch[i - 1].text, scratch[i].text) && (!again || scratch[i].order < again->order)) {
            first = &scratch[i - 1];
            again = &scratch[i];
        }
    if (!again)
        return SP_OK;
    return sp_node_fail((sp_node){doc, again->node}, SP_E_PARSE, err, "key '%.60s' stands twice in this map, first at line %u; "
                        "remove one of them", again->text, sp_node_line((sp_node){doc, first->node}));
}

static size_t pairs_of(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE ? (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start) : 0;
}

static sp_status check_nodes(sp_doc *doc, size_t n_nodes, sp_error *err)
{
    size_t pairs_max = 0;
    for (size_t id = 1; id <= n_nodes; id++)
        if (pairs_of(sp_i_text_node((sp_node){doc, (int)id})) > pairs_max)
            pairs_max = pairs_of(sp_i_text_node((sp_node){doc, (int)id}));
    key *scratch = malloc((pairs_max + 1) * sizeof *scratch);
    if (!scratch)
        return no_memory(doc, err);
    sp_status status = SP_OK;
    for (size_t id = 1; id <= n_nodes && !status; id++) {
        sp_node at = {doc, (int)id};
        const yaml_node_t *node = sp_i_text_node(at);
        if (node->type == YAML_MAPPING_NODE)
            status = check_map(doc, node, scratch, err);
        else if (node->type == YAML_SCALAR_NODE && strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
            status = sp_node_fail(at, SP_E_PARSE, err, "found a NUL character (\\0) in a string; remove it");
    }
    free(scratch);
    return status;
}

/* Child number `index` of a container: items of a sequence; key, value, key, … of a map. 0 when there is none. */
static int child_of(const yaml_node_t *node, size_t index)
{
    if (node->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *item = node->data.sequence.items.start + index;
        return item < node->data.sequence.items.top ? *item : 0;
    }
    if (node->type == YAML_MAPPING_NODE && index / 2 < pairs_of(node)) {
        const yaml_node_pair_t *pair = node->data.mapping.pairs.start + index / 2;
        return index % 2 ? pair->value : pair->key;
    }
    return 0;
}

typedef struct frame { int node; size_t next; } frame;

/* What hangs below a node, itself included, with aliases written out. weight 0: not seen yet; ON_PATH: open. */
typedef struct extent { uint64_t weight; uint32_t levels; } extent;

static const uint64_t ON_PATH = UINT64_MAX;

static sp_status too_deep(sp_node node, sp_error *err)
{
    return sp_node_fail(node, SP_E_PARSE, err, "nesting is deeper than %d levels", SP_I_DEPTH_MAX);
}

/* All children of `node` are known: so is the node. */
static sp_status close_node(sp_node node, extent *extents, size_t n_nodes, sp_error *err)
{
    extent sum = {1, 0};
    int child;
    for (size_t i = 0; (child = child_of(sp_i_text_node(node), i)); i++) {
        sum.weight += extents[child].weight;
        if (extents[child].levels > sum.levels)
            sum.levels = extents[child].levels;
    }
    sum.levels++;
    extents[node.id] = sum;
    if (sum.weight > n_nodes + SHARED_NODES_MAX)
        return sp_node_fail(node, SP_E_PARSE, err, "aliases (*name) make this stand for %llu nodes; write it without them",
                            (unsigned long long)sum.weight);
    return sum.levels > SP_I_DEPTH_MAX ? too_deep(node, err) : SP_OK;
}

/* Walks the graph depth first with a stack of its own: containers that are open; scalars never are. */
static sp_status check_graph(sp_doc *doc, extent *extents, size_t n_nodes, sp_error *err)
{
    frame stack[SP_I_DEPTH_MAX];
    int depth = 0;
    stack[0] = (frame){1, 0};
    extents[1].weight = ON_PATH;
    while (depth >= 0) {
        frame *top = &stack[depth];
        sp_node child = {doc, child_of(sp_i_text_node((sp_node){doc, top->node}), top->next++)};
        if (!child.id) {
            sp_status status = close_node((sp_node){doc, top->node}, extents, n_nodes, err);
            if (status)
                return status;
            depth--;
        } else if (extents[child.id].weight == ON_PATH) {
            return sp_node_fail(child, SP_E_PARSE, err, "the anchor on this node is used inside the node: an endless document; "
                                "remove the alias (*name)");
        } else if (!extents[child.id].weight && sp_node_kind_of(child) == SP_NODE_SCALAR) {
            extents[child.id].weight = 1;
        } else if (!extents[child.id].weight) {
            if (depth + 1 == SP_I_DEPTH_MAX)
                return too_deep(child, err);
            extents[child.id].weight = ON_PATH;
            stack[++depth] = (frame){child.id, 0};
        }
    }
    return SP_OK;
}

sp_status sp_i_text_check(sp_doc *doc, sp_error *err)
{
    size_t n_nodes = (size_t)(doc->yaml.nodes.top - doc->yaml.nodes.start);
    extent *extents = calloc(n_nodes + 1, sizeof *extents);
    if (!extents)
        return no_memory(doc, err);
    sp_status status = check_graph(doc, extents, n_nodes, err);
    free(extents);
    return status ? status : check_nodes(doc, n_nodes, err);
}
