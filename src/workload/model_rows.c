/* Maps of catalog entries, read by table. */
#include "model_rows.h"

#include <string.h>

#define ROWS_MAX 40

sp_status sp_i_model_dims_read(sp_node node, bool cubic, double high, uint32_t out[3], sp_error *err)
{
    const uint32_t most = (uint32_t)high;
    const size_t count = sp_node_count(node);
    uint32_t dims[3] = {1, 1, 1};
    if (sp_node_kind_of(node) != SP_NODE_SEQ) {
        sp_status status = sp_node_read_u32(node, 1, most, &dims[2], err);
        if (status != SP_OK)
            return status;
        dims[1] = dims[2];
        dims[0] = cubic ? dims[2] : 1;
    } else if (count < 1 || count > 3) {
        return sp_node_fail(node, SP_E_INVAL, err, "%zu sizes: expected a number, [h, w] or [d, h, w]", count);
    }
    for (size_t i = 0; i < count; i++) {
        sp_status status = sp_node_read_u32(sp_node_at(node, i), 1, most, &dims[3 - count + i], err);
        if (status != SP_OK)
            return status;
    }
    memcpy(out, dims, sizeof dims);
    return SP_OK;
}

static sp_status read_text(sp_node node, sp_arena *arena, const char **out, sp_error *err)
{
    const char *text;
    sp_status status = sp_node_read_text(node, &text, err);
    if (status != SP_OK)
        return status;
    char *copy = sp_arena_strdup(arena, text);
    if (!copy)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the model");
    *out = copy;
    return SP_OK;
}

static sp_status read_row(sp_node node, const sp_model_row *row, sp_arena *arena, void *out, sp_error *err)
{
    void *at = (char *)out + row->offset;
    const double low = row->mark == '!' ? 1 : 0;
    switch (row->type) {
    case SP_ROW_U32: return sp_node_read_u32(node, (uint32_t)low, (uint32_t)row->high, at, err);
    case SP_ROW_BOOL: return sp_node_read_bool(node, at, err);
    case SP_ROW_DOUBLE: return sp_node_read_double(node, low, row->high, at, err);
    case SP_ROW_TEXT: return read_text(node, arena, at, err);
    case SP_ROW_DIMS: return sp_i_model_dims_read(node, false, row->high, at, err);
    case SP_ROW_SKIP: return SP_OK;
    case SP_ROW_U64: break;
    }
    int64_t value;
    sp_status status = sp_node_read_i64(node, (int64_t)low, (int64_t)row->high, &value, err);
    if (status == SP_OK)
        *(uint64_t *)at = (uint64_t)value;
    return status;
}

sp_status sp_i_model_rows_read(sp_node map, const sp_model_row *rows, sp_arena *arena, void *out, sp_error *err)
{
    const char *keys[ROWS_MAX + 1] = {NULL};
    for (size_t i = 0; rows[i].key && i < ROWS_MAX; i++)
        keys[i] = rows[i].key;
    if (sp_node_kind_of(map) != SP_NODE_MAP)
        return sp_node_fail(map, SP_E_PARSE, err, "expected a map with keys such as %s", keys[0]);
    sp_status status = sp_node_only_keys(map, keys, err);
    for (const sp_model_row *row = rows; row->key && status == SP_OK; row++) {
        sp_node node = sp_node_get(map, row->key);
        if (sp_node_is(node) && !sp_node_is_null(node))
            status = read_row(node, row, arena, out, err);
        else if (row->mark == '!')
            status = sp_node_fail(map, SP_E_INVAL, err, "no \"%s\": add it", row->key);
    }
    return status;
}
