/* Any bytes as a table: read or refused, never a crash; what was read can be walked. */
#include <stdint.h>

#include "superpod/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_csv *csv = NULL;
    sp_error err;
    if (sp_csv_parse((const char *)data, size, "fuzz", &csv, &err) != SP_OK)
        return 0;
    size_t bytes = 0;
    for (size_t r = 0; r < sp_csv_rows(csv); r++)
        for (size_t c = 0; c < sp_csv_columns(csv); c++) {
            double value = 0;
            bool has = false;
            for (const char *p = sp_csv_cell(csv, r, (int)c); *p; p++)
                bytes++;
            sp_csv_number(csv, r, (int)c, &value, &has, &err);
        }
    sp_csv_destroy(csv);
    if (bytes > size)
        __builtin_trap();   /* fields never hold more than was given */
    return 0;
}
