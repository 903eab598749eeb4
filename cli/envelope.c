/* The JSON envelope. */
#include "output.h"
#include "superpod/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_json_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* Bytes that are not UTF-8 (a file's name may have some) become "?". */
json_t *cli_json_text(const char *text)
{
    if (text == NULL) return json_null();
    json_t *string = json_string(text);
    if (string != NULL) return string;
    char *plain = strdup(text);
    for (char *c = plain; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c > 0x7E) *c = '?';
    string = plain == NULL ? json_null() : json_string(plain);
    free(plain);
    return string;
}

/* Key suffix of a unit, so that a value's key names its unit as everywhere. */
static const char *unit_word(sp_unit unit)
{
    switch (unit) {
    case SP_UNIT_BYTES: return "bytes";
    case SP_UNIT_BYTES_PER_S: return "bytes_per_s";
    case SP_UNIT_SECONDS: return "s";
    case SP_UNIT_FLOP_PER_S: return "flop_per_s";
    case SP_UNIT_WATT: return "w";
    case SP_UNIT_HERTZ: return "hz";
    case SP_UNIT_USD: return "usd";
    case SP_UNIT_USD_PER_KWH: return "usd_per_kwh";
    case SP_UNIT_PER_YEAR: return "per_year";
    case SP_UNIT_METER: return "m";
    case SP_UNIT_JOULE_PER_BIT: return "joule_per_bit";
    default: return "1";
    }
}

json_t *cli_json_value(const sp_value *value, sp_unit unit)
{
    if (value->grade == SP_GRADE_NONE) return json_null();
    return json_pack("{s:f, s:f, s:f, s:s, s:s, s:o}", "low", value->low, "nominal", value->nominal, "high", value->high,
                     "unit", unit_word(unit), "grade", sp_grade_name(value->grade), "source", cli_json_text(value->source));
}

json_t *cli_json_sources(const cli_sources *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n; i++) {
        json_t *row = cli_json_value(list->row[i].value, list->row[i].unit);
        json_object_set_new(row, "of", cli_json_text(list->row[i].owner));
        json_object_set_new(row, "what", cli_json_text(list->row[i].label));
        json_array_append_new(array, row);
    }
    return array;
}

static json_t *explain_rows(const sp_explain *explain)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sp_explain_count(explain); i++) {
        const sp_explain_row *row = sp_explain_at(explain, i);
        json_array_append_new(array, json_pack("{s:i, s:o, s:o, s:s, s:o}", "parent", (int)row->parent, "label",
                                               cli_json_text(row->label), "value", cli_json_real(row->value), "unit",
                                               unit_word(row->unit), "source", cli_json_text(row->source)));
    }
    return array;
}

bool cli_file_sha256(const char *path, char sha[65])
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL, block[65536];
    size_t length = 0, got;
    FILE *memory = open_memstream(&bytes, &length);
    while (file != NULL && memory != NULL && (got = fread(block, 1, sizeof block, file)) > 0) fwrite(block, 1, got, memory);
    bool whole = file != NULL && memory != NULL && !ferror(file);
    if (memory != NULL) whole = fclose(memory) == 0 && whole;
    if (file != NULL) fclose(file);
    if (whole) sp_text_sha256(bytes, length, sha);
    free(bytes);
    return whole;
}

static json_t *inputs(const cli_run *cli, sp_error *err)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < cli->n_inputs; i++) {
        char sha[65];
        if (!cli_file_sha256(cli->input[i], sha)) {
            json_decref(array);
            sp_error_set(err, SP_E_IO, cli->input[i], 0, 0, "cannot be read again for its checksum");
            return NULL;
        }
        json_array_append_new(array, json_pack("{s:o, s:s}", "path", cli_json_text(cli->input[i]), "sha256", sha));
    }
    return array;
}

sp_status cli_json_emit(cli_run *cli, json_t *result, sp_error *err)
{
    char schema[64];
    snprintf(schema, sizeof schema, "superpod/%s/1", cli->verb->name);
    json_t *args = json_array(), *files = inputs(cli, err);
    if (files == NULL) {
        json_decref(args);
        json_decref(result);
        return SP_E_IO;
    }
    for (int i = 1; i < cli->argc; i++) json_array_append_new(args, cli_json_text(cli->argv[i]));
    if (cli->explain != NULL) json_object_set_new(result, "explain", explain_rows(cli->explain));
    json_t *envelope = json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:o}", "schema", schema, "version", SP_VERSION, "args", args,
                                 "inputs", files, "seed", (json_int_t)cli->seed, "guesses", (json_int_t)cli->guesses, "result", result);
    if (envelope == NULL) return sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "the JSON result could not be put together");
    int failed = json_dumpf(envelope, cli->out, JSON_INDENT(2));
    fputc('\n', cli->out);
    json_decref(envelope);
    return failed ? sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "the JSON result could not be written") : SP_OK;
}
