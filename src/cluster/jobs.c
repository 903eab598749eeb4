/* Lists of jobs: what all sources share. */
#include "jobs_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sp_jobs_free(sp_jobs *jobs)
{
    free(jobs->job);
    *jobs = (sp_jobs){0};
}

bool sp_i_job_add(sp_i_job_list *list, sp_job job)
{
    if (list->jobs.n == list->room) {
        if (list->room > UINT32_MAX / 4) return false;
        uint32_t room = list->room * 2 + 256;
        sp_job *grown = realloc(list->jobs.job, room * sizeof *grown);
        if (grown == NULL) return false;
        list->jobs.job = grown;
        list->room = room;
    }
    list->jobs.job[list->jobs.n++] = job;
    return true;
}

/* Merge sort from below, stable; sorted input costs one pass. */
static bool sort_jobs(sp_job *job, uint32_t n)
{
    bool sorted = true;
    for (uint32_t i = 1; i < n && sorted; i++) sorted = job[i - 1].submit_us <= job[i].submit_us;
    if (sorted) return true;
    sp_job *other = malloc(n * sizeof *other), *from = job, *to = other;
    if (other == NULL) return false;
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t low = 0; low < n; low += 2 * width) {
            uint64_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n, a = low, b = middle;
            for (uint64_t k = low; k < high; k++)
                to[k] = b >= high || (a < middle && from[a].submit_us <= from[b].submit_us) ? from[a++] : from[b++];
        }
        sp_job *keep = from;
        from = to;
        to = keep;
    }
    if (from != job) memcpy(job, from, n * sizeof *job);
    free(other);
    return true;
}

sp_status sp_i_jobs_finish(sp_i_job_list *list, const char *name, sp_jobs *out, sp_error *err)
{
    sp_jobs *jobs = &list->jobs;
    if (jobs->n == 0)
        return sp_error_set(err, SP_E_PARSE, name, 0, 0, "no job in it (%llu records skipped)%s%s; expected at least one with a size and a run time",
                            (unsigned long long)jobs->skipped, jobs->note[0] ? ": " : "", jobs->note);
    if (!sort_jobs(jobs->job, jobs->n)) return sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory for %u jobs", jobs->n);
    int64_t first = jobs->job[0].submit_us;
    for (uint32_t i = 0; i < jobs->n; i++) {
        sp_job *job = &jobs->job[i];
        job->submit_us -= first;
        if (job->deadline_us != 0) job->deadline_us = job->deadline_us - first > 1 ? job->deadline_us - first : 1;
    }
    *out = *jobs;
    list->jobs = (sp_jobs){0};
    return SP_OK;
}

static void note(sp_jobs *jobs, uint32_t line, const char *what)
{
    if (jobs->note[0] == '\0') snprintf(jobs->note, sizeof jobs->note, "line %u: %s", line, what);
}

static void repair(sp_jobs *jobs, bool *counted, uint32_t line, const char *what)
{
    if (!*counted) jobs->repaired++;
    *counted = true;
    note(jobs, line, what);
}

/* ---- numbers that stand twice ------------------------------------------------------------------------------------------ */

void sp_i_job_list_free(sp_i_job_list *list)
{
    sp_jobs_free(&list->jobs);
    free(list->seen.entry);
    list->seen = (sp_i_seen){0};
}

/* Entries hold number and line, line >= 1, so that 0 is free. */
static uint64_t *slot_of(const sp_i_seen *seen, uint32_t id)
{
    uint32_t at = (id * UINT32_C(2654435769)) & (seen->room - 1);
    while (seen->entry[at] != 0 && (uint32_t)(seen->entry[at] >> 32) != id) at = (at + 1) & (seen->room - 1);
    return &seen->entry[at];
}

static bool grow_seen(sp_i_seen *seen)
{
    sp_i_seen larger = {.n = seen->n, .room = seen->room == 0 ? 1024 : 2 * seen->room};
    larger.entry = larger.room == 0 ? NULL : calloc(larger.room, sizeof *larger.entry);
    if (larger.entry == NULL) return false;
    for (uint32_t i = 0; i < seen->room; i++)
        if (seen->entry[i] != 0) *slot_of(&larger, (uint32_t)(seen->entry[i] >> 32)) = seen->entry[i];
    free(seen->entry);
    *seen = larger;
    return true;
}

static sp_status check_id(sp_i_seen *seen, const char *name, uint32_t line, uint32_t id, sp_error *err)
{
    if (seen->n * UINT64_C(2) >= seen->room && !grow_seen(seen)) return sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory for the jobs");
    uint64_t *at = slot_of(seen, id);
    if (*at != 0) return sp_error_set(err, SP_E_INVAL, name, line, 0, "job %u stands in line %u too; a number names one job: renumber or drop one", id, (uint32_t)*at);
    *at = (uint64_t)id << 32 | line;
    seen->n++;
    return SP_OK;
}

/* ---- records ------------------------------------------------------------------------------------------------------------ */

static sp_status check_record(const sp_i_record *r, double chips, const char *name, uint32_t line, uint32_t most_chips, sp_error *err)
{
    if (chips != floor(chips)) return sp_error_set(err, SP_E_RANGE, name, line, 0, "a job of %g chips; expected a whole number", chips);
    if (chips > most_chips)
        return sp_error_set(err, SP_E_RANGE, name, line, 0, "a job of %g chips; the machine has %u: take a larger machine or drop the job", chips, most_chips);
    if (r->replica_chips > 0 && fmod(chips, r->replica_chips) != 0)
        return sp_error_set(err, SP_E_RANGE, name, line, 0, "%g chips in replicas of %g; expected a whole number that divides them", chips, r->replica_chips);
    if (fabs(r->priority) > INT32_MAX || r->priority != floor(r->priority))
        return sp_error_set(err, SP_E_RANGE, name, line, 0, "priority %g; expected a whole number below 2^31", r->priority);
    return SP_OK;
}

sp_status sp_i_job_record(sp_i_job_list *list, const char *name, uint32_t line, const sp_i_record *r, uint32_t most_chips, sp_error *err)
{
    sp_jobs *jobs = &list->jobs;
    bool counted = false, named = r->id >= 0 && r->id < 4e9;
    double chips = r->asked_chips > 0 ? r->asked_chips : r->used_chips;
    const double times[] = {r->submit_s, r->run_s, r->estimate_s, r->deadline_s};
    for (int i = 0; i < 4; i++)
        if (times[i] > SP_I_SECONDS_MOST) return sp_error_set(err, SP_E_RANGE, name, line, 0, "a time of %g s; expected at most 10^11", times[i]);
    if (chips <= 0 || (r->run_s <= 0 && r->estimate_s <= 0)) {
        jobs->skipped++;
        note(jobs, line, chips <= 0 ? "no number of processors, record skipped" : "no run time, record skipped");
        return SP_OK;
    }
    sp_status status = check_record(r, chips, name, line, most_chips, err);
    if (status == SP_OK && named) status = check_id(&list->seen, name, line, (uint32_t)r->id, err);
    if (status != SP_OK) return status;
    if (r->asked_chips <= 0) repair(jobs, &counted, line, "no requested processors, those used taken");
    if (r->run_s <= 0) repair(jobs, &counted, line, "no run time, the requested time taken");
    if (r->estimate_s <= 0) repair(jobs, &counted, line, "no requested time, the run time taken");
    if (r->submit_s < 0) repair(jobs, &counted, line, "no submit time, 0 taken");
    if (r->estimate_s > 0 && r->run_s > r->estimate_s) repair(jobs, &counted, line, "ran longer than requested, the request raised");
    double work = r->run_s > 0 ? r->run_s : r->estimate_s, ask = r->estimate_s > work ? r->estimate_s : work;
    sp_job job = {.submit_us = r->submit_s > 0 ? (int64_t)llround(r->submit_s * 1e6) : 0, .work_us = (int64_t)llround(work * 1e6),
                  .estimate_us = (int64_t)llround(ask * 1e6), .chips = (uint32_t)chips, .id = named ? (uint32_t)r->id : line,
                  .deadline_us = r->deadline_s >= 0 ? (int64_t)llround(r->deadline_s * 1e6) + 1 : 0, .priority = (int32_t)r->priority, .user = r->user,
                  .replica_chips = r->replica_chips > 0 ? (uint32_t)r->replica_chips : 0};
    if (job.work_us < 1) job.work_us = 1;
    if (job.estimate_us < job.work_us) job.estimate_us = job.work_us;
    return sp_i_job_add(list, job) ? SP_OK : sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory for the jobs");
}
