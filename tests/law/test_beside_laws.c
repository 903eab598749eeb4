/* Axes that meet on links: shares against flows run here, explicitly, and what must hold of any share. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/predict.h"

#define GIB 0x1p30

#include "open_catalog.h"

typedef struct axis { sp_coll_op op; sp_placement place; } axis;

static axis make_axis(sp_coll_op op, uint32_t n, const uint32_t (*dims)[2])
{
    axis a = {.op = op};
    a.place.n_dims = n;
    for (uint32_t d = 0; d < n; d++) {
        a.place.dim[d].size = dims[d][0];
        a.place.dim[d].stride = dims[d][1];
    }
    return a;
}
#define AXIS(op, n, ...) make_axis(op, n, (const uint32_t[][2]){__VA_ARGS__})

static double share(const char *machine, axis a, axis b)
{
    static sp_model model;   /* none of it is asked */
    const sp_machine *m;
    sp_pricer *pricer = NULL;
    sp_error err = {0};
    double first = NAN, again = NAN;
    if (sp_catalog_machine(catalog, machine, &m, &err) != SP_OK || sp_pricer_create(m, &model, &pricer, &err) != SP_OK ||
        sp_pricer_beside(pricer, sp_machine_stack(m, "ideal"), a.op, &a.place, b.op, &b.place, &first, &err) != SP_OK)
        fail_msg("%s: %s", machine, err.text);
    assert_int_equal(sp_pricer_beside(pricer, sp_machine_stack(m, "ideal"), a.op, &a.place, b.op, &b.place, &again, &err), SP_OK);
    assert_true(first == again && first >= 0 && first <= 1);
    sp_pricer_destroy(pricer);
    return first;
}

/* End of all groups of one or two shapes, group by group and transfer by transfer. */
static double explicit_s(const sp_machine *m, const axis *axes, const double *size_bytes)
{
    sp_arena *arena = sp_arena_create();
    sp_flow_job job[256];
    sp_placement place[256];
    sp_flow_options options = {.explicit_only = true};
    sp_flow_time time;
    uint32_t n = 0;
    for (int i = 0; i < 2; i++) {
        sp_coll_time best;
        sp_group group;
        const sp_program *program;
        if (size_bytes[i] <= 0)
            continue;
        assert_int_equal(sp_coll_best(axes[i].op, m, &axes[i].place, sp_machine_stack(m, "ideal"), GIB, true, NULL, &best, NULL), SP_OK);
        assert_int_equal(sp_coll_group(m, &axes[i].place, &group, NULL), SP_OK);
        assert_int_equal(best.algo->build(axes[i].op, &group, arena, &program, NULL), SP_OK);
        for (uint32_t chip = 0; chip < m->chips; chip++) {
            bool begins = true;
            for (uint32_t d = 0; d < axes[i].place.n_dims; d++)
                begins = begins && chip / axes[i].place.dim[d].stride % axes[i].place.dim[d].size == 0;
            if (!begins)
                continue;
            place[n] = axes[i].place;
            place[n].base = chip;
            job[n] = (sp_flow_job){program, &place[n], sp_coll_unit_bytes(program, size_bytes[i])};
            n++;
        }
    }
    assert_int_equal(sp_fabric_flow_jobs(job, n, m, sp_machine_stack(m, "ideal"), &options, NULL, &time, NULL), SP_OK);
    sp_arena_destroy(arena);
    return time.time_s;
}

static double explicit_share(const char *machine, axis a, axis b)
{
    const sp_machine *m;
    const axis both[2] = {a, b};
    double alone[2], sizes[2] = {GIB, GIB};
    assert_int_equal(sp_catalog_machine(catalog, machine, &m, NULL), SP_OK);
    for (int i = 0; i < 2; i++)
        alone[i] = explicit_s(m, both, (double[2]){i ? 0 : GIB, i ? GIB : 0});
    int slower = alone[1] > alone[0];
    sizes[!slower] *= alone[slower] / alone[!slower];
    return fmin(1, fmax(0, explicit_s(m, both, sizes) / alone[slower] - 1));
}

#define MESH_TREE "mesh:4@50GB/s,200ns clos:4@80GB/s,1us chip=ascend-950dt"
#define NODES "switch:4@400GB/s,1us rail:4@50GB/s,3us,nic chip=h100"
#define TORUS "torus:4x4@90GB/s,300ns chip=tpu-v5p"

static void axes_of_tiers_of_their_own_do_not_meet(void **state)
{
    (void)state;
    assert_true(share(MESH_TREE, AXIS(SP_COLL_ALL_REDUCE, 1, {4, 1}), AXIS(SP_COLL_REDUCE_SCATTER, 1, {4, 4})) == 0);
    assert_true(share(NODES, AXIS(SP_COLL_ALL_GATHER, 1, {4, 1}), AXIS(SP_COLL_REDUCE_SCATTER, 1, {4, 4})) == 0);
    assert_true(share(TORUS, AXIS(SP_COLL_ALL_GATHER, 1, {4, 1}), AXIS(SP_COLL_REDUCE_SCATTER, 1, {4, 4})) < 1e-3);   /* rings of two dims */
}

static void an_axis_beside_itself_takes_turns(void **state)
{
    (void)state;
    axis tree = AXIS(SP_COLL_REDUCE_SCATTER, 1, {4, 4}), mesh = AXIS(SP_COLL_ALL_GATHER, 1, {4, 1});
    assert_true(share(MESH_TREE, tree, tree) > 0.98);
    assert_true(share(MESH_TREE, mesh, mesh) > 0.98);
    assert_true(share(NODES, tree, tree) > 0.98);
    assert_true(share(TORUS, mesh, mesh) > 0.98);
}

static void shares_are_those_of_flows_run_one_by_one(void **state)
{
    (void)state;
    const struct { const char *machine; axis a, b; } rows[] = {
        {MESH_TREE, AXIS(SP_COLL_ALL_TO_ALL, 2, {4, 1}, {4, 4}), AXIS(SP_COLL_REDUCE_SCATTER, 1, {4, 4})},
        {MESH_TREE, AXIS(SP_COLL_ALL_TO_ALL, 2, {4, 1}, {4, 4}), AXIS(SP_COLL_ALL_REDUCE, 1, {2, 1})},
        {MESH_TREE, AXIS(SP_COLL_ALL_TO_ALL, 2, {4, 1}, {2, 4}), AXIS(SP_COLL_ALL_GATHER, 1, {2, 8})},
        {NODES, AXIS(SP_COLL_ALL_TO_ALL, 2, {4, 1}, {4, 4}), AXIS(SP_COLL_REDUCE_SCATTER, 1, {4, 4})},
        {NODES, AXIS(SP_COLL_SEND_RECV, 1, {2, 8}), AXIS(SP_COLL_ALL_TO_ALL, 2, {4, 1}, {2, 4})},
        {NODES, AXIS(SP_COLL_ALL_TO_ALL, 2, {4, 1}, {4, 4}), AXIS(SP_COLL_ALL_GATHER, 1, {4, 1})},
        {TORUS, AXIS(SP_COLL_ALL_GATHER, 2, {4, 1}, {4, 4}), AXIS(SP_COLL_ALL_REDUCE, 1, {4, 4})},
        {TORUS, AXIS(SP_COLL_SEND_RECV, 1, {2, 4}), AXIS(SP_COLL_ALL_GATHER, 1, {4, 4})},
    };
    uint32_t between = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double got = share(rows[i].machine, rows[i].a, rows[i].b), want = explicit_share(rows[i].machine, rows[i].a, rows[i].b);
        double back = share(rows[i].machine, rows[i].b, rows[i].a);
        print_message("%zu: %.4f, one by one %.4f\n", i, got, want);
        assert_true(fabs(got - want) < 1e-9);
        assert_true(fabs(back - got) < 1e-9);
        between += got > 0.01 && got < 0.99;
    }
    assert_true(between >= 2);   /* not only all or nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_of_tiers_of_their_own_do_not_meet),
        cmocka_unit_test(an_axis_beside_itself_takes_turns),
        cmocka_unit_test(shares_are_those_of_flows_run_one_by_one),
    };
    return cmocka_run_group_tests_name("beside", tests, set_up, tear_down);
}
