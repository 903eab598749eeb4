/* A team of threads, for tests: what MPI ranks do, without MPI. */
#ifndef THREAD_TEAM_H
#define THREAD_TEAM_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "superpod/base.h"

#define TEAM_MOST 8

typedef struct thread_team { pthread_barrier_t barrier; uint32_t size; const void *part[TEAM_MOST]; size_t bytes[TEAM_MOST]; sp_team member[TEAM_MOST]; } thread_team;
typedef struct thread_member { thread_team *team; uint32_t rank; void (*work)(const sp_team *team, void *context); void *context; } thread_member;

static sp_status thread_gather(void *context, const void *part, size_t bytes, void **all, size_t *offset, sp_error *err)
{
    thread_member *m = context;
    thread_team *team = m->team;
    (void)err;
    team->part[m->rank] = part;
    team->bytes[m->rank] = bytes;
    pthread_barrier_wait(&team->barrier);
    for (uint32_t i = 0; i < team->size; i++) offset[i + 1] = offset[i] + team->bytes[i];
    char *out = malloc(offset[team->size] + 1);
    for (uint32_t i = 0; i < team->size; i++)
        if (team->bytes[i] != 0) memcpy(out + offset[i], team->part[i], team->bytes[i]);
    *all = out;
    pthread_barrier_wait(&team->barrier);
    return SP_OK;
}

static void *thread_work(void *context)
{
    thread_member *m = context;
    m->work(&m->team->member[m->rank], m->context);
    return NULL;
}

/* Runs work(team, context + rank * context_bytes) on every member. */
static void thread_team_run(uint32_t size, void (*work)(const sp_team *team, void *context), void *context, size_t context_bytes)
{
    thread_team team = {.size = size};
    thread_member member[TEAM_MOST];
    pthread_t id[TEAM_MOST];
    pthread_barrier_init(&team.barrier, NULL, size);
    for (uint32_t i = 0; i < size; i++) {
        member[i] = (thread_member){.team = &team, .rank = i, .work = work, .context = (char *)context + i * context_bytes};
        team.member[i] = (sp_team){.rank = i, .size = size, .context = &member[i], .gather = thread_gather};
    }
    for (uint32_t i = 0; i < size; i++)
        if (pthread_create(&id[i], NULL, thread_work, &member[i]) != 0) abort();
    for (uint32_t i = 0; i < size; i++) pthread_join(id[i], NULL);
    pthread_barrier_destroy(&team.barrier);
}

#endif
