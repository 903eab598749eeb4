/* Text as a machine string: what is accepted satisfies every check, can be counted, and comes back from its own string;
 * what is refused has a message and a column inside the text. */
#include "superpod/topo.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void accepted(sp_catalog *catalog, const sp_machine *machine)
{
    char text[16384], again[16384];
    const sp_machine *back;
    sp_machine_totals totals;
    sp_error err = {0};
    demand(!sp_machine_check(machine, &err));
    if (machine->chips <= 4096 && !sp_machine_count(machine, &totals, &err))
        demand((totals.injection_bytes_per_s > 0 || machine->chips == 1) && totals.bisection_bytes_per_s >= 0);
    int n = sp_machine_format(machine, text, sizeof text);
    if (n > 8000)
        return;
    demand(n > 0);
    demand(!sp_catalog_machine(catalog, text, &back, &err));
    demand(sp_machine_format(back, again, sizeof again) == n && !strcmp(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    sp_catalog *catalog = NULL;
    const sp_machine *machine;
    sp_error err = {0};
    demand(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    demand(!sp_catalog_open("catalog", &catalog, &err));
    /* files are other targets' matter, and a fuzzer should not open any it can name */
    if (!strstr(text, ".y") && !(strchr(text, '/') && !strchr(text, '@'))) {
        sp_status status = sp_catalog_machine(catalog, text, &machine, &err);
        if (status)
            demand(err.status == status && err.text[0] && err.column <= strlen(text) + 1);
        else
            accepted(catalog, machine);
    }
    sp_catalog_close(catalog);
    free(text);
    return 0;
}
