/* Numbers as people read them: quantities by the library's one formatter, shares in percent, counts with separators. */
#include "report_private.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The formatter writes "us", the ASCII spelling; a page can have the micro sign (two bytes: " us" becomes " \u00b5s"). */
const char *sp_i_quantity(double value, sp_unit unit, char *out)
{
    sp_unit_format(value, unit, out, SP_I_NUMBER - 1);
    char *micro = unit == SP_UNIT_SECONDS ? strstr(out, " us") : NULL;
    if (micro)
        memcpy(micro, " \xc2\xb5s", sizeof " \xc2\xb5s");
    return out;
}

const char *sp_i_percent(double fraction, char *out)
{
    double percent = 100 * fraction;
    if (fabs(percent) > 0 && fabs(percent) < 0.1)
        snprintf(out, SP_I_NUMBER, "%s0.1 %%", percent > 0 ? "&lt; " : "&gt; -");
    else
        snprintf(out, SP_I_NUMBER, fabs(percent) >= 99.95 || percent == 0 ? "%.0f %%" : "%.1f %%", percent);
    return out;
}

const char *sp_i_count(uint64_t value, char *out)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value), used = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}
