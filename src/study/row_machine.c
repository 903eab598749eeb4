/* The machine of a row: chip, scale-up domain and scale-out network from hardware class, chips and the fabric's text.
 * Rates come from the chip's catalog entry unless the row states another scale-out; latencies from the catalog machine of
 * the class. The result is a machine string, so that anyone can run the row by hand. */
#include "run_i.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum shape { SHAPE_SWITCH, SHAPE_MESH, SHAPE_TORUS2, SHAPE_TORUS3 } shape;

/* One row a hardware class. `domain`: chips of a scale-up domain (of a full slice for TPUs). */
typedef struct class_row {
    const char *hw_class, *chip, *fallback_chip;
    const char *base;              /* catalog machine that latencies come from */
    shape scaleup;
    uint32_t domain;
} class_row;

static const class_row classes[] = {
    {"A100", "a100", NULL, "dgx-a100", SHAPE_SWITCH, 8},
    {"A100-40G", "a100-40g", "a100", "dgx-a100", SHAPE_SWITCH, 8},
    {"A100-PCIe", "a100", NULL, "dgx-a100", SHAPE_MESH, 2},
    {"H100", "h100", NULL, "dgx-h100", SHAPE_SWITCH, 8},
    {"H100-PCIe", "h100", NULL, "dgx-h100", SHAPE_MESH, 2},
    {"H100-NVL", "h100", NULL, "dgx-h100", SHAPE_MESH, 2},
    {"H100-96G", "h100-96g", "h100", "dgx-h100", SHAPE_SWITCH, 8},
    {"H800", "h800", NULL, "dgx-h100", SHAPE_SWITCH, 8},
    {"H20", "h20", NULL, "dgx-h100", SHAPE_SWITCH, 8},
    {"H200", "h200", NULL, "dgx-h100", SHAPE_SWITCH, 8},
    {"B200", "b200", NULL, "dgx-b200", SHAPE_SWITCH, 8},
    {"B300", "b300", NULL, "dgx-b200", SHAPE_SWITCH, 8},
    {"GB200", "gb200", NULL, "gb200-nvl72", SHAPE_SWITCH, 72},
    {"GB300", "gb300", NULL, "gb300-nvl72", SHAPE_SWITCH, 72},
    {"MI300X", "mi300x", NULL, "dgx-h100", SHAPE_MESH, 8},
    {"MI325X", "mi325x", "mi300x", "dgx-h100", SHAPE_MESH, 8},
    {"MI350X", "mi350x", NULL, "dgx-h100", SHAPE_MESH, 8},
    {"MI355X", "mi355x", NULL, "dgx-h100", SHAPE_MESH, 8},
    {"Ascend-910B", "ascend-910b", NULL, "atlas-900-a2", SHAPE_MESH, 8},
    {"Ascend-910C", "ascend-910c", NULL, "cloudmatrix-384", SHAPE_SWITCH, 384},
    {"TPU-v4", "tpu-v4", NULL, "tpu-v4-pod", SHAPE_TORUS3, 4096},
    {"TPU-v5e", "tpu-v5e", NULL, "tpu-v4-pod", SHAPE_TORUS2, 256},
    {"TPU-v5p", "tpu-v5p", NULL, "tpu-v5p-pod", SHAPE_TORUS3, 8960},
    {"TPU-v6e", "tpu-v6e", NULL, "tpu-v4-pod", SHAPE_TORUS2, 256},
    {"TPU-v7x", "tpu-v7", NULL, "tpu-v7-pod", SHAPE_TORUS3, 9216},
    {"TPU-v7", "tpu-v7", NULL, "tpu-v7-pod", SHAPE_TORUS3, 9216},
    {"Trn2", "trn2", NULL, "trn2-ultra", SHAPE_TORUS2, 16},
    {"Trainium2", "trn2", NULL, "trn2-ultra", SHAPE_TORUS2, 16},
};

/* Boards on PCIe that bridges join in pairs: raw rate of a pair's bridges, one direction. guess: 3 bridges of 100 GB/s, NVLink 3 and 4 alike (data sheets of
 * A100 PCIe and H100 NVL: 600 GB/s both ways), from memory, unverified. Their clocks, power and PCIe are no catalog chip's, so that only pairs are known. */
static const struct { const char *hw_class; double bw_bytes_per_s; } bridged[] = {{"A100-PCIe", 300e9}, {"H100-PCIe", 300e9}, {"H100-NVL", 300e9}};

static double bridge_bw_bytes_per_s(const class_row *class)
{
    for (size_t i = 0; i < sizeof bridged / sizeof bridged[0]; i++)
        if (strcmp(bridged[i].hw_class, class->hw_class) == 0)
            return bridged[i].bw_bytes_per_s;
    return 0;
}

static const class_row *class_find(const char *hw_class)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (sp_i_class_is(hw_class, classes[i].hw_class))
            return &classes[i];
    return NULL;
}

static const sp_chip *class_chip(sp_i_ctx *ctx, const class_row *class)
{
    const sp_chip *chip = NULL;
    sp_error err;
    if (sp_catalog_chip(ctx->catalog, class->chip, &chip, &err) == SP_OK)
        return chip;
    if (class->fallback_chip && sp_catalog_chip(ctx->catalog, class->fallback_chip, &chip, &err) == SP_OK) {
        sp_i_row_assume(ctx, "chip %s for %s", class->fallback_chip, class->hw_class);
        return chip;
    }
    return NULL;
}

const sp_chip *sp_i_class_chip(sp_i_ctx *ctx, const char *hw_class)
{
    const class_row *class = class_find(hw_class);
    const sp_chip *chip = class ? class_chip(ctx, class) : NULL;
    if (!chip)
        sp_i_row_refuse(ctx, "no chip in the catalog for hardware class '%s'", hw_class);
    return chip;
}

/* "8x200Gb/s HDR IB per node", "400Gb/s per GPU IB", "1600 Gbps node-node", "TCPX 200Gb/s x4 per VM": the last rate in
 * bits wins (scale-up comes first in these texts and is given in bytes); a count or a word for the node makes it the node's. */
double sp_i_fabric_rate(const char *fabric, uint32_t per_node)
{
    double found = 0;
    for (const char *p = fabric; *p; p++) {
        if (!isdigit((unsigned char)*p) || (p > fabric && (isdigit((unsigned char)p[-1]) || p[-1] == '.')))
            continue;
        char *end = NULL;
        double rate = strtod(p, &end);
        const char *unit = end + (*end == ' ');
        if (strncmp(unit, "Gb/s", 4) != 0 && strncmp(unit, "Gbps", 4) != 0)
            continue;
        if (p > fabric && p[-1] == '(' && found > 0)
            continue;   /* "32x100Gb/s EFA per node (3200Gb/s)": the same again */
        double count = 1;
        if (p - fabric >= 2 && p[-1] == 'x' && isdigit((unsigned char)p[-2])) {
            const char *digits = p - 2;
            while (digits > fabric && isdigit((unsigned char)digits[-1]))
                digits--;
            count = strtod(digits, NULL);
        } else if (strncmp(unit + 4, " x", 2) == 0)
            count = strtod(unit + 6, NULL);
        const char *stop = strchr(unit, ';');
        char rest[96];
        snprintf(rest, sizeof rest, "%.*s", stop ? (int)(stop - unit) : 95, unit);
        bool chips = sp_i_word_in(rest, "per GPU") || sp_i_word_in(rest, "per NPU") || sp_i_word_in(rest, "per chip");
        bool node = !chips && (count > 1 || sp_i_word_in(rest, "per node") || sp_i_word_in(rest, "per VM") || sp_i_word_in(rest, "node-node"));
        found = rate * (count < 1 ? 1 : count) * 1e9 / 8 / (node && per_node ? per_node : 1);
    }
    return found;
}

/* n as dims as even as its factors allow, smallest first: 128 -> 4 x 4 x 8. */
static void even_dims(uint32_t n, uint32_t n_dims, uint32_t *dims)
{
    for (uint32_t d = 0; d < n_dims; d++)
        dims[d] = 1;
    while (n > 1) {
        uint32_t factor = n, least = 0;
        for (uint32_t p = 2; p * p <= factor; p++)
            while (factor % p == 0 && factor > p)
                factor /= p;
        for (uint32_t d = 1; d < n_dims; d++)
            if (dims[d] < dims[least])
                least = d;
        dims[least] *= factor;   /* largest prime first */
        n /= factor;
    }
    for (uint32_t i = 0; i < n_dims; i++)
        for (uint32_t k = i + 1; k < n_dims; k++)
            if (dims[k] < dims[i]) {
                uint32_t t = dims[i];
                dims[i] = dims[k];
                dims[k] = t;
            }
}

/* "3D torus ICI 4x8x8": the dims, if they multiply to `chips`. */
static bool stated_dims(const char *fabric, uint32_t chips, uint32_t n_dims, uint32_t *dims)
{
    for (const char *p = fabric; *p; p++) {
        unsigned a = 0, b = 0, c = 1;
        if (!isdigit((unsigned char)*p) || (p > fabric && (isalnum((unsigned char)p[-1]) || p[-1] == 'x')))
            continue;
        int got = sscanf(p, "%ux%ux%u", &a, &b, &c);
        if (got < (int)n_dims || a > 65536 || b > 65536 || c > 65536 || (uint64_t)a * b * c != chips)
            continue;
        dims[0] = a;
        dims[1] = b;
        if (n_dims == 3)
            dims[2] = c;
        return true;
    }
    return false;
}

/* Chips of one scale-up domain: the class's own, or the largest part of it that divides the job and that the inner axes
 * fit (jobs of 64 on racks of 72 use 64 of each). */
static uint32_t domain_of(uint32_t chips, uint32_t most, uint32_t inner)
{
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t d = chips < most ? chips : most; d > 1; d--)
            if (chips % d == 0 && (pass == 1 || d % inner == 0 || inner % d == 0))
                return d;
    return 1;
}

/* One way: inside a scale-up domain, through its upper switch level if it has one (else `node` is 0), between domains. */
typedef struct latencies { double inner_s, upper_s, outer_s; uint32_t node; } latencies;

static double outer_latency_s(const sp_machine *base, double otherwise)
{
    const sp_plane *plane = &base->planes[0];
    if (plane->n_tiers > 1)
        otherwise = plane->tiers[plane->n_tiers - 1].latency_s.nominal;
    for (uint32_t p = 1; p < base->n_planes && plane->n_tiers == 1; p++)   /* scale-out as a plane of its own */
        otherwise = base->planes[p].tiers[base->planes[p].n_tiers - 1].latency_s.nominal;
    return otherwise;
}

/* guess: 1 us and 3 us one way for a class whose catalog machine is absent. EFA is a network of its own wherever it is. */
static latencies class_latencies(sp_i_ctx *ctx, const class_row *class, const char *fabric)
{
    latencies out = {1e-6, 1e-6, 3e-6, 0};
    const sp_machine *base = NULL, *efa = NULL;
    sp_error err;
    if (sp_catalog_machine(ctx->catalog, class->base, &base, &err) == SP_OK) {
        const sp_plane *plane = &base->planes[0];
        out.inner_s = plane->tiers[0].latency_s.nominal;
        out.outer_s = outer_latency_s(base, out.outer_s);
        if (plane->n_tiers > 1 && plane->tiers[1].shared && !plane->tiers[1].nic) {
            out.node = plane->tiers[0].size;
            out.upper_s = plane->tiers[1].latency_s.nominal;
        }
    }
    if (sp_i_word_in(fabric, "EFA") && sp_catalog_machine(ctx->catalog, "aws-p5", &efa, &err) == SP_OK)
        out.outer_s = outer_latency_s(efa, out.outer_s);
    return out;
}

typedef struct machine_text { char text[512]; size_t n; } machine_text;

static void tier_add(machine_text *m, const char *kind, uint32_t n_dims, const uint32_t *dims, double bw, double latency_s,
                     const char *more)
{
    char rate[64], delay[64];
    m->n += (size_t)snprintf(m->text + m->n, sizeof m->text - m->n, "%s%s:%u", m->n ? " " : "", kind, dims[0]);
    for (uint32_t d = 1; d < n_dims; d++)
        m->n += (size_t)snprintf(m->text + m->n, sizeof m->text - m->n, "x%u", dims[d]);
    m->n += (size_t)snprintf(m->text + m->n, sizeof m->text - m->n, "@%s,%s%s",
                             sp_unit_format_exact(bw, SP_UNIT_BYTES_PER_S, rate, sizeof rate),
                             sp_unit_format_exact(latency_s, SP_UNIT_SECONDS, delay, sizeof delay), more);
}

static void scaleup_tier(machine_text *m, const class_row *class, double bw, const char *fabric, uint32_t size, latencies wait)
{
    if (class->scaleup == SHAPE_TORUS2 || class->scaleup == SHAPE_TORUS3) {
        uint32_t n_dims = class->scaleup == SHAPE_TORUS3 ? 3 : 2, dims[3];
        if (!stated_dims(fabric, size, n_dims, dims))
            even_dims(size, n_dims, dims);
        tier_add(m, "torus", n_dims, dims, bw / (2 * n_dims), wait.inner_s, "");
    } else if (class->scaleup == SHAPE_MESH)
        tier_add(m, "mesh", 1, &size, bw / (class->domain - 1), wait.inner_s, "");
    else if (wait.node > 0 && size > wait.node && size % wait.node == 0) {
        uint32_t nodes = size / wait.node;
        tier_add(m, "switch", 1, &wait.node, bw, wait.inner_s, "");
        tier_add(m, "clos", 1, &nodes, bw, wait.upper_s, ",shared");
    } else
        tier_add(m, "switch", 1, &size, bw, size > wait.node && wait.node > 0 ? wait.upper_s : wait.inner_s, "");
}

static bool machine_of(sp_i_ctx *ctx, const char *text, const sp_machine **out)
{
    const sp_machine *machine = sp_i_row_cache_get(&ctx->machines, text);
    if (!machine) {
        sp_error err;
        if (sp_catalog_machine(ctx->catalog, text, &machine, &err) != SP_OK)
            return sp_i_row_refuse(ctx, "machine '%s': %s", text, err.text);
        sp_i_row_cache_put(ctx, &ctx->machines, text, machine);
    }
    ctx->row->machine = sp_arena_strdup(ctx->arena, text);
    *out = machine;
    return true;
}

/* chips in domains of `domain`; pods of `pod` chips under a network tapered by `taper` above them (0: one flat network). */
static bool build(sp_i_ctx *ctx, const class_row *class, const char *fabric, uint32_t chips, uint32_t per_node, uint32_t domain,
                  double share, const sp_machine **out)
{
    const sp_chip *chip = class_chip(ctx, class);
    if (!chip)
        return sp_i_row_refuse(ctx, "no chip in the catalog for hardware class '%s'", class->hw_class);
    double bridge = bridge_bw_bytes_per_s(class);
    if (bridge > 0 && (chips != 2 || domain != 2))
        return sp_i_row_refuse(ctx, "boards of '%s' are known as pairs under their bridges alone: PCIe between them is not modelled", class->hw_class);
    latencies wait = class_latencies(ctx, class, fabric);
    wait.node = (uint32_t)(wait.node / share);
    double scaleout = sp_i_fabric_rate(fabric, per_node);
    if (!(scaleout > 0))
        scaleout = share * chip->scaleout_bw_bytes_per_s.nominal;
    double scaleup = bridge > 0 ? bridge : share * chip->scaleup_bw_bytes_per_s.nominal;
    machine_text m = {{0}, 0};
    if (domain > 1)
        scaleup_tier(&m, class, scaleup, fabric, domain, wait);
    uint32_t outer = chips / domain, pod = 3072 / domain;   /* LLAMA3, META-ROCE: pods of 3,072 non-blocking, 1:7 above */
    if (outer > 1 && !(scaleout > 0))
        return sp_i_row_refuse(ctx, "scale-out rate of '%s' is not known", class->hw_class);
    if (outer > pod && sp_i_word_in(fabric, "1:7")) {
        while (outer % pod)
            pod--;
        uint32_t pods = outer / pod;
        tier_add(&m, "clos", 1, &pod, scaleout, wait.outer_s, ",nic");
        tier_add(&m, "clos", 1, &pods, scaleout, wait.outer_s, ",taper=7,shared,nic");
    } else if (outer > 1 || domain == 1)
        tier_add(&m, "clos", 1, &outer, scaleout > 0 ? scaleout : scaleup, wait.outer_s, ",nic");
    snprintf(m.text + m.n, sizeof m.text - m.n, " chip=%s", chip->name);
    return machine_of(ctx, m.text, out);
}

bool sp_i_class_machine(sp_i_ctx *ctx, const char *hw_class, const char *fabric, uint32_t ranks, uint32_t per_node,
                        uint32_t domain, double share, const sp_machine **out)
{
    const class_row *class = class_find(hw_class);
    if (!class)
        return sp_i_row_refuse(ctx, "no chip in the catalog for hardware class '%s'", hw_class);
    if (ranks % domain)
        return sp_i_row_refuse(ctx, "%u ranks do not fill domains of %u", ranks, domain);
    return build(ctx, class, fabric, ranks, per_node, domain, share, out);
}

/* Chips of one TPU slice: "2x v5p-128 …" and "16x v5e-256" count slices first. */
static uint32_t slice_of(const sp_i_run *run, const class_row *class, uint32_t chips)
{
    unsigned slices = 0;
    if (sscanf(run->other, "%ux v", &slices) == 1 && slices > 0 && chips % slices == 0)
        return chips / slices;
    return chips > class->domain && chips % class->domain == 0 ? class->domain : chips;
}

uint32_t sp_i_row_slices(const sp_i_run *run)
{
    const class_row *class = class_find(run->hw_class);
    uint32_t chips = sp_i_num_count(run->num[SP_N_CHIPS], 0);
    bool torus = class && (class->scaleup == SHAPE_TORUS2 || class->scaleup == SHAPE_TORUS3);
    return torus && chips ? chips / slice_of(run, class, chips) : 1;
}

bool sp_i_row_machine(sp_i_ctx *ctx, const sp_i_run *run, const sp_plan *plan, const sp_machine **out)
{
    const class_row *class = class_find(run->hw_class);
    if (!class || bridge_bw_bytes_per_s(class) > 0)
        return sp_i_row_refuse(ctx, "no chip in the catalog for hardware class '%s'", run->hw_class);
    if (strchr(run->hw_class, '?'))
        sp_i_row_assume(ctx, "hardware class %s, which the row doubts", class->hw_class);
    uint32_t chips = sp_i_num_count(run->num[SP_N_CHIPS], 0);
    uint32_t per_node = sp_i_num_count(run->num[SP_N_PER_NODE], 8);
    uint32_t domain = class->scaleup == SHAPE_TORUS2 || class->scaleup == SHAPE_TORUS3
                          ? slice_of(run, class, chips)
                          : domain_of(chips, class->domain, plan->tp * plan->cp * plan->ep);
    return build(ctx, class, run->fabric, chips, per_node, domain, 1, out);
}
