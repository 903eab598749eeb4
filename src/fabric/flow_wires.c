/* What sharing of the wires alone makes of a program: no steps at endpoints, no posts, no paths. The software's own part is that of
 * the analytic lines, which are fitted on measurements; contention is not a matter of software, and is run. */
#include "flow_copies.h"
#include "flow_stage.h"
#include "load.h"

#include <stdlib.h>
#include <string.h>

#define TRANSFERS_MAX (1u << 20)   /* of rings in rotations, which are run one by one: a second or so */

typedef struct copies { sp_flow_job *job; sp_placement *place; struct sp_place_exception *at; uint32_t n; } copies;

static void close_copies(copies *c)
{
    free(c->job);
    free(c->place);
    free(c->at);
}

static bool open_copies(copies *c, uint32_t n, size_t n_exceptions)
{
    *c = (copies){.n = n, .job = calloc(n, sizeof *c->job), .place = calloc(n, sizeof *c->place), .at = calloc(n_exceptions + 1, sizeof *c->at)};
    return c->job && c->place && c->at;
}

static uint32_t domain_chips(const sp_machine *machine)
{
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers; t++)
        if (plane->tiers[t].nic)
            return plane->tiers[t].stride;
    return machine->chips;
}

/* Ranks of a scale-up domain that stand together in a ring over several domains: 0, if it is no such ring. */
static uint32_t rotations(const sp_program *program, const sp_machine *machine, const sp_placement *placement, const sp_stack *stack)
{
    uint32_t domain = domain_chips(machine), inner = 0, n = program->n_ranks;
    bool ring = stack->rails && !placement->n_exceptions;
    for (uint32_t k = 0; k < program->n_classes && ring; k++) {
        const sp_task_class *task = &program->classes[k];
        if (task->kind == SP_TASK_TRANSFER)
            ring = task->peer.op == SP_MAP_SHIFT && task->n_chunk == 1 && task->peer.c_step == 0 && !task->domain.size && task->peer.digit.stride == 1 &&
                   task->peer.digit.size == n && (task->peer.c0 == 1 || task->peer.c0 == -1);
    }
    while (ring && inner < n && sp_placement_chip(placement, inner) / domain == sp_placement_chip(placement, 0) / domain)
        inner++;
    return ring && inner > 1 && inner < n && n % inner == 0 ? inner : 0;
}

/* The ring once for each rank of a domain to leave by, each with its part of the data. */
static bool rotate(const sp_program *program, const sp_placement *placement, double unit_bytes, uint32_t inner, copies *out)
{
    uint32_t n = program->n_ranks;
    if (!open_copies(out, inner, (size_t)inner * n))
        return false;
    for (uint32_t j = 0; j < inner; j++) {
        struct sp_place_exception *at = out->at + (size_t)j * n;
        for (uint32_t r = 0; r < n; r++)
            at[r] = (struct sp_place_exception){r, sp_placement_chip(placement, r - r % inner + (r + j) % inner)};
        out->place[j] = *placement;
        out->place[j].exceptions = at;
        out->place[j].n_exceptions = n;
        out->job[j] = (sp_flow_job){program, &out->place[j], unit_bytes / inner};
    }
    return true;
}

/* The group and all its translates, which together are the whole machine. */
static bool replicate(const sp_program *program, const sp_machine *machine, const sp_placement *placement, double unit_bytes, bool all, copies *out)
{
    uint32_t n = all ? machine->chips / program->n_ranks : 1, made = 0;
    uint8_t *taken = calloc(machine->chips, 1);
    bool ok = open_copies(out, n ? n : 1, 0) && taken;
    for (uint32_t base = all ? 0 : placement->base; base < machine->chips && made < n && ok; base++) {
        if (taken[base])
            continue;
        sp_placement *place = &out->place[made];
        *place = *placement;
        place->base = base;
        ok = sp_placement_check(place, machine->chips, NULL) == SP_OK;
        for (uint32_t r = 0; r < program->n_ranks && ok; r++)
            taken[sp_placement_chip(place, r)] = 1;
        out->job[made++] = (sp_flow_job){program, place, unit_bytes};
    }
    if (ok)
        out->n = made;
    free(taken);
    return ok && made == n;
}

/* The stack without what endpoints take, in one protocol. */
static bool wires_only(const sp_stack *stack, const char *protocol, sp_stack *out)
{
    const sp_protocol *found = sp_stack_protocol(stack, protocol);
    if (!found)
        return false;
    *out = *stack;
    out->launch_s = out->message_s = (sp_value){0};
    out->n_protocols = 1;
    out->protocol[0] = *found;
    out->protocol[0].step_s = out->protocol[0].nic_step_s = out->protocol[0].nic_trips = (sp_value){0};
    return true;
}

/* With everything at once nothing waits for anything. */
static bool let_go(const sp_program *program, sp_program *out, sp_task_class **classes)
{
    *out = *program;
    *classes = malloc(program->n_classes * sizeof **classes);
    for (uint32_t k = 0; k < program->n_classes && *classes; k++) {
        (*classes)[k] = program->classes[k];
        (*classes)[k].n_deps = 0;
    }
    out->classes = *classes;
    return *classes != NULL;
}

/* The machine without the length of its paths: everything then begins at once, and what is left is bytes. */
static void no_paths(const sp_machine *machine, sp_machine *out)
{
    *out = *machine;
    for (uint32_t t = 0; t < out->planes[0].n_tiers; t++)
        out->planes[0].tiers[t].latency_s = (sp_value){0};
}

static sp_status run(const copies *c, const sp_machine *machine, const sp_stack *stack, double *time_s, sp_error *err)
{
    sp_flow_options options = {.in_switch = stack->protocol[0].in_switch};
    sp_i_flow_copies merged;
    sp_flow_time time;
    bool one = c->n > 1 && sp_i_flow_merge(c->job, c->n, machine->chips, &merged);
    sp_status status = sp_i_flow_evaluate(one ? &merged.job : c->job, one ? 1 : c->n, NULL, machine, stack, &stack->protocol[0], &options, NULL, NULL,
                                          &time, err);
    if (one)
        sp_i_flow_copies_close(&merged);
    if (status == SP_OK)
        *time_s = time.time_s;
    return status;
}

sp_status sp_fabric_flow_wires(const sp_program *program, const sp_machine *machine, const sp_placement *placement, const sp_stack *stack,
                               const char *protocol, bool together, bool replicated, double unit_bytes, double *wire_s, sp_error *err)
{
    sp_stack bare;
    sp_program loose;
    sp_task_class *classes = NULL;
    copies c = {0};
    uint32_t inner = rotations(program, machine, placement, stack);
    sp_machine near;
    if (!wires_only(stack, protocol, &bare))
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "stack %s has no protocol '%s'", stack->name, protocol);
    if (inner && sp_program_instances(program) * inner > TRANSFERS_MAX)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "%u rings of %u ranks are too many transfers to be run one by one", inner, program->n_ranks);
    no_paths(machine, &near);
    bool ok = !together || let_go(program, &loose, &classes);
    program = together ? &loose : program;
    ok = ok && (inner ? rotate(program, placement, unit_bytes, inner, &c) : replicate(program, machine, placement, unit_bytes, replicated, &c));
    sp_status status = ok ? run(&c, &near, &bare, wire_s, err) : sp_i_flow_no_memory(err);
    close_copies(&c);
    free(classes);
    return status;
}
