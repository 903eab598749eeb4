/* Every structural invariant of a program, in the order of its fields. What can be told from the maps alone costs O(1) a
 * class; only senders whose peers hang on more than one digit are tried rank by rank. */
#include "program_private.h"

#include <math.h>
#include <stdio.h>

#define EXTENT_MAX (1u << 30)   /* so that c0 + c_step * step + c_chunk * chunk stays within 63 bits */

typedef struct checker { const sp_program *program; uint32_t task_class; sp_error *err; } checker;

static sp_status bad(const checker *ck, const char *format, ...) __attribute__((format(printf, 2, 3)));

static sp_status bad(const checker *ck, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return sp_error_set(ck->err, SP_E_INVAL, NULL, 0, 0, "program %s, class %u (%s): %s", ck->program->name, ck->task_class,
                        ck->program->classes[ck->task_class].label, what);
}

static bool digit_fits(sp_digit digit)
{
    return !digit.size || (digit.stride && (uint64_t)digit.stride * digit.size <= UINT32_MAX);
}

static sp_status check_domain(const checker *ck, const sp_task_class *task)
{
    if (!task->n_step || !task->n_mb || !task->n_chunk || task->n_step > EXTENT_MAX || task->n_chunk > EXTENT_MAX)
        return bad(ck, "extents are %u steps x %u micro-batches x %u chunks; each must be at least 1 and at most 2^30",
                   task->n_step, task->n_mb, task->n_chunk);
    if (task->stream >= SP_STREAMS_MAX)
        return bad(ck, "stream %u; streams are 0 to %u", task->stream, SP_STREAMS_MAX - 1);
    if (!task->domain.size)
        return SP_OK;
    if (!digit_fits(task->domain) || task->domain_lo >= task->domain_hi || task->domain_hi > task->domain.size)
        return bad(ck, "domain [%u, %u) of a digit with stride %u and size %u; expected lo < hi <= size, stride >= 1",
                   task->domain_lo, task->domain_hi, task->domain.stride, task->domain.size);
    if (!sp_class_ranks_below(task, ck->program->n_ranks))
        return bad(ck, "no rank of %u lies in the domain [%u, %u) of the digit with stride %u", ck->program->n_ranks,
                   task->domain_lo, task->domain_hi, task->domain.stride);
    return SP_OK;
}

static sp_status check_cost(const checker *ck, const sp_task_class *task)
{
    bool needs = task->kind == SP_TASK_COMPUTE || task->kind == SP_TASK_CALL;
    if (!task->cost_s)
        return needs ? bad(ck, "a compute or call class without its table of seconds (cost_s)") : SP_OK;
    if (!digit_fits(task->cost_rank) || !digit_fits(task->cost_step))
        return bad(ck, "a cost digit with stride 0 or beyond 2^32");
    size_t n = (size_t)(task->cost_rank.size ? task->cost_rank.size : 1) * (task->cost_step.size ? task->cost_step.size : 1);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(task->cost_s[i]) || task->cost_s[i] < 0)
            return bad(ck, "cost_s[%zu] is %g s; expected a finite number >= 0", i, task->cost_s[i]);
    if (task->kind == SP_TASK_CALL && task->callee != SP_CALLEE_NONE && task->callee >= ck->program->n_callees)
        return bad(ck, "calls program %u of %u", task->callee, ck->program->n_callees);
    return SP_OK;
}

/* Smallest and largest c over all steps and chunks: c is affine, so the corners carry them. */
static void affine_range(int32_t c0, int32_t c_step, int32_t c_chunk, const sp_task_class *task, int64_t range[2])
{
    range[0] = range[1] = c0;
    int64_t step = (int64_t)c_step * (task->n_step - 1), chunk = (int64_t)c_chunk * (task->n_chunk - 1);
    range[step > 0] += step;
    range[chunk > 0] += chunk;
}

static bool same_digit(sp_digit a, sp_digit b)
{
    return a.stride == b.stride && a.size == b.size;
}

/* Does every sender have a receiver, as far as the maps alone can tell? */
static bool peers_exist_plainly(const sp_task_class *task, uint32_t n_ranks)
{
    const sp_rank_map *peer = &task->peer;
    int64_t c[2], size = peer->digit.size;
    if (n_ranks % ((uint64_t)peer->digit.stride * peer->digit.size))
        return false;
    affine_range(peer->c0, peer->c_step, peer->c_chunk, task, c);
    int64_t lo = 0, hi = size - 1;
    if (same_digit(task->domain, peer->digit)) {
        lo = task->domain_lo;
        hi = (int64_t)task->domain_hi - 1;
    }
    switch (peer->op) {
    case SP_MAP_SHIFT: return true;
    case SP_MAP_ADD: return lo + c[0] >= 0 && hi + c[1] < size;
    case SP_MAP_XOR: return c[0] >= 0 && c[1] < size && !(size & (size - 1));
    case SP_MAP_SET: return c[0] >= 0 && c[1] < size;
    }
    return false;
}

/* The largest digit that any step or chunk may map `own` to; false when some c surely or possibly has no image. With one c
 * only, exact; with several, SHIFT and XOR are taken to reach every digit. */
static bool largest_image(const sp_rank_map *peer, uint32_t own, const int64_t c[2], uint32_t *out)
{
    int64_t size = peer->digit.size, image = size - 1;
    bool one = c[0] == c[1];
    switch (peer->op) {
    case SP_MAP_SHIFT: image = one ? sp_i_mod(own + c[0], peer->digit.size) : image; break;
    case SP_MAP_ADD: image = own + c[0] < 0 ? -1 : own + c[1]; break;
    case SP_MAP_XOR:
        if (c[0] < 0 || (!one && (c[1] >= size || (size & (size - 1)))))
            return false;
        image = one ? (int64_t)own ^ c[0] : image;
        break;
    case SP_MAP_SET: image = c[0] < 0 ? -1 : c[1]; break;
    }
    *out = (uint32_t)image;
    return image >= 0 && image < size;
}

static sp_status check_peers_one_by_one(const checker *ck, const sp_task_class *task)
{
    const sp_digit digit = task->peer.digit;
    uint32_t n_ranks = ck->program->n_ranks, largest;
    int64_t c[2];
    affine_range(task->peer.c0, task->peer.c_step, task->peer.c_chunk, task, c);
    for (uint64_t rank = sp_i_next_rank(task, 0); rank < n_ranks; rank = sp_i_next_rank(task, rank + 1)) {
        uint32_t own = sp_i_digit(digit, (uint32_t)rank);
        if (!largest_image(&task->peer, own, c, &largest) ||
            (int64_t)rank + ((int64_t)largest - own) * digit.stride >= n_ranks)
            return bad(ck, "rank %llu has nobody to send to at some step: shrink the domain or change the map",
                       (unsigned long long)rank);
    }
    return SP_OK;
}

static sp_status check_transfer(const checker *ck, const sp_task_class *task)
{
    if (!isfinite(task->units) || task->units < 0)
        return bad(ck, "moves %g units; expected a finite number >= 0", task->units);
    if (task->kind != SP_TASK_TRANSFER)
        return task->n_data ? bad(ck, "has data constraints but is no transfer") : SP_OK;
    if (!task->peer.digit.size || !digit_fits(task->peer.digit))
        return bad(ck, "a transfer without a map to its receiver (peer.digit.size is %u, stride %u)", task->peer.digit.size,
                   task->peer.digit.stride);
    if (task->peer.op > SP_MAP_SET || task->effect > SP_EFFECT_MOVE)
        return bad(ck, "unknown map operation %d or effect %d", (int)task->peer.op, (int)task->effect);
    if (task->n_data && !ck->program->n_units)
        return bad(ck, "has data constraints, but the program's buffer has no units");
    for (uint32_t i = 0; i < task->n_data; i++) {
        const sp_data *data = &ck->program->data[task->data_off + i];
        if (!data->digit.size || !digit_fits(data->digit) || !digit_fits(data->rank_digit) || data->op > SP_MAP_SET ||
            data->op == SP_MAP_ADD)
            return bad(ck, "data constraint %u needs a unit digit of size >= 1 and one of shift, xor, set", i);
    }
    return peers_exist_plainly(task, ck->program->n_ranks) ? SP_OK : check_peers_one_by_one(ck, task);
}

/* Does the map surely pick the own index (or all, among them the own)? */
static bool axis_picks_own(const sp_axis_map *map, uint32_t extent)
{
    return map->pick == SP_PICK_ALL || (map->pick == SP_PICK_AT && (extent == 1 || map->c0 >= -(int64_t)extent)) ||
           (map->pick == SP_PICK_SAME && !map->c0 && (!map->c_rank || !map->rank_digit.size));
}

/* Has a table, where one is read, a row as long as the own axis? (What it holds may point nowhere: then there is no dependency.) */
static bool axis_map_stands(const sp_axis_map *map, uint32_t n_own)
{
    return map->pick <= SP_PICK_TABLE && (map->pick != SP_PICK_TABLE || (map->table && map->n_own >= n_own));
}

static bool waits_for_itself(const sp_task_class *task, const sp_dep *dep)
{
    const sp_rank_map *rank = &dep->rank;
    bool same_rank = !rank->digit.size || (rank->op != SP_MAP_SET && !rank->c0 && !rank->c_step && !rank->c_chunk);
    return same_rank && !dep->when.size && axis_picks_own(&dep->step, task->n_step) && axis_picks_own(&dep->mb, task->n_mb) &&
           axis_picks_own(&dep->chunk, task->n_chunk);
}

static sp_status check_deps(const checker *ck, const sp_task_class *task)
{
    for (uint32_t i = 0; i < task->n_deps; i++) {
        const sp_dep *dep = &ck->program->deps[task->dep_off + i];
        if (dep->from >= ck->program->n_classes)
            return bad(ck, "dependency %u waits for class %u of %u", i, dep->from, ck->program->n_classes);
        if (!digit_fits(dep->rank.digit) || !digit_fits(dep->when) || !digit_fits(dep->step.rank_digit) ||
            !digit_fits(dep->mb.rank_digit) || !digit_fits(dep->chunk.rank_digit))
            return bad(ck, "dependency %u has a digit with stride 0 or beyond 2^32", i);
        if (dep->rank.op > SP_MAP_SET || !axis_map_stands(&dep->step, task->n_step) || !axis_map_stands(&dep->mb, task->n_mb) ||
            !axis_map_stands(&dep->chunk, task->n_chunk))
            return bad(ck, "dependency %u has an unknown map operation, or a table shorter than its axis", i);
        if (dep->when.size && dep->when_value >= dep->when.size)
            return bad(ck, "dependency %u holds when a digit of size %u is %u, which never is", i, dep->when.size,
                       dep->when_value);
        if (dep->from == ck->task_class && waits_for_itself(task, dep))
            return bad(ck, "dependency %u makes an instance wait for itself", i);
    }
    return SP_OK;
}

static sp_status check_class(const checker *ck, uint64_t *total)
{
    const sp_program *program = ck->program;
    const sp_task_class *task = &program->classes[ck->task_class];
    uint64_t count = 0;
    if (task->kind > SP_TASK_CALL)
        return bad(ck, "unknown kind %d", (int)task->kind);
    if ((uint64_t)task->dep_off + task->n_deps > program->n_deps || (uint64_t)task->data_off + task->n_data > program->n_data ||
        program->phase[ck->task_class] >= program->n_phases)
        return bad(ck, "dependencies, constraints or phase lie outside the program's arrays");
    sp_status status = check_domain(ck, task);
    if (status != SP_OK)
        return status;
    if (!sp_i_class_instances(task, program->n_ranks, &count) || (*total += count) > SP_I_INSTANCES_MAX)
        return sp_error_set(ck->err, SP_E_RANGE, NULL, 0, 0, "program %s has more than 2^52 task instances (at class %s): use "
                            "fewer steps, micro-batches or chunks", program->name, task->label);
    if ((status = check_cost(ck, task)) == SP_OK && (status = check_transfer(ck, task)) == SP_OK)
        status = check_deps(ck, task);
    return status;
}

sp_status sp_program_check(const sp_program *program, sp_error *err)
{
    uint64_t total = 0;
    if (!program->n_ranks || !program->n_classes)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "program %s has %u ranks and %u classes; it needs at least one of each",
                            program->name, program->n_ranks, program->n_classes);
    for (uint32_t i = 0; i < program->n_classes; i++) {
        checker ck = {program, i, err};
        sp_status status = check_class(&ck, &total);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
