/* superpod/base.h: status, error, arena, checked arithmetic, random numbers, id sets, units, values.
 *
 * The bottom of the stack: knows nothing of chips or networks. Every other public header includes this one.
 * Conventions that hold everywhere in superpod:
 *   - what can fail returns sp_status and writes its outputs only on SP_OK;
 *   - what reads human input also takes `sp_error *err` (may be NULL), filled on failure with what was found,
 *     what was expected and the fix, and with file, line and column where they are known;
 *   - the library never prints, exits or reads the environment; bugs are asserts, input faults are errors;
 *   - quantities carry their unit as the last word of the name (latency_s, size_bytes, bw_bytes_per_s);
 *   - objects are immutable after creation and may be shared by threads; arenas and RNGs may not. */
#ifndef SUPERPOD_BASE_H
#define SUPERPOD_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SP_VERSION "0.1.0"

/* ---- status and error ------------------------------------------------------------------------------- */

typedef enum sp_status {
    SP_OK = 0,
    SP_E_INVAL,       /* a value that cannot be meant: negative size, plan that does not divide   */
    SP_E_PARSE,       /* text that does not follow its grammar                                    */
    SP_E_IO,          /* a file that cannot be opened, read or written                            */
    SP_E_NOMEM,       /* no memory                                                                */
    SP_E_RANGE,       /* a count or product beyond what can be represented or is allowed          */
    SP_E_NOTFOUND,    /* a name that nothing answers to                                           */
    SP_E_UNFIT,       /* well-formed, but nothing feasible (does not fit in memory)               */
    SP_E_INTERNAL,    /* a bug; reported as such                                                  */
    SP_E_INTERRUPTED  /* the caller asked to stop                                                 */
} sp_status;

typedef struct sp_error {
    sp_status status;
    char text[768];   /* one sentence: found, expected, fix; no trailing newline */
    char file[256];   /* "" when unknown                                         */
    uint32_t line;    /* 1-based; 0 when unknown                                 */
    uint32_t column;  /* 1-based; 0 when unknown                                 */
} sp_error;

/* Short lower-case word for a status ("invalid", "parse", …). Never NULL. */
const char *sp_status_name(sp_status status);

/* Fill *err (if not NULL) and return `status`, so that `return sp_error_set(…)` is the idiom.
 * file may be NULL. The text is printf-like and is truncated to fit. */
sp_status sp_error_set(sp_error *err, sp_status status, const char *file, uint32_t line, uint32_t column,
                       const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Bytes of the well-formed UTF-8 character (RFC 3629) at `text`, of which `size` bytes are there; 0: none. */
size_t sp_utf8_char(const char *text, size_t size);

/* "file:line:column: error: text" (parts that are unknown are left out). Returns bytes written as snprintf does. */
int sp_error_format(const sp_error *err, char *out, size_t out_size);

/* ---- arena ------------------------------------------------------------------------------------------- */

/* A lifetime: memory is carved from it and freed all at once. Not thread safe. */
typedef struct sp_arena sp_arena;

sp_arena *sp_arena_create(void);                  /* NULL when there is no memory                          */
void sp_arena_destroy(sp_arena *arena);           /* NULL is allowed                                       */
/* count * size zeroed bytes aligned for any type; NULL on overflow or no memory. count or size 0 gives a valid pointer. */
void *sp_arena_alloc(sp_arena *arena, size_t count, size_t size);
char *sp_arena_strdup(sp_arena *arena, const char *text);
char *sp_arena_strndup(sp_arena *arena, const char *text, size_t length);
char *sp_arena_printf(sp_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t sp_arena_bytes(const sp_arena *arena);     /* bytes reserved so far                                 */

/* Test hook: the n-th allocation of every arena and growable array from now on fails (0: never). Process-wide;
 * for fault injection in tests only. */
void sp_alloc_fail_after(uint64_t n);

/* ---- integer arithmetic -------------------------------------------------------------------------------- */

/* false (and *out untouched) when the result does not fit. */
bool sp_mul_u64(uint64_t a, uint64_t b, uint64_t *out);
bool sp_add_u64(uint64_t a, uint64_t b, uint64_t *out);
/* Greatest common divisor; of 0 and b it is b. */
uint32_t sp_gcd(uint32_t a, uint32_t b);

/* ---- random numbers ------------------------------------------------------------------------------------ */

/* A stream named by (seed, entity): the same pair gives the same numbers on any machine, thread or rank.
 * xoshiro256** seeded by splitmix64 (Blackman & Vigna, 2018). */
typedef struct sp_rng { uint64_t s[4]; } sp_rng;

sp_rng sp_rng_make(uint64_t seed, uint64_t entity);
uint64_t sp_rng_next(sp_rng *rng);
uint64_t sp_rng_below(sp_rng *rng, uint64_t n);   /* uniform in [0, n); n > 0; unbiased */
double sp_rng_unit(sp_rng *rng);                  /* uniform in [0, 1)                   */

/* ---- teams ------------------------------------------------------------------------------------------------- */

/* Processes that run the same program on the same input and share what each found, as MPI ranks do. Every member makes the same
 * calls in the same order. NULL stands for one process alone. */
typedef struct sp_team {
    uint32_t rank, size;
    void *context;
    /* The parts of all members in the order of ranks, one after the other; member i's is [offset[i], offset[i+1]) of *all, which the
     * caller frees with free(). offset has size + 1 entries. */
    sp_status (*gather)(void *context, const void *part, size_t bytes, void **all, size_t *offset, sp_error *err);
} sp_team;

uint32_t sp_team_size(const sp_team *team);       /* 1 for NULL */
uint32_t sp_team_rank(const sp_team *team);       /* 0 for NULL */
/* Row i of n belongs to rank i % size, which has written it; afterwards every member has all of them. */
sp_status sp_team_rows(const sp_team *team, void *row, size_t row_bytes, uint32_t n, sp_error *err);
/* What the first member that failed says, for all of them; SP_OK when none did. */
sp_status sp_team_agree(const sp_team *team, sp_status status, sp_error *err);

/* ---- id sets ------------------------------------------------------------------------------------------- */

/* A set of non-negative ids as sorted, disjoint, maximal ranges; text form "0-3,7". */
typedef struct sp_idset { uint64_t *range; /* [2*n] lo, hi inclusive */ size_t n; } sp_idset;

/* Parse into arena memory. Ids must be <= max_id. Accepts ranges in any order; overlaps are merged.
 * Errors: SP_E_PARSE with column; SP_E_RANGE an id above max_id. */
sp_status sp_idset_parse(sp_arena *arena, const char *text, uint64_t max_id, sp_idset *out, sp_error *err);
uint64_t sp_idset_count(const sp_idset *set);
bool sp_idset_has(const sp_idset *set, uint64_t id);          /* O(log n) */
/* Writes the text form; returns bytes needed as snprintf does. */
int sp_idset_format(const sp_idset *set, char *out, size_t out_size);

/* ---- units ---------------------------------------------------------------------------------------------- */

/* Dimensions of quantities in text. Decimal (k, M, G, T, P, E) and binary (Ki, Mi, Gi, Ti, Pi) prefixes are distinct. */
typedef enum sp_unit {
    SP_UNIT_NONE,         /* a bare number, no unit allowed                         */
    SP_UNIT_COUNT,        /* a bare number or with k M G (1000-based)               */
    SP_UNIT_BYTES,        /* B kB MB GB TB PB KiB MiB GiB TiB                        */
    SP_UNIT_BYTES_PER_S,  /* B/s … GB/s TB/s PB/s, and bits: Gb/s Gbps Tb/s          */
    SP_UNIT_SECONDS,      /* ps ns us ms s min h d y (365 days)                      */
    SP_UNIT_FLOP_PER_S,   /* FLOP/s GFLOP/s TFLOP/s PFLOP/s EFLOP/s; FLOPS accepted   */
    SP_UNIT_WATT,         /* W kW MW                                                 */
    SP_UNIT_HERTZ,        /* Hz kHz MHz GHz                                          */
    SP_UNIT_USD,          /* USD kUSD MUSD                                           */
    SP_UNIT_USD_PER_KWH,  /* USD/kWh                                                 */
    SP_UNIT_PER_YEAR,     /* /y (failure rates)                                      */
    SP_UNIT_METER,        /* m km                                                    */
    SP_UNIT_JOULE_PER_BIT,/* pJ/bit nJ/bit J/bit                                     */
    SP_UNIT_N
} sp_unit;

/* Parse `text` (whole, surrounding blanks allowed) as a quantity of dimension `unit`, into SI base units (bytes, seconds…).
 * Errors: SP_E_PARSE (column = position in text) for a missing or wrong unit, naming what was found and examples of
 * what is expected; SP_E_RANGE for NaN, infinity or a magnitude above 1e30. Negative numbers are SP_E_INVAL. */
sp_status sp_unit_parse(const char *text, sp_unit unit, double *out, sp_error *err);

/* Shortest text with at most 4 significant digits and a fitting decimal prefix ("56 GB/s", "1.2 us"). For people. */
const char *sp_unit_format(double value, sp_unit unit, char *out, size_t out_size);

/* Text that sp_unit_parse reads back to the same double, without spaces ("56GB/s", "200ns"). For machine strings. */
const char *sp_unit_format_exact(double value, sp_unit unit, char *out, size_t out_size);

/* nccl-tests sizes for -b/-e only: "8", "1K", "16G" and "1M" are 1024-based as there; "KiB" style also accepted. */
sp_status sp_unit_parse_nccl_size(const char *text, uint64_t *out, sp_error *err);

/* ---- graded values ---------------------------------------------------------------------------------------- */

typedef enum sp_grade { SP_GRADE_NONE, SP_GRADE_VENDOR, SP_GRADE_PAPER, SP_GRADE_PRESS, SP_GRADE_FITTED,
                        SP_GRADE_DERIVED, SP_GRADE_GUESS, SP_GRADE_N } sp_grade;

/* A number with an interval and where it came from. low <= nominal <= high; a certain value has all three equal. */
typedef struct sp_value {
    double low, nominal, high;
    sp_grade grade;
    const char *source;   /* owned by whoever owns the value's container; NULL when grade is NONE (value absent) */
} sp_value;

const char *sp_grade_name(sp_grade grade);   /* "vendor" "paper" "press" "fitted" "derived" "guess" "none" */
sp_value sp_value_of(double nominal, sp_grade grade, const char *source);

/* ---- explanations ------------------------------------------------------------------------------------------- */

/* A tree of numbers as a flat table: what --explain prints. Filled by every model that is given one. */
typedef struct sp_explain_row {
    int32_t parent;        /* row index, -1 at the root */
    const char *label;
    double value;
    sp_unit unit;          /* SP_UNIT_NONE for plain ratios */
    const char *source;    /* formula or source, may be NULL */
} sp_explain_row;

typedef struct sp_explain sp_explain;   /* growable; owns copies of its strings */

sp_explain *sp_explain_create(void);
void sp_explain_destroy(sp_explain *explain);
/* Adds a row under `parent` (-1: root); returns its index, or -1 when explain is NULL or out of memory. */
int32_t sp_explain_add(sp_explain *explain, int32_t parent, const char *label, double value, sp_unit unit,
                       const char *source_format, ...) __attribute__((format(printf, 6, 7)));
size_t sp_explain_count(const sp_explain *explain);
const sp_explain_row *sp_explain_at(const sp_explain *explain, size_t index);

#ifdef __cplusplus
}
#endif
#endif
