/* Dates as the catalog writes them. */
#include "superpod/study.h"

#include <stdio.h>

sp_status sp_date_parse(const char *text, uint32_t *months, sp_error *err)
{
    unsigned year = 0, part = 0;
    char kind = 0;
    int end = 0;
    bool good = sscanf(text, "%4u%n", &year, &end) == 1 && end == 4 && year >= 1990 && year <= 2100;
    if (good && text[4] != '\0') {
        int more = 0;
        const char *rest = text + 4;
        if (rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9' && rest[2] != '\0')
            good = sscanf(rest, "-%2u%n", &part, &more) == 1 && part >= 1 && part <= 12, kind = 'M';
        else
            good = sscanf(rest, "%c%1u%n", &kind, &part, &more) == 2 &&
                   ((kind == 'Q' && part >= 1 && part <= 4) || (kind == 'H' && part >= 1 && part <= 2));
        good = good && rest[more] == '\0';
    }
    if (!good)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found date '%.40s', expected a year, month, quarter or half such as 2027, 2027-03, "
                            "2027Q4 or 2027H2", text);
    uint32_t last = kind == 'M' ? part : kind == 'Q' ? 3 * part : kind == 'H' ? 6 * part : 12;
    *months = year * 12 + last;
    return SP_OK;
}
