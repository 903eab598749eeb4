/* What the makers of a step's program share. Private to predict. */
#ifndef SP_PREDICT_STEP_BUILD_H
#define SP_PREDICT_STEP_BUILD_H

#include "step.h"

typedef struct sp_i_build {
    const sp_i_step *step;
    sp_builder *b;
    sp_arena *arena;
    uint32_t P, V, K, G;          /* stages, chunks, slots a stage and direction, segments */
    uint32_t forward, backward, send_f, send_b, wrap_f, wrap_b;   /* classes of the affine schedules (step.c) */
    uint32_t optimizer;
    bool failed;
} sp_i_build;

/* Index of a class just added. */
uint32_t sp_i_build_class(sp_i_build *s, sp_task_class task);
/* Gathers of weights or reductions of gradients, one a stage, by segments: stage p runs the step's sync p * stride + first. */
uint32_t sp_i_build_sync(sp_i_build *s, const char *label, int32_t stride, uint32_t first, bool gather);
bool sp_i_build_any_sync(const sp_i_build *s, bool gather);
/* n sends from each of the stages [lo, hi); cost: by the digit of the position. */
uint32_t sp_i_build_send(sp_i_build *s, uint32_t lo, uint32_t hi, uint32_t n, const double *cost, sp_digit digit);
/* Classes and dependencies of slots in a schedule that is told as lists (step_listed.c), their sends, gathers and reductions. */
void sp_i_build_listed(sp_i_build *s);

/* What sp_i_step_bound, sp_i_step_slot and sp_i_step_busy_s say of listed schedules. */
double sp_i_listed_bound(const sp_i_step *step);
const sp_i_slot *sp_i_listed_slot(const sp_i_step *step, const sp_program *program, const sp_span *span);
double sp_i_listed_busy_s(const sp_i_step *step, uint32_t stage);

static inline sp_digit sp_i_build_stage(const sp_i_build *s)
{
    return (sp_digit){1, s->P};
}

static inline sp_rank_map sp_i_build_shift(const sp_i_build *s, int32_t by)
{
    return (sp_rank_map){.digit = sp_i_build_stage(s), .op = SP_MAP_ADD, .c0 = by};
}

static inline void sp_i_build_dep(sp_i_build *s, uint32_t waiting, sp_dep d)
{
    sp_builder_dep(s->b, waiting, d);
}

#endif
