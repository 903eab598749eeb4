/* The verbs of lowering: how one linear layer, one vector pass and one collective look in each pass. */
#include "lower.h"

#include <assert.h>
#include <math.h>

sp_i_lower sp_i_lower_make(const sp_model *model, const sp_plan *plan, sp_pass pass, sp_items *out)
{
    sp_i_lower lower = {.model = model, .plan = plan, .pass = pass, .out = out};
    lower.tokens = (double)plan->mbs * (double)plan->seq / plan->cp;
    lower.alternate = pass == SP_PASS_RECOMPUTE && plan->recompute == SP_RECOMPUTE_ALTERNATE;
    lower.tokens_sp = plan->sequence_parallel ? lower.tokens / plan->tp : lower.tokens;
    return lower;
}

static sp_item *append(sp_i_lower *lower)
{
    assert(lower->out->n < SP_ITEMS_MAX);
    sp_item *item = &lower->out->item[lower->out->n++];
    *item = (sp_item){0};
    return item;
}

static uint64_t at_least_one(double value)
{
    return value < 1 ? 1 : (uint64_t)llround(value);
}

void sp_i_lower_op(sp_i_lower *lower, const sp_op *op)
{
    sp_item *item = append(lower);
    item->op = *op;
    item->label = op->label;
}

/* gradient: the output is a weight gradient, added in FP32 to what earlier micro-batches left. */
static void gemm(sp_i_lower *lower, const char *label, double m, double n, double k, uint32_t groups, sp_format format, bool gradient)
{
    sp_op op = {.kind = SP_OP_GEMM, .label = label, .format = format, .out_format = gradient ? SP_FMT_FP32 : SP_FMT_BF16,
                .accumulate = gradient, .groups = groups,
                .m = at_least_one(m), .n = at_least_one(n), .k = at_least_one(k)};
    sp_i_lower_op(lower, &op);
}

static void vector_bytes(sp_i_lower *lower, const char *label, double bytes, double flop)
{
    sp_op op = {.kind = SP_OP_VECTOR, .label = label, .format = SP_FMT_BF16, .out_format = SP_FMT_BF16,
                .bytes = bytes < 1 ? 1 : bytes, .flop = flop};
    sp_i_lower_op(lower, &op);
}

/* Casting an operand to the recipe's format. The read is the producer's (norm, activation, permutation write both forms in one
 * pass); what is added is writing the narrow copy and the transposed one that the weight gradient reads. */
static void quantise(sp_i_lower *lower, double elements)
{
    double narrow = sp_format_bytes(lower->plan->precision);
    if (narrow < SP_I_ACT_BYTES)
        vector_bytes(lower, "quantise", 2 * narrow * elements, 4 * elements);
}

static void product(sp_i_lower *lower, const char *label, double m, double n, double k, uint32_t groups, sp_format format, bool trained)
{
    if (lower->pass != SP_PASS_BACKWARD) {
        gemm(lower, label, m, n, k, groups, format, false);
        return;
    }
    gemm(lower, label, m, k, n, groups, format, false);   /* gradient of the input  */
    if (trained)
        gemm(lower, label, k, n, m, groups, format, true);   /* gradient of the weight */
}

/* A LoRA adapter beside a frozen layer (Hu et al. 2021): down to the rank and up again in BF16, its output added. */
static void adapter(sp_i_lower *lower, const char *label, double m, double n, double k)
{
    double rank = lower->plan->lora_rank, width = lower->pass == SP_PASS_BACKWARD ? k : n;
    product(lower, label, m, rank, k, 1, SP_FMT_BF16, true);
    product(lower, label, m, n, rank, 1, SP_FMT_BF16, true);
    vector_bytes(lower, "vector", 3 * SP_I_ACT_BYTES * m * width, m * width);
}

static void linear(sp_i_lower *lower, const char *label, double m, double n, double k, uint32_t groups, sp_format format)
{
    product(lower, label, m, n, k, groups, format, lower->plan->lora_rank == 0);
    if (lower->adapted)
        adapter(lower, label, m, n, k);
}

/* PyTorch's selective checkpointing by operator, as torchtitan has it (torchtitan/distributed/activation_checkpoint.py): of matrix
 * products the first, third, … output is kept. */
static bool kept(sp_i_lower *lower, double m, double n, uint32_t groups)
{
    if (!lower->alternate || lower->products++ % 2 != 0)
        return false;
    lower->kept_bytes += m * n * groups * SP_I_ACT_BYTES;
    return true;
}

void sp_i_lower_joined(sp_i_lower *lower, const char *label, double m, const double *out, uint32_t n, double k, uint32_t groups)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (lower->alternate)
            sp_i_lower_linear(lower, label, m, out[i], k, groups);
        sum += out[i];
    }
    if (!lower->alternate)
        sp_i_lower_linear(lower, label, m, sum, k, groups);
}

void sp_i_lower_linear(sp_i_lower *lower, const char *label, double m, double n, double k, uint32_t groups)
{
    if (kept(lower, m, n, groups))
        return;
    bool backward = lower->pass == SP_PASS_BACKWARD;
    quantise(lower, (backward ? n : k) * m * groups);
    linear(lower, label, m, n, k, groups, lower->plan->precision);
}

void sp_i_lower_linear_bf16(sp_i_lower *lower, const char *label, double m, double n, double k)
{
    if (!kept(lower, m, n, 1))
        linear(lower, label, m, n, k, 1, SP_FMT_BF16);
}

void sp_i_lower_product(sp_i_lower *lower, const char *label, double m, double n, double k)
{
    product(lower, label, m, n, k, 1, SP_FMT_BF16, true);
}

void sp_i_lower_vector(sp_i_lower *lower, const char *label, double reads, double writes, double flop_per_element)
{
    double elements = lower->pass == SP_PASS_BACKWARD ? 2 * reads + writes : reads + writes;
    vector_bytes(lower, label, elements * SP_I_ACT_BYTES, flop_per_element * reads * (lower->pass == SP_PASS_BACKWARD ? 2 : 1));
}

void sp_i_lower_norm(sp_i_lower *lower)
{
    double elements = lower->tokens_sp * lower->model->hidden;
    sp_i_lower_vector(lower, "vector", elements, elements, 5);
}

void sp_i_lower_residual(sp_i_lower *lower, double inputs)
{
    double elements = lower->tokens_sp * lower->model->hidden;
    if (lower->norms_after)
        sp_i_lower_norm(lower);
    sp_i_lower_vector(lower, "vector", inputs * elements, elements, 1);
}

void sp_i_lower_comm(sp_i_lower *lower, const char *label, sp_comm_group group, sp_coll_op coll, double size_bytes, uint32_t slack)
{
    if (lower->alternate)
        return;   /* torchtitan keeps what reduce-scatters give; that gathers are not repeated either is how its rows with TP come out */
    sp_item *item = append(lower);
    item->is_comm = true;
    item->label = label;
    item->group = group;
    item->coll = coll;
    item->size_bytes = size_bytes;
    item->slack = slack;
}

static double region_bytes(const sp_i_lower *lower, double width, sp_coll_op coll)
{
    double narrow = sp_format_bytes(lower->plan->precision);
    bool cast = lower->plan->narrow_gather && coll == SP_COLL_ALL_GATHER && narrow < SP_I_ACT_BYTES;
    return lower->tokens * width * (cast ? narrow : SP_I_ACT_BYTES);
}

void sp_i_lower_tp_enter(sp_i_lower *lower, double width)
{
    const sp_plan *plan = lower->plan;
    if (plan->tp == 1)
        return;
    uint32_t slack = plan->overlap_tp ? 1 : 0;
    if (plan->sequence_parallel) {
        sp_coll_op coll = lower->pass == SP_PASS_BACKWARD ? SP_COLL_REDUCE_SCATTER : SP_COLL_ALL_GATHER;
        sp_i_lower_comm(lower, "tp", SP_GROUP_TP, coll, region_bytes(lower, width, coll), slack);
    } else if (lower->pass == SP_PASS_BACKWARD)
        sp_i_lower_comm(lower, "tp", SP_GROUP_TP, SP_COLL_ALL_REDUCE, region_bytes(lower, width, SP_COLL_ALL_REDUCE), slack);
}

void sp_i_lower_tp_leave(sp_i_lower *lower, double width)
{
    const sp_plan *plan = lower->plan;
    if (plan->tp == 1)
        return;
    uint32_t slack = plan->overlap_tp ? 1 : 0;
    if (plan->sequence_parallel) {
        sp_coll_op coll = lower->pass == SP_PASS_BACKWARD ? SP_COLL_ALL_GATHER : SP_COLL_REDUCE_SCATTER;
        sp_i_lower_comm(lower, "tp", SP_GROUP_TP, coll, region_bytes(lower, width, coll), slack);
    } else if (lower->pass != SP_PASS_BACKWARD)
        sp_i_lower_comm(lower, "tp", SP_GROUP_TP, SP_COLL_ALL_REDUCE, region_bytes(lower, width, SP_COLL_ALL_REDUCE), slack);
}
