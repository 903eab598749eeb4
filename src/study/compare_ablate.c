/* What each layer of the stack contributes: from a naive run of the model to the tuned one, one layer after the other. The
 * naive run is what a first port does, said in values that the project has: the slowest product line of the catalog for
 * kernels, BF16, rings, full recomputation, axes laid without regard to tiers, nothing overlapped, and the split that a
 * box of eight chips teaches. Order matters for the shares, and is that of the stack from the chip upwards. */
#include "compare_i.h"

#include <math.h>
#include <string.h>

typedef struct rung {
    sp_i_compare *c;
    const sp_compare_entry *entry;
    sp_i_variant *variant;
    sp_software naive, tuned;     /* product line; tuned is the entry's own */
    double rings;                 /* time of collectives by rings over their best */
} rung;

static double rate(rung *r, const sp_plan *plan)
{
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    sp_error err;
    double out = 0;
    if (scratch && sp_predict_train(&r->variant->machine, r->c->problem->model, plan, false, scratch, &report, NULL, &err) == SP_OK)
        out = report.tokens_per_s;
    sp_arena_destroy(scratch);
    return out;
}

/* ---- software ----------------------------------------------------------------------------------------------------------- */

static void worse(sp_value *value, const sp_value *other)
{
    if (other->nominal > value->nominal)
        *value = *other;
}

static void find_lines(rung *r)
{
    const sp_machine *machine = r->entry->machine;
    const sp_software *own = sp_machine_software(machine, r->entry->plan.software);
    const sp_value one = sp_value_of(1, SP_GRADE_DERIVED, "as the hardware allows"), none = sp_value_of(0, SP_GRADE_DERIVED, "no host limit");
    r->tuned = own ? *own : (sp_software){.name = "none", .about = "", .matrix_factor = one, .attention_factor = one, .vector_factor = one,
                                                   .comm_factor = one, .host_op_s = none};
    r->naive = r->tuned;
    for (uint32_t i = 0; i < machine->n_software; i++) {
        worse(&r->naive.matrix_factor, &machine->software[i]->matrix_factor);
        worse(&r->naive.attention_factor, &machine->software[i]->attention_factor);
        worse(&r->naive.vector_factor, &machine->software[i]->vector_factor);
        worse(&r->naive.host_op_s, &machine->software[i]->host_op_s);
        worse(&r->naive.route_factor, &machine->software[i]->route_factor);
        worse(&r->naive.quantise_factor, &machine->software[i]->quantise_factor);
        worse(&r->naive.expert_bias_factor, &machine->software[i]->expert_bias_factor);
        worse(&r->naive.yarn_factor, &machine->software[i]->yarn_factor);
    }
}

/* The variant's product line becomes this one, with collectives slowed by `comm`. */
static void use_line(rung *r, const sp_software *line, double comm)
{
    sp_i_variant *v = r->variant;
    v->software[0] = *line;
    v->software[0].default_for = v->chip.vendor;
    v->software[0].comm_factor.nominal *= comm;
    v->list[0] = &v->software[0];
    v->machine.n_software = 1;
}

/* ---- collectives ----------------------------------------------------------------------------------------------------------- */

static double collective_s(const rung *r, const sp_layout *layout, const sp_item *item, const char *const *names)
{
    const sp_machine *machine = r->entry->machine;
    sp_coll_time time;
    for (; *names; names++)
        if (sp_coll_best(item->coll, machine, &layout->group[item->group], sp_machine_stack(machine, NULL), item->size_bytes, true,
                         (*names)[0] ? *names : NULL, &time, NULL) == SP_OK)
            return time.comm.time_s;
    return 0;
}

static void weigh(const rung *r, const sp_layout *layout, const sp_items *items, double *best, double *rings)
{
    static const char *const any[] = {"", NULL}, *const plain[] = {"ring", "direct", "", NULL};
    for (uint32_t i = 0; i < items->n; i++) {
        const sp_item *item = &items->item[i];
        if (!item->is_comm || layout->group[item->group].n_dims == 0)
            continue;
        double fast = collective_s(r, layout, item, any);
        *best += fast;
        *rings += fmax(collective_s(r, layout, item, plain), fast);
    }
}

/* The collectives of one block, forward and back, by rings over the best algorithms. */
static double rings_over_best(rung *r, const sp_plan *plan)
{
    const sp_model *model = r->c->problem->model;
    sp_layout layout;
    double best = 0, rings = 0;
    sp_items *items = sp_arena_alloc(r->c->arena, 1, sizeof *items);
    if (!items || sp_plan_layout(plan, r->entry->machine, &layout, NULL) != SP_OK)
        return 1;
    for (int pass = SP_PASS_FORWARD; pass <= SP_PASS_BACKWARD; pass++)
        if (sp_lower_block(model, &model->kinds[model->n_kinds - 1], plan, (sp_pass)pass, items) == SP_OK)
            weigh(r, &layout, items, &best, &rings);
    return best > 0 && rings > best ? rings / best : 1;
}

/* ---- the plan of a first port ------------------------------------------------------------------------------------------------ */

static uint32_t power_below(uint32_t n, uint32_t most)
{
    uint32_t p = 1;
    while (p * 2 <= most && n % (p * 2) == 0)
        p *= 2;
    return p;
}

/* TP and EP inside a box of eight, the rest pipeline and data: the split of a first port, if it fits; else the tuned one. */
static sp_plan ported(rung *r)
{
    const sp_compare_entry *e = r->entry;
    const sp_model *model = r->c->problem->model;
    const sp_block *block = &model->kinds[model->n_kinds - 1];
    sp_problem problem = sp_problem_default(e->machine, model);
    sp_arena *scratch = sp_arena_create();
    sp_solution solution;
    sp_plan plan = e->plan;
    problem.gbs = e->plan.gbs;
    problem.seq = e->plan.seq;
    problem.chips = e->chips < e->machine->chips ? e->chips : 0;
    problem.top = 1;
    problem.free_precision = problem.free_recompute = problem.free_schedule = problem.free_zero = false;
    problem.free_placement = problem.free_stages = problem.free_overlap = problem.free_sequence_parallel = problem.free_cp_way = problem.free_overlap_dp = false;
    problem.free_offload = problem.free_gather = problem.free_zero_group = false;
    problem.fixed = e->plan;
    problem.fixed.offload_optimizer = false;
    problem.fixed.offload_activations = 0;
    problem.fixed.narrow_gather = false;
    problem.fixed.zero_group = 0;
    problem.fixed.pp = problem.fixed.dp = 0;
    problem.fixed.tp = power_below(block->attn.heads, 8);
    problem.fixed.cp = problem.fixed.etp = problem.fixed.vpp = problem.fixed.mbs = problem.fixed.zero = 1;
    problem.fixed.ep = block->ffn.kind == SP_FFN_MOE ? power_below(block->ffn.experts, 8) : 1;
    problem.fixed.precision = SP_FMT_BF16;
    problem.fixed.recompute = SP_RECOMPUTE_FULL;
    problem.fixed.recompute_layers = 0;
    problem.fixed.first_layers = problem.fixed.last_layers = 0;
    sp_error err;
    if (scratch && sp_plan_search(&problem, scratch, &solution, &err) == SP_OK && solution.n)
        plan = solution.ranked[0].plan;
    sp_arena_destroy(scratch);
    return plan;
}

/* Pipeline innermost, tensor parallel outermost, where that can be laid. */
static void misplace(rung *r, sp_plan *plan)
{
    static const uint32_t order[SP_AXES] = {SP_AXIS_PP, SP_AXIS_DP, SP_AXIS_CP, SP_AXIS_TP};
    sp_plan other = *plan;
    sp_layout layout;
    memcpy(other.order, order, sizeof order);
    if (sp_plan_check(&other, r->c->problem->model, r->entry->machine, NULL) == SP_OK && sp_plan_layout(&other, r->entry->machine, &layout, NULL) == SP_OK)
        *plan = other;
}

/* What waits in the host's memory instead of being computed again or filling HBM, where the way there is fast enough: of the
 * optimizer on the host or not, activations kept, sent or computed again, the fastest that fits. */
static const char *offload(rung *r, sp_plan *plan)
{
    static const sp_recompute kept[] = {SP_RECOMPUTE_NONE, SP_RECOMPUTE_SELECTIVE, SP_RECOMPUTE_FULL};
    double best = rate(r, plan);
    bool possible = false;
    sp_plan start = *plan;
    for (size_t k = 0; k < 2 * sizeof kept / sizeof *kept; k++)
        for (uint32_t share = 0; share <= 100; share += 50) {
            sp_plan other = start;
            other.recompute = kept[k / 2];
            other.offload_optimizer = k % 2;
            other.offload_activations = share;
            double rate_other = other.offload_optimizer || share ? rate(r, &other) : 0;
            possible = possible || rate_other > 0;
            if (rate_other > best) {
                best = rate_other;
                *plan = other;
            }
        }
    if (!plan->offload_optimizer && !plan->offload_activations)
        return possible ? "nothing: every share in the host's memory is slower" : "nothing: no plan with a share in the host's memory can be predicted here";
    return sp_arena_printf(r->c->arena, "in the host's memory: %s%u %% of activations, recompute %s", plan->offload_optimizer ? "optimizer, " : "",
                           plan->offload_activations, sp_recompute_name(plan->recompute));
}

/* ---- the ladder ------------------------------------------------------------------------------------------------------------------ */

static void put(sp_compare_ablation *out, const char *layer, const char *what, double tokens_per_s)
{
    if (!(tokens_per_s > 0) || out->n == SP_ABLATE_STEPS)
        return;
    double before = out->n ? out->step[out->n - 1].tokens_per_s : tokens_per_s;
    out->step[out->n++] = (sp_compare_step){layer, what, tokens_per_s, tokens_per_s / before};
}

sp_status sp_i_ablate(sp_i_compare *c, const sp_compare_entry *entry, sp_compare_ablation *out)
{
    rung r = {.c = c, .entry = entry, .variant = sp_arena_alloc(c->arena, 1, sizeof *r.variant)};
    if (!r.variant)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for an ablation");
    sp_i_variant_make(entry->machine, r.variant);
    find_lines(&r);
    sp_plan tuned = entry->plan, plan = ported(&r);
    plan.overlap_dp = plan.overlap_tp = plan.overlap_ep = false;
    memcpy(plan.order, tuned.order, sizeof plan.order);
    plan.software = NULL;
    misplace(&r, &plan);
    double rings = rings_over_best(&r, &plan);

    use_line(&r, &r.naive, rings);
    put(out, "naive", "first port: slowest kernels of the catalog's lines, BF16, rings, full recomputation, nothing overlapped", rate(&r, &plan));
    use_line(&r, &r.tuned, rings);
    put(out, "kernels", sp_arena_printf(c->arena, "kernels of %s", r.tuned.name), rate(&r, &plan));
    plan.precision = tuned.precision;
    put(out, "formats", sp_arena_printf(c->arena, "%s matrix products", sp_format_name(tuned.precision)), rate(&r, &plan));
    use_line(&r, &r.tuned, 1);
    put(out, "collectives", sp_arena_printf(c->arena, "best algorithm of each size: rings take %.2f times as long", rings), rate(&r, &plan));
    plan.recompute = tuned.recompute;
    plan.recompute_layers = 0;
    put(out, "memory", sp_arena_printf(c->arena, "recompute %s", sp_recompute_name(tuned.recompute)), rate(&r, &plan));
    const char *sent = offload(&r, &plan);
    put(out, "offload", sent, rate(&r, &plan));
    memcpy(plan.order, tuned.order, sizeof plan.order);
    put(out, "placement", "axes on the tiers from the busiest inwards", rate(&r, &plan));
    plan.overlap_dp = tuned.overlap_dp;
    plan.overlap_tp = tuned.overlap_tp;
    plan.overlap_ep = tuned.overlap_ep;
    put(out, "overlap", "traffic under compute", rate(&r, &plan));
    tuned.software = NULL;
    put(out, "plan", "parallel sizes searched", rate(&r, &tuned));
    return SP_OK;
}
