/* One run of the event simulation: shared by operate.c (events), schedule.c (queue), strike.c (failures) and account.c. */
#ifndef OPERATE_I_H
#define OPERATE_I_H

#include "cluster_i.h"
#include "superpod/engine.h"

typedef unsigned __int128 sp_i_chip_us;   /* 2^24 chips x 300,000 years of microseconds fit in 96 bits */

enum { SP_I_END, SP_I_REPAIR, SP_I_WEIBULL };   /* kinds of queued events; arrivals and exponential failures are kept outside */

/* A running job. The slot's number is the owner of its chips. */
typedef struct sp_i_slot {
    uint32_t job, list, generation, next_free;
    int64_t left_us;                     /* work left at the begin of the segment                    */
    int64_t begin_us, detect_us, restart_us, interval_us, end_key_us;
    double slow;
    sp_i_tally *tally;                   /* of large jobs, once a part was replaced; else NULL        */
} sp_i_slot;

typedef struct sp_i_repair { uint64_t mask; uint32_t leaf, spares, next_free; } sp_i_repair_job;

typedef struct sp_i_run {
    const sp_operation *op;
    const sp_jobs *jobs;
    sp_cluster *cluster;
    sp_queue *queue;
    sp_i_ends ends;
    sp_i_waiting waiting;
    sp_i_slot *slot;
    uint32_t slots, slot_free;
    sp_i_repair_job *repair;
    uint32_t repairs, repair_room, repair_free;
    int64_t *left_us, *first_us, *since_us;   /* [jobs] work left; first start or -1; last thrown out or -1 */
    sp_rng rng;
    double class_rate[SP_FAIL_CLASSES], total_rate, rate_per_chip;
    uint64_t class_units[SP_FAIL_CLASSES];
    int64_t now_us, horizon_us, next_fail_us, checkpoint_us;
    struct { uint32_t chips; int64_t us; } interval[64];   /* best checkpoint intervals by size, direct-mapped */
    uint32_t next_job, installed;
    bool dirty, no_memory;
    sp_i_chip_us spent[SP_LOSSES], held, requeued_chip_us, advanced;
    double slowdown_sum, repair_s_sum, running_s_sum;
    sp_history history;
} sp_i_run;

int64_t sp_i_us(double seconds);          /* saturates at INT64_MAX / 8 */

/* ---- account.c ---- */
typedef enum sp_i_close { SP_I_DONE, SP_I_BROKEN, SP_I_HORIZON } sp_i_close;
void sp_i_idle(sp_i_run *run, int64_t until_us);              /* the machine's time to `until` */
void sp_i_segment(sp_i_run *run, sp_i_slot *slot, sp_i_close how);   /* a job's time since slot->begin_us */
int64_t sp_i_segment_length(const sp_i_run *run, const sp_i_slot *slot);
sp_status sp_i_shares(sp_i_run *run, sp_error *err);
void sp_i_waits(sp_i_run *run, int64_t *wait_us);

/* ---- schedule.c ---- */
void sp_i_schedule(sp_i_run *run);
void sp_i_begin(sp_i_run *run, uint32_t slot, bool again, bool in_place);   /* a segment from now on */
void sp_i_leave(sp_i_run *run, uint32_t slot);                              /* frees chips and slot  */

/* ---- strike.c ---- */
sp_status sp_i_failures_start(sp_i_run *run, sp_error *err);
void sp_i_next_failure(sp_i_run *run);
void sp_i_fail_now(sp_i_run *run);
void sp_i_weibull(sp_i_run *run, uint64_t payload);
void sp_i_repaired(sp_i_run *run, uint32_t repair);

#endif
