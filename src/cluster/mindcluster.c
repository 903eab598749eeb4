/* MindCluster's published rules for the Atlas 950 (Ascend/mind-cluster, policy chip8node8ra64sp), as one policy: whole nodes of 8 chips;
 * a rack of 8 nodes, else one UB-memory domain of 16 racks for jobs that ask for it, else a SuperPoD, else several; rescheduling in three
 * stages. Sizes are the machine's own: on others than the Atlas 950 a node is a host, a SuperPoD a pod. */
#include "cluster_i.h"

#include <string.h>

#define RESERVED_NODES 2u     /* of a SuperPoD: the default of its A3 example (super-pod-size 48, reserve-nodes 2) */
#define DOMAIN_RACKS 16u      /* racks of a UB-memory domain */

static uint32_t nodes_of(const sp_cluster *c, uint32_t chips) { return (chips + c->shape.row_chips - 1) / c->shape.row_chips; }

static uint64_t free_rows(const sp_cluster *c, uint32_t leaf, uint32_t n)
{
    uint64_t out = 0;
    for (uint32_t r = 0; r < c->rows_per_leaf && n > 0; r++) {
        uint64_t row = sp_i_row(c, r);
        if ((c->leaf[leaf].word & row) != row) continue;
        out |= row;
        n--;
    }
    return out;
}

/* So many whole nodes of [low, high), in blocks of `block` nodes a rack: a rack that holds just a block first, then the smallest.
 * False: they are not there; what was taken stays on the list. */
static bool take_nodes(sp_cluster *c, uint32_t low, uint32_t high, uint32_t n, uint32_t block, uint32_t owner, uint32_t *list)
{
    while (n > 0) {
        uint32_t leaf = SP_NOWHERE, take = n < block ? n : block;
        for (uint32_t r = take; r <= c->rows_per_leaf && leaf == SP_NOWHERE; r++) leaf = sp_i_bits_first(&c->rows[r], low, high);
        if (leaf == SP_NOWHERE || !sp_i_take(c, leaf, free_rows(c, leaf, take), owner, list)) return false;
        n -= take;
    }
    return true;
}

/* Blocks of racks that can be had in [low, high). */
static uint32_t blocks_in(const sp_cluster *c, uint32_t low, uint32_t high, uint32_t block)
{
    uint32_t n = 0;
    for (uint32_t leaf = low; leaf < high; leaf++) n += sp_i_rows_free(c, leaf) / block;
    return n;
}

/* SuperPoDs in three queues: those that keep their reserve, those that hold the block, those that do not; the fewest left over first. */
static uint32_t choose_pod(const sp_cluster *c, uint32_t nodes, uint32_t block, uint32_t except)
{
    for (uint32_t reserve = RESERVED_NODES;; reserve = 0) {
        uint32_t best = SP_NOWHERE;
        for (uint32_t pod = 0; pod < c->pods; pod++) {
            uint32_t low = pod * c->leaves_per_pod;
            if (pod == except || c->pod_rows[pod] < nodes + reserve || (best != SP_NOWHERE && c->pod_rows[pod] >= c->pod_rows[best])) continue;
            if (blocks_in(c, low, low + c->leaves_per_pod, block) * block >= nodes) best = pod;
        }
        if (best != SP_NOWHERE || reserve == 0) return best;
    }
}

static bool finish(sp_cluster *c, bool ok, uint32_t *list, sp_spread *spread)
{
    if (!ok) {
        sp_cluster_free(c, *list);
        *list = SP_NOWHERE;
        return false;
    }
    *spread = sp_cluster_spread(c, *list);
    return true;
}

/* Logical SuperPoDs (sp-block) of equal size, each in one SuperPoD, their logical racks (ra-block) in racks. */
static bool place_blocks(sp_cluster *c, uint32_t nodes, uint32_t logical, uint32_t owner, uint32_t *list)
{
    uint32_t rack_block = sp_gcd(logical, c->rows_per_leaf);
    for (uint32_t left = nodes; left > 0; left -= logical) {
        uint32_t pod = choose_pod(c, logical, rack_block, SP_NOWHERE);
        if (pod == SP_NOWHERE || !take_nodes(c, pod * c->leaves_per_pod, (pod + 1) * c->leaves_per_pod, logical, rack_block, owner, list)) return false;
    }
    return true;
}

/* A job is whole nodes: a part of one is a job of less than a node. segment_chips is its sp-block. */
static bool asks_rightly(const sp_cluster *c, const sp_request *q)
{
    return q->chips != 0 && q->chips <= c->free_chips && (q->chips < c->shape.row_chips || q->chips % c->shape.row_chips == 0)
           && (q->segment_chips == 0 || (q->segment_chips % c->shape.row_chips == 0 && q->chips % q->segment_chips == 0));
}

static bool in_rack(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t nodes = nodes_of(c, q->chips);
    if (q->chips < c->shape.row_chips) return sp_place_policy_find("sub-array")->place(c, q, owner, list, spread);
    return nodes <= c->rows_per_leaf && finish(c, take_nodes(c, 0, c->leaves, nodes, nodes, owner, list), list, spread);
}

bool sp_i_place_mindcluster(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t nodes = nodes_of(c, q->chips), pod = c->leaves_per_pod * c->rows_per_leaf;
    *list = SP_NOWHERE;
    if (!asks_rightly(c, q) || !sp_i_reserve(c, nodes + 1)) return false;
    if (in_rack(c, q, owner, list, spread)) return true;
    if (q->chips < c->shape.row_chips) return false;
    uint32_t logical = q->segment_chips != 0 ? q->segment_chips / c->shape.row_chips : nodes <= pod ? nodes : sp_gcd(nodes, pod);
    return finish(c, logical <= pod && place_blocks(c, nodes, logical, owner, list), list, spread);
}

bool sp_i_place_mindcluster_domain(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t nodes = nodes_of(c, q->chips), racks = DOMAIN_RACKS < c->leaves_per_pod ? DOMAIN_RACKS : c->leaves_per_pod;
    uint32_t block = sp_gcd(nodes, c->rows_per_leaf), best = SP_NOWHERE, least = UINT32_MAX;
    *list = SP_NOWHERE;
    if (!asks_rightly(c, q) || !sp_i_reserve(c, nodes + 1)) return false;
    if (in_rack(c, q, owner, list, spread)) return true;
    for (uint32_t low = 0; low + racks <= c->leaves; low += racks) {
        uint32_t have = blocks_in(c, low, low + racks, block) * block;
        if (low / c->leaves_per_pod != (low + racks - 1) / c->leaves_per_pod || have < nodes || have >= least) continue;
        best = low;
        least = have;
    }
    return best != SP_NOWHERE && finish(c, take_nodes(c, best, best + racks, nodes, block, owner, list), list, spread);
}

/* ---- rescheduling ----------------------------------------------------------------------------------------------------------- */

/* The owner's pieces in a pod: how many whole nodes they are of. */
static uint32_t nodes_in(const sp_cluster *c, uint32_t list, uint32_t pod)
{
    uint32_t n = 0;
    for (uint32_t p = list; p != SP_NOWHERE; p = c->piece[p].next) {
        if (c->piece[p].leaf / c->leaves_per_pod != pod) continue;
        n += c->piece[p].rows * c->piece[p].count;
        for (uint32_t r = 0; c->piece[p].rows == 0 && r < c->rows_per_leaf; r++) n += (c->piece[p].mask & sp_i_row(c, r)) != 0;
    }
    return n;
}

static void free_in(sp_cluster *c, uint32_t list, uint32_t pod)
{
    for (uint32_t p = list; p != SP_NOWHERE; p = c->piece[p].next)   /* what is split off a run comes next */
        if (c->piece[p].leaf / c->leaves_per_pod == pod) sp_i_give_back(c, &c->piece[p], c->shape.leaf_chips);
}

/* Stage 1: other nodes of the rack; stage 2: of the SuperPoD; stage 3: the logical SuperPoD moves to another; else the job is
 * scheduled anew. Nodes go whole: the other chips of one that lost a chip come free with it. */
bool sp_i_replace_mindcluster(sp_cluster *c, uint32_t leaf, uint64_t lost, uint32_t owner, uint32_t *list)
{
    uint32_t nodes = 0, pod = leaf / c->leaves_per_pod, low = pod * c->leaves_per_pod;
    sp_i_piece *piece = sp_i_piece_of(c, leaf, owner);
    uint64_t rows = 0;
    for (uint32_t r = 0; r < c->rows_per_leaf; r++)
        if ((lost & sp_i_row(c, r)) != 0) {
            rows |= sp_i_row(c, r);
            nodes++;
        }
    uint64_t rest = piece == NULL ? 0 : piece->mask & rows;
    bool part = (uint32_t)(sp_i_count(lost) + sp_i_count(rest)) != nodes * c->shape.row_chips;   /* a job of less than a node */
    if (part) return rest == 0 && sp_i_extend(c, leaf, sp_i_count(lost), owner, list, NULL);
    uint32_t from = c->leaf[leaf].rows >= nodes ? leaf : low, to = c->leaf[leaf].rows >= nodes ? leaf + 1 : low + c->leaves_per_pod;
    if (!sp_i_reserve(c, c->rows_per_leaf * nodes + 1)) return false;
    if (c->pod_rows[pod] >= nodes) {
        if (!take_nodes(c, from, to, nodes, 1, owner, list)) return false;
        piece = sp_i_piece_of(c, leaf, owner);
        piece->mask &= ~rest;
        sp_i_set_free(c, leaf, c->leaf[leaf].word | rest);
        return true;
    }
    uint32_t all = nodes_in(c, *list, pod) + (rest == 0 ? nodes : 0), block = sp_gcd(all, c->rows_per_leaf), other = choose_pod(c, all, block, pod);
    if (other == SP_NOWHERE || !sp_i_reserve(c, all)) return false;
    free_in(c, *list, pod);
    return take_nodes(c, other * c->leaves_per_pod, (other + 1) * c->leaves_per_pod, all, block, owner, list);
}
