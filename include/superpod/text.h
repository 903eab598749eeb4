/* superpod/text.h: documents with marks. YAML and small JSON (JSON is read as YAML's flow style) through libyaml's
 * document API; every value keeps its line and column, so that an error can point at it. */
#ifndef SUPERPOD_TEXT_H
#define SUPERPOD_TEXT_H

#include "superpod/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* SP_E_PARSE with line and column of the first byte of `name`'s text that is no character. */
sp_status sp_utf8_check(const char *text, size_t size, const char *name, sp_error *err);

typedef struct sp_doc sp_doc;

/* A node of a document: valid while the document lives. id 0 means "absent". */
typedef struct sp_node { const sp_doc *doc; int id; } sp_node;

typedef enum sp_node_kind { SP_NODE_NONE, SP_NODE_SCALAR, SP_NODE_SEQ, SP_NODE_MAP } sp_node_kind;

/* Read a whole file (<= 64 MiB) or a buffer. `name` is what errors call it. *out is owned by the caller: sp_doc_destroy.
 * Errors: SP_E_IO, SP_E_PARSE (malformed, NUL byte, empty, more than one document, an anchor cycle, nesting > 200,
 * a duplicate key), SP_E_RANGE too large. */
sp_status sp_doc_load(const char *path, sp_doc **out, sp_error *err);
sp_status sp_doc_parse(const char *text, size_t length, const char *name, sp_doc **out, sp_error *err);
void sp_doc_destroy(sp_doc *doc);
const char *sp_doc_name(const sp_doc *doc);

sp_node sp_doc_root(const sp_doc *doc);
static inline bool sp_node_is(sp_node node) { return node.id != 0; }
sp_node_kind sp_node_kind_of(sp_node node);
uint32_t sp_node_line(sp_node node);      /* 1-based */
uint32_t sp_node_column(sp_node node);    /* 1-based */
size_t sp_node_count(sp_node node);                       /* items of a sequence, pairs of a map, 0 otherwise        */
sp_node sp_node_at(sp_node node, size_t index);           /* sequence item or map value                              */
const char *sp_node_key_at(sp_node map, size_t index);    /* key text; "" when the key is not a scalar               */
sp_node sp_node_keynode_at(sp_node map, size_t index);
sp_node sp_node_get(sp_node map, const char *key);        /* value, or an absent node                                */
const char *sp_node_text(sp_node node);                   /* scalar's text, NULL if not a scalar                     */
bool sp_node_is_null(sp_node node);                       /* plain scalar null, ~ or empty                           */

/* Fill *err with a message that points at the node; returns `status`. */
sp_status sp_node_fail(sp_node node, sp_status status, sp_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Typed reads. Each writes *out only on SP_OK and points at the value on failure.
 * The `need` family looks a key up in a map and fails (pointing at the map) when it is missing. */
sp_status sp_node_read_text(sp_node node, const char **out, sp_error *err);
sp_status sp_node_read_bool(sp_node node, bool *out, sp_error *err);
sp_status sp_node_read_i64(sp_node node, int64_t low, int64_t high, int64_t *out, sp_error *err);
sp_status sp_node_read_u32(sp_node node, uint32_t low, uint32_t high, uint32_t *out, sp_error *err);
sp_status sp_node_read_double(sp_node node, double low, double high, double *out, sp_error *err);
sp_status sp_node_read_quantity(sp_node node, sp_unit unit, double *out, sp_error *err);
/* The value of a key that must be there; without it *out is no node, which has no kind and no items. */
sp_status sp_node_need(sp_node map, const char *key, sp_node *out, sp_error *err);

/* A graded value, in either form:
 *     key: {value: 4TB/s, grade: vendor, source: "WP950"}
 *     key: {value: [350W, 400W, 450W], grade: guess, source: "why"}      low, nominal, high
 * Strings are copied into `arena`. Errors: unknown grade, missing source, low > nominal or nominal > high. */
sp_status sp_node_read_value(sp_node node, sp_unit unit, sp_arena *arena, sp_value *out, sp_error *err);

/* Fail at the first key of `map` that is not among the NULL-terminated `allowed`, naming the nearest allowed key. */
sp_status sp_node_only_keys(sp_node map, const char *const *allowed, sp_error *err);

/* "2026", "2026H2", "2026Q4", "2026-10" or "2026-10-31", years 1990 to 2099? */
bool sp_text_is_date(const char *text);

/* Nearest of the NULL-terminated `names` to `word` by edit distance, or NULL when none is near: for "did you mean". A name of which
 * `word` is the first words is one edit away; of equals, one that begins with `word`, and the shorter. */
const char *sp_text_nearest(const char *word, const char *const *names);

/* The bytes of a file, at most most_bytes (whole MiB), and a NUL behind them; the caller frees *text.
 * Errors: SP_E_IO it cannot be opened or read (a folder); SP_E_RANGE there are more; SP_E_NOMEM. */
sp_status sp_text_read_file(const char *path, size_t most_bytes, char **text, size_t *length, sp_error *err);

/* SHA-256 of bytes as 64 hex characters + NUL. */
void sp_text_sha256(const void *bytes, size_t length, char out[65]);

#ifdef __cplusplus
}
#endif
#endif
