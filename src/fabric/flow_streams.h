/* Streams that compute: each runs one task at a time, of those ready the first in order (flow_streams.c). */
#ifndef SP_FABRIC_FLOW_STREAMS_H
#define SP_FABRIC_FLOW_STREAMS_H

#include "flow_i.h"

typedef struct sp_i_streams sp_i_streams;
sp_i_streams *sp_i_streams_create(const sp_i_problem *p);   /* NULL: no memory */
void sp_i_streams_destroy(sp_i_streams *streams);
bool sp_i_streams_ready(sp_i_streams *streams, uint32_t task);   /* it waits for its stream alone; false: no memory */
bool sp_i_streams_runs(const sp_i_streams *streams, uint32_t task);
void sp_i_streams_end(sp_i_streams *streams, uint32_t task);     /* it leaves its stream */
/* The next task that takes its stream, of those where something changed since; UINT32_MAX: none. */
uint32_t sp_i_streams_start(sp_i_streams *streams);

#endif
