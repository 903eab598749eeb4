/* The n-th malloc of the whole process fails, libyaml's included, for every n: a clean "no memory", no crash, and nothing left
 * behind but what libyaml 0.2.5 itself loses: at most 3 pieces at 2 places (a tag directive, an anchor) of its own.
 * Takes malloc's place by glibc's __libc_ names; with a sanitizer, which does the same, the test is skipped. */
#include "superpod/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

enum { LIBYAML_LOSES_PIECES = 3, LIBYAML_LOSES_PLACES = 2 };

static bool watching;
static uint64_t countdown;
static int64_t alive;

static bool refuse(void)
{
    return watching && countdown && --countdown == 0;
}

void *malloc(size_t size)
{
    void *memory = refuse() ? NULL : __libc_malloc(size);
    alive += watching && memory;
    return memory;
}

void *calloc(size_t count, size_t size)
{
    void *memory = refuse() ? NULL : __libc_calloc(count, size);
    alive += watching && memory;
    return memory;
}

void *realloc(void *old, size_t size)
{
    void *memory = refuse() ? NULL : __libc_realloc(old, size);
    alive += watching && memory && !old;
    return memory;
}

void free(void *memory)
{
    alive -= watching && memory;
    __libc_free(memory);
}

/* Anchors, aliases, tags, block and flow, every scalar style, and errors of each kind. */
static const char *const documents[] = {
    "%TAG !e! tag:example,2000:\n---\na: &x [1, \"two\", 'three', !e!t four]\nb: *x\nc: |\n  text\nd: >\n  folded\n? {k: v}\n: [[[]]]\n",
    "{\"a\":\t[1, {\"b\": null}], \"c\": \"\\ud83d\\ude00\"}",
    "a: 1\na: 2\n", "a: [1, 2\nb: 3\n", "a: *x\n", "a: 1\n---\nb: 2\n", "- &a [*a]\n", "",
};

static void every_malloc_may_fail(void **state)
{
    (void)state;
    int losses = 0;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        sp_doc *doc = NULL;
        sp_status usual = sp_doc_parse(documents[i], strlen(documents[i]), "t", &doc, NULL);
        sp_doc_destroy(usual ? NULL : doc);
        uint64_t n = 0, left;
        sp_status status;
        do {
            sp_error err = {0};
            alive = 0;
            countdown = ++n;
            watching = true;
            status = sp_doc_parse(documents[i], strlen(documents[i]), "t", &doc, &err);
            left = countdown;
            if (!status)
                sp_doc_destroy(doc);
            watching = false;
            assert_in_range(alive, 0, LIBYAML_LOSES_PIECES);
            losses += alive > 0;
            assert_int_equal(err.status, status);
            assert_true(status == usual || status == SP_E_NOMEM);
            assert_true(n < 100000);
        } while (!left);   /* until the n-th allocation is not reached any more */
        assert_int_equal(status, usual);
        assert_true(n > 5);
    }
    assert_in_range(losses, 0, LIBYAML_LOSES_PLACES);
}

#else

static void every_malloc_may_fail(void **state)
{
    (void)state;
    print_message("malloc belongs to a sanitizer in this build: skipped\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_malloc_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
