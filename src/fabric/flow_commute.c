/* Which moves of a digit leave a program as it is.
 *
 * Turns and xors must commute with every map. Permutations may also change which chunk is which, where chunks stand for peers:
 * in an exchange (every rank to every other along a digit: peer = own + 1 + chunk) and in the joins that wait for its
 * arrivals (from own - 1 - chunk). What else waits must take all chunks, or those of its own rank where nothing is renamed. */
#include "flow_orbit.h"

static bool overlaps(const sp_i_atom *a, sp_digit digit)
{
    uint64_t low = a->rank_stride, high = low * a->size, from = digit.stride, to = from * digit.size;
    return digit.size > 1 && from < high && low < to;
}

static bool power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

/* Does the map give the same for moved ranks, moved? */
static bool map_commutes(const sp_i_atom *a, sp_i_move move, const sp_rank_map *map)
{
    if (!overlaps(a, map->digit))
        return true;
    uint64_t low = a->rank_stride, high = low * a->size, from = map->digit.stride, to = from * map->digit.size;
    bool inside = from <= low && high <= to;
    bool turn = move == SP_I_MOVE_TURN || a->size == 2, xor = move == SP_I_MOVE_XOR || a->size == 2;
    if (map->op == SP_MAP_SHIFT)
        return inside && turn && high == to;   /* lower digits would carry */
    if (map->op == SP_MAP_XOR)
        return inside && xor && power_of_two(a->size) && power_of_two(map->digit.size) && power_of_two(low / from) && low % from == 0;
    return false;
}

bool sp_i_exchanges(const sp_task_class *task)
{
    return task->kind == SP_TASK_TRANSFER && task->peer.op == SP_MAP_SHIFT && task->peer.c0 == 1 && task->peer.c_chunk == 1 &&
           task->peer.c_step == 0 && task->peer.digit.size > 1 && task->n_chunk == task->peer.digit.size - 1;
}

static bool inside(const sp_i_atom *a, sp_digit digit)
{
    uint64_t low = a->rank_stride, high = low * a->size, from = digit.stride, to = from * digit.size;
    return from <= low && high <= to;
}

static bool renames(const sp_i_atom *a, const sp_task_class *task)
{
    return sp_i_exchanges(task) && overlaps(a, task->peer.digit);
}

/* Chunk by chunk, the arrivals of an exchange. */
static bool arrival(const sp_program *program, const sp_i_atom *a, const sp_task_class *own, const sp_dep *dep)
{
    const sp_task_class *from = &program->classes[dep->from];
    return renames(a, from) && dep->rank.op == SP_MAP_SHIFT && dep->rank.c0 == -1 && dep->rank.c_chunk == -1 && dep->rank.c_step == 0 &&
           dep->rank.digit.stride == from->peer.digit.stride && dep->rank.digit.size == from->peer.digit.size &&
           own->n_chunk == from->n_chunk && own->kind != SP_TASK_TRANSFER && dep->chunk.pick == SP_PICK_SAME && dep->chunk.c0 == 0 &&
           dep->chunk.c_rank == 0;
}

static bool joins_arrivals(const sp_program *program, const sp_i_atom *a, const sp_task_class *task)
{
    for (uint32_t i = 0; i < task->n_deps; i++)
        if (arrival(program, a, task, &program->deps[task->dep_off + i]))
            return true;
    return false;
}

static bool dep_permutes(const sp_program *program, const sp_i_atom *a, const sp_task_class *own, const sp_dep *dep)
{
    const sp_task_class *from = &program->classes[dep->from];
    if (arrival(program, a, own, dep))
        return true;
    bool from_renamed = renames(a, from) || joins_arrivals(program, a, from);
    bool own_renamed = renames(a, own) || joins_arrivals(program, a, own);
    if (overlaps(a, dep->rank.digit) || (own_renamed && dep->rank.c_chunk))
        return false;
    if (dep->chunk.pick == SP_PICK_ALL || from->n_chunk == 1)
        return true;
    return !from_renamed && !own_renamed;
}

bool sp_i_atom_is_exchanged(const sp_program *program, const sp_i_atom *a)
{
    for (uint32_t k = 0; k < program->n_classes; k++)
        if (renames(a, &program->classes[k]))
            return true;
    return false;
}

static bool permutes(const sp_program *program, const sp_i_atom *a)
{
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        bool exchange = renames(a, task) && inside(a, task->peer.digit);
        if (overlaps(a, task->domain) || (task->kind == SP_TASK_TRANSFER && overlaps(a, task->peer.digit) && !exchange))
            return false;
        for (uint32_t i = 0; i < task->n_deps; i++)
            if (!dep_permutes(program, a, task, &program->deps[task->dep_off + i]))
                return false;
    }
    return true;
}

static bool looks_at_digit(const sp_program *program, const sp_i_atom *a)
{
    for (uint32_t d = 0; d < program->n_deps; d++) {
        const sp_axis_map *axes[3] = {&program->deps[d].step, &program->deps[d].mb, &program->deps[d].chunk};
        for (int i = 0; i < 3; i++)
            if (sp_axis_reads_rank(axes[i]) && overlaps(a, axes[i]->rank_digit))
                return true;
    }
    return false;
}

bool sp_i_atom_commutes(const sp_program *program, const sp_i_atom *a, sp_i_move move)
{
    if (looks_at_digit(program, a))
        return false;
    if (move == SP_I_MOVE_PERM)
        return permutes(program, a);
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (overlaps(a, task->domain) || (task->kind == SP_TASK_TRANSFER && !map_commutes(a, move, &task->peer)))
            return false;
    }
    for (uint32_t d = 0; d < program->n_deps; d++)
        if (!map_commutes(a, move, &program->deps[d].rank))
            return false;
    return true;
}
