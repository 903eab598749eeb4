/* superpod/topo.h: the machine as a composition of tiers, implicit (formula) until somebody needs it explicit.
 *
 * A machine is one or more parallel planes over the same chips; a plane is a list of tiers from inner to outer. Tier i
 * joins `size` units, each unit being everything the tiers inside it built. Chips are numbered by mixed radix, innermost
 * tier fastest: chip = sum over tiers of coordinate_i * stride_i with stride_0 = 1, stride_{i+1} = stride_i * size_i.
 *
 * What a tier wires (bw is payload-less raw rate per direction; see sp_machine_payload):
 *   mesh    every pair of chips that agree in all coordinates but this tier's has a direct link; bw is per link.
 *           With several dims (mesh:8x8) the pairs agree in all dims but one (nD full mesh).
 *   torus   each chip has a link to the two neighbours in each dim (same inner and outer coordinates); bw per link.
 *           A dim of 2 has one link, a dim of 1 none. `twisted` follows TPU v4 (k x k x 2k, k x 2k x 2k).
 *   clos    every chip below has an uplink of `bw` into a folded Clos over all chips of the tier; non-blocking up to
 *           `taper` (>= 1: the top of the tree carries bw / taper per chip); latency is chip to chip, one way.
 *   switch  as clos with one level of switches (a crossbar of `planes` parallel switches), never tapered.
 *   rail    as clos, but only chips of equal inner coordinates share a rail; between rails traffic is tapered by `taper`.
 *   dragonfly  dims = routers in a group, groups, units at a router: routers of a group in full mesh, groups in full mesh;
 *           bw is the chip's injection rate; latency chip to chip at the group level. Balanced: see the model page.
 *           `plus` is Dragonfly+: a group is a leaf-spine net with as many spines as leaves, and the spines join the groups.
 * Two marks on switched tiers: `nic` (its ports are the network interface's, not scale-up ports) and `shared` (upper levels
 * of the tree of the tier inside it: the same ports of the chip, so the rates of the two do not add).
 * The grammar of the one-line string is docs/design/machine-string.md. Model page: docs/models/topology.md. */
#ifndef SUPERPOD_TOPO_H
#define SUPERPOD_TOPO_H

#include "superpod/chip.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SP_TIERS_MAX 8
#define SP_TIER_DIMS 3
#define SP_TIER_LEVELS 4
#define SP_PLANES_MAX 4
#define SP_CHIPS_MAX 16777216u   /* largest machine accepted: 2^24 chips */

typedef enum sp_tier_kind { SP_TIER_MESH, SP_TIER_TORUS, SP_TIER_CLOS, SP_TIER_SWITCH, SP_TIER_RAIL, SP_TIER_DRAGONFLY,
                            SP_TIER_KINDS } sp_tier_kind;

typedef struct sp_tier {
    sp_tier_kind kind;
    const char *name;              /* "board", "rack", "pod": from the file, else the kind's name and index     */
    uint32_t n_dims, dims[SP_TIER_DIMS];
    uint32_t size;                 /* product of dims: units joined                                             */
    uint32_t stride;               /* chips in one unit of this tier                                            */
    uint32_t spares;               /* units installed beyond `size` (64+1): counted, not used by plans          */
    uint32_t planes;               /* parallel switch planes of clos/switch (bw is the sum over them), >= 1     */
    uint32_t switches;             /* top-level switches per plane, 0: derived from radix                       */
    uint32_t radix;                /* ports of a switch, 0: unknown                                             */
    uint32_t n_levels, levels[SP_TIER_LEVELS]; /* clos: children of a switch at each level from below; 0: derived */
    bool twisted;
    bool shared;                   /* clos: more levels on the switches of the tier inside it, same ports       */
    bool plus;                     /* dragonfly: Dragonfly+                                                     */
    bool nic;                      /* ports of the network interface: they do not count as scale-up ports       */
    sp_value bw_bytes_per_s;
    sp_value latency_s;            /* mesh/torus: one hop; others: chip to chip one way                         */
    sp_value taper;                /* >= 1                                                                      */
    sp_grade wiring_grade;         /* of sizes and wiring; GUESS where they were never published                */
    const char *wiring_source;     /* may be NULL                                                               */
} sp_tier;

typedef struct sp_plane { const char *name; uint32_t n_tiers; sp_tier tiers[SP_TIERS_MAX]; } sp_plane;

/* What a software product line (not a release) makes of the chip's and the wires' times: factors >= 1 on them, fitted by
 * `superpod calibrate` or graded guess. catalog/software/NAME.yaml; model page: docs/models/software.md. */
typedef struct sp_software {
    const char *name, *about;
    const char *default_for;        /* chip vendor whose plans use it when they name none; NULL: none          */
    sp_value matrix_factor;         /* on matrix products: interference, gaps                                  */
    sp_value attention_factor;      /* on attention: kernels of an earlier generation                          */
    sp_value vector_factor;         /* on memory-bound work: passes that are not fused                         */
    sp_value comm_factor;           /* on collectives                                                          */
    sp_value host_op_s;             /* least time between two kernels that the host can sustain                */
    sp_value slow_share, slow_by;   /* chips that are slow, and how much longer they take: a step of n waits for them where there is one, so
                                     * it is longer by slow_by x (1 - (1 - slow_share)^n) in the mean; grade NONE: 0 */
    sp_value route_factor;          /* on permuting tokens to experts and back; grade NONE: as memory-bound work */
    sp_value quantise_factor;       /* on casts to narrow formats; grade NONE: made by the kernel before, writing alone */
    sp_value expert_bias_factor;    /* on biases of experts' outputs; grade NONE: one pass                     */
    sp_value yarn_factor;           /* on rotating queries and keys by YaRN; grade NONE: one pass              */
    const char *attention_family;   /* chip family its attention kernels were written for; NULL: each chip's own. Another family
                                     * runs them at its attention_previous                                     */
    double gradient_bytes;          /* an element of gradients on the wire: 4 where they are reduced in FP32   */
    const char *dispatch;           /* library whose kernels dispatch and combine experts' tokens, each once to every place that needs
                                     * it, over nodes and then inside them; NULL: the machine's, one copy an expert */
    bool dispatch_dense;            /* it routes by dense maps: probabilities of all experts of a scale-up domain go with every copy, and maps are gathered */
} sp_software;
/* Every value that is there, named in words; values belong to the product line. */
typedef void (*sp_software_visit)(void *context, const char *path, const sp_value *value, sp_unit unit);
void sp_software_each_value(const sp_software *software, sp_software_visit visit, void *context);

/* What a communication library adds to the wires: catalog/stacks/NAME.yaml; model page: docs/models/analytic.md. A value of
 * grade NONE is absent and costs nothing. */
#define SP_PROTOCOLS_MAX 4u
#define SP_STACK_RUNS_MAX 48u
typedef struct sp_medium {            /* of messages inside the scale-up domain, or through network interfaces              */
    sp_value fraction;                /* of the payload rate that large messages reach                                      */
    sp_value copy_s;                  /* endpoint's time for one more message of a kernel that sends many (a token's copy)   */
    sp_value window;                  /* such messages under way at once; each takes a round trip                            */
} sp_medium;
typedef struct sp_protocol {
    const char *name;
    sp_value step_s, nic_step_s;      /* per dependent step at an endpoint, inside the scale-up domain and between          */
    sp_value fraction, nic_fraction;  /* of what goes over the wire that is data, inside and between                        */
    sp_value rate_bytes_per_s, nic_rate_bytes_per_s;   /* a rank's own rate, in series with scale-up ports and with NICs    */
    sp_value nic_trips;               /* one-way trips of a step through NICs: 1, or 2 if the receiver first says go        */
    bool in_switch;                   /* switches of the scale-up domain reduce and multicast                               */
} sp_protocol;
typedef struct sp_stack {
    const char *name, *about;
    const char *default_for;          /* chip vendor that it is the default of; NULL: none                                  */
    const char *family;               /* chip family that the values are for; NULL: all that have none of their own         */
    sp_value launch_s;                /* once per collective                                                                */
    sp_value message_s;               /* per message of a step beyond the first                                             */
    sp_value reduce_bw_fraction;      /* of memory bandwidth used by reductions                                             */
    sp_value chunk_bytes;             /* per rank of a scale-up domain: what phases hand on while they run together         */
    sp_value cores;                   /* of the chip that a collective keeps from the work it runs under; NONE: engines of its own */
    sp_medium up, nic;
    bool rails;                       /* a ring over several scale-up domains runs in rotations, one leaving by each rank   */
    bool overlap;                     /* messages are posted while others move: the larger of the two times, not their sum  */
    uint32_t n_protocols; sp_protocol protocol[SP_PROTOCOLS_MAX];
    uint32_t n_runs;                  /* algorithms the library has, by operation; 0: any                                   */
    struct { const char *op, *algo; bool in_switch, between; } run[SP_STACK_RUNS_MAX];
                                      /* between: only for groups with one rank in a scale-up domain                      */
    double message_bytes;             /* messages of this size (sp_stack_cut); 0: one message a peer                        */
} sp_stack;
/* Every value that is there; `path` is valid during the call only. */
typedef void (*sp_stack_visit)(void *context, const char *path, const sp_value *value, sp_unit unit);
void sp_stack_each_value(const sp_stack *stack, sp_stack_visit visit, void *context);
/* Does the library run this algorithm for this operation ("all-reduce", "ring"), with (or without) reduction in switches, over a
 * group with so many ranks in one scale-up domain (0: over any)? */
bool sp_stack_runs(const sp_stack *stack, const char *op, const char *algo, bool in_switch, double inner_ranks);
/* The protocol of that name, as answers give it; NULL: none. */
const sp_protocol *sp_stack_protocol(const sp_stack *stack, const char *name);
/* The same stack for traffic cut into messages of that many bytes: tokens of expert-parallel kernels. */
sp_stack sp_stack_cut(const sp_stack *stack, double message_bytes);

/* catalog/prices/: what it costs to own and to run machines. */
typedef struct sp_system_price { const char *machine; sp_value usd_per_chip; uint32_t line, column; } sp_system_price;
typedef struct sp_price_table {
    sp_value electricity_usd_per_kwh, lifetime_s, system_factor;
    uint32_t n_systems; const sp_system_price *system;   /* all-in dollars a chip, by machine; stands for what the machine's file says */
} sp_price_table;
/* running.yaml and systems.yaml of a folder. Errors as of documents, with file, line and column. */
sp_status sp_price_table_load(const char *dir, sp_arena *arena, sp_price_table *out, sp_error *err);

typedef struct sp_machine {
    const char *name;              /* catalog name, or "custom"                                                 */
    const char *title, *note;
    uint32_t chips;                /* product of the tier sizes of plane 0 (all planes agree); spares excluded  */
    uint32_t n_planes;
    sp_plane planes[SP_PLANES_MAX];
    const sp_chip *chip;
    const char *host;              /* host CPU, may be NULL                                                     */
    uint32_t chips_per_host;       /* 0: unknown                                                                */
    uint32_t chips_per_rack;       /* 0: unknown                                                                */
    uint32_t spares_per_rack;      /* chips installed in a rack beyond chips_per_rack (64+1), not used by plans */
    uint32_t n;                    /* the size asked for in a family that takes one ("dgx-h100:128"), else 0    */
    const char *available;         /* date or NULL                                                              */
    sp_value power_w;              /* whole machine; grade NONE: derived from chips                             */
    sp_value overhead_w_per_chip;  /* hosts, network, cooling per chip                                          */
    sp_value price_usd;            /* whole machine; may be absent                                              */
    const sp_price_table *prices;  /* the catalog's; NULL: it has none, and nothing is known of costs           */
    uint32_t n_software; const sp_software *const *software; /* the catalog's, for plans; may be none           */
    uint32_t n_stacks; const sp_stack *const *stacks;        /* the catalog's communication libraries, by family */
    bool uses_uboe, uses_pcie;     /* chip pins taken by other functions (check)                                */
} sp_machine;

/* A catalogue: where names of chips and machines are looked up. `dir` is the catalog folder (…/catalog). */
typedef struct sp_catalog sp_catalog;
sp_status sp_catalog_open(const char *dir, sp_catalog **out, sp_error *err);   /* reads the list, loads on demand */
void sp_catalog_close(sp_catalog *catalog);
size_t sp_catalog_chip_count(const sp_catalog *catalog);
const char *sp_catalog_chip_name(const sp_catalog *catalog, size_t index);     /* sorted */
size_t sp_catalog_machine_count(const sp_catalog *catalog);
const char *sp_catalog_machine_name(const sp_catalog *catalog, size_t index);
size_t sp_catalog_model_count(const sp_catalog *catalog);
const char *sp_catalog_model_name(const sp_catalog *catalog, size_t index);
/* Machines are read with the prices of this folder from now on, not with those of the catalog. Before the first machine.
 * Errors: as sp_price_table_load; SP_E_NOTFOUND a price of a machine that the catalog does not have. */
sp_status sp_catalog_prices_use(sp_catalog *catalog, const char *dir, sp_error *err);
/* All-in dollars of one chip: by the table's row of that name, else the machine's own price, else the chip's times system_factor; 0: unknown. */
double sp_machine_usd_per_chip(const sp_machine *machine);
/* Path of catalog/models/NAME.{yaml,json}, or SP_E_NOTFOUND with the nearest name. *out is owned by the catalog. */
sp_status sp_catalog_model_path(sp_catalog *catalog, const char *name, const char **out, sp_error *err);
/* Software product lines, sorted by name; loaded with the first machine. */
size_t sp_catalog_software_count(const sp_catalog *catalog);
const char *sp_catalog_software_name(const sp_catalog *catalog, size_t index);
sp_status sp_catalog_software(sp_catalog *catalog, const char *name, const sp_software **out, sp_error *err);
/* The named line, else the vendor's default, else NULL (times as they are). */
const sp_software *sp_machine_software(const sp_machine *machine, const char *name);
/* Communication libraries: files of catalog/stacks, sorted by name; loaded with the first machine. */
size_t sp_catalog_stack_count(const sp_catalog *catalog);
const char *sp_catalog_stack_name(const sp_catalog *catalog, size_t index);
/* All of them, each as any chip runs it and as the families that differ do. */
sp_status sp_catalog_stacks(sp_catalog *catalog, const sp_stack *const **out, uint32_t *n, sp_error *err);
/* The named library as it runs on the machine's chip family; NULL: the vendor's default. "ideal" (no software at all) is always
 * there, and is the default where the catalog has no other. NULL when the name is unknown. */
const sp_stack *sp_machine_stack(const sp_machine *machine, const char *name);
/* SP_E_NOTFOUND with the names there are. */
sp_status sp_machine_stack_need(const sp_machine *machine, const char *name, const sp_stack **out, sp_error *err);
/* Chips are owned by the catalog; a name, a path of a .yaml file. Errors: SP_E_NOTFOUND with the nearest name. */
sp_status sp_catalog_chip(sp_catalog *catalog, const char *name, const sp_chip **out, sp_error *err);
/* The one entrance for machines: a catalog name ("dgx-h100:128" for families that take a size: units of the outermost
 * tier), a path of a .yaml file, or a one-line string. Owned by the catalog. */
sp_status sp_catalog_machine(sp_catalog *catalog, const char *text, const sp_machine **out, sp_error *err);
/* The same with what collectives and traffic need alone, a fifth of the files: one communication library (`stack`: "ideal" none, NULL the
 * default of the chip's vendor; all of them where the catalog has no such name) and no product lines. Owned by the catalog. */
sp_status sp_catalog_network(sp_catalog *catalog, const char *text, const char *stack, const sp_machine **out, sp_error *err);

/* One-line string. Writes what sp_catalog_machine reads back to an equal machine. Returns bytes as snprintf. */
int sp_machine_format(const sp_machine *machine, char *out, size_t out_size);
/* Every invariant: sizes, products within SP_CHIPS_MAX, planes agree, ports used <= ports of the chip, taper >= 1, …
 * Errors: SP_E_UNFIT more ports than the chip has; SP_E_INVAL, SP_E_RANGE the others. */
sp_status sp_machine_check(const sp_machine *machine, sp_error *err);

/* Every graded value of the machine (not of its chip), in order: `path` is like "ub/pod latency". Values with grade NONE
 * are left out; sizes and wiring come as their count with SP_UNIT_COUNT. `path` is valid during the call only. */
typedef void (*sp_machine_visit)(void *context, const char *path, const sp_value *value, sp_unit unit);
void sp_machine_each_value(const sp_machine *machine, sp_machine_visit visit, void *context);
const char *sp_tier_kind_name(sp_tier_kind kind);   /* "mesh", …; never NULL */
bool sp_tier_is_switched(sp_tier_kind kind);        /* all but mesh and torus */

/* Totals, counted from the composition (docs/models/topology.md has the formulas; tests hold them to an explicit graph). */
typedef struct sp_machine_totals {
    uint64_t links[SP_TIERS_MAX];          /* cables or traces of plane 0's tier (undirected), switch links included */
    uint64_t switches[SP_TIERS_MAX];       /* switch chips of plane 0's tier, 0 for mesh and torus                   */
    double flop_per_s[SP_FMT_N];           /* advertised dense rates; 0 where not supported                          */
    double mem_bytes, mem_bw_bytes_per_s;
    double injection_bytes_per_s;          /* sum over chips of all scale-up ports of plane 0, one direction         */
    double bisection_bytes_per_s;          /* smallest cut in halves through whole tiers, one direction               */
    uint32_t ports_per_chip;               /* scale-up ports plane 0 takes at a chip (its links, when no port rate)  */
    uint32_t diameter_hops;                /* links on the longest shortest path, switch links counted               */
    double power_w, price_usd;             /* 0: unknown                                                             */
} sp_machine_totals;
sp_status sp_machine_count(const sp_machine *machine, sp_machine_totals *out, sp_error *err);
/* Links and switches of one tier of any plane. */
sp_status sp_machine_count_tier(const sp_machine *machine, uint32_t plane, uint32_t tier, uint64_t *links, uint64_t *switches,
                                sp_error *err);
/* Of a switched tier's links those that stay inside units of `unit_chips` chips (racks): links up to switches that serve no chip
 * outside. A direct tier: all of its links when it joins no two units, else none. */
sp_status sp_machine_count_inside(const sp_machine *machine, uint32_t plane, uint32_t tier, uint64_t unit_chips, uint64_t *links,
                                  sp_error *err);

/* Fraction of raw port rate left for payload on this machine (the chip's, or 1). All evaluators use raw x payload. */
double sp_machine_payload(const sp_machine *machine);
/* Of the ports into one tier: the chip's, or a network interface's. */
double sp_tier_payload(const sp_machine *machine, const sp_tier *tier);

/* ---- explicit graph: for checks, small machines and drawing ---------------------------------------------- */

/* Vertices 0 … n_chips-1 are chips, then switches. Directed links in CSR. Link 2i and 2i+1 are the two directions. */
typedef struct sp_graph {
    uint32_t n_chips, n_vertices, n_links;
    uint32_t *off;            /* [n_vertices+1] into adj            */
    uint32_t *adj;            /* [n_links] link ids leaving a vertex */
    uint32_t *link_src, *link_dst;   /* [n_links]                   */
    uint8_t *link_tier;              /* [n_links]                   */
    double *link_bw_bytes_per_s;     /* [n_links] raw               */
    double *link_latency_s;          /* [n_links]                   */
} sp_graph;
/* Plane `plane` of the machine, in `arena`. SP_E_RANGE above 2^26 links. O(vertices + links). */
sp_status sp_topo_graph(const sp_machine *machine, uint32_t plane, sp_arena *arena, sp_graph *out, sp_error *err);

/* ---- routes: computed by formula, never stored --------------------------------------------------------------- */

/* How traffic chooses among paths (docs/models/routing.md). Direct links are always taken in order of dimension, inner
 * first; ties of a torus are split evenly. */
typedef enum sp_routing {
    SP_ROUTING_SPRAY,    /* every packet over all equal-cost paths of a tree: bundles of parallel links are one resource */
    SP_ROUTING_HASH,     /* ECMP: one path for a flow, drawn from (seed, flow)                                          */
    SP_ROUTING_DMODK,    /* one path for a destination: digits of the destination choose the way up                      */
    SP_ROUTING_DETOUR,   /* as SPRAY; on a mesh also all one-detours, in equal shares with the direct link; on a dragonfly
                          * also the ways through every third group (Valiant)                                            */
    SP_ROUTING_WEIGHTED, /* as SPRAY; a slow mesh link keeps the share that it has left, its detours take the rest; on graphs in
                          * proportion to rates                                                                        */
    SP_ROUTING_BORROW,   /* as SPRAY; on a mesh also over one-detours whose links no flow of the list or program asks for, of which
                          * each takes no more than all can have (sp_router_borrow)                                     */
    SP_ROUTINGS
} sp_routing;
const char *sp_routing_name(sp_routing routing);   /* "spray" …; NULL beyond the last */

/* What is broken: links by id, or all that hangs on a chip. `factor` of the rate is left (0: dead). */
typedef struct sp_fault { bool chip; uint32_t id; double factor; } sp_fault;

/* One hop: a link (a directed one, or a bundle of parallel ones) and the share of the flow's bytes that crosses it. */
typedef struct sp_hop { uint32_t link; double share; } sp_hop;

typedef enum sp_link_kind { SP_LINK_MESH, SP_LINK_TORUS, SP_LINK_TREE, SP_LINK_BUNDLE, SP_LINK_DRAGONFLY } sp_link_kind;
typedef struct sp_link {
    sp_link_kind kind;
    uint32_t tier, dim;            /* whose link; dim of mesh and torus                                              */
    uint32_t from, to;             /* MESH, TORUS: chips. TREE, BUNDLE, DRAGONFLY: vertices of sp_topo_graph, lower end first
                                    * when `up`; a bundle names the first switch at each end                         */
    bool up;                       /* TREE, BUNDLE: away from the chips; DRAGONFLY: of local links from a router (no spine), of global ones always */
    uint32_t level;                /* TREE, BUNDLE: 0: between chip and leaf; DRAGONFLY: chip, local, global           */
    uint64_t child;                /* TREE, BUNDLE: logical switch (level 0: chip) at the lower end; DRAGONFLY: chip, router, group it leaves */
    uint32_t n;                    /* links in the bundle; 1 otherwise                                               */
    double bw_bytes_per_s;         /* raw, of all n                                                                  */
} sp_link;

/* Routes of one plane. Immutable after creation; free with sp_router_destroy; the machine must outlive it. */
typedef struct sp_router sp_router;
/* Errors: SP_E_INVAL a plane or fault that is not there; SP_E_RANGE more than 2^32 - 2 link ids. */
sp_status sp_router_create(const sp_machine *machine, uint32_t plane, sp_routing routing, uint64_t seed, const sp_fault *faults,
                           uint32_t n_faults, sp_router **out, sp_error *err);
void sp_router_destroy(sp_router *router);
uint32_t sp_router_links(const sp_router *router);       /* ids are below this; some ids name nothing (see sp_router_link) */
uint32_t sp_router_hops_max(const sp_router *router);    /* room that sp_router_path needs */
/* Hops from chip `src` to chip `dst` in `hops`, each link once; 0 with src == dst. `flow` distinguishes flows of a pair (HASH).
 * false: the faults leave no route that the policy can take (*n_hops untouched). O(hops). */
bool sp_router_path(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, uint32_t *n_hops,
                    double *latency_s);
/* The same, but of links that every flow crosses in equal shares (planes of a tree under D-mod-K that no fault touches) the first only:
 * flows that share it share each of the others alike. */
bool sp_router_path_once(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, uint32_t *n_hops,
                         double *latency_s);
/* For SP_ROUTING_BORROW: what will flow, so that routes know which links are idle. Until then it routes as SPRAY; pairs without a route
 * are passed over; what was told before is forgotten. Errors: SP_E_NOMEM. Cost: O(n x hops x dim), 8 B a link. */
sp_status sp_router_borrow(sp_router *router, const uint32_t *src, const uint32_t *dst, size_t n, sp_error *err);
double sp_router_capacity(const sp_router *router, uint32_t link);   /* raw bytes/s, faults applied; 0: no such link or dead */
bool sp_router_link(const sp_router *router, uint32_t link, sp_link *out);   /* healthy; false: the id names nothing */
/* Reads faults as text, "link:0-3,17 links:100@7 port:5/0-3 switch:2 chip:5 board:2 rack:1": links (both ways), 100 different cables drawn from all
 * of the machine's by seed 7, ports of a chip (numbered tier after tier, inner first: links of a mesh by place, two a dim of a torus, one a plane of a
 * switched tier), switches (numbered as in sp_topo_graph, from 0), chips, and by the name of a tier, or rack, all chips of its units. `factor` of
 * the rate is left (0: dead): of a bundle of n cables each takes 1/n; slow chips have slow cables. What one word names twice counts once. Appends
 * to the array *out of *n (in the arena; start with NULL, 0). Link ids are those of `router`. Errors: SP_E_PARSE, SP_E_NOTFOUND, SP_E_RANGE with column. */
sp_status sp_fault_parse(const sp_router *router, const char *text, double factor, sp_arena *arena, sp_fault **out, uint32_t *n,
                         sp_error *err);

/* The bundle of the same level and direction that `chip` hangs on. `link` is a bundle. */
uint32_t sp_router_bundle_of(const sp_router *router, uint32_t link, uint32_t chip);
/* The lowest chip below a bundle, or a link of a dragonfly. O(log chips); O(chips) on rails. */
uint32_t sp_router_below(const sp_router *router, uint32_t link);
/* Rate of the fastest healthy link, each times fraction[its tier], bytes/s. */
double sp_router_fastest(const sp_router *router, const double *fraction);
/* The direct link of the same tier, dim and direction as `link`, between these chips. */
uint32_t sp_router_link_like(const sp_router *router, uint32_t link, uint32_t from, uint32_t to);
/* Chips below one whole tree of the bundle's: what a route through it settles. */
uint64_t sp_router_tree_chips(const sp_router *router, uint32_t link);
/* Does moving one digit of the chip number (in [0, n) at `stride`), in any way, carry blocks of switches to blocks at every level
 * of every tree? */
bool sp_router_digit_moves(const sp_router *router, uint64_t stride, uint64_t n);
/* What is at the lower end of links like `link` (of a tree) below which `chip` is: sp_link.child of those. */
uint64_t sp_router_child(const sp_router *router, uint32_t link, uint32_t chip);
/* Blocks of switches: levels of all trees, numbered one after the other; the block of level `level` that `chip` is in. */
uint32_t sp_router_blocks(const sp_router *router);
uint64_t sp_router_block(const sp_router *router, uint32_t level, uint32_t chip);
/* Can packets between these pairs wait for one another for ever, with so many virtual lanes (>= 1)? By the circles of the channel
 * dependency graph (docs/models/routing.md says which lane a hop takes). Pairs without a route are passed over.
 * Errors: SP_E_NOMEM. O(pairs x hops^2 + edges log edges). */
typedef struct sp_deadlock {
    bool free;
    uint32_t lanes;                /* that some route uses                        */
    size_t channels, waits;        /* of the graph: (link, lane), edges           */
    uint32_t link;                 /* one of a circle's, UINT32_MAX: there is none */
} sp_deadlock;
sp_status sp_router_deadlock(const sp_router *router, const uint32_t *src, const uint32_t *dst, size_t n, uint32_t lanes, sp_deadlock *out, sp_error *err);
/* Lanes with which the policy's routes are free of deadlock: 2 as UB-Mesh has (arXiv 2503.20377), 3 for dragonflies with Valiant's routing or faults. */
uint32_t sp_router_lanes(const sp_router *router);
/* "board 3>5", "pod up 17 (64 links)"; returns bytes as snprintf. */
int sp_router_link_name(const sp_router *router, uint32_t link, char *out, size_t out_size);

/* ---- any graph as a network, read from a file: an edge list or GraphML ------------------------------------------
 * Every node can send and receive; routes are shortest paths by hops. Model page: docs/models/routing.md. */

/* A graph. Link 2i and 2i+1 are the two directions of an undirected edge; a directed edge has a link 2i alone. Immutable. */
typedef struct sp_net sp_net;
typedef enum sp_net_format { SP_NET_EDGES, SP_NET_GRAPHML } sp_net_format;
#define SP_NET_NODES_MAX (1u << 22)
#define SP_NET_EDGES_MAX (1u << 24)

/* Reads `text`; `name` is what errors call it.
 * Edge list: a line for each edge, "NODE NODE RATE [LATENCY] [one-way]", separated by blanks or commas; # begins a comment. RATE and
 * LATENCY carry units ("50GB/s", "0.5us"; no latency: none).
 * GraphML: nodes, edges, edgedefault; keys named bandwidth (or bw, rate, capacity), latency (or delay), with units; or LinkSpeedRaw,
 * bits/s without (Internet Topology Zoo); <default> of a key counts. Read by expat; no entities, no network.
 * Errors: SP_E_PARSE, SP_E_INVAL, SP_E_RANGE with line and column; SP_E_NOMEM. Free with sp_net_destroy. */
sp_status sp_net_parse(const char *text, size_t size, sp_net_format format, const char *name, sp_net **out, sp_error *err);
/* The same from a file: GraphML when its name ends in .graphml, else an edge list. Errors: SP_E_IO, too. */
sp_status sp_net_load(const char *path, sp_net **out, sp_error *err);
bool sp_net_is_path(const char *text);   /* does a name end in .graphml or .edges? */
void sp_net_destroy(sp_net *net);

uint32_t sp_net_nodes(const sp_net *net);
const char *sp_net_node(const sp_net *net, uint32_t node);
uint32_t sp_net_find(const sp_net *net, const char *node);      /* UINT32_MAX: no such node */
uint32_t sp_net_links(const sp_net *net);                       /* ids are below this; those of one-way edges skip the odd one */
/* false: the id names nothing. */
bool sp_net_link(const sp_net *net, uint32_t link, uint32_t *from, uint32_t *to, double *bw_bytes_per_s, double *latency_s);

/* Faults as text, "link:0-3 node:7", as sp_fault_parse; nodes by number. */
sp_status sp_net_fault_parse(const sp_net *net, const char *text, double factor, sp_arena *arena, sp_fault **out, uint32_t *n, sp_error *err);

/* Routes of a net: among the links that lead one hop nearer, spray takes equal shares at every node, weighted shares in proportion
 * to their rates, hash one drawn for each flow, d-mod-k one by the destination's number. Not thread safe: distances to the
 * last destination are kept, so ask destination by destination. Errors: SP_E_INVAL policy detour, faults that are not there. */
typedef struct sp_net_router sp_net_router;
sp_status sp_net_router_create(const sp_net *net, sp_routing routing, uint64_t seed, const sp_fault *faults, uint32_t n_faults,
                               sp_net_router **out, sp_error *err);
void sp_net_router_destroy(sp_net_router *router);
/* hops: room for sp_net_links(net). Latency is that of the longest of the paths. false: no route. O(nodes + links) for a new
 * destination, then O(links of the shortest paths). */
bool sp_net_path(sp_net_router *router, uint32_t src, uint32_t dst, uint64_t flow, sp_hop *hops, uint32_t *n_hops, double *latency_s);
double sp_net_capacity(const sp_net_router *router, uint32_t link);   /* faults applied */

#ifdef __cplusplus
}
#endif
#endif
