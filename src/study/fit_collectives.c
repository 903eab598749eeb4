/* Constants of communication libraries, fitted on collectives: what a library adds to the wires, and the way through EFA, which is a
 * network of its own. Prices are those of validation (coll_wires.c). Lines are made of what was measured once (EFA's rows: again when its
 * latency moves); flows are run once for each algorithm and rate of the endpoints that a row meets, and kept: they know no paths and no steps. */
#include "fit_i.h"

#include <math.h>
#include <string.h>

#define ORIGIN "the open rows of validation/collectives.csv"
#define WAYS_MAX 24u             /* algorithms of a library for one leg */
#define LINES_MAX 4u
#define KEPT_MAX 128u            /* flows of a leg: rates of endpoints near the minimum, times algorithms */
#define EFA "EFA"

/* A value of the stacks named, and where it stands in their files: below the line `under`. Values of protocols of one mechanism
 * move together, `times` the first (NCCL src/graph/tuning.cc: 0.6, 1.25 and 4.0 us of a tree step over NVLink). */
typedef struct spot { size_t offset; const char *under; double times; } spot;
typedef struct key {
    const char *of, *key, *unit;
    double scale;
    const char *stacks;          /* files; NULL: of EFA */
    uint32_t n_spots; spot spot[LINES_MAX];
    double start, low, high;
} key;

#define AT(member) offsetof(sp_stack, member)
static const key keys[] = {
    {"nccl", "fraction", "", 1, "nccl", 3, {{AT(protocol[2].fraction), "- name: simple", 1}, {AT(protocol[1].fraction), "- name: ll128", 120.0 / 128},
                                            {AT(protocol[0].fraction), "- name: ll", 0.5}}, 0.85, 0.3, 1},
    {"nccl", "rate", "GB/s", 1e9, "nccl", 1, {{AT(protocol[3].rate_bytes_per_s), "in_switch:", 1}}, 800, 100, 3000},
    {"nccl", "launch", "us", 1e-6, "nccl", 1, {{AT(launch_s), NULL, 1}}, 10, 0.5, 100},
    {"nccl", "step", "us", 1e-6, "nccl", 3, {{AT(protocol[0].step_s), "- name: ll", 1}, {AT(protocol[1].step_s), "- name: ll128", 1.25 / 0.6},
                                             {AT(protocol[2].step_s), "- name: simple", 4.0 / 0.6}}, 1, 0.1, 10},
    {EFA, "latency", "us", 1e-6, NULL, 1, {{0, "name: cluster", 1}}, 10, 1, 50},
    {"deepep, uccl-ep", "fraction", "", 1, "deepep, uccl-ep", 1, {{AT(nic.fraction), "nic:", 1}}, 0.9, 0.3, 1},
    {"deepep, uccl-ep", "copy", "ns", 1e-9, "deepep, uccl-ep", 1, {{AT(up.copy_s), "scaleup:", 1}}, 10, 0.1, 1000},
    {"deepep, uccl-ep", "launch", "us", 1e-6, "deepep, uccl-ep", 1, {{AT(launch_s), NULL, 1}}, 20, 0.5, 100},
};

/* A flow that was run: of what, at which rates; NAN: too many transfers to be run. */
typedef struct kept { const sp_coll_algo *algo; const char *protocol; bool together; double fraction, rate_bytes_per_s, nic_fraction, wire_s; } kept;

typedef struct collective {
    const sp_study_coll *coll;
    sp_machine *machine;         /* the row's own */
    const sp_stack *stack;       /* the calibration's */
    sp_arena *arena;
    double *latency_s, measured_at_s;   /* EFA's in the machine, NULL: none there */
    sp_coll_measured way[2][WAYS_MAX];
    uint32_t n_ways[2];
    kept kept[2][KEPT_MAX];
    uint32_t n_kept[2];              /* the oldest gives way */
} collective;

/* ---- predictions ------------------------------------------------------------------------------------------------------- */

static void measure_leg(collective *r, uint32_t leg)
{
    const sp_study_leg *l = &r->coll->leg[leg];
    sp_group group;
    sp_error err;
    r->n_ways[leg] = 0;
    if (sp_coll_group(r->machine, &l->placement, &group, &err) != SP_OK)
        return;
    for (uint32_t a = 0; a < sp_coll_n_algos && r->n_ways[leg] + 2 <= WAYS_MAX; a++) {
        const char *why;
        uint32_t n;
        if (sp_coll_algos[a].applicable(l->op, &group, &why) &&
            sp_coll_measure(&sp_coll_algos[a], l->op, &group, r->machine, &l->placement, r->stack, false, l->replicated, r->arena,
                            &r->way[leg][r->n_ways[leg]], &n, &err) == SP_OK)
            r->n_ways[leg] += n;
    }
}

static void measure(collective *r)
{
    sp_arena_destroy(r->arena);
    r->arena = sp_arena_create();
    r->measured_at_s = r->latency_s ? *r->latency_s : 0;
    for (uint32_t leg = 0; leg < r->coll->n_legs; leg++) {
        r->n_ways[leg] = 0;
        if (r->arena)
            measure_leg(r, leg);
    }
}

static double flow_wire_s(collective *r, uint32_t leg, const sp_coll_algo *algo, const sp_comm_time *line)
{
    const sp_stack *stack = r->stack;
    const sp_protocol *p = sp_stack_protocol(stack, line->protocol);   /* whose line it is */
    uint32_t n = r->n_kept[leg];
    for (uint32_t i = 0; i < n && i < KEPT_MAX; i++) {
        const kept *k = &r->kept[leg][i];
        if (k->algo == algo && k->together == line->together && k->fraction == p->fraction.nominal &&
            k->rate_bytes_per_s == p->rate_bytes_per_s.nominal && k->nic_fraction == stack->nic.fraction.nominal && strcmp(k->protocol, line->protocol) == 0)
            return k->wire_s;
    }
    kept *k = &r->kept[leg][n % KEPT_MAX];
    sp_error err;
    *k = (kept){algo, line->protocol, line->together, p->fraction.nominal, p->rate_bytes_per_s.nominal, stack->nic.fraction.nominal, NAN};
    if (sp_i_coll_flow(&r->coll->leg[leg], r->machine, stack, algo, line, &k->wire_s, &err) != SP_OK)
        k->wire_s = NAN;
    r->n_kept[leg] = n + 1 < 2 * KEPT_MAX ? n + 1 : KEPT_MAX;
    return k->wire_s;
}

/* The lines' time, the wires' part of it run. */
static double leg_s(collective *r, uint32_t leg)
{
    const sp_study_leg *l = &r->coll->leg[leg];
    sp_stack cut = sp_stack_cut(r->stack, l->message_bytes), whole = sp_stack_cut(r->stack, 0);
    const sp_coll_algo *algo, *same;
    sp_comm_time time = sp_coll_least(r->way[leg], r->n_ways[leg], &cut, l->size_bytes, &algo), without = time;
    if (l->message_bytes > 0)
        without = sp_coll_least(r->way[leg], r->n_ways[leg], &whole, l->size_bytes, &same);
    double flow = flow_wire_s(r, leg, algo, &time);
    return isnan(flow) ? time.time_s : time.time_s + flow - (without.time_s - without.latency_s);
}

static double predict(sp_i_fit *fit, uint32_t row)
{
    collective *r = &((collective *)fit->own)[row];
    double most = 0;
    if (!r->arena || (r->latency_s && *r->latency_s != r->measured_at_s))
        measure(r);
    for (uint32_t leg = 0; leg < r->coll->n_legs; leg++) {
        if (r->n_ways[leg] == 0)
            return NAN;
        most = fmax(most, leg_s(r, leg));
    }
    return most;
}

static bool touches(const sp_i_fit *fit, const sp_i_fit_constant *c, uint32_t row)
{
    const collective *r = &((const collective *)fit->own)[row];
    return strcmp(c->of, EFA) == 0 ? r->latency_s != NULL : sp_i_in_list(c->of, r->stack->name);
}

/* ---- constants --------------------------------------------------------------------------------------------------------- */

static void add_stack_spots(const sp_i_own *own, const key *k, sp_i_fit_constant *c)
{
    for (uint32_t i = 0; i < own->n_stacks; i++) {
        sp_stack *stack = own->stack[i].mine;
        const char *file = sp_arena_printf(own->arena, "stacks/%s.yaml", stack->name);
        for (uint32_t s = 0; s < k->n_spots && sp_i_in_list(k->stacks, stack->name); s++) {
            sp_value *value = (sp_value *)(void *)((char *)stack + k->spot[s].offset);
            if (value->grade != SP_GRADE_NONE)
                sp_i_fit_spot(c, &value->nominal, k->spot[s].times);
            sp_i_fit_place(c, file, k->spot[s].under, k->spot[s].times);
        }
    }
}

static void add_efa_spots(sp_i_own *own, const key *k, sp_i_fit *fit, sp_i_fit_constant *c)
{
    collective *rows = fit->own;
    sp_i_fit_spot(c, &own->efa_latency_s, 1);
    for (uint32_t i = 0; i < fit->n_rows; i++)
        if (rows[i].latency_s)
            sp_i_fit_spot(c, rows[i].latency_s, 1);
    sp_i_fit_place(c, "machines/" SP_I_EFA_MACHINE ".yaml", k->spot[0].under, 1);
}

static sp_status add_constants(sp_i_own *own, sp_i_fit *fit, sp_error *err)
{
    sp_status status = SP_OK;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == SP_OK; i++) {
        const key *k = &keys[i];
        sp_i_fit_constant c = {.of = k->of, .key = k->key, .unit = k->unit, .scale = k->scale, .origin = ORIGIN, .start = k->start,
                               .otherwise = k->start, .why = "a middle value", .low = k->low, .high = k->high};
        if (k->stacks)
            add_stack_spots(own, k, &c);
        else
            add_efa_spots(own, k, fit, &c);
        status = sp_i_fit_add(fit, &c, err);
    }
    return status;
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

static sp_status take_row(sp_i_own *own, const sp_study_row *row, sp_i_fit *fit, sp_error *err)
{
    collective *r = &((collective *)fit->own)[fit->n_rows];
    memset(r, 0, sizeof *r);
    r->coll = row->coll;
    r->machine = sp_arena_alloc(fit->arena, 1, sizeof *r->machine);
    r->stack = sp_i_own_stack(own, row->coll->stack);
    if (!r->machine)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a row of the fit");
    *r->machine = *row->coll->machine;
    r->latency_s = sp_i_own_efa(own, r->machine);
    fit->row[fit->n_rows] = (sp_i_fit_row){.by = {row->group[0] ? row->group : row->id, row->source, row->hw_class}, .ratio = 1, .weight = 1, .twin = fit->n_rows,
                                           .measured = row->coll->measured_s};
    fit->n_rows++;
    return SP_OK;
}

static sp_status make(sp_i_own *own, const char *const *paths, uint32_t n_paths, sp_i_fit *fit, sp_error *err)
{
    sp_study study;
    sp_status status = sp_study_validate(own->catalog, paths, n_paths, fit->arena, &study, err);
    if (status != SP_OK)
        return status;
    fit->own = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof(collective));
    fit->row = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof *fit->row);
    if (!fit->own || !fit->row)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u rows", study.n_rows);
    for (uint32_t i = 0; i < study.n_rows && status == SP_OK; i++)
        if (study.rows[i].coll && study.rows[i].status == SP_STUDY_EXPRESSED)
            status = take_row(own, &study.rows[i], fit, err);
    fit->predict = predict;
    fit->touches = touches;
    fit->cycles = 5;
    fit->rounds = 8;
    fit->first_step = 0.3;
    return status == SP_OK ? add_constants(own, fit, err) : status;
}

static void done(sp_i_fit *fit, sp_study_calibration *out)
{
    (void)out;
    collective *rows = fit->own;
    for (uint32_t i = 0; rows && i < fit->n_rows; i++)
        sp_arena_destroy(rows[i].arena);
}

const sp_i_fit_part sp_i_fit_collectives = {"collectives", "ranks", "validation/collectives.csv", make, done};
