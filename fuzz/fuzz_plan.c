/* Text as a plan: what is accepted prints as text that reads back the same, and is safe to check, lay out and price
 * against a small model and machine however wild its numbers are. */
#include "superpod/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static const uint8_t kinds[16] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const sp_block blocks[2] = {
    {.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = 8, .d_qk = 64, .d_v = 64}, .ffn = {.kind = SP_FFN_DENSE, .gated = true, .inner = 8192}, .norms = 2},
    {.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = 8, .d_qk = 64, .d_v = 64},
     .ffn = {.kind = SP_FFN_MOE, .gated = true, .experts = 64, .topk = 4, .expert_inner = 1024}, .norms = 2}};
static const sp_model model = {.name = "small", .family = "test", .hidden = 2048, .vocab = 32000, .n_layers = 16, .n_kinds = 2,
                               .kinds = blocks, .layer_kind = kinds};

/* One link to the host known, the other not: offload of activations is accepted, of the optimizer refused. */
static const sp_chip chip = {.name = "small", .host_bw_bytes_per_s = {.low = 1e10, .nominal = 1e10, .high = 1e10, .grade = SP_GRADE_GUESS}};

static sp_machine small_machine(void)
{
    static const uint32_t sizes[3] = {8, 8, 4};
    sp_machine m = {.name = "small", .chip = &chip, .chips = 256, .n_planes = 1};
    uint32_t stride = 1;
    m.planes[0].n_tiers = 3;
    for (int i = 0; i < 3; i++) {
        uint32_t n = sizes[i];
        m.planes[0].tiers[i] = (sp_tier){.kind = i < 2 ? SP_TIER_MESH : SP_TIER_CLOS, .name = "t", .n_dims = 1, .dims = {n}, .size = n, .stride = stride, .planes = 1};
        stride *= n;
    }
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    char *text = calloc(size + 1, 1);
    sp_arena *arena = sp_arena_create();
    demand(text && arena);
    memcpy(text, data, size);
    sp_plan plan = sp_plan_default(), again = sp_plan_default();
    sp_error err = {0};
    char out[1024], twice[1024];
    sp_status status = sp_plan_parse(text, arena, &plan, &err);
    if (status != SP_OK)
        demand(err.status == status && err.text[0]);
    else {
        sp_machine machine = small_machine();
        sp_layout layout;
        demand(sp_plan_format(&plan, out, sizeof out) < (int)sizeof out);
        demand(sp_plan_parse(out, arena, &again, &err) == SP_OK);
        sp_plan_format(&again, twice, sizeof twice);
        demand(strcmp(out, twice) == 0);
        status = sp_plan_check(&plan, &model, &machine, &err);
        demand(status == SP_OK || err.text[0]);
        if (status == SP_OK && sp_plan_layout(&plan, &machine, &layout, &err) == SP_OK)
            for (uint32_t g = 0; g < SP_GROUPS; g++)
                demand(sp_placement_check(&layout.group[g], machine.chips, NULL) == SP_OK);
    }
    sp_arena_destroy(arena);
    free(text);
    return 0;
}
