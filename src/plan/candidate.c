/* A bounded heap with the last of the kept on top. The kept of several heaps together hold the kept of the whole, so that
 * threads and ranks need no common one. */
#include "candidate.h"

#include <stdlib.h>
#include <string.h>

int sp_i_candidate_order(const void *a, const void *b)
{
    const sp_i_candidate *x = a, *y = b;
    if (x->objective_bound != y->objective_bound)
        return x->objective_bound < y->objective_bound ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    int words = memcmp(x->word, y->word, sizeof x->word);
    if (words != 0)
        return words;
    const uint32_t mine[] = {x->mbs_at, x->laying, x->pp_at, x->cutting, y->dp, x->zero_group}, theirs[] = {y->mbs_at, y->laying, y->pp_at, y->cutting, x->dp, y->zero_group};
    for (size_t i = 0; i < sizeof mine / sizeof mine[0]; i++)   /* the larger dp first */
        if (mine[i] != theirs[i])
            return mine[i] < theirs[i] ? -1 : 1;
    return 0;
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
