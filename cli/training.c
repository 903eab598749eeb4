/* What train and plan share: a plan from options, and one predicted step told to people and programs. */
#include "output.h"
#include "superpod/report.h"

#include <string.h>

#define SEQ_STANDARD 4096
#define TIMELINE_EVENTS 2000000u   /* about 200 MB of JSON: what trace viewers still open */

/* ---- plan ---------------------------------------------------------------------------------------------------- */

static void read_count(const cli_run *cli, cli_option_id option, uint32_t *out)
{
    if (cli_given(cli, option)) *out = (uint32_t)cli_count(cli, option);
}

static void read_counts(const cli_run *cli, sp_plan *plan)
{
    read_count(cli, CLI_O_TP, &plan->tp);
    read_count(cli, CLI_O_CP, &plan->cp);
    read_count(cli, CLI_O_EP, &plan->ep);
    read_count(cli, CLI_O_ETP, &plan->etp);
    read_count(cli, CLI_O_PP, &plan->pp);
    read_count(cli, CLI_O_VPP, &plan->vpp);
    read_count(cli, CLI_O_DP, &plan->dp);
    read_count(cli, CLI_O_MBS, &plan->mbs);
    read_count(cli, CLI_O_ZERO, &plan->zero);
    if (cli_given(cli, CLI_O_GBS)) plan->gbs = cli_count(cli, CLI_O_GBS);
    if (cli_given(cli, CLI_O_SEQ)) plan->seq = cli_count(cli, CLI_O_SEQ);
}

const char *cli_set_word(const cli_run *cli, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = cli_text(cli, CLI_O_SET); at != NULL && *at != '\0'; at += strcspn(at, " \t\n"), at += strspn(at, " \t\n"))
        if (strncmp(at, key, length) == 0 && at[length] == '=') return at;
    return NULL;
}

/* Of two sayings of one field that differ, the later would win unseen. */
static sp_status words_agree(const cli_run *cli, sp_error *err)
{
    for (int i = 0; i < CLI_O_N; i++) {
        const char *name = cli_options[i].name, *given = cli->value[i], *at = given != NULL ? cli_set_word(cli, name) : NULL;
        if (at == NULL) continue;
        size_t length = strcspn(at, " \t\n"), key = strlen(name) + 1;
        if (length - key == strlen(given) && strncmp(at + key, given, length - key) == 0) continue;
        return sp_error_set(err, SP_E_INVAL, "--set", 1, (uint32_t)(at - cli->value[CLI_O_SET]) + 1, "found %.*s, and --%s %s; give one of them", (int)length, at,
                            name, given);
    }
    return SP_OK;
}

/* The choices were checked with the arguments, so that only the texts with a grammar of their own can fail here. */
static sp_status read_words(cli_run *cli, sp_plan *plan, sp_error *err)
{
    const char *text;
    if ((text = cli->value[CLI_O_PRECISION]) != NULL && sp_format_parse(text, &plan->precision, err) != SP_OK)
        return cli_blame_option(CLI_O_PRECISION, err);
    if ((text = cli->value[CLI_O_RECOMPUTE]) != NULL && sp_recompute_parse(text, &plan->recompute, err) != SP_OK)
        return cli_blame_option(CLI_O_RECOMPUTE, err);
    if ((text = cli->value[CLI_O_SCHEDULE]) != NULL && sp_schedule_parse(text, &plan->schedule, err) != SP_OK)
        return cli_blame_option(CLI_O_SCHEDULE, err);
    if ((text = cli->value[CLI_O_PLACE]) != NULL && sp_plan_parse_place(text, plan, err) != SP_OK)
        return cli_blame_option(CLI_O_PLACE, err);
    if ((text = cli->value[CLI_O_ORDER]) != NULL && sp_plan_parse_order(text, plan, err) != SP_OK)
        return cli_blame_option(CLI_O_ORDER, err);
    if ((text = cli->value[CLI_O_SET]) != NULL && sp_plan_parse(text, cli->arena, plan, err) != SP_OK)
        return cli_blame_option(CLI_O_SET, err);
    if (cli_given(cli, CLI_O_STACK)) plan->stack = cli->value[CLI_O_STACK];
    return SP_OK;
}

/* The library says "found tp 3, which …"; the user said --tp 3. */
sp_status cli_blame_plan(sp_error *err)
{
    const char *text = strncmp(err->text, "found ", 6) == 0 ? err->text + 6 : err->text;
    size_t length = strcspn(text, " ");
    for (int i = CLI_O_GBS; i <= CLI_O_SET; i++)
        if (strlen(cli_options[i].name) == length && strncmp(cli_options[i].name, text, length) == 0)
            return cli_blame_option((cli_option_id)i, err);
    return err->status;
}

sp_status cli_plan_read(cli_run *cli, const sp_machine *machine, const sp_model *model, sp_plan *plan, sp_error *err)
{
    const char *file = cli->value[CLI_O_PLAN];
    if (file != NULL) {
        sp_status status = sp_plan_load(file, machine, model, cli->arena, plan, err);
        if (status != SP_OK) return status;
        cli_input_add(cli, file);
    }
    read_counts(cli, plan);
    sp_status status = words_agree(cli, err);
    if (status == SP_OK) status = read_words(cli, plan, err);
    if (status != SP_OK) return status;
    if (plan->gbs == 0) plan->gbs = model->default_gbs;
    if (plan->gbs == 0)
        return sp_error_set(err, SP_E_INVAL, "--gbs", 0, 0,
                            "is missing, and %s states no batch of its own; give --gbs N sequences", model->name);
    if (plan->seq == 0) plan->seq = model->default_seq != 0 ? model->default_seq : SEQ_STANDARD;
    return SP_OK;
}

const char *cli_plan_text(cli_run *cli, const sp_plan *plan)
{
    char text[1024];
    int length = sp_plan_format(plan, text, sizeof text);
    return length < 0 || (size_t)length >= sizeof text ? "" : sp_arena_strdup(cli->arena, text);
}

/* ---- for people ------------------------------------------------------------------------------------------------ */

static void print_parts(cli_run *cli, const sp_train_report *report)
{
    fprintf(cli->out, "\n  where the time of stage %u goes\n", report->breakdown_stage);
    cli_table *table = cli_table_begin(cli, "lrrl", (const char *const[]){"part", "time", "share", ""});
    for (uint32_t i = 0; i < report->n_parts; i++) {
        double share = report->part[i].time_s / report->step_time_s;
        char bar[41] = "";
        for (int c = 0; c < 40 && c < (int)(share * 40 + 0.5); c++) strcat(bar, "#");
        cli_table_cell(table, "%s", report->part[i].label);
        cli_table_quantity(table, report->part[i].time_s, SP_UNIT_SECONDS);
        cli_table_cell(table, "%.1f %%", 100 * share);
        cli_table_cell(table, "%s", bar);
    }
    cli_table_end(table);
}

static bool same_memory(const sp_stage_memory *a, const sp_stage_memory *b)
{
    return a->weights == b->weights && a->gradients == b->gradients && a->optimizer == b->optimizer
           && a->activations == b->activations && a->buffers == b->buffers && a->overhead == b->overhead
           && a->in_flight == b->in_flight;
}

static void print_memory(cli_run *cli, const sp_train_report *report)
{
    fprintf(cli->out, "\n  memory of the fullest chip of a stage, of %s\n",
            cli_quantity(cli, report->mem_capacity_bytes, SP_UNIT_BYTES));
    cli_table *table = cli_table_begin(cli, "lrrrrrrrr",
                                       (const char *const[]){"stage", "weights", "gradients", "optimizer", "activations",
                                                             "buffers", "overhead", "total", "in flight"});
    for (uint32_t i = 0, last; i < report->n_stages; i = last + 1) {
        const sp_stage_memory *memory = &report->memory[i];
        for (last = i; last + 1 < report->n_stages && same_memory(memory, &report->memory[last + 1]);) last++;
        if (last == i) cli_table_cell(table, "%u", memory->stage);
        else cli_table_cell(table, "%u-%u", memory->stage, report->memory[last].stage);
        const double bytes[] = {memory->weights, memory->gradients, memory->optimizer, memory->activations, memory->buffers,
                                memory->overhead, memory->total};
        for (size_t b = 0; b < sizeof bytes / sizeof bytes[0]; b++) cli_table_quantity(table, bytes[b], SP_UNIT_BYTES);
        cli_table_cell(table, "%u", memory->in_flight);
    }
    cli_table_end(table);
}

static void print_layout(cli_run *cli, const sp_machine *machine, const sp_layout *layout)
{
    fputs("\n  groups on the tiers\n", cli->out);
    cli_table *table = cli_table_begin(cli, "lrl", (const char *const[]){"group", "chips", "tiers"});
    for (int g = 0; g < SP_GROUPS; g++) {
        uint32_t ranks = sp_group_ranks(&layout->shape[g]);
        if (ranks < 2) continue;
        cli_table_cell(table, "%s", sp_comm_group_name((sp_comm_group)g));
        cli_table_cell(table, "%u", ranks);
        cli_table_cell(table, "%s", cli_tier_names(cli, machine, layout->tiers[g]));
    }
    cli_table_end(table);
}

void cli_step_print(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                    const sp_train_report *report)
{
    char tokens[64], chip[64];
    bool fits = report->mem_bytes_max <= report->mem_capacity_bytes;
    fprintf(cli->out, "%s%s%s on %s: %u of %u chips\n", cli_strong(cli, true), model->name, cli_strong(cli, false),
            machine->name, report->chips, machine->chips);
    cli_line(cli, "plan", "%s", cli_plan_text(cli, plan));
    cli_line(cli, "step", "%s (no step of this plan is faster than %s)",
             cli_quantity(cli, report->step_time_s, SP_UNIT_SECONDS),
             cli_quantity(cli, report->lower_bound_s, SP_UNIT_SECONDS));
    cli_line(cli, "throughput", "%s tokens/s, %s tokens/s a chip",
             sp_unit_format(report->tokens_per_s, SP_UNIT_COUNT, tokens, sizeof tokens),
             sp_unit_format(report->tokens_per_s_chip, SP_UNIT_COUNT, chip, sizeof chip));
    cli_line(cli, "MFU", "%.1f %% of the %s peak, HFU %.1f %%", 100 * report->mfu, sp_format_name(plan->precision),
             100 * report->hfu);
    cli_line(cli, "memory", "%s of %s%s", cli_quantity(cli, report->mem_bytes_max, SP_UNIT_BYTES),
             cli_quantity(cli, report->mem_capacity_bytes, SP_UNIT_BYTES), fits ? "" : ": DOES NOT FIT");
    cli_line(cli, "power", "%s by these chips and their hosts, %.4g MJ a step", cli_quantity(cli, report->power_w, SP_UNIT_WATT),
             report->energy_j / 1e6);
    if (report->cost_usd_per_hour > 0) cli_line(cli, "cost", report->cost_usd_per_hour < 1e5 ? "%.4g USD an hour for these chips" : "%.0f USD an hour for these chips", report->cost_usd_per_hour);
    cli_line(cli, "bubble", "%.1f %% of the busiest stage's step", 100 * report->bubble_fraction);
    if (report->limit != NULL) cli_line(cli, "limit", "%s", report->limit);
    print_parts(cli, report);
    print_memory(cli, report);
    print_layout(cli, machine, &report->layout);
}

/* ---- for programs ---------------------------------------------------------------------------------------------- */

static json_t *memory_json(const sp_train_report *report)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < report->n_stages; i++) {
        const sp_stage_memory *memory = &report->memory[i];
        json_array_append_new(array, json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "stage",
                                               (json_int_t)memory->stage, "weights", memory->weights, "gradients",
                                               memory->gradients, "optimizer", memory->optimizer, "activations",
                                               memory->activations, "buffers", memory->buffers, "overhead", memory->overhead,
                                               "total", memory->total, "in_flight", (json_int_t)memory->in_flight));
    }
    return array;
}

static json_t *layout_json(cli_run *cli, const sp_machine *machine, const sp_layout *layout)
{
    json_t *object = json_object();
    for (int g = 0; g < SP_GROUPS; g++)
        json_object_set_new(object, sp_comm_group_name((sp_comm_group)g),
                            json_pack("{s:I, s:o}", "chips", (json_int_t)sp_group_ranks(&layout->shape[g]), "tiers",
                                      cli_json_text(cli_tier_names(cli, machine, layout->tiers[g]))));
    return object;
}

json_t *cli_json_step(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                      const sp_train_report *report)
{
    json_t *parts = json_object();
    for (uint32_t i = 0; i < report->n_parts; i++)
        json_object_set_new(parts, report->part[i].label, cli_json_real(report->part[i].time_s));
    json_t *result = json_pack(
        "{s:o, s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "machine", cli_json_text(machine->name), "model",
        cli_json_text(model->name), "plan", cli_plan_text(cli, plan), "chips", (json_int_t)report->chips, "gbs",
        (json_int_t)plan->gbs, "seq", (json_int_t)plan->seq, "step_time_s", cli_json_real(report->step_time_s),
        "tokens_per_s", cli_json_real(report->tokens_per_s), "tokens_per_s_chip", cli_json_real(report->tokens_per_s_chip),
        "mfu", cli_json_real(report->mfu), "hfu", cli_json_real(report->hfu));
    json_object_set_new(result, "mem_bytes", memory_json(report));
    json_object_set_new(result, "mem_bytes_max", cli_json_real(report->mem_bytes_max));
    json_object_set_new(result, "mem_capacity_bytes", cli_json_real(report->mem_capacity_bytes));
    json_object_set_new(result, "fits", json_boolean(report->mem_bytes_max <= report->mem_capacity_bytes));
    json_object_set_new(result, "breakdown_s", parts);
    json_object_set_new(result, "breakdown_stage", json_integer((json_int_t)report->breakdown_stage));
    json_object_set_new(result, "bubble_fraction", cli_json_real(report->bubble_fraction));
    json_object_set_new(result, "lower_bound_s", cli_json_real(report->lower_bound_s));
    json_object_set_new(result, "model_flop", cli_json_real(report->model_flop));
    json_object_set_new(result, "hardware_flop", cli_json_real(report->hardware_flop));
    json_object_set_new(result, "energy_j", cli_json_real(report->energy_j));
    json_object_set_new(result, "power_w", cli_json_real(report->power_w));
    json_object_set_new(result, "cost_usd_per_hour",
                        report->cost_usd_per_hour > 0 ? cli_json_real(report->cost_usd_per_hour) : json_null());
    json_object_set_new(result, "limit", cli_json_text(report->limit));
    json_object_set_new(result, "groups", layout_json(cli, machine, &report->layout));
    return result;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* The machine and the model as they were given, and what else than the plan the step depends on. */
static uint32_t asked_words(cli_run *cli, const char **word)
{
    static const cli_option_id options[] = {CLI_O_ASSUME, CLI_O_FAIL, CLI_O_SLOW, CLI_O_CATALOG};
    uint32_t n = 0;
    word[n++] = cli->operand[0];
    word[n++] = cli->operand[1];
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++)
        for (const char *at = cli->value[options[o]]; at != NULL && *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
            word[n++] = sp_arena_printf(cli->arena, "--%s", cli_options[options[o]].name);
            word[n++] = sp_arena_strndup(cli->arena, at, strcspn(at, "\n"));   /* given again: a line each */
        }
    return n;
}

sp_status cli_step_files(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                         const sp_train_report *report, const sp_solution *solution, sp_error *err)
{
    sp_status status = SP_OK;
    if (cli_given(cli, CLI_O_TIMELINE))
        status = sp_report_timeline(cli->value[CLI_O_TIMELINE], machine, model, plan, report, TIMELINE_EVENTS, err);
    if (status != SP_OK || !cli_given(cli, CLI_O_HTML)) return status;
    const char **word = sp_arena_alloc(cli->arena, 2 * (size_t)cli->argc, sizeof *word);   /* --fail=WHAT is one argument and two words */
    uint32_t n = word == NULL ? 0 : asked_words(cli, word);
    for (uint32_t i = 0; i < n; i++)
        if (word[i] == NULL) n = 0;
    if (n == 0) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the page's command");
    return sp_report_html(cli->value[CLI_O_HTML], machine, model, plan, report, solution, word, n, err);
}
