/* Bytes and endpoint overhead of the tasks of a program. */
#include "flow_program.h"

#include "superpod/engine.h"

/* Messages a rank posts at one step of a phase: of classes of all ranks together, of others the most of one (analytic.c). */
static double messages_of(const sp_program *program, uint32_t phase, uint32_t step)
{
    double all = 0, apart = 0;
    for (uint32_t k = 0; k < program->n_classes; k++) {
        const sp_task_class *task = &program->classes[k];
        if (task->kind != SP_TASK_TRANSFER || program->phase[k] != phase || task->n_step <= step)
            continue;
        if (!task->domain.size)
            all += task->n_chunk;
        else
            apart = task->n_chunk > apart ? task->n_chunk : apart;
    }
    return all + apart;
}

static bool steps_differ(const sp_program *program, uint32_t c)
{
    for (uint32_t k = 0; k < program->n_classes; k++)
        if (program->phase[k] == program->phase[c] && program->classes[k].kind == SP_TASK_TRANSFER &&
            program->classes[k].n_step != program->classes[c].n_step)
            return true;
    return false;
}

bool sp_i_flow_has_work(const sp_program *program)
{
    bool any = false;
    for (uint32_t k = 0; k < program->n_classes; k++)
        any = any || sp_i_flow_holds(&program->classes[k]) || sp_i_flow_reduces(&program->classes[k]);
    return any;
}

uint32_t sp_i_flow_sizes_plan(sp_i_flow_case *c, uint32_t first)
{
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        c->size_of[k] = first;
        c->size_by_step[k] = c->program->classes[k].kind == SP_TASK_TRANSFER && steps_differ(c->program, k);
        first += c->size_by_step[k] ? c->program->classes[k].n_step : 1;
    }
    return first;
}

/* Do flows of the class leave a scale-up domain? The digit that they move along is told by its ends. */
static bool through_nic(const sp_i_flow_case *c, const sp_task_class *task)
{
    const sp_plane *plane = &c->machine->planes[0];
    uint64_t domain = 0;
    for (uint32_t t = plane->n_tiers; t-- > 0;)
        domain = plane->tiers[t].nic ? plane->tiers[t].stride : domain;
    uint32_t last = (task->peer.digit.size - 1) * task->peer.digit.stride;
    return domain && task->peer.digit.size && sp_placement_chip(c->placement, 0) / domain != sp_placement_chip(c->placement, last) / domain;
}

static bool step_through_nic(const sp_i_flow_case *c, uint32_t phase, uint32_t step)
{
    bool any = false;
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        const sp_task_class *task = &c->program->classes[k];
        any |= task->kind == SP_TASK_TRANSFER && c->program->phase[k] == phase && task->n_step > step && through_nic(c, task);
    }
    return any;
}

void sp_i_flow_sizes(sp_i_flow_case *c)
{
    for (uint32_t k = 0; k < c->program->n_classes; k++) {
        const sp_task_class *task = &c->program->classes[k];
        for (uint32_t s = 0; s < (c->size_by_step[k] ? task->n_step : 1); s++) {
            sp_i_flow_size *size = &c->p->size[c->size_of[k] + s];
            size->bytes = sp_i_flow_holds(task) ? 0 : task->units * c->unit_bytes;
            if (task->kind == SP_TASK_TRANSFER)
                size->delay_ps = sp_ticks_ps((step_through_nic(c, c->program->phase[k], s) ? c->nic_delay_s : c->protocol->step_s.nominal) +
                                             (messages_of(c->program, c->program->phase[k], s) - 1) * c->stack->message_s.nominal);
        }
    }
}

uint32_t sp_i_flow_size_of(const sp_i_flow_case *c, uint32_t k, uint32_t step)
{
    return c->size_of[k] + (c->size_by_step[k] ? step : 0);
}

uint32_t sp_i_flow_memory_link(sp_i_flow_case *c, uint32_t chip)
{
    return sp_i_problem_link(c->p, (uint64_t)sp_router_links(c->router) + chip, c->reduce_bytes_per_s);
}
