/* One file of catalog/stacks: a communication library, and what differs on some chip families.
 *
 *   name, about, default_for          default_for: chip vendor
 *   launch, message, reduce, chunk: graded values (chunk may be absent)
 *   scaleup, nic: {fraction, copy, window}     copy and window may be absent
 *   rails: true                       rings over several domains in rotations, one leaving by each rank
 *   overlap: true                     messages posted while others move
 *   protocols: [{name, step, nic_step, fraction, nic_fraction, rate, nic_rate, nic_trips}, …]   the last three may be absent
 *   algorithms: {all-reduce: [ring, …], …}     absent: every row of the table
 *   between: as algorithms, for groups with one rank in a scale-up domain
 *   in_switch: {families: [hopper], step, nic_step, fraction, nic_fraction, rate, nic_trips, algorithms}
 *   families: {hopper: {launch: …}, …}         values that a family has of its own */
#include "topo_i.h"

#include <stddef.h>
#include <string.h>

typedef struct field { const char *key; sp_unit unit; size_t offset; bool needed; double least, most; } field;

static const field whole[] = {
    {"launch", SP_UNIT_SECONDS, offsetof(sp_stack, launch_s), true, 0, 1},
    {"message", SP_UNIT_SECONDS, offsetof(sp_stack, message_s), true, 0, 1},
    {"reduce", SP_UNIT_NONE, offsetof(sp_stack, reduce_bw_fraction), true, 1e-3, 1},
    {"chunk", SP_UNIT_BYTES, offsetof(sp_stack, chunk_bytes), false, 1, 1e15},
    {"cores", SP_UNIT_NONE, offsetof(sp_stack, cores), false, 0, 1e6},
};
static const field of_medium[] = {
    {"fraction", SP_UNIT_NONE, offsetof(sp_medium, fraction), true, 1e-3, 1},
    {"copy", SP_UNIT_SECONDS, offsetof(sp_medium, copy_s), false, 0, 1},
    {"window", SP_UNIT_NONE, offsetof(sp_medium, window), false, 1e-3, 1e9},
};
static const field of_protocol[] = {
    {"step", SP_UNIT_SECONDS, offsetof(sp_protocol, step_s), true, 0, 1},
    {"nic_step", SP_UNIT_SECONDS, offsetof(sp_protocol, nic_step_s), true, 0, 1},
    {"fraction", SP_UNIT_NONE, offsetof(sp_protocol, fraction), true, 1e-3, 1},
    {"nic_fraction", SP_UNIT_NONE, offsetof(sp_protocol, nic_fraction), true, 1e-3, 1},
    {"nic_trips", SP_UNIT_NONE, offsetof(sp_protocol, nic_trips), false, 1, 8},
    {"rate", SP_UNIT_BYTES_PER_S, offsetof(sp_protocol, rate_bytes_per_s), false, 1, 1e18},
    {"nic_rate", SP_UNIT_BYTES_PER_S, offsetof(sp_protocol, nic_rate_bytes_per_s), false, 1, 1e18},
};
#define N_OF(list) (sizeof(list) / sizeof(list)[0])

static sp_status read_fields(sp_node map, const field *fields, size_t n, bool all, sp_arena *arena, void *out, sp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        sp_node node = sp_node_get(map, fields[i].key);
        sp_value *value = (sp_value *)(void *)((char *)out + fields[i].offset);
        sp_status status = SP_OK;
        if (!sp_node_is(node) && !(all && fields[i].needed))
            continue;
        status = sp_node_need(map, fields[i].key, &node, err);
        if (status == SP_OK)
            status = sp_node_read_value(node, fields[i].unit, arena, value, err);
        if (status == SP_OK && (value->low < fields[i].least || value->high > fields[i].most))
            status = sp_node_fail(node, SP_E_INVAL, err, "found %s from %g to %g, expected %g to %g", fields[i].key, value->low,
                                  value->high, fields[i].least, fields[i].most);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status keep_text(sp_node node, sp_arena *arena, const char **out, sp_error *err)
{
    const char *text;
    sp_status status = sp_node_read_text(node, &text, err);
    if (status == SP_OK && !(*out = sp_arena_strdup(arena, text)))
        status = sp_node_fail(node, SP_E_NOMEM, err, "no memory for a communication library");
    return status;
}

static sp_status read_name(sp_node map, const char *key, sp_arena *arena, const char **out, sp_error *err)
{
    sp_node node;
    sp_status status = sp_node_need(map, key, &node, err);
    return status == SP_OK ? keep_text(node, arena, out, err) : status;
}

/* {all-reduce: [ring, tree], …}: names are checked where algorithms are known, by the tests. */
static sp_status read_runs(sp_node map, bool in_switch, bool between, sp_arena *arena, sp_stack *out, sp_error *err)
{
    if (sp_node_is(map) && sp_node_kind_of(map) != SP_NODE_MAP)
        return sp_node_fail(map, SP_E_PARSE, err, "found no map, expected algorithms by operation: {all-reduce: [ring], …}");
    for (size_t i = 0; i < sp_node_count(map); i++) {
        sp_node list = sp_node_at(map, i);
        if (sp_node_kind_of(list) != SP_NODE_SEQ)
            return sp_node_fail(list, SP_E_PARSE, err, "found no list, expected names of algorithms: [ring, tree]");
        const char *op = sp_arena_strdup(arena, sp_node_key_at(map, i));
        for (size_t k = 0; k < sp_node_count(list); k++) {
            if (out->n_runs == SP_STACK_RUNS_MAX)
                return sp_node_fail(sp_node_at(list, k), SP_E_RANGE, err, "more than %u algorithms", SP_STACK_RUNS_MAX);
            sp_status status = keep_text(sp_node_at(list, k), arena, &out->run[out->n_runs].algo, err);
            if (status == SP_OK && !op)
                status = sp_node_fail(list, SP_E_NOMEM, err, "no memory for a communication library");
            if (status != SP_OK)
                return status;
            out->run[out->n_runs].op = op;
            out->run[out->n_runs].between = between;
            out->run[out->n_runs++].in_switch = in_switch;
        }
    }
    return SP_OK;
}

static sp_status read_protocols(sp_node list, sp_arena *arena, sp_stack *out, sp_error *err)
{
    static const char *const keys[] = {"name", "step", "nic_step", "fraction", "nic_fraction", "rate", "nic_rate", "nic_trips", NULL};
    size_t n = sp_node_count(list);
    if (sp_node_kind_of(list) != SP_NODE_SEQ || n == 0 || n >= SP_PROTOCOLS_MAX)
        return sp_node_fail(list, SP_E_PARSE, err, "found %zu protocols, expected a list of 1 to %u", n, SP_PROTOCOLS_MAX - 1);
    for (size_t i = 0; i < n; i++) {
        sp_protocol *p = &out->protocol[out->n_protocols++];
        sp_status status = sp_node_only_keys(sp_node_at(list, i), keys, err);
        if (status == SP_OK)
            status = read_name(sp_node_at(list, i), "name", arena, &p->name, err);
        if (status == SP_OK)
            status = read_fields(sp_node_at(list, i), of_protocol, N_OF(of_protocol), true, arena, p, err);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* The protocol that reduces in switches, for the families that have such switches. */
static sp_status read_in_switch(sp_node map, sp_arena *arena, sp_stack *out, sp_error *err)
{
    static const char *const keys[] = {"families", "step", "nic_step", "fraction", "nic_fraction", "rate", "nic_trips", "algorithms", NULL};
    sp_protocol *p = &out->protocol[out->n_protocols++];
    *p = (sp_protocol){.name = "in-switch", .in_switch = true};
    sp_status status = sp_node_only_keys(map, keys, err);
    if (status == SP_OK)
        status = read_fields(map, of_protocol, N_OF(of_protocol), true, arena, p, err);
    return status == SP_OK ? read_runs(sp_node_get(map, "algorithms"), true, false, arena, out, err) : status;
}

static sp_status read_medium(sp_node root, const char *key, sp_arena *arena, sp_medium *out, sp_error *err)
{
    static const char *const keys[] = {"fraction", "copy", "window", NULL};
    sp_node map;
    sp_status status = sp_node_need(root, key, &map, err);
    if (status == SP_OK)
        status = sp_node_only_keys(map, keys, err);
    return status == SP_OK ? read_fields(map, of_medium, N_OF(of_medium), true, arena, out, err) : status;
}

static sp_status read_base(sp_node root, sp_arena *arena, sp_stack *out, sp_error *err)
{
    static const char *const keys[] = {"name", "about", "default_for", "launch", "message", "reduce", "chunk", "cores", "scaleup", "nic",
                                       "rails", "overlap", "protocols", "algorithms", "between", "in_switch", "families", NULL};
    sp_node list, node;
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_PARSE, err, "found no map, expected a communication library: name, about, launch, …");
    sp_status status = sp_node_only_keys(root, keys, err);
    if (status == SP_OK)
        status = read_name(root, "name", arena, &out->name, err);
    if (status == SP_OK)
        status = read_name(root, "about", arena, &out->about, err);
    if (status == SP_OK && sp_node_is(node = sp_node_get(root, "default_for")))
        status = keep_text(node, arena, &out->default_for, err);
    if (status == SP_OK && sp_node_is(node = sp_node_get(root, "rails")))
        status = sp_node_read_bool(node, &out->rails, err);
    if (status == SP_OK && sp_node_is(node = sp_node_get(root, "overlap")))
        status = sp_node_read_bool(node, &out->overlap, err);
    if (status == SP_OK)
        status = read_fields(root, whole, N_OF(whole), true, arena, out, err);
    if (status == SP_OK)
        status = read_medium(root, "scaleup", arena, &out->up, err);
    if (status == SP_OK)
        status = read_medium(root, "nic", arena, &out->nic, err);
    if (status == SP_OK)
        status = sp_node_need(root, "protocols", &list, err);
    if (status == SP_OK)
        status = read_protocols(list, arena, out, err);
    if (status == SP_OK)
        status = read_runs(sp_node_get(root, "algorithms"), false, false, arena, out, err);
    return status == SP_OK ? read_runs(sp_node_get(root, "between"), false, true, arena, out, err) : status;
}

/* ---- families -------------------------------------------------------------------------------------------------------- */

typedef struct reader { sp_node root; sp_arena *arena; sp_stack *stack; uint32_t n; sp_error *err; } reader;   /* stack[0]: the base */

static sp_status family_of(reader *r, sp_node at, const char *family, sp_stack **out)
{
    for (uint32_t i = 1; i < r->n; i++)
        if (!strcmp(r->stack[i].family, family)) {
            *out = &r->stack[i];
            return SP_OK;
        }
    if (r->n == SP_I_STACK_VARIANTS)
        return sp_node_fail(at, SP_E_RANGE, r->err, "more than %u chip families", SP_I_STACK_VARIANTS - 1);
    sp_stack *one = &r->stack[r->n];
    *one = r->stack[0];
    if (!(one->family = sp_arena_strdup(r->arena, family)))
        return sp_node_fail(at, SP_E_NOMEM, r->err, "no memory for a communication library");
    r->n++;
    *out = one;
    return SP_OK;
}

static sp_status read_switch_families(reader *r)
{
    sp_node map = sp_node_get(r->root, "in_switch"), list;
    sp_stack *one;
    if (!sp_node_is(map))
        return SP_OK;
    sp_status status = sp_node_need(map, "families", &list, r->err);
    if (status == SP_OK && sp_node_kind_of(list) != SP_NODE_SEQ)
        status = sp_node_fail(list, SP_E_PARSE, r->err, "found no list, expected chip families: [hopper, blackwell]");
    for (size_t i = 0; i < sp_node_count(list) && status == SP_OK; i++) {
        const char *family;
        status = sp_node_read_text(sp_node_at(list, i), &family, r->err);
        if (status == SP_OK)
            status = family_of(r, sp_node_at(list, i), family, &one);
        if (status == SP_OK)
            status = read_in_switch(map, r->arena, one, r->err);
    }
    return status;
}

static sp_status read_families(reader *r)
{
    static const char *const keys[] = {"launch", "message", "reduce", "chunk", "cores", NULL};
    sp_node map = sp_node_get(r->root, "families");
    sp_status status = SP_OK;
    sp_stack *one;
    if (sp_node_is(map) && sp_node_kind_of(map) != SP_NODE_MAP)
        return sp_node_fail(map, SP_E_PARSE, r->err, "found no map, expected values by chip family: {hopper: {launch: …}}");
    for (size_t i = 0; i < sp_node_count(map) && status == SP_OK; i++) {
        status = family_of(r, sp_node_at(map, i), sp_node_key_at(map, i), &one);
        if (status == SP_OK)
            status = sp_node_only_keys(sp_node_at(map, i), keys, r->err);
        if (status == SP_OK)
            status = read_fields(sp_node_at(map, i), whole, N_OF(whole), false, r->arena, one, r->err);
    }
    return status;
}

sp_status sp_i_stack_load(const char *path, sp_arena *arena, const sp_stack **out, uint32_t *n, sp_error *err)
{
    sp_doc *doc;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status != SP_OK)
        return status;
    reader r = {.root = sp_doc_root(doc), .arena = arena, .stack = sp_arena_alloc(arena, SP_I_STACK_VARIANTS, sizeof *r.stack), .n = 1, .err = err};
    status = r.stack ? read_base(r.root, arena, &r.stack[0], err)
                     : sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory for a communication library");
    if (status == SP_OK)
        status = read_switch_families(&r);
    if (status == SP_OK)
        status = read_families(&r);
    sp_doc_destroy(doc);
    if (status == SP_OK) {
        *out = r.stack;
        *n = r.n;
    }
    return status;
}
