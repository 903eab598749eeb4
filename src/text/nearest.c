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

static bool begins(const char *word, size_t length, const char *name)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] == '\0' || lower(word[i]) != lower(name[i]))
            return false;
    return true;
}

const char *sp_text_nearest(const char *word, const char *const *names)
{
    size_t length = strlen(word);
    if (!length || length > WORD_MAX)
        return NULL;
    const char *best = NULL;
    int best_distance = (int)(length + 2) / 3 + 1;   /* near: at most about one edit in three characters */
    bool best_begins = false;
    for (; *names; names++) {
        size_t n = strlen(*names);
        if (n > WORD_MAX)
            continue;
        bool all = begins(word, length, *names);
        int d = all && length > 2 && lower((*names)[length]) == '-' ? 1 : distance(word, length, *names, n);   /* atlas-950 of atlas-950-superpod */
        bool nearer = d < best_distance || (best && d == best_distance && all && (!best_begins || n < strlen(best)));
        if (nearer && d < (int)(length > n ? length : n)) {
            best_distance = d;
            best_begins = all;
            best = *names;
        }
    }
    return best;
}
