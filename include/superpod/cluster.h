/* superpod/cluster.h: the cluster manager: places jobs on a machine, lets it fail, recovers, for years of virtual time.
 *
 * One library without threads or a clock of its own: the caller gives time. Deterministic: same input and seed, same bits.
 * Ticks are int64_t microseconds. Rates are events per second; years have 365 days.
 * Model pages: docs/models/failures.md, checkpointing.md, placement.md, recovery.md. */
#ifndef SUPERPOD_CLUSTER_H
#define SUPERPOD_CLUSTER_H

#include "superpod/plan.h"
#include "superpod/text.h"
#include "superpod/topo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- closed forms ------------------------------------------------------------------------------------- */

#define SP_YEAR_S 31536000.0

/* Effective training time ratio of a job with exponential failures: useful time / wall time, when every `interval_s` of work is
 * followed by a blocking checkpoint, and a failure costs detection and restart (during which it may fail again) and the work
 * since the last checkpoint. t / (e^(R/M) M (e^((t+C)/M) - 1)). All arguments >= 0, mtbf_s and interval_s > 0; infinite mtbf is
 * allowed. */
double sp_cluster_ettr(double mtbf_s, double interval_s, double checkpoint_s, double restart_s);
/* The interval that makes it largest: t = M (1 + W0(-e^(-1 - C/M))); it does not depend on R. */
double sp_cluster_interval(double mtbf_s, double checkpoint_s);
/* MTBF / (MTBF + MTTR). */
double sp_cluster_availability(double mtbf_s, double mttr_s);
/* Probability that at least `needed` of needed + spares units work: Markov chain of units that fail at `fail_per_s` each
 * (spares are cold beyond the needed: only `needed` run) and are repaired at `repair_per_s` by `crews` crews (0: unlimited). */
double sp_cluster_spare_availability(uint64_t needed, uint64_t spares, double fail_per_s, double repair_per_s, uint64_t crews);
/* Fewest spares with that probability >= target; UINT64_MAX when `most` do not do. */
uint64_t sp_cluster_spares_needed(uint64_t needed, double target, double fail_per_s, double repair_per_s, uint64_t crews, uint64_t most);

/* ---- checkpoints ---------------------------------------------------------------------------------------- */

/* What a class of failures strikes. Links and switches are those of the machine's planes, counted by sp_machine_count_tier. */
typedef enum sp_fail_unit { SP_FAIL_CHIP, SP_FAIL_HOST, SP_FAIL_RACK, SP_FAIL_POWER, SP_FAIL_POD, SP_FAIL_ELECTRICAL_LINK, SP_FAIL_OPTICAL_LINK,
                            SP_FAIL_SWITCH, SP_FAIL_UNITS } sp_fail_unit;
const char *sp_fail_unit_name(sp_fail_unit unit);    /* "chip" "host" "rack" "power" "pod" "electrical-link" … */

/* Where a checkpoint is kept: the host's memory (lost with the host), another rack's memory, storage. */
typedef enum sp_ckpt_place { SP_CKPT_LOCAL, SP_CKPT_PEER, SP_CKPT_STORAGE, SP_CKPT_PLACES } sp_ckpt_place;
const char *sp_ckpt_place_name(sp_ckpt_place place);   /* "local" "peer" "storage" */
typedef struct sp_ckpt {
    sp_ckpt_place place;
    double state_bytes, rate_bytes_per_s;   /* of one chip                                             */
    double block_s;                  /* the job stands still: the whole copy, or a snapshot to the host's memory */
    double drain_s;                  /* the copy goes on in the background; until then it is of no use  */
    double drain_share;              /* of the step that it takes meanwhile                             */
    double read_s;                   /* back to the chip                                                */
    double storage_s;                /* the same state to storage, or from there, for what `place` does not outlive; 0: of storage itself */
    double storage_share;            /* of the step that it takes meanwhile                             */
} sp_ckpt;
/* Whether a checkpoint there is still to be had after a unit went out of service: that of a host's memory is lost with the host. */
bool sp_ckpt_outlives(sp_ckpt_place place, sp_fail_unit unit);
/* Bytes of one chip's state that no other has: of the stage with most. */
double sp_ckpt_state_bytes(const sp_train_report *report, const sp_plan *plan);
/* storage_bytes_per_s: of all chips together; 0: 122 MB/s a chip (Llama 3's). Errors: SP_E_INVAL negative or infinite figures. */
sp_status sp_ckpt_cost(const sp_machine *machine, sp_ckpt_place place, bool background, double state_bytes, double storage_bytes_per_s, sp_ckpt *out, sp_error *err);
double sp_ckpt_stall_s(const sp_ckpt *ckpt);                        /* step time lost to one: blocked, and what the copy in the background takes */
double sp_ckpt_interval_s(const sp_ckpt *ckpt, double mtbf_s);      /* the best one that the copy leaves possible */

/* ---- failures ----------------------------------------------------------------------------------------- */

#define SP_POWER_RACKS 4u        /* guess: racks that one power distribution unit feeds; no description has power domains */

typedef struct sp_fail_class {
    const char *name;
    sp_fail_unit unit;
    sp_value rate_per_s;         /* of one unit                                                           */
    double shape;                /* Weibull shape of the time between failures of a unit; 1: exponential   */
    bool down;                   /* the unit is out until repaired; else jobs on it restart, no more       */
    sp_value repair_s;           /* mean; grade NONE unless down                                           */
    double repair_sigma;         /* of the lognormal's logarithm; 0: always the mean                       */
    double slows;                /* > 1: a straggler: jobs on it take so many times as long until it is found, and then it fails */
    bool corrupts;               /* wrong results: found later, all work since is undone, and then it fails if it is `down` */
    sp_value found_s;            /* mean time until it is found; grade NONE: at once                       */
    bool planned;                /* maintenance: jobs write a checkpoint first, and nobody has to notice   */
    const char *file; uint32_t line, column;   /* where its rate stands; NULL: in no file                          */
} sp_fail_class;

#define SP_FAIL_CLASSES 32
typedef struct sp_failures {
    const char *name, *title, *note;
    uint32_t n;
    sp_fail_class row[SP_FAIL_CLASSES];
} sp_failures;

/* catalog/failures/NAME.yaml. Strings live in `arena`. Errors with file:line:column. */
sp_status sp_failures_load(const char *path, sp_arena *arena, sp_failures *out, sp_error *err);
/* The same of a document that was read. */
sp_status sp_failures_read(sp_node root, sp_arena *arena, sp_failures *out, sp_error *err);
/* Units of that kind on the machine; links are optical where a tier joins more than one rack, else electrical. */
sp_status sp_failures_count(const sp_machine *machine, sp_fail_unit unit, uint64_t *out, sp_error *err);
/* Events per second on the whole machine, all classes (network_only: links and switches alone). */
sp_status sp_failures_rate(const sp_failures *failures, const sp_machine *machine, bool network_only, double *out, sp_error *err);

/* ---- state: what is where ------------------------------------------------------------------------------- */

/* The machine as the manager sees it: chips in rows (hosts), rows in leaves (racks of at most 64 chips, one word each),
 * leaves in pods. A leaf may hold spare chips that take a failed chip's place. */
typedef struct sp_cluster sp_cluster;

typedef struct sp_cluster_shape {
    uint32_t chips, row_chips, leaf_chips, pod_chips;   /* each divides the next larger one, pod_chips divides chips */
    uint32_t spares_per_leaf;
    bool mesh_leaf;              /* rows and columns of a leaf are full meshes                             */
    uint32_t torus[3];           /* dims of a pod that is a torus of chips, innermost first; 0: it is none */
} sp_cluster_shape;
sp_status sp_cluster_shape_of(const sp_machine *machine, sp_cluster_shape *out, sp_error *err);
/* All chips free and healthy. Errors: SP_E_INVAL sizes that do not divide or leaves above 64 chips. About 30 B a leaf. */
sp_status sp_cluster_create(const sp_cluster_shape *shape, sp_cluster **out, sp_error *err);
void sp_cluster_destroy(sp_cluster *cluster);
const sp_cluster_shape *sp_cluster_shape_get(const sp_cluster *cluster);
size_t sp_cluster_bytes(const sp_cluster *cluster);
uint32_t sp_cluster_free_chips(const sp_cluster *cluster);
uint32_t sp_cluster_down_chips(const sp_cluster *cluster);      /* failed chips, those covered by a spare included */
uint32_t sp_cluster_spares_ready(const sp_cluster *cluster);    /* spare chips in leaves that cover nobody         */
/* A free chip goes out of service (taken by others, broken); no spare stands in. Chips already out stay so. Asserts that nobody holds it. */
void sp_cluster_take_down(sp_cluster *cluster, uint32_t chip);
bool sp_cluster_chip_free(const sp_cluster *cluster, uint32_t chip);
/* Every counter against a recount from the words: for tests. */
bool sp_cluster_consistent(const sp_cluster *cluster);

/* ---- placement -------------------------------------------------------------------------------------------- */

#define SP_NOWHERE UINT32_MAX

/* Where a placement's chips lie, up to symmetry: what its speed depends on. Equal signatures, equal step times. */
typedef struct sp_spread {
    uint32_t chips, rows, leaves, pods;   /* chips held, and how many units of each level they touch     */
    uint32_t granule;                     /* largest g such that each touched leaf holds a multiple of g */
    bool whole;                           /* whole leaves only (or one leaf)                             */
    bool aligned;                         /* whole leaves in one aligned run of a power of two           */
    bool regular;                         /* every touched leaf holds equally many, every touched pod too */
    bool ring[3];                         /* of the box: its chips make a ring in that dimension          */
    uint32_t box[3];                      /* of a torus; 0: not a box, or not known to be one             */
} sp_spread;

typedef struct sp_request {
    uint32_t chips;
    uint32_t segment_chips;      /* chips that must share a leaf (a pod, if larger than a leaf); 0: none; divides chips */
} sp_request;

/* Rows of the table of policies, from the most particular to the least. A policy fails or allocates; it never half-allocates.
 * The list (of pieces) is what sp_cluster_free wants; `owner` comes back from sp_cluster_owner and belongs to one list at a time. */
typedef struct sp_place_policy {
    const char *name, *about;
    bool (*place)(sp_cluster *cluster, const sp_request *request, uint32_t owner, uint32_t *list, sp_spread *spread);
    /* Other chips for those of the leaf that were lost (already out of the list); NULL: of the same rack, else their hosts whole, of the
     * pod, anywhere. False: none, and the list is to be freed. */
    bool (*replace)(sp_cluster *cluster, uint32_t leaf, uint64_t lost, uint32_t owner, uint32_t *list);
} sp_place_policy;
extern const sp_place_policy sp_place_policies[];
extern const size_t sp_place_n_policies;
const sp_place_policy *sp_place_policy_find(const char *name);   /* NULL: none */

void sp_cluster_free(sp_cluster *cluster, uint32_t list);
/* Chips of a list in ascending order; `out` has room for spread.chips. Returns how many. */
uint32_t sp_cluster_list_chips(const sp_cluster *cluster, uint32_t list, uint32_t *out);
uint32_t sp_cluster_owner(const sp_cluster *cluster, uint32_t chip);   /* SP_NOWHERE: nobody */
/* Recomputed from the list. */
sp_spread sp_cluster_spread(const sp_cluster *cluster, uint32_t list);

/* Takes one free chip for a list, as a policy would: for states that others made. False: no memory. Asserts that it is free. */
bool sp_cluster_take(sp_cluster *cluster, uint32_t chip, uint32_t owner, uint32_t *list);

/* ---- defragmentation ------------------------------------------------------------------------------------------- */

/* So many chips of a job go from rack to rack: which of each, by position; blocks: how many are free after it. */
typedef struct sp_move { uint64_t from_chips, to_chips; uint32_t owner, from, to, chips, blocks; } sp_move;
typedef struct sp_defrag {
    sp_move *move; uint32_t n;                 /* the caller's, in order                                  */
    uint32_t blocks_before, blocks_after;      /* blocks of whole free racks of one pod                    */
    uint64_t disturbed_chips;                  /* of the jobs that restart: the cost is that x their pause */
} sp_defrag;
/* Moves that free blocks of block_chips until there are `wanted`, or no more can be freed: each time the racks whose emptying disturbs the
 * fewest chips. In the order of the list each can be made when its turn comes: its chips are free in the rack to which it goes. They are made
 * on the cluster that is given, list[owners] follows it. Errors: SP_E_INVAL blocks that are no whole racks of a pod; SP_E_NOMEM. */
sp_status sp_cluster_defrag(sp_cluster *cluster, uint32_t *list, uint32_t owners, uint32_t block_chips, uint32_t wanted, sp_move *move /* [room] */, uint32_t room,
                            sp_defrag *out, sp_error *err);

/* Independent checker of a node list that any manager made. */
typedef struct sp_place_check {
    sp_spread spread;
    bool whole, aligned;             /* racks as of sp_spread; on a torus: a box, or whole cubes; the box begins at multiples of its edges */
    bool connected;                  /* every leaf's share is a full-mesh sub-array (or the leaf is switched); on a torus:
                                      * links join all chips, or optical switches whole cubes                             */
    uint32_t spares;                 /* spare chips in the leaves touched                                                  */
    double slowdown;                 /* against the ideal placement of as many chips (sp_cluster_slowdown)                 */
} sp_place_check;
/* Chips in any order. Errors: SP_E_INVAL a chip twice, SP_E_RANGE a chip outside the machine, naming it. */
sp_status sp_cluster_check(const sp_machine *machine, const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n,
                           sp_place_check *out, sp_error *err);

/* ---- judging -------------------------------------------------------------------------------------------------- */

/* Best spread that `chips` chips can have on an empty cluster. */
sp_spread sp_cluster_ideal(const sp_cluster_shape *shape, uint32_t chips);
/* Step time on the spread / step time on the ideal one, >= 1, for a job of unknown model: a share of its ideal step is
 * communication that runs at the bandwidth of the outermost tier it crosses. */
double sp_cluster_slowdown(const sp_machine *machine, const sp_cluster_shape *shape, const sp_spread *spread);

/* Step times of one (model, plan) on placements of a machine, memoised by signature. Not thread safe. */
typedef struct sp_judge sp_judge;
sp_status sp_judge_create(const sp_machine *machine, const sp_model *model, const sp_plan *plan, sp_judge **out, sp_error *err);
void sp_judge_destroy(sp_judge *judge);
/* What is broken or slow on the placement, up to symmetry: the step waits for the chip that has least. */
typedef struct sp_faults {
    uint8_t links_lost[SP_TIERS_MAX];   /* of one chip, on each tier of plane 0                               */
    double straggler;                   /* the slowest chip computes so many times as long; 0 and 1: none     */
} sp_faults;
/* (plan, placement, faults) -> seconds of a step. An irregular spread is priced as the regular one of its granule that touches as many
 * leaves and pods; a chip that lost links has so much less bandwidth on that tier, and its group with it. faults: NULL: none.
 * Errors: SP_E_UNFIT when the plan cannot be laid on it, or a chip has no link left on a tier. */
sp_status sp_judge_step(sp_judge *judge, const sp_spread *spread, const sp_faults *faults, double *step_time_s, sp_error *err);
/* Does the fullest chip hold what it has to there? Errors as sp_judge_step, which prices plans that do not fit in memory, too. */
sp_status sp_judge_fits(sp_judge *judge, const sp_spread *spread, bool *fits, sp_error *err);
/* Bytes of one chip's state under the judge's plan on that spread (sp_ckpt_state_bytes). Errors as sp_judge_step. */
sp_status sp_judge_state_bytes(sp_judge *judge, const sp_spread *spread, double *bytes, sp_error *err);
void sp_judge_counts(const sp_judge *judge, uint64_t *hits, uint64_t *misses);

/* ---- recovery ------------------------------------------------------------------------------------------------- */

/* Rungs of the ladder, from the least to the most: the step is computed again; processes restart on the same chips; a rack's spare takes
 * over; other chips do; one or more data-parallel replicas are given up; a new plan on what is left; the whole job restarts from storage;
 * the job waits for the repair. */
typedef enum sp_rung { SP_RUNG_STEP, SP_RUNG_PROCESS, SP_RUNG_SPARE, SP_RUNG_SWAP, SP_RUNG_SHRINK, SP_RUNG_REPLAN, SP_RUNG_RESTART, SP_RUNG_WAIT, SP_RUNGS } sp_rung;
const char *sp_rung_name(sp_rung rung);   /* "step" "process" "spare" "swap" "shrink" "re-plan" "restart" "wait" */

/* What stands by when a part fails: as many chips as it has as spares of the rack, free in the pod, free in the machine, or not. */
typedef enum sp_room { SP_ROOM_SPARE, SP_ROOM_POD, SP_ROOM_MACHINE, SP_ROOM_NONE, SP_ROOMS } sp_room;
const char *sp_room_name(sp_room room);   /* "rack spare" "pod" "machine" "none" */

/* One answer. speed: samples a second against the healthy plan. cost_s: of the job's time until the part is repaired: what the transition
 * takes, and then what it is slower. The rung with the least cost is taken; of equal ones the lower. */
typedef struct sp_recovery_row { sp_rung rung; bool feasible; sp_plan plan; uint32_t chips; double step_time_s, speed, transition_s, cost_s; } sp_recovery_row;

typedef struct sp_recovery_query {
    const sp_machine *machine;
    const sp_model *model;
    const sp_plan *plan;
    const sp_spread *spread;         /* where the job lies; NULL: the ideal placement of its chips            */
    double detect_s, link_detect_s;  /* of parts, and of links, which have retries and timeouts of their own   */
    double process_s, job_s;         /* to start processes again; the whole job                                */
    double repair_s;                 /* mean time until the part is back                                       */
    double storage_bytes_per_s;      /* as in sp_ckpt_cost                                                     */
    bool replan;                     /* search new plans too (a second or so)                                  */
} sp_recovery_query;
sp_recovery_query sp_recovery_query_default(const sp_machine *machine, const sp_model *model, const sp_plan *plan);

/* The table of a running job, computed ahead: failed unit x out of service or not x what stands by -> row. */
typedef struct sp_recovery sp_recovery;
/* Errors: SP_E_UNFIT when the plan itself does not lie on its placement; SP_E_INVAL negative times. Milliseconds, without replan. */
sp_status sp_recovery_create(const sp_recovery_query *query, sp_recovery **out, sp_error *err);
void sp_recovery_destroy(sp_recovery *recovery);
double sp_recovery_step_time_s(const sp_recovery *recovery);   /* of the healthy plan */
/* The answer, in nanoseconds. down: the unit is out until repaired. */
const sp_recovery_row *sp_recovery_look_up(const sp_recovery *recovery, sp_fail_unit unit, bool down, sp_room room);
/* What the answer was chosen from: row of a rung with that room, feasible or not. */
const sp_recovery_row *sp_recovery_rung(const sp_recovery *recovery, sp_fail_unit unit, bool down, sp_room room, sp_rung rung);
void sp_recovery_counts(const sp_recovery *recovery, uint64_t *hits, uint64_t *misses);   /* of its judges */

/* What stands by for `chips` chips of that leaf. */
sp_room sp_cluster_room(const sp_cluster *cluster, uint32_t chip, uint32_t chips);
/* A unit of a job that holds `list` fails for good: takes its chips down (or spares in), looks the answer up, and where that is other
 * chips, takes them for the owner. *spread: of the list then. Returns the row; NULL: nobody's chips were hit, or no memory. */
const sp_recovery_row *sp_recovery_answer(const sp_recovery *recovery, sp_cluster *cluster, sp_fail_unit unit, uint32_t first_chip, uint32_t owner, uint32_t *list,
                                          sp_spread *spread);

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

typedef struct sp_job {
    int64_t submit_us;
    int64_t work_us;             /* run time on the ideal placement without failures or checkpoints  */
    int64_t estimate_us;         /* what the user asked for, >= work_us                              */
    uint32_t chips;
    uint32_t id;                 /* of the source                                                    */
    int64_t deadline_us;         /* to be done by then; 0: none                                      */
    int32_t priority;            /* larger goes first                                                */
    uint32_t user;
    uint32_t replica_chips;      /* of one data-parallel replica: the job goes on with fewer; divides chips; 0: it does not */
    uint32_t kind;               /* of sp_operation.kind, counted from 1; 0: nothing is known but size and time             */
} sp_job;

struct sp_operation;
/* Jobs that train one model under one plan: what is predicted of them on the machine. */
typedef struct sp_job_kind {
    const sp_model *model;
    const sp_plan *plan;
    uint32_t chips;
    double step_time_s;          /* on the ideal placement                                           */
    double tokens_per_step;
    double mem_bytes_max;        /* of the fullest chip                                              */
    sp_ckpt ckpt;                /* of one chip's state                                              */
    double checkpoint_s, drain_s;/* stopped by one; then under way                                   */
    sp_recovery *recovery;       /* sp_job_kind_recover; NULL: a failure for which nothing stands by makes it wait, or shrink if it is elastic */
    struct sp_kind_judge *judge; /* prices placements, for all threads; sp_job_kind_release frees it  */
} sp_job_kind;
/* model and plan stay the caller's, and have to live as long. checkpoint_s >= 0: instead of what the machine takes to keep the state
 * at `place`. Errors: as sp_plan_check; SP_E_UNFIT when the plan does not fit in memory or on the machine. A prediction or two. */
sp_status sp_job_kind_make(const sp_machine *machine, const sp_model *model, const sp_plan *plan, sp_ckpt_place place, bool background, double checkpoint_s,
                           sp_job_kind *out, sp_error *err);
void sp_job_kind_release(sp_job_kind *kind);
/* Computes its table of recovery, new plans included, with the times of the operation: in a run a job of the kind that loses chips for which
 * nothing stands by goes on with fewer replicas or another plan where that costs it less than to wait. Errors as sp_recovery_create.
 * A second or so: two searches. */
sp_status sp_job_kind_recover(sp_job_kind *kind, const struct sp_operation *operation, sp_error *err);
/* Placements that were looked up, and those that were priced. */
void sp_job_kind_counts(const sp_job_kind *kind, uint64_t *hits, uint64_t *misses);

/* Where a table's jobs with a model get their kinds. */
typedef struct sp_kind_source {
    /* number: 1 …, the kind that trains `model` under `plan` (as the table has them, "" for none) on `chips` chips (0: not said) */
    sp_status (*find)(void *context, const char *model, const char *plan, uint32_t chips, uint32_t *number, sp_job_kind *kind, sp_error *err);
    void *context;
} sp_kind_source;

typedef struct sp_jobs {
    sp_job *job; uint32_t n;     /* by submit_us, ties in the order of the source                    */
    uint64_t skipped, repaired;  /* records left out, and records with a field put right             */
    char note[256];              /* the first repair in words; "" when none                          */
} sp_jobs;
void sp_jobs_free(sp_jobs *jobs);

/* Standard Workload Format 2.2, leniently: unknown processors, times or requests are filled from their twins and counted as
 * repaired; records without any size or run time are skipped and counted. A processor is a chip; jobs above `most_chips` are an
 * error. Errors: SP_E_PARSE with line and column for what is not a number, SP_E_RANGE. sp_jobs_free(out). */
sp_status sp_jobs_parse_swf(const char *text, size_t length, const char *name, uint32_t most_chips, sp_jobs *out, sp_error *err);
/* CSV with a header; `map` names the columns, "submit=start_time,run=duration,chips=gpus,estimate=limit,id=job"; seconds. A job with a
 * model runs for its steps or tokens; kinds NULL: such jobs are refused. */
sp_status sp_jobs_parse_csv(const char *text, size_t length, const char *name, const char *map, uint32_t most_chips, const sp_kind_source *kinds, sp_jobs *out,
                            sp_error *err);
/* A file: CSV when it ends in .csv or a map is given (may be NULL), else SWF. Errors also: SP_E_IO. */
sp_status sp_jobs_read(const char *path, const char *map, uint32_t most_chips, const sp_kind_source *kinds, sp_jobs *out, sp_error *err);
/* `count` more jobs of a kind, submitted at 0. steps 0: each outlives span_s. */
sp_status sp_jobs_add_kind(sp_jobs *jobs, const sp_job_kind *kind, uint32_t number, uint32_t count, double steps, double span_s, sp_error *err);
/* "pretrain", "philly", "acme", "mix" or "one", with words behind a colon: "philly:load=0.9,jobs=1000000,chips=…".
 * Arrivals are Poisson; over `span_s` seconds on `chips` chips they ask for `load` of the chip-time. */
/* A job has at most so many chips, unless chips=… says how many: a 64th of the machine is left for what is broken. */
uint32_t sp_jobs_generate_most(uint32_t chips);
sp_status sp_jobs_generate(const char *spec, uint32_t chips, double span_s, uint64_t seed, sp_jobs *out, sp_error *err);

/* ---- operation -------------------------------------------------------------------------------------------------- */

typedef enum sp_loss { SP_LOSS_USEFUL, SP_LOSS_SLOWDOWN, SP_LOSS_STRAGGLER, SP_LOSS_RECOMPUTED, SP_LOSS_CHECKPOINT, SP_LOSS_DETECT, SP_LOSS_RESTART,
                       SP_LOSS_IDLE_NO_DEMAND, SP_LOSS_IDLE_FRAGMENTED, SP_LOSS_IDLE_POWER_CAP, SP_LOSS_SPARE, SP_LOSS_DOWN, SP_LOSSES } sp_loss;
const char *sp_loss_name(sp_loss loss);   /* "useful", "placement_slowdown", "recomputed", … "down" */

/* Rows of the table of queue orders (src/cluster/orders.c). */
typedef enum sp_order { SP_ORDER_FIFO, SP_ORDER_EASY, SP_ORDER_CONSERVATIVE, SP_ORDER_PRIORITY, SP_ORDER_FAIR_SHARE, SP_ORDER_DEADLINE, SP_ORDERS } sp_order;
const char *sp_order_name(sp_order order);    /* "fifo" "easy" "conservative" "priority" "fair-share" "deadline" */
const char *sp_order_about(sp_order order);   /* a line that says what it does */
bool sp_order_find(const char *name, sp_order *out);
const char *sp_order_goes_by(sp_order order); /* before submission: "priorities" "users" "deadlines"; NULL: by nothing else */
bool sp_order_is_moot(sp_order order, const sp_jobs *jobs);   /* no two of them differ in that, so that they go by submission */

/* Spare hosts on which no job is started: so many of every rack, of every pod, or of the machine. They take the place of failed ones where
 * as many are not free in the pod, for jobs in it and for those that wait to run again. */
typedef enum sp_reserve_of { SP_RESERVE_RACK, SP_RESERVE_POD, SP_RESERVE_MACHINE, SP_RESERVES } sp_reserve_of;
const char *sp_reserve_name(sp_reserve_of of);         /* "rack" "pod" "machine" */
typedef struct sp_reserve { sp_reserve_of of; uint32_t hosts; } sp_reserve;   /* hosts 0: none */

typedef struct sp_operation {
    const sp_machine *machine;
    const sp_failures *failures;       /* NULL: none                                                       */
    const sp_place_policy *policy;
    uint32_t segment_chips;            /* asked for by jobs that are multiples of it; 0: none             */
    sp_order order;
    bool preempt;                      /* a job that does not fit stops less urgent ones (priority, deadline): they write a checkpoint, for
                                        * which it waits, and restart when their turn comes              */
    double defrag_ratio;               /* a head for which chips are there, but not in a form, has running jobs moved when what it waits for is worth
                                        * so many times what the moves cost, in chip-time; 0: never           */
    double defrag_period_s;            /* between two looks for such moves                                   */
    double power_cap_w;                /* of the whole machine: no more chips run than it feeds; 0: none   */
    double fair_half_life_s;           /* of what a user has had                                          */
    uint32_t conservative_depth;       /* jobs of the queue that get a reservation                        */
    double checkpoint_s;               /* blocking cost of one checkpoint                                  */
    double drain_s;                    /* after it the copy goes on in the background, and is of use when it has arrived */
    sp_ckpt_place place;               /* a failure that it does not outlive takes jobs back to their last copy in storage */
    double storage_s;                  /* such a copy takes so long behind the work, and as long to read; of places other than storage */
    double storage_share;              /* of the step that it takes meanwhile                              */
    double interval_s;                 /* 0: the best one for each job's MTBF                              */
    double detect_s;                   /* to notice a part that is out                                     */
    double link_detect_s, process_detect_s;   /* links and switches; stops after which nothing is out. < 0: as detect_s */
    double restart_s;                  /* job restart on other chips                                       */
    double swap_s;                     /* restart when a spare of the rack takes the failed chip's place   */
    double read_s;                     /* then, to read the last checkpoint back; trainings: as predicted of their state */
    double decide_s;                   /* from the notice to the decision; 0: by a look-up                 */
    bool reroute;                      /* a job goes round a link that dies, slower until it is back; else it goes back to its checkpoint */
    double reroute_s;                  /* the step in flight once more, of jobs without a model            */
    double horizon_s;
    double fail_scale, repair_scale;   /* factors on rates and repair times, 1: as in the catalog          */
    bool rack_spares;                  /* use the machine's spares                                         */
    sp_reserve reserve;                /* hosts kept free besides them                                     */
    bool (*interrupted)(void *); void *context;   /* asked now and then; may be NULL                      */
    const sp_job_kind *kind; uint32_t n_kinds;   /* what jobs with a model are                               */
    const struct sp_watch *watch;      /* who is told what happens; NULL: nobody                           */
} sp_operation;
/* Who notices failures: sets the three times of detection. Rows of src/cluster/detect.c. */
typedef struct sp_detector { const char *name, *about; double part_s, link_s, process_s; } sp_detector;
extern const sp_detector sp_detectors[];
extern const size_t sp_n_detectors;
const sp_detector *sp_detector_find(const char *name);   /* NULL: none */
void sp_detector_use(const sp_detector *detector, sp_operation *operation);

/* Defaults: policy "best", EASY, best interval, graded guesses for the times. */
sp_operation sp_operation_default(const sp_machine *machine);

typedef struct sp_history {
    double share[SP_LOSSES];           /* of installed chips x time; they sum to 1                          */
    double goodput;                    /* share[USEFUL]                                                     */
    double ettr, ettr_queued;          /* chip-weighted over jobs; without and with waiting to run again    */
    double utilisation;                /* allocated / (installed - down)                                    */
    double mttf_s, mttr_s;             /* of running jobs; 0 when nothing failed                             */
    double mttf_host_s, mttf_rack_s, mttf_pod_s, mttf_pods_s;   /* of jobs of up to a host, a rack, a pod, more; 0: none was interrupted */
    /* its stages: noticed, decided, chips there again, processes running again, the checkpoint read, the work since it done again; they sum to it */
    double mttr_detect_s, mttr_decide_s, mttr_allocate_s, mttr_restart_s, mttr_load_s, mttr_recompute_s;
    double tokens_per_day;             /* of jobs with a model, steps that were not undone                   */
    double wait_mean_s, wait_p50_s, wait_p95_s, wait_p99_s, slowdown_bounded;   /* of jobs started; bound 10 s */
    double wait_host_s, wait_rack_s, wait_pod_s, wait_pods_s;                   /* means of jobs of up to a host, a rack, a pod, more */
    double slowdown_host, slowdown_rack, slowdown_pod, slowdown_pods;           /* their bounded slowdowns; 0: no such job */
    double fragmentation_host, fragmentation_rack, fragmentation_pod;           /* free chips that lie in no wholly free one / free, over time */
    uint64_t jobs, jobs_started, jobs_done, interruptions, failures, replaced, requeued, swapped, rerouted, preemptions, shrunk, replanned, grown, moved, reserve_used, maintained, corrupted, events, placements;
    uint64_t deadlines_missed;         /* done late, or not done although the deadline lies in the time simulated */
    uint64_t queue_max;
} sp_history;

/* The figures of a history beside its shares, in the order in which they are told. */
typedef struct sp_history_field { const char *name; sp_unit unit; bool whole; size_t offset, of; } sp_history_field;   /* whole: uint64_t, else double; of: sp_history_has */
extern const sp_history_field sp_history_fields[];
extern const size_t sp_history_n_fields;
double sp_history_value(const sp_history *history, const sp_history_field *field);
/* False: the figure is 0 because the run had nothing that it could be of: no job of that size, no interruption, no training. */
bool sp_history_has(const sp_history *history, const sp_history_field *field);

/* What happens to jobs and parts. */
typedef enum sp_happening { SP_HAPPENED_START, SP_HAPPENED_DONE, SP_HAPPENED_RESTART, SP_HAPPENED_REPLACE, SP_HAPPENED_SHRINK, SP_HAPPENED_GROW,
                            SP_HAPPENED_REQUEUE, SP_HAPPENED_PREEMPT, SP_HAPPENED_FAIL, SP_HAPPENED_SPARE, SP_HAPPENED_REPAIR, SP_HAPPENED_REPLAN, SP_HAPPENED_MOVE, SP_HAPPENED_REROUTE,
                       SP_HAPPENINGS } sp_happening;
const char *sp_happening_name(sp_happening what);   /* "start", "done", "restart" (in place), "replace" (other chips), … */
typedef struct sp_happened {
    int64_t at_us;
    sp_happening what;
    uint32_t job, class, rack, chips;  /* job: its id; class: row of the failures. SP_NOWHERE where there is none */
} sp_happened;

/* Told by one run, in the order of its events; a run with a watch takes the same course as one without. */
typedef struct sp_watch {
    bool (*happened)(void *context, const sp_happened *one);   /* false: stop, SP_E_IO; may be NULL            */
    void *context;
    uint32_t n_spans;
    double (*spent_s)[SP_LOSSES];      /* [n_spans] chip-seconds by what they went to, in equal spans of the time simulated; NULL: not wanted */
} sp_watch;

/* One run of one seed. wait_us (may be NULL) receives first-start waits per job, -1 where it never started.
 * Errors: SP_E_INVAL rates beyond 10^9 a second, a job larger than the machine or without a place under the policy; SP_E_NOMEM, SP_E_INTERRUPTED. */
sp_status sp_operate(const sp_operation *operation, const sp_jobs *jobs, uint64_t seed, int64_t *wait_us, sp_history *out, sp_error *err);

/* `n` runs of seeds seed, seed + 1, … over threads and the members of a team: the same bits on any number of either. */
typedef struct sp_runs {
    const sp_operation *operation;
    const sp_jobs *jobs;               /* serve all runs, unless                                            */
    const char *spec;                  /* jobs are made anew for every seed; NULL: they are not             */
    uint64_t seed;
    uint32_t n, threads;               /* threads of this process, at least 1                               */
    const sp_team *team;               /* NULL: this process alone                                          */
    struct sp_store *store;            /* runs in it are read, the others written to it; NULL: none          */
    uint32_t n_spans;
    double (*spent_s)[SP_LOSSES];      /* [n][n_spans] as in sp_watch; NULL: not wanted                      */
} sp_runs;
sp_status sp_operate_runs(const sp_runs *runs, sp_history *out /* [n], on every member */, sp_error *err);
/* The same in one process. */
sp_status sp_operate_seeds(const sp_operation *operation, const sp_jobs *jobs, const char *spec, uint64_t seed, uint32_t n,
                           uint32_t threads, sp_history *out, sp_error *err);
/* ---- store --------------------------------------------------------------------------------------------------------- */

/* Runs and their events in an SQLite file. What is written stays written: a process that is killed leaves a store from which the
 * same command goes on. Seeds that had ended are read, bit for bit; the one under way is run again, its events that are in the
 * store already compared, not written twice. Several threads and processes may write to one store. */
typedef struct sp_store sp_store;
/* key: what is run but the seeds, in words; a store of other words is refused. A file that is not there is made.
 * Errors: SP_E_IO; SP_E_INVAL another key; SP_E_PARSE another program's or version's file, or a damaged one. */
sp_status sp_store_open(const char *path, const char *key, const sp_failures *failures, uint32_t n_spans, sp_store **out, sp_error *err);
/* Seeds whose runs had ended when the store was opened. */
uint64_t sp_store_runs(const sp_store *store);
void sp_store_close(sp_store *store);

/* Mean and half-width of the 95 % interval (Student's t) of n values. */
void sp_cluster_mean(const double *value, uint32_t n, double *mean, double *half_width);

#ifdef __cplusplus
}
#endif
#endif
