/* The planner. 1. Enumerate legal plans, outermost the fields that piece prices depend on, so that the pricer's tables are
 * reused. 2. Price: memory, and a lower bound of the step. 3. Simulate in order of the bound; stop when the bound of the
 * next candidate is no better than the top-th simulated. The bound never exceeds the simulated time, so nothing better is
 * missed (docs/models/planner.md). */
#include "space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct candidate { sp_plan plan; double objective_bound, bound_s, memory_bytes; uint32_t sequence; } candidate;

typedef struct search {
    const sp_problem *problem;
    sp_i_space space;
    sp_pricer *pricer;
    sp_running_cost cost;
    candidate *found;
    uint32_t n_found, room;
    sp_plan_counts counts;
    double least_excess_bytes, least_memory_bytes;   /* nearest miss of memory */
    uint64_t asked;                                  /* candidates seen, for progress */
    bool stopped;
    sp_error *err;
} search;

const char *sp_objective_name(sp_objective objective)
{
    static const char *const names[] = {"throughput", "cost", "energy"};
    return names[objective];
}

sp_status sp_objective_parse(const char *text, sp_objective *out, sp_error *err)
{
    for (int i = 0; i < SP_OBJECTIVES; i++)
        if (strcmp(text, sp_objective_name((sp_objective)i)) == 0) {
            *out = (sp_objective)i;
            return SP_OK;
        }
    return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found objective '%s', expected throughput, cost or energy", text);
}

/* The format the weights were published in, if the chip multiplies it; else BF16. */
static sp_format default_precision(const sp_machine *machine, const sp_model *model)
{
    sp_format format;
    if (!model->weight_format || sp_format_parse(model->weight_format, &format, NULL) != SP_OK || !sp_chip_has_format(machine->chip, format, &format))
        return SP_FMT_BF16;
    return sp_format_bytes(format) == 1 ? format : SP_FMT_BF16;   /* training recipes below 8 bits are asked for by name */
}

sp_problem sp_problem_default(const sp_machine *machine, const sp_model *model)
{
    sp_problem problem = {.machine = machine, .model = model, .top = 5, .free_recompute = true, .free_schedule = true, .free_zero = true};
    problem.seq = model->default_seq ? model->default_seq : 4096;
    /* guess: about 64 Mi tokens a step at full size, as large pre-training runs use, unless the model states its own */
    problem.gbs = model->default_gbs ? model->default_gbs : (1ull << 26) / problem.seq;
    problem.fixed = (sp_plan){.precision = default_precision(machine, model), .zero = 1, .sequence_parallel = true, .overlap_dp = true,
                              .order = {SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_DP, SP_AXIS_PP}};
    return problem;
}

/* ---- objective --------------------------------------------------------------------------------------------------- */

/* Watts rise with the share of the step that the busiest stage computes, and that share times the step is what is priced. */
static double joule(const sp_running_cost *cost, double chips, double step_s, double busy_s)
{
    return chips * (cost->idle_w * step_s + (cost->busy_w - cost->idle_w) * busy_s);
}

static double objective(const search *s, double chips, double step_s, double busy_s)
{
    double energy_j = joule(&s->cost, chips, step_s, busy_s);
    switch (s->problem->objective) {
    case SP_OBJECTIVE_ENERGY: return energy_j;
    case SP_OBJECTIVE_COST: return chips * s->cost.capital_usd_per_s * step_s + energy_j * s->cost.usd_per_j;
    default: return step_s;
    }
}

/* Never above objective_of the simulated report: time and busy time are both bounds, and the objective grows with both. */
static double objective_bound(const search *s, const sp_plan *plan, const sp_price *price)
{
    return objective(s, (double)plan->tp * plan->cp * plan->pp * plan->dp, price->lower_bound_s, price->busy_s);
}

static double objective_of(const search *s, const sp_train_report *report)
{
    return objective(s, report->chips, report->step_time_s, report->step_time_s * (1 - report->bubble_fraction));
}

/* ---- candidates -------------------------------------------------------------------------------------------------- */

static sp_status keep(search *s, const sp_plan *plan, const sp_price *price)
{
    if (s->n_found == s->room) {
        uint32_t room = s->room ? s->room * 2 : 4096;
        candidate *found = realloc(s->found, room * sizeof *found);
        if (!found)
            return sp_error_set(s->err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u candidate plans", room);
        s->found = found;
        s->room = room;
    }
    s->found[s->n_found] = (candidate){.plan = *plan, .bound_s = price->lower_bound_s, .memory_bytes = price->mem_bytes_max,
                                       .objective_bound = objective_bound(s, plan, price), .sequence = s->n_found};
    s->n_found++;
    return SP_OK;
}

static void report_progress(search *s, double fraction, double best_s)
{
    if (s->problem->progress && !s->problem->progress(s->problem->progress_context, fraction, best_s))
        s->stopped = true;
}

static sp_status consider(search *s, const sp_plan *plan)
{
    const sp_problem *problem = s->problem;
    sp_layout layout;
    sp_price price;
    if ((++s->asked & 0xff) == 0)
        report_progress(s, 0, 0);
    if (sp_plan_check(plan, problem->model, problem->machine, NULL) != SP_OK) {
        s->counts.refused_divide++;
        return SP_OK;
    }
    if (sp_plan_layout(plan, problem->machine, &layout, NULL) != SP_OK) {
        s->counts.refused_place++;
        return SP_OK;
    }
    s->counts.legal++;
    double capacity = problem->machine->chip->mem_bytes.nominal;
    sp_status status = sp_pricer_price(s->pricer, plan, &layout, &price, s->err);
    if (status == SP_E_NOMEM)
        return status;
    if (status != SP_OK) {   /* no algorithm for a group laid like that */
        s->counts.refused_place++;
        s->counts.legal--;
        return SP_OK;
    }
    if (price.mem_bytes_max > capacity) {
        s->counts.refused_memory++;
        if (s->least_memory_bytes == 0 || price.mem_bytes_max < s->least_memory_bytes)
            s->least_memory_bytes = price.mem_bytes_max;
        return SP_OK;
    }
    s->counts.priced++;
    return keep(s, plan, &price);
}

/* Innermost axes: those that leave the pieces alone. */
static sp_status pipelines(search *s, sp_plan plan, uint32_t chips)
{
    for (uint32_t p = 0; p < s->space.pp.n; p++) {
        plan.pp = s->space.pp.value[p];
        sp_i_choices dps = sp_i_space_dp(s->problem, chips, plan.tp * plan.cp * plan.pp, plan.mbs);
        for (uint32_t d = 0; d < dps.n; d++) {
            plan.dp = dps.value[d];
            /* with one stage, or one replica, the order of pp and dp is the same layout */
            if ((plan.pp == 1 || plan.dp == 1) && memcmp(plan.order, s->space.order[0], sizeof plan.order) != 0)
                continue;
            if ((uint64_t)plan.tp * plan.cp * plan.dp % ((uint64_t)plan.ep * plan.etp))
                continue;
            for (uint32_t v = 0; v < s->space.vpp.n; v++)
                for (uint32_t z = 0; z < s->space.zero.n; z++) {
                    plan.vpp = s->space.vpp.value[v];
                    plan.zero = s->space.zero.value[z];
                    if ((plan.vpp > 1 && plan.pp == 1) || plan.pp * plan.vpp > s->problem->model->n_layers || (plan.zero >= 2 && plan.pp > 1))
                        continue;
                    plan.schedule = plan.vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
                    sp_status status = consider(s, &plan);
                    if (status != SP_OK || s->stopped)
                        return status;
                }
        }
    }
    return SP_OK;
}

/* Middle axes: micro-batch, recompute, order on tiers, precision. */
static sp_status shapes(search *s, sp_plan plan, uint32_t chips)
{
    for (uint32_t f = 0; f < s->space.precision.n; f++)
        for (uint32_t m = 0; m < s->space.mbs.n; m++)
            for (uint32_t r = 0; r < s->space.recompute.n; r++)
                for (uint32_t o = 0; o < s->space.n_orders; o++) {
                    plan.precision = (sp_format)s->space.precision.value[f];
                    plan.mbs = s->space.mbs.value[m];
                    plan.recompute = (sp_recompute)s->space.recompute.value[r];
                    memcpy(plan.order, s->space.order[o], sizeof plan.order);
                    sp_status status = pipelines(s, plan, chips);
                    if (status != SP_OK || s->stopped)
                        return status;
                }
    return SP_OK;
}

static sp_status enumerate(search *s)
{
    sp_plan plan = s->problem->fixed;
    plan.gbs = s->problem->gbs;
    plan.seq = s->problem->seq;
    plan.recompute_layers = 0;
    for (uint32_t c = 0; c < s->space.chips.n; c++)
        for (uint32_t t = 0; t < s->space.tp.n; t++)
            for (uint32_t x = 0; x < s->space.cp.n; x++)
                for (uint32_t e = 0; e < s->space.ep.n; e++)
                    for (uint32_t w = 0; w < s->space.etp.n; w++) {
                        plan.tp = s->space.tp.value[t];
                        plan.cp = s->space.cp.value[x];
                        plan.ep = s->space.ep.value[e];
                        plan.etp = s->space.etp.value[w];
                        if (plan.etp > plan.tp && !s->problem->fixed.etp)
                            continue;
                        sp_status status = shapes(s, plan, s->space.chips.value[c]);
                        if (status != SP_OK || s->stopped)
                            return status;
                    }
    return SP_OK;
}

/* ---- simulation in order of the bound ------------------------------------------------------------------------------ */

static int by_bound(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->objective_bound != y->objective_bound)
        return x->objective_bound < y->objective_bound ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void insert(sp_solution *out, uint32_t top, const sp_ranked *ranked)
{
    uint32_t at = out->n < top ? out->n : top;
    while (at > 0 && ranked->objective < out->ranked[at - 1].objective)
        at--;
    if (at >= top)
        return;
    uint32_t last = out->n < top ? out->n : top - 1;
    memmove(&out->ranked[at + 1], &out->ranked[at], (last - at) * sizeof *ranked);
    out->ranked[at] = *ranked;
    out->n = out->n < top ? out->n + 1 : top;
}

static sp_status simulate(search *s, const candidate *c, sp_solution *out)
{
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    if (!scratch)
        return sp_error_set(s->err, SP_E_NOMEM, NULL, 0, 0, "no memory to simulate a plan");
    sp_status status = sp_predict_train(s->problem->machine, s->problem->model, &c->plan, true, scratch, &report, NULL, s->err);
    if (status == SP_OK) {
        sp_ranked ranked = {.plan = c->plan, .step_time_s = report.step_time_s, .lower_bound_s = c->bound_s, .mfu = report.mfu,
                            .tokens_per_s_chip = report.tokens_per_s_chip, .mem_bytes_max = report.mem_bytes_max,
                            .objective = objective_of(s, &report)};
        insert(out, s->problem->top, &ranked);
        s->counts.simulated++;
    }
    sp_arena_destroy(scratch);
    if (status == SP_E_RANGE) {   /* more task instances than a run takes: too many micro-batches to be a plan anyone runs */
        s->counts.refused_size++;
        return SP_OK;
    }
    return status;
}

static sp_status simulate_best(search *s, sp_solution *out)
{
    qsort(s->found, s->n_found, sizeof *s->found, by_bound);
    for (uint32_t i = 0; i < s->n_found && !s->stopped; i++) {
        bool full = out->n == s->problem->top;
        if (full && s->found[i].objective_bound >= out->ranked[out->n - 1].objective)
            break;
        sp_status status = simulate(s, &s->found[i], out);
        if (status != SP_OK)
            return status;
        report_progress(s, (double)(i + 1) / s->n_found, out->ranked[0].step_time_s);
    }
    return SP_OK;
}

static sp_status nothing_fits(const search *s)
{
    const sp_problem *p = s->problem;
    if (s->least_memory_bytes > 0) {
        char need[32], have[32];
        sp_unit_format(s->least_memory_bytes, SP_UNIT_BYTES, need, sizeof need);
        sp_unit_format(p->machine->chip->mem_bytes.nominal, SP_UNIT_BYTES, have, sizeof have);
        return sp_error_set(s->err, SP_E_UNFIT, NULL, 0, 0,
                            "no plan of %llu legal ones fits in memory: the smallest needs %s a chip, %s has %s; use more chips or a smaller sequence",
                            (unsigned long long)s->counts.legal, need, p->machine->chip->name, have);
    }
    return sp_error_set(s->err, SP_E_UNFIT, NULL, 0, 0,
                        "no legal plan for %s on %s with global batch %llu and sequence %llu: %llu candidates do not divide, %llu do not fit the "
                        "tiers; change --gbs or free an axis",
                        p->model->name, p->machine->name, (unsigned long long)p->gbs, (unsigned long long)p->seq,
                        (unsigned long long)s->counts.refused_divide, (unsigned long long)s->counts.refused_place);
}

static sp_status check_problem(const sp_problem *problem, sp_error *err)
{
    if (problem->top == 0 || problem->top > 100)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found top %u, expected 1 to 100", problem->top);
    if (problem->gbs == 0 || problem->seq == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found gbs %llu and seq %llu, expected at least 1", (unsigned long long)problem->gbs,
                            (unsigned long long)problem->seq);
    if (problem->model->n_layers == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found model %s without transformer layers; expected a language model", problem->model->name);
    if (problem->chips > problem->machine->chips)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found %u chips, but %s has %u", problem->chips, problem->machine->name, problem->machine->chips);
    return SP_OK;
}

sp_status sp_plan_search(const sp_problem *problem, sp_arena *arena, sp_solution *out, sp_error *err)
{
    search s = {.problem = problem, .err = err, .cost = sp_predict_running_cost(problem->machine)};
    sp_solution solution = {0};
    sp_status status = check_problem(problem, err);
    if (status != SP_OK)
        return status;
    solution.ranked = sp_arena_alloc(arena, (size_t)problem->top + 1, sizeof *solution.ranked);
    if (!solution.ranked)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u plans", problem->top);
    sp_i_space_make(problem, &s.space);
    status = sp_pricer_create(problem->machine, problem->model, &s.pricer, err);
    if (status == SP_OK)
        status = enumerate(&s);
    if (status == SP_OK)
        status = simulate_best(&s, &solution);
    if (status == SP_OK && solution.n == 0 && !s.stopped)
        status = nothing_fits(&s);
    s.counts.refused = s.counts.refused_divide + s.counts.refused_memory + s.counts.refused_place + s.counts.refused_size;
    solution.counts = s.counts;
    if (status == SP_OK) {
        *out = solution;
        status = s.stopped ? sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted; the best plan so far is shown") : SP_OK;
    }
    sp_pricer_destroy(s.pricer);
    free(s.found);
    return status;
}
