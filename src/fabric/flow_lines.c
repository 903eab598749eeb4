/* Ends of step s as lines in s. A task's end grows by the same from step to step until someone that it waits for, growing faster,
 * overtakes it, or until such a one changes its own growth. Only these changes are followed, in order of (step, position): on a
 * ring with a slow link, the one place that its lateness has come to, instead of all places at every step.
 *
 * The line of a task: its end at step `base`, at `base` - 1, and the growth a step from there on, as foretold by the lines of those
 * that it waits for. It holds until the step of the task's next event:
 *  - someone grows faster: the step at which the difference is used up;
 *  - nobody that it waits for (itself included) both sets its next end and grows like it: the step after the next;
 *  - the line of someone that it waits for changed: the first step that sees it.
 * At every event the end is worked out from the lines that stand, which is what running the step does. */
#include "flow_lines.h"

#include <stdlib.h>

#define NEVER UINT32_MAX
#define END_PS (INT64_MAX / 8)
#define LOOK_UP (UINT64_C(1) << 18)   /* changes between two looks at whether to stop */

typedef struct line { uint32_t base; int64_t at, before, growth; } line;

typedef struct lines {
    sp_i_lines *in;
    line *line;                    /* [n] */
    uint32_t *due;                 /* [n] step of the next event, NEVER: none */
    uint32_t *to_off, *to;         /* CSR: who waits for the task; lowest bit: for the step before */
    uint64_t *heap; size_t n_heap, room;   /* step << 32 | position */
    bool full;                     /* no memory */
} lines;

/* Not before the step ahead of its base. */
static int64_t value(const line *l, uint32_t step)
{
    return step + 1 == l->base ? l->before : l->at + (int64_t)(step - l->base) * l->growth;
}

/* ---- events -------------------------------------------------------------------------------------------------------------- */

static void push(lines *w, uint64_t key)
{
    if (w->n_heap == w->room) {
        size_t room = w->room ? w->room * 2 : 256;
        uint64_t *heap = realloc(w->heap, room * sizeof *heap);
        w->full = w->full || !heap;
        if (!heap)
            return;
        w->heap = heap;
        w->room = room;
    }
    size_t at = w->n_heap++;
    for (; at > 0 && key < w->heap[(at - 1) / 2]; at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = key;
}

static uint64_t pop(lines *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < w->n_heap; at = child) {
        if (child + 1 < w->n_heap && w->heap[child + 1] < w->heap[child])
            child++;
        if (w->heap[child] >= last)
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return top;
}

static void schedule(lines *w, uint32_t i, uint64_t step)
{
    if (step >= w->in->n_step || step >= w->due[i])
        return;
    w->due[i] = (uint32_t)step;
    push(w, step << 32 | i);
}

/* ---- lines --------------------------------------------------------------------------------------------------------------- */

/* End of a step, by its own last one and the lines of those that it waits for. */
static int64_t end_of(const lines *w, uint32_t i, uint32_t step, int64_t own)
{
    const sp_i_lines *in = w->in;
    int64_t latest = own;
    for (uint32_t e = in->edge_off[i]; e < in->edge_off[i + 1]; e++) {
        int64_t other = value(&w->line[in->edge[e]], step - in->back[e]);
        latest = other > latest ? other : latest;
    }
    return latest + in->ps[i];
}

static void foretell(lines *w, uint32_t i)
{
    line *l = &w->line[i];
    l->growth = end_of(w, i, l->base + 1, l->at) - l->at;
}

/* The first step at which the line need not hold. */
static void plan(lines *w, uint32_t i)
{
    const sp_i_lines *in = w->in;
    const line *l = &w->line[i];
    int64_t start = l->at + l->growth - in->ps[i];   /* of the next step */
    uint64_t first = UINT64_MAX, next = (uint64_t)l->base + 1;
    bool held = l->growth == in->ps[i];
    for (uint32_t e = in->edge_off[i]; e < in->edge_off[i + 1]; e++) {
        const line *other = &w->line[in->edge[e]];
        int64_t left = start - value(other, (uint32_t)next - in->back[e]), faster = other->growth - l->growth;
        held = held || (left == 0 && faster == 0);
        if (faster > 0 && next + (uint64_t)(left / faster) + 1 < first)
            first = next + (uint64_t)(left / faster) + 1;
    }
    schedule(w, i, held ? first : next + 1);
}

/* Ends of the line after its base, up to and without `step`. */
static uint64_t sum_of(const line *l, uint32_t step)
{
    uint64_t n = step - 1 - l->base, pairs = n % 2 ? (n + 1) / 2 * n : n / 2 * (n + 1);
    return n * (uint64_t)l->at + pairs * (uint64_t)l->growth;
}

static void tell_others(lines *w, uint32_t i, uint32_t step, bool moved)
{
    for (uint32_t e = w->to_off[i]; e < w->to_off[i + 1]; e++)
        schedule(w, w->to[e] >> 1, (uint64_t)step + (w->to[e] & 1) + !moved);
}

static void change(lines *w, uint32_t i, uint32_t step)
{
    line old = w->line[i], *l = &w->line[i];
    int64_t own = value(&old, step - 1);
    *l = (line){.base = step, .at = end_of(w, i, step, own), .before = own};
    foretell(w, i);
    w->in->end_sum_ps += w->in->weight[i] * (sum_of(&old, step) + (uint64_t)l->at);
    plan(w, i);
    bool moved = l->at != value(&old, step);
    if (moved || l->growth != old.growth)
        tell_others(w, i, step, moved);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------- */

static bool turn_edges(lines *w)
{
    const sp_i_lines *in = w->in;
    uint32_t n = in->n;
    w->to_off = calloc((size_t)n + 3, sizeof *w->to_off);
    w->to = malloc(((size_t)in->edge_off[n] + 1) * sizeof *w->to);
    if (!w->to_off || !w->to)
        return false;
    for (uint32_t e = 0; e < in->edge_off[n]; e++)
        w->to_off[in->edge[e] + 2]++;
    for (uint32_t i = 0; i < n; i++)
        w->to_off[i + 2] += w->to_off[i + 1];
    for (uint32_t i = 0; i < n; i++)   /* filling moves each offset one place on, to where it belongs */
        for (uint32_t e = in->edge_off[i]; e < in->edge_off[i + 1]; e++)
            w->to[w->to_off[in->edge[e] + 1]++] = i << 1 | in->back[e];
    return true;
}

/* A step ends no later after the one before than the longest chain within a step takes. */
static bool ends_fit(lines *w)
{
    const sp_i_lines *in = w->in;
    double latest = 0, longest = 0;
    for (uint32_t i = 0; i < in->n; i++) {
        int64_t chain = 0;
        for (uint32_t e = in->edge_off[i]; e < in->edge_off[i + 1]; e++)
            chain = !in->back[e] && w->line[in->edge[e]].growth > chain ? w->line[in->edge[e]].growth : chain;
        w->line[i].growth = in->ps[i] < END_PS - chain ? chain + in->ps[i] : END_PS;
        latest = (double)in->now[i] > latest ? (double)in->now[i] : latest;
        longest = (double)w->line[i].growth > longest ? (double)w->line[i].growth : longest;
    }
    return latest + longest * ((double)(in->n_step - in->step) + 1) < (double)END_PS;
}

static void begin(lines *w)
{
    const sp_i_lines *in = w->in;
    for (uint32_t i = 0; i < in->n; i++) {
        w->line[i] = (line){.base = in->step, .at = in->now[i], .before = in->before[i]};
        w->due[i] = NEVER;
    }
    for (uint32_t i = 0; i < in->n; i++)
        foretell(w, i);
    for (uint32_t i = 0; i < in->n; i++)
        plan(w, i);
}

static sp_status follow(lines *w)
{
    sp_i_lines *in = w->in;
    while (w->n_heap && !w->full) {
        uint64_t key = pop(w);
        uint32_t i = (uint32_t)key, step = (uint32_t)(key >> 32);
        if (w->due[i] != step)
            continue;   /* there was an earlier one since */
        w->due[i] = NEVER;
        change(w, i, step);
        if (++in->worked > in->most)
            return SP_E_RANGE;
        if (in->worked % LOOK_UP == 0 && sp_i_problem_stopped(in->p, 0))
            return SP_E_INTERRUPTED;
    }
    for (uint32_t i = 0; i < in->n; i++) {
        in->end_sum_ps += in->weight[i] * sum_of(&w->line[i], in->n_step);
        in->now[i] = value(&w->line[i], in->n_step - 1);
    }
    return w->full ? SP_E_NOMEM : SP_OK;
}

sp_status sp_i_lines_run(sp_i_lines *in)
{
    lines w = {.in = in, .line = malloc(((size_t)in->n + 1) * sizeof *w.line), .due = malloc(((size_t)in->n + 1) * sizeof *w.due)};
    bool room = w.line && w.due && turn_edges(&w);
    sp_status status = !room ? SP_E_NOMEM : ends_fit(&w) ? SP_OK : SP_E_UNFIT;
    in->end_sum_ps = 0;
    if (status == SP_OK) {
        begin(&w);
        status = follow(&w);
    }
    free(w.line);
    free(w.due);
    free(w.to_off);
    free(w.to);
    free(w.heap);
    return status;
}
