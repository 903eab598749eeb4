/* The recovery table: answers are the cheapest of their rungs, faults only slow a step, a shrunk plan's step is the prediction of that
 * plan, an answer leaves the state whole; checkpoints cost their bytes over the machine's rates. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

#define MACHINE "atlas-950-superpod"
#include "placed_fixture.h"

static sp_recovery *table_of(sp_recovery_query query)
{
    sp_recovery *table;
    sp_error err = {0};
    if (sp_recovery_create(&query, &table, &err) != SP_OK) fail_msg("%s", err.text);
    return table;
}

static void answers_are_the_cheapest(void **state)
{
    (void)state;
    sp_recovery_query query = sp_recovery_query_default(machine, model, &plan);
    query.replan = true;
    sp_recovery *table = table_of(query);
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++)
        for (int down = 0; down < 2; down++)
            for (int room = 0; room < SP_ROOMS; room++) {
                const sp_recovery_row *best = sp_recovery_look_up(table, (sp_fail_unit)unit, down, (sp_room)room);
                assert_true(best->feasible && best->step_time_s > 0 && best->chips > 0 && best->chips <= 1024);
                for (int rung = 0; rung < SP_RUNGS; rung++) {
                    const sp_recovery_row *row = sp_recovery_rung(table, (sp_fail_unit)unit, down, (sp_room)room, (sp_rung)rung);
                    if (!row->feasible) continue;
                    assert_true(row->cost_s >= best->cost_s && row->cost_s >= row->transition_s);
                    assert_true(row->speed <= 1.0001 || rung == SP_RUNG_REPLAN);   /* which may find a better plan than the one given */
                    if (row->rung != SP_RUNG_WAIT && down)   /* by hand */
                        assert_float_equal(row->cost_s, row->transition_s + (1 - fmin(1, row->speed)) * (query.repair_s - row->transition_s), 1e-6 * query.repair_s);
                }
            }
    /* The ladder as it is meant: a step for a link that comes back, processes for what is not out, the rack's spare for a chip, other chips
     * for a host or rack, fewer replicas or a new plan where nothing stands by. */
    assert_int_equal(sp_recovery_look_up(table, SP_FAIL_OPTICAL_LINK, false, SP_ROOM_NONE)->rung, SP_RUNG_STEP);
    assert_int_equal(sp_recovery_look_up(table, SP_FAIL_HOST, false, SP_ROOM_NONE)->rung, SP_RUNG_PROCESS);
    assert_int_equal(sp_recovery_look_up(table, SP_FAIL_CHIP, true, SP_ROOM_SPARE)->rung, SP_RUNG_SPARE);
    assert_int_equal(sp_recovery_look_up(table, SP_FAIL_RACK, true, SP_ROOM_POD)->rung, SP_RUNG_SWAP);
    sp_rung none = sp_recovery_look_up(table, SP_FAIL_HOST, true, SP_ROOM_NONE)->rung;
    assert_true(none == SP_RUNG_SHRINK || none == SP_RUNG_REPLAN);
    assert_true(sp_recovery_rung(table, SP_FAIL_HOST, true, SP_ROOM_NONE, SP_RUNG_REPLAN)->feasible);
    assert_false(sp_recovery_rung(table, SP_FAIL_HOST, true, SP_ROOM_NONE, SP_RUNG_SWAP)->feasible);
    sp_recovery_destroy(table);
}

/* The plan of fewer replicas, predicted on the machine of so many whole racks. */
static void shrinking_is_the_smaller_plan(void **state)
{
    (void)state;
    sp_recovery *table = table_of(sp_recovery_query_default(machine, model, &plan));
    const sp_recovery_row *row = sp_recovery_rung(table, SP_FAIL_RACK, true, SP_ROOM_NONE, SP_RUNG_SHRINK);
    sp_train_report report;
    const sp_machine *smaller;
    sp_error err = {0};
    assert_true(row->feasible && row->plan.dp == 120 && row->plan.gbs == 480 && row->chips == 960);
    if (sp_catalog_machine(catalog, "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:15@224GB/s,1.05us,planes=4 chip=ascend-950dt", &smaller, &err) != SP_OK) fail_msg("%s", err.text);
    if (sp_predict_train(smaller, model, &row->plan, false, arena, &report, NULL, &err) != SP_OK) fail_msg("%s", err.text);
    assert_float_equal(row->step_time_s, report.step_time_s, 2e-3 * report.step_time_s);
    assert_float_equal(row->speed, 120.0 / 128 * sp_recovery_step_time_s(table) / row->step_time_s, 1e-12);
    sp_recovery_destroy(table);
}

static void faults_only_slow(void **state)
{
    (void)state;
    sp_judge *judge;
    sp_cluster_shape shape;
    sp_error err = {0};
    double healthy_s, before_s, step_s;
    uint64_t hits, misses;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_judge_create(machine, model, &plan, &judge, NULL), SP_OK);
    sp_spread ideal = sp_cluster_ideal(&shape, 1024);
    assert_int_equal(sp_judge_step(judge, &ideal, NULL, &healthy_s, NULL), SP_OK);
    sp_faults faults = {.straggler = 1};
    assert_int_equal(sp_judge_step(judge, &ideal, &faults, &step_s, NULL), SP_OK);
    assert_true(step_s == healthy_s);
    sp_judge_counts(judge, &hits, &misses);
    assert_true(hits == 1 && misses == 1);
    before_s = healthy_s;
    for (uint8_t lost = 1; lost < 7; lost++) {   /* a chip of 8 in full mesh has 7 links */
        faults.links_lost[0] = lost;
        assert_int_equal(sp_judge_step(judge, &ideal, &faults, &step_s, NULL), SP_OK);
        assert_true(step_s >= before_s);
        before_s = step_s;
    }
    assert_true(before_s > healthy_s);
    faults.links_lost[0] = 7;
    assert_int_equal(sp_judge_step(judge, &ideal, &faults, &step_s, &err), SP_E_UNFIT);
    faults = (sp_faults){.straggler = 1.1};   /* MegaScale's slow hosts: 10 % */
    assert_int_equal(sp_judge_step(judge, &ideal, &faults, &step_s, NULL), SP_OK);
    assert_true(step_s > healthy_s && step_s < 1.1 * healthy_s * 1.0001);
    sp_judge_destroy(judge);
}

/* A busy machine: chips fail one after another under a job, which keeps as many as it had. */
static void answers_keep_the_state_whole(void **state)
{
    (void)state;
    sp_recovery *table = table_of(sp_recovery_query_default(machine, model, &plan));
    sp_cluster_shape shape;
    sp_cluster *cluster;
    sp_spread spread;
    uint32_t list, other, chips[1024], seen[SP_RUNGS] = {0};
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_cluster_create(&shape, &cluster, NULL), SP_OK);
    assert_true(sp_place_policies[0].place(cluster, &(sp_request){.chips = 1024}, 1, &list, &spread));
    assert_true(sp_place_policies[0].place(cluster, &(sp_request){.chips = 6000}, 2, &other, &spread));
    sp_rng rng = sp_rng_make(9, 9);
    for (int i = 0; i < 300; i++) {
        uint32_t n = sp_cluster_list_chips(cluster, list, chips), free_before = sp_cluster_free_chips(cluster);
        sp_fail_unit unit = (sp_fail_unit)sp_rng_below(&rng, 2);
        uint32_t chip = chips[sp_rng_below(&rng, n)], first = unit == SP_FAIL_HOST ? chip / 8 * 8 : chip;
        const sp_recovery_row *row = sp_recovery_answer(table, cluster, unit, first, 1, &list, &spread);
        assert_non_null(row);
        seen[row->rung]++;
        assert_true(sp_cluster_consistent(cluster));
        if (row->rung == SP_RUNG_SHRINK || row->rung == SP_RUNG_WAIT) {
            assert_true(free_before < 8);
            break;
        }
        assert_true(spread.chips == 1024 && sp_cluster_list_chips(cluster, list, chips) == 1024);
        if (row->rung == SP_RUNG_SPARE) assert_int_equal(sp_cluster_free_chips(cluster), free_before);
    }
    assert_true(seen[SP_RUNG_SPARE] > 5 && seen[SP_RUNG_SWAP] > 5);
    assert_null(sp_recovery_answer(table, cluster, SP_FAIL_CHIP, 0, 77, &other, &spread));   /* nobody of that number there */
    sp_cluster_destroy(cluster);
    sp_recovery_destroy(table);
}

/* 1 GB of a chip: 64 GB/s to its host; 4 ports x 56 GB/s less headers to another rack; Llama 3's 2 TB/s for 16,384 to storage. */
static void checkpoints_cost_bytes_over_rates(void **state)
{
    (void)state;
    sp_ckpt local, peer, storage, behind;
    double port = 4 * 56e9 * machine->chip->payload_fraction.nominal;
    assert_int_equal(sp_ckpt_cost(machine, SP_CKPT_LOCAL, false, 1e9, 0, &local, NULL), SP_OK);
    assert_int_equal(sp_ckpt_cost(machine, SP_CKPT_PEER, false, 1e9, 0, &peer, NULL), SP_OK);
    assert_int_equal(sp_ckpt_cost(machine, SP_CKPT_STORAGE, false, 1e9, 0, &storage, NULL), SP_OK);
    assert_int_equal(sp_ckpt_cost(machine, SP_CKPT_STORAGE, true, 1e9, 0, &behind, NULL), SP_OK);
    assert_float_equal(local.block_s, 1 / 64.0, 1e-12);
    assert_float_equal(peer.block_s, 1e9 / port, 1e-12);
    assert_float_equal(storage.block_s, 1e9 * 16384 / 2e12, 1e-9);
    assert_true(behind.block_s == local.block_s && behind.drain_s == storage.block_s && sp_ckpt_stall_s(&behind) < storage.block_s);
    assert_true(local.storage_s == storage.block_s && peer.storage_s == storage.block_s && storage.storage_s == 0);   /* for what takes the memory with it */
    /* By hand: a fifth of the step goes over the links, of which storage's 122 MB/s are a part, as they are of the memory's rate; a copy to a peer has a link for itself. */
    double to_storage = 2e12 / 16384, memory = machine->chip->mem_bw_bytes_per_s.nominal, out = machine->chip->scaleout_bw_bytes_per_s.nominal;
    assert_float_equal(sp_ckpt_stall_s(&behind) - behind.block_s, (0.2 * to_storage / out + to_storage / memory) * behind.drain_s, 1e-9);
    assert_float_equal(local.storage_share, behind.drain_share, 1e-15);
    assert_float_equal(peer.drain_share, 0.2 + port / memory, 1e-9);
    assert_true(sp_ckpt_interval_s(&storage, 3600) == sp_cluster_interval(3600, storage.block_s));
    assert_true(sp_ckpt_interval_s(&behind, 1) >= behind.drain_s);   /* a copy on its way is no checkpoint */
    sp_judge *judge;
    sp_cluster_shape shape;
    double bytes;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_judge_create(machine, model, &plan, &judge, NULL), SP_OK);
    sp_spread ideal = sp_cluster_ideal(&shape, 1024);
    assert_int_equal(sp_judge_state_bytes(judge, &ideal, &bytes, NULL), SP_OK);
    assert_float_equal(bytes, 12 * 70.6e9 / 1024, 0.02 * 12 * 70.6e9 / 1024);   /* master weights and two moments, over all chips */
    sp_judge_destroy(judge);
    sp_error err = {0};
    assert_int_equal(sp_ckpt_cost(machine, SP_CKPT_PEER, false, NAN, 0, &peer, &err), SP_E_INVAL);
    sp_recovery_query query = sp_recovery_query_default(machine, model, &plan);
    sp_recovery *table;
    query.repair_s = -1;
    assert_int_equal(sp_recovery_create(&query, &table, &err), SP_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_the_cheapest), cmocka_unit_test(shrinking_is_the_smaller_plan), cmocka_unit_test(faults_only_slow),
                                       cmocka_unit_test(answers_keep_the_state_whole), cmocka_unit_test(checkpoints_cost_bytes_over_rates)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
