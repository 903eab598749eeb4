/* A step's spans as slots: what a reader calls one forward or one backward of one micro-batch.
 *
 * Makers cut slots into parts (chunk of the index) so that traffic can start before a slot ends; parts that touch are one
 * slot here. Classes over positions (step of the index) follow the order of slots of docs/models/training.md: position k is
 * micro-batch k / (P V) * P + k % P of chunk (k / P) % V, counted from the last chunk in backward classes. Of a schedule from both
 * ends a label's second class goes from the last stage to the first: its micro-batches are numbered on, and its chunk is 1. So it goes in a
 * schedule with two chunks a stage, with the same micro-batches. */
#include "report_private.h"

#include <stdlib.h>
#include <string.h>

static bool is_label(const sp_program *program, uint32_t task_class, const char *label)
{
    return strcmp(program->classes[task_class].label, label) == 0;
}

/* Backward slots, and what is sent after one. */
static bool is_backward(const sp_program *program, uint32_t c)
{
    const sp_task_class *task = &program->classes[c];
    if (is_label(program, c, "backward"))
        return true;
    return !is_label(program, c, "forward") && task->n_deps && is_label(program, program->deps[task->dep_off].from, "backward");
}

/* Do instances that differ in the chunk only belong to one slot? */
static bool has_parts(const sp_task_class *task)
{
    return task->n_mb == 1;
}

/* Of the classes with the label of c, which is it? Sends are two a way. */
static uint32_t way_of(const sp_program *program, uint32_t c)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < c; i++)
        before += is_label(program, i, program->classes[c].label);
    return program->classes[c].stream == SP_STREAM_COMPUTE ? before : before / 2;
}

static sp_i_slot slot_of(const sp_i_slots *slots, const sp_plan *plan, const sp_span *span)
{
    const sp_task_class *task = &slots->program->classes[span->task_class];
    sp_i_slot slot = {.task_class = span->task_class, .stage = span->at.rank, .stream = span->stream,
                      .start_ps = span->start_ps, .end_ps = span->end_ps, .first = span->at};
    if (task->n_mb > 1) {
        slot.numbered = true;
        slot.micro_batch = span->at.mb;
        slot.chunk = span->at.chunk;
    } else if (task->n_step > 1) {
        uint32_t k = span->at.step, P = slots->n_stages, V = plan->vpp ? plan->vpp : 1;
        slot.numbered = true;
        slot.micro_batch = k / (P * V) * P + k % P;
        if (plan->schedule == SP_SCHEDULE_DUALPIPE || sp_schedule_is_vee(plan->schedule)) {
            bool other = plan->schedule == SP_SCHEDULE_DUALPIPE;   /* each way has micro-batches of its own */
            slot.chunk = way_of(slots->program, span->task_class);
            slot.micro_batch = k + (other ? slot.chunk * task->n_step : 0);
        } else
            slot.chunk = is_backward(slots->program, span->task_class) ? V - 1 - k / P % V : k / P % V;
    }
    return slot;
}

static bool continues(const sp_i_slots *slots, const sp_i_slot *last, const sp_span *span)
{
    return last->task_class == span->task_class && has_parts(&slots->program->classes[span->task_class]) &&
           last->first.step == span->at.step && last->end_ps == span->start_ps && span->at.chunk > last->first.chunk;
}

/* `last`: the latest slot of every (stage, stream), UINT32_MAX: none. */
static void collect(sp_i_slots *slots, const sp_plan *plan, const sp_run *run, uint32_t *last)
{
    for (uint32_t i = 0; i < run->n_spans; i++) {
        const sp_span *span = &run->spans[i];
        uint32_t *at = &last[(size_t)span->at.rank * SP_STREAMS_MAX + span->stream];
        if (span->end_ps <= span->start_ps)
            continue;   /* a hand-over to nobody */
        if (*at != UINT32_MAX && continues(slots, &slots->slot[*at], span)) {
            slots->slot[*at].end_ps = span->end_ps;
            continue;
        }
        *at = slots->n;
        slots->slot[slots->n++] = slot_of(slots, plan, span);
    }
}

static void index_by_stage(sp_i_slots *slots)
{
    for (uint32_t i = 0; i < slots->n; i++)
        slots->off[slots->slot[i].stage + 2]++;
    for (uint32_t s = 0; s < slots->n_stages; s++)
        slots->off[s + 2] += slots->off[s + 1];
    for (uint32_t i = 0; i < slots->n; i++)
        slots->by_stage[slots->off[slots->slot[i].stage + 1]++] = i;
}

sp_status sp_i_slots_make(const sp_program *program, const sp_plan *plan, const sp_run *run, sp_i_slots *out, sp_error *err)
{
    sp_i_slots slots = {.program = program, .n_stages = program->n_ranks, .end_ps = run->end_ps};
    size_t n = (size_t)run->n_spans + 1, streams = (size_t)slots.n_stages * SP_STREAMS_MAX;
    uint32_t *last = malloc(streams * sizeof *last);
    slots.off = calloc((size_t)slots.n_stages + 2, sizeof *slots.off);
    slots.by_stage = calloc(n, sizeof *slots.by_stage);
    slots.slot = calloc(n, sizeof *slots.slot);
    if (!last || !slots.off || !slots.by_stage || !slots.slot) {
        free(last);
        sp_i_slots_free(&slots);
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to sort %u spans", run->n_spans);
    }
    memset(last, 0xff, streams * sizeof *last);
    collect(&slots, plan, run, last);
    index_by_stage(&slots);
    free(last);
    *out = slots;
    return SP_OK;
}

void sp_i_slots_free(sp_i_slots *slots)
{
    free(slots->off);
    free(slots->by_stage);
    free(slots->slot);
    *slots = (sp_i_slots){0};
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static bool label_seen(const sp_program *program, uint32_t before, uint32_t stream, const char *label)
{
    for (uint32_t c = 0; c < before; c++)
        if (program->classes[c].stream == stream && is_label(program, c, label))
            return true;
    return false;
}

/* The label of the stream's only kind of class, NULL when it has several or none. */
static const char *only_label(const sp_program *program, uint32_t stream, uint32_t *first)
{
    const char *label = NULL;
    for (uint32_t c = program->n_classes; c-- > 0;) {
        if (program->classes[c].stream != stream)
            continue;
        if (label && !is_label(program, c, label))
            return NULL;
        label = program->classes[c].label;
        *first = c;
    }
    return label;
}

/* Two streams of one label (hand-overs up and down the pipeline) are told apart by what their classes wait for. */
static const char *what_before(const sp_program *program, uint32_t stream)
{
    uint32_t first, other_first;
    const char *label = only_label(program, stream, &first);
    for (uint32_t s = 0; label && s < SP_STREAMS_MAX; s++) {
        const char *other = s == stream ? NULL : only_label(program, s, &other_first);
        if (other && strcmp(label, other) == 0 && program->classes[first].n_deps)
            return program->classes[program->deps[program->classes[first].dep_off].from].label;
    }
    return NULL;
}

void sp_i_stream_name(const sp_program *program, uint32_t stream, char *out, size_t out_size)
{
    if (stream == SP_STREAM_COMPUTE) {
        snprintf(out, out_size, "compute");
        return;
    }
    const char *before = what_before(program, stream);
    size_t used = 0;
    snprintf(out, out_size, "stream %u", stream);
    for (uint32_t c = 0; c < program->n_classes && used < out_size; c++) {
        const sp_task_class *task = &program->classes[c];
        if (task->stream == stream && !label_seen(program, c, stream, task->label))
            used += (size_t)snprintf(out + used, out_size - used, "%s%s%s%s", used ? " + " : "", task->label,
                                     before ? " after " : "", before ? before : "");
    }
}
