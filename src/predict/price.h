/* Seconds of pieces of work on one chip, kept in tables. Private to predict.
 *
 * A piece is the items of one block (or vocabulary part) in one pass, priced. Collective curves are exactly linear in size
 * (every phase is latency + bytes / rate, and all link loads scale together), so a curve is a few lines a + b * size, one an
 * algorithm, and a look-up is their minimum. */
#ifndef SP_PREDICT_PRICE_H
#define SP_PREDICT_PRICE_H

#include "superpod/predict.h"

#define SP_I_LINES_MAX 16   /* as many as there are algorithms; lines beaten everywhere are left out */

typedef struct sp_i_curve {
    uint64_t key;
    sp_placement placement;
    sp_coll_op op;
    const sp_stack *stack;
    uint32_t n;
    struct { double fixed_s, per_byte_s; const sp_coll_algo *algo; } line[SP_I_LINES_MAX];
} sp_i_curve;

/* Streams of a chip: compute, and one for communication on each tier. A group that spans several tiers holds the outermost:
 * that is where its traffic meets that of other groups. */
enum { SP_I_STREAM_COMPUTE, SP_I_STREAM_TIER };
uint32_t sp_i_stream_of(const sp_layout *layout, sp_comm_group group);

typedef struct sp_i_cost {
    const char *label;
    double time_s, flop;
    uint32_t stream, slack;
    const sp_coll_algo *algo;    /* collectives: what is called, NULL for compute and groups of one */
    sp_coll_op coll; sp_comm_group group; double size_bytes;
} sp_i_cost;
typedef struct sp_i_piece {
    uint32_t n;
    sp_i_cost item[SP_ITEMS_MAX];
    double chain_s;      /* time when run: compute, plus collectives as far as nothing hides them */
    double compute_s;
    double flop;         /* matrix and vector work of the chip */
} sp_i_piece;

struct sp_pricer {
    const sp_machine *machine;
    const sp_model *model;
    sp_arena *arena;
    uint32_t n_curves, room; sp_i_curve *curves;   /* open addressing by key; key 0: empty */
    /* pieces of the last plan asked for, reused while the fields they depend on stay the same */
    sp_plan piece_plan; bool have_pieces;
    sp_layout piece_layout;
    sp_i_piece *block[3];          /* [pass][kind] */
    sp_i_piece embedding[3], head[3], mtp[3];
};

/* Seconds of one collective; *algo (may be NULL) receives the winner. A group of one rank takes no time. */
sp_status sp_i_comm_s(sp_pricer *pricer, sp_coll_op op, const sp_placement *placement, const sp_stack *stack, double size_bytes,
                      double *out_s, const sp_coll_algo **algo, sp_error *err);
const sp_stack *sp_i_stack_of(const sp_pricer *pricer, const sp_plan *plan);
/* Fills the pieces for this plan (no work when they are those already held). */
sp_status sp_i_pieces(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_error *err);

/* What one pipeline chunk holds. */
typedef struct sp_i_chunk { uint32_t first, count; bool embedding, head; uint32_t mtp; } sp_i_chunk;
sp_i_chunk sp_i_chunk_of(const sp_model *model, const sp_plan *plan, uint32_t stage, uint32_t chunk);
/* Closed-form seconds of the chunk's forward / backward slot (with recompute in the backward one). */
double sp_i_chunk_seconds(const sp_pricer *pricer, const sp_plan *plan, const sp_i_chunk *chunk, bool backward);
/* Layers of the chunk that are recomputed. */
uint32_t sp_i_chunk_recomputed(const sp_plan *plan, const sp_i_chunk *chunk);
/* Parameters of the chunk on one chip. */
sp_local_params sp_i_chunk_params(const sp_model *model, const sp_plan *plan, const sp_i_chunk *chunk);

/* Gradient and weight traffic of a chunk, and the optimizer's work on the stage. */
typedef struct sp_i_sync { double reduce_s, gather_s; } sp_i_sync;
sp_status sp_i_chunk_sync(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_chunk *chunk, sp_i_sync *out,
                          sp_error *err);
double sp_i_stage_optimizer_s(const sp_pricer *pricer, const sp_plan *plan, uint32_t stage);
sp_status sp_i_p2p_s(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, double *out, sp_error *err);
/* Ranks over which dense / expert weights are replicated. */
double sp_i_dense_replicas(const sp_plan *plan);
double sp_i_expert_replicas(const sp_plan *plan);
/* Segments a slot is cut into, so that gradient traffic can start before the slot ends. */
uint32_t sp_i_segments(const sp_plan *plan, uint64_t micro_batches);

void sp_i_stage_memory(const sp_machine *machine, const sp_model *model, const sp_plan *plan, uint32_t stage, sp_stage_memory *out);

/* A slot run on the event evaluator: its seconds and parts (labels with seconds that sum to it). */
typedef struct sp_i_slot { double time_s; uint32_t n_parts; sp_part part[SP_PARTS_MAX]; const sp_program *program; } sp_i_slot;
sp_status sp_i_slot_run(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_chunk *chunk, bool backward,
                        sp_arena *arena, sp_i_slot *out, sp_error *err);
/* Adds seconds to the part with this label. */
void sp_i_part_add(sp_part *parts, uint32_t *n, const char *label, double time_s);

#endif
