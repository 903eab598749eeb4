#include "superpod/base.h"

#include <stdio.h>
#include <string.h>

/* Length of the character at `p` that may be shown; 0: a control character or no character. */
static size_t shown_length(const unsigned char *p)
{
    bool control = p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
    return control ? 0 : sp_utf8_char((const char *)p, strnlen((const char *)p, 4));
}

/* Errors repeat what was found: it may hold line breaks, terminal escapes, or a character cut in two. Each byte that cannot
 * be shown becomes '?', so that the text is one line of UTF-8 whatever the input was. */
static void make_showable(char *text)
{
    unsigned char *p = (unsigned char *)text;
    while (*p) {
        size_t length = shown_length(p);
        if (!length)
            *p = '?';
        p += length ? length : 1;
    }
}

sp_status sp_error_set(sp_error *err, sp_status status, const char *file, uint32_t line, uint32_t column,
                       const char *format, ...)
{
    if (!err)
        return status;
    /* The arguments may point into *err itself (an error being wrapped): build the text aside. */
    char text[sizeof err->text], name[sizeof err->file] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (file)
        snprintf(name, sizeof name, "%s", file);
    make_showable(text);
    make_showable(name);
    err->status = status;
    memcpy(err->text, text, sizeof text);
    memcpy(err->file, name, sizeof name);
    err->line = line;
    err->column = column;
    return status;
}

int sp_error_format(const sp_error *err, char *out, size_t out_size)
{
    char where[sizeof err->file + 32] = "";
    if (err->file[0] && err->line && err->column)
        snprintf(where, sizeof where, "%s:%u:%u: ", err->file, err->line, err->column);
    else if (err->file[0] && err->line)
        snprintf(where, sizeof where, "%s:%u: ", err->file, err->line);
    else if (err->file[0])
        snprintf(where, sizeof where, "%s: ", err->file);
    else if (err->line)
        snprintf(where, sizeof where, "line %u: ", err->line);
    else if (err->column)
        snprintf(where, sizeof where, "column %u: ", err->column);
    return snprintf(out, out_size, "%serror: %s", where, err->text);
}
