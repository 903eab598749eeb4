/* Machine files: what is refused, and that the error points at the value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

static const char good[] =
    "name: test\n"                                                              /*  1 */
    "chip: h100\n"                                                              /*  2 */
    "n: 4\n"                                                                    /*  3 */
    "planes:\n"                                                                 /*  4 */
    "  - tiers:\n"                                                              /*  5 */
    "      - kind: mesh\n"                                                       /*  6 */
    "        size: [2, 4]\n"                                                     /*  7 */
    "        wiring: {grade: guess, source: \"no reason at all\"}\n"             /*  8 */
    "        bw: {value: 10GB/s, grade: vendor, source: \"KEY: page 3\"}\n"      /*  9 */
    "        latency: {value: [1us, 2us, 3us], grade: guess, source: \"why\"}\n" /* 10 */
    "      - kind: rail\n"                                                       /* 11 */
    "        size: 2n\n"                                                         /* 12 */
    "        nic: true\n"                                                        /* 13 */
    "        wiring: {grade: guess, source: \"no reason at all\"}\n"             /* 14 */
    "        bw: {value: 5GB/s, grade: derived, source: \"half of 10\"}\n"       /* 15 */
    "price_per_chip: {value: 2kUSD, grade: guess, source: \"cheap\"}\n"          /* 16 */
    "sources: {KEY: \"https://example.org/sheet\"}\n";                           /* 17 */

/* `good` with the first `from` replaced by `to`, read as a file of family size n (0: default). */
static sp_status read_with(const char *from, const char *to, unsigned n, const sp_machine **out, sp_error *err)
{
    char path[] = "/tmp/superpod-test-XXXXXX.yaml", name[64];
    int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    const char *at = from ? strstr(good, from) : good + strlen(good);
    assert_non_null(file);
    assert_non_null(at);
    fprintf(file, "%.*s%s%s", (int)(at - good), good, from ? to : "", from ? at + strlen(from) : "");
    fclose(file);
    snprintf(name, sizeof name, n ? "%s:%u" : "%s", path, n);
    sp_status status = sp_catalog_machine(catalog, name, out, err);
    unlink(path);
    return status;
}

static void reads(void **state)
{
    (void)state;
    const sp_machine *m;
    sp_error err = {0};
    if (read_with(NULL, NULL, 0, &m, &err))
        fail_msg("%u:%u %s", err.line, err.column, err.text);
    assert_int_equal(m->chips, 64);
    assert_int_equal(m->n, 4);
    assert_string_equal(m->name, "test");
    assert_string_equal(m->planes[0].tiers[0].bw_bytes_per_s.source, "KEY: page 3 [https://example.org/sheet]");
    assert_true(m->price_usd.nominal == 64 * 2000.0);
    assert_int_equal(read_with(NULL, NULL, 8, &m, &err), SP_OK);
    assert_int_equal(m->chips, 128);
    assert_true(m->price_usd.nominal == 128 * 2000.0);
}

typedef struct bad { const char *from, *to; unsigned n; sp_status status; uint32_t line, column; const char *says; } bad;

static const bad bads[] = {
    {"name: test\n", "", 0, SP_E_PARSE, 0, 0, "name"},
    {"chip: h100", "chip: h10", 0, SP_E_NOTFOUND, 2, 7, "did you mean"},
    {"n: 4\n", "", 0, SP_E_PARSE, 11, 15, "no 'n:'"},
    {"n: 4\n", "", 8, SP_E_INVAL, 0, 0, "one size"},
    {"n: 4", "n: 0", 0, SP_E_RANGE, 3, 4, "0"},
    {"planes:", "plans:", 0, SP_E_PARSE, 4, 1, "plans"},
    {"kind: mesh", "kind: mash", 0, SP_E_PARSE, 6, 15, "did you mean 'mesh'"},
    {"size: [2, 4]", "size: [2, 0]", 0, SP_E_INVAL, 7, 19, "size 0"},
    {"size: [2, 4]", "size: [2, -4]", 0, SP_E_PARSE, 7, 19, "-4"},
    {"size: [2, 4]", "size: []", 0, SP_E_PARSE, 7, 15, "1 to 3"},
    {"size: [2, 4]", "size: [2, 4, 4, 4]", 0, SP_E_PARSE, 7, 15, "1 to 3"},
    {"size: [2, 4]", "size: 1000000000000000000", 0, SP_E_RANGE, 7, 15, "too large"},
    {"size: 2n", "size: 2m", 0, SP_E_PARSE, 12, 15, "2m"},
    {"size: 2n", "size: 16000000n", 0, SP_E_RANGE, 12, 15, "beyond"},
    {"bw: {value: 10GB/s", "bw: {value: 10GB", 0, SP_E_PARSE, 9, 23, "GB"},   /* column of the unit */
    {"bw: {value: 10GB/s", "bw: {value: -10GB/s", 0, SP_E_INVAL, 9, 21, "negative"},
    {"grade: vendor, source: \"KEY: page 3\"", "grade: vendor, source: \"PAGE 3\"", 0, SP_E_NOTFOUND, 9, 13, "does not begin with a key"},
    {"grade: vendor, source: \"KEY: page 3\"", "grade: vender, source: \"KEY\"", 0, SP_E_PARSE, 9, 36, "vender"},
    {", grade: vendor, source: \"KEY: page 3\"", "", 0, SP_E_PARSE, 9, 13, "grade"},
    {"        wiring: {grade: guess, source: \"no reason at all\"}\n        bw: {value: 10", "        bw: {value: 10", 0, SP_E_PARSE, 6, 9, "wiring"},
    {"[1us, 2us, 3us]", "[1us, 3us, 2us]", 0, SP_E_INVAL, 10, 37, "low <= nominal <= high"},
    {"nic: true", "nic: 1e", 0, SP_E_PARSE, 13, 14, "1e"},
    {"nic: true", "nic: true\n        twisted: true", 0, SP_E_INVAL, 11, 9, "twisted"},
    {"nic: true", "nik: true", 0, SP_E_PARSE, 13, 9, "nik"},
    {"value: 10GB/s", "value: 900GB/s", 0, SP_E_UNFIT, 5, 3, "h100 has 18"},
    {"price_per_chip", "price: {value: 1USD, grade: guess, source: \"a\"}\nprice_per_chip", 0, SP_E_PARSE, 17, 17, "both"},
};

static void refuses_at_the_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        const bad *b = &bads[i];
        const sp_machine *m;
        sp_error err = {0};
        sp_status status = read_with(b->from, b->to, b->n, &m, &err);
        if (status != b->status || (b->line && (err.line != b->line || err.column != b->column)) || !strstr(err.text, b->says))
            fail_msg("'%s' -> '%s': status %d (expected %d) at %u:%u (expected %u:%u): %s", b->from, b->to, status, b->status,
                     err.line, err.column, b->line, b->column, err.text);
        assert_true(status == SP_OK || err.file[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(refuses_at_the_value)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
