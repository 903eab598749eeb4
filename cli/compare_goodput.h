/* Useful tokens a day of the machines compared. */
#ifndef CLI_COMPARE_GOODPUT_H
#define CLI_COMPARE_GOODPUT_H

#include "output.h"
#include "superpod/study.h"

/* useful: nominal; low: the slowest samples with three times the failures, high: the fastest with a third. */
typedef struct cli_goodput_row { double healthy; sp_range useful; sp_goodput goodput; } cli_goodput_row;
typedef struct cli_goodput { uint32_t n; cli_goodput_row *row; const sp_failures *failures; } cli_goodput;   /* n 0: not asked for */

/* What --failures says, else Llama 3's causes. */
sp_status cli_goodput_failures(cli_run *cli, const sp_failures **out, sp_error *err);
sp_status cli_goodput_read(cli_run *cli, const sp_comparison *comparison, const sp_failures *failures, cli_goodput *out, sp_error *err);
json_t *cli_goodput_json(const cli_goodput *goodput, uint32_t entry);
void cli_goodput_print(cli_run *cli, const sp_comparison *comparison, const cli_goodput *goodput);

#endif
