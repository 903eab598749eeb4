/* Names of models as tables print them ("Meta-Llama-3-8B", "finetune_qwen2_5_72b_32k", "DeepSeek3-671B") and the catalog's entry that
 * each means. What says how a model is run is cut; a name that is spelled otherwise is an alias; sizes that one side leaves out are no
 * difference. */
#include "run_i.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 96

/* Other spellings. Models that share every size with an entry stand for it: DeepSeek-R1 is trained from V3; the sizes of Kimi K2.5,
 * GLM-5.1, MiniMax-M2.5 and others are equal in github:ai-dynamo/aiconfigurator model_configs. */
static const struct { const char *also, *entry; } aliases[] = {
    {"nemotron-4b", "nemotron3-4b"}, {"nemotron-8b", "nemotron3-8b"}, {"nemotron3-22b", "nemotron-22b"}, {"nemotron-15b", "nemotron4-15b"},
    {"nemotron-340b", "nemotron4-340b"},
    {"glm2-6b", "chatglm2-6b"}, {"glm3-6b", "chatglm3-6b"}, {"glm32k", "chatglm3-6b"}, {"chatglm4-9b", "glm4-9b"}, {"glm-5.1", "glm-5"}, {"glm-5.2", "glm-5"},
    {"deepseek2", "deepseek-v2"}, {"deepseek2-236b", "deepseek-v2"}, {"deepseek2-16b", "deepseek-v2-lite"}, {"deepseek-v2-16b", "deepseek-v2-lite"},
    {"deepseek3", "deepseek-v3"}, {"deepseek3-671b", "deepseek-v3"}, {"deepseek-v3.1", "deepseek-v3"}, {"deepseek-r1", "deepseek-v3"},
    {"deepseek-r1-671b", "deepseek-v3"}, {"deepseek3.2-671b", "deepseek-v3.2"}, {"deepseek4-284b", "deepseek-v4-flash"},
    {"deepseek-7b", "deepseek-llm-7b"}, {"deepseek-67b", "deepseek-llm-67b"}, {"deepseek-33b", "deepseek-coder-33b"},
    {"deepseek-coder1.5-7b", "deepseek-llm-7b"}, {"deepseek1.5-7b", "deepseek-llm-7b"},
    {"llama3-405b", "llama3.1-405b"}, {"llama-405b", "llama3.1-405b"}, {"llama-30b", "llama-33b"}, {"llama4-17b-16e", "llama4-scout"},
    {"llama4-scout-17b-16e", "llama4-scout"}, {"llama4-17b-128e", "llama4-maverick"}, {"llama4-maverick-17b-128e", "llama4-maverick"},
    {"gpt3", "gpt3-175b"}, {"gpt-175b", "gpt3-175b"}, {"gpt2-small", "gpt2"}, {"grok1", "grok1-314b"}, {"grok-314b", "grok1-314b"},
    {"grok1-8x5b", "grok1-40b"}, {"grok2", "grok2-270b"},
    {"kimi-k2-1t", "kimi-k2"}, {"kimi2", "kimi-k2"}, {"kimi-k2.5", "kimi-k2"}, {"minimax-m2.5", "minimax-m2"}, {"minimax-m2.7", "minimax-m2"},
    {"minimax-text-01", "minimax-m1"}, {"codegemma-2b", "gemma-2b"}, {"codegemma-7b", "gemma-7b"}, {"bloom", "bloom-176b"}, {"bloom-7b", "bloom-7b1"},
    {"bloom-7.1b", "bloom-7b1"}, {"internlm2.5-7b", "internlm2-7b"}, {"internlm2.5-20b", "internlm2-20b"}, {"yi1.5-6b", "yi-6b"}, {"yi1.5-9b", "yi-9b"},
    {"yi1.5-34b", "yi-34b"}, {"telechat-35b", "telechat2-35b"}, {"telechat-115b", "telechat2-115b"}, {"phi3.5-mini", "phi-3-mini"},
    {"pangu-ultra", "pangu-ultra-135b"}, {"qwen3-480b-a35b", "qwen3-coder-480b-a35b"}, {"qwen3-480b", "qwen3-coder-480b-a35b"},
    {"mistral-large-2", "mistral-large-123b"}, {"mistral-large", "mistral-large-123b"}, {"mistral-nemo", "mistral-nemo-12b"}, {"glm4", "glm4-9b"}, {"qwq-32b", "qwen2.5-32b"},
    {"deepseek-v2-0628", "deepseek-v2"}, {"mt-nlg-530b", "gpt-seqpar-530b"}, {"qwen3.6-27b", "qwen3.5-27b"}, {"qwen3.6-35b-a3b", "qwen3.5-35b-a3b"}};

/* Words before and after a name that say whose it is, or how it is run. */
static const char *const before[] = {"meta", "nvidia", "google", "finetune", "predict", "pretrain", "tune", "run", "lora", NULL};
static const char *const after[] = {"lora", "qlora", "sft", "dpo", "peft", "finetune", "finetuning", "predict", "pretrain", "pretraining", "instruct", "it",
                                    "chat", "base", "hf", "bf16", "fp16", "fp8", "mxfp8", "nvfp4", "int8", "w8a8", "mcore", "legacy", "ptd", "full",
                                    "proxy", "pt", "v0.1", "v0.2", "v0.3", NULL};

static bool listed(const char *const *list, const char *word, size_t n)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncmp(*list, word, n) == 0)
            return true;
    return false;
}

/* "32p", "128k": processors, tokens of a sequence */
static bool is_run_size(const char *word, size_t n)
{
    size_t digits = strspn(word, "0123456789");
    return digits && digits + 1 == n && (word[digits] == 'p' || word[digits] == 'k');
}

static bool separates(char c) { return c == '-' || c == '_' || c == ' ' || c == ':'; }

/* Cuts the last word of a name where that is about the run; false: nothing to cut. */
static bool cut_end(char *name)
{
    size_t n = strlen(name), at = n;
    while (at && !separates(name[at - 1]))
        at--;
    if (!at || (at < n && !listed(after, name + at, n - at) && !is_run_size(name + at, n - at)))
        return false;
    name[at - 1] = '\0';
    return true;
}

static bool cut_start(char *name)
{
    size_t n = 0;
    while (name[n] && !separates(name[n]))
        n++;
    if (!name[n] || !listed(before, name, n))
        return false;
    memmove(name, name + n + 1, strlen(name + n + 1) + 1);
    return true;
}

/* The name in lower case, without folders and without what is said in brackets and about the run. */
static void bare(const char *name, char *out)
{
    const char *slash = strrchr(name, '/');
    snprintf(out, NAME_SIZE, "%s", slash && slash[1] ? slash + 1 : name);
    out[strcspn(out, "(")] = '\0';
    for (char *p = out; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    while (cut_end(out) || cut_start(out))
        continue;
}

/* The end of a name that another spelling leaves out: "a3b", "30ba3b" (parameters in all, active). */
static bool is_active_size(const char *rest)
{
    size_t n = strspn(rest, "0123456789");
    if (n && rest[n] == 'b')
        rest += n + 1;
    return rest[0] == 'a' && (n = strspn(rest + 1, "0123456789")) > 0 && strcmp(rest + 1 + n, "b") == 0;
}

/* Is `rest`, which follows the entry's name, the number of its parameters ("671b")? */
static bool is_its_size(sp_i_ctx *ctx, const char *entry, const char *rest)
{
    char *end;
    double stated = strtod(rest, &end);
    const sp_model *model = strcmp(end, "b") == 0 && isdigit((unsigned char)rest[0]) ? sp_i_row_entry(ctx, entry) : NULL;
    sp_model_params params;
    if (!model)
        return false;
    sp_model_count(model, &params);
    return fabs(stated * 1e9 / params.total - 1) < 0.05;
}

/* The spelling of the catalog where the name is an alias, else the name. */
static const char *spelled(const char *name, bool apart)
{
    char want[NAME_SIZE], have[NAME_SIZE];
    sp_i_word_squeeze(name, apart, want, NAME_SIZE);
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        sp_i_word_squeeze(aliases[i].also, apart, have, NAME_SIZE);
        if (strcmp(have, want) == 0)
            return aliases[i].entry;
    }
    return name;
}

static const char *entry_of(sp_i_ctx *ctx, const char *name, bool apart)
{
    char want[NAME_SIZE], have[NAME_SIZE];
    const char *longer = NULL, *sized = NULL;
    uint32_t n_longer = 0;
    sp_i_word_squeeze(spelled(name, apart), apart, want, NAME_SIZE);
    for (size_t i = 0; i < sp_catalog_model_count(ctx->catalog) && *want; i++) {
        const char *entry = sp_catalog_model_name(ctx->catalog, i);
        sp_i_word_squeeze(entry, apart, have, NAME_SIZE);
        size_t n_want = strlen(want), n_have = strlen(have);
        if (strcmp(have, want) == 0)
            return entry;
        if (n_have > n_want && strncmp(have, want, n_want) == 0 && is_active_size(have + n_want)) {
            longer = entry;
            n_longer++;
        } else if (n_want > n_have && strncmp(have, want, n_have) == 0 && is_its_size(ctx, entry, want + n_have + (want[n_have] == '.'))) {
            sized = entry;
        }
    }
    return n_longer == 1 ? longer : sized;
}

const char *sp_i_row_name(sp_i_ctx *ctx, const char *name)
{
    char text[NAME_SIZE];
    bare(name, text);
    const char *entry = entry_of(ctx, text, true);
    return entry ? entry : entry_of(ctx, text, false);
}

const char *sp_i_row_name_start(sp_i_ctx *ctx, const char *name)
{
    char text[NAME_SIZE], want[NAME_SIZE], have[NAME_SIZE];
    const char *best = NULL;
    size_t best_length = 0;
    bare(name, text);
    sp_i_word_squeeze(text, false, want, NAME_SIZE);
    for (size_t i = 0; i < sp_catalog_model_count(ctx->catalog); i++) {
        sp_i_word_squeeze(sp_catalog_model_name(ctx->catalog, i), false, have, NAME_SIZE);
        size_t n = strlen(have);
        if (n > best_length && strncmp(want, have, n) == 0) {
            best = sp_catalog_model_name(ctx->catalog, i);
            best_length = n;
        }
    }
    return best;
}
