/* How a placement lies, up to symmetry, and what that costs a job of unknown model. */
#include "cluster_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t power_of_two_above(uint32_t n)
{
    uint32_t p = 1;
    while (p < n) p *= 2;
    return p;
}

static uint32_t rows_touched(const sp_cluster *c, uint64_t held)
{
    uint32_t rows = 0, row = c->shape.row_chips;
    if (held == c->full) return c->rows_per_leaf;
    if (row == 8) {   /* most machines */
        held |= held >> 4;
        held |= held >> 2;
        return sp_i_count((held | held >> 1) & c->row_first);
    }
    if ((row & (row - 1)) == 0) {   /* every bit of a row falls on its first */
        for (uint32_t by = row / 2; by > 0; by /= 2) held |= held >> by;
        return sp_i_count(held & c->row_first);
    }
    for (uint32_t r = 0; r < c->rows_per_leaf; r++) rows += (held & sp_i_row(c, r)) != 0;
    return rows;
}

static uint32_t chips_a_leaf(const sp_cluster *c, const sp_i_piece *piece) { return piece->rows != 0 ? piece->rows * c->shape.row_chips : sp_i_count(piece->mask); }
static uint32_t rows_a_leaf(const sp_cluster *c, const sp_i_piece *piece) { return piece->rows != 0 ? piece->rows : rows_touched(c, piece->mask); }

/* A job has one piece a leaf, so that none counts twice. */
static void count_piece(sp_cluster *c, const sp_i_piece *piece, sp_i_extent *extent)
{
    uint32_t n = chips_a_leaf(c, piece);
    if (n != 0) sp_i_extent_add(c, extent, piece->leaf, sp_i_piece_last(piece), piece->count, n, rows_a_leaf(c, piece));
}

/* Has every pod the same number of the leaves? */
static bool even_pods(const sp_cluster *c, const sp_i_extent *e)
{
    for (uint32_t pod = e->low / c->leaves_per_pod; pod <= e->high / c->leaves_per_pod; pod++)
        if (c->pod_mark[pod] == e->mark && c->pod_count[pod] * e->spread.pods != e->spread.leaves) return false;
    return true;
}

sp_spread sp_i_extent_spread(const sp_cluster *c, const sp_i_extent *e)
{
    sp_spread s = e->spread;
    if (s.leaves == 0) return s;
    for (uint64_t left = e->sizes; left != 0; left &= left - 1) s.granule = sp_gcd(s.granule, (uint32_t)__builtin_ctzll(left) + 1);
    s.whole = s.leaves == 1 || e->sizes == UINT64_C(1) << (c->shape.leaf_chips - 1);
    s.aligned = s.whole && e->high - e->low + 1 == s.leaves && (e->low % c->leaves_per_pod) % power_of_two_above(s.leaves) == 0;
    s.regular = (e->sizes & (e->sizes - 1)) == 0 && even_pods(c, e);
    return s;
}

/* One piece: most small jobs. */
static sp_spread piece_spread(const sp_cluster *c, const sp_i_piece *piece)
{
    uint32_t n = chips_a_leaf(c, piece);
    return (sp_spread){.chips = n, .rows = rows_a_leaf(c, piece), .leaves = n != 0, .pods = n != 0, .granule = n, .whole = n != 0, .aligned = n != 0, .regular = n != 0};
}

sp_spread sp_cluster_spread(const sp_cluster *cluster, uint32_t list)
{
    if (list != SP_NOWHERE && cluster->piece[list].next == SP_NOWHERE && cluster->piece[list].count == 1) return piece_spread(cluster, &cluster->piece[list]);
    sp_cluster *c = (sp_cluster *)(uintptr_t)cluster;   /* only scratch is written */
    sp_i_extent extent = sp_i_extent_begin(c);
    for (uint32_t p = list; p != SP_NOWHERE; p = c->piece[p].next) count_piece(c, &c->piece[p], &extent);
    return sp_i_extent_spread(c, &extent);
}

/* ---- the same, kept up ---------------------------------------------------------------------------------------------------- */

static void tally_add(const sp_cluster *c, sp_i_tally *tally, const sp_i_piece *piece)
{
    uint32_t n = chips_a_leaf(c, piece), pod = piece->leaf / c->leaves_per_pod;
    if (n == 0) return;
    tally->chips += n * piece->count;
    tally->rows += rows_a_leaf(c, piece) * piece->count;
    tally->held[n] += piece->count;
    tally->leaves += piece->count;
    tally->pods += tally->pod_leaves[pod] == 0;
    tally->pod_leaves[pod] += piece->count;
}

sp_i_tally *sp_i_tally_make(const sp_cluster *c, uint32_t list)
{
    sp_i_tally *tally = calloc(1, sizeof *tally + c->pods * sizeof tally->pod_leaves[0]);
    for (uint32_t p = list; tally != NULL && p != SP_NOWHERE; p = c->piece[p].next)
        tally_add(c, tally, &c->piece[p]);
    return tally;
}

void sp_i_tally_change(const sp_cluster *c, sp_i_tally *tally, uint32_t leaf, uint64_t before, uint64_t after)
{
    uint32_t was = sp_i_count(before), is = sp_i_count(after), pod = leaf / c->leaves_per_pod;
    tally->chips += is - was;
    tally->rows += rows_touched(c, after) - rows_touched(c, before);
    tally->held[was]--;
    tally->held[is]++;
    if ((was == 0) == (is == 0)) return;
    tally->leaves += is != 0 ? 1u : UINT32_MAX;
    if (is != 0 && tally->pod_leaves[pod]++ == 0) tally->pods++;
    if (is == 0 && --tally->pod_leaves[pod] == 0) tally->pods--;
}

sp_spread sp_i_tally_spread(const sp_cluster *c, const sp_i_tally *tally)
{
    sp_spread s = {.chips = tally->chips, .rows = tally->rows, .leaves = tally->leaves, .pods = tally->pods, .regular = true};
    uint32_t kinds = 0;
    for (uint32_t n = 1; n <= 64; n++) {
        if (tally->held[n] == 0) continue;
        s.granule = sp_gcd(s.granule, n);
        kinds++;
    }
    s.regular = kinds == 1;
    for (uint32_t pod = 0; pod < c->pods && s.regular; pod++)
        s.regular = tally->pod_leaves[pod] == 0 || tally->pod_leaves[pod] * s.pods == s.leaves;
    return s;
}

sp_spread sp_cluster_ideal(const sp_cluster_shape *shape, uint32_t chips)
{
    uint32_t leaf = shape->leaf_chips, pod = shape->pod_chips;
    sp_spread s = {.chips = chips, .whole = true, .aligned = true, .regular = true};
    s.rows = chips / shape->row_chips + (chips % shape->row_chips != 0);
    s.leaves = chips / leaf + (chips % leaf != 0);
    s.pods = chips / pod + (chips % pod != 0);
    s.granule = s.leaves <= 1 ? chips : sp_gcd(leaf, chips % leaf == 0 ? leaf : chips % leaf);
    s.regular = s.leaves <= 1 || (chips % leaf == 0 && s.leaves % s.pods == 0);
    s.whole = s.leaves <= 1 || chips % leaf == 0;
    if (shape->torus[0] == 0 || s.pods != 1) return s;
    bool cubes = sp_i_torus_shape(shape->torus, chips, s.box);
    if (!cubes && !sp_i_torus_box(shape->torus, chips, s.box)) memset(s.box, 0, sizeof s.box);
    for (int d = 0; d < 3; d++) s.ring[d] = cubes || s.box[d] == shape->torus[d];
    return s;
}

/* ---- cost -------------------------------------------------------------------------------------------------------------- */

/* Links of a chip that a box's rings and rows keep busy: both ways round a ring, one on a row. Chips that are no box share the links of
 * others: guess: as a row of one dimension. */
static uint32_t box_links(const sp_spread *s)
{
    uint32_t links = 0;
    for (int d = 0; d < 3; d++) links += s->box[d] <= 1 ? 0 : s->box[d] == 2 || !s->ring[d] ? 1 : 2;
    return links == 0 ? 1 : links;
}

sp_i_rates sp_i_rates_of(const sp_machine *machine, const sp_cluster_shape *shape)
{
    return (sp_i_rates){sp_i_rate_at(machine, shape->row_chips), sp_i_rate_at(machine, shape->leaf_chips), sp_i_rate_at(machine, shape->pod_chips),
                        sp_i_rate_at(machine, shape->chips), machine->planes[0].tiers[0].bw_bytes_per_s.nominal};
}

/* A hierarchical reduce-scatter: of a chip's bytes (1 - 1/a) move inside rows of a chips, (1/a - 1/b) inside leaves that hold b,
 * (1/b - 1/c) inside pods that hold c, the rest between pods. An uneven placement is as good as its granule. */
double sp_i_comm_cost(const sp_i_rates *rates, const sp_cluster_shape *shape, const sp_spread *s)
{
    if (s->chips <= 1) return 0;
    if (shape->torus[0] != 0 && s->pods == 1) return (1 - 1.0 / s->chips) / (rates->link * box_links(s));
    double n = s->chips, b = s->regular ? n / s->leaves : s->granule, a = n / s->rows, c = n / s->pods, beyond_leaf = s->leaves > 1 ? rates->pod : rates->leaf;
    if (a > b) a = b;
    if (c < b) c = b;
    double cost = (1 - 1 / a) / rates->row;
    if (b > a) cost += (1 / a - 1 / b) / rates->leaf;
    if (c > b) cost += (1 / b - 1 / c) / beyond_leaf;
    if (n > c) cost += (1 / c - 1 / n) / (s->pods > 1 ? rates->all : beyond_leaf);
    return cost;
}

double sp_i_comm_ideal(const sp_i_rates *rates, const sp_cluster_shape *shape, uint32_t chips)
{
    sp_spread ideal = sp_cluster_ideal(shape, chips);
    return sp_i_comm_cost(rates, shape, &ideal);
}


double sp_i_slowdown(double ideal, double cost) { return ideal <= 0 || cost <= ideal ? 1 : 1 + SP_I_COMM_SHARE * (cost / ideal - 1); }

double sp_cluster_slowdown(const sp_machine *machine, const sp_cluster_shape *shape, const sp_spread *spread)
{
    sp_i_rates rates = sp_i_rates_of(machine, shape);
    return sp_i_slowdown(sp_i_comm_ideal(&rates, shape, spread->chips), sp_i_comm_cost(&rates, shape, spread));
}

/* ---- links that died ------------------------------------------------------------------------------------------------------ */

double sp_i_slowdown_without(const sp_machine *machine, const sp_cluster_shape *shape, const sp_spread *spread, const uint8_t links_lost[SP_TIERS_MAX])
{
    sp_machine part = *machine;
    if (sp_i_without_links(&part, machine, links_lost, NULL) != SP_OK) return INFINITY;
    sp_i_rates whole = sp_i_rates_of(machine, shape), rest = sp_i_rates_of(&part, shape);
    return sp_i_slowdown(sp_i_comm_ideal(&whole, shape, spread->chips), sp_i_comm_cost(&rest, shape, spread));
}

static bool is_switched(const sp_tier *tier)
{
    return tier->kind != SP_TIER_MESH && tier->kind != SP_TIER_TORUS && tier->size > 1;
}

/* The innermost tier for electrical links, for optical ones the outermost that the job crosses; light does not go inside a rack. For switches the
 * outermost that has some. */
uint32_t sp_i_link_tier(const sp_machine *machine, const sp_cluster_shape *shape, const sp_spread *s, sp_fail_unit unit)
{
    const sp_plane *plane = &machine->planes[0];
    uint32_t tier = 0, least = s->pods > 1 ? shape->pod_chips + 1 : s->leaves > 1 ? shape->leaf_chips + 1 : 0, reach = s->chips > least ? s->chips : least;
    if (s->chips <= 1 || (unit == SP_FAIL_OPTICAL_LINK && s->leaves <= 1)) return SP_NOWHERE;
    if (unit == SP_FAIL_ELECTRICAL_LINK) return 0;
    while (tier + 1 < plane->n_tiers && (uint64_t)plane->tiers[tier].stride * plane->tiers[tier].size < reach) tier++;
    while (tier > 0 && plane->tiers[tier].size == 1) tier--;
    while (unit == SP_FAIL_SWITCH && !is_switched(&plane->tiers[tier])) {
        if (tier == 0) return SP_NOWHERE;
        tier--;
    }
    return tier;
}
