/* Digits of the rank as they lie on the machine: lanes of the placement, cut where the program's digits and the trees' blocks
 * begin and end. */
#include "flow_orbit.h"

#include <stdlib.h>

#include "load.h"

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
                a->locked = true;
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
            if (sp_axis_reads_rank(axes[i]))
                cut_at(o, axes[i]->rank_digit);
    }
}

/* Parts an atom that straddles blocks of a tree into what moves inside blocks and what moves whole ones. */
static void cut_at_blocks(sp_i_orbits *o, const sp_router *router)
{
    for (uint32_t i = 0; i < o->n; i++) {
        uint64_t stride = o->atom[i].dim_stride * o->atom[i].gap;
        if (sp_router_digit_moves(router, stride, o->atom[i].size))
            continue;
        for (uint32_t d = o->atom[i].size - 1; d > 1; d--)
            if (o->atom[i].size % d == 0 && sp_router_digit_moves(router, stride, d)) {
                split(o, i, d);
                break;
            }
    }
}

static bool same_dim(const sp_i_atom *a, const sp_i_atom *b)
{
    return a->tier == b->tier && a->tdim == b->tdim;
}

/* Atoms of one dim must nest, and none may run past its end. */
static bool nested(const sp_i_orbits *o, uint32_t i)
{
    uint64_t inside = 0, all = o->atom[i].first;
    for (uint32_t k = 0; k < o->n; k++)
        if (same_dim(&o->atom[k], &o->atom[i])) {
            uint64_t reach = (uint64_t)(o->atom[k].size - 1) * o->atom[k].gap;
            inside += o->atom[k].gap < o->atom[i].gap ? reach : 0;
            all += reach;
        }
    return inside < o->atom[i].gap && all < o->atom[i].extent;
}

/* Digit of every coordinate: of those that ranks lie on, and on whole rings of those between, which turn with them. */
static bool tabulate(sp_i_orbits *o, uint32_t i)
{
    sp_i_atom *a = &o->atom[i];
    a->digit_of = malloc(a->extent * sizeof *a->digit_of);
    if (!a->digit_of)
        return false;
    bool whole = a->ring && (uint64_t)a->gap * a->size == a->extent;
    uint64_t on_dim = 1;
    for (uint32_t x = 0; x < a->extent; x++)
        a->digit_of[x] = whole ? (int32_t)((x + a->extent - a->first) % a->extent / a->gap % a->size) : -1;
    for (uint32_t k = 0; k < o->n; k++)
        on_dim *= same_dim(&o->atom[k], a) ? o->atom[k].size : 1;
    for (uint64_t n = 0; n < on_dim && !whole; n++) {
        uint64_t rest = n, x = a->first, digit = 0;
        for (uint32_t k = 0; k < o->n; k++)
            if (same_dim(&o->atom[k], a)) {
                x += rest % o->atom[k].size * o->atom[k].gap;
                digit = k == i ? rest % o->atom[k].size : digit;
                rest /= o->atom[k].size;
            }
        a->digit_of[x] = (int32_t)digit;
    }
    return true;
}

bool sp_i_atoms_lay(sp_i_orbits *o, const sp_i_flow_case *c, const char **why)
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
        o->atom[o->n++] = (sp_i_atom){.rank_stride = lane->rank_stride, .size = lane->size, .tier = lane->tier, .tdim = lane->tdim,
                                      .dim_stride = stride, .extent = extent, .gap = lane->gap, .ring = tier->kind == SP_TIER_TORUS,
                                      .first = (uint32_t)(c->placement->base / stride % extent)};
    }
    for (uint32_t i = 0; i < o->n; i++)
        if (!nested(o, i))
            return false;
    cut_at_program(o, c->program);
    cut_at_blocks(o, c->router);
    *why = "there is no memory for its symmetry";
    for (uint32_t i = 0; i < o->n; i++)
        if (!tabulate(o, i))
            return false;
    return true;
}
