/* A placement judged by the network: the step of the job's plan on the part of the machine that the placement is, up to symmetry. */
#include "cluster_i.h"
#include "superpod/predict.h"

#include <stdlib.h>

/* What a step time depends on: so many chips of a leaf, so many leaves of a pod, so many pods. */
typedef struct signature { uint32_t granule, leaves, pods; } signature;
typedef struct entry { signature key; sp_status status; double step_time_s; } entry;

struct sp_judge {
    const sp_machine *machine;
    const sp_model *model;
    const sp_plan *plan;
    sp_cluster_shape shape;
    entry *entry;
    uint32_t n, room;
    uint64_t hits, misses;
};

sp_status sp_judge_create(const sp_machine *machine, const sp_model *model, const sp_plan *plan, sp_judge **out, sp_error *err)
{
    sp_judge *judge = calloc(1, sizeof *judge);
    if (judge == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    *judge = (sp_judge){.machine = machine, .model = model, .plan = plan};
    sp_status status = sp_cluster_shape_of(machine, &judge->shape, err);
    if (status != SP_OK) {
        free(judge);
        return status;
    }
    *out = judge;
    return SP_OK;
}

void sp_judge_destroy(sp_judge *judge)
{
    if (judge == NULL) return;
    free(judge->entry);
    free(judge);
}

void sp_judge_counts(const sp_judge *judge, uint64_t *hits, uint64_t *misses)
{
    *hits = judge->hits;
    *misses = judge->misses;
}

/* An uneven spread counts as the even one of its granule: that many more leaves, in at least as many pods as it touches. */
static signature signature_of(const sp_spread *s)
{
    signature key = {.granule = s->regular ? s->chips / s->leaves : s->granule, .pods = s->pods};
    uint32_t leaves = s->chips / key.granule;
    while (leaves % key.pods != 0) key.pods++;
    key.leaves = leaves / key.pods;
    return key;
}

/* Largest divisor of n that is <= most and a multiple of `of`. */
static uint32_t divisor(uint32_t n, uint32_t most, uint32_t of)
{
    uint32_t best = of;
    for (uint32_t d = of; d <= most && d <= n; d += of)
        if (n % d == 0) best = d;
    return best;
}

/* Chips of the signature inside a unit of `unit` chips of the machine, a multiple of those inside the tier below. */
static uint32_t inside(const sp_cluster_shape *shape, signature key, uint64_t unit, uint32_t below)
{
    uint32_t pod = key.granule * key.leaves;
    if (unit >= shape->chips) return pod * key.pods;
    if (unit >= shape->pod_chips) return pod * divisor(key.pods, (uint32_t)(unit / shape->pod_chips), below > pod ? below / pod : 1);
    if (unit >= shape->leaf_chips)
        return key.granule * divisor(key.leaves, (uint32_t)(unit / shape->leaf_chips), below > key.granule ? below / key.granule : 1);
    return divisor(key.granule, (uint32_t)unit, below);
}

static void cut_plane(sp_plane *plane, const sp_cluster_shape *shape, signature key)
{
    uint32_t below = 1;
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        sp_tier *tier = &plane->tiers[t];
        uint32_t held = inside(shape, key, (uint64_t)tier->stride * tier->size, below), size = held / below;
        if (size != tier->size) {
            tier->n_dims = 1;
            tier->dims[0] = tier->size = size;
            tier->n_levels = tier->switches = 0;
            tier->twisted = false;
        }
        tier->stride = below;
        below = held;
    }
}

static sp_status price(const sp_judge *judge, signature key, double *step_time_s, sp_error *err)
{
    sp_machine part = *judge->machine;
    sp_train_report report;
    sp_arena *arena = sp_arena_create();
    if (arena == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t p = 0; p < part.n_planes; p++) cut_plane(&part.planes[p], &judge->shape, key);
    part.chips = key.granule * key.leaves * key.pods;
    part.n = 0;
    sp_status status = sp_plan_check(judge->plan, judge->model, &part, err);
    if (status == SP_OK) status = sp_predict_train(&part, judge->model, judge->plan, false, arena, &report, NULL, err);
    if (status == SP_OK) *step_time_s = report.step_time_s;
    else if (status == SP_E_INVAL || status == SP_E_RANGE) status = SP_E_UNFIT;
    sp_arena_destroy(arena);
    return status;
}

static entry *find(const sp_judge *judge, signature key)
{
    for (uint32_t i = judge->n; i-- > 0;) {
        entry *e = &judge->entry[i];
        if (e->key.granule == key.granule && e->key.leaves == key.leaves && e->key.pods == key.pods) return e;
    }
    return NULL;
}

static sp_status keep(sp_judge *judge, entry e, sp_error *err)
{
    if (judge->n == judge->room) {
        uint32_t room = judge->room * 2 + 16;
        entry *grown = realloc(judge->entry, room * sizeof *grown);
        if (grown == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
        judge->entry = grown;
        judge->room = room;
    }
    judge->entry[judge->n++] = e;
    return SP_OK;
}

sp_status sp_judge_step(sp_judge *judge, const sp_spread *spread, double *step_time_s, sp_error *err)
{
    if (spread->chips == 0) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a placement without chips has no step time");
    entry e = {.key = signature_of(spread)}, *known = find(judge, e.key);
    if (known != NULL) {
        judge->hits++;
        if (known->status != SP_OK)
            return sp_error_set(err, known->status, NULL, 0, 0, "the plan does not lie on %u chips of each of %u x %u racks", e.key.granule, e.key.leaves, e.key.pods);
        *step_time_s = known->step_time_s;
        return SP_OK;
    }
    judge->misses++;
    e.status = price(judge, e.key, &e.step_time_s, err);
    if (e.status == SP_E_NOMEM) return e.status;
    sp_status status = keep(judge, e, err);
    if (status != SP_OK || e.status != SP_OK) return status != SP_OK ? status : e.status;
    *step_time_s = e.step_time_s;
    return SP_OK;
}
