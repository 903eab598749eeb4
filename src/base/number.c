/* Decimal numbers as text, independent of the process's locale and rounded once. */
#include "base_private.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t digits_at(const char *text)
{
    return strspn(text, "0123456789");
}

size_t sp_i_number_length(const char *text)
{
    size_t whole = digits_at(text), length = whole, fraction = 0;
    if (text[whole] == '.') {
        fraction = digits_at(text + whole + 1);
        length += 1 + fraction;
    }
    if (whole + fraction == 0)
        return 0;
    if (text[length] == 'e' || text[length] == 'E') {
        size_t sign = text[length + 1] == '+' || text[length + 1] == '-';
        size_t exponent = digits_at(text + length + 1 + sign);
        if (exponent)
            length += 1 + sign + exponent;
    }
    return length;
}

bool sp_i_number_value(const char *text, size_t length, int exp10, double *out)
{
    char buffer[512];
    size_t mantissa = strcspn(text, "eE");
    if (mantissa > length)
        mantissa = length;
    if (mantissa > sizeof buffer - 32 || length - mantissa > 12)
        return false;
    long exponent = mantissa < length ? strtol(text + mantissa + 1, NULL, 10) : 0;
    if (exponent > 100000 || exponent < -100000)
        exponent = exponent < 0 ? -100000 : 100000;
    snprintf(buffer, sizeof buffer, "%.*se%ld", (int)mantissa, text, exponent + exp10);
    *out = strtod_l(buffer, NULL, newlocale(LC_ALL_MASK, "C", NULL));   /* glibc's C locale is static: nothing to free */
    return true;
}

int sp_i_number_round(double value, int precision, char digits[18], int *point)
{
    char buffer[48];
    int n = 0;
    snprintf(buffer, sizeof buffer, "%.*e", precision - 1, value);
    char *e = strchr(buffer, 'e');
    for (char *p = buffer; p < e; p++)   /* leaves out the decimal point, whatever it is in this locale */
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    *point = (int)strtol(e + 1, NULL, 10) + 1;
    return n;
}

int sp_i_number_digits(double value, char digits[18], int *point)
{
    int n = 0;
    for (int precision = 1; precision <= 17; precision++) {
        double back;
        n = sp_i_number_round(value, precision, digits, point);
        sp_i_number_value(digits, (size_t)n, *point - n, &back);
        if (back == value)
            break;
    }
    return n;
}
