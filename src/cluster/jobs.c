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
    for (uint32_t i = 0; i < jobs->n; i++) jobs->job[i].submit_us -= first;
    *out = *jobs;
    *list = (sp_i_job_list){0};
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

sp_status sp_i_job_record(sp_i_job_list *list, const char *name, uint32_t line, double id, double submit_s, double run_s, double estimate_s,
                          double used_chips, double asked_chips, uint32_t most_chips, sp_error *err)
{
    sp_jobs *jobs = &list->jobs;
    bool counted = false;
    double chips = asked_chips > 0 ? asked_chips : used_chips;
    const double times[] = {submit_s, run_s, estimate_s};
    for (int i = 0; i < 3; i++)
        if (times[i] > SP_I_SECONDS_MOST) return sp_error_set(err, SP_E_RANGE, name, line, 0, "a time of %g s; expected at most 10^11", times[i]);
    if (chips <= 0 || (run_s <= 0 && estimate_s <= 0)) {
        jobs->skipped++;
        note(jobs, line, chips <= 0 ? "no number of processors, record skipped" : "no run time, record skipped");
        return SP_OK;
    }
    if (chips > most_chips || chips != floor(chips))
        return sp_error_set(err, SP_E_RANGE, name, line, 0, "a job of %g chips; the machine has %u: take a larger machine or drop the job", chips, most_chips);
    if (asked_chips <= 0) repair(jobs, &counted, line, "no requested processors, those used taken");
    if (run_s <= 0) repair(jobs, &counted, line, "no run time, the requested time taken");
    if (estimate_s <= 0) repair(jobs, &counted, line, "no requested time, the run time taken");
    if (submit_s < 0) repair(jobs, &counted, line, "no submit time, 0 taken");
    if (estimate_s > 0 && run_s > estimate_s) repair(jobs, &counted, line, "ran longer than requested, the request raised");
    double work = run_s > 0 ? run_s : estimate_s, ask = estimate_s > work ? estimate_s : work;
    sp_job job = {.submit_us = submit_s > 0 ? (int64_t)llround(submit_s * 1e6) : 0, .work_us = (int64_t)llround(work * 1e6),
                  .estimate_us = (int64_t)llround(ask * 1e6), .chips = (uint32_t)chips, .id = id >= 0 && id < 4e9 ? (uint32_t)id : line};
    if (job.work_us < 1) job.work_us = 1;
    if (job.estimate_us < job.work_us) job.estimate_us = job.work_us;
    return sp_i_job_add(list, job) ? SP_OK : sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory for the jobs");
}
