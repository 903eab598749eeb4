/* Every value that a training step reads is carried as uncertain: all values made certain but one, whose doubt must show in the samples
 * of the comparison wherever moving it moves the step. Values are found by walking what was read, not by a list of those that are carried. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/predict.h"
#include "superpod/study.h"

#include "open_catalog.h"

#define VALUES_MAX 192u

typedef struct walk { uint32_t n; sp_value *value[VALUES_MAX]; char name[VALUES_MAX][96]; } walk;

/* The catalog lends its values as const; this test alone changes them, in memory that it opened itself. */
static void note(walk *w, const char *owner, const char *path, const sp_value *value)
{
    assert_true(w->n < VALUES_MAX);
    w->value[w->n] = (sp_value *)(uintptr_t)value;
    snprintf(w->name[w->n++], sizeof w->name[0], "%s %s", owner, path);
}

static void note_line(void *w, const char *path, const sp_value *value, sp_unit unit) { (void)unit; note(w, "product line", path, value); }
static void note_stack(void *w, const char *path, const sp_value *value, sp_unit unit) { (void)unit; note(w, "stack", path, value); }

static bool is_copy(const sp_value *a, const sp_value *fact)
{
    return a->low == fact->low && a->nominal == fact->nominal && a->high == fact->high && a->grade == fact->grade && a->source == fact->source;
}

/* Where the facts of a chip lie in it: a fact is a copy of its value. */
static void note_chip(walk *w, const sp_chip *chip)
{
    for (size_t at = 0; at + sizeof(sp_value) <= sizeof *chip; at += sizeof(void *))
        for (uint32_t i = 0; i < chip->n_facts; i++)
            if (is_copy((const sp_value *)(const void *)((const char *)chip + at), &chip->facts[i].value)) {
                note(w, "chip", chip->facts[i].key, (const sp_value *)(const void *)((const char *)chip + at));
                break;
            }
}

static void note_machine(walk *w, const sp_machine *m)
{
    for (uint32_t t = 0; t < m->planes[0].n_tiers; t++) {
        const sp_tier *tier = &m->planes[0].tiers[t];
        note(w, tier->name, "bandwidth", &tier->bw_bytes_per_s);
        note(w, tier->name, "latency", &tier->latency_s);
    }
}

static void make_certain(sp_value *v) { v->low = v->high = v->nominal; }

static const sp_model *model_of(const char *name, sp_arena *arena)
{
    const char *path;
    const sp_model *m = NULL;
    sp_error err = {0};
    if (sp_catalog_model_path(catalog, name, &path, &err) != SP_OK || sp_model_load(path, NULL, arena, &m, &err) != SP_OK)
        fail_msg("%s: %s", name, err.text);
    return m;
}

typedef struct bench { const char *text; sp_effort effort; const sp_machine *machine; const sp_model *model; } bench;

static sp_compare_entry entry_of(const bench *b, uint32_t samples, sp_arena *arena)
{
    sp_compare_problem problem = {.catalog = catalog, .model = b->model, .n_machines = 1, .machines = &b->text, .gbs = 64, .seq = 2048,
                                  .effort = b->effort, .samples = samples, .ratios_only = true};
    sp_comparison out;
    sp_error err = {0};
    if (sp_compare(&problem, arena, &out, &err) != SP_OK)
        fail_msg("%s: %s", b->text, err.text);
    assert_ptr_equal(out.entry[0].machine->chip, b->machine->chip);
    return out.entry[0];
}

static double step_of(const bench *b, const sp_plan *plan)
{
    sp_arena *arena = sp_arena_create();
    sp_train_report report;
    sp_error err = {0};
    if (sp_predict_train(b->machine, b->model, plan, false, arena, &report, NULL, &err) != SP_OK)
        fail_msg("%s: %s", b->text, err.text);
    sp_arena_destroy(arena);
    return report.step_time_s;
}

static bool samples_differ(const bench *b)
{
    sp_arena *arena = sp_arena_create();
    sp_compare_entry e = entry_of(b, 4, arena);
    bool differ = false;
    for (uint32_t s = 1; s < e.n_samples; s++)
        differ = differ || e.sample[s] != e.sample[0];
    sp_arena_destroy(arena);
    return differ;
}

/* Returns how many values move the step, the expected one among them; fails on one whose doubt is lost. */
static uint32_t check_all(bench *b, const walk *w, const char *expected)
{
    sp_arena *arena = sp_arena_create();
    sp_compare_entry base = entry_of(b, 1, arena);
    double step_s = step_of(b, &base.plan);
    uint32_t read = 0;
    bool found = false;
    for (uint32_t i = 0; i < w->n; i++) {
        sp_value *v = w->value[i], kept = *v;
        v->nominal *= 0.8;
        bool moves = step_of(b, &base.plan) != step_s;
        *v = kept;
        if (!moves)
            continue;
        read++;
        found = found || strcmp(w->name[i], expected) == 0;
        v->low = 0.5 * v->nominal;   /* far enough that a few samples pass what else bounds the step, as power does a matrix rate */
        v->high = 1.1 * v->nominal;
        if (!samples_differ(b))
            fail_msg("%s, %s: the step reads %s, and its doubt is not carried", b->text, b->model->name, w->name[i]);
        *v = kept;
    }
    sp_arena_destroy(arena);
    if (!found)
        fail_msg("%s, %s: no step reads %s", b->text, b->model->name, expected);
    return read;
}

static void test_doubts_are_carried(void **state)
{
    static const struct { const char *machine, *model; sp_effort effort; uint32_t least; const char *reads; } rows[] = {
        {"switch:4@450GB/s,1us clos:2@50GB/s,3us,nic chip=h100", "gpt-oss-20b", SP_EFFORT_QUICK, 30, "product line expert bias factor"},
        {"switch:2@450GB/s,1us chip=h100", "llama-13b", SP_EFFORT_NORMAL, 12, "chip host_memory_bw"},
        {"mesh:2@56GB/s,200ns chip=ascend-950dt", "llama-13b", SP_EFFORT_NORMAL, 12, "chip host_bw"},
        {"torus:2x2@100GB/s,300ns chip=tpu-v5p", "llama3-8b", SP_EFFORT_QUICK, 10, "chip memory_bw"}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        assert_int_equal(set_up(state), 0);   /* values as the files have them: the row before changed its own */
        sp_arena *arena = sp_arena_create();
        bench b = {.text = rows[r].machine, .effort = rows[r].effort, .machine = machine_of(rows[r].machine), .model = model_of(rows[r].model, arena)};
        walk w = {0};
        const sp_software *line = sp_machine_software(b.machine, NULL);
        assert_non_null(line);
        note_chip(&w, b.machine->chip);
        note_machine(&w, b.machine);
        sp_software_each_value(line, note_line, &w);
        sp_stack_each_value(sp_machine_stack(b.machine, NULL), note_stack, &w);
        for (uint32_t i = 0; i < w.n; i++)
            make_certain(w.value[i]);
        uint32_t read = check_all(&b, &w, rows[r].reads);
        print_message("%s, %s: %u of %u values move the step, all carried\n", b.text, b.model->name, read, w.n);
        assert_true(read >= rows[r].least);
        sp_arena_destroy(arena);
        tear_down(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_doubts_are_carried)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
