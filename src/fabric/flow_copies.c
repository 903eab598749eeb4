/* Jobs that run the same program on translated groups are one job with more ranks: the copies are digits that no map looks at,
 * and that lifting may move. */
#include "flow_copies.h"

#include <stdlib.h>

typedef struct based { uint32_t base, job; } based;

static int by_base(const void *a, const void *b)
{
    const based *x = a, *y = b;
    return x->base != y->base ? (x->base > y->base) - (x->base < y->base) : (x->job > y->job) - (x->job < y->job);
}

static bool same_shape(const sp_flow_job *a, const sp_flow_job *b)
{
    bool same = a->program == b->program && a->unit_bytes == b->unit_bytes && a->placement->n_dims == b->placement->n_dims &&
                !a->placement->n_exceptions && !b->placement->n_exceptions;
    for (uint32_t d = 0; same && d < a->placement->n_dims; d++)
        same = a->placement->dim[d].size == b->placement->dim[d].size && a->placement->dim[d].stride == b->placement->dim[d].stride;
    return same;
}

/* Digits of a rank with copies outside are those of the rank without where they fit in evenly. */
static bool fits(sp_digit digit, uint32_t n_ranks)
{
    return !digit.size || n_ranks % ((uint64_t)digit.stride * digit.size) == 0;
}

static bool looks_inside_only(const sp_program *program)
{
    bool ok = true;
    for (uint32_t k = 0; k < program->n_classes; k++)
        ok = ok && fits(program->classes[k].domain, program->n_ranks) &&
             (program->classes[k].kind != SP_TASK_TRANSFER || fits(program->classes[k].peer.digit, program->n_ranks));
    for (uint32_t d = 0; d < program->n_deps; d++)
        ok = ok && fits(program->deps[d].rank.digit, program->n_ranks) && fits(program->deps[d].step.rank_digit, program->n_ranks) &&
             fits(program->deps[d].mb.rank_digit, program->n_ranks) && fits(program->deps[d].chunk.rank_digit, program->n_ranks);
    return ok;
}

/* Bases in ascending order as dims of copies, each evenly spaced. */
static bool lay_dims(const based *at, uint32_t n, sp_placement *place)
{
    for (uint32_t inner = 1; inner < n;) {
        uint32_t stride = at[inner].base - at[0].base, run = 2;
        while (run * inner < n && at[run * inner].base - at[0].base == run * stride)
            run++;
        while (n % (run * inner))
            run--;
        if (run < 2 || place->n_dims == SP_PLACE_DIMS || stride == 0)
            return false;
        place->dim[place->n_dims].size = run;
        place->dim[place->n_dims++].stride = stride;
        inner *= run;
    }
    return true;
}

bool sp_i_flow_merge(const sp_flow_job *jobs, uint32_t n, uint32_t chips, sp_i_flow_copies *out)
{
    uint64_t ranks;
    *out = (sp_i_flow_copies){.n = n};
    for (uint32_t j = 1; j < n; j++)
        if (!same_shape(&jobs[0], &jobs[j]))
            return false;
    if (n < 2 || !looks_inside_only(jobs[0].program) || !sp_mul_u64(n, jobs[0].program->n_ranks, &ranks) || ranks > SP_CHIPS_MAX)
        return false;
    based *at = malloc(n * sizeof *at);
    out->copy_of = malloc(n * sizeof *out->copy_of);
    bool ok = at && out->copy_of;
    for (uint32_t j = 0; j < n && ok; j++)
        at[j] = (based){jobs[j].placement->base, j};
    if (ok) {
        qsort(at, n, sizeof *at, by_base);
        out->place = *jobs[0].placement;
        out->place.base = at[0].base;
        ok = lay_dims(at, n, &out->place) && sp_placement_check(&out->place, chips, NULL) == SP_OK;
    }
    out->program = *jobs[0].program;
    out->program.n_ranks = (uint32_t)ranks;
    for (uint32_t i = 0; i < n && ok; i++) {
        out->copy_of[at[i].job] = i;
        ok = sp_placement_chip(&out->place, i * jobs[0].program->n_ranks) == at[i].base;
    }
    out->job = (sp_flow_job){&out->program, &out->place, jobs[0].unit_bytes};
    free(at);
    if (!ok)
        sp_i_flow_copies_close(out);
    return ok;
}

/* Cuts dims where `stride` lies inside them. */
static void cut_dims(sp_placement *place, uint64_t stride)
{
    for (uint32_t d = 0; d < place->n_dims; d++) {
        uint64_t low = place->dim[d].stride, inner = stride / low;
        if (stride <= low || stride >= low * place->dim[d].size || stride % low || place->dim[d].size % inner || place->n_dims == SP_PLACE_DIMS)
            continue;
        for (uint32_t k = place->n_dims++; k > d; k--)
            place->dim[k] = place->dim[k - 1];
        place->dim[d + 1].size /= (uint32_t)inner;
        place->dim[d + 1].stride = (uint32_t)stride;
        place->dim[d].size = (uint32_t)inner;
        return;
    }
}

void sp_i_flow_refine(sp_i_flow_copies *sets, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n; k++)
            for (uint32_t d = 0; k != i && d < sets[k].place.n_dims; d++) {
                cut_dims(&sets[i].place, sets[k].place.dim[d].stride);
                cut_dims(&sets[i].place, (uint64_t)sets[k].place.dim[d].stride * sets[k].place.dim[d].size);
            }
    for (uint32_t i = 0; i < n; i++) {   /* they may have moved since they were made */
        sets[i].job.program = &sets[i].program;
        sets[i].job.placement = &sets[i].place;
    }
}

void sp_i_flow_copies_close(sp_i_flow_copies *copies)
{
    free(copies->copy_of);
    copies->copy_of = NULL;
}
