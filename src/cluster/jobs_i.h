/* Shared by the readers and the generator of jobs. */
#ifndef JOBS_I_H
#define JOBS_I_H

#include "cluster_i.h"

#define SP_I_SECONDS_MOST 1e11     /* 3,000 years: what is larger is not a time */

/* Numbers of jobs that were met, with their lines: open addressing, `room` a power of two. */
typedef struct sp_i_seen { uint64_t *entry; uint32_t n, room; } sp_i_seen;
typedef struct sp_i_job_list { sp_jobs jobs; uint32_t room; sp_i_seen seen; } sp_i_job_list;
void sp_i_job_list_free(sp_i_job_list *list);

/* Appends; false: no memory. */
bool sp_i_job_add(sp_i_job_list *list, sp_job job);
/* Sorts by submission (ties stay as read) and hands over. Submissions are shifted so that the first is 0. */
sp_status sp_i_jobs_finish(sp_i_job_list *list, const char *name, sp_jobs *out, sp_error *err);
/* What a record of any reader says, seconds and counts; below 0: unknown. */
typedef struct sp_i_record { double id, submit_s, run_s, estimate_s, used_chips, asked_chips, deadline_s, priority, replica_chips; uint32_t user; } sp_i_record;
/* One record: fills what is missing from its twin, counts and words the repair. Errors: SP_E_RANGE times and sizes beyond what can be,
 * SP_E_INVAL a number that a line before has. */
sp_status sp_i_job_record(sp_i_job_list *list, const char *name, uint32_t line, const sp_i_record *record, uint32_t most_chips, sp_error *err);

#endif
