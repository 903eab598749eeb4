#include "superpod/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct cursor { const char *text, *at; sp_error *err; } cursor;

static uint32_t column_of(const cursor *c)
{
    return (uint32_t)(c->at - c->text) + 1;
}

static void skip_blanks(cursor *c)
{
    while (*c->at == ' ' || *c->at == '\t')
        c->at++;
}

static sp_status expected(const cursor *c, const char *what)
{
    if (!*c->at)
        return sp_error_set(c->err, SP_E_PARSE, NULL, 0, column_of(c), "the id set ends where %s is expected; "
                            "write it like 0-3,7", what);
    return sp_error_set(c->err, SP_E_PARSE, NULL, 0, column_of(c), "found '%.12s' in an id set where %s is expected; "
                        "write it like 0-3,7", c->at, what);
}

static sp_status parse_id(cursor *c, uint64_t max_id, uint64_t *out)
{
    if (*c->at < '0' || *c->at > '9')
        return expected(c, "an id (a whole number)");
    const char *begin = c->at;
    uint64_t id = 0;
    bool fits = true;
    for (; *c->at >= '0' && *c->at <= '9'; c->at++)
        fits = fits && sp_mul_u64(id, 10, &id) && sp_add_u64(id, (uint64_t)(*c->at - '0'), &id);
    if (!fits || id > max_id)
        return sp_error_set(c->err, SP_E_RANGE, NULL, 0, (uint32_t)(begin - c->text) + 1,
                            "id %.*s is too large: ids go from 0 to %" PRIu64, (int)(c->at - begin > 30 ? 30 : c->at - begin),
                            begin, max_id);
    *out = id;
    return SP_OK;
}

static sp_status parse_range(cursor *c, uint64_t max_id, uint64_t range[2])
{
    skip_blanks(c);
    uint32_t column = column_of(c);
    sp_status status = parse_id(c, max_id, &range[0]);
    if (status)
        return status;
    skip_blanks(c);
    range[1] = range[0];
    if (*c->at != '-')
        return SP_OK;
    c->at++;
    skip_blanks(c);
    status = parse_id(c, max_id, &range[1]);
    if (status)
        return status;
    skip_blanks(c);
    if (range[1] < range[0])
        return sp_error_set(c->err, SP_E_PARSE, NULL, 0, column, "range %" PRIu64 "-%" PRIu64 " runs downwards; write %"
                            PRIu64 "-%" PRIu64, range[0], range[1], range[1], range[0]);
    return SP_OK;
}

static int compare_ranges(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return x[0] != y[0] ? (x[0] > y[0] ? 1 : -1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* Sort and join what overlaps or touches; returns how many ranges are left. */
static size_t normalise(uint64_t *range, size_t n)
{
    qsort(range, n, 2 * sizeof *range, compare_ranges);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t lo = range[2 * i], hi = range[2 * i + 1];
        uint64_t *last = kept ? &range[2 * kept - 2] : NULL;
        if (last && (last[1] == UINT64_MAX || lo <= last[1] + 1)) {
            if (hi > last[1])
                last[1] = hi;
        } else {
            range[2 * kept] = lo;
            range[2 * kept + 1] = hi;
            kept++;
        }
    }
    return kept;
}

sp_status sp_idset_parse(sp_arena *arena, const char *text, uint64_t max_id, sp_idset *out, sp_error *err)
{
    cursor c = {text, text, err};
    size_t n_max = 1, n = 0;
    for (const char *p = text; *p; p++)
        n_max += *p == ',';
    skip_blanks(&c);
    if (!*c.at) {
        *out = (sp_idset){NULL, 0};
        return SP_OK;
    }
    uint64_t *range = sp_arena_alloc(arena, n_max, 2 * sizeof *range);
    if (!range)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for an id set of %zu ranges", n_max);
    for (;;) {
        sp_status status = parse_range(&c, max_id, &range[2 * n]);
        if (status)
            return status;
        n++;
        if (!*c.at)
            break;
        if (*c.at != ',')
            return expected(&c, "',' or '-'");
        c.at++;
    }
    *out = (sp_idset){range, normalise(range, n)};
    return SP_OK;
}

uint64_t sp_idset_count(const sp_idset *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->n; i++)
        count += set->range[2 * i + 1] - set->range[2 * i] + 1;
    return count;
}

bool sp_idset_has(const sp_idset *set, uint64_t id)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id > set->range[2 * middle + 1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && id >= set->range[2 * low];
}

int sp_idset_format(const sp_idset *set, char *out, size_t out_size)
{
    size_t used = 0;
    if (out_size)
        out[0] = '\0';
    for (size_t i = 0; i < set->n; i++) {
        uint64_t lo = set->range[2 * i], hi = set->range[2 * i + 1];
        char *at = used < out_size ? out + used : NULL;
        size_t room = used < out_size ? out_size - used : 0;
        const char *comma = i ? "," : "";
        used += (size_t)(lo == hi ? snprintf(at, room, "%s%" PRIu64, comma, lo)
                                  : snprintf(at, room, "%s%" PRIu64 "-%" PRIu64, comma, lo, hi));
    }
    return (int)used;
}
