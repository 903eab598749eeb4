/* superpod/engine.h: the event core: integer ticks (1 ps in fabric, 1 us in cluster), a total order (tick, priority,
 * sequence), and nothing else: it knows no networks. */
#ifndef SUPERPOD_ENGINE_H
#define SUPERPOD_ENGINE_H

#include "superpod/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_event { int64_t tick; int32_t priority; uint32_t kind; uint64_t payload, sequence; } sp_event;

/* A queue of pending events; owned by the caller. Not thread safe. */
typedef struct sp_queue sp_queue;
sp_queue *sp_queue_create(size_t expected);   /* NULL: no memory; `expected` is a hint, the queue grows */
void sp_queue_destroy(sp_queue *queue);
/* Events pushed with equal tick and priority come out in the order pushed. false: no memory (queue unchanged). O(log n). */
bool sp_queue_push(sp_queue *queue, int64_t tick, int32_t priority, uint32_t kind, uint64_t payload);
bool sp_queue_pop(sp_queue *queue, sp_event *out);          /* false: empty. O(log n) */
const sp_event *sp_queue_peek(const sp_queue *queue);       /* NULL: empty            */
const sp_event *sp_queue_soon(const sp_queue *queue, size_t *n);   /* n <= 5 events side by side: the one that comes first, and among the others the second */
size_t sp_queue_count(const sp_queue *queue);

/* Seconds to ticks of 1 ps, rounded to nearest; saturates at INT64_MAX / 4 so that sums cannot overflow. */
int64_t sp_ticks_ps(double seconds);

#ifdef __cplusplus
}
#endif
#endif
