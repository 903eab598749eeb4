/* What members of a team tell each other, over the one call that they bring. */
#include "superpod/base.h"

#include <stdlib.h>
#include <string.h>

uint32_t sp_team_size(const sp_team *team) { return team == NULL ? 1 : team->size; }
uint32_t sp_team_rank(const sp_team *team) { return team == NULL ? 0 : team->rank; }

static sp_status no_memory(sp_error *err) { return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to share results"); }

/* offset and the parts; on failure neither is held. */
static sp_status gather(const sp_team *team, const void *part, size_t bytes, void **all, size_t **offset, sp_error *err)
{
    *offset = calloc(team->size + 1u, sizeof **offset);
    if (*offset == NULL) return no_memory(err);
    sp_status status = team->gather(team->context, part, bytes, all, *offset, err);
    if (status != SP_OK) free(*offset);
    return status;
}

static uint32_t owned(uint32_t n, uint32_t rank, uint32_t size) { return rank < n ? (n - rank - 1) / size + 1 : 0; }

sp_status sp_team_rows(const sp_team *team, void *row, size_t row_bytes, uint32_t n, sp_error *err)
{
    if (sp_team_size(team) == 1 || n == 0) return SP_OK;
    uint32_t mine = owned(n, team->rank, team->size);
    char *rows = row, *part = malloc(mine * row_bytes + 1);
    void *all = NULL;
    size_t *offset;
    if (part == NULL) return no_memory(err);
    for (uint32_t k = 0; k < mine; k++) memcpy(part + k * row_bytes, rows + (team->rank + (size_t)k * team->size) * row_bytes, row_bytes);
    sp_status status = gather(team, part, mine * row_bytes, &all, &offset, err);
    free(part);
    if (status != SP_OK) return status;
    for (uint32_t i = 0; i < n && status == SP_OK; i++) {
        uint32_t rank = i % team->size;
        if (offset[rank + 1] - offset[rank] != owned(n, rank, team->size) * row_bytes)
            status = sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "rank %u shared %zu bytes; expected %u rows of %zu: do all ranks run the same command?", rank,
                                  offset[rank + 1] - offset[rank], owned(n, rank, team->size), row_bytes);
        else
            memcpy(rows + i * row_bytes, (char *)all + offset[rank] + i / team->size * row_bytes, row_bytes);
    }
    free(all);
    free(offset);
    return status;
}

typedef struct verdict { sp_status status; sp_error err; } verdict;

sp_status sp_team_agree(const sp_team *team, sp_status status, sp_error *err)
{
    if (sp_team_size(team) == 1) return status;
    verdict mine = {.status = status}, *all = calloc(team->size, sizeof *all);
    if (all == NULL) return no_memory(err);
    if (status != SP_OK && err != NULL) mine.err = *err;
    all[team->rank] = mine;
    sp_error other = {0};
    sp_status shared = sp_team_rows(team, all, sizeof *all, team->size, &other);
    if (shared != SP_OK && err != NULL) *err = other;
    for (uint32_t i = 0; i < team->size && shared == SP_OK; i++) {
        shared = all[i].status;
        if (shared != SP_OK && err != NULL) *err = all[i].err;
    }
    free(all);
    return shared;
}
