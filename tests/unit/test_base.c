/* base: errors, arenas, checked arithmetic, id sets, explanations, values. */
#include "superpod/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void status_names_differ(void **state)
{
    (void)state;
    for (int a = SP_OK; a <= SP_E_INTERRUPTED; a++)
        for (int b = SP_OK; b < a; b++)
            assert_string_not_equal(sp_status_name((sp_status)a), sp_status_name((sp_status)b));
    assert_string_equal(sp_status_name((sp_status)999), "unknown");
}

static void error_says_where(void **state)
{
    (void)state;
    sp_error err;
    char out[1200];
    assert_int_equal(sp_error_set(&err, SP_E_PARSE, "m.yaml", 3, 7, "found %d", 5), SP_E_PARSE);
    sp_error_format(&err, out, sizeof out);
    assert_string_equal(out, "m.yaml:3:7: error: found 5");
    sp_error_set(&err, SP_E_IO, "m.yaml", 0, 0, "cannot open");
    sp_error_format(&err, out, sizeof out);
    assert_string_equal(out, "m.yaml: error: cannot open");
    sp_error_set(&err, SP_E_IO, "m.yaml", 4, 0, "x");
    sp_error_format(&err, out, sizeof out);
    assert_string_equal(out, "m.yaml:4: error: x");
    sp_error_set(&err, SP_E_INVAL, NULL, 0, 9, "x");
    sp_error_format(&err, out, sizeof out);
    assert_string_equal(out, "column 9: error: x");
    sp_error_set(&err, SP_E_INVAL, NULL, 0, 0, "x");
    assert_int_equal(sp_error_format(&err, out, 4), (int)strlen("error: x"));
    assert_string_equal(out, "err");
    assert_int_equal(sp_error_set(NULL, SP_E_NOMEM, NULL, 0, 0, "x"), SP_E_NOMEM);
}

static void error_may_wrap_itself_and_truncates(void **state)
{
    (void)state;
    sp_error err;
    sp_error_set(&err, SP_E_INVAL, "file", 1, 2, "inner");
    sp_error_set(&err, SP_E_INVAL, err.file, err.line, err.column, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
    assert_string_equal(err.file, "file");
    sp_error_set(&err, SP_E_INVAL, NULL, 0, 0, "%2000s", "x");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

/* What is shown can always be printed on a terminal and put into JSON. */
static void error_is_one_line_of_utf8(void **state)
{
    (void)state;
    static const struct { const char *found, *shown; } cases[] = {
        {"a\nb\t\x1b[31m\x7f", "a?b??[31m?"}, {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc3", "?"}, {"\xe2\x82", "??"}, {"\xf0\x9f\x98", "???"}, {"\xff\xc0\x80", "???"}, {"\xed\xa0\x80", "???"}, {"\xc2\x9b", "??"},
        {"\xe0\x80\x80x", "???x"}, {"\xf4\x90\x80\x80", "????"},
    };
    sp_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_error_set(&err, SP_E_PARSE, cases[i].found, 1, 1, "%s", cases[i].found);
        assert_string_equal(err.text, cases[i].shown);
        assert_string_equal(err.file, cases[i].shown);
    }
}

static void arena_pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    unsigned char *piece[600];
    sp_rng rng = sp_rng_make(1, 0);
    size_t size[600];
    for (int i = 0; i < 600; i++) {
        size[i] = (size_t)sp_rng_below(&rng, i % 50 == 0 ? 100000 : 300);
        piece[i] = sp_arena_alloc(arena, size[i], 1);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(piece[i][k], 0);
        memset(piece[i], i % 255 + 1, size[i]);
    }
    for (int i = 0; i < 600; i++)
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(piece[i][k], i % 255 + 1);
    sp_arena_destroy(arena);
    sp_arena_destroy(NULL);
}

static void arena_refuses_overflow(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    assert_null(sp_arena_alloc(arena, SIZE_MAX / 2, 3));
    assert_null(sp_arena_alloc(arena, SIZE_MAX, 1));
    assert_null(sp_arena_alloc(arena, (size_t)1 << 20, (size_t)1 << 20));
    assert_non_null(sp_arena_alloc(arena, 0, 8));
    assert_non_null(sp_arena_alloc(arena, 8, 0));
    assert_string_equal(sp_arena_strndup(arena, "abcdef", 3), "abc");
    assert_string_equal(sp_arena_strndup(arena, "ab", 30), "ab");
    assert_string_equal(sp_arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    assert_true(sp_arena_bytes(arena) > 0);
    sp_arena_destroy(arena);
}

static void nth_allocation_fails_once(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    sp_alloc_fail_after(3);
    assert_non_null(sp_arena_alloc(arena, 1, 1));
    assert_non_null(sp_arena_alloc(arena, 1, 1));
    assert_null(sp_arena_alloc(arena, 1, 1));
    assert_non_null(sp_arena_alloc(arena, 1, 1));
    sp_alloc_fail_after(1);
    assert_null(sp_arena_create());
    sp_alloc_fail_after(0);
    sp_arena_destroy(arena);
}

static void checked_arithmetic(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_false(sp_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
    assert_false(sp_add_u64(UINT64_MAX, 1, &out));
    assert_int_equal(out, 7);
    assert_true(sp_mul_u64(UINT64_C(1) << 32, UINT32_MAX, &out));
    assert_int_equal(out, (UINT64_C(1) << 32) * UINT32_MAX);
    assert_true(sp_add_u64(UINT64_MAX - 1, 1, &out));
    assert_int_equal(out, UINT64_MAX);
}

static void check_idset_error(const char *text, uint64_t max_id, sp_status status, uint32_t column, const char *part)
{
    sp_arena *arena = sp_arena_create();
    sp_idset set;
    sp_error err = {0};
    assert_int_equal(sp_idset_parse(arena, text, max_id, &set, &err), status);
    assert_int_equal(err.column, column);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
    sp_arena_destroy(arena);
}

static void idset_errors_point(void **state)
{
    (void)state;
    check_idset_error("0-3,x", 9, SP_E_PARSE, 5, "found 'x' in an id set where an id");
    check_idset_error("0-3,", 9, SP_E_PARSE, 5, "ends where an id");
    check_idset_error("1 2", 9, SP_E_PARSE, 3, "where ',' or '-'");
    check_idset_error("-1", 9, SP_E_PARSE, 1, "found '-1'");
    check_idset_error("1,5-2", 9, SP_E_PARSE, 3, "write 2-5");
    check_idset_error("1,10", 9, SP_E_RANGE, 3, "ids go from 0 to 9");
    check_idset_error("99999999999999999999999", UINT64_MAX, SP_E_RANGE, 1, "too large");
    check_idset_error("1.5", 9, SP_E_PARSE, 2, "found '.5'");
}

static void idset_whole_range(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    sp_idset set;
    char out[64];
    assert_int_equal(sp_idset_parse(arena, " 5 , 0 - 3,4,18446744073709551615, 9-18446744073709551614", UINT64_MAX, &set, NULL), SP_OK);
    assert_int_equal(sp_idset_format(&set, out, sizeof out), (int)strlen("0-5,9-18446744073709551615"));
    assert_string_equal(out, "0-5,9-18446744073709551615");
    assert_int_equal(sp_idset_parse(arena, "  ", 1, &set, NULL), SP_OK);
    assert_int_equal(sp_idset_count(&set), 0);
    assert_int_equal(sp_idset_format(&set, out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_false(sp_idset_has(&set, 0));
    sp_arena_destroy(arena);
}

static void explain_keeps_rows(void **state)
{
    (void)state;
    sp_explain *explain = sp_explain_create();
    char label[32];
    for (int32_t i = 0; i < 1000; i++) {
        snprintf(label, sizeof label, "row %d", i);
        assert_int_equal(sp_explain_add(explain, i / 2 - 1, label, i, SP_UNIT_SECONDS, "from %d", i), i);
    }
    assert_int_equal(sp_explain_count(explain), 1000);
    assert_string_equal(sp_explain_at(explain, 999)->label, "row 999");
    assert_string_equal(sp_explain_at(explain, 0)->source, "from 0");
    assert_int_equal(sp_explain_at(explain, 999)->parent, 498);
    sp_explain_destroy(explain);
    assert_int_equal(sp_explain_add(NULL, -1, "x", 1, SP_UNIT_NONE, "%s", ""), -1);
    assert_int_equal(sp_explain_count(NULL), 0);
    sp_explain_destroy(NULL);
}

static void value_is_certain(void **state)
{
    (void)state;
    sp_value value = sp_value_of(4e12, SP_GRADE_VENDOR, "sheet");
    assert_true(value.low == 4e12 && value.nominal == 4e12 && value.high == 4e12 && value.grade == SP_GRADE_VENDOR);
    assert_string_equal(sp_grade_name(SP_GRADE_FITTED), "fitted");
    assert_string_equal(sp_grade_name(SP_GRADE_NONE), "none");
    assert_string_equal(sp_grade_name((sp_grade)77), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names_differ),
        cmocka_unit_test(error_says_where),
        cmocka_unit_test(error_may_wrap_itself_and_truncates),
        cmocka_unit_test(error_is_one_line_of_utf8),
        cmocka_unit_test(arena_pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_refuses_overflow),
        cmocka_unit_test(nth_allocation_fails_once),
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(idset_errors_point),
        cmocka_unit_test(idset_whole_range),
        cmocka_unit_test(explain_keeps_rows),
        cmocka_unit_test(value_is_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
