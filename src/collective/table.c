/* The algorithms. Ties go to the earlier row, so the simpler ones come first. */
#include "collective_private.h"

#include <string.h>

const sp_coll_algo sp_coll_algos[] = {
    {"direct", "every rank exchanges with every other at once", sp_i_direct_applicable, sp_i_direct_build},
    {"hierarchical", "dim by dim, direct inside each", sp_i_hierarchical_applicable, sp_i_hierarchical_build},
    {"rotated", "hierarchical, one part per dim, each beginning at another dim", sp_i_rotated_applicable, sp_i_rotated_build},
    {"rotated-inner", "rotated, the outermost dim last in every part", sp_i_rotated_inner_applicable, sp_i_rotated_inner_build},
    {"ring", "one ring over all ranks; broadcast: a pipelined chain", sp_i_ring_applicable, sp_i_ring_build},
    {"bi-ring", "the ring in both directions, half of the data each", sp_i_bi_ring_applicable, sp_i_bi_ring_build},
    {"multi-ring", "a ring for every shift that visits all ranks of a full mesh", sp_i_multi_ring_applicable,
     sp_i_multi_ring_build},
    {"hierarchical-ring", "dim by dim, rings both ways inside each", sp_i_hierarchical_ring_applicable,
     sp_i_hierarchical_ring_build},
    {"rotated-ring", "hierarchical-ring, two parts per dim, each beginning at another dim", sp_i_rotated_ring_applicable,
     sp_i_rotated_ring_build},
    {"rotated-inner-ring", "rotated-ring, the outermost dim last in every part", sp_i_rotated_inner_ring_applicable,
     sp_i_rotated_inner_ring_build},
    {"halving-doubling", "log2 n exchanges of halves, power-of-two groups", sp_i_halving_applicable, sp_i_halving_build},
    {"bruck", "ceil(log2 n) exchanges of windows, any group", sp_i_bruck_applicable, sp_i_bruck_build},
    {"tree", "two binary trees (all-reduce), binomial tree (broadcast)", sp_i_tree_applicable, sp_i_tree_build},
    {"tree-pipelined", "trees fed piece by piece", sp_i_tree_pipelined_applicable, sp_i_tree_pipelined_build},
    {"hierarchical-tree", "dim by dim, pipelined trees along the outermost", sp_i_hierarchical_tree_applicable,
     sp_i_hierarchical_tree_build},
    {"direct-tree", "dim by dim, direct inside, trees along the outermost", sp_i_direct_tree_applicable, sp_i_direct_tree_build},
    {"ring-tree", "dim by dim, rings inside, trees along the outermost", sp_i_ring_tree_applicable, sp_i_ring_tree_build},
    {"phased", "hierarchical, a barrier between dims", sp_i_phased_applicable, sp_i_phased_build},
    {"phased-ring", "rings both ways inside each dim, a barrier between dims", sp_i_phased_ring_applicable, sp_i_phased_ring_build},
};
const uint32_t sp_coll_n_algos = sizeof sp_coll_algos / sizeof sp_coll_algos[0];

const sp_coll_algo *sp_coll_algo_find(const char *name)
{
    for (uint32_t i = 0; i < sp_coll_n_algos; i++)
        if (!strcmp(sp_coll_algos[i].name, name))
            return &sp_coll_algos[i];
    return NULL;
}
