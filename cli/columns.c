/* Tables for 80 to 100 columns. */
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_COLUMNS 100
#define TABLE_COLUMNS 16
#define LABEL_COLUMNS 14

struct cli_table {
    cli_run *cli;
    const char *align;
    size_t columns, n, room;
    const char **cell;
    bool heads;
};

/* Columns a UTF-8 text takes: bytes that do not continue a character. */
static size_t text_columns(const char *text, size_t length)
{
    size_t columns = 0;
    for (size_t i = 0; i < length; i++) columns += ((unsigned char)text[i] & 0xC0u) != 0x80u;
    return columns;
}

static void add_cell(cli_table *table, const char *text)
{
    if (table->n == table->room) {
        size_t room = table->room == 0 ? 64 : table->room * 2;
        const char **cell = sp_arena_alloc(table->cli->arena, room, sizeof *cell);
        if (cell == NULL) return;
        if (table->n != 0) memcpy(cell, table->cell, table->n * sizeof *cell);
        table->cell = cell;
        table->room = room;
    }
    table->cell[table->n++] = text == NULL ? "" : text;
}

cli_table *cli_table_begin(cli_run *cli, const char *align, const char *const *heads)
{
    cli_table *table = sp_arena_alloc(cli->arena, 1, sizeof *table);
    if (table == NULL) return NULL;
    table->cli = cli;
    table->align = align;
    table->columns = strlen(align);
    table->heads = heads != NULL;
    for (size_t i = 0; heads != NULL && i < table->columns; i++) add_cell(table, heads[i]);
    return table;
}

void cli_table_cell(cli_table *table, const char *format, ...)
{
    if (table == NULL) return;
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_cell(table, sp_arena_strdup(table->cli->arena, text));
}

void cli_table_quantity(cli_table *table, double value, sp_unit unit)
{
    char text[64];
    cli_table_cell(table, "%s", value == 0 ? "-" : sp_unit_format(value, unit, text, sizeof text));
}

/* Prints text in lines of at most `width` columns, further lines indented. */
static void print_wrapped(FILE *out, const char *text, size_t indent, size_t width)
{
    size_t at = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " "), columns = text_columns(text, word);
        if (at != 0 && at + 1 + columns > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = 0;
        }
        if (at != 0) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, word, out);
        at += columns;
        text += word;
        text += strspn(text, " ");
    }
}

/* Prints one row; blanks are owed until text follows them, so that no line ends in blanks. */
static void print_row(cli_table *table, const char *const *cell, size_t n, const size_t *width)
{
    FILE *out = table->cli->out;
    size_t indent = 2, owed = 0;
    for (size_t c = 0; c < n; c++) {
        size_t columns = text_columns(cell[c], strlen(cell[c])), pad = width[c] - columns;
        if (columns != 0) {
            fprintf(out, "%*s", (int)(owed + (table->align[c] == 'r' ? pad : 0)), "");
            owed = 0;
            if (table->align[c] == 'w')
                print_wrapped(out, cell[c], indent, PAGE_COLUMNS > indent + 24 ? PAGE_COLUMNS - indent : 24);
            else fputs(cell[c], out);
        }
        owed += (columns == 0 ? width[c] : table->align[c] == 'l' ? pad : 0) + 2;
        indent += width[c] + 2;
    }
}

void cli_table_end(cli_table *table)
{
    if (table == NULL || table->n == 0) return;
    size_t width[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < table->n; i++) {
        size_t columns = text_columns(table->cell[i], strlen(table->cell[i]));
        if (columns > width[i % table->columns]) width[i % table->columns] = columns;
    }
    for (size_t at = 0; at < table->n; at += table->columns) {
        bool head = table->heads && at == 0;
        fprintf(table->cli->out, "  %s", cli_strong(table->cli, head));
        print_row(table, table->cell + at, table->columns < table->n - at ? table->columns : table->n - at, width);
        fprintf(table->cli->out, "%s\n", head ? cli_strong(table->cli, false) : "");
    }
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

/* mpirun hands its ranks a terminal, whatever its own output is. */
bool cli_wants_color(const cli_run *cli, int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return cli->team.size == 0 && !cli_given(cli, CLI_O_NO_COLOR) && (no_color == NULL || no_color[0] == '\0')
           && (term == NULL || strcmp(term, "dumb") != 0) && isatty(fd);
}

const char *cli_strong(const cli_run *cli, bool on)
{
    if (!cli_wants_color(cli, STDOUT_FILENO)) return "";
    return on ? "\033[1m" : "\033[0m";
}

void cli_line(cli_run *cli, const char *label, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(cli->out, "  %-*s", LABEL_COLUMNS, label);
    print_wrapped(cli->out, text, LABEL_COLUMNS + 2, PAGE_COLUMNS - LABEL_COLUMNS - 2);
    fputc('\n', cli->out);
}

void cli_paragraph(cli_run *cli, size_t indent, const char *text)
{
    fprintf(cli->out, "%*s", (int)indent, "");
    print_wrapped(cli->out, text, indent, PAGE_COLUMNS - indent);
    fputc('\n', cli->out);
}

const char *cli_quantity(cli_run *cli, double value, sp_unit unit)
{
    char text[64];
    const char *copy = sp_arena_strdup(cli->arena, sp_unit_format(value, unit, text, sizeof text));
    return copy == NULL ? "" : copy;
}

/* Depth is bounded by the rows above a row; a parent always stands before its children. */
static int explain_depth(const sp_explain *explain, size_t index)
{
    int depth = 0;
    for (int32_t at = sp_explain_at(explain, index)->parent; at >= 0 && depth < 32; depth++)
        at = sp_explain_at(explain, (size_t)at)->parent;
    return depth;
}

void cli_explain_print(cli_run *cli)
{
    if (cli->explain == NULL) return;
    fprintf(cli->out, "\n");
    cli_table *table = cli_table_begin(cli, "lrw", (const char *const[]){"explanation", "value", "from"});
    for (size_t i = 0; i < sp_explain_count(cli->explain); i++) {
        const sp_explain_row *row = sp_explain_at(cli->explain, i);
        char text[64];
        cli_table_cell(table, "%*s%s", 2 * explain_depth(cli->explain, i), "", row->label);
        if (row->unit == SP_UNIT_NONE) cli_table_cell(table, "%.4g", row->value);
        else cli_table_cell(table, "%s", sp_unit_format(row->value, row->unit, text, sizeof text));
        cli_table_cell(table, "%s", row->source == NULL ? "" : row->source);
    }
    cli_table_end(table);
}
