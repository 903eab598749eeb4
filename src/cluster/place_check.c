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
    *out = (sp_place_check){.spread = s, .whole = s.whole, .aligned = s.aligned, .spares = s.leaves * shape->spares_per_leaf,
                            .connected = !shape->mesh_leaf || meshes(shape, copy, n), .slowdown = sp_cluster_slowdown(machine, shape, &s)};
    free(copy);
    return SP_OK;
}
