/* xoshiro256** 1.0 seeded by splitmix64: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2018;
 * https://prng.di.unimi.it/. All constants are theirs. */
#include "superpod/base.h"

#include <assert.h>

static uint64_t rotate_left(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t splitmix_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

sp_rng sp_rng_make(uint64_t seed, uint64_t entity)
{
    /* Seed and entity pass the mixer one after the other: neighbouring pairs, and (a,b) and (b,a), start far apart. */
    uint64_t state = seed;
    state = splitmix_next(&state) ^ entity;
    sp_rng rng;
    for (int i = 0; i < 4; i++)
        rng.s[i] = splitmix_next(&state);
    return rng;
}

uint64_t sp_rng_next(sp_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Multiply and reject: D. Lemire, "Fast random integer generation in an interval", 2019, algorithm 5. */
uint64_t sp_rng_below(sp_rng *rng, uint64_t n)
{
    assert(n > 0);
    unsigned __int128 product = (unsigned __int128)sp_rng_next(rng) * n;
    if ((uint64_t)product < n) {
        uint64_t threshold = -n % n;
        while ((uint64_t)product < threshold)
            product = (unsigned __int128)sp_rng_next(rng) * n;
    }
    return (uint64_t)(product >> 64);
}

double sp_rng_unit(sp_rng *rng)
{
    return (double)(sp_rng_next(rng) >> 11) * 0x1p-53;
}
