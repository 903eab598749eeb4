/* Defragmentation: which jobs to move so that blocks of whole racks come free, most value for the cost first. A plan, carried out on
 * the state that was given; nothing else acts. */
#include "cluster_i.h"

#include <stdlib.h>
#include <string.h>

typedef struct plan {
    sp_cluster *c;
    uint32_t *list, *list_before;    /* [owners] heads of the jobs' pieces; before a try */
    uint32_t owners, racks;          /* of a block                         */
    uint64_t *cost;                  /* [pods] of one block more; UINT64_MAX: none there */
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

static uint32_t held(const sp_cluster *c, uint32_t leaf) { return c->shape.leaf_chips - sp_i_count(sp_i_free(c, leaf)); }

/* Chips of all jobs with a piece in the leaf: they restart whole. */
static uint64_t disturbed(const plan *p, uint32_t leaf)
{
    uint64_t chips = 0;
    sp_i_open(p->c, leaf);
    for (uint32_t at = p->c->leaf[leaf].first; at != SP_NOWHERE; at = p->c->piece[at].beside)
        if (p->c->piece[at].mask != 0) chips += sp_cluster_spread(p->c, p->list[p->c->piece[at].owner]).chips;
    return chips;
}

/* Another leaf for so many chips: partly used, not to be emptied; of the same pod, else any; the fullest that holds them. */
static uint32_t other_leaf(const plan *p, uint32_t leaf, uint32_t chips, uint64_t *mask)
{
    const sp_cluster *c = p->c;
    uint32_t best = SP_NOWHERE, least = UINT32_MAX, home = leaf / c->leaves_per_pod;
    for (uint32_t l = 0; l < c->leaves; l++) {
        uint32_t have = sp_i_count(sp_i_free(c, l)) + (l / c->leaves_per_pod == home ? 0 : c->shape.leaf_chips);
        uint64_t fit;
        if (l == leaf || p->target[l] || sp_i_free(c, l) == c->full || have >= least || (fit = sp_i_fit(c, l, chips)) == 0) continue;
        best = l;
        least = have;
        *mask = fit;
    }
    return best;
}

/* Moves the leaf's pieces; false: one has nowhere to go. What was moved until then stays moved, and is on the list. */
static bool empty_leaf(plan *p, uint32_t leaf)
{
    sp_cluster *c = p->c;
    sp_i_open(c, leaf);
    for (uint32_t at = c->leaf[leaf].first; at != SP_NOWHERE; at = c->leaf[leaf].first) {
        while (at != SP_NOWHERE && c->piece[at].mask == 0) at = c->piece[at].beside;
        if (at == SP_NOWHERE) return true;
        uint32_t owner = c->piece[at].owner, chips = sp_i_count(c->piece[at].mask);
        uint64_t mask = 0;
        uint32_t to = other_leaf(p, leaf, chips, &mask);
        if (to == SP_NOWHERE || p->out->n == p->room || !sp_i_reserve(c, 1)) return false;
        sp_move *move = &p->out->move[p->out->n++];
        *move = (sp_move){.from_chips = c->piece[at].mask, .to_chips = mask, .owner = owner, .from = leaf, .to = to, .chips = chips};
        sp_i_give_back(c, &c->piece[at], chips);
        if (!sp_i_take(c, to, mask, owner, &p->list[owner])) return false;
        move->blocks = blocks_of(c, p->racks);
    }
    return true;
}

/* The racks of a pod that cost least to empty, as many as make one block more; what they cost, or UINT64_MAX. */
static uint64_t choose(plan *p, uint32_t pod, bool mark)
{
    const sp_cluster *c = p->c;
    uint32_t low = pod * c->leaves_per_pod, need = p->racks - c->pod_whole[pod] % p->racks;
    uint64_t cost = 0;
    for (; need > 0; need--) {
        uint32_t best = SP_NOWHERE, fewest = UINT32_MAX;
        for (uint32_t l = low; l < low + c->leaves_per_pod; l++) {
            if (p->target[l] || sp_i_free(c, l) == c->full || c->leaf[l].down != 0 || held(c, l) >= fewest || held(c, l) == c->shape.leaf_chips) continue;
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

/* Empties the pod's cheapest racks; false: a piece had nowhere to go (*no_memory: or that), and all is as it was. */
static bool empty_in(plan *p, uint32_t pod, bool *no_memory)
{
    sp_cluster *before = sp_i_clone(p->c), keep;
    uint32_t n = p->out->n;
    if ((*no_memory = before == NULL)) return false;
    memcpy(p->list_before, p->list, p->owners * sizeof *p->list);
    choose(p, pod, true);
    bool ok = true;
    for (uint32_t l = pod * p->c->leaves_per_pod; l < (pod + 1) * p->c->leaves_per_pod && ok; l++) ok = !p->target[l] || empty_leaf(p, l);
    memset(p->target + (size_t)pod * p->c->leaves_per_pod, 0, p->c->leaves_per_pod);
    if (!ok) {
        keep = *p->c;
        *p->c = *before;
        *before = keep;
        memcpy(p->list, p->list_before, p->owners * sizeof *p->list);
        p->out->n = n;
    }
    sp_cluster_destroy(before);
    return ok;
}

/* One block more, in the pod that costs least of those in which every piece finds another place. */
static bool one_block(plan *p, bool *no_memory)
{
    uint32_t pods = p->c->pods;
    for (uint32_t pod = 0; pod < pods; pod++) p->cost[pod] = choose(p, pod, false);
    for (;;) {
        uint32_t best = 0;
        for (uint32_t pod = 1; pod < pods; pod++)
            if (p->cost[pod] < p->cost[best]) best = pod;
        uint64_t cost = p->cost[best];
        if (cost == UINT64_MAX) return false;
        if (empty_in(p, best, no_memory)) {
            p->out->disturbed_chips += cost;
            return true;
        }
        if (*no_memory) return false;
        p->cost[best] = UINT64_MAX;
    }
}

sp_status sp_cluster_defrag(sp_cluster *cluster, uint32_t *list, uint32_t owners, uint32_t block_chips, uint32_t wanted, sp_move *move, uint32_t room, sp_defrag *out, sp_error *err)
{
    uint32_t leaf = cluster->shape.leaf_chips, racks = block_chips / leaf;
    if (block_chips == 0 || block_chips % leaf != 0 || racks > cluster->leaves_per_pod)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "blocks of %u chips; expected whole racks of %u, at most a pod of %u", block_chips, leaf, cluster->shape.pod_chips);
    plan p = {.c = cluster, .list = list, .owners = owners, .racks = racks, .out = out, .room = room, .target = calloc(cluster->leaves, 1), .cost = malloc(cluster->pods * sizeof *p.cost),
              .list_before = malloc((owners + (size_t)1) * sizeof *p.list_before)};
    bool no_memory = p.target == NULL || p.cost == NULL || p.list_before == NULL;
    *out = (sp_defrag){.move = move, .blocks_before = blocks_of(cluster, racks)};
    while (!no_memory && blocks_of(cluster, racks) < wanted && one_block(&p, &no_memory)) {}
    out->blocks_after = blocks_of(cluster, racks);
    free(p.target);
    free(p.cost);
    free(p.list_before);
    return no_memory ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : SP_OK;
}
