/* What commands print: tables for people, the JSON envelope for programs, files that are whole or absent. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "superpod/cluster.h"
#include "cli.h"

#include <jansson.h>

/* ---- text ----------------------------------------------------------------------------------------------------- */

/* Lines of a table, columns set to their widest cell. `align`: one letter a column, l left, r right, w left and wrapped
 * at the page's width (the last column only). Cells are copied. */
typedef struct cli_table cli_table;
cli_table *cli_table_begin(cli_run *cli, const char *align, const char *const *heads);  /* heads NULL: none */
void cli_table_cell(cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_table_quantity(cli_table *table, double value, sp_unit unit);   /* "-" for 0 */
void cli_table_end(cli_table *table);                                     /* prints     */

/* "label    text" with the text's column fixed. */
void cli_line(cli_run *cli, const char *label, const char *format, ...) __attribute__((format(printf, 3, 4)));
void cli_paragraph(cli_run *cli, size_t indent, const char *text);         /* wrapped and indented */
const char *cli_quantity(cli_run *cli, double value, sp_unit unit);            /* sp_unit_format in the arena */
const char *cli_strong(const cli_run *cli, bool on);                           /* bold on, off; "" without colour */
bool cli_wants_color(const cli_run *cli, int fd);
void cli_explain_print(cli_run *cli);

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

json_t *cli_json_real(double value);       /* null when not finite */
json_t *cli_json_text(const char *text);   /* null when NULL       */
json_t *cli_json_value(const sp_value *value, sp_unit unit);
json_t *cli_json_sources(const cli_sources *list);
/* Prints the envelope around `result` (taken over) to cli->out. Adds "explain" to the result when asked for. */
sp_status cli_json_emit(cli_run *cli, json_t *result, sp_error *err);

bool cli_file_sha256(const char *path, char sha[65]);   /* false: it cannot be read */
json_t *cli_json_step(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan, const sp_train_report *report);

/* ---- check_each.c: `check` of chips, machines, models -------------------------------------------------------------- */

/* Checks the thing of that name: a line or a row of JSON, *good when it has no fault. An error when there is no such thing. */
typedef sp_status cli_check(cli_run *cli, const char *name, json_t *rows, bool *good, sp_error *err);
/* The operand, or all `count` of the catalog; the verb's exit code. */
int cli_check_each(cli_run *cli, size_t count, const char *(*name)(const sp_catalog *catalog, size_t index), cli_check *check);
/* The line or row of a thing with graded values; `fault` NULL: none. */
void cli_check_sourced(cli_run *cli, const char *name, const char *fault, const cli_sources *sources, json_t *rows);

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* Can all files that are to be written be written, each to a place of its own? Asked before any work; all ranks get one answer. */
sp_status cli_outputs_check(const cli_run *cli, sp_error *err);

/* ---- recovery ------------------------------------------------------------------------------------------------- */

void cli_recovery_print(cli_run *cli, const sp_recovery *recovery);
json_t *cli_recovery_json(const sp_recovery *recovery);

/* ---- progress ------------------------------------------------------------------------------------------------- */

/* One line on standard error, only on a terminal and without -q; redrawn at most ten times a second. */
typedef struct cli_progress { bool on; double last_s; } cli_progress;
cli_progress cli_progress_begin(const cli_run *cli);
bool cli_progress_due(const cli_progress *progress);   /* is it time to say something again? for what takes work to say */
void cli_progress_show(cli_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_progress_end(cli_progress *progress);

#endif
