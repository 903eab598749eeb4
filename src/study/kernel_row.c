/* A row of a kernels table as operators on a catalog chip. Nothing here looks at a row's id or value: only at what it says
 * was run. */
#include "kernel_i.h"
#include "run_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* hw_class → chip. mem_bw: parts whose memory differs from the catalog chip's (data sheets, also printed in the rows' notes). share: of its matrix rate and
 * cores, where fewer are on or clocked lower; 0 is all. */
static const struct { const char *hw_class, *chip; double mem_bw_bytes_per_s, share; } parts[] = {
    {"A100", "a100", 0.0, 0},
    {"A100-40G", "a100", 1555e9, 0},     /* A100 40 GB data sheet */
    {"A100-PCIe", "a100", 1935e9, 0},    /* A100 PCIe 80 GB data sheet */
    {"H100", "h100", 0.0, 0},
    {"H100-96G", "h100-96g", 0.0, 0},
    {"H100-PCIe", "h100", 2000e9, 0.764},   /* H100 PCIe data sheet; guess: 756 of 989 TF in BF16, from memory, unverified */
    {"H100-NVL", "h100", 3938e9, 0.844},   /* guess: H100 NVL data sheet, 835 TF, from memory, unverified */
    {"H800", "h800", 0.0, 0},
    {"H20", "h20", 0.0, 0},
    {"H200", "h200", 0.0, 0},
    {"GH200", "h200", 0.0, 0},           /* the Hopper of a GH200 with 141 GB is an H200 at 900 W */
    {"B200", "b200", 0.0, 0},
    {"B300", "b300", 0.0, 0},
    {"GB200", "gb200", 0.0, 0},
    {"GB300", "gb300", 0.0, 0},
    {"MI300X", "mi300x", 0.0, 0},
    {"MI325X", "mi325x", 0.0, 0},
    {"MI350X", "mi350x", 0.0, 0},
    {"MI355X", "mi355x", 0.0, 0},
    {"MI455X", "mi455x", 0.0, 0},
    {"TPU-v4", "tpu-v4", 0.0, 0},
    {"TPU-v5e", "tpu-v5e", 0.0, 0},
    {"TPU-v5p", "tpu-v5p", 0.0, 0},
    {"TPU-v6e", "tpu-v6e", 0.0, 0},
    {"TPU-v7x", "tpu-v7", 0.0, 0},
    {"TPU-v7", "tpu-v7", 0.0, 0},
    {"Ascend-910B", "ascend-910b", 0.0, 0},
    {"Ascend-910C", "ascend-910c", 0.0, 0},
    {"Trn2", "trn2", 0.0, 0},
    {"Trainium2", "trn2", 0.0, 0},
    {"Trainium3", "trn3", 0.0, 0},
    {"Trn3", "trn3", 0.0, 0},
};

sp_op *sp_i_study_op(sp_study_kernel *out, sp_op_kind kind, const char *label)
{
    assert(out->n_ops < SP_STUDY_OPS);
    sp_op *op = &out->ops[out->n_ops++];
    *op = (sp_op){.kind = kind, .label = label, .format = SP_FMT_BF16, .out_format = SP_FMT_BF16, .groups = 1};
    return op;
}

static void find_part(const sp_i_kernel_cells *c, sp_study_kernel *out)
{
    out->share = strstr(c->hardware, "half chip") || strstr(c->hardware, " die") ? 0.5 : 1.0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (sp_i_class_is(c->hw_class, parts[i].hw_class)) {
            out->chip = parts[i].chip;
            out->mem_bw_bytes_per_s = parts[i].mem_bw_bytes_per_s;
            out->share *= parts[i].share > 0 ? parts[i].share : 1;
            return;
        }
    }
    out->skip = "no such chip in the catalog";
}

static void gemm_ops(const sp_i_kernel_cells *c, sp_format format, sp_study_kernel *out)
{
    sp_op *op = sp_i_study_op(out, SP_OP_GEMM, "gemm");
    op->format = format;
    op->out_format = format == SP_FMT_FP32 || format == SP_FMT_TF32 || format == SP_FMT_INT8 ? SP_FMT_FP32 : SP_FMT_BF16;
    bool some = c->m > 0 || c->n > 0 || c->k > 0, whole = c->m >= 1 && c->n >= 1 && c->k >= 1;
    if ((some && !whole) || c->m != floor(c->m) || c->n != floor(c->n) || c->k != floor(c->k)) {
        out->skip = "m, n and k are not all whole numbers above 0";
        return;
    }
    op->groups = c->groups > 0.0 ? (uint32_t)c->groups : 1;
    op->m = (uint64_t)c->m;
    op->n = (uint64_t)c->n;
    op->k = (uint64_t)c->k;
    if (!some) {
        bool flagperf = strstr(out->source, "FlagPerf") != NULL;   /* its case_config.yaml: M = N = K = 4096 */
        op->m = op->n = op->k = flagperf ? 4096 : 8192;
        out->assumed = flagperf ? "no shape stated: 4,096 cubed, FlagPerf's default" : "no shape stated: 8,192 cubed";
    }
    double m = (double)op->m, n = (double)op->n, k = (double)op->k;
    out->counted_flop = 2.0 * op->groups * m * n * k;
    out->counted_bytes = op->groups * ((m + n) * k * sp_format_bytes(format) + m * n * sp_format_bytes(op->out_format));   /* as DeepGEMM counts */
}

/* BabelStream: arrays of 2^25 doubles by default; copy and mul read one and write one, add and triad read two, dot reads two. */
static void stream_ops(const sp_i_kernel_cells *c, sp_study_kernel *out)
{
    bool three = strstr(c->kernel, "add") || strstr(c->kernel, "triad");
    double array = c->bytes > 0.0 ? c->bytes : 33554432.0 * 8.0;
    sp_op *op = sp_i_study_op(out, SP_OP_VECTOR, "stream");
    op->bytes = (three ? 3.0 : 2.0) * array;
    out->counted_bytes = op->bytes;
    if (!(c->bytes > 0.0))
        out->assumed = "no size stated: arrays of 256 MiB";
}

static void make_ops(const sp_i_kernel_cells *c, sp_study_kernel *out)
{
    bool known, shape = c->batch >= 1 && c->seq >= 1;
    sp_i_kernel_kind kind = sp_i_kernel_kind_of(c->kernel);
    sp_format format = sp_i_kernel_format(c->dtype, SP_FMT_BF16, &known);
    bool bytes_alone = kind == SP_I_KERNEL_STREAM || (kind == SP_I_KERNEL_VECTOR && c->bytes > 0 && !(c->m > 0) && !(c->seq > 0));
    if (!known && !bytes_alone) {
        out->skip = "its dtype is no format that is known here";
        return;
    }
    switch (kind) {
    case SP_I_KERNEL_ATTENTION: sp_i_kernel_attention(c, format, out); break;
    case SP_I_KERNEL_LATENT: (shape && !sp_i_kernel_named(c->kernel, "mla", false) ? sp_i_kernel_attention : sp_i_kernel_latent)(c, format, out); break;
    case SP_I_KERNEL_LAYER: sp_i_kernel_layer(c, format, out); break;
    case SP_I_KERNEL_STREAM: stream_ops(c, out); break;
    case SP_I_KERNEL_VECTOR: sp_i_kernel_vector(c, format, out); break;
    case SP_I_KERNEL_GEMM: gemm_ops(c, format, out); break;
    case SP_I_KERNEL_NONE: out->skip = "no operator for this kind of kernel"; break;
    }
}

/* "66.7" or the middle of "77.4-82.7", as a fraction; 0 when empty. */
static double utilisation(const char *text)
{
    char *rest;
    double low = strtod(text, &rest);
    if (rest == text)
        return 0.0;
    double high = *rest == '-' ? strtod(rest + 1, NULL) : low;
    return 0.005 * (low + high);
}

/* The first metric the row prints that its operators can answer. */
static void find_metric(const sp_i_kernel_cells *c, sp_study_kernel *out)
{
    double share = utilisation(c->util);
    if (c->tflops > 0.0 && out->counted_flop > 0.0) {
        out->metric = SP_STUDY_FLOP_PER_S;
        out->measured = c->tflops * 1e12;
    } else if (c->gbs > 0.0 && out->counted_bytes > 0.0) {
        out->metric = SP_STUDY_BYTES_PER_S;
        out->measured = c->gbs * 1e9;
    } else if (c->time_us > 0.0) {
        out->metric = SP_STUDY_SECONDS;
        out->measured = c->time_us * 1e-6;
    } else if (share > 0.0 && (out->counted_flop > 0.0 || out->counted_bytes > 0.0)) {
        out->metric = out->counted_flop > 0.0 ? SP_STUDY_FLOP_SHARE : SP_STUDY_BYTES_SHARE;
        out->measured = share;
    } else if (!out->skip)
        out->skip = "the row has no tflops, gbs, time_us or util_pct above 0 that fits its kernel";
}

static sp_status read_cells(const sp_csv *csv, size_t row, sp_i_kernel_cells *c, sp_error *err)
{
    *c = (sp_i_kernel_cells){0};
    const struct { const char *name; const char **slot; } texts[] = {
        {"kernel", &c->kernel}, {"hardware", &c->hardware}, {"hw_class", &c->hw_class}, {"dtype", &c->dtype},
        {"library", &c->library}, {"note", &c->note}, {"util_pct", &c->util}};
    const struct { const char *name; double *slot, high; } numbers[] = {
        {"m", &c->m, 1e12}, {"n", &c->n, 1e12}, {"k", &c->k, 1e12}, {"groups", &c->groups, 1e6}, {"batch", &c->batch, 1e6},
        {"seq", &c->seq, 1e9}, {"heads", &c->heads, 1e3}, {"head_dim", &c->head_dim, 1e5}, {"bytes", &c->bytes, 1e15},
        {"tflops", &c->tflops, 1e9}, {"gbs", &c->gbs, 1e9}, {"time_us", &c->time_us, 1e12}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i].slot = sp_csv_cell(csv, row, sp_csv_column(csv, texts[i].name));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        bool has = false;
        sp_status status = sp_csv_number(csv, row, sp_csv_column(csv, numbers[i].name), numbers[i].slot, &has, err);
        if (status != SP_OK)
            return status;
        if (*numbers[i].slot < 0.0 || *numbers[i].slot > numbers[i].high)
            return sp_csv_fail(csv, row, sp_csv_column(csv, numbers[i].name), SP_E_RANGE, err, "%g in column '%s': expected 0 to %g",
                               *numbers[i].slot, numbers[i].name, numbers[i].high);
    }
    return SP_OK;
}

sp_status sp_study_kernel_row(const sp_csv *csv, size_t row, sp_study_kernel *out, sp_error *err)
{
    sp_i_kernel_cells cells;
    sp_study_kernel found = {0};
    sp_status status = read_cells(csv, row, &cells, err);
    if (status != SP_OK)
        return status;
    found.id = sp_csv_cell(csv, row, sp_csv_column(csv, "id"));
    found.split = sp_csv_cell(csv, row, sp_csv_column(csv, "split"));
    found.source = sp_csv_cell(csv, row, sp_csv_column(csv, "source"));
    found.evidence = sp_csv_cell(csv, row, sp_csv_column(csv, "evidence"));
    found.kernel = cells.kernel;
    find_part(&cells, &found);
    make_ops(&cells, &found);
    find_metric(&cells, &found);
    if (found.skip)
        found.chip = NULL;
    *out = found;
    return SP_OK;
}

/* One die of two: half of every rate and of the cores. */
static sp_chip part_of(const sp_chip *whole, const sp_study_kernel *kernel)
{
    sp_chip part = *whole;
    double share = kernel->share;
    for (int f = 0; f < SP_FMT_N; f++) {
        part.matrix_flop_per_s[f].nominal *= share;
        part.advertised_flop_per_s[f].nominal *= share;
    }
    part.vector_flop_per_s.nominal *= share;
    part.exp_per_s.nominal *= share;
    part.l2_bytes.nominal *= share;
    part.mem_bw_bytes_per_s.nominal = kernel->mem_bw_bytes_per_s > 0.0 ? kernel->mem_bw_bytes_per_s
                                                                       : whole->mem_bw_bytes_per_s.nominal * share;
    part.cores = (uint32_t)fmax(1.0, whole->cores * share);
    if (kernel->previous_kernels) {
        part.fit.attention_fwd_fraction.nominal *= part.fit.attention_previous.nominal;
        part.fit.attention_bwd_fraction.nominal *= part.fit.attention_previous.nominal;
    }
    return part;
}

#define MOVED_FRACTION 0.86   /* guess: of the raw scale-up rate, partly hidden under compute */

sp_status sp_study_kernel_predict(const sp_chip *chip, const sp_study_kernel *kernel, double *out)
{
    if (kernel->skip || kernel->n_ops == 0)
        return SP_E_INVAL;
    sp_chip part = part_of(chip, kernel);
    double time_s = kernel->moved_bytes > 0.0   /* ring all-reduces of a tensor-parallel layer */
        ? kernel->moved_bytes / (chip->scaleup_bw_bytes_per_s.nominal * MOVED_FRACTION) : 0.0;
    for (uint32_t i = 0; i < kernel->n_ops; i++) {
        sp_op_cost cost;
        sp_status status = sp_chip_op_cost(&part, &kernel->ops[i], &cost);
        if (status != SP_OK)
            return status;
        time_s += cost.time_s;
    }
    sp_format ran_in = kernel->ops[0].format;
    sp_chip_has_format(&part, ran_in, &ran_in);
    switch (kernel->metric) {
    case SP_STUDY_FLOP_PER_S: *out = kernel->counted_flop / time_s; break;
    case SP_STUDY_BYTES_PER_S: *out = kernel->counted_bytes / time_s; break;
    case SP_STUDY_SECONDS: *out = time_s; break;
    case SP_STUDY_FLOP_SHARE: *out = kernel->counted_flop / time_s / part.matrix_flop_per_s[ran_in].nominal; break;
    case SP_STUDY_BYTES_SHARE: *out = kernel->counted_bytes / time_s / part.mem_bw_bytes_per_s.nominal; break;
    }
    return SP_OK;
}
