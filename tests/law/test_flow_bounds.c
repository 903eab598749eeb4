/* No flow time of any algorithm is below the bound of all algorithms; how far analytic times are above flow times is printed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/collective.h"

#include "open_catalog.h"

static void evaluate(const sp_program *program, const sp_machine *m, const sp_placement *place, const sp_stack *stack, double unit_bytes,
                     sp_flow_time *out)
{
    sp_flow_options options = {0};
    sp_error err = {0};
    sp_status status = sp_fabric_flow(program, m, place, stack, unit_bytes, &options, out, &err);
    if (status != SP_OK)
        fail_msg("%s: %s", program->name, err.text);
}

static const char *const machines[] = {
    "mesh:4@56GB/s,200ns mesh:3@56GB/s,200ns clos:2@224GB/s,1us chip=ascend-950dt",
    "mesh:4@56GB/s,200ns clos:4@224GB/s,1us,taper=2 chip=ascend-950dt",
    "mesh:4x4@56GB/s,200ns chip=ascend-950dt",
    "switch:24@50GB/s,1us chip=h100",
    "switch:4@450GB/s,1us clos:4@50GB/s,4us,nic,taper=2 chip=h100",
    "switch:4@450GB/s,1us rail:4@50GB/s,4us,nic,taper=2 chip=h100",
    "torus:4x2x4@50GB/s,300ns chip=tpu-v5p",
    "torus:8@50GB/s,300ns chip=tpu-v5p",
    "mesh:3@30GB/s,1us switch:5@100GB/s,2us chip=h100",
    "clos:24@50GB/s,1us,radix=8 chip=h100",
};

/* Of one machine, at one size: every algorithm of every operation without software. The most that the analytic time is above
 * the flow time, among rows without pipelines over ranks. */
static double hold_bounds(const sp_machine *m, const char *text, double size_bytes, uint32_t *n)
{
    static const char *const even[] = {"direct", "hierarchical", "halving-doubling", "bi-ring", "bruck"};
    double most = 0;
    sp_placement all = sp_placement_linear(0, m->chips);
    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
        for (int op = 0; op < SP_COLL_OPS; op++) {
            const sp_coll_algo *algo = &sp_coll_algos[a];
            const sp_stack *ideal = sp_machine_stack(m, "ideal");
            sp_coll_time price;
            sp_flow_time flow;
            sp_group group;
            const char *why;
            const sp_program *program;
            sp_arena *arena = sp_arena_create();
            if (sp_coll_group(m, &all, &group, NULL) == SP_OK && algo->applicable((sp_coll_op)op, &group, &why) &&
                sp_coll_best((sp_coll_op)op, m, &all, ideal, size_bytes, false, algo->name, &price, NULL) == SP_OK &&
                algo->build((sp_coll_op)op, &group, arena, &program, NULL) == SP_OK) {
                evaluate(program, m, &all, ideal, sp_coll_unit_bytes(program, size_bytes), &flow);
                if (flow.time_s < price.lower_bound_s * (1 - 1e-8))
                    fail_msg("%s: %s by %s takes %.12g s by flows, below the bound of %.12g s", text, sp_coll_op_name((sp_coll_op)op), algo->name,
                             flow.time_s, price.lower_bound_s);
                for (size_t e = 0; e < sizeof even / sizeof even[0]; e++)
                    if (strcmp(algo->name, even[e]) == 0 && price.comm.time_s / flow.time_s > most)
                        most = price.comm.time_s / flow.time_s;
                (*n)++;
            }
            sp_arena_destroy(arena);
        }
    return most;
}

static void no_flow_time_is_below_the_bound_of_all_algorithms(void **state)
{
    (void)state;
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const sp_machine *m;
        sp_error err = {0};
        if (sp_catalog_machine(catalog, machines[i], &m, &err) != SP_OK)
            fail_msg("%s: %s", machines[i], err.text);
        double small = hold_bounds(m, machines[i], 1e3, &n), large = hold_bounds(m, machines[i], 1e9, &n);
        if (strstr(machines[i], "clos") && strstr(machines[i], "taper"))   /* a tree's taper binds those that leave a unit, not those that stay */
            assert_true(large < 1.01);
        print_message("analytic over flow, direct to bruck: at most %.4f at 1 kB, %.4f at 1 GB on %s\n", small, large, machines[i]);
    }
    print_message("%u flow times\n", n);
    assert_true(n > 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_flow_time_is_below_the_bound_of_all_algorithms)};
    return cmocka_run_group_tests_name("flow bounds", tests, set_up, tear_down);
}
