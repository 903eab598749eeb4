/* Links and switches that are dead, until they are repaired: what they leave to whoever holds the chips at their ends. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool open_table(sp_i_run *run)
{
    size_t leaves = run->cluster->leaves;
    run->dead_first = malloc(leaves * sizeof *run->dead_first);
    run->dead_leaves = calloc(leaves / 64 + 1, sizeof *run->dead_leaves);
    for (size_t l = 0; run->dead_first != NULL && l < leaves; l++) run->dead_first[l] = SP_NOWHERE;
    return run->dead_first != NULL && run->dead_leaves != NULL;
}

static bool more_room(sp_i_run *run)
{
    uint32_t room = run->dead_room * 2 + 16;
    sp_i_dead *dead = realloc(run->dead, room * sizeof *dead);
    if (dead == NULL) return false;
    for (uint32_t i = run->dead_room; i < room; i++) dead[i].next = i + 1 < room ? i + 1 : SP_NOWHERE;
    run->dead_free = run->dead_room;
    run->dead = dead;
    run->dead_room = room;
    return true;
}

uint32_t sp_i_dead_add(sp_i_run *run, uint32_t class, uint32_t leaf, uint64_t chips)
{
    if ((run->dead_first == NULL && !open_table(run)) || (run->dead_free == SP_NOWHERE && !more_room(run))) {
        run->no_memory = true;
        return SP_NOWHERE;
    }
    uint32_t d = run->dead_free;
    run->dead_free = run->dead[d].next;
    run->dead[d] = (sp_i_dead){.chips = chips, .leaf = leaf, .class = class, .next = run->dead_first[leaf]};
    run->dead_first[leaf] = d;
    run->dead_leaves[leaf / 64] |= UINT64_C(1) << leaf % 64;
    run->n_dead++;
    return d;
}

void sp_i_dead_drop(sp_i_run *run, uint32_t d)
{
    uint32_t leaf = run->dead[d].leaf, *at = &run->dead_first[leaf];
    while (*at != d) at = &run->dead[*at].next;
    *at = run->dead[d].next;
    if (run->dead_first[leaf] == SP_NOWHERE) run->dead_leaves[leaf / 64] &= ~(UINT64_C(1) << leaf % 64);
    run->dead[d].next = run->dead_free;
    run->dead_free = d;
    run->n_dead--;
}

void sp_i_dead_release(sp_i_run *run)
{
    free(run->dead);
    free(run->dead_first);
    free(run->dead_leaves);
}

static uint32_t tier_of(const sp_i_run *run, const sp_i_dead *dead, const sp_spread *spread)
{
    return sp_i_link_tier(run->op->machine, &run->cluster->shape, spread, run->op->failures->row[dead->class].unit);
}

static bool of_one_chip(const sp_i_dead *dead) { return (dead->chips & (dead->chips - 1)) == 0; }

/* The most that one of these chips of a leaf lost: its own links and the switches over all of them add up. */
static void look_at_leaf(const sp_i_run *run, const sp_spread *spread, uint32_t leaf, uint64_t chips, sp_i_lost *lost)
{
    uint32_t own[SP_TIERS_MAX][64] = {{0}}, all[SP_TIERS_MAX] = {0};
    for (uint32_t d = run->dead_first[leaf]; d != SP_NOWHERE; d = run->dead[d].next) {
        const sp_i_dead *dead = &run->dead[d];
        uint32_t tier = tier_of(run, dead, spread);
        if (tier == SP_NOWHERE) continue;
        if (of_one_chip(dead)) own[tier][__builtin_ctzll(dead->chips)]++;
        else all[tier]++;
    }
    for (uint32_t d = run->dead_first[leaf]; d != SP_NOWHERE; d = run->dead[d].next) {
        const sp_i_dead *dead = &run->dead[d];
        uint32_t tier = tier_of(run, dead, spread);
        if ((dead->chips & chips) == 0 || tier == SP_NOWHERE) continue;
        uint32_t n = all[tier] + (of_one_chip(dead) ? own[tier][__builtin_ctzll(dead->chips)] : 0);
        if (n <= lost->links[tier]) continue;
        lost->links[tier] = n < UINT8_MAX ? (uint8_t)n : UINT8_MAX;
        lost->dead[tier] = d;
        lost->any = true;
    }
}

sp_i_lost sp_i_lost_by(sp_i_run *run, uint32_t s, const sp_spread *spread)
{
    const sp_cluster *c = run->cluster;
    sp_i_lost lost = {.any = false};
    for (uint32_t p = run->n_dead == 0 ? SP_NOWHERE : run->slot[s].list; p != SP_NOWHERE; p = c->piece[p].next) {
        const sp_i_piece *piece = &c->piece[p];
        uint32_t window = piece->leaf / 64;
        uint64_t leaves = run->dead_leaves[window] & (piece->rows == 0 ? UINT64_C(1) << piece->leaf % 64 : piece->set);
        for (; leaves != 0; leaves &= leaves - 1)
            look_at_leaf(run, spread, window * 64 + (uint32_t)__builtin_ctzll(leaves), piece->rows == 0 ? piece->mask : c->full, &lost);
    }
    return lost;
}

bool sp_i_cuts_off(const sp_i_run *run, uint32_t leaf, uint64_t chips)
{
    const sp_cluster_shape *shape = &run->cluster->shape;
    sp_spread whole = sp_cluster_ideal(shape, shape->chips);
    sp_i_lost lost = {.any = false};
    look_at_leaf(run, &whole, leaf, chips, &lost);
    return lost.any && isinf(sp_i_slowdown_without(run->op->machine, shape, &whole, lost.links));
}

uint32_t sp_i_dead_that_cuts(sp_i_run *run, uint32_t s, const sp_spread *spread)
{
    sp_i_lost lost = sp_i_lost_by(run, s, spread);
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++) {
        uint8_t alone[SP_TIERS_MAX] = {0};
        alone[t] = lost.links[t];
        if (alone[t] != 0 && isinf(sp_i_slowdown_without(run->op->machine, &run->cluster->shape, spread, alone))) return lost.dead[t];
    }
    return SP_NOWHERE;
}
