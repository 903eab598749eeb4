/* Links that need not be looked at. Let all flows on link b also cross link w, each with no less of its load there, and let w have no more
 * capacity. In a filling, what w has left is then never more than what b has, and the loads still open on it never less: its share is
 * never above b's, so that b never settles a flow that w does not settle at the same share. Without b every rate is the same integer; nor is b
 * busier than w. (docs/models/flow.md)
 *
 * For w, only the most crowded link of a route is tried (the lowest id of equals): of the twelve planes that a flow is striped over,
 * the cables at its two ends go, and whatever else it has for itself. Counts fall, then ids rise, from b to w: no circles.
 *
 * Two passes over the routes, which are worked out again each time: 8 B for each id of a link and nothing for a hop. A route crosses a link once. */
#include "flow_cover.h"

#include <stdlib.h>

#define KEPT UINT32_MAX

struct sp_i_cover {
    uint32_t *count;   /* [ids] routes that cross the link                              */
    uint32_t *by;      /* [ids] link that covers it + 1; 0: not seen yet; KEPT: none does */
};

sp_i_cover *sp_i_cover_create(uint32_t n_links)
{
    sp_i_cover *cover = calloc(1, sizeof *cover);
    if (!cover)
        return NULL;
    cover->count = calloc((size_t)n_links + 1, sizeof *cover->count);
    cover->by = calloc((size_t)n_links + 1, sizeof *cover->by);
    if (cover->count && cover->by)
        return cover;
    sp_i_cover_destroy(cover);
    return NULL;
}

void sp_i_cover_destroy(sp_i_cover *cover)
{
    if (!cover)
        return;
    free(cover->count);
    free(cover->by);
    free(cover);
}

void sp_i_cover_count(sp_i_cover *cover, const sp_hop *hops, uint32_t n)
{
    for (uint32_t h = 0; h < n; h++)
        cover->count[hops[h].link] += cover->count[hops[h].link] < UINT32_MAX;
}

static const sp_hop *most_crowded(const sp_i_cover *cover, const sp_hop *hops, uint32_t n)
{
    const sp_hop *most = hops;
    for (uint32_t h = 1; h < n; h++) {
        uint32_t here = cover->count[hops[h].link], there = cover->count[most->link];
        if (here > there || (here == there && hops[h].link < most->link))
            most = &hops[h];
    }
    return most;
}

void sp_i_cover_judge(sp_i_cover *cover, const sp_router *router, const double *fraction, const sp_hop *hops, uint32_t n)
{
    if (!n)
        return;
    const sp_hop *most = most_crowded(cover, hops, n);
    cover->by[most->link] = KEPT;   /* what covered it on another route is not on this one, or would be more crowded */
    for (uint32_t h = 0; h < n; h++) {
        uint32_t *by = &cover->by[hops[h].link];
        if (&hops[h] == most || *by == KEPT)
            continue;
        bool fits = hops[h].share <= most->share;
        if (*by == 0)
            fits = fits && sp_i_flow_capacity(router, most->link, fraction) <= sp_i_flow_capacity(router, hops[h].link, fraction);
        else
            fits = fits && *by == most->link + 1;
        *by = fits ? most->link + 1 : KEPT;
    }
}

uint32_t sp_i_cover_keep(const sp_i_cover *cover, sp_hop *hops, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t h = 0; h < n; h++)
        if (cover->by[hops[h].link] == KEPT)
            hops[kept++] = hops[h];
    return kept;
}
