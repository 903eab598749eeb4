/* Plans that are ruled out with their place, since the busiest stage computes its mean share at least: most of a space. They are counted alone, and
 * once for all places of as many stages and replicas. */
#include "solve.h"

#include <math.h>

static bool has_joined(const sp_i_space *space)
{
    const sp_i_choices *schedule = &space->word[SP_I_WORD_SCHEDULE];
    for (uint32_t i = 0; i < schedule->n; i++)
        if (sp_schedule_joins((sp_schedule)schedule->value[i]))
            return true;
    return false;
}

/* Marks places whose plans are all worse than the limit, since the busiest stage computes its mean share at least: true if all are.
 * Outrun: by computing alone, which no schedule hides. */
static bool mark_beaten(sp_i_solver *s, const sp_plan *plan, uint32_t begin, uint32_t end, double work_s, sp_work_of of)
{
    bool all = true, joined = has_joined(s->space);
    for (uint32_t i = begin; i < end;) {
        sp_i_laid *first = &s->laid[i];
        double least_s = (double)(plan->gbs / ((uint64_t)plan->mbs * first->dp)) * work_s / plan->pp;
        double worth = sp_i_worth_at(&s->worth, (double)plan->tp * plan->cp * plan->pp * first->dp, least_s, least_s);
        bool beaten = worth > s->limit || isinf(worth);
        for (uint32_t past = first->past; i < past; i++) {
            sp_i_laid *laid = &s->laid[i];
            laid->beaten = beaten;
            laid->outrun = of == SP_WORK_COMPUTE ? beaten : laid->outrun;
            laid->out = laid->outrun || (beaten && !joined);
            laid->late = of == SP_WORK_COMPUTE || !joined ? isinf(worth) : laid->late;
        }
        all = all && beaten;
    }
    return all;
}

/* Computing first, which does not depend on the place; then with traffic, that of recomputing last. */
sp_status sp_i_find_beaten(sp_i_solver *s, const sp_plan *plan, uint32_t begin, uint32_t end, sp_error *err)
{
    sp_status status = SP_OK;
    bool bounded = !isinf(s->limit) || s->worth.step_time_s_max > 0;
    mark_beaten(s, plan, begin, end, 0, SP_WORK_COMPUTE);
    for (sp_work_of of = SP_WORK_COMPUTE; of <= SP_WORK_ALL && status == SP_OK && bounded; of++) {
        double work_s;
        if (of == SP_WORK_ALL && plan->recompute == SP_RECOMPUTE_NONE)
            break;
        status = sp_pricer_work_s(s->pricer, plan, &s->laid[begin].lanes[0], of, &work_s, NULL);
        if (status == SP_OK && mark_beaten(s, plan, begin, end, work_s, of))
            break;
    }
    return status == SP_E_NOMEM ? sp_error_set(err, status, NULL, 0, 0, "no memory for prices") : SP_OK;
}

/* ---- how many there are, and fit ------------------------------------------------------------------------------------------------ */

static void count_places(sp_i_solver *s, const sp_i_tally *t, uint32_t places)
{
    s->counts.legal += places * t->legal;
    s->counts.priced += places * t->fit;
    s->counts.refused_memory += places * (t->legal - t->fit);
    if (t->least_bytes > 0)
        sp_i_missed_by(s, t->least_bytes);
}

/* Values of a word that are tried in the plan. */
static uint32_t tried(const sp_i_solver *s, sp_i_word word, const sp_plan *plan)
{
    const sp_i_choices *choices = &s->space->word[word];
    uint32_t n = 0;
    for (uint32_t i = 0; i < choices->n; i++)
        n += sp_i_word_tried(word, choices, plan, choices->value[i]);
    return n;
}

/* What a word is put to in plans that are counted where they are ruled out: what is only tried where something else does not fit is not. */
static void put_nothing_offloaded(const sp_i_solver *s, sp_plan *plan)
{
    const sp_i_choices *offload = &s->space->word[SP_I_WORD_OFFLOAD];
    sp_i_word_rows[SP_I_WORD_OFFLOAD].put(plan, offload->value[0]);   /* nothing, where there is a choice */
}

/* Plans of the cut, each with `ways` values of the word that changes no memory; at NULL: their number alone. */
static sp_status each_schedule(sp_i_solver *s, sp_plan *plan, sp_i_spot *at, sp_i_tally *t, sp_i_cuts *cuts, sp_error *err)
{
    const sp_i_choices *schedule = &s->space->word[SP_I_WORD_SCHEDULE], *zero = &s->space->word[SP_I_WORD_ZERO];
    double room = s->problem->machine->chip->mem_bytes.nominal;
    uint32_t ways = tried(s, SP_I_WORD_OVERLAP_DP, plan);
    for (uint32_t i = 0; i < schedule->n; i++) {
        const sp_cut *cut = NULL;
        if (!sp_i_word_tried(SP_I_WORD_SCHEDULE, schedule, plan, schedule->value[i]))
            continue;
        sp_i_word_rows[SP_I_WORD_SCHEDULE].put(plan, schedule->value[i]);
        sp_status status = at ? sp_i_whole_cut(s, plan, cuts, &cut, err) : SP_OK;
        if (status != SP_OK)
            return status;
        for (uint32_t z = 0; z < zero->n; z++) {
            if (!sp_i_word_tried(SP_I_WORD_ZERO, zero, plan, zero->value[z]))
                continue;
            sp_i_word_rows[SP_I_WORD_ZERO].put(plan, zero->value[z]);
            if (sp_i_word_twice(s->problem, plan))
                continue;
            if (!at) {
                t->words += ways;
                continue;
            }
            at->word[SP_I_WORD_ZERO] = (uint8_t)z;
            at->word[SP_I_WORD_SCHEDULE] = (uint8_t)i;
            if (sp_i_needless(s, plan, at, cut))
                continue;
            double bytes = sp_pricer_memory(s->pricer, plan, cut);
            t->legal += ways;
            t->fit += bytes <= room ? ways : 0;
            if (bytes > room && (t->least_bytes == 0 || bytes < t->least_bytes))
                t->least_bytes = bytes;
            sp_i_see_memory(s, at, bytes);
        }
    }
    return SP_OK;
}

sp_status sp_i_tally_cut(sp_i_solver *s, sp_plan *plan, sp_i_spot *at, const sp_i_laid *laid, sp_error *err)
{
    plan->dp = laid->dp;
    plan->zero_group = laid->zero_group;
    at->word[SP_I_WORD_OVERLAP_DP] = at->word[SP_I_WORD_OFFLOAD] = 0;
    put_nothing_offloaded(s, plan);
    return each_schedule(s, plan, at, at->tally, &s->cuts[laid->pp_at][at->cutting], err);
}

void sp_i_count_turns(sp_i_solver *s, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (s->turn[k].to_tally)
            count_places(s, &s->tally[s->laid[s->turn[k].laid].alike], s->turn[k].places);
}

/* Of all cuts that the rules allow. */
static void count_words(sp_i_solver *s, sp_plan *plan, const sp_i_laid *laid, sp_i_tally *t)
{
    const sp_i_cuttings *cuttings = &s->space->cuttings[laid->pp_at];
    uint32_t rules = 2 * s->rules + plan->overlap_ep;   /* which some schedules do not allow */
    if (t->words_of == rules)
        return;
    t->words_of = rules;
    t->words = 0;
    for (uint32_t c = 0; c < cuttings->n; c++) {
        sp_i_put_cutting(plan, &cuttings->item[c]);
        if (s->legal[s->row[laid->alike] + c])
            each_schedule(s, plan, NULL, t, NULL, NULL);
    }
}

/* Does no plan of the place fit, by what its mean stage holds at least? Not known where the nearest miss of memory may be among them, nor where
 * some plan that recomputes nothing fits, beside which others are not counted. */
static bool fits_nowhere(sp_i_solver *s, sp_plan *plan, const sp_i_laid *laid, sp_i_tally *t)
{
    double room = s->problem->machine->chip->mem_bytes.nominal;
    if (plan->pp == 1 || s->least_memory_bytes == 0 || (sp_i_chose_to_recompute(s) && t->kept_fits == s->kept_shape))
        return false;
    plan->dp = laid->dp;
    plan->zero_group = laid->zero_group;
    put_nothing_offloaded(s, plan);
    if (plan->offload_optimizer || plan->offload_activations)   /* asked for */
        return false;
    double least_bytes = sp_pricer_memory_least(s->pricer, plan);
    if (!(least_bytes > room * (1 + 1e-9) && least_bytes > s->least_memory_bytes * (1 + 1e-9)))   /* sums in another order */
        return false;
    count_words(s, plan, laid, t);
    *t = (sp_i_tally){.shape = s->shapes, .words_of = t->words_of, .kept_fits = t->kept_fits, .spared_of = t->spared_of, .spared = t->spared,
                      .words = t->words, .legal = t->words};
    return true;
}

/* Plans that miss the deadline with their place: legal, and not asked whether they fit. */
static void count_late(sp_i_solver *s, sp_plan *plan, const sp_i_laid *laid, sp_i_tally *t, uint32_t places)
{
    plan->dp = laid->dp;
    plan->zero_group = laid->zero_group;
    put_nothing_offloaded(s, plan);
    count_words(s, plan, laid, t);
    s->counts.legal += places * t->words;
    s->counts.refused_deadline += places * t->words;
}

uint32_t sp_i_take_turns(sp_i_solver *s, sp_plan *plan, const sp_i_spot *at, uint32_t begin, uint32_t end)
{
    uint32_t n = 0;
    for (uint32_t i = begin, past; i < end; i = past) {
        const sp_i_laid *laid = &s->laid[i];
        sp_i_tally *t = &s->tally[laid->alike];
        past = laid->out ? laid->past : i + 1;
        if (!laid->out)
            s->turn[n++] = (sp_i_turn){i, 1, false};
        else if (s->count && !at->fewest && !laid->zero_group) {
            if (laid->late) {
                count_late(s, plan, laid, t, past - i);
                continue;
            }
            if (t->shape == s->shapes || fits_nowhere(s, plan, laid, t)) {
                count_places(s, t, past - i);
                continue;
            }
            t->shape = s->shapes;
            t->legal = t->fit = 0;
            t->least_bytes = 0;
            s->turn[n++] = (sp_i_turn){i, past - i, true};
        }
    }
    return n;
}
