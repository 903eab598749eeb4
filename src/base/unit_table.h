/* The one table of units: what is parsed, what is printed, and what error messages give as examples. */
#ifndef SP_UNIT_TABLE_H
#define SP_UNIT_TABLE_H

#include "superpod/base.h"

/* 1 suffix = factor x 10^exp10 of the dimension's base unit. Prefixes are exponents, not factors, so that "200ns" is
 * exactly the double 200e-9: the shifted decimal is rounded once. */
typedef struct sp_i_unit_row {
    sp_unit unit;
    const char *suffix;
    double factor;
    int exp10;
    unsigned char use;       /* SP_I_UNIT_… bits: which formatters may choose it */
} sp_i_unit_row;

enum { SP_I_UNIT_PARSE = 0, SP_I_UNIT_PEOPLE = 1, SP_I_UNIT_EXACT = 2, SP_I_UNIT_BOTH = 3 };

typedef struct sp_i_unit_kind {
    const char *noun;        /* "a bandwidth" */
    const char *examples;    /* "56GB/s or 400Gb/s" */
} sp_i_unit_kind;

/* Rows of a dimension stand together, ascending in size among those for people. */
const sp_i_unit_row *sp_i_unit_rows(size_t *count);
const sp_i_unit_kind *sp_i_unit_kind_of(sp_unit unit);

#endif
