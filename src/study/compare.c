/* A comparison: which machines, how large, the best plan on each, and what follows from the numbers. */
#include "compare_i.h"

#include <math.h>
#include <string.h>

#define FULL_SIZE_CHIPS 4096u        /* from here on 64 Mi tokens a step, as large pre-training runs use */
#define FULL_SIZE_TOKENS (1ull << 26)
#define STANDARD_SEQ 4096u
#define STANDARD_TOKENS 1e13         /* guess: 10 T tokens, between DeepSeek-V3's 14.8 T and what others print */

const char *sp_compare_equal_name(sp_compare_equal equal)
{
    static const char *const names[] = {"none", "chips", "power", "price", "racks"};
    return names[equal];
}

const char *sp_compare_axis_name(sp_compare_axis axis)
{
    static const char *const names[] = {"chips", "bw", "flops", "failures"};
    return names[axis];
}

/* ---- which ------------------------------------------------------------------------------------------------------- */

static const char *date_of(const sp_machine *machine)
{
    if (machine->available)
        return machine->available;
    return machine->chip->n_available ? machine->chip->available[0].date : NULL;
}

static sp_status choose(sp_i_compare *c, sp_comparison *out)
{
    const sp_compare_problem *p = c->problem;
    uint32_t now = 0, then = 0;
    if (p->as_of && sp_date_parse(p->as_of, &now, c->err) != SP_OK)
        return SP_E_PARSE;
    out->entry = sp_arena_alloc(c->arena, p->n_machines, sizeof *out->entry);
    out->refused = sp_arena_alloc(c->arena, p->n_machines, sizeof *out->refused);
    if (!out->entry || !out->refused)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u machines", p->n_machines);
    for (uint32_t i = 0; i < p->n_machines; i++) {
        sp_compare_entry entry = {.text = p->machines[i]};
        sp_status status = sp_catalog_machine(p->catalog, p->machines[i], &entry.machine, c->err);
        if (status == SP_OK && !entry.machine->prices)
            status = sp_error_set(c->err, SP_E_NOTFOUND, NULL, 0, 0, "the catalog has no folder prices/, without which nothing is known of costs");
        if (status != SP_OK)
            return status;
        entry.available = date_of(entry.machine);
        if (p->as_of && !entry.available) {
            out->refused[out->n_refused++] = sp_arena_printf(c->arena, "%s: its file states no date", entry.machine->name);
            continue;
        }
        if (p->as_of && (status = sp_date_parse(entry.available, &then, c->err)) != SP_OK)
            return status;
        if (p->as_of && then > now) {
            out->refused[out->n_refused++] = sp_arena_printf(c->arena, "%s: available %s", entry.machine->name, entry.available);
            continue;
        }
        out->entry[out->n++] = entry;
    }
    if (out->n == 0)
        return sp_error_set(c->err, SP_E_INVAL, "--as-of", 1, 1, "none of the %u machines can be had by %s (%s); name earlier machines or a later date",
                            p->n_machines, p->as_of, out->refused[0]);
    return SP_OK;
}

/* ---- how large ----------------------------------------------------------------------------------------------------- */

/* What one chip counts in the quantity held equal; 0: the machine's file does not say. */
static double weight(const sp_i_compare *c, const sp_machine *machine)
{
    switch (c->problem->equal) {
    case SP_EQUAL_POWER: return sp_i_chip_power(machine);
    case SP_EQUAL_PRICE: return sp_machine_usd_per_chip(machine);
    case SP_EQUAL_RACKS: return machine->chips_per_rack ? 1.0 / machine->chips_per_rack : 0;
    default: return 1;
    }
}

static sp_status resize_all(sp_i_compare *c, sp_comparison *out)
{
    double target = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        sp_compare_entry *e = &out->entry[i];
        double one = weight(c, e->machine);
        if (!(one > 0))
            return sp_error_set(c->err, SP_E_INVAL, "--equal", 1, 1, "%s does not state what --equal %s needs; expected %s in its file",
                                e->machine->name, sp_compare_equal_name(c->problem->equal),
                                c->problem->equal == SP_EQUAL_RACKS ? "rack: {chips: N}" : "its power or price");
        if (i == 0)
            target = one * e->machine->chips;
        sp_i_offer most;
        double chips = floor(target / one + 0.5);
        if (chips < 1 || chips > SP_CHIPS_MAX)
            return sp_error_set(c->err, SP_E_RANGE, "--equal", 1, 1, "%s would take %.3g chips to equal %s; expected 1 to %u", e->machine->name, chips,
                                out->entry[0].machine->name, SP_CHIPS_MAX);
        /* a kind that ends below the target lowers it for all */
        if (sp_i_resize(c->problem->catalog, e->text, (uint32_t)chips, &most, NULL) != SP_OK)
            target = one * e->machine->chips;
    }
    for (uint32_t i = 0; i < out->n; i++) {
        sp_compare_entry *e = &out->entry[i];
        double chips = floor(target / weight(c, e->machine) + 0.5);
        sp_i_offer offer;
        sp_status status = sp_i_resize(c->problem->catalog, e->text, chips < 1 ? 1 : (uint32_t)chips, &offer, c->err);
        if (status != SP_OK)
            return status;
        e->machine = offer.machine;
        e->chips = offer.chips;
    }
    return SP_OK;
}

static sp_status size(sp_i_compare *c, sp_comparison *out)
{
    for (uint32_t i = 0; i < out->n; i++)
        out->entry[i].chips = out->entry[i].machine->chips;
    return c->problem->equal == SP_EQUAL_NONE ? SP_OK : resize_all(c, out);
}

/* ---- what is held equal ------------------------------------------------------------------------------------------------ */

static void hold_equal(sp_i_compare *c, sp_comparison *out)
{
    const sp_model *model = c->problem->model;
    uint32_t most = 0;
    c->recipe = SP_FMT_N;
    for (uint32_t i = 0; i < out->n; i++) {
        sp_format wants = sp_problem_default(out->entry[i].machine, model).fixed.precision;
        c->recipe = c->recipe == SP_FMT_N || c->recipe == wants ? wants : SP_FMT_BF16;   /* what all of them multiply */
        most = out->entry[i].chips > most ? out->entry[i].chips : most;
    }
    c->seq = c->problem->seq ? c->problem->seq : model->default_seq ? model->default_seq : STANDARD_SEQ;
    c->gbs = c->problem->gbs                                     ? c->problem->gbs
             : most < FULL_SIZE_CHIPS && model->default_gbs      ? model->default_gbs
             : FULL_SIZE_TOKENS / c->seq > 0                     ? FULL_SIZE_TOKENS / c->seq
                                                                 : 1;
    c->gbs_chips = out->entry[0].chips;
    out->recipe = c->recipe;
    out->gbs = c->gbs;
    out->seq = c->seq;
    out->tokens = c->problem->tokens > 0 ? c->problem->tokens : STANDARD_TOKENS;
    out->equal = c->problem->equal;
    out->model = model;
}

/* ---- one machine -------------------------------------------------------------------------------------------------------- */

static sp_status tell_limit(sp_i_compare *c, sp_compare_entry *e)
{
    sp_train_report report;
    sp_arena *scratch = sp_arena_create();
    if (!scratch)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a step");
    sp_status status = sp_predict_train(e->machine, c->problem->model, &e->plan, true, scratch, &report, NULL, c->err);
    if (status == SP_OK) {
        e->limit = sp_arena_strdup(c->arena, report.limit ? report.limit : "");
        e->mfu = report.mfu;
        e->step_time_s = report.step_time_s;
    }
    sp_arena_destroy(scratch);
    return status;
}

static sp_status enter(sp_i_compare *c, sp_compare_entry *e, sp_i_hints *hints)
{
    sp_i_offer offer = {e->machine, e->chips};
    sp_i_found found;
    sp_status status = sp_i_best(c, &offer, true, hints, &found);
    if (status != SP_OK)
        return status;
    e->plan = found.plan;
    e->chips_used = found.chips_used;
    status = tell_limit(c, e);
    if (status == SP_OK)
        status = sp_i_sample(c, e);
    if (status != SP_OK)
        return status;
    e->racks = e->machine->chips_per_rack ? (double)e->chips / e->machine->chips_per_rack : 0;
    e->tokens_per_s_chip = e->tokens_per_s.nominal / e->chips;
    e->tokens_per_s_rack = e->racks > 0 ? e->tokens_per_s.nominal / e->racks : 0;
    return SP_OK;
}

static sp_status break_even(sp_i_compare *c, sp_comparison *out)
{
    out->breakeven = sp_arena_alloc(c->arena, out->n, sizeof *out->breakeven);
    if (!out->breakeven)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for break-evens");
    for (uint32_t i = 1; i < out->n; i++) {
        sp_compare_breakeven *b = &out->breakeven[out->n_breakevens];
        b->a = 0;
        b->b = i;
        sp_status status = sp_i_breakeven(c, &out->entry[0], &out->entry[i], b);
        if (status != SP_OK)
            return status;
        out->n_breakevens++;
    }
    return SP_OK;
}

static sp_status ablate(sp_i_compare *c, sp_comparison *out)
{
    out->ablation = sp_arena_alloc(c->arena, out->n, sizeof *out->ablation);
    if (!out->ablation)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for ablations");
    for (uint32_t i = 0; i < out->n; i++) {
        out->ablation[i].entry = i;
        sp_status status = sp_i_ablate(c, &out->entry[i], &out->ablation[i]);
        if (status != SP_OK)
            return status;
        out->n_ablations++;
    }
    return SP_OK;
}

static sp_status check(const sp_compare_problem *p, sp_error *err)
{
    if (p->n_machines == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found no machine, expected at least one");
    if (p->model->n_layers == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found model %s without transformer layers; expected a language model", p->model->name);
    return SP_OK;
}

sp_status sp_compare(const sp_compare_problem *problem, sp_arena *arena, sp_comparison *out, sp_error *err)
{
    sp_error own;
    sp_i_compare c = {.problem = problem, .effort = problem->effort, .arena = arena, .err = err ? err : &own};
    sp_comparison result = {0};
    sp_status status = check(problem, c.err);
    if (status == SP_OK)
        status = choose(&c, &result);
    if (status == SP_OK)
        status = size(&c, &result);
    if (status != SP_OK)
        return status;
    hold_equal(&c, &result);
    sp_i_hints *hints = sp_arena_alloc(arena, result.n, sizeof *hints);
    if (!hints)
        return sp_error_set(c.err, SP_E_NOMEM, NULL, 0, 0, "no memory for a comparison");
    c.hints = hints;
    c.entries = result.entry;
    uint32_t all = result.n;
    for (result.n = 0; result.n < all && status == SP_OK; result.n += status == SP_OK)
        status = enter(&c, &result.entry[result.n], &hints[result.n]);
    if (status == SP_OK)
        status = break_even(&c, &result);
    if (status == SP_OK && problem->ablate)
        status = ablate(&c, &result);
    if (status == SP_OK && problem->sensitivity)
        status = sp_i_sensitivity(&c, &result);
    if (status == SP_OK && problem->curves)
        status = sp_i_curves(&c, &result);
    result.complete = status == SP_OK;
    result.searches = c.searches;
    result.searched = c.searched;
    if (status == SP_OK || (status == SP_E_INTERRUPTED && result.n > 0))
        *out = result;
    if (status == SP_E_INTERRUPTED)
        sp_error_set(c.err, status, NULL, 0, 0, result.n > 0 ? "interrupted; what was complete is shown" : "interrupted before the best plan on %s was known",
                     result.entry[0].text);
    return status;
}
