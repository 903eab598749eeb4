/* Rows of collectives: all-reduce and point to point by size, and expert-parallel dispatch and combine kernels. */
#include "run_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES 1073741824.0   /* of rows that say "large": 1 GiB, where every published curve is flat */

#define SIZE_MAX_BYTES 1125899906842624.0   /* 2^50: more than any chip holds, and sums of sizes stay exact */

typedef struct coll_cells {
    const char *op, *hw_class, *hardware, *fabric, *library, *dtype, *note;
    double ranks, nodes, per_scaleup, size_bytes, time_us, algbw_gbs, busbw_gbs;
} coll_cells;

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

/* ---- expert parallelism ------------------------------------------------------------------------------------------- */

typedef struct ep_shape { double tokens, hidden, topk, groups_kept; } ep_shape;

/* "4096 tokens/rank, hidden 7168, top-4 groups, top-8 experts": DeepSeek-V3's sizes where a row says only part of them. */
static ep_shape ep_shape_of(const coll_cells *c, bool low_latency)
{
    double tokens = sp_i_word_number_before(c->note, " tokens per rank", low_latency ? 128 : 4096);
    ep_shape s = {sp_i_word_number_before(c->note, " tokens/", tokens), sp_i_word_number_after(c->note, "hidden ", sp_i_word_number_after(c->note, "hidden=", 7168)), 8, 0};
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

/* Different places (of n) that a token goes to when its topk experts are drawn freely. */
static double places_hit(double n, double topk)
{
    return n * (1 - pow(1 - 1 / n, topk));
}

static void add_leg(sp_study_coll *k, sp_placement placement, double size_bytes, double message_bytes, bool replicated)
{
    k->leg[k->n_legs++] = (sp_study_leg){SP_COLL_ALL_TO_ALL, placement, size_bytes, message_bytes, replicated};
}

/* Low-latency kernels send every expert's copy to its rank as a message of its own. Normal kernels send a token once to every
 * node that needs it, along rails and many tokens a message, while copies for the ranks of a node go on inside it: both at
 * once. DeepSeek-V3's "groups" are nodes there: a token goes to that many at most. Printed bandwidth counts the copies of
 * the slower tier, the one that stays included. */
static void ep_case(const coll_cells *c, uint32_t ranks, uint32_t domain, sp_placement all, sp_study_coll *k)
{
    bool low_latency = strstr(c->op, "_ll") != NULL, combine = strstr(c->op, "combine") != NULL;
    ep_shape s = ep_shape_of(c, low_latency);
    double copy = copy_bytes(c, s.hidden, combine);
    uint32_t nodes = ranks / domain;
    if (low_latency) {
        k->counted_bytes = s.tokens * s.topk * copy;
        add_leg(k, all, k->counted_bytes, copy, false);
        return;
    }
    double reached = s.groups_kept > 0 && nodes > s.groups_kept ? s.groups_kept : nodes;
    double to_ranks = s.tokens * copy * places_hit(reached * domain, s.topk), to_nodes = s.tokens * copy * places_hit(reached, s.topk);
    if (domain > 1)
        add_leg(k, (sp_placement){.n_dims = 1, .dim = {{domain, 1}}}, to_ranks, copy, true);
    if (nodes > 1)
        add_leg(k, (sp_placement){.n_dims = 1, .dim = {{nodes, domain}}}, to_nodes, 0, true);
    k->counted_bytes = nodes > 1 ? to_nodes : to_ranks;
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

/* Names that nccl-tests (its programs are called NAME_perf), rccl-tests, PyTorch, hccl_test and FlagPerf have for operations, beside our own: any
 * case, with or without '-' and '_'. */
static bool read_op(const char *name, sp_coll_op *out, const char **assumed)
{
    static const struct { const char *name; sp_coll_op op; const char *assumed; } rows[] = {
        {"allreduce", SP_COLL_ALL_REDUCE, NULL}, {"allgather", SP_COLL_ALL_GATHER, NULL}, {"allgatherintotensor", SP_COLL_ALL_GATHER, NULL},
        {"reducescatter", SP_COLL_REDUCE_SCATTER, NULL}, {"reducescattertensor", SP_COLL_REDUCE_SCATTER, NULL}, {"alltoall", SP_COLL_ALL_TO_ALL, NULL},
        {"alltoallsingle", SP_COLL_ALL_TO_ALL, NULL}, {"alltoallv", SP_COLL_ALL_TO_ALL, "all pairs send alike"}, {"broadcast", SP_COLL_BROADCAST, NULL},
        {"bcast", SP_COLL_BROADCAST, NULL}, {"sendrecv", SP_COLL_SEND_RECV, NULL}, {"p2p", SP_COLL_SEND_RECV, NULL}, {"p2pbandwidth", SP_COLL_SEND_RECV, NULL},
        {"p2pbandwidthnpunpu", SP_COLL_SEND_RECV, NULL}, {"reduce", SP_COLL_BROADCAST, "a reduce takes as long as the broadcast that it is backwards"}};
    char word[48];
    sp_i_word_squeeze(name, false, word, sizeof word);
    size_t length = strlen(word);
    if (length > 4 && strcmp(word + length - 4, "perf") == 0)
        word[length - 4] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(word, rows[i].name) == 0) {
            *out = rows[i].op;
            *assumed = rows[i].assumed;
            return true;
        }
    return false;
}

/* CANN's devices are dies: two to an Ascend 910C, and expert-parallel ranks are devices. */
static bool dies(const coll_cells *c, bool ep)
{
    return sp_i_word_in(c->hardware, " die") || sp_i_word_in(c->note, "per die") || sp_i_word_in(c->note, "counts dies") || (ep && sp_i_class_is(c->hw_class, "Ascend-910C"));
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

static bool map_op(sp_i_ctx *ctx, const coll_cells *c, uint32_t ranks, sp_placement all, sp_study_coll *k)
{
    sp_study_leg leg = {.placement = all, .size_bytes = sp_i_num_set(c->size_bytes) ? c->size_bytes : LARGE_BYTES};
    const char *assumed;
    if (!read_op(c->op, &leg.op, &assumed))
        return sp_i_row_refuse(ctx, "operation '%s' is no collective: single memory accesses and copies of which both directions may be counted are not "
                               "modelled", c->op);
    if (assumed)
        sp_i_row_assume(ctx, "%s", assumed);
    k->leg[k->n_legs++] = leg;
    k->counted_bytes = leg.size_bytes * sp_coll_bus_factor(leg.op, ranks) * (sp_i_word_in(c->note, "bidirectional") ? 2 : 1);
    return true;
}

static void compare(sp_i_ctx *ctx, const coll_cells *c, sp_study_coll *k, double size_bytes, double time_s)
{
    if (sp_i_num_set(c->time_us) && c->time_us > 0)
        sp_i_row_compare(ctx->row, "time_us", c->time_us, time_s * 1e6, true);
    else if (sp_i_num_set(c->busbw_gbs) && c->busbw_gbs > 0)
        sp_i_row_compare(ctx->row, "busbw_gbs", c->busbw_gbs, k->counted_bytes / time_s / 1e9, false);
    else if (sp_i_num_set(c->algbw_gbs) && c->algbw_gbs > 0)
        sp_i_row_compare(ctx->row, "algbw_gbs", c->algbw_gbs, size_bytes / time_s / 1e9, false);
    else
        sp_i_row_refuse(ctx, "the row prints neither time nor bandwidth above 0");
    k->measured_s = time_s / (1 + ctx->row->slow);
}

/* Libraries of expert-parallel kernels are told by name; the others are their vendor's. */
static const sp_stack *stack_of(const coll_cells *c, const sp_machine *machine)
{
    static const struct { const char *word, *stack; } rows[] = {{"DeepEP-Ascend", "deepep-ascend"}, {"CANN", "cann-ep"}, {"UCCL", "uccl-ep"},
                                                                {"DeepEP", "deepep"}};
    const sp_stack *stack = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !stack && sp_i_word_starts(c->op, "ep_"); i++)
        if (sp_i_word_in(c->library, rows[i].word))
            stack = sp_machine_stack(machine, rows[i].stack);
    if (strcmp(c->library, "UB") == 0)   /* copies by the memory system, without a library */
        stack = sp_machine_stack(machine, "ideal");
    return stack ? stack : sp_machine_stack(machine, NULL);
}

/* Legs run at once: the slowest decides. */
static bool predict(sp_i_ctx *ctx, sp_study_coll *k, double *time_s)
{
    *time_s = 0;
    for (uint32_t i = 0; i < k->n_legs; i++) {
        sp_study_leg_time *time = &k->leg_time[i];
        sp_error why;
        if (sp_i_coll_leg(&k->leg[i], k->machine, k->stack, time, &why) != SP_OK)
            return sp_i_row_refuse(ctx, "%s", why.text);
        if (time->time_s > *time_s) {
            const sp_coll_time *lines = &time->lines;
            *time_s = time->time_s;
            ctx->row->plan = sp_arena_printf(ctx->arena, "%s %s%s", lines->algo ? lines->algo->name : "", lines->comm.protocol ? lines->comm.protocol : "",
                                             lines->comm.together ? ", phases together" : "");
            ctx->row->size = k->leg[i].size_bytes;
        }
    }
    return true;
}

/* What PCIe leaves of its raw rate: 128b/130b coding, and 24 bytes of headers, checks and framing a packet. Chips with another link to their
 * host have no row yet. guess: packets of 256 B, from memory, unverified. */
#define PCIE_PAYLOAD (128.0 / 130 * 256 / (256 + 24))

/* Copies between a chip and its host: the link between them. */
static bool copy_row(sp_i_ctx *ctx, const coll_cells *c)
{
    const sp_chip *chip = sp_i_class_chip(ctx, c->hw_class);
    double measured = sp_i_num_set(c->busbw_gbs) ? c->busbw_gbs : c->algbw_gbs;
    if (!chip)
        return sp_i_row_refuse(ctx, "no chip in the catalog for hardware class '%s'", c->hw_class);
    if (chip->host_bw_bytes_per_s.grade == SP_GRADE_NONE)
        return sp_i_row_refuse(ctx, "the catalog does not say how fast chip '%s' reaches its host", chip->name);
    if (!sp_i_num_set(measured) || measured <= 0)
        return sp_i_row_refuse(ctx, "a copy to or from the host without a bandwidth above 0");
    ctx->row->plan = "copy";
    sp_i_row_compare(ctx->row, sp_i_num_set(c->busbw_gbs) ? "busbw_gbs" : "algbw_gbs", measured, chip->host_bw_bytes_per_s.nominal * PCIE_PAYLOAD / 1e9, false);
    return true;
}

sp_status sp_i_coll_row(sp_i_ctx *ctx, const sp_csv *csv, size_t row, sp_error *err)
{
    coll_cells c;
    sp_status status = read_cells(csv, row, &c, err);
    if (status != SP_OK)
        return status;
    ctx->row->label = c.op;
    ctx->row->size = sp_i_num_set(c.size_bytes) ? c.size_bytes : NAN;
    if (strcmp(c.op, "h2d_bandwidth") == 0 || strcmp(c.op, "d2h_bandwidth") == 0) {
        copy_row(ctx, &c);
        return SP_OK;
    }
    if (!sp_i_num_set(c.ranks) || c.ranks < 2) {
        sp_i_row_refuse(ctx, "no collective of %g ranks", sp_i_num_set(c.ranks) ? c.ranks : 0.0);
        return SP_OK;
    }
    if (!sp_i_count_is(c.ranks) || (sp_i_num_set(c.nodes) && !sp_i_count_is(c.nodes)) || (sp_i_num_set(c.per_scaleup) && !sp_i_count_is(c.per_scaleup))) {
        sp_i_row_refuse(ctx, "found %g ranks on %g nodes, %g a scale-up domain: expected whole numbers from 1 to 2^32 - 2", c.ranks, c.nodes, c.per_scaleup);
        return SP_OK;
    }
    if (c.size_bytes > SIZE_MAX_BYTES) {
        sp_i_row_refuse(ctx, "found %g bytes: expected at most 2^50", c.size_bytes);
        return SP_OK;
    }
    bool ep = sp_i_word_starts(c.op, "ep_");
    uint32_t ranks = sp_i_num_count(c.ranks, 0), domain = domain_of(&c, ranks);
    sp_study_coll *k = sp_arena_alloc(ctx->arena, 1, sizeof *k);
    if (!k)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a row");
    if (!sp_i_class_machine(ctx, c.hw_class, c.fabric, ranks, sp_i_num_count(c.per_scaleup, 8), domain, dies(&c, ep) ? 0.5 : 1, &k->machine))
        return SP_OK;
    k->stack = stack_of(&c, k->machine);
    if (ep)
        ep_case(&c, ranks, domain, whole_machine(k->machine), k);
    else if (!map_op(ctx, &c, ranks, whole_machine(k->machine), k))
        return SP_OK;
    double time_s;
    if (!predict(ctx, k, &time_s))
        return SP_OK;
    if (!sp_i_num_set(c.size_bytes) && !ep)
        sp_i_row_assume(ctx, "1 GiB");
    compare(ctx, &c, k, k->leg[0].size_bytes, time_s);
    ctx->row->coll = k;
    return SP_OK;
}
