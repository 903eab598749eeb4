/* Units: exact readings, people's texts, and errors that say what was expected. */
#include "superpod/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct reading { const char *text; sp_unit unit; double value; } reading;

/* Every right-hand side is the literal a programmer would write: equality is exact, not close. */
static const reading readings[] = {
    {"56GB/s", SP_UNIT_BYTES_PER_S, 56e9}, {"56 GB/s", SP_UNIT_BYTES_PER_S, 56e9}, {"400Gb/s", SP_UNIT_BYTES_PER_S, 50e9},
    {"400Gbps", SP_UNIT_BYTES_PER_S, 50e9}, {"1.6Tb/s", SP_UNIT_BYTES_PER_S, 0.2e12}, {"1GiB/s", SP_UNIT_BYTES_PER_S, 1073741824},
    {"16.3PB/s", SP_UNIT_BYTES_PER_S, 16.3e15}, {"200ns", SP_UNIT_SECONDS, 200e-9}, {"0.5us", SP_UNIT_SECONDS, 0.5e-6},
    {"3ps", SP_UNIT_SECONDS, 3e-12}, {"7\xc2\xb5s", SP_UNIT_SECONDS, 7e-6}, {"7\xce\xbcs", SP_UNIT_SECONDS, 7e-6},
    {"1.5ms", SP_UNIT_SECONDS, 1.5e-3}, {"2min", SP_UNIT_SECONDS, 120}, {"1h", SP_UNIT_SECONDS, 3600},
    {"30d", SP_UNIT_SECONDS, 2592000}, {"1y", SP_UNIT_SECONDS, 31536000}, {"16MiB", SP_UNIT_BYTES, 16777216},
    {"16MB", SP_UNIT_BYTES, 16e6}, {"1kB", SP_UNIT_BYTES, 1000}, {"1KiB", SP_UNIT_BYTES, 1024}, {"1TiB", SP_UNIT_BYTES, 1099511627776.0},
    {"0B", SP_UNIT_BYTES, 0}, {"-0B", SP_UNIT_BYTES, 0}, {"1.152PB", SP_UNIT_BYTES, 1.152e15},
    {"989.4TFLOP/s", SP_UNIT_FLOP_PER_S, 989.4e12}, {"8EFLOPS", SP_UNIT_FLOP_PER_S, 8e18}, {"2PFLOPS", SP_UNIT_FLOP_PER_S, 2e15},
    {"1.2MW", SP_UNIT_WATT, 1.2e6}, {"700W", SP_UNIT_WATT, 700}, {"1.83GHz", SP_UNIT_HERTZ, 1.83e9},
    {"25kUSD", SP_UNIT_USD, 25e3}, {"0.08USD/kWh", SP_UNIT_USD_PER_KWH, 0.08}, {"0.05/y", SP_UNIT_PER_YEAR, 0.05},
    {"2km", SP_UNIT_METER, 2000}, {"3.5pJ/bit", SP_UNIT_JOULE_PER_BIT, 3.5e-12}, {"8192", SP_UNIT_COUNT, 8192},
    {"15.488k", SP_UNIT_COUNT, 15488}, {"5E", SP_UNIT_COUNT, 5e18}, {"5e3", SP_UNIT_COUNT, 5000}, {"0.85", SP_UNIT_NONE, 0.85},
    {" \t.5e+1 \n", SP_UNIT_NONE, 5}, {"+3", SP_UNIT_NONE, 3}, {"1e30", SP_UNIT_NONE, 1e30}, {"2e2ns", SP_UNIT_SECONDS, 2e-7},
};

static void reads_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        double value = -1;
        sp_error err = {0};
        if (sp_unit_parse(readings[i].text, readings[i].unit, &value, &err))
            fail_msg("%s: %s", readings[i].text, err.text);
        if (value != readings[i].value)
            fail_msg("%s: %.17g, expected %.17g", readings[i].text, value, readings[i].value);
    }
}

typedef struct refusal { const char *text; sp_unit unit; sp_status status; uint32_t column; const char *message; } refusal;

static const refusal refusals[] = {
    {"56gb/s", SP_UNIT_BYTES_PER_S, SP_E_PARSE, 3, "found unit 'gb/s'; did you mean 'GB/s'? Expected a bandwidth, like 56GB/s or 400Gb/s"},
    {"5 ns", SP_UNIT_BYTES_PER_S, SP_E_PARSE, 3, "found unit 'ns', which is a time; expected a bandwidth, like 56GB/s or 400Gb/s"},
    {"5", SP_UNIT_BYTES, SP_E_PARSE, 2, "'5' has no unit; expected a size in bytes, like 144GB or 16MiB"},
    {"", SP_UNIT_SECONDS, SP_E_PARSE, 1, "found nothing; expected a time, like 200ns, 1.5us or 30d"},
    {"fast", SP_UNIT_SECONDS, SP_E_PARSE, 1, "found 'fast'; expected a time, like 200ns, 1.5us or 30d"},
    {"5GB", SP_UNIT_NONE, SP_E_PARSE, 2, "found unit 'GB', which is a size in bytes; expected a number without unit, like 0.85 or 12"},
    {"0x10", SP_UNIT_NONE, SP_E_PARSE, 2, "found 'x10' after the number; expected a number without unit, like 0.85 or 12"},
    {"1,5us", SP_UNIT_SECONDS, SP_E_PARSE, 2, "found ',5us' after the number; expected a time, like 200ns, 1.5us or 30d"},
    {"1_000", SP_UNIT_COUNT, SP_E_PARSE, 2, "found '_000' after the number; expected a count, like 8192 or 15k"},
    {"-3W", SP_UNIT_WATT, SP_E_INVAL, 1, "found '-3W', which is negative; expected a power, like 700W or 1.2MW"},
    {"nan", SP_UNIT_NONE, SP_E_RANGE, 1, "found 'nan'; expected a number without unit that is finite, like 0.85 or 12"},
    {"-inf W", SP_UNIT_WATT, SP_E_RANGE, 2, "found 'inf W'; expected a power that is finite, like 700W or 1.2MW"},
    {"1e31W", SP_UNIT_WATT, SP_E_RANGE, 1, "'1e31W' is too large to be meant; expected a power, like 700W or 1.2MW"},
    {"1e999999999", SP_UNIT_NONE, SP_E_RANGE, 1, "'1e999999999' is too large to be meant; expected a number without unit, like 0.85 or 12"},
    {"1e-400s", SP_UNIT_SECONDS, SP_E_RANGE, 1, "'1e-400s' is too small to be meant; expected a time, like 200ns, 1.5us or 30d"},
    {"3e", SP_UNIT_NONE, SP_E_PARSE, 2, "found 'e' after the number"},
    {".", SP_UNIT_NONE, SP_E_PARSE, 1, "found '.'"},
    {"1 2", SP_UNIT_NONE, SP_E_PARSE, 3, "found '2' after the number"},
    {"--5", SP_UNIT_NONE, SP_E_PARSE, 1, "found '--5'"},
};

static void refuses_with_place_and_fix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        double value = -7;
        sp_error err = {0};
        if (sp_unit_parse(r->text, r->unit, &value, &err) != r->status)
            fail_msg("'%s': status %s", r->text, sp_status_name(err.status));
        if (err.column != r->column || strncmp(err.text, r->message, strlen(r->message)))
            fail_msg("'%s': column %u: %s", r->text, err.column, err.text);
        assert_true(value == -7);
    }
}

typedef struct printing { double value; sp_unit unit; const char *people, *exact; } printing;

static const printing printings[] = {
    {56e9, SP_UNIT_BYTES_PER_S, "56 GB/s", "56GB/s"}, {1.2e-6, SP_UNIT_SECONDS, "1.2 us", "1.2us"},
    {200e-9, SP_UNIT_SECONDS, "200 ns", "200ns"}, {999.96e-6, SP_UNIT_SECONDS, "1 ms", "999.96us"},
    {0, SP_UNIT_SECONDS, "0 s", "0s"}, {0, SP_UNIT_NONE, "0", "0"}, {0, SP_UNIT_JOULE_PER_BIT, "0 J/bit", "0J/bit"},
    {5e-12, SP_UNIT_JOULE_PER_BIT, "5 pJ/bit", "5pJ/bit"}, {16777216, SP_UNIT_BYTES, "16.78 MB", "16MiB"},
    {144e9, SP_UNIT_BYTES, "144 GB", "144GB"}, {90, SP_UNIT_SECONDS, "90 s", "90s"}, {7200, SP_UNIT_SECONDS, "2 h", "2h"},
    {45 * 60, SP_UNIT_SECONDS, "45 min", "45min"}, {54 * 86400.0, SP_UNIT_SECONDS, "54 d", "54d"},
    {8192, SP_UNIT_COUNT, "8192", "8192"}, {1006720, SP_UNIT_COUNT, "1.007M", "1006720"}, {15000, SP_UNIT_COUNT, "15k", "15k"},
    {8e18, SP_UNIT_FLOP_PER_S, "8 EFLOP/s", "8EFLOP/s"}, {0.05, SP_UNIT_PER_YEAR, "0.05/y", "0.05/y"},
    {0.123456789, SP_UNIT_NONE, "0.1235", "0.123456789"}, {-1.5e-3, SP_UNIT_SECONDS, "-1.5 ms", "-1.5ms"},
    {1e-15, SP_UNIT_SECONDS, "0.001 ps", "0.001ps"}, {999999, SP_UNIT_WATT, "1 MW", "999999W"},
    {0.08, SP_UNIT_USD_PER_KWH, "0.08 USD/kWh", "0.08USD/kWh"}, {1e30, SP_UNIT_NONE, "1e30", "1e30"},
};

static void prints_for_people_and_machines(void **state)
{
    (void)state;
    char out[64];
    for (size_t i = 0; i < sizeof printings / sizeof *printings; i++) {
        assert_string_equal(sp_unit_format(printings[i].value, printings[i].unit, out, sizeof out), printings[i].people);
        assert_string_equal(sp_unit_format_exact(printings[i].value, printings[i].unit, out, sizeof out), printings[i].exact);
    }
    assert_string_equal(sp_unit_format(1.0 / 0.0, SP_UNIT_SECONDS, out, sizeof out), "inf");
    assert_string_equal(sp_unit_format(0.0 / 0.0, SP_UNIT_SECONDS, out, sizeof out), "nan");
    sp_unit_format(56e9, SP_UNIT_BYTES_PER_S, out, 4);
    assert_string_equal(out, "56 ");
}

static void nccl_sizes_are_binary(void **state)
{
    (void)state;
    static const struct { const char *text; uint64_t bytes; } good[] = {
        {"8", 8}, {"1K", 1024}, {"1k", 1024}, {"16G", UINT64_C(16) << 30}, {"1M", 1 << 20}, {"4KiB", 4096}, {"2GiB", UINT64_C(2) << 30},
        {"128B", 128}, {"0", 0},
    };
    static const struct { const char *text; sp_status status; uint32_t column; } bad[] = {
        {"", SP_E_PARSE, 1}, {"x", SP_E_PARSE, 1}, {"1KB", SP_E_PARSE, 2}, {"-1", SP_E_PARSE, 1}, {"1.5G", SP_E_PARSE, 2},
        {"1G ", SP_E_PARSE, 2}, {"99999999999999999999", SP_E_RANGE, 1}, {"18446744073709551615G", SP_E_RANGE, 1},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t bytes = 77;
        assert_int_equal(sp_unit_parse_nccl_size(good[i].text, &bytes, NULL), SP_OK);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t bytes = 77;
        sp_error err = {0};
        assert_int_equal(sp_unit_parse_nccl_size(bad[i].text, &bytes, &err), bad[i].status);
        assert_int_equal(err.column, bad[i].column);
        assert_int_equal(bytes, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_exactly),
        cmocka_unit_test(refuses_with_place_and_fix),
        cmocka_unit_test(prints_for_people_and_machines),
        cmocka_unit_test(nccl_sizes_are_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
