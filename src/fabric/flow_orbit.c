/* Which digits of the rank may be moved without anything changing: not the programs, not the machine (dims of meshes may be
 * permuted, rings turned, switched units permuted where whole blocks go to whole blocks), not its faults. */
#include "flow_orbit.h"

#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 32u   /* each is held against each other */

/* ---- the machine ----------------------------------------------------------------------------------------------------------- */

static uint32_t coordinate(const sp_i_atom *a, uint32_t chip)
{
    return (uint32_t)(chip / a->dim_stride % a->extent);
}

static int32_t digit_of(const sp_i_atom *a, uint32_t chip)
{
    return a->digit_of[coordinate(a, chip)];
}

static uint32_t with_digit(const sp_i_atom *a, uint32_t chip, uint32_t digit)
{
    uint32_t own = coordinate(a, chip), to = own + (digit - (uint32_t)a->digit_of[own]) * a->gap;   /* wraps as intended */
    to = a->ring ? (to + a->extent) % a->extent : to;
    return chip + (uint32_t)((to - own) * a->dim_stride);
}

static uint32_t next_digit(const sp_i_atom *a, uint32_t chip)
{
    return with_digit(a, chip, ((uint32_t)digit_of(a, chip) + 1) % a->size);
}

/* Blocks of one level of one tree: a digit lies inside them, or moves whole ones. base: the chip of rank 0. */
static bool blocks_follow(const sp_i_atom *a, const sp_router *router, uint32_t level, uint32_t base)
{
    uint32_t zero = base - (uint32_t)(coordinate(a, base) * a->dim_stride), before = 0;
    int inside = -1;
    for (uint32_t x = 0; x < a->extent; x++) {
        if (a->digit_of[x] < 0)
            continue;
        uint32_t chip = zero + (uint32_t)(x * a->dim_stride), next = next_digit(a, chip);
        uint64_t own = sp_router_block(router, level, chip), moved = sp_router_block(router, level, next);
        if (inside >= 0 && (own == moved) != inside)
            return false;
        if (inside == 0) {   /* whoever shared a block with the one before still does, and with it alone */
            bool shared = sp_router_block(router, level, before) == own;
            if (shared && digit_of(a, before) != digit_of(a, chip))
                return false;
            if (digit_of(a, before) == digit_of(a, chip) && shared != (sp_router_block(router, level, next_digit(a, before)) == moved))
                return false;
        }
        inside = own == moved;
        before = chip;
    }
    return true;
}

static bool machine_allows(const sp_i_flow_case *c, const sp_i_atom *a, sp_i_move move)
{
    const sp_tier *tier = &c->machine->planes[0].tiers[a->tier];
    if (tier->kind == SP_TIER_TORUS && (tier->twisted || move == SP_I_MOVE_PERM || (uint64_t)a->gap * a->size != a->extent ||
                                        (move == SP_I_MOVE_XOR && a->size > 2)))
        return false;
    if (!sp_router_digit_moves(c->router, a->dim_stride * a->gap, a->size))
        return false;
    for (uint32_t level = 0; level < sp_router_blocks(c->router); level++)
        if (!blocks_follow(a, c->router, level, c->placement->base))
            return false;
    return true;
}

/* ---- faults ----------------------------------------------------------------------------------------------------------------- */

static void mark(const sp_i_atom *a, uint32_t chip, uint8_t *special)
{
    int32_t digit = digit_of(a, chip);
    if (digit >= 0)
        special[digit] = 1;
}

/* A chip of some rank below the bundle; false: no rank's traffic can cross it. */
static bool chip_below(const sp_i_flow_case *jobs, uint32_t n_jobs, uint32_t bundle, uint32_t *out)
{
    *out = sp_router_below(jobs[0].router, bundle);
    for (uint32_t j = 0; j < n_jobs; j++)
        if (jobs[j].program->n_ranks == jobs[j].machine->chips)
            return true;   /* every chip has a rank */
    for (uint32_t j = 0; j < n_jobs; j++)
        for (uint32_t r = 0; r < jobs[j].program->n_ranks; r++) {
            *out = sp_placement_chip(jobs[j].placement, r);
            if (sp_router_bundle_of(jobs[j].router, bundle, *out) == bundle)
                return true;
        }
    return false;
}

static bool inside_bundle(const sp_i_atom *a, const sp_router *router, uint32_t bundle, uint32_t chip)
{
    return sp_router_bundle_of(router, bundle, next_digit(a, chip)) == bundle;
}

/* Digits of the atom that a fault singles out. anchor: of the fault, where it is a bundle; UINT32_MAX: nobody's. */
static void mark_fault(const sp_i_atom *a, const sp_router *router, const sp_fault *fault, uint32_t anchor, uint8_t *special)
{
    sp_link link;
    if (fault->chip) {
        mark(a, fault->id, special);
        return;
    }
    sp_router_link(router, fault->id, &link);
    if (link.kind != SP_LINK_BUNDLE) {
        mark(a, link.from, special);
        mark(a, link.to, special);
    } else if (anchor != UINT32_MAX && digit_of(a, anchor) >= 0 && !inside_bundle(a, router, fault->id, anchor)) {
        mark(a, anchor, special);
    }
}

static uint32_t *find_anchors(const sp_i_flow_case *jobs, uint32_t n_jobs)
{
    const sp_flow_options *options = jobs[0].options;
    uint32_t *anchor = malloc(((size_t)options->n_faults + 1) * sizeof *anchor);
    for (uint32_t f = 0; anchor && f < options->n_faults; f++) {
        sp_link link;
        anchor[f] = UINT32_MAX;
        if (options->faults[f].chip || !sp_router_link(jobs[0].router, options->faults[f].id, &link) || link.kind != SP_LINK_BUNDLE)
            continue;
        if (link.level == 0)
            anchor[f] = (uint32_t)link.child;
        else if (!chip_below(jobs, n_jobs, options->faults[f].id, &anchor[f]))
            anchor[f] = UINT32_MAX;
    }
    return anchor;
}

/* ---- moves ------------------------------------------------------------------------------------------------------------------- */

static bool make_cells(sp_i_atom *a, const uint8_t *special)
{
    uint32_t n = 0, last = 0;
    a->cell_of = malloc(a->size * sizeof *a->cell_of);
    a->rep_of = malloc(a->size * sizeof *a->rep_of);
    if (!a->cell_of || !a->rep_of)
        return false;
    for (uint32_t d = 0; d < a->size; d++)
        if (special[d]) {
            a->rep_of[n] = d;
            a->cell_of[d] = n++;
        }
    for (uint32_t d = 0; d < a->size; d++)
        if (!special[d]) {
            a->cell_of[d] = n;
            if (a->n_free == 0)
                a->rep_of[n] = d;
            else if (a->n_free == 1)
                a->second = d;
            a->n_free++;
            last = 1;
        }
    a->n_cells = n + last;
    return true;
}

/* Permutations leave one class of an exchange's peers where turns leave each a class of its own, so they are tried first there; not where
 * other jobs, whose programs may turn only, have to move along. */
static bool choose(sp_i_atom *a, const sp_i_flow_case *c, bool alone, const uint32_t *anchors, uint8_t *special)
{
    bool exchanged = alone && sp_i_atom_is_exchanged(c->program, a);
    uint32_t n_special = 0;
    memset(special, 0, a->size);
    for (uint32_t f = 0; f < c->options->n_faults; f++)
        mark_fault(a, c->router, &c->options->faults[f], anchors[f], special);
    for (uint32_t d = 0; d < a->size; d++)
        n_special += special[d];
    a->move = SP_I_MOVE_NONE;
    for (int i = 0; i < 3 && !a->locked && a->move == SP_I_MOVE_NONE; i++) {
        static const sp_i_move order[2][3] = {{SP_I_MOVE_TURN, SP_I_MOVE_XOR, SP_I_MOVE_PERM}, {SP_I_MOVE_PERM, SP_I_MOVE_TURN, SP_I_MOVE_XOR}};
        sp_i_move move = order[exchanged][i];
        bool may = move == SP_I_MOVE_PERM ? n_special + 2 <= a->size : !n_special;
        if (may && sp_i_atom_commutes(c->program, a, move) && machine_allows(c, a, move))
            a->move = move;
    }
    a->n_cells = a->move == SP_I_MOVE_NONE ? a->size : 1;
    return a->move != SP_I_MOVE_PERM || make_cells(a, special);
}

/* ---- several jobs -------------------------------------------------------------------------------------------------------------- */

static bool alike(const sp_i_atom *a, const sp_i_atom *b)
{
    return a->tier == b->tier && a->tdim == b->tdim && a->size == b->size && a->gap == b->gap && a->first == b->first &&
           memcmp(a->digit_of, b->digit_of, a->extent * sizeof *a->digit_of) == 0;
}

static bool has(const sp_i_orbits *o, const sp_i_atom *a)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (alike(&o->atom[i], a))
            return o->atom[i].move == a->move;
    return false;
}

/* Do blocks that the move moves hold this job's ranks, too? They would have to move along. at: of some atom on the dim. */
static bool shares_blocks(const sp_i_atom *a, const sp_i_flow_case *c, const sp_i_atom *at, uint32_t base)
{
    uint32_t zero = base - (uint32_t)(coordinate(a, base) * a->dim_stride), own = coordinate(a, c->placement->base);
    for (uint32_t level = 0; level < sp_router_blocks(c->router); level++) {
        uint32_t before = UINT32_MAX;
        bool moves = false;
        for (uint32_t x = 0; x < a->extent; x++) {
            bool moved = a->digit_of[x] >= 0;
            if (!moved && !(at ? at->digit_of[x] >= 0 : x == own))
                continue;
            uint32_t chip = zero + (uint32_t)(x * a->dim_stride);
            if (before != UINT32_MAX && moved != moves && sp_router_block(c->router, level, chip) == sp_router_block(c->router, level, before)) {
                uint32_t mover = moved ? chip : before;
                if (sp_router_block(c->router, level, mover) != sp_router_block(c->router, level, next_digit(a, mover)))
                    return true;
            }
            moves = moved;
            before = chip;
        }
    }
    return false;
}

/* Do all ranks of the job lie where the move does nothing? base: a chip of the job that moves. */
static bool apart(const sp_i_orbits *o, const sp_i_flow_case *c, const sp_i_atom *a, uint32_t base)
{
    const sp_i_atom *at = NULL;
    for (uint32_t i = 0; i < o->n && !at; i++)
        if (o->atom[i].tier == a->tier && o->atom[i].tdim == a->tdim)
            at = &o->atom[i];
    for (uint32_t x = 0; x < a->extent && at; x++)
        if (a->digit_of[x] >= 0 && at->digit_of[x] >= 0)
            return false;
    return (at || digit_of(a, c->placement->base) < 0) && !shares_blocks(a, c, at, base);
}

/* A move is one of all jobs, or none. */
static void agree(sp_i_symmetry *sym, const sp_i_flow_case *jobs)
{
    for (bool changed = sym->n_jobs > 1; changed;) {
        changed = false;
        for (uint32_t j = 0; j < sym->n_jobs; j++)
            for (uint32_t i = 0; i < sym->job[j].n; i++) {
                sp_i_atom *a = &sym->job[j].atom[i];
                bool ok = a->move != SP_I_MOVE_NONE;
                for (uint32_t k = 0; k < sym->n_jobs && ok; k++)
                    ok = k == j || has(&sym->job[k], a) || apart(&sym->job[k], &jobs[k], a, jobs[j].placement->base);
                if (!ok && a->move != SP_I_MOVE_NONE) {
                    a->move = SP_I_MOVE_NONE;
                    a->n_cells = a->size;
                    changed = true;
                }
            }
    }
}

static bool collect(sp_i_symmetry *sym)
{
    for (uint32_t j = 0; j < sym->n_jobs; j++)
        for (uint32_t i = 0; i < sym->job[j].n; i++) {
            const sp_i_atom *a = &sym->job[j].atom[i];
            bool known = a->move == SP_I_MOVE_NONE;
            for (uint32_t m = 0; m < sym->n_moves && !known; m++)
                known = alike(sym->move[m], a);
            if (!known && sym->n_moves == SP_I_ATOMS_MAX)
                return false;
            if (!known)
                sym->move[sym->n_moves++] = a;
        }
    return true;
}

static bool choose_all(sp_i_symmetry *sym, const sp_i_flow_case *jobs)
{
    uint32_t *anchors = find_anchors(jobs, sym->n_jobs), most = 1;
    for (uint32_t j = 0; j < sym->n_jobs; j++)
        for (uint32_t i = 0; i < sym->job[j].n; i++)
            most = sym->job[j].atom[i].size > most ? sym->job[j].atom[i].size : most;
    uint8_t *special = malloc(most);
    bool ok = anchors && special;
    for (uint32_t j = 0; j < sym->n_jobs && ok; j++)
        for (uint32_t i = 0; i < sym->job[j].n && ok; i++)
            ok = choose(&sym->job[j].atom[i], &jobs[j], sym->n_jobs == 1, anchors, special);
    free(anchors);
    free(special);
    return ok;
}

bool sp_i_symmetry_find(const sp_i_flow_case *jobs, uint32_t n_jobs, sp_i_symmetry *out, const char **why)
{
    bool any = false;
    *out = (sp_i_symmetry){.n_jobs = n_jobs};
    *why = "only sprayed routes are known to be alike";
    if (jobs[0].options->routing == SP_ROUTING_HASH || jobs[0].options->routing == SP_ROUTING_DMODK)
        return false;
    *why = "routes of a dragonfly are not known to be alike";
    for (uint32_t t = 0; t < jobs[0].machine->planes[0].n_tiers; t++)
        if (jobs[0].machine->planes[0].tiers[t].kind == SP_TIER_DRAGONFLY)
            return false;
    *why = "more than 32 groups that are no translates of one another";
    if (n_jobs > JOBS_MAX)
        return false;
    *why = "there is no memory for its symmetry";
    out->job = calloc(n_jobs, sizeof *out->job);
    for (uint32_t j = 0; out->job && j < n_jobs; j++)
        if (!sp_i_atoms_lay(&out->job[j], &jobs[j], why))
            return false;
    if (!out->job || !choose_all(out, jobs))
        return false;
    agree(out, jobs);
    *why = "the groups move in too many ways";
    if (!collect(out))
        return false;
    for (uint32_t j = 0; j < n_jobs; j++) {
        sp_i_orbits *o = &out->job[j];
        uint64_t reps = 1;
        for (uint32_t i = 0; i < o->n; i++) {
            reps *= o->atom[i].n_cells;
            o->perm = o->perm || o->atom[i].move == SP_I_MOVE_PERM;
        }
        o->n_reps = (uint32_t)reps;
        any = any || o->n_reps < jobs[j].program->n_ranks;
    }
    *why = jobs[0].options->n_faults ? "with these faults no digit of the rank can be moved without changing the program or the routes" :
                                       "no digit of the rank can be moved without changing the program or the routes";
    return any;
}

void sp_i_symmetry_close(sp_i_symmetry *sym)
{
    for (uint32_t j = 0; sym->job && j < sym->n_jobs; j++)
        for (uint32_t i = 0; i < sym->job[j].n; i++) {
            free(sym->job[j].atom[i].digit_of);
            free(sym->job[j].atom[i].cell_of);
            free(sym->job[j].atom[i].rep_of);
        }
    free(sym->job);
    *sym = (sp_i_symmetry){0};
}

/* ---- orbits --------------------------------------------------------------------------------------------------------------- */

static uint32_t cell(const sp_i_atom *a, uint32_t digit)
{
    return a->move == SP_I_MOVE_NONE ? digit : a->move == SP_I_MOVE_PERM ? a->cell_of[digit] : 0;
}

uint32_t sp_i_orbit_of(const sp_i_orbits *o, uint32_t rank)
{
    uint32_t number = 0, radix = 1;
    for (uint32_t i = 0; i < o->n; i++) {
        const sp_i_atom *a = &o->atom[i];
        if (a->n_cells == 1)
            continue;
        number += cell(a, rank / a->rank_stride % a->size) * radix;
        radix *= a->n_cells;
    }
    return number;
}

uint32_t sp_i_orbit_rep(const sp_i_orbits *o, uint32_t orbit)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const sp_i_atom *a = &o->atom[i];
        uint32_t at = orbit % a->n_cells;
        rank += (a->move == SP_I_MOVE_NONE ? at : a->move == SP_I_MOVE_PERM ? a->rep_of[at] : 0) * a->rank_stride;
        orbit /= a->n_cells;
    }
    return rank;
}

/* How many digits the move takes this one to. */
static uint64_t reach(const sp_i_atom *a, uint32_t digit)
{
    return a->move != SP_I_MOVE_PERM ? a->size : a->cell_of[digit] == a->n_cells - 1 && a->n_free ? a->n_free : 1;
}

/* Two digits moved together, and how many pairs they can be moved to. */
static uint64_t pair(const sp_i_atom *a, uint32_t *x, uint32_t *y)
{
    uint32_t cx, cy;
    uint64_t alike_n;
    switch (a->move) {
    case SP_I_MOVE_NONE:
        return 1;
    case SP_I_MOVE_TURN:
        *y = (*y + a->size - *x) % a->size;
        *x = 0;
        return a->size;
    case SP_I_MOVE_XOR:
        *y ^= *x;
        *x = 0;
        return a->size;
    case SP_I_MOVE_PERM:
        break;
    }
    cx = a->cell_of[*x];
    cy = a->cell_of[*y];
    alike_n = *x == *y ? reach(a, *x) : cx == cy ? (uint64_t)a->n_free * (a->n_free - 1) : reach(a, *x) * reach(a, *y);
    *y = *x == *y ? a->rep_of[cx] : cx == cy ? a->second : a->rep_of[cy];
    *x = a->rep_of[cx];
    return alike_n;
}

void sp_i_orbit_pair(const sp_i_orbits *o, uint32_t *x, uint32_t *y)
{
    for (uint32_t i = 0; i < o->n; i++) {
        const sp_i_atom *a = &o->atom[i];
        uint32_t own_x = *x / a->rank_stride % a->size, own_y = *y / a->rank_stride % a->size, to_x = own_x, to_y = own_y;
        pair(a, &to_x, &to_y);
        *x += (to_x - own_x) * a->rank_stride;   /* wraps as intended */
        *y += (to_y - own_y) * a->rank_stride;
    }
}

uint64_t sp_i_chips_pair(const sp_i_symmetry *sym, uint32_t *x, uint32_t *y)
{
    uint64_t n = 1;
    for (uint32_t m = 0; m < sym->n_moves; m++) {
        const sp_i_atom *a = sym->move[m];
        int32_t dx = digit_of(a, *x), dy = digit_of(a, *y);
        if (dx < 0 && dy < 0)
            continue;
        uint32_t to_x = (uint32_t)(dx < 0 ? dy : dx), to_y = (uint32_t)(dy < 0 ? dx : dy);
        n *= pair(a, &to_x, &to_y);
        if (dx >= 0)
            *x = with_digit(a, *x, to_x);
        if (dy >= 0)
            *y = with_digit(a, *y, to_y);
    }
    return n;
}

uint32_t sp_i_bundle_orbit(const sp_i_symmetry *sym, const sp_router *router, uint32_t id, uint32_t anchor, uint64_t *orbit)
{
    uint32_t to = anchor, same = anchor;
    *orbit = 1;
    for (uint32_t m = 0; m < sym->n_moves; m++) {
        const sp_i_atom *a = sym->move[m];
        if (digit_of(a, anchor) >= 0 && !inside_bundle(a, router, id, anchor))
            *orbit *= reach(a, (uint32_t)digit_of(a, anchor));
    }
    sp_i_chips_pair(sym, &to, &same);
    return sp_router_bundle_of(router, id, to);
}
