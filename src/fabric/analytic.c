/* What a stack makes of a measure: straight lines of size, two a protocol. Phases one after the other, or together on pieces
 * of the data: then the busiest wire over all phases decides, after the pipeline has filled. */
#include "load.h"

#include <math.h>
#include <string.h>

#define REDUCE_PASSES 3.0   /* a reduction reads two operands and writes one */

/* Payload rate of all of a chip's ports into a tier. */
static double tier_rate(const sp_machine *machine, uint32_t t)
{
    const sp_tier *tier = &machine->planes[0].tiers[t];
    double links = sp_tier_is_switched(tier->kind) ? 1 : 0;
    for (uint32_t d = 0; d < tier->n_dims && !sp_tier_is_switched(tier->kind); d++)
        links += tier->kind == SP_TIER_MESH ? tier->dims[d] - 1 : tier->dims[d] > 2 ? 2 : tier->dims[d] - 1;
    return links * tier->bw_bytes_per_s.nominal * sp_tier_payload(machine, tier);
}

double sp_i_stack_stretch(const sp_machine *machine, const sp_stack *stack, const sp_protocol *p, uint32_t t)
{
    bool nic = machine->planes[0].tiers[t].nic;
    double wire = 1 / (nic ? stack->nic.fraction.nominal * p->nic_fraction.nominal : stack->up.fraction.nominal * p->fraction.nominal);
    double rate = (nic ? &p->nic_rate_bytes_per_s : &p->rate_bytes_per_s)->nominal;
    return rate > 0 ? wire + tier_rate(machine, t) / rate : wire;
}

/* Seconds that endpoints need for messages of a fixed size, per byte of a unit. */
static double messages_s(const sp_stack *stack, const sp_comm_part *part, bool nic)
{
    const sp_medium *medium = nic ? &stack->nic : &stack->up;
    double each = part->sent[nic] * medium->copy_s.nominal;
    if (medium->window.nominal > 0)
        each += 2 * part->sent_path_s[nic] / medium->window.nominal;
    return stack->message_bytes > 0 ? each / stack->message_bytes : 0;
}

static double medium_s(const sp_comm_measure *m, const sp_stack *stack, const sp_protocol *p, const sp_comm_part *part, bool nic)
{
    double wire = part->wire_s[nic] * sp_i_stack_stretch(m->machine, stack, p, part->tier[nic]), messages = messages_s(stack, part, nic);
    return stack->overlap ? fmax(wire, messages) : wire + messages;
}

static double reduce_s(const sp_comm_measure *m, const sp_stack *stack, double bytes)
{
    double rate = m->machine->chip->mem_bw_bytes_per_s.nominal * stack->reduce_bw_fraction.nominal;
    return rate > 0 ? REDUCE_PASSES * bytes / rate : 0;
}

/* Phase after phase, step after step. */
static sp_comm_line in_turn(const sp_comm_measure *m, const sp_stack *stack, const sp_protocol *p)
{
    sp_comm_line line = {.protocol = p->name, .fixed_s = stack->launch_s.nominal};
    double busy[SP_TIERS_MAX] = {0};
    for (uint32_t i = 0; i < m->n_parts; i++) {
        const sp_comm_part *part = &m->part[i];
        double up = medium_s(m, stack, p, part, false), nic = medium_s(m, stack, p, part, true);
        double step = (part->nic ? &p->nic_step_s : &p->step_s)->nominal + (part->messages - 1) * stack->message_s.nominal;
        double wire = fmax(up, nic), seconds = fmax(wire, reduce_s(m, stack, part->reduced));
        double trips = part->nic && p->nic_trips.nominal > 1 ? p->nic_trips.nominal : 1;
        line.fixed_s += part->steps * (trips * part->path_s + step);
        line.per_byte_s += part->steps * seconds;
        busy[part->tier[nic > up]] += part->steps * wire;
    }
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        if (busy[t] > line.busy_s) {
            line.busy_s = busy[t];
            line.tier = t;
        }
    return line;
}

/* Phases together on pieces of chunk bytes a rank of the scale-up domain: one piece goes through all phases alone, the rest
 * of the data passes at the rate of the busiest wire. */
static sp_comm_line together(const sp_comm_measure *m, const sp_stack *stack, const sp_protocol *p, const sp_comm_line *turn)
{
    sp_comm_line line = {.protocol = p->name, .together = true};
    for (uint32_t w = 0; w < SP_COMM_WIRES; w++) {
        double busy = m->wire_s[w] * sp_i_stack_stretch(m->machine, stack, p, m->wire_tier[w]);
        if (busy > line.busy_s) {
            line.busy_s = busy;
            line.tier = m->wire_tier[w];
        }
    }
    line.per_byte_s = fmax(line.busy_s, reduce_s(m, stack, m->reduced));
    double piece = stack->chunk_bytes.nominal * m->inner_ranks / m->n_units;
    line.fixed_s = turn->fixed_s + piece * (turn->per_byte_s - line.per_byte_s);
    return line;
}

uint32_t sp_fabric_lines(const sp_comm_measure *m, const sp_stack *stack, sp_comm_line out[SP_COMM_LINES_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < stack->n_protocols; i++) {
        const sp_protocol *p = &stack->protocol[i];
        if (p->in_switch != m->in_switch)
            continue;
        sp_comm_line turn = in_turn(m, stack, p), same = together(m, stack, p, &turn);
        out[n++] = turn;
        if (stack->chunk_bytes.nominal > 0 && same.per_byte_s < turn.per_byte_s * (1 - 1e-12))
            out[n++] = same;
    }
    return n;
}

sp_comm_time sp_fabric_line_time(const sp_comm_measure *m, const sp_comm_line *line, double unit_bytes)
{
    sp_comm_time out = {.time_s = line->fixed_s + line->per_byte_s * unit_bytes, .latency_s = line->fixed_s,
                        .bottleneck_tier = line->tier, .protocol = line->protocol, .together = line->together};
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++) {
        out.tier_bytes[t] = m->tier_bytes[t] * unit_bytes;
        out.bytes_per_rank += out.tier_bytes[t];
    }
    if (out.time_s > 0)
        out.bottleneck_fraction = line->busy_s * unit_bytes / out.time_s;
    return out;
}

const sp_protocol *sp_i_stack_protocol(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                                       const sp_stack *stack, double unit_bytes)
{
    const sp_protocol *best = NULL;
    sp_comm_measure measure;
    double least = INFINITY;
    sp_arena *arena = sp_arena_create();
    bool measured = arena && sp_fabric_measure(program, machine, placement, (sp_comm_how){0}, arena, &measure, NULL) == SP_OK;
    for (uint32_t i = 0; i < stack->n_protocols; i++) {
        const sp_protocol *p = &stack->protocol[i];
        if (p->in_switch)
            continue;
        sp_comm_line line = measured ? in_turn(&measure, stack, p) : (sp_comm_line){.per_byte_s = -(double)i};
        if (!best || line.fixed_s + line.per_byte_s * unit_bytes < least) {
            least = line.fixed_s + line.per_byte_s * unit_bytes;
            best = p;
        }
    }
    sp_arena_destroy(arena);
    return best;
}

sp_status sp_fabric_analytic(const sp_program *program, const sp_machine *machine, const sp_placement *placement,
                             const sp_stack *stack, double unit_bytes, bool replicated, sp_comm_time *out, sp_error *err)
{
    sp_comm_measure measure;
    sp_comm_line line[SP_COMM_LINES_MAX];
    sp_arena *arena = sp_arena_create();
    sp_status status = arena ? sp_fabric_measure(program, machine, placement, (sp_comm_how){.replicated = replicated, .rails = stack->rails}, arena,
                                                 &measure, err)
                             : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %s", program->name);
    uint32_t n = status == SP_OK ? sp_fabric_lines(&measure, stack, line) : 0;
    for (uint32_t i = 0; i < n; i++) {
        sp_comm_time time = sp_fabric_line_time(&measure, &line[i], unit_bytes);
        if (i == 0 || time.time_s < out->time_s)
            *out = time;
    }
    sp_arena_destroy(arena);
    return status;
}
