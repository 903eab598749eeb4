/* Axes of words: how something is done, beside the counts of space.h. One row an axis; a new one is a row here, its values in the order
 * in which ties go, and a line in docs/models/planner.md. Private to plan. */
#ifndef SP_PLAN_WORD_H
#define SP_PLAN_WORD_H

#include "superpod/plan.h"

#define SP_I_CHOICES_MAX 512   /* a batch up to 2^20 has 240 divisors at most: every one may be a data-parallel size */

typedef struct sp_i_choices { uint32_t n; uint32_t value[SP_I_CHOICES_MAX]; } sp_i_choices;
/* Adds what is not there yet. */
void sp_i_choices_put(sp_i_choices *choices, uint32_t value);

/* In the order of the solver's loops, dear ones outside: first those that rules of plan_check.c ask for, then the others that change
 * what layers cost (a shape of sp_pricer_shape), last those that change the price of a plan alone. */
typedef enum sp_i_word {
    SP_I_WORD_CP_WAY, SP_I_WORD_SEQUENCE, SP_I_WORDS_RULED,
    SP_I_WORD_OVERLAP = SP_I_WORDS_RULED, SP_I_WORD_PRECISION, SP_I_WORD_GATHER, SP_I_WORD_GRADIENT, SP_I_WORD_RECOMPUTE, SP_I_WORDS_SHAPED,
    SP_I_WORD_ZERO = SP_I_WORDS_SHAPED, SP_I_WORD_SCHEDULE, SP_I_WORD_OVERLAP_DP, SP_I_WORD_OFFLOAD, SP_I_WORDS
} sp_i_word;

typedef struct sp_i_word_row {
    /* The values of a problem: what is fixed alone, else what the effort tries, the first one wherever it fits. */
    void (*choose)(const sp_problem *problem, sp_i_choices *out);
    void (*put)(sp_plan *plan, uint32_t value);
    /* Of several values: does this one keep the rules in the plan, and is it another plan than with an earlier one? Counts and words
     * of outer loops are set in the plan. */
    bool (*fits)(const sp_plan *plan, uint32_t value);
} sp_i_word_row;
#define SP_I_RECOMPUTE_FEWEST (SP_RECOMPUTE_FULL | 1u << 8)
/* Bits of what is offloaded: the optimizer; and of activations the least per cent that makes the plan fit. From bit 8 on a per cent given. */
enum { SP_I_OFFLOAD_OPTIMIZER = 1, SP_I_OFFLOAD_LEAST = 2 };
extern const sp_i_word_row sp_i_word_rows[SP_I_WORDS];

/* Is the value to be tried in the plan? */
static inline bool sp_i_word_tried(sp_i_word word, const sp_i_choices *choices, const sp_plan *plan, uint32_t value)
{
    return choices->n == 1 || sp_i_word_rows[word].fits(plan, value);
}

/* Is the plan's program that of one told with an earlier value? Of what all words together decide: ZeRO where no two ranks hold the same state. */
bool sp_i_word_twice(const sp_problem *problem, const sp_plan *plan);

#endif
