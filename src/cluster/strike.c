/* Failures: when, what, whom; and how a job goes on. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>

#define EVENTS_MOST 1e9         /* expected failures of a run: beyond this it would take a quarter of an hour and more */
#define WEIBULL_UNITS_MOST (4u << 20)   /* each has an event of 40 B in the queue */

/* Exponential with rate 1; never 0 or infinite. */
static double exponential(sp_rng *rng) { return -log1p(-sp_rng_unit(rng)); }

static double normal(sp_rng *rng)
{
    double u = 1 - sp_rng_unit(rng), v = sp_rng_unit(rng);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* ---- when ------------------------------------------------------------------------------------------------------------- */

static double scaled_rate(const sp_i_run *run, uint32_t class) { return run->op->failures->row[class].rate_per_s.nominal * run->op->fail_scale; }

void sp_i_next_failure(sp_i_run *run)
{
    run->next_fail_us = INT64_MAX;
    if (run->total_rate <= 0) return;
    int64_t gap = sp_i_us(exponential(&run->rng) / run->total_rate);
    run->next_fail_us = run->now_us + gap;
}

/* Gamma of shape a >= 1 and scale 1 (Marsaglia and Tsang 2000). */
static double gamma_of(sp_rng *rng, double a)
{
    double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(rng), v = 1 + c * x;
        if (v <= 0) continue;
        v *= v * v;
        if (log(1 - sp_rng_unit(rng)) < x * x / 2 + d * (1 - v + log(v))) return d * v;
    }
}

/* A unit's next failure by its Weibull clock, which a failure sets to zero. Under way: the rest of a life into which the run falls somewhere,
 * longer lives the likelier. So units fail at the rate of their class from the first day on; new clocks of shape 0.8 would give 2.3 times
 * as many in the first twentieth of their mean life. */
static bool push_weibull(sp_i_run *run, uint32_t class, uint32_t unit, bool under_way)
{
    double shape = run->op->failures->row[class].shape;
    double scale = 1 / (scaled_rate(run, class) * tgamma(1 + 1 / shape));
    double life = scale * pow(under_way ? gamma_of(&run->rng, 1 + 1 / shape) : exponential(&run->rng), 1 / shape);
    int64_t at = run->now_us + sp_i_us(under_way ? life * (1 - sp_rng_unit(&run->rng)) : life);
    return at >= run->horizon_us || sp_queue_push(run->queue, at, 2, SP_I_WEIBULL, (uint64_t)class << 32 | unit);
}

static sp_status start_class(sp_i_run *run, uint32_t class, sp_error *err)
{
    const sp_fail_class *row = &run->op->failures->row[class];
    double rate = scaled_rate(run, class);
    sp_status status = sp_failures_count(run->op->machine, row->unit, &run->class_units[class], err);
    if (status != SP_OK) return status;
    double all = rate * (double)run->class_units[class];
    run->rate_per_chip += all / run->op->machine->chips;
    sp_i_count_forgetting(run, row, all / run->op->machine->chips);
    if (row->shape == 1) {
        run->class_rate[class] = all;
        run->total_rate += all;
        return SP_OK;
    }
    if (rate <= 0) return SP_OK;
    if (run->class_units[class] > WEIBULL_UNITS_MOST)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "class '%s' has %llu units, and only %u can age (shape %g); use shape 1 or a smaller machine",
                            row->name, (unsigned long long)run->class_units[class], WEIBULL_UNITS_MOST, row->shape);
    for (uint32_t unit = 0; unit < run->class_units[class]; unit++)
        if (!push_weibull(run, class, unit, true)) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %s", row->name);
    return SP_OK;
}

/* Names the class with most of them, where its rate stands. */
static sp_status too_many(const sp_i_run *run, double expected, sp_error *err)
{
    const sp_fail_class *row = run->op->failures->row;
    double most = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < run->op->failures->n; i++) {
        double n = scaled_rate(run, i) * (double)run->class_units[i] * run->op->horizon_s;
        if (n > most) most = n, at = i;
    }
    return sp_error_set(err, SP_E_RANGE, row[at].file, row[at].line, row[at].column,
                        "%.3g failures are expected in the time simulated, %.3g of class '%s' with %llu units; expected at most %.0e: lower the rate or the time",
                        expected, most, row[at].name, (unsigned long long)run->class_units[at], EVENTS_MOST);
}

sp_status sp_i_failures_start(sp_i_run *run, sp_error *err)
{
    const sp_failures *failures = run->op->failures;
    for (uint32_t i = 0; failures != NULL && i < failures->n; i++) {
        sp_status status = start_class(run, i, err);
        if (status != SP_OK) return status;
    }
    double expected = run->rate_per_chip * run->op->machine->chips * run->op->horizon_s;
    if (!(expected <= EVENTS_MOST)) return too_many(run, expected, err);
    sp_i_next_failure(run);
    return SP_OK;
}

/* ---- how a job goes on --------------------------------------------------------------------------------------------------- */

#define TALLY_CHIPS 256   /* above it a walk over the job's leaves takes longer than a tally's 65 + pods steps */

/* What a failure took of a job in one rack: chips that are gone for good, 0 when it restarts where it is. */
typedef struct sp_i_loss { uint32_t slot, leaf; uint64_t lost; } loss;

/* Its pieces no longer hold the lost chips; nor does its tally, before others take their place. */
static void tell_tally(sp_i_run *run, sp_i_slot *slot, const loss *l)
{
    const sp_i_piece *piece = sp_i_piece_of(run->cluster, l->leaf, l->slot);
    sp_i_tally_change(run->cluster, slot->tally, l->leaf, piece->mask | l->lost, piece->mask);
}

/* The job goes on with other chips in the place of those lost in a rack. */
static bool replace(sp_i_run *run, const loss *l)
{
    sp_i_slot *slot = &run->slot[l->slot];
    sp_cluster *c = run->cluster;
    bool (*other)(sp_cluster *, uint32_t, uint64_t, uint32_t, uint32_t *) = run->op->policy->replace;
    sp_i_reserve_draw(run, l->leaf, sp_i_count(l->lost));
    return other != NULL ? other(c, l->leaf, l->lost, l->slot, &slot->list) : sp_i_replace(c, l->leaf, l->lost, l->slot, &slot->list, slot->tally);
}

/* In all racks where the job of losses[at] lost chips. Returns how many nothing stands by for; *leaf: one of their racks. Our policies keep a tally of large jobs. */
static uint32_t replace_all(sp_i_run *run, uint32_t at, uint32_t *leaf)
{
    uint32_t s = run->loss[at].slot, gone = 0;
    sp_i_slot *slot = &run->slot[s];
    sp_cluster *c = run->cluster;
    for (uint32_t i = at; slot->tally != NULL && i < run->losses; i++)
        if (run->loss[i].slot == s && run->loss[i].lost != 0) tell_tally(run, slot, &run->loss[i]);
    if (slot->tally == NULL && run->op->policy->replace == NULL && slot->chips >= TALLY_CHIPS) slot->tally = sp_i_tally_make(c, slot->list);
    for (uint32_t i = at; i < run->losses; i++) {
        const loss *l = &run->loss[i];
        if (l->slot != s || l->lost == 0 || replace(run, l)) continue;
        if (gone == 0) *leaf = l->leaf;
        gone += sp_i_count(l->lost);
    }
    if (gone != 0) return gone;
    sp_spread spread = slot->tally != NULL ? sp_i_tally_spread(c, slot->tally) : sp_cluster_spread(c, slot->list);
    sp_i_measure(run, slot, &spread);
    run->history.replaced++;
    run->dirty = true;   /* free chips changed */
    return 0;
}

/* Nothing stands by for the chips that are lost: fewer of them do, or the job waits. The other replicas hold what is needed to go on. */
static void go_on(sp_i_run *run, uint32_t s, uint32_t leaf, uint32_t gone, const sp_fail_class *class, sp_i_pauses pauses)
{
    sp_i_slot *slot = &run->slot[s];
    const sp_recovery_row *row = sp_i_replan(run, s, leaf, gone, class->repair_s.nominal * run->op->repair_scale);
    if (row != NULL || sp_i_shrink(run, s, leaf, gone)) {
        bool new_plan = row != NULL && row->rung == SP_RUNG_REPLAN;
        sp_i_tell(run, new_plan ? SP_HAPPENED_REPLAN : SP_HAPPENED_SHRINK, slot->job, SP_NOWHERE, leaf, slot->chips);
        pauses.restart_s = row != NULL ? fmax(0, row->transition_s - run->op->detect_s) : run->op->swap_s;   /* a row's has the reading of the state in it */
        if (row != NULL) pauses.load_s = 0;
        sp_i_begin(run, s, pauses);
        return;
    }
    run->history.requeued++;
    sp_i_tell(run, SP_HAPPENED_REQUEUE, slot->job, SP_NOWHERE, leaf, slot->chips);
    sp_i_requeue(run, s, class->planned ? SP_I_EVICTED : SP_I_FAILED);
}

double sp_i_notice_s(const sp_operation *op, const sp_fail_class *class)
{
    double own_s = class->planned ? 0 : class->unit >= SP_FAIL_ELECTRICAL_LINK ? op->link_detect_s : class->down ? op->detect_s : op->process_detect_s;
    return own_s < 0 ? op->detect_s : own_s;
}

/* Stops the job of losses[at], once for all its racks. Planned: it writes a checkpoint first. */
static void interrupt(sp_i_run *run, uint32_t at, const sp_fail_class *class)
{
    bool planned = class->planned;
    uint32_t s = run->loss[at].slot, leaf = run->loss[at].leaf, lost = 0, gone = 0;
    sp_i_slot *slot = &run->slot[s];
    bool forgets = sp_i_forgets(run, s, class);
    for (uint32_t i = at; i < run->losses; i++)
        if (run->loss[i].slot == s) lost += sp_i_count(run->loss[i].lost);
    if (planned) run->history.maintained++;
    else sp_i_count_stop(run, slot->job);
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    sp_i_segment(run, slot, planned ? SP_I_SAVED : SP_I_BROKEN);
    slot->generation++;
    if (forgets) sp_i_fall_back(run, s);
    sp_i_pauses pauses = {.drain_s = planned ? 1e-6 * (double)slot->checkpoint_us : 0, .detect_s = sp_i_notice_s(run->op, class), .decide_s = planned ? 0 : run->op->decide_s,
                          .restart_s = lost == 0 ? run->op->swap_s : run->op->restart_s, .load_s = sp_i_load_s(run, s, forgets)};
    if (lost != 0) gone = replace_all(run, at, &leaf);
    for (uint32_t i = at; i < run->losses; i++)
        if (run->loss[i].slot == s) run->loss[i].slot = SP_NOWHERE;
    if (gone != 0) {
        go_on(run, s, leaf, gone, class, pauses);
        return;
    }
    sp_i_tell(run, lost == 0 ? SP_HAPPENED_RESTART : SP_HAPPENED_REPLACE, slot->job, SP_NOWHERE, leaf, lost == 0 ? slot->chips : lost);
    sp_i_begin(run, s, pauses);
}

/* ---- whom ---------------------------------------------------------------------------------------------------------------- */

int64_t sp_i_repair_us(sp_i_run *run, const sp_fail_class *row)
{
    double sigma = row->repair_sigma, mean = row->repair_s.nominal * run->op->repair_scale;
    return sp_i_us(sigma > 0 ? mean * exp(sigma * normal(&run->rng) - sigma * sigma / 2) : mean);
}

static bool push_repair(sp_i_run *run, const sp_fail_class *row, uint32_t leaf, uint64_t mask, uint32_t spares)
{
    if (run->repair_free == SP_NOWHERE) {
        uint32_t room = run->repair_room * 2 + 64;
        sp_i_repair_job *repair = realloc(run->repair, room * sizeof *repair);
        if (repair == NULL) return false;
        for (uint32_t i = run->repair_room; i < room; i++) repair[i].next_free = i + 1 < room ? i + 1 : SP_NOWHERE;
        run->repair_free = run->repair_room;
        run->repair = repair;
        run->repair_room = room;
    }
    uint32_t r = run->repair_free;
    run->repair_free = run->repair[r].next_free;
    run->repair[r] = (sp_i_repair_job){.mask = mask, .leaf = leaf, .spares = spares};
    int64_t at = run->now_us + sp_i_repair_us(run, row);
    return at >= run->horizon_us || sp_queue_push(run->queue, at, 1, SP_I_REPAIR, r);
}

void sp_i_repaired(sp_i_run *run, uint32_t r)
{
    sp_i_repair_job *repair = &run->repair[r];
    for (uint32_t i = 0; i < repair->spares; i++) sp_i_spare_give(run->cluster, repair->leaf);
    if (repair->mask != 0) sp_i_repair(run->cluster, repair->leaf, repair->mask);
    sp_i_tell(run, SP_HAPPENED_REPAIR, SP_NOWHERE, SP_NOWHERE, repair->leaf, repair->spares + sp_i_count(repair->mask));
    repair->next_free = run->repair_free;
    run->repair_free = r;
    run->dirty = true;
}

uint32_t sp_i_victims(sp_cluster *c, uint32_t leaf, uint64_t hit, sp_i_victim *out)
{
    uint32_t n = 0;
    sp_i_open(c, leaf);
    for (uint32_t p = c->leaf[leaf].first; p != SP_NOWHERE; p = c->piece[p].beside) {
        uint64_t lost = c->piece[p].mask & hit;
        uint32_t i = 0;
        if (lost == 0) continue;
        while (i < n && out[i].slot != c->piece[p].owner) i++;
        if (i == n) out[n++] = (sp_i_victim){.slot = c->piece[p].owner};
        out[i].lost |= lost;
    }
    return n;
}

static bool losses_fit(sp_i_run *run, uint32_t n)
{
    if (run->losses + n <= run->loss_room) return true;
    uint32_t room = 2 * run->loss_room + n;
    loss *grown = realloc(run->loss, room * sizeof *grown);
    if (grown == NULL) return false;
    run->loss = grown;
    run->loss_room = room;
    return true;
}

/* A class strikes positions of one leaf, and what it takes of jobs is noted; what is down already does not fail again. */
static void break_leaf(sp_i_run *run, const sp_fail_class *row, uint32_t leaf, uint64_t mask)
{
    sp_cluster *c = run->cluster;
    sp_i_victim who[64];   /* at most one a chip */
    uint64_t hit = mask & ~c->leaf[leaf].down;
    uint32_t chips = sp_i_count(hit), n = sp_i_victims(c, leaf, hit, who);
    if (chips == 0) return;
    bool covered = row->down && c->leaf[leaf].spare_ready >= chips;
    sp_i_tell(run, covered ? SP_HAPPENED_SPARE : SP_HAPPENED_FAIL, SP_NOWHERE, (uint32_t)(row - run->op->failures->row), leaf, chips);
    if (covered) {
        for (uint32_t i = 0; i < chips; i++) sp_i_spare_take(c, leaf);
        run->history.swapped++;
    } else if (row->down) {
        sp_i_fail(c, leaf, hit);
    }
    if (row->down) run->no_memory |= !push_repair(run, row, leaf, covered ? 0 : hit, covered ? chips : 0);
    run->no_memory |= !losses_fit(run, n);
    for (uint32_t i = 0; i < n && !run->no_memory; i++) run->loss[run->losses++] = (loss){who[i].slot, leaf, row->down && !covered ? who[i].lost : 0};
}

void sp_i_interrupt(sp_i_run *run, uint32_t s, uint32_t leaf, uint64_t lost, const sp_fail_class *class)
{
    run->losses = 0;
    run->no_memory |= !losses_fit(run, 1);
    if (run->no_memory) return;
    run->loss[run->losses++] = (loss){s, leaf, lost};
    interrupt(run, 0, class);
}

/* All racks of a failure are struck before anybody goes on: a job stops once, and does not flee into a rack that fails with its own. */
static void strike_leaves(sp_i_run *run, const sp_fail_class *row, uint32_t first, uint32_t n, uint64_t mask)
{
    run->losses = 0;
    for (uint32_t leaf = first; leaf < first + n && leaf < run->cluster->leaves; leaf++) break_leaf(run, row, leaf, mask);
    for (uint32_t i = 0; i < run->losses && !run->no_memory; i++)
        if (run->loss[i].slot != SP_NOWHERE) interrupt(run, i, row);
}

/* A switch over a rack: each of its jobs goes round it, where its chips have others on that tier. */
static void strike_switch(sp_i_run *run, uint32_t class, uint32_t leaf)
{
    sp_cluster *c = run->cluster;
    sp_i_victim who[64];
    uint32_t slots[64];
    if (!run->op->reroute) {
        strike_leaves(run, &run->op->failures->row[class], leaf, 1, c->full);
        return;
    }
    uint32_t n = sp_i_victims(c, leaf, c->full & ~c->leaf[leaf].down, who);
    for (uint32_t i = 0; i < n; i++) slots[i] = who[i].slot;
    sp_i_reroute_switch(run, class, leaf, slots, n);
}

void sp_i_strike(sp_i_run *run, uint32_t class, uint64_t unit)
{
    const sp_cluster *c = run->cluster;
    const sp_fail_class *row = &run->op->failures->row[class];
    uint32_t per = c->shape.leaf_chips, chip;
    switch (row->unit) {
    case SP_FAIL_CHIP: strike_leaves(run, row, (uint32_t)(unit / per), 1, UINT64_C(1) << unit % per); break;
    case SP_FAIL_HOST:
        strike_leaves(run, row, (uint32_t)(unit / c->rows_per_leaf), 1, sp_i_row(c, (uint32_t)(unit % c->rows_per_leaf)));
        break;
    case SP_FAIL_RACK: strike_leaves(run, row, (uint32_t)unit, 1, c->full); break;
    case SP_FAIL_POWER: strike_leaves(run, row, (uint32_t)unit * SP_POWER_RACKS, SP_POWER_RACKS, c->full); break;
    case SP_FAIL_POD: strike_leaves(run, row, (uint32_t)unit * c->leaves_per_pod, c->leaves_per_pod, c->full); break;
    case SP_FAIL_SWITCH: strike_switch(run, class, (uint32_t)sp_rng_below(&run->rng, c->leaves)); break;
    default:   /* a link: whoever runs on the chip at its end */
        chip = (uint32_t)sp_rng_below(&run->rng, c->shape.chips);
        if (run->op->reroute && sp_i_reroute(run, class, chip)) break;
        strike_leaves(run, row, chip / per, 1, UINT64_C(1) << chip % per);
        break;
    }
}

/* A hidden fault strikes whoever runs there; an idle part shows its fault to nobody. */
static void hide(sp_i_run *run, uint32_t class, uint64_t unit)
{
    sp_cluster *c = run->cluster;
    const sp_fail_class *row = &run->op->failures->row[class];
    uint32_t size = row->unit == SP_FAIL_CHIP ? 1 : c->shape.row_chips, first = (uint32_t)unit * size, leaf = first / c->shape.leaf_chips;
    sp_i_victim who[64];
    uint64_t hit = (UINT64_MAX >> (64 - size) << first % c->shape.leaf_chips) & ~c->leaf[leaf].down;
    uint32_t n = sp_i_victims(c, leaf, hit, who);
    for (uint32_t i = 0; i < n; i++) run->no_memory |= !sp_i_hide(run, class, unit, who[i].slot);
}

static void strike(sp_i_run *run, uint32_t class, uint64_t unit)
{
    run->history.failures++;
    if (run->op->failures->row[class].found_s.grade != SP_GRADE_NONE) hide(run, class, unit);
    else sp_i_strike(run, class, unit);
}

void sp_i_fail_now(sp_i_run *run)
{
    double at = sp_rng_unit(&run->rng) * run->total_rate;
    uint32_t class = 0, last = 0;
    for (uint32_t i = 0; i < run->op->failures->n; i++)
        if (run->class_rate[i] > 0) last = i;
    while (class < last && (run->class_rate[class] <= 0 || at >= run->class_rate[class])) at -= run->class_rate[class++];
    strike(run, class, sp_rng_below(&run->rng, run->class_units[class]));
    sp_i_next_failure(run);
}

void sp_i_weibull(sp_i_run *run, uint64_t payload)
{
    strike(run, (uint32_t)(payload >> 32), (uint32_t)payload);
    run->no_memory |= !push_weibull(run, (uint32_t)(payload >> 32), (uint32_t)payload, false);
}
