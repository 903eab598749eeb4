/* Formulas of totals against the explicit graph of the same machine, for many random small machines of every kind:
 * links and switches counted, ports at a chip, injection, diameter by breadth-first search, bisection by maximum flow. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

#define CHIPS_MAX 72u
#define MACHINES 1500

/* ---- random machines ------------------------------------------------------------------------------------------- */

static uint32_t below(sp_rng *rng, uint32_t n)
{
    return (uint32_t)sp_rng_below(rng, n);
}

typedef struct pen { char text[1024]; size_t at; } pen;

__attribute__((format(printf, 2, 3)))
static void put(pen *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    p->at += (size_t)vsnprintf(p->text + p->at, sizeof p->text - p->at, format, args);
    va_end(args);
}

/* Appends a tier; returns how many units it joins. */
static uint32_t random_tier(sp_rng *rng, pen *p, uint32_t inside, bool last_switched)
{
    static const char *const kinds[] = {"mesh", "torus", "clos", "switch", "rail", "dragonfly"};
    static const uint32_t radixes[] = {4, 6, 8, 12, 16, 32};
    uint32_t k = below(rng, 6), room = CHIPS_MAX / inside, dims[3] = {1, 1, 1}, n = k < 2 ? 1 + below(rng, 3) : k == 5 ? 3 : 1;
    bool twisted = k == 1 && room >= 16 && below(rng, 3) == 0, shared = k == 2 && last_switched && below(rng, 2);
    for (uint32_t d = 0; d < n; d++) {
        dims[d] = 1 + below(rng, k == 5 ? 4 : n == 1 ? 9 : 5);
        while (dims[d] > 1 && dims[0] * dims[1] * dims[2] > room)
            dims[d]--;
    }
    if (twisted) {
        n = 3;
        dims[0] = dims[1] = dims[2] = 2;
        dims[below(rng, 3)] = 4;
        if (room >= 32 && below(rng, 2))
            dims[below(rng, 3)] = 4;
        if (dims[0] * dims[1] * dims[2] == 64)
            dims[0] = 2;
    }
    put(p, "%s%s:%u", p->at ? " " : "", kinds[k], dims[0]);
    for (uint32_t d = 1; d < n; d++)
        put(p, "x%u", dims[d]);
    put(p, "@%uGB/s", 1 + below(rng, 3));
    if (twisted)
        put(p, ",twisted");
    if (k == 5 && below(rng, 2))
        put(p, ",plus");
    if ((k == 2 || k == 4 || k == 5) && below(rng, 2))
        put(p, ",taper=%g", 1 + below(rng, 6) / 2.0);
    if (shared) {
        put(p, ",shared");
    } else if (k >= 2 && k <= 4 && !below(rng, 3)) {
        put(p, ",planes=%u", 2 + below(rng, 2));
    }
    if ((k == 2 || k == 4) && below(rng, 2))
        put(p, ",radix=%u", radixes[below(rng, 6)]);
    if ((k == 2 || k == 4) && !below(rng, 4))
        put(p, ",switches=%u", 1 + below(rng, 4));
    return dims[0] * dims[1] * dims[2];
}

static void random_machine(sp_rng *rng, pen *p)
{
    uint32_t inside = 1, n = 1 + below(rng, 3);
    bool switched = false;
    p->at = 0;
    for (uint32_t t = 0; t < n; t++) {
        size_t start = p->at;
        inside *= random_tier(rng, p, inside, switched);
        const char *text = p->text + start + (start > 0);
        switched = text[0] == 'c' || text[0] == 's' || text[0] == 'r';
    }
    put(p, " chip=ascend-950dt");
}

/* ---- walking the graph ------------------------------------------------------------------------------------------- */

static uint32_t farthest(const sp_graph *g, uint32_t from, uint32_t *hops, uint32_t *queue)
{
    uint32_t head = 0, tail = 0, far = 0;
    for (uint32_t v = 0; v < g->n_vertices; v++)
        hops[v] = UINT32_MAX;
    hops[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        uint32_t v = queue[head++];
        for (uint32_t i = g->off[v]; i < g->off[v + 1]; i++) {
            uint32_t w = g->link_dst[g->adj[i]];
            if (hops[w] == UINT32_MAX) {
                hops[w] = hops[v] + 1;
                queue[tail++] = w;
            }
        }
    }
    for (uint32_t c = 0; c < g->n_chips; c++)
        far = hops[c] > far ? hops[c] : far;
    return far;
}

static uint32_t diameter(const sp_graph *g)
{
    uint32_t *hops = malloc(2 * g->n_vertices * sizeof *hops), far = 0;
    assert_non_null(hops);
    for (uint32_t c = 0; c < g->n_chips; c++) {
        uint32_t d = farthest(g, c, hops, hops + g->n_vertices);
        far = d > far ? d : far;
    }
    free(hops);
    return far;
}

/* Maximum flow from the chips with side[c] to the others: shortest augmenting paths (Edmonds and Karp) on real
 * capacities; links are few. */
typedef struct flow { const sp_graph *g; const bool *side; double *room; uint32_t *came; uint32_t *queue; } flow;

static bool path_to_other_side(flow *f, uint32_t *end)
{
    const sp_graph *g = f->g;
    uint32_t head = 0, tail = 0;
    for (uint32_t v = 0; v < g->n_vertices; v++)
        f->came[v] = UINT32_MAX;
    for (uint32_t c = 0; c < g->n_chips; c++)
        if (f->side[c]) {
            f->came[c] = UINT32_MAX - 1;
            f->queue[tail++] = c;
        }
    while (head < tail) {
        uint32_t v = f->queue[head++];
        if (v < g->n_chips && !f->side[v]) {
            *end = v;
            return true;
        }
        for (uint32_t i = g->off[v]; i < g->off[v + 1]; i++) {
            uint32_t l = g->adj[i], w = g->link_dst[l];
            if (f->room[l] > 1.0 && f->came[w] == UINT32_MAX) {   /* 1 B/s: rounding left over */
                f->came[w] = l;
                f->queue[tail++] = w;
            }
        }
    }
    return false;
}

static double max_flow(const sp_graph *g, const bool *side)
{
    flow f = {g, side, malloc((g->n_links + 1) * sizeof(double)), malloc((g->n_vertices + 1) * sizeof(uint32_t)),
              malloc((g->n_vertices + 1) * sizeof(uint32_t))};
    double sum = 0;
    uint32_t end;
    assert_true(f.room && f.came && f.queue);
    memcpy(f.room, g->link_bw_bytes_per_s, g->n_links * sizeof(double));
    while (path_to_other_side(&f, &end)) {
        double least = INFINITY;
        for (uint32_t v = end; f.came[v] != UINT32_MAX - 1; v = g->link_src[f.came[v]])
            least = fmin(least, f.room[f.came[v]]);
        for (uint32_t v = end; f.came[v] != UINT32_MAX - 1; v = g->link_src[f.came[v]]) {
            f.room[f.came[v]] -= least;
            f.room[f.came[v] ^ 1] += least;
        }
        sum += least;
    }
    free(f.room);
    free(f.came);
    free(f.queue);
    return sum;
}

/* ---- the laws -------------------------------------------------------------------------------------------------------- */

static void links_and_switches(const sp_machine *m, const sp_machine_totals *totals, const sp_graph *g)
{
    uint64_t links[SP_TIERS_MAX] = {0}, switches = 0;
    for (uint32_t l = 0; l < g->n_links; l += 2) {
        links[g->link_tier[l]]++;
        assert_int_equal(g->link_src[l], g->link_dst[l + 1]);
        assert_int_equal(g->link_dst[l], g->link_src[l + 1]);
    }
    for (uint32_t t = 0; t < SP_TIERS_MAX; t++) {
        assert_int_equal(links[t], totals->links[t]);
        switches += totals->switches[t];
    }
    assert_int_equal(g->n_chips, m->chips);
    assert_int_equal(g->n_vertices - g->n_chips, switches);
}

static void chip_ports(const sp_machine *m, const sp_machine_totals *totals, const sp_graph *g)
{
    double out = 0, port = m->chip->port_bw_bytes_per_s.nominal;
    for (uint32_t c = 0; c < g->n_chips; c++) {
        uint64_t quarters = 0;
        bool pooled[SP_TIERS_MAX] = {false};
        for (uint32_t i = g->off[c]; i < g->off[c + 1]; i++) {
            uint32_t l = g->adj[i], t = g->link_tier[l];
            out += g->link_bw_bytes_per_s[l];
            if (sp_tier_is_switched(m->planes[0].tiers[t].kind)) {
                if (!pooled[t])
                    quarters += (uint64_t)ceil(4 * m->planes[0].tiers[t].bw_bytes_per_s.nominal / port - 1e-6);
                pooled[t] = true;
            } else {
                quarters += (uint64_t)ceil(4 * g->link_bw_bytes_per_s[l] / port - 1e-6);
            }
        }
        assert_int_equal((quarters + 3) / 4, totals->ports_per_chip);
    }
    assert_true(fabs(out - totals->injection_bytes_per_s) <= 1e-9 * out);
}

/* The digit of a cut, as the contract defines coordinates; a dragonfly's chips of a router run fastest. */
static bool in_first_half(const sp_tier *tier, uint32_t dim, uint32_t chip)
{
    uint32_t unit = chip / tier->stride % tier->size, order[3] = {0, 1, 2};
    if (tier->kind == SP_TIER_DRAGONFLY) {
        uint32_t chips = tier->dims[2], routers = tier->dims[0], groups = tier->dims[1];
        return groups > 1 ? unit / (chips * routers) < groups / 2 : routers > 1 ? unit / chips < routers / 2 : unit < chips / 2;
    }
    for (uint32_t d = 0; d < dim; d++)
        unit /= tier->dims[order[d]];
    return unit % tier->dims[dim] < tier->dims[dim] / 2;
}

static double smallest_cut(const sp_machine *m, const sp_graph *g)
{
    double best = INFINITY;
    bool side[CHIPS_MAX];
    for (uint32_t t = 0; t < m->planes[0].n_tiers; t++) {
        const sp_tier *tier = &m->planes[0].tiers[t];
        uint32_t n = tier->kind == SP_TIER_DRAGONFLY ? 1 : tier->n_dims;
        for (uint32_t d = 0; d < n; d++) {
            double first = 0, all = m->chips;
            for (uint32_t c = 0; c < m->chips; c++)
                first += side[c] = in_first_half(tier, d, c);
            if (first == 0)
                continue;
            /* what uniform traffic makes of an uneven parting, as an even cut */
            best = fmin(best, max_flow(g, side) * all * all / (4 * first * (all - first)));
        }
    }
    return isfinite(best) ? best : 0;
}

static void check_machine(const char *text, const sp_machine *m)
{
    sp_machine_totals totals;
    sp_graph g;
    sp_error err = {0};
    sp_arena *arena = sp_arena_create();
    if (sp_machine_count(m, &totals, &err) || sp_topo_graph(m, 0, arena, &g, &err))
        fail_msg("%s: %s", text, err.text);
    links_and_switches(m, &totals, &g);
    chip_ports(m, &totals, &g);
    uint32_t far = diameter(&g);
    if (far != totals.diameter_hops)
        fail_msg("%s: diameter %u, by search %u", text, totals.diameter_hops, far);
    double cut = smallest_cut(m, &g);
    if (fabs(cut - totals.bisection_bytes_per_s) > 1e-6 * cut + 1e3)
        fail_msg("%s: bisection %.9g, by flow %.9g", text, totals.bisection_bytes_per_s, cut);
    sp_arena_destroy(arena);
}

static void comes_back_from_its_string(const char *text, const sp_machine *m)
{
    char again[2048];
    const sp_machine *back;
    sp_machine_totals a, b;
    int n = sp_machine_format(m, again, sizeof again);
    assert_true(n > 0 && (size_t)n < sizeof again);
    assert_int_equal(sp_machine_format(m, NULL, 0), n);
    if (sp_catalog_machine(catalog, again, &back, NULL))
        fail_msg("%s became %s, which is refused", text, again);
    assert_int_equal(sp_machine_count(m, &a, NULL), SP_OK);
    assert_int_equal(sp_machine_count(back, &b, NULL), SP_OK);
    assert_memory_equal(&a, &b, sizeof a);
}

static void formulas_equal_the_graph(void **state)
{
    (void)state;
    unsigned accepted = 0, kinds[SP_TIER_KINDS] = {0}, shared = 0, twisted = 0, plus = 0, planes = 0, tapered = 0;
    for (uint64_t i = 0; i < MACHINES; i++) {
        sp_rng rng = sp_rng_make(20260919, i);
        pen p = {{0}, 0};
        const sp_machine *m;
        random_machine(&rng, &p);
        if (sp_catalog_machine(catalog, p.text, &m, NULL))
            continue;
        check_machine(p.text, m);
        comes_back_from_its_string(p.text, m);
        accepted++;
        for (uint32_t t = 0; t < m->planes[0].n_tiers; t++) {
            const sp_tier *tier = &m->planes[0].tiers[t];
            kinds[tier->kind]++;
            shared += tier->shared;
            twisted += tier->twisted;
            plus += tier->plus;
            planes += tier->planes > 1;
            tapered += tier->taper.nominal > 1;
        }
    }
    assert_true(accepted > MACHINES / 2);
    for (int k = 0; k < SP_TIER_KINDS; k++)
        assert_true(kinds[k] > 20);
    assert_true(shared > 20 && twisted > 20 && plus > 20 && planes > 20 && tapered > 20);
}

/* ---- brute force: no even cut at all is smaller than the one through whole tiers ------------------------------------- */

static double smallest_even_cut(const sp_graph *g)
{
    double best = INFINITY;
    bool side[16];
    for (uint32_t set = 0; set < 1u << g->n_chips; set += 2)   /* chip 0 on the far side */
        if ((uint32_t)__builtin_popcount(set) == g->n_chips / 2) {
            for (uint32_t c = 0; c < g->n_chips; c++)
                side[c] = set >> c & 1;
            best = fmin(best, max_flow(g, side));
        }
    return best;
}

static void whole_tiers_cut_best(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "mesh:8@1GB/s", "mesh:2x4@1GB/s", "mesh:2x2x2@1GB/s", "mesh:4@1GB/s mesh:2@1GB/s", "torus:8@1GB/s", "torus:2x4@1GB/s",
        "torus:4x2@1GB/s,50ns mesh:1@1GB/s", "mesh:2@2GB/s torus:4@1GB/s", "clos:8@1GB/s", "switch:4@3GB/s clos:2@1GB/s",
        "switch:4@3GB/s clos:2@1GB/s,taper=2", "mesh:2@1GB/s mesh:2@1GB/s clos:2@2GB/s,taper=4", "switch:2@2GB/s rail:4@1GB/s",
        "dragonfly:2x2x2@1GB/s", "switch:4@2GB/s,planes=2 clos:2@2GB/s,shared,planes=2,taper=3", "torus:6@1GB/s", "mesh:5x2@1GB/s",
        "mesh:2@1GB/s clos:4@1GB/s,radix=4"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[256];
        const sp_machine *m;
        sp_machine_totals totals;
        sp_graph g;
        sp_arena *arena = sp_arena_create();
        snprintf(text, sizeof text, "%s chip=ascend-950dt", texts[i]);
        assert_int_equal(sp_catalog_machine(catalog, text, &m, NULL), SP_OK);
        assert_int_equal(sp_machine_count(m, &totals, NULL), SP_OK);
        assert_int_equal(sp_topo_graph(m, 0, arena, &g, NULL), SP_OK);
        double brute = smallest_even_cut(&g);
        if (fabs(brute - totals.bisection_bytes_per_s) > 1e3)
            fail_msg("%s: bisection %.9g, smallest even cut %.9g", text, totals.bisection_bytes_per_s, brute);
        sp_arena_destroy(arena);
    }
}

/* ---- textbook figures, worked out by hand ------------------------------------------------------------------------------ */

typedef struct known { const char *text; uint64_t links, switches; double bisection_gb_per_s; uint32_t diameter; } known;

static void textbook_figures(void **state)
{
    (void)state;
    static const known all[] = {
        /* k-ary fat trees: k^3/4 hosts, 5k^2/4 switches, 3k^3/4 links */
        {"clos:16@1GB/s,radix=4", 48, 20, 8, 6},
        {"clos:128@1GB/s,radix=8", 384, 80, 64, 6},
        {"clos:65536@1GB/s,radix=64", 3 * 65536, 5120, 32768, 6},
        /* two levels: 2,048 hosts on 64 leaves and 32 spines; 1,024 on 32 and 16 */
        {"clos:2048@1GB/s,radix=64", 4096, 96, 1024, 4},
        {"clos:1024@1GB/s,radix=64", 2048, 48, 512, 4},
        {"clos:64@1GB/s,radix=64", 64, 1, 32, 2},
        /* 4 units of 8, tapered 2 and 4 to 1 between units: 16 x 2 / 2, 16 x 2 / 4 */
        {"mesh:8@0.001GB/s clos:4@2GB/s,taper=2", 32 + 4 + 4 * 28, 5, 16, 4},
        {"mesh:8@0.001GB/s clos:4@2GB/s,taper=4,radix=16", 32 + 8 + 4 * 28, 5, 8, 4},
        /* the same as levels of one tree over shared ports */
        {"switch:8@2GB/s clos:4@2GB/s,taper=4,shared", 32 + 4, 5, 8, 4},
        {"switch:8@2GB/s clos:4@2GB/s,taper=4,shared,switches=2", 32 + 8, 6, 8, 4},
        {"switch:8@2GB/s,planes=3 clos:4@2GB/s,shared,planes=3,switches=5", 96 + 60, 12 + 15, 32, 4},
        /* leaves hold whole units: 9 leaves of one 8, 8 up-links each, to 4 spines with 2 from each leaf (18 of 24 ports) */
        {"switch:8@9GB/s clos:9@1GB/s,radix=24", 72 + 72 + 72, 9 + 9 + 4, 32 * 81 / 80.0, 4},
        /* or divide a unit: 48 leaves of 24 for racks of 72, 24 spines of 48 ports */
        {"switch:72@0.01GB/s clos:16@1GB/s,radix=64", 1152 * 3, 16 + 48 + 24, 576, 4},
        /* rails: 4 nodes of 8, spine tapered: half of the nodes are cut in every rail, below the spine */
        {"switch:8@9GB/s rail:4@1GB/s,taper=8", 32 + 32 + 8, 4 + 8 + 1, 16, 4},
        {"dragonfly:4x9x2@1GB/s", 72 + 9 * 6 + 36, 36, 20 * 81 / 80.0, 5},
        {"torus:16x16x16@50GB/s", 3 * 4096, 0, 2 * 256 * 50, 24},
        {"mesh:8x8@56GB/s", 448, 0, 8 * 16 * 56, 2},
        {"mesh:4x4x4@1GB/s", 64 * 9 / 2, 0, 64, 3},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[256];
        const sp_machine *m;
        sp_machine_totals t;
        uint64_t links = 0, switches = 0;
        snprintf(text, sizeof text, "%s chip=ascend-950dt", all[i].text);
        if (strstr(text, "50GB/s"))
            snprintf(text, sizeof text, "%s chip=tpu-v4", all[i].text);
        assert_int_equal(sp_catalog_machine(catalog, text, &m, NULL), SP_OK);
        assert_int_equal(sp_machine_count(m, &t, NULL), SP_OK);
        for (uint32_t k = 0; k < SP_TIERS_MAX; k++) {
            links += t.links[k];
            switches += t.switches[k];
        }
        if (links != all[i].links || switches != all[i].switches || t.diameter_hops != all[i].diameter ||
            fabs(t.bisection_bytes_per_s / 1e9 - all[i].bisection_gb_per_s) > 1e-3 * all[i].bisection_gb_per_s + 0.02)
            fail_msg("%s: %u links, %u switches, %g GB/s, %u hops", text, (unsigned)links, (unsigned)switches,
                     t.bisection_bytes_per_s / 1e9, t.diameter_hops);
    }
}

/* ---- twisted tori: what the twist is for ------------------------------------------------------------------------------ */

/* Throughput of uniform traffic on shortest paths when every link of the lattice is alike: links / (pairs x distance);
 * and of an untwisted torus by its bisection. TPU v4 (arXiv 2304.01433): twisting gains 70 % on 4x4x8, 40 % on 4x8x8. */
static double uniform_rate(const char *text)
{
    const sp_machine *m;
    sp_graph g;
    sp_arena *arena = sp_arena_create();
    assert_int_equal(sp_catalog_machine(catalog, text, &m, NULL), SP_OK);
    assert_int_equal(sp_topo_graph(m, 0, arena, &g, NULL), SP_OK);
    uint32_t *hops = malloc(2 * g.n_vertices * sizeof *hops);
    double sum = 0;
    assert_non_null(hops);
    farthest(&g, 0, hops, hops + g.n_vertices);
    for (uint32_t c = 0; c < g.n_chips; c++)
        sum += hops[c];
    double rate = 6 * g.link_bw_bytes_per_s[0] / sum;   /* vertex-transitive: 6 links a chip carry `sum` pairs' hops */
    free(hops);
    sp_arena_destroy(arena);
    return rate;
}

static void twist_gains(const char *plain, const char *twisted, double published)
{
    const sp_machine *m;
    sp_machine_totals totals;
    assert_int_equal(sp_catalog_machine(catalog, plain, &m, NULL), SP_OK);
    assert_int_equal(sp_machine_count(m, &totals, NULL), SP_OK);
    double pairs = m->chips / 2.0 * (m->chips / 2.0), gain = uniform_rate(twisted) / (totals.bisection_bytes_per_s / pairs);
    if (fabs(gain / published - 1) > 0.07)
        fail_msg("%s: %.3f, published %.2f", twisted, gain, published);
}

static void twisting_gains_as_published(void **state)
{
    (void)state;
    twist_gains("torus:4x4x8@50GB/s chip=tpu-v4", "torus:4x4x8@50GB/s,twisted chip=tpu-v4", 1.70);
    twist_gains("torus:4x8x8@50GB/s chip=tpu-v4", "torus:4x8x8@50GB/s,twisted chip=tpu-v4", 1.40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(formulas_equal_the_graph), cmocka_unit_test(whole_tiers_cut_best), cmocka_unit_test(textbook_figures),
                                       cmocka_unit_test(twisting_gains_as_published)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
