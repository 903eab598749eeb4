/* Rows of collectives: all-reduce and point to point by size, and expert-parallel dispatch and combine kernels. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES 1073741824.0   /* of rows that say "large": 1 GiB, where every published curve is flat */

typedef struct coll_cells {
    const char *op, *hw_class, *hardware, *fabric, *library, *dtype, *note;
    double ranks, nodes, per_scaleup, size_bytes, time_us, algbw_gbs, busbw_gbs;
} coll_cells;

/* What a row became: one collective of ours, and how its printed bandwidth counts. */
typedef struct coll_case {
    sp_coll_op op;
    sp_placement placement;
    double size_bytes;
    double bus_factor;     /* printed bandwidth = bus_factor x size_bytes / time */
    bool replicated;       /* the other ranks of the nodes do the same at once   */
} coll_case;

static sp_status read_cells(const sp_csv *csv, size_t row, coll_cells *c, sp_error *err)
{
    const struct { const char *column; double *out; } numbers[] = {
        {"ranks", &c->ranks}, {"nodes", &c->nodes}, {"ranks_per_scaleup", &c->per_scaleup}, {"size_bytes", &c->size_bytes},
        {"time_us", &c->time_us}, {"algbw_gbs", &c->algbw_gbs}, {"busbw_gbs", &c->busbw_gbs}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sp_status status = sp_i_cell_number(csv, row, numbers[i].column, numbers[i].out, err);
        if (status != SP_OK)
            return status;
    }
    c->op = sp_i_cell_text(csv, row, "op");
    c->hw_class = sp_i_cell_text(csv, row, "hw_class");
    c->hardware = sp_i_cell_text(csv, row, "hardware");
    c->fabric = sp_i_cell_text(csv, row, "fabric");
    c->library = sp_i_cell_text(csv, row, "library");
    c->dtype = sp_i_cell_text(csv, row, "dtype");
    c->note = sp_i_cell_text(csv, row, "note");
    return SP_OK;
}

/* The number that stands right after `word` ("hidden 7168") or right before it ("128 tokens/rank"). */
static double number_after(const char *text, const char *word, double otherwise)
{
    const char *at = strstr(text, word);
    char *end = NULL;
    double value = at ? strtod(at + strlen(word), &end) : 0;
    return at && end > at + strlen(word) ? value : otherwise;
}

static double number_before(const char *text, const char *word, double otherwise)
{
    const char *at = strstr(text, word), *digits = at;
    while (digits && digits > text && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits && digits < at ? strtod(digits, NULL) : otherwise;
}

/* ---- expert parallelism ------------------------------------------------------------------------------------------- */

typedef struct ep_shape { double tokens, hidden, topk, groups_kept; } ep_shape;

/* "4096 tokens/rank, hidden 7168, top-4 groups, top-8 experts": DeepSeek-V3's sizes where a row says only part of them. */
static ep_shape ep_shape_of(const coll_cells *c, bool low_latency)
{
    ep_shape s = {number_before(c->note, " tokens/", low_latency ? 128 : 4096), number_after(c->note, "hidden ", 7168), 8, 0};
    for (const char *p = strstr(c->note, "top-"); p; p = strstr(p + 1, "top-")) {
        char *end = NULL;
        double k = strtod(p + 4, &end);
        if (strncmp(end, " groups", 7) == 0)
            s.groups_kept = k;
        else
            s.topk = k;
    }
    return s;
}

/* Bytes of one token's copy: one scale of 4 B for every 128 elements of 8-bit formats. */
static double copy_bytes(const coll_cells *c, double hidden, bool combine)
{
    bool bits8 = !combine && (sp_i_word_in(c->dtype, "fp8") || sp_i_word_in(c->dtype, "int8"));
    return bits8 ? hidden * (1 + 4.0 / 128) : 2 * hidden;
}

/* Different places (of n) that a token goes to: topk experts drawn freely, or only from `kept` of 8 groups (DeepSeek-V3),
 * groups lying whole in places. */
static double places_hit(double n, double topk, double kept)
{
    if (kept <= 0 || n > 8)
        return fmin(n * (1 - pow(1 - 1 / n, topk)), kept > 0 ? kept : n);
    double miss = 1, in_place = 8 / n;   /* none of the kept groups lies in a given place: drawn without replacement */
    for (int i = 0; i < (int)kept; i++)
        miss *= fmax(0, 8 - in_place - i) / (8 - i);
    return n * (1 - miss);
}

/* Normal kernels send a token once to every place that needs it: over the slower tier node to node along rails, inside one
 * node rank to rank. Low-latency kernels send every expert's copy to its rank. Printed bandwidth counts all copies, the one
 * that stays included, as all-to-all's send buffer does. */
static void ep_case(const coll_cells *c, uint32_t ranks, uint32_t domain, coll_case *out)
{
    bool low_latency = strstr(c->op, "_ll") != NULL, combine = strstr(c->op, "combine") != NULL;
    ep_shape s = ep_shape_of(c, low_latency);
    uint32_t nodes = ranks / domain;
    double copies = s.topk;
    out->op = SP_COLL_ALL_TO_ALL;
    out->bus_factor = 1;
    if (!low_latency && nodes > 1) {
        out->placement = (sp_placement){.base = 0, .n_dims = 1, .dim = {{nodes, domain}}};
        out->replicated = true;
        copies = places_hit(nodes, s.topk, s.groups_kept);
    } else if (!low_latency)
        copies = places_hit(ranks, s.topk, s.groups_kept);
    out->size_bytes = s.tokens * copies * copy_bytes(c, s.hidden, combine);
}

/* ---- mapping ------------------------------------------------------------------------------------------------------- */

/* All ranks, dims as the tiers have them, so that algorithms see the levels. */
static sp_placement whole_machine(const sp_machine *machine)
{
    sp_placement p = {.base = 0, .n_dims = 0};
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers; t++) {
        uint32_t stride = plane->tiers[t].stride;
        for (uint32_t d = 0; d < plane->tiers[t].n_dims; d++) {
            uint32_t size = plane->tiers[t].dims[d];
            if (size > 1) {
                p.dim[p.n_dims].size = size;
                p.dim[p.n_dims++].stride = stride;
            }
            stride *= size;
        }
    }
    return p;
}

/* Ranks that share a scale-up domain; "RDMA only even intra-node": none do. */
static uint32_t domain_of(const coll_cells *c, uint32_t ranks)
{
    if (sp_i_word_in(c->fabric, "RDMA only"))
        return 1;
    uint32_t nodes = sp_i_num_count(c->nodes, 1), domain = sp_i_num_count(c->per_scaleup, ranks / (nodes ? nodes : 1));
    if (nodes > 1 && ranks % nodes == 0 && ranks / nodes < domain && domain <= 8)
        domain = ranks / nodes;   /* two ranks on two nodes */
    return domain && domain < ranks ? domain : ranks;
}

static bool map_op(sp_i_ctx *ctx, const coll_cells *c, uint32_t ranks, uint32_t domain, coll_case *out)
{
    out->size_bytes = sp_i_num_set(c->size_bytes) ? c->size_bytes : LARGE_BYTES;
    if (sp_i_word_starts(c->op, "ep_")) {
        ep_case(c, ranks, domain, out);
        return true;
    }
    if (strcmp(c->op, "p2p_bandwidth") == 0) {
        out->op = SP_COLL_SEND_RECV;
        out->bus_factor = sp_i_word_in(c->note, "bidirectional") ? 2 : 1;
        return true;
    }
    char word[32];
    snprintf(word, sizeof word, "%s", c->op);
    for (char *p = word; *p; p++)
        *p = *p == '_' ? '-' : *p;
    if (sp_coll_op_parse(word, &out->op, NULL) != SP_OK)
        return sp_i_row_refuse(ctx, "operation '%s' is no collective: host copies and memory accesses are not modelled", c->op);
    out->bus_factor = sp_coll_bus_factor(out->op, ranks) * (sp_i_word_in(c->note, "bidirectional") ? 2 : 1);
    return true;
}

static void compare(sp_i_ctx *ctx, const coll_cells *c, const coll_case *k, double time_s)
{
    double gbs = k->size_bytes / time_s / 1e9;
    if (sp_i_num_set(c->time_us) && c->time_us > 0)
        sp_i_row_compare(ctx->row, "time_us", c->time_us, time_s * 1e6, true);
    else if (sp_i_num_set(c->busbw_gbs) && c->busbw_gbs > 0)
        sp_i_row_compare(ctx->row, "busbw_gbs", c->busbw_gbs, gbs * k->bus_factor, false);
    else if (sp_i_num_set(c->algbw_gbs) && c->algbw_gbs > 0)
        sp_i_row_compare(ctx->row, "algbw_gbs", c->algbw_gbs, gbs, false);
    else
        sp_i_row_refuse(ctx, "the row prints neither time nor bandwidth above 0");
}

/* Libraries with a stack of their own are told by name; the others are their vendor's. */
static const sp_stack *stack_of(const coll_cells *c, const sp_chip *chip)
{
    const sp_stack *stack = sp_i_word_starts(c->op, "ep_") ? sp_stack_find(strcmp(chip->vendor, "Huawei") == 0 ? "cann-ep" : "deepep") : NULL;
    return stack ? stack : sp_stack_default(chip);
}

sp_status sp_i_coll_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err)
{
    coll_cells c;
    sp_status status = read_cells(csv, row, &c, err);
    if (status != SP_OK)
        return status;
    ctx->row->label = c.op;
    ctx->row->size = sp_i_num_set(c.size_bytes) ? c.size_bytes : NAN;
    if (!sp_i_num_set(c.ranks) || c.ranks < 2) {
        sp_i_row_refuse(ctx, "no collective of %g ranks: host copies are not modelled", sp_i_num_set(c.ranks) ? c.ranks : 0.0);
        return SP_OK;
    }
    uint32_t ranks = sp_i_num_count(c.ranks, 0), domain = domain_of(&c, ranks);
    coll_case k = {.bus_factor = 1};
    const sp_machine *machine = NULL;
    bool dies = sp_i_word_in(c.hardware, " die") || sp_i_word_in(c.note, "counts dies");
    if (!map_op(ctx, &c, ranks, domain, &k) ||
        !sp_i_class_machine(ctx, c.hw_class, c.fabric, ranks, sp_i_num_count(c.per_scaleup, 8), domain, dies ? 0.5 : 1, &machine))
        return SP_OK;
    if (k.placement.n_dims == 0)
        k.placement = whole_machine(machine);
    ctx->row->size = k.size_bytes;
    sp_coll_time time;
    sp_error why;
    memset(&time, 0, sizeof time);
    if (sp_coll_best(k.op, machine, &k.placement, stack_of(&c, machine->chip), k.size_bytes, k.replicated, NULL, &time, &why) != SP_OK) {
        sp_i_row_refuse(ctx, "%s", why.text);
        return SP_OK;
    }
    if (!sp_i_num_set(c.size_bytes) && !sp_i_word_starts(c.op, "ep_"))
        sp_i_row_assume(ctx, "1 GiB");
    ctx->row->plan = time.algo ? time.algo->name : NULL;
    compare(ctx, &c, &k, time.comm.time_s);
    return SP_OK;
}
