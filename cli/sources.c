/* The graded values of a chip or a machine, named: what --sources lists and what counts as a guess. */
#include "output.h"

#include <string.h>

static void add(cli_run *cli, cli_sources *list, const char *owner, const char *label, sp_unit unit, const sp_value *value)
{
    if (value->grade == SP_GRADE_NONE) return;
    if (list->n == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        cli_source *row = sp_arena_alloc(cli->arena, room, sizeof *row);
        if (row == NULL) return;
        if (list->n != 0) memcpy(row, list->row, list->n * sizeof *row);
        list->row = row;
        list->room = room;
    }
    list->row[list->n++] = (cli_source){owner, label, unit, value};
}

void cli_sources_of_chip(cli_run *cli, const sp_chip *chip, cli_sources *list)
{
    for (uint32_t i = 0; i < chip->n_facts; i++)
        add(cli, list, chip->name, chip->facts[i].key, chip->facts[i].unit, &chip->facts[i].value);
}

typedef struct machine_visit { cli_run *cli; cli_sources *list; const char *name; } machine_visit;

static void on_machine_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    machine_visit *visit = context;
    sp_value *copy = sp_arena_alloc(visit->cli->arena, 1, sizeof *copy);
    const char *label = sp_arena_strdup(visit->cli->arena, path);
    if (copy == NULL || label == NULL) return;
    *copy = *value;
    add(visit->cli, visit->list, visit->name, label, unit, copy);
}

void cli_sources_of_stack(cli_run *cli, const sp_stack *stack, cli_sources *list)
{
    machine_visit visit = {cli, list, sp_arena_printf(cli->arena, "stack %s", stack->name)};
    sp_stack_each_value(stack, on_machine_value, &visit);
}

void cli_sources_of_machine(cli_run *cli, const sp_machine *machine, cli_sources *list)
{
    machine_visit visit = {cli, list, machine->name};
    sp_machine_each_value(machine, on_machine_value, &visit);
    cli_sources_of_chip(cli, machine->chip, list);
}

static void add_prices(cli_run *cli, const sp_machine *machine, cli_sources *list)
{
    const sp_price_table *prices = machine->prices;
    bool listed = false;
    for (size_t i = 0; i < list->n && !listed; i++) listed = list->row[i].value == &prices->electricity_usd_per_kwh;
    cli_input_prices(cli);
    if (!listed) {   /* machines side by side share them */
        add(cli, list, "prices", "electricity", SP_UNIT_USD_PER_KWH, &prices->electricity_usd_per_kwh);
        add(cli, list, "prices", "lifetime", SP_UNIT_SECONDS, &prices->lifetime_s);
        add(cli, list, "prices", "system factor", SP_UNIT_NONE, &prices->system_factor);
    }
    for (uint32_t i = 0; i < prices->n_systems; i++)
        if (strcmp(prices->system[i].machine, machine->name) == 0)
            add(cli, list, machine->name, "all-in price a chip", SP_UNIT_USD, &prices->system[i].usd_per_chip);
}

sp_status cli_sources_of_step(cli_run *cli, const sp_machine *machine, const char *stack, const char *software, cli_sources *list, sp_error *err)
{
    const sp_stack *library;
    const sp_software *line = sp_machine_software(machine, software);
    sp_status status = cli_stack(cli, machine, stack, &library, err);
    if (status != SP_OK) return status;
    cli_sources_of_machine(cli, machine, list);
    cli_sources_of_stack(cli, library, list);
    if (machine->prices != NULL) add_prices(cli, machine, list);
    if (line != NULL) {
        machine_visit visit = {cli, list, sp_arena_printf(cli->arena, "product line %s", line->name)};
        sp_software_each_value(line, on_machine_value, &visit);
    }
    return SP_OK;
}

size_t cli_sources_guesses(const cli_sources *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) n += list->row[i].value->grade == SP_GRADE_GUESS;
    return n;
}

/* Two lines a value: sources are sentences, and a column would be too narrow for them. */
static void print_row(cli_run *cli, const cli_source *row)
{
    const sp_value *value = row->value;
    fprintf(cli->out, "  %-8s %s %s: %s", sp_grade_name(value->grade), row->owner, row->label,
            cli_quantity(cli, value->nominal, row->unit));
    if (value->low != value->high)
        fprintf(cli->out, " [%s .. %s]", cli_quantity(cli, value->low, row->unit), cli_quantity(cli, value->high, row->unit));
    fputc('\n', cli->out);
    cli_paragraph(cli, 11, value->source == NULL ? "" : value->source);
}

void cli_sources_print(cli_run *cli, const cli_sources *list)
{
    fprintf(cli->out, "\n%zu values, %zu of them guesses\n", list->n, cli_sources_guesses(list));
    for (int guess = 1; guess >= 0; guess--)
        for (size_t i = 0; i < list->n; i++)
            if ((list->row[i].value->grade == SP_GRADE_GUESS) == (guess != 0)) print_row(cli, &list->row[i]);
}
