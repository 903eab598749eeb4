/* superpod: arguments in, one verb run, its output written at once, an exit status out. */
#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;   /* the one global: a signal handler has nowhere else to write */

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

bool cli_interrupted(void) { return interrupted != 0; }

/* Only what a signal handler may call. */
static void on_interrupt_end(int signal_number)
{
    static const char text[] = "error: interrupted\n";
    (void)signal_number;
    ssize_t told = write(STDERR_FILENO, text, sizeof text - 1);
    (void)told;
    _exit(CLI_EXIT_INTERRUPTED);
}

/* The first interrupt asks the work to stop; the handler is gone then, so that a second one ends the process. */
static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);   /* a closed pipe is an output error like a full disk, seen by write() */
}

void cli_interrupt_ends(bool ends)
{
    struct sigaction act = {.sa_handler = ends ? on_interrupt_end : on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&act.sa_mask);
    if (!cli_interrupted()) sigaction(SIGINT, &act, NULL);
}

static int exit_status_of(sp_status status)
{
    switch (status) {
    case SP_OK: return CLI_EXIT_OK;
    case SP_E_UNFIT: return CLI_EXIT_UNFIT;
    case SP_E_NOMEM:
    case SP_E_INTERNAL: return CLI_EXIT_INTERNAL;
    case SP_E_INTERRUPTED: return CLI_EXIT_INTERRUPTED;
    default: return CLI_EXIT_USAGE;
    }
}

int cli_fail(const cli_run *cli, const sp_error *err)
{
    char text[1200];
    if (cli->team.rank != 0) return exit_status_of(err->status);   /* rank 0 says it */
    sp_error_format(err, text, sizeof text);
    char *word = strstr(text, "error: ");
    if (word != NULL && cli_wants_color(cli, STDERR_FILENO))
        fprintf(stderr, "%.*s\033[1;31merror:\033[0m%s\n", (int)(word - text), text, word + strlen("error:"));
    else
        fprintf(stderr, "%s\n", text);
    return exit_status_of(err->status);
}

/* Everything a verb printed reaches standard output, or the user is told. */
static int flush_output(cli_run *cli, int status)
{
    if (fclose(cli->out) != 0) {
        fprintf(stderr, "error: no memory for the output\n");
        return CLI_EXIT_INTERNAL;
    }
    const char *text = cli->out_text;
    size_t left = cli->out_length;
    while (left > 0) {
        ssize_t wrote = write(STDOUT_FILENO, text, left);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            fprintf(stderr, "standard output: error: cannot be written: %s\n", strerror(errno));
            return CLI_EXIT_INTERNAL;
        }
        text += wrote;
        left -= (size_t)wrote;
    }
    if (close(STDOUT_FILENO) != 0 && left == 0 && cli->out_length != 0) {
        fprintf(stderr, "standard output: error: cannot be written: %s\n", strerror(errno));
        return CLI_EXIT_INTERNAL;
    }
    return status;
}

static int run(cli_run *cli)
{
    sp_error err = {0};
    if (cli_args_parse(cli, &err) != SP_OK) return cli_fail(cli, &err);
    cli_team_quiet(cli);
    if (cli_given(cli, CLI_O_HELP)) {
        cli_help(cli->out, cli->verb);
        return CLI_EXIT_OK;
    }
    if (cli_given(cli, CLI_O_VERSION)) {
        fprintf(cli->out, "superpod %s\n", SP_VERSION);
        return CLI_EXIT_OK;
    }
    if (cli_given(cli, CLI_O_EXPLAIN) && (cli->explain = sp_explain_create()) == NULL) {
        sp_error_set(&err, SP_E_NOMEM, NULL, 0, 0, "no memory");
        return cli_fail(cli, &err);
    }
    if (cli_outputs_check(cli, &err) != SP_OK) return cli_fail(cli, &err);
    int status = cli->verb->run(cli);
    if (status != CLI_EXIT_INTERRUPTED && cli_interrupted()) {
        sp_error_set(&err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
        return cli_fail(cli, &err);
    }
    return status;
}

int main(int argc, char **argv)
{
    cli_run cli = {.argc = argc, .argv = argv, .arena = sp_arena_create()};
    cli.out = open_memstream(&cli.out_text, &cli.out_length);
    if (cli.arena == NULL || cli.out == NULL) {
        fprintf(stderr, "error: no memory\n");
        return CLI_EXIT_INTERNAL;
    }
    catch_signals();
    cli_team_begin(&cli);
    int status = run(&cli);
    /* What a verb printed before it failed is dropped. A failed check's report is its answer, and so is the best plan that
     * an interrupted search had found. */
    if (status == CLI_EXIT_USAGE || status == CLI_EXIT_INTERNAL || cli.team.rank != 0) {
        fclose(cli.out);
    } else {
        status = flush_output(&cli, status);
    }
    cli_team_end(&cli);
    free(cli.out_text);
    sp_explain_destroy(cli.explain);
    sp_catalog_close(cli.catalog);
    sp_arena_destroy(cli.arena);
    return status;
}
