/* Bounds of schedules told as lists (order.h), over runs of alike stages: sp_i_listed_bound in closed form. The proof is in
 * docs/models/planner.md. */
#include "order.h"
#include "price.h"

#include <math.h>

static double updated_s(const sp_pricer *pricer, const sp_plan *plan, const sp_local_params *params)
{
    double ways = plan->zero ? sp_i_weight_copies(plan) : 1;
    double dense = params->dense_trained / (plan->zero ? sp_i_dense_replicas(plan) : 1), expert = params->expert_trained / (plan->zero ? sp_i_expert_replicas(plan) : 1);
    return pricer->optimizer_launch_s + pricer->optimizer_per_param_s * (dense + expert) / ways;
}

static double reduced_s(const sp_i_traffic *traffic, const sp_local_params *params)
{
    return traffic->reduce ? traffic->factor * sp_i_lanes_s(traffic->reduce, params->dense_trained, params->expert_trained, traffic->bytes) : 0;
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
        double work_s = s->forward_s + s->input_s + s->weight_s, end_s = part * reduce_s + update_s;
        double begin_s = part * traffic->gather_s + s->fill_s + last * traffic->send_s;
        double early = micro > 1ull + lag ? batches - 1 - lag : 0;   /* weight gradients before the last input gradients */
        first_end_s = i == 0 ? s->weight_s + end_s : first_end_s;
        most = fmax(most, begin_s + batches * work_s + end_s);
        most = fmax(most, begin_s + batches * work_s - s->weight_s + reduce_s + update_s);
        most = fmax(most, begin_s + batches * (s->forward_s + s->input_s) + early * s->weight_s + s->drain_input_s + last * traffic->send_s + first_end_s);
        busiest = fmax(busiest, batches * work_s + update_s);
    }
    *out = (sp_price){out->mem_bytes_max, most, busiest};
}

/* Each stage computes half of the micro-batches of its own layers and half of its mirror image's; the first arrives from the nearer end. */
static void both_ends(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out)
{
    double most = 0, busiest = 0, part = 1.0 / sp_i_segments(plan, micro);
    for (uint32_t h = 0, near = 0, far = cut->n_runs - 1; h < plan->pp / 2; h++) {
        near = sp_i_cut_run_with(cut, h, near);
        far = sp_i_cut_run_with(cut, plan->pp - 1 - h, far);
        const sp_i_stages *a = &pricer->stages[near], *b = &pricer->stages[far];
        sp_local_params params = a->held.params;
        sp_local_params_add(&params, 1, &b->held.params);
        double busy_s = (double)micro / 2 * (a->compute_s + b->compute_s) + updated_s(pricer, plan, &params);
        double begin_s = part * traffic->gather_s + a->fill_s - (cut->run[near].last - h) * a->forward_s + h * traffic->send_s;
        most = fmax(most, begin_s + busy_s);
        busiest = fmax(busiest, busy_s);
    }
    *out = (sp_price){out->mem_bytes_max, most, busiest};
}

void sp_i_listed_price(const sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out)
{
    (plan->schedule == SP_SCHEDULE_DUALPIPE ? both_ends : zero_bubble)(pricer, plan, cut, micro, traffic, out);
}
