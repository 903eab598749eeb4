/* A placement judged by the network: the step of the job's plan on the part of the machine that the placement is, up to symmetry. */
#include "cluster_i.h"
#include "superpod/predict.h"

#include <stdlib.h>
#include <string.h>

/* What a step time depends on: so many chips of a leaf, so many leaves of a pod, so many pods; what is broken. Compared as bytes,
 * which is why nothing lies between the fields. */
typedef struct signature { double straggler; uint32_t granule, leaves, pods, box[3]; uint8_t ring[8], links_lost[SP_TIERS_MAX]; } signature;
typedef struct entry { signature key; bool used, fits; sp_status status; double step_time_s, state_bytes; } entry;

struct sp_judge {
    const sp_machine *machine;
    const sp_model *model;
    const sp_plan *plan;
    sp_cluster_shape shape;
    entry *entry;                /* open addressing, `room` a power of two, at most half full */
    uint32_t n, room;
    uint64_t hits, misses;
};

sp_status sp_judge_create(const sp_machine *machine, const sp_model *model, const sp_plan *plan, sp_judge **out, sp_error *err)
{
    sp_judge *judge = calloc(1, sizeof *judge);
    entry *first = calloc(64, sizeof *first);
    sp_status status = judge == NULL || first == NULL ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : SP_OK;
    if (status == SP_OK) {
        *judge = (sp_judge){.machine = machine, .model = model, .plan = plan, .entry = first, .room = 64};
        status = sp_cluster_shape_of(machine, &judge->shape, err);
    }
    if (status != SP_OK) {
        free(first);
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
static signature signature_of(const sp_spread *s, const sp_faults *faults)
{
    signature key = {.straggler = 1, .granule = s->regular ? s->chips / s->leaves : s->granule, .pods = s->pods};
    for (int d = 0; d < 3 && s->pods == 1; d++) {
        key.box[d] = s->box[d];
        key.ring[d] = s->ring[d];
    }
    if (faults != NULL) {
        memcpy(key.links_lost, faults->links_lost, sizeof key.links_lost);
        if (faults->straggler > 1) key.straggler = faults->straggler;
    }
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

static void scale(sp_value *value, double by)
{
    value->low *= by;
    value->nominal *= by;
    value->high *= by;
}

/* A box's own dims. Rows that are no rings have half a ring's bandwidth, and the other dimensions wait for them. */
static void cut_box(sp_tier *tier, signature key)
{
    bool row = false;
    tier->n_dims = 3;
    tier->size = 1;
    for (int d = 0; d < 3; d++) {
        tier->dims[d] = key.box[d];
        tier->size *= key.box[d];
        row = row || (key.box[d] > 2 && !key.ring[d]);
    }
    if (row) scale(&tier->bw_bytes_per_s, 0.5);
}

static void cut_plane(sp_plane *plane, const sp_cluster_shape *shape, signature key)
{
    uint32_t below = 1;
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        sp_tier *tier = &plane->tiers[t];
        if (key.box[0] != 0 && tier->kind == SP_TIER_TORUS && tier->stride == 1) {
            cut_box(tier, key);
            below = tier->size;
            continue;
        }
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

static void slow_chip(sp_chip *chip, double factor)
{
    for (int f = 0; f < SP_FMT_N; f++) scale(&chip->matrix_flop_per_s[f], 1 / factor);
    scale(&chip->vector_flop_per_s, 1 / factor);
    scale(&chip->exp_per_s, 1 / factor);
    scale(&chip->mem_bw_bytes_per_s, 1 / factor);
}

static sp_status price(const sp_judge *judge, entry *e, sp_error *err)
{
    sp_machine part = *judge->machine;
    sp_chip chip = *part.chip;
    sp_train_report report;
    sp_arena *arena = sp_arena_create();
    if (arena == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t p = 0; p < part.n_planes; p++) cut_plane(&part.planes[p], &judge->shape, e->key);
    part.chips = e->key.granule * e->key.leaves * e->key.pods;
    part.n = 0;
    if (e->key.straggler > 1) {
        slow_chip(&chip, e->key.straggler);
        part.chip = &chip;
    }
    sp_status status = sp_i_without_links(&part, judge->machine, e->key.links_lost, err);
    if (status == SP_OK) status = sp_plan_check(judge->plan, judge->model, &part, err);
    if (status == SP_OK) status = sp_predict_train(&part, judge->model, judge->plan, false, arena, &report, NULL, err);
    if (status == SP_OK) {
        e->step_time_s = report.step_time_s;
        e->state_bytes = sp_ckpt_state_bytes(&report, judge->plan);
        e->fits = report.mem_bytes_max <= report.mem_capacity_bytes;
    } else if (status == SP_E_INVAL || status == SP_E_RANGE) {
        status = SP_E_UNFIT;
    }
    sp_arena_destroy(arena);
    return status;
}

/* The entry of a signature, or the free one where it belongs. FNV-1a over its bytes. */
static entry *slot_of(entry *table, uint32_t room, const signature *key)
{
    const unsigned char *byte = (const unsigned char *)key;
    uint32_t at = 2166136261u;
    for (size_t i = 0; i < sizeof *key; i++) at = (at ^ byte[i]) * 16777619u;
    for (at &= room - 1; table[at].used && memcmp(&table[at].key, key, sizeof *key) != 0; at = (at + 1) & (room - 1)) {}
    return &table[at];
}

static sp_status grow(sp_judge *judge, sp_error *err)
{
    entry *larger = calloc(2u * (size_t)judge->room, sizeof *larger);
    if (larger == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t i = 0; i < judge->room; i++)
        if (judge->entry[i].used) *slot_of(larger, 2 * judge->room, &judge->entry[i].key) = judge->entry[i];
    free(judge->entry);
    judge->entry = larger;
    judge->room *= 2;
    return SP_OK;
}

static sp_status find(sp_judge *judge, const sp_spread *spread, const sp_faults *faults, const entry **out, sp_error *err)
{
    if (spread->chips == 0) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a placement without chips has no step time");
    entry made = {.key = signature_of(spread, faults), .used = true};
    entry *known = slot_of(judge->entry, judge->room, &made.key);
    if (known->used) {
        judge->hits++;
        *out = known;
        return known->status == SP_OK ? SP_OK : sp_error_set(err, known->status, NULL, 0, 0, "the plan does not lie on %u chips of each of %u x %u racks with those faults",
                                                             made.key.granule, made.key.leaves, made.key.pods);
    }
    judge->misses++;
    made.status = price(judge, &made, err);
    if (made.status == SP_E_NOMEM) return made.status;
    *known = made;
    *out = known;
    if (2 * ++judge->n < judge->room) return made.status;
    sp_status status = grow(judge, err);
    *out = slot_of(judge->entry, judge->room, &made.key);
    return status != SP_OK ? status : made.status;
}

sp_status sp_judge_step(sp_judge *judge, const sp_spread *spread, const sp_faults *faults, double *step_time_s, sp_error *err)
{
    const entry *e;
    sp_status status = find(judge, spread, faults, &e, err);
    if (status == SP_OK) *step_time_s = e->step_time_s;
    return status;
}

sp_status sp_judge_fits(sp_judge *judge, const sp_spread *spread, bool *fits, sp_error *err)
{
    const entry *e;
    sp_status status = find(judge, spread, NULL, &e, err);
    if (status == SP_OK) *fits = e->fits;
    return status;
}

sp_status sp_judge_state_bytes(sp_judge *judge, const sp_spread *spread, double *bytes, sp_error *err)
{
    const entry *e;
    sp_status status = find(judge, spread, NULL, &e, err);
    if (status == SP_OK) *bytes = e->state_bytes;
    return status;
}
