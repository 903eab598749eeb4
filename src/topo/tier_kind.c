/* The kinds of tiers, one row each. */
#include "topo_i.h"

#include <string.h>

/* Latencies when the text gives none. guess: mesh and torus hops as one switch-less UB hop (150-200 ns are printed for a
 * switched one, Hot Chips 2025); through one switch with both endpoints 0.6 us (half of CloudMatrix384's 1.2 us read);
 * through a tree 1 us (half of the 2.1 us of the Atlas 950 pod). */
static const sp_i_kind rows[SP_TIER_KINDS] = {
    [SP_TIER_MESH] = {"mesh", false, 1, SP_TIER_DIMS, 200e-9},
    [SP_TIER_TORUS] = {"torus", false, 1, SP_TIER_DIMS, 200e-9},
    [SP_TIER_CLOS] = {"clos", true, 1, 1, 1e-6},
    [SP_TIER_SWITCH] = {"switch", true, 1, 1, 600e-9},
    [SP_TIER_RAIL] = {"rail", true, 1, 1, 1e-6},
    [SP_TIER_DRAGONFLY] = {"dragonfly", true, 3, 3, 1e-6},
};

static const char *const names[SP_TIER_KINDS + 1] = {"mesh", "torus", "clos", "switch", "rail", "dragonfly", NULL};

const sp_i_kind *sp_i_kind_of(sp_tier_kind kind)
{
    return &rows[(unsigned)kind < SP_TIER_KINDS ? kind : SP_TIER_MESH];
}

const char *const *sp_i_kind_names(void)
{
    return names;
}

bool sp_i_kind_find(const char *name, sp_tier_kind *out)
{
    for (int k = 0; k < SP_TIER_KINDS; k++)
        if (!strcmp(rows[k].name, name)) {
            *out = (sp_tier_kind)k;
            return true;
        }
    return false;
}

const char *sp_tier_kind_name(sp_tier_kind kind)
{
    return sp_i_kind_of(kind)->name;
}

bool sp_tier_is_switched(sp_tier_kind kind)
{
    return sp_i_kind_of(kind)->switched;
}
