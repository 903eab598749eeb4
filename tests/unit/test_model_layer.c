/* The layer vocabulary: every kind has a name and is readable; parameters and FLOPs agree with loops that do the work. */
#include "superpod/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const sp_layer *read_layer(sp_arena *arena, const char *layer)
{
    char text[1024];
    sp_doc *doc;
    sp_error err = {0};
    const sp_model *model = NULL;
    snprintf(text, sizeof text, "name: x\nsource: \"t\"\nlayers: [{%s}]\n", layer);
    if (sp_doc_parse(text, strlen(text), "x", &doc, &err) != SP_OK || sp_model_parse(sp_doc_root(doc), NULL, arena, &model, &err) != SP_OK)
        fail_msg("%s: %s", layer, err.text);
    sp_doc_destroy(doc);
    return &model->aux[0];
}

/* One sentence of the catalog for each kind, with the count of parameters and FLOPs worked out by hand. */
static void test_every_kind(void **state)
{
    (void)state;
    static const struct { sp_layer_kind kind; const char *text; double params, flop; } rows[] = {
        {SP_LAYER_LINEAR, "kind: linear, in_c: 10, out_c: 20, rows: 5, bias: true", 220, 2000},
        {SP_LAYER_CONV, "kind: conv, in: 8, in_c: 4, out_c: 6, kernel: 3, stride: 2, groups: 2", 4 / 2 * 6 * 9, 2.0 * 16 * 6 * 2 * 9},
        {SP_LAYER_CONV, "kind: conv, in: [4, 8, 8], in_c: 2, out_c: 3, kernel: 3", 2 * 3 * 27, 2.0 * 256 * 2 * 3 * 27},
        {SP_LAYER_DEPTHWISE, "kind: depthwise, in: 7, out_c: 5, kernel: 7, bias: true", 5 * 49 + 5, 2.0 * 49 * 5 * 49},
        {SP_LAYER_TRANSPOSED_CONV, "kind: transposed_conv, in: 4, in_c: 3, out_c: 2, kernel: 2, stride: 2", 24, 2.0 * 16 * 24},
        {SP_LAYER_UPSAMPLE, "kind: upsample, out: 8, out_c: 3", 0, 0},
        {SP_LAYER_POOL, "kind: pool, in: 8, out_c: 3, kernel: 2, stride: 2", 0, 0},
        {SP_LAYER_NORM, "kind: norm, in: 8, out_c: 3, bias: true", 6, 0},
        {SP_LAYER_ATTENTION, "kind: attention, queries: 6, keys: 6, heads: 2, dim: 8", 256, 4 * 36 * 8 + 2.0 * 6 * 256},
        {SP_LAYER_WINDOW_ATTENTION, "kind: window_attention, queries: 64, keys: 16, heads: 2, dim: 8", 256 + 2 * 49, 4 * 64 * 16 * 8 + 2.0 * 64 * 256},
        {SP_LAYER_CROSS_ATTENTION, "kind: cross_attention, queries: 6, keys: 3, heads: 2, dim: 8, in_c: 4", 128 + 64, 4 * 18 * 8 + 2.0 * 6 * 128 + 2.0 * 3 * 64},
        {SP_LAYER_TEMPORAL_ATTENTION, "kind: temporal_attention, queries: 6, rows: 10, heads: 2, dim: 8", 256, 10 * (4 * 36 * 8 + 2.0 * 6 * 256)},
        {SP_LAYER_DEFORMABLE_ATTENTION, "kind: deformable_attention, queries: 6, keys: 20, heads: 2, levels: 3, points: 4, dim: 8", 128 + 3 * 8 * 24,
         2.0 * 64 * 26 + 2.0 * 6 * 8 * 72 + 6 * 24 * (4 * 4 * 2 + 10)},
        {SP_LAYER_VIEW_TRANSFORM, "kind: view_transform, rows: 10, in_c: 4, out_c: 3, levels: 5", 32, 2.0 * 10 * (32 + 15)},
        {SP_LAYER_VOXELIZE, "kind: voxelize, points: 100, in_c: 9, out_c: 64", 9 * 64 + 128, 2.0 * 100 * 9 * 64},
        {SP_LAYER_SPARSE_CONV, "kind: sparse_conv, points: 1000, in_c: 4, out_c: 8, kernel: 3", 27 * 32, 2.0 * 1000 * 32},
        {SP_LAYER_ROI_ALIGN, "kind: roi_align, queries: 10, out: 7, out_c: 4", 0, 8.0 * 10 * 49 * 4},
        {SP_LAYER_EMBEDDING_BAG, "kind: embedding_bag, rows: 1000, dim: 16, bag: 3", 16000, 48},
        {SP_LAYER_INTERACTION, "kind: interaction, queries: 27, dim: 128", 0, 2.0 * 27 * 27 * 128},
        {SP_LAYER_INTERACTION, "kind: interaction, queries: 27, dim: 128, levels: 3, out_c: 512", 3 * (2.0 * 3456 * 512 + 3456), 3 * 4.0 * 3456 * 512},
        {SP_LAYER_MODULATION, "kind: modulation, in_c: 8, out_c: 48, bias: true", 432, 768},
        {SP_LAYER_SAMPLER, "kind: sampler, steps: 50", 0, 0},
        {SP_LAYER_HOST_SYNC, "kind: host_sync", 0, 0},
    };
    bool seen[SP_LAYER_KINDS] = {false};
    sp_arena *arena = sp_arena_create();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const sp_layer *layer = read_layer(arena, rows[i].text);
        assert_int_equal(layer->kind, rows[i].kind);
        seen[rows[i].kind] = true;
        if (sp_layer_params(layer) != rows[i].params || sp_layer_flop(layer) != rows[i].flop)
            fail_msg("%s: %.17g parameters and %.17g FLOPs, expected %.17g and %.17g", rows[i].text, sp_layer_params(layer), sp_layer_flop(layer), rows[i].params, rows[i].flop);
        assert_true(sp_layer_vector_flop(layer) >= 0);
    }
    for (int kind = SP_LAYER_LINEAR; kind < SP_LAYER_KINDS; kind++)
        if (!seen[kind])
            fail_msg("kind %s is not read", sp_layer_kind_name((sp_layer_kind)kind));
    sp_arena_destroy(arena);
}

static void test_names(void **state)
{
    (void)state;
    for (int a = 0; a < SP_LAYER_KINDS; a++) {
        assert_true(strlen(sp_layer_kind_name((sp_layer_kind)a)) > 2);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(sp_layer_kind_name((sp_layer_kind)a), sp_layer_kind_name((sp_layer_kind)b));
    }
    assert_string_equal(sp_layer_kind_name((sp_layer_kind)SP_LAYER_KINDS), "unknown");
}

/* Multiply-adds of a strided, grouped convolution, counted one by one ("same" padding, taps outside counted as in every
 * published figure). */
static void test_convolution_by_loops(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    for (uint32_t stride = 1; stride <= 3; stride++)
        for (uint32_t groups = 1; groups <= 4; groups *= 2) {
            char text[256];
            snprintf(text, sizeof text, "kind: conv, in: [5, 7], in_c: 8, out_c: 12, kernel: [3, 1], stride: %u, groups: %u", stride, groups);
            const sp_layer *layer = read_layer(arena, text);
            uint64_t macs = 0, weights = 0;
            for (uint32_t y = 0; y < 5; y += stride)
                for (uint32_t x = 0; x < 7; x += stride)
                    for (uint32_t out = 0; out < 12; out++)
                        for (uint32_t in = 0; in < 8; in++)
                            for (uint32_t tap = 0; tap < 3; tap++)
                                if (in / (8 / groups) == out / (12 / groups)) {
                                    macs++;
                                    weights += y == 0 && x == 0;
                                }
            assert_true(sp_layer_flop(layer) == 2.0 * (double)macs);
            assert_true(sp_layer_params(layer) == (double)weights);
        }
    sp_arena_destroy(arena);
}

/* A repeated layer counts as that many layers. */
static void test_repeat(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_layer *one = read_layer(arena, "kind: linear, in_c: 10, out_c: 20, bias: true"), *ten = read_layer(arena, "kind: linear, repeat: 10, in_c: 10, out_c: 20, bias: true");
    assert_true(sp_layer_params(ten) == 10 * sp_layer_params(one) && sp_layer_flop(ten) == 10 * sp_layer_flop(one));
    sp_arena_destroy(arena);
}

/* DLRM-DCNv2 of MLPerf: 32.1 M FLOPs a sample and 204.2 M rows of 128 (facts of the benchmark's reference code). */
static void test_recommendation(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    static const char *const layers[] = {"kind: linear, in_c: 13, out_c: 512", "kind: linear, in_c: 512, out_c: 256", "kind: linear, in_c: 256, out_c: 128",
                                         "kind: interaction, queries: 27, dim: 128, levels: 3, out_c: 512", "kind: linear, in_c: 3456, out_c: 1024",
                                         "kind: linear, in_c: 1024, out_c: 1024", "kind: linear, in_c: 1024, out_c: 512", "kind: linear, in_c: 512, out_c: 256",
                                         "kind: linear, in_c: 256, out_c: 1"};
    double flop = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        flop += sp_layer_flop(read_layer(arena, layers[i]));
    assert_true(fabs(flop / 32.1e6 - 1) < 0.01);
    const sp_layer *tables = read_layer(arena, "kind: embedding_bag, rows: 204200000, dim: 128, bag: 214");
    assert_true(fabs(sp_layer_params(tables) / 26.1e9 - 1) < 0.01);
    sp_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kind), cmocka_unit_test(test_names), cmocka_unit_test(test_convolution_by_loops),
                                       cmocka_unit_test(test_repeat), cmocka_unit_test(test_recommendation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
