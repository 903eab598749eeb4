/* Any bytes as a log of jobs, SWF and CSV: read or refused, never a crash; what was read is in order and makes sense. */
#include <stdint.h>

#include "superpod/cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const sp_jobs *jobs)
{
    for (uint32_t i = 0; i < jobs->n; i++) {
        const sp_job *job = &jobs->job[i];
        if (job->chips == 0 || job->chips > 1000 || job->work_us < 1 || job->estimate_us < job->work_us || job->submit_us < 0
            || (i > 0 && job->submit_us < job[-1].submit_us))
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_jobs jobs;
    sp_error err;
    if (sp_jobs_parse_swf((const char *)data, size, "fuzz", 1000, &jobs, &err) == SP_OK) {
        check(&jobs);
        sp_jobs_free(&jobs);
    }
    if (sp_jobs_parse_csv((const char *)data, size, "fuzz", "chips=gpus", 1000, NULL, &jobs, &err) == SP_OK) {
        check(&jobs);
        sp_jobs_free(&jobs);
    }
    return 0;
}
