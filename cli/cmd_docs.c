/* superpod docs man PAGE | completion-bash | completion-zsh | completion-fish: texts made from the option table. */
#include "output.h"

#include <ctype.h>
#include <string.h>

/* ---- man pages --------------------------------------------------------------------------------------------------- */

/* Roff text: a backslash, a hyphen and a leading dot or quote mean something to roff. */
static void roff(FILE *out, const char *text)
{
    for (bool start = true; *text != '\0'; start = *text++ == '\n') {
        if (start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\') fputs("\\e", out);
        else if (*text == '-') fputs("\\-", out);
        else fputc(*text, out);
    }
}

static void roff_paragraphs(FILE *out, const char *text)
{
    bool first = true;
    for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 2, first = false) {
        end = strstr(text, "\n\n");
        if (end == NULL) end = text + strlen(text);
        char paragraph[1024];
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)(end - text), text);
        if (!first) fputs(".PP\n", out);
        roff(out, paragraph);
        fputc('\n', out);
    }
}

static void roff_option(FILE *out, cli_option_id option)
{
    const cli_option *row = &cli_options[option];
    char synopsis[64];
    fputs(".TP\n.B ", out);
    roff(out, cli_option_synopsis(option, synopsis, sizeof synopsis));
    fputc('\n', out);
    fprintf(out, "%c", toupper((unsigned char)row->help[0]));
    roff(out, row->help + 1);
    if (row->standard != NULL) fprintf(out, " (default %s)", row->standard);
    fputs(".\n", out);
    if (row->choice != NULL) {
        fputs("One of: ", out);
        for (size_t i = 0; row->choice(i) != NULL; i++) {
            if (i != 0) fputs(", ", out);
            roff(out, row->choice(i));
        }
        fputs(".\n", out);
    }
    if (row->more == NULL) return;
    roff(out, row->more);
    fputc('\n', out);
}

static void man_head(FILE *out, const char *page, const char *summary)
{
    fprintf(out, ".TH %s 1 \"\" \"superpod %s\" \"superpod manual\"\n.SH NAME\n", page, SP_VERSION);
    roff(out, page);
    fputs(" \\- ", out);
    roff(out, summary);
    fputs("\n.SH SYNOPSIS\n.B superpod\n", out);
}

static void man_verb(FILE *out, cli_verb_id id)
{
    const cli_verb *verb = &cli_verbs[id];
    char page[64], synopsis[160];
    snprintf(page, sizeof page, "superpod-%s", verb->name);
    man_head(out, page, verb->summary);
    roff(out, cli_verb_synopsis(verb, synopsis, sizeof synopsis));
    fputs(" [OPTIONS]\n.SH DESCRIPTION\n", out);
    roff_paragraphs(out, verb->about);
    fputs(".SH OPTIONS\n", out);
    for (int i = 0; i < CLI_O_N; i++)
        if (cli_option_of((cli_option_id)i, id)) roff_option(out, (cli_option_id)i);
    fputs(".SH EXAMPLES\n", out);
    for (size_t i = 0; i < sizeof verb->example / sizeof verb->example[0] && verb->example[i] != NULL; i++) {
        fputs(i == 0 ? ".nf\n" : "", out);
        roff(out, verb->example[i]);
        fputc('\n', out);
    }
    fputs(".fi\n.SH SEE ALSO\n.BR superpod (1)\n", out);
}

static const char *const global_about =
    "superpod is an AI SuperPoD in software: thousands of accelerator chips on one interconnect, described in text, run at full "
    "size. It answers what a machine gives on a model, how to split the model, how long a collective takes, and where every "
    "number comes from.\n\n"
    "Options and operands come in any order; \"--\" ends the options. A value follows its option as --option VALUE or "
    "--option=VALUE. An option given twice is refused, and names are not abbreviated. Quantities carry units (450GB/s, 16MiB, "
    "0.5us); the sizes of collective are 1024-based as in nccl-tests.\n\n"
    "With --json an answer is one object: schema, version, args, inputs (path and sha256 of every file read), seed, guesses (how "
    "many values graded guess it rests on) and result. The schemas are in docs/schema.";

static void man_global(FILE *out)
{
    man_head(out, "superpod", "AI SuperPoDs in software, from one chip to a million");
    fputs(".I VERB\n[OPTIONS] ...\n.SH DESCRIPTION\n", out);
    roff_paragraphs(out, global_about);
    fputs(".SH VERBS\n", out);
    for (int i = 0; i < CLI_V_N; i++) {
        if (cli_verbs[i].hidden) continue;
        char synopsis[160];
        fputs(".TP\n.B ", out);
        roff(out, cli_verb_synopsis(&cli_verbs[i], synopsis, sizeof synopsis));
        fputc('\n', out);
        roff(out, cli_verbs[i].summary);
        fprintf(out, "; see\n.BR superpod\\-%s (1)\n", cli_verbs[i].name);
    }
    fputs(".SH OPTIONS OF EVERY VERB\n", out);
    for (int i = CLI_O_SOURCES; i < CLI_O_N; i++) roff_option(out, (cli_option_id)i);
    fputs(".SH ENVIRONMENT\n.TP\n.B SUPERPOD_CATALOG\nThe catalog folder, where \\-\\-catalog is not given.\n"
          ".TP\n.B NO_COLOR\nNo colour when set to anything.\n"
          ".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nThe check that was asked for failed, or nothing is feasible.\n"
          ".TP\n.B 2\nBad input or usage; the message names file, line and column where there are some.\n"
          ".TP\n.B 3\nA fault of superpod's own, no memory, or standard output that cannot be written.\n"
          ".TP\n.B 130\nInterrupted. A search prints the best it had found.\n", out);
}

static bool man_page(FILE *out, const char *page)
{
    if (strcmp(page, "superpod") == 0) {
        man_global(out);
        return true;
    }
    if (strncmp(page, "superpod-", 9) != 0) return false;
    for (int i = 0; i < CLI_V_N; i++) {
        if (cli_verbs[i].hidden || strcmp(cli_verbs[i].name, page + 9) != 0) continue;
        man_verb(out, (cli_verb_id)i);
        return true;
    }
    return false;
}

int cli_cmd_docs(cli_run *cli)
{
    sp_error err = {0};
    if (strcmp(cli->action, "completion-bash") == 0) cli_completion_bash(cli->out);
    else if (strcmp(cli->action, "completion-zsh") == 0) cli_completion_zsh(cli->out);
    else if (strcmp(cli->action, "completion-fish") == 0) cli_completion_fish(cli->out);
    else if (!man_page(cli->out, cli->operand[0])) {
        sp_error_set(&err, SP_E_NOTFOUND, "command line", 0, 0, "no page '%s'; expected superpod or superpod-VERB",
                     cli->operand[0]);
        return cli_fail(cli, &err);
    }
    return CLI_EXIT_OK;
}
