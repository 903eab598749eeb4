/* Parameter counts of the catalog beside the published numbers (model-params.csv): the count is the recorded one, and lies
 * within 1 % of what was published or of what rounds to it. */
#include "superpod/workload.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MODELS_MAX 512

static const sp_model *load(sp_arena *arena, const char *name)
{
    char path[256], text[1200];
    const sp_model *model = NULL;
    sp_error err = {0};
    snprintf(path, sizeof path, "catalog/models/%s.yaml", name);
    if (sp_model_load(path, NULL, arena, &model, &err) != SP_OK) {
        sp_error_format(&err, text, sizeof text);
        fail_msg("%s", text);
    }
    return model;
}

/* Distance of a count from the interval of numbers that would be printed as `published`, as a part of it. */
static double error_of(double counted, double published, double rounding)
{
    const double away = fabs(counted - published) - rounding;
    return away > 0 ? away / published : 0;
}

static void test_counts(void **state)
{
    (void)state;
    FILE *file = fopen("tests/golden/model-params.csv", "r");
    assert_non_null(file);
    char line[2048], name[64];
    double counted, published, rounding, active;
    size_t rows = 0;
    sp_arena *arena = sp_arena_create();
    assert_non_null(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file)) {
        assert_int_equal(sscanf(line, "%63[^,],%lf,%lf,%lf,%lf", name, &counted, &active, &published, &rounding), 5);
        const sp_model *model = load(arena, name);
        sp_model_params p;
        sp_model_count(model, &p);
        assert_string_equal(model->name, name);
        if (p.total != counted || p.active != active)
            fail_msg("%s: counted %.0f (active %.0f), recorded %.0f (%.0f)", name, p.total, p.active, counted, active);
        assert_true(model->published_params == published && model->published_rounding == rounding);
        if (published > 0 && error_of(counted, published, rounding) > 0.01)
            fail_msg("%s: counted %.4g, published %.4g", name, counted, published);
        rows++;
    }
    fclose(file);
    sp_arena_destroy(arena);
    assert_true(rows >= 240);
}

/* Every catalog entry is in the table: a model cannot be added without its count being looked at. */
static void test_complete(void **state)
{
    (void)state;
    static char listed[MODELS_MAX][64];
    size_t n = 0;
    FILE *file = fopen("tests/golden/model-params.csv", "r");
    assert_non_null(file);
    char line[2048];
    while (n < MODELS_MAX && fgets(line, sizeof line, file))
        n += sscanf(line, "%63[^,]", listed[n]) == 1;
    fclose(file);
    DIR *dir = opendir("catalog/models");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (entry->d_name[0] == '.' || !dot)
            continue;
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found = found || (!strncmp(listed[i], entry->d_name, (size_t)(dot - entry->d_name)) && !listed[i][dot - entry->d_name]);
        if (!found)
            fail_msg("catalog/models/%s is not in tests/golden/model-params.csv", entry->d_name);
    }
    closedir(dir);
}

/* Papers count active parameters with the embedding or without it: one of the two agrees. */
static void test_active(void **state)
{
    (void)state;
    static const char *const names[] = {"deepseek-v2", "deepseek-v3", "deepseek-v4-pro", "deepseek-v4-flash", "kimi-k2", "glm-5", "pangu-ultra-moe",
                                        "mixtral-8x7b", "mixtral-8x22b", "qwen3-30b-a3b", "qwen3-235b-a22b", "gpt-oss-120b", "gpt-oss-20b",
                                        "gemma4-26b", "llama4-scout", "llama4-maverick", "qwen3-coder-480b-a35b", "qwen2-57b-a14b", "dbrx",
                                        "nemotron-3-ultra-550b-a55b", "ernie-4.5-300b-a47b"};
    sp_arena *arena = sp_arena_create();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const sp_model *model = load(arena, names[i]);
        sp_model_params p;
        sp_model_count(model, &p);
        assert_true(model->published_active > 0);
        const double with = fabs(p.active / model->published_active - 1), without = fabs((p.active - p.embedding) / model->published_active - 1);
        if (with > 0.025 && without > 0.025)
            fail_msg("%s: active %.3g or %.3g without embedding, published %.3g", names[i], p.active, p.active - p.embedding, model->published_active);
    }
    sp_arena_destroy(arena);
}

/* Vision examples: counts and FLOPs of facts published by timm. */
static void test_vision(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet-50", "vit-l-16"};
    sp_arena *arena = sp_arena_create();
    for (size_t i = 0; i < 2; i++) {
        const sp_model *model = load(arena, names[i]);
        const double flop = sp_model_flop_per_sample(model);
        assert_true(model->published_flop > 0 && model->n_layers == 0 && model->n_aux > 0);
        if (fabs(flop / model->published_flop - 1) > 0.01)
            fail_msg("%s: %.4g FLOPs, published %.4g", names[i], flop, model->published_flop);
    }
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_complete), cmocka_unit_test(test_active),
                                       cmocka_unit_test(test_vision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
