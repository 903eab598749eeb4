/* Progress: one line on standard error that redraws itself and leaves nothing behind. */
#include "output.h"

#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

cli_progress cli_progress_begin(const cli_run *cli)
{
    return (cli_progress){.on = !cli_given(cli, CLI_O_QUIET) && isatty(STDERR_FILENO), .last_s = now_s()};
}

bool cli_progress_due(const cli_progress *progress)
{
    return progress->on && now_s() - progress->last_s >= 0.1;
}

void cli_progress_show(cli_progress *progress, const char *format, ...)
{
    if (!cli_progress_due(progress)) return;
    progress->last_s = now_s();
    va_list args;
    va_start(args, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fflush(stderr);
}

void cli_progress_end(cli_progress *progress)
{
    if (!progress->on) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
