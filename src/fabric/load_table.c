/* Bytes by link of one step: direct links in a hash table, ports and ways out of units in rows. Nothing is emptied between steps: an entry
 * counts when its stamp is the step's. */
#include "load_table.h"

#include <stdlib.h>
#include <string.h>

/* Ports into a tier, one a position, or ways out of its units, one a unit; all have one rate. An entry counts when its stamp is the step's. */
typedef struct port_row { double *bytes; uint32_t *stamp; uint32_t room; } port_row;

typedef struct slot { uint64_t key; double bytes; double rate; uint32_t stamp; uint8_t tier; } slot;

struct sp_i_load {
    slot *slots;                       /* direct links, hashed */
    port_row port[2][SP_TIERS_MAX];    /* [out, in][tier]      */
    port_row unit[2][SP_TIERS_MAX];    /* of tapered trees: what leaves and enters a unit, as bytes of each of its chips, mean */
    uint32_t room, used, stamp;
    sp_i_asked asked;
};

sp_i_load *sp_i_load_create(void)
{
    sp_i_load *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    load->room = 1024;
    load->slots = calloc(load->room, sizeof *load->slots);
    if (!load->slots) {
        free(load);
        return NULL;
    }
    load->stamp = 1;
    return load;
}

void sp_i_load_destroy(sp_i_load *load)
{
    if (!load)
        return;
    for (uint32_t i = 0; i < 2 * SP_TIERS_MAX; i++) {
        free(load->port[i / SP_TIERS_MAX][i % SP_TIERS_MAX].bytes);
        free(load->port[i / SP_TIERS_MAX][i % SP_TIERS_MAX].stamp);
        free(load->unit[i / SP_TIERS_MAX][i % SP_TIERS_MAX].bytes);
        free(load->unit[i / SP_TIERS_MAX][i % SP_TIERS_MAX].stamp);
    }
    free(load->slots);
    free(load);
}

void sp_i_load_clear(sp_i_load *load)
{
    load->stamp++;
    load->used = 0;
    memset(&load->asked, 0, sizeof load->asked);
}

static slot *probe(slot *slots, uint32_t room, uint32_t stamp, uint64_t key)
{
    uint64_t hash = key * 0x9E3779B97F4A7C15u;
    uint32_t at = (uint32_t)(hash >> 32) & (room - 1);
    while (slots[at].stamp == stamp && slots[at].key != key)
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static bool widen(sp_i_load *load)
{
    uint32_t room = load->room * 2;
    slot *slots = calloc(room, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < load->room; i++)
        if (load->slots[i].stamp == load->stamp)
            *probe(slots, room, load->stamp, load->slots[i].key) = load->slots[i];
    free(load->slots);
    load->slots = slots;
    load->room = room;
    return true;
}

void sp_i_load_note(sp_i_load *load, uint32_t wire, double seconds, uint32_t tier)
{
    if (seconds > load->asked.busiest_s[wire])
        load->asked.busiest_s[wire] = seconds;
    load->asked.tier[wire] = (uint8_t)tier;
}

bool sp_i_load_link(sp_i_load *load, sp_i_link kind, uint32_t lane, uint64_t position, uint32_t to, uint32_t tier, double bytes, double rate)
{
    if (load->used * 2 >= load->room && !widen(load))
        return false;
    uint64_t key = ((((uint64_t)kind * 40 + lane) << 26 | position) << 26) | to;
    slot *s = probe(load->slots, load->room, load->stamp, key);
    if (s->stamp != load->stamp) {
        *s = (slot){.key = key, .stamp = load->stamp, .rate = rate, .tier = (uint8_t)tier};
        load->used++;
    }
    s->bytes += bytes;
    sp_i_load_note(load, SP_I_ALONG(lane, kind == SP_I_LINK_DOWN), s->bytes / rate, tier);
    return true;
}

static bool widen_ports(port_row *row, uint32_t position)
{
    uint32_t room = row->room ? row->room : 64;
    while (room <= position)
        room *= 2;
    double *bytes = realloc(row->bytes, room * sizeof *bytes);
    row->bytes = bytes ? bytes : row->bytes;
    uint32_t *stamp = bytes ? realloc(row->stamp, room * sizeof *stamp) : NULL;
    if (!stamp)
        return false;
    memset(stamp + row->room, 0, (room - row->room) * sizeof *stamp);
    row->stamp = stamp;
    row->room = room;
    return true;
}

static bool add_row(sp_i_load *load, port_row *row, bool in, uint32_t tier, uint32_t position, double bytes, double rate)
{
    if (position >= row->room && !widen_ports(row, position))
        return false;
    row->bytes[position] = bytes + (row->stamp[position] == load->stamp ? row->bytes[position] : 0);
    row->stamp[position] = load->stamp;
    sp_i_load_note(load, in ? SP_I_IN(tier) : SP_I_OUT(tier), row->bytes[position] / rate, tier);
    return true;
}

bool sp_i_load_port(sp_i_load *load, bool in, uint32_t tier, uint32_t position, double bytes, double rate)
{
    return add_row(load, &load->port[in][tier], in, tier, position, bytes, rate);
}

bool sp_i_load_unit(sp_i_load *load, bool in, uint32_t tier, uint32_t unit, double bytes, double rate)
{
    return add_row(load, &load->unit[in][tier], in, tier, unit, bytes, rate);
}

sp_i_asked *sp_i_load_table_asked(sp_i_load *load)
{
    return &load->asked;
}

const sp_i_asked *sp_i_load_asked(const sp_i_load *load)
{
    return &load->asked;
}
