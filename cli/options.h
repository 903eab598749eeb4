/* The one option table: verbs, operands and options of the command line. The parser (args.c), `--help` (help.c), the man
 * pages and the shell completions (cmd_docs.c) are all made from it; tests/cli/docs.bats holds the committed files to it. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_run;

#define CLI_OPERANDS 4          /* described by a verb                      */
#define CLI_OPERANDS_GIVEN 256  /* given, where the last one may be repeated */

/* Index of a verb in cli_verbs; an option names the verbs that take it as a set of these. */
typedef enum cli_verb_id {
    CLI_V_MACHINE, CLI_V_CHIP, CLI_V_MODEL, CLI_V_COLLECTIVE, CLI_V_TRAFFIC, CLI_V_TRAIN, CLI_V_PLAN, CLI_V_COMPARE,
    CLI_V_OPERATE, CLI_V_PLACE, CLI_V_CHECK_PLACEMENT, CLI_V_SPARES, CLI_V_DEFRAG, CLI_V_VALIDATE, CLI_V_CALIBRATE, CLI_V_DOCS, CLI_V_N
} cli_verb_id;

typedef enum cli_option_id {
    CLI_O_GBS, CLI_O_SEQ, CLI_O_TP, CLI_O_CP, CLI_O_EP, CLI_O_ETP, CLI_O_PP, CLI_O_VPP, CLI_O_DP, CLI_O_MBS, CLI_O_ZERO,
    CLI_O_PRECISION, CLI_O_RECOMPUTE, CLI_O_SCHEDULE, CLI_O_PLACE, CLI_O_ORDER, CLI_O_SET, CLI_O_PLAN,
    CLI_O_TOKENS, CLI_O_EQUAL, CLI_O_WEAK, CLI_O_BEST_PRECISION, CLI_O_AS_OF, CLI_O_PRICES, CLI_O_ABLATE, CLI_O_SENSITIVITY, CLI_O_CURVES, CLI_O_GOODPUT,
    CLI_O_OBJECTIVE, CLI_O_DEADLINE, CLI_O_EFFORT, CLI_O_THREADS, CLI_O_TOP, CLI_O_CHIPS,
    CLI_O_BEGIN, CLI_O_END, CLI_O_FACTOR, CLI_O_GROUP, CLI_O_ALGO, CLI_O_STACK, CLI_O_ENGINE, CLI_O_ROUTING,
    CLI_O_FAIL, CLI_O_SLOW, CLI_O_SEED, CLI_O_HEATMAP,
    CLI_O_ASSUME, CLI_O_TIMELINE, CLI_O_SAVE, CLI_O_HTML, CLI_O_REPORT, CLI_O_GOLDEN, CLI_O_ROWS,
    CLI_O_JOBS, CLI_O_MAP, CLI_O_YEARS, CLI_O_SEEDS, CLI_O_FAILURES, CLI_O_POLICY, CLI_O_QUEUE, CLI_O_SEGMENT, CLI_O_BLOCKS, CLI_O_MOVES, CLI_O_USED, CLI_O_RUNNING,
    CLI_O_NETWORK, CLI_O_RECOVERY, CLI_O_CHECKPOINT, CLI_O_STATE, CLI_O_INTERVAL, CLI_O_DETECT, CLI_O_DECIDE, CLI_O_RESTART, CLI_O_SWAP,
    CLI_O_REPAIR, CLI_O_POWER_CAP, CLI_O_RESERVE, CLI_O_DEFRAG, CLI_O_PREEMPT, CLI_O_REPLAN, CLI_O_BACKGROUND, CLI_O_NO_SPARES, CLI_O_NO_REROUTE, CLI_O_LOG, CLI_O_SVG, CLI_O_METRICS, CLI_O_ONLY, CLI_O_LEAVE_OUT, CLI_O_CHECK, CLI_O_WRITE,
    CLI_O_SOURCES, CLI_O_EXPLAIN, CLI_O_JSON, CLI_O_CATALOG, CLI_O_QUIET, CLI_O_NO_COLOR, CLI_O_HELP, CLI_O_VERSION,
    CLI_O_N
} cli_option_id;

/* What an option's argument is; what an operand is. Tells parser, help and completion what to do with it. */
typedef enum cli_kind {
    CLI_FLAG,       /* no argument                                   */
    CLI_COUNT,      /* whole number                                  */
    CLI_SIZE,       /* nccl-tests size, 1024-based                   */
    CLI_TEXT,
    CLI_TEXTS,      /* text that may be given again: values joined by newlines */
    CLI_CHOICE,     /* one of cli_option.choice(0 …)                 */
    CLI_FILE_IN, CLI_FILE_OUT, CLI_DIR,
    CLI_MACHINE, CLI_CHIP, CLI_MODEL, CLI_OPERATION, CLI_PAGE, CLI_FILES, CLI_ANY_FILES, CLI_MACHINES   /* operands; the last: one or more, ANY_FILES: or none */
} cli_kind;

typedef struct cli_option {
    const char *name;               /* without the dashes                                  */
    char letter;                    /* 0: no short form                                    */
    cli_kind kind;
    const char *metavar;            /* NULL for flags                                      */
    const char *standard;           /* value when not given; NULL: none                    */
    uint64_t low, high;             /* COUNT: allowed range                                */
    uint32_t verbs;                 /* set of 1u << cli_verb_id                            */
    const char *(*choice)(size_t index);  /* CHOICE: NULL past the last                    */
    const char *help;               /* one line of --help; the man page makes it a sentence */
    const char *together;           /* consecutive options with the same text share one line of --help, which says it */
    const char *more;               /* further sentences of the man page; may be NULL      */
} cli_option;

typedef struct cli_operand { cli_kind kind; const char *name; } cli_operand;

typedef struct cli_verb {
    const char *name;
    const char *summary;            /* one line                                            */
    const char *const *actions;     /* NULL-terminated; NULL: the verb has none            */
    cli_operand operand[CLI_OPERANDS];
    uint32_t n_operands;            /* all are needed, except where actions say otherwise  */
    const char *about;              /* paragraphs of the man page, split at "\n\n"         */
    const char *example[4];         /* command lines, NULL-terminated unless full          */
    bool hidden;                    /* not in --help                                       */
    int (*run)(struct cli_run *cli);
} cli_verb;

extern const cli_option cli_options[CLI_O_N];
extern const cli_verb cli_verbs[CLI_V_N];

/* How many operands a verb takes after its action: list takes none, `check` none or one, others all; any more files. */
void cli_verb_operands(const cli_verb *verb, const char *action, uint32_t *least, uint32_t *most);
/* Operands that may be repeated. */
static inline bool cli_kind_repeats(cli_kind kind) { return kind == CLI_FILES || kind == CLI_ANY_FILES || kind == CLI_MACHINES; }
static inline bool cli_option_of(cli_option_id option, cli_verb_id verb)
{
    return (cli_options[option].verbs >> verb & 1u) != 0;
}

#endif
