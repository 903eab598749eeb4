/* Edge lists: "NODE NODE RATE [LATENCY] [one-way]" a line. */
#include "net_i.h"

#include <stdio.h>
#include <string.h>

#define WORDS 5
#define WORD_MAX 255u

typedef struct word { char text[WORD_MAX + 1]; uint32_t column; } word;

static bool apart(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

/* Words of a line; WORDS + 1: too many, or one too long (*at). */
static uint32_t split(const char *line, size_t length, word *words, uint32_t *at)
{
    uint32_t n = 0;
    for (size_t i = 0; i < length && line[i] != '#';) {
        if (apart(line[i])) {
            i++;
            continue;
        }
        size_t begin = i;
        while (i < length && !apart(line[i]) && line[i] != '#')
            i++;
        *at = (uint32_t)begin + 1;
        if (n == WORDS || i - begin > WORD_MAX || memchr(line + begin, '\0', i - begin))
            return WORDS + 1;
        memcpy(words[n].text, line + begin, i - begin);
        words[n].text[i - begin] = '\0';
        words[n++].column = *at;
    }
    return n;
}

static sp_status blame(sp_error *err, const char *name, uint32_t line, uint32_t column, sp_status status)
{
    if (err && !err->line) {
        snprintf(err->file, sizeof err->file, "%s", name);
        err->line = line;
        err->column = column;
    }
    return status;
}

static sp_status read_line(sp_net *net, const word *words, uint32_t n, const char *name, uint32_t line, sp_error *err)
{
    sp_i_net_edge edge = {0};
    if (n < 3)
        return sp_error_set(err, SP_E_PARSE, name, line, words[n - 1].column, "found %u word%s; expected NODE NODE RATE [LATENCY] [one-way], as "
                            "\"a b 50GB/s 0.5us\"", n, n == 1 ? "" : "s");
    edge.one_way = strcmp(words[n - 1].text, "one-way") == 0;
    uint32_t values = n - edge.one_way;
    if (values < 3 || values > 4)
        return sp_error_set(err, SP_E_PARSE, name, line, words[values > 4 ? 4 : 2].column, "found '%s'; expected NODE NODE RATE [LATENCY] [one-way]",
                            words[values > 4 ? 4 : 2].text);
    sp_status status = sp_i_net_node(net, words[0].text, &edge.from, err);
    if (status == SP_OK)
        status = sp_i_net_node(net, words[1].text, &edge.to, err);
    if (status != SP_OK)
        return blame(err, name, line, words[0].column, status);
    status = sp_unit_parse(words[2].text, SP_UNIT_BYTES_PER_S, &edge.bw_bytes_per_s, err);
    if (status != SP_OK) {
        if (err)
            err->line = 0;
        return blame(err, name, line, words[2].column, status);
    }
    if (values == 4 && (status = sp_unit_parse(words[3].text, SP_UNIT_SECONDS, &edge.latency_s, err)) != SP_OK) {
        if (err)
            err->line = 0;
        return blame(err, name, line, words[3].column, status);
    }
    status = sp_i_net_edge_add(net, edge, err);
    return status == SP_OK ? SP_OK : blame(err, name, line, words[0].column, status);
}

sp_status sp_i_net_read_edges(sp_net *net, const char *text, size_t size, const char *name, sp_error *err)
{
    word words[WORDS];
    uint32_t line = 1, column = 1;
    sp_status status = sp_utf8_check(text, size, name, err);
    for (size_t at = 0; at < size && status == SP_OK; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        uint32_t n = split(text + at, length, words, &column);
        if (n > WORDS)
            return sp_error_set(err, SP_E_PARSE, name, line, column, "a word too many, or one that is longer than %u bytes or holds a zero byte; expected "
                                "NODE NODE RATE [LATENCY] [one-way]", WORD_MAX);
        if (n)
            status = read_line(net, words, n, name, line, err);
        at += length + 1;
    }
    return status;
}
