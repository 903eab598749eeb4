/* Problems: the words they are told in, what is free by default, and what cannot be asked. */
#include "superpod/plan.h"

#include <string.h>

const char *sp_objective_name(sp_objective objective)
{
    static const char *const names[] = {"throughput", "cost", "energy", "chips"};
    return names[objective];
}

sp_status sp_objective_parse(const char *text, sp_objective *out, sp_error *err)
{
    for (int i = 0; i < SP_OBJECTIVES; i++)
        if (strcmp(text, sp_objective_name((sp_objective)i)) == 0) {
            *out = (sp_objective)i;
            return SP_OK;
        }
    return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found objective '%s', expected throughput, cost, energy or chips", text);
}

const char *sp_effort_name(sp_effort effort)
{
    static const char *const names[] = {"quick", "normal", "exhaustive"};
    return names[effort];
}

sp_status sp_effort_parse(const char *text, sp_effort *out, sp_error *err)
{
    for (int i = 0; i < SP_EFFORTS; i++)
        if (strcmp(text, sp_effort_name((sp_effort)i)) == 0) {
            *out = (sp_effort)i;
            return SP_OK;
        }
    return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found effort '%s', expected quick, normal or exhaustive", text);
}

/* The format the weights were published in, if the chip multiplies it; else BF16. */
static sp_format default_precision(const sp_machine *machine, const sp_model *model)
{
    sp_format format;
    if (!model->weight_format || sp_format_parse(model->weight_format, &format, NULL) != SP_OK || !sp_chip_has_format(machine->chip, format, &format))
        return SP_FMT_BF16;
    return sp_format_bytes(format) == 1 ? format : SP_FMT_BF16;   /* training recipes below 8 bits are asked for by name */
}

sp_problem sp_problem_default(const sp_machine *machine, const sp_model *model)
{
    sp_problem problem = {.machine = machine, .model = model, .effort = SP_EFFORT_NORMAL, .top = 5, .threads = 1, .free_recompute = true,
                          .free_schedule = true, .free_zero = true, .free_placement = true, .free_stages = true, .free_overlap = true,
                          .free_sequence_parallel = true, .free_cp_way = true, .free_overlap_dp = true, .free_zero_group = true,
                          .free_offload = true, .free_gather = true};
    problem.seq = model->default_seq ? model->default_seq : 4096;
    /* guess: about 64 Mi tokens a step at full size, as large pre-training runs use, unless the model states its own */
    problem.gbs = model->default_gbs ? model->default_gbs : (1ull << 26) / problem.seq;
    problem.fixed = (sp_plan){.precision = default_precision(machine, model), .zero = 1, .sequence_parallel = true, .overlap_dp = true,
                              .order = {SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_DP, SP_AXIS_PP}};
    return problem;
}

static sp_status check_counts(const sp_problem *problem, sp_error *err)
{
    if (problem->top == 0 || problem->top > 100)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found top %u, expected 1 to 100", problem->top);
    if (problem->gbs == 0 || problem->seq == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found gbs %llu and seq %llu, expected at least 1", (unsigned long long)problem->gbs,
                            (unsigned long long)problem->seq);
    if (problem->gbs > 1ull << 30 || problem->seq > 1ull << 30)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "found seq %llu and gbs %llu, expected at most 2^30 each",
                            (unsigned long long)problem->seq, (unsigned long long)problem->gbs);
    if (problem->threads > SP_THREADS_MAX)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found %u threads, expected at most %u", problem->threads, SP_THREADS_MAX);
    if (problem->fixed.mbs > 255 || problem->fixed.vpp > 255)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found %s %u, expected at most 255", problem->fixed.mbs > 255 ? "mbs" : "vpp",
                            problem->fixed.mbs > 255 ? problem->fixed.mbs : problem->fixed.vpp);
    return SP_OK;
}

sp_status sp_problem_check(const sp_problem *problem, sp_error *err)
{
    sp_status status = check_counts(problem, err);
    if (status != SP_OK)
        return status;
    if (problem->model->n_layers == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found model %s without transformer layers; expected a language model", problem->model->name);
    if (problem->chips > problem->machine->chips)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found %u chips, but %s has %u", problem->chips, problem->machine->name, problem->machine->chips);
    if (!(problem->step_time_s_max >= 0))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found a longest step of %g s, expected a positive time", problem->step_time_s_max);
    if (problem->objective == SP_OBJECTIVE_CHIPS && problem->step_time_s_max == 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "found objective chips without a deadline; say by when: the fewest chips are 1 otherwise");
    return SP_OK;
}
