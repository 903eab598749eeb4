/* Defragmentation: moves keep every job's chips, free what they say by a count of its own, and take the cheapest racks first. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "superpod/cluster.h"

static const sp_cluster_shape shape = {.chips = 2 * 512, .row_chips = 8, .leaf_chips = 64, .pod_chips = 512, .mesh_leaf = true};   /* 2 pods of 8 racks */
enum { JOBS = 64, MOVES = 256 };
typedef struct setting { sp_cluster *cluster; uint32_t list[JOBS], chips[JOBS], n; } setting;

static void add(setting *s, uint32_t rack, uint32_t chips)
{
    s->list[s->n] = SP_NOWHERE;
    for (uint32_t i = 0, at = rack * 64; i < chips; at++) {
        if (!sp_cluster_chip_free(s->cluster, at)) continue;
        assert_true(sp_cluster_take(s->cluster, at, s->n, &s->list[s->n]));
        i++;
    }
    s->chips[s->n++] = chips;
}

/* Free blocks of `racks` racks a pod, from the jobs' chips alone. */
static uint32_t blocks(const setting *s, uint32_t racks)
{
    bool used[16] = {false};
    uint32_t chip[512], free_racks[2] = {0};
    for (uint32_t j = 0; j < s->n; j++) {
        uint32_t n = sp_cluster_list_chips(s->cluster, s->list[j], chip);
        assert_int_equal(n, s->chips[j]);
        for (uint32_t i = 0; i < n; i++) used[chip[i] / 64] = true;
    }
    for (int r = 0; r < 16; r++) free_racks[r / 8] += !used[r];
    return free_racks[0] / racks + free_racks[1] / racks;
}

static void moves_do_what_they_say(void **state)
{
    (void)state;
    uint32_t gained = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        setting s = {.n = 0};
        sp_rng rng = sp_rng_make(seed, 0);
        sp_move move[MOVES];
        sp_defrag d;
        assert_int_equal(sp_cluster_create(&shape, &s.cluster, NULL), SP_OK);
        for (uint32_t rack = 0; rack < 16; rack++)
            for (uint32_t left = 64; sp_rng_below(&rng, 3) != 0 && left >= 8;) {
                uint32_t chips = 1 + (uint32_t)sp_rng_below(&rng, left < 24 ? left : 24);
                add(&s, rack, chips);
                left -= chips;
            }
        uint32_t racks = 1 + (uint32_t)sp_rng_below(&rng, 4), before = blocks(&s, racks);
        assert_int_equal(sp_cluster_defrag(s.cluster, s.list, s.n, racks * 64, before + 2, move, MOVES, &d, NULL), SP_OK);
        assert_true(sp_cluster_consistent(s.cluster));
        assert_int_equal(d.blocks_before, before);
        assert_int_equal(d.blocks_after, blocks(&s, racks));
        assert_true(d.blocks_after >= before && (d.n == 0) == (d.blocks_after == before));
        for (uint32_t i = 0; i < d.n; i++) assert_true(move[i].owner < s.n && move[i].from != move[i].to && move[i].to < 16 && move[i].chips > 0);
        gained += d.blocks_after - before;
        sp_cluster_destroy(s.cluster);
    }
    assert_true(gained > 20);
}

/* Racks of 8, 16, 40 and 60 chips beside one with room: the 8 go first, and only as much as is asked for. */
static void the_cheapest_racks_go_first(void **state)
{
    (void)state;
    setting s = {.n = 0};
    sp_move move[MOVES];
    sp_defrag d;
    sp_error err = {0};
    assert_int_equal(sp_cluster_create(&shape, &s.cluster, NULL), SP_OK);
    static const uint32_t used[8] = {40, 8, 60, 16, 64, 64, 64, 64};
    for (uint32_t rack = 0; rack < 16; rack++) add(&s, rack, used[rack % 8]);
    assert_int_equal(sp_cluster_defrag(s.cluster, s.list, s.n, 64, 1, move, MOVES, &d, NULL), SP_OK);
    assert_true(d.n == 1 && move[0].from == 1 && move[0].chips == 8 && d.blocks_after == 1 && d.disturbed_chips == 8);
    assert_int_equal(sp_cluster_defrag(s.cluster, s.list, s.n, 64, 99, move, MOVES, &d, NULL), SP_OK);
    assert_int_equal(d.blocks_after, blocks(&s, 1));
    assert_true(d.blocks_after < 99 && d.blocks_after >= 3);
    assert_int_equal(sp_cluster_defrag(s.cluster, s.list, s.n, 100, 1, move, MOVES, &d, &err), SP_E_INVAL);
    sp_cluster_destroy(s.cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moves_do_what_they_say), cmocka_unit_test(the_cheapest_racks_go_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
