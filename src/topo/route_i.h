/* Routes: how link ids are given out (docs/models/routing.md). Shared by route.c, route_tree.c, route_link.c.
 *
 * 1. Each tier that is not shared is a part with a range of ids of its own:
 *    mesh   first + chip * per_chip + off_dim + other coordinate (own one skipped)
 *    torus  first + chip * per_chip + 2 * dim + (0 up, 1 down)
 *    tree   by level: first_l + 2 * link + (0 up, 1 down), link being a bundle or a cable of the tree
 *    dragonfly  chips' links, local ones, global ones: route_dragonfly.c.
 * 2. Ids of directions that do not exist (torus dims of 1, the second one of a dim of 2) are never on a route. */
#ifndef SP_TOPO_ROUTE_I_H
#define SP_TOPO_ROUTE_I_H

#include "topo_i.h"

#define SP_I_PLANES_MAX 1024   /* tier_check.c */

typedef struct sp_i_part {
    uint32_t tier;
    uint64_t first, end;                        /* ids                                          */
    uint32_t per_chip;                          /* mesh, torus                                  */
    sp_i_tree tree;                             /* switched; n_levels 0: a direct tier, or a dragonfly (chips alone) */
    bool dragonfly; sp_i_dragonfly fly;
    uint64_t instances;                         /* whole trees in the machine                   */
    uint64_t first_of[SP_I_LEVELS_MAX];         /* ids of a level                               */
    uint64_t children[SP_I_LEVELS_MAX];         /* at the lower end of a level, whole machine   */
    uint64_t vertex[SP_I_LEVELS_MAX];           /* first switch of a level, as in topo_graph    */
    uint64_t cut_planes[SP_I_PLANES_MAX / 64];  /* with a cut on some cable, a bit each          */
} sp_i_part;

typedef struct sp_i_loss { uint32_t link; double factor; } sp_i_loss;

struct sp_router {
    const sp_machine *machine;
    const sp_plane *plane;
    sp_routing routing;
    uint64_t seed;
    uint32_t n_parts;
    sp_i_part part[SP_TIERS_MAX];
    uint32_t n_links, hops_max;
    uint64_t n_switches;                          /* numbered as vertices of the graph, without its chips */
    uint32_t n_cuts; sp_i_loss *cut;              /* sorted by link; factor < 1 */
    uint32_t n_dead_chips; uint32_t *dead_chip;  /* sorted                     */
    bool any_dead;                               /* some link or chip is dead  */
    uint32_t *asked, *borrowers;                  /* borrowing: [n_links] flows whose shortest routes take a link; that could borrow it */
};

/* A path being written. */
typedef struct sp_i_path { sp_hop *hops; uint32_t n; double latency_s; bool alike; /* one plane without a cut stands for all such */ } sp_i_path;

static inline bool sp_i_bundled(const sp_router *router)
{
    return router->routing == SP_ROUTING_SPRAY || router->routing == SP_ROUTING_DETOUR || router->routing == SP_ROUTING_WEIGHTED ||
           router->routing == SP_ROUTING_BORROW;
}
/* Share of its rate that a link has left: 1 healthy, 0 dead. */
double sp_i_left(const sp_router *router, uint32_t link);
static inline bool sp_i_dead(const sp_router *router, uint64_t link)
{
    return router->any_dead && sp_i_left(router, (uint32_t)link) <= 0;
}
static inline void sp_i_put(sp_i_path *path, uint64_t link, double share)
{
    path->hops[path->n++] = (sp_hop){(uint32_t)link, share};
}

sp_status sp_i_part_dragonfly(sp_router *router, sp_i_part *part, uint64_t *next_link, uint64_t *next_vertex);
/* `choice`: which of the ways, where one is taken. */
bool sp_i_route_dragonfly(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, uint64_t choice, sp_i_path *path);
bool sp_i_dragonfly_link(const sp_router *router, const sp_i_part *part, uint64_t id, sp_link *out);
uint64_t sp_i_dragonfly_reverse(const sp_i_part *part, uint64_t id);
uint64_t sp_i_dragonfly_below(const sp_i_part *part, uint32_t level);
/* Which of its paths a flow takes: by hash, or the destination. */
uint64_t sp_i_route_choice(const sp_router *router, uint32_t src, uint32_t dst, uint64_t flow, uint64_t plane);
/* Is the link whole and asked for by nobody? */
static inline bool sp_i_idle(const sp_router *router, uint64_t link)
{
    return !router->asked[link] && (!router->n_cuts || sp_i_left(router, (uint32_t)link) >= 1);
}
bool sp_i_chip_dead(const sp_router *router, uint32_t chip);

sp_status sp_i_part_tree(sp_router *router, sp_i_part *part, uint64_t *next_link, uint64_t *next_vertex, sp_error *err);
/* Notes the plane of a cable that is cut. */
void sp_i_tree_cut(sp_i_part *part, uint64_t id);
uint32_t sp_i_tree_hops(const sp_router *router, const sp_i_part *part);
/* Through the tree; false: no way. */
bool sp_i_route_tree(const sp_router *router, const sp_i_part *part, uint32_t src, uint32_t dst, uint64_t flow, sp_i_path *path);
bool sp_i_tree_link(const sp_router *router, const sp_i_part *part, uint64_t id, sp_link *out);
uint64_t sp_i_tree_bundle_of(const sp_router *router, const sp_i_part *part, uint64_t id, uint32_t chip);
/* All cables of a switch (a vertex of the graph), each as (up id, cables of that link, which of them); false: `put` said so. */
bool sp_i_tree_switch(const sp_router *router, const sp_i_part *part, uint64_t vertex, bool (*put)(void *context, uint64_t id, uint64_t of, uint64_t number),
                      void *context);
bool sp_i_tree_digit_moves(const sp_router *router, const sp_i_part *part, uint64_t stride, uint64_t n);
/* Block of the lower end of level l that holds `chip` (level 0: the chip itself). */
uint64_t sp_i_tree_child(const sp_router *router, const sp_i_part *part, uint32_t l, uint32_t chip);

/* Chip one step up (dir 0) or down (1) in dimension `dim` of a torus, twists applied. */
uint32_t sp_i_torus_next(const sp_tier *tier, uint32_t chip, uint32_t dim, uint32_t dir);

/* Directed link of a mesh from `chip` to coordinate `to` of dim `dim`. */
static inline uint64_t sp_i_mesh_link(const sp_i_part *part, const sp_tier *tier, uint32_t chip, uint32_t dim, uint32_t own,
                                      uint32_t to)
{
    uint64_t at = part->first + (uint64_t)chip * part->per_chip;
    for (uint32_t d = 0; d < dim; d++)
        at += tier->dims[d] - 1;
    return at + (to < own ? to : to - 1);
}

#endif
