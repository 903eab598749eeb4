/* The problem of several jobs: numbers, sizes, routes and edges of one after the other. */
#include "flow_program.h"

#include <stdlib.h>

#include "superpod/engine.h"

static sp_status number(sp_i_flow_case *jobs, uint32_t n, const sp_i_flow_form *form, bool *fits, uint32_t *n_tasks, uint32_t *n_sizes,
                        sp_error *err)
{
    *fits = true;
    for (uint32_t j = 0; j < n; j++) {
        sp_status status = form->number(&jobs[j], n_tasks, fits, err);
        if (status != SP_OK || !*fits)
            return status;
        if (!sp_i_flow_gates_plan(&jobs[j], n_tasks)) {
            *fits = false;
            return SP_OK;
        }
        *n_sizes = sp_i_flow_sizes_plan(&jobs[j], *n_sizes);
    }
    for (uint32_t j = 0; j < n; j++)
        jobs[j].no_size = *n_sizes;
    return SP_OK;
}

/* Streams of a chip that compute, up to the last; 0: none does. */
static uint32_t streams_of(const sp_i_flow_case *jobs, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t j = 0; j < n; j++)
        for (uint32_t k = 0; k < jobs[j].program->n_classes; k++) {
            const sp_task_class *task = &jobs[j].program->classes[k];
            most = sp_i_flow_holds(task) && task->stream >= most ? task->stream + 1 : most;
        }
    return most;
}

static bool rolled(const sp_i_flow_case *jobs, uint32_t n)
{
    bool any = false;
    for (uint32_t j = 0; j < n; j++)
        any = any || jobs[j].roll;
    return any;
}

static sp_status make_edges(sp_i_flow_case *jobs, uint32_t n, const sp_i_flow_form *form, sp_error *err)
{
    sp_i_problem *p = jobs[0].p;
    sp_i_flow_edges e = {.p = p, .place = form->place, .chunk = form->chunk};
    p->succ_off = calloc((size_t)p->n_tasks + 3, sizeof *p->succ_off);
    bool ok = p->succ_off != NULL;
    for (uint32_t j = 0; j < n && ok; j++) {
        e.c = &jobs[j];
        ok = form->instances(&e) && sp_i_flow_gates(&e);
    }
    if (ok)
        sp_i_problem_end_routes(p);
    ok = ok && sp_i_problem_turn_edges(p, e.pred, e.n) && (!rolled(jobs, n) || sp_i_flow_lags(jobs, n, form));
    free(e.pred);
    return ok ? SP_OK : sp_i_flow_no_memory(err);
}

sp_status sp_i_flow_build(sp_i_flow_case *jobs, uint32_t n, const sp_i_flow_form *form, bool *fits, sp_error *err)
{
    uint32_t n_tasks = 0, n_sizes = 0;
    sp_status status = number(jobs, n, form, fits, &n_tasks, &n_sizes, err);
    if (status != SP_OK || !*fits)
        return status;
    if (!sp_i_problem_tasks(jobs[0].p, n_tasks, n_sizes + 1, false))
        return sp_i_flow_no_memory(err);
    uint32_t streams = streams_of(jobs, n);
    if (streams && !sp_i_problem_streams(jobs[0].p, jobs[0].machine->chips, streams))
        return sp_i_flow_no_memory(err);
    jobs[0].p->launch_ps = sp_ticks_ps(jobs[0].stack->launch_s.nominal);
    if (jobs[0].options->routing == SP_ROUTING_BORROW)
        status = sp_i_flow_borrow_jobs(jobs, n, err);
    if (status == SP_OK && form->survey)
        status = form->survey(jobs, n, err);
    for (uint32_t j = 0; j < n && status == SP_OK; j++) {
        sp_i_flow_sizes(&jobs[j]);
        status = form->routes(&jobs[j], err);
    }
    sp_i_cover_destroy(jobs[0].cover);
    for (uint32_t j = 0; j < n; j++)
        jobs[j].cover = NULL;
    return status == SP_OK ? make_edges(jobs, n, form, err) : status;
}
