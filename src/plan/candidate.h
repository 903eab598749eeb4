/* Candidates that can still matter, in bounded room: a heap of the best bounds. Private to plan. */
#ifndef SP_PLAN_CANDIDATE_H
#define SP_PLAN_CANDIDATE_H

#include "word.h"

/* A priced plan, small: where it stands in the space. Equal bounds go by that place, which does not depend on who enumerates. */
typedef struct sp_i_candidate {
    double objective_bound, bound_s;
    uint32_t item, dp, zero_group, cutting;   /* of the cuttings of its pp */
    uint16_t recompute_layers;       /* where the fewest that fit are asked for; else 0 */
    uint8_t offload;                 /* per cent of activations, where the least is asked for; else 0 */
    uint8_t mbs_at, pp_at, laying, word[SP_I_WORDS];   /* indices of values */
} sp_i_candidate;

typedef struct sp_i_best { uint32_t n, room; bool dropped; sp_i_candidate *heap; } sp_i_best;

/* < 0: a before b. */
int sp_i_candidate_order(const void *a, const void *b);
/* Keeps `one` if there is room or it comes before the last kept, which then goes. */
void sp_i_best_put(sp_i_best *best, const sp_i_candidate *one);
/* Best first; no put after this. */
void sp_i_best_sort(sp_i_best *best);

#endif
