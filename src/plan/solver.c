/* One work item: its places on the tiers first, then for each micro-batch what is legal, then shape by shape a quote of every
 * legal plan. Loops go from what is dear to change (the pieces' prices) to what is cheap (a cut, a place, ZeRO). */
#include "solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

sp_status sp_i_solver_make(sp_i_solver *solver, const sp_problem *problem, const sp_i_space *space, sp_pricer *pricer, uint32_t keep, sp_error *err)
{
    *solver = (sp_i_solver){.problem = problem, .space = space, .pricer = pricer, .worth = sp_i_worth_of(problem), .limit = INFINITY, .count = true};
    solver->arena = sp_arena_create();
    solver->best.room = keep;
    solver->best.heap = malloc(keep * sizeof *solver->best.heap);
    solver->cuts = solver->arena ? sp_arena_alloc(solver->arena, space->pp.n, sizeof *solver->cuts) : NULL;
    bool ok = solver->best.heap && solver->cuts;
    for (uint32_t p = 0; ok && p < space->pp.n; p++)
        ok = (solver->cuts[p] = sp_arena_alloc(solver->arena, space->cuttings[p].n, sizeof *solver->cuts[p])) != NULL;
    return ok ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u candidate plans", keep);
}

void sp_i_solver_end(sp_i_solver *solver)
{
    sp_arena_destroy(solver->arena);
    free(solver->best.heap);
    free(solver->laid);
    free(solver->legal);
    free(solver->kept);
    free(solver->met);
    free(solver->turn);
    free(solver->tally);
    free(solver->row);
}

/* The plans of one cut in one place, from word `w` on. */
static sp_status quote_words(sp_i_solver *s, sp_plan *plan, sp_i_spot *at, int w, sp_i_laid *laid, sp_error *err)
{
    while (w < SP_I_WORDS && s->space->word[w].n == 1)   /* put with the item */
        w++;
    if (w == SP_I_WORDS)
        return sp_i_quote(s, plan, at, laid, err);
    const sp_i_choices *choices = &s->space->word[w];
    for (uint32_t i = 0; i < choices->n; i++) {
        if (!sp_i_word_tried((sp_i_word)w, choices, plan, choices->value[i]))
            continue;
        if (w == SP_I_WORD_OFFLOAD && i > 0 && sp_i_ruled_out(plan, laid))   /* only tried where something else does not fit: not counted then */
            break;
        sp_i_word_rows[w].put(plan, choices->value[i]);
        at->word[w] = (uint8_t)i;
        sp_status status = quote_words(s, plan, at, w + 1, laid, err);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status price_place(sp_i_solver *s, sp_plan *plan, sp_i_spot *at, const sp_i_turn *turn, sp_error *err)
{
    sp_i_laid *laid = &s->laid[turn->laid];
    size_t row = s->row[laid->alike] + at->cutting;
    at->met = &s->met[row];
    at->kept = &s->kept[row];
    at->tally = &s->tally[laid->alike];
    if (turn->to_tally)
        return sp_i_tally_cut(s, plan, at, laid, err);
    plan->dp = laid->dp;
    plan->zero_group = laid->zero_group;
    return quote_words(s, plan, at, SP_I_WORDS_SHAPED, laid, err);
}

/* One group of places under the shape: cuts outside, so that a cut is profiled once. */
static sp_status price_group(sp_i_solver *s, sp_plan *plan, sp_i_spot *at, uint32_t begin, uint32_t end, sp_error *err)
{
    uint32_t pp_at = s->laid[begin].pp_at;
    const sp_i_cuttings *cuttings = &s->space->cuttings[pp_at];
    plan->pp = s->space->pp.value[pp_at];
    plan->dp = s->laid[begin].dp;
    sp_status found = sp_i_find_beaten(s, plan, begin, end, err);
    uint32_t n = found == SP_OK ? sp_i_take_turns(s, plan, at, begin, end) : 0;
    for (uint32_t c = 0; n > 0 && c < cuttings->n && sp_i_keep_going(s); c++) {
        sp_i_put_cutting(plan, &cuttings->item[c]);
        at->cutting = c;
        for (uint32_t k = 0; k < n; k++) {
            sp_status status = s->legal[s->row[s->turn[k].laid] + c] ? price_place(s, plan, at, &s->turn[k], err) : SP_OK;
            if (status != SP_OK)
                return status;
        }
    }
    sp_i_count_turns(s, n);
    return found;
}

/* Pieces of a single micro-batch, under which no expert traffic hides, are others than those of several. */
static bool one_batch(const sp_i_solver *s, const sp_plan *plan, uint32_t at)
{
    return plan->gbs / ((uint64_t)plan->mbs * s->laid[at].dp) < 2;
}

/* Were plans of a single micro-batch told under overlap of EP traffic already? */
static bool told_overlapped(const sp_i_solver *s, const sp_plan *plan)
{
    return !plan->overlap_ep && plan->ep > 1 && s->space->word[SP_I_WORD_OVERLAP].n > 1;
}

/* Groups with places of a single micro-batch last: the pieces change once for all groups, not in every one. */
static sp_status price_shape(sp_i_solver *s, sp_plan plan, sp_i_spot *at, sp_error *err)
{
    sp_pricer_shape(s->pricer, &plan);
    s->shapes++;
    if (plan.recompute == SP_RECOMPUTE_NONE)   /* the first choice where it is free, and recomputing the innermost word of shapes */
        s->kept_shape = s->problem->free_recompute ? s->shapes : 0;
    at->fewest = s->problem->free_recompute && plan.recompute_layers > 0;
    bool apart = plan.overlap_ep || told_overlapped(s, &plan);
    for (int single = 0; single < (plan.overlap_ep ? 2 : 1); single++)
        for (uint32_t begin = 0, end; begin < s->n_laid && !s->stopped; begin = end) {
            bool here = apart && one_batch(s, &plan, begin);
            for (end = begin + 1; end < s->n_laid && s->laid[end].group == s->laid[begin].group && (apart && one_batch(s, &plan, end)) == here;)
                end++;
            bool passed = here != single || (sp_i_chose_to_recompute(s) && sp_i_all_needless(s, begin, end));
            sp_status status = !passed ? price_group(s, &plan, at, begin, end, err) : SP_OK;
            if (status != SP_OK)
                return status;
        }
    return SP_OK;
}

/* The first value of each word that is not chosen yet, for the rules to be asked with. */
static void put_first(const sp_i_space *space, sp_plan *plan)
{
    for (int w = SP_I_WORDS_RULED; w < SP_I_WORDS; w++)
        for (uint32_t i = 0; i < space->word[w].n; i++)
            if (sp_i_word_tried((sp_i_word)w, &space->word[w], plan, space->word[w].value[i])) {
                sp_i_word_rows[w].put(plan, space->word[w].value[i]);
                break;
            }
}

/* Which cuts the rules allow in which place, for this micro-batch. */
static uint32_t find_legal(sp_i_solver *s, sp_plan plan, uint32_t mbs_at)
{
    uint32_t n = 0;
    s->rules++;
    for (uint32_t i = 0; i < s->n_laid; i++) {
        const sp_i_laid *laid = &s->laid[i];
        const sp_i_cuttings *cuttings = &s->space->cuttings[laid->pp_at];
        if (laid->alike != i) {   /* before it; no rule asks for more than that */
            for (uint32_t c = 0; c < cuttings->n; c++) {
                bool legal = s->legal[s->row[laid->alike] + c];
                s->legal[s->row[i] + c] = legal;
                s->counts.refused_divide += s->count && !legal;
                n += legal;
            }
            continue;
        }
        plan.pp = s->space->pp.value[laid->pp_at];
        plan.dp = laid->dp;
        plan.zero_group = laid->zero_group;
        for (uint32_t c = 0; c < cuttings->n; c++) {
            sp_i_put_cutting(&plan, &cuttings->item[c]);
            put_first(s->space, &plan);
            bool wanted = (laid->mbs_set >> mbs_at & 1) || (plan.vpp > 1 && (laid->filled_set >> mbs_at & 1));
            bool legal = wanted && sp_plan_check(&plan, s->problem->model, s->problem->machine, NULL) == SP_OK;
            s->legal[s->row[i] + c] = legal;
            s->counts.refused_divide += s->count && !legal;
            n += legal;
        }
    }
    return n;
}

/* All shapes of the micro-batch, from word `w` on. */
static sp_status price_words(sp_i_solver *s, sp_plan plan, sp_i_spot *at, int w, sp_error *err)
{
    if (w == SP_I_WORDS_RULED && find_legal(s, plan, at->mbs_at) == 0)
        return SP_OK;
    if (w == SP_I_WORDS_SHAPED)
        return price_shape(s, plan, at, err);
    const sp_i_choices *choices = &s->space->word[w];
    sp_status status = SP_OK;
    for (uint32_t i = 0; i < choices->n && status == SP_OK && !s->stopped; i++) {
        if (!sp_i_word_tried((sp_i_word)w, choices, &plan, choices->value[i]))
            continue;
        sp_i_word_rows[w].put(&plan, choices->value[i]);
        at->word[w] = (uint8_t)i;
        status = price_words(s, plan, at, w + 1, err);
    }
    return status;
}

/* Room for `n` of what is counted by stamps, which begin at 1; what is new is zero. */
static bool grow(void *list, size_t size, size_t had, size_t n)
{
    void **at = list, *more = realloc(*at, n * size);
    if (!more)
        return false;
    memset((char *)more + had * size, 0, (n - had) * size);
    *at = more;
    return true;
}

/* Where the row of each place begins in the tables of its cuts, and room for them. */
static bool make_rows(sp_i_solver *s)
{
    size_t n = 0;
    if (s->n_laid > s->room_places) {
        bool done = grow(&s->row, sizeof *s->row, s->room_places, s->n_laid) && grow(&s->turn, sizeof *s->turn, s->room_places, s->n_laid) &&
                    grow(&s->tally, sizeof *s->tally, s->room_places, s->n_laid);
        if (!done)
            return false;
        s->room_places = s->n_laid;
    }
    for (uint32_t i = 0; i < s->n_laid; i++) {
        s->row[i] = n;
        n += s->space->cuttings[s->laid[i].pp_at].n;
    }
    if (n <= s->room_rows)
        return true;
    bool done = grow(&s->legal, sizeof *s->legal, s->room_rows, n) && grow(&s->kept, sizeof *s->kept, s->room_rows, n) &&
                grow(&s->met, sizeof *s->met, s->room_rows, n);
    s->room_rows = done ? n : s->room_rows;
    return done;
}

sp_status sp_i_solver_item(sp_i_solver *s, uint32_t item, sp_error *err)
{
    sp_i_spot at = {.item = item};
    const sp_i_space *space = s->space;
    sp_plan plan = sp_i_item_plan(s->problem, space, item);
    if (plan.etp > plan.tp && !s->problem->fixed.etp)
        return SP_OK;
    sp_status status = sp_i_lay_all(s, plan, err);
    if (status != SP_OK || s->n_laid == 0)
        return status;
    if (!make_rows(s))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the places of an item");
    for (at.mbs_at = 0; at.mbs_at < space->mbs.n && status == SP_OK && !s->stopped; at.mbs_at++) {
        plan.mbs = space->mbs.value[at.mbs_at];
        status = price_words(s, plan, &at, 0, err);
    }
    return status;
}
