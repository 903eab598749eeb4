/* Prices for searches: memory of the worst stage and the closed-form bound of the step, from the pricer's tables. */
#include "step.h"

#include <math.h>
#include <stdlib.h>

sp_status sp_pricer_create(const sp_machine *machine, const sp_model *model, sp_pricer **out, sp_error *err)
{
    sp_pricer *pricer = calloc(1, sizeof *pricer);
    if (!pricer)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
    pricer->machine = machine;
    pricer->model = model;
    pricer->arena = sp_arena_create();
    bool ok = pricer->arena != NULL;
    for (int pass = 0; ok && pass < 3; pass++) {
        pricer->block[pass] = sp_arena_alloc(pricer->arena, model->n_kinds ? model->n_kinds : 1, sizeof *pricer->block[pass]);
        ok = pricer->block[pass] != NULL;
    }
    if (!ok) {
        sp_pricer_destroy(pricer);
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for price tables");
    }
    *out = pricer;
    return SP_OK;
}

void sp_pricer_destroy(sp_pricer *pricer)
{
    if (!pricer)
        return;
    sp_arena_destroy(pricer->arena);
    free(pricer->curves);
    free(pricer);
}

static double worst_memory(const sp_pricer *pricer, const sp_plan *plan)
{
    double most = 0;
    for (uint32_t p = 0; p < plan->pp; p++) {
        sp_stage_memory memory;
        sp_i_stage_memory(pricer->machine, pricer->model, plan, p, &memory);
        most = fmax(most, memory.total);
    }
    return most;
}

static sp_status bound(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, double *f, double *b, sp_i_sync *sync, double *optimizer,
                       sp_price *out, sp_error *err)
{
    uint32_t micro = (uint32_t)(plan->gbs / ((uint64_t)plan->mbs * plan->dp));
    double p2p_s;
    sp_status status = sp_i_pieces(pricer, plan, layout, err);
    if (status == SP_OK)
        status = sp_i_p2p_s(pricer, plan, layout, &p2p_s, err);
    for (uint32_t i = 0; i < plan->pp * plan->vpp && status == SP_OK; i++) {
        sp_i_chunk chunk = sp_i_chunk_of(pricer->model, plan, i / plan->vpp, i % plan->vpp);
        f[i] = sp_i_chunk_seconds(pricer, plan, &chunk, false);
        b[i] = sp_i_chunk_seconds(pricer, plan, &chunk, true);
        status = sp_i_chunk_sync(pricer, plan, layout, &chunk, &sync[i], err);
    }
    if (status != SP_OK)
        return status;
    for (uint32_t p = 0; p < plan->pp; p++)
        optimizer[p] = sp_i_stage_optimizer_s(pricer, plan, p);
    out->lower_bound_s = sp_i_step_bound(plan, micro, sp_i_segments(plan, micro), f, b, sync, optimizer, p2p_s, &out->busy_s);
    return SP_OK;
}

sp_status sp_pricer_price(sp_pricer *pricer, const sp_plan *plan, const sp_layout *layout, sp_price *out, sp_error *err)
{
    sp_price price = {.mem_bytes_max = worst_memory(pricer, plan)};
    if (price.mem_bytes_max > pricer->machine->chip->mem_bytes.nominal) {
        *out = price;
        return SP_OK;
    }
    size_t n = (size_t)plan->pp * plan->vpp;
    double *f = calloc(3 * n, sizeof *f);
    sp_i_sync *sync = calloc(n, sizeof *sync);
    sp_status status = f && sync ? bound(pricer, plan, layout, f, f + n, sync, f + 2 * n, &price, err)
                                 : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory to price a plan");
    free(f);
    free(sync);
    if (status == SP_OK)
        *out = price;
    return status;
}
