/* What the stages of a cut hold and take under one shape: dot products of counts of layers with costs by kind. The memory
 * half needs no prices of pieces, so that shapes which fit nowhere are refused before their layers are lowered. */
#include "price.h"

#include <math.h>

static double dot(const uint32_t *count, const double *value, uint32_t n)
{
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += count[k] * value[k];
    return sum;
}

static sp_local_params params_of(const sp_pricer *pricer, const uint32_t *count, uint32_t mtp, uint32_t vocab)
{
    const sp_model *model = pricer->model;
    sp_local_params sum = {0};
    sp_local_params_add(&sum, mtp, &pricer->kind_params[sp_model_mtp_kind(model)]);
    sp_local_params_add(&sum, mtp, &pricer->module);
    sp_local_params_add(&sum, vocab, &pricer->vocab);
    for (uint32_t k = 0; k < model->n_kinds; k++)
        sp_local_params_add(&sum, count[k], &pricer->kind_params[k]);
    return sum;
}

/* full: layers are recomputed whole, as many as the cut says. */
static void hold(const sp_pricer *pricer, const sp_cut *cut, const sp_i_cut_run *run, bool full, sp_i_stages *out)
{
    const sp_model *model = pricer->model;
    bool redone = full || pricer->shape.recompute == SP_RECOMPUTE_ALTERNATE;
    double modules = run->mtp * (full ? pricer->input_bytes : pricer->full_bytes[sp_model_mtp_kind(model)]), bytes = modules, working = 0;
    double whole = run->mtp * pricer->whole_bytes[sp_model_mtp_kind(model)];
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        uint32_t again = full ? run->again[k] : 0;
        bytes += (run->all[k] - again) * pricer->full_bytes[k] + again * pricer->input_bytes;
        whole += run->all[k] * pricer->whole_bytes[k];
        if (redone && (run->all[k] || (run->mtp && k == sp_model_mtp_kind(model))))
            working = fmax(working, pricer->working_bytes[k]);
    }
    out->held.params = run->params;
    out->front = run->front_params;
    out->held.per_chunk = bytes / cut->vpp;
    out->held.again = (whole - bytes) / cut->vpp;
    out->host_bytes = bytes - modules;
    out->held.layers = run->mtp;
    for (uint32_t k = 0; k < model->n_kinds; k++)
        out->held.layers += run->all[k];
    out->held.layers /= cut->vpp;
    out->held.working = working;
    out->held.logits = run->head ? pricer->logit_bytes : 0;
    /* asked for by zero 2 and 3 alone, which have no pipeline: one chunk of all layers */
    out->held.gathered = (sp_local_params){0};
    sp_local_params_add(&out->held.gathered, 1.0 / model->n_layers, &out->held.params);
}

/* Parameters on the chips of each run: the same for all shapes that split the layers alike. */
static void split(sp_pricer *pricer, uint32_t at)
{
    sp_cut *cut = pricer->cuts[at];
    for (uint32_t i = 0; i < cut->n_runs; i++) {
        sp_i_cut_run *run = &cut->run[i];
        run->params = params_of(pricer, run->all, run->mtp, run->vocab);
        run->front_params = cut->vpp == 1 ? run->params : params_of(pricer, run->front, run->front_mtp, run->front_vocab);
    }
    cut->split = pricer->split;
}

void sp_i_profile_memory(sp_pricer *pricer, const sp_cut *cut, bool again)
{
    bool full = again && pricer->shape.recompute == SP_RECOMPUTE_FULL;
    if (again && pricer->held_cut == cut)
        return;
    if (cut->split != pricer->split)
        split(pricer, cut->at);
    for (uint32_t i = 0; i < cut->n_runs; i++)
        hold(pricer, cut, &cut->run[i], full, &pricer->stages[i]);
    pricer->held_cut = again ? cut : NULL;
    pricer->timed_cut = NULL;
}

typedef struct kind_costs { double forward[SP_KINDS_MAX], backward[SP_KINDS_MAX], again[SP_KINDS_MAX]; } kind_costs;

static void take(const sp_pricer *pricer, const sp_i_cut_run *run, const kind_costs *c, sp_i_stages *out)
{
    uint32_t n = pricer->model->n_kinds;
    bool recompute = pricer->shape.recompute != SP_RECOMPUTE_NONE;
    out->forward_s = dot(run->all, c->forward, n);
    out->front_s = dot(run->front, c->forward, n);
    out->all_forward_s = out->forward_s + (run->embedding ? pricer->embedding[SP_PASS_FORWARD].chain_s : 0) + (run->head ? pricer->head[SP_PASS_FORWARD].chain_s : 0) +
                         run->mtp * pricer->mtp[SP_PASS_FORWARD].chain_s;
    out->work_s = out->forward_s + dot(run->all, c->backward, n);
    out->fill_s = dot(run->before, c->forward, n);
    out->drain_s = dot(run->before, c->backward, n);
    if (recompute) {
        out->work_s += dot(run->again, c->again, n);
        out->drain_s += dot(run->before_again, c->again, n);
    }
    if (run->embedding)
        out->work_s += pricer->embedding[SP_PASS_FORWARD].chain_s + pricer->embedding[SP_PASS_BACKWARD].chain_s;
    if (run->embedding_before) {
        out->fill_s += pricer->embedding[SP_PASS_FORWARD].chain_s;
        out->drain_s += pricer->embedding[SP_PASS_BACKWARD].chain_s;
    }
    if (run->head)
        out->work_s += pricer->head[SP_PASS_FORWARD].chain_s + pricer->head[SP_PASS_BACKWARD].chain_s;
    if (run->mtp)
        out->work_s += run->mtp * (pricer->mtp[SP_PASS_FORWARD].chain_s + pricer->mtp[SP_PASS_BACKWARD].chain_s +
                                   (recompute ? pricer->mtp[SP_PASS_RECOMPUTE].chain_s : 0));
}

/* Seconds of the halves of backwards, of layers of a kind. */
typedef struct half_costs { double input[SP_KINDS_MAX], weight[SP_KINDS_MAX], again[SP_KINDS_MAX]; } half_costs;

static void take_halves(const sp_pricer *pricer, const sp_i_cut_run *run, const half_costs *c, sp_i_stages *out)
{
    uint32_t n = pricer->model->n_kinds;
    const sp_i_piece *again = pricer->shape.recompute == SP_RECOMPUTE_NONE ? NULL : pricer->mtp;
    const struct { const sp_i_piece *piece; uint32_t n; } beside[3] = {{pricer->embedding, run->embedding}, {pricer->head, run->head}, {pricer->mtp, run->mtp}};
    out->input_s = dot(run->all, c->input, n) + dot(run->again, c->again, n);
    out->weight_s = dot(run->all, c->weight, n);
    out->drain_input_s = dot(run->before, c->input, n) + dot(run->before_again, c->again, n);
    for (int i = 0; i < 3 && pricer->model->n_layers; i++) {
        if (!beside[i].n)
            continue;
        out->input_s += beside[i].n * beside[i].piece[SP_PASS_BACKWARD].input_s;
        out->weight_s += beside[i].n * beside[i].piece[SP_PASS_BACKWARD].weight_s;
    }
    if (run->mtp && again)
        out->input_s += run->mtp * again[SP_PASS_RECOMPUTE].chain_s;
    if (run->embedding_before)
        out->drain_input_s += pricer->embedding[SP_PASS_BACKWARD].input_s;
}

void sp_i_profile_halves(sp_pricer *pricer, const sp_cut *cut)
{
    half_costs costs;
    if (pricer->halved)
        return;
    for (uint32_t k = 0; k < pricer->model->n_kinds; k++) {
        costs.input[k] = pricer->block[SP_PASS_BACKWARD][k].input_s;
        costs.weight[k] = pricer->block[SP_PASS_BACKWARD][k].weight_s;
        costs.again[k] = pricer->shape.recompute == SP_RECOMPUTE_NONE ? 0 : pricer->block[SP_PASS_RECOMPUTE][k].chain_s;
    }
    for (uint32_t i = 0; i < cut->n_runs; i++)
        take_halves(pricer, &cut->run[i], &costs, &pricer->stages[i]);
    pricer->halved = true;
}

static double seconds(const sp_i_piece *piece, sp_work_of of, int pass)
{
    return of == SP_WORK_ALL || (of == SP_WORK_BUT_AGAIN && pass != SP_PASS_RECOMPUTE) ? piece->chain_s : piece->bare_s;
}

double sp_i_profile_work_s(const sp_pricer *pricer, sp_work_of of)
{
    const sp_model *model = pricer->model;
    size_t row = (size_t)model->n_layers + 1;
    bool again = pricer->shape.recompute != SP_RECOMPUTE_NONE && pricer->shape.recompute_layers == 0;
    double sum = 0;
    for (int pass = SP_PASS_FORWARD; pass <= (again ? SP_PASS_RECOMPUTE : SP_PASS_BACKWARD); pass++) {
        for (uint32_t k = 0; k < model->n_kinds; k++)
            sum += pricer->kind_before[k * row + model->n_layers] * seconds(&pricer->block[pass][k], of, pass);
        if (model->mtp_layers)
            sum += model->mtp_layers * seconds(&pricer->mtp[pass], of, pass);
        if (pass != SP_PASS_RECOMPUTE)
            sum += seconds(&pricer->embedding[pass], of, pass) + seconds(&pricer->head[pass], of, pass);
    }
    return sum;
}

void sp_i_profile_time(sp_pricer *pricer, const sp_cut *cut)
{
    kind_costs costs;
    if (pricer->timed_cut == cut && pricer->timed_pieces == pricer->pieces_made)
        return;
    for (uint32_t k = 0; k < pricer->model->n_kinds; k++) {
        costs.forward[k] = pricer->block[SP_PASS_FORWARD][k].chain_s;
        costs.backward[k] = pricer->block[SP_PASS_BACKWARD][k].chain_s;
        costs.again[k] = pricer->block[SP_PASS_RECOMPUTE][k].chain_s;
    }
    for (uint32_t i = 0; i < cut->n_runs; i++)
        take(pricer, &cut->run[i], &costs, &pricer->stages[i]);
    pricer->path_s = sp_i_profile_work_s(pricer, SP_WORK_ALL);
    pricer->halved = false;
    pricer->timed_cut = cut;
    pricer->timed_pieces = pricer->pieces_made;
}
