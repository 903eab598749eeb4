/* Plans as text: round trip, errors with columns, rules, chunk layers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/workload.h"

static sp_plan random_plan(sp_rng *rng)
{
    sp_plan plan = sp_plan_default();
    uint32_t *counts[] = {&plan.tp, &plan.cp, &plan.ep, &plan.etp, &plan.pp, &plan.vpp, &plan.dp, &plan.mbs};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *counts[i] = 1 + (uint32_t)sp_rng_below(rng, 1000);
    plan.zero = (uint32_t)sp_rng_below(rng, 4);
    plan.gbs = 1 + sp_rng_below(rng, 1u << 20);
    plan.seq = 1 + sp_rng_below(rng, 1u << 20);
    plan.precision = (sp_format)sp_rng_below(rng, SP_FMT_N);
    plan.recompute = (sp_recompute)sp_rng_below(rng, SP_RECOMPUTES);
    plan.schedule = (sp_schedule)sp_rng_below(rng, SP_SCHEDULES);
    plan.recompute_layers = (uint32_t)sp_rng_below(rng, 5);
    for (int a = 0; a < SP_AXES; a++)
        plan.place[a] = (uint32_t)sp_rng_below(rng, 8);
    plan.place_ep = (uint32_t)sp_rng_below(rng, 8);
    for (uint32_t a = SP_AXES - 1; a > 0; a--) {
        uint32_t other = (uint32_t)sp_rng_below(rng, a + 1), keep = plan.order[a];
        plan.order[a] = plan.order[other];
        plan.order[other] = keep;
    }
    plan.overlap_dp = sp_rng_below(rng, 2);
    plan.blocking_sends = sp_rng_below(rng, 2);
    plan.overlap_ep = sp_rng_below(rng, 2);
    plan.overlap_tp = sp_rng_below(rng, 2);
    plan.sequence_parallel = sp_rng_below(rng, 2);
    plan.cp_way = (sp_cp_way)sp_rng_below(rng, SP_CP_WAYS);
    plan.expert_load = (uint32_t)sp_rng_below(rng, 3) * 60;
    plan.lora_rank = (uint32_t)sp_rng_below(rng, 3);
    plan.unfused_attention = sp_rng_below(rng, 2);
    plan.narrow_gather = sp_rng_below(rng, 2);
    plan.gradient_bytes = 2 * (uint32_t)sp_rng_below(rng, 3);
    if (sp_rng_below(rng, 2))
        plan.stack = "hccl";
    return plan;
}

static void plans_round_trip(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    sp_rng rng = sp_rng_make(11, 0);
    for (int i = 0; i < 500; i++) {
        sp_plan plan = random_plan(&rng), back = sp_plan_default();
        char text[1024], again[1024];
        sp_error err = {0};
        assert_true(sp_plan_format(&plan, text, sizeof text) < (int)sizeof text);
        assert_int_equal(sp_plan_parse(text, arena, &back, &err), SP_OK);
        sp_plan_format(&back, again, sizeof again);
        assert_string_equal(text, again);
        assert_int_equal(back.tp, plan.tp);
        assert_int_equal(back.place_ep, plan.place_ep);
        assert_memory_equal(back.order, plan.order, sizeof plan.order);
    }
    sp_arena_destroy(arena);
}

static void errors_point_at_the_word(void **state)
{
    (void)state;
    static const struct { const char *text; uint32_t column; const char *says; } rows[] = {
        {"tp=8 foo=3", 6, "foo=3"}, {"tp=-1", 4, "-1"}, {"tp=8 pp=x", 9, "'x'"}, {"tp=99999999999999999999", 4, "expected"},
        {"precision=bf17", 11, "bf17"}, {"place=tp=9", 10, "tiers"}, {"place=tp=0,xx=1", 12, "xx=1"}, {"order=tp,tp,dp,pp", 10, "order"},
        {"sp=maybe", 4, "yes or no"}, {"schedule=2f2b", 10, "1f1b"}, {"recompute=some", 11, "selective"}};
    sp_arena *arena = sp_arena_create();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sp_plan plan = sp_plan_default(), before = plan;
        sp_error err = {0};
        assert_int_not_equal(sp_plan_parse(rows[i].text, arena, &plan, &err), SP_OK);
        if (err.column != rows[i].column || !strstr(err.text, rows[i].says))
            fail_msg("%s: column %u, '%s'", rows[i].text, err.column, err.text);
        assert_memory_equal(&plan, &before, sizeof plan);
    }
    sp_arena_destroy(arena);
}

static void chunks_cover_every_layer_once(void **state)
{
    (void)state;
    for (uint32_t layers = 1; layers < 130; layers += 7)
        for (uint32_t pp = 1; pp <= 16 && pp <= layers; pp++)
            for (uint32_t vpp = 1; vpp <= 4 && pp * vpp <= layers; vpp++) {
                sp_plan plan = sp_plan_default();
                plan.pp = pp;
                plan.vpp = vpp;
                if (pp * vpp > 2 && layers > pp * vpp + 3 && layers % 2)
                    plan.last_layers = 1 + layers % 3;
                uint32_t next = 0, slots = pp * vpp - (plan.last_layers > 0), left = layers - plan.last_layers;
                for (uint32_t i = 0; i < pp * vpp; i++) {
                    uint32_t first, count;
                    sp_plan_chunk_layers(&plan, layers, i % pp, i / pp, &first, &count);
                    assert_int_equal(first, next);
                    assert_true((i + 1 == pp * vpp && plan.last_layers) ? count == plan.last_layers
                                                                        : count == left / slots || count == left / slots + 1);
                    next += count;
                }
                assert_int_equal(next, layers);
            }
}

/* Groups list their dims from inner to outer whatever the order of axes, and hold as many chips as their axes multiply to. */
static void groups_go_outwards(void **state)
{
    (void)state;
    sp_catalog *catalog;
    const sp_machine *machine;
    assert_int_equal(sp_catalog_open("catalog", &catalog, NULL), SP_OK);
    assert_int_equal(sp_catalog_machine(catalog, "atlas-950-superpod", &machine, NULL), SP_OK);
    sp_rng rng = sp_rng_make(5, 0);
    uint32_t laid = 0;
    for (int i = 0; i < 2000; i++) {
        sp_plan plan = sp_plan_default();
        plan.tp = 1u << sp_rng_below(&rng, 4);
        plan.cp = 1u << sp_rng_below(&rng, 4);
        plan.dp = (1u << sp_rng_below(&rng, 5)) * (sp_rng_below(&rng, 4) ? 1 : 15);
        plan.pp = 1u << sp_rng_below(&rng, 4);
        plan.ep = 1u << sp_rng_below(&rng, 5);
        for (uint32_t a = SP_AXES - 1; a > 0; a--) {
            uint32_t other = (uint32_t)sp_rng_below(&rng, a + 1), keep = plan.order[a];
            plan.order[a] = plan.order[other];
            plan.order[other] = keep;
        }
        sp_layout layout;
        if (sp_plan_layout(&plan, machine, &layout, NULL) != SP_OK)
            continue;
        const uint32_t ranks[SP_GROUPS] = {plan.tp, plan.cp, plan.dp * plan.cp, plan.pp, plan.ep, plan.tp * plan.cp * plan.dp / plan.ep, 1, 1, 1, 1, 1};
        for (uint32_t g = 0; g < SP_GROUPS; g++) {
            const sp_placement *group = &layout.group[g];
            assert_int_equal(sp_placement_ranks(group), ranks[g]);
            assert_int_equal(sp_placement_check(group, machine->chips, NULL), SP_OK);
            for (uint32_t d = 1; d < group->n_dims; d++)
                assert_true(group->dim[d].stride >= group->dim[d - 1].stride * group->dim[d - 1].size);
        }
        laid++;
    }
    assert_true(laid > 500);
    sp_catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_round_trip), cmocka_unit_test(errors_point_at_the_word),
                                       cmocka_unit_test(chunks_cover_every_layer_once), cmocka_unit_test(groups_go_outwards)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
