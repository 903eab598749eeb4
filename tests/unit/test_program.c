/* Maps, walking, counting, building and checking of programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "superpod/program.h"

static sp_task_class compute_class(const double *cost_s)
{
    return (sp_task_class){.label = "work", .kind = SP_TASK_COMPUTE, .n_step = 1, .n_mb = 1, .n_chunk = 1, .cost_s = cost_s};
}

static sp_task_class transfer_class(sp_rank_map peer)
{
    return (sp_task_class){.label = "send", .kind = SP_TASK_TRANSFER, .n_step = 1, .n_mb = 1, .n_chunk = 1, .peer = peer, .units = 1};
}

static void test_rank_maps(void **state)
{
    (void)state;
    uint32_t out;
    sp_rank_map shift = {.digit = {4, 3}, .op = SP_MAP_SHIFT, .c0 = -1, .c_step = 1, .c_chunk = 2};
    assert_true(sp_rank_map_apply(&shift, 1, 0, 0, 12, &out) && out == 9);       /* digit 0 -> 2 */
    assert_true(sp_rank_map_apply(&shift, 9, 2, 1, 12, &out) && out == 9);       /* +3 = a full turn */
    assert_false(sp_rank_map_apply(&shift, 1, 0, 0, 9, &out));                   /* rank 9 does not exist */
    sp_rank_map add = {.digit = {1, 5}, .op = SP_MAP_ADD, .c0 = 2};
    assert_true(sp_rank_map_apply(&add, 2, 0, 0, 5, &out) && out == 4);
    assert_false(sp_rank_map_apply(&add, 3, 0, 0, 5, &out));
    sp_rank_map xor = {.digit = {2, 3}, .op = SP_MAP_XOR, .c0 = 1};
    assert_true(sp_rank_map_apply(&xor, 3, 0, 0, 6, &out) && out == 1);
    assert_false(sp_rank_map_apply(&xor, 4, 0, 0, 6, &out));                     /* 2 ^ 1 = 3 is no digit of size 3 */
    sp_rank_map set = {.digit = {2, 3}, .op = SP_MAP_SET, .c0 = 2};
    assert_true(sp_rank_map_apply(&set, 1, 0, 0, 6, &out) && out == 5);
    assert_true(sp_rank_map_apply(&(sp_rank_map){0}, 4, 7, 7, 6, &out) && out == 4);
    sp_axis_map same = {.pick = SP_PICK_SAME, .c0 = -1, .c_rank = 2, .rank_digit = {3, 2}};
    assert_true(sp_axis_map_apply(&same, 1, 4, 8, &out) && out == 2);
    assert_false(sp_axis_map_apply(&same, 0, 1, 8, &out));
    assert_true(sp_axis_map_apply(&(sp_axis_map){.pick = SP_PICK_AT, .c0 = -1}, 0, 0, 8, &out) && out == 7);
    assert_false(sp_axis_map_apply(&(sp_axis_map){.pick = SP_PICK_AT, .c0 = -9}, 0, 0, 8, &out));
    static const int32_t order[] = {2, -1, 0, 9, 5, 1};
    sp_axis_map table = {.pick = SP_PICK_TABLE, .rank_digit = {2, 2}, .table = order, .n_own = 3};
    assert_true(sp_axis_map_apply(&table, 0, 1, 6, &out) && out == 2);   /* ranks 0 and 1 read the first row */
    assert_true(sp_axis_map_apply(&table, 1, 2, 6, &out) && out == 5);
    assert_false(sp_axis_map_apply(&table, 1, 0, 6, &out));              /* nobody */
    assert_false(sp_axis_map_apply(&table, 0, 3, 6, &out));              /* beyond the axis */
}

/* The closed form of a domain's size agrees with asking every rank. */
static void test_domains(void **state)
{
    (void)state;
    for (uint32_t stride = 1; stride <= 4; stride++)
        for (uint32_t size = 1; size <= 4; size++)
            for (uint32_t lo = 0; lo < size; lo++)
                for (uint32_t hi = lo + 1; hi <= size; hi++) {
                    sp_task_class task = {.domain = {stride, size}, .domain_lo = lo, .domain_hi = hi};
                    uint32_t count = 0;
                    for (uint32_t rank = 0; rank < 40; rank++) {
                        assert_int_equal(sp_class_ranks_below(&task, rank), count);
                        count += sp_class_has_rank(&task, rank);
                    }
                }
}

typedef struct seen { uint32_t n; uint32_t task_class[64]; sp_index at[64]; } seen;

static sp_status remember(void *context, uint32_t task_class, sp_index at)
{
    seen *s = context;
    if (s->n == 64)
        return SP_E_RANGE;
    s->task_class[s->n] = task_class;
    s->at[s->n++] = at;
    return SP_OK;
}

static const double one_second[] = {1};

/* A pipeline of 3 stages: forward of stage s waits for stage s-1, backward for s+1, of the same micro-batch. */
static const sp_program *pipeline(sp_arena *arena)
{
    const sp_program *program = NULL;
    sp_builder *b = sp_builder_create(arena, "pipeline", 6, 0);
    sp_task_class task = compute_class(one_second);
    task.n_mb = 4;
    uint32_t fwd = (uint32_t)sp_builder_class(b, &task, 0), bwd = (uint32_t)sp_builder_class(b, &task, 1);
    sp_digit stage = {2, 3};
    sp_builder_dep(b, bwd, (sp_dep){.from = bwd, .rank = {.digit = stage, .op = SP_MAP_ADD, .c0 = 1}});
    sp_builder_dep(b, fwd, (sp_dep){.from = fwd, .rank = {.digit = stage, .op = SP_MAP_ADD, .c0 = -1}});
    sp_builder_dep(b, bwd, (sp_dep){.from = fwd});
    assert_int_equal(sp_builder_freeze(b, &program, NULL), SP_OK);
    return program;
}

static void test_walks(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_program *program = pipeline(arena);
    seen s = {0};
    assert_int_equal(sp_program_instances(program), 48);
    assert_int_equal(program->n_phases, 2);
    assert_int_equal(sp_program_each(program, remember, &s), SP_OK);
    assert_int_equal(s.n, 48);
    assert_int_equal(s.at[5].rank, 1);
    assert_int_equal(s.at[5].mb, 1);
    s.n = 0;
    assert_int_equal(sp_program_each_dep(program, 1, (sp_index){3, 0, 2, 0}, remember, &s), SP_OK);
    assert_int_equal(s.n, 2);
    assert_true(s.task_class[0] == 1 && s.at[0].rank == 5 && s.at[0].mb == 2);
    assert_true(s.task_class[1] == 0 && s.at[1].rank == 3 && s.at[1].mb == 2);
    s.n = 0;
    assert_int_equal(sp_program_each_dep(program, 0, (sp_index){1, 0, 0, 0}, remember, &s), SP_OK);
    assert_int_equal(s.n, 0);   /* the first stage waits for nobody */
    s.n = 60;
    assert_int_equal(sp_program_each(program, remember, &s), SP_E_RANGE);
    sp_arena_destroy(arena);
}

/* The explicit graph lists what the walks visit, in the same order and numbering. */
static void test_unroll(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_program *program = pipeline(arena);
    sp_unrolled g;
    sp_error err = {0};
    assert_int_equal(sp_program_unroll(program, arena, 48, &g, &err), SP_OK);
    assert_int_equal(g.n, 48);
    for (uint32_t i = 0; i < g.n; i++) {
        seen s = {0};
        sp_program_each_dep(program, g.task_class[i], g.at[i], remember, &s);
        assert_int_equal(g.pred_off[i + 1] - g.pred_off[i], s.n);
        for (uint32_t k = 0; k < s.n; k++) {
            uint32_t p = g.pred[g.pred_off[i] + k];
            assert_int_equal(g.task_class[p], s.task_class[k]);
            assert_memory_equal(&g.at[p], &s.at[k], sizeof s.at[k]);
        }
    }
    assert_int_equal(sp_program_unroll(program, arena, 47, &g, &err), SP_E_RANGE);
    assert_non_null(strstr(err.text, "48"));
    sp_arena_destroy(arena);
}

static void test_costs(void **state)
{
    (void)state;
    const double cost[] = {1, 2, 3, 4, 5, 6};
    sp_task_class task = compute_class(cost);
    task.cost_rank = (sp_digit){2, 2};
    task.cost_step = (sp_digit){1, 3};
    assert_true(sp_class_cost_s(&task, 0, 1) == 2);
    assert_true(sp_class_cost_s(&task, 3, 2) == 6);
    task.cost_step = (sp_digit){0, 0};
    assert_true(sp_class_cost_s(&task, 2, 7) == 2);
}

static void test_data(void **state)
{
    (void)state;
    sp_data data[] = {{.digit = {1, 8}, .rank_digit = {1, 8}, .op = SP_MAP_SHIFT, .c0 = 1, .c_step = -1, .span = 3}};
    sp_task_class task = {.n_data = 1};
    sp_program program = {.n_ranks = 8, .n_units = 8, .n_data = 1, .data = data};
    for (uint32_t unit = 0; unit < 8; unit++) {
        bool in = unit == 7 || unit == 0 || unit == 1;
        assert_int_equal(sp_class_moves_unit(&program, &task, (sp_index){.rank = 7, .step = 1}, unit), in);
    }
    data[0].op = SP_MAP_XOR;
    assert_true(sp_class_moves_unit(&program, &task, (sp_index){.rank = 6}, 7));
    assert_false(sp_class_moves_unit(&program, &task, (sp_index){.rank = 6}, 6));
    task.n_data = 0;
    assert_true(sp_class_moves_unit(&program, &task, (sp_index){.rank = 6}, 6));
}

/* ---- what the check refuses ---- */

static const sp_rank_map next_of_4 = {.digit = {1, 4}, .op = SP_MAP_SHIFT, .c0 = 1};

static void refuses(sp_task_class task, const sp_dep *dep, const sp_data *data, const char *words)
{
    const sp_program *program = NULL;
    sp_error err = {0};
    sp_arena *arena = sp_arena_create();
    sp_builder *b = sp_builder_create(arena, "bad", 4, 4);
    sp_builder_class(b, &task, 0);
    if (dep)
        sp_builder_dep(b, 0, *dep);
    if (data)
        sp_builder_data(b, 0, *data);
    sp_status status = sp_builder_freeze(b, &program, &err);
    if (status == SP_OK || !strstr(err.text, words))
        fail_msg("expected \"%s\", found %s \"%s\"", words, sp_status_name(status), err.text);
    assert_null(program);
    sp_arena_destroy(arena);
}

static void test_refusals(void **state)
{
    (void)state;
    sp_task_class task = compute_class(NULL);
    refuses(task, NULL, NULL, "cost_s");
    static const double negative[] = {-1};
    refuses(compute_class(negative), NULL, NULL, "finite");
    task = compute_class(one_second);
    task.n_mb = 0;
    refuses(task, NULL, NULL, "extents");
    task = compute_class(one_second);
    task.stream = SP_STREAMS_MAX;
    refuses(task, NULL, NULL, "stream");
    task = compute_class(one_second);
    task.n_step = task.n_mb = task.n_chunk = 1u << 24;
    refuses(task, NULL, NULL, "2^52");
    task = compute_class(one_second);
    task.domain = (sp_digit){8, 2};
    task.domain_lo = 1;
    task.domain_hi = 2;
    refuses(task, NULL, NULL, "no rank");
    task.domain_hi = 3;
    refuses(task, NULL, NULL, "domain");
    task = compute_class(one_second);
    task.kind = SP_TASK_CALL;
    refuses(task, NULL, NULL, "calls program");
    task = transfer_class((sp_rank_map){0});
    refuses(task, NULL, NULL, "receiver");
    task = transfer_class((sp_rank_map){.digit = {1, 4}, .op = SP_MAP_ADD, .c0 = 1});
    refuses(task, NULL, NULL, "rank 3 has nobody");
    task = transfer_class((sp_rank_map){.digit = {2, 4}, .op = SP_MAP_SHIFT, .c0 = 1});
    refuses(task, NULL, NULL, "nobody");
    task = transfer_class(next_of_4);
    task.units = NAN;
    refuses(task, NULL, NULL, "units");
    refuses(transfer_class(next_of_4), NULL, &(sp_data){.digit = {1, 4}, .op = SP_MAP_ADD}, "constraint");
    refuses(compute_class(one_second), NULL, &(sp_data){.digit = {1, 4}}, "no transfer");
    refuses(compute_class(one_second), &(sp_dep){.from = 1}, NULL, "waits for class 1");
    refuses(compute_class(one_second), &(sp_dep){.from = 0}, NULL, "itself");
    refuses(compute_class(one_second), &(sp_dep){.from = 0, .step = {.pick = SP_PICK_ALL}}, NULL, "itself");
    refuses(compute_class(one_second), &(sp_dep){.from = 0, .when = {1, 2}, .when_value = 2}, NULL, "never");
    static const int32_t nobody[1] = {-1};
    refuses(compute_class(one_second), &(sp_dep){.from = 0, .step = {.pick = SP_PICK_TABLE}}, NULL, "table");
    refuses(compute_class(one_second), &(sp_dep){.from = 0, .step = {.pick = SP_PICK_TABLE, .table = nobody}}, NULL, "table");
    sp_builder *b;
    const sp_program *program;
    sp_error err = {0};
    sp_arena *arena = sp_arena_create();
    b = sp_builder_create(arena, "late", 4, 4);
    sp_builder_dep(b, 3, (sp_dep){.from = 0});
    assert_int_equal(sp_builder_freeze(b, &program, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "class 3"));
    b = sp_builder_create(arena, "empty", 4, 4);
    assert_int_equal(sp_builder_freeze(b, &program, &err), SP_E_INVAL);
    sp_arena_destroy(arena);
}

/* A builder survives any allocation that fails and says so. */
static void test_no_memory(void **state)
{
    (void)state;
    uint32_t refused = 0;
    for (uint64_t n = 1; n < 200; n++) {
        sp_arena *arena = sp_arena_create();
        const sp_program *program = NULL;
        sp_alloc_fail_after(n);
        sp_builder *b = sp_builder_create(arena, "many", 4, 4);
        for (int i = 0; b && i < 40; i++) {
            sp_task_class task = transfer_class(next_of_4);
            int32_t id = sp_builder_class(b, &task, 0);
            if (id > 0) {
                sp_builder_dep(b, (uint32_t)id, (sp_dep){.from = 0});
                sp_builder_data(b, (uint32_t)id, (sp_data){.digit = {1, 4}});
            }
        }
        sp_status status = b ? sp_builder_freeze(b, &program, NULL) : SP_E_NOMEM;
        sp_alloc_fail_after(0);
        assert_true(status == SP_OK || status == SP_E_NOMEM);
        assert_true((status == SP_OK) == (program != NULL));
        refused += status == SP_E_NOMEM;
        sp_arena_destroy(arena);
    }
    assert_true(refused > 40 && refused < 199);
}

/* ---- placement ---- */

static void test_placement(void **state)
{
    (void)state;
    sp_error err = {0};
    sp_placement p = {.base = 5, .n_dims = 2};
    p.dim[0].size = 4, p.dim[0].stride = 8;
    p.dim[1].size = 3, p.dim[1].stride = 1;
    assert_int_equal(sp_placement_ranks(&p), 12);
    assert_int_equal(sp_placement_chip(&p, 0), 5);
    assert_int_equal(sp_placement_chip(&p, 7), 5 + 3 * 8 + 1);
    assert_int_equal(sp_placement_check(&p, 32, NULL), SP_OK);
    assert_int_equal(sp_placement_check(&p, 31, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "chip 31"));
    p.dim[0].stride = 2;
    assert_int_equal(sp_placement_check(&p, 64, &err), SP_E_INVAL);   /* 0 + 2 and 2 + 0 */
    assert_non_null(strstr(err.text, "share"));
    sp_placement line = sp_placement_linear(3, 4);
    struct sp_place_exception spare[] = {{1, 9}, {3, 4}};
    line.exceptions = spare;
    line.n_exceptions = 2;
    assert_int_equal(sp_placement_check(&line, 10, NULL), SP_OK);     /* rank 3 takes the chip that rank 1 left */
    assert_int_equal(sp_placement_chip(&line, 1), 9);
    assert_int_equal(sp_placement_chip(&line, 2), 5);
    assert_int_equal(sp_placement_chip(&line, 3), 4);
    spare[1].chip = 5;
    assert_int_equal(sp_placement_check(&line, 10, &err), SP_E_INVAL);   /* rank 2 is there */
    spare[1].chip = 9;
    assert_int_equal(sp_placement_check(&line, 10, &err), SP_E_INVAL);   /* both on 9 */
    spare[1] = (struct sp_place_exception){1, 8};
    assert_int_equal(sp_placement_check(&line, 10, &err), SP_E_INVAL);   /* not ascending */
    p.dim[0].size = 0;
    assert_int_equal(sp_placement_check(&p, 64, &err), SP_E_INVAL);
}

/* Accepted placements never put two ranks on one chip; brute force over small shapes and exceptions. */
static void test_placement_is_injective(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(11, 0);
    uint32_t accepted = 0;
    for (int trial = 0; trial < 5000; trial++) {
        sp_placement p = {.base = (uint32_t)sp_rng_below(&rng, 4), .n_dims = 1 + (uint32_t)sp_rng_below(&rng, 3)};
        for (uint32_t i = 0; i < p.n_dims; i++) {
            p.dim[i].size = 1 + (uint32_t)sp_rng_below(&rng, 4);
            p.dim[i].stride = (uint32_t)sp_rng_below(&rng, 14);
        }
        struct sp_place_exception e[2] = {{(uint32_t)sp_rng_below(&rng, 4), (uint32_t)sp_rng_below(&rng, 48)},
                                          {(uint32_t)(4 + sp_rng_below(&rng, 6)), (uint32_t)sp_rng_below(&rng, 48)}};
        p.exceptions = e;
        p.n_exceptions = (uint32_t)sp_rng_below(&rng, 3);
        if (sp_placement_check(&p, 48, NULL) != SP_OK)
            continue;
        uint64_t used = 0;
        for (uint32_t r = 0; r < sp_placement_ranks(&p); r++) {
            uint32_t chip = sp_placement_chip(&p, r);
            assert_true(chip < 48 && !(used >> chip & 1));
            used |= UINT64_C(1) << chip;
        }
        accepted++;
    }
    assert_true(accepted > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rank_maps), cmocka_unit_test(test_domains),  cmocka_unit_test(test_walks),
        cmocka_unit_test(test_unroll),    cmocka_unit_test(test_costs),    cmocka_unit_test(test_data),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_no_memory), cmocka_unit_test(test_placement),
        cmocka_unit_test(test_placement_is_injective),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
