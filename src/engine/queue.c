/* A binary heap of events. Sequence numbers make the order total, so a run is the same on every machine. */
#include "superpod/engine.h"

#include <math.h>
#include <stdlib.h>

struct sp_queue { sp_event *heap; size_t count, room; uint64_t next_sequence; };

static bool before(const sp_event *a, const sp_event *b)
{
    if (a->tick != b->tick)
        return a->tick < b->tick;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->sequence < b->sequence;
}

sp_queue *sp_queue_create(size_t expected)
{
    sp_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->room = expected < 4 ? 4 : expected;
    queue->heap = calloc(queue->room, sizeof *queue->heap);
    if (!queue->heap) {
        free(queue);
        return NULL;
    }
    return queue;
}

void sp_queue_destroy(sp_queue *queue)
{
    if (!queue)
        return;
    free(queue->heap);
    free(queue);
}

static bool grow(sp_queue *queue)
{
    size_t room = queue->room * 2;
    sp_event *heap = realloc(queue->heap, room * sizeof *heap);
    if (!heap)
        return false;
    queue->heap = heap;
    queue->room = room;
    return true;
}

bool sp_queue_push(sp_queue *queue, int64_t tick, int32_t priority, uint32_t kind, uint64_t payload)
{
    if (queue->count == queue->room && !grow(queue))
        return false;
    sp_event event = {.tick = tick, .priority = priority, .kind = kind, .payload = payload,
                      .sequence = queue->next_sequence++};
    size_t hole = queue->count++;
    while (hole > 0 && before(&event, &queue->heap[(hole - 1) / 2])) {
        queue->heap[hole] = queue->heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    queue->heap[hole] = event;
    return true;
}

bool sp_queue_pop(sp_queue *queue, sp_event *out)
{
    if (queue->count == 0)
        return false;
    *out = queue->heap[0];
    sp_event last = queue->heap[--queue->count];
    size_t hole = 0;
    for (;;) {
        size_t child = 2 * hole + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && before(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (!before(&queue->heap[child], &last))
            break;
        queue->heap[hole] = queue->heap[child];
        hole = child;
    }
    queue->heap[hole] = last;
    return true;
}

const sp_event *sp_queue_peek(const sp_queue *queue)
{
    return queue->count ? &queue->heap[0] : NULL;
}

size_t sp_queue_count(const sp_queue *queue)
{
    return queue->count;
}

int64_t sp_ticks_ps(double seconds)
{
    const double limit = (double)(INT64_MAX / 4);
    double ticks = seconds * 1e12;
    if (!(ticks > 0))
        return 0;
    return ticks >= limit ? INT64_MAX / 4 : (int64_t)llround(ticks);
}
