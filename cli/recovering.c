/* The recovery table of a job, as text and as JSON. */
#include "output.h"
#include "superpod/cluster.h"

#include <stdlib.h>

static bool same(const sp_recovery_row *a, const sp_recovery_row *b) { return a != NULL && a->rung == b->rung && a->step_time_s == b->step_time_s && a->transition_s == b->transition_s; }

/* Rows of a part that are unlike the one before: what stands by often changes nothing. */
static void tell_unit(cli_table *table, const sp_recovery *recovery, sp_fail_unit unit, bool down)
{
    const sp_recovery_row *before = NULL;
    for (int room = 0; room < SP_ROOMS; room++) {
        const sp_recovery_row *row = sp_recovery_look_up(recovery, unit, down, (sp_room)room);
        if (down && room == SP_ROOM_SPARE && !sp_recovery_rung(recovery, unit, down, SP_ROOM_SPARE, SP_RUNG_SPARE)->feasible) continue;   /* too few ever */
        if (same(before, row)) continue;
        before = row;
        cli_table_cell(table, "%s%s", sp_fail_unit_name(unit), down ? "" : ", back at once");
        cli_table_cell(table, "%s", down ? sp_room_name((sp_room)room) : "");
        cli_table_cell(table, "%s", sp_rung_name(row->rung));
        cli_table_cell(table, "%u", row->chips);
        cli_table_quantity(table, row->step_time_s, SP_UNIT_SECONDS);
        cli_table_cell(table, "%.4f", row->speed);
        cli_table_quantity(table, row->transition_s, SP_UNIT_SECONDS);
    }
}

void cli_recovery_print(cli_run *cli, const sp_recovery *recovery)
{
    fputs("\n  when a part fails\n", cli->out);
    cli_table *table = cli_table_begin(cli, "lllrrrr", (const char *const[]){"part", "stands by", "then", "chips", "step", "speed", "after"});
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++) {
        tell_unit(table, recovery, (sp_fail_unit)unit, false);
        tell_unit(table, recovery, (sp_fail_unit)unit, true);
    }
    cli_table_end(table);
}

json_t *cli_recovery_json(const sp_recovery *recovery)
{
    json_t *list = json_array();
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++)
        for (int down = 0; down < 2; down++)
            for (int room = 0; room < SP_ROOMS; room++) {
                const sp_recovery_row *row = sp_recovery_look_up(recovery, (sp_fail_unit)unit, down, (sp_room)room);
                char plan[1024];
                sp_plan_format(&row->plan, plan, sizeof plan);
                json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:s, s:i, s:f, s:f, s:f, s:s}", "part", sp_fail_unit_name((sp_fail_unit)unit), "down", down,
                                                      "stands_by", sp_room_name((sp_room)room), "rung", sp_rung_name(row->rung), "chips", (int)row->chips,
                                                      "step_time_s", row->step_time_s, "speed", row->speed, "transition_s", row->transition_s, "plan", plan));
            }
    return list;
}
