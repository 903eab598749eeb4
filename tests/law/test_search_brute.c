/* On random small problems the answer of a search is that of simulating every plan. With those of test_search_exhaustive.c more than 200. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "brute_force.h"

static sp_problem usual_problem(fixture *f, sp_rng *rng, uint64_t seed)
{
    return random_problem(f, rng, seed % 3 ? SP_EFFORT_NORMAL : SP_EFFORT_QUICK);
}

static void search_equals_brute_force(void **state)
{
    kinds had = search_random_problems(*state, usual_problem, 7, 130);
    assert_true(had.uneven && had.hybrid && had.offloaded && had.etp && had.cp && had.moe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(search_equals_brute_force)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
