/* The committed catalog and an arena, for a group of tests: include after cmocka.h and superpod/topo.h. */
#ifndef CATALOG_FIXTURE_H
#define CATALOG_FIXTURE_H

typedef struct fixture { sp_catalog *catalog; sp_arena *arena; } fixture;

static int set_up(void **state)
{
    static fixture f;
    sp_error err = {0};
    f.arena = sp_arena_create();
    if (sp_catalog_open("catalog", &f.catalog, &err) != SP_OK)
        return -1;
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    sp_catalog_close(f->catalog);
    sp_arena_destroy(f->arena);
    return 0;
}

#endif
