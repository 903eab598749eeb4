/* Faults in text: "link:0-3,17 chip:5 board:2", and drawn: "links:100@7". */
#include "route_i.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct list { sp_fault *fault; uint32_t n, room; sp_arena *arena; } list;

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

/* The same cable, the other way. */
static uint32_t reverse_of(const sp_router *router, uint32_t link)
{
    sp_link at;
    sp_router_link(router, link, &at);
    for (uint32_t p = 0; p < router->n_parts; p++) {
        const sp_i_part *part = &router->part[p];
        if (link < part->first || link >= part->end)
            continue;
        if (part->tree.n_levels)
            return (uint32_t)(part->first_of[at.level] + ((link - part->first_of[at.level]) ^ 1));
        const sp_tier *tier = &router->plane->tiers[part->tier];
        uint64_t stride = tier->stride;
        for (uint32_t d = 0; d < at.dim; d++)
            stride *= tier->dims[d];
        uint32_t from = (uint32_t)(at.from / stride % tier->dims[at.dim]), to = (uint32_t)(at.to / stride % tier->dims[at.dim]);
        if (at.kind == SP_LINK_MESH)
            return (uint32_t)sp_i_mesh_link(part, tier, at.to, at.dim, to, from);
        uint32_t dir = (uint32_t)((link - part->first) % part->per_chip) & 1;
        bool pair = tier->dims[at.dim] == 2 && !tier->twisted;
        return (uint32_t)(part->first + (uint64_t)at.to * part->per_chip + 2 * at.dim + (pair ? 0 : !dir));
    }
    return link;
}

static sp_status add_link(list *l, const sp_router *router, uint32_t id, double factor, sp_error *err)
{
    sp_link at;
    if (!sp_router_link(router, id, &at))
        return sp_error_set(err, SP_E_INVAL, NULL, 1, 1, "link %u is not there: its dimension has no such direction", id);
    uint32_t back = reverse_of(router, id);
    if (!push(l, (sp_fault){.id = id, .factor = factor}) || (back != id && !push(l, (sp_fault){.id = back, .factor = factor})))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
    return SP_OK;
}

static sp_status add_chips(list *l, const sp_router *router, uint64_t first, uint64_t n, double factor, sp_error *err)
{
    if (factor > 0)
        return sp_error_set(err, SP_E_INVAL, NULL, 1, 1, "a chip, board or rack cannot be slow here, only dead; slow its links");
    for (uint64_t c = first; c < first + n && c < router->machine->chips; c++)
        if (!push(l, (sp_fault){.chip = true, .id = (uint32_t)c}))
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
    return SP_OK;
}

/* Chips of what a word names: 1 for a chip, those of one tier by its name; 0: no such word. */
static uint64_t chips_of(const sp_router *router, const char *word)
{
    if (!strcmp(word, "chip"))
        return 1;
    for (uint32_t t = 0; t < router->plane->n_tiers; t++)
        if (!strcmp(word, router->plane->tiers[t].name))
            return (uint64_t)router->plane->tiers[t].stride * router->plane->tiers[t].size;
    return 0;
}

/* ---- drawn cables -------------------------------------------------------------------------------------------------------- */

typedef struct cable { uint32_t link, of; uint64_t number; } cable;   /* number: of the `of` cables of a bundle */

/* Links and cables of a part, both directions of each. */
static uint64_t cables_of(const sp_router *router, const sp_i_part *part)
{
    uint64_t n = 0;
    sp_link at;
    for (uint32_t v = 0; v < part->tree.n_levels; v++) {
        uint64_t end = v + 1 < part->tree.n_levels ? part->first_of[v + 1] : part->end;
        sp_router_link(router, (uint32_t)part->first_of[v], &at);
        n += (end - part->first_of[v]) * at.n;
    }
    return part->tree.n_levels ? n : part->end - part->first;
}

/* The drawn cable, named by the lower id of its two directions; false: no such direction. */
static bool draw(const sp_router *router, uint64_t at, cable *out)
{
    const sp_i_part *part = router->part;
    sp_link link;
    for (uint64_t n; at >= (n = cables_of(router, part)); part++)
        at -= n;
    uint64_t id = part->first + at;
    out->number = 0;
    for (uint32_t v = 0; v < part->tree.n_levels; v++) {
        uint64_t end = v + 1 < part->tree.n_levels ? part->first_of[v + 1] : part->end;
        sp_router_link(router, (uint32_t)part->first_of[v], &link);
        uint64_t n = (end - part->first_of[v]) * link.n;
        if (at < n) {
            id = part->first_of[v] + at / link.n;
            out->number = at % link.n;
            break;
        }
        at -= n;
    }
    if (!sp_router_link(router, (uint32_t)id, &link))
        return false;
    uint32_t back = reverse_of(router, (uint32_t)id);
    out->link = back < id ? back : (uint32_t)id;
    out->of = link.n;
    return true;
}

static int by_cable(const void *a, const void *b)
{
    const cable *x = a, *y = b;
    return x->link != y->link ? (x->link > y->link) - (x->link < y->link) : (x->number > y->number) - (x->number < y->number);
}

/* `n` different cables of all that the machine has, each as likely as another: a link loses its rate, a bundle its part. */
static sp_status add_drawn(list *l, const sp_router *router, uint64_t n, uint64_t seed, double factor, sp_error *err)
{
    uint64_t all = 0, kept = 0, tries = 0;
    sp_rng rng = sp_rng_make(seed, 0);
    cable *drawn = sp_arena_alloc(l->arena, n + 1, sizeof *drawn);
    for (uint32_t p = 0; p < router->n_parts; p++)
        all += cables_of(router, &router->part[p]);
    if (!drawn)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
    while (kept < n && tries < 64 * n + 1024) {   /* what was drawn before is drawn again */
        for (; kept < n && tries < 64 * n + 1024; tries++)
            kept += draw(router, sp_rng_below(&rng, all), &drawn[kept]);
        qsort(drawn, kept, sizeof *drawn, by_cable);
        uint64_t different = 0;
        for (uint64_t i = 0; i < kept; i++)
            if (!different || by_cable(&drawn[different - 1], &drawn[i]))
                drawn[different++] = drawn[i];
        kept = different;
    }
    if (kept < n)
        return sp_error_set(err, SP_E_RANGE, NULL, 1, 1, "%llu links drawn; this machine has too few for that", (unsigned long long)n);
    for (uint64_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && drawn[end].link == drawn[i].link; end++) {}
        double left = 1 - (1 - factor) * (double)(end - i) / drawn[i].of;
        sp_status status = add_link(l, router, drawn[i].link, left > 1e-9 ? left : 0, err);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
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
    return add_drawn(l, router, n, seed, factor, err);
}

static sp_status one(list *l, const sp_router *router, const char *text, size_t at, size_t length, double factor, sp_error *err)
{
    char *word = sp_arena_strndup(l->arena, text + at, length), *colon = word ? strchr(word, ':') : NULL;
    uint32_t column = (uint32_t)at + 1;
    if (!word)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for faults");
    if (!colon)
        return sp_error_set(err, SP_E_PARSE, NULL, 1, column, "found '%s'; expected link:IDS, links:N@SEED, chip:IDS or a tier's name and ids, as board:3", word);
    *colon = '\0';
    if (!strcmp(word, "links"))
        return draw_links(l, router, colon + 1, column, factor, err);
    bool link = !strcmp(word, "link");
    uint64_t chips = link ? 0 : chips_of(router, word);
    if (!link && !chips)
        return sp_error_set(err, SP_E_NOTFOUND, NULL, 1, column, "nothing is called '%s' here; expected link, links, chip or the name of a tier", word);
    sp_idset set;
    uint64_t most = link ? router->n_links - 1 : router->machine->chips / chips - 1;
    sp_status status = sp_idset_parse(l->arena, colon + 1, most, &set, err);
    if (status != SP_OK && err)
        err->column += column + (uint32_t)(colon - word);
    for (size_t r = 0; r < (status == SP_OK ? set.n : 0); r++)
        for (uint64_t id = set.range[2 * r]; id <= set.range[2 * r + 1] && status == SP_OK; id++)
            status = link ? add_link(l, router, (uint32_t)id, factor, err) : add_chips(l, router, id * chips, chips, factor, err);
    return status;
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
