/* The table of axes of words. */
#include "word.h"

void sp_i_choices_put(sp_i_choices *choices, uint32_t value)
{
    for (uint32_t i = 0; i < choices->n; i++)
        if (choices->value[i] == value)
            return;
    if (choices->n < SP_I_CHOICES_MAX)
        choices->value[choices->n++] = value;
}

static bool any(const sp_plan *plan, uint32_t value)
{
    (void)plan, (void)value;
    return true;
}

/* Who keeps keys and values of other ranks. Gathered before the attention they are never faster than under it (a law of
 * test_predict_laws.c), and take the same memory. */
static void choose_cp_way(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_cp_way ? SP_CP_RING : problem->fixed.cp_way);
    if (problem->free_cp_way && problem->effort >= SP_EFFORT_NORMAL)
        sp_i_choices_put(out, SP_CP_ULYSSES);
    if (problem->free_cp_way && problem->effort >= SP_EFFORT_EXHAUSTIVE)
        sp_i_choices_put(out, SP_CP_GATHER);
}

static void put_cp_way(sp_plan *plan, uint32_t value) { plan->cp_way = (sp_cp_way)value; }
static bool fits_cp_way(const sp_plan *plan, uint32_t value) { return value == SP_CP_RING || plan->cp > 1; }

static void choose_sequence(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_sequence_parallel || problem->fixed.sequence_parallel);
    if (problem->free_sequence_parallel && problem->effort >= SP_EFFORT_NORMAL)
        sp_i_choices_put(out, false);
}

static void put_sequence(sp_plan *plan, uint32_t value) { plan->sequence_parallel = value; }
static bool fits_sequence(const sp_plan *plan, uint32_t value) { return value || plan->tp > 1; }

/* Bit 0: TP, bit 1: EP. Hiding traffic is never slower (a law of test_predict_laws.c), but that of experts takes memory, and a schedule
 * from both ends hides it by itself. */
static void choose_overlap(const sp_problem *problem, sp_i_choices *out)
{
    if (problem->free_overlap && !problem->free_schedule && sp_schedule_joins(problem->fixed.schedule)) {
        sp_i_choices_put(out, 1);
        return;
    }
    sp_i_choices_put(out, problem->free_overlap ? 3 : (uint32_t)problem->fixed.overlap_tp | (uint32_t)problem->fixed.overlap_ep << 1);
    if (problem->free_overlap && problem->effort >= SP_EFFORT_NORMAL)
        sp_i_choices_put(out, 1);
}

static void put_overlap(sp_plan *plan, uint32_t value)
{
    plan->overlap_tp = value & 1;
    plan->overlap_ep = value >> 1 & 1;
}

static bool fits_overlap(const sp_plan *plan, uint32_t value) { return value == 3 || plan->ep > 1; }

/* The recipe, and wider formats that the chip multiplies; where numerics may change, all. */
static void choose_precision(const sp_problem *problem, sp_i_choices *out)
{
    static const sp_format formats[] = {SP_FMT_BF16, SP_FMT_FP8, SP_FMT_MXFP8, SP_FMT_HIF8, SP_FMT_FP6, SP_FMT_MXFP4, SP_FMT_NVFP4, SP_FMT_HIF4};
    sp_format given = problem->fixed.precision;
    sp_i_choices_put(out, given);
    for (size_t i = 0; problem->free_precision && i < sizeof formats / sizeof formats[0]; i++)
        if ((problem->any_precision || (i < 3 && sp_format_bytes(formats[i]) >= sp_format_bytes(given))) && problem->machine->chip->matrix_flop_per_s[formats[i]].grade != SP_GRADE_NONE)
            sp_i_choices_put(out, formats[i]);
}

static void put_precision(sp_plan *plan, uint32_t value) { plan->precision = (sp_format)value; }

/* What is gathered is cast before instead of behind: the same numbers in fewer bytes, never slower (a law of test_predict_laws.c). So of
 * the two the one that changes nothing else is tried. */
static void choose_gather(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_gather || problem->fixed.narrow_gather);
    if (problem->free_gather)
        sp_i_choices_put(out, false);
}

static void put_gather(sp_plan *plan, uint32_t value) { plan->narrow_gather = value; }
static bool fits_gather(const sp_plan *plan, uint32_t value)
{
    return value == (plan->tp > 1 && plan->sequence_parallel && sp_format_bytes(plan->precision) < sp_format_bytes(SP_FMT_BF16));
}

/* Gradients of 2 bytes take less memory and time than others and change what is trained: tried where numerics may change, then alone. */
static void choose_gradient(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->any_precision && problem->fixed.gradient_bytes == 0 ? 2 : problem->fixed.gradient_bytes);
}

static void put_gradient(sp_plan *plan, uint32_t value) { plan->gradient_bytes = value; }

/* How much is recomputed, and from bit 8 on of how many layers of a chunk; 0: all. Where that is free the solver takes the fewest that
 * fit in memory instead of SP_I_RECOMPUTE_FEWEST's one. */
static void choose_recompute(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_recompute ? SP_RECOMPUTE_NONE : problem->fixed.recompute | problem->fixed.recompute_layers << 8);
    for (uint32_t r = 0; problem->free_recompute && r < SP_RECOMPUTES; r++)
        sp_i_choices_put(out, r);
    if (problem->free_recompute && problem->effort >= SP_EFFORT_NORMAL)
        sp_i_choices_put(out, SP_I_RECOMPUTE_FEWEST);
}

static void put_recompute(sp_plan *plan, uint32_t value)
{
    plan->recompute = (sp_recompute)(value & 0xff);
    plan->recompute_layers = value >> 8;
}

static void choose_zero(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_zero ? 1 : problem->fixed.zero);
    for (uint32_t z = 0; problem->free_zero && z < 4; z++)
        if (z == 3 || problem->effort >= SP_EFFORT_NORMAL)
            sp_i_choices_put(out, z);
}

static void put_zero(sp_plan *plan, uint32_t value) { plan->zero = value; }
static bool fits_zero(const sp_plan *plan, uint32_t value) { return (value < 2 || plan->pp == 1) && (value > 0 || plan->zero_group == 0); }

static void choose_schedule(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_schedule ? SP_SCHEDULE_1F1B : problem->fixed.schedule);
    if (problem->free_schedule)
        sp_i_choices_put(out, SP_SCHEDULE_INTERLEAVED);
    for (uint32_t s = SP_SCHEDULE_GPIPE; problem->free_schedule && problem->effort >= SP_EFFORT_NORMAL && s < (problem->effort == SP_EFFORT_EXHAUSTIVE ? (uint32_t)SP_SCHEDULES : SP_SCHEDULE_ZB_H2); s++)
        sp_i_choices_put(out, s);   /* ZB-H2 seldom fits, and the bounds of DualPipe and of V shapes leave 10 %: many would be simulated */
}

static void put_schedule(sp_plan *plan, uint32_t value) { plan->schedule = (sp_schedule)value; }

static uint64_t micro_batches(const sp_plan *plan) { return plan->gbs / ((uint64_t)plan->mbs * plan->dp); }
static bool from_both_ends(const sp_plan *plan) { return micro_batches(plan) >= 2ull * plan->pp && !(plan->overlap_ep && plan->ep > 1); }

static bool fits_schedule(const sp_plan *plan, uint32_t value)
{
    bool piped = plan->pp > 1;
    switch ((sp_schedule)value) {
    case SP_SCHEDULE_INTERLEAVED: return plan->vpp > 1;
    case SP_SCHEDULE_ZB_H1: return plan->vpp == 1 && piped;
    case SP_SCHEDULE_GPIPE: return plan->vpp == 1 && piped && micro_batches(plan) > 1;    /* of one that is 1F1B */
    case SP_SCHEDULE_ZB_H2: return plan->vpp == 1 && piped && micro_batches(plan) > 2;    /* of two at most that is ZB-H1 */
    case SP_SCHEDULE_DUALPIPE: return plan->vpp == 1 && plan->pp % 2 == 0 && micro_batches(plan) % 2 == 0 && from_both_ends(plan);
    case SP_SCHEDULE_ZB_V: return plan->vpp == 2 && piped;
    case SP_SCHEDULE_DUALPIPEV: return plan->vpp == 2 && piped && from_both_ends(plan);
    default: return plan->vpp == 1;
    }
}

/* Without a pipeline never slower (a law of test_predict_laws.c); with one, gradients and what stages send share links. */
static void choose_overlap_dp(const sp_problem *problem, sp_i_choices *out)
{
    sp_i_choices_put(out, problem->free_overlap_dp || problem->fixed.overlap_dp);
    if (problem->free_overlap_dp && problem->effort >= SP_EFFORT_EXHAUSTIVE)
        sp_i_choices_put(out, false);
}

static void put_overlap_dp(sp_plan *plan, uint32_t value) { plan->overlap_dp = value; }
static bool fits_overlap_dp(const sp_plan *plan, uint32_t value) { return value || (plan->pp > 1 && plan->dp * plan->cp > 1); }

/* What the host keeps, where the chip has a host of known speed. The solver tries what is offloaded where nothing less fits, and finds the
 * least of activations. */
static void choose_offload(const sp_problem *problem, sp_i_choices *out)
{
    const sp_chip *chip = problem->machine->chip;
    bool tried = problem->free_offload && problem->effort >= SP_EFFORT_NORMAL && chip->host_bw_bytes_per_s.grade != SP_GRADE_NONE;
    bool optimizer = tried && chip->host_mem_bw_bytes_per_s.grade != SP_GRADE_NONE;
    sp_i_choices_put(out, problem->free_offload ? 0 : (uint32_t)problem->fixed.offload_optimizer | problem->fixed.offload_activations << 8);
    if (optimizer)
        sp_i_choices_put(out, SP_I_OFFLOAD_OPTIMIZER);
    if (tried)
        sp_i_choices_put(out, SP_I_OFFLOAD_LEAST);
    if (optimizer)
        sp_i_choices_put(out, SP_I_OFFLOAD_OPTIMIZER | SP_I_OFFLOAD_LEAST);
}

static void put_offload(sp_plan *plan, uint32_t value)
{
    plan->offload_optimizer = value & SP_I_OFFLOAD_OPTIMIZER;
    plan->offload_activations = value & SP_I_OFFLOAD_LEAST ? 100 : value >> 8;
}

/* DualPipe's two copies of the weights share state by themselves. */
bool sp_i_word_twice(const sp_problem *problem, const sp_plan *plan)
{
    uint64_t ranks = (uint64_t)plan->cp * plan->dp;
    if (!problem->free_zero || plan->zero == 1 || ranks > 1 || plan->schedule == SP_SCHEDULE_DUALPIPE)
        return false;
    return !sp_model_has_experts(problem->model) || ranks * plan->tp == (uint64_t)plan->ep * plan->etp;
}

const sp_i_word_row sp_i_word_rows[SP_I_WORDS] = {
    [SP_I_WORD_CP_WAY] = {choose_cp_way, put_cp_way, fits_cp_way},
    [SP_I_WORD_SEQUENCE] = {choose_sequence, put_sequence, fits_sequence},
    [SP_I_WORD_OVERLAP] = {choose_overlap, put_overlap, fits_overlap},
    [SP_I_WORD_PRECISION] = {choose_precision, put_precision, any},
    [SP_I_WORD_GATHER] = {choose_gather, put_gather, fits_gather},
    [SP_I_WORD_GRADIENT] = {choose_gradient, put_gradient, any},
    [SP_I_WORD_RECOMPUTE] = {choose_recompute, put_recompute, any},
    [SP_I_WORD_ZERO] = {choose_zero, put_zero, fits_zero},
    [SP_I_WORD_SCHEDULE] = {choose_schedule, put_schedule, fits_schedule},
    [SP_I_WORD_OVERLAP_DP] = {choose_overlap_dp, put_overlap_dp, fits_overlap_dp},
    [SP_I_WORD_OFFLOAD] = {choose_offload, put_offload, any},
};
