/* superpod itself is one process. Started by mpirun or srun it becomes superpod-mpi, where that was built. */
#include "cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* By Open MPI's mpirun, or by srun with PMIx or PMI-2. */
static bool launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") != NULL || getenv("PMIX_RANK") != NULL || getenv("PMI_RANK") != NULL;
}

/* Where it lies beside this program: in a build folder, and installed. */
static const char *const places[] = {"superpod-mpi", "../libexec/superpod/superpod-mpi"};

void cli_team_begin(cli_run *cli)
{
    char self[PATH_MAX], other[PATH_MAX + 64];
    ssize_t length = launched() ? readlink("/proc/self/exe", self, sizeof self - 1) : -1;
    if (length < 0) return;
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(other, sizeof other, "%s/%s", self, places[i]);
        execv(other, cli->argv);   /* returns where there is none: each process then works alone */
    }
}

void cli_team_end(const cli_run *cli) { (void)cli; }
