/* How sure a comparison is: every uncertain value drawn at once (samples), and each alone from its low to its high (swings).
 * The plan stays the one found with nominal values. A value's stream is named by (seed, its entity), so that two machines of
 * one chip draw the same chip, and a list of machines in another order draws the same numbers. */
#include "compare_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOP 10u

/* FNV-1a, 64 bits */
static uint64_t name_hash(const char *text)
{
    uint64_t hash = 14695981039346656037ull;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
    return hash;
}

typedef struct outcome { double tokens_per_s, power_w, capital_usd, usd_per_hour, cost_usd, days; } outcome;

static sp_status evaluate(sp_i_compare *c, const sp_compare_entry *entry, const sp_i_variant *variant, outcome *out)
{
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    if (!scratch)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a sample");
    sp_status status = sp_predict_train(&variant->machine, c->problem->model, &entry->plan, false, scratch, &report, NULL, c->err);
    if (status == SP_OK) {
        sp_i_cost cost = sp_i_cost_of(&variant->machine, entry->chips, entry->chips_used, report.power_w);
        double seconds = (c->problem->tokens > 0 ? c->problem->tokens : 1e13) / report.tokens_per_s;
        *out = (outcome){report.tokens_per_s, cost.power_w, cost.capital_usd, cost.usd_per_hour, seconds / 3600 * cost.usd_per_hour, seconds / 86400};
    }
    sp_arena_destroy(scratch);
    return status;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sp_i_quantile(const double *values, uint32_t n, double q, sp_arena *arena)
{
    double *sorted = sp_arena_alloc(arena, n, sizeof *sorted);
    if (!sorted || n == 0)
        return NAN;
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double at = ceil(q * n) - 1;
    return sorted[at < 0 ? 0 : (uint32_t)at];
}

/* The nominal is not a median: where all doubt is on one side it is the end of the range. */
static sp_range range_of(const double *values, uint32_t n, double nominal, sp_arena *arena)
{
    return (sp_range){fmin(sp_i_quantile(values, n, 0.05, arena), nominal), nominal, fmax(sp_i_quantile(values, n, 0.95, arena), nominal)};
}

/* ---- samples -------------------------------------------------------------------------------------------------------- */

#define METRICS 8u   /* tokens/s, W, USD, USD/h, tokens/s/W, tokens/USD, days, cost */

static void put(double *table, uint32_t samples, uint32_t s, const outcome *o)
{
    const double row[METRICS] = {o->tokens_per_s, o->power_w, o->capital_usd, o->usd_per_hour, o->tokens_per_s / o->power_w,
                                 o->tokens_per_s * 3600 / o->usd_per_hour, o->days, o->cost_usd};
    for (uint32_t m = 0; m < METRICS; m++)
        table[m * samples + s] = row[m];
}

static void draw(const sp_i_compare *c, const sp_i_knobs *knobs, uint32_t sample, sp_i_variant *variant)
{
    for (uint32_t k = 0; k < knobs->n; k++) {
        sp_rng rng = sp_rng_make(c->problem->seed, name_hash(knobs->knob[k].entity));
        for (uint32_t i = 0; i < sample; i++)
            sp_rng_next(&rng);
        sp_i_knob_set(&knobs->knob[k], sp_rng_unit(&rng), variant);
    }
}

static void fill(sp_compare_entry *e, const double *table, uint32_t n, const outcome *nominal, sp_arena *arena)
{
    double row[METRICS];
    put(row, 1, 0, nominal);
    sp_range *const out[METRICS] = {&e->tokens_per_s, &e->power_w, &e->capital_usd, &e->usd_per_hour, &e->tokens_per_s_watt, &e->tokens_per_usd,
                                    &e->days, &e->cost_usd};
    for (uint32_t m = 0; m < METRICS; m++)
        *out[m] = range_of(table + (size_t)m * n, n, row[m], arena);
}

sp_status sp_i_sample(sp_i_compare *c, sp_compare_entry *entry)
{
    uint32_t n = c->problem->samples ? c->problem->samples : 48;
    sp_i_knobs knobs;
    sp_i_variant *variant = sp_arena_alloc(c->arena, 1, sizeof *variant);
    double *table = sp_arena_alloc(c->arena, (size_t)n * METRICS, sizeof *table);
    outcome nominal, one;
    if (!variant || !table || sp_i_knobs_make(entry->machine, entry->plan.software, c->arena, &knobs) != SP_OK)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u samples", n);
    sp_i_variant_make(entry->machine, variant);
    sp_status status = evaluate(c, entry, variant, &nominal);
    for (uint32_t s = 0; s < n && status == SP_OK; s++) {
        if (!sp_i_compare_tell(c, "sampling"))
            return sp_error_set(c->err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted while sampling");
        sp_i_variant_make(entry->machine, variant);
        draw(c, &knobs, s, variant);
        status = evaluate(c, entry, variant, &one);
        if (status == SP_OK)
            put(table, n, s, &one);
    }
    if (status != SP_OK)
        return status;
    fill(entry, table, n, &nominal, c->arena);
    entry->sample = table;   /* the first row is tokens/s */
    entry->n_samples = n;
    return SP_OK;
}

/* ---- swings ----------------------------------------------------------------------------------------------------------- */

static sp_status at_end(sp_i_compare *c, const sp_compare_entry *entry, const sp_i_knobs *knobs, uint32_t group, bool high, sp_i_variant *variant, outcome *out)
{
    sp_i_variant_make(entry->machine, variant);
    for (uint32_t k = 0; k < knobs->n; k++)
        if (knobs->knob[k].group == group)
            sp_i_knob_put(&knobs->knob[k], high ? knobs->knob[k].value.high : knobs->knob[k].value.low, variant);
    return evaluate(c, entry, variant, out);
}

static double span(const sp_compare_swing *s) { return fabs(log(s->at_high / s->at_low)); }

static int by_span(const void *a, const void *b)
{
    const sp_compare_swing *x = a, *y = b;
    int metric = strcmp(y->metric, x->metric);   /* tokens_per_s before cost_usd */
    if (metric != 0)
        return metric;
    double p = span(x), q = span(y);
    if (p != q)
        return p > q ? -1 : 1;
    return x->entry != y->entry ? (x->entry < y->entry ? -1 : 1) : strcmp(x->what, y->what);
}

/* Rates of several formats are one group: the first that the plan runs in stands for it. */
static const sp_i_knob *leader(const sp_i_knobs *knobs, uint32_t group)
{
    for (uint32_t k = 0; k < knobs->n; k++)
        if (knobs->knob[k].group == group)
            return &knobs->knob[k];
    return NULL;
}

static sp_status swings_of(sp_i_compare *c, uint32_t index, const sp_compare_entry *entry, sp_compare_swing *out, uint32_t *n, const sp_i_knobs *knobs)
{
    sp_i_variant *variant = sp_arena_alloc(c->arena, 1, sizeof *variant);
    if (!variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for sensitivities");
    for (uint32_t g = 0; g < knobs->n_groups; g++) {
        const sp_i_knob *knob = leader(knobs, g);
        outcome low, high;
        sp_status status = at_end(c, entry, knobs, g, false, variant, &low);
        if (status == SP_OK)
            status = at_end(c, entry, knobs, g, true, variant, &high);
        if (status == SP_OK && !sp_i_compare_tell(c, "one value at a time"))
            status = sp_error_set(c->err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
        if (status != SP_OK)
            return status;
        sp_compare_swing swing = {.entry = index, .what = knob->label, .source = knob->value.source, .grade = knob->value.grade, .unit = knob->unit,
                                  .low = knob->value.low, .nominal = knob->value.nominal, .high = knob->value.high};
        swing.metric = "tokens_per_s";
        swing.at_low = low.tokens_per_s / entry->tokens_per_s.nominal;
        swing.at_high = high.tokens_per_s / entry->tokens_per_s.nominal;
        out[(*n)++] = swing;
        swing.metric = "cost_usd";
        swing.at_low = low.cost_usd / entry->cost_usd.nominal;
        swing.at_high = high.cost_usd / entry->cost_usd.nominal;
        out[(*n)++] = swing;
    }
    return SP_OK;
}

sp_status sp_i_sensitivity(sp_i_compare *c, sp_comparison *out)
{
    sp_i_knobs *knobs = sp_arena_alloc(c->arena, out->n, sizeof *knobs);
    uint32_t room = 0, n = 0;
    for (uint32_t i = 0; knobs && i < out->n; i++) {
        if (sp_i_knobs_make(out->entry[i].machine, out->entry[i].plan.software, c->arena, &knobs[i]) != SP_OK)
            return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for sensitivities");
        room += 2 * knobs[i].n_groups;
    }
    sp_compare_swing *swing = sp_arena_alloc(c->arena, room, sizeof *swing);
    if (!knobs || !swing)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for sensitivities");
    for (uint32_t i = 0; i < out->n; i++) {
        sp_status status = swings_of(c, i, &out->entry[i], swing, &n, &knobs[i]);
        if (status != SP_OK)
            return status;
    }
    qsort(swing, n, sizeof *swing, by_span);
    uint32_t kept = 0, of_metric = 0;
    for (uint32_t i = 0; i < n; i++) {
        of_metric = i && strcmp(swing[i].metric, swing[i - 1].metric) == 0 ? of_metric + 1 : 0;
        if (of_metric < TOP)
            swing[kept++] = swing[i];
    }
    out->swing = swing;
    out->n_swings = kept;
    return SP_OK;
}
