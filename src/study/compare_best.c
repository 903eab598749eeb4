/* The fastest plan of an offer. The planner's whole space is searched for what is compared (wide); along curves and
 * bisections it is searched in quick effort, and the shapes that won before (TP, CP, EP, micro-batch, overlap, placement) are
 * searched again, beside those that the quick search found, for the rest (PP, DP, ZeRO, recomputation, schedule, placement), so that quick
 * points join up with whole ones (narrow). */
#include "compare_i.h"

#include <math.h>
#include <string.h>

#define GBS_SLACK 0.125      /* guess: a batch an eighth off the one asked for trains the same model */
#define GBS_TRIES 5u
#define NARROW_SHAPES 2u     /* of the hints, the latest winners first */
#define BETTER 1.0005       /* a plan that much faster is worth another search */
#define FULL 0.9            /* of the chips used: other batches are not tried */

/* ---- batch -------------------------------------------------------------------------------------------------------- */

uint64_t sp_i_gbs(const sp_i_compare *c, uint32_t chips)
{
    if (!c->problem->weak || c->gbs_chips == 0)
        return c->gbs;
    double scaled = (double)c->gbs * chips / c->gbs_chips;
    return scaled < 1 ? 1 : (uint64_t)(scaled + 0.5);
}

/* Of `chips` laid on whole tiers: all, or the power of two inside each inner tier (64 of a rack of 72), which is what experts
 * and heads divide by. */
static uint32_t usable(const sp_i_offer *offer, bool powers)
{
    const sp_plane *plane = &offer->machine->planes[0];
    uint64_t inner = 1, used = 1;
    for (uint32_t t = 0; t + 1 < plane->n_tiers && inner * plane->tiers[t].size <= offer->chips; t++) {
        uint32_t size = plane->tiers[t].size, power = 1;
        while (power * 2 <= size)
            power *= 2;
        inner *= size;
        used *= powers ? power : size;
    }
    return (uint32_t)(used * (offer->chips / inner));
}

/* Largest number up to n of factors 2 and 3, which the dims of a torus and most rows of racks take. */
static uint32_t smooth(uint32_t n)
{
    uint32_t best = 1;
    for (uint64_t three = 1; three <= n; three *= 3) {
        uint64_t here = three;
        while (here * 2 <= n)
            here *= 2;
        best = here > best ? (uint32_t)here : best;
    }
    return best;
}

static bool far(uint64_t asked, uint64_t unit)
{
    double nearest = (double)((asked + unit / 2) / unit * unit);
    return fabs(nearest / (double)asked - 1) > GBS_SLACK;
}

static void add_batch(uint64_t batch, uint64_t asked, uint64_t *out, uint32_t *n)
{
    double off = (double)batch / (double)asked - 1;
    if (batch == 0 || off > GBS_SLACK || off < -GBS_SLACK || *n == GBS_TRIES)
        return;
    for (uint32_t i = 0; i < *n; i++)
        if (out[i] == batch)
            return;
    out[(*n)++] = batch;
}

/* The batch asked for, and the nearest that divide among the chips: without them a machine whose size has another factor
 * leaves a third of its chips idle, which says something of the number and nothing of the machine. */
static uint32_t batches(const sp_i_offer *offer, uint64_t asked, uint64_t *out)
{
    const uint32_t units[] = {usable(offer, true), usable(offer, false), smooth(offer->chips), offer->chips};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t unit = units[i];
        while (unit > 1 && unit % 2 == 0 && far(asked, unit))
            unit /= 2;
        add_batch((asked + unit / 2) / unit * unit, asked, out, &n);
    }
    add_batch(asked, asked, out, &n);
    return n;
}

/* ---- precision ---------------------------------------------------------------------------------------------------- */

static bool multiplies(const sp_chip *chip, sp_format format) { return chip->matrix_flop_per_s[format].grade != SP_GRADE_NONE; }

sp_format sp_i_precision(const sp_i_compare *c, const sp_machine *machine)
{
    if (c->problem->best_precision)
        return multiplies(machine->chip, SP_FMT_FP8) ? SP_FMT_FP8 : multiplies(machine->chip, SP_FMT_MXFP8) ? SP_FMT_MXFP8 : SP_FMT_BF16;
    return c->recipe;
}

/* ---- hints ---------------------------------------------------------------------------------------------------------- */

static bool same_shape(const sp_plan *a, const sp_plan *b)
{
    return a->tp == b->tp && a->cp == b->cp && a->ep == b->ep && a->etp == b->etp && a->mbs == b->mbs && a->pp == b->pp && a->overlap_ep == b->overlap_ep;
}

void sp_i_hints_add(sp_i_hints *hints, const sp_plan *plan)
{
    const sp_plan first = *plan;   /* it may lie in the list */
    uint32_t at = 0;
    while (at < hints->n && !same_shape(&hints->plan[at], &first))
        at++;
    if (at == hints->n)
        hints->n += hints->n < SP_I_HINTS;
    if (at == SP_I_HINTS)
        at--;
    memmove(hints->plan + 1, hints->plan, at * sizeof *hints->plan);
    hints->plan[0] = first;
}

/* ---- search ----------------------------------------------------------------------------------------------------------- */

static bool on_progress(void *context, double fraction, double best_step_time_s)
{
    (void)fraction, (void)best_step_time_s;
    return sp_i_compare_tell(context, "searching");
}

static sp_problem problem_of(sp_i_compare *c, const sp_i_offer *offer, uint64_t gbs)
{
    sp_problem problem = sp_problem_default(offer->machine, c->problem->model);
    problem.gbs = gbs;
    problem.seq = c->seq;
    problem.chips = offer->chips < offer->machine->chips ? offer->chips : 0;
    problem.fixed.precision = sp_i_precision(c, offer->machine);
    problem.free_precision = false;
    problem.effort = c->effort;
    problem.threads = c->problem->threads;
    problem.progress = on_progress;
    problem.progress_context = c;
    return problem;
}

static void count(sp_plan_counts *all, const sp_plan_counts *one)
{
    all->legal += one->legal;
    all->refused += one->refused;
    all->priced += one->priced;
    all->simulated += one->simulated;
    all->refused_divide += one->refused_divide;
    all->refused_memory += one->refused_memory;
    all->refused_place += one->refused_place;
    all->refused_deadline += one->refused_deadline;
    all->refused_size += one->refused_size;
}

static sp_status run(sp_i_compare *c, const sp_problem *problem, sp_i_hints *hints, sp_i_found *best)
{
    sp_arena *scratch = sp_arena_create();
    sp_solution solution = {0};
    if (!scratch)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a search");
    c->searches++;
    sp_problem faster = *problem;   /* than the best so far: bounds rule out the rest */
    double beaten = fmax(best->tokens_per_s * BETTER, c->floor_tokens_per_s);
    if (beaten > 0)
        faster.step_time_s_max = (double)problem->gbs * (double)problem->seq / beaten;
    sp_status status = sp_plan_search(&faster, scratch, &solution, c->err);
    if (status == SP_OK)
        count(&c->searched, &solution.counts);
    for (uint32_t i = status == SP_OK ? solution.n : 0; i-- > 0;) {   /* the best last, so that it stands first among the hints */
        const sp_ranked *r = &solution.ranked[i];
        uint32_t chips = r->plan.tp * r->plan.cp * r->plan.pp * r->plan.dp;
        double tokens_per_s = r->tokens_per_s_chip * chips;
        sp_i_hints_add(hints, &r->plan);
        if (tokens_per_s > best->tokens_per_s)
            *best = (sp_i_found){r->plan, chips, r->step_time_s, tokens_per_s, r->mfu};
    }
    sp_arena_destroy(scratch);
    return status;
}

static sp_status shaped(sp_i_compare *c, const sp_problem *wide, const sp_plan *hint, uint32_t tp, uint32_t cp, sp_i_found *best)
{
    sp_problem problem = *wide;
    sp_i_hints unused = {0};
    problem.top = 1;
    problem.fixed = *hint;
    problem.fixed.precision = wide->fixed.precision;
    problem.fixed.tp = tp;
    problem.fixed.cp = cp;
    problem.fixed.pp = problem.fixed.dp = problem.fixed.vpp = problem.fixed.zero_group = 0;
    problem.fixed.first_layers = problem.fixed.last_layers = problem.fixed.recompute_layers = 0;
    problem.free_stages = problem.free_overlap = problem.free_sequence_parallel = false;
    sp_status status = run(c, &problem, &unused, best);
    return status == SP_E_UNFIT ? SP_OK : status;
}

/* Replicas that have no sequence of their own stay idle: where the shapes leave chips idle, the best of them is also tried with
 * sequences or heads split 2, 4 … times further. */
static sp_status split_further(sp_i_compare *c, const sp_problem *wide, const sp_plan *hint, double chips, sp_i_found *best)
{
    double rows = (double)wide->gbs / hint->mbs, replicas = chips / ((double)hint->tp * hint->cp);
    sp_status status = SP_OK;
    for (uint32_t more = 2; more <= 64 && status == SP_OK && best->chips_used < FULL * chips && replicas * 4 > rows * more; more *= 2) {
        status = shaped(c, wide, hint, hint->tp, hint->cp * more, best);
        if (status == SP_OK && best->chips_used < FULL * chips)
            status = shaped(c, wide, hint, hint->tp * more, hint->cp, best);
    }
    return status;
}

static sp_status narrow(sp_i_compare *c, const sp_problem *wide, sp_i_hints *hints, sp_i_found *best)
{
    double chips = wide->chips ? wide->chips : wide->machine->chips, before = best->tokens_per_s;
    sp_problem quick = *wide;
    sp_i_hints found = {0};
    quick.effort = SP_EFFORT_QUICK;
    quick.top = 3;
    sp_status status = run(c, &quick, &found, best);
    status = status == SP_E_UNFIT ? SP_OK : status;
    for (uint32_t i = 0; i < found.n && status == SP_OK; i++)
        status = shaped(c, wide, &found.plan[i], found.plan[i].tp, found.plan[i].cp, best);
    for (uint32_t i = 0; i < hints->n && i < NARROW_SHAPES && status == SP_OK; i++)
        status = shaped(c, wide, &hints->plan[i], hints->plan[i].tp, hints->plan[i].cp, best);
    if (status == SP_OK && hints->n)
        status = split_further(c, wide, &hints->plan[0], chips, best);
    for (uint32_t i = found.n; i-- > 0;)
        sp_i_hints_add(hints, &found.plan[i]);
    if (best->tokens_per_s > before)
        sp_i_hints_add(hints, &best->plan);
    return status;
}

sp_status sp_i_best(sp_i_compare *c, const sp_i_offer *offer, bool wide, sp_i_hints *hints, sp_i_found *out)
{
    uint64_t batch[GBS_TRIES], asked = sp_i_gbs(c, offer->chips);
    uint32_t n = batches(offer, asked, batch);
    sp_i_found best = {0};
    for (uint32_t i = 0; i < n && best.chips_used < FULL * offer->chips; i++) {
        sp_problem problem = problem_of(c, offer, batch[i]);
        sp_status status = wide && i == 0 ? run(c, &problem, hints, &best) : narrow(c, &problem, hints, &best);
        if (status != SP_OK && status != SP_E_UNFIT)
            return status;
    }
    if (best.tokens_per_s == 0)
        return sp_error_set(c->err, SP_E_UNFIT, NULL, 0, 0, "no plan of %s fits on %u chips of %s; compare with more chips or a smaller model",
                            c->problem->model->name, offer->chips, offer->machine->name);
    *out = best;
    return SP_OK;
}

sp_status sp_i_faster(sp_i_compare *c, const sp_i_offer *offer, bool wide, sp_i_hints *hints, double floor, sp_i_found *out)
{
    c->floor_tokens_per_s = floor;
    sp_status status = sp_i_best(c, offer, wide, hints, out);
    c->floor_tokens_per_s = 0;
    return status;
}

/* ---- plans at hand --------------------------------------------------------------------------------------------------- */

sp_status sp_i_best_known(sp_i_compare *c, const sp_i_offer *offer, const sp_i_hints *hints, sp_i_found *out)
{
    sp_i_found best = {0};
    if (!sp_i_compare_tell(c, "predicting"))
        return sp_error_set(c->err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted");
    for (uint32_t i = 0; i < hints->n; i++) {
        const sp_plan *plan = &hints->plan[i];
        uint32_t chips = plan->tp * plan->cp * plan->pp * plan->dp;
        sp_arena *scratch = sp_arena_create();
        sp_train_report report;
        sp_error err;
        if (!scratch)
            return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a step");
        if (chips <= offer->chips && sp_predict_train(offer->machine, c->problem->model, plan, true, scratch, &report, NULL, &err) == SP_OK &&
            report.tokens_per_s > best.tokens_per_s)
            best = (sp_i_found){*plan, chips, report.step_time_s, report.tokens_per_s, report.mfu};
        sp_arena_destroy(scratch);
    }
    if (best.tokens_per_s == 0)
        return sp_error_set(c->err, SP_E_UNFIT, NULL, 0, 0, "no known plan of %s fits on %s", c->problem->model->name, offer->machine->name);
    *out = best;
    return SP_OK;
}
