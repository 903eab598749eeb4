/* Bounds of schedules told as lists (order.h), over runs of alike stages: sp_i_listed_bound in closed form. The proof is in
 * docs/models/planner.md. */
#include "order.h"
#include "price.h"

#include <math.h>

static double updated_s(const sp_pricer *pricer, const sp_plan *plan, const sp_local_params *params)
{
    double ways = plan->zero ? sp_i_weight_copies(plan) : 1;
    double dense = params->dense_trained / (plan->zero ? sp_i_dense_ways(plan) : 1), expert = params->expert_trained / (plan->zero ? sp_i_expert_ways(plan) : 1);
    return sp_i_update_s(pricer, plan, (dense + expert) / ways);
}

static double reduced_s(const sp_i_traffic *traffic, const sp_local_params *params)
{
    return traffic->reduce ? traffic->factor * sp_i_lanes_s(traffic->reduce, params->dense_trained, params->expert_trained, traffic->bytes) : 0;
}

static double least_reduced_s(const sp_i_traffic *traffic, const sp_i_stages *s)
{
    sp_local_params back = s->held.params;
    sp_local_params_add(&back, -1, &s->front);
    return fmin(reduced_s(traffic, &s->front), reduced_s(traffic, &back));
}

/* What goes to the host in a forward, or comes back in a backward; no slot of its layers is shorter, but those of weight gradients. */
static double host_s(const sp_pricer *pricer, const sp_plan *plan, double bytes)
{
    return plan->offload_activations ? bytes * plan->offload_activations / 100 / pricer->machine->chip->host_bw_bytes_per_s.nominal : 0;
}

/* A stage's forwards, input gradients and weight gradients are on one stream and end with the reduction's last part and the optimizer.
 * Or: up to its last input gradients but for the weight gradients that lag behind; then those of the stages before it, and the first
 * stage's last weight gradients. Or: all gradients of a stage, which none but the last weight gradients wait for. */
static void zero_bubble(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out)
{
    double most = 0, busiest = 0, batches = (double)micro, part = 1.0 / sp_i_segments(plan, micro), first_end_s = 0;
    for (uint32_t i = 0; i < cut->n_runs; i++) {
        const sp_i_stages *s = &pricer->stages[i];
        uint32_t last = cut->run[i].last, lag = sp_i_order_lag(plan, last);
        double update_s = updated_s(pricer, plan, &s->held.params), reduce_s = reduced_s(traffic, &s->held.params);
        double moved_s = host_s(pricer, plan, s->host_bytes), both_s = fmax(s->all_forward_s, moved_s) + fmax(s->input_s, moved_s);
        double work_s = both_s + s->weight_s, end_s = part * reduce_s + update_s;
        double begin_s = part * traffic->gather_s + s->fill_s + last * traffic->send_s;
        double early = micro > 1ull + lag ? batches - 1 - lag : 0;   /* weight gradients before the last input gradients */
        first_end_s = i == 0 ? s->weight_s + end_s : first_end_s;
        most = fmax(most, begin_s + batches * work_s + end_s);
        most = fmax(most, begin_s + batches * work_s - s->weight_s + reduce_s + update_s);
        most = fmax(most, begin_s + batches * both_s + early * s->weight_s + s->drain_input_s + last * traffic->send_s + first_end_s);
        busiest = fmax(busiest, batches * work_s + update_s);
    }
    *out = (sp_price){out->mem_bytes_max, most, busiest};
}

/* What a stage's layers take of one micro-batch in one pass, with what recompute adds: when run; its computing and of that matrix work; collectives
 * on the streams of two tiers; what goes to the host or comes from there. */
typedef struct pass { double chain_s, compute_s, matrix_s, lane_s[2], host_s; } pass;

static void add_pass(pass *sum, const sp_i_piece *piece, uint32_t n)
{
    sum->chain_s += n * piece->chain_s;
    sum->compute_s += n * piece->compute_s;
    sum->matrix_s += n * piece->matrix_s;
    for (int i = 0; i < 2; i++)
        sum->lane_s[i] += n * piece->lane_s[i];
}

/* Chunks of a stage: all; or of two the one on the way down, which may have the embedding, or the one back up, which may have the loss. */
typedef enum chunks { ALL_CHUNKS, DOWN, UP } chunks;

static pass pass_of(const sp_pricer *pricer, const sp_plan *plan, const sp_i_cut_run *run, sp_pass which, chunks of)
{
    pass sum = {0};
    bool again = which == SP_PASS_BACKWARD && pricer->shape.recompute != SP_RECOMPUTE_NONE, full = pricer->shape.recompute == SP_RECOMPUTE_FULL;
    double host_bytes = 0;
    for (uint32_t k = 0; k < pricer->model->n_kinds; k++) {
        uint32_t front = of == ALL_CHUNKS ? 0 : run->front[k], front_again = of == ALL_CHUNKS ? 0 : run->front_again[k];
        uint32_t layers = of == DOWN ? front : run->all[k] - front, redone = of == DOWN ? front_again : run->again[k] - front_again;
        add_pass(&sum, &pricer->block[which][k], layers);
        if (again)
            add_pass(&sum, &pricer->block[SP_PASS_RECOMPUTE][k], redone);
        redone = full ? redone : 0;
        host_bytes += (layers - redone) * pricer->full_bytes[k] + redone * pricer->input_bytes;
    }
    sum.host_s = host_s(pricer, plan, host_bytes);
    if (run->embedding && of != UP)
        add_pass(&sum, &pricer->embedding[which], 1);
    if (run->head && of != DOWN)
        add_pass(&sum, &pricer->head[which], 1);
    if (run->mtp && of != DOWN)
        add_pass(&sum, &pricer->mtp[which], run->mtp);
    if (run->mtp && again && of != DOWN)
        add_pass(&sum, &pricer->mtp[SP_PASS_RECOMPUTE], run->mtp);
    return sum;
}

static double alone_s(const pass *a)
{
    return fmax(a->chain_s, a->host_s);
}

/* A forward and a backward as one slot: no less than the computing of both, of which matrix work takes longer by the cores that the library holds
 * (slot.c), than the collectives of both on one stream, than what both send to the host, than either alone. */
static double beside_s(const sp_pricer *pricer, const sp_stack *stack, const pass *a, const pass *b)
{
    double compute_s = a->compute_s + b->compute_s, shown_s = a->chain_s + b->chain_s - compute_s;
    double lanes_s = fmax(a->lane_s[0] + b->lane_s[0], a->lane_s[1] + b->lane_s[1]);
    double stretch = compute_s > 0 && stack->cores.grade != SP_GRADE_NONE ? sp_i_stretch(pricer, stack, shown_s / compute_s) : 1;
    compute_s += (stretch - 1) * (a->matrix_s + b->matrix_s);
    return fmax(fmax(fmax(compute_s, lanes_s), a->host_s + b->host_s), fmax(a->chain_s, b->chain_s));
}

/* Each stage runs half of the micro-batches of its own layers (near) and half of its mirror image's (far); order.c says how many of them
 * beside each other. The first arrives from the nearer end. After all slots but the last weight gradients, the input gradients of the
 * stages before it are still to come. */
static void both_ends(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out)
{
    const sp_stack *stack = sp_i_stack_of(pricer, plan);
    double most = 0, busiest = 0, part = 1.0 / sp_i_segments(plan, micro), half = (double)micro / 2, drain_s = 0, first_update_s = 0;
    uint32_t H = plan->pp / 2, near = 0, far = cut->n_runs - 1;
    for (uint32_t h = 0; h < H; h++) {
        near = sp_i_cut_run_with(cut, h, near);
        far = sp_i_cut_run_with(cut, plan->pp - 1 - h, far);
        const sp_i_stages *a = &pricer->stages[near], *b = &pricer->stages[far];
        pass fa = pass_of(pricer, plan, &cut->run[near], SP_PASS_FORWARD, ALL_CHUNKS), ba = pass_of(pricer, plan, &cut->run[near], SP_PASS_BACKWARD, ALL_CHUNKS);
        pass fb = pass_of(pricer, plan, &cut->run[far], SP_PASS_FORWARD, ALL_CHUNKS), bb = pass_of(pricer, plan, &cut->run[far], SP_PASS_BACKWARD, ALL_CHUNKS);
        double main = half - plan->pp + h + 1, near_far = main - (h + 1 == H), far_near = main + (H - 1 - h);
        double slots_s = near_far * beside_s(pricer, stack, &fa, &bb) + (half - near_far) * (alone_s(&fa) + alone_s(&bb)) +
                         far_near * beside_s(pricer, stack, &fb, &ba) + (half - far_near) * (alone_s(&fb) + alone_s(&ba));
        sp_local_params params = a->held.params;
        sp_local_params_add(&params, 1, &b->held.params);
        double update_s = updated_s(pricer, plan, &params);
        double begin_s = part * traffic->gather_s + a->fill_s - (cut->run[near].last - h) * a->forward_s + h * traffic->send_s;
        first_update_s = h == 0 ? update_s : first_update_s;
        most = fmax(most, begin_s + slots_s + update_s);
        most = fmax(most, begin_s + slots_s - (h + 1) * fmax(a->weight_s, b->weight_s) + drain_s + h * traffic->send_s + first_update_s);
        drain_s += a->input_s;
        busiest = fmax(busiest, half * (fa.compute_s + fb.compute_s + ba.compute_s + bb.compute_s) + update_s);
    }
    *out = (sp_price){out->mem_bytes_max, most, busiest};
}

/* Two chunks a stage. All of ZB-V's slots run alone; order.c says which of DualPipeV's run as one. The first micro-batch comes down; after the last
 * slot, a weight gradient, is the end of one of two reductions. Or: after the last input gradients, which go down, those of the stages before it;
 * by then all but the last weight gradients may be to come. */
static void folded(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out)
{
    double most = 0, busiest = 0, batches = (double)micro, part = 1.0 / sp_i_segments(plan, micro), P = plan->pp, first_end_s = 0;
    bool joined = sp_schedule_joins(plan->schedule);
    const sp_stack *stack = sp_i_stack_of(pricer, plan);
    for (uint32_t i = 0; i < cut->n_runs; i++) {
        const sp_i_stages *s = &pricer->stages[i];
        uint32_t last = cut->run[i].last;
        pass fa = pass_of(pricer, plan, &cut->run[i], SP_PASS_FORWARD, DOWN), ba = pass_of(pricer, plan, &cut->run[i], SP_PASS_BACKWARD, DOWN);
        pass fb = pass_of(pricer, plan, &cut->run[i], SP_PASS_FORWARD, UP), bb = pass_of(pricer, plan, &cut->run[i], SP_PASS_BACKWARD, UP);
        double update_s = updated_s(pricer, plan, &s->held.params), begin_s = part * traffic->gather_s + s->fill_s + last * traffic->send_s;
        double both_s = alone_s(&fa) + alone_s(&fb) + fmax(s->input_s, fa.host_s + fb.host_s), slots_s = batches * (both_s + s->weight_s);
        if (joined) {
            double main = batches - 2 * P + last + 1, down_up = main - (last + 1 == plan->pp), up_down = main + (P - 1 - last);
            slots_s = down_up * beside_s(pricer, stack, &fa, &bb) + (batches - down_up) * (alone_s(&fa) + alone_s(&bb)) +
                      up_down * beside_s(pricer, stack, &fb, &ba) + (batches - up_down) * (alone_s(&fb) + alone_s(&ba));
        }
        double end_s = part * least_reduced_s(traffic, s) + update_s;
        first_end_s = i == 0 ? part * reduced_s(traffic, &s->front) + update_s : first_end_s;
        most = fmax(most, begin_s + slots_s + end_s);
        if (!joined)
            most = fmax(most, begin_s + batches * both_s + s->drain_input_s + last * traffic->send_s + first_end_s);
        busiest = fmax(busiest, batches * (fa.compute_s + fb.compute_s + ba.compute_s + bb.compute_s) + update_s);
    }
    *out = (sp_price){out->mem_bytes_max, most, busiest};
}

void sp_i_listed_price(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out)
{
    sp_i_profile_halves(pricer, cut);
    (sp_schedule_is_vee(plan->schedule) ? folded : plan->schedule == SP_SCHEDULE_DUALPIPE ? both_ends : zero_bubble)(pricer, plan, cut, micro, traffic, out);
}
