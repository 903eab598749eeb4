/* What a pipeline chunk holds and what it costs: slots, gradient traffic, optimizer, point-to-point. */
#include "price.h"

#include <math.h>

/* Mixed-precision Adam: read gradient, master weight, two moments; write master, moments and the BF16 weight. */
#define OPTIMIZER_BYTES (4.0 * 4 + 4.0 * 3 + 2)
#define OPTIMIZER_FLOP 12.0
#define SEGMENT_INSTANCES 65536u /* most slot segments of a step: bounds the size of its program            */
#define SEGMENTS_MAX 16u

sp_i_chunk sp_i_chunk_of(const sp_model *model, const sp_plan *plan, uint32_t stage, uint32_t chunk)
{
    bool last = stage == (sp_schedule_is_vee(plan->schedule) ? 0 : plan->pp - 1);
    sp_i_chunk out = {.embedding = stage == 0 && chunk == 0, .head = last && chunk == plan->vpp - 1};
    out.head_matrix = out.head && !(model->tied_embeddings && stage == 0);
    out.mtp = out.head ? model->mtp_layers : 0;
    sp_plan_chunk_layers(plan, model->n_layers, stage, chunk, &out.first, &out.count);
    return out;
}

uint32_t sp_i_chunk_recomputed(const sp_plan *plan, const sp_i_chunk *chunk)
{
    if (plan->recompute == SP_RECOMPUTE_NONE)
        return 0;
    if (plan->recompute_layers == 0 || plan->recompute_layers > chunk->count)
        return chunk->count;
    return plan->recompute_layers;
}

static void add_work(sp_i_work_s *sum, const sp_i_piece *piece, uint32_t n)
{
    sum->chain_s += n * piece->chain_s;
    sum->compute_s += n * piece->compute_s;
}

sp_i_work_s sp_i_chunk_seconds(const sp_pricer *pricer, const sp_plan *plan, const sp_i_chunk *chunk, bool backward)
{
    const sp_model *model = pricer->model;
    sp_pass pass = backward ? SP_PASS_BACKWARD : SP_PASS_FORWARD;
    uint32_t recomputed = backward ? sp_i_chunk_recomputed(plan, chunk) : 0;
    sp_i_work_s sum = {0};
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint8_t kind = model->layer_kind[chunk->first + i];
        add_work(&sum, &pricer->block[pass][kind], 1);
        if (i < recomputed)
            add_work(&sum, &pricer->block[SP_PASS_RECOMPUTE][kind], 1);
    }
    add_work(&sum, &pricer->embedding[pass], chunk->embedding);
    add_work(&sum, &pricer->head[pass], chunk->head);
    add_work(&sum, &pricer->mtp[pass], chunk->mtp);
    if (recomputed)
        add_work(&sum, &pricer->mtp[SP_PASS_RECOMPUTE], chunk->mtp);
    return sum;
}

sp_local_params sp_i_mtp_params(const sp_model *model, const sp_plan *plan)
{
    double dense = 2.0 * model->hidden * model->hidden;
    return (sp_local_params){dense, 0, plan->lora_rank ? 0 : dense, 0};
}

sp_local_params sp_i_chunk_params(const sp_model *model, const sp_plan *plan, const sp_i_chunk *chunk)
{
    sp_local_params sum = {0};
    uint32_t count[SP_KINDS_MAX] = {0};
    for (uint32_t i = 0; i < chunk->count; i++)
        count[model->layer_kind[chunk->first + i]]++;
    if (chunk->mtp)
        count[sp_model_mtp_kind(model)] += chunk->mtp;
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        if (!count[k])
            continue;
        sp_local_params one = sp_lower_block_params(model, &model->kinds[k], plan);
        sp_local_params_add(&sum, count[k], &one);
    }
    sp_local_params module = sp_i_mtp_params(model, plan), vocab = sp_lower_vocab_params(model, plan);
    sp_local_params_add(&sum, chunk->mtp, &module);
    if (chunk->embedding)
        sp_local_params_add(&sum, 1, &vocab);
    if (chunk->head_matrix)
        sp_local_params_add(&sum, 1, &vocab);
    return sum;
}

sp_comm_group sp_i_shard_group(const sp_plan *plan, bool experts)
{
    if (plan->zero_group)
        return experts ? SP_GROUP_ESHARD : SP_GROUP_SHARD;
    return experts ? SP_GROUP_EDP : SP_GROUP_DP;
}

double sp_i_dense_ways(const sp_plan *plan)
{
    return plan->zero_group ? plan->zero_group : (double)plan->dp * plan->cp;
}

double sp_i_expert_ways(const sp_plan *plan)
{
    double ranks = plan->zero_group ? plan->zero_group : (double)plan->cp * plan->dp;
    return plan->tp * ranks / ((double)plan->ep * plan->etp);
}

uint32_t sp_i_weight_copies(const sp_plan *plan)
{
    return plan->schedule == SP_SCHEDULE_DUALPIPE ? 2 : 1;
}

double sp_i_reduced_bytes(const sp_plan *plan, const sp_software *software)
{
    if (plan->gradient_bytes)
        return plan->gradient_bytes;
    return software ? software->gradient_bytes : sp_format_bytes(SP_FMT_BF16);
}

/* Gradients of a chunk's dense part, or its experts', after the last backward: summed whole; or scattered to those who share them and
 * then summed over replicas, and the updated weights gathered. ZeRO-3 has scattered them in the slots. */
typedef struct summed { const sp_placement *all, *shard, *replica; double params, ways; } summed;

static sp_status add_comm(sp_pricer *pricer, const sp_plan *plan, sp_coll_op op, const sp_placement *group, double bytes, double *sum_s, sp_error *err)
{
    double seconds = 0;
    if (group->n_dims == 0)
        return SP_OK;
    sp_status status = sp_i_comm_s(pricer, op, group, sp_i_stack_of(pricer, plan), bytes, &seconds, NULL, err);
    if (status == SP_OK)
        *sum_s += seconds;
    return status;
}

static sp_status reduce(sp_pricer *pricer, const sp_plan *plan, const summed *what, double reduced_bytes, sp_i_sync *out, sp_error *err)
{
    const sp_placement *shard = plan->zero_group ? what->shard : what->all;
    sp_status status = SP_OK;
    if (what->params <= 0 || what->all->n_dims == 0)
        return SP_OK;
    if (plan->zero == 0)
        return add_comm(pricer, plan, SP_COLL_ALL_REDUCE, what->all, what->params * reduced_bytes, &out->reduce_s, err);
    if (plan->zero < 3)
        status = add_comm(pricer, plan, SP_COLL_REDUCE_SCATTER, shard, what->params * reduced_bytes, &out->reduce_s, err);
    if (status == SP_OK && plan->zero_group)
        status = add_comm(pricer, plan, SP_COLL_ALL_REDUCE, what->replica, what->params / what->ways * reduced_bytes, &out->reduce_s, err);
    if (status == SP_OK && plan->zero < 3)
        status = add_comm(pricer, plan, SP_COLL_ALL_GATHER, shard, what->params * SP_I_WEIGHT_BYTES, &out->gather_s, err);
    return status;
}

/* Gradients of the other copy of the layers, at the other end of the pipeline: of the share that a rank has after its own group's
 * reduction, with ZeRO's. Half of the pipeline apart stands for all distances. */
static sp_status reduce_copies(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, double bytes, sp_i_sync *out, sp_error *err)
{
    sp_placement pair = sp_i_far_pair(layout);
    const sp_placement *pipe = &layout->group[SP_GROUP_PP];
    uint32_t size = pipe->dim[pipe->n_dims - 1].size;
    double seconds;
    if (size % 2 == 0)
        pair.dim[0].stride *= size / 2;
    sp_status status = sp_i_comm_s(pricer, SP_COLL_ALL_REDUCE, &pair, sp_i_stack_of(pricer, plan), bytes, &seconds, NULL, err);
    if (status == SP_OK)
        out->reduce_s += seconds;
    return status;
}

sp_status sp_i_chunk_sync(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_chunk *chunk, sp_i_sync *out,
                          sp_error *err)
{
    sp_i_sync sync = {0, 0};
    sp_local_params params = sp_i_chunk_params(pricer->model, plan, chunk);
    const sp_software *software = sp_machine_software(pricer->machine, plan->software);
    const sp_placement *group = layout->group;
    const summed what[2] = {
        {&group[SP_GROUP_DP], &group[SP_GROUP_SHARD], &group[SP_GROUP_REPLICA], params.dense_trained, plan->zero ? sp_i_dense_ways(plan) : 1},
        {&group[SP_GROUP_EDP], &group[SP_GROUP_ESHARD], &group[SP_GROUP_EREPLICA], params.expert_trained, plan->zero ? sp_i_expert_ways(plan) : 1}};
    double reduced_bytes = sp_i_reduced_bytes(plan, software);
    sp_status status = reduce(pricer, plan, &what[0], reduced_bytes, &sync, err);
    if (status == SP_OK)
        status = reduce(pricer, plan, &what[1], reduced_bytes, &sync, err);
    if (status == SP_OK && sp_i_weight_copies(plan) > 1)
        status = reduce_copies(pricer, plan, layout, reduced_bytes * (what[0].params / what[0].ways + what[1].params / what[1].ways), &sync, err);
    if (software) {
        sync.reduce_s *= software->comm_factor.nominal;
        sync.gather_s *= software->comm_factor.nominal;
    }
    if (status == SP_OK)
        *out = sync;
    return status;
}

/* Seconds of an update and what of them does not grow with it. Offloaded (ZeRO-Offload, Ren et al. 2021): FP32 gradients go to the host, its
 * memory is read and written, BF16 weights come back; bucket by bucket beside each other with overlap, else one after the other. */
typedef struct update { double time_s, launch_s; } update;

static update optimizer_cost(const sp_chip *chip, const sp_plan *plan, double params)
{
    sp_op op = {.kind = SP_OP_VECTOR, .label = "optimizer", .format = SP_FMT_FP32, .out_format = SP_FMT_FP32,
                .bytes = fmax(1, params * OPTIMIZER_BYTES), .flop = params * OPTIMIZER_FLOP};
    sp_op_cost cost;
    if (!plan->offload_optimizer)
        return sp_chip_op_cost(chip, &op, &cost) == SP_OK ? (update){cost.time_s, cost.launch_time_s} : (update){0};
    double down_s = params * SP_I_GRADIENT_BYTES / chip->host_bw_bytes_per_s.nominal, up_s = params * SP_I_WEIGHT_BYTES / chip->host_bw_bytes_per_s.nominal;
    double host_s = params * OPTIMIZER_BYTES / chip->host_mem_bw_bytes_per_s.nominal;
    return (update){plan->overlap_dp ? fmax(host_s, fmax(down_s, up_s)) : down_s + host_s + up_s, 0};
}

double sp_i_stage_optimizer_s(const sp_pricer *pricer, const sp_plan *plan, uint32_t stage)
{
    double mine = 0;
    uint32_t copies = sp_i_weight_copies(plan);
    for (uint32_t v = 0; v < plan->vpp * copies; v++) {
        sp_i_chunk chunk = copies == 1 ? sp_i_chunk_of(pricer->model, plan, stage, v) : sp_i_chunk_of(pricer->model, plan, v ? plan->pp - 1 - stage : stage, 0);
        sp_local_params params = sp_i_chunk_params(pricer->model, plan, &chunk);
        mine += params.dense_trained / (plan->zero ? sp_i_dense_ways(plan) : 1) +
                params.expert_trained / (plan->zero ? sp_i_expert_ways(plan) : 1);
    }
    return optimizer_cost(pricer->machine->chip, plan, plan->zero ? mine / copies : mine).time_s;
}

void sp_i_optimizer_line(const sp_chip *chip, const sp_plan *plan, double *launch_s, double *per_param_s)
{
    const double params = 1 << 30;   /* any: element-wise work is proportional to its size beside the launch */
    update cost = optimizer_cost(chip, plan, params);
    *launch_s = cost.launch_s;
    *per_param_s = (cost.time_s - cost.launch_s) / params;
}

double sp_i_input_bytes(const sp_model *model, const sp_plan *plan)
{
    return (double)plan->mbs * (double)plan->seq / plan->cp / (plan->sequence_parallel ? plan->tp : 1) * model->hidden * SP_I_WEIGHT_BYTES;
}

double sp_i_send_bytes(const sp_model *model, const sp_plan *plan)
{
    return sp_i_input_bytes(model, plan) / (plan->sequence_parallel ? 1 : plan->tp);
}

double sp_i_held_sends(const sp_plan *plan, uint32_t stage, double micro_batches)
{
    if (!plan->blocking_sends || plan->pp == 1)
        return 0;
    uint32_t ends = (stage == 0) + (stage + 1 == plan->pp);   /* the first stage's gradients and the last one's logits stay */
    return micro_batches * (2.0 * plan->vpp - ends) - (stage > 0);
}

static sp_placement pair_at(uint32_t stride)
{
    sp_placement pair = {.n_dims = 1};
    pair.dim[0].size = 2;
    pair.dim[0].stride = stride;
    return pair;
}

sp_placement sp_i_far_pair(const sp_layout *layout)
{
    const sp_placement *pipe = &layout->group[SP_GROUP_PP];
    return pair_at(pipe->dim[pipe->n_dims - 1].stride);
}

/* Stages whose number ends with a carry into dim d part there. */
sp_i_hops sp_i_hops_of(const sp_layout *layout)
{
    const sp_placement *pipe = &layout->group[SP_GROUP_PP];
    sp_i_hops out = {.n = pipe->n_dims < SP_TIERS_MAX ? pipe->n_dims : SP_TIERS_MAX};
    uint32_t stages = sp_placement_ranks(pipe), inside = 1;
    for (uint32_t i = 0, d = 0; i < out.n; i++) {   /* dims beyond the tiers' number count with the last */
        uint32_t from = inside;
        do
            inside *= pipe->dim[d++].size;
        while (i + 1 == out.n && d < pipe->n_dims);
        out.pair[i] = pair_at(pipe->dim[d - 1].stride);
        out.count[i] = stages / from - stages / inside;
    }
    return out;
}

static double mean_hop_s(const sp_plan *plan, const uint32_t *count, const double *hop_s, uint32_t n)
{
    double round = plan->schedule == SP_SCHEDULE_INTERLEAVED && plan->vpp > 1 ? 1 : 0, all_s = n ? round * hop_s[n - 1] : 0;
    for (uint32_t i = 0; i < n; i++)
        all_s += count[i] * hop_s[i];
    return all_s / (plan->pp - 1 + round);
}

double sp_i_send_s(const sp_lanes *lanes, const sp_plan *plan, double size_bytes)
{
    double hop_s[SP_TIERS_MAX] = {0};
    for (uint32_t i = 0; i < lanes->n_sends; i++)
        hop_s[i] = sp_i_curve_s(lanes->send[i], size_bytes, NULL);
    return lanes->n_sends ? mean_hop_s(plan, lanes->hops, hop_s, lanes->n_sends) : 0;
}

sp_status sp_i_p2p_s(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, double *out, sp_error *err)
{
    sp_status status = SP_OK;
    *out = 0;
    if (plan->pp == 1)
        return SP_OK;
    sp_i_hops hops = sp_i_hops_of(layout);
    double hop_s[SP_TIERS_MAX] = {0};
    for (uint32_t i = 0; i < hops.n && status == SP_OK; i++)
        status = sp_i_comm_s(pricer, SP_COLL_SEND_RECV, &hops.pair[i], sp_i_stack_of(pricer, plan), sp_i_send_bytes(pricer->model, plan), &hop_s[i], NULL, err);
    double gather_s = 0;
    if (status == SP_OK && plan->tp > 1 && !plan->sequence_parallel)
        status = sp_i_comm_s(pricer, SP_COLL_ALL_GATHER, &layout->group[SP_GROUP_TP], sp_i_stack_of(pricer, plan), sp_i_input_bytes(pricer->model, plan), &gather_s,
                             NULL, err);
    *out = mean_hop_s(plan, hops.count, hop_s, hops.n) + gather_s;
    return status;
}

uint32_t sp_i_segments(const sp_plan *plan, uint64_t micro_batches)
{
    double ranks = (double)plan->dp * plan->cp, replicas = plan->zero_group ? ranks / plan->zero_group : 1;
    if (!plan->overlap_dp || (plan->zero == 3 && replicas <= 1) || (ranks <= 1 && sp_i_expert_ways(plan) <= 1))
        return 1;
    uint64_t slots = 2 * (uint64_t)plan->pp * plan->vpp * micro_batches;
    uint32_t segments = SEGMENTS_MAX;
    while (segments > 1 && slots * segments > SEGMENT_INSTANCES)
        segments /= 2;
    return segments;
}
