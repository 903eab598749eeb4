/* Every allocation of building, proving, executing and pricing a collective fails once: said so, nothing written, no leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "superpod/exec.h"

static const sp_group group = {3, {2, 2, 2}};

static uint32_t fails(sp_status (*attempt)(void *), void *context)
{
    uint32_t refused = 0;
    for (uint64_t n = 1;; n++) {
        sp_alloc_fail_after(n);
        sp_status status = attempt(context);
        sp_alloc_fail_after(0);
        if (status == SP_OK)
            return refused;
        assert_int_equal(status, SP_E_NOMEM);
        refused++;
        assert_true(n < 10000);
    }
}

static sp_status build_all(void *context)
{
    (void)context;
    for (uint32_t a = 0; a < sp_coll_n_algos; a++)
        for (int op = 0; op < SP_COLL_OPS; op++) {
            const char *why;
            const sp_program *program = NULL;
            if (!sp_coll_algos[a].applicable((sp_coll_op)op, &group, &why))
                continue;
            sp_arena *arena = sp_arena_create();
            sp_status status = arena ? sp_coll_algos[a].build((sp_coll_op)op, &group, arena, &program, NULL) : SP_E_NOMEM;
            assert_true((status == SP_OK) == (program != NULL));
            sp_arena_destroy(arena);
            if (status != SP_OK)
                return status;
        }
    return SP_OK;
}

static void test_build(void **state)
{
    (void)state;
    assert_true(fails(build_all, NULL) > 300);
}

static sp_status prove(void *context)
{
    return sp_collective_prove(context, SP_COLL_ALL_REDUCE, NULL);
}

static sp_status execute(void *context)
{
    bool correct = false;
    sp_status status = sp_exec_collective(context, SP_COLL_ALL_REDUCE, 1, 1, &correct, NULL);
    assert_int_equal(correct, status == SP_OK);
    return status;
}

static void test_prove_and_execute(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_program *program;
    assert_int_equal(sp_coll_algo_find("rotated")->build(SP_COLL_ALL_REDUCE, &group, arena, &program, NULL), SP_OK);
    assert_true(fails(prove, (void *)program) > 8);
    assert_true(fails(execute, (void *)program) > 8);
    sp_arena_destroy(arena);
}

static sp_status best(void *context)
{
    sp_coll_time time = {.lower_bound_s = -1};
    sp_placement all = sp_placement_linear(0, 16);
    sp_status status = sp_coll_best(SP_COLL_ALL_REDUCE, context, &all, sp_machine_stack(context, "ideal"), 1e6, false, NULL, &time, NULL);
    assert_true((status == SP_OK) == (time.lower_bound_s >= 0));
    return status;
}

static void test_best(void **state)
{
    (void)state;
    sp_catalog *catalog;
    const sp_machine *machine;
    assert_int_equal(sp_catalog_open("catalog", &catalog, NULL), SP_OK);
    assert_int_equal(sp_catalog_machine(catalog, "mesh:4@50GB/s,200ns mesh:4@50GB/s,200ns chip=ascend-950dt", &machine, NULL), SP_OK);
    assert_true(fails(best, (void *)machine) > 20);
    sp_catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_build), cmocka_unit_test(test_prove_and_execute), cmocka_unit_test(test_best)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
