/* Seconds of pieces of work on one chip, kept in tables. Private to predict.
 *
 * A piece is the items of one block (or vocabulary part) in one pass, priced. Collective curves are exactly linear in size
 * (every phase is latency + bytes / rate, and all link loads scale together), so a curve is a few lines a + b * size, those
 * of the algorithms and protocols that are the least at some size, and a look-up is their minimum. */
#ifndef SP_PREDICT_PRICE_H
#define SP_PREDICT_PRICE_H

#include "superpod/predict.h"

#include <math.h>

#define SP_I_WEIGHT_BYTES 2.0
#define SP_I_GRADIENT_BYTES 4.0   /* accumulated in FP32 (Megatron-LM's main_grad)                                        */
#define SP_I_OPTIMIZER_BYTES 12.0 /* FP32 master weight and two Adam moments                                              */
#define SP_I_FRAGMENTATION 0.03   /* guess: of activations; caching allocators lose a few per cent                         */

#define SP_I_LINES_MAX 24   /* two a protocol and algorithm at most, of which a handful is the least somewhere */

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
enum { SP_I_STREAM_COMPUTE, SP_I_STREAM_TIER, SP_I_STREAM_SEND = SP_STREAMS_MAX - 2, SP_I_STREAM_HOST };   /* SEND: of sends between stages where DP
    has their tier: a send shares the links with a gather under way, it does not wait for its end */
uint32_t sp_i_stream_of(const sp_layout *layout, sp_comm_group group);

typedef struct sp_i_cost {
    const char *label;
    double time_s, flop;
    double alone_s;              /* matrix work: time_s with all cores its own; 0: other work */
    uint32_t stream, slack;
    sp_carried carried;
    bool weight;                 /* makes gradients of weights: in a slot of its own where the schedule splits backwards */
    const sp_coll_algo *algo;    /* collectives: what is called, NULL for compute and groups of one */
    sp_coll_op coll; sp_comm_group group; double size_bytes;
} sp_i_cost;
typedef struct sp_i_piece {
    uint32_t n;
    sp_i_cost *item;     /* [SP_ITEMS_MAX] */
    double chain_s;      /* time when run */
    double compute_s, bare_s;   /* computing beneath its collectives; and wherever its groups lie, no more */
    double matrix_s;            /* of compute_s matrix work */
    double weight_s, input_s;   /* backwards: items that make gradients of weights; time when run of the others */
    double lane_s[2];           /* collectives on the stream of TP's tier, of EP's */
    double flop;         /* matrix and vector work of the chip */
} sp_i_piece;

/* Groups that pieces communicate in: layouts that lay them alike share pieces. */
typedef struct sp_i_inner { uint64_t key; sp_layout layout; } sp_i_inner;

/* What the pieces of a pass come to, by where their groups lie, direct-mapped, for one work: searches come back to the same places for
 * every way of recomputing. Works of a single micro-batch and of several, between which searches go to and fro, are kept apart. */
#define SP_I_PLACES 128u
typedef struct sp_i_summed { bool have; sp_plan plan; const sp_i_inner *inner[SP_I_PLACES]; sp_i_piece *row[SP_I_PLACES]; } sp_i_summed;

/* What a stage holds: what its memory is made of. */
typedef struct sp_i_held { sp_local_params params, gathered; double per_chunk, layers, again, working, logits; } sp_i_held;   /* gathered: of a layer; again: per_chunk without recompute, less per_chunk */
/* How a plan spreads it: ranks that share dense / expert state, bytes of a weight that is not trained, bytes that no stage is without. */
typedef struct sp_i_spread { uint32_t zero; double copies, host_activations; bool host_optimizer; double dense_way, expert_way, frozen_bytes, gradient_bytes, buffers, fixed; } sp_i_spread;   /* copies: that share the optimizer */
/* Chunk activations held at the peak; of those whose input gradients are made, the ones whose weight gradients wait. */
typedef struct sp_i_flight { uint32_t held, waiting; } sp_i_flight;

/* One run of alike stages of a cut, under the pieces and the plan's shape. Seconds are of one micro-batch. */
typedef struct sp_i_stages {
    sp_i_held held;
    sp_local_params front;           /* parameters of chunk 0                               */
    double work_s, fill_s, drain_s;  /* all chunks; chunk 0 of the stages before the last   */
    double all_forward_s, input_s, weight_s;   /* with what is no layer; the halves of backward, apart (sp_i_profile_halves) */
    double drain_input_s;            /* drain_s of input gradients alone                    */
    double forward_s, front_s;       /* of work_s the layers' forwards; of these chunk 0's  */
    double host_bytes;               /* what layers keep for backward, to be offloaded      */
} sp_i_stages;

struct sp_pricer {
    const sp_machine *machine;
    const sp_model *model;
    const sp_fault *faults; uint32_t n_faults;   /* not owned */
    sp_arena *arena;
    uint32_t n_curves, room; sp_i_curve **curves;   /* open addressing by key; NULL: empty */
    uint32_t n_inner, inner_room; const sp_i_inner **inner;   /* the same */
    /* of each pass the plan and place of the pieces' sums, reused while the fields they depend on stay the same; and of their items, which
     * may be older: prices ask for sums alone */
    struct { bool have; sp_plan plan; const sp_i_inner *inner; } piece[3], items[3];
    sp_i_summed summed[3][2];
    uint64_t pieces_made;          /* counts changes of the pieces */
    /* what pieces are priced with now; curves as looked up, NULL: not yet */
    struct { const sp_stack *stack, *dispatch; const sp_software *software; const sp_layout *layout; uint32_t stream[SP_GROUPS]; const sp_i_curve *curve[SP_GROUPS][SP_COLL_OPS]; } now;
    sp_i_piece *block[3];          /* [pass][kind] */
    sp_i_piece embedding[3], head[3], mtp[3];
    /* what plans of one shape share (profile.c) */
    sp_plan shape; uint64_t split; /* split: counts changes of what parameters on a chip depend on */
    const sp_software *software;   /* of the shape; NULL: none */
    double comm_factor, reduced_bytes, full_bytes[SP_KINDS_MAX], whole_bytes[SP_KINDS_MAX], working_bytes[SP_KINDS_MAX], input_bytes, logit_bytes, expert_buffer_bytes, send_bytes;
    sp_local_params kind_params[SP_KINDS_MAX], vocab, module;   /* module: of an MTP module beside its block */
    uint32_t *kind_before;         /* [n_kinds * (n_layers + 1)]: layers of the kind before layer l */
    uint32_t n_cuts, cut_room; sp_cut **cuts;
    const sp_cut *held_cut, *timed_cut; uint64_t timed_pieces; bool halved;
    double path_s;                 /* slots of all stages, one micro-batch after its entry */
    sp_i_stages *stages;           /* [SP_STAGES_MAX] of the cut */
    struct { double launch_s, per_param_s; } optimizer[2][2];   /* of an update: on the host, overlapped */
    struct sp_i_known_op *known_ops;
    uint32_t n_beside, n_alone;    /* pairs of axes that were run beside one another, and axes alone */
    struct sp_i_beside *beside; struct sp_i_alone *alone;
    uint64_t renewals;             /* of the constants that operators are priced with */
};

/* Seconds and FLOPs of operators priced before (known_op.c). */
typedef struct sp_i_known_op sp_i_known_op;
bool sp_i_known_op_make(sp_pricer *pricer);
bool sp_i_known_op_get(const sp_pricer *pricer, const sp_op *op, const sp_software *software, double *time_s, double *flop);
void sp_i_known_op_put(sp_pricer *pricer, const sp_op *op, const sp_software *software, double time_s, double flop);

/* Memory and time halves of the stages of a cut under the shape; no work when they are held already. */
void sp_i_profile_memory(sp_pricer *pricer, const sp_cut *cut, bool again);   /* again: with what is recomputed; else as if all were kept */
void sp_i_profile_time(sp_pricer *pricer, const sp_cut *cut);
/* And the halves of backwards, once a time profile. */
void sp_i_profile_halves(sp_pricer *pricer, const sp_cut *cut);
/* All stages' slots of one micro-batch under the pieces, whatever the cut (sp_pricer_work_s). */
double sp_i_profile_work_s(const sp_pricer *pricer, sp_work_of of);

/* Seconds of a compiled curve at a size. */
double sp_i_curve_s(const sp_i_curve *curve, double size_bytes, const sp_coll_algo **algo);
/* Stretches the lines of a fresh curve by what the pricer's faults do to flows. Errors: SP_E_UNFIT some pair cannot be reached. */
sp_status sp_i_curve_strike(const sp_pricer *pricer, sp_i_curve *curve, const sp_group *group, sp_error *err);
/* Part of the time of one axis' collective that it comes late by, as does the other's, while both are under way: 0 where they meet on no
 * link, 1 where they might take turns (beside.c). PP: a stage's send to the next. */
typedef struct sp_i_beside sp_i_beside;
typedef struct sp_i_alone sp_i_alone;
sp_status sp_i_beside_share(sp_pricer *pricer, const sp_stack *stack, const sp_layout *layout, sp_comm_group a, sp_coll_op op_a, sp_comm_group b,
                            sp_coll_op op_b, double *out, sp_error *err);
sp_status sp_i_curve_find(sp_pricer *pricer, sp_coll_op op, const sp_placement *placement, const sp_stack *stack, const sp_i_curve **out,
                          sp_error *err);
/* The same groups inside, the same answer. NULL: no memory. */
const sp_i_inner *sp_i_inner_find(sp_pricer *pricer, const sp_layout *layout);

/* How layers fall on stages, in runs of alike stages: counts of layers by kind. Those recomputed are counted apart. */
typedef struct sp_i_cut_run {
    uint32_t first, last;            /* stages */
    uint32_t mtp, vocab;             /* MTP modules; vocabulary matrices of all chunks */
    uint32_t front_mtp, front_vocab; /* and of chunk 0                                 */
    bool embedding, head;            /* in any chunk */
    bool embedding_before;           /* the embedding lies on a stage before `last`    */
    const uint32_t *all, *again;     /* [n_kinds] layers, and those of them recomputed under full recompute */
    const uint32_t *front, *front_again;     /* [n_kinds] of chunk 0 */
    const uint32_t *before, *before_again;   /* [n_kinds] of chunk 0 of all stages before `last` */
    sp_local_params params, front_params;    /* under the cut's `split`                          */
} sp_i_cut_run;
struct sp_cut { uint32_t pp, vpp, first_layers, last_layers, recompute_layers, n_runs, at; bool vee; uint64_t split; sp_i_cut_run *run; };   /* at: of the pricer's cuts */

/* The run of alike stages that `stage` is in; from: any run, soonest from one nearby. */
uint32_t sp_i_cut_run_with(const sp_cut *cut, uint32_t stage, uint32_t from);

/* Traffic beside slots, for bounds: gradients over the lanes of their groups (reduce NULL: none), the first stage's weights, a send. */
typedef struct sp_i_traffic { double factor, bytes; const sp_i_curve *const *reduce; double gather_s, send_s; } sp_i_traffic;
/* Seconds of dense and expert parameters over the lanes of their groups. */
static inline double sp_i_lanes_s(const sp_i_curve *const curve[2], double dense, double expert, double bytes)
{
    return (curve[0] && dense > 0 ? sp_i_curve_s(curve[0], dense * bytes, NULL) : 0) +
           (curve[1] && expert > 0 ? sp_i_curve_s(curve[1], expert * bytes, NULL) : 0);
}
/* How much longer a step of so many chips is in the mean than one whose chips are all alike: as a slow one, if any is among them. */
static inline double sp_i_wait_factor(const sp_software *software, double chips)
{
    return software && chips > 1 ? 1 - software->slow_by.nominal * expm1(chips * log1p(-software->slow_share.nominal)) : 1;
}
/* Seconds of an update of so many parameters. */
static inline double sp_i_update_s(const sp_pricer *pricer, const sp_plan *plan, double params)
{
    return pricer->optimizer[plan->offload_optimizer][plan->overlap_dp].launch_s + pricer->optimizer[plan->offload_optimizer][plan->overlap_dp].per_param_s * params;
}
/* The bound and busy seconds of a schedule told as lists, under the profile of the cut. */
void sp_i_listed_price(sp_pricer *pricer, const sp_plan *plan, const sp_cut *cut, uint64_t micro, const sp_i_traffic *traffic, sp_price *out);

/* Bytes of a gradient on the wire: as the plan says, else its product line, BF16 where none is named. */
double sp_i_reduced_bytes(const sp_plan *plan, const sp_software *software);
/* Seconds of one collective; *algo (may be NULL) receives the winner. A group of one rank takes no time. */
sp_status sp_i_comm_s(sp_pricer *pricer, sp_coll_op op, const sp_placement *placement, const sp_stack *stack, double size_bytes,
                      double *out_s, const sp_coll_algo **algo, sp_error *err);
/* Seconds of an expert dispatch or combine that sends each token once to every place holding some of its `copies` experts:
 * between scale-up domains along rails, and inside them rank to rank, the longer of the two. size_bytes: all copies. dense: with the probabilities
 * of the experts of a domain, after gathering the maps. */
sp_status sp_i_dispatch_s(sp_pricer *pricer, const sp_placement *group, const sp_stack *stack, double size_bytes, const sp_carried *carried, bool dense,
                          double *out_s, sp_error *err);
const sp_stack *sp_i_stack_of(const sp_pricer *pricer, const sp_plan *plan);
/* Fills the pieces for this plan (no work when they are those already held): whole; or their sums alone. */
sp_status sp_i_pieces(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_error *err);
sp_status sp_i_pieces_sums(sp_pricer *pricer, const sp_plan *plan, const sp_i_inner *inner, sp_error *err);
/* Are the pieces held those of this plan, but for where its groups lie? */
bool sp_i_pieces_known(const sp_pricer *pricer, const sp_plan *plan);

/* What one pipeline chunk holds. */
typedef struct sp_i_chunk { uint32_t first, count; bool embedding, head, head_matrix; uint32_t mtp; } sp_i_chunk;   /* head_matrix: not that of the stage's embedding */
sp_i_chunk sp_i_chunk_of(const sp_model *model, const sp_plan *plan, uint32_t stage, uint32_t chunk);
/* Closed-form seconds of the chunk's forward / backward slot (with recompute in the backward one), and what it computes of that. */
typedef struct sp_i_work_s { double chain_s, compute_s; } sp_i_work_s;
sp_i_work_s sp_i_chunk_seconds(const sp_pricer *pricer, const sp_plan *plan, const sp_i_chunk *chunk, bool backward);
/* Layers of the chunk that are recomputed. */
uint32_t sp_i_chunk_recomputed(const sp_plan *plan, const sp_i_chunk *chunk);
/* Parameters of an MTP module beside those of its block. */
sp_local_params sp_i_mtp_params(const sp_model *model, const sp_plan *plan);
/* Parameters of the chunk on one chip. */
sp_local_params sp_i_chunk_params(const sp_model *model, const sp_plan *plan, const sp_i_chunk *chunk);

/* Gradient and weight traffic of a chunk, and the optimizer's work on the stage. */
typedef struct sp_i_sync { double reduce_s, gather_s; } sp_i_sync;
sp_status sp_i_chunk_sync(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_chunk *chunk, sp_i_sync *out,
                          sp_error *err);
double sp_i_stage_optimizer_s(const sp_pricer *pricer, const sp_plan *plan, uint32_t stage);
/* The optimizer's seconds are launch_s + per_param_s * parameters updated. */
void sp_i_optimizer_line(const sp_chip *chip, const sp_plan *plan, double *launch_s, double *per_param_s);
/* Bytes of a block's input on one chip, a micro-batch; what a chip sends of it to the next stage: without sequence parallelism a TP rank its share
 * of what all of them hold, which the next stage gathers (Narayanan et al. 2021, section 4.1); and the hops of a pipeline, by the tier that parts two stages: most are within a domain
 * that holds several stages, few between domains. A micro-batch takes all of them one after the other, so that a send is priced at their mean;
 * interleaved chunks go from the last stage back to the first, too, which is one hop more of the farthest kind, the last. */
typedef struct sp_i_hops { uint32_t n, count[SP_TIERS_MAX]; sp_placement pair[SP_TIERS_MAX]; } sp_i_hops;
double sp_i_input_bytes(const sp_model *model, const sp_plan *plan);
double sp_i_send_bytes(const sp_model *model, const sp_plan *plan);
/* Sends that keep a stage from its slots before its last backward ends, where sends block; the one after that is its neighbour's to wait for. */
double sp_i_held_sends(const sp_plan *plan, uint32_t stage, double micro_batches);
sp_placement sp_i_far_pair(const sp_layout *layout);   /* neighbouring stages that the outermost tier parts */
sp_i_hops sp_i_hops_of(const sp_layout *layout);
double sp_i_send_s(const sp_lanes *lanes, const sp_plan *plan, double size_bytes);   /* by the curves of lanes; 0 without a pipeline */
sp_status sp_i_p2p_s(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, double *out, sp_error *err);
/* Ranks that share out what ZeRO says of dense weights, of experts; the group of them. */
double sp_i_dense_ways(const sp_plan *plan);
double sp_i_expert_ways(const sp_plan *plan);
sp_comm_group sp_i_shard_group(const sp_plan *plan, bool experts);
/* Stages that hold the same layers: two under a schedule from both ends, which share the optimizer's work under ZeRO. */
uint32_t sp_i_weight_copies(const sp_plan *plan);
/* Segments a slot is cut into, so that gradient traffic can start before the slot ends. */
uint32_t sp_i_segments(const sp_plan *plan, uint64_t micro_batches);

sp_i_spread sp_i_spread_of(const sp_machine *machine, const sp_plan *plan, double expert_buffer_bytes);
double sp_i_expert_buffer_bytes(const sp_model *model, const sp_plan *plan);
double sp_i_logit_bytes(const sp_model *model, const sp_plan *plan);
sp_i_flight sp_i_in_flight(const sp_plan *plan, uint64_t micro_batches, uint32_t stage);
/* What a stage of a schedule from both ends holds: its own chunk and its mirror image's. */
sp_i_held sp_i_held_both(const sp_plan *plan, const sp_i_held *near, const sp_i_held *far, uint32_t stage);
/* The formulas of docs/models/memory.md, of one stage. */
static inline void sp_i_memory_parts(const sp_i_held *held, const sp_i_spread *spread, sp_i_flight flight, sp_stage_memory *m)
{
    const sp_local_params *p = &held->params, *layer = &held->gathered;
    double all = p->dense + p->expert, trained = p->dense_trained + p->expert_trained, sharded = 0, trained_sharded = 0;
    if (spread->zero == 3)   /* searches ask for millions: no division without need */
        sharded = p->dense / spread->dense_way + p->expert / spread->expert_way;
    if (spread->zero >= 1)
        trained_sharded = p->dense_trained / spread->dense_way + p->expert_trained / spread->expert_way;
    double mean_bytes = trained == all ? SP_I_WEIGHT_BYTES : (SP_I_WEIGHT_BYTES * trained + spread->frozen_bytes * (all - trained)) / all;
    m->in_flight = flight.held;
    m->weights = mean_bytes * (spread->zero == 3 ? sharded + 2 * (layer->dense + layer->expert) : all);
    m->gradients = spread->gradient_bytes * (spread->zero >= 2 ? trained_sharded + layer->dense_trained + layer->expert_trained : trained);
    m->optimizer = spread->host_optimizer ? 0 : SP_I_OPTIMIZER_BYTES * (spread->zero >= 1 ? trained_sharded / spread->copies : trained);
    /* what recompute made again is kept until the weight gradients are made */
    double kept = flight.held * held->per_chunk;
    if (spread->host_activations > 0) {   /* the layer that computes and the one on its way stay whole */
        double near = fmin(flight.held * held->layers, 2) * held->per_chunk / held->layers;
        kept = near + (kept - near) * (1 - spread->host_activations);
    }
    m->activations = kept + (flight.waiting ? flight.waiting * held->again : held->working) + held->logits;
    m->buffers = spread->buffers;
    m->overhead = spread->fixed + SP_I_FRAGMENTATION * m->activations;
    m->total = m->weights + m->gradients + m->optimizer + m->activations + m->buffers + m->overhead;
}
void sp_i_stage_memory(const sp_machine *machine, const sp_model *model, const sp_plan *plan, uint32_t stage, sp_stage_memory *out);

/* A slot run on the event evaluator: its seconds and parts (labels with seconds that sum to it); and those of all but what goes to the host,
 * which nothing else in it waits for. */
typedef struct sp_i_slot { double time_s; uint32_t n_parts, n_own; sp_part part[SP_PARTS_MAX], own[SP_PARTS_MAX]; const sp_program *program; } sp_i_slot;
/* What a slot runs: a chunk forward, a chunk backward, or both at once; of a backward all, or one of its halves. */
typedef enum sp_i_part_of { SP_I_ALL, SP_I_INPUTS, SP_I_WEIGHTS } sp_i_part_of;
typedef struct sp_i_slot_of { const sp_i_chunk *forward, *backward; sp_i_part_of part; } sp_i_slot_of;   /* NULL: none */
sp_status sp_i_slot_run(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, const sp_i_slot_of *of, sp_arena *arena, sp_i_slot *out,
                        sp_error *err);
/* How much longer matrix work takes beneath collectives that last this share of it. */
double sp_i_stretch(const sp_pricer *pricer, const sp_stack *stack, double share);
/* Adds seconds to the part with this label. */
void sp_i_part_add(sp_part *parts, uint32_t *n, const char *label, double time_s);

#endif
