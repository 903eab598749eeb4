/* Text as a quantity, an nccl-tests size and an id set: what is accepted is printed as text that means the same. */
#include "superpod/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void quantity(const char *text, sp_unit unit)
{
    double value, again = -1;
    sp_error err = {0};
    char out[80];
    sp_status status = sp_unit_parse(text, unit, &value, &err);
    if (status) {
        demand(err.status == status && err.column && err.column <= strlen(text) + 1);
        return;
    }
    demand(value >= 0 && value <= 1e30);
    demand(!sp_unit_parse(sp_unit_format_exact(value, unit, out, sizeof out), unit, &again, NULL) && again == value);
    /* For people: four digits, so within 1/2000 of the value; at the very top of the range that may round out of it. */
    sp_unit_format(value, unit, out, sizeof out);
    demand(value > 9.99e29 || !sp_unit_parse(out, unit, &again, NULL));
    demand(value > 9.99e29 || fabs(again - value) <= value * 5.001e-4);
}

static void id_set(const char *text)
{
    sp_arena *arena = sp_arena_create();
    demand(arena != NULL);
    sp_idset set, again;
    if (!sp_idset_parse(arena, text, UINT64_MAX, &set, NULL)) {
        size_t room = (size_t)sp_idset_format(&set, NULL, 0) + 1;
        char *out = malloc(room);
        demand(out != NULL);
        sp_idset_format(&set, out, room);
        demand(!sp_idset_parse(arena, out, UINT64_MAX, &again, NULL) && again.n == set.n);
        demand(!set.n || !memcmp(again.range, set.range, 2 * set.n * sizeof *set.range));
        for (size_t i = 0; i < set.n; i++)
            demand(sp_idset_has(&set, set.range[2 * i]) && sp_idset_has(&set, set.range[2 * i + 1]));
        free(out);
    }
    sp_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    demand(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (int unit = 0; unit < SP_UNIT_N; unit++)
        quantity(text, (sp_unit)unit);
    uint64_t bytes;
    sp_unit_parse_nccl_size(text, &bytes, NULL);
    id_set(text);
    free(text);
    return 0;
}
