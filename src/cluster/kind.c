/* Jobs that train a model: step time, state and speed on a placement come from the predictor; what a log says of others, here follows. */
#include "operate_i.h"
#include "superpod/predict.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A judge and its lock: runs of other seeds ask the same. A price does not depend on who asks first. */
struct sp_kind_judge { sp_judge *judge; pthread_mutex_t lock; double ideal_s; };

static sp_status make_judge(const sp_machine *machine, sp_job_kind *kind, sp_error *err)
{
    sp_cluster_shape shape;
    struct sp_kind_judge *made = calloc(1, sizeof *made);
    if (made == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    sp_status status = sp_cluster_shape_of(machine, &shape, err);
    if (status == SP_OK) status = sp_judge_create(machine, kind->model, kind->plan, &made->judge, err);
    if (status == SP_OK) {
        sp_spread ideal = sp_cluster_ideal(&shape, kind->chips);
        status = sp_judge_step(made->judge, &ideal, NULL, &made->ideal_s, err);
    }
    if (status != SP_OK) {
        sp_judge_destroy(made->judge);
        free(made);
        return status;
    }
    pthread_mutex_init(&made->lock, NULL);
    kind->step_time_s = made->ideal_s;
    kind->judge = made;
    return SP_OK;
}

sp_status sp_job_kind_make(const sp_machine *machine, const sp_model *model, const sp_plan *plan, sp_ckpt_place place, bool background, double checkpoint_s,
                           sp_job_kind *out, sp_error *err)
{
    sp_job_kind kind = {.model = model, .plan = plan, .tokens_per_step = (double)plan->gbs * (double)plan->seq};
    sp_train_report report;
    sp_arena *arena = sp_arena_create();
    if (arena == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    sp_status status = sp_plan_check(plan, model, machine, err);
    if (status == SP_OK) status = sp_predict_train(machine, model, plan, true, arena, &report, NULL, err);
    if (status == SP_OK) {
        kind.chips = report.chips;
        kind.mem_bytes_max = report.mem_bytes_max;
        status = sp_ckpt_cost(machine, place, background, sp_ckpt_state_bytes(&report, plan), 0, &kind.ckpt, err);
    }
    sp_arena_destroy(arena);
    if (status != SP_OK) return status;
    kind.checkpoint_s = checkpoint_s >= 0 ? checkpoint_s : sp_ckpt_stall_s(&kind.ckpt);
    kind.drain_s = checkpoint_s >= 0 ? 0 : kind.ckpt.drain_s;
    if (checkpoint_s >= 0) kind.ckpt.storage_s = 0;   /* where it lies is not said */
    status = make_judge(machine, &kind, err);
    if (status == SP_OK) *out = kind;
    return status;
}

sp_status sp_job_kind_recover(sp_job_kind *kind, const sp_operation *op, sp_error *err)
{
    sp_recovery_query query = sp_recovery_query_default(op->machine, kind->model, kind->plan);
    query.detect_s = op->detect_s;
    if (op->link_detect_s >= 0) query.link_detect_s = op->link_detect_s;
    query.process_s = op->swap_s;
    query.job_s = op->restart_s;
    query.replan = true;
    return sp_recovery_create(&query, &kind->recovery, err);
}

void sp_job_kind_release(sp_job_kind *kind)
{
    sp_recovery_destroy(kind->recovery);
    kind->recovery = NULL;
    if (kind->judge == NULL) return;
    pthread_mutex_destroy(&kind->judge->lock);
    sp_judge_destroy(kind->judge->judge);
    free(kind->judge);
    kind->judge = NULL;
}

void sp_job_kind_counts(const sp_job_kind *kind, uint64_t *hits, uint64_t *misses) { sp_judge_counts(kind->judge->judge, hits, misses); }

static uint32_t kind_of(const sp_i_run *run, uint32_t job) { return run->jobs->job[job].kind; }

/* The interval is best for the job's own MTBF; years beyond the horizon stand for never. */
static const sp_i_sized *sized(sp_i_run *run, uint32_t chips)
{
    sp_i_sized *of = &run->sized[(uint32_t)(chips * UINT32_C(2654435761)) >> 24];   /* sizes repeat; powers of two fall apart (Knuth 6.4) */
    if (of->chips == chips) return of;
    double rate = run->rate_per_chip * chips, t = run->op->interval_s;
    if (t <= 0) t = rate > 0 ? sp_cluster_interval(1 / rate, run->op->checkpoint_s) : INFINITY;
    int64_t us = sp_i_us(fmax(t, run->op->drain_s));   /* the next begins when the last has arrived */
    *of = (sp_i_sized){chips, us < 1 ? 1 : us, sp_i_comm_ideal(&run->rates, &run->cluster->shape, chips)};
    return of;
}

double sp_i_slow_there(sp_i_run *run, const sp_spread *spread, const sp_faults *faults)
{
    const sp_cluster_shape *shape = &run->cluster->shape;
    if (faults != NULL) return sp_i_slowdown_without(run->op->machine, shape, spread, faults->links_lost);
    return sp_i_slowdown(sized(run, spread->chips)->ideal_cost, sp_i_comm_cost(&run->rates, shape, spread));
}

/* The predicted step there over the ideal one. Where the plan cannot be laid on so uneven a placement, and for jobs without a model, by what the
 * placement does to a job of the usual share of communication. */
double sp_i_slow(sp_i_run *run, uint32_t job, const sp_spread *spread, const sp_faults *faults)
{
    double any = sp_i_slow_there(run, spread, faults), step_s = 0;
    if (kind_of(run, job) == 0 || isinf(any)) return any;
    struct sp_kind_judge *judge = run->op->kind[kind_of(run, job) - 1].judge;
    pthread_mutex_lock(&judge->lock);
    sp_status status = sp_judge_step(judge->judge, spread, faults, &step_s, NULL);
    pthread_mutex_unlock(&judge->lock);
    if (status == SP_E_NOMEM) run->no_memory = true;
    return status == SP_OK ? fmax(1, step_s / judge->ideal_s) : any;
}

double sp_i_read_s(const sp_i_run *run, uint32_t job) { return kind_of(run, job) == 0 ? run->op->read_s : run->op->kind[kind_of(run, job) - 1].ckpt.read_s; }

sp_i_keeping sp_i_keeping_of(sp_i_run *run, uint32_t job)
{
    const sp_operation *op = run->op;
    uint32_t chips = run->jobs->job[job].chips;
    if (kind_of(run, job) == 0) return (sp_i_keeping){run->checkpoint_us, run->drain_us, sized(run, chips)->interval_us};
    double mtbf_s = run->rate_per_chip > 0 ? 1 / (run->rate_per_chip * chips) : INFINITY;
    const sp_job_kind *kind = &op->kind[kind_of(run, job) - 1];
    double interval_s = op->interval_s > 0 ? op->interval_s : fmax(sp_cluster_interval(mtbf_s, kind->checkpoint_s), kind->drain_s);
    int64_t us = sp_i_us(interval_s);
    return (sp_i_keeping){sp_i_us(kind->checkpoint_s), sp_i_us(kind->drain_s), us < 1 ? 1 : us};
}

void sp_i_count_tokens(sp_i_run *run, uint32_t job, int64_t useful_us)
{
    if (kind_of(run, job) == 0) return;
    const sp_job_kind *kind = &run->op->kind[kind_of(run, job) - 1];
    run->tokens += 1e-6 * (double)useful_us / kind->step_time_s * kind->tokens_per_step;
}

sp_status sp_jobs_add_kind(sp_jobs *jobs, const sp_job_kind *kind, uint32_t number, uint32_t count, double steps, double span_s, sp_error *err)
{
    double work_s = steps > 0 ? steps * kind->step_time_s : 2 * span_s;
    if (!(work_s < 1e11)) return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%g steps of %g s; expected a job of at most 10^11 s", steps, kind->step_time_s);
    sp_job *grown = realloc(jobs->job, ((size_t)jobs->n + count) * sizeof *grown);
    if (grown == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the jobs");
    jobs->job = grown;
    int64_t us = sp_i_us(work_s);
    for (uint32_t i = 0; i < count; i++, jobs->n++)
        jobs->job[jobs->n] = (sp_job){.work_us = us < 1 ? 1 : us, .estimate_us = us < 1 ? 1 : us, .chips = kind->chips, .id = jobs->n + 1, .kind = number};
    return SP_OK;
}
