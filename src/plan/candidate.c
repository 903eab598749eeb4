/* A bounded heap with the last of the kept on top. The kept of several heaps together hold the kept of the whole, so that
 * threads and ranks need no common one. */
#include "candidate.h"

#include <stdlib.h>

int sp_i_candidate_order(const void *a, const void *b)
{
    const sp_i_candidate *x = a, *y = b;
    if (x->objective_bound != y->objective_bound)
        return x->objective_bound < y->objective_bound ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void swap(sp_i_candidate *a, sp_i_candidate *b)
{
    sp_i_candidate t = *a;
    *a = *b;
    *b = t;
}

static void sink(sp_i_best *best)
{
    for (uint32_t at = 0, child; (child = 2 * at + 1) < best->n; at = child) {
        if (child + 1 < best->n && sp_i_candidate_order(&best->heap[child], &best->heap[child + 1]) < 0)
            child++;
        if (sp_i_candidate_order(&best->heap[at], &best->heap[child]) >= 0)
            return;
        swap(&best->heap[at], &best->heap[child]);
    }
}

void sp_i_best_put(sp_i_best *best, const sp_i_candidate *one)
{
    if (best->n == best->room) {
        best->dropped = true;
        if (sp_i_candidate_order(one, &best->heap[0]) >= 0)
            return;
        best->heap[0] = *one;
        sink(best);
        return;
    }
    best->heap[best->n] = *one;
    for (uint32_t at = best->n++; at > 0; at = (at - 1) / 2) {
        if (sp_i_candidate_order(&best->heap[at], &best->heap[(at - 1) / 2]) <= 0)
            return;
        swap(&best->heap[at], &best->heap[(at - 1) / 2]);
    }
}

void sp_i_best_sort(sp_i_best *best)
{
    if (best->n > 0)
        qsort(best->heap, best->n, sizeof *best->heap, sp_i_candidate_order);
}
