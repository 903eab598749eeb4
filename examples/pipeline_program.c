/* A schedule of one's own: four stages pass six micro-batches along, forwards only; the event evaluator runs it. */
#include <stdio.h>

#include <superpod/fabric.h>

int main(void)
{
    static const double cost_s[] = {3e-3, 4e-3, 2e-3, 3e-3};   /* by stage */
    const sp_digit stage = {.stride = 1, .size = 4};
    sp_arena *arena = sp_arena_create();
    sp_builder *builder = sp_builder_create(arena, "forward pipeline", 4, 0);
    sp_task_class work = {.label = "work", .kind = SP_TASK_COMPUTE, .n_step = 1, .n_mb = 6, .n_chunk = 1, .cost_rank = stage, .cost_s = cost_s};
    /* micro-batch m of stage p waits for micro-batch m of stage p - 1; the stream of a stage takes them in order */
    sp_dep dep = {.from = 0, .rank = {.digit = stage, .op = SP_MAP_ADD, .c0 = -1}};
    const sp_program *program;
    sp_run run;
    sp_error err = {0};

    uint32_t id = (uint32_t)sp_builder_class(builder, &work, 0);
    sp_builder_dep(builder, id, dep);
    if (sp_builder_freeze(builder, &program, &err) != SP_OK || sp_fabric_event(program, arena, &run, &err) != SP_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    for (uint32_t i = 0; i < run.n_spans; i++)
        printf("stage %u  micro-batch %u  %4.0f to %4.0f ms\n", run.spans[i].at.rank, run.spans[i].at.mb, 1e-9 * (double)run.spans[i].start_ps,
               1e-9 * (double)run.spans[i].end_ps);
    sp_arena_destroy(arena);
    return 0;
}
