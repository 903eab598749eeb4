/* Figures of runs in OpenMetrics text (https://openmetrics.io, 1.0.0): a family a figure, a sample a seed. All are gauges: a run that has ended
 * says what it came to, and nothing counts on. */
#include "report_private.h"

#include <math.h>
#include <string.h>

/* \ " and line breaks are escaped, as the format asks. */
static void label(sp_i_out *out, const char *name, const char *value)
{
    sp_i_out_printf(out, "%s=\"", name);
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"') sp_i_out_printf(out, "\\%c", *c);
        else if (*c == '\n') sp_i_out_text(out, "\\n");
        else sp_i_out_printf(out, "%c", *c);
    }
    sp_i_out_text(out, "\"");
}

static void sample(sp_i_out *out, const sp_report_operation *o, const char *family, uint32_t run, const char *loss, double value)
{
    sp_i_out_printf(out, "superpod_operate_%s{", family);
    label(out, "machine", o->machine->name);
    sp_i_out_printf(out, ",seed=\"%llu\"", (unsigned long long)(o->seed + run));
    if (loss) {
        sp_i_out_text(out, ",");
        label(out, "part", loss);
    }
    if (isfinite(value)) sp_i_out_printf(out, "} %.17g\n", value);
    else sp_i_out_printf(out, "} %s\n", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
}

/* "wait_mean_s" is told as wait_mean_seconds, the unit in full and in a line of its own. */
static void family(sp_i_out *out, const sp_report_operation *o, const sp_history_field *field)
{
    char name[64], words[64];
    size_t length = strlen(field->name);
    bool seconds = field->unit == SP_UNIT_SECONDS;
    snprintf(name, sizeof name, "%.*s%s", (int)(seconds ? length - 2 : length), field->name, seconds ? "_seconds" : "");
    snprintf(words, sizeof words, "%.*s", (int)(seconds ? length - 2 : length), field->name);
    for (char *c = words; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    sp_i_out_printf(out, "# TYPE superpod_operate_%s gauge\n", name);
    if (seconds) sp_i_out_printf(out, "# UNIT superpod_operate_%s seconds\n", name);
    sp_i_out_printf(out, "# HELP superpod_operate_%s Of a run of one seed: %s.\n", name, words);
    for (uint32_t i = 0; i < o->n; i++)
        if (sp_history_has(&o->run[i], field)) sample(out, o, name, i, NULL, sp_history_value(&o->run[i], field));
}

sp_status sp_report_operate_metrics(const char *path, const sp_report_operation *o, sp_error *err)
{
    sp_i_out out;
    sp_status status = sp_i_out_open(&out, path, err);
    if (status) return status;
    sp_i_out_text(&out, "# TYPE superpod_operate_share gauge\n# HELP superpod_operate_share Of the installed chips' time in a run, by what it went to; the parts sum to 1.\n");
    for (uint32_t i = 0; i < o->n; i++)
        for (int l = 0; l < SP_LOSSES; l++) sample(&out, o, "share", i, sp_loss_name((sp_loss)l), o->run[i].share[l]);
    sp_i_out_printf(&out, "# TYPE superpod_operate_horizon_seconds gauge\n# UNIT superpod_operate_horizon_seconds seconds\n"
                          "# HELP superpod_operate_horizon_seconds Time simulated in a run.\n");
    for (uint32_t i = 0; i < o->n; i++) sample(&out, o, "horizon_seconds", i, NULL, o->horizon_s);
    for (size_t f = 0; f < sp_history_n_fields; f++) family(&out, o, &sp_history_fields[f]);
    sp_i_out_text(&out, "# EOF\n");
    return sp_i_out_close(&out, SP_OK, err);
}
