/* Scaling series and differences on the open rows: what a change of one thing does, whoever is right about the level. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "superpod/predict.h"

#define SLOPE_POINTS 0.05   /* off a series at most, in parts of its first row's rate */
#define SIZE_PART 0.30      /* on the size of a difference */

static const struct { const char *what, *from, *to; bool series; } known[] = {
    {"Megatron-Core 177B, 96 to 4,608 H100, batch 1,152", "TR1040", "TR1047", true},
    {"Megatron-LM 175B, 256 to 1,024 A100, batch 768", "TR0371", "TR0374", true},
    {"Megatron-LM 175B, 3,072 to 12,288 A100, batch 6,144", "TR0375", "TR0378", true},
    {"MegaScale 175B, 256 to 1,024 A100, batch 768", "TR0379", "TR0382", true},
    {"MegaScale 175B, 3,072 to 12,288 A100, batch 6,144", "TR0383", "TR0386", true},
    {"NeMo GPT-3 175B in BF16, 128 to 2,048 H100, batch 2 a chip", "TR0666", "TR0670", true},
    {"NeMo GPT-3 175B in FP8, 128 to 2,048 H100, batch 2 a chip", "TR0671", "TR0675", true},
    {"NeMo Nemotron-4 340B in BF16, 128 to 2,048 H100, batch a quarter a chip", "TR0692", "TR0696", true},
    {"NeMo Nemotron-4 340B in FP8, 128 to 2,048 H100, batch a quarter a chip", "TR0697", "TR0701", true},
    {"llm-foundry 70B, 128 to 512 H100, batch 8 a chip", "TR0408", "TR0406", true},
    {"MaxText 16B, 256 to 8,192 TPU v5e, batch 6 a chip", "TR0778", "TR0798", true},
    {"ModelLink 175B, 128 to 7,936 Ascend 910B, batch 8 a chip, its script's layout", "TR0890", "TR0897", true},
    {"175B, full to selective recompute", "TR0364", "TR0365", false},
    {"1T, full to selective recompute", "TR0368", "TR0369", false},
    {"torchtitan 8B, TP to async TP", "TR0882", "TR0883", false},
    {"torchtitan 8B, BF16 to FP8", "TR0882", "TR0884", false},
};

/* Rows that state neither layout nor batch, with those of the script at the time (MindSpeed-LLM, once ModelLink, examples/gpt3/pretrain_gpt3_175B_ptd.sh):
 * 128 chips hold a replica, which 7,968 do not divide into; the batch grows with the replicas. mfu: what the row measured. */
static const struct { const char *id; uint32_t replicas; double mfu; } scripted[] = {{"TR0890", 1, 0.538}, {"TR0897", 62, 0.505}};

/* Tokens a second a chip; a replica has 128 chips, a machine 16 of its nodes. */
static bool scripted_rates(sp_i_ctx *ctx, size_t i, double rate[2])
{
    char machine_text[160], words[200];
    const char *path;
    const sp_machine *machine;
    const sp_model *model;
    sp_plan plan = sp_plan_default();
    sp_train_report result;
    snprintf(machine_text, sizeof machine_text, "mesh:8@28GB/s,500ns clos:%u@25GB/s,3us,nic chip=ascend-910b", 16 * scripted[i].replicas);
    snprintf(words, sizeof words, "tp=8 pp=16 vpp=3 schedule=interleaved dp=%u mbs=2 gbs=%u seq=2048 zero=0 overlap-tp=yes software=modellink", scripted[i].replicas,
             1024 * scripted[i].replicas);
    if (sp_catalog_machine(ctx->catalog, machine_text, &machine, NULL) != SP_OK || sp_catalog_model_path(ctx->catalog, "gpt3-175b", &path, NULL) != SP_OK ||
        sp_model_load(path, NULL, ctx->arena, &model, NULL) != SP_OK || sp_plan_parse(words, ctx->arena, &plan, NULL) != SP_OK ||
        sp_predict_train(machine, model, &plan, true, ctx->arena, &result, NULL, NULL) != SP_OK)
        return false;
    rate[0] = (double)plan.gbs * (double)plan.seq / machine->chips / result.step_time_s;
    rate[1] = scripted[i].mfu;   /* in its own unit: only quotients are looked at */
    return true;
}

/* Tokens a second a chip, predicted and measured; false where the row is not there or not predicted. */
static bool rates(sp_i_ctx *ctx, const sp_study *study, const char *id, double rate[2])
{
    for (uint32_t i = 0; i < study->n_rows; i++) {
        const sp_study_row *r = &study->rows[i];
        if (strcmp(r->id, id) != 0)
            continue;
        for (size_t k = 0; k < sizeof scripted / sizeof scripted[0] && r->status != SP_STUDY_EXPRESSED; k++)
            if (strcmp(scripted[k].id, id) == 0)
                return scripted_rates(ctx, k, rate);
        if (r->status != SP_STUDY_EXPRESSED || !r->run)
            continue;
        rate[0] = (double)r->run->plan.gbs * (double)r->run->plan.seq / r->size / r->run->step_time_s;
        rate[1] = rate[0] * (1 + r->slow);
        return true;
    }
    return false;
}

void sp_i_study_pairs(sp_i_ctx *ctx, sp_study *study)
{
    for (uint32_t i = 0; i < sizeof known / sizeof known[0] && study->n_pairs < SP_STUDY_PAIRS; i++) {
        double from[2], to[2];
        if (!rates(ctx, study, known[i].from, from) || !rates(ctx, study, known[i].to, to))
            continue;
        sp_study_pair p = {.what = known[i].what, .from = known[i].from, .to = known[i].to, .series = known[i].series,
                           .predicted = to[0] / from[0] - 1, .measured = to[1] / from[1] - 1};
        p.sign = (p.predicted > 0) == (p.measured > 0);
        p.within = p.sign && (p.series ? fabs(p.predicted - p.measured) <= SLOPE_POINTS : fabs(p.predicted / p.measured - 1) <= SIZE_PART);
        study->pair[study->n_pairs++] = p;
    }
}
