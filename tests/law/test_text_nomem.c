/* The n-th allocation fails, for every n: a clean "no memory", nothing leaked (the address sanitizer counts), and the same
 * call succeeds afterwards. */
#include "superpod/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char DOCUMENT[] = "{\"link\":\t{\"value\": [\"1W\", \"2W\", \"3W\"], \"grade\": \"guess\", \"source\": \"\\ud83d\\ude00\"}}";

static sp_status load_document(sp_error *err)
{
    sp_doc *doc = NULL;
    sp_value value;
    sp_arena *arena = sp_arena_create();
    if (!arena)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for an arena");
    sp_status status = sp_doc_parse(DOCUMENT, strlen(DOCUMENT), "t", &doc, err);
    if (!status)
        status = sp_node_read_value(sp_node_get(sp_doc_root(doc), "link"), SP_UNIT_WATT, arena, &value, err);
    sp_doc_destroy(doc);
    sp_arena_destroy(arena);
    return status;
}

static sp_status parse_idset(sp_error *err)
{
    sp_idset set;
    sp_arena *arena = sp_arena_create();
    if (!arena)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for an arena");
    sp_status status = sp_idset_parse(arena, "0-3,9,7-8", 100, &set, err);
    sp_arena_destroy(arena);
    return status;
}

static sp_status explain(sp_error *err)
{
    sp_explain *e = sp_explain_create();
    sp_status status = e ? SP_OK : SP_E_NOMEM;
    for (int32_t i = 0; i < 40 && !status; i++)
        if (sp_explain_add(e, -1, "label", 1, SP_UNIT_NONE, "source %d", i) != i)
            status = SP_E_NOMEM;
    assert_true(status || sp_explain_count(e) == 40);
    sp_explain_destroy(e);
    return status ? sp_error_set(err, status, NULL, 0, 0, "no memory to explain") : SP_OK;
}

/* Returns how many allocations the action makes: the first n that no longer fails. */
static uint64_t fail_every(sp_status (*action)(sp_error *err))
{
    for (uint64_t n = 1;; n++) {
        sp_error err = {0};
        sp_alloc_fail_after(n);
        sp_status status = action(&err);
        sp_alloc_fail_after(0);
        if (!status)
            return n - 1;
        assert_int_equal(status, SP_E_NOMEM);
        assert_int_equal(err.status, SP_E_NOMEM);
        assert_non_null(strstr(err.text, "no memory"));
        assert_int_equal(action(NULL), SP_OK);
        assert_true(n < 10000);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(fail_every(load_document) >= 7);   /* two arenas, document, name, text, shifts, source */
    assert_int_equal(fail_every(parse_idset), 2);
    assert_true(fail_every(explain) >= 2 + 2 * 40 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
