/* Boxes of a torus against a search of every anchor of every rotation, chip by chip; cubes against a count; the checker, which shares
 * nothing with the policies, sees what they took; the network's step on a box follows its rings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"

#include "open_catalog.h"

static bool box_is_free(const sp_cluster *c, const uint32_t dims[3], const uint32_t at[3], const uint32_t box[3])
{
    for (uint32_t i = 0; i < box[0] * box[1] * box[2]; i++) {
        uint32_t x = (at[0] + i % box[0]) % dims[0], y = (at[1] + i / box[0] % box[1]) % dims[1], z = (at[2] + i / box[0] / box[1]) % dims[2];
        if (!sp_cluster_chip_free(c, x + dims[0] * (y + dims[1] * z))) return false;
    }
    return true;
}

/* Least surface of a free box of n chips; 0: there is none. */
static uint32_t plainly(const sp_cluster *c, const uint32_t dims[3], uint32_t n)
{
    uint32_t best = 0, box[3], at[3];
    for (box[0] = 1; box[0] <= dims[0]; box[0]++)
        for (box[1] = 1; box[1] <= dims[1]; box[1]++)
            for (box[2] = 1; box[2] <= dims[2]; box[2]++) {
                uint32_t surface = box[0] * box[1] + box[1] * box[2] + box[0] * box[2];
                if (box[0] * box[1] * box[2] != n || (best != 0 && surface >= best)) continue;
                bool found = false;
                for (at[0] = 0; at[0] < dims[0] && !found; at[0]++)
                    for (at[1] = 0; at[1] < dims[1] && !found; at[1]++)
                        for (at[2] = 0; at[2] < dims[2] && !found; at[2]++) found = box_is_free(c, dims, at, box);
                if (found) best = surface;
            }
    return best;
}

static void boxes_are_found_when_they_exist(void **state)
{
    (void)state;
    static const char *const texts[] = {"torus:8x6x4@50GB/s,1us chip=tpu-v4", "torus:16x4x2@50GB/s,1us chip=tpu-v4", "torus:7x5x3@50GB/s,1us chip=tpu-v4"};
    const sp_place_policy *policy = sp_place_policy_find("box");
    uint32_t placed = 0, refused = 0, wrapped = 0;
    for (size_t t = 0; t < 3; t++) {
        const sp_machine *machine = machine_of(texts[t]);
        sp_cluster_shape shape;
        assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
        assert_true(shape.torus[0] == machine->planes[0].tiers[0].dims[0] && shape.torus[2] > 1);
        sp_rng rng = sp_rng_make(3, t);
        for (int round = 0; round < 150; round++) {
            sp_cluster *c;
            uint32_t list, chip[192], n = 1 + (uint32_t)sp_rng_below(&rng, round % 3 == 0 ? 64 : 20), taken = (uint32_t)sp_rng_below(&rng, shape.chips / 2);
            sp_spread spread;
            sp_place_check check;
            assert_int_equal(sp_cluster_create(&shape, &c, NULL), SP_OK);
            for (uint32_t i = 0; i < taken; i++) sp_cluster_take_down(c, (uint32_t)sp_rng_below(&rng, shape.chips));
            uint32_t surface = plainly(c, shape.torus, n);
            bool ok = policy->place(c, &(sp_request){.chips = n}, 4, &list, &spread);
            assert_int_equal(ok, surface != 0);
            assert_true(sp_cluster_consistent(c));
            placed += ok;
            refused += !ok;
            if (ok) {
                assert_int_equal(spread.box[0] * spread.box[1] * spread.box[2], n);
                assert_int_equal(spread.box[0] * spread.box[1] + spread.box[1] * spread.box[2] + spread.box[0] * spread.box[2], surface);
                assert_int_equal(sp_cluster_list_chips(c, list, chip), n);
                assert_int_equal(sp_cluster_check(machine, &shape, chip, n, &check, NULL), SP_OK);
                assert_true(check.connected && check.whole && memcmp(check.spread.box, spread.box, sizeof spread.box) == 0 && memcmp(check.spread.ring, spread.ring, 3) == 0);
                wrapped += chip[n - 1] - chip[0] > shape.chips / 2 && n < 40;
            }
            sp_cluster_destroy(c);
        }
    }
    assert_true(placed > 100 && refused > 50 && wrapped > 5);
}

/* Any 27 whole cubes do, however they lie; 26 do not; parts of a cube stay inside one. */
static void cubes_need_no_neighbours(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("tpu-v4-pod");
    const sp_place_policy *policy = sp_place_policy_find("cubes");
    sp_cluster_shape shape;
    sp_cluster *c;
    sp_spread spread;
    sp_place_check check;
    uint32_t list, chip[4096];
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_cluster_create(&shape, &c, NULL), SP_OK);
    sp_rng rng = sp_rng_make(8, 0);
    uint32_t broken = 0;
    bool hit[64] = {false};
    while (broken < 64 - 27) {   /* one chip of each of 37 cubes is down */
        uint32_t at = (uint32_t)sp_rng_below(&rng, 4096), cube = at % 16 / 4 + 4 * (at / 16 % 16 / 4) + 16 * (at / 256 / 4);
        if (hit[cube]) continue;
        hit[cube] = true;
        sp_cluster_take_down(c, at);
        broken++;
    }
    assert_false(policy->place(c, &(sp_request){.chips = 28 * 64}, 1, &list, &spread));
    assert_false(policy->place(c, &(sp_request){.chips = 100}, 1, &list, &spread));
    assert_false(sp_place_policy_find("box")->place(c, &(sp_request){.chips = 27 * 64}, 1, &list, &spread));   /* no such box is free */
    assert_true(policy->place(c, &(sp_request){.chips = 27 * 64}, 1, &list, &spread));
    assert_true(spread.box[0] == 12 && spread.box[1] == 12 && spread.box[2] == 12 && spread.ring[0] && spread.ring[2]);
    assert_int_equal(sp_cluster_list_chips(c, list, chip), 27 * 64);
    assert_int_equal(sp_cluster_check(machine, &shape, chip, 27 * 64, &check, NULL), SP_OK);
    assert_true(check.connected && check.whole && check.aligned && check.spread.box[1] == 12 && check.slowdown == 1);
    static const struct { uint32_t chip[4]; bool whole, aligned, connected; } by_hand[] = {   /* 16 x 16 x 16 */
        {{0, 1, 16, 17}, true, true, true}, {{1, 2, 17, 18}, true, false, true}, {{0, 1, 2, 16}, false, false, true}, {{0, 2, 4, 6}, false, false, false}, {{0, 15, 240, 255}, true, false, true}};
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
        assert_int_equal(sp_cluster_check(machine, &shape, by_hand[i].chip, 4, &check, NULL), SP_OK);
        assert_true(check.whole == by_hand[i].whole && check.aligned == by_hand[i].aligned && check.connected == by_hand[i].connected);
    }
    assert_true(sp_cluster_consistent(c));
    for (uint32_t owner = 2; policy->place(c, &(sp_request){.chips = 8}, owner, &list, &spread); owner++) {   /* 2 x 2 x 2 in the cubes that lack a chip */
        assert_true(spread.box[0] * spread.box[1] * spread.box[2] == 8 && spread.box[0] <= 4 && spread.box[1] <= 4 && spread.box[2] <= 4);
        assert_int_equal(sp_cluster_list_chips(c, list, chip), 8);
        for (int i = 1; i < 8; i++)
            assert_true(chip[i] % 16 / 4 == chip[0] % 16 / 4 && chip[i] / 16 % 16 / 4 == chip[0] / 16 % 16 / 4 && chip[i] / 1024 == chip[0] / 1024);
    }
    assert_true(sp_cluster_free_chips(c) < 37 * 63 && sp_cluster_consistent(c));
    sp_cluster_destroy(c);
}

/* The same box without its rings is slower, and chips that are no box no faster; by the network and for a job of unknown model. */
static void rings_are_faster(void **state)
{
    (void)state;
    const sp_machine *machine = machine_of("tpu-v4-pod");
    sp_arena *arena = sp_arena_create();
    const sp_model *model;
    sp_plan plan = sp_plan_default();
    sp_judge *judge;
    sp_cluster_shape shape;
    double step[3], slow[3];
    plan.tp = 4;
    plan.dp = 128;
    plan.gbs = 512;
    plan.seq = 2048;
    plan.recompute = SP_RECOMPUTE_FULL;
    static const uint32_t box[3][3] = {{8, 8, 8}, {8, 8, 8}, {0, 0, 0}};
    assert_int_equal(sp_model_load("catalog/models/llama3-8b.yaml", NULL, arena, &model, NULL), SP_OK);
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_judge_create(machine, model, &plan, &judge, NULL), SP_OK);
    for (int i = 0; i < 3; i++) {
        sp_spread s = sp_cluster_ideal(&shape, 512);
        assert_true(s.box[0] == 8 && s.box[1] == 8 && s.box[2] == 8 && s.ring[0]);
        for (int d = 0; d < 3; d++) {
            s.box[d] = box[i][d];
            s.ring[d] = i == 0;
        }
        assert_int_equal(sp_judge_step(judge, &s, NULL, &step[i], NULL), SP_OK);
        slow[i] = sp_cluster_slowdown(machine, &shape, &s);
    }
    print_message("steps %.4g, %.4g, %.4g s\n", step[0], step[1], step[2]);
    assert_true(slow[0] == 1 && slow[1] > 1 && slow[2] > slow[1]);
    assert_true(step[0] > 0 && step[1] > step[0] && step[2] > step[0]);
    sp_judge_destroy(judge);
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(boxes_are_found_when_they_exist), cmocka_unit_test(cubes_need_no_neighbours), cmocka_unit_test(rings_are_faster)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
