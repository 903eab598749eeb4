/* topo_i.h: what the files of this layer share.
 *
 * Invariants of a finished machine (sp_i_machine_finish):
 *  1. every plane has >= 1 tier; tiers of size 1 are gone unless the plane would be empty;
 *  2. stride_0 = 1, stride_{i+1} = stride_i * size_i, and the last product is `chips` in every plane;
 *  3. every value that is there (grade != NONE) is finite, low <= nominal <= high; bw > 0, latency >= 0, taper >= 1;
 *  4. a shared tier has a switched tier right inside it. */
#ifndef SP_TOPO_I_H
#define SP_TOPO_I_H

#include "superpod/topo.h"

/* ---- kinds ------------------------------------------------------------------------------------------------- */

typedef struct sp_i_kind {
    const char *name;
    bool switched;
    uint32_t dims_min, dims_max;
    double latency_guess_s;   /* when the text gives none */
} sp_i_kind;
const sp_i_kind *sp_i_kind_of(sp_tier_kind kind);
bool sp_i_kind_find(const char *name, sp_tier_kind *out);
const char *const *sp_i_kind_names(void);   /* NULL-terminated */

/* ---- a tier's own checks and finishing ----------------------------------------------------------------------- */

/* Values and shape of one tier, without its neighbours. The error has no position. */
sp_status sp_i_tier_check(const sp_tier *tier, sp_error *err);
/* Size from dims with overflow check, and the defaults for what the text left out. */
sp_status sp_i_tier_finish(sp_tier *tier, sp_error *err);
/* Strides, chips, vanishing tiers of one plane. */
sp_status sp_i_plane_finish(sp_plane *plane, uint32_t index, sp_arena *arena, uint32_t *chips, sp_error *err);
/* sp_i_plane_finish of all planes, chips, then sp_machine_check. */
sp_status sp_i_machine_finish(sp_machine *machine, sp_arena *arena, sp_error *err);
bool sp_i_value_same(sp_value a, sp_value b);

/* ---- parsing --------------------------------------------------------------------------------------------------- */

typedef sp_status (*sp_i_chip_lookup)(void *context, const char *name, const sp_chip **out, sp_error *err);
/* A one-line string. Strings of the machine live in `arena`. */
sp_status sp_i_machine_parse(const char *text, sp_arena *arena, sp_i_chip_lookup lookup, void *context, sp_machine **out,
                             sp_error *err);
/* A YAML document; `n` replaces the family's size, 0: its default. */
sp_status sp_i_machine_load(const char *path, uint64_t n, sp_arena *arena, sp_i_chip_lookup lookup, void *context,
                            sp_machine **out, sp_error *err);
/* "8", "4x4x4": writes dims; *end is the first character not read. Errors have column (1-based in text). */
sp_status sp_i_dims_parse(const char *text, size_t *at, uint32_t max_dims, uint32_t *dims, uint32_t *n_dims, sp_error *err);
sp_status sp_i_count_parse(const char *text, size_t *at, uint32_t *out, sp_error *err);

/* ---- switch trees ---------------------------------------------------------------------------------------------- */

#define SP_I_LEVELS_MAX (SP_TIER_LEVELS + SP_TIERS_MAX)

/* A level of a tree of switches, per plane of switches. A block is what lies below one logical switch of the level;
 * `copies` physical switches make a logical one. Extended generalized fat tree (Ohring et al. 1995). */
typedef struct sp_i_level {
    uint64_t block;          /* positions below a logical switch                                         */
    uint64_t blocks;         /* logical switches in one tree                                             */
    uint64_t up;             /* links from one child switch (or chip) to this level                      */
    uint64_t merge;          /* of those, links that end at the same switch                              */
    uint64_t copies;         /* physical switches of a logical one                                       */
    uint32_t tier;           /* whose links these are                                                    */
    double chip_bw;          /* bytes/s a chip, over all planes, that the links up to this level carry   */
    double link_bw;          /* of one link                                                              */
} sp_i_level;

/* A tree: a switched tier and the shared tiers that continue it. */
typedef struct sp_i_tree {
    uint32_t first_tier, last_tier, planes, n_levels;
    bool rail;               /* positions: rail r, unit u at r * pitch + u; else position = chip        */
    uint64_t pitch;
    uint64_t base_chips;     /* chips of the first tier: stride * size                                  */
    uint64_t base_positions; /* >= base_chips                                                           */
    uint64_t chips;          /* chips below one whole tree                                              */
    sp_i_level level[SP_I_LEVELS_MAX];
} sp_i_tree;

/* The tree whose first tier is `tier` (clos, switch, rail; not shared). */
sp_status sp_i_tree_make(const sp_plane *plane, uint32_t tier, sp_i_tree *out, sp_error *err);
/* Chip (inside the tree) at a position, or UINT64_MAX for a hole of a rail's last leaf. */
uint64_t sp_i_tree_chip(const sp_i_tree *tree, const sp_plane *plane, uint64_t position);

/* ---- counting -------------------------------------------------------------------------------------------------- */

/* Dragonfly: what the balanced reading gives. */
typedef struct sp_i_dragonfly {
    uint64_t routers, groups, chips_per_router;
    bool plus;
    uint64_t switches;            /* in a group: the routers, and with `plus` as many spines after them         */
    uint64_t local_links;         /* in a group                                                                 */
    uint64_t pair_links;          /* links between two groups                                                   */
    double local_bw, global_bw;   /* of one local link, of one global link                                      */
} sp_i_dragonfly;
sp_i_dragonfly sp_i_dragonfly_of(const sp_tier *tier);
/* Switch of group `from` (a spine with `plus`) that holds link number `link` to group `to`. */
uint64_t sp_i_dragonfly_gate(const sp_i_dragonfly *d, uint64_t from, uint64_t to, uint64_t link);

/* Shift of dimension `d` of a twisted torus: the wrap link of `dim` moves dimension `d` by *shift; 0 when it does not. */
uint32_t sp_i_twist(const sp_tier *tier, uint32_t dim, uint32_t d);

sp_status sp_i_count_tier(const sp_machine *machine, uint32_t plane, uint32_t tier, uint64_t *links, uint64_t *switches,
                          sp_error *err);
sp_status sp_i_count_inside(const sp_machine *machine, uint32_t plane, uint32_t tier, uint64_t unit_chips, uint64_t *links, sp_error *err);
uint32_t sp_i_tier_ports(const sp_tier *tier);               /* links of the tier at one chip              */
double sp_i_tier_chip_bw(const sp_tier *tier);               /* sum of their rates                         */
uint64_t sp_i_tier_port_quarters(const sp_tier *tier, double port_bw); /* ports of the chip they take, times 4 */
sp_status sp_i_diameter(const sp_plane *plane, uint32_t *out, sp_error *err);
/* One way of cutting the machine: units of tier `tier` with coordinate < half in dimension `dim` against the others. */
sp_status sp_i_cut(const sp_machine *machine, uint32_t plane, uint32_t tier, uint32_t dim, double *bytes_per_s, sp_error *err);
/* Halves of dimension `dim`; dims of a dragonfly and of one-dimensional tiers count as one. false: nothing to cut. */
bool sp_i_cut_digit(const sp_tier *tier, uint32_t dim, uint64_t *stride, uint32_t *size, uint32_t *half);
sp_status sp_i_bisection(const sp_machine *machine, uint32_t plane, double *bytes_per_s, sp_error *err);

/* One file of catalog/software. */
sp_status sp_i_software_load(const char *path, sp_arena *arena, const sp_software **out, sp_error *err);
#define SP_I_STACK_IDEAL "ideal"    /* the one that no file describes */
#define SP_I_STACK_VARIANTS 16u
/* One file of catalog/stacks: out[0] is for any chip, out[1 … n-1] for the families that differ. */
sp_status sp_i_stack_load(const char *path, sp_arena *arena, const sp_stack **out, uint32_t *n, sp_error *err);

#endif
