/* Shared by the files of the cluster layer: the state's words, counters and pieces; the two indexes of the queue. */
#ifndef CLUSTER_I_H
#define CLUSTER_I_H

#include "superpod/cluster.h"

/* A set of leaves with a summary word for 64 words: the first member in two steps on machines of 2^18 leaves. */
typedef struct sp_i_bits { uint64_t *word, *summary; uint32_t n, words, summaries, members; } sp_i_bits;

/* What a job holds of one leaf (rows 0: the positions of `mask`), or of `count` leaves of one pod and one window of 64 leaves that are alike
 * and all the job's: of each all that is not down, `rows` whole rows. Bit i of `set` is leaf i of the window, `leaf` the first of them. Chained by
 * job (next), those of one leaf also by leaf (beside, and back: above). A job has one piece a leaf. 32 B and aligned to them: those of
 * small jobs are far apart, and every one looked at is one line of cache.
 * The first 64 pieces of every window are its sets' (`slots` tells which are used), and stay where they are when a set is opened down to one
 * leaf: never more than the window has leaves, so that no set lacks room, and none needs a chain. */
typedef struct sp_i_piece { union { uint64_t mask, set; }; uint32_t leaf, owner, next, beside, above; uint8_t count, rows; } sp_i_piece;
static inline uint32_t sp_i_piece_last(const sp_i_piece *piece) { return piece->rows == 0 ? piece->leaf : (piece->leaf | 63u) - (uint32_t)__builtin_clzll(piece->set); }

/* What is known of a leaf, in 32 B aligned to them: one line of cache. parts: set of c of the invariant; rows: whole ones of word; first: its
 * first piece. */
typedef struct sp_i_leaf { uint64_t word, parts, down; uint32_t first; uint16_t spare_ready; uint8_t rows; } sp_i_leaf;

/* Invariants (sp_cluster_consistent recounts them), of leaf l:
 *   free & down == 0; a position in a piece is neither free nor down;
 *   leaf l is member of rows[r] for exactly its number r > 0 of wholly free rows, and of part[c] for every c in 1 .. row_chips - 1
 *   for which one of its rows has exactly c free chips;
 *   l is in `alone` when no piece is chained to it and what is free of it is whole rows: then it may be taken in a set;
 *   l is in `held` when a set has it: nothing of it is free, and word and rows keep what was, and will be again, so that a set
 *   is taken and freed in a few words, however many leaves it has; else they are what is free;
 *   pod_whole, pod_rows, free_chips are the sums over leaves. */
struct sp_cluster {
    sp_cluster_shape shape;
    uint32_t leaves, pods, leaves_per_pod, rows_per_leaf;
    uint64_t full, row_full, row_first;  /* all positions of a leaf, of row 0; the first of every row */
    sp_i_leaf *leaf;                     /* [leaves]                                */
    uint64_t *alone, *held;              /* [windows] sets of leaves                */
    uint64_t *slots;                     /* [windows] pieces 64 w … 64 w + 63 in use */
    uint32_t *pod_whole, *pod_rows;      /* [pods] wholly free leaves, rows         */
    uint32_t *pod_mark, *pod_count, mark;   /* scratch of spread.c: marked when equal to mark */
    sp_i_bits *rows, *part;              /* [rows_per_leaf + 1], [row_chips]        */
    sp_i_piece *piece;
    uint32_t set_room, pieces, piece_room, piece_free;   /* of the windows; others in use, room for both */
    uint32_t whole_rows, whole_pods;     /* wholly free ones                        */
    uint32_t free_chips, down_positions, spares_used, spares_ready;
    void *memory;
    size_t memory_bytes, sets, bytes;    /* sets: of `rows` and `part` */
};

/* A spread in the making, leaf by leaf or many at once; none counts twice. One at a time: the pods' counts are the cluster's. */
typedef struct sp_i_extent { sp_spread spread; uint64_t sizes; uint32_t low, high, mark; } sp_i_extent;   /* bit n - 1 of sizes: a leaf with n chips */
static inline sp_i_extent sp_i_extent_begin(sp_cluster *c) { return (sp_i_extent){.mark = ++c->mark}; }   /* marks are epochs: nothing is cleared */
static inline void sp_i_extent_pod(sp_cluster *c, sp_i_extent *e, uint32_t pod, uint32_t count)
{
    bool seen = c->pod_mark[pod] == e->mark;   /* no branch: it would be guessed wrong every other time */
    c->pod_mark[pod] = e->mark;
    c->pod_count[pod] = (seen ? c->pod_count[pod] : 0) + count;
    e->spread.pods += !seen;
}
/* `count` leaves from `first` to `last`, with so many chips in so many rows of each; their pods are counted beside it. */
static inline void sp_i_extent_leaves(sp_i_extent *e, uint32_t first, uint32_t last, uint32_t count, uint32_t chips, uint32_t rows)
{
    e->low = e->spread.leaves == 0 || first < e->low ? first : e->low;
    e->high = last > e->high ? last : e->high;
    e->sizes |= UINT64_C(1) << (chips - 1);
    e->spread.chips += chips * count;
    e->spread.rows += rows * count;
    e->spread.leaves += count;
}
/* The same of leaves of one pod. */
static inline void sp_i_extent_add(sp_cluster *c, sp_i_extent *e, uint32_t first, uint32_t last, uint32_t count, uint32_t chips, uint32_t rows)
{
    sp_i_extent_leaves(e, first, last, count, chips, rows);
    sp_i_extent_pod(c, e, first / c->leaves_per_pod, count);
}
sp_spread sp_i_extent_spread(const sp_cluster *cluster, const sp_i_extent *extent);

/* A large job's spread under replacements, kept up leaf by leaf instead of walked: 300 B and 4 B a pod. */
typedef struct sp_i_tally { uint32_t chips, rows, leaves, pods, held[65], pod_leaves[]; } sp_i_tally;
sp_i_tally *sp_i_tally_make(const sp_cluster *cluster, uint32_t list);   /* NULL: no memory; free() it */
void sp_i_tally_change(const sp_cluster *cluster, sp_i_tally *tally, uint32_t leaf, uint64_t before, uint64_t after);
sp_spread sp_i_tally_spread(const sp_cluster *cluster, const sp_i_tally *tally);   /* whole and aligned are not told */

/* Bits of a word, in line: a call into the compiler's library where the target has no instruction (Warren, Hacker's Delight 5-1). */
static inline uint32_t sp_i_count(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)((word * UINT64_C(0x0101010101010101)) >> 56);
}

static inline uint64_t sp_i_lowest_bits(uint64_t word, uint32_t n)
{
    uint64_t out = 0;
    for (; n > 0; n--, word &= word - 1) out |= word & -word;
    return out;
}

/* ---- bits.c ---- */
size_t sp_i_bits_words(uint32_t n);                       /* uint64_t that the set needs */
uint64_t *sp_i_bits_carve(sp_i_bits *bits, uint32_t n, uint64_t *memory);
static inline void sp_i_bits_put(sp_i_bits *bits, uint32_t id, bool in)
{
    uint64_t bit = UINT64_C(1) << id % 64, *word = &bits->word[id / 64];
    if (((*word & bit) != 0) == in) return;
    *word ^= bit;
    bits->members += in ? 1u : UINT32_MAX;
    if (in) bits->summary[id / 4096] |= UINT64_C(1) << id / 64 % 64;
    else if (*word == 0) bits->summary[id / 4096] &= ~(UINT64_C(1) << id / 64 % 64);
}
static inline bool sp_i_bits_has(const sp_i_bits *bits, uint32_t id) { return (bits->word[id / 64] >> id % 64 & 1) != 0; }
/* The ids of word `at` whose bits are in `set` go out, or come in. Members are the caller's to count. */
static inline void sp_i_bits_clear(sp_i_bits *bits, uint32_t at, uint64_t set)
{
    uint64_t left = bits->word[at] & ~set;
    bits->word[at] = left;
    bits->summary[at / 64] &= ~((uint64_t)(left == 0) << at % 64);
}
static inline void sp_i_bits_fill(sp_i_bits *bits, uint32_t at, uint64_t set)
{
    bits->word[at] |= set;
    bits->summary[at / 64] |= UINT64_C(1) << at % 64;
}
/* Of the 64 ids of word `at` those from first to last. */
static inline uint64_t sp_i_span(uint32_t at, uint32_t first, uint32_t last)
{
    uint64_t span = at == first / 64 ? UINT64_MAX << first % 64 : UINT64_MAX;
    return at == last / 64 ? span & UINT64_MAX >> (63 - last % 64) : span;
}
/* The members in [low, low + 64), low as bit 0. */
static inline uint64_t sp_i_bits_window(const sp_i_bits *bits, uint32_t low)
{
    uint32_t at = low / 64, shift = low % 64;
    uint64_t window = at < bits->words ? bits->word[at] >> shift : 0;
    if (shift != 0 && at + 1 < bits->words) window |= bits->word[at + 1] << (64 - shift);
    return window;
}
/* First member in [low, high), or SP_NOWHERE. */
uint32_t sp_i_bits_search(const sp_i_bits *bits, uint32_t low, uint32_t high);   /* beyond the word of low */
static inline uint32_t sp_i_bits_first(const sp_i_bits *bits, uint32_t low, uint32_t high)
{
    if (bits->members == 0 || low >= high) return SP_NOWHERE;
    uint64_t word = bits->word[low / 64] >> low % 64;
    if (word == 0) return sp_i_bits_search(bits, low, high);
    uint32_t id = low + (uint32_t)__builtin_ctzll(word);
    return id < high ? id : SP_NOWHERE;
}

/* ---- state.c ---- */
static inline uint64_t sp_i_row(const sp_cluster *c, uint32_t row) { return c->row_full << row * c->shape.row_chips; }
void sp_i_set_free(sp_cluster *cluster, uint32_t leaf, uint64_t mask);   /* new free word; keeps every counter */
/* The same state once more; NULL: no memory. */
sp_cluster *sp_i_clone(const sp_cluster *cluster);
/* Takes free positions for a list (which may be SP_NOWHERE), into the piece that the owner has of the leaf, if any; false: no
 * memory. */
bool sp_i_take(sp_cluster *cluster, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list);
/* The same of a leaf of which the list holds nothing. */
bool sp_i_take_fresh(sp_cluster *cluster, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list);   /* a list begun just now: its piece of the leaf is the first */
bool sp_i_take_new(sp_cluster *cluster, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list);
/* Takes all whole rows that are free of up to `most` leaves of [low, high) that have so many of them, the first ones, and of which the list holds
 * nothing; the extent follows. There is room for as many pieces. Returns how many leaves. */
uint32_t sp_i_take_level(sp_cluster *cluster, uint32_t rows, uint32_t low, uint32_t high, uint32_t most, uint32_t owner, uint32_t *list, sp_i_extent *extent);
/* What is free of a leaf. */
static inline bool sp_i_is_held(const sp_cluster *c, uint32_t leaf) { return (c->held[leaf / 64] >> leaf % 64 & 1) != 0; }
static inline uint64_t sp_i_free(const sp_cluster *c, uint32_t leaf) { return sp_i_is_held(c, leaf) ? 0 : c->leaf[leaf].word; }
static inline uint32_t sp_i_rows_free(const sp_cluster *c, uint32_t leaf) { return sp_i_is_held(c, leaf) ? 0 : c->leaf[leaf].rows; }
uint32_t sp_i_set_at(const sp_cluster *cluster, uint32_t leaf);   /* the set that has the leaf, or SP_NOWHERE */
/* A leaf that is in a set gets a piece of its own, chained to it. */
void sp_i_open(sp_cluster *cluster, uint32_t leaf);
/* Room for n more pieces, so that the takes after it cannot fail. */
bool sp_i_reserve(sp_cluster *cluster, uint32_t n);
sp_i_piece *sp_i_piece_at(const sp_cluster *cluster, uint32_t leaf, uint64_t bit);   /* or its set; NULL: no owner */
sp_i_piece *sp_i_piece_of(sp_cluster *cluster, uint32_t leaf, uint32_t owner);   /* opens the leaf; NULL: holds nothing of it */
/* Positions go down (those in pieces leave them) and come back. */
void sp_i_fail(sp_cluster *cluster, uint32_t leaf, uint64_t mask);
void sp_i_repair(sp_cluster *cluster, uint32_t leaf, uint64_t mask);
bool sp_i_spare_take(sp_cluster *cluster, uint32_t leaf);
void sp_i_spare_give(sp_cluster *cluster, uint32_t leaf);
/* As many chips for an owner as `mask` had, near `leaf`: same leaf, same pod, anywhere. The tally (may be NULL) follows. */
bool sp_i_replace(sp_cluster *cluster, uint32_t leaf, uint64_t mask, uint32_t owner, uint32_t *list, sp_i_tally *tally);

/* So many more chips for an owner: in the leaf, its pod, anywhere. False: there are not as many. */
bool sp_i_extend(sp_cluster *cluster, uint32_t leaf, uint32_t chips, uint32_t owner, uint32_t *list, sp_i_tally *tally);
/* Up to so many chips of a piece come free; the piece stays, the rest of a run in pieces beside it. Returns how many. */
uint32_t sp_i_give_back(sp_cluster *cluster, sp_i_piece *piece, uint32_t most);

/* Positions of a leaf for so many chips: a sub-array where there is one; 0: none. */
uint64_t sp_i_fit(const sp_cluster *cluster, uint32_t leaf, uint32_t chips);

/* ---- spread.c ---- */
/* Of one chip, bytes/s: over the tier that first joins a row, a leaf, a pod, the machine; over one link of the innermost tier. */
typedef struct sp_i_rates { double row, leaf, pod, all, link; } sp_i_rates;
sp_i_rates sp_i_rates_of(const sp_machine *machine, const sp_cluster_shape *shape);
/* Mean bandwidth-time of a byte of a job's collectives on that spread, seconds a byte of one chip; on the ideal one of so many chips. */
double sp_i_comm_cost(const sp_i_rates *rates, const sp_cluster_shape *shape, const sp_spread *spread);
double sp_i_comm_ideal(const sp_i_rates *rates, const sp_cluster_shape *shape, uint32_t chips);
double sp_i_slowdown(double ideal, double cost);          /* of a job of the usual share of communication, >= 1 */

/* The tier whose links of that kind a job on the spread sends over; SP_NOWHERE: over none. */
uint32_t sp_i_link_tier(const sp_machine *machine, const sp_cluster_shape *shape, const sp_spread *spread, sp_fail_unit unit);
/* sp_cluster_slowdown of a job one chip of which lost links; infinite: it has none left on a tier. */
double sp_i_slowdown_without(const sp_machine *machine, const sp_cluster_shape *shape, const sp_spread *spread, const uint8_t links_lost[SP_TIERS_MAX]);

/* ---- links.c ---- */
/* Of plane 0 of `part` (a copy of the machine): the rates that a chip has left. SP_E_UNFIT: none on a tier. */
sp_status sp_i_without_links(sp_machine *part, const sp_machine *whole, const uint8_t links_lost[SP_TIERS_MAX], sp_error *err);
/* Rate of one chip over the tier that first joins `chips` of them. */
double sp_i_rate_at(const sp_machine *machine, uint64_t chips);

/* ---- torus.c ---- */
bool sp_i_place_box(sp_cluster *cluster, const sp_request *request, uint32_t owner, uint32_t *list, sp_spread *spread);
bool sp_i_place_cubes(sp_cluster *cluster, const sp_request *request, uint32_t owner, uint32_t *list, sp_spread *spread);
bool sp_i_torus_shape(const uint32_t dims[3], uint32_t chips, uint32_t box[3]);   /* of cubes; false: none */
bool sp_i_torus_box(const uint32_t dims[3], uint32_t chips, uint32_t box[3]);

/* ---- mindcluster.c ---- */
bool sp_i_place_mindcluster(sp_cluster *cluster, const sp_request *request, uint32_t owner, uint32_t *list, sp_spread *spread);
bool sp_i_place_mindcluster_domain(sp_cluster *cluster, const sp_request *request, uint32_t owner, uint32_t *list, sp_spread *spread);
bool sp_i_replace_mindcluster(sp_cluster *cluster, uint32_t leaf, uint64_t lost, uint32_t owner, uint32_t *list);

/* ---- ends.c: running jobs by expected end, with the chips that come free ---- */
typedef struct sp_i_end { int64_t tick; uint32_t job, chips; } sp_i_end;
typedef struct sp_i_ends { struct sp_i_block *block; uint32_t n, room, count; uint64_t changes; } sp_i_ends;
bool sp_i_ends_add(sp_i_ends *ends, sp_i_end end);
void sp_i_ends_remove(sp_i_ends *ends, sp_i_end end);
/* When `free` and what ends until then first hold `need`, or INT64_MAX; *extra: chips beyond it then. */
int64_t sp_i_ends_shadow(const sp_i_ends *ends, uint32_t free, uint32_t need, uint32_t *extra);
int64_t sp_i_ends_first(const sp_i_ends *ends, uint32_t *chips);
/* Free chips over time by the expected ends: at[0] = now, one entry a tick; room for count + 1 entries. Returns how many. */
uint32_t sp_i_ends_profile(const sp_i_ends *ends, int64_t now, uint32_t free, int64_t *at, uint32_t *chips);
void sp_i_ends_release(sp_i_ends *ends);

/* ---- waiting.c: waiting jobs by position in the queue, searched by size and estimate ---- */
#define SP_I_SIZES 32
typedef struct sp_i_size { uint32_t n, first, base, at; size_t node; } sp_i_size;   /* jobs of 2^k … 2^(k+1) - 1 chips; at: where the last search began */
typedef struct sp_i_waiting {
    uint32_t n, count, low;          /* low: nobody waits before it */
    uint64_t chips_sum;
    sp_i_size size[SP_I_SIZES];
    uint32_t least[SP_I_SIZES];      /* of all that wait of a class: the roots of the trees, side by side */
    int64_t shortest[SP_I_SIZES];
    uint32_t *local, *position;      /* [n] place of a position in its class; positions by class */
    uint32_t *chips;                 /* nodes of all trees: least size, shortest estimate        */
    int64_t *estimate;
    sp_i_bits bits;                  /* all that wait */
    uint64_t *bits_memory;
} sp_i_waiting;
/* chips[n]: by position. */
bool sp_i_waiting_make(sp_i_waiting *waiting, const uint32_t *chips, uint32_t n);
void sp_i_waiting_release(sp_i_waiting *waiting);
void sp_i_waiting_add(sp_i_waiting *waiting, uint32_t position, uint32_t chips, int64_t estimate);
void sp_i_waiting_remove(sp_i_waiting *waiting, uint32_t position, uint32_t chips);
uint32_t sp_i_waiting_first(sp_i_waiting *waiting, uint32_t from, uint32_t to);
/* First of [from, to) with chips <= most and (estimate <= limit or chips <= extra), or SP_NOWHERE. */
uint32_t sp_i_waiting_find(sp_i_waiting *waiting, uint32_t from, uint32_t to, uint32_t most, int64_t limit, uint32_t extra);

/* guess: share of communication in a step on the ideal placement; exposed communication of published runs is 10 to 40 %. */
#define SP_I_COMM_SHARE 0.2

#endif
