/* The figures of a history by name. */
#include "superpod/cluster.h"

#include <string.h>

/* OF: a mean over so many; SELF: never 0 where there is anything that it could be of. */
#define ALWAYS SIZE_MAX
#define REAL(field, unit) {#field, unit, false, offsetof(sp_history, field), ALWAYS}
#define OF(field, unit, count) {#field, unit, false, offsetof(sp_history, field), offsetof(sp_history, count)}
#define SELF(field, unit) OF(field, unit, field)
#define COUNT(field) {#field, SP_UNIT_COUNT, true, offsetof(sp_history, field), ALWAYS}

const sp_history_field sp_history_fields[] = {
    REAL(goodput, SP_UNIT_NONE), OF(ettr, SP_UNIT_NONE, jobs_started), OF(ettr_queued, SP_UNIT_NONE, jobs_started), REAL(utilisation, SP_UNIT_NONE),
    OF(mttf_s, SP_UNIT_SECONDS, interruptions), SELF(mttf_host_s, SP_UNIT_SECONDS),
    SELF(mttf_rack_s, SP_UNIT_SECONDS), SELF(mttf_pod_s, SP_UNIT_SECONDS), SELF(mttf_pods_s, SP_UNIT_SECONDS), OF(mttr_s, SP_UNIT_SECONDS, interruptions), OF(mttr_detect_s, SP_UNIT_SECONDS, interruptions),
    OF(mttr_decide_s, SP_UNIT_SECONDS, interruptions), OF(mttr_allocate_s, SP_UNIT_SECONDS, interruptions), OF(mttr_restart_s, SP_UNIT_SECONDS, interruptions),
    OF(mttr_load_s, SP_UNIT_SECONDS, interruptions), OF(mttr_recompute_s, SP_UNIT_SECONDS, interruptions), SELF(tokens_per_day, SP_UNIT_NONE),
    OF(wait_mean_s, SP_UNIT_SECONDS, jobs_started), OF(wait_p50_s, SP_UNIT_SECONDS, jobs_started), OF(wait_p95_s, SP_UNIT_SECONDS, jobs_started),
    OF(wait_p99_s, SP_UNIT_SECONDS, jobs_started), OF(slowdown_bounded, SP_UNIT_NONE, jobs_done),
    OF(wait_host_s, SP_UNIT_SECONDS, slowdown_host), OF(wait_rack_s, SP_UNIT_SECONDS, slowdown_rack), OF(wait_pod_s, SP_UNIT_SECONDS, slowdown_pod),
    OF(wait_pods_s, SP_UNIT_SECONDS, slowdown_pods), SELF(slowdown_host, SP_UNIT_NONE), SELF(slowdown_rack, SP_UNIT_NONE), SELF(slowdown_pod, SP_UNIT_NONE),
    SELF(slowdown_pods, SP_UNIT_NONE), REAL(fragmentation_host, SP_UNIT_NONE), REAL(fragmentation_rack, SP_UNIT_NONE), REAL(fragmentation_pod, SP_UNIT_NONE),
    COUNT(jobs), COUNT(jobs_started), COUNT(jobs_done), COUNT(failures), COUNT(interruptions), COUNT(swapped), COUNT(rerouted), COUNT(replaced), COUNT(requeued),
    COUNT(preemptions), COUNT(shrunk), COUNT(replanned), COUNT(grown), COUNT(moved), COUNT(reserve_used), COUNT(maintained), COUNT(corrupted),
    COUNT(deadlines_missed), COUNT(placements), COUNT(events), COUNT(queue_max)};
const size_t sp_history_n_fields = sizeof sp_history_fields / sizeof *sp_history_fields;

/* A field that is not in the table would be told nowhere and lost in the store. */
_Static_assert(sizeof(sp_history) == 8 * (SP_LOSSES + sizeof sp_history_fields / sizeof *sp_history_fields), "every field of sp_history has a row above");

double sp_history_value(const sp_history *history, const sp_history_field *field)
{
    const char *at = (const char *)history + field->offset;
    return field->whole ? (double)*(const uint64_t *)(const void *)at : *(const double *)(const void *)at;
}

bool sp_history_has(const sp_history *history, const sp_history_field *field)
{
    static const char none[sizeof(double)];   /* 0 as a double and as a count */
    return field->of == ALWAYS || sp_history_value(history, field) != 0 || memcmp((const char *)history + field->of, none, sizeof none) != 0;
}
