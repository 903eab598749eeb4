/* Loads on link classes of one machine plane under the flows of one step of a data program. Private to fabric. */
#ifndef SP_FABRIC_LOAD_H
#define SP_FABRIC_LOAD_H

#include "superpod/fabric.h"

/* One dimension of a group as it lies on the machine: `size` ranks along dim `tdim` of tier `tier`, every `gap`-th. */
typedef struct sp_i_lane {
    uint32_t size, rank_stride;
    uint32_t tier, tdim, gap;
} sp_i_lane;

typedef struct sp_i_view {
    const sp_machine *machine;
    const sp_tier *tiers;
    uint32_t n_tiers;
    uint32_t n_lanes;
    sp_i_lane lane[2 * SP_PLACE_DIMS];
    bool replicated;
    double rate_fraction;        /* payload x stack */
} sp_i_view;

/* Splits the placement's dims at tier and tier-dim boundaries and at the boundaries of `digit`. */
sp_status sp_i_view_make(const sp_machine *machine, const sp_placement *placement, bool replicated, double rate_fraction,
                         sp_i_view *out, sp_error *err);

typedef struct sp_i_load sp_i_load;   /* scratch: bytes by link */
sp_i_load *sp_i_load_create(void);
void sp_i_load_destroy(sp_i_load *load);
void sp_i_load_clear(sp_i_load *load);
/* Does every rank send as far as every other? */
bool sp_i_load_shifts(const sp_task_class *task);
/* Adds one class at (step): all its chunks, `bytes` an instance. all_shift: so do all classes added since the last clear.
 * *latency_s: longest path seen. Errors: NOMEM, RANGE. */
sp_status sp_i_load_add(sp_i_load *load, const sp_i_view *view, const sp_program *program, const sp_task_class *task,
                        uint32_t step, double bytes, bool all_shift, double *latency_s, sp_error *err);
/* Seconds the busiest link needs; *tier which it is. */
double sp_i_load_seconds(const sp_i_load *load, uint32_t *tier);
/* Bytes the busiest sender puts on each tier (endpoint view), added to tier_bytes. */
void sp_i_load_tier_bytes(const sp_i_load *load, double tier_bytes[SP_TIERS_MAX]);
/* Bytes the busiest receiver reduces. */
double sp_i_load_reduced(const sp_i_load *load);

#endif
