/* A step as Chrome trace JSON (the "Trace Event Format"), streamed: the text is never held in memory.
 * Process = pipeline stage, thread = stream, event = slot. Times are integers of 1 ns made from ends and starts by the same
 * division, so that slots which touch in picoseconds touch in the file and never overlap. About 150 B an event. */
#include "report_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PS_PER_NS 1000

typedef struct timeline {
    const sp_i_subject *subject;
    const sp_program *program;
    sp_i_slots slots;
    uint32_t streams;               /* bit s: some class occupies stream s               */
    uint32_t head, tail;            /* stages written: the first `head`, the last `tail` */
    char **name;                    /* [n_classes] label as JSON without its last quote  */
    bool first;                     /* no event written yet                              */
} timeline;

/* Makers give collectives seconds and call them CALL: what occupies another stream than compute is communication. */
static const char *kind_name(const sp_task_class *task)
{
    return task->stream == SP_STREAM_COMPUTE ? "compute" : "communication";
}

/* ---- which stages ------------------------------------------------------------------------------------------------ */

static uint64_t events_of(const timeline *t, uint32_t stage)
{
    uint64_t threads = (uint64_t)__builtin_popcount(t->streams);
    return sp_i_slots_of(&t->slots, stage) + 2 + 2 * threads;
}

/* The first, the last, the second, … while they fit: both ends of a pipeline tell more than its middle. */
static sp_status choose_stages(timeline *t, const char *path, uint64_t max_events, sp_error *err)
{
    uint64_t used = 0;
    for (uint32_t taken = 0; taken < t->slots.n_stages; taken++) {
        bool front = taken % 2 == 0;
        uint64_t more = events_of(t, front ? t->head : t->slots.n_stages - 1 - t->tail);
        if (max_events && used + more > max_events) {
            if (taken == 0)
                return sp_error_set(err, SP_E_RANGE, path, 0, 0,
                                    "stage 0 alone has %" PRIu64 " events, more than the %" PRIu64 " allowed; allow at "
                                    "least %" PRIu64 ", or 0 for all", more, max_events, more);
            return SP_OK;
        }
        used += more;
        *(front ? &t->head : &t->tail) += 1;
    }
    return SP_OK;
}

static bool is_written(const timeline *t, uint32_t stage)
{
    return stage < t->head || stage >= t->slots.n_stages - t->tail;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void separate(timeline *t, sp_i_out *out)
{
    sp_i_out_text(out, t->first ? "\n" : ",\n");
    t->first = false;
}

static void write_name_event(timeline *t, sp_i_out *out, const char *what, uint32_t stage, uint32_t stream, const char *name)
{
    char *quoted = sp_i_json_quote(name);
    separate(t, out);
    sp_i_out_printf(out, "{\"name\":\"%s_name\",\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"args\":{\"name\":%s}}", what, stage, stream,
                    quoted ? quoted : "\"\"");
    separate(t, out);
    sp_i_out_printf(out, "{\"name\":\"%s_sort_index\",\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"args\":{\"sort_index\":%u}}", what,
                    stage, stream, strcmp(what, "thread") == 0 ? stream : stage);
    free(quoted);
}

static void write_stage_names(timeline *t, sp_i_out *out, uint32_t stage)
{
    char layers[160], name[200];
    sp_i_words_layers(t->subject->plan, t->subject->model, stage, layers, sizeof layers);
    snprintf(name, sizeof name, "stage %u%s%s%s", stage, *layers ? " (" : "", layers, *layers ? ")" : "");
    write_name_event(t, out, "process", stage, 0, name);
    for (uint32_t s = 0; s < SP_STREAMS_MAX; s++)
        if (t->streams >> s & 1) {
            sp_i_stream_name(t->program, s, name, sizeof name);
            write_name_event(t, out, "thread", stage, s, name);
        }
}

static void write_ns(sp_i_out *out, const char *key, int64_t ns)
{
    sp_i_out_printf(out, ",\"%s\":%" PRId64 ".%03" PRId64, key, ns / 1000, ns % 1000);
}

static void write_slot(timeline *t, sp_i_out *out, const sp_i_slot *slot)
{
    const sp_task_class *task = &t->program->classes[slot->task_class];
    int64_t start_ns = slot->start_ps / PS_PER_NS, end_ns = slot->end_ps / PS_PER_NS;
    separate(t, out);
    sp_i_out_printf(out, "{\"name\":%s", t->name[slot->task_class]);
    if (slot->numbered)
        sp_i_out_printf(out, " %u", slot->micro_batch);
    sp_i_out_printf(out, "\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":%u,\"tid\":%u", kind_name(task), slot->stage, slot->stream);
    write_ns(out, "ts", start_ns);
    write_ns(out, "dur", end_ns - start_ns);
    sp_i_out_text(out, ",\"args\":{");
    if (slot->numbered)
        sp_i_out_printf(out, "\"micro_batch\":%u,\"chunk\":%u", slot->micro_batch, slot->chunk);
    sp_i_out_text(out, "}}");
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void write_member(sp_i_out *out, const char *key, const char *value, bool last)
{
    char *quoted = sp_i_json_quote(value);
    sp_i_out_printf(out, "\"%s\":%s%s", key, quoted ? quoted : "\"\"", last ? "" : ",\n");
    free(quoted);
}

/* Chrome and Perfetto show otherData as the trace's metadata. */
static void write_metadata(const timeline *t, sp_i_out *out)
{
    const sp_i_subject *subject = t->subject;
    char plan[1024], number[SP_I_NUMBER], omitted[160];
    uint32_t left_out = t->slots.n_stages - t->head - t->tail;
    sp_plan_format(subject->plan, plan, sizeof plan);
    if (left_out == 0)
        snprintf(omitted, sizeof omitted, "none");
    else
        snprintf(omitted, sizeof omitted, "%u of %u: stages %u to %u, to keep the number of events down", left_out, t->slots.n_stages,
                 t->head, t->head + left_out - 1);
    sp_i_out_text(out, "\"displayTimeUnit\":\"ms\",\n\"otherData\":{\n");
    write_member(out, "producer", "superpod " SP_VERSION, false);
    write_member(out, "machine", sp_i_machine_title(subject->machine), false);
    write_member(out, "model", subject->model->name, false);
    write_member(out, "plan", plan, false);
    write_member(out, "step_time", sp_unit_format(subject->report->step_time_s, SP_UNIT_SECONDS, number, sizeof number), false);
    write_member(out, "stages_left_out", omitted, true);
    sp_i_out_text(out, "\n},\n");
}

static void write_all(timeline *t, sp_i_out *out)
{
    sp_i_out_text(out, "{\n");
    write_metadata(t, out);
    sp_i_out_text(out, "\"traceEvents\":[");
    for (uint32_t stage = 0; stage < t->slots.n_stages; stage++)
        if (is_written(t, stage))
            write_stage_names(t, out, stage);
    for (uint32_t i = 0; i < t->slots.n && !out->error; i++)
        if (is_written(t, t->slots.slot[i].stage))
            write_slot(t, out, &t->slots.slot[i]);
    sp_i_out_text(out, "\n]\n}\n");
}

static sp_status prepare(timeline *t, sp_error *err)
{
    uint32_t n = t->program->n_classes;
    t->name = calloc((size_t)n + 1, sizeof *t->name);
    for (uint32_t c = 0; t->name && c < n; c++) {
        t->streams |= 1u << t->program->classes[c].stream;
        t->name[c] = sp_i_json_quote(t->program->classes[c].label);
        if (!t->name[c])
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the names of %u task classes", n);
        t->name[c][strlen(t->name[c]) - 1] = '\0';
    }
    if (!t->name)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the names of %u task classes", n);
    return sp_i_slots_make(t->program, t->subject->plan, &t->subject->report->run, &t->slots, err);
}

static void release(timeline *t)
{
    for (uint32_t c = 0; t->name && c < t->program->n_classes; c++)
        free(t->name[c]);
    free(t->name);
    sp_i_slots_free(&t->slots);
}

sp_status sp_report_timeline(const char *path, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                             const sp_train_report *report, uint64_t max_events, sp_error *err)
{
    sp_i_subject subject = {.machine = machine, .model = model, .plan = plan, .report = report};
    timeline t = {.subject = &subject, .program = report->program, .first = true};
    sp_i_out out;
    sp_status status = prepare(&t, err);
    if (status == SP_OK)
        status = choose_stages(&t, path, max_events, err);
    if (status == SP_OK)
        status = sp_i_out_open(&out, path, err);
    if (status == SP_OK) {
        write_all(&t, &out);
        status = sp_i_out_close(&out, SP_OK, err);
    }
    release(&t);
    return status;
}
