/* Programs in stages, unit by unit. A stage takes a unit the same time whenever it begins, so that every unit with faults of its
 * own in the stage's tier is one small problem and all healthy ones together are another; begins and ends are then maxima over
 * units. Same ticks as one problem of everything (docs/models/quotient.md). */
#include "flow_stage.h"

#include <stdlib.h>
#include <string.h>

#include "superpod/engine.h"

#define NONE UINT32_MAX
#define BELOW_CAPACITY (1 - 1e-6)   /* a link filled less than this never was the tightest: rates are rounded by 2^-30 */

/* What a stage takes in a unit or line, counted from its begin. */
typedef struct piece { int64_t end_ps, chain_ps; uint64_t end_sum_ps, flows; } piece;

/* Bytes that one link carries in one stage. */
typedef struct load { uint32_t stage, id; double bytes, cap_bytes_per_s; } load;
typedef struct loads { uint32_t n, room; load *at; } loads;

/* A fault and whom it concerns in the stage at hand. */
typedef struct strike { uint32_t key, anchor; sp_fault fault; bool kept; } strike;

typedef struct staged {
    const sp_flow_job *job;
    const sp_machine *machine;
    const sp_stack *stack;
    const sp_protocol *protocol;
    sp_flow_options options;         /* faults: of the problem at hand            */
    const sp_fault *faults; uint32_t n_faults;
    sp_router *router;               /* healthy                                   */
    sp_i_stages stages;
    strike *hit; uint32_t n_hits;       /* [n_faults]                                */
    sp_fault *now;                   /* [n_faults] scratch                        */
    uint32_t stage;                  /* the one at hand                           */
    loads healthy, struck;           /* of units without and with faults          */
    bool no_memory;
    sp_flow_time time;               /* counts are summed up here                 */
} staged;

/* ---- one problem -------------------------------------------------------------------------------------------------------- */

typedef struct look { staged *s; strike *hit; uint32_t n_hits; piece *piece; bool again; } look;

static void note(staged *s, loads *l, uint32_t id, const sp_i_problem *p, uint32_t link, double factor)
{
    if (l->n == l->room) {
        uint32_t room = l->room ? l->room * 2 : 256;
        load *at = realloc(l->at, room * sizeof *at);
        if (!at) {
            s->no_memory = true;
            return;
        }
        l->at = at;
        l->room = room;
    }
    l->at[l->n++] = (load){s->stage, id, p->link_bytes[link], p->link[link].cap_bytes_per_s * factor};
}

/* The link that stands for a slow bundle left out; NONE: nothing crosses it. */
static uint32_t standing_for(const sp_i_flow_inside *in, const strike *hit)
{
    uint64_t orbit;
    uint32_t id = in->sym ? sp_i_bundle_orbit(in->sym, in->router, hit->fault.id, hit->anchor, &orbit) : hit->fault.id;
    return in->p->link_of[id] - 1;   /* NONE where it is 0 */
}

static bool left_out(const look *l, uint32_t id)
{
    bool found = false;
    for (uint32_t i = 0; i < l->n_hits; i++)
        found = found || (!l->hit[i].kept && l->hit[i].fault.id == id);
    return found;
}

/* Slow bundles were left out: were they ever in the way? Then they must be in. */
static void look_inside(void *context, const sp_i_flow_inside *in)
{
    look *l = context;
    const sp_i_problem *p = in->p;
    l->again = false;
    for (uint32_t i = 0; i < l->n_hits; i++) {
        uint32_t link = l->hit[i].kept ? NONE : standing_for(in, &l->hit[i]);
        if (link != NONE && p->link_peak[link] > l->hit[i].fault.factor * BELOW_CAPACITY)
            l->again = l->hit[i].kept = true;
    }
    if (l->again)
        return;
    for (uint32_t i = 0; i < l->n_hits; i++) {
        uint32_t link = l->hit[i].kept ? NONE : standing_for(in, &l->hit[i]);
        if (link != NONE)
            note(l->s, &l->s->struck, l->hit[i].fault.id, p, link, l->hit[i].fault.factor);
    }
    *l->piece = (piece){.end_ps = in->counts->end_ps - in->launch_ps, .chain_ps = in->counts->chain_ps - in->launch_ps, .flows = in->flows};
    l->piece->end_sum_ps = in->counts->end_sum_ps - (uint64_t)in->launch_ps * in->flows;
    for (uint32_t i = 0; i < p->n_links; i++)
        if (!left_out(l, p->link[i].id))
            note(l->s, l->n_hits ? &l->s->struck : &l->s->healthy, p->link[i].id, p, i, 1);
}

/* Runs the stage in the unit or line that begins at rank `first`, with those of its faults that matter. */
static sp_status run(staged *s, const sp_i_stage_part *part, uint32_t first, strike *hits, uint32_t n_hits, piece *out, sp_error *err)
{
    sp_placement place = {.base = s->job->placement->base + first, .n_dims = 1};
    sp_flow_job job = {&part->program, &place, s->job->unit_bytes};
    look inside = {.s = s, .hit = hits, .n_hits = n_hits, .piece = out};
    sp_i_flow_look watch = {look_inside, &inside, false};
    sp_flow_time time;
    place.dim[0].size = part->program.n_ranks;
    place.dim[0].stride = part->lines ? part->axis.stride : 1;
    do {
        uint32_t n = 0;
        for (uint32_t i = 0; i < n_hits; i++)
            if (hits[i].kept)
                s->now[n++] = hits[i].fault;
        s->options.faults = s->now;
        s->options.n_faults = n;
        watch.peaks = n < n_hits;
        sp_status status = sp_i_flow_evaluate(&job, 1, NULL, s->machine, s->stack, s->protocol, &s->options, &watch, NULL, &time, err);
        if (status != SP_OK)
            return status;
    } while (inside.again);
    s->time.classes += time.classes;
    s->time.instants += time.instants;
    s->time.fills += time.fills;
    s->time.refilled += time.refilled;
    s->time.skipped += time.skipped;
    s->time.periods += time.periods;
    return s->no_memory ? sp_i_flow_no_memory(err) : SP_OK;
}

/* ---- whom a fault strikes ------------------------------------------------------------------------------------------------ */

static bool strikes_line(const staged *s, const sp_i_stage_part *part, const sp_link *link, uint32_t *key)
{
    const sp_tier *tier = &s->machine->planes[0].tiers[part->tier];
    uint32_t stride = part->axis.stride, extent = tier->dims[part->tdim], base = s->job->placement->base;
    if (link->kind == SP_LINK_BUNDLE || link->kind == SP_LINK_TREE || link->tier != part->tier || link->dim != part->tdim)
        return false;
    uint32_t own = link->from / stride % extent, zero = base / stride % extent;
    int64_t rank = (int64_t)link->from - base - ((int64_t)own - zero) * stride;
    *key = (uint32_t)rank;
    return rank >= 0 && rank < s->job->program->n_ranks && rank / stride % part->axis.size == 0;
}

/* A tree's bundle inside one unit, at or below the tier that the stage crosses. */
static bool strikes_unit(const staged *s, const sp_i_stage_part *part, const sp_link *link, uint32_t anchor, uint32_t *key)
{
    uint32_t base = s->job->placement->base;
    if (link->kind != SP_LINK_BUNDLE || link->tier > part->tier)
        return false;
    if (part->unit == s->job->program->n_ranks) {
        *key = 0;
        return true;
    }
    *key = anchor >= base ? (anchor - base) / part->unit * part->unit : UINT32_MAX;
    return *key < s->job->program->n_ranks;
}

static int by_key(const void *a, const void *b)
{
    const strike *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->fault.id > y->fault.id) - (x->fault.id < y->fault.id);
}

/* Faults of the stage by line or unit; what is named twice has what both leave. */
static void find_hits(staged *s, const sp_i_stage_part *part)
{
    uint32_t n = 0, kept = 0, base = s->job->placement->base;
    for (uint32_t f = 0; f < s->n_faults; f++) {
        sp_link link;
        strike hit = {.fault = s->faults[f], .anchor = UINT32_MAX};
        sp_router_link(s->router, hit.fault.id, &link);
        if (link.kind == SP_LINK_BUNDLE && !part->lines)
            hit.anchor = sp_router_below(s->router, hit.fault.id);
        if (part->lines ? strikes_line(s, part, &link, &hit.key) : strikes_unit(s, part, &link, hit.anchor, &hit.key))
            s->hit[n++] = hit;
    }
    qsort(s->hit, n, sizeof *s->hit, by_key);
    for (uint32_t i = 0; i < n; i++)
        if (kept && s->hit[kept - 1].key == s->hit[i].key && s->hit[kept - 1].fault.id == s->hit[i].fault.id)
            s->hit[kept - 1].fault.factor *= s->hit[i].fault.factor;
        else
            s->hit[kept++] = s->hit[i];
    s->n_hits = kept;
    for (uint32_t i = 0; i < kept; i++) {   /* what may be left out to begin with: slow bundles above ranks of ours */
        strike *hit = &s->hit[i];
        hit->kept = part->lines || hit->fault.factor <= 0 || hit->anchor < base || hit->anchor - base >= s->job->program->n_ranks;
    }
}

/* ---- stage after stage ------------------------------------------------------------------------------------------------------ */

/* Ends of the units of a stage. */
typedef struct ends { uint32_t unit, n; int64_t *ps, *chain_ps; } ends;

static void begins(const ends *before, uint32_t rank, uint32_t unit, int64_t *ps, int64_t *chain_ps)
{
    for (uint32_t u = rank / before->unit; u == rank / before->unit || u * before->unit < rank + unit; u++) {
        *ps = before->ps[u] > *ps ? before->ps[u] : *ps;
        *chain_ps = before->chain_ps[u] > *chain_ps ? before->chain_ps[u] : *chain_ps;
    }
}

/* The later of what a unit's lines take. */
static void join_piece(piece *unit, const piece *line, uint64_t times)
{
    unit->end_ps = line->end_ps > unit->end_ps ? line->end_ps : unit->end_ps;
    unit->chain_ps = line->chain_ps > unit->chain_ps ? line->chain_ps : unit->chain_ps;
    unit->end_sum_ps += line->end_sum_ps * times;
    unit->flows += line->flows * times;
}

/* What the stage takes in the unit at `rank`; *h: the next fault. */
static sp_status unit_piece(staged *s, const sp_i_stage_part *part, uint32_t rank, const piece *healthy, uint32_t *h, piece *out, sp_error *err)
{
    uint32_t lines = part->lines ? part->axis.stride : 1, struck = 0;
    *out = (piece){0};
    while (*h < s->n_hits && s->hit[*h].key - rank < part->unit) {
        uint32_t end = *h;
        piece line;
        while (end < s->n_hits && s->hit[end].key == s->hit[*h].key)
            end++;
        sp_status status = run(s, part, s->hit[*h].key, &s->hit[*h], end - *h, &line, err);
        if (status != SP_OK)
            return status;
        join_piece(out, &line, 1);
        struck++;
        *h = end;
    }
    if (struck < lines)
        join_piece(out, healthy, lines - struck);
    return SP_OK;
}

static sp_status run_stage(staged *s, const sp_i_stage_part *part, const ends *before, ends *after, sp_error *err)
{
    uint32_t h = 0;
    piece healthy, unit;
    sp_status status = run(s, part, 0, NULL, 0, &healthy, err);
    find_hits(s, part);
    for (uint32_t u = 0; u < after->n && status == SP_OK; u++) {
        int64_t begin_ps = before->n ? 0 : sp_ticks_ps(s->stack->launch_s.nominal), chain_ps = begin_ps;
        if (before->n)
            begins(before, u * part->unit, part->unit, &begin_ps, &chain_ps);
        status = unit_piece(s, part, u * part->unit, &healthy, &h, &unit, err);
        after->ps[u] = begin_ps + unit.end_ps;
        after->chain_ps[u] = chain_ps + unit.chain_ps;
        s->time.end_sum_ps += unit.end_sum_ps + (uint64_t)begin_ps * unit.flows;
        s->time.flows += unit.flows;
        if (status == SP_OK)   /* so that no sum of two overflows */
            status = sp_i_flow_too_long((double)after->ps[u] * 1e-12, err);
    }
    return status;
}

static sp_status run_stages(staged *s, sp_error *err)
{
    ends before = {0};
    sp_status status = SP_OK;
    for (uint32_t f = 0; f < s->stages.n && status == SP_OK; f++) {
        const sp_i_stage_part *part = &s->stages.part[f];
        s->stage = f;
        ends after = {.unit = part->unit, .n = s->job->program->n_ranks / part->unit};
        after.ps = malloc(after.n * sizeof *after.ps);
        after.chain_ps = malloc(after.n * sizeof *after.chain_ps);
        status = after.ps && after.chain_ps ? run_stage(s, part, &before, &after, err) : sp_i_flow_no_memory(err);
        free(before.ps);
        free(before.chain_ps);
        before = after;
    }
    for (uint32_t u = 0; u < before.n && status == SP_OK; u++) {
        s->time.end_ps = before.ps[u] > s->time.end_ps ? before.ps[u] : s->time.end_ps;
        s->time.bound_s = (double)before.chain_ps[u] * 1e-12 > s->time.bound_s ? (double)before.chain_ps[u] * 1e-12 : s->time.bound_s;
    }
    free(before.ps);
    free(before.chain_ps);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const load *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Of one kind, in one direction: a healthy stage over whole units loads them alike. */
static bool alike(const staged *s, uint32_t a, uint32_t b)
{
    sp_link x = {0}, y = {0};
    bool known = sp_router_link(s->router, a, &x), too = sp_router_link(s->router, b, &y);
    if (!known || !too)
        return known == too;   /* memories */
    return x.kind == y.kind && x.tier == y.tier && x.dim == y.dim && x.level == y.level && x.up == y.up;
}

/* What a link that was noted in some stages carries in the others: the least of links like it. */
static double unnoted_bytes(const staged *s, const load *noted, uint32_t n)
{
    double sum = 0;
    for (uint32_t f = 0; f < s->stages.n; f++) {
        double least = -1;
        bool known = false;
        for (uint32_t i = 0; i < n; i++)
            known = known || noted[i].stage == f;
        for (uint32_t i = 0; i < s->healthy.n && !known; i++) {
            const load *at = &s->healthy.at[i];
            if (at->stage == f && (least < 0 || at->bytes < least) && alike(s, at->id, noted->id))
                least = at->bytes;
        }
        sum += least > 0 ? least : 0;
    }
    return sum;
}

static void busiest(staged *s, loads *l, bool noted_all, double *most_s, uint32_t *id)
{
    if (l->n)
        qsort(l->at, l->n, sizeof *l->at, by_id);
    for (uint32_t i = 0, end; i < l->n; i = end) {
        double bytes = 0;
        for (end = i; end < l->n && l->at[end].id == l->at[i].id; end++)
            bytes += l->at[end].bytes;
        bytes += noted_all ? 0 : unnoted_bytes(s, &l->at[i], end - i);
        if (bytes / l->at[i].cap_bytes_per_s > *most_s) {
            *most_s = bytes / l->at[i].cap_bytes_per_s;
            *id = l->at[i].id;
        }
    }
}

static void report(staged *s)
{
    sp_flow_time *time = &s->time;
    double most_s = 0;
    time->bottleneck = UINT32_MAX;
    busiest(s, &s->healthy, true, &most_s, &time->bottleneck);
    busiest(s, &s->struck, false, &most_s, &time->bottleneck);
    time->time_s = (double)time->end_ps * 1e-12;
    time->bound_s = most_s > time->bound_s ? most_s : time->bound_s;
    time->bottleneck_fraction = time->time_s > 0 ? most_s / time->time_s : 0;
    time->lifted = true;
    sp_i_flow_name_bottleneck(s->router, time);
}

static bool for_these(const sp_flow_options *options)
{
    for (uint32_t f = 0; f < options->n_faults; f++)
        if (options->faults[f].chip)
            return false;
    return !options->explicit_only && !options->heat && options->routing != SP_ROUTING_HASH && options->routing != SP_ROUTING_DMODK &&
           options->routing != SP_ROUTING_BORROW;
}

/* Are these two directions of one cable? */
static bool one_cable(const staged *s, uint32_t a, uint32_t b)
{
    sp_link x, y;
    return sp_router_link(s->router, a, &x) && sp_router_link(s->router, b, &y) && x.from == y.to && x.to == y.from;
}

/* A torus ring with two dead cables, or one of two chips with its only one, is cut: traffic steps beside it, onto links of other lines. */
static bool lines_are_whole(staged *s)
{
    bool whole = true;
    for (uint32_t f = 0; f < s->stages.n; f++) {
        const sp_i_stage_part *part = &s->stages.part[f];
        const sp_tier *tier = &s->machine->planes[0].tiers[part->tier];
        if (tier->kind != SP_TIER_TORUS)
            continue;
        find_hits(s, part);
        const strike *before = NULL;
        for (uint32_t i = 0; i < s->n_hits; i++) {
            const strike *hit = &s->hit[i];
            if (hit->fault.factor > 0)
                continue;
            whole = whole && tier->dims[part->tdim] > 2 && !(before && before->key == hit->key && !one_cable(s, before->fault.id, hit->fault.id));
            before = hit;
        }
    }
    return whole;
}

static sp_status open(staged *s, sp_error *err)
{
    s->hit = malloc(((size_t)s->n_faults + 1) * sizeof *s->hit);
    s->now = malloc(((size_t)s->n_faults + 1) * sizeof *s->now);
    if (!s->hit || !s->now)
        return sp_i_flow_no_memory(err);
    s->options.n_faults = 0;
    s->options.begun = NULL;   /* its pieces are not what was asked for */
    return sp_i_flow_router(s->machine, &s->options, &s->router, err);
}

sp_status sp_i_flow_staged(const sp_flow_job *job, const sp_machine *machine, const sp_stack *stack, const sp_protocol *protocol,
                           const sp_flow_options *options, bool *done, sp_flow_time *out, sp_error *err)
{
    staged s = {.job = job, .machine = machine, .stack = stack, .protocol = protocol, .options = *options, .faults = options->faults,
                .n_faults = options->n_faults};
    *done = for_these(options) && sp_i_stages_find(job, machine, &s.stages);
    sp_status status = *done ? open(&s, err) : SP_OK;
    *done = *done && (status != SP_OK || lines_are_whole(&s));
    if (*done && status == SP_OK)
        status = run_stages(&s, err);
    if (*done && status == SP_OK) {
        report(&s);
        if (s.time.time_s * (1 + 1e-8) + 1e-12 * (double)s.time.instants < s.time.bound_s)
            status = sp_error_set(err, SP_E_INTERNAL, NULL, 0, 0, "stages end after %.12g s, below their bound of %.12g s: a bug", s.time.time_s, s.time.bound_s);
        else
            *out = s.time;
    }
    sp_i_stages_close(&s.stages);
    sp_router_destroy(s.router);
    free(s.hit);
    free(s.now);
    free(s.healthy.at);
    free(s.struck.at);
    return status;
}
