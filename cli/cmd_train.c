/* superpod train MACHINE MODEL --gbs --seq --tp … | --plan FILE */
#include "output.h"

#include <string.h>

/* By the option, among the words of --set, or by a whole plan. */
static bool told(const cli_run *cli, cli_option_id option)
{
    return cli_given(cli, option) || cli_given(cli, CLI_O_PLAN) || cli_set_word(cli, cli_options[option].name) != NULL;
}

/* The most replicas that the chips hold, that share the batch out evenly, that experts divide among and that fit on the tiers: chips
 * left over stay idle. */
static sp_status fill_dp(const cli_run *cli, const sp_machine *machine, sp_plan *plan, sp_error *err)
{
    uint64_t rest = (uint64_t)plan->tp * plan->cp, experts = (uint64_t)plan->ep * plan->etp;
    if (told(cli, CLI_O_DP)) return SP_OK;
    if (!sp_mul_u64(rest, plan->pp, &rest) || rest > machine->chips)
        return sp_error_set(err, SP_E_INVAL, "--tp", 0, 0, "tp x cp x pp = %u x %u x %u is more than the %u chips of %s; lower one of them", plan->tp,
                            plan->cp, plan->pp, machine->chips, machine->name);
    for (uint64_t dp = machine->chips / rest; dp > 0; dp--)
        if (plan->gbs % (dp * plan->mbs) == 0 && (uint64_t)plan->tp * plan->cp * dp % experts == 0) {
            sp_layout layout;
            plan->dp = (uint32_t)dp;
            if (sp_plan_layout(plan, machine, &layout, NULL) == SP_OK) return SP_OK;
        }
    return sp_error_set(err, SP_E_INVAL, "--dp", 0, 0,
                        "no data parallel size shares gbs %llu out in micro-batches of %u on the %u chips of %s with ep %u x etp %u dividing tp x cp x dp, and "
                        "fits on its tiers; give --gbs a multiple of mbs x ep, or lower --ep", (unsigned long long)plan->gbs, plan->mbs, machine->chips, machine->name, plan->ep,
                        plan->etp);
}

/* Without --precision train and plan take the same: the format that the weights were published in, if it has 8 bits and the chip
 * multiplies it, else BF16. */
static void fill_precision(const cli_run *cli, const sp_machine *machine, const sp_model *model, sp_plan *plan)
{
    if (told(cli, CLI_O_PRECISION)) return;
    plan->precision = sp_problem_default(machine, model).fixed.precision;
}

static sp_status train_plan(cli_run *cli, const sp_machine *machine, const sp_model *model, sp_plan *plan, sp_error *err)
{
    *plan = sp_plan_default();
    plan->gbs = plan->seq = 0;
    sp_status status = cli_plan_read(cli, machine, model, plan, err);
    if (status == SP_OK) status = fill_dp(cli, machine, plan, err);
    if (status == SP_OK) fill_precision(cli, machine, model, plan);
    if (status == SP_OK && plan->vpp > 1 && !told(cli, CLI_O_SCHEDULE))
        plan->schedule = SP_SCHEDULE_INTERLEAVED;
    if (status == SP_OK && sp_schedule_is_vee(plan->schedule) && plan->vpp == 1 && !told(cli, CLI_O_VPP))
        plan->vpp = 2;
    if (status == SP_OK && sp_plan_check(plan, model, machine, err) != SP_OK) status = cli_blame_plan(err);
    return status;
}

static sp_status predict(cli_run *cli, const sp_machine *machine, const sp_model *model, const sp_plan *plan,
                         sp_train_report *report, sp_error *err)
{
    sp_flow_options faults = {0};
    sp_pricer *pricer = NULL;
    bool broken = cli_given(cli, CLI_O_FAIL) || cli_given(cli, CLI_O_SLOW);   /* only then need routes be known */
    sp_status status = broken ? cli_flow_options(cli, machine, &faults, err) : SP_OK;
    if (status != SP_OK) return status;
    status = sp_pricer_create(machine, model, &pricer, err);
    if (status == SP_OK) {
        sp_pricer_strike(pricer, faults.faults, faults.n_faults);
        status = sp_pricer_train(pricer, plan, false, cli->arena, report, cli->explain, err);
    }
    sp_pricer_destroy(pricer);
    return status == SP_OK ? SP_OK : cli_blame_plan(err);
}

int cli_cmd_train(cli_run *cli)
{
    sp_error err = {0};
    const sp_machine *machine;
    const sp_model *model;
    sp_plan plan;
    sp_train_report report;
    cli_sources sources = {0};
    if (cli_machine(cli, cli->operand[0], &machine, &err) != SP_OK
        || cli_model(cli, cli->operand[1], &model, &err) != SP_OK || train_plan(cli, machine, model, &plan, &err) != SP_OK
        || predict(cli, machine, model, &plan, &report, &err) != SP_OK)
        return cli_fail(cli, &err);
    if (cli_interrupted()) return CLI_EXIT_INTERRUPTED;
    if (cli_step_files(cli, machine, model, &plan, &report, NULL, &err) != SP_OK) return cli_fail(cli, &err);
    bool fits = report.mem_bytes_max <= report.mem_capacity_bytes;
    if (cli_sources_of_step(cli, machine, plan.stack, plan.software, &sources, &err) != SP_OK) return cli_fail(cli, &err);
    cli->guesses = cli_sources_guesses(&sources);
    if (cli_given(cli, CLI_O_JSON)) {
        json_t *result = cli_json_step(cli, machine, model, &plan, &report);
        if (cli_given(cli, CLI_O_SOURCES)) json_object_set_new(result, "sources", cli_json_sources(&sources));
        if (cli_json_emit(cli, result, &err) != SP_OK) return cli_fail(cli, &err);
    } else {
        cli_step_print(cli, machine, model, &plan, &report);
        cli_explain_print(cli);
        if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    }
    if (fits) return CLI_EXIT_OK;
    sp_error_set(
        &err, SP_E_UNFIT, NULL, 0, 0,
        "the plan needs %s on the fullest chip, and %s has %s; use more stages (--pp), --zero, --recompute or a smaller --mbs",
        cli_quantity(cli, report.mem_bytes_max, SP_UNIT_BYTES), machine->chip->name,
        cli_quantity(cli, report.mem_capacity_bytes, SP_UNIT_BYTES));
    return cli_fail(cli, &err);
}
