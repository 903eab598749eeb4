/* Ranks of mpirun or srun as a team, in superpod-mpi alone: loading MPI takes longer than most answers. */
#include "cli.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>

static sp_status gather(void *context, const void *part, size_t bytes, void **all, size_t *offset, sp_error *err)
{
    const sp_team *team = context;
    int *count = calloc(2u * team->size, sizeof *count), mine = (int)bytes;
    int *at = count == NULL ? NULL : count + team->size;
    uint64_t total = bytes, sum = 0;
    void *out = NULL;
    sp_status status = SP_OK;
    MPI_Allreduce(&total, &sum, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    if (sum > INT_MAX) status = sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%llu bytes to share among ranks; MPI takes 2 GiB: use fewer seeds", (unsigned long long)sum);
    if (status == SP_OK && (count == NULL || (out = malloc(sum + 1)) == NULL)) MPI_Abort(MPI_COMM_WORLD, CLI_EXIT_INTERNAL);   /* the others wait */
    if (status == SP_OK) {
        MPI_Allgather(&mine, 1, MPI_INT, count, 1, MPI_INT, MPI_COMM_WORLD);
        for (uint32_t i = 0; i < team->size; i++) {
            at[i] = (int)offset[i];
            offset[i + 1] = offset[i] + (size_t)count[i];
        }
        MPI_Allgatherv(part, mine, MPI_BYTE, out, count, at, MPI_BYTE, MPI_COMM_WORLD);
        *all = out;
    }
    free(count);
    return status;
}

void cli_team_begin(cli_run *cli)
{
    int rank, size;
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS) return;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    cli->team = (sp_team){.rank = (uint32_t)rank, .size = (uint32_t)size, .context = &cli->team, .gather = gather};
}

void cli_team_end(const cli_run *cli)
{
    if (cli->team.size != 0) MPI_Finalize();
}
