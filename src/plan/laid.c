/* Places on the tiers for the plans of an item: pipelines, data-parallel sizes and orders, and groups that share state; grouped by what their
 * pieces communicate in. */
#include "solve.h"

#include <stdlib.h>
#include <string.h>

#define SIZES_TRIED 512u   /* of one pp: more than any batch up to 2^30 with fewer divisors than 512 has */
#define SIZES_REFUSED 8u   /* data-parallel sizes tried beyond those wanted, where the largest have no place */

static bool same_layout(const sp_layout *a, const sp_layout *b)
{
    for (int g = 0; g < SP_GROUPS; g++)
        if (a->group[g].n_dims != b->group[g].n_dims || memcmp(a->group[g].dim, b->group[g].dim, a->group[g].n_dims * sizeof a->group[g].dim[0]) != 0)
            return false;
    return true;
}

static sp_i_laid *room_for_laid(sp_i_solver *s)
{
    if (s->n_laid == s->room_laid) {
        uint32_t room = s->room_laid ? 2 * s->room_laid : 64;
        sp_i_laid *laid = realloc(s->laid, room * sizeof *laid);
        if (!laid)
            return NULL;
        s->laid = laid;
        s->room_laid = room;
    }
    return &s->laid[s->n_laid];
}

/* Places that share the pieces' groups and pp come one after another: a group. */
static void group_of(const sp_i_solver *s, sp_i_laid *laid)
{
    laid->group = 0;
    for (uint32_t i = 0; i < s->n_laid; i++) {
        const sp_i_laid *other = &s->laid[i];
        if (other->pp_at == laid->pp_at && other->lanes[0].inner == laid->lanes[0].inner) {
            laid->group = other->group;
            return;
        }
        laid->group = other->group >= laid->group ? other->group + 1 : laid->group;
    }
}

static sp_status lay_one(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t laying, uint32_t first_same, bool *out, sp_error *err)
{
    sp_i_laid *laid = room_for_laid(s);
    *out = false;
    if (!laid)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u places", s->n_laid);
    *laid = (sp_i_laid){.pp_at = pp_at, .dp = plan->dp, .zero_group = plan->zero_group, .laying = laying};
    sp_i_put_laying(plan, &s->space->laying[laying]);
    if (sp_plan_layout(plan, s->problem->machine, &laid->layout, NULL) != SP_OK) {
        s->counts.refused_place += s->count;
        return SP_OK;
    }
    for (uint32_t i = first_same; i < s->n_laid; i++)
        if (s->laid[i].zero_group == plan->zero_group && same_layout(&s->laid[i].layout, &laid->layout))
            return SP_OK;   /* the same plan in other words */
    for (int sharded = 0; sharded < 2; sharded++) {
        plan->zero = (uint32_t)sharded;
        sp_status status = sp_pricer_lanes(s->pricer, plan, &laid->layout, &laid->lanes[sharded], err);
        if (status != SP_OK)
            return status;
    }
    group_of(s, laid);
    s->n_laid++;
    *out = true;
    return SP_OK;
}

/* A place, and with state shared by near ranks alone: as many as the gradients' group has on its inner dims, which end where a tier does.
 * Fewer would hold more and cross the same tiers. */
static sp_status lay_groups(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t laying, uint32_t first_same, sp_error *err)
{
    bool fresh;
    sp_status status = lay_one(s, plan, pp_at, laying, first_same, &fresh, err);
    if (status != SP_OK || !fresh || !s->problem->free_zero_group || s->problem->effort < SP_EFFORT_NORMAL)
        return status;
    const sp_placement gradients = s->laid[s->n_laid - 1].layout.group[SP_GROUP_DP];
    uint32_t near = 1;
    sp_i_choices sizes = {0};
    for (uint32_t d = 0; d + 1 < gradients.n_dims; d++)
        sp_i_choices_put(&sizes, near *= gradients.dim[d].size);
    for (uint32_t i = 0; i < sizes.n && status == SP_OK; i++) {
        plan->zero_group = sizes.value[i];
        status = lay_one(s, plan, pp_at, laying, first_same, &fresh, err);
    }
    plan->zero_group = s->problem->fixed.zero_group;
    return status;
}

/* Data-parallel sizes tried for one pp: the rows of their places, none when it fits nowhere. */
typedef struct tried { uint32_t n; struct { uint32_t dp, begin, end; } item[SIZES_TRIED]; } tried;

static sp_status try_size(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t dp, tried *list, uint32_t *at, sp_error *err)
{
    for (*at = 0; *at < list->n; ++*at)
        if (list->item[*at].dp == dp)
            return SP_OK;
    uint32_t begin = s->n_laid;
    sp_status status = SP_OK;
    plan->dp = dp;
    bool whole = (uint64_t)plan->tp * plan->cp * dp % ((uint64_t)plan->ep * plan->etp) == 0;
    for (uint32_t l = 0; whole && l < s->space->n_layings && status == SP_OK; l++)
        status = lay_groups(s, plan, pp_at, l, begin, err);
    list->item[*at].dp = dp;
    list->item[*at].begin = begin;
    list->item[*at].end = s->n_laid;
    list->n++;
    return status;
}

/* For the fewest chips no more than those of the worst plan kept. */
static uint32_t most_chips(const sp_i_solver *s, uint32_t chips)
{
    return s->worth.objective == SP_OBJECTIVE_CHIPS && s->limit < chips ? (uint32_t)s->limit : chips;
}

/* For one micro-batch the largest sizes that have a place, as many as the effort tries: fewer replicas compute no faster. Were their
 * micro-batches no whole rounds of the pipeline, which interleaving needs, the largest size that leaves such rounds as well: it
 * idles chips and shortens the bubble. */
static sp_status lay_batch(sp_i_solver *s, sp_plan *plan, uint32_t pp_at, uint32_t mbs_at, uint32_t chips, tried *list, sp_error *err)
{
    uint32_t replica = plan->tp * plan->cp * plan->pp, mbs = s->space->mbs.value[mbs_at], taken = 0, at;
    sp_i_choices dps = sp_i_space_dp(s->problem, s->space, most_chips(s, chips), replica, mbs);
    bool filled = plan->pp == 1, enough = false;
    for (uint32_t d = 0; d < dps.n && d < s->space->dps + SIZES_REFUSED && sp_i_keep_going(s); d++) {
        uint32_t dp = dps.value[d];
        bool fills = plan->gbs / ((uint64_t)mbs * dp) % plan->pp == 0;
        if (list->n == SIZES_TRIED || (enough && (filled || !fills)))
            continue;
        sp_status status = try_size(s, plan, pp_at, dp, list, &at, err);
        if (status != SP_OK)
            return status;
        for (uint32_t i = list->item[at].begin; i < list->item[at].end; i++)
            *(enough ? &s->laid[i].filled_set : &s->laid[i].mbs_set) |= 1u << mbs_at;
        bool placed = list->item[at].end > list->item[at].begin;
        taken += placed;
        filled = filled || (placed && fills);
        enough = taken >= s->space->dps;
        if (filled && enough)
            break;
    }
    return SP_OK;
}

static int by_group(const void *a, const void *b)
{
    const sp_i_laid *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->dp != y->dp)
        return x->dp > y->dp ? -1 : 1;
    if (x->zero_group != y->zero_group)
        return x->zero_group < y->zero_group ? -1 : 1;
    return x->laying < y->laying ? -1 : x->laying > y->laying;
}

static bool holds_alike(const sp_i_laid *a, const sp_i_laid *b)
{
    return a->pp_at == b->pp_at && a->dp == b->dp && a->zero_group == b->zero_group;
}

sp_status sp_i_lay_all(sp_i_solver *s, sp_plan plan, sp_error *err)
{
    s->n_laid = 0;
    for (uint32_t p = 0; p < s->space->pp.n; p++) {
        tried list;
        list.n = 0;
        plan.pp = s->space->pp.value[p];
        if (s->space->cuttings[p].n == 0)
            continue;
        for (uint32_t i = 0; i < s->space->chips.n * s->space->mbs.n; i++) {
            sp_status status = lay_batch(s, &plan, p, i % s->space->mbs.n, s->space->chips.value[i / s->space->mbs.n], &list, err);
            if (status != SP_OK)
                return status;
        }
    }
    if (s->n_laid > 0)
        qsort(s->laid, s->n_laid, sizeof *s->laid, by_group);
    for (uint32_t i = 0; i < s->n_laid; i++)   /* they have moved */
        s->laid[i].lanes[0].layout = s->laid[i].lanes[1].layout = &s->laid[i].layout;
    for (uint32_t i = 0; i < s->n_laid; i++)
        for (s->laid[i].alike = 0; !holds_alike(&s->laid[s->laid[i].alike], &s->laid[i]);)
            s->laid[i].alike++;
    for (uint32_t i = s->n_laid; i-- > 0;) {
        bool last = i + 1 == s->n_laid || s->laid[i + 1].alike != s->laid[i].alike || s->laid[i + 1].group != s->laid[i].group;
        s->laid[i].past = last ? i + 1 : s->laid[i + 1].past;
    }
    return SP_OK;
}
