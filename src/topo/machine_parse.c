/* The one-line machine string (docs/design/machine-string.md). One pass, no backtracking; every error has its column. */
#include "topo_i.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 8192u
#define WORD_MAX 96u

typedef struct parser {
    const char *text;
    size_t at;
    sp_arena *arena;
    sp_machine *machine;
    sp_error *err;
    sp_i_chip_lookup lookup;
    void *context;
    size_t plane_at[SP_PLANES_MAX];
    char word[WORD_MAX];
} parser;

__attribute__((format(printf, 4, 5)))
static sp_status fail(parser *p, size_t at, sp_status status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sp_error_set(p->err, status, "machine string", 1, (uint32_t)at + 1, "%s", text);
}

/* An error without a position becomes one at `at`; a position inside the piece is moved along. */
static sp_status moved(parser *p, size_t at, sp_status status, const sp_error *inner)
{
    return fail(p, at + (inner->column ? inner->column - 1 : 0), status, "%s", inner->text);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/* What stands at `at`, for messages: one word, cut short. */
static const char *found(parser *p, size_t at)
{
    size_t n = strcspn(p->text + at, " \t\n");
    if (n == 0)
        return p->text[at] ? "a blank" : "the end";
    snprintf(p->word, sizeof p->word, "'%.*s'", n < 40 ? (int)n : 40, p->text + at);
    return p->word;
}

sp_status sp_i_count_parse(const char *text, size_t *at, uint32_t *out, sp_error *err)
{
    uint64_t value = 0;
    size_t i = *at;
    if (!is_digit(text[i]))
        return sp_error_set(err, SP_E_PARSE, NULL, 0, (uint32_t)i + 1, "found '%.20s'; expected a whole number such as 8", text + i);
    for (; is_digit(text[i]); i++)
        if (!sp_mul_u64(value, 10, &value) || !sp_add_u64(value, (uint64_t)(text[i] - '0'), &value) || value > UINT32_MAX)
            return sp_error_set(err, SP_E_RANGE, NULL, 0, (uint32_t)*at + 1, "found '%.20s', too large; a machine has at most %u chips",
                                text + *at, SP_CHIPS_MAX);
    *at = i;
    *out = (uint32_t)value;
    return SP_OK;
}

sp_status sp_i_dims_parse(const char *text, size_t *at, uint32_t max_dims, uint32_t *dims, uint32_t *n_dims, sp_error *err)
{
    uint32_t n = 0;
    do {
        if (n == max_dims)
            return sp_error_set(err, SP_E_PARSE, NULL, 0, (uint32_t)*at + 1, "found more than %u sizes joined by x", max_dims);
        size_t start = *at;
        sp_status status = sp_i_count_parse(text, at, &dims[n], err);
        if (status)
            return status;
        if (dims[n++] == 0)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, (uint32_t)start + 1, "found size 0; sizes start at 1");
    } while (text[*at] == 'x' && ++*at);
    *n_dims = n;
    return SP_OK;
}

static sp_status count(parser *p, uint32_t *out)
{
    sp_error inner = {0};
    size_t at = p->at;
    sp_status status = sp_i_count_parse(p->text, &p->at, out, &inner);
    return status ? fail(p, inner.column ? inner.column - 1 : at, status, "%s", inner.text) : SP_OK;
}

static sp_status dims(parser *p, uint32_t max_dims, uint32_t *out, uint32_t *n)
{
    sp_error inner = {0};
    size_t at = p->at;
    sp_status status = sp_i_dims_parse(p->text, &p->at, max_dims, out, n, &inner);
    return status ? fail(p, inner.column ? inner.column - 1 : at, status, "%s", inner.text) : SP_OK;
}

/* One quantity up to ',', '~' or a blank. */
static sp_status quantity(parser *p, sp_unit unit, double *out)
{
    char piece[64];
    size_t n = strcspn(p->text + p->at, ",~ \t\n");
    if (n == 0 || n >= sizeof piece)
        return fail(p, p->at, SP_E_PARSE, "found %s; expected a quantity with its unit such as %s", found(p, p->at),
                    unit == SP_UNIT_SECONDS ? "200ns" : unit == SP_UNIT_BYTES_PER_S ? "56GB/s" : unit == SP_UNIT_WATT ? "500W"
                    : unit == SP_UNIT_USD ? "8MUSD" : "2.5");
    memcpy(piece, p->text + p->at, n);
    piece[n] = 0;
    sp_error inner = {0};
    sp_status status = sp_unit_parse(piece, unit, out, &inner);
    if (status)
        return moved(p, p->at, status, &inner);
    p->at += n;
    return SP_OK;
}

/* 56GB/s, or an interval 50GB/s~56GB/s~60GB/s. */
static sp_status value(parser *p, sp_unit unit, sp_value *out)
{
    double v[3];
    size_t start = p->at;
    uint32_t n = 0;
    do {
        if (n == 3)
            return fail(p, p->at, SP_E_PARSE, "found a fourth part; an interval is low~nominal~high");
        sp_status status = quantity(p, unit, &v[n]);
        if (status)
            return status;
        n++;
    } while (p->text[p->at] == '~' && ++p->at);
    if (n == 2)
        return fail(p, start, SP_E_PARSE, "found two parts; an interval is low~nominal~high");
    if (n == 3 && !(v[0] <= v[1] && v[1] <= v[2]))
        return fail(p, start, SP_E_INVAL, "the interval is not in order; expected low <= nominal <= high");
    if (n == 1)
        *out = sp_value_of(v[0], SP_GRADE_DERIVED, "given in the machine string");
    else
        *out = (sp_value){v[0], v[1], v[2], SP_GRADE_GUESS, "interval given in the machine string"};
    return SP_OK;
}

static sp_status name(parser *p, const char **out)
{
    size_t n = 0;
    while (is_name(p->text[p->at + n]))
        n++;
    if (n == 0 || n > 64)
        return fail(p, p->at, SP_E_PARSE, "found %s; expected a name of letters, digits, '-', '_' and '.'", found(p, p->at));
    *out = sp_arena_strndup(p->arena, p->text + p->at, n);
    p->at += n;
    return *out ? SP_OK : fail(p, p->at, SP_E_NOMEM, "no memory for a name");
}

static sp_status date(parser *p, const char **out)
{
    size_t from = p->at;
    sp_status status = name(p, out);
    if (status || sp_text_is_date(*out))
        return status;
    return fail(p, from, SP_E_INVAL, "found '%s', expected a date like 2026, 2026H2, 2026Q4, 2026-10 or 2026-10-31", *out);
}

/* The key at p->at that ends in '=' or at a boundary: its length; *assigned says which. */
static size_t key_length(parser *p, bool *assigned)
{
    size_t n = 0;
    while (is_name(p->text[p->at + n]))
        n++;
    *assigned = p->text[p->at + n] == '=';
    return n;
}

static bool key_is(parser *p, size_t n, const char *key)
{
    return strlen(key) == n && !memcmp(p->text + p->at, key, n);
}

/* ---- a tier -------------------------------------------------------------------------------------------------------- */

enum { K_TAPER, K_PLANES, K_SWITCHES, K_RADIX, K_LEVELS, K_NAME, K_LAST_ASSIGNED = K_NAME, K_TWISTED, K_SHARED, K_PLUS, K_NIC, K_N };
static const char *const tier_keys[K_N + 1] = {"taper", "planes", "switches", "radix", "levels", "name", "twisted", "shared", "plus", "nic", NULL};

static sp_status tier_key_value(parser *p, int key, sp_tier *tier)
{
    switch (key) {
    case K_TAPER: return value(p, SP_UNIT_NONE, &tier->taper);
    case K_PLANES: return count(p, &tier->planes);
    case K_SWITCHES: return count(p, &tier->switches);
    case K_RADIX: return count(p, &tier->radix);
    case K_LEVELS: return dims(p, SP_TIER_LEVELS, tier->levels, &tier->n_levels);
    case K_NAME: return name(p, &tier->name);
    case K_TWISTED: tier->twisted = true; return SP_OK;
    case K_SHARED: tier->shared = true; return SP_OK;
    case K_PLUS: tier->plus = true; return SP_OK;
    default: tier->nic = true; return SP_OK;
    }
}

static sp_status tier_attribute(parser *p, sp_tier *tier, uint32_t *seen)
{
    bool assigned;
    size_t start = p->at, n = key_length(p, &assigned);
    int key = 0;
    while (key < K_N && !key_is(p, n, tier_keys[key]))
        key++;
    if (key == K_N) {
        char word[WORD_MAX];
        snprintf(word, sizeof word, "%.*s", n < 40 ? (int)n : 40, p->text + p->at);
        const char *near = sp_text_nearest(word, tier_keys);
        return fail(p, start, SP_E_PARSE, "found %s; expected one of taper= planes= switches= radix= levels= name= twisted shared "
                    "plus nic%s%s%s", found(p, start), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (*seen >> key & 1)
        return fail(p, start, SP_E_PARSE, "'%s' is given twice; keep one", tier_keys[key]);
    *seen |= 1u << key;
    if (assigned != (key <= K_LAST_ASSIGNED))
        return fail(p, start, SP_E_PARSE, "'%s' %s", tier_keys[key], assigned ? "takes no value; leave '=' away" : "needs '=' and a value");
    p->at += n + assigned;
    size_t value_at = p->at;
    sp_status status = tier_key_value(p, key, tier);
    if (!status && ((key == K_PLANES && !tier->planes) || (key == K_SWITCHES && !tier->switches) || (key == K_RADIX && !tier->radix)))
        return fail(p, value_at, SP_E_INVAL, "found %s=0; it starts at 1, and leaving it out means unknown", tier_keys[key]);
    return status;
}

static sp_status tier_rates(parser *p, sp_tier *tier)
{
    uint32_t seen = 0;
    if (p->text[p->at] != '@')
        return fail(p, p->at, SP_E_PARSE, "found %s; expected '@' and a rate per %s, such as @56GB/s", found(p, p->at),
                    sp_tier_is_switched(tier->kind) ? "chip" : "link");
    p->at++;
    sp_status status = value(p, SP_UNIT_BYTES_PER_S, &tier->bw_bytes_per_s);
    if (!status && p->text[p->at] == ',' && (is_digit(p->text[p->at + 1]) || p->text[p->at + 1] == '-')) {
        p->at++;
        status = value(p, SP_UNIT_SECONDS, &tier->latency_s);
    }
    while (!status && p->text[p->at] == ',') {
        p->at++;
        status = tier_attribute(p, tier, &seen);
    }
    return status;
}

static sp_status tier(parser *p, sp_tier_kind kind, size_t kind_length)
{
    sp_plane *plane = &p->machine->planes[p->machine->n_planes - 1];
    size_t start = p->at;
    if (plane->n_tiers == SP_TIERS_MAX)
        return fail(p, start, SP_E_RANGE, "found tier number %d; a plane has at most %d", SP_TIERS_MAX + 1, SP_TIERS_MAX);
    sp_tier *out = &plane->tiers[plane->n_tiers];
    *out = (sp_tier){.kind = kind, .planes = 1, .wiring_grade = SP_GRADE_DERIVED, .wiring_source = "given in the machine string"};
    p->at += kind_length + 1;
    sp_status status = dims(p, SP_TIER_DIMS, out->dims, &out->n_dims);
    if (!status && p->text[p->at] == '+') {
        p->at++;
        status = count(p, &out->spares);
    }
    if (!status)
        status = tier_rates(p, out);
    if (status)
        return status;
    /* check here what a tier alone can get wrong, so that the column is the tier's */
    sp_error inner = {0};
    sp_tier probe = *out;
    status = sp_i_tier_finish(&probe, &inner);
    if (!status)
        status = sp_i_tier_check(&probe, &inner);
    if (status)
        return moved(p, start, status, &inner);
    plane->n_tiers++;
    return SP_OK;
}

/* ---- words ----------------------------------------------------------------------------------------------------------- */

enum { W_CHIP, W_HOST, W_CHIPS_PER_HOST, W_RACK, W_POWER, W_OVERHEAD, W_PRICE, W_AVAILABLE, W_PLANE, W_LAST_ASSIGNED = W_PLANE, W_UBOE,
       W_PCIE, W_N };
static const char *const words[W_N + 1] = {"chip", "host", "chips-per-host", "rack", "power", "overhead", "price", "available",
                                           "plane", "uboe", "pcie", NULL};

static sp_status chip(parser *p)
{
    const char *text;
    size_t at = p->at;
    sp_error inner = {0};
    size_t n = strcspn(p->text + at, " \t\n");   /* a name, or the path of a file */
    if (n == 0)
        return fail(p, at, SP_E_PARSE, "found %s; expected a name of a chip, or a file", found(p, at));
    if (!(text = sp_arena_strndup(p->arena, p->text + at, n)))
        return fail(p, at, SP_E_NOMEM, "no memory for a name");
    p->at += n;
    sp_status status = p->lookup(p->context, text, &p->machine->chip, &inner);
    if (status && inner.file[0]) {   /* the chip's own file is at fault: its position says more */
        if (p->err)
            *p->err = inner;
        return status;
    }
    return status ? moved(p, at, status, &inner) : SP_OK;
}

/* Leaving the word out means unknown; 0 would be taken for that without a word. */
static sp_status count_of_one(parser *p, const char *word, uint32_t *out)
{
    size_t at = p->at;
    sp_status status = count(p, out);
    return status || *out ? status : fail(p, at, SP_E_INVAL, "found %s=0; it starts at 1, and leaving it out means unknown", word);
}

static sp_status value_above_0(parser *p, const char *word, sp_unit unit, sp_value *out)
{
    size_t at = p->at;
    sp_status status = value(p, unit, out);
    return status || out->low > 0 ? status : fail(p, at, SP_E_INVAL, "found %s, which starts at 0; expected more, and leaving it out means unknown", word);
}

static sp_status rack(parser *p)
{
    sp_status status = count_of_one(p, "rack", &p->machine->chips_per_rack);
    if (!status && p->text[p->at] == '+') {
        p->at++;
        status = count(p, &p->machine->spares_per_rack);
    }
    return status;
}

static sp_status word_value(parser *p, int word)
{
    sp_machine *m = p->machine;
    switch (word) {
    case W_CHIP: return chip(p);
    case W_HOST: return name(p, &m->host);
    case W_CHIPS_PER_HOST: return count_of_one(p, words[word], &m->chips_per_host);
    case W_RACK: return rack(p);
    case W_POWER: return value_above_0(p, words[word], SP_UNIT_WATT, &m->power_w);
    case W_OVERHEAD: return value(p, SP_UNIT_WATT, &m->overhead_w_per_chip);
    case W_PRICE: return value_above_0(p, words[word], SP_UNIT_USD, &m->price_usd);
    case W_AVAILABLE: return date(p, &m->available);
    case W_PLANE: return name(p, &m->planes[m->n_planes - 1].name);
    case W_UBOE: m->uses_uboe = true; return SP_OK;
    default: m->uses_pcie = true; return SP_OK;
    }
}

static sp_status unknown_word(parser *p, size_t start, size_t n)
{
    const char *all[W_N + SP_TIER_KINDS + 1];
    char word[WORD_MAX];
    memcpy(all, words, W_N * sizeof *all);
    memcpy(all + W_N, sp_i_kind_names(), (SP_TIER_KINDS + 1) * sizeof *all);
    snprintf(word, sizeof word, "%.*s", n < 40 ? (int)n : 40, p->text + start);
    const char *near = sp_text_nearest(word, all);
    return fail(p, start, SP_E_PARSE, "found %s; expected a tier (mesh, torus, clos, switch, rail or dragonfly, such as mesh:8@56GB/s), "
                "'||' between planes, or one of chip= host= chips-per-host= rack= power= overhead= price= available= plane= uboe "
                "pcie%s%s%s", found(p, start), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static sp_status word(parser *p, uint32_t *seen)
{
    bool assigned;
    size_t start = p->at, n = key_length(p, &assigned);
    int w = 0;
    while (w < W_N && !key_is(p, n, words[w]))
        w++;
    if (w == W_N || n == 0)
        return unknown_word(p, start, n);
    if (w == W_PLANE ? p->machine->planes[p->machine->n_planes - 1].name != NULL : *seen >> w & 1)
        return fail(p, start, SP_E_PARSE, "'%s' is given twice; keep one", words[w]);
    *seen |= 1u << w;
    if (assigned != (w <= W_LAST_ASSIGNED))
        return fail(p, start, SP_E_PARSE, "'%s' %s", words[w], assigned ? "takes no value; leave '=' away" : "needs '=' and a value");
    p->at += n + assigned;
    return word_value(p, w);
}

/* A tier or a word; `kind:` tells them apart. */
static sp_status item(parser *p, uint32_t *seen)
{
    bool assigned;
    size_t start = p->at, n = key_length(p, &assigned);
    char kind_name[16];
    sp_tier_kind kind;
    sp_status status;
    if (p->text[start + n] == ':') {
        snprintf(kind_name, sizeof kind_name, "%.*s", n < sizeof kind_name ? (int)n : (int)sizeof kind_name - 1, p->text + start);
        if (n >= sizeof kind_name || !sp_i_kind_find(kind_name, &kind))
            return unknown_word(p, start, n);
        status = tier(p, kind, n);
    } else {
        status = word(p, seen);
    }
    if (!status && p->text[p->at] && !strchr(" \t\n", p->text[p->at]))
        return fail(p, p->at, SP_E_PARSE, "found %s; expected a blank or ',' here", found(p, p->at));
    return status;
}

static sp_status next_plane(parser *p)
{
    sp_machine *m = p->machine;
    if (m->planes[m->n_planes - 1].n_tiers == 0)
        return fail(p, p->at, SP_E_PARSE, "found '||' before any tier; a plane has at least one tier such as mesh:8@56GB/s");
    if (m->n_planes == SP_PLANES_MAX)
        return fail(p, p->at, SP_E_RANGE, "found more than %d planes", SP_PLANES_MAX);
    p->at += 2;
    p->plane_at[m->n_planes++] = p->at;
    return SP_OK;
}

static sp_status all(parser *p)
{
    uint32_t seen = 0;
    sp_machine *m = p->machine;
    for (;;) {
        p->at += strspn(p->text + p->at, " \t\n");
        if (!p->text[p->at])
            break;
        sp_status status = p->text[p->at] == '|' && p->text[p->at + 1] == '|' ? next_plane(p) : item(p, &seen);
        if (status)
            return status;
    }
    if (m->planes[m->n_planes - 1].n_tiers == 0)
        return fail(p, p->at, SP_E_PARSE, "found the end; expected a tier such as mesh:8@56GB/s");
    if (!m->chip)
        return fail(p, p->at, SP_E_PARSE, "the machine has no chip; add chip=NAME, such as chip=ascend-950dt");
    return SP_OK;
}

/* Which word is at fault for an error of the whole: a plane, or the chip. */
static size_t blame(parser *p)
{
    uint32_t chips = 0, first = 0;
    for (uint32_t i = 0; i < p->machine->n_planes; i++) {
        sp_plane probe = p->machine->planes[i];
        sp_error ignored;
        if (sp_i_plane_finish(&probe, i, p->arena, &chips, &ignored) || (i && chips != first))
            return p->plane_at[i] + strspn(p->text + p->plane_at[i], " \t\n");
        first = i ? first : chips;
    }
    return p->plane_at[0] + strspn(p->text + p->plane_at[0], " \t\n");
}

sp_status sp_i_machine_parse(const char *text, sp_arena *arena, sp_i_chip_lookup lookup, void *context, sp_machine **out,
                             sp_error *err)
{
    sp_machine *machine = sp_arena_alloc(arena, 1, sizeof *machine);
    parser p = {.text = text, .arena = arena, .machine = machine, .err = err, .lookup = lookup, .context = context};
    if (!machine)
        return fail(&p, 0, SP_E_NOMEM, "no memory for a machine");
    if (strlen(text) > TEXT_MAX)
        return fail(&p, TEXT_MAX, SP_E_RANGE, "the machine string is longer than %u characters", TEXT_MAX);
    machine->name = "custom";
    machine->n_planes = 1;
    sp_status status = all(&p);
    if (status)
        return status;
    sp_error inner = {0};
    sp_machine finished = *machine;
    status = sp_i_machine_finish(&finished, arena, &inner);
    if (status)
        return fail(&p, blame(&p), status, "%s", inner.text);
    *machine = finished;
    *out = machine;
    return SP_OK;
}
