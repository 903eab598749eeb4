/* Spare hosts: a pool of them in every rack, every pod or the machine, that no job is started on. They take the place of what fails where
 * nothing free is near; what comes free fills the pool up again, unless a job waits that lost its chips to a failure. In the state they are
 * out of service, so that no policy sees them; in the accounts they are spares. Those that stand by do not fail. */
#include "operate_i.h"

#include <stdlib.h>

static const char *const names[SP_RESERVES] = {"rack", "pod", "machine"};
const char *sp_reserve_name(sp_reserve_of of) { return (unsigned)of < SP_RESERVES ? names[of] : "?"; }

typedef struct sp_i_pool { uint32_t low, high, missing; } sp_i_pool;   /* leaves; hosts that it lacks */

static uint64_t last_row_free(const sp_cluster *c, uint32_t leaf)
{
    for (uint32_t r = c->rows_per_leaf; r-- > 0;)
        if ((sp_i_free(c, leaf) & sp_i_row(c, r)) == sp_i_row(c, r)) return sp_i_row(c, r);
    return 0;
}

/* Wholly free hosts go out of service, those of the last racks first so that racks go whole. */
static void fill_pool(sp_i_run *run, sp_i_pool *pool)
{
    sp_cluster *c = run->cluster;
    for (uint32_t leaf = pool->high; leaf-- > pool->low && pool->missing > 0;)
        for (uint64_t row; pool->missing > 0 && (row = last_row_free(c, leaf)) != 0; pool->missing--) {
            sp_i_fail(c, leaf, row);
            run->reserved[leaf] |= row;
            run->reserve_chips += c->shape.row_chips;
            run->missing_hosts--;
        }
}

bool sp_i_reserve_make(sp_i_run *run)
{
    const sp_cluster *c = run->cluster;
    const sp_reserve *want = &run->op->reserve;
    if (want->hosts == 0) return true;
    uint32_t per = want->of == SP_RESERVE_RACK ? 1 : want->of == SP_RESERVE_POD ? c->leaves_per_pod : c->leaves;
    run->pools = c->leaves / per;
    run->pool = malloc(run->pools * sizeof *run->pool);
    run->reserved = calloc(c->leaves, sizeof *run->reserved);
    if (run->pool == NULL || run->reserved == NULL) return false;
    run->missing_hosts = run->pools * want->hosts;
    for (uint32_t i = 0; i < run->pools; i++) {
        run->pool[i] = (sp_i_pool){i * per, (i + 1) * per, want->hosts};
        fill_pool(run, &run->pool[i]);
    }
    return true;
}

static sp_i_pool *pool_of(const sp_i_run *run, uint32_t leaf) { return &run->pool[leaf / (run->cluster->leaves / run->pools)]; }

/* Up to so many hosts of a pool come into service, those of `near` first. Returns how many. */
static uint32_t draw(sp_i_run *run, sp_i_pool *pool, uint32_t near, uint32_t hosts)
{
    sp_cluster *c = run->cluster;
    uint32_t drawn = 0;
    for (uint32_t i = 0; i <= pool->high - pool->low && drawn < hosts; i++) {
        uint32_t leaf = i == 0 ? near : pool->low + i - 1;
        for (uint32_t r = 0; r < c->rows_per_leaf && drawn < hosts; r++) {
            uint64_t row = run->reserved[leaf] & sp_i_row(c, r);
            if (row == 0) continue;
            run->reserved[leaf] &= ~row;
            sp_i_repair(c, leaf, row);
            drawn++;
        }
    }
    run->reserve_chips -= drawn * c->shape.row_chips;
    pool->missing += drawn;
    run->missing_hosts += drawn;
    return drawn;
}

void sp_i_reserve_draw(sp_i_run *run, uint32_t leaf, uint32_t chips)
{
    const sp_cluster *c = run->cluster;
    uint32_t row = c->shape.row_chips, hosts = (chips + row - 1) / row;
    if (run->pools == 0 || c->pod_rows[leaf / c->leaves_per_pod] >= hosts) return;   /* as many are free in the pod */
    run->history.reserve_used += draw(run, pool_of(run, leaf), leaf, hosts);
}

void sp_i_reserve_tend(sp_i_run *run, uint32_t head)
{
    uint32_t row = run->cluster->shape.row_chips;
    if (run->pools == 0) return;
    bool failed = head != SP_NOWHERE && run->progress[head].why == SP_I_FAILED;
    if (!failed) {
        for (uint32_t i = 0; i < run->pools && run->missing_hosts > 0; i++)
            if (run->pool[i].missing > 0) fill_pool(run, &run->pool[i]);
        return;
    }
    uint32_t need = run->jobs->job[head].chips, have = run->cluster->free_chips;
    if (need <= have || need > have + run->reserve_chips) return;
    uint32_t hosts = (need - have + row - 1) / row;
    for (uint32_t i = 0; i < run->pools && hosts > 0; i++) {
        uint32_t drawn = draw(run, &run->pool[i], run->pool[i].low, hosts);
        run->history.reserve_used += drawn;
        hosts -= drawn;
    }
}

void sp_i_reserve_release(sp_i_run *run)
{
    free(run->pool);
    free(run->reserved);
}
