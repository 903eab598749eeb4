/* The committed catalog and an arena for a group of tests, and what is taken from it by name: include after cmocka.h and superpod/workload.h. */
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

static inline const sp_machine *machine(const fixture *f, const char *text)
{
    const sp_machine *m = NULL;
    sp_error err = {0};
    if (sp_catalog_machine(f->catalog, text, &m, &err) != SP_OK)
        fail_msg("%s", err.text);
    return m;
}

static inline const sp_model *model(const fixture *f, const char *name)
{
    const char *path;
    const sp_model *m = NULL;
    sp_error err = {0};
    if (sp_catalog_model_path(f->catalog, name, &path, &err) != SP_OK || sp_model_load(path, NULL, f->arena, &m, &err) != SP_OK)
        fail_msg("%s", err.text);
    return m;
}

#endif
