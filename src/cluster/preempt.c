/* Preemption: a job that does not fit takes the chips of less urgent ones that run. They write a checkpoint, for which the new job
 * waits on their chips, go back to the queue, and restart when their turn comes. */
#include "operate_i.h"

#include <math.h>
#include <stdlib.h>

/* Dense ranks of urgency, most urgent first, by the positions of the queue. */
bool sp_i_preempt_make(sp_i_run *run)
{
    int (*urgency)(const sp_job *, const sp_job *) = sp_i_orders[run->op->order].urgency;
    uint32_t n = run->jobs->n, level = 0;
    if (!run->op->preempt || urgency == NULL) return true;
    run->level = malloc((n == 0 ? 1 : n) * sizeof *run->level);
    run->level_chips = calloc(n + 1u, sizeof *run->level_chips);
    if (run->level == NULL || run->level_chips == NULL) return false;
    for (uint32_t p = 0; p < n; p++) {
        if (p > 0 && urgency(&run->jobs->job[run->job_at[p]], &run->jobs->job[run->job_at[p - 1]]) != 0) level++;
        run->level[run->job_at[p]] = level;
    }
    run->levels = n == 0 ? 0 : level + 1;
    return true;
}

/* Chips that run, by level: a binary indexed tree (Fenwick 1994). */
void sp_i_level_runs(sp_i_run *run, uint32_t job, int64_t chips)
{
    if (run->level == NULL) return;
    for (uint32_t i = run->level[job] + 1; i <= run->levels; i += i & -i) run->level_chips[i] += chips;
}

static int64_t running_upto(const sp_i_run *run, uint32_t level)
{
    int64_t sum = 0;
    for (uint32_t i = level + 1; i > 0; i -= i & -i) sum += run->level_chips[i];
    return sum;
}

/* Least urgent first, of those the one that began last. */
static int by_claim(const void *a, const void *b)
{
    const sp_i_claim *x = a, *y = b;
    if (x->level != y->level) return x->level > y->level ? -1 : 1;
    if (x->since_us != y->since_us) return x->since_us > y->since_us ? -1 : 1;
    return x->job > y->job ? -1 : x->job < y->job;
}

/* Running jobs that are less urgent, in the order in which they are taken. Returns how many. */
static uint32_t claims(sp_i_run *run, uint32_t head)
{
    uint32_t n = 0;
    if (run->claim_room < run->slots) {
        sp_i_claim *claim = realloc(run->claim, run->slots * sizeof *claim);
        if (claim == NULL) {
            run->no_memory = true;
            return 0;
        }
        run->claim = claim;
        run->claim_room = run->slots;
    }
    for (uint32_t s = 0; s < run->slots; s++) {
        const sp_i_slot *slot = &run->slot[s];
        if (slot->job == SP_NOWHERE || run->level[slot->job] <= run->level[head]) continue;
        run->claim[n++] = (sp_i_claim){slot->since_us, run->level[slot->job], slot->job, s};
    }
    qsort(run->claim, n, sizeof *run->claim, by_claim);
    return n;
}

/* Returns the seconds that it writes its checkpoint. */
static double evict(sp_i_run *run, uint32_t s)
{
    sp_i_slot *slot = &run->slot[s];
    double writes_s = 1e-6 * (double)slot->checkpoint_us;
    sp_i_ends_remove(&run->ends, (sp_i_end){slot->end_key_us, s, slot->chips});
    sp_i_segment(run, slot, SP_I_SAVED);
    run->history.preemptions++;
    sp_i_tell(run, SP_HAPPENED_PREEMPT, slot->job, SP_NOWHERE, SP_NOWHERE, slot->chips);
    sp_i_requeue(run, s, SP_I_EVICTED);
    return writes_s;
}

/* Evicts no more than is needed by number: of those taken, any that can be left running after all is left, most urgent first. Where
 * the policy finds no form in the chips that came free, more are taken. */
bool sp_i_preempt(sp_i_run *run, uint32_t head)
{
    uint32_t need = run->jobs->job[head].chips, taken = 0;
    if (run->level == NULL) return false;
    int64_t less_urgent = running_upto(run, run->levels - 1) - running_upto(run, run->level[head]);
    if ((int64_t)sp_i_available(run) + less_urgent < need) return false;
    uint32_t n = claims(run, head);
    uint64_t have = sp_i_available(run);
    while (taken < n && have < need) have += run->slot[run->claim[taken++].slot].chips;
    for (uint32_t i = taken; i-- > 0;) {
        uint32_t chips = run->slot[run->claim[i].slot].chips;
        if (have - chips < need) continue;
        have -= chips;
        run->claim[i].slot = SP_NOWHERE;
    }
    double longest_s = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (run->claim[i].slot == SP_NOWHERE) continue;
        if (i >= taken && sp_i_start(run, head, longest_s)) return true;
        longest_s = fmax(longest_s, evict(run, run->claim[i].slot));
    }
    return sp_i_start(run, head, longest_s);
}
