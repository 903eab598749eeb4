/* Running jobs by expected end: sorted blocks with the sum of their chips. A job is added and removed in O(log blocks + block);
 * the shadow time of a reservation walks whole blocks by their sums. */
#include "cluster_i.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 96     /* 1.5 kB to move; a machine with 20,000 running jobs has 300 blocks */

/* first: end[0] once more, so that a search for a block touches no other memory. */
typedef struct sp_i_block { sp_i_end first, *end; uint32_t n; uint64_t chips; } sp_i_block;

/* 0 or 1, without a branch: it is a coin's throw at every step of a search. */
static uint32_t before(const sp_i_end *a, const sp_i_end *b) { return (uint32_t)(a->tick < b->tick) | ((uint32_t)(a->tick == b->tick) & (uint32_t)(a->job < b->job)); }

/* The last block whose first end is not after `end`; 0 when all are. */
static uint32_t block_of(const sp_i_ends *ends, const sp_i_end *end)
{
    uint32_t low = 0;
    for (uint32_t n = ends->n; n > 1; n -= n / 2) low += n / 2 & (before(end, &ends->block[low + n / 2].first) - 1);
    return low;
}

/* How many ends of the block come before it. */
static uint32_t place_in(const sp_i_block *block, const sp_i_end *end)
{
    uint32_t low = 0;
    for (uint32_t n = block->n; n > 0; n -= (n + 1) / 2) low += (n + 1) / 2 & (0 - before(&block->end[low + n / 2], end));
    return low;
}

/* A new block after `at` (or the first), empty. */
static bool insert_block(sp_i_ends *ends, uint32_t at)
{
    if (ends->n == ends->room) {
        uint32_t room = ends->room * 2 + 8;
        sp_i_block *block = realloc(ends->block, room * sizeof *block);
        if (block == NULL) return false;
        ends->block = block;
        ends->room = room;
    }
    sp_i_end *end = malloc(BLOCK * sizeof *end);
    if (end == NULL) return false;
    memmove(ends->block + at + 1, ends->block + at, (ends->n - at) * sizeof *ends->block);
    ends->block[at] = (sp_i_block){.end = end};
    ends->n++;
    return true;
}

static bool split(sp_i_ends *ends, uint32_t at)
{
    if (!insert_block(ends, at + 1)) return false;
    sp_i_block *a = &ends->block[at], *b = &ends->block[at + 1];
    b->n = a->n / 2;
    a->n -= b->n;
    memcpy(b->end, a->end + a->n, b->n * sizeof *b->end);
    b->first = b->end[0];
    for (uint32_t i = 0; i < b->n; i++) b->chips += b->end[i].chips;
    a->chips -= b->chips;
    return true;
}

bool sp_i_ends_add(sp_i_ends *ends, sp_i_end end)
{
    if (ends->n == 0 && !insert_block(ends, 0)) return false;
    uint32_t at = block_of(ends, &end);
    if (ends->block[at].n == BLOCK) {
        if (!split(ends, at)) return false;
        at = block_of(ends, &end);
    }
    sp_i_block *block = &ends->block[at];
    uint32_t i = place_in(block, &end);
    memmove(block->end + i + 1, block->end + i, (block->n - i) * sizeof *block->end);
    block->end[i] = end;
    block->first = block->end[0];
    block->n++;
    block->chips += end.chips;
    ends->count++;
    ends->changes++;
    return true;
}

void sp_i_ends_remove(sp_i_ends *ends, sp_i_end end)
{
    uint32_t at = block_of(ends, &end);
    sp_i_block *block = &ends->block[at];
    uint32_t i = place_in(block, &end);
    memmove(block->end + i, block->end + i + 1, (block->n - i - 1) * sizeof *block->end);
    block->n--;
    block->first = block->end[0];   /* of no use when none is left */
    block->chips -= end.chips;
    ends->count--;
    ends->changes++;
    if (block->n != 0) return;
    free(block->end);
    memmove(block, block + 1, (ends->n - at - 1) * sizeof *block);
    ends->n--;
}

/* Chips of all ends at the tick of end i of block b, from that one on. */
static uint64_t chips_at(const sp_i_ends *ends, uint32_t b, uint32_t i)
{
    int64_t tick = ends->block[b].end[i].tick;
    uint64_t chips = 0;
    for (; b < ends->n; b++, i = 0)
        for (; i < ends->block[b].n; i++) {
            if (ends->block[b].end[i].tick != tick) return chips;
            chips += ends->block[b].end[i].chips;
        }
    return chips;
}

int64_t sp_i_ends_shadow(const sp_i_ends *ends, uint32_t free_chips, uint32_t need, uint32_t *extra)
{
    uint64_t have = free_chips;
    *extra = 0;
    for (uint32_t b = 0; b < ends->n; b++) {
        const sp_i_block *block = &ends->block[b];
        if (have + block->chips < need) {
            have += block->chips;
            continue;
        }
        for (uint32_t i = 0; i < block->n; i++) {
            if (have + block->end[i].chips < need) {
                have += block->end[i].chips;
                continue;
            }
            *extra = (uint32_t)(have + chips_at(ends, b, i) - need);
            return block->end[i].tick;
        }
    }
    return INT64_MAX;
}

int64_t sp_i_ends_first(const sp_i_ends *ends, uint32_t *chips)
{
    *chips = ends->n == 0 ? 0 : (uint32_t)chips_at(ends, 0, 0);
    return ends->n == 0 ? INT64_MAX : ends->block[0].end[0].tick;
}

uint32_t sp_i_ends_profile(const sp_i_ends *ends, int64_t now, uint32_t free_chips, int64_t *at, uint32_t *chips)
{
    uint32_t n = 1;
    at[0] = now;
    chips[0] = free_chips;
    for (uint32_t b = 0; b < ends->n; b++)
        for (uint32_t i = 0; i < ends->block[b].n; i++) {
            const sp_i_end *end = &ends->block[b].end[i];
            if (end->tick > at[n - 1]) {
                at[n] = end->tick;
                chips[n] = chips[n - 1];
                n++;
            }
            chips[n - 1] += end->chips;
        }
    return n;
}

void sp_i_ends_release(sp_i_ends *ends)
{
    for (uint32_t b = 0; b < ends->n; b++) free(ends->block[b].end);
    free(ends->block);
    *ends = (sp_i_ends){0};
}
