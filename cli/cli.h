/* What the files of the command line share: one run of one verb, from the arguments to the exit status. */
#ifndef CLI_H
#define CLI_H

#include "options.h"
#include "superpod/plan.h"

#include <stdio.h>

enum { CLI_EXIT_OK = 0, CLI_EXIT_UNFIT = 1, CLI_EXIT_USAGE = 2, CLI_EXIT_INTERNAL = 3, CLI_EXIT_INTERRUPTED = 130 };

#define CLI_INPUTS 512   /* a check of the whole catalog reads under 200 files */

typedef struct cli_run {
    int argc;
    char **argv;
    const cli_verb *verb;              /* NULL: only global options were given      */
    cli_verb_id verb_id;
    const char *action;                /* "list", "show", "check"; NULL: none       */
    const char *operand[CLI_OPERANDS_GIVEN];
    uint32_t n_operands;
    const char *value[CLI_O_N];        /* text given, "" for flags; NULL: not given */
    sp_arena *arena;
    sp_catalog *catalog;               /* opened by cli_catalog                     */
    const char *catalog_dir;
    const char *input[CLI_INPUTS];     /* files the answer was read from            */
    uint32_t n_inputs;
    uint64_t seed;                     /* of the envelope; 0: nothing random    */
    uint64_t guesses;                  /* values graded guess that the answer used  */
    sp_explain *explain;               /* NULL without --explain                    */
    FILE *out;                         /* what goes to standard output, in memory   */
    char *out_text;
    size_t out_length;
    sp_team team;                      /* size 0: not started by mpirun             */
} cli_run;

/* ---- args.c: arguments -> cli ------------------------------------------------------------------------------ */

/* Reads argv into cli (verb, action, operands, values). Every COUNT, SIZE and CHOICE is checked here. */
sp_status cli_args_parse(cli_run *cli, sp_error *err);
static inline bool cli_given(const cli_run *cli, cli_option_id option) { return cli->value[option] != NULL; }
/* Value given or the option's standard; NULL when neither. */
const char *cli_text(const cli_run *cli, cli_option_id option);
/* Value of a COUNT (0 when neither given nor standard). Only after cli_args_parse. */
uint64_t cli_count(const cli_run *cli, cli_option_id option);
/* Makes *err point at an option's value ("--place:1:4") or an operand ("command line:1:4") when it names no file. */
sp_status cli_blame_option(cli_option_id option, sp_error *err);
sp_status cli_blame_operand(sp_error *err);

/* ---- help.c -------------------------------------------------------------------------------------------------- */

void cli_help(FILE *out, const cli_verb *verb);       /* NULL: global */
/* "--gbs N" / "-b, --begin SIZE" */
const char *cli_option_synopsis(cli_option_id option, char *out, size_t out_size);
/* "machine list|show|check [NAME]" */
const char *cli_verb_synopsis(const cli_verb *verb, char *out, size_t out_size);

/* ---- completion.c -------------------------------------------------------------------------------------------- */

void cli_completion_bash(FILE *out);
void cli_completion_zsh(FILE *out);
void cli_completion_fish(FILE *out);

/* ---- lookup.c: names, files and strings -> chips, machines, models ------------------------------------------ */

sp_status cli_catalog(cli_run *cli, sp_error *err);       /* opens cli->catalog; search order in superpod(1) */
sp_status cli_machine(cli_run *cli, const char *text, const sp_machine **out, sp_error *err);
/* With that communication library alone (sp_catalog_network): for verbs that run no models. */
sp_status cli_network(cli_run *cli, const char *text, const char *stack, const sp_machine **out, sp_error *err);
sp_status cli_chip(cli_run *cli, const char *text, const sp_chip **out, sp_error *err);
sp_status cli_model(cli_run *cli, const char *text, const sp_model **out, sp_error *err);
/* "0-1023" as a placement whose dims lie along the machine's tiers; NULL: every chip. */
sp_status cli_group(cli_run *cli, const sp_machine *machine, const char *text, sp_placement *out, sp_error *err);
/* All of --group, each as it was written; one of all chips when none is given. In the arena. */
typedef struct cli_groups { uint32_t n; sp_placement *place; const char **text; } cli_groups;
sp_status cli_groups_read(cli_run *cli, const sp_machine *machine, cli_groups *out, sp_error *err);
/* The stack asked for (NULL: the default of the machine's chip), its file counted as an input. */
sp_status cli_stack(cli_run *cli, const sp_machine *machine, const char *name, const sp_stack **out, sp_error *err);
/* Tier set as names, "board+rack". */
const char *cli_tier_names(cli_run *cli, const sp_machine *machine, uint32_t tiers);
void cli_input_add(cli_run *cli, const char *path);
void cli_input_prices(cli_run *cli);                      /* the files that costs are from */
void cli_input_catalog(cli_run *cli, const char *folder, const char *name);

/* ---- ranks.c: mpirun ------------------------------------------------------------------------------------ */

void cli_team_begin(cli_run *cli);            /* before the arguments are looked at */
void cli_team_quiet(cli_run *cli);            /* after: ranks but 0 write no files  */
void cli_team_end(const cli_run *cli);
const sp_team *cli_team(const cli_run *cli);  /* NULL: one process                  */

/* ---- flow_options.c: options of the flow engine --------------------------------------------------------------------- */

sp_status cli_flow_options(cli_run *cli, const sp_machine *machine, sp_flow_options *out, sp_error *err);
/* The same for a graph. */
sp_status cli_net_options(cli_run *cli, const sp_net *net, sp_flow_options *out, sp_error *err);

/* ---- sources.c: the graded values of a chip or a machine ----------------------------------------------------- */

typedef struct cli_source { const char *owner, *label; sp_unit unit; const sp_value *value; } cli_source;
typedef struct cli_sources { cli_source *row; size_t n, room; } cli_sources;
void cli_sources_of_chip(cli_run *cli, const sp_chip *chip, cli_sources *list);
void cli_sources_of_machine(cli_run *cli, const sp_machine *machine, cli_sources *list);  /* its chip included */
void cli_sources_of_stack(cli_run *cli, const sp_stack *stack, cli_sources *list);
/* All that a training step and its cost read: the machine's, prices, and those of the communication library and the product line of these names
 * (NULL: the default). */
sp_status cli_sources_of_step(cli_run *cli, const sp_machine *machine, const char *stack, const char *software, cli_sources *list, sp_error *err);
size_t cli_sources_guesses(const cli_sources *list);
void cli_sources_print(cli_run *cli, const cli_sources *list);

/* ---- running.c: jobs that hold chips, of a file --------------------------------------------------------------------- */
struct sp_cluster;
/* Arrays [room] of the arena. ends_s: from now; INFINITY where the file says nothing. A job's number is the owner of its chips. */
typedef struct cli_running { const char **name; uint32_t *list; double *ends_s; uint32_t n, room; } cli_running;
sp_status cli_running_read(cli_run *cli, const char *path, struct sp_cluster *cluster, cli_running *out, sp_error *err);

/* ---- operating.c: what the verbs of the cluster manager share ----------------------------------------------------- */

struct sp_failures;
/* A quantity given or the option's standard; *out is untouched when there is neither. */
sp_status cli_quantity_read(const cli_run *cli, cli_option_id option, sp_unit unit, double *out, sp_error *err);
/* --failures: a name of the catalog or a file. */
sp_status cli_failures(cli_run *cli, struct sp_failures *out, sp_error *err);

/* ---- training.c: what train and plan share ------------------------------------------------------------------------- */

/* Where a key of a plan stands among the words of --set; NULL: nowhere. */
const char *cli_set_word(const cli_run *cli, const char *key);
/* Puts the options (and --plan FILE before them) on top of what *plan holds; gbs and seq fall back to the model's. */
sp_status cli_plan_read(cli_run *cli, const sp_machine *machine, const sp_model *model, sp_plan *plan, sp_error *err);
/* Makes a complaint about the plan point at the option that it names first. */
sp_status cli_blame_plan(sp_error *err);
const char *cli_plan_text(cli_run *cli, const sp_plan *plan);
/* Headline, breakdown, memory and layout of one predicted step. */
void cli_step_print(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan, const sp_train_report *report);
/* Writes --timeline and --html, where given. */
sp_status cli_step_files(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                         const sp_train_report *report, const sp_solution *solution, sp_error *err);

/* ---- verbs ---------------------------------------------------------------------------------------------------- */

int cli_cmd_machine(cli_run *cli);
int cli_cmd_chip(cli_run *cli);
int cli_cmd_model(cli_run *cli);
int cli_cmd_collective(cli_run *cli);
int cli_cmd_traffic(cli_run *cli);
int cli_cmd_train(cli_run *cli);
int cli_cmd_plan(cli_run *cli);
int cli_cmd_compare(cli_run *cli);
int cli_cmd_validate(cli_run *cli);
int cli_cmd_operate(cli_run *cli);
int cli_cmd_place(cli_run *cli);
int cli_cmd_check_placement(cli_run *cli);
int cli_cmd_spares(cli_run *cli);
int cli_cmd_defrag(cli_run *cli);
int cli_cmd_calibrate(cli_run *cli);
int cli_cmd_docs(cli_run *cli);

/* ---- main.c ---------------------------------------------------------------------------------------------------- */

/* Prints the error to standard error; returns the exit status that its kind stands for. */
int cli_fail(const cli_run *cli, const sp_error *err);
bool cli_interrupted(void);
/* Around work that cannot be stopped between and has nothing to show before its end: an interrupt ends the process with 130. */
void cli_interrupt_ends(bool ends);

#endif
