/* What a search must find, held against simulating every plan: some layers recomputed, every way of context parallelism, state in near groups and on the
 * host, each where it is the best. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "brute_force.h"

/* Dense layers, all alike, with so many key/value heads. */
static void dense_model(sp_model *model, uint32_t layers, uint32_t kv_heads)
{
    static const uint8_t kind[32] = {0};
    static sp_block block;
    block = (sp_block){.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = kv_heads, .d_qk = 128, .d_v = 128},
                       .ffn = {.kind = SP_FFN_DENSE, .gated = true, .inner = 14336}, .norms = 2};
    *model = (sp_model){.name = "dense", .family = "test", .hidden = 4096, .vocab = 64000, .max_positions = 1 << 20, .n_layers = layers, .n_kinds = 1,
                        .kinds = &block, .layer_kind = kind};
}

/* Between sequences that need nothing recomputed and those that need all of it lie those where some layers are best. Simulated with
 * every number of layers, so that the fewest that fit are the best, too. */
static void some_layers_are_recomputed_where_memory_asks(void **state)
{
    fixture *f = *state;
    uint32_t none = 0, some = 0, all = 0;
    uint64_t tried = 0, simulated = 0;
    const sp_machine *m;
    sp_error err = {0};
    sp_model model;
    dense_model(&model, 12, 8);
    assert_int_equal(sp_catalog_machine(f->catalog, "switch:4@450GB/s,1us chip=h100", &m, &err), SP_OK);
    for (uint64_t seq = 8192; seq <= 131072; seq += 8192)
        for (uint32_t pp = 1; pp <= 2; pp++) {
            sp_problem p = sp_problem_default(m, &model);
            sp_solution solution;
            p.seq = seq;
            p.gbs = 8;
            p.top = 1;
            p.fixed.tp = 2;
            p.fixed.cp = p.fixed.ep = p.fixed.etp = p.fixed.mbs = 1;
            p.fixed.pp = pp;
            p.free_placement = p.free_stages = p.free_schedule = p.free_zero = p.free_sequence_parallel = p.free_offload = false;
            if (!search_as_brute_force(f, &p, seq + pp, &tried, &simulated))
                continue;
            assert_int_equal(sp_plan_search(&p, f->arena, &solution, &err), SP_OK);
            const sp_plan *best = &solution.ranked[0].plan;
            none += best->recompute == SP_RECOMPUTE_NONE;
            some += best->recompute_layers > 0;
            all += best->recompute == SP_RECOMPUTE_FULL && best->recompute_layers == 0;
        }
    print_message("nothing recomputed %u times, some layers %u times, all %u times\n", none, some, all);
    assert_true(none > 0 && some > 3);
}

/* Keys wide and links slow: what a ring sends round does not fit under the attention, and trading heads sends less. On fast links the
 * ring is free. Both searched and found. */
static void each_way_wins_somewhere(void **state)
{
    fixture *f = *state;
    static const struct { const char *machine; sp_cp_way best; } rows[] = {{"switch:8@3GB/s,1us chip=h100", SP_CP_ULYSSES},
                                                                           {"switch:8@450GB/s,1us chip=h100", SP_CP_RING}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const sp_machine *m;
        sp_error err = {0};
        sp_model model;
        dense_model(&model, 4, 32);
        assert_int_equal(sp_catalog_machine(f->catalog, rows[i].machine, &m, &err), SP_OK);
        sp_problem p = sp_problem_default(m, &model);
        p.seq = 8192;
        p.gbs = 32;   /* of one micro-batch gradients meet the ring */
        p.top = 1;
        p.fixed.cp = 4;
        p.fixed.mbs = 1;
        p.fixed.tp = 1;
        p.fixed.pp = p.fixed.etp = 1;
        uint64_t tried = 0, simulated = 0;
        assert_int_equal(search_as_brute_force(f, &p, i, &tried, &simulated), 1);
        sp_solution solution;
        assert_int_equal(sp_plan_search(&p, f->arena, &solution, &err), SP_OK);
        assert_int_equal(solution.ranked[0].plan.cp_way, rows[i].best);
        p.free_cp_way = false;   /* what is fixed stays */
        for (int way = 0; way < SP_CP_WAYS; way++) {
            p.fixed.cp_way = (sp_cp_way)way;
            assert_int_equal(sp_plan_search(&p, f->arena, &solution, &err), SP_OK);
            assert_int_equal(solution.ranked[0].plan.cp_way, (sp_cp_way)way);
        }
    }
}

/* State sharded in near groups wins where the outer tier is slow; what does not fit goes to the host, as little as need be; gathers carry
 * what is multiplied. Each against simulating everything, and each no longer found when it is fixed. */
static void each_word_of_state_wins_somewhere(void **state)
{
    fixture *f = *state;
    static const struct { const char *machine; uint64_t seq; uint32_t layers, tp, pp, dp; sp_format precision; bool recompute; const char *found; } rows[] = {
        {"switch:4@450GB/s,1us clos:2@5GB/s,4us,nic chip=h100", 4096, 8, 1, 1, 8, SP_FMT_BF16, true, " zero-group=4"},
        {"switch:4@450GB/s,1us chip=h100", 65536, 12, 2, 1, 2, SP_FMT_BF16, true, " offload-activations="},
        {"switch:2@450GB/s,1us chip=h100", 2048, 32, 1, 1, 2, SP_FMT_BF16, true, " offload-optimizer=yes"},
        {"switch:4@100GB/s,1us chip=h100", 4096, 8, 4, 1, 1, SP_FMT_FP8, true, " narrow-gather=yes"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const sp_machine *m;
        sp_error err = {0};
        sp_model model;
        sp_solution solution;
        uint64_t tried = 0, simulated = 0;
        char words[1024];
        dense_model(&model, rows[i].layers, 8);
        assert_int_equal(sp_catalog_machine(f->catalog, rows[i].machine, &m, &err), SP_OK);
        sp_problem p = sp_problem_default(m, &model);
        p.seq = rows[i].seq;
        p.gbs = 16;
        p.top = 1;
        p.fixed.tp = rows[i].tp;
        p.fixed.pp = rows[i].pp;
        p.fixed.dp = rows[i].dp;
        p.fixed.cp = p.fixed.ep = p.fixed.etp = p.fixed.mbs = 1;
        p.fixed.precision = rows[i].precision;
        p.free_recompute = rows[i].recompute;
        p.free_placement = p.free_sequence_parallel = p.free_zero = false;
        if (!search_as_brute_force(f, &p, i, &tried, &simulated))
            fail_msg("row %zu: no plan", i);
        assert_int_equal(sp_plan_search(&p, f->arena, &solution, &err), SP_OK);
        sp_plan_format(&solution.ranked[0].plan, words, sizeof words);
        if (!strstr(words, rows[i].found))
            fail_msg("row %zu: best is %s", i, words);
        p.free_zero_group = p.free_offload = p.free_gather = false;
        if (sp_plan_search(&p, f->arena, &solution, &err) == SP_OK) {
            sp_plan_format(&solution.ranked[0].plan, words, sizeof words);
            assert_null(strstr(words, rows[i].found));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_word_of_state_wins_somewhere), cmocka_unit_test(each_way_wins_somewhere),
                                       cmocka_unit_test(some_layers_are_recomputed_where_memory_asks)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
