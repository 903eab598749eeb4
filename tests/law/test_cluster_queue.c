/* Queue orders against a plain implementation that keeps nothing: at every event it looks at all jobs, sums what users had over
 * everything that ever ran, and lays out all reservations anew on lists of intervals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

enum { JOBS = 220, CHIPS = 128, STAYS = 4000 };

static sp_catalog *catalog;
static const sp_machine *machine;

/* ---- the plain implementation ------------------------------------------------------------------------------------------- */

typedef struct stay { uint32_t job; int64_t from, to, end, guess_end; } stay;   /* to: when it left, INT64_MAX while there */
typedef struct plain {
    const sp_jobs *jobs;
    const sp_operation *op;
    int64_t now, begun[JOBS], first[JOBS], left[JOBS];   /* begun: of work, after pauses */
    bool waits[JOBS], was_evicted[JOBS];
    int on[JOBS];                    /* its stay, -1: not running */
    stay stays[STAYS];
    int n;
    uint64_t evictions;
} plain;

static int64_t us(double s) { return (int64_t)llround(s * 1e6); }

static uint32_t free_chips(const plain *p)
{
    uint32_t n = CHIPS;
    for (uint32_t j = 0; j < p->jobs->n; j++)
        if (p->on[j] >= 0) n -= p->jobs->job[j].chips;
    return n;
}

static double had(const plain *p, uint32_t user)
{
    double h = p->op->fair_half_life_s * 1e6, sum = 0;
    for (int i = 0; i < p->n; i++) {
        const stay *s = &p->stays[i];
        if (p->jobs->job[s->job].user != user) continue;
        int64_t to = s->to < p->now ? s->to : p->now;
        sum += p->jobs->job[s->job].chips * (exp2(-(double)(p->now - to) / h) - exp2(-(double)(p->now - s->from) / h));
    }
    return sum;
}

static bool less_urgent(const plain *p, uint32_t a, uint32_t b)   /* a than b */
{
    const sp_job *x = &p->jobs->job[a], *y = &p->jobs->job[b];
    return p->op->order == SP_ORDER_PRIORITY ? x->priority < y->priority : x->deadline_us > y->deadline_us;
}

static bool goes_before(const plain *p, uint32_t a, uint32_t b)
{
    const sp_job *x = &p->jobs->job[a], *y = &p->jobs->job[b];
    if (p->op->order == SP_ORDER_PRIORITY || p->op->order == SP_ORDER_DEADLINE) {
        if (less_urgent(p, b, a)) return true;
        if (less_urgent(p, a, b)) return false;
    }
    if (p->op->order == SP_ORDER_FAIR_SHARE && x->user != y->user) {
        double u = had(p, x->user), v = had(p, y->user);
        if (fabs(u - v) > 1e-9 * (u + v)) return u < v;
        for (uint32_t j = 0; j < p->jobs->n; j++)   /* the user whose first waiting job is older */
            if (p->waits[j] && (p->jobs->job[j].user == x->user || p->jobs->job[j].user == y->user)) return p->jobs->job[j].user == x->user;
    }
    return a < b;
}

static uint32_t in_order(const plain *p, uint32_t *out)
{
    uint32_t n = 0;
    for (uint32_t j = 0; j < p->jobs->n; j++) {
        if (!p->waits[j]) continue;
        uint32_t at = n++;
        for (; at > 0 && goes_before(p, j, out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = j;
    }
    return n;
}

static void begin(plain *p, uint32_t j, double drain_s)
{
    const sp_job *job = &p->jobs->job[j];
    p->begun[j] = p->now + us(drain_s) + (p->was_evicted[j] ? us(p->op->restart_s) : 0);
    if (p->first[j] < 0) p->first[j] = p->now;
    p->waits[j] = false;
    p->on[j] = p->n;
    assert_true(p->n < STAYS);
    int64_t stops = p->op->interval_s > 0 ? (p->left[j] - 1) / us(p->op->interval_s) : 0, end = p->begun[j] + p->left[j] + stops * us(p->op->checkpoint_s);
    p->stays[p->n++] = (stay){j, p->now, INT64_MAX, end, end + job->estimate_us - job->work_us};
}

static void leave(plain *p, uint32_t j)
{
    p->stays[p->on[j]].to = p->now;
    p->on[j] = -1;
}

/* Chips taken at a time by the intervals listed. */
typedef struct span { int64_t from, to; uint32_t chips; } span;
static uint32_t taken(const span *s, int n, int64_t at)
{
    uint32_t sum = 0;
    for (int i = 0; i < n; i++) sum += s[i].from <= at && at < s[i].to ? s[i].chips : 0;
    return sum;
}

static bool fits(const span *s, int n, int64_t from, int64_t to, uint32_t chips)
{
    if (taken(s, n, from) + chips > CHIPS) return false;
    for (int i = 0; i < n; i++)
        if (s[i].from > from && s[i].from < to && taken(s, n, s[i].from) + chips > CHIPS) return false;
    return true;
}

static int running(const plain *p, span *s)
{
    int n = 0;
    for (uint32_t j = 0; j < p->jobs->n; j++)
        if (p->on[j] >= 0) s[n++] = (span){p->now, p->stays[p->on[j]].guess_end, p->jobs->job[j].chips};
    return n;
}

/* Earliest of now and all ends at which the job fits for as long as it asks. */
static int64_t earliest(const plain *p, const span *s, int n, uint32_t chips, int64_t ask)
{
    int64_t best = fits(s, n, p->now, p->now + ask, chips) ? p->now : INT64_MAX;
    for (int i = 0; i < n; i++)
        if (s[i].to < best && fits(s, n, s[i].to, s[i].to + ask, chips)) best = s[i].to;
    return best;
}

static void conservative(plain *p, const uint32_t *queue, uint32_t n)
{
    span s[2 * JOBS];
    int spans = running(p, s);
    for (uint32_t i = 0; i < n; i++) {
        const sp_job *job = &p->jobs->job[queue[i]];
        int64_t at = earliest(p, s, spans, job->chips, job->estimate_us);
        if (at == p->now) begin(p, queue[i], 0);
        s[spans++] = (span){at, at + job->estimate_us, job->chips};
    }
}

static void easy(plain *p, const uint32_t *queue, uint32_t n)
{
    span s[2 * JOBS];
    int spans = running(p, s);
    const sp_job *head = &p->jobs->job[queue[0]];
    int64_t shadow = INT64_MAX;
    for (int i = 0; i < spans; i++)
        if (s[i].to < shadow && taken(s, spans, s[i].to) + head->chips <= CHIPS) shadow = s[i].to;
    uint32_t extra = CHIPS - taken(s, spans, shadow) - head->chips;
    for (uint32_t i = 1; i < n; i++) {
        const sp_job *job = &p->jobs->job[queue[i]];
        bool brief = p->now + job->estimate_us <= shadow;
        if (job->chips > free_chips(p) || (!brief && job->chips > extra)) continue;
        if (!brief) extra -= job->chips;
        begin(p, queue[i], 0);
    }
}

/* Takes chips of less urgent jobs, the least urgent and youngest first, then spares whoever is not needed, from the last taken back. */
static bool preempt(plain *p, uint32_t head)
{
    uint32_t need = p->jobs->job[head].chips, have = free_chips(p), list[JOBS], n = 0;
    for (;;) {
        uint32_t worst = UINT32_MAX;
        for (uint32_t j = 0; j < p->jobs->n && have < need; j++) {
            bool listed = false;
            for (uint32_t i = 0; i < n; i++) listed = listed || list[i] == j;
            if (listed || p->on[j] < 0 || !less_urgent(p, j, head)) continue;
            if (worst == UINT32_MAX || less_urgent(p, j, worst)) worst = j;
            else if (!less_urgent(p, worst, j) && p->stays[p->on[j]].from >= p->stays[p->on[worst]].from) worst = j;
        }
        if (worst == UINT32_MAX) break;
        list[n++] = worst;
        have += p->jobs->job[worst].chips;
    }
    if (have < need) return false;
    for (uint32_t i = n; i-- > 0;) {
        uint32_t chips = p->jobs->job[list[i]].chips;
        if (have - chips >= need) {
            have -= chips;
            continue;
        }
        uint32_t j = list[i];
        if (p->now > p->begun[j]) p->left[j] -= p->now - p->begun[j];
        leave(p, j);
        p->waits[j] = p->was_evicted[j] = true;
        p->evictions++;
    }
    begin(p, head, p->op->checkpoint_s);
    return true;
}

/* Those who were thrown out wait again at once, behind whoever is more urgent. */
static void schedule(plain *p)
{
    uint32_t queue[JOBS], n;
    while ((n = in_order(p, queue)) > 0) {
        if (p->jobs->job[queue[0]].chips <= free_chips(p)) begin(p, queue[0], 0);
        else if (!p->op->preempt || !preempt(p, queue[0])) break;
    }
    if (n == 0 || p->op->order == SP_ORDER_FIFO) return;
    if (p->op->order == SP_ORDER_CONSERVATIVE) conservative(p, queue, n);
    else easy(p, queue, n);
}

static void plain_run(plain *p, const sp_jobs *jobs, const sp_operation *op)
{
    *p = (plain){.jobs = jobs, .op = op, .now = -1};
    for (uint32_t j = 0; j < jobs->n; j++) {
        p->on[j] = -1;
        p->first[j] = -1;
        p->left[j] = jobs->job[j].work_us;
    }
    for (;;) {
        int64_t next = INT64_MAX;
        for (uint32_t j = 0; j < jobs->n; j++) {
            int64_t at = p->on[j] >= 0 ? p->stays[p->on[j]].end : jobs->job[j].submit_us;
            if (at > p->now && at < next) next = at;
        }
        if (next == INT64_MAX) return;
        p->now = next;
        for (uint32_t j = 0; j < jobs->n; j++) {
            if (p->on[j] >= 0 && p->stays[p->on[j]].end == next) leave(p, j);
            else if (jobs->job[j].submit_us == next) p->waits[j] = true;
        }
        schedule(p);
    }
}

/* ---- comparison ------------------------------------------------------------------------------------------------------------ */

/* Whole seconds make many events fall on one tick; an odd number of microseconds in every estimate keeps reservations apart. */
static void draw(sp_job *job, uint64_t seed)
{
    sp_rng rng = sp_rng_make(seed, 5);
    int64_t at = 0;
    for (uint32_t j = 0; j < JOBS; j++) {
        int64_t run = 1 + (int64_t)sp_rng_below(&rng, 300);
        at += (int64_t)sp_rng_below(&rng, seed % 3 == 0 ? 40 : 100);
        job[j] = (sp_job){.submit_us = at * 1000000, .work_us = run * 1000000, .chips = 1 + (uint32_t)sp_rng_below(&rng, seed % 2 ? CHIPS : 50), .id = j,
                          .priority = (int32_t)sp_rng_below(&rng, 4) - 1, .user = 7 * (uint32_t)sp_rng_below(&rng, 5)};
        job[j].estimate_us = job[j].work_us * (1 + (int64_t)sp_rng_below(&rng, 3)) + j;
        job[j].deadline_us = job[j].submit_us + job[j].estimate_us * (1 + (int64_t)sp_rng_below(&rng, 6));
    }
}

static uint64_t compare(sp_order order, bool preempt_too)
{
    uint64_t preemptions = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        sp_job job[JOBS];
        sp_jobs jobs = {.job = job, .n = JOBS};
        sp_operation op = sp_operation_default(machine);
        int64_t wait[JOBS];
        sp_history h;
        sp_error err = {0};
        plain *p = malloc(sizeof *p);
        draw(job, seed);
        op.order = order;
        op.preempt = preempt_too;
        op.policy = sp_place_policy_find("scatter");
        op.fair_half_life_s = 2000;
        op.checkpoint_s = 7;
        if (order == SP_ORDER_EASY) op.interval_s = 5;   /* jobs outlast their estimates by their checkpoints, so that what is reserved moves away */
        op.restart_s = 31;
        op.horizon_s = 1e8;
        plain_run(p, &jobs, &op);
        if (sp_operate(&op, &jobs, 1, wait, &h, &err) != SP_OK) fail_msg("%s", err.text);
        uint64_t late = 0;
        for (uint32_t j = 0; j < JOBS; j++) {
            if (wait[j] != p->first[j] - job[j].submit_us)
                fail_msg("%s, seed %u: job %u waits %lld us, plainly %lld", sp_order_name(order), (unsigned)seed, j, (long long)wait[j], (long long)(p->first[j] - job[j].submit_us));
        }
        for (int i = 0; i < p->n; i++) late += p->stays[i].to == p->stays[i].end && p->stays[i].to > job[p->stays[i].job].deadline_us;
        assert_int_equal(h.jobs_done, JOBS);
        assert_int_equal(h.preemptions, p->evictions);
        assert_int_equal(h.deadlines_missed, late);
        preemptions += h.preemptions;
        double sum = 0;
        for (int i = 0; i < SP_LOSSES; i++) sum += h.share[i];
        assert_true(sum == 1);
        free(p);
    }
    return preemptions;
}

static void orders_equal_the_plain_ones(void **state)
{
    (void)state;
    for (int order = 0; order < SP_ORDERS; order++) assert_int_equal(compare((sp_order)order, false), 0);
}

static void preemption_equals_the_plain_one(void **state)
{
    (void)state;
    assert_true(compare(SP_ORDER_PRIORITY, true) > 20);
    assert_true(compare(SP_ORDER_DEADLINE, true) > 20);
}

/* ---- what the orders are for -------------------------------------------------------------------------------------------------- */

static sp_history operate(const char *spec, sp_order order, bool preempt_too)
{
    sp_operation op = sp_operation_default(machine);
    sp_history h = {0};
    sp_error err = {0};
    sp_jobs jobs;
    op.order = order;
    op.preempt = preempt_too;
    op.horizon_s = 30 * 86400;
    if (sp_jobs_generate(spec, CHIPS, op.horizon_s, 4, &jobs, &err) != SP_OK || sp_operate(&op, &jobs, 1, NULL, &h, &err) != SP_OK) fail_msg("%s", err.text);
    sp_jobs_free(&jobs);
    return h;
}

/* Backfill starts more than none, deadlines are missed less often in their own order, and less again when it preempts. */
static void orders_do_what_they_are_for(void **state)
{
    (void)state;
    static const char spec[] = "philly:load=0.9,jobs=3000,slack=2,users=5";
    sp_history fifo = operate(spec, SP_ORDER_FIFO, false), easy_h = operate(spec, SP_ORDER_EASY, false), kept = operate(spec, SP_ORDER_CONSERVATIVE, false);
    sp_history early = operate(spec, SP_ORDER_DEADLINE, false), forced = operate(spec, SP_ORDER_DEADLINE, true);
    assert_true(easy_h.jobs_started > fifo.jobs_started && kept.jobs_started > fifo.jobs_started);   /* waits are those of jobs that started */
    assert_true(early.deadlines_missed < fifo.deadlines_missed);
    assert_true(forced.deadlines_missed < early.deadlines_missed && forced.preemptions > 0);
}

/* What is asked of orders that do not have it. */
static void bad_orders_are_refused(void **state)
{
    (void)state;
    sp_job job = {.work_us = 1, .estimate_us = 1, .chips = 1};
    sp_jobs jobs = {.job = &job, .n = 1};
    sp_history h;
    sp_error err = {0};
    sp_order order = SP_ORDERS;
    sp_operation op = sp_operation_default(machine);
    op.preempt = true;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "expected priority or deadline"));
    op.preempt = false;
    op.fair_half_life_s = 0;
    assert_int_equal(sp_operate(&op, &jobs, 1, NULL, &h, &err), SP_E_INVAL);
    for (int i = 0; i < SP_ORDERS; i++) assert_true(sp_order_find(sp_order_name((sp_order)i), &order) && (int)order == i && sp_order_about(order)[0] != '\0');
    assert_false(sp_order_find("lottery", &order));
}

static int set_up(void **state)
{
    (void)state;
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK && sp_catalog_machine(catalog, "switch:128@100GB/s,1us chip=h100", &machine, NULL) == SP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders_equal_the_plain_ones), cmocka_unit_test(preemption_equals_the_plain_one),
                                       cmocka_unit_test(orders_do_what_they_are_for), cmocka_unit_test(bad_orders_are_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
