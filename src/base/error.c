#include "superpod/base.h"

#include <stdio.h>
#include <string.h>

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
