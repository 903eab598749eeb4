/* Communication libraries: which one a machine uses, what it runs, what its values are called. */
#include "topo_i.h"

#include <stdio.h>
#include <string.h>

#define NOTHING {0, 0, 0, SP_GRADE_DERIVED, "no software"}
#define WHOLE {1, 1, 1, SP_GRADE_DERIVED, "no software"}

/* No software at all: a machine's own times. */
static const sp_stack ideal = {
    .name = SP_I_STACK_IDEAL, .about = "no software: the machine's own times", .launch_s = NOTHING, .message_s = NOTHING,
    .reduce_bw_fraction = WHOLE, .up.fraction = WHOLE, .nic.fraction = WHOLE,
    .n_protocols = 1, .protocol = {{.name = "wire", .step_s = NOTHING, .nic_step_s = NOTHING, .fraction = WHOLE, .nic_fraction = WHOLE}}};

static bool is_default(const sp_stack *stack, const sp_chip *chip)
{
    return stack->default_for && chip && chip->vendor && !strcmp(stack->default_for, chip->vendor);
}

static bool of_family(const sp_stack *stack, const sp_chip *chip)
{
    return stack->family && chip && chip->family && !strcmp(stack->family, chip->family);
}

const sp_stack *sp_machine_stack(const sp_machine *machine, const char *name)
{
    const sp_stack *found = NULL;
    for (uint32_t i = 0; i < machine->n_stacks; i++) {
        const sp_stack *one = machine->stacks[i];
        if (!(name ? !strcmp(one->name, name) : is_default(one, machine->chip)))
            continue;
        if (of_family(one, machine->chip))
            return one;
        if (!one->family)
            found = one;
    }
    return found ? found : !name || !strcmp(name, ideal.name) ? &ideal : NULL;
}

sp_status sp_machine_stack_need(const sp_machine *machine, const char *name, const sp_stack **out, sp_error *err)
{
    const sp_stack *stack = sp_machine_stack(machine, name);
    const char *names[66] = {ideal.name};
    char list[512];
    size_t n = 1;
    if (stack) {
        *out = stack;
        return SP_OK;
    }
    snprintf(list, sizeof list, "%s", ideal.name);
    for (uint32_t i = 0; i < machine->n_stacks && n < 65; i++)
        if (!machine->stacks[i]->family) {
            names[n++] = machine->stacks[i]->name;
            snprintf(list + strlen(list), sizeof list - strlen(list), ", %s", names[n - 1]);
        }
    const char *near = sp_text_nearest(name, names);
    return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "found stack '%.60s', expected one of %s%s%s%s", name, list,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool sp_stack_runs(const sp_stack *stack, const char *op, const char *algo, bool in_switch, double inner_ranks)
{
    bool any = stack->n_runs == 0 && !in_switch;
    for (uint32_t i = 0; i < stack->n_runs; i++)
        any |= stack->run[i].in_switch == in_switch && !(stack->run[i].between && inner_ranks > 1) && !strcmp(stack->run[i].op, op) && !strcmp(stack->run[i].algo, algo);
    return any;
}

const sp_protocol *sp_stack_protocol(const sp_stack *stack, const char *name)
{
    for (uint32_t i = 0; name && i < stack->n_protocols; i++)
        if (strcmp(stack->protocol[i].name, name) == 0)
            return &stack->protocol[i];
    return NULL;
}

sp_stack sp_stack_cut(const sp_stack *stack, double message_bytes)
{
    sp_stack cut = *stack;
    cut.message_bytes = message_bytes;
    return cut;
}

static void visit_one(sp_stack_visit visit, void *context, const char *prefix, const char *what, const sp_value *value, sp_unit unit)
{
    char path[96];
    snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] ? " " : "", what);
    if (value->grade != SP_GRADE_NONE)
        visit(context, path, value, unit);
}

static void visit_medium(sp_stack_visit visit, void *context, const char *name, const sp_medium *medium)
{
    visit_one(visit, context, name, "fraction", &medium->fraction, SP_UNIT_NONE);
    visit_one(visit, context, name, "copy", &medium->copy_s, SP_UNIT_SECONDS);
    visit_one(visit, context, name, "window", &medium->window, SP_UNIT_NONE);
}

void sp_stack_each_value(const sp_stack *stack, sp_stack_visit visit, void *context)
{
    visit_one(visit, context, "", "launch", &stack->launch_s, SP_UNIT_SECONDS);
    visit_one(visit, context, "", "message", &stack->message_s, SP_UNIT_SECONDS);
    visit_one(visit, context, "", "reduce", &stack->reduce_bw_fraction, SP_UNIT_NONE);
    visit_one(visit, context, "", "chunk", &stack->chunk_bytes, SP_UNIT_BYTES);
    visit_one(visit, context, "", "cores", &stack->cores, SP_UNIT_NONE);
    visit_medium(visit, context, "scaleup", &stack->up);
    visit_medium(visit, context, "nic", &stack->nic);
    for (uint32_t i = 0; i < stack->n_protocols; i++) {
        const sp_protocol *p = &stack->protocol[i];
        visit_one(visit, context, p->name, "step", &p->step_s, SP_UNIT_SECONDS);
        visit_one(visit, context, p->name, "nic step", &p->nic_step_s, SP_UNIT_SECONDS);
        visit_one(visit, context, p->name, "fraction", &p->fraction, SP_UNIT_NONE);
        visit_one(visit, context, p->name, "nic fraction", &p->nic_fraction, SP_UNIT_NONE);
        visit_one(visit, context, p->name, "nic trips", &p->nic_trips, SP_UNIT_NONE);
        visit_one(visit, context, p->name, "rate", &p->rate_bytes_per_s, SP_UNIT_BYTES_PER_S);
        visit_one(visit, context, p->name, "nic rate", &p->nic_rate_bytes_per_s, SP_UNIT_BYTES_PER_S);
    }
}
