/* A machine as its one-line string. Labels (name, title, note, sources) are not part of it. */
#include "topo_i.h"

#include <stdio.h>
#include <string.h>

typedef struct writer { char *out; size_t room, length; } writer;

__attribute__((format(printf, 2, 3)))
static void put(writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->length < w->room ? w->out + w->length : NULL, w->length < w->room ? w->room - w->length : 0, format, args);
    va_end(args);
    w->length += n > 0 ? (size_t)n : 0;
}

static void put_value(writer *w, sp_value value, sp_unit unit)
{
    char a[64], b[64], c[64];
    if (value.low == value.nominal && value.high == value.nominal)
        put(w, "%s", sp_unit_format_exact(value.nominal, unit, a, sizeof a));
    else
        put(w, "%s~%s~%s", sp_unit_format_exact(value.low, unit, a, sizeof a), sp_unit_format_exact(value.nominal, unit, b, sizeof b),
            sp_unit_format_exact(value.high, unit, c, sizeof c));
}

static void put_dims(writer *w, const uint32_t *dims, uint32_t n)
{
    for (uint32_t d = 0; d < n; d++)
        put(w, d ? "x%u" : "%u", dims[d]);
}

static void put_tier(writer *w, const sp_tier *tier)
{
    put(w, "%s:", sp_tier_kind_name(tier->kind));
    put_dims(w, tier->dims, tier->n_dims);
    if (tier->spares)
        put(w, "+%u", tier->spares);
    put(w, "@");
    put_value(w, tier->bw_bytes_per_s, SP_UNIT_BYTES_PER_S);
    put(w, ",");
    put_value(w, tier->latency_s, SP_UNIT_SECONDS);
    if (tier->taper.low != 1 || tier->taper.nominal != 1 || tier->taper.high != 1) {
        put(w, ",taper=");
        put_value(w, tier->taper, SP_UNIT_NONE);
    }
    if (tier->planes > 1)
        put(w, ",planes=%u", tier->planes);
    if (tier->switches)
        put(w, ",switches=%u", tier->switches);
    if (tier->radix)
        put(w, ",radix=%u", tier->radix);
    if (tier->n_levels) {
        put(w, ",levels=");
        put_dims(w, tier->levels, tier->n_levels);
    }
    put(w, "%s%s%s%s", tier->twisted ? ",twisted" : "", tier->shared ? ",shared" : "", tier->plus ? ",plus" : "",
        tier->nic ? ",nic" : "");
    /* a name that the reader would give by itself is left out */
    size_t kind = strlen(sp_tier_kind_name(tier->kind));
    if (strncmp(tier->name, sp_tier_kind_name(tier->kind), kind) != 0 || strspn(tier->name + kind, "0123456789") != strlen(tier->name + kind))
        put(w, ",name=%s", tier->name);
}

static void put_words(writer *w, const sp_machine *m)
{
    put(w, " chip=%s", m->chip->file ? m->chip->file : m->chip->name);
    if (m->host)
        put(w, " host=%s", m->host);
    if (m->chips_per_host)
        put(w, " chips-per-host=%u", m->chips_per_host);
    if (m->chips_per_rack)
        put(w, " rack=%u", m->chips_per_rack);
    if (m->spares_per_rack)
        put(w, "+%u", m->spares_per_rack);
    if (m->available)
        put(w, " available=%s", m->available);
    const struct { const char *word; sp_value value; sp_unit unit; } values[] = {
        {"power", m->power_w, SP_UNIT_WATT}, {"overhead", m->overhead_w_per_chip, SP_UNIT_WATT}, {"price", m->price_usd, SP_UNIT_USD}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i].value.grade != SP_GRADE_NONE) {
            put(w, " %s=", values[i].word);
            put_value(w, values[i].value, values[i].unit);
        }
    put(w, "%s%s", m->uses_uboe ? " uboe" : "", m->uses_pcie ? " pcie" : "");
}

int sp_machine_format(const sp_machine *machine, char *out, size_t out_size)
{
    writer w = {out, out_size, 0};
    if (out_size)
        out[0] = 0;
    for (uint32_t p = 0; p < machine->n_planes; p++) {
        const sp_plane *plane = &machine->planes[p];
        put(&w, p ? " || " : "");
        for (uint32_t t = 0; t < plane->n_tiers; t++) {
            put(&w, t ? " " : "");
            put_tier(&w, &plane->tiers[t]);
        }
        char usual[32];
        snprintf(usual, sizeof usual, "plane%u", p);
        if (strcmp(plane->name, usual) != 0)
            put(&w, " plane=%s", plane->name);
    }
    put_words(&w, machine);
    return (int)w.length;
}
