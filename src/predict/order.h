/* Orders of slots that are no formula of the position: what each stage runs, one after another. Private to predict. */
#ifndef SP_PREDICT_ORDER_H
#define SP_PREDICT_ORDER_H

#include "superpod/predict.h"

/* What a slot does. A WHOLE backward makes both gradients, an INPUT one leaves the weights' to a slot of its own. BOTH: a forward of
 * this way and a backward of the other run as one slot, each in what the other leaves idle. Ways: 0 from the first stage to the
 * last, 1 from the last to the first. */
typedef enum sp_i_work { SP_I_FORWARD, SP_I_WHOLE, SP_I_INPUT, SP_I_WEIGHT, SP_I_BOTH } sp_i_work;
typedef struct sp_i_turn { uint8_t work, way; uint32_t at, back; } sp_i_turn;   /* micro-batch of its way; of BOTH the backward's */

/* off: [n_stages + 1] into turn; each way has n_at micro-batches. Vee: the ways are the two chunks of each stage, which every micro-batch goes
 * through; else they are two directions through the same chunks. Joined: some slots are of both ways. */
typedef struct sp_i_order { uint32_t n_stages, ways, n_at, *off; sp_i_turn *turn; bool vee, joined; } sp_i_order;

/* What orders that go by seconds are made for: means over chunks, and a send. */
typedef struct sp_i_order_cost { int64_t forward_ps, input_ps, weight_ps, send_ps; } sp_i_order_cost;

/* Is the schedule told as lists? The others are affine in stage and position (step.c). */
bool sp_i_order_listed(sp_schedule schedule);
/* Of a plan that passed sp_plan_check; lives in the arena. NULL: no memory. */
const sp_i_order *sp_i_order_make(const sp_plan *plan, uint32_t micro_batches, const sp_i_order_cost *cost, sp_arena *arena);
/* Fills the turns of ZB-V (order_v.c), 6 a stage and micro-batch. false: no memory. */
bool sp_i_order_vee(const sp_i_order *order, uint32_t micro_batches, const sp_i_order_cost *cost);
/* Zero bubble: the weight gradients of k follow the input gradients of k + lag. */
uint32_t sp_i_order_lag(const sp_plan *plan, uint32_t stage);
/* Index of the slots that a stage runs on a way: its chunk's, or those of the stage whose layers it has on that way. */
static inline uint32_t sp_i_order_slot(const sp_i_order *order, uint32_t stage, uint32_t way)
{
    return order->vee ? 2 * stage + way : way ? order->n_stages - 1 - stage : stage;
}

#endif
