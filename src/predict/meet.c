/* What the shares of pairs (beside.c) make of a step: gradients and weights on their way under slots, sends between stages under slots, and
 * under ZeRO-3 the weights of a layer under the traffic of another. Nothing gets shorter, so bounds without it stay bounds. */
#include "meet.h"

#include <math.h>
#include <string.h>

static const sp_comm_group inner[] = {SP_GROUP_TP, SP_GROUP_CP, SP_GROUP_EP, SP_GROUP_ETP};
#define N_INNER (sizeof inner / sizeof inner[0])

/* The operation that a group spends most of its time in, over the blocks of the model. */
static sp_coll_op main_op(const sp_pricer *pricer, sp_comm_group group)
{
    double seconds[SP_COLL_OPS] = {0};
    sp_coll_op most = SP_COLL_ALL_GATHER;
    for (uint32_t k = 0; k < pricer->model->n_kinds; k++) {
        const sp_i_piece *piece = &pricer->block[SP_PASS_BACKWARD][k];
        for (uint32_t i = 0; i < piece->n; i++)
            if (piece->item[i].stream != SP_I_STREAM_COMPUTE && piece->item[i].group == group)
                seconds[piece->item[i].coll] += piece->item[i].time_s;
    }
    for (sp_coll_op op = 0; op < SP_COLL_OPS; op++)
        most = seconds[op] > seconds[most] ? op : most;
    return most;
}

/* Seconds of a slot that a group's traffic takes, covered or not. */
static double traffic_s(const sp_i_slot *slot, sp_comm_group group)
{
    double sum = 0;
    for (uint32_t k = 0; slot->program && k < slot->program->n_classes; k++) {
        const sp_task_class *task = &slot->program->classes[k];
        if (task->kind == SP_TASK_CALL && task->callee_group == (uint32_t)group)
            sum += task->cost_s[0] * task->n_step;
    }
    return sum;
}

/* Part of it that the slot waits for. */
static double waited_part(const sp_i_slot *slot, sp_comm_group group, double all_s)
{
    static const char *const label[SP_GROUPS] = {[SP_GROUP_TP] = "tp", [SP_GROUP_CP] = "cp", [SP_GROUP_EP] = "ep", [SP_GROUP_ETP] = "etp"};
    double sum = 0;
    for (uint32_t i = 0; i < slot->n_own; i++)
        if (label[group] && strcmp(slot->own[i].label, label[group]) == 0)
            sum += slot->own[i].time_s;
    return all_s > 0 ? fmin(1, sum / all_s) : 0;
}

/* What traffic of `own_s` that goes with a slot, segment by segment, takes in the step's program so that both end when they do on shared links.
 *
 * Of G segments the first is not under way before 1/G of the slot has gone; over the rest w, in a part min(1, own / w) of the time, each
 * second of the slot's traffic delays the other by `share`, and the slot by as much of it as it waits for. In turns they take slot +
 * own: never longer. The program, which shares nothing, ends at max(slot + own / G, slot / G + own): that is turned round. */
static double stretched_s(double own_s, double slot_s, uint32_t segments, double met_s, double waited_s)
{
    double G = segments, under = fmin(1, own_s / (slot_s * (1 - 1 / G))) * (1 - 1 / G);
    double end_s = fmax(slot_s + under * waited_s + own_s / G, slot_s / G + own_s + under * met_s);
    end_s = fmin(end_s, slot_s + own_s);
    double stretched = end_s - slot_s / G >= slot_s ? end_s - slot_s / G : G * (end_s - slot_s);
    return fmax(own_s, stretched);
}

static sp_status stretch(sp_pricer *pricer, const sp_layout *layout, const sp_i_step *step, sp_coll_op op, const sp_i_slot *slot, double *own_s, sp_error *err)
{
    sp_comm_group dense = sp_i_shard_group(step->plan, false), group = layout->group[dense].n_dims ? dense : sp_i_shard_group(step->plan, true);
    double met_s = 0, waited_s = 0;
    for (size_t i = 0; i < N_INNER && *own_s > 0 && slot->time_s > 0 && step->segments > 1; i++) {
        double share, all_s = traffic_s(slot, inner[i]);
        if (all_s <= 0)
            continue;
        sp_status status = sp_i_beside_share(pricer, sp_i_stack_of(pricer, step->plan), layout, group, op, inner[i], main_op(pricer, inner[i]), &share, err);
        if (status != SP_OK)
            return status;
        met_s += share * all_s;
        waited_s += share * all_s * waited_part(slot, inner[i], all_s);
    }
    if (met_s > 0)
        *own_s = stretched_s(*own_s, slot->time_s, step->segments, met_s, waited_s);
    return SP_OK;
}

/* A send goes under slots of other micro-batches, whose traffic is there for a part of the time; one that blocks goes alone. */
static sp_status meet_sends(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_i_step *step, sp_error *err)
{
    double slots_s = step->forward[0].time_s + step->backward[0].time_s, late = 0;
    for (size_t i = 0; i < N_INNER && step->p2p_s > 0 && slots_s > 0 && !plan->blocking_sends; i++) {
        double share, all_s = traffic_s(&step->forward[0], inner[i]) + traffic_s(&step->backward[0], inner[i]);
        if (all_s <= 0)
            continue;
        sp_status status = sp_i_beside_share(pricer, sp_i_stack_of(pricer, plan), layout, SP_GROUP_PP, SP_COLL_SEND_RECV, inner[i], main_op(pricer, inner[i]),
                                             &share, err);
        if (status != SP_OK)
            return status;
        late += share * fmin(1, all_s / slots_s);
    }
    step->p2p_s *= 1 + late;
    return SP_OK;
}

sp_status sp_i_meet_step(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_i_step *step, sp_error *err)
{
    sp_status status = meet_sends(pricer, plan, layout, step, err);
    for (uint32_t i = 0; i < plan->pp * plan->vpp && plan->overlap_dp && plan->zero != 3 && status == SP_OK; i++) {
        const sp_i_slot *last = step->weight ? &step->weight[i] : &step->backward[i];   /* what the last gradients come from */
        status = stretch(pricer, layout, step, plan->zero ? SP_COLL_REDUCE_SCATTER : SP_COLL_ALL_REDUCE, last, &step->sync[i].reduce_s, err);
        if (status == SP_OK)
            status = stretch(pricer, layout, step, SP_COLL_ALL_GATHER, &step->forward[i], &step->sync[i].gather_s, err);
    }
    return status;
}

sp_status sp_i_meet_layer(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_i_cost *items, uint32_t n, double *gather_s, double *scatter_s,
                          sp_error *err)
{
    double layer_s = 0, shards_s = *gather_s + *scatter_s, met_s = 0;
    sp_comm_group group = sp_i_shard_group(plan, false);
    uint32_t own = sp_i_stream_of(layout, group);
    for (uint32_t i = 0; i < n; i++)
        layer_s += items[i].stream == SP_I_STREAM_COMPUTE || items[i].slack == 0 ? items[i].time_s : 0;
    for (uint32_t i = 0; i < n && shards_s > 0 && layer_s > 0; i++) {
        double share;
        if (items[i].stream == SP_I_STREAM_COMPUTE || items[i].stream == own || items[i].time_s <= 0)
            continue;   /* on one stream they take turns */
        sp_status status = sp_i_beside_share(pricer, sp_i_stack_of(pricer, plan), layout, group, SP_COLL_ALL_GATHER, items[i].group, items[i].coll, &share, err);
        if (status != SP_OK)
            return status;
        double late = share * fmin(1, shards_s / layer_s) * items[i].time_s;
        items[i].time_s += late;
        met_s += late;
    }
    *gather_s += shards_s > 0 ? met_s * *gather_s / shards_s : 0;
    *scatter_s += shards_s > 0 ? met_s * *scatter_s / shards_s : 0;
    return SP_OK;
}
