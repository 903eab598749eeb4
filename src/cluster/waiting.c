/* Waiting jobs by position in the queue, one tree of minima for each power of two of sizes: in a tree whose sizes all fit, the
 * shortest estimate decides exactly, so that the next job that may start is found without walking those that may not. */
#include "cluster_i.h"

#include <stdlib.h>

static uint32_t class_of(uint32_t chips) { return chips == 0 ? 0 : 31u - (uint32_t)__builtin_clz(chips); }

static uint32_t power_of_two_above(uint32_t n)
{
    uint32_t p = 1;
    while (p < n) p *= 2;
    return p;
}

/* Positions by class, ascending; node offsets of the trees. Returns how many nodes there are. */
static size_t divide(sp_i_waiting *w, const uint32_t *chips)
{
    size_t nodes = 0;
    uint32_t at = 0, fill[SP_I_SIZES] = {0};
    for (uint32_t p = 0; p < w->n; p++) w->size[class_of(chips[p])].n++;
    for (uint32_t k = 0; k < SP_I_SIZES; k++) {
        sp_i_size *size = &w->size[k];
        size->first = at;
        size->base = power_of_two_above(size->n);
        size->node = nodes;
        at += size->n;
        nodes += size->n == 0 ? 0 : 2u * (size_t)size->base;
    }
    for (uint32_t p = 0; p < w->n; p++) {
        uint32_t k = class_of(chips[p]);
        w->local[p] = fill[k];
        w->position[w->size[k].first + fill[k]++] = p;
    }
    return nodes;
}

bool sp_i_waiting_make(sp_i_waiting *w, const uint32_t *chips, uint32_t n)
{
    size_t room = n == 0 ? 1 : n;
    *w = (sp_i_waiting){.n = n, .local = malloc(room * sizeof *w->local), .position = malloc(room * sizeof *w->position),
                        .bits_memory = calloc(sp_i_bits_words(n) + 1, sizeof *w->bits_memory)};
    if (w->local == NULL || w->position == NULL || w->bits_memory == NULL) return false;
    size_t nodes = divide(w, chips);
    sp_i_bits_carve(&w->bits, n, w->bits_memory);
    for (uint32_t k = 0; k < SP_I_SIZES; k++) {
        w->least[k] = UINT32_MAX;
        w->shortest[k] = INT64_MAX;
    }
    w->chips = malloc((nodes + 1) * sizeof *w->chips);
    w->estimate = malloc((nodes + 1) * sizeof *w->estimate);
    if (w->chips == NULL || w->estimate == NULL) return false;
    for (size_t i = 0; i < nodes; i++) {
        w->chips[i] = UINT32_MAX;
        w->estimate[i] = INT64_MAX;
    }
    return true;
}

void sp_i_waiting_release(sp_i_waiting *w)
{
    free(w->chips);
    free(w->estimate);
    free(w->local);
    free(w->position);
    free(w->bits_memory);
    *w = (sp_i_waiting){0};
}

static void set(sp_i_waiting *w, uint32_t position, uint32_t class, uint32_t chips, int64_t estimate)
{
    const sp_i_size *size = &w->size[class];
    uint32_t *least = w->chips + size->node, at = size->base + w->local[position];
    int64_t *shortest = w->estimate + size->node;
    least[at] = chips;
    shortest[at] = estimate;
    while (at > 1) {
        at /= 2;
        uint32_t a = 2 * at, b = a + 1, few = least[a] < least[b] ? least[a] : least[b];
        int64_t brief = shortest[a] < shortest[b] ? shortest[a] : shortest[b];
        if (least[at] == few && shortest[at] == brief) return;
        least[at] = few;
        shortest[at] = brief;
    }
    w->least[class] = least[1];
    w->shortest[class] = shortest[1];
}

void sp_i_waiting_add(sp_i_waiting *w, uint32_t position, uint32_t chips, int64_t estimate)
{
    set(w, position, class_of(chips), chips, estimate);
    sp_i_bits_put(&w->bits, position, true);
    if (position < w->low) w->low = position;
    w->count++;
    w->chips_sum += chips;
}

void sp_i_waiting_remove(sp_i_waiting *w, uint32_t position, uint32_t chips)
{
    set(w, position, class_of(chips), UINT32_MAX, INT64_MAX);
    sp_i_bits_put(&w->bits, position, false);
    w->count--;
    w->chips_sum -= chips;
}

uint32_t sp_i_waiting_first(sp_i_waiting *w, uint32_t from, uint32_t to)
{
    if (from > w->low) return sp_i_bits_first(&w->bits, from, to);
    uint32_t first = sp_i_bits_first(&w->bits, w->low, to);
    w->low = first != SP_NOWHERE ? first : to > w->low ? to : w->low;
    return first;
}

typedef struct limits { uint32_t most, extra; int64_t limit; } limits;

/* Could a node's subtree hold a job that fits? Exact at the leaves, a bound above them. */
static bool may(const sp_i_waiting *w, size_t at, const limits *l)
{
    return w->chips[at] <= l->most && (w->estimate[at] <= l->limit || w->chips[at] <= l->extra);
}

/* Leftmost leaf >= from of one tree whose position is below `to`: climbs to the next right subtree that may hold one, descends, and climbs
 * again where the bound lied. Returns the position, or `to`. */
static uint32_t find_in(const sp_i_waiting *w, const sp_i_size *size, uint32_t from, uint32_t to, const limits *l)
{
    const uint32_t *position = w->position + size->first;
    uint32_t at = size->base + from;
    if (from >= size->n || position[from] >= to) return to;
    while (at != 0) {
        if (may(w, size->node + at, l)) {
            if (at >= size->base) return position[at - size->base];
            at *= 2;
            continue;
        }
        while ((at & 1) != 0) at /= 2;   /* 1 is odd: its parent 0 ends the search */
        if (at == 0) break;
        at++;
        uint32_t leftmost = (at << (__builtin_clz(at) - __builtin_clz(size->base))) - size->base;
        if (leftmost >= size->n || position[leftmost] >= to) break;
    }
    return to;
}

/* First of a class whose position is not below `from`; most searches begin near the one before. */
static uint32_t lower(const sp_i_waiting *w, sp_i_size *size, uint32_t from)
{
    const uint32_t *position = w->position + size->first;
    uint32_t low = 0, high = size->n, at = size->at < high ? size->at : 0;
    for (uint32_t by = 1; position[at] < from; by *= 2) {   /* upwards */
        low = at + 1;
        if (by >= high - low) break;
        at += by;
    }
    if (position[at] >= from) high = at;
    for (uint32_t by = 1; low == 0 && high > by; by *= 2) {   /* downwards */
        if (position[high - by] < from) {
            low = high - by + 1;
            break;
        }
        high -= by;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position[middle] < from) low = middle + 1;
        else high = middle;
    }
    size->at = low;
    return low;
}

uint32_t sp_i_waiting_find(sp_i_waiting *w, uint32_t from, uint32_t to, uint32_t most, int64_t limit, uint32_t extra)
{
    limits l = {most, extra, limit};
    uint32_t best = to, classes = most == 0 ? 0 : class_of(most) + 1, some = 0;
    for (uint32_t k = 0; k < classes; k++) some |= (uint32_t)((w->least[k] <= most) & ((w->shortest[k] <= limit) | (w->least[k] <= extra))) << k;
    for (; some != 0; some &= some - 1) {
        sp_i_size *size = &w->size[__builtin_ctz(some)];
        best = find_in(w, size, lower(w, size, from), best, &l);
    }
    return best < to ? best : SP_NOWHERE;
}
