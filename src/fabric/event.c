/* The event evaluator: runs a program's instances over (rank, stream) resources.
 *
 * 1. An instance has one linear number: base of its class + ((rank * n_step + step) * n_mb + mb) * n_chunk + chunk.
 * 2. Dependencies are expanded once into a CSR of successors and a count of what each instance still waits for.
 * 3. All completions of one tick are taken before anything starts, so that the choice among ready instances of a
 *    stream sees all of them: that makes the order independent of how ties were queued.
 * Sizes: 4 B a successor edge, 12 B an instance, 48 B a span. */
#include "superpod/engine.h"
#include "superpod/fabric.h"

#include <stdlib.h>
#include <string.h>

#define INSTANCES_MAX (1u << 26)
#define LAST_PS (INT64_MAX / 4)   /* where sp_ticks_ps ends, too: 26 days */
#define NONE UINT32_MAX

typedef struct stream { sp_queue *ready; uint32_t running; int32_t last_span; } stream;

typedef struct runner {
    const sp_program *program;
    uint32_t *base;          /* [n_classes+1] first instance number of a class                   */
    uint32_t total, expected;/* numbers given out; instances inside their class's domain         */
    uint32_t *waits;         /* [total] unfinished dependencies; NONE: not in the class's domain */
    uint32_t *succ_off, *succ;
    int32_t *enabler;        /* [total] span whose end made it ready, -1: none                   */
    stream *streams;         /* [n_ranks * SP_STREAMS_MAX]                                       */
    sp_queue *queue;
    sp_span *spans;
    uint32_t n_spans;
    uint32_t *touched, n_touched; /* streams to look at after the tick                           */
    uint32_t current;        /* instance whose dependencies are being expanded                   */
    bool filling;
    bool late;               /* a task would end beyond the last tick                            */
} runner;

static uint32_t number_of(const runner *run, uint32_t task_class, sp_index at)
{
    const sp_task_class *task = &run->program->classes[task_class];
    return run->base[task_class] +
           ((at.rank * task->n_step + at.step) * task->n_mb + at.mb) * task->n_chunk + at.chunk;
}

static uint32_t class_of(const runner *run, uint32_t instance)
{
    uint32_t low = 0, high = run->program->n_classes;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (run->base[middle] <= instance)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static sp_index index_of(const runner *run, uint32_t task_class, uint32_t instance)
{
    const sp_task_class *task = &run->program->classes[task_class];
    uint32_t rest = instance - run->base[task_class];
    sp_index at;
    at.chunk = rest % task->n_chunk;
    rest /= task->n_chunk;
    at.mb = rest % task->n_mb;
    rest /= task->n_mb;
    at.step = rest % task->n_step;
    at.rank = rest / task->n_step;
    return at;
}

static sp_status count_instances(runner *run, sp_error *err)
{
    const sp_program *program = run->program;
    uint64_t total = 0;
    for (uint32_t c = 0; c < program->n_classes; c++) {
        const sp_task_class *task = &program->classes[c];
        uint64_t size = program->n_ranks;
        run->base[c] = (uint32_t)total;
        if (!sp_mul_u64(size, task->n_step, &size) || !sp_mul_u64(size, task->n_mb, &size) ||
            !sp_mul_u64(size, task->n_chunk, &size) || size > INSTANCES_MAX || (total += size) > INSTANCES_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, 0,
                                "program %s has more than %u task instances (at class %s), the most the event evaluator "
                                "takes: use fewer micro-batches or the analytic evaluator",
                                program->name, INSTANCES_MAX, task->label);
    }
    run->base[program->n_classes] = (uint32_t)total;
    run->total = (uint32_t)total;
    return SP_OK;
}

/* Dependencies: two passes of the same walk, first counting, then filling. */
static sp_status on_dependency(void *context, uint32_t from_class, sp_index at)
{
    runner *run = context;
    uint32_t from = number_of(run, from_class, at);
    if (run->filling)
        run->succ[run->succ_off[from]++] = run->current;
    else {
        run->succ_off[from + 1]++;
        run->waits[run->current]++;
    }
    return SP_OK;
}

static sp_status on_instance(void *context, uint32_t task_class, sp_index at)
{
    runner *run = context;
    run->current = number_of(run, task_class, at);
    if (!run->filling) {
        run->waits[run->current] = 0;
        run->expected++;
    }
    return sp_program_each_dep(run->program, task_class, at, on_dependency, run);
}

static sp_status build_edges(runner *run, sp_arena *arena, sp_error *err)
{
    size_t total = run->total;
    run->waits = sp_arena_alloc(arena, total, sizeof *run->waits);
    run->succ_off = sp_arena_alloc(arena, total + 2, sizeof *run->succ_off);
    run->enabler = sp_arena_alloc(arena, total, sizeof *run->enabler);
    if (!run->waits || !run->succ_off || !run->enabler)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %zu task instances", total);
    memset(run->waits, 0xff, total * sizeof *run->waits);
    run->filling = false;
    sp_status status = sp_program_each(run->program, on_instance, run);
    if (status != SP_OK)
        return sp_error_set(err, status, NULL, 0, 0, "program %s cannot be expanded", run->program->name);
    for (size_t i = 0; i < total; i++)
        run->succ_off[i + 1] += run->succ_off[i];
    uint32_t edges = run->succ_off[total];
    run->succ = sp_arena_alloc(arena, (size_t)edges + 1, sizeof *run->succ);
    run->spans = sp_arena_alloc(arena, (size_t)run->expected + 1, sizeof *run->spans);
    if (!run->succ || !run->spans)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u dependencies", edges);
    run->filling = true;
    status = sp_program_each(run->program, on_instance, run);
    /* filling advanced every offset to the next one's start: shift back */
    memmove(run->succ_off + 1, run->succ_off, total * sizeof *run->succ_off);
    run->succ_off[0] = 0;
    return status;
}

static bool make_ready(runner *run, uint32_t instance)
{
    uint32_t c = class_of(run, instance);
    const sp_task_class *task = &run->program->classes[c];
    uint32_t which = index_of(run, c, instance).rank * SP_STREAMS_MAX + task->stream;
    stream *s = &run->streams[which];
    if (!s->ready && !(s->ready = sp_queue_create(4)))
        return false;
    run->touched[run->n_touched++] = which;
    /* order of a stream: priority, then class and index, which the instance number follows */
    return sp_queue_push(s->ready, (int64_t)task->priority * ((int64_t)1 << 32) + instance, 0, 0, instance);
}

static int32_t later_span(const runner *run, int32_t a, int32_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return run->spans[b].end_ps > run->spans[a].end_ps ? b : a;
}

static bool start_next(runner *run, uint32_t which, int64_t now)
{
    stream *s = &run->streams[which];
    sp_event next;
    if (s->running != NONE || !s->ready || !sp_queue_pop(s->ready, &next))
        return true;
    uint32_t instance = (uint32_t)next.payload, c = class_of(run, instance);
    const sp_task_class *task = &run->program->classes[c];
    sp_index at = index_of(run, c, instance);
    int64_t end = now + sp_ticks_ps(sp_class_cost_s(task, at.rank, at.step));   /* both at most LAST_PS */
    run->late = end >= LAST_PS;
    if (run->late)
        return false;
    uint32_t span = run->n_spans++;
    run->spans[span] = (sp_span){.task_class = c, .at = at, .stream = task->stream, .start_ps = now, .end_ps = end,
                                 .pred = later_span(run, run->enabler[instance], s->last_span)};
    s->running = instance;
    s->last_span = (int32_t)span;
    return sp_queue_push(run->queue, end, 0, span, which);
}

static bool finish(runner *run, const sp_event *event)
{
    stream *s = &run->streams[event->payload];
    uint32_t instance = s->running;
    s->running = NONE;
    run->touched[run->n_touched++] = (uint32_t)event->payload;
    for (uint32_t e = run->succ_off[instance]; e < run->succ_off[instance + 1]; e++) {
        uint32_t next = run->succ[e];
        run->enabler[next] = (int32_t)event->kind;
        if (--run->waits[next] == 0 && !make_ready(run, next))
            return false;
    }
    return true;
}

static bool start_touched(runner *run, int64_t now)
{
    for (uint32_t i = 0; i < run->n_touched; i++)
        if (!start_next(run, run->touched[i], now))
            return false;
    run->n_touched = 0;
    return true;
}

static bool loop(runner *run)
{
    for (uint32_t i = 0; i < run->total; i++) {
        run->enabler[i] = -1;
        if (run->waits[i] == 0 && !make_ready(run, i))
            return false;
    }
    if (!start_touched(run, 0))
        return false;
    sp_event event;
    while (sp_queue_pop(run->queue, &event)) {
        int64_t now = event.tick;
        if (!finish(run, &event))
            return false;
        const sp_event *next;
        while ((next = sp_queue_peek(run->queue)) && next->tick == now) {
            sp_queue_pop(run->queue, &event);
            if (!finish(run, &event))
                return false;
        }
        if (!start_touched(run, now))
            return false;
    }
    return true;
}

static sp_status report_cycle(const runner *run, sp_error *err)
{
    for (uint32_t i = 0; i < run->total; i++) {
        if (run->waits[i] == 0 || run->waits[i] == NONE)
            continue;
        uint32_t c = class_of(run, i);
        sp_index at = index_of(run, c, i);
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0,
                            "program %s never ends: %s at rank %u, step %u waits for something that waits for it; "
                            "expected dependencies without a cycle",
                            run->program->name, run->program->classes[c].label, at.rank, at.step);
    }
    return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "program %s lost an instance", run->program->name);
}

static void release(runner *run)
{
    size_t n = (size_t)run->program->n_ranks * SP_STREAMS_MAX;
    for (size_t i = 0; run->streams && i < n; i++)
        sp_queue_destroy(run->streams[i].ready);
    free(run->streams);
    free(run->touched);
    free(run->base);
    sp_queue_destroy(run->queue);
}

static sp_status prepare(runner *run, sp_arena *arena, sp_error *err)
{
    const sp_program *program = run->program;
    size_t n = (size_t)program->n_ranks * SP_STREAMS_MAX;
    run->base = calloc((size_t)program->n_classes + 1, sizeof *run->base);
    run->streams = calloc(n, sizeof *run->streams);
    if (!run->base || !run->streams)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the streams of %u ranks", program->n_ranks);
    for (size_t i = 0; i < n; i++)
        run->streams[i] = (stream){.running = NONE, .last_span = -1};
    sp_status status = count_instances(run, err);
    if (status == SP_OK)
        status = build_edges(run, arena, err);
    if (status != SP_OK)
        return status;
    run->touched = calloc(2 * (size_t)run->expected + 1, sizeof *run->touched);
    run->queue = sp_queue_create(1024);
    if (!run->touched || !run->queue)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to run %u task instances", run->expected);
    return SP_OK;
}

sp_status sp_fabric_event(const sp_program *program, sp_arena *arena, sp_run *out, sp_error *err)
{
    runner run = {.program = program};
    sp_status status = prepare(&run, arena, err);
    if (status == SP_OK && !loop(&run))
        status = run.late ? sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "program %s takes more than 26 days, the longest that ticks of 1 ps hold: "
                                         "expected less work, or more chips for it", program->name)
                          : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory while running program %s", program->name);
    if (status == SP_OK && run.n_spans != run.expected)
        status = report_cycle(&run, err);
    if (status == SP_OK) {
        int64_t end = 0;
        for (uint32_t i = 0; i < run.n_spans; i++)
            end = run.spans[i].end_ps > end ? run.spans[i].end_ps : end;
        *out = (sp_run){.end_ps = end, .n_spans = run.n_spans, .spans = run.spans};
    }
    release(&run);
    return status;
}
