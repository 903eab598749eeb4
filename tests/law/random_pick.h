/* A number of random cases, both ends included: include after superpod/base.h. */
#ifndef RANDOM_PICK_H
#define RANDOM_PICK_H

static uint32_t pick(sp_rng *rng, uint32_t low, uint32_t high)
{
    return low + (uint32_t)sp_rng_below(rng, high - low + 1);
}

#endif
