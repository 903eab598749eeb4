#include "superpod/text.h"

#include <string.h>

enum { WORD_MAX = 64 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' ? '-' : c;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, drop, replace, swap neighbours) from a to b: Damerau's distance, restricted form; case and _- are equal. */
static int distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int row[3][WORD_MAX + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int replace = up[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            now[j] = least(replace, least(up[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                now[j] = least(now[j], up2[j - 2] + 1);
        }
    }
    return row[n_a % 3][n_b];
}

/* atlas-950 of atlas-950-superpod */
static bool begins(const char *word, size_t length, const char *name, size_t n)
{
    for (size_t i = 0; i < length && i < n; i++)
        if (lower(word[i]) != lower(name[i]))
            return false;
    return n > length && length > 2 && lower(name[length]) == '-';
}

const char *sp_text_nearest(const char *word, const char *const *names)
{
    size_t length = strlen(word);
    if (!length || length > WORD_MAX)
        return NULL;
    const char *best = NULL;
    int best_distance = (int)(length + 2) / 3 + 1;   /* near: at most about one edit in three characters */
    for (; *names; names++) {
        size_t n = strlen(*names);
        if (n > WORD_MAX)
            continue;
        int d = begins(word, length, *names, n) ? 1 : distance(word, length, *names, n);
        bool nearer = d < best_distance || (best && d == best_distance && n < strlen(best));
        if (nearer && d < (int)(length > n ? length : n)) {
            best_distance = d;
            best = *names;
        }
    }
    return best;
}
