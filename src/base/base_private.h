/* What the files of base share. */
#ifndef SP_BASE_PRIVATE_H
#define SP_BASE_PRIVATE_H

#include "superpod/base.h"

/* true when the test hook wants this allocation to fail. */
bool sp_i_alloc_fails(void);

/* Doubles *capacity of *array (elements of `size` bytes) until `need` fit. false: no memory, array untouched. */
bool sp_i_grow(void **array, size_t *capacity, size_t need, size_t size);

char *sp_i_arena_vprintf(sp_arena *arena, const char *format, va_list args);

/* Length of the unsigned decimal number at the start of `text` (12, 1.5, .5, 2e-3), 0 when there is none.
 * An `e` counts as exponent only when digits follow, so that 5E (exa) stays a prefix. */
size_t sp_i_number_length(const char *text);

/* The number text[0..length) times 10^exp10, rounded once, whatever the process's locale. false: too long to be meant. */
bool sp_i_number_value(const char *text, size_t length, int exp10, double *out);

/* `precision` (1..17) significant decimal digits of `value` (finite, >= 0), trailing zeros left out:
 * value ~ 0.d1d2d3… x 10^point. Returns their count. */
int sp_i_number_round(double value, int precision, char digits[18], int *point);

/* Fewest decimal digits that read back to `value` (finite, >= 0): value = 0.d1d2d3… x 10^point. Returns their count (<= 17). */
int sp_i_number_digits(double value, char digits[18], int *point);

#endif
