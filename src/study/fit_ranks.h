/* Ranks of layouts. Private to study. */
#ifndef SP_FIT_RANKS_H
#define SP_FIT_RANKS_H

#include "fit_i.h"

/* Do rows a and b belong to one group; `closer`: of one job besides. Must be an equivalence. */
typedef bool (*sp_i_ranks_alike)(const void *context, uint32_t a, uint32_t b, bool closer);

double sp_i_ranks_spearman(const double *predicted, const double *measured, uint32_t n);
/* Groups of 8 rows or more. O(rows x groups). */
sp_study_ranks sp_i_ranks(const sp_i_fit *fit, sp_i_ranks_alike alike, const void *context, bool closer, sp_arena *arena);

#endif
