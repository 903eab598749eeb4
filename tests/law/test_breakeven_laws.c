/* Break-evens found by bracketing against a scan that knows nothing of it: numbers of chips and links in steps from below, each searched with every
 * batch that may be taken. Small machines and quick searches, so that the scan is seconds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "superpod/study.h"
#include "catalog_fixture.h"

#define SEQ 4096u
#define CHIPS_LEAST 8u
#define GBS 32u
#define LINKS_STEP 1.18920711500272107 /* 2^(1/4) */
#define LINKS_CLOSE 1.07               /* what the answer may be too fast by, as compare.md says */

typedef struct pair {
    bool moe;
    const char *a, *b;
    const char *family;      /* of a, for sizes beyond a's own ("dgx-h100"); NULL: a is the largest there is */
    uint32_t most;           /* chips of the largest that the scan looks at                                  */
    bool by_chips, by_links; /* which of the two reach it                                                    */
} pair;

/* Few layers, so that a scan is seconds: dense of 4,096 with 16 layers, or 8 experts of which 2 take part. */
static const sp_model *model_of(fixture *f, bool moe)
{
    sp_block *block = sp_arena_alloc(f->arena, 1, sizeof *block);
    sp_model *m = sp_arena_alloc(f->arena, 1, sizeof *m);
    *block = (sp_block){.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = 32, .d_qk = 128, .d_v = 128},
                        .ffn = {.kind = SP_FFN_DENSE, .gated = true, .inner = 11008}, .norms = 2};
    if (moe)
        block->ffn = (sp_ffn){.kind = SP_FFN_MOE, .gated = true, .experts = 8, .topk = 2, .expert_inner = 7168};
    *m = (sp_model){.name = "small", .family = "test", .hidden = 4096, .vocab = 32000, .max_positions = SEQ, .n_layers = moe ? 4 : 16, .n_kinds = 1,
                    .kinds = block, .layer_kind = sp_arena_alloc(f->arena, 16, 1)};
    return m;
}

/* ---- the scan ---------------------------------------------------------------------------------------------------------- */

/* Is there a plan of so many tokens/s, with any batch that is an eighth off at most? */
static bool reaches(const sp_machine *on, const sp_model *of, uint32_t chips, uint64_t gbs, double target)
{
    bool yes = false;
    for (uint64_t batch = (gbs * 7 + 7) / 8; batch <= gbs * 9 / 8 && !yes; batch++) {
        sp_problem problem = sp_problem_default(on, of);
        sp_arena *scratch = sp_arena_create();
        sp_solution solution;
        problem.gbs = batch;
        problem.seq = SEQ;
        problem.chips = chips < on->chips ? chips : 0;
        problem.top = 1;
        problem.effort = SP_EFFORT_QUICK;
        problem.free_precision = false;
        problem.fixed.precision = SP_FMT_BF16;
        problem.step_time_s_max = (double)batch * SEQ / target;
        yes = sp_plan_search(&problem, scratch, &solution, NULL) == SP_OK;
        sp_arena_destroy(scratch);
    }
    return yes;
}

static const sp_machine *sized(fixture *f, const pair *p, uint32_t chips)
{
    return p->family ? machine(f, sp_arena_printf(f->arena, "%s:%u", p->family, (chips + 7) / 8)) : machine(f, p->a);
}

/* Fewest chips that reach the target, of all numbers an eighth of an octave apart; 0: not even the most. */
static uint32_t chips_by_scan(fixture *f, const pair *p, const sp_model *of, double target)
{
    for (uint32_t chips = CHIPS_LEAST, octave = CHIPS_LEAST; chips <= p->most; octave *= chips == 2 * octave ? 2 : 1, chips += octave / 8)
        if (reaches(sized(f, p, chips), of, chips, GBS, target))
            return chips;
    return 0;
}

/* Slowest links that reach the target, to a step; 0: none does. */
static double links_by_scan(fixture *f, const pair *p, const sp_model *of, double target)
{
    const sp_machine *given = machine(f, p->a);
    for (double scale = SP_COMPARE_BW_LEAST; scale <= 64.01; scale *= LINKS_STEP) {
        sp_machine m = *given;
        for (uint32_t t = 0; t < m.planes[0].n_tiers; t++)
            m.planes[0].tiers[t].bw_bytes_per_s.nominal *= scale;
        if (reaches(&m, of, 0, GBS, target))
            return scale;
    }
    return 0;
}

/* ---- the pairs --------------------------------------------------------------------------------------------------------- */

#define WEAK "mesh:8@56GB/s,200ns clos:8@224GB/s,1us chip=ascend-950dt"
#define WEAK_SMALL "mesh:8@56GB/s,200ns clos:4@224GB/s,1us chip=ascend-950dt"
#define WIRED_BADLY "switch:8@20GB/s,1us clos:4@2GB/s,4us,nic chip=h100"

static const pair pairs[] = {
    {.a = "dgx-h100:6", .b = WEAK, .family = "dgx-h100", .most = 64, .by_chips = true, .by_links = true},   /* already ahead */
    {.a = "dgx-h100:4", .b = WEAK, .family = "dgx-h100", .most = 64, .by_chips = true, .by_links = true},   /* behind, by its chips or by links twelve times as fast */
    {.a = WEAK, .b = "dgx-h100:4", .most = 64, .by_chips = true, .by_links = true},          /* by the last chips, or links a little faster */
    {.a = WEAK_SMALL, .b = "dgx-h100:4", .most = 32},                                       /* never         */
    {.a = WIRED_BADLY, .b = "dgx-h100:4", .most = 32, .by_links = true},
    {.a = WEAK, .b = WEAK, .most = 64, .by_chips = true, .by_links = true},
    {.moe = true, .a = "dgx-h100:2", .b = WEAK, .family = "dgx-h100", .most = 64, .by_chips = true},
    {.moe = true, .a = WEAK, .b = "dgx-h100:2", .most = 64, .by_chips = true, .by_links = true},
    {.moe = true, .a = WIRED_BADLY, .b = WEAK_SMALL, .most = 32, .by_links = true},
};

static sp_compare_breakeven bracketed(fixture *f, const pair *p, const sp_model *of, double *target, uint32_t *chips_of_b)
{
    const char *const texts[2] = {p->a, p->b};
    sp_compare_problem problem = {.catalog = f->catalog, .model = of, .n_machines = 2, .machines = texts, .gbs = GBS, .seq = SEQ, .samples = 2,
                                  .effort = SP_EFFORT_QUICK};
    sp_comparison out;
    sp_error err = {0};
    if (sp_compare(&problem, f->arena, &out, &err) != SP_OK)
        fail_msg("%s", err.text);
    *target = out.entry[1].tokens_per_s.nominal * (1 - 1e-9);
    *chips_of_b = out.entry[1].chips;
    return out.breakeven[0];
}

static void hold(fixture *f, const pair *p)
{
    const sp_model *of = model_of(f, p->moe);
    double target;
    uint32_t b_chips;
    sp_compare_breakeven found = bracketed(f, p, of, &target, &b_chips);
    uint32_t chips = chips_by_scan(f, p, of, target);
    double links = links_by_scan(f, p, of, target), asked = found.chips.nominal * b_chips;
    print_message("%s against %s: %.4g chips, by scan %u; links %.4g, by scan %.4g\n", p->a, p->b, asked, chips, found.bw.nominal, links);
    assert_int_equal(p->by_chips, chips > 0);
    assert_int_equal(p->by_links, links > 0);
    assert_int_equal(p->by_chips, isfinite(asked));
    assert_int_equal(p->by_links, isfinite(found.bw.nominal));
    if (chips)   /* the scan takes batches that compare does not: a step more */
        assert_true(asked >= chips - 1e-6 && asked <= chips * 1.125 + 1e-6);
    if (links > 0)
        assert_true(found.bw.nominal > links / LINKS_STEP * (1 - 1e-3) && found.bw.nominal <= links * LINKS_CLOSE);
    if (!p->by_links)
        assert_true(found.bw_best_share < 1);
}

static void test_breakeven_dense(void **state)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!pairs[i].moe)
            hold(*state, &pairs[i]);
}

static void test_breakeven_experts(void **state)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].moe)
            hold(*state, &pairs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_breakeven_dense, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_breakeven_experts, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
