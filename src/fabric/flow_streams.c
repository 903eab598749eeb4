#include "flow_streams.h"

#include <stdlib.h>

#include "superpod/engine.h"

#define NONE UINT32_MAX

typedef struct stream { sp_queue *ready; uint32_t running, touched; } stream;   /* running: task + 1 */

struct sp_i_streams {
    const sp_i_problem *p;
    stream *stream;                     /* [n_streams]; zeros: never used */
    uint32_t *touched, n_touched;       /* [n_streams] */
};

sp_i_streams *sp_i_streams_create(const sp_i_problem *p)
{
    sp_i_streams *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->p = p;
    s->stream = calloc((size_t)p->n_streams + 1, sizeof *s->stream);
    s->touched = malloc(((size_t)p->n_streams + 1) * sizeof *s->touched);
    if (s->stream && s->touched)
        return s;
    sp_i_streams_destroy(s);
    return NULL;
}

void sp_i_streams_destroy(sp_i_streams *s)
{
    for (uint32_t i = 0; s && s->stream && i < s->p->n_streams; i++)
        sp_queue_destroy(s->stream[i].ready);
    if (s) {
        free(s->stream);
        free(s->touched);
    }
    free(s);
}

static stream *touch(sp_i_streams *s, uint32_t task)
{
    stream *of = &s->stream[s->p->stream[task]];
    if (!of->touched)
        s->touched[s->n_touched++] = s->p->stream[task];
    of->touched = 1;
    return of;
}

bool sp_i_streams_ready(sp_i_streams *s, uint32_t task)
{
    stream *of = touch(s, task);
    if (!of->ready)
        of->ready = sp_queue_create(4);
    return of->ready && sp_queue_push(of->ready, s->p->order[task], 0, 0, task);
}

bool sp_i_streams_runs(const sp_i_streams *s, uint32_t task)
{
    return s->stream[s->p->stream[task]].running == task + 1;
}

void sp_i_streams_end(sp_i_streams *s, uint32_t task)
{
    touch(s, task)->running = 0;
}

uint32_t sp_i_streams_start(sp_i_streams *s)
{
    sp_event next;
    while (s->n_touched) {
        stream *of = &s->stream[s->touched[--s->n_touched]];
        of->touched = 0;
        if (of->running || !of->ready || !sp_queue_pop(of->ready, &next))
            continue;
        of->running = (uint32_t)next.payload + 1;
        return (uint32_t)next.payload;
    }
    return NONE;
}
