/* Appends classes, dependencies and constraints in any order and freezes them into one program.
 *
 * Everything lives in the caller's arena; arrays grow by doubling, so that at most as much again is left behind. */
#include "program_private.h"

#include <string.h>

typedef struct tagged_dep { uint32_t task_class; sp_dep dep; } tagged_dep;
typedef struct tagged_data { uint32_t task_class; sp_data data; } tagged_data;

struct sp_builder {
    sp_arena *arena;
    const char *name;
    uint32_t n_ranks, n_units;
    sp_task_class *classes;
    uint32_t *phase;
    tagged_dep *deps;
    tagged_data *data;
    const sp_program **callees;
    uint32_t n_classes, n_deps, n_data, n_callees;
    uint32_t cap_classes, cap_phase, cap_deps, cap_data, cap_callees;
    sp_status failed;      /* first error, reported by freeze */
    uint32_t failed_class;
};

sp_builder *sp_builder_create(sp_arena *arena, const char *name, uint32_t n_ranks, uint32_t n_units)
{
    sp_builder *builder = sp_arena_alloc(arena, 1, sizeof *builder);
    if (!builder)
        return NULL;
    builder->arena = arena;
    builder->name = sp_arena_strdup(arena, name);
    builder->n_ranks = n_ranks;
    builder->n_units = n_units;
    return builder->name ? builder : NULL;
}

static bool grow(sp_builder *builder, void *array_of_pointers, uint32_t n, uint32_t *cap, size_t size)
{
    void **array = array_of_pointers;
    if (n < *cap)
        return true;
    uint32_t larger = *cap ? 2 * *cap : 16;
    void *moved = n < UINT32_MAX / 2 ? sp_arena_alloc(builder->arena, larger, size) : NULL;
    if (!moved) {
        builder->failed = builder->failed ? builder->failed : SP_E_NOMEM;
        return false;
    }
    if (n)
        memcpy(moved, *array, n * size);
    *array = moved;
    *cap = larger;
    return true;
}

static bool copy_class(sp_builder *builder, const sp_task_class *from, sp_task_class *to)
{
    *to = *from;
    to->dep_off = to->n_deps = to->data_off = to->n_data = 0;
    to->label = sp_arena_strdup(builder->arena, from->label ? from->label : "");
    if (!from->cost_s)
        return to->label != NULL;
    size_t ranks = from->cost_rank.size ? from->cost_rank.size : 1, steps = from->cost_step.size ? from->cost_step.size : 1;
    double *cost = steps > SIZE_MAX / ranks ? NULL : sp_arena_alloc(builder->arena, ranks * steps, sizeof *cost);
    if (cost)
        memcpy(cost, from->cost_s, ranks * steps * sizeof *cost);
    to->cost_s = cost;
    return to->label && cost;
}

int32_t sp_builder_class(sp_builder *builder, const sp_task_class *task, uint32_t phase)
{
    if (builder->n_classes >= INT32_MAX ||
        !grow(builder, &builder->classes, builder->n_classes, &builder->cap_classes, sizeof *builder->classes) ||
        !grow(builder, &builder->phase, builder->n_classes, &builder->cap_phase, sizeof *builder->phase) ||
        !copy_class(builder, task, &builder->classes[builder->n_classes])) {
        builder->failed = builder->failed ? builder->failed : SP_E_NOMEM;
        return -1;
    }
    builder->phase[builder->n_classes] = phase;
    return (int32_t)builder->n_classes++;
}

static bool class_known(sp_builder *builder, uint32_t task_class)
{
    if (task_class < builder->n_classes)
        return true;
    if (!builder->failed) {
        builder->failed = SP_E_INVAL;
        builder->failed_class = task_class;
    }
    return false;
}

void sp_builder_dep(sp_builder *builder, uint32_t task_class, sp_dep dep)
{
    if (class_known(builder, task_class) &&
        grow(builder, &builder->deps, builder->n_deps, &builder->cap_deps, sizeof *builder->deps))
        builder->deps[builder->n_deps++] = (tagged_dep){task_class, dep};
}

void sp_builder_data(sp_builder *builder, uint32_t task_class, sp_data data)
{
    if (class_known(builder, task_class) &&
        grow(builder, &builder->data, builder->n_data, &builder->cap_data, sizeof *builder->data))
        builder->data[builder->n_data++] = (tagged_data){task_class, data};
}

int32_t sp_builder_callee(sp_builder *builder, const sp_program *callee)
{
    for (uint32_t i = 0; i < builder->n_callees; i++)
        if (builder->callees[i] == callee)
            return (int32_t)i;
    if (!grow(builder, &builder->callees, builder->n_callees, &builder->cap_callees, sizeof(sp_program *)))
        return -1;
    builder->callees[builder->n_callees] = callee;
    return (int32_t)builder->n_callees++;
}

/* Groups dependencies and constraints by class, keeping their order within a class. */
static bool gather(sp_builder *builder, sp_program *program)
{
    program->deps = sp_arena_alloc(builder->arena, builder->n_deps, sizeof *program->deps);
    program->data = sp_arena_alloc(builder->arena, builder->n_data, sizeof *program->data);
    if (!program->deps || !program->data)
        return false;
    sp_task_class *classes = builder->classes;
    for (uint32_t i = 0; i < builder->n_classes; i++)
        classes[i].n_deps = classes[i].n_data = 0;
    for (uint32_t i = 0; i < builder->n_deps; i++)
        classes[builder->deps[i].task_class].n_deps++;
    for (uint32_t i = 0; i < builder->n_data; i++)
        classes[builder->data[i].task_class].n_data++;
    uint32_t dep = 0, data = 0;
    for (uint32_t i = 0; i < builder->n_classes; i++) {
        classes[i].dep_off = dep;
        classes[i].data_off = data;
        dep += classes[i].n_deps;
        data += classes[i].n_data;
        classes[i].n_deps = classes[i].n_data = 0;
    }
    for (uint32_t i = 0; i < builder->n_deps; i++) {
        sp_task_class *task = &classes[builder->deps[i].task_class];
        program->deps[task->dep_off + task->n_deps++] = builder->deps[i].dep;
    }
    for (uint32_t i = 0; i < builder->n_data; i++) {
        sp_task_class *task = &classes[builder->data[i].task_class];
        program->data[task->data_off + task->n_data++] = builder->data[i].data;
    }
    program->n_deps = dep;
    program->n_data = data;
    return true;
}

sp_status sp_builder_freeze(sp_builder *builder, const sp_program **out, sp_error *err)
{
    if (builder->failed == SP_E_INVAL)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s: a dependency or constraint was given to class %u, but only "
                            "%u classes exist: append the class first", builder->name, builder->failed_class, builder->n_classes);
    sp_program *program = builder->failed ? NULL : sp_arena_alloc(builder->arena, 1, sizeof *program);
    if (!program || !gather(builder, program))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for program %s", builder->name);
    program->name = builder->name;
    program->n_ranks = builder->n_ranks;
    program->n_units = builder->n_units;
    program->n_classes = builder->n_classes;
    program->classes = builder->classes;
    program->phase = builder->phase;
    program->n_callees = builder->n_callees;
    program->callees = builder->callees;
    for (uint32_t i = 0; i < builder->n_classes; i++)
        if (builder->phase[i] >= program->n_phases)
            program->n_phases = builder->phase[i] + 1;
    sp_status status = sp_program_check(program, err);
    if (status == SP_OK)
        *out = program;
    return status;
}
