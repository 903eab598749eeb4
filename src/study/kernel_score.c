/* Rows of kernels: the operators they become, on the catalog chip, against what was measured. */
#include "run_i.h"

#include <math.h>
#include <string.h>

static const struct { const char *column; double scale; bool is_time; } metrics[] = {
    [SP_STUDY_FLOP_PER_S] = {"tflops", 1e-12, false}, [SP_STUDY_BYTES_PER_S] = {"gbs", 1e-9, false},
    [SP_STUDY_SECONDS] = {"time_us", 1e6, true},      [SP_STUDY_FLOP_SHARE] = {"util_pct", 100, false},
    [SP_STUDY_BYTES_SHARE] = {"util_pct", 100, false}};

sp_status sp_i_kernel_score(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err)
{
    sp_study_kernel kernel;
    memset(&kernel, 0, sizeof kernel);
    sp_status status = sp_study_kernel_row(csv, row, &kernel, err);
    if (status != SP_OK)
        return status;
    ctx->row->label = kernel.kernel;
    ctx->row->size = kernel.counted_flop > 0 ? kernel.counted_flop : kernel.counted_bytes;
    if (kernel.skip) {
        sp_i_row_refuse(ctx, "%s", kernel.skip);
        return SP_OK;
    }
    const sp_chip *chip = NULL;
    sp_error why;
    double predicted = NAN;
    if (sp_catalog_chip(ctx->catalog, kernel.chip, &chip, &why) != SP_OK)
        sp_i_row_refuse(ctx, "%s", why.text);
    else if (sp_study_kernel_predict(chip, &kernel, &predicted) != SP_OK)
        sp_i_row_refuse(ctx, "the chip model has no answer for these sizes");
    else {
        double scale = metrics[kernel.metric].scale;
        sp_i_row_compare(ctx->row, metrics[kernel.metric].column, kernel.measured * scale, predicted * scale,
                         metrics[kernel.metric].is_time);
        if (kernel.assumed)
            sp_i_row_assume(ctx, "%s", kernel.assumed);
    }
    return SP_OK;
}
