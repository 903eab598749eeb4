/* Any bytes as a model: read or refused with a place, never a crash or a hang; what was read keeps its invariants and
 * counts to finite, consistent numbers. */
#include "superpod/workload.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void use(const sp_model *model)
{
    sp_error err = {0};
    sp_model_params p;
    demand(sp_model_check(model, &err) == SP_OK);
    sp_model_count(model, &p);
    const double sum = p.embedding + p.head + p.norm + p.attention + p.dense_ffn + p.experts + p.shared_experts + p.router + p.other;
    demand(isfinite(p.total) && p.total >= 0 && isfinite(p.mtp) && p.mtp >= 0);
    demand(fabs(sum - p.total) <= 1e-9 * p.total && p.active <= p.total * (1 + 1e-9));
    for (uint64_t seq = 0; seq <= 1u << 20; seq = seq ? seq * 32 : 1) {
        const double flop = sp_model_flop_per_token(model, seq);
        demand(isfinite(flop) && flop >= 0 && isfinite(sp_model_mtp_flop_per_token(model, seq)));
    }
    demand(isfinite(sp_model_flop_per_sample(model)));
}

static void read_as(const uint8_t *data, size_t size, const char *assume)
{
    sp_doc *doc;
    sp_error err = {0};
    if (sp_doc_parse((const char *)data, size, "fuzz", &doc, &err) != SP_OK)
        return;
    sp_arena *arena = sp_arena_create();
    const sp_model *model;
    const sp_status status = sp_model_parse(sp_doc_root(doc), assume, arena, &model, &err);
    sp_doc_destroy(doc);   /* the model must not need it any more */
    if (status == SP_OK)
        use(model);
    else
        demand(err.status == status && err.text[0] && err.line && err.column);
    sp_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as(data, size, NULL);
    read_as(data, size, "llama");
    return 0;
}
