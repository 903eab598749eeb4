/* --help, from the option table: less than a screen each. */
#include "cli.h"

#include <string.h>

const char *cli_option_synopsis(cli_option_id option, char *out, size_t out_size)
{
    const cli_option *row = &cli_options[option];
    char letter[8] = "";
    if (row->letter != 0) snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(out, out_size, "%s--%s%s%s", letter, row->name, row->metavar != NULL ? " " : "",
             row->metavar != NULL ? row->metavar : "");
    return out;
}

const char *cli_verb_synopsis(const cli_verb *verb, char *out, size_t out_size)
{
    size_t used = (size_t)snprintf(out, out_size, "%s", verb->name);
    for (size_t i = 0; verb->actions != NULL && verb->actions[i] != NULL; i++)
        used += (size_t)snprintf(out + used, out_size - used, "%s%s", i == 0 ? " " : "|", verb->actions[i]);
    for (uint32_t i = 0; i < verb->n_operands; i++)
        used += (size_t)snprintf(out + used, out_size - used, verb->actions != NULL ? " [%s]" : verb->operand[i].kind == CLI_ANY_FILES ? " [%s...]" : cli_kind_repeats(verb->operand[i].kind) ? " %s..." : " %s", verb->operand[i].name);
    return out;
}

#define SYNOPSIS_COLUMNS 24

static void help_option(FILE *out, cli_option_id option)
{
    char synopsis[64];
    const cli_option *row = &cli_options[option];
    const char *indent = row->letter != 0 ? "" : "    ";
    fprintf(out, "  %s%-*s  %s", indent, SYNOPSIS_COLUMNS - (int)strlen(indent), cli_option_synopsis(option, synopsis, sizeof synopsis), row->help);
    if (row->standard != NULL) fprintf(out, " (default %s)", row->standard);
    fputc('\n', out);
}

static bool shares_line(int option, const char *text)
{
    return option < CLI_O_N && cli_options[option].together != NULL && strcmp(cli_options[option].together, text) == 0;
}

/* Options of the verb that share a line (their text follows on it where there is room); returns the last of them. One alone has its own. */
static int help_together(FILE *out, int first, cli_verb_id verb)
{
    const char *text = cli_options[first].together;
    int last = first, n = 0;
    for (int i = first; shares_line(i, text); last = i++) n += cli_option_of((cli_option_id)i, verb);
    if (n == 1) {
        help_option(out, (cli_option_id)first);
        return last;
    }
    int columns = fprintf(out, "     ");
    for (int i = first; i <= last; i++)
        if (cli_option_of((cli_option_id)i, verb)) columns += fprintf(out, " --%s", cli_options[i].name);
    if (cli_options[first].metavar != NULL) columns += fprintf(out, " %s", cli_options[first].metavar);
    if (columns <= SYNOPSIS_COLUMNS + 2) fprintf(out, "%*s%s\n", SYNOPSIS_COLUMNS + 4 - columns, "", text);
    else fprintf(out, "\n%*s%s\n", SYNOPSIS_COLUMNS - 4, "", text);
    return last;
}

/* The options that every verb takes stand last in the table. */
static void help_options(FILE *out, cli_verb_id verb)
{
    for (int i = 0; i < CLI_O_SOURCES; i++) {
        if (!cli_option_of((cli_option_id)i, verb)) continue;
        if (cli_options[i].together != NULL) i = help_together(out, i, verb);
        else help_option(out, (cli_option_id)i);
    }
    fputs("every verb:", out);
    for (int i = CLI_O_SOURCES; i < CLI_O_N; i++)
        if (cli_option_of((cli_option_id)i, verb))
            fprintf(out, " --%s%s%s", cli_options[i].name, cli_options[i].metavar ? " " : "", cli_options[i].metavar ? cli_options[i].metavar : "");
    fputc('\n', out);
}

static void help_global(FILE *out)
{
    fprintf(out, "superpod %s: AI SuperPoDs in software, from one chip to a million.\n\n"
                 "usage: superpod VERB [OPTIONS] ...\n\n", SP_VERSION);
    for (int i = 0; i < CLI_V_N; i++) {
        if (cli_verbs[i].hidden) continue;
        char synopsis[160];
        fprintf(out, "  %-36s  %s\n", cli_verb_synopsis(&cli_verbs[i], synopsis, sizeof synopsis), cli_verbs[i].summary);
    }
    fprintf(out, "\noptions of every verb:\n");
    for (int i = CLI_O_SOURCES; i < CLI_O_HELP; i++) help_option(out, (cli_option_id)i);
    fprintf(out, "\n`superpod VERB --help` lists the options of a verb; --version; superpod(1) has more.\n"
                 "exit status: 0 ok, 1 check failed or nothing feasible, 2 bad input, 3 internal, 130 interrupted\n");
}

void cli_help(FILE *out, const cli_verb *verb)
{
    if (verb == NULL) {
        help_global(out);
        return;
    }
    char synopsis[160];
    cli_verb_id id = (cli_verb_id)(verb - cli_verbs);
    fprintf(out, "usage: superpod %s [OPTIONS]\n%s\n", cli_verb_synopsis(verb, synopsis, sizeof synopsis), verb->summary);
    help_options(out, id);
    for (size_t i = 0; i < sizeof verb->example / sizeof verb->example[0] && verb->example[i] != NULL; i++)
        fprintf(out, "%s %s\n", i == 0 ? "example:" : "        ", verb->example[i]);
}
