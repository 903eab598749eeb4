/* The state: words of leaves, counters, and pieces that jobs hold. */
#include "cluster_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static sp_status check_shape(const sp_cluster_shape *s, sp_error *err)
{
    if (s->row_chips == 0 || s->leaf_chips == 0 || s->pod_chips == 0 || s->chips == 0 || s->leaf_chips > 64
        || s->leaf_chips % s->row_chips != 0 || s->pod_chips % s->leaf_chips != 0 || s->chips % s->pod_chips != 0
        || s->spares_per_leaf > UINT16_MAX)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0,
                            "hosts of %u chips, racks of %u, pods of %u, %u in all: each must divide the next, racks at most 64",
                            s->row_chips, s->leaf_chips, s->pod_chips, s->chips);
    return SP_OK;
}

/* One block: words first, then smaller types, so that everything is aligned. */
static sp_status allocate(sp_cluster *c, sp_error *err)
{
    size_t leaf_sets = c->rows_per_leaf + 1u + c->shape.row_chips, counts = c->leaves_per_pod + 1u, sets = leaf_sets + counts + 1;
    size_t words = 3u * (size_t)c->leaves + leaf_sets * sp_i_bits_words(c->leaves) + counts * sp_i_bits_words(c->pods) + sp_i_bits_words((uint32_t)counts);
    size_t bytes = words * 8 + (size_t)c->leaves * (4 + 2 + 1) + (size_t)c->pods * 16 + 16;
    c->rows = calloc(sets, sizeof *c->rows);
    c->memory = calloc(1, bytes);
    if (c->rows == NULL || c->memory == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the cluster's state");
    uint64_t *at = c->memory;
    c->free = at;
    c->down = at + c->leaves;
    c->parts = at + 2u * (size_t)c->leaves;
    at += 3u * (size_t)c->leaves;
    c->part = c->rows + c->rows_per_leaf + 1;
    c->pods_with = c->rows + leaf_sets;
    c->counts = c->pods_with + counts;
    for (size_t i = 0; i < leaf_sets; i++) at = sp_i_bits_carve(&c->rows[i], c->leaves, at);
    for (size_t i = 0; i < counts; i++) at = sp_i_bits_carve(&c->pods_with[i], c->pods, at);
    at = sp_i_bits_carve(c->counts, (uint32_t)counts, at);
    c->first = (uint32_t *)at;
    c->pod_whole = c->first + c->leaves;
    c->pod_rows = c->pod_whole + c->pods;
    c->pod_mark = c->pod_rows + c->pods;
    c->pod_count = c->pod_mark + c->pods;
    c->spare_ready = (uint16_t *)(c->pod_count + c->pods);
    c->rows_free = (uint8_t *)(c->spare_ready + c->leaves);
    c->memory_bytes = bytes;
    c->sets = sets;
    c->bytes = bytes + sets * sizeof *c->rows + sizeof *c;
    return SP_OK;
}

sp_status sp_cluster_create(const sp_cluster_shape *shape, sp_cluster **out, sp_error *err)
{
    sp_status status = check_shape(shape, err);
    if (status != SP_OK) return status;
    sp_cluster *c = calloc(1, sizeof *c);
    if (c == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the cluster's state");
    c->shape = *shape;
    c->leaves = shape->chips / shape->leaf_chips;
    c->pods = shape->chips / shape->pod_chips;
    c->leaves_per_pod = shape->pod_chips / shape->leaf_chips;
    c->rows_per_leaf = shape->leaf_chips / shape->row_chips;
    c->full = UINT64_MAX >> (64 - shape->leaf_chips);
    c->row_full = UINT64_MAX >> (64 - shape->row_chips);
    for (uint32_t r = 0; r < c->rows_per_leaf; r++) c->row_first |= UINT64_C(1) << r * shape->row_chips;
    c->piece_free = SP_NOWHERE;
    status = allocate(c, err);
    if (status != SP_OK) {
        sp_cluster_destroy(c);
        return status;
    }
    for (uint32_t pod = 0; pod < c->pods; pod++) sp_i_bits_put(&c->pods_with[0], pod, true);
    sp_i_bits_put(c->counts, 0, true);
    for (uint32_t l = 0; l < c->leaves; l++) {
        c->first[l] = SP_NOWHERE;
        c->spare_ready[l] = (uint16_t)shape->spares_per_leaf;
        sp_i_set_free(c, l, c->full);
    }
    c->spares_ready = c->leaves * shape->spares_per_leaf;
    *out = c;
    return SP_OK;
}

sp_cluster *sp_i_clone(const sp_cluster *c)
{
    sp_cluster *copy = malloc(sizeof *copy);
    sp_i_piece *piece = malloc(c->piece_room == 0 ? 1 : c->piece_room * sizeof *piece);
    if (copy != NULL) {
        *copy = *c;
        copy->rows = NULL;
        copy->memory = NULL;
        copy->piece = piece;
    }
    if (copy == NULL || piece == NULL || allocate(copy, NULL) != SP_OK) {
        if (copy == NULL) free(piece);
        sp_cluster_destroy(copy);
        return NULL;
    }
    memcpy(copy->memory, c->memory, c->memory_bytes);
    if (c->piece != NULL) memcpy(piece, c->piece, c->piece_room * sizeof *piece);
    for (size_t i = 0; i < c->sets; i++) copy->rows[i].members = c->rows[i].members;
    return copy;
}

void sp_cluster_destroy(sp_cluster *cluster)
{
    if (cluster == NULL) return;
    free(cluster->rows);
    free(cluster->memory);
    free(cluster->piece);
    free(cluster);
}

const sp_cluster_shape *sp_cluster_shape_get(const sp_cluster *cluster) { return &cluster->shape; }
size_t sp_cluster_bytes(const sp_cluster *cluster) { return cluster->bytes + cluster->piece_room * sizeof *cluster->piece; }
uint32_t sp_cluster_free_chips(const sp_cluster *cluster) { return cluster->free_chips; }
uint32_t sp_cluster_down_chips(const sp_cluster *cluster) { return cluster->down_positions + cluster->spares_used; }
uint32_t sp_cluster_spares_ready(const sp_cluster *cluster) { return cluster->spares_ready; }

bool sp_cluster_chip_free(const sp_cluster *cluster, uint32_t chip)
{
    return (cluster->free[chip / cluster->shape.leaf_chips] >> chip % cluster->shape.leaf_chips & 1) != 0;
}

/* The first bits of those rows of a word that are full. */
static uint64_t full_rows(const sp_cluster *c, uint64_t word)
{
    for (uint32_t by = c->shape.row_chips / 2; by > 0; by /= 2) word &= word >> by;
    return word & c->row_first;
}

/* Number of wholly free rows of a word, and the set of free counts of the others. */
static uint32_t classify(const sp_cluster *c, uint64_t word, uint64_t *parts)
{
    uint32_t whole = 0, size = c->shape.row_chips;
    *parts = 0;
    if (word == c->full) return c->rows_per_leaf;
    if ((size & (size - 1)) == 0) {
        uint64_t full = full_rows(c, word);   /* x row_full: every such row */
        whole = sp_i_count(full);
        word &= ~(full * c->row_full);
    }
    for (uint32_t r = 0; word != 0; r++, word = size < 64 ? word >> size : 0) {
        uint64_t row = word & c->row_full;
        if (row == c->row_full) whole++;
        else if (row != 0) *parts |= UINT64_C(1) << sp_i_count(row);
    }
    return whole;
}

/* Wholly free leaves of a pod, more or fewer. */
static void change_whole(sp_cluster *c, uint32_t pod, uint32_t by)
{
    uint32_t before = c->pod_whole[pod], after = before + by;
    sp_i_bits_out(&c->pods_with[before], pod);
    if (c->pods_with[before].members == 0) sp_i_bits_out(c->counts, before);
    if (c->pods_with[after].members == 0) sp_i_bits_in(c->counts, after);
    sp_i_bits_in(&c->pods_with[after], pod);
    c->pod_whole[pod] = after;
    c->whole_pods = c->pods_with[c->leaves_per_pod].members;
}

/* The leaf's number of wholly free rows is another. */
static void change_rows(sp_cluster *c, uint32_t leaf, uint32_t after)
{
    uint32_t before = c->rows_free[leaf], pod = leaf / c->leaves_per_pod;
    if (before == after) return;
    if (before != 0) sp_i_bits_out(&c->rows[before], leaf);
    if (after != 0) sp_i_bits_in(&c->rows[after], leaf);
    c->rows_free[leaf] = (uint8_t)after;
    c->pod_rows[pod] += after - before;
    c->whole_rows += after - before;
    if (after == c->rows_per_leaf) change_whole(c, pod, 1);
    else if (before == c->rows_per_leaf) change_whole(c, pod, UINT32_MAX);
}

void sp_i_set_free(sp_cluster *c, uint32_t leaf, uint64_t mask)
{
    uint64_t was = c->free[leaf], changed = was ^ mask, firsts = changed & c->row_first, parts;
    c->free[leaf] = mask;
    if (firsts * c->row_full == changed && ((was & changed) == 0 || (mask & changed) == 0)) {   /* whole rows, most of the time: all come free or none does */
        uint32_t rows = (was & changed) == 0 ? sp_i_count(firsts) : 0u - sp_i_count(firsts);
        c->free_chips += rows * c->shape.row_chips;
        change_rows(c, leaf, c->rows_free[leaf] + rows);
        return;
    }
    change_rows(c, leaf, classify(c, mask, &parts));
    c->free_chips += sp_i_count(mask) - sp_i_count(was);
    for (uint64_t other = parts ^ c->parts[leaf]; other != 0; other &= other - 1) {
        uint32_t n = (uint32_t)__builtin_ctzll(other);
        sp_i_bits_put(&c->part[n], leaf, (parts >> n & 1) != 0);
    }
    c->parts[leaf] = parts;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

bool sp_i_reserve(sp_cluster *c, uint32_t n)
{
    if (c->piece_room - c->pieces - c->promised >= n) return true;
    uint64_t room = (uint64_t)c->piece_room * 2 + n + 64;
    if (room >= SP_NOWHERE) return false;
    sp_i_piece *piece = realloc(c->piece, room * sizeof *piece);
    if (piece == NULL) return false;
    for (uint64_t i = c->piece_room; i < room; i++)
        piece[i].next = i + 1 < room ? (uint32_t)i + 1 : c->piece_free;
    c->piece_free = c->piece_room;
    c->piece = piece;
    c->piece_room = (uint32_t)room;
    return true;
}

/* A set without gaps is a run, and quicker to fill. */
static bool one_run(uint64_t set) { return (set & (set + 1)) == 0; }

static void set_first(sp_cluster *c, uint32_t leaf, uint64_t set, uint32_t n, uint32_t piece)
{
    uint32_t *first = c->first + leaf;
    if (one_run(set))
        for (uint32_t i = 0; i < n; i++) first[i] = piece;
    else
        for (; set != 0; set &= set - 1) first[__builtin_ctzll(set)] = piece;
}

/* There is room for it. */
static uint32_t new_piece(sp_cluster *c, sp_i_piece piece)
{
    uint32_t p = c->piece_free;
    c->piece_free = c->piece[p].next;
    c->pieces++;
    c->piece[p] = piece;
    set_first(c, piece.leaf, piece.set, piece.count, p);
    return p;
}

bool sp_i_take(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list)
{
    assert((mask & ~c->free[leaf]) == 0);
    sp_i_piece *held = *list == SP_NOWHERE || c->free[leaf] == c->full ? NULL : sp_i_piece_of(c, leaf, owner);   /* a new list holds nothing */
    if (held != NULL) {
        held->mask |= mask;
        sp_i_set_free(c, leaf, c->free[leaf] & ~mask);
        return true;
    }
    return sp_i_take_new(c, leaf, mask, owner, list);
}

bool sp_i_take_new(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list)
{
    if (!sp_i_reserve(c, 1)) return false;
    *list = new_piece(c, (sp_i_piece){.mask = mask, .set = 1, .leaf = leaf, .owner = owner, .next = *list, .beside = c->first[leaf], .count = 1});
    sp_i_set_free(c, leaf, c->free[leaf] & ~mask);
    return true;
}

bool sp_cluster_take(sp_cluster *c, uint32_t chip, uint32_t owner, uint32_t *list)
{
    return sp_i_take(c, chip / c->shape.leaf_chips, UINT64_C(1) << chip % c->shape.leaf_chips, owner, list);
}

/* Leaves of a pod, all wholly free or all wholly taken, turn to the other. */
static void flip_set(sp_cluster *c, uint32_t leaf, uint64_t set, uint32_t n, bool freed)
{
    uint32_t pod = leaf / c->leaves_per_pod, rows = c->rows_per_leaf;
    uint64_t word = freed ? c->full : 0, *free_words = c->free + leaf;
    uint8_t whole = (uint8_t)(freed ? rows : 0), *rows_free = c->rows_free + leaf;
    if (one_run(set)) {
        for (uint32_t i = 0; i < n; i++) free_words[i] = word;
        memset(rows_free, whole, n);
    } else
        for (uint64_t left = set; left != 0; left &= left - 1) {
            int i = __builtin_ctzll(left);
            free_words[i] = word;
            rows_free[i] = whole;
        }
    sp_i_bits_put_set(&c->rows[rows], leaf, set, freed);
    c->free_chips += freed ? n * c->shape.leaf_chips : 0u - n * c->shape.leaf_chips;
    c->pod_rows[pod] += freed ? n * rows : 0u - n * rows;
    c->whole_rows += freed ? n * rows : 0u - n * rows;
    change_whole(c, pod, freed ? n : 0u - n);
}

/* Those leaves that somebody's empty piece is still chained to. */
static uint64_t chained(const sp_cluster *c, uint32_t leaf, uint64_t set)
{
    const uint32_t *first = c->first + leaf;
    uint64_t out = 0;
    uint32_t all = SP_NOWHERE, n = sp_i_count(set);
    if (one_run(set))
        for (uint32_t i = 0; i < n; i++) all &= first[i];
    else
        for (uint64_t left = set; left != 0; left &= left - 1) all &= first[__builtin_ctzll(left)];
    for (uint64_t left = all == SP_NOWHERE ? 0 : set; left != 0; left &= left - 1)
        if (first[__builtin_ctzll(left)] != SP_NOWHERE) out |= left & -left;
    return out;
}

bool sp_i_take_set(sp_cluster *c, uint32_t leaf, uint64_t set, uint32_t owner, uint32_t *list)
{
    uint64_t alone = chained(c, leaf, set);
    set &= ~alone;
    if (!sp_i_reserve(c, sp_i_count(alone) + sp_i_count(set))) return false;
    for (; alone != 0; alone &= alone - 1)
        if (!sp_i_take(c, leaf + (uint32_t)__builtin_ctzll(alone), c->full, owner, list)) return false;
    if (set == 0) return true;
    uint32_t n = sp_i_count(set), low = (uint32_t)__builtin_ctzll(set);
    *list = new_piece(c, (sp_i_piece){.mask = c->full, .set = set >> low, .leaf = leaf + low, .owner = owner, .next = *list, .beside = SP_NOWHERE, .count = n});
    c->promised += n - 1;
    flip_set(c, leaf + low, set >> low, n, false);
    return true;
}

bool sp_i_take_rests(sp_cluster *c, uint32_t leaf, uint64_t set, uint32_t owner, uint32_t *list)
{
    uint32_t n = sp_i_count(set), rows = c->rows_free[leaf + (uint32_t)__builtin_ctzll(set)], pod = leaf / c->leaves_per_pod;
    if (!sp_i_reserve(c, n)) return false;
    for (uint64_t left = set; left != 0; left &= left - 1) {
        uint32_t l = leaf + (uint32_t)__builtin_ctzll(left), p = c->piece_free;
        sp_i_piece *piece = &c->piece[p];
        c->piece_free = piece->next;
        *piece = (sp_i_piece){.mask = c->free[l], .set = 1, .leaf = l, .owner = owner, .next = *list, .beside = c->first[l], .count = 1};
        c->first[l] = *list = p;
        c->free[l] = c->rows_free[l] = 0;
    }
    c->pieces += n;
    sp_i_bits_put_set(&c->rows[rows], leaf, set, false);
    c->free_chips -= n * rows * c->shape.row_chips;
    c->pod_rows[pod] -= n * rows;
    c->whole_rows -= n * rows;
    return true;
}

/* The leaf's piece becomes its own: the others of a set go to a piece that comes next. It was promised. */
static void split(sp_cluster *c, uint32_t leaf)
{
    uint32_t p = c->first[leaf];
    if (p == SP_NOWHERE || c->piece[p].count == 1) return;
    sp_i_piece rest = c->piece[p];
    uint64_t others = rest.set & ~(UINT64_C(1) << (leaf - rest.leaf));
    uint32_t low = (uint32_t)__builtin_ctzll(others);
    c->piece[p].leaf = leaf;
    c->piece[p].set = c->piece[p].count = 1;
    c->promised--;
    rest.leaf += low;
    rest.set = others >> low;
    rest.count--;
    c->piece[p].next = new_piece(c, rest);
}

static void unhook(sp_cluster *c, uint32_t p)
{
    uint32_t *at = &c->first[c->piece[p].leaf];
    while (*at != p) at = &c->piece[*at].beside;
    *at = c->piece[p].beside;
}

static void free_piece(sp_cluster *c, const sp_i_piece *piece, uint32_t p)
{
    if (piece->count == 1) {
        unhook(c, p);
        sp_i_set_free(c, piece->leaf, c->free[piece->leaf] | piece->mask);
        return;
    }
    set_first(c, piece->leaf, piece->set, piece->count, SP_NOWHERE);
    flip_set(c, piece->leaf, piece->set, piece->count, true);
    c->promised -= piece->count - 1;
}

void sp_cluster_free(sp_cluster *c, uint32_t list)
{
    while (list != SP_NOWHERE) {
        sp_i_piece *piece = &c->piece[list];
        uint32_t next = piece->next;
        free_piece(c, piece, list);
        piece->next = c->piece_free;
        c->piece_free = list;
        c->pieces--;
        list = next;
    }
}

uint32_t sp_i_give_back(sp_cluster *c, sp_i_piece *piece, uint32_t most)
{
    uint64_t mask = 0;
    uint32_t n = 0;
    if (most == 0) return 0;
    split(c, piece->leaf);
    for (uint64_t left = piece->mask; left != 0 && n < most; left &= left - 1, n++) mask |= left & -left;
    piece->mask &= ~mask;
    sp_i_set_free(c, piece->leaf, c->free[piece->leaf] | mask);
    return n;
}

sp_i_piece *sp_i_piece_at(const sp_cluster *c, uint32_t leaf, uint64_t bit)
{
    for (uint32_t p = c->first[leaf]; p != SP_NOWHERE; p = c->piece[p].beside)
        if ((c->piece[p].mask & bit) != 0) return &c->piece[p];
    return NULL;
}

sp_i_piece *sp_i_piece_of(const sp_cluster *c, uint32_t leaf, uint32_t owner)
{
    for (uint32_t p = c->first[leaf]; p != SP_NOWHERE; p = c->piece[p].beside)
        if (c->piece[p].owner == owner) return &c->piece[p];
    return NULL;
}

uint32_t sp_cluster_owner(const sp_cluster *c, uint32_t chip)
{
    const sp_i_piece *piece = sp_i_piece_at(c, chip / c->shape.leaf_chips, UINT64_C(1) << chip % c->shape.leaf_chips);
    return piece == NULL ? SP_NOWHERE : piece->owner;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

uint32_t sp_cluster_list_chips(const sp_cluster *c, uint32_t list, uint32_t *out)
{
    uint32_t n = 0;
    for (uint32_t p = list; p != SP_NOWHERE; p = c->piece[p].next)
        for (uint64_t leaves = c->piece[p].set; leaves != 0; leaves &= leaves - 1) {
            uint32_t low = (c->piece[p].leaf + (uint32_t)__builtin_ctzll(leaves)) * c->shape.leaf_chips;
            for (uint64_t left = c->piece[p].mask; left != 0; left &= left - 1) out[n++] = low + (uint32_t)__builtin_ctzll(left);
        }
    qsort(out, n, sizeof *out, by_number);
    return n;
}

/* ---- health -------------------------------------------------------------------------------------------------------- */

void sp_i_fail(sp_cluster *c, uint32_t leaf, uint64_t mask)
{
    assert((c->down[leaf] & mask) == 0);
    split(c, leaf);
    for (uint32_t p = c->first[leaf]; p != SP_NOWHERE; p = c->piece[p].beside) c->piece[p].mask &= ~mask;
    c->down[leaf] |= mask;
    c->down_positions += sp_i_count(mask);
    sp_i_set_free(c, leaf, c->free[leaf] & ~mask);
}

void sp_cluster_take_down(sp_cluster *c, uint32_t chip)
{
    uint32_t leaf = chip / c->shape.leaf_chips;
    uint64_t bit = UINT64_C(1) << chip % c->shape.leaf_chips;
    if ((c->down[leaf] & bit) != 0) return;
    assert((c->free[leaf] & bit) != 0);
    sp_i_fail(c, leaf, bit);
}

void sp_i_repair(sp_cluster *c, uint32_t leaf, uint64_t mask)
{
    assert((c->down[leaf] & mask) == mask);
    c->down[leaf] &= ~mask;
    c->down_positions -= sp_i_count(mask);
    sp_i_set_free(c, leaf, c->free[leaf] | mask);
}

bool sp_i_spare_take(sp_cluster *c, uint32_t leaf)
{
    if (c->spare_ready[leaf] == 0) return false;
    c->spare_ready[leaf]--;
    c->spares_ready--;
    c->spares_used++;
    return true;
}

void sp_i_spare_give(sp_cluster *c, uint32_t leaf)
{
    c->spare_ready[leaf]++;
    c->spares_ready++;
    c->spares_used--;
}
