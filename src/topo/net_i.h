/* Graphs from files, inside. */
#ifndef SP_TOPO_NET_I_H
#define SP_TOPO_NET_I_H

#include "superpod/topo.h"

typedef struct sp_i_net_edge { uint32_t from, to; double bw_bytes_per_s, latency_s; bool one_way; } sp_i_net_edge;

struct sp_net {
    sp_arena *arena;
    uint32_t n_nodes, nodes_room; const char **node;
    uint32_t *hash, hash_room;              /* open addressing by name: node + 1, 0: empty */
    uint32_t n_edges, edges_room; sp_i_net_edge *edge;
    uint32_t *out_off, *out;                /* [n_nodes+1] CSR: links that leave a node    */
};

sp_net *sp_i_net_create(void);
/* The node of that name, made on first sight. Errors: SP_E_RANGE, SP_E_NOMEM. */
sp_status sp_i_net_node(sp_net *net, const char *name, uint32_t *out, sp_error *err);
/* Errors: SP_E_INVAL a node to itself, a rate that is not positive; SP_E_RANGE, SP_E_NOMEM. */
sp_status sp_i_net_edge_add(sp_net *net, sp_i_net_edge edge, sp_error *err);
sp_status sp_i_net_read_edges(sp_net *net, const char *text, size_t size, const char *name, sp_error *err);
sp_status sp_i_net_read_graphml(sp_net *net, const char *text, size_t size, const char *name, sp_error *err);

#endif
