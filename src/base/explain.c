#include "base_private.h"

#include <assert.h>
#include <stdlib.h>

struct sp_explain {
    sp_arena *strings;
    sp_explain_row *row;
    size_t n, capacity;
};

sp_explain *sp_explain_create(void)
{
    sp_arena *strings = sp_arena_create();
    sp_explain *explain = strings ? sp_arena_alloc(strings, 1, sizeof *explain) : NULL;
    if (!explain) {
        sp_arena_destroy(strings);
        return NULL;
    }
    explain->strings = strings;
    return explain;
}

void sp_explain_destroy(sp_explain *explain)
{
    if (!explain)
        return;
    free(explain->row);
    sp_arena_destroy(explain->strings);   /* the explanation itself lives there too */
}

int32_t sp_explain_add(sp_explain *explain, int32_t parent, const char *label, double value, sp_unit unit,
                       const char *source_format, ...)
{
    if (!explain)
        return -1;
    assert(parent >= -1 && parent < (int64_t)explain->n);
    char *source = NULL, *copy = sp_arena_strdup(explain->strings, label);
    if (source_format) {
        va_list args;
        va_start(args, source_format);
        source = sp_i_arena_vprintf(explain->strings, source_format, args);
        va_end(args);
    }
    if (!copy || (source_format && !source) || explain->n >= INT32_MAX
        || !sp_i_grow((void **)&explain->row, &explain->capacity, explain->n + 1, sizeof *explain->row))
        return -1;
    explain->row[explain->n] = (sp_explain_row){parent, copy, value, unit, source};
    return (int32_t)explain->n++;
}

size_t sp_explain_count(const sp_explain *explain)
{
    return explain ? explain->n : 0;
}

const sp_explain_row *sp_explain_at(const sp_explain *explain, size_t index)
{
    assert(explain && index < explain->n);
    return &explain->row[index];
}
