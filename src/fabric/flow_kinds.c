/* Things of a few words, each kept once: open addressing over their numbers. The last one is looked at first, as neighbours are alike. */
#include "flow_i.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const void *kind, uint32_t bytes)
{
    uint64_t h = 0, word;
    for (uint32_t i = 0; i < bytes; i += sizeof word) {
        memcpy(&word, (const char *)kind + i, sizeof word);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);   /* 2^64 / golden ratio (Knuth, TAOCP 3, 6.4) */
        h ^= h >> 32;
    }
    return (uint32_t)h;
}

static void *at(const sp_i_kinds *kinds, uint32_t k)
{
    return (char *)kinds->kind + (size_t)k * kinds->bytes;
}

static bool equal(const sp_i_kinds *kinds, uint32_t k, const void *kind)
{
    return memcmp(at(kinds, k), kind, kinds->bytes) == 0;
}

/* Where its number is (plus 1), or would be put. */
static uint32_t slot_of(const sp_i_kinds *kinds, const void *kind)
{
    uint32_t s = hash_of(kind, kinds->bytes) & (kinds->slots - 1);
    while (kinds->slot[s] && !equal(kinds, kinds->slot[s] - 1, kind))
        s = (s + 1) & (kinds->slots - 1);
    return s;
}

static bool grow(sp_i_kinds *kinds)
{
    uint32_t room = kinds->room ? kinds->room * 2 : 32, slots = 2 * room;
    void *kind = slots ? realloc(kinds->kind, (size_t)room * kinds->bytes) : NULL;
    kinds->kind = kind ? kind : kinds->kind;
    uint32_t *slot = kind ? calloc(slots, sizeof *slot) : NULL;
    if (!slot)
        return false;
    free(kinds->slot);
    kinds->slot = slot;
    kinds->slots = slots;
    kinds->room = room;
    for (uint32_t k = 0; k < kinds->n; k++)
        slot[slot_of(kinds, at(kinds, k))] = k + 1;
    return true;
}

uint32_t sp_i_kinds_add(sp_i_kinds *kinds, const void *kind)
{
    if (kinds->n && equal(kinds, kinds->last, kind))
        return kinds->last;
    if (kinds->n == kinds->room && !grow(kinds))
        return UINT32_MAX;
    uint32_t s = slot_of(kinds, kind);
    if (!kinds->slot[s]) {
        memcpy(at(kinds, kinds->n), kind, kinds->bytes);
        kinds->slot[s] = ++kinds->n;
    }
    kinds->last = kinds->slot[s] - 1;
    return kinds->last;
}

void sp_i_kinds_close(sp_i_kinds *kinds)
{
    free(kinds->kind);
    free(kinds->slot);
}
