#include "base_private.h"
#include "unit_table.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { ECHO = 40 };   /* characters of the input that an error message repeats */

static const double MAGNITUDE_MAX = 1e30;

typedef struct reading { const char *text; sp_unit unit; sp_error *err; } reading;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint32_t column_of(const reading *r, const char *at)
{
    return (uint32_t)(at - r->text) + 1;
}

static sp_status not_a_number(const reading *r, const char *at)
{
    const sp_i_unit_kind *kind = sp_i_unit_kind_of(r->unit);
    if (!strncasecmp(at, "nan", 3) || !strncasecmp(at, "inf", 3) || !strncasecmp(at, ".nan", 4) || !strncasecmp(at, ".inf", 4))
        return sp_error_set(r->err, SP_E_RANGE, NULL, 0, column_of(r, at), "found '%.*s'; expected %s that is finite, like %s",
                            ECHO, at, kind->noun, kind->examples);
    if (!*at)
        return sp_error_set(r->err, SP_E_PARSE, NULL, 0, column_of(r, at), "found nothing; expected %s, like %s", kind->noun,
                            kind->examples);
    return sp_error_set(r->err, SP_E_PARSE, NULL, 0, column_of(r, at), "found '%.*s'; expected %s, like %s", ECHO, at,
                        kind->noun, kind->examples);
}

static const sp_i_unit_row *row_of(sp_unit unit, bool any_unit, const char *suffix, size_t length, bool any_case)
{
    size_t n;
    const sp_i_unit_row *row = sp_i_unit_rows(&n);
    for (size_t i = 0; i < n; i++)
        if ((any_unit || row[i].unit == unit) && strlen(row[i].suffix) == length && length + any_unit > 0
            && !(any_case ? strncasecmp(row[i].suffix, suffix, length) : strncmp(row[i].suffix, suffix, length)))
            return &row[i];
    if (!any_unit && !length)
        for (size_t i = 0; i < n; i++)
            if (row[i].unit == unit && !row[i].suffix[0])
                return &row[i];
    return NULL;
}

static sp_status wrong_unit(const reading *r, const char *suffix, size_t length)
{
    const sp_i_unit_kind *kind = sp_i_unit_kind_of(r->unit);
    uint32_t column = column_of(r, suffix);
    int shown = (int)(length > ECHO ? ECHO : length);
    if (!length)
        return sp_error_set(r->err, SP_E_PARSE, NULL, 0, column, "'%.*s' has no unit; expected %s, like %s", ECHO, r->text,
                            kind->noun, kind->examples);
    const sp_i_unit_row *other = row_of(r->unit, false, suffix, length, true);
    if (other)
        return sp_error_set(r->err, SP_E_PARSE, NULL, 0, column, "found unit '%.*s'; did you mean '%s'? Expected %s, like %s",
                            shown, suffix, other->suffix, kind->noun, kind->examples);
    other = row_of(r->unit, true, suffix, length, false);
    if (other && other->suffix[0])
        return sp_error_set(r->err, SP_E_PARSE, NULL, 0, column, "found unit '%.*s', which is %s; expected %s, like %s",
                            shown, suffix, sp_i_unit_kind_of(other->unit)->noun, kind->noun, kind->examples);
    return sp_error_set(r->err, SP_E_PARSE, NULL, 0, column, "found '%.*s' after the number; expected %s, like %s", shown,
                        suffix, kind->noun, kind->examples);
}

/* The text holds a digit other than 0 before its exponent: zero would be an underflow, not what was written. */
static bool has_value(const char *number, size_t length)
{
    size_t mantissa = strcspn(number, "eE");
    for (size_t i = 0; i < length && i < mantissa; i++)
        if (number[i] >= '1' && number[i] <= '9')
            return true;
    return false;
}

sp_status sp_unit_parse(const char *text, sp_unit unit, double *out, sp_error *err)
{
    assert((unsigned)unit < SP_UNIT_N);
    reading r = {text, unit, err};
    const char *at = text;
    while (is_blank(*at))
        at++;
    bool negative = *at == '-';
    const char *number = at + (*at == '-' || *at == '+');
    size_t length = sp_i_number_length(number);
    if (!length)
        return not_a_number(&r, strncasecmp(number, "inf", 3) && strncasecmp(number, ".inf", 4) ? at : number);
    const char *suffix = number + length;
    while (is_blank(*suffix))
        suffix++;
    size_t suffix_length = strlen(suffix);
    while (suffix_length && is_blank(suffix[suffix_length - 1]))
        suffix_length--;
    const sp_i_unit_row *row = row_of(unit, false, suffix, suffix_length, false);
    if (!row)
        return wrong_unit(&r, suffix, suffix_length);
    double value;
    if (!sp_i_number_value(number, length, row->exp10, &value))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, column_of(&r, number), "the number has too many digits (%zu)", length);
    value *= row->factor;
    if (!(value <= MAGNITUDE_MAX) || (value == 0 && has_value(number, length)))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, column_of(&r, number), "'%.*s' is too %s to be meant; expected %s, like %s",
                            ECHO, number, value == 0 ? "small" : "large", sp_i_unit_kind_of(unit)->noun,
                            sp_i_unit_kind_of(unit)->examples);
    if (negative && value > 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, column_of(&r, at), "found '%.*s', which is negative; expected %s, like %s",
                            ECHO, at, sp_i_unit_kind_of(unit)->noun, sp_i_unit_kind_of(unit)->examples);
    *out = value;
    return SP_OK;
}

sp_status sp_unit_parse_nccl_size(const char *text, uint64_t *out, sp_error *err)
{
    static const struct { const char *suffix; int shift; } suffixes[] = {
        {"", 0}, {"B", 0}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40},
    };
    size_t digits = strspn(text, "0123456789");
    if (!digits)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found '%.*s'; expected a size like 8, 1K or 16G (1024-based, as in "
                            "nccl-tests)", ECHO, text);
    uint64_t value = 0;
    bool fits = true;
    for (size_t i = 0; i < digits; i++)
        fits = fits && sp_mul_u64(value, 10, &value) && sp_add_u64(value, (uint64_t)(text[i] - '0'), &value);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcasecmp(text + digits, suffixes[i].suffix))
            continue;
        if (!fits || !sp_mul_u64(value, UINT64_C(1) << suffixes[i].shift, &value) || value > UINT64_C(1) << 60)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 1, "size '%.*s' is above 2^60 bytes", ECHO, text);
        *out = value;
        return SP_OK;
    }
    return sp_error_set(err, SP_E_PARSE, NULL, 0, (uint32_t)digits + 1, "found '%.*s' after the number; expected K, M or G "
                        "(1024-based, as in nccl-tests) or KiB, MiB, GiB", ECHO, text + digits);
}
