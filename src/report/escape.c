/* Text of others (titles, notes, sources) inside HTML and JSON. Names may come from file names, which can hold any byte. */
#include "report_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

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
    const char *at = text ? text : "";
    while (*at) {
        size_t n = sp_utf8_char(at, strnlen(at, 4));
        const char *instead = n == 0 ? REPLACEMENT : n == 1 ? entity((unsigned char)*at) : NULL;
        if (instead)
            sp_i_out_text(out, instead);
        else
            sp_i_out_printf(out, "%.*s", (int)n, at);
        at += n ? n : 1;
    }
}

char *sp_i_json_quote(const char *text)
{
    const char *at = text ? text : "";
    char *clean = malloc(3 * strlen(at) + 1), *end = clean;
    if (!clean)
        return NULL;
    while (*at) {
        size_t n = sp_utf8_char(at, strnlen(at, 4)), copied = n ? n : sizeof REPLACEMENT - 1;
        memcpy(end, n ? at : REPLACEMENT, copied);
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
