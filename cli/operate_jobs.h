/* What operate runs, and what is known of it. */
#ifndef CLI_OPERATE_JOBS_H
#define CLI_OPERATE_JOBS_H

#include "output.h"
#include "superpod/cluster.h"

typedef struct cli_jobs {
    cli_run *cli;
    sp_operation *operation;         /* its machine and time before, its kinds after cli_jobs_read       */
    sp_ckpt_place place;             /* where trainings keep their state …                               */
    bool background;
    double checkpoint_s;             /* … or how long that takes; below 0: what the machine needs        */
    sp_jobs jobs;                    /* of a file, or trainings                                          */
    const char *spec;                /* of a generator, whose jobs are made anew for every seed; else NULL */
    uint32_t n_kinds, room; sp_job_kind *kind;
    void *asked;                     /* by which words, [n_kinds]                                        */
} cli_jobs;

sp_status cli_jobs_read(cli_jobs *jobs, sp_error *err);
/* Their tables of recovery. */
sp_status cli_jobs_recover(cli_jobs *jobs, sp_error *err);
void cli_jobs_release(cli_jobs *jobs);
void cli_jobs_key(const cli_jobs *jobs, FILE *key);     /* what is known of the trainings, as words */
void cli_jobs_print(const cli_jobs *jobs);
bool cli_jobs_moot(const cli_jobs *jobs);   /* nothing that the queue's order goes by distinguishes them */
json_t *cli_jobs_json(const cli_jobs *jobs);
json_t *cli_jobs_effort(const cli_jobs *jobs);          /* placements judged and priced by this process */

#endif
