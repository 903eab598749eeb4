/* Waiting jobs in the order of their numbers, as a tree of minima: the next one that fits is found without walking the queue. */
#include "cluster_i.h"

#include <stdlib.h>

bool sp_i_waiting_make(sp_i_waiting *w, uint32_t n)
{
    *w = (sp_i_waiting){.n = n, .base = 1};
    while (w->base < n) w->base *= 2;
    w->chips = malloc(2u * (size_t)w->base * sizeof *w->chips);
    w->estimate = malloc(2u * (size_t)w->base * sizeof *w->estimate);
    if (w->chips == NULL || w->estimate == NULL) return false;
    for (size_t i = 0; i < 2u * (size_t)w->base; i++) {
        w->chips[i] = UINT32_MAX;
        w->estimate[i] = INT64_MAX;
    }
    return true;
}

void sp_i_waiting_release(sp_i_waiting *w)
{
    free(w->chips);
    free(w->estimate);
    *w = (sp_i_waiting){0};
}

static void set(sp_i_waiting *w, uint32_t job, uint32_t chips, int64_t estimate)
{
    size_t at = w->base + (size_t)job;
    w->chips[at] = chips;
    w->estimate[at] = estimate;
    while (at > 1) {
        at /= 2;
        size_t a = 2 * at, b = a + 1;
        uint32_t least = w->chips[a] < w->chips[b] ? w->chips[a] : w->chips[b];
        int64_t shortest = w->estimate[a] < w->estimate[b] ? w->estimate[a] : w->estimate[b];
        if (w->chips[at] == least && w->estimate[at] == shortest) break;
        w->chips[at] = least;
        w->estimate[at] = shortest;
    }
}

void sp_i_waiting_add(sp_i_waiting *w, uint32_t job, uint32_t chips, int64_t estimate)
{
    set(w, job, chips, estimate);
    w->count++;
    w->chips_sum += chips;
}

void sp_i_waiting_remove(sp_i_waiting *w, uint32_t job, uint32_t chips)
{
    set(w, job, UINT32_MAX, INT64_MAX);
    w->count--;
    w->chips_sum -= chips;
}

/* Could a node's subtree hold a job that fits? Exact at the leaves, a bound above them. */
static bool may(const sp_i_waiting *w, size_t at, uint32_t most, int64_t limit, uint32_t extra)
{
    return w->chips[at] <= most && (w->estimate[at] <= limit || w->chips[at] <= extra);
}

/* Leftmost leaf >= from: climbs to the next right subtree that may hold one, descends, and climbs again where the bound lied. */
uint32_t sp_i_waiting_find(const sp_i_waiting *w, uint32_t from, uint32_t most, int64_t limit, uint32_t extra)
{
    if (w->count == 0 || from >= w->n) return SP_NOWHERE;
    size_t at = w->base + (size_t)from;
    for (;;) {
        if (may(w, at, most, limit, extra)) {
            if (at >= w->base) return (uint32_t)(at - w->base);
            at *= 2;
            continue;
        }
        while ((at & 1) != 0) {
            at /= 2;
            if (at <= 1) return SP_NOWHERE;
        }
        if (at == 0 || at == 1) return SP_NOWHERE;
        at++;
    }
}
