#ifndef SUPERPOD_PROGRAM_PRIVATE_H
#define SUPERPOD_PROGRAM_PRIVATE_H

#include "superpod/program.h"

/* Value of a digit of x; 0 where there is no digit. */
static inline uint32_t sp_i_digit(sp_digit digit, uint32_t x)
{
    return digit.size ? x / digit.stride % digit.size : 0;
}

/* c0 + c_step * step + c_chunk * chunk; cannot overflow. */
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

#define SP_I_INSTANCES_MAX (UINT64_C(1) << 52)   /* 2^24 ranks x 2^24 peers in a few classes, and exact in a double */

/* Instances of one class; false when above the most a program may have. */
bool sp_i_class_instances(const sp_task_class *task, uint32_t n_ranks, uint64_t *out);
/* First rank of the domain at or after `rank`, which may lie beyond n_ranks: explicit programs have a class for every
 * task, so that trying all ranks of each would be quadratic. */
uint64_t sp_i_next_rank(const sp_task_class *task, uint64_t rank);

#endif
