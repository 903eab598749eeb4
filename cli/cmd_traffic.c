/* superpod traffic MACHINE|GRAPH FLOWS.csv [--routing NAME] [--seed N] [--fail WHAT] [--slow WHAT] */
#include "output.h"
#include "superpod/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 20u   /* flows in the table for people: the last to end */

typedef struct traffic {
    const sp_machine *machine;    /* NULL: a graph */
    sp_net *net;                  /* NULL: a machine */
    const char *name;
    sp_csv *csv;
    uint32_t n;
    sp_flow *flow;
    const char **id;
    double *start_s, *end_s;
    sp_flow_options options;
    sp_flow_time time;
    sp_flow_heat heat;
    sp_deadlock deadlock; uint32_t lanes;   /* of the flows' routes, with so many virtual lanes */
} traffic;

typedef struct named { const char *id; uint32_t row; } named;

static int by_id(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

enum { C_ID, C_SRC, C_DST, C_BYTES, C_AFTER, C_START, C_COMPUTE, C_N };

static sp_status read_columns(const sp_csv *csv, int column[C_N], sp_error *err)
{
    static const char *const names[C_N] = {"id", "src", "dst", "bytes", "after", "start_s", "compute_s"};
    for (int k = 0; k < C_N; k++)
        if ((column[k] = sp_csv_column(csv, names[k])) < 0 && k <= C_BYTES)
            return sp_error_set(err, SP_E_PARSE, sp_csv_name(csv), 1, 1, "there is no column '%s'; expected id,src,dst,bytes and, if needed, "
                                "after,start_s,compute_s", names[k]);
    for (size_t c = 0; c < sp_csv_columns(csv); c++) {
        bool known = false;
        for (int k = 0; k < C_N; k++) known = known || column[k] == (int)c;
        if (!known)
            return sp_error_set(err, SP_E_PARSE, sp_csv_name(csv), 1, 1, "unknown column '%s'; expected id,src,dst,bytes,after,start_s,compute_s",
                                sp_csv_column_name(csv, c));
    }
    return SP_OK;
}

static sp_status read_number(const traffic *t, size_t row, int column, double most, bool whole, double *out, sp_error *err)
{
    bool has = false;
    sp_status status = column < 0 ? SP_OK : sp_csv_number(t->csv, row, column, out, &has, err);
    if (status == SP_OK && column >= 0 && has && !(*out >= 0 && *out <= most && (!whole || floor(*out) == *out)))
        return sp_csv_fail(t->csv, row, column, SP_E_RANGE, err, "%g is out of range; expected %s from 0 to %.10g", *out,
                           whole ? "a whole number" : "a number", most);
    if (status == SP_OK && !has && whole) return sp_csv_fail(t->csv, row, column, SP_E_PARSE, err, "the cell is empty; expected a chip");
    return status;
}

/* A chip by number, a node by name. */
static sp_status read_end(const traffic *t, size_t row, int column, uint32_t *out, sp_error *err)
{
    double chip = 0;
    if (t->net == NULL) {
        sp_status status = read_number(t, row, column, t->machine->chips - 1, true, &chip, err);
        *out = (uint32_t)chip;
        return status;
    }
    const char *node = sp_csv_cell(t->csv, row, column);
    *out = sp_net_find(t->net, node == NULL ? "" : node);
    return *out == UINT32_MAX ? sp_csv_fail(t->csv, row, column, SP_E_NOTFOUND, err, "the graph has no node '%s'", node == NULL ? "" : node) : SP_OK;
}

/* Following `after` from a flow, one comes to a flow without or goes round: then the first of the circle in the file is named. */
static sp_status check_circles(cli_run *cli, const traffic *t, int column, sp_error *err)
{
    uint32_t *seen = sp_arena_alloc(cli->arena, t->n, sizeof *seen);   /* from which flow's walk + 1; 0: from none */
    if (seen == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u flows", t->n);
    memset(seen, 0, t->n * sizeof *seen);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t at = i;
        while (at != UINT32_MAX && seen[at] == 0) {
            seen[at] = i + 1;
            at = t->flow[at].after;
        }
        if (at == UINT32_MAX || seen[at] != i + 1) continue;
        uint32_t n = 1, first = at;
        for (uint32_t k = t->flow[at].after; k != at; k = t->flow[k].after, n++) first = k < first ? k : first;
        return sp_csv_fail(t->csv, first, column, SP_E_INVAL, err, "%u flows wait for one another in a circle, '%s' among them; take one 'after' out", n, t->id[first]);
    }
    return SP_OK;
}

static bool is_empty(const traffic *t, size_t row, int column)
{
    return sp_csv_cell(t->csv, row, column)[0] == '\0';
}

/* A row sends bytes to dst, or computes for compute_s on src: then dst and bytes are empty, or src and 0. */
static sp_status read_row(const traffic *t, uint32_t i, const int column[C_N], sp_flow *out, sp_error *err)
{
    sp_status status = read_end(t, i, column[C_SRC], &out->src, err);
    if (status == SP_OK) status = read_number(t, i, column[C_COMPUTE], 1e6, false, &out->compute_s, err);
    bool computes = status == SP_OK && out->compute_s > 0;
    out->dst = out->src;
    if (status == SP_OK && !(computes && is_empty(t, i, column[C_DST]))) status = read_end(t, i, column[C_DST], &out->dst, err);
    if (status == SP_OK && !computes && out->src == out->dst)
        return sp_csv_fail(t->csv, i, column[C_DST], SP_E_INVAL, err, "the flow ends where it begins and crosses no link; expected another %s", t->net == NULL ? "chip" : "node");
    if (status == SP_OK) status = read_number(t, i, column[C_BYTES], 1e18, false, &out->bytes, err);
    if (status == SP_OK && !computes && is_empty(t, i, column[C_BYTES]))
        return sp_csv_fail(t->csv, i, column[C_BYTES], SP_E_PARSE, err, "the cell is empty; expected how many bytes flow");
    if (computes && status == SP_OK && (out->bytes > 0 || out->dst != out->src))
        return sp_csv_fail(t->csv, i, column[C_COMPUTE], SP_E_INVAL, err, "the row computes and sends, too; expected one of the two: give each a row and name it in 'after'");
    return status == SP_OK ? read_number(t, i, column[C_START], 1e6, false, &out->start_s, err) : status;
}

static sp_status read_rows(cli_run *cli, traffic *t, sp_error *err)
{
    int column[C_N];
    sp_status status = read_columns(t->csv, column, err);
    named *index = sp_arena_alloc(cli->arena, t->n, sizeof *index);
    for (uint32_t i = 0; i < t->n && status == SP_OK; i++) {
        t->flow[i] = (sp_flow){.after = UINT32_MAX};
        status = read_row(t, i, column, &t->flow[i], err);
        t->id[i] = sp_csv_cell(t->csv, i, column[C_ID]);
        if (status == SP_OK && sp_utf8_check(t->id[i], strlen(t->id[i]), NULL, NULL) != SP_OK)
            status = sp_csv_fail(t->csv, i, column[C_ID], SP_E_PARSE, err, "the id '%s' has bytes that are no characters; save the file as UTF-8", t->id[i]);
        if (status == SP_OK && *t->id[i] == '\0') status = sp_csv_fail(t->csv, i, column[C_ID], SP_E_PARSE, err, "the cell is empty; expected an id");
        index[i] = (named){t->id[i], i};
    }
    if (status != SP_OK) return status;
    qsort(index, t->n, sizeof *index, by_id);
    for (uint32_t i = 1; i < t->n; i++)
        if (strcmp(index[i].id, index[i - 1].id) == 0)
            return sp_csv_fail(t->csv, index[i].row, column[C_ID], SP_E_INVAL, err, "the id '%s' is that of line %u, too; give each flow its own",
                               index[i].id, sp_csv_line(t->csv, index[i - 1].row));
    for (uint32_t i = 0; i < t->n && column[C_AFTER] >= 0; i++) {
        const char *after = sp_csv_cell(t->csv, i, column[C_AFTER]);
        if (after == NULL || *after == '\0') continue;
        uint32_t low = 0, high = t->n;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (strcmp(index[middle].id, after) < 0) low = middle + 1;
            else high = middle;
        }
        if (low == t->n || strcmp(index[low].id, after) != 0)
            return sp_csv_fail(t->csv, i, column[C_AFTER], SP_E_NOTFOUND, err, "no flow has the id '%s'", after);
        if (index[low].row == i) return sp_csv_fail(t->csv, i, column[C_AFTER], SP_E_INVAL, err, "the flow waits for itself");
        t->flow[i].after = index[low].row;
    }
    return check_circles(cli, t, column[C_AFTER], err);
}

static sp_status read_network(cli_run *cli, traffic *t, sp_error *err)
{
    t->name = cli->operand[0];
    if (sp_net_is_path(cli->operand[0])) {
        cli_input_add(cli, cli->operand[0]);
        sp_status status = sp_net_load(cli->operand[0], &t->net, err);
        if (status == SP_OK && cli_given(cli, CLI_O_HEATMAP))
            status = sp_error_set(err, SP_E_INVAL, "--heatmap", 0, 0, "a graph has no tiers to draw; heat maps are for machines");
        return status == SP_OK ? cli_net_options(cli, t->net, &t->options, err) : status;
    }
    sp_status status = cli_network(cli, cli->operand[0], "ideal", &t->machine, err);
    if (status != SP_OK) return status;
    t->name = t->machine->name;
    return cli_flow_options(cli, t->machine, &t->options, err);
}

static sp_status read_traffic(cli_run *cli, traffic *t, sp_error *err)
{
    if (cli->n_operands > 2)
        return sp_error_set(err, SP_E_INVAL, "command line", 1, 1, "%u files given; traffic takes one", cli->n_operands - 1);
    sp_status status = read_network(cli, t, err);
    if (status == SP_OK) status = sp_csv_load(cli->operand[1], &t->csv, err);
    if (status != SP_OK) return status;
    cli_input_add(cli, cli->operand[1]);
    t->n = (uint32_t)sp_csv_rows(t->csv);
    t->flow = sp_arena_alloc(cli->arena, t->n, sizeof *t->flow);
    t->id = sp_arena_alloc(cli->arena, t->n, sizeof *t->id);
    t->start_s = sp_arena_alloc(cli->arena, t->n, sizeof *t->start_s);
    t->end_s = sp_arena_alloc(cli->arena, t->n, sizeof *t->end_s);
    if (t->flow == NULL || t->id == NULL || t->start_s == NULL || t->end_s == NULL)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u flows", t->n);
    if (t->n == 0) return sp_error_set(err, SP_E_PARSE, cli->operand[1], 2, 1, "there is no flow; expected a line for each below the header");
    return read_rows(cli, t, err);
}

static json_t *answer(const traffic *t)
{
    json_t *flows = json_array();
    for (uint32_t i = 0; i < t->n; i++)
        json_array_append_new(flows, json_pack("{s:s, s:f, s:f}", "id", t->id[i], "start_s", t->start_s[i], "end_s", t->end_s[i]));
    bool any = t->time.bottleneck_name[0] != '\0', link = t->time.bottleneck != UINT32_MAX;
    json_t *deadlock = t->net != NULL ? json_null() : json_pack("{s:b, s:I}", "free", (int)t->deadlock.free, "lanes", (json_int_t)t->deadlock.lanes);
    return json_pack("{s:o, s:s, s:f, s:f, s:f, s:o, s:o, s:f, s:I, s:b, s:o, s:o}", "machine", cli_json_text(t->name), "routing",
                     sp_routing_name(t->options.routing), "time_s", t->time.time_s, "lower_bound_s", t->time.bound_s, "fraction_of_bound",
                     t->time.time_s > 0 ? t->time.bound_s / t->time.time_s : 1.0, "bottleneck",
                     cli_json_text(any ? t->time.bottleneck_name : NULL), "bottleneck_link",
                     link ? json_integer(t->time.bottleneck) : json_null(), "bottleneck_fraction", t->time.bottleneck_fraction, "classes",
                     (json_int_t)t->time.classes, "lifted", (int)t->time.lifted, "deadlock", deadlock, "flows", flows);
}

typedef struct ended { double end_s; uint32_t flow; } ended;

static int by_end(const void *a, const void *b)
{
    const ended *x = a, *y = b;
    if (x->end_s != y->end_s) return x->end_s < y->end_s ? 1 : -1;
    return (x->flow > y->flow) - (x->flow < y->flow);
}

static void print_flows(cli_run *cli, const traffic *t)
{
    ended *order = sp_arena_alloc(cli->arena, t->n, sizeof *order);
    for (uint32_t i = 0; i < t->n; i++) order[i] = (ended){t->end_s[i], i};
    qsort(order, t->n, sizeof *order, by_end);
    fprintf(cli->out, "%s%u flows%s on %s, %s routing\n\n", cli_strong(cli, true), t->n, cli_strong(cli, false), t->name,
            sp_routing_name(t->options.routing));
    cli_line(cli, "time", "%s", cli_quantity(cli, t->time.time_s, SP_UNIT_SECONDS));
    cli_line(cli, "lower bound", "%s (%.1f %% reached)", cli_quantity(cli, t->time.bound_s, SP_UNIT_SECONDS),
             t->time.time_s > 0 ? 100 * t->time.bound_s / t->time.time_s : 100);
    if (t->time.bottleneck != UINT32_MAX)
        cli_line(cli, "bottleneck", "link %u, %s, %.1f %% of the time", t->time.bottleneck, t->time.bottleneck_name,
                 100 * t->time.bottleneck_fraction);
    else if (t->time.bottleneck_name[0] != '\0')
        cli_line(cli, "bottleneck", "%s, %.1f %% of the time", t->time.bottleneck_name, 100 * t->time.bottleneck_fraction);
    if (t->net == NULL) cli_line(cli, "deadlock", t->deadlock.free ? "none: the routes use %u of %u virtual lanes" : "possible: routes that use %u of %u virtual lanes make a circle",
             t->deadlock.lanes, t->lanes);
    fprintf(cli->out, "\n%s\n", t->n > SHOWN ? "The last to end (--json lists all):" : "Flows, the last to end first:");
    cli_table *table = cli_table_begin(cli, "lrrrrr", (const char *const[]){"id", "src", "dst", "bytes", "start", "end"});
    for (uint32_t i = 0; i < t->n && i < SHOWN; i++) {
        uint32_t k = order[i].flow;
        cli_table_cell(table, "%s", t->id[k]);
        if (t->net != NULL) {
            cli_table_cell(table, "%s", sp_net_node(t->net, t->flow[k].src));
            cli_table_cell(table, "%s", sp_net_node(t->net, t->flow[k].dst));
        } else {
            cli_table_cell(table, "%u", t->flow[k].src);
            cli_table_cell(table, "%u", t->flow[k].dst);
        }
        cli_table_cell(table, "%.10g", t->flow[k].bytes);
        cli_table_cell(table, "%.4f us", 1e6 * t->start_s[k]);
        cli_table_cell(table, "%.4f us", 1e6 * t->end_s[k]);
    }
    cli_table_end(table);
}

static int tell(cli_run *cli, traffic *t)
{
    sp_error err = {0};
    cli_sources sources = {0};
    if (t->machine != NULL) cli_sources_of_machine(cli, t->machine, &sources);
    cli->guesses = cli_sources_guesses(&sources);
    if (cli_given(cli, CLI_O_JSON)) {
        json_t *result = answer(t);
        if (cli_given(cli, CLI_O_SOURCES)) json_object_set_new(result, "sources", cli_json_sources(&sources));
        return cli_json_emit(cli, result, &err) == SP_OK ? CLI_EXIT_OK : cli_fail(cli, &err);
    }
    print_flows(cli, t);
    cli_explain_print(cli);
    if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    return CLI_EXIT_OK;
}

static sp_status check_deadlock(cli_run *cli, traffic *t, sp_error *err)
{
    sp_router *router = NULL;
    uint32_t *ends = sp_arena_alloc(cli->arena, 2 * (size_t)t->n, sizeof *ends);
    if (ends == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u routes", t->n);
    for (uint32_t i = 0; i < t->n; i++) {
        ends[i] = t->flow[i].src;
        ends[t->n + i] = t->flow[i].dst;
    }
    sp_status status = sp_router_create(t->machine, 0, t->options.routing, t->options.seed, t->options.faults, t->options.n_faults, &router, err);
    if (status == SP_OK) t->lanes = sp_router_lanes(router);
    if (status == SP_OK && t->options.routing == SP_ROUTING_BORROW) status = sp_router_borrow(router, ends, ends + t->n, t->n, err);
    if (status == SP_OK) status = sp_router_deadlock(router, ends, ends + t->n, t->n, t->lanes, &t->deadlock, err);
    sp_router_destroy(router);
    return status;
}

static sp_status run_flows(cli_run *cli, traffic *t, sp_error *err)
{
    cli_progress progress = cli_progress_begin(cli);
    progress.last_s = 0;   /* now: what comes next is one call */
    cli_progress_show(&progress, "%u flows on %s ...", t->n, t->name);
    t->heat.arena = cli->arena;
    if (cli_given(cli, CLI_O_HEATMAP)) t->options.heat = &t->heat;
    sp_status status = t->net != NULL ? sp_fabric_net_flows(t->net, &t->options, t->flow, t->n, t->start_s, t->end_s, &t->time, err)
                                      : sp_fabric_flows(t->machine, &t->options, t->flow, t->n, t->start_s, t->end_s, &t->time, err);
    if (status == SP_OK && t->net == NULL) status = check_deadlock(cli, t, err);
    if (status == SP_OK && cli_interrupted()) status = sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
    cli_progress_end(&progress);
    return status;
}

int cli_cmd_traffic(cli_run *cli)
{
    sp_error err = {0};
    traffic t = {0};
    sp_status status = read_traffic(cli, &t, &err);
    if (status == SP_OK) status = run_flows(cli, &t, &err);
    if (status == SP_OK && cli->explain != NULL) {
        int32_t root = sp_explain_add(cli->explain, -1, "time", t.time.time_s, SP_UNIT_SECONDS, "end of the last flow");
        sp_explain_add(cli->explain, root, "lower bound", t.time.bound_s, SP_UNIT_SECONDS, "bytes / rate of the busiest link, or the longest chain of flows alone");
        sp_explain_add(cli->explain, root, "rate settings", (double)t.time.fills, SP_UNIT_COUNT, "instants at which shares changed");
        if (t.machine != NULL) sp_explain_add(cli->explain, root, "payload fraction", sp_machine_payload(t.machine), SP_UNIT_NONE, "of the raw port rate");
    }
    if (status == SP_OK && t.options.heat != NULL)
        status = sp_report_heat(cli_text(cli, CLI_O_HEATMAP), sp_arena_printf(cli->arena, "%u flows on %s", t.n, t.machine->name), t.machine, &t.heat, &err);
    int exit_status = status == SP_OK ? tell(cli, &t) : cli_fail(cli, &err);
    sp_csv_destroy(t.csv);
    sp_net_destroy(t.net);
    return exit_status;
}
