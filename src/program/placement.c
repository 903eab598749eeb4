/* Placement: rank -> chip by mixed radix, then exceptions. */
#include "superpod/program.h"

#include <stdlib.h>
#include <string.h>

uint32_t sp_placement_ranks(const sp_placement *placement)
{
    uint64_t ranks = 1;
    for (uint32_t i = 0; i < placement->n_dims; i++)
        if ((ranks *= placement->dim[i].size) > UINT32_MAX)
            return UINT32_MAX;   /* sp_placement_check refuses it */
    return (uint32_t)ranks;
}

static const struct sp_place_exception *exception_of(const sp_placement *placement, uint32_t rank)
{
    uint32_t low = 0, high = placement->n_exceptions;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (placement->exceptions[middle].rank < rank)
            low = middle + 1;
        else
            high = middle;
    }
    return low < placement->n_exceptions && placement->exceptions[low].rank == rank ? &placement->exceptions[low] : NULL;
}

uint32_t sp_placement_chip(const sp_placement *placement, uint32_t rank)
{
    const struct sp_place_exception *exception = placement->n_exceptions ? exception_of(placement, rank) : NULL;
    if (exception)
        return exception->chip;
    uint32_t chip = placement->base;
    for (uint32_t i = 0; i < placement->n_dims; i++) {
        chip += rank % placement->dim[i].size * placement->dim[i].stride;
        rank /= placement->dim[i].size;
    }
    return chip;
}

sp_placement sp_placement_linear(uint32_t base, uint32_t ranks)
{
    sp_placement placement = {.base = base, .n_dims = 1};
    placement.dim[0].size = ranks;
    placement.dim[0].stride = 1;
    return placement;
}

/* Dims of more than one rank, by ascending stride. */
static uint32_t sorted_dims(const sp_placement *placement, uint32_t order[SP_PLACE_DIMS])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < placement->n_dims; i++) {
        if (placement->dim[i].size == 1)
            continue;
        uint32_t at = n++;
        for (; at && placement->dim[order[at - 1]].stride > placement->dim[i].stride; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return n;
}

/* Each stride must exceed what all smaller ones reach together: then no two ranks share a chip. */
static sp_status check_dims(const sp_placement *placement, const uint32_t *order, uint32_t n, uint32_t chips, sp_error *err)
{
    uint64_t reach = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t stride = placement->dim[order[i]].stride;
        if (stride <= reach)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement dim %u has stride %llu, within the %llu chips that the "
                                "dims of smaller stride span: two ranks would share a chip", order[i],
                                (unsigned long long)stride, (unsigned long long)(reach + 1));
        reach += stride * (placement->dim[order[i]].size - 1);
        if (reach > UINT32_MAX)
            break;
    }
    if (placement->base + reach >= chips)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement reaches chip %llu, but the machine has %u chips (0 to %u)",
                            (unsigned long long)(placement->base + reach), chips, chips - 1);
    return SP_OK;
}

/* The rank that the dims alone put on `chip`; false when none. */
static bool rank_of_chip(const sp_placement *placement, const uint32_t *order, uint32_t n, uint32_t chip, uint32_t *rank)
{
    uint32_t digit[SP_PLACE_DIMS] = {0};
    if (chip < placement->base)
        return false;
    uint32_t rest = chip - placement->base;
    for (uint32_t i = n; i-- > 0;) {
        digit[order[i]] = rest / placement->dim[order[i]].stride;
        if (digit[order[i]] >= placement->dim[order[i]].size)
            return false;
        rest %= placement->dim[order[i]].stride;
    }
    uint32_t weight = 1;
    *rank = 0;
    for (uint32_t i = 0; i < placement->n_dims; weight *= placement->dim[i++].size)
        *rank += digit[i] * weight;
    return rest == 0;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static sp_status check_exceptions(const sp_placement *placement, const uint32_t *order, uint32_t n, uint32_t chips, sp_error *err)
{
    uint32_t ranks = sp_placement_ranks(placement), count = placement->n_exceptions, rank;
    uint32_t *used = malloc(count * sizeof *used);
    if (!used)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u placement exceptions", count);
    sp_status status = SP_OK;
    for (uint32_t i = 0; i < count && status == SP_OK; i++) {
        struct sp_place_exception e = placement->exceptions[i];
        used[i] = e.chip;
        if (e.rank >= ranks || e.chip >= chips || (i && placement->exceptions[i - 1].rank >= e.rank))
            status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement exception %u puts rank %u on chip %u; expected "
                                  "ascending ranks below %u and chips below %u", i, e.rank, e.chip, ranks, chips);
        else if (rank_of_chip(placement, order, n, e.chip, &rank) && rank != e.rank && !exception_of(placement, rank))
            status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement exception %u puts rank %u on chip %u, where rank %u "
                                  "already is", i, e.rank, e.chip, rank);
    }
    if (status == SP_OK)
        qsort(used, count, sizeof *used, compare_u32);
    for (uint32_t i = 1; i < count && status == SP_OK; i++)
        if (used[i] == used[i - 1])
            status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "two placement exceptions use chip %u", used[i]);
    free(used);
    return status;
}

sp_status sp_placement_check(const sp_placement *placement, uint32_t chips, sp_error *err)
{
    uint64_t ranks = 1;
    if (placement->n_dims > SP_PLACE_DIMS)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement has %u dims; at most %d", placement->n_dims, SP_PLACE_DIMS);
    for (uint32_t i = 0; i < placement->n_dims; i++) {
        if (!placement->dim[i].size)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement dim %u has size 0; expected at least 1", i);
        if ((ranks *= placement->dim[i].size) > chips)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement has %llu ranks or more, but the machine has %u chips",
                                (unsigned long long)ranks, chips);
    }
    uint32_t order[SP_PLACE_DIMS];
    uint32_t n = sorted_dims(placement, order);
    sp_status status = check_dims(placement, order, n, chips, err);
    if (status == SP_OK && placement->n_exceptions)
        status = check_exceptions(placement, order, n, chips, err);
    return status;
}
