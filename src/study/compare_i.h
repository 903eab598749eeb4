/* What the files of a comparison share. */
#ifndef SP_STUDY_COMPARE_I_H
#define SP_STUDY_COMPARE_I_H

#include "superpod/study.h"

#define SP_I_HINTS 12u
#define SP_I_KIND_MOST (1u << 20)   /* chips of a kind that are asked for, at most */

/* Shapes of plans that were good somewhere: what a narrow search starts from. */
typedef struct sp_i_hints { uint32_t n; sp_plan plan[SP_I_HINTS]; } sp_i_hints;

/* Some chips of a machine: what is bought and powered. */
typedef struct sp_i_offer { const sp_machine *machine; uint32_t chips; } sp_i_offer;

/* The fastest plan found for an offer. */
typedef struct sp_i_found { sp_plan plan; uint32_t chips_used; double step_time_s, tokens_per_s, mfu; } sp_i_found;

/* One comparison while it is made. */
typedef struct sp_i_compare {
    const sp_compare_problem *problem;
    sp_arena *arena;
    uint64_t gbs, seq;              /* held equal                                             */
    uint32_t gbs_chips;             /* with `weak`: the chips that gbs is for                 */
    sp_format recipe;               /* of every machine, without best_precision               */
    sp_effort effort;               /* of wide searches: the problem's, but where less will do */
    uint32_t searches;              /* made so far                                            */
    sp_plan_counts searched;        /* sums over those that found a plan                      */
    double floor_tokens_per_s;      /* of narrow searches: slower plans are of no use; 0: any */
    sp_i_hints *hints;              /* [entries] shapes of good plans                         */
    const sp_compare_entry *entries;
    sp_error *err;
} sp_i_compare;

/* ---- compare_best.c ------------------------------------------------------------------------------------------- */

/* Fastest plan of the offer on `tokens a step` near the problem's. Wide: the planner's whole space, and what it finds joins
 * the hints; narrow: the shapes of the hints, everything else free. SP_E_UNFIT: nothing fits, or nothing is above the floor. */
sp_status sp_i_best(sp_i_compare *c, const sp_i_offer *offer, bool wide, sp_i_hints *hints, sp_i_found *out);
/* The same for what is faster than `floor` alone; SP_E_UNFIT: nothing is. */
sp_status sp_i_faster(sp_i_compare *c, const sp_i_offer *offer, bool wide, sp_i_hints *hints, double floor, sp_i_found *out);
/* The fastest of the hints' plans as they stand: milliseconds, for points between others on one number of chips. */
sp_status sp_i_best_known(sp_i_compare *c, const sp_i_offer *offer, const sp_i_hints *hints, sp_i_found *out);
/* Sequences a step for that many chips. */
uint64_t sp_i_gbs(const sp_i_compare *c, uint32_t chips);
sp_format sp_i_precision(const sp_i_compare *c, const sp_machine *machine);
/* Puts the shape first; the one that won longest ago goes when there is no room. */
void sp_i_hints_add(sp_i_hints *hints, const sp_plan *plan);

/* ---- compare_size.c ------------------------------------------------------------------------------------------- */

/* `chips` of the machine's kind: a part of it, a larger member of its family, or of the family that continues it (same
 * chip, same inner tiers, one more outside). SP_E_RANGE where the kind ends. */
sp_status sp_i_resize(sp_catalog *catalog, const char *text, uint32_t chips, sp_i_offer *out,
                      sp_error *err);

/* ---- compare_knob.c -------------------------------------------------------------------------------------------- */

#define SP_I_LINES 32u   /* software product lines that a variant copies; the catalog has 9 */

/* A copy of a machine whose values may be changed. Points into itself: do not copy. */
typedef struct sp_i_variant {
    sp_machine machine;
    sp_chip chip;
    sp_software software[SP_I_LINES];
    const sp_software *list[SP_I_LINES];
    sp_price_table prices;
    sp_stack stack;                  /* the default communication library                                            */
    const sp_stack *stacks[1];
} sp_i_variant;
void sp_i_variant_make(const sp_machine *machine, sp_i_variant *out);
/* All rates of links times `scale`; all matrix, vector and exponential rates times `scale`. */
void sp_i_variant_scale_bw(sp_i_variant *variant, double scale);
void sp_i_variant_scale_flop(sp_i_variant *variant, double scale);

/* One uncertain value. Those of one entity move together (the rates of a chip's formats). */
typedef struct sp_i_knob { const char *entity, *label; sp_unit unit; size_t offset; uint32_t group; sp_value value; } sp_i_knob;
typedef struct sp_i_knobs { uint32_t n, n_groups; sp_i_knob *knob; } sp_i_knobs;
/* Values of the machine, its chip, family, product line, stack and prices with low < high. */
sp_status sp_i_knobs_make(const sp_machine *machine, const char *software, sp_arena *arena, sp_i_knobs *out);
/* Sets the knob to its quantile u; its nominal is its median, its low and high the ends. */
void sp_i_knob_set(const sp_i_knob *knob, double u, sp_i_variant *variant);
void sp_i_knob_put(const sp_i_knob *knob, double value, sp_i_variant *variant);

/* ---- compare_cost.c --------------------------------------------------------------------------------------------- */

/* What an offer costs: watts while training, dollars to buy, dollars an hour. */
typedef struct sp_i_cost { double power_w, capital_usd, usd_per_hour; } sp_i_cost;
sp_i_cost sp_i_cost_of(const sp_machine *machine, uint32_t chips, uint32_t chips_used, double busy);
/* Watts of one chip with its share of the rest, while it trains. */
double sp_i_chip_power(const sp_machine *machine);

/* ---- sensitivity.c ------------------------------------------------------------------------------------------------ */

/* Samples of the entry's numbers, every uncertain value drawn at once; fills the entry's ranges. */
sp_status sp_i_sample(sp_i_compare *c, sp_compare_entry *entry);
sp_status sp_i_sensitivity(sp_i_compare *c, sp_comparison *out);
/* Nearest-rank quantile of n numbers; sorts a copy in the arena. */
double sp_i_quantile(const double *values, uint32_t n, double q, sp_arena *arena);

/* ---- others -------------------------------------------------------------------------------------------------------- */

sp_status sp_i_breakeven(sp_i_compare *c, const sp_compare_entry *a, const sp_compare_entry *b, sp_compare_breakeven *out);
/* Fewest chips of a's kind for each of three tokens/s; NaN: not even with chips_most, where the kind ends. */
sp_status sp_i_break_chips(sp_i_compare *c, const sp_compare_entry *a, const sp_range *target, sp_range *out, uint32_t *chips_most);
/* Least scale of all of a's links, 1/64 … 64; NaN: not even 64, which gives `most` tokens/s. */
sp_status sp_i_break_links(sp_i_compare *c, const sp_compare_entry *a, const sp_range *target, sp_range *out, double *most);
sp_status sp_i_curves(sp_i_compare *c, sp_comparison *out);
sp_status sp_i_ablate(sp_i_compare *c, const sp_compare_entry *entry, sp_compare_ablation *out);
/* false: the caller of the comparison asked to stop */
bool sp_i_compare_tell(sp_i_compare *c, const char *what);

#endif
