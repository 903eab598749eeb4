/* One run of the event simulation: shared by operate.c (events), orders.c, schedule.c, backfill.c and preempt.c (queue), strike.c
 * (failures) and account.c. */
#ifndef OPERATE_I_H
#define OPERATE_I_H

#include "cluster_i.h"
#include "superpod/engine.h"

typedef unsigned __int128 sp_i_chip_us;   /* 2^24 chips x 300,000 years of microseconds fit in 96 bits */

enum { SP_I_END, SP_I_REPAIR, SP_I_WEIBULL, SP_I_FOUND, SP_I_LINK, SP_I_CUT_OFF };   /* kinds of queued events; arrivals and exponential failures are kept outside */

#define SP_I_AHEAD 5
/* A running job. The slot's number is the owner of its chips. Three whole lines of cache: thousands of jobs run between its start and its end. */
typedef struct sp_i_slot {
    _Alignas(64) uint32_t job;
    uint32_t list, generation, next_free;
    uint32_t ahead[SP_I_AHEAD];          /* pieces of the list after the first when it began, to be fetched before they are needed */
    uint32_t chips;                      /* held                                                     */
    int64_t since_us;                    /* when it came to these chips                              */
    int64_t left_us;                     /* work left at the begin of the segment                    */
    int64_t begin_us, drain_us, detect_us, decide_us, restart_us, load_us, interval_us, end_key_us;   /* drain: those preempted write their checkpoints */
    int64_t checkpoint_us, copy_us;      /* of the job: stopped by a checkpoint; then under way      */
    double slow, straggle;               /* slow: of placement, lost replicas and straggler together  */
    uint32_t n_slow;                     /* its slow parts: it waits for the slowest, so that more of them cost no more */
    bool cut_off;                        /* a chip has no link left on a tier: it loses it at this very tick */
    const sp_recovery_row *row;          /* of its kind's table: the plan that it goes on with; NULL: its own */
    sp_i_tally *tally;                   /* of large jobs, once a part was replaced; else NULL        */
} sp_i_slot;

/* A running job's copies to storage of checkpoints that lie in memory. */
typedef struct sp_i_stored {
    int64_t takes_us, every_us, since_us;   /* one of them (0: there are none); running time from one to the next, and since the last began */
    int64_t left_us;                     /* work left in the last that arrived                       */
    sp_ckpt_place place;                 /* of the checkpoints                                       */
} sp_i_stored;

typedef struct sp_i_repair { uint64_t mask; uint32_t leaf, spares, next_free; } sp_i_repair_job;

/* A fault that nobody has noticed yet. clean_us: work left in the last checkpoint before it. */
typedef struct sp_i_hidden { uint64_t unit; int64_t since_us, clean_us; uint32_t class, slot, job, next_free; } sp_i_hidden;

/* A link or switch that is dead: of the chips at its ends in a leaf, one or all; those that it took down with it. */
typedef struct sp_i_dead { uint64_t chips, down; uint32_t leaf, class, next; } sp_i_dead;
/* Dead links of the worst off of a job's chips, by tier, and one of them. */
typedef struct sp_i_lost { uint8_t links[SP_TIERS_MAX]; uint32_t dead[SP_TIERS_MAX]; bool any; } sp_i_lost;

/* Whom a failure in a leaf strikes, and the chips that it loses. */
typedef struct sp_i_victim { uint32_t slot; uint64_t lost; } sp_i_victim;

typedef struct sp_i_run sp_i_run;

/* Where a walk over the queue stands: the user whose turn it is (fair share alone), the next position. */
typedef struct sp_i_cursor { uint32_t turn, from; } sp_i_cursor;
#define SP_I_ANY UINT32_MAX              /* as a size: whatever waits */

/* A row of the table of queue orders. */
typedef struct sp_i_order {
    const char *name, *about;
    int (*urgency)(const sp_job *a, const sp_job *b);   /* < 0: a before b; NULL: by submission. Ties go by submission */
    void (*pass)(sp_i_run *run, uint32_t head, uint32_t most, sp_i_cursor after);   /* jobs of at most `most` chips behind the head; NULL: none */
    bool users;                          /* in turns of users, who had least first */
} sp_i_order;
extern const sp_i_order sp_i_orders[SP_ORDERS];

typedef struct sp_i_user { double used, running; int64_t at_us; uint32_t waiting; } sp_i_user;
typedef struct sp_i_turn { double used; uint32_t head, user; } sp_i_turn;
/* Positions of a user's jobs lie side by side. */
typedef struct sp_i_users { uint32_t n, turns, *of, *first; sp_i_user *user; sp_i_turn *turn; } sp_i_users;

typedef struct sp_i_profile { int64_t *at; uint32_t *chips, n, room; } sp_i_profile;   /* free chips from at[i] on */
typedef struct sp_i_claim { int64_t since_us; uint32_t level, job, slot; } sp_i_claim;

/* Why a job waits. */
typedef enum sp_i_wait { SP_I_NEW, SP_I_FAILED, SP_I_EVICTED } sp_i_wait;

/* Of a job: work left; first start or -1; last thrown out or -1; an sp_i_wait. 32 B and aligned to them: one line of cache a start or an end. */
typedef struct sp_i_progress { int64_t left_us, first_us, since_us; uint8_t why; } sp_i_progress;

/* What all jobs of so many chips share: their best checkpoint interval, the cost of communication on the ideal placement. */
typedef struct sp_i_sized { uint32_t chips; int64_t interval_us; double ideal_cost; } sp_i_sized;

struct sp_i_run {
    const sp_operation *op;
    const sp_jobs *jobs;
    sp_cluster *cluster;
    sp_queue *queue;
    sp_i_ends ends;
    sp_i_waiting waiting;
    uint32_t *position, *job_at;         /* [jobs] queue positions and back; NULL: by submission        */
    sp_i_users users;                    /* n = 0 unless the order goes by users                        */
    sp_i_profile profile;
    uint32_t *level, levels;             /* [jobs] ranks of urgency; NULL: nobody is preempted          */
    int64_t *level_chips;
    sp_i_claim *claim;
    uint32_t claim_room;
    uint32_t *shrunk, n_shrunk, shrunk_room;   /* slots of elastic jobs that lack chips             */
    sp_i_slot *slot;
    uint32_t slots, slot_free;
    sp_i_stored *stored;                 /* [slots] beside them, since few runs have any; NULL: nobody has */
    uint32_t stored_room;
    sp_i_repair_job *repair;
    uint32_t repairs, repair_room, repair_free;
    struct sp_i_loss *loss;              /* what the failure that strikes now took of jobs            */
    uint32_t losses, loss_room;
    struct sp_i_pool *pool;              /* of spare hosts                                           */
    uint64_t *reserved;                  /* [leaves] chips of theirs that stand by                   */
    uint32_t pools, missing_hosts, reserve_chips;
    sp_i_hidden *hidden;
    uint32_t hidden_room, hidden_free;
    sp_i_progress *progress;             /* [jobs]                                                   */
    sp_i_dead *dead;
    uint32_t dead_room, dead_free, n_dead, *dead_first;   /* first: [leaves], NULL until one is dead  */
    uint64_t *dead_leaves;               /* set of leaves that have one                              */
    sp_rng rng;
    double class_rate[SP_FAIL_CLASSES], total_rate, rate_per_chip, forget_rate_per_chip[SP_CKPT_PLACES];   /* forget: of failures that no checkpoint there outlives */
    uint64_t class_units[SP_FAIL_CLASSES];
    int64_t now_us, horizon_us, next_fail_us, next_defrag_us, checkpoint_us, drain_us;
    sp_i_rates rates;                    /* of the machine                                           */
    sp_i_sized sized[256];               /* by size, direct-mapped (kind.c)                          */
    uint32_t next_job, installed, cap_chips, running_chips;   /* cap: of chips that run; UINT32_MAX: none */
    bool dirty, no_memory, deaf;         /* deaf: the watch wants no more */
    struct { int64_t shadow_us; uint64_t changes; uint32_t head, available, most, extra; bool known; } blocked;   /* what EASY's last pass left (backfill.c) */
    sp_i_chip_us spent[SP_LOSSES], held, requeued_chip_us, advanced;
    sp_i_chip_us free_time, whole_time[3];   /* free chips; those in wholly free hosts, racks, pods */
    double size_wait_s[4], size_slowdown[4]; /* sums over jobs of up to a host, a rack, a pod, more  */
    double size_running_s[4];
    uint64_t size_started[4], size_done[4], size_stopped[4];
    double tokens, slowdown_sum, detect_s_sum, decide_s_sum, allocate_s_sum, restart_s_sum, load_s_sum, recompute_s_sum;
    sp_history history;
};

int64_t sp_i_us(double seconds);          /* saturates at INT64_MAX / 8 */

/* ---- account.c ---- */
typedef enum sp_i_close { SP_I_DONE, SP_I_BROKEN, SP_I_SAVED } sp_i_close;   /* saved: nothing is undone */
void sp_i_idle(sp_i_run *run, int64_t until_us);              /* the machine's time to `until` */
void sp_i_segment(sp_i_run *run, sp_i_slot *slot, sp_i_close how);   /* a job's time since slot->begin_us */
int64_t sp_i_segment_length(const sp_i_slot *slot);
int64_t sp_i_pause_left(const sp_i_run *run, const sp_i_slot *slot);            /* of all of them */
int64_t sp_i_left_in_checkpoint(const sp_i_run *run, const sp_i_slot *slot);    /* work left in the last one that stands */
void sp_i_undo(sp_i_run *run, uint32_t job, int64_t us);                        /* so much useful work was not: it is done again */
/* Chips that jobs may take: free, and fed. */
static inline uint32_t sp_i_available(const sp_i_run *run)
{
    uint32_t fed = run->cap_chips > run->running_chips ? run->cap_chips - run->running_chips : 0;
    return run->cluster->free_chips < fed ? run->cluster->free_chips : fed;
}
sp_status sp_i_shares(sp_i_run *run, sp_error *err);
void sp_i_waits(sp_i_run *run, int64_t *wait_us);

/* ---- kind.c ---- */
/* Times of a job's checkpoints. */
typedef struct sp_i_keeping { int64_t checkpoint_us, copy_us, interval_us; } sp_i_keeping;
sp_i_keeping sp_i_keeping_of(sp_i_run *run, uint32_t job);
double sp_i_slow(sp_i_run *run, uint32_t job, const sp_spread *spread, const sp_faults *faults);   /* >= 1, against its ideal placement; infinite: a chip has no link left */
double sp_i_slow_there(sp_i_run *run, const sp_spread *spread, const sp_faults *faults);             /* the same of a job of unknown model */
double sp_i_read_s(const sp_i_run *run, uint32_t job);              /* to read its checkpoint back */
void sp_i_count_tokens(sp_i_run *run, uint32_t job, int64_t useful_us);

/* ---- stored.c ---- */
void sp_i_stored_begin(sp_i_run *run, uint32_t slot);               /* a job comes to its chips: its copies to storage, and what they take of the step */
void sp_i_stored_after(sp_i_run *run, const sp_i_slot *slot, int64_t run_us);   /* so much running from left_us on: which of them have arrived */
void sp_i_stored_undo(sp_i_run *run, uint32_t slot);                /* what they have beyond the work left is wrong */
void sp_i_count_forgetting(sp_i_run *run, const sp_fail_class *class, double rate_per_chip);   /* for how often they are best made */
bool sp_i_forgets(const sp_i_run *run, uint32_t slot, const sp_fail_class *class);   /* such a failure takes its checkpoints with it */
void sp_i_fall_back(sp_i_run *run, uint32_t slot);                  /* to the last copy that arrived */
double sp_i_load_s(const sp_i_run *run, uint32_t slot, bool stored);   /* to read the last checkpoint, or the copy in storage */

/* ---- series.c ---- */
static inline bool sp_i_series(const sp_i_run *run) { return run->op->watch != NULL && run->op->watch->spent_s != NULL; }
void sp_i_series_add(const sp_i_run *run, sp_loss loss, uint64_t chips, int64_t from_us, int64_t until_us);
/* So many chip-seconds of useful work, the latest, become work done again. */
void sp_i_series_undo(const sp_i_run *run, double chips_s);
/* A segment that ends now: pauses, then cycles from `from_us` on, whose last `undone_us` of work are lost. */
void sp_i_series_segment(const sp_i_run *run, const sp_i_slot *slot, int64_t from_us, int64_t undone_us);

/* Up to a host 0, a rack 1, a pod 2, more 3. */
static inline int sp_i_size_class(const sp_i_run *run, uint32_t chips)
{
    const sp_cluster_shape *s = &run->cluster->shape;
    return chips <= s->row_chips ? 0 : chips <= s->leaf_chips ? 1 : chips <= s->pod_chips ? 2 : 3;
}

/* A failure stops the job. */
static inline void sp_i_count_stop(sp_i_run *run, uint32_t job)
{
    run->history.interruptions++;
    run->size_stopped[sp_i_size_class(run, run->jobs->job[job].chips)]++;
}

/* Tells the watch; job and class as indexes. */
static inline void sp_i_tell(sp_i_run *run, sp_happening what, uint32_t job, uint32_t class, uint32_t rack, uint32_t chips)
{
    const sp_watch *watch = run->op->watch;
    if (watch == NULL || watch->happened == NULL || run->deaf) return;
    uint32_t id = job == SP_NOWHERE ? SP_NOWHERE : run->jobs->job[job].id;
    run->deaf = !watch->happened(watch->context, &(sp_happened){run->now_us, what, id, class, rack, chips});
}

/* ---- orders.c ---- */
bool sp_i_queue_make(sp_i_run *run);
void sp_i_queue_release(sp_i_run *run);
void sp_i_queue_add(sp_i_run *run, uint32_t job);
void sp_i_queue_remove(sp_i_run *run, uint32_t job);
sp_i_cursor sp_i_queue_begin(sp_i_run *run);
/* Next waiting job with chips <= most and (estimate <= limit or chips <= extra), or SP_NOWHERE; moves the cursor behind it. */
uint32_t sp_i_queue_next(sp_i_run *run, sp_i_cursor *cursor, uint32_t most, int64_t limit, uint32_t extra);
void sp_i_user_runs(sp_i_run *run, uint32_t job, int64_t chips);    /* so many more, or fewer */

/* ---- backfill.c ---- */
void sp_i_pass_easy(sp_i_run *run, uint32_t head, uint32_t most, sp_i_cursor after);
bool sp_i_pass_last(sp_i_run *run, uint32_t job);                   /* of a job that comes now, last of all; false: nothing was done, all must be asked */
void sp_i_pass_conservative(sp_i_run *run, uint32_t head, uint32_t most, sp_i_cursor after);

/* ---- preempt.c ---- */
bool sp_i_preempt_make(sp_i_run *run);
void sp_i_level_runs(sp_i_run *run, uint32_t job, int64_t chips);
bool sp_i_preempt(sp_i_run *run, uint32_t head);                    /* true: it runs now */

/* ---- consolidate.c ---- */
bool sp_i_defrag(sp_i_run *run, uint32_t head);                     /* true: jobs were moved, and it runs now */

/* ---- elastic.c ---- */
bool sp_i_shrink(sp_i_run *run, uint32_t slot, uint32_t leaf, uint32_t gone);   /* so many chips, some of the leaf; false: it cannot */
/* Goes on with the plan of its kind's table that costs least until the part is back; NULL: there is none, or waiting costs less. */
const sp_recovery_row *sp_i_replan(sp_i_run *run, uint32_t slot, uint32_t leaf, uint32_t gone, double repair_s);
void sp_i_measure(sp_i_run *run, sp_i_slot *slot, const sp_spread *spread);     /* its speed there */
void sp_i_grow_all(sp_i_run *run);
void sp_i_forget_shrunk(sp_i_run *run, uint32_t slot);

/* ---- reserve.c ---- */
bool sp_i_reserve_make(sp_i_run *run);                              /* false: no memory */
void sp_i_reserve_release(sp_i_run *run);
void sp_i_reserve_draw(sp_i_run *run, uint32_t leaf, uint32_t chips);   /* spare hosts for so many chips, unless others are free near */
void sp_i_reserve_tend(sp_i_run *run, uint32_t head);               /* fills pools up; empties them for a head that lost its chips */

/* ---- hidden.c ---- */
uint32_t sp_i_hidden_new(sp_i_run *run);                            /* SP_NOWHERE: no memory */
void sp_i_hidden_drop(sp_i_run *run, uint32_t hidden);
bool sp_i_hide(sp_i_run *run, uint32_t class, uint64_t unit, uint32_t slot);    /* strikes a job unnoticed; false: no memory */
void sp_i_found(sp_i_run *run, uint32_t hidden);

/* ---- dead.c ---- */
uint32_t sp_i_dead_add(sp_i_run *run, uint32_t class, uint32_t leaf, uint64_t chips);   /* SP_NOWHERE: no memory, which the run knows */
void sp_i_dead_drop(sp_i_run *run, uint32_t dead);
void sp_i_dead_release(sp_i_run *run);
sp_i_lost sp_i_lost_by(sp_i_run *run, uint32_t slot, const sp_spread *spread);
/* Could nobody who uses the whole machine run on one of these chips? */
bool sp_i_cuts_off(const sp_i_run *run, uint32_t leaf, uint64_t chips);
uint32_t sp_i_dead_that_cuts(sp_i_run *run, uint32_t slot, const sp_spread *spread);    /* a chip of the job off from a tier; SP_NOWHERE: none */

/* ---- reroute.c ---- */
/* A link of the chip dies: the job there goes round it, or sends nothing over it, or nobody runs there. False: it cannot, and nothing has
 * changed. */
bool sp_i_reroute(sp_i_run *run, uint32_t class, uint32_t chip);
/* A switch over the rack dies under these jobs. */
void sp_i_reroute_switch(sp_i_run *run, uint32_t class, uint32_t leaf, const uint32_t *slots, uint32_t n);
void sp_i_cut_off(sp_i_run *run, uint32_t slot);
void sp_i_link_back(sp_i_run *run, uint32_t dead);

/* ---- schedule.c ---- */
void sp_i_schedule(sp_i_run *run);
sp_request sp_i_request_of(const sp_i_run *run, uint32_t job);
bool sp_i_start(sp_i_run *run, uint32_t job, double drain_s);
/* Before a job runs on: a last checkpoint, the notice, the decision, processes and chips, the checkpoint read back. */
typedef struct sp_i_pauses { double drain_s, detect_s, decide_s, restart_s, load_s; } sp_i_pauses;
void sp_i_begin(sp_i_run *run, uint32_t slot, sp_i_pauses pauses);   /* a segment from now on, pauses first */
void sp_i_leave(sp_i_run *run, uint32_t slot);                                      /* frees chips and slot  */
void sp_i_requeue(sp_i_run *run, uint32_t slot, sp_i_wait why);                     /* leaves, and waits again with what it saved */

/* ---- strike.c ---- */
uint32_t sp_i_victims(sp_cluster *cluster, uint32_t leaf, uint64_t hit, sp_i_victim *out);   /* out: room for 64 */
/* Chips `lost` of the leaf are gone for good; 0: the job restarts where it is. Planned: it writes a checkpoint first. */
void sp_i_interrupt(sp_i_run *run, uint32_t slot, uint32_t leaf, uint64_t lost, const sp_fail_class *class);
sp_status sp_i_failures_start(sp_i_run *run, sp_error *err);
void sp_i_next_failure(sp_i_run *run);
int64_t sp_i_repair_us(sp_i_run *run, const sp_fail_class *row);    /* drawn */
double sp_i_notice_s(const sp_operation *op, const sp_fail_class *class);
void sp_i_fail_now(sp_i_run *run);
void sp_i_strike(sp_i_run *run, uint32_t class, uint64_t unit);   /* as if it had just failed, and been noticed */
void sp_i_weibull(sp_i_run *run, uint64_t payload);
void sp_i_repaired(sp_i_run *run, uint32_t repair);

#endif
