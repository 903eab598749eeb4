/* Typed reads: right values, and wrong ones refused at their line and column. */
#include "superpod/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const keys[] = {"value", "grade", "source", NULL};

typedef enum kind { TEXT, BOOL, I64, U32, DOUBLE, BANDWIDTH, VALUE, ONLY, NEED } kind;

/* Reads the value of key `k` of a document as `kind`. */
static sp_status read_as(sp_node node, kind what, sp_arena *arena, sp_error *err)
{
    union { const char *text; bool flag; int64_t i; uint32_t u; double d; sp_value value; sp_node node; } out;
    switch (what) {
    case TEXT: return sp_node_read_text(node, &out.text, err);
    case BOOL: return sp_node_read_bool(node, &out.flag, err);
    case I64: return sp_node_read_i64(node, -10, 10, &out.i, err);
    case U32: return sp_node_read_u32(node, 1, 8192, &out.u, err);
    case DOUBLE: return sp_node_read_double(node, -1, 1, &out.d, err);
    case BANDWIDTH: return sp_node_read_quantity(node, SP_UNIT_BYTES_PER_S, &out.d, err);
    case VALUE: return sp_node_read_value(node, SP_UNIT_WATT, arena, &out.value, err);
    case ONLY: return sp_node_only_keys(node, keys, err);
    default: return sp_node_need(node, "grade", &out.node, err);
    }
}

typedef struct fault { const char *text; kind what; sp_status status; const char *expected; } fault;

static const fault faults[] = {
    {"k: [1]", TEXT, SP_E_PARSE, "t:1:4: error: found a list; expected text"},
    {"k: ~", TEXT, SP_E_PARSE, "t:1:4: error: found nothing; expected text"},
    {"k:", TEXT, SP_E_PARSE, "t:1:3: error: found nothing; expected text"},
    {"k: yes", BOOL, SP_E_PARSE, "t:1:4: error: found 'yes'; expected true or false"},
    {"k: \"true\"", BOOL, SP_E_PARSE, "t:1:4: error: found 'true'; expected true or false, without quotes"},
    {"k: {a: 1}", BOOL, SP_E_PARSE, "t:1:4: error: found a map; expected true or false"},
    {"k: 1.5", I64, SP_E_PARSE, "t:1:4: error: found '1.5'; expected a whole number, like 8192"},
    {"k: 11", I64, SP_E_RANGE, "t:1:4: error: found 11; expected a whole number from -10 to 10"},
    {"k: -11", I64, SP_E_RANGE, "t:1:4: error: found -11; expected a whole number from -10 to 10"},
    {"k: 99999999999999999999", I64, SP_E_RANGE, "t:1:4: error: found 99999999999999999999; expected a whole number from -10"},
    {"k: 010", I64, SP_E_PARSE, "t:1:4: error: found '010'; expected a whole number without leading zeros"},
    {"k: 0x10", I64, SP_E_PARSE, "t:1:4: error: found '0x10'; expected a whole number"},
    {"k: '5'", I64, SP_E_PARSE, "t:1:4: error: found '5'; expected a whole number without quotes"},
    {"k: 0", U32, SP_E_RANGE, "t:1:4: error: found 0; expected a whole number from 1 to 8192"},
    {"k:\n  -3", U32, SP_E_RANGE, "t:2:3: error: found -3; expected a whole number from 1 to 8192"},
    {"k: .nan", DOUBLE, SP_E_RANGE, "t:1:4: error: found '.nan'; expected a number without unit that is finite"},
    {"k: 1.5", DOUBLE, SP_E_RANGE, "t:1:4: error: found 1.5; expected a number from -1 to 1"},
    {"k: 1e999", DOUBLE, SP_E_RANGE, "t:1:4: error: '1e999' is too large to be meant"},
    {"k: fast", DOUBLE, SP_E_PARSE, "t:1:4: error: found 'fast'; expected a number without unit"},
    {"k: --1", DOUBLE, SP_E_PARSE, "t:1:4: error: found '--1'"},
    {"k: \"0.5\"", DOUBLE, SP_E_PARSE, "t:1:4: error: found '0.5'; expected a number without quotes"},
    {"k: 56 gb/s", BANDWIDTH, SP_E_PARSE, "t:1:7: error: found unit 'gb/s'; did you mean 'GB/s'?"},
    {"k: \"56 ns\"", BANDWIDTH, SP_E_PARSE, "t:1:8: error: found unit 'ns', which is a time; expected a bandwidth"},
    {"k: 56", BANDWIDTH, SP_E_PARSE, "t:1:6: error: '56' has no unit; expected a bandwidth"},
    {"k: [56GB/s]", BANDWIDTH, SP_E_PARSE, "t:1:4: error: found a list; expected a bandwidth, like 56GB/s or 400Gb/s"},
    {"k: -5GB/s", BANDWIDTH, SP_E_INVAL, "t:1:4: error: found '-5GB/s', which is negative"},
    {"k: 700W", VALUE, SP_E_PARSE, "t:1:4: error: found '700W' without grade and source; expected {value: ..., grade:"},
    {"k: {value: 700W, grade: vendor}", VALUE, SP_E_PARSE, "t:1:4: error: key 'source' is missing in this map; add 'source: ...'"},
    {"k: {value: 700W, grade: rumour, source: x}", VALUE, SP_E_PARSE, "t:1:25: error: found grade 'rumour'; expected vendor,"},
    {"k: {value: 700W, grade: none, source: x}", VALUE, SP_E_PARSE, "t:1:25: error: found grade 'none'; expected vendor,"},
    {"k: {value: 700W, grade: vendor, source: ' '}", VALUE, SP_E_PARSE, "t:1:41: error: the source is empty"},
    {"k: {value: [1W, 3W, 2W], grade: guess, source: x}", VALUE, SP_E_INVAL, "t:1:21: error: high '2W' is below nominal '3W'"},
    {"k: {value: [3W, 2W, 4W], grade: guess, source: x}", VALUE, SP_E_INVAL, "t:1:17: error: nominal '2W' is below low '3W'"},
    {"k: {value: [1W, 2W], grade: guess, source: x}", VALUE, SP_E_PARSE, "t:1:12: error: found a list of 2; expected [low, nominal, high]"},
    {"k: {value: [1W, 2W, 3s], grade: guess, source: x}", VALUE, SP_E_PARSE, "t:1:22: error: found unit 's', which is a time"},
    {"k: {valeu: 1W, grade: guess, source: x}", VALUE, SP_E_PARSE, "t:1:5: error: unknown key 'valeu'; did you mean 'value'?"},
    {"k: {value: 1, other: 2}", ONLY, SP_E_PARSE, "t:1:15: error: unknown key 'other'; expected one of: value, grade, source"},
    {"k: {[1]: 2}", ONLY, SP_E_PARSE, "t:1:5: error: found a list; expected a key that is text"},
    {"k: 5", ONLY, SP_E_PARSE, "t:1:4: error: found '5'; expected a map"},
    {"k: {a: 5}", NEED, SP_E_PARSE, "t:1:4: error: key 'grade' is missing in this map; add 'grade: ...'"},
    {"k: {a: 5, graed: 5}", NEED, SP_E_PARSE, "t:1:11: error: key 'grade' is missing; did you mean it by 'graed'?"},
    {"k: [5]", NEED, SP_E_PARSE, "t:1:4: error: found a list; expected a map with key 'grade'"},
};

static void faults_are_named_in_place(void **state)
{
    (void)state;
    sp_arena *arena = sp_arena_create();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const fault *f = &faults[i];
        sp_doc *doc = NULL;
        sp_error err = {0};
        char out[1200];
        assert_int_equal(sp_doc_parse(f->text, strlen(f->text), "t", &doc, NULL), SP_OK);
        sp_status status = read_as(sp_node_get(sp_doc_root(doc), "k"), f->what, arena, &err);
        sp_error_format(&err, out, sizeof out);
        if (status != f->status || err.status != status || strncmp(out, f->expected, strlen(f->expected)))
            fail_msg("%s\ngot      %s (%s)\nexpected %s", f->text, out, sp_status_name(status), f->expected);
        assert_int_equal(read_as(sp_node_get(sp_doc_root(doc), "k"), f->what, arena, NULL), f->status);
        sp_doc_destroy(doc);
    }
    sp_arena_destroy(arena);
}

static void right_values_are_read(void **state)
{
    (void)state;
    const char *text = "text: 950\nflag: false\ni: -9223372036854775808\nu: 4294967295\nd: -1.5e-3\nq: '400 Gb/s'\n"
                       "v: {value: [350W, 400W, 450W], grade: guess, source: between two leaks}\nw: {value: 1.2kW, grade: vendor, source: s}\n";
    sp_doc *doc = NULL;
    assert_int_equal(sp_doc_parse(text, strlen(text), "t", &doc, NULL), SP_OK);
    sp_node root = sp_doc_root(doc);
    const char *word;
    bool flag = true;
    int64_t i;
    uint32_t u;
    double d;
    sp_value value;
    sp_arena *arena = sp_arena_create();
    assert_int_equal(sp_node_read_text(sp_node_get(root, "text"), &word, NULL), SP_OK);
    assert_string_equal(word, "950");
    assert_int_equal(sp_node_read_bool(sp_node_get(root, "flag"), &flag, NULL), SP_OK);
    assert_false(flag);
    assert_int_equal(sp_node_read_i64(sp_node_get(root, "i"), INT64_MIN, INT64_MAX, &i, NULL), SP_OK);
    assert_true(i == INT64_MIN);
    assert_int_equal(sp_node_read_u32(sp_node_get(root, "u"), 0, UINT32_MAX, &u, NULL), SP_OK);
    assert_true(u == UINT32_MAX);
    assert_int_equal(sp_node_read_double(sp_node_get(root, "d"), -1, 1, &d, NULL), SP_OK);
    assert_true(d == -1.5e-3);
    assert_int_equal(sp_node_read_quantity(sp_node_get(root, "q"), SP_UNIT_BYTES_PER_S, &d, NULL), SP_OK);
    assert_true(d == 50e9);
    assert_int_equal(sp_node_read_value(sp_node_get(root, "v"), SP_UNIT_WATT, arena, &value, NULL), SP_OK);
    assert_true(value.low == 350 && value.nominal == 400 && value.high == 450 && value.grade == SP_GRADE_GUESS);
    assert_int_equal(sp_node_read_value(sp_node_get(root, "w"), SP_UNIT_WATT, arena, &value, NULL), SP_OK);
    sp_doc_destroy(doc);
    assert_true(value.low == 1200 && value.nominal == 1200 && value.high == 1200 && value.grade == SP_GRADE_VENDOR);
    assert_string_equal(value.source, "s");   /* outlives the document */
    sp_arena_destroy(arena);
}

static void absent_nodes_fail_politely(void **state)
{
    (void)state;
    sp_doc *doc = NULL;
    assert_int_equal(sp_doc_parse("a: 1", 4, "t", &doc, NULL), SP_OK);
    sp_node absent = sp_node_get(sp_doc_root(doc), "b");
    sp_error err;
    uint32_t u = 7;
    assert_int_equal(sp_node_read_u32(absent, 0, 9, &u, &err), SP_E_PARSE);
    assert_string_equal(err.text, "found nothing; expected a whole number, like 8192");
    assert_string_equal(err.file, "t");
    assert_int_equal(u, 7);
    assert_int_equal(sp_node_line(absent), 0);
    assert_int_equal(sp_node_count(absent), 0);
    assert_false(sp_node_is_null(absent));
    sp_doc_destroy(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named_in_place),
        cmocka_unit_test(right_values_are_read),
        cmocka_unit_test(absent_nodes_fail_politely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
