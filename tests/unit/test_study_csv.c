/* Tables of comma-separated values: what RFC 4180 allows reads back, what it does not is answered with a position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "superpod/study.h"

static sp_csv *good(const char *text)
{
    sp_csv *csv = NULL;
    sp_error err;
    if (sp_csv_parse(text, strlen(text), "t.csv", &csv, &err) != SP_OK)
        fail_msg("%s", err.text);
    return csv;
}

static void bad(const char *text, size_t length, sp_status status, uint32_t line, uint32_t column, const char *part)
{
    sp_csv *csv = (sp_csv *)&csv;
    sp_error err;
    assert_int_equal(sp_csv_parse(text, length, "t.csv", &csv, &err), status);
    assert_ptr_equal(csv, &csv);   /* untouched */
    assert_string_equal(err.file, "t.csv");
    assert_int_equal(err.line, line);
    assert_int_equal(err.column, column);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
}

static void plain_quotes_and_endings(void **state)
{
    (void)state;
    sp_csv *csv = good("\xef\xbb\xbfid,text,n\r\n1,\"a, \"\"b\"\"\nc\",3\r\n\n2 , x ,\n3,,1e3");
    assert_int_equal(sp_csv_rows(csv), 3);
    assert_int_equal(sp_csv_columns(csv), 3);
    assert_int_equal(sp_csv_column(csv, "id"), 0);
    assert_int_equal(sp_csv_column(csv, "none"), -1);
    assert_string_equal(sp_csv_cell(csv, 0, 1), "a, \"b\"\nc");
    assert_string_equal(sp_csv_cell(csv, 1, 0), "2");
    assert_string_equal(sp_csv_cell(csv, 1, 1), "x");
    assert_string_equal(sp_csv_cell(csv, 2, 1), "");
    assert_string_equal(sp_csv_cell(csv, 2, -1), "");
    assert_int_equal(sp_csv_line(csv, 1), 5);   /* after a quoted line break and an empty line */
    bool has = false;
    double value = 0;
    assert_int_equal(sp_csv_number(csv, 2, 2, &value, &has, NULL), SP_OK);
    assert_true(has && value == 1000);
    assert_int_equal(sp_csv_number(csv, 1, 2, &value, &has, NULL), SP_OK);
    assert_true(!has && value == 1000);
    sp_csv_destroy(csv);
}

static void errors_point_at_the_place(void **state)
{
    (void)state;
    static const struct { const char *text; sp_status status; uint32_t line, column; const char *part; } cases[] = {
        {"", SP_E_PARSE, 1, 1, "no header"},
        {"\n\n", SP_E_PARSE, 1, 1, "no header"},
        {"a,b\n1", SP_E_PARSE, 2, 1, "cut off"},
        {"a,b\n1,2,3\n", SP_E_PARSE, 2, 1, "3 fields where the header has 2"},
        {"a,b\n1,\"x\n2,3\n", SP_E_PARSE, 2, 3, "never closed"},
        {"a,b\n1,\"x\"y\n", SP_E_PARSE, 2, 6, "after a closing quote"},
        {"a,b\n1,x\"y\n", SP_E_PARSE, 2, 4, "inside a field"},
        {"a,,b\n", SP_E_PARSE, 1, 3, "no name"},
        {"a,b,a\n", SP_E_PARSE, 1, 5, "stands twice"},
        {"\xc3\xa9,b\n\xc3\xa9\xc3\xa9,\"\n", SP_E_PARSE, 2, 4, "never closed"},   /* characters, not bytes */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        bad(cases[i].text, strlen(cases[i].text), cases[i].status, cases[i].line, cases[i].column, cases[i].part);
    bad("a\n\0b\n", 5, SP_E_PARSE, 2, 0, "NUL");
}

static void numbers_that_are_none(void **state)
{
    (void)state;
    static const char *const words[] = {"x", "1.2.3", "0x10", "nan", "inf", "1e", "12 GB", "--1", "."};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "a,n\n1,%s\n", words[i]);
        sp_csv *csv = good(text);
        double value = 7;
        bool has = true;
        sp_error err;
        assert_int_equal(sp_csv_number(csv, 0, 1, &value, &has, &err), SP_E_PARSE);
        assert_true(value == 7);
        assert_int_equal(err.line, 2);
        assert_int_equal(err.column, 3);
        assert_non_null(strstr(err.text, "'n'"));
        sp_csv_destroy(csv);
    }
    sp_csv *csv = good("n\n1e999\n");
    double value = 0;
    bool has = false;
    assert_int_equal(sp_csv_number(csv, 0, 0, &value, &has, NULL), SP_E_RANGE);
    sp_csv_destroy(csv);
}

/* Written with every field quoted, any texts come back. */
static void random_tables_round_trip(void **state)
{
    (void)state;
    static const char alphabet[] = "ab,\"\n\r 7\xc3\xa9";
    sp_rng rng = sp_rng_make(1, 7);
    for (int round = 0; round < 300; round++) {
        char cells[4][3][9], text[1024] = "x,y,z\n";
        size_t n = strlen(text);
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 3; c++) {
                size_t length = sp_rng_below(&rng, 8);
                char *cell = cells[r][c];
                text[n++] = '"';
                for (size_t k = 0; k < length; k++) {
                    cell[k] = alphabet[sp_rng_below(&rng, sizeof alphabet - 1)];
                    if (cell[k] == '"')
                        text[n++] = '"';
                    text[n++] = cell[k];
                }
                cell[length] = '\0';
                text[n++] = '"';
                text[n++] = c < 2 ? ',' : '\n';
            }
        sp_csv *csv = NULL;
        sp_error err;
        if (sp_csv_parse(text, n, "r", &csv, &err) != SP_OK)
            fail_msg("seed 1/7 round %d: %s", round, err.text);
        assert_int_equal(sp_csv_rows(csv), 4);
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 3; c++) {
                char *cell = cells[r][c] + strspn(cells[r][c], " ");
                size_t length = strlen(cell);
                while (length && cell[length - 1] == ' ')
                    cell[--length] = '\0';
                assert_string_equal(sp_csv_cell(csv, (size_t)r, c), cell);
            }
        sp_csv_destroy(csv);
    }
}

static void missing_file(void **state)
{
    (void)state;
    sp_csv *csv = NULL;
    sp_error err;
    assert_int_equal(sp_csv_load("no/such.csv", &csv, &err), SP_E_IO);
    assert_string_equal(err.file, "no/such.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_quotes_and_endings), cmocka_unit_test(errors_point_at_the_place),
        cmocka_unit_test(numbers_that_are_none), cmocka_unit_test(random_tables_round_trip), cmocka_unit_test(missing_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
