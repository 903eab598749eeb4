/* A slot: one chunk's forward or backward for one micro-batch, as a program of one rank over its streams, run by the event
 * evaluator. Layers of one kind in a row are one run: a class per item, a step per layer. */
#include "meet.h"

#include <string.h>

#define RUN_ITEMS_MAX (2 * SP_ITEMS_MAX)
#define RUNS_MAX 512

typedef struct slot_run {
    uint32_t n, count, first_class;
    sp_i_cost item[RUN_ITEMS_MAX];
    double gather_s, scatter_s;      /* ZeRO-3: weights before, gradients after, a layer */
    int32_t gather_class;
} slot_run;

typedef struct maker {
    sp_pricer *pricer;
    const sp_plan *plan;
    const sp_layout *layout;
    sp_builder *builder;
    sp_arena *arena;
    slot_run *before, *run;
    bool have_before;
    sp_i_part_of part;
    double stretch;                  /* of matrix work beneath the other way's traffic; 1: none */
} maker;

/* Items that a collective covers, of those that stay. */
static uint32_t slack_without_weights(const sp_i_piece *piece, uint32_t at)
{
    uint32_t slack = 0;
    for (uint32_t i = at + 1; i <= at + piece->item[at].slack && i < piece->n; i++)
        slack += !piece->item[i].weight;
    return slack;
}

static void put_piece(maker *m, const sp_i_piece *piece, bool recompute)
{
    slot_run *run = m->run;
    for (uint32_t i = 0; i < piece->n && run->n < RUN_ITEMS_MAX; i++) {
        const sp_i_cost *from = &piece->item[i];
        if (m->part != SP_I_ALL && from->weight != (m->part == SP_I_WEIGHTS))
            continue;
        sp_i_cost *to = &run->item[run->n++];
        *to = *from;
        if (m->part == SP_I_INPUTS)
            to->slack = slack_without_weights(piece, i);
        if (from->alone_s > 0 && m->stretch > 1)
            to->time_s *= m->stretch;
        if (recompute && from->stream == SP_I_STREAM_COMPUTE)
            to->label = "recompute";
    }
}

/* Does item i run beside the items that follow it, rather than before them? */
static bool covered(const slot_run *run, uint32_t i)
{
    return run->item[i].stream != SP_I_STREAM_COMPUTE && run->item[i].slack > 0;
}

/* The last item before `at` that all later ones wait for; -1: none. */
static int64_t last_firm(const slot_run *run, uint32_t at)
{
    int64_t i = (int64_t)at - 1;
    while (i >= 0 && covered(run, (uint32_t)i))
        i--;
    return i;
}

static void wait_for(maker *m, uint32_t waiting, uint32_t from, sp_pick pick, int32_t c0)
{
    sp_dep dep = {.from = from, .step = {.pick = pick, .c0 = c0}};
    sp_builder_dep(m->builder, waiting, dep);
}

/* What must have ended before position `at` of the run (whole: before anything after the run): the last firm item, which
 * itself waited for all that was released before it, and covered items whose cover has ended since. */
static void wait_for_items(maker *m, uint32_t waiting, const slot_run *run, uint32_t at, bool whole, sp_pick pick, int32_t c0)
{
    int64_t firm = last_firm(run, at);
    if (firm >= 0)
        wait_for(m, waiting, run->first_class + (uint32_t)firm, pick, c0);
    for (uint32_t i = 0; i < at; i++) {
        int64_t released = (int64_t)i + run->item[i].slack + 1;   /* position of the first item that waits for it */
        if (covered(run, i) && released > firm && (whole || released <= at))
            wait_for(m, waiting, run->first_class + i, pick, c0);
    }
}

/* The collective an item calls, as the program the winning algorithm builds. */
static bool find_callee(maker *m, const sp_i_cost *item, sp_task_class *task)
{
    const sp_program *program;
    task->callee = SP_CALLEE_NONE;
    task->callee_group = item->group;
    if (!item->algo)
        return true;
    if (item->algo->build(item->coll, &m->layout->shape[item->group], m->arena, &program, NULL) != SP_OK)
        return false;
    int32_t callee = sp_builder_callee(m->builder, program);
    task->callee = (uint32_t)callee;
    task->callee_unit_bytes = sp_coll_unit_bytes(program, item->size_bytes);
    return callee >= 0;
}

static bool put_class(maker *m, const sp_i_cost *item, uint32_t count, int32_t *out)
{
    double *cost = sp_arena_alloc(m->arena, 1, sizeof *cost);
    if (!cost)
        return false;
    *cost = item->time_s;
    sp_task_class task = {.label = item->label, .kind = item->stream == SP_I_STREAM_COMPUTE ? SP_TASK_COMPUTE : SP_TASK_CALL,
                          .n_step = count, .n_mb = 1, .n_chunk = 1, .stream = item->stream, .cost_s = cost};
    if (task.kind == SP_TASK_CALL && !find_callee(m, item, &task))
        return false;
    *out = sp_builder_class(m->builder, &task, 0);
    return *out >= 0;
}

/* The weights of a layer are gathered when all of the layer before has ended. */
static void wait_in_turn(maker *m, const slot_run *run)
{
    if (m->have_before)
        wait_for_items(m, (uint32_t)run->gather_class, m->before, m->before->n, true, SP_PICK_AT, -1);
    if (run->count > 1)
        wait_for_items(m, (uint32_t)run->gather_class, run, run->n, true, SP_PICK_SAME, -1);
}

/* While layer l-1 computes, no further ahead: two layers are held at once. */
static void wait_ahead(maker *m, const slot_run *run)
{
    wait_for_items(m, (uint32_t)run->gather_class, run, run->n, true, SP_PICK_SAME, -2);
    if (m->have_before) {   /* the first layer's: when the layer before has begun; the second's: when it has ended */
        wait_for(m, (uint32_t)run->gather_class, m->before->first_class, SP_PICK_AT, -1);
        int64_t firm = last_firm(m->before, m->before->n);
        sp_dep second = {.from = m->before->first_class + (uint32_t)(firm < 0 ? 0 : firm), .step = {.pick = SP_PICK_AT, .c0 = -1},
                         .when = {1, run->count}, .when_value = 1};
        if (run->count > 1)
            sp_builder_dep(m->builder, (uint32_t)run->gather_class, second);
    }
}

/* ZeRO-3: a layer's weights, ahead of it with overlap-dp. */
static bool put_gather(maker *m)
{
    slot_run *run = m->run;
    run->gather_class = -1;
    if (run->gather_s <= 0)
        return true;
    sp_i_cost item = {.label = "dp", .time_s = run->gather_s, .stream = sp_i_stream_of(m->layout, sp_i_shard_group(m->plan, false)), .group = sp_i_shard_group(m->plan, false)};
    if (!put_class(m, &item, run->count, &run->gather_class))
        return false;
    (m->plan->overlap_dp ? wait_ahead : wait_in_turn)(m, run);
    for (uint32_t i = 0; i < run->n && last_firm(run, i) < 0; i++)
        wait_for(m, run->first_class + i, (uint32_t)run->gather_class, SP_PICK_SAME, 0);
    return true;
}

static bool put_scatter(maker *m)
{
    slot_run *run = m->run;
    int32_t task;
    if (run->scatter_s <= 0)
        return true;
    sp_i_cost item = {.label = "dp", .time_s = run->scatter_s, .stream = sp_i_stream_of(m->layout, sp_i_shard_group(m->plan, false)), .group = sp_i_shard_group(m->plan, false)};
    if (!put_class(m, &item, run->count, &task))
        return false;
    wait_for_items(m, (uint32_t)task, run, run->n, true, SP_PICK_SAME, 0);
    return true;
}

static bool put_run(maker *m)
{
    slot_run *run = m->run;
    if (run->n == 0)
        return true;
    for (uint32_t i = 0; i < run->n; i++) {
        int32_t task;
        if (!put_class(m, &run->item[i], run->count, &task))
            return false;
        if (i == 0)
            run->first_class = (uint32_t)task;
        wait_for_items(m, (uint32_t)task, run, i, false, SP_PICK_SAME, 0);
    }
    /* what no firm item of this layer holds back waits for the layer before, and so does the first firm one */
    for (uint32_t i = 0; i < run->n && last_firm(run, i) < 0; i++) {
        if (m->have_before)
            wait_for_items(m, run->first_class + i, m->before, m->before->n, true, SP_PICK_AT, -1);
        if (run->count > 1)
            wait_for_items(m, run->first_class + i, run, run->n, true, SP_PICK_SAME, -1);
    }
    if (!put_gather(m) || !put_scatter(m))
        return false;
    slot_run *swap = m->before;
    m->before = m->run;
    m->run = swap;
    m->have_before = true;
    return true;
}

/* What layers keep for backward goes to the host as they are done, and comes back ahead of them: nothing waits for it, but no slot is
 * shorter than what it sends or fetches. */
static bool put_offload(maker *m, uint8_t kind, uint32_t recomputed, uint32_t count, bool backward)
{
    const sp_model *model = m->pricer->model;
    int32_t task;
    if (!m->plan->offload_activations || m->part == SP_I_WEIGHTS)
        return true;
    double inputs = m->plan->recompute == SP_RECOMPUTE_FULL ? (double)recomputed / count : 0;   /* layers that keep their input alone */
    double bytes = inputs * sp_i_input_bytes(model, m->plan) + (1 - inputs) * sp_lower_block_activation_bytes(model, &model->kinds[kind], m->plan);
    sp_i_cost item = {.label = "offload", .stream = SP_I_STREAM_HOST, .group = SP_GROUPS,
                      .time_s = bytes * m->plan->offload_activations / 100 / m->pricer->machine->chip->host_bw_bytes_per_s.nominal};
    if (!put_class(m, &item, count, &task))
        return false;
    if (!backward && m->have_before)   /* the run just put */
        wait_for_items(m, (uint32_t)task, m->before, m->before->n, true, SP_PICK_SAME, 0);
    return true;
}

static void fresh_run(maker *m, uint32_t count)
{
    m->run->n = 0;
    m->run->count = count;
    m->run->gather_s = m->run->scatter_s = 0;
}

static sp_status shard_traffic(maker *m, uint8_t kind, bool backward, sp_error *err)
{
    if (m->plan->zero != 3)
        return SP_OK;
    const sp_model *model = m->pricer->model;
    const sp_stack *stack = sp_i_stack_of(m->pricer, m->plan);
    sp_local_params params = sp_lower_block_params(model, &model->kinds[kind], m->plan);
    const sp_software *software = sp_machine_software(m->pricer->machine, m->plan->software);
    const struct { double params, trained; sp_comm_group group; } part[2] = {{params.dense, params.dense_trained, sp_i_shard_group(m->plan, false)},
                                                                             {params.expert, params.expert_trained, sp_i_shard_group(m->plan, true)}};
    for (int i = 0; i < 2; i++) {
        double gather, scatter = 0;
        if (part[i].params <= 0)
            continue;
        const sp_placement *group = &m->layout->group[part[i].group];
        sp_status status = sp_i_comm_s(m->pricer, SP_COLL_ALL_GATHER, group, stack, SP_I_WEIGHT_BYTES * part[i].params, &gather, NULL, err);
        if (status == SP_OK && part[i].trained > 0)
            status = sp_i_comm_s(m->pricer, SP_COLL_REDUCE_SCATTER, group, stack, sp_i_reduced_bytes(m->plan, software) * part[i].trained, &scatter, NULL, err);
        if (status != SP_OK)
            return status;
        double factor = software ? software->comm_factor.nominal : 1;
        m->run->gather_s += gather * factor;
        m->run->scatter_s += backward ? scatter * factor : 0;
    }
    return sp_i_meet_layer(m->pricer, m->plan, m->layout, m->run->item, m->run->n, &m->run->gather_s, &m->run->scatter_s, err);
}

/* Of layers [from, from + n) of a chunk those that are recomputed: the chunk's first ones. */
static uint32_t first_of(const maker *m, const sp_i_chunk *chunk, uint32_t from, uint32_t n)
{
    uint32_t most = sp_i_chunk_recomputed(m->plan, chunk), left = most > from ? most - from : 0;
    return left < n ? left : n;
}

static sp_status put_layers(maker *m, const sp_i_chunk *chunk, bool backward, sp_error *err)
{
    const sp_model *model = m->pricer->model;
    uint32_t recomputed = backward ? sp_i_chunk_recomputed(m->plan, chunk) : 0;
    for (uint32_t done = 0; done < chunk->count;) {
        /* backward walks the layers from the last; the first `recomputed` layers are the recomputed ones */
        uint32_t at = backward ? chunk->count - 1 - done : done, same = 0;
        uint8_t kind = model->layer_kind[chunk->first + at];
        bool again = at < recomputed;
        while (done + same < chunk->count) {
            uint32_t next = backward ? chunk->count - 1 - done - same : done + same;
            if (model->layer_kind[chunk->first + next] != kind || (next < recomputed) != again)
                break;
            same++;
        }
        fresh_run(m, same);
        if (again)
            put_piece(m, &m->pricer->block[SP_PASS_RECOMPUTE][kind], true);
        put_piece(m, &m->pricer->block[backward ? SP_PASS_BACKWARD : SP_PASS_FORWARD][kind], false);
        sp_status status = shard_traffic(m, kind, backward, err);
        if (status != SP_OK)
            return status;
        if (!put_run(m) || !put_offload(m, kind, backward ? again * same : first_of(m, chunk, done, same), same, backward))
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a pipeline slot");
        done += same;
    }
    return SP_OK;
}

static bool put_once(maker *m, const sp_i_piece *piece, uint32_t count, bool recompute)
{
    if (count == 0 || piece->n == 0)
        return true;
    fresh_run(m, count);
    put_piece(m, piece, recompute);
    return put_run(m);
}

static sp_status put_chunk(maker *m, const sp_i_chunk *chunk, bool backward, sp_error *err)
{
    sp_pricer *p = m->pricer;
    int pass = backward ? SP_PASS_BACKWARD : SP_PASS_FORWARD;
    bool ok = true;
    if (!backward)
        ok = put_once(m, &p->embedding[pass], chunk->embedding, false);
    else {
        ok = put_once(m, &p->head[pass], chunk->head, false);
        if (chunk->mtp && sp_i_chunk_recomputed(m->plan, chunk))
            ok = ok && put_once(m, &p->mtp[SP_PASS_RECOMPUTE], chunk->mtp, true);
        ok = ok && put_once(m, &p->mtp[pass], chunk->mtp, false);
    }
    sp_status status = ok ? put_layers(m, chunk, backward, err) : SP_E_NOMEM;
    if (status != SP_OK)
        return status;
    if (backward)
        ok = put_once(m, &p->embedding[pass], chunk->embedding, false);
    else
        ok = put_once(m, &p->mtp[pass], chunk->mtp, false) && put_once(m, &p->head[pass], chunk->head, false);
    return ok ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a pipeline slot");
}

void sp_i_part_add(sp_part *parts, uint32_t *n, const char *label, double time_s)
{
    for (uint32_t i = 0; i < *n; i++)
        if (strcmp(parts[i].label, label) == 0) {
            parts[i].time_s += time_s;
            return;
        }
    if (*n < SP_PARTS_MAX)
        parts[(*n)++] = (sp_part){label, time_s};
    else
        parts[SP_PARTS_MAX - 1].time_s += time_s;
}

/* Parts of a slot, as they are found: of all spans, or of those that are not on the host's stream. */
typedef struct parts { sp_part *part; uint32_t *n; bool host; } parts;

static bool counts(const parts *of, const sp_span *span)
{
    return of->host || span->stream != SP_I_STREAM_HOST;
}

/* The chain of spans that ends last, back to the start: it covers the slot without gaps, so its parts sum to the slot. */
static void walk_back(const sp_program *program, const sp_run *run, const parts *out)
{
    int32_t last = -1;
    for (uint32_t i = 0; i < run->n_spans; i++)
        if (counts(out, &run->spans[i]) && (last < 0 || run->spans[i].end_ps > run->spans[last].end_ps))
            last = (int32_t)i;
    for (; last >= 0; last = run->spans[last].pred) {
        const sp_span *span = &run->spans[last];
        sp_i_part_add(out->part, out->n, program->classes[span->task_class].label,
                      (double)(span->end_ps - span->start_ps) * 1e-12);
    }
}

/* Of two ways in one slot: what the compute stream does, and what it waits for when it does nothing. Spans come in order of their start. */
static void walk_compute(const sp_program *program, const sp_run *run, const parts *out)
{
    int64_t clock = 0, end_ps = 0;
    const char *last = "";
    for (uint32_t i = 0; i < run->n_spans; i++) {
        const sp_span *span = &run->spans[i];
        const char *label = program->classes[span->task_class].label;
        if (counts(out, span) && span->end_ps >= end_ps) {
            last = label;
            end_ps = span->end_ps;
        }
        if (span->stream != SP_I_STREAM_COMPUTE)
            continue;
        if (span->start_ps > clock)
            sp_i_part_add(out->part, out->n, span->pred < 0 ? label : program->classes[run->spans[span->pred].task_class].label,
                          (double)(span->start_ps - clock) * 1e-12);
        sp_i_part_add(out->part, out->n, label, (double)(span->end_ps - span->start_ps) * 1e-12);
        clock = span->end_ps;
    }
    if (end_ps > clock)
        sp_i_part_add(out->part, out->n, last, (double)(end_ps - clock) * 1e-12);
}

/* Offloaded, a slot may last as long as what it sends to the host: that chain would hide what the chip does. */
static void find_parts(const sp_plan *plan, bool joined, const sp_run *run, sp_i_slot *slot)
{
    const parts all = {slot->part, &slot->n_parts, true}, own = {slot->own, &slot->n_own, false};
    (joined || plan->offload_activations ? walk_compute : walk_back)(slot->program, run, &all);
    if (plan->offload_activations)
        (joined ? walk_compute : walk_back)(slot->program, run, &own);
    else {
        memcpy(slot->own, slot->part, slot->n_parts * sizeof slot->part[0]);
        slot->n_own = slot->n_parts;
    }
}

/* Two slots as one: what a collective of one way would leave idle the other way's work fills, but for the cores it runs on. */
static double stretch_beneath(const sp_pricer *pricer, const sp_plan *plan, const sp_i_slot_of *of)
{
    const sp_stack *stack = sp_i_stack_of(pricer, plan);
    if (!of->forward || !of->backward || stack->cores.grade == SP_GRADE_NONE)
        return 1;
    sp_i_work_s forward = sp_i_chunk_seconds(pricer, plan, of->forward, false), backward = sp_i_chunk_seconds(pricer, plan, of->backward, true);
    double compute_s = forward.compute_s + backward.compute_s, shown_s = forward.chain_s + backward.chain_s - compute_s;
    return compute_s > 0 ? sp_i_stretch(pricer, stack, shown_s / compute_s) : 1;
}

sp_status sp_i_slot_run(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_slot_of *of, sp_arena *arena, sp_i_slot *out,
                        sp_error *err)
{
    maker m = {.pricer = pricer, .plan = plan, .layout = layout, .arena = arena, .part = of->part, .stretch = stretch_beneath(pricer, plan, of)};
    m.before = sp_arena_alloc(arena, 2, sizeof *m.before);
    m.builder = sp_builder_create(arena, of->backward ? "backward slot" : "forward slot", 1, 0);
    if (!m.before || !m.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a pipeline slot");
    m.run = m.before + 1;
    sp_i_slot slot = {0};
    sp_run run;
    sp_status status = of->forward ? put_chunk(&m, of->forward, false, err) : SP_OK;
    bool any = m.have_before;
    m.have_before = false;   /* two ways: neither waits for the other */
    if (status == SP_OK && of->backward)
        status = put_chunk(&m, of->backward, true, err);
    if (status == SP_OK && !any && !m.have_before) {   /* no weights are trained here */
        *out = slot;
        return SP_OK;
    }
    if (status == SP_OK)
        status = sp_builder_freeze(m.builder, &slot.program, err);
    if (status == SP_OK)
        status = sp_fabric_event(slot.program, arena, &run, err);
    if (status != SP_OK)
        return status;
    slot.time_s = (double)run.end_ps * 1e-12;
    find_parts(plan, of->forward && of->backward, &run, &slot);
    *out = slot;
    return SP_OK;
}
