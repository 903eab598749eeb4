/* Traffic of axes that meets on links, in steps and in layers. Private to predict. */
#ifndef SP_PREDICT_MEET_H
#define SP_PREDICT_MEET_H

#include "step.h"

/* Lengthens the step's gradients, weights and sends by the traffic of slots that they meet. */
sp_status sp_i_meet_step(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_i_step *step, sp_error *err);
/* ZeRO-3: lengthens a layer's traffic (n items) and its weights' and gradients' by one another. */
sp_status sp_i_meet_layer(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_i_cost *items, uint32_t n, double *gather_s, double *scatter_s,
                          sp_error *err);

#endif
