/* Which way programs are evaluated: in stages, set by set, as one program where they are translates, or as they are. */
#include "flow_copies.h"
#include "flow_stage.h"

#define SETS_MAX 8u

static sp_status check(const sp_flow_job *job, const sp_machine *machine, sp_error *err)
{
    if (sp_placement_ranks(job->placement) != job->program->n_ranks)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "placement has %u ranks, program %s has %u", sp_placement_ranks(job->placement),
                            job->program->name, job->program->n_ranks);
    return sp_placement_check(job->placement, machine->chips, err);
}

/* One job in stages, where it is one. */
static sp_status in_stages(const sp_flow_job *jobs, uint32_t n, const sp_machine *machine, const sp_stack *stack, const sp_flow_options *options,
                           double *end_s, bool *staged, sp_flow_time *out, sp_error *err)
{
    *staged = false;
    if (n != 1)
        return SP_OK;
    sp_status status = sp_i_flow_staged(jobs, machine, stack, sp_i_flow_protocol(jobs, 1, machine, stack), options, staged, out, err);
    if (*staged && status == SP_OK && end_s)
        end_s[0] = out->time_s;
    return status;
}

/* Several sets of translated groups, each set as one job; *done false: they are not such. Ends of single groups are not kept. */
static sp_status in_sets(const sp_flow_job *jobs, uint32_t n, const sp_machine *machine, const sp_stack *stack, const sp_flow_options *options,
                         bool *done, sp_flow_time *out, sp_error *err)
{
    sp_i_flow_copies sets[SETS_MAX];
    sp_flow_job job[SETS_MAX];
    uint32_t n_sets = 0, from = 0;
    bool ok = true;
    while (from < n && ok) {
        uint32_t to = from + 1;
        while (to < n && jobs[to].program == jobs[from].program && jobs[to].unit_bytes == jobs[from].unit_bytes)
            to++;
        ok = n_sets < SETS_MAX && sp_i_flow_merge(jobs + from, to - from, machine->chips, &sets[n_sets]);
        n_sets += ok;
        from = to;
    }
    *done = ok && n_sets > 1;
    sp_i_flow_refine(sets, *done ? n_sets : 0);
    for (uint32_t i = 0; i < n_sets; i++)
        job[i] = sets[i].job;
    sp_status status = *done ? sp_i_flow_evaluate(job, n_sets, NULL, machine, stack, NULL, options, NULL, NULL, out, err) : SP_OK;
    for (uint32_t i = 0; i < n_sets; i++)
        sp_i_flow_copies_close(&sets[i]);
    return status;
}

sp_status sp_fabric_flow_jobs(const sp_flow_job *jobs, uint32_t n, const sp_machine *machine, const sp_stack *stack,
                              const sp_flow_options *options, double *end_s, sp_flow_time *out, sp_error *err)
{
    sp_i_flow_copies copies;
    bool staged, computes = false;
    if (n == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "no group to run");
    for (uint32_t j = 0; j < n; j++) {
        sp_status status = check(&jobs[j], machine, err);
        if (status != SP_OK)
            return status;
        computes = computes || sp_i_flow_has_work(jobs[j].program);
    }
    if (computes)
        return sp_i_flow_evaluate(jobs, n, NULL, machine, stack, NULL, options, NULL, end_s, out, err);
    sp_status status = in_stages(jobs, n, machine, stack, options, end_s, &staged, out, err);
    if (staged || status != SP_OK)
        return status;
    if (!end_s && !options->explicit_only) {
        status = in_sets(jobs, n, machine, stack, options, &staged, out, err);
        if (staged || status != SP_OK)
            return status;
    }
    if (!sp_i_flow_merge(jobs, n, machine->chips, &copies))
        return sp_i_flow_evaluate(jobs, n, NULL, machine, stack, NULL, options, NULL, end_s, out, err);
    status = sp_i_flow_evaluate(&copies.job, 1, &copies, machine, stack, NULL, options, NULL, end_s, out, err);
    sp_i_flow_copies_close(&copies);
    return status;
}

sp_status sp_fabric_flow(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                         const sp_stack *stack, double unit_bytes, const sp_flow_options *options, sp_flow_time *out,
                         sp_error *err)
{
    return sp_fabric_flow_jobs(&(sp_flow_job){program, placement, unit_bytes}, 1, machine, stack, options, NULL, out, err);
}
