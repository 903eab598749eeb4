#include "superpod/text.h"

#include <stdio.h>

static bool is_two_digits(const char *text, int least, int most)
{
    int number = 0, used = 0;
    return sscanf(text, "-%2d%n", &number, &used) == 1 && used == 3 && number >= least && number <= most;
}

static bool is_part(char letter, char number)
{
    return (letter == 'Q' && number >= '1' && number <= '4') || (letter == 'H' && (number == '1' || number == '2'));
}

bool sp_text_is_date(const char *text)
{
    int year = 0, used = 0;
    if (sscanf(text, "%4d%n", &year, &used) != 1 || used != 4 || year < 1990 || year > 2099)
        return false;
    const char *rest = text + 4;
    if (rest[0] == '\0' || (is_part(rest[0], rest[1]) && rest[2] == '\0'))
        return true;
    if (!is_two_digits(rest, 1, 12))
        return false;
    return rest[3] == '\0' || (is_two_digits(rest + 3, 1, 31) && rest[6] == '\0');
}
