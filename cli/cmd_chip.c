/* superpod chip list | show CHIP | check [CHIP] */
#include "output.h"

#include <string.h>

static double best_fp8(const sp_chip *chip)
{
    const sp_value *rate = chip->advertised_flop_per_s;
    return rate[SP_FMT_FP8].grade != SP_GRADE_NONE ? rate[SP_FMT_FP8].nominal : rate[SP_FMT_MXFP8].nominal;
}

static const char *first_date(const sp_chip *chip) { return chip->n_available == 0 ? NULL : chip->available[0].date; }

/* ---- list ---------------------------------------------------------------------------------------------------- */

static void list_row(cli_table *table, const sp_chip *chip)
{
    cli_table_cell(table, "%s", chip->name);
    cli_table_quantity(table, chip->advertised_flop_per_s[SP_FMT_BF16].nominal, SP_UNIT_FLOP_PER_S);
    cli_table_quantity(table, best_fp8(chip), SP_UNIT_FLOP_PER_S);
    cli_table_quantity(table, chip->mem_bytes.nominal, SP_UNIT_BYTES);
    cli_table_quantity(table, chip->mem_bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S);
    cli_table_quantity(table, chip->scaleup_bw_bytes_per_s.nominal, SP_UNIT_BYTES_PER_S);
    cli_table_cell(table, "%s", first_date(chip) == NULL ? "-" : first_date(chip));
}

static json_t *list_json(const sp_chip *chip)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", cli_json_text(chip->name), "title", cli_json_text(chip->title),
                     "vendor", cli_json_text(chip->vendor), "family", cli_json_text(chip->family), "available",
                     cli_json_text(first_date(chip)));
}

static int chip_list(cli_run *cli)
{
    sp_error err = {0};
    size_t n = sp_catalog_chip_count(cli->catalog);
    bool json = cli_given(cli, CLI_O_JSON), quiet = cli_given(cli, CLI_O_QUIET) && !json;
    cli_table *table = cli_table_begin(cli, "lrrrrrl", (const char *const[]){"chip", "BF16", "FP8", "memory", "bandwidth",
                                                                              "scale-up", "available"});
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        const sp_chip *chip;
        if (quiet) {
            fprintf(cli->out, "%s\n", sp_catalog_chip_name(cli->catalog, i));
            continue;
        }
        if (cli_chip(cli, sp_catalog_chip_name(cli->catalog, i), &chip, &err) != SP_OK) {
            json_decref(array);
            return cli_fail(cli, &err);
        }
        list_row(table, chip);
        json_array_append_new(array, list_json(chip));
    }
    if (!json) {
        json_decref(array);
        if (!quiet) cli_table_end(table);
        return CLI_EXIT_OK;
    }
    if (cli_json_emit(cli, json_pack("{s:s, s:o}", "action", "list", "chips", array), &err) != SP_OK)
        return cli_fail(cli, &err);
    return CLI_EXIT_OK;
}

/* ---- show ---------------------------------------------------------------------------------------------------- */

static void show_value(cli_run *cli, const char *label, const sp_value *value, sp_unit unit)
{
    if (value->grade == SP_GRADE_NONE) return;
    const char *grade = sp_grade_name(value->grade);
    if (value->low == value->high) cli_line(cli, label, "%s  (%s)", cli_quantity(cli, value->nominal, unit), grade);
    else
        cli_line(cli, label, "%s  (%s, %s .. %s)", cli_quantity(cli, value->nominal, unit), grade,
                 cli_quantity(cli, value->low, unit), cli_quantity(cli, value->high, unit));
}

/* The advertised rate, and that of the matrix units alone where the vendor counts more than them. */
static void show_rate(cli_run *cli, const sp_chip *chip, sp_format format)
{
    const sp_value *advertised = &chip->advertised_flop_per_s[format], *matrix = &chip->matrix_flop_per_s[format];
    show_value(cli, sp_format_name(format), advertised, SP_UNIT_FLOP_PER_S);
    if (matrix->grade != SP_GRADE_NONE && matrix->nominal != advertised->nominal)
        cli_line(cli, "", "%s by the matrix units alone", cli_quantity(cli, matrix->nominal, SP_UNIT_FLOP_PER_S));
}

static void show_text(cli_run *cli, const sp_chip *chip, const cli_sources *sources)
{
    fprintf(cli->out, "%s%s%s  %s\n", cli_strong(cli, true), chip->name, cli_strong(cli, false), chip->title);
    cli_line(cli, "vendor", "%s, family %s, %u die%s", chip->vendor, chip->family, chip->dies, chip->dies == 1 ? "" : "s");
    if (chip->host_cpu != NULL) cli_line(cli, "host CPU", "%s", chip->host_cpu);
    for (uint32_t i = 0; i < chip->n_available; i++)
        cli_line(cli, i == 0 ? "available" : "", "%s  %s%s%s%s", chip->available[i].date,
                 chip->available[i].what ? chip->available[i].what : "", chip->available[i].source ? " [" : "",
                 chip->available[i].source ? chip->available[i].source : "", chip->available[i].source ? "]" : "");
    for (int i = 0; i < SP_FMT_N; i++) show_rate(cli, chip, (sp_format)i);
    show_value(cli, "vector", &chip->vector_flop_per_s, SP_UNIT_FLOP_PER_S);
    show_value(cli, "memory", &chip->mem_bytes, SP_UNIT_BYTES);
    show_value(cli, "bandwidth", &chip->mem_bw_bytes_per_s, SP_UNIT_BYTES_PER_S);
    show_value(cli, "L2 cache", &chip->l2_bytes, SP_UNIT_BYTES);
    if (chip->ports != 0) cli_line(cli, "ports", "%u", chip->ports);
    show_value(cli, "port rate", &chip->port_bw_bytes_per_s, SP_UNIT_BYTES_PER_S);
    show_value(cli, "scale-up", &chip->scaleup_bw_bytes_per_s, SP_UNIT_BYTES_PER_S);
    show_value(cli, "scale-out", &chip->scaleout_bw_bytes_per_s, SP_UNIT_BYTES_PER_S);
    show_value(cli, "payload", &chip->payload_fraction, SP_UNIT_NONE);
    show_value(cli, "TDP", &chip->tdp_w, SP_UNIT_WATT);
    show_value(cli, "price", &chip->price_usd, SP_UNIT_USD);
    if (chip->note != NULL) cli_line(cli, "note", "%s", chip->note);
    cli_line(cli, "guesses", "%zu of %zu values%s", cli_sources_guesses(sources), sources->n,
             cli_given(cli, CLI_O_SOURCES) ? "" : " (--sources lists them)");
}

static json_t *rates_json(const sp_value *rate)
{
    json_t *rates = json_object();
    for (int i = 0; i < SP_FMT_N; i++)
        if (rate[i].grade != SP_GRADE_NONE)
            json_object_set_new(rates, sp_format_name((sp_format)i), json_real(rate[i].nominal));
    return rates;
}

static json_t *show_json(const sp_chip *chip, const cli_sources *sources)
{
    json_t *dates = json_array();
    for (uint32_t i = 0; i < chip->n_available; i++)
        json_array_append_new(dates, json_pack("{s:o, s:o, s:o}", "date", cli_json_text(chip->available[i].date), "what",
                                               cli_json_text(chip->available[i].what), "source",
                                               cli_json_text(chip->available[i].source)));
    json_t *result = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o}", "action", "show", "name", cli_json_text(chip->name), "title",
        cli_json_text(chip->title), "vendor", cli_json_text(chip->vendor), "family", cli_json_text(chip->family), "host_cpu",
        cli_json_text(chip->host_cpu), "dies", (json_int_t)chip->dies, "ports", (json_int_t)chip->ports, "available", dates,
        "flop_per_s", rates_json(chip->advertised_flop_per_s));
    json_object_set_new(result, "matrix_flop_per_s", rates_json(chip->matrix_flop_per_s));
    json_object_set_new(result, "mem_bytes", json_real(chip->mem_bytes.nominal));
    json_object_set_new(result, "mem_bw_bytes_per_s", json_real(chip->mem_bw_bytes_per_s.nominal));
    json_object_set_new(result, "values", cli_json_sources(sources));
    json_object_set_new(result, "note", cli_json_text(chip->note));
    return result;
}

static void explain_values(cli_run *cli, const sp_chip *chip, const cli_sources *sources)
{
    int32_t root = sp_explain_add(cli->explain, -1, chip->name, 1, SP_UNIT_COUNT, "%s", chip->title);
    for (size_t i = 0; i < sources->n; i++)
        sp_explain_add(cli->explain, root, sources->row[i].label, sources->row[i].value->nominal, sources->row[i].unit,
                       "%s: %s", sp_grade_name(sources->row[i].value->grade),
                       sources->row[i].value->source == NULL ? "" : sources->row[i].value->source);
}

static int chip_show(cli_run *cli)
{
    sp_error err = {0};
    const sp_chip *chip;
    cli_sources sources = {0};
    if (cli_chip(cli, cli->operand[0], &chip, &err) != SP_OK) return cli_fail(cli, &err);
    cli_sources_of_chip(cli, chip, &sources);
    cli->guesses = cli_sources_guesses(&sources);
    if (cli->explain != NULL) explain_values(cli, chip, &sources);
    if (cli_given(cli, CLI_O_JSON)) {
        if (cli_json_emit(cli, show_json(chip, &sources), &err) != SP_OK) return cli_fail(cli, &err);
        return CLI_EXIT_OK;
    }
    show_text(cli, chip, &sources);
    cli_explain_print(cli);
    if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    return CLI_EXIT_OK;
}

/* ---- check --------------------------------------------------------------------------------------------------- */

static sp_status check_one(cli_run *cli, const char *text, json_t *rows, bool *good, sp_error *err)
{
    const sp_chip *chip;
    sp_error fault = {0};
    cli_sources sources = {0};
    sp_status status = cli_chip(cli, text, &chip, err);
    if (status != SP_OK) return status;
    *good = sp_chip_check(chip, &fault) == SP_OK;
    cli_sources_of_chip(cli, chip, &sources);
    cli_check_sourced(cli, chip->name, *good ? NULL : fault.text, &sources, rows);
    return SP_OK;
}

static int chip_check(cli_run *cli) { return cli_check_each(cli, sp_catalog_chip_count(cli->catalog), sp_catalog_chip_name, check_one); }

int cli_cmd_chip(cli_run *cli)
{
    sp_error err = {0};
    if (cli_catalog(cli, &err) != SP_OK) return cli_fail(cli, &err);
    if (strcmp(cli->action, "list") == 0) return chip_list(cli);
    return strcmp(cli->action, "show") == 0 ? chip_show(cli) : chip_check(cli);
}
