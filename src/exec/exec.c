/* Real buffers, random allowed orders.
 *
 * 1. Every transfer is two events, as on a wire: the start copies the sender's units away (MOVE: takes them), the end
 *    applies them at the receiver. Between them anything that the dependencies allow may happen.
 * 2. A cell (rank, unit) has one slot of `words` words; in all-to-all one slot per source, so that blocks are told apart.
 *    What an operation leaves undefined at the start is filled with noise.
 * 3. The next event is drawn uniformly among all ready starts and running ends. */
#include "superpod/exec.h"

#include <stdlib.h>
#include <string.h>

#define INSTANCES_MAX (1u << 20)
#define BUFFER_WORDS_MAX (UINT64_C(1) << 27)

typedef struct machine {
    const sp_program *program;
    sp_coll_op op;
    uint32_t words, slots;        /* of a slot; of a cell */
    size_t cell_words;
    uint64_t *buffer, *initial;   /* [n_ranks][n_units][slots][words] */
    sp_unrolled graph;
    uint32_t *succ_off, *succ, *left;
    uint32_t *event, n_events;    /* instance * 2 + (1: its end) */
    uint64_t **in_flight;         /* per instance: for every unit moved its number, then its cell */
    uint32_t *moved;              /* [n_units] scratch */
    sp_rng rng;
} machine;

static uint64_t *cell(const machine *m, uint64_t *buffer, uint32_t rank, uint32_t unit)
{
    return buffer + ((size_t)rank * m->program->n_units + unit) * m->cell_words;
}

static const sp_task_class *class_of(const machine *m, uint32_t instance)
{
    return &m->program->classes[m->graph.task_class[instance]];
}

static bool defined_at_start(const machine *m, uint32_t rank, uint32_t unit)
{
    switch (m->op) {
    case SP_COLL_ALL_GATHER: return unit % m->program->n_ranks == rank;
    case SP_COLL_BROADCAST:
    case SP_COLL_SEND_RECV: return rank == 0;
    default: return true;
    }
}

/* All-to-all: rank r's block for the owner of a unit lies in slot r; other slots are empty (zero). */
static void fill(machine *m)
{
    for (uint32_t rank = 0; rank < m->program->n_ranks; rank++)
        for (uint32_t unit = 0; unit < m->program->n_units; unit++) {
            uint64_t *at = cell(m, m->buffer, rank, unit);
            for (uint32_t i = 0; i < m->words; i++)
                at[(m->op == SP_COLL_ALL_TO_ALL ? (size_t)rank * m->words : 0) + i] = sp_rng_next(&m->rng);
            if (defined_at_start(m, rank, unit))
                memcpy(cell(m, m->initial, rank, unit), at, m->cell_words * sizeof *at);
        }
}

/* The promise, computed straight from the initial buffers. */
static bool cell_is_right(const machine *m, uint32_t rank, uint32_t unit)
{
    uint32_t n = m->program->n_ranks, owner = unit % n;
    const uint64_t *held = cell(m, m->buffer, rank, unit);
    for (size_t i = 0; i < m->cell_words; i++) {
        uint64_t want = 0;
        for (uint32_t source = 0; source < n; source++)
            want += cell(m, m->initial, source, unit)[i];   /* undefined cells are zero in `initial`: gather and broadcast too */
        if (held[i] != want && !((m->op == SP_COLL_REDUCE_SCATTER || m->op == SP_COLL_ALL_TO_ALL) && owner != rank) &&
            !(m->op == SP_COLL_SEND_RECV && rank != n - 1))
            return false;
    }
    return true;
}

static bool all_right(const machine *m)
{
    for (uint32_t rank = 0; rank < m->program->n_ranks; rank++)
        for (uint32_t unit = 0; unit < m->program->n_units; unit++)
            if (!cell_is_right(m, rank, unit))
                return false;
    return true;
}

static sp_status start(machine *m, uint32_t instance)
{
    const sp_task_class *task = class_of(m, instance);
    sp_index at = m->graph.at[instance];
    m->event[m->n_events++] = 2 * instance + 1;
    if (task->kind != SP_TASK_TRANSFER)
        return SP_OK;
    uint32_t n_units = m->program->n_units, *moved = m->moved, n_moved = 0;
    size_t bytes = m->cell_words * sizeof(uint64_t);
    for (uint32_t unit = 0; unit < n_units; unit++)
        if (sp_class_moves_unit(m->program, task, at, unit))
            moved[n_moved++] = unit;
    uint64_t *copy = m->in_flight[instance] = malloc((n_moved * (m->cell_words + 1) + 1) * sizeof *copy);
    if (!copy)
        return SP_E_NOMEM;
    *copy++ = n_moved;
    for (uint32_t i = 0; i < n_moved; i++, copy += m->cell_words) {
        uint64_t *from = cell(m, m->buffer, at.rank, moved[i]);
        *copy++ = moved[i];
        memcpy(copy, from, bytes);
        if (task->effect == SP_EFFECT_MOVE)
            memset(from, 0, bytes);
    }
    return SP_OK;
}

static void arrive(machine *m, uint32_t instance)
{
    const sp_task_class *task = class_of(m, instance);
    sp_index at = m->graph.at[instance];
    const uint64_t *copy = m->in_flight[instance];
    uint32_t to;
    if (!copy || !sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, m->program->n_ranks, &to))
        return;
    for (uint64_t left = *copy++; left; left--) {
        uint64_t *target = cell(m, m->buffer, to, (uint32_t)*copy++);
        for (size_t i = 0; i < m->cell_words; i++)
            target[i] = *copy++ + (task->effect == SP_EFFECT_COPY ? 0 : target[i]);
    }
    free(m->in_flight[instance]);
    m->in_flight[instance] = NULL;
}

static void end(machine *m, uint32_t instance)
{
    arrive(m, instance);
    for (uint32_t i = m->succ_off[instance]; i < m->succ_off[instance + 1]; i++)
        if (!--m->left[m->succ[i]])
            m->event[m->n_events++] = 2 * m->succ[i];
}

static sp_status run(machine *m, sp_error *err)
{
    uint32_t ended = 0;
    while (m->n_events) {
        uint32_t pick = (uint32_t)sp_rng_below(&m->rng, m->n_events), event = m->event[pick];
        m->event[pick] = m->event[--m->n_events];
        if (event & 1) {
            end(m, event / 2);
            ended++;
        } else if (start(m, event / 2) != SP_OK)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for data in flight");
    }
    if (ended < m->graph.n)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s: deadlock, %u of %u instances never become ready",
                            m->program->name, m->graph.n - ended, m->graph.n);
    return SP_OK;
}

static bool build_graph(machine *m, sp_arena *arena)
{
    const sp_unrolled *g = &m->graph;
    uint32_t n = g->n, n_edges = g->pred_off[n];
    m->succ_off = sp_arena_alloc(arena, (size_t)n + 2, sizeof *m->succ_off);
    m->succ = sp_arena_alloc(arena, n_edges, sizeof *m->succ);
    m->left = sp_arena_alloc(arena, n, sizeof *m->left);
    m->event = sp_arena_alloc(arena, n, sizeof *m->event);   /* an instance has one event waiting at most */
    m->in_flight = sp_arena_alloc(arena, n, sizeof *m->in_flight);
    m->moved = sp_arena_alloc(arena, m->program->n_units, sizeof *m->moved);
    if (!m->moved || !m->succ_off || !m->succ || !m->left || !m->event || !m->in_flight)
        return false;
    for (uint32_t e = 0; e < n_edges; e++)
        m->succ_off[g->pred[e] + 2]++;
    for (uint32_t i = 1; i <= n; i++)
        m->succ_off[i + 1] += m->succ_off[i];
    for (uint32_t i = 0; i < n; i++) {
        m->left[i] = g->pred_off[i + 1] - g->pred_off[i];
        if (!m->left[i])
            m->event[m->n_events++] = 2 * i;
        for (uint32_t e = g->pred_off[i]; e < g->pred_off[i + 1]; e++)
            m->succ[m->succ_off[g->pred[e] + 1]++] = i;
    }
    return true;
}

static sp_status prepare(machine *m, sp_arena *arena, sp_error *err)
{
    for (uint32_t i = 0; i < m->program->n_classes; i++)
        if (m->program->classes[i].kind == SP_TASK_COMPUTE || m->program->classes[i].kind == SP_TASK_CALL)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s, class %u (%s) moves no data: only transfers and joins "
                                "can be executed as a collective", m->program->name, i, m->program->classes[i].label);
    uint64_t total = (uint64_t)m->program->n_ranks * m->program->n_units;
    m->slots = m->op == SP_COLL_ALL_TO_ALL ? m->program->n_ranks : 1;
    m->cell_words = (size_t)m->slots * m->words;
    if (!m->program->n_units || !m->words)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s has %u units of %u words; both must be at least 1",
                            m->program->name, m->program->n_units, m->words);
    if (!sp_mul_u64(total, m->slots, &total) || !sp_mul_u64(total, m->words, &total) || total > BUFFER_WORDS_MAX)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "program %s needs more than 1 GiB of buffers: use a smaller group or "
                            "fewer words", m->program->name);
    sp_status status = sp_program_unroll(m->program, arena, INSTANCES_MAX, &m->graph, err);
    if (status != SP_OK)
        return status;
    m->buffer = sp_arena_alloc(arena, (size_t)total, sizeof *m->buffer);
    m->initial = sp_arena_alloc(arena, (size_t)total, sizeof *m->initial);
    if (!m->buffer || !m->initial || !build_graph(m, arena))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to execute program %s", m->program->name);
    fill(m);
    return SP_OK;
}

sp_status sp_exec_collective(const sp_program *program, sp_coll_op op, uint32_t words, uint64_t seed, bool *correct,
                             sp_error *err)
{
    machine m = {.program = program, .op = op, .words = words, .rng = sp_rng_make(seed, 0)};
    sp_arena *arena = sp_arena_create();
    sp_status status = arena ? prepare(&m, arena, err) : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    if (status == SP_OK)
        status = run(&m, err);
    if (status == SP_OK)
        *correct = all_right(&m);
    for (uint32_t i = 0; m.in_flight && i < m.graph.n; i++)
        free(m.in_flight[i]);
    sp_arena_destroy(arena);
    return status;
}
