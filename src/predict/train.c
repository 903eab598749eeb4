/* One training step: pieces -> slots -> the step's program -> its run, and the numbers people ask for. */
#include "meet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts of the step --------------------------------------------------------------------------------------- */

static void copy_slots(sp_i_step *step, uint32_t to, uint32_t from)
{
    sp_i_slot *const all[] = {step->forward, step->backward, step->input, step->weight};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i])
            all[i][to] = all[i][from];
    step->sync[to] = step->sync[from];
}

static sp_status run_chunk(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_chunk *chunk, uint32_t at, sp_arena *arena,
                           sp_i_step *step, sp_error *err)
{
    const struct { sp_i_slot *to; sp_i_slot_of of; } slots[] = {{step->forward, {.forward = chunk}}, {step->backward, {.backward = chunk}},
        {step->input, {.backward = chunk, .part = SP_I_INPUTS}}, {step->weight, {.backward = chunk, .part = SP_I_WEIGHTS}}};
    sp_status status = SP_OK;
    for (size_t i = 0; i < sizeof slots / sizeof slots[0] && status == SP_OK; i++)
        if (slots[i].to)
            status = sp_i_slot_run(pricer, plan, layout, &slots[i].of, arena, &slots[i].to[at], err);
    return status == SP_OK ? sp_i_chunk_sync(pricer, plan, layout, chunk, &step->sync[at], err) : status;
}

static bool same_slots(const sp_i_step *step, uint32_t a, uint32_t b)
{
    return step->forward[a].program == step->forward[b].program && step->backward[a].program == step->backward[b].program;
}

/* The chunk whose backward goes with the forward of this one. */
static uint32_t other_of(const sp_plan *plan, uint32_t chunk)
{
    return sp_schedule_is_vee(plan->schedule) ? chunk ^ 1 : plan->pp - 1 - chunk;
}

/* Every stage forward with the one at the other end backward, or with its own other chunk. */
static sp_status run_both(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_chunk *chunks, sp_arena *arena,
                          sp_i_step *step, sp_error *err)
{
    for (uint32_t p = 0; p < plan->pp * plan->vpp; p++) {
        uint32_t mirror = other_of(plan, p), like = p;
        for (uint32_t q = 0; q < p && like == p; q++)
            like = same_slots(step, p, q) && same_slots(step, mirror, other_of(plan, q)) ? q : p;
        sp_i_slot_of of = {.forward = &chunks[p], .backward = &chunks[mirror]};
        sp_status status = SP_OK;
        if (like != p)
            step->both[p] = step->both[like];
        else
            status = sp_i_slot_run(pricer, plan, layout, &of, arena, &step->both[p], err);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static sp_status run_slots(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_arena *arena, sp_i_step *step,
                           sp_error *err)
{
    const sp_model *model = pricer->model;
    uint32_t n = plan->pp * plan->vpp;
    sp_i_chunk *chunks = sp_arena_alloc(arena, n, sizeof *chunks);
    if (!chunks)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u pipeline chunks", n);
    for (uint32_t i = 0; i < n; i++) {
        chunks[i] = sp_i_chunk_of(model, plan, i / plan->vpp, i % plan->vpp);
        uint32_t like = i;   /* an earlier chunk with the same content has the same slots */
        for (uint32_t j = 0; j < i && like == i; j++)
            if (chunks[j].count == chunks[i].count && chunks[j].embedding == chunks[i].embedding && chunks[j].head == chunks[i].head &&
                memcmp(model->layer_kind + chunks[j].first, model->layer_kind + chunks[i].first, chunks[i].count) == 0)
                like = j;
        if (like != i) {
            copy_slots(step, i, like);
            continue;
        }
        sp_status status = run_chunk(pricer, plan, layout, &chunks[i], i, arena, step, err);
        if (status != SP_OK)
            return status;
    }
    return step->both ? run_both(pricer, plan, layout, chunks, arena, step, err) : SP_OK;
}

static sp_i_order_cost order_cost(const sp_i_step *step)
{
    double forward_s = 0, input_s = 0, weight_s = 0, n = (double)step->plan->pp * step->plan->vpp;
    for (uint32_t i = 0; i < step->plan->pp * step->plan->vpp; i++) {
        forward_s += step->forward[i].time_s;
        input_s += step->input[i].time_s;
        weight_s += step->weight[i].time_s;
    }
    return (sp_i_order_cost){llround(forward_s / n * 1e12), llround(input_s / n * 1e12), llround(weight_s / n * 1e12), llround(step->p2p_s * 1e12)};
}

static sp_status make_step(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_arena *arena, sp_i_step *step,
                           sp_error *err)
{
    size_t n = (size_t)plan->pp * plan->vpp;
    *step = (sp_i_step){.plan = plan, .micro_batches = (uint32_t)(plan->gbs / ((uint64_t)plan->mbs * plan->dp))};
    step->segments = sp_i_segments(plan, step->micro_batches);
    step->dp_stream = sp_i_stream_of(layout, layout->group[SP_GROUP_REPLICA].n_dims ? SP_GROUP_REPLICA : SP_GROUP_DP);
    step->pp_stream = sp_i_stream_of(layout, SP_GROUP_PP);
    if (step->pp_stream == step->dp_stream)
        step->pp_stream = SP_I_STREAM_SEND;
    bool listed = sp_i_order_listed(plan->schedule), both = sp_schedule_joins(plan->schedule);
    step->forward = sp_arena_alloc(arena, n, sizeof *step->forward);
    step->backward = sp_arena_alloc(arena, n, sizeof *step->backward);
    step->input = listed ? sp_arena_alloc(arena, n, sizeof *step->input) : NULL;
    step->weight = listed ? sp_arena_alloc(arena, n, sizeof *step->weight) : NULL;
    step->both = both ? sp_arena_alloc(arena, n, sizeof *step->both) : NULL;
    step->sync = sp_arena_alloc(arena, n, sizeof *step->sync);
    step->optimizer_s = sp_arena_alloc(arena, plan->pp, sizeof *step->optimizer_s);
    if (!step->forward || !step->backward || !step->sync || !step->optimizer_s || (listed && (!step->input || !step->weight)) ||
        (both && !step->both))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %zu pipeline chunks", n);
    sp_status status = sp_i_pieces(pricer, plan, layout, err);
    if (status == SP_OK)
        status = run_slots(pricer, plan, layout, arena, step, err);
    if (status == SP_OK)
        status = sp_i_p2p_s(pricer, plan, layout, &step->p2p_s, err);
    if (status == SP_OK)
        status = sp_i_meet_step(pricer, plan, layout, step, err);
    if (status == SP_OK && listed) {
        sp_i_order_cost cost = order_cost(step);
        step->order = sp_i_order_make(plan, step->micro_batches, &cost, arena);
        if (!step->order)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the order of %u micro-batches", step->micro_batches);
    }
    for (uint32_t p = 0; p < plan->pp; p++)
        step->optimizer_s[p] = sp_i_stage_optimizer_s(pricer, plan, p);
    return status;
}

/* ---- breakdown: the busiest stage's compute stream, wall clock ------------------------------------------------ */

static const char *gap_label(const sp_program *program, const sp_run *run, const sp_span *span)
{
    if (span->pred < 0)
        return "bubble";
    const char *label = program->classes[run->spans[span->pred].task_class].label;
    return strncmp(label, "dp", 2) == 0 ? "dp" : "bubble";
}

static void add_slot_parts(sp_train_report *out, const sp_i_slot *slot, double seconds)
{
    for (uint32_t i = 0; slot->time_s > 0 && i < slot->n_parts; i++)
        sp_i_part_add(out->part, &out->n_parts, slot->part[i].label, slot->part[i].time_s * (seconds / slot->time_s));
}

static void add_span_parts(sp_train_report *out, const sp_i_step *step, const sp_span *span)
{
    double seconds = (double)(span->end_ps - span->start_ps) * 1e-12;
    const sp_i_slot *slot = sp_i_step_slot(step, out->program, span);
    if (slot)
        add_slot_parts(out, slot, seconds);
    else
        sp_i_part_add(out->part, &out->n_parts, out->program->classes[span->task_class].label, seconds);
}

static uint32_t busiest_stage(const sp_i_step *step)
{
    uint32_t best = 0;
    double most = -1;
    for (uint32_t p = 0; p < step->plan->pp; p++) {
        double busy = step->optimizer_s[p] + sp_i_step_busy_s(step, p);
        if (busy > most) {
            most = busy;
            best = p;
        }
    }
    return best;
}

static int larger_part(const void *a, const void *b)
{
    const sp_part *x = a, *y = b;
    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? 1 : -1;
    return strcmp(x->label, y->label);
}

static void break_down(sp_train_report *out, const sp_i_step *step)
{
    int64_t clock = 0;
    out->breakdown_stage = busiest_stage(step);
    for (uint32_t i = 0; i < out->run.n_spans; i++) {
        const sp_span *span = &out->run.spans[i];
        if (span->at.rank != out->breakdown_stage || span->stream != SP_I_STREAM_COMPUTE)
            continue;
        if (span->end_ps == span->start_ps)
            continue;
        if (span->start_ps > clock)
            sp_i_part_add(out->part, &out->n_parts, gap_label(out->program, &out->run, span), (double)(span->start_ps - clock) * 1e-12);
        add_span_parts(out, step, span);
        clock = span->end_ps;
    }
    if (out->run.end_ps > clock)
        sp_i_part_add(out->part, &out->n_parts, "bubble", (double)(out->run.end_ps - clock) * 1e-12);
    double sum = 0, bubble = 0;
    for (uint32_t i = 0; i < out->n_parts; i++) {
        sum += out->part[i].time_s;
        bubble += strcmp(out->part[i].label, "bubble") == 0 ? out->part[i].time_s : 0;
    }
    /* rounding to ticks: let the parts sum to the step exactly */
    for (uint32_t i = 0; i < out->n_parts && sum > 0; i++)
        out->part[i].time_s *= out->step_time_s / sum;
    out->bubble_fraction = out->step_time_s > 0 ? bubble / out->step_time_s : 0;
}

/* The run is of chips that are all alike; a step of real ones waits for the slowest. */
static void wait_for_slowest(sp_train_report *out, const sp_software *software)
{
    double longer = sp_i_wait_factor(software, out->chips);
    if (longer > 1)
        sp_i_part_add(out->part, &out->n_parts, "slowest", out->step_time_s * (longer - 1));
    out->step_time_s *= longer;
    out->lower_bound_s *= longer;
    out->bubble_fraction /= longer;
    qsort(out->part, out->n_parts, sizeof out->part[0], larger_part);
}

/* ---- totals ---------------------------------------------------------------------------------------------------- */

static double recomputed_flop(const sp_pricer *pricer, const sp_plan *plan, uint32_t micro_batches)
{
    double flop = 0;
    for (uint32_t i = 0; i < plan->pp * plan->vpp; i++) {
        sp_i_chunk chunk = sp_i_chunk_of(pricer->model, plan, i / plan->vpp, i % plan->vpp);
        uint32_t again = sp_i_chunk_recomputed(plan, &chunk);
        for (uint32_t l = 0; l < again; l++)
            flop += pricer->block[SP_PASS_RECOMPUTE][pricer->model->layer_kind[chunk.first + l]].flop;
    }
    return flop * micro_batches * plan->tp * plan->cp * plan->dp;
}

static void total_energy(const sp_machine *machine, sp_train_report *out)
{
    sp_running_cost cost = sp_predict_running_cost(machine);
    out->power_w = out->chips * (cost.idle_w + (cost.busy_w - cost.idle_w) * (1 - out->bubble_fraction));
    out->energy_j = out->power_w * out->step_time_s;
    if (cost.capital_usd_per_s > 0)
        out->cost_usd_per_hour = 3600 * (cost.capital_usd_per_s * out->chips + out->power_w * cost.usd_per_j);
}

/* Forward, and twice as much backward: of what LoRA leaves as it is, the gradients of weights are not computed (adapters are small). */
static double model_flop(const sp_model *model, const sp_plan *plan)
{
    double tokens = (double)plan->gbs * (double)plan->seq;
    double forward = sp_model_flop_per_token(model, plan->seq) + sp_model_mtp_flop_per_token(model, plan->seq);
    double frozen = plan->lora_rank ? sp_model_flop_per_token(model, 0) + sp_model_mtp_flop_per_token(model, 0) : 0;   /* of products with weights */
    return tokens * (3 * forward - frozen);
}

static void total_work(const sp_pricer *pricer, const sp_plan *plan, uint32_t micro_batches, sp_train_report *out)
{
    const sp_model *model = pricer->model;
    const sp_chip *chip = pricer->machine->chip;
    double tokens = (double)plan->gbs * (double)plan->seq;
    sp_format native = plan->precision;
    sp_chip_has_format(chip, plan->precision, &native);
    double peak = chip->advertised_flop_per_s[native].nominal * out->chips;
    out->model_flop = model_flop(model, plan);
    out->hardware_flop = out->model_flop + recomputed_flop(pricer, plan, micro_batches);
    out->tokens_per_s = tokens / out->step_time_s;
    out->tokens_per_s_chip = out->tokens_per_s / out->chips;
    out->mfu = peak > 0 ? out->model_flop / (peak * out->step_time_s) : 0;
    out->hfu = peak > 0 ? out->hardware_flop / (peak * out->step_time_s) : 0;
}

static const char *part_words(const char *label)
{
    static const struct { const char *label, *words; } rows[] = {
        {"bubble", "the pipeline bubble"}, {"gemm", "dense matrix products"}, {"expert-gemm", "the experts' matrix products"},
        {"attention", "attention"}, {"vector", "memory-bound element-wise work"}, {"recompute", "recomputed activations"},
        {"tp", "exposed tensor-parallel traffic"}, {"ep", "exposed expert traffic"}, {"cp", "exposed context-parallel traffic"},
        {"dp", "exposed data-parallel traffic"}, {"etp", "exposed expert-tensor traffic"}, {"pp", "sends between stages"}, {"vocab", "embedding, head and loss"},
        {"quantise", "casts to narrow formats"}, {"route", "routing tokens to experts"}, {"expert-bias", "experts' biases"}, {"yarn", "rotary positions stretched by YaRN"}, {"optimizer", "the optimizer"}, {"slowest", "waiting for the slowest chip"}, {"offload", "activations on their way to the host and back"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].label, label) == 0)
            return rows[i].words;
    return label;
}

static void say_limit(sp_train_report *out, sp_arena *arena)
{
    if (out->n_parts < 2)
        return;
    const char *text = sp_arena_printf(arena, "%.0f %% of the step goes to %s, %.0f %% to %s", 100 * out->part[0].time_s / out->step_time_s,
                                       part_words(out->part[0].label), 100 * out->part[1].time_s / out->step_time_s,
                                       part_words(out->part[1].label));
    out->limit = text ? text : "";
}

static sp_status fill_memory(const sp_machine *machine, const sp_model *model, const sp_plan *plan, sp_arena *arena, sp_train_report *out,
                             sp_error *err)
{
    out->n_stages = plan->pp;
    out->memory = sp_arena_alloc(arena, plan->pp, sizeof *out->memory);
    if (!out->memory)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u stages", plan->pp);
    for (uint32_t p = 0; p < plan->pp; p++) {
        sp_i_stage_memory(machine, model, plan, p, &out->memory[p]);
        out->mem_bytes_max = fmax(out->mem_bytes_max, out->memory[p].total);
    }
    out->mem_capacity_bytes = machine->chip->mem_bytes.nominal;
    return SP_OK;
}

static sp_status refuse_memory(const sp_machine *machine, const sp_train_report *out, sp_error *err)
{
    char need[32], have[32];
    sp_unit_format(out->mem_bytes_max, SP_UNIT_BYTES, need, sizeof need);
    sp_unit_format(out->mem_capacity_bytes, SP_UNIT_BYTES, have, sizeof have);
    return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0,
                        "the plan needs %s on its fullest chip, %s has %s; raise pp, tp, ep or zero, lower mbs, or recompute",
                        need, machine->chip->name, have);
}

/* ---- explanation ----------------------------------------------------------------------------------------------- */

static void explain_step(const sp_machine *machine, const sp_plan *plan, const sp_i_step *step, const sp_train_report *out, sp_explain *explain)
{
    if (!explain)
        return;
    int32_t root = sp_explain_add(explain, -1, "step", out->step_time_s, SP_UNIT_SECONDS, "run of the step's program, %u stages x %u micro-batches",
                                  plan->pp, step->micro_batches);
    int32_t parts = sp_explain_add(explain, root, "breakdown", out->step_time_s, SP_UNIT_SECONDS, "compute stream of stage %u", out->breakdown_stage);
    for (uint32_t i = 0; i < out->n_parts; i++)
        sp_explain_add(explain, parts, out->part[i].label, out->part[i].time_s, SP_UNIT_SECONDS, "%s", part_words(out->part[i].label));
    for (uint32_t i = 0; i < plan->pp * plan->vpp; i++) {
        int32_t slot = sp_explain_add(explain, root, "slot", step->forward[i].time_s + step->backward[i].time_s, SP_UNIT_SECONDS,
                                      "stage %u chunk %u, forward + backward of a micro-batch", i / plan->vpp, i % plan->vpp);
        for (int pass = 0; pass < 2; pass++) {
            const sp_i_slot *s = pass ? &step->backward[i] : &step->forward[i];
            int32_t row = sp_explain_add(explain, slot, pass ? "backward" : "forward", s->time_s, SP_UNIT_SECONDS, "run of the slot's program");
            for (uint32_t k = 0; k < s->n_parts; k++)
                sp_explain_add(explain, row, s->part[k].label, s->part[k].time_s, SP_UNIT_SECONDS, "on the slot's critical path");
        }
        sp_explain_add(explain, slot, "gradient reduction", step->sync[i].reduce_s, SP_UNIT_SECONDS, "over the dp and edp groups");
        sp_explain_add(explain, slot, "weight gather", step->sync[i].gather_s, SP_UNIT_SECONDS, "over the dp and edp groups");
    }
    sp_explain_add(explain, root, "activation send", step->p2p_s, SP_UNIT_SECONDS, "between neighbouring stages");
    sp_explain_add(explain, root, "model work", out->model_flop, SP_UNIT_NONE, "FLOPs of a step: 3 x forward (2 x of weights that LoRA leaves as they are), causal attention halved, MTP modules counted");
    const sp_chip *chip = machine->chip;
    sp_explain_add(explain, root, "matrix peak", chip->matrix_flop_per_s[plan->precision].nominal, SP_UNIT_FLOP_PER_S, "%s: %s", chip->name,
                   chip->matrix_flop_per_s[plan->precision].source ? chip->matrix_flop_per_s[plan->precision].source : "format not native");
    sp_explain_add(explain, root, "memory rate", chip->mem_bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S, "%s: %s", chip->name, chip->mem_bw_bytes_per_s.source);
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++)
        sp_explain_add(explain, root, machine->planes[0].tiers[t].name, machine->planes[0].tiers[t].bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S,
                       "tier %u: %s", t, machine->planes[0].tiers[t].bw_bytes_per_s.source);
}

/* ---- the one call ---------------------------------------------------------------------------------------------- */

static sp_status predict(sp_pricer *pricer, const sp_plan *plan, bool need_fit, sp_arena *arena, sp_train_report *out, sp_explain *explain,
                         sp_error *err)
{
    const sp_machine *machine = pricer->machine;
    sp_i_step step;
    sp_status status = sp_plan_layout(plan, machine, &out->layout, err);
    if (status == SP_OK)
        status = fill_memory(machine, pricer->model, plan, arena, out, err);
    if (status == SP_OK && need_fit && out->mem_bytes_max > out->mem_capacity_bytes)
        status = refuse_memory(machine, out, err);
    if (status == SP_OK)
        status = make_step(pricer, plan, &out->layout, arena, &step, err);
    if (status == SP_OK)
        status = sp_i_step_program(&step, arena, &out->program, err);
    if (status == SP_OK)
        status = sp_fabric_event(out->program, arena, &out->run, err);
    if (status != SP_OK)
        return status;
    out->lower_bound_s = sp_i_step_bound(&step);
    out->chips = out->layout.chips;
    out->step_time_s = (double)out->run.end_ps * 1e-12;
    if (out->lower_bound_s > out->step_time_s && out->lower_bound_s < out->step_time_s * (1 + 1e-9))
        out->lower_bound_s = out->step_time_s;   /* rounding to ticks */
    break_down(out, &step);
    wait_for_slowest(out, sp_machine_software(machine, plan->software));
    total_work(pricer, plan, step.micro_batches, out);
    total_energy(machine, out);
    say_limit(out, arena);
    explain_step(machine, plan, &step, out, explain);
    return SP_OK;
}

sp_status sp_pricer_slots_bound(sp_pricer *pricer, const sp_plan *plan, sp_arena *arena, sp_price *out, sp_error *err)
{
    sp_layout layout;
    sp_i_step step;
    sp_status status = sp_plan_check(plan, pricer->model, pricer->machine, err);
    if (status == SP_OK)
        status = sp_plan_layout(plan, pricer->machine, &layout, err);
    if (status == SP_OK)
        status = make_step(pricer, plan, &layout, arena, &step, err);
    if (status != SP_OK)
        return status;
    uint32_t busiest = busiest_stage(&step);
    out->lower_bound_s = sp_i_step_bound(&step);
    out->busy_s = step.optimizer_s[busiest] + sp_i_step_busy_s(&step, busiest);
    return SP_OK;
}

sp_status sp_pricer_train(sp_pricer *pricer, const sp_plan *plan, bool need_fit, sp_arena *arena, sp_train_report *out, sp_explain *explain,
                          sp_error *err)
{
    sp_status status = sp_plan_check(plan, pricer->model, pricer->machine, err);
    if (status != SP_OK)
        return status;
    sp_train_report report = {.limit = ""};
    status = predict(pricer, plan, need_fit, arena, &report, explain, err);
    if (status == SP_OK || status == SP_E_UNFIT)
        *out = report;
    return status;
}

sp_status sp_predict_train(const sp_machine *machine, const sp_model *model, const sp_plan *plan, bool need_fit, sp_arena *arena,
                           sp_train_report *out, sp_explain *explain, sp_error *err)
{
    sp_pricer *pricer;
    sp_status status = sp_plan_check(plan, model, machine, err);   /* before the tables of a model that may have no layers */
    if (status == SP_OK)
        status = sp_pricer_create(machine, model, &pricer, err);
    if (status != SP_OK)
        return status;
    status = sp_pricer_train(pricer, plan, need_fit, arena, out, explain, err);
    sp_pricer_destroy(pricer);
    return status;
}
