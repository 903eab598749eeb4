/* The table of a running job: what failed, what stands by -> what to do. Everything that takes time is computed ahead; a failure is
 * answered by an index. Model page: recovery.md. */
#include "cluster_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const rung_names[SP_RUNGS] = {"step", "process", "spare", "swap", "shrink", "re-plan", "restart", "wait"};
static const char *const room_names[SP_ROOMS] = {"rack spare", "pod", "machine", "none"};
const char *sp_rung_name(sp_rung rung) { return (unsigned)rung < SP_RUNGS ? rung_names[rung] : "?"; }
const char *sp_room_name(sp_room room) { return (unsigned)room < SP_ROOMS ? room_names[room] : "?"; }

struct sp_recovery {
    sp_recovery_query query;
    sp_cluster_shape shape;
    sp_spread spread;
    sp_judge *judge;
    uint64_t hits, misses;               /* of judges of other plans, already destroyed */
    double step_time_s, peer_s, storage_s;   /* to read the state back from there       */
    sp_recovery_row smaller[2];          /* other plans on three quarters and half of the chips, searched once */
    sp_recovery_row row[SP_FAIL_UNITS][2][SP_ROOMS][SP_RUNGS];
    uint8_t best[SP_FAIL_UNITS][2][SP_ROOMS];
};

sp_recovery_query sp_recovery_query_default(const sp_machine *machine, const sp_model *model, const sp_plan *plan)
{
    return (sp_recovery_query){.machine = machine, .model = model, .plan = plan,
                               .detect_s = 30,        /* guess: as sp_operation_default */
                               .link_detect_s = 2.5,  /* MindCluster checks gateways every 2.5 s */
                               .process_s = 10,       /* guess: process-level recovery; the table of checkpointing.md has 10 s to 60 s */
                               .job_s = 600,          /* guess: as sp_operation_default */
                               .repair_s = 86400};    /* guess: hardware is exchanged within a day */
}

static uint32_t chips_of(const sp_cluster_shape *shape, sp_fail_unit unit)
{
    return unit == SP_FAIL_CHIP ? 1 : unit == SP_FAIL_HOST ? shape->row_chips : unit == SP_FAIL_RACK ? shape->leaf_chips : unit == SP_FAIL_POWER ? SP_POWER_RACKS * shape->leaf_chips : unit == SP_FAIL_POD ? shape->pod_chips : 0;
}

/* Cost until the repair: the transition, then slower. A part that is not out is back at once. */
static void put(sp_recovery *r, sp_fail_unit unit, bool down, sp_room room, sp_recovery_row row)
{
    double rest_s = fmax(0, r->query.repair_s - row.transition_s);
    row.feasible = true;
    row.cost_s = row.rung == SP_RUNG_WAIT ? row.transition_s : row.transition_s + fmax(0, 1 - row.speed) * (down ? rest_s : 0);
    r->row[unit][down][room][row.rung] = row;
}

static void put_all_rooms(sp_recovery *r, sp_fail_unit unit, sp_recovery_row row)
{
    for (int room = 0; room < SP_ROOMS; room++) put(r, unit, true, (sp_room)room, row);
}

static sp_recovery_row healthy(const sp_recovery *r, sp_rung rung, double transition_s)
{
    return (sp_recovery_row){.rung = rung, .plan = *r->query.plan, .chips = r->spread.chips, .step_time_s = r->step_time_s, .speed = 1, .transition_s = transition_s};
}

/* ---- same chips ----------------------------------------------------------------------------------------------------- */

/* A link that comes back costs the step in flight. A dead one has others beside it: the job goes on with less bandwidth; where a chip has
 * no other link, it is lost to the job like the chip itself. */
static void without_link(sp_recovery *r, sp_fail_unit unit)
{
    sp_faults faults = {.straggler = 1};
    sp_error ignored;
    uint32_t tier = sp_i_link_tier(r->query.machine, &r->shape, &r->spread, unit);
    if (tier != SP_NOWHERE) faults.links_lost[tier] = 1;
    sp_recovery_row row = healthy(r, SP_RUNG_STEP, r->query.link_detect_s + r->step_time_s);
    for (int room = 0; room < SP_ROOMS; room++) put(r, unit, false, (sp_room)room, row);
    if (sp_judge_step(r->judge, &r->spread, &faults, &row.step_time_s, &ignored) != SP_OK) return;
    row.speed = fmin(1, r->step_time_s / row.step_time_s);
    put_all_rooms(r, unit, row);
}

/* ---- other chips ------------------------------------------------------------------------------------------------------ */

/* The job's spread once `lost` of its chips lie elsewhere: in one more rack of the pod, or of another pod. */
static sp_spread moved(const sp_recovery *r, uint32_t lost, bool other_pod)
{
    sp_spread s = r->spread;
    uint32_t leaf = r->shape.leaf_chips, rest = s.granule < leaf && s.leaves == 1 ? s.chips : s.granule;
    if (lost >= s.chips) return s;                /* all of it moves */
    if (lost % leaf != 0) {                       /* a rack keeps a part; the chips beside it are in one rack more */
        s.leaves++;
        for (uint32_t a = rest, b = lost; b != 0;) {
            uint32_t left = a % b;
            a = b;
            b = left;
            s.granule = a;
        }
        s.whole = false;
    }
    if (other_pod) s.pods++;
    s.aligned = s.regular = false;
    return s;
}

static void on_other_chips(sp_recovery *r, sp_fail_unit unit, uint32_t lost)
{
    const sp_recovery_query *q = &r->query;
    sp_error ignored;
    if (lost <= r->shape.spares_per_leaf) put(r, unit, true, SP_ROOM_SPARE, healthy(r, SP_RUNG_SPARE, q->detect_s + q->process_s + r->peer_s));
    for (int room = SP_ROOM_POD; room <= SP_ROOM_MACHINE; room++) {
        if (unit == SP_FAIL_POD && (room == SP_ROOM_POD || r->shape.pod_chips == r->shape.chips)) continue;
        uint32_t goes = unit == SP_FAIL_CHIP || unit >= SP_FAIL_ELECTRICAL_LINK ? r->shape.row_chips : lost;   /* a chip's host goes with it */
        if (goes > r->spread.chips) goes = lost;
        sp_spread spread = moved(r, goes, room == SP_ROOM_MACHINE && r->spread.chips > goes);
        sp_recovery_row row = healthy(r, SP_RUNG_SWAP, q->detect_s + q->process_s + r->peer_s);
        if (sp_judge_step(r->judge, &spread, NULL, &row.step_time_s, &ignored) != SP_OK) continue;
        row.speed = fmin(1, r->step_time_s / row.step_time_s);
        put(r, unit, true, (sp_room)room, row);
        row.rung = SP_RUNG_RESTART;
        row.transition_s = q->detect_s + q->job_s + r->storage_s;
        put(r, unit, true, (sp_room)room, row);
    }
}

/* ---- fewer chips ------------------------------------------------------------------------------------------------------ */

/* Step of another plan on the ideal placement of its chips in as many pods as the job has; it has to fit in memory there: state that was
 * shared out over more chips may not. */
static sp_status step_of(sp_recovery *r, const sp_plan *plan, uint32_t chips, double *step_s)
{
    sp_judge *judge;
    sp_error ignored;
    uint64_t hits, misses;
    sp_spread spread = sp_cluster_ideal(&r->shape, chips);
    if (spread.pods < r->spread.pods && spread.leaves >= r->spread.pods) {
        spread.pods = r->spread.pods;
        spread.regular = spread.whole && spread.leaves % spread.pods == 0;
    }
    sp_status status = sp_judge_create(r->query.machine, r->query.model, plan, &judge, &ignored);
    if (status != SP_OK) return status;
    bool fits = false;
    status = sp_judge_step(judge, &spread, NULL, step_s, &ignored);
    if (status == SP_OK) status = sp_judge_fits(judge, &spread, &fits, &ignored);
    if (status == SP_OK && !fits) status = SP_E_UNFIT;
    sp_judge_counts(judge, &hits, &misses);
    r->hits += hits;
    r->misses += misses;
    sp_judge_destroy(judge);
    return status;
}

/* dp replicas, if they make a plan that is faster than *out. The batch shrinks with them: a replica's work stays what it was. */
static void try_replicas(sp_recovery *r, uint32_t dp, sp_recovery_row *out)
{
    const sp_plan *plan = r->query.plan;
    sp_plan less = *plan;
    uint32_t chips = plan->tp * plan->cp * plan->pp * dp;
    double step_s;
    less.dp = dp;
    less.gbs = plan->gbs / plan->dp * dp;
    if (dp == 0 || plan->gbs % plan->dp != 0 || step_of(r, &less, chips, &step_s) != SP_OK) return;
    double speed = (double)dp / plan->dp * r->step_time_s / step_s;
    if (speed > out->speed)
        *out = (sp_recovery_row){.rung = SP_RUNG_SHRINK, .plan = less, .chips = chips, .step_time_s = step_s, .speed = speed,
                                 .transition_s = r->query.detect_s + r->query.process_s + r->peer_s};
}

/* The fastest of: the replicas that are left, up to seven fewer (experts and shards want divisors), and as many as fill racks. */
static bool shrunk(sp_recovery *r, uint32_t lost, sp_recovery_row *out)
{
    const sp_plan *plan = r->query.plan;
    uint32_t replica = plan->tp * plan->cp * plan->pp, gone = (lost + replica - 1) / replica, left = gone < plan->dp ? plan->dp - gone : 0;
    uint32_t racks = (uint32_t)((uint64_t)left * replica / r->shape.leaf_chips);
    *out = (sp_recovery_row){.speed = 0};
    for (uint32_t fewer = 0; fewer < 8 && fewer < left; fewer++) try_replicas(r, left - fewer, out);
    while (racks > 0 && racks * (uint64_t)r->shape.leaf_chips % replica != 0) racks--;
    if (racks > 0) try_replicas(r, (uint32_t)(racks * (uint64_t)r->shape.leaf_chips / replica), out);
    return out->speed > 0;
}

/* The best plan of the whole batch on some of the chips; its state is laid out anew from storage. Not feasible: there is none. */
static sp_recovery_row plan_on(sp_recovery *r, uint32_t chips)
{
    const sp_recovery_query *q = &r->query;
    sp_recovery_row row = {.rung = SP_RUNG_REPLAN, .chips = chips};
    sp_arena *arena = sp_arena_create();
    sp_problem problem = sp_problem_default(q->machine, q->model);
    sp_solution solution;
    sp_error ignored;
    problem.gbs = q->plan->gbs;
    problem.seq = q->plan->seq;
    problem.chips = chips;
    problem.effort = SP_EFFORT_QUICK;
    problem.top = 1;
    problem.fixed.precision = q->plan->precision;
    if (arena != NULL && chips != 0 && sp_plan_search(&problem, arena, &solution, &ignored) == SP_OK && step_of(r, &solution.ranked[0].plan, chips, &row.step_time_s) == SP_OK) {
        row.feasible = true;
        row.plan = solution.ranked[0].plan;
        row.plan.stack = q->plan->stack;   /* the names stand in the arena that goes */
        row.plan.software = q->plan->software;
        row.speed = r->step_time_s / row.step_time_s;
        row.transition_s = q->detect_s + q->job_s + r->storage_s;
    }
    sp_arena_destroy(arena);
    return row;
}

/* On three quarters of the chips, else on half. */
static bool replanned(const sp_recovery *r, uint32_t lost, sp_recovery_row *out)
{
    for (int i = 0; i < 2; i++) {
        if (!r->smaller[i].feasible || r->spread.chips - r->smaller[i].chips < lost) continue;
        *out = r->smaller[i];
        return true;
    }
    return false;
}

static void fill_unit(sp_recovery *r, sp_fail_unit unit)
{
    const sp_recovery_query *q = &r->query;
    uint32_t lost = chips_of(&r->shape, unit);
    sp_recovery_row row;
    for (int room = 0; room < SP_ROOMS; room++) put(r, unit, false, (sp_room)room, healthy(r, SP_RUNG_PROCESS, q->detect_s + q->process_s + r->step_time_s));
    if (unit >= SP_FAIL_ELECTRICAL_LINK) {
        without_link(r, unit);
        lost = 1;
    }
    if (lost > r->spread.chips) lost = r->spread.chips;
    on_other_chips(r, unit, lost);
    if (shrunk(r, lost, &row)) put_all_rooms(r, unit, row);
    if (q->replan && replanned(r, lost, &row)) put_all_rooms(r, unit, row);
    row = healthy(r, SP_RUNG_WAIT, q->detect_s + q->repair_s + q->job_s + r->storage_s);
    row.speed = 0;
    put_all_rooms(r, unit, row);
}

static void choose(sp_recovery *r)
{
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++)
        for (int down = 0; down < 2; down++)
            for (int room = 0; room < SP_ROOMS; room++) {
                const sp_recovery_row *row = r->row[unit][down][room];
                int best = -1;
                for (int k = 0; k < SP_RUNGS; k++)
                    if (row[k].feasible && (best < 0 || row[k].cost_s < row[best].cost_s)) best = k;
                r->best[unit][down][room] = (uint8_t)best;
            }
}

static sp_status measure(sp_recovery *r, sp_error *err)
{
    const sp_recovery_query *q = &r->query;
    double bytes = 0;
    sp_ckpt peer, storage;
    sp_status status = sp_judge_step(r->judge, &r->spread, NULL, &r->step_time_s, err);
    if (status == SP_OK) status = sp_judge_state_bytes(r->judge, &r->spread, &bytes, err);
    if (status == SP_OK) status = sp_ckpt_cost(q->machine, SP_CKPT_PEER, false, bytes, 0, &peer, err);
    if (status == SP_OK) status = sp_ckpt_cost(q->machine, SP_CKPT_STORAGE, false, bytes, q->storage_bytes_per_s, &storage, err);
    if (status != SP_OK) return status;
    r->peer_s = peer.read_s;
    r->storage_s = storage.read_s;
    return SP_OK;
}

sp_status sp_recovery_create(const sp_recovery_query *query, sp_recovery **out, sp_error *err)
{
    const double times[] = {query->detect_s, query->link_detect_s, query->process_s, query->job_s, query->repair_s};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (!(times[i] >= 0 && times[i] <= 1e9)) return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "a time of recovery of %g s; expected 0 to 10^9", times[i]);
    sp_recovery *r = calloc(1, sizeof *r);
    if (r == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    r->query = *query;
    sp_status status = sp_cluster_shape_of(query->machine, &r->shape, err);
    const sp_plan *plan = query->plan;
    if (status == SP_OK) r->spread = query->spread != NULL ? *query->spread : sp_cluster_ideal(&r->shape, plan->tp * plan->cp * plan->pp * plan->dp);
    if (status == SP_OK && r->spread.chips != plan->tp * plan->cp * plan->pp * plan->dp)
        status = sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "the plan has %u chips and the job %u; expected as many", plan->tp * plan->cp * plan->pp * plan->dp, r->spread.chips);
    if (status == SP_OK) status = sp_judge_create(query->machine, query->model, plan, &r->judge, err);
    if (status == SP_OK) status = measure(r, err);
    if (status != SP_OK) {
        sp_recovery_destroy(r);
        return status;
    }
    for (uint32_t i = 0; i < 2 && query->replan; i++) r->smaller[i] = plan_on(r, r->spread.chips / 4 * (3 - i));
    for (int unit = 0; unit < SP_FAIL_UNITS; unit++) fill_unit(r, (sp_fail_unit)unit);
    choose(r);
    *out = r;
    return SP_OK;
}

void sp_recovery_destroy(sp_recovery *recovery)
{
    if (recovery == NULL) return;
    sp_judge_destroy(recovery->judge);
    free(recovery);
}

double sp_recovery_step_time_s(const sp_recovery *recovery) { return recovery->step_time_s; }

const sp_recovery_row *sp_recovery_look_up(const sp_recovery *r, sp_fail_unit unit, bool down, sp_room room)
{
    return &r->row[unit][down][room][r->best[unit][down][room]];
}

const sp_recovery_row *sp_recovery_rung(const sp_recovery *r, sp_fail_unit unit, bool down, sp_room room, sp_rung rung) { return &r->row[unit][down][room][rung]; }

void sp_recovery_counts(const sp_recovery *r, uint64_t *hits, uint64_t *misses)
{
    sp_judge_counts(r->judge, hits, misses);
    *hits += r->hits;
    *misses += r->misses;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------------- */

sp_room sp_cluster_room(const sp_cluster *c, uint32_t chip, uint32_t chips)
{
    uint32_t leaf = chip / c->shape.leaf_chips, pod = leaf / c->leaves_per_pod;
    if (c->leaf[leaf].spare_ready >= chips) return SP_ROOM_SPARE;
    if ((uint64_t)c->pod_rows[pod] * c->shape.row_chips >= chips) return SP_ROOM_POD;
    return c->free_chips >= chips ? SP_ROOM_MACHINE : SP_ROOM_NONE;
}

const sp_recovery_row *sp_recovery_answer(const sp_recovery *r, sp_cluster *c, sp_fail_unit unit, uint32_t first_chip, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    uint32_t leaf = first_chip / c->shape.leaf_chips, n = chips_of(&c->shape, unit);
    if (n == 0 || n > c->shape.leaf_chips) n = c->shape.leaf_chips;
    uint64_t mask = UINT64_MAX >> (64 - n) << first_chip % c->shape.leaf_chips;
    const sp_i_piece *piece = sp_i_piece_of(c, leaf, owner);
    uint64_t lost = piece == NULL ? 0 : piece->mask & mask;
    uint32_t chips = sp_i_count(lost);
    if (lost == 0) return NULL;
    sp_room room = sp_cluster_room(c, first_chip, chips);
    const sp_recovery_row *row = sp_recovery_look_up(r, unit, true, room);
    if (row->rung == SP_RUNG_SPARE) {
        for (uint32_t i = 0; i < chips; i++) sp_i_spare_take(c, leaf);
    } else {
        sp_i_fail(c, leaf, mask & ~c->leaf[leaf].down);
        if ((row->rung == SP_RUNG_SWAP || row->rung == SP_RUNG_RESTART) && !sp_i_replace(c, leaf, lost, owner, list, NULL)) return NULL;
    }
    *spread = sp_cluster_spread(c, *list);
    return row;
}
