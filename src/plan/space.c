/* What values every axis may take. Divisors first: what cannot divide is never made. */
#include "space.h"

#include <string.h>

#define TP_MAX 128u
#define CP_MAX 64u
#define VPP_MAX 16u
#define MBS_MAX 16u

static void put(sp_i_choices *choices, uint32_t value)
{
    if (choices->n < SP_I_CHOICES_MAX)
        choices->value[choices->n++] = value;
}

static sp_i_choices only(uint32_t value)
{
    sp_i_choices one = {.n = 1, .value = {value}};
    return one;
}

static sp_i_choices divisors(uint64_t n, uint32_t most)
{
    sp_i_choices out = {0};
    for (uint64_t d = 1; d <= n && d <= most; d++)
        if (n % d == 0)
            put(&out, (uint32_t)d);
    return out;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static sp_i_choices powers(uint32_t most)
{
    sp_i_choices out = {0};
    for (uint32_t d = 1; d <= most && d; d *= 2)
        put(&out, d);
    return out;
}

/* Heads and experts shared by all kinds of blocks of the model. */
static void common(const sp_model *model, uint32_t *heads, uint32_t *experts)
{
    *heads = *experts = 0;
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        const sp_block *block = &model->kinds[k];
        if (block->attn.kind != SP_ATTN_NONE)
            *heads = gcd(*heads, block->attn.heads);
        if (block->ffn.kind == SP_FFN_MOE)
            *experts = gcd(*experts, block->ffn.experts);
    }
}

static void chips_of(const sp_problem *problem, sp_i_choices *out)
{
    uint32_t most = problem->chips ? problem->chips : problem->machine->chips;
    *out = only(most);
    if (problem->objective == SP_OBJECTIVE_THROUGHPUT || problem->chips)
        return;
    for (uint32_t part = most / 2; part >= 1 && part >= most / 64; part /= 2)
        put(out, part);
}

static void orders_of(sp_i_space *space)
{
    static const uint32_t orders[2][SP_AXES] = {{SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_DP, SP_AXIS_PP},
                                                {SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_PP, SP_AXIS_DP}};
    space->n_orders = 2;
    memcpy(space->order, orders, sizeof orders);
}

void sp_i_space_make(const sp_problem *problem, sp_i_space *out)
{
    const sp_plan *fixed = &problem->fixed;
    uint32_t heads, experts, chips = problem->chips ? problem->chips : problem->machine->chips;
    memset(out, 0, sizeof *out);
    common(problem->model, &heads, &experts);
    chips_of(problem, &out->chips);
    out->tp = fixed->tp ? only(fixed->tp) : divisors(heads, TP_MAX < chips ? TP_MAX : chips);
    out->cp = fixed->cp ? only(fixed->cp) : powers(problem->seq >= 16384 ? CP_MAX : 2);
    out->pp = fixed->pp ? only(fixed->pp) : divisors(chips, problem->model->n_layers < 512 ? problem->model->n_layers : 512);
    out->ep = fixed->ep ? only(fixed->ep) : experts ? divisors(experts, chips) : only(1);
    out->etp = fixed->etp ? only(fixed->etp) : experts ? powers(2) : only(1);
    out->vpp = fixed->vpp ? only(fixed->vpp) : problem->free_schedule ? divisors(problem->model->n_layers, VPP_MAX) : only(1);
    if (!fixed->vpp && problem->free_schedule)
        for (uint32_t v = 2; v <= 8; v++)   /* uneven splits are legal too */
            if (problem->model->n_layers % v)
                put(&out->vpp, v);
    out->mbs = fixed->mbs ? only(fixed->mbs) : powers(MBS_MAX);
    if (problem->free_zero) {
        put(&out->zero, 1);
        put(&out->zero, 0);
        put(&out->zero, 3);
    } else
        out->zero = only(fixed->zero);
    if (problem->free_recompute)
        for (uint32_t r = 0; r < SP_RECOMPUTES; r++)
            put(&out->recompute, r);
    else
        out->recompute = only(fixed->recompute);
    out->precision = only(fixed->precision);
    if (problem->free_precision) {
        static const sp_format formats[] = {SP_FMT_BF16, SP_FMT_FP8, SP_FMT_MXFP8};
        out->precision.n = 0;
        for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
            if (problem->machine->chip->matrix_flop_per_s[formats[i]].grade != SP_GRADE_NONE)
                put(&out->precision, formats[i]);
    }
    orders_of(out);
}

sp_i_choices sp_i_space_dp(const sp_problem *problem, uint32_t chips, uint32_t per_replica, uint32_t mbs)
{
    sp_i_choices out = {0};
    uint64_t most = per_replica ? chips / per_replica : 0;
    if (problem->fixed.dp)
        return only(problem->fixed.dp);
    if (problem->gbs % mbs != 0)
        return out;
    uint64_t batch = problem->gbs / mbs;
    /* walk the divisors of the batch from the largest that fits; most machines need one step */
    for (uint64_t dp = most < batch ? most : batch; dp >= 1 && out.n < 2; dp--) {
        if (batch % dp == 0)
            put(&out, (uint32_t)dp);
        if (out.n == 1 && out.value[0] == most)
            break;   /* every chip is used: no reason to leave some idle */
    }
    return out;
}
