/* The event simulation: ends of jobs, repairs, failures, arrivals; then the queue. */
#include "operate_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int64_t sp_i_us(double seconds)
{
    if (seconds == 0) return 0;   /* most pauses */
    return seconds >= (double)(INT64_MAX / 8) * 1e-6 ? INT64_MAX / 8 : (int64_t)llround(seconds * 1e6);
}

sp_operation sp_operation_default(const sp_machine *machine)
{
    return (sp_operation){.machine = machine, .policy = &sp_place_policies[0], .order = SP_ORDER_EASY,
                          .checkpoint_s = 30,   /* guess: blocking part of a checkpoint to storage; 1 s to peers' memory */
                          .place = SP_CKPT_STORAGE,
                          .detect_s = 30,       /* guess: watchdogs find a dead process in half a minute; without one 10 to 30 min */
                          .defrag_period_s = 600,   /* guess: a queue is looked through for moves every ten minutes */
                          .restart_s = 600,     /* guess: job restart; Meta RSC: 5 minutes is a low overhead (arXiv 2410.21680) */
                          .swap_s = 60,         /* guess: process restart on the same chips */
                          .link_detect_s = -1, .process_detect_s = -1, .reroute = true,
                          .reroute_s = 10,      /* guess: a step of ten seconds is done again; routes are set anew in far less */
                          .fair_half_life_s = 7 * 86400,   /* guess: Slurm's PriorityDecayHalfLife of a week; from memory, unverified */
                          .conservative_depth = 500,       /* guess: Slurm's bf_max_job_test; from memory, unverified */
                          .horizon_s = SP_YEAR_S, .fail_scale = 1, .repair_scale = 1, .rack_spares = true};
}

static sp_status check_times(const sp_operation *op, sp_error *err)
{
    const struct { const char *what; double value; } t[] = {
        {"checkpoint of %g s", op->checkpoint_s}, {"copy of a checkpoint of %g s", op->drain_s}, {"copy to storage of %g s", op->storage_s}, {"copy to storage that takes %g of the step", op->storage_share}, {"checkpoint every %g s", op->interval_s}, {"detection of %g s", op->detect_s},
        {"detection of links of %g s", op->link_detect_s < 0 ? 0 : op->link_detect_s}, {"detection of processes of %g s", op->process_detect_s < 0 ? 0 : op->process_detect_s},
        {"restart of %g s", op->restart_s}, {"restart in place of %g s", op->swap_s}, {"reading of a checkpoint of %g s", op->read_s}, {"decision of %g s", op->decide_s}, {"step of %g s done again", op->reroute_s}, {"factor of %g on rates", op->fail_scale},
        {"factor of %g on repair times", op->repair_scale}, {"move worth %g times its cost", op->defrag_ratio}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char what[96];
        if (t[i].value >= 0 && t[i].value <= 1e9) continue;
        snprintf(what, sizeof what, t[i].what, t[i].value);
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a %s; expected 0 to 10^9", what);
    }
    if (!(op->horizon_s >= 1 && op->horizon_s <= 1e4 * SP_YEAR_S))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%g s of operation; expected one second to 10,000 years", op->horizon_s);
    if (!(op->fair_half_life_s > 0) || (unsigned)op->order >= SP_ORDERS || (unsigned)op->place >= SP_CKPT_PLACES || op->conservative_depth > 1u << 20)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a half-life of %g s, queue order %d, checkpoints in place %d, %u reservations; expected more than 0 s, rows of the tables, at most 2^20",
                            op->fair_half_life_s, (int)op->order, (int)op->place, op->conservative_depth);
    if (op->defrag_ratio > 0 && !(op->defrag_period_s >= 1 && op->defrag_period_s <= 1e9))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a look for moves every %g s; expected 1 to 10^9", op->defrag_period_s);
    if (op->preempt && sp_i_orders[op->order].urgency == NULL)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "preempt: nobody is preempted in the order %s; expected priority or deadline", sp_order_name(op->order));
    return SP_OK;
}

/* A block that no rack and no run of racks holds: jobs in such blocks would wait for ever. */
static sp_status check_segment(const sp_operation *op, sp_error *err)
{
    uint32_t segment = op->segment_chips;
    sp_cluster_shape shape;
    sp_status status = sp_cluster_shape_of(op->machine, &shape, err);
    if (status != SP_OK || segment == 0) return status;
    if (segment > shape.pod_chips || (segment > shape.leaf_chips && segment % shape.leaf_chips != 0))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "blocks of %u chips; expected up to %u, those of a rack, or a multiple of them up to %u, those of a pod", segment, shape.leaf_chips,
                            shape.pod_chips);
    return SP_OK;
}

/* Chips that no job is started on. */
static sp_status check_reserve(const sp_operation *op, uint32_t *reserved, sp_error *err)
{
    const sp_reserve *want = &op->reserve;
    sp_cluster_shape shape;
    sp_status status = sp_cluster_shape_of(op->machine, &shape, err);
    if (status != SP_OK) return status;
    if ((unsigned)want->of >= SP_RESERVES) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a reserve of %d; expected rack, pod or machine", (int)want->of);
    uint32_t unit = want->of == SP_RESERVE_RACK ? shape.leaf_chips : want->of == SP_RESERVE_POD ? shape.pod_chips : shape.chips, hosts = unit / shape.row_chips;
    if (want->hosts >= hosts) return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%u hosts of every %s in reserve; it has %u: keep fewer", want->hosts, sp_reserve_name(want->of), hosts);
    *reserved = shape.chips / unit * want->hosts * shape.row_chips;
    return SP_OK;
}

static sp_status check_jobs(const sp_operation *op, const sp_jobs *jobs, sp_error *err)
{
    uint32_t reserved = 0;
    sp_status status = check_reserve(op, &reserved, err);
    if (status != SP_OK) return status;
    bool segments = op->segment_chips == 0 || jobs->n == 0;
    for (uint32_t i = 0; i < jobs->n && !segments; i++) segments = jobs->job[i].chips % op->segment_chips == 0;
    if (!segments) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "segments of %u chips, and no job is a multiple of that: give one that divides a job", op->segment_chips);
    for (uint32_t i = 0; i < jobs->n; i++) {
        const sp_job *job = &jobs->job[i];
        if (job->chips == 0 || job->chips > op->machine->chips)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %u asks for %u chips; the machine has %u", job->id, job->chips, op->machine->chips);
        if (job->chips > op->machine->chips - reserved)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %u asks for %u chips; %u of %u are kept in reserve: keep fewer", job->id, job->chips, reserved, op->machine->chips);
        if (job->replica_chips != 0 && job->chips % job->replica_chips != 0)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %u has %u chips in replicas of %u; expected a divisor", job->id, job->chips, job->replica_chips);
        if (job->kind > op->n_kinds) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %u is of kind %u; there are %u", job->id, job->kind, op->n_kinds);
        if (job->work_us < 1 || job->estimate_us < job->work_us || (i > 0 && job->submit_us < job[-1].submit_us) || job->submit_us < 0)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %u has no run time, an estimate below it, or is out of order", job->id);
    }
    return SP_OK;
}

/* Chips that the cap feeds at full load, while the others idle. */
static sp_status cap(sp_i_run *run, sp_error *err)
{
    const sp_machine *machine = run->op->machine;
    double cap_w = run->op->power_cap_w;
    sp_running_cost cost = sp_predict_running_cost(machine);
    run->cap_chips = UINT32_MAX;
    if (cap_w == 0) return SP_OK;
    double idle_w = cost.idle_w * machine->chips, chips = (cap_w - idle_w) / (cost.busy_w - cost.idle_w);
    if (!(cap_w > idle_w))
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "a power cap of %.4g MW; the machine draws %.4g MW when idle, %.4g MW at work: give more", 1e-6 * cap_w, 1e-6 * idle_w,
                            1e-6 * cost.busy_w * machine->chips);
    if (chips < machine->chips) run->cap_chips = (uint32_t)chips;
    return SP_OK;
}

static sp_status make(sp_i_run *run, const sp_operation *op, const sp_jobs *jobs, uint64_t seed, sp_error *err)
{
    sp_cluster_shape shape;
    size_t n = jobs->n == 0 ? 1 : jobs->n;
    *run = (sp_i_run){.op = op, .jobs = jobs, .slot_free = SP_NOWHERE, .repair_free = SP_NOWHERE, .hidden_free = SP_NOWHERE, .dead_free = SP_NOWHERE, .rng = sp_rng_make(seed, 0)};
    run->horizon_us = sp_i_us(op->horizon_s);
    run->checkpoint_us = sp_i_us(op->checkpoint_s);
    run->drain_us = sp_i_us(op->drain_s);
    sp_status status = sp_cluster_shape_of(op->machine, &shape, err);
    if (!op->rack_spares) shape.spares_per_leaf = 0;
    if (status == SP_OK) status = sp_cluster_create(&shape, &run->cluster, err);
    if (status != SP_OK) return status;
    run->rates = sp_i_rates_of(op->machine, &shape);
    run->installed = shape.chips + shape.chips / shape.leaf_chips * shape.spares_per_leaf;
    status = cap(run, err);
    if (status != SP_OK) return status;
    run->queue = sp_queue_create(1024);
    run->progress = aligned_alloc(sizeof *run->progress, n * sizeof *run->progress);
    if (run->queue == NULL || run->progress == NULL || !sp_i_queue_make(run)
        || !sp_i_preempt_make(run) || !sp_i_reserve_make(run))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u jobs", jobs->n);
    for (uint32_t i = 0; i < jobs->n; i++) run->progress[i] = (sp_i_progress){jobs->job[i].work_us, -1, -1, SP_I_NEW};
    run->history.jobs = jobs->n;
    return sp_i_failures_start(run, err);
}

/* A job for which the policy has no place on the empty machine would wait for ever, and others behind it. */
static sp_status check_places(sp_i_run *run, sp_error *err)
{
    bool *known = calloc((size_t)run->op->machine->chips + 1, sizeof *known);
    uint32_t refused = SP_NOWHERE;
    if (known == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the sizes of jobs");
    for (uint32_t i = 0; i < run->jobs->n && refused == SP_NOWHERE; i++) {
        sp_request request = sp_i_request_of(run, i);
        uint32_t list;
        sp_spread spread;
        if (known[request.chips]) continue;
        known[request.chips] = true;
        if (run->op->policy->place(run->cluster, &request, 0, &list, &spread)) sp_cluster_free(run->cluster, list);
        else refused = i;
    }
    free(known);
    if (refused == SP_NOWHERE) return SP_OK;
    return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %u asks for %u chips; the policy '%s' has no place for them even on the empty machine%s: take another, or drop the job",
                        run->jobs->job[refused].id, run->jobs->job[refused].chips, run->op->policy->name, run->pools != 0 ? " beside its reserve" : "");
}

static void unmake(sp_i_run *run)
{
    sp_cluster_destroy(run->cluster);
    sp_queue_destroy(run->queue);
    sp_i_ends_release(&run->ends);
    sp_i_queue_release(run);
    sp_i_reserve_release(run);
    free(run->profile.at);
    free(run->profile.chips);
    free(run->level);
    free(run->level_chips);
    free(run->claim);
    free(run->shrunk);
    for (uint32_t s = 0; s < run->slots; s++) free(run->slot[s].tally);
    free(run->slot);
    free(run->repair);
    free(run->stored);
    free(run->loss);
    free(run->hidden);
    sp_i_dead_release(run);
    free(run->progress);
}

/* An end whose segment was broken since has an old generation. */
static void end_job(sp_i_run *run, uint64_t payload)
{
    uint32_t s = (uint32_t)payload;
    sp_i_slot *slot = &run->slot[s];
    if (slot->generation != (uint32_t)(payload >> 32) || slot->job == SP_NOWHERE) return;
    const sp_job *job = &run->jobs->job[slot->job];
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    sp_i_segment(run, slot, SP_I_DONE);
    sp_i_tell(run, SP_HAPPENED_DONE, slot->job, SP_NOWHERE, SP_NOWHERE, slot->chips);
    run->history.jobs_done++;
    run->progress[slot->job].left_us = 0;
    if (job->deadline_us != 0 && run->now_us > job->deadline_us) run->history.deadlines_missed++;
    double wait = (double)(run->progress[slot->job].first_us - job->submit_us), ran = (double)(run->now_us - run->progress[slot->job].first_us);
    double slowdown = fmax(1, (wait + ran) / fmax(ran, 1e7));
    run->slowdown_sum += slowdown;
    run->size_slowdown[sp_i_size_class(run, job->chips)] += slowdown;
    run->size_done[sp_i_size_class(run, job->chips)]++;
    sp_i_leave(run, s);
}

static void arrive(sp_i_run *run)
{
    uint32_t j = run->next_job++;
    const sp_i_order *order = &sp_i_orders[run->op->order];
    bool alone = run->waiting.count == 0 && run->n_shrunk == 0 && order->urgency == NULL && !order->users;
    if (alone && run->jobs->job[j].chips <= sp_i_available(run) && sp_i_start(run, j, 0)) return;   /* most jobs: nobody is before them */
    bool last = order->urgency == NULL && !order->users && run->op->defrag_ratio <= 0 && run->n_shrunk == 0 && run->pools == 0;
    bool single = run->next_job == run->jobs->n || run->jobs->job[run->next_job].submit_us > run->now_us;   /* those of one moment are asked together */
    if (last && single && sp_i_pass_last(run, j)) return;
    sp_i_queue_add(run, j);
    run->dirty = true;
}

static int64_t next_tick(const sp_i_run *run)
{
    const sp_event *event = sp_queue_peek(run->queue);
    int64_t at = run->next_fail_us;
    if (event != NULL && event->tick < at) at = event->tick;
    if (run->next_job < run->jobs->n && run->jobs->job[run->next_job].submit_us < at) at = run->jobs->job[run->next_job].submit_us;
    return at;
}

/* The job that ends next started thousands of jobs ago: what is known of it is on its way while others are looked at. First where its pieces
 * are, when it may be the second to end. */
static void fetch_next(const sp_i_run *run)
{
    size_t n;
    const sp_event *next = sp_queue_soon(run->queue, &n);
    for (size_t i = 1; i < n; i++)
        if (next[i].kind == SP_I_END) __builtin_prefetch(&run->slot[(uint32_t)next[i].payload]);
    if (n == 0 || next->kind != SP_I_END) return;
    const sp_i_slot *slot = &run->slot[(uint32_t)next->payload];
    uint32_t job = slot->job;
    if (job == SP_NOWHERE) return;
    __builtin_prefetch((const char *)slot + 64);
    __builtin_prefetch((const char *)slot + 128);
    __builtin_prefetch(&run->cluster->piece[slot->list]);
    for (int i = 0; i < SP_I_AHEAD; i++) __builtin_prefetch(&run->cluster->piece[slot->ahead[i]]);
    __builtin_prefetch(&run->jobs->job[job]);
    __builtin_prefetch(&run->progress[job]);
}

/* Everything that happens at this tick, in a fixed order. */
static void one_tick(sp_i_run *run)
{
    sp_event event;
    const sp_event *first;
    while ((first = sp_queue_peek(run->queue)) != NULL && first->tick == run->now_us && sp_queue_pop(run->queue, &event)) {
        run->history.events++;
        fetch_next(run);
        if (event.kind == SP_I_END) end_job(run, event.payload);
        else if (event.kind == SP_I_REPAIR) sp_i_repaired(run, (uint32_t)event.payload);
        else if (event.kind == SP_I_FOUND) sp_i_found(run, (uint32_t)event.payload);
        else if (event.kind == SP_I_LINK) sp_i_link_back(run, (uint32_t)event.payload);
        else if (event.kind == SP_I_CUT_OFF) sp_i_cut_off(run, (uint32_t)event.payload);
        else sp_i_weibull(run, event.payload);
    }
    while (run->next_fail_us == run->now_us) {
        run->history.events++;
        sp_i_fail_now(run);
    }
    while (run->next_job < run->jobs->n && run->jobs->job[run->next_job].submit_us == run->now_us) {
        run->history.events++;
        arrive(run);
    }
    if (run->dirty) sp_i_schedule(run);
}

static sp_status loop(sp_i_run *run, sp_error *err)
{
    for (uint64_t n = 1;; n++) {
        int64_t at = next_tick(run);
        if (at >= run->horizon_us) break;
        sp_i_idle(run, at);
        one_tick(run);
        if (run->deaf) return sp_error_set(err, SP_E_IO, NULL, 0, 0, "the events cannot be kept");
        if (run->no_memory) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the simulation's events");
        if (n % 4096 == 0 && run->op->interrupted != NULL && run->op->interrupted(run->op->context))
            return sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
    }
    sp_i_idle(run, run->horizon_us);
    for (uint32_t s = 0; s < run->slots; s++)
        if (run->slot[s].job != SP_NOWHERE) sp_i_segment(run, &run->slot[s], SP_I_SAVED);
    return SP_OK;
}

sp_status sp_operate(const sp_operation *operation, const sp_jobs *jobs, uint64_t seed, int64_t *wait_us, sp_history *out, sp_error *err)
{
    sp_i_run run = {0};
    sp_status status = check_times(operation, err);
    if (status == SP_OK) status = check_segment(operation, err);
    if (status == SP_OK) status = check_jobs(operation, jobs, err);
    if (status != SP_OK) return status;
    status = make(&run, operation, jobs, seed, err);
    if (status == SP_OK) status = check_places(&run, err);
    if (status == SP_OK) status = loop(&run, err);
    if (status == SP_OK) status = sp_i_shares(&run, err);
    if (status == SP_OK) {
        sp_i_waits(&run, wait_us);
        *out = run.history;
    }
    unmake(&run);
    return status;
}
