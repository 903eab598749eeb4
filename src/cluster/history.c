/* The figures of a history by name. */
#include "superpod/cluster.h"

#define REAL(field, unit) {#field, unit, false, offsetof(sp_history, field)}
#define COUNT(field) {#field, SP_UNIT_COUNT, true, offsetof(sp_history, field)}

const sp_history_field sp_history_fields[] = {
    REAL(goodput, SP_UNIT_NONE), REAL(ettr, SP_UNIT_NONE), REAL(ettr_queued, SP_UNIT_NONE), REAL(utilisation, SP_UNIT_NONE), REAL(mttf_s, SP_UNIT_SECONDS),
    REAL(mttr_s, SP_UNIT_SECONDS), REAL(mttr_detect_s, SP_UNIT_SECONDS), REAL(mttr_allocate_s, SP_UNIT_SECONDS), REAL(mttr_restart_s, SP_UNIT_SECONDS), REAL(tokens_per_day, SP_UNIT_NONE), REAL(wait_mean_s, SP_UNIT_SECONDS), REAL(wait_p50_s, SP_UNIT_SECONDS), REAL(wait_p95_s, SP_UNIT_SECONDS),
    REAL(wait_p99_s, SP_UNIT_SECONDS), REAL(slowdown_bounded, SP_UNIT_NONE), REAL(wait_host_s, SP_UNIT_SECONDS), REAL(wait_rack_s, SP_UNIT_SECONDS),
    REAL(wait_pod_s, SP_UNIT_SECONDS), REAL(wait_pods_s, SP_UNIT_SECONDS), REAL(slowdown_host, SP_UNIT_NONE), REAL(slowdown_rack, SP_UNIT_NONE), REAL(slowdown_pod, SP_UNIT_NONE),
    REAL(slowdown_pods, SP_UNIT_NONE), REAL(fragmentation_host, SP_UNIT_NONE), REAL(fragmentation_rack, SP_UNIT_NONE), REAL(fragmentation_pod, SP_UNIT_NONE), COUNT(jobs), COUNT(jobs_started), COUNT(jobs_done), COUNT(failures),
    COUNT(interruptions), COUNT(swapped), COUNT(replaced), COUNT(requeued), COUNT(preemptions), COUNT(shrunk), COUNT(replanned), COUNT(grown), COUNT(moved), COUNT(reserve_used), COUNT(maintained), COUNT(corrupted), COUNT(deadlines_missed), COUNT(placements), COUNT(events),
    COUNT(queue_max)};
const size_t sp_history_n_fields = sizeof sp_history_fields / sizeof *sp_history_fields;

/* A field that is not in the table would be told nowhere and lost in the store. */
_Static_assert(sizeof(sp_history) == 8 * (SP_LOSSES + sizeof sp_history_fields / sizeof *sp_history_fields), "every field of sp_history has a row above");

double sp_history_value(const sp_history *history, const sp_history_field *field)
{
    const char *at = (const char *)history + field->offset;
    return field->whole ? (double)*(const uint64_t *)(const void *)at : *(const double *)(const void *)at;
}
