#include "base_private.h"
#include "unit_table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS_FOR_PEOPLE = 4 };

/* digits x 10^(point - n) in plain notation, or with an exponent where that is shorter. */
static void print_decimal(const char *digits, int n, int point, char out[64])
{
    if (n == 1 && digits[0] == '0')
        snprintf(out, 64, "0");
    else if (point > 21 || point < -5)
        snprintf(out, 64, "%.1s%s%se%d", digits, n > 1 ? "." : "", digits + 1, point - 1);
    else if (point >= n)
        snprintf(out, 64, "%s%.*s", digits, point - n, "000000000000000000000000");
    else if (point > 0)
        snprintf(out, 64, "%.*s.%s", point, digits, digits + point);
    else
        snprintf(out, 64, "0.%.*s%s", -point, "000000000000000000000000", digits);
}

/* The value rounded for people; returns the value of the text. */
static double print_rounded(double value, char out[64])
{
    char digits[18];
    int point;
    double rounded;
    int n = sp_i_number_round(value, DIGITS_FOR_PEOPLE, digits, &point);
    sp_i_number_value(digits, (size_t)n, point - n, &rounded);
    print_decimal(digits, n, point, out);
    return rounded;
}

/* Largest mantissa before the next larger unit of the dimension is used. */
static double mantissa_limit(const sp_i_unit_row *row, const sp_i_unit_row *next)
{
    if (next->factor != row->factor)
        return row->unit == SP_UNIT_SECONDS ? 2 * next->factor / row->factor : next->factor / row->factor;
    return row->unit == SP_UNIT_COUNT && row->exp10 == 0 ? 1e4 : pow(10, next->exp10 - row->exp10);
}

static const char *print_odd(double value, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return out;
}

const char *sp_unit_format(double value, sp_unit unit, char *out, size_t out_size)
{
    assert((unsigned)unit < SP_UNIT_N);
    if (!isfinite(value))
        return print_odd(value, out, out_size);
    size_t n;
    const sp_i_unit_row *row = sp_i_unit_rows(&n), *end = row + n, *best = NULL;
    double magnitude = fabs(value);
    char text[64] = "0";
    for (; row < end; row++) {
        if (row->unit != unit || !(row->use & SP_I_UNIT_PEOPLE))
            continue;
        best = row;
        if (magnitude == 0 && (row->exp10 < 0 || row->factor != 1))
            continue;
        double rounded = print_rounded(magnitude / row->factor / pow(10, row->exp10), text);
        const sp_i_unit_row *next = row + 1;
        if (magnitude == 0 || next == end || next->unit != unit || !(next->use & SP_I_UNIT_PEOPLE)
            || rounded < mantissa_limit(row, next))
            break;
    }
    bool tight = unit == SP_UNIT_NONE || unit == SP_UNIT_COUNT || unit == SP_UNIT_PER_YEAR;
    snprintf(out, out_size, "%s%s%s%s", value < 0 ? "-" : "", text, tight ? "" : " ", best->suffix);
    return out;
}

/* Text of `value` in the unit of `row` that reads back to the same double; false when that unit has none. */
static bool print_exact(double value, const sp_i_unit_row *row, char out[64])
{
    char digits[18];
    int point;
    int n = sp_i_number_digits(value / row->factor, digits, &point);
    print_decimal(digits, n, n == 1 && digits[0] == '0' ? point : point - row->exp10, out);
    double back;
    return sp_i_number_value(out, strlen(out), row->exp10, &back) && back * row->factor == value;
}

const char *sp_unit_format_exact(double value, sp_unit unit, char *out, size_t out_size)
{
    assert((unsigned)unit < SP_UNIT_N);
    if (!isfinite(value))
        return print_odd(value, out, out_size);
    size_t n;
    const sp_i_unit_row *row = sp_i_unit_rows(&n), *best = NULL;
    char text[64], best_text[64] = "";
    size_t best_length = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (row[i].unit != unit || !(row[i].use & SP_I_UNIT_EXACT) || !print_exact(fabs(value), &row[i], text))
            continue;
        size_t length = strlen(text) + strlen(row[i].suffix);
        if (strchr(text, 'e'))
            length += sizeof text;   /* 200ns, not 2e-7s */
        /* Zero belongs to the base unit; otherwise the shortest text, and of equals the larger unit unless it needs "0.". */
        bool better = value == 0 ? row[i].exp10 == 0 && row[i].factor == 1
                                 : length < best_length || (length == best_length && text[0] != '0');
        if (!better)
            continue;
        best = &row[i];
        best_length = length;
        snprintf(best_text, sizeof best_text, "%s", text);
    }
    assert(best);
    snprintf(out, out_size, "%s%s%s", value < 0 ? "-" : "", best_text, best->suffix);
    return out;
}
