/* Any bytes as a graph, edge list and GraphML: read or refused, never a crash; what was read has ends and rates that make sense. */
#include <stdint.h>

#include "superpod/topo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const sp_net *net)
{
    uint32_t from, to;
    double bw, latency;
    for (uint32_t l = 0; l < sp_net_links(net); l++)
        if (sp_net_link(net, l, &from, &to, &bw, &latency) &&
            (from >= sp_net_nodes(net) || to >= sp_net_nodes(net) || from == to || !(bw > 0) || !(latency >= 0)))
            __builtin_trap();
    for (uint32_t i = 0; i < sp_net_nodes(net); i++)
        if (sp_net_find(net, sp_net_node(net, i)) != i)
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int format = SP_NET_EDGES; format <= SP_NET_GRAPHML; format++) {
        sp_net *net;
        sp_error err;
        if (sp_net_parse((const char *)data, size, (sp_net_format)format, "fuzz", &net, &err) != SP_OK)
            continue;
        check(net);
        sp_net_destroy(net);
    }
    return 0;
}
