/* Arguments by the option table, GNU-like: options and operands in any order, --opt VALUE or --opt=VALUE, -b VALUE or
 * -bVALUE, "--" ends the options. No abbreviations, and no option twice: a script that means two things is told so. */
#include "cli.h"
#include "superpod/collective.h"
#include "superpod/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *cli_text(const cli_run *cli, cli_option_id option)
{
    return cli->value[option] != NULL ? cli->value[option] : cli_options[option].standard;
}

uint64_t cli_count(const cli_run *cli, cli_option_id option)
{
    const char *text = cli_text(cli, option);
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static void point_at(sp_error *err, const char *file)
{
    if (err == NULL || err->file[0] != '\0') return;
    snprintf(err->file, sizeof err->file, "%s", file);
    if (err->column != 0 && err->line == 0) err->line = 1;
}

sp_status cli_blame_option(cli_option_id option, sp_error *err)
{
    char name[40];
    snprintf(name, sizeof name, "--%s", cli_options[option].name);
    point_at(err, name);
    return err == NULL ? SP_E_INVAL : err->status;
}

sp_status cli_blame_operand(sp_error *err)
{
    point_at(err, "command line");
    return err == NULL ? SP_E_INVAL : err->status;
}

/* Names that `word` could have meant: options of the verb (all of them without one). */
static const char *nearest_option(const cli_run *cli, const char *word)
{
    const char *names[CLI_O_N + 1];
    size_t n = 0;
    for (int i = 0; i < CLI_O_N; i++)
        if (cli->verb == NULL || cli_option_of((cli_option_id)i, cli->verb_id)) names[n++] = cli_options[i].name;
    names[n] = NULL;
    return sp_text_nearest(word, names);
}

static sp_status unknown_option(const cli_run *cli, const char *shown, const char *name, sp_error *err)
{
    for (int i = 0; i < CLI_O_N; i++) {
        if (strcmp(cli_options[i].name, name) != 0 || cli->verb == NULL) continue;
        char verbs[128] = "";
        for (int v = 0; v < CLI_V_N; v++) {
            if (!cli_option_of((cli_option_id)i, (cli_verb_id)v)) continue;
            size_t used = strlen(verbs);
            snprintf(verbs + used, sizeof verbs - used, "%s%s", used != 0 ? ", " : "", cli_verbs[v].name);
        }
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "'%s' does not take %s; it belongs to: %s",
                            cli->verb->name, shown, verbs);
    }
    const char *near = nearest_option(cli, name);
    const char *verb = cli->verb == NULL ? "" : cli->verb->name;
    if (near != NULL)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "unknown option %s; did you mean --%s?", shown, near);
    return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "unknown option %s; `superpod %s%s--help` lists them", shown,
                        verb, verb[0] != '\0' ? " " : "");
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static sp_status check_count(cli_option_id option, const char *text, sp_error *err)
{
    const cli_option *row = &cli_options[option];
    unsigned long long low = row->low, high = row->high;
    size_t digits = strspn(text, "0123456789");
    if (text[digits] != '\0' || digits == 0)
        return sp_error_set(err, SP_E_PARSE, NULL, 1, (uint32_t)digits + 1,
                            "found '%s'; expected a whole number from %llu to %llu", text, low, high);
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno == ERANGE || value < low || value > high)
        return sp_error_set(err, SP_E_RANGE, NULL, 1, 1, "%s is out of range; expected a whole number from %llu to %llu", text,
                            low, high);
    return SP_OK;
}

static sp_status check_choice(cli_option_id option, const char *text, sp_error *err)
{
    const char *names[64];
    char list[512] = "";
    size_t n = 0;
    for (const char *name; n < 63 && (name = cli_options[option].choice(n)) != NULL; n++) {
        if (strcmp(name, text) == 0) return SP_OK;
        names[n] = name;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", n != 0 ? ", " : "", name);
    }
    names[n] = NULL;
    const char *near = sp_text_nearest(text, names);
    if (near != NULL)
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 1, 1, "unknown value '%s'; did you mean '%s'? (one of: %s)", text, near, list);
    return sp_error_set(err, SP_E_NOTFOUND, NULL, 1, 1, "unknown value '%s'; expected one of: %s", text, list);
}

static sp_status check_value(cli_option_id option, const char *text, sp_error *err)
{
    sp_status status = SP_OK;
    uint64_t size;
    switch (cli_options[option].kind) {
    case CLI_COUNT: status = check_count(option, text, err); break;
    case CLI_CHOICE: status = check_choice(option, text, err); break;
    case CLI_SIZE:
        status = sp_unit_parse_nccl_size(text, &size, err);
        if (status == SP_OK && size < cli_options[option].low)
            status = sp_error_set(err, SP_E_RANGE, NULL, 1, 1, "a buffer of %s bytes holds nothing; expected at least 1", text);
        if (status == SP_OK && size > cli_options[option].high)
            status = sp_error_set(err, SP_E_RANGE, NULL, 1, 1, "%s is beyond 2^60 bytes (1024P in this notation)", text);
        break;
    default:
        if (text[0] == '\0' && cli_options[option].kind != CLI_FLAG)
            status = sp_error_set(err, SP_E_INVAL, NULL, 1, 1, "the value is empty; expected %s", cli_options[option].metavar);
        break;
    }
    return status == SP_OK ? SP_OK : cli_blame_option(option, err);
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

static int option_named(const cli_run *cli, const char *name, size_t length)
{
    for (int i = 0; i < CLI_O_N; i++)
        if (strlen(cli_options[i].name) == length && strncmp(cli_options[i].name, name, length) == 0
            && (cli->verb == NULL || cli_option_of((cli_option_id)i, cli->verb_id)))
            return i;
    return -1;
}

static int option_lettered(const cli_run *cli, char letter)
{
    for (int i = 0; i < CLI_O_N; i++)
        if (cli_options[i].letter == letter && (cli->verb == NULL || cli_option_of((cli_option_id)i, cli->verb_id))) return i;
    return -1;
}

/* Takes the option at argv[*at] (its value may be the next argument, then *at moves on). */
static sp_status take_option(cli_run *cli, int *at, sp_error *err)
{
    const char *arg = cli->argv[*at], *value = NULL;
    char shown[64];
    int option;
    if (arg[1] == '-') {
        size_t length = strcspn(arg + 2, "=");
        if (arg[2 + length] == '=') value = arg + 2 + length + 1;
        snprintf(shown, sizeof shown, "%.*s", (int)(length + 2 < 60 ? length + 2 : 60), arg);
        option = option_named(cli, arg + 2, length);
        if (option < 0) return unknown_option(cli, shown, shown + 2, err);
    } else {
        snprintf(shown, sizeof shown, "-%c", arg[1]);
        option = option_lettered(cli, arg[1]);
        if (option < 0) return unknown_option(cli, shown, shown + 1, err);
        if (arg[2] != '\0') value = arg + 2;
    }
    const cli_option *row = &cli_options[option];
    if (cli->value[option] != NULL && row->kind != CLI_TEXTS)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "--%s is given twice; give it once", row->name);
    if (row->kind == CLI_FLAG) {
        if (value != NULL)
            return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "%s takes no value; found '%s'", shown, value);
        cli->value[option] = "";
        return SP_OK;
    }
    if (value == NULL) {
        const char *next = *at + 1 < cli->argc ? cli->argv[*at + 1] : NULL;
        if (next == NULL || (strncmp(next, "--", 2) == 0 && option_named(cli, next + 2, strcspn(next + 2, "=")) >= 0))
            return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "%s needs a value (%s); found %s%s", shown, row->metavar,
                                next == NULL ? "the end" : "the option ", next == NULL ? "" : next);
        value = next;
        (*at)++;
    }
    const char *before = cli->value[option];
    cli->value[option] = before == NULL ? value : sp_arena_printf(cli->arena, "%s\n%s", before, value);
    if (cli->value[option] == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    return check_value((cli_option_id)option, value, err);
}

static sp_status take_verb(cli_run *cli, const char *word, sp_error *err)
{
    const char *names[CLI_V_N + 1];
    size_t n = 0;
    for (int i = 0; i < CLI_V_N; i++) {
        if (strcmp(cli_verbs[i].name, word) == 0) {
            cli->verb = &cli_verbs[i];
            cli->verb_id = (cli_verb_id)i;
            return SP_OK;
        }
        if (!cli_verbs[i].hidden) names[n++] = cli_verbs[i].name;
    }
    names[n] = NULL;
    const char *near = sp_text_nearest(word, names);
    if (near != NULL) return sp_error_set(err, SP_E_NOTFOUND, "command line", 0, 0, "unknown verb '%s'; did you mean '%s'?", word, near);
    return sp_error_set(err, SP_E_NOTFOUND, "command line", 0, 0, "unknown verb '%s'; `superpod --help` lists the verbs", word);
}

static sp_status take_action(cli_run *cli, const char *word, sp_error *err)
{
    char list[128] = "";
    for (size_t i = 0; cli->verb->actions[i] != NULL; i++) {
        if (strcmp(cli->verb->actions[i], word) == 0) {
            cli->action = cli->verb->actions[i];
            return SP_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i != 0 ? ", " : "", cli->verb->actions[i]);
    }
    const char *near = sp_text_nearest(word, cli->verb->actions);
    if (near != NULL)
        return sp_error_set(err, SP_E_NOTFOUND, "command line", 0, 0, "`superpod %s %s` is not known; did you mean '%s'?",
                            cli->verb->name, word, near);
    return sp_error_set(err, SP_E_NOTFOUND, "command line", 0, 0, "`superpod %s %s` is not known; expected one of: %s",
                        cli->verb->name, word, list);
}

static sp_status take_word(cli_run *cli, const char *word, sp_error *err)
{
    if (cli->verb == NULL) return take_verb(cli, word, err);
    if (cli->verb->actions != NULL && cli->action == NULL) return take_action(cli, word, err);
    uint32_t least, most;
    cli_verb_operands(cli->verb, cli->action, &least, &most);
    if (cli->n_operands >= most)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "unexpected argument '%s': `superpod %s%s%s` takes %u", word,
                            cli->verb->name, cli->action ? " " : "", cli->action ? cli->action : "", most);
    if (word[0] == '\0')
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "%s is empty",
                            cli->verb->operand[cli->n_operands < cli->verb->n_operands ? cli->n_operands : cli->verb->n_operands - 1].name);
    cli->operand[cli->n_operands++] = word;
    return SP_OK;
}

static sp_status check_complete(const cli_run *cli, sp_error *err)
{
    if (cli_given(cli, CLI_O_HELP) || cli_given(cli, CLI_O_VERSION)) return SP_OK;
    if (cli->verb == NULL)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "no verb; `superpod --help` lists the verbs");
    char usage[160];
    cli_verb_synopsis(cli->verb, usage, sizeof usage);
    if (cli->verb->actions != NULL && cli->action == NULL)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "`superpod %s` needs more; expected: superpod %s", cli->verb->name,
                            usage);
    uint32_t least, most;
    cli_verb_operands(cli->verb, cli->action, &least, &most);
    if (cli->n_operands < least)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "%s is missing; expected: superpod %s",
                            cli->verb->operand[cli->n_operands].name, usage);
    return SP_OK;
}

/* The verb is looked for first, so that every option is looked up among the verb's own, wherever it stands. */
static sp_status find_verb(cli_run *cli, sp_error *err)
{
    for (int i = 1; i < cli->argc; i++) {
        const char *arg = cli->argv[i];
        if (arg[0] != '-' || arg[1] == '\0') return take_verb(cli, arg, err);
        if (strcmp(arg, "--") == 0 || strchr(arg, '=') != NULL) continue;
        int option = arg[1] == '-' ? option_named(cli, arg + 2, strlen(arg + 2)) : option_lettered(cli, arg[1]);
        if (option >= 0 && cli_options[option].kind != CLI_FLAG && (arg[1] == '-' || arg[2] == '\0')) i++;
    }
    return SP_OK;
}

sp_status cli_args_parse(cli_run *cli, sp_error *err)
{
    bool options = true;
    sp_status status = find_verb(cli, err);
    if (status != SP_OK) return status;
    bool verb_seen = false;
    for (int i = 1; i < cli->argc; i++) {
        const char *arg = cli->argv[i];
        if (options && strcmp(arg, "--") == 0) options = false;
        else if (options && arg[0] == '-' && arg[1] != '\0') status = take_option(cli, &i, err);
        else if (cli->verb != NULL && !verb_seen) verb_seen = true;
        else status = take_word(cli, arg, err);
        if (status != SP_OK) return status;
    }
    return check_complete(cli, err);
}
