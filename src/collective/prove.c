/* Proof by data flow.
 *
 * 1. A cell is (rank, unit). Its state is the set of ranks whose contribution it holds, a bit set.
 * 2. Instances are taken in one order that the dependencies allow (Kahn), each as a whole. That stands for every allowed
 *    order, because two accesses of one cell that do not commute must be ordered by the dependencies, or the proof fails:
 *    reads commute with reads, reductions with reductions, arriving blocks with arriving blocks, and nothing else.
 * 3. "Ordered" is reachability, kept as a bit set of ancestors per instance, freed when its last successor has been taken.
 * 4. A reduction or arriving block must not bring a contribution that is already there: nothing is counted twice. */
#include "collective_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCES_MAX (1u << 15)   /* 4 KB of ancestors an instance: 128 MB if all were needed at once */
#define CELL_WORDS_MAX (1u << 25)
#define NONE UINT32_MAX

typedef enum access { ACCESS_READ, ACCESS_REDUCE, ACCESS_BLOCK, ACCESS_EXCLUSIVE } access;

/* Accesses of a cell since they last stopped commuting, and the group of accesses before: lists of nodes. */
typedef struct frontier { uint32_t now, before; access kind; } frontier;
typedef struct node { uint32_t instance, next; } node;

typedef struct prover {
    const sp_program *program;
    sp_coll_op op;
    sp_error *err;
    sp_unrolled graph;
    uint32_t *succ_off, *succ, *order;   /* order: a topological one                      */
    uint32_t *waiting;                   /* successors not yet taken, per instance        */
    uint64_t **ancestors;                /* per instance; NULL before it is taken and when freed */
    size_t n_words;                      /* of an ancestor set                            */
    size_t cell_words;
    uint64_t *cells;                     /* [n_ranks][n_units][cell_words]                */
    frontier *frontiers;                 /* [n_ranks][n_units]                            */
    node *nodes; size_t n_nodes, cap_nodes;
} prover;

static uint64_t *cell(const prover *p, uint32_t rank, uint32_t unit)
{
    return p->cells + ((size_t)rank * p->program->n_units + unit) * p->cell_words;
}

static void set_bit(uint64_t *words, uint32_t i)
{
    words[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool has_bit(const uint64_t *words, uint32_t i)
{
    return words[i / 64] >> (i % 64) & 1;
}

static uint32_t count_bits(const uint64_t *words, size_t n)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (uint32_t)__builtin_popcountll(words[i]);
    return count;
}

static bool overlap(const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] & b[i])
            return true;
    return false;
}

/* "class 2 (reduce-scatter) at rank 3, step 1, chunk 0" */
static const char *describe(const prover *p, uint32_t instance, char out[192])
{
    uint32_t id = p->graph.task_class[instance];
    sp_index at = p->graph.at[instance];
    snprintf(out, 192, "class %u (%.80s) at rank %u, step %u, chunk %u", id, p->program->classes[id].label, at.rank, at.step,
             at.chunk);
    return out;
}

static sp_status no_memory(const prover *p)
{
    return sp_error_set(p->err, SP_E_NOMEM, NULL, 0, 0, "no memory to prove program %s", p->program->name);
}

/* ---- what the operation starts from and promises ---- */

/* In these, a rank's cell may start without meaning: reading it, or adding to it, is a fault. */
static bool starts_undefined(sp_coll_op op)
{
    return op == SP_COLL_ALL_GATHER || op == SP_COLL_BROADCAST || op == SP_COLL_SEND_RECV;
}

static void fill_initial(prover *p)
{
    for (uint32_t rank = 0; rank < p->program->n_ranks; rank++)
        for (uint32_t unit = 0; unit < p->program->n_units; unit++)
            if (!starts_undefined(p->op) || (p->op == SP_COLL_ALL_GATHER ? unit % p->program->n_ranks == rank : rank == 0))
                set_bit(cell(p, rank, unit), rank);
}

static bool promised_here(const prover *p, uint32_t rank, uint32_t unit)
{
    switch (p->op) {
    case SP_COLL_REDUCE_SCATTER:
    case SP_COLL_ALL_TO_ALL: return unit % p->program->n_ranks == rank;
    case SP_COLL_SEND_RECV: return rank == p->program->n_ranks - 1;
    default: return true;
    }
}

static bool keeps_promise(const prover *p, uint32_t rank, uint32_t unit)
{
    const uint64_t *held = cell(p, rank, unit);
    uint32_t n = p->program->n_ranks, count = count_bits(held, p->cell_words);
    switch (p->op) {
    case SP_COLL_ALL_GATHER: return count == 1 && has_bit(held, unit % n);
    case SP_COLL_BROADCAST:
    case SP_COLL_SEND_RECV: return count == 1 && has_bit(held, 0);
    default: return count == n;
    }
}

static sp_status check_promise(const prover *p)
{
    for (uint32_t rank = 0; rank < p->program->n_ranks; rank++)
        for (uint32_t unit = 0; unit < p->program->n_units; unit++)
            if (promised_here(p, rank, unit) && !keeps_promise(p, rank, unit))
                return sp_error_set(p->err, SP_E_INVAL, NULL, 0, 0, "program %s is no %s: at the end rank %u holds %u "
                                    "contributions in unit %u, not what is promised", p->program->name, sp_coll_op_name(p->op),
                                    rank, count_bits(cell(p, rank, unit), p->cell_words), unit);
    return SP_OK;
}

/* ---- order ---- */

static bool before(const prover *p, uint32_t first, uint32_t second)
{
    return has_bit(p->ancestors[second], first);
}

static sp_status push(prover *p, uint32_t *list, uint32_t instance)
{
    if (p->n_nodes == p->cap_nodes) {
        size_t larger = p->cap_nodes ? 2 * p->cap_nodes : 4096;
        node *moved = larger < NONE ? realloc(p->nodes, larger * sizeof *moved) : NULL;
        if (!moved)
            return no_memory(p);
        p->nodes = moved;
        p->cap_nodes = larger;
    }
    p->nodes[p->n_nodes] = (node){instance, *list};
    *list = (uint32_t)p->n_nodes++;
    return SP_OK;
}

/* Notes an access; everything that it does not commute with must come before it. */
static sp_status touch(prover *p, uint32_t instance, uint32_t rank, uint32_t unit, access kind)
{
    frontier *f = &p->frontiers[(size_t)rank * p->program->n_units + unit];
    if (kind == ACCESS_EXCLUSIVE || kind != f->kind) {
        f->before = f->now;
        f->now = NONE;
        f->kind = kind;
    }
    for (uint32_t i = f->before; i != NONE; i = p->nodes[i].next) {
        uint32_t other = p->nodes[i].instance;
        char a[192], b[192];
        if (other != instance && !before(p, other, instance))
            return sp_error_set(p->err, SP_E_INVAL, NULL, 0, 0, "program %s: %s and %s both touch unit %u of rank %u, and no "
                                "dependency orders them", p->program->name, describe(p, other, a), describe(p, instance, b), unit,
                                rank);
    }
    return push(p, &f->now, instance);
}

/* ---- one instance ---- */

static sp_status bad_arrival(const prover *p, uint32_t instance, uint32_t rank, uint32_t unit, const char *what)
{
    char a[192];
    return sp_error_set(p->err, SP_E_INVAL, NULL, 0, 0, "program %s: %s %s (unit %u of rank %u)", p->program->name,
                        describe(p, instance, a), what, unit, rank);
}

static sp_status move_unit(prover *p, uint32_t instance, sp_effect effect, uint32_t from, uint32_t to, uint32_t unit,
                           double *moved)
{
    uint64_t *source = cell(p, from, unit), *target = cell(p, to, unit);
    bool undefined = starts_undefined(p->op);
    static const access arrivals[] = {[SP_EFFECT_COPY] = ACCESS_EXCLUSIVE, [SP_EFFECT_REDUCE] = ACCESS_REDUCE,
                                      [SP_EFFECT_MOVE] = ACCESS_BLOCK};
    sp_status status = touch(p, instance, from, unit, effect == SP_EFFECT_MOVE ? ACCESS_EXCLUSIVE : ACCESS_READ);
    if (status == SP_OK)
        status = touch(p, instance, to, unit, arrivals[effect]);
    if (status != SP_OK)
        return status;
    if (undefined && !count_bits(source, p->cell_words))
        return bad_arrival(p, instance, from, unit, "sends what its rank does not hold");
    if (undefined && effect != SP_EFFECT_COPY && !count_bits(target, p->cell_words))
        return bad_arrival(p, instance, to, unit, "adds to what was never written");
    if (effect != SP_EFFECT_COPY && overlap(source, target, p->cell_words))
        return bad_arrival(p, instance, to, unit, "brings a contribution that is already there");
    *moved += effect == SP_EFFECT_MOVE ? count_bits(source, p->cell_words) : 1;
    for (size_t i = 0; i < p->cell_words; i++) {
        target[i] = effect == SP_EFFECT_COPY ? source[i] : target[i] | source[i];
        if (effect == SP_EFFECT_MOVE)
            source[i] = 0;
    }
    return SP_OK;
}

static sp_status take_transfer(prover *p, uint32_t instance)
{
    const sp_program *program = p->program;
    const sp_task_class *task = &program->classes[p->graph.task_class[instance]];
    sp_index at = p->graph.at[instance];
    uint32_t to = at.rank;
    char a[192];
    if (!sp_rank_map_apply(&task->peer, at.rank, at.step, at.chunk, program->n_ranks, &to) || to == at.rank)
        return sp_error_set(p->err, SP_E_INVAL, NULL, 0, 0, "program %s: %s sends to %s", program->name, describe(p, instance, a),
                            to == at.rank ? "itself" : "nobody");
    double moved = 0;
    for (uint32_t unit = 0; unit < program->n_units; unit++)
        if (sp_class_moves_unit(program, task, at, unit)) {
            sp_status status = move_unit(p, instance, task->effect, at.rank, to, unit, &moved);
            if (status != SP_OK)
                return status;
        }
    if (moved != task->units)
        return sp_error_set(p->err, SP_E_INVAL, NULL, 0, 0, "program %s: %s says it moves %g units, but moves %g", program->name,
                            describe(p, instance, a), task->units, moved);
    return SP_OK;
}

static sp_status take(prover *p, uint32_t instance)
{
    uint64_t *own = calloc(p->n_words, sizeof *own);
    if (!own)
        return no_memory(p);
    p->ancestors[instance] = own;
    const sp_unrolled *g = &p->graph;
    for (uint32_t i = g->pred_off[instance]; i < g->pred_off[instance + 1]; i++) {
        const uint64_t *theirs = p->ancestors[g->pred[i]];
        for (size_t w = 0; w < p->n_words; w++)
            own[w] |= theirs[w];
        set_bit(own, g->pred[i]);
    }
    if (p->program->classes[g->task_class[instance]].kind == SP_TASK_TRANSFER) {
        sp_status status = take_transfer(p, instance);
        if (status != SP_OK)
            return status;
    }
    for (uint32_t i = g->pred_off[instance]; i < g->pred_off[instance + 1]; i++)
        if (!--p->waiting[g->pred[i]]) {
            free(p->ancestors[g->pred[i]]);
            p->ancestors[g->pred[i]] = NULL;
        }
    return SP_OK;
}

/* ---- the whole ---- */

/* Successor lists and a topological order; fails on a cycle. */
static sp_status sort(prover *p, sp_arena *arena)
{
    const sp_unrolled *g = &p->graph;
    uint32_t n = g->n, n_edges = g->pred_off[n], done = 0, ready = 0;
    uint32_t *left = sp_arena_alloc(arena, n, sizeof *left);
    p->succ_off = sp_arena_alloc(arena, (size_t)n + 2, sizeof *p->succ_off);
    p->succ = sp_arena_alloc(arena, n_edges, sizeof *p->succ);
    p->order = sp_arena_alloc(arena, n, sizeof *p->order);
    p->waiting = sp_arena_alloc(arena, n, sizeof *p->waiting);
    if (!left || !p->succ_off || !p->succ || !p->order || !p->waiting)
        return no_memory(p);
    for (uint32_t i = 0; i < n_edges; i++) {
        p->waiting[g->pred[i]]++;
        p->succ_off[g->pred[i] + 2]++;
    }
    for (uint32_t i = 1; i <= n; i++)
        p->succ_off[i + 1] += p->succ_off[i];
    for (uint32_t i = 0; i < n; i++) {
        left[i] = g->pred_off[i + 1] - g->pred_off[i];
        if (!left[i])
            p->order[ready++] = i;
        for (uint32_t e = g->pred_off[i]; e < g->pred_off[i + 1]; e++)
            p->succ[p->succ_off[g->pred[e] + 1]++] = i;
    }
    for (; done < ready; done++)
        for (uint32_t e = p->succ_off[p->order[done]]; e < p->succ_off[p->order[done] + 1]; e++)
            if (!--left[p->succ[e]])
                p->order[ready++] = p->succ[e];
    for (uint32_t i = 0; ready < n && i < n; i++)
        if (left[i]) {
            char a[192];
            return sp_error_set(p->err, SP_E_INVAL, NULL, 0, 0, "program %s: deadlock, %s never becomes ready: it waits in a "
                                "circle", p->program->name, describe(p, i, a));
        }
    return SP_OK;
}

static sp_status prepare(prover *p, sp_arena *arena)
{
    uint64_t n_cells = (uint64_t)p->program->n_ranks * p->program->n_units;
    p->cell_words = (p->program->n_ranks + 63) / 64;
    if (n_cells * p->cell_words > CELL_WORDS_MAX)
        return sp_error_set(p->err, SP_E_RANGE, NULL, 0, 0, "program %s has %llu cells of %u contributions, too many to prove one "
                            "by one: use a smaller group", p->program->name, (unsigned long long)n_cells, p->program->n_ranks);
    sp_status status = sp_program_unroll(p->program, arena, INSTANCES_MAX, &p->graph, p->err);
    if (status == SP_OK)
        status = sort(p, arena);
    if (status != SP_OK)
        return status;
    p->n_words = (p->graph.n + 63) / 64;
    p->ancestors = sp_arena_alloc(arena, p->graph.n, sizeof *p->ancestors);
    p->cells = sp_arena_alloc(arena, (size_t)n_cells * p->cell_words, sizeof *p->cells);
    p->frontiers = sp_arena_alloc(arena, (size_t)n_cells, sizeof *p->frontiers);
    if (!p->ancestors || !p->cells || !p->frontiers)
        return no_memory(p);
    for (uint64_t i = 0; i < n_cells; i++)
        p->frontiers[i] = (frontier){NONE, NONE, ACCESS_READ};
    fill_initial(p);
    return SP_OK;
}

static sp_status check_kinds(const sp_program *program, sp_coll_op op, sp_error *err)
{
    bool owned = op == SP_COLL_ALL_GATHER || op == SP_COLL_REDUCE_SCATTER || op == SP_COLL_ALL_TO_ALL;
    if (!program->n_units || (owned && program->n_units % program->n_ranks))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s has %u units; %s over %u ranks needs %s", program->name,
                            program->n_units, sp_coll_op_name(op), program->n_ranks, owned ? "a multiple of the ranks" : "some");
    for (uint32_t i = 0; i < program->n_classes; i++)
        if (program->classes[i].kind == SP_TASK_COMPUTE || program->classes[i].kind == SP_TASK_CALL)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s, class %u (%s): a collective consists of transfers and "
                                "reductions only", program->name, i, program->classes[i].label);
        else if (program->classes[i].kind == SP_TASK_TRANSFER && program->classes[i].effect != SP_EFFECT_COPY &&
                 (program->classes[i].effect == SP_EFFECT_MOVE) != (op == SP_COLL_ALL_TO_ALL))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s, class %u (%s): %s", program->name, i,
                                program->classes[i].label, op == SP_COLL_ALL_TO_ALL ? "reduces blocks that an all-to-all keeps apart" :
                                "moves blocks of several sources where sums are promised");
    return SP_OK;
}

sp_status sp_collective_prove(const sp_program *program, sp_coll_op op, sp_error *err)
{
    prover p = {.program = program, .op = op, .err = err};
    sp_status status = check_kinds(program, op, err);
    if (status != SP_OK)
        return status;
    sp_arena *arena = sp_arena_create();
    status = arena ? prepare(&p, arena) : no_memory(&p);
    for (uint32_t i = 0; i < p.graph.n && status == SP_OK; i++)
        status = take(&p, p.order[i]);
    if (status == SP_OK)
        status = check_promise(&p);
    for (uint32_t i = 0; p.ancestors && i < p.graph.n; i++)
        free(p.ancestors[i]);
    free(p.nodes);
    sp_arena_destroy(arena);
    return status;
}
