/* Scaling series and differences on the open rows: what a change of one thing does, whoever is right about the level. */
#include "superpod/study.h"

#include <math.h>
#include <string.h>

#define SLOPE_POINTS 0.05   /* off a series at most, in parts of its first row's rate */
#define SIZE_PART 0.30      /* on the size of a difference */

static const struct { const char *what, *from, *to; bool series; } known[SP_STUDY_PAIRS] = {
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
    {"175B, full to selective recompute", "TR0364", "TR0365", false},
    {"1T, full to selective recompute", "TR0368", "TR0369", false},
    {"torchtitan 8B, TP to async TP", "TR0882", "TR0883", false},
    {"torchtitan 8B, BF16 to FP8", "TR0882", "TR0884", false},
};

/* Tokens a second a chip, predicted and measured; false where the row is not there or not predicted. */
static bool rates(const sp_study *study, const char *id, double rate[2])
{
    for (uint32_t i = 0; i < study->n_rows; i++) {
        const sp_study_row *r = &study->rows[i];
        if (strcmp(r->id, id) != 0 || r->status != SP_STUDY_EXPRESSED || !r->run)
            continue;
        rate[0] = (double)r->run->plan.gbs * (double)r->run->plan.seq / r->size / r->run->step_time_s;
        rate[1] = rate[0] * (1 + r->slow);
        return true;
    }
    return false;
}

uint32_t sp_study_pairs(const sp_study *study, sp_study_pair *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < SP_STUDY_PAIRS; i++) {
        double from[2], to[2];
        if (!rates(study, known[i].from, from) || !rates(study, known[i].to, to))
            continue;
        sp_study_pair p = {.what = known[i].what, .from = known[i].from, .to = known[i].to, .series = known[i].series,
                           .predicted = to[0] / from[0] - 1, .measured = to[1] / from[1] - 1};
        p.sign = (p.predicted > 0) == (p.measured > 0);
        p.within = p.sign && (p.series ? fabs(p.predicted - p.measured) <= SLOPE_POINTS : fabs(p.predicted / p.measured - 1) <= SIZE_PART);
        out[n++] = p;
    }
    return n;
}
