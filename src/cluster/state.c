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

/* One block: leaves first, then words, then smaller types, so that everything is aligned. */
static sp_status allocate(sp_cluster *c, sp_error *err)
{
    size_t sets = c->rows_per_leaf + 1u + c->shape.row_chips, windows = (c->leaves + 63u) / 64u;
    size_t words = 3u * windows + sets * sp_i_bits_words(c->leaves), size = sizeof *c->leaf;
    size_t bytes = (c->leaves * size + words * 8 + (size_t)c->pods * 16 + size - 1) / size * size;
    c->rows = calloc(sets, sizeof *c->rows);
    c->memory = aligned_alloc(size, bytes);
    if (c->rows == NULL || c->memory == NULL || c->piece == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the cluster's state");
    memset(c->memory, 0, bytes);
    c->leaf = c->memory;
    uint64_t *at = (uint64_t *)(c->leaf + c->leaves);
    c->alone = at;
    c->held = at + windows;
    c->slots = at + 2u * windows;
    at += 3u * windows;
    c->part = c->rows + c->rows_per_leaf + 1;
    for (size_t i = 0; i < sets; i++) at = sp_i_bits_carve(&c->rows[i], c->leaves, at);
    c->pod_whole = (uint32_t *)at;
    c->pod_rows = c->pod_whole + c->pods;
    c->pod_mark = c->pod_rows + c->pods;
    c->pod_count = c->pod_mark + c->pods;
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
    c->set_room = c->piece_room = (c->leaves + 63u) / 64u * 64u;
    c->piece = aligned_alloc(sizeof *c->piece, c->piece_room * sizeof *c->piece);
    status = allocate(c, err);
    if (status != SP_OK) {
        sp_cluster_destroy(c);
        return status;
    }
    for (uint32_t l = 0; l < c->leaves; l++) {
        c->leaf[l].first = SP_NOWHERE;
        c->leaf[l].spare_ready = (uint16_t)shape->spares_per_leaf;
        sp_i_set_free(c, l, c->full);
        c->alone[l / 64] |= UINT64_C(1) << l % 64;
    }
    c->spares_ready = c->leaves * shape->spares_per_leaf;
    *out = c;
    return SP_OK;
}

sp_cluster *sp_i_clone(const sp_cluster *c)
{
    sp_cluster *copy = malloc(sizeof *copy);
    sp_i_piece *piece = aligned_alloc(sizeof *piece, c->piece_room * sizeof *piece);
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
    memcpy(piece, c->piece, c->piece_room * sizeof *piece);
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
    return (sp_i_free(cluster, chip / cluster->shape.leaf_chips) >> chip % cluster->shape.leaf_chips & 1) != 0;
}

/* The first bits of those rows of a word that are full. */
static uint64_t full_rows(const sp_cluster *c, uint64_t word)
{
    if (c->shape.row_chips == 8) {   /* most machines */
        word &= word >> 4;
        word &= word >> 2;
        return word & word >> 1 & c->row_first;
    }
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
    c->whole_pods += (after == c->leaves_per_pod) - (before == c->leaves_per_pod);
    c->pod_whole[pod] = after;
}

/* May the leaf be taken in a set? */
static void set_alone(sp_cluster *c, uint32_t leaf)
{
    uint64_t bit = UINT64_C(1) << leaf % 64;
    if (c->leaf[leaf].first == SP_NOWHERE && c->leaf[leaf].parts == 0) c->alone[leaf / 64] |= bit;
    else c->alone[leaf / 64] &= ~bit;
}

/* From a level of whole rows to another; level 0 is no set. */
static void change_rows(sp_cluster *c, uint32_t leaf, uint32_t before, uint32_t after)
{
    uint32_t pod = leaf / c->leaves_per_pod, more = after - before;
    uint64_t bit = UINT64_C(1) << leaf % 64;
    if (before != 0) {
        sp_i_bits_clear(&c->rows[before], leaf / 64, bit);
        c->rows[before].members--;
    }
    if (after != 0) {
        sp_i_bits_fill(&c->rows[after], leaf / 64, bit);
        c->rows[after].members++;
    }
    c->leaf[leaf].rows = (uint8_t)after;
    c->pod_rows[pod] += more;
    c->whole_rows += more;
    if (after == c->rows_per_leaf) change_whole(c, pod, 1);
    else if (before == c->rows_per_leaf) change_whole(c, pod, UINT32_MAX);
}

/* The leaf is in no set. */
static inline void set_word(sp_cluster *c, uint32_t leaf, uint64_t word)
{
    sp_i_leaf *at = &c->leaf[leaf];
    uint64_t parts, was = at->word;
    if (was == word) return;
    uint32_t rows = classify(c, word, &parts);
    at->word = word;
    c->free_chips += sp_i_count(word) - sp_i_count(was);
    if (rows != at->rows) change_rows(c, leaf, at->rows, rows);
    if (parts == at->parts) return;
    for (uint64_t changed = parts ^ at->parts; changed != 0; changed &= changed - 1) {
        uint32_t n = (uint32_t)__builtin_ctzll(changed);
        sp_i_bits_put(&c->part[n], leaf, (parts >> n & 1) != 0);
    }
    at->parts = parts;
    set_alone(c, leaf);
}

void sp_i_set_free(sp_cluster *c, uint32_t leaf, uint64_t mask) { set_word(c, leaf, mask); }

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

bool sp_i_reserve(sp_cluster *c, uint32_t n)
{
    if (c->piece_room - c->set_room - c->pieces >= n) return true;
    uint64_t room = (uint64_t)c->piece_room * 2 + n + 64;
    if (room >= SP_NOWHERE) return false;
    sp_i_piece *piece = aligned_alloc(sizeof *piece, room * sizeof *piece);
    if (piece == NULL) return false;
    memcpy(piece, c->piece, c->piece_room * sizeof *piece);
    free(c->piece);
    for (uint64_t i = c->piece_room; i < room; i++)
        piece[i].next = i + 1 < room ? (uint32_t)i + 1 : c->piece_free;
    c->piece_free = c->piece_room;
    c->piece = piece;
    c->piece_room = (uint32_t)room;
    return true;
}

/* First of the leaf's chain. */
static void hook(sp_cluster *c, uint32_t leaf, uint32_t p)
{
    uint32_t *head = &c->leaf[leaf].first;
    c->piece[p].beside = *head;
    c->piece[p].above = SP_NOWHERE;
    if (*head != SP_NOWHERE) c->piece[*head].above = p;
    *head = p;
}

static void unhook(sp_cluster *c, uint32_t leaf, uint32_t p)
{
    const sp_i_piece *piece = &c->piece[p];
    if (piece->above == SP_NOWHERE) c->leaf[leaf].first = piece->beside;
    else c->piece[piece->above].beside = piece->beside;
    if (piece->beside != SP_NOWHERE) c->piece[piece->beside].above = piece->above;
}

/* Written field by field: a struct that is built on the stack and copied waits for its own stores, a third of the time of taking a large job. */
static void fill(sp_i_piece *piece, uint32_t leaf, uint64_t mask, uint32_t count, uint32_t rows, uint32_t owner, uint32_t next)
{
    piece->mask = mask;
    piece->leaf = leaf;
    piece->owner = owner;
    piece->next = next;
    piece->count = (uint8_t)count;
    piece->rows = (uint8_t)rows;
}

/* Of one leaf, positions `mask`. There is room for it. */
static uint32_t new_piece(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t next)
{
    uint32_t p = c->piece_free;
    sp_i_piece *piece = &c->piece[p];
    c->piece_free = piece->next;
    c->pieces++;
    fill(piece, leaf, mask, 1, 0, owner, next);
    hook(c, leaf, p);
    return p;
}

/* Of leaves `set` of a window, so many whole rows of each. */
static uint32_t new_set(sp_cluster *c, uint32_t window, uint64_t set, uint32_t count, uint32_t rows, uint32_t owner, uint32_t next)
{
    uint64_t unused = ~c->slots[window];
    uint32_t p = window * 64 + (uint32_t)__builtin_ctzll(unused);
    c->slots[window] |= unused & -unused;
    fill(&c->piece[p], window * 64 + (uint32_t)__builtin_ctzll(set), set, count, rows, owner, next);
    return p;
}

static bool add(sp_cluster *c, sp_i_piece *held, uint64_t mask)
{
    held->mask |= mask;
    sp_i_set_free(c, held->leaf, c->leaf[held->leaf].word & ~mask);
    return true;
}

bool sp_i_take(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list)
{
    assert((mask & ~sp_i_free(c, leaf)) == 0);
    sp_i_piece *held = *list == SP_NOWHERE || c->leaf[leaf].word == c->full ? NULL : sp_i_piece_of(c, leaf, owner);   /* a new list holds nothing */
    return held != NULL ? add(c, held, mask) : sp_i_take_new(c, leaf, mask, owner, list);
}

bool sp_i_take_fresh(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list)
{
    assert((mask & ~sp_i_free(c, leaf)) == 0);
    uint32_t first = *list == SP_NOWHERE ? SP_NOWHERE : c->leaf[leaf].first;
    return first != SP_NOWHERE && c->piece[first].owner == owner ? add(c, &c->piece[first], mask) : sp_i_take_new(c, leaf, mask, owner, list);
}

bool sp_i_take_new(sp_cluster *c, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list)
{
    if (!sp_i_reserve(c, 1)) return false;
    uint64_t bit = UINT64_C(1) << leaf % 64;
    *list = new_piece(c, leaf, mask, owner, *list);
    c->alone[leaf / 64] &= ~bit;
    sp_i_set_free(c, leaf, c->leaf[leaf].word & ~mask);
    return true;
}

bool sp_cluster_take(sp_cluster *c, uint32_t chip, uint32_t owner, uint32_t *list)
{
    return sp_i_take(c, chip / c->shape.leaf_chips, UINT64_C(1) << chip % c->shape.leaf_chips, owner, list);
}

static uint64_t whole_rows(const sp_cluster *c, uint64_t word)
{
    uint64_t out = 0;
    for (uint32_t r = 0; r < c->rows_per_leaf; r++)
        if ((~word & sp_i_row(c, r)) == 0) out |= sp_i_row(c, r);
    return out;
}

/* A leaf that others hold part of. It is counted as taken already. */
static void take_odd(sp_cluster *c, uint32_t leaf, uint32_t owner, uint32_t *list)
{
    uint64_t mask = c->leaf[leaf].parts == 0 ? c->leaf[leaf].word : whole_rows(c, c->leaf[leaf].word);
    c->leaf[leaf].word &= ~mask;
    c->leaf[leaf].rows = 0;
    *list = new_piece(c, leaf, mask, owner, *list);
}

/* Of leaves of a window; what is summed over all leaves is the caller's to count. */
static void take_in_window(sp_cluster *c, uint32_t window, uint64_t set, uint32_t rows, uint32_t owner, uint32_t *list, sp_i_extent *extent)
{
    uint64_t alone = c->alone[window];
    sp_i_bits_clear(&c->rows[rows], window, set);
    for (uint64_t odd = set & ~alone; odd != 0; odd &= odd - 1) take_odd(c, window * 64 + (uint32_t)__builtin_ctzll(odd), owner, list);
    while (set != 0) {
        uint32_t pod = (window * 64 + (uint32_t)__builtin_ctzll(set)) / c->leaves_per_pod, pod_end = (pod + 1) * c->leaves_per_pod;
        uint64_t here = pod_end < window * 64 + 64 ? set & UINT64_MAX >> (window * 64 + 64 - pod_end) : set, whole = here & alone;
        uint32_t count = sp_i_count(here);
        c->pod_rows[pod] -= rows * count;
        if (rows == c->rows_per_leaf) change_whole(c, pod, 0u - count);
        sp_i_extent_pod(c, extent, pod, count);
        set &= ~here;
        if (whole == 0) continue;
        *list = new_set(c, window, whole, whole == here ? count : sp_i_count(whole), rows, owner, *list);
        c->held[window] |= whole;
    }
}

uint32_t sp_i_take_level(sp_cluster *c, uint32_t rows, uint32_t low, uint32_t high, uint32_t most, uint32_t owner, uint32_t *list, sp_i_extent *extent)
{
    sp_i_bits *bits = &c->rows[rows];
    uint32_t taken = 0, first = 0, last = 0, from = low / 64, to = (high - 1) / 64;
    if (bits->members == 0 || low >= high) return 0;
    for (uint32_t s = from / 64; s <= to / 64; s++)
        for (uint64_t windows = bits->summary[s] & sp_i_span(s, from, to); windows != 0 && taken < most; windows &= windows - 1) {
            uint32_t window = s * 64 + (uint32_t)__builtin_ctzll(windows);
            uint64_t set = bits->word[window] & sp_i_span(window, low, high - 1);
            uint32_t count = sp_i_count(set);
            if (count == 0) continue;
            if (count > most - taken) {
                count = most - taken;
                set = sp_i_lowest_bits(set, count);
            }
            if (taken == 0) first = window * 64 + (uint32_t)__builtin_ctzll(set);
            last = window * 64 + 63 - (uint32_t)__builtin_clzll(set);
            taken += count;
            take_in_window(c, window, set, rows, owner, list, extent);
        }
    if (taken == 0) return 0;
    bits->members -= taken;
    c->whole_rows -= taken * rows;
    c->free_chips -= taken * rows * c->shape.row_chips;
    sp_i_extent_leaves(extent, first, last, taken, rows * c->shape.row_chips, rows);
    return taken;
}

uint32_t sp_i_set_at(const sp_cluster *c, uint32_t leaf)
{
    uint32_t window = leaf / 64;
    if (!sp_i_is_held(c, leaf)) return SP_NOWHERE;
    for (uint64_t used = c->slots[window];; used &= used - 1) {   /* one has it */
        uint32_t p = window * 64 + (uint32_t)__builtin_ctzll(used);
        if (c->piece[p].rows != 0 && (c->piece[p].set >> leaf % 64 & 1) != 0) return p;
    }
}

/* The others of the set go to one that comes next. */
void sp_i_open(sp_cluster *c, uint32_t leaf)
{
    uint32_t p = sp_i_set_at(c, leaf), window = leaf / 64;
    if (p == SP_NOWHERE) return;
    uint64_t bit = UINT64_C(1) << leaf % 64, rest = c->piece[p].set & ~bit;
    sp_i_piece *own = &c->piece[p];
    uint32_t next = rest == 0 ? own->next : new_set(c, window, rest, own->count - 1u, own->rows, own->owner, own->next);
    fill(own, leaf, c->leaf[leaf].word, 1, 0, own->owner, next);
    hook(c, leaf, p);
    c->alone[window] &= ~bit;
    c->held[window] &= ~bit;
    c->leaf[leaf].word = c->leaf[leaf].rows = 0;
}

static void free_leaf(sp_cluster *c, const sp_i_piece *piece, uint32_t p)
{
    uint32_t leaf = piece->leaf;
    unhook(c, leaf, p);
    set_word(c, leaf, c->leaf[leaf].word | piece->mask);
    set_alone(c, leaf);
}

/* What is summed over all leaves is the caller's to count. Returns how many rows come free. */
static uint32_t free_set(sp_cluster *c, const sp_i_piece *piece)
{
    uint32_t window = piece->leaf / 64, pod = piece->leaf / c->leaves_per_pod, count = piece->count, rows = piece->rows, all = rows * count;
    c->held[window] &= ~piece->set;
    sp_i_bits_fill(&c->rows[rows], window, piece->set);
    c->rows[rows].members += count;
    c->pod_rows[pod] += all;
    if (rows == c->rows_per_leaf) change_whole(c, pod, count);
    return all;
}

void sp_cluster_free(sp_cluster *c, uint32_t list)
{
    uint32_t rows = 0;
    while (list != SP_NOWHERE) {
        sp_i_piece *piece = &c->piece[list];
        uint32_t next = piece->next;
        __builtin_prefetch(&c->piece[next == SP_NOWHERE ? list : next]);
        if (piece->rows != 0) rows += free_set(c, piece);
        else free_leaf(c, piece, list);
        if (list < c->set_room) {
            c->slots[list / 64] &= ~(UINT64_C(1) << list % 64);
        } else {
            piece->next = c->piece_free;
            c->piece_free = list;
            c->pieces--;
        }
        list = next;
    }
    c->whole_rows += rows;
    c->free_chips += rows * c->shape.row_chips;
}

uint32_t sp_i_give_back(sp_cluster *c, sp_i_piece *piece, uint32_t most)
{
    uint64_t mask = 0;
    uint32_t n = 0;
    if (most == 0) return 0;
    if (piece->rows != 0) sp_i_open(c, piece->leaf);
    for (uint64_t left = piece->mask; left != 0 && n < most; left &= left - 1, n++) mask |= left & -left;
    piece->mask &= ~mask;
    sp_i_set_free(c, piece->leaf, c->leaf[piece->leaf].word | mask);
    return n;
}

sp_i_piece *sp_i_piece_at(const sp_cluster *c, uint32_t leaf, uint64_t bit)
{
    uint32_t set = sp_i_set_at(c, leaf);
    if (set != SP_NOWHERE) return (c->leaf[leaf].word & bit) != 0 ? &c->piece[set] : NULL;
    for (uint32_t p = c->leaf[leaf].first; p != SP_NOWHERE; p = c->piece[p].beside)
        if ((c->piece[p].mask & bit) != 0) return &c->piece[p];
    return NULL;
}

sp_i_piece *sp_i_piece_of(sp_cluster *c, uint32_t leaf, uint32_t owner)
{
    sp_i_open(c, leaf);
    for (uint32_t p = c->leaf[leaf].first; p != SP_NOWHERE; p = c->piece[p].beside)
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
        for (uint64_t leaves = c->piece[p].rows != 0 ? c->piece[p].set : UINT64_C(1) << c->piece[p].leaf % 64; leaves != 0; leaves &= leaves - 1) {
            uint32_t leaf = c->piece[p].leaf / 64 * 64 + (uint32_t)__builtin_ctzll(leaves), low = leaf * c->shape.leaf_chips;
            for (uint64_t left = c->piece[p].rows == 0 ? c->piece[p].mask : c->leaf[leaf].word; left != 0; left &= left - 1) out[n++] = low + (uint32_t)__builtin_ctzll(left);
        }
    qsort(out, n, sizeof *out, by_number);
    return n;
}

/* ---- health -------------------------------------------------------------------------------------------------------- */

void sp_i_fail(sp_cluster *c, uint32_t leaf, uint64_t mask)
{
    assert((c->leaf[leaf].down & mask) == 0);
    sp_i_open(c, leaf);
    for (uint32_t p = c->leaf[leaf].first; p != SP_NOWHERE; p = c->piece[p].beside) c->piece[p].mask &= ~mask;
    c->leaf[leaf].down |= mask;
    c->down_positions += sp_i_count(mask);
    sp_i_set_free(c, leaf, c->leaf[leaf].word & ~mask);
}

void sp_cluster_take_down(sp_cluster *c, uint32_t chip)
{
    uint32_t leaf = chip / c->shape.leaf_chips;
    uint64_t bit = UINT64_C(1) << chip % c->shape.leaf_chips;
    if ((c->leaf[leaf].down & bit) != 0) return;
    assert((sp_i_free(c, leaf) & bit) != 0);
    sp_i_fail(c, leaf, bit);
}

void sp_i_repair(sp_cluster *c, uint32_t leaf, uint64_t mask)
{
    assert((c->leaf[leaf].down & mask) == mask);
    sp_i_open(c, leaf);
    c->leaf[leaf].down &= ~mask;
    c->down_positions -= sp_i_count(mask);
    sp_i_set_free(c, leaf, c->leaf[leaf].word | mask);
}

bool sp_i_spare_take(sp_cluster *c, uint32_t leaf)
{
    if (c->leaf[leaf].spare_ready == 0) return false;
    c->leaf[leaf].spare_ready--;
    c->spares_ready--;
    c->spares_used++;
    return true;
}

void sp_i_spare_give(sp_cluster *c, uint32_t leaf)
{
    c->leaf[leaf].spare_ready++;
    c->spares_ready++;
    c->spares_used--;
}
