/* Every plan of a small random problem, simulated: an enumeration of its own, nested loops over all numbers and the rules of plan_check,
 * for searches to be held against. */
#ifndef SP_TEST_BRUTE_FORCE_H
#define SP_TEST_BRUTE_FORCE_H

#include <math.h>
#include <string.h>

#include "superpod/plan.h"
#include "catalog_fixture.h"

/* ---- random problems -------------------------------------------------------------------------------------------------- */

static const sp_machine *random_machine(fixture *f, sp_rng *rng)
{
    static const char *const inner[] = {"mesh:4@56GB/s,200ns", "switch:4@450GB/s,1us", "torus:2x2@50GB/s,300ns", "switch:2@900GB/s,500ns",
                                        "mesh:3@100GB/s,300ns", "switch:8@200GB/s,1us"};
    static const char *const outer[] = {"", " clos:2@50GB/s,4us,nic", " clos:2@5GB/s,4us,nic"};
    static const char *const chips[] = {"h100", "ascend-950dt", "tpu-v5p", "mi300x"};
    for (int tries = 0; tries < 100; tries++) {   /* not every chip has the ports for every tier */
        const sp_machine *m;
        const char *text = sp_arena_printf(f->arena, "%s%s chip=%s", inner[sp_rng_below(rng, 6)], outer[sp_rng_below(rng, 3)],
                                           chips[sp_rng_below(rng, 4)]);
        if (sp_catalog_machine(f->catalog, text, &m, NULL) == SP_OK)
            return m;
    }
    fail_msg("no machine can be built");
    return NULL;
}

/* Few layers, so that the loops are short; wide enough that memory refuses some plans. */
static const sp_model *random_model(fixture *f, sp_rng *rng)
{
    sp_block *block = sp_arena_alloc(f->arena, 2, sizeof *block);
    sp_model *m = sp_arena_alloc(f->arena, 1, sizeof *m);
    uint8_t *kind = sp_arena_alloc(f->arena, 16, 1);
    bool moe = sp_rng_below(rng, 2);
    block[0] = (sp_block){.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = 8, .d_qk = 128, .d_v = 128},
                          .ffn = {.kind = SP_FFN_DENSE, .gated = true, .inner = 14336}, .norms = 2};
    block[1] = block[0];
    block[1].ffn = (sp_ffn){.kind = SP_FFN_MOE, .gated = true, .experts = 8, .topk = 2, .expert_inner = 7168, .shared_inner = 2048};
    *m = (sp_model){.name = "random", .family = "test", .hidden = sp_rng_below(rng, 2) ? 4096 : 8192, .vocab = 64000, .max_positions = 8192,
                    .tied_embeddings = sp_rng_below(rng, 2), .n_layers = 2 + (uint32_t)sp_rng_below(rng, 9), .n_kinds = moe ? 2 : 1,
                    .kinds = block, .layer_kind = kind, .mtp_layers = sp_rng_below(rng, 4) == 0};
    for (uint32_t l = 0; l < m->n_layers; l++)
        kind[l] = moe && l >= 1;
    return m;
}

/* Most axes fixed at random, so that what is left can be simulated whole. */
static inline sp_problem random_problem(fixture *f, sp_rng *rng, sp_effort effort)
{
    sp_problem p = sp_problem_default(random_machine(f, rng), random_model(f, rng));
    p.seq = 2048;
    p.gbs = 4ull << sp_rng_below(rng, 3);
    p.top = 1;
    p.effort = effort;
    p.objective = (sp_objective)sp_rng_below(rng, 3);
    p.fixed.etp = sp_rng_below(rng, 3) ? 1 : 0;
    p.fixed.cp = sp_rng_below(rng, 4) ? 1 : 0;
    p.fixed.mbs = sp_rng_below(rng, 2) ? 1u << sp_rng_below(rng, 2) : 0;
    p.fixed.tp = sp_rng_below(rng, 2) ? 1u << sp_rng_below(rng, 2) : 0;
    p.fixed.ep = sp_rng_below(rng, 2) ? 1 : 0;
    p.chips = sp_rng_below(rng, 4) ? p.machine->chips : 0;
    p.free_recompute = sp_rng_below(rng, 3) == 0;
    p.fixed.recompute = (sp_recompute)sp_rng_below(rng, SP_RECOMPUTES);
    p.free_schedule = sp_rng_below(rng, 4) == 0;
    p.free_zero = sp_rng_below(rng, 3) == 0;
    p.free_placement = sp_rng_below(rng, 4) == 0;
    p.free_stages = sp_rng_below(rng, 4) == 0;
    p.free_overlap = sp_rng_below(rng, 2);
    p.free_sequence_parallel = sp_rng_below(rng, 4) == 0;
    p.free_cp_way = sp_rng_below(rng, 2);
    p.free_overlap_dp = sp_rng_below(rng, 2);
    p.fixed.overlap_dp = sp_rng_below(rng, 2);
    p.fixed.cp_way = (sp_cp_way)sp_rng_below(rng, SP_CP_WAYS);
    p.free_zero_group = sp_rng_below(rng, 5) == 0;
    p.free_offload = sp_rng_below(rng, 5) == 0;
    p.free_gather = sp_rng_below(rng, 2);
    p.fixed.narrow_gather = sp_rng_below(rng, 2);
    p.any_precision = sp_rng_below(rng, 24) == 0;
    p.free_precision = p.any_precision || sp_rng_below(rng, 12) == 0;
    if (sp_rng_below(rng, 2) && p.machine->chip->matrix_flop_per_s[SP_FMT_FP8].grade != SP_GRADE_NONE)
        p.fixed.precision = SP_FMT_FP8;
    if (p.free_placement + p.free_stages + p.free_schedule + p.free_zero + p.free_recompute + p.free_sequence_parallel + p.free_offload + p.free_zero_group +
            p.free_precision > 4)   /* all plans of these are too many to simulate */
        p.free_placement = p.free_schedule = p.free_stages = false;
    return p;
}

/* ---- every plan --------------------------------------------------------------------------------------------------------- */

/* What the problems of a test had: plans of these kinds that were simulated. */
typedef struct kinds { uint32_t vee, uneven, hybrid, offloaded, etp, cp, moe; } kinds;

/* over: more plans than `most`; the problem is left. */
#define TRIED_MAX 1600u
typedef struct force { const sp_problem *problem; sp_pricer *pricer; double best; uint32_t tried, most; sp_plan plan; bool interleaved_only, over; kinds kinds; } force;

static void note_kind(force *f, const sp_plan *plan)
{
    kinds *k = &f->kinds;
    k->vee += sp_schedule_is_vee(plan->schedule);
    k->uneven += plan->first_layers || plan->last_layers;
    k->hybrid += plan->zero_group > 0;
    k->offloaded += plan->offload_optimizer || plan->offload_activations;
    k->etp += plan->etp > 1;
    k->cp += plan->cp > 1;
    k->moe += plan->ep > 1;
}

static void add_kinds(kinds *to, const kinds *from)
{
    to->vee += from->vee;
    to->uneven += from->uneven;
    to->hybrid += from->hybrid;
    to->offloaded += from->offloaded;
    to->etp += from->etp;
    to->cp += from->cp;
    to->moe += from->moe;
}

static double worth(const sp_problem *problem, const sp_train_report *r)
{
    sp_running_cost cost = sp_predict_running_cost(problem->machine);
    double energy_j = r->energy_j;
    if (problem->objective == SP_OBJECTIVE_ENERGY)
        return energy_j;
    if (problem->objective == SP_OBJECTIVE_COST)
        return r->chips * cost.capital_usd_per_s * r->step_time_s + energy_j * cost.usd_per_j;
    return r->step_time_s;
}

/* false: it does not fit, or is none. */
static bool try_plan(force *f, const sp_plan *plan)
{
    if (f->over || f->tried == f->most) {
        f->over = true;
        return true;
    }
    sp_arena *arena = sp_arena_create();
    sp_train_report report;
    bool done = sp_pricer_train(f->pricer, plan, true, arena, &report, NULL, NULL) == SP_OK;
    if (done) {
        double value = worth(f->problem, &report);
        f->tried++;
        note_kind(f, plan);
        if (value < f->best) {
            f->best = value;
            f->plan = *plan;
        }
    }
    sp_arena_destroy(arena);
    return done;
}

/* What the host keeps: the optimizer or not, and of activations the least per cent that fits, one more, and all. */
static void try_offload(force *f, sp_plan plan)
{
    const sp_chip *chip = f->problem->machine->chip;
    bool tried = f->problem->free_offload && f->problem->effort >= SP_EFFORT_NORMAL && chip->host_bw_bytes_per_s.grade != SP_GRADE_NONE;
    try_plan(f, &plan);
    tried = tried && plan.recompute_layers == 0;   /* not both a part recomputed and offloaded */
    for (int optimizer = 0; tried && optimizer <= (chip->host_mem_bw_bytes_per_s.grade != SP_GRADE_NONE); optimizer++) {
        plan.offload_optimizer = optimizer;
        plan.offload_activations = 100;
        if (!try_plan(f, &plan))
            continue;
        for (plan.offload_activations = !optimizer; !try_plan(f, &plan);)
            plan.offload_activations++;
        plan.offload_activations += plan.offload_activations < 100;
        try_plan(f, &plan);
    }
}

/* Recomputing some layers of each chunk: every number, though the search looks at the fewest that fit alone. */
static void try_parts(force *f, sp_plan plan)
{
    uint32_t most = 1, first, count;
    for (uint32_t c = 0; c < plan.pp * plan.vpp; c++) {
        sp_plan_chunk_layers(&plan, f->problem->model->n_layers, c % plan.pp, c / plan.pp, &first, &count);
        most = count > most ? count : most;
    }
    try_offload(f, plan);
    for (uint32_t n = 1; n < most && f->problem->free_recompute && f->problem->effort >= SP_EFFORT_NORMAL && plan.recompute == SP_RECOMPUTE_FULL; n++) {
        plan.recompute_layers = n;
        try_plan(f, &plan);
    }
}

/* Gradients that wait for the stages to end. */
static void try_gradients(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    plan.overlap_dp = p->free_overlap_dp || p->fixed.overlap_dp;
    try_parts(f, plan);
    plan.overlap_dp = false;
    if (p->free_overlap_dp && p->effort == SP_EFFORT_EXHAUSTIVE)
        try_parts(f, plan);
}

/* State shared by all, or by the ranks that lie together up to the end of a tier. */
static void try_groups(force *f, sp_plan plan)
{
    sp_layout layout;
    uint32_t n = 1;
    try_gradients(f, plan);
    if (!f->problem->free_zero_group || f->problem->effort == SP_EFFORT_QUICK || plan.zero == 0 || sp_plan_layout(&plan, f->problem->machine, &layout, NULL) != SP_OK)
        return;
    for (uint32_t d = 0; d + 1 < layout.group[SP_GROUP_DP].n_dims; d++) {
        n *= layout.group[SP_GROUP_DP].dim[d].size;
        plan.zero_group = n;
        try_gradients(f, plan);
    }
}

static void try_zero(force *f, sp_plan plan)
{
    bool normal = f->problem->effort >= SP_EFFORT_NORMAL;
    for (uint32_t z = 0; z <= 3; z++) {
        plan.zero = f->problem->free_zero ? z : f->problem->fixed.zero;
        if (f->problem->free_zero ? normal || z == 1 || z == 3 : z == 0)
            try_groups(f, plan);
    }
}

static void try_schedules(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    plan.schedule = plan.vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
    try_zero(f, plan);
    static const struct { sp_schedule schedule; uint32_t vpp; sp_effort from; } others[] = {
        {SP_SCHEDULE_GPIPE, 1, SP_EFFORT_NORMAL}, {SP_SCHEDULE_ZB_H1, 1, SP_EFFORT_NORMAL}, {SP_SCHEDULE_ZB_H2, 1, SP_EFFORT_EXHAUSTIVE},
        {SP_SCHEDULE_DUALPIPE, 1, SP_EFFORT_EXHAUSTIVE}, {SP_SCHEDULE_ZB_V, 2, SP_EFFORT_EXHAUSTIVE}, {SP_SCHEDULE_DUALPIPEV, 2, SP_EFFORT_EXHAUSTIVE}};
    for (size_t i = 0; p->free_schedule && plan.pp > 1 && i < sizeof others / sizeof others[0]; i++)
        if (plan.vpp == others[i].vpp && p->effort >= others[i].from) {
            plan.schedule = others[i].schedule;   /* what cannot be, plan_check refuses */
            try_zero(f, plan);
        }
}

/* As many layers as the other chunks (0), one fewer; at exhaustive two fewer and one more as well. */
static void try_stages(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    int even = (int)(p->model->n_layers / (plan.pp * plan.vpp)), below = p->effort - SP_EFFORT_QUICK, above = p->effort == SP_EFFORT_EXHAUSTIVE;
    bool uneven = p->free_stages && plan.pp * plan.vpp > 1;
    for (int first = uneven ? -below : 0; first <= (uneven ? above : 0); first++)
        for (int last = uneven ? -below : 0; last <= (uneven ? above : 0); last++) {
            if ((first < 0 && even + first < 1) || (last < 0 && even + last < 1))
                continue;
            plan.first_layers = first ? (uint32_t)(even + first) : 0;
            plan.last_layers = last ? (uint32_t)(even + last) : 0;
            try_schedules(f, plan);
        }
}

static void try_chunks(force *f, sp_plan plan)
{
    uint32_t layers = f->problem->model->n_layers, most = f->problem->effort == SP_EFFORT_QUICK ? 4 : f->problem->effort == SP_EFFORT_NORMAL ? 16 : 32;
    for (uint32_t v = 1; v <= layers && v <= most; v++) {
        plan.vpp = v;
        if (v == 1 && f->interleaved_only)
            continue;
        if (v > 1 && (!f->problem->free_schedule || plan.pp == 1 || plan.pp * v > layers || (v > 8 && layers % v)))
            continue;
        try_stages(f, plan);
    }
}

/* Places of a plan: orders on the tiers, and the tiers of the pipeline. */
#define PLACES_MAX 40
typedef struct place { uint32_t order[SP_AXES], pipe_tiers; } place;

static uint32_t places(const sp_problem *p, place *out)
{
    enum { T = SP_AXIS_TP, C = SP_AXIS_CP, D = SP_AXIS_DP, P = SP_AXIS_PP };
    uint32_t n = 0, digit[SP_AXES];
    for (uint32_t code = 0; code < 256; code++) {   /* permutations of four */
        uint32_t seen = 0;
        for (int i = 0; i < SP_AXES; i++)
            seen |= 1u << (digit[i] = code >> 2 * i & 3);
        bool standard = digit[0] == T && digit[1] == C, inside = digit[0] == T;
        bool given = memcmp(digit, p->fixed.order, sizeof digit) == 0;
        bool wanted = !p->free_placement ? given : p->effort == SP_EFFORT_QUICK ? standard : p->effort == SP_EFFORT_NORMAL ? inside : true;
        if (seen == 15 && wanted)
            memcpy(out[n++].order, digit, sizeof digit);
    }
    for (uint32_t i = 0; i < n; i++)
        out[i].pipe_tiers = 0;
    for (uint32_t t = 1; p->free_placement && p->effort != SP_EFFORT_QUICK && t < p->machine->planes[0].n_tiers; t++)
        out[n++] = (place){{T, C, P, D}, 1u << t};
    return n;
}

static void put_place(sp_plan *plan, const place *at)
{
    memcpy(plan->order, at->order, sizeof at->order);
    plan->place[SP_AXIS_PP] = at->pipe_tiers;
}

static void try_placements(force *f, sp_plan plan)
{
    place list[PLACES_MAX];
    uint32_t n = places(f->problem, list);
    for (uint32_t i = 0; i < n; i++) {
        put_place(&plan, &list[i]);
        try_chunks(f, plan);
    }
}

/* Ways of context parallelism, where there is any. */
static void try_ways(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    for (int way = 0; way < SP_CP_WAYS; way++) {
        static const sp_effort from[] = {[SP_CP_RING] = SP_EFFORT_QUICK, [SP_CP_GATHER] = SP_EFFORT_EXHAUSTIVE, [SP_CP_ULYSSES] = SP_EFFORT_NORMAL};
        plan.cp_way = (sp_cp_way)way;
        if (p->free_cp_way ? p->effort >= from[way] && (plan.cp > 1 || way == SP_CP_RING) : plan.cp_way == p->fixed.cp_way)
            try_placements(f, plan);
    }
}

static void try_words(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    bool sequence = p->free_sequence_parallel && p->effort >= SP_EFFORT_NORMAL;
    bool shown = p->free_overlap && p->effort >= SP_EFFORT_NORMAL && plan.ep > 1;   /* hidden expert traffic takes memory */
    for (int r = 0; r < SP_RECOMPUTES; r++)
        for (int s = 0; s < 2; s++)
            for (int hidden = shown ? 0 : 1; hidden < 2; hidden++) {
                plan.recompute = (sp_recompute)r;
                plan.sequence_parallel = s;
                plan.overlap_tp = p->free_overlap;
                plan.overlap_ep = p->free_overlap && hidden;
                if ((!p->free_recompute && plan.recompute != p->fixed.recompute) || (!sequence && !s))
                    continue;
                try_ways(f, plan);
            }
}

/* Formats of the matrix products, and what comes with them. */
static void try_formats(force *f, sp_plan plan)
{
    const sp_problem *p = f->problem;
    for (int format = 0; format < SP_FMT_N; format++)
        for (int narrow = 0; narrow < 2; narrow++) {
            bool given = format == (int)p->fixed.precision, wider = sp_format_bytes((sp_format)format) >= sp_format_bytes(p->fixed.precision);
            bool usual = format == SP_FMT_BF16 || format == SP_FMT_FP8 || format == SP_FMT_MXFP8;
            bool other = p->any_precision ? format >= SP_FMT_BF16 && format != SP_FMT_FP16 && format != SP_FMT_INT8 : usual && wider;
            if (!given && !(p->free_precision && other && p->machine->chip->matrix_flop_per_s[format].grade != SP_GRADE_NONE))
                continue;
            if (!p->free_gather && narrow != p->fixed.narrow_gather)
                continue;
            plan.precision = (sp_format)format;
            plan.narrow_gather = narrow;
            if (p->any_precision && !p->fixed.gradient_bytes) {
                plan.gradient_bytes = 2;
                try_words(f, plan);
                plan.gradient_bytes = 0;
            }
            try_words(f, plan);
        }
}

static bool has_place(const force *f, sp_plan plan)
{
    place list[PLACES_MAX];
    sp_layout layout;
    uint32_t n = places(f->problem, list);
    if ((uint64_t)plan.tp * plan.cp * plan.dp % ((uint64_t)plan.ep * plan.etp))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        put_place(&plan, &list[i]);
        if (sp_plan_layout(&plan, f->problem->machine, &layout, NULL) == SP_OK)
            return true;
    }
    return false;
}

/* The largest data-parallel size that divides the batch and has a place, at exhaustive all of them (there are fewer than eight); were
 * its micro-batches no whole rounds of the pipeline, the largest with whole rounds as well, interleaved. */
static void try_sizes(force *f, sp_plan plan, uint32_t chips)
{
    bool first = true, filled = plan.pp == 1, all = f->problem->effort == SP_EFFORT_EXHAUSTIVE;
    for (uint32_t dp = chips / (plan.tp * plan.cp * plan.pp); dp > 0 && (first || !filled || all); dp--) {
        plan.dp = dp;
        if (f->problem->gbs % ((uint64_t)plan.mbs * dp) || !has_place(f, plan))
            continue;
        bool fills = f->problem->gbs / ((uint64_t)plan.mbs * dp) % plan.pp == 0;
        f->interleaved_only = !first && !all;
        if (first || fills || all)
            try_formats(f, plan);
        first = false;
        filled = filled || fills;
    }
    f->interleaved_only = false;
}

static bool open_to(uint32_t fixed, uint32_t value) { return fixed == 0 || fixed == value; }

static void try_all(force *f, uint32_t chips)
{
    const sp_problem *p = f->problem;
    uint32_t all = p->chips ? p->chips : p->machine->chips;
    for (uint32_t tp = 1; tp <= all; tp++)
        for (uint32_t cp = 1; cp <= (p->fixed.cp > 2 ? p->fixed.cp : 2); cp++)
            for (uint32_t ep = 1; ep <= all && !f->over; ep++)
                for (uint32_t pp = 1; pp <= all; pp++)
                    for (uint32_t mbs = 1; mbs <= 4u << 2 * p->effort; mbs *= 2) {
                        if (!open_to(p->fixed.tp, tp) || !open_to(p->fixed.cp, cp) || !open_to(p->fixed.ep, ep) || !open_to(p->fixed.mbs, mbs) || !open_to(p->fixed.pp, pp) ||
                            all % pp || p->gbs % mbs || tp * cp * pp > chips)
                            continue;
                        sp_plan plan = p->fixed;
                        plan.gbs = p->gbs; plan.seq = p->seq; plan.tp = tp; plan.cp = cp; plan.ep = ep; plan.pp = pp; plan.mbs = mbs;
                        for (plan.etp = 1; plan.etp <= (p->fixed.etp ? 1 : 2); plan.etp++)
                            if (plan.etp == 1 || (plan.etp <= tp && sp_model_has_experts(p->model)))
                                try_sizes(f, plan, chips);
                    }
}

static void brute_force(force *f)
{
    const sp_problem *p = f->problem;
    uint32_t all = p->chips ? p->chips : p->machine->chips;
    f->best = INFINITY;
    assert_int_equal(sp_pricer_create(p->machine, p->model, &f->pricer, NULL), SP_OK);
    try_all(f, all);
    if (p->objective != SP_OBJECTIVE_THROUGHPUT && !p->chips)
        for (uint32_t part = all / 2; part >= 1; part /= 2)
            try_all(f, part);
    sp_pricer_destroy(f->pricer);
}


/* Holds the search against the brute force; 1 when there is a plan. all: what was simulated is added. over: set where there are more than TRIED_MAX
 * plans, and the problem is left. Both may be NULL. */
static uint32_t search_against_force(const fixture *with, const sp_problem *problem, uint64_t seed, uint64_t *tried, uint64_t *simulated, kinds *all, bool *over)
{
    force f = {.problem = problem, .most = over ? TRIED_MAX : UINT32_MAX};
    sp_solution solution = {0};
    sp_error err = {0};
    brute_force(&f);
    if (over)
        *over = f.over;
    if (f.over)
        return 0;
    sp_status status = sp_plan_search(problem, with->arena, &solution, &err);
    if (f.tried == 0 && status != SP_E_UNFIT)
        fail_msg("seed %llu: no plan fits, the search says %d: %s", (unsigned long long)seed, status, err.text);
    if (f.tried == 0)
        return 0;
    if (status != SP_OK)
        fail_msg("seed %llu: %s; brute force finds %u plans", (unsigned long long)seed, err.text, f.tried);
    double best = solution.ranked[0].objective;
    if (fabs(best - f.best) > 1e-9 * f.best) {
        char mine[1024], theirs[1024];
        sp_plan_format(&solution.ranked[0].plan, mine, sizeof mine);
        sp_plan_format(&f.plan, theirs, sizeof theirs);
        fail_msg("seed %llu on %s: search %.12g (%s), brute force %.12g (%s)", (unsigned long long)seed, problem->machine->name, best, mine, f.best, theirs);
    }
    if (all)
        add_kinds(all, &f.kinds);
    *tried += f.tried;
    *simulated += solution.counts.simulated;
    return 1;
}

static inline uint32_t search_as_brute_force(const fixture *with, const sp_problem *problem, uint64_t seed, uint64_t *tried, uint64_t *simulated)
{
    return search_against_force(with, problem, seed, tried, simulated, NULL, NULL);
}

/* So many random problems that a moment simulates, each held against the brute force. */
typedef sp_problem (*draw)(fixture *f, sp_rng *rng, uint64_t seed);
static inline kinds search_random_problems(fixture *f, draw one, uint64_t stream, uint32_t problems)
{
    kinds had = {0};
    uint32_t done = 0, found = 0;
    uint64_t tried = 0, simulated = 0, seed = 0;
    while (done < problems) {
        sp_rng rng = sp_rng_make(++seed, stream);
        sp_problem problem = one(f, &rng, seed);
        bool over;
        found += search_against_force(f, &problem, seed, &tried, &simulated, &had, &over);
        done += !over;
    }
    print_message("%u random problems of %llu, %u with a plan: %llu plans simulated by force, %llu by searches; %u V, %u uneven, %u hybrid, %u offloaded, %u etp, "
                  "%u cp, %u ep\n", done, (unsigned long long)seed, found, (unsigned long long)tried, (unsigned long long)simulated, had.vee, had.uneven, had.hybrid,
                  had.offloaded, had.etp, had.cp, had.moe);
    assert_true(found >= problems / 2 && simulated < tried);
    return had;
}

#endif
