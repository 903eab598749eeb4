/* Any bytes as a document: never a crash or a hang; an error says where; a document can be walked and read as anything. */
#include "superpod/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STACK = 4096, VISITS_MAX = 100000 };

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void demand_place(sp_status status, const sp_error *err)
{
    demand(!status || (err->status == status && err->text[0] && err->line && err->column));
}

static void read_as_everything(sp_node node, sp_arena *arena)
{
    static const char *const keys[] = {"value", "grade", "source", NULL};
    const char *text;
    bool flag;
    int64_t whole;
    double number;
    sp_value value;
    sp_error err = {0};
    demand_place(sp_node_read_text(node, &text, &err), &err);
    demand_place(sp_node_read_bool(node, &flag, &err), &err);
    demand_place(sp_node_read_i64(node, -5, INT64_MAX, &whole, &err), &err);
    demand_place(sp_node_read_double(node, -1e9, 1e9, &number, &err), &err);
    for (int unit = 0; unit < SP_UNIT_N; unit++)
        demand_place(sp_node_read_quantity(node, (sp_unit)unit, &number, &err), &err);
    demand_place(sp_node_only_keys(node, keys, &err), &err);
    sp_status status = sp_node_read_value(node, SP_UNIT_BYTES, arena, &value, &err);
    demand_place(status, &err);
    demand(status || (value.low <= value.nominal && value.nominal <= value.high && value.source));
}

static void walk(const sp_doc *doc, sp_arena *arena)
{
    sp_node stack[STACK];
    size_t depth = 0;
    stack[depth++] = sp_doc_root(doc);
    for (int visits = 0; depth && visits < VISITS_MAX; visits++) {
        sp_node node = stack[--depth];
        demand(sp_node_line(node) && sp_node_column(node));
        read_as_everything(node, arena);
        for (size_t i = 0; i < sp_node_count(node) && depth < STACK; i++) {
            stack[depth++] = sp_node_at(node, i);
            if (sp_node_kind_of(node) == SP_NODE_MAP && sp_node_key_at(node, i)[0])
                demand(sp_node_get(node, sp_node_key_at(node, i)).id == sp_node_at(node, i).id);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_doc *doc = NULL;
    sp_error err = {0};
    sp_status status = sp_doc_parse((const char *)data, size, "input.yaml", &doc, &err);
    demand_place(status, &err);
    if (status)
        return 0;
    sp_arena *arena = sp_arena_create();
    demand(arena != NULL);
    walk(doc, arena);
    sp_arena_destroy(arena);
    sp_doc_destroy(doc);
    return 0;
}
