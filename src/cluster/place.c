/* Placement policies: decide from the top by counters, touch leaves only when committing. */
#include "cluster_i.h"

#include <string.h>

typedef struct found { uint32_t leaf; uint64_t mask; } found;
#define NOT_FOUND ((found){.leaf = SP_NOWHERE})

/* ---- inside one leaf --------------------------------------------------------------------------------------------------- */

/* The row of a leaf with exactly n free chips. */
static uint64_t row_with(const sp_cluster *c, uint32_t leaf, uint32_t n)
{
    for (uint32_t r = 0; r < c->rows_per_leaf; r++) {
        uint64_t row = c->leaf[leaf].word & sp_i_row(c, r);
        if (sp_i_count(row) == n) return row;
    }
    return 0;
}

/* The b lowest columns of the first a wholly free rows. */
static uint64_t rectangle(const sp_cluster *c, uint32_t leaf, uint32_t a, uint32_t b)
{
    uint64_t out = 0, columns = UINT64_MAX >> (64 - b);
    for (uint32_t r = 0; r < c->rows_per_leaf && a > 0; r++) {
        uint64_t row = sp_i_row(c, r);
        if ((c->leaf[leaf].word & row) != row) continue;
        out |= columns << r * c->shape.row_chips;
        a--;
    }
    return out;
}

/* Rows and columns of a sub-array of k chips: a full mesh in both directions. Where no such shape exists (17, 23, …) or the leaf is
 * switched: whole rows and the rest of one more. */
static void sub_array(const sp_cluster *c, uint32_t k, uint32_t *a, uint32_t *b)
{
    uint32_t least = (k + c->shape.row_chips - 1) / c->shape.row_chips;
    *a = least;
    *b = 0;
    for (uint32_t rows = least; rows <= c->rows_per_leaf; rows++)
        if (k % rows == 0 && (c->shape.mesh_leaf || rows == least)) {
            *a = rows;
            *b = k / rows;
            return;
        }
}

/* Best fit among leaves [low, high): the partly used row, then the leaf with the fewest free rows, that just holds k chips. */
static found find_small(const sp_cluster *c, uint32_t low, uint32_t high, uint32_t k)
{
    uint32_t a, b, row = c->shape.row_chips;
    if (k > c->shape.leaf_chips) return NOT_FOUND;
    for (uint32_t n = k; n < row; n++) {
        uint32_t leaf = sp_i_bits_first(&c->part[n], low, high);
        if (leaf != SP_NOWHERE) return (found){leaf, sp_i_lowest_bits(row_with(c, leaf, n), k)};
    }
    sub_array(c, k, &a, &b);
    for (uint32_t r = a; r <= c->rows_per_leaf; r++) {
        uint32_t leaf = sp_i_bits_first(&c->rows[r], low, high);
        if (leaf == SP_NOWHERE) continue;
        if (b != 0) return (found){leaf, rectangle(c, leaf, a, b)};
        uint64_t most = rectangle(c, leaf, k / row, row), last = rectangle(c, leaf, a, row) & ~most;
        return (found){leaf, most | sp_i_lowest_bits(last, k - k / row * row)};
    }
    return NOT_FOUND;
}

static bool take_small(sp_cluster *c, uint32_t low, uint32_t high, uint32_t k, uint32_t owner, uint32_t *list)
{
    found at = find_small(c, low, high, k);
    return at.leaf != SP_NOWHERE && sp_i_take_fresh(c, at.leaf, at.mask, owner, list);
}

/* ---- whole leaves ---------------------------------------------------------------------------------------------------- */

static bool all_free(const sp_cluster *c, uint32_t low, uint32_t n)
{
    const sp_i_bits *whole = &c->rows[c->rows_per_leaf];
    while (n > 0) {
        uint32_t shift = low % 64, take = 64 - shift < n ? 64 - shift : n;
        uint64_t mask = UINT64_MAX >> (64 - take) << shift;
        if ((whole->word[low / 64] & mask) != mask) return false;
        low += take;
        n -= take;
    }
    return true;
}

/* Of 64 leaves those at which n free ones begin, at multiples of 2^log2 from n to 64. */
static uint64_t run_starts(uint64_t free_leaves, uint32_t n, uint32_t log2)
{
    static const uint64_t multiples[] = {UINT64_MAX, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1};
    for (uint32_t have = 1, by; have < n; have += by) {
        by = have < n - have ? have : n - have;
        free_leaves &= free_leaves >> by;
    }
    return free_leaves & multiples[log2];
}

/* First run of n wholly free leaves of the pod that starts at a multiple of a power of two >= n. */
static uint32_t aligned_run(const sp_cluster *c, uint32_t pod, uint32_t n)
{
    uint32_t low = pod * c->leaves_per_pod, size = c->leaves_per_pod, log2 = n <= 1 ? 0 : 32u - (uint32_t)__builtin_clz(n - 1), step = 1u << log2;
    for (uint32_t at = 0; step <= 64 && at < size; at += 64) {   /* no such run lies in two of them */
        uint64_t in = sp_i_bits_window(&c->rows[c->rows_per_leaf], low + at);
        uint64_t starts = in == 0 ? 0 : run_starts(size - at < 64 ? in & UINT64_MAX >> (64 - (size - at)) : in, n, log2);
        if (starts != 0) return low + at + (uint32_t)__builtin_ctzll(starts);
    }
    for (uint32_t at = 0; step > 64 && at + n <= size; at += step)
        if (all_free(c, low + at, n)) return low + at;
    return SP_NOWHERE;
}

/* The n lowest wholly free leaves of [low, high). False: there are not as many. */
static bool take_leaves(sp_cluster *c, uint32_t low, uint32_t high, uint32_t n, uint32_t owner, uint32_t *list, sp_i_extent *extent)
{
    return sp_i_take_level(c, c->rows_per_leaf, low, high, n, owner, list, extent) == n;
}

/* The fullest pod that still has n wholly free leaves (and, if asked, an aligned run of them at *run), the first of equal ones. */
static uint32_t best_pod(const sp_cluster *c, uint32_t n, uint32_t *run)
{
    uint32_t best = SP_NOWHERE, least = 0u - n;   /* pods with less than n wrap to this or more */
    if (c->rows[c->rows_per_leaf].members < n) return SP_NOWHERE;
    for (uint32_t pod = 0; pod < c->pods && least != 0; pod++) {
        uint32_t more = c->pod_whole[pod] - n, at;
        if (more >= least) continue;
        if (run != NULL) {
            at = aligned_run(c, pod, n);
            if (at == SP_NOWHERE) continue;
            *run = at;
        }
        best = pod;
        least = more;
    }
    return best;
}

/* Undoes what a policy took when it could not take all. The extent, if any, is of all that it took. */
static bool finish(sp_cluster *c, bool ok, const sp_i_extent *extent, uint32_t *list, sp_spread *spread)
{
    if (!ok) {
        sp_cluster_free(c, *list);
        *list = SP_NOWHERE;
        return false;
    }
    *spread = extent != NULL ? sp_i_extent_spread(c, extent) : sp_cluster_spread(c, *list);
    return true;
}

static bool place_in_leaf(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    *list = SP_NOWHERE;
    return finish(c, q->chips != 0 && take_small(c, 0, c->leaves, q->chips, owner, list), NULL, list, spread);
}

/* Whole leaves of one pod (aligned or any), the rest of the chips in one more leaf of it. */
static bool in_pod(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread, bool aligned)
{
    uint32_t n = q->chips / c->shape.leaf_chips, rest = q->chips % c->shape.leaf_chips, run = 0;
    *list = SP_NOWHERE;
    if (n == 0) return place_in_leaf(c, q, owner, list, spread);
    if (n > c->leaves_per_pod || !sp_i_reserve(c, n + 1)) return false;
    uint32_t pod = best_pod(c, n, aligned ? &run : NULL);
    if (pod == SP_NOWHERE) return false;
    uint32_t low = pod * c->leaves_per_pod, high = low + c->leaves_per_pod;
    sp_i_extent extent = sp_i_extent_begin(c);
    bool ok = take_leaves(c, aligned ? run : low, high, n, owner, list, &extent);
    return finish(c, ok && (rest == 0 || take_small(c, low, high, rest, owner, list)), rest == 0 ? &extent : NULL, list, spread);
}

static bool place_aligned(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    return in_pod(c, q, owner, list, spread, true);
}

static bool place_pod(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    return in_pod(c, q, owner, list, spread, false);
}

/* Whole leaves of several pods: wholly free pods first, then those at least half free, then all. */
static bool place_pods(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t n = q->chips / c->shape.leaf_chips, rest = q->chips % c->shape.leaf_chips, have = c->rows[c->rows_per_leaf].members, half = (c->leaves_per_pod + 1) / 2;
    sp_i_extent extent = sp_i_extent_begin(c);
    bool ok = true;
    *list = SP_NOWHERE;
    if (n == 0 || have < n || !sp_i_reserve(c, n + 1)) return false;
    for (uint32_t pass = have < half ? 2 : c->whole_pods == 0 || n < c->leaves_per_pod ? 1 : 0; pass < 2 && n > 0; pass++)
        for (uint32_t pod = 0; pod < c->pods && n > 0 && ok; pod++) {
            uint32_t least = pass == 0 ? c->leaves_per_pod : half, take = c->pod_whole[pod] < n ? c->pod_whole[pod] : n;
            if (c->pod_whole[pod] < least || (pass == 0 && take < c->leaves_per_pod)) continue;
            ok = take_leaves(c, pod * c->leaves_per_pod, (pod + 1) * c->leaves_per_pod, take, owner, list, &extent);
            n -= take;
        }
    ok = ok && take_leaves(c, 0, c->leaves, n, owner, list, &extent);
    return finish(c, ok && (rest == 0 || take_small(c, 0, c->leaves, rest, owner, list)), rest == 0 ? &extent : NULL, list, spread);
}

/* ---- hosts and chips anywhere ------------------------------------------------------------------------------------------- */

/* n wholly free rows of [low, high), one pod or all, for a new list, from the leaves with most of them. Returns how many are still missing. */
static uint32_t take_rows(sp_cluster *c, uint32_t low, uint32_t high, uint32_t n, uint32_t owner, uint32_t *list, sp_i_extent *extent)
{
    for (uint32_t r = c->rows_per_leaf; r > 0 && n > 0; r--) {
        if (c->rows[r].members == 0) continue;
        n -= r * sp_i_take_level(c, r, low, high, n / r, owner, list, extent);
        uint32_t leaf = n == 0 ? SP_NOWHERE : sp_i_bits_first(&c->rows[r], low, high);
        if (leaf == SP_NOWHERE) continue;
        if (!sp_i_take_new(c, leaf, rectangle(c, leaf, n, c->shape.row_chips), owner, list)) return n;   /* less than r rows are missing */
        sp_i_extent_add(c, extent, leaf, leaf, 1, n * c->shape.row_chips, n);
        return 0;
    }
    return n;
}

/* Leaves of a window with anything free. */
static uint64_t any_free(const sp_cluster *c, uint32_t window)
{
    uint64_t any = 0;
    for (uint32_t i = 0; i < c->rows_per_leaf + 1 + c->shape.row_chips; i++) any |= c->rows[i].word[window];   /* `part` lies behind `rows` */
    return any;
}

/* First window >= from with anything free, or SP_NOWHERE. */
static uint32_t next_free_window(const sp_cluster *c, uint32_t from)
{
    const sp_i_bits *set = c->rows;
    for (uint32_t s = from / 64; s < set->summaries; s++, from = s * 64) {
        uint64_t any = 0;
        for (uint32_t i = 0; i < c->rows_per_leaf + 1 + c->shape.row_chips; i++) any |= set[i].summary[s];
        any &= UINT64_MAX << from % 64;
        if (any != 0) return s * 64 + (uint32_t)__builtin_ctzll(any);
    }
    return SP_NOWHERE;
}

/* n free chips, from the first leaf on. Returns how many are still missing. */
static uint32_t take_chips(sp_cluster *c, uint32_t n, uint32_t owner, uint32_t *list)
{
    for (uint32_t window = 0; n > 0 && (window = next_free_window(c, window)) != SP_NOWHERE; window++)
        for (uint64_t leaves = any_free(c, window); leaves != 0 && n > 0; leaves &= leaves - 1) {
            uint32_t leaf = window * 64 + (uint32_t)__builtin_ctzll(leaves), have = sp_i_count(c->leaf[leaf].word), take = have < n ? have : n;
            if (!sp_i_take_fresh(c, leaf, take == have ? c->leaf[leaf].word : sp_i_lowest_bits(c->leaf[leaf].word, take), owner, list)) return n;
            n -= take;
        }
    return n;
}

/* The pod with the fewest free rows that are n or more, the first of equal ones; or SP_NOWHERE. */
static uint32_t fullest_pod(const sp_cluster *c, uint32_t n)
{
    uint32_t least = UINT32_MAX, pod = 0;
    if (c->whole_rows < n) return SP_NOWHERE;
    for (uint32_t i = 0; i < c->pods; i++) {   /* those with less wrap to beyond the others */
        uint32_t more = c->pod_rows[i] - n;
        least = more < least ? more : least;
    }
    if (least > c->whole_rows) return SP_NOWHERE;
    while (c->pod_rows[pod] - n != least) pod++;
    return pod;
}

/* Hosts of one pod: the fullest that has as many free. */
static bool place_hosts(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t n = q->chips / c->shape.row_chips, rest = q->chips % c->shape.row_chips;
    *list = SP_NOWHERE;
    if (n == 0) return place_in_leaf(c, q, owner, list, spread);
    uint32_t best = fullest_pod(c, n);
    if (best == SP_NOWHERE || !sp_i_reserve(c, (n < c->leaves_per_pod ? n : c->leaves_per_pod) + 1)) return false;
    uint32_t low = best * c->leaves_per_pod, high = low + c->leaves_per_pod;
    sp_i_extent extent = sp_i_extent_begin(c);
    bool ok = take_rows(c, low, high, n, owner, list, &extent) == 0;
    return finish(c, ok && (rest == 0 || take_small(c, low, high, rest, owner, list)), rest == 0 ? &extent : NULL, list, spread);
}

/* Hosts anywhere, then single chips: fails only when the chips are not there. */
static bool place_scatter(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t n = q->chips / c->shape.row_chips, pieces = q->chips < c->leaves ? q->chips : c->leaves;
    *list = SP_NOWHERE;
    if (q->chips == 0 || q->chips > c->free_chips || !sp_i_reserve(c, 2 * pieces + 2)) return false;
    sp_i_extent extent = sp_i_extent_begin(c);
    uint32_t missing = take_rows(c, 0, c->leaves, n, owner, list, &extent) * c->shape.row_chips + q->chips % c->shape.row_chips;
    if (missing == 0) return finish(c, true, &extent, list, spread);
    if (missing != 0 && missing < c->shape.row_chips && take_small(c, 0, c->leaves, missing, owner, list)) missing = 0;
    return finish(c, take_chips(c, missing, owner, list) == 0, NULL, list, spread);
}

static bool place_segments(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t size = q->segment_chips, leaf = c->shape.leaf_chips;
    *list = SP_NOWHERE;
    if (size == 0 || q->chips == 0 || q->chips % size != 0 || q->chips > c->free_chips) return false;
    if (size > leaf && size % leaf != 0) return false;
    sp_i_extent extent = sp_i_extent_begin(c);
    bool ok = sp_i_reserve(c, q->chips / (size < leaf ? size : leaf));
    for (uint32_t left = q->chips / size; left > 0 && ok; left--) {
        if (size <= leaf) {
            ok = take_small(c, 0, c->leaves, size, owner, list);
            continue;
        }
        uint32_t pod = best_pod(c, size / leaf, NULL);
        ok = pod != SP_NOWHERE && take_leaves(c, pod * c->leaves_per_pod, (pod + 1) * c->leaves_per_pod, size / leaf, owner, list, &extent);
    }
    return finish(c, ok, size > leaf ? &extent : NULL, list, spread);
}

static bool place_best(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    if (q->chips == 0 || q->chips > c->free_chips) return false;
    if (q->segment_chips != 0) return place_segments(c, q, owner, list, spread);
    if (c->shape.torus[0] != 0 && (sp_i_place_cubes(c, q, owner, list, spread) || sp_i_place_box(c, q, owner, list, spread))) return true;
    return place_aligned(c, q, owner, list, spread) || place_pod(c, q, owner, list, spread) || place_pods(c, q, owner, list, spread)
           || place_hosts(c, q, owner, list, spread) || place_scatter(c, q, owner, list, spread);
}

const sp_place_policy sp_place_policies[] = {
    {"best", "the first of aligned, pod, pods, hosts, scatter that holds the job, on a torus cubes and box before them; segments where they are asked for", place_best, NULL},
    {"sub-array", "rows x columns of one rack: a full mesh; jobs up to a rack", place_in_leaf, NULL},
    {"aligned", "whole racks in an aligned run of one pod; up to a rack as sub-array", place_aligned, NULL},
    {"pod", "whole racks anywhere in one pod, the fullest that holds the job", place_pod, NULL},
    {"pods", "whole racks of several pods, wholly free pods first", place_pods, NULL},
    {"hosts", "whole hosts anywhere in one pod", place_hosts, NULL},
    {"scatter", "whole hosts anywhere, then single chips: fails only when the chips are not there", place_scatter, NULL},
    {"segments", "blocks of so many chips, each in one rack or in whole racks of one pod", place_segments, NULL},
    {"box", "a box of a torus, in any rotation and across its wrap; the most compact first", sp_i_place_box, NULL},
    {"cubes", "4 x 4 x 4 cubes of a torus that optical switches join: any of a pod; up to a cube a box in one", sp_i_place_cubes, NULL},
    {"mindcluster", "MindCluster's rules: whole nodes of a rack, else of a SuperPoD that keeps its reserve, else of several; sp-block as segment", sp_i_place_mindcluster,
     sp_i_replace_mindcluster},
    {"mindcluster-domain", "the same for jobs that ask for UB memory: a rack, else one domain of 16 racks", sp_i_place_mindcluster_domain, sp_i_replace_mindcluster},
};
const size_t sp_place_n_policies = sizeof sp_place_policies / sizeof *sp_place_policies;

const sp_place_policy *sp_place_policy_find(const char *name)
{
    for (size_t i = 0; i < sp_place_n_policies; i++)
        if (strcmp(sp_place_policies[i].name, name) == 0) return &sp_place_policies[i];
    return NULL;
}

/* More chips for an owner, and its tally. */
static bool add_chips(sp_cluster *c, found at, uint32_t owner, uint32_t *list, sp_i_tally *tally)
{
    const sp_i_piece *piece = sp_i_piece_of(c, at.leaf, owner);
    uint64_t before = piece == NULL ? 0 : piece->mask;
    if (!sp_i_take(c, at.leaf, at.mask, owner, list)) return false;
    if (tally != NULL) sp_i_tally_change(c, tally, at.leaf, before, before | at.mask);
    return true;
}

/* The chips beside those lost that the owner holds in the same hosts. */
static uint64_t beside(const sp_cluster *c, uint64_t mask, const sp_i_piece *piece)
{
    uint64_t rows = 0;
    for (uint32_t r = 0; r < c->rows_per_leaf; r++)
        if ((mask & sp_i_row(c, r)) != 0) rows |= sp_i_row(c, r);
    return piece == NULL ? 0 : piece->mask & rows & ~mask;
}

/* A part of a host in another rack would tear its groups apart: the whole host moves. False: no host for it, nothing changed. */
static bool move_hosts(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list, sp_i_tally *tally)
{
    sp_i_piece *piece = sp_i_piece_of(c, leaf, owner);
    uint64_t rest = beside(c, mask, piece);
    uint32_t k = (uint32_t)(sp_i_count(mask) + sp_i_count(rest)), low = leaf / c->leaves_per_pod * c->leaves_per_pod;
    if (rest == 0) return false;
    found at = find_small(c, low, low + c->leaves_per_pod, k);
    if (at.leaf == SP_NOWHERE) at = find_small(c, 0, c->leaves, k);
    if (at.leaf == SP_NOWHERE || at.leaf == leaf) return false;
    uint64_t before = piece->mask;
    piece->mask &= ~rest;
    sp_i_set_free(c, leaf, c->leaf[leaf].word | rest);
    if (tally != NULL) sp_i_tally_change(c, tally, leaf, before, before & ~rest);
    return add_chips(c, at, owner, list, tally);
}

bool sp_i_replace(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list, sp_i_tally *tally)
{
    uint32_t k = sp_i_count(mask);
    if (k == 0) return true;
    if (k > c->free_chips || !sp_i_reserve(c, k)) return false;
    found at = find_small(c, leaf, leaf + 1, k);
    if (at.leaf != SP_NOWHERE) return add_chips(c, at, owner, list, tally);
    return move_hosts(c, leaf, mask, owner, list, tally) || sp_i_extend(c, leaf, k, owner, list, tally);
}

uint64_t sp_i_fit(const sp_cluster *c, uint32_t leaf, uint32_t chips)
{
    found at = find_small(c, leaf, leaf + 1, chips);
    return at.leaf == SP_NOWHERE ? 0 : at.mask;
}

bool sp_i_extend(sp_cluster *c, uint32_t leaf, uint32_t k, uint32_t owner, uint32_t *list, sp_i_tally *tally)
{
    uint32_t low = leaf / c->leaves_per_pod * c->leaves_per_pod;
    if (k > c->free_chips || !sp_i_reserve(c, k)) return false;
    found at = find_small(c, leaf, leaf + 1, k);
    if (at.leaf == SP_NOWHERE) at = find_small(c, low, low + c->leaves_per_pod, k);
    if (at.leaf == SP_NOWHERE) at = find_small(c, 0, c->leaves, k);
    if (at.leaf != SP_NOWHERE) return add_chips(c, at, owner, list, tally);
    for (uint32_t window = 0; k > 0 && (window = next_free_window(c, window)) != SP_NOWHERE; window++)   /* crumbs: there are as many free chips */
        for (uint64_t leaves = any_free(c, window); leaves != 0 && k > 0; leaves &= leaves - 1) {
            uint32_t l = window * 64 + (uint32_t)__builtin_ctzll(leaves), have = sp_i_count(c->leaf[l].word), take = have < k ? have : k;
            if (!add_chips(c, (found){l, sp_i_lowest_bits(c->leaf[l].word, take)}, owner, list, tally)) return false;
            k -= take;
        }
    return true;
}
