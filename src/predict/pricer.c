/* Prices for searches: memory of the worst stage and the closed-form bound of the step, from the pricer's tables. Nothing
 * is allocated once the tables stand. */
#include "order.h"
#include "price.h"

#include <math.h>
#include <stdlib.h>

/* Room for the items of every piece. */
static bool make_items(sp_pricer *pricer)
{
    sp_i_cost *item = sp_arena_alloc(pricer->arena, 3 * (size_t)(pricer->model->n_kinds + 3) * SP_ITEMS_MAX, sizeof *item);
    for (int pass = 0; item && pass < 3; pass++) {
        sp_i_piece *const others[] = {&pricer->embedding[pass], &pricer->head[pass], &pricer->mtp[pass]};
        for (uint32_t k = 0; k < pricer->model->n_kinds + 3; k++, item += SP_ITEMS_MAX)
            (k < 3 ? others[k] : &pricer->block[pass][k - 3])->item = item;
    }
    return item != NULL;
}

static bool make_tables(sp_pricer *pricer)
{
    const sp_model *model = pricer->model;
    size_t kinds = model->n_kinds ? model->n_kinds : 1, row = (size_t)model->n_layers + 1;
    pricer->arena = sp_arena_create();
    if (!pricer->arena)
        return false;
    for (int pass = 0; pass < 3; pass++)
        if (!(pricer->block[pass] = sp_arena_alloc(pricer->arena, kinds, sizeof *pricer->block[pass])))
            return false;
    if (!make_items(pricer))
        return false;
    pricer->stages = sp_arena_alloc(pricer->arena, SP_STAGES_MAX, sizeof *pricer->stages);
    pricer->kind_before = sp_arena_alloc(pricer->arena, kinds * row, sizeof *pricer->kind_before);
    if (!pricer->stages || !pricer->kind_before)
        return false;
    for (uint32_t l = 0; l < model->n_layers; l++)
        for (uint32_t k = 0; k < model->n_kinds; k++)
            pricer->kind_before[k * row + l + 1] = pricer->kind_before[k * row + l] + (model->layer_kind[l] == k);
    return sp_i_known_op_make(pricer);
}

sp_status sp_pricer_create(const sp_machine *machine, const sp_model *model, sp_pricer **out, sp_error *err)
{
    sp_pricer *pricer = calloc(1, sizeof *pricer);
    if (!pricer)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
    pricer->machine = machine;
    pricer->model = model;
    if (!make_tables(pricer)) {
        sp_pricer_destroy(pricer);
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
    }
    *out = pricer;
    return SP_OK;
}

void sp_pricer_destroy(sp_pricer *pricer)
{
    if (!pricer)
        return;
    sp_arena_destroy(pricer->arena);
    free(pricer->curves);
    free(pricer->inner);
    free(pricer->cuts);
    free(pricer->known_ops);
    free(pricer);
}

void sp_pricer_renew(sp_pricer *pricer)
{
    for (int pass = 0; pass < 3; pass++)
        pricer->piece[pass].have = pricer->items[pass].have = pricer->summed[pass][0].have = pricer->summed[pass][1].have = false;
    pricer->renewals++;
}

/* ---- what plans share --------------------------------------------------------------------------------------------------- */

/* Do both put the same parameters on a chip, but for the layers it has? */
static bool same_split(const sp_plan *a, const sp_plan *b)
{
    return a->tp == b->tp && a->ep == b->ep && a->etp == b->etp && a->lora_rank == b->lora_rank;
}

static void update_lines(sp_pricer *pricer, const sp_plan *plan)
{
    sp_plan other = *plan;
    for (int host = 0; host < 2; host++)
        for (int overlap = 0; overlap < 2; overlap++) {
            other.offload_optimizer = host;
            other.overlap_dp = overlap;
            if (!host || plan->offload_optimizer || pricer->machine->chip->host_mem_bw_bytes_per_s.grade != SP_GRADE_NONE)
                sp_i_optimizer_line(pricer->machine->chip, &other, &pricer->optimizer[host][overlap].launch_s, &pricer->optimizer[host][overlap].per_param_s);
        }
}

void sp_pricer_shape(sp_pricer *pricer, const sp_plan *plan)
{
    const sp_model *model = pricer->model;
    const sp_software *software = sp_machine_software(pricer->machine, plan->software);
    sp_plan keeping = *plan;
    keeping.recompute = SP_RECOMPUTE_NONE;
    if (pricer->split == 0 || !same_split(&pricer->shape, plan))
        pricer->split++;
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        pricer->kind_params[k] = sp_lower_block_params(model, &model->kinds[k], plan);
        pricer->whole_bytes[k] = sp_lower_block_activation_bytes(model, &model->kinds[k], &keeping);
        pricer->full_bytes[k] = sp_lower_block_activation_bytes(model, &model->kinds[k], plan);
        pricer->working_bytes[k] = sp_lower_block_working_bytes(model, &model->kinds[k], plan);
    }
    update_lines(pricer, plan);
    pricer->vocab = sp_lower_vocab_params(model, plan);
    pricer->module = sp_i_mtp_params(model, plan);
    pricer->send_bytes = sp_i_send_bytes(model, plan);
    pricer->input_bytes = sp_i_input_bytes(model, plan);
    pricer->logit_bytes = sp_i_logit_bytes(model, plan);
    pricer->expert_buffer_bytes = sp_i_expert_buffer_bytes(model, plan);
    pricer->software = software;
    pricer->comm_factor = software ? software->comm_factor.nominal : 1;
    pricer->reduced_bytes = sp_i_reduced_bytes(plan, software);
    pricer->shape = *plan;
    pricer->held_cut = pricer->timed_cut = NULL;
}

static sp_status lane(sp_pricer *pricer, sp_coll_op op, const sp_placement *group, const sp_stack *stack, const sp_i_curve **out,
                      sp_error *err)
{
    *out = NULL;
    return group->n_dims ? sp_i_curve_find(pricer, op, group, stack, out, err) : SP_OK;
}

sp_status sp_pricer_lanes(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_lanes *out, sp_error *err)
{
    *out = (sp_lanes){.layout = layout, .inner = sp_i_inner_find(pricer, layout), .sharded = plan->zero > 0};
    return out->inner ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
}

static sp_status find_lanes(sp_pricer *pricer, const sp_plan *plan, sp_lanes *lanes, sp_error *err)
{
    const sp_stack *stack = sp_i_stack_of(pricer, plan);
    const sp_layout *layout = lanes->layout;
    const sp_placement *group[2] = {&layout->group[sp_i_shard_group(plan, false)], &layout->group[sp_i_shard_group(plan, true)]};
    sp_status status = SP_OK;
    for (int i = 0; i < (sp_model_has_experts(pricer->model) ? 2 : 1) && status == SP_OK; i++) {
        status = lane(pricer, lanes->sharded ? SP_COLL_REDUCE_SCATTER : SP_COLL_ALL_REDUCE, group[i], stack, &lanes->reduce[i], err);
        if (status == SP_OK && lanes->sharded)
            status = lane(pricer, SP_COLL_ALL_GATHER, group[i], stack, &lanes->gather[i], err);
        if (status == SP_OK && plan->zero_group && plan->zero)
            status = lane(pricer, SP_COLL_ALL_REDUCE, &layout->group[i ? SP_GROUP_EREPLICA : SP_GROUP_REPLICA], stack, &lanes->replica[i], err);
    }
    if (status == SP_OK && plan->pp > 1) {
        sp_i_hops hops = sp_i_hops_of(layout);
        for (uint32_t i = 0; i < hops.n && status == SP_OK; i++) {
            lanes->hops[i] = hops.count[i];
            status = lane(pricer, SP_COLL_SEND_RECV, &hops.pair[i], stack, &lanes->send[i], err);
            lanes->n_sends += status == SP_OK;
        }
    }
    lanes->found = status == SP_OK;
    lanes->unfit = status != SP_OK && status != SP_E_NOMEM;
    return status;
}

/* ---- a quote ------------------------------------------------------------------------------------------------------------ */

static double memory_of(const sp_plan *plan, const sp_i_held *held, const sp_i_spread *spread, uint64_t micro, uint32_t stage)
{
    sp_stage_memory memory;
    sp_i_memory_parts(held, spread, sp_i_in_flight(plan, micro, stage), &memory);
    return memory.total;
}

/* Of alike stages the first holds most micro-batches, but where weight gradients wait the last has most of those waiting. */
static double worst_memory(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro)
{
    sp_i_spread spread = sp_i_spread_of(pricer->machine, plan, pricer->expert_buffer_bytes);
    double most = 0;
    for (uint32_t h = 0, near = 0, far = cut->n_runs - 1; sp_i_weight_copies(plan) > 1 && h < plan->pp / 2; h++) {
        near = sp_i_cut_run_with(cut, h, near);
        far = sp_i_cut_run_with(cut, plan->pp - 1 - h, far);
        sp_i_held held = sp_i_held_both(plan, &pricer->stages[near].held, &pricer->stages[far].held, h);
        most = fmax(most, memory_of(plan, &held, &spread, micro, h));
    }
    for (uint32_t i = 0; sp_i_weight_copies(plan) == 1 && i < cut->n_runs; i++) {
        most = fmax(most, memory_of(plan, &pricer->stages[i].held, &spread, micro, cut->run[i].first));
        if (sp_i_order_listed(plan->schedule))
            most = fmax(most, memory_of(plan, &pricer->stages[i].held, &spread, micro, cut->run[i].last));
    }
    return most;
}

static double trained_s(const sp_i_curve *const curve[2], const sp_local_params *params, double bytes)
{
    return sp_i_lanes_s(curve, params->dense_trained, params->expert_trained, bytes);
}

/* Under ZeRO-3 a slot is no shorter than the traffic of its layers' weights, which one lane carries; forward it is gathered,
 * backward gathered and the gradients scattered. */
static double shards_s(const sp_pricer *pricer, const sp_cut *cut, const sp_lanes *lanes)
{
    double gather = 0, scatter = 0;
    for (uint32_t k = 0; k < pricer->model->n_kinds; k++) {
        gather += cut->run[0].all[k] * sp_i_lanes_s(lanes->gather, pricer->kind_params[k].dense, pricer->kind_params[k].expert, SP_I_WEIGHT_BYTES);
        scatter += cut->run[0].all[k] * trained_s(lanes->reduce, &pricer->kind_params[k], pricer->reduced_bytes);
    }
    return pricer->comm_factor * (2 * gather + scatter);
}

static double optimizer_s(const sp_pricer *pricer, const sp_plan *plan, const sp_local_params *params, double dense_way, double expert_way)
{
    return sp_i_update_s(pricer, plan, params->dense_trained / dense_way + params->expert_trained / expert_way);
}

/* A stage's slots of one micro-batch, none of which is shorter than what its layers send to the host or fetch from there. */
static double slots_s(const sp_pricer *pricer, const sp_plan *plan, const sp_i_stages *s)
{
    if (!plan->offload_activations)
        return s->work_s;
    double host_s = s->host_bytes * plan->offload_activations / 100 / pricer->machine->chip->host_bw_bytes_per_s.nominal;
    return fmax(s->all_forward_s, host_s) + fmax(s->work_s - s->all_forward_s, host_s);
}

/* All gradients of a stage: over those who share them, and of the shares over replicas. */
static double gradients_s(const sp_pricer *pricer, const sp_lanes *lanes, const sp_local_params *params, double dense_way, double expert_way)
{
    sp_local_params shares = {.dense_trained = params->dense_trained / dense_way, .expert_trained = params->expert_trained / expert_way};
    return trained_s(lanes->reduce, params, pricer->reduced_bytes) + trained_s(lanes->replica, &shares, pricer->reduced_bytes);
}

/* The last micro-batch alone: what stage 0 runs before its first forward, then its way through all chunks and back, one slot and one
 * send after the other. Positions are those of step.c, K = M V: its first forward is K - P V + P - 1 (V = 1: M - 1), which waits for
 * the forwards before it and, but under GPipe, for the backwards up to K - 2 P V (V = 1: M - P - 1). Of these sums whole rounds count. */
static double last_batch(const sp_i_stages *first, const sp_plan *plan, uint64_t micro, double path_s, double send_s)
{
    double m = (double)micro, p = plan->pp, backward_s = first->work_s - first->forward_s, sends = 2.0 * (p * plan->vpp - 1);
    bool alternates = plan->schedule != SP_SCHEDULE_GPIPE;
    double before_s = plan->vpp == 1 ? (m - 1) * first->forward_s + (alternates ? fmax(m - p, 0) * backward_s : 0)
                                     : fmax(m - p, 0) * first->forward_s + (p - 1) * first->front_s + fmax(m - 2 * p, 0) * backward_s;
    return before_s + path_s + (plan->pp > 1 ? sends * send_s : 0);
}

/* sp_i_step_bound over runs of alike stages: of those the last waits longest for its first micro-batch, and its last has
 * the longest way back. Beside it the way of the last micro-batch, and the gradients of a stage, which none of its forwards wait for:
 * all of them follow all forwards and all backwards but the last round, on one stream. */
static void bound(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, const sp_lanes *lanes, uint64_t micro, sp_price *out)
{
    double dense_way = plan->zero ? sp_i_dense_ways(plan) : 1, expert_way = plan->zero ? sp_i_expert_ways(plan) : 1;
    double part = 1.0 / sp_i_segments(plan, micro), batches = (double)micro, round = plan->vpp > 1 ? plan->pp : 1;
    double send_s = sp_i_send_s(lanes, plan, pricer->send_bytes), most = 0, busiest = 0, first_s = 0, drain_s = 0;
    bool sync = plan->zero != 3;
    if (sync && plan->zero)
        first_s = part * pricer->comm_factor * trained_s(lanes->gather, &pricer->stages[0].front, SP_I_WEIGHT_BYTES);
    for (uint32_t i = 0; i < cut->n_runs; i++) {
        const sp_i_stages *s = &pricer->stages[i];
        uint32_t last = cut->run[i].last;
        double update_s = optimizer_s(pricer, plan, &s->held.params, dense_way, expert_way), work_s = slots_s(pricer, plan, s);
        double end_s = (sync ? part * pricer->comm_factor * gradients_s(pricer, lanes, &s->front, dense_way, expert_way) : 0) + update_s;
        if (i == 0)
            drain_s = end_s;
        double computing = batches * s->work_s + update_s, begin_s = first_s + s->fill_s + last * send_s;
        if (sync) {
            double reduce_s = pricer->comm_factor * gradients_s(pricer, lanes, &s->held.params, dense_way, expert_way);
            most = fmax(most, begin_s + batches * s->forward_s + fmax(batches - round, 0) * (s->work_s - s->forward_s) + reduce_s + update_s);
        } else
            work_s = fmax(work_s, shards_s(pricer, cut, lanes));
        double back_s = fmax(end_s, s->drain_s + last * send_s + drain_s);
        most = fmax(most, begin_s + batches * work_s + sp_i_held_sends(plan, last, batches) * send_s + back_s);
        busiest = fmax(busiest, computing);
    }
    out->lower_bound_s = fmax(most, first_s + last_batch(&pricer->stages[0], plan, micro, pricer->path_s, send_s) + drain_s);
    out->busy_s = busiest;
}

/* The bound without the traffic of gradients, weights and stages: what slots, fill and drain take alone. */
static void work_bound(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, sp_price *out)
{
    double dense_way = plan->zero ? sp_i_dense_ways(plan) : 1, expert_way = plan->zero ? sp_i_expert_ways(plan) : 1;
    double most = 0, busiest = 0, drain_s = 0;
    for (uint32_t i = 0; i < cut->n_runs; i++) {
        const sp_i_stages *s = &pricer->stages[i];
        double update_s = optimizer_s(pricer, plan, &s->held.params, dense_way, expert_way), work_s = (double)micro * slots_s(pricer, plan, s);
        if (i == 0)
            drain_s = update_s;
        most = fmax(most, s->fill_s + work_s + fmax(update_s, s->drain_s + drain_s));
        busiest = fmax(busiest, (double)micro * s->work_s + update_s);
    }
    out->lower_bound_s = most;
    out->busy_s = busiest;
}

/* Traffic of gradients, weights and stages in the lanes; NULL: none of it counts. */
static sp_i_traffic traffic_in(const sp_pricer *pricer, const sp_plan *plan, const sp_lanes *lanes)
{
    sp_i_traffic out = {0};
    if (!lanes)
        return out;
    out = (sp_i_traffic){.factor = pricer->comm_factor, .bytes = pricer->reduced_bytes, .reduce = lanes->reduce,
                         .send_s = sp_i_send_s(lanes, plan, pricer->send_bytes)};
    if (plan->zero)
        out.gather_s = pricer->comm_factor * trained_s(lanes->gather, &pricer->stages[0].front, SP_I_WEIGHT_BYTES);
    return out;
}

static void any_bound(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, const sp_lanes *lanes, uint64_t micro, sp_price *out)
{
    if (sp_i_order_listed(plan->schedule)) {
        sp_i_traffic traffic = traffic_in(pricer, plan, lanes);
        sp_i_listed_price(pricer, plan, cut, micro, &traffic, out);
    } else if (lanes)
        bound(pricer, plan, cut, lanes, micro, out);
    else
        work_bound(pricer, plan, cut, micro, out);
    double longer = sp_i_wait_factor(pricer->software, (double)plan->tp * plan->cp * plan->pp * plan->dp);
    out->lower_bound_s *= longer;
    out->busy_s *= longer;
}

sp_status sp_pricer_work_bound(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, const sp_lanes *lanes, sp_price *out, sp_error *err)
{
    sp_status status = sp_i_pieces_sums(pricer, plan, lanes->inner, err);
    if (status != SP_OK)
        return status;
    sp_i_profile_memory(pricer, cut, true);
    sp_i_profile_time(pricer, cut);
    any_bound(pricer, plan, cut, NULL, plan->gbs / ((uint64_t)plan->mbs * plan->dp), out);
    return SP_OK;
}

sp_status sp_pricer_bound(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, sp_lanes *lanes, sp_price *out, sp_error *err)
{
    if (lanes->unfit)
        return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "no algorithm serves the gradients' groups laid like this");
    sp_status status = sp_i_pieces_sums(pricer, plan, lanes->inner, err);
    if (status == SP_OK && !lanes->found)
        status = find_lanes(pricer, plan, lanes, err);
    if (status != SP_OK)
        return status;
    sp_i_profile_memory(pricer, cut, true);
    sp_i_profile_time(pricer, cut);
    any_bound(pricer, plan, cut, lanes, plan->gbs / ((uint64_t)plan->mbs * plan->dp), out);
    return SP_OK;
}

bool sp_pricer_host_updates_faster(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut)
{
    double dense_way = plan->zero ? sp_i_dense_ways(plan) : 1, expert_way = plan->zero ? sp_i_expert_ways(plan) : 1;
    sp_plan here = *plan, there = *plan;
    here.offload_optimizer = false;
    there.offload_optimizer = true;
    sp_i_profile_memory(pricer, cut, true);
    for (uint32_t i = 0; i < cut->n_runs; i++) {
        const sp_local_params *params = &pricer->stages[i].held.params;
        if (optimizer_s(pricer, &there, params, dense_way, expert_way) < optimizer_s(pricer, &here, params, dense_way, expert_way))
            return true;
    }
    return false;
}

sp_status sp_pricer_work_s(sp_pricer *pricer, const sp_plan *plan, const sp_lanes *lanes, sp_work_of of, double *out_s, sp_error *err)
{
    bool known = of != SP_WORK_ALL && sp_i_pieces_known(pricer, plan);
    sp_plan keeping = *plan;   /* the passes that are not made again */
    keeping.recompute = SP_RECOMPUTE_NONE;
    sp_status status = known ? SP_OK : sp_i_pieces_sums(pricer, plan, lanes->inner, err);
    if (status == SP_OK && known && of == SP_WORK_BUT_AGAIN)
        status = sp_i_pieces_sums(pricer, &keeping, lanes->inner, err);
    if (status == SP_OK)
        *out_s = sp_i_profile_work_s(pricer, of);
    return status;
}

double sp_pricer_memory(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut)
{
    sp_i_profile_memory(pricer, cut, true);
    return worst_memory(pricer, plan, cut, plan->gbs / ((uint64_t)plan->mbs * plan->dp));
}

/* The fullest stage holds no less than the mean one. All stages together hold all parameters once (two copies share an optimizer) and of one
 * micro-batch at least what all layers keep. */
double sp_pricer_memory_least(const sp_pricer *pricer, const sp_plan *plan)
{
    const sp_model *model = pricer->model;
    bool full = pricer->shape.recompute == SP_RECOMPUTE_FULL;
    uint32_t mtp_kind = sp_model_mtp_kind(model);
    size_t row = (size_t)model->n_layers + 1;
    sp_plan sharing = *plan;
    sharing.zero = 1;
    sharing.schedule = SP_SCHEDULE_1F1B;
    sp_i_spread spread = sp_i_spread_of(pricer->machine, &sharing, pricer->expert_buffer_bytes);
    sp_i_held held = {.params = pricer->vocab, .per_chunk = model->mtp_layers * (full ? pricer->input_bytes : pricer->full_bytes[mtp_kind])};
    sp_stage_memory memory;
    sp_local_params_add(&held.params, model->mtp_layers, &pricer->kind_params[mtp_kind]);
    sp_local_params_add(&held.params, model->mtp_layers, &pricer->module);
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        uint32_t layers = pricer->kind_before[k * row + model->n_layers];
        sp_local_params_add(&held.params, layers, &pricer->kind_params[k]);
        held.per_chunk += layers * (full ? pricer->input_bytes : pricer->full_bytes[k]);
    }
    double fixed = spread.buffers + spread.fixed;
    sp_i_memory_parts(&held, &spread, (sp_i_flight){.held = 1}, &memory);
    return (memory.total - fixed) / plan->pp + fixed;
}

double sp_pricer_memory_kept(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut)
{
    sp_i_profile_memory(pricer, cut, false);
    return worst_memory(pricer, plan, cut, plan->gbs / ((uint64_t)plan->mbs * plan->dp));
}

sp_status sp_pricer_quote(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, sp_lanes *lanes, sp_price *out, sp_error *err)
{
    sp_price price = {.mem_bytes_max = sp_pricer_memory(pricer, plan, cut)};
    sp_status status = SP_OK;
    if (price.mem_bytes_max <= pricer->machine->chip->mem_bytes.nominal)
        status = sp_pricer_bound(pricer, plan, cut, lanes, &price, err);
    if (status == SP_OK)
        *out = price;
    return status;
}

sp_status sp_pricer_price(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_price *out, sp_error *err)
{
    const sp_cut *cut;
    sp_lanes lanes;
    sp_pricer_shape(pricer, plan);
    sp_status status = sp_pricer_cut(pricer, plan, &cut, err);
    if (status == SP_OK)
        status = sp_pricer_lanes(pricer, plan, layout, &lanes, err);
    return status == SP_OK ? sp_pricer_quote(pricer, plan, cut, &lanes, out, err) : status;
}
