/* How sources count: FLOPs of a token and the peak an MFU refers to. Needed only where a row prints a FLOP rate or an MFU
 * and neither step time nor tokens/s. */
#include "run_i.h"

#include <string.h>

typedef enum count { COUNT_CAUSAL, COUNT_FULL, COUNT_FULL_RECOMPUTED } count;

/* First match on the framework's start. MaxText counted full attention before mid-2025; Narayanan 2021 counts full attention
 * and the recomputed forward pass (eq. 3: 96 B s l h^2 (1 + s/6h + V/16lh)); Megatron-Core r0.8 and MegaScale use its
 * formula without the recomputation. Llama 3 and NeMo do not say: causal, as their kernels do. */
static count count_of(const sp_i_run *run)
{
    if (sp_i_word_in(run->note, "INCLUDE recompute"))
        return COUNT_FULL_RECOMPUTED;
    static const char *const full[] = {"MaxText", "Megatron-Core", "Megatron-LM", "MegaScale", "ModelLink", "llm-foundry", "NeMo"};
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++)
        if (sp_i_word_starts(run->framework, full[i]))
            return COUNT_FULL;
    return COUNT_CAUSAL;
}

double sp_i_source_flop_per_token(const sp_i_run *run, const sp_model *model, uint64_t seq)
{
    double forward = sp_model_flop_per_token(model, seq), head = 2.0 * model->hidden * model->vocab, score = 0;
    for (uint32_t i = 0; i < model->n_layers; i++) {
        double part = 0;
        sp_block_flop_per_token(model, &model->kinds[model->layer_kind[i]], seq, &part);
        score += part;
    }
    switch (count_of(run)) {
    case COUNT_FULL: return 3 * (forward + score);
    case COUNT_FULL_RECOMPUTED: return 4 * (forward - head + score) + 3 * head;
    case COUNT_CAUSAL: break;
    }
    return 3 * forward;
}

double sp_i_source_peak(const sp_i_run *run, const sp_chip *chip, sp_format format)
{
    (void)run;   /* FP8 rows of DGX Cloud print MFU against the FP8 peak; no source that prints MFU mixes formats */
    sp_format used = format;
    if (!sp_chip_has_format(chip, format, &used))
        format = used;
    return chip->advertised_flop_per_s[format].nominal;
}
