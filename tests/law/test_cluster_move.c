/* Defragmentation. The plan: a replay that knows chips and owners alone finds every move legal when its turn comes. In a run: a fragmented
 * machine lets the large job start, at exactly the cost that its moves have; where they are not worth it nothing changes by a bit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

#include "catalog_fixture.h"

/* ---- the plan -------------------------------------------------------------------------------------------------------- */

enum { CHIPS = 1024, RACK = 64, POD = 512, JOBS = 200, MOVES = 512 };
static const sp_cluster_shape shape = {.chips = CHIPS, .row_chips = 8, .leaf_chips = RACK, .pod_chips = POD, .mesh_leaf = true};

static uint32_t free_blocks(const uint32_t *owner, uint32_t racks)
{
    uint32_t blocks = 0;
    for (uint32_t pod = 0; pod < CHIPS / POD; pod++) {
        uint32_t whole = 0;
        for (uint32_t rack = pod * POD / RACK; rack < (pod + 1) * POD / RACK; rack++) {
            uint32_t n = 0;
            for (uint32_t i = 0; i < RACK; i++) n += owner[rack * RACK + i] == SP_NOWHERE;
            whole += n == RACK;
        }
        blocks += whole / racks;
    }
    return blocks;
}

/* Chips leave their owner and arrive where nobody is. */
static void replay(uint32_t *owner, const sp_move *move, uint32_t racks)
{
    uint32_t left = 0, arrived = 0;
    assert_true(move->from < CHIPS / RACK && move->to < CHIPS / RACK && move->from != move->to);
    for (uint32_t i = 0; i < RACK; i++) {
        if ((move->to_chips >> i & 1) == 0) continue;
        assert_int_equal(owner[move->to * RACK + i], SP_NOWHERE);
        owner[move->to * RACK + i] = move->owner;
        arrived++;
    }
    for (uint32_t i = 0; i < RACK; i++) {
        if ((move->from_chips >> i & 1) == 0) continue;
        assert_int_equal(owner[move->from * RACK + i], move->owner);
        owner[move->from * RACK + i] = SP_NOWHERE;
        left++;
    }
    assert_true(left == move->chips && arrived == move->chips && left > 0);
    assert_int_equal(move->blocks, free_blocks(owner, racks));
}

/* Jobs of up to three pieces of racks, and broken chips (owner JOBS). */
static uint32_t scatter(sp_rng *rng, sp_cluster *cluster, uint32_t *owner, uint32_t *list)
{
    uint32_t jobs = 0;
    for (uint32_t chip = 0; chip < CHIPS; chip++) owner[chip] = SP_NOWHERE;
    for (int i = 0; i < 6; i++) {
        uint32_t chip = (uint32_t)sp_rng_below(rng, CHIPS);
        sp_cluster_take_down(cluster, chip);
        owner[chip] = JOBS;
    }
    while (jobs < 40) {
        list[jobs] = SP_NOWHERE;
        for (uint64_t pieces = 1 + sp_rng_below(rng, 3); pieces > 0; pieces--) {
            uint32_t rack = (uint32_t)sp_rng_below(rng, CHIPS / RACK), want = 1 + (uint32_t)sp_rng_below(rng, 16);
            for (uint32_t i = 0; i < RACK && want > 0; i++) {
                uint32_t chip = rack * RACK + i;
                if (owner[chip] != SP_NOWHERE) continue;
                assert_true(sp_cluster_take(cluster, chip, jobs, &list[jobs]));
                owner[chip] = jobs;
                want--;
            }
        }
        jobs++;
    }
    return jobs;
}

static void every_move_is_legal_in_its_turn(void **state)
{
    (void)state;
    uint32_t owner[CHIPS], list[JOBS], held[CHIPS], moves = 0, gained = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        sp_rng rng = sp_rng_make(seed, 4);
        sp_cluster *cluster;
        sp_move move[MOVES];
        sp_defrag d;
        assert_int_equal(sp_cluster_create(&shape, &cluster, NULL), SP_OK);
        uint32_t jobs = scatter(&rng, cluster, owner, list), racks = 1 + (uint32_t)sp_rng_below(&rng, 3), before = free_blocks(owner, racks);
        assert_int_equal(sp_cluster_defrag(cluster, list, jobs, racks * RACK, before + 3, move, MOVES, &d, NULL), SP_OK);
        assert_int_equal(d.blocks_before, before);
        for (uint32_t i = 0; i < d.n; i++) replay(owner, &move[i], racks);
        assert_int_equal(d.blocks_after, free_blocks(owner, racks));
        assert_true(d.blocks_after >= before && (d.n == 0) == (d.blocks_after == before));
        for (uint32_t j = 0; j < jobs; j++) {   /* and the state is what the replay says */
            uint32_t n = sp_cluster_list_chips(cluster, list[j], held);
            for (uint32_t i = 0; i < n; i++) assert_int_equal(owner[held[i]], j);
        }
        assert_true(sp_cluster_consistent(cluster));
        moves += d.n;
        gained += d.blocks_after - before;
        sp_cluster_destroy(cluster);
    }
    print_message("%u moves freed %u blocks\n", moves, gained);
    assert_true(moves > 100 && gained > 50);
}

/* ---- in a run --------------------------------------------------------------------------------------------------------- */

#define HOUR INT64_C(3600000000)

/* 16 racks of 64: 32 jobs of half a rack, of which every other ends after an hour; then a job of 8 racks, for which 512 chips are free
 * and not one rack. */
static sp_jobs fragments(sp_job job[33])
{
    for (uint32_t i = 0; i < 32; i++) job[i] = (sp_job){.work_us = i % 2 == 0 ? HOUR : 100 * HOUR, .estimate_us = i % 2 == 0 ? HOUR : 100 * HOUR, .chips = 32, .id = i + 1};
    job[32] = (sp_job){.submit_us = 2 * HOUR, .work_us = 10 * HOUR, .estimate_us = 10 * HOUR, .chips = 512, .id = 33};
    return (sp_jobs){.job = job, .n = 33};
}

static sp_operation pods_alone(const sp_machine *machine, double ratio)
{
    sp_operation op = sp_operation_default(machine);
    op.policy = sp_place_policy_find("pod");
    op.rack_spares = false;
    op.horizon_s = 200 * 3600;
    op.defrag_ratio = ratio;
    return op;
}

static double total(const sp_history *h)
{
    double sum = 0;
    for (int i = 0; i < SP_LOSSES; i++) sum += h->share[i];
    return sum;
}

static void moves_let_the_large_job_start(void **state)
{
    const fixture *f = *state;
    const sp_machine *machine;
    sp_job job[33];
    sp_jobs jobs = fragments(job);
    sp_history waits, moves;
    int64_t wait_us[33];
    assert_int_equal(sp_catalog_machine(f->catalog, "atlas-950-superpod-1024", &machine, NULL), SP_OK);
    sp_operation op = pods_alone(machine, 0);
    assert_int_equal(sp_operate(&op, &jobs, 1, wait_us, &waits, NULL), SP_OK);
    assert_true(wait_us[32] == 98 * HOUR && waits.moved == 0);   /* until the long ones end */
    op.defrag_ratio = 1;
    assert_int_equal(sp_operate(&op, &jobs, 1, wait_us, &moves, NULL), SP_OK);
    assert_true(wait_us[32] == 0 && moves.moved == 8 && moves.jobs_done == 33);
    assert_true(total(&moves) == 1 && total(&waits) == 1);
    double whole = 1024 * op.horizon_s;   /* the moved jobs write a checkpoint, for which the large one waits, and restart */
    assert_float_equal(moves.share[SP_LOSS_RESTART] * whole, 8 * 32 * op.restart_s, 1);
    assert_float_equal(moves.share[SP_LOSS_CHECKPOINT] * whole, (8 * 32 + 512) * op.checkpoint_s, 1);
    assert_float_equal(waits.share[SP_LOSS_RESTART] + waits.share[SP_LOSS_CHECKPOINT], 0, 0);
    assert_float_equal((waits.share[SP_LOSS_IDLE_FRAGMENTED] - moves.share[SP_LOSS_IDLE_FRAGMENTED]) * whole, 512.0 * 98 * 3600, 1e-6 * whole);
    assert_true(moves.wait_pod_s == 0 && waits.wait_pod_s > 0);
}

/* Value over cost of the case above, by hand: 512 chips x 98 h less the checkpoint, over 8 jobs x 32 chips x (checkpoint + restart). */
static void only_what_is_worth_it_is_moved(void **state)
{
    const fixture *f = *state;
    const sp_machine *machine;
    sp_job job[33];
    sp_jobs jobs = fragments(job);
    sp_history off, under, over, slow;
    assert_int_equal(sp_catalog_machine(f->catalog, "atlas-950-superpod-1024", &machine, NULL), SP_OK);
    sp_operation op = pods_alone(machine, 0);
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &off, NULL), SP_OK);
    double ratio = 512 * (98 * 3600 - op.checkpoint_s) / (8 * 32 * (op.checkpoint_s + op.restart_s));
    op.defrag_ratio = 0.999 * ratio;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &under, NULL), SP_OK);
    op.defrag_ratio = 1.001 * ratio;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &over, NULL), SP_OK);
    assert_int_equal(under.moved, 8);
    assert_memory_equal(&over, &off, sizeof off);
    op.defrag_ratio = 1;   /* a restart that takes longer than the wait is worth */
    op.restart_s = 200 * 3600;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &slow, NULL), SP_OK);
    assert_memory_equal(&slow, &off, sizeof off);
}

/* Under failures, with segments, and where the policy wants another form after the moves: chip-time is conserved (a run fails if not), the
 * series sums to it, and a seed is bits. */
static void chip_time_is_conserved(void **state)
{
    const fixture *f = *state;
    static const struct { const char *policy; uint32_t segment; } set[] = {{"pod", 0}, {"aligned", 0}, {"mindcluster", 0}, {"segments", 128}};
    enum { SPANS = 7 };
    const sp_machine *machine;
    sp_failures failures;
    uint64_t moved = 0;
    assert_int_equal(sp_catalog_machine(f->catalog, "atlas-950-supercluster:2", &machine, NULL), SP_OK);
    assert_int_equal(sp_failures_load("catalog/failures/all-causes.yaml", f->arena, &failures, NULL), SP_OK);
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        sp_operation op = sp_operation_default(machine);
        double spent_s[SPANS][SP_LOSSES] = {{0}};
        sp_watch watch = {.n_spans = SPANS, .spent_s = spent_s};
        sp_jobs jobs;
        sp_history h, again;
        op.policy = sp_place_policy_find(set[i].policy);
        op.segment_chips = set[i].segment;
        op.failures = &failures;
        op.horizon_s = 0.02 * SP_YEAR_S;
        op.defrag_ratio = 1;
        op.watch = &watch;
        assert_int_equal(sp_jobs_generate(set[i].segment != 0 ? "pretrain:load=0.9,chips=4096" : "mix:load=0.9,jobs=1500,chips=4096", machine->chips, op.horizon_s, 3, &jobs, NULL), SP_OK);
        assert_int_equal(sp_operate(&op, &jobs, 2, NULL, &h, NULL), SP_OK);
        op.watch = NULL;
        assert_int_equal(sp_operate(&op, &jobs, 2, NULL, &again, NULL), SP_OK);
        assert_memory_equal(&h, &again, sizeof h);
        assert_true(total(&h) == 1);
        for (int loss = 0; loss < SP_LOSSES; loss++) {
            double sum = 0;
            for (int s = 0; s < SPANS; s++) sum += spent_s[s][loss];
            assert_float_equal(sum / ((double)(machine->chips + machine->chips / 64) * op.horizon_s), h.share[loss], 1e-6);
        }
        print_message("%s: %llu jobs moved\n", set[i].policy, (unsigned long long)h.moved);
        moved += h.moved;
        sp_jobs_free(&jobs);
    }
    assert_true(moved > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_move_is_legal_in_its_turn), cmocka_unit_test(moves_let_the_large_job_start),
                                       cmocka_unit_test(only_what_is_worth_it_is_moved), cmocka_unit_test(chip_time_is_conserved)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
