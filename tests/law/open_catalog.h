/* The committed catalog, open for a group of tests: include after cmocka.h and superpod/topo.h. */
#ifndef OPEN_CATALOG_H
#define OPEN_CATALOG_H

static sp_catalog *catalog;

static int set_up(void **state)
{
    (void)state;
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    return 0;
}

#endif
