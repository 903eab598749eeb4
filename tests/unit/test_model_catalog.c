/* Catalog entries of models: all load, say where they come from, describe the models of the measurements; bad ones are
 * refused with their place. */
#include "superpod/workload.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_all_load(void **state)
{
    (void)state;
    DIR *dir = opendir("catalog/models");
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)); n++) {
        if (entry->d_name[0] == '.')
            continue;
        char path[300];
        sp_error err = {0};
        sp_arena *arena = sp_arena_create();
        const sp_model *model = NULL;
        snprintf(path, sizeof path, "catalog/models/%.200s", entry->d_name);
        if (sp_model_load(path, NULL, arena, &model, &err) != SP_OK)
            fail_msg("%s:%u:%u %s", err.file, err.line, err.column, err.text);
        assert_int_equal(sp_model_check(model, &err), SP_OK);
        assert_int_equal(strncmp(entry->d_name, model->name, strlen(model->name)), 0);
        assert_string_equal(entry->d_name + strlen(model->name), ".yaml");
        assert_true(strlen(model->source) > 10);
        assert_string_equal(model->family, "catalog");
        if (model->published_params == 0 && !model->note)
            fail_msg("%s has no published count and no note that says why", path);
        sp_arena_destroy(arena);
    }
    closedir(dir);
    assert_true(n >= 240);
}

static void test_deepseek_v3(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_model *m;
    sp_model_params p;
    assert_int_equal(sp_model_load("catalog/models/deepseek-v3.yaml", NULL, arena, &m, NULL), SP_OK);
    sp_model_count(m, &p);
    assert_int_equal(m->mtp_layers, 1);
    assert_int_equal(m->n_layers, 61);
    assert_true(m->kinds[m->layer_kind[2]].ffn.kind == SP_FFN_DENSE && m->kinds[m->layer_kind[3]].ffn.kind == SP_FFN_MOE);
    assert_true(p.total == 671026419200.0);   /* tensors of the published checkpoint without the MTP module */
    assert_true(fabs(p.mtp / 11.6e9 - 1) < 0.01);   /* 14 G in the checkpoint, which repeats embedding and head (1.85 G) and adds scales */
    assert_true(m->default_seq == 4096 && m->default_gbs == 15360);
    sp_arena_destroy(arena);
}

/* ---- against the table of measured models --------------------------------------------------------------------- */

#define COLUMNS 19

/* Splits a line at commas; no field of this table is quoted. */
static size_t split(char *line, char *cells[COLUMNS])
{
    size_t n = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *at = line; n < COLUMNS; at++) {
        cells[n++] = at;
        at += strcspn(at, ",");
        if (!*at)
            break;
        *at = 0;
    }
    return n;
}

static void same(const char *model, const char *what, const char *cell, uint32_t value)
{
    if (*cell && strtoul(cell, NULL, 10) != value)
        fail_msg("%s: %s is %s in the table, %u in the catalog", model, what, cell, value);
}

/* Why an entry differs from the table, each on purpose (the entry's own source or note says so). */
static bool differs(const char *name, const char *what)
{
    static const char *const rows[][2] = {
        {"maxtext-22b", "vocab"}, {"maxtext-22b", "gated"}, {"maxtext-22b", "tied"},        /* base.yml of its time       */
        {"gemma3-12b", "vocab"},                                                             /* the checkpoint pads by 64  */
        {"llama4-maverick", "layers of experts"}, {"gemma4-26b", "ffn"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i][0], name) && !strcmp(rows[i][1], what))
            return true;
    return !strncmp(name, "gpt-mcore", 9) && !strcmp(what, "tied");
}

static void compare(char *cells[COLUMNS])
{
    enum { MODEL, PARAMS, LAYERS, HIDDEN, HEADS, KV, D, FFN, GATED, EXPERTS, TOPK, MOE_FFN, SHARED, DENSE, VOCAB, TIED, ATTENTION };
    char name[80], path[300];
    sp_error err = {0};
    sp_arena *arena = sp_arena_create();
    const sp_model *m;
    snprintf(name, sizeof name, "%s", cells[MODEL]);
    for (char *c = name; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    snprintf(path, sizeof path, "catalog/models/%s.yaml", name);
    if (sp_model_load(path, NULL, arena, &m, &err) != SP_OK)
        fail_msg("%s: %s", name, err.text);
    const sp_block *first = &m->kinds[m->layer_kind[0]], *last = &m->kinds[m->layer_kind[m->n_layers - 1]];
    const bool moe = *cells[EXPERTS] != 0;
    same(name, "layers", cells[LAYERS], m->n_layers);
    same(name, "hidden", cells[HIDDEN], m->hidden);
    same(name, "heads", cells[HEADS], first->attn.heads);
    if (first->attn.kind == SP_ATTN_GQA)
        same(name, "kv_heads", cells[KV], first->attn.kv_heads);
    same(name, "head_dim", cells[D], first->attn.d_qk);
    same(name, "experts", cells[EXPERTS], last->ffn.experts);
    same(name, "topk", cells[TOPK], last->ffn.topk);
    same(name, "moe_ffn", cells[MOE_FFN], last->ffn.expert_inner);
    if (first->ffn.kind == SP_FFN_DENSE)
        same(name, "ffn", cells[FFN], first->ffn.inner);
    if (!differs(name, "vocab"))
        same(name, "vocab", cells[VOCAB], m->vocab);
    if (*cells[SHARED] && !differs(name, "ffn"))
        same(name, "shared", cells[SHARED], last->ffn.shared_inner / last->ffn.expert_inner);
    if (!differs(name, "gated"))
        assert_int_equal(last->ffn.gated, *cells[GATED] == '1');
    if (!differs(name, "tied"))
        assert_int_equal(m->tied_embeddings, *cells[TIED] == '1');
    assert_int_equal(last->ffn.kind == SP_FFN_MOE, moe);
    uint32_t dense = 0;
    while (moe && dense < m->n_layers && m->kinds[m->layer_kind[dense]].ffn.kind == SP_FFN_DENSE)
        dense++;
    if (moe && !differs(name, "layers of experts"))
        assert_int_equal(dense, strtoul(cells[DENSE], NULL, 10));
    sp_arena_destroy(arena);
}

static void test_measured_models(void **state)
{
    (void)state;
    FILE *file = fopen("../shared/validation/models.csv", "r");
    if (!file) {
        print_message("no ../shared/validation/models.csv: skipped\n");
        skip();
    }
    char line[4096], *cells[COLUMNS];
    size_t rows = 0;
    assert_non_null(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); rows++) {
        assert_true(split(line, cells) >= 17);
        compare(cells);
    }
    fclose(file);
    assert_true(rows >= 72);
}

/* ---- bad entries --------------------------------------------------------------------------------------------------- */

#define HEAD "name: x\nsource: \"t\"\nhidden: 64\nvocab: 100\n"
#define BLOCK "blocks:\n  a: {attention: {kind: gqa, heads: 4, d: 16}, ffn: {inner: 128}}\n"

static void test_bad_entries(void **state)
{
    (void)state;
    static const struct { const char *text, *says; uint32_t line, column; } rows[] = {
        {"name: x\n", "stack", 1, 1},
        {HEAD "stack: [a]\n", "blocks", 1, 1},
        {HEAD BLOCK "stack: [b]\n", "\"b\"", 7, 9},
        {HEAD BLOCK "stack: []\n", "empty", 7, 8},
        {HEAD BLOCK "stack: a\n", "list", 7, 8},
        {HEAD BLOCK "stack: [0 a]\n", "0 a", 7, 9},
        {HEAD BLOCK "stack: [5000 a]\n", "5000", 7, 9},
        {HEAD BLOCK "stack: [99999999999999999999999 a]\n", "99999", 7, 9},
        {HEAD BLOCK "stack: [4000 a, 4000 a]\n", "4096", 7, 17},
        {HEAD BLOCK "stack: [{times: 4096, of: [a, a]}]\n", "4096", 7, 28},
        {HEAD BLOCK "stack: [{times: 0, of: [a]}]\n", "0", 7, 17},
        {HEAD BLOCK "stack: [{of: [a]}]\n", "times", 7, 9},
        {HEAD BLOCK "stack: [{times: 2, off: [a]}]\n", "off", 7, 20},
        {HEAD BLOCK "stack: [a]\nhiden: 3\n", "hidden", 8, 1},
        {HEAD BLOCK "stack: [a]\nmtp: -1\n", "-1", 8, 6},
        {HEAD BLOCK "stack: [a]\nmtp_block: b\n", "no block is called \"b\"", 8, 12},
        {"name: x\nsource: \"t\"\nhidden: 64\n" BLOCK "stack: [a]\n", "vocab", 1, 1},
        {"source: \"t\"\nhidden: 64\nvocab: 9\n" BLOCK "stack: [a]\n", "name", 1, 1},
        {HEAD "blocks: {a: {attention: {kind: gqq, heads: 4, d: 16}, ffn: {inner: 8}}}\nstack: [a]\n", "gqq", 5, 32},
        {HEAD "blocks: {a: {attention: {heads: 4, d: 16}, ffn: {inner: 8}}}\nstack: [a]\n", "kind", 5, 25},
        {HEAD "blocks: {a: {attention: {kind: gqa, heads: 4}, ffn: {inner: 8}}}\nstack: [a]\n", "head", 5, 25},
        {HEAD "blocks: {a: {attention: {kind: gqa, heads: 4, kv_heads: 3, d: 16}, ffn: {inner: 8}}}\nstack: [a]\n", "do not divide", 5, 57},
        {HEAD "blocks: {a: {attention: {kind: mla, heads: 4, d: 16}, ffn: {inner: 8}}}\nstack: [a]\n", "rank", 1, 1},
        {HEAD "blocks: {a: {attention: {kind: gqa, heads: 4, d: 16}, moe: {experts: 2, topk: 1, inner: 8}, parallel: true}}\nstack: [a]\n", "parallel", 1, 1},
        {HEAD "blocks: {a: {ffn: {inner: 8}, parallel: maybe}}\nstack: [a]\n", "maybe", 5, 41},
        {HEAD "blocks: {a: {ffn: {inner: 0}}}\nstack: [a]\n", "0", 5, 27},
        {HEAD "blocks: {a: {ffn: {inner: 8}, moe: {experts: 2, topk: 1, inner: 8}}}\nstack: [a]\n", "one", 5, 36},
        {HEAD "blocks: {a: {moe: {experts: 2, topk: 3, inner: 8}}}\nstack: [a]\n", "top-3", 5, 38},
        {HEAD "blocks: {a: {moe: {experts: 2, inner: 8}}}\nstack: [a]\n", "topk", 5, 19},
        {"name: x\nsource: \"t\"\nlayers: []\n", "list", 3, 9},
        {"name: x\nsource: \"t\"\nlayers: [{kind: conw}]\n", "conv", 3, 17},
        {"name: x\nsource: \"t\"\nlayers: [{kind: block}]\n", "block", 3, 17},
        {"name: x\nsource: \"t\"\nlayers: [{kind: conv, in_c: 3, out_c: 4}]\n", "kernel", 3, 10},
        {"name: x\nsource: \"t\"\nlayers: [{kind: conv, in: [1, 2, 3, 4], in_c: 3, out_c: 4, kernel: 3}]\n", "4 sizes", 3, 27},
        {"name: x\nsource: \"t\"\nlayers: [{kind: conv, in: 8, in_c: 3, out_c: 4, kernel: 3, groups: 2}]\n", "do not divide", 3, 68},
        {"name: x\nsource: \"t\"\nlayers: [{kind: linear, in_c: 3, out_c: 4, repeat: 0}]\n", "0", 3, 52},
        {"name: x\nsource: \"t\"\nlayers: [{kind: attention, dim: 10, heads: 4, queries: 2, keys: 2}]\n", "do not divide", 3, 44},
        {"name: x\nsource: \"t\"\nlayers: [{kind: sampler}]\n", "steps", 3, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sp_doc *doc;
        sp_error err = {0};
        sp_arena *arena = sp_arena_create();
        const sp_model *model = NULL;
        if (sp_doc_parse(rows[i].text, strlen(rows[i].text), "m.yaml", &doc, &err) != SP_OK)
            fail_msg("%s: %s", rows[i].text, err.text);
        const sp_status status = sp_model_parse(sp_doc_root(doc), NULL, arena, &model, &err);
        if (status == SP_OK || model || !strstr(err.text, rows[i].says) || err.line != rows[i].line || err.column != rows[i].column)
            fail_msg("%s\n  got %u:%u %s\n  expected %u:%u …%s…", rows[i].text, err.line, err.column, err.text, rows[i].line, rows[i].column, rows[i].says);
        sp_doc_destroy(doc);
        sp_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_load), cmocka_unit_test(test_deepseek_v3), cmocka_unit_test(test_measured_models),
                                       cmocka_unit_test(test_bad_entries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
