/* The committed catalog, open for a group of tests, and machines of it: include after cmocka.h and superpod/topo.h. */
#ifndef OPEN_CATALOG_H
#define OPEN_CATALOG_H

static sp_catalog *catalog;

static int set_up(void **state)
{
    (void)state;
    sp_error err = {0};
    if (sp_catalog_open("catalog", &catalog, &err) == SP_OK)
        return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    return 0;
}

static inline const sp_machine *machine_of(const char *text)
{
    const sp_machine *m = NULL;
    sp_error err = {0};
    if (sp_catalog_machine(catalog, text, &m, &err) != SP_OK)
        fail_msg("%s: %s:%u:%u %s", text, err.file, err.line, err.column, err.text);
    return m;
}

#endif
