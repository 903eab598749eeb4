/* Shell completion from the option table: options by verb, values by kind, names from `superpod NOUN list -q`. */
#include "cli.h"

#include <string.h>

/* ---- completion: bash --------------------------------------------------------------------------------------------- */

static void words_of_verb(FILE *out, cli_verb_id id)
{
    const char *gap = "";
    for (int i = 0; i < CLI_O_N; i++) {
        if (!cli_option_of((cli_option_id)i, id)) continue;
        fprintf(out, "%s--%s", gap, cli_options[i].name);
        gap = " ";
        if (cli_options[i].letter != 0) fprintf(out, " -%c", cli_options[i].letter);
    }
}

static void words_of_choice(FILE *out, cli_option_id option)
{
    for (size_t i = 0; cli_options[option].choice(i) != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " ", cli_options[option].choice(i));
}

static const char *bash_action(cli_kind kind)
{
    switch (kind) {
    case CLI_FILE_IN:
    case CLI_FILES:
    case CLI_ANY_FILES:
    case CLI_FILE_OUT: return "COMPREPLY=($(compgen -f -- \"$word\"))";
    case CLI_DIR: return "COMPREPLY=($(compgen -d -- \"$word\"))";
    case CLI_MACHINE: case CLI_MACHINES: return "COMPREPLY=($(compgen -f -W \"$(superpod machine list -q 2>/dev/null)\" -- \"$word\"))";
    case CLI_CHIP: return "COMPREPLY=($(compgen -f -W \"$(superpod chip list -q 2>/dev/null)\" -- \"$word\"))";
    case CLI_MODEL: return "COMPREPLY=($(compgen -f -W \"$(superpod model list -q 2>/dev/null)\" -- \"$word\"))";
    default: return "COMPREPLY=()";
    }
}

static void words_of_operations(FILE *out)
{
    for (int i = 0; i < SP_COLL_OPS; i++) fprintf(out, "%s%s", i == 0 ? "" : " ", sp_coll_op_name((sp_coll_op)i));
}

static void bash_values(FILE *out)
{
    fputs("    case \"$before\" in\n", out);
    for (int i = 0; i < CLI_O_N; i++) {
        const cli_option *row = &cli_options[i];
        if (row->kind == CLI_FLAG) continue;
        fprintf(out, "    --%s", row->name);
        if (row->letter != 0) fprintf(out, " | -%c", row->letter);
        if (row->choice != NULL) {
            fputs(") COMPREPLY=($(compgen -W \"", out);
            words_of_choice(out, (cli_option_id)i);
            fputs("\" -- \"$word\")); return ;;\n", out);
        } else {
            fprintf(out, ") %s; return ;;\n", bash_action(row->kind));
        }
    }
    fputs("    esac\n", out);
}

/* The operands of one verb by their position after the verb. */
static void bash_operands(FILE *out, const cli_verb *verb)
{
    uint32_t at = 0;
    fprintf(out, "    %s)\n        case $place in\n", verb->name);
    if (verb->actions != NULL) {
        fprintf(out, "        %u) COMPREPLY=($(compgen -W \"", at++);
        for (size_t i = 0; verb->actions[i] != NULL; i++) fprintf(out, "%s%s", i == 0 ? "" : " ", verb->actions[i]);
        fputs("\" -- \"$word\")) ;;\n", out);
    }
    for (uint32_t i = 0; i < verb->n_operands; i++) {
        if (cli_kind_repeats(verb->operand[i].kind)) fputs("        *) ", out);
        else fprintf(out, "        %u) ", at++);
        if (verb->operand[i].kind == CLI_OPERATION) {
            fputs("COMPREPLY=($(compgen -W \"", out);
            words_of_operations(out);
            fputs("\" -- \"$word\")) ;;\n", out);
        } else {
            fprintf(out, "%s ;;\n", bash_action(verb->operand[i].kind));
        }
    }
    fputs("        esac ;;\n", out);
}

void cli_completion_bash(FILE *out)
{
    fputs("# bash completion of superpod; made by `superpod docs completion-bash`\n_superpod() {\n"
          "    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" verb=\"\" place=0 i\n"
          "    COMPREPLY=()\n", out);
    bash_values(out);
    fputs("    for ((i = 1; i < COMP_CWORD; i++)); do\n        case \"${COMP_WORDS[i]}\" in\n", out);
    fputs("        ", out);
    const char *gap = "";
    for (int i = 0; i < CLI_O_N; i++) {
        if (cli_options[i].kind == CLI_FLAG) continue;
        fprintf(out, "%s--%s", gap, cli_options[i].name);
        gap = " | ";
        if (cli_options[i].letter != 0) fprintf(out, " | -%c", cli_options[i].letter);
    }
    fputs(") i=$((i + 1)) ;;\n        -*) ;;\n"
          "        *) if [ -z \"$verb\" ]; then verb=\"${COMP_WORDS[i]}\"; else place=$((place + 1)); fi ;;\n"
          "        esac\n    done\n    if [[ $word == -* ]]; then\n        case \"$verb\" in\n", out);
    for (int i = 0; i < CLI_V_N; i++) {
        if (cli_verbs[i].hidden) continue;
        fprintf(out, "        %s) COMPREPLY=($(compgen -W \"", cli_verbs[i].name);
        words_of_verb(out, (cli_verb_id)i);
        fputs("\" -- \"$word\")) ;;\n", out);
    }
    fputs("        *) COMPREPLY=($(compgen -W \"--help --version\" -- \"$word\")) ;;\n        esac\n        return\n    fi\n"
          "    case \"$verb\" in\n    \"\") COMPREPLY=($(compgen -W \"", out);
    gap = "";
    for (int i = 0; i < CLI_V_N; i++) {
        if (cli_verbs[i].hidden) continue;
        fprintf(out, "%s%s", gap, cli_verbs[i].name);
        gap = " ";
    }
    fputs("\" -- \"$word\")) ;;\n", out);
    for (int i = 0; i < CLI_V_N; i++)
        if (!cli_verbs[i].hidden) bash_operands(out, &cli_verbs[i]);
    fputs("    esac\n}\ncomplete -F _superpod superpod\n", out);
}

/* ---- completion: zsh ------------------------------------------------------------------------------------------------ */

static void zsh_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') fputs("'\\''", out);
        else if (strchr("[]:\\", *text) != NULL) fprintf(out, "\\%c", *text);
        else fputc(*text, out);
    }
}

static void zsh_action(FILE *out, cli_kind kind)
{
    switch (kind) {
    case CLI_FILE_IN:
    case CLI_FILES:
    case CLI_ANY_FILES:
    case CLI_FILE_OUT: fputs("_files", out); break;
    case CLI_DIR: fputs("_files -/", out); break;
    case CLI_MACHINE: case CLI_MACHINES: fputs("_superpod_names machine", out); break;
    case CLI_CHIP: fputs("_superpod_names chip", out); break;
    case CLI_MODEL: fputs("_superpod_names model", out); break;
    case CLI_OPERATION: fputc('(', out); words_of_operations(out); fputc(')', out); break;
    default: break;
    }
}

static void zsh_option(FILE *out, cli_option_id option)
{
    const cli_option *row = &cli_options[option];
    for (int form = 0; form < (row->letter != 0 ? 2 : 1); form++) {
        if (form == 0) fprintf(out, " \\\n            '--%s%s[", row->name, row->kind == CLI_FLAG ? "" : "=");
        else fprintf(out, " \\\n            '-%c%s[", row->letter, row->kind == CLI_FLAG ? "" : "+");
        zsh_text(out, row->help);
        fputc(']', out);
        if (row->kind != CLI_FLAG) {
            fprintf(out, ":%s:", row->metavar);
            if (row->choice != NULL) {
                fputc('(', out);
                words_of_choice(out, option);
                fputc(')', out);
            } else {
                zsh_action(out, row->kind);
            }
        }
        fputc('\'', out);
    }
}

void cli_completion_zsh(FILE *out)
{
    fputs("#compdef superpod\n# zsh completion of superpod; made by `superpod docs completion-zsh`\n"
          "_superpod_names() {\n    local -a names\n    names=(${(f)\"$(superpod $1 list -q 2>/dev/null)\"})\n"
          "    compadd -a names\n    _files\n}\n_superpod() {\n    local -a verbs\n    verbs=(\n", out);
    for (int i = 0; i < CLI_V_N; i++) {
        if (cli_verbs[i].hidden) continue;
        fprintf(out, "        '%s:", cli_verbs[i].name);
        zsh_text(out, cli_verbs[i].summary);
        fputs("'\n", out);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe verb verbs\n        return\n    fi\n    local verb=$words[2]\n"
          "    shift words\n    (( CURRENT-- ))\n    case $verb in\n", out);
    for (int i = 0; i < CLI_V_N; i++) {
        const cli_verb *verb = &cli_verbs[i];
        if (verb->hidden) continue;
        fprintf(out, "    %s)\n        _arguments", verb->name);
        for (int o = 0; o < CLI_O_N; o++)
            if (cli_option_of((cli_option_id)o, (cli_verb_id)i)) zsh_option(out, (cli_option_id)o);
        if (verb->actions != NULL) {
            fputs(" \\\n            '1:action:(", out);
            for (size_t a = 0; verb->actions[a] != NULL; a++) fprintf(out, "%s%s", a == 0 ? "" : " ", verb->actions[a]);
            fputs(")'", out);
        }
        for (uint32_t n = 0; n < verb->n_operands; n++) {
            if (cli_kind_repeats(verb->operand[n].kind)) fprintf(out, " \\\n            '*:%s:", verb->operand[n].name);
            else fprintf(out, " \\\n            '%u:%s:", n + (verb->actions != NULL ? 2 : 1), verb->operand[n].name);
            zsh_action(out, verb->operand[n].kind);
            fputc('\'', out);
        }
        fputs(" ;;\n", out);
    }
    fputs("    esac\n}\n_superpod \"$@\"\n", out);
}

/* ---- completion: fish ------------------------------------------------------------------------------------------------- */

static void fish_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
}

static void fish_option(FILE *out, const cli_verb *verb, cli_option_id option)
{
    const cli_option *row = &cli_options[option];
    fprintf(out, "complete -c superpod -n '__fish_seen_subcommand_from %s' -l %s", verb->name, row->name);
    if (row->letter != 0) fprintf(out, " -s %c", row->letter);
    if (row->kind == CLI_FILE_IN || row->kind == CLI_FILE_OUT) fputs(" -r -F", out);
    else if (row->kind == CLI_DIR) fputs(" -x -a '(__fish_complete_directories)'", out);
    else if (row->kind != CLI_FLAG) fputs(" -x", out);
    if (row->choice != NULL) {
        fputs(" -a '", out);
        words_of_choice(out, option);
        fputc('\'', out);
    }
    fputs(" -d '", out);
    fish_text(out, row->help);
    fputs("'\n", out);
}

static void fish_operands(FILE *out, const cli_verb *verb)
{
    for (size_t a = 0; verb->actions != NULL && verb->actions[a] != NULL; a++)
        fprintf(out, "complete -c superpod -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from list show check' -a %s\n",
                verb->name, verb->actions[a]);
    const char *seen = verb->actions != NULL ? "; and __fish_seen_subcommand_from show check" : "";
    for (uint32_t i = 0; i < verb->n_operands; i++) {
        cli_kind kind = verb->operand[i].kind;
        if (kind == CLI_FILES || kind == CLI_ANY_FILES) continue;   /* fish offers files by itself */
        fprintf(out, "complete -c superpod -n '__fish_seen_subcommand_from %s%s' -a '", verb->name, seen);
        if (kind == CLI_OPERATION) words_of_operations(out);
        else fprintf(out, "(superpod %s list -q 2>/dev/null)", kind == CLI_MACHINE || kind == CLI_MACHINES ? "machine" : kind == CLI_CHIP ? "chip" : "model");
        fputs("'\n", out);
    }
}

void cli_completion_fish(FILE *out)
{
    fputs("# fish completion of superpod; made by `superpod docs completion-fish`\n", out);
    for (int i = 0; i < CLI_V_N; i++) {
        const cli_verb *verb = &cli_verbs[i];
        if (verb->hidden) continue;
        fprintf(out, "complete -c superpod -n __fish_use_subcommand -f -a %s -d '", verb->name);
        fish_text(out, verb->summary);
        fputs("'\n", out);
        for (int o = 0; o < CLI_O_N; o++)
            if (cli_option_of((cli_option_id)o, (cli_verb_id)i)) fish_option(out, verb, (cli_option_id)o);
        fish_operands(out, verb);
    }
}
