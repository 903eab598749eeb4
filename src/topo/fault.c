/* Faults in text: "link:0-3,17 port:5/0-1 switch:3 chip:5 board:2 rack:1", and drawn: "links:100@7". */
#include "fault_i.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef sp_i_fault_list list;

static bool push(list *l, sp_fault fault)
{
    if (l->n == l->room) {
        uint32_t room = l->room ? l->room * 2 : 16;
        sp_fault *grown = sp_arena_alloc(l->arena, room, sizeof *grown);
        if (!grown)
            return false;
        if (l->n)
            memcpy(grown, l->fault, l->n * sizeof *grown);
        l->fault = grown;
        l->room = room;
    }
    l->fault[l->n++] = fault;
    return true;
}

static sp_status no_memory(sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
}

/* The cables that were put since `first`, each once: a link loses its rate, a bundle the part of those of its cables. */
sp_status sp_i_fault_settle(list *l, const sp_router *router, double factor, sp_error *err)
{
    size_t n = sp_i_cables_sort(l);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && l->cable[end].link == l->cable[i].link; end++) {}
        double left = 1 - (1 - factor) * (double)(end - i) / l->cable[i].of;
        uint32_t id = l->cable[i].link, back = sp_i_link_reverse(router, id);
        left = left > 1e-9 ? left : 0;
        if (!push(l, (sp_fault){.id = id, .factor = left}) || (back != id && !push(l, (sp_fault){.id = back, .factor = left})))
            return no_memory(err);
    }
    l->n_cables = 0;
    return SP_OK;
}

/* Dead chips are dead; slow ones have slow cables. */
static sp_status add_chips(list *l, const sp_router *router, uint64_t first, uint64_t n, double factor, sp_error *err)
{
    for (uint64_t c = first; c < first + n && c < router->machine->chips; c++)
        if (factor > 0 ? !sp_i_cables_of_chip(l, router, (uint32_t)c) : !push(l, (sp_fault){.chip = true, .id = (uint32_t)c}))
            return no_memory(err);
    return SP_OK;
}

/* Chips of what a word names: 1 for a chip, those of one tier by its name, of a rack; 0: no such word. */
static uint64_t chips_of(const sp_router *router, const char *word)
{
    if (!strcmp(word, "chip"))
        return 1;
    for (uint32_t t = 0; t < router->plane->n_tiers; t++)
        if (!strcmp(word, router->plane->tiers[t].name))
            return (uint64_t)router->plane->tiers[t].stride * router->plane->tiers[t].size;
    return strcmp(word, "rack") ? 0 : router->machine->chips_per_rack;
}

/* "100@7" after "links:". */
static sp_status draw_links(list *l, const sp_router *router, const char *text, uint32_t column, double factor, sp_error *err)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10), seed = 1;
    bool ok = isdigit((unsigned char)text[0]) && n >= 1 && n <= 1000000;
    if (ok && *end == '@') {
        ok = isdigit((unsigned char)end[1]);
        seed = strtoull(end + 1, &end, 10);
    }
    if (!ok || *end)
        return sp_error_set(err, SP_E_PARSE, NULL, 1, column, "found 'links:%s'; expected how many links to draw, up to 1000000, and a seed, as links:100@7", text);
    sp_status status = sp_i_cables_draw(l, router, n, seed, err);
    return status == SP_OK ? sp_i_fault_settle(l, router, factor, err) : status;
}

/* What stands before the colon: what the ids are of, and how many there are. */
typedef enum kind { NOTHING, LINK, SWITCH, CHIPS } kind;

static kind kind_of(const sp_router *router, const char *word, uint64_t *chips, uint64_t *n)
{
    *chips = chips_of(router, word);   /* first: a tier may be called "switch" */
    *n = *chips ? (router->machine->chips + *chips - 1) / *chips : !strcmp(word, "link") ? router->n_links : !strcmp(word, "switch") ? router->n_switches : 0;
    return *chips ? CHIPS : !strcmp(word, "link") ? LINK : !strcmp(word, "switch") ? SWITCH : NOTHING;
}

static sp_status add_id(list *l, const sp_router *router, kind what, uint64_t id, uint64_t chips, double factor, sp_error *err)
{
    sp_link at;
    if (what == CHIPS)
        return add_chips(l, router, id * chips, chips, factor, err);
    if (what == LINK && !sp_router_link(router, (uint32_t)id, &at))
        return sp_error_set(err, SP_E_INVAL, NULL, 1, 1, "link %llu is not there: its dimension has no such direction", (unsigned long long)id);
    bool ok = what == LINK ? sp_i_cables_of_link(l, router, (uint32_t)id) : sp_i_cables_of_switch(l, router, id);
    return ok ? SP_OK : no_memory(err);
}

/* An id set after a word; columns of errors count from the word's. */
static sp_status parse_ids(list *l, const char *word, const char *ids, uint32_t column, uint64_t n, sp_idset *set, sp_error *err)
{
    uint32_t before = column + (uint32_t)(ids - word);
    if (!*ids)
        return sp_error_set(err, SP_E_PARSE, NULL, 1, before, "no id follows '%s:'; expected some, as %s:0-3,7", word, word);
    if (!n)
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 1, column, "this machine has no %s", word);
    sp_status status = sp_idset_parse(l->arena, ids, n - 1, set, err);
    if (status != SP_OK && err)
        err->column += before - 1;
    return status;
}

/* "5/0-3" after "port:": ports 0 to 3 of chip 5. */
static sp_status add_ports(list *l, const sp_router *router, const char *word, char *text, uint32_t column, double factor, sp_error *err)
{
    char *slash = strchr(text, '/'), *end = NULL;
    unsigned long long chip = strtoull(text, &end, 10);
    if (!slash || end != slash || !isdigit((unsigned char)text[0]))
        return sp_error_set(err, SP_E_PARSE, NULL, 1, column, "found 'port:%s'; expected a chip and its ports, as port:5/0-3", text);
    if (chip >= router->machine->chips)
        return sp_error_set(err, SP_E_RANGE, NULL, 1, column + (uint32_t)(text - word), "chip %llu is not there; this machine's chips are 0 to %u", chip,
                            router->machine->chips - 1);
    sp_idset set;
    sp_status status = parse_ids(l, word, slash + 1, column, sp_i_chip_ports(router), &set, err);
    for (size_t r = 0; r < (status == SP_OK ? set.n : 0); r++)
        for (uint64_t port = set.range[2 * r]; port <= set.range[2 * r + 1] && status == SP_OK; port++)
            status = sp_i_cables_of_port(l, router, (uint32_t)chip, (uint32_t)port) ? SP_OK : no_memory(err);
    return status == SP_OK ? sp_i_fault_settle(l, router, factor, err) : status;
}

static sp_status one(list *l, const sp_router *router, const char *text, size_t at, size_t length, double factor, sp_error *err)
{
    char *word = sp_arena_strndup(l->arena, text + at, length), *colon = word ? strchr(word, ':') : NULL;
    uint32_t column = (uint32_t)at + 1;
    if (!word)
        return no_memory(err);
    if (!colon)
        return sp_error_set(err, SP_E_PARSE, NULL, 1, column, "found '%s'; expected link:IDS, links:N@SEED, port:CHIP/IDS, switch:IDS, chip:IDS, rack:IDS or a "
                            "tier's name and ids, as board:3", word);
    *colon = '\0';
    uint64_t chips, n;
    kind what = kind_of(router, word, &chips, &n);
    if (what == NOTHING && !strcmp(word, "links"))
        return draw_links(l, router, colon + 1, column, factor, err);
    if (what == NOTHING && !strcmp(word, "port"))
        return add_ports(l, router, word, colon + 1, column, factor, err);
    if (what == NOTHING)
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 1, column, "nothing is called '%s' here; expected link, links, port, switch, chip%s or the name of a tier",
                            word, router->machine->chips_per_rack ? ", rack" : "");
    sp_idset set;
    sp_status status = parse_ids(l, word, colon + 1, column, n, &set, err);
    for (size_t r = 0; r < (status == SP_OK ? set.n : 0); r++)
        for (uint64_t id = set.range[2 * r]; id <= set.range[2 * r + 1] && status == SP_OK; id++)
            status = add_id(l, router, what, id, chips, factor, err);
    return status == SP_OK ? sp_i_fault_settle(l, router, factor, err) : status;
}

sp_status sp_fault_parse(const sp_router *router, const char *text, double factor, sp_arena *arena, sp_fault **out, uint32_t *n, sp_error *err)
{
    list l = {.arena = arena, .fault = *out, .n = *n, .room = *n};
    for (size_t at = 0; text[at];) {
        size_t length = strcspn(text + at, " \t\n");
        if (length) {
            sp_status status = one(&l, router, text, at, length, factor, err);
            if (status != SP_OK)
                return status;
        }
        at += length + (text[at + length] != '\0');
    }
    *out = l.fault;
    *n = l.n;
    return SP_OK;
}
