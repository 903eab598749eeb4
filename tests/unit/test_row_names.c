/* The names that tables print find the catalog's entry they mean; names that mean none are built from the row's columns, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "superpod/study.h"

#define HEADER "id,hw_class,chips,model,params_b,layers,hidden,heads,kv_heads,ffn,experts,topk,vocab,seq,tp,cp,pp,mbs,gbs,precision,recompute,framework,other,step_time_s\n"
#define RUN "4096,1,1,1,1,8,BF16,full,NeMo,,1\n"
#define ROWS_MAX 128

#include "study_fixture.h"

static void validated(fixture *f, const char *text)
{
    sp_error err;
    if (validate(f, text, &err) != SP_OK)
        fail_msg("%u:%u: %s", err.line, err.column, err.text);
}

/* A row that gives a name and no sizes. */
static void by_name(fixture *f, const char *const names[][2], size_t n)
{
    static char text[ROWS_MAX * 160];
    size_t at = (size_t)snprintf(text, sizeof text, "%s", HEADER);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "N%zu,H100,8,%s,,,,,,,,,," RUN, i, names[i][0]);
    assert_true(at < sizeof text && n <= ROWS_MAX);
    validated(f, text);
    assert_int_equal(f->study.n_rows, n);
}

static void names_find_their_entry(void **state)
{
    static const char *const names[][2] = {
        {"qwen2_5_72b", "qwen2.5-72b"}, {"Qwen 2.5 72B", "qwen2.5-72b"}, {"Qwen2.5-72B-Instruct", "qwen2.5-72b"}, {"Qwen/Qwen2.5-7B", "qwen2.5-7b"},
        {"finetune_qwen2_5_0_5b_8k", "qwen2.5-0.5b"}, {"qwen1_5_14b", "qwen1.5-14b"}, {"Qwen-7B-Chat", "qwen-7b"}, {"Qwen2-57B", "qwen2-57b-a14b"},
        {"Qwen3-30B", "qwen3-30b-a3b"}, {"Qwen3_235B_a22B", "qwen3-235b-a22b"}, {"Qwen3-Next-80B", "qwen3-next-80b-a3b"}, {"qwen3-480b-a35b", "qwen3-coder-480b-a35b"},
        {"Qwen3-4B-Base", "qwen3-4b"}, {"Llama 3.1 8B", "llama3.1-8b"}, {"llama3_1_8b", "llama3.1-8b"}, {"Meta-Llama-3-8B", "llama3-8b"},
        {"meta-llama/Meta-Llama-3.1-70B-Instruct", "llama3.1-70b"}, {"LLaMA-7B", "llama-7b"}, {"llama_7b", "llama-7b"}, {"llama_30b", "llama-33b"},
        {"llama2_13b_lora", "llama2-13b"}, {"llama2_70b_32p", "llama2-70b"}, {"Llama-2-7b-chat-hf", "llama2-7b"}, {"Llama3.2-1B", "llama3.2-1b"},
        {"llama3-405b", "llama3.1-405b"}, {"Llama 4 Maverick 400B", "llama4-maverick"}, {"llama4-17b-16e", "llama4-scout"}, {"codellama_34b_32p", "codellama-34b"},
        {"DeepSeek V3", "deepseek-v3"}, {"DeepSeek-V3-671B", "deepseek-v3"}, {"deepseek3-671b", "deepseek-v3"}, {"DeepSeek-R1", "deepseek-v3"},
        {"deepseek2-236b", "deepseek-v2"}, {"DeepSeek-V2-Lite-Chat", "deepseek-v2-lite"}, {"deepseek-33b", "deepseek-coder-33b"}, {"DeepSeek-LLM-67B-Base", "deepseek-llm-67b"},
        {"glm4_9b", "glm4-9b"}, {"GLM-4-9B", "glm4-9b"}, {"chatglm3_6b", "chatglm3-6b"}, {"glm2_6b_lora", "chatglm2-6b"}, {"glm3_6b_32k", "chatglm3-6b"},
        {"GLM-4.5-355B", "glm-4.5"}, {"Nemotron-340B", "nemotron4-340b"}, {"Nemotron4-15B", "nemotron4-15b"}, {"Nemotron-3-Ultra-550B", "nemotron-3-ultra-550b-a55b"},
        {"Nemotron-3.5-Lightning", "nemotron-3.5-lightning-30b-a3b"}, {"Nemotron_3_Nano", "nemotron-3-nano-30b-a3b"}, {"NVIDIA-Nemotron-H-56B-Base-8K", "nemotron-h-56b"},
        {"baichuan2_13b", "baichuan2-13b"}, {"Baichuan2-7B", "baichuan2-7b"}, {"InternLM_7B", "internlm-7b"}, {"internlm2-20b", "internlm2-20b"},
        {"InternLM2.5-7B", "internlm2-7b"}, {"TeleChat2_115b", "telechat2-115b"}, {"telechat_12b_sft", "telechat-12b"}, {"yi_6b", "yi-6b"}, {"Yi-1.5-34B", "yi-34b"},
        {"Mixtral-8x7B-v0.1", "mixtral-8x7b"}, {"mixtral_8x22b_predict", "mixtral-8x22b"}, {"Mistral-7B-Instruct-v0.3", "mistral-7b"}, {"gemma-2-27b-it", "gemma2-27b"},
        {"Gemma3 4B", "gemma3-4b"}, {"GPT-OSS 120B", "gpt-oss-120b"}, {"GPT3-175B", "gpt3-175b"}, {"GPT3-15B", "gpt3-15b"}, {"gpt2_13b", "gpt2-13b"}, {"GPT-2-XL", "gpt2-xl"}, {"Grok1-8x5B", "grok1-40b"}, {"deepseek1.5-7b", "deepseek-llm-7b"},
        {"Grok1-314B", "grok1-314b"}, {"Kimi-K2-Instruct", "kimi-k2"}, {"Kimi K2 1T", "kimi-k2"}, {"pangualpha_2_6b", "pangualpha-2.6b"}, {"Bloom-7B1", "bloom-7b1"},
        {"bloom_7.1b", "bloom-7b1"}, {"OPT-175B", "opt-175b"}, {"falcon-180B-chat", "falcon-180b"}, {"MiniMax-M2.5", "minimax-m2"}, {"Phi-3-mini", "phi-3-mini"}};
    fixture *f = *state;
    size_t n = sizeof names / sizeof names[0];
    by_name(f, names, n);
    for (size_t i = 0; i < n; i++) {
        const sp_study_row *row = &f->study.rows[i];
        if (!row->run)
            fail_msg("%s: %s", names[i][0], row->reason);
        if (strcmp(row->run->model->name, names[i][1]) != 0)
            fail_msg("%s: %s, expected %s", names[i][0], row->run->model->name, names[i][1]);
    }
}

/* Near misses: other sizes of a family, sizes that are not an entry's, a start that several entries share. */
static void other_names_find_none(void **state)
{
    static const char *const names[][2] = {
        {"Llama3-9B", ""}, {"Qwen3", ""}, {"DeepSeek-V2-90B", ""}, {"GPT-2-1.5B", ""}, {"GLM-4.5-200B", ""}, {"Nobody-7B", ""}, {"lora", ""}, {"-", ""}, {"_32k", ""},
        {"qwen3-8bb", ""}, {"llama", ""}, {"0x1b", ""}};
    fixture *f = *state;
    size_t n = sizeof names / sizeof names[0];
    by_name(f, names, n);
    for (size_t i = 0; i < n; i++) {
        const sp_study_row *row = &f->study.rows[i];
        assert_int_equal(row->status, SP_STUDY_UNEXPRESSED);
        if (!strstr(row->reason, "does not give its layers"))
            fail_msg("%s: %s", names[i][0], row->reason);
    }
}

static const sp_study_row *one(fixture *f, const char *sizes)
{
    char text[1024];
    snprintf(text, sizeof text, HEADER "A,H100,8,%s," RUN, sizes);
    validated(f, text);
    if (!f->study.rows[0].run)
        fail_msg("%s: %s", sizes, f->study.rows[0].reason);
    return &f->study.rows[0];
}

/* A name of no family: the columns say all, and the feed-forward part is the one that they fit; what was taken is said. */
static void unknown_families_are_read_from_columns(void **state)
{
    static const struct { const char *sizes; bool gated; const char *why; } cases[] = {
        {"Nobody-7B,6.7,32,4096,32,,11008,,,32000", true, "nearer to the parameters stated"},
        {"Nobody-7B,6.7,32,4096,32,,16384,,,32000", false, "nearer to the parameters stated"},
        {"Nobody-9B,8.85,32,4096,32,,16384,,,32000", true, "nearer to the parameters stated"},
        {"Nobody-7B,,32,4096,32,,16384,,,32000", false, "4 x"},
        {"Nobody-7B,,32,4096,32,8,14336,,,32000", true, "not 4 x"},
        {"Nobody-7B,,32,4096,32,,,,,32000", true, "not 4 x"},
        {"Nobody-8x7B,47,32,4096,32,8,14336,8,2,32000", true, "nearer to the parameters stated"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sp_study_row *row = one(f, cases[i].sizes);
        const sp_model *model = row->run->model;
        assert_int_equal(model->kinds[0].ffn.gated, cases[i].gated);
        assert_int_equal(model->n_layers, 32);
        assert_int_equal(model->vocab, 32000);
        if (!strstr(row->reason, "of no known family") || !strstr(row->reason, cases[i].why))
            fail_msg("%s: %s", cases[i].sizes, row->reason);
    }
}

/* Rows of one name with other columns are other models, and every row says what was taken. */
static void rows_of_one_name_are_apart(void **state)
{
    fixture *f = *state;
    validated(f, HEADER "A,H100,8,Nobody,,32,4096,32,,11008,8,2,32000," RUN "B,H100,8,Nobody,,32,4096,32,,11008,16,2,32000," RUN
                       "C,H100,8,Nobody,,32,4096,32,,11008,16,2,32000," RUN);
    assert_int_equal(f->study.rows[0].run->model->kinds[0].ffn.experts, 8);
    assert_int_equal(f->study.rows[1].run->model->kinds[0].ffn.experts, 16);
    assert_ptr_equal(f->study.rows[1].run->model, f->study.rows[2].run->model);
    assert_non_null(strstr(f->study.rows[2].reason, "of no known family"));
}

/* Layers that differ from the entry's: a proxy of that depth, leading layers kept. */
static void fewer_layers_are_a_proxy(void **state)
{
    fixture *f = *state;
    const sp_model *model = one(f, "DeepSeek-V2-90B,,16,5120,128,128,12288,160,6,102400")->run->model;
    assert_int_equal(model->n_layers, 16);
    assert_int_equal(model->kinds[model->layer_kind[0]].ffn.kind, SP_FFN_DENSE);
    assert_int_equal(model->kinds[model->layer_kind[15]].ffn.experts, 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_find_their_entry, set_up, tear_down), cmocka_unit_test_setup_teardown(other_names_find_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_families_are_read_from_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_one_name_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fewer_layers_are_a_proxy, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
