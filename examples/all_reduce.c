/* How fast is an all-reduce on a machine written as one line? Build: cc all_reduce.c $(pkg-config --cflags --libs superpod). */
#include <stdio.h>

#include <superpod/collective.h>

int main(void)
{
    sp_error err = {0};
    sp_catalog *catalog;
    const sp_machine *machine;
    char line[1024], text[32];

    if (sp_catalog_open("catalog", &catalog, &err) != SP_OK ||
        sp_catalog_machine(catalog, "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns chip=ascend-950dt", &machine, &err) != SP_OK) {
        sp_error_format(&err, line, sizeof line);
        fprintf(stderr, "%s\n", line);
        return 2;
    }
    sp_placement all = sp_placement_linear(0, machine->chips);
    for (uint64_t size = 1 << 10; size <= 1 << 30; size <<= 10) {
        sp_coll_time t;
        if (sp_coll_best(SP_COLL_ALL_REDUCE, machine, &all, sp_machine_stack(machine, NULL), (double)size, false, NULL, &t, &err) != SP_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 2;
        }
        printf("%10llu B  %-10s %s\n", (unsigned long long)size, sp_unit_format(t.comm.time_s, SP_UNIT_SECONDS, text, sizeof text),
               t.algo->name);
    }
    sp_catalog_close(catalog);
    return 0;
}
