/* Text of others (titles, notes, sources) inside HTML and JSON. Names may come from file names, which can hold any byte. */
#include "report_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the UTF-8 character at `at` (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), 0: none. */
static size_t utf8_length(const unsigned char *at)
{
    if (at[0] < 0x80)
        return 1;
    size_t n = at[0] >= 0xc2 && at[0] <= 0xdf ? 2 : at[0] >= 0xe0 && at[0] <= 0xef ? 3 : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
               (at[0] == 0xf4 && at[1] > 0x8f);
    return n && !bad ? n : 0;
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\n': case '\t': return " ";
    default: return c < 0x20 || c == 0x7f ? REPLACEMENT : NULL;
    }
}

void sp_i_html(sp_i_out *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");
    while (*at) {
        size_t n = utf8_length(at);
        const char *instead = n == 0 ? REPLACEMENT : n == 1 ? entity(*at) : NULL;
        if (instead)
            sp_i_out_text(out, instead);
        else
            sp_i_out_printf(out, "%.*s", (int)n, (const char *)at);
        at += n ? n : 1;
    }
}

char *sp_i_json_quote(const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");
    char *clean = malloc(3 * strlen((const char *)at) + 1), *end = clean;
    if (!clean)
        return NULL;
    while (*at) {
        size_t n = utf8_length(at), copied = n ? n : sizeof REPLACEMENT - 1;
        memcpy(end, n ? (const char *)at : REPLACEMENT, copied);
        end += copied;
        at += n ? n : 1;
    }
    *end = '\0';
    json_t *string = json_string(clean);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    json_decref(string);
    free(clean);
    return quoted;
}
