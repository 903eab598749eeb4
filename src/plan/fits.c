/* Memory of the plans of a spot: counted, remembered for places alike, and what is recomputed or offloaded to fit. */
#include "solve.h"

#include <assert.h>

uint32_t sp_i_offloaded(const sp_i_solver *s, const sp_i_spot *at)
{
    return s->problem->free_offload ? s->space->word[SP_I_WORD_OFFLOAD].value[at->word[SP_I_WORD_OFFLOAD]] : 0;
}

void sp_i_missed_by(sp_i_solver *s, double mem_bytes)
{
    if (s->least_memory_bytes == 0 || mem_bytes < s->least_memory_bytes)
        s->least_memory_bytes = mem_bytes;
}

static void count_one(sp_i_solver *s, bool fits)
{
    s->counts.legal += s->count;
    s->counts.priced += s->count && fits;
    s->counts.refused_memory += s->count && !fits;
}

static void count_legal(sp_i_solver *s, double mem_bytes)
{
    bool fits = mem_bytes <= s->problem->machine->chip->mem_bytes.nominal;
    count_one(s, fits);
    if (!fits)
        sp_i_missed_by(s, mem_bytes);
}

static sp_status cut_of(sp_i_solver *s, const sp_plan *plan, const sp_cut **cut, sp_error *err)
{
    return *cut ? SP_OK : sp_pricer_cut(s->pricer, plan, cut, err);
}

sp_status sp_i_whole_cut(sp_i_solver *s, const sp_plan *plan, sp_i_cuts *cuts, const sp_cut **out, sp_error *err)
{
    const sp_cut **whole = &cuts->whole[sp_schedule_is_vee(plan->schedule)];
    sp_status status = cut_of(s, plan, whole, err);
    *out = *whole;
    return status;
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

/* More recomputing takes no less time (test_search_wins.c simulates every number), so that none of the others is better. */
sp_status sp_i_fewest_cut(sp_i_solver *s, sp_plan *plan, sp_i_cuts *cuts, const sp_cut **out, sp_error *err)
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

uint64_t sp_i_fit_bit(const sp_i_spot *at, bool host_optimizer)
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

void sp_i_see_memory(const sp_i_solver *s, const sp_i_spot *at, double mem_bytes)
{
    uint64_t bit = sp_i_fit_bit(at, sp_i_offloaded(s, at) & SP_I_OFFLOAD_OPTIMIZER);
    bool fits = mem_bytes <= s->problem->machine->chip->mem_bytes.nominal;
    if (at->fewest || sp_i_offloaded(s, at) & SP_I_OFFLOAD_LEAST)
        return;
    see(at->met, s->shapes, bit, fits);
    if (s->kept_shape == s->shapes) {
        see(at->kept, s->shapes, bit, fits);
        at->tally->kept_fits = fits ? s->shapes : at->tally->kept_fits;
    }
}

static bool known_to_fit(const sp_i_fitting *row, uint32_t shape, uint64_t bits)
{
    return row->shape == shape && (row->fit & bits) != 0;
}

bool sp_i_chose_to_recompute(const sp_i_solver *s)
{
    return s->kept_shape != 0 && s->kept_shape != s->shapes;
}

/* More recomputing or offloading takes no less time: searches without these plans find what
 * simulating them as well finds (test_search_brute.c, test_search_exhaustive.c). Memory is known before more of it is asked for: values of
 * offload come in that order, and recomputing after none. But for updates so small that their launch takes longest. */
bool sp_i_needless(sp_i_solver *s, const sp_plan *plan, const sp_i_spot *at, const sp_cut *cut)
{
    uint32_t off = sp_i_offloaded(s, at);
    uint64_t here = sp_i_fit_bit(at, false), host = sp_i_fit_bit(at, true), any = off & SP_I_OFFLOAD_OPTIMIZER ? here | host : here;
    if (!(sp_i_chose_to_recompute(s) && known_to_fit(at->kept, s->kept_shape, any)) && !(off && known_to_fit(at->met, s->shapes, any)))
        return false;
    bool pays = off & SP_I_OFFLOAD_OPTIMIZER && cut && sp_pricer_host_updates_faster(s->pricer, plan, cut);
    uint64_t less = off & SP_I_OFFLOAD_OPTIMIZER ? (pays ? host : here | host) : here;
    uint64_t fewer = off == SP_I_OFFLOAD_OPTIMIZER ? (pays ? 0 : here) : off == 0 ? 0 : less;
    return (sp_i_chose_to_recompute(s) && known_to_fit(at->kept, s->kept_shape, less)) || known_to_fit(at->met, s->shapes, fewer);
}

bool sp_i_offload_least(sp_i_solver *s, sp_plan *plan, const sp_cut *cut)
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

bool sp_i_count_memory(sp_i_solver *s, const sp_plan *plan, const sp_i_spot *at, const sp_cut *cut)
{
    double room = s->problem->machine->chip->mem_bytes.nominal;
    uint64_t bit = sp_i_fit_bit(at, sp_i_offloaded(s, at) & SP_I_OFFLOAD_OPTIMIZER);
    bool plain = !at->fewest && !(sp_i_offloaded(s, at) & SP_I_OFFLOAD_LEAST);
    if (plain && at->met->shape == s->shapes && at->met->seen & bit) {
        bool fits = at->met->fit & bit;
        count_one(s, fits);
        return fits;
    }
    double bytes = sp_pricer_memory(s->pricer, plan, cut);
    count_legal(s, bytes);
    sp_i_see_memory(s, at, bytes);
    return bytes <= room;
}

static bool spared(const sp_i_solver *s, uint32_t at)
{
    const size_t begin = s->row[at];
    for (uint32_t c = 0; c < s->space->cuttings[s->laid[at].pp_at].n; c++) {
        const sp_i_fitting *kept = &s->kept[begin + c];
        if (s->legal[begin + c] && (kept->shape != s->kept_shape || kept->seen == 0 || kept->seen != kept->fit))
            return false;
    }
    return true;
}

bool sp_i_all_needless(sp_i_solver *s, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin; i < end; i = s->laid[i].past) {
        sp_i_tally *tally = &s->tally[s->laid[i].alike];
        if (tally->spared_of != s->kept_shape) {
            tally->spared = spared(s, s->laid[i].alike);
            tally->spared_of = s->kept_shape;
        }
        if (!tally->spared)
            return false;
    }
    return true;
}
