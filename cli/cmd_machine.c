/* superpod machine list | show MACHINE | check [MACHINE] */
#include "output.h"
#include "superpod/study.h"

#include <string.h>

#define STRING_MAX 2048

static const char *machine_string(cli_run *cli, const sp_machine *machine)
{
    char text[STRING_MAX];
    int length = sp_machine_format(machine, text, sizeof text);
    return length < 0 || (size_t)length >= sizeof text ? "" : sp_arena_strdup(cli->arena, text);
}

/* ---- list ---------------------------------------------------------------------------------------------------- */

static int list_row(cli_run *cli, const char *name, cli_table *table, json_t *array)
{
    sp_error err = {0};
    const sp_machine *machine;
    if (sp_catalog_machine(cli->catalog, name, &machine, &err) != SP_OK) return cli_fail(cli, &err);
    cli_table_cell(table, "%s", machine->name);
    cli_table_cell(table, "%u", machine->chips);
    cli_table_cell(table, "%s", machine->chip->name);
    cli_table_cell(table, "%s", machine->available == NULL ? "-" : machine->available);
    cli_table_cell(table, "%s", machine->title == NULL ? "" : machine->title);
    json_array_append_new(array,
                          json_pack("{s:o, s:o, s:I, s:o, s:o}", "name", cli_json_text(machine->name), "title",
                                    cli_json_text(machine->title), "chips", (json_int_t)machine->chips, "chip",
                                    cli_json_text(machine->chip->name), "available", cli_json_text(machine->available)));
    return CLI_EXIT_OK;
}

static int machine_list(cli_run *cli)
{
    size_t n = sp_catalog_machine_count(cli->catalog);
    if (cli_given(cli, CLI_O_QUIET) && !cli_given(cli, CLI_O_JSON)) {
        for (size_t i = 0; i < n; i++) fprintf(cli->out, "%s\n", sp_catalog_machine_name(cli->catalog, i));
        return CLI_EXIT_OK;
    }
    cli_table *table = cli_table_begin(cli, "lrllw", (const char *const[]){"machine", "chips", "chip", "available", "title"});
    json_t *array = json_array();
    int status = CLI_EXIT_OK;
    for (size_t i = 0; i < n && status == CLI_EXIT_OK; i++)
        status = list_row(cli, sp_catalog_machine_name(cli->catalog, i), table, array);
    sp_error err = {0};
    if (status == CLI_EXIT_OK && !cli_given(cli, CLI_O_JSON)) cli_table_end(table);
    if (status != CLI_EXIT_OK || !cli_given(cli, CLI_O_JSON)) json_decref(array);
    else if (cli_json_emit(cli, json_pack("{s:s, s:o}", "action", "list", "machines", array), &err) != SP_OK)
        return cli_fail(cli, &err);
    return status;
}

/* ---- show ---------------------------------------------------------------------------------------------------- */

static double link_bw(const sp_tier *tier) { return tier->bw_bytes_per_s.nominal; }

static const char *dims_text(cli_run *cli, const sp_tier *tier)
{
    const char *text = "";
    for (uint32_t i = 0; i < tier->n_dims; i++)
        text = sp_arena_printf(cli->arena, "%s%s%u", text, i == 0 ? "" : "x", tier->dims[i]);
    if (tier->spares != 0) text = sp_arena_printf(cli->arena, "%s+%u", text, tier->spares);
    return text;
}

static void show_tiers(cli_run *cli, const sp_machine *machine, const sp_machine_totals *totals)
{
    for (uint32_t p = 0; p < machine->n_planes; p++) {
        const sp_plane *plane = &machine->planes[p];
        if (machine->n_planes > 1) fprintf(cli->out, "\n  plane %s\n", plane->name == NULL ? "" : plane->name);
        else fputc('\n', cli->out);
        cli_table *table = cli_table_begin(cli, "lllrrrrr", (const char *const[]){"tier", "kind", "size", "links", "switches",
                                                                                  "bandwidth", "latency", "taper"});
        for (uint32_t t = 0; t < plane->n_tiers; t++) {
            const sp_tier *tier = &plane->tiers[t];
            bool per_link = !sp_tier_is_switched(tier->kind);
            cli_table_cell(table, "%s", tier->name);
            cli_table_cell(table, "%s", sp_tier_kind_name(tier->kind));
            cli_table_cell(table, "%s", dims_text(cli, tier));
            if (p == 0) cli_table_cell(table, "%llu", (unsigned long long)totals->links[t]);
            else cli_table_cell(table, "-");
            if (p == 0 && totals->switches[t] != 0) cli_table_cell(table, "%llu", (unsigned long long)totals->switches[t]);
            else cli_table_cell(table, "-");
            cli_table_cell(table, "%s/%s", cli_quantity(cli, link_bw(tier), SP_UNIT_BYTES_PER_S), per_link ? "link" : "chip");
            cli_table_cell(table, "%s", cli_quantity(cli, tier->latency_s.nominal, SP_UNIT_SECONDS));
            if (per_link) cli_table_cell(table, "-");
            else cli_table_cell(table, "%.4g", tier->taper.grade == SP_GRADE_NONE ? 1.0 : tier->taper.nominal);
        }
        cli_table_end(table);
    }
    fputc('\n', cli->out);
}

/* Formats of 8 and 4 bits in the order in which one stands for all of its width. */
static const sp_format fp8_formats[] = {SP_FMT_FP8, SP_FMT_MXFP8, SP_FMT_HIF8, SP_FMT_N};
static const sp_format fp4_formats[] = {SP_FMT_MXFP4, SP_FMT_NVFP4, SP_FMT_HIF4, SP_FMT_N};

/* The rate of the first format that the chip has; 0: none. */
static double first_rate(const double *rate, const sp_format *format)
{
    while (*format != SP_FMT_N && rate[*format] == 0) format++;
    return *format == SP_FMT_N ? 0 : rate[*format];
}

/* What links and switches cost; a catalog without prices of networks has no answer, and *have stays false. */
static sp_status fabric_cost(cli_run *cli, const sp_machine *machine, bool *have, sp_network_cost *out, sp_error *err)
{
    sp_network_prices prices;
    const char *dir = sp_arena_printf(cli->arena, "%s/prices", cli->catalog_dir);
    sp_status status = sp_network_prices_load(dir, cli->arena, &prices, err);
    if (status == SP_E_IO) return SP_OK;
    if (status == SP_OK) status = sp_network_cost_of(machine, &prices, out, err);
    *have = status == SP_OK;
    return status;
}

static void show_text(cli_run *cli, const sp_machine *machine, const sp_machine_totals *totals, const sp_network_cost *fabric,
                      const cli_sources *sources)
{
    const double *rate = totals->flop_per_s;
    double fp8 = first_rate(rate, fp8_formats), fp4 = first_rate(rate, fp4_formats);
    fprintf(cli->out, "%s%s%s%s%s\n", cli_strong(cli, true), machine->name, cli_strong(cli, false),
            machine->title ? "  " : "", machine->title ? machine->title : "");
    cli_line(cli, "string", "%s", machine_string(cli, machine));
    cli_line(cli, "chips", "%u x %s (%s)", machine->chips, machine->chip->name, machine->chip->title);
    if (machine->available != NULL) cli_line(cli, "available", "%s", machine->available);
    if (machine->host != NULL) cli_line(cli, "host", "%s, %u chips each", machine->host, machine->chips_per_host);
    if (machine->note != NULL) cli_line(cli, "note", "%s", machine->note);
    show_tiers(cli, machine, totals);
    cli_line(cli, "peak BF16", "%s", cli_quantity(cli, rate[SP_FMT_BF16], SP_UNIT_FLOP_PER_S));
    if (fp8 != 0) cli_line(cli, "peak FP8", "%s", cli_quantity(cli, fp8, SP_UNIT_FLOP_PER_S));
    if (fp4 != 0) cli_line(cli, "peak FP4", "%s", cli_quantity(cli, fp4, SP_UNIT_FLOP_PER_S));
    cli_line(cli, "memory", "%s at %s", cli_quantity(cli, totals->mem_bytes, SP_UNIT_BYTES),
             cli_quantity(cli, totals->mem_bw_bytes_per_s, SP_UNIT_BYTES_PER_S));
    cli_line(cli, "injection", "%s one way, %u ports a chip, payload %.4g of raw",
             cli_quantity(cli, totals->injection_bytes_per_s, SP_UNIT_BYTES_PER_S), totals->ports_per_chip,
             sp_machine_payload(machine));
    cli_line(cli, "bisection", "%s one way", cli_quantity(cli, totals->bisection_bytes_per_s, SP_UNIT_BYTES_PER_S));
    cli_line(cli, "diameter", "%u hops", totals->diameter_hops);
    if (totals->power_w != 0) cli_line(cli, "power", "%s", cli_quantity(cli, totals->power_w, SP_UNIT_WATT));
    if (totals->price_usd != 0) cli_line(cli, "price", "%s, %s", cli_quantity(cli, totals->price_usd, SP_UNIT_USD),
                                        machine->price_usd.grade != SP_GRADE_NONE ? "the whole machine" : "the chips alone");
    if (fabric != NULL)
        cli_line(cli, "fabric", "%s of links and %s of switches at merchant list prices, a guess for comparing topologies", cli_quantity(cli, fabric->links_usd, SP_UNIT_USD),
                 cli_quantity(cli, fabric->switches_usd, SP_UNIT_USD));
    cli_line(cli, "guesses", "%zu of %zu values%s", cli_sources_guesses(sources), sources->n,
             cli_given(cli, CLI_O_SOURCES) ? "" : " (--sources lists them)");
}

static json_t *rate_or_null(double rate) { return rate == 0 ? json_null() : json_real(rate); }

static json_t *show_flop(const double *rate)
{
    double fp8 = first_rate(rate, fp8_formats), fp4 = first_rate(rate, fp4_formats);
    json_t *all = json_object();
    for (int i = 0; i < SP_FMT_N; i++)
        if (rate[i] != 0) json_object_set_new(all, sp_format_name((sp_format)i), json_real(rate[i]));
    json_object_set_new(all, "bf16", rate_or_null(rate[SP_FMT_BF16]));
    json_object_set_new(all, "fp8", rate_or_null(fp8));
    json_object_set_new(all, "fp4", rate_or_null(fp4));
    return all;
}

static json_t *show_json(cli_run *cli, const sp_machine *machine, const sp_machine_totals *totals, const sp_network_cost *fabric,
                         const cli_sources *sources)
{
    json_t *tiers = json_array();
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        const sp_tier *tier = &plane->tiers[t];
        json_array_append_new(tiers, json_pack("{s:o, s:s, s:I, s:I, s:I, s:f, s:f, s:f}", "name", cli_json_text(tier->name),
                                               "kind", sp_tier_kind_name(tier->kind), "size", (json_int_t)tier->size, "links",
                                               (json_int_t)totals->links[t], "switches", (json_int_t)totals->switches[t],
                                               "bw_bytes_per_s", link_bw(tier), "latency_s", tier->latency_s.nominal, "taper",
                                               tier->taper.grade == SP_GRADE_NONE ? 1.0 : tier->taper.nominal));
    }
    json_t *result =
        json_pack("{s:s, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:f}", "action", "show", "name", cli_json_text(machine->name),
                  "title", cli_json_text(machine->title), "string", cli_json_text(machine_string(cli, machine)), "chips",
                  (json_int_t)machine->chips, "chip", cli_json_text(machine->chip->name), "tiers", tiers, "flop_per_s",
                  show_flop(totals->flop_per_s), "mem_bytes", totals->mem_bytes);
    json_object_set_new(result, "mem_bw_bytes_per_s", json_real(totals->mem_bw_bytes_per_s));
    json_object_set_new(result, "injection_bytes_per_s", json_real(totals->injection_bytes_per_s));
    json_object_set_new(result, "bisection_bytes_per_s", json_real(totals->bisection_bytes_per_s));
    json_object_set_new(result, "payload_fraction", json_real(sp_machine_payload(machine)));
    json_object_set_new(result, "ports_per_chip", json_integer((json_int_t)totals->ports_per_chip));
    json_object_set_new(result, "diameter_hops", json_integer((json_int_t)totals->diameter_hops));
    json_object_set_new(result, "power_w", rate_or_null(totals->power_w));
    json_object_set_new(result, "price_usd", rate_or_null(totals->price_usd));
    json_object_set_new(result, "fabric_usd", fabric == NULL ? json_null() :
                        json_pack("{s:f, s:f}", "links", fabric->links_usd, "switches", fabric->switches_usd));
    json_object_set_new(result, "available", cli_json_text(machine->available));
    if (cli_given(cli, CLI_O_SOURCES)) json_object_set_new(result, "sources", cli_json_sources(sources));
    return result;
}

/* How the totals come from the description. */
static void show_explain(cli_run *cli, const sp_machine *machine, const sp_machine_totals *totals)
{
    sp_explain *explain = cli->explain;
    const sp_chip *chip = machine->chip;
    int32_t root = sp_explain_add(explain, -1, machine->name, machine->chips, SP_UNIT_COUNT, "product of the tier sizes");
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++) {
        const sp_tier *tier = &machine->planes[0].tiers[t];
        int32_t row = sp_explain_add(explain, root, tier->name, tier->size, SP_UNIT_COUNT, "%s of %s",
                                     sp_tier_kind_name(tier->kind), dims_text(cli, tier));
        sp_explain_add(explain, row, "links", (double)totals->links[t], SP_UNIT_COUNT, "counted from the composition");
        sp_explain_add(explain, row, "bandwidth", link_bw(tier), SP_UNIT_BYTES_PER_S, "%s",
                       tier->bw_bytes_per_s.source == NULL ? "" : tier->bw_bytes_per_s.source);
        sp_explain_add(explain, row, "latency", tier->latency_s.nominal, SP_UNIT_SECONDS, "%s",
                       tier->latency_s.source == NULL ? "" : tier->latency_s.source);
    }
    for (int i = 0; i < SP_FMT_N; i++) {
        if (totals->flop_per_s[i] == 0) continue;
        int32_t row = sp_explain_add(explain, root, sp_format_name((sp_format)i), totals->flop_per_s[i], SP_UNIT_FLOP_PER_S,
                                     "chips x advertised rate of a chip");
        sp_explain_add(explain, row, "of a chip", chip->advertised_flop_per_s[i].nominal, SP_UNIT_FLOP_PER_S, "%s",
                       chip->advertised_flop_per_s[i].source == NULL ? "" : chip->advertised_flop_per_s[i].source);
    }
    int32_t row = sp_explain_add(explain, root, "memory", totals->mem_bytes, SP_UNIT_BYTES, "chips x memory of a chip");
    sp_explain_add(explain, row, "of a chip", chip->mem_bytes.nominal, SP_UNIT_BYTES, "%s",
                   chip->mem_bytes.source == NULL ? "" : chip->mem_bytes.source);
    sp_explain_add(explain, root, "injection", totals->injection_bytes_per_s, SP_UNIT_BYTES_PER_S,
                   "sum of all scale-up ports, one way");
    sp_explain_add(explain, root, "bisection", totals->bisection_bytes_per_s, SP_UNIT_BYTES_PER_S,
                   "smallest even cut through whole tiers, one way");
    sp_explain_add(explain, root, "power", totals->power_w, SP_UNIT_WATT, "%s",
                   machine->power_w.grade == SP_GRADE_NONE ? "chips x (chip + overhead)" : machine->power_w.source);
}

static int machine_show(cli_run *cli)
{
    sp_error err = {0};
    const sp_machine *machine;
    sp_machine_totals totals;
    cli_sources sources = {0};
    sp_network_cost cost;
    bool have = false;
    if (cli_machine(cli, cli->operand[0], &machine, &err) != SP_OK) return cli_fail(cli, &err);
    if (sp_machine_count(machine, &totals, &err) != SP_OK || fabric_cost(cli, machine, &have, &cost, &err) != SP_OK) return cli_fail(cli, &err);
    const sp_network_cost *fabric = have ? &cost : NULL;
    cli_sources_of_machine(cli, machine, &sources);
    cli->guesses = cli_sources_guesses(&sources);
    if (cli->explain != NULL) show_explain(cli, machine, &totals);
    if (cli_given(cli, CLI_O_JSON)) {
        if (cli_json_emit(cli, show_json(cli, machine, &totals, fabric, &sources), &err) != SP_OK) return cli_fail(cli, &err);
        return CLI_EXIT_OK;
    }
    show_text(cli, machine, &totals, fabric, &sources);
    cli_explain_print(cli);
    if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    return CLI_EXIT_OK;
}

/* ---- check --------------------------------------------------------------------------------------------------- */

static sp_status check_one(cli_run *cli, const char *text, json_t *rows, bool *good, sp_error *err)
{
    const sp_machine *machine;
    sp_error fault = {0};
    cli_sources sources = {0};
    sp_status status = cli_machine(cli, text, &machine, err);
    if (status != SP_OK) return status;
    *good = sp_machine_check(machine, &fault) == SP_OK;
    cli_sources_of_machine(cli, machine, &sources);
    cli_check_sourced(cli, machine->name, *good ? NULL : fault.text, &sources, rows);
    return SP_OK;
}

static int machine_check(cli_run *cli) { return cli_check_each(cli, sp_catalog_machine_count(cli->catalog), sp_catalog_machine_name, check_one); }

int cli_cmd_machine(cli_run *cli)
{
    sp_error err = {0};
    if (cli_catalog(cli, &err) != SP_OK) return cli_fail(cli, &err);
    if (strcmp(cli->action, "list") == 0) return machine_list(cli);
    return strcmp(cli->action, "show") == 0 ? machine_show(cli) : machine_check(cli);
}
