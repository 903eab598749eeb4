/* The independent checker: from chip numbers alone, with none of the state's counters or the policies' code. */
#include "cluster_i.h"

#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static sp_status sorted_copy(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n, uint32_t **out, sp_error *err)
{
    if (n == 0) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "no chips to check; expected at least one");
    uint32_t *copy = malloc(n * sizeof *copy);
    if (copy == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    memcpy(copy, chip, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, by_number);
    sp_status status = SP_OK;
    if (copy[n - 1] >= shape->chips)
        status = sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "chip %u is outside the machine; its chips are 0 to %u", copy[n - 1], shape->chips - 1);
    for (uint32_t i = 1; i < n && status == SP_OK; i++)
        if (copy[i] == copy[i - 1]) status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "chip %u stands twice; each chip once", copy[i]);
    if (status != SP_OK) free(copy);
    else *out = copy;
    return status;
}

/* Every two chips of a leaf that differ in row and column have a common neighbour inside the set: the set is rows x columns. */
static bool is_sub_array(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n)
{
    uint64_t rows = 0, columns = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t inside = chip[i] % shape->leaf_chips;
        rows |= UINT64_C(1) << inside / shape->row_chips;
        columns |= UINT64_C(1) << inside % shape->row_chips;
    }
    return (uint32_t)__builtin_popcountll(rows) * (uint32_t)__builtin_popcountll(columns) == n;
}

static uint32_t units_touched(const uint32_t *chip, uint32_t n, uint32_t size)
{
    uint32_t units = 1;
    for (uint32_t i = 1; i < n; i++) units += chip[i] / size != chip[i - 1] / size;
    return units;
}

/* Are the shares of all units of `size` chips equal; *share is their greatest common divisor. */
static bool even_shares(const uint32_t *chip, uint32_t n, uint32_t size, uint32_t *share)
{
    bool even = true;
    uint32_t common = 0, first = 0;
    for (uint32_t i = 0, begin = 0; i < n; i++) {
        if (i + 1 < n && chip[i + 1] / size == chip[i] / size) continue;
        uint32_t a = i + 1 - begin, b = common;
        if (begin == 0) first = a;
        even = even && a == first;
        while (b != 0) {
            uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        common = a;
        begin = i + 1;
    }
    *share = common;
    return even;
}

static bool meshes(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n)
{
    for (uint32_t i = 0, begin = 0; i < n; i++) {
        if (i + 1 < n && chip[i + 1] / shape->leaf_chips == chip[i] / shape->leaf_chips) continue;
        if (!is_sub_array(shape, chip + begin, i + 1 - begin)) return false;
        begin = i + 1;
    }
    return true;
}

/* ---- torus ------------------------------------------------------------------------------------------------------------- */

static void coordinates(const sp_cluster_shape *shape, uint32_t chip, uint32_t at[3])
{
    chip %= shape->pod_chips;
    for (int d = 0; d < 3; d++) {
        at[d] = chip % shape->torus[d];
        chip /= shape->torus[d];
    }
}

static bool holds(const uint32_t *chip, uint32_t n, uint32_t wanted)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chip[middle] < wanted) low = middle + 1;
        else high = middle;
    }
    return low < n && chip[low] == wanted;
}

/* The chip beside it, one step up or down a dimension, across the wrap. */
static uint32_t beside(const sp_cluster_shape *shape, uint32_t chip, int d, bool up)
{
    uint32_t at[3], stride = d == 0 ? 1 : d == 1 ? shape->torus[0] : shape->torus[0] * shape->torus[1], size = shape->torus[d];
    coordinates(shape, chip, at);
    uint32_t to = up ? (at[d] + 1) % size : (at[d] + size - 1) % size;
    return chip - at[d] * stride + to * stride;
}

/* Do links of the torus join all chips of the set? A walk over it from the first. */
static sp_status walk(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n, bool *joined, sp_error *err)
{
    uint32_t *stack = malloc(n * sizeof *stack), depth = 0, seen = 1;
    unsigned char *met = calloc(shape->chips, 1);
    if (stack == NULL || met == NULL) {
        free(stack);
        free(met);
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    }
    stack[depth++] = chip[0];
    met[chip[0]] = 1;
    while (depth > 0) {
        uint32_t from = stack[--depth];
        for (int step = 0; step < 6; step++) {
            uint32_t to = beside(shape, from, step / 2, step % 2 != 0);
            if (met[to] || !holds(chip, n, to)) continue;
            met[to] = 1;
            stack[depth++] = to;
            seen++;
        }
    }
    *joined = seen == n;
    free(stack);
    free(met);
    return SP_OK;
}

/* Is the set a box, across the wrap or not? Its chips differ in as many values of each coordinate as its edges, which follow each
 * other; the edges' product is their number. Aligned: it begins at multiples of its edges, so that boxes of its kind fill the rest. */
static void find_box(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n, sp_spread *s, bool *aligned)
{
    uint32_t count[3] = {0}, breaks[3] = {0}, begin[3] = {0};
    for (int d = 0; d < 3; d++) {
        unsigned char has[4096] = {0};
        uint32_t size = shape->torus[d], at[3];
        if (size > sizeof has) return;
        for (uint32_t i = 0; i < n; i++) {
            coordinates(shape, chip[i], at);
            has[at[d]] = 1;
        }
        for (uint32_t x = 0; x < size; x++) {
            count[d] += has[x];
            breaks[d] += has[x] != 0 && has[(x + 1) % size] == 0;
            if (has[x] != 0 && has[(x + size - 1) % size] == 0) begin[d] = x;
        }
    }
    if ((uint64_t)count[0] * count[1] * count[2] != n || breaks[0] > 1 || breaks[1] > 1 || breaks[2] > 1) return;
    *aligned = true;
    for (int d = 0; d < 3; d++) {
        *aligned = *aligned && begin[d] % count[d] == 0;
        s->box[d] = count[d];
        s->ring[d] = count[d] == shape->torus[d];
    }
}

/* Cubes of 4 x 4 x 4, each wholly in the set: optical switches make a torus of any of them, wherever they lie. */
static void find_cubes(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n, sp_spread *s, bool *aligned)
{
    for (int d = 0; d < 3; d++)
        if (shape->torus[d] % 4 != 0) return;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < 64; k++) {
            uint32_t at[3], inside[3] = {k % 4, k / 4 % 4, k / 16};
            coordinates(shape, chip[i], at);
            for (int d = 0; d < 3; d++) at[d] = at[d] / 4 * 4 + inside[d];
            uint32_t other = chip[i] / shape->pod_chips * shape->pod_chips + at[0] + shape->torus[0] * (at[1] + shape->torus[1] * at[2]);
            if (!holds(chip, n, other)) return;
        }
    if (!sp_i_torus_shape(shape->torus, n, s->box)) return;
    s->ring[0] = s->ring[1] = s->ring[2] = *aligned = true;
}

/* Racks of a torus are no more than runs of numbers: boxes and cubes are what is whole there. */
static sp_status check_torus(const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n, sp_place_check *out, sp_error *err)
{
    sp_spread *s = &out->spread;
    if (shape->torus[0] == 0 || s->pods != 1) return SP_OK;
    out->aligned = false;
    sp_status status = walk(shape, chip, n, &out->connected, err);
    find_box(shape, chip, n, s, &out->aligned);
    find_cubes(shape, chip, n, s, &out->aligned);
    out->whole = s->box[0] != 0;
    out->connected = out->connected || (s->ring[0] && s->ring[1] && s->ring[2]);   /* cubes that the switches join */
    return status;
}

sp_status sp_cluster_check(const sp_machine *machine, const sp_cluster_shape *shape, const uint32_t *chip, uint32_t n,
                           sp_place_check *out, sp_error *err)
{
    uint32_t *copy = NULL, leaf = shape->leaf_chips, pod_share;
    sp_status status = sorted_copy(shape, chip, n, &copy, err);
    if (status != SP_OK) return status;
    sp_spread s = {.chips = n, .rows = units_touched(copy, n, shape->row_chips), .leaves = units_touched(copy, n, leaf),
                   .pods = units_touched(copy, n, shape->pod_chips)};
    bool even = even_shares(copy, n, leaf, &s.granule);
    s.regular = even && even_shares(copy, n, shape->pod_chips, &pod_share);
    s.whole = s.leaves == 1 || (even && s.granule == leaf);
    uint32_t step = 1;
    while (step < s.leaves) step *= 2;
    s.aligned = s.whole && copy[n - 1] / leaf - copy[0] / leaf + 1 == s.leaves && copy[0] % shape->pod_chips / leaf % step == 0;
    sp_place_check check = {.spread = s, .whole = s.whole, .aligned = s.aligned, .spares = s.leaves * shape->spares_per_leaf, .connected = !shape->mesh_leaf || meshes(shape, copy, n)};
    status = check_torus(shape, copy, n, &check, err);
    if (status == SP_OK) {
        check.slowdown = sp_cluster_slowdown(machine, shape, &check.spread);
        *out = check;
    }
    free(copy);
    return status;
}
