#ifndef SUPERPOD_PROGRAM_PRIVATE_H
#define SUPERPOD_PROGRAM_PRIVATE_H

#include "superpod/program.h"

/* Value of a digit of x; 0 where there is no digit. */
static inline uint32_t sp_i_digit(sp_digit digit, uint32_t x)
{
    return digit.size ? x / digit.stride % digit.size : 0;
}

/* c0 + c_step * step + c_chunk * chunk; cannot overflow with steps and chunks up to 2^30, which the check sees to. */
static inline int64_t sp_i_affine(int32_t c0, int32_t c_step, int32_t c_chunk, uint32_t step, uint32_t chunk)
{
    return c0 + (int64_t)c_step * step + (int64_t)c_chunk * chunk;
}

/* Remainder in [0, size). */
static inline uint32_t sp_i_mod(int64_t value, uint32_t size)
{
    int64_t rest = value % (int64_t)size;
    return (uint32_t)(rest < 0 ? rest + size : rest);
}

/* The maps of program.h, inline: walks of millions of instances spend their time here. */
static inline bool sp_i_rank_map(const sp_rank_map *map, uint32_t rank, uint32_t step, uint32_t chunk, uint32_t n_ranks,
                                 uint32_t *out)
{
    if (!map->digit.size) {
        *out = rank;
        return rank < n_ranks;
    }
    uint32_t own = sp_i_digit(map->digit, rank);
    int64_t c = sp_i_affine(map->c0, map->c_step, map->c_chunk, step, chunk), image = c;
    switch (map->op) {
    case SP_MAP_SHIFT: image = sp_i_mod(own + c, map->digit.size); break;
    case SP_MAP_ADD: image = own + c; break;
    case SP_MAP_XOR: image = c < 0 ? -1 : (int64_t)own ^ c; break;
    case SP_MAP_SET: break;
    }
    if (image < 0 || image >= map->digit.size)
        return false;
    int64_t moved = rank + (image - own) * (int64_t)map->digit.stride;
    if (moved < 0 || moved >= n_ranks)
        return false;
    *out = (uint32_t)moved;
    return true;
}

static inline bool sp_i_axis_map(const sp_axis_map *map, uint32_t own, uint32_t rank, uint32_t extent, uint32_t *out)
{
    int64_t image;
    if (map->pick == SP_PICK_TABLE)
        image = map->table[(size_t)sp_i_digit(map->rank_digit, rank) * map->n_own + own];
    else if (map->pick == SP_PICK_AT)
        image = map->c0 + (int64_t)(map->c0 < 0 ? extent : 0);
    else
        image = (int64_t)map->c0 + own + (int64_t)map->c_rank * sp_i_digit(map->rank_digit, rank);
    if (image < 0 || image >= extent)
        return false;
    *out = (uint32_t)image;
    return true;
}

static inline bool sp_i_has_rank(const sp_task_class *task, uint32_t rank)
{
    if (!task->domain.size)
        return true;
    uint32_t own = sp_i_digit(task->domain, rank);
    return own >= task->domain_lo && own < task->domain_hi;
}

#define SP_I_INSTANCES_MAX (UINT64_C(1) << 52)   /* 2^24 ranks x 2^24 peers in a few classes, and exact in a double */

/* Instances of one class; false when above the most a program may have. */
bool sp_i_class_instances(const sp_task_class *task, uint32_t n_ranks, uint64_t *out);
/* First rank of the domain at or after `rank`, which may lie beyond n_ranks: explicit programs have a class for every
 * task, so that trying all ranks of each would be quadratic. */
uint64_t sp_i_next_rank(const sp_task_class *task, uint64_t rank);

#endif
