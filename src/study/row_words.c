/* Small tools of the row mappers: words, notes, caches. */
#include "run_i.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool sp_i_row_refuse(sp_i_ctx *ctx, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ctx->row->status = SP_STUDY_UNEXPRESSED;
    ctx->row->reason = sp_arena_strdup(ctx->arena, text);
    return false;
}

void sp_i_row_assume(sp_i_ctx *ctx, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *had = ctx->row->reason;
    ctx->row->reason = had ? sp_arena_printf(ctx->arena, "%s; %s", had, text) : sp_arena_printf(ctx->arena, "assumed: %s", text);
}

bool sp_i_word_in(const char *text, const char *word) { return strcasestr(text, word) != NULL; }
bool sp_i_word_starts(const char *text, const char *word) { return strncasecmp(text, word, strlen(word)) == 0; }

/* MegaScale's ablation adds its parts one by one; each row's text names the last. Other rows of it have all. */
bool sp_i_megascale_has(const char *other, const char *part)
{
    static const char *const order[] = {"baseline", "parallel transformer", "sliding window", "TP overlap", "PP overlap",
                                        "DP overlap", "efficient operators", "misc", "LAMB"};
    int have = 99, want = -1;
    for (int i = 0; i < 9; i++) {
        if (other[0] == '+' && sp_i_word_in(other, order[i]))
            have = i;
        if (sp_i_word_in(other, "baseline"))
            have = 0;
        if (strcmp(order[i], part) == 0)
            want = i;
    }
    return have >= want;
}

double sp_i_word_number_after(const char *text, const char *word, double otherwise)
{
    const char *at = strcasestr(text, word);
    if (!at)
        return otherwise;
    at += strlen(word);
    char *end = NULL;
    double value = strtod(at + (*at == '=' || *at == ':'), &end);
    return end > at + 1 || (end > at && isdigit((unsigned char)*at)) ? value : otherwise;
}

double sp_i_word_number_before(const char *text, const char *word, double otherwise)
{
    const char *at = strcasestr(text, word), *digits = at;
    while (digits && digits > text && isdigit((unsigned char)digits[-1]))
        digits--;
    return digits && digits < at ? strtod(digits, NULL) : otherwise;
}

bool sp_i_num_set(double number) { return !isnan(number); }

uint32_t sp_i_num_count(double number, uint32_t otherwise)
{
    return isnan(number) || number < 1 || number > 4294967294.0 ? otherwise : (uint32_t)(number + 0.5);
}

bool sp_i_count_is(double number)
{
    return number >= 1 && number <= 4294967294.0 && number == floor(number);
}

void sp_i_word_squeeze(const char *text, bool apart, char *out, size_t out_size)
{
    size_t n = 0;
    bool gap = false;
    for (; *text && n + 1 + apart < out_size; text++) {
        if (!isalnum((unsigned char)*text)) {
            gap = true;
            continue;
        }
        if (apart && gap && n && isdigit((unsigned char)out[n - 1]) && isdigit((unsigned char)*text))
            out[n++] = '.';
        out[n++] = (char)tolower((unsigned char)*text);
        gap = false;
    }
    out[n] = '\0';
}

bool sp_i_class_is(const char *hw_class, const char *name)
{
    static const struct { const char *also, *name; } others[] = {
        {"a10080g", "a100"}, {"a10080gb", "a100"}, {"a10040gb", "a10040g"}, {"h10080g", "h100"}, {"h10080gb", "h100"}, {"h100sxm", "h100"}, {"h100sxm5", "h100"}, {"h200sxm", "h200"},
        {"gb200nvl72", "gb200"}, {"gb300nvl72", "gb300"}, {"910b", "ascend910b"}, {"910c", "ascend910c"}, {"ascend910b1", "ascend910b"}, {"ascend910b2", "ascend910b"},
        {"ascend910b3", "ascend910b"}, {"ascend910b4", "ascend910b"}, {"atlas800ta2", "ascend910b"}, {"tpu7x", "tpuv7x"}, {"trillium", "tpuv6e"}, {"ironwood", "tpuv7x"}};
    char have[32], want[32];
    const char *named = have;
    sp_i_word_squeeze(hw_class, false, have, sizeof have);
    sp_i_word_squeeze(name, false, want, sizeof want);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(have, others[i].also) == 0)
            named = others[i].name;
    return strcmp(named, want) == 0;
}

/* Other names of product lines, before which a vendor's may stand; each begins with what the tables of lines (row_plan.c, row_metric.c) look for. */
const char *sp_i_line_named(const char *framework)
{
    static const struct { const char *also, *line; } names[] = {
        {"megatronbridge", "Megatron-Bridge"}, {"megatroncore", "Megatron-Core"}, {"mcore", "Megatron-Core"}, {"megatronlm", "Megatron-LM"}, {"nemo", "NeMo"}, {"llmfoundry", "llm-foundry"},
        {"composer", "llm-foundry"}, {"mosaicml", "llm-foundry"}, {"maxtext", "MaxText"}, {"torchtitan", "torchtitan"}, {"modellink", "ModelLink"}, {"mindspeed", "MindSpeed"},
        {"mindformers", "MindSpore MindFormers"}, {"mindsporetransformers", "MindSpore MindFormers"}};
    static const char *const vendors[] = {"nvidia", "google", "pytorch", "huawei", "databricks", "rocm", ""};
    char squeezed[64];
    sp_i_word_squeeze(framework, false, squeezed, sizeof squeezed);
    for (size_t v = 0; v < sizeof vendors / sizeof vendors[0]; v++) {
        size_t n = strlen(vendors[v]);
        for (size_t i = 0; i < sizeof names / sizeof names[0] && strncmp(squeezed, vendors[v], n) == 0; i++)
            if (strncmp(squeezed + n, names[i].also, strlen(names[i].also)) == 0)
                return sp_i_word_starts(framework, names[i].line) ? framework : names[i].line;
    }
    return framework;
}

/* FNV-1a; the cache is open addressing with linear probing, at most half full. */
static uint32_t cache_slot(const sp_i_row_cache *cache, const char *key)
{
    uint64_t h = 14695981039346656037u;
    for (const char *p = key; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    uint32_t i = (uint32_t)(h % cache->room);
    while (cache->slot[i].key && strcmp(cache->slot[i].key, key) != 0)
        i = (i + 1) % cache->room;
    return i;
}

const void *sp_i_row_cache_get(const sp_i_row_cache *cache, const char *key)
{
    return cache->room ? cache->slot[cache_slot(cache, key)].value : NULL;
}

bool sp_i_row_cache_put(sp_i_ctx *ctx, sp_i_row_cache *cache, const char *key, const void *value)
{
    if (2 * (cache->n + 1) > cache->room) {
        sp_i_row_cache old = *cache;
        cache->room = old.room ? old.room * 2 : 256;
        cache->slot = sp_arena_alloc(ctx->arena, cache->room, sizeof *cache->slot);
        if (!cache->slot) {
            *cache = old;
            return false;
        }
        for (uint32_t i = 0; i < old.room; i++)
            if (old.slot[i].key)
                cache->slot[cache_slot(cache, old.slot[i].key)] = old.slot[i];
    }
    char *copy = sp_arena_strdup(ctx->arena, key);
    if (!copy)
        return false;
    uint32_t i = cache_slot(cache, key);
    cache->n += cache->slot[i].key == NULL;
    cache->slot[i] = (sp_i_row_cache_entry){copy, value};
    return true;
}

const char *sp_i_cell_text(const sp_csv *csv, size_t row, const char *column)
{
    return sp_csv_cell(csv, row, sp_csv_column(csv, column));
}

sp_status sp_i_cell_number(const sp_csv *csv, size_t row, const char *column, double *out, sp_error *err)
{
    bool has = false;
    double value = NAN;
    int at = sp_csv_column(csv, column);
    sp_status status = sp_csv_number(csv, row, at, &value, &has, err);
    if (status == SP_OK && has && value < 0)
        status = sp_csv_fail(csv, row, at, SP_E_RANGE, err, "%g in column '%s': expected nothing below 0", value, column);
    if (status == SP_OK)
        *out = has ? value : NAN;
    return status;
}

void sp_i_row_compare(sp_study_row *row, const char *metric, double measured, double predicted, bool is_time)
{
    row->metric = metric;
    row->measured = measured;
    row->predicted = predicted;
    row->ape = fabs(predicted - measured) / measured;
    row->slow = (is_time ? predicted / measured : measured / predicted) - 1;
}
