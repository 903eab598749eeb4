/* The uncertain values of a machine as knobs: where each lies in a copy of the machine, and what moves together. */
#include "compare_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void scale(sp_value *value, double by)
{
    value->low *= by;
    value->nominal *= by;
    value->high *= by;
}

void sp_i_variant_make(const sp_machine *machine, sp_i_variant *out)
{
    out->machine = *machine;
    out->chip = *machine->chip;
    out->machine.chip = &out->chip;
    out->prices = *machine->prices;
    out->machine.prices = &out->prices;
    uint32_t n = machine->n_software < SP_I_LINES ? machine->n_software : SP_I_LINES;
    for (uint32_t i = 0; i < n; i++) {
        out->software[i] = *machine->software[i];
        out->list[i] = &out->software[i];
    }
    out->machine.n_software = n;
    out->machine.software = out->list;
    for (uint32_t i = 0; i < out->prices.n_systems; i++)   /* the table's row becomes the machine's price, so that it lies in the copy */
        if (strcmp(out->prices.system[i].machine, machine->name) == 0) {
            out->machine.price_usd = out->prices.system[i].usd_per_chip;
            scale(&out->machine.price_usd, machine->chips);
        }
    out->prices.n_systems = 0;
    out->stack = *sp_machine_stack(machine, NULL);
    out->stack.family = NULL;
    out->stack.default_for = machine->chip->vendor;
    out->stacks[0] = &out->stack;
    out->machine.n_stacks = 1;
    out->machine.stacks = out->stacks;
}

void sp_i_variant_scale_bw(sp_i_variant *v, double by)
{
    for (uint32_t p = 0; p < v->machine.n_planes; p++)
        for (uint32_t t = 0; t < v->machine.planes[p].n_tiers; t++)
            scale(&v->machine.planes[p].tiers[t].bw_bytes_per_s, by);
    scale(&v->chip.port_bw_bytes_per_s, by);
    scale(&v->chip.scaleup_bw_bytes_per_s, by);
    scale(&v->chip.scaleout_bw_bytes_per_s, by);
}

void sp_i_variant_scale_flop(sp_i_variant *v, double by)
{
    for (int f = 0; f < SP_FMT_N; f++) {
        scale(&v->chip.matrix_flop_per_s[f], by);
        scale(&v->chip.advertised_flop_per_s[f], by);
    }
    scale(&v->chip.vector_flop_per_s, by);
    scale(&v->chip.exp_per_s, by);
}

/* ---- listing ------------------------------------------------------------------------------------------------------ */

typedef struct list { const sp_i_variant *from; const char *line; sp_arena *arena; sp_i_knobs *knobs; uint32_t room; bool failed; } list;

static void add(list *l, const sp_value *value, sp_unit unit, const char *entity, const char *label)
{
    sp_i_knobs *k = l->knobs;
    if (value->grade == SP_GRADE_NONE || !(value->low < value->high) || !entity || !label)
        return;
    if (k->n == l->room) {
        uint32_t room = l->room ? 2 * l->room : 64;
        sp_i_knob *knob = sp_arena_alloc(l->arena, room, sizeof *knob);
        if (!knob) {
            l->failed = true;
            return;
        }
        if (k->n)
            memcpy(knob, k->knob, k->n * sizeof *knob);
        k->knob = knob;
        l->room = room;
    }
    uint32_t group = k->n_groups;
    for (uint32_t i = 0; i < k->n && group == k->n_groups; i++)
        if (strcmp(k->knob[i].entity, entity) == 0)
            group = k->knob[i].group;
    k->n_groups += group == k->n_groups;
    k->knob[k->n++] = (sp_i_knob){entity, label, unit, (size_t)((const char *)value - (const char *)l->from), group, *value};
}

#define NAME(...) sp_arena_printf(l->arena, __VA_ARGS__)

static void add_chip(list *l, const sp_chip *chip)
{
    /* rates of the formats come from one fact: they rise and fall together */
    for (int f = 0; f < SP_FMT_N; f++)
        add(l, &chip->matrix_flop_per_s[f], SP_UNIT_FLOP_PER_S, NAME("%s matrix rates", chip->name), NAME("%s matrix rates", chip->name));
    const struct { const char *key; const sp_value *value; sp_unit unit; } own[] = {
        {"vector rate", &chip->vector_flop_per_s, SP_UNIT_FLOP_PER_S}, {"exponentials", &chip->exp_per_s, SP_UNIT_FLOP_PER_S},
        {"memory", &chip->mem_bytes, SP_UNIT_BYTES}, {"memory bandwidth", &chip->mem_bw_bytes_per_s, SP_UNIT_BYTES_PER_S},
        {"L2", &chip->l2_bytes, SP_UNIT_BYTES}, {"payload fraction", &chip->payload_fraction, SP_UNIT_NONE},
        {"host bandwidth", &chip->host_bw_bytes_per_s, SP_UNIT_BYTES_PER_S}, {"host memory bandwidth", &chip->host_mem_bw_bytes_per_s, SP_UNIT_BYTES_PER_S},
        {"TDP", &chip->tdp_w, SP_UNIT_WATT}, {"idle power", &chip->idle_w, SP_UNIT_WATT}, {"price", &chip->price_usd, SP_UNIT_USD}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        add(l, own[i].value, own[i].unit, NAME("%s %s", chip->name, own[i].key), NAME("%s %s", chip->name, own[i].key));
    const sp_chip_fit *fit = &chip->fit;
    const struct { const char *key; const sp_value *value; sp_unit unit; } family[] = {
        {"GEMM peak fraction", &fit->gemm_peak_fraction, SP_UNIT_NONE}, {"GEMM tile fill", &fit->gemm_fill_s, SP_UNIT_SECONDS},
        {"8-bit GEMM fraction", &fit->gemm_fp8_fraction, SP_UNIT_NONE}, {"4-bit GEMM fraction", &fit->gemm_fp4_fraction, SP_UNIT_NONE},
        {"attention forward fraction", &fit->attention_fwd_fraction, SP_UNIT_NONE}, {"attention backward fraction", &fit->attention_bwd_fraction, SP_UNIT_NONE},
        {"previous attention kernels", &fit->attention_previous, SP_UNIT_NONE}, {"attention fill", &fit->attention_fill, SP_UNIT_NONE}, {"exponentials hidden", &fit->attention_exp_overlap, SP_UNIT_NONE},
        {"memory fraction", &fit->mem_fraction, SP_UNIT_NONE}, {"gather fraction", &fit->gather_fraction, SP_UNIT_NONE},
        {"kernel launch", &fit->launch_s, SP_UNIT_SECONDS}, {"pJ a FLOP, 16-bit", &fit->energy_pj_per_flop, SP_UNIT_NONE},
        {"pJ a FLOP, 8-bit", &fit->energy_narrow_pj_per_flop, SP_UNIT_NONE}};
    for (size_t i = 0; i < sizeof family / sizeof *family; i++)
        add(l, family[i].value, family[i].unit, NAME("family %s %s", chip->family, family[i].key), NAME("%s: %s", chip->family, family[i].key));
}

/* Rates of tiers that cite one reading of a link move together: by chip, not by tier, where the chip's port is the reading. */
static void add_tiers(list *l, const sp_machine *machine)
{
    for (uint32_t p = 0; p < machine->n_planes; p++)
        for (uint32_t t = 0; t < machine->planes[p].n_tiers; t++) {
            const sp_tier *tier = &machine->planes[p].tiers[t];
            const char *at = NAME("%s/%s", machine->name, tier->name);
            add(l, &tier->bw_bytes_per_s, SP_UNIT_BYTES_PER_S, tier->nic ? NAME("%s bandwidth", at) : NAME("%s scale-up bandwidth", machine->chip->name),
                NAME("%s bandwidth", at));
            add(l, &tier->latency_s, SP_UNIT_SECONDS, NAME("%s latency", at), NAME("%s latency", at));
            add(l, &tier->taper, SP_UNIT_NONE, NAME("%s taper", at), NAME("%s taper", at));
        }
    add(l, &machine->power_w, SP_UNIT_WATT, NAME("%s power", machine->name), NAME("%s power", machine->name));
    add(l, &machine->overhead_w_per_chip, SP_UNIT_WATT, NAME("%s overhead a chip", machine->name), NAME("%s overhead a chip", machine->name));
    add(l, &machine->price_usd, SP_UNIT_USD, NAME("%s price", machine->name), NAME("%s price", machine->name));
}

/* What is fitted as one constant of all product lines is one value. */
static void add_software_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    list *l = context;
    bool shared = strcmp(path, "wait for the slowest") == 0 || strcmp(path, "routing factor") == 0;
    add(l, value, unit, shared ? NAME("product lines %s", path) : NAME("%s %s", l->line, path), NAME("%s: %s", l->line, path));
}

/* Steps of all protocols move together. */
static void add_stack_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    list *l = context;
    size_t n = strlen(path), step = strlen(" step");
    const char *key = n > step && strcmp(path + n - step, " step") == 0 ? strstr(path, " nic") ? "nic step" : "step" : path;
    add(l, value, unit, NAME("stack %s %s", l->from->stack.name, key), NAME("%s: %s", l->from->stack.name, path));
}

static void add_stack_and_prices(list *l, const sp_i_variant *v)
{
    sp_stack_each_value(&v->stack, add_stack_value, l);
    add(l, &v->prices.electricity_usd_per_kwh, SP_UNIT_USD_PER_KWH, "electricity", "electricity");
    add(l, &v->prices.lifetime_s, SP_UNIT_SECONDS, "lifetime", "years of depreciation");
    if (!(v->machine.price_usd.nominal > 0))
        add(l, &v->prices.system_factor, SP_UNIT_NONE, "system factor", "whole system over its chips");
}

sp_status sp_i_knobs_make(const sp_machine *machine, const char *software, sp_arena *arena, sp_i_knobs *out)
{
    sp_i_variant *v = sp_arena_alloc(arena, 1, sizeof *v);
    *out = (sp_i_knobs){0};
    if (!v)
        return SP_E_NOMEM;
    sp_i_variant_make(machine, v);
    list l = {.from = v, .arena = arena, .knobs = out};
    add_chip(&l, &v->chip);
    add_tiers(&l, &v->machine);
    const sp_software *line = sp_machine_software(&v->machine, software);
    if (line) {
        l.line = line->name;
        sp_software_each_value(line, add_software_value, &l);
    }
    add_stack_and_prices(&l, v);
    return l.failed ? SP_E_NOMEM : SP_OK;
}

/* ---- setting ------------------------------------------------------------------------------------------------------ */

void sp_i_knob_put(const sp_i_knob *knob, double value, sp_i_variant *variant)
{
    ((sp_value *)(void *)((char *)variant + knob->offset))->nominal = value;
}

/* Half of the mass on either side of the nominal, falling to nothing at low and high. */
void sp_i_knob_set(const sp_i_knob *knob, double u, sp_i_variant *variant)
{
    const sp_value *v = &knob->value;
    sp_i_knob_put(knob, u < 0.5 ? v->low + sqrt(2 * u) * (v->nominal - v->low) : v->high - sqrt(2 * (1 - u)) * (v->high - v->nominal), variant);
}
