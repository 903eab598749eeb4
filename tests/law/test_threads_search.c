/* Law of workers: any number of threads gives the same answer bit for bit, counts and words included; and a search that is
 * stopped answers with what it has. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/plan.h"
#include "catalog_fixture.h"

static sp_problem problem_on(fixture *f, const char *machine, const char *model)
{
    const sp_machine *m = NULL;
    const sp_model *mod = NULL;
    const char *path;
    sp_error err = {0};
    if (sp_catalog_machine(f->catalog, machine, &m, &err) != SP_OK || sp_catalog_model_path(f->catalog, model, &path, &err) != SP_OK ||
        sp_model_load(path, NULL, f->arena, &mod, &err) != SP_OK)
        fail_msg("%s", err.text);
    sp_problem p = sp_problem_default(m, mod);
    p.gbs = 64;
    p.seq = 4096;
    return p;
}

static void same_bits(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void same_answer(const sp_solution *a, const sp_solution *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(&a->counts, &b->counts, sizeof a->counts);
    for (uint32_t i = 0; i < a->n; i++) {
        char x[1024], y[1024];
        sp_plan_format(&a->ranked[i].plan, x, sizeof x);
        sp_plan_format(&b->ranked[i].plan, y, sizeof y);
        assert_string_equal(x, y);
        assert_string_equal(a->ranked[i].why, b->ranked[i].why);
        same_bits(a->ranked[i].step_time_s, b->ranked[i].step_time_s);
        same_bits(a->ranked[i].lower_bound_s, b->ranked[i].lower_bound_s);
        same_bits(a->ranked[i].objective, b->ranked[i].objective);
        same_bits(a->ranked[i].mem_bytes_max, b->ranked[i].mem_bytes_max);
    }
}

static void any_number_of_threads(void **state)
{
    static const struct { const char *machine, *model; } cases[] = {{"switch:8@450GB/s,1us clos:2@50GB/s,4us,nic chip=h100", "llama3-8b"},
                                                                   {"mesh:8@56GB/s,200ns chip=ascend-950dt", "gpt-oss-20b"}};
    static const uint32_t threads[] = {2, 3, 8};
    for (size_t c = 0; c < 2; c++)
        for (int objective = SP_OBJECTIVE_THROUGHPUT; objective <= SP_OBJECTIVE_COST; objective++) {
            sp_problem p = problem_on(*state, cases[c].machine, cases[c].model);
            sp_solution one, many;
            sp_error err = {0};
            p.objective = (sp_objective)objective;
            if (sp_plan_search(&p, ((fixture *)*state)->arena, &one, &err) != SP_OK)
                fail_msg("%s", err.text);
            for (size_t t = 0; t < 3; t++) {
                p.threads = threads[t];
                assert_int_equal(sp_plan_search(&p, ((fixture *)*state)->arena, &many, &err), SP_OK);
                same_answer(&one, &many);
            }
        }
}

typedef struct stopper { uint32_t calls, after; } stopper;

static bool stop(void *context, double fraction, double best_step_time_s)
{
    stopper *s = context;
    assert_true(fraction >= 0 && fraction <= 1 && best_step_time_s >= 0);
    return ++s->calls <= s->after;
}

static void stopped_searches_answer(void **state)
{
    for (uint32_t after = 0; after < 400; after += 57)
        for (uint32_t threads = 1; threads <= 2; threads++) {
            sp_problem p = problem_on(*state, "mesh:8@56GB/s,200ns chip=ascend-950dt", "llama3-8b");
            stopper s = {.after = after};
            sp_solution solution = {0};
            sp_error err = {0};
            p.threads = threads;
            p.progress = stop;
            p.progress_context = &s;
            sp_status status = sp_plan_search(&p, ((fixture *)*state)->arena, &solution, &err);
            if (s.calls <= after)
                assert_int_equal(status, SP_OK);
            else
                assert_int_equal(status, SP_E_INTERRUPTED);
            assert_true(status != SP_OK || solution.n > 0);
            for (uint32_t i = 0; i < solution.n; i++)
                assert_true(solution.ranked[i].step_time_s > 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_number_of_threads), cmocka_unit_test(stopped_searches_answer)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
