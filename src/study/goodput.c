/* Useful tokens a day: a plan's step time and its machine's failures as one figure. Closed form of checkpoint and restart (Daly) with the job's
 * own MTBF, state and bandwidths; chips that stand by so that a broken part is replaced and not waited for. The simulation of operate
 * has the same within its interval (test_goodput). Model page: docs/models/compare.md. */
#include "superpod/study.h"

#include <math.h>

#define STANDBY_TARGET 0.999     /* of the time there are chips for the job */
#define STANDBY_MOST (1u << 24)

/* What one class does to a job on `chips` of the machine's chips: how often, and what a stop costs. */
typedef struct strike { double per_s, pause_s, chips_lost_per_s, repair_s; } strike;

static uint32_t chips_of_unit(const sp_cluster_shape *s, sp_fail_unit unit)
{
    switch (unit) {
    case SP_FAIL_CHIP: return 1;
    case SP_FAIL_HOST: return s->row_chips;
    case SP_FAIL_RACK: return s->leaf_chips;
    case SP_FAIL_POD: return s->pod_chips;
    default: return 0;   /* links and switches strike whoever is near, and take nobody out */
    }
}

/* Chips of the job that a unit holds on the ideal placement; a strike hits it once, however many that are. */
static sp_status strike_of(const sp_machine *machine, const sp_cluster_shape *shape, const sp_goodput_query *q, const sp_fail_class *row, uint32_t chips, strike *out,
                           sp_error *err)
{
    uint64_t units;
    sp_status status = sp_failures_count(machine, row->unit, &units, err);
    if (status != SP_OK) return status;
    uint32_t lost = chips_of_unit(shape, row->unit);
    double all = (double)units * row->rate_per_s.nominal * q->fail_scale;
    double held = lost > 1 ? fmin(1, ceil((double)chips / lost) * lost / shape->chips) : (double)chips / shape->chips;
    bool covered = row->down && lost <= shape->spares_per_leaf;
    *out = (strike){.per_s = all * held, .pause_s = q->detect_s + (row->down && !covered ? q->restart_s : q->swap_s)};
    if (row->down) {
        out->chips_lost_per_s = all * held * lost;
        out->repair_s = row->repair_s.nominal;
    }
    return SP_OK;
}

sp_goodput_query sp_goodput_query_default(const sp_machine *machine)
{
    sp_operation op = sp_operation_default(machine);
    return (sp_goodput_query){.detect_s = op.detect_s, .restart_s = op.restart_s, .swap_s = op.swap_s, .fail_scale = 1, .place = SP_CKPT_STORAGE};
}

/* Sums over the classes: failures a second, mean pause, and what stands by. */
static sp_status add_up(const sp_machine *machine, const sp_failures *failures, const sp_goodput_query *q, uint32_t chips, sp_goodput *g, sp_error *err)
{
    sp_cluster_shape shape;
    double rate = 0, pause = 0, lost = 0, repair = 0;
    sp_status status = sp_cluster_shape_of(machine, &shape, err);
    for (uint32_t i = 0; failures != NULL && i < failures->n && status == SP_OK; i++) {
        strike one;
        status = strike_of(machine, &shape, q, &failures->row[i], chips, &one, err);
        if (status != SP_OK) break;
        rate += one.per_s;
        pause += one.per_s * one.pause_s;
        lost += one.chips_lost_per_s;
        repair += one.chips_lost_per_s * one.repair_s;
    }
    if (status != SP_OK) return status;
    g->mtbf_s = rate > 0 ? 1 / rate : INFINITY;
    g->restart_s = rate > 0 ? pause / rate : 0;
    g->standby_chips = 0;
    if (lost <= 0 || repair <= 0) return SP_OK;
    uint64_t standby = sp_cluster_spares_needed(chips, STANDBY_TARGET, lost / chips, lost / repair, 0, STANDBY_MOST);
    if (standby == UINT64_MAX) return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "parts of %s break faster than any spares are repaired", machine->name);
    uint64_t in_racks = (uint64_t)(chips / shape.leaf_chips) * shape.spares_per_leaf;
    g->standby_chips = standby > in_racks ? standby - in_racks : 0;
    return SP_OK;
}

sp_status sp_study_goodput(const sp_machine *machine, const sp_model *model, const sp_plan *plan, const sp_failures *failures, const sp_goodput_query *query, sp_goodput *out,
                           sp_error *err)
{
    sp_goodput g = {0};
    sp_train_report report;
    sp_ckpt ckpt;
    sp_arena *arena = sp_arena_create();
    if (arena == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    sp_status status = sp_predict_train(machine, model, plan, true, arena, &report, NULL, err);
    if (status == SP_OK) status = sp_ckpt_cost(machine, query->place, query->background, sp_ckpt_state_bytes(&report, plan), 0, &ckpt, err);
    if (status == SP_OK) status = add_up(machine, failures, query, report.chips, &g, err);
    sp_arena_destroy(arena);
    if (status != SP_OK) return status;
    g.state_bytes_chip = ckpt.state_bytes;
    g.checkpoint_s = sp_ckpt_stall_s(&ckpt);
    g.interval_s = sp_ckpt_interval_s(&ckpt, g.mtbf_s);
    g.ettr = isinf(g.mtbf_s) ? 1 : sp_cluster_ettr(g.mtbf_s, g.interval_s, g.checkpoint_s, g.restart_s) * STANDBY_TARGET;
    *out = g;
    return SP_OK;
}
