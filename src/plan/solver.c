/* One work item: its places on the tiers first, then for each micro-batch what is legal, then shape by shape a quote of every
 * legal plan. Loops go from what is dear to change (the pieces' prices) to what is cheap (a cut, a place, ZeRO). */
#include "solver.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIZES_REFUSED 8u   /* data-parallel sizes tried beyond those wanted, where the largest have no place */

/* A place for pp x dp: a layout's lanes, without and with sharded optimizer; for which micro-batches (indices), and for which of them
 * under interleaved schedules alone. alike: the first place of as many stages, replicas and ranks that share state; past: behind the last such of
 * its group, where they lie side by side. out: beaten under every schedule of the space. */
struct sp_i_laid { uint32_t pp_at, dp, zero_group, laying, group, mbs_set, filled_set, alike, past; bool beaten, outrun, out; sp_lanes lanes[2]; sp_layout layout; };

/* A cutting of the layers, and the same with but the first n + 1 layers of each chunk recomputed. */
typedef struct sp_i_cuts { const sp_cut *whole[2], **part[2]; } sp_i_cuts;   /* [1]: a stage's chunks in the shape of a V */

/* ---- what it is worth -------------------------------------------------------------------------------------------------- */

sp_i_worth sp_i_worth_of(const sp_problem *problem)
{
    return (sp_i_worth){.objective = problem->objective, .cost = sp_predict_running_cost(problem->machine),
                        .step_time_s_max = problem->step_time_s_max};
}

/* Watts rise with the share of the step that the busiest stage computes, and that share times the step is what is priced. All
 * rise with both times, so that bounds of times give a bound of the objective. */
double sp_i_worth_at(const sp_i_worth *worth, double chips, double step_s, double busy_s)
{
    const sp_running_cost *cost = &worth->cost;
    double energy_j = chips * (cost->idle_w * step_s + (cost->busy_w - cost->idle_w) * busy_s);
    switch (worth->objective) {
    case SP_OBJECTIVE_ENERGY: return energy_j;
    case SP_OBJECTIVE_COST: return chips * cost->capital_usd_per_s * step_s + energy_j * cost->usd_per_j;
    case SP_OBJECTIVE_CHIPS: return chips + 0.5 * step_s / worth->step_time_s_max;   /* the step breaks ties: never a chip */
    default: return step_s;
    }
}

/* ---- making and ending --------------------------------------------------------------------------------------------------- */

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
}

/* ---- items and plans ------------------------------------------------------------------------------------------------------ */

uint32_t sp_i_items(const sp_i_space *space)
{
    return space->chips.n * space->tp.n * space->cp.n * space->ep.n * space->etp.n;
}

static uint32_t digit(uint32_t *number, const sp_i_choices *choices)
{
    uint32_t value = choices->value[*number % choices->n];
    *number /= choices->n;
    return value;
}

/* The plan of an item's axes; *chips receives what it may use. */
static sp_plan item_plan(const sp_problem *problem, const sp_i_space *space, uint32_t item, uint32_t *chips)
{
    sp_plan plan = problem->fixed;
    plan.gbs = problem->gbs;
    plan.seq = problem->seq;
    plan.etp = digit(&item, &space->etp);
    plan.ep = digit(&item, &space->ep);
    plan.cp = digit(&item, &space->cp);
    plan.tp = digit(&item, &space->tp);
    *chips = digit(&item, &space->chips);
    for (int w = 0; w < SP_I_WORDS; w++)
        if (space->word[w].n == 1)
            sp_i_word_rows[w].put(&plan, space->word[w].value[0]);
    return plan;
}

static void put_laying(sp_plan *plan, const sp_i_laying *laying)
{
    memcpy(plan->order, laying->order, sizeof plan->order);
    memcpy(plan->place, laying->place, sizeof plan->place);
}

static void put_cutting(sp_plan *plan, const sp_i_cutting *cutting)
{
    plan->vpp = cutting->vpp;
    plan->first_layers = cutting->first_layers;
    plan->last_layers = cutting->last_layers;
}

sp_plan sp_i_candidate_plan(const sp_problem *problem, const sp_i_space *space, const sp_i_candidate *c)
{
    uint32_t chips;
    sp_plan plan = item_plan(problem, space, c->item, &chips);
    plan.pp = space->pp.value[c->pp_at];
    plan.dp = c->dp;
    plan.zero_group = c->zero_group;
    plan.mbs = space->mbs.value[c->mbs_at];
    for (int w = 0; w < SP_I_WORDS; w++)
        sp_i_word_rows[w].put(&plan, space->word[w].value[c->word[w]]);
    if (c->recompute_layers)
        plan.recompute_layers = c->recompute_layers;
    if (c->offload)
        plan.offload_activations = c->offload;
    put_cutting(&plan, &space->cuttings[c->pp_at].item[c->cutting]);
    put_laying(&plan, &space->laying[c->laying]);
    return plan;
}

/* ---- places ---------------------------------------------------------------------------------------------------------------- */

static bool same_layout(const sp_layout *a, const sp_layout *b)
{
    for (int g = 0; g < SP_GROUPS; g++)
        if (a->group[g].n_dims != b->group[g].n_dims || memcmp(a->group[g].dim, b->group[g].dim, a->group[g].n_dims * sizeof a->group[g].dim[0]) != 0)
            return false;
    return true;
}

static sp_i_laid *room_for_laid(sp_i_solver *s)
{
    if (s->n_laid == s->room_laid) {
        uint32_t room = s->room_laid ? 2 * s->room_laid : 64;
        sp_i_laid *laid = realloc(s->laid, room * sizeof *laid);
        if (!laid)
            return NULL;
        s->laid = laid;
        s->room_laid = room;
    }
    return &s->laid[s->n_laid];
}

/* Places that share the pieces' groups and pp come one after another: a group. */
static void group_of(const sp_i_solver *s, sp_i_laid *laid)
{
    laid->group = 0;
    for (uint32_t i = 0; i < s->n_laid; i++) {
        const sp_i_laid *other = &s->laid[i];
        if (other->pp_at == laid->pp_at && other->lanes[0].inner == laid->lanes[0].inner) {
            laid->group = other->group;
            return;
        }
        laid->group = other->group >= laid->group ? other->group + 1 : laid->group;
    }
}

static sp_status lay_one(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t laying, uint32_t first_same, bool *out, sp_error *err)
{
    sp_i_laid *laid = room_for_laid(s);
    *out = false;
    if (!laid)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u places", s->n_laid);
    *laid = (sp_i_laid){.pp_at = pp_at, .dp = plan->dp, .zero_group = plan->zero_group, .laying = laying};
    put_laying(plan, &s->space->laying[laying]);
    if (sp_plan_layout(plan, s->problem->machine, &laid->layout, NULL) != SP_OK) {
        s->counts.refused_place += s->count;
        return SP_OK;
    }
    for (uint32_t i = first_same; i < s->n_laid; i++)
        if (s->laid[i].zero_group == plan->zero_group && same_layout(&s->laid[i].layout, &laid->layout))
            return SP_OK;   /* the same plan in other words */
    for (int sharded = 0; sharded < 2; sharded++) {
        plan->zero = (uint32_t)sharded;
        sp_status status = sp_pricer_lanes(s->pricer, plan, &laid->layout, &laid->lanes[sharded], err);
        if (status != SP_OK)
            return status;
    }
    group_of(s, laid);
    s->n_laid++;
    *out = true;
    return SP_OK;
}

/* A place, and with state shared by near ranks alone: as many as the gradients' group has on its inner dims, which end where a tier does.
 * Fewer would hold more and cross the same tiers. */
static sp_status lay_groups(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t laying, uint32_t first_same, sp_error *err)
{
    bool fresh;
    sp_status status = lay_one(s, plan, pp_at, laying, first_same, &fresh, err);
    if (status != SP_OK || !fresh || !s->problem->free_zero_group || s->problem->effort < SP_EFFORT_NORMAL)
        return status;
    const sp_placement gradients = s->laid[s->n_laid - 1].layout.group[SP_GROUP_DP];
    uint32_t near = 1;
    sp_i_choices sizes = {0};
    for (uint32_t d = 0; d + 1 < gradients.n_dims; d++)
        sp_i_choices_put(&sizes, near *= gradients.dim[d].size);
    for (uint32_t i = 0; i < sizes.n && status == SP_OK; i++) {
        plan->zero_group = sizes.value[i];
        status = lay_one(s, plan, pp_at, laying, first_same, &fresh, err);
    }
    plan->zero_group = s->problem->fixed.zero_group;
    return status;
}

static bool keep_going(sp_i_solver *s)
{
    if (s->poll && (++s->since_poll & 63) == 0 && !s->poll(s->poll_context))
        s->stopped = true;
    return !s->stopped;
}

/* Data-parallel sizes tried for one pp: the rows of their places, none when it fits nowhere. */
typedef struct tried { uint32_t n; struct { uint32_t dp, begin, end; } item[SP_I_CHOICES_MAX]; } tried;

static sp_status try_size(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t dp, tried *list, uint32_t *at, sp_error *err)
{
    for (*at = 0; *at < list->n; ++*at)
        if (list->item[*at].dp == dp)
            return SP_OK;
    uint32_t begin = s->n_laid;
    sp_status status = SP_OK;
    plan->dp = dp;
    bool whole = (uint64_t)plan->tp * plan->cp * dp % ((uint64_t)plan->ep * plan->etp) == 0;
    for (uint32_t l = 0; whole && l < s->space->n_layings && status == SP_OK; l++)
        status = lay_groups(s, plan, pp_at, l, begin, err);
    list->item[*at].dp = dp;
    list->item[*at].begin = begin;
    list->item[*at].end = s->n_laid;
    list->n++;
    return status;
}

/* For one micro-batch the largest sizes that have a place, as many as the effort tries: fewer replicas compute no faster. Were their
 * micro-batches no whole rounds of the pipeline, which interleaving needs, the largest size that leaves such rounds as well: it
 * idles chips and shortens the bubble. */
static sp_status lay_batch(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t mbs_at, uint32_t chips, tried *list, sp_error *err)
{
    uint32_t replica = plan->tp * plan->cp * plan->pp, mbs = s->space->mbs.value[mbs_at], taken = 0, at;
    sp_i_choices dps = sp_i_space_dp(s->problem, s->space, chips, replica, mbs);
    bool filled = plan->pp == 1, enough = false;
    for (uint32_t d = 0; d < dps.n && d < s->space->dps + SIZES_REFUSED && keep_going(s); d++) {
        uint32_t dp = dps.value[d];
        bool fills = plan->gbs / ((uint64_t)mbs * dp) % plan->pp == 0;
        if (list->n == SP_I_CHOICES_MAX || (enough && (filled || !fills)))
            continue;
        sp_status status = try_size(s, plan, pp_at, dp, list, &at, err);
        if (status != SP_OK)
            return status;
        for (uint32_t i = list->item[at].begin; i < list->item[at].end; i++)
            *(enough ? &s->laid[i].filled_set : &s->laid[i].mbs_set) |= 1u << mbs_at;
        bool placed = list->item[at].end > list->item[at].begin;
        taken += placed;
        filled = filled || (placed && fills);
        enough = taken >= s->space->dps;
        if (filled && enough)
            break;
    }
    return SP_OK;
}

static int by_group(const void *a, const void *b)
{
    const sp_i_laid *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->dp != y->dp)
        return x->dp > y->dp ? -1 : 1;
    if (x->zero_group != y->zero_group)
        return x->zero_group < y->zero_group ? -1 : 1;
    return x->laying < y->laying ? -1 : x->laying > y->laying;
}

static bool holds_alike(const sp_i_laid *a, const sp_i_laid *b)
{
    return a->pp_at == b->pp_at && a->dp == b->dp && a->zero_group == b->zero_group;
}

static sp_status lay_all(sp_i_solver *s, sp_plan plan, uint32_t chips, sp_error *err)
{
    s->n_laid = 0;
    for (uint32_t p = 0; p < s->space->pp.n; p++) {
        tried list = {0};
        plan.pp = s->space->pp.value[p];
        if (s->space->cuttings[p].n == 0)
            continue;
        for (uint32_t m = 0; m < s->space->mbs.n; m++) {
            sp_status status = lay_batch(s, &plan, p, m, chips, &list, err);
            if (status != SP_OK)
                return status;
        }
    }
    if (s->n_laid > 0)
        qsort(s->laid, s->n_laid, sizeof *s->laid, by_group);
    for (uint32_t i = 0; i < s->n_laid; i++)   /* they have moved */
        s->laid[i].lanes[0].layout = s->laid[i].lanes[1].layout = &s->laid[i].layout;
    for (uint32_t i = 0; i < s->n_laid; i++)
        for (s->laid[i].alike = 0; !holds_alike(&s->laid[s->laid[i].alike], &s->laid[i]);)
            s->laid[i].alike++;
    for (uint32_t i = s->n_laid; i-- > 0;) {
        bool last = i + 1 == s->n_laid || s->laid[i + 1].alike != s->laid[i].alike || s->laid[i + 1].group != s->laid[i].group;
        s->laid[i].past = last ? i + 1 : s->laid[i + 1].past;
    }
    return SP_OK;
}

/* ---- quotes ------------------------------------------------------------------------------------------------------------------ */

/* Where the plan that is looked at stands in the space. */
typedef struct spot { uint32_t item, chips, mbs_at, cutting; uint8_t word[SP_I_WORDS]; bool fewest; sp_i_tally *tally; sp_i_fitting *kept, *met; } spot;   /* layers recomputed: the fewest that fit */

/* What the plan there offloads of what is free; 0: nothing. */
static uint32_t offloaded(const sp_i_solver *s, const spot *at)
{
    return s->problem->free_offload ? s->space->word[SP_I_WORD_OFFLOAD].value[at->word[SP_I_WORD_OFFLOAD]] : 0;
}

static void consider(sp_i_solver *s, const sp_plan *plan, const spot *at, const sp_i_laid *laid, const sp_price *price)
{
    double worth = sp_i_worth_at(&s->worth, (double)plan->tp * plan->cp * plan->pp * plan->dp, price->lower_bound_s, price->busy_s);
    sp_i_candidate one = {.objective_bound = worth, .bound_s = price->lower_bound_s, .item = at->item, .dp = plan->dp, .zero_group = plan->zero_group, .cutting = at->cutting,
                          .recompute_layers = at->fewest ? (uint16_t)plan->recompute_layers : 0,
                          .offload = offloaded(s, at) & SP_I_OFFLOAD_LEAST ? (uint8_t)plan->offload_activations : 0,
                          .mbs_at = (uint8_t)at->mbs_at, .pp_at = (uint8_t)laid->pp_at, .laying = (uint8_t)laid->laying};
    memcpy(one.word, at->word, sizeof one.word);
    if (s->after && sp_i_candidate_order(&one, s->after) <= 0)
        return;
    sp_i_best_put(&s->best, &one);
}

static void count_legal(sp_i_solver *s, double mem_bytes)
{
    bool fits = mem_bytes <= s->problem->machine->chip->mem_bytes.nominal;
    s->counts.legal += s->count;
    s->counts.priced += s->count && fits;
    s->counts.refused_memory += s->count && !fits;
    if (!fits && (s->least_memory_bytes == 0 || mem_bytes < s->least_memory_bytes))
        s->least_memory_bytes = mem_bytes;
}

static void tally(sp_i_tally *to, double mem_bytes, double room)
{
    to->legal++;
    to->fit += mem_bytes <= room;
    if (mem_bytes > room && (to->least_bytes == 0 || mem_bytes < to->least_bytes))
        to->least_bytes = mem_bytes;
}

static void count_tally(sp_i_solver *s, const sp_i_tally *t, uint32_t places)
{
    s->counts.legal += (uint64_t)places * t->legal;
    s->counts.priced += (uint64_t)places * t->fit;
    s->counts.refused_memory += (uint64_t)places * (t->legal - t->fit);
    if (t->least_bytes > 0 && (s->least_memory_bytes == 0 || t->least_bytes < s->least_memory_bytes))
        s->least_memory_bytes = t->least_bytes;
}

static sp_status cut_of(sp_i_solver *s, const sp_plan *plan, const sp_cut **cut, sp_error *err)
{
    return *cut ? SP_OK : sp_pricer_cut(s->pricer, plan, cut, err);
}

/* Layers of the plan's largest chunk. */
static uint32_t longest_chunk(const sp_i_solver *s, const sp_plan *plan)
{
    uint32_t most = 0, slots = plan->pp * plan->vpp, ends[] = {0, 1, slots - 1};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        uint32_t first, count, at = ends[i] < slots ? ends[i] : 0;
        sp_plan_chunk_layers(plan, s->problem->model->n_layers, at % plan->pp, at / plan->pp, &first, &count);
        most = count > most ? count : most;
    }
    return most;
}

/* The cut with the fewest layers recomputed that fit in memory, fewer than all and more than none; NULL: there are none such. More
 * recomputing takes no less time (test_search_exhaustive.c simulates every number), so that none of the others is better. */
static sp_status fewest_cut(sp_i_solver *s, sp_plan *plan, sp_i_cuts *cuts, const sp_cut **out, sp_error *err)
{
    double room = s->problem->machine->chip->mem_bytes.nominal, least = 0;
    uint32_t low = 0, high = longest_chunk(s, plan);   /* too few; enough, or all */
    const sp_cut ***part = &cuts->part[sp_schedule_is_vee(plan->schedule)];
    *out = NULL;
    if (high > 1 && !*part && !(*part = sp_arena_alloc(s->arena, high, sizeof **part)))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for cuts of the layers");
    for (uint32_t at = high - 1; high - low > 1 && at > 0; at = low + (high - low) / 2) {
        plan->recompute_layers = at;
        sp_status status = cut_of(s, plan, &(*part)[at - 1], err);
        if (status != SP_OK)
            return status;
        double bytes = sp_pricer_memory(s->pricer, plan, (*part)[at - 1]);
        if (bytes <= room)
            high = at, *out = (*part)[at - 1];
        else if (!*out) {   /* not even all but one */
            least = bytes;
            break;
        } else
            low = at;
    }
    if (least > 0)
        count_legal(s, least);
    plan->recompute_layers = high;
    if (*out && high == 1 && sp_pricer_memory_kept(s->pricer, plan, *out) <= room)
        *out = NULL;   /* all could be kept */
    return SP_OK;
}

/* The words that change memory under one cut, as a bit; of activations offloaded none. */
static uint64_t bit_of(const spot *at, bool host_optimizer)
{
    static_assert(SP_SCHEDULES <= 8, "a bit for each");
    return 1ull << ((at->word[SP_I_WORD_ZERO] * 8u + at->word[SP_I_WORD_SCHEDULE]) * 2u + host_optimizer);
}

static void see(sp_i_fitting *row, uint32_t shape, uint64_t bit, bool fits)
{
    if (row->shape != shape)
        *row = (sp_i_fitting){.shape = shape};
    row->seen |= bit;
    row->fit |= fits ? bit : 0;
}

/* Remembers whether the plan there fits, with all of its activations here. */
static void see_memory(const sp_i_solver *s, const spot *at, double mem_bytes)
{
    uint64_t bit = bit_of(at, offloaded(s, at) & SP_I_OFFLOAD_OPTIMIZER);
    bool fits = mem_bytes <= s->problem->machine->chip->mem_bytes.nominal;
    if (at->fewest || offloaded(s, at) & SP_I_OFFLOAD_LEAST)
        return;
    see(at->met, s->shapes, bit, fits);
    if (s->kept_shape == s->shapes)
        see(at->kept, s->shapes, bit, fits);
}

static bool known_to_fit(const sp_i_fitting *row, uint32_t shape, uint64_t bits)
{
    return row->shape == shape && (row->fit & bits) != 0;
}

/* Does the shape recompute what the search could leave? */
static bool chose_to_recompute(const sp_i_solver *s)
{
    return s->kept_shape != 0 && s->kept_shape != s->shapes;
}

/* Is the plan one that recomputes or offloads what could be kept? More of either takes no less time: searches without these plans find what
 * simulating them as well finds (test_search_laws.c, test_search_exhaustive.c). Memory is known before more of it is asked for: values of
 * offload come in that order, and recomputing after none. But for updates so small that their launch takes longest. */
static bool needless(sp_i_solver *s, const sp_plan *plan, const spot *at, const sp_cut *cut)
{
    uint32_t off = offloaded(s, at);
    uint64_t here = bit_of(at, false), host = bit_of(at, true), any = off & SP_I_OFFLOAD_OPTIMIZER ? here | host : here;
    if (!(chose_to_recompute(s) && known_to_fit(at->kept, s->kept_shape, any)) && !(off && known_to_fit(at->met, s->shapes, any)))
        return false;
    bool pays = off & SP_I_OFFLOAD_OPTIMIZER && cut && sp_pricer_host_updates_faster(s->pricer, plan, cut);
    uint64_t less = off & SP_I_OFFLOAD_OPTIMIZER ? (pays ? host : here | host) : here;
    uint64_t fewer = off == SP_I_OFFLOAD_OPTIMIZER ? (pays ? 0 : here) : off == 0 ? 0 : less;
    return (chose_to_recompute(s) && known_to_fit(at->kept, s->kept_shape, less)) || known_to_fit(at->met, s->shapes, fewer);
}

/* The least per cent of activations offloaded that makes the plan fit; false: not even all. */
static bool offload_least(sp_i_solver *s, sp_plan *plan, const sp_cut *cut)
{
    double room = s->problem->machine->chip->mem_bytes.nominal;
    uint32_t low = 0, high = 100;   /* too little; enough */
    plan->offload_activations = high;
    if (sp_pricer_memory(s->pricer, plan, cut) > room)
        return false;
    while (high - low > 1) {
        uint32_t at = plan->offload_activations = low + (high - low) / 2;
        *(sp_pricer_memory(s->pricer, plan, cut) <= room ? &high : &low) = at;
    }
    plan->offload_activations = high;
    return true;
}

/* Counts the plan and says whether it fits. What is known of places alike is not computed again. */
static bool count_memory(sp_i_solver *s, const sp_plan *plan, const spot *at, const sp_cut *cut)
{
    double room = s->problem->machine->chip->mem_bytes.nominal;
    uint64_t bit = bit_of(at, offloaded(s, at) & SP_I_OFFLOAD_OPTIMIZER);
    bool plain = !at->fewest && !(offloaded(s, at) & SP_I_OFFLOAD_LEAST);
    if (plain && at->met->shape == s->shapes && at->met->seen & bit) {
        bool fits = at->met->fit & bit;
        s->counts.legal += s->count;
        s->counts.priced += s->count && fits;
        s->counts.refused_memory += s->count && !fits;
        return fits;
    }
    double bytes = sp_pricer_memory(s->pricer, plan, cut);
    count_legal(s, bytes);
    see_memory(s, at, bytes);
    return bytes <= room;
}

static bool useless(const sp_i_solver *s, const sp_plan *plan, const sp_price *price)
{
    return sp_i_worth_at(&s->worth, (double)plan->tp * plan->cp * plan->pp * plan->dp, price->lower_bound_s, price->busy_s) > s->limit ||
           (s->worth.step_time_s_max > 0 && price->lower_bound_s > s->worth.step_time_s_max);
}

/* Is the plan ruled out by its work alone, which all places of the group share? */
static sp_status find_worked(sp_i_solver *s, const sp_plan *plan, const spot *at, const sp_i_laid *laid, const sp_cut *cut, bool *out, sp_error *err)
{
    sp_i_fitting *row = at->met;
    uint64_t bit = bit_of(at, false);
    bool shared = !at->fewest && offloaded(s, at) == 0;
    sp_price price = {0};
    *out = false;
    if (shared && row->group != laid->group + 1) {
        row->group = laid->group + 1;
        row->worked = row->beaten = 0;
    }
    if (isinf(s->limit) && s->worth.step_time_s_max == 0)
        return SP_OK;
    if (shared && row->worked & bit) {
        *out = row->beaten & bit;
        return SP_OK;
    }
    sp_status status = sp_pricer_work_bound(s->pricer, plan, cut, &laid->lanes[plan->zero > 0], &price, err);
    *out = status == SP_OK && useless(s, plan, &price);
    if (status == SP_OK && shared) {
        row->worked |= bit;
        row->beaten |= *out ? bit : 0;
    }
    return status;
}

/* Where the bound of its place is known to rule the plan out: it is counted, once for places alike or here; what is only tried where
 * something else does not fit is not. */
static void count_beaten(sp_i_solver *s, const sp_plan *plan, const spot *at, const sp_cut *cut)
{
    if (at->fewest || offloaded(s, at) || (!at->tally && !s->count))
        return;
    double bytes = sp_pricer_memory(s->pricer, plan, cut);
    if (at->tally)
        tally(at->tally, bytes, s->problem->machine->chip->mem_bytes.nominal);
    else
        count_legal(s, bytes);
    see_memory(s, at, bytes);
}

static sp_status quote(sp_i_solver *s, sp_plan *plan, const spot *at, sp_i_laid *laid, sp_error *err)
{
    sp_price price = {0};
    sp_i_cuts *cuts = &s->cuts[laid->pp_at][at->cutting];
    const sp_cut **whole = &cuts->whole[sp_schedule_is_vee(plan->schedule)];
    sp_status status = at->fewest ? SP_OK : cut_of(s, plan, whole, err);
    const sp_cut *cut = *whole;
    bool beaten;
    if (status != SP_OK)
        return status;
    if ((at->fewest && offloaded(s, at)) || needless(s, plan, at, cut))
        return SP_OK;
    if (at->tally || (sp_schedule_joins(plan->schedule) ? laid->outrun : laid->beaten)) {
        count_beaten(s, plan, at, cut);
        return SP_OK;
    }
    if (at->fewest)
        status = fewest_cut(s, plan, cuts, &cut, err);
    if (status != SP_OK || !cut)
        return status;
    if (offloaded(s, at) & SP_I_OFFLOAD_LEAST && !offload_least(s, plan, cut))
        return SP_OK;
    if (!count_memory(s, plan, at, cut))
        return SP_OK;
    status = find_worked(s, plan, at, laid, cut, &beaten, NULL);
    if (status == SP_OK && !beaten)
        status = sp_pricer_bound(s->pricer, plan, cut, &laid->lanes[plan->zero > 0], &price, NULL);
    if (status == SP_E_NOMEM)
        return sp_error_set(err, status, NULL, 0, 0, "no memory for prices");
    if (status != SP_OK) {   /* no algorithm for a group laid like that */
        s->counts.refused_place += s->count;
        s->counts.legal -= s->count;
        s->counts.priced -= s->count;
        return SP_OK;
    }
    if (!beaten && !useless(s, plan, &price))
        consider(s, plan, at, laid, &price);
    return SP_OK;
}

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
        bool beaten = sp_i_worth_at(&s->worth, (double)plan->tp * plan->cp * plan->pp * first->dp, least_s, least_s) > s->limit;
        for (uint32_t past = first->past; i < past; i++) {
            sp_i_laid *laid = &s->laid[i];
            laid->beaten = beaten;
            laid->outrun = of == SP_WORK_COMPUTE ? beaten : laid->outrun;
            laid->out = laid->outrun || (beaten && !joined);
        }
        all = all && beaten;
    }
    return all;
}

/* Computing first, which does not depend on the place; then with traffic, that of recomputing last. */
static sp_status find_beaten(sp_i_solver *s, const sp_plan *plan, uint32_t begin, uint32_t end, sp_error *err)
{
    sp_status status = SP_OK;
    mark_beaten(s, plan, begin, end, 0, SP_WORK_COMPUTE);
    for (sp_work_of of = SP_WORK_COMPUTE; of <= SP_WORK_ALL && status == SP_OK && !isinf(s->limit); of++) {
        double work_s;
        if (of == SP_WORK_ALL && plan->recompute == SP_RECOMPUTE_NONE)
            break;
        status = sp_pricer_work_s(s->pricer, plan, &s->laid[begin].lanes[0], of, &work_s, NULL);
        if (status == SP_OK && mark_beaten(s, plan, begin, end, work_s, of))
            break;
    }
    return status == SP_E_NOMEM ? sp_error_set(err, status, NULL, 0, 0, "no memory for prices") : SP_OK;
}

/* The plans of one cut in one place, from word `w` on. */
static sp_status quote_words(sp_i_solver *s, sp_plan *plan, spot *at, int w, sp_i_laid *laid, sp_error *err)
{
    while (w < SP_I_WORDS && s->space->word[w].n == 1)   /* put with the item */
        w++;
    if (w == SP_I_WORDS)
        return quote(s, plan, at, laid, err);
    const sp_i_choices *choices = &s->space->word[w];
    for (uint32_t i = 0; i < choices->n; i++) {
        if (!sp_i_word_tried((sp_i_word)w, choices, plan, choices->value[i]))
            continue;
        sp_i_word_rows[w].put(plan, choices->value[i]);
        at->word[w] = (uint8_t)i;
        sp_status status = quote_words(s, plan, at, w + 1, laid, err);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* The plans of the spot's cut in a place. Where all are worse than the limit they are counted alone, once for so many places alike. */
static sp_status price_place(sp_i_solver *s, sp_plan *plan, spot *at, sp_i_laid *laid, uint32_t places, const size_t *legal_at, sp_error *err)
{
    plan->dp = laid->dp;
    plan->zero_group = laid->zero_group;
    at->met = &s->met[legal_at[laid->alike] + at->cutting];
    at->kept = &s->kept[legal_at[laid->alike] + at->cutting];
    at->tally = laid->out ? &s->tally[legal_at[laid->alike] + at->cutting] : NULL;
    if (at->tally && at->tally->shape == s->shapes) {
        count_tally(s, at->tally, places);
        return SP_OK;
    }
    if (at->tally)
        *at->tally = (sp_i_tally){.shape = s->shapes};
    sp_status status = quote_words(s, plan, at, SP_I_WORDS_SHAPED, laid, err);
    if (status == SP_OK && at->tally)
        count_tally(s, at->tally, places);
    return status;
}

/* Of a group's places those to be priced, each; and those to be counted, places alike at once. What is not tried but where something else
 * does not fit is not counted where it is ruled out. */
static uint32_t take_turns(sp_i_solver *s, const spot *at, uint32_t begin, uint32_t end)
{
    uint32_t n = 0;
    for (uint32_t i = begin, past; i < end; i = past) {
        const sp_i_laid *laid = &s->laid[i];
        past = laid->out ? laid->past : i + 1;
        if (!laid->out || (s->count && !at->fewest && !laid->zero_group))
            s->turn[n++] = (sp_i_turn){i, past - i};
    }
    return n;
}

/* One group of places under the shape: cuts outside, so that a cut is profiled once. */
static sp_status price_group(sp_i_solver *s, sp_plan *plan, spot *at, uint32_t begin, uint32_t end, const size_t *legal_at, sp_error *err)
{
    uint32_t pp_at = s->laid[begin].pp_at;
    const sp_i_cuttings *cuttings = &s->space->cuttings[pp_at];
    plan->pp = s->space->pp.value[pp_at];
    plan->dp = s->laid[begin].dp;
    sp_status found = find_beaten(s, plan, begin, end, err);
    uint32_t n = found == SP_OK ? take_turns(s, at, begin, end) : 0;
    for (uint32_t c = 0; n > 0 && c < cuttings->n && keep_going(s); c++) {
        put_cutting(plan, &cuttings->item[c]);
        at->cutting = c;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t i = s->turn[k].laid;
            sp_status status = s->legal[legal_at[i] + c] ? price_place(s, plan, at, &s->laid[i], s->turn[k].places, legal_at, err) : SP_OK;
            if (status != SP_OK)
                return status;
        }
    }
    return found;
}

/* Pieces of a single micro-batch, under which no expert traffic hides, are others than those of several. */
static bool one_batch(const sp_i_solver *s, const sp_plan *plan, uint32_t at)
{
    return plan->overlap_ep && plan->gbs / ((uint64_t)plan->mbs * s->laid[at].dp) < 2;
}

/* Would every plan of the group recompute what could be kept? */
static bool all_needless(const sp_i_solver *s, uint32_t begin, uint32_t end, const size_t *legal_at)
{
    for (uint32_t i = begin; i < end; i = s->laid[i].past)
        for (uint32_t c = 0; c < s->space->cuttings[s->laid[i].pp_at].n; c++) {
            const sp_i_fitting *kept = &s->kept[legal_at[s->laid[i].alike] + c];
            if (s->legal[legal_at[i] + c] && (kept->shape != s->kept_shape || kept->seen == 0 || kept->seen != kept->fit))
                return false;
        }
    return true;
}

/* Groups with places of a single micro-batch last: the pieces change once for all groups, not in every one. */
static sp_status price_shape(sp_i_solver *s, sp_plan plan, spot *at, const size_t *legal_at, sp_error *err)
{
    sp_pricer_shape(s->pricer, &plan);
    s->shapes++;
    if (plan.recompute == SP_RECOMPUTE_NONE)   /* the first choice where it is free, and recomputing the innermost word of shapes */
        s->kept_shape = s->problem->free_recompute ? s->shapes : 0;
    at->fewest = s->problem->free_recompute && plan.recompute_layers > 0;
    for (int single = 0; single < (plan.overlap_ep ? 2 : 1); single++)
        for (uint32_t begin = 0, end; begin < s->n_laid && !s->stopped; begin = end) {
            bool here = one_batch(s, &plan, begin);
            for (end = begin + 1; end < s->n_laid && s->laid[end].group == s->laid[begin].group && one_batch(s, &plan, end) == here;)
                end++;
            bool passed = here != single || (chose_to_recompute(s) && all_needless(s, begin, end, legal_at));
            sp_status status = !passed ? price_group(s, &plan, at, begin, end, legal_at, err) : SP_OK;
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
static uint32_t find_legal(sp_i_solver *s, sp_plan plan, uint32_t mbs_at, const size_t *legal_at)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_laid; i++) {
        const sp_i_laid *laid = &s->laid[i];
        const sp_i_cuttings *cuttings = &s->space->cuttings[laid->pp_at];
        if (laid->alike != i) {   /* before it; no rule asks for more than that */
            for (uint32_t c = 0; c < cuttings->n; c++) {
                bool legal = s->legal[legal_at[laid->alike] + c];
                s->legal[legal_at[i] + c] = legal;
                s->counts.refused_divide += s->count && !legal;
                n += legal;
            }
            continue;
        }
        plan.pp = s->space->pp.value[laid->pp_at];
        plan.dp = laid->dp;
        plan.zero_group = laid->zero_group;
        for (uint32_t c = 0; c < cuttings->n; c++) {
            put_cutting(&plan, &cuttings->item[c]);
            put_first(s->space, &plan);
            bool wanted = (laid->mbs_set >> mbs_at & 1) || (plan.vpp > 1 && (laid->filled_set >> mbs_at & 1));
            bool legal = wanted && sp_plan_check(&plan, s->problem->model, s->problem->machine, NULL) == SP_OK;
            s->legal[legal_at[i] + c] = legal;
            s->counts.refused_divide += s->count && !legal;
            n += legal;
        }
    }
    return n;
}

/* All shapes of the micro-batch, from word `w` on. */
static sp_status price_words(sp_i_solver *s, sp_plan plan, spot *at, int w, const size_t *legal_at, sp_error *err)
{
    if (w == SP_I_WORDS_RULED && find_legal(s, plan, at->mbs_at, legal_at) == 0)
        return SP_OK;
    if (w == SP_I_WORDS_SHAPED)
        return price_shape(s, plan, at, legal_at, err);
    const sp_i_choices *choices = &s->space->word[w];
    sp_status status = SP_OK;
    for (uint32_t i = 0; i < choices->n && status == SP_OK && !s->stopped; i++) {
        if (!sp_i_word_tried((sp_i_word)w, choices, &plan, choices->value[i]))
            continue;
        sp_i_word_rows[w].put(&plan, choices->value[i]);
        at->word[w] = (uint8_t)i;
        status = price_words(s, plan, at, w + 1, legal_at, err);
    }
    return status;
}

/* Where the row of each place begins in the table of what is legal. */
static size_t *legal_rows(sp_i_solver *s)
{
    size_t n = 0, *at = malloc((s->n_laid + 1) * sizeof *at);
    sp_i_turn *turn = at ? realloc(s->turn, s->n_laid * sizeof *turn) : NULL;
    if (!turn) {
        free(at);
        return NULL;
    }
    s->turn = turn;
    for (uint32_t i = 0; at && i < s->n_laid; i++) {
        at[i] = n;
        n += s->space->cuttings[s->laid[i].pp_at].n;
    }
    if (at && n > s->room_legal) {
        uint8_t *legal = realloc(s->legal, n);
        s->legal = legal ? legal : s->legal;
        sp_i_tally *tallies = legal ? realloc(s->tally, n * sizeof *tallies) : NULL;
        s->tally = tallies ? tallies : s->tally;
        sp_i_fitting *kept = tallies ? realloc(s->kept, n * sizeof *kept) : NULL, *met = NULL;
        s->kept = kept ? kept : s->kept;
        if (!kept || !(met = realloc(s->met, n * sizeof *met))) {
            free(at);
            return NULL;
        }
        memset(tallies + s->room_legal, 0, (n - s->room_legal) * sizeof *tallies);
        memset(kept + s->room_legal, 0, (n - s->room_legal) * sizeof *kept);
        memset(met + s->room_legal, 0, (n - s->room_legal) * sizeof *met);
        s->met = met;
        s->room_legal = n;
    }
    return at;
}

sp_status sp_i_solver_item(sp_i_solver *s, uint32_t item, sp_error *err)
{
    spot at = {.item = item};
    const sp_i_space *space = s->space;
    sp_plan plan = item_plan(s->problem, space, item, &at.chips);
    if (plan.etp > plan.tp && !s->problem->fixed.etp)
        return SP_OK;
    sp_status status = lay_all(s, plan, at.chips, err);
    if (status != SP_OK || s->n_laid == 0)
        return status;
    size_t *legal_at = legal_rows(s);
    if (!legal_at)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the places of an item");
    for (at.mbs_at = 0; at.mbs_at < space->mbs.n && status == SP_OK && !s->stopped; at.mbs_at++) {
        plan.mbs = space->mbs.value[at.mbs_at];
        status = price_words(s, plan, &at, 0, legal_at, err);
    }
    free(legal_at);
    return status;
}
