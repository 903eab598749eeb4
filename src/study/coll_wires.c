/* Time of one collective of a row: what its library adds is that of the stack, at the algorithm that the stack's lines choose; the wires
 * are run by the flow evaluator. */
#include "run_i.h"

static sp_status build(const sp_study_leg *leg, const sp_machine *machine, const sp_coll_algo *algo, sp_arena *arena, const sp_program **out, sp_error *err)
{
    sp_group group;
    sp_status status = sp_coll_group(machine, &leg->placement, &group, err);
    return status == SP_OK ? algo->build(leg->op, &group, arena, out, err) : status;
}

/* Seconds that the lines give to the wires. With `cut` messages endpoints take part of what grows with size, too: kernels of tokens have one
 * algorithm in one protocol, and its lines without messages are asked. */
static sp_status line_wires(const sp_study_leg *leg, const sp_machine *machine, const sp_stack *stack, const sp_coll_time *time, double *wire_s, sp_error *err)
{
    sp_stack whole = sp_stack_cut(stack, 0);
    sp_coll_time without = *time;
    if (leg->message_bytes > 0) {
        sp_status status = sp_coll_best(leg->op, machine, &leg->placement, &whole, leg->size_bytes, leg->replicated, time->algo->name, &without, err);
        if (status != SP_OK)
            return status;
    }
    *wire_s = without.comm.time_s - without.comm.latency_s;
    return SP_OK;
}

sp_status sp_i_coll_flow(const sp_study_leg *leg, const sp_machine *machine, const sp_stack *stack, const sp_coll_algo *algo, const sp_comm_time *line,
                         double *wire_s, sp_error *err)
{
    sp_stack cut = sp_stack_cut(stack, leg->message_bytes);
    const sp_program *program = NULL;
    sp_arena *arena = sp_arena_create();
    sp_status status = arena ? build(leg, machine, algo, arena, &program, err) : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a row");
    if (status == SP_OK)
        status = sp_fabric_flow_wires(program, machine, &leg->placement, &cut, line->protocol, line->together, leg->replicated,
                                      sp_coll_unit_bytes(program, leg->size_bytes), wire_s, err);
    sp_arena_destroy(arena);
    return status;
}

sp_status sp_i_coll_leg(const sp_study_leg *leg, const sp_machine *machine, const sp_stack *stack, sp_study_leg_time *out, sp_error *err)
{
    sp_stack cut = sp_stack_cut(stack, leg->message_bytes);
    sp_study_leg_time time = {0};
    sp_status status = sp_coll_best(leg->op, machine, &leg->placement, &cut, leg->size_bytes, leg->replicated, NULL, &time.lines, err);
    if (status == SP_OK)
        status = line_wires(leg, machine, stack, &time.lines, &time.line_wire_s, err);
    if (status != SP_OK)
        return status;
    status = sp_i_coll_flow(leg, machine, stack, time.lines.algo, &time.lines.comm, &time.flow_wire_s, err);
    time.flows = status == SP_OK;
    if (status == SP_E_RANGE) {   /* too many to be run one by one: the lines then stand for all */
        time.flow_wire_s = time.line_wire_s;
        status = SP_OK;
    }
    time.time_s = time.lines.comm.time_s + time.flow_wire_s - time.line_wire_s;
    if (status == SP_OK)
        *out = time;
    return status;
}
