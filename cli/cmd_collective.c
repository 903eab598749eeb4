/* superpod collective MACHINE OP -b -e -f [--group IDS]... [--algo NAME] [--stack NAME] [--engine analytic|flow] */
#include "output.h"
#include "superpod/report.h"
#include "superpod/text.h"

#include <string.h>

#define CLASSES_TOLD 100000u   /* fewer take a fraction of a second */

typedef struct sweep {
    const sp_machine *machine;
    const sp_stack *stack;
    sp_coll_op op;
    cli_groups groups;
    sp_placement place;           /* of the first group */
    uint32_t ranks;
    uint64_t begin_bytes, end_bytes, factor;
    const char *engine;
    bool flow;                    /* engine flow; its options and, after each size, what it found */
    sp_flow_options options;
    sp_flow_time found;
    double *end_s;                /* of each group */
    sp_flow_heat heat;
    cli_progress progress;
    uint64_t begun_flows;         /* of the run under way, where it is worth telling how far it is; else 0 */
    const char *passed_over;      /* algorithm that has too many classes with these faults, NULL: none */
} sweep;

static sp_status read_operation(const char *text, sp_coll_op *out, sp_error *err)
{
    const char *names[SP_COLL_OPS + 1] = {NULL};
    if (sp_coll_op_parse(text, out, err) == SP_OK) return SP_OK;
    for (int i = 0; i < SP_COLL_OPS; i++) names[i] = sp_coll_op_name((sp_coll_op)i);
    const char *near = sp_text_nearest(text, names);
    if (near == NULL) return cli_blame_operand(err);
    return sp_error_set(err, SP_E_NOTFOUND, "command line", 1, 1, "no operation is called '%s'; did you mean '%s'?", text,
                        near);
}

static sp_status read_sweep(cli_run *cli, sweep *s, sp_error *err)
{
    sp_status status = cli_network(cli, cli->operand[0], cli_text(cli, CLI_O_STACK), &s->machine, err);
    if (status != SP_OK) return status;
    status = read_operation(cli->operand[1], &s->op, err);
    if (status != SP_OK) return status;
    status = cli_groups_read(cli, s->machine, &s->groups, err);
    if (status != SP_OK) return status;
    s->place = s->groups.place[0];
    s->ranks = sp_placement_ranks(&s->place);
    status = cli_stack(cli, s->machine, cli_text(cli, CLI_O_STACK), &s->stack, err);
    if (status != SP_OK) return status;
    s->factor = cli_count(cli, CLI_O_FACTOR);
    s->engine = cli_text(cli, CLI_O_ENGINE);
    s->flow = strcmp(s->engine, "flow") == 0;
    if (!s->flow && s->groups.n > 1)
        return sp_error_set(err, SP_E_INVAL, "--group", 0, 0, "%u groups contend for links, which is for the flow engine; add --engine flow", s->groups.n);
    for (cli_option_id o = CLI_O_ROUTING; o <= CLI_O_HEATMAP; o++)
        if (!s->flow && cli_given(cli, o))
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "--%s is for the flow engine; add --engine flow", cli_options[o].name);
    status = s->flow ? cli_flow_options(cli, s->machine, &s->options, err) : SP_OK;
    if (status != SP_OK) return status;
    s->end_s = sp_arena_alloc(cli->arena, s->groups.n, sizeof *s->end_s);
    if (s->end_s == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the groups");
    if (cli_given(cli, CLI_O_HEATMAP)) s->options.heat = &s->heat;
    if (sp_unit_parse_nccl_size(cli_text(cli, CLI_O_BEGIN), &s->begin_bytes, err) != SP_OK)
        return cli_blame_option(CLI_O_BEGIN, err);
    if (sp_unit_parse_nccl_size(cli_text(cli, CLI_O_END), &s->end_bytes, err) != SP_OK)
        return cli_blame_option(CLI_O_END, err);
    if (s->end_bytes < s->begin_bytes)
        return sp_error_set(err, SP_E_INVAL, "--end", 0, 0, "%s is below --begin %s", cli_text(cli, CLI_O_END),
                            cli_text(cli, CLI_O_BEGIN));
    return SP_OK;
}

/* What bounds the time: the tier whose links are busiest, or latency where it is the larger part. */
static const char *bottleneck(const sweep *s, const sp_coll_time *time)
{
    if (s->flow) return 2 * s->found.bottleneck_fraction < 1 ? "latency" : s->found.bottleneck_name;
    if (2 * time->comm.latency_s >= time->comm.time_s) return "latency";
    return s->machine->planes[0].tiers[time->comm.bottleneck_tier].name;
}

static const sp_protocol *protocol_of(const sweep *s, const sp_coll_time *time)
{
    const sp_protocol *p = sp_stack_protocol(s->stack, time->comm.protocol);
    return p ? p : &s->stack->protocol[0];
}

static void explain_value(cli_run *cli, const sweep *s, int32_t row, const char *label, const sp_value *value, sp_unit unit)
{
    if (value->grade != SP_GRADE_NONE)
        sp_explain_add(cli->explain, row, label, value->nominal, unit, "stack %s: %s", s->stack->name, value->source);
}

static void explain_latency(cli_run *cli, const sweep *s, int32_t row, const sp_coll_time *time)
{
    const sp_protocol *p = protocol_of(s, time);
    explain_value(cli, s, row, "launch", &s->stack->launch_s, SP_UNIT_SECONDS);
    explain_value(cli, s, row, "a step", &p->step_s, SP_UNIT_SECONDS);
    explain_value(cli, s, row, "a step between scale-up domains", &p->nic_step_s, SP_UNIT_SECONDS);
    explain_value(cli, s, row, "a further message of a step", &s->stack->message_s, SP_UNIT_SECONDS);
    if (time->comm.together) explain_value(cli, s, row, "a piece a rank, while the phases fill", &s->stack->chunk_bytes, SP_UNIT_BYTES);
}

static void explain_rates(cli_run *cli, const sweep *s, int32_t row, const sp_coll_time *time)
{
    bool nic = s->machine->planes[0].tiers[time->comm.bottleneck_tier].nic;
    explain_value(cli, s, row, "stack fraction", nic ? &s->stack->nic.fraction : &s->stack->up.fraction, SP_UNIT_NONE);
    const sp_protocol *p = protocol_of(s, time);
    explain_value(cli, s, row, "protocol fraction", nic ? &p->nic_fraction : &p->fraction, SP_UNIT_NONE);
    explain_value(cli, s, row, "a rank's own rate, in series", nic ? &p->nic_rate_bytes_per_s : &p->rate_bytes_per_s, SP_UNIT_BYTES_PER_S);
}

static void explain_size(cli_run *cli, const sweep *s, double size_bytes, const sp_coll_time *time)
{
    char label[64], size[32];
    snprintf(label, sizeof label, "%s of %s", sp_coll_op_name(s->op),
             sp_unit_format(size_bytes, SP_UNIT_BYTES, size, sizeof size));
    int32_t root = sp_explain_add(cli->explain, -1, label, time->comm.time_s, SP_UNIT_SECONDS, "algorithm %s, protocol %s%s, engine %s",
                                  time->algo->name, time->comm.protocol == NULL ? "-" : time->comm.protocol,
                                  time->comm.together ? ", phases together" : "", s->engine);
    int32_t row = sp_explain_add(cli->explain, root, "latency", time->comm.latency_s, SP_UNIT_SECONDS,
                                 "part that does not shrink with size");
    explain_latency(cli, s, row, time);
    row = sp_explain_add(cli->explain, root, "bandwidth", time->comm.time_s - time->comm.latency_s, SP_UNIT_SECONDS,
                         "busiest links: tier %s", s->machine->planes[0].tiers[time->comm.bottleneck_tier].name);
    sp_explain_add(cli->explain, row, "payload fraction", sp_tier_payload(s->machine, &s->machine->planes[0].tiers[time->comm.bottleneck_tier]), SP_UNIT_NONE,
                   "of the raw port rate");
    explain_rates(cli, s, row, time);
    for (uint32_t t = 0; t < s->machine->planes[0].n_tiers; t++)
        if (time->comm.tier_bytes[t] != 0)
            sp_explain_add(cli->explain, row, s->machine->planes[0].tiers[t].name, time->comm.tier_bytes[t], SP_UNIT_BYTES,
                           "sent by a rank, mean");
    sp_explain_add(cli->explain, root, "lower bound", time->lower_bound_s, SP_UNIT_SECONDS,
                   "cut, injection and latency: no algorithm is faster");
}

/* What the flow engine says beyond the analytic one. */
static void add_flow(const sweep *s, json_t *row)
{
    json_object_set_new(row, "flows", json_integer((json_int_t)s->found.flows));
    json_object_set_new(row, "classes", json_integer((json_int_t)s->found.classes));
    json_object_set_new(row, "lifted", json_boolean(s->found.lifted));
    json_object_set_new(row, "skipped", json_integer((json_int_t)s->found.skipped));
    json_object_set_new(row, "why_explicit", cli_json_text(s->found.why_explicit));
    json_object_set_new(row, "passed_over", cli_json_text(s->passed_over));
    json_object_set_new(row, "flow_bound_s", cli_json_real(s->found.bound_s));
    json_t *groups = json_array();
    for (uint32_t g = 0; g < s->groups.n; g++)
        json_array_append_new(groups, json_pack("{s:s, s:f}", "group", s->groups.text[g] == NULL ? "all" : s->groups.text[g], "time_s", s->end_s[g]));
    json_object_set_new(row, "groups", groups);
    json_object_set_new(row, "bottleneck_link", s->found.bottleneck == UINT32_MAX ? json_null() : json_integer(s->found.bottleneck));
}

static bool same_shape(const sp_placement *a, const sp_placement *b)
{
    bool same = a->n_dims == b->n_dims;
    for (uint32_t d = 0; same && d < a->n_dims; d++) same = a->dim[d].size == b->dim[d].size && a->dim[d].stride == b->dim[d].stride;
    return same;
}

/* Programs of all groups, groups of one shape sharing one. */
static sp_status build_jobs(cli_run *cli, const sweep *s, double size_bytes, const sp_coll_algo *algo, sp_arena *arena, sp_flow_job *jobs, sp_error *err)
{
    for (uint32_t g = 0; g < s->groups.n; g++) {
        sp_group group;
        sp_coll_time time = {.algo = algo};
        uint32_t like = 0;
        while (!same_shape(&s->groups.place[like], &s->groups.place[g])) like++;
        jobs[g] = jobs[like];
        jobs[g].placement = &s->groups.place[g];
        if (like < g) continue;
        sp_status status = g == 0 ? SP_OK : sp_coll_best(s->op, s->machine, &s->groups.place[g], s->stack, size_bytes, false,
                                                         cli_text(cli, CLI_O_ALGO), &time, err);
        if (status == SP_OK) status = sp_coll_group(s->machine, &s->groups.place[g], &group, err);
        if (status == SP_OK) status = time.algo->build(s->op, &group, arena, &jobs[g].program, err);
        if (status != SP_OK) return status;
        jobs[g].unit_bytes = sp_coll_unit_bytes(jobs[g].program, size_bytes);
    }
    return SP_OK;
}

static sp_status run_flow(cli_run *cli, sweep *s, double size_bytes, sp_coll_time *time, sp_error *err)
{
    sp_arena *arena = sp_arena_create();
    sp_flow_job *jobs = arena == NULL ? NULL : sp_arena_alloc(arena, s->groups.n, sizeof *jobs);
    sp_status status = jobs == NULL ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : build_jobs(cli, s, size_bytes, time->algo, arena, jobs, err);
    s->heat.arena = cli->arena;
    if (status == SP_OK) status = sp_fabric_flow_jobs(jobs, s->groups.n, s->machine, s->stack, &s->options, s->end_s, &s->found, err);
    sp_arena_destroy(arena);
    if (status != SP_OK) return status;
    time->comm.time_s = s->found.time_s;
    time->comm.bottleneck_fraction = s->found.bottleneck_fraction;
    return SP_OK;
}

/* The algorithm that the analytic evaluator chose (or the named one), run by flows. Where it chose one that faults leave too many
 * classes of, the fastest of those whose units end each dim together. */
static sp_status run_chosen(cli_run *cli, sweep *s, double size_bytes, sp_coll_time *time, sp_error *err)
{
    static const char *const phased[] = {"phased", "phased-ring"};
    sp_coll_time best = {0};
    s->passed_over = NULL;
    sp_status status = run_flow(cli, s, size_bytes, time, err);
    if (status != SP_E_RANGE || s->options.n_faults == 0) return status;
    for (int i = 0; i < 2; i++) {
        sp_coll_time other;
        if (sp_coll_best(s->op, s->machine, &s->place, s->stack, size_bytes, false, phased[i], &other, NULL) == SP_OK &&
            (best.algo == NULL || other.comm.time_s < best.comm.time_s))
            best = other;
    }
    if (best.algo == NULL) return status;
    if (cli_given(cli, CLI_O_ALGO)) {
        char why[sizeof err->text];
        snprintf(why, sizeof why, "%s", err->text);
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%.*s; --algo %s takes any number of faults", (int)sizeof why - 64, why, best.algo->name);
    }
    s->passed_over = time->algo->name;
    *time = best;
    return run_flow(cli, s, size_bytes, time, err);
}

static void add_size(cli_run *cli, const sweep *s, double size_bytes, const sp_coll_time *time, cli_table *table,
                     json_t *array)
{
    double algbw = size_bytes / time->comm.time_s, busbw = algbw * sp_coll_bus_factor(s->op, s->ranks);
    cli_table_cell(table, "%.0f", size_bytes);
    cli_table_quantity(table, time->comm.time_s, SP_UNIT_SECONDS);
    cli_table_quantity(table, algbw, SP_UNIT_BYTES_PER_S);
    cli_table_quantity(table, busbw, SP_UNIT_BYTES_PER_S);
    cli_table_quantity(table, time->lower_bound_s, SP_UNIT_SECONDS);
    cli_table_cell(table, "%.1f %%", 100 * time->lower_bound_s / time->comm.time_s);
    cli_table_cell(table, "%s", time->algo->name);
    cli_table_cell(table, "%s", bottleneck(s, time));
    cli_table_cell(table, "%.1f %%", 100 * time->comm.bottleneck_fraction);
    json_array_append_new(array, json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:s, s:s, s:o, s:f, s:f}", "size_bytes",
                                           (json_int_t)size_bytes, "time_s", time->comm.time_s, "algbw_bytes_per_s", algbw,
                                           "busbw_bytes_per_s", busbw, "lower_bound_s", time->lower_bound_s, "fraction_of_bound",
                                           time->lower_bound_s / time->comm.time_s, "algorithm",
                                           time->algo->name, "engine", s->engine, "bottleneck",
                                           cli_json_text(bottleneck(s, time)), "bottleneck_fraction",
                                           time->comm.bottleneck_fraction, "latency_s", time->comm.latency_s));
    if (s->flow) add_flow(s, json_array_get(array, json_array_size(array) - 1));
    if (cli->explain != NULL) explain_size(cli, s, size_bytes, time);
}

/* How much there is to run, before it runs. */
static void on_begun(void *context, const sp_flow_time *time)
{
    sweep *s = context;
    s->begun_flows = time->classes < CLASSES_TOLD ? 0 : time->flows;
    if (time->classes < CLASSES_TOLD) return;
    s->progress.last_s = 0;   /* now, however soon after the last word */
    if (time->lifted)
        cli_progress_show(&s->progress, "%s: %llu classes for %llu transfers ...", sp_coll_op_name(s->op), (unsigned long long)time->classes, (unsigned long long)time->flows);
    else
        cli_progress_show(&s->progress, "%s: %llu transfers one by one (%s) ...", sp_coll_op_name(s->op), (unsigned long long)time->flows, time->why_explicit);
}

/* How far it is, on a terminal. */
static bool on_running(void *context, double done)
{
    sweep *s = context;
    if (done > 0 && s->begun_flows > 0 && cli_progress_due(&s->progress))
        cli_progress_show(&s->progress, "%s: %.1f %% of %llu transfers ...", sp_coll_op_name(s->op), 100 * done, (unsigned long long)s->begun_flows);
    return cli_interrupted();
}

static sp_status run_sweep(cli_run *cli, sweep *s, cli_table *table, json_t *array, sp_error *err)
{
    sp_status status = SP_OK;
    s->progress = cli_progress_begin(cli);
    s->options.begun = on_begun;
    s->options.stop = on_running;
    s->options.context = s;
    for (uint64_t size = s->begin_bytes; status == SP_OK; size *= s->factor) {
        char text[32];
        sp_coll_time time;
        cli_progress_show(&s->progress, "%s of %s ...", sp_coll_op_name(s->op),
                          sp_unit_format((double)size, SP_UNIT_BYTES, text, sizeof text));
        status =
            sp_coll_best(s->op, s->machine, &s->place, s->stack, (double)size, false, cli_text(cli, CLI_O_ALGO), &time, err);
        if (status != SP_OK && cli_given(cli, CLI_O_ALGO)) cli_blame_option(CLI_O_ALGO, err);
        if (status == SP_OK && s->flow) status = run_chosen(cli, s, (double)size, &time, err);
        if (status == SP_OK) add_size(cli, s, (double)size, &time, table, array);
        if (status == SP_OK && cli_interrupted()) status = sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
        if (size > s->end_bytes / s->factor) break;
    }
    cli_progress_end(&s->progress);
    return status;
}

static const char *group_text(cli_run *cli, const sweep *s)
{
    const char *text = "";
    for (uint32_t i = 0; i < s->place.n_dims; i++)
        text = sp_arena_printf(cli->arena, "%s%s%u", text, i == 0 ? "" : " x ", s->place.dim[i].size);
    return text;
}

/* Several groups: when each has ended; those that end together on one line. */
static void print_groups(cli_run *cli, const sweep *s)
{
    fprintf(cli->out, "\nAt the largest size:\n");
    cli_table *table = cli_table_begin(cli, "lrr", (const char *const[]){"group", "chips", "time"});
    for (uint32_t g = 0; g < s->groups.n; g++) {
        uint32_t n = 1;
        while (g + n < s->groups.n && s->end_s[g + n] == s->end_s[g]) n++;
        cli_table_cell(table, n > 1 ? "%s and %u more" : "%s", s->groups.text[g], n - 1);
        cli_table_cell(table, "%u", sp_placement_ranks(&s->groups.place[g]));
        cli_table_quantity(table, s->end_s[g], SP_UNIT_SECONDS);
        g += n - 1;
    }
    cli_table_end(table);
}

static void print_flow(cli_run *cli, const sweep *s)
{
    if (s->groups.n > 1) print_groups(cli, s);
    if (s->found.bottleneck != UINT32_MAX)
        fprintf(cli->out, "\nno sharing of these flows ends before %s (%.1f %% reached); busiest: link %u, %s, %.1f %% of the time\n",
                cli_quantity(cli, s->found.bound_s, SP_UNIT_SECONDS), 100 * s->found.bound_s / s->found.time_s, s->found.bottleneck,
                s->found.bottleneck_name, 100 * s->found.bottleneck_fraction);
    if (s->found.lifted)
        fprintf(cli->out, "lifted: %llu of %llu transfers stand for all\n", (unsigned long long)s->found.classes, (unsigned long long)s->found.flows);
    else
        fprintf(cli->out, "explicit: %llu transfers (%s)\n", (unsigned long long)s->found.flows, s->found.why_explicit);
    if (s->found.skipped)
        fprintf(cli->out, "%llu of them not run one by one: their steps repeat the ones before to the tick\n", (unsigned long long)s->found.skipped);
    if (s->passed_over != NULL)
        fprintf(cli->out, "%s would be faster on a healthy machine, but with these faults too few of its transfers are alike to be run; this is dim by dim "
                "with a barrier between\n", s->passed_over);
}

static sp_status write_heat(cli_run *cli, const sweep *s, sp_error *err)
{
    char size[32];
    const char *title = sp_arena_printf(cli->arena, "%s of %s on %s", sp_coll_op_name(s->op),
                                        sp_unit_format((double)s->end_bytes, SP_UNIT_BYTES, size, sizeof size), s->machine->name);
    return cli_given(cli, CLI_O_HEATMAP) ? sp_report_heat(cli_text(cli, CLI_O_HEATMAP), title, s->machine, &s->heat, err) : SP_OK;
}

int cli_cmd_collective(cli_run *cli)
{
    sp_error err = {0};
    sweep s = {0};
    cli_sources sources = {0};
    if (read_sweep(cli, &s, &err) != SP_OK) return cli_fail(cli, &err);
    cli_sources_of_machine(cli, s.machine, &sources);
    cli_sources_of_stack(cli, s.stack, &sources);
    cli->guesses = cli_sources_guesses(&sources);
    cli_table *table = cli_table_begin(
        cli, "rrrrrrllr", (const char *const[]){"bytes", "time", "algbw", "busbw", "lower bound", "reached", "algorithm", "bottleneck", "busy"});
    json_t *array = json_array();
    if (run_sweep(cli, &s, table, array, &err) != SP_OK || write_heat(cli, &s, &err) != SP_OK) {
        json_decref(array);
        return cli_fail(cli, &err);
    }
    if (cli_given(cli, CLI_O_JSON)) {
        json_t *result = json_pack("{s:o, s:s, s:I, s:s, s:s, s:o}", "machine", cli_json_text(s.machine->name), "operation",
                                   sp_coll_op_name(s.op), "ranks", (json_int_t)s.ranks, "group", group_text(cli, &s), "stack",
                                   s.stack->name, "results", array);
        if (cli_given(cli, CLI_O_SOURCES)) json_object_set_new(result, "sources", cli_json_sources(&sources));
        return cli_json_emit(cli, result, &err) == SP_OK ? CLI_EXIT_OK : cli_fail(cli, &err);
    }
    json_decref(array);
    fprintf(cli->out, "%s%s%s on %s: %u chips (%s), stack %s%s\n\n", cli_strong(cli, true), sp_coll_op_name(s.op),
            cli_strong(cli, false), s.machine->name, s.ranks, group_text(cli, &s), s.stack->name, s.flow ? ", engine flow" : "");
    cli_table_end(table);
    if (s.flow) print_flow(cli, &s);
    cli_explain_print(cli);
    if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    return CLI_EXIT_OK;
}
