/* Software product lines: a few graded factors each. */
#include "topo_i.h"

#include <stddef.h>
#include <string.h>

static const struct { const char *key, *path; sp_unit unit; size_t offset; double least; bool optional; } fields[] = {
    {"matrix_factor", "matrix factor", SP_UNIT_NONE, offsetof(sp_software, matrix_factor), 0.5, false},
    {"attention_factor", "attention factor", SP_UNIT_NONE, offsetof(sp_software, attention_factor), 0.5, false},
    {"vector_factor", "vector factor", SP_UNIT_NONE, offsetof(sp_software, vector_factor), 0.5, false},
    {"comm_factor", "collective factor", SP_UNIT_NONE, offsetof(sp_software, comm_factor), 0.5, false},
    {"host_op", "host time an op", SP_UNIT_SECONDS, offsetof(sp_software, host_op_s), 0, false},
    {"slow_share", "share of slow chips", SP_UNIT_NONE, offsetof(sp_software, slow_share), 0, true},
    {"slow_by", "slow chips' delay", SP_UNIT_NONE, offsetof(sp_software, slow_by), 0, true},
    {"route_factor", "routing factor", SP_UNIT_NONE, offsetof(sp_software, route_factor), 0.5, true},
    {"quantise_factor", "quantise factor", SP_UNIT_NONE, offsetof(sp_software, quantise_factor), 0.5, true},
    {"expert_bias_factor", "expert bias factor", SP_UNIT_NONE, offsetof(sp_software, expert_bias_factor), 0.5, true},
    {"yarn_factor", "YaRN factor", SP_UNIT_NONE, offsetof(sp_software, yarn_factor), 0.5, true},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])
#define FACTOR_MAX 20.0   /* a product line twenty times slower than the hardware is a mistake in the file */

static sp_status read_text(sp_node root, const char *key, bool needed, sp_arena *arena, const char **out, sp_error *err)
{
    sp_node node = sp_node_get(root, key);
    const char *text;
    if (!sp_node_is(node) && !needed)
        return SP_OK;
    sp_status status = sp_node_need(root, key, &node, err);
    if (status == SP_OK)
        status = sp_node_read_text(node, &text, err);
    if (status == SP_OK && !(*out = sp_arena_strdup(arena, text)))
        status = sp_node_fail(node, SP_E_NOMEM, err, "no memory for a software product line");
    return status;
}

static sp_status read_factors(sp_node root, sp_arena *arena, sp_software *out, sp_error *err)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        sp_node node;
        sp_value *value = (sp_value *)(void *)((char *)out + fields[i].offset);
        if (fields[i].optional && !sp_node_is(sp_node_get(root, fields[i].key)))
            continue;
        sp_status status = sp_node_need(root, fields[i].key, &node, err);
        if (status == SP_OK)
            status = sp_node_read_value(node, fields[i].unit, arena, value, err);
        if (status == SP_OK && (value->low < fields[i].least || value->high > FACTOR_MAX))
            status = sp_node_fail(node, SP_E_INVAL, err, "found %s from %g to %g, expected %g to %g", fields[i].key, value->low, value->high,
                                  fields[i].least, FACTOR_MAX);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status read_gradient_wire(sp_node root, sp_software *out, sp_error *err)
{
    sp_node node = sp_node_get(root, "gradient_wire");
    const char *text;
    sp_format format;
    out->gradient_bytes = sp_format_bytes(SP_FMT_BF16);
    if (!sp_node_is(node))
        return SP_OK;
    sp_status status = sp_node_read_text(node, &text, err);
    if (status == SP_OK && (sp_format_parse(text, &format, NULL) != SP_OK || sp_format_bytes(format) < 2))
        status = sp_node_fail(node, SP_E_INVAL, err, "found gradient_wire '%s', expected bf16, fp16 or fp32", text);
    if (status == SP_OK)
        out->gradient_bytes = sp_format_bytes(format);
    return status;
}

static sp_status read_software(sp_node root, sp_arena *arena, sp_software *out, sp_error *err)
{
    static const char *const keys[] = {"name", "about", "default_for", "matrix_factor", "attention_factor", "vector_factor", "comm_factor", "host_op", "slow_share", "slow_by", "route_factor", "quantise_factor", "expert_bias_factor", "yarn_factor",
                                       "dispatch", "dispatch_dense", "gradient_wire", "attention_kernels", NULL};
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_PARSE, err, "found no map, expected a software product line: name, about, matrix_factor, …");
    sp_status status = sp_node_only_keys(root, keys, err);
    if (status == SP_OK)
        status = read_text(root, "name", true, arena, &out->name, err);
    if (status == SP_OK)
        status = read_text(root, "about", true, arena, &out->about, err);
    if (status == SP_OK)
        status = read_text(root, "default_for", false, arena, &out->default_for, err);
    if (status == SP_OK)
        status = read_text(root, "dispatch", false, arena, &out->dispatch, err);
    if (status == SP_OK && sp_node_is(sp_node_get(root, "dispatch_dense")))
        status = sp_node_read_bool(sp_node_get(root, "dispatch_dense"), &out->dispatch_dense, err);
    if (status == SP_OK)
        status = read_gradient_wire(root, out, err);
    if (status == SP_OK)
        status = read_text(root, "attention_kernels", false, arena, &out->attention_family, err);
    return status == SP_OK ? read_factors(root, arena, out, err) : status;
}

sp_status sp_i_software_load(const char *path, sp_arena *arena, const sp_software **out, sp_error *err)
{
    sp_doc *doc;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status != SP_OK)
        return status;
    sp_software *software = sp_arena_alloc(arena, 1, sizeof *software);
    status = software ? read_software(sp_doc_root(doc), arena, software, err)
                      : sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory for a software product line");
    sp_doc_destroy(doc);
    if (status == SP_OK)
        *out = software;
    return status;
}

void sp_software_each_value(const sp_software *software, sp_software_visit visit, void *context)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        const sp_value *value = (const sp_value *)(const void *)((const char *)software + fields[i].offset);
        if (value->grade != SP_GRADE_NONE)
            visit(context, fields[i].path, value, fields[i].unit);
    }
}

const sp_software *sp_machine_software(const sp_machine *machine, const char *name)
{
    for (uint32_t i = 0; i < machine->n_software; i++) {
        const sp_software *one = machine->software[i];
        if (name ? !strcmp(one->name, name)
                 : one->default_for && machine->chip->vendor && !strcmp(one->default_for, machine->chip->vendor))
            return one;
    }
    return NULL;
}
