/* Any bytes as a chip file: never a crash; a refusal says why; an accepted chip keeps its invariants and prices operators. */
#include "superpod/chip.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void price(const sp_chip *chip)
{
    static const sp_op ops[] = {
        {.kind = SP_OP_GEMM, .format = SP_FMT_MXFP4, .groups = 3, .m = 77, .n = 4096, .k = 1},
        {.kind = SP_OP_GEMM, .format = SP_FMT_FP32, .groups = UINT32_MAX, .m = UINT64_MAX, .n = UINT64_MAX, .k = UINT64_MAX},
        {.kind = SP_OP_ATTENTION, .format = SP_FMT_FP8, .batch = 2, .heads = 8, .kv_heads = 2, .q_len = 5, .kv_len = 999, .d_qk = 192,
         .d_v = 128, .causal = true, .window = 64},
        {.kind = SP_OP_VECTOR, .bytes = 1e9, .flop = 1e9}, {.kind = SP_OP_GATHER, .bytes = 1e300}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        sp_op_cost cost;
        demand(sp_chip_op_cost(chip, &ops[i], &cost) == SP_OK);
        demand(!isnan(cost.time_s) && cost.time_s > 0.0 && cost.limit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_doc *doc = NULL;
    sp_error err = {0};
    if (sp_doc_parse((const char *)data, size, "input.yaml", &doc, &err) != SP_OK)
        return 0;
    sp_arena *arena = sp_arena_create();
    demand(arena != NULL);
    const sp_chip *chip = NULL;
    sp_status status = sp_chip_parse_with(sp_doc_root(doc), "catalog/families", arena, &chip, &err);
    demand(status == SP_OK ? chip != NULL : chip == NULL && err.text[0] && err.line > 0);
    if (chip) {
        demand(sp_chip_check(chip, &err) == SP_OK);
        price(chip);
    }
    sp_arena_destroy(arena);
    sp_doc_destroy(doc);
    return 0;
}
