/* Words for what a plan loses: differences of the parts of two simulated steps, and bytes that do not fit. */
#include "why.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 3           /* causes told, largest first                        */
#define WORTH_TELLING 0.0005  /* of the first plan's step: less is not a cause      */
#define MISSED_MAX 5u

typedef struct cause { const char *label; double share; } cause;

/* Labels of the breakdown as people say them; traffic names its group, and the outermost tier that the group spans. */
static const char *words_of(const sp_problem *problem, const sp_i_kept *kept, const char *label, sp_arena *arena)
{
    static const struct { const char *label, *words; } rows[] = {
        {"bubble", "pipeline bubble"}, {"gemm", "dense matrix products"}, {"expert-gemm", "experts' matrix products"},
        {"attention", "attention"}, {"vector", "element-wise work"}, {"recompute", "recomputed activations"},
        {"vocab", "embedding, head and loss"}, {"quantise", "casts"}, {"optimizer", "optimizer"}, {"route", "routing tokens to experts"}, {"expert-bias", "experts' biases"},
        {"yarn", "rotary positions stretched by YaRN"}, {"offload", "activations on their way to the host and back"}, {"slowest", "waiting for the slowest chip"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].label, label) == 0)
            return rows[i].words;
    for (int g = 0; g < SP_GROUPS; g++) {
        if (strcmp(label, sp_comm_group_name((sp_comm_group)g)) != 0)
            continue;
        uint32_t outermost = 0;
        for (uint32_t t = 0; t < problem->machine->planes[0].n_tiers; t++)
            outermost = kept->tiers[g] >> t & 1 ? t : outermost;
        return sp_arena_printf(arena, "exposed %s traffic on %s", label, problem->machine->planes[0].tiers[outermost].name);
    }
    return label;
}

static double share_of(const sp_i_kept *kept, const char *label, double step_s)
{
    double seconds = 0;
    for (uint32_t i = 0; i < kept->n_parts; i++)
        seconds += strcmp(kept->part[i].label, label) == 0 ? kept->part[i].time_s : 0;
    return seconds / step_s;
}

static int larger(const void *a, const void *b)
{
    const cause *x = a, *y = b;
    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    return strcmp(x->label, y->label);
}

static bool lost(const char *label)
{
    if (strcmp(label, "bubble") == 0)
        return true;
    for (int g = 0; g < SP_GROUPS; g++)
        if (strcmp(label, sp_comm_group_name((sp_comm_group)g)) == 0)
            return true;
    return false;
}

/* Of the first plan all that is no work; of others what they spend more of. */
static uint32_t causes(const sp_i_kept *first, const sp_i_kept *kept, cause *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < kept->n_parts; i++) {
        const char *label = kept->part[i].label;
        double share = share_of(kept, label, first->ranked.step_time_s);
        if (kept == first ? !lost(label) : (share -= share_of(first, label, first->ranked.step_time_s)) <= 0)
            continue;
        if (share >= WORTH_TELLING)
            out[n++] = (cause){label, share};
    }
    qsort(out, n, sizeof *out, larger);
    return n;
}

const char *sp_i_why(const sp_problem *problem, const sp_i_kept *first, const sp_i_kept *kept, sp_arena *arena)
{
    cause list[SP_PARTS_MAX];
    uint32_t n = causes(first, kept, list);
    double behind = first->ranked.objective > 0 ? kept->ranked.objective / first->ranked.objective - 1 : 0;
    const char *sign = kept == first ? "" : "+", *text;
    if (kept == first)
        text = n ? "" : "no traffic is exposed and no bubble is left";
    else if (behind < WORTH_TELLING)
        text = n ? "as good but for " : "as good";
    else
        text = sp_arena_printf(arena, "%.1f %% behind%s", 100 * behind, n ? ": " : "");
    for (uint32_t i = 0; text && i < n && i < WORDS_MAX; i++) {
        const char *words = words_of(problem, kept, list[i].label, arena);
        text = words ? sp_arena_printf(arena, "%s%s%s%.1f %% %s", text, i ? ", " : "", sign, 100 * list[i].share, words) : NULL;
    }
    return text;
}

/* ---- refused by memory ------------------------------------------------------------------------------------------------- */

/* Doubled or halved axes and other words; dp takes what is left. Returns false past the last. */
static bool change(const sp_plan *first, uint32_t which, sp_plan *out, const char **axis)
{
    static const char *const axes[] = {"tp", "cp", "ep", "pp", "mbs", "zero", "recompute"};
    *out = *first;
    if (which >= 12)
        return false;
    *axis = axes[which < 10 ? which / 2 : which - 5];
    uint32_t *const field[] = {&out->tp, &out->cp, &out->ep, &out->pp, &out->mbs};
    if (which < 10) {
        uint32_t *value = field[which / 2], old = *value;
        *value = which & 1 ? old / 2 : old * 2;
        if (which / 2 != 2 && which / 2 != 4)   /* tp, cp, pp: the same chips */
            out->dp = (which & 1) && old > 1 ? out->dp * 2 : out->dp / 2;
    } else if (which == 10)
        out->zero = out->zero ? 0 : 1;
    else if (out->recompute_layers > 1)
        out->recompute_layers--;
    else if (out->recompute > SP_RECOMPUTE_NONE) {
        out->recompute = out->recompute_layers ? SP_RECOMPUTE_NONE : (sp_recompute)(out->recompute - 1);
        out->recompute_layers = 0;
    }
    return true;
}

static const char *axis_words(const sp_plan *plan, const char *axis, sp_arena *arena)
{
    const struct { const char *name; uint32_t value; } rows[] = {{"tp", plan->tp}, {"cp", plan->cp}, {"ep", plan->ep}, {"pp", plan->pp},
                                                                 {"mbs", plan->mbs}, {"zero", plan->zero}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, axis) == 0)
            return sp_arena_printf(arena, "%s %u", axis, rows[i].value);
    return plan->recompute_layers ? sp_arena_printf(arena, "recompute of %u layers a chunk", plan->recompute_layers)
                                  : sp_arena_printf(arena, "recompute %s", sp_recompute_name(plan->recompute));
}

static int nearer(const void *a, const void *b)
{
    const sp_ranked *x = a, *y = b;
    return (x->mem_bytes_max > y->mem_bytes_max) - (x->mem_bytes_max < y->mem_bytes_max);
}

static bool fixed(const sp_problem *problem, const char *axis)
{
    const sp_plan *f = &problem->fixed;
    const struct { const char *name; bool fixed; } rows[] = {{"tp", f->tp}, {"cp", f->cp}, {"ep", f->ep}, {"pp", f->pp}, {"mbs", f->mbs},
        {"zero", !problem->free_zero}, {"recompute", !problem->free_recompute}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, axis) == 0)
            return rows[i].fixed;
    return false;
}

sp_status sp_i_missed(const sp_problem *problem, sp_pricer *pricer, const sp_plan *first, sp_arena *arena, sp_solution *out, sp_error *err)
{
    double have = problem->machine->chip->mem_bytes.nominal;
    const char *axis;
    sp_plan plan;
    out->n_missed = 0;
    out->missed = sp_arena_alloc(arena, 12, sizeof *out->missed);
    if (!out->missed)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for plans that do not fit");
    for (uint32_t which = 0; change(first, which, &plan, &axis); which++) {
        sp_layout layout;
        sp_price price;
        char over[32];
        if (fixed(problem, axis) || (which == 11 && first->recompute == SP_RECOMPUTE_NONE) ||
            sp_plan_check(&plan, problem->model, problem->machine, NULL) != SP_OK ||
            sp_plan_layout(&plan, problem->machine, &layout, NULL) != SP_OK ||
            sp_pricer_price(pricer, &plan, &layout, &price, NULL) != SP_OK || price.mem_bytes_max <= have)
            continue;
        sp_unit_format(price.mem_bytes_max - have, SP_UNIT_BYTES, over, sizeof over);
        const char *words = axis_words(&plan, axis, arena);
        const char *why = words ? sp_arena_printf(arena, "%s needs %s more than the chip has", words, over) : NULL;
        if (!why)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for plans that do not fit");
        out->missed[out->n_missed++] = (sp_ranked){.plan = plan, .mem_bytes_max = price.mem_bytes_max, .why = why};
    }
    if (out->n_missed > 0)
        qsort(out->missed, out->n_missed, sizeof *out->missed, nearer);
    out->n_missed = out->n_missed < MISSED_MAX ? out->n_missed : MISSED_MAX;
    return SP_OK;
}
