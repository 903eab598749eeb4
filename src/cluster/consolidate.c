/* Defragmentation in a run: a head of the queue for which chips are there, but not in a form that the policy takes, has running jobs moved
 * when that is worth it. Value: the chip-time that the head would wait until, by the estimates of the running jobs, such a block comes free by
 * itself. Cost: the chip-time in which the jobs that are moved write a checkpoint and restart. Model page: recovery.md. */
#include "operate_i.h"

#include <stdlib.h>

/* What the head wants: so many blocks of whole racks of one pod. */
typedef struct want { uint32_t block_chips, racks, blocks; } want;

/* A job below a rack or above a pod has no such block; segments are blocks of their size. */
static bool want_of(const sp_i_run *run, uint32_t head, want *out)
{
    const sp_cluster_shape *shape = &run->cluster->shape;
    uint32_t chips = run->jobs->job[head].chips, segment = run->op->segment_chips, blocks = 1, leaf = shape->leaf_chips;
    if (segment != 0 && chips % segment == 0) {
        blocks = chips / segment;
        chips = segment;
    }
    if (chips < leaf || chips > shape->pod_chips) return false;
    uint32_t racks = chips / leaf + (chips % leaf != 0);
    if (racks * leaf > shape->pod_chips) return false;
    *out = (want){racks * leaf, racks, blocks};
    return true;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* When a leaf will be wholly free: the last expected end of those that hold chips of it. Repairs are not awaited. */
static int64_t free_at(const sp_i_run *run, uint32_t leaf)
{
    const sp_cluster *c = run->cluster;
    int64_t at = run->now_us;
    uint32_t set = sp_i_set_at(c, leaf);
    if (c->leaf[leaf].down != 0) return run->horizon_us;
    if (set != SP_NOWHERE) at = run->slot[c->piece[set].owner].end_key_us;
    for (uint32_t p = c->leaf[leaf].first; p != SP_NOWHERE; p = c->piece[p].beside) {
        int64_t end = run->slot[c->piece[p].owner].end_key_us;
        if (c->piece[p].mask != 0 && end > at) at = end;
    }
    return at < run->horizon_us ? at : run->horizon_us;
}

/* When as many blocks will have come free by themselves; the end of the run at the latest. */
static int64_t by_itself(const sp_i_run *run, want w, int64_t *at)
{
    const sp_cluster *c = run->cluster;
    uint32_t per = c->leaves_per_pod, n = 0;
    for (uint32_t pod = 0; pod < c->pods; pod++) {
        int64_t *own = at + (size_t)pod * per;
        for (uint32_t l = 0; l < per; l++) own[l] = free_at(run, pod * per + l);
        qsort(own, per, sizeof *own, by_time);
        for (uint32_t b = 1; b * w.racks <= per; b++) at[n++] = own[b * w.racks - 1];   /* n never passes what is still to be read */
    }
    qsort(at, n, sizeof *at, by_time);
    return w.blocks <= n ? at[w.blocks - 1] : run->horizon_us;
}

/* One try: a copy of the state on which the moves are made, the heads of all jobs' lists there, the moves. */
typedef struct attempt { sp_cluster *cluster; uint32_t *list; sp_move *move; uint8_t *moved; int64_t *at; sp_defrag plan; } attempt;

static bool prepare(const sp_i_run *run, want w, attempt *a)
{
    const sp_cluster *c = run->cluster;
    *a = (attempt){.cluster = sp_i_clone(c), .list = malloc(run->slots * sizeof *a->list), .move = malloc((size_t)w.block_chips * w.blocks * sizeof *a->move),
                   .moved = calloc(run->slots, 1), .at = malloc(c->leaves * sizeof *a->at)};
    if (a->cluster == NULL || a->list == NULL || a->move == NULL || a->moved == NULL || a->at == NULL) return false;
    for (uint32_t s = 0; s < run->slots; s++) a->list[s] = run->slot[s].job == SP_NOWHERE ? SP_NOWHERE : run->slot[s].list;
    return true;
}

static void discard(attempt *a)
{
    sp_cluster_destroy(a->cluster);
    free(a->list);
    free(a->move);
    free(a->moved);
    free(a->at);
}

/* Would the head find its place after the moves? It is not left there. */
static bool fits(sp_i_run *run, attempt *a, uint32_t head)
{
    uint32_t chips = run->jobs->job[head].chips, segment = run->op->segment_chips, list;
    sp_spread spread;
    sp_request request = {.chips = chips, .segment_chips = segment != 0 && chips % segment == 0 ? segment : 0};
    if (!run->op->policy->place(a->cluster, &request, run->slots, &list, &spread)) return false;
    sp_cluster_free(a->cluster, list);
    return true;
}

/* Chip-microseconds that the moves cost; *longest_us: the head waits until all of them have written. */
static double cost_of(const sp_i_run *run, attempt *a, int64_t *longest_us)
{
    double cost = 0;
    *longest_us = 0;
    for (uint32_t i = 0; i < a->plan.n; i++) {
        uint32_t s = a->move[i].owner;
        const sp_i_slot *slot = &run->slot[s];
        if (a->moved[s]) continue;
        a->moved[s] = 1;
        cost += (double)slot->chips * (double)(slot->checkpoint_us + sp_i_us(run->op->restart_s));
        if (slot->checkpoint_us > *longest_us) *longest_us = slot->checkpoint_us;
    }
    return cost;
}

/* A job that was moved: it writes a checkpoint where it was, and restarts where it is. */
static void move_job(sp_i_run *run, uint32_t s, uint32_t list)
{
    sp_i_slot *slot = &run->slot[s];
    slot->list = list;
    free(slot->tally);
    slot->tally = NULL;
    slot->generation++;
    sp_spread spread = sp_cluster_spread(run->cluster, list);
    sp_i_measure(run, slot, &spread);
    run->history.moved++;
    sp_i_tell(run, SP_HAPPENED_MOVE, slot->job, SP_NOWHERE, SP_NOWHERE, slot->chips);
    sp_i_begin(run, s, (sp_i_pauses){.drain_s = 1e-6 * (double)slot->checkpoint_us, .restart_s = run->op->restart_s, .load_s = sp_i_read_s(run, slot->job)});
}

static void carry_out(sp_i_run *run, attempt *a)
{
    sp_cluster *before = run->cluster;
    for (uint32_t s = 0; s < run->slots; s++) {
        sp_i_slot *slot = &run->slot[s];
        if (!a->moved[s]) {
            slot->list = slot->job == SP_NOWHERE ? slot->list : a->list[s];
            continue;
        }
        sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
        sp_i_segment(run, slot, SP_I_SAVED);
    }
    run->cluster = a->cluster;
    a->cluster = before;
    for (uint32_t s = 0; s < run->slots; s++)
        if (a->moved[s]) move_job(run, s, a->list[s]);
}

bool sp_i_defrag(sp_i_run *run, uint32_t head)
{
    want w;
    attempt a;
    if (run->op->defrag_ratio <= 0 || run->now_us < run->next_defrag_us || run->jobs->job[head].chips > sp_i_available(run) || !want_of(run, head, &w)) return false;
    run->next_defrag_us = run->now_us + sp_i_us(run->op->defrag_period_s);
    if (!prepare(run, w, &a)) {
        run->no_memory = true;
        discard(&a);
        return false;
    }
    int64_t waits_us = by_itself(run, w, a.at) - run->now_us, longest_us = 0;
    bool ok = waits_us > 0 && sp_cluster_defrag(a.cluster, a.list, run->slots, w.block_chips, w.blocks, a.move, w.block_chips * w.blocks, &a.plan, NULL) == SP_OK
              && a.plan.n != 0 && a.plan.blocks_after >= w.blocks && fits(run, &a, head);
    if (ok) {
        double cost = cost_of(run, &a, &longest_us), value = (double)run->jobs->job[head].chips * (double)(waits_us - longest_us);
        ok = value >= run->op->defrag_ratio * cost;
    }
    if (ok) carry_out(run, &a);
    discard(&a);
    return ok && sp_i_start(run, head, 1e-6 * (double)longest_us);
}
