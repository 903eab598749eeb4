/* Faults being read: what was found so far, and the cables of what is being read. */
#ifndef SP_TOPO_FAULT_I_H
#define SP_TOPO_FAULT_I_H

#include "route_i.h"

typedef struct sp_i_cable { uint32_t link, of; uint64_t number; } sp_i_cable;   /* number: of the `of` cables of a bundle */

typedef struct sp_i_fault_list {
    sp_fault *fault; uint32_t n, room;
    sp_i_cable *cable; size_t n_cables, cables_room;
    sp_arena *arena;
} sp_i_fault_list;

/* The cable of a link's other direction: the same id where there is but one. */
uint32_t sp_i_link_reverse(const sp_router *router, uint32_t link);
/* Each puts cables, named by the lower id of their two directions; false: no memory. */
bool sp_i_cables_of_link(sp_i_fault_list *l, const sp_router *router, uint32_t link);   /* a bundle whole */
bool sp_i_cables_of_chip(sp_i_fault_list *l, const sp_router *router, uint32_t chip);
bool sp_i_cables_of_port(sp_i_fault_list *l, const sp_router *router, uint32_t chip, uint32_t port);
bool sp_i_cables_of_switch(sp_i_fault_list *l, const sp_router *router, uint64_t number);
/* `n` different cables of all that the machine has, each as likely as another. */
sp_status sp_i_cables_draw(sp_i_fault_list *l, const sp_router *router, uint64_t n, uint64_t seed, sp_error *err);
/* Sorts them and drops what was put twice; returns how many are left. */
size_t sp_i_cables_sort(sp_i_fault_list *l);
/* Ports of a chip, tier after tier: links of a mesh by place, two a dim of a torus, one a plane of a switched tier. */
uint32_t sp_i_chip_ports(const sp_router *router);

#endif
