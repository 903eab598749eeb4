/* Defragmentation: which jobs to move so that blocks of whole racks come free, most value for the cost first. A plan, carried out on
 * the state that was given; nothing else acts. */
#include "cluster_i.h"

#include <stdlib.h>

typedef struct plan {
    sp_cluster *c;
    uint32_t *list;                  /* [owners] heads of the jobs' pieces */
    uint32_t owners;
    uint8_t *target;                 /* [leaves] to be emptied             */
    sp_defrag *out;
    uint32_t room;
} plan;

static uint32_t blocks_of(const sp_cluster *c, uint32_t racks)
{
    uint32_t n = 0;
    for (uint32_t pod = 0; pod < c->pods; pod++) n += c->pod_whole[pod] / racks;
    return n;
}

static uint32_t held(const sp_cluster *c, uint32_t leaf) { return c->shape.leaf_chips - sp_i_count(c->free[leaf]); }

/* Chips of all jobs with a piece in the leaf: they restart whole. */
static uint64_t disturbed(const plan *p, uint32_t leaf)
{
    uint64_t chips = 0;
    for (uint32_t at = p->c->first[leaf]; at != SP_NOWHERE; at = p->c->piece[at].beside)
        if (p->c->piece[at].mask != 0) chips += sp_cluster_spread(p->c, p->list[p->c->piece[at].owner]).chips;
    return chips;
}

/* Another leaf for so many chips: partly used, not to be emptied; of the same pod, else any; the fullest that holds them. */
static uint32_t other_leaf(const plan *p, uint32_t leaf, uint32_t chips, uint64_t *mask)
{
    const sp_cluster *c = p->c;
    uint32_t best = SP_NOWHERE, least = UINT32_MAX, home = leaf / c->leaves_per_pod;
    for (uint32_t l = 0; l < c->leaves; l++) {
        uint32_t have = sp_i_count(c->free[l]) + (l / c->leaves_per_pod == home ? 0 : c->shape.leaf_chips);
        uint64_t fit;
        if (l == leaf || p->target[l] || c->free[l] == c->full || have >= least || (fit = sp_i_fit(c, l, chips)) == 0) continue;
        best = l;
        least = have;
        *mask = fit;
    }
    return best;
}

/* Moves the leaf's pieces; false: one has nowhere to go. What was moved stays moved, and is on the list. */
static bool empty_leaf(plan *p, uint32_t leaf)
{
    sp_cluster *c = p->c;
    for (uint32_t at = c->first[leaf]; at != SP_NOWHERE; at = c->first[leaf]) {
        while (at != SP_NOWHERE && c->piece[at].mask == 0) at = c->piece[at].beside;
        if (at == SP_NOWHERE) return true;
        uint32_t owner = c->piece[at].owner, chips = sp_i_count(c->piece[at].mask);
        uint64_t mask = 0;
        uint32_t to = other_leaf(p, leaf, chips, &mask);
        if (to == SP_NOWHERE || p->out->n == p->room || !sp_i_reserve(c, 1)) return false;
        p->out->move[p->out->n++] = (sp_move){owner, leaf, to, chips};
        sp_i_give_back(c, &c->piece[at], chips);
        if (!sp_i_take(c, to, mask, owner, &p->list[owner])) return false;
    }
    return true;
}

/* The racks of a pod that cost least to empty, as many as make one block more; what they cost, or UINT64_MAX. */
static uint64_t choose(plan *p, uint32_t pod, uint32_t racks, bool mark)
{
    const sp_cluster *c = p->c;
    uint32_t low = pod * c->leaves_per_pod, need = racks - c->pod_whole[pod] % racks;
    uint64_t cost = 0;
    for (; need > 0; need--) {
        uint32_t best = SP_NOWHERE, fewest = UINT32_MAX;
        for (uint32_t l = low; l < low + c->leaves_per_pod; l++) {
            if (p->target[l] || c->free[l] == c->full || c->down[l] != 0 || held(c, l) >= fewest || held(c, l) == c->shape.leaf_chips) continue;
            best = l;
            fewest = held(c, l);
        }
        if (best == SP_NOWHERE) break;
        p->target[best] = 1;
        cost += disturbed(p, best);
    }
    if (!mark || need > 0)
        for (uint32_t l = low; l < low + c->leaves_per_pod; l++) p->target[l] = 0;
    return need > 0 ? UINT64_MAX : cost;
}

static bool one_block(plan *p, uint32_t racks)
{
    uint32_t best = SP_NOWHERE;
    uint64_t least = UINT64_MAX;
    for (uint32_t pod = 0; pod < p->c->pods; pod++) {
        uint64_t cost = choose(p, pod, racks, false);
        if (cost >= least) continue;
        least = cost;
        best = pod;
    }
    if (best == SP_NOWHERE) return false;
    choose(p, best, racks, true);
    bool ok = true;
    for (uint32_t l = best * p->c->leaves_per_pod; l < (best + 1) * p->c->leaves_per_pod; l++) {
        if (p->target[l]) ok = ok && empty_leaf(p, l);
        p->target[l] = 0;
    }
    if (ok) p->out->disturbed_chips += least;
    return ok;
}

sp_status sp_cluster_defrag(sp_cluster *cluster, uint32_t *list, uint32_t owners, uint32_t block_chips, uint32_t wanted, sp_move *move, uint32_t room, sp_defrag *out, sp_error *err)
{
    uint32_t leaf = cluster->shape.leaf_chips, racks = block_chips / leaf;
    if (block_chips == 0 || block_chips % leaf != 0 || racks > cluster->leaves_per_pod)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "blocks of %u chips; expected whole racks of %u, at most a pod of %u", block_chips, leaf, cluster->shape.pod_chips);
    plan p = {.c = cluster, .list = list, .owners = owners, .target = calloc(cluster->leaves, 1), .out = out, .room = room};
    if (p.target == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    *out = (sp_defrag){.move = move, .blocks_before = blocks_of(cluster, racks)};
    uint32_t kept = 0;
    while (blocks_of(cluster, racks) < wanted && one_block(&p, racks)) kept = out->n;
    out->n = kept;   /* moves towards a block that did not come free are not asked of anybody */
    out->blocks_after = blocks_of(cluster, racks);
    free(p.target);
    return SP_OK;
}
