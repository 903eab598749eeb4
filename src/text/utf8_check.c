#include "superpod/text.h"

sp_status sp_utf8_check(const char *text, size_t size, const char *name, sp_error *err)
{
    uint32_t line = 1, column = 1;
    for (size_t at = 0, length; at < size; at += length, column++) {
        length = sp_utf8_char(text + at, size - at);
        if (!length)
            return sp_error_set(err, SP_E_PARSE, name, line, column, "found the byte 0x%02x, which is no character; save the file as UTF-8", (unsigned char)text[at]);
        if (text[at] == '\n') {
            line++;
            column = 0;
        }
    }
    return SP_OK;
}
