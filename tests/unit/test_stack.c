/* Communication libraries as files: what the catalog has, which one a machine takes, what is refused and where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "superpod/collective.h"

#include "open_catalog.h"

static void each_vendor_has_a_default(void **state)
{
    (void)state;
    static const struct { const char *chip, *stack; } rows[] = {
        {"h100", "nccl"}, {"ascend-910c", "hccl"}, {"mi300x", "rccl"}, {"tpu-v5p", "libtpu"}, {"trn2", "neuron"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "switch:2@1GB/s,1us chip=%s", rows[i].chip);
        assert_string_equal(sp_machine_stack(machine_of(text), NULL)->name, rows[i].stack);
    }
}

static void families_have_their_own_values(void **state)
{
    (void)state;
    const sp_stack *a100 = sp_machine_stack(machine_of("switch:8@300GB/s,1us chip=a100"), "nccl");
    const sp_stack *h100 = sp_machine_stack(machine_of("switch:8@450GB/s,1us chip=h100"), "nccl");
    const sp_stack *gb200 = sp_machine_stack(machine_of("switch:8@900GB/s,1us chip=gb200"), "nccl");
    assert_true(a100 != h100 && h100 != gb200);
    assert_true(!sp_stack_runs(a100, "all-reduce", "direct", true, 8) && sp_stack_runs(h100, "all-reduce", "direct", true, 8));
    assert_true(gb200->chunk_bytes.nominal == 2 * h100->chunk_bytes.nominal);
    assert_true(a100->launch_s.nominal == h100->launch_s.nominal);
    assert_true(a100->n_protocols + 1 == h100->n_protocols);
}

static void names_of_algorithms_exist(void **state)
{
    (void)state;
    const sp_stack *const *stack;
    uint32_t n;
    assert_int_equal(sp_catalog_stacks(catalog, &stack, &n, NULL), SP_OK);
    assert_true(n > sp_catalog_stack_count(catalog));
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < stack[i]->n_runs; k++) {
            sp_coll_op op;
            assert_non_null(sp_coll_algo_find(stack[i]->run[k].algo));
            assert_int_equal(sp_coll_op_parse(stack[i]->run[k].op, &op, NULL), SP_OK);
        }
    for (size_t i = 0; i < sp_catalog_stack_count(catalog); i++)
        assert_string_equal(sp_machine_stack(machine_of("switch:2@1GB/s,1us chip=h100"), sp_catalog_stack_name(catalog, i))->name,
                            sp_catalog_stack_name(catalog, i));
}

static void write_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    fprintf(context, "%s %d %a %a %a %s\n", path, (int)unit, value->low, value->nominal, value->high, value->source);
}

/* All that a stack says, as a text of the test's. */
static char *written(const sp_stack *stack)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "%s %s %u %u\n", stack->name, stack->family ? stack->family : "-", stack->n_protocols, stack->n_runs);
    sp_stack_each_value(stack, write_value, out);
    for (uint32_t i = 0; i < stack->n_runs; i++)
        fprintf(out, "%s %s %d %d\n", stack->run[i].op, stack->run[i].algo, stack->run[i].in_switch, stack->run[i].between);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* A network has the very library that the whole machine has, by name and by default, for every chip. */
static void networks_have_the_same_stack(void **state)
{
    (void)state;
    uint32_t defaults = 0;
    for (size_t c = 0; c < sp_catalog_chip_count(catalog); c++)
        for (size_t s = 0; s <= sp_catalog_stack_count(catalog) + 1; s++) {
            size_t n = sp_catalog_stack_count(catalog);
            const char *name = s < n ? sp_catalog_stack_name(catalog, s) : s == n ? "ideal" : NULL;
            char text[96];
            sp_catalog *fresh;
            const sp_machine *network;
            snprintf(text, sizeof text, "switch:2@1GB/s,1us chip=%s", sp_catalog_chip_name(catalog, c));
            assert_int_equal(sp_catalog_open("catalog", &fresh, NULL), SP_OK);
            assert_int_equal(sp_catalog_network(fresh, text, name, &network, NULL), SP_OK);
            assert_true(network->n_stacks < machine_of(text)->n_stacks && network->n_software == 0);
            defaults += !name && network->n_stacks > 0;
            char *mine = written(sp_machine_stack(network, name)), *whole = written(sp_machine_stack(machine_of(text), name));
            assert_string_equal(mine, whole);
            free(mine);
            free(whole);
            const sp_machine *again;
            assert_int_equal(sp_catalog_network(fresh, text, name, &again, NULL), SP_OK);
            assert_ptr_equal(again, network);
            sp_catalog_close(fresh);
        }
    assert_true(defaults > 20);
}

static void trees_are_for_one_rank_a_domain(void **state)
{
    (void)state;
    const sp_stack *nccl = sp_machine_stack(machine_of("switch:8@450GB/s,1us chip=h100"), "nccl");
    assert_true(sp_stack_runs(nccl, "all-reduce", "tree", false, 1) && sp_stack_runs(nccl, "all-reduce", "tree", false, 0));
    assert_false(sp_stack_runs(nccl, "all-reduce", "tree", false, 8));
    assert_false(sp_stack_runs(nccl, "all-gather", "direct", false, 1));
    assert_true(sp_stack_runs(sp_machine_stack(machine_of("switch:8@450GB/s,1us chip=h100"), "ideal"), "all-gather", "direct", false, 8));
}

static void count_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    (void)unit;
    assert_true(path[0] && value->source && value->source[0] && value->grade != SP_GRADE_NONE);
    (*(uint32_t *)context)++;
}

static void every_value_is_visited(void **state)
{
    (void)state;
    uint32_t n = 0;
    sp_stack_each_value(sp_machine_stack(machine_of("switch:8@450GB/s,1us chip=h100"), "nccl"), count_value, &n);
    assert_int_equal(n, 6 + 2 + 4 * 4 + 3);   /* whole, media, four protocols, the LL rate and two trips */
    n = 0;
    sp_stack_each_value(sp_machine_stack(machine_of("switch:8@450GB/s,1us chip=h100"), "ideal"), count_value, &n);
    assert_int_equal(n, 3 + 2 + 4);
}

static void unknown_names_are_told(void **state)
{
    (void)state;
    const sp_stack *stack = NULL;
    sp_error err = {0};
    const sp_machine *m = machine_of("switch:8@450GB/s,1us chip=h100");
    assert_null(sp_machine_stack(m, "ncll"));
    assert_int_equal(sp_machine_stack_need(m, "ncll", &stack, &err), SP_E_NOTFOUND);
    assert_non_null(strstr(err.text, "did you mean 'nccl'?"));
    assert_null(stack);
    sp_machine bare = *m;   /* a catalog without stacks */
    bare.n_stacks = 0;
    assert_string_equal(sp_machine_stack(&bare, NULL)->name, "ideal");
}

/* ---- faults of files ------------------------------------------------------------------------------------------------- */

#define V "{value: 1us, grade: guess, source: \"s\"}"
#define F "{value: 0.5, grade: guess, source: \"s\"}"
#define HEAD "name: x\nabout: y\nlaunch: " V "\nmessage: " V "\nreduce: " F "\nscaleup: {fraction: " F "}\nnic: {fraction: " F "}\n"
#define PROTOCOL "{name: p, step: " V ", nic_step: " V ", fraction: " F ", nic_fraction: " F "}"
#define GOOD HEAD "protocols: [" PROTOCOL "]\n"

static void faults_point_at_their_place(void **state)
{
    (void)state;
    static const struct { const char *text, *says; uint32_t line; } rows[] = {
        {GOOD, NULL, 0},
        {GOOD "families: {hopper: {launch: " V "}}\n", NULL, 0},
        {"[1]\n", "no map", 1},
        {HEAD, "protocols", 1},
        {HEAD "protocols: []\n", "0 protocols", 8},
        {HEAD "protocols: [" PROTOCOL ", " PROTOCOL ", " PROTOCOL ", " PROTOCOL "]\n", "4 protocols", 8},
        {HEAD "protocols: [{name: p}]\n", "step", 8},
        {GOOD "chunk: 3\n", "grade", 9},
        {GOOD "chunk: {value: 0B, grade: guess, source: \"s\"}\n", "expected 1", 9},
        {GOOD "algorithms: [ring]\n", "no map", 9},
        {GOOD "algorithms: {all-reduce: ring}\n", "no list", 9},
        {GOOD "in_switch: {step: " V "}\n", "families", 9},
        {GOOD "in_switch: {families: hopper}\n", "no list", 9},
        {GOOD "families: {hopper: {lunch: " V "}}\n", "lunch", 9},
        {GOOD "overlap: yes\n", "true or false", 9},
        {GOOD "colour: red\n", "colour", 9},
        {"name: x\nabout: y\nlaunch: {value: 2s, grade: guess, source: \"s\"}\n", "expected 0", 3},
        {HEAD "nic_x: 1\n", "nic_x", 8},
    };
    char dir[] = "/tmp/superpod-stack-XXXXXX", stacks[64], path[96];
    assert_non_null(mkdtemp(dir));
    snprintf(stacks, sizeof stacks, "%s/stacks", dir);
    snprintf(path, sizeof path, "%s/x.yaml", stacks);
    assert_int_equal(mkdir(stacks, 0700), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        FILE *file = fopen(path, "w");
        const sp_stack *const *all;
        uint32_t n;
        sp_catalog *own;
        sp_error err = {0};
        assert_non_null(file);
        fputs(rows[i].text, file);
        fclose(file);
        assert_int_equal(sp_catalog_open(dir, &own, &err), SP_OK);
        sp_status status = sp_catalog_stacks(own, &all, &n, &err);
        if (!rows[i].says) {
            assert_int_equal(status, SP_OK);
        } else if (status == SP_OK || !strstr(err.text, rows[i].says) || err.line != rows[i].line) {
            fail_msg("row %zu: status %d, line %u, '%s'", i, status, err.line, err.text);
        }
        sp_catalog_close(own);
    }
    unlink(path);
    rmdir(stacks);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vendor_has_a_default), cmocka_unit_test(families_have_their_own_values),
        cmocka_unit_test(names_of_algorithms_exist), cmocka_unit_test(networks_have_the_same_stack), cmocka_unit_test(trees_are_for_one_rank_a_domain),
        cmocka_unit_test(every_value_is_visited), cmocka_unit_test(unknown_names_are_told), cmocka_unit_test(faults_point_at_their_place)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
