/* Hugging Face configurations: published samples, the traps of single families, and bad values refused with their place. */
#include "superpod/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SAMPLES "../shared/samples/hf-config/"

static const sp_model *parse(sp_arena *arena, const char *text, const char *assume)
{
    sp_doc *doc;
    sp_error err = {0};
    const sp_model *model = NULL;
    if (sp_doc_parse(text, strlen(text), "config.json", &doc, &err) != SP_OK || sp_model_parse(sp_doc_root(doc), assume, arena, &model, &err) != SP_OK)
        fail_msg("%s (line %u) for %s", err.text, err.line, text);
    sp_doc_destroy(doc);
    return model;
}

static const sp_block *block(const sp_model *model, uint32_t layer)
{
    return &model->kinds[model->layer_kind[layer]];
}

static double total(const sp_model *model)
{
    sp_model_params p;
    sp_model_count(model, &p);
    return p.total;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* A published configuration and the catalog entry of the same model are written by different hands: they must agree. */
static void test_samples(void **state)
{
    (void)state;
    static const struct { const char *file, *catalog, *format; } rows[] = {
        {"Qwen--Qwen3-235B-A22B_config.json", "qwen3-235b-a22b", "bf16"}, {"Qwen--Qwen3-8B_config.json", "qwen3-8b", "bf16"},
        {"authored_llama-3.1-405b_facts.json", "llama3.1-405b", "bf16"}, {"authored_openpangu-ultra-moe-718b_facts.json", "pangu-ultra-moe", "bf16"},
        {"deepseek-ai--DeepSeek-V3.2_config.json", "deepseek-v3.2", "fp8"}, {"deepseek-ai--DeepSeek-V3_config.json", "deepseek-v3", "fp8"},
        {"deepseek-ai--DeepSeek-V4-Pro_config.json", "deepseek-v4-pro", "fp4"}, {"mistralai--Mixtral-8x7B-v0.1_config.json", "mixtral-8x7b", "bf16"},
        {"moonshotai--Kimi-K2-Instruct_config.json", "kimi-k2", "fp8"}, {"openai--gpt-oss-120b_config.json", "gpt-oss-120b", "mxfp4"},
        {"openai--gpt-oss-20b_config.json", "gpt-oss-20b", "mxfp4"}, {"zai-org--GLM-5_config.json", "glm-5", "bf16"}};
    FILE *probe = fopen(SAMPLES "Qwen--Qwen3-8B_config.json", "r");
    if (!probe) {
        print_message("no " SAMPLES ": skipped\n");
        skip();
    }
    fclose(probe);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[256], entry[256];
        sp_error err = {0};
        sp_arena *arena = sp_arena_create();
        const sp_model *sample = NULL, *catalog = NULL;
        snprintf(path, sizeof path, SAMPLES "%s", rows[i].file);
        snprintf(entry, sizeof entry, "catalog/models/%s.yaml", rows[i].catalog);
        if (sp_model_load(path, NULL, arena, &sample, &err) != SP_OK || sp_model_load(entry, NULL, arena, &catalog, &err) != SP_OK)
            fail_msg("%s:%u:%u %s", err.file, err.line, err.column, err.text);
        sp_model_params a, b;
        sp_model_count(sample, &a);
        sp_model_count(catalog, &b);
        if (a.total != b.total || a.active != b.active || a.mtp != b.mtp)
            fail_msg("%s counts %.0f, catalog %s %.0f", rows[i].file, a.total, rows[i].catalog, b.total);
        assert_int_equal(sample->n_layers, catalog->n_layers);
        assert_int_equal(sample->n_kinds, catalog->n_kinds);
        assert_int_equal(sample->mtp_layers, catalog->mtp_layers);
        for (uint64_t seq = 1024; seq <= 1u << 20; seq *= 32)
            assert_true(sp_model_flop_per_token(sample, seq) == sp_model_flop_per_token(catalog, seq));
        assert_string_equal(sample->weight_format, rows[i].format);
        sp_arena_destroy(arena);
    }
}

/* ---- traps ----------------------------------------------------------------------------------------------------- */

/* GLM-5's head_dim is the rotary part; with latent attention neither it nor num_key_value_heads means anything. */
static void test_mla_ignores_head_dim(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const char *format = "{\"model_type\":\"%s\",\"head_dim\":%d,\"num_key_value_heads\":%d,\"hidden_size\":6144,\"intermediate_size\":12288,"
                         "\"num_hidden_layers\":4,\"num_attention_heads\":64,\"vocab_size\":1000,\"q_lora_rank\":2048,\"kv_lora_rank\":512,"
                         "\"qk_nope_head_dim\":192,\"qk_rope_head_dim\":64,\"v_head_dim\":256,\"n_routed_experts\":8,\"num_experts_per_tok\":2,"
                         "\"moe_intermediate_size\":2048,\"n_shared_experts\":2,\"first_k_dense_replace\":1,\"dtype\":\"bfloat16\"}";
    char a[1024], b[1024];
    snprintf(a, sizeof a, format, "glm_moe_dsa", 64, 64);
    snprintf(b, sizeof b, format, "deepseek_v3", 7, 3);
    const sp_model *x = parse(arena, a, NULL), *y = parse(arena, b, NULL);
    assert_true(total(x) == total(y));
    assert_int_equal(block(x, 0)->attn.d_qk, 256);
    assert_int_equal(block(x, 0)->attn.kv_heads, 64);
    assert_int_equal(block(x, 0)->ffn.kind, SP_FFN_DENSE);
    assert_int_equal(block(x, 1)->ffn.kind, SP_FFN_MOE);
    assert_int_equal(block(x, 1)->ffn.shared_inner, 4096);
    assert_string_equal(x->weight_format, "bf16");
    sp_arena_destroy(arena);
}

/* A multimodal file nests the language model, and leaves out what equals its class's defaults. */
static void test_nested_and_defaults(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_model *m = parse(arena, "{\"model_type\":\"gemma3\",\"dtype\":\"bfloat16\",\"vision_config\":{\"hidden_size\":1152},"
                                     "\"text_config\":{\"model_type\":\"gemma3_text\",\"hidden_size\":3840,\"intermediate_size\":15360,"
                                     "\"num_hidden_layers\":48,\"num_attention_heads\":16,\"num_key_value_heads\":8,\"sliding_window\":1024}}", NULL);
    const sp_model *entry;
    assert_int_equal(sp_model_load("catalog/models/gemma3-12b.yaml", NULL, arena, &entry, NULL), SP_OK);
    assert_true(m->tied_embeddings && m->vocab == 262208 && block(m, 0)->attn.d_qk == 256);
    assert_true(block(m, 4)->attn.window == 1024 && block(m, 5)->attn.window == 0);
    assert_true(total(m) == total(entry));
    sp_arena_destroy(arena);
}

static void test_llama4(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_model *m = parse(arena, "{\"model_type\":\"llama4\",\"text_config\":{\"model_type\":\"llama4_text\",\"hidden_size\":5120,"
                                     "\"intermediate_size\":8192,\"intermediate_size_mlp\":16384,\"num_hidden_layers\":48,\"num_attention_heads\":40,"
                                     "\"num_key_value_heads\":8,\"head_dim\":128,\"vocab_size\":202048,\"num_local_experts\":128,\"num_experts_per_tok\":1,"
                                     "\"interleave_moe_layer_step\":2,\"attention_chunk_size\":8192,\"use_qk_norm\":true,\"tie_word_embeddings\":false}}", NULL);
    const sp_model *entry;
    assert_int_equal(sp_model_load("catalog/models/llama4-maverick.yaml", NULL, arena, &entry, NULL), SP_OK);
    assert_int_equal(m->n_kinds, 3);
    assert_true(block(m, 0)->attn.chunked && !block(m, 3)->attn.chunked && !block(m, 0)->attn.qk_norm);
    assert_true(block(m, 0)->ffn.kind == SP_FFN_DENSE && block(m, 1)->ffn.kind == SP_FFN_MOE);
    assert_true(total(m) == total(entry) - (double)entry->extra_params);
    sp_arena_destroy(arena);
}

static void test_gpt2_and_mpt(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_model *gpt2 = parse(arena, "{\"model_type\":\"gpt2\",\"n_ctx\":1024,\"n_embd\":768,\"n_head\":12,\"n_layer\":12,\"n_positions\":1024,"
                                        "\"n_inner\":null,\"vocab_size\":50257}", NULL);
    assert_true(total(gpt2) == 124439808);   /* the published GPT-2 small: 124.44 M */
    const sp_model *mpt = parse(arena, "{\"model_type\":\"mpt\",\"d_model\":4096,\"n_heads\":32,\"n_layers\":32,\"expansion_ratio\":4,\"max_seq_len\":2048,"
                                       "\"vocab_size\":50432,\"no_bias\":true,\"learned_pos_emb\":true,\"attn_config\":{\"alibi\":true,\"qk_ln\":false}}", NULL);
    assert_true(total(mpt) == 6649286656);   /* mosaicml/mpt-7b: ALiBi replaces the positions, no bias anywhere */
    assert_false(mpt->learned_positions);
    sp_arena_destroy(arena);
}

static void test_families_of_experts(void **state)
{
    (void)state;
    static const char *const texts[] = {   /* one model under four families' names: same numbers */
        "\"model_type\":\"mixtral\",\"num_local_experts\":16,\"num_experts_per_tok\":4,\"intermediate_size\":96",
        "\"model_type\":\"ernie4_5_moe\",\"moe_num_experts\":16,\"moe_k\":4,\"moe_intermediate_size\":96,\"intermediate_size\":7,\"tie_word_embeddings\":false",
        "\"model_type\":\"dots1\",\"use_qk_norm\":false,\"n_routed_experts\":16,\"num_experts_per_tok\":4,\"moe_intermediate_size\":96,\"intermediate_size\":7",
        "\"model_type\":\"qwen3_moe\",\"head_dim\":16,\"use_qk_norm\":false,\"num_experts\":16,\"num_experts_per_tok\":4,\"moe_intermediate_size\":96"};
    sp_arena *arena = sp_arena_create();
    double first = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{%s,\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"vocab_size\":100}", texts[i]);
        const sp_model *m = parse(arena, text, NULL);
        assert_int_equal(block(m, 2)->ffn.experts, 16);
        assert_int_equal(block(m, 2)->ffn.topk, 4);
        first = i ? first : total(m);
        assert_true(total(m) == first);
    }
    sp_arena_destroy(arena);
}

static void test_linear_and_pattern(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const sp_model *m = parse(arena, "{\"model_type\":\"qwen3_next\",\"hidden_size\":2048,\"num_hidden_layers\":48,\"num_attention_heads\":16,\"num_key_value_heads\":2,"
                                     "\"head_dim\":256,\"vocab_size\":151936,\"intermediate_size\":5120,\"num_experts\":512,\"num_experts_per_tok\":10,"
                                     "\"moe_intermediate_size\":512,\"shared_expert_intermediate_size\":512,\"decoder_sparse_step\":1,\"linear_conv_kernel_dim\":4,"
                                     "\"linear_key_head_dim\":128,\"linear_value_head_dim\":128,\"linear_num_key_heads\":16,\"linear_num_value_heads\":32,"
                                     "\"full_attention_interval\":4,\"tie_word_embeddings\":false}", NULL);
    assert_int_equal(m->n_kinds, 2);
    assert_int_equal(block(m, 0)->attn.kind, SP_ATTN_LINEAR);
    assert_int_equal(block(m, 3)->attn.kind, SP_ATTN_GQA);
    assert_true(fabs(total(m) / 79.7e9 - 1) < 0.01);   /* Qwen3-Next-80B-A3B: 80 G in name, 79.7 G without its MTP module */
    sp_arena_destroy(arena);
}

#define LLAMA "\"hidden_size\":64,\"intermediate_size\":128,\"num_hidden_layers\":2,\"num_attention_heads\":4,\"vocab_size\":100"

static void test_unknown_family(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    const char *text = "{\"model_type\":\"brand_new\"," LLAMA "}";
    const sp_model *m = parse(arena, text, "llama"), *known = parse(arena, "{\"model_type\":\"llama\"," LLAMA "}", NULL);
    assert_true(total(m) == total(known));
    assert_true(total(parse(arena, "{" LLAMA "}", "llama")) == total(known));   /* no model_type at all */
    const sp_model *none = NULL;
    sp_doc *doc;
    sp_error err = {0};
    assert_int_equal(sp_doc_parse(text, strlen(text), "config.json", &doc, &err), SP_OK);
    assert_int_equal(sp_model_parse(sp_doc_root(doc), "martian", arena, &none, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "martian"));
    assert_null(none);
    sp_doc_destroy(doc);
    sp_arena_destroy(arena);
}

/* ---- bad values ------------------------------------------------------------------------------------------------- */

#define MOE "\"model_type\":\"qwen3_moe\",\"head_dim\":16,\"num_experts\":8,\"moe_intermediate_size\":32,"
#define MLA "\"model_type\":\"deepseek_v3\",\"kv_lora_rank\":8,\"qk_nope_head_dim\":8,\"v_head_dim\":8,"
#define V4 "\"model_type\":\"deepseek_v4\",\"head_dim\":32,\"q_lora_rank\":16,\"n_routed_experts\":8,\"num_experts_per_tok\":2,\"moe_intermediate_size\":32,\"index_topk\":4,\"index_n_heads\":2,\"index_head_dim\":8,\"o_lora_rank\":8,\"sliding_window\":8,\"num_key_value_heads\":1,"

static void test_bad_values(void **state)
{
    (void)state;
    static const struct { const char *text, *says; uint32_t line, column; } rows[] = {
        {"[1, 2]", "expected a map", 1, 1},
        {"{\"a\": 1}", "model_type", 1, 1},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": -3," "\"hidden_size\":64}", "-3", 3, 23},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": 1000000000000000000}", "1000000000000000000", 3, 23},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": 99999999999999999999999999}", "99999999999999999999999999", 3, 23},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": \"many\"}", "many", 3, 23},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": 2.5}", "2.5", 3, 23},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": [2]}", "", 3, 23},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": 0}", "0", 3, 23},
        {"{\n \"model_type\": [\"llama\"]}", "", 2, 16},
        {"{\"model_type\":\"llama\",\"num_hidden_layers\":2}", "hidden_size", 1, 1},
        {"{\"model_type\":\"llama\"," LLAMA ",\n\"num_key_value_heads\": 3}", "do not divide", 2, 24},
        {"{\"model_type\":\"llama\"," LLAMA ",\n\"num_key_value_heads\": 0}", "0", 2, 24},
        {"{\"model_type\":\"llama\"," LLAMA ",\n\"head_dim\": -1}", "-1", 2, 13},
        {"{\"model_type\":\"llama\"," LLAMA ",\n\"tie_word_embeddings\": \"perhaps\"}", "perhaps", 2, 24},
        {"{\"model_type\":\"llama\",\"hidden_size\":65,\"intermediate_size\":128,\"num_hidden_layers\":2,\"vocab_size\":9,\n\"num_attention_heads\": 4}", "do not divide", 2, 24},
        {"{\"model_type\":\"mistral\"," LLAMA ",\n\"sliding_window\": \"wide\"}", "wide", 2, 19},
        {"{" MOE LLAMA ",\n\"num_experts_per_tok\": 9}", "exceed the number of experts", 2, 24},
        {"{" MOE LLAMA ",\n\"num_experts_per_tok\": 0}", "0", 2, 24},
        {"{" MOE LLAMA "}", "num_experts_per_tok", 1, 1},
        {"{" MOE LLAMA ",\"num_experts_per_tok\":2,\n\"mlp_only_layers\": 3}", "list", 2, 20},
        {"{" MOE LLAMA ",\"num_experts_per_tok\":2,\n\"mlp_only_layers\": [\"x\"]}", "x", 2, 21},
        {"{" MOE LLAMA ",\"num_experts_per_tok\":2,\n\"decoder_sparse_step\": 0}", "0", 2, 24},
        {"{\"model_type\":\"dots1\",\"n_routed_experts\":4,\"num_experts_per_tok\":1,\"moe_intermediate_size\":8," LLAMA ",\n\"first_k_dense_replace\": 5}", "exceed", 2, 26},
        {"{" MLA LLAMA ",\n\"q_lora_rank\": -2}", "-2", 2, 16},
        {"{\"model_type\":\"deepseek_v3\"," LLAMA "}", "kv_lora_rank", 1, 1},
        {"{" MLA LLAMA ",\n\"index_topk\": 4}", "index_n_heads", 1, 1},
        {"{" V4 LLAMA ",\"compress_ratios\":[0,0],\n\"o_groups\": 3}", "do not divide", 2, 13},
        {"{" V4 LLAMA ",\"o_groups\":2}", "compress_ratios", 1, 1},
        {"{" V4 LLAMA ",\"o_groups\":2,\n\"compress_ratios\": [0]}", "1 entries for 2 layers", 2, 20},
        {"{\"model_type\":\"gpt_oss\",\"num_local_experts\":4,\"num_experts_per_tok\":2," LLAMA ",\n\"layer_types\": [\"full_attention\", \"odd\"]}", "odd", 2, 35},
        {"{\"model_type\":\"llama\"," LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\n\"factor\": -2}}", "-2", 2, 11},
        {"{\"model_type\":\"gpt2\",\"n_embd\":64,\"n_layer\":1,\"n_head\":2,\"vocab_size\":9}", "n_positions", 1, 1},
        {"{\n\"model_type\": \"brand_new\", \"num_experts\": 4, \"hidden_size\": 4}", "unknown model_type \"brand_new\"", 2, 15},
        {"{\n\"model_type\": \"brand_new\", \"num_experts\": 4, \"hidden_size\": 4}", "lacks num_hidden_layers, num_attention_heads, intermediate_size, vocab_size and leaves unread num_experts", 2, 15},
        {"{\n\"model_type\": \"brand_new\", \"num_experts\": 4, \"hidden_size\": 4}", "--assume llama", 2, 15},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sp_doc *doc;
        sp_error err = {0};
        sp_arena *arena = sp_arena_create();
        const sp_model *model = NULL;
        if (sp_doc_parse(rows[i].text, strlen(rows[i].text), "config.json", &doc, &err) != SP_OK)
            fail_msg("%s", err.text);
        const sp_status status = sp_model_parse(sp_doc_root(doc), NULL, arena, &model, &err);
        if (status == SP_OK || model || !strstr(err.text, rows[i].says) || err.line != rows[i].line || err.column != rows[i].column || strcmp(err.file, "config.json"))
            fail_msg("%s:\n  got %s:%u:%u %s\n  expected %u:%u …%s…", rows[i].text, err.file, err.line, err.column, err.text, rows[i].line, rows[i].column, rows[i].says);
        sp_doc_destroy(doc);
        sp_arena_destroy(arena);
    }
}

/* YaRN scales queries and keys unless the file says that it does not, or by a ratio of one. */
static void test_yarn(void **state)
{
    (void)state;
    static const struct { const char *scaling; bool yarn; } rows[] = {
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0}", true}, {"\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4.0}", true},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":1}", false}, {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}", false},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0,\"attention_factor\":1.0}", false},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":40,\"mscale\":1.0,\"mscale_all_dim\":1.0}", false},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":40,\"mscale\":1.0,\"mscale_all_dim\":0.7}", true}, {"\"rope_scaling\":null", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[400];
        sp_arena *arena = sp_arena_create();
        snprintf(text, sizeof text, "{\"model_type\":\"llama\"," LLAMA ",%s}", rows[i].scaling);
        if (block(parse(arena, text, NULL), 0)->attn.yarn != rows[i].yarn)
            fail_msg("%s", rows[i].scaling);
        sp_arena_destroy(arena);
    }
}

/* GPT-NeoX: attention and FFN beside each other unless the file says one after the other. */
static void test_parallel_residual(void **state)
{
    (void)state;
    static const struct { const char *said; bool parallel; } rows[] = {
        {"", true}, {",\"use_parallel_residual\":true", true}, {",\"use_parallel_residual\":false", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        sp_arena *arena = sp_arena_create();
        snprintf(text, sizeof text, "{\"model_type\":\"gpt_neox\"," LLAMA "%s}", rows[i].said);
        if (block(parse(arena, text, NULL), 0)->parallel != rows[i].parallel)
            fail_msg("gpt_neox%s", rows[i].said);
        sp_arena_destroy(arena);
    }
}

/* Without memory there is an error, never a model. */
static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 100; n++) {
        sp_arena *arena = sp_arena_create();
        const sp_model *model = NULL;
        sp_error err = {0};
        sp_alloc_fail_after(n);
        const sp_status status = arena ? sp_model_load("catalog/models/deepseek-v3.yaml", NULL, arena, &model, &err) : SP_E_NOMEM;
        sp_alloc_fail_after(0);
        assert_true(status == SP_OK ? model != NULL : model == NULL && status == SP_E_NOMEM);
        sp_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_samples), cmocka_unit_test(test_mla_ignores_head_dim), cmocka_unit_test(test_nested_and_defaults),
                                       cmocka_unit_test(test_llama4), cmocka_unit_test(test_gpt2_and_mpt), cmocka_unit_test(test_families_of_experts),
                                       cmocka_unit_test(test_linear_and_pattern), cmocka_unit_test(test_unknown_family), cmocka_unit_test(test_bad_values),
                                       cmocka_unit_test(test_yarn), cmocka_unit_test(test_parallel_residual), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
