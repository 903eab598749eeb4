/* Internal: a map of a catalog entry as a table of rows: key, place, type, range. The table is reader and manual at once. */
#ifndef SP_MODEL_ROWS_H
#define SP_MODEL_ROWS_H

#include "superpod/workload.h"

typedef enum sp_model_row_type { SP_ROW_U32, SP_ROW_U64, SP_ROW_BOOL, SP_ROW_DOUBLE, SP_ROW_TEXT, SP_ROW_DIMS, SP_ROW_SKIP } sp_model_row_type;

typedef struct sp_model_row {
    const char *key;              /* NULL ends the table; of the marks, '!' means needed, '.' optional */
    char mark;
    sp_model_row_type type;
    size_t offset;                /* into the struct; SP_ROW_DIMS: uint32_t[3] d, h, w                */
    double high;                  /* largest number; numbers are >= 0, with '!' >= 1                  */
} sp_model_row;

/* Read `map` into *out: every row that is there; unknown keys and missing '!' rows are errors. SP_ROW_SKIP rows are
 * allowed and left to the caller. Texts are copied into `arena`. */
sp_status sp_i_model_rows_read(sp_node map, const sp_model_row *rows, sp_arena *arena, void *out, sp_error *err);
/* 7, [3, 3] or [1, 3, 3] as d, h, w; a single number holds for h and w (and d where `cubic`). */
sp_status sp_i_model_dims_read(sp_node node, bool cubic, double high, uint32_t out[3], sp_error *err);

#endif
