/* The widest search, too, answers as simulating every plan does: schedules in the shape of a V, stages of many sizes, all places. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "brute_force.h"

/* So much is tried of the free axes that the counts are fixed, all but one or two. */
static sp_problem narrow_problem(fixture *f, sp_rng *rng, uint64_t seed)
{
    (void)seed;
    sp_problem p = random_problem(f, rng, SP_EFFORT_EXHAUSTIVE);
    bool stages = sp_rng_below(rng, 2), placement = !stages && sp_rng_below(rng, 2);
    p.chips = p.machine->chips;
    p.fixed.tp = 1u << sp_rng_below(rng, 2);
    p.fixed.ep = 1;
    p.fixed.cp = sp_rng_below(rng, 2) ? 2 : 1;
    p.fixed.mbs = sp_rng_below(rng, 8) ? 1 : 0;
    p.free_stages = stages;
    p.free_placement = placement;
    p.free_recompute = p.free_recompute && !stages && !placement;
    p.free_zero = p.free_zero && !stages;
    p.free_sequence_parallel = false;
    return p;
}

static void exhaustive_equals_brute_force(void **state)
{
    kinds had = search_random_problems(*state, narrow_problem, 13, 90);
    assert_true(had.vee && had.uneven && had.cp && had.offloaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exhaustive_equals_brute_force)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
