/* The layout of a row that prints none, or a part of one: the fastest predicted of those that its batch allows and that fit, since who
 * publishes a result has looked for a good one. Rows that print neither the size of
 * tensor parallelism nor how often they accumulate leave too much open: they are refused. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define AXIS_MAX 8u      /* tensor and context parallelism: a node, or as much of a rack */
#define STAGES_MAX 16u

bool sp_i_layout_open(const sp_i_run *run)
{
    bool stated = sp_i_num_set(run->num[SP_N_TP]) && sp_i_num_set(run->num[SP_N_PP]);
    bool hinted = sp_i_num_set(run->num[SP_N_TP]) || sp_i_num_set(run->num[SP_N_ACCUM]);
    return !stated && hinted && run->sharding[0] == '\0' && sp_i_num_count(run->num[SP_N_CHIPS], 0) > 1 && sp_i_num_set(run->num[SP_N_GBS]);
}

/* Values of an axis: what is stated, or powers of two. */
static uint32_t first_of(const sp_i_run *run, sp_i_num axis) { return sp_i_num_count(run->num[axis], 1); }

static uint32_t last_of(const sp_i_run *run, sp_i_num axis, uint32_t most)
{
    return sp_i_num_set(run->num[axis]) ? sp_i_num_count(run->num[axis], 1) : most;
}

/* Sequences of a micro-batch, where the row says how many of them a step accumulates; false: the batch does not divide so. */
static bool micro_batch(const sp_i_run *run, const sp_i_layout_try *at, double *out)
{
    uint64_t chips = sp_i_num_count(run->num[SP_N_CHIPS], 1), gbs = sp_i_num_count(run->num[SP_N_GBS], 1);
    if (chips % at->tp || chips / at->tp % at->cp || chips / at->tp / at->cp % at->pp)
        return false;
    uint64_t dp = chips / at->tp / at->cp / at->pp, steps = sp_i_num_count(run->num[SP_N_ACCUM], 1), share = gbs / dp;
    if (gbs % dp)
        return false;
    if (sp_i_num_set(run->num[SP_N_MBS]) || !sp_i_num_set(run->num[SP_N_ACCUM])) {
        *out = sp_i_num_set(run->num[SP_N_MBS]) ? run->num[SP_N_MBS] : 1;
        return true;
    }
    *out = (double)(share / (steps ? steps : 1));
    return steps && share % steps == 0 && share >= steps;
}

bool sp_i_layout_next(const sp_i_run *run, sp_i_layout_try *at)
{
    for (; at->pp <= last_of(run, SP_N_PP, sp_i_num_set(run->num[SP_N_ACCUM]) ? 1 : STAGES_MAX); at->pp *= 2, at->cp = first_of(run, SP_N_CP))
        for (; at->cp <= last_of(run, SP_N_CP, AXIS_MAX); at->cp *= 2, at->tp = first_of(run, SP_N_TP))
            while (at->tp <= last_of(run, SP_N_TP, AXIS_MAX)) {
                double mbs;
                at->run = *run;
                at->run.num[SP_N_TP] = (double)at->tp;
                at->run.num[SP_N_CP] = (double)at->cp;
                at->run.num[SP_N_PP] = (double)at->pp;
                bool fits = micro_batch(run, at, &mbs);
                at->tp *= 2;
                if (fits) {
                    at->run.num[SP_N_MBS] = mbs;
                    return true;
                }
            }
    return false;
}

sp_i_layout_try sp_i_layout_first(const sp_i_run *run)
{
    return (sp_i_layout_try){.tp = first_of(run, SP_N_TP), .cp = first_of(run, SP_N_CP), .pp = first_of(run, SP_N_PP)};
}

void sp_i_layout_named(const char *name, sp_i_run *run)
{
    static const sp_i_num axes[] = {SP_N_TP, SP_N_PP, SP_N_CP};
    const char *at = strstr(name, "tp");
    unsigned value[3];
    if (!at || sscanf(at, "tp%upp%ucp%u", &value[0], &value[1], &value[2]) != 3)
        return;
    for (int i = 0; i < 3; i++)
        if (!sp_i_num_set(run->num[axes[i]]) && value[i] > 0 && value[i] < 65536)
            run->num[axes[i]] = value[i];
}
