/* Which digits of the rank may be moved without anything changing: not the program (its maps commute with the move), not
 * the machine (dims of meshes may be permuted, rings turned, switched units permuted where whole blocks go to whole blocks). */
#include "flow_orbit.h"

#include "load.h"

/* ---- atoms: lanes of the placement, cut where the program's digits and the trees' blocks begin and end -------------------- */

static bool split(sp_i_orbits *o, uint32_t i, uint32_t inner)
{
    sp_i_atom *a = &o->atom[i];
    if (inner <= 1 || inner >= a->size || a->size % inner || o->n == SP_I_ATOMS_MAX)
        return inner <= 1 || inner >= a->size;
    sp_i_atom *b = &o->atom[o->n++];
    *b = *a;
    b->size = a->size / inner;
    b->rank_stride = a->rank_stride * inner;
    b->gap = a->gap * inner;
    a->size = inner;
    return true;
}

/* Cuts atoms at the two ends of a digit; those that it cuts unevenly cannot move. */
static void cut_at(sp_i_orbits *o, sp_digit digit)
{
    if (!digit.size)
        return;
    const uint64_t ends[2] = {digit.stride, (uint64_t)digit.stride * digit.size};
    for (int e = 0; e < 2; e++)
        for (uint32_t i = 0, n = o->n; i < n; i++) {
            sp_i_atom *a = &o->atom[i];
            uint64_t low = a->rank_stride, high = low * a->size;
            if (ends[e] > low && ends[e] < high && (ends[e] % low || !split(o, i, (uint32_t)(ends[e] / low))))
                a->move = SP_I_MOVE_NONE;
        }
}

static void cut_at_program(sp_i_orbits *o, const sp_program *program)
{
    for (uint32_t k = 0; k < program->n_classes; k++) {
        cut_at(o, program->classes[k].domain);
        if (program->classes[k].kind == SP_TASK_TRANSFER)
            cut_at(o, program->classes[k].peer.digit);
    }
    for (uint32_t d = 0; d < program->n_deps; d++) {
        cut_at(o, program->deps[d].rank.digit);
        const sp_axis_map *axes[3] = {&program->deps[d].step, &program->deps[d].mb, &program->deps[d].chunk};
        for (int i = 0; i < 3; i++)
            if (axes[i]->c_rank)
                cut_at(o, axes[i]->rank_digit);
    }
}

static uint64_t chip_stride(const sp_i_atom *a)
{
    return a->dim_stride * a->gap;
}

/* Parts an atom that straddles blocks of a tree into what moves inside blocks and what moves whole ones. */
static void cut_at_blocks(sp_i_orbits *o, const sp_router *router)
{
    for (uint32_t i = 0; i < o->n; i++) {
        sp_i_atom *a = &o->atom[i];
        if (sp_router_digit_moves(router, chip_stride(a), a->size))
            continue;
        for (uint32_t d = a->size - 1; d > 1; d--)
            if (a->size % d == 0 && sp_router_digit_moves(router, chip_stride(a), d)) {
                split(o, i, d);
                break;
            }
    }
}

static bool lay_atoms(sp_i_orbits *o, const sp_i_flow_case *c, const char **why)
{
    sp_i_view view;
    *why = "the group does not lie evenly on the tiers";
    if (c->placement->n_exceptions || sp_i_view_make(c->machine, c->placement, (sp_comm_how){.replicated = true}, &view, NULL) != SP_OK ||
        view.n_lanes > SP_I_ATOMS_MAX)
        return false;
    for (uint32_t i = 0; i < view.n_lanes; i++) {
        const sp_i_lane *lane = &view.lane[i];
        const sp_tier *tier = &view.tiers[lane->tier];
        bool direct = !sp_tier_is_switched(tier->kind);
        uint64_t stride = tier->stride;
        for (uint32_t d = 0; direct && d < lane->tdim; d++)
            stride *= tier->dims[d];
        uint32_t extent = direct ? tier->dims[lane->tdim] : tier->size;
        sp_i_atom a = {.rank_stride = lane->rank_stride, .size = lane->size, .tier = lane->tier, .tdim = lane->tdim, .dim_stride = stride,
                       .extent = extent, .gap = lane->gap, .ring = tier->kind == SP_TIER_TORUS,
                       .first = (uint32_t)(c->placement->base / stride % extent), .move = SP_I_MOVE_TURN};
        o->atom[o->n++] = a;
    }
    /* atoms of one dim must nest, and none may run past its end */
    for (uint32_t i = 0; i < o->n; i++) {
        uint64_t inside = 0, all = o->atom[i].first;
        for (uint32_t k = 0; k < o->n; k++)
            if (o->atom[k].tier == o->atom[i].tier && o->atom[k].tdim == o->atom[i].tdim) {
                uint64_t reach = (uint64_t)(o->atom[k].size - 1) * o->atom[k].gap;
                inside += o->atom[k].gap < o->atom[i].gap ? reach : 0;
                all += reach;
            }
        if (inside >= o->atom[i].gap || all >= o->atom[i].extent)
            return false;
    }
    return true;
}

/* ---- what commutes ------------------------------------------------------------------------------------------------------ */

static bool overlaps(const sp_i_atom *a, sp_digit digit)
{
    uint64_t low = a->rank_stride, high = low * a->size, from = digit.stride, to = from * digit.size;
    return digit.size > 1 && from < high && low < to;
}

static bool power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

/* Does the map give the same for moved ranks, moved? */
static bool commutes(const sp_i_atom *a, sp_i_move move, const sp_rank_map *map)
{
    if (!overlaps(a, map->digit))
        return true;
    uint64_t low = a->rank_stride, high = low * a->size, from = map->digit.stride, to = from * map->digit.size;
    bool inside = from <= low && high <= to;
    bool turn = move == SP_I_MOVE_TURN || a->size == 2, xor = move == SP_I_MOVE_XOR || a->size == 2;
    if (map->op == SP_MAP_SHIFT)
        return inside && turn && high == to;   /* lower digits would carry */
    if (map->op == SP_MAP_XOR)
        return inside && xor && power_of_two(a->size) && power_of_two(map->digit.size) && power_of_two(low / from) && low % from == 0;
    return false;
}

static bool program_allows(const sp_program *program, const sp_i_atom *a, sp_i_move move)
{
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (overlaps(a, task->domain) || (task->kind == SP_TASK_TRANSFER && !commutes(a, move, &task->peer)))
            return false;
    }
    for (uint32_t d = 0; d < program->n_deps; d++) {
        const sp_dep *dep = &program->deps[d];
        const sp_axis_map *axes[3] = {&dep->step, &dep->mb, &dep->chunk};
        if (!commutes(a, move, &dep->rank))
            return false;
        for (int i = 0; i < 3; i++)
            if (axes[i]->c_rank && overlaps(a, axes[i]->rank_digit))
                return false;
    }
    return true;
}

static bool machine_allows(const sp_i_flow_case *c, const sp_i_atom *a, sp_i_move move)
{
    const sp_tier *tier = &c->machine->planes[0].tiers[a->tier];
    if (tier->kind == SP_TIER_TORUS && (tier->twisted || (uint64_t)a->gap * a->size != a->extent || (move == SP_I_MOVE_XOR && a->size > 2)))
        return false;
    return sp_router_digit_moves(c->router, chip_stride(a), a->size);
}

bool sp_i_orbits_find(const sp_i_flow_case *c, sp_i_orbits *out, const char **why)
{
    *out = (sp_i_orbits){.group = 1};
    *why = "only sprayed routes of a whole machine are known to be alike";
    if (c->options->routing != SP_ROUTING_SPRAY || c->options->n_faults)
        return false;
    if (!lay_atoms(out, c, why))
        return false;
    cut_at_program(out, c->program);
    cut_at_blocks(out, c->router);
    for (uint32_t i = 0; i < out->n; i++) {
        sp_i_atom *a = &out->atom[i];
        sp_i_move found = SP_I_MOVE_NONE;
        for (sp_i_move move = SP_I_MOVE_XOR; a->move != SP_I_MOVE_NONE && move > SP_I_MOVE_NONE; move--)
            if (program_allows(c->program, a, move) && machine_allows(c, a, move))
                found = move;
        a->move = found;
        out->group *= found != SP_I_MOVE_NONE ? a->size : 1;
    }
    out->n_reps = (uint32_t)(c->program->n_ranks / out->group);
    *why = "no digit of the rank can be moved without changing the program or the routes";
    return out->group > 1;
}

/* ---- orbits --------------------------------------------------------------------------------------------------------------- */

uint32_t sp_i_orbit_of(const sp_i_orbits *o, uint32_t rank)
{
    uint32_t number = 0, radix = 1;
    for (uint32_t i = 0; i < o->n; i++)
        if (o->atom[i].move == SP_I_MOVE_NONE) {
            number += rank / o->atom[i].rank_stride % o->atom[i].size * radix;
            radix *= o->atom[i].size;
        }
    return number;
}

uint32_t sp_i_orbit_rep(const sp_i_orbits *o, uint32_t orbit)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < o->n; i++)
        if (o->atom[i].move == SP_I_MOVE_NONE) {
            rank += orbit % o->atom[i].size * o->atom[i].rank_stride;
            orbit /= o->atom[i].size;
        }
    return rank;
}

/* Coordinate less that of rank 0, round the ring. */
static uint32_t offset_of(const sp_i_atom *a, uint32_t chip)
{
    return (uint32_t)(chip / a->dim_stride % a->extent + a->extent - a->first) % a->extent;
}

static uint32_t digit_of(const sp_i_atom *a, uint32_t chip)
{
    return offset_of(a, chip) / a->gap % a->size;
}

static uint32_t with_digit(const sp_i_atom *a, uint32_t chip, uint32_t digit)
{
    uint32_t own = (uint32_t)(chip / a->dim_stride % a->extent);
    uint32_t offset = offset_of(a, chip), moved = offset - digit_of(a, chip) * a->gap + digit * a->gap;
    uint32_t coordinate = (moved + a->first) % a->extent;
    return chip + (uint32_t)((coordinate - own) * a->dim_stride);   /* wraps as intended */
}

uint32_t sp_i_orbit_chip(const sp_i_orbits *o, uint32_t anchor, uint32_t chip)
{
    for (uint32_t i = 0; i < o->n; i++) {
        const sp_i_atom *a = &o->atom[i];
        if (a->move == SP_I_MOVE_NONE)
            continue;
        uint32_t away = digit_of(a, anchor), own = digit_of(a, chip);
        chip = with_digit(a, chip, a->move == SP_I_MOVE_XOR ? own ^ away : (own + a->size - away) % a->size);
    }
    return chip;
}

uint32_t sp_i_orbit_step(const sp_i_atom *a, uint32_t chip)
{
    uint32_t digit = digit_of(a, chip);
    return with_digit(a, chip, a->move == SP_I_MOVE_XOR ? digit ^ 1 : (digit + 1) % a->size);
}
