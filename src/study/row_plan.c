/* The plan of a row: parallel sizes, batch, precision, sharding, recompute and overlap from its columns; what a software
 * product line leaves unsaid comes from that line's stated defaults, and is said in the row's result. */
#include "kernel_i.h"
#include "run_i.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a product line does when a row does not say. One row a line, the first that the framework's text starts with. */
typedef struct line_row {
    const char *start, *software;
    uint32_t zero;
    bool sequence_parallel, overlap_dp, overlap_tp;
    bool etp_is_tp;                /* experts split like the rest unless told otherwise */
    bool unfused_attention;        /* FlashAttention is not what runs unless a row says so                     */
    bool interleaves;              /* pipelines are interleaved where the row does not say: their overlap needs it */
    bool gradients_bf16;           /* gradients are summed and sent in BF16                                    */
    bool narrow_gather;            /* all-gathers of tensor parallelism carry what is multiplied                */
    bool plain_blocks;             /* pipelines that are not interleaved wait for their sends (Megatron-LM, arguments.py: no overlap_p2p_comm) */
    bool fills_front;              /* layers that do not divide leave the last chunk of a pipeline short        */
    sp_recompute recompute;
    const char *recompute_source;
} line_row;

static const line_row lines[] = {
    {"Megatron-Bridge", "megatron-bridge", 1, true, true, true, false, false, false, true, true, true, true, SP_RECOMPUTE_NONE,
     "Megatron-Bridge: recompute_granularity is unset unless a recipe sets it"},
    {"NeMo", "megatron-bridge", 1, true, true, true, true, false, false, true, true, true, false, SP_RECOMPUTE_NONE, "NeMo: activations_checkpoint_granularity null in the performance recipes"},
    {"Megatron-Core", "megatron-bridge", 1, true, true, true, true, false, true, false, true, true, false, SP_RECOMPUTE_NONE, "Megatron-Core: --recompute-granularity is unset"},
    {"HAI-LLM", "megatron-bridge", 1, false, true, false, false, false, false, false, false, false, false, SP_RECOMPUTE_SELECTIVE,
     "HAI-LLM: norms and MLA's up-projections, DeepSeek-V3 report (arXiv:2412.19437) 3.2.3"},
    {"MegaScale-MoE", "megatron-bridge", 1, true, true, true, false, false, false, false, true, true, false, SP_RECOMPUTE_NONE, "MegaScale-MoE: as Megatron-LM"},
    {"MegaScale", "megatron-lm", 1, true, true, true, true, false, true, false, false, false, false, SP_RECOMPUTE_NONE, "MegaScale: as Megatron-LM, --recompute-granularity is unset"},
    {"Megatron-LM", "megatron-lm", 1, true, true, false, true, true, false, false, false, false, false, SP_RECOMPUTE_NONE, "Megatron-LM: --recompute-granularity is unset"},
    {"llm-foundry", "llm-foundry", 3, false, true, false, true, false, false, false, false, false, false, SP_RECOMPUTE_NONE, "llm-foundry: activation_checkpointing false"},
    /* activations lie over the tensor axis between layers (base.yml: activation_embed), XLA decomposes their collectives under the
     * products (Wang et al., ASPLOS 2023) */
    {"MaxText", "maxtext", 3, true, true, true, true, false, false, false, false, false, false, SP_RECOMPUTE_FULL, "MaxText: remat_policy full in base.yml"},
    {"torchtitan", "torchtitan", 3, true, true, false, true, false, false, false, true, false, false, SP_RECOMPUTE_ALTERNATE, "torchtitan: activation_checkpoint.mode selective, by operator"},
    {"ModelLink", "modellink", 0, false, false, false, true, false, false, false, false, true, false, SP_RECOMPUTE_NONE, "ModelLink: --recompute-granularity is unset"},
    {"MindSpeed", "modellink", 1, true, true, true, false, false, false, false, false, true, false, SP_RECOMPUTE_FULL, "MindSpeed-LLM: full recompute in its example scripts"},
    {"MindSpore", "mindformers", 1, true, false, false, true, false, false, false, false, false, false, SP_RECOMPUTE_NONE, "MindFormers: recompute_config.recompute False"},
    {"Meta", "megatron-lm", 2, true, true, false, true, false, true, false, false, false, false, SP_RECOMPUTE_NONE, "Llama 3 paper 3.3.2: 8K pre-training without activation checkpointing"},
    {"MLPerf NVIDIA", "megatron-bridge", 1, true, true, true, true, false, true, false, true, true, false, SP_RECOMPUTE_NONE, "NVIDIA MLPerf configurations: no recompute"},
    {"MLPerf", NULL, 1, true, true, false, true, false, false, false, false, true, false, SP_RECOMPUTE_NONE, "MLPerf submissions: none stated"},
};
static const line_row unknown_line = {"", NULL, 1, true, true, false, true, false, false, false, false, false, false, SP_RECOMPUTE_NONE, "none stated"};

#define LORA_RANK 16   /* MLPerf Training's llama2_70b_lora: r 16 on attention's projections */

static const line_row *line_of(const char *framework)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (sp_i_word_starts(framework, lines[i].start))
            return &lines[i];
    return &unknown_line;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static bool plan_axes(sp_i_ctx *ctx, const sp_i_run *run, sp_plan *plan)
{
    uint32_t chips = sp_i_num_count(run->num[SP_N_CHIPS], 0);
    if (!chips)
        return sp_i_row_refuse(ctx, "the row does not say how many chips");
    if (!sp_i_num_set(run->num[SP_N_SEQ]))
        return sp_i_row_refuse(ctx, "the row does not give its sequence length");
    if (!sp_i_num_set(run->num[SP_N_GBS]))
        return sp_i_row_refuse(ctx, "the row does not give its global batch");
    if (!sp_i_num_set(run->num[SP_N_TP]) || !sp_i_num_set(run->num[SP_N_PP])) {
        if (chips > 1 && run->sharding[0] == '\0')
            return sp_i_row_refuse(ctx, "the row does not give its parallel layout");
        sp_i_row_assume(ctx, "tp and pp 1, as only '%s' is stated", run->sharding);
    }
    plan->tp = sp_i_num_count(run->num[SP_N_TP], 1);
    plan->cp = sp_i_num_count(run->num[SP_N_CP], 1);
    plan->pp = sp_i_num_count(run->num[SP_N_PP], 1);
    plan->ep = sp_i_num_count(run->num[SP_N_EP], 1);
    plan->seq = sp_i_num_count(run->num[SP_N_SEQ], 0);
    plan->gbs = sp_i_num_count(run->num[SP_N_GBS], 0);
    uint64_t inner = (uint64_t)plan->tp * plan->cp * plan->pp;
    if (chips % inner)
        return sp_i_row_refuse(ctx, "tp %u x cp %u x pp %u does not divide %u chips", plan->tp, plan->cp, plan->pp, chips);
    plan->dp = (uint32_t)(chips / inner);
    return true;
}

/* Chunks of a stage where the row does not give them: as many as the layers of a stage divide into, at most 8 (beyond that the
 * bubble is no longer what counts). */
static void plan_interleave(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, const line_row *line, sp_plan *plan)
{
    plan->vpp = plan->pp > 1 ? sp_i_num_count(run->num[SP_N_VPP], 1) : 1;
    if (plan->pp == 1 || sp_i_num_set(run->num[SP_N_VPP]) || !line->interleaves)
        return;
    uint32_t layers = model->n_layers / plan->pp;
    for (plan->vpp = 8; plan->vpp > 1 && (plan->vpp > layers || layers % plan->vpp); )
        plan->vpp--;
    uint64_t micro = plan->gbs / ((uint64_t)plan->mbs * plan->dp);
    if (micro % plan->pp)
        plan->vpp = 1;   /* the interleaved schedule wants whole rounds */
    if (plan->vpp > 1)
        sp_i_row_assume(ctx, "%u interleaved chunks a stage", plan->vpp);
}

/* TPU pages give the batch of a device, with any model axes: the batch of a data-parallel rank is gbs / dp. */
static bool plan_micro_batch(sp_i_ctx *ctx, const sp_i_run *run, sp_plan *plan)
{
    if (plan->gbs % plan->dp)
        return sp_i_row_refuse(ctx, "a global batch of %llu does not divide over %u data-parallel ranks", (unsigned long long)plan->gbs,
                           plan->dp);
    uint64_t share = plan->gbs / plan->dp;
    if (sp_i_word_starts(run->framework, "MaxText")) {
        plan->mbs = (uint32_t)(share < 65536 ? share : 1);
        return true;
    }
    if (!sp_i_num_set(run->num[SP_N_MBS]))
        sp_i_row_assume(ctx, "micro-batch 1");
    plan->mbs = sp_i_num_count(run->num[SP_N_MBS], 1);
    if (plan->mbs > share)
        plan->mbs = (uint32_t)share;
    if (share % plan->mbs)
        return sp_i_row_refuse(ctx, "%llu sequences a rank are no multiple of the micro-batch %u", (unsigned long long)share, plan->mbs);
    return true;
}

/* Megatron-Bridge's layouts of models whose layers do not divide fill chunks from the front and leave the last, which holds the
 * head and MTP, what remains (recipes/deepseek, recipes/kimi); where layers with embedding and loss counted as two divide,
 * these count so (recipes/qwen: account_for_embedding_in_pipeline_split), as every plan here does. */
static void plan_split(sp_i_ctx *ctx, const sp_model *model, const line_row *line, sp_plan *plan)
{
    uint32_t slots = plan->pp * plan->vpp, layers = model->n_layers;
    if (!line->fills_front || !sp_model_has_experts(model) || slots == 1 || layers % slots == 0 || (layers + 2) % slots == 0)
        return;
    uint32_t most = (layers + slots - 1) / slots;
    if (most * (slots - 1) >= layers)
        return;
    plan->last_layers = layers - most * (slots - 1);
    sp_i_row_assume(ctx, "pipeline chunks of %u layers, %u in the last", most, plan->last_layers);
}

/* ---- precision --------------------------------------------------------------------------------------------------- */

static sp_format format_of(sp_i_ctx *ctx, const sp_i_run *run)
{
    const char *p = run->precision;
    bool blackwell = sp_i_word_in(run->hw_class, "B200") || sp_i_word_in(run->hw_class, "B300");
    if (sp_i_word_in(p, "NVFP4"))
        return SP_FMT_NVFP4;
    char squeezed[64];
    sp_i_word_squeeze(p, false, squeezed, sizeof squeezed);
    if (strstr(squeezed, "mxfp8") || (strstr(squeezed, "fp8mx") && blackwell))
        return SP_FMT_MXFP8;
    if (sp_i_word_in(p, "FP8"))
        return SP_FMT_FP8;
    if (sp_i_word_in(p, "INT8"))
        return SP_FMT_INT8;
    if (sp_i_word_in(p, "BF16") || sp_i_word_in(p, "bfloat16"))
        return SP_FMT_BF16;
    if (sp_i_word_in(p, "FP16") || sp_i_word_in(p, "float16"))
        return SP_FMT_FP16;
    bool known;
    sp_format format = sp_i_kernel_format(p, SP_FMT_BF16, &known);
    if (!known)
        sp_i_row_assume(ctx, "'%.40s' is no format that is known here", p);
    if (!known || p[0] == '\0')
        sp_i_row_assume(ctx, "BF16");
    return format;
}

/* ---- recompute --------------------------------------------------------------------------------------------------- */

/* Mean of the numbers in "[6, 3, 2, 3]", rounded: layers of a stage that are recomputed. */
static uint32_t list_mean(const char *text)
{
    double sum = 0, n = 0;
    for (const char *p = text; *p && *p != ']'; p++)
        if (isdigit((unsigned char)*p)) {
            char *end = NULL;
            sum += strtod(p, &end);
            n++;
            p = end - 1;
        }
    return n > 0 ? (uint32_t)(sum / n + 0.5) : 0;
}

/* Words of a recompute column, the first that a text holds. `start`: at its beginning alone. */
static const struct { const char *word; bool start; enum { WORD_NONE, WORD_FULL, WORD_KEEPS_PROJECTIONS, WORD_SELECTIVE, WORD_UNKNOWN } says; } recompute_words[] = {
    {"unknown", true, WORD_UNKNOWN}, {"not stated", true, WORD_UNKNOWN}, {"n/a", true, WORD_UNKNOWN}, {"?", true, WORD_UNKNOWN},
    {"recompute=True", false, WORD_FULL}, {"granularity=full", false, WORD_FULL}, {"granularity=selective", false, WORD_SELECTIVE},
    {"remat_policy=full", false, WORD_FULL}, {"remat_policy=minimal", false, WORD_SELECTIVE}, {"remat_policy=none", false, WORD_NONE},
    {"remat_policy=custom", false, WORD_KEEPS_PROJECTIONS}, {"offloaded", false, WORD_KEEPS_PROJECTIONS}, {"select=[", false, WORD_SELECTIVE},
    {"recompute=False", false, WORD_NONE}, {"none", true, WORD_NONE}, {"no", true, WORD_NONE}, {"without", true, WORD_NONE}, {"off", true, WORD_NONE}, {"false", true, WORD_NONE}, {"0", true, WORD_NONE},
    {"selective", false, WORD_SELECTIVE}, {"SAC", false, WORD_SELECTIVE}, {"minimal", true, WORD_SELECTIVE}, {"custom", true, WORD_KEEPS_PROJECTIONS},
    {"full", false, WORD_FULL}, {"uniform", false, WORD_FULL}, {"block", true, WORD_FULL}, {"layers", false, WORD_FULL}, {"every layer", false, WORD_FULL},
    {"checkpointing", false, WORD_FULL}, {"yes", true, WORD_FULL}, {"true", true, WORD_FULL}, {"on", true, WORD_FULL}, {"1", true, WORD_FULL},
    /* modules of Megatron-Core's recompute_modules */
    {"core_attn", false, WORD_SELECTIVE}, {"moe_act", false, WORD_SELECTIVE}, {"layernorm", false, WORD_SELECTIVE}, {"mla_up_proj", false, WORD_SELECTIVE},
    {"mlp", true, WORD_SELECTIVE}, {"moe", true, WORD_SELECTIVE},
    /* flags of a script, without one for recompute */
    {"use-", false, WORD_NONE}, {"sequence-parallel", false, WORD_NONE}, {"sequence parallel", false, WORD_NONE}};

/* Layers a stage that are recomputed where not all are: "recompute-method=block; recompute-num-layers=5", "full, block 5 layers", "5 layers"; 0: all. */
static uint32_t layers_of(const char *text, uint32_t stage_layers)
{
    double n = sp_i_word_in(text, "block") ? sp_i_word_number_after(text, "num-layers=", sp_i_word_number_after(text, "block ", NAN)) : NAN;
    n = sp_i_word_number_before(text, " layers", n);
    return sp_i_count_is(n) && n < stage_layers ? (uint32_t)n : 0;
}

static void assume_recompute(sp_i_ctx *ctx, const char *text, const line_row *line, sp_plan *plan)
{
    plan->recompute = line->recompute;
    ctx->row->recompute_assumed = true;
    if (text[0] && strcmp(text, "remat_policy=") != 0)
        sp_i_row_assume(ctx, "'%.40s' says nothing of recompute that is known here", text);
    sp_i_row_assume(ctx, "recompute %s (%s)", sp_recompute_name(plan->recompute), line->recompute_source);
}

static void plan_recompute(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, const line_row *line, sp_plan *plan)
{
    const char *r = run->recompute, *list = strstr(r, "recompute=[");
    size_t i = 0, n = sizeof recompute_words / sizeof recompute_words[0];
    if (list) {
        plan->recompute_layers = list_mean(list + 10);
        plan->recompute = plan->recompute_layers ? SP_RECOMPUTE_FULL : SP_RECOMPUTE_NONE;
        sp_i_row_assume(ctx, "%u recomputed layers on every stage for %.40s", plan->recompute_layers, list);
        return;
    }
    while (i < n && !(recompute_words[i].start ? sp_i_word_starts(r, recompute_words[i].word) : sp_i_word_in(r, recompute_words[i].word)))
        i++;
    if (r[0] == '\0' || i == n || recompute_words[i].says == WORD_UNKNOWN) {
        assume_recompute(ctx, r, line, plan);
        return;
    }
    switch (recompute_words[i].says) {
    case WORD_FULL:
        plan->recompute = SP_RECOMPUTE_FULL;
        plan->recompute_layers = layers_of(r, model->n_layers / (plan->pp * plan->vpp));
        break;
    case WORD_KEEPS_PROJECTIONS:
        plan->recompute = SP_RECOMPUTE_FULL;   /* what is kept beside the layer's input is the attention's projections */
        sp_i_row_assume(ctx, "full recompute for %.40s", r);
        break;
    case WORD_SELECTIVE: plan->recompute = line->recompute == SP_RECOMPUTE_ALTERNATE ? SP_RECOMPUTE_ALTERNATE : SP_RECOMPUTE_SELECTIVE; break;
    default: plan->recompute = SP_RECOMPUTE_NONE; break;
    }
}

/* ---- sharding and overlap ------------------------------------------------------------------------------------------ */

static uint32_t zero_of(const sp_i_run *run, const line_row *line)
{
    static const struct { const char *word; uint32_t zero; } words[] = {{"zero3", 3}, {"zero2", 2}, {"zero1", 1}, {"zero0", 0}, {"stage3", 3}, {"stage2", 2}, {"stage1", 1},
        {"shardgradop", 2}, {"noshard", 0}, {"optimizerparallel", 1}, {"distributedoptimizer", 1}, {"fullshard", 3}, {"hybridshard", 3}, {"hsdp", 3}, {"fsdp", 3}, {"ddp", 0}};
    char squeezed[96];
    sp_i_word_squeeze(run->sharding, false, squeezed, sizeof squeezed);
    if (strcmp(squeezed, "fsdp0") == 0)
        return 1;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(squeezed, words[i].word))
            return words[i].zero;
    if (sp_i_word_in(run->recompute, "use-distributed-optimizer"))
        return 1;
    if (sp_i_word_starts(run->framework, "Megatron-LM") && !sp_i_word_in(run->other, "baseline"))
        return 0;   /* the 2021 and 2022 papers: before the distributed optimizer */
    return line->zero;
}

/* Ranks that hybrid sharding spreads weights over: "HSDP 8"; without a number those of a node, as PyTorch's HYBRID_SHARD does. */
static uint32_t hybrid_group(const sp_i_run *run)
{
    if (!sp_i_word_in(run->sharding, "HSDP") && !sp_i_word_in(run->sharding, "HYBRID_SHARD"))
        return 0;
    double n = sp_i_word_number_after(run->sharding, "HSDP ", sp_i_word_number_after(run->sharding, "HSDP=", run->num[SP_N_PER_NODE]));
    return sp_i_num_count(n, 8);
}

/* Data-parallel replicas of what FSDP shards: "FSDP within slice (…), DP across 16 slice(s)", "ici_fsdp=8 dcn_dp=16 dcn_fsdp=", or all slices that
 * the row counts: "dcn_data_parallelism=-1" with "4x v5p-128". That is also base.yml's default, for rows that say nothing. */
static uint32_t replicas_of(const sp_i_run *run)
{
    const char *across = strstr(run->sharding, "DP across "), *dcn = strstr(run->sharding, "dcn_dp=");
    unsigned n = 1;
    if (across)
        sscanf(across, "DP across %u", &n);
    else if (dcn)
        sscanf(dcn, "dcn_dp=%u", &n);
    else if (strstr(run->sharding, "dcn_data_parallelism=-1"))
        sscanf(run->other, "%ux v", &n);
    else if (run->sharding[0] == '\0' && sp_i_word_starts(run->framework, "MaxText"))
        n = sp_i_row_slices(run);
    return n ? n : 1;
}

static void plan_overlap(sp_i_ctx *ctx, const sp_i_run *run, const line_row *line, bool moe, sp_plan *plan)
{
    plan->overlap_dp = line->overlap_dp;
    /* recipes of mixtures of experts leave tp_comm_overlap off (Megatron-Bridge, src/megatron/bridge/recipes; Qwen3 alone sets it) */
    plan->overlap_tp = line->overlap_tp && plan->tp > 1 && !moe;
    /* Megatron-Core's combined 1F1B needs an interleaved pipeline (arguments.py: virtual stages must be given with it) */
    plan->overlap_ep = plan->ep > 1 && plan->vpp > 1 && line->software && strcmp(line->software, "megatron-bridge") == 0;
    plan->sequence_parallel = line->sequence_parallel && plan->tp > 1;
    plan->unfused_attention = line->unfused_attention;
    plan->blocking_sends = line->plain_blocks && plan->vpp == 1;
    if (sp_i_word_starts(run->framework, "MegaScale")) {
        plan->unfused_attention = !sp_i_megascale_has(run->other, "efficient operators");   /* its section 3.3: FlashAttention-2 */
        plan->overlap_tp = plan->tp > 1 && sp_i_megascale_has(run->other, "TP overlap");
        plan->overlap_dp = sp_i_megascale_has(run->other, "DP overlap");
        plan->blocking_sends = !sp_i_megascale_has(run->other, "PP overlap");
    }
    if (sp_i_word_starts(run->framework, "Megatron-LM")) {
        plan->overlap_dp = false;   /* --overlap-grad-reduce came later and is off unless given */
        plan->blocking_sends = true;   /* --overlap-p2p-communication came in May 2023 and is on since October of that year */
    }
    if (sp_i_word_in(run->other, "async TP"))
        plan->overlap_tp = true;
    if (sp_i_word_starts(run->framework, "ModelLink"))   /* rows list the fused kernels of their script */
        plan->unfused_attention = run->recompute[0] && !sp_i_word_in(run->recompute, "use-flash-attn");
    if (sp_i_word_starts(run->framework, "ModelLink") && plan->tp > 1) {
        plan->sequence_parallel = sp_i_word_in(run->recompute, "sequence-parallel");
        plan->overlap_tp = sp_i_word_in(run->recompute, "use-mc2");
    }
    if (sp_i_word_in(run->recompute, "no sequence parallel"))
        plan->sequence_parallel = false;
    if (sp_i_word_starts(run->framework, "Megatron-LM") && sp_i_word_in(run->precision, "FP16 mixed") && !sp_i_word_in(run->recompute, "sequence parallel"))
        plan->sequence_parallel = false;   /* SC21, before sequence parallelism */
    if (plan->sequence_parallel && plan->seq / plan->cp % plan->tp) {
        sp_i_row_assume(ctx, "no sequence parallelism, as %u ranks do not divide the sequence", plan->tp);
        plan->sequence_parallel = false;
    }
    if (plan->schedule == SP_SCHEDULE_DUALPIPE)
        plan->blocking_sends = false;   /* both ways' sends lie under the other's slots */
}

static sp_schedule schedule_of(const sp_i_run *run, const sp_plan *plan)
{
    bool dualpipe = sp_i_word_in(run->other, "DualPipe") || sp_i_word_starts(run->framework, "HAI-LLM");   /* DeepSeek-V3 report, 3.2.1 */
    if (plan->vpp > 1)
        return SP_SCHEDULE_INTERLEAVED;
    return dualpipe && plan->pp > 1 && plan->pp % 2 == 0 ? SP_SCHEDULE_DUALPIPE : SP_SCHEDULE_1F1B;
}

bool sp_i_row_plan(sp_i_ctx *ctx, const sp_i_run *run, const sp_model *model, sp_plan *out)
{
    sp_plan plan = sp_plan_default();
    const line_row *line = line_of(run->framework);
    if (sp_i_word_in(run->other, "LoRA") || sp_i_word_in(run->other, "LORA") || sp_i_word_in(run->model, "lora")) {
        plan.lora_rank = LORA_RANK;
        sp_i_row_assume(ctx, "LoRA of rank %u on attention", plan.lora_rank);
    }
    if (!plan_axes(ctx, run, &plan) || !plan_micro_batch(ctx, run, &plan))
        return false;
    if (line == &unknown_line)
        sp_i_row_assume(ctx, "no product line that is known here (%.40s)", run->framework[0] ? run->framework : "none stated");
    plan_interleave(ctx, run, model, line, &plan);
    plan_split(ctx, model, line, &plan);
    bool moe = sp_model_has_experts(model);
    if (!moe)
        plan.ep = 1;
    plan.etp = moe && line->etp_is_tp ? plan.tp : 1;
    if (((uint64_t)plan.tp * plan.cp * plan.dp) % ((uint64_t)plan.ep * plan.etp))
        plan.etp = 1;
    plan.precision = format_of(ctx, run);
    plan.zero = zero_of(run, line);
    uint32_t replicas = replicas_of(run), ranks = plan.dp * plan.cp;
    if (plan.zero == 3 && replicas > 1 && ranks % replicas == 0)
        plan.zero_group = ranks / replicas;
    uint32_t group = hybrid_group(run);
    if (plan.zero == 3 && group && group < ranks && ranks % group == 0)
        plan.zero_group = group;
    if (plan.zero > 1 && plan.pp > 1) {   /* weights stay gathered and gradients whole between micro-batches: what is sharded is the optimizer */
        sp_i_row_assume(ctx, "ZeRO-1 for ZeRO-%u under a pipeline", plan.zero);
        plan.zero = 1;
    }
    if (sp_i_word_starts(run->framework, "Meta "))   /* arXiv:2407.21783, figure 5: TP, CP, PP, DP from the inside out */
        memcpy(plan.order, (uint32_t[SP_AXES]){SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_PP, SP_AXIS_DP}, sizeof plan.order);
    plan.schedule = schedule_of(run, &plan);
    plan.software = line->software;
    /* Transformer Engine casts before it gathers; torchao does with one scale a tensor, and not with one a row */
    plan.narrow_gather = line->narrow_gather && plan.tp > 1 && sp_format_bytes(plan.precision) < 2 && !sp_i_word_in(run->precision, "rowwise");
    if (sp_i_word_in(run->sharding, "mp=DEFAULT"))   /* Composer: FSDP's MixedPrecision with reduce_dtype float32; PURE reduces in BF16 */
        plan.gradient_bytes = 4;
    if (line->gradients_bf16)   /* performance recipes: grad_reduce_in_fp32 False, which main_grad follows */
        plan.gradient_bytes = 2;
    plan_recompute(ctx, run, model, line, &plan);
    plan_overlap(ctx, run, line, moe, &plan);
    *out = plan;
    return true;
}
