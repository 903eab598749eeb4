/* ZB-V (Qi et al., arXiv:2401.10241, section 6; the rule is that of github.com/sail-sg/zero-bubble-pipeline-parallelism, zbv.py, with both of
 * its fillings): two chunks a stage, the second on the way back, so that the first stage also has the loss. A micro-batch makes four passes over
 * the stages: forward down and up, backward down and up. Passes down reach the last stage, where the next begins; passes up the first.
 *
 * Filling: the first micro-batch goes down and up; meanwhile stages take what others have room for. Then every stage runs a backward and
 * a forward in turn, and weight gradients, oldest first, where they fit into a wait, where memory wants it, and where a stage has waited
 * least. No stage holds more than 2 P chunks: what 1F1B holds, whose chunks are twice as large. */
#include "order.h"

#include <assert.h>
#include <stdlib.h>

enum { DOWN_F, UP_F, DOWN_B, UP_B, PASSES };

typedef struct stage {
    int64_t now_ps, waited_ps;      /* since its first slot */
    uint32_t done[PASSES];          /* micro-batches through a pass */
    uint32_t held, n;               /* chunks whose weight gradients are to come; turns */
    uint32_t waiting, put;          /* weight gradients that wait, of those and the ones made */
    sp_i_turn *turn;
} stage;

typedef struct vee {
    uint32_t P, M, window;          /* window: no stage is further ahead of the next */
    const sp_i_order_cost *cost;
    stage *at;
    int64_t *end_ps;                /* [PASSES][P][window] */
} vee;

static int64_t *end_of(const vee *v, uint32_t pass, uint32_t p, uint32_t m)
{
    return &v->end_ps[((size_t)pass * v->P + p) * v->window + m % v->window];
}

static int64_t cost_of(const vee *v, uint32_t pass)
{
    return pass < DOWN_B ? v->cost->forward_ps : v->cost->input_ps;
}

static uint32_t way_of(uint32_t pass)
{
    return pass == DOWN_F || pass == UP_B ? 0 : 1;
}

/* When what the next instance of a pass on stage p needs is there; false: it is not planned yet. */
static bool arrives(const vee *v, uint32_t pass, uint32_t p, int64_t *out)
{
    bool down = pass == DOWN_F || pass == DOWN_B, turns = down ? p == 0 : p + 1 == v->P;
    uint32_t m = v->at[p].done[pass], from = turns ? p : down ? p - 1 : p + 1, before = turns ? pass - 1 : pass;
    *out = 0;
    if (m >= v->M)
        return false;
    if (pass == DOWN_F && p == 0)
        return true;
    *out = *end_of(v, before, from, m) + (turns ? 0 : v->cost->send_ps);
    return v->at[from].done[before] > m;
}

static void turn(stage *s, sp_i_work work, uint32_t way, uint32_t at)
{
    s->turn[s->n++] = (sp_i_turn){(uint8_t)work, (uint8_t)way, at, 0};
}

static bool has_room(const vee *v, uint32_t p, uint32_t chunks)
{
    return v->at[p].held + chunks <= 2 * v->P;
}

static void put(vee *v, uint32_t pass, uint32_t p)
{
    stage *s = &v->at[p];
    uint32_t m = s->done[pass];
    int64_t there_ps = 0;
    bool planned = arrives(v, pass, p, &there_ps);
    assert(planned && (pass >= DOWN_B || has_room(v, p, 1)));
    (void)planned;
    int64_t begin_ps = there_ps > s->now_ps ? there_ps : s->now_ps;
    if (s->done[DOWN_F] > 0)
        s->waited_ps += begin_ps - s->now_ps;
    s->now_ps = *end_of(v, pass, p, m) = begin_ps + cost_of(v, pass);
    turn(s, pass < DOWN_B ? SP_I_FORWARD : SP_I_INPUT, way_of(pass), m);
    s->held += pass < DOWN_B;
    s->waiting += pass >= DOWN_B;
    s->done[pass]++;
}

/* The oldest of the weight gradients that wait: input gradients before it are in the list. */
static void put_weight(vee *v, uint32_t p)
{
    stage *s = &v->at[p];
    assert(s->waiting);
    while (s->turn[s->put].work != SP_I_INPUT)
        s->put++;
    turn(s, SP_I_WEIGHT, s->turn[s->put].way, s->turn[s->put].at);
    s->put++;
    s->now_ps += v->cost->weight_ps;
    s->waiting--;
    s->held--;
}

static int64_t most_waited(const vee *v)
{
    int64_t most = 0;
    for (uint32_t p = 0; p < v->P; p++)
        most = v->at[p].waited_ps > most ? v->at[p].waited_ps : most;
    return most;
}

/* Weight gradients before a pass: those that fit into the wait for it, and one more where the wait is longer than the stage may fall behind. */
static void fill(vee *v, uint32_t pass, uint32_t p)
{
    stage *s = &v->at[p];
    int64_t there_ps;
    if (!arrives(v, pass, p, &there_ps))
        return;
    while (s->waiting && there_ps >= s->now_ps + v->cost->weight_ps)
        put_weight(v, p);
    if (s->waiting && there_ps - s->now_ps > most_waited(v) - s->waited_ps)
        put_weight(v, p);
}

static void begin(vee *v)
{
    uint32_t P = v->P;
    for (uint32_t p = 0; p < P; p++)
        put(v, DOWN_F, p);
    for (uint32_t p = P; p-- > 0;) {   /* on its way up; until it comes a stage takes others, and so do those before it */
        int64_t there_ps;
        arrives(v, UP_F, p, &there_ps);
        while (p + 1 < P && has_room(v, p, 2 + 2 * p) && v->at[p].now_ps + v->cost->forward_ps <= there_ps && v->at[p].done[DOWN_F] < v->M)
            for (uint32_t q = 0; q <= p; q++)
                put(v, DOWN_F, q);
        put(v, UP_F, p);
    }
}

/* Forwards until each stage has as many as the one before it, down and up in turn. */
static void even_out(vee *v)
{
    uint32_t pass = DOWN_F;
    for (uint32_t p = 1; p < v->P; p++) {
        const stage *s = &v->at[p], *before = &v->at[p - 1];
        while (s->done[DOWN_F] + s->done[UP_F] < before->done[DOWN_F] + before->done[UP_F] ||
               (s->done[UP_F] <= before->done[UP_F] && before->done[UP_F] < v->M)) {
            for (uint32_t q = v->P; q-- > p;)
                if (v->at[q].done[pass] < v->M)
                    put(v, pass, q);
            pass = pass == DOWN_F ? UP_F : DOWN_F;
        }
    }
}

/* The way back up where a micro-batch is on it, unless all have gone down. */
static uint32_t next_backward(const vee *v, uint32_t p)
{
    const stage *s = &v->at[p];
    int64_t there_ps;
    if (s->done[UP_B] >= s->done[DOWN_B])
        return DOWN_B;
    return s->done[DOWN_B] >= v->M || arrives(v, UP_B, p, &there_ps) ? UP_B : DOWN_B;
}

static void backwards(vee *v, uint8_t *next)
{
    for (uint32_t p = 0; p < v->P; p++)
        next[p] = (uint8_t)next_backward(v, p);
    for (uint32_t i = 0; i < 2 * v->P; i++) {   /* up first, from the last stage; then down, from the first */
        uint32_t p = i < v->P ? v->P - 1 - i : i - v->P;
        if (next[p] != (i < v->P ? UP_B : DOWN_B))
            continue;
        fill(v, next[p], p);
        put(v, next[p], p);
    }
}

static void forwards(vee *v)
{
    for (uint32_t p = 0; p < v->P; p++) {
        int64_t there_ps;
        bool up = arrives(v, UP_F, p, &there_ps);
        uint32_t pass = up ? UP_F : DOWN_F;
        if (!up && !arrives(v, DOWN_F, p, &there_ps))
            continue;
        while (!has_room(v, p, 1))
            put_weight(v, p);
        fill(v, pass, p);
        put(v, pass, p);
    }
}

static void plan_all(vee *v, uint8_t *next)
{
    begin(v);
    even_out(v);
    for (uint32_t round = 0; round < 2 * v->M; round++) {
        backwards(v, next);
        forwards(v);
    }
    for (uint32_t p = 0; p < v->P; p++)
        while (v->at[p].waiting)
            put_weight(v, p);
}

bool sp_i_order_vee(const sp_i_order *order, uint32_t micro_batches, const sp_i_order_cost *cost)
{
    uint32_t P = order->n_stages, window = 2 * P + 1 < micro_batches ? 2 * P + 1 : micro_batches;
    vee v = {.P = P, .M = micro_batches, .window = window, .cost = cost, .at = calloc(P, sizeof *v.at),
             .end_ps = calloc((size_t)PASSES * P * window, sizeof *v.end_ps)};
    uint8_t *next = calloc(P, sizeof *next);
    bool made = v.at && v.end_ps && next;
    for (uint32_t p = 0; made && p < P; p++)
        v.at[p].turn = order->turn + order->off[p];
    if (made)
        plan_all(&v, next);
    free(v.at);
    free(v.end_ps);
    free(next);
    return made;
}
