/* What the files of the chip layer share. */
#ifndef SP_CHIP_I_H
#define SP_CHIP_I_H

#include "superpod/chip.h"

/* How a value may be: checked at its own line while reading, and again by sp_chip_check for chips made in memory. */
typedef enum sp_i_chip_bound {
    SP_I_CHIP_ABOVE_0,     /* > 0                        */
    SP_I_CHIP_FROM_0,      /* >= 0                       */
    SP_I_CHIP_FRACTION,    /* (0, 1]                     */
    SP_I_CHIP_SHARE,       /* [0, 1]                     */
    SP_I_CHIP_COUNT        /* whole number 0 … 2^20      */
} sp_i_chip_bound;

/* One row per key of a chip file: the reader, the checker and the listing of facts all walk this table. */
typedef struct sp_i_chip_field {
    const char *key;
    sp_unit unit;
    sp_i_chip_bound bound;
    bool needed;
    size_t offset;         /* of an sp_value in sp_chip, or of a uint32_t for SP_I_CHIP_COUNT */
} sp_i_chip_field;

extern const sp_i_chip_field sp_i_chip_fields[];   /* ends with key NULL; offsets in sp_chip     */
extern const sp_i_chip_field sp_i_fit_fields[];    /* ends with key NULL; offsets in sp_chip_fit */

/* NULL when the value keeps the bound, else what was expected ("a number above 0"). */
const char *sp_i_chip_bound_broken(sp_i_chip_bound bound, double low, double high);

#endif
