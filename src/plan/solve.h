/* What the files of the solver share: places, what is known of their plans, and the spot that is looked at. Private to the solver. */
#ifndef SP_PLAN_SOLVE_H
#define SP_PLAN_SOLVE_H

#include "solver.h"

/* A place for pp x dp: a layout's lanes, without and with sharded optimizer; for which micro-batches (indices), and for which of them
 * under interleaved schedules alone. alike: the first place of as many stages, replicas and ranks that share state; past: behind the last such of
 * its group, where they lie side by side. Beaten: by its share of the work; outrun: by computing alone; out: under every schedule of the space;
 * late: and none meets the deadline. */
struct sp_i_laid { uint32_t pp_at, dp, zero_group, laying, group, mbs_set, filled_set, alike, past; bool beaten, outrun, out, late; sp_lanes lanes[2]; sp_layout layout; };

/* Places whose plans of a cut are looked at together; to_tally: all of their plans are ruled out and not yet counted. */
struct sp_i_turn { uint32_t laid, places; bool to_tally; };

/* Under the shape with this number: the words of plans of one cut that were seen, and those of them that fit in memory; and in a group of
 * places (+ 1) those bound by work alone, and those that this rules out. */
struct sp_i_fitting { uint32_t shape, group; uint64_t seen, fit, worked, beaten; };

/* How many plans of all cuts are legal and fit in memory under the shape with this number, wherever they lie: a tally serves all places of as
 * many stages and replicas. words: of all cuts that are legal, for these rules (words_of). kept_fits: the shape without recompute under which some
 * plan was seen to fit; spared_of: that for which it is known whether all fit (spared). */
struct sp_i_tally { uint32_t shape, words_of, kept_fits, spared_of; bool spared; uint64_t legal, fit, words; double least_bytes; };

/* A cutting of the layers, and the same with but the first n + 1 layers of each chunk recomputed. */
typedef struct sp_i_cuts { const sp_cut *whole[2], **part[2]; } sp_i_cuts;   /* [1]: a stage's chunks in the shape of a V */

/* Where the plan that is looked at stands in the space. fewest: of the layers recomputed the fewest that fit. */
typedef struct sp_i_spot { uint32_t item, mbs_at, cutting; uint8_t word[SP_I_WORDS]; bool fewest; sp_i_tally *tally; sp_i_fitting *kept, *met; } sp_i_spot;

/* ---- poll.c ---- */
/* false: stop. */
bool sp_i_keep_going(sp_i_solver *s);

/* ---- item.c ---- */
/* The plan of an item's axes. */
sp_plan sp_i_item_plan(const sp_problem *problem, const sp_i_space *space, uint32_t item);
void sp_i_put_laying(sp_plan *plan, const sp_i_laying *laying);
void sp_i_put_cutting(sp_plan *plan, const sp_i_cutting *cutting);

/* ---- laid.c ---- */
/* All places of the item whose plan is given, on all counts of chips, by group. */
sp_status sp_i_lay_all(sp_i_solver *s, sp_plan plan, sp_error *err);

/* ---- fits.c: does it fit in memory, and is it worth asking? ---- */
/* What the plan there offloads of what is free; 0: nothing. */
uint32_t sp_i_offloaded(const sp_i_solver *s, const sp_i_spot *at);
/* The words that change memory under one cut, as a bit; of activations offloaded none. */
uint64_t sp_i_fit_bit(const sp_i_spot *at, bool host_optimizer);
/* Remembers whether the plan there fits, with all of its activations here. */
void sp_i_see_memory(const sp_i_solver *s, const sp_i_spot *at, double mem_bytes);
/* Counts the plan and says whether it fits. What is known of places alike is not computed again. */
bool sp_i_count_memory(sp_i_solver *s, const sp_plan *plan, const sp_i_spot *at, const sp_cut *cut);
void sp_i_missed_by(sp_i_solver *s, double mem_bytes);
/* The cut of the plan's layers, made when first asked for. */
sp_status sp_i_whole_cut(sp_i_solver *s, const sp_plan *plan, sp_i_cuts *cuts, const sp_cut **out, sp_error *err);
/* The cut with the fewest layers recomputed that fit in memory, fewer than all and more than none; NULL: there are none such. */
sp_status sp_i_fewest_cut(sp_i_solver *s, sp_plan *plan, sp_i_cuts *cuts, const sp_cut **out, sp_error *err);
/* The least per cent of activations offloaded that makes the plan fit; false: not even all. */
bool sp_i_offload_least(sp_i_solver *s, sp_plan *plan, const sp_cut *cut);
/* Does the shape recompute what the search could leave? */
bool sp_i_chose_to_recompute(const sp_i_solver *s);
/* Is the plan one that recomputes or offloads what could be kept? */
bool sp_i_needless(sp_i_solver *s, const sp_plan *plan, const sp_i_spot *at, const sp_cut *cut);
/* Would every plan of the places recompute what could be kept? */
bool sp_i_all_needless(sp_i_solver *s, uint32_t begin, uint32_t end);

/* ---- tally.c: plans that are ruled out with their place ---- */
/* Marks places whose plans are all worse than the limit. */
sp_status sp_i_find_beaten(sp_i_solver *s, const sp_plan *plan, uint32_t begin, uint32_t end, sp_error *err);
/* Of a group's places those to be priced, and those to be tallied; what is known of others is counted. */
uint32_t sp_i_take_turns(sp_i_solver *s, sp_plan *plan, const sp_i_spot *at, uint32_t begin, uint32_t end);
/* Adds the plans of the spot's cut to the tally of the place. */
sp_status sp_i_tally_cut(sp_i_solver *s, sp_plan *plan, sp_i_spot *at, const sp_i_laid *laid, sp_error *err);
/* All cuts are in the tallies of these turns. */
void sp_i_count_turns(sp_i_solver *s, uint32_t n);

/* ---- quote.c ---- */
/* Is the plan ruled out with its place? Under a schedule that hides traffic by computing alone. */
static inline bool sp_i_ruled_out(const sp_plan *plan, const sp_i_laid *laid)
{
    return sp_schedule_joins(plan->schedule) ? laid->outrun : laid->beaten;
}
/* Prices the plan there, counts it and keeps it if it may be of use. */
sp_status sp_i_quote(sp_i_solver *s, sp_plan *plan, const sp_i_spot *at, sp_i_laid *laid, sp_error *err);

#endif
