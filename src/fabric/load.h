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
    bool in_switch;              /* switches inside the scale-up domain reduce and multicast */
    bool rails;                  /* rings stand for all their rotations                      */
} sp_i_view;

/* Splits the placement's dims at tier and tier-dim boundaries and at the boundaries of `digit`. */
sp_status sp_i_view_make(const sp_machine *machine, const sp_placement *placement, sp_comm_how how,
                         sp_i_view *out, sp_error *err);

/* What a step asks of the links, at payload rate. Wires are kinds of links that a rank has one of: out and in of the port
 * into a switched tier, one each way along a lane of direct links. */
#define SP_I_OUT(t) (2 * (t))
#define SP_I_IN(t) (2 * (t) + 1)
#define SP_I_ALONG(lane, down) (2 * SP_TIERS_MAX + 2 * (lane) + (down))
typedef struct sp_i_asked {
    double busiest_s[SP_COMM_WIRES];     /* seconds of the busiest link of the kind */
    uint8_t tier[SP_COMM_WIRES];
    double tier_bytes[SP_TIERS_MAX];     /* sent by a rank, mean, by the outermost tier crossed */
    double byte_path_s[2];               /* the same x path latency: inside the scale-up domain, through NICs */
    double reduced, reduced_apart;       /* bytes the busiest receiver reduces: classes of all ranks; of others */
    double path_s;                       /* longest path */
    uint32_t combined;                   /* classes that switches reduced or multicast */
    double hops[2], hop_path_s[2];       /* rings in rotations: mean over positions, inside and through NICs; else 0 */
} sp_i_asked;

typedef struct sp_i_load sp_i_load;   /* scratch: bytes by link */
sp_i_load *sp_i_load_create(void);
void sp_i_load_destroy(sp_i_load *load);
void sp_i_load_clear(sp_i_load *load);
/* Does every rank send as far as every other? */
bool sp_i_load_shifts(const sp_task_class *task);
/* Adds one class at (step): all its chunks, `bytes` an instance. all_shift: so do all classes added since the last clear.
 * Errors: NOMEM, RANGE. */
sp_status sp_i_load_add(sp_i_load *load, const sp_i_view *view, const sp_program *program, const sp_task_class *task,
                        uint32_t step, double bytes, bool all_shift, sp_error *err);
const sp_i_asked *sp_i_load_asked(const sp_i_load *load);

/* Seconds that software makes of one second of tier t's wires at payload rate. */
double sp_i_stack_stretch(const sp_machine *machine, const sp_stack *stack, const sp_protocol *p, uint32_t t);
/* The endpoint protocol that is the fastest with phases one after the other; the last where that cannot be said. */
const sp_protocol *sp_i_stack_protocol(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                                       const sp_stack *stack, double unit_bytes);

#endif
