/* The step as a program over pipeline stages. Private to predict. */
#ifndef SP_PREDICT_STEP_H
#define SP_PREDICT_STEP_H

#include "order.h"
#include "price.h"

/* Everything the step's program is made of. Arrays are [pp * vpp], index stage * vpp + chunk. */
typedef struct sp_i_step {
    const sp_plan *plan;
    uint32_t micro_batches, segments;
    sp_i_slot *forward, *backward;
    sp_i_slot *input, *weight; /* the halves of backward, where the schedule splits it; else NULL                       */
    sp_i_slot *both;           /* DualPipe: forward with the backward of the stage at the other end; else NULL          */
    const sp_i_order *order;   /* NULL: an affine schedule                                                              */
    sp_i_sync *sync;
    double *optimizer_s;       /* [pp] */
    double p2p_s;
    uint32_t dp_stream, pp_stream;
} sp_i_step;

sp_status sp_i_step_program(const sp_i_step *step, sp_arena *arena, const sp_program **out, sp_error *err);
/* Closed-form lower bound of the step, from the seconds of its slots; see docs/models/planner.md for the proof. */
double sp_i_step_bound(const sp_i_step *step);
/* The slot that a span on the compute stream runs; NULL: the optimizer, or a moment without length. */
const sp_i_slot *sp_i_step_slot(const sp_i_step *step, const sp_program *program, const sp_span *span);
/* Seconds that a stage's slots take. */
double sp_i_step_busy_s(const sp_i_step *step, uint32_t stage);

#endif
