/* The event evaluator and the event queue: order, streams, priorities, dependencies, cycles. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/engine.h"
#include "superpod/fabric.h"

static void queue_is_a_total_order(void **state)
{
    (void)state;
    sp_queue *queue = sp_queue_create(1);
    sp_rng rng = sp_rng_make(7, 1);
    for (uint32_t i = 0; i < 5000; i++)
        assert_true(sp_queue_push(queue, (int64_t)sp_rng_below(&rng, 50), (int32_t)sp_rng_below(&rng, 3), i, i));
    sp_event before = {.tick = -1}, now;
    uint32_t n = 0;
    while (sp_queue_pop(queue, &now)) {
        if (now.tick == before.tick && now.priority == before.priority)
            assert_true(now.sequence > before.sequence);
        else
            assert_true(now.tick > before.tick || (now.tick == before.tick && now.priority > before.priority));
        before = now;
        n++;
    }
    assert_int_equal(n, 5000);
    sp_queue_destroy(queue);
}

static void second_event_is_among_those_soon(void **state)
{
    (void)state;
    sp_queue *queue = sp_queue_create(1);
    sp_rng rng = sp_rng_make(8, 1);
    size_t n;
    sp_queue_soon(queue, &n);
    assert_int_equal(n, 0);
    for (uint32_t i = 0; i < 1000; i++) assert_true(sp_queue_push(queue, (int64_t)sp_rng_below(&rng, 400), 0, i, i));
    while (sp_queue_count(queue) > 0) {
        sp_event soon[5], first;
        const sp_event *at = sp_queue_soon(queue, &n);
        assert_in_range(n, 1, 5);
        memcpy(soon, at, n * sizeof *soon);
        sp_queue_pop(queue, &first);
        assert_int_equal(soon[0].sequence, first.sequence);
        const sp_event *second = sp_queue_peek(queue);
        bool found = second == NULL;
        for (size_t i = 1; i < n && !found; i++) found = soon[i].sequence == second->sequence;
        assert_true(found);
    }
    sp_queue_destroy(queue);
}

static sp_task_class task(const char *label, uint32_t steps, uint32_t stream, const double *cost)
{
    return (sp_task_class){.label = label, .kind = SP_TASK_COMPUTE, .n_step = steps, .n_mb = 1, .n_chunk = 1, .stream = stream, .cost_s = cost};
}

/* A pipeline of 3 stages and 4 micro-batches without backward: (stages + micro-batches - 1) slots. */
static void forward_pipeline_takes_its_closed_form(void **state)
{
    (void)state;
    static const double cost[] = {1e-6};
    sp_arena *arena = sp_arena_create();
    sp_builder *b = sp_builder_create(arena, "pipe", 3, 0);
    sp_task_class f = task("f", 4, 0, cost);
    int32_t c = sp_builder_class(b, &f, 0);
    sp_builder_dep(b, (uint32_t)c, (sp_dep){.from = (uint32_t)c, .rank = {.digit = {1, 3}, .op = SP_MAP_ADD, .c0 = -1}});
    sp_builder_dep(b, (uint32_t)c, (sp_dep){.from = (uint32_t)c, .step = {.pick = SP_PICK_SAME, .c0 = -1}});
    const sp_program *program;
    sp_run run;
    sp_error err = {0};
    assert_int_equal(sp_builder_freeze(b, &program, &err), SP_OK);
    assert_int_equal(sp_fabric_event(program, arena, &run, &err), SP_OK);
    assert_int_equal(run.end_ps, (3 + 4 - 1) * 1000000);
    assert_int_equal(run.n_spans, 12);
    sp_arena_destroy(arena);
}

/* Two streams run beside each other; one stream runs its instances by priority. */
static void streams_overlap_and_priorities_order(void **state)
{
    (void)state;
    static const double one[] = {1e-6}, three[] = {3e-6};
    sp_arena *arena = sp_arena_create();
    sp_builder *b = sp_builder_create(arena, "two", 1, 0);
    sp_task_class late = task("late", 1, 0, one), soon = task("soon", 1, 0, one), beside = task("beside", 1, 3, three);
    late.priority = 5;
    sp_builder_class(b, &late, 0);
    int32_t soon_class = sp_builder_class(b, &soon, 0);
    sp_builder_class(b, &beside, 0);
    const sp_program *program;
    sp_run run;
    assert_int_equal(sp_builder_freeze(b, &program, NULL), SP_OK);
    assert_int_equal(sp_fabric_event(program, arena, &run, NULL), SP_OK);
    assert_int_equal(run.end_ps, 3000000);
    for (uint32_t i = 0; i < run.n_spans; i++)
        if (run.spans[i].task_class == (uint32_t)soon_class)
            assert_int_equal(run.spans[i].start_ps, 0);
    sp_arena_destroy(arena);
}

/* Ticks hold 26 days: what takes longer is refused, not cut off; one task or many in a row. */
static void what_outlasts_the_ticks_is_refused(void **state)
{
    static const struct { double cost_s; uint32_t steps; sp_status status; } cases[] = {
        {2e6, 1, SP_OK}, {3e6, 1, SP_E_RANGE}, {1e300, 1, SP_E_RANGE}, {9e5, 2, SP_OK}, {9e5, 4, SP_E_RANGE}, {2e6, 8, SP_E_RANGE}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sp_arena *arena = sp_arena_create();
        sp_builder *b = sp_builder_create(arena, "long", 1, 0);
        sp_task_class x = task("x", cases[i].steps, 0, &cases[i].cost_s);
        sp_builder_class(b, &x, 0);
        const sp_program *program;
        sp_run run;
        sp_error err = {0};
        assert_int_equal(sp_builder_freeze(b, &program, &err), SP_OK);
        assert_int_equal(sp_fabric_event(program, arena, &run, &err), cases[i].status);
        assert_true(cases[i].status == SP_OK || strstr(err.text, "26 days"));
        sp_arena_destroy(arena);
    }
}

static void a_cycle_is_an_error_that_names_it(void **state)
{
    (void)state;
    static const double cost[] = {1e-6};
    sp_arena *arena = sp_arena_create();
    sp_builder *b = sp_builder_create(arena, "loop", 1, 0);
    sp_task_class x = task("chicken", 1, 0, cost), y = task("egg", 1, 1, cost);
    sp_builder_class(b, &x, 0);
    sp_builder_class(b, &y, 0);
    sp_builder_dep(b, 0, (sp_dep){.from = 1});
    sp_builder_dep(b, 1, (sp_dep){.from = 0});
    const sp_program *program;
    sp_run run;
    sp_error err = {0};
    assert_int_equal(sp_builder_freeze(b, &program, &err), SP_OK);
    assert_int_equal(sp_fabric_event(program, arena, &run, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "chicken"));
    sp_arena_destroy(arena);
}

/* Random programs: a stream never runs two instances at once, nothing starts before what it waits for, and every span but
 * the first begins exactly when its predecessor ended (no idle time without a reason). */
static void random_programs_keep_the_laws(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        sp_rng rng = sp_rng_make(seed, 2);
        sp_arena *arena = sp_arena_create();
        uint32_t ranks = 1 + (uint32_t)sp_rng_below(&rng, 4), classes = 2 + (uint32_t)sp_rng_below(&rng, 5);
        sp_builder *b = sp_builder_create(arena, "random", ranks, 0);
        double *cost = sp_arena_alloc(arena, classes, sizeof *cost);
        for (uint32_t c = 0; c < classes; c++) {
            cost[c] = (double)(1 + sp_rng_below(&rng, 9)) * 1e-6;
            sp_task_class t = task("t", 1 + (uint32_t)sp_rng_below(&rng, 5), (uint32_t)sp_rng_below(&rng, 3), &cost[c]);
            sp_builder_class(b, &t, 0);
            if (c > 0)
                sp_builder_dep(b, c, (sp_dep){.from = (uint32_t)sp_rng_below(&rng, c),
                                              .rank = {.digit = {1, ranks}, .op = SP_MAP_SHIFT, .c0 = (int32_t)sp_rng_below(&rng, ranks)},
                                              .step = {.pick = (sp_pick)sp_rng_below(&rng, 3)}});
        }
        const sp_program *program;
        sp_run run;
        assert_int_equal(sp_builder_freeze(b, &program, NULL), SP_OK);
        assert_int_equal(sp_fabric_event(program, arena, &run, NULL), SP_OK);
        assert_int_equal(run.n_spans, sp_program_instances(program));
        for (uint32_t i = 0; i < run.n_spans; i++) {
            const sp_span *x = &run.spans[i];
            assert_true(x->pred < 0 ? x->start_ps == 0 : run.spans[x->pred].end_ps == x->start_ps);
            for (uint32_t j = 0; j < i; j++) {
                const sp_span *y = &run.spans[j];
                if (x->at.rank == y->at.rank && x->stream == y->stream && (x->start_ps >= y->end_ps) == (y->start_ps >= x->end_ps))
                    fail_msg("seed %llu: two spans of one stream overlap", (unsigned long long)seed);
            }
        }
        sp_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_is_a_total_order), cmocka_unit_test(second_event_is_among_those_soon), cmocka_unit_test(forward_pipeline_takes_its_closed_form),
        cmocka_unit_test(streams_overlap_and_priorities_order), cmocka_unit_test(a_cycle_is_an_error_that_names_it), cmocka_unit_test(what_outlasts_the_ticks_is_refused),
        cmocka_unit_test(random_programs_keep_the_laws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
