/* What verbs ask of the ranks that they run on. */
#include "cli.h"

const sp_team *cli_team(const cli_run *cli) { return cli->team.size > 1 ? &cli->team : NULL; }

void cli_team_quiet(cli_run *cli)
{
    if (cli->team.rank == 0) return;
    cli->value[CLI_O_QUIET] = "";
    for (int i = 0; i < CLI_O_N; i++)
        if (cli_options[i].kind == CLI_FILE_OUT && i != CLI_O_LOG) cli->value[i] = NULL;   /* all write to one log */
}
