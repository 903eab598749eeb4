/* Memory of the worst chip of one pipeline stage. */
#include "order.h"
#include "price.h"

#include <math.h>

#define GROUP_BUFFER_BYTES 400e6  /* HCCL_BUFFSIZE: 200 MB, twice a communicator (CANN environment reference)             */
#define RUNTIME_BYTES 2.5e9       /* guess: context, kernels' code and workspace; 1.5-4 GB seen with CUDA and CANN         */
#define RESERVE 0.03              /* guess: of the chip's memory, never handed out: ECC rows, driver, page tables               */
#define LOGIT_BYTES 10.0          /* BF16 logits, their FP32 copy in the loss, and its gradient                              */

/* Chunk activations held at the peak by a stage: the warm-up forwards of the schedule plus one. Where weight gradients wait, a
 * micro-batch is held until they are made: of 34 bytes an activation 32 are theirs (Qi et al. 2024, table 1). */
sp_i_flight sp_i_in_flight(const sp_plan *plan, uint64_t micro_batches, uint32_t stage)
{
    uint64_t slots = micro_batches * plan->vpp, held, waiting = 0;
    uint32_t near = stage < plan->pp - 1 - stage ? stage : plan->pp - 1 - stage;
    switch (plan->schedule) {
    case SP_SCHEDULE_GPIPE: held = slots; break;
    case SP_SCHEDULE_ZB_H1: held = plan->pp; break;
    case SP_SCHEDULE_ZB_H2: held = 2ull * plan->pp - 1; break;
    case SP_SCHEDULE_DUALPIPE: held = plan->pp + 1ull; break;
    case SP_SCHEDULE_ZB_V: held = 2ull * plan->pp; break;
    case SP_SCHEDULE_DUALPIPEV: held = 2ull * plan->pp + 1; break;
    default:
        held = plan->vpp > 1 ? 2ull * (plan->pp - 1 - stage) + (uint64_t)(plan->vpp - 1) * plan->pp + 1 : plan->pp - stage;
    }
    if (plan->schedule == SP_SCHEDULE_ZB_H1 || plan->schedule == SP_SCHEDULE_ZB_H2)
        waiting = sp_i_order_lag(plan, stage) + 1ull;
    if (plan->schedule == SP_SCHEDULE_DUALPIPE)
        waiting = near + 1ull;
    if (plan->schedule == SP_SCHEDULE_DUALPIPEV)
        waiting = stage + 1ull;
    if (plan->schedule == SP_SCHEDULE_ZB_V)   /* two a stage from the first on; all where the pipeline does not fill */
        waiting = micro_batches < held ? held : 2ull * (stage + 1);
    if (plan->overlap_ep && plan->ep > 1)   /* one micro-batch computes while another's tokens travel: both are held */
        held++;
    return (sp_i_flight){(uint32_t)(held < slots ? held : slots), (uint32_t)(waiting < slots ? waiting : slots)};
}

/* Of the P + 1 micro-batches of stage h at the peak P - h are of the way that comes by first (order.c, list_fill). */
sp_i_held sp_i_held_both(const sp_plan *plan, const sp_i_held *near, const sp_i_held *far, uint32_t stage)
{
    double P = plan->pp;
    sp_i_held out = *near;
    sp_local_params_add(&out.params, 1, &far->params);
    out.per_chunk = ((P - stage) * near->per_chunk + (stage + 1) * far->per_chunk) / (P + 1);
    out.again = fmax(near->again, far->again);
    out.layers = fmin(near->layers, far->layers);
    out.working = fmax(near->working, far->working);
    out.logits = near->logits + far->logits;
    return out;
}

/* What one micro-batch leaves for backward in a chunk, and what recomputing one layer needs besides. */
static double chunk_activations(const sp_model *model, const sp_plan *plan, const sp_i_chunk *chunk, double *working, double *again)
{
    sp_plan keeping = *plan;
    keeping.recompute = SP_RECOMPUTE_NONE;
    double tokens = (double)plan->mbs * (double)plan->seq / plan->cp;
    double input = tokens / (plan->sequence_parallel ? plan->tp : 1) * model->hidden * SP_I_WEIGHT_BYTES;
    uint32_t recomputed = plan->recompute == SP_RECOMPUTE_FULL ? sp_i_chunk_recomputed(plan, chunk) : 0;
    double bytes = 0;
    for (uint32_t i = 0; i < chunk->count + chunk->mtp; i++) {
        const sp_block *block = &model->kinds[i < chunk->count ? model->layer_kind[chunk->first + i] : sp_model_mtp_kind(model)];
        double full = sp_lower_block_activation_bytes(model, block, plan), kept = i < recomputed || (recomputed && i >= chunk->count) ? input : full;
        bytes += kept;
        *again += sp_lower_block_activation_bytes(model, block, &keeping) - kept;
        *working = fmax(*working, sp_lower_block_working_bytes(model, block, plan));
    }
    return bytes;
}

/* Dispatch and combine buffers of one MoE layer. */
double sp_i_expert_buffer_bytes(const sp_model *model, const sp_plan *plan)
{
    double most = 0, tokens = (double)plan->mbs * (double)plan->seq / plan->cp / plan->tp;
    for (uint32_t k = 0; k < model->n_kinds; k++)
        if (model->kinds[k].ffn.kind == SP_FFN_MOE && plan->ep > 1)
            most = fmax(most, 2 * tokens * model->kinds[k].ffn.topk * sp_ffn_expert_width(&model->kinds[k].ffn, model->hidden) * SP_I_WEIGHT_BYTES);
    return most;
}

static double group_buffers(const sp_plan *plan)
{
    const uint32_t sizes[] = {plan->tp, plan->cp, plan->ep, plan->pp, plan->dp};
    double groups = 1;   /* the world group */
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        groups += sizes[i] > 1;
    return groups * GROUP_BUFFER_BYTES;
}

double sp_i_logit_bytes(const sp_model *model, const sp_plan *plan)
{
    return (double)plan->mbs * (double)plan->seq / plan->cp * model->vocab / plan->tp * LOGIT_BYTES;
}

sp_i_spread sp_i_spread_of(const sp_machine *machine, const sp_plan *plan, double expert_buffer_bytes)
{
    /* what is frozen has no master copy: it is held as the recipe multiplies it */
    return (sp_i_spread){.zero = plan->zero, .frozen_bytes = fmin(SP_I_WEIGHT_BYTES, sp_format_bytes(plan->precision)), .dense_way = sp_i_dense_ways(plan), .expert_way = sp_i_expert_ways(plan),
                         .copies = sp_i_weight_copies(plan), .host_activations = plan->offload_activations / 100.0, .host_optimizer = plan->offload_optimizer, .gradient_bytes = plan->gradient_bytes ? plan->gradient_bytes : SP_I_GRADIENT_BYTES, .buffers = group_buffers(plan) + expert_buffer_bytes,
                         .fixed = RUNTIME_BYTES + RESERVE * machine->chip->mem_bytes.nominal};
}

static sp_i_held held_of(const sp_model *model, const sp_plan *plan, uint32_t stage)
{
    sp_i_held held = {0};
    for (uint32_t v = 0; v < plan->vpp; v++) {
        sp_i_chunk chunk = sp_i_chunk_of(model, plan, stage, v);
        sp_local_params mine = sp_i_chunk_params(model, plan, &chunk);
        double again = 0;
        sp_local_params_add(&held.params, 1, &mine);
        held.per_chunk += chunk_activations(model, plan, &chunk, &held.working, &again) / plan->vpp;
        held.again += again / plan->vpp;
        held.layers += (double)(chunk.count + chunk.mtp) / plan->vpp;
        if (chunk.head)
            held.logits = sp_i_logit_bytes(model, plan);
        if (chunk.count && (mine.dense + mine.expert) / chunk.count > held.gathered.dense + held.gathered.expert) {
            held.gathered = (sp_local_params){0};
            sp_local_params_add(&held.gathered, 1.0 / chunk.count, &mine);
        }
    }
    return held;
}

void sp_i_stage_memory(const sp_machine *machine, const sp_model *model, const sp_plan *plan, uint32_t stage, sp_stage_memory *out)
{
    sp_i_held held = held_of(model, plan, stage);
    if (sp_i_weight_copies(plan) > 1) {
        sp_i_held far = held_of(model, plan, plan->pp - 1 - stage);
        held = stage < plan->pp / 2 ? sp_i_held_both(plan, &held, &far, stage) : sp_i_held_both(plan, &far, &held, plan->pp - 1 - stage);
    }
    sp_i_spread spread = sp_i_spread_of(machine, plan, sp_i_expert_buffer_bytes(model, plan));
    *out = (sp_stage_memory){.stage = stage};
    sp_i_memory_parts(&held, &spread, sp_i_in_flight(plan, plan->gbs / ((uint64_t)plan->mbs * plan->dp), stage), out);
}
