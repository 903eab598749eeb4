/* Documents: marks, what is refused and where, JSON's peculiarities. */
#include "superpod/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sp_doc *parse(const char *text)
{
    sp_doc *doc = NULL;
    sp_error err = {0};
    if (sp_doc_parse(text, strlen(text), "t.yaml", &doc, &err)) {
        char out[1200];
        sp_error_format(&err, out, sizeof out);
        fail_msg("%s\n-- %s", out, text);
    }
    return doc;
}

static void refuse_bytes(const char *text, size_t length, const char *expected)
{
    sp_doc *doc = (sp_doc *)&doc;
    sp_error err = {0};
    char out[1200];
    assert_int_equal(sp_doc_parse(text, length, "t.yaml", &doc, &err), SP_E_PARSE);
    assert_ptr_equal(doc, &doc);
    sp_error_format(&err, out, sizeof out);
    if (strncmp(out, expected, strlen(expected)))
        fail_msg("got      %s\nexpected %s", out, expected);
}

static void refuse(const char *text, const char *expected)
{
    refuse_bytes(text, strlen(text), expected);
}

static void assert_at(sp_node node, uint32_t line, uint32_t column)
{
    assert_int_equal(sp_node_line(node), line);
    assert_int_equal(sp_node_column(node), column);
}

static void values_keep_their_place(void **state)
{
    (void)state;
    sp_doc *doc = parse("# head\nname: x\nlink:\n  - rate: 56GB/s\n    \xc3\xa9: [1, 2]\n");
    sp_node root = sp_doc_root(doc), item = sp_node_at(sp_node_get(root, "link"), 0);
    assert_at(root, 2, 1);
    assert_at(sp_node_get(root, "name"), 2, 7);
    assert_at(sp_node_keynode_at(root, 1), 3, 1);
    assert_at(sp_node_get(item, "rate"), 4, 11);
    assert_at(sp_node_at(sp_node_get(item, "\xc3\xa9"), 1), 5, 12);   /* characters, not bytes */
    assert_int_equal(sp_node_count(root), 2);
    assert_string_equal(sp_node_key_at(root, 1), "link");
    assert_string_equal(sp_doc_name(doc), "t.yaml");
    assert_false(sp_node_is(sp_node_get(root, "nothing")));
    assert_false(sp_node_is(sp_node_at(root, 2)));
    assert_false(sp_node_is(sp_node_get(item, "name")));
    assert_null(sp_node_text(root));
    assert_int_equal(sp_node_kind_of(sp_node_get(root, "nothing")), SP_NODE_NONE);
    sp_doc_destroy(doc);
    sp_doc_destroy(NULL);
}

static void json_is_read_whole(void **state)
{
    (void)state;
    sp_doc *doc = parse("\xef\xbb\xbf{\n\t\"a\":\t1,\r\n\t\t\"b\":[\"\\ud83d\\ude00\\/\\\"\\n\\u00e9\",\t2], \"it's\": \"a\tb # c\"\t,\n\"c\":{}}\n");
    sp_node root = sp_doc_root(doc), list = sp_node_get(root, "b");
    assert_int_equal(sp_node_count(root), 4);
    assert_at(root, 1, 1);
    assert_at(sp_node_get(root, "a"), 2, 7);
    assert_at(list, 3, 7);
    assert_string_equal(sp_node_text(sp_node_at(list, 0)), "\xf0\x9f\x98\x80/\"\n\xc3\xa9");
    assert_at(sp_node_at(list, 1), 3, 36);
    assert_string_equal(sp_node_text(sp_node_get(root, "it's")), "a\tb # c");
    assert_at(sp_node_get(root, "c"), 4, 5);
    sp_doc_destroy(doc);
    doc = parse("[\"\x7f\xc2\x85\xe2\x80\xa8\", 1, \"\xef\xbb\xbf\", 2]");
    root = sp_doc_root(doc);
    assert_string_equal(sp_node_text(sp_node_at(root, 0)), "\x7f\xc2\x85\xe2\x80\xa8");
    assert_at(sp_node_at(root, 1), 1, 9);
    assert_at(sp_node_at(root, 3), 1, 17);
    sp_doc_destroy(doc);
}

static void apostrophes_in_flow_are_no_strings(void **state)
{
    (void)state;
    sp_doc *doc = parse("{a: don't,\n\tb: won't, # it's\n\tc: 'it''s\t', d: 5\"}\n");
    sp_node root = sp_doc_root(doc);
    assert_string_equal(sp_node_text(sp_node_get(root, "b")), "won't");
    assert_string_equal(sp_node_text(sp_node_get(root, "c")), "it's\t");
    assert_string_equal(sp_node_text(sp_node_get(root, "d")), "5\"");
    sp_doc_destroy(doc);
}

static void malformed_text_is_refused_in_place(void **state)
{
    (void)state;
    refuse("", "t.yaml:1:1: error: the document is empty");
    refuse("# only\n", "t.yaml:1:1: error: the document is empty");
    refuse("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: error: key 'a' stands twice in this map, first at line 1");
    refuse("{\"x\": {\"k\": 1, \"k\": 2}}", "t.yaml:1:16: error: key 'k' stands twice in this map, first at line 1");
    refuse("a: [1,2\nb: 3", "t.yaml:2:2: error: not valid YAML or JSON: did not find expected ',' or ']' (while parsing a flow "
           "sequence that starts at line 1); separate items by commas and close the list with ']'");
    refuse("a:\n\tb: 1\n", "t.yaml:2:1: error: not valid YAML or JSON: found character that cannot start any token; indent with spaces");
    refuse("a: b: c\n", "t.yaml:1:5: error: not valid YAML or JSON: mapping values are not allowed");
    refuse("a: \"open\n", "t.yaml:2:1: error: not valid YAML or JSON: found unexpected end of stream (while scanning a quoted "
           "scalar that starts at line 1); close the quote");
    refuse("a: \xff", "t.yaml:1:4: error: not valid YAML or JSON: invalid leading UTF-8 octet; save the file as UTF-8");
    refuse("a: 1\nb: \x01", "t.yaml:2:4: error: not valid YAML or JSON: control characters are not allowed; remove the byte");
    refuse("a: *b", "t.yaml:1:4: error: not valid YAML or JSON: found undefined alias");
    refuse("a: 1\n---\nb: 2\n", "t.yaml:2:1: error: a second document starts here");
    refuse("a: \"x\\0y\"", "t.yaml:1:4: error: found a NUL character");
    refuse("a: &x [1, *x]\n", "t.yaml:1:4: error: the anchor on this node is used inside the node");
    refuse("[\"\\ud83d\"]", "t.yaml:1:5: error: not valid YAML or JSON: found invalid Unicode character escape code");
    refuse_bytes("a: 1\nb: \0", 9, "t.yaml:2:4: error: found a NUL byte");
    refuse_bytes("\xff\xfe\x61\0", 4, "t.yaml:1:4: error: found a NUL byte");
}

/* `depth` brackets around a 1; the caller frees it. */
static char *brackets(size_t depth)
{
    char *text = malloc(2 * depth + 2);
    memset(text, '[', depth);
    text[depth] = '1';
    memset(text + depth + 1, ']', depth);
    text[2 * depth + 1] = '\0';
    return text;
}

static void nesting_ends_at_200(void **state)
{
    (void)state;
    char *text = brackets(200);
    sp_doc_destroy(parse(text));
    free(text);
    text = brackets(201);
    refuse(text, "t.yaml:1:201: error: nesting is deeper than 200 levels");
    free(text);
    text = brackets(1000000);   /* libyaml alone takes minutes for this one */
    refuse(text, "t.yaml:1:1022: error: brackets are nested deeper than 200 levels");
    free(text);
    char chain[16384];
    size_t used = (size_t)snprintf(chain, sizeof chain, "- &a0 [1]\n");
    for (int i = 1; i < 250; i++)
        used += (size_t)snprintf(chain + used, sizeof chain - used, "- &a%d [*a%d]\n", i, i - 1);
    refuse(chain, "t.yaml:201:3: error: nesting is deeper than 200 levels");   /* through aliases, too */
}

static void alias_bombs_are_refused(void **state)
{
    (void)state;
    char bomb[4096];
    size_t used = (size_t)snprintf(bomb, sizeof bomb, "- &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 30; i++) {
        used += (size_t)snprintf(bomb + used, sizeof bomb - used, "- &a%d [", i);
        for (int k = 0; k < 10; k++)
            used += (size_t)snprintf(bomb + used, sizeof bomb - used, "%s*a%d", k ? "," : "", i - 1);
        used += (size_t)snprintf(bomb + used, sizeof bomb - used, "]\n");
    }
    refuse(bomb, "t.yaml:6:3: error: aliases (*name) make this stand for ");
    sp_doc *doc = parse("a: &x {b: 1}\nc: *x\n");
    assert_at(sp_node_get(sp_node_get(sp_doc_root(doc), "c"), "b"), 1, 11);
    sp_doc_destroy(doc);
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    sp_doc *doc = NULL;
    sp_error err = {0};
    assert_int_equal(sp_doc_load("/nonexistent/x.yaml", &doc, &err), SP_E_IO);
    assert_string_equal(err.file, "/nonexistent/x.yaml");
    assert_string_equal(err.text, "cannot open the file: No such file or directory");
    assert_int_equal(sp_doc_load("tests", &doc, &err), SP_E_IO);
    assert_string_equal(err.text, "cannot read the file: Is a directory");
    assert_int_equal(sp_doc_load("fuzz/corpus/yaml/values", &doc, &err), SP_OK);
    sp_doc_destroy(doc);
    assert_int_equal(sp_doc_parse("", ((size_t)64 << 20) + 1, "big", &doc, &err), SP_E_RANGE);
}

/* FIPS 180-4 examples (NIST CSRC), and the empty message. */
static void sha256_is_fips(void **state)
{
    (void)state;
    char out[65];
    sp_text_sha256("", 0, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sp_text_sha256("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sp_text_sha256(two_blocks, strlen(two_blocks), out);
    assert_string_equal(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    sp_text_sha256(million, 1000000, out);
    free(million);
    assert_string_equal(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void nearest_word(void **state)
{
    (void)state;
    static const char *const names[] = {"ascend-950dt", "ascend-950pr", "h100", "h800", "latency", "bandwidth", NULL};
    assert_string_equal(sp_text_nearest("ascend-950td", names), "ascend-950dt");
    assert_string_equal(sp_text_nearest("ASCEND_950PR", names), "ascend-950pr");
    static const char *const pods[] = {"atlas-960e", "atlas-950-supercluster", "atlas-950-superpod", NULL};
    assert_string_equal(sp_text_nearest("Atlas-950", pods), "atlas-950-superpod");
    assert_string_equal(sp_text_nearest("latancy", names), "latency");
    assert_string_equal(sp_text_nearest("bandwith", names), "bandwidth");
    assert_string_equal(sp_text_nearest("h80", names), "h800");
    assert_null(sp_text_nearest("throughput", names));
    assert_null(sp_text_nearest("", names));
    assert_null(sp_text_nearest("x", names));
}

static void dates(void **state)
{
    (void)state;
    static const char *const good[] = {"2026", "1990", "2099", "2026Q1", "2026Q4", "2026H2", "2026-01", "2026-12-31"};
    static const char *const bad[] = {"", "26", "1989", "2100", "2026Q0", "2026Q5", "2026H3", "2026Q44", "2026-13", "2026-1", "2026-10-32", "2026-10-1", "2026-10-31x", "yesterday", "-026"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(sp_text_is_date(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sp_text_is_date(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keep_their_place),
        cmocka_unit_test(json_is_read_whole),
        cmocka_unit_test(apostrophes_in_flow_are_no_strings),
        cmocka_unit_test(malformed_text_is_refused_in_place),
        cmocka_unit_test(nesting_ends_at_200),
        cmocka_unit_test(alias_bombs_are_refused),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(sha256_is_fips),
        cmocka_unit_test(nearest_word),
        cmocka_unit_test(dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
