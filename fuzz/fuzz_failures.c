/* Any bytes as a catalog of failures: never a crash; a refusal says why and where; what is accepted has rates, shapes and times that a run can
 * draw from. */
#include "superpod/cluster.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_doc *doc = NULL;
    sp_error err = {0};
    if (sp_doc_parse((const char *)data, size, "input.yaml", &doc, &err) != SP_OK) return 0;
    sp_arena *arena = sp_arena_create();
    sp_failures failures = {0};
    demand(arena != NULL);
    sp_status status = sp_failures_read(sp_doc_root(doc), arena, &failures, &err);
    if (status != SP_OK) demand(failures.n == 0 && err.text[0] != '\0' && err.line > 0);
    else demand(failures.n >= 1 && failures.n <= SP_FAIL_CLASSES);
    for (uint32_t i = 0; i < failures.n; i++) {
        const sp_fail_class *row = &failures.row[i];
        demand(row->name != NULL && (unsigned)row->unit < SP_FAIL_UNITS);
        demand(row->rate_per_s.nominal >= 0 && isfinite(row->rate_per_s.nominal) && row->shape > 0 && isfinite(row->shape));
        demand(!row->down || (row->repair_s.nominal >= 0 && isfinite(row->repair_s.nominal)));
        demand(row->repair_sigma >= 0 && isfinite(row->repair_sigma));
    }
    sp_arena_destroy(arena);
    sp_doc_destroy(doc);
    return 0;
}
