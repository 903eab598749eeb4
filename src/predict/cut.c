/* Cuts: how the layers of a model fall on pipeline stages, as runs of alike stages with counts of layers by kind. Pieces know
 * nothing of it, so that one cut serves all shapes; a search makes a few hundred. */
#include "price.h"

#include <stdlib.h>
#include <string.h>

enum { ALL, AGAIN, FRONT, FRONT_AGAIN, TALLIES };

/* What one stage holds, while runs are made. */
typedef struct stage_tally { uint32_t count[TALLIES][SP_KINDS_MAX], mtp, vocab, front_mtp, front_vocab; bool embedding, head; } stage_tally;

static void add_layers(const sp_pricer *pricer, uint32_t first, uint32_t count, uint32_t *out)
{
    size_t row = (size_t)pricer->model->n_layers + 1;
    for (uint32_t k = 0; k < pricer->model->n_kinds; k++)
        out[k] += pricer->kind_before[k * row + first + count] - pricer->kind_before[k * row + first];
}

static void tally_stage(const sp_pricer *pricer, const sp_plan *plan, uint32_t stage, stage_tally *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t v = 0; v < plan->vpp; v++) {
        sp_i_chunk chunk = sp_i_chunk_of(pricer->model, plan, stage, v);
        uint32_t most = plan->recompute_layers, again = most && most < chunk.count ? most : chunk.count;
        uint32_t vocab = chunk.embedding + chunk.head_matrix;
        add_layers(pricer, chunk.first, chunk.count, out->count[ALL]);
        add_layers(pricer, chunk.first, again, out->count[AGAIN]);
        out->mtp += chunk.mtp;
        out->vocab += vocab;
        out->embedding = out->embedding || chunk.embedding;
        out->head = out->head || chunk.head;
        if (v > 0)
            continue;
        add_layers(pricer, chunk.first, chunk.count, out->count[FRONT]);
        add_layers(pricer, chunk.first, again, out->count[FRONT_AGAIN]);
        out->front_mtp = chunk.mtp;
        out->front_vocab = vocab;
    }
}

static bool alike(const stage_tally *a, const stage_tally *b)
{
    return a->mtp == b->mtp && a->vocab == b->vocab && a->front_mtp == b->front_mtp && a->front_vocab == b->front_vocab &&
           a->embedding == b->embedding && a->head == b->head && memcmp(a->count, b->count, sizeof a->count) == 0;
}

/* before, before_again: chunk 0 of the stages before `last`. */
static bool put_run(sp_pricer *pricer, sp_cut *cut, uint32_t first, uint32_t last, const stage_tally *tally, const uint32_t *before,
                    const uint32_t *before_again)
{
    uint32_t n = pricer->model->n_kinds, *count = sp_arena_alloc(pricer->arena, 6 * (size_t)n, sizeof *count);
    if (!count)
        return false;
    const uint32_t *from[6] = {tally->count[ALL], tally->count[AGAIN], tally->count[FRONT], before, before_again, tally->count[FRONT_AGAIN]};
    for (size_t i = 0; i < 6; i++)
        memcpy(count + i * n, from[i], n * sizeof *count);
    cut->run[cut->n_runs++] = (sp_i_cut_run){.first = first, .last = last, .mtp = tally->mtp, .vocab = tally->vocab,
        .front_mtp = tally->front_mtp, .front_vocab = tally->front_vocab, .embedding = tally->embedding, .head = tally->head,
        .embedding_before = last > 0, .all = count, .again = count + n, .front = count + 2 * (size_t)n,
        .before = count + 3 * (size_t)n, .before_again = count + 4 * (size_t)n, .front_again = count + 5 * (size_t)n};
    return true;
}

static bool make_runs(sp_pricer *pricer, const sp_plan *plan, sp_cut *cut)
{
    stage_tally here, next;
    uint32_t before[SP_KINDS_MAX] = {0}, before_again[SP_KINDS_MAX] = {0}, first = 0, n = pricer->model->n_kinds;
    tally_stage(pricer, plan, 0, &here);
    for (uint32_t p = 0; p < plan->pp; p++) {
        bool last = p + 1 == plan->pp;
        if (!last)
            tally_stage(pricer, plan, p + 1, &next);
        if (last || !alike(&here, &next)) {
            if (!put_run(pricer, cut, first, p, &here, before, before_again))
                return false;
            first = p + 1;
        }
        for (uint32_t k = 0; k < n; k++) {
            before[k] += here.count[FRONT][k];
            before_again[k] += here.count[FRONT_AGAIN][k];
        }
        here = next;
    }
    return true;
}

static bool same_cut(const sp_cut *cut, const sp_plan *plan)
{
    return cut->pp == plan->pp && cut->vpp == plan->vpp && cut->first_layers == plan->first_layers && cut->last_layers == plan->last_layers &&
           cut->recompute_layers == plan->recompute_layers && cut->vee == sp_schedule_is_vee(plan->schedule);
}

static sp_cut *make(sp_pricer *pricer, const sp_plan *plan)
{
    sp_cut *cut = sp_arena_alloc(pricer->arena, 1, sizeof *cut);
    if (!cut)
        return NULL;
    *cut = (sp_cut){.pp = plan->pp, .vpp = plan->vpp, .first_layers = plan->first_layers, .last_layers = plan->last_layers,
                    .recompute_layers = plan->recompute_layers, .vee = sp_schedule_is_vee(plan->schedule), .at = pricer->n_cuts};
    cut->run = sp_arena_alloc(pricer->arena, plan->pp, sizeof *cut->run);
    return cut->run && make_runs(pricer, plan, cut) ? cut : NULL;
}

sp_status sp_pricer_cut(sp_pricer *pricer, const sp_plan *plan, const sp_cut **out, sp_error *err)
{
    for (uint32_t i = 0; i < pricer->n_cuts; i++)   /* hundreds at most, and searches keep what they are given */
        if (same_cut(pricer->cuts[i], plan)) {
            *out = pricer->cuts[i];
            return SP_OK;
        }
    if (pricer->n_cuts == pricer->cut_room) {
        uint32_t room = pricer->cut_room ? pricer->cut_room * 2 : 64;
        sp_cut **cuts = realloc(pricer->cuts, room * sizeof *cuts);
        if (!cuts)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u cuts of the layers", room);
        pricer->cuts = cuts;
        pricer->cut_room = room;
    }
    sp_cut *cut = make(pricer, plan);
    if (!cut)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a cut of %u stages", plan->pp);
    *out = pricer->cuts[pricer->n_cuts++] = cut;
    return SP_OK;
}

uint32_t sp_i_cut_run_with(const sp_cut *cut, uint32_t stage, uint32_t from)
{
    while (stage < cut->run[from].first)
        from--;
    while (stage > cut->run[from].last)
        from++;
    return from;
}
