/* A collective's program with fields overwritten: whatever the check accepts can be walked, proved and executed without harm,
 * and what the proof accepts comes out right in every order tried.
 * Bytes: algorithm, operation, group, then changes of 4 bytes: array and field, element, value (signed, times 1 or 2^24). */
#include "superpod/exec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const sp_group groups[] = {{1, {2}}, {1, {3}}, {1, {4}}, {2, {2, 2}}, {1, {5}}, {2, {2, 3}}, {3, {2, 2, 2}}, {1, {8}}};

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void *copy(sp_arena *arena, const void *from, size_t n, size_t size)
{
    void *to = sp_arena_alloc(arena, n, size);
    demand(to != NULL);
    if (n)
        memcpy(to, from, n * size);
    return to;
}

static void change_class(sp_task_class *task, uint8_t field, int32_t value)
{
    uint32_t unsigned_value = (uint32_t)value;
    uint32_t *plain[] = {&task->domain.stride, &task->domain.size, &task->domain_lo, &task->domain_hi, &task->n_step, &task->n_mb,
                         &task->n_chunk, &task->stream, &task->peer.digit.stride, &task->peer.digit.size, &task->dep_off,
                         &task->n_deps, &task->data_off, &task->n_data, &task->callee};
    int32_t *whole[] = {&task->peer.c0, &task->peer.c_step, &task->peer.c_chunk};
    if (field < 15)
        *plain[field] = unsigned_value;
    else if (field < 18)
        *whole[field - 15] = value;
    else if (field == 18)
        task->kind = (sp_task_kind)unsigned_value;
    else if (field == 19)
        task->effect = (sp_effect)unsigned_value;
    else if (field == 20)
        task->peer.op = (sp_map_op)unsigned_value;
    else
        task->units = value;
}

static void change_dep(sp_dep *dep, uint8_t field, int32_t value)
{
    uint32_t unsigned_value = (uint32_t)value;
    uint32_t *plain[] = {&dep->from, &dep->rank.digit.stride, &dep->rank.digit.size, &dep->when.stride, &dep->when.size,
                         &dep->when_value, &dep->chunk.rank_digit.stride, &dep->chunk.rank_digit.size};
    int32_t *whole[] = {&dep->rank.c0, &dep->rank.c_step, &dep->rank.c_chunk, &dep->step.c0, &dep->chunk.c0, &dep->chunk.c_rank};
    if (field < 8)
        *plain[field] = unsigned_value;
    else if (field < 14)
        *whole[field - 8] = value;
    else if (field == 14)
        dep->step.pick = (sp_pick)unsigned_value;
    else if (field == 15)
        dep->chunk.pick = (sp_pick)unsigned_value;
    else
        dep->rank.op = (sp_map_op)unsigned_value;
}

static void change_data(sp_data *data, uint8_t field, int32_t value)
{
    uint32_t *plain[] = {&data->digit.stride, &data->digit.size, &data->rank_digit.stride, &data->rank_digit.size, &data->span};
    int32_t *whole[] = {&data->c0, &data->c_step, &data->c_chunk};
    if (field < 5)
        *plain[field] = (uint32_t)value;
    else if (field < 8)
        *whole[field - 5] = value;
    else
        data->op = (sp_map_op)(uint32_t)value;
}

static void change(sp_program *program, const uint8_t bytes[4])
{
    int32_t value = (int8_t)bytes[2] * (bytes[3] & 1 ? 1 << 23 : 1);
    uint8_t field = bytes[0] & 31;
    if (bytes[0] >> 6 == 0)
        change_class(&program->classes[bytes[1] % program->n_classes], field, value);
    else if (bytes[0] >> 6 == 1 && program->n_deps)
        change_dep(&program->deps[bytes[1] % program->n_deps], field, value);
    else if (bytes[0] >> 6 == 2 && program->n_data)
        change_data(&program->data[bytes[1] % program->n_data], field, value);
    else if (bytes[0] >> 6 == 3 && field == 0)
        program->n_units = (uint32_t)value;
}

static sp_status visit_dep(void *context, uint32_t task_class, sp_index at)
{
    const sp_program *program = context;
    demand(task_class < program->n_classes);
    const sp_task_class *task = &program->classes[task_class];
    demand(at.rank < program->n_ranks && sp_class_has_rank(task, at.rank) && at.step < task->n_step && at.mb < task->n_mb &&
           at.chunk < task->n_chunk);
    return SP_OK;
}

typedef struct walk { const sp_program *program; uint64_t n; } walk;

static sp_status visit(void *context, uint32_t task_class, sp_index at)
{
    walk *w = context;
    visit_dep((void *)w->program, task_class, at);
    w->n++;
    return sp_program_each_dep(w->program, task_class, at, visit_dep, (void *)w->program);
}

static void try_program(const sp_program *program, sp_coll_op op)
{
    walk w = {program, 0};
    if (sp_program_check(program, NULL) || sp_program_instances(program) > 2000 || program->n_units > 1024)
        return;
    demand(sp_program_each(program, visit, &w) == SP_OK && w.n == sp_program_instances(program));
    bool proved = sp_collective_prove(program, op, NULL) == SP_OK;
    for (uint64_t seed = 0; seed < 2; seed++) {
        bool correct = false;
        sp_status status = sp_exec_collective(program, op, 1, seed, &correct, NULL);
        demand(!proved || (status == SP_OK && correct));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const sp_coll_algo *algo = &sp_coll_algos[data[0] % sp_coll_n_algos];
    const sp_group *group = &groups[data[2] % (sizeof groups / sizeof groups[0])];
    sp_coll_op op = (sp_coll_op)(data[1] % SP_COLL_OPS);
    const sp_program *built = NULL;
    const char *why;
    if (!algo->applicable(op, group, &why))
        return 0;
    sp_arena *arena = sp_arena_create();
    demand(arena && algo->build(op, group, arena, &built, NULL) == SP_OK);
    sp_program program = *built;
    program.classes = copy(arena, built->classes, built->n_classes, sizeof *built->classes);
    program.deps = copy(arena, built->deps, built->n_deps, sizeof *built->deps);
    program.data = copy(arena, built->data, built->n_data, sizeof *built->data);
    for (size_t at = 3; at + 4 <= size && at < 3 + 4 * 16; at += 4)
        change(&program, data + at);
    try_program(&program, op);
    sp_arena_destroy(arena);
    return 0;
}
