/* CSV tables: one pass over a private copy of the bytes; fields are unescaped in place and closed with a NUL, so that a
 * field is an offset. Every field keeps its line and column, so that an error can point at it. */
#include "superpod/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_BYTES_MAX ((size_t)64 << 20)

typedef struct csv_field { uint32_t offset, line, column; } csv_field;

struct sp_csv {
    char *name, *text;
    char sha256[65];
    csv_field *field;          /* [n_columns * (1 + n_rows)], header first */
    size_t n_fields, capacity;
    uint32_t n_columns, n_rows;
};

typedef struct csv_scan {
    sp_csv *csv;
    size_t at, end, out;       /* reading, end of input, writing; out <= at always */
    uint32_t line, column;
    sp_error *err;
} csv_scan;

static sp_status scan_fail(const csv_scan *scan, uint32_t line, uint32_t column, const char *text)
{
    return sp_error_set(scan->err, SP_E_PARSE, scan->csv->name, line, column, "%s", text);
}

static sp_status field_push(csv_scan *scan, uint32_t line, uint32_t column)
{
    sp_csv *csv = scan->csv;
    if (csv->n_fields == csv->capacity) {
        size_t capacity = csv->capacity ? csv->capacity * 2 : 1024;
        csv_field *grown = realloc(csv->field, capacity * sizeof *grown);
        if (!grown)
            return sp_error_set(scan->err, SP_E_NOMEM, csv->name, line, column, "no memory for %zu fields", capacity);
        csv->field = grown;
        csv->capacity = capacity;
    }
    csv->field[csv->n_fields++] = (csv_field){(uint32_t)scan->out, line, column};
    return SP_OK;
}

/* One character copied from the input to its place; columns count characters, not bytes of UTF-8. */
static void take(csv_scan *scan)
{
    char c = scan->csv->text[scan->at++];
    scan->csv->text[scan->out++] = c;
    if (c == '\n') {
        scan->line++;
        scan->column = 1;
    } else if (((unsigned char)c & 0xc0) != 0x80)
        scan->column++;
}

static bool at_line_end(const csv_scan *scan)
{
    const char *text = scan->csv->text;
    return scan->at == scan->end || text[scan->at] == '\n' ||
           (text[scan->at] == '\r' && (scan->at + 1 == scan->end || text[scan->at + 1] == '\n'));
}

static sp_status read_quoted(csv_scan *scan)
{
    const char *text = scan->csv->text;
    uint32_t line = scan->line, column = scan->column;
    scan->at++;
    scan->column++;
    for (;;) {
        if (scan->at == scan->end)
            return scan_fail(scan, line, column, "the quote that opens this field is never closed: end it with a double quote");
        if (text[scan->at] != '"') {
            take(scan);
            continue;
        }
        if (scan->at + 1 == scan->end || text[scan->at + 1] != '"')
            break;
        scan->at++;
        scan->column++;
        take(scan);
    }
    scan->at++;
    scan->column++;
    if (!at_line_end(scan) && text[scan->at] != ',')
        return scan_fail(scan, scan->line, scan->column,
                         "text after a closing quote: expected a comma or the end of the line; double quotes that are meant as text");
    return SP_OK;
}

static sp_status read_plain(csv_scan *scan)
{
    const char *text = scan->csv->text;
    while (!at_line_end(scan) && text[scan->at] != ',') {
        if (text[scan->at] == '"')
            return scan_fail(scan, scan->line, scan->column,
                             "a double quote inside a field that is not quoted: quote the whole field and double this quote");
        take(scan);
    }
    return SP_OK;
}

/* The line's fields; *n receives how many. */
static sp_status read_line(csv_scan *scan, uint32_t *n)
{
    sp_csv *csv = scan->csv;
    for (*n = 0;; ) {
        sp_status status = field_push(scan, scan->line, scan->column);
        if (status == SP_OK)
            status = scan->at < scan->end && csv->text[scan->at] == '"' ? read_quoted(scan) : read_plain(scan);
        if (status != SP_OK)
            return status;
        if (++*n > SP_CSV_COLUMNS_MAX)
            return sp_error_set(scan->err, SP_E_RANGE, csv->name, scan->line, scan->column,
                                "more than %u columns on one line", SP_CSV_COLUMNS_MAX);
        bool more = !at_line_end(scan);
        if (more) {
            scan->at++;
            scan->column++;
        } else {
            scan->at += scan->at < scan->end && csv->text[scan->at] == '\r';
            scan->at += scan->at < scan->end;
            scan->line++;
            scan->column = 1;
        }
        csv->text[scan->out++] = '\0';   /* there is room: the separator just read, or the byte after the end */
        if (!more)
            return SP_OK;
    }
}

static sp_status check_header(csv_scan *scan)
{
    const sp_csv *csv = scan->csv;
    for (uint32_t i = 0; i < csv->n_columns; i++) {
        const csv_field *f = &csv->field[i];
        if (sp_csv_column_name(csv, i)[0] == '\0')
            return sp_error_set(scan->err, SP_E_PARSE, csv->name, f->line, f->column,
                                "column %u has no name: the first line names every column", i + 1);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(sp_csv_column_name(csv, i), sp_csv_column_name(csv, k)) == 0)
                return sp_error_set(scan->err, SP_E_PARSE, csv->name, f->line, f->column,
                                    "column '%s' stands twice: columns %u and %u", sp_csv_column_name(csv, i), k + 1, i + 1);
    }
    return SP_OK;
}

/* Blanks around the text are not part of it: cut them here, once. */
static void trim_fields(sp_csv *csv)
{
    for (size_t i = 0; i < csv->n_fields; i++) {
        char *start = csv->text + csv->field[i].offset, *end = start + strlen(start);
        while (*start == ' ' || *start == '\t') {
            start++;
            csv->field[i].offset++;
        }
        while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
            *--end = '\0';
    }
}

static sp_status scan_all(csv_scan *scan)
{
    sp_csv *csv = scan->csv;
    while (scan->at < scan->end) {
        if (at_line_end(scan)) {
            scan->at += csv->text[scan->at] == '\r';
            scan->at += scan->at < scan->end;
            scan->line++;
            continue;
        }
        uint32_t n = 0, line = scan->line;
        sp_status status = read_line(scan, &n);
        if (status != SP_OK)
            return status;
        if (csv->n_columns == 0) {
            csv->n_columns = n;
            trim_fields(csv);
            status = check_header(scan);
            if (status != SP_OK)
                return status;
            continue;
        }
        if (n != csv->n_columns)
            return sp_error_set(scan->err, SP_E_PARSE, csv->name, line, 1, "%u fields where the header has %u columns%s", n,
                                csv->n_columns, n < csv->n_columns ? ": is the line cut off?" : ": quote fields that hold commas");
        if (++csv->n_rows > SP_CSV_ROWS_MAX)
            return sp_error_set(scan->err, SP_E_RANGE, csv->name, line, 1, "more than %u rows", SP_CSV_ROWS_MAX);
    }
    if (csv->n_columns == 0)
        return scan_fail(scan, 1, 1, "no header: the first line must name the columns");
    trim_fields(csv);
    return SP_OK;
}

/* Takes over `text` (length bytes and one more of room). */
static sp_status csv_take(char *text, size_t length, const char *name, sp_csv **out, sp_error *err)
{
    sp_csv *csv = calloc(1, sizeof *csv);
    char *copy = strdup(name ? name : "");
    if (!csv || !copy) {
        free(csv);
        free(copy);
        free(text);
        return sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory for a table");
    }
    csv->name = copy;
    csv->text = text;
    sp_text_sha256(text, length, csv->sha256);
    bool mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    csv_scan scan = {csv, mark ? 3 : 0, length, 0, 1, 1, err};
    const char *nul = length ? memchr(text, '\0', length) : NULL;
    sp_status status = SP_OK;
    if (nul) {
        uint32_t line = 1;
        for (const char *p = text; p < nul; p++)
            line += *p == '\n';
        status = scan_fail(&scan, line, 0, "a NUL byte: this is not a text file");
    }
    if (status == SP_OK)
        status = scan_all(&scan);
    if (status == SP_OK)
        *out = csv;
    else
        sp_csv_destroy(csv);
    return status;
}

sp_status sp_csv_parse(const char *text, size_t length, const char *name, sp_csv **out, sp_error *err)
{
    if (length > CSV_BYTES_MAX)
        return sp_error_set(err, SP_E_RANGE, name, 0, 0, "%zu bytes: a table may have 64 MiB", length);
    char *copy = malloc(length + 1);
    if (!copy)
        return sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory for %zu bytes", length);
    if (length)
        memcpy(copy, text, length);
    return csv_take(copy, length, name, out, err);
}

sp_status sp_csv_load(const char *path, sp_csv **out, sp_error *err)
{
    char *text;
    size_t length;
    sp_status status = sp_text_read_file(path, CSV_BYTES_MAX, &text, &length, err);
    if (status)
        return status;
    return csv_take(text, length, path, out, err);
}

void sp_csv_destroy(sp_csv *csv)
{
    if (!csv)
        return;
    free(csv->field);
    free(csv->text);
    free(csv->name);
    free(csv);
}

const char *sp_csv_name(const sp_csv *csv) { return csv->name; }
const char *sp_csv_sha256(const sp_csv *csv) { return csv->sha256; }
size_t sp_csv_rows(const sp_csv *csv) { return csv->n_rows; }
size_t sp_csv_columns(const sp_csv *csv) { return csv->n_columns; }

const char *sp_csv_column_name(const sp_csv *csv, size_t column)
{
    return csv->text + csv->field[column].offset;
}

int sp_csv_column(const sp_csv *csv, const char *name)
{
    for (uint32_t i = 0; i < csv->n_columns; i++)
        if (strcmp(sp_csv_column_name(csv, i), name) == 0)
            return (int)i;
    return -1;
}

static const csv_field *field_of(const sp_csv *csv, size_t row, int column)
{
    return &csv->field[csv->n_columns * (row + 1) + (size_t)(column < 0 ? 0 : column)];
}

const char *sp_csv_cell(const sp_csv *csv, size_t row, int column)
{
    return column < 0 ? "" : csv->text + field_of(csv, row, column)->offset;
}

uint32_t sp_csv_line(const sp_csv *csv, size_t row) { return field_of(csv, row, 0)->line; }

sp_status sp_csv_fail(const sp_csv *csv, size_t row, int column, sp_status status, sp_error *err, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const csv_field *f = field_of(csv, row, column);
    return sp_error_set(err, status, csv->name, f->line, f->column, "%s", text);
}

sp_status sp_csv_number(const sp_csv *csv, size_t row, int column, double *out, bool *has, sp_error *err)
{
    const char *text = sp_csv_cell(csv, row, column);
    if (text[0] == '\0') {
        *has = false;
        return SP_OK;
    }
    char *end = NULL;
    bool plain = strspn(text, "0123456789+-.eE") == strlen(text);   /* no "inf", "nan", "0x10" */
    double value = plain ? strtod(text, &end) : 0;
    if (!plain || end == text || *end != '\0')
        return sp_csv_fail(csv, row, column, SP_E_PARSE, err, "found '%.60s' in column '%s': expected a number or nothing", text,
                           sp_csv_column_name(csv, (size_t)column));
    if (!isfinite(value))
        return sp_csv_fail(csv, row, column, SP_E_RANGE, err, "'%.60s' in column '%s' is beyond what can be held", text,
                           sp_csv_column_name(csv, (size_t)column));
    *has = true;
    *out = value;
    return SP_OK;
}
