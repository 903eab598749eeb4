/* The step as a program over pipeline stages. Private to predict. */
#ifndef SP_PREDICT_STEP_H
#define SP_PREDICT_STEP_H

#include "price.h"

/* Everything the step's program is made of. Arrays are [pp * vpp], index stage * vpp + chunk. */
typedef struct sp_i_step {
    const sp_plan *plan;
    uint32_t micro_batches, segments;
    sp_i_slot *forward, *backward;
    sp_i_sync *sync;
    double *optimizer_s;       /* [pp] */
    double p2p_s;
    uint32_t dp_stream, pp_stream;
} sp_i_step;

sp_status sp_i_step_program(const sp_i_step *step, sp_arena *arena, const sp_program **out, sp_error *err);
/* Closed-form lower bound of the step, and seconds the busiest stage computes, from slot seconds f, b ([pp * vpp]); see docs/models/training.md for the proof. */
double sp_i_step_bound(const sp_plan *plan, uint32_t micro_batches, uint32_t segments, const double *forward_s, const double *backward_s,
                       const sp_i_sync *sync, const double *optimizer_s, double p2p_s, double *busy_s);

#endif
