/* A heap of events with four children a node: siblings lie side by side in two lines of cache. Sequence numbers make the order total, so a run is
 * the same on every machine. */
#include "superpod/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4
#define AHEAD (WAYS - 1)   /* events of room before the first, so that the children of every node, 4 h + 1 on, begin a group of their own */

struct sp_queue { sp_event *heap; size_t count, room; uint64_t next_sequence; };

static bool before(const sp_event *a, const sp_event *b)
{
    if (a->tick != b->tick)
        return a->tick < b->tick;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->sequence < b->sequence;
}

/* Puts an event at a hole, or as far above it as it belongs. */
static void rise(sp_event *heap, size_t hole, const sp_event *event)
{
    while (hole > 0 && before(event, &heap[(hole - 1) / WAYS])) {
        heap[hole] = heap[(hole - 1) / WAYS];
        hole = (hole - 1) / WAYS;
    }
    heap[hole] = *event;
}

static sp_event *allocate(size_t room)
{
    size_t group = WAYS * sizeof(sp_event), bytes = (room + AHEAD) * sizeof(sp_event);
    sp_event *memory = aligned_alloc(group, (bytes + group - 1) / group * group);
    return memory == NULL ? NULL : memory + AHEAD;
}

sp_queue *sp_queue_create(size_t expected)
{
    sp_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->room = expected < 4 ? 4 : expected;
    queue->heap = allocate(queue->room);
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
    free(queue->heap - AHEAD);
    free(queue);
}

static bool grow(sp_queue *queue)
{
    size_t room = queue->room * 2;
    sp_event *heap = allocate(room);
    if (!heap)
        return false;
    memcpy(heap, queue->heap, queue->count * sizeof *heap);
    free(queue->heap - AHEAD);
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
    rise(queue->heap, queue->count++, &event);
    return true;
}

/* The first of up to four siblings from `first` on. */
static size_t least(const sp_event *heap, size_t first, size_t end)
{
    size_t best = first;
    for (size_t i = first + 1; i < end; i++)
        if (before(&heap[i], &heap[best])) best = i;
    return best;
}

bool sp_queue_pop(sp_queue *queue, sp_event *out)
{
    if (queue->count == 0)
        return false;
    sp_event *heap = queue->heap, last = heap[--queue->count];
    size_t hole = 0, child;
    *out = heap[0];
    for (; (child = WAYS * hole + 1) + WAYS <= queue->count; hole = child) {   /* down to a leaf: the last event belongs near one */
        child = least(heap, child, child + WAYS);
        heap[hole] = heap[child];
    }
    if (child < queue->count) {
        child = least(heap, child, queue->count);
        heap[hole] = heap[child];
        hole = child;
    }
    rise(heap, hole, &last);
    return true;
}

const sp_event *sp_queue_peek(const sp_queue *queue)
{
    return queue->count ? &queue->heap[0] : NULL;
}

const sp_event *sp_queue_soon(const sp_queue *queue, size_t *n)
{
    *n = queue->count < 1 + WAYS ? queue->count : 1 + WAYS;
    return queue->heap;
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
