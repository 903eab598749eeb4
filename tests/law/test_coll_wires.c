/* Collectives of validation: what libraries add by lines, what wires carry by flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "superpod/study.h"

#include "catalog_fixture.h"

static const sp_program *build(fixture *f, const sp_machine *machine, const sp_placement *place, const char *algo, sp_coll_op op)
{
    const sp_program *program = NULL;
    sp_group group;
    sp_error err;
    if (sp_coll_group(machine, place, &group, &err) != SP_OK || sp_coll_algo_find(algo)->build(op, &group, f->arena, &program, &err) != SP_OK)
        fail_msg("%s: %s", algo, err.text);
    return program;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

/* Two trees over two nodes: reduce half of the data, then broadcast it. Each direction of a link carries S in all; the lines charge S for
 * both classes at once and half as much again for the depth of the tree, which was in it already. So lines are up to 1.5 x too slow, and
 * flows are right: the wire can be no faster than S. */
static bool is_tree(const sp_study_leg_time *time)
{
    return strstr(time->lines.algo->name, "tree") != NULL && !time->lines.comm.together;
}

static void test_rows(void **state)
{
    fixture *f = *state;
    static const char *const files[] = {"validation/collectives.csv"};
    sp_study study;
    sp_error err;
    unsigned legs = 0, trees = 0, by_flow = 0, worse = 0, better = 0, n = 0;
    double sum_flow = 0, sum_line = 0;
    if (sp_study_validate(f->catalog, files, 1, f->arena, &study, &err) != SP_OK)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < study.n_rows; i++) {
        const sp_study_row *row = &study.rows[i];
        double flow_s = 0, line_s = 0;
        if (!row->coll || row->status == SP_STUDY_UNEXPRESSED)
            continue;
        for (uint32_t k = 0; k < row->coll->n_legs; k++) {
            const sp_study_leg_time *time = &row->coll->leg_time[k];
            double ratio = time->flow_wire_s / time->line_wire_s;
            legs++;
            trees += is_tree(time);
            by_flow += time->flows;
            flow_s = fmax(flow_s, time->time_s);
            line_s = fmax(line_s, time->lines.comm.time_s);
            if (is_tree(time) ? ratio < 1 / 1.5 - 1e-6 || ratio > 1 + 1e-6 : fabs(ratio - 1) > 7e-3)
                fail_msg("%s: wires take %g s by flows and %g s by lines", row->id, time->flow_wire_s, time->line_wire_s);
        }
        double error_line = fabs(line_s / row->coll->measured_s - 1), error_flow = fabs(flow_s / row->coll->measured_s - 1);
        assert_true(fabs(flow_s / row->coll->measured_s - 1 - row->slow) < 1e-9);
        bool tree = row->coll->n_legs == 1 && is_tree(&row->coll->leg_time[0]);
        if (error_flow > error_line + 5e-3 && !tree)
            fail_msg("%s is off by %.4f, and by %.4f by lines alone", row->id, error_flow, error_line);
        worse += tree && error_flow > error_line;
        better += tree && error_flow < error_line;
        sum_flow += row->status == SP_STUDY_EXPRESSED ? error_flow : 0;
        sum_line += row->status == SP_STUDY_EXPRESSED ? error_line : 0;
        n += row->status == SP_STUDY_EXPRESSED;
    }
    print_message("%u collectives, all %u by flows; %u of trees, %u of which lines take farther from the measurement and %u nearer; mean error %.4f, by "
                  "lines alone %.4f\n", legs, by_flow, trees, better, worse, sum_flow / n, sum_line / n);
    assert_int_equal(by_flow, legs);
    assert_true(legs > 200 && trees > 20);
    assert_true(sum_flow / n < sum_line / n + 5e-3);
}

/* What constants are fitted with is what rows are told by: at the catalog's values, which are the fit's, both have one error. */
static void test_fitted_with_the_same_price(void **state)
{
    fixture *f = *state;
    static const char *const files[] = {"validation/collectives.csv"};
    sp_study study;
    sp_study_calibration fit;
    sp_error err;
    double sum = 0;
    uint32_t n = 0;
    if (sp_study_validate(f->catalog, files, 1, f->arena, &study, &err) != SP_OK || sp_study_calibrate(f->catalog, files, 1, "collectives", SP_STUDY_LEAVE_GROUP, f->arena, &fit, &err) != SP_OK)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < study.n_rows; i++)
        if (study.rows[i].coll && study.rows[i].status == SP_STUDY_EXPRESSED) {
            sum += fmin(0.5, fabs(log1p(study.rows[i].slow)));
            n++;
        }
    print_message("mean |ln| of %u rows: %.6f where constants are fitted, %.6f where rows are told\n", n, fit.fit[0].error_fitted, sum / n);
    assert_int_equal(fit.fit[0].rows, n);
    assert_true(fabs(fit.fit[0].error_fitted - sum / n) < 1e-4);
    for (uint32_t k = 0; k < fit.n_constants; k++) {
        assert_true(fit.constants[k].rows >= 15);
        assert_true(fit.constants[k].error_left_out <= 1.5 * fit.constants[k].error_fitted);
    }
}

#define COLUMNS "id,split,group,source,source_ref,source_date,hardware,hw_class,op,ranks,nodes,ranks_per_scaleup,size_bytes,dtype,time_us,algbw_gbs," \
                "busbw_gbs,time_us_inplace,busbw_gbs_inplace,fabric,library,evidence,note\n"

static const sp_study_row *predict(fixture *f, const char *op, const char *hw_class, unsigned ranks)
{
    char path[] = "/tmp/superpod-names-XXXXXX", text[600];
    const char *paths[] = {path};
    int fd = mkstemp(path), length = snprintf(text, sizeof text, COLUMNS "A,open,g,s,r,d,%s,%s,%s,%u,1,8,1048576,float,,,100,,,,NCCL,verbatim,\n", hw_class, hw_class,
                                              op, ranks);
    sp_study study;
    sp_error err;
    assert_true(fd >= 0 && write(fd, text, (size_t)length) == length);
    close(fd);
    sp_status status = sp_study_validate(f->catalog, paths, 1, f->arena, &study, &err);
    unlink(path);
    if (status != SP_OK)
        fail_msg("%s", err.text);
    return &study.rows[0];
}

static void test_names(void **state)
{
    fixture *f = *state;
    static const char *const same[][2] = {{"all_reduce_perf", "all-reduce"}, {"allreduce", "all-reduce"}, {"all_gather", "all-gather"}, {"reduce_scatter_perf", "reduce-scatter"},
                                          {"alltoall", "all-to-all"}, {"alltoall_perf", "all_to_all"}, {"sendrecv_perf", "send-recv"}, {"reduce_perf", "broadcast"},
                                          {"AllReduce", "all_reduce"}, {"ReduceScatter", "reduce-scatter"}, {"all_to_all_single", "alltoall"},
                                          {"all_gather_into_tensor", "all-gather"}, {"AllToAllV", "all-to-all"}, {"bcast", "broadcast"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const sp_study_row *a = predict(f, same[i][0], "H100", 8), *b = predict(f, same[i][1], "H100", 8);
        assert_int_equal(a->status, SP_STUDY_EXPRESSED);
        assert_true(a->predicted > 0 && a->predicted == b->predicted);
    }
    assert_non_null(strstr(predict(f, "reduce", "H100", 8)->reason, "broadcast"));
    const sp_study_row *pair = predict(f, "all_reduce", "A100-PCIe", 2);   /* a pair under its bridge, and no more */
    assert_int_equal(pair->status, SP_STUDY_EXPRESSED);
    assert_non_null(strstr(pair->machine, "mesh:2@300GB/s"));
    assert_non_null(strstr(predict(f, "all_reduce", "A100-PCIe", 8)->reason, "pairs"));
    assert_int_equal(predict(f, "hypercube_perf", "H100", 8)->status, SP_STUDY_UNEXPRESSED);
    assert_int_equal(predict(f, "_perf", "H100", 8)->status, SP_STUDY_UNEXPRESSED);
    const sp_study_row *copy = predict(f, "h2d_bandwidth", "H100", 1);
    assert_int_equal(copy->status, SP_STUDY_EXPRESSED);
    assert_true(copy->predicted > 50 && copy->predicted < 64);
}

/* ---- wires by hand ----------------------------------------------------------------------------------------------------------- */

static double wires(const sp_program *program, const sp_machine *machine, const sp_placement *place, const sp_stack *stack, const char *protocol,
                    bool together, double size_bytes)
{
    double wire_s = -1;
    sp_error err;
    if (sp_fabric_flow_wires(program, machine, place, stack, protocol, together, false, sp_coll_unit_bytes(program, size_bytes), &wire_s, &err) != SP_OK)
        fail_msg("%s: %s", program->name, err.text);
    return wire_s;
}

static sp_stack plain(bool in_switch, bool rails)
{
    sp_stack stack = {.name = "plain", .n_protocols = 1, .rails = rails};
    stack.up.fraction.nominal = stack.nic.fraction.nominal = 1;
    stack.protocol[0] = (sp_protocol){.name = "p", .in_switch = in_switch};
    stack.protocol[0].fraction.nominal = stack.protocol[0].nic_fraction.nominal = 1;
    stack.protocol[0].step_s.nominal = 1;   /* not a matter of wires */
    return stack;
}

/* In a switch of n ports each port takes S and S / n up to reduce and to multicast, and as much down. */
static void test_in_switch(void **state)
{
    fixture *f = *state;
    const sp_machine *m = machine(f, "switch:8@100GB/s,1us chip=h100");
    sp_placement place = sp_placement_linear(0, 8);
    const sp_program *program = build(f, m, &place, "direct", SP_COLL_ALL_REDUCE);
    double rate = m->planes[0].tiers[0].bw_bytes_per_s.nominal * sp_tier_payload(m, &m->planes[0].tiers[0]), size = 1e9;
    sp_stack at_switch = plain(true, false), at_ends = plain(false, false);
    double both = wires(program, m, &place, &at_switch, "p", true, size), turn = wires(program, m, &place, &at_switch, "p", false, size);
    assert_true(fabs(both / (size * 9 / 8 / rate) - 1) < 1e-6);
    assert_true(fabs(turn / (size * 2 / rate) - 1) < 1e-6);   /* the direction that is full, phase after phase */
    assert_true(fabs(wires(program, m, &place, &at_ends, "p", true, size) / (size * 2 * 7 / 8 / rate) - 1) < 1e-6);
    sp_flow_options options = {.in_switch = true};
    sp_flow_time lifted, listed;
    sp_error err;
    double unit = sp_coll_unit_bytes(program, size);
    assert_int_equal(sp_fabric_flow(program, m, &place, &at_ends, unit, &options, &lifted, &err), SP_OK);
    options.explicit_only = true;
    assert_int_equal(sp_fabric_flow(program, m, &place, &at_ends, unit, &options, &listed, &err), SP_OK);
    assert_true(lifted.lifted && !listed.lifted && lifted.end_ps == listed.end_ps && lifted.end_sum_ps == listed.end_sum_ps);
    double seconds;
    assert_int_equal(sp_fabric_flow_wires(program, m, &place, &at_ends, "q", false, false, unit, &seconds, &err), SP_E_NOTFOUND);
}

/* Nodes of four with a NIC each rank: one ring leaves by one NIC; its four rotations by all, so a node's NICs carry 2 (n - 1) / n of S together. */
static void test_rails(void **state)
{
    fixture *f = *state;
    const sp_machine *m = machine(f, "switch:4@450GB/s,1us rail:4@50GB/s,2us,nic chip=h100");
    sp_placement place = sp_placement_linear(0, 16);
    const sp_program *program = build(f, m, &place, "ring", SP_COLL_ALL_REDUCE);
    const sp_tier *nic = &m->planes[0].tiers[1];
    double rate = nic->bw_bytes_per_s.nominal * sp_tier_payload(m, nic), size = 1e9, asked = size * 2 * 15 / 16 / rate;
    sp_stack one = plain(false, false), all = plain(false, true);
    assert_true(fabs(wires(program, m, &place, &one, "p", false, size) / asked - 1) < 1e-6);
    assert_true(fabs(wires(program, m, &place, &all, "p", false, size) / (asked / 4) - 1) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fitted_with_the_same_price, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_switch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rails, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
