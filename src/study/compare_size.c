/* More or fewer chips of the same kind. */
#include "compare_i.h"

#include <stdio.h>
#include <string.h>

/* Has `outer` the tiers of `inner`, and more outside them, on the same chip? */
static bool continues(const sp_machine *inner, const sp_machine *outer)
{
    const sp_plane *a = &inner->planes[0], *b = &outer->planes[0];
    if (strcmp(inner->chip->name, outer->chip->name) != 0 || b->n_tiers <= a->n_tiers)
        return false;
    for (uint32_t t = 0; t < a->n_tiers; t++)
        if (a->tiers[t].kind != b->tiers[t].kind || a->tiers[t].size != b->tiers[t].size ||
            a->tiers[t].bw_bytes_per_s.nominal != b->tiers[t].bw_bytes_per_s.nominal)
            return false;
    return true;
}

/* "NAME:n" with n units for so many chips. */
static sp_status of_family(sp_catalog *catalog, const char *name, size_t length, uint32_t unit, uint32_t chips, sp_i_offer *out, sp_error *err)
{
    char text[160];
    uint32_t n = chips / unit + (chips % unit != 0);
    snprintf(text, sizeof text, "%.*s:%u", (int)(length < 120 ? length : 120), name, n);
    sp_status status = sp_catalog_machine(catalog, text, &out->machine, err);
    if (status == SP_OK)
        out->chips = chips;
    return status;
}

static sp_status too_many(const sp_machine *machine, uint32_t chips, sp_error *err)
{
    return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "found %u chips, but %s ends at %u and no machine of the catalog continues it; ask for fewer, or "
                        "describe a larger one", chips, machine->name, machine->chips);
}

sp_status sp_i_resize(sp_catalog *catalog, const char *text, uint32_t chips, sp_i_offer *out, sp_error *err)
{
    const sp_machine *machine;
    sp_status status = sp_catalog_machine(catalog, text, &machine, err);
    if (status != SP_OK)
        return status;
    if (machine->n != 0) {
        const char *colon = strrchr(text, ':');   /* the size it was named with */
        return of_family(catalog, text, colon ? (size_t)(colon - text) : strlen(text), machine->chips / machine->n, chips, out, err);
    }
    if (chips <= machine->chips) {
        *out = (sp_i_offer){machine, chips};
        return SP_OK;
    }
    for (size_t i = 0; i < sp_catalog_machine_count(catalog); i++) {
        const char *name = sp_catalog_machine_name(catalog, i);
        const sp_machine *other;
        if (sp_catalog_machine(catalog, name, &other, NULL) == SP_OK && other->n != 0 && continues(machine, other))
            return of_family(catalog, name, strlen(name), other->chips / other->n, chips, out, err);
    }
    return too_many(machine, chips, err);
}
