/* Shared by the readers and the generator of jobs. */
#ifndef JOBS_I_H
#define JOBS_I_H

#include "cluster_i.h"

#define SP_I_SECONDS_MOST 1e11     /* 3,000 years: what is larger is not a time */

typedef struct sp_i_job_list { sp_jobs jobs; uint32_t room; } sp_i_job_list;

/* Appends; false: no memory. */
bool sp_i_job_add(sp_i_job_list *list, sp_job job);
/* Sorts by submission (ties stay as read) and hands over. Submissions are shifted so that the first is 0. */
sp_status sp_i_jobs_finish(sp_i_job_list *list, const char *name, sp_jobs *out, sp_error *err);
/* One record of any reader: fills what is missing (negative) from its twin, counts and words the repair. */
sp_status sp_i_job_record(sp_i_job_list *list, const char *name, uint32_t line, double id, double submit_s, double run_s, double estimate_s,
                          double used_chips, double asked_chips, uint32_t most_chips, sp_error *err);

#endif
