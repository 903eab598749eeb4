/* The calibration's own copies of what its constants are in. */
#include "fit_i.h"

#include <string.h>

static bool make_room(void **list, uint32_t n, uint32_t *room, size_t size, sp_arena *arena)
{
    if (n < *room)
        return true;
    uint32_t more = *room ? 2 * *room : 64;
    void *next = sp_arena_alloc(arena, more, size);
    if (!next)
        return false;
    if (n)
        memcpy(next, *list, n * size);
    *list = next;
    *room = more;
    return true;
}

/* The chip of a machine need not be a catalog's chip itself: its own values with the family's constants as they are fitted now. */
static sp_chip *chip_of(sp_i_own *own, const sp_chip *chip)
{
    const sp_chip *named = NULL;
    for (uint32_t i = 0; i < own->n_chips; i++) {
        if (own->chip[i].of == chip)
            return own->chip[i].mine;
        if (strcmp(own->chip[i].mine->name, chip->name) == 0)
            named = own->chip[i].mine;
    }
    void *list = own->chip;
    sp_chip *copy = sp_arena_alloc(own->arena, 1, sizeof *copy);
    if (!copy || !make_room(&list, own->n_chips, &own->chip_room, sizeof *own->chip, own->arena))
        return NULL;
    own->chip = list;
    *copy = *chip;
    if (named)
        copy->fit = named->fit;
    copy->mem_bytes = sp_value_of(1e18, SP_GRADE_DERIVED, "without end");
    own->chip[own->n_chips].of = chip;
    own->chip[own->n_chips++].mine = copy;
    return copy;
}

const sp_stack *sp_i_own_stack(const sp_i_own *own, const sp_stack *stack)
{
    for (uint32_t i = 0; i < own->n_stacks; i++)
        if (own->stack[i].of == stack)
            return own->stack[i].mine;
    return stack;
}

static sp_tier *outer_tier(sp_machine *machine)
{
    sp_plane *plane = &machine->planes[0];
    return &plane->tiers[plane->n_tiers - 1];
}

double *sp_i_own_efa(const sp_i_own *own, sp_machine *copy)
{
    sp_tier *tier = outer_tier(copy);
    return tier->nic && tier->latency_s.nominal == own->efa_catalog_s ? &tier->latency_s.nominal : NULL;
}

sp_machine *sp_i_own_machine(sp_i_own *own, const sp_machine *machine)
{
    for (uint32_t i = 0; i < own->n_machines; i++)
        if (own->machine[i].of == machine)
            return own->machine[i].mine;
    void *list = own->machine;
    sp_machine *copy = sp_arena_alloc(own->arena, 1, sizeof *copy);
    if (!copy || !make_room(&list, own->n_machines, &own->machine_room, sizeof *own->machine, own->arena))
        return NULL;
    own->machine = list;
    *copy = *machine;
    copy->chip = chip_of(own, machine->chip);
    copy->software = (const sp_software *const *)own->software;
    copy->n_software = own->n_software;
    copy->stacks = own->stacks;
    copy->n_stacks = own->n_stacks;
    double *efa_s = sp_i_own_efa(own, copy);
    if (efa_s)
        *efa_s = own->efa_latency_s;
    if (!copy->chip)
        return NULL;
    own->machine[own->n_machines].of = machine;
    own->machine[own->n_machines++].mine = copy;
    return copy;
}

static sp_status no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the calibration's copies");
}

static sp_status copy_stacks(sp_i_own *own, sp_error *err)
{
    const sp_stack *const *all;
    const sp_machine *efa;
    sp_status status = sp_catalog_stacks(own->catalog, &all, &own->n_stacks, err);
    if (status == SP_OK)
        status = sp_catalog_machine(own->catalog, SP_I_EFA_MACHINE, &efa, err);
    if (status != SP_OK)
        return status;
    sp_stack *mine = sp_arena_alloc(own->arena, own->n_stacks + 1, sizeof *mine);
    sp_machine *machine = sp_arena_alloc(own->arena, 1, sizeof *machine);
    own->stack = sp_arena_alloc(own->arena, own->n_stacks + 1, sizeof *own->stack);
    own->stacks = sp_arena_alloc(own->arena, own->n_stacks + 1, sizeof *own->stacks);
    if (!mine || !machine || !own->stack || !own->stacks)
        return no_memory(err);
    for (uint32_t i = 0; i < own->n_stacks; i++) {
        mine[i] = *all[i];
        own->stack[i].of = all[i];
        own->stack[i].mine = &mine[i];
        own->stacks[i] = &mine[i];
    }
    *machine = *efa;
    own->efa_catalog_s = own->efa_latency_s = outer_tier(machine)->latency_s.nominal;
    return SP_OK;
}

sp_status sp_i_own_create(sp_catalog *catalog, sp_arena *arena, sp_i_own *out, sp_error *err)
{
    sp_i_own own = {.catalog = catalog, .arena = arena, .n_software = (uint32_t)sp_catalog_software_count(catalog)};
    own.software = sp_arena_alloc(arena, own.n_software + 1, sizeof *own.software);
    sp_software *lines = sp_arena_alloc(arena, own.n_software + 1, sizeof *lines);
    if (!own.software || !lines)
        return no_memory(err);
    for (size_t i = 0; i < sp_catalog_chip_count(catalog); i++) {
        const sp_chip *chip;
        sp_status status = sp_catalog_chip(catalog, sp_catalog_chip_name(catalog, i), &chip, err);
        if (status != SP_OK)
            return status;
        if (!chip_of(&own, chip))
            return no_memory(err);
    }
    for (uint32_t i = 0; i < own.n_software; i++) {
        const sp_software *line;
        sp_status status = sp_catalog_software(catalog, sp_catalog_software_name(catalog, i), &line, err);
        if (status != SP_OK)
            return status;
        lines[i] = *line;
        own.software[i] = &lines[i];
    }
    sp_status status = copy_stacks(&own, err);
    if (status == SP_OK)
        *out = own;
    return status;
}

void sp_i_family_spots(const sp_i_own *own, sp_i_fit_constant *c, const char *families, size_t offset)
{
    for (uint32_t i = 0; i < own->n_chips; i++) {
        sp_chip *chip = own->chip[i].mine;
        if (!sp_i_in_list(families, chip->family) || chip->own_fit >> offset / sizeof(sp_value) & 1)
            continue;
        sp_i_fit_spot(c, &((sp_value *)(void *)((char *)&chip->fit + offset))->nominal, 1);
        sp_i_fit_place(c, sp_arena_printf(own->arena, "families/%s.yaml", chip->family), NULL, 1);
    }
}
