/* Every graded value of a machine, in order. */
#include "topo_i.h"

#include <stdio.h>

typedef struct walk { sp_machine_visit visit; void *context; char path[160]; } walk;

static void tell(walk *w, const char *plane, const char *tier, const char *key, const sp_value *value, sp_unit unit)
{
    if (value->grade == SP_GRADE_NONE)
        return;
    snprintf(w->path, sizeof w->path, "%.60s/%.60s %s", plane, tier, key);
    w->visit(w->context, w->path, value, unit);
}

static void tell_tier(walk *w, const sp_plane *plane, const sp_tier *tier)
{
    sp_value size = sp_value_of(tier->size, tier->wiring_grade, tier->wiring_source);
    tell(w, plane->name, tier->name, "size and wiring", &size, SP_UNIT_COUNT);
    tell(w, plane->name, tier->name, "bw", &tier->bw_bytes_per_s, SP_UNIT_BYTES_PER_S);
    tell(w, plane->name, tier->name, "latency", &tier->latency_s, SP_UNIT_SECONDS);
    tell(w, plane->name, tier->name, "taper", &tier->taper, SP_UNIT_NONE);
}

void sp_machine_each_value(const sp_machine *machine, sp_machine_visit visit, void *context)
{
    walk w = {.visit = visit, .context = context};
    for (uint32_t p = 0; p < machine->n_planes; p++)
        for (uint32_t t = 0; t < machine->planes[p].n_tiers; t++)
            tell_tier(&w, &machine->planes[p], &machine->planes[p].tiers[t]);
    const struct { const char *key; const sp_value *value; sp_unit unit; } whole[] = {
        {"power", &machine->power_w, SP_UNIT_WATT}, {"overhead a chip", &machine->overhead_w_per_chip, SP_UNIT_WATT},
        {"price", &machine->price_usd, SP_UNIT_USD}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (whole[i].value->grade != SP_GRADE_NONE)
            visit(context, whole[i].key, whole[i].value, whole[i].unit);
}
