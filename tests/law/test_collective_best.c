/* Prices of collectives on machines: above their bounds, the best row is the minimum, closed forms where there are any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "superpod/collective.h"

static const char *const machines[] = {
    "mesh:8@50GB/s,200ns chip=ascend-950dt",
    "mesh:8@50GB/s,200ns mesh:8@50GB/s,300ns clos:16@200GB/s,1us,taper=2 chip=ascend-950dt",
    "torus:4x4x4@50GB/s,1us chip=tpu-v4",
    "torus:8x3@50GB/s,1us chip=tpu-v4",
    "switch:8@450GB/s,500ns chip=h100",
    "dgx-h100:16",
    "cloudmatrix-384",
};
#define N_MACHINES (sizeof machines / sizeof machines[0])
static const double sizes[] = {8, 1e5, 1e9};

static const sp_machine *machine_of(sp_catalog *catalog, const char *text)
{
    const sp_machine *machine = NULL;
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &machine, &err) != SP_OK)
        fail_msg("%s: %s", text, err.text);
    return machine;
}

static sp_catalog *open_catalog(void)
{
    sp_catalog *catalog = NULL;
    assert_int_equal(sp_catalog_open("catalog", &catalog, NULL), SP_OK);
    return catalog;
}

/* Placements: the whole machine, every second chip, the first four. */
static uint32_t placements_of(const sp_machine *machine, sp_placement out[3])
{
    out[0] = sp_placement_linear(0, machine->chips);
    out[1] = sp_placement_linear(0, machine->chips / 2);
    out[1].dim[0].stride = 2;
    out[2] = sp_placement_linear(0, 4);
    return machine->planes[0].tiers[0].dims[0] % 2 ? 1 : 3;
}

typedef struct counts { uint32_t priced, refused; } counts;

static void check_row(const sp_coll_algo *algo, sp_coll_op op, const sp_machine *machine, const sp_placement *placement,
                      const sp_group *group, double size, bool replicated, const sp_coll_time *best, double *least,
                      counts *n)
{
    const char *why;
    const sp_program *program;
    sp_coll_time time;
    double floor_s;
    sp_error err = {0};
    const sp_stack *stack = sp_machine_stack(machine, "ideal");
    sp_status status = sp_coll_best(op, machine, placement, stack, size, replicated, algo->name, &time, &err);
    if (!algo->applicable(op, group, &why)) {
        assert_int_equal(status, SP_E_INVAL);
        return;
    }
    n->priced += status == SP_OK;
    n->refused += status != SP_OK;
    if (status != SP_OK)   /* digits that do not divide the tiers: said so, and passed over by the best */
        return;
    sp_arena *arena = sp_arena_create();
    assert_int_equal(algo->build(op, group, arena, &program, NULL), SP_OK);
    assert_int_equal(sp_coll_floor_s(program, machine, placement, stack, size, replicated, &floor_s, NULL), SP_OK);
    sp_arena_destroy(arena);
    if (time.comm.time_s < time.lower_bound_s * (1 - 1e-9) || time.comm.time_s < floor_s * (1 - 1e-9))
        fail_msg("%s %s of %g B on %s, %u ranks: %g s, bound %g s, floor %g s", algo->name, sp_coll_op_name(op), size, machine->name,
                 sp_group_ranks(group), time.comm.time_s, time.lower_bound_s, floor_s);
    assert_true(best->comm.time_s <= time.comm.time_s);
    assert_true(best->lower_bound_s == time.lower_bound_s);
    *least = fmin(*least, time.comm.time_s);
}

static void test_bounds_and_minimum(void **state)
{
    (void)state;
    sp_catalog *catalog = open_catalog();
    counts rows = {0, 0};
    for (size_t m = 0; m < N_MACHINES; m++) {
        const sp_machine *machine = machine_of(catalog, machines[m]);
        sp_placement placements[3];
        uint32_t n = placements_of(machine, placements);
        for (uint32_t p = 0; p < 2 * n; p++)
            for (int op = 0; op < SP_COLL_OPS; op++)
                for (size_t s = 0; s < 3; s++) {
                    sp_group group;
                    sp_coll_time best;
                    double least = INFINITY;
                    const sp_placement *placement = &placements[p / 2];
                    assert_int_equal(sp_coll_group(machine, placement, &group, NULL), SP_OK);
                    assert_int_equal(sp_group_ranks(&group), sp_placement_ranks(placement));
                    assert_int_equal(sp_coll_best((sp_coll_op)op, machine, placement, sp_machine_stack(machine, "ideal"), sizes[s], p % 2, NULL,
                                                  &best, NULL), SP_OK);
                    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
                        check_row(&sp_coll_algos[a], (sp_coll_op)op, machine, placement, &group, sizes[s], p % 2, &best, &least, &rows);
                    assert_true(best.comm.time_s == least);
                }
    }
    assert_true(rows.priced > 2000 && rows.refused < rows.priced / 20);
    sp_catalog_close(catalog);
}

static double price(const sp_machine *machine, sp_coll_op op, const char *algo, double size)
{
    sp_coll_time time;
    sp_error err = {0};
    sp_placement all = sp_placement_linear(0, machine->chips);
    if (sp_coll_best(op, machine, &all, sp_machine_stack(machine, "ideal"), size, false, algo, &time, &err) != SP_OK)
        fail_msg("%s", err.text);
    return time.comm.time_s;
}

#define NEAR(a, b) assert_true(fabs((a) / (b) - 1) < 1e-9)

static void test_closed_forms(void **state)
{
    (void)state;
    sp_catalog *catalog = open_catalog();
    const double S = 1e9;
    const sp_machine *mesh = machine_of(catalog, machines[0]);
    double rate = 50e9 * sp_machine_payload(mesh);
    NEAR(price(mesh, SP_COLL_ALL_REDUCE, "direct", S), 2 * (S / 8 / rate + 200e-9));
    NEAR(price(mesh, SP_COLL_ALL_REDUCE, "ring", S), 14 * (S / 8 / rate + 200e-9));
    NEAR(price(mesh, SP_COLL_ALL_GATHER, "bi-ring", S), 7 * (S / 16 / rate + 200e-9));
    NEAR(price(mesh, SP_COLL_ALL_TO_ALL, "direct", S), S / 8 / rate + 200e-9);
    NEAR(price(mesh, SP_COLL_REDUCE_SCATTER, "halving-doubling", S), 7 * S / 8 / rate + 3 * 200e-9);
    NEAR(price(mesh, SP_COLL_BROADCAST, "ring", S), (64 + 6) * (S / 64 / rate + 200e-9));   /* 64 pieces, 7 hops */
    const sp_machine *torus = machine_of(catalog, machines[2]);
    rate = 50e9 * sp_machine_payload(torus);
    /* six parts of S/6 over the three dims: 3/4, 3/16, 3/64 of a part, each by its own links */
    NEAR(price(torus, SP_COLL_ALL_GATHER, "rotated-ring", S), S / 6 * (63.0 / 64) / rate + 9 * 1e-6);
    sp_catalog_close(catalog);
}

/* Twice the bytes take at most twice the time, and never less. */
static void test_sizes(void **state)
{
    (void)state;
    sp_catalog *catalog = open_catalog();
    const sp_machine *machine = machine_of(catalog, machines[1]);
    for (int op = 0; op < SP_COLL_OPS; op++)
        for (double size = 1; size < 1e10; size *= 10) {
            double one = price(machine, (sp_coll_op)op, NULL, size), two = price(machine, (sp_coll_op)op, NULL, 2 * size);
            assert_true(one <= two && two <= 2 * one);
        }
    sp_catalog_close(catalog);
}

static void test_groups_and_errors(void **state)
{
    (void)state;
    sp_catalog *catalog = open_catalog();
    const sp_machine *machine = machine_of(catalog, machines[1]);
    sp_placement all = sp_placement_linear(0, 1024), part = {.n_dims = 2};
    sp_group group;
    sp_coll_time time;
    sp_error err = {0};
    const sp_stack *stack = sp_machine_stack(machine, "ideal");
    assert_int_equal(sp_coll_group(machine, &all, &group, NULL), SP_OK);
    assert_true(group.n_dims == 3 && group.dim[0] == 8 && group.dim[1] == 8 && group.dim[2] == 16);
    part.dim[0].size = 16, part.dim[0].stride = 4;    /* 2 of a board, 8 boards */
    part.dim[1].size = 1, part.dim[1].stride = 1;
    assert_int_equal(sp_coll_group(machine, &part, &group, NULL), SP_OK);
    assert_true(group.n_dims == 2 && group.dim[0] == 2 && group.dim[1] == 8);
    assert_int_equal(sp_coll_best(SP_COLL_ALL_REDUCE, machine, &all, stack, 1e6, false, "magic", &time, &err), SP_E_NOTFOUND);
    assert_non_null(strstr(err.text, "hierarchical-tree"));
    assert_int_equal(sp_coll_best(SP_COLL_ALL_TO_ALL, machine, &all, stack, 1e6, false, "ring", &time, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "direct"));
    all.dim[0].size = 2048;
    assert_int_equal(sp_coll_best(SP_COLL_ALL_REDUCE, machine, &all, stack, 1e6, false, NULL, &time, &err), SP_E_INVAL);
    all.dim[0].size = 1;
    assert_int_equal(sp_coll_best(SP_COLL_ALL_REDUCE, machine, &all, stack, 1e6, false, NULL, &time, &err), SP_OK);
    assert_true(time.comm.time_s == 0 && time.lower_bound_s == 0);
    sp_catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_and_minimum), cmocka_unit_test(test_closed_forms), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_groups_and_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
