/* Plans as text: "tp=8 cp=1 ep=64 …". One table is parser and printer. */
#include "superpod/workload.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const recompute_names[] = {"none", "selective", "alternate", "full", NULL};
static const char *const schedule_names[] = {"1f1b", "interleaved", "gpipe", "zb-h1", "zb-h2", "dualpipe", "zb-v", "dualpipev", NULL};
static const char *const cp_way_names[] = {"ring", "gather", "ulysses", NULL};
static const char *const group_names[] = {"tp", "cp", "dp", "pp", "ep", "edp", "etp", "shard", "replica", "eshard", "ereplica", NULL};

const char *sp_recompute_name(sp_recompute recompute) { return recompute_names[recompute]; }
const char *sp_schedule_name(sp_schedule schedule) { return schedule_names[schedule]; }
bool sp_schedule_is_vee(sp_schedule schedule) { return schedule == SP_SCHEDULE_ZB_V || schedule == SP_SCHEDULE_DUALPIPEV; }
bool sp_schedule_joins(sp_schedule schedule) { return schedule == SP_SCHEDULE_DUALPIPE || schedule == SP_SCHEDULE_DUALPIPEV; }
const char *sp_cp_way_name(sp_cp_way way) { return cp_way_names[way]; }
const char *sp_comm_group_name(sp_comm_group group) { return group_names[group]; }

static sp_status pick(const char *what, const char *text, const char *const *names, int *out, sp_error *err)
{
    char all[160] = "";
    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return SP_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found %s '%s', expected one of %s", what, text, all);
}

sp_status sp_recompute_parse(const char *text, sp_recompute *out, sp_error *err)
{
    int which;
    sp_status status = pick("recompute", text, recompute_names, &which, err);
    if (status == SP_OK)
        *out = (sp_recompute)which;
    return status;
}

sp_status sp_schedule_parse(const char *text, sp_schedule *out, sp_error *err)
{
    int which;
    sp_status status = pick("schedule", text, schedule_names, &which, err);
    if (status == SP_OK)
        *out = (sp_schedule)which;
    return status;
}

sp_plan sp_plan_default(void)
{
    return (sp_plan){.tp = 1, .cp = 1, .ep = 1, .etp = 1, .pp = 1, .vpp = 1, .dp = 1, .zero = 1, .mbs = 1, .gbs = 1, .seq = 4096,
                     .precision = SP_FMT_BF16, .recompute = SP_RECOMPUTE_NONE, .schedule = SP_SCHEDULE_1F1B,
                     .sequence_parallel = true, .order = {SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_DP, SP_AXIS_PP}, .overlap_dp = true};
}

/* ---- the table of keys ---- */

typedef enum key_kind { KEY_U32, KEY_U64, KEY_BOOL, KEY_PRECISION, KEY_RECOMPUTE, KEY_SCHEDULE, KEY_CP_WAY, KEY_PLACE, KEY_ORDER, KEY_STACK, KEY_SOFTWARE } key_kind;
typedef struct key { const char *name; key_kind kind; size_t offset; bool quiet; } key;   /* quiet: not printed at zero, which is "as usual" */

static const key keys[] = {
    {"tp", KEY_U32, offsetof(sp_plan, tp), false}, {"cp", KEY_U32, offsetof(sp_plan, cp), false}, {"ep", KEY_U32, offsetof(sp_plan, ep), false},
    {"etp", KEY_U32, offsetof(sp_plan, etp), false}, {"pp", KEY_U32, offsetof(sp_plan, pp), false}, {"vpp", KEY_U32, offsetof(sp_plan, vpp), false},
    {"dp", KEY_U32, offsetof(sp_plan, dp), false}, {"zero", KEY_U32, offsetof(sp_plan, zero), false},
    {"zero-group", KEY_U32, offsetof(sp_plan, zero_group), true}, {"mbs", KEY_U32, offsetof(sp_plan, mbs), false},
    {"gbs", KEY_U64, offsetof(sp_plan, gbs), false}, {"seq", KEY_U64, offsetof(sp_plan, seq), false},
    {"precision", KEY_PRECISION, 0, false}, {"recompute", KEY_RECOMPUTE, 0, false},
    {"recompute-layers", KEY_U32, offsetof(sp_plan, recompute_layers), true}, {"schedule", KEY_SCHEDULE, 0, false}, {"cp-way", KEY_CP_WAY, 0, false},
    {"expert-load", KEY_U32, offsetof(sp_plan, expert_load), true},
    {"first-layers", KEY_U32, offsetof(sp_plan, first_layers), true}, {"last-layers", KEY_U32, offsetof(sp_plan, last_layers), true},
    {"lora-rank", KEY_U32, offsetof(sp_plan, lora_rank), true}, {"gradient-bytes", KEY_U32, offsetof(sp_plan, gradient_bytes), true}, {"offload-optimizer", KEY_BOOL, offsetof(sp_plan, offload_optimizer), true},
    {"offload-activations", KEY_U32, offsetof(sp_plan, offload_activations), true}, {"unfused-attention", KEY_BOOL, offsetof(sp_plan, unfused_attention), true},
    {"narrow-gather", KEY_BOOL, offsetof(sp_plan, narrow_gather), true}, {"blocking-sends", KEY_BOOL, offsetof(sp_plan, blocking_sends), true},
    {"sp", KEY_BOOL, offsetof(sp_plan, sequence_parallel), false}, {"overlap-dp", KEY_BOOL, offsetof(sp_plan, overlap_dp), false},
    {"overlap-tp", KEY_BOOL, offsetof(sp_plan, overlap_tp), false}, {"overlap-ep", KEY_BOOL, offsetof(sp_plan, overlap_ep), false},
    {"order", KEY_ORDER, 0, false}, {"place", KEY_PLACE, 0, false}, {"stack", KEY_STACK, 0, false}, {"software", KEY_SOFTWARE, 0, false},
};
#define N_KEYS (sizeof keys / sizeof keys[0])

/* ---- printing ---- */

static int put_tiers(char *out, size_t room, const char *axis, uint32_t mask, bool first)
{
    int used = snprintf(out, room, "%s%s=", first ? "" : ",", axis);
    const char *plus = "";
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++)
        if (mask >> t & 1) {
            used += snprintf(out + used, room - (size_t)used, "%s%u", plus, t);
            plus = "+";
        }
    return used;
}

static bool put_place(const sp_plan *plan, char *out, size_t room)
{
    size_t used = 0;
    for (int a = 0; a < SP_AXES; a++)
        if (plan->place[a])
            used += (size_t)put_tiers(out + used, room - used, group_names[a], plan->place[a], used == 0);
    if (plan->place_ep)
        used += (size_t)put_tiers(out + used, room - used, "ep", plan->place_ep, used == 0);
    return used > 0;
}

static bool put_value(const sp_plan *plan, const key *k, char *out, size_t room)
{
    const char *base = (const char *)plan + k->offset;
    switch (k->kind) {
    case KEY_U32: {
        uint32_t value = *(const uint32_t *)(const void *)base;
        snprintf(out, room, "%u", value);
        return value != 0 || !k->quiet;
    }
    case KEY_U64: snprintf(out, room, "%llu", (unsigned long long)*(const uint64_t *)(const void *)base); return true;
    case KEY_BOOL:
        snprintf(out, room, "%s", *(const bool *)base ? "yes" : "no");
        return *(const bool *)base || !k->quiet;
    case KEY_PRECISION: snprintf(out, room, "%s", sp_format_name(plan->precision)); return true;
    case KEY_RECOMPUTE: snprintf(out, room, "%s", sp_recompute_name(plan->recompute)); return true;
    case KEY_SCHEDULE: snprintf(out, room, "%s", sp_schedule_name(plan->schedule)); return true;
    case KEY_CP_WAY: snprintf(out, room, "%s", sp_cp_way_name(plan->cp_way)); return plan->cp_way != SP_CP_RING;
    case KEY_PLACE: return put_place(plan, out, room);
    case KEY_STACK: snprintf(out, room, "%s", plan->stack ? plan->stack : ""); return plan->stack != NULL;
    case KEY_SOFTWARE: snprintf(out, room, "%s", plan->software ? plan->software : ""); return plan->software != NULL;
    case KEY_ORDER:
        snprintf(out, room, "%s,%s,%s,%s", group_names[plan->order[0]], group_names[plan->order[1]], group_names[plan->order[2]],
                 group_names[plan->order[3]]);
        return true;
    }
    return false;
}

int sp_plan_format(const sp_plan *plan, char *out, size_t out_size)
{
    int used = 0;
    for (size_t i = 0; i < N_KEYS; i++) {
        char value[256];
        if (!put_value(plan, &keys[i], value, sizeof value))
            continue;
        bool room = (size_t)used < out_size;
        used += snprintf(room ? out + used : NULL, room ? out_size - (size_t)used : 0, "%s%s=%s", used ? " " : "",
                         keys[i].name, value);
    }
    return used;
}

/* ---- parsing ---- */

/* What is left out when it is 0 may be 0, and so may the ZeRO stage; the others are counted from 1. */
static sp_status read_count(const key *k, const char *text, uint64_t high, uint64_t *out, sp_error *err)
{
    char *end;
    bool digit = isdigit((unsigned char)text[0]);
    unsigned long long low = !k->quiet && k->offset != offsetof(sp_plan, zero), value = digit ? strtoull(text, &end, 10) : 0;
    if (!digit || *end || value < low || value > high || strlen(text) > 19)
        return sp_error_set(err, digit ? SP_E_RANGE : SP_E_PARSE, NULL, 0, 1, "found %s '%s', expected a whole number from %llu to %llu", k->name, text,
                            low, (unsigned long long)high);
    *out = value;
    return SP_OK;
}

static sp_status read_bool(const char *name, const char *text, bool *out, sp_error *err)
{
    bool yes = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on"), no = !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "off");
    if (!yes && !no)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, 1, "found %s '%s', expected yes or no", name, text);
    *out = yes;
    return SP_OK;
}

static sp_status read_tiers(const char *text, size_t length, uint32_t column, uint32_t *mask, sp_error *err)
{
    *mask = 0;
    for (size_t i = 0; i < length; i += 2) {
        bool digit = text[i] >= '0' && text[i] < '0' + SP_TIERS_MAX;
        if (!digit || (i + 1 < length && text[i + 1] != '+') || i + 2 == length)
            return sp_error_set(err, SP_E_PARSE, NULL, 0, column + (uint32_t)i,
                                "found tiers '%.*s', expected tier numbers 0-%d joined by '+', innermost tier 0: ep=0+1",
                                (int)length, text, SP_TIERS_MAX - 1);
        *mask |= 1u << (text[i] - '0');
    }
    if (*mask == 0)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, column, "found no tier, expected tier numbers such as 0+1");
    return SP_OK;
}

sp_status sp_plan_parse_place(const char *text, sp_plan *plan, sp_error *err)
{
    sp_plan draft = *plan;
    memset(draft.place, 0, sizeof draft.place);
    draft.place_ep = 0;
    for (const char *at = text;;) {
        size_t length = strcspn(at, ",");
        const char *equals = memchr(at, '=', length);
        uint32_t column = (uint32_t)(at - text) + 1, mask, *target = NULL;
        for (int a = 0; equals && a < SP_AXES; a++)
            if ((size_t)(equals - at) == strlen(group_names[a]) && strncmp(at, group_names[a], (size_t)(equals - at)) == 0)
                target = &draft.place[a];
        if (equals && equals - at == 2 && strncmp(at, "ep", 2) == 0)
            target = &draft.place_ep;
        if (!target)
            return sp_error_set(err, SP_E_PARSE, NULL, 0, column,
                                "found '%.*s', expected AXIS=TIERS with AXIS one of tp, cp, dp, pp, ep: tp=0,ep=0+1", (int)length, at);
        sp_status status = read_tiers(equals + 1, length - (size_t)(equals + 1 - at), column + (uint32_t)(equals + 1 - at), &mask, err);
        if (status != SP_OK)
            return status;
        if (*target)
            return sp_error_set(err, SP_E_PARSE, NULL, 0, column, "found '%.*s', and that axis stands before it too; give each once", (int)length, at);
        *target = mask;
        if (!at[length])
            break;
        at += length + 1;
    }
    *plan = draft;
    return SP_OK;
}

sp_status sp_plan_parse_order(const char *text, sp_plan *plan, sp_error *err)
{
    uint32_t order[SP_AXES], seen = 0, n = 0;
    const char *at = text;
    for (;; n++) {
        size_t length = strcspn(at, ",");
        int axis = -1;
        for (int a = 0; a < SP_AXES; a++)
            if (length == 2 && strncmp(at, group_names[a], 2) == 0)
                axis = a;
        if (axis < 0 || n == SP_AXES || seen >> axis & 1)
            return sp_error_set(err, SP_E_PARSE, NULL, 0, (uint32_t)(at - text) + 1,
                                "found '%.*s' in an order, expected tp, cp, dp and pp each once, innermost first: tp,cp,dp,pp",
                                (int)length, at);
        order[n] = (uint32_t)axis;
        seen |= 1u << axis;
        if (!at[length])
            break;
        at += length + 1;
    }
    if (n + 1 != SP_AXES)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, (uint32_t)strlen(text) + 1,
                            "found an order of %u axes, expected tp, cp, dp and pp each once: tp,cp,dp,pp", n + 1);
    memcpy(plan->order, order, sizeof order);
    return SP_OK;
}

static sp_status read_key(const key *k, const char *text, sp_plan *plan, sp_error *err)
{
    char *base = (char *)plan + k->offset;
    uint64_t value;
    sp_status status;
    switch (k->kind) {
    case KEY_U32:
        status = read_count(k, text, SP_CHIPS_MAX, &value, err);
        if (status == SP_OK)
            *(uint32_t *)(void *)base = (uint32_t)value;
        return status;
    case KEY_U64: return read_count(k, text, 1ull << 40, (uint64_t *)(void *)base, err);
    case KEY_BOOL: return read_bool(k->name, text, (bool *)base, err);
    case KEY_PRECISION: return sp_format_parse(text, &plan->precision, err);
    case KEY_RECOMPUTE: return sp_recompute_parse(text, &plan->recompute, err);
    case KEY_SCHEDULE: return sp_schedule_parse(text, &plan->schedule, err);
    case KEY_CP_WAY: {
        int way;
        sp_status read = pick("cp-way", text, cp_way_names, &way, err);
        if (read == SP_OK)
            plan->cp_way = (sp_cp_way)way;
        return read;
    }
    case KEY_PLACE: return sp_plan_parse_place(text, plan, err);
    case KEY_ORDER: return sp_plan_parse_order(text, plan, err);
    case KEY_STACK: plan->stack = text; return SP_OK;
    case KEY_SOFTWARE: plan->software = text; return SP_OK;   /* both checked against the machine's by sp_plan_check */
    }
    return SP_E_INTERNAL;
}

static sp_status read_word(const char *word, uint32_t column, sp_plan *plan, uint64_t *seen, sp_error *err)
{
    static_assert(N_KEYS <= 64, "a bit for each");
    const char *equals = strchr(word, '=');
    for (size_t i = 0; equals && i < N_KEYS; i++) {
        if (strlen(keys[i].name) != (size_t)(equals - word) || strncmp(keys[i].name, word, (size_t)(equals - word)) != 0)
            continue;
        if (*seen >> i & 1)
            return sp_error_set(err, SP_E_PARSE, NULL, 0, column, "found %s twice in a plan; give it once", keys[i].name);
        *seen |= UINT64_C(1) << i;
        sp_status status = read_key(&keys[i], equals + 1, plan, err);
        if (status != SP_OK && err)
            err->column = column + (uint32_t)(equals + 1 - word) + (err->column ? err->column - 1 : 0);
        return status;
    }
    char names[512] = "";
    for (size_t i = 0; i < N_KEYS; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "", keys[i].name);
    return sp_error_set(err, SP_E_PARSE, NULL, 0, column, "found '%s' in a plan, expected KEY=VALUE with KEY one of: %s", word, names);
}

sp_status sp_plan_parse(const char *text, sp_arena *arena, sp_plan *plan, sp_error *err)
{
    sp_plan draft = *plan;
    uint64_t seen = 0;
    for (const char *at = text;;) {
        at += strspn(at, " \t\n");
        size_t length = strcspn(at, " \t\n");
        if (length == 0)
            break;
        char *word = sp_arena_strndup(arena, at, length);
        if (!word)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a plan");
        sp_status status = read_word(word, (uint32_t)(at - text) + 1, &draft, &seen, err);
        if (status != SP_OK)
            return status;
        at += length;
    }
    *plan = draft;
    return SP_OK;
}
