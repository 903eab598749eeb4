/* JSON is read as YAML's flow style. Three things that JSON allows and libyaml does not are evened out first, without moving
 * what errors point at: tabs between tokens become single spaces; in strings, a \uD83D\uDE00 pair becomes \U0001F600, and
 * raw characters that YAML forbids or takes for line breaks (DEL, U+0080-9F, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF) become
 * escapes. Differences in length are remembered. */
#include "text_private.h"

#include <string.h>

typedef struct scan {
    sp_doc *doc;
    const char *in;
    size_t length, at;
    unsigned char *out;
    size_t used;
    uint32_t line;
    size_t line_begin_used;    /* start of the current line in `out`                */
    size_t continuation;       /* UTF-8 continuation bytes since: columns are characters */
    size_t shifts_room;
} scan;

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void emit(scan *s, char c)
{
    s->out[s->used++] = (unsigned char)c;
    if (c == '\n') {
        s->line++;
        s->line_begin_used = s->used;
        s->continuation = 0;
    } else if (((unsigned char)c & 0xc0) == 0x80) {
        s->continuation++;
    }
}

static void note_shift(scan *s, int32_t characters)
{
    sp_doc *doc = s->doc;
    int32_t before = doc->n_shifts && doc->shift[doc->n_shifts - 1].line == s->line ? doc->shift[doc->n_shifts - 1].shift : 0;
    uint32_t column = (uint32_t)(s->used - s->line_begin_used - s->continuation);
    if (doc->n_shifts < s->shifts_room)
        doc->shift[doc->n_shifts++] = (sp_i_shift){s->line, column, before + characters};
}

/* At a backslash inside a double-quoted string: copies the escape, joining a surrogate pair. */
static void escape(scan *s)
{
    const char *p = s->in + s->at;
    size_t left = s->length - s->at;
    int high = left >= 12 && p[1] == 'u' ? hex4(p + 2) : -1;
    int low = high >= 0xd800 && high < 0xdc00 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
        uint32_t point = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        emit(s, '\\');
        emit(s, 'U');
        for (int shift = 28; shift >= 0; shift -= 4)
            emit(s, "0123456789ABCDEF"[point >> shift & 15]);
        note_shift(s, 2);
        s->at += 12;
        return;
    }
    emit(s, p[0]);
    if (left > 1)
        emit(s, p[1]);
    s->at += left > 1 ? 2 : 1;
}

/* Bytes of a character at `p` that a JSON string may hold raw and YAML may not; 0: any other character. */
static size_t odd_character(const char *p, size_t left, unsigned *point)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] == 0x7f) {
        *point = 0x7f;
        return 1;
    }
    if (u[0] == 0xc2 && left > 1 && u[1] < 0xa0) {
        *point = u[1];
        return 2;
    }
    if (left < 3 || (u[0] != 0xe2 && u[0] != 0xef))
        return 0;
    *point = (u[0] & 15u) << 12 | (u[1] & 63u) << 6 | (u[2] & 63u);
    return *point == 0x2028 || *point == 0x2029 || *point == 0xfeff || *point >= 0xfffe ? 3 : 0;
}

/* How often anything that changes its length may stand in the text. */
static size_t count_changes(const char *text, size_t length)
{
    size_t n = 0;
    unsigned point;
    for (size_t i = 0; i < length; i++)
        n += text[i] == '\\' || odd_character(text + i, length - i, &point);
    return n;
}

static void escape_odd(scan *s, size_t bytes, unsigned point)
{
    emit(s, '\\');
    emit(s, 'u');
    for (int shift = 12; shift >= 0; shift -= 4)
        emit(s, "0123456789ABCDEF"[point >> shift & 15]);
    note_shift(s, -5);
    s->at += bytes;
}

/* A quoted string from its opening to its closing quote (or the end of the text). */
static void quoted(scan *s, char quote)
{
    emit(s, s->in[s->at++]);
    while (s->at < s->length) {
        char c = s->in[s->at];
        unsigned point;
        size_t odd = quote == '"' ? odd_character(s->in + s->at, s->length - s->at, &point) : 0;
        if (odd) {
            escape_odd(s, odd, point);
            continue;
        }
        if (c == '\\' && quote == '"') {
            escape(s);
            continue;
        }
        emit(s, c);
        s->at++;
        if (c != quote)
            continue;
        if (quote == '"' || s->at == s->length || s->in[s->at] != quote)
            return;
        emit(s, s->in[s->at++]);   /* '' is an apostrophe inside '...' */
    }
}

static void flow_text(scan *s)
{
    char before = ' ';   /* last character that is not blank: a quote opens a string only after one of {[,: */
    while (s->at < s->length) {
        char c = s->in[s->at];
        if (c == '#' && (s->at == 0 || strchr(" \t\n\r", s->in[s->at - 1]))) {
            while (s->at < s->length && s->in[s->at] != '\n')
                emit(s, s->in[s->at++]);
        } else if ((c == '"' || c == '\'') && strchr("{[,:", before)) {
            quoted(s, c);
            before = c;
        } else {
            emit(s, c == '\t' ? ' ' : c);
            s->at++;
            if (!strchr(" \t\n\r", c))
                before = c;
        }
    }
}

static sp_status no_nul(const sp_doc *doc, const char *text, size_t length, sp_error *err)
{
    const char *nul = memchr(text, '\0', length);
    if (!nul)
        return SP_OK;
    uint32_t line = 1, column = 1;
    for (const char *p = text; p < nul; p++) {
        column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
        line += *p == '\n';
    }
    return sp_error_set(err, SP_E_PARSE, doc->name, line, column,
                        "found a NUL byte; expected text in UTF-8 (is this a binary or UTF-16 file?)");
}

sp_status sp_i_text_prepare(sp_doc *doc, const char *text, size_t length, sp_i_prepared *out, sp_error *err)
{
    sp_status status = no_nul(doc, text, length, err);
    if (status)
        return status;
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {   /* a byte order mark is not part of the first line */
        text += 3;
        length -= 3;
    }
    *out = (sp_i_prepared){(const unsigned char *)text, length};
    size_t first = 0;
    while (first < length && strchr(" \t\n\r", text[first]))
        first++;
    bool is_flow = first < length && (text[first] == '{' || text[first] == '[');
    size_t n_changes = is_flow ? count_changes(text, length) : 0;
    if (!is_flow || (!n_changes && !memchr(text, '\t', length)))
        return SP_OK;
    scan s = {.doc = doc, .in = text, .length = length, .shifts_room = n_changes};
    s.out = sp_arena_alloc(doc->arena, length + 5 * n_changes, 1);   /* DEL, 1 byte, becomes \u007F */
    doc->shift = sp_arena_alloc(doc->arena, n_changes, sizeof *doc->shift);
    if (!s.out || !doc->shift)
        return sp_error_set(err, SP_E_NOMEM, doc->name, 0, 0, "no memory to read the document");
    flow_text(&s);
    *out = (sp_i_prepared){s.out, s.used};
    return SP_OK;
}

uint32_t sp_i_text_column(const sp_doc *doc, size_t line, size_t column)
{
    size_t low = 0, high = doc->n_shifts;   /* first shift behind the position */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const sp_i_shift *s = &doc->shift[middle];
        if (s->line < line || (s->line == line && s->column <= column))
            low = middle + 1;
        else
            high = middle;
    }
    int32_t shift = low && doc->shift[low - 1].line == line ? doc->shift[low - 1].shift : 0;
    return (uint32_t)((int64_t)column + 1 + shift);
}
