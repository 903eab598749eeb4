/* Boxes of a torus, in all rotations and across its wrap, and cubes that optical switches join in any order (TPU v4: 4 x 4 x 4 chips
 * of one rack). All free boxes of a shape are found at once: the free chips of a row are a word, and a shape's anchors are what is
 * left of the words after ANDs with themselves shifted along x, y and z (erosion). */
#include "cluster_i.h"

#include <stdlib.h>
#include <string.h>

#define CUBE 4u               /* edge of what one optical port ends at: TPU v4 to v7 */
#define ROWS_MOST 4096u       /* y x z */

typedef struct grid { uint32_t x, y, z, base; uint64_t full, row[ROWS_MOST]; } grid;

static uint64_t turn(const grid *g, uint64_t row, uint32_t by)   /* bit i of the result is bit i + by of the row */
{
    by %= g->x;
    return by == 0 ? row : (row >> by | row << (g->x - by)) & g->full;
}

static bool free_bit(const sp_cluster *c, uint32_t chip) { return (sp_i_free(c, chip / c->shape.leaf_chips) >> chip % c->shape.leaf_chips & 1) != 0; }

static void read_grid(const sp_cluster *c, uint32_t pod, grid *g)
{
    const uint32_t *dims = c->shape.torus;
    *g = (grid){.x = dims[0], .y = dims[1], .z = dims[2], .base = pod * c->shape.pod_chips, .full = UINT64_MAX >> (64 - dims[0])};
    for (uint32_t r = 0; r < g->y * g->z; r++) {
        uint32_t chip = g->base + r * g->x, at = chip % c->shape.leaf_chips;
        if (at + g->x <= c->shape.leaf_chips) {
            g->row[r] = sp_i_free(c, chip / c->shape.leaf_chips) >> at & g->full;
            continue;
        }
        g->row[r] = 0;
        for (uint32_t i = 0; i < g->x; i++) g->row[r] |= (uint64_t)free_bit(c, chip + i) << i;
    }
}

/* Anchors of an a x b x d box in `out`: in each dimension, a window of k is the AND of two of windows of k/2, and so on. */
static void erode(const grid *g, const uint32_t box[3], grid *out, grid *scratch)
{
    *out = *g;
    for (uint32_t have = 1; have < box[0];) {
        uint32_t by = 2 * have <= box[0] ? have : box[0] - have;
        for (uint32_t r = 0; r < g->y * g->z; r++) out->row[r] &= turn(g, out->row[r], by);
        have += by;
    }
    for (uint32_t d = 1; d < 3; d++)
        for (uint32_t have = 1; have < box[d];) {
            uint32_t by = 2 * have <= box[d] ? have : box[d] - have;
            memcpy(scratch->row, out->row, g->y * g->z * sizeof out->row[0]);
            for (uint32_t z = 0; z < g->z; z++)
                for (uint32_t y = 0; y < g->y; y++) {
                    uint32_t other = d == 1 ? (y + by) % g->y + z * g->y : y + (z + by) % g->z * g->y;
                    out->row[y + z * g->y] &= scratch->row[other];
                }
            have += by;
        }
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------ */

typedef struct box_shape { uint32_t box[3], surface, wraps; } box_shape;

static int by_surface(const void *a, const void *b)
{
    const box_shape *x = a, *y = b;
    if (x->surface != y->surface) return x->surface < y->surface ? -1 : 1;
    if (x->wraps != y->wraps) return x->wraps > y->wraps ? -1 : 1;
    return memcmp(x->box, y->box, sizeof x->box);
}

/* All a x b x d = n inside the dims, rotations among them; the least surface (the widest cuts) first, then the most full rings. */
static uint32_t shapes_of(const uint32_t dims[3], uint32_t n, box_shape *out, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t a = 1; a <= dims[0] && a <= n; a++)
        for (uint32_t b = 1; n % a == 0 && b <= dims[1] && b <= n / a; b++) {
            uint32_t d = n / a / b;
            if (n / a % b != 0 || d > dims[2] || count == room) continue;
            out[count++] = (box_shape){{a, b, d}, a * b + b * d + a * d, (a == dims[0]) + (b == dims[1]) + (d == dims[2])};
        }
    qsort(out, count, sizeof *out, by_surface);
    return count;
}

/* ---- boxes --------------------------------------------------------------------------------------------------------------- */

static uint32_t first_bit(uint64_t word) { return (uint32_t)__builtin_ctzll(word); }

/* Multiples of an edge that divides the dimension. */
static uint64_t columns_at(uint32_t dim, uint32_t edge)
{
    uint64_t columns = 0;
    if (dim % edge != 0) return dim == 64 ? UINT64_MAX : (UINT64_C(1) << dim) - 1;
    for (uint32_t x = 0; x < dim; x += edge) columns |= UINT64_C(1) << x;
    return columns;
}

/* An anchor at multiples of the box's edges, where these divide the dimension, so that boxes of a kind tile; else any. */
static bool choose_anchor(const grid *anchors, const uint32_t box[3], uint32_t at[3])
{
    uint64_t columns = columns_at(anchors->x, box[0]);
    for (int aligned = 1; aligned >= 0; aligned--)
        for (uint32_t z = 0; z < anchors->z; z++)
            for (uint32_t y = 0; y < anchors->y; y++) {
                uint64_t row = anchors->row[y + z * anchors->y];
                if (aligned && ((anchors->y % box[1] == 0 && y % box[1] != 0) || (anchors->z % box[2] == 0 && z % box[2] != 0))) continue;
                if (aligned) row &= columns;
                if (row == 0) continue;
                at[0] = first_bit(row);
                at[1] = y;
                at[2] = z;
                return true;
            }
    return false;
}

static bool take_box(sp_cluster *c, const grid *g, const uint32_t box[3], const uint32_t at[3], uint32_t owner, uint32_t *list)
{
    for (uint32_t k = 0; k < box[2]; k++)
        for (uint32_t j = 0; j < box[1]; j++)
            for (uint32_t i = 0; i < box[0]; i++) {
                uint32_t chip = g->base + (at[0] + i) % g->x + g->x * ((at[1] + j) % g->y + g->y * ((at[2] + k) % g->z));
                if (!sp_i_take(c, chip / c->shape.leaf_chips, UINT64_C(1) << chip % c->shape.leaf_chips, owner, list)) return false;
            }
    return true;
}

static bool place_in_grid(const sp_cluster *c, uint32_t chips)
{
    const uint32_t *dims = c->shape.torus;
    return dims[0] != 0 && chips != 0 && chips <= c->free_chips && chips <= c->shape.pod_chips && dims[1] * dims[2] <= ROWS_MOST;
}

static sp_spread told(const sp_cluster *c, uint32_t list, const uint32_t box[3], bool ring)
{
    sp_spread spread = sp_cluster_spread(c, list);
    for (int d = 0; d < 3; d++) {
        spread.box[d] = box[d];
        spread.ring[d] = ring || box[d] == c->shape.torus[d];
    }
    return spread;
}

bool sp_i_place_box(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    enum { ROOM = 256 };
    box_shape shape[ROOM];
    *list = SP_NOWHERE;
    if (!place_in_grid(c, q->chips) || !sp_i_reserve(c, q->chips)) return false;
    uint32_t n = shapes_of(c->shape.torus, q->chips, shape, ROOM);
    grid *g = n == 0 ? NULL : malloc(3 * sizeof *g);
    bool found = false;
    for (uint32_t i = 0; i < n && g != NULL && !found; i++)
        for (uint32_t pod = 0; pod < c->pods && !found; pod++) {
            uint32_t at[3];
            read_grid(c, pod, &g[0]);
            erode(&g[0], shape[i].box, &g[1], &g[2]);
            if (!choose_anchor(&g[1], shape[i].box, at)) continue;
            found = take_box(c, &g[0], shape[i].box, at, owner, list);
            if (found) *spread = told(c, *list, shape[i].box, false);
        }
    free(g);
    return found;
}

/* ---- cubes ------------------------------------------------------------------------------------------------------------------- */

static uint32_t edge_of(uint32_t dim) { return dim % CUBE == 0 ? dim / CUBE : 0; }

/* Free chips of the cube at (x, y, z), in cubes. */
static uint32_t free_in_cube(const grid *g, uint32_t x, uint32_t y, uint32_t z)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < CUBE; k++)
        for (uint32_t j = 0; j < CUBE; j++) n += sp_i_count(g->row[CUBE * y + j + g->y * (CUBE * z + k)] >> CUBE * x & 0xf);
    return n;
}

/* Whole cubes anywhere in the pod: their order is the switches' business. */
static bool take_cubes(sp_cluster *c, const grid *g, uint32_t n, uint32_t owner, uint32_t *list)
{
    static const uint32_t whole[3] = {CUBE, CUBE, CUBE};
    for (uint32_t z = 0; z < g->z / CUBE && n > 0; z++)
        for (uint32_t y = 0; y < g->y / CUBE && n > 0; y++)
            for (uint32_t x = 0; x < g->x / CUBE && n > 0; x++) {
                if (free_in_cube(g, x, y, z) != CUBE * CUBE * CUBE) continue;
                if (!take_box(c, g, whole, (const uint32_t[3]){CUBE * x, CUBE * y, CUBE * z}, owner, list)) return false;
                n--;
            }
    return n == 0;
}

static uint32_t whole_cubes(const grid *g)
{
    uint32_t n = 0;
    for (uint32_t z = 0; z < g->z / CUBE; z++)
        for (uint32_t y = 0; y < g->y / CUBE; y++)
            for (uint32_t x = 0; x < g->x / CUBE; x++) n += free_in_cube(g, x, y, z) == CUBE * CUBE * CUBE;
    return n;
}

/* A box inside one cube, without wrap: of the cubes that have one, the fullest. */
static bool take_part(sp_cluster *c, const grid *g, const uint32_t box[3], grid *scratch, uint32_t owner, uint32_t *list)
{
    uint32_t best[3] = {0}, least = UINT32_MAX;
    erode(g, box, &scratch[0], &scratch[1]);
    for (uint32_t z = 0; z < g->z; z++)
        for (uint32_t y = 0; y < g->y; y++)
            for (uint64_t row = scratch[0].row[y + g->y * z]; row != 0; row &= row - 1) {
                uint32_t x = first_bit(row), have;
                if (x % CUBE + box[0] > CUBE || y % CUBE + box[1] > CUBE || z % CUBE + box[2] > CUBE) continue;
                have = free_in_cube(g, x / CUBE, y / CUBE, z / CUBE);
                if (have >= least) continue;
                least = have;
                best[0] = x;
                best[1] = y;
                best[2] = z;
            }
    return least != UINT32_MAX && take_box(c, g, box, best, owner, list);
}

static bool in_cube(sp_cluster *c, const sp_request *q, grid *g, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    static const uint32_t edges[3] = {CUBE, CUBE, CUBE};
    box_shape shape[32];
    uint32_t n = shapes_of(edges, q->chips, shape, 32);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t pod = 0; pod < c->pods; pod++) {
            read_grid(c, pod, &g[0]);
            if (!take_part(c, &g[0], shape[i].box, &g[1], owner, list)) continue;
            *spread = told(c, *list, shape[i].box, false);
            return true;
        }
    return false;
}

bool sp_i_place_cubes(sp_cluster *c, const sp_request *q, uint32_t owner, uint32_t *list, sp_spread *spread)
{
    const uint32_t *dims = c->shape.torus, chips = CUBE * CUBE * CUBE, n = q->chips / chips;
    box_shape shape;
    bool placed = false;
    *list = SP_NOWHERE;
    if (!place_in_grid(c, q->chips) || edge_of(dims[0]) * edge_of(dims[1]) * edge_of(dims[2]) == 0 || !sp_i_reserve(c, q->chips)) return false;
    if (q->chips > chips && (q->chips % chips != 0 || !sp_i_torus_shape(dims, q->chips, shape.box))) return false;
    grid *g = malloc(3 * sizeof *g);
    if (g == NULL) return false;
    if (q->chips < chips) placed = in_cube(c, q, g, owner, list, spread);
    for (uint32_t pod = 0; pod < c->pods && q->chips >= chips && !placed; pod++) {
        read_grid(c, pod, g);
        if (whole_cubes(g) < n) continue;
        placed = take_cubes(c, g, n, owner, list);
        if (n == 1) memcpy(shape.box, (const uint32_t[3]){CUBE, CUBE, CUBE}, sizeof shape.box);
        if (placed) *spread = told(c, *list, shape.box, true);
    }
    free(g);
    return placed;
}

/* The most compact grid of whole cubes, in chips: optical switches join any cubes to it, with rings in all dimensions. */
bool sp_i_torus_shape(const uint32_t dims[3], uint32_t chips, uint32_t box[3])
{
    uint32_t cubes = chips / (CUBE * CUBE * CUBE), most = dims[0] * dims[1] * dims[2] / (CUBE * CUBE * CUBE);
    const uint32_t any[3] = {most, most, most};
    enum { ROOM = 1024 };
    box_shape shape[ROOM];
    if (cubes == 0 || chips % (CUBE * CUBE * CUBE) != 0 || cubes > most) return false;
    if (shapes_of(any, cubes, shape, ROOM) == 0) return false;
    for (int d = 0; d < 3; d++) box[d] = CUBE * shape[0].box[d];
    return true;
}

/* The most compact box of the dims, for chips that are no whole cubes. */
bool sp_i_torus_box(const uint32_t dims[3], uint32_t chips, uint32_t box[3])
{
    enum { ROOM = 256 };
    box_shape shape[ROOM];
    if (shapes_of(dims, chips, shape, ROOM) == 0) return false;
    memcpy(box, shape[0].box, sizeof shape[0].box);
    return true;
}
