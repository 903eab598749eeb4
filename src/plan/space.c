/* What values every axis may take. Divisors first: what cannot divide is never made. */
#include "space.h"

#include <string.h>

#define TP_MAX 128u
#define CP_MAX 64u
#define VPP_MAX 16u

/* How wide each effort opens the axes. */
typedef struct width { uint32_t mbs_max, vpp_max, dps, uneven_below, uneven_above; bool layings, all_orders; } width;
static const width widths[SP_EFFORTS] = {
    [SP_EFFORT_QUICK] = {.mbs_max = 4, .vpp_max = 4, .dps = 1},
    [SP_EFFORT_NORMAL] = {.mbs_max = 16, .vpp_max = VPP_MAX, .dps = 1, .uneven_below = 1, .layings = true},
    [SP_EFFORT_EXHAUSTIVE] = {.mbs_max = 64, .vpp_max = 32, .dps = 8, .uneven_below = 2, .uneven_above = 1, .layings = true,
                              .all_orders = true},
};

static sp_i_choices only(uint32_t value)
{
    sp_i_choices one = {.n = 1, .value = {value}};
    return one;
}

static sp_i_choices divisors(uint64_t n, uint32_t most)
{
    sp_i_choices out = {0};
    for (uint64_t d = 1; d <= n && d <= most; d++)
        if (n % d == 0)
            sp_i_choices_put(&out, (uint32_t)d);
    return out;
}

static sp_i_choices powers(uint32_t most)
{
    sp_i_choices out = {0};
    for (uint32_t d = 1; d <= most && d; d *= 2)
        sp_i_choices_put(&out, d);
    return out;
}

/* Heads and experts shared by all kinds of blocks of the model. */
static void common(const sp_model *model, uint32_t *heads, uint32_t *experts)
{
    *heads = *experts = 0;
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        const sp_block *block = &model->kinds[k];
        if (block->attn.kind != SP_ATTN_NONE)
            *heads = sp_gcd(*heads, block->attn.heads);
        if (block->ffn.kind == SP_FFN_MOE)
            *experts = sp_gcd(*experts, block->ffn.experts);
    }
}

static void chips_of(const sp_problem *problem, sp_i_choices *out)
{
    uint32_t most = problem->chips ? problem->chips : problem->machine->chips;
    *out = only(most);
    /* for the fewest chips the data-parallel size takes every value instead */
    if (problem->objective == SP_OBJECTIVE_THROUGHPUT || problem->objective == SP_OBJECTIVE_CHIPS || problem->chips)
        return;
    for (uint32_t part = most / 2; part >= 1 && part >= most / 64; part /= 2)
        sp_i_choices_put(out, part);
}

/* ---- placement ------------------------------------------------------------------------------------------------- */

static void lay(sp_i_space *space, const sp_problem *problem, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t pipe_tiers)
{
    if (space->n_layings == SP_I_LAYINGS_MAX)
        return;
    sp_i_laying *laying = &space->laying[space->n_layings++];
    *laying = (sp_i_laying){.order = {a, b, c, d}};
    memcpy(laying->place, problem->fixed.place, sizeof laying->place);
    if (pipe_tiers)
        laying->place[SP_AXIS_PP] = pipe_tiers;
}

/* The two orders that frameworks offer, then others with TP inside, then the pipeline on one tier alone; last all orders. */
static void layings_of(const sp_problem *problem, const width *w, sp_i_space *space)
{
    enum { T = SP_AXIS_TP, C = SP_AXIS_CP, D = SP_AXIS_DP, P = SP_AXIS_PP };
    if (!problem->free_placement) {
        const uint32_t *o = problem->fixed.order;
        lay(space, problem, o[0], o[1], o[2], o[3], 0);
        return;
    }
    lay(space, problem, T, C, D, P, 0);
    lay(space, problem, T, C, P, D, 0);
    if (w->layings) {
        lay(space, problem, T, D, C, P, 0);
        lay(space, problem, T, D, P, C, 0);
        lay(space, problem, T, P, C, D, 0);
        lay(space, problem, T, P, D, C, 0);
        for (uint32_t t = 1; t < problem->machine->planes[0].n_tiers && !problem->fixed.place[P]; t++)
            lay(space, problem, T, C, P, D, 1u << t);
    }
    for (uint32_t a = 0; w->all_orders && a < SP_AXES; a++)
        for (uint32_t b = 0; b < SP_AXES; b++)
            for (uint32_t c = 0; c < SP_AXES; c++)
                if (a != b && a != c && b != c && a != T)
                    lay(space, problem, a, b, c, 6 - a - b - c, 0);
}

/* ---- cuts of the layers ----------------------------------------------------------------------------------------- */

/* Do both leave every chunk as many layers? */
static bool same_chunks(uint32_t n_layers, uint32_t pp, const sp_i_cutting *a, const sp_i_cutting *b)
{
    const sp_plan one = {.pp = pp, .vpp = a->vpp, .first_layers = a->first_layers, .last_layers = a->last_layers};
    const sp_plan other = {.pp = pp, .vpp = b->vpp, .first_layers = b->first_layers, .last_layers = b->last_layers};
    if (a->vpp != b->vpp)
        return false;
    for (uint32_t c = 0; c < pp * a->vpp; c++) {
        uint32_t first, mine, theirs;
        sp_plan_chunk_layers(&one, n_layers, c % pp, c / pp, &first, &mine);
        sp_plan_chunk_layers(&other, n_layers, c % pp, c / pp, &first, &theirs);
        if (mine != theirs)
            return false;
    }
    return true;
}

/* A cut that an earlier one makes in other words is left out. */
static bool put_cutting(const sp_problem *problem, sp_arena *arena, sp_i_cuttings *list, uint32_t pp, uint32_t vpp, uint32_t first, uint32_t last)
{
    const sp_i_cutting one = {vpp, first, last};
    for (uint32_t i = 0; i < list->n; i++)
        if (same_chunks(problem->model->n_layers, pp, &list->item[i], &one))
            return true;
    if (list->n == list->room) {
        uint32_t room = list->room ? 2 * list->room : 16;
        sp_i_cutting *item = sp_arena_alloc(arena, room, sizeof *item);
        if (!item)
            return false;
        if (list->n)
            memcpy(item, list->item, list->n * sizeof *item);
        list->item = item;
        list->room = room;
    }
    list->item[list->n++] = one;
    return true;
}

/* Even, and first and last chunk with a few layers fewer (they also hold embedding and head) or more. 0: as the others. */
static bool cut_evenly_and_not(const sp_problem *problem, const width *w, uint32_t pp, uint32_t vpp, sp_arena *arena, sp_i_cuttings *out)
{
    const sp_plan *fixed = &problem->fixed;
    uint32_t slots = pp * vpp, even = slots ? problem->model->n_layers / slots : 0;
    if (!problem->free_stages || fixed->first_layers || fixed->last_layers)
        return put_cutting(problem, arena, out, pp, vpp, fixed->first_layers, fixed->last_layers);
    if (!put_cutting(problem, arena, out, pp, vpp, 0, 0))
        return false;
    if (slots < 2)
        return true;
    sp_i_choices end = only(0);
    for (uint32_t less = 1; less <= w->uneven_below && less < even; less++)
        sp_i_choices_put(&end, even - less);
    for (uint32_t more = 0; more < w->uneven_above; more++)
        sp_i_choices_put(&end, even + 1 + more);
    for (uint32_t f = 0; f < end.n; f++)
        for (uint32_t l = 0; l < end.n; l++)
            if ((f || l) && !put_cutting(problem, arena, out, pp, vpp, end.value[f], end.value[l]))
                return false;
    return true;
}

static bool cuttings_of(const sp_problem *problem, const width *w, sp_arena *arena, sp_i_space *space)
{
    space->cuttings = sp_arena_alloc(arena, space->pp.n, sizeof *space->cuttings);
    if (!space->cuttings)
        return false;
    for (uint32_t p = 0; p < space->pp.n; p++)
        for (uint32_t v = 0; v < space->vpp.n; v++) {
            uint64_t slots = (uint64_t)space->pp.value[p] * space->vpp.value[v];
            bool senseless = slots > problem->model->n_layers || (space->pp.value[p] == 1 && space->vpp.value[v] > 1);
            if (!senseless && !cut_evenly_and_not(problem, w, space->pp.value[p], space->vpp.value[v], arena, &space->cuttings[p]))
                return false;
        }
    return true;
}

/* ---- all axes ---------------------------------------------------------------------------------------------------- */

static void choose_counts(const sp_problem *problem, const width *w, sp_i_space *out)
{
    const sp_plan *fixed = &problem->fixed;
    uint32_t heads, experts, chips = problem->chips ? problem->chips : problem->machine->chips, layers = problem->model->n_layers;
    common(problem->model, &heads, &experts);
    chips_of(problem, &out->chips);
    out->tp = fixed->tp ? only(fixed->tp) : divisors(heads, TP_MAX < chips ? TP_MAX : chips);
    out->cp = fixed->cp ? only(fixed->cp) : powers(problem->seq >= 16384 ? CP_MAX : 2);
    out->pp = fixed->pp ? only(fixed->pp) : divisors(chips, layers < SP_STAGES_MAX ? layers : SP_STAGES_MAX);
    bool any_count = problem->objective == SP_OBJECTIVE_CHIPS && !problem->chips && problem->effort == SP_EFFORT_EXHAUSTIVE;
    for (uint32_t p = 2; !fixed->pp && any_count && p <= layers && p <= chips && p <= 64; p++)   /* guess: deeper pipelines of other counts save no chips */
        sp_i_choices_put(&out->pp, p);
    out->ep = fixed->ep ? only(fixed->ep) : experts ? divisors(experts, chips) : only(1);
    out->etp = fixed->etp ? only(fixed->etp) : experts ? powers(2) : only(1);
    out->mbs = fixed->mbs ? only(fixed->mbs) : powers(w->mbs_max);
    out->vpp = fixed->vpp ? only(fixed->vpp) : problem->free_schedule ? divisors(layers, w->vpp_max) : only(sp_schedule_is_vee(fixed->schedule) ? 2 : 1);
    for (uint32_t v = 2; !fixed->vpp && problem->free_schedule && v <= 8 && v <= w->vpp_max; v++)
        sp_i_choices_put(&out->vpp, v);   /* chunks of uneven size are legal too */
}

static bool batches_of(const sp_problem *problem, sp_arena *arena, sp_i_space *out)
{
    uint32_t low = 0, high = 0;
    out->batch = sp_arena_alloc(arena, 2048, sizeof *out->batch);   /* no number below 2^30 has more divisors than 1,344 */
    for (uint64_t d = 1; out->batch && d * d <= problem->gbs; d++)
        if (problem->gbs % d == 0)
            out->batch[low++] = (uint32_t)d;
    for (high = low; out->batch && low > 0; low--) {
        uint64_t other = problem->gbs / out->batch[low - 1];
        if (other != out->batch[low - 1])
            out->batch[high++] = (uint32_t)other;
    }
    out->n_batch = high;
    return out->batch != NULL;
}

sp_status sp_i_space_make(const sp_problem *problem, sp_arena *arena, sp_i_space *out, sp_error *err)
{
    const width *w = &widths[problem->effort];
    memset(out, 0, sizeof *out);
    choose_counts(problem, w, out);
    for (int i = 0; i < SP_I_WORDS; i++)
        sp_i_word_rows[i].choose(problem, &out->word[i]);
    layings_of(problem, w, out);
    out->dps = problem->objective == SP_OBJECTIVE_CHIPS && !problem->chips ? SP_I_CHOICES_MAX : w->dps;
    if (!cuttings_of(problem, w, arena, out) || !batches_of(problem, arena, out))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the space of plans");
    return SP_OK;
}

sp_i_choices sp_i_space_dp(const sp_problem *problem, const sp_i_space *space, uint32_t chips, uint32_t per_replica, uint32_t mbs)
{
    sp_i_choices out = {0};
    uint64_t most = per_replica ? chips / per_replica : 0;
    if (problem->fixed.dp)   /* more than the chips that were asked for is no plan */
        return problem->fixed.dp <= most ? only(problem->fixed.dp) : out;
    if (problem->gbs % mbs != 0)
        return out;
    for (uint32_t i = space->n_batch; i-- > 0 && out.n < SP_I_CHOICES_MAX;)
        if (space->batch[i] <= most && problem->gbs / mbs % space->batch[i] == 0)
            sp_i_choices_put(&out, space->batch[i]);
    return out;
}
